//! `mana tune`: the weights by which files are named, fitted to the user's own history.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::args::TuneArgs;
use super::error::CliError;
use super::output::{Output, count};
use super::publish::publish;
use super::{eval, scratch, time};
use crate::config::{self, Settings};
use crate::embeddings::shipped;
use crate::evaluation::{self, History, Progress};
use crate::model::rank::Weights;
use crate::model::rank::fit::{LEAST, Quality, Refit, Verdict, refit};
use crate::storage::{Reader, StorageError, Store};

/// Under which name the store notes when the last run was.
const NOTE: &str = "tuned";

/// Milliseconds after which a run of its own is due: a week.
const DUE: i64 = 7 * 86_400_000;

/// A weight, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Weight {
    feature: &'static str,
    shipped: f64,
    fitted: f64,
}

/// What `mana tune --json` prints, and what is kept of a run.
#[derive(Debug, Serialize)]
struct Told {
    dry_run: bool,
    verdict: Verdict,
    /// Whether the fitted weights are in use from now on.
    kept: bool,
    prompts: usize,
    held_out: usize,
    candidates: usize,
    before: Quality,
    after: Quality,
    /// How much lower the log loss of a prompt's candidates is.
    gain: f64,
    standard_error: f64,
    weights: Vec<Weight>,
}

impl Told {
    fn new(found: &Refit, dry_run: bool) -> Self {
        let shipped = Weights::shipped();
        let both = shipped.named().zip(found.weights.named());
        Self {
            dry_run,
            verdict: found.verdict,
            kept: !dry_run && found.verdict == Verdict::Better,
            prompts: found.prompts[0],
            held_out: found.prompts[1],
            candidates: found.candidates,
            before: found.before,
            after: found.after,
            gain: found.gain[0],
            standard_error: found.gain[1],
            weights: both
                .map(|((feature, shipped), (_, fitted))| Weight { feature, shipped, fitted })
                .collect(),
        }
    }
}

pub(crate) fn run(args: &TuneArgs, output: &mut Output) -> Result<(), CliError> {
    let settings = Settings::load(config::current_dir().as_deref())?;
    if let (false, Err(error @ StorageError::Missing { .. })) =
        (args.dry_run, Reader::open(&settings.home))
    {
        // Opening it to write would make one.
        return Err(error.into());
    }
    if args.reset {
        return reset(&settings, output);
    }
    let folders = eval::folders(&args.paths)?;
    let bar = eval::bar(output.shows_progress());
    let found = fitted(&settings, &folders, false, &|progress| match progress {
        Progress::Found(transcripts) => bar.set_length(transcripts),
        Progress::Done(transcripts) => bar.inc(transcripts),
    });
    bar.finish_and_clear();
    let found = found?;
    let told = Told::new(&found, args.dry_run);
    if !args.dry_run {
        keep(&mut Store::open(&settings.home, true)?, &settings.home, &found)?;
    }
    tell(&told, output);
    output.object(&told);
    Ok(())
}

/// The run of its own that follows learning once a week. It waits for no other process, and holds
/// no lock while it replays.
pub(crate) fn when_due(settings: &Settings) -> Result<(), CliError> {
    let history = settings.transcripts();
    let now = time::now().timestamp_millis();
    if !settings.rank.refit || !history.is_dir() || !is_due(&Reader::open(&settings.home)?, now)? {
        return Ok(());
    }
    match Store::open(&settings.home, false) {
        Err(error) if error.is_locked() => return Ok(()),
        store => {
            let mut store = store?;
            if !is_due(&store, now)? {
                return Ok(());
            }
            // Before the work, so that what ends it is not tried again at once.
            store.log_run(NOTE, now, r#"{"tune":"begun"}"#)?;
            publish(&mut store, &settings.home)?;
        }
    }
    let found = fitted(settings, &[history], true, &|_| {})?;
    keep(&mut Store::open(&settings.home, true)?, &settings.home, &found)?;
    Ok(())
}

/// Whether the last run was a week ago, or none has been.
fn is_due(reader: &Reader, now: i64) -> Result<bool, StorageError> {
    let last = reader.note(NOTE)?.and_then(|last| last.parse::<i64>().ok());
    Ok(last.is_none_or(|last| last > now || now - last >= DUE))
}

fn fitted(
    settings: &Settings,
    folders: &[PathBuf],
    alone: bool,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Refit, CliError> {
    let scratch = scratch::folder()?;
    let most = u64::from(settings.rank.refit_megabytes) << 20;
    let history = History { most, alone, now: time::now().timestamp_millis() };
    // Not the user's own table: it was fitted to the very sessions that are replayed.
    let encoder =
        || -> Box<dyn crate::model::vector::Encode + Send + Sync> { Box::new(shipped::encoder()) };
    let prompts = evaluation::prompts(folders, &history, scratch.path(), &encoder, progress)?;
    Ok(refit(&prompts))
}

/// Stores what a fit says: better weights are used, and where the shipped ones do as well, those
/// are. Too little to tell changes nothing.
fn keep(store: &mut Store, home: &Path, found: &Refit) -> Result<(), StorageError> {
    let now = time::now().timestamp_millis();
    match found.verdict {
        Verdict::TooFew => {}
        Verdict::NoBetter => store.set_place_weights(None, now)?,
        Verdict::Better => store.set_place_weights(Some(&found.weights), now)?,
    }
    let report = serde_json::to_string(&Told::new(found, false));
    let report = report.expect("reports have string keys");
    store.log_run(NOTE, now, &report)?;
    publish(store, home)
}

fn reset(settings: &Settings, output: &mut Output) -> Result<(), CliError> {
    let mut store = Store::open(&settings.home, true)?;
    store.set_place_weights(None, time::now().timestamp_millis())?;
    publish(&mut store, &settings.home)?;
    output.line("The weights that the program brings are in use.");
    output.object(&serde_json::json!({ "reset": true }));
    Ok(())
}

fn tell(told: &Told, output: &mut Output) {
    output.line(format!(
        "{} with {}; the latest {} held out to try the fit on.\n",
        count(told.prompts as u64, "prompt", "prompts"),
        count(told.candidates as u64, "candidate file", "candidate files"),
        told.held_out,
    ));
    // Of too few prompts the numbers say nothing.
    if told.verdict != Verdict::TooFew {
        compare(told, output);
    }
    output.line(decision(told));
}

/// What the shipped and the fitted weights are, and how they do on what was held out.
fn compare(told: &Told, output: &mut Output) {
    output.line(format!("{:<46} {:>9} {:>9}", "on what was held out", "shipped", "fitted"));
    for (name, of) in [
        ("log loss of a candidate", (|q| q.log_loss) as fn(&Quality) -> f64),
        ("files that were named, of those led to", |q| q.recall),
        ("files that were led to, of those named", |q| q.precision),
    ] {
        output.line(format!("{name:<46} {:>9.4} {:>9.4}", of(&told.before), of(&told.after)));
    }
    output.line(format!("\n{:<46} {:>9} {:>9}", "weight", "shipped", "fitted"));
    for weight in &told.weights {
        output
            .line(format!("{:<46} {:>9.3} {:>9.3}", weight.feature, weight.shipped, weight.fitted));
    }
    output.line("");
}

/// What was decided, and why.
fn decision(told: &Told) -> String {
    let [prompts, held_out] = LEAST;
    match told.verdict {
        Verdict::TooFew => format!(
            "Nothing changes: at least {prompts} prompts are needed to fit weights, and {held_out} \
             of them to try these on."
        ),
        Verdict::NoBetter => "The weights that the program brings are used: on the prompts that \
            were held out the fitted ones are not better by more than noise."
            .into(),
        Verdict::Better if told.kept => "The fitted weights are used from now on: they are better \
            on prompts that they were not fitted to. `mana tune --reset` goes back."
            .into(),
        Verdict::Better => "The fitted weights would be used: they are better on prompts that \
            they were not fitted to."
            .into(),
    }
}
