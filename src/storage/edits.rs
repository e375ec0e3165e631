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
use super::open::Reader;
#[cfg(feature = "sync")]
use super::patterns::{COLUMNS, pattern_from};
use super::reviews;
#[cfg(feature = "sync")]
use super::sharing::Leaving;
use super::store::Store;
use crate::model::ids::PatternId;
use crate::model::page::Page;
#[cfg(feature = "sync")]
use crate::model::pattern::Pattern;

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

/// What of a pattern's document others may see, or have shown. It is kept as a value of sharing.
#[cfg(feature = "sync")]
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SharedText {
    /// The document, in whose history nothing stands that must not leave.
    pub(crate) document: Vec<u8>,
    /// Hash of the page for which it was made: another page is an edit that it does not hold yet.
    pub(crate) page: [u8; 16],
    /// Whether it holds what was written here and not sent yet.
    pub(crate) unsaid: bool,
}

/// What an approval, and a shared text, remember of a page.
#[cfg(feature = "sync")]
pub(crate) fn hash_of(page: &Page) -> [u8; 16] {
    reviews::words(&page_json(page))
}

/// A pattern with what was written about it here, and may leave.
#[cfg(feature = "sync")]
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Edited {
    /// The pattern.
    pub(crate) pattern: Pattern,
    /// What was written.
    pub(crate) edit: Edit,
    /// Whether it was learned here: others told those that were not.
    pub(crate) learned_here: bool,
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

    /// The words that were learned for a pattern here, or else those that others told, whatever
    /// people wrote; `None` for one of which nothing was learned by itself.
    pub(crate) fn learned_words(&self, row: i64) -> Result<Option<String>, StorageError> {
        let mut all = self.merged_into(row)?;
        all.push(row);
        let own = self.best_wording(&[row])?;
        let wording = match own {
            Some(own) => Some(own),
            None => self.best_wording(&all)?,
        };
        if let Some(wording) = wording {
            return Ok(Some(wording.text));
        }
        self.conn
            .prepare_cached(
                "SELECT h.text FROM patterns p JOIN hearsay h ON h.pattern = p.id WHERE p.row = ?1",
            )
            .and_then(|mut query| query.query_row([row], |row| row.get(0)).optional())
            .attempt("read what other devices say")
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
        let page_json = page_json(page);
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

#[cfg(feature = "sync")]
impl Store {
    /// Keeps what of a pattern's document others may see, and goes on from it here.
    pub(crate) fn put_shared_text(
        &mut self,
        id: PatternId,
        text: &SharedText,
    ) -> Result<(), StorageError> {
        let mut value = text.page.to_vec();
        value.push(u8::from(text.unsaid));
        value.extend(&text.document);
        self.put_sharing_value(&shared_key(id), &value)?;
        self.conn()
            .prepare_cached("UPDATE edits SET document = ?2 WHERE pattern = ?1")
            .and_then(|mut update| update.execute(params![id.as_bytes(), text.document]))
            .map(drop)
            .attempt("store what was written about a pattern")
    }

    /// Drops what was written about a pattern, here or by others, and tells the pattern in its
    /// learned words again. Call it inside [`Store::atomically`].
    pub(crate) fn drop_text(&mut self, id: PatternId, now: i64) -> Result<(), StorageError> {
        self.drop_edit(id.as_bytes())?;
        match self.pattern_row(id)? {
            Some(row) => self.refresh(&BTreeSet::from([row]), &BTreeSet::new(), now),
            None => Ok(()),
        }
    }
}

#[cfg(feature = "sync")]
impl Reader {
    /// What of a pattern's document others may see; `None` before anything of it was to leave or
    /// came from others.
    pub(crate) fn shared_text(&self, id: PatternId) -> Result<Option<SharedText>, StorageError> {
        let value = self.sharing_value(&shared_key(id))?;
        Ok(value.and_then(|value| {
            let (page, rest) = value.split_first_chunk()?;
            let (unsaid, document) = rest.split_first()?;
            Some(SharedText { document: document.to_vec(), page: *page, unsaid: *unsaid != 0 })
        }))
    }

    /// Whether something was written about a pattern here that no other device has.
    pub(crate) fn is_unsaid(&self, id: PatternId) -> Result<bool, StorageError> {
        let Some(edit) = self.edit_of(id)? else { return Ok(false) };
        let shared = self.shared_text(id)?;
        Ok(shared.is_none_or(|text| text.unsaid || text.page != hash_of(&edit.page)))
    }

    /// Whether what agents read by the word of people was written here or by this user elsewhere:
    /// also where they read the learned words.
    pub(crate) fn is_written(&self, id: PatternId) -> Result<bool, StorageError> {
        let found: Option<(Page, Vec<u8>)> = self
            .conn
            .prepare_cached("SELECT page, written FROM edits WHERE pattern = ?1")
            .and_then(|mut query| {
                let read = |row: &Row<'_>| Ok((page_from(row, 0)?, row.get(1)?));
                query.query_row([id.as_bytes()], read).optional()
            })
            .attempt("look up what was written about a pattern")?;
        Ok(found.is_none_or(|(page, written)| {
            page.body.is_empty() || written == reviews::words(&page.body)
        }))
    }

    /// The pattern with this id.
    pub(crate) fn pattern(&self, id: PatternId) -> Result<Option<Pattern>, StorageError> {
        let sql = format!("SELECT {COLUMNS} FROM patterns p WHERE p.id = ?1");
        self.conn
            .prepare_cached(&sql)
            .and_then(|mut query| query.query_row([id.as_bytes()], pattern_from).optional())
            .attempt("look up a pattern")
    }

    /// What was written about patterns and may leave, in the order of their ids: not about those
    /// that wait for approval or were set aside, nor about those of private projects.
    pub(crate) fn edits_leaving(&self, leaving: &Leaving) -> Result<Vec<Edited>, StorageError> {
        const ATTEMPT: &str = "list what was written about patterns";
        let sql = format!(
            "SELECT {COLUMNS}, e.document, e.page, e.edited, j.key, j.name,
                    EXISTS (SELECT 1 FROM drafts d WHERE d.pattern = p.row)
                    OR EXISTS (SELECT 1 FROM patterns q JOIN drafts d ON d.pattern = q.row
                               WHERE q.merged_into = p.row)
             FROM edits e JOIN patterns p ON p.id = e.pattern
             LEFT JOIN projects j ON j.id = p.project
             WHERE p.state < 2 AND p.kind < 7 ORDER BY p.id"
        );
        let mut query = self.conn.prepare_cached(&sql).attempt(ATTEMPT)?;
        let mut rows = query.query([]).attempt(ATTEMPT)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().attempt(ATTEMPT)? {
            let (edited, key, name) = edited_from(row).attempt(ATTEMPT)?;
            let pattern = &edited.pattern;
            if leaving.takes(key.as_deref(), name.as_deref(), pattern)
                && !self.stands_for_private(pattern.row, leaving)?
            {
                all.push(edited);
            }
        }
        Ok(all)
    }
}

/// A row of [`Reader::edits_leaving`] with the key and the name of its project.
#[cfg(feature = "sync")]
fn edited_from(row: &Row<'_>) -> Result<(Edited, Option<String>, Option<String>), rusqlite::Error> {
    let edit = Edit { document: row.get(17)?, page: page_from(row, 18)?, edited: row.get(19)? };
    let edited = Edited { pattern: pattern_from(row)?, edit, learned_here: row.get(22)? };
    Ok((edited, row.get(20)?, row.get(21)?))
}

/// Under which key of sharing a pattern's shared text is kept.
#[cfg(feature = "sync")]
fn shared_key(id: PatternId) -> String {
    format!("text {id}")
}

#[cfg(any(test, feature = "sync"))]
fn page_json(page: &Page) -> String {
    serde_json::to_string(page).expect("a page has string keys")
}

impl Store {
    /// Drops what was written about the pattern with this id.
    pub(super) fn drop_edit(&mut self, id: &[u8; 16]) -> Result<(), StorageError> {
        for statement in [
            "DELETE FROM edits WHERE pattern = ?1",
            "DELETE FROM sharing WHERE key = 'text ' || lower(hex(?1))",
        ] {
            self.conn()
                .prepare_cached(statement)
                .and_then(|mut delete| delete.execute([id]))
                .attempt("forget what was written about a pattern")?;
        }
        Ok(())
    }
}

fn page_from(row: &Row<'_>, at: usize) -> Result<Page, rusqlite::Error> {
    Ok(serde_json::from_str(row.get_ref(at)?.as_str()?).unwrap_or_default())
}
