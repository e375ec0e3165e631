//! The commands as a person meets them: help, mistakes in the arguments, and an install that can
//! be undone.

use std::fs;

use crate::sandbox::{Sandbox, snapshot, strings};
use crate::transcript::Transcript;

/// Every command that a person may type.
const VERBS: &[&str] = &[
    "init",
    "uninstall",
    "inject",
    "session-end",
    "learn",
    "status",
    "stats",
    "eval",
    "tune",
    "search",
    "show",
    "consolidate",
    "skills",
    "review",
    "doctor",
    "daemon",
    "forget",
    "model",
    "demo",
];

/// The transcript of a session that fails once and finds what works.
fn stumble(sandbox: &Sandbox) -> Transcript {
    Transcript::new(sandbox, 1)
        .prompt("Please run the checks")
        .bash("./check")
        .failed(3, "error: no suite selected")
        .bash("./check --all")
        .ok("12 checks passed")
}

#[test]
fn help_is_there_for_every_command() {
    let sandbox = Sandbox::new();
    let help = sandbox.mana(["--help"]).run().success().text();
    for verb in VERBS {
        assert!(help.contains(verb), "the help does not list {verb}:\n{help}");
        let output = sandbox.mana([verb, "--help"]).run().success();
        assert!(output.text().contains("Usage: mana"), "{verb}: {output:?}");
        assert!(output.stderr.is_empty(), "{verb}: {output:?}");
    }
    assert!(!sandbox.mana_home().exists(), "asking for help makes a home");
}

#[test]
fn version_is_the_package_version() {
    let output = Sandbox::new().mana(["--version"]).run().success();
    assert_eq!(output.text().trim(), format!("mana {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn mistakes_in_the_arguments_are_exit_code_2() {
    let sandbox = Sandbox::new();
    for arguments in
        [&["no-such-command"][..], &["status", "--no-such-option"], &["search"], &["show"]]
    {
        let output = sandbox.mana(arguments).run().code(2);
        assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
        assert!(output.errors().contains("Usage: mana"), "{arguments:?}: {output:?}");
    }
}

#[test]
fn what_was_learned_can_be_searched_and_shown() {
    let sandbox = Sandbox::new();
    stumble(&sandbox).write();
    let _output = sandbox.mana(["learn"]).run().success();
    let found = sandbox.wait_until_found("check", "./check --all");
    let shown = strings(&found).into_iter().any(|id| {
        let output = sandbox.mana(["show", id, "--json"]).run();
        output.code == Some(0) && output.text().contains("./check --all")
    });
    assert!(shown, "no string of the search's answer is an id that `show` knows: {found}");
    let _status = sandbox.mana(["status", "--json"]).run().success().json();
}

#[test]
fn learning_twice_changes_nothing() {
    let sandbox = Sandbox::new();
    stumble(&sandbox).write();
    let _output = sandbox.mana(["learn"]).run().success();
    let first = sandbox.mana(["search", "check", "--json"]).run().success().json();
    let _output = sandbox.mana(["learn"]).run().success();
    let second = sandbox.mana(["search", "check", "--json"]).run().success().json();
    assert_eq!(first, second);
}

#[test]
fn the_demo_shows_the_loop_and_keeps_nothing() {
    let sandbox = Sandbox::new();
    let output = sandbox.mana(["demo"]).run().success();
    let text = output.text();
    let shown: Vec<&str> = text.lines().filter(|line| line.starts_with("  > ")).collect();
    assert!(shown.iter().any(|line| line.contains("[mana ")), "{output:?}");
    assert!(shown.iter().any(|line| line.contains("npm run build:packages")), "{output:?}");
    assert!(shown.iter().any(|line| line.contains("against staging")), "{output:?}");
    assert!(!sandbox.mana_home().exists(), "the demo makes a home");
    assert!(snapshot(&sandbox.root().join("tmp")).is_empty(), "the demo leaves its samples");
    let _json = sandbox.mana(["demo", "--json"]).run().success().json();
}

#[test]
fn the_status_names_the_settings_with_the_hooks() {
    let sandbox = Sandbox::with_own_binary();
    let status = || sandbox.mana(["status", "--json"]).run().success().json();
    assert_eq!(status()["hooks_installed"], false);
    let _output = sandbox.mana(["init", "--yes", "--project"]).run().success();
    let project = sandbox.project().join(".claude/settings.json");
    assert_eq!(strings(&status()["hooks"]), [project.to_string_lossy().as_ref()]);
    let _output = sandbox.mana(["init", "--yes"]).run().success();
    assert_eq!(strings(&status()["hooks"]).len(), 2);
    // In the home the two are one file.
    let at_home = sandbox.mana(["status", "--json"]).current_dir(sandbox.home()).run();
    let user = sandbox.settings();
    assert_eq!(strings(&at_home.success().json()["hooks"]), [user.to_string_lossy().as_ref()]);
}

#[test]
fn a_result_that_is_lost_is_a_failure_and_a_reader_that_leaves_is_none() {
    let sandbox = Sandbox::new();
    stumble(&sandbox).write();
    let _output = sandbox.mana(["learn"]).run().success();
    let mut commands = vec!["status", "search check", "search check --json"];
    if sandbox.mana(["export", "--help"]).run().code == Some(0) {
        commands.push("export -");
    }
    for command in commands {
        let full = sandbox.shell(&format!("\"$MANA\" {command} >/dev/full")).run().code(1);
        assert!(full.errors().contains("standard output cannot be written"), "{full:?}");
        // A pipe of which no reader is left.
        let left =
            format!("rm -f pipe; mkfifo pipe; exec 4<>pipe 5>pipe 4<&-; \"$MANA\" {command} >&5");
        let left = sandbox.shell(&left).run().success();
        assert!(!left.errors().contains("cannot be written"), "{command}: {left:?}");
    }
}

/// Settings as people write them: their own order, indentation, hooks and unknown keys.
const SETTINGS: &str = r#"{
    "zebra": {"kept": [1, 2.50, "\u00e9"]},
    "model": "opus",
    "hooks": {
        "PreToolUse": [
            { "matcher": "Bash", "hooks": [ { "type": "command", "command": "~/bin/guard.sh" } ] }
        ],
        "Notification": [{"hooks": [{"type": "command", "command": "notify", "args": ["-q"]}]}]
    },
    "permissions": { "allow": [] }
}"#;

#[test]
fn init_can_be_repeated_and_undone() {
    for (case, settings) in [
        ("people's own", SETTINGS.to_owned()),
        ("with a final line end", format!("{SETTINGS}\n")),
        ("with Windows line ends", SETTINGS.replace('\n', "\r\n")),
        ("an empty object", "{}\n".to_owned()),
        ("without hooks", "{\n\t\"model\": \"opus\"\n}\n".to_owned()),
    ] {
        let sandbox = Sandbox::new();
        fs::write(sandbox.settings(), &settings).expect("the home is ours");
        let read = || fs::read_to_string(sandbox.settings()).expect("the settings are there");

        let _output = sandbox.mana(["init", "--dry-run"]).run().success();
        assert_eq!(read(), settings, "{case}: a dry run writes");
        let _output = sandbox.mana(["init", "--yes"]).run().success();
        let installed = read();
        assert_ne!(installed, settings, "{case}: init installs nothing");
        assert!(installed.contains("SessionStart"), "{case}: {installed}");
        let _output = sandbox.mana(["init", "--yes"]).run().success();
        assert_eq!(read(), installed, "{case}: a second init changes something");
        let _output = sandbox.mana(["uninstall"]).run().success();
        assert_eq!(read(), settings, "{case}: uninstall leaves a trace");
    }
}

#[test]
fn init_makes_settings_where_there_are_none() {
    let sandbox = Sandbox::new();
    let _output = sandbox.mana(["init", "--yes"]).run().success();
    let settings = fs::read(sandbox.settings()).expect("init has written them");
    let settings: serde_json::Value = serde_json::from_slice(&settings).expect("they are JSON");
    assert!(settings["hooks"]["SessionStart"].is_array(), "{settings}");
    assert_eq!(snapshot(&sandbox.project()).len(), 0);
}

#[test]
fn broken_settings_are_refused_and_kept() {
    let sandbox = Sandbox::new();
    let broken = "{\n  \"model\": \"opus\",\n  \"hooks\": {,}\n}\n";
    fs::write(sandbox.settings(), broken).expect("the home is ours");
    let output = sandbox.mana(["init", "--yes"]).run();
    assert!(output.code.is_some_and(|code| code != 0), "{output:?}");
    assert!(output.errors().contains('3'), "the line is not named: {output:?}");
    assert_eq!(fs::read_to_string(sandbox.settings()).expect("they are there"), broken);
}

#[test]
fn json_is_one_value() {
    let sandbox = Sandbox::new();
    let transcript = Transcript::new(&sandbox, 1).prompt("Please look around").bash("ls").ok("a");
    transcript.write();
    for arguments in
        [&["init", "--dry-run"][..], &["init"], &["learn"], &["status"], &["demo"], &["uninstall"]]
    {
        let output = sandbox.mana(arguments.iter().chain(&["--json"])).run().success();
        assert!(output.json().is_object() || output.json().is_array(), "{arguments:?}: {output:?}");
    }
}

#[test]
fn damaged_lines_are_named_with_their_file() {
    let sandbox = Sandbox::new();
    let transcript = Transcript::new(&sandbox, 1).prompt("Please look around").bash("ls").ok("a");
    let path = transcript.write();
    let text = fs::read_to_string(&path).expect("it was just written");
    fs::write(&path, format!("{{torn\n{text}")).expect("the home is ours");
    let output = sandbox.mana(["learn"]).run().success();
    let name = format!("{}:1: ", path.display());
    assert!(output.errors().contains(&name), "{output:?}");
}

/// Neither the same words nor a new reading of the session bring a forgotten item back.
#[test]
fn what_was_forgotten_stays_forgotten() {
    let sandbox = Sandbox::new();
    let path = Transcript::new(&sandbox, 1)
        .prompt("Please run the checks")
        .bash("./check")
        .failed(3, "error: no suite selected")
        .bash("./check --all")
        .ok("12 checks passed")
        .write();
    let _output = sandbox.mana(["learn"]).run().success();
    let found = sandbox.mana(["search", "suite", "--json"]).run().success().json();
    let id = found[0]["id"].as_str().expect("the fix is found").to_owned();
    let _output = sandbox.mana(["forget", &id]).run().success();
    let next = r#"{"type":"user","uuid":"5e55","message":{"role":"user","content":"Thank you"}}"#;
    let text = fs::read_to_string(&path).expect("it was just written");
    fs::write(&path, format!("{text}{next}\n")).expect("the home is ours");
    let _output = sandbox.mana(["learn"]).run().success();
    let _nothing = sandbox.mana(["show", &id]).run().code(4);
    let found = sandbox.mana(["search", "suite", "--json"]).run().text();
    assert!(!found.contains(&id), "{found}");
}

/// The list of a user's own homes is one, whatever home the command that adds to it works on.
#[test]
fn a_project_inside_a_project_has_a_home_of_its_own() {
    let sandbox = Sandbox::new();
    let inner = sandbox.project().join("inner");
    fs::create_dir(&inner).expect("the project is ours");
    let home = |folder: &std::path::Path| {
        let status = sandbox.mana(["status", "--json"]).current_dir(folder).run().success().json();
        std::path::PathBuf::from(status["home"].as_str().unwrap_or_default())
    };
    for folder in [sandbox.project(), inner] {
        let init = sandbox.mana(["init", "--project", "--yes"]).current_dir(&folder);
        let _output = init.run().success();
        assert_eq!(home(&folder), folder.join(".mana"));
    }
}

#[test]
fn a_file_that_is_not_there_is_nothing_found() {
    let sandbox = Sandbox::new();
    stumble(&sandbox).write();
    let _learned = sandbox.mana(["learn"]).run().success();
    let mut commands = vec!["learn", "eval", "tune"];
    if sandbox.mana(["import", "--help"]).run().code == Some(0) {
        commands.extend(["import", "export - --encrypted --key-file"]);
    }
    for command in commands {
        let failed = sandbox.shell(&format!("\"$MANA\" {command} /gone")).run().code(4);
        assert!(failed.errors().starts_with("mana: there is no /gone\n"), "{command}: {failed:?}");
    }
}

/// A home of a project's own knows that project, and nothing of the user's others.
#[test]
fn a_home_of_a_project_learns_sessions_of_that_project() {
    let sandbox = Sandbox::new();
    let (project, elsewhere) = (sandbox.project(), sandbox.root().join("elsewhere"));
    let config = "[remote \"origin\"]\n\turl = https://git.example/team/app.git\n";
    for checkout in [project.join(".git"), elsewhere.join("clone/.git")] {
        fs::create_dir_all(&checkout).expect("the sandbox is ours");
        fs::write(checkout.join("config"), config).expect("the sandbox is ours");
    }
    let folders = [
        (project.clone(), "check-project"),
        (project.join("packages/gone"), "check-below"),
        (elsewhere.join("clone"), "check-clone"),
        // Names that begin alike, and one that is the same.
        (sandbox.root().join("work/project-2"), "check-beside"),
        (elsewhere.join("project"), "check-namesake"),
    ];
    for ((folder, command), number) in folders.iter().zip(1..) {
        let _path = Transcript::of_project(&sandbox, folder, number)
            .prompt("Please run the checks")
            .bash(&format!("./{command}"))
            .failed(3, "error: no suite selected")
            .bash(&format!("./{command} --all"))
            .ok("12 checks passed")
            .write();
    }
    let known = || -> Vec<&str> {
        let knows = |command: &str| {
            let found = sandbox.mana(["search", "--all", command, "--json"]).run().success();
            found.text().contains(&format!("./{command} --all"))
        };
        folders.iter().map(|(_, command)| *command).filter(|command| knows(command)).collect()
    };
    let init = ["init", "--project", "--yes", "--no-eval"];
    fs::create_dir(sandbox.root().join("new")).expect("the sandbox is ours");
    let none = sandbox.mana(init).current_dir(sandbox.root().join("new")).run().success();
    assert!(none.text().contains("no transcripts of this project in "), "{none:?}");
    let init = sandbox.mana(init).args(["--json"]).run().success();
    assert_eq!(init.json()["learned"]["files"], 3, "{init:?}");
    let of_project = ["check-project", "check-below", "check-clone"];
    assert_eq!(known(), of_project);
    // Later runs go by the same rule; a path that is named is learned.
    let again = sandbox.mana(["learn", "--json"]).run().success().json();
    assert_eq!((&again["files"], &again["files_read"]), (&3.into(), &0.into()), "{again}");
    let named = Transcript::of_project(&sandbox, &folders[3].0, 4).path();
    let _learned = sandbox.mana(["learn".as_ref(), named.as_os_str()]).run().success();
    assert_eq!(known()[3], "check-beside");
    // The user's own home is for all projects.
    let own = sandbox.mana(["learn", "--json"]).current_dir(sandbox.home()).run().success();
    assert_eq!(own.json()["files"], 5);
}

#[test]
fn a_file_says_when_it_is_named() {
    let sandbox = Sandbox::new();
    let path = sandbox.write("src/prices.rs", "fn total() {}\n");
    let edit = serde_json::json!({
        "file_path": path, "old_string": "fn total()", "new_string": "fn total(cart: &Cart)",
    });
    for number in 1..3 {
        let _path = Transcript::new(&sandbox, number)
            .prompt("Round the total of the cart to whole cents")
            .call("Edit", &edit)
            .result("The file has been updated.", false, &serde_json::json!({}))
            .write();
    }
    let _learned = sandbox.mana(["learn"]).run().success();
    let database = rusqlite::Connection::open(sandbox.mana_home().join("metadata.sqlite")).unwrap();
    let id: String = database
        .query_row("SELECT lower(hex(uid)) FROM files WHERE path = 'src/prices.rs'", [], |row| {
            row.get(0)
        })
        .unwrap();
    let text = sandbox.mana(["show", &id]).run().success().text();
    for expected in [
        "src/prices.rs\n",
        "changed in 2 episodes and only read in 0 episodes",
        "shown     0 times, held back 0 times",
        "now       named at a prompt",
        "  \"Round the total of the cart to whole cents\" led to changes",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let shown = sandbox.mana(["show", &id, "--json"]).run().success().json();
    assert_eq!((&shown["kind"], &shown["shown"]), (&"place".into(), &0.into()), "{shown}");
    assert!(shown["now"].as_str().unwrap().starts_with("named at a prompt"), "{shown}");
}
