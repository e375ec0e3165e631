//! `mana export` and `mana import`: from one home to another, by file.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::sandbox::Sandbox;
use crate::transcript::Transcript;

const SECRET: &str = "AKIAIOSFODNN7EXAMQLE";
const PASSPHRASE: &str = "correct horse battery staple";

/// A machine on which running `./check-WORD` failed twice and `--all` mended it.
fn learned(word: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    learn(&sandbox, 0, word);
    sandbox
}

fn learn(sandbox: &Sandbox, first: u32, word: &str) {
    for number in [first, first + 1] {
        Transcript::new(sandbox, number)
            .prompt(&format!("Please make the {word} checks pass"))
            .bash(&format!("./check-{word}"))
            .failed(3, &format!("error: no such suite: {word}"))
            .bash(&format!("./check-{word} --all"))
            .ok("12 checks passed")
            .write();
    }
    drop(sandbox.mana(["learn"]).run().success());
}

/// A machine that learned something else in a project of the same name.
fn another() -> Sandbox {
    let sandbox = Sandbox::new();
    for number in [0, 1] {
        Transcript::new(&sandbox, number)
            .prompt("Install what is needed")
            .bash("npm ci")
            .failed(1, "npm ERR! code EACCES plughology")
            .bash("npm ci --prefix out")
            .ok("added 12 packages")
            .write();
    }
    drop(sandbox.mana(["learn"]).run().success());
    sandbox
}

/// What a hook says when `./check-WORD` has failed.
pub(crate) fn told(sandbox: &Sandbox, word: &str) -> String {
    let event = json!({
        "hook_event_name": "PostToolUseFailure", "cwd": sandbox.project(), "tool_name": "Bash",
        "tool_use_id": "toolu_1", "tool_input": {"command": format!("./check-{word}")},
        "error": format!("Exit code 3\nerror: no such suite: {word}"), "transcript_path": "",
        "session_id": "00000009-5e55-4000-8000-000000000009",
    });
    // Each time as in a session that was told nothing.
    let _absent = fs::remove_dir_all(sandbox.mana_home().join("sessions"));
    sandbox.mana(["inject"]).stdin(event.to_string()).run().success().text()
}

fn exported(sandbox: &Sandbox, options: &[&str]) -> PathBuf {
    let path = sandbox.root().join("exported");
    let arguments = ["export"].iter().chain(options).map(|a| (*a).to_owned());
    let arguments = arguments.chain([path.display().to_string()]);
    drop(sandbox.mana(arguments).env("MANA_SYNC_KEY", PASSPHRASE).run().success());
    path
}

fn import(sandbox: &Sandbox, file: &std::path::Path, options: &[&str]) -> Value {
    let arguments = ["--json", "import"].iter().chain(options).map(|a| (*a).to_owned());
    let arguments = arguments.chain([file.display().to_string()]);
    sandbox.mana(arguments).env("MANA_SYNC_KEY", PASSPHRASE).run().success().json()
}

fn waiting(sandbox: &Sandbox) -> Vec<Value> {
    let listed = sandbox.mana(["--json", "review", "list", "--all"]).run().success().json();
    listed.as_array().unwrap().clone()
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

#[test]
fn what_is_imported_waits_for_approval() {
    for form in [&[][..], &["--encrypted"][..]] {
        let (author, reader) = (learned("quuxodrome"), another());
        assert!(told(&author, "quuxodrome").contains("--all"));
        let file = exported(&author, form);
        let dry = import(&reader, &file, &["--merge", "--dry-run"]);
        assert!(dry["changes"]["new"].as_u64() > Some(0), "{dry}");
        assert!(waiting(&reader).is_empty(), "a dry run changes nothing");
        let done = import(&reader, &file, &["--merge"]);
        assert_eq!(done["changes"], dry["changes"]);
        let items = waiting(&reader);
        assert!(!items.is_empty());
        assert!(!told(&reader, "quuxodrome").contains("quuxodrome"));
        let ids: Vec<&str> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
        let arguments = ["review", "approve"].into_iter().chain(ids);
        drop(reader.mana(arguments).run().success());
        let said = told(&reader, "quuxodrome");
        assert!(said.contains("quuxodrome --all"), "{said}");
        let again = import(&reader, &file, &["--merge"]);
        assert_eq!(again["changes"]["new"], 0);
        assert_eq!(again["changes"]["same"], again["patterns"]);
        assert!(waiting(&reader).is_empty(), "what was approved stays so");
    }
}

#[test]
fn a_trusted_device_needs_no_approval() {
    let (author, reader) = (learned("quuxodrome"), another());
    let done = import(&reader, &exported(&author, &[]), &["--merge"]);
    let device = done["device"].as_str().unwrap();
    assert_eq!(done["trust"], "unknown");
    drop(reader.mana(["sync", "peer", "trust", device]).run().success());
    assert!(waiting(&reader).is_empty());
    assert!(told(&reader, "quuxodrome").contains("quuxodrome --all"));
    learn(&author, 10, "snarkology");
    let done = import(&reader, &exported(&author, &[]), &["--merge"]);
    assert_eq!(done["trust"], "trusted");
    assert!(told(&reader, "snarkology").contains("snarkology --all"));
}

#[test]
fn a_fresh_home_waits_for_the_project() {
    let author = learned("quuxodrome");
    let reader = Sandbox::new();
    let file = exported(&author, &[]);
    let dry = import(&reader, &file, &["--dry-run"]);
    assert!(!reader.mana_home().exists(), "a dry run makes no home");
    let done = import(&reader, &file, &[]);
    assert_eq!(done["changes"], dry["changes"]);
    assert!(done["changes"]["waiting"].as_u64() > Some(0), "{done}");
    learn(&reader, 0, "plughology");
    // Not without --merge, now that something was learned here.
    let refused = reader.mana([std::ffi::OsStr::new("import"), file.as_os_str()]).run().code(1);
    assert!(refused.errors().contains("--merge"), "{}", refused.errors());
    drop(import(&reader, &file, &["--merge"]));
    assert!(!waiting(&reader).is_empty());
}

#[test]
fn a_plain_file_holds_nothing_of_the_machine() {
    let author = learned("quuxodrome");
    for number in [10, 11] {
        Transcript::new(&author, number)
            .prompt("Never deploy with the old key, always use the vault")
            .bash(&format!("./deploy --key {SECRET} {}/out", author.project().display()))
            .failed(3, &format!("error: {}/out: no such bucket", author.project().display()))
            .bash(&format!("./deploy --all {}", author.home().display()))
            .ok("deployed")
            .write();
    }
    drop(author.mana(["learn"]).run().success());
    let bytes = fs::read(exported(&author, &[])).unwrap();
    assert!(holds(&bytes, "quuxodrome") && holds(&bytes, "deploy"));
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let root = author.root().display().to_string();
    for word in [SECRET, &root, &author.home().display().to_string(), "/home/", "/tmp/", "/root/"] {
        assert!(!holds(&bytes, word), "{word} in {}", String::from_utf8_lossy(&bytes));
    }
    assert!(host.trim().len() < 4 || !holds(&bytes, host.trim()));
}

#[test]
fn a_sealed_file_shows_no_word_and_opens_to_the_passphrase_only() {
    let (author, reader) = (learned("quuxodrome"), another());
    let file = exported(&author, &["--encrypted"]);
    let bytes = fs::read(&file).unwrap();
    for word in ["quuxodrome", "check", "suite", "fix", "Bash"] {
        assert!(!holds(&bytes, word), "{word}");
    }
    let path = file.display().to_string();
    let arguments = ["import", "--merge", path.as_str()];
    let wrong = reader.mana(arguments).env("MANA_SYNC_KEY", "wrong").run().code(1);
    assert!(wrong.errors().contains("passphrase is not the right one"), "{}", wrong.errors());
    let none = reader.mana(arguments).run().code(3);
    assert!(none.errors().contains("needs a passphrase"), "{}", none.errors());
    assert!(waiting(&reader).is_empty());
    let key_file = reader.write("key", format!("{PASSPHRASE}\n"));
    let key_file = key_file.display().to_string();
    let arguments = ["import", "--merge", "--key-file", &key_file, &path];
    drop(reader.mana(arguments).run().success());
    assert!(!waiting(&reader).is_empty());
}

#[test]
fn nothing_of_a_file_that_is_cut_is_used() {
    let (author, reader) = (learned("quuxodrome"), another());
    for form in [&[][..], &["--encrypted"][..]] {
        let file = exported(&author, form);
        let bytes = fs::read(&file).unwrap();
        let cuts = [1, 9, 40, bytes.len() / 2, bytes.len() - 1];
        for at in cuts {
            let cut = reader.write("cut", &bytes[..at]);
            let cut = cut.display().to_string();
            let run = reader.mana(["import", "--merge", &cut]).env("MANA_SYNC_KEY", PASSPHRASE);
            let errors = run.run().code(1).errors();
            assert!(errors.contains("cut off"), "{at}: {errors}");
        }
    }
    assert!(waiting(&reader).is_empty());
    let devices = reader.mana(["--json", "sync", "peer", "list"]).run().success().json();
    assert_eq!(devices, json!([]));
}

#[test]
fn each_fault_of_a_file_has_its_own_error() {
    let (author, reader) = (learned("quuxodrome"), another());
    let plain = fs::read(exported(&author, &[])).unwrap();
    let sealed = fs::read(exported(&author, &["--encrypted"])).unwrap();
    let with = |bytes: &[u8], at: usize, byte: u8| {
        let mut bytes = bytes.to_vec();
        bytes[at] = byte;
        bytes
    };
    let flipped = |bytes: &[u8], at: usize| with(bytes, at, bytes[at] ^ 1);
    let text = String::from_utf8(plain.clone()).unwrap();
    let newer = text.replacen("\"version\":1", "\"version\":7", 1).into_bytes();
    let unsigned = text.replacen("\"created\":1", "\"created\":2", 1).into_bytes();
    for (bytes, error) in [
        (flipped(&plain, plain.len() - 20), "damaged, or somebody changed it"),
        (flipped(&sealed, sealed.len() - 20), "damaged, or somebody changed it"),
        // The key box: its salt makes another key of the passphrase.
        (flipped(&sealed, 14 + 130), "damaged, or somebody changed it"),
        (newer, "of version 7"),
        (with(&sealed, 9, 7), "of version 7"),
        (unsigned, "signature is not that of the device"),
        (b"hello\n".to_vec(), "no file that `mana export` wrote"),
        (Vec::new(), "no file that `mana export` wrote"),
    ] {
        let file = reader.write("faulty", &bytes).display().to_string();
        let run = reader.mana(["import", "--merge", &file]).env("MANA_SYNC_KEY", PASSPHRASE);
        let errors = run.run().code(1).errors();
        assert!(errors.contains(error), "{error}: {errors}");
        assert!(errors.contains("Nothing of it was used"), "{errors}");
    }
    assert!(waiting(&reader).is_empty());
    let devices = reader.mana(["--json", "sync", "peer", "list"]).run().success().json();
    assert_eq!(devices, json!([]));
}

#[test]
fn a_file_that_was_imported_before_is_told_as_such() {
    for form in [&[][..], &["--encrypted"][..]] {
        let (author, reader) = (learned("quuxodrome"), another());
        let earlier = reader.write("earlier", fs::read(exported(&author, form)).unwrap());
        let first = import(&reader, &earlier, &["--merge"]);
        assert_eq!((&first["nothing_new"], &first["older"]), (&json!(false), &json!(false)));
        let again = import(&reader, &earlier, &["--merge"]);
        assert_eq!((&again["nothing_new"], &again["older"]), (&json!(true), &json!(false)));
        let path = earlier.display().to_string();
        let run = reader.mana(["import", "--merge", &path]).env("MANA_SYNC_KEY", PASSPHRASE);
        let said = run.run().success().text();
        assert!(said.contains("Nothing in it is new"), "{said}");
        assert!(!said.contains("waits for approval"), "{said}");
        // What its device learned since then stands when the old file comes once more.
        learn(&author, 10, "snarkology");
        let later = import(&reader, &exported(&author, form), &["--merge"]);
        assert_eq!(later["nothing_new"], false);
        let items = waiting(&reader);
        assert_eq!(import(&reader, &earlier, &["--merge"])["nothing_new"], true);
        assert_eq!(waiting(&reader), items);
    }
}

#[test]
fn the_way_through_a_pipe_is_the_same() {
    let (author, reader) = (learned("quuxodrome"), another());
    let file = author.mana(["export", "-"]).run().success().stdout;
    let done = reader.mana(["--json", "import", "--merge", "-"]).stdin(file).run().success();
    assert!(done.json()["changes"]["new"].as_u64() > Some(0));
    drop(author.mana(["--json", "export", "-"]).run().code(1));
}

#[test]
fn only_what_was_asked_for_leaves() {
    let author = learned("quuxodrome");
    let path = author.root().join("out");
    let path = path.display().to_string();
    let dry = author.mana(["--json", "export", "--dry-run", &path]).run().success().json();
    assert!(!fs::exists(&path).unwrap() && !author.mana_home().join("sync").exists());
    let texts: Vec<&str> = dry["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["text"].as_str().unwrap())
        .collect();
    assert!(texts.iter().any(|text| text.contains("quuxodrome")), "{texts:?}");
    drop(author.mana(["export", "--kind", "decision", &path]).run().code(4));
    drop(author.mana(["export", "--project", "nowhere", &path]).run().code(4));
    drop(author.mana(["export", "--kind", "skill", &path]).run().code(2));
    fs::write(
        author.mana_home().join("sync.toml"),
        "[sync.sharing]\nprivate_projects = [\"project\"]\n",
    )
    .unwrap();
    let name = author.project().file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(name, "project");
    drop(author.mana(["export", &path]).run().code(4));
    assert!(!fs::exists(&path).unwrap());
    drop(Sandbox::new().mana(["export", &path]).run().code(4));
}
