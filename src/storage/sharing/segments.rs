//! Segments of logs: what became of those that were read or sent, and those that are still to be sent.

use rusqlite::params;

use crate::model::sharing::Fate;
use crate::storage::error::StorageError;
use crate::storage::store::Store;

/// A segment's place: label of its log, number, beginning of its hash.
pub(crate) type SegmentRow = ([u8; 16], u64, [u8; 16]);

impl Store {
    /// What became of the segments of one label.
    pub(crate) fn segment_fates(
        &mut self,
        label: &[u8; 16],
    ) -> Result<Vec<(SegmentRow, Fate)>, StorageError> {
        self.all(
            "SELECT label, sequence, hash, attempts, rejected FROM shared_segments
             WHERE label = ?1 ORDER BY sequence, hash",
            [label],
            |row| {
                let place = (row.get(0)?, row.get::<_, i64>(1)? as u64, row.get(2)?);
                Ok((place, fate_from(row.get(3)?, row.get(4)?)))
            },
        )
    }

    /// See `sync::ledger::Ledger::put_fate`.
    pub(crate) fn put_segment_fate(
        &mut self,
        (label, sequence, hash): &SegmentRow,
        fate: &Fate,
    ) -> Result<(), StorageError> {
        let (attempts, rejected) = match fate {
            Fate::Applied => (0, None),
            Fate::Attempted(times) => (i64::from(*times), None),
            Fate::Rejected(why) => (0, Some(why)),
        };
        self.put(
            "INSERT OR REPLACE INTO shared_segments (label, sequence, hash, attempts, rejected)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![label, *sequence as i64, hash, attempts, rejected],
        )
    }

    /// See `sync::ledger::Ledger::is_double`.
    pub(crate) fn has_double(
        &mut self,
        (label, sequence, hash): &SegmentRow,
    ) -> Result<bool, StorageError> {
        let found = self.one(
            "SELECT 1 FROM shared_segments WHERE label = ?1 AND sequence = ?2 AND hash <> ?3
                 AND attempts = 0 AND rejected IS NULL",
            params![label, *sequence as i64, hash],
            |row| row.get::<_, i64>(0),
        )?;
        Ok(found.is_some())
    }

    /// Forgets what became of the segments of one label before `sequence`.
    pub(crate) fn drop_segment_fates(
        &mut self,
        label: &[u8; 16],
        sequence: u64,
    ) -> Result<(), StorageError> {
        self.put(
            "DELETE FROM shared_segments WHERE label = ?1 AND sequence < ?2",
            params![label, sequence as i64],
        )
    }

    /// Segments that the carrier has not confirmed, in order.
    pub(crate) fn outbox(&mut self) -> Result<Vec<(SegmentRow, Vec<u8>)>, StorageError> {
        self.all(
            "SELECT label, sequence, hash, bytes FROM shared_outbox ORDER BY sequence",
            [],
            |row| {
                let place = (row.get(0)?, row.get::<_, i64>(1)? as u64, row.get(2)?);
                Ok((place, row.get(3)?))
            },
        )
    }

    /// Keeps a segment until it is confirmed.
    pub(crate) fn put_outbox(
        &mut self,
        (label, sequence, hash): &SegmentRow,
        bytes: &[u8],
    ) -> Result<(), StorageError> {
        self.put(
            "INSERT OR REPLACE INTO shared_outbox (sequence, label, hash, bytes)
             VALUES (?1, ?2, ?3, ?4)",
            params![*sequence as i64, label, hash, bytes],
        )
    }

    /// Drops a segment that is confirmed.
    pub(crate) fn confirm_outbox(
        &mut self,
        (label, sequence, hash): &SegmentRow,
    ) -> Result<(), StorageError> {
        self.put(
            "DELETE FROM shared_outbox WHERE label = ?1 AND sequence = ?2 AND hash = ?3",
            params![label, *sequence as i64, hash],
        )
    }
}

fn fate_from(attempts: i64, rejected: Option<String>) -> Fate {
    match (attempts, rejected) {
        (_, Some(why)) => Fate::Rejected(why),
        (0, None) => Fate::Applied,
        (times, None) => Fate::Attempted(times as u32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABEL: [u8; 16] = [7; 16];

    fn segment(sequence: u64, hash: u8) -> SegmentRow {
        (LABEL, sequence, [hash; 16])
    }

    #[test]
    fn fates_come_back_and_only_what_was_taken_in_is_a_double() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        let all = [
            (segment(1, 1), Fate::Applied),
            (segment(2, 1), Fate::Attempted(3)),
            (segment(3, 1), Fate::Rejected("9.9.9".into())),
        ];
        for (segment, fate) in &all {
            store.put_segment_fate(segment, fate).unwrap();
        }
        assert_eq!(store.segment_fates(&LABEL).unwrap(), all);
        let doubles = [1, 2, 3].map(|sequence| store.has_double(&segment(sequence, 2)).unwrap());
        assert_eq!(doubles, [true, false, false]);
        assert!(!store.has_double(&segment(1, 1)).unwrap(), "it is that one");
        store.drop_segment_fates(&[8; 16], 9).unwrap();
        store.drop_segment_fates(&LABEL, 3).unwrap();
        assert_eq!(store.segment_fates(&LABEL).unwrap(), all[2..]);
    }

    #[test]
    fn what_is_sent_waits_in_order_until_it_is_confirmed() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        store.put_outbox(&segment(2, 1), b"two").unwrap();
        store.put_outbox(&segment(1, 1), b"one").unwrap();
        store.confirm_outbox(&segment(2, 2)).unwrap();
        let all = [(segment(1, 1), b"one".to_vec()), (segment(2, 1), b"two".to_vec())];
        assert_eq!(store.outbox().unwrap(), all, "that was another one");
        store.confirm_outbox(&segment(1, 1)).unwrap();
        assert_eq!(store.outbox().unwrap(), all[1..]);
    }
}
