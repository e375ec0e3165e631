//! Proofs that MANA runs for weeks unattended: it is killed, crowded, starved of disk, fed
//! nonsense and left alone for long. `docs/testing.md` says how to run each part.
//!
//! Every part prints what it measured and the seed it went by, and has a short form, which is
//! quick enough for each change, and a long one. A part that cannot run here says so loudly.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and it owns its files and its environment"
)]

#[cfg(feature = "sync")]
mod documents;
mod faults;
mod fuzz;
#[cfg(feature = "index")]
mod index;
mod kills;
mod load;
mod random;
mod soak;
mod world;

#[path = "../it/dump.rs"]
mod dump;
#[path = "../it/process.rs"]
mod process;
#[path = "../it/sandbox.rs"]
mod sandbox;
/// The same tiny model as in the unit tests.
#[allow(dead_code, reason = "this side uses a part of it")]
#[path = "../../src/embeddings/testing.rs"]
mod tiny;
#[path = "../it/transcript.rs"]
mod transcript;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

/// What the command line asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Whether the long forms run.
    pub(crate) long: bool,
    /// Where the generators of random numbers begin.
    pub(crate) seed: u64,
    /// How much of a part is done, where it is not what its form says: kills, seconds, inputs,
    /// faults of each kind, cycles.
    pub(crate) amount: Option<u64>,
    /// What narrows a part: all that is behind the colon of its name.
    pub(crate) only: Option<&'static str>,
}

impl Plan {
    /// The amount that was asked for, else that of the form.
    pub(crate) fn amount(self, short: u64, long: u64) -> u64 {
        self.amount.unwrap_or(if self.long { long } else { short })
    }
}

/// A part; it fails by panicking and returns what there was to skip.
type Part = fn(Plan) -> Option<String>;

const PARTS: &[(&str, Part)] = &[
    ("kills", kills::run),
    ("load", load::run),
    ("faults", faults::run),
    ("fuzz", fuzz::run),
    #[cfg(feature = "sync")]
    ("documents", documents::run),
    #[cfg(feature = "index")]
    ("index", index::run),
    ("soak", soak::run),
];

const USAGE: &str = "usage: torture [--long] [--seed N] [--amount N] [PART...]
  --long       the long forms: from ten minutes to hours
  --seed N     where the generators begin; a failure prints the one it went by
  --amount N   kills, seconds of load, faults of each kind, inputs of each reader, documents, or
               cycles
parts: kills, load, faults, fuzz, documents (with sharing), index (with the index over vectors),
       soak; fuzz:NAME is one reader only, faults:KIND and faults:KIND:COMMAND one kind of fault;
       KIND is enospc, eio, sync, rename, open, chmod, limits, places or times";

fn main() -> ExitCode {
    let mut plan = Plan { long: false, seed: 0x5eed, amount: None, only: None };
    let mut chosen = Vec::new();
    let mut arguments = std::env::args().skip(1);
    #[cfg(feature = "index")]
    if std::env::args().nth(1).as_deref() == Some(index::CHILD) {
        index::child(arguments.skip(1));
        return ExitCode::SUCCESS;
    }
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|value| value.parse::<u64>().ok());
        match argument.as_str() {
            "--long" => plan.long = true,
            "--seed" => match number() {
                Some(seed) => plan.seed = seed,
                None => return usage(),
            },
            "--amount" => match number() {
                Some(amount) => plan.amount = Some(amount),
                None => return usage(),
            },
            name if PARTS.iter().any(|(part, _)| *part == base(name)) => chosen.push(argument),
            _ => return usage(),
        }
    }
    if chosen.is_empty() {
        chosen = PARTS.iter().map(|(name, _)| (*name).to_owned()).collect();
    }
    let mut failed = false;
    let mut summary = Vec::new();
    for name in &chosen {
        let started = Instant::now();
        say(&format!("== {name} (seed {})", plan.seed));
        let verdict = play(name, plan);
        failed |= verdict == "FAILED";
        summary.push(format!("{verdict:<8} {name:<12} {:>5.1} s", started.elapsed().as_secs_f64()));
    }
    say(&format!("== summary\n{}", summary.join("\n")));
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Runs one part and says how it went.
fn play(name: &str, plan: Plan) -> &'static str {
    // The few names of a command line may stay for good.
    let only = name.split_once(':').map(|(_, only)| &*only.to_owned().leak());
    let plan = Plan { only, ..plan };
    let (_, part) = PARTS.iter().find(|(part, _)| *part == base(name)).expect("it was looked up");
    match catch_unwind(AssertUnwindSafe(|| part(plan))) {
        Ok(None) => "passed",
        Ok(Some(reason)) => {
            say(&format!("SKIPPED in part: {reason}"));
            "passed"
        }
        Err(_) => "FAILED",
    }
}

/// A part's name without what narrows it.
fn base(name: &str) -> &str {
    name.split_once(':').map_or(name, |(part, _)| part)
}

fn usage() -> ExitCode {
    say(USAGE);
    ExitCode::from(2)
}

/// Writes a line to standard output at once: a part may take long.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}
