//! The tests that run the real Claude Code client, offline, against a scripted API on loopback.
//!
//! The client is the npm package, installed into a cache outside the tree on the first run.
//! `MANA_E2E` decides what happens where it cannot be had: `auto` (the default) reports every
//! test as ignored and says so on standard error, `require` fails them, and `skip` does not even
//! try. A skipped test never counts as passed.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and it owns its files and its environment"
)]

mod api;
mod entries;
mod harness;
mod install;
mod learner;
mod memory;
mod resilience;
mod session;
mod stage;

#[path = "../it/process.rs"]
mod process;
#[path = "../it/sandbox.rs"]
mod sandbox;
#[path = "../it/transcript.rs"]
mod transcript;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::install::InstallError;

/// A test that is handed the path of the client's binary. It fails by panicking.
type Scenario = fn(&Path);

/// The client, looked for once, by the first test that needs it.
static CLIENT: OnceLock<Result<PathBuf, InstallError>> = OnceLock::new();

/// What to do where the client cannot be had.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Report the tests as ignored.
    Auto,
    /// Fail the tests.
    Require,
    /// Report the tests as ignored without trying.
    Skip,
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mode = match std::env::var("MANA_E2E").as_deref() {
        Err(_) | Ok("" | "auto") => Mode::Auto,
        Ok("require") => Mode::Require,
        Ok("skip") => Mode::Skip,
        Ok(other) => {
            say(&format!("MANA_E2E is {other:?}; it can be auto, require or skip"));
            return ExitCode::from(2);
        }
    };
    let scenarios =
        [harness::ALL, memory::ALL, entries::ALL, learner::ALL, resilience::ALL].concat();
    let trials = scenarios
        .into_iter()
        .map(|(name, scenario)| Trial::ignorable_test(name, move || play(mode, scenario)));
    let trials = trials.chain(install::tests()).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let (Some(Err(error)), false) = (CLIENT.get(), mode == Mode::Require) {
        say(&format!("SKIPPED: the tests with the real client have not run: {error}"));
    }
    conclusion.exit_code()
}

/// Runs `scenario` with the client, or says why that cannot be.
fn play(mode: Mode, scenario: Scenario) -> Result<Completion, Failed> {
    let client = CLIENT.get_or_init(|| match mode {
        Mode::Skip => Err(InstallError::Unavailable("MANA_E2E is skip".to_owned())),
        Mode::Auto | Mode::Require => install::client(),
    });
    match client {
        Ok(client) => {
            scenario(client);
            Ok(Completion::Completed)
        }
        // The reason, which can be long, follows once after the last test.
        Err(InstallError::Unavailable(_)) if mode != Mode::Require => {
            Ok(Completion::ignored_with("there is no client"))
        }
        Err(error) => Err(error.to_string().into()),
    }
}

/// Writes one line to standard error.
fn say(line: &str) {
    // Nothing can be done about a closed standard error.
    drop(writeln!(std::io::stderr(), "{line}"));
}
