//! Ranking: how likely a pattern is right here. Pure.
//!
//! Confidences are chances between 0 and 1. What was observed enters as the mean of a Beta
//! posterior with a uniform prior (Laplace's rule of succession), never as a raw ratio, so that
//! one lucky run does not count as certainty.

pub(crate) mod cost;
pub(crate) mod fit;
mod place;

pub(crate) use place::{Asked, Features, Place, Weights, features};

use super::key::Key;
use super::pattern::{Effect, Pattern, Tally};
use super::signature::ErrorClass;
use super::tokens;

/// Match quality: the same command failed with the same error.
pub(crate) const SAME_CALL: f64 = 1.0;
/// Match quality: another command failed with the same error.
pub(crate) const SAME_ERROR: f64 = 0.7;
/// Match quality: the same command failed with another error.
pub(crate) const SAME_COMMAND: f64 = 0.6;
/// Match quality: the same command works in another folder.
const SAME_ELSEWHERE: f64 = 0.8;
/// Confidence that a known file of the same name is what a missing path meant.
pub(crate) const MEANT: f64 = 0.5;

/// Days in which the chance of what was learned from a failure, or said on one occasion, halves.
/// On replayed sessions recovery fell with 30 days and less; with 60 it stayed, and fixes of which
/// 0.68 was stated were right at 0.84, so that less had faded than was thought.
const HALF_LIFE: f64 = 180.0;

/// The same for what the user laid down to stand.
const STANDING_HALF_LIFE: f64 = 365.0;

/// Cosine up to which two texts of a project are no more alike than any two. With 0.6 the meaning
/// named wrong files on replayed sessions; from here on it took nothing away.
const SAME_PROJECT: f64 = 0.75;

const DAY: f64 = 86_400_000.0;

/// Days since `then`, never negative.
pub(crate) fn age_days(then: i64, now: i64) -> f64 {
    (now.saturating_sub(then).max(0) as f64) / DAY
}

/// Mean of the Beta posterior after `successes` of `trials` with a uniform prior.
pub(crate) fn posterior(successes: f64, trials: f64) -> f64 {
    (successes + 1.0) / (trials + 2.0)
}

/// Weight of something `days` old: halves every `half_life` days.
pub(crate) fn decay(days: f64, half_life: f64) -> f64 {
    (-days * std::f64::consts::LN_2 / half_life).exp()
}

/// How much better or worse a pattern did than usual when it was shown and followed: the mean of a
/// Beta posterior whose prior is worth [`USUALLY`] cases, as a multiple of the prior's mean.
fn measured(effect: Effect) -> f64 {
    let (helped, hurt) = (f64::from(effect.helped), f64::from(effect.hurt));
    (helped + USUALLY * HELPS) / (helped + hurt + USUALLY) / HELPS
}

/// Share of the suggestions that help when they are followed, before anything is known.
const HELPS: f64 = 0.8;

/// Cases that this expectation is worth.
const USUALLY: f64 = 4.0;

/// How much of a pattern's chance is left `now`: what was seen long ago may no longer hold.
fn fresh(pattern: &Pattern, now: i64) -> f64 {
    let half_life = if pattern.payload.standing { STANDING_HALF_LIFE } else { HALF_LIFE };
    decay(age_days(pattern.tally.last, now), half_life)
}

/// Chance that a fix, pitfall or path helps `now`, given how well it matches (0 to 1).
pub(crate) fn fix(pattern: &Pattern, quality: f64, now: i64) -> f64 {
    quality * remedies(pattern) * fresh(pattern, now)
}

/// The same for a perfect match and as if it had been seen right now.
fn remedies(pattern: &Pattern) -> f64 {
    let Tally { successes, failures, sessions, .. } = pattern.tally;
    let held = if pattern.payload.remedy.is_empty() {
        posterior(f64::from(sessions) - 1.0, f64::from(sessions))
    } else {
        posterior(f64::from(successes), f64::from(successes.max(failures)))
    };
    let routine = if pattern.payload.routine { 0.7 } else { 1.0 };
    let proof = if pattern.payload.next_only { 0.6 } else { 1.0 };
    (held * routine * proof * measured(pattern.effect)).min(1.0)
}

/// Share of the decisions on a prompt's very subject that apply, if they are meant to stand.
const STANDING: f64 = 0.9;

/// What a fix said at a failure turned out to be worth on replayed sessions, where `score` is its
/// [`fix`], and a monotone function of it: of those that one session knew, one in eight was what then mended the failure, of those
/// that several knew nearly all that they promised.
pub(crate) fn fix_at_failure(pattern: &Pattern, score: f64) -> f64 {
    let once = pattern.tally.sessions <= 1;
    if once { score * ONCE } else { score }
}

/// Share that is left of a fix's chance when one session alone knew it.
const ONCE: f64 = 0.3;

/// What a mistake named at the start of a session turned out to be worth where it came up, given
/// its [`fix`]: nine in ten and more whatever that was, because only what comes back is named.
pub(crate) fn fix_in_brief(score: f64) -> f64 {
    0.85 + 0.1 * score
}

/// Chance that a decision applies `now`, given the share of its subject that the prompt has.
pub(crate) fn decision(pattern: &Pattern, overlap: f64, now: i64) -> f64 {
    let standing = if pattern.payload.standing { STANDING } else { 0.7 };
    standing * overlap * fresh(pattern, now)
}

/// Whether any decision with this overlap could apply.
pub(crate) fn decision_may_apply(overlap: f64) -> bool {
    STANDING * overlap >= cost::decision(0)
}

/// Chance that a failed command was meant for the folder in which `pattern` runs it.
pub(crate) fn elsewhere(pattern: &Pattern, now: i64) -> f64 {
    let Tally { successes, failures, sessions, .. } = pattern.tally;
    let works = posterior(f64::from(successes), f64::from(successes + failures));
    let used = 1.0 - 0.5_f64.powf(f64::from(sessions));
    (SAME_ELSEWHERE * works * used * measured(pattern.effect)).min(1.0) * fresh(pattern, now)
}

/// Chance that a command fails as `pattern` says, of which it shares what was wrong.
pub(crate) fn in_another_form(pattern: &Pattern, now: i64) -> f64 {
    OTHER_FORM * fix(pattern, 1.0, now)
}

/// Share of the commands with an option that was refused in which it is refused again.
const OTHER_FORM: f64 = 0.6;

/// What is left of a command's worth where the agent works in the folder `here` of the project and
/// the command is run in `folder`: that of another part of the project is seldom meant.
pub(crate) fn in_part(score: f64, folder: &str, here: &str) -> f64 {
    let lies_in = |inner: &str, outer: &str| {
        outer == "." || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
    };
    match folder {
        _ if folder == here => score,
        _ if lies_in(folder, here) || lies_in(here, folder) => score * RELATED_PART,
        _ => score * OTHER_PART,
    }
}

/// Share of a command's worth in a folder above or below the one in which it is run.
const RELATED_PART: f64 = 0.95;

/// The same in another part of the project.
const OTHER_PART: f64 = 0.5;

/// How well a command is worth naming: its chance to work, less for rare, old and long ones.
pub(crate) fn recipe(pattern: &Pattern, now: i64) -> f64 {
    let Tally { successes, failures, sessions, last, .. } = pattern.tally;
    let works = posterior(f64::from(successes), f64::from(successes + failures));
    // A check may fail because of what it checks; that it ran often says that it is the one.
    let used = 1.0 - 0.5_f64.powf(f64::from(sessions));
    let fresh = decay(age_days(last, now), 60.0);
    let plain = 1.0 / (1.0 + (pattern.text.len() as f64 / 60.0).powi(2));
    (0.25 * works + 0.35 * used + 0.1 * fresh + 0.3 * plain) * measured(pattern.effect).min(1.0)
}

/// Failures that naming a mistake at the start may save: how often it came back, how lately, and
/// how sure the remedy is.
pub(crate) fn costliness(pattern: &Pattern, now: i64) -> f64 {
    // That a command fails now and then is no mistake.
    if pattern.payload.is_rerun() {
        return 0.0;
    }
    // What happened once may have been a slip; with the project's own commands it is more likely
    // to be something that holds here.
    let own = matches!(
        pattern.category.as_str(),
        "test"
            | "build"
            | "lint"
            | "format"
            | "typecheck"
            | "run"
            | "install"
            | "release"
            | "other"
    );
    let guess = pattern.payload.routine || pattern.payload.next_only || !own;
    let once = if guess { 1.0 } else { 0.6 };
    let recurring = f64::from(pattern.tally.sessions) - once;
    recurring * decay(age_days(pattern.tally.last, now), 30.0) * remedies(pattern)
}

/// Chance that the command fails in a way that this pattern answers, from its `runs` and those of
/// them that failed so.
pub(crate) fn before_command(pattern: &Pattern, runs: u32, answered: u32, now: i64) -> f64 {
    let fails = f64::from(answered) / (f64::from(runs) + 2.0);
    fails * fix(pattern, 1.0, now)
}

/// Quality of a match by words: the square of the share of the terms that query and trigger have
/// in common. On replayed sessions matches of few words mended less than their share promised.
pub(crate) fn lexical(
    terms: &[String],
    trigger: &str,
    same_program: bool,
    class: ErrorClass,
) -> f64 {
    let overlap = overlap(terms, &tokens::distinct(trigger));
    let program = if same_program { 1.0 } else { 0.6 };
    let class = if class.is_mistake() { 1.0 } else { 0.8 };
    0.9 * overlap.powi(2) * program * class
}

/// Whether a term is rare enough to mean something, given in how many of the documents it stands.
pub(crate) fn is_telling(df: u32, documents: u32) -> bool {
    df <= documents / 20 + 1
}

/// Rare terms that two texts on one subject have in common, at least.
pub(crate) const SHARED: usize = 2;

/// Share of the weight of `subject`'s terms that `asked`, which is sorted, has, where a term weighs by its rarity
/// (Robertson and Spärck Jones' inverse document frequency) among `documents`; 0 unless at least
/// [`SHARED`] of them are shared and rare enough to mean something.
pub(crate) fn weighted_overlap(asked: &[Key], subject: &[(Key, u32)], documents: u32) -> f64 {
    let weight =
        |df: u32| ((f64::from(documents.max(1)) + 1.0) / (f64::from(df) + 0.5)).ln().max(0.0);
    let (mut shared, mut all, mut rare) = (0.0, 0.0, 0);
    for (term, df) in subject {
        all += weight(*df);
        if asked.binary_search(term).is_ok() {
            shared += weight(*df);
            rare += usize::from(is_telling(*df, documents));
        }
    }
    if rare < SHARED || all <= 0.0 { 0.0 } else { shared / all }
}

/// How surely two texts are about the same, by the cosine of their vectors: 0 up to what texts of
/// the same project have in common anyway, 1 for the same text.
pub(crate) fn same_subject(cosine: f64) -> f64 {
    ((cosine - SAME_PROJECT) / (1.0 - SAME_PROJECT)).clamp(0.0, 1.0)
}

/// Share of the smaller of two term sets that lies in the other.
pub(crate) fn overlap(a: &[String], b: &[String]) -> f64 {
    let smaller = a.len().min(b.len());
    if smaller < 2 {
        return 0.0;
    }
    let shared = a.iter().filter(|term| b.contains(term)).count();
    shared as f64 / smaller as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::ids::PatternId;
    use crate::model::key::Space;
    use crate::model::pattern::{Kind, Payload, State};

    #[test]
    fn posteriors_start_at_even_chances() {
        assert!((posterior(0.0, 0.0) - 0.5).abs() < 1e-12);
        assert!(posterior(1.0, 1.0) < 0.7);
        assert!(posterior(50.0, 50.0) > 0.95);
    }

    fn pattern(text: &str, category: &str, payload: Payload, tally: Tally) -> Pattern {
        Pattern {
            row: 1,
            id: PatternId::derive("fix", "p", text, ""),
            kind: Kind::Fix,
            project: Some(1),
            tool: "Bash".into(),
            category: category.into(),
            trigger: text.into(),
            text: text.into(),
            payload,
            state: State::Active,
            tally,
            effect: Effect::default(),
        }
    }

    fn seen(successes: u32, failures: u32, sessions: u32, days: i64) -> Tally {
        Tally { successes, failures, sessions, first: 0, last: -days * 86_400_000 }
    }

    fn remedy() -> Payload {
        Payload { remedy: vec!["make all".into()], ..Payload::default() }
    }

    #[test]
    fn what_was_seen_to_hurt_is_said_less_and_what_helped_more() {
        let with = |helped, hurt| {
            let pattern = pattern("make", "test", remedy(), seen(3, 3, 2, 1));
            fix(&Pattern { effect: Effect { helped, hurt }, ..pattern }, 0.8, 0)
        };
        let unknown = with(0, 0);
        assert!(with(1, 0) > unknown && with(9, 0) > with(1, 0));
        assert!(with(0, 1) < unknown && with(0, 9) < with(0, 1));
        assert!((with(4, 1) - unknown).abs() < 1e-9, "that is what was expected");
        assert!(with(900, 0) <= 1.0);
    }

    #[test]
    fn a_fix_is_surer_with_evidence_and_a_close_match() {
        let of = |payload, tally, quality| {
            let pattern = pattern("x", "test", payload, tally);
            fix_at_failure(&pattern, fix(&pattern, quality, 0))
        };
        let sure = of(remedy(), seen(9, 9, 4, 0), SAME_CALL);
        let once = of(remedy(), seen(1, 1, 1, 0), SAME_CALL);
        assert!(sure > once && once > cost::failed(200), "{sure} {once}");
        assert!(of(remedy(), seen(1, 19, 1, 0), SAME_CALL) < cost::failed(200), "it mostly failed");
        assert!(of(remedy(), seen(9, 9, 4, 1_000), SAME_CALL) < cost::failed(200), "long ago");
        for (better, worse) in [(SAME_CALL, SAME_ERROR), (SAME_ERROR, SAME_COMMAND)] {
            assert!(of(remedy(), seen(1, 1, 1, 0), better) > of(remedy(), seen(1, 1, 1, 0), worse));
        }
        let routine = Payload { routine: true, ..remedy() };
        let next = Payload { next_only: true, ..remedy() };
        assert!(of(routine, seen(1, 1, 1, 0), 1.0) < once);
        assert!(of(next, seen(1, 1, 1, 0), 1.0) < once);
        // Without a remedy it is only as sure as it came back.
        let back = |sessions| of(Payload::default(), seen(0, sessions, sessions, 0), 1.0);
        assert!(back(1) < back(2) && back(2) < back(9));
    }

    #[test]
    fn recipes_that_work_often_lately_and_are_short_come_first() {
        let of = |text: &str, tally| recipe(&pattern(text, "test", Payload::default(), tally), 0);
        let plain = of("`npm test`", seen(9, 1, 4, 1));
        let long = format!("`npm test -- {}`", "--grep some-words ".repeat(8));
        for (worse, name) in [
            (of("`npm test`", seen(9, 9, 4, 1)), "it fails"),
            (of("`npm test`", seen(9, 1, 1, 1)), "it ran in one session"),
            (of("`npm test`", seen(9, 1, 4, 200)), "it is old"),
            (of(&long, seen(9, 1, 4, 1)), "it is long"),
        ] {
            assert!(worse < plain, "{name}");
        }
        assert!(plain > cost::recipe(20));
    }

    #[test]
    fn what_recurs_lately_is_costly() {
        let of =
            |category: &str, payload, tally| costliness(&pattern("x", category, payload, tally), 0);
        let thrice = of("test", remedy(), seen(3, 3, 3, 1));
        assert!(thrice > cost::mistake(150), "{thrice}");
        assert!(of("test", remedy(), seen(3, 3, 3, 90)) < thrice, "long ago");
        assert!(of("test", remedy(), seen(3, 3, 1, 1)) < thrice, "in one session");
        // Once is enough only for the project's own commands with a proven remedy.
        let once = seen(1, 1, 1, 0);
        assert!(of("test", remedy(), once) > cost::mistake(150));
        assert!(of("vcs", remedy(), once) <= 0.0);
        assert!(of("test", Payload { next_only: true, ..remedy() }, once) <= 0.0);
        assert!(of("test", Payload { routine: true, ..remedy() }, once) <= 0.0);
    }

    #[test]
    fn a_command_that_mostly_works_gets_no_warning() {
        let known = pattern("x", "test", remedy(), seen(3, 3, 3, 0));
        assert!(before_command(&known, 3, 3, 0) > cost::before(150));
        assert!(before_command(&known, 30, 3, 0) < cost::before(150));
        assert!(before_command(&known, 0, 0, 0) <= 0.0);
    }

    #[test]
    fn commands_of_other_parts_are_worth_less() {
        for (folder, here, expected) in [
            (".", ".", 1.0),
            ("web", "web", 1.0),
            ("web", ".", RELATED_PART),
            (".", "web", RELATED_PART),
            ("packages/a", "packages", RELATED_PART),
            ("packages", "packages/a", RELATED_PART),
            ("packages/a", "packages/b", OTHER_PART),
            ("web", "website", OTHER_PART),
        ] {
            assert!((in_part(1.0, folder, here) - expected).abs() < 1e-9, "{folder} in {here}");
        }
    }

    #[test]
    fn like_words_count_less_than_the_same_call() {
        let terms = tokens::distinct("make e2e no rule to make target");
        let of = |same_program, class| {
            lexical(&terms, "make e2e no rule to make target", same_program, class)
        };
        let best = of(true, ErrorClass::ScriptNotFound);
        assert!(best < SAME_CALL && best > of(false, ErrorClass::ScriptNotFound));
        assert!(best > of(true, ErrorClass::TestFailure));
        assert!(lexical(&terms, "cargo build", true, ErrorClass::Usage) <= 0.0);
    }

    #[test]
    fn a_subject_is_met_by_two_of_its_rare_terms() {
        let key = |term: &str| Key::new(Space::Term, term);
        let mut asked = ["csv", "export", "the"].map(key);
        asked.sort_unstable();
        let subject = |terms: &[(&str, u32)]| -> Vec<(Key, u32)> {
            terms.iter().map(|(term, df)| (key(term), *df)).collect()
        };
        let of = |terms: &[(&str, u32)]| weighted_overlap(&asked, &subject(terms), 100);
        assert!((of(&[("csv", 1), ("export", 2)]) - 1.0).abs() < 1e-12);
        assert!(of(&[("csv", 1), ("export", 2), ("comma", 1), ("quote", 1)]) < 0.6);
        assert!(of(&[("csv", 1), ("the", 90), ("comma", 1)]) <= 0.0, "one rare term");
        assert!(of(&[("the", 90), ("export", 60)]) <= 0.0, "common terms");
        assert!(weighted_overlap(&asked, &[], 0) <= 0.0);
    }

    #[test]
    fn each_sign_makes_a_file_likelier() {
        let place =
            |place: &Place, asked: &Asked| Weights::shipped().chance(&features(place, asked));
        let asked = Asked { terms: 12, midway: false, tests: false, documents: false };
        let weak = Place { relative: 0.5, bm25: 4.0, age_days: 20.0, ..Place::default() };
        let least = place(&weak, &asked);
        for (name, stronger) in [
            ("score", Place { relative: 1.0, bm25: 8.0, ..weak }),
            ("path", Place { path: 3.0, ..weak }),
            ("words", Place { words: 3.0, ..weak }),
            ("symbols", Place { symbols: (5.0, 1.0), ..weak }),
            ("name", Place { mentioned: true, ..weak }),
            ("edits", Place { edits: 4, ..weak }),
            ("reads", Place { reads: 4, ..weak }),
            ("recent", Place { age_days: 0.5, ..weak }),
            ("company", Place { company: 0.7, ..weak }),
            ("words of its name", Place { named: 1.0, ..weak }),
            ("sibling", Place { sibling: true, ..weak }),
            ("neighbour", Place { neighbour: true, ..weak }),
            ("meaning", Place { alike: 0.5, ..weak }),
        ] {
            assert!(place(&stronger, &asked) > least, "{name}");
        }
        let mentioned = Place { mentioned: true, ..weak };
        assert!(place(&Place { spelled: true, ..mentioned }, &asked) > place(&mentioned, &asked));
        assert!(place(&weak, &Asked { midway: true, ..asked }) < least);
        assert!(place(&weak, &Asked { terms: 60, ..asked }) < least);
        let test = Place { test: true, ..weak };
        let of_tests = Asked { tests: true, ..asked };
        assert!(place(&test, &of_tests) > place(&weak, &of_tests));
        assert!(place(&test, &asked) < least);
        assert!(place(&Place { document: true, ..weak }, &asked) < least);
    }

    proptest! {
        #[test]
        fn chances_are_chances(
            successes in 0_u32..1_000, failures in 0_u32..1_000, sessions in 0_u32..100,
            last: i64, now: i64, quality in 0.0..=1.0_f64, bm25 in 0.0..1e4_f64, terms in 0_usize..200,
        ) {
            let tally = Tally { successes, failures, sessions, first: last, last };
            for payload in [remedy(), Payload::default()] {
                let pattern = pattern("x", "test", payload, tally);
                let place = Place { bm25, relative: 1.0, age_days: age_days(last, now), ..Place::default() };
                for chance in [
                    fix(&pattern, quality, now),
                    decision(&pattern, quality, now),
                    recipe(&pattern, now),
                    elsewhere(&pattern, now),
                    before_command(&pattern, successes + failures, failures, now),
                    Weights::shipped().chance(&features(
                        &place,
                        &Asked { terms, midway: false, tests: false, documents: false },
                    )),
                ] {
                    prop_assert!((0.0..=1.0).contains(&chance), "{}", chance);
                }
                prop_assert!(costliness(&pattern, now).is_finite());
            }
        }
    }

    #[test]
    fn chances_fade_with_age() {
        let of = |days, standing| {
            let payload = Payload { standing, ..remedy() };
            let seen = pattern("x", "test", payload, seen(3, 3, 2, days));
            [
                fix(&seen, 1.0, 0),
                decision(&seen, 1.0, 0),
                elsewhere(&seen, 0),
                before_command(&seen, 3, 3, 0),
            ]
        };
        for (new, old) in of(0, false).into_iter().zip(of(HALF_LIFE as i64, false)) {
            assert!((old - new / 2.0).abs() < 1e-9, "{new} {old}");
        }
        for (passing, standing) in of(300, false).into_iter().zip(of(300, true)) {
            assert!(standing > 1.5 * passing, "what stands fades slowly");
        }
    }

    #[test]
    fn decay_halves() {
        assert!((decay(7.0, 7.0) - 0.5).abs() < 1e-12);
        assert!((decay(0.0, 7.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn overlap_is_a_share_of_the_smaller_side() {
        let words = |s: &str| s.split(' ').map(String::from).collect::<Vec<_>>();
        assert!((overlap(&words("a b c d"), &words("a b")) - 1.0).abs() < 1e-12);
        assert!((overlap(&words("a b"), &words("b c")) - 0.5).abs() < 1e-12);
        assert!(overlap(&words("a"), &words("a")) < 1e-12);
    }
}
