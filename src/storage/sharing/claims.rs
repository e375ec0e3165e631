//! What devices say of patterns: the words and documents of each, as claims to a field.

use std::collections::BTreeMap;

use rusqlite::{Row, params};

use crate::model::clock::Hlc;
use crate::model::ids::PatternId;
use crate::model::sharing::{Claim, DeviceKey, Field};
use crate::storage::error::StorageError;
use crate::storage::open::Reader;
use crate::storage::store::Store;

impl Reader {
    /// The words that a device said of each pattern.
    pub(crate) fn said_words(
        &self,
        device: &DeviceKey,
    ) -> Result<BTreeMap<PatternId, Vec<u8>>, StorageError> {
        let rows = self.all(
            "SELECT pattern, value FROM shared_claims WHERE field = ?1 AND device = ?2",
            params![Field::WORDING.0, device],
            |row| Ok((PatternId::from_bytes(row.get(0)?), row.get(1)?)),
        )?;
        Ok(rows.into_iter().collect())
    }

    /// Patterns that are told here in the words of another device, that trusted devices tell in
    /// different ones, and for which nobody wrote any by hand, which would stand before all of these.
    pub(crate) fn differing_patterns(&self) -> Result<Vec<PatternId>, StorageError> {
        self.all(
            "SELECT c.pattern FROM shared_claims c
             JOIN shared_devices d ON d.key = c.device
             JOIN hearsay h ON h.pattern = c.pattern
             LEFT JOIN edits e ON e.pattern = c.pattern
             WHERE c.field = 1 AND c.value <> x'' AND d.trust = 1
                 AND coalesce(e.page ->> 'body', '') = ''
             GROUP BY c.pattern HAVING count(DISTINCT c.value) > 1 ORDER BY c.pattern",
            [],
            |row| row.get(0).map(PatternId::from_bytes),
        )
    }
}

impl Store {
    /// See `sync::ledger::Ledger::claim`.
    pub(crate) fn shared_claim(
        &mut self,
        pattern: PatternId,
        field: Field,
        device: &DeviceKey,
    ) -> Result<Option<Claim>, StorageError> {
        self.one(
            "SELECT hlc, value FROM shared_claims
             WHERE pattern = ?1 AND field = ?2 AND device = ?3",
            params![pattern.as_bytes(), field.0, device],
            |row| claim_from(row, 0),
        )
    }

    /// See `sync::ledger::Ledger::put_claim`. What the user had forgotten is not kept.
    pub(crate) fn put_shared_claim(
        &mut self,
        pattern: PatternId,
        field: Field,
        device: &DeviceKey,
        claim: &Claim,
    ) -> Result<(), StorageError> {
        if self.forgets && self.is_forgotten(pattern.as_bytes())? {
            return Ok(());
        }
        self.put(
            "INSERT OR REPLACE INTO shared_claims (pattern, field, device, hlc, value)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![pattern.as_bytes(), field.0, device, claim.hlc.0 as i64, claim.value],
        )
    }

    /// See `sync::ledger::Ledger::claims`.
    pub(crate) fn shared_claims(
        &mut self,
        pattern: PatternId,
        field: Field,
    ) -> Result<Vec<(DeviceKey, Claim)>, StorageError> {
        self.all(
            "SELECT device, hlc, value FROM shared_claims
             WHERE pattern = ?1 AND field = ?2 ORDER BY device",
            params![pattern.as_bytes(), field.0],
            |row| Ok((row.get(0)?, claim_from(row, 1)?)),
        )
    }

    /// Patterns to which a device has a claim, with the field, and the claim.
    pub(crate) fn claims_of(
        &mut self,
        device: &DeviceKey,
    ) -> Result<Vec<(PatternId, Field, Claim)>, StorageError> {
        self.all(
            "SELECT pattern, field, hlc, value FROM shared_claims
             WHERE device = ?1 ORDER BY pattern, field",
            [device],
            |row| Ok((PatternId::from_bytes(row.get(0)?), Field(row.get(1)?), claim_from(row, 2)?)),
        )
    }

    /// Patterns that a device spoke of and that are gone since: the user had them forgotten, or
    /// what they were learned from.
    pub(crate) fn forgotten_claims(
        &mut self,
        device: &DeviceKey,
    ) -> Result<Vec<PatternId>, StorageError> {
        self.all(
            "SELECT DISTINCT c.pattern FROM shared_claims c
             WHERE c.device = ?1 AND (EXISTS (SELECT 1 FROM forgotten f WHERE f.id = c.pattern)
                 OR NOT EXISTS (SELECT 1 FROM patterns p WHERE p.id = c.pattern))
             ORDER BY c.pattern",
            [device],
            |row| row.get(0).map(PatternId::from_bytes),
        )
    }

    /// See `sync::ledger::Ledger::purge`.
    pub(crate) fn purge_shared(
        &mut self,
        pattern: PatternId,
        device: Option<&DeviceKey>,
    ) -> Result<(), StorageError> {
        self.put(
            "DELETE FROM shared_claims WHERE pattern = ?1 AND (?2 IS NULL OR device = ?2)",
            params![pattern.as_bytes(), device],
        )
    }

    /// Drops what was said of a pattern until `deleted`, but not that it was said.
    pub(crate) fn blank_claims(
        &mut self,
        pattern: PatternId,
        deleted: Hlc,
    ) -> Result<(), StorageError> {
        if deleted == Hlc::default() {
            return Ok(());
        }
        self.put(
            "UPDATE shared_claims SET value = x''
             WHERE pattern = ?1 AND hlc <= ?2 AND value <> x''",
            params![pattern.as_bytes(), deleted.0 as i64],
        )
    }
}

fn claim_from(row: &Row<'_>, first: usize) -> rusqlite::Result<Claim> {
    Ok(Claim { hlc: Hlc(row.get::<_, i64>(first)? as u64), value: row.get(first + 1)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::pattern::Kind;

    fn pattern() -> PatternId {
        PatternId::from_bytes([9; 16])
    }

    fn claim(hlc: u64, value: &[u8]) -> Claim {
        Claim { hlc: Hlc(hlc), value: value.to_vec() }
    }

    /// A store in which two devices said something of a pattern.
    fn told() -> (tempfile::TempDir, Store) {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        for (device, hlc, value) in [(1, 10, b"one"), (2, 20, b"two")] {
            let said = claim(hlc, value);
            store.put_shared_claim(pattern(), Field::WORDING, &[device; 32], &said).unwrap();
        }
        (home, store)
    }

    #[test]
    fn each_device_has_its_own_word() {
        let (_home, mut store) = told();
        let other = claim(11, b"document");
        store.put_shared_claim(pattern(), Field::DOCUMENT, &[1; 32], &other).unwrap();
        let words = store.shared_claims(pattern(), Field::WORDING).unwrap();
        assert_eq!(words, [([1; 32], claim(10, b"one")), ([2; 32], claim(20, b"two"))]);
        let of_one =
            [(pattern(), Field::WORDING, claim(10, b"one")), (pattern(), Field::DOCUMENT, other)];
        assert_eq!(store.claims_of(&[1; 32]).unwrap(), of_one);
        let said = store.said_words(&[2; 32]).unwrap();
        assert_eq!(said, BTreeMap::from([(pattern(), b"two".to_vec())]));
        assert_eq!(store.shared_claim(pattern(), Field::WORDING, &[3; 32]).unwrap(), None);
    }

    #[test]
    fn what_is_blanked_was_said_and_what_is_purged_was_not() {
        let (_home, mut store) = told();
        store.blank_claims(pattern(), Hlc::default()).unwrap();
        store.blank_claims(pattern(), Hlc(10)).unwrap();
        let words = |store: &mut Store| store.shared_claims(pattern(), Field::WORDING).unwrap();
        let two = ([2; 32], claim(20, b"two"));
        assert_eq!(words(&mut store), [([1; 32], claim(10, b"")), two.clone()]);
        store.purge_shared(pattern(), Some(&[1; 32])).unwrap();
        assert_eq!(words(&mut store), [two]);
        store.purge_shared(pattern(), None).unwrap();
        assert_eq!(words(&mut store), []);
    }

    #[test]
    fn a_claim_to_what_is_not_here_is_to_be_taken_back() {
        let (_home, mut store) = told();
        assert_eq!(store.forgotten_claims(&[1; 32]).unwrap(), [pattern()]);
        assert_eq!(store.forgotten_claims(&[3; 32]).unwrap(), []);
        store.insert_pattern(pattern(), None, Kind::Decision, 1).unwrap();
        assert_eq!(store.forgotten_claims(&[1; 32]).unwrap(), []);
    }
}
