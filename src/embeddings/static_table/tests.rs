//! The table in bytes, and what an encoder makes of it.

use std::ops::Range;

use proptest::prelude::*;

use super::*;
use crate::embeddings::wordpiece::build;

const WORDS: [&str; 4] = ["git", "push", "cargo", "test"];
const TEACHER: usize = 3;

/// A vocabulary of [`WORDS`] behind the fillers and marks that every one of BERT's begins with.
fn vocabulary() -> Vec<u8> {
    let fillers: Vec<String> = (0..100).map(|n| format!("[unused{n}]")).collect();
    let mut tokens: Vec<&str> = fillers.iter().map(String::as_str).collect();
    tokens.push("[UNK]");
    tokens.extend(WORDS);
    build(&tokens)
}

fn about() -> About {
    About { teacher: "teacher@0123".into(), teacher_dimensions: TEACHER, texts: 7 }
}

/// Rows that are not alike.
fn rows() -> Vec<f32> {
    (0..105 * DIMENSIONS).map(|n| ((n * 37 % 101) as f32 - 50.0) * (n as f32 + 1.0)).collect()
}

fn projection() -> Vec<f32> {
    (0..DIMENSIONS * TEACHER).map(|n| (n % 7) as f32 - 3.0).collect()
}

fn table() -> Vec<u8> {
    write(&about(), &rows(), &projection(), &[103, 7, 103])
}

/// Runs `test` with an encoder of [`WORDS`].
fn with_encoder(test: impl FnOnce(StaticEncoder<'_>)) {
    let (vocabulary, table) = (vocabulary(), table());
    let vocabulary = Vocabulary::from_bytes(&vocabulary).unwrap();
    test(StaticEncoder::new(vocabulary, StaticTable::from_bytes(&table).unwrap()).unwrap());
}

#[test]
fn a_table_comes_back_as_it_was_written() {
    let bytes = table();
    let table = StaticTable::from_bytes(&bytes).unwrap();
    assert!(table.is_whole());
    assert_eq!(table.about(), about());
    assert_eq!(table.projection().flatten().collect::<Vec<_>>(), projection());
    for (old, new) in rows().chunks(DIMENSIONS).zip(table.to_rows().chunks(DIMENSIONS)) {
        let largest = old.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        for (old, new) in old.iter().zip(new) {
            assert!((old - new).abs() <= largest / 253.0, "{old} became {new}");
        }
    }
}

#[test]
fn writing_again_what_was_read_changes_nothing() {
    let bytes = table();
    let rows = StaticTable::from_bytes(&bytes).unwrap().to_rows();
    assert!(write(&about(), &rows, &projection(), &[103, 7]) == bytes);
}

#[test]
fn the_order_of_the_rows_says_nothing_about_the_tokens() {
    let (one, other) = (table(), write(&about(), &rows(), &projection(), &[]));
    let [one, other] = [&one, &other].map(|bytes| StaticTable::from_bytes(bytes).unwrap());
    assert_ne!(one.id(), other.id(), "they lie elsewhere");
    assert_eq!(one.to_rows(), other.to_rows());
}

#[test]
fn a_place_that_there_is_not_adds_nothing() {
    let mut bytes = table();
    let body = bytes.len() - (105 * (2 + 4 + DIMENSIONS) + DIMENSIONS * TEACHER * 4);
    bytes[body + 2 * 101..][..2].copy_from_slice(&105_u16.to_le_bytes());
    let table = StaticTable::from_bytes(&bytes).unwrap();
    let mut sum = [0.0; DIMENSIONS];
    table.add_row(101, &mut sum);
    table.add_row(105, &mut sum);
    assert!(sum.iter().all(|value| *value == 0.0));
    table.add_row(102, &mut sum);
    assert!(sum.iter().any(|value| *value != 0.0));
}

#[test]
fn a_long_name_is_cut_between_characters() {
    let teacher = "é".repeat(40);
    let bytes = write(&About { teacher, ..about() }, &rows(), &projection(), &[]);
    assert_eq!(StaticTable::from_bytes(&bytes).unwrap().about().teacher, "é".repeat(32));
}

#[test]
fn a_teacher_is_known_by_its_weights() {
    with_encoder(|encoder| {
        for name in ["teacher@0123", "installed-as-this@0123"] {
            assert!(encoder.is_taught_by(name), "{name}");
        }
        for name in ["teacher", "teacher@", "teacher@4567", "0123", ""] {
            assert!(!encoder.is_taught_by(name), "{name}");
        }
        let projected = Encode::project(&encoder, &[0.5, 0.1, 0.2]).unwrap();
        let exact = encoder.table().project(&[0.5, 0.1, 0.2]).unwrap();
        assert_eq!(projected, exact.quantised());
        assert_eq!(Encode::project(&encoder, &[1.0]), None, "not one of the teacher's");
    });
}

#[test]
fn a_text_is_what_its_tokens_are() {
    with_encoder(|encoder| {
        let vector = encoder.embed("git push").unwrap();
        let length: f32 = vector.values().iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-5);
        assert_eq!(encoder.embed("push\nGIT").unwrap(), vector);
        assert_eq!(encoder.embed("git xyz push").unwrap(), vector, "unknown words say nothing");
        assert_ne!(encoder.embed("git").unwrap(), vector);
        for nothing in ["", " \n", "xyz", "🦀"] {
            assert_eq!(encoder.embed(nothing), None);
        }
    });
}

#[test]
fn what_comes_after_the_last_token_that_counts_says_nothing() {
    with_encoder(|encoder| {
        let long = "git ".repeat(MAX_TOKENS);
        let vector = encoder.embed(&long).unwrap();
        assert_eq!(encoder.embed(&format!("{long} cargo test")).unwrap(), vector);
    });
}

#[test]
fn a_vector_of_the_teacher_is_projected() {
    let bytes = table();
    let table = StaticTable::from_bytes(&bytes).unwrap();
    let vector = table.project(&[0.0, 2.0, 0.0]).unwrap();
    let column: Vec<f32> = projection().chunks(TEACHER).map(|row| row[1]).collect();
    let length = column.iter().map(|x| x * x).sum::<f32>().sqrt();
    for (value, wanted) in vector.values().iter().zip(column) {
        assert!((value - wanted / length).abs() < 1e-5);
    }
    assert_eq!(table.project(&[1.0, 1.0]), None, "not the teacher's");
    assert_eq!(table.project(&[0.0; TEACHER]), None, "no direction");
    assert_eq!(table.project(&[f32::NAN; TEACHER]), None);
}

#[test]
fn a_small_vector_keeps_its_angles() {
    with_encoder(|encoder| {
        let vectors: Vec<Vector> = WORDS.iter().filter_map(|word| encoder.embed(word)).collect();
        assert_eq!(vectors.len(), WORDS.len());
        for a in &vectors {
            for b in &vectors {
                let small = b.quantised();
                let cosine = a.quantised().cosine(&small.integers, small.scale);
                assert!((cosine - a.cosine(b)).abs() < 0.01, "{cosine} for {}", a.cosine(b));
            }
        }
    });
}

#[test]
fn the_largest_products_fit() {
    let most = Quantised { scale: 1.0, integers: [-127_i8 as u8; DIMENSIONS] };
    assert_eq!(most.dot(&[0x80; DIMENSIONS]), 127 * 128 * DIMENSIONS as i32);
}

#[test]
fn what_is_wrong_with_a_table_is_said() {
    let sound = table();
    let with = |range: Range<usize>, bytes: &[u8]| {
        let mut table = sound.clone();
        table[range].copy_from_slice(bytes);
        StaticTable::from_bytes(&table).err()
    };
    assert_eq!(with(0..4, b"mama"), Some(TableError::NotATable));
    assert_eq!(with(8..12, &9u32.to_le_bytes()), Some(TableError::Version));
    assert_eq!(with(16..20, &1u32.to_le_bytes()), Some(TableError::Damaged));
    assert_eq!(StaticTable::from_bytes(&sound[..50]).err(), Some(TableError::Damaged));
    let mut longer = sound.clone();
    longer.push(0);
    assert_eq!(StaticTable::from_bytes(&longer).err(), Some(TableError::Damaged));
}

proptest! {
    #[test]
    fn a_damaged_table_is_noticed_and_does_no_harm(
        at in any::<prop::sample::Index>(),
        flip in 1u8..,
        text in "(git|push|cargo|test|xyz| ){0,20}",
    ) {
        let mut bytes = table();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(table) = StaticTable::from_bytes(&bytes) {
            prop_assert!(!table.is_whole());
            let vocabulary = vocabulary();
            let vocabulary = Vocabulary::from_bytes(&vocabulary).unwrap();
            let encoder = StaticEncoder::new(vocabulary, table).unwrap();
            if let Some(vector) = encoder.embed(&text) {
                prop_assert!(vector.values().iter().all(|value| value.is_finite()));
                vector.quantised();
            }
            table.project(&[1.0; TEACHER]);
        }
    }

    #[test]
    fn a_cut_table_is_refused(cut in any::<prop::sample::Index>()) {
        let bytes = table();
        prop_assert!(StaticTable::from_bytes(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn any_bytes_behind_a_magic_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let bytes = [b"mana/st\n".as_slice(), &bytes].concat();
        prop_assert!(StaticTable::from_bytes(&bytes).is_err());
    }
}
