//! The integration tests: one binary, one module for each subject. They spawn `mana` and do not
//! link the library. The tests that need the real Claude Code client are in `tests/client`.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and it owns its files and its environment"
)]

mod process;
mod sandbox;
mod transcript;
#[cfg(feature = "git")]
mod trials;

/// The same tiny model as in the unit tests.
#[allow(dead_code, reason = "this side uses a part of it")]
#[path = "../../src/embeddings/testing.rs"]
mod tiny;

#[cfg(feature = "sync")]
mod archive;
mod channels;
mod cli;
mod clock;
mod consolidate;
mod crash;
mod daemon;
mod damage;
mod distill;
mod doctor;
mod dump;
#[cfg(feature = "sync")]
mod edit;
mod encoding;
mod eval;
mod excluded;
mod forgotten;
mod guarded;
mod hook_contract;
mod judged;
mod layout;
mod models;
mod poison;
mod secrets;
mod skills;
#[cfg(quick_start)]
mod start;
mod stats;
#[cfg(feature = "git")]
mod sync;
mod tidy;
mod together;
mod tune;
