//! This store as one of those that write: its life, and its clock.

use crate::model::clock::Hlc;
use crate::storage::error::StorageError;
use crate::storage::store::Store;

impl Store {
    /// Gives the store another incarnation: it was copied, and no two stores may write as one. What
    /// it has counted so far stays its own. Call it inside a transaction.
    pub(crate) fn renew_incarnation(&mut self) -> Result<(), StorageError> {
        let sql = "SELECT value FROM meta WHERE key = 'incarnation'";
        let before: Option<String> = self.one(sql, [], |row| row.get(0))?;
        self.put(
            "UPDATE meta SET value = lower(hex(randomblob(16))) WHERE key = 'incarnation'",
            [],
        )?;
        self.put(
            "UPDATE counts SET incarnation = (SELECT value FROM meta WHERE key = 'incarnation')
             WHERE incarnation = ?1",
            [before],
        )
    }

    /// The next reading of the store's clock.
    pub(crate) fn next_hlc(&mut self, now: i64) -> Result<Hlc, StorageError> {
        self.tick(now).map(|hlc| Hlc(hlc as u64))
    }

    /// Moves the store's clock forward to `hlc`, if it is behind.
    pub(crate) fn observe_hlc(&mut self, hlc: Hlc) -> Result<(), StorageError> {
        self.put(
            "INSERT INTO meta (key, value) VALUES ('hlc', ?1)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value
             WHERE CAST(value AS INTEGER) < CAST(excluded.value AS INTEGER)",
            [hlc.0 as i64],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_only_set_forward() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        store.observe_hlc(Hlc::at(2_000)).unwrap();
        store.observe_hlc(Hlc::at(1_000)).unwrap();
        let next = store.next_hlc(1_500).unwrap();
        assert!(next > Hlc::at(2_000), "{next:?}");
        assert!(store.next_hlc(1_500).unwrap() > next);
    }
}
