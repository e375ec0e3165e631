//! The vocabulary and the table that are part of the program; `table/README.md` says how they were
//! made.

use super::static_table::{StaticEncoder, StaticTable, TableError};
use super::wordpiece::Vocabulary;

pub(crate) static VOCABULARY: &[u8] = include_bytes!("table/vocabulary.bin");
static TABLE: &[u8] = include_bytes!("table/minilm-128.table");

/// The vocabulary of BERT's uncased models, which every static table of MANA's uses.
pub(crate) fn vocabulary() -> Vocabulary<'static> {
    Vocabulary::from_bytes(VOCABULARY).expect("a test has opened these very bytes")
}

/// The table that holds where the user has made none.
pub(crate) fn table() -> StaticTable<'static> {
    StaticTable::from_bytes(TABLE).expect("a test has opened these very bytes")
}

/// The encoder made of both.
pub(crate) fn encoder() -> StaticEncoder<'static> {
    StaticEncoder::new(vocabulary(), table()).expect("a test has put them together")
}

/// File below MANA's home in which a table of the user's own lies; it is used instead of the
/// shipped one.
pub(crate) const OWN_TABLE: &str = "models/static.table";

/// The encoder made of the table in `bytes`.
///
/// # Errors
/// [`TableError`] when they are no table for this program: then the shipped one is to be used.
pub(crate) fn encoder_with(bytes: &[u8]) -> Result<StaticEncoder<'_>, TableError> {
    StaticEncoder::new(vocabulary(), StaticTable::from_bytes(bytes)?).ok_or(TableError::Version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embeddings::static_table::{self, DIMENSIONS};

    #[test]
    fn the_shipped_table_is_whole_and_fits_the_vocabulary() {
        assert!(encoder().table().is_whole());
    }

    #[test]
    fn a_table_for_another_vocabulary_is_refused() {
        let about = table().about();
        let projection: Vec<f32> = table().projection().flatten().collect();
        let rows = table().to_rows();
        let short = static_table::write(&about, &rows[DIMENSIONS..], &projection, &[]);
        assert_eq!(encoder_with(&short).unwrap_err(), TableError::Version);
        assert!(encoder_with(&static_table::write(&about, &rows, &projection, &[])).is_ok());
        assert_eq!(encoder_with(b"").unwrap_err(), TableError::NotATable);
    }
}
