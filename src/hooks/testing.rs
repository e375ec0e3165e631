//! A home with what scripted sessions taught, and questions to it, for tests.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::checkout::Disk;
use super::event::{HookEvent, Moment, ToolCall};
use super::inject::{Surroundings, inject};
use crate::learning::extract::extract;
use crate::learning::extract::testing::{ROOT, steps_of};
use crate::model::exclude;
use crate::model::page::Page;
use crate::model::pattern::{Draft, Kind};
use crate::model::rank::Weights;
use crate::model::trajectory::TrajectoryKey;
use crate::model::vector::testing::Words;
use crate::storage::{
    Extract, Journal, Reader, Store, StoredRoot, StoredTrajectory, answered_from_snapshots,
};

pub(super) use crate::learning::extract::testing::NOW;

pub(super) const DAY: i64 = 86_400_000;

const HOUR: i64 = 3_600_000;

/// A home with one project, at `~/app`.
pub(super) struct Desk {
    home: TempDir,
    store: Store,
    /// Row of the project.
    pub(super) project: i64,
}

impl Desk {
    pub(super) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        store.encode_with(Some(Box::new(Words)));
        let mut desk = Self { home, store, project: 0 };
        desk.project = desk.add_project("name:app", ROOT, "transcripts:-home-dev-app");
        desk
    }

    pub(super) fn reader(&self) -> &Reader {
        &self.store
    }

    /// Adds a project whose sessions ran in `root`; returns its row.
    pub(super) fn add_project(&mut self, key: &str, root: &str, transcripts: &str) -> i64 {
        let project = self.store.ensure_project(key, key).unwrap();
        for path in [root, transcripts] {
            let root = StoredRoot {
                path: path.into(),
                project,
                base: if path == root { root.into() } else { String::new() },
                seen: true,
            };
            self.store.note_root(&root).unwrap();
        }
        self.store.refresh_postings().unwrap();
        self.publish();
        project
    }

    /// Learns a session from its script; it took place `days` and an hour before now.
    pub(super) fn learn(&mut self, session: &str, days: i64, script: &str) {
        let steps = steps_of(session, NOW - days * DAY - HOUR, script);
        let end = steps.last().and_then(|step| step.at).unwrap_or(NOW);
        self.store_extract(session, end, &extract(&steps, ROOT, true));
    }

    /// Stores a draft as what one session said.
    pub(super) fn put(&mut self, session: &str, draft: Draft) {
        let at = draft.evidence[0].at;
        self.store_extract(session, at, &Extract { drafts: vec![draft], ..Extract::default() });
    }

    /// Puts a person's words in the place of what is told of the first pattern of this kind.
    pub(super) fn rewrite(&mut self, kind: Kind, words: &str) {
        let pattern = self.store.best(kind, 1).unwrap().remove(0);
        let page = Page { body: words.into(), ..Page::default() };
        self.store
            .atomically(|store| store.put_edit(pattern.id, b"document", &page, Some(words), NOW))
            .unwrap();
        self.store.refresh_postings().unwrap();
        self.publish();
    }

    /// Uses other weights of the model for files; `None` for the shipped ones.
    pub(super) fn weigh(&mut self, weights: Option<&Weights>) {
        self.store.set_place_weights(weights, NOW).unwrap();
        self.publish();
    }

    fn store_extract(&mut self, session: &str, at: i64, extract: &Extract) {
        let key = TrajectoryKey { session: session.into(), agent: String::new() };
        let id = self.store.ensure_trajectory(&key, self.project, ROOT, ROOT, at).unwrap();
        let trajectory = StoredTrajectory { id, key, project: self.project, root: ROOT.into() };
        self.store
            .atomically(|store| store.replace_extracts(&[(&trajectory, extract)], NOW))
            .unwrap();
        self.store.refresh_postings().unwrap();
        self.publish();
    }

    /// The client's configuration folder.
    pub(super) fn agent(&self) -> PathBuf {
        self.home.path().join("agent")
    }

    /// A checkout of the project on this disk with these files, each with its text.
    pub(super) fn check_out(&mut self, files: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let path = folder.path().to_string_lossy().into_owned();
        let root = StoredRoot { path: path.clone(), project: self.project, base: path, seen: true };
        self.store.note_root(&root).unwrap();
        self.publish();
        folder
    }

    /// What MANA says to an event in this folder.
    pub(super) fn ask_in(&self, folder: &Path, session: &str, moment: Moment) -> Vec<String> {
        let cwd = folder.to_string_lossy().into_owned();
        self.ask_with(&HookEvent { cwd, ..event(session, moment) }, 0.0)
    }

    fn publish(&mut self) {
        assert!(self.store.checkpoint().unwrap());
        self.store.publish().unwrap();
    }

    /// What MANA says to an event, a share of it held back.
    pub(super) fn ask_with(&self, event: &HookEvent, holdout: f64) -> Vec<String> {
        let agent = self.agent();
        let around = Surroundings {
            home: self.home.path(),
            project_dir: None,
            now: NOW,
            encoder: Some(&Words),
            holdout,
            disk: Some(Disk { agent: &agent, programs: || None }),
            exclusions: &exclude::NOTHING,
        };
        // The database says what the snapshots say, and the session is told once.
        let journal = Journal::path(self.home.path(), &event.session, &event.agent);
        let before = std::fs::read(&journal).ok();
        let [snapshots, away] = ["snapshots", "away"].map(|name| self.home.path().join(name));
        std::fs::rename(&snapshots, &away).unwrap();
        let of_database = inject(event, &around).unwrap();
        std::fs::rename(&away, &snapshots).unwrap();
        let noted = std::fs::read(&journal).ok();
        match before {
            Some(bytes) => std::fs::write(&journal, bytes).unwrap(),
            None => drop(std::fs::remove_file(&journal)),
        }
        let answer = inject(event, &around).unwrap();
        assert_eq!(answer, of_database, "{event:?}");
        assert_eq!(std::fs::read(&journal).ok(), noted, "{event:?}");
        assert!(answered_from_snapshots(self.home.path()));
        let Some(answer) = answer else { return Vec::new() };
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let output = &answer["hookSpecificOutput"];
        assert_eq!(output["hookEventName"], event.name.as_str());
        let context = output["additionalContext"].as_str().unwrap();
        context.lines().map(without_marker).collect()
    }

    /// What MANA says to an event: its lines without their markers.
    pub(super) fn ask(&self, session: &str, moment: Moment) -> Vec<String> {
        self.ask_with(&event(session, moment), 0.0)
    }

    pub(super) fn start(&self, session: &str, source: &str) -> Vec<String> {
        self.ask(session, Moment::Start { source: source.into() })
    }

    pub(super) fn prompt(&self, session: &str, text: &str) -> Vec<String> {
        self.ask(session, Moment::Prompt(text.into()))
    }

    pub(super) fn before(&self, session: &str, tool: &str, subject: &str) -> Vec<String> {
        self.ask(session, Moment::Before(call(tool, subject)))
    }

    pub(super) fn failed(
        &self,
        session: &str,
        tool: &str,
        subject: &str,
        error: &str,
    ) -> Vec<String> {
        self.ask(session, Moment::Failed { call: call(tool, subject), error: error.into() })
    }

    /// The notes of a session.
    pub(super) fn journal(&self, session: &str) -> Journal {
        Journal::read(&Journal::path(self.home.path(), session, ""))
    }
}

fn without_marker(line: &str) -> String {
    match line.strip_prefix("[mana ").and_then(|rest| rest.split_once("] ")) {
        Some((id, text)) => {
            assert_eq!(id.len(), 8, "{line}");
            text.to_string()
        }
        None => line.to_string(),
    }
}

pub(super) fn call(tool: &str, subject: &str) -> ToolCall {
    ToolCall { tool: tool.into(), id: "toolu_1".into(), subject: subject.into() }
}

/// An event of a session in `/home/dev/app`.
pub(super) fn event(session: &str, moment: Moment) -> HookEvent {
    let name = match &moment {
        Moment::Start { .. } => "SessionStart",
        Moment::SubagentStart => "SubagentStart",
        Moment::Prompt(_) => "UserPromptSubmit",
        Moment::Before(_) => "PreToolUse",
        Moment::Failed { .. } => "PostToolUseFailure",
        Moment::End { .. } => "Stop",
        Moment::Other => "Other",
    };
    HookEvent {
        name: name.into(),
        session: session.into(),
        agent: String::new(),
        cwd: "/home/dev/app".into(),
        transcript: "/home/dev/.claude/projects/-home-dev-app/x.jsonl".into(),
        moment,
    }
}
