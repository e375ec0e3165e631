//! Times `mana` as the client meets it: whole processes, from spawn to reaped, with an event on
//! standard input, beside a minimal static program and `cat` started the same way in turn.
//!
//! Times on one machine say little about another, so the budgets of `inject` are ratios to the
//! minimal program of the same run. The numbers are printed whatever they are; only `--check`
//! makes a failure of them, and only far beyond the budgets, since a neighbour can spoil any run.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a measurement prints, and it makes the files and the environment of its programs"
)]

mod cases;
mod history;
mod measure;
mod options;
mod report;

use std::io::Result;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use cases::Bench;
use options::Options;
use report::Report;

/// What a caller gets when nothing could be measured.
type Outcome<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The reference: its start is the part of every number that no program can avoid.
const MINIMAL: &str = include_str!("minimal.c");

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("error: {message}\n\n{}", options::HELP);
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(report) => {
            let missed = report.missed();
            println!("\nbudgets missed: {}", if missed.is_empty() { "none" } else { "" });
            for line in &missed {
                println!("  {line}");
            }
            println!("{}", report.to_json());
            ExitCode::from(u8::from(options.check && !report.passes()))
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures what was asked for.
fn run(options: &Options) -> Outcome<Report> {
    let temporary = tempfile::Builder::new().prefix("mana-bench-").tempdir()?;
    let folder = match &options.keep {
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            std::fs::canonicalize(folder)?
        }
        None => temporary.path().to_owned(),
    };
    let built = std::env::var_os("MANA_TEST_BINARY")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_mana")), PathBuf::from);
    println!("binary: {}", built.display());
    let bench = Bench {
        mana: install(&built, &folder)?,
        minimal: compile_minimal(&folder)?,
        folder,
        options: options.clone(),
    };
    let mut report = Report::default();
    for (name, case) in cases::ALL {
        if options.wants(name) {
            case(&bench, &mut report)?;
        }
    }
    Ok(report)
}

/// Copies the binary into `folder`, as an installation does. A linker leaves a file page by page in
/// the page cache, a copy leaves larger pieces, and those are mapped in less than half the time.
fn install(binary: &Path, folder: &Path) -> Outcome<PathBuf> {
    let copy = folder.join("mana");
    let status = Command::new("cp").args([binary, &copy]).status()?;
    if !status.success() {
        return Err(format!("{} cannot be copied", binary.display()).into());
    }
    Ok(copy)
}

/// Builds the reference program in `folder`.
fn compile_minimal(folder: &Path) -> Outcome<PathBuf> {
    let source = folder.join("minimal.c");
    let program = folder.join("minimal");
    std::fs::write(&source, MINIMAL)?;
    let status = Command::new("cc")
        .args(["-O2", "-static", "-no-pie", "-o"])
        .args([&program, &source])
        .status()
        .map_err(|error| format!("cc cannot be run: {error}"))?;
    if !status.success() {
        return Err(format!("cc failed with {status}").into());
    }
    Ok(program)
}
