//! What one session learned, the next one is told.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::Scenario;
use crate::api::Block;
use crate::sandbox::{snapshot, strings};
use crate::session::Session;
use crate::stage::{self, MARKER, WORKS};

/// This module's scenarios.
pub(crate) const ALL: &[(&str, Scenario)] = &[
    ("memory::a_fix_is_told_when_the_failure_comes_back", fix_is_told),
    ("memory::what_came_of_it_is_judged", what_was_told_is_judged),
    ("memory::a_known_failure_is_told_before_the_call", known_failure_is_told),
    ("memory::a_decision_is_told_when_its_subject_comes_up", decision_is_told),
    ("memory::an_unrelated_session_is_told_nothing", unrelated_session),
    ("memory::nothing_is_written_into_the_project", project_is_untouched),
    ("memory::what_was_injected_is_not_learned", injected_text_is_not_learned),
];

fn fix_is_told(client: &Path) {
    let sandbox = stage::taught(client);
    let session = stage::fail_again(client, &sandbox);
    let brief = session.heard_at("SessionStart");
    assert!(brief.contains(WORKS), "the brief: {brief:?}");
    let fix = session.heard_at("PostToolUseFailure");
    assert!(fix.contains(WORKS), "at the failure: {:#?}", session.delivered());
    assert!(fix.contains(MARKER), "{fix:?}");
    // It came with the result of the failing call, in the request after it.
    let at_failure = |delivered: &&crate::session::Delivered| {
        delivered.event == "PostToolUseFailure" && delivered.text.contains(WORKS)
    };
    assert_eq!(session.delivered().iter().find(at_failure).map(|found| found.request), Some(1));
    assert_eq!(session.hook_faults(), Vec::<serde_json::Value>::new());
}

fn what_was_told_is_judged(client: &Path) {
    let sandbox = stage::taught(client);
    // The fix is told at the failure only, and the agent does what it says.
    stage::keep_hooks(&sandbox, |event| event == "PostToolUseFailure");
    let session = stage::stumble(client, &sandbox);
    assert!(session.heard_at("PostToolUseFailure").contains(WORKS));
    let _learned = sandbox.mana(["learn"]).run().success();
    let stats = sandbox.mana(["--json", "stats"]).run().success().json();
    let kinds = stats["kinds"].as_array().expect("stats lists the kinds");
    let fix = kinds.iter().find(|row| row["name"] == "fix");
    let fix = fix.unwrap_or_else(|| panic!("no fix was told: {stats:#}"));
    assert_eq!([&fix["shown"], &fix["delivered"], &fix["held_back"]], [1, 1, 0], "{fix:#}");
    assert_eq!([&fix["followed"]["value"], &fix["went_well"]["value"]], [1.0, 1.0], "{fix:#}");
    // The client wrote down how long the hook took.
    let hooks = &stats["cost"]["hooks"];
    assert!(hooks["runs"].as_u64() >= Some(1), "{stats:#}");
    assert!(hooks["median"].as_u64() < Some(2_000), "{stats:#}");
}

fn known_failure_is_told(client: &Path) {
    let sandbox = stage::taught(client);
    // The other events would tell it first, and nothing is told twice in one context window.
    stage::keep_hooks(&sandbox, |event| event == "PreToolUse");
    let session = stage::fail_again(client, &sandbox);
    let heard = session.heard_at("PreToolUse");
    assert!(heard.contains(WORKS), "before the call: {heard:?}");
}

fn decision_is_told(client: &Path) {
    let sandbox = stage::installed();
    let script = vec![
        vec![Block::bash("./check --all --database staging")],
        vec![Block::text("The tests ran against the staging database.")],
        vec![Block::text("Understood.")],
    ];
    let _first = Session::new(client, &sandbox, "Run the database tests")
        .script(script.clone())
        .run()
        .said("The tests ran against the staging database.");
    let decision = "No, never use the staging database for tests, use the sqlite file instead.";
    let _second = Session::new(client, &sandbox, decision)
        .script(script)
        .argument("--continue")
        .run()
        .said("Understood.");
    let _found = sandbox.wait_until_found("staging database", "sqlite file");
    sandbox.wait_until_quiet();

    let session = Session::new(client, &sandbox, "Add a test for the database migrations")
        .script(vec![vec![Block::text("Which migrations?")]])
        .run()
        .said("Which migrations?");
    let heard =
        format!("{}\n{}", session.heard_at("SessionStart"), session.heard_at("UserPromptSubmit"));
    assert!(heard.contains("sqlite file"), "{:#?}", session.delivered());
    assert!(heard.contains("staging database"), "{:#?}", session.delivered());
}

fn unrelated_session(client: &Path) {
    let sandbox = stage::taught(client);
    stage::keep_hooks(&sandbox, |event| event != "SessionStart");
    let session = Session::new(client, &sandbox, "What does the license say about trademarks?")
        .script(vec![
            vec![Block::bash("printf 'no such section\\n'")],
            vec![Block::text("Nothing.")],
        ])
        .run()
        .said("Nothing.");
    assert_eq!(session.delivered(), Vec::new());
}

fn project_is_untouched(client: &Path) {
    let sandbox = stage::project();
    let before = snapshot(&sandbox.root().join("work"));
    let _output = sandbox.mana(["init", "--yes"]).run().success();
    let _first = stage::stumble(client, &sandbox);
    let _found = sandbox.wait_until_found("check", WORKS);
    let _second = stage::fail_again(client, &sandbox);
    sandbox.wait_until_quiet();
    assert_eq!(snapshot(&sandbox.root().join("work")), before);
}

fn injected_text_is_not_learned(client: &Path) {
    let sandbox = stage::taught(client);
    // The agent repeats what it was told, and the session is learned in turn.
    let told = stage::fail_again(client, &sandbox).heard_at("PostToolUseFailure");
    let echo = told.lines().next().unwrap_or_default().replace('\'', "");
    assert!(echo.contains(MARKER), "nothing was injected that could be learned: {told:?}");
    let _session = Session::new(client, &sandbox, "Please run the checks a third time")
        .script(vec![
            vec![Block::text(&told), Block::bash(stage::FAILS)],
            vec![Block::bash(&format!("echo '{echo}' && {WORKS}"))],
            vec![Block::text("They pass.")],
        ])
        .run()
        .said("They pass.");
    sandbox.wait_until_quiet();
    let _output = sandbox.mana(["learn"]).run().success();

    let found = sandbox.wait_until_found("check", WORKS);
    for text in strings(&found) {
        assert!(!text.trim_start_matches(MARKER).contains(MARKER), "learned its own text: {text}");
    }
    let path = sandbox.mana_home().join("metadata.sqlite");
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .expect("MANA's database can be opened");
    for (table, column, text) in texts(&database) {
        assert!(!text.contains(MARKER), "{table}.{column} holds injected text: {text}");
    }
}

/// Every text of every ordinary table, with the names of its table and column.
fn texts(database: &Connection) -> Vec<(String, String, String)> {
    let tables: Vec<String> = database
        .prepare("select name from sqlite_schema where type = 'table' and name not like '%_fts%'")
        .and_then(|mut query| query.query_map([], |row| row.get(0))?.collect())
        .expect("the schema can be read");
    let mut texts = Vec::new();
    for table in tables {
        let mut query =
            database.prepare(&format!("select * from \"{table}\"")).expect("the table exists");
        let columns: Vec<String> = query.column_names().map(str::to_owned).collect();
        let mut rows = query.query([]).expect("the query has no parameters");
        while let Some(row) = rows.next().expect("the table can be read") {
            for (index, column) in columns.iter().enumerate() {
                if let Ok(text) = row.get::<_, String>(index) {
                    texts.push((table.clone(), column.clone(), text));
                }
            }
        }
    }
    assert!(!texts.is_empty(), "the database holds no text at all");
    texts
}
