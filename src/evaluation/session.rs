//! One transcript as a list of prompts and calls.
//!
//! This reader is not that of learning, which masks, cuts and joins subagents: it keeps what the
//! measures need as it was written, in the order of the file.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use flate2::read::MultiGzDecoder;
use regex::Regex;
use serde_json::{Map, Value};

/// Characters of an error that are kept: what a hook gets to see of it.
const ERROR: usize = 8_000;

/// How results of calls begin that the user refused.
const REJECTED: &[&str] = &[
    "The user doesn't want to proceed",
    "[Request interrupted by user",
    "The user doesn't want to take this action",
];

/// How texts begin that stand where prompts do and are none.
const NO_PROMPT: &[&str] = &[
    "<command-",
    "<local-command",
    "Caveat:",
    "[Request interrupted",
    "<task-notification",
    "<system-reminder",
    "<bash-",
    "This session is being continued",
    "<user-prompt-submit-hook",
];

/// The fields of a call's input that say what it is on.
const FIELDS: &[&str] =
    &["command", "file_path", "notebook_path", "pattern", "path", "glob", "query", "url"];

/// A session that was recorded.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Session {
    /// The transcript.
    pub(super) path: PathBuf,
    /// The session's UUID; may be empty.
    pub(super) id: String,
    /// When it began, as it is written; may be empty.
    pub(super) start: String,
    /// The folder in which it began; may be empty.
    pub(super) root: String,
    /// What happened, in the order of the file.
    pub(super) events: Vec<Event>,
    /// Lines that are no JSON.
    pub(super) torn: u64,
}

/// Something that happened in a session.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Event {
    /// The user said something.
    Prompt(Prompt),
    /// The agent called a tool.
    Call(Call),
}

/// What the user said.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Prompt {
    /// The text.
    pub(super) text: String,
    /// The current folder.
    pub(super) cwd: Arc<str>,
}

/// A call of a tool.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Call {
    /// The tool.
    pub(super) tool: String,
    /// The call's id; may be empty.
    pub(super) id: String,
    /// The fields of its input that say what it is on.
    pub(super) input: Map<String, Value>,
    /// What it is on as one text: the command, the path, or the fields in a row.
    pub(super) text: String,
    /// Whether it succeeded; `None` without a result.
    pub(super) ok: Option<bool>,
    /// Whether the user refused it.
    pub(super) rejected: bool,
    /// What a failure said; empty for other outcomes.
    pub(super) error: String,
    /// The current folder.
    pub(super) cwd: Arc<str>,
    /// Line of the transcript, from 1.
    pub(super) line: u64,
}

impl Call {
    /// Whether the tool works on one file.
    pub(super) fn is_on_file(&self) -> bool {
        matches!(self.tool.as_str(), "Read" | "Edit" | "Write" | "MultiEdit" | "NotebookEdit")
    }

    /// Whether the tool changes a file.
    pub(super) fn is_edit(&self) -> bool {
        self.is_on_file() && self.tool != "Read"
    }

    /// Whether hooks are called for it.
    pub(super) fn is_hooked(&self) -> bool {
        self.is_on_file() || matches!(self.tool.as_str(), "Bash" | "Grep" | "Glob")
    }

    /// Whether it succeeded.
    pub(super) fn succeeded(&self) -> bool {
        self.ok == Some(true)
    }

    /// Whether it failed, not counting what the user refused.
    pub(super) fn failed(&self) -> bool {
        self.ok == Some(false) && !self.rejected
    }

    /// A field of the input as text; empty when it is missing.
    pub(super) fn field(&self, name: &str) -> String {
        self.input.get(name).map(plain).unwrap_or_default()
    }

    /// The file it is on; empty when there is none.
    pub(super) fn file(&self) -> String {
        let path = self.field("file_path");
        if path.is_empty() { self.field("notebook_path") } else { path }
    }
}

impl Event {
    /// The call, if it is one.
    pub(super) fn call(&self) -> Option<&Call> {
        match self {
            Self::Call(call) => Some(call),
            Self::Prompt(_) => None,
        }
    }

    /// The current folder.
    pub(super) fn cwd(&self) -> &str {
        match self {
            Self::Call(call) => &call.cwd,
            Self::Prompt(prompt) => &prompt.cwd,
        }
    }
}

impl Session {
    /// Reads the transcript at `path`. Lines that are no JSON are counted and left out.
    ///
    /// # Errors
    /// When the file cannot be read or its compression is damaged.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let mut reading = Reading {
            session: Self { path: path.to_owned(), ..Self::default() },
            cwd: ".".into(),
            pending: HashMap::new(),
            seen: HashSet::new(),
        };
        let mut number = 0;
        each_line(path, |line| {
            number += 1;
            match serde_json::from_str::<Value>(line) {
                Ok(Value::Object(object)) => reading.line(&object, number),
                Ok(_) => {}
                Err(_) if line.trim().is_empty() => {}
                Err(_) => reading.session.torn += 1,
            }
            Ok(())
        })?;
        Ok(reading.finish())
    }

    /// The calls after event `n` up to the next prompt, ten at most: those that can be a second
    /// try of what happened there. With the places of the events.
    pub(super) fn calls_after(&self, n: usize) -> impl Iterator<Item = (usize, &Call)> {
        let rest = self.events.iter().enumerate().skip(n + 1).take(NEAR_EVENTS);
        rest.map_while(|(at, event)| Some((at, event.call()?))).take(NEAR_CALLS)
    }

    /// All calls.
    pub(super) fn calls(&self) -> impl Iterator<Item = &Call> {
        self.events.iter().filter_map(Event::call)
    }
}

/// Events after a failure among which its mend is looked for.
const NEAR_EVENTS: usize = 29;

/// Calls after a failure among which its mend is looked for.
const NEAR_CALLS: usize = 10;

/// Bytes of a line that are read; images in a line take a few million.
const LONGEST: u64 = 64 << 20;

/// Calls `each` with every line of the file at `path`, which may be compressed. Bytes that are no
/// text become replacement characters, and a line beyond all measure ends early.
pub(super) fn each_line(path: &Path, each: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let file = File::open(path)?;
    let is_gzip = path.extension().is_some_and(|extension| extension == "gz");
    let plain: Box<dyn Read> =
        if is_gzip { Box::new(MultiGzDecoder::new(BufReader::new(file))) } else { Box::new(file) };
    lines_of(BufReader::with_capacity(1 << 16, plain), LONGEST, each)
}

fn lines_of(
    mut lines: impl BufRead,
    longest: u64,
    mut each: impl FnMut(&str) -> io::Result<()>,
) -> io::Result<()> {
    let mut line = Vec::new();
    while lines.by_ref().take(longest).read_until(b'\n', &mut line)? > 0 {
        if line.len() as u64 == longest && !line.ends_with(b"\n") {
            lines.skip_until(b'\n')?;
            line.push(b'\n');
        }
        each(&String::from_utf8_lossy(&line))?;
        line.clear();
    }
    Ok(())
}

/// A transcript that is being read.
struct Reading {
    session: Session,
    cwd: Arc<str>,
    /// Places of the calls whose results have not been met, by their ids.
    pending: HashMap<String, usize>,
    /// Identifiers of the lines that were met: a resumed session repeats old ones.
    seen: HashSet<String>,
}

impl Reading {
    fn line(&mut self, line: &Map<String, Value>, number: u64) {
        if truthy(line.get("isSidechain")) {
            return;
        }
        if let Some(uuid) = text_of(line, "uuid")
            && !self.seen.insert(uuid.to_owned())
        {
            return;
        }
        let session = &mut self.session;
        if session.id.is_empty() {
            text_of(line, "sessionId").unwrap_or_default().clone_into(&mut session.id);
        }
        if session.start.is_empty() {
            text_of(line, "timestamp").unwrap_or_default().clone_into(&mut session.start);
        }
        if let Some(cwd) = text_of(line, "cwd") {
            if *self.cwd != *cwd {
                self.cwd = cwd.into();
            }
            if session.root.is_empty() {
                cwd.clone_into(&mut session.root);
            }
        }
        let Some(Value::Object(message)) = line.get("message") else { return };
        let content = message.get("content").unwrap_or(&Value::Null);
        let said = text_of(line, "type") == Some("user")
            && !truthy(line.get("isMeta"))
            && !truthy(line.get("isCompactSummary"));
        if said {
            self.prompt(content);
        }
        for block in content.as_array().into_iter().flatten().filter_map(Value::as_object) {
            match text_of(block, "type") {
                Some("tool_use") => self.call(block, number),
                Some("tool_result") => self.result(block),
                _ => {}
            }
        }
    }

    fn prompt(&mut self, content: &Value) {
        let text = joined(content, |block| text_of(block, "type") == Some("text"));
        let text = text.trim();
        if !text.is_empty() && !NO_PROMPT.iter().any(|start| text.starts_with(start)) {
            let prompt = Prompt { text: text.to_owned(), cwd: Arc::clone(&self.cwd) };
            self.session.events.push(Event::Prompt(prompt));
        }
    }

    fn call(&mut self, block: &Map<String, Value>, line: u64) {
        let input = block.get("input").and_then(Value::as_object);
        let kept = input.into_iter().flatten().filter(|(name, _)| FIELDS.contains(&name.as_str()));
        let id = text_of(block, "id").unwrap_or_default().to_owned();
        self.pending.insert(id.clone(), self.session.events.len());
        self.session.events.push(Event::Call(Call {
            tool: text_of(block, "name").unwrap_or_default().to_owned(),
            id,
            input: kept.map(|(name, value)| (name.clone(), value.clone())).collect(),
            text: String::new(),
            ok: None,
            rejected: false,
            error: String::new(),
            cwd: Arc::clone(&self.cwd),
            line,
        }));
    }

    fn result(&mut self, block: &Map<String, Value>) {
        let id = text_of(block, "tool_use_id").unwrap_or_default();
        let Some(at) = self.pending.remove(id) else { return };
        let Event::Call(call) = &mut self.session.events[at] else { return };
        let text = joined(block.get("content").unwrap_or(&Value::Null), |_| true);
        let failed = truthy(block.get("is_error"));
        call.ok = Some(!failed);
        call.rejected = REJECTED.iter().any(|start| text.starts_with(start));
        if failed {
            call.error = text.chars().take(ERROR).collect();
        }
    }

    /// The session. What calls are on is told relative to the folder in which it ended.
    fn finish(self) -> Session {
        let Self { mut session, cwd, .. } = self;
        for event in &mut session.events {
            if let Event::Call(call) = event {
                call.text = subject(call, &cwd);
            }
        }
        session
    }
}

fn subject(call: &Call, cwd: &str) -> String {
    if call.tool == "Bash" {
        return call.field("command");
    }
    if call.is_on_file() {
        return relative(&call.file(), cwd);
    }
    let fields = call
        .input
        .iter()
        .filter(|(name, _)| matches!(name.as_str(), "pattern" | "path" | "glob" | "query" | "url"));
    fields.map(|(_, value)| plain(value)).collect::<Vec<_>>().join(" ")
}

/// A home folder at the start of a path.
static HOME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(/Users|/home)/[^/]+/").expect("the pattern is valid"));

fn relative(path: &str, cwd: &str) -> String {
    let inside = path.strip_prefix(cwd.trim_end_matches('/'));
    match inside.and_then(|rest| rest.strip_prefix('/')) {
        Some(inside) => inside.to_owned(),
        None => HOME.replace(path, "").into_owned(),
    }
}

/// A value of a call's input as text.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn text_of<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// Whether a field is there and neither false, nor zero, nor empty.
fn truthy(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Bool(value)) => *value,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(fields)) => !fields.is_empty(),
    }
}

/// The text of a message's content: itself, or the texts of the blocks that `counts`, a line each.
fn joined(content: &Value, counts: impl Fn(&Map<String, Value>) -> bool) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let blocks = blocks.iter().filter_map(Value::as_object).filter(|block| counts(block));
            blocks.map(|b| text_of(b, "text").unwrap_or_default()).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_end_is_cut() {
        for (text, expected) in [
            ("ab\ncd\n", &["ab\n", "cd\n"][..]),
            ("abc\nabcd\nab", &["abc\n", "abcd\n", "ab"]),
            ("abcdefghijkl\nx\n", &["abcd\n", "x\n"]),
            ("abcdefghijkl", &["abcd\n"]),
            ("\n\n", &["\n", "\n"]),
            ("", &[]),
        ] {
            let mut found = Vec::new();
            let keep = |line: &str| {
                found.push(line.to_owned());
                Ok(())
            };
            lines_of(text.as_bytes(), 4, keep).unwrap();
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn paths_are_told_from_the_folder_or_the_home() {
        for (path, cwd, expected) in [
            ("/home/ann/shop/src/a.ts", "/home/ann/shop", "src/a.ts"),
            ("/home/ann/shop/src/a.ts", "/home/ann/shop/", "src/a.ts"),
            ("/home/ann/shops/a.ts", "/home/ann/shop", "shops/a.ts"),
            ("/Users/ben/web/a.ts", "/home/ann/shop", "web/a.ts"),
            ("/srv/web/a.ts", "/home/ann/shop", "/srv/web/a.ts"),
            ("", ".", ""),
        ] {
            assert_eq!(relative(path, cwd), expected, "{path} in {cwd}");
        }
    }
}
