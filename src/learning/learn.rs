//! The use case behind `mana learn`: everything that is new in the transcripts, into the store.
//!
//! Safe to repeat and to kill: a file's steps and its cursor are stored in one transaction, what
//! trajectories say in another, and trajectories that were read but not yet extracted are marked
//! as such. What comes out does not depend on the order or the portions of reading.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;

use super::discover::{Root, discover};
use super::extract::{self, REVISION};
use super::filing::file_all;
use super::intake::{Due, changed};
use super::project;
use super::reading::read_all;
use super::workers::Workers;
use super::{contained, describe};
use crate::model::trajectory::{Body, Step};
use crate::storage::{Account, Extract, Forget, Span, StorageError, Store, StoredTrajectory};

/// Steps that are extracted side by side.
const BATCH_STEPS: u64 = 4_096;

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
    /// Files that had anything new.
    pub(crate) files_read: u64,
    /// Bytes read.
    pub(crate) bytes: u64,
    /// What became of the lines read.
    pub(crate) account: Account,
    /// Lines read.
    pub(crate) lines: u64,
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
}

/// Learns what is new under `roots`, as of `now` (milliseconds since the Unix epoch).
///
/// A database that turns out to be damaged is set aside and built anew.
pub(crate) fn learn(
    store: &mut Store,
    home: &Path,
    roots: &[Root],
    now: i64,
    progress: &dyn Fn(Progress),
) -> Result<Report, StorageError> {
    let mut learned = learn_once(store, home, roots, now, progress);
    if learned.as_ref().is_err_and(StorageError::is_damage) {
        store.rebuild(now)?;
        learned = learn_once(store, home, roots, now, progress);
    }
    let mut report = learned?;
    report.set_aside = store.set_aside().map(Path::to_path_buf);
    Ok(report)
}

/// Forgets what is named, so that no word of it is left, and learns anew from the rest of what it
/// was learned from. Returns how many patterns or trajectories were forgotten.
pub(crate) fn forget(store: &mut Store, what: &Forget, now: i64) -> Result<u64, StorageError> {
    let forgotten = store.forget(what, now)?;
    if forgotten > 0 {
        Run::new(store, now, &|_| {}).extract_all(&Workers::start())?;
    }
    store.purge()?;
    store.publish()?;
    Ok(forgotten)
}

fn learn_once(
    store: &mut Store,
    home: &Path,
    roots: &[Root],
    now: i64,
    progress: &dyn Fn(Progress),
) -> Result<Report, StorageError> {
    let found = discover(roots);
    let files = found.files.len() as u64;
    let due = changed(store, found.files)?;
    progress(Progress::Reading(due.iter().map(Due::new_bytes).sum()));
    let mut run = Run::new(store, now, progress);
    run.report.files = files;
    run.report.unreadable.extend(found.unreadable.iter().map(describe));
    let workers = Workers::start();
    run.read(&due, &workers)?;
    run.store.atomically(|store| {
        store.drop_needless_results()?;
        project::settle(store)
    })?;
    // Before extraction, which marks those that the transcripts show as delivered.
    run.report.injections = run.store.import_journals(home, now)?;
    run.extract_all(&workers)?;
    // A process that reads now keeps the log from being emptied; the next run does it.
    let _emptied = run.store.checkpoint()?;
    // Without snapshots hooks ask the database, which takes longer and says the same.
    if let Err(error) = run.store.publish() {
        run.report.unreadable.push(describe(&error));
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
    fn read(&mut self, due: &[Due], workers: &Workers) -> Result<(), StorageError> {
        let (now, progress) = (self.now, self.progress);
        let (store, report) = (&mut *self.store, &mut self.report);
        read_all(due, workers, |parts| file_all(store, due, parts, now, report, progress))
    }

    /// Extracts every trajectory that is due: steps in, patterns out, side by side; stored in
    /// order.
    fn extract_all(&mut self, workers: &Workers) -> Result<(), StorageError> {
        let due = self.store.trajectories_to_do(REVISION)?;
        (self.progress)(Progress::Extracting(due.len() as u64));
        let mut rest = due.as_slice();
        while !rest.is_empty() {
            let (batch, after) = rest.split_at(self.batch(rest)?);
            self.extract(batch, workers)?;
            self.report.trajectories += batch.len() as u64;
            (self.progress)(Progress::Extracted(batch.len() as u64));
            rest = after;
        }
        self.store.drop_empty_projects()?;
        self.store.refresh_postings()
    }

    /// How many of the trajectories are loaded at once.
    fn batch(&self, trajectories: &[StoredTrajectory]) -> Result<usize, StorageError> {
        let mut steps = 0;
        for (n, trajectory) in trajectories.iter().enumerate() {
            steps += self.store.step_count(trajectory.id)?;
            if steps > BATCH_STEPS {
                return Ok(n.max(1));
            }
        }
        Ok(trajectories.len())
    }

    fn extract(
        &mut self,
        batch: &[StoredTrajectory],
        workers: &Workers,
    ) -> Result<(), StorageError> {
        let loaded: Vec<(&StoredTrajectory, Vec<Step>)> = batch
            .iter()
            .map(|trajectory| Ok((trajectory, self.store.steps(trajectory.id)?)))
            .collect::<Result<_, StorageError>>()?;
        let results: Vec<Result<Extracted<'_>, String>> =
            workers.run(|| loaded.into_par_iter().map(Extracted::of).collect());
        let mut extracted = Vec::with_capacity(results.len());
        for result in results {
            match result {
                Ok(done) => extracted.push(done),
                Err(problem) => self.report.unreadable.push(problem),
            }
        }
        let pairs: Vec<_> = extracted.iter().map(|done| (done.trajectory, &done.extract)).collect();
        let now = self.now;
        self.store.atomically(|store| {
            store.replace_extracts(&pairs, now)?;
            for done in &extracted {
                for Delivery { event, tool_use, pattern } in &done.deliveries {
                    let session = &done.trajectory.key.session;
                    store.confirm_delivery(session, event, tool_use, pattern)?;
                }
                store.mark_extracted(done.trajectory.id, REVISION, done.span)?;
            }
            Ok(())
        })
    }
}

/// What one trajectory says; its steps are not needed any more.
#[derive(Debug)]
struct Extracted<'a> {
    trajectory: &'a StoredTrajectory,
    extract: Extract,
    deliveries: Vec<Delivery>,
    span: Option<Span>,
}

/// A pattern that a hook delivered.
#[derive(Debug)]
struct Delivery {
    event: String,
    tool_use: String,
    pattern: String,
}

impl<'a> Extracted<'a> {
    /// Extracts a trajectory, or says that it lays a defect bare.
    fn of((trajectory, steps): (&'a StoredTrajectory, Vec<Step>)) -> Result<Self, String> {
        let extract = contained(&format!("session {}", trajectory.key.session), || {
            extract::extract(&steps, &trajectory.root, trajectory.key.agent.is_empty())
        })?;
        let span = Span::of(&steps);
        let deliveries = steps.into_iter().flat_map(deliveries).collect();
        Ok(Self { trajectory, extract, deliveries, span })
    }
}

fn deliveries(step: Step) -> Vec<Delivery> {
    let Body::Injection { event, tool_use, patterns } = step.body else { return Vec::new() };
    let delivery = |pattern| Delivery { event: event.clone(), tool_use: tool_use.clone(), pattern };
    patterns.into_iter().map(delivery).collect()
}

#[cfg(test)]
mod tests;
