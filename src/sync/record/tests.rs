//! Records and words come back as they were written, and nonsense is refused.

use proptest::collection::vec;
use proptest::prelude::*;

use super::wording::KEYS;
use super::*;
use crate::model::pattern::{Kind, Payload};

fn a_pattern() -> impl Strategy<Value = PatternId> {
    any::<[u8; 16]>().prop_map(PatternId::from_bytes)
}

prop_compose! {
    fn a_count()(numbers: [u32; 8], first: i64, last: i64) -> Counts {
        Counts { numbers, first, last }
    }
}

fn a_record() -> impl Strategy<Value = Record> {
    let hlc = || any::<u64>().prop_map(Hlc);
    prop_oneof![
        (a_pattern(), any::<[u8; 16]>(), a_count()).prop_map(|(pattern, incarnation, counts)| {
            Record::Counts { pattern, incarnation, counts }
        }),
        (a_pattern(), any::<u16>(), hlc(), vec(any::<u8>(), 0..300)).prop_map(
            |(pattern, field, hlc, value)| {
                Record::Field { pattern, field: Field(field), hlc, value }
            }
        ),
        (a_pattern(), hlc()).prop_map(|(pattern, hlc)| Record::Tombstone { pattern, hlc }),
        (a_pattern(), hlc()).prop_map(|(pattern, hlc)| Record::Redact { pattern, hlc }),
        (a_pattern(), hlc(), vec(any::<u8>(), 0..300))
            .prop_map(|(pattern, hlc, bytes)| Record::Document { pattern, hlc, bytes }),
        (hlc(), ".{0,80}", ".{0,40}").prop_map(|(hlc, name, version)| Record::Heartbeat {
            hlc,
            name,
            version
        }),
        (100_u8..).prop_map(|kind| Record::Unknown { kind }),
    ]
}

prop_compose! {
    fn a_wording()(
        kind in 1_i64..7,
        project: Option<[u8; 16]>,
        tool in ".{0,30}",
        category in ".{0,30}",
        trigger in ".{0,200}",
        text in ".{0,200}",
        commands in vec(".{0,30}", 0..3),
        standing: bool,
        keys in vec(any::<i64>(), 0..KEYS),
    ) -> Wording {
        let payload = Payload { commands, standing, ..Payload::default() };
        let kind = Kind::from_number(kind).unwrap();
        Wording { kind, project, tool, category, trigger, text, payload, keys }
    }
}

fn written(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in records {
        record.put(&mut bytes);
    }
    bytes
}

proptest! {
    #[test]
    fn records_come_back(records in vec(a_record(), 0..20)) {
        let bytes = written(&records);
        let read = read_all(Cursor::new(&bytes), records.len() as u32);
        prop_assert_eq!(read, Ok(records));
    }

    #[test]
    fn words_come_back(wording in a_wording()) {
        prop_assert_eq!(Wording::decode(&wording.encode()), Ok(wording));
    }

    #[test]
    fn nothing_of_what_is_cut_is_read(records in vec(a_record(), 1..5), at: prop::sample::Index) {
        let bytes = written(&records);
        let at = at.index(bytes.len());
        let read = read_all(Cursor::new(&bytes[..at]), records.len() as u32);
        prop_assert!(read.is_err());
    }

    #[test]
    fn nonsense_is_refused_or_small(
        records in vec(a_record(), 0..5),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        count: u32,
    ) {
        let mut bytes = written(&records);
        bytes.extend([9, 0, 0, 0]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        // However many there shall be: none is read that is not there.
        if let Ok(read) = read_all(Cursor::new(&bytes), count) {
            prop_assert!(read.len() * 6 <= bytes.len());
        }
        drop(Wording::decode(&bytes));
    }

    #[test]
    fn changed_words_are_refused_or_short(
        wording in a_wording(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = wording.encode();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(read) = Wording::decode(&bytes) {
            prop_assert!(read.text.chars().count() <= TEXT && read.keys.len() <= KEYS);
        }
    }
}

#[test]
fn what_a_later_version_appends_is_passed_over() {
    let pattern = PatternId::from_bytes([1; 16]);
    let record = Record::Tombstone { pattern, hlc: Hlc(5) };
    let mut bytes = written(std::slice::from_ref(&record));
    bytes[5] += 3;
    bytes.extend([7; 3]);
    assert_eq!(read_all(Cursor::new(&bytes), 1), Ok(vec![record]));
}

#[test]
fn no_skill_and_no_long_text_travels() {
    let wording = Wording {
        kind: Kind::Skill,
        project: None,
        tool: String::new(),
        category: String::new(),
        trigger: String::new(),
        text: String::new(),
        payload: Payload::default(),
        keys: Vec::new(),
    };
    assert_eq!(Wording::decode(&wording.encode()), Err(Malformed));
    let longest = Wording { kind: Kind::Fix, text: "ä".repeat(TEXT), ..wording };
    assert_eq!(Wording::decode(&longest.encode()).as_ref(), Ok(&longest));
    let longer = Wording { text: "ä".repeat(TEXT + 1), ..longest };
    assert_eq!(Wording::decode(&longer.encode()), Err(Malformed));
}
