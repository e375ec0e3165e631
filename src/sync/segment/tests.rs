//! Segments: what was sealed once opens for ever, and what is broken says how.

use super::*;
use crate::model::ids::PatternId;
use crate::model::pattern::{Kind, Payload};
use crate::sync::fixtures::{Case, cases, said};
use crate::sync::hex::hex;
use crate::sync::random::Seeded;
use crate::sync::record::{Counts, Field, Wording};

/// The keys of the worked example: `Seeded(1)`.
fn keys() -> WorkspaceKeys {
    WorkspaceKeys::generate(&mut Seeded(1, 0)).unwrap()
}

/// The device of the worked example: `Seeded(2)`.
fn device() -> Device {
    Device::from_seed(&Seeded(2, 0).array().unwrap())
}

/// The content of the worked example: one record of each type.
fn content() -> Content {
    let log = LogId { device: device().key(), incarnation: [0x11; 16] };
    let other = LogId { device: [0x22; 32], incarnation: [0x33; 16] };
    let pattern = PatternId::derive("fix", "", "cargo build", "example");
    let hlc = |n: u64| Hlc(Hlc::at(1_767_225_600_000).0 + n);
    let wording = Wording {
        kind: Kind::Fix,
        project: Some([0x44; 16]),
        tool: "Bash".into(),
        category: "build".into(),
        trigger: "cargo build fails: linker not found".into(),
        text: "Install the linker first.".into(),
        payload: Payload { commands: vec!["cargo build".into()], ..Payload::default() },
        keys: vec![1, -1],
    };
    let counts = Counts { numbers: [1, 2, 3, 4, 5, 6, 7, 8], first: 9, last: 10 };
    let value = wording.encode();
    let bytes = b"opaque".to_vec();
    let (name, version) = ("laptop".to_owned(), "0.2.0".to_owned());
    let records = vec![
        Record::Counts { pattern, incarnation: [0x11; 16], counts },
        Record::Field { pattern, field: Field::WORDING, hlc: hlc(1), value },
        Record::Tombstone { pattern, hlc: hlc(2) },
        Record::Redact { pattern, hlc: hlc(3) },
        Record::Document { pattern, hlc: hlc(4), bytes },
        Record::Heartbeat { hlc: hlc(5), name, version },
        Record::Unknown { kind: 200 },
    ];
    let seen = vec![Seen { log: other, sequence: 7, hash: [0x55; 32] }];
    Content { log, hlc: hlc(6), since: 3, seen, records }
}

fn place(log: &LogId, keys: &WorkspaceKeys) -> Place {
    let label = label(log, keys);
    Place { workspace: keys.id, epoch: 1, label, sequence: 3, previous: [0x66; 32] }
}

fn sealed() -> Vec<u8> {
    let content = content();
    let place = place(&content.log, &keys());
    seal(place, &content, &keys(), &device(), &mut Seeded(3, 0)).unwrap()
}

/// As [`seal`], of a body that may be anything, with a signature that may be wrong.
fn sealed_raw(place: Place, body: &[u8], packed: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let (keys, device) = (keys(), device());
    let mut bytes = place.encode();
    let signature = device.sign(&signed(&bytes, body));
    let plain = [device.key().as_slice(), &signature, body].concat();
    let salt = [0x77; 32];
    let secret = keys.key(place.epoch).unwrap();
    let (key, commitment) = crypto::committed(secret, &salt, &[b"mana segment 1", &bytes]);
    let packed = packed(&plain);
    bytes.extend(salt);
    bytes.extend(commitment);
    bytes.extend(((packed.len() + TAG) as u32).to_be_bytes());
    let text = crypto::encrypt(&key, &packed, &bytes);
    bytes.extend(text);
    bytes
}

/// The body of a segment whose records are `records`, `count` by its own word.
fn body(count: u32, records: &[u8]) -> Vec<u8> {
    let mut bytes = encode(&Content { records: Vec::new(), ..content() });
    bytes.truncate(bytes.len() - 4);
    bytes.extend(count.to_be_bytes());
    bytes.extend(records);
    bytes
}

fn changed(bytes: &[u8], at: usize, new: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}

fn made() -> Vec<Case> {
    let good = sealed();
    let here = place(&content().log, &keys());
    let raw = |count, records: &[u8]| sealed_raw(here, &body(count, records), crypto::pack);
    let last = good.len() - 1;
    let flipped = |at: usize| changed(&good, at, &[good[at] ^ 1]);
    let mut longer = good.clone();
    longer.push(0);
    let elsewhere = Place { label: [0x88; 16], ..here };
    let mut records = Vec::new();
    content().records.iter().for_each(|record| record.put(&mut records));
    let wrong_signature = sealed_raw(here, &body(0, &[]), |plain| {
        let mut plain = plain.to_vec();
        plain[40] ^= 1;
        crypto::pack(&plain)
    });
    let bomb = sealed_raw(here, &vec![0; UNPACKED], crypto::pack);
    let many_seen = {
        let mut bytes = encode(&content());
        bytes.truncate(32);
        bytes.extend((SEEN as u32 + 1).to_be_bytes());
        bytes
    };
    vec![
        Case::new("worked example", "read", &good),
        Case::new("no record", "read", &raw(0, &[])),
        Case::new("optional record of a later version", "read", &raw(1, &[77, 0, 0, 0, 0, 1, 9])),
        Case::new("empty", "Foreign", &[]),
        Case::new("another magic", "Foreign", &flipped(0)),
        Case::new("cut in the magic", "Truncated", &good[..5]),
        Case::new("cut in the header", "Truncated", &good[..HEADER - 1]),
        Case::new("cut in the text", "Truncated", &good[..last]),
        Case::new("one byte more", "Damaged", &longer),
        Case::new("version 2", "Newer(2)", &changed(&good, 8, &[0, 2])),
        Case::new("suite 2", "UnknownSuite", &changed(&good, 10, &[0, 2])),
        Case::new("another workspace", "Workspace", &flipped(12)),
        Case::new("another epoch", "Epoch(9)", &changed(&good, 28, &[0, 0, 0, 9])),
        Case::new("another label in the header", "Key", &flipped(32)),
        Case::new("another sequence in the header", "Key", &flipped(55)),
        Case::new("another hash before", "Key", &flipped(56)),
        Case::new("another salt", "Key", &flipped(88)),
        Case::new("another commitment", "Key", &flipped(120)),
        Case::new("shorter than a tag", "Damaged", &changed(&good, 152, &[0, 0, 0, 15])),
        Case::new("length beyond the end", "Truncated", &changed(&good, 152, &[255; 4])),
        Case::new("flipped text", "Damaged", &flipped(HEADER)),
        Case::new("flipped tag", "Damaged", &flipped(last)),
        Case::new("too large", "TooLarge", b"MANASEG\0").with_zeros(LARGEST),
        Case::new("unpacks to more than 4 MiB", "Malformed", &bomb),
        Case::new(
            "packed length beyond the end",
            "Malformed",
            &sealed_raw(here, &[], |_| vec![255; 64]),
        ),
        Case::new("wrong signature", "Signature", &wrong_signature),
        Case::new(
            "sealed in the place of another log",
            "Misplaced",
            &sealed_raw(elsewhere, &body(0, &[]), crypto::pack),
        ),
        Case::new("record that must be understood", "Critical(77)", &raw(1, &[77, 1, 0, 0, 0, 0])),
        Case::new("record longer than the rest", "Malformed", &raw(1, &[9, 0, 0, 0, 0, 9, 0])),
        Case::new("record longer than a record", "Malformed", &raw(1, &[9, 0, 0, 0, 64, 1])),
        Case::new("record cut off", "Malformed", &raw(1, &[3, 1, 0, 0, 0, 16])),
        Case::new("record too short for its type", "Malformed", &raw(1, &[4, 1, 0, 0, 0, 1, 0])),
        Case::new(
            "bytes after the last record",
            "Malformed",
            &raw(7, &[records.as_slice(), &[0]].concat()),
        ),
        Case::new("fewer records than it says", "Malformed", &raw(8, &records)),
        Case::new("more than 4,096 records", "Malformed", &raw(4097, &records)),
        Case::new(
            "more logs seen than can be",
            "Malformed",
            &sealed_raw(here, &many_seen, crypto::pack),
        ),
    ]
}

#[test]
fn segments_are_judged_as_ever() {
    let cases = cases("segments.json", made);
    assert!(cases.len() > 30);
    for case in &cases {
        assert_eq!(said(&open(&case.bytes(), &keys())), case.says, "{}", case.name);
    }
    let read = open(&cases[0].bytes(), &keys()).unwrap();
    assert_eq!(read.content, content());
    assert_eq!(read.place, place(&content().log, &keys()));
}

#[test]
fn no_byte_can_change_or_be_missing() {
    let good = sealed();
    for at in 0..good.len() {
        assert!(open(&good[..at], &keys()).is_err(), "cut at {at}");
        let flipped = changed(&good, at, &[good[at] ^ 0x10]);
        assert!(open(&flipped, &keys()).is_err(), "flipped at {at}");
    }
}

#[test]
fn the_document_shows_the_worked_example() {
    let example = cases("segments.json", made)[0].bytes();
    let body = encode(&content());
    let here = place(&content().log, &keys()).encode();
    let (key, commitment) =
        crypto::committed(keys().key(1).unwrap(), &example[88..120], &[b"mana segment 1", &here]);
    assert_eq!(&example[..88], here);
    assert_eq!(&example[120..152], commitment);
    let document = include_str!("../../../docs/sync/format.md");
    let digits: String = document.split_whitespace().collect();
    for (name, bytes) in [
        ("keys", keys().to_file().to_vec()),
        ("device", Seeded(2, 0).array::<32>().unwrap().to_vec()),
        ("public key", device().key().to_vec()),
        ("body", body.clone()),
        ("signature", device().sign(&signed(&here, &body)).to_vec()),
        ("key", key.to_vec()),
        ("segment", example.clone()),
        ("hash", Sha256::digest(&example).to_vec()),
    ] {
        assert!(digits.contains(&hex(&bytes)), "{name} is not in the document: {}", hex(&bytes));
    }
    let name = Name::new(&place(&content().log, &keys()), &Sha256::digest(&example).into());
    assert!(
        digits.contains(&name.full(&Name::prefix(&keys()))),
        "{}",
        name.full(&Name::prefix(&keys()))
    );
}

#[test]
fn equal_randomness_gives_other_words_another_key() {
    let (keys, device) = (keys(), device());
    let mut other = content();
    let place = place(&other.log, &keys);
    other.since = 2;
    let salt = |content: &Content| {
        seal(place, content, &keys, &device, &mut Seeded(3, 0)).unwrap()[88..120].to_vec()
    };
    assert_ne!(salt(&content()), salt(&other));
}

#[test]
fn nothing_secret_is_printed() {
    let (keys, device) = (keys(), device());
    let shown = format!("{keys:?} {device:?} {:?}", open(&sealed(), &keys));
    let file = keys.to_file();
    for secret in [&file[16..48], &file[56..88], &Seeded(2, 0).array::<32>().unwrap()] {
        assert!(!shown.contains(&hex(secret)), "{shown}");
        assert!(!shown.contains(&format!("{secret:?}")), "{shown}");
    }
}

#[test]
fn names_are_read_as_they_are_written() {
    let prefix = Name::prefix(&keys());
    let name = Name { label: [1; 16], sequence: 5, hash: [2; 16] };
    let full = name.full(&prefix);
    assert!(full.len() <= 160, "{full}");
    assert_eq!(Name::parse(&prefix, &full), Some(name));
    for bad in ["", "v1/", &full[1..], &full[..full.len() - 1], &full.to_uppercase()] {
        assert_eq!(Name::parse(&prefix, bad), None, "{bad}");
    }
}
