//! Writes transcripts as Claude Code writes them: the same line types, fields and order, with
//! the boilerplate that a reader has to step over.

#![allow(dead_code, reason = "each of the two test binaries uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::sandbox::Sandbox;

/// The client version that the lines claim.
const VERSION: &str = "2.1.329";

/// A transcript under construction: each call appends the lines of one thing that happened.
pub(crate) struct Transcript {
    session: String,
    folder: PathBuf,
    cwd: String,
    lines: Vec<String>,
    parent: Value,
    clock: DateTime<Utc>,
    /// The last tool call: its id, and the line that made it.
    call: (String, String),
}

impl Transcript {
    /// Session number `number` in `sandbox`'s project. A higher number is a later session; all
    /// of them lie within the last days.
    pub(crate) fn new(sandbox: &Sandbox, number: u32) -> Self {
        Self::of_project(sandbox, &sandbox.project(), number)
    }

    /// The same in the project at `cwd`, which need not exist on this disk.
    pub(crate) fn of_project(sandbox: &Sandbox, cwd: &Path, number: u32) -> Self {
        let cwd = cwd.to_string_lossy().into_owned();
        let encoded: String =
            cwd.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let age = TimeDelta::days(2) - TimeDelta::minutes(i64::from(number % 2_000));
        Self {
            session: format!("{number:08x}-5e55-4000-8000-{number:012x}"),
            folder: sandbox.home().join(".claude/projects").join(encoded),
            cwd,
            lines: Vec::new(),
            parent: Value::Null,
            clock: Utc::now() - age,
            call: Default::default(),
        }
    }

    /// The same as if the machine's clock had stood at `clock`.
    pub(crate) fn at(mut self, clock: DateTime<Utc>) -> Self {
        self.clock = clock;
        self
    }

    /// The session's id.
    pub(crate) fn session(&self) -> &str {
        &self.session
    }

    /// Where the transcript lies once written.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.jsonl", self.session))
    }

    /// The user types `text`.
    pub(crate) fn prompt(mut self, text: &str) -> Self {
        let queued = |operation: &str| json!({"type": "queue-operation", "operation": operation, "sessionId": self.session});
        let (enqueue, dequeue) = (queued("enqueue"), queued("dequeue"));
        self.push(&enqueue);
        self.push(&dequeue);
        self.chain(json!({
            "type": "user",
            "message": {"role": "user", "content": text},
            "promptId": format!("prompt-{}", self.lines.len()),
            "permissionMode": "default",
            "promptSource": "typed",
            "turnOrigin": "human",
            "origin": {"kind": "human"},
        }));
        self.attachment(
            &json!({"type": "skill_listing", "content": "- init: documents a codebase"}),
        )
    }

    /// The assistant says `text`.
    pub(crate) fn say(mut self, text: &str) -> Self {
        let block = json!({"type": "text", "text": text});
        self.assistant(&block, "end_turn");
        self
    }

    /// The assistant calls `tool` with `input`.
    pub(crate) fn call(mut self, tool: &str, input: &Value) -> Self {
        let id = format!("toolu_{}{:04}", &self.session[..8], self.lines.len());
        let block = json!({"type": "tool_use", "id": id, "name": tool, "input": input});
        let line = self.assistant(&block, "tool_use");
        self.call = (id, line);
        self
    }

    /// The assistant calls Bash with `command`.
    pub(crate) fn bash(self, command: &str) -> Self {
        self.call("Bash", &json!({"command": command, "description": "Run it"}))
    }

    /// The last call succeeded and printed `output`.
    pub(crate) fn ok(self, output: &str) -> Self {
        let structured =
            json!({"stdout": output, "stderr": "", "interrupted": false, "isImage": false});
        self.result(output, false, &structured)
    }

    /// The last call was a command that printed `output` and exited with `code`.
    pub(crate) fn failed(self, code: i32, output: &str) -> Self {
        let content = format!("Exit code {code}\n{output}");
        let structured = json!(format!("Error: {content}"));
        self.result(&content, true, &structured)
    }

    /// The last call's result, as the model saw it and as the client keeps it.
    pub(crate) fn result(mut self, content: &str, is_error: bool, structured: &Value) -> Self {
        let (id, line) = self.call.clone();
        self.chain(json!({
            "type": "user",
            "message": {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": id, "content": content, "is_error": is_error},
            ]},
            "toolUseResult": structured,
            "sourceToolAssistantUUID": line,
        }));
        self
    }

    /// A system line, such as the turn's duration or a compaction boundary.
    pub(crate) fn system(mut self, subtype: &str) -> Self {
        self.chain(json!({"type": "system", "subtype": subtype, "level": "suggestion"}));
        self
    }

    /// Something that the client attached, such as a hook's record.
    pub(crate) fn attachment(mut self, attachment: &Value) -> Self {
        self.chain(json!({"type": "attachment", "attachment": attachment}));
        self
    }

    /// `line` as it is, whatever it holds.
    pub(crate) fn raw(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// Writes the file and returns its path.
    pub(crate) fn write(self) -> PathBuf {
        let path = self.path();
        fs::create_dir_all(&self.folder).expect("the home is ours");
        fs::write(&path, self.lines.join("\n") + "\n").expect("the home is ours");
        path
    }

    /// Appends an assistant line with one block and returns its uuid.
    fn assistant(&mut self, block: &Value, stop: &str) -> String {
        let number = self.lines.len();
        self.chain(json!({
            "type": "assistant",
            "message": {
                "id": format!("msg_{}{number:04}", &self.session[..8]),
                "type": "message", "role": "assistant", "model": "claude-opus-5-5",
                "content": [block], "stop_reason": stop, "stop_sequence": null,
                "usage": {"input_tokens": 10, "output_tokens": 10},
            },
            "apiBlockIndex": 0,
            "effort": "medium",
        }))
    }

    /// Appends `line` with the fields of the conversation's chain and returns its uuid.
    fn chain(&mut self, mut line: Value) -> String {
        self.clock += TimeDelta::seconds(1);
        let uuid = format!("{}-0000-4000-9000-{:012x}", &self.session[..8], self.lines.len() + 1);
        let common = json!({
            "parentUuid": self.parent,
            "isSidechain": false,
            "uuid": uuid,
            "timestamp": self.clock.to_rfc3339_opts(SecondsFormat::Millis, true),
            "userType": "external",
            "entrypoint": "cli",
            "cwd": self.cwd,
            "sessionId": self.session,
            "version": VERSION,
            "gitBranch": "HEAD",
        });
        if let (Value::Object(line), Value::Object(common)) = (&mut line, common) {
            line.extend(common);
        }
        self.push(&line);
        self.parent = json!(uuid);
        uuid
    }

    /// Appends `line`.
    fn push(&mut self, line: &Value) {
        self.lines.push(line.to_string());
    }
}
