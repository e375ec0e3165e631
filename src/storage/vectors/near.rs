//! How near patterns are to what a query means.
//!
//! The full encoder's vectors count where there are some. For all other patterns it is those of the
//! static encoder: the ones that hooks use, and for the rest it makes them on the spot.

use foldhash::{HashMap, HashMapExt, HashSet};
use rayon::prelude::*;
use rusqlite::params;

use super::numbers::{Numbers, stored};
use crate::model::pattern::Kind;
use crate::model::vector::{Encode, Quantised};
use crate::storage::error::{Attempt, StorageError};
use crate::storage::open::Reader;
use crate::storage::postings::Corpus;
use crate::storage::recall::Recall as _;

/// Patterns without a vector up to which all of the scope are compared: some tens of milliseconds.
/// In a larger scope only those that words propose are.
const ON_THE_SPOT: u64 = 20_000;

/// Patterns that words propose, in such a scope.
const PROPOSED: usize = 1_000;

/// Patterns that the index proposes.
#[cfg(feature = "index")]
const NEAREST: usize = 200;

/// Patterns that tell how near any two texts are, where not all of a scope are compared.
const SAMPLE: i64 = 256;

/// What a query means.
#[derive(Debug)]
pub(crate) struct Means<'a> {
    /// The full encoder's name and its vector of the query, where one is in use.
    pub(crate) encoded: Option<(&'a str, &'a [f32])>,
    /// The static encoder and its vector of the query; `None` when it knows no word of it.
    pub(crate) table: Option<(&'a (dyn Encode + Sync), Quantised)>,
    /// How much the same meaning counts beside the best match by words, which counts 1.
    pub(crate) weight: f64,
}

/// How near a pattern is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(in crate::storage) struct Near {
    /// Cosine of both vectors.
    pub(in crate::storage) cosine: f32,
    /// The cosine above what any two texts have: 0 for those, 1 for the same meaning.
    pub(in crate::storage) meaning: f32,
    /// Whether that is enough without any word in common.
    pub(in crate::storage) proposes: bool,
}

impl Reader {
    /// Whether any pattern has a vector of `encoder`.
    #[cfg(feature = "encoder")]
    pub(crate) fn has_vectors(&self, encoder: &str) -> Result<bool, StorageError> {
        self.conn
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM vectors WHERE encoder = ?1)",
                [encoder],
                |row| row.get(0),
            )
            .attempt("look for vectors")
    }

    /// How near the active patterns of a project, with what is global, or of all are to the
    /// query. `words` are those that words propose, best first.
    pub(in crate::storage) fn near(
        &self,
        project: Option<i64>,
        means: &Means<'_>,
        words: &[(i64, f64)],
    ) -> Result<HashMap<i64, Near>, StorageError> {
        let mut scan = Scan::new(means);
        let active = self.active_in(project)?;
        let indexed = self.indexed(project, means, active)?;
        let by_words = words.iter().take(PROPOSED).map(|(row, _)| *row);
        if indexed.is_none() && (means.encoded.is_some() || active <= ON_THE_SPOT) {
            let scope = project.map_or("", |_| "AND (p.project = ?2 OR p.project IS NULL)");
            let sql = format!("{SELECT} WHERE p.state = 1 {scope}");
            let mut query = self.conn.prepare_cached(&sql).attempt(ATTEMPT)?;
            let rows = match project {
                Some(project) => query.query(params![scan.encoder, project]),
                None => query.query([scan.encoder]),
            };
            scan.take(rows.attempt(ATTEMPT)?)?;
            if scan.texts.len() as u64 > ON_THE_SPOT {
                let proposed: HashSet<i64> = by_words.collect();
                scan.texts.retain(|(row, _)| proposed.contains(row));
            }
        } else {
            let sql = format!("{SELECT} WHERE p.state = 1 AND p.row = ?2");
            let mut query = self.conn.prepare_cached(&sql).attempt(ATTEMPT)?;
            for row in self.sample(scan.encoder)? {
                scan.take(query.query(params![scan.encoder, row]).attempt(ATTEMPT)?)?;
            }
            scan.sampled();
            let candidates: HashSet<i64> = by_words.chain(indexed.unwrap_or_default()).collect();
            for row in candidates {
                scan.take(query.query(params![scan.encoder, row]).attempt(ATTEMPT)?)?;
            }
        }
        if let Some((encoder, query)) = means.table.as_ref().filter(|_| !scan.texts.is_empty()) {
            scan.take_listed(&self.listed(project, encoder.space(), query)?);
        }
        Ok(scan.finish())
    }

    /// Active patterns in the scope.
    fn active_in(&self, project: Option<i64>) -> Result<u64, StorageError> {
        self.conn
            .query_row(
                "SELECT count(*) FROM patterns
                 WHERE state = 1 AND (?1 IS NULL OR project = ?1 OR project IS NULL)",
                [project],
                |row| row.get::<_, i64>(0),
            )
            .map(|count| count as u64)
            .attempt(ATTEMPT)
    }

    /// The patterns in the scope that the index finds nearest; `None` when the scope has few, or
    /// there is no index of the present vectors.
    #[cfg(feature = "index")]
    fn indexed(
        &self,
        project: Option<i64>,
        means: &Means<'_>,
        active: u64,
    ) -> Result<Option<Vec<i64>>, StorageError> {
        let Some((_, query)) = means.encoded.filter(|_| active >= super::index::MANY) else {
            return Ok(None);
        };
        let Some(project) = project else { return self.nearest(query, NEAREST, |_| true) };
        let scope: HashSet<i64> = {
            let mut query = self
                .conn
                .prepare_cached(
                    "SELECT row FROM patterns
                     WHERE state = 1 AND (project = ?1 OR project IS NULL)",
                )
                .attempt(ATTEMPT)?;
            let rows = query.query_map([project], |row| row.get(0));
            rows.and_then(Iterator::collect).attempt(ATTEMPT)?
        };
        self.nearest(query, NEAREST, |row| scope.contains(&row))
    }

    #[cfg(not(feature = "index"))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "as with the index")]
    fn indexed(
        &self,
        _: Option<i64>,
        _: &Means<'_>,
        _: u64,
    ) -> Result<Option<Vec<i64>>, StorageError> {
        Ok(None)
    }

    /// Some patterns with vectors of `encoder`, from everywhere: any texts.
    fn sample(&self, encoder: &str) -> Result<Vec<i64>, StorageError> {
        let mut query = self
            .conn
            .prepare_cached(
                "WITH RECURSIVE step (at, width) AS (
                     SELECT min(pattern), (max(pattern) - min(pattern)) / ?2 + 1 FROM vectors
                     UNION ALL SELECT at + width, width FROM step
                     WHERE at + width <= (SELECT max(pattern) FROM vectors)
                 )
                 SELECT DISTINCT v.pattern FROM step JOIN vectors v ON v.pattern =
                     (SELECT min(pattern) FROM vectors WHERE pattern >= step.at)
                 WHERE v.encoder = ?1",
            )
            .attempt(ATTEMPT)?;
        let rows = query.query_map(params![encoder, SAMPLE], |row| row.get(0));
        rows.and_then(Iterator::collect).attempt(ATTEMPT)
    }

    /// The cosines of the query and the patterns that were listed with a vector of the space.
    fn listed(
        &self,
        project: Option<i64>,
        space: u64,
        query: &Quantised,
    ) -> Result<HashMap<i64, f32>, StorageError> {
        let projects = match project {
            Some(project) => vec![project],
            None => self.projects()?.into_iter().map(|(row, _, _)| row).collect(),
        };
        let mut cosines = HashMap::new();
        for project in projects {
            for corpus in Corpus::ALL.into_iter().filter(|corpus| corpus.has_meaning()) {
                let dense = self.dense(project, corpus)?.filter(|dense| dense.space() == space);
                let Some(dense) = dense else { continue };
                let Some(directory) = self.directory(project, corpus)? else { continue };
                for document in 0..directory.documents() {
                    let cosine = dense.cosine(query, document)?;
                    cosines.extend(cosine.map(|it| (i64::from(directory.row(document)), it)));
                }
            }
        }
        Ok(cosines)
    }
}

const ATTEMPT: &str = "compare the vectors";

/// A pattern with its vector, or where it has none with its words.
const SELECT: &str = "SELECT p.row, v.numbers, p.kind,
         CASE WHEN v.pattern IS NULL THEN p.trigger END,
         CASE WHEN v.pattern IS NULL THEN p.text END
     FROM patterns p LEFT JOIN vectors v ON v.pattern = p.row AND v.encoder = ?1";

/// Rows of [`SELECT`] on their way to cosines.
struct Scan<'a> {
    means: &'a Means<'a>,
    /// The full encoder of which vectors count; empty when there is none.
    encoder: &'a str,
    /// Its vector of the query, in the form in which vectors are stored.
    query: Vec<u8>,
    /// Cosines by the full encoder and by the static one.
    encoded: Vec<(i64, f32)>,
    by_table: Vec<(i64, f32)>,
    /// What the static encoder has to encode.
    texts: Vec<(i64, String)>,
    /// Cosines of any texts by the full encoder, where those above are chosen ones.
    sample: Option<Vec<(i64, f32)>>,
}

impl<'a> Scan<'a> {
    fn new(means: &'a Means<'a>) -> Self {
        Self {
            means,
            encoder: means.encoded.map_or("", |(name, _)| name),
            query: means.encoded.map_or_else(Vec::new, |(_, vector)| stored(vector)),
            encoded: Vec::new(),
            by_table: Vec::new(),
            texts: Vec::new(),
            sample: None,
        }
    }

    /// What was taken so far is only a sample.
    fn sampled(&mut self) {
        self.sample = Some(std::mem::take(&mut self.encoded));
    }

    fn take(&mut self, mut rows: rusqlite::Rows<'_>) -> Result<(), StorageError> {
        while let Some(row) = rows.next().attempt(ATTEMPT)? {
            self.take_row(row).attempt(ATTEMPT)?;
        }
        Ok(())
    }

    fn take_row(&mut self, row: &rusqlite::Row<'_>) -> Result<(), rusqlite::Error> {
        let pattern: i64 = row.get(0)?;
        if let Some(numbers) = row.get_ref(1)?.as_blob_or_null()? {
            let both = Numbers::new(&self.query).zip(Numbers::new(numbers));
            self.encoded.extend(both.map(|(query, other)| (pattern, query.cosine(other))));
        } else if self.means.table.is_some() {
            let kind = Kind::from_number(row.get(2)?).unwrap_or(Kind::Skill);
            let text = |column| row.get_ref(column).map(|text| text.as_str().unwrap_or(""));
            self.texts.push((pattern, kind.meaningful(text(3)?, text(4)?).to_owned()));
        }
        Ok(())
    }

    /// Takes the cosines that are known, so that their texts need not be encoded.
    fn take_listed(&mut self, listed: &HashMap<i64, f32>) {
        self.texts.retain(|(pattern, _)| match listed.get(pattern) {
            None => true,
            Some(cosine) => {
                self.by_table.push((*pattern, *cosine));
                false
            }
        });
    }

    fn finish(mut self) -> HashMap<i64, Near> {
        if let Some((encoder, query)) = &self.means.table {
            self.by_table.par_extend(self.texts.par_iter().filter_map(|(pattern, text)| {
                let vector = encoder.encode(text)?;
                Some((*pattern, query.cosine(&vector.integers, vector.scale)))
            }));
        }
        let mut near = HashMap::new();
        let any = self.sample.as_ref().unwrap_or(&self.encoded);
        near.extend(calibrated(&self.encoded, mean(any), ENOUGH));
        near.extend(calibrated(&self.by_table, mean(&self.by_table), ENOUGH_BY_TABLE));
        near
    }
}

/// How much meaning has to be the same where no word is: below it, patterns on any subject are
/// found.
const ENOUGH: f32 = 0.3;

/// The same by the static encoder, which is wrong more often.
const ENOUGH_BY_TABLE: f32 = 0.45;

/// Cosines that a mean is made of, beside those that it is of, as if they were 0: a mean of few
/// says little.
const DOUBT: f32 = 20.0;

/// How near any two texts are.
fn mean(cosines: &[(i64, f32)]) -> f32 {
    let sum: f32 = cosines.iter().map(|(_, cosine)| cosine).sum();
    (sum / (cosines.len() as f32 + DOUBT)).clamp(0.0, 0.95)
}

/// What cosines tell. Encoders differ in how near they place any two texts, so what counts is how
/// far a cosine stands above their `mean`.
fn calibrated(cosines: &[(i64, f32)], mean: f32, enough: f32) -> impl Iterator<Item = (i64, Near)> {
    cosines.iter().map(move |(pattern, cosine)| {
        let meaning = ((cosine - mean) / (1.0 - mean)).max(0.0);
        (*pattern, Near { cosine: *cosine, meaning, proposes: meaning >= enough })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoders_that_place_all_texts_near_are_no_better_for_it() {
        let of = |cosines: &[f32]| -> Vec<Near> {
            let numbered: Vec<(i64, f32)> = (1..).zip(cosines.iter().copied()).collect();
            calibrated(&numbered, mean(&numbered), ENOUGH).map(|(_, near)| near).collect()
        };
        let mut wide = vec![0.1; 2_000];
        let mut narrow = vec![0.75; 2_000];
        wide.extend([0.6, 0.3]);
        narrow.extend([0.9, 0.8]);
        for cosines in [wide, narrow] {
            let near = of(&cosines);
            assert!(near[2_000].proposes && near[2_000].meaning > 0.4, "{:?}", near[2_000]);
            assert!(!near[2_001].proposes && near[2_001].meaning > 0.1, "{:?}", near[2_001]);
            assert!(near[0].meaning < 0.1, "{:?}", near[0]);
        }
        // The only pattern is not its own yardstick.
        assert!(of(&[0.8])[0].meaning > 0.7);
        assert!(of(&[-0.5])[0].meaning.abs() < f32::EPSILON);
        assert_eq!(of(&[]), []);
    }
}
