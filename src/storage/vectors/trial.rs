//! Vectors that look random, for one who tries what becomes of the index over them.
//!
//! Nothing of the program uses this; the tests of the index do, and `tests/torture`, which kills
//! those who build one.

use std::ops::Range;
use std::path::Path;

use rusqlite::params;

use super::NewVector;
use crate::storage::error::{Attempt, StorageError};
use crate::storage::open::Reader;
use crate::storage::store::Store;

/// Numbers of a vector.
const DIMENSIONS: usize = 64;

/// Vectors from which on a trial has an index.
const MANY: u64 = 100;

/// A home with vectors of no encoder.
#[derive(Debug)]
pub(crate) struct Trial(Store);

impl Trial {
    /// The home at `home`, which is made.
    pub(crate) fn open(home: &Path) -> Result<Self, StorageError> {
        Store::open(home, true).map(Self)
    }

    /// Gives patterns in these rows the vectors of a seed, all of them or none.
    pub(crate) fn put(&mut self, rows: Range<i64>, seed: u64) -> Result<(), StorageError> {
        self.0.atomically(|store| put(store, rows, seed, DIMENSIONS))
    }

    /// Removes the patterns in these rows, all of them or none.
    pub(crate) fn remove(&mut self, rows: Range<i64>) -> Result<(), StorageError> {
        self.0
            .conn()
            .execute("DELETE FROM patterns WHERE row >= ?1 AND row < ?2", [rows.start, rows.end])
            .map(drop)
            .attempt("remove patterns")
    }

    /// Brings the index in line with the vectors.
    pub(crate) fn index(&mut self) -> Result<(), StorageError> {
        self.0.refresh_index_of(MANY)
    }

    /// The rows that the index of the home at `home` finds nearest to the vector of `row`; `None`
    /// where there is no index of the present vectors.
    pub(crate) fn nearest(
        home: &Path,
        row: i64,
        seed: u64,
    ) -> Result<Option<Vec<i64>>, StorageError> {
        Reader::open(home)?.nearest(&vector(row as u64 + seed, DIMENSIONS), 5, |_| true)
    }
}

/// A vector that looks random, of length 1.
pub(super) fn vector(seed: u64, dimensions: usize) -> Vec<f32> {
    let mut state = seed + 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    let values: Vec<f32> = (0..dimensions).map(|_| next()).collect();
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.into_iter().map(|value| value / length).collect()
}

/// Gives patterns in these rows, which are made, the vectors of a seed.
pub(super) fn put(
    store: &mut Store,
    rows: Range<i64>,
    seed: u64,
    dimensions: usize,
) -> Result<(), StorageError> {
    for row in rows {
        store
            .conn()
            .prepare_cached(
                "INSERT OR IGNORE INTO patterns (row, id, kind, tool, category, trigger, text,
                                                 payload, state, hlc, origin)
                 VALUES (?1, ?2, 1, '', '', '', '', '{}', 1, 0, '')",
            )
            .and_then(|mut insert| insert.execute(params![row, i128::from(row).to_be_bytes()]))
            .attempt("store a pattern")?;
        let vector = vector(row as u64 + seed, dimensions);
        store.put_vectors("e@1", &[NewVector { pattern: row, text: "", vector }])?;
    }
    Ok(())
}
