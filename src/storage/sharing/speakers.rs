//! Who spoke of what, whether by words, by counts or by taking something back.

use rusqlite::params;

use crate::model::ids::PatternId;
use crate::model::sharing::DeviceKey;
use crate::storage::error::StorageError;
use crate::storage::open::Reader;
use crate::storage::store::Store;

impl Reader {
    /// Devices that spoke of a pattern in any way.
    pub(crate) fn speakers(&self, pattern: PatternId) -> Result<Vec<DeviceKey>, StorageError> {
        self.all(
            "SELECT device FROM shared_claims WHERE pattern = ?1
             UNION SELECT device FROM shared_counts WHERE pattern = ?1
             UNION SELECT device FROM shared_removals WHERE pattern = ?1",
            [pattern.as_bytes()],
            |row| row.get(0),
        )
    }

    /// Patterns whose ids begin with these hex digits and of which any device spoke.
    pub(crate) fn spoken_by_prefix(&self, prefix: &str) -> Result<Vec<PatternId>, StorageError> {
        if prefix.len() < 4 || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Vec::new());
        }
        self.all(
            "SELECT pattern FROM (SELECT pattern FROM shared_claims
                 UNION SELECT pattern FROM shared_counts UNION SELECT pattern FROM shared_removals)
             WHERE substr(lower(hex(pattern)), 1, ?2) = ?1",
            params![prefix.to_ascii_lowercase(), prefix.len() as i64],
            |row| row.get(0).map(PatternId::from_bytes),
        )
    }
}

impl Store {
    /// Patterns that a device spoke of in any way.
    pub(crate) fn spoken_of(&mut self, device: &DeviceKey) -> Result<Vec<PatternId>, StorageError> {
        self.all(
            "SELECT pattern FROM shared_claims WHERE device = ?1
             UNION SELECT pattern FROM shared_counts WHERE device = ?1
             UNION SELECT pattern FROM shared_removals WHERE device = ?1",
            [device],
            |row| row.get(0).map(PatternId::from_bytes),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock::Hlc;
    use crate::model::sharing::{Claim, Counts, Field, LogId, Removal};

    #[test]
    fn whoever_says_counts_or_takes_back_has_spoken() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        let pattern = PatternId::from_bytes([0xAB; 16]);
        let claim = Claim { hlc: Hlc(1), value: Vec::new() };
        let log = LogId { device: [2; 32], incarnation: [1; 16] };
        store.put_shared_claim(pattern, Field::WORDING, &[1; 32], &claim).unwrap();
        store.put_shared_counts(pattern, &log, Counts::default()).unwrap();
        store.put_shared_removal(pattern, &[3; 32], Removal::default()).unwrap();
        assert_eq!(store.speakers(pattern).unwrap(), [[1; 32], [2; 32], [3; 32]]);
        for device in 1..=3 {
            assert_eq!(store.spoken_of(&[device; 32]).unwrap(), [pattern]);
        }
        assert_eq!(store.spoken_of(&[4; 32]).unwrap(), []);
        for (prefix, found) in [("abab", 1), ("ABAB", 1), ("aba", 0), ("abac", 0), ("ab%b", 0)] {
            assert_eq!(store.spoken_by_prefix(prefix).unwrap().len(), found, "{prefix}");
        }
    }
}
