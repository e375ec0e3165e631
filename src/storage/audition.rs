//! What would be known here if some patterns were told and nothing else was: hooks answer from it
//! when it is tried out what those patterns are worth.
//!
//! Of this home are its projects, when anything last happened in them, and how often commands fail.

use std::cmp::Reverse;

use foldhash::HashMap;

use super::dense::Dense;
use super::error::StorageError;
use super::open::Reader;
use super::postings::{Corpus, Directory};
use super::recall::{
    ACTIVE_MOST, Companion, FileHit, KEYED_MOST, KnownFile, Query, Recall, Scored, Term,
};
use std::borrow::Cow;

use crate::model::key::Key;
use crate::model::pattern::{Kind, Pattern};
use crate::model::rank::Weights;
use crate::model::tokens;

/// Some patterns in the place of all that a home knows.
#[derive(Debug)]
pub(crate) struct Audition<'a> {
    home: &'a Reader,
    patterns: Vec<Pattern>,
    by_key: HashMap<i64, Vec<usize>>,
    by_term: HashMap<String, Vec<usize>>,
}

impl<'a> Audition<'a> {
    /// These patterns, each with its keys, as if `home` had learned them. Their rows become their
    /// places in the list.
    pub(crate) fn new(home: &'a Reader, patterns: Vec<(Pattern, &[i64])>) -> Self {
        let mut all = Self {
            home,
            patterns: Vec::with_capacity(patterns.len()),
            by_key: HashMap::default(),
            by_term: HashMap::default(),
        };
        for (at, (pattern, keys)) in patterns.into_iter().enumerate() {
            for key in keys {
                all.by_key.entry(*key).or_default().push(at);
            }
            if pattern.kind == Kind::Fix {
                for term in tokens::distinct(&pattern.trigger) {
                    all.by_term.entry(term).or_default().push(at);
                }
            }
            all.patterns.push(Pattern { row: at as i64, ..pattern });
        }
        all
    }

    /// The patterns at these places that are of the project, or of all.
    fn of(&self, project: i64, places: &[usize]) -> impl Iterator<Item = &Pattern> {
        let here = move |p: &&Pattern| p.project.is_none_or(|own| own == project);
        places.iter().map(|at| &self.patterns[*at]).filter(here)
    }
}

impl Recall for Audition<'_> {
    fn project_of_roots(&self, folders: &[&str]) -> Result<Option<(i64, String)>, StorageError> {
        self.home.project_of_roots(folders)
    }

    fn project_by_key(&self, key: &str) -> Result<Option<i64>, StorageError> {
        self.home.project_by_key(key)
    }

    fn place_weights(&self) -> Result<Weights, StorageError> {
        Ok(Weights::shipped())
    }

    fn last_activity(&self, project: i64) -> Result<Option<i64>, StorageError> {
        self.home.last_activity(project)
    }

    fn by_key(&self, project: i64, key: Key, kinds: &[Kind]) -> Result<Vec<Pattern>, StorageError> {
        let Some(places) = self.by_key.get(&key.to_i64()) else { return Ok(Vec::new()) };
        let found = self.of(project, places).filter(|p| kinds.contains(&p.kind));
        Ok(found.take(KEYED_MOST[1]).cloned().collect())
    }

    fn each_active(
        &self,
        project: i64,
        kind: Kind,
        each: &mut dyn FnMut(&Pattern),
    ) -> Result<(), StorageError> {
        let here = |p: &&Pattern| p.kind == kind && p.project.is_none_or(|own| own == project);
        self.patterns.iter().filter(here).take(ACTIVE_MOST).for_each(each);
        Ok(())
    }

    fn command_rate(&self, project: i64, key: Key) -> Result<(u32, u32), StorageError> {
        self.home.command_rate(project, key)
    }

    fn files_named(&self, _: i64, _: &str) -> Result<Vec<KnownFile>, StorageError> {
        Ok(Vec::new())
    }

    fn file_at(&self, _: i64, _: &str) -> Result<Option<KnownFile>, StorageError> {
        Ok(None)
    }

    fn changed_with(
        &self,
        _: i64,
        _: &str,
        _: usize,
    ) -> Result<(u32, Vec<Companion>), StorageError> {
        Ok((0, Vec::new()))
    }

    fn directory(&self, _: i64, _: Corpus) -> Result<Option<Directory<'_>>, StorageError> {
        Ok(None)
    }

    fn look_up<'t>(
        &self,
        _: i64,
        _: &[Corpus],
        terms: &'t [String],
    ) -> Result<Vec<Term<'t>>, StorageError> {
        Ok(terms.iter().map(|term| Term::unknown(term)).collect())
    }

    fn term_list(
        &self,
        _: i64,
        _: Corpus,
        _: &Term<'_>,
    ) -> Result<Option<Cow<'_, [u8]>>, StorageError> {
        Ok(None)
    }

    fn patterns(&self, _: i64) -> Result<u32, StorageError> {
        Ok(self.patterns.len() as u32)
    }

    fn decision_terms(&self, _: i64, _: i64) -> Result<Vec<(Key, u32)>, StorageError> {
        Ok(Vec::new())
    }

    fn episode_files(&self, _: i64, _: i64) -> Result<Vec<KnownFile>, StorageError> {
        Ok(Vec::new())
    }

    fn dense(&self, _: i64, _: Corpus) -> Result<Option<Dense<'_>>, StorageError> {
        Ok(None)
    }

    fn pattern_in(&self, _: i64, row: i64) -> Result<Option<Pattern>, StorageError> {
        Ok(usize::try_from(row).ok().and_then(|row| self.patterns.get(row)).cloned())
    }

    fn file_in(&self, _: i64, _: i64) -> Result<Option<KnownFile>, StorageError> {
        Ok(None)
    }

    /// Fixes by the number of terms that they share: what is proposed is looked at closely anyway.
    fn search(
        &self,
        project: i64,
        corpus: Corpus,
        query: &Query<'_>,
        limit: usize,
    ) -> Result<Vec<Scored>, StorageError> {
        if corpus != Corpus::Failures {
            return Ok(Vec::new());
        }
        let mut shared: HashMap<usize, u32> = HashMap::default();
        for places in query.terms.iter().filter_map(|term| self.by_term.get(term.text())) {
            for at in places {
                *shared.entry(*at).or_default() += 1;
            }
        }
        let mut found: Vec<(Reverse<u32>, usize)> =
            shared.into_iter().map(|(at, terms)| (Reverse(terms), at)).collect();
        found.sort_unstable();
        let places: Vec<usize> = found.iter().map(|(_, at)| *at).collect();
        let here = self.of(project, &places).take(limit);
        let scored = |p: &Pattern| Scored {
            row: p.row,
            // There are no lists, and nothing asks for it by this number.
            document: p.row as u32,
            bm25: 1.0,
            cosine: None,
            score: 1.0,
        };
        Ok(here.map(scored).collect())
    }

    fn search_files(&self, _: i64, _: &[Term<'_>], _: usize) -> Result<Vec<FileHit>, StorageError> {
        Ok(Vec::new())
    }

    fn search_symbols(
        &self,
        _: i64,
        _: &[Term<'_>],
        _: usize,
    ) -> Result<Vec<FileHit>, StorageError> {
        Ok(Vec::new())
    }
}
