//! What is said after a failure.

use super::*;

const NO_RULE: &str = "Exit code 2\nmake: *** No rule to make target 'e2e'.  Stop.";

fn once() -> Desk {
    let mut desk = Desk::new();
    desk.learn("learned", 1, FIX);
    desk
}

#[test]
fn tells_what_fixed_it_from_the_first_time_on() {
    let line = format!("{FIX_TEXT} (once, yesterday)");
    assert_eq!(once().failed("s", "Bash", "make e2e", NO_RULE), [line]);
}

#[test]
fn tells_of_a_command_that_fails_now_and_then_when_two_sessions_saw_it() {
    let flaky = "$ make fetch !! Error: connect ETIMEDOUT\n$ make fetch";
    let mut desk = Desk::new();
    desk.learn("one", 2, flaky);
    let asked = |desk: &Desk, command: &str, error: &str| desk.failed("s", "Bash", command, error);
    let error = "Exit code 2\nError: connect ETIMEDOUT";
    assert_eq!(asked(&desk, "make fetch", error), [""; 0]);
    desk.learn("two", 1, flaky);
    let told = asked(&desk, "make fetch", error);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("worked when it was run again, unchanged (twice"), "{told:?}");
    // Of no other command and no other error.
    assert_eq!(asked(&desk, "make push", error), [""; 0]);
    assert_eq!(asked(&desk, "make fetch", "Exit code 2\nError: no space left"), [""; 0]);
    // And it is no mistake to be warned of.
    assert_eq!(desk.start("s2", "startup"), [""; 0]);
}

#[test]
fn finds_the_same_error_of_another_command() {
    let found = once().failed("s", "Bash", "./run.sh --all", NO_RULE);
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn finds_a_failure_in_like_words() {
    let found = once().failed(
        "s",
        "Bash",
        "make -k e2e",
        "make: *** No rule to make target 'e2e', needed by 'all'.  Stop.",
    );
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn says_in_which_folder_the_command_works() {
    let desk = thrice("$ cd web && npm run lint\n$ npm run build");
    let missing = |name: &str| format!("npm error Missing script: \"{name}\"");
    let found = desk.failed("s", "Bash", "npm run lint 2>&1", &missing("lint"));
    assert_eq!(
        found,
        ["it works as `cd web && npm run lint` (3 of 3 runs in 3 sessions, yesterday)"]
    );
    // In that very folder, and where lint itself found something, there is nothing to say.
    assert_eq!(desk.failed("t", "Bash", "cd web && npm run lint", &missing("lint")), [""; 0]);
    let findings = "src/a.ts\n  1:1  error  'x' is never used  no-unused-vars";
    assert_eq!(desk.failed("u", "Bash", "npm run lint", findings), [""; 0]);
    let found = desk.failed("v", "Bash", "cd web && npm run build", &missing("build"));
    assert_eq!(
        found,
        ["it works as `cd ~/app && npm run build` (3 of 3 runs in 3 sessions, yesterday)"]
    );
}

#[test]
fn a_folder_is_told_so_that_it_is_found_from_the_current_one() {
    let desk = thrice("$ cd web && npm run lint\n$ npm run build");
    for (cwd, command, expected) in [
        ("/home/dev/app/api", "npm run lint", "cd ~/app/web && npm run lint"),
        ("/home/dev/app/api/v1", "npm run build", "cd ~/app && npm run build"),
        (
            "/home/dev/app/.worktrees/fix/api/v1",
            "npm run build",
            "cd ~/app/.worktrees/fix && npm run build",
        ),
    ] {
        let failed = Moment::Failed {
            call: call("Bash", command),
            error: "npm error Missing script: \"x\"".into(),
        };
        let event = HookEvent { cwd: cwd.into(), ..event(cwd, failed) };
        let found = desk.ask_with(&event, 0.0);
        let line = format!("it works as `{expected}` (3 of 3 runs in 3 sessions, yesterday)");
        assert_eq!(found, [line], "{cwd}");
    }
}

#[test]
fn what_settles_findings_is_no_answer_to_a_command_that_could_not_run() {
    let desk = thrice(
        "$ npm run lint !! src/a.ts\\n  1:1  error  'x' is never used\\n(eslint)
         $ npm run lint:fix
         $ npm run lint",
    );
    let findings = "src/b.ts\n  7:1  error  'y' is never used\n(eslint)";
    let found = desk.failed("s", "Bash", "npm run lint", findings);
    assert!(found.len() == 1 && found[0].contains("after `npm run lint:fix`"), "{found:?}");
    let missing = "npm error Missing script: \"lint\"";
    let found = desk.failed("t", "Bash", "cd api && npm run lint", missing);
    assert!(found.len() == 1 && found[0].starts_with("it works as"), "{found:?}");
    // It is one, however, when it settled that very error.
    let desk = thrice(
        "$ node gen.mjs !! Error: Cannot find module './a.mjs'
         Edit ~/app/gen.mjs
         $ node gen.mjs",
    );
    let found = desk.failed("s", "Bash", "node gen.mjs", "Error: Cannot find module './a.mjs'");
    assert!(found.len() == 1 && found[0].contains("after a change of gen.mjs"), "{found:?}");
}

#[test]
fn a_like_failure_without_a_mend_is_not_told() {
    let desk = thrice("$ make e2e !! make: *** No rule to make target 'e2e'.  Stop.");
    assert_eq!(desk.failed("s", "Bash", "make e2e", NO_RULE).len(), 1, "the same one is");
    let like = "make: *** No rule to make target 'e2e', needed by 'all'.  Stop.";
    assert_eq!(desk.failed("t", "Bash", "make -k e2e", like), [""; 0]);
}

#[test]
fn is_silent_about_other_failures() {
    for (command, error) in [
        ("cargo build", "error[E0308]: mismatched types"),
        ("git push", "fatal: unable to access: Could not resolve host"),
        ("", ""),
        ("make -k e2e", "Exit code 1"),
        ("make e2e", "<tool_use_error>Sibling tool call errored</tool_use_error>"),
    ] {
        assert_eq!(once().failed("s", "Bash", command, error), [""; 0], "{command}");
    }
}

#[test]
fn tells_two_fixes_at_most_best_first() {
    let mut desk = Desk::new();
    for (n, remedy) in ["make e2e-a", "make e2e-b", "make e2e-c"].iter().enumerate() {
        for session in 0..=n {
            let script = format!("$ make e2e !! {}\n$ {remedy}", NO_RULE.replace('\n', "\\n"));
            desk.learn(&format!("{remedy} {session}"), 1, &script);
        }
    }
    let found = desk.failed("s", "Bash", "make e2e", NO_RULE);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("`make e2e-c` worked") && found[1].contains("`make e2e-b` worked"));
}

#[test]
fn names_the_known_file_of_a_name_that_is_missing() {
    let mut desk = Desk::new();
    desk.learn("a", 1, "> change the user\nEdit ~/app/lib/models/user.ts");
    let line = "earlier sessions worked on `lib/models/user.ts`";
    let missing = "<tool_use_error>File does not exist.</tool_use_error>";
    for (tool, subject, error) in [
        ("Read", "/home/dev/app/src/user.ts", missing),
        ("Grep", "login /home/dev/app/src/user.ts", "Path does not exist: src/user.ts"),
        ("Bash", "cat src/user.ts", "cat: src/user.ts: No such file or directory"),
    ] {
        assert_eq!(desk.failed(tool, tool, subject, error), [line], "{tool}");
    }
    assert_eq!(desk.failed("s", "Read", "/home/dev/app/src/users.ts", missing), [""; 0]);
    assert_eq!(
        desk.failed("s", "Read", "/home/dev/app/lib/models/user.ts", missing),
        [""; 0],
        "what was asked for is no answer"
    );
}
