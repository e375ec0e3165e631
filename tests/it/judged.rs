//! What is stored was judged by the rules of its time. After an update the next learning judges it
//! by those of today, and hooks tell nothing that these would not quote.

use std::fs;

use rusqlite::Connection;
use serde_json::json;

use crate::sandbox::Sandbox;
use crate::transcript::Transcript;

const COMMAND: &str = "./deploy-all";

/// What the command says, which is a report.
const REPORT: &str = "error: module 'snark' not found";

/// What an older version quoted, and today's does not.
const FREE: &str = "the second mirror is the right one for everything";

/// A machine that learned what mends the command.
fn learned() -> Sandbox {
    let sandbox = Sandbox::new();
    for number in [0, 1] {
        Transcript::new(&sandbox, number)
            .prompt("Deploy it")
            .bash(COMMAND)
            .failed(3, REPORT)
            .bash("./deploy-all --all")
            .ok("deployed")
            .write();
    }
    drop(sandbox.mana(["learn"]).run().success());
    sandbox
}

fn database(sandbox: &Sandbox) -> Connection {
    Connection::open(sandbox.mana_home().join("metadata.sqlite")).unwrap()
}

/// Has the tables quote what the older version did, with snapshots that say so.
fn as_it_was(sandbox: &Sandbox, tables: &[&str]) {
    let database = database(sandbox);
    for table in tables {
        let sql = format!("UPDATE {table} SET text = replace(text, ?1, ?2)");
        let changed = database.execute(&sql, [REPORT, FREE]).unwrap();
        assert!(changed > 0, "{table} says nothing");
    }
    fs::remove_dir_all(sandbox.mana_home().join("snapshots")).unwrap();
    drop(sandbox.mana(["learn"]).run().success());
    assert!(sandbox.mana_home().join("snapshots").is_dir());
}

/// What the hook says when the command has failed: by its snapshot, and by the database.
fn told(sandbox: &Sandbox) -> [String; 2] {
    let event = json!({
        "hook_event_name": "PostToolUseFailure", "cwd": sandbox.project(), "tool_name": "Bash",
        "tool_use_id": "toolu_1", "tool_input": {"command": COMMAND},
        "error": format!("Exit code 3\n{REPORT}"), "transcript_path": "",
        "session_id": "00000009-5e55-4000-8000-000000000009",
    });
    let ask = || {
        // Each time as in a session that was told nothing.
        let _absent = fs::remove_dir_all(sandbox.mana_home().join("sessions"));
        sandbox.mana(["inject"]).stdin(event.to_string()).run().success().text()
    };
    let snapshots = sandbox.mana_home().join("snapshots");
    let aside = sandbox.mana_home().join("aside");
    let first = ask();
    fs::rename(&snapshots, &aside).unwrap();
    let second = ask();
    fs::rename(&aside, &snapshots).unwrap();
    [first, second]
}

#[test]
fn what_was_learned_by_older_rules_is_worded_anew() {
    let sandbox = learned();
    as_it_was(&sandbox, &["drafts", "patterns"]);
    for said in told(&sandbox) {
        assert!(said.contains(FREE), "{said}");
    }
    // The number by which it was extracted when errors were last quoted otherwise.
    database(&sandbox).execute("UPDATE trajectories SET revision = 5", []).unwrap();
    let report = sandbox.mana(["--json", "learn"]).run().success().json();
    assert_eq!(report["trajectories"], 2);
    for said in told(&sandbox) {
        assert!(!said.contains(FREE), "{said}");
        assert!(said.contains(REPORT) && said.contains("--all"), "{said}");
    }
    let report = sandbox.mana(["--json", "learn"]).run().success().json();
    assert_eq!(report["trajectories"], 0, "once is enough");
}

#[cfg(feature = "sync")]
mod of_others {
    use super::*;

    /// A machine that heard what the other one learned, and trusts it.
    fn reader() -> Sandbox {
        let author = learned();
        let reader = Sandbox::new();
        Transcript::new(&reader, 0).prompt("Look").bash("ls").ok("a.rs").write();
        drop(reader.mana(["learn"]).run().success());
        let file = author.root().join("exported").display().to_string();
        drop(author.mana(["export", &file]).run().success());
        let done = reader.mana(["--json", "import", "--merge", &file]).run().success().json();
        let device = done["device"].as_str().unwrap();
        drop(reader.mana(["sync", "peer", "trust", device]).run().success());
        reader
    }

    #[test]
    fn what_others_told_by_older_rules_waits() {
        let reader = reader();
        for said in told(&reader) {
            assert!(said.contains(REPORT), "a trusted device is told: {said}");
        }
        as_it_was(&reader, &["hearsay", "patterns"]);
        for said in told(&reader) {
            assert!(said.contains(FREE), "{said}");
        }
        let judged = "SELECT value FROM meta WHERE key = 'judged'";
        let rules: String = database(&reader).query_row(judged, [], |row| row.get(0)).unwrap();
        database(&reader).execute("UPDATE meta SET value = '0' WHERE key = 'judged'", []).unwrap();
        drop(reader.mana(["learn"]).run().success());
        for said in told(&reader) {
            assert!(!said.contains(FREE), "{said}");
        }
        let now: String = database(&reader).query_row(judged, [], |row| row.get(0)).unwrap();
        assert_eq!(now, rules, "once is enough");
        let waiting = reader.mana(["--json", "review", "list", "--all"]).run().success().json();
        let item = &waiting.as_array().unwrap().iter().find(|item| item["kind"] == "fix").unwrap();
        assert_eq!(item["reason"], "it quotes what anybody may have worded");
        // It is the user who knows whether that may be told.
        drop(reader.mana(["review", "approve", item["id"].as_str().unwrap()]).run().success());
        for said in told(&reader) {
            assert!(said.contains(FREE), "{said}");
        }
    }

    #[test]
    fn what_others_tell_by_older_rules_waits_when_it_comes() {
        let author = learned();
        let reader = reader();
        as_it_was(&author, &["drafts", "patterns"]);
        let file = author.root().join("older").display().to_string();
        drop(author.mana(["export", &file]).run().success());
        let done = reader.mana(["--json", "import", "--merge", &file]).run().success().json();
        drop(reader.mana(["sync", "peer", "trust", done["device"].as_str().unwrap()]).run());
        let text: String = database(&reader)
            .query_row(
                "SELECT text FROM hearsay WHERE text LIKE '%deploy-all%failed%'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert!(text.contains(FREE), "the latest words stand: {text}");
        for said in told(&reader) {
            assert!(!said.contains(FREE), "{said}");
        }
    }

    #[test]
    fn what_others_saw_at_no_time_neither_fades_nor_stays_the_newest() {
        const YEAR_1: i64 = -62_135_596_800_000;
        const YEAR_9999: i64 = 253_402_214_400_000;
        for when in [YEAR_1, YEAR_9999] {
            let reader = reader();
            let stored = database(&reader);
            for table in ["hearsay", "patterns"] {
                let sql = format!("UPDATE {table} SET first = ?1, last = ?1");
                assert!(stored.execute(&sql, [when]).unwrap() > 0);
            }
            stored.execute("DELETE FROM meta WHERE key = 'judged'", []).unwrap();
            drop(reader.mana(["learn"]).run().success());
            drop(reader.mana(["consolidate"]).run().success());
            for said in told(&reader) {
                assert!(said.contains("--all") && said.contains("today"), "{when}: {said}");
            }
            let latest = "SELECT max(last) FROM patterns";
            let latest: i64 = stored.query_row(latest, [], |row| row.get(0)).unwrap();
            let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
            assert!((0..=now as i64).contains(&latest), "{when}: {latest}");
        }
    }
}
