//! How much there is of what was told, sent and kept waiting, for those who show it.

use crate::storage::error::StorageError;
use crate::storage::open::Reader;

impl Reader {
    /// How many patterns came from each device, and how many of them wait for approval.
    pub(crate) fn hearsay_counts(&self) -> Result<Vec<(String, u64, u64)>, StorageError> {
        self.all(
            "SELECT h.device, count(*), sum(p.state = 2) FROM hearsay h
             JOIN patterns p ON p.id = h.pattern GROUP BY h.device ORDER BY h.device",
            [],
            |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64, row.get::<_, i64>(2)? as u64)),
        )
    }

    /// How many edited texts wait for approval.
    pub(crate) fn waiting_texts(&self) -> Result<u64, StorageError> {
        let sql =
            "SELECT count(*) FROM edits e JOIN patterns p ON p.id = e.pattern WHERE p.state = 2";
        Ok(self.one(sql, [], |row| row.get::<_, i64>(0))?.unwrap_or_default() as u64)
    }

    /// How many segments wait to be sent, how many were rejected, how many records are parked, and
    /// how many patterns wait for their project.
    pub(crate) fn sharing_counts(&self) -> Result<[u64; 4], StorageError> {
        let sql = "SELECT (SELECT count(*) FROM shared_outbox),
                          (SELECT count(*) FROM shared_segments WHERE rejected IS NOT NULL),
                          (SELECT count(*) FROM shared_parked),
                          (SELECT count(*) FROM shared_waiting)";
        let found = self.one(sql, [], |row| {
            let mut counts = [0; 4];
            for (n, count) in counts.iter_mut().enumerate() {
                *count = row.get::<_, i64>(n)? as u64;
            }
            Ok(counts)
        })?;
        Ok(found.unwrap_or_default())
    }
}
