//! What a snapshot says of a project's files. The record is hot.

use std::collections::HashMap;

use rusqlite::Row;

use super::blocks::Writing;
use super::encode::{Reading, pair, put_number};
use super::layout::{Damage, Hash, Section};
use super::query::{ATTEMPT, list};
use super::sheet::Sheet;
use super::slots::table;
use crate::model::ids::PatternId;
use crate::storage::error::{Attempt, StorageError};
use crate::storage::open::Reader;
use crate::storage::recall::{KnownFile, NAMED_MOST};

/// A file, as a snapshot has it by its row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FileRecord<'a> {
    pub(super) uid: [u8; 16],
    /// When it was last worked on.
    pub(super) last: i64,
    pub(super) edits: u32,
    pub(super) reads: u32,
    /// Its range of `FileEpisodes`: where it begins and how many they are, four bytes each.
    pub(super) episodes: [u8; 8],
    pub(super) path: &'a str,
}

impl<'a> FileRecord<'a> {
    /// Adds it to `bytes`, where nothing follows it.
    fn put(&self, bytes: &mut Vec<u8>) {
        // Taken apart, so that a new field does not compile until it is here.
        let Self { uid, last, edits, reads, episodes, path } = self;
        bytes.extend(uid);
        bytes.extend(last.to_le_bytes());
        bytes.extend(episodes);
        for number in [*edits, *reads] {
            put_number(bytes, number.into());
        }
        bytes.extend(path.as_bytes());
    }

    /// Reads what was put.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Damage> {
        let mut reading = Reading::at(bytes, 0)?;
        Ok(Self {
            uid: *reading.array()?,
            last: i64::from_le_bytes(*reading.array()?),
            episodes: *reading.array()?,
            edits: reading.small()?,
            reads: reading.small()?,
            path: std::str::from_utf8(reading.rest()).map_err(|_| Damage)?,
        })
    }

    /// What is handed out of it.
    pub(super) fn file(self) -> KnownFile {
        let Self { uid, last, edits, reads, episodes: _, path } = self;
        KnownFile { uid: PatternId::from_bytes(uid), path: path.to_owned(), edits, reads, last }
    }
}

/// The files of a snapshot, whose records are written.
pub(super) struct Files {
    /// Index of the records.
    index: Vec<u8>,
    /// Name's key, how often used, last, row.
    names: Vec<(i64, u32, i64, u32)>,
    /// Path's hash, row.
    paths: Vec<(u64, [u8; 4])>,
    /// Path's hash, row.
    rows: HashMap<u64, u32>,
    changes: Changes,
}

/// Which episodes changed which files.
struct Changes {
    /// Row of a file, number of an episode, by row.
    pairs: Vec<(u32, u32)>,
    /// How many episodes there are.
    episodes: u32,
}

impl Changes {
    fn of(reader: &Reader, project: i64) -> Result<Self, StorageError> {
        let touches: Vec<(u32, [u8; 16])> = list(
            reader,
            "SELECT t.file, t.episode FROM files f JOIN touches t ON t.file = f.id
             WHERE f.project = ?1 AND t.edited = 1 ORDER BY f.id, t.episode",
            project,
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let mut numbers: HashMap<[u8; 16], u32> = HashMap::new();
        let mut pairs = Vec::with_capacity(touches.len());
        for (file, episode) in touches {
            let next = numbers.len() as u32;
            pairs.push((file, *numbers.entry(episode).or_insert(next)));
        }
        Ok(Self { pairs, episodes: numbers.len() as u32 })
    }

    /// The pairs from both ends: the episodes of each file, whose ranges the records have, and the
    /// files of each episode.
    fn put(mut self, sheet: &mut Sheet<'_>) -> Result<(), StorageError> {
        for (_, episode) in &self.pairs {
            sheet.put(Section::FileEpisodes, &episode.to_le_bytes())?;
        }
        self.pairs.sort_unstable_by_key(|(file, episode)| (*episode, *file));
        for (file, _) in &self.pairs {
            sheet.put(Section::EpisodeFiles, &file.to_le_bytes())?;
        }
        let mut ranges = Ranges::default();
        for episode in 0..self.episodes {
            let range = ranges.next(&self.pairs, |(_, of)| *of == episode);
            sheet.put(Section::EpisodeRanges, &range)?;
        }
        debug_assert_eq!(ranges.start, self.pairs.len(), "each pair is of an episode");
        Ok(())
    }
}

/// Hands out ranges of pairs, one behind the other.
#[derive(Default)]
struct Ranges {
    /// Where the next one begins.
    start: usize,
}

impl Ranges {
    /// The next range: of the pairs that `belong` to it.
    fn next(&mut self, pairs: &[(u32, u32)], belong: impl Fn(&(u32, u32)) -> bool) -> [u8; 8] {
        let count = pairs[self.start..].iter().take_while(|known| belong(known)).count();
        let range = pair(self.start as u32, count as u32);
        self.start += count;
        range
    }
}

impl Files {
    /// Writes the records of the project's files.
    pub(super) fn of(
        reader: &Reader,
        project: i64,
        sheet: &mut Sheet<'_>,
    ) -> Result<Self, StorageError> {
        let changes = Changes::of(reader, project)?;
        let sql = "SELECT id, edits, reads, last, uid, path, name FROM files
                   WHERE project = ?1 ORDER BY id";
        let mut query = reader.conn.prepare_cached(sql).attempt(ATTEMPT)?;
        let mut found = query.query([project]).attempt(ATTEMPT)?;
        let (mut names, mut paths, mut rows) = (Vec::new(), Vec::new(), HashMap::new());
        let (mut writing, mut bytes) = (Writing::begin(Section::Files), Vec::new());
        let mut ranges = Ranges::default();
        while let Some(found) = found.next().attempt(ATTEMPT)? {
            let Ok(row) = u32::try_from(found.get::<_, i64>(0).attempt(ATTEMPT)?) else { continue };
            let episodes = ranges.next(&changes.pairs, |(file, _)| *file == row);
            let record = record_of(found, episodes).attempt(ATTEMPT)?;
            bytes.clear();
            record.put(&mut bytes);
            writing.put(row, &bytes, sheet)?;
            let name = found.get(6).attempt(ATTEMPT)?;
            names.push((name, record.edits.saturating_add(record.reads), record.last, row));
            let hash = Hash::of(record.path);
            rows.insert(hash, row);
            paths.push((hash, row.to_le_bytes()));
        }
        debug_assert_eq!(ranges.start, changes.pairs.len(), "each pair is of a file");
        Ok(Self { index: writing.end(sheet)?, names, paths, rows, changes })
    }

    /// Writes the index of the records.
    pub(super) fn put_index(&self, sheet: &mut Sheet<'_>) -> Result<(), StorageError> {
        sheet.put(Section::FileIndex, &self.index).map(drop)
    }

    /// Writes by what they are found, and which episodes changed them.
    pub(super) fn put(mut self, sheet: &mut Sheet<'_>) -> Result<(), StorageError> {
        self.names.sort_unstable_by_key(|(name, used, last, row)| {
            (*name, std::cmp::Reverse((*used, *last)), *row)
        });
        let (mut slots, mut written) = (Vec::new(), 0_u32);
        for same in self.names.chunk_by(|a, b| a.0 == b.0) {
            let kept = same.len().min(NAMED_MOST);
            for (_, _, _, row) in &same[..kept] {
                sheet.put(Section::NameFiles, &row.to_le_bytes())?;
            }
            slots.push((same[0].0 as u64, pair(written, kept as u32)));
            written += kept as u32;
        }
        sheet.put(Section::Names, &table(&slots))?;
        sheet.put(Section::Paths, &table(&self.paths))?;
        self.changes.put(sheet)
    }

    /// Row of the file at this path. Two paths with the same hash would be taken for each other:
    /// one pair in 2⁶⁴.
    pub(super) fn row(&self, path: &str) -> Option<u32> {
        self.rows.get(&Hash::of(path)).copied()
    }
}

/// The record of a row of the query above.
fn record_of<'r>(row: &'r Row<'_>, episodes: [u8; 8]) -> Result<FileRecord<'r>, rusqlite::Error> {
    let last = row.get::<_, Option<i64>>(3)?.unwrap_or(0);
    let path = row.get_ref(5)?.as_str()?;
    let (edits, reads, uid) = (row.get(1)?, row.get(2)?, row.get(4)?);
    Ok(FileRecord { uid, last, edits, reads, episodes, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_put() {
        let record = FileRecord {
            uid: [7; 16],
            last: -1,
            edits: u32::MAX,
            reads: 300,
            episodes: pair(1, 2),
            path: "src/größe.rs",
        };
        let mut bytes = Vec::new();
        record.put(&mut bytes);
        assert_eq!(FileRecord::read(&bytes), Ok(record));
        let start = bytes.len() - record.path.len();
        for length in 0..start {
            assert_eq!(FileRecord::read(&bytes[..length]), Err(Damage), "{length} bytes");
        }
        bytes[start] = 0xff;
        assert_eq!(FileRecord::read(&bytes), Err(Damage));
    }
}
