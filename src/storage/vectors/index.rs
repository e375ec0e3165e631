//! The index over the vectors of very many patterns: a graph by usearch (hierarchical navigable
//! small worlds: Malkov and Yashunin, 2018), in a file beside the database.
//!
//! ```text
//! magic "mana/ui\n" · version u32 · dimensions u32 · changes of the rows u64 · incarnation of the
//! store 32 bytes · check of what follows the header u64 · check of the header before this field
//! u64 · what usearch writes
//! ```
//!
//! Numbers are little-endian. It is a cache: one that is not of the rows as they are, or is
//! damaged, is as good as none.

use std::error::Error;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

use super::FILE;
use super::numbers::Numbers;
use crate::storage::error::{Attempt, StorageError};
use crate::storage::open::Reader;
use crate::storage::store::Store;
use crate::storage::{file, snapshot};

const MAGIC: &[u8; 8] = b"mana/ui\n";
const VERSION: u32 = 1;
const INCARNATION: usize = 32;
/// The header, and where its two checks stand.
const HEADER: usize = BODY_CHECK + 16;
const BODY_CHECK: usize = 24 + INCARNATION;
const HEADER_CHECK: usize = BODY_CHECK + 8;

/// Vectors from which on there is an index: up to there, comparing all of them is as fast as
/// checking and opening it.
pub(super) const MANY: u64 = if cfg!(test) { 400 } else { 100_000 };

/// Vectors that are added together.
const BATCH: usize = 4_096;

/// How far two numbers may differ that are the same, once in 16 and once in 8 bits.
const SAME: f32 = 0.002;

/// Which rows an index is of.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Generation {
    changes: u64,
    incarnation: [u8; INCARNATION],
}

impl Reader {
    /// The rows of the `count` patterns whose vectors are nearest to `query`, of those that
    /// `in_scope` says; `None` where no index of the present rows is to be had.
    pub(super) fn nearest(
        &self,
        query: &[f32],
        count: usize,
        in_scope: impl Fn(i64) -> bool,
    ) -> Result<Option<Vec<i64>>, StorageError> {
        let Some(path) = self.index_path() else { return Ok(None) };
        let Ok(bytes) = snapshot::map(&path) else { return Ok(None) };
        let Some(body) = body(&bytes, &self.generation()?, query.len()) else { return Ok(None) };
        Ok(search(body, query, count, in_scope).ok())
    }

    /// Where the index lies.
    fn index_path(&self) -> Option<PathBuf> {
        Some(Path::new(self.conn.path()?).parent()?.join(FILE))
    }

    fn generation(&self) -> Result<Generation, StorageError> {
        let (changes, incarnation): (i64, String) = self
            .conn
            .query_row(
                "SELECT CAST(v.value AS INTEGER), i.value FROM meta v, meta i
                 WHERE v.key = 'vectors' AND i.key = 'incarnation'",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .attempt("read the vectors' generation")?;
        let mut bytes = [0; INCARNATION];
        let known = incarnation.len().min(INCARNATION);
        bytes[..known].copy_from_slice(&incarnation.as_bytes()[..known]);
        Ok(Generation { changes: changes as u64, incarnation: bytes })
    }
}

impl Store {
    /// Brings the index in line with the vectors: what is new is added to it, and where something
    /// is gone it is built anew. With few vectors there is none.
    #[cfg(any(test, feature = "encoder"))]
    pub(crate) fn refresh_index(&mut self) -> Result<(), StorageError> {
        self.refresh_index_of(MANY)
    }

    pub(super) fn refresh_index_of(&mut self, many: u64) -> Result<(), StorageError> {
        let path = self.home.join(FILE);
        let (count, dimensions): (i64, i64) = self
            .conn()
            .query_row(
                "SELECT count(*), coalesce(max(length(numbers)) - 4, 0) FROM vectors",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .attempt("count the vectors")?;
        if (count as u64) < many || dimensions < 1 {
            return Ok(file::remove_own(&path)?);
        }
        let (count, dimensions) = (count as usize, dimensions as usize);
        let generation = self.generation()?;
        let old = file::read(&path)?.unwrap_or_default();
        if body(&old, &generation, dimensions).is_some() {
            return Ok(());
        }
        let failed = |source| StorageError::Index { path: path.clone(), source };
        let index = match loaded(&old, &generation, dimensions) {
            Some(index) if self.fill(&index, count).map_err(failed)? => index,
            _ => {
                let index = Index::new(&options(dimensions)).map_err(|e| failed(e.into()))?;
                self.fill(&index, count).map_err(failed)?;
                index
            }
        };
        let bytes = written(&index, &generation, dimensions).map_err(failed)?;
        Ok(file::replace_own(&path, &bytes)?)
    }

    /// Adds all vectors that the index does not have as they are. Returns whether it has no
    /// others.
    fn fill(&self, index: &Index, count: usize) -> Result<bool, Box<dyn Error + Send + Sync>> {
        index.reserve_capacity_and_threads(count, rayon::current_num_threads())?;
        let mut query = self.conn.prepare("SELECT pattern, numbers FROM vectors")?;
        let mut rows = query.query([])?;
        let mut batch: Vec<(u64, Vec<f32>)> = Vec::with_capacity(BATCH);
        let mut live = 0;
        loop {
            let row = rows.next()?;
            if let Some(row) = row {
                let numbers = Numbers::new(row.get_ref(1)?.as_blob()?);
                let values = numbers.map(Numbers::values).unwrap_or_default();
                // One of another length is not of this encoder's.
                if values.len() == index.dimensions() {
                    batch.push((row.get::<_, i64>(0)? as u64, values));
                    live += 1;
                }
            }
            if batch.len() == BATCH || row.is_none() {
                batch.par_iter().try_for_each(|(key, values)| add(index, *key, values))?;
                batch.clear();
            }
            if row.is_none() {
                return Ok(index.size() == live);
            }
        }
    }
}

/// Gives the pattern `key` this vector, unless it has it.
fn add(index: &Index, key: u64, values: &[f32]) -> Result<(), Box<dyn Error + Send + Sync>> {
    if index.contains(key) {
        let mut known = vec![0.0_f32; values.len()];
        index.get(key, &mut known)?;
        if known.iter().zip(values).all(|(a, b)| (a - b).abs() < SAME) {
            return Ok(());
        }
        index.remove(key)?;
    }
    Ok(index.add(key, values)?)
}

/// The shape of the graph: 16 neighbours, and usearch's own widths.
fn options(dimensions: usize) -> IndexOptions {
    IndexOptions {
        dimensions,
        metric: MetricKind::Cos,
        quantization: ScalarKind::F16,
        connectivity: 16,
        ..IndexOptions::default()
    }
}

/// Looks for the nearest in what usearch wrote.
#[expect(unsafe_code, reason = "usearch has no safe way to search bytes where they lie")]
fn search(
    body: &[u8],
    query: &[f32],
    count: usize,
    in_scope: impl Fn(i64) -> bool,
) -> Result<Vec<i64>, Box<dyn Error + Send + Sync>> {
    let index = Index::new(&options(query.len()))?;
    // SAFETY: the bytes live longer than the index, which ends with this function, and they do
    // not change: the file is replaced and never written to. That they are what usearch wrote is
    // told by their check.
    unsafe { index.view_from_buffer(body)? };
    let found = index.filtered_search(query, count, |key| in_scope(key as i64))?;
    Ok(found.keys.into_iter().map(|key| key as i64).collect())
}

/// An index of earlier rows of the same store, to go on from.
fn loaded(bytes: &[u8], generation: &Generation, dimensions: usize) -> Option<Index> {
    let changes = u64::from_le_bytes(*bytes.get(16..24)?.first_chunk()?);
    let before = Generation { changes, ..generation.clone() };
    let body = body(bytes, &before, dimensions)?;
    let index = Index::new(&options(dimensions)).ok()?;
    index.load_from_buffer(body).ok()?;
    Some(index)
}

/// What usearch wrote, when the file is whole and of these rows.
fn body<'a>(bytes: &'a [u8], generation: &Generation, dimensions: usize) -> Option<&'a [u8]> {
    let (head, body) = bytes.split_at_checked(HEADER)?;
    let known = head[..BODY_CHECK] == header(generation, dimensions)
        && head[HEADER_CHECK..] == check(&head[..HEADER_CHECK]).to_le_bytes()
        && head[BODY_CHECK..HEADER_CHECK] == check(body).to_le_bytes();
    known.then_some(body)
}

/// The file's bytes.
fn written(
    index: &Index,
    generation: &Generation,
    dimensions: usize,
) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    let mut bytes = vec![0; HEADER + index.serialized_length()];
    let (head, body) = bytes.split_at_mut(HEADER);
    index.save_to_buffer(body)?;
    head[..BODY_CHECK].copy_from_slice(&header(generation, dimensions));
    head[BODY_CHECK..HEADER_CHECK].copy_from_slice(&check(body).to_le_bytes());
    let own = check(&head[..HEADER_CHECK]);
    head[HEADER_CHECK..].copy_from_slice(&own.to_le_bytes());
    Ok(bytes)
}

/// The header up to its checks.
fn header(generation: &Generation, dimensions: usize) -> [u8; BODY_CHECK] {
    let mut head = [0; BODY_CHECK];
    head[..8].copy_from_slice(MAGIC);
    head[8..12].copy_from_slice(&VERSION.to_le_bytes());
    head[12..16].copy_from_slice(&(dimensions as u32).to_le_bytes());
    head[16..24].copy_from_slice(&generation.changes.to_le_bytes());
    head[24..].copy_from_slice(&generation.incarnation);
    head
}

/// A check sum against accidents: FNV-1a over the length and words of eight bytes, four sums side
/// by side, and then over the sums. The last block is filled with zeros. One sum alone would take
/// longer than the search.
fn check(bytes: &[u8]) -> u64 {
    let step = |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
    let (blocks, rest) = bytes.as_chunks::<32>();
    let mut last = [0; 32];
    last[..rest.len()].copy_from_slice(rest);
    let mut sums = [0xcbf2_9ce4_8422_2325_u64; 4];
    for block in blocks.iter().chain([&last]) {
        for (sum, word) in sums.iter_mut().zip(block.as_chunks().0) {
            *sum = step(*sum, u64::from_le_bytes(*word));
        }
    }
    sums.into_iter().fold(bytes.len() as u64, step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::vectors::trial;
    use crate::storage::{Means, Sought};

    fn vector(seed: u64) -> Vec<f32> {
        trial::vector(seed, 24)
    }

    fn put(store: &mut Store, rows: std::ops::Range<i64>, seed: u64) {
        trial::put(store, rows, seed, 24).unwrap();
    }

    fn nearest(store: &Store, seed: u64) -> Option<Vec<i64>> {
        store.nearest(&vector(seed), 5, |_| true).unwrap()
    }

    #[test]
    fn it_follows_the_rows_and_is_not_used_when_it_does_not() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(FILE);
        let mut store = Store::open(home.path(), true).unwrap();
        put(&mut store, 1..300, 0);
        store.refresh_index().unwrap();
        assert!(!path.exists() && nearest(&store, 7).is_none(), "few are compared one by one");
        store.refresh_index_of(100).unwrap();
        assert_eq!(nearest(&store, 7).unwrap()[0], 7);
        let even = store.nearest(&vector(7), 5, |row| row % 2 == 0).unwrap().unwrap();
        assert!(even.len() == 5 && even.iter().all(|row| row % 2 == 0), "{even:?}");
        assert!(store.nearest(&[1.0, 0.0], 5, |_| true).unwrap().is_none(), "other dimensions");

        let before = std::fs::read(&path).unwrap();
        store.refresh_index_of(100).unwrap();
        assert!(std::fs::read(&path).unwrap() == before, "nothing has changed");

        // New ones, and another vector for an old one.
        put(&mut store, 300..350, 0);
        put(&mut store, 7..8, 10_000);
        assert!(nearest(&store, 7).is_none(), "rows that changed make it useless");
        store.refresh_index_of(100).unwrap();
        assert_eq!(nearest(&store, 320).unwrap()[0], 320);
        assert_eq!(nearest(&store, 10_007).unwrap()[0], 7);
        assert_ne!(nearest(&store, 7).unwrap()[0], 7);

        // What is gone goes from the index.
        store.conn().execute("DELETE FROM patterns WHERE row = 320", []).unwrap();
        store.refresh_index_of(100).unwrap();
        assert!(!nearest(&store, 320).unwrap().contains(&320));
        store.conn().execute("DELETE FROM patterns WHERE row > 50", []).unwrap();
        store.refresh_index_of(100).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_damaged_file_is_passed_over_and_made_anew() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(FILE);
        let mut store = Store::open(home.path(), true).unwrap();
        put(&mut store, 1..200, 0);
        store.refresh_index_of(100).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for at in [0, 9, 17, 30, BODY_CHECK, HEADER_CHECK, HEADER, whole.len() / 2, whole.len() - 1]
        {
            let mut damaged = whole.clone();
            damaged[at] ^= 4;
            std::fs::write(&path, damaged).unwrap();
            assert!(nearest(&store, 7).is_none(), "byte {at}");
        }
        for length in [0, 1, HEADER - 1, HEADER, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(nearest(&store, 7).is_none(), "length {length}");
            store.refresh_index_of(100).unwrap();
            assert_eq!(nearest(&store, 7).unwrap()[0], 7, "length {length}");
        }
        // Another store's file is none of this one's.
        let other = tempfile::tempdir().unwrap();
        let mut store = Store::open(other.path(), true).unwrap();
        put(&mut store, 1..200, 0);
        std::fs::write(other.path().join(FILE), whole).unwrap();
        assert!(nearest(&store, 7).is_none());
    }

    #[test]
    fn a_search_finds_the_same_with_it() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        let project = store.ensure_project("app", "app").unwrap();
        put(&mut store, 1..700, 0);
        store
            .conn()
            .execute("UPDATE patterns SET project = ?1 WHERE row > 200", [project])
            .unwrap();
        // Built side by side, the graph is another one each time, and may miss a vector.
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        alone.install(|| store.refresh_index()).unwrap();
        let find = |store: &Store, project, seed| {
            let query = vector(seed);
            let means = Means { encoded: Some(("e@1", &query)), table: None, weight: 2.0 };
            let kinds = &crate::model::pattern::Kind::ALL;
            let sought = Sought { project, kinds, terms: &[], means: Some(means), limit: 3 };
            let found = store.find(&sought).unwrap();
            let rows: Vec<i64> = found.iter().map(|found| found.pattern.row).collect();
            let cosines: Vec<f64> = found.iter().filter_map(|found| found.cosine).collect();
            (rows, cosines)
        };
        let seeds = [3, 250, 699];
        let ask = |store: &Store| {
            seeds.map(|seed| [None, Some(project)].map(|project| find(store, project, seed)))
        };
        assert!(nearest(&store, 3).is_some());
        let with = ask(&store);
        assert_eq!(with[0][0].0[0], 3);
        std::fs::remove_file(home.path().join(FILE)).unwrap();
        assert_eq!(ask(&store), with);
    }
}
