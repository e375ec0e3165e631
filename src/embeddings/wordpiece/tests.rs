//! The tokeniser and its table; `equality` compares it with the other implementation.

#[cfg(feature = "encoder")]
mod equality;

use std::{env, fs};

use proptest::prelude::*;

use super::*;
use crate::embeddings::shipped;

/// A variable that names a `vocab.txt`: then the shipped vocabulary is made from it anew.
const BLESS: &str = "MANA_BLESS_VOCABULARY";
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/embeddings/table/vocabulary.bin");

fn rows(vocabulary: &Vocabulary<'_>, text: &str) -> Vec<u32> {
    let mut rows = Vec::new();
    vocabulary.tokens(text, |token| {
        rows.push(token.row() as u32);
        ControlFlow::Continue(())
    });
    rows
}

#[test]
fn words_end_where_bert_says() {
    let vocabulary = shipped::vocabulary();
    let shown = |text: &str| {
        let texts: Vec<&str> = vocabulary.texts().collect();
        rows(&vocabulary, text).iter().map(|&row| texts[row as usize]).collect::<Vec<_>>().join(" ")
    };
    for (text, tokens) in [
        ("", ""),
        (" \t\n", ""),
        ("git commit -m", "gi ##t commit - m"),
        ("Unaffable", "una ##ffa ##ble"),
        ("naïve CAFÉ", "naive cafe"),
        ("a\u{0}b\u{7f}c", "abc"),
        ("日本", "日 本"),
        ("[SEP]", "[ sep ]"),
        ("\u{1f980}", "[UNK]"),
    ] {
        assert_eq!(shown(text), tokens, "{text:?}");
    }
    assert_eq!(shown(&"a".repeat(101)), "[UNK]");
    assert_ne!(shown(&"a".repeat(100)), "[UNK]");
}

#[test]
fn it_stops_where_it_is_told() {
    let mut seen = 0;
    shipped::vocabulary().tokens("one two three", |_| {
        seen += 1;
        if seen == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(seen, 2);
}

/// Or writes it, when told where the model's own vocabulary lies.
#[test]
fn the_shipped_vocabulary_is_what_is_built() {
    if let Some(path) = env::var_os(BLESS) {
        let text = fs::read_to_string(path).unwrap();
        fs::write(SHIPPED, build(&text.lines().collect::<Vec<_>>())).unwrap();
        return;
    }
    let texts: Vec<&str> = shipped::vocabulary().texts().collect();
    assert_eq!(texts.len(), 30_522);
    assert_eq!(texts[Token::UNKNOWN.row()], "[UNK]");
    assert!(build(&texts) == shipped::VOCABULARY);
}

proptest! {
    #[test]
    fn a_damaged_vocabulary_does_no_harm(
        at in prop::collection::vec((0usize..700_000, any::<u8>()), 0..64),
        cut in 0usize..700_000,
        text in ".{0,60}",
    ) {
        let mut bytes = shipped::VOCABULARY.to_vec();
        // The table's length is in its header, so most damage leaves it as it was.
        for (at, byte) in at {
            if let Some(old) = bytes.get_mut(24 + at) {
                *old = byte;
            }
        }
        let damaged = Vocabulary::from_bytes(&bytes).unwrap();
        damaged.tokens(&text, |_| ControlFlow::Continue(()));
        let cut = cut.min(bytes.len() - 1);
        prop_assert!(Vocabulary::from_bytes(&bytes[..cut]).is_none());
    }

    #[test]
    fn any_bytes_are_no_vocabulary(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Vocabulary::from_bytes(&bytes).is_none());
    }
}
