//! `mana learn`.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::args::LearnArgs;
use super::cycle::{Cycle, Source};
use super::encode::{self, Pace};
use super::encoder;
use super::error::CliError;
use super::output::{Output, count};
use super::{consolidate, hook, time, tune};
use crate::config::{self, Settings};
use crate::consolidation;
use crate::hooks::session_end::Pending;
use crate::learning::discover::Root;
use crate::learning::learn::{self, Encoding, Progress, Report};
use crate::learning::transcript::EXCLUDED;
use crate::storage::{StorageError, Store, log};

pub(crate) fn run(args: &LearnArgs, output: &mut Output) -> Result<(), CliError> {
    if args.detached {
        return run_detached();
    }
    let settings = Settings::load(config::current_dir().as_deref())?;
    if args.supervised {
        return run_supervised(&settings);
    }
    for path in &args.paths {
        if !path.exists() {
            return Err(CliError::no_file(path));
        }
    }
    let cycle = Cycle::begin(&settings, "learn", Source::User);
    let report = learn(&settings, &args.paths, output);
    cycle.end(report.as_ref().map_err(|error| &error.source));
    let report = report?;
    output.object(&report);
    tell(&report, output);
    Ok(())
}

/// Learns from `paths`, or from all of the agent's transcripts, with a progress bar.
pub(crate) fn learn(
    settings: &Settings,
    paths: &[PathBuf],
    output: &mut Output,
) -> Result<Report, CliError> {
    let now = time::now().timestamp_millis();
    let mut store = match Store::open_or_rebuild(&settings.home, false, now) {
        Err(error) if error.is_locked() => {
            output.notice("Another run is learning right now; this one waits for it.");
            Store::open_or_rebuild(&settings.home, true, now)?
        }
        other => other?,
    };
    let table = encoder::of_home(&settings.home);
    store.encode_with(Some(Box::new(table)));
    let pending = Pending::take(&settings.home);
    let bar = Bar::new(output.shows_progress());
    let roots = roots(settings, paths, pending);
    let (home, exclusions) = (&settings.home, &settings.exclusions);
    let learned = learn::learn(&mut store, home, &roots, exclusions, now, &|p| bar.show(p));
    // Others have their turn while this process encodes.
    drop(store);
    let encoded = learned.and_then(|mut report| {
        let pace = Pace {
            limit: None,
            waits: Some(output),
            begin: &|patterns| bar.start("encoding  {wide_bar} {pos}/{len}  {eta}", patterns),
            progress: &|patterns| bar.0.inc(patterns),
        };
        encode::new_patterns(settings, table, pace, &mut report).map(|()| report)
    });
    bar.0.finish_and_clear();
    let report = encoded?;
    // Turns that ended meanwhile have found the lock taken. Who asked for this run need not wait
    // for what they said, nor hear that a run for it could not be begun.
    if Pending::read(&settings.home).ended > 0 {
        let _later = start_detached();
    }
    Ok(report)
}

/// Where the transcripts are: `paths`, or the agent's folder with those elsewhere that hooks noted.
/// A project's own home learns the sessions of that project alone.
pub(crate) fn roots(settings: &Settings, paths: &[PathBuf], pending: Pending) -> Vec<Root> {
    if !paths.is_empty() {
        return paths.iter().cloned().map(Root::Named).collect();
    }
    let projects = settings.transcripts();
    let mut roots = vec![match config::project_of_home(&settings.home) {
        Some(folder) => Root::Project { transcripts: projects.clone(), folder },
        None => Root::Projects(projects.clone()),
    }];
    // Sessions under another configuration folder tell where their transcripts are.
    let elsewhere = pending.transcripts.into_iter().filter(|path| !path.starts_with(&projects));
    roots.extend(elsewhere.filter(|path| path.exists()).map(Root::Named));
    roots
}

struct Bar(ProgressBar);

impl Bar {
    fn new(visible: bool) -> Self {
        Self(if visible { ProgressBar::new(0) } else { ProgressBar::hidden() })
    }

    fn show(&self, progress: Progress) {
        match progress {
            Progress::Reading(bytes) => {
                self.start("reading   {wide_bar} {bytes}/{total_bytes}", bytes);
            }
            Progress::Extracting(count) => self.start("learning  {wide_bar} {pos}/{len}", count),
            Progress::Read(n) | Progress::Extracted(n) => self.0.inc(n),
        }
    }

    /// Begins a part of the work, of `length`.
    fn start(&self, template: &str, length: u64) {
        self.0.set_style(ProgressStyle::with_template(template).expect("the template is valid"));
        self.0.set_position(0);
        self.0.set_length(length);
    }
}

/// Says what a run did.
pub(crate) fn tell(report: &Report, output: &mut Output) {
    if let Some(path) = &report.set_aside {
        output.notice(format!(
            "The database was damaged: it was set aside as {} and built anew from the transcripts.",
            path.display()
        ));
    }
    if report.files == 0 {
        output.line("No transcripts found.");
    } else if report.files_read == 0 {
        output
            .line(format!("Nothing new in {}.", count(report.files, "transcript", "transcripts")));
    } else {
        output.line(format!(
            "Read {} lines of {}: learned from {}, passed over {} (notes of the client, text \
             that says nothing, lines that were read before).",
            report.lines,
            count(report.files_read, "transcript", "transcripts"),
            report.account.learned,
            report.account.skipped_lines(),
        ));
    }
    let excluded = report.account.skipped.get(EXCLUDED).copied().unwrap_or_default();
    if report.files_excluded + excluded > 0 {
        output.line(format!(
            "Left out as `config.toml` says: {} of excluded projects, {}.",
            count(report.files_excluded, "transcript", "transcripts"),
            count(excluded, "line", "lines"),
        ));
    }
    if report.redated > 0 {
        output.line(format!(
            "Corrected the times of {} that a wrong clock had dated.",
            count(report.redated, "step", "steps"),
        ));
    }
    if let Some(Encoding { encoder, encoded, left }) = &report.encoding
        && encoded + left > 0
    {
        let waiting = match left {
            0 => String::new(),
            left => format!("; {left} more wait for the next run"),
        };
        let patterns = count(*encoded, "pattern", "patterns");
        output.line(format!("Encoded {patterns} with {encoder}{waiting}."));
    }
    for line in &report.damaged {
        output.notice(format!("skipped: {line}"));
    }
    for problem in &report.unreadable {
        output.notice(format!("skipped: {problem}"));
    }
}

/// Runs in a row that one process makes while turns keep ending.
const ROUNDS: usize = 8;

/// How long a run that a hook has started waits for the lock. Who learns for longer looks for notes
/// when it is done.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it looks meanwhile.
const LOOK: Duration = Duration::from_millis(20);

/// The run that hooks start: silent, in a session of its own, and only if no other goes on for long.
/// What goes wrong is in the hooks' log.
fn run_detached() -> Result<(), CliError> {
    // Fails only for a process that leads a group, which this one, just started, does not.
    let _already = rustix::process::setsid();
    let settings = Settings::load(config::current_dir().as_deref())?;
    let note = |problem: &str| {
        let line = format!("{} learn: {problem}", time::now().to_rfc3339());
        // A log that cannot be written leaves nothing else to try.
        let _lost = log::append(&settings.logs, log::HOOKS, &line);
    };
    let ran = run_rounds(&settings, Source::Hook, &note);
    ran.inspect_err(|error| note(&hook::chain(&*error.source)))
}

/// The run that the daemon starts. What goes wrong is in the program's log.
fn run_supervised(settings: &Settings) -> Result<(), CliError> {
    run_rounds(settings, Source::Daemon, &|problem| tracing::warn!("passed over: {problem}"))
}

/// Runs that nobody waits for: learns while turns end, fits weights when that is due, and tries
/// what other devices told on what is new.
fn run_rounds(settings: &Settings, source: Source, note: &dyn Fn(&str)) -> Result<(), CliError> {
    // Each of the three holds the lock for a while. A hook whose own run gave up on it has left its
    // note before: looking for it after the lock is free again misses none.
    let ended = || Pending::read(&settings.home).ended > 0;
    let round = || -> Result<bool, CliError> {
        let report = learn_alone(settings, source)?;
        report.iter().flat_map(|report| &report.unreadable).for_each(|problem| note(problem));
        Ok(report.is_some())
    };
    for _ in 0..ROUNDS {
        if !round()? {
            return Ok(());
        }
        if !ended() {
            tune::when_due(settings)?;
        }
        if !ended() {
            break;
        }
    }
    #[cfg(feature = "sync")]
    {
        super::trial::aside(settings, source)?;
        if ended() {
            round()?;
        }
    }
    Ok(())
}

/// One run, unless another process has the lock.
fn learn_alone(settings: &Settings, source: Source) -> Result<Option<Report>, StorageError> {
    let now = time::now().timestamp_millis();
    let Some(store) = open_alone(settings, source, now)? else { return Ok(None) };
    let cycle = Cycle::begin(settings, "learn", source);
    let learned = learn_with(store, settings, source, now);
    cycle.end(learned.as_ref());
    learned.map(Some)
}

/// Opens the store unless another process has the lock. The run that a hook has started waits for
/// it as long as there are notes: who has the lock may be no learning run, or one that has begun
/// something long besides, and then nobody else would see to them.
fn open_alone(
    settings: &Settings,
    source: Source,
    now: i64,
) -> Result<Option<Store>, StorageError> {
    let began = Instant::now();
    loop {
        match Store::open_or_rebuild(&settings.home, false, now) {
            Err(error) if error.is_locked() => {
                if source != Source::Hook || began.elapsed() >= PATIENCE {
                    return Ok(None);
                }
                thread::sleep(LOOK);
                // Another run may have taken the notes meanwhile, and be done.
                if Pending::read(&settings.home).ended == 0 {
                    return Ok(None);
                }
            }
            opened => return opened.map(Some),
        }
    }
}

/// Learns into `store`, tidies it up where nobody else does, closes it, and encodes what is new.
fn learn_with(
    mut store: Store,
    settings: &Settings,
    source: Source,
    now: i64,
) -> Result<Report, StorageError> {
    let table = encoder::of_home(&settings.home);
    store.encode_with(Some(Box::new(table)));
    let pending = Pending::take(&settings.home);
    let roots = roots(settings, &[], pending);
    let (home, exclusions) = (&settings.home, &settings.exclusions);
    let mut report = learn::learn(&mut store, home, &roots, exclusions, now, &|_| {})?;
    // The daemon has an interval for it.
    if source == Source::Hook && consolidation::is_due(&mut store, now)? {
        let cycle = Cycle::begin(settings, "consolidate", source);
        let tidied = consolidation::consolidate(&mut store, consolidate::rules(settings), now);
        cycle.end(tidied.as_ref());
        tidied?;
    }
    drop(store);
    // Encoding keeps all processors busy, and the user's own work comes first. A system that
    // does not allow even that leaves everything as it is.
    let _refused = rustix::process::nice(10);
    encode::new_patterns(settings, table, Pace::BACKGROUND, &mut report)?;
    Ok(report)
}

/// Starts `mana learn` so that it outlives this process and holds nothing of it open.
pub(crate) fn start_detached() -> std::io::Result<()> {
    close_on_exec();
    Command::new(config::own_binary()?)
        .args(["learn", "--detached"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
}

/// Marks every descriptor above standard error close-on-exec: the client waits for whoever holds
/// a copy of its pipes, and refuses the hook's answer when it has to.
#[cfg(target_os = "linux")]
pub(crate) fn close_on_exec() {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return };
    for entry in open.flatten() {
        let Some(fd) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if fd > 2 {
            #[expect(unsafe_code, reason = "descriptors inherited from the client have no owner")]
            // SAFETY: the descriptor was open a moment ago and is only borrowed for this call,
            // which changes a flag; if it was closed meanwhile, the call fails with EBADF.
            let borrowed = unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) };
            let _closed = rustix::io::fcntl_setfd(borrowed, rustix::io::FdFlags::CLOEXEC);
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn close_on_exec() {}
