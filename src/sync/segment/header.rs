//! The part of a segment that anybody can read.

use super::{LARGEST, SegmentError};
use crate::sync::crypto::TAG;
use crate::sync::hex::{hex, unhex};
use crate::sync::keys::WorkspaceKeys;
use crate::sync::record::cursor::{Cursor, Malformed};

/// What a segment begins with.
const MAGIC: &[u8; 8] = b"MANASEG\0";
/// The version that this program writes and reads.
const VERSION: u16 = 1;
/// HKDF-SHA-256, AES-256-GCM, Ed25519, zstd, Padmé.
const SUITE: u16 = 1;
/// Bytes of the header.
pub(super) const HEADER: usize = Place::BYTES + 32 + 32 + 4;

/// Where a segment stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// The workspace.
    pub(crate) workspace: [u8; 16],
    /// Whose key seals it.
    pub(crate) epoch: u32,
    /// Keyed label of the log.
    pub(crate) label: [u8; 16],
    /// Its number in the log, from 1.
    pub(crate) sequence: u64,
    /// Hash of the segment before it; zeros for the first.
    pub(crate) previous: [u8; 32],
}

impl Place {
    /// Bytes of magic, version, suite and place.
    pub(super) const BYTES: usize = 8 + 2 + 2 + 16 + 4 + 16 + 8 + 32;

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_be_bytes());
        bytes.extend(SUITE.to_be_bytes());
        bytes.extend(self.workspace);
        bytes.extend(self.epoch.to_be_bytes());
        bytes.extend(self.label);
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.previous);
        bytes
    }
}

/// The header.
pub(crate) struct Header {
    pub(crate) place: Place,
    pub(super) salt: [u8; 32],
    pub(super) commitment: [u8; 32],
}

impl Header {
    /// Reads the header of a whole segment.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, SegmentError> {
        if bytes.len() > LARGEST {
            return Err(SegmentError::TooLarge);
        }
        if !bytes.starts_with(MAGIC) {
            let torn = !bytes.is_empty() && MAGIC.starts_with(bytes);
            return Err(if torn { SegmentError::Truncated } else { SegmentError::Foreign });
        }
        let mut cursor = Cursor::new(&bytes[MAGIC.len()..]);
        Self::read(&mut cursor).unwrap_or(Err(SegmentError::Truncated))
    }

    fn read(cursor: &mut Cursor<'_>) -> Result<Result<Self, SegmentError>, Malformed> {
        match cursor.u16()? {
            VERSION => {}
            newer => return Ok(Err(SegmentError::Newer(newer))),
        }
        if cursor.u16()? != SUITE {
            return Ok(Err(SegmentError::UnknownSuite));
        }
        let place = Place {
            workspace: cursor.array()?,
            epoch: cursor.u32()?,
            label: cursor.array()?,
            sequence: cursor.u64()?,
            previous: cursor.array()?,
        };
        let (salt, commitment) = (cursor.array()?, cursor.array()?);
        let length = cursor.u32()? as usize;
        let rest = cursor.rest().len();
        Ok(match rest {
            _ if length < TAG => Err(SegmentError::Damaged),
            _ if rest < length => Err(SegmentError::Truncated),
            _ if rest > length => Err(SegmentError::Damaged),
            _ => Ok(Self { place, salt, commitment }),
        })
    }
}

/// The name of an object that holds a segment: it says where the segment stands and, by hash,
/// which bytes it has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Name {
    /// The log's label.
    pub(crate) label: [u8; 16],
    /// The segment's number in it.
    pub(crate) sequence: u64,
    /// Beginning of the hash of its bytes.
    pub(crate) hash: [u8; 16],
}

impl Name {
    /// The folder of a workspace's segments.
    pub(crate) fn prefix(keys: &WorkspaceKeys) -> String {
        format!("v1/{}/", hex(&keys.label("workspace labels", &[&keys.id])))
    }

    /// For the segment with this hash.
    pub(crate) fn new(place: &Place, hash: &[u8; 32]) -> Self {
        let mut short = [0; 16];
        short.copy_from_slice(&hash[..16]);
        Self { label: place.label, sequence: place.sequence, hash: short }
    }

    /// As a backend knows it.
    pub(crate) fn full(&self, prefix: &str) -> String {
        format!("{prefix}{}/{:016x}-{}", hex(&self.label), self.sequence, hex(&self.hash))
    }

    /// From a backend's listing.
    pub(crate) fn parse(prefix: &str, name: &str) -> Option<Self> {
        let (label, rest) = name.strip_prefix(prefix)?.split_once('/')?;
        let (sequence, hash) = rest.split_once('-')?;
        let sequence = u64::from_be_bytes(unhex(sequence)?);
        Some(Self { label: unhex(label)?, sequence, hash: unhex(hash)? })
    }

    /// Whether the bytes are those that the name promises.
    pub(crate) fn fits(&self, hash: &[u8; 32]) -> bool {
        hash[..16] == self.hash
    }
}
