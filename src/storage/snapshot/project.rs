//! What a project's snapshot holds, read where it is asked. Hot.

use std::io;
use std::path::Path;

use super::blocks::Blocks;
use super::encode::Reading;
use super::files::FileRecord;
use super::layout::{Damage, Hash, Section, Sections, u32_at, u64_at};
use super::part::{Cursor, LARGEST, Part, SMALL, Source};
use super::slots::Slots;
use super::terms::{place_of, read_counts, read_slot};
use crate::model::key::Key;
use crate::model::pattern::{Kind, Pattern};
use crate::storage::postings::{Corpus, Directory};
use crate::storage::recall::{Companion, KEYED_MOST, KnownFile, NAMED_MOST, Said, Term};

/// Bytes of the single values: a flag and the time of the last activity, then the number of the
/// project's patterns.
pub(super) const FACTS: usize = 13;

/// Bytes of a term's lists that are read at once.
const LISTS: usize = 2 << 10;

/// Bytes that are read at once of more lists than that: their lengths, and mostly the shortest ones.
const SHORT: usize = 512;

/// Bytes in which the counts in front of them end.
const COUNTS: usize = 32;

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
    source: Source,
    sections: Sections,
    /// Row of the project.
    project: i64,
}

impl ProjectSnapshot {
    /// Opens the snapshot at `path`, which is the one with this generation.
    pub(super) fn open(path: &Path, project: i64, generation: u64) -> io::Result<Self> {
        let source = Source::open(path)?;
        match Sections::read(source.all()) {
            Ok(sections) if sections.generation == generation => {
                Ok(Self { source, sections, project })
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    fn section(&self, section: Section) -> Part<'_> {
        self.source.part(self.sections.range(section))
    }

    fn slots<const VALUE: usize>(&self, section: Section) -> Slots<'_, VALUE> {
        Slots::new(self.section(section))
    }

    /// Records by row.
    fn blocks(&self, records: Section, index: Section) -> Result<Blocks<'_>, Damage> {
        let entries = self.section(index);
        let entries = if entries.len() > SMALL { self.mapped(index)? } else { entries.whole()? };
        Ok(Blocks::new(entries, self.section(records)))
    }

    pub(super) fn last_activity(&self) -> Result<Option<i64>, Damage> {
        let facts = self.section(Section::Facts).whole()?;
        let known = facts.first() == Some(&1);
        Ok(known.then_some(u64_at(facts, 1)? as i64))
    }

    pub(super) fn by_key(&self, key: Key) -> Result<Vec<Pattern>, Damage> {
        let Some(range) = self.slots::<8>(Section::Keys).first(key.to_i64() as u64)? else {
            return Ok(Vec::new());
        };
        let rows = at_most(KEYED_MOST[1], self.section(Section::KeyPatterns), *range)?;
        self.patterns(rows.iter().map(|row| u32::from_le_bytes(*row)))
    }

    pub(super) fn each_active(
        &self,
        kind: Kind,
        each: &mut dyn FnMut(&Pattern),
    ) -> Result<(), Damage> {
        let place = ACTIVE_KINDS.iter().position(|known| *known == kind).ok_or(Damage)?;
        let active = self.mapped(Section::Active)?;
        let mut start = size_of::<[u32; ACTIVE_KINDS.len()]>();
        for before in 0..place {
            start = start.saturating_add(u32_at(active, before * 4)? as usize);
        }
        let length = u32_at(active, place * 4)? as usize;
        let list = active.get(start..).and_then(|rest| rest.get(..length)).ok_or(Damage)?;
        let mut reading = Reading::at(list, 0)?;
        let mut pattern = Pattern::empty();
        while !reading.is_done() {
            reading.pattern_into(self.project, &mut pattern)?;
            each(&pattern);
        }
        Ok(())
    }

    fn patterns(&self, rows: impl Iterator<Item = u32>) -> Result<Vec<Pattern>, Damage> {
        rows.map(|row| self.pattern(row)?.ok_or(Damage)).collect()
    }

    pub(super) fn pattern(&self, row: u32) -> Result<Option<Pattern>, Damage> {
        self.read_pattern(row, |reading| {
            reading.skip_beside()?;
            reading.pattern(self.project)
        })
    }

    /// When the decision in a row was last said, and on what subject, if that was after `since`.
    pub(super) fn said_after(&self, row: u32, since: i64) -> Result<Option<Said>, Damage> {
        let said = self.read_pattern(row, |reading| {
            reading.skip_beside()?;
            reading.said_after(since)
        })?;
        Ok(said.flatten())
    }

    /// What `read` makes of the pattern in a row and of what stands in front of it.
    fn read_pattern<'a, T>(
        &'a self,
        row: u32,
        read: impl FnOnce(&mut Reading<'a>) -> Result<T, Damage>,
    ) -> Result<Option<T>, Damage> {
        let place = self.blocks(Section::Patterns, Section::PatternIndex)?.of(row)?;
        let Some(place) = place else { return Ok(None) };
        let mut place = Reading::at(place, 0)?;
        let [at, length] = [place.number()?, place.number()?].map(usize::try_from);
        let (at, length) = (at.map_err(|_| Damage)?, length.map_err(|_| Damage)?);
        if length > LARGEST {
            return Err(Damage);
        }
        let bytes = self.section(Section::Heap).get_alone(at, length, 0)?;
        read(&mut Reading::at(bytes, 0)?).map(Some)
    }

    pub(super) fn decision_terms(&self, row: u32) -> Result<Vec<(Key, u32)>, Damage> {
        Ok(self.read_pattern(row, Reading::terms)?.unwrap_or_default())
    }

    pub(super) fn episode_files(&self, row: u32) -> Result<Vec<KnownFile>, Damage> {
        let rows = self.read_pattern(row, Reading::files)?.unwrap_or_default();
        rows.iter().map(|row| self.file(*row)?.ok_or(Damage)).collect()
    }

    pub(super) fn command_rate(&self, key: Key) -> Result<(u32, u32), Damage> {
        match self.slots::<8>(Section::Rates).first(key.to_i64() as u64)? {
            Some(rate) => Ok((u32_at(rate, 0)?, u32_at(rate, 4)?)),
            None => Ok((0, 0)),
        }
    }

    /// The record of the file in a row.
    fn record(&self, row: u32) -> Result<Option<FileRecord<'_>>, Damage> {
        let record = self.blocks(Section::Files, Section::FileIndex)?.of(row)?;
        record.map(FileRecord::read).transpose()
    }

    pub(super) fn file(&self, row: u32) -> Result<Option<KnownFile>, Damage> {
        Ok(self.record(row)?.map(FileRecord::file))
    }

    pub(super) fn files_named(&self, name: Key) -> Result<Vec<KnownFile>, Damage> {
        let Some(range) = self.slots::<8>(Section::Names).first(name.to_i64() as u64)? else {
            return Ok(Vec::new());
        };
        let rows = at_most(NAMED_MOST, self.section(Section::NameFiles), *range)?;
        rows.iter().map(|row| self.file(u32::from_le_bytes(*row))?.ok_or(Damage)).collect()
    }

    /// The file at `path`, with its row.
    fn record_at(&self, path: &str) -> Result<Option<(u32, FileRecord<'_>)>, Damage> {
        for row in self.slots::<4>(Section::Paths).of(Hash::of(path)) {
            let row = u32::from_le_bytes(*row?);
            let record = self.record(row)?.ok_or(Damage)?;
            if record.path == path {
                return Ok(Some((row, record)));
            }
        }
        Ok(None)
    }

    pub(super) fn file_at(&self, path: &str) -> Result<Option<KnownFile>, Damage> {
        Ok(self.record_at(path)?.map(|(_, record)| record.file()))
    }

    pub(super) fn changed_with(
        &self,
        path: &str,
        limit: usize,
    ) -> Result<(u32, Vec<Companion>), Damage> {
        let Some((own, FileRecord { edits, episodes, .. })) = self.record_at(path)? else {
            return Ok((0, Vec::new()));
        };
        if edits == 0 {
            return Ok((0, Vec::new()));
        }
        let mut rows: Vec<u32> = Vec::new();
        let ranges = self.section(Section::EpisodeRanges);
        for episode in range_of::<4>(self.section(Section::FileEpisodes), episodes)? {
            let range = *ranges.record(u32::from_le_bytes(*episode) as usize)?;
            let changed = range_of::<4>(self.section(Section::EpisodeFiles), range)?;
            rows.extend(changed.iter().map(|row| u32::from_le_bytes(*row)));
            // No two of them have anything in common.
            if rows.len() > self.section(Section::EpisodeFiles).len() / 4 {
                return Err(Damage);
            }
        }
        rows.sort_unstable();
        // All of them, in the order in which they lie, for the few that are told.
        let files = self.blocks(Section::Files, Section::FileIndex)?;
        let mut together: Vec<(u32, i64, u32)> = Vec::new();
        for same in rows.chunk_by(|a, b| a == b) {
            if same[0] != own {
                let last = files.look(same[0], |record| Ok(FileRecord::read(record)?.last))?;
                let last = last.ok_or(Damage)?;
                together.push((same.len() as u32, last, same[0]));
            }
        }
        together
            .sort_unstable_by_key(|(count, last, row)| (std::cmp::Reverse((*count, *last)), *row));
        let companions = together.iter().take(limit).map(|(count, _, row)| {
            Ok(Companion { file: self.file(*row)?.ok_or(Damage)?, together: *count })
        });
        Ok((edits, companions.collect::<Result<_, Damage>>()?))
    }

    /// All of a section, of which most is read.
    fn mapped(&self, section: Section) -> Result<&[u8], Damage> {
        self.source.mapped(self.sections.range(section))
    }

    pub(super) fn directory(&self, corpus: Corpus) -> Result<Directory<'_>, Damage> {
        Ok(Directory::new(self.mapped(documents_of(corpus))?.into()))
    }

    /// The vectors of a corpus, mapped and to be read.
    pub(super) fn vectors(&self, corpus: Corpus) -> Result<Option<(&[u8], Part<'_>)>, Damage> {
        let Some(section) = vectors_of(corpus) else { return Ok(None) };
        Ok(Some((self.mapped(section)?, self.section(section))))
    }

    /// How many patterns the project has.
    pub(super) fn patterns_known(&self) -> Result<u32, Damage> {
        u32_at(self.section(Section::Facts).whole()?, 9)
    }

    /// Looks a term up. Two terms with the same key would share their lists: one pair in 2⁶⁴.
    pub(super) fn term<'t>(&self, text: &'t str) -> Result<Term<'t>, Damage> {
        let mut term = Term::unknown(text);
        if let Some(slot) = self.slots(Section::Terms).first(term.key.to_i64() as u64)? {
            let (place, counts) = read_slot(slot)?;
            term.place = place;
            (term.patterns, term.entries) = if let Some(counts) = counts {
                counts
            } else {
                let record = self.section(Section::Lists).up_to_alone(place, COUNTS)?;
                read_counts(&mut Reading::at(record, 0)?)?
            };
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
        let lists = self.section(Section::Lists);
        // An entry has two bytes or a few more.
        let all: usize = term.entries.iter().map(|entries| *entries as usize).sum();
        let about = all.saturating_mul(9) / 4 + COUNTS;
        lists.read_ahead(term.place, if about > LISTS { SHORT } else { about })?;
        let mut cursor = Cursor::at(lists, term.place)?;
        for _ in 0..=term.entries.len() {
            cursor.number()?;
        }
        let (at, length) = place_of(&mut cursor, &term.entries, corpus)?;
        lists.exactly(at, length).map(Some)
    }
}

/// The records of `values` that `range` names: where they begin and how many they are.
fn range_of<const SIZE: usize>(values: Part<'_>, range: [u8; 8]) -> Result<&[[u8; SIZE]], Damage> {
    let (start, count) = (u32_at(&range, 0)? as usize, u32_at(&range, 4)? as usize);
    values.records(start, count)
}

/// The rows that `range` names, of which there are so many at most.
fn at_most(most: usize, rows: Part<'_>, range: [u8; 8]) -> Result<&[[u8; 4]], Damage> {
    if u32_at(&range, 4)? as usize > most {
        return Err(Damage);
    }
    range_of(rows, range)
}
