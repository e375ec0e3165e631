//! Trying out what other devices told, on what happened here.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::cycle::{Cycle, Source};
use super::error::CliError;
use super::output::{Output, count};
use super::publish::publish;
use super::{scratch, time};
use crate::config::Settings;
use crate::evaluation::trial::{self, Progress};
use crate::model::trial::Verdict;
use crate::storage::{Reader, StorageError, Store};

/// What a trial may take that follows another command.
const AFTERWARDS: Duration = Duration::from_secs(20);

/// What a trial may take that nobody waits for.
const ASIDE: Duration = Duration::from_mins(2);

/// What a trial may take that was asked for.
pub(super) const ASKED: Duration = Duration::from_mins(10);

/// What came of a trial.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    /// Items that were tried.
    pub(super) tried: usize,
    /// How many of them got which verdict.
    pub(super) verdicts: BTreeMap<&'static str, u64>,
    took_ms: u64,
}

/// Tries what is due, for `limit` at most. Nothing is locked meanwhile but to store what came of
/// it, and a run that is ended before has changed nothing.
pub(super) fn run(
    settings: &Settings,
    limit: Duration,
    progress: bool,
) -> Result<Report, CliError> {
    let began = Instant::now();
    let reader = match Reader::open(&settings.home) {
        // Nothing can have been told to a home that is not there.
        Err(StorageError::Missing { .. }) => return Ok(Report::default()),
        opened => opened?,
    };
    if !reader.hears_others()? {
        return Ok(Report::default());
    }
    let due = trial::due(&reader, reader.waiting_for_trial()?)?;
    if due.is_empty() {
        return Ok(Report::default());
    }
    let folder = scratch::folder()?;
    let bar = bar(progress);
    let now = time::now().timestamp_millis();
    let goes_on = || began.elapsed() < limit;
    let shown = |progress| match progress {
        Progress::Found(sessions) => bar.set_length(sessions),
        Progress::Done => bar.inc(1),
    };
    let trials = trial::score(&reader, &due, folder.path(), now, &goes_on, &shown);
    bar.finish_and_clear();
    let trials = trials?;
    drop(reader);
    let mut store = Store::open(&settings.home, true)?;
    store.keep_trials(&trials, now)?;
    publish(&mut store, &settings.home)?;
    let mut report = Report { tried: trials.len(), ..Report::default() };
    for (_, trial) in &trials {
        *report.verdicts.entry(trial.verdict.name()).or_default() += 1;
    }
    report.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

/// The run that follows a command which took something in. That one has succeeded, whatever comes
/// of this.
pub(super) fn afterwards(settings: &Settings, output: &mut Output) -> Report {
    match run(settings, AFTERWARDS, output.shows_progress()) {
        Ok(report) => report,
        Err(error) => {
            output.notice(format!(
                "What is new could not be tried on what happened here: {}",
                error.source
            ));
            Report::default()
        }
    }
}

/// The run that follows learning and exchanges in the background.
pub(super) fn aside(settings: &Settings, source: Source) -> Result<(), CliError> {
    let due = match Reader::open(&settings.home) {
        Ok(reader) if reader.hears_others()? => trial::due(&reader, reader.waiting_for_trial()?)?,
        _ => return Ok(()),
    };
    if due.is_empty() {
        return Ok(());
    }
    // The user's own work comes first. A system that does not allow even that leaves it as it is.
    let _refused = rustix::process::nice(10);
    let cycle = Cycle::begin(settings, "try", source);
    let report = run(settings, ASIDE, false);
    cycle.end(report.as_ref().map_err(|error| &error.source));
    report.map(drop)
}

/// Says what came of a trial; nothing where nothing was due.
pub(super) fn tell(report: &Report, output: &mut Output) {
    if report.tried == 0 {
        return;
    }
    let number = |verdict: Verdict| report.verdicts.get(verdict.name()).copied().unwrap_or(0);
    output.line(format!(
        "Tried {} of other devices on what happened here: {} would have helped and {} told from \
         now on; the others wait (`mana review`).",
        count(report.tried as u64, "item", "items"),
        number(Verdict::Helpful),
        if number(Verdict::Helpful) == 1 { "is" } else { "are" },
    ));
}

fn bar(visible: bool) -> ProgressBar {
    let bar = if visible { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("trying    {wide_bar} {pos}/{len}");
    bar.set_style(style.expect("the template is valid"));
    bar
}
