//! How well a table stands in for its teacher, on texts it was not fitted on.

use rayon::prelude::*;
use serde::Serialize;

use crate::embeddings::static_table::{StaticEncoder, Vector};

/// Neighbours that are looked for.
const NEIGHBOURS: usize = 10;

/// What a table gets in the self-test, both from 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(crate) struct Scores {
    /// Share of a text's ten nearest texts, by the teacher, that the static vector of the text
    /// finds among the teacher's vectors of the others.
    pub(crate) recall: f64,
    /// Mean cosine between a text's static vector and its projected teacher's.
    pub(crate) cosine: f64,
}

impl Scores {
    /// Whether this is better: more neighbours found, and vectors no further away.
    pub(crate) fn beats(self, other: Self) -> bool {
        self.recall > other.recall && self.cosine >= other.cosine
    }
}

/// Tests `encoder` with `texts`, whose teacher's vectors are `vectors`.
pub(super) fn scores(encoder: &StaticEncoder<'_>, texts: &[&str], vectors: &[Vec<f32>]) -> Scores {
    let projected: Vec<Option<Vector>> =
        vectors.iter().map(|vector| encoder.table().project(vector)).collect();
    let each: Vec<(f64, f64)> = texts
        .par_iter()
        .enumerate()
        .map(|(at, text)| {
            // A text without a vector finds nothing.
            let Some(query) = encoder.embed(text) else { return (0.0, 0.0) };
            let wanted = nearest(at, vectors.len(), |other| dot(&vectors[at], &vectors[other]));
            let found = nearest(at, vectors.len(), |other| {
                projected[other].as_ref().map_or(-1.0, |vector| query.cosine(vector))
            });
            let hits = found.iter().filter(|other| wanted.contains(other)).count();
            let cosine = projected[at].as_ref().map_or(0.0, |vector| query.cosine(vector));
            (hits as f64 / wanted.len().max(1) as f64, f64::from(cosine))
        })
        .collect();
    let mean = |part: fn(&(f64, f64)) -> f64| {
        let sum = each.iter().map(part).sum::<f64>() / each.len().max(1) as f64;
        // Four digits say more than the sample can; the rest would be noise in `--json`.
        (sum * 10_000.0).round() / 10_000.0
    };
    Scores { recall: mean(|(recall, _)| *recall), cosine: mean(|(_, cosine)| *cosine) }
}

/// The texts that `score` puts first, without `at` itself; ties go to the earlier one.
fn nearest(at: usize, texts: usize, score: impl Fn(usize) -> f32) -> Vec<usize> {
    let mut scored: Vec<(f32, usize)> =
        (0..texts).filter(|&other| other != at).map(|other| (score(other), other)).collect();
    scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    scored.truncate(NEIGHBOURS);
    scored.into_iter().map(|(_, other)| other).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
