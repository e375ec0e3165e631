//! What answering an event asks of the store. Hot.
//!
//! Two things answer: a [`Snapshot`](super::snapshot) of the project, and, where there is none that
//! is up to date, SQLite itself ([`super::sql`]). They differ in how a row, a key or a term's list
//! is looked up and in nothing else: what is made of those is written once, here and in
//! [`super::bm25`], so both give the same answer.

use std::borrow::Cow;

use super::bm25::{Search, Weights};
use super::dense::Dense;
use super::error::StorageError;
use super::postings::{Corpus, Directory};
use crate::model::ids::PatternId;
use crate::model::key::{Key, Space};
use crate::model::pattern::{Kind, Pattern};
use crate::model::tokens;
use crate::model::vector::Quantised;

/// The most patterns that [`Recall::active`] hands out.
pub(crate) const ACTIVE_MOST: usize = 48;

/// The most files that [`Recall::files_named`] hands out.
pub(super) const NAMED_MOST: usize = 8;

/// The most patterns that [`Recall::by_key`] looks at, newest first, and hands out.
pub(super) const KEYED_MOST: [usize; 2] = [256, 32];

/// What a search is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<'a> {
    /// Index terms, as the tokeniser makes them.
    pub(crate) terms: &'a [String],
    /// What the words mean, where that is to count.
    pub(crate) meaning: Option<Meaning<'a>>,
}

impl<'a> Query<'a> {
    /// A search for words alone.
    pub(crate) fn words(terms: &'a [String]) -> Self {
        Self { terms, meaning: None }
    }
}

/// The vector of a query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meaning<'a> {
    /// The vector.
    pub(crate) vector: &'a Quantised,
    /// Names its space; documents of another one are searched by their words alone.
    pub(crate) space: u64,
    /// How much a cosine of 1 counts beside the best match by words, which counts 1.
    pub(crate) weight: f64,
}

/// A pattern found by its words or by what they mean.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Hit {
    /// The pattern.
    pub(crate) pattern: Pattern,
    /// BM25 score; larger is better.
    pub(crate) bm25: f64,
    /// Cosine of the vectors; `None` where one of them is missing.
    pub(crate) cosine: Option<f64>,
    /// Both together: BM25 as a share of the best one, and the cosine with its weight.
    pub(crate) score: f64,
}

/// A file of a project.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct KnownFile {
    /// Identity, as injected text names it.
    pub(crate) uid: PatternId,
    /// Path relative to the project's folder.
    pub(crate) path: String,
    /// Episodes that changed it.
    pub(crate) edits: u32,
    /// Episodes that only read it.
    pub(crate) reads: u32,
    /// Last time, in milliseconds since the Unix epoch.
    pub(crate) last: i64,
}

/// A file found by its words.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct FileHit {
    /// The file.
    pub(crate) file: KnownFile,
    /// BM25 score; larger is better.
    pub(crate) score: f64,
    /// BM25 over path, symbols and words alone.
    pub(crate) fields: [f64; 3],
}

/// A file that changed in the same episodes as another one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Companion {
    /// The file.
    pub(crate) file: KnownFile,
    /// How many episodes changed both.
    pub(crate) together: u32,
}

/// A document that words or meaning propose.
struct Fused {
    document: u32,
    bm25: f32,
    cosine: Option<f32>,
    score: f64,
}

/// How many documents of a project hold a term.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct TermCounts {
    /// Documents of the corpus.
    pub(crate) entries: u32,
    /// Patterns of any kind.
    pub(crate) patterns: u32,
}

/// Where an event's answer comes from.
pub(crate) trait Recall {
    /// The project to which one of `folders` belongs, and that project's folder; the first that
    /// is known wins.
    fn project_of_roots(&self, folders: &[&str]) -> Result<Option<(i64, String)>, StorageError>;

    /// The row of the project with this key.
    fn project_by_key(&self, key: &str) -> Result<Option<i64>, StorageError>;

    /// When anything last happened in a project, in milliseconds since the Unix epoch: ages are
    /// counted from there, so that a project that rested does not forget.
    fn last_activity(&self, project: i64) -> Result<Option<i64>, StorageError>;

    /// Active patterns of these kinds in the project, or global ones, that have this key; those
    /// of most sessions first, then the latest.
    fn by_key(&self, project: i64, key: Key, kinds: &[Kind]) -> Result<Vec<Pattern>, StorageError>;

    /// The active patterns of one kind in the project, most evidence first; [`ACTIVE_MOST`] of
    /// them at most. The kinds are those that a brief names.
    fn active(&self, project: i64, kind: Kind) -> Result<Vec<Pattern>, StorageError>;

    /// Runs and failures of the command with this key in the project.
    fn command_rate(&self, project: i64, key: Key) -> Result<(u32, u32), StorageError>;

    /// Files with this name (last component), most used first.
    fn files_named(&self, project: i64, name: &str) -> Result<Vec<KnownFile>, StorageError>;

    /// The file at `path`.
    fn file_at(&self, project: i64, path: &str) -> Result<Option<KnownFile>, StorageError>;

    /// The number of episodes that changed the file at `path`, and the files that were changed in
    /// the same ones, most often first; `limit` of them at most.
    fn changed_with(
        &self,
        project: i64,
        path: &str,
        limit: usize,
    ) -> Result<(u32, Vec<Companion>), StorageError>;

    /// The documents of a corpus of the project; `None` when there are none.
    fn directory(
        &self,
        project: i64,
        corpus: Corpus,
    ) -> Result<Option<Directory<'_>>, StorageError>;

    /// How many documents of the corpus hold each of `terms`. The empty term is held by all.
    fn term_counts(
        &self,
        project: i64,
        corpus: Corpus,
        terms: &[&str],
    ) -> Result<Vec<TermCounts>, StorageError>;

    /// The list of a term; `None` when no document holds it.
    fn term_list(
        &self,
        project: i64,
        corpus: Corpus,
        term: &str,
    ) -> Result<Option<Cow<'_, [u8]>>, StorageError>;

    /// The vectors of the documents of a corpus; `None` when there are none.
    fn dense(&self, project: i64, corpus: Corpus) -> Result<Option<Dense<'_>>, StorageError>;

    /// The active pattern in a row.
    fn pattern_in(&self, project: i64, row: i64) -> Result<Option<Pattern>, StorageError>;

    /// The file in a row.
    fn file_in(&self, project: i64, row: i64) -> Result<Option<KnownFile>, StorageError>;

    /// Active patterns of the project, or global ones, by words and meaning; best first.
    ///
    /// Both scores are added up over everything that either of the two proposes, each in full: a
    /// document that only one of them likes has its score of the other as well.
    fn search(
        &self,
        project: i64,
        corpus: Corpus,
        query: &Query<'_>,
        limit: usize,
    ) -> Result<Vec<Hit>, StorageError> {
        let weights = Weights([1.0, 0.3, 0.0]);
        let Some(search) = Search::of(self, project, corpus, query.terms, weights)? else {
            return Ok(Vec::new());
        };
        let mut found = search.highest(limit);
        let best = found.first().map_or(0.0, |(_, score)| *score);
        let dense = match query.meaning {
            Some(meaning) => self.dense(project, corpus)?.filter(|d| d.space() == meaning.space),
            None => None,
        };
        if let (Some(dense), Some(meaning)) = (&dense, &query.meaning) {
            let mut others: Vec<u32> =
                dense.nearest(meaning.vector, limit).into_iter().map(|(near, _)| near).collect();
            others.retain(|near| found.iter().all(|(known, _)| known != near));
            let scores = search.scores(&others);
            found.extend(others.into_iter().zip(scores).map(|(other, (score, _))| (other, score)));
        }
        let mut fused: Vec<Fused> = found
            .into_iter()
            .map(|(document, bm25)| {
                let cosine = match (&dense, &query.meaning) {
                    (Some(dense), Some(meaning)) => dense.cosine(meaning.vector, document),
                    _ => None,
                };
                let words = if best > 0.0 { f64::from(bm25 / best) } else { 0.0 };
                let weight = query.meaning.map_or(0.0, |meaning| meaning.weight);
                let score = words + weight * f64::from(cosine.unwrap_or(0.0).max(0.0));
                Fused { document, bm25, cosine, score }
            })
            .collect();
        fused.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.document.cmp(&b.document)));
        fused.truncate(limit);
        let mut hits = Vec::with_capacity(fused.len());
        for Fused { document, bm25, cosine, score } in fused {
            let (bm25, cosine) = (bm25.into(), cosine.map(f64::from));
            let pattern = self.pattern_in(project, search.row(document))?;
            hits.extend(pattern.map(|pattern| Hit { pattern, bm25, cosine, score }));
        }
        Ok(hits)
    }

    /// Files of the project by BM25 over their path, symbols and the words of prompts that
    /// changed them; best first.
    fn search_files(
        &self,
        project: i64,
        terms: &[String],
        limit: usize,
    ) -> Result<Vec<FileHit>, StorageError> {
        files_by_terms(self, project, terms, Weights([3.0, 2.0, 1.0]), limit)
    }

    /// Files of the project by BM25 over their symbols alone; best first.
    fn search_symbols(
        &self,
        project: i64,
        symbols: &[String],
        limit: usize,
    ) -> Result<Vec<FileHit>, StorageError> {
        files_by_terms(self, project, symbols, Weights([0.0, 1.0, 0.0]), limit)
    }

    /// How many patterns the project has.
    fn patterns(&self, project: i64) -> Result<u32, StorageError> {
        let counts = self.term_counts(project, Corpus::Decisions, &[""])?;
        Ok(counts.first().map_or(0, |counts| counts.patterns))
    }

    /// The terms with the number of the project's patterns in which each stands.
    fn frequencies(&self, project: i64, terms: &[String]) -> Result<Vec<(Key, u32)>, StorageError> {
        let names: Vec<&str> = terms.iter().map(String::as_str).collect();
        let counts = self.term_counts(project, Corpus::Decisions, &names)?;
        let keys = terms.iter().map(|term| Key::new(Space::Term, term));
        Ok(keys.zip(counts.into_iter().map(|counts| counts.patterns)).collect())
    }

    /// The different terms of a decision's text with their [`Recall::frequencies`].
    fn decision_terms(
        &self,
        project: i64,
        decision: &Pattern,
    ) -> Result<Vec<(Key, u32)>, StorageError> {
        self.frequencies(project, &tokens::distinct(&decision.text))
    }
}

/// The files that hold any of `terms`; best first.
fn files_by_terms<R: Recall + ?Sized>(
    recall: &R,
    project: i64,
    terms: &[String],
    weights: Weights,
    limit: usize,
) -> Result<Vec<FileHit>, StorageError> {
    let Some(search) = Search::of(recall, project, Corpus::Files, terms, weights)? else {
        return Ok(Vec::new());
    };
    let found = search.highest(limit);
    let documents: Vec<u32> = found.iter().map(|(document, _)| *document).collect();
    let fields = search.scores(&documents).into_iter().map(|(_, fields)| fields);
    let mut hits = Vec::with_capacity(found.len());
    for ((document, score), fields) in found.into_iter().zip(fields) {
        let file = recall.file_in(project, search.row(document))?;
        hits.extend(file.map(|file| FileHit { file, score: score.into(), fields }));
    }
    Ok(hits)
}
