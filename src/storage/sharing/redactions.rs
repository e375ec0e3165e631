//! Words that are to vanish everywhere: those that this device is to take back, and those that were
//! taken back, with what was noted about the traces that may be left of them.

use crate::model::ids::PatternId;
use crate::storage::error::StorageError;
use crate::storage::injections;
use crate::storage::open::Reader;
use crate::storage::store::Store;

impl Reader {
    /// Patterns that were taken back everywhere and noted so, with what was noted.
    pub(crate) fn redactions(&self) -> Result<Vec<(PatternId, Vec<u8>)>, StorageError> {
        self.all(
            "SELECT key, value FROM sharing WHERE key LIKE 'redacted %' ORDER BY key",
            [],
            |row| Ok((pattern_in(&row.get::<_, String>(0)?), row.get(1)?)),
        )
    }

    /// Patterns that this device is to take back everywhere.
    pub(crate) fn redacting(&self) -> Result<Vec<PatternId>, StorageError> {
        self.all("SELECT key FROM sharing WHERE key LIKE 'redact %' ORDER BY key", [], |row| {
            Ok(pattern_in(&row.get::<_, String>(0)?))
        })
    }

    /// Patterns that a trusted device has taken back everywhere.
    pub(crate) fn redacted_patterns(&self) -> Result<Vec<PatternId>, StorageError> {
        self.all(
            "SELECT DISTINCT r.pattern FROM shared_removals r
             JOIN shared_devices d ON d.key = r.device
             WHERE r.redacted AND d.trust = 1 ORDER BY r.pattern",
            [],
            |row| row.get(0).map(PatternId::from_bytes),
        )
    }
}

impl Store {
    /// Notes that this device is to take a pattern back everywhere.
    pub(crate) fn put_redacting(&mut self, id: PatternId) -> Result<(), StorageError> {
        self.put_sharing_value(&format!("redact {id}"), &[])
    }

    /// Notes something about a pattern that was taken back everywhere.
    pub(crate) fn put_redaction(
        &mut self,
        id: PatternId,
        value: &[u8],
    ) -> Result<(), StorageError> {
        self.put_sharing_value(&format!("redacted {id}"), value)
    }
}

/// The pattern whose id stands at the end of a key.
fn pattern_in(key: &str) -> PatternId {
    let id = key.rsplit(' ').next().and_then(injections::bytes_of);
    PatternId::from_bytes(id.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sharing::{DeviceState, Removal, Trust};

    #[test]
    fn what_is_noted_names_its_pattern() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        let [one, other] = [1, 0xFE].map(|n| PatternId::from_bytes([n; 16]));
        store.put_redacting(one).unwrap();
        store.put_redaction(other, b"traces").unwrap();
        assert_eq!(store.redacting().unwrap(), [one]);
        assert_eq!(store.redactions().unwrap(), [(other, b"traces".to_vec())]);
    }

    #[test]
    fn only_who_is_trusted_makes_words_vanish_everywhere() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        let pattern = PatternId::from_bytes([9; 16]);
        let device = [1; 32];
        let redacted = Removal { redacted: true, ..Removal::default() };
        store.put_shared_removal(pattern, &device, redacted).unwrap();
        for (trust, expected) in [(Trust::Unknown, 0), (Trust::Refused, 0), (Trust::Trusted, 1)] {
            let state = DeviceState { trust, ..DeviceState::default() };
            store.put_shared_device(&device, &state).unwrap();
            assert_eq!(store.redacted_patterns().unwrap().len(), expected, "{trust:?}");
        }
    }
}
