//! How likely a prompt leads to a file. Pure.

use super::decay;

/// What is known of a file as an answer to a prompt.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are features, each for itself")]
pub(crate) struct Place {
    /// BM25 score over path, symbols and earlier prompts.
    pub(crate) bm25: f64,
    /// The same relative to the best file.
    pub(crate) relative: f64,
    /// BM25 over the path alone.
    pub(crate) path: f64,
    /// BM25 over the words of earlier prompts alone.
    pub(crate) words: f64,
    /// BM25 of the prompt's identifiers over its symbols, and relative to the best file.
    pub(crate) symbols: (f64, f64),
    /// Its name stands in the prompt.
    pub(crate) mentioned: bool,
    /// Its name stands there with its folder.
    pub(crate) spelled: bool,
    /// Share of the words in its name that the prompt has.
    pub(crate) named: f64,
    /// Episodes that changed it.
    pub(crate) edits: u32,
    /// Episodes that only read it.
    pub(crate) reads: u32,
    /// Days from the last work on it to the project's last activity.
    pub(crate) age_days: f64,
    /// Share of the changes of a file of this session in which it changed too.
    pub(crate) company: f64,
    /// It has the name of a file of this session, as a test has that of what it tests.
    pub(crate) sibling: bool,
    /// It lies in the folder of a file of this session.
    pub(crate) neighbour: bool,
    /// How alike the prompt is that is most like one that led to it, by [`super::same_subject`].
    pub(crate) alike: f64,
    /// It is a test.
    pub(crate) test: bool,
    /// It is text for people.
    pub(crate) document: bool,
}

/// What is known of a prompt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Asked {
    /// Different terms in it: long prompts score higher without meaning more.
    pub(crate) terms: usize,
    /// The session has worked on files already: the next prompt is often about those.
    pub(crate) midway: bool,
    /// It speaks of tests.
    pub(crate) tests: bool,
    /// It speaks of documents.
    pub(crate) documents: bool,
}

/// Chance that a prompt leads to this file.
///
/// A logistic model with a ridge penalty, fitted on replayed sessions of seven projects: each prompt
/// with its candidates, learned from earlier sessions only. `docs/learning.md` has the method, and
/// how it fares on projects that it was not fitted on.
pub(crate) fn place(place: &Place, asked: &Asked) -> f64 {
    let flag = |on: bool| if on { 1.0 } else { 0.0 };
    let z = -4.614
        + 0.417 * place.relative
        + 0.007 * place.bm25.min(40.0)
        + 0.269 * place.path
        + 0.032 * place.words
        + 1.723 * place.symbols.1
        + 0.114 * place.symbols.0.min(20.0)
        + 1.523 * flag(place.mentioned)
        + 3.182 * flag(place.spelled)
        + 0.996 * place.named
        + 0.241 * f64::from(place.edits).ln_1p()
        + 0.220 * f64::from(place.reads).ln_1p()
        + 1.353 * decay(place.age_days, 10.0)
        + 1.487 * place.company
        + 0.675 * flag(place.sibling)
        + 0.569 * flag(place.sibling && place.test && asked.tests)
        + 0.258 * flag(place.neighbour)
        + 2.492 * place.alike
        + 0.633 * flag(place.test && asked.tests)
        - 0.681 * flag(place.test && !asked.tests)
        - 0.481 * flag(!place.test && asked.tests)
        - 1.144 * flag(place.document && !asked.documents)
        - 0.635 * (asked.terms as f64).ln_1p()
        - 1.360 * flag(asked.midway);
    1.0 / (1.0 + (-z).exp())
}
