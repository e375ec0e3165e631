//! `mana doctor`.

use std::path::Path;

use serde::Serialize;

use super::args::DoctorArgs;
use super::daemon::other_version;
use super::error::{CliError, Kind};
use super::output::{Output, count};
use super::{hook, init, learn, time};
use crate::config::{self, Settings};
use crate::daemon::{self, instance};
use crate::doctor::{self, Finding, Patient, State};
use crate::hooks::install::{HookEntries, project_settings, user_settings};
use crate::hooks::session_end::Pending;
use crate::learning::learn as learning;

/// What `mana doctor --json` prints.
#[derive(Debug, Serialize)]
struct Told {
    version: &'static str,
    binary: Option<String>,
    home: String,
    findings: Vec<Finding>,
    /// What `--fix` did.
    mended: Vec<String>,
}

pub(crate) fn run(args: &DoctorArgs, output: &mut Output) -> Result<(), CliError> {
    let cwd = config::current_dir();
    let settings = Settings::load(cwd.as_deref())?;
    let binary = init::binary().ok();
    let mut findings = examine(&settings, cwd.as_deref(), args.deep);
    let mut mended = Vec::new();
    if args.fix {
        let entries = entries();
        for mend in findings.iter().filter_map(|finding| finding.mend.as_ref()) {
            match doctor::mend(mend, &settings.home, entries.as_ref(), time::now()) {
                Ok(()) => mended.push(mend.describe()),
                Err(error) => {
                    output.notice(format!(
                        "Not mended: {} ({})",
                        mend.describe(),
                        hook::chain(&error)
                    ));
                }
            }
        }
        if !mended.is_empty() {
            findings = examine(&settings, cwd.as_deref(), args.deep);
        }
    }
    let told = Told {
        version: env!("CARGO_PKG_VERSION"),
        binary: binary.map(|path| path.display().to_string()),
        home: settings.home.display().to_string(),
        findings,
        mended,
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
        transcripts: learn::roots(settings, &[], pending),
        exclusions: &learning::resolved(&settings.exclusions),
        deep,
        now: time::now().timestamp_millis(),
    });
    findings.push(of_daemon(settings));
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
