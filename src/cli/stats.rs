//! `mana stats`: whether what was said helped.

use serde::Serialize;

use super::error::CliError;
use super::output::{Output, count};
use crate::config::{self, Settings};
use crate::model::effect::{Estimate, Group, does_harm};
use crate::model::pattern::Kind;
use crate::storage::{Reader, Side, Sides};

/// Judged cases on each side from which on a difference is worth a sentence.
const ENOUGH: u32 = 30;

/// Patterns that are listed.
const PATTERNS: u32 = 20;

/// What `mana stats --json` prints.
#[derive(Debug, Serialize)]
struct Stats {
    holdout: f64,
    all: Row,
    kinds: Vec<Row>,
    patterns: Vec<Row>,
    retired: u64,
    tokens: u64,
    enough: bool,
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
    for (id, sides) in reader.judged_patterns(PATTERNS)? {
        let pattern = reader.patterns_by_prefix(&id.to_string())?.pop();
        let kind = pattern.as_ref().map(|pattern| pattern.kind);
        let reference = by_kind.get(&kind).map_or(Group::default(), |sides| sides.held_back.well);
        let text = pattern.map(|pattern| pattern.text);
        patterns.push(Row { text, ..Row::of(id.short(), &sides, reference) });
    }
    let [ours, theirs] = [all.shown.well, all.held_back.well];
    Ok(Stats {
        holdout,
        all: Row::of("all", &all, theirs),
        kinds: kinds.collect(),
        patterns,
        retired: reader.retired()?,
        tokens: reader.told_characters()? / 4,
        enough: ours.cases >= ENOUGH && theirs.cases >= ENOUGH,
    })
}

fn tell(stats: &Stats, output: &mut Output) {
    let all = &stats.all;
    if all.shown + all.held_back == 0 {
        output.line("Nothing has been shown to an agent yet.");
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
    if stats.retired > 0 {
        output.line(format!(
            "{} retired and not shown any more.",
            count(stats.retired, "item is", "items are")
        ));
    }
    if !stats.patterns.is_empty() {
        output.line("");
        output.line("Most often judged:");
    }
    for row in &stats.patterns {
        let text: String = row.text.iter().flat_map(|text| text.chars()).take(70).collect();
        let mark = if row.harmful { "  harmful" } else { "" };
        output.line(format!("{}  {text}{mark}", line(row)));
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
        let (kinds, patterns) = (Vec::new(), Vec::new());
        verdict(&Stats { holdout, all, kinds, patterns, retired: 0, tokens: 0, enough })
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
