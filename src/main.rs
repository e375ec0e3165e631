//! The `mana` binary: hands the arguments to the library and maps its result to an exit code.

#[cfg(quick_start)]
mod start;

use std::process::ExitCode;

fn main() -> ExitCode {
    mana::run(std::env::args_os())
}
