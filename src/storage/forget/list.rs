//! What the user had forgotten, so that it is not learned again: ids, which are hashes, and times.
//!
//! They are kept in the database and, so that a rebuilt database knows them too, in a file beside it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use rusqlite::OptionalExtension;

use super::Time;
use crate::model::ids::StepId;
use crate::storage::damage::file_error;
use crate::storage::error::{Attempt, StorageError};
use crate::storage::store::Store;
use crate::storage::{file, injections};

/// File in the home that lists what was forgotten, one id in hex or one time a line.
const FORGOTTEN: &str = "forgotten";

/// What a line of [`FORGOTTEN`] that keeps a time begins with.
const TIME: &str = "time ";

/// Key of the value in `meta` that keeps all times, a line each.
const TIMES: &str = "forgotten-times";

/// A time as it is kept, so that what is read later is known to lie in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::storage) struct KeptTime {
    since: i64,
    until: i64,
    /// Hash of the project's key.
    project: Option<StepId>,
}

impl KeptTime {
    fn line(&self) -> String {
        let project = self.project.map_or_else(|| "-".into(), |id| hex(id.as_bytes()));
        format!("{TIME}{} {} {project}\n", self.since, self.until)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.strip_prefix(TIME)?.split(' ');
        let (since, until) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let project = match fields.next()? {
            "-" => None,
            id => Some(StepId::from_bytes(injections::bytes_of(id)?)),
        };
        Some(Self { since, until, project })
    }
}

/// The id under which a time of the project with this key is kept.
fn project_id(key: &str) -> StepId {
    StepId::derive(&format!("project {key}"))
}

fn hex(bytes: &[u8; 16]) -> String {
    bytes.iter().fold(String::with_capacity(32), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

/// The id under which a session is forgotten.
pub(super) fn session_id(session: &str) -> StepId {
    StepId::derive(&format!("session {session}"))
}

impl Store {
    /// Whether the user had any time forgotten.
    pub(crate) fn forgets_times(&self) -> bool {
        !self.times.is_empty()
    }

    /// Whether the user had what happened at `at` in this project forgotten.
    pub(crate) fn is_forgotten_time(&self, at: i64, project: i64) -> Result<bool, StorageError> {
        let inside = |time: &&KeptTime| (time.since..time.until).contains(&at);
        for time in self.times.iter().filter(inside) {
            let Some(id) = time.project else { return Ok(true) };
            if project_id(&self.project_names(project)?.0) == id {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the user had this session forgotten.
    pub(crate) fn is_forgotten_session(&mut self, session: &str) -> Result<bool, StorageError> {
        Ok(self.forgets && self.is_forgotten(session_id(session).as_bytes())?)
    }

    /// Whether the user had this step forgotten.
    pub(crate) fn is_forgotten_step(&mut self, step: StepId) -> Result<bool, StorageError> {
        Ok(self.forgets && self.is_forgotten(step.as_bytes())?)
    }

    /// Whether the user had the step, pattern or session with this id forgotten.
    pub(in crate::storage) fn is_forgotten(&mut self, id: &[u8; 16]) -> Result<bool, StorageError> {
        self.conn()
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM forgotten WHERE id = ?1)")
            .and_then(|mut query| query.query_row([id], |row| row.get(0)))
            .attempt("look up what was forgotten")
    }

    /// Notes a step as forgotten because of its time, so that its result is not learned either.
    pub(crate) fn forget_unread(&mut self, step: StepId) -> Result<(), StorageError> {
        self.forgets = true;
        self.note_forgotten(&BTreeSet::from([*step.as_bytes()]))
    }

    /// Notes ids as forgotten: first in the file, then in the database, so that a crash between
    /// the two forgets too much rather than too little.
    pub(super) fn note_forgotten(&mut self, ids: &BTreeSet<[u8; 16]>) -> Result<(), StorageError> {
        let mut lines = String::with_capacity(ids.len() * 33);
        for id in ids {
            lines.push_str(&hex(id));
            lines.push('\n');
        }
        file::append(&self.home.join(FORGOTTEN), lines.as_bytes()).map_err(file_error)?;
        self.keep_forgotten(ids)
    }

    fn keep_forgotten(&mut self, ids: &BTreeSet<[u8; 16]>) -> Result<(), StorageError> {
        for id in ids {
            self.conn()
                .prepare_cached("INSERT OR IGNORE INTO forgotten (id) VALUES (?1)")
                .and_then(|mut insert| insert.execute([id]))
                .attempt("note what is forgotten")?;
        }
        Ok(())
    }

    /// Keeps a time, so that lines which are read later and lie in it are not learned.
    pub(super) fn keep_time(&mut self, time: Time) -> Result<(), StorageError> {
        let Time { since, until, project } = time;
        let project = match project {
            Some(project) => Some(project_id(&self.project_names(project)?.0)),
            None => None,
        };
        let kept = KeptTime { since, until, project };
        if self.times.contains(&kept) {
            return Ok(());
        }
        file::append(&self.home.join(FORGOTTEN), kept.line().as_bytes()).map_err(file_error)?;
        self.times.push(kept);
        self.store_times()
    }

    fn store_times(&mut self) -> Result<(), StorageError> {
        let lines: String = self.times.iter().map(KeptTime::line).collect();
        self.conn()
            .execute(
                "INSERT INTO meta (key, value) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                [TIMES, &lines],
            )
            .map(drop)
            .attempt("note what is forgotten")
    }

    /// The times that the user had forgotten.
    pub(in crate::storage) fn kept_times(&self) -> Result<Vec<KeptTime>, StorageError> {
        let kept: Option<String> = self
            .reader
            .conn
            .query_row("SELECT value FROM meta WHERE key = ?1", [TIMES], |row| row.get(0))
            .optional()
            .attempt("look up what was forgotten")?;
        Ok(kept.unwrap_or_default().lines().filter_map(KeptTime::parse).collect())
    }

    /// Takes the file's list over into a new database.
    pub(in crate::storage) fn import_forgotten(&mut self) -> Result<(), StorageError> {
        let listed = file::read(&self.home.join(FORGOTTEN)).map_err(file_error)?;
        let listed = String::from_utf8_lossy(listed.as_deref().unwrap_or_default()).into_owned();
        let ids: BTreeSet<[u8; 16]> = listed.lines().filter_map(injections::bytes_of).collect();
        self.times = listed.lines().filter_map(KeptTime::parse).collect();
        self.atomically(|store| {
            if store.forgets_times() {
                store.store_times()?;
            }
            store.keep_forgotten(&ids)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_and_ids_are_none() {
        for project in [None, Some(project_id("example.org/shop"))] {
            let time = KeptTime { since: -5, until: i64::MAX, project };
            assert_eq!(KeptTime::parse(time.line().trim_end()), Some(time));
        }
        let id = hex(project_id("example.org/shop").as_bytes());
        for line in [&id, "", "time 1", "time 1 2", "time 1 2 x", "time 1 y -"] {
            assert_eq!(KeptTime::parse(line), None, "{line}");
        }
    }
}
