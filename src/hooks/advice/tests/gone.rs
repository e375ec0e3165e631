//! What is not said because it is gone from the project.

use super::*;

fn start() -> Moment {
    Moment::Start { source: "startup".into() }
}

#[test]
fn a_brief_names_the_next_command_in_the_place_of_one_that_is_gone() {
    let mut desk = thrice("$ npm test\n$ npm run test:a\n$ npm run test:b\n$ npm run test:c");
    let manifest = |scripts: &str| format!("{{\"scripts\": {{{scripts}}}}}");
    let all = manifest(r#""test": "", "test:a": "", "test:b": "", "test:c": """#);
    let brief = |desk: &mut Desk, manifest: &str| {
        let here = desk.check_out(&[("package.json", manifest)]);
        desk.ask_in(here.path(), manifest, start()).pop().unwrap_or_default()
    };
    let elsewhere = desk.start("elsewhere", "startup").pop().unwrap();
    assert_eq!(brief(&mut desk, &all), elsewhere);
    assert!(elsewhere.contains("test:c") && !elsewhere.contains("test:a"), "{elsewhere}");
    let without = brief(&mut desk, &manifest(r#""test": "", "test:a": "", "test:b": """#));
    assert!(!without.contains("test:c") && without.contains("test:a"), "{without}");
    assert_eq!(brief(&mut desk, &manifest("")), "", "none of them is left");
}

#[test]
fn a_fix_whose_target_is_gone_is_not_told() {
    let mut desk = thrice(FIX);
    for (makefile, told) in [("e2e-tests:\n\tx", true), ("other:\n\tx", false)] {
        let here = desk.check_out(&[("Makefile", makefile)]);
        let failed = Moment::Failed {
            call: call("Bash", "make e2e"),
            error: "make: *** No rule to make target 'e2e'.  Stop.".into(),
        };
        let at_failure = desk.ask_in(here.path(), makefile, failed);
        let before = desk.ask_in(here.path(), makefile, Moment::Before(call("Bash", "make e2e")));
        let brief = desk.ask_in(here.path(), &format!("b{makefile}"), start());
        let tells = |lines: &[String]| lines.iter().any(|line| line.starts_with(FIX_TEXT));
        assert_eq!(tells(&at_failure), told, "{at_failure:?}");
        assert_eq!(before.len(), 0, "{before:?}");
        assert_eq!(tells(&brief), told, "{brief:?}");
    }
}

#[test]
fn where_the_costliest_mistakes_are_gone_the_next_that_may_be_named_are_told() {
    let mut desk = Desk::new();
    let mended = |n: u32| {
        let rest = if n == 7 { " IN=src/seven.ts" } else { "" };
        format!(
            "$ make t{n} !! make: *** No rule to make target 't{n}'.  Stop.
             $ make test-{n}{rest}
             $ make all"
        )
    };
    // The earlier ones failed in more sessions.
    for session in 0..12 {
        let script: Vec<String> = (0..12 - session).map(mended).collect();
        desk.learn(&format!("learned {session}"), 2, &script.join("\n"));
    }
    for (left, expected) in [(0..12, ["t0", "t1", "t2"]), (6..12, ["t6", "t8", "t9"])] {
        let rules: Vec<String> = left.map(|n| format!("test-{n}:\n\tx\n")).collect();
        let makefile = rules.concat();
        let here = desk.check_out(&[("Makefile", &makefile)]);
        let brief = desk.ask_in(here.path(), &makefile, start());
        let mistakes = brief.iter().filter_map(|line| line.split_once("` failed"));
        let told: Vec<&str> =
            mistakes.filter_map(|(line, _)| line.split_once("`make ").map(|(_, t)| t)).collect();
        assert_eq!(told, expected, "{brief:?}");
    }
}

#[test]
fn a_wrong_path_is_answered_while_it_is_wrong_and_the_right_one_exists() {
    let mut desk = Desk::new();
    desk.learn(
        "learned",
        1,
        "Read ~/app/src/user.ts !! <tool_use_error>File does not exist.</tool_use_error>
         Read ~/app/lib/user.ts",
    );
    for (session, files, told) in [
        ("right", &["lib/user.ts"][..], 1),
        ("made", &["lib/user.ts", "src/user.ts"], 0),
        ("gone", &["lib/other.ts"], 0),
    ] {
        let files: Vec<(&str, &str)> = files.iter().map(|path| (*path, "")).collect();
        let here = desk.check_out(&files);
        let path = here.path().join("src/user.ts").to_string_lossy().into_owned();
        let said = desk.ask_in(here.path(), session, Moment::Before(call("Read", &path)));
        assert_eq!(said.len(), told, "{session}: {said:?}");
    }
}

#[test]
fn a_prompt_leads_to_files_that_exist() {
    let mut desk = Desk::new();
    for n in 1..=3 {
        desk.learn(
            &format!("learned {n}"),
            n,
            "> change how the login form validates emails
             Edit ~/app/src/login.ts
             Edit ~/app/src/validate.ts",
        );
    }
    let prompt = || Moment::Prompt("the login form validates emails wrongly".into());
    let named = |said: &[String], name: &str| said.iter().any(|line| line.contains(name));
    let both = desk.check_out(&[("src/login.ts", ""), ("src/validate.ts", "")]);
    let said = desk.ask_in(both.path(), "both", prompt());
    assert!(named(&said, "login.ts") && named(&said, "validate.ts"), "{said:?}");
    let one = desk.check_out(&[("src/validate.ts", "")]);
    let said = desk.ask_in(one.path(), "one", prompt());
    assert!(!named(&said, "login.ts") && named(&said, "validate.ts"), "{said:?}");
}
