//! What was shown: taken over from the sessions' journals, confirmed by the transcripts.

use std::path::Path;

use rusqlite::params;

use super::error::{Attempt, StorageError};
use super::open::Reader;
use super::store::Store;
use super::{Journal, Record, file};

/// A journal is kept this long after its last note, in milliseconds: a session may be resumed.
const KEEP: u64 = 14 * 86_400_000;

impl Reader {
    /// How often a pattern (or file) was shown and held back, and when it was last shown.
    pub(crate) fn shown(&self, id: &[u8; 16]) -> Result<(u64, u64, Option<i64>), StorageError> {
        self.conn
            .prepare_cached(
                "SELECT coalesce(sum(withheld = 0), 0), coalesce(sum(withheld), 0), max(at)
                 FROM injections WHERE pattern = ?1",
            )
            .and_then(|mut query| {
                query.query_row([id], |row| {
                    Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64, row.get(2)?))
                })
            })
            .attempt("read what was shown")
    }

    /// How many items hooks said in sessions whose transcripts were learned, and how many of them
    /// the transcripts show.
    pub(crate) fn delivery(&self) -> Result<(u64, u64), StorageError> {
        self.conn
            .query_row(
                "SELECT count(*), coalesce(sum(delivered), 0) FROM injections
                 WHERE withheld = 0
                   AND session IN (SELECT session FROM trajectories)",
                [],
                |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)),
            )
            .attempt("count what arrived")
    }
}

impl Store {
    /// Takes the journals of all sessions over and drops those that are done with. Returns how
    /// many notes were new.
    pub(crate) fn import_journals(&mut self, home: &Path, now: i64) -> Result<u64, StorageError> {
        let Ok(folder) = std::fs::read_dir(home.join("sessions")) else { return Ok(0) };
        let mut new = 0;
        for entry in folder.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(stem) = name.strip_suffix(".log") else { continue };
            let (session, agent) = stem.split_once('.').unwrap_or((stem, ""));
            let journal = Journal::read(&path);
            new += self.atomically(|store| store.import(session, agent, &journal))?;
            // A hook that has just made the file may not have written to it yet.
            let last = match journal.records.last() {
                Some((at, _)) => *at,
                None => file::modified(&path).unwrap_or(now),
            };
            // One from far ahead was written before the clock was set back.
            if now.abs_diff(last) > KEEP {
                // One that stays is looked at again next time.
                let _kept = std::fs::remove_file(&path);
            }
        }
        Ok(new)
    }

    fn import(
        &mut self,
        session: &str,
        agent: &str,
        journal: &Journal,
    ) -> Result<u64, StorageError> {
        let mut new = 0;
        for (at, record) in &journal.records {
            let Record::Shown { pattern, event, tool_use, confidence, withheld } = record else {
                continue;
            };
            let Some(id) = bytes_of(pattern) else { continue };
            let inserted = self
                .conn()
                .prepare_cached(
                    "INSERT OR IGNORE INTO injections
                         (pattern, session, agent, event, tool_use, at, confidence, withheld)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )
                .and_then(|mut insert| {
                    insert.execute(params![
                        id, session, agent, event, tool_use, at, confidence, withheld
                    ])
                })
                .attempt("store what was shown")?;
            if inserted == 1 {
                new += 1;
                self.count_shown(&id, *withheld)?;
            }
        }
        Ok(new)
    }

    fn count_shown(&mut self, id: &[u8; 16], withheld: bool) -> Result<(), StorageError> {
        self.conn()
            .prepare_cached(
                "INSERT INTO counts (pattern, incarnation, shown, withheld)
                 VALUES (?1, (SELECT value FROM meta WHERE key = 'incarnation'), ?2, ?3)
                 ON CONFLICT (pattern, incarnation) DO UPDATE SET
                     shown = shown + excluded.shown, withheld = withheld + excluded.withheld",
            )
            .and_then(|mut upsert| {
                upsert.execute(params![id, u8::from(!withheld), u8::from(withheld)])
            })
            .attempt("count what was shown")?;
        Ok(())
    }

    /// Marks the injections that a transcript shows as delivered.
    pub(crate) fn confirm_delivery(
        &mut self,
        session: &str,
        event: &str,
        tool_use: &str,
        short_id: &str,
    ) -> Result<(), StorageError> {
        self.conn()
            .prepare_cached(
                "UPDATE injections SET delivered = 1
                 WHERE session = ?1 AND event = ?2 AND (?3 = '' OR tool_use = ?3)
                   AND withheld = 0 AND substr(lower(hex(pattern)), 1, 8) = ?4",
            )
            .and_then(|mut update| update.execute([session, event, tool_use, short_id]))
            .attempt("mark what was delivered")?;
        Ok(())
    }
}

/// The id whose hex form is `hex`.
pub(super) fn bytes_of(hex: &str) -> Option<[u8; 16]> {
    if hex.len() != 32 || !hex.is_ascii() {
        return None;
    }
    let mut bytes = [0; 16];
    for (n, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_that_was_just_made_is_kept_and_an_old_one_is_not() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        let folder = home.path().join("sessions");
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("s.log");
        std::fs::write(&path, "").unwrap();
        let made = file::modified(&path).unwrap();
        store.import_journals(home.path(), made + 1_000).unwrap();
        assert!(path.exists(), "its first note is on its way");
        std::fs::write(&path, "1\ttouched\ta").unwrap();
        store.import_journals(home.path(), made + 1_000).unwrap();
        assert!(path.exists(), "its first note is not complete");
        store.import_journals(home.path(), made + 2 * KEEP as i64).unwrap();
        assert!(!path.exists());
    }
}
