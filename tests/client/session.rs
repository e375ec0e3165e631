//! One session of the real client against a scripted API, and what it showed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::api::{Api, Script};
use crate::process::{self, Input, Output};
use crate::sandbox::{Sandbox, strings};

/// How long one session may take; it needs about a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// One `claude -p` about to run.
#[must_use = "nothing happens before .run()"]
pub(crate) struct Session<'a> {
    client: &'a Path,
    sandbox: &'a Sandbox,
    folder: PathBuf,
    prompt: String,
    arguments: Vec<String>,
    script: Script,
}

impl<'a> Session<'a> {
    /// A session of `client` in the project of `sandbox` that starts with `prompt`.
    pub(crate) fn new(client: &'a Path, sandbox: &'a Sandbox, prompt: &str) -> Self {
        Self {
            client,
            sandbox,
            folder: sandbox.project(),
            prompt: prompt.to_owned(),
            arguments: Vec::new(),
            script: Vec::new(),
        }
    }

    /// The assistant's turns. Those of a continued session count on from its earlier ones.
    pub(crate) fn script(mut self, script: Script) -> Self {
        self.script = script;
        self
    }

    /// One more argument for the client.
    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Runs the session to its end, in an environment of the sandbox's own: a dummy key, the
    /// scripted API, and nothing that would leave the machine.
    #[track_caller]
    pub(crate) fn run(self) -> Finished {
        let before = transcripts(self.sandbox);
        let api = Api::start(self.script).expect("loopback has a free port");
        let mut command = Command::new(self.client);
        command
            .args(["-p", &self.prompt])
            .args(["--permission-mode", "bypassPermissions", "--output-format", "json"])
            .args(&self.arguments)
            .current_dir(&self.folder)
            .env_clear()
            .envs(self.sandbox.environment())
            .env("ANTHROPIC_BASE_URL", api.url())
            .env("ANTHROPIC_API_KEY", "dummy");
        for name in [
            "IS_SANDBOX",
            "DISABLE_AUTOUPDATER",
            "DISABLE_TELEMETRY",
            "DISABLE_ERROR_REPORTING",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
        ] {
            command.env(name, "1");
        }
        let output = process::run(&mut command, Input::Empty, PATIENCE);
        let written = transcripts(self.sandbox)
            .into_iter()
            .filter(|(path, bytes)| before.iter().all(|old| (&old.0, &old.1) != (path, bytes)))
            .map(|(path, _)| path)
            .collect();
        Finished { output, requests: api.requests(), transcripts: written }
    }
}

/// A finished session.
#[must_use = "assert on what the session showed"]
#[derive(Debug)]
pub(crate) struct Finished {
    /// What the client printed and its exit code.
    pub(crate) output: Output,
    /// The bodies of the main conversation's requests, in order.
    pub(crate) requests: Vec<Value>,
    /// The transcripts that the session wrote or continued.
    pub(crate) transcripts: Vec<PathBuf>,
}

/// A hook's context that was found in a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Delivered {
    /// Counted from 0, the first request that carried it.
    pub(crate) request: usize,
    /// The hook's event, such as `PreToolUse`.
    pub(crate) event: String,
    /// The text, as the hook gave it.
    pub(crate) text: String,
}

impl Finished {
    /// Asserts that the client ended well and said `result` last, and returns the session.
    #[track_caller]
    pub(crate) fn said(self, result: &str) -> Self {
        assert_eq!(self.output.code, Some(0), "{:?}", self.output);
        assert_eq!(self.output.json()["result"], result, "{:?}", self.output);
        self
    }

    /// Every hook context that reached the model, in order.
    ///
    /// The transcript says what a hook gave, exactly; the requests show whether the model got
    /// it. A context counts only when some request holds it behind the hook's name.
    pub(crate) fn delivered(&self) -> Vec<Delivered> {
        let lines: Vec<Value> = self
            .transcripts
            .iter()
            .flat_map(|path| lines(path))
            .filter(|line| line["attachment"]["type"] == "hook_additional_context")
            .collect();
        let mut delivered: Vec<Delivered> = Vec::new();
        for attachment in lines.iter().map(|line| &line["attachment"]) {
            let name = attachment["hookName"].as_str().unwrap_or_default();
            let event = attachment["hookEvent"].as_str().unwrap_or_default();
            for text in strings(&attachment["content"]) {
                let wanted = format!("{name} hook additional context: {text}");
                let holds = |body: &Value| {
                    strings(&body["messages"]).iter().any(|string| string.contains(&wanted))
                };
                if let Some(request) = self.requests.iter().position(holds) {
                    let (event, text) = (event.to_owned(), text.to_owned());
                    delivered.push(Delivered { request, event, text });
                }
            }
        }
        delivered
    }

    /// The texts that reached the model from hooks of `event`, joined.
    pub(crate) fn heard_at(&self, event: &str) -> String {
        let texts = self.delivered().into_iter().filter(|context| context.event == event);
        texts.map(|context| context.text).collect::<Vec<_>>().join("\n")
    }

    /// Whether any text of any request's conversation holds `text`.
    pub(crate) fn mentions(&self, text: &str) -> bool {
        self.requests
            .iter()
            .any(|body| strings(&body["messages"]).iter().any(|string| string.contains(text)))
    }

    /// The records of hooks that failed, timed out or blocked, as the transcript keeps them.
    pub(crate) fn hook_faults(&self) -> Vec<Value> {
        let faults =
            ["hook_non_blocking_error", "hook_blocking_error", "hook_cancelled", "hook_error"];
        self.transcripts
            .iter()
            .flat_map(|path| lines(path))
            .map(|mut line| line["attachment"].take())
            .filter(|attachment| faults.iter().any(|fault| attachment["type"] == *fault))
            .collect()
    }
}

/// Every main transcript of the sandbox's home with its size.
fn transcripts(sandbox: &Sandbox) -> Vec<(PathBuf, u64)> {
    let folders = fs::read_dir(sandbox.home().join(".claude/projects")).into_iter().flatten();
    folders
        .flatten()
        .flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten().flatten())
        .filter(|file| file.path().extension().is_some_and(|extension| extension == "jsonl"))
        .map(|file| (file.path(), file.metadata().map_or(0, |metadata| metadata.len())))
        .collect()
}

/// The lines of a transcript that are JSON.
fn lines(path: &Path) -> Vec<Value> {
    let bytes = fs::read(path).unwrap_or_default();
    bytes
        .split(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect()
}
