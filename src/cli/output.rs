//! The only writer to standard output and standard error.

use std::fmt::{Display, Write as _};
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use serde::Serialize;

use super::error::{CliError, Kind};
use crate::model::neutral;

/// Where a command's results go: text for people, or one JSON object.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    /// Why standard output could not be written; from then on nothing is.
    broken: Option<io::Error>,
}

impl Output {
    /// Output as text, or as JSON.
    pub(crate) fn new(json: bool) -> Self {
        Self { json, broken: None }
    }

    /// Whether JSON was asked for.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a person looks at standard error, so that a progress bar makes sense.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.json && io::stderr().is_terminal()
    }

    /// Prints a line of text; nothing when JSON was asked for.
    pub(crate) fn line(&mut self, text: impl Display) {
        if !self.json {
            let text = text.to_string();
            self.write(&format!("{}\n", neutral::visible(&text)));
        }
    }

    /// Prints the result as JSON; nothing when text was asked for.
    pub(crate) fn object(&mut self, value: &impl Serialize) {
        if self.json {
            let text = serde_json::to_string_pretty(value).expect("results have string keys");
            self.write(&format!("{}\n", escaped(text)));
        }
    }

    fn write(&mut self, text: &str) {
        if self.broken.is_some() {
            return;
        }
        let mut stdout = io::stdout().lock();
        self.broken = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).err();
    }

    /// Says something beside the result, on standard error.
    pub(crate) fn notice(&mut self, text: impl Display) {
        if !self.json {
            let text = text.to_string();
            to_stderr(&format!("{}\n", neutral::visible(&text)));
        }
    }

    /// Whether a person is there to be asked.
    pub(crate) fn can_ask(&self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks a yes-or-no question; without a terminal the answer is yes.
    pub(crate) fn confirm(&mut self, question: &str) -> bool {
        if !self.can_ask() {
            return true;
        }
        to_stderr(&format!("{question} [Y/n] "));
        let mut answer = String::new();
        if io::stdin().read_line(&mut answer).is_err() {
            return false;
        }
        matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes")
    }

    /// Ends the command: prints a failure with its causes and hints, and gives the exit code.
    pub(crate) fn finish(self, result: Result<(), CliError>) -> ExitCode {
        // A reader that has seen enough (`mana search x | head`) is no failure; a full disk is.
        let lost = self.broken.filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
        let error = match (result, lost) {
            (Err(error), _) => error,
            (Ok(()), Some(lost)) => unwritten(&lost),
            (Ok(()), None) => return ExitCode::SUCCESS,
        };
        if self.json {
            let causes: Vec<String> = causes(&error).collect();
            let object = serde_json::json!({
                "error": error.source.to_string(), "causes": causes, "hints": error.hints,
            });
            to_stderr(&format!("{object}\n"));
        } else {
            let mut text = format!("mana: {}\n", error.source);
            for (n, cause) in causes(&error).enumerate() {
                // Writing to a string cannot fail.
                let _ok = writeln!(text, "  {}: {cause}", n + 1);
            }
            for hint in &error.hints {
                let _ok = writeln!(text, "Hint: {hint}");
            }
            to_stderr(&neutral::visible(&text));
        }
        ExitCode::from(error.kind.exit_code())
    }
}

/// That the result could not be written.
pub(crate) fn unwritten(error: &io::Error) -> CliError {
    CliError::new(Kind::Failed, format!("standard output cannot be written: {error}"))
}

/// JSON in which what a terminal would act on, or not show, is written as an escape: to a program
/// it is the same.
fn escaped(json: String) -> String {
    if !json.chars().any(neutral::is_hidden) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 16);
    let mut units = [0; 2];
    for c in json.chars() {
        if neutral::is_hidden(c) {
            for unit in c.encode_utf16(&mut units) {
                // Writing to a string cannot fail.
                let _ok = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Where a process answers another one that started it.
#[cfg(feature = "sync")]
pub(crate) fn answers() -> impl Write {
    io::stdout().lock()
}

fn causes(error: &CliError) -> impl Iterator<Item = String> {
    let mut next = error.source.source();
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause.to_string())
    })
}

fn to_stderr(text: &str) {
    // Nobody is left to tell when standard error is gone.
    let _gone = io::stderr().lock().write_all(text.as_bytes());
}

/// Prints help, version or a usage error.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let _gone = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// `1 session`, `2 sessions`: a number with its noun.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Tells a person who types a hook command what it is for.
pub(crate) fn explain_hook() {
    to_stderr(
        "mana: this command answers the client's hooks and reads an event on standard input.\n\
         Hint: `mana init` installs the hooks, `mana --help` lists what people call.\n",
    );
}

/// Writes a file to standard output. A reader that has seen enough is no failure.
#[cfg(feature = "sync")]
pub(crate) fn bytes(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Prints a hook's answer: one line in one write.
pub(crate) fn answer(text: &str) {
    let mut stdout = io::stdout().lock();
    let _gone = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_meaning_and_shows_what_is_hidden() {
        let value = serde_json::json!({ "text": "a\u{9b}2Jb\u{202e}\u{e0041}\x7f\n" });
        let text = escaped(serde_json::to_string_pretty(&value).unwrap());
        assert!(!text.chars().any(neutral::is_hidden), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        let plain = "{\"a\": \"Grüße\"}";
        assert_eq!(escaped(plain.into()), plain);
    }
}
