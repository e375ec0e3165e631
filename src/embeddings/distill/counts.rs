//! Which tokens each text has, as a sparse matrix that can be walked both ways.

use std::cmp::Reverse;

use rayon::prelude::*;

use crate::embeddings::static_table::{DIMENSIONS, known_tokens};
use crate::embeddings::wordpiece::Vocabulary;

/// The numbers of one text or one token.
pub(super) type Row = [f32; DIMENSIONS];

/// A row for each text, a column for each token that occurs; an entry says how often, over the
/// square root of the text's length. So a text has the vector that the mean of its tokens has, and
/// the longer it is the more it counts in a fit: that found more of the teacher's neighbours than
/// shares, with which all texts count alike.
#[derive(Debug)]
pub(super) struct Counts {
    /// The vocabulary's row of each column.
    pub(super) tokens: Vec<usize>,
    by_text: Sparse,
    by_token: Sparse,
}

/// A sparse matrix, row by row.
#[derive(Debug, Default)]
struct Sparse {
    /// Where each row's entries begin, and where the last one's end.
    starts: Vec<usize>,
    entries: Vec<(u32, f32)>,
}

impl Sparse {
    fn row(&self, row: usize) -> &[(u32, f32)] {
        &self.entries[self.starts[row]..self.starts[row + 1]]
    }

    /// The product with a dense matrix. Each row is added up in the order of its entries, so the
    /// result is the same for any number of threads.
    fn times(&self, dense: &[Row]) -> Vec<Row> {
        let row = |row| {
            let mut sum = [0.0; DIMENSIONS];
            for &(column, weight) in self.row(row) {
                for (sum, value) in sum.iter_mut().zip(&dense[column as usize]) {
                    *sum += weight * value;
                }
            }
            sum
        };
        (0..self.starts.len() - 1).into_par_iter().map(row).collect()
    }
}

impl Counts {
    /// Counts the tokens of `texts`.
    pub(super) fn new(vocabulary: &Vocabulary<'_>, texts: &[&str]) -> Self {
        let counted: Vec<Vec<(usize, f32)>> =
            texts.par_iter().map(|text| weights(vocabulary, text)).collect();

        let mut column_of = vec![u32::MAX; vocabulary.len()];
        let mut tokens = Vec::new();
        let mut by_text = Sparse { starts: vec![0], entries: Vec::new() };
        for text in &counted {
            for &(token, weight) in text {
                if column_of[token] == u32::MAX {
                    column_of[token] = tokens.len() as u32;
                    tokens.push(token);
                }
                by_text.entries.push((column_of[token], weight));
            }
            by_text.starts.push(by_text.entries.len());
        }
        let by_token = transposed(&by_text, tokens.len());
        Self { tokens, by_text, by_token }
    }

    /// The rows of the tokens that occur, out of those of the whole vocabulary.
    pub(super) fn select(&self, rows: &[f32]) -> Vec<Row> {
        let (rows, _) = rows.as_chunks::<DIMENSIONS>();
        self.tokens.iter().map(|&token| rows[token]).collect()
    }

    /// The texts' vectors from the tokens' (in the order of the columns).
    pub(super) fn pool(&self, tokens: &[Row]) -> Vec<Row> {
        self.by_text.times(tokens)
    }

    /// For each token the weighted sum over its texts.
    pub(super) fn spread(&self, texts: &[Row]) -> Vec<Row> {
        self.by_token.times(texts)
    }

    /// The tokens that occur, those of most texts first; of two in as many the earlier one.
    pub(super) fn most_used(&self) -> Vec<usize> {
        let mut used: Vec<(Reverse<usize>, usize)> = self
            .tokens
            .iter()
            .enumerate()
            .map(|(column, token)| (Reverse(self.by_token.row(column).len()), *token))
            .collect();
        used.sort_unstable();
        used.into_iter().map(|(_, token)| token).collect()
    }

    /// How often each token occurs, as a share of all tokens of all texts.
    pub(super) fn frequencies(&self) -> Vec<f32> {
        // The sum of a row's squares is 1 when its tokens are all different: near enough to count.
        let weight = |token| self.by_token.row(token).iter().map(|(_, weight)| weight * weight);
        let counts: Vec<f32> = (0..self.tokens.len()).map(|token| weight(token).sum()).collect();
        let all: f32 = counts.iter().sum();
        counts.iter().map(|count| count / all).collect()
    }
}

/// The tokens of a text in rising order, each with its weight.
fn weights(vocabulary: &Vocabulary<'_>, text: &str) -> Vec<(usize, f32)> {
    let mut tokens = Vec::new();
    known_tokens(vocabulary, text, |token| tokens.push(token.row()));
    tokens.sort_unstable();
    let length = (tokens.len() as f32).sqrt();
    tokens.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as f32 / length)).collect()
}

fn transposed(matrix: &Sparse, columns: usize) -> Sparse {
    let mut starts = vec![0; columns + 1];
    for &(column, _) in &matrix.entries {
        starts[column as usize + 1] += 1;
    }
    for column in 0..columns {
        starts[column + 1] += starts[column];
    }
    let mut next = starts.clone();
    let mut entries = vec![(0, 0.0); matrix.entries.len()];
    for row in 0..matrix.starts.len() - 1 {
        for &(column, weight) in matrix.row(row) {
            entries[next[column as usize]] = (row as u32, weight);
            next[column as usize] += 1;
        }
    }
    Sparse { starts, entries }
}
