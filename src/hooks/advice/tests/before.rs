//! What is said before a call.

use super::*;

#[test]
fn tells_the_known_failure_of_a_command_that_often_fails() {
    let desk = thrice(FIX);
    let line = format!("{FIX_TEXT} (3 times in 3 sessions, yesterday)");
    assert_eq!(desk.before("s", "Bash", "cd /home/dev/app && make e2e 2>&1 | tail"), [line]);
    assert_eq!(desk.before("s", "Bash", "make e2e-tests"), [""; 0]);
    assert_eq!(desk.before("s", "WebFetch", "make e2e"), [""; 0]);
}

#[test]
fn is_silent_when_it_mostly_works() {
    let mut desk = thrice(FIX);
    desk.learn("works", 0, &"$ make e2e\n".repeat(30));
    assert_eq!(desk.before("s", "Bash", "make e2e"), [""; 0]);
}

#[test]
fn counts_only_failures_that_the_line_is_about() {
    let mut desk =
        thrice("$ make e2e !! make: *** No rule to make target 'x'.  Stop.\n$ make e2e-tests");
    // It fails as often as not, but seldom so.
    let other = "$ make e2e !! 3 failed\nEdit ~/app/a.ts\n$ make e2e\n".repeat(12);
    desk.learn("loop", 0, &other);
    assert_eq!(desk.before("s", "Bash", "make e2e"), [""; 0]);
    let mut desk = Desk::new();
    for (n, error) in
        ["Error: a is missing", "Error: b is gone", "Error: c is locked"].iter().enumerate()
    {
        desk.learn(
            &n.to_string(),
            1,
            &format!("$ make e2e !! {error}\n$ make prepare-all\n$ make e2e"),
        );
    }
    desk.learn("works", 0, &"$ make e2e\n".repeat(6));
    // Each failure is rare; that the same helps against all of them is not.
    let told = desk.before("s", "Bash", "make e2e");
    assert!(told.len() == 1 && told[0].contains("after `make prepare-all`"), "{told:?}");
}

#[test]
fn tells_of_an_option_that_was_refused_whatever_else_is_asked() {
    for (script, command, expected) in [
        (
            "$ gh pr diff 88 --stat !! unknown flag: --stat\n$ gh pr diff 88 --name-only",
            "gh pr diff --stat --color never 104",
            "--name-only",
        ),
        (
            "$ npx jest --testPathPattern cart !! Option \"testPathPattern\" was replaced by \"--testPathPatterns\".\n$ npx jest --testPathPatterns cart",
            "npx jest --testPathPattern=user --coverage",
            "--testPathPatterns cart",
        ),
        (
            "$ cargo test --no-default-feature a !! error: unexpected argument '--no-default-feature' found\n$ cargo test --no-default-features a",
            "cargo test --no-default-feature --lib b c",
            "--no-default-features",
        ),
    ] {
        let mut desk = Desk::new();
        desk.learn("learned", 1, script);
        let told = desk.before("s", "Bash", command);
        assert!(told.len() == 1 && told[0].contains(expected), "{command}: {told:?}");
        let other = command.replace("--stat", "--patch").replace("Pattern=", "Patterns=");
        let other = other.replace("feature ", "features ");
        assert_eq!(desk.before("t", "Bash", &other), [""; 0], "{other}");
    }
    // An option that worked since is not refused.
    let mut desk = Desk::new();
    desk.learn(
        "a",
        3,
        "$ cargo test --bogus a !! error: unexpected argument '--bogus' found\n$ cargo test a",
    );
    assert_eq!(desk.before("s", "Bash", "cargo test --bogus --lib b c").len(), 1);
    desk.learn("b", 1, &"$ cargo test --bogus x y\n".repeat(3));
    assert_eq!(desk.before("t", "Bash", "cargo test --bogus --lib b c"), [""; 0]);
}

#[test]
fn warns_of_a_refused_option_in_the_words_of_a_person() {
    let script = "$ gh pr diff 88 --stat !! unknown flag: --stat\n$ gh pr diff 88 --name-only";
    let mut desk = Desk::new();
    desk.learn("learned", 1, script);
    desk.rewrite(Kind::Fix, "this gh lists names alone");
    let told = desk.before("s", "Bash", "gh pr diff --stat --color never 104");
    assert_eq!(told, ["this gh lists names alone (once, yesterday)"]);
}

#[test]
fn counts_what_is_alike_whatever_a_person_wrote_about_it() {
    // Some sessions saw no fix, so that two patterns tell of one failure; and what a check
    // finds differs from run to run.
    let missing = "$ make e2e !! make: *** No rule to make target 'e2e'.  Stop.";
    for (failed, mended) in [
        (missing, format!("{missing}\n$ make e2e-tests")),
        (
            "$ make e2e !! --- FAIL: TestA (0.02s)\n$ make fix-all\n$ make e2e",
            "$ make e2e !! --- FAIL: TestB (0.02s)\n$ make start-all\n$ make e2e".into(),
        ),
    ] {
        let mut desk = Desk::new();
        for (session, script) in [("a", failed), ("b", failed), ("c", &mended), ("d", &mended)] {
            desk.learn(session, 1, script);
        }
        let chances = |desk: &Desk| -> Vec<f64> {
            let reader = desk.reader();
            let known = [Kind::Fix, Kind::Pitfall].map(|kind| reader.best(kind, 9).unwrap());
            let mut known = known.concat();
            known.sort_by_key(|pattern| pattern.id);
            let chance = |pattern| chance_before(reader, pattern, NOW).unwrap();
            known.iter().map(chance).collect()
        };
        let learned = chances(&desk);
        assert_eq!(learned.len(), 2);
        desk.rewrite(Kind::Fix, "e2e-tests is what it is called");
        assert_eq!(chances(&desk), learned, "{failed}");
    }
}

#[test]
fn tells_of_a_path_that_does_not_exist() {
    let mut desk = Desk::new();
    desk.learn("a", 1, "Read ~/app/src/user.ts !! File does not exist.\nRead ~/app/lib/user.ts");
    let line = "`src/user.ts` does not exist; the file is `lib/user.ts` (once, yesterday)";
    for (tool, subject) in [
        ("Read", "/home/dev/app/src/user.ts"),
        ("Edit", "src/user.ts"),
        ("Grep", "login src/user.ts"),
    ] {
        assert_eq!(desk.before(tool, tool, subject), [line], "{tool}");
    }
    assert_eq!(desk.before("s", "Read", "/home/dev/app/lib/user.ts"), [""; 0]);
    assert_eq!(desk.before("s", "Bash", "cat src/user.ts"), [""; 0]);
}

#[test]
fn is_silent_about_a_path_that_was_made_since() {
    let missing = "> look\nRead ~/app/src/user.ts !! File does not exist.\nRead ~/app/lib/user.ts";
    let mut desk = Desk::new();
    desk.learn("a", 3, missing);
    desk.learn("b", 2, "> make it\nWrite ~/app/src/user.ts");
    assert_eq!(desk.before("s", "Read", "/home/dev/app/src/user.ts"), [""; 0]);
    desk.learn("c", 1, missing);
    assert_eq!(desk.before("s", "Read", "/home/dev/app/src/user.ts").len(), 1);
}
