//! The weights of the model for files that were fitted to the user's own history. Hot.

use rusqlite::{OptionalExtension, params};

use super::error::{Attempt, StorageError};
use super::open::{Reader, Store};
use crate::model::rank::Weights;

/// Under which name the store has them, as hexadecimal digits.
const NAME: &str = "place weights";

impl Reader {
    /// The stored weights; `None` where there are none, or none that this version can use.
    pub(crate) fn stored_place_weights(&self) -> Result<Option<Weights>, StorageError> {
        let text: Option<String> = self
            .conn
            .prepare_cached("SELECT value FROM meta WHERE key = ?1")
            .and_then(|mut query| query.query_row([NAME], |row| row.get(0)).optional())
            .attempt("read the fitted weights")?;
        Ok(text.and_then(|text| Weights::from_bytes(&from_hex(&text)?)))
    }
}

impl Store {
    /// Stores fitted weights, or none, to use the shipped ones. Hooks use them from the next
    /// [`Store::publish`] on.
    pub(crate) fn set_place_weights(
        &mut self,
        weights: Option<&Weights>,
    ) -> Result<(), StorageError> {
        const ATTEMPT: &str = "store the fitted weights";
        let Some(weights) = weights else {
            let deleted = self.conn().execute("DELETE FROM meta WHERE key = ?1", [NAME]);
            return deleted.map(drop).attempt(ATTEMPT);
        };
        self.conn()
            .execute(
                "INSERT INTO meta (key, value) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                params![NAME, to_hex(&weights.to_bytes())],
            )
            .map(drop)
            .attempt(ATTEMPT)
    }
}

fn to_hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| Some((digit(*high)? * 16 + digit(*low)?) as u8);
    pairs.iter().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_counts_as_none() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        assert_eq!(store.stored_place_weights().unwrap(), None);
        store.set_place_weights(Some(&Weights::shipped())).unwrap();
        assert_eq!(store.stored_place_weights().unwrap(), Some(Weights::shipped()));
        for damage in ["", "0", "xy", "01000000", "é"] {
            store
                .conn()
                .execute("UPDATE meta SET value = ?1 WHERE key = ?2", [damage, NAME])
                .unwrap();
            assert_eq!(store.stored_place_weights().unwrap(), None, "{damage:?}");
        }
        store.set_place_weights(None).unwrap();
        assert_eq!(store.stored_place_weights().unwrap(), None);
    }
}
