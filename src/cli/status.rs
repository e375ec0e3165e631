//! `mana status`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::error::CliError;
use super::output::Output;
use super::{init, model, scope, time};
use crate::config::{self, Settings};
use crate::daemon::instance;
use crate::hooks::install::{HookEntries, SettingsFile, project_settings, user_settings};
use crate::hooks::session_end::Pending;
use crate::model::pattern::State;
use crate::storage::{Reader, Totals};

/// What `mana status --json` prints.
#[derive(Debug, Serialize)]
struct Status {
    version: &'static str,
    home: String,
    hooks_installed: bool,
    hooks: Vec<String>,
    database: bool,
    totals: Option<Totals>,
    patterns: Vec<Count>,
    projects: Vec<Project>,
    project: Option<String>,
    pending: u32,
    /// Process of the daemon that runs.
    daemon: Option<u32>,
    encoder: Option<String>,
    encoded: Option<Encoded>,
    static_table: String,
    weights: Option<Weights>,
}

/// Which weights the files that a prompt may lead to are ranked by.
#[derive(Debug, Serialize)]
struct Weights {
    /// Whether they were fitted to this history; else they are those that the program brings.
    fitted: bool,
    /// Since when, in milliseconds since the Unix epoch; `None` when it has never been otherwise.
    since: Option<i64>,
}

/// How many active patterns have a vector of the encoder in use.
#[derive(Debug, Serialize)]
struct Encoded {
    vectors: u64,
    patterns: u64,
}

#[derive(Debug, Serialize)]
struct Count {
    kind: &'static str,
    active: u64,
    candidates: u64,
    retired: u64,
}

#[derive(Debug, Serialize)]
struct Project {
    name: String,
    key: String,
    patterns: u64,
}

pub(crate) fn run(output: &mut Output) -> Result<(), CliError> {
    let cwd = config::current_dir();
    let settings = Settings::load(cwd.as_deref())?;
    let hooks = hooked(&settings, cwd.as_deref());
    let mut status = Status {
        version: env!("CARGO_PKG_VERSION"),
        home: settings.home.display().to_string(),
        hooks_installed: !hooks.is_empty(),
        hooks,
        database: false,
        totals: None,
        patterns: Vec::new(),
        projects: Vec::new(),
        project: None,
        pending: Pending::read(&settings.home).ended,
        daemon: instance::running(&settings.home),
        encoder: model::active(&settings.home)?,
        encoded: None,
        static_table: model::static_table(&settings.home),
        weights: None,
    };
    match Reader::open(&settings.home) {
        Err(error) if error.is_missing() => {}
        Err(error) => return Err(error.into()),
        Ok(reader) => {
            status.database = true;
            status.totals = Some(reader.totals()?);
            status.weights = Some(Weights {
                fitted: reader.stored_place_weights()?.is_some(),
                since: reader.place_weights_since()?,
            });
            if let Some(encoder) = &status.encoder {
                let (vectors, patterns) = reader.vector_counts(encoder)?;
                status.encoded = Some(Encoded { vectors, patterns });
            }
            status.patterns = counts(&reader, None)?;
            for (row, key, name) in reader.projects()? {
                let patterns = counts(&reader, Some(row))?.iter().map(|c| c.active).sum();
                status.projects.push(Project { name, key, patterns });
            }
            if let Some(scope) = scope::of_folder(&reader, &settings, cwd.as_deref())? {
                status.project = Some(reader.project_names(scope.project)?.1);
            }
        }
    }
    output.object(&status);
    tell(&status, output);
    Ok(())
}

/// The settings that hold all of this binary's hooks: the user's, and those of the project in
/// the folder `cwd`.
fn hooked(settings: &Settings, cwd: Option<&Path>) -> Vec<String> {
    let Ok(binary) = init::binary() else { return Vec::new() };
    let Ok(entries) = HookEntries::for_binary(&binary) else { return Vec::new() };
    let has_all = |path: &PathBuf| {
        SettingsFile::read(path)
            .and_then(|file| file.plan_install(&entries))
            .is_ok_and(|plan| plan.is_noop())
    };
    let mut files = vec![user_settings(&settings.agent)];
    // In the home both are the same file.
    let is_another = |path: &PathBuf| path.canonicalize().ok() != files[0].canonicalize().ok();
    files.extend(cwd.map(project_settings).filter(is_another));
    files.into_iter().filter(has_all).map(|path| path.display().to_string()).collect()
}

fn counts(reader: &Reader, project: Option<i64>) -> Result<Vec<Count>, CliError> {
    let mut counts: Vec<Count> = Vec::new();
    for (kind, state, n) in reader.pattern_counts(project)? {
        let at = counts.iter().position(|count| count.kind == kind.name()).unwrap_or_else(|| {
            counts.push(Count { kind: kind.name(), active: 0, candidates: 0, retired: 0 });
            counts.len() - 1
        });
        match state {
            State::Active => counts[at].active += n,
            State::Candidate => counts[at].candidates += n,
            State::Quarantined | State::Retired => counts[at].retired += n,
        }
    }
    Ok(counts)
}

fn tell(status: &Status, output: &mut Output) {
    output.line(format!("mana {} at {}", status.version, status.home));
    output.line(match status.hooks.as_slice() {
        [] => "Hooks: not installed, or not for this binary (run `mana init`)".into(),
        files => format!("Hooks: installed in {}", files.join(" and ")),
    });
    if let Some(pid) = status.daemon {
        output.line(format!("Daemon: runs, as process {pid} (`mana daemon status`)"));
    }
    output.line(match &status.encoder {
        Some(encoder) => match &status.encoded {
            Some(Encoded { vectors, patterns }) => {
                format!("Encoder: {encoder}, has encoded {vectors} of {patterns} active patterns")
            }
            None => format!("Encoder: {encoder}"),
        },
        None if cfg!(feature = "encoder") => "Encoder: none, what is meant is told by the \
            static table; `mana model install gte-small` fetches one"
            .into(),
        None => "Encoder: not part of this build; what is meant is told by the static table".into(),
    });
    output.line(format!("Static table: {}", status.static_table));
    if let Some(weights) = &status.weights {
        output.line(shown_weights(weights));
    }
    let Some(totals) = &status.totals else {
        output.line("Nothing has been learned yet.");
        return;
    };
    output.line(format!(
        "Learned: {} sessions in {} transcripts, {} calls, {} failures; last on {}",
        totals.sessions,
        totals.transcripts,
        totals.calls,
        totals.failures,
        time::shown(totals.read_at),
    ));
    output.line(format!(
        "Lines: {} = {} learned + {} skipped",
        totals.lines, totals.learned, totals.skipped
    ));
    for count in &status.patterns {
        output.line(format!(
            "  {:<9} {:>6} active {:>6} candidates",
            count.kind, count.active, count.candidates
        ));
    }
    output.line("Projects:");
    for project in &status.projects {
        output.line(format!(
            "  {:<30} {:>6} active  {}",
            project.name, project.patterns, project.key
        ));
    }
    if status.pending > 0 {
        output.line(format!("{} ended turns wait to be learned.", status.pending));
    }
}

fn shown_weights(weights: &Weights) -> String {
    let since = weights.since.map(|at| format!(" since {} UTC", time::shown(at)));
    let since = since.unwrap_or_default();
    if weights.fitted {
        format!("Weights for files: fitted to this history{since} (`mana tune --reset` goes back)")
    } else {
        format!("Weights for files: those that the program brings{since}")
    }
}
