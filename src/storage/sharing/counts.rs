//! How often devices saw patterns and what came of it, in each life of their stores.

use rusqlite::{Row, params};

use crate::model::ids::PatternId;
use crate::model::sharing::{Counts, DeviceKey, Incarnation, LogId};
use crate::storage::error::StorageError;
use crate::storage::store::Store;

impl Store {
    /// See `sync::ledger::Ledger::counts`.
    pub(crate) fn shared_counts(
        &mut self,
        pattern: PatternId,
        log: &LogId,
    ) -> Result<Option<Counts>, StorageError> {
        self.one(
            "SELECT numbers, first, last FROM shared_counts
             WHERE pattern = ?1 AND device = ?2 AND incarnation = ?3",
            params![pattern.as_bytes(), log.device, log.incarnation],
            |row| counts_from(row, 0),
        )
    }

    /// See `sync::ledger::Ledger::put_counts`.
    pub(crate) fn put_shared_counts(
        &mut self,
        pattern: PatternId,
        log: &LogId,
        counts: Counts,
    ) -> Result<(), StorageError> {
        let mut numbers = [0; 32];
        for (bytes, number) in numbers.chunks_exact_mut(4).zip(counts.numbers) {
            bytes.copy_from_slice(&number.to_be_bytes());
        }
        self.put(
            "INSERT OR REPLACE INTO shared_counts
                 (pattern, device, incarnation, numbers, first, last)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                pattern.as_bytes(),
                log.device,
                log.incarnation,
                numbers,
                counts.first,
                counts.last
            ],
        )
    }

    /// See `sync::ledger::Ledger::all_counts`.
    pub(crate) fn all_shared_counts(
        &mut self,
        pattern: PatternId,
    ) -> Result<Vec<(LogId, Counts)>, StorageError> {
        self.all(
            "SELECT device, incarnation, numbers, first, last FROM shared_counts
             WHERE pattern = ?1 ORDER BY device, incarnation",
            [pattern.as_bytes()],
            |row| {
                let log = LogId { device: row.get(0)?, incarnation: row.get(1)? };
                Ok((log, counts_from(row, 2)?))
            },
        )
    }

    /// A device's counts, in each life of its store.
    pub(crate) fn counts_of(
        &mut self,
        device: &DeviceKey,
    ) -> Result<Vec<(PatternId, Incarnation, Counts)>, StorageError> {
        self.all(
            "SELECT pattern, incarnation, numbers, first, last FROM shared_counts
             WHERE device = ?1 ORDER BY incarnation, pattern",
            [device],
            |row| Ok((PatternId::from_bytes(row.get(0)?), row.get(1)?, counts_from(row, 2)?)),
        )
    }
}

fn counts_from(row: &Row<'_>, first: usize) -> rusqlite::Result<Counts> {
    let bytes: [u8; 32] = row.get(first)?;
    let (chunks, _) = bytes.as_chunks::<4>();
    let mut numbers = [0; 8];
    for (number, bytes) in numbers.iter_mut().zip(chunks) {
        *number = u32::from_be_bytes(*bytes);
    }
    Ok(Counts { numbers, first: row.get(first + 1)?, last: row.get(first + 2)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_life_of_a_device_counts_for_itself() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        let pattern = PatternId::from_bytes([9; 16]);
        let log = |life| LogId { device: [1; 32], incarnation: [life; 16] };
        let counts = Counts { numbers: [1, 2, 3, 4, 5, 6, 7, u32::MAX], first: -8, last: 9 };
        let later = Counts { first: 10, ..counts };
        store.put_shared_counts(pattern, &log(2), later).unwrap();
        store.put_shared_counts(pattern, &log(1), counts).unwrap();
        assert_eq!(store.shared_counts(pattern, &log(1)).unwrap(), Some(counts));
        assert_eq!(store.shared_counts(pattern, &log(3)).unwrap(), None);
        let all = [(log(1), counts), (log(2), later)];
        assert_eq!(store.all_shared_counts(pattern).unwrap(), all);
        let of_device = all.map(|(log, counts)| (pattern, log.incarnation, counts));
        assert_eq!(store.counts_of(&[1; 32]).unwrap(), of_device);
    }
}
