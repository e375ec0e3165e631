//! Devices that learn, delete, push and pull at random, over carriers that fail and lie, with
//! clocks that are wrong, programs that die at any moment, and stores that are copied and set back.
//! The same seed gives the same run.
//!
//! `MANA_SIMULATIONS` says how many runs, `MANA_SIMULATIONS_FROM` from which seed on; each failure
//! names its seed.

mod fragile;
mod world;

use std::collections::BTreeMap;
use std::ops::Range;
#[cfg(feature = "git")]
use std::time::Instant;

use world::{Carrier, Disk, Machine, Tally, World as Worlds, pattern};

use super::{Alarm, REWRITE, Replica as _};
#[cfg(feature = "git")]
use crate::model::pattern::{Kind, Payload};
use crate::storage::Store;
#[cfg(feature = "git")]
use crate::sync::backend::Backend;
use crate::sync::backend::faulty::Faults;
#[cfg(feature = "git")]
use crate::sync::backend::git::{Git, GitSettings, Transport};
use crate::sync::backend::memory::Memory;
use crate::sync::backend::random::Random as Dice;
use crate::sync::hex::hex;
use crate::sync::ledger::Fate;
use crate::sync::ledger::memory::Memory as Replica;
#[cfg(feature = "git")]
use crate::sync::record::Wording;
use crate::sync::segment::Name;

type World = Worlds<Replica, Memory>;

/// A number from the environment.
fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Runs with the seeds that are asked for, else with the `usual` ones, and says what they did.
fn runs(what: &str, usual: Range<u64>, mut run: impl FnMut(u64) -> Tally) {
    let many = asked("MANA_SIMULATIONS");
    let seeds = many.map_or(usual, |many| {
        let from = asked("MANA_SIMULATIONS_FROM").unwrap_or(0);
        from..from + many
    });
    let mut all = Tally::default();
    for seed in seeds {
        all.add(&run(seed));
        if many.is_some() && all.runs % 10_000 == 0 {
            println!("{what}: {all:?}");
        }
    }
    println!("{what}: {all:?}");
    let happened = [all.exchanges, all.segments, all.deaths, all.clones, all.restores, all.jumps];
    assert!(happened.iter().all(|times| *times > 0), "{all:?}");
}

/// A life of `machines` machines, and what was seen of it.
fn life<D: Disk>(seed: u64, machines: u64, steps: u64, server: impl Carrier) -> Tally {
    let mut dice = Dice::new(seed.wrapping_mul(0x9e37));
    let faults = match dice.below(4) {
        0 => Faults::none(),
        1 | 2 => Faults::unreliable(),
        _ => Faults { dropped: 0, ..Faults::lying() },
    };
    let mut world = Worlds::<D, _>::new(seed, 2 + dice.below(machines - 1), faults, server);
    for _ in 0..steps + dice.below(steps) {
        world.step();
    }
    world.heal();
    world.check();
    world.tally
}

/// A thousand runs in four parts, which take their time beside each other.
fn in_memory(seeds: Range<u64>) {
    runs("in memory", seeds, |seed| life::<Replica>(seed, 12, 60, Memory::new()));
}

#[test]
fn all_machines_agree_in_the_end() {
    in_memory(0..250);
}

#[test]
fn all_machines_agree_in_the_end_of_other_lives() {
    if asked("MANA_SIMULATIONS").is_none() {
        in_memory(250..500);
    }
}

#[test]
fn all_machines_agree_in_the_end_of_a_third_lot() {
    if asked("MANA_SIMULATIONS").is_none() {
        in_memory(500..750);
    }
}

#[test]
fn all_machines_agree_in_the_end_of_the_last_lot() {
    if asked("MANA_SIMULATIONS").is_none() {
        in_memory(750..1000);
    }
}

#[test]
fn all_machines_agree_with_their_ledgers_in_databases() {
    runs("databases", 0..30, |seed| life::<Store>(seed, 5, 40, Memory::new()));
}

/// A repository in a folder.
#[cfg(feature = "git")]
struct Bare(tempfile::TempDir);

#[cfg(feature = "git")]
impl Bare {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        git2::Repository::init_bare(root.path().join("share.git")).unwrap();
        Self(root)
    }
}

#[cfg(feature = "git")]
impl Carrier for Bare {
    fn view(&self, machine: usize, label: &str) -> Box<dyn Backend> {
        let root = self.0.path();
        let git = Git::open(GitSettings {
            url: root.join("share.git").to_str().unwrap().into(),
            branch: "main".into(),
            cache: root.join(machine.to_string()),
            device: label.into(),
            now: 1_790_000_000,
            transport: Transport::Builtin,
            user: None,
            token: None,
            keys: Vec::new(),
            passphrase: None,
            agent: None,
            known_hosts: Vec::new(),
            ca_file: None,
            git_config: Some(root.join("no-git-config")),
        });
        Box::new(git.unwrap())
    }

    fn shown(&self) -> BTreeMap<String, Vec<u8>> {
        let mut view = self.view(usize::MAX, "");
        view.refresh().unwrap();
        let names = view.list("", None).unwrap();
        names.into_iter().map(|name| (name.clone(), view.get(&name).unwrap().unwrap())).collect()
    }
}

/// The long form is 20 of them: `MANA_SIMULATIONS=20`.
#[cfg(feature = "git")]
#[test]
fn all_machines_agree_over_git() {
    runs("git, databases", 0..3, |seed| life::<Store>(seed, 5, 40, Bare::new()));
}

/// Says how long a first push, a first pull and an exchange with nothing new take, and how many bytes
/// a pattern has on the server. Times are for people: they depend on the machine and the build.
#[cfg(feature = "git")]
#[test]
fn ten_thousand_patterns_go_over_git() {
    const MANY: u64 = 10_000;
    let mut world = Worlds::<Store, _>::new(7, 2, Faults::none(), Bare::new());
    for machine in &mut world.machines {
        machine.skew = 0;
    }
    for n in 0..MANY {
        let words = Wording {
            kind: Kind::Fix,
            project: Some([n as u8 % 5; 16]),
            tool: "Bash".into(),
            category: "missing dependency".into(),
            trigger: format!("error cannot find module part{n} from src/feature{}.ts", n % 700),
            text: format!("`pnpm run check-{n}` failed; `pnpm install --filter part{n}` fixed it"),
            payload: Payload {
                commands: vec![format!("pnpm install --filter part{n}")],
                ..Payload::default()
            },
            keys: vec![n.wrapping_mul(0x9e37_79b9_7f4a_7c15) as i64, n as i64],
        };
        world.machines[0].truth.words.insert(pattern(n), words.encode());
        world.machines[0].truth.seen.insert(pattern(n), 1 + n as u32 % 9);
    }
    let mut timed = |what: &str, act: &mut dyn FnMut(&mut Worlds<Store, Bare>)| {
        let started = Instant::now();
        act(&mut world);
        println!("{MANY} patterns: {what} {:.2} s", started.elapsed().as_secs_f64());
    };
    // Words and counts of each.
    timed("first push", &mut |world| assert_eq!(world.push(0), Some(2 * MANY as u32)));
    timed("first pull", &mut |world| assert!(world.pull(1).unwrap().segments > 1));
    timed("nothing new", &mut |world| {
        assert_eq!(world.pull(0).unwrap().segments, 0);
        assert_eq!(world.push(0), Some(0));
    });
    let sealed: usize = world.server.shown().values().map(Vec::len).sum();
    println!("{MANY} patterns: {} bytes each on the server", sealed as u64 / MANY);
    assert!(sealed as u64 / MANY < 400, "{sealed} bytes");
    let author = world.machines[0].key();
    let heard = world.machines[1].replica.as_mut().unwrap().inner.claims_by(&author);
    assert_eq!(heard.unwrap().len() as u64, MANY);
}

/// Two machines that have heard each other.
fn pair() -> World {
    let mut world = World::new(7, 2, Faults::none(), Memory::new());
    for machine in &mut world.machines {
        machine.skew = 0;
    }
    for n in 0..2 {
        let words = format!("{n} says it").into_bytes();
        world.machines[n].truth.words.insert(pattern(n as u64), words);
        world.machines[n].truth.seen.insert(pattern(n as u64), 1);
        world.pull(n);
        assert!(world.push(n).is_some());
    }
    for n in 0..2 {
        assert_eq!(world.pull(n).unwrap().alarms, []);
    }
    world
}

fn ledger(machine: &mut Machine<Replica>) -> &mut Replica {
    &mut machine.replica.as_mut().unwrap().inner
}

/// A machine that has heard nobody yet.
fn newcomer() -> Machine<Replica> {
    let mut machine = World::new(7, 3, Faults::none(), Memory::new()).machines.pop().unwrap();
    machine.skew = 0;
    machine
}

#[test]
fn a_server_that_is_set_back_is_noticed_and_mended() {
    let mut world = pair();
    let before = world.server.snapshot();
    world.machines[0].truth.words.insert(pattern(5), b"0 says more".to_vec());
    assert!(world.push(0).is_some());
    assert_eq!(world.pull(1).unwrap().segments, 1);
    world.server.restore(before);
    let pulled = world.pull(1).unwrap();
    assert!(matches!(pulled.alarms[..], [Alarm::RolledBack { read: 2, shown: 1, .. }]));
    assert!(world.pull(0).unwrap().alarms.contains(&Alarm::Lost));
    // Everything is said again, and then nothing is wrong any more.
    assert!(world.push(0).is_some());
    assert_eq!(world.pull(1).unwrap().alarms, []);
    assert_eq!(world.pull(0).unwrap().alarms, []);
}

#[test]
fn a_server_that_was_emptied_is_filled_again() {
    let mut world = pair();
    world.server.restore(BTreeMap::new());
    for n in 0..2 {
        assert!(world.pull(n).unwrap().alarms.contains(&Alarm::Lost));
        assert!(world.push(n).is_some());
    }
    world.machines.push(newcomer());
    world.pull(2).unwrap();
    assert_eq!(world.views(2), world.views(0));
    assert!(world.views(2)[0].words.is_some() && world.views(2)[1].words.is_some());
}

#[test]
fn what_is_changed_on_the_server_is_left_out() {
    let mut world = pair();
    world.machines[0].truth.words.insert(pattern(5), b"0 says more".to_vec());
    assert!(world.push(0).is_some());
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
fn what_was_damaged_is_said_again_by_its_device() {
    let mut world = pair();
    world.server.edit(|objects| {
        for bytes in objects.values_mut() {
            *bytes = b"rubbish".to_vec();
        }
    });
    // Whoever has read it before sees nothing of that.
    let damaged = |alarm: &Alarm| matches!(alarm, Alarm::Damaged { .. });
    world.machines.push(newcomer());
    assert_eq!(world.pull(2).unwrap().alarms.iter().filter(|alarm| damaged(alarm)).count(), 2);
    for n in 0..2 {
        assert!(world.pull(n).unwrap().alarms.iter().any(damaged));
        assert!(ledger(&mut world.machines[n]).note(REWRITE).unwrap().is_some());
        assert!(world.push_anew(n).is_some());
    }
    for n in 0..3 {
        assert_eq!(world.pull(n).unwrap().alarms, []);
    }
    assert_eq!(world.views(2), world.views(0));
    assert!(world.views(2)[0].words.is_some() && world.views(2)[1].words.is_some());
}

#[test]
fn what_ended_the_program_is_tried_ever_more_rarely() {
    let mut world = pair();
    world.machines[0].truth.words.insert(pattern(5), b"0 says more".to_vec());
    assert!(world.push(0).is_some());
    let newest = ledger(&mut world.machines[0]).fates.keys().max_by_key(|name| name.sequence);
    let newest = *newest.unwrap();
    ledger(&mut world.machines[1]).fates.insert(newest, Fate::Attempted(3));
    let pulled = world.pull(1).unwrap();
    assert_eq!((pulled.segments, pulled.rejected.len()), (0, 1));
    let pulled = world.pull(1).unwrap();
    assert_eq!((pulled.segments, pulled.rejected.len()), (1, 0));
    ledger(&mut world.machines[1]).fates.insert(newest, Fate::Attempted(5));
    let read = (0..4).map(|_| world.pull(1).unwrap().segments).collect::<Vec<_>>();
    assert_eq!(read, [0, 0, 0, 1]);
}

#[test]
fn a_copy_that_is_told_loses_and_contradicts_nothing() {
    let mut world = pair();
    world.copy(0, true);
    let n = world.machines.len() - 1;
    world.machines[n].skew = 0;
    // Both go on seeing the same, and say it in other words.
    for (machine, more, words) in [(0, 20, "0 says so"), (n, 3, "the copy says so")] {
        let truth = &mut world.machines[machine].truth;
        *truth.seen.entry(pattern(0)).or_default() += more;
        truth.words.insert(pattern(0), words.into());
        world.now += 1000;
        assert!(world.pull(machine).is_some() && world.push(machine).is_some());
    }
    world.heal();
    world.check();
    assert_eq!(world.views(1)[0].counts.numbers[0], 1 + 20 + 3);
}

/// The label of the log of machine `n`.
fn label_of(world: &mut World, n: usize) -> String {
    let newest = ledger(&mut world.machines[n]).fates.keys().max_by_key(|name| name.sequence);
    hex(&newest.unwrap().label)
}

#[test]
fn copies_that_only_push_find_each_other() {
    // Disks of a virtual machine that were copied with its id: no guard tells.
    let mut world = pair();
    world.copy(0, false);
    let lives = |world: &mut World, n: usize| {
        ledger(&mut world.machines[n]).own().unwrap().unwrap().past.len()
    };
    for (n, word) in [(0, 5), (2, 6), (0, 7)] {
        world.machines[n].skew = 0;
        world.machines[n].truth.words.insert(pattern(word), b"it says more".to_vec());
        assert!(world.push(n).is_some());
    }
    // The second has seen the first's, and then the first the second's.
    assert_eq!([lives(&mut world, 0), lives(&mut world, 1), lives(&mut world, 2)], [1, 0, 1]);
    assert!(world.push(0).is_some() && world.push(2).is_some());
    let alarms = world.pull(1).unwrap().alarms;
    assert!(matches!(alarms[..], [Alarm::Forked { .. }]), "{alarms:?}");
    assert_eq!(world.pull(1).unwrap().alarms, [], "that is told once");
    let views = world.views(1);
    assert!((5..8).all(|word| views[word].words.is_some()), "nothing is lost");
    world.heal();
    world.check();
}

#[test]
fn the_log_of_an_earlier_life_is_ended_without_a_loss() {
    let mut world = pair();
    let before = label_of(&mut world, 0);
    let held = |world: &World| {
        world.server.snapshot().keys().filter(|name| name.contains(&before)).count()
    };
    // The first copy goes on meanwhile, and so does another.
    world.copy(0, true);
    world.machines[2].skew = 0;
    world.machines[0].truth.words.insert(pattern(5), b"0 says more".to_vec());
    assert!(world.push(0).is_some() && world.pull(2).is_some());
    let last = |world: &World| {
        world.server.snapshot().into_keys().rfind(|name| name.contains(&before)).unwrap()
    };
    assert_eq!(held(&world), 2);
    assert!(world.push_anew(2).is_some());
    let end = (held(&world), last(&world));
    assert_eq!(end.0, 1);
    assert!(world.push_anew(2).is_some());
    assert_eq!((held(&world), last(&world)), end, "once is enough");
    // Nobody takes it for a server that was set back, and a newcomer hears all of it.
    assert_eq!(world.pull(1).unwrap().alarms, []);
    world.machines.push(newcomer());
    assert_eq!(world.pull(3).unwrap().alarms, []);
    assert_eq!(world.views(3), world.views(1));
    assert!(world.views(3)[0].words.is_some() && world.views(3)[5].words.is_some());
    // Who still wrote it goes on as another.
    assert!(world.pull(0).unwrap().alarms.contains(&Alarm::Copied));
    world.heal();
    world.check();
}

/// Machine 0 says something more, and then its store is set back to what it was before. Returns
/// what it said on the server.
fn set_back_after_a_word(world: &mut World) -> (String, Vec<u8>) {
    let label = label_of(world, 0);
    let before = ledger(&mut world.machines[0]).clone();
    world.machines[0].truth.words.insert(pattern(5), b"0 says more".to_vec());
    assert!(world.push(0).is_some());
    *ledger(&mut world.machines[0]) = before;
    world.machines[0].truth.words.remove(&pattern(5));
    world.server.snapshot().into_iter().rfind(|(name, _)| name.contains(&label)).unwrap()
}

#[test]
fn what_was_not_taken_in_outlives_the_end_of_its_log() {
    let mut world = pair();
    let (name, _) = set_back_after_a_word(&mut world);
    // It finds out when it says something, and dies when it takes in what it had said.
    world.machines[0].truth.words.insert(pattern(6), b"0 says something else".to_vec());
    assert!(world.push(0).is_some());
    let prefix = Name::prefix(&world.keys);
    let unread = Name::parse(&prefix, &name).unwrap();
    ledger(&mut world.machines[0]).fates.insert(unread, Fate::Attempted(1));
    assert!(world.push_anew(0).is_some());
    assert!(world.server.snapshot().contains_key(&name));
    world.machines.push(newcomer());
    world.pull(2);
    assert!(world.views(2)[5].words.is_some());
    // When it was read, it goes with the rest, and what it said stays.
    world.pull(0);
    assert!(world.push_anew(0).is_some());
    assert!(!world.server.snapshot().contains_key(&name));
    world.machines.push(newcomer());
    world.pull(3);
    assert!(world.views(3)[5].words.is_some());
    world.heal();
    world.check();
}

#[test]
fn what_is_to_vanish_and_comes_to_light_later_vanishes_too() {
    let mut world = pair();
    let (name, _) = set_back_after_a_word(&mut world);
    world.machines[0].truth.removed.insert(pattern(5), true);
    assert!(world.push(0).is_some());
    assert!(ledger(&mut world.machines[0]).note(REWRITE).unwrap().is_none());
    assert_eq!(world.pull(0).unwrap().segments, 1);
    assert!(ledger(&mut world.machines[0]).note(REWRITE).unwrap().is_some());
    assert!(world.push_anew(0).is_some());
    assert!(!world.server.snapshot().contains_key(&name));
}

#[test]
fn what_comes_to_light_after_a_snapshot_is_not_removed_with_what_that_replaces() {
    let mut world = pair();
    let (name, bytes) = set_back_after_a_word(&mut world);
    // The server shows it late, when the numbers around it were removed already.
    world.server.edit(|objects| drop(objects.remove(&name)));
    world.machines[0].truth.words.insert(pattern(6), b"0 says something else".to_vec());
    assert!(world.push(0).is_some() && world.push_anew(0).is_some());
    let label = label_of(&mut world, 0);
    world.server.edit(|objects| {
        objects.retain(|name, _| !name.contains(&label));
        objects.insert(name.clone(), bytes);
    });
    assert!(world.pull(0).unwrap().alarms.contains(&Alarm::Lost));
    // Everybody who counts has read the new snapshot, which was written before that was read.
    assert!(world.push(0).is_some() && world.pull(1).is_some());
    world.machines[1].truth.words.insert(pattern(7), b"1 says more".to_vec());
    assert!(world.push(1).is_some() && world.pull(0).is_some() && world.push(0).is_some());
    world.machines.push(newcomer());
    world.pull(2);
    assert!(world.views(2)[5].words.is_some() && world.views(2)[6].words.is_some());
    world.heal();
    world.check();
}

#[test]
fn what_waits_for_its_time_outlives_the_end_of_its_log() {
    let mut world = pair();
    world.copy(0, true);
    world.machines[2].skew = 0;
    // Both take the same back everywhere, one by a clock that is years ahead, and is set back then.
    let before = ledger(&mut world.machines[0]).clone();
    let truth = world.machines[0].truth.clone();
    world.machines[0].skew = 5 * 365 * 24 * 3600 * 1000;
    for n in [0, 2] {
        world.machines[n].truth.words.remove(&pattern(0));
        world.machines[n].truth.removed.insert(pattern(0), true);
        assert!(world.push(n).is_some());
    }
    *ledger(&mut world.machines[0]) = before;
    (world.machines[0].truth, world.machines[0].skew) = (truth, 0);
    for n in [1, 2] {
        assert_eq!(world.pull(n).unwrap().parked, 2, "that, and a sign of life");
    }
    assert!(world.push_anew(2).is_some());
    world.heal();
    world.check();
}

#[test]
fn what_a_copy_counted_outlives_the_end_of_its_log() {
    let mut world = pair();
    world.copy(0, true);
    world.machines[2].skew = 0;
    *world.machines[2].truth.seen.entry(pattern(0)).or_default() += 3;
    assert!(world.push(2).is_some() && world.pull(0).is_some());
    let counted = world.views(0)[0].counts;
    assert_eq!(counted.numbers[0], 4);
    // The copy is gone, and only this machine has heard it.
    world.machines.pop();
    assert!(world.push_anew(0).is_some());
    assert_eq!(world.tally.ended, 1);
    world.pull(1);
    assert_eq!(world.views(1)[0].counts, counted);
}

#[test]
fn segments_that_are_held_back_are_missed() {
    let mut world = pair();
    // Machine 1 reads a word of 0 and says so; the server then shows 2 the rest.
    world.machines[0].truth.words.insert(pattern(5), b"0 says more".to_vec());
    assert!(world.push(0).is_some());
    world.pull(1);
    world.machines[1].truth.words.insert(pattern(6), b"1 says more".to_vec());
    assert!(world.push(1).is_some());
    let label = label_of(&mut world, 0);
    world.server.edit(|objects| {
        objects.retain(|name, _| !(name.contains(&label) && name.contains("/0000000000000002-")));
    });
    world.machines.push(newcomer());
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
    let before = ledger(&mut world.machines[0]).clone();
    world.machines[0].truth.words.insert(pattern(5), b"0 says more".to_vec());
    assert!(world.push(0).is_some());
    *ledger(&mut world.machines[0]) = before;
    world.machines[0].truth.words.remove(&pattern(5));
    assert!(world.pull(0).unwrap().alarms.contains(&Alarm::Copied));
    assert!(world.push(0).is_some());
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
        assert!(world.push(0).is_some());
    }
    world.pull(1);
    world.machines[1].truth.seen.insert(pattern(1), 9);
    assert!(world.push(1).is_some());
    world.pull(0);
    let many = world.server.snapshot().len();
    assert!(world.push(0).is_some());
    let few = world.server.snapshot().len();
    assert!(few < 25 && many > 60, "{many} became {few}");
    assert_eq!(world.pull(1).unwrap().alarms, []);
    world.machines.push(newcomer());
    assert_eq!(world.pull(2).unwrap().alarms, []);
    assert_eq!(world.views(2), world.views(0));
    assert_eq!(world.views(2)[0].counts.numbers[0], 81);
}
