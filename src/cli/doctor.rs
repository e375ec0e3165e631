//! `mana doctor`.

use std::path::Path;

use serde::Serialize;

use super::args::DoctorArgs;
use super::daemon::other_version;
use super::error::{CliError, Kind};
use super::output::{Output, count};
use super::{encoder, hook, init, learn, logging, time};
use crate::config::{self, ConfigError, Settings};
use crate::daemon::{self, instance};
use crate::doctor::{self, Finding, Patient, State};
use crate::hooks::install::{HookEntries, project_settings, user_settings};
use crate::hooks::session_end::Pending;
use crate::learning::learn as learning;
use crate::model::vector::Encode;

/// What `mana doctor --json` prints.
#[derive(Debug, Serialize)]
struct Told {
    version: &'static str,
    binary: Option<String>,
    home: String,
    findings: Vec<Finding>,
    /// What `--fix` did.
    mended: Vec<String>,
    /// What it could not do, each with the reason.
    not_mended: Vec<String>,
}

pub(crate) fn run(args: &DoctorArgs, output: &mut Output) -> Result<(), CliError> {
    let cwd = config::current_dir();
    let (settings, problem) = Settings::load_anyway(cwd.as_deref())?;
    let binary = init::binary().ok();
    let look = || {
        let mut findings = examine(&settings, cwd.as_deref(), args.deep);
        findings.extend(of_config(&settings, problem.as_ref()));
        findings
    };
    let mut findings = look();
    let (mut mended, mut not_mended) = (Vec::new(), Vec::new());
    if args.fix {
        let entries = entries();
        let encoder =
            || -> Box<dyn Encode + Send + Sync> { Box::new(encoder::of_home(&settings.home)) };
        for mend in findings.iter().filter_map(|finding| finding.mend.as_ref()) {
            match doctor::mend(mend, &settings.home, entries.as_ref(), &encoder, time::now()) {
                Ok(done) => mended.push(done),
                Err(error) => {
                    not_mended.push(format!("{} ({})", mend.describe(), hook::chain(&error)));
                }
            }
        }
        if !mended.is_empty() {
            findings = look();
        }
    }
    for problem in &not_mended {
        output.notice(format!("Not mended: {problem}"));
    }
    let told = Told {
        version: env!("CARGO_PKG_VERSION"),
        binary: binary.map(|path| path.display().to_string()),
        home: settings.home.display().to_string(),
        findings,
        mended,
        not_mended,
    };
    tell(&told, args.fix, output);
    output.object(&told);
    let problems = told.findings.iter().filter(|finding| finding.state == State::Problem).count();
    if problems == 0 {
        return Ok(());
    }
    Err(CliError::new(
        Kind::Failed,
        count(problems as u64, "problem was found", "problems were found"),
    ))
}

fn entries() -> Option<HookEntries> {
    init::binary().ok().and_then(|binary| HookEntries::for_binary(&binary).ok())
}

/// Whether a bare `mana` is this program, or a copy of it, as far as `PATH` here tells: the client
/// has the `PATH` of whoever started it.
fn is_found_by_name() -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    let found = config::command_folders().into_iter().map(|folder| folder.join("mana"));
    let (Some(found), Ok(own)) =
        (found.into_iter().find(|path| is_program(path)), config::own_binary())
    else {
        return false;
    };
    let size = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.len()).ok();
    let bytes = |path: &Path| std::fs::read(path).ok();
    real(&found).is_some() && real(&found) == real(&own)
        || size(&found) == size(&own) && bytes(&found).is_some() && bytes(&found) == bytes(&own)
}

/// Whether the file at `path` can be started, wherever a shell stands.
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let metadata = path.metadata();
    path.is_absolute()
        && metadata.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

fn examine(settings: &Settings, cwd: Option<&Path>, deep: bool) -> Vec<Finding> {
    let mut files = vec![user_settings(&settings.agent)];
    files.extend(cwd.map(project_settings));
    files.dedup();
    let pending = Pending::read(&settings.home);
    let mut findings = doctor::examine(&Patient {
        home: &settings.home,
        logs: &settings.logs,
        settings: files,
        entries: entries(),
        by_name: is_found_by_name().then(HookEntries::by_name),
        transcripts: learn::roots(settings, &[], pending),
        exclusions: &learning::resolved(&settings.exclusions),
        deep,
        now: time::now().timestamp_millis(),
    });
    findings.push(of_daemon(settings));
    findings
}

/// Whether `config.toml` can be used, and what of it and of the environment means nothing.
fn of_config(settings: &Settings, problem: Option<&ConfigError>) -> Vec<Finding> {
    let finding = |state, says, advice: &str| {
        let advice = (!advice.is_empty()).then(|| advice.to_owned());
        Finding { about: "config", state, says, advice, mend: None }
    };
    let mut findings = Vec::new();
    if settings.home.is_relative() {
        let says = format!("MANA_HOME is {}: hooks do nothing", settings.home.display());
        findings.push(finding(State::Problem, says, "Set it to a path that begins with `/`."));
    }
    if let Some(problem) = problem {
        let says = format!("{}: hooks say nothing, and nothing is learned", hook::chain(problem));
        let says = says.split_whitespace().collect::<Vec<_>>().join(" ");
        let advice = "Mend the file, or move it away: without it the defaults hold, and nothing is \
                      excluded.";
        findings.push(finding(State::Problem, says, advice));
    } else if let Some(strangers) = config::strangers(&settings.home) {
        findings.push(if strangers.is_empty() {
            finding(State::Good, "config.toml is understood".into(), "")
        } else {
            let says = format!("config.toml sets what has no effect: {}", strangers.join(", "));
            finding(State::Warning, says, "A name is misspelt, or belongs to another version.")
        });
    }
    for number in config::bad_numbers() {
        let advice = format!("It has to be {}.", number.expected);
        findings.push(finding(State::Warning, number.says(), &advice));
    }
    if !settings.inject.enabled {
        let says = "hooks say nothing: `inject.enabled` is off";
        findings.push(finding(State::Good, says.into(), ""));
    } else if settings.inject.holdout >= 1.0 {
        let says = "hooks say nothing: by `inject.holdout` everything is held back";
        let advice = "It and MANA_HOLDOUT are a share from 0 to 1; a tenth is 0.1.";
        findings.push(finding(State::Warning, says.into(), advice));
    }
    if !logging::is_level(&settings.log.level) {
        let says = format!("`{}` is no level of a log: nothing is logged", settings.log.level);
        let advice = "`log.level` and MANA_LOG may be off, error, warn, info, debug or trace.";
        findings.push(finding(State::Warning, says, advice));
    }
    findings
}

/// Whether the daemon runs, and how its jobs went.
fn of_daemon(settings: &Settings) -> Finding {
    let running = instance::running(&settings.home);
    let state = daemon::State::read(&settings.home);
    let (state, says, advice) = match (running, state) {
        (None, _) => (State::Good, "none runs, and none is needed".to_string(), None),
        (Some(pid), Some(state)) => match (state.problem(), other_version(&state, pid)) {
            (Some(error), _) => (
                State::Warning,
                format!("process {pid} runs, and its jobs fail: {error}"),
                Some(format!("The log is {}.", settings.logs.join("mana.log").display())),
            ),
            (None, Some(advice)) => {
                let says = format!("process {pid} runs, of version {}", state.version);
                (State::Warning, says, Some(advice))
            }
            (None, None) => (State::Good, format!("process {pid} runs"), None),
        },
        (Some(pid), None) => (State::Good, format!("process {pid} runs"), None),
    };
    Finding { about: "daemon", state, says, advice, mend: None }
}

fn tell(told: &Told, fixed: bool, output: &mut Output) {
    output.line(format!(
        "mana {} ({}) at {}",
        told.version,
        told.binary.as_deref().unwrap_or("its file is not known"),
        told.home
    ));
    for finding in &told.findings {
        let mark = match finding.state {
            State::Good => "ok  ",
            State::Warning => "warn",
            State::Problem => "BAD ",
        };
        output.line(format!("  {mark} {:<12} {}", finding.about, finding.says));
        if let Some(advice) = &finding.advice {
            output.line(format!("       {:<12} {advice}", ""));
        }
    }
    for mend in &told.mended {
        output.line(format!("Mended: {mend}"));
    }
    let left = told.findings.iter().filter(|finding| finding.mend.is_some()).count();
    if left > 0 && !fixed {
        output.line(format!(
            "`mana doctor --fix` mends {} of these.",
            count(left as u64, "finding", "findings")
        ));
    }
}
