//! Whether a pattern is worth keeping, from its evidence, its effect and its age.
//!
//! The score is the binary logarithm of odds: what speaks for the pattern over what speaks against
//! it, each counted from one (Laplace's rule), halved for every half-life in which it was not
//! used. Age is counted to the project's last activity, so that a project that rested forgets
//! nothing.

use std::collections::BTreeMap;

use super::plan::Fate;
use crate::model::effect::{Group, does_harm};
use crate::model::pattern::{Kind, Tally};
use crate::model::rank::age_days;
use crate::storage::Usage;

/// Below this score a pattern is set aside: its odds are one to eight.
pub(super) const LOWEST: f64 = -3.0;

/// Days without use that cost nothing.
pub(super) const REST: f64 = 7.0;

/// Half-lives after which what nothing ever matched is set aside.
const UNMATCHED: f64 = 2.0;

/// What is known beside the pattern.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct World {
    /// The project's last activity, in milliseconds since the Unix epoch.
    pub(super) last_activity: i64,
    /// Days in which the weight of what is not used halves.
    pub(super) half_life: f64,
    /// Since when hooks have noted what matched.
    pub(super) watched: Option<i64>,
    /// What came of what was held back, by kind.
    pub(super) held_back: BTreeMap<Kind, Group>,
}

/// A pattern, with all that it stands for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Standing {
    /// What sort of observation.
    pub(super) kind: Kind,
    /// Whether the user laid it down for good.
    pub(super) lasting: bool,
    /// How often and when it was seen.
    pub(super) tally: Tally,
    /// What hooks did with it.
    pub(super) usage: Usage,
}

/// What becomes of a pattern that may be shown; `None` when it stays.
pub(super) fn of(pattern: &Standing, world: &World) -> Option<Fate> {
    let Standing { kind, lasting, tally, usage } = pattern;
    let held_back = world.held_back.get(kind).copied().unwrap_or_default();
    if does_harm(usage.shown, held_back) {
        return Some(Fate::Harmful { said: usage.shown, held_back });
    }
    if *lasting {
        // A rule is not less true for not having been repeated.
        return None;
    }
    let score = score(pattern, world);
    if score < LOWEST {
        return Some(Fate::Faded { score, idle_days: idle_days(pattern, world) as u32 });
    }
    // What was learned from the time before there were hooks had no chance to match.
    let since = world.watched?.max(tally.last);
    let days = age_days(since, world.last_activity);
    (tally.sessions <= 1 && usage.matched == 0 && days >= UNMATCHED * world.half_life)
        .then_some(Fate::Unmatched { days: days as u32 })
}

fn score(pattern: &Standing, world: &World) -> f64 {
    let Standing { kind, tally, usage, .. } = pattern;
    let odds = |for_it: u32, against: u32| (f64::from(for_it) + 1.0) / (f64::from(against) + 1.0);
    let evidence = match kind {
        Kind::Recipe => odds(tally.successes, tally.failures),
        // A failure is what these are about; it speaks for them.
        _ => odds(tally.sessions, 0),
    };
    let unused = (idle_days(pattern, world) - REST).max(0.0);
    evidence.log2() + odds(usage.helped, usage.hurt).log2() - unused / world.half_life
}

/// Days since it was last seen, or shown and followed.
fn idle_days(pattern: &Standing, world: &World) -> f64 {
    let used = pattern.tally.last.max(pattern.usage.followed.unwrap_or(i64::MIN));
    age_days(used, world.last_activity)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;
    const NOW: i64 = 1_000 * DAY;

    fn world() -> World {
        World {
            last_activity: NOW,
            half_life: 60.0,
            watched: None,
            held_back: BTreeMap::from([(Kind::Fix, Group { cases: 20, well: 15 })]),
        }
    }

    /// A fix that was seen in so many sessions, the last time so many days ago.
    fn seen(sessions: u32, days: i64) -> Standing {
        let last = NOW - days * DAY;
        let tally = Tally { successes: sessions, failures: sessions, sessions, first: last, last };
        Standing { kind: Kind::Fix, lasting: false, tally, usage: Usage::default() }
    }

    #[test]
    fn what_is_not_used_fades_and_the_more_often_seen_the_later() {
        assert_eq!(of(&seen(1, 0), &world()), None);
        assert!((score(&seen(1, 7), &world()) - 1.0).abs() < 1e-9, "a week costs nothing");
        assert!((score(&seen(3, 67), &world()) - 1.0).abs() < 1e-9, "a half-life costs one");
        assert_eq!(of(&seen(1, 247), &world()), None);
        assert!(matches!(of(&seen(1, 248), &world()), Some(Fate::Faded { idle_days: 248, .. })));
        assert_eq!(of(&seen(7, 360), &world()), None);
        assert!(of(&seen(7, 380), &world()).is_some());
        let quick = World { half_life: 10.0, ..world() };
        assert!(of(&seen(1, 60), &quick).is_some());
    }

    #[test]
    fn being_followed_is_use_and_what_came_of_it_counts() {
        let usage = Usage { followed: Some(NOW - DAY), ..Usage::default() };
        assert_eq!(of(&Standing { usage, ..seen(1, 400) }, &world()), None);
        let usage = Usage { hurt: 20, ..Usage::default() };
        assert!(matches!(
            of(&Standing { usage, ..seen(1, 0) }, &world()),
            Some(Fate::Faded { .. })
        ));
        let usage = Usage { helped: 3, ..Usage::default() };
        assert_eq!(of(&Standing { usage, ..seen(1, 300) }, &world()), None);
    }

    #[test]
    fn a_standing_decision_does_not_fade() {
        assert_eq!(of(&Standing { lasting: true, ..seen(1, 900) }, &world()), None);
    }

    #[test]
    fn what_does_harm_goes_even_when_it_is_new() {
        let shown = |well| Usage { shown: Group { cases: 10, well }, ..Usage::default() };
        let fate = |usage| of(&Standing { usage, ..seen(5, 0) }, &world());
        assert_eq!(fate(shown(9)), None);
        let held_back = Group { cases: 20, well: 15 };
        let said = Group { cases: 10, well: 1 };
        assert_eq!(fate(shown(1)), Some(Fate::Harmful { said, held_back }));
        let pitfall = Standing { kind: Kind::Pitfall, usage: shown(1), ..seen(5, 0) };
        assert_eq!(of(&pitfall, &world()), None, "nothing to compare it with");
    }

    #[test]
    fn what_never_matched_had_its_chance() {
        let watched = |days: i64| World { watched: Some(NOW - days * DAY), ..world() };
        assert_eq!(of(&seen(1, 200), &watched(100)), None);
        assert_eq!(of(&seen(1, 200), &watched(150)), Some(Fate::Unmatched { days: 150 }));
        assert_eq!(of(&seen(1, 100), &watched(150)), None);
        assert_eq!(of(&seen(2, 200), &watched(150)), None);
        let usage = Usage { matched: 1, ..Usage::default() };
        assert_eq!(of(&Standing { usage, ..seen(1, 200) }, &watched(150)), None);
    }

    #[test]
    fn a_command_is_weighed_by_how_often_it_works() {
        let tally = Tally { successes: 3, failures: 3, ..seen(9, 190).tally };
        let recipe = Standing { kind: Kind::Recipe, tally, ..seen(9, 190) };
        assert!(matches!(of(&recipe, &world()), Some(Fate::Faded { .. })));
        assert_eq!(of(&seen(9, 190), &world()), None);
    }
}
