//! Fits a static table to a teacher: ridge regression from the tokens of texts to the vectors that
//! a full encoder gives them.
//!
//! The fit starts from a table and is drawn towards it, so that what a few texts say about a token
//! does not undo what many texts said before. A tenth of the texts is held out, and
//! [`Report::improves`] says whether the new table is better on them.

mod counts;
mod projection;
mod ridge;
mod self_test;

use rayon::prelude::*;
use serde::Serialize;
use thiserror::Error;

use super::static_table::{self, About, DIMENSIONS, StaticEncoder, StaticTable};
use super::wordpiece::Vocabulary;
use super::{Embedder, EmbeddingError};
use counts::{Counts, Row};
pub(crate) use self_test::Scores;

/// Fewer texts than these teach nothing that could be measured.
pub(crate) const LEAST_TEXTS: usize = 500;

/// Of so many texts one is held out.
const HOLD_OUT: u64 = 10;

/// Texts that are held out at most: the self-test compares each with each.
const MOST_HELD_OUT: usize = 1000;

/// Texts the teacher sees in one call.
const BATCH: usize = 64;

/// How strongly rows are drawn to what they were, in texts that consist of the token alone.
const STRENGTH: f32 = 1.0;

/// A token this frequent has half the weight of a rare one when a table is made afresh.
const HALF_WEIGHT: f32 = 1e-3;

/// What the fit starts from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'a> {
    /// This table. Its space is kept: a teacher that it was not made from is turned to fit.
    Table(StaticTable<'a>),
    /// What the teacher says about each token alone.
    Afresh,
}

/// What a fit reports while it works.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Progress {
    /// The teacher will read this many texts.
    Encoding(u64),
    /// It has read so many more.
    Encoded(u64),
    /// The fit will take this many rounds.
    Fitting(u64),
    /// It has taken one more.
    Fitted,
}

/// What a fit came to.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Report {
    /// The teacher's name.
    pub(crate) teacher: String,
    /// Different texts the rows were fitted on.
    pub(crate) texts: u64,
    /// Texts that were held out for the self-test.
    pub(crate) held_out: u64,
    /// What the table that the fit started from gets in the self-test; none without one.
    pub(crate) before: Option<Scores>,
    /// What the new table gets.
    pub(crate) after: Scores,
}

impl Report {
    /// Whether the new table is better than the one before.
    pub(crate) fn improves(&self) -> bool {
        self.before.is_none_or(|before| self.after.beats(before))
    }
}

/// A fit that could not be made.
#[derive(Debug, Error)]
pub(crate) enum DistillError {
    /// There is too little to learn from.
    #[error("{found} different texts are too few to fit a table to: {LEAST_TEXTS} are needed")]
    TooFew {
        /// Different texts there are.
        found: usize,
    },
    /// The teacher failed.
    #[error("cannot encode the texts")]
    Teacher(#[from] EmbeddingError),
}

/// Fits a table for `vocabulary` to what `teacher` says about `texts`; gives its bytes.
///
/// The result depends on the texts as a set: not on their order, not on the number of threads.
///
/// # Errors
/// [`DistillError`]; nothing was written then, nor is it otherwise.
pub(crate) fn distill(
    teacher: &dyn Embedder,
    vocabulary: Vocabulary<'_>,
    texts: &[String],
    start: Start<'_>,
    progress: &dyn Fn(Progress),
) -> Result<(Vec<u8>, Report), DistillError> {
    let texts = Texts::new(texts)?;
    let tokens = match start {
        Start::Table(_) => Vec::new(),
        Start::Afresh => vocabulary.words(),
    };
    progress(Progress::Encoding((texts.fitted.len() + texts.held_out.len() + tokens.len()) as u64));
    let targets = encode(teacher, &texts.fitted, progress)?;
    let held_out = encode(teacher, &texts.held_out, progress)?;
    let tokens = encode(teacher, &tokens, progress)?;

    let counts = Counts::new(&vocabulary, &texts.fitted);
    let first = counts.most_used();
    let mut about = About {
        teacher: teacher.name().to_owned(),
        teacher_dimensions: teacher.dimensions(),
        texts: texts.fitted.len() as u64,
    };
    let (projection, rows) = match start {
        Start::Afresh => {
            let projection = projection::principal(&targets, about.teacher_dimensions);
            let rows = first_rows(&counts, &projected(&tokens, &projection));
            (projection, rows)
        }
        Start::Table(table) => {
            about.texts += table.about().texts;
            let rows = table.to_rows();
            let projection = if table.about().teacher == about.teacher
                && table.about().teacher_dimensions == about.teacher_dimensions
            {
                table.projection().flatten().collect()
            } else {
                let said = counts.pool(&counts.select(&rows));
                projection::aligned(&targets, &said, about.teacher_dimensions)
            };
            (projection, rows)
        }
    };

    let before = match start {
        Start::Afresh => None,
        // The same rows, with the projection that fits this teacher.
        Start::Table(_) => {
            let bytes = static_table::write(&about, &rows, &projection, &first);
            Some(self_test::scores(&encoder(vocabulary, &bytes), &texts.held_out, &held_out))
        }
    };
    let rows = fit(&counts, &projected(&targets, &projection), rows, progress);
    let bytes = static_table::write(&about, &rows, &projection, &first);
    let after = self_test::scores(&encoder(vocabulary, &bytes), &texts.held_out, &held_out);
    let report = Report {
        teacher: about.teacher,
        texts: texts.fitted.len() as u64,
        held_out: texts.held_out.len() as u64,
        before,
        after,
    };
    Ok((bytes, report))
}

/// The different texts, those to fit and those held out, in an order of their own.
struct Texts<'a> {
    fitted: Vec<&'a str>,
    held_out: Vec<&'a str>,
}

impl<'a> Texts<'a> {
    fn new(texts: &'a [String]) -> Result<Self, DistillError> {
        let mut hashed: Vec<(u64, &str)> = texts
            .iter()
            .map(|text| text.trim())
            .filter(|text| !text.is_empty())
            .map(|text| (hash(text), text))
            .collect();
        hashed.sort_unstable();
        hashed.dedup();
        if hashed.len() < LEAST_TEXTS {
            return Err(DistillError::TooFew { found: hashed.len() });
        }
        // The order is that of hashes, so the first ones are a sample.
        let count = (hashed.len() / HOLD_OUT as usize).min(MOST_HELD_OUT);
        let (held_out, fitted) = hashed.split_at(count);
        let only = |pairs: &[(u64, &'a str)]| pairs.iter().map(|&(_, text)| text).collect();
        Ok(Self { fitted: only(fitted), held_out: only(held_out) })
    }
}

/// FNV-1a, stirred so that short texts differ in all bits.
fn hash(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// The teacher's vectors, in the order of `texts`.
fn encode(
    teacher: &dyn Embedder,
    texts: &[&str],
    progress: &dyn Fn(Progress),
) -> Result<Vec<Vec<f32>>, EmbeddingError> {
    // Texts of a length together: a batch costs as much as its longest text says.
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|&at| texts[at].len());
    let mut vectors = vec![Vec::new(); texts.len()];
    for batch in order.chunks(BATCH) {
        let some: Vec<&str> = batch.iter().map(|&at| texts[at]).collect();
        for (&at, vector) in batch.iter().zip(teacher.embed(&some)?) {
            vectors[at] = vector;
        }
        progress(Progress::Encoded(batch.len() as u64));
    }
    Ok(vectors)
}

/// The vectors in the table's space, not scaled: what is lost there is not to be made up for.
fn projected(vectors: &[Vec<f32>], projection: &[f32]) -> Vec<Row> {
    let dimensions = projection.len() / DIMENSIONS;
    let project = |vector: &Vec<f32>| {
        let mut row = [0.0; DIMENSIONS];
        for (value, direction) in row.iter_mut().zip(projection.chunks_exact(dimensions)) {
            *value = direction.iter().zip(vector).map(|(a, b)| a * b).sum();
        }
        row
    };
    vectors.par_iter().map(project).collect()
}

/// Rows for all tokens from what the teacher says about each alone: the more frequent a token, the
/// less it weighs.
fn first_rows(counts: &Counts, tokens: &[Row]) -> Vec<f32> {
    let mut weights = vec![1.0; tokens.len()];
    for (&token, share) in counts.tokens.iter().zip(counts.frequencies()) {
        weights[token] = HALF_WEIGHT / (HALF_WEIGHT + share);
    }
    let weigh = |(row, weight): (&Row, f32)| row.map(|value| value * weight);
    tokens.iter().zip(weights).flat_map(weigh).collect()
}

/// The rows after the fit; those of tokens that no text has are as they were.
fn fit(
    counts: &Counts,
    targets: &[Row],
    mut rows: Vec<f32>,
    progress: &dyn Fn(Progress),
) -> Vec<f32> {
    progress(Progress::Fitting(ridge::ROUNDS));
    // Only directions count when a table is used; for the fit, lengths have to be right as well.
    let said = counts.pool(&counts.select(&rows));
    let (mut both, mut own) = (0.0, 0.0);
    for (said, target) in said.iter().zip(targets) {
        both += dot(said, target);
        own += dot(said, said);
    }
    let scale = if own > 0.0 && both > 0.0 { (both / own) as f32 } else { 1.0 };
    for value in &mut rows {
        *value *= scale;
    }

    let missing: Vec<Row> = said
        .iter()
        .zip(targets)
        .map(|(said, target)| {
            let mut missing = *target;
            for (missing, said) in missing.iter_mut().zip(said) {
                *missing -= scale * said;
            }
            missing
        })
        .collect();
    let change = ridge::ridge(counts, &missing, STRENGTH, &|| progress(Progress::Fitted));
    let (rows_of, _) = rows.as_chunks_mut::<DIMENSIONS>();
    for (&token, change) in counts.tokens.iter().zip(&change) {
        for (value, change) in rows_of[token].iter_mut().zip(change) {
            *value += change;
        }
    }
    rows
}

fn dot(a: &Row, b: &Row) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

fn encoder<'a>(vocabulary: Vocabulary<'a>, bytes: &'a [u8]) -> StaticEncoder<'a> {
    let table = StaticTable::from_bytes(bytes).expect("what was just written can be read");
    StaticEncoder::new(vocabulary, table).expect("it has a row for each token")
}

#[cfg(test)]
mod tests;
