//! `mana eval`: how good the suggestions are on recorded sessions.

use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};

use super::args::EvalArgs;
use super::error::{CliError, Kind};
use super::output::{Output, count};
use super::{scratch, time};
use crate::config::{self, Settings};
use crate::embeddings::shipped;
use crate::evaluation::{
    self, CalibrationRow, Hit, LEAST_SESSIONS, LeftOut, Measures, Miss, Mistake, Options, Place,
    Progress, Report,
};

/// Misses, mistakes and things left out that are printed for people; `--json` has all of them.
const LISTED: usize = 5;

pub(crate) fn run(args: &EvalArgs, output: &mut Output) -> Result<(), CliError> {
    let folders = folders(&args.paths)?;
    let report = replay(&folders, args.train, args.folds, output)?;
    output.object(&report);
    tell(&report, output);
    if report.projects.is_empty() && !output.is_json() {
        let message = format!("no project has the {LEAST_SESSIONS} sessions that a replay needs");
        return Err(CliError::new(Kind::Nothing, message)
            .hint("`mana demo` shows on samples what MANA does."));
    }
    Ok(())
}

/// Share of a project's sessions that is learned before the first is asked about.
pub(crate) const TRAIN: f64 = 0.5;

/// Parts in which a project's later sessions follow.
pub(crate) const FOLDS: u32 = 5;

/// Replays the sessions in `folders`, with a progress bar where somebody looks.
pub(crate) fn replay(
    folders: &[PathBuf],
    train: f64,
    folds: u32,
    output: &Output,
) -> Result<Report, CliError> {
    let scratch = scratch::folder()?;
    let bar = bar(output.shows_progress());
    let now = time::now().timestamp_millis();
    let options = Options { train, folds, now, collects: false };
    let report = evaluation::evaluate(
        folders,
        &options,
        scratch.path(),
        // Not the user's own table: it was fitted to the very sessions that are replayed.
        &|| Box::new(shipped::encoder()),
        &|progress| match progress {
            Progress::Found(transcripts) => bar.set_length(transcripts),
            Progress::Done(transcripts) => bar.inc(transcripts),
        },
    );
    bar.finish_and_clear();
    Ok(report?)
}

/// What matters of a report, in a few lines.
pub(crate) fn tell_compact(report: &Report, output: &mut Output) {
    let total = &report.total;
    output.line(format!(
        "{} replayed as if MANA had been there, each project's earlier ones learned before the \
         later ones:",
        count(total.sessions, "session", "sessions"),
    ));
    let percent = |share: Option<f64>| match share {
        Some(share) => format!("{:.0} %", share * 100.0),
        None => "none to count".into(),
    };
    output.line(format!(
        "  recovery    {}: of {} whose fix an earlier session knew, {} met with it",
        percent(total.recovery),
        count(total.learnable, "failure", "failures"),
        total.recovered,
    ));
    output.line(format!(
        "  prevention  {}: {} of them before the call was made",
        percent(total.prevention),
        total.prevented,
    ));
    output.line(format!(
        "  recall      {} of the files that {} led to, named in advance",
        percent(total.recall),
        count(total.prompts, "prompt", "prompts"),
    ));
    output.line(format!(
        "  precision   {} of the {} that were named were read or changed",
        percent(total.precision),
        count(total.named, "file", "files"),
    ));
    if let (Some(tokens), Some(events)) = (total.tokens_per_session, total.events_with_injection) {
        let events = events * 100.0;
        output.line(format!(
            "  cost        {tokens:.0} tokens a session, at {events:.1} % of events"
        ));
    }
    tell_hit(&report.hits, output);
}

/// The best example of what would have been told.
fn tell_hit(hits: &[Hit], output: &mut Output) {
    let Some(hit) = hits.first().filter(|hit| hit.to_the_point) else { return };
    output.line("\nFor example:");
    output.line(format!("  {}", hit.call));
    output.line(format!("      failed   {}", hit.error));
    output.line(format!("      cost     {}", count(hit.lost_calls, "call", "calls")));
    let when = if hit.prevented { "before it was called" } else { "as it failed" };
    output.line(format!("      MANA     would have said {when}: {}", hit.said.trim()));
    output.line(format!("      known    {}", named(&hit.known_from)));
}

/// The folders that were named, or that of the user's own history.
pub(super) fn folders(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    if paths.is_empty() {
        let projects = Settings::load(config::current_dir().as_deref())?.transcripts();
        // Without a history there is nothing to replay, which is said like any other lack of it.
        return Ok(if projects.is_dir() { vec![projects] } else { Vec::new() });
    }
    match paths.iter().find(|path| !path.is_dir()) {
        Some(path) if !path.exists() => Err(CliError::no_file(path)),
        Some(path) => {
            Err(CliError::new(Kind::Failed, format!("{} is not a folder", path.display()))
                .hint("Name a folder with the transcripts of one project, or one of such folders."))
        }
        None => Ok(paths.to_vec()),
    }
}

pub(super) fn bar(visible: bool) -> ProgressBar {
    let bar = if visible { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("replaying {wide_bar} {pos}/{len}");
    bar.set_style(style.expect("the template is valid"));
    bar
}

fn tell(report: &Report, output: &mut Output) {
    if !report.projects.is_empty() {
        tell_measures(report, output);
        tell_suggestions(report, output);
        tell_calibration(&report.calibration, output);
        tell_hit(&report.hits, output);
        tell_misses(&report.misses, output);
        tell_mistakes(&report.mistakes, output);
    }
    tell_left_out(&report.left_out, output);
}

fn tell_measures(report: &Report, output: &mut Output) {
    let total = &report.total;
    output.line(format!(
        "{} replayed as if MANA had been there, each project's earlier ones learned before the \
         later ones.",
        count(total.sessions, "session", "sessions"),
    ));
    output.line(format!(
        "Of {} whose fix an earlier session knew, it would have met {} with it, {} of them before \
         the call was made.\n",
        count(total.learnable, "failure", "failures"),
        total.recovered,
        total.prevented,
    ));
    output.line(format!(
        "{:<28} {:>8} {:>16} {:>10} {:>16} {:>16} {:>7} {:>7}",
        "project", "sessions", "recovery", "prevention", "recall", "precision", "tokens", "events"
    ));
    for project in &report.projects {
        output.line(row(&project.name, &project.measures));
    }
    if report.projects.len() > 1 {
        output.line(row("all", &report.total));
    }
    output.line(
        "\nrecovery    of the failures whose fix an earlier session knew, met with it when they \
         failed\nprevention  the same, before the failing call\nrecall      of the files that \
         prompts led to, named in advance; over so many prompts\nprecision   of the files that \
         were named, read or changed; of so many\ntokens      injected a session; events: share \
         with an injection",
    );
}

fn row(name: &str, measures: &Measures) -> String {
    let of = |share: Option<f64>, number: u64| match share {
        Some(share) => format!("{share:.3} of {number}"),
        None => "-".into(),
    };
    format!(
        "{:<28} {:>8} {:>16} {:>10} {:>16} {:>16} {:>7} {:>7}",
        shortened(name),
        measures.sessions,
        of(measures.recovery, measures.learnable),
        decimal(measures.prevention),
        of(measures.recall, measures.prompts),
        of(measures.precision, measures.named),
        measures.tokens_per_session.map_or_else(|| "-".into(), |tokens| format!("{tokens:.0}")),
        decimal(measures.events_with_injection),
    )
}

/// The end of a name that is too long for its column: folders of the client begin alike.
fn shortened(name: &str) -> String {
    let length = name.chars().count();
    match length.checked_sub(28) {
        None | Some(0) => name.to_owned(),
        Some(over) => format!("…{}", name.chars().skip(over + 1).collect::<String>()),
    }
}

fn decimal(share: Option<f64>) -> String {
    share.map_or_else(|| "-".into(), |share| format!("{share:.3}"))
}

fn tell_suggestions(report: &Report, output: &mut Output) {
    output.line(format!("\n{:<20} {:>8} {:>9} {:>8}", "event", "asked", "answered", "tokens"));
    for row in &report.events_by_kind {
        output.line(format!(
            "{:<20} {:>8} {:>9} {:>8.0}",
            row.event, row.events, row.injections, row.tokens
        ));
    }
    output.line(format!(
        "\n{:<10} {:<20} {:>11} {:>16} {:>16}",
        "kind", "event", "suggestions", "right", "false alarms"
    ));
    let of = |part: u64, number: u64| match number {
        0 => "-".into(),
        _ => format!("{part} of {number}"),
    };
    for row in &report.kinds {
        output.line(format!(
            "{:<10} {:<20} {:>11} {:>16} {:>16}",
            row.kind,
            row.event,
            row.suggestions,
            of(row.right, row.judged),
            of(row.false_alarms, row.before_calls),
        ));
    }
}

fn tell_calibration(rows: &[CalibrationRow], output: &mut Output) {
    output.line(format!(
        "\n{:<10} {:<10} {:>11} {:>8} {:>8} {:>10}",
        "kind", "confidence", "suggestions", "stated", "right", "difference"
    ));
    for row in rows {
        output.line(format!(
            "{:<10} {:<10} {:>11} {:>8.2} {:>8.2} {:>+10.2}",
            row.kind,
            format!("{:.1}-{:.1}", row.from, row.to),
            row.suggestions,
            row.stated,
            row.observed,
            row.observed - row.stated,
        ));
    }
}

fn tell_misses(misses: &[Miss], output: &mut Output) {
    if misses.is_empty() {
        return;
    }
    output.line("\nWorst misses: the fix was known and was not said.");
    for miss in misses.iter().take(LISTED) {
        let novel: Vec<&str> = miss.novel.iter().map(String::as_str).collect();
        output.line(format!("  {}", miss.call));
        output.line(format!("      failed   {}", miss.error));
        output.line(format!("      needed   {}", novel.join(" ")));
        output.line(format!("      at       {}", named(&miss.place)));
        output.line(format!("      known    {}", named(&miss.known_from)));
    }
    tell_more(misses.len(), output);
}

fn tell_mistakes(mistakes: &[Mistake], output: &mut Output) {
    if mistakes.is_empty() {
        return;
    }
    let lost = mistakes.iter().map(|mistake| mistake.lost_calls).sum();
    output.line(format!(
        "\nMistakes that came back in another session cost {} in all; the costliest:",
        count(lost, "call", "calls")
    ));
    for mistake in mistakes.iter().take(LISTED) {
        output.line(format!("  {}", mistake.call));
        output.line(format!("      failed   {}", mistake.error));
        output.line(format!(
            "      cost     {}: {} in {}",
            count(mistake.lost_calls, "call", "calls"),
            count(mistake.failures, "failure", "failures"),
            count(mistake.sessions, "session", "sessions"),
        ));
        output.line(format!("      first    {}", named(&mistake.first)));
        output.line(format!("      last     {}", named(&mistake.last)));
    }
    tell_more(mistakes.len(), output);
}

fn tell_left_out(left_out: &[LeftOut], output: &mut Output) {
    for LeftOut { path, reason } in left_out.iter().take(LISTED) {
        output.notice(format!("left out: {}: {reason}", path.display()));
    }
    if left_out.len() > LISTED {
        output.notice(format!("left out: {} more, which --json names", left_out.len() - LISTED));
    }
}

fn tell_more(number: usize, output: &mut Output) {
    if number > LISTED {
        output.line(format!("  and {} more, which --json names", number - LISTED));
    }
}

fn named(place: &Place) -> String {
    format!("{}:{}", place.transcript.display(), place.line)
}
