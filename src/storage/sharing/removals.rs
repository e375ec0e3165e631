//! What devices took back: for themselves, or everywhere.

use rusqlite::{Row, params};

use crate::model::clock::Hlc;
use crate::model::ids::PatternId;
use crate::model::sharing::{DeviceKey, Removal};
use crate::storage::error::StorageError;
use crate::storage::open::Reader;
use crate::storage::store::Store;

impl Reader {
    /// Whether a device has taken back what it last said of a pattern.
    pub(crate) fn is_taken_back(
        &self,
        pattern: PatternId,
        device: &DeviceKey,
    ) -> Result<bool, StorageError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM shared_removals r
                   WHERE r.pattern = ?1 AND r.device = ?2 AND (r.redacted OR r.deleted >=
                       (SELECT max(hlc) FROM shared_claims c
                        WHERE c.pattern = r.pattern AND c.device = r.device)))";
        let found = self.one(sql, params![pattern.as_bytes(), device], |row| row.get(0))?;
        Ok(found.unwrap_or(false))
    }
}

impl Store {
    /// See `sync::ledger::Ledger::removals`.
    pub(crate) fn shared_removals(
        &mut self,
        pattern: PatternId,
    ) -> Result<Vec<(DeviceKey, Removal)>, StorageError> {
        self.all(
            "SELECT device, deleted, redacted FROM shared_removals
             WHERE pattern = ?1 ORDER BY device",
            [pattern.as_bytes()],
            |row| Ok((row.get(0)?, removal_from(row, 1)?)),
        )
    }

    /// See `sync::ledger::Ledger::put_removal`.
    pub(crate) fn put_shared_removal(
        &mut self,
        pattern: PatternId,
        device: &DeviceKey,
        removal: Removal,
    ) -> Result<(), StorageError> {
        self.put(
            "INSERT OR REPLACE INTO shared_removals (pattern, device, deleted, redacted)
             VALUES (?1, ?2, ?3, ?4)",
            params![pattern.as_bytes(), device, removal.deleted.0 as i64, removal.redacted],
        )
    }

    /// What a device removed.
    pub(crate) fn removals_of(
        &mut self,
        device: &DeviceKey,
    ) -> Result<Vec<(PatternId, Removal)>, StorageError> {
        self.all(
            "SELECT pattern, deleted, redacted FROM shared_removals
             WHERE device = ?1 ORDER BY pattern",
            [device],
            |row| Ok((PatternId::from_bytes(row.get(0)?), removal_from(row, 1)?)),
        )
    }
}

fn removal_from(row: &Row<'_>, first: usize) -> rusqlite::Result<Removal> {
    Ok(Removal { deleted: Hlc(row.get::<_, i64>(first)? as u64), redacted: row.get(first + 1)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sharing::{Claim, Field};

    #[test]
    fn what_is_said_after_it_was_taken_back_stands_unless_it_is_to_vanish() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        let (pattern, device) = (PatternId::from_bytes([9; 16]), [1; 32]);
        let say = |store: &mut Store, hlc| {
            let claim = Claim { hlc: Hlc(hlc), value: vec![1] };
            store.put_shared_claim(pattern, Field::WORDING, &device, &claim).unwrap();
        };
        say(&mut store, 10);
        assert!(!store.is_taken_back(pattern, &device).unwrap());
        let deleted = Removal { deleted: Hlc(10), redacted: false };
        store.put_shared_removal(pattern, &device, deleted).unwrap();
        assert!(store.is_taken_back(pattern, &device).unwrap());
        assert!(!store.is_taken_back(pattern, &[2; 32]).unwrap(), "each for itself");
        say(&mut store, 11);
        assert!(!store.is_taken_back(pattern, &device).unwrap());
        let redacted = Removal { redacted: true, ..deleted };
        store.put_shared_removal(pattern, &device, redacted).unwrap();
        assert!(store.is_taken_back(pattern, &device).unwrap());
        assert_eq!(store.shared_removals(pattern).unwrap(), [(device, redacted)]);
        assert_eq!(store.removals_of(&device).unwrap(), [(pattern, redacted)]);
    }
}
