//! Fits to teachers that are tables themselves, so that what should come out is known.

use std::cell::Cell;

use super::*;
use crate::embeddings::wordpiece::build;

/// Numbers in a vector of the teachers here.
const TEACHER: usize = 16;

/// Words that are tokens.
fn words() -> Vec<String> {
    ('a'..='z').flat_map(|a| ('a'..='h').map(move |b| format!("{a}{b}"))).collect()
}

fn vocabulary() -> Vec<u8> {
    let fillers: Vec<String> = (0..100).map(|n| format!("[unused{n}]")).collect();
    let words = words();
    let fillers = fillers.iter().map(String::as_str);
    build(&fillers.chain(["[UNK]"]).chain(words.iter().map(String::as_str)).collect::<Vec<_>>())
}

/// A number between −1 and 1 that looks random.
fn noise(seed: usize) -> f32 {
    let mixed = (seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}

/// Texts of a few words each; rare words come last in [`words`].
fn texts(count: usize) -> Vec<String> {
    let words = words();
    let draw = |seed: usize| {
        let at = noise(seed).abs() * noise(seed + 1).abs() * words.len() as f32;
        words[at as usize].as_str()
    };
    (0..count)
        .map(|n| (0..3 + n % 6).map(|k| draw(n * 97 + k * 13)).collect::<Vec<_>>().join(" "))
        .collect()
}

/// A teacher that is itself a sum over words, turned: `turn` decides its space.
struct Planted {
    name: &'static str,
    turn: usize,
}

impl Planted {
    fn word(&self, word: &str) -> [f32; TEACHER] {
        let seed = word.bytes().fold(0, |seed, byte| seed * 31 + usize::from(byte));
        let mut vector = [0.0; TEACHER];
        for (n, value) in vector.iter_mut().enumerate() {
            // A reflection of each other number and a shift turn the whole space.
            let from = (n + self.turn) % TEACHER;
            let sign = if self.turn > 0 && n % 2 == 0 { -1.0 } else { 1.0 };
            *value = sign * noise(seed * TEACHER + from);
        }
        vector
    }
}

impl Embedder for Planted {
    fn name(&self) -> &str {
        self.name
    }

    fn dimensions(&self) -> usize {
        TEACHER
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbeddingError> {
        let sum = |text: &&str| {
            let mut sum = [1e-6; TEACHER];
            for word in text.split_whitespace() {
                for (sum, value) in sum.iter_mut().zip(self.word(word)) {
                    *sum += value;
                }
            }
            let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
            sum.iter().map(|x| x / length).collect()
        };
        Ok(texts.iter().map(sum).collect())
    }
}

const TEACHER_A: Planted = Planted { name: "a", turn: 0 };
const TEACHER_B: Planted = Planted { name: "b", turn: 5 };

fn fitted(teacher: &Planted, texts: &[String], start: Start<'_>) -> (Vec<u8>, Report) {
    let vocabulary = vocabulary();
    let vocabulary = Vocabulary::from_bytes(&vocabulary).unwrap();
    distill(teacher, vocabulary, texts, start, &|_| {}).unwrap()
}

#[test]
fn a_teacher_that_is_a_table_is_found_again() {
    let (_, report) = fitted(&TEACHER_A, &texts(2000), Start::Afresh);
    assert!(report.after.cosine > 0.98, "{report:?}");
    assert!(report.after.recall > 0.8, "{report:?}");
    assert!(report.improves());
}

#[test]
fn the_result_depends_on_the_texts_alone() {
    let mut texts = texts(900);
    let first = fitted(&TEACHER_A, &texts, Start::Afresh);
    texts.reverse();
    texts.push(format!(" {}\n", texts[3]));
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert!(alone.install(|| fitted(&TEACHER_A, &texts, Start::Afresh)) == first);
}

#[test]
fn a_new_teacher_is_turned_into_the_tables_space() {
    let (table, of_a) = fitted(&TEACHER_A, &texts(2000), Start::Afresh);
    let table = StaticTable::from_bytes(&table).unwrap();
    let (bytes, of_b) = fitted(&TEACHER_B, &texts(2000), Start::Table(table));
    let before = of_b.before.unwrap();
    assert!(before.cosine > of_a.after.cosine - 0.05, "{of_a:?}, {of_b:?}");
    let new = StaticTable::from_bytes(&bytes).unwrap();
    assert_eq!(new.about().teacher, "b");
    assert_eq!(new.about().texts, of_a.texts + of_b.texts);
    assert_ne!(new.id(), table.id());
}

#[test]
fn what_no_text_speaks_of_stays() {
    let known = words();
    let seen: Vec<String> = texts(900)
        .into_iter()
        .filter(|text| text.split(' ').all(|word| word < "m"))
        .chain((0..600).map(|n| format!("{} {}", known[n % 80], known[(n * 7 + n / 80) % 80])))
        .collect();
    let (old, _) = fitted(&TEACHER_A, &texts(2000), Start::Afresh);
    let old = StaticTable::from_bytes(&old).unwrap();
    let (new, _) = fitted(&TEACHER_A, &seen, Start::Table(old));
    let new = StaticTable::from_bytes(&new).unwrap();
    let cosine = |row: usize| {
        let (a, b) = (old.to_rows(), new.to_rows());
        let row =
            |rows: &[f32]| -> Row { rows[row * DIMENSIONS..][..DIMENSIONS].try_into().unwrap() };
        let (a, b) = (row(&a), row(&b));
        dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
    };
    // 101 rows stand before the words; the last word is in none of the texts.
    let untouched = 101 + known.len() - 1;
    assert!(seen.iter().all(|text| !text.contains(&known[known.len() - 1])));
    assert!(cosine(untouched) > 0.9999);
}

#[test]
fn ridge_finds_a_planted_table_and_leaves_the_rest() {
    let vocabulary = vocabulary();
    let vocabulary = Vocabulary::from_bytes(&vocabulary).unwrap();
    let texts = texts(2000);
    let counts = Counts::new(&vocabulary, &texts.iter().map(String::as_str).collect::<Vec<_>>());
    let mut planted = vec![[0.0; DIMENSIONS]; counts.tokens.len()];
    for (n, row) in planted.iter_mut().enumerate() {
        for (k, value) in row.iter_mut().enumerate().take(4) {
            *value = noise(n * 4 + k);
        }
    }
    let rounds = Cell::new(0);
    let round = || rounds.set(rounds.get() + 1);
    let found = ridge::ridge(&counts, &counts.pool(&planted), 1e-4, &round);
    assert_eq!(rounds.get(), ridge::ROUNDS);
    // Column 0 of the most frequent tokens: those that many texts speak of.
    let frequencies = counts.frequencies();
    assert!((frequencies.iter().sum::<f32>() - 1.0).abs() < 1e-3);
    let often = (0..planted.len()).filter(|&n| frequencies[n] > 0.005);
    for n in often {
        assert!((found[n][0] - planted[n][0]).abs() < 0.05, "{n}: {:?}", &found[n][..4]);
    }
    // Columns without a target stay at rest, and so does everything under a strong draw.
    assert!(found.iter().all(|row| row[4..].iter().all(|&value| value == 0.0)));
    let held = ridge::ridge(&counts, &counts.pool(&planted), 1e9, &|| {});
    assert!(held.iter().flatten().all(|value| value.abs() < 1e-4));
}

#[test]
fn tokens_of_most_texts_come_first() {
    let vocabulary = vocabulary();
    let vocabulary = Vocabulary::from_bytes(&vocabulary).unwrap();
    // Often in one text is one text.
    let counts = Counts::new(&vocabulary, &["ca cb", "cb ca", "cc cc cc cc", "cb", "ba"]);
    let words = vocabulary.words();
    let used: Vec<&str> = counts.most_used().into_iter().map(|token| words[token]).collect();
    assert_eq!(used, ["cb", "ca", "ba", "cc"]);
}

#[test]
fn principal_directions_are_those_of_the_largest_spread() {
    let vectors: Vec<Vec<f32>> = (0..300)
        .map(|n| (0..TEACHER).map(|k| noise(n * TEACHER + k) / (k * k + 1) as f32).collect())
        .collect();
    let directions = projection::principal(&vectors, TEACHER);
    assert_eq!(directions.len(), DIMENSIONS * TEACHER);
    let rows: Vec<&[f32]> = directions.chunks(TEACHER).collect();
    for (n, row) in rows.iter().enumerate().take(TEACHER) {
        for (m, other) in rows.iter().enumerate().take(TEACHER) {
            let product: f32 = row.iter().zip(*other).map(|(a, b)| a * b).sum();
            assert!((product - f32::from(u8::from(n == m))).abs() < 1e-5, "{n} and {m}: {product}");
        }
    }
    assert!(rows[0][0].abs() > 0.95, "{:?}", rows[0]);
    assert!(rows[TEACHER..].iter().flat_map(|row| *row).all(|&value| value == 0.0));
}

#[test]
fn too_few_texts_are_refused() {
    let vocabulary = vocabulary();
    let vocabulary = Vocabulary::from_bytes(&vocabulary).unwrap();
    let same = vec!["aa ab".to_owned(); 2000];
    let error = distill(&TEACHER_A, vocabulary, &same, Start::Afresh, &|_| {}).unwrap_err();
    assert!(matches!(error, DistillError::TooFew { found: 1 }));
}

#[test]
fn better_is_more_neighbours_and_no_vector_further_away() {
    let scores = |recall, cosine| Scores { recall, cosine };
    for (new, old, beats) in [
        (scores(0.6, 0.8), scores(0.5, 0.8), true),
        (scores(0.6, 0.7), scores(0.5, 0.8), false),
        (scores(0.5, 0.9), scores(0.5, 0.8), false),
        (scores(0.4, 0.9), scores(0.5, 0.8), false),
    ] {
        assert_eq!(new.beats(old), beats, "{new:?} {old:?}");
    }
}

#[test]
fn progress_adds_up() {
    let vocabulary = vocabulary();
    let vocabulary = Vocabulary::from_bytes(&vocabulary).unwrap();
    let (announced, done) = (Cell::new(0), Cell::new(0));
    let note = |progress| match progress {
        Progress::Encoding(n) | Progress::Fitting(n) => announced.set(announced.get() + n),
        Progress::Encoded(n) => done.set(done.get() + n),
        Progress::Fitted => done.set(done.get() + 1),
    };
    distill(&TEACHER_A, vocabulary, &texts(700), Start::Afresh, &note).unwrap();
    assert!(announced.get() > 700);
    assert_eq!(announced.get(), done.get());
}
