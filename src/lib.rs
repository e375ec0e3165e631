//! MANA: memory for coding agents.
//!
//! Reading order: [`model`] holds the plain types and the pure rules; `learning` turns
//! transcripts into patterns; `consolidation` tidies them up; `storage` keeps them; `embeddings` makes vectors of texts; `hooks`
//! answers Claude Code's hook events; `cli` is the glue. Arrows point down only; see
//! `docs/architecture.md`.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests make their own files"))]

#[doc(hidden)]
pub mod arena;
mod cli;
mod config;
mod consolidation;
mod daemon;
mod doctor;
#[cfg_attr(
    not(feature = "encoder"),
    expect(dead_code, reason = "without the full encoder, nothing makes vectors")
)]
mod embeddings;
mod evaluation;
mod hooks;
mod learning;
#[cfg(feature = "encoder")]
mod library;
mod model;
#[doc(hidden)]
pub mod quality;
mod redact;
mod storage;
#[cfg(feature = "sync")]
mod sync;
#[doc(hidden)]
pub mod torture;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs one invocation of `mana` with `args` (the program's name first) and returns its exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    cli::run(args.into_iter().collect())
}
