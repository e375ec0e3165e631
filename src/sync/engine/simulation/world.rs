//! Machines, their disks, a server between them, and what can happen to all of these.

use std::collections::BTreeMap;
use std::fmt::Debug;

use super::super::{
    Anew, Exchange, Offer, Offers, Outcome, Pulled, Replica, SyncError, begin_anew,
};
use super::fragile::{Fragile, Fuse};
use crate::model::ids::PatternId;
use crate::storage::Store;
use crate::sync::backend::Backend;
use crate::sync::backend::faulty::{Faults, Faulty};
use crate::sync::backend::memory::Memory as Server;
use crate::sync::backend::random::Random as Dice;
use crate::sync::device::Device;
use crate::sync::hex::hex;
use crate::sync::keys::WorkspaceKeys;
use crate::sync::ledger::memory::Memory;
use crate::sync::ledger::{View, view};
use crate::sync::random::{Random as _, Seeded};
use crate::sync::record::{Counts, Incarnation};
use crate::sync::segment::{self, LogId};

/// 2026-01-01.
const START: i64 = 1_767_225_600_000;
const DAY: i64 = 24 * 3600 * 1000;
/// After so many rounds without faults there is nothing new.
const ROUNDS: usize = 40;
/// Patterns that there are.
const PATTERNS: u64 = 12;

/// Where a machine's ledger lies, so that it can be copied, set back, and die.
pub(super) trait Disk: Replica<Error: Debug> + Sized {
    /// What a ledger can be opened from.
    type Home;
    /// A new one.
    fn fresh() -> Self::Home;
    /// Opens it.
    fn open(home: &Self::Home) -> Self;
    /// A copy of it as it is now.
    fn copy(&mut self) -> Self::Home;
    /// The program died: only what was committed is there.
    fn die(self, home: &Self::Home) -> Self;
}

impl Disk for Memory {
    type Home = Self;

    fn fresh() -> Self {
        Self::default()
    }

    fn open(home: &Self) -> Self {
        home.clone()
    }

    fn copy(&mut self) -> Self {
        self.clone()
    }

    fn die(mut self, _home: &Self) -> Self {
        self.rollback();
        self
    }
}

impl Disk for Store {
    type Home = tempfile::TempDir;

    fn fresh() -> Self::Home {
        tempfile::tempdir().unwrap()
    }

    fn open(home: &Self::Home) -> Self {
        Self::open(home.path(), true).unwrap()
    }

    fn copy(&mut self) -> Self::Home {
        let home = Self::fresh();
        self.copy_to(home.path()).unwrap();
        home
    }

    fn die(self, home: &Self::Home) -> Self {
        drop(self);
        Self::open(home.path(), true).unwrap()
    }
}

/// What stands between the machines.
pub(super) trait Carrier {
    /// How the machine sees it, by the label of its log.
    fn view(&self, machine: usize, label: &str) -> Box<dyn Backend>;
    /// All that anybody can see there.
    fn shown(&self) -> BTreeMap<String, Vec<u8>>;
}

impl Carrier for Server {
    fn view(&self, _machine: usize, label: &str) -> Box<dyn Backend> {
        Box::new(self.view(label))
    }

    fn shown(&self) -> BTreeMap<String, Vec<u8>> {
        self.snapshot()
    }
}

/// No carrier, for between two exchanges.
fn nowhere() -> Box<dyn Backend> {
    Box::new(Server::new().view(""))
}

/// What a person's machine knows by itself.
#[derive(Clone, Default)]
pub(super) struct Truth {
    pub(super) words: BTreeMap<PatternId, Vec<u8>>,
    pub(super) seen: BTreeMap<PatternId, u32>,
    pub(super) removed: BTreeMap<PatternId, bool>,
}

pub(super) struct Machine<D: Disk> {
    seed: [u8; 32],
    device: Device,
    pub(super) replica: Option<Fragile<D>>,
    home: D::Home,
    pub(super) truth: Truth,
    /// What it had seen when it was copied: others count that.
    base: BTreeMap<PatternId, u32>,
    random: Seeded,
    /// By how much its clock is wrong, in milliseconds.
    pub(super) skew: i64,
    pub(super) backend: Fragile<Faulty<Box<dyn Backend>>>,
    backup: Option<D::Home>,
    /// What its guard makes of its store.
    doubt: Option<Anew>,
    /// How far it has read each log.
    marks: BTreeMap<LogId, u64>,
}

impl<D: Disk> Machine<D> {
    /// Its device's public key.
    #[cfg(feature = "git")]
    pub(super) fn key(&self) -> segment::DeviceKey {
        self.device.key()
    }
}

/// What happened in a run, or in many.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Tally {
    pub(super) runs: u64,
    pub(super) machines: u64,
    pub(super) steps: u64,
    pub(super) exchanges: u64,
    /// Exchanges that a fault ended.
    pub(super) broken_off: u64,
    pub(super) segments: u64,
    pub(super) mishaps: u64,
    pub(super) deaths: u64,
    pub(super) clones: u64,
    pub(super) restores: u64,
    pub(super) jumps: u64,
    pub(super) alarms: u64,
    /// Logs of earlier lives that were ended.
    pub(super) ended: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.machines += other.machines;
        self.steps += other.steps;
        self.exchanges += other.exchanges;
        self.broken_off += other.broken_off;
        self.segments += other.segments;
        self.mishaps += other.mishaps;
        self.deaths += other.deaths;
        self.clones += other.clones;
        self.restores += other.restores;
        self.jumps += other.jumps;
        self.alarms += other.alarms;
        self.ended += other.ended;
    }
}

pub(super) struct World<D: Disk, C> {
    pub(super) keys: WorkspaceKeys,
    pub(super) server: C,
    pub(super) machines: Vec<Machine<D>>,
    pub(super) dice: Dice,
    pub(super) now: i64,
    faults: Faults,
    seed: u64,
    /// Whether a store was set back, or copied without anything that tells: then counts can be
    /// counted twice, or what both did only once.
    blurred: bool,
    pub(super) tally: Tally,
}

pub(super) fn pattern(n: u64) -> PatternId {
    PatternId::derive("fix", "", &n.to_string(), "")
}

impl<D: Disk, C: Carrier> World<D, C> {
    pub(super) fn new(seed: u64, machines: u64, faults: Faults, server: C) -> Self {
        let keys = WorkspaceKeys::generate(&mut Seeded(seed, 0)).unwrap();
        let mut world = Self {
            keys,
            server,
            machines: Vec::new(),
            dice: Dice::new(seed),
            now: START,
            faults,
            seed,
            blurred: false,
            tally: Tally { runs: 1, ..Tally::default() },
        };
        for n in 0..machines {
            let secret = Seeded(seed ^ (n + 1) << 40, 0).array().unwrap();
            let machine = world.machine(secret, D::fresh());
            world.machines.push(machine);
        }
        world
    }

    /// A machine more, with this key and store.
    fn machine(&mut self, secret: [u8; 32], home: D::Home) -> Machine<D> {
        let n = self.tally.machines;
        self.tally.machines += 1;
        let skew = match self.dice.below(8) {
            0 => 10 * 365 * DAY,
            1 => -10 * 365 * DAY,
            2 => 3600 * 1000,
            _ => 0,
        };
        let fuse = Fuse::default();
        let faulty = Faulty::new(nowhere(), self.faults, self.seed ^ n);
        Machine {
            seed: secret,
            device: Device::from_seed(&secret),
            replica: Some(Fragile { inner: D::open(&home), fuse: fuse.clone() }),
            home,
            truth: Truth::default(),
            base: BTreeMap::new(),
            random: Seeded(self.seed ^ (n + 100) << 32, 0),
            skew,
            backend: Fragile { inner: faulty, fuse },
            backup: None,
            doubt: None,
            marks: BTreeMap::new(),
        }
    }

    /// An exchange, in the middle of which the program may die; `None` when it did not come to its
    /// end.
    fn exchange<T>(
        &mut self,
        n: usize,
        life: Option<Incarnation>,
        act: impl FnOnce(
            &mut Exchange<'_, Fragile<D>, Fragile<Faulty<Box<dyn Backend>>>, Seeded>,
        ) -> Outcome<T, Fragile<D>>,
    ) -> Option<T> {
        let machine = &mut self.machines[n];
        let replica = machine.replica.as_mut().unwrap();
        let now = self.now + machine.skew;
        let fuse = replica.fuse.clone();
        let (keys, server) = (&self.keys, &self.server);
        let done = fuse.survive(|| {
            if let Some(anew) = machine.doubt {
                let random = &mut machine.random;
                begin_anew(replica, keys, &machine.device, now, random, anew)?;
            }
            // A machine begins its log before it first asks the carrier.
            let own = super::super::begin(replica, &machine.device, &mut machine.random)?;
            let incarnation = life.unwrap_or(own.incarnation);
            let log = LogId { device: machine.device.key(), incarnation };
            let label = hex(&segment::label(&log, keys));
            *machine.backend.inner.inner() = server.view(n, &label);
            let mut exchange = Exchange {
                desk: replica,
                backend: &mut machine.backend,
                keys,
                device: &machine.device,
                now,
                random: &mut machine.random,
                trusting: true,
            };
            act(&mut exchange)
        });
        *machine.backend.inner.inner() = nowhere();
        self.tally.exchanges += 1;
        let Some(done) = done else {
            self.tally.deaths += 1;
            let Fragile { inner, fuse } = machine.replica.take().unwrap();
            machine.replica = Some(Fragile { inner: inner.die(&machine.home), fuse });
            return None;
        };
        match done {
            Ok(done) => {
                // The guard is content once an exchange has begun.
                machine.doubt = None;
                Some(done)
            }
            Err(SyncError::Backend(_)) => {
                machine.doubt = None;
                self.tally.broken_off += 1;
                None
            }
            Err(other) => panic!("seed {}: {other:?}", self.seed),
        }
    }

    fn offers(truth: &Truth) -> Offers {
        let patterns = truth.words.iter().map(|(pattern, words)| {
            let mut counts = Counts::default();
            counts.numbers[0] = truth.seen.get(pattern).copied().unwrap_or_default();
            Offer { pattern: *pattern, words: Some(words.clone()), counts, document: None }
        });
        Offers {
            patterns: patterns.collect(),
            removed: truth.removed.iter().map(|(pattern, all)| (*pattern, *all)).collect(),
            name: "machine".into(),
            version: "1".into(),
        }
    }

    pub(super) fn pull(&mut self, n: usize) -> Option<Pulled> {
        #[expect(clippy::redundant_closure_for_method_calls, reason = "lifetimes need it")]
        let pulled = self.exchange(n, None, |exchange| exchange.pull())?;
        self.tally.segments += u64::from(pulled.segments);
        self.tally.alarms += pulled.alarms.len() as u64;
        Some(pulled)
    }

    /// How many records it had to say; `None` when it could not.
    pub(super) fn push(&mut self, n: usize) -> Option<u32> {
        let offers = Self::offers(&self.machines[n].truth);
        let push = |exchange: &mut Exchange<'_, _, _, _>| exchange.push(|_| Ok(offers));
        self.exchange(n, None, push).map(|pushed| pushed.records)
    }

    /// Says everything anew, and ends the logs of earlier lives, and those of copies.
    pub(super) fn push_anew(&mut self, n: usize) -> Option<u32> {
        let offers = Self::offers(&self.machines[n].truth);
        let anew = |exchange: &mut Exchange<'_, _, _, _>| exchange.push_anew(|_| Ok(offers));
        let (pushed, mut removed) = self.exchange(n, None, anew)?;
        if pushed.copied {
            return Some(removed);
        }
        let machine = &mut self.machines[n];
        let replica = &mut machine.replica.as_mut().unwrap().inner;
        let (key, own) = (machine.device.key(), replica.own().unwrap().unwrap());
        let mut logs = replica.logs().unwrap();
        logs.retain(|state| state.log.device == key && state.log.incarnation != own.incarnation);
        for life in logs.into_iter().map(|state| state.log.incarnation) {
            removed += self.exchange(n, Some(life), |exchange| exchange.end_life(life))?;
            self.tally.ended += 1;
        }
        Some(removed)
    }

    /// One random event.
    pub(super) fn step(&mut self) {
        let n = self.dice.below(self.machines.len() as u64) as usize;
        self.now += self.dice.below(3_600_000) as i64;
        self.tally.steps += 1;
        let id = pattern(self.dice.below(PATTERNS));
        match self.dice.below(24) {
            0..6 => self.learn(n, id),
            6 => {
                let truth = &mut self.machines[n].truth;
                if truth.words.remove(&id).is_some() {
                    truth.removed.insert(id, self.dice.below(3) == 0);
                }
            }
            7..18 => {
                // Now and then it dies in the middle.
                let calls = (self.dice.below(4) == 0).then(|| self.dice.below(120));
                self.machines[n].backend.fuse.light(calls);
                let _done = match self.dice.below(12) {
                    0 => self.push_anew(n).is_some(),
                    1..6 => self.push(n).is_some(),
                    _ => self.pull(n).is_some(),
                };
            }
            18..20 => {
                let copy = self.machines[n].replica.as_mut().unwrap().inner.copy();
                self.machines[n].backup = Some(copy);
            }
            20 => self.restore(n),
            21 if self.machines.len() < 14 => {
                let told = self.dice.below(3) > 0;
                self.copy(n, told);
            }
            _ => {
                self.tally.jumps += 1;
                self.machines[n].skew += self.dice.below(2 * DAY as u64) as i64 - DAY;
            }
        }
        self.check_marks(n);
    }

    fn learn(&mut self, n: usize, id: PatternId) {
        let truth = &mut self.machines[n].truth;
        if !truth.removed.contains_key(&id) {
            let words = format!("{n} says {}", self.dice.below(1000));
            truth.words.insert(id, words.into_bytes());
            *truth.seen.entry(id).or_default() += 1 + self.dice.below(3) as u32;
        }
    }

    /// Sets a store back, but what was learned since is learned again from the transcripts.
    fn restore(&mut self, n: usize) {
        let told = self.dice.below(2) == 0;
        let machine = &mut self.machines[n];
        let Some(home) = machine.backup.take() else { return };
        let Fragile { inner, fuse } = machine.replica.take().unwrap();
        drop(inner);
        machine.replica = Some(Fragile { inner: D::open(&home), fuse });
        machine.home = home;
        machine.doubt = told.then_some(Anew::SetBack);
        machine.marks.clear();
        self.blurred = true;
        self.tally.restores += 1;
    }

    /// Copies a machine with its key. Where its guard does not notice, as on a copied disk, the
    /// carrier has to show it.
    pub(super) fn copy(&mut self, n: usize, told: bool) {
        let home = self.machines[n].replica.as_mut().unwrap().inner.copy();
        let mut copy = self.machine(self.machines[n].seed, home);
        copy.truth = self.machines[n].truth.clone();
        copy.base = copy.truth.seen.clone();
        copy.doubt = told.then_some(Anew::Copied);
        self.machines.push(copy);
        self.blurred |= !told;
        self.tally.clones += 1;
    }

    /// High-water marks never fall.
    fn check_marks(&mut self, n: usize) {
        let machine = &mut self.machines[n];
        let replica = &mut machine.replica.as_mut().unwrap().inner;
        let logs = replica.logs().unwrap();
        for (log, before) in &machine.marks {
            let now = logs.iter().find(|state| state.log == *log).map(|state| state.sequence);
            assert!(now >= Some(*before), "seed {}: {n} has read less than before", self.seed);
        }
        machine.marks = logs.into_iter().map(|state| (state.log, state.sequence)).collect();
    }

    /// The faults end, the clocks are set right, and everybody says and hears everything.
    pub(super) fn heal(&mut self) {
        self.faults = Faults::none();
        for machine in &mut self.machines {
            machine.backend.inner.set_faults(Faults::none());
            machine.skew = 0;
            self.tally.mishaps += machine.backend.inner.mishaps();
        }
        // What came from a clock that was ahead waits until its time has come.
        self.now += 21 * 365 * DAY;
        for _ in 0..ROUNDS {
            if self.round() {
                return;
            }
        }
        // Nobody contradicts anybody for ever, not even copies of one device.
        panic!("seed {}: there is no end of it", self.seed);
    }

    /// Everybody hears and says everything once. Returns whether nobody had anything new.
    fn round(&mut self) -> bool {
        let mut quiet = true;
        for n in 0..self.machines.len() {
            let pulled = self.pull(n);
            let said = self.push(n);
            let honest = pulled.zip(said);
            let (pulled, said) = honest.unwrap_or_else(|| {
                panic!("seed {}: an honest carrier failed", self.seed);
            });
            quiet &= (pulled.segments, said) == (0, 0) && pulled.rejected.is_empty();
        }
        quiet
    }

    pub(super) fn views(&mut self, n: usize) -> Vec<View> {
        let replica = &mut self.machines[n].replica.as_mut().unwrap().inner;
        (0..PATTERNS).map(|id| view(replica, pattern(id), None).unwrap()).collect()
    }

    /// What has to hold in the end.
    pub(super) fn check(&mut self) {
        let seed = self.seed;
        let first = self.views(0);
        for n in 1..self.machines.len() {
            for (id, (one, other)) in first.iter().zip(self.views(n)).enumerate() {
                assert_eq!(*one, other, "seed {seed}: machines 0 and {n} differ in {id}");
            }
        }
        for (n, found) in first.iter().enumerate() {
            let id = pattern(n as u64);
            let known = |machine: &Machine<D>| machine.truth.words.contains_key(&id);
            let redacted = |machine: &Machine<D>| machine.truth.removed.get(&id) == Some(&true);
            // Redaction: only what was said can have to vanish, and then it stays away.
            if found.redacted {
                assert!(found.words.is_none(), "seed {seed}: {n} came back");
            }
            let gone = self.machines.iter().any(redacted) || found.redacted;
            let deleted = self.machines.iter().any(|m| m.truth.removed.contains_key(&id));
            if self.machines.iter().any(known) && !gone && !deleted {
                assert!(found.words.is_some(), "seed {seed}: {n} was lost");
                self.check_counts(n, found.counts.numbers[0]);
            }
        }
        self.check_secrecy();
    }

    /// Nothing that anybody saw is lost, and where that can be told, nothing is counted twice.
    fn check_counts(&self, n: usize, found: u32) {
        let (seed, id) = (self.seed, pattern(n as u64));
        let count = |machine: &Machine<D>| machine.truth.seen.get(&id).copied().unwrap_or_default();
        let base = |machine: &Machine<D>| machine.base.get(&id).copied().unwrap_or_default();
        let most = self.machines.iter().map(count).max().unwrap_or_default();
        assert!(found >= most, "seed {seed}: counts of {n}: {found} of {most}");
        if self.blurred {
            return;
        }
        let least: u32 = self.machines.iter().map(|m| count(m) - base(m)).sum();
        let all: u32 = self.machines.iter().map(count).sum();
        assert!((least..=all).contains(&found), "seed {seed}: {found} of {n}, {least} to {all}");
    }

    /// Nothing that the server holds shows any of the words. Four letters stand in sealed bytes by
    /// chance, once in some ten thousand lives.
    fn check_secrecy(&self) {
        for (name, bytes) in self.server.shown() {
            for text in [" says ", "machine"] {
                let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
                assert!(!found, "seed {}: {name} shows {text:?}", self.seed);
            }
        }
    }
}
