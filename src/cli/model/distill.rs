//! `mana model distill`.

use std::fs;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::cli::args::ModelDistillArgs;
use crate::cli::error::{CliError, Kind};
use crate::cli::output::Output;
use crate::config::Settings;
use crate::embeddings::distill::{self, Progress, Report, Start};
use crate::embeddings::{Bert, shipped};
use crate::library::Library;
use crate::storage::{Reader, file};

/// Texts of the store that count at most: with the encoder's vectors they take some 200 MB.
const MOST_TEXTS: u32 = 65_000;

/// What `mana model distill --json` prints.
#[derive(Debug, Serialize)]
struct Distilled {
    #[serde(flatten)]
    report: Report,
    /// Whether the new table was better, and so written.
    kept: bool,
    path: String,
}

pub(super) fn run(
    settings: &Settings,
    library: &Library,
    args: &ModelDistillArgs,
    output: &mut Output,
) -> Result<(), CliError> {
    let teacher = teacher(library, args.teacher.as_deref())?;
    let texts = texts(settings, args)?;
    let start = if args.afresh { Start::Afresh } else { Start::Table(shipped::table()) };
    let bar = Bar::new(output.shows_progress());
    let fitted = distill::distill(&teacher, shipped::vocabulary(), &texts, start, &|p| bar.show(p));
    bar.0.finish_and_clear();
    let (bytes, report) = fitted?;

    let own = settings.home.join(shipped::OWN_TABLE);
    let path = args.out.as_deref().unwrap_or(&own);
    let kept = report.improves();
    if kept {
        let put = if args.out.is_some() { file::replace } else { file::replace_own };
        put(path, &bytes).map_err(|error| CliError {
            kind: Kind::Failed,
            source: error.into(),
            hints: Vec::new(),
        })?;
    }
    let distilled = Distilled { report, kept, path: path.display().to_string() };
    output.object(&distilled);
    tell(&distilled, output);
    Ok(())
}

/// The encoder to learn from: a folder, an installed one, or the one in use.
fn teacher(library: &Library, named: Option<&str>) -> Result<Bert, CliError> {
    let Some(named) = named else {
        let active = library.active()?.ok_or_else(|| {
            CliError::new(Kind::Nothing, "no encoder is in use to learn from")
                .hint("Run `mana model install gte-small`, or name a folder by --teacher.")
        })?;
        return Ok(library.open(&active)?);
    };
    let folder = Path::new(named);
    if !folder.is_dir() {
        return Ok(library.open(&library.find(named)?)?);
    }
    Ok(Library::open_folder(folder)?)
}

/// The texts of the store, where there is one, and of the files.
fn texts(settings: &Settings, args: &ModelDistillArgs) -> Result<Vec<String>, CliError> {
    let mut texts = match Reader::open(&settings.home) {
        Ok(reader) => reader.texts(MOST_TEXTS)?,
        Err(error) if error.is_missing() => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    for path in &args.texts {
        let text = fs::read_to_string(path).map_err(|error| {
            CliError::new(Kind::Failed, format!("cannot read {}: {error}", path.display()))
        })?;
        texts.extend(text.lines().map(str::to_owned));
    }
    Ok(texts)
}

struct Bar(ProgressBar);

impl Bar {
    fn new(visible: bool) -> Self {
        Self(if visible { ProgressBar::new(0) } else { ProgressBar::hidden() })
    }

    fn show(&self, progress: Progress) {
        let begin = |length, text| {
            self.0.set_style(ProgressStyle::with_template(text).expect("the template is valid"));
            self.0.set_position(0);
            self.0.set_length(length);
        };
        match progress {
            Progress::Encoding(texts) => begin(texts, "encoding  {wide_bar} {pos}/{len}  {eta}"),
            Progress::Fitting(rounds) => begin(rounds, "fitting   {wide_bar} {pos}/{len}"),
            Progress::Encoded(texts) => self.0.inc(texts),
            Progress::Fitted => self.0.inc(1),
        }
    }
}

fn tell(distilled: &Distilled, output: &mut Output) {
    let Distilled { report, kept, path } = distilled;
    output.line(format!(
        "Fitted to {} on {} texts; {} were held out.",
        report.teacher, report.texts, report.held_out
    ));
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let was = |part: fn(distill::Scores) -> f64| {
        report.before.map_or(String::new(), |before| format!(" (was {})", percent(part(before))))
    };
    let after = report.after;
    output.line(format!(
        "Neighbours found: {}{}; cosine to the encoder: {}{}.",
        percent(after.recall),
        was(|scores| scores.recall),
        percent(after.cosine),
        was(|scores| scores.cosine),
    ));
    output.line(if *kept {
        format!("Written to {path}.")
    } else {
        "That is no improvement, so everything stays as it was.".into()
    });
}
