//! Writes what is known of each term: the lists of all corpora, one after the other.

use rusqlite::{Rows, params};

use super::encode::put_number;
use super::layout::Section;
use super::sheet::Sheet;
use super::slots::Table;
use super::write::ATTEMPT;
use crate::model::key::{Key, Space};
use crate::storage::error::{Attempt, StorageError};
use crate::storage::open::Reader;
use crate::storage::postings::Corpus;

/// The lists of a corpus, in the order of their terms. The empty term is the directory.
const LISTS: &str = "SELECT term, entries, patterns, list FROM postings
                     WHERE project = ?1 AND corpus = ?2 AND term > '' ORDER BY term";

/// What a corpus has of one term.
struct Listed {
    term: String,
    entries: u32,
    patterns: u32,
    list: Vec<u8>,
}

/// The lists of one corpus that are still to be written.
struct Source<'a> {
    rows: Rows<'a>,
    next: Option<Listed>,
}

impl<'a> Source<'a> {
    fn new(rows: Rows<'a>) -> Result<Self, StorageError> {
        let mut source = Self { rows, next: None };
        source.advance()?;
        Ok(source)
    }

    /// The next list; the one after it takes its place.
    fn advance(&mut self) -> Result<Option<Listed>, StorageError> {
        let next = match self.rows.next().attempt(ATTEMPT)? {
            Some(row) => (|| {
                let list = row.get_ref(3)?.as_blob()?.to_vec();
                let (term, entries, patterns) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(Some(Listed { term, entries, patterns, list }))
            })()
            .attempt(ATTEMPT)?,
            None => None,
        };
        Ok(std::mem::replace(&mut self.next, next))
    }

    /// The next list, if it is that of `term`.
    fn take(&mut self, term: &str) -> Result<Option<Listed>, StorageError> {
        match &self.next {
            Some(next) if next.term == term => self.advance(),
            _ => Ok(None),
        }
    }
}

/// The terms of the project with their lists.
pub(super) fn put_terms(
    reader: &Reader,
    project: i64,
    sheet: &mut Sheet<'_>,
) -> Result<(), StorageError> {
    let mut queries = Vec::with_capacity(Corpus::ALL.len());
    for _ in Corpus::ALL {
        queries.push(reader.conn.prepare(LISTS).attempt(ATTEMPT)?);
    }
    let mut sources = Vec::with_capacity(Corpus::ALL.len());
    for (query, corpus) in queries.iter_mut().zip(Corpus::ALL) {
        sources.push(Source::new(query.query(params![project, corpus as u8]).attempt(ATTEMPT)?)?);
    }
    // A large project has so many terms that the table has to be the only place where they are.
    let count: u32 = reader
        .conn
        .prepare_cached("SELECT count(DISTINCT term) FROM postings WHERE project = ?1")
        .and_then(|mut query| query.query_row([project], |row| row.get(0)))
        .attempt(ATTEMPT)?;
    let (mut slots, mut record) = (Table::of(count as usize), Vec::new());
    let next = |sources: &[Source<'_>]| {
        sources.iter().filter_map(|source| Some(&source.next.as_ref()?.term)).min().cloned()
    };
    while let Some(term) = next(&sources) {
        let lists: Vec<Option<Listed>> =
            sources.iter_mut().map(|source| source.take(&term)).collect::<Result<_, _>>()?;
        record.clear();
        put_term(&mut record, &lists);
        // A place in the slots is never 0.
        let place = sheet.put(Section::Lists, &record)? + 1;
        let place = u32::try_from(place).map_err(|_| sheet.too_large())?;
        slots.insert(Key::new(Space::Term, &term).to_i64() as u64, &place.to_le_bytes());
    }
    sheet.put(Section::Terms, &slots.bytes).map(drop)
}

/// One term's counts and lists, by corpus.
fn put_term(record: &mut Vec<u8>, lists: &[Option<Listed>]) {
    let decisions = lists[Corpus::Decisions.index()].as_ref();
    put_number(record, decisions.map_or(0, |listed| listed.patterns).into());
    for listed in lists {
        put_number(record, listed.as_ref().map_or(0, |listed| listed.entries).into());
    }
    for listed in lists.iter().flatten() {
        put_number(record, listed.list.len() as u64);
        record.extend(&listed.list);
    }
}
