//! The laws of merging: whatever order the words of several devices come in, and however often,
//! the outcome is the same.

use proptest::collection::vec;
use proptest::prelude::*;

use super::memory::Memory;
use super::*;
use crate::sync::segment::Place;

const NOW: i64 = 1_767_225_600_000;
const DEVICES: u8 = 4;
const PATTERNS: u8 = 3;

fn pattern(n: u8) -> PatternId {
    PatternId::from_bytes([n; 16])
}

/// A few readings, so that they often are equal; the last one is ahead of this machine's clock.
fn reading(n: u8) -> Hlc {
    let ahead = if n == 7 { 3_600_000 } else { 0 };
    Hlc(Hlc::at(NOW - 1000 + ahead).0 + u64::from(n))
}

prop_compose! {
    fn a_record()(
        kind in 0_u8..9,
        of in 0..PATTERNS,
        hlc in 0_u8..8,
        value in 0_u8..4,
        life in 0_u8..2,
        number in 0_u32..9,
    ) -> Record {
        let (pattern, hlc) = (pattern(of), reading(hlc));
        match kind {
            0 | 1 => Record::Field { pattern, field: Field::WORDING, hlc, value: vec![value] },
            2 | 3 => {
                let numbers = [number; 8];
                let counts = Counts { numbers, first: number.into(), last: number.into() };
                Record::Counts { pattern, incarnation: [life; 16], counts }
            }
            4 => Record::Tombstone { pattern, hlc },
            5 if value == 0 => Record::Redact { pattern, hlc },
            5 => Record::Unknown { kind: 99 },
            6 | 7 => {
                let (name, version) = (value.to_string(), (life + value % 2).to_string());
                Record::Heartbeat { hlc, name, version }
            }
            _ => Record::Document { pattern, hlc, bytes: vec![value] },
        }
    }
}

/// Logs of several devices, cut into segments.
fn some_segments() -> impl Strategy<Value = Vec<Segment>> {
    let seen = vec((0..DEVICES, 1_u64..5), 0..3);
    // Now and then a number is there twice: two copies of a store wrote it.
    let segment = (0..DEVICES, vec(a_record(), 0..6), seen, 0_u8..4);
    vec(segment, 1..12).prop_map(|segments| {
        let mut next = [0; DEVICES as usize];
        let numbered =
            segments.into_iter().enumerate().map(|(n, (device, records, seen, double))| {
                let sequence = &mut next[usize::from(device)];
                if double > 0 || *sequence == 0 {
                    *sequence += 1;
                }
                let log = |n: u8| LogId { device: [n; 32], incarnation: [0; 16] };
                let seen = seen.into_iter().map(|(of, sequence)| crate::sync::segment::Seen {
                    log: log(of),
                    sequence,
                    hash: [9; 32],
                });
                let content = Content {
                    log: log(device),
                    hlc: reading((*sequence % 7) as u8),
                    since: 0,
                    seen: seen.collect(),
                    records,
                };
                let place = Place {
                    workspace: [0; 16],
                    epoch: 1,
                    label: [device; 16],
                    sequence: *sequence,
                    previous: [0; 32],
                };
                let mut hash = [device; 32];
                (hash[0], hash[1]) = (*sequence as u8, n as u8);
                Segment { place, hash, content }
            });
        numbered.collect()
    })
}

/// Device 0 is refused, 1 unknown, the others are trusted.
fn ledger() -> Memory {
    let mut ledger = Memory::default();
    for device in 0..DEVICES {
        let trust = match device {
            0 => Trust::Refused,
            1 => Trust::Unknown,
            _ => Trust::Trusted,
        };
        let state = DeviceState { trust, ..DeviceState::default() };
        ledger.devices.insert([device; 32], state);
    }
    ledger
}

fn take(ledger: &mut Memory, segment: &Segment) {
    let me = LogId { device: [DEVICES - 1; 32], incarnation: [0; 16] };
    let Ok(_taken) = apply(ledger, segment, &me, NOW);
}

/// All that is known in the end, when what was ahead is due too.
fn settled(segments: &[&Segment]) -> (Memory, Vec<View>) {
    let mut ledger = ledger();
    for segment in segments {
        take(&mut ledger, segment);
    }
    let Ok(_taken) = apply_parked(&mut ledger, NOW + 7_200_000);
    let views = (0..PATTERNS).map(|n| {
        let Ok(view) = view(&mut ledger, pattern(n), None);
        view
    });
    let views = views.collect();
    ledger.parked.sort_by_key(|(log, hlc, _)| (*log, *hlc));
    (ledger, views)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn order_and_repetition_do_not_matter(
        segments in some_segments(),
        order in vec(any::<prop::sample::Index>(), 0..40),
        seed: u64,
    ) {
        let straight: Vec<&Segment> = segments.iter().collect();
        let mut shuffled = straight.clone();
        let mut state = seed;
        for n in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(n, (state >> 33) as usize % (n + 1));
        }
        // Repetitions anywhere, before and after the first time.
        for index in order {
            let segment = index.get(&straight);
            shuffled.insert(index.index(shuffled.len() + 1), segment);
        }
        let (one, one_view) = settled(&straight);
        let (other, other_view) = settled(&shuffled);
        prop_assert_eq!(one_view, other_view);
        prop_assert_eq!(one, other);
    }

    #[test]
    fn it_does_not_matter_what_was_put_together_first(
        segments in some_segments(), at: prop::sample::Index,
    ) {
        // One device hears the first part and then the rest; another the rest and then the first.
        let (first, rest) = segments.split_at(at.index(segments.len()));
        let one: Vec<&Segment> = first.iter().chain(rest).collect();
        let other: Vec<&Segment> = rest.iter().chain(first).collect();
        prop_assert_eq!(settled(&one), settled(&other));
    }

    #[test]
    fn once_more_changes_nothing(segments in some_segments()) {
        let mut ledger = ledger();
        for segment in &segments {
            take(&mut ledger, segment);
        }
        let before = ledger.clone();
        for segment in &segments {
            let me = LogId { device: [DEVICES - 1; 32], incarnation: [0; 16] };
            let Ok(taken) = apply(&mut ledger, segment, &me, NOW);
            prop_assert!(taken.changed.is_empty());
        }
        prop_assert_eq!(before, ledger);
    }

    #[test]
    fn what_is_redacted_stays_away(segments in some_segments()) {
        let mut ledger = ledger();
        for segment in &segments {
            take(&mut ledger, segment);
        }
        let redact = Record::Redact { pattern: pattern(0), hlc: reading(0) };
        let log = LogId { device: [DEVICES - 1; 32], incarnation: [0; 16] };
        let mut taken = Taken::default();
        let Ok(()) = apply_record(&mut ledger, &log, &redact, NOW, &mut taken);
        for segment in &segments {
            take(&mut ledger, segment);
        }
        let Ok(view) = view(&mut ledger, pattern(0), None);
        prop_assert!(view.redacted && view.words.is_none() && view.documents.is_empty());
        prop_assert!(ledger.claims.keys().all(|(of, _, _)| *of != pattern(0)));
    }

    #[test]
    fn counts_only_grow(segments in some_segments()) {
        let mut ledger = ledger();
        let mut before = ledger.counts.clone();
        for segment in &segments {
            take(&mut ledger, segment);
            for (key, counts) in &before {
                prop_assert_eq!(counts.join(ledger.counts[key]), ledger.counts[key]);
            }
            before = ledger.counts.clone();
        }
    }
}
