//! The use case behind `mana learn`: everything that is new in the transcripts, into the store.
//!
//! Safe to repeat and to kill: a file's steps and its cursor are stored in one transaction, what
//! trajectories say in another, and trajectories that were read but not yet extracted are marked
//! as such. What comes out does not depend on the order or the portions of reading.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::describe;
use super::discover::{Root, discover};
use super::extract::REVISION;
use super::extracting::{Delivery, Extracted, extract_each};
use super::filing::file_all;
use super::intake::{Choice, Due, choose};
use super::project;
use super::reading::read_all;
use crate::model::exclude::Exclusions;
use crate::storage::{Account, Forget, StorageError, Store};

/// Steps of the trajectories whose patterns are stored in one transaction: the more there are, the
/// fewer patterns are brought up to date more than once, and the longer the last of them are stored
/// while nothing else is left to do.
const BATCH_STEPS: usize = 4_096;

/// Where learning stands, for a progress bar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// This many bytes of transcripts are to be read.
    Reading(u64),
    /// This many more bytes were read.
    Read(u64),
    /// This many trajectories are to be extracted.
    Extracting(u64),
    /// This many more were extracted.
    Extracted(u64),
}

/// What a run did.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub(crate) struct Report {
    /// Transcript files found.
    pub(crate) files: u64,
    /// Files of excluded projects, which are not read.
    pub(crate) files_excluded: u64,
    /// Files that had anything new.
    pub(crate) files_read: u64,
    /// Bytes read.
    pub(crate) bytes: u64,
    /// What became of the lines read.
    pub(crate) account: Account,
    /// Lines read.
    pub(crate) lines: u64,
    /// Stored steps whose times could not be, and which got those of their transcripts.
    pub(crate) redated: u64,
    /// Trajectories whose patterns were extracted.
    pub(crate) trajectories: u64,
    /// The first damaged lines as `file:line: reason`; the account counts all of them.
    pub(crate) damaged: Vec<String>,
    /// Files, folders and trajectories that were passed over, with the reason; what can be
    /// mended is learned by a later run.
    pub(crate) unreadable: Vec<String>,
    /// Injections that the sessions' journals told of.
    pub(crate) injections: u64,
    /// Where a damaged database was put; the transcripts have been learned anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) set_aside: Option<PathBuf>,
    /// What was encoded afterwards, where an encoder is in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) encoding: Option<Encoding>,
}

/// What the full encoder did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Encoding {
    /// Its name with the checksum of its weights.
    pub(crate) encoder: String,
    /// Patterns that got a vector.
    pub(crate) encoded: u64,
    /// Patterns that still wait for one.
    pub(crate) left: u64,
}

/// Learns what is new under `roots` and not excluded, as of `now` (milliseconds since the Unix
/// epoch).
///
/// A database that turns out to be damaged is set aside and built anew.
pub(crate) fn learn(
    store: &mut Store,
    home: &Path,
    roots: &[Root],
    exclusions: &Exclusions,
    now: i64,
    progress: &dyn Fn(Progress),
) -> Result<Report, StorageError> {
    let exclusions = &resolved(exclusions);
    let mut learned = learn_once(store, home, roots, exclusions, now, progress);
    if learned.as_ref().is_err_and(StorageError::is_damage) {
        store.rebuild(now)?;
        learned = learn_once(store, home, roots, exclusions, now, progress);
    }
    let mut report = learned?;
    report.set_aside = store.set_aside().map(Path::to_path_buf);
    Ok(report)
}

/// What is excluded, and where links in that lead to: transcripts name folders as they really are.
pub(crate) fn resolved(exclusions: &Exclusions) -> Exclusions {
    let real = |path: &str| Some(std::fs::canonicalize(path).ok()?.to_string_lossy().into_owned());
    exclusions.with_links(real)
}

/// Forgets what is named, so that no word of it is left, and learns anew from the rest of what it
/// was learned from. Returns how many patterns or trajectories were forgotten.
pub(crate) fn forget(store: &mut Store, what: &Forget, now: i64) -> Result<u64, StorageError> {
    let forgotten = store.forget(what, now)?;
    if forgotten > 0 {
        Run::new(store, now, &|_| {}).extract_all()?;
    }
    // The lists of what was forgotten in an interrupted run as well, before nothing is left of it.
    store.refresh_postings()?;
    store.purge()?;
    store.publish()?;
    Ok(forgotten)
}

fn learn_once(
    store: &mut Store,
    home: &Path,
    roots: &[Root],
    exclusions: &Exclusions,
    now: i64,
    progress: &dyn Fn(Progress),
) -> Result<Report, StorageError> {
    let found = discover(roots);
    let Choice { due, files, excluded } = choose(store, found.files, roots, exclusions)?;
    progress(Progress::Reading(due.iter().map(Due::new_bytes).sum()));
    let mut run = Run::new(store, now, progress);
    run.report.files = files;
    run.report.files_excluded = excluded;
    run.report.unreadable.extend(found.unreadable.iter().map(describe));
    run.read(&due, exclusions)?;
    run.report.redated = run.store.atomically(|store| {
        store.drop_needless_results()?;
        project::settle(store)?;
        store.judge_hearsay(now)?;
        store.correct_dates(now)
    })?;
    // Before extraction, which marks those that the transcripts show as delivered.
    run.report.injections = run.store.import_journals(home, now)?;
    run.extract_all()?;
    // Everything is stored: without snapshots hooks ask the database, which takes longer and says
    // the same, and a log that could not be emptied is emptied by the next run.
    match run.store.publish() {
        Err(error) if !error.is_damage() => run.report.unreadable.push(describe(&error)),
        published => published?,
    }
    Ok(run.report)
}

struct Run<'a> {
    store: &'a mut Store,
    now: i64,
    report: Report,
    progress: &'a dyn Fn(Progress),
}

impl<'a> Run<'a> {
    fn new(store: &'a mut Store, now: i64, progress: &'a dyn Fn(Progress)) -> Self {
        Self { store, now, report: Report::default(), progress }
    }

    /// Reads the files and stores what they hold.
    fn read(&mut self, due: &[Due], exclusions: &Exclusions) -> Result<(), StorageError> {
        let (now, progress) = (self.now, self.progress);
        let workers = Arc::clone(self.store.workers());
        let (store, report) = (&mut *self.store, &mut self.report);
        read_all(due, exclusions, &workers, |parts| {
            file_all(store, due, parts, now, report, progress)
        })
    }

    /// Extracts every trajectory that is due: steps in, patterns out, side by side; stored in
    /// order.
    fn extract_all(&mut self) -> Result<(), StorageError> {
        let due = self.store.trajectories_to_do(REVISION)?;
        (self.progress)(Progress::Extracting(due.len() as u64));
        let home = self.store.home().to_path_buf();
        let workers = Arc::clone(self.store.workers());
        self.store.undo_from_memory(true)?;
        let stored = extract_each(&home, &due, &workers, |found| {
            let mut batch = Vec::new();
            let mut steps = 0;
            for done in found.iter().flatten() {
                (self.progress)(Progress::Extracted(1));
                let done = match done? {
                    Ok(done) => done,
                    Err(problem) => {
                        self.report.unreadable.push(problem);
                        continue;
                    }
                };
                if steps + done.steps > BATCH_STEPS {
                    self.store_extracts(&std::mem::take(&mut batch))?;
                    steps = 0;
                }
                steps += done.steps;
                batch.push(done);
            }
            self.store_extracts(&batch)
        });
        self.store.undo_from_memory(false)?;
        stored?;
        self.store.drop_empty_projects()?;
        self.store.refresh_postings()
    }

    fn store_extracts(&mut self, extracts: &[Extracted<'_>]) -> Result<(), StorageError> {
        let all: Vec<_> = extracts
            .iter()
            .map(|done| (done.trajectory, &done.extract, done.prepared.as_slice()))
            .collect();
        let now = self.now;
        self.store.atomically(|store| {
            store.replace_prepared(&all, now)?;
            for done in extracts {
                for Delivery { event, tool_use, pattern } in &done.deliveries {
                    let session = &done.trajectory.key.session;
                    store.confirm_delivery(session, event, tool_use, pattern)?;
                }
                store.store_verdicts(&done.verdicts)?;
                store.mark_extracted(done.trajectory.id, REVISION, done.span)?;
            }
            Ok(())
        })?;
        self.report.trajectories += extracts.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
