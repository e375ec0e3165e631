//! What the readers hand over, into the store.

use std::iter::Zip;
use std::slice;
use std::sync::mpsc::{self, Receiver};

use super::intake::{Due, Intake};
use super::learn::{Progress, Report};
use super::project::Projects;
use super::reading::Part;
use crate::storage::{Account, Arriving, StorageError, Store};

/// Steps after which a transaction ends. Every file is stored as a whole; several of them share
/// a transaction, because each writes much the same pages of the indexes again.
const TOGETHER: usize = 4_096;

/// Damaged lines that a report names.
const DAMAGED_NAMED: usize = 20;

/// The files with what is read of each.
type Files<'a> = Zip<slice::Iter<'a, Due>, mpsc::Iter<'a, Receiver<Part>>>;

/// Stores what is `found` in the files that are `due`, as of `now`, and tells it to `report` and
/// `progress`.
pub(super) fn file_all(
    store: &mut Store,
    due: &[Due],
    found: &Arriving<Part>,
    now: i64,
    report: &mut Report,
    progress: &dyn Fn(Progress),
) -> Result<(), StorageError> {
    let mut projects = Projects::default();
    let mut files: Files<'_> = due.iter().zip(found.iter());
    loop {
        let more = store.atomically(|store| {
            let (projects, report) = (&mut projects, &mut *report);
            Filing { store, projects, now, report, progress }.some(&mut files)
        })?;
        if !more {
            return Ok(());
        }
    }
}

/// Files being stored in one transaction.
struct Filing<'a> {
    store: &'a mut Store,
    projects: &'a mut Projects,
    now: i64,
    report: &'a mut Report,
    progress: &'a dyn Fn(Progress),
}

impl Filing<'_> {
    /// Stores the next few files; returns whether there may be more.
    fn some(&mut self, files: &mut Files<'_>) -> Result<bool, StorageError> {
        let mut steps = 0;
        while steps < TOGETHER {
            let Some((due, parts)) = files.next() else { return Ok(false) };
            match self.file(due, &parts, &mut steps)? {
                Ok(stored) => self.account(due, stored),
                Err(problem) => self.report.unreadable.push(problem),
            }
            (self.progress)(Progress::Read(due.new_bytes()));
        }
        Ok(true)
    }

    /// Stores a file and adds its steps to `count`; returns the account of this reading and its
    /// bytes, or why the file could not be read.
    ///
    /// The pages of a file that is too large to hold all its steps are written as they fill up, and
    /// a crash in between leaves nothing of it. If it could not be read to its end, what was read
    /// is kept, and read again next time.
    fn file(
        &mut self,
        due: &Due,
        parts: &Receiver<Part>,
        count: &mut usize,
    ) -> Result<Result<(Account, u64), String>, StorageError> {
        let mut parts = parts.iter().peekable();
        if let Some(Part::Failed(problem)) = parts.next_if(|part| matches!(part, Part::Failed(_))) {
            return Ok(Err(problem));
        }
        let mut file = Intake::begin(self.store, self.projects, due, self.now)?;
        for part in parts {
            match part {
                Part::Steps(mut chunk) => {
                    *count += chunk.steps.len();
                    file.date(&mut chunk);
                    file.put(&chunk)?;
                }
                Part::End(summary) => return file.finish(&summary).map(Ok),
                Part::Failed(problem) => return Ok(Err(problem)),
            }
        }
        Ok(Err(format!("{}: reading it was broken off", due.file.path.display())))
    }

    fn account(&mut self, due: &Due, (account, bytes): (Account, u64)) {
        self.report.files_read += 1;
        self.report.bytes += bytes;
        self.report.lines += account.learned + account.skipped_lines();
        self.report.account.add(&account);
        // A line's number says nothing without its file.
        let path = due.file.path.display();
        let damaged = std::mem::take(&mut self.report.account.bad);
        let room = DAMAGED_NAMED.saturating_sub(self.report.damaged.len());
        let named = damaged.iter().take(room).map(|(line, why)| format!("{path}:{line}: {why}"));
        self.report.damaged.extend(named);
    }
}
