//! `mana learn` killed at any moment loses nothing and counts nothing twice.
//!
//! `MANA_CRASH_ROUNDS` sets how often it is killed, `MANA_CRASH_SEED` when.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::dump::dump;
use crate::sandbox::Sandbox;
use crate::transcript::Transcript;

/// How often `mana learn` is killed when the environment does not say.
const ROUNDS: u32 = 20;

/// Sessions of the history.
const SESSIONS: u32 = 8;

#[test]
fn killed_learning_ends_up_where_undisturbed_learning_does() {
    let sandbox = Sandbox::new();
    for number in 1..=SESSIONS {
        session(&sandbox, number);
    }
    let started = Instant::now();
    let expected = finish(&sandbox, &sandbox.root().join("undisturbed"));
    let undisturbed = started.elapsed();
    assert!(expected.lines().any(|line| line.starts_with("pattern:")), "{expected}");

    let mut random = Random(setting("MANA_CRASH_SEED").unwrap_or(0x5eed));
    let rounds = setting("MANA_CRASH_ROUNDS").unwrap_or_else(|| ROUNDS.into());
    let mut killed = 0;
    for round in 0..rounds {
        let home = sandbox.root().join(format!("home-{round}"));
        // Some runs are killed twice: the second finds what the first left.
        for _ in 0..=(random.next() % 2) {
            let moment = undisturbed.mul_f64(random.share() * 1.1);
            killed += u64::from(kill_after(&sandbox, &home, moment));
            assert_intact(&sandbox, &home);
        }
        let found = finish(&sandbox, &home);
        assert!(found == expected, "round {round}: {}", difference(&found, &expected));
        fs::remove_dir_all(&home).expect("the home is ours");
    }
    assert!(killed > 0, "every run ended before it was killed");
}

/// Writes session `number`: a few hundred steps, some of which other sessions have as well.
fn session(sandbox: &Sandbox, number: u32) {
    let mut transcript = Transcript::new(sandbox, number);
    for episode in 0..10 {
        transcript = transcript.prompt(&format!("please run the checks of part {episode} again"));
        for n in 0..6 {
            let suite = (number + episode + n) % 7;
            transcript = transcript
                .bash(&format!("./check part{suite}"))
                .failed(3, &format!("error: no suite selected for part{suite}"))
                .bash(&format!("./check --all part{suite}"))
                .ok("12 checks passed");
        }
    }
    transcript.write();
}

/// `mana learn` into `home`.
fn learn(sandbox: &Sandbox, home: &Path) -> Command {
    let mut command = Command::new(sandbox.binary());
    command
        .arg("learn")
        .env_clear()
        .envs(sandbox.environment())
        .env("MANA_HOME", home)
        .current_dir(sandbox.project())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Runs `mana learn` to its end and returns what the database then says.
fn finish(sandbox: &Sandbox, home: &Path) -> String {
    let status = learn(sandbox, home).status().expect("the binary can be started");
    assert!(status.success(), "{status}");
    assert_intact(sandbox, home);
    let conn = Connection::open(home.join("metadata.sqlite")).expect("the database is there");
    dump(&conn, &sandbox.root().to_string_lossy())
}

/// Starts `mana learn` and kills it after `moment`; returns whether it was still running.
fn kill_after(sandbox: &Sandbox, home: &Path, moment: Duration) -> bool {
    let mut child = learn(sandbox, home).spawn().expect("the binary can be started");
    std::thread::sleep(moment);
    // On Unix this is SIGKILL: nothing in the process can react to it.
    child.kill().expect("the child is ours");
    child.wait().expect("the child is ours").code().is_none()
}

/// Checks the database on a copy, so that the next run finds it as the killed one left it.
fn assert_intact(sandbox: &Sandbox, home: &Path) {
    let copy = sandbox.root().join("copy");
    let _absent = fs::remove_dir_all(&copy);
    fs::create_dir_all(&copy).expect("the sandbox is ours");
    for suffix in ["", "-wal"] {
        let name: PathBuf = format!("metadata.sqlite{suffix}").into();
        if home.join(&name).exists() {
            fs::copy(home.join(&name), copy.join(&name)).expect("the files are ours");
        }
    }
    let conn = Connection::open(copy.join("metadata.sqlite")).expect("the folder is ours");
    let found: String = conn
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("the database can be read");
    assert_eq!(found, "ok");
}

fn difference(found: &str, expected: &str) -> String {
    let only = |these: &str, others: &str| {
        let lines = these.lines().filter(|line| !others.lines().any(|other| other == *line));
        lines.take(20).collect::<Vec<_>>().join("\n")
    };
    format!("only found:\n{}\nonly expected:\n{}", only(found, expected), only(expected, found))
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A small generator of numbers, the same for the same seed (Marsaglia's xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        (self.next() % 10_000) as f64 / 10_000.0
    }
}
