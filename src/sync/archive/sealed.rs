//! The sealed form: a key box, and segments under keys of the file's own.

use sha2::{Digest as _, Sha256};

use super::{Archive, ArchiveError};
use crate::model::clock::Hlc;
use crate::sync::device::Device;
use crate::sync::engine::chunks;
use crate::sync::keys::{self, Cost, WorkspaceKeys, open_box, seal_box};
use crate::sync::local::label_key;
use crate::sync::random::{NoRandom, Random};
use crate::sync::record::cursor::{Cursor, Malformed};
use crate::sync::segment::{self, Content, Place, SegmentError};

/// What a sealed file begins with.
pub(super) const MAGIC: &[u8; 8] = b"MANAFILE";
/// The version that this program writes and reads.
const VERSION: u16 = 1;

pub(super) fn write(
    archive: &Archive,
    device: &Device,
    keys: &WorkspaceKeys,
    passphrase: &[u8],
    cost: Cost,
    random: &mut impl Random,
) -> Result<Vec<u8>, NoRandom> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_be_bytes());
    put(&mut bytes, &seal_box(keys, passphrase, cost, random)?);
    let label = segment::label(&archive.log, keys);
    let chunks = chunks(&archive.records);
    let mut previous = [0; 32];
    for (n, records) in chunks.iter().enumerate() {
        let sequence = n as u64 + 1;
        let place = Place { workspace: keys.id, epoch: keys.epoch(), label, sequence, previous };
        let content = Content {
            log: archive.log,
            hlc: Hlc::at(archive.created),
            // Only the last one says that all is there.
            since: u64::from(n + 1 == chunks.len()),
            seen: Vec::new(),
            records: records.to_vec(),
        };
        let sealed = segment::seal(place, &content, keys, device, random)?;
        previous = Sha256::digest(&sealed).into();
        put(&mut bytes, &sealed);
    }
    Ok(bytes)
}

/// Appends bytes behind their length.
fn put(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend((part.len() as u32).to_be_bytes());
    bytes.extend(part);
}

/// The parts of a file, in order: the key box and the segments.
pub(super) fn parts(bytes: &[u8]) -> Result<(&[u8], Vec<&[u8]>), ArchiveError> {
    let mut cursor = Cursor::new(bytes);
    match cursor.take(MAGIC.len()) {
        Ok(magic) if magic == MAGIC => {}
        Err(Malformed) if !bytes.is_empty() && MAGIC.starts_with(bytes) => {
            return Err(ArchiveError::Truncated);
        }
        _ => return Err(ArchiveError::Foreign),
    }
    match cursor.u16().map_err(|_| ArchiveError::Truncated)? {
        VERSION => {}
        newer => return Err(ArchiveError::Newer(newer.into())),
    }
    let key_box = part(&mut cursor, keys::LARGEST)?;
    let mut segments = Vec::new();
    while !cursor.is_empty() {
        segments.push(part(&mut cursor, segment::LARGEST)?);
    }
    if segments.is_empty() { Err(ArchiveError::Truncated) } else { Ok((key_box, segments)) }
}

/// One part, of at most `longest` bytes.
fn part<'a>(cursor: &mut Cursor<'a>, longest: usize) -> Result<&'a [u8], ArchiveError> {
    let length = cursor.u32().map_err(|_| ArchiveError::Truncated)? as usize;
    if length > longest {
        return Err(ArchiveError::Damaged);
    }
    cursor.take(length).map_err(|_| ArchiveError::Truncated)
}

pub(super) fn read(bytes: &[u8], passphrase: &[u8]) -> Result<Archive, ArchiveError> {
    // What can be told without the key is told before it is derived.
    let (key_box, segments) = parts(bytes)?;
    let (keys, _) = open_box(key_box, passphrase)?;
    let mut archive: Option<Archive> = None;
    let (mut previous, mut whole) = ([0; 32], false);
    for (n, bytes) in segments.iter().enumerate() {
        let error = |error| ArchiveError::Segment(n + 1, error);
        let segment = segment::open(bytes, &keys).map_err(error)?;
        let content = segment.content;
        let known = archive.get_or_insert_with(|| Archive {
            log: content.log,
            created: content.hlc.millis(),
            labels: label_key(&keys),
            records: Vec::new(),
        });
        let next = segment.place.sequence == n as u64 + 1 && segment.place.previous == previous;
        if whole || !next || content.log != known.log || content.hlc != Hlc::at(known.created) {
            return Err(error(SegmentError::Misplaced));
        }
        known.records.extend(content.records);
        (previous, whole) = (segment.hash, content.since == 1);
    }
    archive.filter(|_| whole).ok_or(ArchiveError::Truncated)
}
