//! What a project's snapshot holds, read from the mapped file. Hot.

use std::io;
use std::path::Path;

use memmap2::Mmap;

use super::encode::Reading;
use super::layout::{Damage, Hash, Section, Sections, place_of, records, u32_at, u64_at};
use super::map::map;
use super::slots::Slots;
use crate::model::ids::PatternId;
use crate::model::key::Key;
use crate::model::pattern::{Kind, Pattern};
use crate::storage::dense::Dense;
use crate::storage::postings::{Corpus, Directory};
use crate::storage::recall::{Companion, KnownFile, Term};

/// Bytes of the single values: a flag and the time of the last activity, then the number of the
/// project's patterns.
pub(super) const FACTS: usize = 13;

/// Bytes of a record of `Patterns`.
pub(super) const PATTERN: usize = 12;

/// Bytes of a record of `Files`: row, edits, reads (4 bytes each), last (8), identity (16), path in
/// the heap (8).
pub(super) const FILE: usize = 44;

/// The kinds of `Active`, in the order of its lists.
pub(super) const ACTIVE_KINDS: [Kind; 4] = [Kind::Recipe, Kind::Fix, Kind::Pitfall, Kind::Decision];

/// The section of the documents of a corpus.
pub(super) fn documents_of(corpus: Corpus) -> Section {
    match corpus {
        Corpus::Failures => Section::FailureDocuments,
        Corpus::Decisions => Section::DecisionDocuments,
        Corpus::Files => Section::FileDocuments,
        Corpus::Episodes => Section::EpisodeDocuments,
    }
}

/// The section of the vectors of a corpus.
pub(super) fn vectors_of(corpus: Corpus) -> Option<Section> {
    match corpus {
        Corpus::Decisions => Some(Section::DecisionVectors),
        Corpus::Episodes => Some(Section::EpisodeVectors),
        Corpus::Failures | Corpus::Files => None,
    }
}

/// The snapshot of one project.
#[derive(Debug)]
pub(super) struct ProjectSnapshot {
    map: Mmap,
    sections: Sections,
    /// Row of the project.
    project: i64,
}

impl ProjectSnapshot {
    /// Maps the snapshot at `path`, which is the one with this generation.
    pub(super) fn open(path: &Path, project: i64, generation: u64) -> io::Result<Self> {
        let map = map(path)?;
        match Sections::read(&map) {
            Ok(sections) if sections.generation == generation => {
                Ok(Self { map, sections, project })
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    fn section(&self, section: Section) -> &[u8] {
        self.map.get(self.sections.range(section)).unwrap_or_default()
    }

    fn slots<const VALUE: usize>(&self, section: Section) -> Slots<'_, VALUE> {
        Slots::new(self.section(section))
    }

    fn heap(&self, at: u64) -> Result<Reading<'_>, Damage> {
        Reading::at(self.section(Section::Heap), at)
    }

    pub(super) fn last_activity(&self) -> Result<Option<i64>, Damage> {
        let facts = self.section(Section::Facts);
        let known = facts.first() == Some(&1);
        Ok(known.then_some(u64_at(facts, 1)? as i64))
    }

    pub(super) fn by_key(&self, key: Key) -> Result<Vec<Pattern>, Damage> {
        let Some(range) = self.slots::<8>(Section::Keys).first(key.to_i64() as u64)? else {
            return Ok(Vec::new());
        };
        let rows = range_of::<4>(self.section(Section::KeyPatterns), *range)?;
        self.patterns(rows.iter().map(|row| u32::from_le_bytes(*row)))
    }

    pub(super) fn each_active(
        &self,
        kind: Kind,
        each: &mut dyn FnMut(Pattern),
    ) -> Result<(), Damage> {
        let place = ACTIVE_KINDS.iter().position(|known| *known == kind).ok_or(Damage)?;
        let (lengths, lists) =
            self.section(Section::Active).split_first_chunk::<16>().ok_or(Damage)?;
        let mut start = 0_usize;
        for before in 0..place {
            start = start.saturating_add(u32_at(lengths, before * 4)? as usize);
        }
        let list = lists.get(start..).ok_or(Damage)?;
        let mut reading =
            Reading::at(list.get(..u32_at(lengths, place * 4)? as usize).ok_or(Damage)?, 0)?;
        while !reading.is_done() {
            each(reading.pattern(self.project)?);
        }
        Ok(())
    }

    fn patterns(&self, rows: impl Iterator<Item = u32>) -> Result<Vec<Pattern>, Damage> {
        rows.map(|row| self.pattern(row)?.ok_or(Damage)).collect()
    }

    pub(super) fn pattern(&self, row: u32) -> Result<Option<Pattern>, Damage> {
        let patterns = records::<PATTERN>(self.section(Section::Patterns));
        let Some(place) = place_of(patterns, row) else { return Ok(None) };
        self.heap(u64_at(&patterns[place], 4)?)?.pattern(self.project).map(Some)
    }

    pub(super) fn decision_terms(&self, row: u32) -> Result<Vec<(Key, u32)>, Damage> {
        let terms = self.section(Section::DecisionTermCounts);
        let terms = range_by_row::<12>(self.section(Section::DecisionRanges), row, terms)?;
        let mut found = Vec::with_capacity(terms.len());
        for term in terms {
            found.push((Key::from_bits(u64_at(term, 0)?), u32_at(term, 8)?));
        }
        Ok(found)
    }

    pub(super) fn episode_files(&self, row: u32) -> Result<Vec<KnownFile>, Damage> {
        let (files, places) = (self.files(), self.section(Section::WorkedOn));
        let places = range_by_row::<4>(self.section(Section::WorkRanges), row, places)?;
        let files = places.iter().map(|place| files.get(u32::from_le_bytes(*place) as usize));
        files.map(|file| self.file_of(file.ok_or(Damage)?)).collect()
    }

    pub(super) fn command_rate(&self, key: Key) -> Result<(u32, u32), Damage> {
        match self.slots::<8>(Section::Rates).first(key.to_i64() as u64)? {
            Some(rate) => Ok((u32_at(rate, 0)?, u32_at(rate, 4)?)),
            None => Ok((0, 0)),
        }
    }

    fn files(&self) -> &[[u8; FILE]] {
        records(self.section(Section::Files))
    }

    pub(super) fn file(&self, row: u32) -> Result<Option<KnownFile>, Damage> {
        let files = self.files();
        place_of(files, row).map(|place| self.file_of(&files[place])).transpose()
    }

    fn file_of(&self, record: &[u8; FILE]) -> Result<KnownFile, Damage> {
        let uid = record[20..].first_chunk().ok_or(Damage)?;
        Ok(KnownFile {
            uid: PatternId::from_bytes(*uid),
            path: self.heap(u64_at(record, 36)?)?.text()?.to_owned(),
            edits: u32_at(record, 4)?,
            reads: u32_at(record, 8)?,
            last: u64_at(record, 12)? as i64,
        })
    }

    pub(super) fn files_named(&self, name: Key) -> Result<Vec<KnownFile>, Damage> {
        let Some(range) = self.slots::<8>(Section::Names).first(name.to_i64() as u64)? else {
            return Ok(Vec::new());
        };
        let rows = range_of::<4>(self.section(Section::NameFiles), *range)?;
        rows.iter().map(|row| self.file(u32::from_le_bytes(*row))?.ok_or(Damage)).collect()
    }

    /// Place of the file at `path`.
    fn place_at(&self, path: &str) -> Result<Option<usize>, Damage> {
        let files = self.files();
        for row in self.slots::<4>(Section::Paths).of(Hash::of(path)) {
            let place = place_of(files, u32::from_le_bytes(*row?)).ok_or(Damage)?;
            if self.heap(u64_at(&files[place], 36)?)?.text()? == path {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    pub(super) fn file_at(&self, path: &str) -> Result<Option<KnownFile>, Damage> {
        self.place_at(path)?.map(|place| self.file_of(&self.files()[place])).transpose()
    }

    pub(super) fn changed_with(
        &self,
        path: &str,
        limit: usize,
    ) -> Result<(u32, Vec<Companion>), Damage> {
        let files = self.files();
        let Some(own) = self.place_at(path)? else { return Ok((0, Vec::new())) };
        let edits = u32_at(&files[own], 4)?;
        if edits == 0 {
            return Ok((0, Vec::new()));
        }
        let mut places: Vec<u32> = Vec::new();
        let ranges = records::<8>(self.section(Section::FileRanges));
        let episode_ranges = records::<8>(self.section(Section::EpisodeRanges));
        let episodes = self.section(Section::FileEpisodes);
        for episode in range_of::<4>(episodes, *ranges.get(own).ok_or(Damage)?)? {
            let range = episode_ranges.get(u32::from_le_bytes(*episode) as usize).ok_or(Damage)?;
            let changed = range_of::<4>(self.section(Section::EpisodeFiles), *range)?;
            places.extend(changed.iter().map(|place| u32::from_le_bytes(*place)));
        }
        places.sort_unstable();
        let mut together: Vec<(u32, i64, u32)> = Vec::new();
        for same in places.chunk_by(|a, b| a == b) {
            if same[0] as usize != own {
                let record = files.get(same[0] as usize).ok_or(Damage)?;
                together.push((same.len() as u32, u64_at(record, 12)? as i64, same[0]));
            }
        }
        // Places are in the order of the rows.
        together.sort_unstable_by_key(|(count, last, place)| {
            (std::cmp::Reverse((*count, *last)), *place)
        });
        let companions = together.iter().take(limit).map(|(count, _, place)| {
            Ok(Companion { file: self.file_of(&files[*place as usize])?, together: *count })
        });
        Ok((edits, companions.collect::<Result<_, Damage>>()?))
    }

    pub(super) fn directory(&self, corpus: Corpus) -> Directory<'_> {
        Directory::new(self.section(documents_of(corpus)).into())
    }

    pub(super) fn dense(&self, corpus: Corpus) -> Option<Dense<'_>> {
        Dense::new(self.section(vectors_of(corpus)?).into())
    }

    /// How many patterns the project has.
    pub(super) fn patterns_known(&self) -> Result<u32, Damage> {
        u32_at(self.section(Section::Facts), 9)
    }

    /// Looks a term up. Two terms with the same key would share their lists: one pair in 2⁶⁴.
    pub(super) fn term<'t>(&self, text: &'t str) -> Result<Term<'t>, Damage> {
        let mut term = Term::unknown(text);
        let slot = self.slots::<4>(Section::Terms).first(term.key.to_i64() as u64)?;
        if let Some(place) = slot {
            term.place = u64::from(u32::from_le_bytes(*place)).checked_sub(1).ok_or(Damage)?;
            let mut reading = Reading::at(self.section(Section::Lists), term.place)?;
            term.patterns = reading.small()?;
            for entries in &mut term.entries {
                *entries = reading.small()?;
            }
        }
        Ok(term)
    }

    /// The list of a term that was looked up here.
    pub(super) fn term_list(
        &self,
        corpus: Corpus,
        term: &Term<'_>,
    ) -> Result<Option<&[u8]>, Damage> {
        if term.entries[corpus.index()] == 0 {
            return Ok(None);
        }
        let mut reading = Reading::at(self.section(Section::Lists), term.place)?;
        for _ in 0..=term.entries.len() {
            reading.number()?;
        }
        for before in &term.entries[..corpus.index()] {
            if *before > 0 {
                reading.bytes()?;
            }
        }
        reading.bytes().map(Some)
    }
}

/// The records of `bytes` that the range of `row` names in `ranges`, which are by row; none when
/// it has no range.
fn range_by_row<'a, const SIZE: usize>(
    ranges: &[u8],
    row: u32,
    bytes: &'a [u8],
) -> Result<&'a [[u8; SIZE]], Damage> {
    let ranges = records::<12>(ranges);
    let Some(place) = place_of(ranges, row) else { return Ok(&[]) };
    let (_, range) = ranges[place].split_last_chunk().ok_or(Damage)?;
    range_of(bytes, *range)
}

/// The records of `bytes` that `range` names: where they begin and how many they are.
fn range_of<const SIZE: usize>(bytes: &[u8], range: [u8; 8]) -> Result<&[[u8; SIZE]], Damage> {
    let (start, count) = (u32_at(&range, 0)? as usize, u32_at(&range, 4)? as usize);
    let end = start.checked_add(count).ok_or(Damage)?;
    records::<SIZE>(bytes).get(start..end).ok_or(Damage)
}
