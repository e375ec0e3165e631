//! What of others' words becomes patterns here, and when.

use std::collections::BTreeMap;

use super::labels::Projects;
use crate::model::dates::is_possible;
use crate::model::ids::PatternId;
use crate::model::pattern::Tally;
use crate::storage::{Heard, Hearsay, StorageError, Store};
use crate::sync::hex::hex;
use crate::sync::ledger::{self, Trust, View};
use crate::sync::quota::{self, Quota};
use crate::sync::record::{Counts, Wording};
use crate::sync::sanitise::harmless;
use crate::sync::segment::DeviceKey;
use crate::sync::texts::Texts;

/// How patterns are brought in line with what is known of them.
pub(crate) struct Hearing<'a> {
    /// What labels of projects stand for.
    pub(crate) projects: &'a Projects,
    /// This device, where its own words need not be heard: not if its store was set back and it
    /// hears them from itself.
    pub(crate) me: Option<&'a DeviceKey>,
    /// How many new patterns are taken up.
    pub(crate) quota: Quota,
    /// Milliseconds since the Unix epoch.
    pub(crate) now: i64,
}

/// Brings the patterns that were noted as changed in line with what the ledger comes to for them,
/// and those that waited for a project that is known now, or for a day on which there is room for
/// them; `texts` does so with what people wrote about them. Returns how many patterns that touched.
pub(crate) fn project(
    store: &mut Store,
    texts: &mut Texts<'_>,
    hearing: &Hearing<'_>,
) -> Result<usize, StorageError> {
    let Hearing { me, now, .. } = *hearing;
    let mut all = hearing.arrived(store)?;
    all.extend(store.changed_patterns()?);
    all.sort_unstable();
    all.dedup();
    let mut touched = 0;
    // Before the words: as long as those are not heard, a crash has all of it done again. Reading
    // documents can take time, and no transaction waits for that.
    for pattern in &all {
        let view = ledger::view(store, *pattern, me)?;
        // What was deleted is not kept for nothing.
        store.blank_claims(*pattern, view.deleted)?;
        texts.hear(store, *pattern, &view, now)?;
    }
    // In portions: a transaction of many patterns would hold everybody else up.
    for portion in all.chunks(512) {
        touched += store.atomically(|store| {
            let mut touched = 0;
            for pattern in portion {
                touched += usize::from(hearing.project_one(store, *pattern)?);
            }
            Ok(touched)
        })?;
    }
    Ok(touched)
}

impl Hearing<'_> {
    /// The patterns that wait no more: their project is known now, or there is room for them today.
    fn arrived(&self, store: &mut Store) -> Result<Vec<PatternId>, StorageError> {
        let mut room: BTreeMap<[u8; 16], u64> = BTreeMap::new();
        for (device, state) in store.shared_devices()? {
            let left = match state.trust {
                // Nothing that it says counts: it need not wait for that.
                Trust::Refused => u64::MAX,
                trust => self.quota.left(store, &device, trust == Trust::Trusted)?,
            };
            room.insert(quota::label(&device), left);
        }
        let mut arrived = Vec::new();
        for (pattern, label) in store.waiting_patterns()? {
            let room = room.get_mut(&label).filter(|left| **left > 0);
            if self.projects.knows(&label) || room.is_some() {
                arrived.push(pattern);
            }
            if let Some(left) = room {
                *left -= 1;
            }
        }
        Ok(arrived)
    }

    fn project_one(&self, store: &mut Store, pattern: PatternId) -> Result<bool, StorageError> {
        let now = self.now;
        let view = ledger::view(store, pattern, self.me)?;
        let Some((device, words)) = decoded(&view) else {
            let told = store.hear(pattern, Heard::Nothing, now)?;
            // What was written about a pattern that others take back goes with it, once it was said.
            let left = !view.documents.is_empty() || store.knows_pattern(pattern)?;
            if !left && !store.is_unsaid(pattern)? {
                store.drop_text(pattern, now)?;
            }
            return Ok(told);
        };
        let wording = harmless(words).wording;
        let project = match wording.project {
            None => None,
            Some(label) => match self.projects.of_label(&label) {
                Some(project) => Some(project),
                None => return store.hear(pattern, Heard::Elsewhere(&label), now),
            },
        };
        let new = !store.knows_pattern(pattern)?;
        if new && !self.quota.take(store, &device, view.trusted)? {
            return store.hear(pattern, Heard::Elsewhere(&quota::label(&device)), now);
        }
        let [successes, failures, sessions, ..] = view.weight.numbers;
        let (first, last) = seen(store, pattern, &view, self.me, now)?;
        let hearsay = Hearsay {
            device: hex(&device),
            trusted: view.trusted,
            tool: wording.tool,
            category: wording.category,
            trigger: wording.trigger,
            text: wording.text,
            payload: wording.payload,
            keys: wording.keys,
            tally: Tally { successes, failures, sessions, first, last },
        };
        store.hear(pattern, Heard::Words { kind: wording.kind, project, hearsay: &hearsay }, now)
    }
}

/// First and last time that the devices which count saw the pattern. Where none of them has a time
/// that can be, theirs: the store knows what to make of it.
fn seen(
    store: &mut Store,
    pattern: PatternId,
    view: &View,
    me: Option<&DeviceKey>,
    now: i64,
) -> Result<(i64, i64), StorageError> {
    let Counts { first, last, .. } = view.counts;
    let possible = |at| is_possible(at, now);
    if possible(first) && possible(last) {
        return Ok((first, last));
    }
    let known = ledger::seen(store, pattern, view, me, possible)?;
    Ok(if known.1 == 0 { (first, last) } else { known })
}

/// Whose words stand, and the words; `None` when nobody's do or they are no words.
fn decoded(view: &View) -> Option<(DeviceKey, Wording)> {
    let (device, claim) = view.words.as_ref()?;
    Some((*device, Wording::decode(&claim.value).ok()?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::clock::Hlc;
    use crate::model::pattern::{Kind, Payload};
    use crate::model::sharing::{Claim, DeviceState, Field, Trust};
    use crate::sync::backend::memory::Memory;
    use crate::sync::device::Device;
    use crate::sync::engine::{Exchange, Offer, Offers};
    use crate::sync::keys::WorkspaceKeys;
    use crate::sync::ledger::Ledger as _;
    use crate::sync::random::{Random as _, Seeded};
    use crate::sync::record::Record;
    use crate::sync::segment::LogId;
    use crate::sync::text::WorkerCommand;
    use crate::sync::texts::tests::plain_sanitiser;

    const NOW: i64 = 1_800_000_000_000;

    /// A store with its device.
    fn machine(seed: u64) -> (tempfile::TempDir, Store, Device) {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path(), true).unwrap();
        let device = Device::from_seed(&Seeded(seed, 0).array().unwrap());
        (home, store, device)
    }

    #[test]
    fn what_was_taken_in_before_a_crash_is_heard_afterwards() {
        let keys = WorkspaceKeys::generate(&mut Seeded(1, 0)).unwrap();
        let (_home, mut author, device) = machine(2);
        let (_other, mut reader, reading) = machine(3);
        let pattern = PatternId::derive("decision", "", "use tabs", "");
        let wording = Wording {
            kind: Kind::Decision,
            project: None,
            tool: String::new(),
            category: String::new(),
            trigger: "use tabs".into(),
            text: "the user said: use tabs".into(),
            payload: Payload::default(),
            keys: vec![7],
        };
        let offer = Offer {
            pattern,
            words: Some(wording.encode()),
            counts: Counts::default(),
            document: None,
        };
        let offers = Offers { patterns: vec![offer], ..Offers::default() };
        let (mut of_author, mut of_reader) = (Seeded(4, 0), Seeded(5, 0));
        let own = crate::sync::engine::begin(&mut author, &device, &mut of_author).unwrap();
        let log = LogId { device: device.key(), incarnation: own.incarnation };
        let server = Memory::new();
        let mut window = server.view(&hex(&crate::sync::segment::label(&log, &keys)));
        let pushed = Exchange {
            desk: &mut author,
            backend: &mut window,
            keys: &keys,
            device: &device,
            now: NOW,
            random: &mut of_author,
            trusting: true,
        }
        .push(|_| Ok(offers.clone()))
        .unwrap();
        assert_eq!(pushed.records, 2);
        let pull = |store: &mut Store, random: &mut Seeded| {
            let mut exchange = Exchange {
                desk: store,
                backend: &mut server.view("reader"),
                keys: &keys,
                device: &reading,
                now: NOW,
                random,
                trusting: true,
            };
            exchange.pull().unwrap().segments
        };
        assert_eq!(pull(&mut reader, &mut of_reader), 1);
        // Here the program died. The next time there is nothing new to pull.
        assert_eq!(pull(&mut reader, &mut of_reader), 0);
        let projects = Projects::of(&reader, Some(&keys)).unwrap();
        let (worker, sanitiser) = (WorkerCommand::here(), plain_sanitiser());
        let mut texts = Texts::new(&worker, &sanitiser, reading.key(), BTreeSet::new());
        let quota = Quota::on(NOW, None);
        let hearing = Hearing { projects: &projects, me: None, quota, now: NOW };
        assert_eq!(project(&mut reader, &mut texts, &hearing).unwrap(), 1);
        assert_eq!(reader.patterns_by_prefix(&pattern.short()).unwrap().len(), 1);
        let again = project(&mut reader, &mut texts, &hearing).unwrap();
        assert_eq!(again, 0, "that is done");
    }

    #[test]
    fn times_that_cannot_be_hide_none_that_can() {
        const YEAR_1: i64 = -62_135_596_800_000;
        const YEAR_9999: i64 = 253_402_214_400_000;
        let wording = Wording {
            kind: Kind::Recipe,
            project: None,
            tool: "Bash".into(),
            category: "build".into(),
            trigger: "make all".into(),
            text: "`make all`".into(),
            payload: Payload { commands: vec!["make all".into()], ..Payload::default() },
            keys: vec![7],
        };
        let week = (NOW - 9 * DAY, NOW - 7 * DAY);
        let all = [
            ("both can be", [week, (NOW - DAY, NOW)], (week.0, NOW)),
            ("one is far ahead", [week, (NOW - DAY, YEAR_9999)], week),
            ("one is long ago", [week, (YEAR_1, YEAR_1)], week),
            ("one is of no sense at all", [(YEAR_1, YEAR_9999), week], week),
            ("all are far ahead", [(YEAR_9999, YEAR_9999); 2], (NOW, NOW)),
            ("all are long ago", [(YEAR_1, YEAR_1); 2], (NOW, NOW)),
        ];
        for (what, said, expected) in all {
            let (_home, mut store, _) = machine(6);
            let pattern = PatternId::derive("recipe", "", what, "");
            for (n, (first, last)) in said.into_iter().enumerate() {
                let log = LogId { device: [n as u8 + 1; 32], incarnation: [n as u8 + 1; 16] };
                let trusted = DeviceState { trust: Trust::Trusted, ..DeviceState::default() };
                store.put_device(&log.device, &trusted).unwrap();
                let claim = Claim { hlc: Hlc::at(NOW), value: wording.encode() };
                store.put_claim(pattern, Field::WORDING, &log.device, &claim).unwrap();
                let counts = Counts { numbers: [3; 8], first, last };
                store.put_counts(pattern, &log, counts).unwrap();
            }
            let projects = Projects::of(&store, None).unwrap();
            let heard = |store: &mut Store, now| {
                let quota = Quota::on(now, None);
                let hearing = Hearing { projects: &projects, me: None, quota, now };
                assert!(hearing.project_one(store, pattern).unwrap());
                let pattern = store.patterns_by_prefix(&pattern.to_string()).unwrap().remove(0);
                (pattern.tally.first, pattern.tally.last)
            };
            assert_eq!(heard(&mut store, NOW), expected, "{what}");
            assert_eq!(heard(&mut store, NOW + DAY), expected, "{what}: heard again the next day");
        }
    }

    /// What a device says of this many patterns, from the `first` on.
    fn said(log: &LogId, first: u32, many: u32) -> Vec<Record> {
        let wording = |n: u32| Wording {
            kind: Kind::Decision,
            project: None,
            tool: String::new(),
            category: String::new(),
            trigger: format!("use tabs {n}"),
            text: format!("the user said: use tabs {n}"),
            payload: Payload::default(),
            keys: vec![n.into()],
        };
        let records = (first..first + many).flat_map(|n| {
            let pattern = PatternId::derive("decision", "", &n.to_string(), "");
            let (field, hlc, value) = (Field::WORDING, Hlc::at(NOW), wording(n).encode());
            let counts = Counts { numbers: [u32::MAX; 8], first: NOW, last: NOW };
            let incarnation = log.incarnation;
            [
                Record::Field { pattern, field, hlc, value },
                Record::Counts { pattern, incarnation, counts },
            ]
        });
        records.collect()
    }

    /// A store that was told patterns, and hears them at some time.
    struct Told {
        _home: tempfile::TempDir,
        store: Store,
    }

    impl Told {
        fn new() -> Self {
            let (home, store, _) = machine(9);
            Self { _home: home, store }
        }

        fn tell(&mut self, log: &LogId, first: u32, many: u32) {
            let records = said(log, first, many);
            let taken = ledger::apply_records(&mut self.store, log, &records, NOW).unwrap();
            self.store.note_changed(&taken.changed).unwrap();
        }

        fn trust(&mut self, log: &LogId) {
            let state = DeviceState { trust: Trust::Trusted, ..DeviceState::default() };
            self.store.put_shared_device(&log.device, &state).unwrap();
        }

        /// How many patterns that touches.
        fn hear(&mut self, now: i64, asked: Option<DeviceKey>) -> usize {
            let projects = Projects::of(&self.store, None).unwrap();
            let (worker, sanitiser) = (WorkerCommand::here(), plain_sanitiser());
            let mut texts = Texts::new(&worker, &sanitiser, [0; 32], BTreeSet::new());
            let quota = Quota::on(now, asked);
            let hearing = Hearing { projects: &projects, me: None, quota, now };
            project(&mut self.store, &mut texts, &hearing).unwrap()
        }

        fn held_back(&self) -> u64 {
            quota::held_back(&self.store).unwrap().into_iter().map(|(_, items)| items).sum()
        }
    }

    const DAY: i64 = 24 * 3600 * 1000;

    fn log_of(n: u8) -> LogId {
        LogId { device: [n; 32], incarnation: [n; 16] }
    }

    #[test]
    fn a_device_that_nobody_knows_cannot_flood() {
        let (mut told, log) = (Told::new(), log_of(1));
        told.tell(&log, 0, 450);
        assert_eq!((told.hear(NOW, None), told.held_back()), (200, 250));
        assert_eq!(told.hear(NOW + 1, None), 0, "not today");
        // What is known already is no new pattern.
        let spoken = told.store.spoken_of(&log.device).unwrap();
        told.store.note_changed(&spoken).unwrap();
        assert_eq!((told.hear(NOW, None), told.held_back()), (200, 250));
        assert_eq!((told.hear(NOW + DAY, None), told.held_back()), (200, 50));
        assert_eq!((told.hear(NOW + 2 * DAY, None), told.held_back()), (50, 0));
    }

    #[test]
    fn many_devices_that_nobody_knows_cannot_flood_together() {
        let mut told = Told::new();
        for n in 1..=7 {
            told.tell(&log_of(n), u32::from(n) * 1_000, 180);
        }
        assert_eq!((told.hear(NOW, None), told.held_back()), (1_000, 260));
        assert_eq!((told.hear(NOW + DAY, None), told.held_back()), (260, 0));
    }

    #[test]
    fn who_is_trusted_or_asked_for_is_heard_at_once_and_who_is_refused_never() {
        let mut told = Told::new();
        told.tell(&log_of(1), 0, 300);
        assert_eq!(told.hear(NOW, Some(log_of(1).device)), 300);
        told.tell(&log_of(2), 1_000, 300);
        assert_eq!((told.hear(NOW, None), told.held_back()), (200, 100));
        told.trust(&log_of(2));
        assert_eq!((told.hear(NOW, None), told.held_back()), (100, 0));
        told.tell(&log_of(3), 2_000, 300);
        assert_eq!((told.hear(NOW, None), told.held_back()), (200, 100));
        let refused = DeviceState { trust: Trust::Refused, ..DeviceState::default() };
        told.store.put_shared_device(&log_of(3).device, &refused).unwrap();
        assert_eq!((told.hear(NOW, None), told.held_back()), (0, 0));
    }

    #[test]
    fn what_others_counted_weighs_little() {
        let (mut told, log) = (Told::new(), log_of(1));
        told.trust(&log);
        told.tell(&log, 0, 1);
        assert_eq!(told.hear(NOW, None), 1);
        let id = PatternId::derive("decision", "", "0", "");
        let tally = told.store.pattern(id).unwrap().unwrap().tally;
        assert_eq!((tally.successes, tally.failures, tally.sessions), (10, 10, 3));
    }
}
