//! Patterns for tests.

use crate::model::ids::PatternId;
use crate::model::likeness::Likeness;
use crate::model::pattern::{Kind, State, Tally};
use crate::storage::Sketch;

/// A pattern that says `text`, in row `n`.
pub(super) fn sketch(n: usize, kind: Kind, text: &str) -> Sketch {
    Sketch {
        row: n as i64,
        id: PatternId::derive(kind.name(), "", text, &n.to_string()),
        kind,
        routine: false,
        standing: false,
        likeness: Likeness::of([text]),
        state: State::Active,
        tally: Tally { successes: 1, sessions: 1, ..Tally::default() },
        set_aside: None,
        edited: false,
    }
}
