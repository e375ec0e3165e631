//! Writes the term lists that [`super::postings`] reads.
//!
//! All lists of a project are written anew when anything in it changed: that takes well under a
//! second for ten thousand patterns, in a process that nobody waits for.

use std::collections::BTreeSet;

use foldhash::{HashMap, HashSet};
use rusqlite::{OptionalExtension, params};

use super::dense;
use super::error::{Attempt, StorageError};
use super::open::Store;
use super::postings::{Corpus, List, directory};
use crate::model::tokens;

/// Ranges of terms, by where each begins. The files of a large project have so many different
/// terms that they are listed one range after the other, to bound the memory.
const RANGES: &[&str] = &["", "e", "m", "s"];

/// Files from which on there are ranges.
const MANY: u32 = 1_000;

/// The terms from one to another that comes after it in the alphabet.
#[derive(Clone, Copy, Debug)]
struct Range {
    from: &'static str,
    to: Option<&'static str>,
}

impl Range {
    /// The ranges that together are all terms, in order.
    fn all(many: bool) -> Vec<Self> {
        let starts = if many { RANGES } else { &RANGES[..1] };
        let ends = starts.iter().skip(1).copied().map(Some).chain([None]);
        starts.iter().zip(ends).map(|(from, to)| Self { from, to }).collect()
    }

    fn holds(self, term: &str) -> bool {
        term >= self.from && self.to.is_none_or(|to| term < to)
    }
}

/// The lists of the documents that were seen so far.
#[derive(Debug, Default)]
struct Lists {
    /// Rows of the documents, and their lengths in terms.
    rows: Vec<u32>,
    lengths: Vec<u16>,
    by_term: HashMap<String, List>,
    /// Terms of the document that is being seen.
    length: u16,
}

impl Lists {
    /// Counts a term of the current document when it is in `range`; its length counts anyway.
    fn add(&mut self, term: &str, field: usize, range: Range) {
        self.length = self.length.saturating_add(1);
        if !range.holds(term) {
            return;
        }
        let document = self.rows.len() as u32;
        match self.by_term.get_mut(term) {
            Some(list) => list.count(document, field),
            None => self.by_term.entry(term.into()).or_default().count(document, field),
        }
    }

    /// Counts the terms of a text of the current document.
    fn add_all(&mut self, text: &str, field: usize, range: Range) {
        let mut terms = tokens::terms(text);
        while let Some(term) = terms.next_term() {
            self.add(term, field, range);
        }
    }

    /// Ends the current document, which is the pattern or file in `row`.
    fn close(&mut self, row: u32) {
        self.rows.push(row);
        self.lengths.push(std::mem::take(&mut self.length));
    }
}

impl Store {
    /// Writes the term lists of every project in which something changed.
    pub(crate) fn refresh_postings(&mut self) -> Result<(), StorageError> {
        const ATTEMPT: &str = "list the changed projects";
        let changed: Vec<i64> = {
            let mut query =
                self.conn().prepare("SELECT id FROM projects WHERE listed = 0").attempt(ATTEMPT)?;
            let rows = query.query_map([], |row| row.get(0));
            rows.and_then(Iterator::collect).attempt(ATTEMPT)?
        };
        for project in changed {
            self.atomically(|store| store.list_project(project))?;
            self.unpublished.insert(project);
        }
        Ok(())
    }

    /// Notes that the term lists of the projects of these patterns and files are out of date.
    pub(super) fn unlist_projects(
        &mut self,
        patterns: &BTreeSet<i64>,
        files: &BTreeSet<i64>,
    ) -> Result<(), StorageError> {
        const ATTEMPT: &str = "note a changed project";
        let mut projects: BTreeSet<Option<i64>> = BTreeSet::new();
        for (sql, rows) in [
            ("SELECT project FROM patterns WHERE row = ?1", patterns),
            ("SELECT project FROM files WHERE id = ?1", files),
        ] {
            let mut query = self.conn().prepare_cached(sql).attempt(ATTEMPT)?;
            for row in rows {
                let found: Option<Option<i64>> =
                    query.query_row([row], |row| row.get(0)).optional().attempt(ATTEMPT)?;
                projects.extend(found);
            }
        }
        for project in projects {
            self.unlist_project(project)?;
        }
        Ok(())
    }

    /// Notes that the term lists of a project, or of all when something global changed, are out
    /// of date, and its snapshot with them.
    pub(super) fn unlist_project(&mut self, project: Option<i64>) -> Result<(), StorageError> {
        self.conn()
            .prepare_cached("UPDATE projects SET listed = 0 WHERE ?1 IS NULL OR id = ?1")
            .and_then(|mut update| update.execute([project]))
            .map(drop)
            .attempt("note a changed project")
    }

    /// Writes the project's term lists, inside a transaction.
    fn list_project(&mut self, project: i64) -> Result<(), StorageError> {
        const ATTEMPT: &str = "write the term lists";
        for sql in
            ["DELETE FROM postings WHERE project = ?1", "DELETE FROM meanings WHERE project = ?1"]
        {
            self.conn().execute(sql, [project]).attempt(ATTEMPT)?;
        }
        let files: u32 = self
            .conn()
            .query_row("SELECT count(*) FROM files WHERE project = ?1", [project], |row| row.get(0))
            .attempt(ATTEMPT)?;
        let known = self.patterns_by_term(project)?;
        self.list_corpus(project, Corpus::Failures, &known, false)?;
        self.list_corpus(project, Corpus::Decisions, &known, false)?;
        self.list_corpus(project, Corpus::Episodes, &known, false)?;
        for corpus in Corpus::ALL.into_iter().filter(|corpus| corpus.has_meaning()) {
            self.list_meanings(project, corpus)?;
        }
        drop(known);
        self.list_corpus(project, Corpus::Files, &Known::default(), files > MANY)?;
        self.conn()
            .execute("UPDATE projects SET listed = 1 WHERE id = ?1", [project])
            .map(drop)
            .attempt(ATTEMPT)
    }

    fn list_corpus(
        &mut self,
        project: i64,
        corpus: Corpus,
        known: &Known,
        many: bool,
    ) -> Result<(), StorageError> {
        const ATTEMPT: &str = "write the term lists";
        for range in Range::all(many) {
            let Lists { rows, lengths, by_term, .. } = self.collect(project, corpus, range)?;
            let mut insert = self
                .conn()
                .prepare_cached(
                    "INSERT INTO postings (project, corpus, term, entries, patterns, list)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )
                .attempt(ATTEMPT)?;
            if range.from.is_empty() {
                let documents = rows.len() as i64;
                let bytes = directory(&rows, &lengths);
                insert
                    .execute(params![project, corpus as u8, "", documents, known.patterns, bytes])
                    .attempt(ATTEMPT)?;
            }
            let mut sorted: Vec<(String, List)> = by_term.into_iter().collect();
            // In the order of the table, every row goes to its end.
            sorted.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            for (term, list) in sorted {
                let known = known.terms.get(&term).copied().unwrap_or(0);
                insert
                    .execute(params![project, corpus as u8, term, list.entries, known, list.bytes])
                    .attempt(ATTEMPT)?;
            }
        }
        Ok(())
    }

    /// Writes the vectors of the project's documents of `corpus`.
    fn list_meanings(&mut self, project: i64, corpus: Corpus) -> Result<(), StorageError> {
        const ATTEMPT: &str = "write the vectors";
        let Some(encoder) = &self.encoder else { return Ok(()) };
        let space = encoder.space();
        let taught = self.reader.has_teacher(encoder.as_ref())?;
        let vectors = {
            let mut query = self.reader.conn.prepare_cached(corpus.documents()).attempt(ATTEMPT)?;
            let mut rows = query.query([project]).attempt(ATTEMPT)?;
            let mut vectors = Vec::new();
            while let Some(row) = rows.next().attempt(ATTEMPT)? {
                // The same rows as in the directory, whose numbers these are.
                let pattern: i64 = row.get(0).attempt(ATTEMPT)?;
                if u32::try_from(pattern).is_err() {
                    continue;
                }
                let column = corpus.meaningful();
                let text = row.get_ref(column).attempt(ATTEMPT)?.as_str().unwrap_or("");
                let vector = if taught {
                    self.reader.taught(encoder.as_ref(), pattern, text)?
                } else {
                    None
                };
                vectors.push(vector.or_else(|| encoder.encode(text)));
            }
            vectors
        };
        if vectors.iter().all(Option::is_none) {
            return Ok(());
        }
        self.conn()
            .prepare_cached("INSERT INTO meanings (project, corpus, vectors) VALUES (?1, ?2, ?3)")
            .and_then(|mut insert| {
                insert.execute(params![project, corpus as u8, dense::build(space, &vectors)])
            })
            .map(drop)
            .attempt(ATTEMPT)
    }

    /// How many patterns the project has, and how many of them hold each term.
    fn patterns_by_term(&mut self, project: i64) -> Result<Known, StorageError> {
        const ATTEMPT: &str = "count the patterns' terms";
        let mut query = self
            .conn()
            .prepare_cached(
                "SELECT trigger || ' ' || text FROM patterns
                 WHERE project = ?1 OR project IS NULL",
            )
            .attempt(ATTEMPT)?;
        let mut rows = query.query([project]).attempt(ATTEMPT)?;
        let mut known = Known::default();
        while let Some(row) = rows.next().attempt(ATTEMPT)? {
            let text: String = row.get(0).attempt(ATTEMPT)?;
            known.patterns += 1;
            for term in tokens::terms(&text).collect::<HashSet<String>>() {
                *known.terms.entry(term).or_insert(0) += 1;
            }
        }
        Ok(known)
    }

    /// Reads the project's documents of `corpus` and lists their terms that are in `range`.
    fn collect(
        &mut self,
        project: i64,
        corpus: Corpus,
        range: Range,
    ) -> Result<Lists, StorageError> {
        const ATTEMPT: &str = "read the documents";
        let reader = &self.reader;
        let mut query = reader.conn.prepare_cached(corpus.documents()).attempt(ATTEMPT)?;
        let mut rows = query.query([project]).attempt(ATTEMPT)?;
        let mut lists = Lists::default();
        while let Some(row) = rows.next().attempt(ATTEMPT)? {
            let (id, first, second): (i64, String, String) =
                (|| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))().attempt(ATTEMPT)?;
            let Ok(id) = u32::try_from(id) else { continue };
            lists.add_all(&first, 0, range);
            if corpus == Corpus::Files {
                let (words, symbols) = reader.file_document(id.into())?;
                for symbol in distinct(&symbols) {
                    if symbol.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) {
                        lists.add(symbol, 1, range);
                    } else {
                        lists.add(&symbol.to_lowercase(), 1, range);
                    }
                }
                for word in words.split(' ').filter(|word| !word.is_empty()) {
                    lists.add(word, 2, range);
                }
            } else {
                lists.add_all(&second, 1, range);
            }
            lists.close(id);
        }
        Ok(lists)
    }
}

/// The different words of a text.
fn distinct(text: &str) -> Vec<&str> {
    let mut words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    // Mostly they are sorted already, as they come from a single touch.
    if !words.is_sorted_by(|a, b| a < b) {
        words.sort_unstable();
        words.dedup();
    }
    words
}

/// How many patterns a project has, and how many of them hold each term.
#[derive(Debug, Default)]
struct Known {
    patterns: u32,
    terms: HashMap<String, u32>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All rows of the lists, in order.
    fn rows(store: &mut Store) -> Vec<(String, u32, Vec<u8>)> {
        let conn = store.conn();
        let mut query = conn.prepare("SELECT term, entries, list FROM postings").unwrap();
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn ranges_make_no_difference() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        let project = store.ensure_project("key", "name").unwrap();
        for (n, path) in ["src/parse.rs", "web/größe.ts", "_x/9.go", "ümlaut"].iter().enumerate()
        {
            store
                .conn()
                .execute(
                    "INSERT INTO files (project, path, name, uid) VALUES (?1, ?2, 0, ?3)",
                    params![project, path, [n as u8; 16]],
                )
                .unwrap();
        }
        let mut listed = |many| {
            store.conn().execute("DELETE FROM postings", []).unwrap();
            store.list_corpus(project, Corpus::Files, &Known::default(), many).unwrap();
            rows(&mut store)
        };
        let whole = listed(false);
        assert!(whole.len() > 8, "{whole:?}");
        assert_eq!(listed(true), whole);
    }

    proptest! {
        #[test]
        fn every_term_is_in_one_range(term in ".{0,6}|[a-z]{1,6}") {
            for many in [false, true] {
                let holding = Range::all(many).iter().filter(|range| range.holds(&term)).count();
                prop_assert_eq!(holding, 1);
            }
        }
    }
}
