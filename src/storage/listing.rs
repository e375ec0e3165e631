//! Writes the term lists that [`super::postings`] reads.
//!
//! All lists of a project are written anew when anything in it changed: that takes well under a
//! second for ten thousand patterns, in a process that nobody waits for. They are made in parts
//! ([`super::lists`]), on threads of their own while what was made before is written.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::{OptionalExtension, params};

use super::dense::Dense;
use super::error::{Attempt, StorageError};
use super::inverted::{Dictionary, Frequencies, Lists};
use super::lists::{Made, Part, Range};
use super::open::Reader;
use super::postings::Corpus;
use super::runs::{Listed, Writer};
use super::store::Store;

/// Files from which on their terms are listed in ranges.
const MANY: u32 = 200_000;

/// Parts that may be made before the first of them is written; lists of many files are large.
const AHEAD: usize = 2;

/// The parts of a project's lists, in the order in which they are written.
fn parts(files: u32) -> Vec<Part> {
    let files = Range::all(files > MANY).into_iter().map(Part::Files);
    let meanings = Corpus::ALL.into_iter().filter(|c| c.has_meaning()).map(Part::Meanings);
    std::iter::once(Part::Patterns).chain(files).chain(meanings).collect()
}

impl Store {
    /// Writes the term lists of every project in which something changed.
    pub(crate) fn refresh_postings(&mut self) -> Result<(), StorageError> {
        let due: Vec<(i64, Part)> = self
            .unlisted()?
            .into_iter()
            .flat_map(|(project, files)| parts(files).into_iter().map(move |part| (project, part)))
            .collect();
        let (home, encoder) = (self.home.clone(), self.encoder.clone());
        let list = |reader: &mut Option<Reader>, (project, part): &(i64, Part)| {
            let reader = match reader {
                Some(reader) => reader,
                None => reader.insert(Reader::beside(&home)?),
            };
            reader.make_list(*project, *part, encoder.as_deref())
        };
        Arc::clone(self.workers()).in_order(
            &due,
            AHEAD,
            || None,
            |reader, due, made| {
                // Nobody listens any more when writing has failed, and it says so itself.
                let _stopped = made.send(list(reader, due));
            },
            |found| {
                for parts in due.chunk_by(|a, b| a.0 == b.0) {
                    let made = parts.iter().map(|_| {
                        let made = found.recv().and_then(|made| made.recv());
                        made.expect("a thread sends what it made, or its panic ends the run")
                    });
                    let project = parts[0].0;
                    self.atomically(|store| store.list_project(project, made))?;
                    self.unpublished.insert(project);
                }
                Ok(())
            },
        )
    }

    /// The projects whose lists are out of date, each with the number of its files.
    fn unlisted(&mut self) -> Result<Vec<(i64, u32)>, StorageError> {
        const ATTEMPT: &str = "list the changed projects";
        let mut query = self
            .conn()
            .prepare(
                "SELECT id, (SELECT count(*) FROM files WHERE project = projects.id)
                 FROM projects WHERE listed = 0",
            )
            .attempt(ATTEMPT)?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.and_then(Iterator::collect).attempt(ATTEMPT)
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

    /// Writes the project's term lists and vectors as they are made, inside a transaction.
    fn list_project(
        &mut self,
        project: i64,
        parts: impl Iterator<Item = Result<Made, StorageError>>,
    ) -> Result<(), StorageError> {
        const ATTEMPT: &str = "write the term lists";
        for sql in
            ["DELETE FROM postings WHERE project = ?1", "DELETE FROM meanings WHERE project = ?1"]
        {
            self.conn().execute(sql, [project]).attempt(ATTEMPT)?;
        }
        for part in parts {
            match part? {
                Made::Files(range, terms, lists) => {
                    if range.is_first() {
                        self.write_directory(project, &lists)?;
                    }
                    self.write_lists(project, &lists, &terms, &Frequencies::default())?;
                }
                Made::Patterns(made) => {
                    self.count_patterns(project, made.frequencies.patterns)?;
                    for lists in &made.lists {
                        self.write_directory(project, lists)?;
                        self.write_lists(project, lists, &made.terms, &made.frequencies)?;
                    }
                }
                Made::Meanings(corpus, Some(vectors)) => {
                    self.write_meanings(project, corpus, &vectors)?;
                }
                Made::Meanings(_, None) => {}
            }
        }
        self.conn()
            .execute("UPDATE projects SET listed = 1 WHERE id = ?1", [project])
            .map(drop)
            .attempt(ATTEMPT)
    }

    /// Notes how many patterns of any kind the project has.
    fn count_patterns(&mut self, project: i64, patterns: u32) -> Result<(), StorageError> {
        self.conn()
            .execute("UPDATE projects SET patterns = ?2 WHERE id = ?1", [project, patterns.into()])
            .map(drop)
            .attempt("count the patterns")
    }

    fn write_directory(&mut self, project: i64, lists: &Lists) -> Result<(), StorageError> {
        self.write_run(project, lists.corpus, "", &lists.directory())
    }

    /// Writes the lists of a corpus, and how many patterns hold each term.
    fn write_lists(
        &mut self,
        project: i64,
        lists: &Lists,
        terms: &Dictionary,
        frequencies: &Frequencies,
    ) -> Result<(), StorageError> {
        let mut writer = Writer::default();
        for (number, term, list) in lists.sorted(terms) {
            let patterns = frequencies.of(number);
            let listed = Listed { term, entries: list.entries, patterns, list: &list.bytes };
            if writer.is_full_for(listed) {
                self.write_run(project, lists.corpus, &writer.first, &writer.bytes)?;
                writer.bytes.clear();
            }
            writer.add(listed);
        }
        if writer.bytes.is_empty() {
            return Ok(());
        }
        self.write_run(project, lists.corpus, &writer.first, &writer.bytes)
    }

    fn write_run(
        &mut self,
        project: i64,
        corpus: Corpus,
        first: &str,
        run: &[u8],
    ) -> Result<(), StorageError> {
        self.conn()
            .prepare_cached(
                "INSERT INTO postings (project, corpus, first, run) VALUES (?1, ?2, ?3, ?4)",
            )
            .and_then(|mut insert| insert.execute(params![project, corpus as u8, first, run]))
            .map(drop)
            .attempt("write the term lists")
    }

    fn write_meanings(
        &mut self,
        project: i64,
        corpus: Corpus,
        vectors: &[u8],
    ) -> Result<(), StorageError> {
        let Some(dense) = Dense::new(vectors.into()) else { return Ok(()) };
        let (head, lists) = dense.parts();
        let mut insert = self
            .conn()
            .prepare_cached(
                "INSERT INTO meanings (project, corpus, part, vectors) VALUES (?1, ?2, ?3, ?4)",
            )
            .attempt("write the vectors")?;
        for (part, bytes) in (0_i64..).zip(std::iter::once(head).chain(lists)) {
            insert
                .execute(params![project, corpus as u8, part, bytes])
                .attempt("write the vectors")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::vector::Encode as _;
    use crate::model::vector::testing::Words;
    use crate::storage::recall::Recall as _;
    use crate::storage::runs::Run;

    /// All terms with their lists, in order, behind the directories.
    fn rows(store: &mut Store) -> Vec<(String, u32, Vec<u8>)> {
        let conn = store.conn();
        let mut query =
            conn.prepare("SELECT first, run FROM postings ORDER BY corpus, first").unwrap();
        let runs = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let runs: Vec<(String, Vec<u8>)> = runs.unwrap().collect::<Result<_, _>>().unwrap();
        let (directories, runs): (Vec<_>, Vec<_>) =
            runs.into_iter().partition(|(first, _)| first.is_empty());
        let directories = directories.into_iter().map(|(first, bytes)| (first, 0, bytes));
        let terms = runs.iter().flat_map(|(_, run)| Run::from(run, 0));
        let terms = terms.map(|l| (l.term.to_owned(), l.entries, l.list.to_vec()));
        directories.chain(terms).collect()
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
        let mut listed = |files| {
            let made = parts(files).into_iter().map(|part| {
                let reader = Reader::beside(home.path()).unwrap();
                reader.make_list(project, part, None)
            });
            store.list_project(project, made).unwrap();
            rows(&mut store)
        };
        let whole = listed(MANY);
        assert!(whole.len() > 8, "{whole:?}");
        assert_eq!(listed(MANY + 1), whole);
    }

    #[test]
    fn documents_and_their_vectors_are_numbered_in_the_order_of_rows() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        store.encode_with(Some(Box::new(Words)));
        let [project, other] =
            ["key", "other"].map(|key| store.ensure_project(key, "name").unwrap());
        // Neither as they come nor by evidence are rows in order; some are no documents.
        for n in 0..48_i64 {
            let row = 1 + n * 7 % 48;
            let kind = [5, 6, 1][row as usize % 3];
            let project = [Some(project), None, Some(other), Some(project)][row as usize % 4];
            let state = i64::from(row % 9 != 4);
            store
                .conn()
                .execute(
                    "INSERT INTO patterns (row, id, kind, project, tool, category, trigger, text,
                                           payload, state, sessions, hlc, origin)
                     VALUES (?1, ?2, ?3, ?4, '', '', ?5, ?5, '{}', ?6, ?7, 0, '')",
                    params![
                        row,
                        [row as u8; 16],
                        kind,
                        project,
                        format!("word{row}"),
                        state,
                        row * 5 % 11
                    ],
                )
                .unwrap();
        }
        store.refresh_postings().unwrap();
        for (corpus, remainder) in [(Corpus::Decisions, 0), (Corpus::Episodes, 1)] {
            let directory = store.directory(project, corpus).unwrap().unwrap();
            let dense = store.dense(project, corpus).unwrap().unwrap();
            let rows: Vec<u32> = (0..directory.documents()).map(|n| directory.row(n)).collect();
            let expected: Vec<u32> = (1..=48)
                .filter(|row| row % 3 == remainder && row % 4 != 2 && row % 9 != 4)
                .collect();
            assert_eq!(rows, expected);
            for (document, row) in (0..).zip(rows) {
                let vector = Words.encode(&format!("word{row}")).unwrap();
                let cosine = dense.cosine(&vector, document).unwrap().unwrap();
                assert!(cosine > 0.99, "{corpus:?} {row}: {cosine}");
            }
        }
    }
}
