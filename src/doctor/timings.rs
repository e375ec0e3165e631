//! How long hooks took and how they ended, as the client recorded it in its transcripts.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::Deserialize;

use super::{Finding, Patient, State};
use crate::learning::discover::discover;

/// Transcripts that are read, the newest first.
const FILES: usize = 100;

/// Bytes that are read of all of them together.
const BYTES: u64 = 128 << 20;

/// A longer line is no record of a hook.
const LINE: u64 = 1 << 20;

/// Milliseconds at the 99th percentile from which on somebody notices.
const SLOW: u64 = 100;

/// A line of a transcript, as far as it is about a hook.
#[derive(Debug, Deserialize)]
struct Line {
    attachment: Attachment,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attachment {
    r#type: String,
    #[serde(default)]
    hook_event: String,
    #[serde(default)]
    command: String,
    #[serde(default)]
    duration_ms: Option<u64>,
}

/// The runs of our hooks.
#[derive(Debug, Default)]
struct Runs {
    /// Milliseconds by event, in the order in which they were read.
    took: BTreeMap<String, Vec<u64>>,
    failed: u64,
    cancelled: u64,
}

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let mut files = discover(&patient.transcripts).files;
    files.sort_by_key(|file| std::cmp::Reverse(file.modified));
    let mut runs = Runs::default();
    let mut left = BYTES;
    for file in files.iter().take(FILES) {
        left = left.saturating_sub(file.size);
        if left == 0 {
            break;
        }
        // A file that cannot be read is one that learning tells of.
        let _unread = runs.read(&file.path);
    }
    runs.findings()
}

impl Runs {
    fn read(&mut self, path: &Path) -> std::io::Result<()> {
        let mut reader = BufReader::new(File::open(path)?);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut reader).take(LINE).read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(());
            }
            // Cheap, and right for nearly all lines.
            if memchr::memmem::find(&line, b"\"hook_").is_some()
                && let Ok(Line { attachment }) = serde_json::from_slice(&line)
            {
                self.add(attachment);
            }
        }
    }

    fn add(&mut self, hook: Attachment) {
        if !is_ours(&hook.command) {
            return;
        }
        match hook.r#type.as_str() {
            "hook_success" => {
                if let Some(took) = hook.duration_ms {
                    self.took.entry(hook.hook_event).or_default().push(took);
                }
            }
            "hook_non_blocking_error" | "hook_blocking_error" => self.failed += 1,
            "hook_cancelled" => self.cancelled += 1,
            _ => {}
        }
    }

    fn findings(mut self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (event, took) in &mut self.took {
            took.sort_unstable();
            let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
            let says = format!(
                "{event}: {} runs, {} ms in the median, {} ms at the 99th percentile, by the client",
                took.len(),
                at(0.5),
                at(0.99)
            );
            let state = if at(0.99) > SLOW { State::Warning } else { State::Good };
            findings.push(Finding::new("timings", state, says));
        }
        if self.failed + self.cancelled > 0 {
            let says = format!(
                "{} runs of mana's hooks failed and {} were cancelled, by the client",
                self.failed, self.cancelled
            );
            findings.push(Finding::new("timings", State::Warning, says).advice(
                "A hook of mana's ends with success whatever happens: look whether the \
                             program was replaced or removed meanwhile.",
            ));
        }
        if findings.is_empty() {
            findings.push(Finding::new(
                "timings",
                State::Good,
                "the newest transcripts record no run of mana's hooks",
            ));
        }
        findings
    }
}

/// Whether a hook's command line runs mana.
fn is_ours(command: &str) -> bool {
    let mut words = command.split_whitespace();
    words.any(|word| {
        let name = word.trim_matches(['"', '\'']).rsplit('/').next().unwrap_or_default();
        name == "mana"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_read_from_what_the_client_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let line = |kind: &str, event: &str, command: &str, took: u64| {
            format!(
                "{{\"type\":\"attachment\",\"attachment\":{{\"type\":\"{kind}\",\
                 \"hookEvent\":\"{event}\",\"command\":\"{command}\",\"durationMs\":{took}}}}}\n"
            )
        };
        let mut text = String::from("{\"type\":\"user\"}\n{\"hook_success\": torn\n");
        for took in 1..=100 {
            text += &line("hook_success", "PreToolUse", "/opt/bin/mana inject", took);
        }
        text += &line("hook_success", "PreToolUse", "/opt/bin/manage inject", 9_999);
        text += &line("hook_cancelled", "Stop", "mana session-end", 5_000);
        text += "\u{0}\u{1}";
        std::fs::write(&path, text).unwrap();
        let mut runs = Runs::default();
        runs.read(&path).unwrap();
        let findings = runs.findings();
        assert!(findings[0].says.starts_with("PreToolUse: 100 runs, 50 ms in the median, 99 ms"));
        assert!(findings[1].says.starts_with("0 runs of mana's hooks failed and 1 were"));
        assert_eq!(findings.len(), 2);
    }
}
