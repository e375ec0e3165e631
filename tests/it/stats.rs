//! `mana stats` on a store of which the truth is known.

use std::fs;

use rusqlite::{Connection, params};
use serde_json::json;

use crate::sandbox::Sandbox;
use crate::transcript::Transcript;

/// Sessions in each of which a command fails and works two seconds later.
const SESSIONS: u32 = 12;

/// A home that learned them, and the id of one of the failed calls.
fn learned() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    let mut call = String::new();
    for number in 1..=SESSIONS {
        let hook = |command: &str, time: u32| {
            json!({
                "type": "hook_success", "hookName": "PreToolUse:Bash", "hookEvent": "PreToolUse",
                "command": command, "stdout": "", "exitCode": 0, "durationMs": time,
            })
        };
        let path = Transcript::new(&sandbox, number)
            .prompt("Please run the checks")
            .bash("npm test")
            .attachment(&hook("/home/me/my tools/mana inject", number))
            .attachment(&hook("/opt/other inject", 900))
            .failed(1, "Error: Cannot find module '@shop/pricing'")
            .bash("npm run build:packages && npm test")
            .ok("12 tests passed")
            .write();
        let text = fs::read_to_string(path).unwrap();
        let at = text.find("toolu_").unwrap();
        text[at..].split('"').next().unwrap().clone_into(&mut call);
    }
    let _learned = sandbox.mana(["learn"]).run().success();
    (sandbox, call)
}

/// Has one fix shown and held back, so often each, of which so many went well.
fn judged(sandbox: &Sandbox, shown: (u32, u32), held_back: (u32, u32), call: &str) {
    let database = Connection::open(sandbox.mana_home().join("metadata.sqlite")).unwrap();
    let fix: Vec<u8> =
        database.query_row("SELECT id FROM patterns WHERE kind = 1", [], |row| row.get(0)).unwrap();
    for (withheld, (cases, well)) in [(0, shown), (1, held_back)] {
        for n in 0..cases {
            let inserted = database.execute(
                "INSERT INTO injections (pattern, session, agent, event, tool_use, at, confidence,
                                         withheld, followed, well)
                 VALUES (?1, ?2, '', 'PostToolUseFailure', '', ?3, 0.5, ?4, 1, ?5)",
                params![fix, format!("s{}", n % 10), 2 * n + withheld, withheld, n < well],
            );
            assert_eq!(inserted.unwrap(), 1);
        }
    }
    if !call.is_empty() {
        let session = format!("{SESSIONS:08x}-5e55-4000-8000-{SESSIONS:012x}");
        let inserted = database.execute(
            "INSERT INTO injections (pattern, session, agent, event, tool_use, at, confidence,
                                     withheld)
             VALUES (?1, ?2, '', 'PreToolUse', ?3, 0, 0.5, 0)",
            params![fix, session, call],
        );
        assert_eq!(inserted.unwrap(), 1);
    }
}

#[test]
fn what_was_saved_is_what_became_rarer_times_what_it_costs() {
    let (sandbox, call) = learned();
    let early = sandbox.mana(["stats"]).run().success().text();
    assert!(early.contains("Nothing has been shown to an agent yet."), "{early}");
    judged(&sandbox, (100, 90), (50, 20), &call);

    let stats = sandbox.mana(["stats", "--json"]).run().success().json();
    let saved = &stats["saved"];
    let number = |value: &serde_json::Value| value.as_f64().unwrap_or(f64::NAN);
    // 90 of 100 against 20 of 50.
    assert!((number(&saved["failures"]["value"]) - 50.0).abs() < 1e-9, "{saved}");
    let (low, high) = (number(&saved["failures"]["low"]), number(&saved["failures"]["high"]));
    assert!(30.0 < low && low < 40.0 && 60.0 < high && high < 65.0, "{saved}");
    // The failure about which something was shown does not count.
    assert_eq!(saved["failure"]["cases"], SESSIONS - 1, "{saved}");
    let between = saved["failure"]["seconds"].as_f64().unwrap();
    assert!((between - 4.0).abs() < 1e-9, "four lines are a second apart: {saved}");
    assert!((number(&saved["seconds"]["value"]) - 200.0).abs() < 1e-9, "{saved}");
    let each = number(&saved["failure"]["tokens"]);
    assert!((number(&saved["tokens"]["low"]) - low * each).abs() < 1e-6, "{saved}");
    assert!(each > "npm test".len() as f64 / 4.0 && each < 30.0, "{saved}");

    let hooks = &stats["cost"]["hooks"];
    assert_eq!(hooks["runs"], SESSIONS, "other programs' hooks are not ours: {stats}");
    assert_eq!((&hooks["median"], &hooks["p95"]), (&json!(6), &json!(12)), "{stats}");
    assert_eq!(stats["cost"]["sessions"], 11, "{stats}");
    // Each of the 101 times its text, the marker in front of it and the evidence behind it.
    let fix = "`npm test` failed (Error: Cannot find module '@shop/pricing'); `npm run \
               build:packages && npm test` worked";
    let line = format!("[mana 01234567] {fix} (12 times in 12 sessions, yesterday)\n");
    let (told, exact) = (number(&stats["cost"]["tokens"]), 101.0 * line.len() as f64 / 4.0);
    assert!((0.9..1.1).contains(&(told / exact)), "{told} of {exact}: {stats}");
    assert_eq!(stats["patterns"][0]["judged"][0]["well"], 90, "{stats}");

    let text = sandbox.mana(["stats"]).run().success().text();
    for expected in [
        "It helps:",
        "Saved, estimated: 50 failures (",
        "12 hooks took",
        "by the middle one of 11 that were mended",
        "Went well most surely",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn nothing_is_claimed_that_may_be_chance() {
    let (sandbox, _) = learned();
    judged(&sandbox, (20, 18), (10, 4), "");
    let text = sandbox.mana(["stats"]).run().success().text();
    assert!(text.contains("Saved: not enough data yet."), "{text}");
    let (sandbox, _) = learned();
    judged(&sandbox, (100, 60), (50, 28), "");
    let stats = sandbox.mana(["stats", "--json"]).run().success().json();
    assert_eq!(stats["saved"]["claimed"], false, "{stats}");
    assert!(stats["saved"]["failures"].is_null(), "{stats}");
    let text = sandbox.mana(["stats"]).run().success().text();
    assert!(text.contains("Saved: nothing is claimed"), "{text}");
    assert!(!text.contains("Saved, estimated"), "{text}");
}

#[test]
fn what_is_set_aside_is_counted_by_reason() {
    let (sandbox, _) = learned();
    judged(&sandbox, (10, 0), (10, 9), "");
    let _run = sandbox.mana(["consolidate"]).run().success();
    let stats = sandbox.mana(["stats", "--json"]).run().success().json();
    assert_eq!(stats["retired"]["harmful"], 1, "{stats}");
    let text = sandbox.mana(["stats"]).run().success().text();
    assert!(text.contains("Set aside and not shown any more: 1 did harm."), "{text}");
    assert!(text.contains("Went well less often") && text.contains("  harmful"), "{text}");
}
