//! The hook commands `inject` and `session-end`: they fail open. Hot.
//!
//! Whatever goes wrong: exit code 0, nothing on standard output, one line in the log. A panic is
//! caught, and something that never ends (a home on a dead network mount, an input without an
//! end) keeps the client waiting only until the time is up ([`watch`]).

mod watch;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::args::ToolFilter;
use super::encoder;
use super::output;
use super::time;
use crate::config::{self, ConfigError, Settings};
use crate::hooks::checkout::Disk;
use crate::hooks::event::{HookEvent, Moment};
use crate::hooks::inject::{Surroundings, inject};
use crate::hooks::scope;
use crate::hooks::session_end::{Due, session_end};
use crate::hooks::wire::Wire;
use crate::model::text;
use crate::model::vector::Encode;
use crate::storage::file::{self, Rights};
use crate::storage::log;

/// Longest time that standard input may take.
const INPUT_TIME: Duration = Duration::from_secs(1);

/// Largest event that is looked at; a larger one cannot be about anything MANA knows.
const INPUT_LIMIT: usize = 32 << 20;

/// Room for the first bytes of the event; few are longer. It grows with the event.
const FIRST_READ: usize = 4 << 10;

/// A hook command as it was called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Verb {
    tool: Option<ToolFilter>,
    /// `session-end`: never answers, whatever the event.
    silent: bool,
}

impl Verb {
    /// `mana session-end`.
    pub(crate) const SESSION_END: Self = Self { tool: None, silent: true };

    /// `mana inject`.
    pub(crate) fn inject(tool: Option<ToolFilter>) -> Self {
        Self { tool, silent: false }
    }
}

/// The hook command that the arguments name. Help is not a hook command. Without any arguments
/// an event may be waiting on standard input: clients that do not know `args` call the bare
/// binary.
pub(crate) fn verb(args: &[OsString]) -> Option<Verb> {
    let rest = args.get(2..).unwrap_or_default();
    match args.get(1) {
        None => (!std::io::stdin().is_terminal()).then_some(Verb::inject(None)),
        Some(name) if ["inject", "session-end", "hook"].iter().any(|known| name == known) => {
            let help = rest.iter().any(|arg| arg == "--help" || arg == "-h");
            let silent = name == "session-end";
            (!help).then(|| if silent { Verb::SESSION_END } else { Verb::inject(tool(rest)) })
        }
        Some(_) => None,
    }
}

/// The value of `--tool`; one that is not known narrows nothing.
fn tool(args: &[OsString]) -> Option<ToolFilter> {
    let at = args.iter().position(|arg| arg.to_string_lossy().starts_with("--tool"))?;
    let own = args[at].to_string_lossy();
    let value = match own.split_once('=') {
        Some((_, value)) => value.to_string(),
        None => args.get(at + 1)?.to_string_lossy().into_owned(),
    };
    <ToolFilter as clap::ValueEnum>::from_str(&value, true).ok()
}

/// What is known by the time that something goes wrong.
#[derive(Debug, Default)]
struct Trace {
    /// The folder of the log that is told.
    logs: OnceLock<PathBuf>,
    /// Where the program panicked, as `file:line`.
    panic: OnceLock<String>,
}

impl Trace {
    /// From now on problems are told to the log in `folder`.
    fn found(&self, folder: PathBuf) {
        watch::tell(&folder);
        let _first = self.logs.set(folder);
    }

    /// Appends a problem to the log, where one is known.
    fn log(&self, problem: &str) {
        if let Some(folder) = self.logs.get() {
            let line = format!("{} {problem}", time::now().to_rfc3339());
            // A log that cannot be written leaves nothing else to try.
            let _lost = log::append(folder, log::HOOKS, &line);
        }
    }
}

/// Runs a hook command.
pub(crate) fn run(verb: Verb) {
    if std::io::stdin().is_terminal() {
        output::explain_hook();
        return;
    }
    let trace = Arc::new(Trace::default());
    note_panics(Arc::clone(&trace));
    let watch = watch::begin();
    let result = std::panic::catch_unwind(AssertUnwindSafe(|| work(verb, &trace)));
    watch.end();
    match result {
        Ok(Ok(answer)) => answer.iter().for_each(|text| output::answer(text)),
        Ok(Err(problem)) => trace.log(&problem),
        Err(_) => {
            let place = trace.panic.get().map_or("an unknown place", |place| place);
            trace.log(&format!("panicked at {place}"));
        }
    }
}

/// A defect must not print, the model might read it; and its message may quote what it was
/// about, so that only its place is kept.
fn note_panics(trace: Arc<Trace>) {
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
        let _first = trace.panic.set(place.unwrap_or_default());
    }));
}

/// The answer for standard output, if there is one.
fn work(verb: Verb, trace: &Trace) -> Result<Option<String>, String> {
    let settings = match Settings::load(config::current_dir().as_deref()) {
        Ok(settings) => settings,
        Err(error) => {
            // Where the settings cannot be used, the file's folder is the home.
            if let ConfigError::Read { path, .. }
            | ConfigError::Parse { path, .. }
            | ConfigError::Pattern { path, .. } = &error
                && let Some(home) = path.parent().filter(|home| home.is_absolute())
            {
                trace.found(config::logs_of(home));
            }
            return Err(chain(&error));
        }
    };
    if settings.home.is_relative() {
        return Ok(None);
    }
    // What others can write to, they may have written.
    let rights = file::rights(&settings.home);
    if rights == Rights::Foreign {
        return Ok(None);
    }
    trace.found(settings.logs.clone());
    for number in config::bad_numbers() {
        trace.log(&number.to_string());
    }
    let text = text::lossy(read_input()?);
    if text.trim().is_empty() {
        return Ok(None);
    }
    let wire: Wire<'_> =
        // The parser's own words may quote the event.
        serde_json::from_str(&text).map_err(|error| {
            format!("hook input: no event, at line {} column {}", error.line(), error.column())
        })?;
    let event = HookEvent::from_wire(wire);
    let now = time::now().timestamp_millis();
    if let Moment::End { .. } = event.moment {
        return end(&event, &settings, now).map(|()| None);
    }
    if rights != Rights::Own {
        return Ok(None);
    }
    if verb.silent || !settings.inject.enabled || !concerns(verb.tool, &event.moment) {
        return Ok(None);
    }
    // Only a prompt is asked for its meaning.
    let encoder = (settings.inject.meaning && matches!(event.moment, Moment::Prompt(_)))
        .then(|| encoder::of_home(&settings.home));
    let around = Surroundings {
        home: &settings.home,
        project_dir: settings.project_dir.as_deref(),
        now,
        encoder: encoder.as_ref().map(|encoder| encoder as &dyn Encode),
        holdout: settings.inject.holdout,
        disk: Some(Disk { agent: &settings.agent, programs: config::program_folders }),
        exclusions: &settings.exclusions,
    };
    inject(&event, &around).map_err(|error| format!("{}: {}", event.name, chain(&error)))
}

fn end(event: &HookEvent, settings: &Settings, now: i64) -> Result<(), String> {
    // Not even the name of its transcript is noted.
    if scope::is_excluded(event, settings.project_dir.as_deref(), &settings.exclusions) {
        return Ok(());
    }
    let due = Due {
        trajectories: settings.learn.trajectories,
        max_wait: i64::from(settings.learn.max_wait_minutes) * 60_000,
    };
    let start = session_end(event, &settings.home, now, due)
        .map_err(|error| format!("session-end: {error}"))?;
    if start {
        super::learn::start_detached().map_err(|e| format!("session-end: {e}"))
    } else {
        Ok(())
    }
}

/// Whether the event is about the tools that `--tool` names; events without a tool always are.
fn concerns(filter: Option<ToolFilter>, moment: &Moment) -> bool {
    let (Moment::Before(call) | Moment::Failed { call, .. }) = moment else { return true };
    filter.is_none_or(|filter| match filter {
        ToolFilter::Edit => {
            matches!(call.tool.as_str(), "Edit" | "MultiEdit" | "Write" | "NotebookEdit")
        }
        ToolFilter::Bash => call.tool == "Bash",
        ToolFilter::Read => call.tool == "Read",
        ToolFilter::Search => matches!(call.tool.as_str(), "Grep" | "Glob"),
    })
}

/// Standard input until its end, inside the deadline and the size limit.
fn read_input() -> Result<Vec<u8>, String> {
    let started = Instant::now();
    let stdin = std::io::stdin();
    let mut bytes = Vec::with_capacity(FIRST_READ);
    loop {
        let left = INPUT_TIME.checked_sub(started.elapsed()).ok_or("hook input: no end in time")?;
        let timeout = Timespec {
            tv_sec: left.as_secs().try_into().unwrap_or(0),
            tv_nsec: left.subsec_nanos().into(),
        };
        let ready = {
            let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
            match poll(&mut fds, Some(&timeout)) {
                Ok(ready) => ready,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(format!("hook input: {error}")),
            }
        };
        if ready == 0 {
            return Err("hook input: no end in time".into());
        }
        if bytes.len() == bytes.capacity() {
            bytes.reserve(FIRST_READ);
        }
        match rustix::io::read(&stdin, spare_capacity(&mut bytes)) {
            Ok(0) => return Ok(bytes),
            Ok(_) if bytes.len() > INPUT_LIMIT => return Err("hook input: too large".into()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(format!("hook input: {error}")),
        }
    }
}

/// An error with its causes, on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
