//! How near patterns are to what a query means.
//!
//! The full encoder's vectors count where there are some. For all other patterns it is those of the
//! static encoder: the ones that hooks use, and for the rest it makes them on the spot.

use foldhash::{HashMap, HashMapExt};
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
        let unencoded = self.unencoded_in(project, scan.encoder)?;
        if unencoded <= ON_THE_SPOT {
            if let Some((encoder, query)) = means.table.as_ref().filter(|_| unencoded > 0) {
                scan.listed = self.listed(project, encoder.space(), query)?;
            }
            let scope = project.map_or("", |_| "AND (p.project = ?2 OR p.project IS NULL)");
            let sql = format!("{SELECT} WHERE p.state = 1 {scope}");
            let mut query = self.conn.prepare_cached(&sql).attempt(ATTEMPT)?;
            let rows = match project {
                Some(project) => query.query(params![scan.encoder, project]),
                None => query.query([scan.encoder]),
            };
            scan.take(rows.attempt(ATTEMPT)?)?;
        } else {
            let sql = format!("{SELECT} WHERE p.state = 1 AND p.row = ?2");
            let mut query = self.conn.prepare_cached(&sql).attempt(ATTEMPT)?;
            for (row, _) in words.iter().take(PROPOSED) {
                scan.take(query.query(params![scan.encoder, row]).attempt(ATTEMPT)?)?;
            }
        }
        Ok(scan.finish())
    }

    /// Active patterns in the scope without a vector of `encoder`.
    fn unencoded_in(&self, project: Option<i64>, encoder: &str) -> Result<u64, StorageError> {
        self.conn
            .query_row(
                "SELECT count(*) FROM patterns p
                 LEFT JOIN vectors v ON v.pattern = p.row AND v.encoder = ?1
                 WHERE p.state = 1 AND v.pattern IS NULL
                 AND (?2 IS NULL OR p.project = ?2 OR p.project IS NULL)",
                params![encoder, project],
                |row| row.get::<_, i64>(0),
            )
            .map(|count| count as u64)
            .attempt(ATTEMPT)
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
                    let cosine = dense.cosine(query, document);
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
    /// Cosines that are known without looking at the words.
    listed: HashMap<i64, f32>,
    /// Cosines by the full encoder and by the static one.
    encoded: Vec<(i64, f32)>,
    by_table: Vec<(i64, f32)>,
    /// What the static encoder has to encode.
    texts: Vec<(i64, String)>,
}

impl<'a> Scan<'a> {
    fn new(means: &'a Means<'a>) -> Self {
        Self {
            means,
            encoder: means.encoded.map_or("", |(name, _)| name),
            query: means.encoded.map_or_else(Vec::new, |(_, vector)| stored(vector)),
            listed: HashMap::new(),
            encoded: Vec::new(),
            by_table: Vec::new(),
            texts: Vec::new(),
        }
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
        } else if let Some(cosine) = self.listed.get(&pattern) {
            self.by_table.push((pattern, *cosine));
        } else if self.means.table.is_some() {
            let kind = Kind::from_number(row.get(2)?).unwrap_or(Kind::Skill);
            let text = |column| row.get_ref(column).map(|text| text.as_str().unwrap_or(""));
            self.texts.push((pattern, kind.meaningful(text(3)?, text(4)?).to_owned()));
        }
        Ok(())
    }

    fn finish(mut self) -> HashMap<i64, Near> {
        if let Some((encoder, query)) = &self.means.table {
            self.by_table.par_extend(self.texts.par_iter().filter_map(|(pattern, text)| {
                let vector = encoder.encode(text)?;
                Some((*pattern, query.cosine(&vector.integers, vector.scale)))
            }));
        }
        let mut near = HashMap::new();
        near.extend(calibrated(&self.encoded, ENOUGH));
        near.extend(calibrated(&self.by_table, ENOUGH_BY_TABLE));
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

/// What cosines tell. Encoders differ in how near they place any two texts (the mean cosine of
/// all-MiniLM-L6-v2 is about 0.1, that of gte-small 0.7), so what counts is how far a cosine
/// stands above the mean.
fn calibrated(cosines: &[(i64, f32)], enough: f32) -> impl Iterator<Item = (i64, Near)> {
    let sum: f32 = cosines.iter().map(|(_, cosine)| cosine).sum();
    let mean = (sum / (cosines.len() as f32 + DOUBT)).clamp(0.0, 0.95);
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
            calibrated(&numbered, ENOUGH).map(|(_, near)| near).collect()
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
