//! `mana daemon`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::args::{DaemonCommand, DaemonRunArgs};
use super::error::{CliError, Kind};
use super::output::{Output, count};
use super::{learn, logging, time};
use crate::config::{self, Settings};
use crate::daemon::{self, DaemonError, Intervals, Job, JobState, State, Work, instance, strain};
use crate::hooks::session_end::Pending;
use crate::learning::discover::discover;
use crate::storage::create_home;

/// Longest wait for a daemon to begin or to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// What `mana daemon start`, `stop` and `status` print with `--json`.
#[derive(Debug, Serialize)]
struct Told {
    running: bool,
    pid: Option<u32>,
    /// Of the daemon that runs; where none does, as it is set.
    logs: String,
    /// The same.
    learn_interval: u32,
    consolidate_interval: u32,
    /// What the last daemon wrote, whether it still runs or not.
    state: Option<State>,
}

pub(crate) fn run(command: &DaemonCommand, output: &mut Output) -> Result<(), CliError> {
    let cwd = config::current_dir();
    let settings = match command {
        DaemonCommand::Run(_) | DaemonCommand::Start => Settings::load(cwd.as_deref())?,
        // Whatever is wrong with its file, a daemon can be seen and ended.
        DaemonCommand::Stop | DaemonCommand::Status => Settings::load_anyway(cwd.as_deref())?.0,
    };
    match command {
        DaemonCommand::Run(args) => stay(args, &settings, output),
        DaemonCommand::Start => start(&settings, output),
        DaemonCommand::Stop => stop(&settings, output),
        DaemonCommand::Status => {
            let told = told(&settings);
            show(&told, output);
            output.object(&told);
            Ok(())
        }
    }
}

/// `mana daemon run`: is the daemon.
fn stay(args: &DaemonRunArgs, settings: &Settings, output: &mut Output) -> Result<(), CliError> {
    if args.detached {
        // Fails only for a process that leads a group, which this one, just started, does not.
        let _already = rustix::process::setsid();
    }
    create_home(&settings.home)?;
    logging::begin(settings);
    output.notice(format!(
        "Learns every {} s and consolidates every {} s, until it is told to stop (Ctrl-C). Logs: {}",
        settings.daemon.learn_interval,
        settings.daemon.consolidate_interval,
        settings.logs.display()
    ));
    let seconds = |seconds: u32| i64::from(seconds) * 1_000;
    let each = Intervals {
        learn: seconds(settings.daemon.learn_interval),
        consolidate: seconds(settings.daemon.consolidate_interval),
        sync: sync_interval(settings),
    };
    Ok(daemon::run(&settings.home, each, &Around { settings })?)
}

/// What the daemon needs from this program.
#[derive(Debug)]
struct Around<'a> {
    settings: &'a Settings,
}

impl Work for Around<'_> {
    fn now(&self) -> i64 {
        time::now().timestamp_millis()
    }

    /// A hash of all transcripts' names, sizes and times, and of what hooks noted.
    fn news(&self) -> u64 {
        let pending = Pending::read(&self.settings.home);
        let mut hash = DefaultHasher::new();
        pending.ended.hash(&mut hash);
        for file in discover(&learn::roots(self.settings, &[], pending)).files {
            (file.path, file.size, file.modified).hash(&mut hash);
        }
        hash.finish()
    }

    fn strain(&self) -> Option<&'static str> {
        self.settings.daemon.considerate.then(strain::of_machine).flatten()
    }

    fn logs(&self) -> String {
        self.settings.logs.display().to_string()
    }

    fn sync_interval(&self) -> Option<i64> {
        sync_interval(self.settings)
    }

    fn start(&self, job: Job) -> std::io::Result<Child> {
        let mut command = Command::new(config::own_binary()?);
        command.args([job.name(), "--supervised"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    }

    fn tell(&self, what: &str) {
        tracing::info!("daemon: {what}");
    }

    fn complain(&self, what: &str) {
        tracing::warn!("daemon: {what}");
    }
}

/// Milliseconds between exchanges, as `sync.toml` says now. One that cannot be read is told by
/// `mana sync` and `mana doctor`.
#[cfg(feature = "sync")]
fn sync_interval(settings: &Settings) -> Option<i64> {
    use crate::sync::settings;

    let sharing = settings::read(&settings.home.join(settings::FILE)).ok()??;
    let seconds =
        config::sync_interval().map_or(i64::from(sharing.interval_minutes) * 60, i64::from);
    sharing.enabled.then_some(seconds * 1_000)
}

#[cfg(not(feature = "sync"))]
fn sync_interval(_settings: &Settings) -> Option<i64> {
    None
}

/// `mana daemon start`: a daemon that outlives this process.
fn start(settings: &Settings, output: &mut Output) -> Result<(), CliError> {
    if let Some(pid) = instance::running(&settings.home) {
        output.line(format!("The daemon runs already, as process {pid}."));
        output.object(&told(settings));
        return Ok(());
    }
    create_home(&settings.home)?;
    learn::close_on_exec();
    let mut command = Command::new(config::own_binary().map_err(|error| {
        CliError::new(Kind::Failed, format!("cannot find this program's file: {error}"))
    })?);
    command.args(["daemon", "run", "--detached"]);
    // Where a folder is that may be unmounted or removed, a daemon has no business.
    let home = std::path::absolute(&settings.home).map_err(|error| {
        let home = settings.home.display();
        CliError::new(Kind::Failed, format!("cannot say where {home} is: {error}"))
    })?;
    command.current_dir("/").env("MANA_HOME", home);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let mut child = command.spawn().map_err(|error| {
        CliError::new(Kind::Failed, format!("cannot start the daemon: {error}"))
    })?;
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(pid) = instance::running(&settings.home) {
            output.line(format!("The daemon runs, as process {pid}."));
            output.line(format!("Logs: {}", settings.logs.display()));
            output.object(&told(settings));
            return Ok(());
        }
        if let Ok(Some(status)) = child.try_wait() {
            let message = format!("the daemon ended at once ({status})");
            return Err(CliError::new(Kind::Failed, message)
                .hint("`mana daemon run` stays in the foreground and says why."));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err(CliError::new(Kind::Failed, "the daemon did not begin in time"))
}

/// `mana daemon stop`.
fn stop(settings: &Settings, output: &mut Output) -> Result<(), CliError> {
    let Some(pid) = instance::running(&settings.home) else {
        output.line("No daemon runs.");
        output.object(&told(settings));
        return Ok(());
    };
    let process = rustix::process::Pid::from_raw(pid.cast_signed())
        .ok_or_else(|| CliError::new(Kind::Failed, "the daemon's lock names no process"))?;
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::KILL] {
        // It may have ended by itself.
        let sent = rustix::process::kill_process(process, signal);
        if let Err(error) = sent
            && error != rustix::io::Errno::SRCH
        {
            let message = format!("cannot stop the daemon, process {pid}: {error}");
            return Err(CliError::new(Kind::Failed, message));
        }
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if instance::running(&settings.home) != Some(pid) {
                output.line("The daemon has stopped.");
                output.object(&told(settings));
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        output.notice(format!("Process {pid} does not end by itself; it is killed."));
    }
    Err(CliError::new(Kind::Failed, format!("process {pid} does not end")))
}

fn told(settings: &Settings) -> Told {
    let pid = instance::running(&settings.home);
    let state = State::read(&settings.home);
    // One that runs goes by what it was started with.
    let own = state.as_ref().filter(|state| Some(state.pid) == pid);
    let set = (settings.daemon.learn_interval, settings.daemon.consolidate_interval);
    let (learn_interval, consolidate_interval) = own
        .map(|state| (state.learn_interval, state.consolidate_interval))
        .filter(|(learn, _)| *learn > 0)
        .unwrap_or(set);
    let logs = own.map(|state| state.logs.clone()).filter(|logs| !logs.is_empty());
    Told {
        running: pid.is_some(),
        pid,
        logs: logs.unwrap_or_else(|| settings.logs.display().to_string()),
        learn_interval,
        consolidate_interval,
        state,
    }
}

fn show(told: &Told, output: &mut Output) {
    match (told.pid, &told.state) {
        (None, None) => output.line("No daemon runs, and none has run yet (`mana daemon start`)."),
        (None, Some(_)) => output.line("No daemon runs (`mana daemon start`). The last one:"),
        (Some(pid), state) => {
            let since = state.as_ref().filter(|state| state.pid == pid).map(|state| state.started);
            let since = since.map(|at| format!(", since {} UTC", time::shown(at)));
            output.line(format!("The daemon runs, as process {pid}{}.", since.unwrap_or_default()));
            if let Some(older) = state.as_ref().and_then(|state| other_version(state, pid)) {
                output.line(older);
            }
        }
    }
    let Some(state) = &told.state else { return };
    show_job("Learning", &state.learn, told.running, output);
    show_job("Consolidation", &state.consolidate, told.running, output);
    if state.sync != JobState::default() {
        show_job("Sharing", &state.sync, told.running, output);
    }
    if let Some(strain) = state.strain.as_ref().filter(|_| told.running) {
        output.line(format!("It works less often now, because of the {strain}."));
    }
    output.line(format!("Logs: {}", told.logs));
}

/// What there is to say of a daemon that runs with another version of the program than this.
pub(super) fn other_version(state: &State, pid: u32) -> Option<String> {
    let own = env!("CARGO_PKG_VERSION");
    let other = state.pid == pid && !state.version.is_empty() && state.version != own;
    other.then(|| {
        format!(
            "It is of version {}, and this is {own}: `mana daemon stop` and `mana daemon start` \
             renew it. Its jobs are of the installed version.",
            state.version
        )
    })
}

fn show_job(name: &str, job: &JobState, running: bool, output: &mut Output) {
    let last = match (job.since.filter(|_| running), job.ran) {
        (Some(since), _) => format!("runs since {} UTC", time::shown(since)),
        (None, Some(at)) => format!("last ran {} UTC for {} ms", time::shown(at), job.took),
        (None, None) => "has not run".into(),
    };
    let next = match job.next {
        Some(at) if running && job.since.is_none() => format!(", next at {} UTC", time::shown(at)),
        _ => String::new(),
    };
    output.line(format!(
        "  {name}: {last}{next}; {}, {} without anything new",
        count(job.runs, "run", "runs"),
        count(job.idle, "look", "looks"),
    ));
    if let Some(error) = &job.error {
        output.line(format!(
            "    {} in a row, the last: {error}",
            count(job.failures.into(), "failure", "failures")
        ));
    }
}

impl From<DaemonError> for CliError {
    fn from(error: DaemonError) -> Self {
        let hint = match &error {
            DaemonError::Running { .. } => "`mana daemon stop` ends it.",
            DaemonError::File { .. } => "The home of MANA has to be a folder that can be written.",
            DaemonError::Signals(_) => "Learning goes on without a daemon, started by hooks.",
        };
        Self { kind: Kind::Failed, source: error.into(), hints: vec![hint.into()] }
    }
}
