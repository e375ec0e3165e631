//! A static table in bytes, used as it lies in the file.
//!
//! ```text
//! header      magic "mana/st\n" · version u32 · dimensions u32 · rows u32 · teacher's
//!             dimensions u32 · texts u64 · check of what follows the header u64 · teacher's name
//!             64 bytes, filled with zeros · check of the header before this field u64
//! places      rows × u16, for each token of the vocabulary which of the rows is its own
//! rows        rows × (scale f32 · dimensions × i8), those of tokens that most texts have first
//! projection  dimensions × teacher's dimensions × f32, row by row: what takes a vector of the
//!             teacher into the table's space
//! ```
//!
//! Numbers are little-endian. A row lies beside its scale, so that a token touches one row and one of
//! the places; and most tokens of a text touch the first few pages of the rows, since words are as unevenly used as Zipf says (Human
//! Behavior and the Principle of Least Effort, 1949).
//!
//! Opening checks the header and the length of the whole; [`StaticTable::is_whole`] reads
//! everything, which a hook has no time for. Damage in between gives wrong vectors, never a panic.

use thiserror::Error;

use crate::model::vector::{DIMENSIONS, Vector, quantise};

const MAGIC: &[u8; 8] = b"mana/st\n";
const VERSION: u32 = 2;
const NAME: usize = 64;
const HEADER: usize = 8 + 4 * 4 + 2 * 8 + NAME + 8;
/// Where the fields of the header begin.
const BODY_CHECK: usize = 32;
const NAME_AT: usize = 40;
const HEADER_CHECK: usize = HEADER - 8;
const PLACE: usize = 2;
const ROW: usize = 4 + DIMENSIONS;
/// No encoder that could be a teacher has longer vectors.
const MAX_TEACHER_DIMENSIONS: usize = 8192;

/// Bytes that cannot be used as a table.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum TableError {
    /// They do not begin as one.
    #[error("it is no static table")]
    NotATable,
    /// They are one of another version or shape.
    #[error("it is of another version than this program reads")]
    Version,
    /// The header contradicts itself, or the length of the whole.
    #[error("it is damaged")]
    Damaged,
}

/// What a table was made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct About {
    /// The name of the teacher: its vectors, and no others, can be projected.
    pub(crate) teacher: String,
    /// Numbers in a vector of the teacher.
    pub(crate) teacher_dimensions: usize,
    /// Texts the rows were fitted on, all rounds together.
    pub(crate) texts: u64,
}

/// A view of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StaticTable<'a> {
    header: &'a [u8],
    body: &'a [u8],
    rows: usize,
    teacher_dimensions: usize,
}

impl<'a> StaticTable<'a> {
    /// The table in `bytes`.
    ///
    /// # Errors
    /// [`TableError`] when they are none that this program can use.
    pub(crate) fn from_bytes(bytes: &'a [u8]) -> Result<Self, TableError> {
        if !bytes.starts_with(MAGIC) {
            return Err(TableError::NotATable);
        }
        let (header, body) = bytes.split_at_checked(HEADER).ok_or(TableError::Damaged)?;
        if u32_at(header, 8) != VERSION {
            return Err(TableError::Version);
        }
        if check(&header[..HEADER_CHECK]) != u64_at(header, HEADER_CHECK) {
            return Err(TableError::Damaged);
        }
        if u32_at(header, 12) as usize != DIMENSIONS {
            return Err(TableError::Version);
        }
        let rows = u32_at(header, 16) as usize;
        let teacher_dimensions = u32_at(header, 20) as usize;
        let fits = u16::try_from(rows).is_ok() && teacher_dimensions <= MAX_TEACHER_DIMENSIONS;
        // Both bounds together keep the product far below an overflow.
        if !fits || body.len() != rows * (PLACE + ROW) + DIMENSIONS * teacher_dimensions * 4 {
            return Err(TableError::Damaged);
        }
        Ok(Self { header, body, rows, teacher_dimensions })
    }

    /// Whether every byte is as it was written. Reads all of them.
    pub(crate) fn is_whole(&self) -> bool {
        check(self.body) == self.id()
    }

    /// Names the table's space: vectors of tables with different ones cannot be compared.
    pub(crate) fn id(&self) -> u64 {
        u64_at(self.header, BODY_CHECK)
    }

    /// How many tokens it has rows for.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// What it was made of.
    pub(crate) fn about(&self) -> About {
        let name = &self.header[NAME_AT..NAME_AT + NAME];
        let end = name.iter().position(|&byte| byte == 0).unwrap_or(NAME);
        About {
            teacher: String::from_utf8_lossy(&name[..end]).into_owned(),
            teacher_dimensions: self.teacher_dimensions,
            texts: u64_at(self.header, 24),
        }
    }

    /// Adds a token's row to `sum`. A row that the table does not have adds nothing.
    #[inline]
    pub(super) fn add_row(&self, token: usize, sum: &mut [f32; DIMENSIONS]) {
        let (places, rest) = self.body.split_at(self.rows * PLACE);
        let Some(place) = places.as_chunks().0.get(token) else { return };
        let place = usize::from(u16::from_le_bytes(*place));
        let row = rest[..self.rows * ROW].get(place * ROW..(place + 1) * ROW);
        let Some((scale, values)) = row.and_then(<[u8]>::split_first_chunk) else { return };
        let scale = f32::from_le_bytes(*scale);
        for (sum, &value) in sum.iter_mut().zip(values) {
            *sum += scale * f32::from(value as i8);
        }
    }

    /// A vector of the teacher in the table's space; `None` when it is not one, or when all of its
    /// meaning lies outside.
    pub(crate) fn project(&self, vector: &[f32]) -> Option<Vector> {
        if vector.len() != self.teacher_dimensions {
            return None;
        }
        let mut values = [0.0; DIMENSIONS];
        for (value, row) in values.iter_mut().zip(self.projection()) {
            *value = row.zip(vector).map(|(a, b)| a * b).sum();
        }
        Vector::normalised(values)
    }

    /// The rows of the projection, [`DIMENSIONS`] of them.
    pub(crate) fn projection(&self) -> impl Iterator<Item = impl Iterator<Item = f32>> {
        let bytes = &self.body[self.rows * (PLACE + ROW)..];
        bytes.chunks_exact(self.teacher_dimensions.max(1) * 4).map(|row| {
            row.chunks_exact(4).map(|number| {
                f32::from_le_bytes(number.try_into().expect("chunks of four have four bytes"))
            })
        })
    }

    /// The rows of all tokens as numbers, one after another.
    pub(crate) fn to_rows(self) -> Vec<f32> {
        let mut rows = vec![0.0; self.rows * DIMENSIONS];
        for (token, values) in rows.as_chunks_mut().0.iter_mut().enumerate() {
            self.add_row(token, values);
        }
        rows
    }
}

/// The bytes of a table with these rows, in the order of the tokens, and this projection, each row by
/// row. The rows of the tokens in `first` lie before all others, in this order.
///
/// # Panics
/// When the sizes do not fit each other, or a token in `first` has no row: a defect of the caller.
pub(crate) fn write(about: &About, rows: &[f32], projection: &[f32], first: &[usize]) -> Vec<u8> {
    let (rows, rest) = rows.as_chunks::<DIMENSIONS>();
    assert!(rest.is_empty(), "rows have {DIMENSIONS} numbers each");
    assert!(u16::try_from(rows.len()).is_ok(), "tokens are numbered by two bytes");
    assert_eq!(projection.len(), DIMENSIONS * about.teacher_dimensions, "one row a dimension");
    let mut places = vec![None; rows.len()];
    let mut order = Vec::with_capacity(rows.len());
    for token in first.iter().copied().chain(0..rows.len()) {
        if places[token].is_none() {
            places[token] = Some(order.len() as u16);
            order.push(token);
        }
    }
    let mut body = Vec::with_capacity(rows.len() * (PLACE + ROW) + projection.len() * 4);
    body.extend(places.into_iter().flatten().flat_map(u16::to_le_bytes));
    for token in order {
        let (scale, values) = quantise(&rows[token]);
        body.extend(scale.to_le_bytes());
        body.extend(values);
    }
    body.extend(projection.iter().copied().flat_map(f32::to_le_bytes));

    let mut bytes = MAGIC.to_vec();
    for number in [VERSION as usize, DIMENSIONS, rows.len(), about.teacher_dimensions] {
        bytes.extend((number as u32).to_le_bytes());
    }
    bytes.extend(about.texts.to_le_bytes());
    bytes.extend(check(&body).to_le_bytes());
    let mut name = [0; NAME];
    let shown = about.teacher.floor_char_boundary(NAME);
    name[..shown].copy_from_slice(&about.teacher.as_bytes()[..shown]);
    bytes.extend(name);
    bytes.extend(check(&bytes).to_le_bytes());
    bytes.extend(body);
    bytes
}

/// A check sum against accidents: FNV-1a over words of eight bytes, the last one filled with zeros.
fn check(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    words.iter().chain([&last]).fold(0xcbf2_9ce4_8422_2325, |hash: u64, &word| {
        (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x0100_0000_01b3).rotate_left(23)
    })
}

fn u32_at(header: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(header: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"))
}
