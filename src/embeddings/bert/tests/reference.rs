//! candle's vectors for all-MiniLM-L6-v2 beside those of sentence-transformers.
//!
//! Built with the feature `teacher` only, because it needs the model's weights: `scripts/test
//! teacher` fetches them and names their folder in `MANA_TEACHER`. How the reference was made says
//! `tests/fixtures/teacher/make.py`.

use super::*;

const TEXTS: &str = include_str!("../../../../tests/fixtures/teacher/texts.jsonl");
const VECTORS: &[u8] = include_bytes!("../../../../tests/fixtures/teacher/vectors.i16");

/// The most that a vector may be off, as one minus the cosine.
const TOLERANCE: f64 = 1e-4;

fn teacher() -> Bert {
    let folder = std::env::var_os("MANA_TEACHER").expect("scripts/test sets MANA_TEACHER");
    Bert::load("teacher", Path::new(&folder)).unwrap()
}

#[test]
fn vectors_are_those_of_another_implementation() {
    let teacher = teacher();
    let texts: Vec<String> =
        TEXTS.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<f64> =
        VECTORS.chunks(2).map(|pair| f64::from(i16::from_le_bytes([pair[0], pair[1]]))).collect();
    assert_eq!((teacher.dimensions(), texts.len() * 384), (384, numbers.len()));
    assert!(texts.len() >= 200);

    let views: Vec<&str> = texts.iter().map(String::as_str).collect();
    let vectors = teacher.embed(&views).unwrap();
    let mut worst = (0.0, "");
    for ((text, vector), expected) in texts.iter().zip(&vectors).zip(numbers.chunks(384)) {
        let distance = 1.0 - cosine(vector, expected);
        if distance > worst.0 {
            worst = (distance, text);
        }
    }
    println!("{} texts, largest distance {:.2e} at {:.60?}", texts.len(), worst.0, worst.1);
    assert!(worst.0 < TOLERANCE, "{worst:?}");
}

fn cosine(a: &[f32], b: &[f64]) -> f64 {
    let dot: f64 = a.iter().zip(b).map(|(x, y)| f64::from(*x) * y).sum();
    let length = |squares: f64| squares.sqrt();
    let a: f64 = a.iter().map(|x| f64::from(*x).powi(2)).sum();
    dot / length(a) / length(b.iter().map(|y| y * y).sum())
}
