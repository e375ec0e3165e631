//! A home that lives as long as one project's replay: what was learned in it, and what it says.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use foldhash::HashMap;
use serde_json::{Value, json};

use super::EvaluationError;
use super::judge::{Moment, Subject};
use super::session::{Session, each_line};
use crate::hooks::event::HookEvent;
use crate::hooks::inject::{Proposed, Said, Surroundings, inject_from, propose_from};
use crate::hooks::wire::Wire;
use crate::learning::discover::Root;
use crate::learning::learn::learn;
use crate::model::exclude;
use crate::model::ids::PatternId;
use crate::model::vector::Encode;
use crate::storage::{Recall, Store};

/// Makes an encoder, as often as one is needed.
pub(crate) type EncoderMaker<'a> = &'a (dyn Fn() -> Box<dyn Encode + Send + Sync> + Sync);

/// A temporary home with one project's sessions.
pub(super) struct Scratch {
    home: PathBuf,
    projects: PathBuf,
    store: Store,
    encoder: Box<dyn Encode + Send + Sync>,
    /// The folder that all sessions are made to have run in.
    folder: String,
    /// Milliseconds since the Unix epoch.
    now: i64,
    /// What suggestions were about, until more is learned.
    subjects: HashMap<PatternId, Option<Subject>>,
}

impl Scratch {
    /// A new home below `root` for the project called `name`, whose sessions are looked at as of
    /// `now`.
    pub(super) fn new(
        root: &Path,
        name: &str,
        now: i64,
        encoder: EncoderMaker<'_>,
    ) -> Result<Self, EvaluationError> {
        let home = root.join("mana");
        let mut store = Store::open(&home, true)?;
        store.encode_with(Some(encoder()));
        // Sessions of several people and machines, as if one person had worked in one place. The
        // place does not exist: what lies on this disk must not tell more than the transcripts.
        let folder = format!("/home/dev/{}", name.rsplit("__").next().unwrap_or(name));
        Ok(Self {
            home,
            projects: root.join("projects"),
            store,
            encoder: encoder(),
            folder,
            now,
            subjects: HashMap::default(),
        })
    }

    /// Learns sessions.
    pub(super) fn learn(&mut self, sessions: &[Session]) -> Result<(), EvaluationError> {
        for session in sessions {
            self.place(session)?;
        }
        let roots = [Root::Projects(self.projects.clone())];
        learn(&mut self.store, &self.home, &roots, &exclude::NOTHING, self.now, &|_| {})?;
        // What was learned stays, and a long history need not lie on the disk twice.
        let _kept = fs::remove_dir_all(&self.projects);
        self.subjects.clear();
        Ok(())
    }

    /// What is said at event `at` of a session, which brings `fields`.
    pub(super) fn ask(
        &self,
        session: &Session,
        at: usize,
        moment: Moment,
        fields: Value,
    ) -> Result<Option<Said>, EvaluationError> {
        let text = self.event(session, at, moment, fields);
        let Ok(wire) = serde_json::from_str::<Wire<'_>>(&text) else { return Ok(None) };
        let recall: &dyn Recall = &*self.store;
        Ok(inject_from(recall, &HookEvent::from_wire(wire), &self.around(moment))?)
    }

    /// The files that the prompt at event `at` of a session, which brings `fields`, may lead to.
    pub(super) fn propose(
        &self,
        session: &Session,
        at: usize,
        fields: Value,
    ) -> Result<Vec<Proposed>, EvaluationError> {
        let text = self.event(session, at, Moment::Prompt, fields);
        let Ok(wire) = serde_json::from_str::<Wire<'_>>(&text) else { return Ok(Vec::new()) };
        let recall: &dyn Recall = &*self.store;
        Ok(propose_from(recall, &HookEvent::from_wire(wire), &self.around(Moment::Prompt))?)
    }

    /// Event `at` of a session as the client sends it, which is text.
    fn event(&self, session: &Session, at: usize, moment: Moment, fields: Value) -> String {
        let mut payload = json!({
            "hook_event_name": moment.event(),
            "session_id": session.id,
            "transcript_path": self.transcript(session),
            "cwd": session.events.get(at).map_or(".", |event| event.cwd()),
        });
        if let (Value::Object(payload), Value::Object(fields)) = (&mut payload, fields) {
            payload.extend(fields);
        }
        self.moved(session, &payload.to_string())
    }

    fn around(&self, moment: Moment) -> Surroundings<'_> {
        Surroundings {
            home: &self.home,
            project_dir: None,
            now: self.now,
            encoder: (moment == Moment::Prompt).then_some(&*self.encoder),
            holdout: 0.0,
            // What is on this disk today was not there then.
            disk: None,
            exclusions: &exclude::NOTHING,
        }
    }

    /// What a suggestion is about; `None` for one that is no longer known.
    pub(super) fn subject(&mut self, id: PatternId) -> Result<Option<&Subject>, EvaluationError> {
        if !self.subjects.contains_key(&id) {
            let found = self.look_up(&id.to_string())?;
            self.subjects.insert(id, found);
        }
        Ok(self.subjects.get(&id).and_then(Option::as_ref))
    }

    fn look_up(&self, id: &str) -> Result<Option<Subject>, EvaluationError> {
        if let Some(pattern) = self.store.patterns_by_prefix(id)?.pop() {
            return Ok(Some(Subject::Pattern(Box::new(pattern))));
        }
        let mut files = self.store.files_by_prefix(id)?;
        Ok(files.pop().map(|file| Subject::File(file.path)))
    }

    /// `text` of a session's as if it had run in the project's one folder.
    fn moved(&self, session: &Session, text: &str) -> String {
        if session.root.is_empty() {
            return text.to_owned();
        }
        text.replace(&session.root, &self.folder)
    }

    /// Where the session's transcript lies in this home.
    fn transcript(&self, session: &Session) -> PathBuf {
        let root = self.moved(session, &session.root);
        let folder: String =
            root.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        // What a transcript says of itself must not lead out of the folder.
        let harmless = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let id: String =
            session.id.chars().map(|c| if harmless(c) { c } else { '_' }).take(80).collect();
        self.projects.join(folder).join(format!("{id}.jsonl"))
    }

    /// Copies a session's transcript to where it is learned.
    #[expect(clippy::disallowed_methods, reason = "nobody reads a temporary home after a crash")]
    fn place(&self, session: &Session) -> Result<(), EvaluationError> {
        let to = self.transcript(session);
        let copy = || {
            fs::create_dir_all(to.parent().unwrap_or(&self.projects))?;
            let mut file = BufWriter::new(File::create(&to)?);
            each_line(&session.path, |line| file.write_all(self.moved(session, line).as_bytes()))?;
            file.flush()
        };
        copy().map_err(|source| EvaluationError::Copy { path: session.path.clone(), source })
    }
}
