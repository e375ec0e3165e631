//! Transcripts into the store: what was read of a file, as one transaction.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::discover::{Root, TranscriptFile};
use super::project::{Projects, key_of};
use super::transcript::{Buffer, Chunk, Cursor, Summary, started_in};
use crate::model::dates::is_possible;
use crate::model::exclude::Exclusions;
use crate::model::trajectory::{Step, TrajectoryKey};
use crate::storage::{
    Account, CallResult, StepPlace, StorageError, Store, StoredCursor, transcript_folder,
};
use crate::workspace;

/// A file with something new in it.
#[derive(Debug)]
pub(super) struct Due {
    /// The file.
    pub(super) file: TranscriptFile,
    from: Option<(StoredCursor, Account)>,
}

impl Due {
    /// Bytes to be read, as far as the sizes tell.
    pub(super) fn new_bytes(&self) -> u64 {
        match &self.from {
            Some((cursor, _)) if cursor.offset <= self.file.size => self.file.size - cursor.offset,
            // A file that shrank is read again from its start.
            _ => self.file.size,
        }
    }

    /// Where reading goes on.
    pub(super) fn cursor(&self) -> Option<Cursor> {
        self.from.as_ref().map(|(stored, _)| Cursor {
            offset: stored.offset,
            line: stored.line,
            size: stored.size,
            inode: stored.inode,
            tail_hash: stored.tail_hash,
        })
    }
}

/// What of the files that were found is to be read.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// The files whose size or time differs from when they were read.
    pub(super) due: Vec<Due>,
    /// How many files count at all.
    pub(super) files: u64,
    /// How many are left out because they are of excluded projects: of these nothing is noted, not
    /// even their names.
    pub(super) excluded: u64,
}

/// Chooses among the `files` that were found under `roots`.
pub(super) fn choose(
    store: &Store,
    files: Vec<TranscriptFile>,
    roots: &[Root],
    exclusions: &Exclusions,
) -> Result<Choice, StorageError> {
    let mut choice = Choice::default();
    let mut sessions = Sessions {
        exclusions,
        folders: HashMap::new(),
        home: roots.iter().find_map(HomeProject::of),
        buffer: Buffer::default(),
    };
    for file in files {
        if sessions.is_elsewhere(&file.path) {
            continue;
        }
        choice.files += 1;
        if sessions.is_excluded(store, &file.path)? {
            choice.excluded += 1;
            continue;
        }
        let known = store.transcript(&path_text(&file.path))?;
        let from = known.map(|(_, cursor, account)| (cursor, account));
        let same = from.as_ref().is_some_and(|(cursor, _)| {
            cursor.size == file.size && cursor.modified == modified(&file)
        });
        if !same {
            choice.due.push(Due { file, from });
        }
    }
    Ok(choice)
}

/// The project whose own home learns.
struct HomeProject<'a> {
    /// The client's folder of transcripts.
    transcripts: &'a Path,
    /// The project's folder, as it was named and as it really is.
    folders: [PathBuf; 2],
    /// Its key, where more than a folder's name speaks for it.
    key: Option<String>,
    /// Whether it is the project of a folder, by folders in which sessions started.
    known: HashMap<String, bool>,
}

impl<'a> HomeProject<'a> {
    fn of(root: &'a Root) -> Option<Self> {
        let Root::Project { transcripts, folder } = root else { return None };
        let real = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        let key = workspace::identify(&real).key;
        Some(Self {
            transcripts,
            folders: [folder.clone(), real],
            key: (!workspace::is_guess(&key)).then_some(key),
            known: HashMap::new(),
        })
    }

    /// Whether a session that started in `started` is one of it: there, below it, or in another
    /// checkout of the same repository.
    fn has(&mut self, started: String) -> bool {
        let Self { folders, key, known, .. } = self;
        *known.entry(started).or_insert_with_key(|started| {
            let started = Path::new(started);
            folders.iter().any(|folder| started.starts_with(folder))
                || key.as_ref().is_some_and(|key| workspace::identify(started).key == *key)
        })
    }
}

/// Which sessions are not learned.
struct Sessions<'a> {
    exclusions: &'a Exclusions,
    /// Whether they are of excluded projects, by folders in which they started.
    folders: HashMap<String, bool>,
    home: Option<HomeProject<'a>>,
    buffer: Buffer,
}

impl Sessions<'_> {
    /// Whether the home that learns is a project's own, and the session of the transcript at `path`
    /// is not known to be of that project; a subagent's is its parent's.
    fn is_elsewhere(&mut self, path: &Path) -> bool {
        let Some(home) = self.home.as_mut().filter(|home| path.starts_with(home.transcripts))
        else {
            return false;
        };
        let buffer = &mut self.buffer;
        let mut files = with_main(path).into_iter().rev();
        !files.find_map(|file| started_in(&file, buffer)).is_some_and(|started| home.has(started))
    }

    /// Whether the session of the transcript at `path` is of an excluded project; a subagent's is
    /// its parent's.
    fn is_excluded(&mut self, store: &Store, path: &Path) -> Result<bool, StorageError> {
        if !self.exclusions.has_projects() {
            return Ok(false);
        }
        for file in with_main(path) {
            if let Some(folder) = started_in(&file, &mut self.buffer)
                && self.is_excluded_folder(store, folder)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_excluded_folder(&mut self, store: &Store, folder: String) -> Result<bool, StorageError> {
        if let Some(known) = self.folders.get(&folder) {
            return Ok(*known);
        }
        let excluded = self.exclusions.folder(&folder)
            || self.exclusions.has_names() && self.exclusions.project(&key_of(store, &folder)?);
        self.folders.insert(folder, excluded);
        Ok(excluded)
    }
}

/// The transcript at `path`, and that of its session where it is a subagent's.
fn with_main(path: &Path) -> Vec<PathBuf> {
    let main = main_transcript(path);
    let mut files = vec![path.to_path_buf()];
    if main != path {
        files.push(main.with_extension("jsonl"));
    }
    files
}

/// The main transcript of the session that the file at `path` belongs to, without its extension
/// where the file is a subagent's, which lies in a folder below its session's.
fn main_transcript(path: &Path) -> PathBuf {
    let text = path.to_string_lossy();
    match text.find("/subagents/") {
        Some(at) => PathBuf::from(&text[..at]),
        None => path.to_path_buf(),
    }
}

fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn modified(file: &TranscriptFile) -> i64 {
    file.modified.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// A transcript whose steps are being stored.
#[derive(Debug)]
pub(super) struct Intake<'a> {
    store: &'a mut Store,
    projects: &'a mut Projects,
    due: &'a Due,
    /// When it is read.
    now: i64,
    transcript: i64,
    folder: String,
    /// Rows of its trajectories; `None` for one that is forgotten.
    rows: HashMap<TrajectoryKey, Option<i64>>,
    /// Their projects, where a time of only one project is forgotten.
    of_projects: HashMap<TrajectoryKey, i64>,
}

impl<'a> Intake<'a> {
    /// Begins with a file. Call it inside [`Store::atomically`].
    pub(super) fn begin(
        store: &'a mut Store,
        projects: &'a mut Projects,
        due: &'a Due,
        now: i64,
    ) -> Result<Self, StorageError> {
        let path = path_text(&due.file.path);
        let transcript = store.ensure_transcript(&path)?;
        let main = main_transcript(&due.file.path);
        let folder = transcript_folder(&main.to_string_lossy()).unwrap_or_default();
        Ok(Self {
            store,
            projects,
            due,
            now,
            transcript,
            folder,
            rows: HashMap::new(),
            of_projects: HashMap::new(),
        })
    }

    /// Gives steps without a time, and those of a clock that was not set, the time of the file.
    pub(super) fn date(&self, chunk: &mut Chunk) {
        for (_, step) in &mut chunk.steps {
            step.at = step.at.filter(|at| is_possible(*at, self.now)).or(Some(self.written()));
        }
    }

    /// When the file was last written to; where that cannot be either, the present.
    fn written(&self) -> i64 {
        let written = modified(&self.due.file);
        if is_possible(written, self.now) { written } else { self.now }
    }

    /// Stores steps and results.
    pub(super) fn put(&mut self, chunk: &Chunk) -> Result<(), StorageError> {
        for (key, step) in &chunk.steps {
            if self.store.is_forgotten_step(step.id)? || self.is_of_forgotten_time(key, step)? {
                continue;
            }
            let row = match self.rows.get(key) {
                Some(row) => *row,
                None => self.trajectory(key, step)?,
            };
            if let Some(trajectory) = row {
                let place = StepPlace { trajectory, transcript: self.transcript };
                self.store.put_step(place, step)?;
            }
        }
        for update in &chunk.updates {
            if self.store.is_forgotten_step(update.call)? {
                continue;
            }
            self.store.update_call(&CallResult {
                call: update.call,
                transcript: self.transcript,
                outcome: update.outcome,
                error: &update.error,
                detail: update.detail.as_deref().unwrap_or(""),
            })?;
        }
        Ok(())
    }

    /// Whether a step happened in a time that is forgotten. It is noted as forgotten then.
    fn is_of_forgotten_time(
        &mut self,
        key: &TrajectoryKey,
        step: &Step,
    ) -> Result<bool, StorageError> {
        if !self.store.forgets_times() {
            return Ok(false);
        }
        let project = if let Some(project) = self.of_projects.get(key) {
            *project
        } else {
            let place = self.projects.of(self.store, &step.cwd, &self.folder)?;
            *self.of_projects.entry(key.clone()).or_insert(place.project)
        };
        let at = step.at.unwrap_or_else(|| self.written());
        let forgotten = self.store.is_forgotten_time(at, project)?;
        if forgotten {
            self.store.forget_unread(step.id)?;
        }
        Ok(forgotten)
    }

    /// The row of a trajectory whose first step of this reading is `step`.
    fn trajectory(
        &mut self,
        key: &TrajectoryKey,
        step: &Step,
    ) -> Result<Option<i64>, StorageError> {
        let row = if self.store.is_forgotten_session(&key.session)? {
            None
        } else {
            // The first step ever seen decides, so that the portions of reading do not matter.
            let at = step.at.unwrap_or_else(|| self.written());
            let place = self.projects.of(self.store, &step.cwd, &self.folder)?;
            Some(self.store.ensure_trajectory(
                key,
                place.project,
                &place.folder,
                &place.base,
                at,
            )?)
        };
        self.rows.insert(key.clone(), row);
        Ok(row)
    }

    /// Stores the cursor and the account; returns the account of this reading and its bytes.
    pub(super) fn finish(self, summary: &Summary) -> Result<(Account, u64), StorageError> {
        let read = account_of(summary);
        let cursor = StoredCursor {
            offset: summary.cursor.offset,
            line: summary.cursor.line,
            size: summary.cursor.size,
            modified: modified(&self.due.file),
            inode: summary.cursor.inode,
            tail_hash: summary.cursor.tail_hash,
        };
        let (mut total, start) = match (&self.due.from, summary.restart) {
            (Some((before, account)), None) => (account.clone(), before.offset),
            // Read again from its start: the account begins anew.
            _ => (Account::default(), 0),
        };
        total.add(&read);
        self.store.save_cursor(self.transcript, &cursor, &total, self.now)?;
        Ok((read, cursor.offset - start))
    }
}

fn account_of(summary: &Summary) -> Account {
    let account = &summary.account;
    Account {
        learned: account.learned,
        skipped: account
            .skipped
            .iter()
            .map(|(reason, count)| (reason.describe().to_string(), *count))
            .collect(),
        bad: account.bad.iter().map(|b| (b.line, b.reason.describe().to_string())).collect(),
        hooks: account.hooks.clone(),
    }
}
