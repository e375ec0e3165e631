//! What people wrote about patterns by hand.
//!
//! The document is the truth, which `sync::text` makes and merges; the page beside it is what
//! stands in it. A pattern whose page has a body is told in these words ([`super::drafts`]), until
//! somebody goes back to the learned ones: neither learning nor consolidation changes that. Words
//! that were not written here wait for approval, as do those that read like an instruction.

use std::collections::BTreeSet;

#[cfg(any(test, feature = "sync"))]
use rusqlite::params;
use rusqlite::{OptionalExtension, Row};

use super::error::{Attempt, StorageError};
use super::open::{Reader, Store};
use super::reviews;
use crate::model::ids::PatternId;
use crate::model::page::Page;

/// A document with its page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Edit {
    /// The document.
    pub(crate) document: Vec<u8>,
    /// Its page.
    pub(crate) page: Page,
    /// When it last changed here, in milliseconds since the Unix epoch.
    pub(crate) edited: i64,
}

/// Words that stand in the place of the learned ones.
pub(super) struct Words {
    pub(super) text: String,
    /// Whether they are those that were written here.
    pub(super) written: bool,
}

impl Reader {
    /// What was written about the pattern with this id.
    pub(crate) fn edit_of(&self, id: PatternId) -> Result<Option<Edit>, StorageError> {
        self.conn
            .prepare_cached("SELECT document, page, edited FROM edits WHERE pattern = ?1")
            .and_then(|mut query| {
                query
                    .query_row([id.as_bytes()], |row| {
                        let document = row.get(0)?;
                        Ok(Edit { document, page: page_from(row, 1)?, edited: row.get(2)? })
                    })
                    .optional()
            })
            .attempt("read what was written about a pattern")
    }

    /// The words that were learned for a pattern, whatever people wrote; `None` for one of which
    /// nothing was learned by itself.
    pub(crate) fn learned_words(&self, row: i64) -> Result<Option<String>, StorageError> {
        let mut all = self.merged_into(row)?;
        all.push(row);
        let own = self.best_wording(&[row])?;
        let wording = match own {
            Some(own) => Some(own),
            None => self.best_wording(&all)?,
        };
        Ok(wording.map(|wording| wording.text))
    }

    /// The words in which the pattern in this row is told, where people wrote some.
    pub(super) fn words_of(&self, row: i64) -> Result<Option<Words>, StorageError> {
        let found: Option<(Page, Vec<u8>)> = self
            .conn
            .prepare_cached(
                "SELECT e.page, e.written FROM edits e JOIN patterns p ON p.id = e.pattern
                 WHERE p.row = ?1",
            )
            .and_then(|mut query| {
                query.query_row([row], |row| Ok((page_from(row, 0)?, row.get(1)?))).optional()
            })
            .attempt("look up what was written about a pattern")?;
        let found = found.filter(|(page, _)| !page.body.is_empty());
        Ok(found.map(|(Page { body, .. }, written)| {
            let written = written == reviews::words(&body);
            Words { text: body, written }
        }))
    }

    /// The rows of the patterns that are told in words of people.
    pub(super) fn rewritten(&self) -> Result<BTreeSet<i64>, StorageError> {
        const ATTEMPT: &str = "list the patterns that were edited";
        let mut query = self
            .conn
            .prepare_cached("SELECT p.row, e.page FROM edits e JOIN patterns p ON p.id = e.pattern")
            .attempt(ATTEMPT)?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, page_from(row, 1)?)));
        let rows: Vec<(i64, Page)> = rows.and_then(Iterator::collect).attempt(ATTEMPT)?;
        Ok(rows.into_iter().filter(|(_, page)| !page.body.is_empty()).map(|(row, _)| row).collect())
    }
}

#[cfg(any(test, feature = "sync"))]
impl Store {
    /// The store's incarnation: 16 bytes that no other store has.
    pub(crate) fn incarnation(&self) -> Result<[u8; 16], StorageError> {
        let text = self.note("incarnation")?.unwrap_or_default();
        Ok(super::injections::bytes_of(&text).unwrap_or_default())
    }

    /// Keeps a pattern's document with its page, and tells the pattern in its words from now on.
    /// Words that this user wrote here, and no others, need no approval: `written` are the latest of
    /// them, `None` where it wrote none now. The pattern need not be known. Call it inside
    /// [`Store::atomically`].
    pub(crate) fn put_edit(
        &mut self,
        id: PatternId,
        document: &[u8],
        page: &Page,
        written: Option<&str>,
        now: i64,
    ) -> Result<(), StorageError> {
        let page_json = serde_json::to_string(page).expect("a page has string keys");
        let written = written.map(|words| reviews::words(words).to_vec()).unwrap_or_default();
        let hlc = self.tick(now)?;
        self.conn()
            .prepare_cached(
                "INSERT INTO edits (pattern, document, page, written, hlc, edited)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (pattern) DO UPDATE SET
                     document = excluded.document, page = excluded.page,
                     written = CASE WHEN excluded.written = x'' THEN written
                               ELSE excluded.written END,
                     hlc = excluded.hlc, edited = excluded.edited",
            )
            .and_then(|mut upsert| {
                upsert.execute(params![id.as_bytes(), document, page_json, written, hlc, now])
            })
            .attempt("store what was written about a pattern")?;
        match self.pattern_row(id)? {
            Some(row) => self.refresh(&BTreeSet::from([row]), &BTreeSet::new(), now),
            None => Ok(()),
        }
    }
}

impl Store {
    /// Drops what was written about the pattern with this id.
    pub(super) fn drop_edit(&mut self, id: &[u8; 16]) -> Result<(), StorageError> {
        self.conn()
            .prepare_cached("DELETE FROM edits WHERE pattern = ?1")
            .and_then(|mut delete| delete.execute([id]))
            .map(drop)
            .attempt("forget what was written about a pattern")
    }
}

fn page_from(row: &Row<'_>, at: usize) -> Result<Page, rusqlite::Error> {
    Ok(serde_json::from_str(row.get_ref(at)?.as_str()?).unwrap_or_default())
}
