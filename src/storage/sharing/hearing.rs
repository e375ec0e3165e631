//! What others come to say of a pattern: what is to be heard, what waits for its project or for a day
//! with room for it, and what was heard.

use std::collections::BTreeSet;

use rusqlite::params;

use crate::model::dates;
use crate::model::ids::PatternId;
use crate::model::pattern::Kind;
use crate::storage::error::StorageError;
use crate::storage::hearsay::Hearsay;
use crate::storage::open::Reader;
use crate::storage::store::Store;

/// What others come to say of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Heard<'a> {
    /// Nothing that counts.
    Nothing,
    /// Something about a project that is not known here: its keyed label.
    Elsewhere(&'a [u8; 16]),
    /// These words.
    Words {
        /// What sort of observation.
        kind: Kind,
        /// The project; `None` for a global pattern.
        project: Option<i64>,
        /// The words.
        hearsay: &'a Hearsay,
    },
}

impl Reader {
    /// How many patterns wait under this label.
    pub(crate) fn waiting_for(&self, label: &[u8; 16]) -> Result<u64, StorageError> {
        let sql = "SELECT count(*) FROM shared_waiting WHERE project = ?1";
        Ok(self.one(sql, [label], |row| row.get::<_, i64>(0))?.unwrap_or_default() as u64)
    }
}

impl Store {
    /// Notes patterns that have to be brought in line with what others say; [`Store::hear`] does.
    pub(crate) fn note_changed(&mut self, patterns: &[PatternId]) -> Result<(), StorageError> {
        patterns.iter().try_for_each(|pattern| {
            self.put(
                "INSERT OR IGNORE INTO shared_changed (pattern) VALUES (?1)",
                [pattern.as_bytes()],
            )
        })
    }

    /// Patterns that have to be brought in line with what others say.
    pub(crate) fn changed_patterns(&mut self) -> Result<Vec<PatternId>, StorageError> {
        self.all("SELECT pattern FROM shared_changed ORDER BY pattern", [], |row| {
            row.get(0).map(PatternId::from_bytes)
        })
    }

    /// Patterns that wait for their project, with the project's label.
    pub(crate) fn waiting_patterns(&mut self) -> Result<Vec<(PatternId, [u8; 16])>, StorageError> {
        self.all("SELECT pattern, project FROM shared_waiting ORDER BY pattern", [], |row| {
            Ok((PatternId::from_bytes(row.get(0)?), row.get(1)?))
        })
    }

    /// Keeps what others come to say of a pattern, or that its project is not known here yet, and
    /// brings the pattern in line with that.
    pub(crate) fn hear(
        &mut self,
        pattern: PatternId,
        heard: Heard<'_>,
        now: i64,
    ) -> Result<bool, StorageError> {
        let id = pattern.as_bytes();
        let mut row = self.pattern_row(pattern)?;
        self.put("DELETE FROM shared_changed WHERE pattern = ?1", [id])?;
        if !matches!(heard, Heard::Elsewhere(_)) {
            self.put("DELETE FROM shared_waiting WHERE pattern = ?1", [id])?;
        }
        match heard {
            Heard::Nothing => self.put("DELETE FROM hearsay WHERE pattern = ?1", [id])?,
            Heard::Elsewhere(project) => self.put(
                "INSERT OR REPLACE INTO shared_waiting (pattern, project) VALUES (?1, ?2)",
                params![id, project],
            )?,
            Heard::Words { kind, project, hearsay } => {
                self.put_hearsay(id, hearsay, now)?;
                if row.is_none() {
                    row = Some(self.insert_pattern(pattern, project, kind, now)?);
                }
            }
        }
        if let Some(row) = row {
            self.refresh(&BTreeSet::from([row]), &BTreeSet::new(), now)?;
        }
        Ok(row.is_some())
    }

    fn put_hearsay(
        &mut self,
        id: &[u8; 16],
        hearsay: &Hearsay,
        now: i64,
    ) -> Result<(), StorageError> {
        let known =
            self.one("SELECT last FROM hearsay WHERE pattern = ?1", [id], |row| row.get(0))?;
        let said = (hearsay.tally.first, hearsay.tally.last);
        let (first, last) = dates::heard(said, known, now);
        let payload = serde_json::to_string(&hearsay.payload).expect("payloads are JSON");
        let keys: Vec<u8> = hearsay.keys.iter().flat_map(|key| key.to_le_bytes()).collect();
        let tally = &hearsay.tally;
        self.put(
            "INSERT OR REPLACE INTO hearsay (pattern, device, trusted, tool, category, trigger,
                 text, payload, keys, successes, failures, sessions, first, last)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            params![
                id,
                hearsay.device,
                hearsay.trusted,
                hearsay.tool,
                hearsay.category,
                hearsay.trigger,
                hearsay.text,
                payload,
                keys,
                tally.successes,
                tally.failures,
                tally.sessions,
                first,
                last,
            ],
        )
    }
}
