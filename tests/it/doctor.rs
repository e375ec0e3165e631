//! `mana doctor` as a person meets it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;
use serde_json::Value;

use crate::sandbox::Sandbox;
use crate::transcript::Transcript;

fn installed() -> Sandbox {
    let sandbox = Sandbox::new();
    for number in 1..=2 {
        Transcript::new(&sandbox, number)
            .prompt("Please run the checks")
            .bash("./check")
            .failed(3, "error: no suite selected")
            .bash("./check --all")
            .ok("12 checks passed")
            .write();
    }
    let _installed = sandbox.mana(["init", "--yes"]).run().success();
    sandbox
}

/// The states of the findings about `about`.
fn states<'a>(told: &'a Value, about: &str) -> Vec<&'a str> {
    let findings = told["findings"].as_array().expect("there are findings");
    let about = findings.iter().filter(|finding| finding["about"] == about);
    about.map(|finding| finding["state"].as_str().expect("it has one")).collect()
}

#[test]
fn all_is_well_after_init() {
    let sandbox = installed();
    let told = sandbox.mana(["doctor", "--deep", "--json"]).run().success().json();
    for about in ["hooks", "home", "permissions", "database", "snapshots", "learning", "daemon"] {
        assert_eq!(states(&told, about), ["good"], "{about}: {told:#}");
    }
    let text = sandbox.mana(["doctor"]).run().success().text();
    assert!(text.contains("ok   snapshots    hooks are answered from them"), "{text}");
}

#[test]
fn nothing_installed_and_nothing_learned_is_said() {
    let sandbox = Sandbox::new();
    let output = sandbox.mana(["doctor"]).run().code(1);
    assert!(output.text().contains("`mana init` installs the hooks"), "{output:?}");
    assert!(output.errors().contains("1 problem was found"), "{output:?}");
    assert!(!sandbox.mana_home().exists(), "looking makes nothing");
}

#[test]
fn what_is_wrong_is_found_and_mended() {
    let sandbox = installed();
    let home = sandbox.mana_home();
    let settings = sandbox.settings();
    let text = fs::read_to_string(&settings).expect("init wrote them");
    let binary = sandbox.binary().display().to_string();
    fs::write(&settings, text.replace(&binary, "/gone/mana")).expect("they are ours");
    fs::set_permissions(home.join("metadata.sqlite"), PermissionsExt::from_mode(0o644)).unwrap();
    fs::remove_file(home.join("snapshots/catalogue")).expect("learning wrote it");

    let told = sandbox.mana(["doctor", "--json"]).run().code(1).json();
    assert_eq!(states(&told, "hooks"), ["problem"], "{told:#}");
    assert_eq!(states(&told, "permissions"), ["warning"], "{told:#}");
    assert_eq!(states(&told, "snapshots"), ["warning"], "{told:#}");
    assert_eq!(fs::read_to_string(&settings).unwrap(), text.replace(&binary, "/gone/mana"));

    let told = sandbox.mana(["doctor", "--fix", "--json"]).run().success().json();
    assert_eq!(told["mended"].as_array().map(Vec::len), Some(3), "{told:#}");
    for about in ["hooks", "permissions", "snapshots"] {
        assert_eq!(states(&told, about), ["good"], "{about}: {told:#}");
    }
    assert_eq!(fs::read_to_string(&settings).unwrap(), text);
    let mode = fs::metadata(home.join("metadata.sqlite")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn settings_that_the_client_cannot_read_are_named() {
    let sandbox = installed();
    for (case, text) in [("no JSON", "{ bad"), ("another shape", r#"{"hooks": []}"#)] {
        fs::write(sandbox.settings(), text).expect("they are ours");
        let output = sandbox.mana(["doctor"]).run().code(1);
        let told = output.text();
        assert!(told.contains("settings.json: line 1"), "{case}: {told}");
        assert!(!told.contains("`mana init` installs"), "{case}: it would refuse: {told}");
    }
}

#[test]
fn settings_that_silence_hooks_are_told() {
    let sandbox = installed();
    let config = sandbox.mana_home().join("config.toml");
    for (text, expected) in [
        ("[inject]\nenabled = false\n", Some("`inject.enabled` is off")),
        ("[inject]\nholdout = 10\n", Some("everything is held back")),
        ("[inject]\nholdout = 0.2\n", None),
    ] {
        fs::write(&config, text).expect("the home is ours");
        // An empty value counts as none: the sandbox turns holding back off.
        let told = sandbox.mana(["doctor"]).env("MANA_HOLDOUT", "").run().success().text();
        assert_eq!(told.contains("hooks say nothing"), expected.is_some(), "{text}: {told}");
        assert!(told.contains(expected.unwrap_or("config.toml is understood")), "{text}: {told}");
    }
}

/// A number that is none is ignored, and a person can find out.
#[test]
fn numbers_in_the_environment_that_are_none_are_told() {
    let sandbox = installed();
    let share = "a share from 0 to 1";
    let seconds = "a whole number of seconds, 1 or more";
    for (name, value, expected) in [
        ("MANA_HOLDOUT", "ten", Some(share)),
        ("MANA_HOLDOUT", "10", Some(share)),
        ("MANA_HOLDOUT", "NaN", Some(share)),
        ("MANA_HOLDOUT", "1", None),
        ("MANA_LEARN_INTERVAL", "abc", Some(seconds)),
        ("MANA_LEARN_INTERVAL", "5m", Some(seconds)),
        ("MANA_LEARN_INTERVAL", "0", Some(seconds)),
        ("MANA_LEARN_INTERVAL", "60", None),
        ("MANA_LEARN_INTERVAL", "", None),
        ("MANA_CONSOLIDATE_INTERVAL", "-1", Some(seconds)),
        ("MANA_CONSOLIDATE_INTERVAL", "1", None),
    ] {
        let line = expected.map(|expected| {
            format!("{name} is `{value}`, which is ignored: it has to be {expected}")
        });
        let mana = |verb: &str| sandbox.mana([verb]).env(name, value);
        let status = mana("status").run().success();
        assert_eq!(status.errors().lines().count(), usize::from(line.is_some()), "{status:?}");
        assert!(status.errors().starts_with(line.as_deref().unwrap_or("")), "{status:?}");
        let doctor = mana("doctor").run().success();
        assert_eq!(doctor.errors(), "");
        let told = doctor.text().contains(&format!("{name} is `{value}`, which is ignored"));
        assert_eq!(told, line.is_some(), "{doctor:?}");
        // A hook goes on, and only its log says so.
        let log = sandbox.mana_home().join("logs/hooks.log");
        let _before = fs::remove_file(&log);
        let event = serde_json::json!({
            "session_id": format!("s-{name}-{value}"), "hook_event_name": "SessionStart", "source": "startup",
            "transcript_path": sandbox.home().join("x.jsonl"), "cwd": sandbox.project(),
        });
        let hook = mana("inject").stdin(event.to_string()).run().success();
        assert_eq!(hook.errors(), "");
        let held_back = (name, value) == ("MANA_HOLDOUT", "1");
        let is_chance = name == "MANA_HOLDOUT" && expected.is_some();
        assert!(is_chance || hook.text().is_empty() == held_back, "{name}={value}: {hook:?}");
        let logged = fs::read_to_string(&log).unwrap_or_default();
        assert_eq!(logged.contains("which is ignored"), line.is_some(), "{logged}");
    }
}

/// `hooks/claude-code.json` calls a bare `mana`: all is well as long as that is this one.
#[test]
fn hooks_that_were_copied_are_fine_where_the_path_leads_here() {
    let sandbox = Sandbox::with_own_binary();
    let copied = include_str!("../../hooks/claude-code.json");
    fs::write(sandbox.settings(), copied).expect("the home is ours");
    let hooks = |path: &str| {
        let told = sandbox.mana(["doctor", "--json"]).env("PATH", path).run().json();
        let hooks = told["findings"].as_array().unwrap().iter();
        let hooks = hooks.filter(|finding| finding["about"] == "hooks");
        hooks.map(|hook| hook["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    let root = sandbox.root().display().to_string();
    for folder in ["other", "copy", "none"] {
        fs::create_dir(sandbox.root().join(folder)).expect("the sandbox is ours");
    }
    fs::copy(sandbox.binary(), sandbox.root().join("copy/mana")).expect("the sandbox is ours");
    let _other = sandbox.script("../../other/mana", "exit 0");
    for (path, state) in [
        (format!("{root}/none:{root}/bin"), "good"),
        (format!("{root}/copy"), "good"),
        (format!("{root}/other:{root}/bin"), "warning"),
        (format!("{root}/none"), "warning"),
    ] {
        assert_eq!(hooks(&path), state, "{path}");
    }
    // A part of them is not all of them.
    fs::write(sandbox.settings(), copied.replace("SubagentStart", "Other")).expect("it is ours");
    assert_eq!(hooks(&format!("{root}/bin")), "warning");
}

#[test]
fn one_file_that_others_can_read_is_told_without_a_number() {
    let sandbox = installed();
    let path = sandbox.mana_home().join("metadata.sqlite");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    let text = sandbox.mana(["doctor"]).run().success().text();
    let told = format!("others can read or write {}\n", path.display());
    assert!(text.contains(&told), "{text}");
}

#[test]
fn a_damaged_database_is_set_aside_and_filled_again() {
    let sandbox = installed();
    let database = sandbox.mana_home().join("metadata.sqlite");
    let mut bytes = fs::read(&database).expect("learning wrote it");
    let middle = bytes.len() / 2;
    bytes[4_096..middle].fill(0x5a);
    fs::write(&database, bytes).expect("it is ours");
    let told = sandbox.mana(["doctor", "--json"]).run().code(1).json();
    assert_eq!(states(&told, "database"), ["problem"], "{told:#}");
    let _mended = sandbox.mana(["doctor", "--fix"]).run();
    let aside = fs::read_dir(sandbox.mana_home())
        .unwrap()
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("metadata.sqlite.damaged-"));
    assert!(aside, "nothing of it is thrown away");
    let _learned = sandbox.mana(["learn"]).run().success();
    let told = sandbox.mana(["doctor", "--deep", "--json"]).run().success().json();
    assert_eq!(states(&told, "database"), ["good"], "{told:#}");
    assert_eq!(states(&told, "disk"), ["warning", "good"], "what was set aside is named: {told:#}");
    let _found = sandbox.wait_until_found("check", "--all");
}

#[test]
fn damage_that_only_a_check_finds_is_set_aside_under_a_name_that_is_told() {
    let sandbox = installed();
    let database = sandbox.mana_home().join("metadata.sqlite");
    let root = Connection::open(&database)
        .unwrap()
        .query_row("SELECT rootpage FROM sqlite_master WHERE name = 'touches'", [], |row| {
            row.get::<_, i64>(0)
        })
        .unwrap();
    let root = usize::try_from(root).expect("pages have numbers");
    let mut bytes = fs::read(&database).expect("learning wrote it");
    bytes[(root - 1) * 4_096..root * 4_096].fill(0x5a);
    fs::write(&database, bytes).expect("it is ours");
    let told = sandbox.mana(["doctor", "--json"]).run().code(1).json();
    let findings = told["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["about"] == "database").unwrap();
    assert!(finding["fix"].as_str().is_some_and(|fix| fix.contains("aside")), "{told:#}");
    let told = sandbox.mana(["doctor", "--fix", "--json"]).run().success().json();
    let done = told["mended"].to_string();
    assert!(done.contains("/metadata.sqlite.damaged-"), "{told:#}");
    assert_eq!(states(&told, "database"), ["good"], "{told:#}");
    let text = sandbox.mana(["doctor"]).run().success().text();
    assert!(text.contains("nothing has been learned yet"), "{text}");
    let _learned = sandbox.mana(["learn"]).run().success();
    let _found = sandbox.wait_until_found("check", "--all");
}

#[test]
fn a_header_of_noise_is_damage_and_no_newer_version() {
    let sandbox = installed();
    let database = sandbox.mana_home().join("metadata.sqlite");
    let intact = fs::read(&database).expect("learning wrote it");
    // The format of the schema alone, and all from the counter of changes on.
    for noise in [44..48, 24..88] {
        let mut bytes = intact.clone();
        bytes[noise].fill(0x5a);
        fs::write(&database, bytes).expect("it is ours");
        let told = sandbox.mana(["doctor", "--json"]).run().code(1).json();
        assert!(told.to_string().contains("set the damaged database aside"), "{told:#}");
        let learned = sandbox.mana(["learn"]).run().success();
        assert!(learned.errors().contains("metadata.sqlite.damaged-"), "{learned:?}");
        let told = sandbox.mana(["doctor", "--json"]).run().success().json();
        assert_eq!(states(&told, "database"), ["good"], "{told:#}");
    }
}

#[test]
fn settings_that_cannot_be_used_or_mean_nothing_are_told() {
    let sandbox = installed();
    let config = sandbox.mana_home().join("config.toml");
    let said = |state: &str, what: &str, environment: &[(&str, &str)]| {
        let mut mana = sandbox.mana(["doctor", "--json"]);
        for (name, value) in environment {
            mana = mana.env(name, value);
        }
        let told = mana.run().json();
        let findings = told["findings"].as_array().unwrap();
        let found = findings.iter().any(|finding| {
            finding["state"] == state
                && finding["says"].as_str().unwrap().contains(what)
                && finding["advice"].is_string() == (state != "good")
        });
        assert!(found, "{what}: {told:#}");
    };
    fs::write(&config, "[learn]\nexclude_path = [\"secrets\"]\n[log]\nlevel = \"info\"\n").unwrap();
    said("warning", "has no effect: learn.exclude_path", &[]);
    fs::write(&config, "[learn]\nexclude_paths = [\"secrets\"]\n").unwrap();
    said("good", "config.toml is understood", &[]);
    said("warning", "`loud` is no level", &[("MANA_LOG", "loud")]);
    said(
        "warning",
        "nothing is logged: /nonexistent/logs",
        &[("MANA_LOG_DIR", "/nonexistent/logs")],
    );
    said("problem", "MANA_HOME is some/home: hooks do nothing", &[("MANA_HOME", "some/home")]);

    // Whatever else is wrong is told as well, a daemon can be ended, and MANA can be removed.
    let _started = sandbox.mana(["daemon", "start"]).run().success();
    for broken in ["[learn", "[learn]\nexclude_tools = [\"\"]\n"] {
        fs::write(&config, broken).unwrap();
        said("problem", "config.toml", &[]);
        said("good", "nobody else can write to the home", &[]);
        let status = sandbox.mana(["daemon", "status", "--json"]).run().success().json();
        assert_eq!(status["running"], true);
        drop(sandbox.mana(["learn"]).run().code(3));
    }
    let _stopped = sandbox.mana(["daemon", "stop"]).run().success();
    let removed = sandbox.mana(["uninstall"]).run().success();
    assert!(removed.text().contains("Removed"), "{removed:?}");
}

#[test]
fn how_hooks_ended_is_read_from_the_transcripts() {
    let sandbox = installed();
    let hook = |kind: &str, took: u64| {
        serde_json::json!({"type": kind, "hookEvent": "PreToolUse", "hookName": "PreToolUse:Bash",
            "command": format!("{} inject", sandbox.binary().display()), "durationMs": took})
    };
    Transcript::new(&sandbox, 3)
        .prompt("Please run the checks")
        .attachment(&hook("hook_success", 7))
        .attachment(&hook("hook_success", 9))
        .attachment(&hook("hook_cancelled", 5_000))
        .write();
    let text = sandbox.mana(["doctor"]).run().success().text();
    assert!(text.contains("PreToolUse: 2 runs, 7 ms in the median"), "{text}");
    assert!(text.contains("0 runs of mana's hooks failed and 1 were cancelled"), "{text}");
}
