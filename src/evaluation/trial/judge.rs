//! Whether telling a pattern would have been right, by what was done without it.

use crate::learning::extract::{Seen, View};
use crate::model::pattern::{Kind, Pattern};
use crate::model::signature::ErrorClass;

/// Calls after a failure among which what a pattern says is looked for.
pub(super) const REACH: usize = 10;

/// Calls after a failure that must be there before it counts as mended otherwise or not at all.
const GIVEN_UP: usize = 3;

/// When a pattern would have been told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Moment {
    /// At the start of the session.
    Start,
    /// Before the call with this place.
    Before(usize),
    /// As the call with this place had failed.
    Failed(usize),
}

/// What hindsight says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Hindsight {
    /// It was what was then done.
    Right,
    /// It was not, or nothing had gone wrong.
    Wrong,
    /// That cannot be told.
    Open,
}

/// Deeds by their numbers.
pub(super) type Deeds = Vec<u32>;

/// A run with what its calls did.
pub(super) struct Played<'v, 'a> {
    /// The run.
    pub(super) view: &'v View<'a>,
    /// What each call says to do, whatever came of it.
    pub(super) said: Vec<Deeds>,
}

impl<'v, 'a> Played<'v, 'a> {
    fn seen(&self, at: usize) -> &'v Seen<'a> {
        &self.view.calls[at]
    }

    /// The calls after that number `at`, up to the next prompt, with their places.
    pub(super) fn later(&self, at: usize) -> impl Iterator<Item = (usize, &'v Seen<'a>)> {
        let episode = self.seen(at).episode;
        let calls = self.view.calls.iter().enumerate().skip(at + 1);
        calls.take_while(move |(_, seen)| seen.episode == episode).take(REACH)
    }

    /// Whether all of `wish` was done by calls after that number `at`.
    pub(super) fn is_done(&self, wish: &[u32], at: usize) -> bool {
        let done = |deed: &u32| {
            self.later(at).any(|(n, seen)| seen.worked() && self.said[n].contains(deed))
        };
        wish.iter().all(done)
    }

    /// Whether the call number `at` was all of `wish` itself.
    fn is_itself(&self, wish: &[u32], at: usize) -> bool {
        wish.iter().all(|deed| self.said[at].contains(deed))
    }

    /// What hindsight says about telling `pattern`, which says to do `wish`.
    pub(super) fn judge(&self, pattern: &Pattern, wish: &[u32], moment: Moment) -> Hindsight {
        match (pattern.kind, moment) {
            (Kind::Recipe, Moment::Start) => self.named(pattern, wish),
            (Kind::Fix | Kind::Path, Moment::Before(at)) if self.seen(at).worked() => {
                Hindsight::Wrong
            }
            (Kind::Fix | Kind::Path, Moment::Before(at) | Moment::Failed(at))
            | (Kind::Recipe, Moment::Failed(at)) => self.mended(wish, at),
            _ => Hindsight::Open,
        }
    }

    /// Whether the failure of the call number `at` was answered by `wish`.
    fn mended(&self, wish: &[u32], at: usize) -> Hindsight {
        let failed = self.seen(at).call.outcome.failed();
        // To do the same again is no answer.
        if !failed || self.is_itself(wish, at) {
            Hindsight::Open
        } else if self.is_done(wish, at) {
            Hindsight::Right
        } else if self.later(at).count() >= GIVEN_UP {
            Hindsight::Wrong
        } else {
            Hindsight::Open
        }
    }

    /// Whether a command that is named for its purpose would have spared a failure: another one of
    /// that purpose was a mistake, and then it was this one. Where it was this one at once, to
    /// name it would have changed nothing; where others worked, it would have led astray.
    fn named(&self, recipe: &Pattern, wish: &[u32]) -> Hindsight {
        let (mut mistaken, mut others) = (false, false);
        for (at, seen) in self.view.calls.iter().enumerate() {
            let serves = seen.command.as_ref().is_some_and(|command| {
                command.parts.iter().any(|part| part.category().as_str() == recipe.category)
            });
            if self.is_itself(wish, at) {
                match (seen.worked(), mistaken) {
                    (true, true) => return Hindsight::Right,
                    (true, false) => return Hindsight::Open,
                    (false, _) => continue,
                }
            }
            let class = seen.error.as_ref().map(|(_, class)| *class);
            mistaken |= serves && class.is_some_and(ErrorClass::is_mistake);
            others |= serves && seen.worked();
        }
        if others { Hindsight::Wrong } else { Hindsight::Open }
    }
}
