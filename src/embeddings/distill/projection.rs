//! Which part of a teacher's space a table keeps: [`DIMENSIONS`] directions at right angles.
//!
//! Which directions span the part decides what scalar products it keeps; how they are turned within
//! it decides nothing.

use rayon::prelude::*;

use crate::embeddings::static_table::DIMENSIONS;

/// Rounds of an iteration that converges long before: each takes milliseconds.
const ROUNDS: usize = 60;

/// A matrix of [`DIMENSIONS`] rows.
type Directions = Vec<Vec<f64>>;

/// The directions in which `vectors` differ from zero most: their principal components.
///
/// Repeated multiplication with the matrix of second moments turns any directions into these.
pub(super) fn principal(vectors: &[Vec<f32>], dimensions: usize) -> Vec<f32> {
    let moments = moments(vectors, dimensions);
    // Any beginning does, as long as it is not at right angles to what is looked for.
    let mut directions: Directions =
        (0..DIMENSIONS).map(|row| (0..dimensions).map(|n| start(row, n)).collect()).collect();
    orthonormalise(&mut directions);
    for _ in 0..ROUNDS {
        directions = directions
            .par_iter()
            .map(|direction| moments.iter().map(|moment| dot(moment, direction)).collect())
            .collect();
        orthonormalise(&mut directions);
    }
    flatten(&directions)
}

/// The directions that bring `vectors` as near as they can come to `wanted`, vectors of a table's
/// space: a new teacher is turned so that the rows of the table keep their meaning.
///
/// It is the orthogonal factor of the matrix that maps one to the other, found by the iteration of
/// Newton and Schulz.
pub(super) fn aligned(
    vectors: &[Vec<f32>],
    wanted: &[[f32; DIMENSIONS]],
    dimensions: usize,
) -> Vec<f32> {
    let mut factor: Directions = vec![vec![0.0; dimensions]; DIMENSIONS];
    for (vector, wanted) in vectors.iter().zip(wanted) {
        for (row, &wanted) in factor.iter_mut().zip(wanted) {
            for (sum, &value) in row.iter_mut().zip(vector) {
                *sum += f64::from(wanted) * f64::from(value);
            }
        }
    }
    // The iteration needs a norm below √3; a direction that nothing maps to is filled in.
    let length = factor.iter().map(|row| dot(row, row)).sum::<f64>().sqrt();
    if length > 0.0 {
        factor.iter_mut().flatten().for_each(|value| *value /= length);
        for _ in 0..ROUNDS {
            factor = newton_schulz(&factor);
        }
    }
    orthonormalise(&mut factor);
    flatten(&factor)
}

/// `1.5 F − 0.5 F Fᵀ F`: each singular value goes towards 1.
fn newton_schulz(factor: &Directions) -> Directions {
    factor
        .par_iter()
        .map(|row| {
            let mut next: Vec<f64> = row.iter().map(|value| 1.5 * value).collect();
            for other in factor {
                let weight = 0.5 * dot(row, other);
                for (next, other) in next.iter_mut().zip(other) {
                    *next -= weight * other;
                }
            }
            next
        })
        .collect()
}

/// Sums of the products of all pairs of numbers of each vector.
fn moments(vectors: &[Vec<f32>], dimensions: usize) -> Vec<Vec<f64>> {
    (0..dimensions)
        .into_par_iter()
        .map(|row| {
            let mut sums = vec![0.0; dimensions];
            for vector in vectors {
                let factor = f64::from(vector[row]);
                for (sum, &value) in sums.iter_mut().zip(vector) {
                    *sum += factor * f64::from(value);
                }
            }
            sums
        })
        .collect()
}

/// Makes the rows orthogonal and of length 1 (Gram and Schmidt, twice for exactness). A row that
/// depends on the ones before it is replaced by a unit vector that does not; with fewer dimensions
/// than rows the last ones stay zero.
fn orthonormalise(rows: &mut Directions) {
    let dimensions = rows.first().map_or(0, Vec::len);
    for at in 0..rows.len() {
        let (done, rest) = rows.split_at_mut(at);
        let row = &mut rest[0];
        let scale = dot(row, row).sqrt();
        let mut candidates = 0..dimensions;
        while !free_of(row, done, scale * 1e-9) {
            row.fill(0.0);
            let Some(unit) = candidates.next() else { break };
            row[unit] = 1.0;
        }
    }
}

/// Takes out of `row` what `done` has and scales it to length 1; false when less than `least` is
/// left.
fn free_of(row: &mut [f64], done: &[Vec<f64>], least: f64) -> bool {
    for _ in 0..2 {
        for other in done {
            let share = dot(row, other);
            for (value, other) in row.iter_mut().zip(other) {
                *value -= share * other;
            }
        }
        let length = dot(row, row).sqrt();
        if length <= least.max(1e-12) {
            return false;
        }
        row.iter_mut().for_each(|value| *value /= length);
    }
    true
}

/// A number between −1 and 1 that looks random.
fn start(row: usize, column: usize) -> f64 {
    let mixed = ((row * 8191 + column + 1) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn flatten(rows: &Directions) -> Vec<f32> {
    rows.iter().flatten().map(|&value| value as f32).collect()
}
