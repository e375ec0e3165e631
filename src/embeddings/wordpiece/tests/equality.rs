//! The tokeniser against the `tokenizers` crate, over texts of many kinds: together more than
//! 270,000 of them.

use std::fs;
use std::path::Path;

use rayon::prelude::*;
use tokenizers::Tokenizer;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;

use super::rows;
use crate::embeddings::shipped;

/// The other implementation, made of the same vocabulary.
fn reference() -> Tokenizer {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vocab.txt");
    fs::write(&file, shipped::vocabulary().texts().collect::<Vec<_>>().join("\n")).unwrap();
    let model = WordPiece::from_file(file.to_str().unwrap()).build().unwrap();
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_normalizer(Some(BertNormalizer::default())).unwrap();
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    tokenizer
}

/// Fails with the first text that the two implementations see differently, made small.
fn compare(texts: &[String]) {
    let (vocabulary, reference) = (shipped::vocabulary(), reference());
    let differs = |text: &str| {
        rows(&vocabulary, text) != reference.encode_fast(text, false).unwrap().get_ids()
    };
    let Some(found) = texts.par_iter().find_first(|text| differs(text)) else { return };
    let mut text: Vec<char> = found.chars().collect();
    let mut at = 0;
    while at < text.len() {
        let mut shorter = text.clone();
        shorter.remove(at);
        if differs(&shorter.iter().collect::<String>()) { text = shorter } else { at += 1 }
    }
    let text: String = text.into_iter().collect();
    let theirs = reference.encode_fast(text.as_str(), false).unwrap();
    panic!("{text:?}: {:?} instead of {:?}", rows(&vocabulary, &text), theirs.get_ids());
}

/// Numbers that look random and are the same in every run (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

/// All lines of this crate: code, prose, commands, transcripts.
fn lines() -> Vec<String> {
    fn walk(folder: &Path, lines: &mut Vec<String>) {
        let mut entries: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                walk(&path, lines);
            } else if let Ok(text) = fs::read_to_string(&path) {
                lines.extend(text.lines().map(str::to_owned));
            }
        }
    }
    let mut lines = Vec::new();
    for folder in ["src", "tests", "benches", "scripts", "docs", "hooks"] {
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut lines);
    }
    lines
}

#[test]
fn every_character_is_treated_as_by_tokenizers() {
    let characters: Vec<char> = (0..=char::MAX as u32).filter_map(char::from_u32).collect();
    let texts: Vec<String> = characters
        .chunks(40)
        .map(|some| some.iter().map(|c| format!("{c} a{c}b {c}{c} ")).collect())
        .collect();
    compare(&texts);
}

#[test]
fn lines_of_code_and_prose_are_cut_as_by_tokenizers() {
    let lines = lines();
    assert!(lines.len() > 20_000, "{}", lines.len());
    compare(&lines);
}

#[test]
fn pieces_of_code_in_any_order_are_cut_as_by_tokenizers() {
    let lines = lines();
    let words: Vec<&str> = lines.iter().flat_map(|line| line.split(' ')).collect();
    let mut numbers = Numbers(1);
    let texts: Vec<String> = (0..100_000)
        .map(|_| {
            let count = numbers.below(12);
            let glue =
                |numbers: &mut Numbers| numbers.of(&[" ", " ", "", "-", "/", "_", "\t", "."]);
            (0..count).map(|_| numbers.of(&words).to_owned() + glue(&mut numbers)).collect()
        })
        .collect();
    compare(&texts);
}

#[test]
fn random_unicode_is_cut_as_by_tokenizers() {
    /// Ranges that differ in how they are treated; the last is everything.
    const RANGES: [(u32, u32); 16] = [
        (0x20, 0x7f),
        (0x61, 0x7b),
        (0x00, 0x20),
        (0x7f, 0xa0),
        (0xa0, 0x250),
        (0x300, 0x370),
        (0x370, 0x530),
        (0x590, 0xe00),
        (0x1100, 0x1200),
        (0x1e00, 0x2100),
        (0x3000, 0x3400),
        (0x4e00, 0x5000),
        (0xac00, 0xd7a4),
        (0xf900, 0x1_0000),
        (0x1_d100, 0x1_fb00),
        (0, 0x11_0000),
    ];
    let mut numbers = Numbers(2);
    let texts: Vec<String> = (0..100_000)
        .map(|_| {
            let mut range = numbers.of(&RANGES);
            let count = numbers.below(40);
            let mut draw = || {
                if numbers.below(4) == 0 {
                    range = numbers.of(&RANGES);
                }
                let (from, to) = range;
                char::from_u32(from + numbers.below((to - from) as usize) as u32)
            };
            (0..count).filter_map(|_| draw()).collect()
        })
        .collect();
    compare(&texts);
}
