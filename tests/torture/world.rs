//! What the parts act on: a history that grows in stages, homes that learn from it, hooks that ask.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::dump::dump;
use crate::process::{self, Input, Output};
use crate::sandbox::Sandbox;
use crate::transcript::Transcript;

/// Longest time of any command.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

/// Time after which a hook may give up, with nothing said: that of its input.
const PATIENCE_OF_HOOKS: Duration = Duration::from_secs(1);

/// How often a hook may be late in a row.
const TRIES: usize = 20;

/// Session of the hooks that only check whether hooks answer; what they were shown is left out of
/// comparisons.
pub(crate) const PROBE: &str = "probe000-5e55-4000-8000-000000000000";

/// How long ago something was, as hooks word it of this history.
const AGES: &[&str] = &[
    ", last today",
    ", last yesterday",
    ", last 2 days ago",
    ", today",
    ", yesterday",
    ", 2 days ago",
];

/// A history of which a home sees a growing part.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    /// The transcripts, by their path below the user's home.
    files: Vec<(PathBuf, Vec<u8>)>,
}

/// A user's home that learns from a [`World`].
pub(crate) struct Home {
    /// Its folder, which holds `.claude` and `.mana`.
    pub(crate) folder: PathBuf,
}

impl World {
    /// A history of `sessions` sessions in which the same mistakes come again.
    pub(crate) fn new(sessions: u32) -> Self {
        let sandbox = Sandbox::with_own_binary();
        sandbox.write("README.md", "# Sample\n");
        let mut world = Self { sandbox, files: Vec::new() };
        for number in 1..=sessions {
            let session = session(&world.sandbox, number);
            world.add(session);
        }
        world
    }

    /// Adds a session to the history.
    pub(crate) fn add(&mut self, session: Transcript) {
        let path = session.write();
        let below = path.strip_prefix(self.sandbox.home()).unwrap().to_owned();
        self.files.push((below, fs::read(&path).unwrap()));
        fs::remove_file(path).unwrap();
    }

    /// A new home, `name`, that sees nothing yet. No hook starts learning in it by itself.
    pub(crate) fn home(&self, name: &str) -> Home {
        let home = Home { folder: self.sandbox.root().join("homes").join(name) };
        fs::create_dir_all(home.mana()).unwrap();
        fs::create_dir_all(home.folder.join(".claude")).unwrap();
        let config = "[learn]\ntrajectories = 100000\nmax_wait_minutes = 100000\n\
                      [daemon]\nconsiderate = false\n";
        fs::write(home.mana().join("config.toml"), config).unwrap();
        home
    }

    /// Shows `home` so much of every transcript, in bytes; the end may be the midst of a line.
    pub(crate) fn reveal(&self, home: &Home, share: f64) {
        for (below, bytes) in &self.files {
            let path = home.folder.join(below);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let end = ((bytes.len() as f64) * share) as usize;
            fs::write(&path, &bytes[..end]).unwrap();
        }
    }

    /// `mana` with `arguments` in `home`.
    pub(crate) fn mana(&self, home: &Home, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.sandbox.binary());
        command
            .args(arguments)
            .env_clear()
            .envs(self.sandbox.environment())
            .env("HOME", &home.folder)
            .current_dir(self.sandbox.project())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Runs `mana` to its end.
    pub(crate) fn run(&self, home: &Home, arguments: &[&str]) -> Output {
        process::run(&mut self.mana(home, arguments), Input::Empty, PATIENCE)
    }

    /// Sends `event` to the hook command `verb`.
    pub(crate) fn hook(&self, home: &Home, verb: &str, event: &Value) -> Output {
        let input = Input::Bytes(event.to_string().into_bytes());
        process::run(&mut self.mana(home, &[verb]), input, PATIENCE)
    }

    /// The input of the event `name` with all that the client sends.
    pub(crate) fn event(&self, home: &Home, name: &str, session: &str, call: &str) -> Value {
        json!({
            "session_id": session,
            "transcript_path": home.folder.join(".claude/projects/-none/0f0e0d0c.jsonl"),
            "cwd": self.sandbox.project(),
            "hook_event_name": name,
            "permission_mode": "default",
            "source": "startup",
            "prompt": "please run the checks of part 3 again",
            "tool_name": "Bash",
            "tool_input": {"command": "./check part3", "description": "Run the checks"},
            "tool_use_id": call,
            "error": "Exit code 3\nerror: no suite selected for part3",
            "is_interrupt": false,
            "reason": "other",
        })
    }

    /// Asks `home` with two kinds of hooks and checks the contract; returns what they said.
    #[track_caller]
    pub(crate) fn probe(&self, home: &Home) -> Vec<String> {
        let mut said = Vec::new();
        for name in ["PostToolUseFailure", "UserPromptSubmit"] {
            let event = self.event(home, name, PROBE, "toolu_probe");
            let output = in_time(name, || self.hook(home, "inject", &event));
            assert_contract(&output, name);
            // A slow run ends on another day than it began.
            said.push(AGES.iter().fold(output.text(), |said, age| said.replace(age, "")));
            // The next probe is a first one again.
            let _absent = fs::remove_file(home.mana().join(format!("sessions/{PROBE}.log")));
        }
        said
    }

    /// Checks the database on a copy, so that the next run finds it as the killed one left it.
    #[track_caller]
    pub(crate) fn assert_intact(&self, home: &Home) {
        let copy = self.sandbox.root().join("copy");
        let _absent = fs::remove_dir_all(&copy);
        fs::create_dir_all(&copy).unwrap();
        for name in ["metadata.sqlite", "metadata.sqlite-wal"] {
            if home.mana().join(name).exists() {
                fs::copy(home.mana().join(name), copy.join(name)).unwrap();
            }
        }
        let conn = Connection::open(copy.join("metadata.sqlite")).unwrap();
        let found: String =
            conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it can be read");
        assert_eq!(found, "ok");
        let broken = conn
            .prepare("PRAGMA foreign_key_check")
            .and_then(|mut check| check.query_map([], |_| Ok(()))?.collect::<Result<Vec<()>, _>>())
            .expect("it can be read");
        assert_eq!(broken.len(), 0, "rows that refer to nothing");
    }
}

impl Home {
    /// MANA's folder in it.
    pub(crate) fn mana(&self) -> PathBuf {
        self.folder.join(".mana")
    }

    /// MANA's database.
    pub(crate) fn database(&self) -> PathBuf {
        self.mana().join("metadata.sqlite")
    }

    /// The agent's settings.
    pub(crate) fn settings(&self) -> PathBuf {
        self.folder.join(".claude/settings.json")
    }

    /// What the database of it says, without what only the checks left in it.
    pub(crate) fn dump(&self) -> BTreeSet<String> {
        let conn = Connection::open(self.database()).expect("the database is there");
        let dumped = dump(&conn, &self.folder.to_string_lossy());
        dumped.lines().filter(|line| !line.contains(PROBE)).map(str::to_owned).collect()
    }

    /// Size of the file `name` of MANA's folder; 0 when there is none.
    pub(crate) fn size(&self, name: &str) -> u64 {
        fs::metadata(self.mana().join(name)).map_or(0, |meta| meta.len())
    }
}

/// Session `number`: mistakes and what mends them, some of which other sessions have as well.
pub(crate) fn session(sandbox: &Sandbox, number: u32) -> Transcript {
    let mut transcript = Transcript::new(sandbox, number);
    for episode in 0..6 {
        transcript = episode_of(transcript, number, episode);
    }
    transcript
}

/// One task with its mistakes.
pub(crate) fn episode_of(mut transcript: Transcript, number: u32, episode: u32) -> Transcript {
    transcript = transcript.prompt(&format!("please run the checks of part {episode} again"));
    for n in 0..4 {
        let suite = (number + episode + n) % 7;
        transcript = transcript
            .bash(&format!("./check part{suite}"))
            .failed(3, &format!("error: no suite selected for part{suite}"))
            .bash(&format!("./check --all part{suite}"))
            .ok("12 checks passed");
    }
    transcript.say("The checks pass.")
}

/// Asks a hook until it is asked in time: on a crowded machine its event may reach it after it gave
/// up, or it may have no turn before its time is up. One that is late each time waits for something.
#[track_caller]
pub(crate) fn in_time(name: &str, ask: impl FnMut() -> Output) -> Output {
    let late = |output: &Output| output.stdout.is_empty() && output.elapsed > PATIENCE_OF_HOOKS;
    let asked = std::iter::repeat_with(ask).take(TRIES).find(|output| !late(output));
    asked.unwrap_or_else(|| panic!("{name}: no answer in time, {TRIES} times in a row"))
}

/// Checks that a hook ended with 0, complained to nobody, and said nothing or one answer.
#[track_caller]
pub(crate) fn assert_contract(output: &Output, name: &str) {
    assert_eq!(output.code, Some(0), "{name}: {output:?}");
    assert!(output.stderr.is_empty(), "{name}: {output:?}");
    if !output.stdout.is_empty() {
        let said = output.json();
        assert_eq!(said["hookSpecificOutput"]["hookEventName"], name, "{output:?}");
    }
}

/// The first lines that only one of the two has.
pub(crate) fn difference(found: &BTreeSet<String>, expected: &BTreeSet<String>) -> String {
    let only = |these: &BTreeSet<String>, others: &BTreeSet<String>| {
        these.difference(others).take(15).cloned().collect::<Vec<_>>().join("\n")
    };
    format!("only found:\n{}\nonly expected:\n{}", only(found, expected), only(expected, found))
}

/// Copies the files of the folder `from` into the folder `to`.
pub(crate) fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
