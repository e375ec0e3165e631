//! `mana stats`: whether what was said helped.

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::CliError;
use super::output::{Output, count};
use crate::config::{self, Settings};
use crate::learning::cost::{self, FailureCost};
use crate::model::effect::{Estimate, Group, does_harm};
use crate::model::pattern::Kind;
use crate::model::text;
use crate::storage::{Reader, Side, Sides};

/// Judged cases on each side from which on a difference is worth a sentence.
const ENOUGH: u32 = 30;

/// Mended failures from which on the middle one tells what a failure costs.
const FAILURES: u64 = 10;

/// Patterns of a list that are printed for people; `--json` has all that were judged.
const PATTERNS: usize = 5;

/// Bytes of a text on a line.
const TEXT: usize = 70;

/// The kinds of which "it did not go well" means that a call failed and was not mended. A file
/// that nobody opened costs nothing.
const ABOUT_FAILURES: [Kind; 4] = [Kind::Fix, Kind::Pitfall, Kind::Recipe, Kind::Path];

/// What `mana stats --json` prints.
#[derive(Debug, Serialize)]
struct Stats {
    holdout: f64,
    all: Row,
    kinds: Vec<Row>,
    /// All patterns that were judged, those most often first.
    patterns: Vec<Row>,
    /// Retired patterns by reason.
    retired: BTreeMap<&'static str, u64>,
    tokens: u64,
    enough: bool,
    cost: Cost,
    saved: Saved,
}

/// What showing things costs.
#[derive(Debug, Serialize)]
struct Cost {
    tokens: u64,
    /// Sessions in which something was shown.
    sessions: u64,
    tokens_per_session: Option<f64>,
    hooks: Option<Hooks>,
}

/// How long the hooks took, as the client measured it: with the start of the process.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
struct Hooks {
    runs: u64,
    seconds: f64,
    /// Milliseconds of the one in the middle.
    median: u64,
    /// Milliseconds that 95 of 100 do not exceed.
    p95: u64,
}

/// What was saved. The numbers are there only when it is proven that things went well more often.
#[derive(Debug, Serialize)]
struct Saved {
    /// What was shown of fixes, pitfalls, commands and paths and could be judged, and the same of
    /// what was held back.
    judged: [Group; 2],
    difference: Option<Estimate>,
    /// What a failure costs of which nothing was said.
    failure: Option<FailureCost>,
    claimed: bool,
    failures: Option<Estimate>,
    tokens: Option<Estimate>,
    seconds: Option<Estimate>,
}

/// One line of the table.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    shown: u32,
    delivered: u32,
    held_back: u32,
    followed: Option<Estimate>,
    went_well: Option<Estimate>,
    went_well_held_back: Option<Estimate>,
    difference: Option<Estimate>,
    judged: [Group; 2],
    calls: Option<f64>,
    calls_held_back: Option<f64>,
    /// The difference to what was held back of its kind.
    effect: Option<Estimate>,
    harmful: bool,
}

impl Row {
    fn of(name: impl Into<String>, sides: &Sides, reference: Group) -> Self {
        let Sides { shown, held_back } = sides;
        Self {
            name: name.into(),
            text: None,
            shown: shown.times,
            delivered: shown.delivered,
            held_back: held_back.times,
            followed: shown.followed.share(),
            went_well: shown.well.share(),
            went_well_held_back: held_back.well.share(),
            difference: shown.well.difference(held_back.well),
            judged: [shown.well, held_back.well],
            calls: mean_calls(shown),
            calls_held_back: mean_calls(held_back),
            effect: shown.well.difference(reference),
            harmful: does_harm(shown.well, reference),
        }
    }
}

fn mean_calls(side: &Side) -> Option<f64> {
    let (sum, known) = side.calls;
    (known > 0).then(|| sum as f64 / f64::from(known))
}

pub(crate) fn run(output: &mut Output) -> Result<(), CliError> {
    let settings = Settings::load(config::current_dir().as_deref())?;
    let reader = Reader::open(&settings.home)?;
    let stats = load(&reader, settings.inject.holdout)?;
    output.object(&stats);
    tell(&stats, output);
    Ok(())
}

fn load(reader: &Reader, holdout: f64) -> Result<Stats, CliError> {
    let by_kind = reader.sides_by_kind()?;
    let all = by_kind.values().fold(Sides::default(), |sum, sides| sum.and(*sides));
    let kinds = by_kind
        .iter()
        .map(|(kind, sides)| Row::of(kind.map_or("file", Kind::name), sides, sides.held_back.well));
    let mut patterns = Vec::new();
    for pattern in reader.judged_patterns()? {
        let reference =
            by_kind.get(&pattern.kind).map_or(Group::default(), |sides| sides.held_back.well);
        let row = Row::of(pattern.id.short(), &pattern.sides, reference);
        patterns.push(Row { text: Some(pattern.text), ..row });
    }
    let [ours, theirs] = [all.shown.well, all.held_back.well];
    let tokens = reader.told_characters()? / 4;
    let sessions = reader.told_sessions()?;
    let about_failures = by_kind
        .iter()
        .filter(|(kind, _)| kind.is_some_and(|kind| ABOUT_FAILURES.contains(&kind)))
        .fold(Sides::default(), |sum, (_, sides)| sum.and(*sides));
    Ok(Stats {
        holdout,
        all: Row::of("all", &all, theirs),
        kinds: kinds.collect(),
        patterns,
        retired: reader.retired()?,
        tokens,
        enough: ours.cases >= ENOUGH && theirs.cases >= ENOUGH,
        cost: Cost {
            tokens,
            sessions,
            tokens_per_session: (sessions > 0).then(|| tokens as f64 / sessions as f64),
            hooks: hooks(&reader.hook_times()?),
        },
        saved: saved(&about_failures, cost::of_failures(reader)?),
    })
}

/// Sums up how often hooks took so many milliseconds; `None` when no transcript tells.
fn hooks(times: &BTreeMap<u64, u64>) -> Option<Hooks> {
    let runs: u64 = times.values().sum();
    let at = |share: f64| {
        let rank = (runs as f64 * share).ceil() as u64;
        let mut seen = 0;
        let found = times.iter().find(|(_, n)| {
            seen += **n;
            seen >= rank
        });
        found.map(|(time, _)| *time)
    };
    let total: u64 = times.iter().map(|(time, n)| time * n).sum();
    Some(Hooks { runs, seconds: total as f64 / 1_000.0, median: at(0.5)?, p95: at(0.95)? })
}

/// What was saved, where what a `failure` costs and the effect are known well enough.
fn saved(sides: &Sides, failure: Option<FailureCost>) -> Saved {
    let judged = [sides.shown.well, sides.held_back.well];
    let difference = judged[0].difference(judged[1]);
    let failure = failure.filter(|failure| failure.cases >= FAILURES);
    let proven = difference
        .filter(|found| found.low > 0.0 && judged.iter().all(|group| group.cases >= ENOUGH));
    // What could not be judged did perhaps not come up, so nothing is claimed for it.
    let failures = proven.map(|difference| difference.times(judged[0].cases.into()));
    let each = |cost: fn(FailureCost) -> f64| Some(failures?.times(cost(failure?)));
    Saved {
        judged,
        difference,
        failure,
        claimed: proven.is_some() && failure.is_some(),
        failures,
        tokens: each(|failure| failure.tokens),
        seconds: each(|failure| failure.seconds),
    }
}

fn tell(stats: &Stats, output: &mut Output) {
    let all = &stats.all;
    if all.shown + all.held_back == 0 {
        output.line(
            "Nothing has been shown to an agent yet. `mana status` says whether the hooks are \
             installed.",
        );
        return;
    }
    output.line(format!(
        "Shown {}, about {} tokens in all; held back {} to compare with.",
        count(all.shown.into(), "time", "times"),
        stats.tokens,
        count(all.held_back.into(), "time", "times"),
    ));
    output.line("");
    output.line(format!(
        "{:<10} {:>6} {:>9}  {:<18} {:<18} {:<18} {}",
        "", "shown", "held back", "followed", "went well", "held back: well", "difference"
    ));
    for row in stats.kinds.iter().chain([all]) {
        output.line(line(row));
    }
    output.line("");
    output.line(verdict(stats));
    if let (Some(ours), Some(theirs)) = (all.calls, all.calls_held_back) {
        output.line(format!(
            "After a failure it took {ours:.1} calls until things went well, {theirs:.1} where it \
             was held back."
        ));
    }
    output.line("");
    tell_cost(&stats.cost, output);
    tell_saved(&stats.saved, stats.holdout, output);
    if !stats.retired.is_empty() {
        let reasons: Vec<String> =
            stats.retired.iter().map(|(reason, n)| format!("{n} {}", because(reason))).collect();
        output.line(format!("Set aside and not shown any more: {}.", reasons.join(", ")));
    }
    tell_patterns(&stats.patterns, output);
}

/// Why patterns of a reason are retired, for people.
fn because(reason: &str) -> &str {
    match reason {
        "merged" => "merged with another",
        "faded" => "not used for long",
        "unmatched" => "never matched",
        "harmful" => "did harm",
        "global" => "stood for by a pattern of all projects",
        other => other,
    }
}

fn tell_cost(cost: &Cost, output: &mut Output) {
    let each = cost.tokens_per_session.unwrap_or_default();
    output.line(format!(
        "Cost: about {} tokens in {}, {each:.0} each.",
        cost.tokens,
        count(cost.sessions, "session", "sessions"),
    ));
    output.line(match cost.hooks {
        Some(Hooks { runs, seconds, median, p95 }) => format!(
            "      {} took {} in all; the one in the middle {median} ms, 95 of 100 at most {p95} ms.",
            count(runs, "hook", "hooks"),
            duration(seconds),
        ),
        None => "      No transcript tells yet how long hooks took.".into(),
    });
}

fn tell_saved(saved: &Saved, holdout: f64, output: &mut Output) {
    let [ours, theirs] = saved.judged;
    let nothing = "Saved: nothing is claimed, because ";
    let said = match (saved.failures, saved.tokens, saved.seconds) {
        (Some(failures), Some(tokens), Some(seconds)) => format!(
            "Saved, estimated: {:.0} failures ({:.0} to {:.0}), which cost {:.0} tokens ({:.0} to \
             {:.0}) or more and {} ({} to {}).",
            failures.value,
            failures.low,
            failures.high,
            tokens.value,
            tokens.low,
            tokens.high,
            duration(seconds.value),
            duration(seconds.low),
            duration(seconds.high),
        ),
        (Some(failures), ..) => format!(
            "Saved, estimated: {:.0} failures ({:.0} to {:.0}). Not enough data yet to say what one \
             costs: of {FAILURES} that were mended.",
            failures.value, failures.low, failures.high,
        ),
        _ if holdout == 0.0 && theirs.cases == 0 => {
            format!("{nothing}nothing is held back to compare with.")
        }
        _ if ours.cases < ENOUGH || theirs.cases < ENOUGH => format!(
            "Saved: not enough data yet. Of what is about failures, {} judged where it was shown \
             and {} where it was held back, of {ENOUGH} each.",
            count(ours.cases.into(), "case was", "cases were"),
            theirs.cases,
        ),
        _ => format!(
            "{nothing}it is not proven that failures became fewer: {}.",
            percent(saved.difference.as_ref())
        ),
    };
    output.line(said);
    if let Some(FailureCost { cases, tokens, seconds }) = saved.failure {
        output.line(format!(
            "      Without a word of MANA's a failure costs {tokens:.0} tokens or more and {} \
             here, by the middle one of {cases} that were mended.",
            duration(seconds)
        ));
    }
}

/// `45 s`, `12 min`, `3.5 h`.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3_600.0),
    }
}

/// Those that helped most and those that hurt, by what is sure of their effect.
fn tell_patterns(patterns: &[Row], output: &mut Output) {
    let effect = |row: &Row| row.effect.unwrap_or(Estimate { value: 0.0, low: 0.0, high: 0.0 });
    let mut helpers: Vec<&Row> = patterns.iter().filter(|row| effect(row).value > 0.0).collect();
    helpers.sort_by(|a, b| effect(b).low.total_cmp(&effect(a).low));
    let mut hurt: Vec<&Row> = patterns.iter().filter(|row| effect(row).value < 0.0).collect();
    hurt.sort_by(|a, b| effect(a).high.total_cmp(&effect(b).high));
    for (title, rows) in [
        ("Went well most surely, beside what was held back of its kind:", helpers),
        ("Went well less often than what was held back of its kind:", hurt),
    ] {
        if rows.is_empty() {
            continue;
        }
        output.line("");
        output.line(title);
        output.line(format!("{:<10} {:>6}  {:<18} {:<18}", "", "shown", "went well", "difference"));
        for row in rows.iter().take(PATTERNS) {
            let text = row.text.as_deref().unwrap_or_default();
            output.line(format!(
                "{:<10} {:>6}  {:<18} {:<18} {}{}",
                row.name,
                row.shown,
                percent(row.went_well.as_ref()),
                percent(row.effect.as_ref()),
                text::one_line(text, TEXT),
                if row.harmful { "  harmful" } else { "" },
            ));
        }
        if rows.len() > PATTERNS {
            output.line(format!("… and {} more; --json lists all", rows.len() - PATTERNS));
        }
    }
}

fn line(row: &Row) -> String {
    let line = format!(
        "{:<10} {:>6} {:>9}  {:<18} {:<18} {:<18} {}",
        row.name,
        row.shown,
        row.held_back,
        percent(row.followed.as_ref()),
        percent(row.went_well.as_ref()),
        percent(row.went_well_held_back.as_ref()),
        percent(row.difference.as_ref()),
    );
    line.trim_end().to_owned()
}

/// `34 % (21 to 50)`.
fn percent(estimate: Option<&Estimate>) -> String {
    let Some(Estimate { value, low, high }) = estimate else { return "-".into() };
    format!("{:.0} % ({:.0} to {:.0})", value * 100.0, low * 100.0, high * 100.0)
}

/// What the numbers say, in a sentence.
fn verdict(stats: &Stats) -> String {
    let all = &stats.all;
    let [ours, theirs] = all.judged;
    if stats.holdout == 0.0 && theirs.cases == 0 {
        return "Nothing is held back (holdout = 0), so there is nothing to compare with.".into();
    }
    let Some(difference) = all.difference.filter(|_| stats.enough) else {
        return format!(
            "Not enough data yet: {} judged where it was shown and {} where it was held back, of \
             {ENOUGH} each.",
            count(ours.cases.into(), "case", "cases"),
            theirs.cases,
        );
    };
    let share = percent(Some(&difference));
    match difference {
        Estimate { low, .. } if low > 0.0 => {
            format!("It helps: things went well more often by {share}.")
        }
        Estimate { high, .. } if high < 0.0 => {
            format!("It does harm: things went well less often, by {share}.")
        }
        _ => format!("It cannot be told yet whether it helps: the difference is {share}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(shown: (u32, u32), held_back: (u32, u32)) -> Sides {
        let side =
            |(well, cases)| Side { times: cases, well: Group { cases, well }, ..Side::default() };
        Sides { shown: side(shown), held_back: side(held_back) }
    }

    fn said(sides: &Sides, holdout: f64) -> String {
        let all = Row::of("all", sides, sides.held_back.well);
        let enough = sides.shown.well.cases >= ENOUGH && sides.held_back.well.cases >= ENOUGH;
        let (kinds, patterns, retired) = (Vec::new(), Vec::new(), BTreeMap::new());
        let cost = Cost { tokens: 0, sessions: 0, tokens_per_session: None, hooks: None };
        let saved = saved(sides, None);
        let tokens = 0;
        verdict(&Stats { holdout, all, kinds, patterns, retired, tokens, enough, cost, saved })
    }

    #[test]
    fn only_what_is_proven_is_claimed() {
        let failure = FailureCost { cases: 40, tokens: 50.0, seconds: 20.0 };
        let found = saved(&sides((90, 100), (20, 40)), Some(failure));
        let (failures, tokens) = (found.failures.unwrap(), found.tokens.unwrap());
        assert!(found.claimed && (failures.value - 40.0).abs() < 1e-9, "{failures:?}");
        assert!(0.0 < failures.low && failures.low < 40.0 && 40.0 < failures.high);
        assert!((tokens.low - failures.low * 50.0).abs() < 1e-9);
        assert!((found.seconds.unwrap().high - failures.high * 20.0).abs() < 1e-9);
        for (shown, held_back, cost) in [
            // It may be chance; there is too little; it does harm; what a failure costs is not known.
            ((60, 100), (23, 40), Some(failure)),
            ((90, 100), (5, 20), Some(failure)),
            ((20, 100), (30, 40), Some(failure)),
            ((90, 100), (20, 40), Some(FailureCost { cases: 9, ..failure })),
            ((90, 100), (20, 40), None),
        ] {
            let found = saved(&sides(shown, held_back), cost);
            assert!(!found.claimed, "{shown:?} {held_back:?}");
            assert_eq!((found.tokens, found.seconds), (None, None), "{shown:?} {held_back:?}");
        }
    }

    #[test]
    fn hooks_are_summed_up_by_their_times() {
        assert_eq!(hooks(&BTreeMap::new()), None);
        let times = BTreeMap::from([(2, 90), (5, 8), (100, 2)]);
        let expected = Hooks { runs: 100, seconds: 0.42, median: 2, p95: 5 };
        assert_eq!(hooks(&times), Some(expected));
        let one = Hooks { runs: 1, seconds: 0.007, median: 7, p95: 7 };
        assert_eq!(hooks(&BTreeMap::from([(7, 1)])), Some(one));
    }

    #[test]
    fn it_says_what_the_numbers_say_and_no_more() {
        for (shown, held_back, holdout, expected) in [
            ((90, 100), (20, 40), 0.1, "It helps"),
            ((20, 100), (30, 40), 0.1, "It does harm"),
            ((60, 100), (23, 40), 0.1, "It cannot be told yet"),
            ((90, 100), (0, 20), 0.1, "Not enough data yet: 100 cases judged"),
            ((1, 1), (0, 0), 0.1, "Not enough data yet: 1 case judged"),
            ((90, 100), (0, 0), 0.0, "Nothing is held back"),
        ] {
            let said = said(&sides(shown, held_back), holdout);
            assert!(said.starts_with(expected), "{shown:?} {held_back:?}: {said}");
        }
    }

    #[test]
    fn a_row_without_cases_has_no_numbers() {
        let row = Row::of("fix", &sides((0, 0), (0, 0)), Group::default());
        assert_eq!(
            line(&row),
            "fix             0         0  -                  -                  -                  -"
        );
    }
}
