//! Segments: what a device tells the others, sealed and signed; `docs/sync/format.md` has each
//! byte.

mod header;
#[cfg(test)]
mod tests;

use ring::signature::{ED25519, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

use self::header::{HEADER, Header};
pub(crate) use self::header::{Name, Place};
use super::crypto::{self, TAG};
use super::device::Device;
use super::keys::WorkspaceKeys;
use super::random::{NoRandom, Random};
use super::record::cursor::{Cursor, Malformed};
use super::record::{self, Record, RecordError};
use crate::model::clock::Hlc;
pub(crate) use crate::model::sharing::{DeviceKey, LogId};

/// Bytes of a whole segment.
pub(crate) const LARGEST: usize = 1 << 20;
/// Bytes of what is in it, unpacked.
const UNPACKED: usize = 4 << 20;
/// Records of one segment.
pub(crate) const RECORDS: usize = 4096;
/// Bytes of records from which a new segment is begun: even what does not compress stays below
/// the largest segment.
pub(crate) const FULL: usize = 900 << 10;
/// Logs that a segment may say it has seen.
const SEEN: usize = 8192;
/// What signatures stand for.
const DOMAIN: &[u8] = b"MANA segment 1\0";

/// The label of a log in a workspace.
pub(crate) fn label(log: &LogId, keys: &WorkspaceKeys) -> [u8; 16] {
    keys.label("log labels", &[&log.device, &log.incarnation])
}

/// How far a log was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    /// The log.
    pub(crate) log: LogId,
    /// Its highest segment that was read.
    pub(crate) sequence: u64,
    /// That segment's hash.
    pub(crate) hash: [u8; 32],
}

/// What is in a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Content {
    /// Whose it is.
    pub(crate) log: LogId,
    /// When it was written.
    pub(crate) hlc: Hlc,
    /// With this one and those from this number on, the log says all that it ever said: what is
    /// before is not needed. 0 when nothing can be left out.
    pub(crate) since: u64,
    /// What its author had read.
    pub(crate) seen: Vec<Seen>,
    /// The facts.
    pub(crate) records: Vec<Record>,
}

/// An opened segment, whose signature is that of the device that it names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Segment {
    /// Where it stands.
    pub(crate) place: Place,
    /// Hash of all of its bytes.
    pub(crate) hash: [u8; 32],
    /// What is in it.
    pub(crate) content: Content,
}

/// Why a segment cannot be taken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum SegmentError {
    #[error("it is no segment of MANA")]
    Foreign,
    #[error("it is of version {0}, and this program reads version 1: update MANA")]
    Newer(u16),
    #[error("it was sealed by a method that this program does not know: update MANA")]
    UnknownSuite,
    #[error("it is larger than a segment may be")]
    TooLarge,
    #[error("it is cut off")]
    Truncated,
    #[error("it belongs to another workspace")]
    Workspace,
    #[error(
        "it is sealed with the key of epoch {0}, which this device does not have: get the new keys with `mana sync set-key`"
    )]
    Epoch(u32),
    #[error("the workspace's key does not fit it")]
    Key,
    #[error("it is damaged, or somebody changed it")]
    Damaged,
    #[error("its signature is not that of the device that it names")]
    Signature,
    #[error("it stands in a place that is not its own")]
    Misplaced,
    #[error("it holds a record of type {0} that must be understood: update MANA")]
    Critical(u8),
    #[error("what is in it is not what the format says")]
    Malformed,
}

impl From<Malformed> for SegmentError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl SegmentError {
    /// Whether a newer program or more keys may be able to read it.
    pub(crate) fn may_pass(self) -> bool {
        matches!(self, Self::Newer(_) | Self::UnknownSuite | Self::Epoch(_) | Self::Critical(_))
    }
}

/// Seals what a device says.
///
/// # Errors
///
/// The system gives no random numbers.
pub(crate) fn seal(
    place: Place,
    content: &Content,
    keys: &WorkspaceKeys,
    device: &Device,
    random: &mut impl Random,
) -> Result<Vec<u8>, NoRandom> {
    let secret = keys.key(place.epoch).expect("a device seals with a key that it has");
    let mut bytes = place.encode();
    let body = encode(content);
    let signature = device.sign(&signed(&bytes, &body));
    let plain = [content.log.device.as_slice(), &signature, &body].concat();
    // Even if the random numbers repeat, as in a copy of a machine, other words get another key.
    let noise: [u8; 32] = random.array()?;
    let salt = crypto::mac(&keys.purpose("segment salts"), &[&noise, &plain]);
    let (key, commitment) = crypto::committed(secret, &salt, &[b"mana segment 1", &bytes]);
    let packed = crypto::pack(&plain);
    bytes.extend(salt);
    bytes.extend(commitment);
    bytes.extend(((packed.len() + TAG) as u32).to_be_bytes());
    let sealed = crypto::encrypt(&key, &packed, &bytes);
    bytes.extend(sealed);
    Ok(bytes)
}

/// Whether these are the first bytes of a segment whose end is missing.
pub(crate) fn is_cut_off(bytes: &[u8]) -> bool {
    bytes.is_empty() || matches!(Header::decode(bytes), Err(SegmentError::Truncated))
}

/// Opens a segment: all of it is proven before anything of it is read.
pub(crate) fn open(bytes: &[u8], keys: &WorkspaceKeys) -> Result<Segment, SegmentError> {
    let header = Header::decode(bytes)?;
    let place = header.place;
    if place.workspace != keys.id {
        return Err(SegmentError::Workspace);
    }
    let secret = keys.key(place.epoch).ok_or(SegmentError::Epoch(place.epoch))?;
    let info: &[&[u8]] = &[b"mana segment 1", &bytes[..Place::BYTES]];
    let (key, commitment) = crypto::committed(secret, &header.salt, info);
    if !crypto::same(&commitment, &header.commitment) {
        return Err(SegmentError::Key);
    }
    let packed = crypto::decrypt(&key, &bytes[HEADER..], &bytes[..HEADER])
        .map_err(|_| SegmentError::Damaged)?;
    let plain = crypto::unpack(&packed, UNPACKED).map_err(|_| SegmentError::Malformed)?;
    let mut cursor = Cursor::new(&plain);
    let device: DeviceKey = cursor.array()?;
    let signature: [u8; 64] = cursor.array()?;
    let body = cursor.rest();
    UnparsedPublicKey::new(&ED25519, device)
        .verify(&signed(&bytes[..Place::BYTES], body), &signature)
        .map_err(|_| SegmentError::Signature)?;
    let content = decode(device, body)?;
    if label(&content.log, keys) != place.label {
        return Err(SegmentError::Misplaced);
    }
    Ok(Segment { place, hash: Sha256::digest(bytes).into(), content })
}

/// What is signed: where the segment stands and what is in it, but not under which key, which is
/// chosen afterwards. Workspace and epoch are in the place, so that no member can wrap the words of
/// another for somebody else.
fn signed(place: &[u8], body: &[u8]) -> Vec<u8> {
    [DOMAIN, place, &Sha256::digest(body)].concat()
}

fn encode(content: &Content) -> Vec<u8> {
    let mut bytes = content.log.incarnation.to_vec();
    bytes.extend(content.hlc.0.to_be_bytes());
    bytes.extend(content.since.to_be_bytes());
    let seen = &content.seen[..content.seen.len().min(SEEN)];
    bytes.extend((seen.len() as u32).to_be_bytes());
    for seen in seen {
        bytes.extend(seen.log.device);
        bytes.extend(seen.log.incarnation);
        bytes.extend(seen.sequence.to_be_bytes());
        bytes.extend(seen.hash);
    }
    bytes.extend((content.records.len() as u32).to_be_bytes());
    for record in &content.records {
        record.put(&mut bytes);
    }
    bytes
}

/// Reads a body, whose signature is proven.
pub(super) fn decode(device: DeviceKey, body: &[u8]) -> Result<Content, SegmentError> {
    let mut cursor = Cursor::new(body);
    let log = LogId { device, incarnation: cursor.array()? };
    let hlc = Hlc(cursor.u64()?);
    let since = cursor.u64()?;
    let count = cursor.u32()? as usize;
    if count > SEEN {
        return Err(SegmentError::Malformed);
    }
    let mut seen = Vec::new();
    for _ in 0..count {
        let log = LogId { device: cursor.array()?, incarnation: cursor.array()? };
        seen.push(Seen { log, sequence: cursor.u64()?, hash: cursor.array()? });
    }
    let count = cursor.u32()?;
    if count as usize > RECORDS {
        return Err(SegmentError::Malformed);
    }
    let records = record::read_all(cursor, count).map_err(|error| match error {
        RecordError::Malformed => SegmentError::Malformed,
        RecordError::Critical(kind) => SegmentError::Critical(kind),
    })?;
    Ok(Content { log, hlc, since, seen, records })
}
