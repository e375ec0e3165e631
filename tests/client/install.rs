//! Gets the real client: the npm package, pinned by its exact version, installed once into a
//! cache outside the tree.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::process::{self, Input};

/// The client that the tests were written against.
pub(crate) const VERSION: &str = "2.1.329";

/// The npm package; its optional packages, one for each platform, hold the binary.
const PACKAGE: &str = "@anthropic-ai/claude-code";

/// How long npm may take for the download.
const PATIENCE: Duration = Duration::from_mins(7);

/// Words by which npm says that it could not reach the registry or that the registry does not
/// serve the package, as opposed to a fault on this side.
const UNREACHABLE: &[&str] = &[
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "ENETUNREACH",
    "EHOSTUNREACH",
    "ERR_SOCKET_TIMEOUT",
    "ENOTCACHED",
    "EIDLETIMEOUT",
    "CERT_",
    "E401",
    "E403",
    "E404",
    "E407",
    "E429",
    "E500",
    "E502",
    "E503",
    "E504",
    "ETARGET",
    "FETCH_ERROR",
];

/// Why there is no client.
#[derive(Debug)]
pub(crate) enum InstallError {
    /// It cannot be had here: no npm, no registry, no build for this platform. The tests that
    /// need it are skipped.
    Unavailable(String),
    /// It could be had, but something on this side went wrong. The tests that need it fail.
    Broken(String),
}

impl fmt::Display for InstallError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(reason) => write!(out, "the client cannot be had here: {reason}"),
            Self::Broken(reason) => write!(out, "installing the client failed: {reason}"),
        }
    }
}

impl From<io::Error> for InstallError {
    fn from(error: io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

/// The path of the client's binary below the user's cache folder, installed first if needed.
pub(crate) fn client() -> Result<PathBuf, InstallError> {
    install(&cache()?, &[])
}

/// The same below `cache`, with `environment` added to npm's own.
///
/// The package appears in its final place by one rename, so a run that was killed half-way
/// leaves nothing that a later one would take for whole. A file lock keeps parallel runs apart.
pub(crate) fn install(cache: &Path, environment: &[(&str, &str)]) -> Result<PathBuf, InstallError> {
    let place = cache.join(format!("claude-{VERSION}"));
    if let Some(binary) = binary_in(&place) {
        return Ok(binary);
    }
    fs::create_dir_all(cache)?;
    let lock = File::create(cache.join("install.lock"))?;
    lock.lock()?;
    if let Some(binary) = binary_in(&place) {
        return Ok(binary);
    }
    let fresh = tempfile::Builder::new().prefix("claude-new-").tempdir_in(cache)?;
    npm(fresh.path(), environment)?;
    let binary = binary_in(fresh.path()).ok_or_else(|| {
        InstallError::Unavailable(format!("{PACKAGE} {VERSION} has no build for this platform"))
    })?;
    check(&binary)?;
    if place.exists() {
        // Without a binary, or the first look would have found it.
        fs::remove_dir_all(&place)?;
    }
    fs::rename(fresh.path(), &place)?;
    binary_in(&place).ok_or_else(|| InstallError::Broken("the install has vanished".to_owned()))
}

/// The folder for what the tests download.
fn cache() -> Result<PathBuf, InstallError> {
    let of = |name: &str| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
    of("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(of("HOME")?).join(".cache")))
        .map(|cache| cache.join("mana-tests"))
        .ok_or_else(|| InstallError::Broken("neither XDG_CACHE_HOME nor HOME is set".to_owned()))
}

/// The client's binary in the npm prefix `place`.
fn binary_in(place: &Path) -> Option<PathBuf> {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let machine = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    ["", "-musl"]
        .map(|libc| place.join(format!("node_modules/{PACKAGE}-{system}-{machine}{libc}/claude")))
        .into_iter()
        .find(|path| path.is_file())
}

/// Installs the package into `prefix`. Its install scripts are not needed and do not run.
fn npm(prefix: &Path, environment: &[(&str, &str)]) -> Result<(), InstallError> {
    let found = Command::new("npm").arg("--version").stdout(Stdio::null()).status();
    if found.is_err() {
        return Err(InstallError::Unavailable("npm is not installed".to_owned()));
    }
    let mut command = Command::new("npm");
    command
        .args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"])
        .args(["--fetch-retries=1", "--fetch-retry-mintimeout=500", "--loglevel=error"])
        .arg("--prefix")
        .arg(prefix)
        .arg(format!("{PACKAGE}@{VERSION}"))
        .current_dir(prefix)
        .envs(environment.iter().copied());
    let output = process::run(&mut command, Input::Empty, PATIENCE);
    if output.code == Some(0) {
        return Ok(());
    }
    Err(classify(&output.errors()))
}

/// Tells from npm's own words whether the registry was out of reach.
pub(crate) fn classify(errors: &str) -> InstallError {
    let tail: Vec<&str> = errors.lines().filter(|line| !line.trim().is_empty()).collect();
    let tail = tail[..tail.len().min(4)].join("; ");
    if UNREACHABLE.iter().any(|word| errors.contains(word)) {
        InstallError::Unavailable(format!("npm cannot reach the package: {tail}"))
    } else {
        InstallError::Broken(format!("npm: {tail}"))
    }
}

/// Starts the binary once, so that a wrong or torn download is not kept.
fn check(binary: &Path) -> Result<(), InstallError> {
    let mut command = Command::new(binary);
    command.arg("--version").env_clear().env("HOME", binary.parent().unwrap_or(binary));
    let output = process::run(&mut command, Input::Empty, Duration::from_mins(1));
    if output.text().contains(VERSION) {
        Ok(())
    } else {
        Err(InstallError::Broken(format!("the client does not start: {output:?}")))
    }
}

/// The tests of the installer itself, which need no client.
pub(crate) fn tests() -> Vec<libtest_mimic::Trial> {
    let trial = |name: &str, test: fn()| {
        libtest_mimic::Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    vec![
        trial("install::tells_an_unreachable_registry_from_a_fault", tells_faults_apart),
        trial("install::without_a_registry_the_client_is_unavailable", without_a_registry),
    ]
}

fn tells_faults_apart() {
    for (errors, unavailable) in [
        ("npm error code ENOTFOUND\nnpm error network request failed", true),
        ("npm error code ECONNREFUSED\nnpm error syscall connect", true),
        ("npm error code E404\nnpm error 404 Not Found", true),
        ("npm error code ENOSPC\nnpm error nospc no space left on device", false),
        ("npm error code EACCES\nnpm error Your cache folder is owned by root", false),
    ] {
        let error = classify(errors);
        assert_eq!(matches!(error, InstallError::Unavailable(_)), unavailable, "{errors}: {error}");
    }
}

fn without_a_registry() {
    let cache = tempfile::tempdir().expect("the temporary folder is writable");
    let npm_cache = cache.path().join("npm").to_string_lossy().into_owned();
    // Port 1 of loopback: nothing listens there.
    let environment =
        [("npm_config_registry", "http://127.0.0.1:1/"), ("npm_config_cache", npm_cache.as_str())];
    let outcome = install(cache.path(), &environment);
    assert!(matches!(outcome, Err(InstallError::Unavailable(_))), "{outcome:?}");
    let left: Vec<_> = fs::read_dir(cache.path())
        .expect("the folder exists")
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("claude-"))
        .collect();
    assert!(left.is_empty(), "a failed install leaves {left:?}");
}
