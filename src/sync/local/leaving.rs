//! What leaves of a pattern: its words, without what others must not read, and its counts.

use rayon::prelude::*;

use super::labels::project_label;
use crate::model::ids::PatternId;
use crate::storage::Local;
use crate::sync::engine::Offer;
use crate::sync::record::{Counts, Wording};
use crate::sync::sanitise::{Finding, Sanitiser};

/// A pattern as it leaves, with what was changed in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Leaves {
    /// The pattern.
    pub(crate) pattern: PatternId,
    /// Its words as they leave.
    pub(crate) wording: Wording,
    /// How often it was seen, and what came of it.
    pub(crate) counts: Counts,
    /// What was changed.
    pub(crate) findings: Vec<Finding>,
}

impl Leaves {
    /// As the exchange takes it.
    pub(crate) fn offer(&self, document: Option<Vec<u8>>) -> Offer {
        let words = Some(self.wording.encode());
        Offer { pattern: self.pattern, words, counts: self.counts, document }
    }
}

/// How often a pattern was seen here, and what came of it.
pub(in crate::sync) fn counts(local: &Local) -> Counts {
    let Local { pattern, shown: [shown, adopted, withheld], .. } = local;
    let (tally, effect) = (&pattern.tally, &pattern.effect);
    let numbers = [
        tally.successes,
        tally.failures,
        tally.sessions,
        *shown,
        *adopted,
        effect.helped,
        effect.hurt,
        *withheld,
    ];
    Counts { numbers, first: tally.first, last: tally.last }
}

/// What leaves of a pattern.
pub(in crate::sync) fn leaves(local: Local, label_key: &[u8; 32], sanitiser: &Sanitiser) -> Leaves {
    let counts = counts(&local);
    let Local { pattern, project, keys, .. } = local;
    let wording = Wording {
        kind: pattern.kind,
        project: project.map(|key| project_label(label_key, &key)),
        tool: pattern.tool,
        category: pattern.category,
        trigger: pattern.trigger,
        text: pattern.text,
        payload: pattern.payload,
        keys,
    };
    let cleaned = sanitiser.clean(wording);
    Leaves { pattern: pattern.id, wording: cleaned.wording, counts, findings: cleaned.findings }
}

/// What leaves of `patterns`, in their order. Applying the rules takes most of the time, so that it
/// is done side by side.
pub(crate) fn all_leaves(
    patterns: Vec<Local>,
    label_key: &[u8; 32],
    sanitiser: &Sanitiser,
) -> Vec<Leaves> {
    patterns.into_par_iter().map(|local| leaves(local, label_key, sanitiser)).collect()
}
