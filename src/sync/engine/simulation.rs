//! Devices that learn, delete, push and pull at random, over carriers that fail and lie, with
//! clocks that are wrong and stores that are copied and set back. The same seed gives the same run.
//!
//! `MANA_SIMULATIONS` says how many runs; each failure names its seed.

use std::collections::BTreeMap;

use super::{Alarm, Exchange, Offer, Offers, Pulled, SyncError};
use crate::model::ids::PatternId;
use crate::sync::backend::faulty::{Faults, Faulty};
use crate::sync::backend::memory::{Memory, View as Window};
use crate::sync::backend::random::Random as Dice;
use crate::sync::device::Device;
use crate::sync::hex::hex;
use crate::sync::keys::WorkspaceKeys;
use crate::sync::ledger::memory::Memory as Replica;
use crate::sync::ledger::{View, view};
use crate::sync::random::{Random as _, Seeded};
use crate::sync::record::Counts;
use crate::sync::segment::{self, LogId};

/// 2026-01-01.
const START: i64 = 1_767_225_600_000;
const DAY: i64 = 24 * 3600 * 1000;

/// What a person's machine knows by itself.
#[derive(Clone, Default)]
struct Truth {
    words: BTreeMap<PatternId, Vec<u8>>,
    seen: BTreeMap<PatternId, u32>,
    removed: BTreeMap<PatternId, bool>,
}

struct Machine {
    device: Device,
    replica: Replica,
    truth: Truth,
    random: Seeded,
    /// By how much its clock is wrong, in milliseconds.
    skew: i64,
    backend: Faulty<Window>,
    backup: Option<(Replica, Truth)>,
}

struct World {
    keys: WorkspaceKeys,
    server: Memory,
    machines: Vec<Machine>,
    dice: Dice,
    now: i64,
    faults: Faults,
    /// Whether stores were copied or set back: then counts can be counted twice or too little.
    copied: bool,
}

fn pattern(n: u64) -> PatternId {
    PatternId::derive("fix", "", &n.to_string(), "")
}

impl World {
    fn new(seed: u64, machines: u64, faults: Faults) -> Self {
        let keys = WorkspaceKeys::generate(&mut Seeded(seed, 0)).unwrap();
        let server = Memory::new();
        let mut dice = Dice::new(seed);
        let machines = (0..machines)
            .map(|n| {
                let mut random = Seeded(seed ^ (n + 1) << 40, 0);
                let device = Device::from_seed(&random.array().unwrap());
                let window = server.view("");
                let backend = Faulty::new(window, faults, seed ^ n);
                let skew = match dice.below(8) {
                    0 => 10 * 365 * DAY,
                    1 => -10 * 365 * DAY,
                    2 => 3600 * 1000,
                    _ => 0,
                };
                let (replica, truth, backup) = Default::default();
                Machine { device, replica, truth, random, skew, backend, backup }
            })
            .collect();
        Self { keys, server, machines, dice, now: START, faults, copied: false }
    }

    fn exchange<T>(
        &mut self,
        n: usize,
        act: impl FnOnce(
            &mut Exchange<'_, Replica, Faulty<Window>, Seeded>,
        ) -> Result<T, SyncError<std::convert::Infallible>>,
    ) -> Option<T> {
        let machine = &mut self.machines[n];
        let label = machine.replica.own.as_ref().map(|own| {
            let log = LogId { device: machine.device.key(), incarnation: own.incarnation };
            hex(&segment::label(&log, &self.keys))
        });
        *machine.backend.inner() = self.server.view(&label.unwrap_or_default());
        let mut exchange = Exchange {
            replica: &mut machine.replica,
            backend: &mut machine.backend,
            keys: &self.keys,
            device: &machine.device,
            now: self.now + machine.skew,
            random: &mut machine.random,
            trusting: true,
        };
        match act(&mut exchange) {
            Ok(done) => Some(done),
            Err(SyncError::Backend(_)) => None,
            Err(other) => panic!("{other}"),
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

    fn pull(&mut self, n: usize) -> Option<Pulled> {
        // A machine begins its log before it first asks the carrier.
        #[expect(clippy::redundant_closure_for_method_calls, reason = "lifetimes need it")]
        self.exchange(n, |exchange| exchange.pull())
    }

    fn push(&mut self, n: usize) -> bool {
        let offers = Self::offers(&self.machines[n].truth);
        self.exchange(n, |exchange| exchange.push(&offers)).is_some()
    }

    /// One random event.
    fn step(&mut self) {
        let n = self.dice.below(self.machines.len() as u64) as usize;
        self.now += self.dice.below(3_600_000) as i64;
        let id = pattern(self.dice.below(12));
        let machine = &mut self.machines[n];
        match self.dice.below(20) {
            0..6 => {
                if !machine.truth.removed.contains_key(&id) {
                    let words = format!("{n} says {}", self.dice.below(1000));
                    machine.truth.words.insert(id, words.into_bytes());
                    *machine.truth.seen.entry(id).or_default() += 1 + self.dice.below(3) as u32;
                }
            }
            6 => {
                if machine.truth.words.remove(&id).is_some() {
                    machine.truth.removed.insert(id, self.dice.below(3) == 0);
                }
            }
            7..12 => drop(self.push(n)),
            12..17 => drop(self.pull(n)),
            17 => machine.backup = Some((machine.replica.clone(), machine.truth.clone())),
            18 => {
                // Set back, but what was learned since is learned again from the transcripts.
                if let Some((replica, _)) = machine.backup.take() {
                    machine.replica = replica;
                    self.copied = true;
                }
            }
            _ => machine.skew += self.dice.below(2 * DAY as u64) as i64 - DAY,
        }
    }

    /// The faults end, the clocks are set right, and everybody says and hears everything.
    fn heal(&mut self) {
        self.faults = Faults::none();
        for machine in &mut self.machines {
            machine.backend.set_faults(Faults::none());
            machine.skew = 0;
        }
        // What came from a clock that was ahead waits until its time has come.
        self.now += 21 * 365 * DAY;
        for _ in 0..4 {
            for n in 0..self.machines.len() {
                assert!(self.pull(n).is_some() && self.push(n), "an honest carrier failed");
            }
        }
        for n in 0..self.machines.len() {
            assert!(self.pull(n).is_some());
        }
    }

    fn views(&mut self, n: usize) -> Vec<View> {
        (0..12).map(|id| view(&mut self.machines[n].replica, pattern(id), None).unwrap()).collect()
    }

    /// What has to hold in the end.
    fn check(&mut self, seed: u64) {
        let first = self.views(0);
        for n in 1..self.machines.len() {
            assert_eq!(self.views(n), first, "seed {seed}: machines 0 and {n} differ");
        }
        for (n, found) in first.iter().enumerate() {
            let id = pattern(n as u64);
            let known = |machine: &Machine| machine.truth.words.contains_key(&id);
            let redacted = |machine: &Machine| machine.truth.removed.get(&id) == Some(&true);
            // Redaction: only what was said can have to vanish, and then it stays away.
            if found.redacted {
                assert!(found.words.is_none(), "seed {seed}: {n} came back");
            }
            let gone = self.machines.iter().any(redacted) || found.redacted;
            let deleted = self.machines.iter().any(|m| m.truth.removed.contains_key(&id));
            if self.machines.iter().any(known) && !gone && !deleted {
                assert!(found.words.is_some(), "seed {seed}: {n} was lost");
                let sum: u32 = self
                    .machines
                    .iter()
                    .map(|machine| machine.truth.seen.get(&id).copied().unwrap_or_default())
                    .sum();
                if self.copied {
                    assert!(found.counts.numbers[0] > 0, "seed {seed}: {n} lost its counts");
                } else {
                    assert_eq!(found.counts.numbers[0], sum, "seed {seed}: counts of {n}");
                }
            }
        }
    }

    /// Nothing that the server holds shows any of the words.
    fn check_secrecy(&self, seed: u64) {
        for (name, bytes) in self.server.snapshot() {
            for text in ["says", "machine"] {
                let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
                assert!(!found, "seed {seed}: {name} shows {text:?}");
            }
        }
    }
}

fn run(seed: u64) {
    let mut dice = Dice::new(seed.wrapping_mul(0x9e37));
    let faults = match dice.below(4) {
        0 => Faults::none(),
        1 | 2 => Faults::unreliable(),
        _ => Faults { dropped: 0, ..Faults::lying() },
    };
    let mut world = World::new(seed, 2 + dice.below(11), faults);
    for _ in 0..60 + dice.below(60) {
        world.step();
    }
    world.heal();
    world.check(seed);
    world.check_secrecy(seed);
}

#[test]
fn all_machines_agree_in_the_end() {
    let runs = option_env!("MANA_SIMULATIONS").and_then(|n| n.parse().ok()).unwrap_or(1000);
    for seed in 0..runs {
        run(seed);
    }
}

/// Two machines that have heard each other.
fn pair() -> World {
    let mut world = World::new(7, 2, Faults::none());
    for machine in &mut world.machines {
        machine.skew = 0;
    }
    for n in 0..2 {
        let words = format!("{n} says it").into_bytes();
        world.machines[n].truth.words.insert(pattern(n as u64), words);
        world.machines[n].truth.seen.insert(pattern(n as u64), 1);
        world.pull(n);
        assert!(world.push(n));
    }
    for n in 0..2 {
        assert_eq!(world.pull(n).unwrap().alarms, []);
    }
    world
}

#[test]
fn a_server_that_is_set_back_is_noticed_and_mended() {
    let mut world = pair();
    let before = world.server.snapshot();
    world.machines[0].truth.words.insert(pattern(5), b"0 says more".to_vec());
    assert!(world.push(0));
    assert_eq!(world.pull(1).unwrap().segments, 1);
    world.server.restore(before);
    let pulled = world.pull(1).unwrap();
    assert!(matches!(pulled.alarms[..], [Alarm::RolledBack { read: 2, shown: 1, .. }]));
    assert!(world.pull(0).unwrap().alarms.contains(&Alarm::Lost));
    // Everything is said again, and then nothing is wrong any more.
    assert!(world.push(0));
    assert_eq!(world.pull(1).unwrap().alarms, []);
    assert_eq!(world.pull(0).unwrap().alarms, []);
}

#[test]
fn a_server_that_was_emptied_is_filled_again() {
    let mut world = pair();
    world.server.restore(BTreeMap::new());
    for n in 0..2 {
        assert!(world.pull(n).unwrap().alarms.contains(&Alarm::Lost));
        assert!(world.push(n));
    }
    let newcomer = World::new(7, 3, Faults::none()).machines.pop().unwrap();
    world.machines.push(newcomer);
    world.machines[2].skew = 0;
    world.pull(2).unwrap();
    assert_eq!(world.views(2), world.views(0));
    assert!(world.views(2)[0].words.is_some() && world.views(2)[1].words.is_some());
}

#[test]
fn what_is_changed_on_the_server_is_left_out() {
    let mut world = pair();
    world.machines[0].truth.words.insert(pattern(5), b"0 says more".to_vec());
    assert!(world.push(0));
    world.server.edit(|objects| {
        for bytes in objects.values_mut() {
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
        }
    });
    let pulled = world.pull(1).unwrap();
    assert_eq!(pulled.segments, 0);
    assert!(pulled.alarms.iter().any(|alarm| matches!(alarm, Alarm::Damaged { .. })));
    assert!(world.views(1)[5].words.is_none());
}

#[test]
fn segments_that_are_held_back_are_missed() {
    let mut world = pair();
    // Machine 1 reads a word of 0 and says so; the server then shows 2 the rest.
    world.machines[0].truth.words.insert(pattern(5), b"0 says more".to_vec());
    assert!(world.push(0));
    world.pull(1);
    world.machines[1].truth.words.insert(pattern(6), b"1 says more".to_vec());
    assert!(world.push(1));
    let newest = world.machines[0].replica.fates.keys().max_by_key(|name| name.sequence);
    let label = hex(&newest.unwrap().label);
    world.server.edit(|objects| {
        objects.retain(|name, _| !(name.contains(&label) && name.contains("/0000000000000002-")));
    });
    let newcomer = World::new(7, 3, Faults::none()).machines.pop().unwrap();
    world.machines.push(newcomer);
    world.machines[2].skew = 0;
    let pulled = world.pull(2).unwrap();
    assert!(
        pulled
            .alarms
            .iter()
            .any(|alarm| matches!(alarm, Alarm::Withheld { said: 2, shown: 1, .. })),
        "{:?}",
        pulled.alarms
    );
}

#[test]
fn a_store_that_was_set_back_goes_on_as_a_new_one() {
    let mut world = pair();
    let before = world.machines[0].replica.clone();
    world.machines[0].truth.words.insert(pattern(5), b"0 says more".to_vec());
    assert!(world.push(0));
    world.machines[0].replica = before;
    world.machines[0].truth.words.remove(&pattern(5));
    assert!(world.pull(0).unwrap().alarms.contains(&Alarm::Copied));
    assert!(world.push(0));
    assert_eq!(world.pull(0).unwrap().alarms, []);
    // What it had said is not lost: it hears it from itself.
    assert!(world.views(0)[5].words.is_some());
    world.pull(1);
    assert_eq!(world.views(0), world.views(1));
}

#[test]
fn own_segments_go_when_everybody_has_read_what_replaces_them() {
    let mut world = pair();
    for n in 0..80_u32 {
        world.machines[0].truth.seen.insert(pattern(0), n + 2);
        world.now += 1000;
        assert!(world.push(0));
    }
    world.pull(1);
    world.machines[1].truth.seen.insert(pattern(1), 9);
    assert!(world.push(1));
    world.pull(0);
    let many = world.server.snapshot().len();
    assert!(world.push(0));
    let few = world.server.snapshot().len();
    assert!(few < 25 && many > 60, "{many} became {few}");
    assert_eq!(world.pull(1).unwrap().alarms, []);
    let newcomer = World::new(7, 3, Faults::none()).machines.pop().unwrap();
    world.machines.push(newcomer);
    world.machines[2].skew = 0;
    assert_eq!(world.pull(2).unwrap().alarms, []);
    assert_eq!(world.views(2), world.views(0));
    assert_eq!(world.views(2)[0].counts.numbers[0], 81);
}
