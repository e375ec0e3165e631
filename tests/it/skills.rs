//! `mana skills` as a person meets it: what is exported, where, and how it goes away again.

use std::fs;

use rusqlite::Connection;

use crate::sandbox::Sandbox;
use crate::transcript::Transcript;

/// A home with a skill about `npm test`.
fn learned() -> Sandbox {
    let sandbox = Sandbox::new();
    for number in 1..4 {
        Transcript::new(&sandbox, number)
            .prompt("Please run the checks")
            .bash("npm test")
            .failed(1, "Error: Cannot find module '@shop/pricing'")
            .bash("npm run build:packages && npm test")
            .ok("12 tests passed")
            .bash("npm test -- --suite")
            .failed(1, "error: unknown option '--suite'")
            .bash("npm test -- --testPathPattern cart")
            .ok("3 tests passed")
            .write();
    }
    let _learned = sandbox.mana(["learn"]).run().success();
    let _made = sandbox.mana(["consolidate"]).run().success();
    sandbox
}

/// Makes every fix one that was followed five times with success.
fn prove(sandbox: &Sandbox) {
    let database = Connection::open(sandbox.mana_home().join("metadata.sqlite")).unwrap();
    let changed = database.execute("UPDATE patterns SET helped = 5 WHERE kind = 1", []).unwrap();
    assert!(changed > 0);
}

#[test]
fn only_what_is_proven_is_exported() {
    let sandbox = learned();
    let skills = sandbox.mana(["skills", "list", "--all", "--json"]).run().success().json();
    let id = skills[0]["id"].as_str().unwrap_or_else(|| panic!("{skills}")).to_owned();
    let listed = sandbox.mana(["skills", "list", "--all"]).run().success().text();
    assert!(listed.contains("Testing with `npm test`") && listed.contains("0 proven"), "{listed}");
    let shown = sandbox.mana(["skills", "show", &id]).run().success().text();
    assert!(shown.contains("fails") && shown.contains("not proven: never followed yet"), "{shown}");

    let refused = sandbox.mana(["skills", "export", &id]).run().code(4);
    assert!(refused.errors().contains("four of four"), "{refused:?}");
    let unproven = sandbox.mana(["skills", "export", &id, "--all"]).run().success().text();
    assert!(unproven.contains("not proven: never followed yet"), "{unproven}");

    prove(&sandbox);
    let exported = sandbox.mana(["skills", "export", &id]).run().success();
    let text = exported.text();
    assert!(text.starts_with("---\nname: mana-npm-test\ndescription: \""), "{text}");
    assert!(text.contains("- Fails: `npm test") && !text.contains("not proven"), "{text}");
    assert!(exported.errors().contains("left out"), "{exported:?}");
    let _unknown = sandbox.mana(["skills", "show", "ffffffff"]).run().code(4);

    // Patterns get other words before the next consolidation.
    let database = Connection::open(sandbox.mana_home().join("metadata.sqlite")).unwrap();
    let reworded = "UPDATE patterns SET text = replace(text, 'npm test', 'npm check')";
    assert!(database.execute(reworded, []).unwrap() > 0);
    let text = sandbox.mana(["skills", "export", &id]).run().success().text();
    assert!(text.contains("- Fails: `npm check"), "{text}");
    assert!(!text.contains("- Fails: `npm test"), "{text}");
}

#[test]
fn a_section_comes_and_goes_and_the_rest_of_the_file_stays() {
    let sandbox = learned();
    prove(&sandbox);
    let path = sandbox.home().join("CLAUDE.md");
    let out = path.to_str().unwrap();
    let export = |more: &[&str]| {
        let mut arguments = vec!["skills", "export", "--format", "claude-md", "--out", out];
        arguments.extend(more);
        sandbox.mana(&arguments).run()
    };
    for own in ["# Ours\n\nUse tabs.\n", "no line end", ""] {
        fs::write(&path, own).unwrap();
        let _written = export(&[]).success();
        let with = fs::read_to_string(&path).unwrap();
        assert!(with.starts_with(own) && with.contains("### Testing with `npm test`"), "{with}");
        let _again = export(&[]).success();
        assert_eq!(fs::read_to_string(&path).unwrap(), with);
        fs::write(&path, format!("{with}\nmore of ours\n")).unwrap();
        let _again = export(&[]).success();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{with}\nmore of ours\n"));
        fs::write(&path, with).unwrap();
        let _removed = export(&["--remove"]).success();
        if own.is_empty() {
            assert!(!path.exists(), "nothing of the user's was in it");
        } else {
            assert_eq!(fs::read_to_string(&path).unwrap(), own);
        }
        let _nothing = export(&["--remove"]).code(4);
    }
    let torn = "<!-- mana:begin\nours\n";
    fs::write(&path, torn).unwrap();
    assert!(export(&[]).code(1).errors().contains("mana:begin"));
    assert_eq!(fs::read_to_string(&path).unwrap(), torn);
}

#[test]
fn skills_are_folders_that_can_be_removed() {
    let sandbox = learned();
    prove(&sandbox);
    let folder = sandbox.home().join("skills");
    let out = folder.to_str().unwrap();
    let file = folder.join("mana-npm-test/SKILL.md");
    let export = || sandbox.mana(["skills", "export", "--out", out]).run();
    let _written = export().success();
    let text = fs::read_to_string(&file).unwrap();
    let _again = export().success();
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    // What the user adds stays.
    fs::write(&file, format!("{text}\nmine\n")).unwrap();
    let _again = export().success();
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{text}\nmine\n"));
    let remove = || sandbox.mana(["skills", "export", "--remove", "--out", out]).run();
    let _removed = remove().success();
    let left = fs::read_to_string(&file).unwrap();
    assert!(left.ends_with("mine\n") && !left.contains("mana:begin"), "{left}");
    // A file without mana's section is somebody else's now.
    let _refused = export().code(1);
    assert_eq!(fs::read_to_string(&file).unwrap(), left);
    fs::remove_file(&file).unwrap();
    let _written = export().success();
    let _removed = remove().success();
    assert!(!file.parent().unwrap().exists());
    let _nothing = remove().code(4);
}

#[test]
fn nothing_was_learned_yet() {
    let sandbox = Sandbox::new();
    let _missing = sandbox.mana(["skills", "list"]).run().code(4);
    let _missing = sandbox.mana(["skills", "export"]).run().code(4);
    assert!(!sandbox.mana_home().exists(), "looking made a home");
    let _learned = sandbox.mana(["learn"]).run().success();
    let text = sandbox.mana(["skills", "list"]).run().success().text();
    assert!(text.contains("No skills yet"), "{text}");
}
