//! Vectors of the full encoder: learning makes them, `mana status` counts them.

use std::fs;

use serde_json::{Value, json};

use crate::sandbox::Sandbox;
use crate::tiny;
use crate::transcript::Transcript;

/// A sandbox with a project that was learned from; returns the number of active patterns.
fn learned() -> (Sandbox, u64) {
    let sandbox = Sandbox::new();
    for number in 1..=3 {
        Transcript::new(&sandbox, number)
            .prompt("Please run the checks before you go on")
            .bash("./check")
            .failed(3, "error: no suite selected")
            .bash("./check --all")
            .ok("12 checks passed")
            .write();
    }
    let report = sandbox.mana(["learn", "--json"]).run().success().json();
    assert_eq!(report["encoding"], Value::Null, "without an encoder there is nothing to encode");
    let status = status(&sandbox);
    assert_eq!(status["encoded"], Value::Null);
    let counts = status["patterns"].as_array().unwrap();
    let active = counts.iter().map(|count| count["active"].as_u64().unwrap()).sum();
    assert!(active > 0, "{status}");
    (sandbox, active)
}

fn status(sandbox: &Sandbox) -> Value {
    sandbox.mana(["status", "--json"]).run().success().json()
}

/// Installs a tiny model under `name`, with weights of its own.
fn install(sandbox: &Sandbox, name: &str, seed: u64) {
    let folder = sandbox.root().join("models").join(name);
    tiny::write_model(&folder, "", seed);
    drop(sandbox.mana(["model", "install", folder.to_str().unwrap()]).run().success());
}

/// What learning says about encoding.
fn encoding(sandbox: &Sandbox) -> Value {
    let report = sandbox.mana(["learn", "--json"]).run().success().json();
    assert_eq!(report["unreadable"], json!([]), "{report}");
    report["encoding"].clone()
}

#[test]
fn what_is_learned_is_encoded_once_by_the_encoder_in_use() {
    let (sandbox, active) = learned();
    install(&sandbox, "tiny", 1);
    assert_eq!(status(&sandbox)["encoded"], json!({"vectors": 0, "patterns": active}));

    let first = encoding(&sandbox);
    assert_eq!((&first["encoded"], &first["left"]), (&json!(active), &json!(0)), "{first}");
    assert!(first["encoder"].as_str().unwrap().starts_with("tiny@"), "{first}");
    assert_eq!(status(&sandbox)["encoded"], json!({"vectors": active, "patterns": active}));
    assert_eq!(encoding(&sandbox)["encoded"], 0);
    let text = sandbox.mana(["status"]).run().success().text();
    assert!(text.contains(&format!("has encoded {active} of {active}")), "{text}");

    // Another encoder begins again; when none is left, nothing is encoded and all else works.
    install(&sandbox, "other", 2);
    drop(sandbox.mana(["model", "use", "other"]).run().success());
    assert_eq!(status(&sandbox)["encoded"], json!({"vectors": 0, "patterns": active}));
    let text = sandbox.mana(["learn"]).run().success().text();
    assert!(text.contains(&format!("Encoded {active} pattern")), "{text}");
    drop(sandbox.mana(["model", "remove", "other"]).run().success());
    assert_eq!(encoding(&sandbox), Value::Null);
    drop(sandbox.mana(["model", "use", "tiny"]).run().success());
    assert_eq!(encoding(&sandbox)["encoded"], active);
}

#[test]
fn a_damaged_encoder_is_named_and_all_else_is_learned() {
    let (sandbox, active) = learned();
    install(&sandbox, "tiny", 1);
    fs::write(sandbox.mana_home().join("models/tiny/model.safetensors"), "torn").unwrap();
    Transcript::new(&sandbox, 9)
        .prompt("Please format the sources")
        .bash("./format")
        .failed(1, "error: unknown style")
        .bash("./format --style house")
        .ok("done")
        .write();
    let output = sandbox.mana(["learn"]).run().success();
    assert!(output.errors().contains("model.safetensors is damaged"), "{output:?}");
    drop(sandbox.wait_until_found("format", "./format --style house"));
    let encoded = &status(&sandbox)["encoded"];
    assert_eq!(encoded["vectors"], 0);
    assert!(encoded["patterns"].as_u64().unwrap() > active, "{encoded}");
}

#[test]
fn search_says_what_speaks_for_an_item_and_can_do_without_meaning() {
    let (sandbox, _) = learned();
    let search = |arguments: &[&str]| {
        let all = ["search", "--json"].iter().chain(arguments).copied();
        sandbox.mana(all.collect::<Vec<_>>()).run().success().json()
    };
    let plain = search(&["check all"]);
    let item = &plain[0];
    assert!(item["score"].as_f64().unwrap() > 1.0, "words and meaning: {item}");
    assert_eq!(item["parts"], Value::Null);
    let by_table = search(&["--explain", "check all"])[0]["parts"].clone();
    assert!(by_table["cosine"].as_f64().unwrap() > 0.0, "{by_table}");
    assert_eq!(by_table["every_word"], true);
    let text = sandbox.mana(["search", "--explain", "check all"]).run().success().text();
    assert!(text.contains("Meaning: by the static table"), "{text}");
    assert!(text.contains("with every word, meaning 0."), "{text}");

    install(&sandbox, "tiny", 1);
    assert_eq!(search(&["--explain", "check all"])[0]["parts"], by_table, "nothing is encoded");
    drop(encoding(&sandbox));
    let by_encoder = search(&["--explain", "check all"])[0]["parts"].clone();
    assert_ne!(by_encoder["cosine"], by_table["cosine"]);
    assert_eq!(by_encoder["bm25"], by_table["bm25"]);
    let text = sandbox.mana(["search", "--explain", "check all"]).run().success().text();
    assert!(text.contains("Meaning: tiny@"), "{text}");

    // A damaged encoder is named, and the table takes its place.
    let weights = sandbox.mana_home().join("models/tiny/model.safetensors");
    fs::write(&weights, "torn").unwrap();
    let output = sandbox.mana(["search", "check all"]).run().success();
    assert!(output.errors().contains("model.safetensors is damaged"), "{output:?}");
    assert_eq!(search(&["--explain", "check all"])[0]["parts"], by_table);

    fs::write(sandbox.mana_home().join("config.toml"), "[search]\nmeaning = false\n").unwrap();
    let parts = search(&["--explain", "check all"])[0]["parts"].clone();
    assert_eq!((&parts["cosine"], &parts["bm25"]), (&Value::Null, &by_table["bm25"]));
    let text = sandbox.mana(["search", "--explain", "check all"]).run().success().text();
    assert!(text.contains("Meaning: switched off"), "{text}");
    let nothing = sandbox.mana(["search", "zebra"]).run().code(4);
    assert!(nothing.errors().contains("nothing found"), "{nothing:?}");
}
