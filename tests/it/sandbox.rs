//! A place of its own for each test: a home, a project, and `mana` run with nothing of the
//! machine that the test happens to run on.

#![allow(dead_code, reason = "each of the two test binaries uses a part of it")]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{self, Input, Output};

/// How long one `mana` may take before the test kills it; far more than any command needs.
const PATIENCE: Duration = Duration::from_mins(1);

/// A temporary home and project that vanish with the value.
pub(crate) struct Sandbox {
    /// Keeps the folder alive.
    _folder: TempDir,
    /// The folder's real path, without symbolic links.
    root: PathBuf,
    /// The `mana` that the sandbox runs.
    binary: PathBuf,
}

impl Sandbox {
    /// A new home and an empty project.
    pub(crate) fn new() -> Self {
        let folder = TempDir::with_prefix("mana-test-").expect("the temporary folder is writable");
        let root = folder.path().canonicalize().expect("the folder was just made");
        for name in ["home/.claude", "work/project", "tmp"] {
            fs::create_dir_all(root.join(name)).expect("the folder is ours");
        }
        Self { _folder: folder, root, binary: binary_under_test() }
    }

    /// The same with a copy of the binary inside, so that a test can delete the installed
    /// `mana`, and can tell the processes of its own copy from all others.
    pub(crate) fn with_own_binary() -> Self {
        let mut sandbox = Self::new();
        let copy = sandbox.root.join("bin/mana");
        fs::create_dir_all(sandbox.root.join("bin")).expect("the folder is ours");
        fs::copy(&sandbox.binary, &copy).expect("the binary under test can be read");
        sandbox.binary = copy;
        sandbox
    }

    /// The folder that holds everything of this sandbox.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The user's home.
    pub(crate) fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// MANA's folder in that home.
    pub(crate) fn mana_home(&self) -> PathBuf {
        self.root.join("home/.mana")
    }

    /// The agent's user settings.
    pub(crate) fn settings(&self) -> PathBuf {
        self.root.join("home/.claude/settings.json")
    }

    /// The project that the agent works in.
    pub(crate) fn project(&self) -> PathBuf {
        self.root.join("work/project")
    }

    /// The `mana` that this sandbox runs.
    pub(crate) fn binary(&self) -> &Path {
        &self.binary
    }

    /// Writes the file `name`, relative to the project.
    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.project().join(name);
        let parent = path.parent().expect("a joined path has a parent");
        fs::create_dir_all(parent).expect("the project is ours");
        fs::write(&path, contents).expect("the project is ours");
        path
    }

    /// Writes the file `name`, relative to the project, as a program that can be started.
    pub(crate) fn script(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.write(name, contents);
        make_executable(&path);
        path
    }

    /// The whole environment of every process in the sandbox: nothing of the machine's own but
    /// the search path for programs, behind the sandbox's own `mana`.
    pub(crate) fn environment(&self) -> Vec<(&'static str, OsString)> {
        let mut path = self.root.join("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()));
        vec![
            ("HOME", self.home().into()),
            ("PATH", path),
            ("TMPDIR", self.root.join("tmp").into()),
            ("LANG", "C.UTF-8".into()),
            ("TZ", "UTC".into()),
            ("TERM", "dumb".into()),
            ("MANA_HOLDOUT", "0".into()),
        ]
    }

    /// `mana` with `arguments`, in the project, with nothing on standard input.
    pub(crate) fn mana<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Mana {
        let mut command = Command::new(&self.binary);
        command.args(arguments);
        self.prepared(command)
    }

    /// `script` run by the shell with the path of `mana` in `$MANA`, for what only a shell can
    /// set up: closed descriptors, a working directory that is gone.
    pub(crate) fn shell(&self, script: &str) -> Mana {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        let mut mana = self.prepared(command);
        mana.command.env("MANA", &self.binary);
        mana
    }

    /// `command` inside the sandbox's environment.
    fn prepared(&self, mut command: Command) -> Mana {
        command.env_clear().envs(self.environment()).current_dir(self.project());
        Mana { command, input: Input::Empty, limit: PATIENCE }
    }

    /// Polls `mana search TEXT --json` until its answer holds `wanted`, and returns the answer.
    ///
    /// Learning runs in a process of its own, so a test that waits for its result has to ask
    /// again; the wait is bounded.
    #[track_caller]
    pub(crate) fn wait_until_found(&self, text: &str, wanted: &str) -> Value {
        let bound = Duration::from_mins(2);
        let started = Instant::now();
        loop {
            let output = self.mana(["search", text, "--json"]).run();
            if let Ok(found) = serde_json::from_slice::<Value>(&output.stdout)
                && strings(&found).iter().any(|string| string.contains(wanted))
            {
                return found;
            }
            assert!(
                started.elapsed() < bound,
                "`mana search {text:?}` does not find {wanted:?} after {bound:?}: {output:?}\n{:?}",
                self.mana(["status", "--json"]).run(),
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until no process of this sandbox runs any more.
    #[track_caller]
    pub(crate) fn wait_until_quiet(&self) {
        let bound = Duration::from_mins(2);
        let started = Instant::now();
        loop {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            assert!(started.elapsed() < bound, "still running after {bound:?}: {left:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The command lines of the running processes that were started inside this sandbox: those
    /// whose program, arguments, working directory or environment names its folder. Empty where
    /// the system does not show them as files.
    pub(crate) fn processes(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        let root = self.root.to_string_lossy().into_owned();
        let names_root = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(&root);
        entries
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()))
            .filter_map(|entry| {
                let of = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
                let link = |name: &str| fs::read_link(entry.path().join(name)).unwrap_or_default();
                let arguments = of("cmdline");
                let ours = names_root(&arguments)
                    || names_root(&of("environ"))
                    || link("exe").starts_with(&self.root)
                    || link("cwd").starts_with(&self.root);
                // A process that has ended and waits to be collected has no arguments left.
                (ours && !arguments.is_empty())
                    .then(|| String::from_utf8_lossy(&arguments).replace('\0', " "))
            })
            .collect()
    }
}

/// A learning run that a test has started may still write when the test ends; the folder can be
/// deleted only after it.
impl Drop for Sandbox {
    fn drop(&mut self) {
        let started = Instant::now();
        while !self.processes().is_empty() && started.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// One `mana` about to run.
#[must_use = "nothing happens before .run()"]
pub(crate) struct Mana {
    command: Command,
    input: Input,
    limit: Duration,
}

impl Mana {
    /// Gives it `bytes` on standard input.
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Input::Bytes(bytes.into());
        self
    }

    /// Gives it `bytes` on standard input and never ends that input.
    pub(crate) fn endless_stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Input::Endless(bytes.into());
        self
    }

    /// Adds arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes an environment variable.
    pub(crate) fn unset(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Runs it in `folder` instead of the project.
    pub(crate) fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Fails the test when it runs longer than `limit`.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(mut self) -> Output {
        process::run(&mut self.command, self.input, self.limit)
    }
}

/// Every file and folder below `folder` with what it holds, for a comparison before and after.
/// A symbolic link is its target's name; a folder is empty.
pub(crate) fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&next) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let kind = entry.file_type().expect("the entry was just listed");
            let contents = if kind.is_dir() {
                waiting.push(path.clone());
                Vec::new()
            } else if kind.is_symlink() {
                let target = fs::read_link(&path).expect("the entry is a link");
                target.to_string_lossy().into_owned().into_bytes()
            } else {
                fs::read(&path).unwrap_or_default()
            };
            found.insert(path, contents);
        }
    }
    found
}

/// Every string inside `value`, keys apart, in order.
pub(crate) fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(fields) => fields.values().flat_map(strings).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// The `mana` to test: the one that was built with the tests, or the one that `MANA_TEST_BINARY`
/// names, so that the same tests can judge a release binary.
pub(crate) fn binary_under_test() -> PathBuf {
    std::env::var_os("MANA_TEST_BINARY")
        .map_or_else(|| env!("CARGO_BIN_EXE_mana").into(), PathBuf::from)
}

/// Lets the file at `path` be started as a program.
fn make_executable(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(path, mode).expect("the file is ours");
    }
    #[cfg(not(unix))]
    drop(path);
}
