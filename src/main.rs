//! The `mana` binary: hands the arguments to the library and maps its result to an exit code.

#[cfg(quick_start)]
mod start;

#[cfg(quick_start)]
#[global_allocator]
static MEMORY: mana::arena::Arena = mana::arena::Arena;

use std::process::ExitCode;

fn main() -> ExitCode {
    mana::run(std::env::args_os())
}
