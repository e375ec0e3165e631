//! The command line: one verb, one file. The only part of MANA that prints.

mod args;
mod consolidate;
mod cycle;
mod daemon;
mod demo;
mod doctor;
#[cfg(feature = "sync")]
mod edit;
mod encode;
mod encoder;
mod error;
mod eval;
#[cfg(feature = "sync")]
mod export;
mod forget;
#[cfg(feature = "sync")]
mod hearing;
mod hook;
#[cfg(feature = "sync")]
mod import;
mod init;
mod learn;
mod logging;
mod meaning;
mod model;
mod output;
mod publish;
#[cfg(test)]
mod reference;
mod review;
mod scope;
mod scratch;
mod search;
mod show;
mod skills;
mod stats;
mod status;
#[cfg(feature = "sync")]
mod sync;
mod time;
#[cfg(feature = "sync")]
mod trial;
mod tune;
mod uninstall;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;
use nix::sys::signal::{SigSet, Signal};

use args::{Cli, Command};
use error::{CliError, Kind};
use output::Output;

use crate::config;

/// Runs the command that `args` name (the program's name first).
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    outlive_file_limits();
    // Hook commands leave with 0 whatever happens, wrong arguments included: to the client a 2
    // means "block this call", and 2 is what usage errors end with.
    if let Some(verb) = hook::verb(&args) {
        hook::run(verb);
        return ExitCode::SUCCESS;
    }
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return output::usage(&error),
    };
    let mut output = Output::new(cli.json);
    let supervised = is_supervised(&cli.command);
    if !supervised && !tells_numbers(&cli.command) {
        for number in config::bad_numbers() {
            output.notice(number);
        }
    }
    let work = AssertUnwindSafe(|| dispatch(cli.command, &mut output));
    let result = catch_unwind(work).unwrap_or_else(|_| {
        Err(CliError::new(Kind::Internal, "a defect of MANA's; its place is named above")
            .hint("Please report it. Nothing that was stored is lost, and trying again is safe."))
    });
    // Nobody reads what a run of the daemon's prints.
    if supervised && let Err(error) = &result {
        logging::complain(error);
    }
    output.finish(result)
}

/// Whether the daemon started this.
fn is_supervised(command: &Command) -> bool {
    match command {
        Command::Learn(args) => args.supervised,
        Command::Consolidate(args) => args.supervised,
        #[cfg(feature = "sync")]
        Command::Sync(args) => args.supervised,
        _ => false,
    }
}

/// Whether the command tells by itself, or to a log, which numbers of the environment are ignored.
fn tells_numbers(command: &Command) -> bool {
    matches!(command, Command::Inject(_) | Command::SessionEnd(_) | Command::Doctor(_))
}

/// A file that would grow beyond what `ulimit -f` allows is an error that can be told, instead of a
/// signal that ends the process. What this process starts begins with a clean mask.
fn outlive_file_limits() {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGXFSZ);
    // Where it is refused, things are as they were.
    let _refused = mask.thread_block();
}

fn dispatch(command: Command, output: &mut Output) -> Result<(), CliError> {
    match command {
        Command::Init(args) => init::run(&args, output),
        Command::Uninstall(args) => uninstall::run(&args, output),
        // Only reached with options before the verb, such as `mana --json inject`.
        Command::Inject(args) => {
            hook::run(hook::Verb::inject(args.tool));
            Ok(())
        }
        Command::SessionEnd(_) => {
            hook::run(hook::Verb::SESSION_END);
            Ok(())
        }
        Command::Learn(args) => learn::run(&args, output),
        Command::Status => status::run(output),
        Command::Stats => stats::run(output),
        Command::Eval(args) => eval::run(&args, output),
        Command::Tune(args) => tune::run(&args, output),
        Command::Search(args) => search::run(&args, output),
        Command::Show(args) => show::run(&args, output),
        #[cfg(feature = "sync")]
        Command::Edit(args) => edit::run(&args, output),
        #[cfg(feature = "sync")]
        Command::TextWorker => edit::serve(),
        Command::Consolidate(args) => consolidate::run(&args, output),
        Command::Skills(command) => skills::run(&command, output),
        Command::Review(args) => review::run(&args, output),
        Command::Doctor(args) => doctor::run(&args, output),
        Command::Daemon(command) => daemon::run(&command, output),
        #[cfg(feature = "sync")]
        Command::Sync(args) => sync::run(&args, output),
        #[cfg(feature = "sync")]
        Command::Export(args) => export::run(&args, output),
        #[cfg(feature = "sync")]
        Command::Import(args) => import::run(&args, output),
        Command::Forget(args) => forget::run(&args, output),
        Command::Model(command) => model::run(&command, output),
        Command::Demo => demo::run(output),
    }
}
