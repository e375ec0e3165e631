//! How good the suggestions are: recorded sessions are replayed in the order in which they
//! happened, and what the agent then did tells whether what would have been said was right.
//!
//! Reading order: [`session`] is a transcript as events, [`words`], [`recovery`], [`episode`] and
//! [`history`] say what a session needed and what earlier ones knew, [`judge`] looks back on a
//! suggestion, [`score`] counts, [`mod@replay`] is the loop over all of it, with a home of its own
//! ([`scratch`]). `docs/learning.md` has the measures.

mod episode;
mod history;
mod judge;
mod mistakes;
mod recovery;
mod replay;
mod score;
mod scratch;
mod session;
#[cfg(test)]
mod tests;
#[cfg(feature = "sync")]
pub(crate) mod trial;
mod words;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;

pub(crate) use history::Place;
pub(crate) use mistakes::{Hit, Miss, Mistake};
pub(crate) use replay::LEAST_SESSIONS;
pub(crate) use score::{CalibrationRow, EventRow, KindRow, Measures};
pub(crate) use scratch::EncoderMaker;

use crate::model::rank::fit::Example;
use crate::storage::StorageError;
use mistakes::repeated;
use replay::{Asked, Replayed, replay};
use score::Score;
use scratch::Scratch;
use session::Session;

/// What keeps a replay from being made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EvaluationError {
    /// A folder cannot be listed.
    #[error("cannot list {}", path.display())]
    List {
        /// The folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A transcript cannot be put into the temporary home.
    #[error("cannot copy {} into a temporary home", path.display())]
    Copy {
        /// The transcript.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The temporary home's store fails.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// How a replay is made.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Options {
    /// Share of a project's sessions that is learned before the first is asked about, from 0 to 1.
    pub(crate) train: f64,
    /// Parts in which the others follow, each learned before the next.
    pub(crate) folds: u32,
    /// Milliseconds since the Unix epoch.
    pub(crate) now: i64,
    /// Whether the candidates of prompts are kept, for [`prompts`].
    pub(crate) collects: bool,
}

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// Where a replay stands, for a progress bar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// This many transcripts are to be gone through.
    Found(u64),
    /// This many more are done.
    Done(u64),
}

/// What a replay showed.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Report {
    /// The projects that were replayed.
    pub(crate) projects: Vec<Project>,
    /// All of them together.
    pub(crate) total: Measures,
    /// What was said at each kind of event.
    pub(crate) events_by_kind: Vec<EventRow>,
    /// The suggestions by kind and event.
    pub(crate) kinds: Vec<KindRow>,
    /// How often suggestions of stated confidence were right.
    pub(crate) calibration: Vec<CalibrationRow>,
    /// Failures that would have been met with their mend, the costliest first; those that one
    /// line told which names what failed come before the others.
    pub(crate) hits: Vec<Hit>,
    /// Failures whose mend was known and not said, the costliest first.
    pub(crate) misses: Vec<Miss>,
    /// Mistakes of several sessions, the costliest first.
    pub(crate) mistakes: Vec<Mistake>,
    /// Transcripts that were found.
    pub(crate) transcripts: u64,
    /// Transcripts, lines and projects that were left out.
    pub(crate) left_out: Vec<LeftOut>,
}

/// A project that was replayed.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Project {
    /// Its folder's name.
    pub(crate) name: String,
    /// Its measures.
    #[serde(flatten)]
    pub(crate) measures: Measures,
    /// What was said at each kind of event.
    pub(crate) events_by_kind: Vec<EventRow>,
    /// The suggestions by kind and event.
    pub(crate) kinds: Vec<KindRow>,
    /// How often suggestions of stated confidence were right.
    pub(crate) calibration: Vec<CalibrationRow>,
}

/// Something that was left out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct LeftOut {
    /// The transcript or the project's folder.
    pub(crate) path: PathBuf,
    /// Why.
    pub(crate) reason: String,
}

/// Replays the projects in `folders`: each holds one project's transcripts (`.jsonl`, or
/// `.jsonl.gz`), or a folder for each project. Everything is written below `scratch`, which must
/// be empty.
///
/// The same transcripts and options give the same report. Of the time only the day counts, which
/// is how precisely the age of a suggestion's evidence is told.
pub(crate) fn evaluate(
    folders: &[PathBuf],
    options: &Options,
    scratch: &Path,
    encoder: EncoderMaker<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Report, EvaluationError> {
    let (outcomes, transcripts) = replayed(folders, None, options, scratch, encoder, progress)?;
    Ok(report(outcomes, transcripts))
}

/// How a history is gone through for [`prompts`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct History {
    /// Bytes of transcripts at most, the latest ones.
    pub(crate) most: u64,
    /// Whether one processor is enough, in a process that is to stay out of the way.
    pub(crate) alone: bool,
    /// Milliseconds since the Unix epoch.
    pub(crate) now: i64,
}

/// The prompts of a history in order of time, each with the files that earlier sessions knew as
/// candidates and whether it led to them. As [`evaluate`] otherwise.
pub(crate) fn prompts(
    folders: &[PathBuf],
    history: &History,
    scratch: &Path,
    encoder: EncoderMaker<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Vec<Vec<Example>>, EvaluationError> {
    let options = Options { train: 0.2, folds: 10, now: history.now, collects: true };
    let replay = || replayed(folders, Some(history.most), &options, scratch, encoder, progress);
    // A thread of its own inherits what this one has of the processors' time.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let (outcomes, _) = match pool.ok().filter(|_| history.alone) {
        Some(pool) => pool.install(replay)?,
        None => replay()?,
    };
    let replayed = outcomes.into_iter().filter_map(|outcome| outcome.replayed);
    let mut prompts: Vec<Asked> = replayed.flat_map(|replayed| replayed.prompts).collect();
    // Stable: within a session, in its order.
    prompts.sort_by(|a, b| a.start.cmp(&b.start));
    Ok(prompts.into_iter().map(|prompt| prompt.candidates).collect())
}

/// Replays the projects in `folders`; says how many transcripts there are.
fn replayed(
    folders: &[PathBuf],
    most: Option<u64>,
    options: &Options,
    scratch: &Path,
    encoder: EncoderMaker<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(Vec<Outcome>, u64), EvaluationError> {
    let mut found = Vec::new();
    for folder in folders {
        found.extend(projects_in(folder)?);
    }
    if let Some(most) = most {
        keep_latest(&mut found, most);
    }
    let transcripts: usize = found.iter().map(|(_, transcripts)| transcripts.len()).sum();
    progress(Progress::Found(transcripts as u64));
    let done = |number| progress(Progress::Done(number));
    let outcomes: Vec<Outcome> = found
        .par_iter()
        .with_max_len(1)
        .enumerate()
        .map(|(n, (folder, transcripts))| {
            let home = scratch.join(n.to_string());
            let outcome = project(folder, transcripts, &home, options, encoder, &done);
            // The rest is removed with the folder above.
            let _kept = fs::remove_dir_all(&home);
            outcome
        })
        .collect::<Result<_, _>>()?;
    Ok((outcomes, transcripts as u64))
}

/// Drops all transcripts but the latest ones that have `most` bytes together.
fn keep_latest(found: &mut [(PathBuf, Vec<PathBuf>)], most: u64) {
    let of = |path: &Path| {
        let file = path.metadata().ok()?;
        Some((file.modified().ok()?, file.len()))
    };
    let all = found.iter().flat_map(|(_, transcripts)| transcripts);
    let mut dated: Vec<_> =
        all.filter_map(|path| of(path).map(|(time, size)| (time, path.clone(), size))).collect();
    dated.sort_unstable_by(|a, b| b.cmp(a));
    let mut sum = 0_u64;
    let fits = |(_, path, size): (_, PathBuf, u64)| {
        sum = sum.saturating_add(size);
        (sum <= most).then_some(path)
    };
    let kept: HashSet<PathBuf> = dated.into_iter().map_while(fits).collect();
    for (_, transcripts) in found {
        transcripts.retain(|path| kept.contains(path));
    }
}

/// How much there is to replay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Survey {
    /// Transcripts of projects that have enough of them.
    pub(crate) sessions: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
}

/// Looks how much there is to replay in `folders`, without reading it.
pub(crate) fn survey(folders: &[PathBuf]) -> Result<Survey, EvaluationError> {
    let mut found = Survey::default();
    for folder in folders {
        for (_, transcripts) in projects_in(folder)? {
            if transcripts.len() < LEAST_SESSIONS {
                continue;
            }
            found.sessions += transcripts.len() as u64;
            let sizes = transcripts.iter().filter_map(|path| fs::metadata(path).ok());
            found.bytes += sizes.map(|metadata| metadata.len()).sum::<u64>();
        }
    }
    Ok(found)
}

/// The project folders in `folder` with their transcripts: itself if it holds any, else the
/// folders in it that do.
fn projects_in(folder: &Path) -> Result<Vec<(PathBuf, Vec<PathBuf>)>, EvaluationError> {
    let (transcripts, folders) = list(folder)?;
    if !transcripts.is_empty() {
        return Ok(vec![(folder.to_owned(), transcripts)]);
    }
    let mut found = Vec::new();
    for folder in folders {
        let (transcripts, _) = list(&folder)?;
        if !transcripts.is_empty() {
            found.push((folder, transcripts));
        }
    }
    Ok(found)
}

/// The transcripts and the folders in `folder`, each in order.
fn list(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), EvaluationError> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries =
        entries.map_err(|source| EvaluationError::List { path: folder.to_owned(), source })?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort_unstable();
    let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    let is_transcript = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".jsonl") || name.ends_with(".jsonl.gz")
    };
    Ok((files.into_iter().filter(is_transcript).collect(), folders))
}

/// What became of a project.
struct Outcome {
    name: String,
    /// `None` when it has too few sessions.
    replayed: Option<Replayed>,
    mistakes: Vec<Mistake>,
    left_out: Vec<LeftOut>,
}

fn project(
    folder: &Path,
    transcripts: &[PathBuf],
    home: &Path,
    options: &Options,
    encoder: EncoderMaker<'_>,
    done: &(dyn Fn(u64) + Sync),
) -> Result<Outcome, EvaluationError> {
    // The name of what the path leads to: `.` has none.
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = real.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut outcome = Outcome { name, replayed: None, mistakes: Vec::new(), left_out: Vec::new() };
    let sessions = read(transcripts, &mut outcome.left_out);
    done((transcripts.len() - sessions.len()) as u64);
    if sessions.len() < LEAST_SESSIONS {
        let reason = format!("too few sessions: {} of at least {LEAST_SESSIONS}", sessions.len());
        outcome.left_out.push(LeftOut { path: folder.to_owned(), reason });
        done(sessions.len() as u64);
        return Ok(outcome);
    }
    let today = options.now - options.now.rem_euclid(DAY);
    let scratch = Scratch::new(home, &outcome.name, today, encoder)?;
    outcome.mistakes = repeated(&outcome.name, &sessions);
    outcome.replayed = Some(replay(&outcome.name, &sessions, scratch, options, done)?);
    Ok(outcome)
}

/// The sessions that can be replayed, oldest first; notes the others.
fn read(transcripts: &[PathBuf], left_out: &mut Vec<LeftOut>) -> Vec<Session> {
    let mut sessions = Vec::new();
    let mut leave = |path: &Path, reason: String| {
        left_out.push(LeftOut { path: path.to_owned(), reason });
    };
    for path in transcripts {
        let session = match Session::read(path) {
            Ok(session) => session,
            Err(error) => {
                leave(path, format!("cannot be read: {error}"));
                continue;
            }
        };
        match session.torn {
            0 => {}
            1 => leave(path, "one damaged line".into()),
            number => leave(path, format!("{number} damaged lines")),
        }
        if session.events.is_empty() || session.start.is_empty() {
            leave(path, "no prompt and no call in it".into());
        } else {
            sessions.push(session);
        }
    }
    sessions.sort_by(|a, b| a.start.cmp(&b.start));
    sessions
}

fn report(outcomes: Vec<Outcome>, transcripts: u64) -> Report {
    let mut total = Score::default();
    let mut report = Report {
        projects: Vec::new(),
        total: total.measures(),
        events_by_kind: Vec::new(),
        kinds: Vec::new(),
        calibration: Vec::new(),
        hits: Vec::new(),
        misses: Vec::new(),
        mistakes: Vec::new(),
        transcripts,
        left_out: Vec::new(),
    };
    for outcome in outcomes {
        report.left_out.extend(outcome.left_out);
        report.mistakes.extend(outcome.mistakes);
        let Some(Replayed { score, hits, misses, .. }) = outcome.replayed else { continue };
        report.projects.push(Project {
            name: outcome.name,
            measures: score.measures(),
            events_by_kind: score.events(),
            kinds: score.kinds(),
            calibration: score.calibration(),
        });
        report.hits.extend(hits);
        report.misses.extend(misses);
        total.add(&score);
    }
    // Stable: among equals, the order of the projects and their sessions.
    report.hits.sort_by_key(|hit| {
        (!hit.to_the_point, hit.said.is_empty(), std::cmp::Reverse(hit.lost_calls))
    });
    report.misses.sort_by_key(|miss| std::cmp::Reverse(miss.lost_calls));
    report.mistakes.sort_by_key(|mistake| std::cmp::Reverse(mistake.lost_calls));
    report.total = total.measures();
    report.events_by_kind = total.events();
    report.kinds = total.kinds();
    report.calibration = total.calibration();
    report
}
