//! A backend with faults, for tests: the same ones in the same order for the same seed.
//!
//! Two kinds. An *unreliable* carrier fails, forgets to confirm, does things twice and lists late;
//! sharing must come to the right end in spite of it. A *lying* server drops what it confirmed,
//! serves old states, flips bits and swaps names; sharing must notice.

use std::collections::{BTreeMap, BTreeSet};

use super::random::Random;
use super::{Backend, BackendError, Object};

/// How likely each fault is, in thousandths.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Faults {
    /// A request fails with nothing done.
    pub(crate) transient: u16,
    /// A put or a removal fails with all, a part, or nothing of it done.
    pub(crate) unconfirmed: u16,
    /// A put or a removal is done twice.
    pub(crate) doubled: u16,
    /// An object is missing from the listings of the next one to three refreshes after it was
    /// first seen.
    pub(crate) late: u16,
    /// A confirmed object is gone for this view, for ever.
    pub(crate) dropped: u16,
    /// A refresh brings an earlier state instead of the present one.
    pub(crate) stale: u16,
    /// One bit of what comes back is another.
    pub(crate) flipped: u16,
    /// Another object's bytes come back.
    pub(crate) swapped: u16,
}

impl Faults {
    /// None at all.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// Those of a carrier that is honest but bad: one request in ten goes wrong somehow.
    pub(crate) fn unreliable() -> Self {
        Self { transient: 100, unconfirmed: 100, doubled: 100, late: 200, ..Self::none() }
    }

    /// Those of a server that lies, without honest ones.
    pub(crate) fn lying() -> Self {
        Self { dropped: 50, stale: 100, flipped: 50, swapped: 50, ..Self::none() }
    }
}

/// How many earlier states a stale refresh may choose from.
const STATES: usize = 8;

/// A backend that misbehaves.
#[derive(Debug)]
pub(crate) struct Faulty<B> {
    inner: B,
    faults: Faults,
    random: Random,
    /// The latest states that differ, newest last.
    states: Vec<BTreeSet<String>>,
    /// What is listed now: one of the states, without what is late.
    listed: BTreeSet<String>,
    /// Objects that are late, and for how many refreshes still.
    late: BTreeMap<String, u8>,
    /// Objects that were seen at least once and will not become late any more.
    known: BTreeSet<String>,
    /// Objects that are gone for this view.
    dropped: BTreeSet<String>,
    /// How often it misbehaved.
    mishaps: u64,
}

impl<B: Backend> Faulty<B> {
    /// Lets `inner` misbehave as `faults` say.
    pub(crate) fn new(inner: B, faults: Faults, seed: u64) -> Self {
        Self {
            inner,
            faults,
            random: Random::new(seed),
            states: Vec::new(),
            listed: BTreeSet::new(),
            late: BTreeMap::new(),
            known: BTreeSet::new(),
            dropped: BTreeSet::new(),
            mishaps: 0,
        }
    }

    /// From now on, it misbehaves as `faults` say. With none, everything shows up again at the next
    /// refresh, but for what was dropped.
    pub(crate) fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
        if faults.late == 0 {
            self.late.clear();
        }
    }

    /// How often it misbehaved so far.
    pub(crate) fn mishaps(&self) -> u64 {
        self.mishaps
    }

    /// What it wraps.
    pub(crate) fn inner(&mut self) -> &mut B {
        &mut self.inner
    }

    /// Whether something of this likelihood happens now.
    fn happens(&mut self, thousandths: u16) -> bool {
        // A number is drawn even where nothing can happen: one fault more or less leaves the other
        // ones where they are.
        let happens = self.random.below(1_000) < u64::from(thousandths);
        self.mishaps += u64::from(happens);
        happens
    }

    /// Fails now and then.
    fn may_fail(&mut self) -> Result<(), BackendError> {
        if self.happens(self.faults.transient) {
            return Err(BackendError::Transient("the connection was reset".into()));
        }
        Ok(())
    }

    /// Does what changes the server: once, twice, or without an answer. `whole` is how many items
    /// there are, and `change` does the first so many of them.
    fn changing(
        &mut self,
        whole: usize,
        mut change: impl FnMut(&mut B, usize) -> Result<(), BackendError>,
    ) -> Result<(), BackendError> {
        self.may_fail()?;
        if self.happens(self.faults.unconfirmed) {
            let part = self.random.below(whole as u64 + 1) as usize;
            change(&mut self.inner, part)?;
            return Err(BackendError::Transient("no answer came".into()));
        }
        if self.happens(self.faults.doubled) {
            change(&mut self.inner, whole)?;
        }
        change(&mut self.inner, whole)
    }

    /// The state that a refresh brings.
    fn brought(&mut self) -> Result<BTreeSet<String>, BackendError> {
        let present: BTreeSet<String> = self.inner.list("", None)?.into_iter().collect();
        if self.states.last() != Some(&present) {
            self.states.push(present.clone());
        }
        if self.states.len() > STATES {
            self.states.remove(0);
        }
        if self.happens(self.faults.stale) {
            let index = self.random.below(self.states.len() as u64) as usize;
            return Ok(self.states[index].clone());
        }
        Ok(present)
    }

    /// Makes some of the objects that are new in `state` late, and lets time pass for the others.
    fn delay(&mut self, state: &BTreeSet<String>) {
        self.late.retain(|_, refreshes| {
            *refreshes -= 1;
            *refreshes > 0
        });
        for name in state {
            if self.known.insert(name.clone()) && self.happens(self.faults.late) {
                self.late.insert(name.clone(), 1 + self.random.below(3) as u8);
            }
        }
    }

    /// Drops some of what is confirmed by now.
    fn drop_some(&mut self, names: impl Iterator<Item = String>) {
        for name in names {
            if self.happens(self.faults.dropped) {
                self.dropped.insert(name);
            }
        }
    }
}

impl<B: Backend> Backend for Faulty<B> {
    fn refresh(&mut self) -> Result<(), BackendError> {
        self.may_fail()?;
        self.inner.refresh()?;
        let state = self.brought()?;
        self.delay(&state);
        self.listed = state.into_iter().filter(|name| !self.late.contains_key(name)).collect();
        Ok(())
    }

    fn put(&mut self, objects: &[Object]) -> Result<(), BackendError> {
        self.changing(objects.len(), |inner, part| inner.put(&objects[..part]))?;
        self.drop_some(objects.iter().map(|object| object.name.clone()));
        if (self.faults.stale, self.faults.late) == (0, 0) {
            // As git does, where the branch has to be known that is changed.
            self.listed = self.inner.list("", None)?.into_iter().collect();
        }
        Ok(())
    }

    fn list(&mut self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, BackendError> {
        self.may_fail()?;
        let wanted = |name: &&String| {
            name.starts_with(prefix)
                && after.is_none_or(|after| ***name > *after)
                && !self.dropped.contains(*name)
        };
        Ok(self.listed.iter().filter(wanted).cloned().collect())
    }

    fn get(&mut self, name: &str) -> Result<Option<Vec<u8>>, BackendError> {
        self.may_fail()?;
        if self.dropped.contains(name) {
            return Ok(None);
        }
        let other = self.listed.iter().find(|other| *other != name).cloned();
        let swapped = self.happens(self.faults.swapped);
        let wanted = other.filter(|_| swapped).unwrap_or_else(|| name.to_owned());
        let mut bytes = self.inner.get(&wanted)?;
        if self.happens(self.faults.flipped)
            && let Some(bytes) = bytes.as_mut().filter(|bytes| !bytes.is_empty())
        {
            let bit = self.random.below(bytes.len() as u64 * 8) as usize;
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        Ok(bytes)
    }

    fn delete_own(&mut self, names: &[String]) -> Result<(), BackendError> {
        self.changing(names.len(), |inner, part| inner.delete_own(&names[..part]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance::{self, label, segment, segments};
    use super::super::memory::{Memory, View};
    use super::*;

    /// A view of `server` by device "a", with faults.
    fn faulty(server: &Memory, faults: Faults, seed: u64) -> Faulty<View> {
        Faulty::new(server.view(&label("a")), faults, seed)
    }

    #[test]
    fn without_faults_it_conforms() {
        let server = Memory::new();
        conformance::check(&mut |device| {
            Box::new(Faulty::new(server.view(device), Faults::none(), 1))
        });
    }

    #[test]
    fn the_same_seed_makes_the_same_faults() {
        let run = |seed| {
            let mut backend = faulty(&Memory::new(), Faults::unreliable(), seed);
            let answers: Vec<_> = (0..100)
                .map(|n| backend.put(&[segment(1, "a", n, vec![n as u8])]).is_ok())
                .collect();
            (answers, backend.mishaps())
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn an_unreliable_one_keeps_what_it_confirmed() {
        for seed in 0..50 {
            let server = Memory::new();
            let mut backend = faulty(&server, Faults::unreliable(), seed);
            let mut confirmed = Vec::new();
            let mut failed = 0;
            for n in 0..60 {
                let objects = segments(1, "a", [2 * n, 2 * n + 1]);
                match backend.put(&objects) {
                    Ok(()) => confirmed.extend(objects),
                    Err(error) => {
                        assert!(error.is_transient(), "seed {seed}: {error}");
                        failed += 1;
                    }
                }
            }
            assert!(failed > 0 && !confirmed.is_empty(), "seed {seed}");
            let held = server.snapshot();
            for object in confirmed {
                assert_eq!(held.get(&object.name), Some(&object.bytes), "seed {seed}");
            }
        }
    }

    #[test]
    fn what_is_late_shows_up_in_the_end() {
        let server = Memory::new();
        let objects: Vec<_> = (0..100).map(|n| segment(1, "a", n, vec![1])).collect();
        server.view(&label("a")).put(&objects).unwrap();
        let mut backend = faulty(&server, Faults { late: 500, ..Faults::none() }, 1);
        backend.refresh().unwrap();
        let first = backend.list("", None).unwrap().len();
        assert!((20..80).contains(&first), "{first}");
        for _ in 0..3 {
            backend.refresh().unwrap();
        }
        assert_eq!(backend.list("", None).unwrap().len(), 100);
    }

    #[test]
    fn a_request_without_an_answer_may_be_done_in_part() {
        let mut parts = BTreeSet::new();
        for seed in 0..100 {
            let server = Memory::new();
            let always = Faults { unconfirmed: 1_000, ..Faults::none() };
            faulty(&server, always, seed).put(&segments(1, "a", [1, 2])).unwrap_err();
            parts.insert(server.snapshot().len());
        }
        assert_eq!(parts.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn a_liar_is_found_out_by_who_checks_names() {
        let server = Memory::new();
        let mut backend = faulty(&server, Faults::lying(), 1);
        let objects: Vec<_> = (0..200).map(|n| segment(1, "a", n, vec![n as u8; 9])).collect();
        backend.put(&objects).unwrap();
        backend.refresh().unwrap();
        let wrong = objects
            .iter()
            .filter(|object| backend.get(&object.name).unwrap().as_ref() != Some(&object.bytes));
        let wrong = wrong.count();
        assert!((10..60).contains(&wrong), "{wrong} of 200");
        assert!(backend.list("", None).unwrap().len() < 200);
        assert_eq!(server.snapshot().len(), 200, "the lies are told to this view alone");
    }

    #[test]
    fn a_liar_lies_in_every_way() {
        let server = Memory::new();
        let objects = segments(1, "a", [1, 2]);
        let names: Vec<_> = objects.iter().map(|object| object.name.clone()).collect();

        let mut backend = faulty(&server, Faults { dropped: 1_000, ..Faults::none() }, 1);
        backend.put(&objects).unwrap();
        backend.refresh().unwrap();
        assert_eq!(backend.list("", None).unwrap(), [""; 0]);
        assert_eq!(backend.get(&names[0]).unwrap(), None);

        let mut backend = faulty(&server, Faults { flipped: 1_000, ..Faults::none() }, 1);
        let bytes = backend.get(&names[0]).unwrap().unwrap();
        let bits: u32 =
            bytes.iter().zip(&objects[0].bytes).map(|(a, b)| (a ^ b).count_ones()).sum();
        assert_eq!((bits, bytes.len()), (1, objects[0].bytes.len()));

        let mut backend = faulty(&server, Faults { swapped: 1_000, ..Faults::none() }, 1);
        backend.refresh().unwrap();
        assert_eq!(backend.get(&names[0]).unwrap().as_ref(), Some(&objects[1].bytes));

        let mut backend = faulty(&server, Faults { stale: 900, ..Faults::none() }, 1);
        backend.refresh().unwrap();
        server.view(&label("a")).put(&segments(1, "a", [3])).unwrap();
        let counts: BTreeSet<_> = (0..50)
            .map(|_| {
                backend.refresh().unwrap();
                backend.list("", None).unwrap().len()
            })
            .collect();
        assert!(counts.contains(&2) && counts.contains(&3), "{counts:?}");
        assert!(backend.mishaps() > 10);
        backend.set_faults(Faults::none());
        backend.refresh().unwrap();
        assert_eq!(backend.list("", None).unwrap().len(), 3);
        assert_eq!(backend.inner().list("", None).unwrap().len(), 3);
    }
}
