//! Ridge regression by conjugate gradients.

use rayon::prelude::*;

use super::counts::{Counts, Row};
use crate::embeddings::static_table::DIMENSIONS;

/// Rounds after which the fit no longer changes what is measured.
pub(super) const ROUNDS: u64 = 25;

/// What to add to the tokens' rows so that the pooled texts come near their targets: the `change`
/// that makes |`counts` · `change` − `missing`|² + `strength` · |`change`|² least.
///
/// `missing` is what the texts' targets are ahead of the rows as they are; so a token that says
/// little about any text keeps its row. Each of the [`DIMENSIONS`] columns is a system of its own,
/// and all of them take their steps side by side. Calls `round` after each of [`ROUNDS`].
pub(super) fn ridge(counts: &Counts, missing: &[Row], strength: f32, round: &dyn Fn()) -> Vec<Row> {
    let mut residual = counts.spread(missing);
    let mut change = vec![[0.0; DIMENSIONS]; residual.len()];
    let mut direction = residual.clone();
    let mut left = products(&residual, &residual);
    for _ in 0..ROUNDS {
        let mut image = counts.spread(&counts.pool(&direction));
        add(&mut image, &[strength; DIMENSIONS], &direction);
        let step = quotients(&left, &products(&direction, &image));
        add(&mut change, &step, &direction);
        add(&mut residual, &step.map(|step| -step), &image);
        let now_left = products(&residual, &residual);
        let keep = quotients(&now_left, &left);
        direction.par_iter_mut().zip(&residual).for_each(|(direction, residual)| {
            for ((direction, residual), keep) in direction.iter_mut().zip(residual).zip(&keep) {
                *direction = residual + keep * *direction;
            }
        });
        left = now_left;
        round();
    }
    change
}

/// Rows summed up in one go. The parts are the same for any number of threads, and so is the sum.
const PART: usize = 1024;

/// The scalar products of the columns of two matrices.
fn products(a: &[Row], b: &[Row]) -> [f64; DIMENSIONS] {
    let parts: Vec<[f64; DIMENSIONS]> = a
        .par_chunks(PART)
        .zip(b.par_chunks(PART))
        .map(|(a, b)| {
            let mut sums = [0.0; DIMENSIONS];
            for (a, b) in a.iter().zip(b) {
                for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                    *sum += f64::from(*a) * f64::from(*b);
                }
            }
            sums
        })
        .collect();
    let mut sums = [0.0; DIMENSIONS];
    for part in parts {
        for (sum, part) in sums.iter_mut().zip(part) {
            *sum += part;
        }
    }
    sums
}

/// Adds `factor` (one a column) times `b` to `a`.
fn add(a: &mut [Row], factor: &Row, b: &[Row]) {
    a.par_iter_mut().zip(b).for_each(|(a, b)| {
        for ((a, b), factor) in a.iter_mut().zip(b).zip(factor) {
            *a += factor * b;
        }
    });
}

/// `a / b` by column; 0 where `b` is, since such a column has nothing left to do.
fn quotients(a: &[f64; DIMENSIONS], b: &[f64; DIMENSIONS]) -> Row {
    let mut quotients = [0.0; DIMENSIONS];
    for ((quotient, a), b) in quotients.iter_mut().zip(a).zip(b) {
        *quotient = if *b > 0.0 { (a / b) as f32 } else { 0.0 };
    }
    quotients
}
