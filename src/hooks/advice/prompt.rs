//! At a prompt: what the user decided on its subject, and the files that such work led to.

use super::{Advice, Question};
use super::{decisions, places};
use crate::model::{text, tokens};
use crate::storage::StorageError;

/// Bytes of a prompt that are looked at: its subject stands at its start.
const PROMPT_BYTES: usize = 2_000;

/// Shortest prompt that says what it is about, in bytes.
const TELLING: usize = 12;

/// Query terms at most.
const TERMS: usize = 64;

pub(super) fn advise(question: &Question<'_>, prompt: &str) -> Result<Advice, StorageError> {
    let prompt = text::cut(prompt.trim(), PROMPT_BYTES);
    if prompt.len() < TELLING {
        return Ok(Advice::default());
    }
    let terms = tokens::first_distinct(prompt, TERMS);
    let mut items = decisions::on_subject(question, &terms)?;
    items.extend(places::suggest(question, prompt, &terms)?);
    Ok(Advice { header: "", items })
}
