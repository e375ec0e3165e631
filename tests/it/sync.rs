//! `mana sync`: two homes over a bare repository.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::archive::told;
use crate::sandbox::{Sandbox, snapshot};
use crate::transcript::Transcript;

const PASSPHRASE: &str = "correct horse battery staple";

/// A remote that holds nothing.
fn remote(sandbox: &Sandbox) -> PathBuf {
    let path = sandbox.root().join("remote.git");
    let made = Command::new("git").args(["init", "--quiet", "--bare"]).arg(&path).status();
    assert!(made.unwrap().success());
    path
}

/// A machine that knows the project, and learned of it that `./check-WORD` needs `--all`.
fn learned(word: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    learn(&sandbox, word);
    sandbox
}

/// Learns of the project that `./check-WORD` needs `--all`.
fn learn(sandbox: &Sandbox, word: &str) {
    let first = word.bytes().fold(0, |sum: u32, byte| sum * 31 % 9973 + u32::from(byte)) * 2;
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

fn sync(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let all = ["--json", "sync"].iter().chain(arguments);
    sandbox.mana(all).env("MANA_SYNC_KEY", PASSPHRASE).run().success().json()
}

fn join(sandbox: &Sandbox, remote: &std::path::Path) -> Value {
    sync(sandbox, &["init", "--url", remote.to_str().unwrap()])
}

fn make_a_team(sandbox: &Sandbox) {
    let path = sandbox.mana_home().join("sync.toml");
    let text = fs::read_to_string(&path).unwrap();
    let team =
        text.replace("visibility = \"private\"", "visibility = \"team\"\nteam_id = \"ours\"");
    assert_ne!(text, team);
    fs::write(path, team).unwrap();
}

#[test]
fn own_machines_help_each_other_at_once_and_the_remote_reads_nothing() {
    let (one, other) = (learned("quuxodrome"), learned("plughology"));
    let remote = remote(&one);
    assert_eq!(join(&one, &remote)["joined"], false);
    assert_eq!(join(&other, &remote)["joined"], true);
    assert!(sync(&one, &[])["pushed_records"].as_u64() > Some(0));
    assert!(sync(&other, &[])["patterns"].as_u64() > Some(0));
    let said = told(&other, "quuxodrome");
    assert!(said.contains("./check-quuxodrome --all"), "{said}");
    drop(sync(&one, &["pull"]));
    assert!(told(&one, "plughology").contains("./check-plughology --all"));
    // What git wrote into the home is for this user alone, as all else in it.
    let doctor = one.mana(["doctor", "--json"]).run().json();
    let findings = doctor["findings"].as_array().unwrap();
    let rights = findings.iter().find(|finding| finding["about"] == "permissions").unwrap();
    assert_eq!(rights["state"], "good", "{rights}");
    // The second time nothing is new.
    let again = sync(&one, &[]);
    assert_eq!((&again["pushed_records"], &again["pulled_segments"]), (&json!(0), &json!(0)));
    assert_eq!(again["alarms"], json!([]));
    for (path, bytes) in snapshot(&remote) {
        for word in ["quuxodrome", "plughology", "check-"] {
            let found = bytes.windows(word.len()).any(|part| part == word.as_bytes());
            assert!(!found, "{} shows {word}", path.display());
        }
    }
}

#[test]
fn asking_what_is_shared_is_no_mistake_before_anything_is() {
    let sandbox = Sandbox::new();
    assert_eq!(sync(&sandbox, &["status"]), json!({"set_up": false, "enabled": false}));
    let told = sandbox.mana(["sync", "status"]).run().success();
    assert!(told.text().starts_with("Sharing is not set up. `mana sync init "), "{told:?}");
    assert!(!sandbox.mana_home().exists(), "looking makes nothing");
    // What cannot be done without it says so.
    drop(sandbox.mana(["sync", "push"]).run().code(3));
    let one = learned("quuxodrome");
    drop(join(&one, &remote(&one)));
    assert_eq!(sync(&one, &["status"])["set_up"], true);
}

#[test]
fn what_a_team_says_waits_and_a_decision_reaches_hooks_at_once() {
    let (one, other) = (learned("quuxodrome"), learned("plughology"));
    let remote = remote(&one);
    drop(join(&one, &remote));
    drop(join(&other, &remote));
    make_a_team(&other);
    drop(sync(&one, &[]));
    drop(sync(&other, &[]));
    assert!(!told(&other, "quuxodrome").contains("quuxodrome"));
    let waiting = other.mana(["--json", "review", "list", "--all"]).run().success().json();
    let reason = waiting[0]["reason"].as_str().unwrap();
    assert!(reason.contains("another device"), "{reason}");
    let peers = sync(&other, &["peer", "list"]);
    let stranger = peers.as_array().unwrap().iter().find(|peer| peer["trust"] == "unknown");
    let device = stranger.unwrap()["device"].as_str().unwrap().to_owned();
    for (decision, tells) in [("trust", true), ("refuse", false), ("trust", true), ("reset", false)]
    {
        drop(sync(&other, &["peer", decision, &device]));
        let said = told(&other, "quuxodrome");
        assert_eq!(said.contains("check-quuxodrome --all"), tells, "{decision}: {said}");
    }
}

#[test]
fn what_is_forgotten_is_taken_back_everywhere() {
    let (one, other) = (learned("quuxodrome"), learned("plughology"));
    let remote = remote(&one);
    for sandbox in [&one, &other] {
        drop(join(sandbox, &remote));
        drop(sync(sandbox, &[]));
    }
    let found = one.mana(["--json", "search", "quuxodrome"]).run().success().json();
    let ids: Vec<String> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(!ids.is_empty() && told(&other, "quuxodrome").contains("check-quuxodrome --all"));
    for id in ids {
        // Forgetting one takes those with it that were learned from the same steps.
        drop(one.mana(["forget", &id]).run());
    }
    drop(sync(&one, &[]));
    drop(sync(&other, &[]));
    assert!(!told(&other, "quuxodrome").contains("check-quuxodrome --all"));
    assert!(told(&other, "plughology").contains("check-plughology --all"), "what is its own stays");
}

#[test]
fn who_has_no_passphrase_does_not_get_in() {
    let (one, other) = (learned("quuxodrome"), learned("plughology"));
    let remote = remote(&one);
    drop(join(&one, &remote));
    let arguments = ["sync", "init", "--url", remote.to_str().unwrap()];
    let refused = other.mana(arguments).env("MANA_SYNC_KEY", "wrong").run().code(1).errors();
    assert!(refused.contains("passphrase is not the right one"), "{refused}");
    let silent = other.mana(arguments).run().code(1).errors();
    assert!(silent.contains("MANA_SYNC_KEY"), "{silent}");
}

/// The id of the fix that hooks tell.
fn id_of(said: &str) -> String {
    let id = said.split("[mana ").nth(1).and_then(|rest| rest.get(..8));
    id.unwrap_or_else(|| panic!("{said}")).to_owned()
}

/// Homes of one workspace over the same remote, in which the first one's words were heard.
fn workspace(words: &[&str]) -> (Vec<Sandbox>, PathBuf) {
    let homes: Vec<Sandbox> = words.iter().map(|word| learned(word)).collect();
    let remote = remote(&homes[0]);
    for home in &homes {
        drop(join(home, &remote));
    }
    round(&homes);
    (homes, remote)
}

/// All say and hear everything.
fn round(homes: &[Sandbox]) {
    for home in homes.iter().chain(homes) {
        let report = sync(home, &[]);
        assert_eq!(report["refused_texts"], json!([]), "{report}");
        assert_eq!(report["alarms"], json!([]), "{report}");
    }
    for home in homes {
        drop(sync(home, &["pull"]));
    }
}

fn edit(home: &Sandbox, id: &str, arguments: &[&str]) {
    drop(home.mana(["edit", id].iter().chain(arguments)).run().success());
}

fn by_hand(home: &Sandbox, id: &str) -> Value {
    home.mana(["show", id, "--json"]).run().success().json()["by_hand"].clone()
}

/// What lies on the remote, unpacked as git packs it: commits, trees and blobs.
fn objects(remote: &std::path::Path) -> Vec<Vec<u8>> {
    let git = |arguments: &[&str]| {
        Command::new("git").arg("-C").arg(remote).args(arguments).output().unwrap().stdout
    };
    let all =
        git(&["cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)"]);
    let all = String::from_utf8(all).unwrap();
    let objects = all.lines().map(|line| {
        let (name, kind) = line.split_once(' ').unwrap();
        git(&["cat-file", kind, name])
    });
    objects.chain([git(&["for-each-ref"])]).collect()
}

fn assert_shows_nothing_of(remote: &std::path::Path, words: &[&str]) {
    let raw = snapshot(remote).into_values();
    for bytes in objects(remote).into_iter().chain(raw) {
        for word in words {
            let found =
                bytes.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()));
            assert!(!found, "{word} in {}", String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn what_people_write_travels_and_the_remote_reads_none_of_it() {
    let (homes, remote) = workspace(&["quuxodrome", "plughology", "snarkology"]);
    let id = id_of(&told(&homes[0], "quuxodrome"));
    let ours = "the frobnicator needs --all, see zanzibar";
    let secret = format!("token AKIAIOSFODNN7EXAMQLE in {}/deep/cellar", homes[0].home().display());
    edit(
        &homes[0],
        &id,
        &["--body", ours, "--title", "Wombats", "--tag", "kiwibird", "--note", &secret],
    );
    round(&homes);
    for home in &homes[1..] {
        let said = told(home, "quuxodrome");
        assert!(said.contains(ours), "{said}");
        let page = by_hand(home, &id);
        assert_eq!((&page["title"], &page["tags"]), (&json!("Wombats"), &json!(["kiwibird"])));
        let notes = page["notes"].as_str().unwrap();
        assert!(notes.contains("[secret:") && notes.contains("<path>/deep/cellar"), "{notes}");
    }
    assert_eq!(by_hand(&homes[0], &id)["notes"], secret.as_str(), "it stays as it is here");

    // Three people write at once, two in the same sentence.
    edit(&homes[0], &id, &["--body", "the frobnicator always needs --all, see zanzibar"]);
    edit(&homes[1], &id, &["--body", "the frobnicator needs --all, see zanzibar and mukluk"]);
    edit(&homes[2], &id, &["--tag", "kiwibird", "--tag", "emu"]);
    round(&homes);
    for home in &homes {
        let said = told(home, "quuxodrome");
        let both = "the frobnicator always needs --all, see zanzibar and mukluk";
        assert!(said.contains(both), "{said}");
        assert_eq!(by_hand(home, &id)["tags"], json!(["emu", "kiwibird"]));
        let again = sync(home, &[]);
        assert_eq!((&again["pushed_texts"], &again["pushed_records"]), (&json!(0), &json!(0)));
    }
    assert_shows_nothing_of(
        &remote,
        &[
            "quuxodrome",
            "plughology",
            "snarkology",
            "check-",
            "frobnicator",
            "zanzibar",
            "mukluk",
            "wombats",
            "kiwibird",
            "emu,kiwi",
            "cellar",
            "AKIA",
            "work/project",
            "mana-test-",
            "generation",
        ],
    );

    // Forgotten by one, it goes from those who only heard of it, with all that was written.
    drop(homes[0].mana(["forget", &id]).run().success());
    drop(sync(&homes[0], &[]));
    for home in &homes[1..] {
        drop(sync(home, &[]));
        assert!(!told(home, "quuxodrome").contains("frobnicator"));
    }
    for home in &homes[1..] {
        assert!(by_hand_or_none(home, &id).is_null());
    }
}

#[test]
fn what_is_written_about_private_projects_stays() {
    let (homes, remote) = workspace(&["quuxodrome", "plughology"]);
    let path = homes[0].mana_home().join("sync.toml");
    let text = fs::read_to_string(&path).unwrap();
    let private = text.replace("private_projects = []", "private_projects = [\"project\"]");
    assert_ne!(text, private);
    fs::write(&path, private).unwrap();
    let before = objects(&remote).len();
    let id = id_of(&told(&homes[0], "quuxodrome"));
    edit(&homes[0], &id, &["--body", "the frobnicator needs --all"]);
    let report = sync(&homes[0], &["push"]);
    assert_eq!((&report["pushed_texts"], &report["pushed_records"]), (&json!(0), &json!(0)));
    assert_eq!(objects(&remote).len(), before);
    drop(sync(&homes[1], &["pull"]));
    assert!(by_hand(&homes[1], &id).is_null());
}

#[test]
fn in_a_team_words_of_others_replace_learned_ones_only_after_a_review() {
    // Both learned it themselves.
    let (homes, _remote) = workspace(&["quuxodrome", "quuxodrome"]);
    for home in &homes {
        make_a_team(home);
    }
    let id = id_of(&told(&homes[0], "quuxodrome"));
    edit(&homes[0], &id, &["--body", "the frobnicator needs --all"]);
    edit(&homes[1], &id, &["--note", "seen in May"]);
    round(&homes);
    assert!(!told(&homes[1], "quuxodrome").contains("frobnicator"));
    let waiting = homes[1].mana(["--json", "review", "list", "--all"]).run().success().json();
    assert_eq!(waiting[0]["text"], "the frobnicator needs --all", "{waiting}");
    drop(homes[1].mana(["review", "approve", &id]).run().success());
    assert!(told(&homes[1], "quuxodrome").contains("frobnicator"));
    assert_eq!(by_hand(&homes[1], &id)["notes"], "seen in May");
    // What was written there has waited with it, and comes now.
    round(&homes);
    assert_eq!(by_hand(&homes[0], &id)["notes"], "seen in May");
    assert!(told(&homes[0], "quuxodrome").contains("frobnicator"), "its own words need no review");
    // Another change waits again.
    edit(&homes[0], &id, &["--body", "the frobnicator needs --all, twice"]);
    round(&homes);
    assert!(!told(&homes[1], "quuxodrome").contains("frobnicator"));
}

#[test]
fn what_is_redacted_goes_everywhere_and_from_the_remote() {
    // The third has learned it as well.
    let (homes, remote) = workspace(&["quuxodrome", "plughology", "quuxodrome"]);
    let id = id_of(&told(&homes[0], "quuxodrome"));
    edit(&homes[0], &id, &["--body", "the frobnicator needs --all"]);
    round(&homes);
    edit(&homes[1], &id, &["--note", "zanzibar"]);
    round(&homes);
    let names = |remote: &std::path::Path| -> Vec<String> {
        let listed = Command::new("git")
            .arg("-C")
            .arg(remote)
            .args(["for-each-ref", "--format=%(refname)", "refs/heads/mana"])
            .output()
            .unwrap();
        let refs = String::from_utf8(listed.stdout).unwrap();
        let of = |name: &str| {
            let tree = Command::new("git")
                .arg("-C")
                .arg(remote)
                .args(["ls-tree", "-r", "--name-only", name])
                .output()
                .unwrap();
            String::from_utf8(tree.stdout).unwrap()
        };
        refs.lines()
            .flat_map(|name| of(name).lines().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    };
    let segments = |remote: &std::path::Path| -> Vec<String> {
        names(remote).into_iter().filter(|name| !name.contains("/key/")).collect()
    };
    let before = segments(&remote);
    let dry = sync(&homes[0], &["redact", &id, "--dry-run"]);
    assert_eq!(
        (&dry["dry_run"], &dry["sent"], &dry["ids"]),
        (&json!(true), &json!(false), &json!([id]))
    );
    assert_eq!(dry["devices"].as_array().unwrap().len(), 2, "{dry}");
    assert_eq!(segments(&remote), before);
    let said = told(&homes[0], "quuxodrome");
    let shown = homes[0].mana(["show", &id]).run().text();
    assert!(said.contains("frobnicator"), "{said} {shown}");

    let done = sync(&homes[0], &["redact", &id]);
    assert_eq!(done["sent"], true);
    assert!(done["removed_segments"].as_u64() > Some(0), "{done}");
    assert_eq!(done["still_held_by"].as_array().unwrap().len(), 2, "{done}");
    assert!(!told(&homes[0], "quuxodrome").contains("quuxodrome"));
    for home in &homes[1..] {
        let report = sync(home, &[]);
        assert_eq!(report["redacted"][0]["id"], id.as_str(), "{report}");
        assert!(report["removed_segments"].as_u64() > Some(0), "{report}");
        assert_eq!(report["alarms"], json!([]));
        assert!(!told(home, "quuxodrome").contains("frobnicator"));
        assert!(by_hand_or_none(home, &id).is_null());
    }
    // What the third learned by itself is its own, and is not said again.
    assert!(told(&homes[2], "quuxodrome").contains("check-quuxodrome --all"));
    round(&homes);
    assert!(!told(&homes[0], "quuxodrome").contains("quuxodrome"));
    assert!(!told(&homes[1], "quuxodrome").contains("quuxodrome"));
    let after = segments(&remote);
    assert!(before.iter().all(|name| !after.contains(name)), "{before:?} {after:?}");
    for home in &homes {
        let status = sync(home, &["status"]);
        assert_eq!(status["redacted"][0]["held_by"], json!([]), "{status}");
    }
    // Nobody keeps the words of it that others said, and a newcomer hears none.
    for (path, bytes) in homes[..2].iter().flat_map(|home| snapshot(&home.mana_home())) {
        for word in ["frobnicator", "zanzibar"] {
            let found = bytes.windows(word.len()).any(|part| part == word.as_bytes());
            assert!(!found, "{} still has {word}", path.display());
        }
    }
    let newcomer = learned("xyzzyology");
    drop(join(&newcomer, &remote));
    let report = sync(&newcomer, &[]);
    assert_eq!(report["alarms"], json!([]), "{report}");
    assert!(!told(&newcomer, "quuxodrome").contains("quuxodrome"));
    assert!(told(&newcomer, "plughology").contains("check-plughology"), "the rest is there");
    // Once more is no harm, by an id that is not known here any more.
    let again = sync(&homes[1], &["redact", &id]);
    assert_eq!(again["sent"], true);
    let unknown = homes[1].mana(["sync", "redact", "ffffffff"]).run().code(4);
    assert!(unknown.errors().contains("ffffffff"), "{unknown:?}");
}

/// What people wrote about an item; null where there is no such item.
fn by_hand_or_none(home: &Sandbox, id: &str) -> Value {
    let shown = home.mana(["show", id, "--json"]).run();
    serde_json::from_slice::<Value>(&shown.stdout)
        .map_or(Value::Null, |item| item["by_hand"].clone())
}

#[test]
fn what_is_not_built_is_said_before_anything_is_written() {
    let one = learned("quuxodrome");
    let said = one.mana(["sync", "init", "--backend", "s3", "--url", "x"]).run().code(3);
    assert!(said.errors().contains("the backend s3 is not built yet"), "{said:?}");
    assert!(!one.mana_home().join("sync.toml").exists());
    let away = one.root().join("away.git");
    let said = one.mana(["sync", "init", "--url", away.to_str().unwrap()]).run().code(1);
    assert!(said.errors().contains("there is no folder"), "{said:?}");
}

#[test]
fn what_cannot_be_sent_now_is_taken_back_later() {
    let (homes, remote) = workspace(&["quuxodrome", "plughology"]);
    let id = id_of(&told(&homes[0], "quuxodrome"));
    let away = remote.with_extension("away");
    fs::rename(&remote, &away).unwrap();
    let failed = homes[0].mana(["sync", "redact", &id]).run().code(1);
    assert!(failed.errors().contains("the next `mana sync` tells the others"), "{failed:?}");
    assert!(!told(&homes[0], "quuxodrome").contains("quuxodrome"));
    let status = sync(&homes[0], &["status"]);
    assert!(status["failed"]["reason"].is_string(), "{status}");
    fs::rename(&away, &remote).unwrap();
    assert!(sync(&homes[0], &[])["removed_segments"].as_u64() > Some(0));
    drop(sync(&homes[1], &[]));
    assert!(!told(&homes[1], "quuxodrome").contains("quuxodrome"));
    let status = sync(&homes[0], &["status"]);
    assert!(status["failed"].is_null(), "{status}");
    assert_eq!(status["redacted"][0]["held_by"], json!([]), "{status}");
}

/// The kinds of the alarms that an exchange raised.
fn alarms(report: &Value) -> Vec<&str> {
    let all = report["alarms"].as_array().unwrap();
    all.iter().map(|alarm| alarm["kind"].as_str().unwrap()).collect()
}

/// Another machine with a copy of everything that this one has.
fn cloned(sandbox: &Sandbox) -> Sandbox {
    let clone = Sandbox::new();
    for folder in ["home", "work"] {
        let copied = Command::new("cp")
            .arg("-a")
            .arg(sandbox.root().join(folder).join("."))
            .arg(clone.root().join(folder))
            .status();
        assert!(copied.unwrap().success());
    }
    clone
}

#[test]
fn a_cloned_home_becomes_another_device_and_both_go_on() {
    let (one, other) = (learned("quuxodrome"), learned("plughology"));
    let remote = remote(&one);
    for sandbox in [&one, &other] {
        drop(join(sandbox, &remote));
        drop(sync(sandbox, &[]));
    }
    let clone = cloned(&one);
    let report = sync(&clone, &[]);
    assert_eq!(alarms(&report), ["copied"], "{report}");
    assert_eq!(alarms(&sync(&clone, &[])), [""; 0]);
    assert_eq!(alarms(&sync(&one, &[])), [""; 0], "the first is still itself");
    let report = sync(&other, &[]);
    assert_eq!(alarms(&report), [""; 0], "{report}");
    for sandbox in [&clone, &other] {
        let said = told(sandbox, "quuxodrome");
        assert!(said.contains("./check-quuxodrome --all"), "{said}");
    }
}

/// What a virtual machine's disk holds of the home, which is another one's copy: also the machine's
/// id and the number of each file are the same.
struct Disk(tempfile::TempDir);

impl Disk {
    /// The disk as it is now.
    fn of(sandbox: &Sandbox) -> Self {
        let disk = tempfile::tempdir().unwrap();
        copy_into(&sandbox.home(), disk.path());
        Self(disk)
    }

    /// Does something on the machine that has this disk.
    fn with<T>(&self, sandbox: &Sandbox, act: impl FnOnce() -> T) -> T {
        copy_into(self.0.path(), &sandbox.home());
        let done = act();
        copy_into(&sandbox.home(), self.0.path());
        done
    }
}

/// Makes `to` hold what `from` holds. The device's key, of which only one is ever made, stays the
/// same file: it is written over and not replaced.
fn copy_into(from: &std::path::Path, to: &std::path::Path) {
    let removed = Command::new("find")
        .arg(to)
        .args(["-type", "f", "!", "-name", "device.key", "-delete"])
        .status();
    let copied = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status();
    assert!(removed.unwrap().success() && copied.unwrap().success());
}

#[test]
fn machines_with_one_id_that_only_push_find_each_other() {
    let (one, other) = (learned("quuxodrome"), learned("plughology"));
    let remote = remote(&one);
    for sandbox in [&one, &other] {
        drop(join(sandbox, &remote));
        drop(sync(sandbox, &[]));
    }
    let disks = [Disk::of(&one), Disk::of(&one)];
    let learns = |number: usize, word: &str| {
        disks[number].with(&one, || {
            learn(&one, word);
            sync(&one, &["push"])
        })
    };
    // No guard can tell: that the other one goes on shows only where both write.
    assert_eq!(alarms(&learns(0, "frobnicators")), [""; 0]);
    let report = learns(1, "zanzibarish");
    assert_eq!(alarms(&report), ["copied"], "{report}");
    assert!(report["pushed_segments"].as_u64() > Some(1), "{report}");
    assert_eq!(alarms(&learns(0, "xyzzyology")), ["copied"]);
    let status = disks[0].with(&one, || sync(&one, &["status"]));
    assert_eq!(status["noticed"][0]["kind"], "copied", "{status}");
    for number in [0, 1, 0] {
        let report = disks[number].with(&one, || sync(&one, &[]));
        assert!(!alarms(&report).contains(&"copied"), "each is its own now: {report}");
    }
    let report = sync(&other, &[]);
    assert_eq!(alarms(&report), ["forked"], "{report}");
    assert_eq!(alarms(&sync(&other, &[])), [""; 0]);
    for word in ["quuxodrome", "frobnicators", "zanzibarish", "xyzzyology"] {
        let said = told(&other, word);
        assert!(said.contains(&format!("./check-{word} --all")), "{word}: {said}");
    }
    for (disk, word) in [(&disks[0], "zanzibarish"), (&disks[1], "xyzzyology")] {
        let said = disk.with(&one, || told(&one, word));
        assert!(said.contains(&format!("./check-{word} --all")), "{word}: {said}");
    }
}

#[test]
fn what_is_redacted_leaves_the_logs_of_earlier_lives() {
    let (one, other) = (learned("quuxodrome"), learned("plughology"));
    let remote = remote(&one);
    for sandbox in [&one, &other] {
        drop(join(sandbox, &remote));
        drop(sync(sandbox, &[]));
    }
    // The home moves to another disk, and the old one is not used any more.
    let moved = cloned(&one);
    assert_eq!(alarms(&sync(&moved, &[])), ["copied"]);
    drop(sync(&other, &[]));
    let id = id_of(&told(&moved, "quuxodrome"));
    let before = objects(&remote).len();
    let done = sync(&moved, &["redact", &id]);
    // Its present log, and that of the home that it was copied from.
    assert!(done["removed_segments"].as_u64() >= Some(2), "{done}");
    assert_eq!(done["still_held_by"], json!([]), "{done}");
    assert!(objects(&remote).len() > before, "git keeps them until it cleans up");
    let report = sync(&other, &[]);
    assert_eq!(alarms(&report), [""; 0], "{report}");
    assert_eq!(report["redacted"][0]["id"], id.as_str());
    let status = sync(&other, &["status"]);
    assert_eq!(status["redacted"][0]["held_by"], json!([]), "{status}");
    // The first one is used after all: it goes on as another, and keeps for itself what it learned.
    let report = sync(&one, &[]);
    assert_eq!(alarms(&report), ["copied"], "{report}");
    drop(sync(&one, &[]));
    for sandbox in [&moved, &other] {
        drop(sync(sandbox, &[]));
        assert!(!told(sandbox, "quuxodrome").contains("check-quuxodrome --all"));
    }
    let newcomer = learned("xyzzyology");
    drop(join(&newcomer, &remote));
    assert_eq!(alarms(&sync(&newcomer, &[])), [""; 0]);
    assert!(!told(&newcomer, "quuxodrome").contains("check-quuxodrome --all"));
}

#[test]
fn a_database_from_a_backup_says_nothing_twice() {
    let one = learned("quuxodrome");
    let remote = remote(&one);
    drop(join(&one, &remote));
    drop(sync(&one, &[]));
    let kept = cloned(&one);
    for number in [2, 3] {
        Transcript::new(&one, number)
            .prompt("Please make the other checks pass")
            .bash("./check-frobnitz")
            .failed(3, "error: no such suite: frobnitz")
            .bash("./check-frobnitz --all")
            .ok("12 checks passed")
            .write();
    }
    drop(one.mana(["learn"]).run().success());
    assert!(sync(&one, &[])["pushed_records"].as_u64() > Some(0));
    // Only the database comes back, as from a backup of it.
    for name in fs::read_dir(one.mana_home()).unwrap().flatten() {
        let name = name.file_name();
        if name.to_string_lossy().starts_with("metadata.sqlite") {
            fs::remove_file(one.mana_home().join(&name)).unwrap();
        }
    }
    for name in fs::read_dir(kept.mana_home()).unwrap().flatten() {
        let name = name.file_name();
        if name.to_string_lossy().starts_with("metadata.sqlite") {
            fs::copy(kept.mana_home().join(&name), one.mana_home().join(&name)).unwrap();
        }
    }
    // Pushing alone notices it as well: nothing is said under the old name any more.
    assert_eq!(alarms(&sync(&one, &["push"])), ["copied"]);
    assert_eq!(alarms(&sync(&one, &[])), [""; 0]);
    // What it had said meanwhile it hears from the remote.
    assert!(told(&one, "frobnitz").contains("./check-frobnitz --all"));
}

#[test]
fn devices_that_tell_one_thing_in_two_ways_are_listed_and_decided_on() {
    // Two have learned the same; the third hears it from both.
    let (homes, _remote) = workspace(&["quuxodrome", "quuxodrome", "plughology"]);
    let third = &homes[2];
    let differing = || {
        let listed = third.mana(["--json", "review", "list", "--all", "--differing"]).run();
        listed.success().json().as_array().unwrap().clone()
    };
    assert_eq!(differing(), Vec::<Value>::new());
    assert_eq!(sync(third, &["status"])["differing"], 0);
    let id = id_of(&told(third, "quuxodrome"));
    // One of the two has other words for it.
    let database = Connection::open(homes[1].mana_home().join("metadata.sqlite")).unwrap();
    let changed = database.execute(
        "UPDATE patterns SET text = replace(text, ' worked', ' mends it') WHERE hex(id) LIKE ?1",
        [format!("{id}%")],
    );
    assert_eq!(changed, Ok(1));
    drop(database);
    round(&homes);
    let listed = differing();
    assert_eq!((listed.len(), &listed[0]["id"]), (1, &json!(id)), "{listed:?}");
    let other = &listed[0]["others"][0];
    assert_ne!(other["text"], listed[0]["text"]);
    assert_eq!(sync(third, &["status"])["differing"], 1);
    let device = other["from"]["device"].as_str().unwrap();
    let unknown = third.mana(["edit", &id, "--take", "ffff-ffff"]).run().code(4);
    assert!(unknown.errors().contains("mana show"), "{unknown:?}");
    edit(third, &id, &["--take", device]);
    assert_eq!(by_hand(third, &id)["text"], other["text"]);
    assert_eq!(differing(), Vec::<Value>::new());
    assert_eq!(sync(third, &["status"])["differing"], 0);
    // It is a person's decision, and holds on the others.
    round(&homes);
    for home in &homes {
        assert_eq!(by_hand(home, &id)["text"], other["text"]);
    }
}

#[test]
fn nobody_waits_for_a_remote_that_hangs() {
    let one = learned("quuxodrome");
    let remote = remote(&one);
    drop(join(&one, &remote));
    // Takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let path = one.mana_home().join("sync.toml");
    let text = fs::read_to_string(&path).unwrap();
    let address = format!("http://localhost:{}/share.git", silent.local_addr().unwrap().port());
    let changed = text.replace(remote.to_str().unwrap(), &address);
    assert_ne!(text, changed);
    fs::write(&path, changed).unwrap();
    for way in ["pull", "push"] {
        let mut hanging = Command::new(one.binary())
            .args(["sync", way])
            .env_clear()
            .envs(one.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (connection, _) = silent.accept().unwrap();
        let started = Instant::now();
        drop(one.mana(["learn"]).run().success());
        drop(one.mana(["--json", "search", "quuxodrome"]).run().success());
        let waited = started.elapsed();
        let still_hangs = hanging.try_wait().unwrap().is_none();
        hanging.kill().unwrap();
        hanging.wait().unwrap();
        drop(connection);
        assert!(still_hangs, "{way}: it was to hang");
        assert!(waited < Duration::from_secs(15), "{way}: {waited:?}");
    }
    // What was written down before it was killed is sent later, once.
    fs::write(&path, text).unwrap();
    let report = sync(&one, &[]);
    assert!(report["pushed_segments"].as_u64() > Some(0), "{report}");
    assert_eq!(alarms(&report), [""; 0]);
    assert_eq!(sync(&one, &[])["pushed_segments"], 0);
}

#[test]
fn two_exchanges_of_one_home_take_turns() {
    let one = learned("quuxodrome");
    let remote = remote(&one);
    drop(join(&one, &remote));
    let start = || {
        let mut command = Command::new(one.binary());
        command.args(["--json", "sync"]).env_clear().envs(one.environment());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
    };
    let outputs = [start(), start(), start()].map(|child| child.wait_with_output().unwrap());
    let mut records = 0;
    for output in outputs {
        assert!(output.status.success(), "{output:?}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(alarms(&report), [""; 0]);
        records += u64::from(report["pushed_records"].as_u64() > Some(0));
    }
    assert_eq!(records, 1, "one of them says it, the others see that it is said");
}

#[test]
fn what_another_device_saw_as_well_is_surer() {
    let (one, other) = (learned("quuxodrome"), learned("quuxodrome"));
    let remote = remote(&one);
    drop(join(&one, &remote));
    let confidence = |sandbox: &Sandbox| {
        drop(told(sandbox, "quuxodrome"));
        let folder = sandbox.mana_home().join("sessions");
        let journal = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
        let journal = fs::read_to_string(journal).unwrap();
        let shown = journal.lines().find(|line| line.contains("\tshown\t")).unwrap();
        shown.split('\t').nth(5).unwrap().parse::<f64>().unwrap()
    };
    let said = |sandbox: &Sandbox| told(sandbox, "quuxodrome").contains("in 4 sessions");
    assert!(!said(&other));
    let alone = confidence(&other);
    drop(join(&other, &remote));
    for sandbox in [&one, &other, &one] {
        drop(sync(sandbox, &[]));
    }
    for sandbox in [&one, &other] {
        assert!(said(sandbox), "{}", told(sandbox, "quuxodrome"));
        assert!(confidence(sandbox) >= alone);
        let found = sandbox.mana(["--json", "search", "quuxodrome"]).run().success().json();
        let fix = found.as_array().unwrap().iter().find(|item| item["kind"] == "fix").unwrap();
        let id = fix["id"].as_str().unwrap();
        let shown = sandbox.mana(["--json", "show", id]).run().success().json();
        assert_eq!(shown["sessions"], 2, "its own count stays");
        assert_eq!(shown["witnesses"].as_array().unwrap().len(), 1, "{shown}");
        assert_eq!(shown["witnesses"][0]["sessions"], 2);
    }
}

/// Has somebody with access to the remote change what lies in the first log there.
fn tampered(remote: &std::path::Path, change: impl FnOnce(&std::path::Path)) {
    let folder = remote.with_extension("work");
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=eve", "-c", "user.email=eve@localhost", "-C"]).arg(&folder);
        let done = git.args(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    fs::create_dir(&folder).unwrap();
    git(&["clone", "--quiet", "--no-checkout", remote.to_str().unwrap(), "."]);
    let branches =
        git(&["for-each-ref", "--format=%(refname:lstrip=3)", "refs/remotes/origin/mana"]);
    let log = branches.lines().find(|name| !name.contains("/key/")).unwrap();
    git(&["checkout", "--quiet", "-B", "work", &format!("origin/{log}")]);
    let segments = folder.join("v1").join(log.strip_prefix("mana/").unwrap());
    change(&segments);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "x"]);
    git(&["push", "--quiet", "origin", &format!("HEAD:refs/heads/{log}")]);
}

/// The segments of a folder, in order.
fn segments(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

/// Puts other bytes under a name that promises them.
fn put(folder: &std::path::Path, sequence: u64, bytes: &[u8]) {
    let hash = Sha256::digest(bytes);
    let short = u128::from_be_bytes(hash[..16].try_into().unwrap());
    fs::write(folder.join(format!("{sequence:016x}-{short:032x}")), bytes).unwrap();
}

#[test]
fn each_fault_of_a_segment_is_told_in_its_own_words() {
    let author = learned("quuxodrome");
    let original = remote(&author);
    join(&author, &original);
    assert!(sync(&author, &[])["pushed_segments"].as_u64() > Some(0));
    let change = |kind: &str, folder: &std::path::Path| {
        let first = segments(folder).remove(0);
        let bytes = fs::read(&first).unwrap();
        match kind {
            "damaged" => {
                fs::write(first, [&bytes[..200], &[bytes[200] ^ 1], &bytes[201..]].concat())
            }
            "cut_off" => fs::write(first, &bytes[..bytes.len() / 2]),
            "newer" => {
                put(folder, 1, &[&bytes[..9], &[7], &bytes[10..]].concat());
                fs::remove_file(first)
            }
            _ => {
                put(folder, 9, &bytes);
                Ok(())
            }
        }
        .unwrap();
    };
    for kind in ["damaged", "cut_off", "newer", "replayed"] {
        let reader = learned("snarkology");
        let copy = reader.root().join("remote.git");
        fs::create_dir(&copy).unwrap();
        copy_into(&original, &copy);
        tampered(&copy, |folder| change(kind, folder));
        join(&reader, &copy);
        let pulled = sync(&reader, &["pull"]);
        let rejected: Vec<&str> = pulled["rejected"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["reason"].as_str().unwrap())
            .collect();
        let heard = told(&reader, "quuxodrome").contains("quuxodrome --all");
        match kind {
            "newer" => {
                assert!(
                    rejected[0].contains("version 7") && rejected[0].contains("update MANA"),
                    "{pulled}"
                );
                assert_eq!((alarms(&pulled).len(), heard), (0, false), "{pulled}");
            }
            "replayed" => {
                // The original is there as well.
                assert_eq!((alarms(&pulled), heard), (vec![kind], true), "{pulled}");
                assert!(rejected[0].contains("place that is not its own"), "{pulled}");
            }
            kind => {
                assert_eq!((alarms(&pulled), heard), (vec![kind], false), "{pulled}");
            }
        }
    }
}

#[test]
fn a_remote_that_shows_an_older_state_is_told_of() {
    let (author, reader) = (learned("quuxodrome"), learned("snarkology"));
    let remote = remote(&author);
    join(&author, &remote);
    join(&reader, &remote);
    sync(&author, &["push"]);
    let older = remote.with_extension("older");
    fs::create_dir(&older).unwrap();
    copy_into(&remote, &older);
    learn(&author, "flimmerkiste");
    sync(&author, &["push"]);
    assert_eq!(alarms(&sync(&reader, &["pull"])), Vec::<&str>::new());
    fs::remove_dir_all(&remote).unwrap();
    fs::rename(&older, &remote).unwrap();
    let pulled = sync(&reader, &["pull"]);
    assert_eq!(alarms(&pulled), ["rolled_back"], "{pulled}");
    assert!(told(&reader, "flimmerkiste").contains("flimmerkiste --all"), "nothing of it is lost");
    // Its author says it again.
    assert_eq!(alarms(&sync(&author, &[])), ["lost"]);
    assert_eq!(alarms(&sync(&reader, &["pull"])), Vec::<&str>::new());
}

#[test]
fn a_dry_run_shows_what_would_leave_and_sends_nothing() {
    let (author, reader) = (learned("quuxodrome"), learned("snarkology"));
    let remote = remote(&author);
    join(&author, &remote);
    join(&reader, &remote);
    let before = snapshot(&remote);
    let shown = sync(&author, &["push", "--dry-run"]);
    assert_eq!(snapshot(&remote), before, "nothing was sent");
    let texts = shown["items"].to_string();
    assert!(texts.contains("quuxodrome --all"), "{shown}");
    // It says the same again, and then exactly that is sent.
    assert_eq!(sync(&author, &["push", "--dry-run"]), shown);
    let pushed = sync(&author, &["push"]);
    assert_eq!(pushed["pushed_records"], shown["records"]);
    let nothing = sync(&author, &["push", "--dry-run"]);
    assert_eq!((&nothing["records"], &nothing["items"]), (&json!(0), &json!([])));
    // What the other one hears is what was shown.
    sync(&reader, &["pull"]);
    let heard = reader.mana(["--json", "search", "quuxodrome"]).run().success().json().to_string();
    for item in shown["items"].as_array().unwrap() {
        let id = item["id"].as_str().unwrap();
        let text = item["text"].to_string();
        if heard.contains(id) {
            assert!(heard.contains(&text), "{text}: {heard}");
        }
    }
    assert!(heard.contains("quuxodrome --all"), "{heard}");
    // What is forgotten is taken back, and a page that somebody writes leaves as it is shown.
    let id = shown["items"][0]["id"].as_str().unwrap();
    drop(author.mana(["forget", id]).run().success());
    let shown = sync(&author, &["push", "--dry-run"]);
    // With it goes what it stands for.
    assert!(shown["taken_back"].as_array().unwrap().contains(&json!(id)), "{shown}");
    let pushed = sync(&author, &["push"]);
    assert_eq!(pushed["pushed_records"], shown["records"]);
    let text = author.mana(["sync", "push", "--dry-run"]).run().success().text();
    assert!(text.contains("Would push 0 records"), "{text}");
}

/// The daemon of a home, stopped whatever becomes of the test.
struct Daemon<'a>(&'a Sandbox);

impl<'a> Daemon<'a> {
    /// One that exchanges every second.
    fn start(sandbox: &'a Sandbox) -> Self {
        let config = sandbox.mana_home().join("config.toml");
        fs::write(config, "[daemon]\nconsiderate = false\n").unwrap();
        let start = sandbox.mana(["daemon", "start"]).env("MANA_SYNC_INTERVAL", "1");
        drop(start.run().success());
        Self(sandbox)
    }

    /// Waits until hooks tell of `./check-WORD` in this home.
    fn hears(&self, word: &str) {
        let began = Instant::now();
        while !told(self.0, word).contains(&format!("{word} --all")) {
            assert!(began.elapsed() < Duration::from_mins(1), "{word} never came");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        let _stopped = self.0.mana(["daemon", "stop"]).run();
    }
}

#[test]
fn daemons_exchange_at_their_interval() {
    let (a, b) = (learned("quuxodrome"), learned("snarkology"));
    let remote = remote(&a);
    join(&a, &remote);
    join(&b, &remote);
    let daemons = [Daemon::start(&a), Daemon::start(&b)];
    daemons[1].hears("quuxodrome");
    daemons[0].hears("snarkology");
    // And at each of their turns, without a word of the user.
    learn(&a, "flimmerkiste");
    daemons[1].hears("flimmerkiste");
    let status = b.mana(["--json", "daemon", "status"]).run().success().json();
    assert!(status["state"]["sync"]["runs"].as_u64() > Some(1), "{status}");
    assert_eq!(status["state"]["sync"]["failures"], 0, "{status}");
}
