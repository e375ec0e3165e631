//! What the readers hand over, into the store.

use std::sync::mpsc::Receiver;

use super::intake::{Due, Intake};
use super::learn::{Progress, Report};
use super::project::Projects;
use super::reading::Part;
use super::transcript::{Chunk, Reading, Summary};
use crate::storage::{Account, StorageError, Store};

/// Steps after which a transaction ends. Every file is stored as a whole; several of them share
/// a transaction, because each writes much the same pages of the indexes again.
const TOGETHER: usize = 4_096;

/// Damaged lines that a report names.
const DAMAGED_NAMED: usize = 20;

/// Stores what comes out of `parts`, until the readers have read all that is `due`, as of `now`,
/// and tells it to `report` and `progress`.
pub(super) fn file_all(
    store: &mut Store,
    due: &[Due],
    parts: &Receiver<Part>,
    now: i64,
    report: &mut Report,
    progress: &dyn Fn(Progress),
) -> Result<(), StorageError> {
    let mut projects = Projects::default();
    loop {
        let more = store.atomically(|store| {
            let (projects, report) = (&mut projects, &mut *report);
            Filing { store, due, projects, now, report, progress }.some(parts)
        })?;
        if !more {
            return Ok(());
        }
    }
}

/// Files being stored in one transaction.
struct Filing<'a> {
    store: &'a mut Store,
    due: &'a [Due],
    projects: &'a mut Projects,
    now: i64,
    report: &'a mut Report,
    progress: &'a dyn Fn(Progress),
}

impl Filing<'_> {
    /// Stores the next few files; returns whether there may be more.
    fn some(&mut self, parts: &Receiver<Part>) -> Result<bool, StorageError> {
        let mut steps = 0;
        while steps < TOGETHER {
            let Ok(part) = parts.recv() else { return Ok(false) };
            let due = self.due;
            let (due, stored) = match part {
                Part::Whole(number, reading) => {
                    let due = &due[number];
                    (due, reading.map(|reading| self.whole(due, reading, &mut steps)))
                }
                Part::Large(number) => {
                    let due = &due[number];
                    (due, self.large(due, parts, &mut steps))
                }
                Part::Steps(_) | Part::End(_) => {
                    unreachable!("the parts of a large file are taken where it begins")
                }
            };
            match stored {
                Ok(stored) => self.account(due, stored?),
                Err(problem) => self.report.unreadable.push(problem),
            }
            (self.progress)(Progress::Read(due.new_bytes()));
        }
        Ok(true)
    }

    fn whole(
        &mut self,
        due: &Due,
        Reading { steps, updates, summary }: Reading,
        count: &mut usize,
    ) -> Result<(Account, u64), StorageError> {
        *count += steps.len();
        let mut file = Intake::begin(self.store, self.projects, due)?;
        file.put(&Chunk { steps, updates })?;
        file.finish(&summary, self.now)
    }

    /// Stores a file that is too large to hold all its steps: its pages are written as they fill
    /// up, and a crash in between leaves nothing of it. If it could not be read to its end, what
    /// was read is kept, and read again next time.
    fn large(
        &mut self,
        due: &Due,
        parts: &Receiver<Part>,
        count: &mut usize,
    ) -> Result<Result<(Account, u64), StorageError>, String> {
        let mut stored = Intake::begin(self.store, self.projects, due);
        let summary: Summary = loop {
            match parts.recv() {
                Ok(Part::Steps(chunk)) => {
                    *count += chunk.steps.len();
                    stored = stored.and_then(|mut file| file.put(&chunk).map(|()| file));
                }
                Ok(Part::End(summary)) => break (*summary)?,
                Ok(Part::Whole(..) | Part::Large(_)) | Err(_) => {
                    unreachable!("a large file has an end, and nothing comes before it")
                }
            }
            if let Err(error) = stored {
                return Ok(Err(error));
            }
        };
        Ok(stored.and_then(|file| file.finish(&summary, self.now)))
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
