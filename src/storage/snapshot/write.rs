//! Writes one snapshot file: from rows to sections, in one pass over each table.
//!
//! Texts and lists go straight into the file; what is kept in memory is a few bytes for each
//! pattern, key, file, term and edit of a file.

use std::path::Path;

use rusqlite::params;

use super::blocks::Writing;
use super::encode::{Beside, pair, put_beside, put_number, put_pattern, put_text};
use super::files::Files;
use super::layout::{Hash, Section};
use super::project::{ACTIVE_KINDS, FACTS, documents_of, vectors_of};
use super::query::{ATTEMPT, list};
use super::sheet::Sheet;
use super::slots::table;
use super::terms::{decision_frequencies, put_terms};
use crate::model::key::{Key, Space};
use crate::model::pattern::Kind;
use crate::model::tokens;
use crate::storage::error::{Attempt, StorageError};
use crate::storage::file;
use crate::storage::open::{Reader, Rest};
use crate::storage::patterns::{WEIGHED, pattern_from};
use crate::storage::postings::Corpus;
use crate::storage::recall::{KEYED_MOST, Recall};

/// Writes the snapshot of a project to `path`; returns its generation.
pub(super) fn write_project(
    reader: &Reader,
    project: i64,
    path: &Path,
) -> Result<u64, StorageError> {
    let mut generation = 0;
    // The catalogue, without which no hook looks at it, comes later and into the same folder.
    file::replace_own_early(path, |file| {
        let mut sheet = Sheet::begin(path, file);
        let files = Files::of(reader, project, &mut sheet)?;
        let patterns = put_patterns(reader, project, &files, &mut sheet)?;
        let index = patterns.put(&mut sheet)?;
        // What a prompt maps lies together.
        put_facts(reader, project, &mut sheet)?;
        sheet.put(Section::PatternIndex, &index)?;
        files.put_index(&mut sheet)?;
        put_documents(reader, project, &mut sheet)?;
        put_active(reader, project, &mut sheet)?;
        put_keys(reader, project, &patterns, &mut sheet)?;
        put_rates(reader, project, &mut sheet)?;
        files.put(&mut sheet)?;
        put_terms(reader, project, &mut sheet)?;
        put_vectors(reader, project, &mut sheet)?;
        generation = sheet.end()?;
        Ok::<_, StorageError>(())
    })?;
    Ok(generation)
}

/// What ordering needs to know of a pattern.
#[derive(Clone, Copy, Debug)]
struct Known {
    row: u32,
    /// Where it begins in the heap, and how long it is.
    at: u64,
    length: u64,
    sessions: u32,
    last: i64,
}

/// The patterns of a snapshot, by row.
struct Patterns {
    known: Vec<Known>,
}

/// The active patterns of the project into the heap. Those of a kind lie together, because an
/// event reads several of one kind.
fn put_patterns(
    reader: &Reader,
    project: i64,
    files: &Files,
    sheet: &mut Sheet<'_>,
) -> Result<Patterns, StorageError> {
    let frequencies = decision_frequencies(reader, project)?;
    // The rows are put in order by themselves: with them, texts would be moved as well.
    let sql = format!(
        "SELECT {WEIGHED}, p.sessions
         FROM (SELECT row FROM patterns
               WHERE (project = ?1 OR project IS NULL) AND state = 1 AND kind < 7
               ORDER BY kind, row LIMIT -1) k
         CROSS JOIN patterns p ON p.row = k.row"
    );
    let mut query = reader.conn.prepare_cached(&sql).attempt(ATTEMPT)?;
    let mut rows = query.query([project]).attempt(ATTEMPT)?;
    let (mut known, mut bytes) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next().attempt(ATTEMPT)? {
        let pattern = pattern_from(row).attempt(ATTEMPT)?;
        let sessions = row.get(17).attempt(ATTEMPT)?;
        let Ok(row) = u32::try_from(pattern.row) else { continue };
        let mut beside = Beside::default();
        if pattern.kind == Kind::Decision {
            beside.terms.extend(tokens::distinct(&pattern.text).iter().map(|term| {
                let key = Key::new(Space::Term, term);
                (key, frequencies.get(&key).copied().unwrap_or_default())
            }));
        }
        if pattern.kind == Kind::Episode {
            let rows = pattern.payload.files.iter().filter_map(|path| files.row(path));
            beside.files.extend(rows);
        }
        bytes.clear();
        put_beside(&mut bytes, &beside);
        put_pattern(&mut bytes, &pattern);
        known.push(Known {
            row,
            at: sheet.put(Section::Heap, &bytes)?,
            length: bytes.len() as u64,
            sessions,
            last: pattern.tally.last,
        });
    }
    known.sort_unstable_by_key(|known: &Known| known.row);
    Ok(Patterns { known })
}

impl Patterns {
    /// Writes the places of the patterns; returns their index.
    fn put(&self, sheet: &mut Sheet<'_>) -> Result<Vec<u8>, StorageError> {
        let (mut writing, mut place) = (Writing::begin(Section::Patterns), Vec::new());
        for known in &self.known {
            place.clear();
            put_number(&mut place, known.at);
            put_number(&mut place, known.length);
            writing.put(known.row, &place, sheet)?;
        }
        writing.end(sheet)
    }

    fn of(&self, row: u32) -> Option<&Known> {
        let place = self.known.binary_search_by_key(&row, |known| known.row).ok()?;
        self.known.get(place)
    }
}

/// What a brief chooses from.
fn put_active(reader: &Reader, project: i64, sheet: &mut Sheet<'_>) -> Result<(), StorageError> {
    let (mut lengths, mut lists) = (Vec::new(), Vec::new());
    for kind in ACTIVE_KINDS {
        let start = lists.len();
        for pattern in reader.active(project, kind)? {
            put_pattern(&mut lists, &pattern);
        }
        lengths.extend(((lists.len() - start) as u32).to_le_bytes());
    }
    sheet.put(Section::Active, &lengths)?;
    sheet.put(Section::Active, &lists).map(drop)
}

/// The keys of the patterns, each with its patterns in the order in which they are handed out.
fn put_keys(
    reader: &Reader,
    project: i64,
    patterns: &Patterns,
    sheet: &mut Sheet<'_>,
) -> Result<(), StorageError> {
    let mut keys: Vec<(i64, u32)> = list(
        reader,
        "SELECT k.key, k.pattern FROM patterns p JOIN pattern_keys k ON k.pattern = p.row
         WHERE (p.project = ?1 OR p.project IS NULL) AND p.state = 1 AND p.kind < 7",
        project,
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    keys.sort_unstable_by_key(|(key, row)| (*key, std::cmp::Reverse(*row)));
    let [newest, most] = KEYED_MOST;
    let (mut slots, mut written) = (Vec::new(), 0_u32);
    for same in keys.chunk_by(|a, b| a.0 == b.0) {
        let mut found: Vec<&Known> =
            same.iter().take(newest).filter_map(|(_, row)| patterns.of(*row)).collect();
        found.sort_by_key(|known| std::cmp::Reverse((known.sessions, known.last, known.row)));
        found.truncate(most);
        for known in &found {
            sheet.put(Section::KeyPatterns, &known.row.to_le_bytes())?;
        }
        slots.push((same[0].0 as u64, pair(written, found.len() as u32)));
        written += found.len() as u32;
    }
    sheet.put(Section::Keys, &table(&slots)).map(drop)
}

/// How often each command ran and failed.
fn put_rates(reader: &Reader, project: i64, sheet: &mut Sheet<'_>) -> Result<(), StorageError> {
    let rates: Vec<(i64, u32, u32)> = list(
        reader,
        "SELECT key, sum(runs), sum(failures) FROM command_runs WHERE project = ?1 GROUP BY key",
        project,
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let ran = rates.into_iter().filter(|(_, runs, failures)| (*runs, *failures) != (0, 0));
    let slots: Vec<(u64, [u8; 8])> =
        ran.map(|(key, runs, failures)| (key as u64, pair(runs, failures))).collect();
    sheet.put(Section::Rates, &table(&slots)).map(drop)
}

/// The directories of the documents.
fn put_documents(reader: &Reader, project: i64, sheet: &mut Sheet<'_>) -> Result<(), StorageError> {
    for corpus in Corpus::ALL {
        if let Some(directory) = reader.directory(project, corpus)? {
            sheet.put(documents_of(corpus), directory.bytes())?;
        }
    }
    Ok(())
}

/// The vectors of the documents: their parts, one behind the other.
fn put_vectors(reader: &Reader, project: i64, sheet: &mut Sheet<'_>) -> Result<(), StorageError> {
    let mut query = reader
        .conn
        .prepare_cached(
            "SELECT vectors FROM meanings WHERE project = ?1 AND corpus = ?2 ORDER BY part",
        )
        .attempt(ATTEMPT)?;
    for corpus in Corpus::ALL {
        let Some(section) = vectors_of(corpus) else { continue };
        let mut rows = query.query(params![project, corpus as u8]).attempt(ATTEMPT)?;
        while let Some(row) = rows.next().attempt(ATTEMPT)? {
            let part = row.get_ref(0).attempt(ATTEMPT)?.as_blob().unwrap_or_default();
            sheet.put(section, part)?;
        }
    }
    Ok(())
}

/// The single values.
fn put_facts(reader: &Reader, project: i64, sheet: &mut Sheet<'_>) -> Result<(), StorageError> {
    let mut facts = [0; FACTS];
    if let Some(last) = reader.last_activity(project)? {
        facts[0] = 1;
        facts[1..9].copy_from_slice(&last.to_le_bytes());
    }
    facts[9..].copy_from_slice(&reader.patterns(project)?.to_le_bytes());
    sheet.put(Section::Facts, &facts).map(drop)
}

/// Writes the catalogue of snapshots with these generations, all of the database in this state.
pub(super) fn write_catalogue(
    reader: &Reader,
    database: &Rest,
    generations: &[(i64, u64)],
    path: &Path,
) -> Result<(), StorageError> {
    file::replace_own_with(path, |file| {
        let mut sheet = Sheet::begin(path, file);
        // A place in the heap is never 0.
        sheet.put(Section::Heap, &[0])?;
        let mut named = |name: &str, project: i64, text: &str| {
            let mut bytes = Vec::new();
            put_text(&mut bytes, name);
            put_number(&mut bytes, project as u64);
            put_text(&mut bytes, text);
            let at = sheet.put(Section::Heap, &bytes)?;
            Ok::<_, StorageError>((Hash::of(name), at.to_le_bytes()))
        };
        let mut roots = Vec::new();
        for root in reader.roots()? {
            roots.push(named(&root.path, root.project, &root.base)?);
        }
        let mut projects = Vec::new();
        for (project, key, _) in reader.projects()? {
            projects.push(named(&key, project, "")?);
        }
        sheet.put(Section::Roots, &table(&roots))?;
        sheet.put(Section::Projects, &table(&projects))?;
        for (project, generation) in generations {
            sheet.put(Section::Generations, &project.to_le_bytes())?;
            sheet.put(Section::Generations, &generation.to_le_bytes())?;
        }
        if let Some(weights) = reader.stored_place_weights()? {
            sheet.put(Section::PlaceWeights, &weights.to_bytes())?;
        }
        sheet.put(Section::Facts, &database.to_bytes())?;
        sheet.end().map(drop)
    })
}
