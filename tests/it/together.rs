//! Several `mana` at once: one writes, the others wait, leave or read.

use std::fs::{self, File};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;

use crate::dump::dump;
use crate::sandbox::Sandbox;
use crate::transcript::Transcript;

fn with_history(sessions: u32) -> Sandbox {
    let sandbox = Sandbox::new();
    for number in 1..=sessions {
        let mut transcript = Transcript::new(&sandbox, number);
        for n in 0..20 {
            transcript = transcript
                .prompt("Please run the checks")
                .bash(&format!("./check part{n}"))
                .failed(3, "error: no suite selected")
                .bash(&format!("./check --all part{n}"))
                .ok("12 checks passed");
        }
        transcript.write();
    }
    sandbox
}

/// The lock of a home that somebody else writes to.
fn locked(sandbox: &Sandbox) -> File {
    fs::create_dir_all(sandbox.mana_home()).expect("the home is ours");
    let lock = File::create(sandbox.mana_home().join("write.lock")).expect("the home is ours");
    lock.lock().expect("nobody holds it");
    lock
}

fn contents(sandbox: &Sandbox) -> String {
    let database = sandbox.mana_home().join("metadata.sqlite");
    let conn = Connection::open(database).expect("the database is there");
    dump(&conn, &sandbox.root().to_string_lossy())
}

#[test]
fn learning_several_times_at_once_is_learning_once() {
    let sandbox = with_history(6);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| sandbox.mana(["learn"]).run().success().stdout.len());
        }
    });
    let together = contents(&sandbox);
    fs::remove_dir_all(sandbox.mana_home()).expect("the home is ours");
    let _output = sandbox.mana(["learn"]).run().success();
    assert_eq!(together, contents(&sandbox));
}

#[test]
fn a_detached_run_leaves_when_another_is_writing_and_a_person_s_waits() {
    let sandbox = with_history(1);
    let lock = locked(&sandbox);
    let output = sandbox.mana(["learn", "--detached"]).run().success();
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    assert!(!sandbox.mana_home().join("metadata.sqlite").exists());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| sandbox.mana(["learn"]).run().success());
        thread::sleep(Duration::from_millis(200));
        assert!(!waiting.is_finished(), "it does not wait");
        lock.unlock().expect("it is ours");
        let output = waiting.join().expect("the thread does not panic");
        assert!(output.text().contains("1 transcript"), "{output:?}");
    });
}

#[test]
fn a_run_that_a_hook_started_waits_for_a_writer_that_is_soon_done() {
    let sandbox = with_history(1);
    let lock = locked(&sandbox);
    let event = json!({
        "hook_event_name": "SessionEnd", "reason": "other", "session_id": "s",
        "cwd": sandbox.project(), "transcript_path": "/t",
    });
    drop(sandbox.mana(["session-end"]).stdin(event.to_string()).run().success());
    // One that leaves is gone by then.
    thread::sleep(Duration::from_millis(500));
    lock.unlock().expect("it is ours");
    sandbox.wait_until_quiet();
    assert!(!sandbox.mana_home().join("pending.log").exists(), "the note is not taken");
    assert!(contents(&sandbox).contains("./check"));
}

#[test]
fn turns_that_end_while_a_person_s_run_learns_are_seen_to_after_it() {
    let sandbox = Sandbox::new();
    let pending = sandbox.mana_home().join("pending.log");
    let note = || fs::write(&pending, "1\ts\t\t/t\n").expect("the home is ours");
    fs::create_dir_all(sandbox.mana_home()).expect("the home is ours");
    for number in 1..=20 {
        let mut long = Transcript::new(&sandbox, number);
        for part in 0..1_000 {
            let failure = format!("error: no suite {part}\n{}", "x".repeat(2_000));
            long = long.bash(&format!("./check part{part}")).failed(3, &failure);
        }
        long.write();
        note();
        let in_time = thread::scope(|scope| {
            let learning = scope.spawn(|| sandbox.mana(["learn"]).run().success());
            while pending.exists() {
                thread::sleep(Duration::from_millis(1));
            }
            // As the run of a hook leaves it that gave up on the lock.
            note();
            !learning.is_finished()
        });
        sandbox.wait_until_quiet();
        if in_time {
            assert!(!pending.exists(), "nobody has looked for the note");
            return;
        }
    }
    panic!("learning never took as long as writing a note");
}

#[test]
fn readers_are_answered_while_somebody_learns() {
    let sandbox = with_history(1);
    let _output = sandbox.mana(["learn"]).run().success();
    let more = with_history(10);
    thread::scope(|scope| {
        let learning = scope.spawn(|| {
            for number in 2..=10 {
                let name = Transcript::new(&more, number);
                let to = Transcript::new(&sandbox, number);
                fs::copy(name.path(), to.path()).expect("the homes are ours");
                let _output = sandbox.mana(["learn"]).run().success();
            }
        });
        let mut answers = 0;
        while !learning.is_finished() {
            let found = sandbox.mana(["search", "check", "--json"]).run().success();
            assert!(found.text().contains("./check"), "{found:?}");
            answers += 1;
        }
        learning.join().expect("learning does not fail");
        assert!(answers > 0);
    });
}
