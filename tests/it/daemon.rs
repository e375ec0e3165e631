//! `mana daemon` as a person meets it.

use std::fs;
use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::sandbox::{Mana, Sandbox};
use crate::transcript::Transcript;

/// A sandbox whose daemon is stopped whatever becomes of the test.
struct Watched(Sandbox);

impl Drop for Watched {
    fn drop(&mut self) {
        let _output = self.mana(&["stop"]).run();
    }
}

impl Watched {
    fn new() -> Self {
        Self(Sandbox::new())
    }

    /// With a binary of its own, which may be replaced or removed.
    fn with_own_binary() -> Self {
        Self(Sandbox::with_own_binary())
    }

    /// Waits until no process is left.
    fn wait_for_end(&self) {
        let began = Instant::now();
        while !self.0.processes().is_empty() {
            assert!(began.elapsed() < Duration::from_mins(1), "it stays: {:?}", self.0.processes());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// `mana daemon` with intervals of a second.
    fn mana(&self, arguments: &[&str]) -> Mana {
        let mana = self.0.mana(["daemon"]).args(arguments);
        // A machine that runs tests is loaded.
        let config = self.0.mana_home().join("config.toml");
        fs::create_dir_all(self.0.mana_home()).expect("the home is ours");
        fs::write(config, "[daemon]\nconsiderate = false\n").expect("the home is ours");
        mana.env("MANA_LEARN_INTERVAL", "1").env("MANA_CONSOLIDATE_INTERVAL", "1")
    }

    fn status(&self) -> Value {
        self.mana(&["status", "--json"]).run().success().json()
    }

    /// Polls the status until `holds` is true of it.
    fn wait(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let status = self.status();
            if holds(&status) {
                return status;
            }
            assert!(began.elapsed() < Duration::from_mins(1), "never {what}: {status}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn session(sandbox: &Sandbox, number: u32, command: &str) {
    Transcript::new(sandbox, number)
        .prompt("Please run the checks")
        .bash(command)
        .failed(3, "error: no suite selected")
        .bash(&format!("{command} --all"))
        .ok("12 checks passed")
        .write();
}

#[test]
fn it_learns_what_is_new_and_rests_when_nothing_is() {
    let daemon = Watched::new();
    session(&daemon.0, 1, "./check");
    let status = daemon.status();
    assert_eq!((&status["running"], &status["state"]), (&false.into(), &Value::Null));

    let started = daemon.mana(&["start"]).run().success();
    assert!(started.text().contains("runs, as process"), "{started:?}");
    let status = daemon.wait("ran both", |s| {
        s["state"]["learn"]["runs"] == 1 && s["state"]["consolidate"]["runs"] == 1
    });
    assert_eq!(status["running"], true);
    let _found = daemon.0.wait_until_found("check", "--all");

    // Several looks later it has not run again: there was nothing new.
    let idle = status["state"]["learn"]["idle"].as_u64().unwrap();
    let status =
        daemon.wait("looked", |s| s["state"]["learn"]["idle"].as_u64().unwrap() >= idle + 2);
    assert_eq!(status["state"]["learn"]["runs"], 1, "{status}");
    assert_eq!(status["state"]["consolidate"]["runs"], 1, "{status}");

    session(&daemon.0, 2, "./verify");
    let _status = daemon.wait("ran again", |s| s["state"]["consolidate"]["runs"] == 2);
    let _found = daemon.0.wait_until_found("verify", "--all");

    let log = daemon.0.mana_home().join("logs/learning.jsonl");
    let log = fs::read_to_string(log).expect("each cycle has a line");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let cycles: Vec<_> = lines.iter().map(|line| line["cycle"].as_str().unwrap()).collect();
    assert_eq!(cycles, ["learn", "consolidate", "learn", "consolidate"], "{log}");
    assert!(lines.iter().all(|line| line["source"] == "daemon"), "{log}");
    assert_eq!(lines[2]["done"]["files_read"], 1, "{log}");
    assert!(!log.contains("suite"), "no text of a transcript: {log}");

    let began = Instant::now();
    let _stopped = daemon.mana(&["stop"]).run().success();
    assert!(began.elapsed() < Duration::from_secs(1), "it took {:?}", began.elapsed());
    assert_eq!(daemon.status()["running"], false);
    assert_eq!(daemon.0.processes(), Vec::<String>::new());
}

#[test]
fn there_is_one_and_a_killed_one_leaves_no_stale_lock() {
    let daemon = Watched::new();
    let _started = daemon.mana(&["start"]).run().success();
    let pid = daemon.status()["pid"].as_u64().unwrap();
    let again = daemon.mana(&["start"]).run().success();
    assert!(again.text().contains(&format!("already, as process {pid}")), "{again:?}");
    let second = daemon.mana(&["run"]).run().code(1);
    assert!(second.errors().contains(&format!("process {pid}")), "{second:?}");

    let _killed = daemon.0.shell(&format!("kill -9 {pid}")).run().success();
    let _status = daemon.wait("dead", |s| s["running"] == false);
    let _started = daemon.mana(&["start"]).run().success();
    assert_ne!(daemon.status()["pid"].as_u64(), Some(pid));
    let shown = daemon.0.mana(["status"]).run().success();
    assert!(shown.text().contains("Daemon: runs"), "{shown:?}");
}

#[test]
fn a_run_that_goes_on_is_ended_with_it() {
    let daemon = Watched::new();
    // Another writer holds the lock: the job leaves, and that is no failure.
    fs::create_dir_all(daemon.0.mana_home()).expect("the home is ours");
    let lock = fs::File::create(daemon.0.mana_home().join("write.lock")).expect("it is ours");
    lock.lock().expect("nobody holds it");
    session(&daemon.0, 1, "./check");
    let _started = daemon.mana(&["start"]).run().success();
    let status = daemon.wait("ran", |s| s["state"]["learn"]["runs"] == 1);
    assert_eq!(status["state"]["learn"]["failures"], 0, "{status}");
    lock.unlock().expect("it is ours");
    let _stopped = daemon.mana(&["stop"]).run().success();

    // Much to read: it is in the midst of it when it is told to stop.
    let mut long = Transcript::new(&daemon.0, 2);
    for number in 0..3_000 {
        long = long
            .bash(&format!("./check part{number}"))
            .failed(3, &format!("error: no suite {number}\n{}", "x".repeat(2_000)));
    }
    long.write();
    let _started = daemon.mana(&["start"]).run().success();
    let runs = || daemon.0.processes().iter().any(|line| line.contains("learn --supervised"));
    let began = Instant::now();
    while !runs() {
        assert!(began.elapsed() < Duration::from_secs(30), "it never learns");
        thread::sleep(Duration::from_millis(2));
    }
    let began = Instant::now();
    let _stopped = daemon.mana(&["stop"]).run().success();
    assert!(began.elapsed() < Duration::from_millis(1_500), "it took {:?}", began.elapsed());
    assert_eq!(daemon.0.processes(), Vec::<String>::new());
    let learn = &daemon.status()["state"]["learn"];
    assert_eq!((&learn["failures"], &learn["since"]), (&0.into(), &Value::Null), "{learn}");
    let told = fs::read_to_string(daemon.0.mana_home().join("logs/mana.log")).unwrap();
    assert!(told.contains("learn ended with it; the next run goes on"), "{told}");
}

#[test]
fn failures_are_told_and_tried_less_often() {
    let daemon = Watched::new();
    session(&daemon.0, 1, "./check");
    // A database that cannot be: a folder has its name.
    fs::create_dir_all(daemon.0.mana_home().join("metadata.sqlite/x")).expect("the home is ours");
    let logs = daemon.0.root().join("elsewhere");
    let _started = daemon.mana(&["start"]).env("MANA_LOG_DIR", &logs).run().success();
    let status = daemon.wait("failed", |s| s["state"]["learn"]["failures"].as_u64() >= Some(2));
    let wait = status["state"]["learn"]["next"].as_i64().unwrap()
        - status["state"]["learn"]["last"].as_i64().unwrap();
    assert!(wait >= 4_000, "doubled twice: {status}");
    let text = daemon.mana(&["status"]).run().success().text();
    assert!(text.contains("in a row, the last: it ended with 1"), "{text}");
    // Its own, not those of whoever asks.
    assert!(text.contains(&format!("Logs: {}", logs.display())), "{text}");
    let log =
        fs::read_to_string(logs.join("mana.log")).expect("the log is where it was told to be");
    assert!(log.contains("learn failed"), "{log}");
}

#[test]
fn the_log_says_why_a_run_failed() {
    let daemon = Watched::new();
    let home = daemon.0.mana_home();
    drop(daemon.mana(&["status"]).run().success());
    let config = home.join("config.toml");
    for job in ["learn", "consolidate"] {
        fs::write(&config, "[learn").unwrap();
        drop(daemon.0.mana([job, "--supervised"]).run().code(3));
        fs::remove_file(&config).unwrap();
        drop(daemon.0.mana(["learn"]).run().success());
        let database = rusqlite::Connection::open(home.join("metadata.sqlite")).unwrap();
        let schema = |number: &str| {
            database.execute_batch(&format!("PRAGMA user_version = {number}")).unwrap();
        };
        let own: i64 = database.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        schema("99");
        drop(daemon.0.mana([job, "--supervised"]).run().code(3));
        schema(&own.to_string());
    }
    let log = fs::read_to_string(home.join("logs/mana.log")).unwrap();
    assert_eq!(log.matches("config.toml is not a valid configuration: TOML").count(), 2, "{log}");
    assert_eq!(log.matches("has schema 99").count(), 2, "{log}");
}

#[test]
fn a_home_that_is_named_from_a_folder_on_is_the_same_for_a_daemon() {
    let sandbox = Sandbox::new();
    let folder = sandbox.root().join("work");
    let mana = |verb: &str| {
        let mana = sandbox.mana(["daemon", verb]).current_dir(&folder);
        mana.env("MANA_HOME", "some/home").run().success()
    };
    let _made = fs::create_dir_all(folder.join("some"));
    let started = mana("start");
    assert!(started.text().contains("runs, as process"), "{started:?}");
    assert!(mana("status").text().contains("The daemon runs"));
    let _stopped = mana("stop");
    assert_eq!(sandbox.processes(), Vec::<String>::new());
}

#[test]
fn an_update_of_its_program_is_used_from_the_next_run_on() {
    let daemon = Watched::with_own_binary();
    session(&daemon.0, 1, "./check");
    let _started = daemon.mana(&["start"]).run().success();
    let _status = daemon.wait("ran", |s| s["state"]["consolidate"]["runs"] == 1);

    let program = daemon.0.binary().to_path_buf();
    let new = program.with_extension("new");
    fs::copy(&program, &new).unwrap();
    fs::rename(&new, &program).unwrap();
    session(&daemon.0, 2, "./verify");
    let status = daemon.wait("ran again", |s| s["state"]["learn"]["runs"] == 2);
    assert_eq!(status["state"]["learn"]["error"], Value::Null, "{status}");
    let _found = daemon.0.wait_until_found("verify", "--all");
}

#[test]
fn it_ends_when_its_program_or_its_home_is_removed() {
    let daemon = Watched::with_own_binary();
    session(&daemon.0, 1, "./check");
    let _started = daemon.mana(&["start"]).run().success();
    let _status = daemon.wait("ran", |s| s["state"]["consolidate"]["runs"] == 1);
    // Again where the daemon wrote into a folder that was just emptied.
    while let Err(error) = fs::remove_dir_all(daemon.0.mana_home()) {
        assert_eq!(error.kind(), ErrorKind::DirectoryNotEmpty, "{error}");
    }
    daemon.wait_for_end();
    assert!(!daemon.0.mana_home().exists(), "what was removed came back");

    let _started = daemon.mana(&["start"]).run().success();
    let _status = daemon.wait("ran", |s| s["state"]["consolidate"]["runs"] == 1);
    let program = daemon.0.binary().to_path_buf();
    let kept = program.with_extension("kept");
    fs::copy(&program, &kept).unwrap();
    fs::remove_file(&program).unwrap();
    session(&daemon.0, 2, "./verify");
    daemon.wait_for_end();
    let log = fs::read_to_string(daemon.0.mana_home().join("logs/mana.log")).unwrap();
    assert!(log.contains("WARN daemon: learn failed: cannot be started"), "{log}");
    assert!(log.contains("stopped: its program was removed"), "{log}");
    fs::rename(&kept, &program).unwrap();
}

#[test]
fn what_it_does_now_and_how_often_are_shown() {
    let daemon = Watched::new();
    session(&daemon.0, 1, "./check");
    let _started = daemon.mana(&["start"]).run().success();
    let _status = daemon.wait("ran", |s| s["state"]["learn"]["runs"] == 1);
    // Asked in an environment without its intervals.
    let status = daemon.0.mana(["daemon", "status", "--json"]).run().success().json();
    assert_eq!(
        (&status["learn_interval"], &status["consolidate_interval"]),
        (&1.into(), &1.into())
    );
    assert_eq!(status["state"]["version"], env!("CARGO_PKG_VERSION"), "{status}");

    let uninstalled = daemon.0.mana(["uninstall"]).run().success();
    assert!(uninstalled.text().contains("`mana daemon stop` ends it"), "{uninstalled:?}");

    let _stopped = daemon.mana(&["stop"]).run().success();
    let state = daemon.0.mana_home().join("daemon.json");
    let text = fs::read_to_string(&state).unwrap();
    let own = format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&own), "{text}");
    let _started = daemon.mana(&["start"]).run().success();
    let pid = daemon.wait("ran", |s| s["state"]["learn"]["runs"] == 1)["pid"].to_string();
    let _paused = daemon.0.shell(&format!("kill -STOP {pid}")).run().success();
    let text = fs::read_to_string(&state).unwrap().replace(&own, "\"version\":\"0.0.1\"");
    let text = text.replacen("\"since\":null", "\"since\":1795000000000", 1);
    fs::write(&state, text).unwrap();
    let shown = daemon.0.mana(["daemon", "status"]).run().success().text();
    let doctor = daemon.0.mana(["doctor"]).run().text();
    let _going_on = daemon.0.shell(&format!("kill -CONT {pid}")).run().success();
    assert!(shown.contains("It is of version 0.0.1"), "{shown}");
    assert!(shown.contains("Learning: runs since 2026-"), "{shown}");
    assert!(doctor.contains("runs, of version 0.0.1"), "{doctor}");
}
