//! Writing the full-text index of the patterns.
//!
//! Documents are written one after the other at the end of a change, because FTS5 writes out what
//! it has collected whenever another statement sets a savepoint: in turns with those, every
//! document would become a segment of its own, to be merged later and slower to search.

use rusqlite::params;

use super::error::{Attempt, StorageError};
use super::store::Store;

/// A pattern's document, as it is to be.
#[derive(Debug)]
pub(super) struct Document {
    /// Row of the pattern.
    pub(super) row: i64,
    /// Whether it may have a document already.
    pub(super) replaces: bool,
    /// Scope, trigger and text, as terms separated by spaces; none for a pattern that is gone.
    pub(super) columns: Option<[String; 3]>,
}

impl Store {
    /// Brings the index in line with `documents`.
    pub(super) fn write_documents(&mut self, documents: &[Document]) -> Result<(), StorageError> {
        let mut delete = self
            .conn()
            .prepare_cached("DELETE FROM pattern_fts WHERE rowid = ?1")
            .attempt("clear the search index")?;
        for document in documents.iter().filter(|document| document.replaces) {
            delete.execute([document.row]).attempt("clear the search index")?;
        }
        drop(delete);
        let mut insert = self
            .conn()
            .prepare_cached(
                "INSERT INTO pattern_fts (rowid, scope, trigger, text) VALUES (?1, ?2, ?3, ?4)",
            )
            .attempt("fill the search index")?;
        for document in documents {
            let Some([scope, trigger, text]) = &document.columns else { continue };
            insert
                .execute(params![document.row, scope, trigger, text])
                .attempt("fill the search index")?;
        }
        Ok(())
    }
}
