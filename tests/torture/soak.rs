//! A daemon works through cycle after cycle: what it holds in memory and on disk grows only with
//! what is learned, and stays as it is where nothing is new.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::load::{start_daemon, stop_daemon};
use crate::world::{Home, PATIENCE, World, session};
use crate::{Plan, say};

/// Sessions of which each comes once; a session that comes again has the same lines.
const SESSIONS: u32 = 4;

/// KiB by which a daemon's memory may differ between two cycles: pages that the kernel counts late.
const SLACK: u64 = 1_024;

/// One cycle, in bytes; memory in KiB.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Sizes {
    transcripts: u64,
    resident: u64,
    handles: u64,
    database: u64,
    log: u64,
    snapshots: u64,
    logs: u64,
    others: u64,
}

pub(crate) fn run(plan: Plan) -> Option<String> {
    let cycles = plan.amount(5, 200);
    let world = World::new(SESSIONS);
    let home = world.home("soak");
    world.reveal(&home, 1.0);
    start_daemon(&world, &home);
    wait_for(&world, &home, 1, 1);
    say("cycle\tkind\ttranscripts\tRSS KiB\thandles\tdatabase\tWAL\tsnapshots\tlogs\tothers");
    let mut growing = Vec::new();
    for cycle in 0..cycles {
        let (learned, tidied) = runs(&world, &home);
        grow(&world, &home, 100 + cycle as u32);
        wait_for(&world, &home, learned + 1, tidied + 1);
        growing.push(tell(&world, &home, cycle, "growing"));
    }
    let mut idle = Vec::new();
    for cycle in 0..cycles {
        let looks = looks(&world, &home);
        wait(&world, &home, "looked", |told| told["learn"]["idle"].as_u64() > Some(looks));
        idle.push(tell(&world, &home, cycle, "unchanged"));
    }
    stop_daemon(&world, &home);
    judge(&growing, &idle);
    world.assert_intact(&home);
    assert_eq!(world.sandbox.processes(), Vec::<String>::new(), "a process is left");
    None
}

/// Checks that nothing grows but with what is learned.
fn judge(growing: &[Sizes], idle: &[Sizes]) {
    let (first, last) = (growing[0], growing[growing.len() - 1]);
    let flat = |what: &str, before: u64, after: u64, slack: u64| {
        assert!(after <= before + slack, "{what} grows: {before} and then {after}");
    };
    // Where a thousand sessions say the same, a database is some times as large as they are.
    let more = last.transcripts - first.transcripts;
    flat("the database", first.database, last.database, 4 * more + (256 << 10));
    flat("the snapshots", first.snapshots, last.snapshots, 2 * more + (64 << 10));
    for sizes in growing.iter().chain(idle) {
        flat("the daemon's memory", first.resident, sizes.resident, SLACK);
        // One more is the state that is just being written.
        flat("the number of open files", first.handles, sizes.handles, 1);
        flat("the write-ahead log", 0, sizes.log, 48 << 20);
        // Two logs of a mebibyte each, and each once more set aside.
        flat("the logs", 0, sizes.logs, 7 << 20);
        flat("all other files", first.others, sizes.others, 64 << 10);
    }
    for sizes in idle {
        let before = idle[0];
        assert_eq!(
            (sizes.database, sizes.log, sizes.snapshots, sizes.logs),
            (before.database, before.log, before.snapshots, before.logs),
            "nothing is new, and a file changes its size"
        );
    }
}

/// Appends to the last session, and adds a new one.
fn grow(world: &World, home: &Home, number: u32) {
    let made = session(&world.sandbox, number).write();
    let below = made.strip_prefix(world.sandbox.home()).unwrap().to_owned();
    let path = home.folder.join(below);
    let bytes = fs::read(&made).unwrap();
    fs::remove_file(made).unwrap();
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(&bytes).unwrap();
}

/// What the daemon says of itself.
fn state(world: &World, home: &Home) -> Value {
    world.run(home, &["daemon", "status", "--json"]).success().json()["state"].clone()
}

fn runs(world: &World, home: &Home) -> (u64, u64) {
    let told = state(world, home);
    let of = |job: &str| told[job]["runs"].as_u64().unwrap_or(0);
    (of("learn"), of("consolidate"))
}

fn looks(world: &World, home: &Home) -> u64 {
    state(world, home)["learn"]["idle"].as_u64().unwrap_or(0)
}

fn wait_for(world: &World, home: &Home, learned: u64, tidied: u64) {
    wait(world, home, "ran", |told| {
        told["learn"]["runs"].as_u64() >= Some(learned)
            && told["consolidate"]["runs"].as_u64() >= Some(tidied)
    });
}

fn wait(world: &World, home: &Home, what: &str, holds: impl Fn(&Value) -> bool) {
    let began = Instant::now();
    loop {
        let told = state(world, home);
        if holds(&told) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "the daemon never {what}: {told}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Measures and prints one cycle.
fn tell(world: &World, home: &Home, cycle: u64, kind: &str) -> Sizes {
    let told = world.run(home, &["daemon", "status", "--json"]).success().json();
    let process = format!("/proc/{}", told["pid"]);
    let status = fs::read_to_string(format!("{process}/status")).unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let (mana, all) = (home.mana(), weight(&home.mana()));
    let (database, log) = (home.size("metadata.sqlite"), home.size("metadata.sqlite-wal"));
    let (snapshots, logs) = (weight(&mana.join("snapshots")), weight(&mana.join("logs")));
    let sizes = Sizes {
        transcripts: weight(&home.folder.join(".claude")),
        resident: resident.and_then(|r| r.split_whitespace().next()?.parse().ok()).unwrap_or(0),
        handles: fs::read_dir(format!("{process}/fd")).map_or(0, |open| open.count() as u64),
        database,
        log,
        snapshots,
        logs,
        others: all - database - log - snapshots - logs,
    };
    say(&format!(
        "{cycle}\t{kind}\t{}\t{}\t{}\t{database}\t{log}\t{snapshots}\t{logs}\t{}",
        sizes.transcripts, sizes.resident, sizes.handles, sizes.others
    ));
    sizes
}

/// Bytes of all files below `folder`.
fn weight(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => weight(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}
