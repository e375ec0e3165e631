//! What storing a draft takes beyond the database, made before it is the draft's turn.
//!
//! One thread writes, and everybody waits for it in the end: what needs no database is made by the
//! threads that extract.

use super::drafts::{Wording, payload_json};
use super::extracts::Extract;
use crate::model::pattern::{Draft, Kind};
use crate::model::{suspicion, tokens};

/// What a draft comes to, whatever else is stored.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Prepared {
    /// Its payload, as it is stored.
    pub(super) payload: String,
    /// Its keys, as they are stored.
    pub(super) keys: Vec<u8>,
    /// Whether its words read like an instruction.
    pub(super) suspicious: bool,
    /// [`terms_of`] its words.
    pub(super) terms: [String; 2],
}

impl Prepared {
    fn of(draft: &Draft) -> Self {
        Self {
            payload: payload_json(&draft.payload),
            keys: draft.keys.iter().flat_map(|key| key.to_i64().to_le_bytes()).collect(),
            suspicious: suspicion::of_words(draft.kind, &draft.text, &draft.payload),
            terms: terms_of(&draft.trigger, &draft.text),
        }
    }

    /// Of all drafts of `extract`, in their order.
    pub(crate) fn all(extract: &Extract) -> Vec<Self> {
        extract.drafts.iter().map(Self::of).collect()
    }

    /// Whether a pattern of this `kind` and `wording` has the words of `draft`, of which this is.
    pub(super) fn has(&self, draft: &Draft, kind: Kind, wording: &Wording) -> bool {
        draft.kind == kind
            && draft.trigger == wording.trigger
            && draft.text == wording.text
            && self.payload == wording.payload
    }
}

/// Terms of trigger and text as the search index gets them, each separated by spaces.
pub(super) fn terms_of(trigger: &str, text: &str) -> [String; 2] {
    [tokens::joined(trigger), tokens::joined(text)]
}
