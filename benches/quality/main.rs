//! How good search is, on real transcripts: from a failing call to the same failure, from a
//! description to its command, from a prompt to files; by words, by meaning, and by both.
//!
//! Run by hand, with a folder of transcripts. It asks the program's own search and encoders.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a measurement prints")]

mod options;

use std::error::Error;
use std::process::ExitCode;

use options::{Asked, HELP};

fn main() -> ExitCode {
    let (options, json) = match Asked::parse(std::env::args().skip(1)) {
        Ok(Asked::Measure { options, json }) => (options, json),
        Ok(Asked::Nothing) => {
            println!("no transcripts were named, so nothing is measured\n\n{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("error: {message}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match mana::quality::run(&options, &|doing| eprintln!("{doing}")) {
        Ok(report) if json => {
            println!("{}", serde_json::to_string(&report).expect("a report has only string keys"));
            ExitCode::SUCCESS
        }
        Ok(report) => {
            print!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let mut message = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                message = format!("{message}: {error}");
                cause = error.source();
            }
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
