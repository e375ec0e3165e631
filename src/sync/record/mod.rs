//! What devices tell each other, one record a fact.
//!
//! Every record can be applied in any order and any number of times with the same outcome
//! (`docs/sync/format.md` has each byte, `sync::ledger` the rules of merging).

pub(crate) mod cursor;
#[cfg(test)]
mod tests;
mod wording;

use self::cursor::{Cursor, Malformed, put_text};
pub(crate) use self::wording::{TEXT, TRIGGER, Wording};
use crate::model::clock::Hlc;
use crate::model::ids::PatternId;
pub(crate) use crate::model::sharing::{Counts, Field, Incarnation};

/// Bytes of one record's body.
pub(crate) const RECORD: usize = 16 << 10;
/// Bytes of the body of a record that holds a document.
pub(crate) const DOCUMENT: usize = (64 << 10) + 64;

/// One fact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Record {
    /// Counts of a pattern in one life of the device's store.
    Counts { pattern: PatternId, incarnation: Incarnation, counts: Counts },
    /// A field of a pattern has this value since `hlc`.
    Field { pattern: PatternId, field: Field, hlc: Hlc, value: Vec<u8> },
    /// The pattern was deleted at `hlc`; what is written later revives it.
    Tombstone { pattern: PatternId, hlc: Hlc },
    /// The pattern must vanish for ever: it held a secret.
    Redact { pattern: PatternId, hlc: Hlc },
    /// The text that people edited, as an automerge document.
    Document { pattern: PatternId, hlc: Hlc, bytes: Vec<u8> },
    /// The device lives: what it calls itself, and its version of the program.
    Heartbeat { hlc: Hlc, name: String, version: String },
    /// Of a type that this version does not know, and may pass over.
    Unknown { kind: u8 },
}

/// Why records cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RecordError {
    /// They are not what the format says.
    Malformed,
    /// One of a type that this version does not know and must not pass over.
    Critical(u8),
}

impl From<Malformed> for RecordError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// Flag of a record that a reader must understand.
const CRITICAL: u8 = 1;

impl Record {
    /// When it was written; `None` for what has no time of its own.
    pub(crate) fn hlc(&self) -> Option<Hlc> {
        match self {
            Self::Field { hlc, .. }
            | Self::Tombstone { hlc, .. }
            | Self::Redact { hlc, .. }
            | Self::Document { hlc, .. }
            | Self::Heartbeat { hlc, .. } => Some(*hlc),
            Self::Counts { .. } | Self::Unknown { .. } => None,
        }
    }

    /// The pattern that it is about.
    pub(crate) fn pattern(&self) -> Option<PatternId> {
        match self {
            Self::Counts { pattern, .. }
            | Self::Field { pattern, .. }
            | Self::Tombstone { pattern, .. }
            | Self::Redact { pattern, .. }
            | Self::Document { pattern, .. } => Some(*pattern),
            Self::Heartbeat { .. } | Self::Unknown { .. } => None,
        }
    }

    fn kind(&self) -> (u8, u8) {
        match self {
            Self::Counts { .. } => (1, 0),
            Self::Field { .. } => (2, 0),
            Self::Tombstone { .. } => (3, CRITICAL),
            Self::Redact { .. } => (4, CRITICAL),
            Self::Document { .. } => (5, 0),
            // 6, 7 and 8 are kept for membership, keys and acknowledgements.
            Self::Heartbeat { .. } => (9, 0),
            Self::Unknown { kind } => (*kind, 0),
        }
    }

    /// Appends the record: type, flags, length, body.
    pub(crate) fn put(&self, bytes: &mut Vec<u8>) {
        let (kind, flags) = self.kind();
        bytes.extend([kind, flags]);
        let at = bytes.len();
        bytes.extend([0; 4]);
        self.put_body(bytes);
        let length = (bytes.len() - at - 4) as u32;
        bytes[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }

    fn put_body(&self, bytes: &mut Vec<u8>) {
        if let Some(pattern) = self.pattern() {
            bytes.extend(pattern.as_bytes());
        }
        if let Some(hlc) = self.hlc() {
            bytes.extend(hlc.0.to_be_bytes());
        }
        match self {
            Self::Counts { incarnation, counts, .. } => {
                bytes.extend(incarnation);
                bytes.extend(counts.numbers.iter().flat_map(|number| number.to_be_bytes()));
                bytes.extend(counts.first.to_be_bytes());
                bytes.extend(counts.last.to_be_bytes());
            }
            Self::Field { field, value, .. } => {
                bytes.extend(field.0.to_be_bytes());
                bytes.extend(value);
            }
            Self::Document { bytes: document, .. } => bytes.extend(document),
            Self::Heartbeat { name, version, .. } => {
                put_text(bytes, name);
                put_text(bytes, version);
            }
            Self::Tombstone { .. } | Self::Redact { .. } | Self::Unknown { .. } => {}
        }
    }

    fn read(cursor: &mut Cursor<'_>) -> Result<Self, RecordError> {
        let [kind, flags] = cursor.array()?;
        let length = cursor.u32()? as usize;
        if length > if kind == 5 { DOCUMENT } else { RECORD } {
            return Err(RecordError::Malformed);
        }
        let mut body = Cursor::new(cursor.take(length)?);
        let body = &mut body;
        let record = match kind {
            1 => Self::Counts {
                pattern: pattern(body)?,
                incarnation: body.array()?,
                counts: counts(body)?,
            },
            2 => Self::Field {
                pattern: pattern(body)?,
                hlc: Hlc(body.u64()?),
                field: Field(body.u16()?),
                value: body.rest().to_vec(),
            },
            3 => Self::Tombstone { pattern: pattern(body)?, hlc: Hlc(body.u64()?) },
            4 => Self::Redact { pattern: pattern(body)?, hlc: Hlc(body.u64()?) },
            5 => Self::Document {
                pattern: pattern(body)?,
                hlc: Hlc(body.u64()?),
                bytes: body.rest().to_vec(),
            },
            9 => Self::Heartbeat {
                hlc: Hlc(body.u64()?),
                name: body.text()?.chars().take(80).collect(),
                version: body.text()?.chars().take(40).collect(),
            },
            _ if flags & CRITICAL != 0 => return Err(RecordError::Critical(kind)),
            _ => {
                body.rest();
                Self::Unknown { kind }
            }
        };
        // What a later version may append to a record that this one knows is passed over.
        Ok(record)
    }
}

fn pattern(cursor: &mut Cursor<'_>) -> Result<PatternId, Malformed> {
    cursor.array().map(PatternId::from_bytes)
}

fn counts(cursor: &mut Cursor<'_>) -> Result<Counts, Malformed> {
    let mut numbers = [0; 8];
    for number in &mut numbers {
        *number = cursor.u32()?;
    }
    Ok(Counts { numbers, first: cursor.i64()?, last: cursor.i64()? })
}

/// Reads `count` records, after which nothing may follow.
///
/// # Errors
///
/// Nothing is returned of records of which one cannot be read.
pub(crate) fn read_all(cursor: Cursor<'_>, count: u32) -> Result<Vec<Record>, RecordError> {
    let mut cursor = cursor;
    let mut records = Vec::new();
    for _ in 0..count {
        records.push(Record::read(&mut cursor)?);
    }
    cursor.finish()?;
    Ok(records)
}
