//! What answering an event asks of the store. Hot.
//!
//! Two things answer: a [`Snapshot`](super::snapshot) of the project, and, where there is none that
//! is up to date, SQLite itself ([`super::sql`]). They differ in how a row, a key or a term's list
//! is looked up and in nothing else: what is made of those is written once, here and in
//! [`super::bm25`], so both give the same answer.

use std::borrow::Cow;

use super::bm25::{self, Search};
use super::dense::{Dense, Neighbours};
use super::error::StorageError;
use super::postings::{Corpus, Directory};
use crate::model::ids::PatternId;
use crate::model::key::{Key, Space};
use crate::model::pattern::{Kind, Pattern};
use crate::model::rank::Weights;
use crate::model::vector::Quantised;

/// The most patterns that [`Recall::each_active`] hands out.
pub(crate) const ACTIVE_MOST: usize = 48;

/// The most files that [`Recall::files_named`] hands out.
pub(super) const NAMED_MOST: usize = 8;

/// The most patterns that [`Recall::by_key`] looks at, newest first, and hands out.
pub(super) const KEYED_MOST: [usize; 2] = [256, 32];

/// A term that was looked up in a project.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Term<'a> {
    /// The term, as the tokeniser makes it.
    pub(super) text: &'a str,
    /// Its hash.
    pub(crate) key: Key,
    /// How many of the project's patterns hold it; counted only for terms that a decision holds.
    pub(crate) patterns: u32,
    /// How many documents of each corpus hold it, by the corpus' number.
    pub(super) entries: [u32; Corpus::ALL.len()],
    /// Where its lists are, for the one who looked it up.
    pub(super) place: u64,
}

impl<'a> Term<'a> {
    /// The term.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// A term that nothing holds.
    pub(super) fn unknown(text: &'a str) -> Self {
        let key = Key::new(Space::Term, text);
        Self { text, key, patterns: 0, entries: [0; Corpus::ALL.len()], place: 0 }
    }
}

/// What a search is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<'a> {
    /// Index terms, looked up in the project that is searched.
    pub(crate) terms: &'a [Term<'a>],
    /// What the words mean, where that is to count.
    pub(crate) meaning: Option<Meaning<'a>>,
}

impl<'a> Query<'a> {
    /// A search for words alone.
    pub(crate) fn words(terms: &'a [Term<'a>]) -> Self {
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
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Scored {
    /// Row of the pattern.
    pub(crate) row: i64,
    /// Its number among the documents of the corpus.
    pub(crate) document: u32,
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

/// Where an event's answer comes from.
pub(crate) trait Recall {
    /// The project to which one of `folders` belongs, and that project's folder; the first that
    /// is known wins.
    fn project_of_roots(&self, folders: &[&str]) -> Result<Option<(i64, String)>, StorageError>;

    /// The row of the project with this key.
    fn project_by_key(&self, key: &str) -> Result<Option<i64>, StorageError>;

    /// The weights of the model for files: those fitted to the user's own history, where there are
    /// any that this version knows, else the shipped ones.
    fn place_weights(&self) -> Result<Weights, StorageError>;

    /// When anything last happened in a project, in milliseconds since the Unix epoch: ages are
    /// counted from there, so that a project that rested does not forget.
    fn last_activity(&self, project: i64) -> Result<Option<i64>, StorageError>;

    /// Active patterns of these kinds in the project, or global ones, that have this key; those
    /// of most sessions first, then the latest.
    fn by_key(&self, project: i64, key: Key, kinds: &[Kind]) -> Result<Vec<Pattern>, StorageError>;

    /// Gives `each` the active patterns of one kind in the project, or global ones, most evidence
    /// first; [`ACTIVE_MOST`] of them at most. The kinds are those that a brief names.
    ///
    /// One at a time: of most of them little is needed, and what is not cloned makes room for the next
    /// one.
    fn each_active(
        &self,
        project: i64,
        kind: Kind,
        each: &mut dyn FnMut(&Pattern),
    ) -> Result<(), StorageError>;

    /// All that [`Self::each_active`] gives.
    fn active(&self, project: i64, kind: Kind) -> Result<Vec<Pattern>, StorageError> {
        let mut found = Vec::new();
        self.each_active(project, kind, &mut |pattern| found.push(pattern.clone()))?;
        Ok(found)
    }

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

    /// Looks `terms` up in some corpora of the project, once for all searches in them.
    fn look_up<'a>(
        &self,
        project: i64,
        corpora: &[Corpus],
        terms: &'a [String],
    ) -> Result<Vec<Term<'a>>, StorageError>;

    /// The list of a term that was looked up in this corpus; `None` when no document holds it.
    fn term_list(
        &self,
        project: i64,
        corpus: Corpus,
        term: &Term<'_>,
    ) -> Result<Option<Cow<'_, [u8]>>, StorageError>;

    /// How many patterns the project has.
    fn patterns(&self, project: i64) -> Result<u32, StorageError>;

    /// The different terms of the text of the decision in a row, with the number of the project's
    /// patterns in which each stands; none when it is not active.
    fn decision_terms(&self, project: i64, row: i64) -> Result<Vec<(Key, u32)>, StorageError>;

    /// The known files on which the episode in a row worked.
    fn episode_files(&self, project: i64, row: i64) -> Result<Vec<KnownFile>, StorageError>;

    /// The vectors of the documents of a corpus; `None` when there are none.
    fn dense(&self, project: i64, corpus: Corpus) -> Result<Option<Dense<'_>>, StorageError>;

    /// The active pattern in a row.
    fn pattern_in(&self, project: i64, row: i64) -> Result<Option<Pattern>, StorageError>;

    /// When the decision in a row was last said, and on what subject; `None` if that was not after
    /// `since`.
    fn said_after(&self, project: i64, row: i64, since: i64) -> Result<Option<Said>, StorageError> {
        let later = self.pattern_in(project, row)?.filter(|decision| decision.tally.last > since);
        Ok(later.map(|decision| (decision.tally.last, decision.payload.subject)))
    }

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
    ) -> Result<Vec<Scored>, StorageError> {
        let found = Search::of(self, project, corpus, query.terms, bm25::Weights::PATTERN)?;
        let Some(search) = found else {
            return Ok(Vec::new());
        };
        let dense = match query.meaning {
            Some(meaning) => self.dense(project, corpus)?.filter(|d| d.space() == meaning.space),
            None => None,
        };
        let neighbours = match (&dense, &query.meaning) {
            (Some(dense), Some(meaning)) => dense.nearest(meaning.vector, limit)?,
            _ => Neighbours::default(),
        };
        let near: Vec<u32> = neighbours.nearest.iter().map(|(near, _)| *near).collect();
        let (mut found, scores) = search.highest(limit, &near);
        let best = found.first().map_or(0.0, |(_, score)| *score);
        for (near, score) in near.into_iter().zip(scores) {
            if found.iter().all(|(known, _)| *known != near) {
                found.push((near, score));
            }
        }
        let mut fused: Vec<Scored> = Vec::with_capacity(found.len());
        for (document, bm25) in found {
            let cosine = match (&dense, &query.meaning) {
                (Some(dense), Some(meaning)) => match dense.known_cosine(&neighbours, document) {
                    None => dense.cosine(meaning.vector, document)?,
                    known => known,
                },
                _ => None,
            };
            let weight = query.meaning.map_or(0.0, |meaning| meaning.weight);
            let (bm25, cosine) = (bm25.into(), cosine.map(f64::from));
            let score = self::fused(bm25, best.into(), cosine, weight);
            fused.push(Scored { row: search.row(document), document, bm25, cosine, score });
        }
        fused.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.document.cmp(&b.document)));
        fused.truncate(limit);
        Ok(fused)
    }

    /// Whether each of some `documents` of a corpus of patterns may hold `least` of `terms` in what it
    /// says, in their order: told by lists, most of which a search has read, while a look at each
    /// document takes two reads. As a search, it goes by what the lists have, until they are written anew.
    fn may_hold(
        &self,
        project: i64,
        corpus: Corpus,
        (terms, least): (&[Term<'_>], usize),
        documents: &[u32],
    ) -> Result<Vec<bool>, StorageError> {
        bm25::may_hold(self, project, corpus, (terms, least), documents)
    }

    /// Files of the project by BM25 over their path, symbols and the words of prompts that
    /// changed them; best first.
    fn search_files(
        &self,
        project: i64,
        terms: &[Term<'_>],
        limit: usize,
    ) -> Result<Vec<FileHit>, StorageError> {
        files_by_terms(self, project, terms, bm25::Weights::FILE, limit)
    }

    /// Files of the project by BM25 over their symbols alone; best first.
    fn search_symbols(
        &self,
        project: i64,
        symbols: &[Term<'_>],
        limit: usize,
    ) -> Result<Vec<FileHit>, StorageError> {
        files_by_terms(self, project, symbols, bm25::Weights::SYMBOL, limit)
    }
}

/// When a decision was last said, in milliseconds since the Unix epoch, and the terms of its subject.
pub(crate) type Said = (i64, Vec<String>);

/// Words and meaning together: BM25 as a share of the best one, and the cosine with its weight.
pub(crate) fn fused(bm25: f64, best: f64, cosine: Option<f64>, weight: f64) -> f64 {
    let words = if best > 0.0 { bm25 / best } else { 0.0 };
    words + weight * cosine.unwrap_or(0.0).max(0.0)
}

/// The files that hold any of `terms`; best first.
fn files_by_terms<R: Recall + ?Sized>(
    recall: &R,
    project: i64,
    terms: &[Term<'_>],
    weights: &'static bm25::Weights,
    limit: usize,
) -> Result<Vec<FileHit>, StorageError> {
    let Some(search) = Search::of(recall, project, Corpus::Files, terms, weights)? else {
        return Ok(Vec::new());
    };
    let (found, _) = search.highest(limit, &[]);
    let documents: Vec<u32> = found.iter().map(|(document, _)| *document).collect();
    let fields = search.by_field(&documents);
    let mut hits = Vec::with_capacity(found.len());
    for ((document, score), fields) in found.into_iter().zip(fields) {
        let file = recall.file_in(project, search.row(document))?;
        hits.extend(file.map(|file| FileHit { file, score: score.into(), fields }));
    }
    Ok(hits)
}
