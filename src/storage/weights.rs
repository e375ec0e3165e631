//! The weights of the model for files that were fitted to the user's own history. Hot.

use rusqlite::{OptionalExtension, params};

use super::error::{Attempt, StorageError};
use super::open::Reader;
use super::store::Store;
use crate::model::rank::Weights;

/// Under which name the store has them, as hexadecimal digits.
const NAME: &str = "place weights";

/// Under which name it has since when these, or the shipped ones again, are in use.
const SINCE: &str = "place weights since";

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

    /// Since when the weights in use are, in milliseconds since the Unix epoch; `None` where it
    /// never were others than the shipped ones.
    pub(crate) fn place_weights_since(&self) -> Result<Option<i64>, StorageError> {
        Ok(self.note(SINCE)?.and_then(|at| at.parse().ok()))
    }
}

impl Store {
    /// Stores fitted weights, or none, to use the shipped ones, at `now` in milliseconds since the
    /// Unix epoch. Hooks use them from the next [`Store::publish`] on.
    pub(crate) fn set_place_weights(
        &mut self,
        weights: Option<&Weights>,
        now: i64,
    ) -> Result<(), StorageError> {
        let before = self.stored_place_weights()?;
        if before.as_ref() == weights && before.is_some() {
            return Ok(());
        }
        match weights {
            Some(weights) => self.set_meta(NAME, &to_hex(&weights.to_bytes()))?,
            None => self.drop_meta(NAME)?,
        }
        if before.is_none() && weights.is_none() {
            return Ok(());
        }
        self.set_meta(SINCE, &now.to_string())
    }

    fn set_meta(&mut self, name: &str, value: &str) -> Result<(), StorageError> {
        self.conn()
            .execute(
                "INSERT INTO meta (key, value) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                params![name, value],
            )
            .map(drop)
            .attempt(ATTEMPT)
    }

    fn drop_meta(&mut self, name: &str) -> Result<(), StorageError> {
        let dropped = self.conn().execute("DELETE FROM meta WHERE key = ?1", [name]);
        dropped.map(drop).attempt(ATTEMPT)
    }
}

const ATTEMPT: &str = "store the fitted weights";

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
        store.set_place_weights(Some(&Weights::shipped()), 1).unwrap();
        assert_eq!(store.stored_place_weights().unwrap(), Some(Weights::shipped()));
        for damage in ["", "0", "xy", "01000000", "é"] {
            store
                .conn()
                .execute("UPDATE meta SET value = ?1 WHERE key = ?2", [damage, NAME])
                .unwrap();
            assert_eq!(store.stored_place_weights().unwrap(), None, "{damage:?}");
        }
        store.set_place_weights(None, 2).unwrap();
        assert_eq!(store.stored_place_weights().unwrap(), None);
    }

    #[test]
    fn it_is_known_since_when_weights_are_in_use() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        let (some, other) = (Weights::shipped(), Weights::with_constant(-3.0));
        for (weights, now, expected) in [
            (None, 1, None),
            (Some(&some), 2, Some(2)),
            (Some(&some), 3, Some(2)),
            (Some(&other), 4, Some(4)),
            (None, 5, Some(5)),
            (None, 6, Some(5)),
        ] {
            store.set_place_weights(weights, now).unwrap();
            assert_eq!(store.place_weights_since().unwrap(), expected, "at {now}");
        }
    }
}
