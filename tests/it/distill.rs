//! `mana model distill`: where its texts come from, what it writes, and what `mana status` says.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use crate::sandbox::Sandbox;

/// The same tiny model as in the unit tests.
#[allow(dead_code, reason = "this side uses a part of it")]
#[path = "../../src/embeddings/testing.rs"]
mod tiny;

/// A folder with a sound model in the sandbox, and a file with enough texts.
fn prepared(sandbox: &Sandbox) -> (PathBuf, PathBuf) {
    let folder = sandbox.root().join("tiny");
    tiny::write_model(&folder, "", 1);
    let mut texts = String::new();
    for n in 0..700 {
        writeln!(texts, "step {n}: run {} of {}", n * 7 % 13, n % 29).unwrap();
    }
    (folder, sandbox.write("texts", texts))
}

/// What `mana status` says about the table.
fn table(sandbox: &Sandbox) -> String {
    let status = sandbox.mana(["status", "--json"]).run().success().json();
    status["static_table"].as_str().unwrap().to_owned()
}

#[test]
fn a_table_is_fitted_used_and_replaced_by_the_built_in_one_when_damaged() {
    let sandbox = Sandbox::new();
    let (folder, texts) = prepared(&sandbox);
    assert!(table(&sandbox).starts_with("built in, fitted to all-MiniLM-L6-v2"));

    let (folder, texts) = (folder.to_str().unwrap(), texts.to_str().unwrap());
    // Made afresh there is no table to be better than, so it is written in any case.
    let arguments = ["model", "distill", "--afresh", "--teacher", folder, "--texts", texts];
    let report = sandbox.mana(arguments.iter().chain(&["--json"])).run().success().json();
    assert_eq!(report["kept"], true);
    assert_eq!(report["texts"], 630);
    assert_eq!(report["held_out"], 70);
    assert!(report["after"]["recall"].as_f64().unwrap() > 0.0, "{report}");
    assert!(report["teacher"].as_str().unwrap().starts_with("tiny@"), "{report}");
    assert!(table(&sandbox).starts_with("your own, fitted to tiny@"));
    let path = sandbox.mana_home().join("models/static.table");
    assert_eq!(report["path"], path.to_str().unwrap());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    let first = fs::read(&path).unwrap();
    let text = sandbox.mana(arguments).run().success().text();
    assert!(text.contains("Fitted to tiny@"), "{text}");
    assert!(fs::read(&path).unwrap() == first, "the same texts make the same table");

    let mut damaged = first;
    damaged[5_000] ^= 1;
    fs::write(&path, &damaged).unwrap();
    assert!(table(&sandbox).contains("is damaged"), "{}", table(&sandbox));
    fs::write(&path, "no table").unwrap();
    assert!(table(&sandbox).contains("it is no static table"), "{}", table(&sandbox));
}

#[test]
fn the_built_in_table_is_what_an_improvement_is_measured_by() {
    let sandbox = Sandbox::new();
    let (folder, texts) = prepared(&sandbox);
    let out = sandbox.root().join("out.table");
    drop(sandbox.mana(["model", "install", folder.to_str().unwrap()]).run().success());
    let arguments = ["model", "distill", "--json", "--texts", texts.to_str().unwrap(), "--out"];
    let mana = sandbox.mana(arguments.iter().copied().chain([out.to_str().unwrap()]));
    let report = mana.run().success().json();
    let score = |which: &str, what: &str| report[which][what].as_f64().unwrap();
    let better = score("after", "recall") > score("before", "recall")
        && score("after", "cosine") >= score("before", "cosine");
    assert_eq!(report["kept"], better, "{report}");
    assert_eq!(out.exists(), better);
    assert!(table(&sandbox).starts_with("built in"), "--out is used by nobody");
}

#[test]
fn what_is_missing_is_said() {
    let sandbox = Sandbox::new();
    let (folder, _) = prepared(&sandbox);
    let output = sandbox.mana(["model", "distill"]).run().code(4);
    assert!(output.errors().contains("mana model install"), "{output:?}");
    let output = sandbox.mana(["model", "distill", "--teacher", "nobody"]).run().code(4);
    assert!(output.errors().contains("mana model list"), "{output:?}");
    let output =
        sandbox.mana(["model", "distill", "--teacher", folder.to_str().unwrap()]).run().code(1);
    assert!(output.errors().contains("mana learn"), "{output:?}");
    let arguments = ["model", "distill", "--teacher", ".", "--texts", "no-such-file"];
    assert!(sandbox.mana(arguments).run().code(1).errors().contains("model.safetensors"));
}
