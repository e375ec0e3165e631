//! What the measurements can be told.

use std::path::PathBuf;

/// Shown by `--help`.
pub(crate) const HELP: &str = "\
usage: spawn [OPTIONS] [CASE...]

cases: inject, session-end, learn-new, learn (default: all)

  --runs N            measured runs of each program (default 300)
  --patterns N        active patterns in the home that `inject` asks and `learn-new` adds to
                      (default 10000)
  --projects N        projects with as many patterns each, of which `inject` asks one (default 1)
  --busy              keep every core busy while `inject` is measured
  --transcript-mb N   size of the transcript that `session-end` notes (default 100)
  --history-mb N      size of the history that `learn` reads (default 256; the budget names 1024)
  --history DIR       let `learn` read the transcripts below DIR instead
  --keep DIR          work in DIR and leave it behind, to look at or to profile
  --check             fail when a number is far beyond its budget, in three tries

Prints a table, and as the last line all numbers as one JSON object.
MANA_TEST_BINARY names the binary to measure (default: the one built with this bench).";

/// The settled options.
#[derive(Clone)]
pub(crate) struct Options {
    /// Measured runs of each program.
    pub runs: usize,
    /// Active patterns that the home holds at least.
    pub patterns: usize,
    /// Projects in the home, each with as many patterns.
    pub projects: usize,
    /// Whether every core has something else to do.
    pub busy: bool,
    /// Megabytes of the transcript that `session-end` notes.
    pub transcript_mb: usize,
    /// Megabytes of history that `learn` reads.
    pub history_mb: usize,
    /// Transcripts that `learn` reads instead of made ones.
    pub history: Option<PathBuf>,
    /// Where to work, when what is made there is to be kept.
    pub keep: Option<PathBuf>,
    /// Whether a missed bar is a failure.
    pub check: bool,
    cases: Vec<String>,
}

impl Options {
    /// Reads the arguments; none when help was asked for.
    pub(crate) fn parse(
        mut arguments: impl Iterator<Item = String>,
    ) -> Result<Option<Self>, String> {
        let mut options = Self {
            runs: 300,
            patterns: 10_000,
            projects: 1,
            busy: false,
            transcript_mb: 100,
            history_mb: 256,
            history: None,
            keep: None,
            check: false,
            cases: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--runs" => options.runs = number(&value()?)?,
                "--patterns" => options.patterns = number(&value()?)?,
                "--projects" => options.projects = number(&value()?)?,
                "--busy" => options.busy = true,
                "--transcript-mb" => options.transcript_mb = number(&value()?)?,
                "--history-mb" => options.history_mb = number(&value()?)?,
                "--history" => options.history = Some(value()?.into()),
                "--keep" => options.keep = Some(value()?.into()),
                "--check" => options.check = true,
                "-h" | "--help" => return Ok(None),
                // Cargo adds it to every bench.
                "--bench" => {}
                name if crate::cases::ALL.iter().any(|(case, _)| *case == name) => {
                    options.cases.push(argument);
                }
                _ => return Err(format!("unknown argument `{argument}`")),
            }
        }
        Ok(Some(options))
    }

    /// Whether the case called `name` is to be measured.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|case| case == name)
    }
}

/// A number of at least 1.
fn number(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or(format!("`{text}` is no number from 1 on"))
}
