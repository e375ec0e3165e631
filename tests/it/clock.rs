//! A clock that jumps: what it leaves behind stops no learning and loses nothing.
//!
//! The machine's clock is not set: transcripts, notes, files and the database's own marks get the
//! times that another clock would have given them.

use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeZone, Utc};
use rusqlite::Connection;
use serde_json::json;

use crate::sandbox::Sandbox;
use crate::transcript::Transcript;

/// Milliseconds of the beginning of 2106, in which 32 bits of seconds end.
const AHEAD: i64 = 4_291_747_200_000;

/// Clocks that a machine may come up with: no battery, one year after it, the ends of 32 bits.
fn clocks() -> [DateTime<Utc>; 5] {
    [(1970, 1), (1971, 6), (2038, 2), (2106, 3), (2400, 1)]
        .map(|(year, month)| Utc.with_ymd_and_hms(year, month, 1, 0, 0, 9).unwrap())
}

/// Suites, each with an error of its own.
const SUITES: [&str; 12] = [
    "none", "alder", "birch", "cedar", "dogwood", "elm", "fir", "ginkgo", "hazel", "ivy",
    "juniper", "kapok",
];

/// Sessions that asked.
static ASKED: AtomicU32 = AtomicU32::new(0);

/// Session `number`: the suite of that number fails and is mended.
fn session(sandbox: &Sandbox, number: u32, clock: Option<DateTime<Utc>>) -> Transcript {
    let new = Transcript::new(sandbox, number);
    let new = match clock {
        Some(clock) => new.at(clock),
        None => new,
    };
    let suite = SUITES[number as usize];
    new.prompt(&format!("Please make the {suite} checks pass"))
        .bash(&format!("./{suite} run"))
        .failed(3, &format!("error: the {suite} of this tree is locked"))
        .bash(&format!("./{suite} run --all"))
        .ok("12 checks passed")
}

/// What a hook says at the failure of suite `number`.
fn told(sandbox: &Sandbox, number: u32) -> String {
    let suite = SUITES[number as usize];
    let asked = ASKED.fetch_add(1, Ordering::Relaxed);
    let event = json!({
        "hook_event_name": "PostToolUseFailure", "cwd": sandbox.project(), "transcript_path": "",
        "session_id": format!("{asked:08x}-c10c-4000-8000-000000000000"),
        "tool_name": "Bash", "tool_use_id": "toolu_1",
        "tool_input": {"command": format!("./{suite} run")},
        "error": format!("Exit code 3\nerror: the {suite} of this tree is locked"),
    });
    let hook = sandbox.mana(["inject"]).env("MANA_HOLDOUT", "0").stdin(event.to_string());
    hook.run().success().text()
}

#[track_caller]
fn assert_known(sandbox: &Sandbox, number: u32) {
    let said = told(sandbox, number);
    assert!(
        said.contains(&format!("{} run --all", SUITES[number as usize])),
        "session {number}: {said:?}"
    );
}

fn database(sandbox: &Sandbox) -> Connection {
    Connection::open(sandbox.mana_home().join("metadata.sqlite")).unwrap()
}

fn note(sandbox: &Sandbox, key: &str) -> i64 {
    let sql = "SELECT CAST(value AS INTEGER) FROM meta WHERE key = ?1";
    database(sandbox).query_row(sql, [key], |row| row.get(0)).unwrap()
}

/// Gives every file below `folder` this time.
fn touch(folder: &Path, time: SystemTime) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            touch(&entry.path(), time);
        } else {
            File::options().append(true).open(entry.path()).unwrap().set_modified(time).unwrap();
        }
    }
}

#[test]
fn what_happened_at_any_time_is_learned_and_told() {
    let sandbox = Sandbox::new();
    for (n, clock) in clocks().into_iter().enumerate() {
        let number = u32::try_from(n).unwrap() * 2 + 1;
        for number in [number, number + 1] {
            let _path = session(&sandbox, number, Some(clock)).write();
        }
    }
    touch(&sandbox.home().join(".claude"), SystemTime::UNIX_EPOCH + Duration::from_secs(1));
    let report = sandbox.mana(["learn", "--json"]).run().success().json();
    assert_eq!((&report["files_read"], &report["damaged"]), (&json!(10), &json!([])), "{report}");
    let known = || -> i64 {
        let sql = "SELECT count(*) FROM patterns WHERE text LIKE '%is locked%'";
        database(&sandbox).query_row(sql, [], |row| row.get(0)).unwrap()
    };
    for suite in &SUITES[1..11] {
        let found = sandbox.mana(["search", suite]).run().success().text();
        assert!(found.contains(&format!("{suite} run --all")), "{suite}: {found}");
    }
    let before = known();
    for command in
        [&["status"][..], &["stats"], &["doctor"], &["search", "locked"], &["consolidate"]]
    {
        let output = sandbox.mana(command).run();
        assert!(output.code == Some(0) || command[0] == "doctor", "{command:?}: {output:?}");
        assert!(!output.errors().contains("panicked"), "{command:?}: {output:?}");
    }
    // Neither transcripts nor files tell when it was, so it is as if it had just happened.
    assert_eq!(known(), before, "nothing is lost");
    for number in 1..=10 {
        assert_known(&sandbox, number);
    }
    let _path = session(&sandbox, 11, None).write();
    drop(sandbox.mana(["learn"]).run().success());
    drop(sandbox.mana(["consolidate"]).run().success());
    assert_known(&sandbox, 11);
    assert_eq!(sandbox.mana(["learn", "--json"]).run().success().json()["files_read"], 0);
}

/// When the patterns of suite `number` were seen first and last.
fn seen(sandbox: &Sandbox, number: usize) -> (i64, i64) {
    let sql = "SELECT min(first), max(last) FROM patterns WHERE text LIKE ?1";
    let words = format!("%{} run%", SUITES[number]);
    database(sandbox).query_row(sql, [words], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

#[test]
fn a_time_that_cannot_be_is_that_of_the_file_or_the_present() {
    let sandbox = Sandbox::new();
    let before = Utc::now();
    let clocks = clocks();
    for number in 1..=5 {
        let path = session(&sandbox, number, Some(clocks[number as usize - 1])).write();
        // The third and the fifth file have a time that can be.
        let time = match number {
            3 | 5 => SystemTime::from(before) - Duration::from_hours(100),
            _ => SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(number)),
        };
        File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
    }
    // Lines without any time, and one that is honest.
    let path = session(&sandbox, 6, None).write();
    let lines = fs::read_to_string(&path).unwrap().replace("\"timestamp\"", "\"stamp\"");
    fs::write(&path, lines).unwrap();
    let _path = session(&sandbox, 7, Some(before - Duration::from_hours(30))).write();
    drop(sandbox.mana(["learn"]).run().success());
    let after = Utc::now().timestamp_millis();
    let before = before.timestamp_millis();
    let hour = 3_600_000;
    for number in 1..=7 {
        let (first, last) = seen(&sandbox, number);
        let expected = match number {
            3 | 5 => before - 101 * hour..=before - 99 * hour,
            7 => before - 31 * hour..=before - 29 * hour,
            _ => before..=after,
        };
        let fits = expected.contains(&first) && expected.contains(&last);
        assert!(fits, "session {number}: {first} to {last}, not {expected:?}");
    }
    drop(sandbox.mana(["consolidate"]).run().success());
    for number in 1..=7 {
        assert_known(&sandbox, number);
    }
}

#[test]
fn a_time_that_was_stored_and_cannot_be_is_corrected() {
    let sandbox = Sandbox::new();
    let now = Utc::now();
    for number in 1..=3 {
        let path = session(&sandbox, number, Some(now - Duration::from_hours(30))).write();
        let written = SystemTime::from(now) - Duration::from_hours(20);
        File::options().append(true).open(path).unwrap().set_modified(written).unwrap();
    }
    drop(sandbox.mana(["learn"]).run().success());
    // As an earlier version stored what clocks of 1970 and 2106 told; the third is left alone.
    for (number, at) in [(1, 9), (2, AHEAD)] {
        let of = format!("(SELECT id FROM trajectories WHERE session LIKE '0000000{number}-%')");
        let sql = format!(
            "UPDATE steps SET at = {at} WHERE trajectory = {of};
             UPDATE evidence SET at = {at} WHERE trajectory = {of};
             UPDATE touches SET at = {at} WHERE trajectory = {of};
             UPDATE drafts SET newest = {at} WHERE trajectory = {of};
             UPDATE patterns SET first = {at}, last = {at}
             WHERE row IN (SELECT pattern FROM evidence WHERE trajectory = {of});
             UPDATE trajectories SET started = {at}, ended = {at} WHERE id = {of};"
        );
        database(&sandbox).execute_batch(&sql).unwrap();
        assert_eq!(seen(&sandbox, number), (at, at));
    }
    let report = sandbox.mana(["learn", "--json"]).run().success().json();
    assert_eq!((&report["files_read"], &report["trajectories"]), (&json!(0), &json!(2)));
    assert_ne!(report["redated"], 0, "{report}");
    let hour = 3_600_000;
    let now = now.timestamp_millis();
    for (number, ago) in [(1, 20), (2, 20), (3, 30)] {
        let expected = now - (ago + 1) * hour..=now - (ago - 1) * hour;
        let (first, last) = seen(&sandbox, number);
        let fits = expected.contains(&first) && expected.contains(&last);
        assert!(fits, "session {number}: {first} to {last}, not {expected:?}");
        assert_known(&sandbox, number as u32);
    }
    let again = sandbox.mana(["learn", "--json"]).run().success().json();
    assert_eq!((&again["redated"], &again["trajectories"]), (&json!(0), &json!(0)), "{again}");
}

#[test]
fn marks_from_the_future_stop_nothing() {
    let sandbox = Sandbox::new();
    let _path = session(&sandbox, 1, None).write();
    drop(sandbox.mana(["learn"]).run().success());
    drop(sandbox.mana(["consolidate"]).run().success());
    // All of this as a clock 80 years ahead leaves it.
    for (key, value) in [("consolidated", AHEAD), ("tuned", AHEAD), ("hlc", AHEAD << 16)] {
        database(&sandbox)
            .execute(
                "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)",
                (key, value.to_string()),
            )
            .unwrap();
    }
    database(&sandbox).execute("UPDATE transcripts SET read_at = ?1", [AHEAD]).unwrap();
    let home = sandbox.mana_home();
    fs::write(home.join("pending.log"), format!("{AHEAD}\ts\t\t/t\n")).unwrap();
    fs::write(home.join(".mana-x.tmp"), "half").unwrap();
    fs::create_dir_all(home.join("logs")).unwrap();
    fs::write(home.join("logs/mana.log"), "x\n").unwrap();
    touch(&home, SystemTime::UNIX_EPOCH + Duration::from_millis(AHEAD as u64));

    let _path = session(&sandbox, 2, None).write();
    drop(sandbox.mana(["learn", "--detached"]).run().success());
    assert_known(&sandbox, 2);
    let now = Utc::now().timestamp_millis();
    for key in ["consolidated", "tuned"] {
        assert!(note(&sandbox, key) <= now, "{key} waits for years");
    }
    assert!(note(&sandbox, "hlc") >> 16 >= AHEAD, "what was written later is later");
    assert!(!home.join(".mana-x.tmp").exists(), "half a file stays for years");
    let log = fs::read_to_string(home.join("logs/learning.jsonl")).unwrap();
    assert!(log.contains("consolidate"), "{log}");

    // And it goes on: a third session, after marks that are right again.
    let _path = session(&sandbox, 3, None).write();
    drop(sandbox.mana(["learn", "--supervised"]).run().success());
    for number in 1..=3 {
        assert_known(&sandbox, number);
    }
}

#[test]
fn ended_turns_start_learning_whatever_the_clock_was() {
    // A note from the future, and one from long ago: neither keeps the next ones waiting.
    for (before, waits) in [(AHEAD, true), (1_000, false)] {
        let sandbox = Sandbox::new();
        let _path = session(&sandbox, 1, None).write();
        fs::create_dir_all(sandbox.mana_home()).unwrap();
        let pending = sandbox.mana_home().join("pending.log");
        fs::write(&pending, format!("{before}\ts\t\t/t\n")).unwrap();
        let event = |name: &str| {
            json!({
                "hook_event_name": name, "cwd": sandbox.project(), "transcript_path": "/t",
                "session_id": "00000001-c10c-4000-8000-000000000000", "reason": "other",
            })
            .to_string()
        };
        drop(sandbox.mana(["session-end"]).stdin(event("Stop")).run().success());
        if waits {
            assert_eq!(fs::read_to_string(&pending).unwrap().lines().count(), 2, "noted, not due");
            drop(sandbox.mana(["session-end"]).stdin(event("SessionEnd")).run().success());
        }
        sandbox.wait_until_quiet();
        assert_known(&sandbox, 1);
    }
}

#[test]
fn journals_of_another_time_are_taken_over() {
    let sandbox = Sandbox::new();
    for number in [1, 2] {
        let _path = session(&sandbox, number, None).write();
    }
    drop(sandbox.mana(["learn"]).run().success());
    for number in [1, 2] {
        assert_known(&sandbox, number);
    }
    let folder = sandbox.mana_home().join("sessions");
    let mut journals: Vec<_> =
        fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path()).collect();
    journals.sort();
    assert_eq!(journals.len(), 2);
    for (path, time) in journals.iter().zip(["1000", &AHEAD.to_string()]) {
        let text = fs::read_to_string(path).unwrap();
        let shifted: Vec<String> = text
            .lines()
            .map(|line| {
                line.split_once('\t').map_or(line.into(), |(_, rest)| format!("{time}\t{rest}"))
            })
            .collect();
        fs::write(path, shifted.join("\n") + "\n").unwrap();
    }
    drop(sandbox.mana(["learn"]).run().success());
    let count = "SELECT count(DISTINCT session) FROM injections";
    let shown: i64 = database(&sandbox).query_row(count, [], |row| row.get(0)).unwrap();
    assert_eq!(shown, 2, "what was shown is kept");
    let left = fs::read_dir(&folder).unwrap().count();
    assert_eq!(left, 0, "journals of another time stay for ever");
}
