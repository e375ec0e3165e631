//! At a prompt: what the user decided on its subject, and the files that such work led to.

use super::places::Proposed;
use super::{Advice, Question};
use super::{decisions, places};
use crate::model::{text, tokens};
use crate::storage::{Corpus, Meaning, Query, StorageError};

/// Bytes of a prompt that are looked at: its subject stands at its start.
const PROMPT_BYTES: usize = 2_000;

/// Shortest prompt that says what it is about, in bytes.
const TELLING: usize = 12;

/// How much the meaning of a prompt counts beside its words. The best single value over questions
/// of several kinds; `docs/embeddings.md` has the measurements.
const MEANING: f64 = 2.0;

/// Query terms at most.
const TERMS: usize = 64;

/// What a prompt is searched in.
const CORPORA: [Corpus; 3] = [Corpus::Decisions, Corpus::Files, Corpus::Episodes];

pub(super) fn advise(question: &Question<'_>, prompt: &str) -> Result<Advice, StorageError> {
    let items = with_query(question, prompt, |prompt, query| {
        let mut items = decisions::on_subject(question, query)?;
        items.extend(places::suggest(question, prompt, query)?);
        Ok(items)
    })?;
    Ok(Advice { header: "", items })
}

/// The files that a prompt may lead to.
pub(super) fn propose(
    question: &Question<'_>,
    prompt: &str,
) -> Result<Vec<Proposed>, StorageError> {
    with_query(question, prompt, |prompt, query| places::propose(question, prompt, query))
}

/// What `find` finds for the part of a prompt that is looked at; nothing for one that says too
/// little.
fn with_query<T>(
    question: &Question<'_>,
    prompt: &str,
    find: impl FnOnce(&str, &Query<'_>) -> Result<Vec<T>, StorageError>,
) -> Result<Vec<T>, StorageError> {
    let prompt = text::cut(prompt.trim(), PROMPT_BYTES);
    if prompt.len() < TELLING {
        return Ok(Vec::new());
    }
    let terms = tokens::first_distinct(prompt, TERMS);
    let terms = question.recall.look_up(question.scope.project, &CORPORA, &terms)?;
    let vector = question.encoder.and_then(|encoder| encoder.encode(prompt));
    let meaning = question.encoder.zip(vector.as_ref()).map(|(encoder, vector)| Meaning {
        vector,
        space: encoder.space(),
        weight: MEANING,
    });
    find(prompt, &Query { terms: &terms, meaning })
}
