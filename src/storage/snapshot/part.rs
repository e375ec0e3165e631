//! A file that is read piece by piece, where it is asked. Hot.
//!
//! An event asks for a few hundred bytes at a few hundred places of a file that may have a hundred
//! megabytes. A fault of a mapped file takes three times as long as reading a piece of it, and
//! brings in 64 kB, which count as the process' memory. What is read from end to end is mapped, and so
//! is a large index, of which each search touches a few places close to those of the others.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use elsa::FrozenVec;
use foldhash::fast::FixedState;
use memmap2::Mmap;

use super::encode::Reading;
use super::layout::Damage;
use super::map::{map_file, open};

/// Bytes that are read at least: what an event asks for next often lies there.
const PIECE: usize = 512;

/// Bytes of a part that is read whole as soon as anything of it is asked for.
pub(super) const SMALL: usize = 24 << 10;

/// How many of the pieces last asked for are looked at before the file is.
const RECENT: usize = 8;

/// Bytes of which a few are picked without keeping the others.
const PICKED: usize = 2 << 10;

/// Bytes in which most of what is decoded ends.
const FIRST: usize = 1 << 10;

/// Bytes of the largest number, as [`super::encode::put_number`] writes it.
const NUMBER: usize = 10;

/// The most bytes of a pattern or a text that are read. SQLite has no such limit, and answers where
/// one is larger.
pub(super) const LARGEST: usize = 1 << 20;

/// A file that is not written to any more, and what was read of it.
pub(super) struct Source {
    file: File,
    length: usize,
    pieces: FrozenVec<Box<[u8]>>,
    /// Where a piece begins, and its place in `pieces`; the last one asked for first.
    recent: Cell<[(usize, usize); RECENT]>,
    /// The places of all pieces, by where they begin.
    begins: RefCell<HashMap<usize, usize, FixedState>>,
    /// What was looked at last, and where it begins.
    last: RefCell<(usize, Vec<u8>)>,
    /// The places of what was picked, by where it was picked from and by what.
    picked: RefCell<HashMap<(usize, u32), usize, FixedState>>,
    map: OnceCell<Mmap>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("length", &self.length).finish_non_exhaustive()
    }
}

impl Source {
    /// Opens the file at `path`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let (file, length) = open(path)?;
        let recent = Cell::new([(0, usize::MAX); RECENT]);
        Ok(Self {
            file,
            length,
            pieces: FrozenVec::new(),
            recent,
            begins: RefCell::default(),
            last: RefCell::new((usize::MAX, Vec::new())),
            picked: RefCell::default(),
            map: OnceCell::new(),
        })
    }

    /// All of it, without reading anything yet.
    pub(super) fn all(&self) -> Part<'_> {
        self.part(0..self.length)
    }

    /// The bytes of a range, which lies inside the file.
    pub(super) fn part(&self, range: Range<usize>) -> Part<'_> {
        Part(Bytes::File(self, range.start), range.len())
    }

    /// The bytes of a range, mapped.
    pub(super) fn mapped(&self, range: Range<usize>) -> Result<&[u8], Damage> {
        let map = if let Some(map) = self.map.get() {
            map
        } else {
            let map = map_file(&self.file, self.length).map_err(|_| Damage)?;
            self.map.get_or_init(|| map)
        };
        map.get(range).ok_or(Damage)
    }

    /// The bytes from `at` on, `length` or more of them: all of a piece. As many as `ahead` are read,
    /// where there are as many.
    fn read(&self, at: usize, length: usize, ahead: usize) -> Result<&[u8], Damage> {
        let end = at.checked_add(length).filter(|end| *end <= self.length).ok_or(Damage)?;
        let recent: &Cell<[_]> = &self.recent;
        let recent = recent.as_slice_of_cells();
        for (n, found) in recent.iter().enumerate() {
            let (start, place) = found.get();
            if start <= at
                && let Some(piece) = self.pieces.get(place)
                && end <= start + piece.len()
            {
                ask_first(&recent[..=n], (start, place));
                return Ok(&piece[at - start..]);
            }
        }
        let known = self.begins.borrow().get(&at).copied();
        let known = known.filter(|place| self.pieces[*place].len() >= length);
        let place = match known {
            Some(place) => place,
            None => self.read_piece(at, length.max(ahead).min(self.length - at))?,
        };
        ask_first(recent, (at, place));
        Ok(&self.pieces[place])
    }

    /// What `look` makes of the `length` bytes from `at` on, [`PICKED`] at most. They stay at hand until
    /// others are looked at.
    fn look<T>(
        &self,
        at: usize,
        length: usize,
        look: impl FnOnce(&[u8]) -> Result<T, Damage>,
    ) -> Result<T, Damage> {
        let mut last = self.last.borrow_mut();
        let (start, bytes) = &mut *last;
        if (*start, bytes.len()) != (at, length) {
            // Until it is read, it is no place's.
            *start = usize::MAX;
            bytes.resize(length, 0);
            self.file.read_exact_at(bytes, at as u64).map_err(|_| Damage)?;
            *start = at;
        }
        look(bytes)
    }

    /// The same, and keeps those that `pick` names by `key`.
    fn pick(
        &self,
        at: usize,
        length: usize,
        key: u32,
        pick: impl FnOnce(&[u8]) -> Result<Option<Range<usize>>, Damage>,
    ) -> Result<Option<&[u8]>, Damage> {
        if let Some(place) = self.picked.borrow().get(&(at, key)) {
            return Ok(self.pieces.get(*place));
        }
        self.look(at, length, |bytes| {
            let Some(picked) = pick(bytes)? else { return Ok(None) };
            let picked = bytes.get(picked).ok_or(Damage)?;
            self.picked.borrow_mut().insert((at, key), self.pieces.len());
            Ok(Some(self.pieces.push_get(picked.into())))
        })
    }

    /// Reads a piece; its place.
    fn read_piece(&self, at: usize, length: usize) -> Result<usize, Damage> {
        let mut piece = vec![0; length].into_boxed_slice();
        self.file.read_exact_at(&mut piece, at as u64).map_err(|_| Damage)?;
        let place = self.pieces.len();
        self.pieces.push(piece);
        self.begins.borrow_mut().insert(at, place);
        Ok(place)
    }
}

/// Puts a piece in front of the others, the last of which gives way.
fn ask_first(recent: &[Cell<(usize, usize)>], mut piece: (usize, usize)) {
    for place in recent {
        piece = place.replace(piece);
    }
}

/// Where the bytes of a part are.
#[derive(Clone, Copy, Debug)]
enum Bytes<'a> {
    /// In memory.
    Memory(&'a [u8]),
    /// In a file, from this place on.
    File(&'a Source, usize),
}

/// A part of a file, or bytes in memory, and their number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a>(Bytes<'a>, usize);

impl<'a> From<&'a [u8]> for Part<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(Bytes::Memory(bytes), bytes.len())
    }
}

impl<'a> Part<'a> {
    /// How many bytes it has.
    pub(super) fn len(self) -> usize {
        self.1
    }

    /// The `length` bytes from `at` on.
    pub(super) fn get(self, at: usize, length: usize) -> Result<&'a [u8], Damage> {
        self.at_least(at, length, PIECE).map(|bytes| &bytes[..length])
    }

    /// The same where what follows is not asked for: only as many as `ahead` are read.
    pub(super) fn get_alone(
        self,
        at: usize,
        length: usize,
        ahead: usize,
    ) -> Result<&'a [u8], Damage> {
        self.at_least(at, length, ahead).map(|bytes| &bytes[..length])
    }

    /// The `length` bytes from `at` on, and what else is at hand of those that follow: of the file
    /// as many as `ahead` are read, where there are as many.
    fn at_least(self, at: usize, length: usize, ahead: usize) -> Result<&'a [u8], Damage> {
        let Self(bytes, all) = self;
        let end = at.checked_add(length).filter(|end| *end <= all).ok_or(Damage)?;
        let bytes = match bytes {
            Bytes::Memory(bytes) => &bytes[at..],
            // A file with nothing in it has no piece that nothing could be read from.
            Bytes::File(_, _) if length == 0 => &[],
            Bytes::File(source, start) if all <= SMALL => {
                source.read(start, all, all)?.get(at..).ok_or(Damage)?
            }
            Bytes::File(source, start) => source.read(start + at, length, ahead)?,
        };
        // A piece may go on behind the part.
        debug_assert!(bytes.len() >= end - at, "all of it was read");
        Ok(&bytes[..bytes.len().min(all - at)])
    }

    /// Reads `length` bytes from `at` on, or as many as there are, and what a [`Cursor`] looks at
    /// behind them, because most of them will be asked for.
    pub(super) fn read_ahead(self, at: u64, length: usize) -> Result<(), Damage> {
        self.up_to_alone(at, length + NUMBER).map(drop)
    }

    /// The `length` bytes from `at` on, of which none may be outside of this part.
    pub(super) fn exactly(self, at: u64, length: u64) -> Result<&'a [u8], Damage> {
        let [at, length] = [at, length].map(usize::try_from);
        self.get_alone(at.map_err(|_| Damage)?, length.map_err(|_| Damage)?, 0)
    }

    /// At most `most` bytes from `at` on: as many as there are, and none that follow.
    pub(super) fn up_to_alone(self, at: u64, most: usize) -> Result<&'a [u8], Damage> {
        let at = usize::try_from(at).map_err(|_| Damage)?;
        let left = self.1.checked_sub(at).ok_or(Damage)?;
        self.get_alone(at, most.min(left), 0)
    }

    /// What `look` makes of the `length` bytes from `at` on, none of which is kept: memory that was never
    /// touched costs more than reading them again.
    pub(super) fn look<T>(
        self,
        at: usize,
        length: usize,
        look: impl FnOnce(&[u8]) -> Result<T, Damage>,
    ) -> Result<T, Damage> {
        match self.read_for_a_look(at, length)? {
            Some((source, at)) => source.look(at, length, look),
            None => look(self.get(at, length)?),
        }
    }

    /// What `pick` names of the `length` bytes from `at` on, if it names anything; with the same `key` it
    /// names the same. The others are not kept.
    pub(super) fn pick(
        self,
        at: usize,
        length: usize,
        key: u32,
        pick: impl FnOnce(&[u8]) -> Result<Option<Range<usize>>, Damage>,
    ) -> Result<Option<&'a [u8]>, Damage> {
        if let Some((source, at)) = self.read_for_a_look(at, length)? {
            return source.pick(at, length, key, pick);
        }
        let bytes = self.get(at, length)?;
        pick(bytes)?.map(|picked| bytes.get(picked).ok_or(Damage)).transpose()
    }

    /// Where the `length` bytes from `at` on are read from, unless they are at hand or there are so few
    /// that all are read and kept, or too many.
    fn read_for_a_look(
        self,
        at: usize,
        length: usize,
    ) -> Result<Option<(&'a Source, usize)>, Damage> {
        let Self(Bytes::File(source, start), all) = self else { return Ok(None) };
        if all <= SMALL || length > PICKED {
            return Ok(None);
        }
        at.checked_add(length).filter(|end| *end <= all).ok_or(Damage)?;
        Ok(Some((source, start + at)))
    }

    /// Fills `bytes` with those from `at` on, of which none is kept at hand.
    pub(super) fn fill(self, at: usize, bytes: &mut [u8]) -> Result<(), Damage> {
        let Self(Bytes::File(source, start), all) = self else {
            bytes.copy_from_slice(self.get(at, bytes.len())?);
            return Ok(());
        };
        if at.checked_add(bytes.len()).is_none_or(|end| end > all) {
            return Err(Damage);
        }
        source.file.read_exact_at(bytes, (start + at) as u64).map_err(|_| Damage)
    }

    /// At most `most` bytes from `at` on: as many as there are.
    fn up_to(self, at: usize, most: usize) -> Result<&'a [u8], Damage> {
        self.get(at, most.min(self.1.checked_sub(at).ok_or(Damage)?))
    }

    /// All of it.
    pub(super) fn whole(self) -> Result<&'a [u8], Damage> {
        self.get(0, self.1)
    }

    /// `SIZE` bytes from `at` on.
    pub(super) fn array<const SIZE: usize>(self, at: usize) -> Result<&'a [u8; SIZE], Damage> {
        self.get(at, SIZE)?.first_chunk().ok_or(Damage)
    }

    /// The record at `place`, of records of `SIZE` bytes that stand one after the other.
    pub(super) fn record<const SIZE: usize>(self, place: usize) -> Result<&'a [u8; SIZE], Damage> {
        self.array(place.checked_mul(SIZE).ok_or(Damage)?)
    }

    /// `count` records from `place` on.
    pub(super) fn records<const SIZE: usize>(
        self,
        place: usize,
        count: usize,
    ) -> Result<&'a [[u8; SIZE]], Damage> {
        let [at, length] = [place, count].map(|records| records.checked_mul(SIZE).ok_or(Damage));
        Ok(self.get(at?, length?)?.as_chunks().0)
    }

    /// What `read` makes of the bytes from `at` on; it is asked again with more of them where they
    /// end too early.
    pub(super) fn decode<T>(
        self,
        at: u64,
        read: impl Fn(&mut Reading<'a>) -> Result<T, Damage>,
    ) -> Result<T, Damage> {
        let at = usize::try_from(at).map_err(|_| Damage)?;
        let mut most = FIRST;
        loop {
            let piece = self.up_to(at, most)?;
            match read(&mut Reading::at(piece, 0)?) {
                Err(Damage) if piece.len() == most && most < LARGEST => {
                    most = (most * 8).min(LARGEST);
                }
                done => return done,
            }
        }
    }
}

/// Reads numbers that follow each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    part: Part<'a>,
    at: usize,
    /// What is at hand of the bytes from `at` on.
    near: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Begins at `at`.
    pub(super) fn at(part: Part<'a>, at: u64) -> Result<Self, Damage> {
        Ok(Self { part, at: usize::try_from(at).map_err(|_| Damage)?, near: &[] })
    }

    /// A number, as [`super::encode::put_number`] writes it.
    pub(super) fn number(&mut self) -> Result<u64, Damage> {
        if self.near.len() < NUMBER {
            let left = self.part.len().checked_sub(self.at).ok_or(Damage)?;
            self.near = self.part.at_least(self.at, NUMBER.min(left), PIECE)?;
        }
        let mut reading = Reading::at(self.near, 0)?;
        let number = reading.number()?;
        let length = self.near.len() - reading.left();
        self.at += length;
        self.near = &self.near[length..];
        Ok(number)
    }

    /// Where it stands.
    pub(super) fn place(&self) -> u64 {
        self.at as u64
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::super::encode::{put_number, put_text};
    use super::*;

    fn source(bytes: &[u8]) -> Source {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        Source::open(file.path()).unwrap()
    }

    fn noise(length: usize) -> Vec<u8> {
        (0..length).map(|n| (n * n / 7 + n) as u8).collect()
    }

    #[test]
    fn a_file_answers_like_the_same_bytes_in_memory() {
        let bytes = noise(5_000);
        let source = source(&bytes);
        for range in [0..5_000, 700..4_100, 4_990..5_000, 17..17] {
            let (file, memory) = (source.part(range.clone()), Part::from(&bytes[range]));
            assert_eq!(file.len(), memory.len());
            for at in (0..5_200).step_by(37) {
                for length in [0, 1, 8, 511, 513, 4_000, usize::MAX] {
                    assert_eq!(file.get(at, length), memory.get(at, length), "{at} {length}");
                    assert_eq!(file.up_to(at, length), memory.up_to(at, length), "{at} {length}");
                }
                for length in [8, PICKED, PICKED + 1] {
                    let pick = |bytes: &[u8]| Ok((bytes.first() != Some(&7)).then_some(3..7));
                    let key = length as u32;
                    let picked = [file, memory].map(|part| part.pick(at, length, key, pick));
                    assert_eq!(picked[0], picked[1], "{at} {length}");
                }
                assert_eq!(file.record::<44>(at), memory.record::<44>(at));
                let filled = [file, memory].map(|part| {
                    let mut bytes = [0; 44];
                    part.fill(at, &mut bytes).map(|()| bytes)
                });
                assert_eq!(filled[0], filled[1]);
            }
            assert_eq!(file.whole(), memory.whole());
        }
        assert_eq!(source.mapped(10..20), Ok(&bytes[10..20]));
        assert_eq!(source.mapped(4_999..5_001), Err(Damage));
    }

    #[test]
    fn pieces_asked_for_lately_are_not_read_again() {
        let source = source(&noise(SMALL + 9_000));
        let all = source.all();
        for at in [0, 100, 8_000, 504, 0, 8_100] {
            all.get(at, 8).unwrap();
        }
        assert_eq!(source.pieces.len(), 2);
        for at in 0..RECENT {
            all.get(1_000 + at * PIECE, 8).unwrap();
        }
        all.get(0, 8).unwrap();
        assert_eq!(source.pieces.len(), 2 + RECENT, "where a piece begins it is found again");
        all.get(9, 8).unwrap();
        assert_eq!(source.pieces.len(), 2 + RECENT, "and with it all that is in it");
        for at in 0..RECENT {
            all.get(1_000 + at * PIECE, 8).unwrap();
        }
        all.get(9, 8).unwrap();
        assert_eq!(source.pieces.len(), 2 + RECENT + 1, "which was too long ago");
    }

    #[test]
    fn what_is_asked_for_alone_is_read_alone() {
        let bytes = noise(SMALL + 9_000);
        let source = source(&bytes);
        let all = source.all();
        assert_eq!(all.get_alone(40, 8, 96), Ok(&bytes[40..48]));
        assert_eq!(all.get_alone(100, 8, 96), Ok(&bytes[100..108]), "it is at hand");
        assert_eq!(all.get_alone(9_000, 200, 0), Ok(&bytes[9_000..9_200]));
        assert_eq!(all.up_to_alone(SMALL as u64 + 8_990, 40), Ok(&bytes[SMALL + 8_990..]));
        let mut four = [0; 4];
        assert_eq!(all.fill(20_000, &mut four), Ok(()));
        assert_eq!(four, bytes[20_000..20_004]);
        let lengths: Vec<usize> =
            (0..source.pieces.len()).map(|n| source.pieces[n].len()).collect();
        assert_eq!(lengths, [96, 200, 10]);
        let picked = |key, range: Range<usize>| all.pick(300, 50, key, move |_| Ok(Some(range)));
        for _again in 0..2 {
            assert_eq!(picked(1, 7..10), Ok(Some(&bytes[307..310])));
            assert_eq!((source.pieces.len(), source.pieces[3].len()), (4, 3));
        }
        assert_eq!(picked(2, 8..10), Ok(Some(&bytes[308..310])));
        assert_eq!(picked(3, 7..51), Err(Damage), "more than was read");
        assert_eq!(all.pick(bytes.len() - 49, 50, 1, |_| Ok(None)), Err(Damage));
        assert_eq!(all.look(300, 50, |seen| Ok(seen == &bytes[300..350])), Ok(true));
        assert_eq!(all.look(bytes.len() - 49, 50, |_| Ok(())), Err(Damage));
        assert_eq!(all.look(400, 9, |seen| Ok(seen == &bytes[400..409])), Ok(true));
        assert_eq!(source.pieces.len(), 5, "what is looked at is not kept");
        assert_eq!(all.fill(bytes.len() - 3, &mut four), Err(Damage));
        assert_eq!(all.fill(usize::MAX, &mut four), Err(Damage));
    }

    #[test]
    fn a_file_that_was_cut_is_damage() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&noise(3_000)).unwrap();
        let source = Source::open(file.path()).unwrap();
        file.as_file().set_len(1_000).unwrap();
        assert_eq!(source.all().get(2_000, 8), Err(Damage));
        assert_eq!(source.all().get_alone(2_000, 8, 0), Err(Damage));
        assert_eq!(source.all().fill(2_000, &mut [0; 8]), Err(Damage));
        let length = |bytes: &[u8]| Ok(bytes.len());
        assert_eq!(source.look(2_000, 8, length), Err(Damage));
        assert_eq!(source.look(2_000, 8, length), Err(Damage), "what was not read is not at hand");
        assert_eq!(source.look(900, 8, length), Ok(8));
    }

    #[test]
    fn long_texts_are_read_whole_and_endless_ones_not() {
        let long = "x".repeat(100_000);
        let mut bytes = Vec::new();
        put_text(&mut bytes, &long);
        let whole = source(&bytes);
        let text = |reading: &mut Reading<'_>| reading.text().map(str::len);
        assert_eq!(whole.all().decode(0, text), Ok(100_000));
        assert_eq!(whole.all().decode(100_004, text), Err(Damage));

        let mut bytes = Vec::new();
        put_number(&mut bytes, 3 << 20);
        bytes.resize(4 << 20, b'x');
        let endless = source(&bytes);
        assert_eq!(endless.all().decode(0, text), Err(Damage));
        let read: usize = (0..endless.pieces.len()).map(|n| endless.pieces[n].len()).sum();
        assert!(read <= 2 * LARGEST, "{read}");
    }

    proptest! {
        #[test]
        fn numbers_are_read_across_pieces(
            numbers in prop::collection::vec(any::<u64>(), 0..300),
            behind in prop::collection::vec(any::<u8>(), 0..900),
        ) {
            let mut bytes = Vec::new();
            for number in &numbers {
                put_number(&mut bytes, *number);
            }
            let place = bytes.len() as u64;
            bytes.extend(&behind);
            let source = source(&bytes);
            let mut cursor = Cursor::at(source.all(), 0).unwrap();
            for number in numbers {
                prop_assert_eq!(cursor.number(), Ok(number));
            }
            prop_assert_eq!(cursor.place(), place);
            let length = behind.len() as u64;
            prop_assert_eq!(source.all().exactly(place, length), Ok(behind.as_slice()));
            prop_assert_eq!(source.all().exactly(place, length + 1), Err(Damage));
            prop_assert_eq!(source.all().exactly(u64::MAX, 1), Err(Damage));
        }
    }
}
