//! Trajectory → what it says: candidate patterns, places, base rates. Pure.
//!
//! One file per kind of pattern; each looks at the same [`View`], in which every command is
//! parsed and every error reduced to its signature once.

mod commands;
mod decision;
mod episode;
mod fix;
mod invocation;
mod missing;
mod places;
mod recipe;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod view;
pub(crate) mod wording;

use std::borrow::Cow;

use crate::model::neutral::neutral;
use crate::model::pattern::{Draft, Evidence};
use crate::model::suspicion;
#[cfg(test)]
use crate::model::trajectory::Step;
use crate::storage::Extract;

pub(crate) use invocation::name_of;
pub(crate) use view::{Seen, View};

/// Number of this extraction. Raise its first part when the same steps would give other patterns:
/// every trajectory is then extracted anew from its stored steps. So it is when what may be told is
/// judged otherwise.
pub(crate) const REVISION: i64 = 6 + 1_000 * suspicion::REVISION;

/// What the steps of one trajectory say. `root` is the folder in which it started (`~` for the
/// home), `main` whether it is the main conversation rather than a subagent's.
#[cfg(test)]
pub(crate) fn extract(steps: &[Step], root: &str, main: bool) -> Extract {
    extract_from(&View::new(steps, root), main)
}

/// What the steps behind `view` say. `main` tells whether it is the main conversation rather than
/// a subagent's.
pub(crate) fn extract_from(view: &View<'_>, main: bool) -> Extract {
    let mut drafts = Vec::new();
    fix::extract(view, &mut drafts);
    invocation::extract(view, &mut drafts);
    missing::extract(view, &mut drafts);
    recipe::extract(view, &mut drafts);
    if main {
        decision::extract(view, &mut drafts);
        episode::extract(view, &mut drafts);
    }
    Extract {
        drafts: merge(drafts).into_iter().map(harmless).collect(),
        touches: places::extract(view),
        commands: commands::extract(view),
    }
}

/// The draft with its words made harmless to who reads them. What it is known by stays.
fn harmless(mut draft: Draft) -> Draft {
    let payload = &mut draft.payload;
    let lists = [&mut payload.files, &mut payload.commands, &mut payload.remedy];
    for text in lists.into_iter().flatten().chain([&mut draft.trigger, &mut draft.text]) {
        if let Cow::Owned(plain) = neutral(text) {
            *text = plain;
        }
    }
    draft
}

/// Joins drafts of the same pattern: the wording of the latest stands, evidence adds up.
fn merge(drafts: Vec<Draft>) -> Vec<Draft> {
    let mut merged: Vec<Draft> = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let same = merged.iter_mut().find(|m| m.kind == draft.kind && m.identity == draft.identity);
        match same {
            None => merged.push(draft),
            Some(known) => {
                let mut evidence = std::mem::take(&mut known.evidence);
                let mut keys = std::mem::take(&mut known.keys);
                evidence.extend(draft.evidence.iter().cloned());
                keys.extend(&draft.keys);
                *known = draft;
                known.evidence = distinct(evidence);
                keys.sort_unstable();
                keys.dedup();
                known.keys = keys;
            }
        }
    }
    merged
}

fn distinct(mut evidence: Vec<Evidence>) -> Vec<Evidence> {
    evidence.sort_by_key(|e| (e.at, e.step, e.role as u8));
    evidence.dedup();
    evidence
}
