//! Settings: defaults < `config.toml` < environment < flags. The only part of MANA that reads
//! the environment.

mod numbers;
mod paths;
#[cfg(feature = "sync")]
mod sharing;
mod strangers;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::exclude::{BadPattern, Exclusions};

pub(crate) use numbers::bad_numbers;
#[cfg(feature = "sync")]
pub(crate) use numbers::sync_interval;
pub(crate) use paths::{local_home_of, logs_of, project_of_home};
#[cfg(feature = "git")]
pub(crate) use sharing::Hidden;
#[cfg(feature = "sync")]
pub(crate) use sharing::{SharingEnvironment, sharing};

/// A `config.toml` that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    /// No home folder is known.
    #[error("neither MANA_HOME nor HOME is set, and the password file names no home folder")]
    NoHome,
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The file is no valid configuration.
    #[error("{path} is not a valid configuration")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: toml::de::Error,
    },
    /// A pattern of what is not learned cannot be used.
    #[error("{path} cannot be used")]
    Pattern {
        /// The file.
        path: PathBuf,
        /// Which and why.
        source: BadPattern,
    },
}

/// `config.toml` as people write it. Unknown keys are ignored, so that an older binary can run
/// beside a newer one.
#[derive(Clone, PartialEq, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct File {
    inject: Inject,
    learn: Learn,
    search: Search,
    consolidate: Consolidate,
    daemon: Daemon,
    log: Log,
    rank: Rank,
}

/// What is injected.
#[derive(Clone, PartialEq, Debug, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Inject {
    /// Whether anything is injected at all.
    pub(crate) enabled: bool,
    /// Whether prompts also match by what they mean, and not by their words alone.
    pub(crate) meaning: bool,
    /// Share of matching items that is held back to measure the effect, from 0 to 1.
    pub(crate) holdout: f64,
}

impl Default for Inject {
    fn default() -> Self {
        Self { enabled: true, meaning: true, holdout: 0.1 }
    }
}

/// When learning starts, and what it leaves out.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Learn {
    /// Ended turns or subagents that start a learning run.
    pub(crate) trajectories: u32,
    /// Minutes after which a run starts even with fewer.
    pub(crate) max_wait_minutes: u32,
    /// Patterns of files and folders: what touches them is not learned.
    exclude_paths: Vec<String>,
    /// Names of tools, with `*`: what they did is not learned.
    exclude_tools: Vec<String>,
    /// Folders, remotes or names of projects from which nothing is learned.
    exclude_projects: Vec<String>,
}

impl Default for Learn {
    fn default() -> Self {
        Self {
            trajectories: 10,
            max_wait_minutes: 30,
            exclude_paths: Vec::new(),
            exclude_tools: Vec::new(),
            exclude_projects: Vec::new(),
        }
    }
}

impl Learn {
    /// What is not learned; `home` is asked for the user's home folder where there is anything.
    fn exclusions(&self, home: impl FnOnce() -> Option<PathBuf>) -> Result<Exclusions, BadPattern> {
        let Self { exclude_paths: paths, exclude_tools, exclude_projects, .. } = self;
        if paths.is_empty() && exclude_tools.is_empty() && exclude_projects.is_empty() {
            return Ok(Exclusions::default());
        }
        let home = home().map(|home| home.to_string_lossy().into_owned());
        Exclusions::new(paths, exclude_tools, exclude_projects, home.as_deref())
    }
}

/// How `mana search` finds.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Search {
    /// Whether it also finds by meaning, and not by words alone.
    pub(crate) meaning: bool,
}

impl Default for Search {
    fn default() -> Self {
        Self { meaning: true }
    }
}

/// How what was learned is tidied up.
#[derive(Clone, PartialEq, Debug, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Consolidate {
    /// Days in which the weight of a pattern that is not used halves; at least one.
    pub(crate) half_life_days: f64,
}

impl Default for Consolidate {
    fn default() -> Self {
        Self { half_life_days: 60.0 }
    }
}

/// What the daemon does by itself.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Daemon {
    /// Seconds from one learning run to the next; at least one.
    pub(crate) learn_interval: u32,
    /// Seconds from one consolidation to the next; at least one.
    pub(crate) consolidate_interval: u32,
    /// Whether it works less often on battery and under load.
    pub(crate) considerate: bool,
}

impl Default for Daemon {
    fn default() -> Self {
        Self { learn_interval: 300, consolidate_interval: 3_600, considerate: true }
    }
}

/// What is logged.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Log {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`.
    pub(crate) level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into() }
    }
}

/// How likely something is to be right.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Rank {
    /// Whether learning runs that hooks or the daemon start also fit the weights to the user's
    /// own history, once a week.
    pub(crate) refit: bool,
    /// Megabytes of transcripts that a fit goes through at most, the latest ones.
    pub(crate) refit_megabytes: u32,
}

impl Default for Rank {
    fn default() -> Self {
        Self { refit: true, refit_megabytes: 256 }
    }
}

/// Everything a command needs to know about where it runs.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Settings {
    /// MANA's home.
    pub(crate) home: PathBuf,
    /// The agent's configuration folder.
    pub(crate) agent: PathBuf,
    /// The client's project folder, inside a hook.
    pub(crate) project_dir: Option<String>,
    /// What is injected.
    pub(crate) inject: Inject,
    /// When learning starts.
    pub(crate) learn: Learn,
    /// What is not learned.
    pub(crate) exclusions: Exclusions,
    /// How `mana search` finds.
    pub(crate) search: Search,
    /// How what was learned is tidied up.
    pub(crate) consolidate: Consolidate,
    /// What the daemon does by itself.
    pub(crate) daemon: Daemon,
    /// What is logged.
    pub(crate) log: Log,
    /// The folder of the logs.
    pub(crate) logs: PathBuf,
    /// How likely something is to be right.
    pub(crate) rank: Rank,
}

impl Settings {
    /// Reads the settings for a command that runs in `cwd`.
    ///
    /// # Errors
    /// [`ConfigError`] when there is no home folder or the home's `config.toml` cannot be used.
    pub(crate) fn load(cwd: Option<&Path>) -> Result<Self, ConfigError> {
        let home = paths::home(cwd).ok_or(ConfigError::NoHome)?;
        let agent = paths::agent_config().ok_or(ConfigError::NoHome)?;
        let (file, exclusions) = usable(&home)?;
        Ok(Self::with(home, agent, file, exclusions))
    }

    /// The same for a command that only looks or takes away: where `config.toml` cannot be used, what
    /// holds without it, and why it cannot.
    ///
    /// # Errors
    /// [`ConfigError::NoHome`].
    pub(crate) fn load_anyway(
        cwd: Option<&Path>,
    ) -> Result<(Self, Option<ConfigError>), ConfigError> {
        let home = paths::home(cwd).ok_or(ConfigError::NoHome)?;
        let agent = paths::agent_config().ok_or(ConfigError::NoHome)?;
        let ((file, exclusions), problem) = match usable(&home) {
            Ok(usable) => (usable, None),
            Err(problem) => (Default::default(), Some(problem)),
        };
        Ok((Self::with(home, agent, file, exclusions), problem))
    }

    /// What the file says, with what the environment says.
    fn with(home: PathBuf, agent: PathBuf, file: File, exclusions: Exclusions) -> Self {
        let mut inject = file.inject;
        if let Some(share) = numbers::holdout() {
            inject.holdout = share;
        }
        inject.holdout = inject.holdout.clamp(0.0, 1.0);
        let project_dir = variable("CLAUDE_PROJECT_DIR").filter(|dir| !dir.is_empty());
        let mut consolidate = file.consolidate;
        // A NaN becomes a day as well.
        consolidate.half_life_days = consolidate.half_life_days.max(1.0);
        let mut daemon = file.daemon;
        if let Some(interval) = numbers::learn_interval() {
            daemon.learn_interval = interval;
        }
        if let Some(interval) = numbers::consolidate_interval() {
            daemon.consolidate_interval = interval;
        }
        daemon.learn_interval = daemon.learn_interval.max(1);
        daemon.consolidate_interval = daemon.consolidate_interval.max(1);
        let mut log = file.log;
        if let Some(level) = variable("MANA_LOG") {
            log.level = level;
        }
        let logs = variable("MANA_LOG_DIR").filter(|folder| !folder.is_empty());
        // A link in a home is not followed; one that the user names is.
        let real = |folder: PathBuf| folder.canonicalize().unwrap_or(folder);
        let logs = logs.map_or_else(|| logs_of(&home), |folder| real(folder.into()));
        Self {
            daemon,
            log,
            logs,
            home,
            agent,
            project_dir,
            inject,
            learn: file.learn,
            exclusions,
            search: file.search,
            consolidate,
            rank: file.rank,
        }
    }

    /// The folder in which the agent keeps its transcripts.
    pub(crate) fn transcripts(&self) -> PathBuf {
        self.agent.join("projects")
    }
}

/// What the `config.toml` of the home at `home` says, with what is not learned by it.
fn usable(home: &Path) -> Result<(File, Exclusions), ConfigError> {
    let path = home.join("config.toml");
    let file = read(&path)?;
    let exclusions = file.learn.exclusions(paths::user_home);
    let exclusions = exclusions.map_err(|source| ConfigError::Pattern { path, source })?;
    Ok((file, exclusions))
}

/// What the `config.toml` of the home at `home` sets that has no effect, each as `section.name`; `None`
/// where there is no file that can be read.
pub(crate) fn strangers(home: &Path) -> Option<Vec<String>> {
    strangers::of(&text_of(&home.join("config.toml")).ok()?)
}

fn read(path: &Path) -> Result<File, ConfigError> {
    match text_of(path) {
        Ok(text) => {
            toml::from_str(&text).map_err(|source| ConfigError::Parse { path: path.into(), source })
        }
        Err(error) if is_absent(&error) => Ok(File::default()),
        Err(source) => Err(ConfigError::Read { path: path.into(), source }),
    }
}

/// Whether `text` is a `config.toml` that can be used.
pub(crate) fn parses(text: &str) -> bool {
    toml::from_str::<File>(text).is_ok_and(|file| file.learn.exclusions(|| None).is_ok())
}

/// The text of the regular file at `path`, which no other user put there. Opening a pipe would
/// wait for whoever is at its other end.
fn text_of(path: &Path) -> std::io::Result<String> {
    use std::io::{Error, ErrorKind, Read};
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

    const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let mut file = std::fs::OpenOptions::new().read(true).custom_flags(NONBLOCK).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "not a regular file"));
    }
    let (owner, me) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != me && owner != 0 && me != 0 {
        return Err(Error::new(ErrorKind::PermissionDenied, "it belongs to another user"));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

/// An environment variable that is valid Unicode.
#[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The user's own home of MANA and, in it, the list of the project-local homes this user made:
/// always the same ones, whatever home a command works on.
pub(crate) fn local_homes() -> Option<(PathBuf, PathBuf)> {
    paths::own_home().map(|home| (home.clone(), home.join(paths::LOCAL_HOMES)))
}

/// Where this command runs; `None` when the folder was deleted.
#[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
pub(crate) fn current_dir() -> Option<PathBuf> {
    std::env::current_dir().ok()
}

/// The folders in which commands are looked up.
#[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
pub(crate) fn command_folders() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// The folders in which an agent's shell finds programs: those of `PATH` and those that its
/// profile may add to it. `None` where a manager of versions keeps programs in places of its own.
pub(crate) fn program_folders() -> Option<Vec<PathBuf>> {
    let mut folders = command_folders();
    folders.extend(paths::usual_folders()?);
    Some(folders)
}

/// The address below which models lie, where it is not the usual one.
#[cfg(feature = "download")]
pub(crate) fn model_source() -> Option<String> {
    variable("MANA_MODEL_SOURCE").filter(|source| !source.is_empty())
}

/// The command by which the user edits a file; it may come with arguments.
#[cfg(feature = "sync")]
pub(crate) fn editor() -> Option<String> {
    let mut names = [variable("VISUAL"), variable("EDITOR")].into_iter().flatten();
    names.find(|name| !name.trim().is_empty())
}

/// The file of this very program; after an update, the one that took its place.
#[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
pub(crate) fn own_binary() -> std::io::Result<PathBuf> {
    std::env::current_exe().map(without_mark)
}

/// The name of a file as it was before Linux marked it as removed (`proc(5)`).
fn without_mark(path: PathBuf) -> PathBuf {
    match path.as_os_str().as_bytes().strip_suffix(b" (deleted)") {
        Some(name) if !path.exists() => PathBuf::from(OsStr::from_bytes(name)),
        _ => path,
    }
}

/// What holds without a `config.toml`, for the generated reference.
#[cfg(all(test, feature = "sync"))]
pub(crate) fn defaults() -> serde_json::Value {
    serde_json::to_value(File::default()).expect("settings have string keys")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_program_is_the_one_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let marked = folder.path().join("mana (deleted)");
        assert_eq!(without_mark(marked.clone()), folder.path().join("mana"));
        std::fs::write(&marked, "").unwrap();
        assert_eq!(without_mark(marked.clone()), marked, "somebody calls a file so");
        assert_eq!(without_mark("/bin/mana".into()), Path::new("/bin/mana"));
    }

    #[test]
    fn defaults_hold_without_a_file() {
        let file = read(Path::new("/nonexistent/config.toml")).unwrap();
        assert_eq!(file, File::default());
        assert!(file.inject.enabled);
    }

    #[test]
    fn a_broken_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        #[expect(clippy::disallowed_methods, reason = "a fixture, not a file of MANA's")]
        std::fs::write(&path, "[inject]\nholdout = maybe").unwrap();
        let error = read(&path).unwrap_err();
        assert!(error.to_string().contains("config.toml"), "{error}");
    }

    #[test]
    fn patterns_that_cannot_be_used_are_named() {
        assert!(parses("[learn]\nexclude_paths = [\"~/clients\"]"));
        assert!(!parses("[learn]\nexclude_tools = [\"\"]"));
        let file: File = toml::from_str("[learn]\nexclude_paths = [\"/\"]").unwrap();
        let bad = file.learn.exclusions(|| None).unwrap_err().to_string();
        assert_eq!(bad, "learn.exclude_paths has \"/\", which stands for every file");
    }

    #[test]
    fn unknown_keys_are_ignored() {
        let file: File = toml::from_str("new = 1\n[learn]\ntrajectories = 3\nx = 2").unwrap();
        assert_eq!(file.learn.trajectories, 3);
        assert_eq!(file.learn.max_wait_minutes, Learn::default().max_wait_minutes);
    }
}
