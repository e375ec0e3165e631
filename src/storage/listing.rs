//! Writes the term lists that [`super::postings`] reads.
//!
//! All lists of a project are written anew when anything in it changed: that takes well under a
//! second for ten thousand patterns, in a process that nobody waits for. They are made in parts
//! ([`super::lists`]), on threads of their own while what was made before is written.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::{OptionalExtension, params};

use super::error::{Attempt, StorageError};
use super::lists::{Known, Listed, Made, Part, Range};
use super::open::{Reader, Store};
use super::postings::Corpus;

/// Files from which on their terms are listed in ranges.
const MANY: u32 = 1_000;

/// Parts that may be made before the first of them is written; lists of many files are large.
const AHEAD: usize = 1;

/// The parts of a project's lists, in the order in which they are written.
fn parts(files: u32) -> Vec<Part> {
    let whole = Range::all(false)[0];
    let mut parts = vec![Part::Known];
    parts.extend(
        [Corpus::Failures, Corpus::Decisions, Corpus::Episodes]
            .map(|corpus| Part::Terms(corpus, whole)),
    );
    parts.extend(Corpus::ALL.into_iter().filter(|c| c.has_meaning()).map(Part::Meanings));
    parts.extend(
        Range::all(files > MANY).into_iter().map(|range| Part::Terms(Corpus::Files, range)),
    );
    parts
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
        let mut known = Known::default();
        for part in parts {
            match part? {
                Made::Known(counted) => known = counted,
                // A file's terms do not count among the patterns'.
                Made::Terms(Corpus::Files, lists) => {
                    self.write_terms(project, Corpus::Files, &lists, &Known::default())?;
                }
                Made::Terms(corpus, lists) => self.write_terms(project, corpus, &lists, &known)?,
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

    fn write_terms(
        &mut self,
        project: i64,
        corpus: Corpus,
        lists: &Listed,
        known: &Known,
    ) -> Result<(), StorageError> {
        const ATTEMPT: &str = "write the term lists";
        let mut insert = self
            .conn()
            .prepare_cached(
                "INSERT INTO postings (project, corpus, term, entries, patterns, list)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )
            .attempt(ATTEMPT)?;
        if let Some((documents, bytes)) = &lists.directory {
            insert
                .execute(params![
                    project,
                    corpus as u8,
                    "",
                    *documents as i64,
                    known.patterns,
                    bytes
                ])
                .attempt(ATTEMPT)?;
        }
        // In the order of the table, every row goes to its end.
        for (term, list) in lists.terms() {
            let known = known.of(term);
            insert
                .execute(params![project, corpus as u8, term, list.entries, known, list.bytes])
                .attempt(ATTEMPT)?;
        }
        Ok(())
    }

    fn write_meanings(
        &mut self,
        project: i64,
        corpus: Corpus,
        vectors: &[u8],
    ) -> Result<(), StorageError> {
        self.conn()
            .prepare_cached("INSERT INTO meanings (project, corpus, vectors) VALUES (?1, ?2, ?3)")
            .and_then(|mut insert| insert.execute(params![project, corpus as u8, vectors]))
            .map(drop)
            .attempt("write the vectors")
    }
}

#[cfg(test)]
mod tests {
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
}
