//! Hooks in great number beside learning, consolidation and a daemon, on one home whose transcripts
//! grow: nothing fails and nothing is lost.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;

use crate::random::Random;
use crate::world::{Home, World, assert_contract, difference, session};
use crate::{Plan, say};

/// Hooks at a time.
const HOOKS: u64 = 32;

/// Events that the client may send, several of them more often than others.
const EVENTS: &[&str] = &[
    "PreToolUse",
    "PreToolUse",
    "PreToolUse",
    "PostToolUseFailure",
    "PostToolUseFailure",
    "UserPromptSubmit",
    "SessionStart",
    "SubagentStart",
    "Stop",
    "SubagentStop",
    "SessionEnd",
];

/// Largest write-ahead log that is tolerated: a learning run empties it at 32 MB, and what one
/// transaction writes comes on top.
const LOG_LIMIT: u64 = 128 << 20;

/// Parts of the dump that depend on the transcripts alone, not on what hooks said or what
/// consolidation made of it.
const LEARNED: &[&str] =
    &["transcript:", "step:", "result:", "command:", "file:", "touch:", "draft:", "evidence:"];

/// What came of the hooks.
#[derive(Default)]
struct Seen {
    /// Milliseconds of each.
    times: Mutex<Vec<f64>>,
    /// The session, event and call of each that said something.
    said: Mutex<BTreeSet<(String, String, String)>>,
    runs: AtomicU64,
    log: AtomicU64,
}

pub(crate) fn run(plan: Plan) -> Option<String> {
    let seconds = plan.amount(8, 600);
    let world = World::new(6);
    let home = world.home("load");
    fs::write(home.mana().join("config.toml"), "[daemon]\nconsiderate = false\n").unwrap();
    world.reveal(&home, 1.0);
    let _learned = world.run(&home, &["learn"]).success();
    start_daemon(&world, &home);
    let (seen, over) = (Seen::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        let (world, home, seen, over) = (&world, &home, &seen, &over);
        for number in 0..HOOKS {
            scope.spawn(move || {
                ask(world, home, Random::new(plan.seed, number), number, seen, over);
            });
        }
        for number in 0..2_u32 {
            scope.spawn(move || {
                grow(world, home, Random::new(plan.seed, 100 + u64::from(number)), number, over);
            });
            scope.spawn(move || repeat(world, home, &["learn"], seen, over));
        }
        scope.spawn(move || repeat(world, home, &["consolidate"], seen, over));
        scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                seen.log.fetch_max(home.size("metadata.sqlite-wal"), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(10));
            }
        });
        thread::sleep(Duration::from_secs(seconds));
        over.store(true, Ordering::Relaxed);
    });
    stop_daemon(&world, &home);
    world.sandbox.wait_until_quiet();
    let _learned = world.run(&home, &["learn"]).success();
    report(&seen, seconds);
    judge(&world, &home, &seen);
    None
}

/// Is one client after the other until it is `over`.
fn ask(
    world: &World,
    home: &Home,
    mut random: Random,
    number: u64,
    seen: &Seen,
    over: &AtomicBool,
) {
    let mut times = Vec::new();
    let mut said = BTreeSet::new();
    for call in 0_u64.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        // A session ends after some dozen events and another one begins.
        let session = format!("{number:08x}-10ad-4000-8000-{:012x}", call / 40);
        let name = *random.pick(EVENTS);
        let verb = if matches!(name, "Stop" | "SubagentStop" | "SessionEnd") {
            "session-end"
        } else {
            "inject"
        };
        let tool = format!("toolu_{number}_{call}");
        let mut event = world.event(home, name, &session, &tool);
        let suite = random.below(7);
        event["tool_input"]["command"] = format!("./check part{suite}").into();
        event["error"] = format!("Exit code 3\nerror: no suite selected for part{suite}").into();
        event["prompt"] = format!("please run the checks of part {suite} again").into();
        if random.one_in(4) {
            event["agent_id"] = format!("a{}", call % 3).into();
        }
        let output = world.hook(home, verb, &event);
        assert_contract(&output, name);
        times.push(output.elapsed.as_secs_f64() * 1_000.0);
        if !output.stdout.is_empty() {
            said.insert((session, name.to_owned(), tool));
        }
    }
    seen.times.lock().unwrap().extend(times);
    seen.said.lock().unwrap().extend(said);
}

/// Writes session after session, in pieces that end anywhere.
fn grow(world: &World, home: &Home, mut random: Random, number: u32, over: &AtomicBool) {
    for n in 0.. {
        let transcript = session(&world.sandbox, 1_000 + 2 * n + number);
        let path = transcript.path();
        let below = path.strip_prefix(world.sandbox.home()).unwrap().to_owned();
        // The sandbox's own home serves as the place where it is made.
        let made = transcript.write();
        let bytes = fs::read(&made).unwrap();
        fs::remove_file(made).unwrap();
        let mut file =
            OpenOptions::new().create(true).append(true).open(home.folder.join(below)).unwrap();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let piece = (1 + random.below(8_000)).min(rest.len());
            file.write_all(&rest[..piece]).unwrap();
            rest = &rest[piece..];
            // What is begun is written to its end, without pauses when it is over.
            if !over.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(20));
            }
        }
        if over.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// Runs a command again and again.
fn repeat(world: &World, home: &Home, arguments: &[&str], seen: &Seen, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let output = world.run(home, arguments).success();
        assert!(!output.errors().contains("damaged"), "{output:?}");
        seen.runs.fetch_add(1, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(100));
    }
}

/// Starts a daemon with the shortest intervals.
pub(crate) fn start_daemon(world: &World, home: &Home) {
    let mut start = world.mana(home, &["daemon", "start"]);
    start.env("MANA_LEARN_INTERVAL", "1").env("MANA_CONSOLIDATE_INTERVAL", "1");
    let input = crate::process::Input::Empty;
    let _started = crate::process::run(&mut start, input, crate::world::PATIENCE).success();
}

/// Stops it; none of its runs may have failed.
pub(crate) fn stop_daemon(world: &World, home: &Home) {
    let told = world.run(home, &["daemon", "status", "--json"]).success().json();
    for job in ["learn", "consolidate"] {
        assert_eq!(told["state"][job]["failures"], 0, "{told}");
    }
    assert_ne!(told["state"]["learn"]["runs"], Value::from(0), "it never ran: {told}");
    let _stopped = world.run(home, &["daemon", "stop"]).success();
}

fn report(seen: &Seen, seconds: u64) {
    let mut times = seen.times.lock().unwrap();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    say(&format!(
        "{} hooks in {seconds} s, {HOOKS} at a time: p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms; {} said \
         something; {} runs of learn and consolidate beside them; write-ahead log at most {} KiB",
        times.len(),
        at(0.5),
        at(0.99),
        at(1.0),
        seen.said.lock().unwrap().len(),
        seen.runs.load(Ordering::Relaxed),
        seen.log.load(Ordering::Relaxed) >> 10,
    ));
}

/// Checks that nothing failed and nothing was lost.
fn judge(world: &World, home: &Home, seen: &Seen) {
    let log = fs::read_to_string(home.mana().join("logs/hooks.log")).unwrap_or_default();
    // A machine that is crowded for so long may keep a hook waiting; that is its own affair.
    let (late, other): (Vec<&str>, Vec<&str>) =
        log.lines().partition(|line| line.contains("no end in time"));
    say(&format!("hooks that gave up after their time: {}", late.len()));
    assert!(other.is_empty(), "hooks complain: {other:#?}");
    assert!(seen.log.load(Ordering::Relaxed) < LOG_LIMIT, "the log grows without bound");
    world.assert_intact(home);

    let conn = Connection::open(home.database()).unwrap();
    let mut query = conn.prepare("SELECT session, event, tool_use FROM injections").unwrap();
    let stored: BTreeSet<(String, String, String)> = query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let kept = |(session, event, tool): &(String, String, String)| {
        // Events without a call have none in the journal either.
        [tool.as_str(), ""]
            .iter()
            .any(|tool| stored.contains(&(session.clone(), event.clone(), (*tool).to_owned())))
    };
    let said = seen.said.lock().unwrap();
    let lost: Vec<_> = said.iter().filter(|one| !kept(one)).collect();
    assert!(
        lost.is_empty(),
        "{} of {} that were shown are not in the store: {:?}",
        lost.len(),
        said.len(),
        &lost[..lost.len().min(5)]
    );

    let fresh = world.home("fresh");
    copy_tree(&home.folder.join(".claude"), &fresh.folder.join(".claude"));
    let _learned = world.run(&fresh, &["learn"]).success();
    let learned = |home: &Home| -> BTreeSet<String> {
        let all = home.dump();
        all.into_iter().filter(|line| LEARNED.iter().any(|part| line.starts_with(part))).collect()
    };
    let (found, expected) = (learned(home), learned(&fresh));
    assert!(found == expected, "{}", difference(&found, &expected));
    let transcripts = found.iter().filter(|line| line.starts_with("transcript:")).count();
    say(&format!("{transcripts} transcripts, {} rows as if learned at once", found.len()));
    assert_eq!(world.sandbox.processes(), Vec::<String>::new(), "a process is left");
}

fn copy_tree(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
