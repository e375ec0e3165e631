//! Writes transcripts line by line, in the client's form.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// A transcript file that is being written.
pub(super) struct Transcript {
    out: BufWriter<File>,
    /// Where it is.
    pub(super) path: PathBuf,
    /// How many bytes it has.
    pub(super) bytes: usize,
    project: String,
    session: String,
    day: usize,
    lines: usize,
    parent: Value,
}

impl Transcript {
    /// Begins the transcript of session `number` in the folder `project`, where the client keeps it
    /// below its own folder `client`.
    pub(super) fn create(client: &Path, project: &str, number: usize) -> io::Result<Self> {
        let name = project.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let folder = client.join("projects").join(name);
        fs::create_dir_all(&folder)?;
        let project = project.to_owned();
        let session = format!("{number:08x}-0be0-4000-8000-{number:012x}");
        let path = folder.join(format!("{session}.jsonl"));
        let out = BufWriter::with_capacity(1 << 20, File::create(&path)?);
        let day = 1 + number % 28;
        Ok(Self { out, path, bytes: 0, project, session, day, lines: 0, parent: Value::Null })
    }

    /// Writes what is still held back.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Appends one line of the chain, with the fields that all of them have.
    fn chain(&mut self, mut line: Value) -> io::Result<()> {
        self.lines += 1;
        let uuid = format!("{}-{:06x}", &self.session[..30], self.lines);
        let (hour, minute, second) =
            (8 + self.lines / 3600 % 12, self.lines / 60 % 60, self.lines % 60);
        let common = json!({
            "uuid": uuid,
            "parentUuid": self.parent,
            "sessionId": self.session,
            "timestamp": format!("2026-01-{:02}T{hour:02}:{minute:02}:{second:02}.000Z", self.day),
            "cwd": self.project,
            "gitBranch": "main",
            "version": "2.1.329",
            "userType": "external",
            "isSidechain": false,
        });
        if let (Value::Object(line), Value::Object(common)) = (&mut line, common) {
            line.extend(common);
        }
        self.parent = json!(uuid);
        let text = line.to_string();
        self.bytes += text.len() + 1;
        writeln!(self.out, "{text}")
    }

    /// What the user typed.
    pub(super) fn prompt(&mut self, text: &str) -> io::Result<()> {
        self.chain(json!({
            "type": "user",
            "origin": {"kind": "human"},
            "promptSource": "typed",
            "message": {"role": "user", "content": text},
        }))
    }

    /// What the model says.
    pub(super) fn say(&mut self, text: &str) -> io::Result<()> {
        let message = format!("msg_{}_{}", &self.session[..8], self.lines);
        self.chain(json!({
            "type": "assistant",
            "message": {
                "id": message,
                "role": "assistant",
                "content": [{"type": "text", "text": text}],
                "usage": {"input_tokens": 4, "cache_read_input_tokens": 90_210, "output_tokens": 260},
            },
        }))
    }

    /// A call of `tool` and its result: what the model sees, and the client's own record of it.
    fn call(
        &mut self,
        tool: &str,
        input: &Value,
        content: &str,
        record: &Value,
        failed: bool,
    ) -> io::Result<()> {
        let call = format!("toolu_{}_{}", &self.session[..8], self.lines);
        self.chain(json!({
            "type": "assistant",
            "message": {
                "id": format!("msg_{call}"),
                "role": "assistant",
                "content": [{"type": "tool_use", "id": call, "name": tool, "input": input}],
            },
        }))?;
        self.chain(json!({
            "type": "user",
            "toolUseResult": record,
            "message": {
                "role": "user",
                "content": [{
                    "type": "tool_result",
                    "tool_use_id": call,
                    "content": content,
                    "is_error": failed,
                }],
            },
        }))
    }

    /// A shell command that worked.
    pub(super) fn ran(&mut self, command: &str, output: &str) -> io::Result<()> {
        let record = json!({"stdout": output, "stderr": "", "interrupted": false});
        self.call("Bash", &json!({"command": command}), output, &record, false)
    }

    /// A shell command that failed.
    pub(super) fn failed(&mut self, command: &str, error: &str) -> io::Result<()> {
        let record = json!(format!("Error: {error}"));
        self.call("Bash", &json!({"command": command}), error, &record, true)
    }

    /// A file that was read.
    pub(super) fn read(&mut self, file: &str, content: &str) -> io::Result<()> {
        let path = format!("{}/{file}", self.project);
        let record = json!({"type": "text", "file": {"filePath": path, "content": content}});
        self.call("Read", &json!({"file_path": path}), content, &record, false)
    }

    /// A file that was changed.
    pub(super) fn edit(&mut self, file: &str, old: &str, new: &str) -> io::Result<()> {
        let path = format!("{}/{file}", self.project);
        let input = json!({"file_path": path, "old_string": old, "new_string": new});
        let record = json!({"filePath": path, "oldString": old, "newString": new});
        let content = format!("The file {path} has been updated.");
        self.call("Edit", &input, &content, &record, false)
    }
}
