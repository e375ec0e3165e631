//! Patterns and files as people look for them: over all projects, by the start of an id.

use rusqlite::params;

use super::Reader;
use super::error::{Attempt, StorageError};
use super::patterns::{COLUMNS, kind_term, pattern_from, scope_term};
use super::recall::KnownFile;
use super::sql::{FILE_COLUMNS, file_from};
use crate::model::ids::PatternId;
use crate::model::pattern::{Kind, Pattern};

impl Reader {
    /// Rows of the active patterns of these kinds, of one project and global ones or of all, that
    /// hold any of `terms` (index terms, as the tokeniser makes them), with their BM25 scores;
    /// best first.
    pub(super) fn by_words(
        &self,
        project: Option<i64>,
        kinds: &[Kind],
        terms: &[String],
    ) -> Result<Vec<(i64, f64)>, StorageError> {
        const ATTEMPT: &str = "search the patterns";
        let Some(any) = any_of(terms) else { return Ok(Vec::new()) };
        let kinds: Vec<String> = kinds.iter().map(|kind| kind_term(*kind)).collect();
        let kinds = kinds.join(" OR ");
        let scope = project.map_or_else(String::new, |id| {
            format!("scope:({} OR {}) AND ", scope_term(Some(id)), scope_term(None))
        });
        let expression = format!("{scope}scope:({kinds}) AND {{trigger text}}:({any})");
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT p.row, -bm25(pattern_fts, 0.0, 1.0, 0.3) AS score
                 FROM pattern_fts JOIN patterns p ON p.row = pattern_fts.rowid
                 WHERE pattern_fts MATCH ?1 AND p.state = 1 ORDER BY score DESC, p.row",
            )
            .attempt(ATTEMPT)?;
        let rows = query.query_map([expression], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.and_then(Iterator::collect).attempt(ATTEMPT)
    }

    /// The active patterns of one kind over all projects, most sessions first.
    pub(crate) fn best(&self, kind: Kind, limit: u32) -> Result<Vec<Pattern>, StorageError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM patterns p WHERE p.kind = ?1 AND p.state = 1
             ORDER BY p.sessions DESC, p.failures DESC, p.last DESC, p.row LIMIT ?2"
        );
        let mut query = self.conn.prepare_cached(&sql).attempt("list the patterns")?;
        let rows = query.query_map(params![kind as i64, limit], pattern_from);
        rows.and_then(Iterator::collect).attempt("list the patterns")
    }

    /// Files whose identity starts with these hex digits (at least four), as rows for people.
    pub(crate) fn files_by_prefix(&self, prefix: &str) -> Result<Vec<KnownFile>, StorageError> {
        let prefix = prefix.to_ascii_lowercase();
        if prefix.len() < 4 || !prefix.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT {FILE_COLUMNS} FROM files f WHERE substr(lower(hex(f.uid)), 1, ?2) = ?1 LIMIT 20"
        );
        let mut query = self.conn.prepare_cached(&sql).attempt("look up a file")?;
        let rows = query.query_map(params![prefix, prefix.len() as i64], file_from);
        rows.and_then(Iterator::collect).attempt("look up a file")
    }

    /// The prompts that led to work on the file at `path`, newest first: pattern rows of kind
    /// episode where there is one.
    pub(crate) fn episodes_of_file(&self, file: &PatternId) -> Result<Vec<Pattern>, StorageError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM files f
             JOIN touches t ON t.file = f.id
             JOIN evidence e ON e.step = t.episode
             JOIN patterns p ON p.row = e.pattern AND p.kind = 6
             WHERE f.uid = ?1 GROUP BY p.row ORDER BY p.last DESC LIMIT 20"
        );
        let mut query = self.conn.prepare_cached(&sql).attempt("list a file's episodes")?;
        let rows = query.query_map([file.as_bytes()], pattern_from);
        rows.and_then(Iterator::collect).attempt("list a file's episodes")
    }
}

/// The full-text expression that matches any of the terms, each quoted; `None` without terms.
fn any_of(terms: &[String]) -> Option<String> {
    let mut expression = String::new();
    for term in terms {
        if !expression.is_empty() {
            expression.push_str(" OR ");
        }
        expression.push('"');
        expression.push_str(&term.replace('"', ""));
        expression.push('"');
    }
    (!expression.is_empty()).then_some(expression)
}
