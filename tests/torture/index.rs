//! Whoever builds the index over vectors is killed at random moments: none is believed that is not
//! of the vectors as they are, and the next run builds it.
//!
//! Encoding so many texts would take hours, so the vectors are random ones, and a process of this
//! program's own calls what `mana learn` calls.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mana::torture::Vectors;
use rusqlite::Connection;

use crate::random::Random;
use crate::world::{Home, World};
use crate::{Plan, say};

/// The argument that makes this program the process that is killed.
pub(crate) const CHILD: &str = "--build-index";

/// Vectors at first, and what is done to them afterwards.
const FIRST: i64 = 3_000;
const ADDED: i64 = 300;
const CHANGED: i64 = 100;
const REMOVED: std::ops::Range<i64> = 1_000..1_200;

/// Seed of the vectors that take the place of others.
const OTHER: u64 = 1_000_000;

/// Rows that are looked up.
const LOOKED_UP: usize = 100;

/// The life of an index: from nothing, with more, and with less, where it is built anew.
const STEPS: &[&str] = &["build", "add", "rebuild"];

/// The process that is killed: its home and its step.
pub(crate) fn child(mut arguments: impl Iterator<Item = String>) {
    let home = arguments.next().expect("a home");
    let step = arguments.next().expect("a step");
    let mut vectors = Vectors::open(Path::new(&home));
    match &*step {
        "build" => vectors.put(0..FIRST, 0),
        "add" => {
            vectors.put(FIRST..FIRST + ADDED, 0);
            vectors.put(0..CHANGED, OTHER);
        }
        _ => vectors.remove(REMOVED),
    }
    vectors.index();
}

pub(crate) fn run(plan: Plan) -> Option<String> {
    let wanted = plan.amount(10, 1_000);
    let world = World::new(0);
    let mut random = Random::new(plan.seed, 51);
    let (times, expected) = undisturbed(&world);
    let (mut kills, mut survived, mut rounds, mut used) = (0, 0, 0, 0);
    let mut worst = LOOKED_UP;
    while kills < wanted {
        rounds += 1;
        let home = world.home(&format!("round-{rounds}"));
        for (step, time) in STEPS.iter().zip(&times) {
            for _ in 0..=random.below(3) {
                let mut child = begin(&home, step);
                thread::sleep(time.mul_f64(random.share() * 1.1));
                let running = child.try_wait().unwrap().is_none();
                child.kill().expect("the child is ours");
                drop(child.wait());
                kills += u64::from(running);
                survived += u64::from(!running);
                if home.database().exists() {
                    world.assert_intact(&home);
                    used += u64::from(looked_up(&home, &mut random, step).is_some());
                }
            }
            assert!(begin(&home, step).wait().unwrap().success(), "seed {}: {step}", plan.seed);
            let found = looked_up(&home, &mut random, step).expect("an index of the vectors");
            worst = worst.min(found);
        }
        assert_eq!(rows(&home), expected, "seed {}, round {rounds}", plan.seed);
        fs::remove_dir_all(&home.folder).unwrap();
    }
    say(&format!(
        "{kills} kills in {rounds} rounds, {survived} runs ended before theirs, after {used} an \
         index was in use; steps of {times:.1?}; at least {worst} of {LOOKED_UP} vectors found"
    ));
    // The search is an approximate one.
    assert!(worst * 10 >= LOOKED_UP * 9, "the index finds too little");
    None
}

fn begin(home: &Home, step: &str) -> std::process::Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(CHILD).arg(home.mana()).arg(step);
    command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}

/// How long each step takes that nobody kills, and what the database says in the end.
fn undisturbed(world: &World) -> (Vec<Duration>, (i64, i64, i64)) {
    let home = world.home("undisturbed");
    let mut times = Vec::new();
    for step in STEPS {
        let started = Instant::now();
        assert!(begin(&home, step).wait().unwrap().success(), "{step}");
        times.push(started.elapsed());
    }
    (times, rows(&home))
}

/// The vectors, as far as a count and two sums tell.
fn rows(home: &Home) -> (i64, i64, i64) {
    let conn = Connection::open(home.database()).unwrap();
    let sql = "SELECT count(*), sum(pattern), sum(unicode(hex(numbers)) * pattern) FROM vectors";
    conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap()
}

/// Looks up vectors that no step changes, and checks that nothing is found which is not there.
/// Returns how many are found; `None` where no index is in use.
fn looked_up(home: &Home, random: &mut Random, step: &str) -> Option<usize> {
    let conn = Connection::open(home.database()).unwrap();
    let known = |row: &i64| -> bool {
        let sql = "SELECT EXISTS (SELECT 1 FROM vectors WHERE pattern = ?1)";
        conn.query_row(sql, [row], |row| row.get(0)).unwrap()
    };
    let mut found = 0;
    for _ in 0..LOOKED_UP {
        let row = CHANGED + random.below(850) as i64;
        let nearest = Vectors::nearest(&home.mana(), row, 0)?;
        assert!(nearest.iter().all(known), "{step}: {row} finds what is gone: {nearest:?}");
        found += usize::from(nearest.first() == Some(&row));
    }
    // What was written last is found like the rest. Of an index that is older than the vectors
    // nothing would be.
    let seed = if has_changed(&conn) { OTHER } else { 0 };
    for (rows, seed) in [(0..CHANGED, seed), (FIRST..FIRST + ADDED, 0)] {
        let rows: Vec<i64> = rows.filter(known).take(LOOKED_UP).collect();
        let mut missed = Vec::new();
        for row in &rows {
            if !Vectors::nearest(&home.mana(), *row, seed)?.contains(row) {
                missed.push(row);
            }
        }
        // The search is an approximate one.
        let most = rows.len() / 10;
        assert!(missed.len() <= most, "{step}: of seed {seed} {missed:?} are not found");
    }
    // Where something was, nothing is found once it is gone.
    let nearest = Vectors::nearest(&home.mana(), REMOVED.start + 1, 0)?;
    assert!(nearest.iter().all(known), "{step}: finds what is gone: {nearest:?}");
    Some(found)
}

/// Whether the first vectors were changed already, which happens to all of them at once.
fn has_changed(conn: &Connection) -> bool {
    let numbers = |row: i64| -> Vec<u8> {
        let sql = "SELECT numbers FROM vectors WHERE pattern = ?1";
        conn.query_row(sql, [row], |row| row.get(0)).unwrap()
    };
    // The vector of row 0 is the same in every home until then.
    let folder = tempfile::tempdir().unwrap();
    let mut fresh = Vectors::open(folder.path());
    fresh.put(0..1, 0);
    drop(fresh);
    let first: Vec<u8> = Connection::open(folder.path().join("metadata.sqlite"))
        .unwrap()
        .query_row("SELECT numbers FROM vectors", [], |row| row.get(0))
        .unwrap();
    numbers(0) != first
}
