//! Records by row, each found with one read of the file. Hot.
//!
//! Records lie one behind the other in the order of their rows, in blocks that fit into a read. An
//! index names the first row of each block, so that a search in it, which is in memory, tells the
//! only block that can hold a row. A block is the number of its records, their rows, where each of
//! them ends (four bytes each, the last from the first record on), and the records.

use std::ops::Range;

use super::layout::{Damage, Section, u32_at};
use super::part::Part;
use super::sheet::Sheet;
use crate::storage::error::StorageError;

/// Bytes after which a block ends: what a read takes is mostly finding the place, and a block twice
/// as long would have half as long an index.
const BLOCK: usize = 1 << 10;

/// Bytes of the longest block that is read. Only a path as long as no system has makes a longer one,
/// and then SQLite answers.
const LARGEST: usize = 64 << 10;

/// Records of a block at most: with so many it is full, whatever they are.
const MOST: usize = BLOCK / 8;

/// Bytes of an entry of the index: the first row of a block, and where the block begins.
const ENTRY: usize = 8;

/// Records by row, as they lie in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks<'a> {
    index: &'a [[u8; ENTRY]],
    records: Part<'a>,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(index: &'a [u8], records: Part<'a>) -> Self {
        Self { index: index.as_chunks().0, records }
    }

    /// The record of `row`, if there is one.
    pub(super) fn of(self, row: u32) -> Result<Option<&'a [u8]>, Damage> {
        let Some((start, length)) = self.block(row)? else { return Ok(None) };
        self.records.pick(start, length, row, |block| record(block, row))
    }

    /// What `look` makes of the record of `row`, if there is one; nothing of it is kept.
    pub(super) fn look<T>(
        self,
        row: u32,
        look: impl FnOnce(&[u8]) -> Result<T, Damage>,
    ) -> Result<Option<T>, Damage> {
        let Some((start, length)) = self.block(row)? else { return Ok(None) };
        self.records.look(start, length, |block| {
            let Some(place) = record(block, row)? else { return Ok(None) };
            look(block.get(place).ok_or(Damage)?).map(Some)
        })
    }

    /// Where the block is that would have `row`, and how long it is.
    fn block(self, row: u32) -> Result<Option<(usize, usize)>, Damage> {
        let entry = |[a, b, c, d, start @ ..]: &[u8; ENTRY]| {
            (u32::from_le_bytes([*a, *b, *c, *d]), u32::from_le_bytes(*start) as usize)
        };
        let after = self.index.partition_point(|known| entry(known).0 <= row);
        let Some(place) = after.checked_sub(1) else { return Ok(None) };
        let (_, start) = entry(&self.index[place]);
        let end = self.index.get(after).map_or(self.records.len(), |next| entry(next).1);
        let length = end.checked_sub(start).filter(|length| *length <= LARGEST).ok_or(Damage)?;
        Ok(Some((start, length)))
    }
}

/// Where the record of `row` is in a block, if there is one.
fn record(block: &[u8], row: u32) -> Result<Option<Range<usize>>, Damage> {
    let count = u32_at(block, 0)? as usize;
    if count > MOST {
        return Err(Damage);
    }
    let numbers = count * 4;
    let (rows, rest) = block[4..].split_at_checked(numbers).ok_or(Damage)?;
    let (ends, records) = rest.split_at_checked(numbers).ok_or(Damage)?;
    let rows: &[[u8; 4]] = rows.as_chunks().0;
    let Some(place) = rows.iter().position(|known| u32::from_le_bytes(*known) == row) else {
        return Ok(None);
    };
    let start = match place.checked_sub(1) {
        Some(before) => u32_at(ends, before * 4)? as usize,
        None => 0,
    };
    let end = u32_at(ends, place * 4)? as usize;
    let before = block.len() - records.len();
    records.get(start..end).map(|_| Some(before + start..before + end)).ok_or(Damage)
}

/// Records that are being written, in the order of their rows.
pub(super) struct Writing {
    section: Section,
    /// The rows of the block at hand, where their records end, and the records.
    rows: Vec<u32>,
    ends: Vec<u32>,
    records: Vec<u8>,
    index: Vec<u8>,
    /// The last row.
    last: Option<u32>,
}

impl Writing {
    /// Begins `section`.
    pub(super) fn begin(section: Section) -> Self {
        Self {
            section,
            rows: Vec::new(),
            ends: Vec::new(),
            records: Vec::new(),
            index: Vec::new(),
            last: None,
        }
    }

    /// Adds the record of a row behind all that were added.
    pub(super) fn put(
        &mut self,
        row: u32,
        record: &[u8],
        sheet: &mut Sheet<'_>,
    ) -> Result<(), StorageError> {
        debug_assert!(self.last.is_none_or(|last| last < row), "in the order of the rows");
        self.last = Some(row);
        self.records.extend(record);
        self.rows.push(row);
        self.ends.push(u32::try_from(self.records.len()).map_err(|_| sheet.too_large())?);
        if self.records.len() + self.rows.len() * 8 >= BLOCK {
            self.put_block(sheet)?;
        }
        Ok(())
    }

    fn put_block(&mut self, sheet: &mut Sheet<'_>) -> Result<(), StorageError> {
        let Some(first) = self.rows.first() else { return Ok(()) };
        let count = self.rows.len() as u32;
        let start = sheet.put(self.section, &count.to_le_bytes())?;
        for number in self.rows.iter().chain(&self.ends) {
            sheet.put(self.section, &number.to_le_bytes())?;
        }
        sheet.put(self.section, &self.records)?;
        let start = u32::try_from(start).map_err(|_| sheet.too_large())?;
        self.index.extend([*first, start].map(u32::to_le_bytes).as_flattened());
        self.rows.clear();
        self.ends.clear();
        self.records.clear();
        Ok(())
    }

    /// Writes what is left; returns the index.
    pub(super) fn end(mut self, sheet: &mut Sheet<'_>) -> Result<Vec<u8>, StorageError> {
        self.put_block(sheet)?;
        Ok(self.index)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::layout::Sections;
    use super::super::part::Source;
    use super::*;

    /// The index, and a file with the records.
    fn written(records: &BTreeMap<u32, Vec<u8>>) -> (Vec<u8>, tempfile::NamedTempFile) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_owned();
        let mut sheet = Sheet::begin(&path, file.as_file_mut());
        let mut writing = Writing::begin(Section::Files);
        for (row, record) in records {
            writing.put(*row, record, &mut sheet).unwrap();
        }
        let index = writing.end(&mut sheet).unwrap();
        sheet.end().unwrap();
        (index, file)
    }

    proptest! {
        #[test]
        fn every_row_is_found(
            records in prop::collection::btree_map(
                prop_oneof![0_u32..300, any::<u32>()],
                prop::collection::vec(any::<u8>(), 0..200),
                0..60,
            ),
            other in any::<u32>(),
        ) {
            let (index, file) = written(&records);
            let source = Source::open(file.path()).unwrap();
            let range = Sections::read(source.all()).unwrap().range(Section::Files);
            let blocks = Blocks::new(&index, source.part(range));
            for row in records.keys().copied().chain(0..300).chain([other, u32::MAX]) {
                let expected = records.get(&row).map(Vec::as_slice);
                let length = blocks.look(row, |record| Ok(record.len()));
                prop_assert_eq!(length, Ok(expected.map(<[u8]>::len)), "{}", row);
                prop_assert_eq!(blocks.of(row), Ok(expected), "{}", row);
            }
        }

        #[test]
        fn any_bytes_are_read_without_harm(
            index in prop::collection::vec(any::<u8>(), 0..90),
            bytes in prop::collection::vec(any::<u8>(), 0..900),
            row in any::<u32>(),
        ) {
            for row in [0, row, u32::MAX] {
                let blocks = Blocks::new(&index, bytes.as_slice().into());
                let _read = (blocks.of(row), blocks.look(row, |record| Ok(record.len())));
                let whole = [row.to_le_bytes(), [0; 4]].concat();
                let _read = Blocks::new(&whole, bytes.as_slice().into()).of(row);
                let rows = [2_u32, row, row].map(u32::to_le_bytes).concat();
                let _read = record(&[rows, bytes.clone()].concat(), row);
            }
        }
    }

    #[test]
    fn blocks_are_small_and_none_is_longer_than_is_read() {
        let records = (0..400).map(|row| (row * 3, vec![1; 40])).collect();
        let (index, _file) = written(&records);
        assert_eq!(index.len() / ENTRY, 400_usize.div_ceil(BLOCK.div_ceil(48)));
        let (index, _file) = written(&(0..400).map(|row| (row, Vec::new())).collect());
        assert_eq!(index.len() / ENTRY, 400_usize.div_ceil(MOST));
        assert_eq!(record(&(MOST as u32 + 1).to_le_bytes().repeat(4 * MOST), 7), Err(Damage));
        let long = [(7, vec![1; LARGEST])].into();
        let (index, file) = written(&long);
        let source = Source::open(file.path()).unwrap();
        let range = Sections::read(source.all()).unwrap().range(Section::Files);
        assert_eq!(Blocks::new(&index, source.part(range)).of(7), Err(Damage));
    }
}
