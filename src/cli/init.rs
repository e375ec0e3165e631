//! `mana init`: hooks installed, history learned, what it found shown.

use std::path::{Path, PathBuf};

use super::args::InitArgs;
use super::error::{CliError, Kind};
use super::output::{Output, count};
use super::{eval, learn, time};
use crate::config::{self, ConfigError, Settings};
use crate::evaluation::{self, LEAST_SESSIONS};
use crate::hooks::install::{
    Action, Applied, HookEntries, InstallError, Plan, SettingsFile, notices, project_settings,
    user_settings,
};
use crate::learning::learn::Report;
use crate::model::pattern::{Kind as PatternKind, State};
use crate::model::text;
use crate::storage::{Reader, create_home, file};

/// Items of the history that are shown.
const SHOWN: u32 = 5;

/// Bytes of an item that are shown; `mana show` has all of it.
const LONGEST: usize = 200;

/// Bytes of transcripts that a replay gets through in a second, on two slow cores.
const REPLAYED: u64 = 12 << 20;

pub(crate) fn run(args: &InitArgs, output: &mut Output) -> Result<(), CliError> {
    let cwd = config::current_dir();
    let mut settings = Settings::load(cwd.as_deref())?;
    let path = settings_path(&settings, args.project, cwd.as_deref())?;
    let entries = HookEntries::for_binary(&binary()?).map_err(InstallError::from)?;
    let file = SettingsFile::read(&path)?;
    let plan = file.plan_install(&entries)?;
    if args.dry_run {
        output.object(&serde_json::json!({ "settings": path, "diff": file.diff(&plan) }));
        output.line(if plan.is_noop() {
            format!("{} has the hooks already; nothing would change.", path.display())
        } else {
            file.diff(&plan).trim_end().to_string()
        });
        return Ok(());
    }
    let question = format!("Install MANA's hooks in {}?", path.display());
    if !plan.is_noop() && !args.yes && !output.confirm(&question) {
        output.line("Nothing was changed.");
        return Ok(());
    }
    if args.project {
        settings.home = make_local_home(&settings, cwd.as_deref())?;
    }
    create_home(&settings.home)?;
    let applied = file.apply(&plan, time::now())?;
    tell_hooks(&plan, &path, output);
    if let Applied::Written { backup: Some(backup) } = applied {
        output.line(format!("  the settings as they were: {}", backup.display()));
    }
    for notice in file.text().map(notices).unwrap_or_default() {
        output.notice(notice);
    }
    let report = learn::learn(&settings, &[], output)?;
    tell_history(&settings, &report, output)?;
    let replayed = offer_replay(&settings, args, output);
    let mut told = serde_json::json!({
        "settings": path, "changed": !plan.is_noop(), "home": settings.home, "learned": report,
    });
    if let Some(replayed) = replayed {
        told["eval"] = serde_json::json!(replayed);
    }
    output.object(&told);
    Ok(())
}

/// Replays the user's own history if they want to: a number of their own in the first minute.
///
/// The installation is complete by now and stays whatever becomes of this.
fn offer_replay(
    settings: &Settings,
    args: &InitArgs,
    output: &mut Output,
) -> Option<evaluation::Report> {
    if args.no_eval {
        return None;
    }
    let projects = settings.transcripts();
    let folders = if projects.is_dir() { vec![projects] } else { Vec::new() };
    let asks = !args.eval && !args.yes && output.can_ask();
    let found = evaluation::survey(&folders).unwrap_or_default();
    if found.sessions == 0 {
        if args.eval || asks {
            output.line(format!(
                "There is nothing to replay yet: no project has the {LEAST_SESSIONS} sessions that \
                 it needs. Later: mana eval"
            ));
        }
        return None;
    }
    if !args.eval && !asks {
        output.line("See what MANA would have told in your own sessions: mana eval");
        return None;
    }
    let question = format!(
        "Replay your own {} to see what MANA would have known? It takes about {}.",
        count(found.sessions, "session", "sessions"),
        roughly(found.bytes)
    );
    if asks && !output.confirm(&question) {
        output.line("Later: mana eval");
        return None;
    }
    match eval::replay(&folders, eval::TRAIN, eval::FOLDS, output) {
        Ok(report) => {
            eval::tell_compact(&report, output);
            output.line("All of it: mana eval");
            Some(report)
        }
        Err(error) => {
            output.notice(format!("The replay failed, MANA is installed: {}", error.source));
            None
        }
    }
}

/// How long a replay of so many bytes takes, for people.
fn roughly(bytes: u64) -> String {
    match bytes / REPLAYED {
        0..=5 => "a few seconds".into(),
        seconds @ 6..90 => format!("{} seconds", seconds.next_multiple_of(10)),
        seconds => format!("{} minutes", seconds.div_ceil(60)),
    }
}

/// The settings that hold the hooks: the user's, or those of the project in `cwd`.
pub(crate) fn settings_path(
    settings: &Settings,
    project: bool,
    cwd: Option<&Path>,
) -> Result<PathBuf, CliError> {
    if !project {
        return Ok(user_settings(&settings.agent));
    }
    let cwd = cwd.ok_or_else(|| CliError::new(Kind::Failed, "the current folder is gone"))?;
    Ok(project_settings(cwd))
}

/// The binary that the hooks shall call: this one, by the name that stays when it is updated.
pub(crate) fn binary() -> Result<PathBuf, CliError> {
    let own = config::own_binary().map_err(|error| CliError {
        kind: Kind::Failed,
        source: format!("cannot find out which file this program is: {error}").into(),
        hints: Vec::new(),
    })?;
    let real = |path: &Path| path.canonicalize().ok();
    // A link on PATH (a package manager's, say) outlives the versioned file that it points to.
    let linked = config::command_folders()
        .into_iter()
        .map(|folder| folder.join("mana"))
        .find(|path| path.is_absolute() && real(path).is_some() && real(path) == real(&own));
    Ok(linked.unwrap_or(own))
}

/// Makes the project's own home and remembers it: a `.mana` that is not in the list of this
/// user's homes came with a checkout and counts for nothing.
fn make_local_home(settings: &Settings, cwd: Option<&Path>) -> Result<PathBuf, CliError> {
    let cwd = cwd.ok_or_else(|| CliError::new(Kind::Failed, "the current folder is gone"))?;
    let home = config::local_home_of(cwd);
    if settings.home == home {
        return Ok(home);
    }
    if home.exists() && !home.join("metadata.sqlite").exists() && !is_empty(&home) {
        return Err(CliError::new(
            Kind::Configuration,
            format!("{} exists and is not MANA's", home.display()),
        )
        .hint("Move it away, or install for the user with `mana init`."));
    }
    create_home(&home)?;
    let keep = |path: &Path, bytes: &[u8]| {
        file::replace_own(path, bytes).map_err(|error| CliError {
            kind: Kind::Failed,
            source: error.into(),
            hints: Vec::new(),
        })
    };
    if !home.join("config.toml").exists() {
        keep(&home.join("config.toml"), b"# Settings of this project's MANA; see docs/cli.md.\n")?;
    }
    // The home holds what was learned from this user's sessions: it is not for the repository.
    keep(&home.join(".gitignore"), b"*\n")?;
    let (own, list) = config::local_homes().ok_or(ConfigError::NoHome)?;
    create_home(&own)?;
    let mut known = std::fs::read_to_string(&list).unwrap_or_default();
    let line = home.display().to_string();
    if !known.lines().any(|other| other == line) {
        known.push_str(&line);
        known.push('\n');
        keep(&list, known.as_bytes())?;
    }
    Ok(home)
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

fn tell_hooks(plan: &Plan, path: &Path, output: &mut Output) {
    if plan.is_noop() {
        output.line(format!("Hooks: already in {}", path.display()));
        return;
    }
    output.line(format!("Hooks: installed in {}", path.display()));
    for change in plan.changes() {
        let what = match change.action {
            Action::Added => "added",
            Action::Updated => "updated",
            Action::Kept => "kept",
            Action::Removed => "removed",
        };
        output.line(format!("  {:<20} {what}", change.event));
    }
}

/// What the history gave, with a few of the best items: the first minute decides.
fn tell_history(settings: &Settings, report: &Report, output: &mut Output) -> Result<(), CliError> {
    if report.files == 0 {
        let of = config::project_of_home(&settings.home).map_or("", |_| " of this project");
        output.line(format!(
            "History: no transcripts{of} in {} yet. MANA learns from your next sessions; `mana demo` \
             shows on samples what it does.",
            settings.transcripts().display()
        ));
        return Ok(());
    }
    learn::tell(report, output);
    let reader = Reader::open(&settings.home)?;
    let mut known = Vec::new();
    for (kind, state, n) in reader.pattern_counts(None)? {
        if state == State::Active {
            known.push(called(kind, n));
        }
    }
    if known.is_empty() {
        output.line("Nothing in it is worth telling the agent yet.");
        return Ok(());
    }
    output.line(format!("Known now: {}.", known.join(", ")));
    let best = reader.best(PatternKind::Fix, SHOWN)?;
    if !best.is_empty() {
        output.line("What failed and what fixed it, most often first:");
        for pattern in best {
            let text = text::one_line(&pattern.text, LONGEST);
            output.line(format!("  {}  {text}", pattern.id.short()));
        }
    }
    output.line(
        "From the next session on the agent is told. `mana show ID` explains one of these, `mana \
         search TEXT` finds others, `mana status` sums up.",
    );
    Ok(())
}

/// So many patterns of a kind, as a person calls them.
fn called(kind: PatternKind, number: u64) -> String {
    let (one, many) = match kind {
        PatternKind::Fix => ("fix", "fixes"),
        PatternKind::Pitfall => ("pitfall", "pitfalls"),
        PatternKind::Recipe => ("working command", "working commands"),
        PatternKind::Path => ("wrong path", "wrong paths"),
        PatternKind::Decision => ("decision of yours", "decisions of yours"),
        PatternKind::Episode => ("subject with its files", "subjects with their files"),
        PatternKind::Skill => ("skill", "skills"),
    };
    count(number, one, many)
}
