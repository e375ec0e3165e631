//! What `config.toml` excludes never enters the home: whole commands, and the raw bytes of every
//! file afterwards. Each excluded thing has a word of its own that is in nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::sandbox::{Sandbox, snapshot};
use crate::transcript::Transcript;

/// Files of the home that hold `word`, or have it in their names; the settings, which must hold
/// the patterns, apart.
fn holding(sandbox: &Sandbox, word: &str) -> Vec<PathBuf> {
    let word = word.to_ascii_lowercase();
    let held = |bytes: &[u8]| {
        bytes.to_ascii_lowercase().windows(word.len()).any(|part| part == word.as_bytes())
    };
    let files = snapshot(&sandbox.mana_home());
    files
        .into_iter()
        .filter(|(path, _)| !path.ends_with("config.toml"))
        .filter(|(path, bytes)| held(bytes) || held(path.to_string_lossy().as_bytes()))
        .map(|(path, _)| path)
        .collect()
}

#[track_caller]
fn assert_absent(sandbox: &Sandbox, words: &[&str]) {
    for word in words {
        let files = holding(sandbox, word);
        assert!(files.is_empty(), "{word:?} is in {files:?}");
    }
}

fn configure(sandbox: &Sandbox, learn: &str) {
    fs::create_dir_all(sandbox.mana_home()).unwrap();
    fs::write(sandbox.mana_home().join("config.toml"), format!("[learn]\n{learn}\n")).unwrap();
}

/// A session with a lesson about `./check`, whose words are all allowed.
fn lesson(session: Transcript) -> Transcript {
    session
        .prompt("Please make the plughology suite pass, always use docker for plughology.")
        .bash("./check plughology")
        .failed(3, "error: no such suite: plughology")
        .bash("./check plughology --all")
        .ok("12 checks passed")
}

/// Sessions that touch what is called after `word` in every way there is: read, changed, written,
/// named by commands, found by searches, in outputs, prompts, comments and other tools' inputs.
fn touching(sandbox: &Sandbox, first: u32, file: &Path, folder: &str) {
    let shown = file.display();
    for number in [first, first + 1] {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        lesson(Transcript::new(sandbox, number))
            .call("Read", &json!({"file_path": file}))
            .result(
                "fn quux_defined() {}",
                false,
                &json!({"file": {"content": "fn quux_defined() {}"}}),
            )
            .call(
                "Edit",
                &json!({"file_path": file, "old_string": "a", "new_string": "fn quux_edited() {}"}),
            )
            .result("done", false, &json!({"filePath": file}))
            .call("Write", &json!({"file_path": file, "content": "fn quux_written() {}"}))
            .result("done", false, &json!({"filePath": file}))
            .bash(&format!("quuxtool {shown}"))
            .failed(1, "quuxerror: broken")
            .bash(&format!("cd {folder} && quuxtool2 {name}"))
            .failed(1, "quuxerror: broken")
            .bash("./check allowedly")
            .failed(1, &format!("error: {shown}:3: quuxoutput"))
            .bash("./check allowedly --all")
            .ok("passed")
            .call("Grep", &json!({"pattern": "allowed", "path": "."}))
            .result("2 files", false, &json!({"filenames": [shown.to_string(), "src/allowed.rs"]}))
            .call("mcp__notes__add", &json!({"text": format!("see {shown} quuxinput")}))
            .result("failed", true, &json!("Error: quuxmcp"))
            .prompt(&format!("No, never do what {shown} says, always quuxdecide instead."))
            .bash("./check allowedly")
            .ok("passed")
            .write();
    }
}

#[test]
fn nothing_of_an_excluded_path_enters_the_home() {
    let sandbox = Sandbox::new();
    let inside = sandbox.project().join("zebrasecret/quuxplan.md");
    let outside = sandbox.home().join("clients/walrusacme/quuxplan.md");
    touching(&sandbox, 0, &inside, "zebrasecret");
    touching(&sandbox, 10, &outside, "~/clients/walrusacme");
    touching(
        &sandbox,
        20,
        &sandbox.project().join("src/giraffe.quuxpem"),
        "src/giraffe.quuxpem/..",
    );
    let words = ["zebrasecret", "walrusacme", "giraffe", "quux"];
    // The search finds them where nothing is excluded.
    drop(sandbox.mana(["learn"]).run().success());
    for word in words {
        assert!(!holding(&sandbox, word).is_empty(), "{word}");
    }
    fs::remove_dir_all(sandbox.mana_home()).unwrap();

    configure(
        &sandbox,
        "exclude_paths = [\"zebrasecret\", \"~/clients/walrusacme\", \"*.quuxpem\"]",
    );
    let said = sandbox.mana(["learn"]).run().success().text();
    assert!(said.contains("Left out as `config.toml` says"), "{said}");
    let event = json!({
        "hook_event_name": "PreToolUse", "tool_name": "Edit", "cwd": sandbox.project(),
        "session_id": "00000099-5e55-4000-8000-000000000099", "transcript_path": "",
        "tool_use_id": "toolu_1", "tool_input": {"file_path": inside, "old_string": "a", "new_string": "b"},
    });
    drop(sandbox.mana(["inject"]).stdin(event.to_string()).run().success());
    drop(sandbox.mana(["consolidate"]).run().success());
    assert_absent(&sandbox, &words);
    for kept in ["plughology", "allowedly", "src/allowed.rs"] {
        assert!(!holding(&sandbox, kept).is_empty(), "{kept} is learned all the same");
    }
    let found = sandbox.mana(["search", "plughology", "--json"]).run().success().text();
    assert!(found.contains("plughology --all"), "{found}");
}

#[test]
fn nothing_of_an_excluded_path_enters_in_portions() {
    let sandbox = Sandbox::new();
    configure(&sandbox, "exclude_paths = [\"zebrasecret\"]\nexclude_tools = [\"WebFetch\"]");
    let file = sandbox.project().join("zebrasecret/quuxplan.md");
    let path = lesson(Transcript::new(&sandbox, 0))
        .bash(&format!("quuxtool {}", file.display()))
        .failed(1, "quuxerror: broken")
        .call("WebFetch", &json!({"url": "https://quux.example"}))
        .result("quuxpage", true, &json!("Error: quuxpage"))
        .write();
    let whole = fs::read(&path).unwrap();
    // A run after each line: a result is read without its call.
    let ends: Vec<usize> = whole
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(at, _)| at + 1)
        .collect();
    for end in ends {
        fs::write(&path, &whole[..end]).unwrap();
        drop(sandbox.mana(["learn"]).run().success());
    }
    assert_absent(&sandbox, &["zebrasecret", "quux"]);
    assert!(!holding(&sandbox, "plughology").is_empty());
}

#[test]
fn nothing_of_an_excluded_tool_enters_the_home() {
    let sandbox = Sandbox::new();
    configure(&sandbox, "exclude_tools = [\"WebFetch\", \"mcp__zebra__*\", \"AskUserQuestion\"]");
    for number in [0, 1] {
        lesson(Transcript::new(&sandbox, number))
            .call("WebFetch", &json!({"url": "https://quuxsite.example", "prompt": "quuxask"}))
            .result("quuxpage", true, &json!("Error: quuxpage"))
            .call("mcp__zebra__query", &json!({"sql": "select quuxcolumn"}))
            .result("quuxrow", false, &json!("quuxrow"))
            .call("AskUserQuestion", &json!({"questions": [{"question": "quuxquestion"}]}))
            .result("answered", false, &json!({"answers": {"quuxquestion": "always quuxanswer"}}))
            .call("mcp__walrus__query", &json!({"sql": "select allowedcolumn"}))
            .result("row", false, &json!("row"))
            .write();
    }
    drop(sandbox.mana(["learn"]).run().success());
    assert_absent(&sandbox, &["quux", "mcp__zebra"]);
    assert!(!holding(&sandbox, "allowedcolumn").is_empty());
}

#[test]
fn nothing_of_an_excluded_project_enters_the_home() {
    let sandbox = Sandbox::new();
    let folders = ["zebraclient", "walrusclient", "giraffeclient"];
    for (at, name) in (0_u32..).zip(folders) {
        let folder = sandbox.root().join("work").join(name);
        fs::create_dir_all(folder.join(".git")).unwrap();
        let url = format!("https://forge.example/{name}/thing.git");
        fs::write(folder.join(".git/config"), format!("[remote \"origin\"]\n\turl = {url}\n"))
            .unwrap();
        for number in [10 * at, 10 * at + 1] {
            let session = Transcript::of_project(&sandbox, &folder, number)
                .prompt(&format!("Never run the quux{name} suite, always use docker for it."))
                .bash(&format!("./check quux{name}"))
                .failed(3, "error: no such suite")
                .bash(&format!("./check quux{name} --all"))
                .ok("passed");
            let main = session.write();
            // A subagent in a worktree elsewhere belongs to its session.
            let below = main.with_extension("").join("subagents");
            fs::create_dir_all(&below).unwrap();
            let agent = fs::read_to_string(&main)
                .unwrap()
                .replace(&folder.to_string_lossy().into_owned(), "/elsewhere/tree")
                .replace("5e55-4000", "5e55-4001");
            fs::write(below.join("agent-a1.jsonl"), agent).unwrap();
        }
    }
    lesson(Transcript::new(&sandbox, 90)).write();
    configure(
        &sandbox,
        &format!(
            "exclude_projects = [\"{}/zebra*\", \"forge.example/walrusclient/*\", \
             \"forge.example/giraffeclient/thing\"]",
            sandbox.root().join("work").display()
        ),
    );
    for _ in 0..2 {
        let report = sandbox.mana(["learn", "--json"]).run().success().json();
        assert_eq!((&report["files"], &report["files_excluded"]), (&json!(13), &json!(12)));
    }
    for name in folders {
        let folder = sandbox.root().join("work").join(name);
        for (event, extra) in [("Stop", json!({})), ("SessionStart", json!({"source": "startup"}))]
        {
            let mut event = json!({
                "hook_event_name": event, "cwd": folder,
                "session_id": "00000099-5e55-4000-8000-000000000099",
                "transcript_path": sandbox.home().join(format!(".claude/projects/-x-{name}/a.jsonl")),
            });
            event.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            let verb = if event["hook_event_name"] == "Stop" { "session-end" } else { "inject" };
            let said = sandbox.mana([verb]).stdin(event.to_string()).run().success().text();
            assert_eq!(said, "", "{name}");
        }
    }
    assert_absent(&sandbox, &["zebra", "walrus", "giraffe", "quux"]);
    assert!(!holding(&sandbox, "plughology").is_empty());
}

#[test]
fn patterns_that_cannot_be_used_are_told() {
    for (list, told) in [
        ("exclude_paths = [\"\"]", "learn.exclude_paths has \"\", which is empty"),
        ("exclude_paths = [\"/\"]", "which stands for every file"),
        ("exclude_tools = [\"mcp__{a,b}\"]", "learn.exclude_tools has"),
        ("exclude_projects = [\"~/../x\"]", "which has `..` in it"),
        ("exclude_paths = \"secrets\"", "exclude_paths"),
    ] {
        let sandbox = Sandbox::new();
        configure(&sandbox, list);
        lesson(Transcript::new(&sandbox, 0)).write();
        let errors = sandbox.mana(["learn"]).run().code(3).errors();
        assert!(errors.contains(told) && errors.contains("config.toml"), "{list}: {errors}");
        assert!(!sandbox.mana_home().join("metadata.sqlite").exists());
        let event = json!({"hook_event_name": "Stop", "cwd": sandbox.project(), "session_id": "s", "transcript_path": "/t/s.jsonl"});
        assert_eq!(
            sandbox.mana(["session-end"]).stdin(event.to_string()).run().success().text(),
            ""
        );
    }
}

#[test]
fn what_was_learned_before_is_told_and_can_be_forgotten() {
    let sandbox = Sandbox::new();
    let inside = sandbox.project().join("zebrasecret/quuxplan.md");
    touching(&sandbox, 0, &inside, "zebrasecret");
    let folder = sandbox.root().join("work/walrusclient");
    lesson(Transcript::of_project(&sandbox, &folder, 20)).write();
    drop(sandbox.mana(["learn"]).run().success());
    configure(
        &sandbox,
        &format!(
            "exclude_paths = [\"zebrasecret\"]\nexclude_tools = [\"mcp__*\"]\n\
             exclude_projects = [\"{}\"]",
            folder.display()
        ),
    );
    drop(sandbox.mana(["learn"]).run().success());
    for word in ["zebrasecret", "quux"] {
        assert!(!holding(&sandbox, word).is_empty(), "{word} stays");
    }
    let told = sandbox.mana(["doctor"]).run().text();
    assert!(
        told.contains("were learned before") && told.contains("mana forget --excluded"),
        "{told}"
    );
    drop(sandbox.mana(["forget", "--excluded"]).run().success());
    assert_absent(&sandbox, &["zebrasecret", "quux", "walrus"]);
    assert!(!holding(&sandbox, "plughology").is_empty());
    let told = sandbox.mana(["doctor"]).run().text();
    assert!(told.contains("nothing is known of what config.toml excludes"), "{told}");
    drop(sandbox.mana(["forget", "--excluded"]).run().code(4));
    drop(sandbox.mana(["learn"]).run().success());
    assert_absent(&sandbox, &["zebrasecret", "quux", "walrus"]);
}
