//! The static encoder: a vector for a text without running a model.
//!
//! Each token of the vocabulary has a row; a text's vector is the sum of its tokens' rows, scaled
//! to length 1. The rows were fitted so that this comes near what a full encoder, the *teacher*,
//! says about whole texts; how often a token says nothing is in the length of its row.
//!
//! It works on the bytes of a table as they lie in a file or in the program, and touches only the
//! rows of the tokens it meets. `docs/embeddings.md` has the measurements.

mod format;

use std::ops::ControlFlow;

pub(crate) use crate::model::vector::{DIMENSIONS, Vector};
#[cfg(any(test, feature = "encoder"))]
pub(crate) use format::{About, write};
pub(crate) use format::{StaticTable, TableError};

use super::wordpiece::{Token, Vocabulary};
use crate::model::vector::{Encode, Quantised};

/// Tokens of a text that count; what comes after them is left out, as teachers do.
pub(crate) const MAX_TOKENS: usize = 256;

/// A vocabulary and the table that belongs to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StaticEncoder<'a> {
    vocabulary: Vocabulary<'a>,
    table: StaticTable<'a>,
}

impl<'a> StaticEncoder<'a> {
    /// An encoder; `None` when the two have different numbers of tokens.
    pub(crate) fn new(vocabulary: Vocabulary<'a>, table: StaticTable<'a>) -> Option<Self> {
        (vocabulary.len() == table.rows()).then_some(Self { vocabulary, table })
    }

    /// Its table.
    pub(crate) fn table(&self) -> &StaticTable<'a> {
        &self.table
    }

    /// The vector of a text; `None` when nothing in it is known.
    pub(crate) fn embed(&self, text: &str) -> Option<Vector> {
        let mut sum = [0.0; DIMENSIONS];
        known_tokens(&self.vocabulary, text, |token| self.table.add_row(token.row(), &mut sum));
        Vector::normalised(sum)
    }
}

impl Encode for StaticEncoder<'_> {
    fn space(&self) -> u64 {
        self.table.id()
    }

    fn encode(&self, text: &str) -> Option<Quantised> {
        self.embed(text).map(|vector| vector.quantised())
    }

    fn is_taught_by(&self, encoder: &str) -> bool {
        // Whatever it was installed as, the checksum says whose weights they are.
        let weights = |name: &str| name.rsplit_once('@').map(|(_, sum)| sum.to_owned());
        weights(encoder).is_some_and(|sum| weights(&self.table.about().teacher) == Some(sum))
    }

    fn project(&self, vector: &[f32]) -> Option<Quantised> {
        self.table.project(vector).map(|vector| vector.quantised())
    }
}

/// Calls `each` with the tokens of `text` that count: the known ones among the first
/// [`MAX_TOKENS`].
pub(crate) fn known_tokens(vocabulary: &Vocabulary<'_>, text: &str, mut each: impl FnMut(Token)) {
    let mut left = MAX_TOKENS;
    vocabulary.tokens(text, |token| {
        // A word that cannot be spelled says nothing about the rest.
        if token != Token::UNKNOWN {
            each(token);
        }
        left -= 1;
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
}

#[cfg(test)]
mod tests;
