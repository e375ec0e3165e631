//! `mana eval`: recorded sessions are replayed in a home of their own, and the user's stays as it
//! is.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::sandbox::{Sandbox, snapshot};
use crate::tidy::root;
use crate::transcript::Transcript;

/// A folder with one folder of six sessions, `dev__shop`.
fn fixture() -> PathBuf {
    root().join("tests/fixtures/eval")
}

/// The transcripts of the fixture's project, in order.
fn transcripts() -> Vec<PathBuf> {
    let folder = fs::read_dir(fixture().join("dev__shop")).expect("the fixture is there");
    let mut paths: Vec<PathBuf> = folder.map(|entry| entry.expect("it is listed").path()).collect();
    paths.sort();
    paths
}

/// Session number `number` of the sandbox's project: the same stumble each time.
fn stumble(sandbox: &Sandbox, number: u32) {
    let _path = Transcript::new(sandbox, number)
        .prompt("Please run all the checks of the project now")
        .bash("./check")
        .failed(3, "error: no suite selected")
        .bash("./check --all")
        .ok("12 checks passed")
        .write();
}

/// What does not depend on the suggestions was counted by hand and by the script that measures
/// MANA from outside; both gave these numbers.
#[test]
fn it_measures_what_earlier_sessions_would_have_told() {
    let sandbox = Sandbox::new();
    let output = sandbox.mana(["eval", "--json"]).args([fixture()]).run().success();
    assert!(output.stderr.is_empty(), "{output:?}");
    let report = output.json();
    let total = &report["total"];
    for (name, expected) in
        [("sessions", 3), ("events", 26), ("mended", 4), ("learnable", 3), ("prompts", 3)]
    {
        assert_eq!(total[name], expected, "{name}: {total:#}");
    }
    let project = &report["projects"][0];
    assert_eq!(project["name"], "dev__shop");
    for name in ["kinds", "calibration", "events_by_kind"] {
        assert_eq!(project[name], report[name], "{name}: the total of one is its own");
    }
    assert_eq!(report["transcripts"], 6);
    let recovered = total["recovered"].as_u64().expect("a number");
    assert!((2..=3).contains(&recovered), "the fix was known: {total:#}");
    let share = total["recovery"].as_f64().expect("a share");
    assert!((share - recovered as f64 / 3.0).abs() < 1e-9, "{total:#}");
    let misses = report["misses"].as_array().expect("a list").len() as u64;
    assert_eq!(recovered + misses, 3, "{report:#}");
    let hits = report["hits"].as_array().expect("a list");
    assert_eq!(hits.len() as u64, recovered, "{report:#}");
    let prevented = hits.iter().filter(|hit| hit["prevented"] == true).count();
    assert_eq!(total["prevented"], prevented, "{report:#}");
    assert!(hits[0]["to_the_point"] == true && hits[0]["said"] != "", "{report:#}");
    // `npm test` fails in sessions 1, 2, 4 and 6, and `src/discount.ts` is missing in 3 and 6.
    let mistakes: Vec<_> = report["mistakes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|mistake| (mistake["call"].as_str().unwrap_or_default(), mistake["failures"].as_u64()))
        .collect();
    assert_eq!(mistakes, [("Bash npm test", Some(4)), ("Read src/discount.ts", Some(2))]);
    for row in report["calibration"].as_array().expect("a list") {
        let of = |name: &str| row[name].as_f64().expect("a number");
        assert!(of("from") <= of("stated") && of("stated") <= of("to"), "{row:#}");
        assert!((0.0..=1.0).contains(&of("observed")), "{row:#}");
    }
}

#[test]
fn the_same_sessions_give_the_same_report() {
    let sandbox = Sandbox::new();
    for format in [&["eval"][..], &["eval", "--json"]] {
        let report = || sandbox.mana(format).args([fixture()]).run().success().text();
        assert_eq!(report(), report());
    }
    let text = sandbox.mana(["eval"]).args([fixture().join("dev__shop")]).run().success().text();
    for wanted in ["recovery", "dev__shop", "false alarms", "confidence", "Bash npm test"] {
        assert!(text.contains(wanted), "{wanted}:\n{text}");
    }
}

#[test]
fn the_users_own_history_is_replayed_and_nothing_of_it_changes() {
    let sandbox = Sandbox::new();
    for number in 1..=5 {
        stumble(&sandbox, number);
    }
    let _learned = sandbox.mana(["learn"]).run().success();
    let before = snapshot(&sandbox.home());
    let report = sandbox.mana(["eval", "--json"]).run().success().json();
    assert_eq!(report["total"]["sessions"], 3, "{report:#}");
    assert!(snapshot(&sandbox.home()) == before, "the home or the history has changed");
    assert!(snapshot(&sandbox.root().join("tmp")).is_empty(), "its own home is left behind");
    // Not even a home is made where there is none.
    let sandbox = Sandbox::new();
    let _report = sandbox.mana(["eval"]).args([fixture()]).run().success();
    assert!(!sandbox.mana_home().exists());
}

#[test]
fn too_little_history_is_said_and_is_no_report() {
    let sandbox = Sandbox::new();
    let empty = sandbox.root().join("empty");
    fs::create_dir(&empty).expect("the folder is ours");
    let none = || {
        let output = sandbox.mana(["eval"]).run().code(4);
        assert!(output.stdout.is_empty(), "{output:?}");
        assert!(output.errors().contains("the 4 sessions that a replay needs"), "{output:?}");
        let report = sandbox.mana(["eval", "--json"]).run().success().json();
        assert_eq!(report["projects"].as_array().map(Vec::len), Some(0), "{report:#}");
        output.errors()
    };
    let _nothing = none();
    stumble(&sandbox, 1);
    assert!(none().contains("too few sessions: 1 of at least 4"));
    let _nothing = sandbox.mana(["eval"]).args([empty]).run().code(4);
}

#[test]
fn transcripts_that_are_not_read_are_named() {
    let sandbox = Sandbox::new();
    let folder = sandbox.root().join("dev__shop");
    fs::create_dir(&folder).expect("the folder is ours");
    for (n, path) in transcripts().iter().enumerate() {
        let bytes = fs::read(path).expect("the fixture is there");
        let to = folder.join(path.file_name().expect("a file has a name"));
        if n % 2 == 0 {
            fs::write(&to, bytes).expect("the folder is ours");
            continue;
        }
        let file = fs::File::create(to.with_extension("jsonl.gz")).expect("the folder is ours");
        let mut file = GzEncoder::new(file, Compression::fast());
        file.write_all(&bytes).and_then(|()| file.finish()).expect("the folder is ours");
    }
    let whole = sandbox.mana(["eval", "--json"]).args([fixture()]).run().success().json();
    let packed = sandbox.mana(["eval", "--json"]).args([&folder]).run().success().json();
    assert_eq!(packed["total"], whole["total"], "compressed ones are read like others");

    fs::write(folder.join("empty.jsonl"), "").expect("the folder is ours");
    fs::write(folder.join("torn.jsonl.gz"), "\u{1f}no gzip").expect("the folder is ours");
    let output = sandbox.mana(["eval"]).args([&folder]).run().success();
    for name in ["empty.jsonl: no prompt", "torn.jsonl.gz: cannot be read"] {
        assert!(output.errors().contains(name), "{name}: {output:?}");
    }
    let report = sandbox.mana(["eval", "--json"]).args([&folder]).run().success().json();
    assert_eq!((&report["total"], &report["transcripts"]), (&whole["total"], &8.into()));
    assert_eq!(report["left_out"].as_array().map(Vec::len), Some(2), "{report:#}");
}

#[test]
fn folds_and_shares_are_checked() {
    let sandbox = Sandbox::new();
    for arguments in [["--folds", "0"], ["--folds", "x"], ["--train", "1.5"], ["--train", "nan"]] {
        let _usage = sandbox.mana(["eval"]).args(arguments).run().code(2);
    }
    for (name, code, says) in [("missing", 4, "there is no "), ("file", 1, "is not a folder")] {
        let path = sandbox.write("file", "").with_file_name(name);
        let output = sandbox.mana(["eval"]).args([path]).run().code(code);
        assert!(output.errors().contains(says), "{output:?}");
    }
    let sessions = |arguments: &[&str]| {
        let mana = sandbox.mana(["eval", "--json"]).args(arguments).args([fixture()]);
        mana.run().success().json()["total"]["sessions"].as_u64()
    };
    assert_eq!(sessions(&["--train", "0"]), Some(5), "one is learned before the first is asked");
    assert_eq!(sessions(&["--train", "0.5", "--folds", "1"]), Some(3));
    assert_eq!(sessions(&["--train", "1"]), Some(0));
}

#[test]
fn init_replays_the_users_own_sessions_when_it_is_asked_to() {
    let sandbox = Sandbox::new();
    for number in 1..=6 {
        stumble(&sandbox, number);
    }
    let offered = sandbox.mana(["init", "--yes"]).run().success().text();
    let last = offered.lines().last().unwrap_or_default();
    assert_eq!(last, "See what MANA would have told in your own sessions: mana eval");
    assert!(!offered.contains("recovery"), "{offered}");
    let declined = sandbox.mana(["init", "--yes", "--no-eval"]).run().success().text();
    assert!(!declined.contains("mana eval"), "{declined}");

    let replayed = sandbox.mana(["init", "--yes", "--eval"]).run().success().text();
    for expected in [
        "3 sessions replayed",
        "recovery    100 %: of 3 failures whose fix an earlier session knew, 3 met with it",
        "For example:\n  Bash ./check\n",
        "error: no suite selected",
        "MANA     would have said",
        "All of it: mana eval",
    ] {
        assert!(replayed.contains(expected), "{expected}: {replayed}");
    }
    let told = sandbox.mana(["init", "--yes", "--eval", "--json"]).run().success().json();
    let report = sandbox.mana(["eval", "--json"]).run().success().json();
    assert_eq!(told["eval"]["total"], report["total"], "both are the same replay");
    assert_eq!(told["eval"]["hits"], report["hits"]);
    assert_eq!(report["hits"].as_array().map(Vec::len), Some(3), "{report:#}");
    let silent = sandbox.mana(["init", "--json"]).run().success().json();
    assert!(silent.get("eval").is_none(), "{silent}");
    let _both = sandbox.mana(["init", "--eval", "--no-eval"]).run().code(2);
}

#[test]
fn init_says_that_there_is_nothing_to_replay() {
    let sandbox = Sandbox::new();
    let output = sandbox.mana(["init", "--yes", "--eval"]).run().success();
    assert!(output.text().contains("There is nothing to replay yet"), "{output:?}");
    assert!(sandbox.settings().exists(), "the hooks are installed all the same");
    stumble(&sandbox, 1);
    let output = sandbox.mana(["init", "--yes"]).run().success().text();
    assert!(!output.contains("replay") && !output.contains("mana eval"), "{output}");
}
