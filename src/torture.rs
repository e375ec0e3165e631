//! Readers that take whatever they are given, for one who gives them nonsense.
//!
//! Nothing of the program uses this; `tests/torture` does, which is a crate of its own and could not
//! feed the readers so often otherwise.

use std::path::Path;

use crate::config;
use crate::hooks::context;
use crate::hooks::event::HookEvent;
use crate::hooks::inject::{Surroundings, inject_from};
use crate::hooks::install::{HookEntries, SettingsFile, notices};
use crate::hooks::session_end::Pending;
use crate::hooks::wire::Wire;
use crate::learning::transcript::{self, Buffer, Options};
use crate::model::exclude;
#[cfg(feature = "sync")]
use crate::model::page::Page;
#[cfg(feature = "index")]
use crate::storage::Trial;
use crate::storage::{Journal, Reader, Recall, from_snapshots};
#[cfg(feature = "sync")]
use crate::sync::text::{self, Author, WorkerCommand};

/// What the readers keep between two inputs.
#[derive(Debug, Default)]
pub struct Readers {
    buffer: Buffer,
    store: Option<Reader>,
    /// Which event is asked about next.
    turn: usize,
}

/// What can be fed.
pub const NAMES: &[&str] = &[
    "transcript",
    "hook",
    "config",
    "settings",
    "snapshot",
    "notes",
    #[cfg(feature = "sync")]
    "segment",
    #[cfg(feature = "sync")]
    "record",
    #[cfg(feature = "sync")]
    "keybox",
    #[cfg(feature = "sync")]
    "export",
];

/// The time at which hooks are asked, in milliseconds since the Unix epoch.
const NOW: i64 = 1_767_323_045_000;

impl Readers {
    /// Gives `bytes`, which the file at `path` holds, to the reader `name`. `home` is a home that
    /// has learned something; for `snapshot` it is the one that the file belongs to. What makes no
    /// sense is refused or passed over.
    ///
    /// # Panics
    /// When a reader has a defect, and for an unknown name.
    pub fn feed(&mut self, name: &str, bytes: &[u8], path: &Path, home: &Path) {
        match name {
            "transcript" => self.transcript(path),
            "hook" => {
                let store = self.store.get_or_insert_with(|| {
                    Reader::open(home).expect("the home has learned something")
                });
                hook(&String::from_utf8_lossy(bytes), home, store);
            }
            "config" => drop(config::parses(&String::from_utf8_lossy(bytes))),
            "settings" => settings(path),
            "snapshot" => {
                self.turn = (self.turn + 1) % EVENTS.len();
                ask(EVENTS[self.turn], home);
            }
            "notes" => notes(path),
            #[cfg(feature = "sync")]
            "segment" | "record" | "keybox" | "export" => crate::sync::nonsense::feed(name, bytes),
            other => panic!("there is no reader {other}"),
        }
    }

    /// A transcript, at once and from the midst of it.
    fn transcript(&mut self, path: &Path) {
        for last_is_final in [false, true] {
            let options = Options { last_is_final, ..Options::default() };
            let Ok(read) = transcript::read(path, None, options, &mut self.buffer) else {
                continue;
            };
            let account = &read.summary.account;
            let counted = account.learned + account.skipped.values().sum::<u64>();
            assert_eq!(counted, account.lines, "a line is not accounted for");
            let cursor = read.summary.cursor;
            let again = transcript::read(path, Some(&cursor), options, &mut self.buffer);
            assert!(again.is_ok_and(|again| again.steps.is_empty()), "a step was read twice");
        }
    }
}

/// An event of the client, answered from `recall`.
fn hook(text: &str, home: &Path, recall: &dyn Recall) {
    let Ok(wire) = serde_json::from_str::<Wire<'_>>(text) else { return };
    let event = HookEvent::from_wire(wire);
    let around = Surroundings {
        home,
        project_dir: None,
        now: NOW,
        encoder: None,
        holdout: 0.0,
        disk: None,
        exclusions: &exclude::NOTHING,
    };
    if let Ok(Some(said)) = inject_from(recall, &event, &around) {
        let answer = context::answer(&event.name, &said.text);
        serde_json::from_str::<serde_json::Value>(&answer).expect("an answer is JSON");
    }
    // The next event is the first of its session again.
    let _absent = std::fs::remove_file(Journal::path(home, &event.session, &event.agent));
}

/// Settings of the client: what can be edited is edited and taken back.
fn settings(path: &Path) {
    let entries = HookEntries::for_binary(Path::new("/usr/bin/mana")).expect("the path is plain");
    let Ok(file) = SettingsFile::read(path) else { return };
    let _noted = file.text().map(notices);
    if let Ok(plan) = file.plan_install(&entries) {
        let _shown = file.diff(&plan);
        let text = plan.new_text().expect("installing leaves a file");
        // A mark of the byte order stays, as all that is the user's own.
        let text = text.trim_start_matches('\u{feff}');
        serde_json::from_str::<serde_json::Value>(text).expect("what is written is JSON");
    }
    let _plan = file.plan_uninstall();
}

/// Kinds of events that are answered from a snapshot: the event, the tool, its input.
const EVENTS: &[(&str, &str, &str)] = &[
    ("SessionStart", "", "{}"),
    ("UserPromptSubmit", "", "{}"),
    ("PreToolUse", "Bash", r#"{"command": "./check part3"}"#),
    ("PreToolUse", "Edit", r#"{"file_path": "README.md"}"#),
    ("PostToolUseFailure", "Bash", r#"{"command": "./check part3"}"#),
];

/// An event, answered from the snapshots of `home`.
fn ask((name, tool, input): (&str, &str, &str), home: &Path) {
    let project = std::fs::read_to_string(home.join("asked-in")).unwrap_or_default();
    let event = serde_json::json!({
        "session_id": "torture", "cwd": project, "hook_event_name": name, "source": "startup",
        "prompt": "please run the checks of part 3 again", "tool_name": tool,
        "tool_use_id": "toolu_1",
        "tool_input": serde_json::from_str::<serde_json::Value>(input).expect("it is JSON"),
        "error": "Exit code 3\nerror: no suite selected for part3",
    });
    let _answered = from_snapshots(home, |recall| hook(&event.to_string(), home, recall));
}

/// A home with vectors that look random, and the index over them.
#[cfg(feature = "index")]
#[derive(Debug)]
pub struct Vectors(Trial);

#[cfg(feature = "index")]
impl Vectors {
    /// The home at `home`, which is made.
    ///
    /// # Panics
    /// This and what follows, where the home cannot be written.
    pub fn open(home: &Path) -> Self {
        Self(Trial::open(home).expect("the home can be opened"))
    }

    /// Gives patterns in these rows the vectors of a seed, all of them or none.
    pub fn put(&mut self, rows: std::ops::Range<i64>, seed: u64) {
        self.0.put(rows, seed).expect("the home can be written");
    }

    /// Removes the patterns in these rows, all of them or none.
    pub fn remove(&mut self, rows: std::ops::Range<i64>) {
        self.0.remove(rows).expect("the home can be written");
    }

    /// Brings the index in line with the vectors.
    pub fn index(&mut self) {
        self.0.index().expect("the index can be written");
    }

    /// The rows that the index finds nearest to the vector of `row`; `None` where there is no
    /// index of the present vectors.
    pub fn nearest(home: &Path, row: i64, seed: u64) -> Option<Vec<i64>> {
        Trial::nearest(home, row, seed).expect("the home can be read")
    }
}

/// Documents of shared text, read by a process that may die of them.
#[cfg(feature = "sync")]
#[derive(Debug)]
pub struct Documents(WorkerCommand);

#[cfg(feature = "sync")]
impl Documents {
    /// `program` is the `mana` that reads them.
    pub fn new(program: &Path) -> Self {
        Self(WorkerCommand::new(program, ["text-worker"]))
    }

    /// An honest document in which `edits` people wrote, of whom number `seed` was the first.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn honest(seed: u8, edits: u8) -> Vec<u8> {
        let author =
            |n: u8| Author { actor: [seed.wrapping_add(n); 16], now: NOW + 1_000 * i64::from(n) };
        let page = |n: u8| Page {
            title: format!("title {n}"),
            body: format!("what agents read, in the words of number {n} of {seed}"),
            tags: (0..n % 4).map(|tag| format!("tag {tag}")).collect(),
            notes: "a note\n".repeat(usize::from(n)),
        };
        let first = text::create(&author(0), "the learned words", &page(0));
        let first = first.expect("a page makes a document");
        (1..edits).fold(first, |document, n| {
            text::edit(&document, None, &author(n), &page(n)).expect("an honest document is edited")
        })
    }

    /// Has both merged; what came of it as its size, or the reason why there is nothing.
    ///
    /// # Errors
    /// The reason, with its cause.
    pub fn merge(&self, ours: Option<&[u8]>, theirs: &[u8]) -> Result<usize, String> {
        let merged = text::merge_guarded(&self.0, ours, theirs);
        merged.map(|(document, _)| document.len()).map_err(|error| error.to_string())
    }

    /// Has a document made anew.
    ///
    /// # Errors
    /// As [`Documents::merge`].
    pub fn renew(&self, document: &[u8]) -> Result<usize, String> {
        let renewed = text::renew_guarded(&self.0, document, None);
        renewed.map(|(document, _)| document.len()).map_err(|error| error.to_string())
    }
}

/// A session's journal, and what ended since the last learning run.
fn notes(path: &Path) {
    let journal = Journal::read(path);
    let _shown = journal.shown().count();
    let _touched = journal.touched();
    if let Some(folder) = path.parent() {
        let _pending = Pending::read(folder);
    }
}
