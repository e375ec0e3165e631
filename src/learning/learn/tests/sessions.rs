//! Made-up sessions in the client's format.

use proptest::prelude::*;
use serde_json::{Value, json};

/// A session under construction. Every line's ids depend on the session and its number, so that
/// the same construction gives the same bytes.
#[derive(Clone, Debug)]
pub(super) struct Session {
    number: u32,
    folder: String,
    /// The lines, without what all of them have.
    lines: Vec<Value>,
}

impl Session {
    pub(super) fn new(number: u32) -> Self {
        Self { number, folder: "/home/dev/gone/app".into(), lines: Vec::new() }
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn in_folder(mut self, folder: &str) -> Self {
        for line in &mut self.lines {
            line["cwd"] = folder.into();
        }
        self.folder = folder.into();
        self
    }

    pub(super) fn id(&self) -> String {
        // Scattered, so that a later session can have the smaller id.
        let scattered = self.number.wrapping_mul(0x9e37_79b1);
        format!("{scattered:08x}-5e55-4000-8000-{:012x}", self.number)
    }

    /// The transcript's path in the client's folder of projects.
    pub(super) fn path(&self) -> String {
        format!("{}/{}.jsonl", self.folder.replace('/', "-"), self.id())
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            let mut line = line.clone();
            line["sessionId"] = self.id().into();
            text.push_str(&line.to_string());
            text.push('\n');
        }
        text
    }

    /// A session that begins with copies of the first `lines` lines of this one.
    pub(super) fn fork(&self, number: u32, lines: usize) -> Self {
        let lines = self.lines[..lines.min(self.lines.len())].to_vec();
        Self { number, folder: self.folder.clone(), lines }
    }

    fn line(mut self, mut line: Value) -> Self {
        let n = self.lines.len();
        line["uuid"] = format!("{}-{n}", self.id()).into();
        line["cwd"] = self.folder.clone().into();
        let minute = (self.number as usize * 7 + n) % 60;
        line["timestamp"] =
            format!("2025-11-{:02}T10:{minute:02}:{:02}.000Z", 1 + self.number % 20, n % 60).into();
        self.lines.push(line);
        self
    }

    pub(super) fn prompt(self, text: &str) -> Self {
        self.line(json!({"type": "user", "message": {"role": "user", "content": text}}))
    }

    fn call(self, tool: &str, input: &Value) -> (Self, String) {
        let id = format!("toolu_{}_{}", self.number, self.lines.len());
        let block = json!({"type": "tool_use", "id": id, "name": tool, "input": input});
        let line =
            json!({"type": "assistant", "message": {"role": "assistant", "content": [block]}});
        (self.line(line), id)
    }

    fn result(self, id: &str, text: &str, is_error: bool) -> Self {
        let block = json!({"type": "tool_result", "tool_use_id": id, "content": text, "is_error": is_error});
        self.line(json!({"type": "user", "message": {"role": "user", "content": [block]}}))
    }

    /// A command without a result so far.
    pub(super) fn begun(self, command: &str) -> (Self, String) {
        self.call("Bash", &json!({"command": command, "description": "Run it"}))
    }

    pub(super) fn ok(self, command: &str) -> Self {
        let (session, id) = self.begun(command);
        session.result(&id, "all is well", false)
    }

    pub(super) fn failed(self, command: &str) -> Self {
        let (session, id) = self.begun(command);
        session.result(&id, "Exit code 3\nerror: no suite selected", true)
    }

    pub(super) fn edit(self, path: &str) -> Self {
        let input = json!({"file_path": path, "old_string": "old_name", "new_string": "new_name"});
        let (session, id) = self.call("Edit", &input);
        session.result(&id, "The file has been updated.", false)
    }

    pub(super) fn read(self, path: &str, there: bool) -> Self {
        let (session, id) = self.call("Read", &json!({"file_path": path}));
        let text = if there { "1\tfn new_name() {}" } else { "File does not exist." };
        session.result(&id, text, !there)
    }

    /// A context that MANA's hook delivered.
    pub(super) fn injected(self, event: &str, pattern: &str) -> Self {
        let text = format!("[mana {pattern}] seen before");
        self.line(json!({"type": "attachment", "attachment": {
            "type": "hook_additional_context", "hookEvent": event, "toolUseID": "toolu_of_hook",
            "content": [text],
        }}))
    }
}

/// One thing that happens in a session.
#[derive(Clone, Debug)]
enum Act {
    Prompt(u8),
    Ok(u8),
    Failed(u8),
    /// A call, then another, then the first one's result.
    Interleaved(u8),
    /// A call whose result never comes.
    Open(u8),
    Edit(u8),
    Read(u8, bool),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        (0..4_u8).prop_map(Act::Prompt),
        (0..4_u8).prop_map(Act::Ok),
        (0..4_u8).prop_map(Act::Failed),
        (0..4_u8).prop_map(Act::Interleaved),
        (0..4_u8).prop_map(Act::Open),
        (0..3_u8).prop_map(Act::Edit),
        (0..3_u8, any::<bool>()).prop_map(|(n, there)| Act::Read(n, there)),
    ];
    prop::collection::vec(act, 0..10)
}

const PROMPTS: [&str; 4] = [
    "please run all the checks now",
    "no, never run the slow suite, always use the fast one",
    "rename old_name to new_name everywhere, please",
    "what is this project about?",
];
const COMMANDS: [&str; 4] = ["./check", "./check --all", "npm test", "cargo build -p app"];
const FOLDERS: [&str; 3] = ["/home/dev/gone/app", "/home/dev/gone/app/web", "/home/dev/gone/other"];

fn play(mut session: Session, acts: &[Act]) -> Session {
    for act in acts {
        session = match *act {
            Act::Prompt(n) => session.prompt(PROMPTS[n as usize]),
            Act::Ok(n) => session.ok(COMMANDS[n as usize]),
            Act::Failed(n) => session.failed(COMMANDS[n as usize]),
            Act::Interleaved(n) => {
                let (session, first) = session.begun(COMMANDS[n as usize]);
                session.failed(COMMANDS[0]).result(&first, "done", false)
            }
            Act::Open(n) => session.begun(COMMANDS[n as usize]).0,
            Act::Edit(n) => session.edit(&format!("/home/dev/gone/app/src/f{n}.rs")),
            Act::Read(n, there) => session.read(&format!("/home/dev/gone/app/src/f{n}.rs"), there),
        };
    }
    session
}

/// Up to four sessions; some of them are forks of the one before.
pub(super) fn sessions() -> impl Strategy<Value = Vec<Session>> {
    let one = (acts(), 0..FOLDERS.len(), prop::option::of(0..20_usize));
    prop::collection::vec(one, 1..5).prop_map(|all| {
        let mut sessions: Vec<Session> = Vec::new();
        for (n, (acts, folder, copied)) in all.into_iter().enumerate() {
            let number = n as u32 + 1;
            let session = match (sessions.last(), copied) {
                (Some(before), Some(lines)) => before.fork(number, lines),
                _ => Session::new(number).in_folder(FOLDERS[folder]),
            };
            sessions.push(play(session.prompt("please go on with the work"), &acts));
        }
        sessions
    })
}
