//! The plain form: lines of JSON that people and other programs can read, with a signature.

use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Archive, ArchiveError};
use crate::model::clock::Hlc;
use crate::model::ids::PatternId;
use crate::model::pattern::{Kind, Payload};
use crate::sync::device::Device;
use crate::sync::hex::{hex, unhex, unhex_all};
use crate::sync::record::{Counts, Field, RECORD, Record, Wording};
use crate::sync::segment::LogId;
use crate::sync::text;

/// What the first line says of the format.
const FORMAT: &str = "mana patterns";
/// The version that this program writes and reads.
const VERSION: u64 = 1;
/// What signatures stand for.
const DOMAIN: &[u8] = b"MANA file 1\0";
/// What of a first line is looked at.
const FIRST: usize = 4096;

/// What every version's first line has.
#[derive(Deserialize)]
struct Format {
    format: String,
    version: u64,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    version: u64,
    /// Version of the program that wrote the file.
    program: String,
    device: String,
    incarnation: String,
    /// Milliseconds since the Unix epoch.
    created: i64,
    labels: String,
    patterns: u64,
    sha256: String,
    signature: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    id: String,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    tool: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    category: String,
    trigger: String,
    text: String,
    #[serde(default)]
    payload: Payload,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    keys: Vec<i64>,
    hlc: String,
    counts: Numbers,
    /// The document of what people wrote about it, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    document: Option<String>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Numbers {
    successes: u32,
    failures: u32,
    sessions: u32,
    shown: u32,
    adopted: u32,
    helped: u32,
    hurt: u32,
    withheld: u32,
    first: i64,
    last: i64,
}

impl Numbers {
    fn new(counts: Counts) -> Self {
        let Counts { numbers, first, last } = counts;
        let [successes, failures, sessions, shown, adopted, helped, hurt, withheld] = numbers;
        Self { successes, failures, sessions, shown, adopted, helped, hurt, withheld, first, last }
    }

    fn counts(&self) -> Counts {
        let numbers = [
            self.successes,
            self.failures,
            self.sessions,
            self.shown,
            self.adopted,
            self.helped,
            self.hurt,
            self.withheld,
        ];
        Counts { numbers, first: self.first, last: self.last }
    }
}

impl Line {
    fn new(pattern: PatternId, hlc: Hlc, wording: Wording, counts: Counts) -> Self {
        Self {
            id: hex(pattern.as_bytes()),
            kind: wording.kind.name().into(),
            project: wording.project.map(|label| hex(&label)),
            tool: wording.tool,
            category: wording.category,
            trigger: wording.trigger,
            text: wording.text,
            payload: wording.payload,
            keys: wording.keys,
            hlc: format!("{:016x}", hlc.0),
            counts: Numbers::new(counts),
            document: None,
        }
    }

    /// The records; `None` when something is not what it should be.
    fn records(self, log: &LogId) -> Option<Vec<Record>> {
        let pattern = PatternId::from_bytes(unhex(&self.id)?);
        let project = match self.project {
            None => None,
            Some(label) => Some(unhex(&label)?),
        };
        let wording = Wording {
            kind: Kind::ALL.into_iter().find(|kind| kind.name() == self.kind)?,
            project,
            tool: self.tool,
            category: self.category,
            trigger: self.trigger,
            text: self.text,
            payload: self.payload,
            keys: self.keys,
        };
        let value = wording.encode();
        // What the other form would not carry is not read from this one either.
        if value.len() > RECORD - 64 || Wording::decode(&value).as_ref() != Ok(&wording) {
            return None;
        }
        let hlc = Hlc(u64::from_be_bytes(unhex(&self.hlc)?));
        let (incarnation, counts) = (log.incarnation, self.counts.counts());
        let mut records = vec![
            Record::Field { pattern, field: Field::WORDING, hlc, value },
            Record::Counts { pattern, incarnation, counts },
        ];
        if let Some(document) = self.document {
            let bytes = unhex_all(&document).filter(|bytes| bytes.len() <= text::LIMIT)?;
            records.push(Record::Document { pattern, hlc, bytes });
        }
        Some(records)
    }
}

/// The lines of a file's records, which stand pattern by pattern.
fn lines_of(archive: &Archive) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for record in &archive.records {
        match (record, lines.last_mut()) {
            (Record::Field { pattern, hlc, value, .. }, _) => {
                if let Ok(wording) = Wording::decode(value) {
                    lines.push(Line::new(*pattern, *hlc, wording, Counts::default()));
                }
            }
            (Record::Counts { pattern, counts, .. }, Some(line))
                if line.id == hex(pattern.as_bytes()) =>
            {
                line.counts = Numbers::new(*counts);
            }
            (Record::Document { pattern, bytes, .. }, Some(line))
                if line.id == hex(pattern.as_bytes()) =>
            {
                line.document = Some(hex(bytes));
            }
            _ => {}
        }
    }
    lines
}

pub(super) fn write(archive: &Archive, device: &Device, program: &str) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut patterns = 0;
    for line in lines_of(archive) {
        serde_json::to_writer(&mut lines, &line).expect("a line has string keys");
        lines.push(b'\n');
        patterns += 1;
    }
    let sum: [u8; 32] = Sha256::digest(&lines).into();
    let mut header = Header {
        format: FORMAT.into(),
        version: VERSION,
        program: program.into(),
        device: hex(&archive.log.device),
        incarnation: hex(&archive.log.incarnation),
        created: archive.created,
        labels: hex(&archive.labels),
        patterns,
        sha256: hex(&sum),
        signature: String::new(),
    };
    header.signature = hex(&device.sign(&signed(archive, patterns, &sum, program)));
    let mut bytes = serde_json::to_vec(&header).expect("a header has string keys");
    bytes.push(b'\n');
    bytes.extend(lines);
    bytes
}

/// What is signed: all that the first line says, and the sum over the others.
fn signed(archive: &Archive, patterns: u64, sum: &[u8; 32], program: &str) -> Vec<u8> {
    [
        DOMAIN,
        &archive.log.device,
        &archive.log.incarnation,
        &archive.created.to_be_bytes(),
        &archive.labels,
        &patterns.to_be_bytes(),
        sum,
        program.as_bytes(),
    ]
    .concat()
}

pub(super) fn read(bytes: &[u8]) -> Result<Archive, ArchiveError> {
    let Some(end) = memchr::memchr(b'\n', bytes) else {
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(FIRST)]);
        let begun = format!("{{\"format\":\"{FORMAT}\"");
        let ours = !start.is_empty() && (start.starts_with(&begun) || begun.starts_with(&*start));
        return Err(if ours { ArchiveError::Truncated } else { ArchiveError::Foreign });
    };
    let (first, lines) = (&bytes[..end], &bytes[end + 1..]);
    if first.len() > FIRST {
        return Err(ArchiveError::Foreign);
    }
    let format: Format = serde_json::from_slice(first).map_err(|_| ArchiveError::Foreign)?;
    match format.version {
        _ if format.format != FORMAT => return Err(ArchiveError::Foreign),
        VERSION => {}
        newer => return Err(ArchiveError::Newer(newer)),
    }
    let header: Header = serde_json::from_slice(first).map_err(|_| ArchiveError::Line(1))?;
    let sum: [u8; 32] = Sha256::digest(lines).into();
    let archive = archive_of(&header).ok_or(ArchiveError::Line(1))?;
    if hex(&sum) != header.sha256 {
        let there = memchr::memchr_iter(b'\n', lines).count() as u64;
        let torn = there < header.patterns;
        return Err(if torn { ArchiveError::Truncated } else { ArchiveError::Damaged });
    }
    let signature: [u8; 64] = unhex(&header.signature).ok_or(ArchiveError::Line(1))?;
    UnparsedPublicKey::new(&ED25519, archive.log.device)
        .verify(&signed(&archive, header.patterns, &sum, &header.program), &signature)
        .map_err(|_| ArchiveError::Signature)?;
    records(archive, lines, header.patterns)
}

fn archive_of(header: &Header) -> Option<Archive> {
    let log = LogId { device: unhex(&header.device)?, incarnation: unhex(&header.incarnation)? };
    let labels = unhex(&header.labels)?;
    Some(Archive { log, created: header.created, labels, records: Vec::new() })
}

/// Reads the lines, which are proven.
pub(super) fn records(
    archive: Archive,
    lines: &[u8],
    patterns: u64,
) -> Result<Archive, ArchiveError> {
    let mut archive = archive;
    let mut read = 0;
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        read += 1;
        let place = ArchiveError::Line(read + 1);
        let Ok(line) = serde_json::from_slice::<Line>(line) else { return Err(place) };
        archive.records.extend(line.records(&archive.log).ok_or(place)?);
    }
    if read as u64 == patterns { Ok(archive) } else { Err(ArchiveError::Line(1)) }
}
