//! A home that others can write to, links and pipes planted in it: nothing is believed that others
//! may have written, nothing is written outside, and nothing waits for ever.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::process::Output;
use crate::sandbox::{Sandbox, snapshot};
use crate::transcript::Transcript;

/// What a planted link leads to must still hold this afterwards.
const THEIRS: &str = "somebody else's words\n";

/// A home that has learned something worth telling.
fn store() -> Sandbox {
    let sandbox = Sandbox::new();
    for number in [0, 1] {
        lesson(&sandbox, number);
    }
    drop(sandbox.mana(["learn"]).run().success());
    sandbox
}

fn lesson(sandbox: &Sandbox, number: u32) {
    Transcript::new(sandbox, number)
        .prompt("Never run the plughology suite, always use docker for plughology.")
        .bash("./check plughology")
        .failed(3, "error: no such suite")
        .bash("./check plughology --all")
        .ok("12 checks passed")
        .write();
}

fn event(sandbox: &Sandbox, name: &str) -> String {
    json!({
        "hook_event_name": name, "source": "startup", "cwd": sandbox.project(),
        "session_id": "00000009-5e55-4000-8000-000000000009", "transcript_path": "/t/x.jsonl",
    })
    .to_string()
}

fn told(sandbox: &Sandbox) -> String {
    let event = event(sandbox, "SessionStart");
    sandbox.mana(["inject"]).stdin(event).run().success().text()
}

fn doctor(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    sandbox.mana(["doctor"]).args(arguments).run()
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[track_caller]
fn assert_closed(home: &Path) {
    for path in snapshot(home).keys().cloned().chain([home.to_path_buf()]) {
        let found = fs::symlink_metadata(&path).unwrap();
        let wanted = if found.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(found.permissions().mode() & 0o7777, wanted, "{}", path.display());
    }
}

/// Opens everything in the home to all.
fn open_wide(home: &Path) {
    for path in snapshot(home).keys().cloned().chain([home.to_path_buf()]) {
        chmod(&path, if path.is_dir() { 0o777 } else { 0o666 });
    }
}

#[test]
fn an_open_home_is_not_believed_and_closed_by_the_next_run() {
    let sandbox = store();
    let home = sandbox.mana_home();
    assert!(told(&sandbox).contains("plughology"));
    for (at, closes) in (0_u32..).zip(["learn", "doctor --fix", "forget", "session-end"]) {
        fs::remove_dir_all(home.join("sessions")).ok();
        drop(told(&sandbox));
        open_wide(&home);
        assert_eq!(told(&sandbox), "", "{closes}");
        let report = doctor(&sandbox, &[]).code(1).text();
        assert!(report.contains("others can write to") && report.contains("--fix"), "{report}");
        match closes {
            "learn" => drop(sandbox.mana(["learn"]).run().success()),
            "doctor --fix" => drop(doctor(&sandbox, &["--fix"])),
            "session-end" => {
                lesson(&sandbox, 50 + at);
                let end = event(&sandbox, "SessionEnd");
                drop(sandbox.mana(["session-end"]).stdin(end).run().success());
                sandbox.wait_until_quiet();
            }
            _ => drop(sandbox.mana(["forget", "--session", "none"]).run().code(4)),
        }
        if closes == "forget" {
            assert_eq!(mode(&home), 0o700);
            drop(sandbox.mana(["learn"]).run().success());
        }
        assert_closed(&home);
        fs::remove_dir_all(home.join("sessions")).ok();
        assert!(told(&sandbox).contains("plughology"), "{closes}");
        assert!(doctor(&sandbox, &[]).text().contains("nobody else can write to the home"));
    }
}

#[test]
fn what_is_not_ours_to_close_stays_as_it_is() {
    let sandbox = store();
    let home = sandbox.mana_home();
    // A file with another name elsewhere, and one that is none of MANA's.
    let elsewhere = sandbox.root().join("elsewhere");
    fs::write(&elsewhere, THEIRS).unwrap();
    chmod(&elsewhere, 0o644);
    fs::create_dir_all(home.join("sessions")).unwrap();
    fs::hard_link(&elsewhere, home.join("sessions/00.log")).unwrap();
    fs::write(home.join("notes.txt"), THEIRS).unwrap();
    chmod(&home.join("notes.txt"), 0o644);
    drop(sandbox.mana(["learn"]).run().success());
    assert_eq!((mode(&elsewhere), mode(&home.join("notes.txt"))), (0o644, 0o644));
    // A home in a shared folder, by a mistake, does not shut the others out.
    chmod(&home, 0o1777);
    drop(sandbox.mana(["learn"]).run().success());
    assert_eq!(mode(&home), 0o1777);
    assert_eq!(told(&sandbox), "");
}

/// Puts a link to a file outside in the place of `name`, and returns the file.
fn plant(sandbox: &Sandbox, name: &str, there: bool) -> PathBuf {
    let (place, target) = (sandbox.mana_home().join(name), sandbox.root().join("elsewhere.txt"));
    fs::remove_file(&target).ok();
    if there {
        fs::write(&target, THEIRS).unwrap();
    }
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::remove_file(&place).ok();
    symlink(&target, &place).unwrap();
    target
}

/// Everything that writes into a home.
fn write_everything(sandbox: &Sandbox, number: u32) {
    lesson(sandbox, number);
    for name in ["SessionStart", "Stop"] {
        let verb = if name == "Stop" { "session-end" } else { "inject" };
        drop(sandbox.mana([verb]).stdin(event(sandbox, name)).run().success());
    }
    drop(sandbox.mana(["inject"]).stdin("no event").run().success());
    for arguments in [
        &["learn"][..],
        &["consolidate"],
        &["forget", "--session", "00000001-5e55-4000-8000-000000000001"],
        &["learn"],
        &["doctor", "--fix"],
        &["status"],
    ] {
        drop(sandbox.mana(arguments).run());
    }
    sandbox.wait_until_quiet();
}

#[test]
fn no_planted_link_to_a_file_is_written_through() {
    let names = [
        "metadata.sqlite",
        "metadata.sqlite-wal",
        "metadata.sqlite-shm",
        "metadata.sqlite-journal",
        "write.lock",
        "forgotten",
        "pending.log",
        "vectors.usearch",
        "daemon.lock",
        "daemon.json",
        "logs/hooks.log",
        "logs/mana.log",
        "logs/learning.jsonl",
        "logs/hooks.log.1",
        "snapshots/catalogue",
        "snapshots/1",
        "sessions/00000009-5e55-4000-8000-000000000009.log",
        "models/static.table",
        ".mana-planted.tmp",
    ];
    for (at, name) in (0_u32..).zip(names) {
        for there in [true, false] {
            let sandbox = store();
            let target = plant(&sandbox, name, there);
            write_everything(&sandbox, 100 + at);
            assert_eq!(
                fs::read_to_string(&target).ok().as_deref(),
                there.then_some(THEIRS),
                "{name}"
            );
            // What is left of it is told.
            let planted = sandbox.mana_home().join(name);
            if fs::symlink_metadata(&planted).is_ok_and(|found| found.is_symlink())
                && !name.starts_with("models")
            {
                let report = doctor(&sandbox, &[]).text();
                assert!(report.contains("symbolic link"), "{name}: {report}");
            }
        }
    }
}

#[test]
fn no_planted_link_to_a_folder_is_written_through() {
    for name in ["logs", "sessions", "snapshots"] {
        let sandbox = store();
        let place = sandbox.mana_home().join(name);
        let elsewhere = sandbox.root().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::remove_dir_all(&place).ok();
        symlink(&elsewhere, &place).unwrap();
        write_everything(&sandbox, 100);
        assert!(snapshot(&elsewhere).is_empty(), "{name}: {:?}", snapshot(&elsewhere).keys());
        let errors = sandbox.mana(["learn"]).run().code(1).errors();
        assert!(errors.contains("symbolic link") && errors.contains(name), "{errors}");
        let report = doctor(&sandbox, &[]).code(1).text();
        assert!(report.contains("symbolic link"), "{report}");
    }
}

#[test]
fn the_home_itself_may_be_a_link() {
    let sandbox = store();
    let real = sandbox.root().join("elsewhere");
    fs::rename(sandbox.mana_home(), &real).unwrap();
    symlink(&real, sandbox.mana_home()).unwrap();
    write_everything(&sandbox, 100);
    assert!(told(&sandbox).is_empty(), "it was told before");
    let found = sandbox.mana(["search", "plughology"]).run().success().text();
    assert!(found.contains("plughology"), "{found}");
    assert!(fs::metadata(real.join("metadata.sqlite")).unwrap().size() > 0);
    assert!(!doctor(&sandbox, &[]).text().contains("links"));
    // Settings may be one as well.
    let settings = sandbox.root().join("mana.toml");
    fs::write(&settings, "[inject]\nenabled = false\n").unwrap();
    symlink(&settings, real.join("config.toml")).unwrap();
    fs::remove_dir_all(real.join("sessions")).unwrap();
    assert_eq!(told(&sandbox), "");
    assert!(!doctor(&sandbox, &[]).text().contains("links"));
}

#[test]
fn a_project_cannot_have_its_settings_written_elsewhere() {
    let sandbox = Sandbox::new();
    let target = sandbox.root().join("profile");
    fs::write(&target, THEIRS).unwrap();
    let local = sandbox.project().join(".mana");
    fs::create_dir(&local).unwrap();
    symlink(&target, local.join(".gitignore")).unwrap();
    symlink(sandbox.root().join("new"), local.join("config.toml")).unwrap();
    fs::write(local.join("metadata.sqlite"), "").unwrap();
    drop(sandbox.mana(["init", "--yes", "--project", "--no-eval"]).run());
    assert_eq!(fs::read_to_string(&target).unwrap(), THEIRS);
    assert!(!sandbox.root().join("new").exists());
}

#[test]
fn pipes_and_devices_keep_nobody_waiting() {
    for name in ["models/static.table", "models/active", "models/x/config.json", "forgotten"] {
        let sandbox = store();
        let place = sandbox.mana_home().join(name);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::remove_file(&place).ok();
        assert!(Command::new("mkfifo").arg(&place).status().unwrap().success());
        lesson(&sandbox, 100);
        let prompt = json!({
            "hook_event_name": "UserPromptSubmit", "cwd": sandbox.project(), "prompt": "plughology",
            "session_id": "00000009-5e55-4000-8000-000000000009", "transcript_path": "",
        });
        let soon = Duration::from_secs(20);
        for arguments in [&["learn"][..], &["search", "plughology"], &["status"], &["doctor"]] {
            let output = sandbox.mana(arguments).limit(soon).run();
            assert!(
                name == "models/active"
                    || arguments[0] != "learn"
                    || output.success().text().contains("Read")
            );
        }
        drop(sandbox.mana(["inject"]).stdin(prompt.to_string()).limit(soon).run().success());
        assert!(told(&sandbox).contains("plughology"), "{name}");
        let report = doctor(&sandbox, &[]).text();
        assert!(report.contains("neither files nor folders"), "{name}: {report}");
    }
}

/// Only the superuser can give files away; without that right the test has nothing to look at.
#[test]
fn what_another_user_put_there_is_not_used() {
    let sandbox = store();
    if fs::metadata(sandbox.mana_home()).unwrap().uid() != 0 || !has("setpriv") {
        return;
    }
    let root = sandbox.root().to_path_buf();
    let run = |command: &str| {
        let status = Command::new("/bin/sh").args(["-c", command]).status().unwrap();
        assert!(status.success(), "{command}");
    };
    let (user, other) = (54_321, 54_322);
    run(&format!("chmod 755 {0} && chown -R {user}:{user} {0}", root.display()));
    let binary = root.join("mana");
    fs::copy(sandbox.binary(), &binary).unwrap();
    chmod(&binary, 0o755);
    let event_file = root.join("event.json");
    fs::write(&event_file, event(&sandbox, "SessionStart")).unwrap();
    chmod(&event_file, 0o644);
    let as_user = |arguments: &str| {
        let script = format!(
            "setpriv --reuid {user} --regid {user} --clear-groups {} {arguments} 2>&1; true",
            binary.display()
        );
        sandbox.shell(&script).run().success().text()
    };
    let inject = format!("inject < {}", event_file.display());
    let home = sandbox.mana_home();
    let forget = || fs::remove_dir_all(home.join("sessions")).ok();
    assert!(as_user(&inject).contains("plughology"), "the user's own home is believed");
    forget();
    run(&format!("chown -R {other} {}", home.display()));
    run(&format!("chmod -R a+rwX {}", home.display()));
    assert_eq!(as_user(&inject), "", "another user's home is not");
    assert!(as_user("learn").contains("belongs to another user"));
    assert!(as_user("doctor").contains(&format!("belongs to user {other}")));
    // The home is the user's again, and the database still the other's.
    run(&format!("chown {user} {0} && chmod 700 {0}", home.display()));
    run(&format!("chown -R {user} {}/snapshots", home.display()));
    assert!(!as_user(&inject).contains("additionalContext"));
    assert!(as_user("learn").contains("belongs to another user"));
    assert!(as_user("doctor").contains("files of others"));
    run(&format!("chown -R {user} {}", home.display()));
    assert!(as_user(&inject).contains("plughology"));
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--help").output().is_ok()
}
