//! Files: both forms, each fault, and what importing comes to.

use std::collections::BTreeSet;

use super::*;
use crate::model::page::Page;
use crate::model::pattern::{Kind, Payload};
use crate::sync::local::{self, Hearing};
use crate::sync::quota::Quota;
use crate::sync::random::Seeded;
use crate::sync::record::Counts;
use crate::sync::text::{Author, WorkerCommand, create};
use crate::sync::texts::Texts;
use crate::sync::texts::tests::plain_sanitiser;

const NOW: i64 = 1_767_225_600_000;

fn device(seed: u64) -> Device {
    Device::from_seed(&Seeded(seed, 0).array().unwrap())
}

fn keys(device: &Device, seed: u64) -> WorkspaceKeys {
    keys_of_file(device, &mut Seeded(seed, 0)).unwrap()
}

fn leaves(n: u32, text: &str) -> Leaves {
    let wording = Wording {
        kind: Kind::Fix,
        project: None,
        tool: "Bash".into(),
        category: "build".into(),
        trigger: format!("the build of part {n} fails"),
        text: text.into(),
        payload: Payload { commands: vec![format!("make part{n}")], ..Payload::default() },
        keys: vec![n.into(), i64::MIN],
    };
    let pattern = PatternId::derive("fix", "", &n.to_string(), "");
    let counts = Counts { numbers: [n; 8], first: 1, last: NOW };
    Leaves { pattern, wording, counts, findings: Vec::new() }
}

fn archive(device: &Device, leaves: &[Leaves], now: i64) -> Archive {
    let log = LogId { device: device.key(), incarnation: [7; 16] };
    // About some of them people wrote.
    let texts: Vec<LeavingText> = leaves.iter().step_by(3).map(text).collect();
    Archive::new(log, local::label_key(&keys(device, 9)), leaves, &texts, now)
}

fn text(leaves: &Leaves) -> LeavingText {
    let page = Page { body: format!("{} Always.", leaves.wording.text), ..Page::default() };
    let author = Author { actor: [7; 16], now: NOW };
    LeavingText {
        pattern: leaves.pattern,
        kind: Kind::Fix,
        document: create(&author, &leaves.wording.text, &page).unwrap(),
        page,
        findings: Vec::new(),
        unsaid: true,
        learned_here: true,
    }
}

fn some() -> Vec<Leaves> {
    (0..40).map(|n| leaves(n, "Clean the tree first.")).collect()
}

fn plain(archive: &Archive) -> Vec<u8> {
    archive.plain(&device(1), "0.2.0")
}

fn sealed(archive: &Archive) -> Vec<u8> {
    let device = device(1);
    let keys = keys(&device, 5);
    archive.sealed(&device, &keys, b"secret", Cost::CHEAP, &mut Seeded(6, 0)).unwrap()
}

#[test]
fn both_forms_come_back() {
    for patterns in [Vec::new(), some()] {
        let archive = archive(&device(1), &patterns, NOW);
        assert_eq!(Archive::open_plain(&plain(&archive)).unwrap(), archive);
        assert_eq!(Archive::open_sealed(&sealed(&archive), b"secret").unwrap(), archive);
    }
}

#[test]
fn a_file_of_several_segments_comes_back_and_needs_each() {
    let patterns: Vec<Leaves> = (0..3000).map(|n| leaves(n, "Clean the tree first.")).collect();
    let archive = archive(&device(1), &patterns, NOW);
    let bytes = sealed(&archive);
    assert_eq!(Archive::open_sealed(&bytes, b"secret").unwrap(), archive);
    // The lengths say where parts end.
    let mut ends = Vec::new();
    let mut at = 10;
    while at < bytes.len() {
        at += 4 + u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        ends.push(at);
    }
    assert!(ends.len() >= 3, "a key box and two segments");
    let last = ends[ends.len() - 2];
    assert_eq!(Archive::open_sealed(&bytes[..last], b"secret"), Err(ArchiveError::Truncated));
    let swapped = [&bytes[..ends[0]], &bytes[last..], &bytes[ends[0]..last]].concat();
    let misplaced = ArchiveError::Segment(1, SegmentError::Misplaced);
    assert_eq!(Archive::open_sealed(&swapped, b"secret"), Err(misplaced));
    let twice = [&bytes[..], &bytes[last..]].concat();
    assert!(matches!(
        Archive::open_sealed(&twice, b"secret"),
        Err(ArchiveError::Segment(_, SegmentError::Misplaced))
    ));
}

#[test]
fn a_plain_file_is_whole_or_nothing() {
    let bytes = plain(&archive(&device(1), &some()[..3], NOW));
    for at in 0..bytes.len() {
        let cut = Archive::open_plain(&bytes[..at]);
        let want = if at == 0 { ArchiveError::Foreign } else { ArchiveError::Truncated };
        assert_eq!(cut, Err(want), "cut at {at}");
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        assert!(Archive::open_plain(&flipped).is_err(), "flipped at {at}");
    }
}

#[test]
fn a_sealed_file_is_whole_or_nothing() {
    let bytes = sealed(&archive(&device(1), &some()[..3], NOW));
    let outside = (0..130).chain([bytes.len() / 2, bytes.len() - 1]);
    for at in outside {
        let want = if at == 0 { ArchiveError::Foreign } else { ArchiveError::Truncated };
        assert_eq!(Archive::open_sealed(&bytes[..at], b"secret"), Err(want), "cut at {at}");
    }
    // Each of these derives the key.
    for at in (0..bytes.len()).step_by(37) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        assert!(Archive::open_sealed(&flipped, b"secret").is_err(), "flipped at {at}");
    }
}

#[test]
fn each_fault_has_its_own_words() {
    let archive = archive(&device(1), &some()[..3], NOW);
    let wrong = Archive::open_sealed(&sealed(&archive), b"other");
    assert_eq!(wrong, Err(ArchiveError::Key(KeyBoxError::Passphrase)));
    let mut newer = sealed(&archive);
    newer[9] = 2;
    assert_eq!(Archive::open_sealed(&newer, b"secret"), Err(ArchiveError::Newer(2)));
    let text = String::from_utf8(plain(&archive)).unwrap();
    let newer = text.replacen("\"version\":1", "\"version\":3", 1);
    assert_eq!(Archive::open_plain(newer.as_bytes()), Err(ArchiveError::Newer(3)));
    let changed = text.replacen("Clean", "Clear", 1);
    assert_eq!(Archive::open_plain(changed.as_bytes()), Err(ArchiveError::Damaged));
    // The sum is right, but only the device could sign it.
    let other = archive.plain(&device(2), "0.2.0");
    assert_eq!(Archive::open_plain(&other), Err(ArchiveError::Signature));
    for foreign in ["", "hello", "{}\n", "{\"format\":\"other\",\"version\":1}\n"] {
        assert_eq!(
            Archive::open_plain(foreign.as_bytes()),
            Err(ArchiveError::Foreign),
            "{foreign}"
        );
    }
}

#[test]
fn what_does_not_fit_is_not_read_from_a_plain_file() {
    let mut long = leaves(1, "short");
    long.wording.text = "x".repeat(501);
    let archive = archive(&device(1), &[], NOW);
    // By hand, since the words of a file are checked when it is written, too.
    let mut archive = archive;
    archive.records = vec![
        Record::Field {
            pattern: long.pattern,
            field: Field::WORDING,
            hlc: Hlc::at(NOW),
            value: long.wording.encode(),
        },
        Record::Counts { pattern: long.pattern, incarnation: [7; 16], counts: long.counts },
    ];
    assert_eq!(Archive::open_plain(&plain(&archive)).unwrap().records, []);
}

#[test]
fn a_sealed_file_shows_no_word() {
    let bytes = sealed(&archive(&device(1), &some(), NOW));
    for word in ["Clean", "tree", "make", "build", "Bash"] {
        assert!(!bytes.windows(word.len()).any(|window| window == word.as_bytes()), "{word}");
    }
}

#[test]
fn labels_stay_the_same_from_file_to_file() {
    let (one, other) = (keys(&device(1), 1), keys(&device(1), 2));
    assert_ne!(one.id, other.id);
    assert_eq!(local::label_key(&one), local::label_key(&other));
    assert_ne!(local::label_key(&one), local::label_key(&keys(&device(2), 1)));
}

fn changes(imported: &Imported) -> Vec<Change> {
    imported.patterns.iter().filter_map(|(_, change, _)| *change).collect()
}

#[test]
fn importing_says_what_becomes_of_each_pattern() {
    let home = tempfile::tempdir().unwrap();
    let mut store = Store::open(home.path(), true).unwrap();
    let author = device(1);
    let first = archive(&author, &[leaves(1, "Old."), leaves(2, "Same.")], NOW);
    let dry = take_in(&mut store, &first, None, true, NOW).unwrap();
    assert_eq!(changes(&dry), [Change::New, Change::New]);
    assert!(store.shared_devices().unwrap().is_empty(), "a dry run keeps nothing");
    assert_eq!(store.sharing_value(LABELS).unwrap(), None);
    take_in(&mut store, &first, None, false, NOW).unwrap();
    let later = [leaves(1, "New."), leaves(2, "Same."), leaves(3, "Third.")];
    let second = archive(&author, &later, NOW + 1000);
    let imported = take_in(&mut store, &second, None, false, NOW + 2000).unwrap();
    assert_eq!(changes(&imported), [Change::Changed, Change::Same, Change::New]);
    let replayed = take_in(&mut store, &first, None, false, NOW + 2000).unwrap();
    assert_eq!(changes(&replayed), [Change::Older, Change::Same]);
    assert!(replayed.is_old() && !imported.is_old());
    let projects = Projects::of(&store, None).unwrap();
    let (worker, sanitiser) = (WorkerCommand::here(), plain_sanitiser());
    let mut texts = Texts::new(&worker, &sanitiser, [0; 32], BTreeSet::new());
    let (now, quota) = (NOW + 2000, Quota::on(NOW, None));
    let hearing = Hearing { projects: &projects, me: None, quota, now };
    local::project(&mut store, &mut texts, &hearing).unwrap();
    assert_eq!(store.edit_of(leaves(1, "").pattern).unwrap(), None, "nobody trusts the device");
    let again = take_in(&mut store, &second, None, false, NOW + 2000).unwrap();
    assert_eq!(changes(&again), [Change::Same; 3]);
    assert_eq!(store.changed_patterns().unwrap(), [], "nothing is to be looked at again");
    assert_eq!(store.sharing_value(LABELS).unwrap().unwrap().len(), 32, "one key of labels");
    let early = take_in(
        &mut store,
        &archive(&author, &[leaves(4, "x")], NOW + 9_000_000),
        None,
        false,
        NOW,
    );
    assert_eq!(changes(&early.unwrap()), [Change::Ahead]);
}

#[test]
fn patterns_of_unknown_projects_wait() {
    let home = tempfile::tempdir().unwrap();
    let mut store = Store::open(home.path(), true).unwrap();
    let label_key = local::label_key(&keys(&device(1), 9));
    let mut of_project = leaves(1, "Clean the tree first.");
    of_project.wording.project = Some(local::project_label(&label_key, "example.org/shop"));
    let archive = archive(&device(1), &[of_project], NOW);
    let imported = take_in(&mut store, &archive, None, true, NOW).unwrap();
    assert_eq!(changes(&imported), [Change::Waiting]);
    store.ensure_project("example.org/shop", "shop").unwrap();
    let imported = take_in(&mut store, &archive, None, true, NOW).unwrap();
    assert_eq!(changes(&imported), [Change::New]);
}
