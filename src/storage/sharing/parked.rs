//! Records whose clock is ahead of this machine's: they wait for their time.

use rusqlite::params;

use crate::model::clock::Hlc;
use crate::model::sharing::LogId;
use crate::storage::error::StorageError;
use crate::storage::store::Store;

impl Store {
    /// Keeps an encoded record until its time has come.
    pub(crate) fn park_record(
        &mut self,
        log: &LogId,
        hlc: Hlc,
        record: &[u8],
    ) -> Result<(), StorageError> {
        self.put(
            "INSERT OR IGNORE INTO shared_parked (device, incarnation, hlc, record)
             VALUES (?1, ?2, ?3, ?4)",
            params![log.device, log.incarnation, hlc.0 as i64, record],
        )
    }

    /// Takes out the records whose clock is not after `until`.
    pub(crate) fn unpark_records(
        &mut self,
        until: Hlc,
    ) -> Result<Vec<(LogId, Vec<u8>)>, StorageError> {
        self.all(
            "DELETE FROM shared_parked WHERE hlc BETWEEN 0 AND ?1
             RETURNING device, incarnation, record",
            [until.0 as i64],
            |row| {
                let log = LogId { device: row.get(0)?, incarnation: row.get(1)? };
                Ok((log, row.get(2)?))
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_wait_for_their_time_and_are_taken_out_once() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        let log = LogId { device: [1; 32], incarnation: [2; 16] };
        for (hlc, record) in [(5, b"five"), (6, b"six "), (u64::MAX, b"last")] {
            store.park_record(&log, Hlc(hlc), record).unwrap();
        }
        assert_eq!(store.unpark_records(Hlc(4)).unwrap(), []);
        assert_eq!(store.unpark_records(Hlc(5)).unwrap(), [(log, b"five".to_vec())]);
        let never = Hlc(i64::MAX as u64);
        assert_eq!(store.unpark_records(never).unwrap(), [(log, b"six ".to_vec())]);
        assert_eq!(store.unpark_records(never).unwrap(), []);
    }
}
