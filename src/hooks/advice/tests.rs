//! What is said at each moment, by example: sessions are learned, then a new one asks.

use super::chance_before;
use crate::hooks::event::{HookEvent, Moment};
use crate::hooks::testing::{DAY, Desk, NOW, call, event};
use crate::model::ids::StepId;
use crate::model::pattern::{Draft, Evidence, Kind, Payload, Role};
use crate::model::rank::Weights;
use crate::model::subject;
use crate::storage::Record;

const HEADER: &str = "Seen in earlier sessions of this project:";

/// A failure of this project's, and what mends it.
const FIX: &str = "$ make e2e !! make: *** No rule to make target 'e2e'.  Stop.
    $ make e2e-tests
    $ make -s lint-all";

const FIX_TEXT: &str =
    "`make e2e` failed (make: *** No rule to make target 'e2e'. Stop.); `make e2e-tests` worked";

fn decision(session: &str, said: &str, standing: bool, days: i64) -> Draft {
    Draft {
        kind: Kind::Decision,
        tool: String::new(),
        category: "",
        identity: (said.into(), String::new()),
        keys: Vec::new(),
        trigger: said.into(),
        text: format!("user: \"{said}\""),
        payload: Payload { standing, subject: subject::of_statement(said), ..Payload::default() },
        evidence: vec![Evidence {
            step: StepId::derive(&format!("{session} {said}")),
            at: NOW - days * DAY,
            role: Role::Success,
        }],
    }
}

/// A desk that learned the script in each of three sessions.
fn thrice(script: &str) -> Desk {
    let mut desk = Desk::new();
    for days in 1..=3 {
        desk.learn(&format!("learned {days}"), days, script);
    }
    desk
}

mod brief {
    use super::*;

    #[test]
    fn names_commands_by_purpose_in_order() {
        let desk = thrice(
            "$ npm start
             $ npx tsc --noEmit
             $ npm run build
             $ npm run format
             $ npm run lint
             $ npm test
             $ npm install",
        );
        assert_eq!(
            desk.start("s", "startup"),
            [
                HEADER,
                "test: `npm test` (3 of 3)",
                "lint: `npm run lint` (3 of 3)",
                "format: `npm run format` (3 of 3)",
                "build: `npm run build` (3 of 3)",
                "typecheck: `npx tsc --noEmit` (3 of 3)",
                "run: `npm start` (3 of 3)",
            ]
        );
    }

    #[test]
    fn names_the_best_few_of_a_purpose() {
        let mut desk = thrice("$ npm test\n$ npm run test:a\n$ npm run test:b\n$ npm run test:c");
        desk.learn("more", 0, "$ npm test\n$ npm test !! 1 failed\n$ npm run test:c");
        let brief = desk.start("s", "startup");
        assert_eq!(brief.len(), 2, "{brief:?}");
        let best = "test: `npm run test:c` (4 of 4), `npm test` (4 of 5), ";
        assert!(brief[1].starts_with(best), "{brief:?}");
        assert_eq!(brief[1].matches('`').count(), 6, "three commands: {brief:?}");
    }

    #[test]
    fn is_silent_without_evidence() {
        assert_eq!(Desk::new().start("s", "startup"), [""; 0]);
        let mut desk = Desk::new();
        desk.learn("once", 1, "$ npm test\n$ npm test");
        assert_eq!(desk.start("s", "startup"), [""; 0]);
        desk.learn("more", 1, "$ npm test");
        assert_eq!(desk.start("s", "startup").len(), 2);
    }

    #[test]
    fn names_the_costliest_mistakes() {
        let desk = thrice(FIX);
        let brief = desk.start("s", "startup");
        let line = format!("{FIX_TEXT} (3 times in 3 sessions, yesterday)");
        assert!(brief.contains(&line), "{brief:?}");
    }

    #[test]
    fn a_failure_with_a_fix_is_no_mistake_of_its_own_in_the_words_of_a_person() {
        let mut desk = thrice("$ make e2e !! make: *** No rule to make target 'e2e'.  Stop.");
        desk.learn("fixed", 1, FIX);
        desk.learn("fixed again", 1, FIX);
        desk.rewrite(Kind::Fix, "e2e is no target; it is called e2e-tests");
        let brief = desk.start("s", "startup").join("\n");
        assert!(brief.contains("it is called e2e-tests"), "{brief}");
        assert!(!brief.contains("No rule to make target"), "{brief}");
    }

    #[test]
    fn commands_of_the_folder_at_hand_come_first() {
        let desk = thrice(
            "$ npm test
             $ cd packages/a && npm test
             $ cd packages/b && npm test",
        );
        let brief = |cwd: &str| {
            let moment = Moment::Start { source: "startup".into() };
            let lines = desk.ask_with(&HookEvent { cwd: cwd.into(), ..event(cwd, moment) }, 0.0);
            lines.into_iter().find(|line| line.starts_with("test: ")).unwrap()
        };
        let top = brief("/home/dev/app");
        assert!(top.starts_with("test: `npm test` (3 of 3), `cd packages/"), "{top}");
        for (part, other) in [("a", "b"), ("b", "a")] {
            let expected = format!(
                "test: `npm test` (3 of 3), `cd ~/app && npm test` (3 of 3), \
                 `cd ~/app/packages/{other} && npm test` (3 of 3)"
            );
            assert_eq!(brief(&format!("/home/dev/app/packages/{part}")), expected);
        }
    }

    #[test]
    fn leaves_mistakes_with_files_to_their_moment() {
        let desk = thrice(
            "$ node src/tools/gen.mjs !! node: bad option: --x\\nusage: node
             $ node src/tools/gen.mjs --y out/api.json",
        );
        let brief = desk.start("s", "startup");
        assert!(!brief.iter().any(|line| line.contains("failed")), "{brief:?}");
        assert_eq!(desk.before("s", "Bash", "node src/tools/gen.mjs").len(), 1);
    }

    #[test]
    fn a_failure_that_has_a_fix_is_not_named_by_itself() {
        let mut desk = thrice("$ make e2e !! make: *** No rule to make target 'e2e'.  Stop.");
        let failures = |desk: &Desk, session: &str| -> Vec<String> {
            let lines = desk.start(session, "startup");
            lines.into_iter().filter(|line| line.contains("`make e2e` failed")).collect()
        };
        assert_eq!(
            failures(&desk, "a"),
            [
                "`make e2e` failed (make: *** No rule to make target 'e2e'. Stop.) (3 times in 3 sessions, yesterday)"
            ]
        );
        desk.learn("fixed", 0, FIX);
        desk.learn("fixed again", 0, FIX);
        let lines = failures(&desk, "b");
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with(FIX_TEXT), "{lines:?}");
    }

    #[test]
    fn tells_standing_rules_and_only_those_in_force() {
        let mut desk = Desk::new();
        let rules = [
            ("use npm for installing packages", true, 5),
            ("never push to main", true, 4),
            ("make the button blue", false, 3),
            ("use pnpm for installing packages", true, 2),
        ];
        for (said, standing, days) in rules {
            desk.put(said, decision(said, said, standing, days));
        }
        assert_eq!(
            desk.start("s", "startup"),
            [
                HEADER,
                "user: \"use pnpm for installing packages\" (2 days ago)",
                "user: \"never push to main\" (4 days ago)",
            ]
        );
    }

    #[test]
    fn stays_inside_its_budget() {
        let mut desk = Desk::new();
        for n in 0..3 {
            let said = format!("rule {n}: {}", format!("word{n} ").repeat(140));
            desk.put(&format!("s{n}"), decision("s", &said, true, n));
        }
        let brief = desk.start("s", "startup");
        assert_eq!(brief.len(), 3, "a header and two rules of a thousand characters");
        assert!(brief.iter().map(String::len).sum::<usize>() < 2_400);
        // What did not fit was not shown and may come up later.
        assert_eq!(desk.journal("s").shown().count(), 2);
    }
}

mod prompt {
    use super::*;

    fn desk() -> Desk {
        let mut desk = Desk::new();
        desk.learn(
            "login",
            3,
            "> the login form must show why a password was refused
             Read ~/app/src/login/form.ts :: LoginForm renderRefusal
             Edit ~/app/src/login/form.ts :: LoginForm renderRefusal
             Edit ~/app/src/login/messages.ts :: refusalMessages",
        );
        desk.learn(
            "login again",
            2,
            "> login: translate the messages of a refused password
             Edit ~/app/src/login/form.ts :: LoginForm
             Edit ~/app/src/login/messages.ts :: refusalMessages",
        );
        for n in 0..4 {
            desk.learn(
                &format!("other {n}"),
                2,
                &format!("> speed up the report of kind {n}\nEdit ~/app/src/report/kind{n}.ts :: buildKind{n}"),
            );
        }
        desk
    }

    fn named(lines: &[String]) -> Vec<&str> {
        let line = lines.iter().find_map(|line| line.strip_prefix("like prompts led to work on "));
        line.map_or(Vec::new(), |line| line.split(", ").collect())
    }

    #[test]
    fn the_weights_decide_which_files_are_named() {
        let mut desk = desk();
        let prompt = "the login form shows the wrong refusal messages";
        let shipped = desk.prompt("shipped", prompt);
        assert!(!named(&shipped).is_empty(), "{shipped:?}");
        desk.weigh(Some(&Weights::with_constant(-90.0)));
        assert!(named(&desk.prompt("never", prompt)).is_empty());
        desk.weigh(None);
        assert_eq!(desk.prompt("shipped again", prompt), shipped);
    }

    #[test]
    fn names_the_files_that_like_prompts_led_to() {
        let desk = desk();
        let lines = desk.prompt("s", "the login form shows the wrong refusal messages");
        let mut best = named(&lines);
        best.truncate(2);
        best.sort_unstable();
        assert_eq!(best, ["src/login/form.ts", "src/login/messages.ts"]);
        let lines = desk.prompt("t", "where does renderRefusal get its text?");
        assert_eq!(named(&lines)[0], "src/login/form.ts");
        let lines = desk.prompt("u", "please tidy up kind3.ts");
        assert_eq!(named(&lines)[0], "src/report/kind3.ts");
        let lines = desk.prompt("v", "please tidy up src/login/messages.ts");
        assert_eq!(named(&lines)[0], "src/login/messages.ts");
    }

    #[test]
    fn small_talk_gets_no_answer() {
        let desk = desk();
        for said in ["", "yes", "ok go on", "  thanks  ", "what is the weather like in Paris?"] {
            assert_eq!(desk.prompt("s", said), [""; 0], "{said}");
        }
    }

    #[test]
    fn what_the_session_works_on_is_not_named_but_its_company_is() {
        let desk = desk();
        desk.before("s", "Edit", "/home/dev/app/src/login/form.ts");
        let lines = desk.prompt("s", "now the login messages of the form");
        assert_eq!(named(&lines), ["src/login/messages.ts"]);
    }

    #[test]
    fn a_file_is_named_again_only_as_often_as_its_chance_allows() {
        let desk = desk();
        let vague = "the refused password of a login, translate it";
        // Each time that it is named and not opened, the chance has to be higher.
        let times = (0..30).take_while(|_| !named(&desk.prompt("s", vague)).is_empty()).count();
        assert!((2..30).contains(&times), "{times}");
        // A sure one is named all the same.
        let lines = desk.prompt("s", "src/login/form.ts should look like src/report/kind2.ts");
        assert!(named(&lines).contains(&"src/report/kind2.ts"), "{lines:?}");
        assert!(named(&lines).contains(&"src/login/form.ts"), "{lines:?}");
    }

    #[test]
    fn tells_what_was_decided_on_the_subject() {
        let mut desk = desk();
        let said = "the export writes CSV with semicolons, never commas";
        desk.put("d", decision("d", said, false, 1));
        for n in 0..30 {
            let other = format!("button number{n} gets colour{n} on page{n}");
            desk.put(&format!("o{n}"), decision("o", &other, false, 1));
        }
        let line = format!("user: \"{said}\" (yesterday)");
        let asked = "the CSV export needs semicolons between the columns";
        assert!(desk.prompt("s", asked).contains(&line));
        assert!(!desk.prompt("s", asked).contains(&line), "not twice");
        assert!(!desk.prompt("t", "where is the export button on the page?").contains(&line));
    }
}

mod before {
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
            for (session, script) in [("a", failed), ("b", failed), ("c", &mended), ("d", &mended)]
            {
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
        desk.learn(
            "a",
            1,
            "Read ~/app/src/user.ts !! File does not exist.\nRead ~/app/lib/user.ts",
        );
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
        let missing =
            "> look\nRead ~/app/src/user.ts !! File does not exist.\nRead ~/app/lib/user.ts";
        let mut desk = Desk::new();
        desk.learn("a", 3, missing);
        desk.learn("b", 2, "> make it\nWrite ~/app/src/user.ts");
        assert_eq!(desk.before("s", "Read", "/home/dev/app/src/user.ts"), [""; 0]);
        desk.learn("c", 1, missing);
        assert_eq!(desk.before("s", "Read", "/home/dev/app/src/user.ts").len(), 1);
    }
}

mod failed {
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
        let asked =
            |desk: &Desk, command: &str, error: &str| desk.failed("s", "Bash", command, error);
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
        assert!(
            found[0].contains("`make e2e-c` worked") && found[1].contains("`make e2e-b` worked")
        );
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
}

mod session {
    use super::*;

    const ERROR: &str = "make: *** No rule to make target 'e2e'.  Stop.";

    #[test]
    fn nothing_is_said_twice_but_what_only_a_brief_said() {
        let desk = thrice(FIX);
        let told = |lines: &[String]| lines.iter().any(|line| line.starts_with(FIX_TEXT));
        assert!(told(&desk.start("s", "startup")));
        assert!(!told(&desk.start("s", "resume")));
        assert!(!told(&desk.before("s", "Bash", "make e2e")));
        assert!(told(&desk.failed("s", "Bash", "make e2e", ERROR)));
        assert!(!told(&desk.failed("s", "Bash", "make e2e", ERROR)));
        // Another session, and a subagent of this one, have contexts of their own.
        assert!(told(&desk.start("t", "startup")));
        let subagent = HookEvent { agent: "a1".into(), ..event("s", Moment::SubagentStart) };
        assert!(told(&desk.ask_with(&subagent, 0.0)));
    }

    #[test]
    fn a_new_context_window_is_told_anew() {
        let desk = thrice(FIX);
        let brief = desk.start("s", "startup");
        for source in ["compact", "clear"] {
            assert_eq!(desk.start("s", source), brief, "{source}");
            assert_eq!(desk.start("s", "resume"), [""; 0], "after {source}");
        }
    }

    #[test]
    fn what_is_held_back_is_noted_and_not_said() {
        let desk = thrice(FIX);
        let failure =
            event("s", Moment::Failed { call: call("Bash", "make e2e"), error: ERROR.into() });
        assert_eq!(desk.ask_with(&failure, 1.0), [""; 0]);
        let records = desk.journal("s").records;
        let [(at, Record::Shown { withheld, tool_use, event, .. })] = &records[..] else {
            panic!("{records:?}")
        };
        assert_eq!((*at, *withheld), (NOW, true));
        assert_eq!((tool_use.as_str(), event.as_str()), ("toolu_1", "PostToolUseFailure"));
    }

    #[test]
    fn work_is_noted_once_for_each_file() {
        let desk = Desk::new();
        for path in ["/home/dev/app/src/a.rs", "src/a.rs", "/home/dev/app/src/b.rs"] {
            assert_eq!(desk.before("s", "Edit", path), [""; 0]);
        }
        desk.before("s", "Bash", "cat src/c.rs");
        assert_eq!(desk.journal("s").touched(), ["src/b.rs", "src/a.rs"]);
        assert_eq!(desk.journal("s").records.len(), 2);
    }

    #[test]
    fn an_unknown_project_gets_no_answer() {
        let desk = thrice(FIX);
        let elsewhere = HookEvent {
            cwd: "/home/dev/unknown".into(),
            transcript: "/home/dev/.claude/projects/-home-dev-unknown/x.jsonl".into(),
            ..event("s", Moment::Start { source: "startup".into() })
        };
        assert_eq!(desk.ask_with(&elsewhere, 0.0), [""; 0]);
        assert_eq!(desk.journal("s").records, []);
        for moment in [Moment::Other, Moment::End { session: true }] {
            assert_eq!(desk.ask("s", moment), [""; 0]);
        }
    }
}

mod gone {
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
            let before =
                desk.ask_in(here.path(), makefile, Moment::Before(call("Bash", "make e2e")));
            let brief = desk.ask_in(here.path(), &format!("b{makefile}"), start());
            let tells = |lines: &[String]| lines.iter().any(|line| line.starts_with(FIX_TEXT));
            assert_eq!(tells(&at_failure), told, "{at_failure:?}");
            assert_eq!(before.len(), 0, "{before:?}");
            assert_eq!(tells(&brief), told, "{brief:?}");
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
}

mod told_by_files {
    use super::*;

    #[test]
    fn a_brief_leaves_out_what_the_agent_reads_anyway() {
        let mut desk = thrice("$ npm test\n$ npm run test:a\n$ npm run build");
        desk.put("rule", decision("rule", "never commit docs/plans", true, 1));
        let brief = |desk: &mut Desk, name: &str, text: &str| {
            let here = desk.check_out(&[(name, text)]);
            let start = Moment::Start { source: "startup".into() };
            desk.ask_in(here.path(), &format!("{name}{text}"), start).join("\n")
        };
        let (test, build, rule) = ("`npm test`", "`npm run build`", "never commit");
        for (name, text, gone, left) in [
            ("README.md", "npm test, npm run build", &[][..], &[test, build, rule][..]),
            ("CLAUDE.md", "Run `npm test`.", &[test], &[build, rule]),
            (".claude/CLAUDE.md", "npm run build", &[build], &[test, rule]),
            ("CLAUDE.local.md", "- Do not commit docs/plans", &[rule], &[test, build]),
            ("AGENTS.md", "- Always commit docs/plans", &[], &[test, build, rule]),
            ("AGENTS.md", "npm test\nnpm run test:a\n", &[test, "test:"], &[build]),
        ] {
            let said = brief(&mut desk, name, text);
            assert!(gone.iter().all(|gone| !said.contains(gone)), "{name} {text}: {said}");
            assert!(left.iter().all(|left| said.contains(left)), "{name} {text}: {said}");
        }
        std::fs::create_dir(desk.agent()).unwrap();
        std::fs::write(desk.agent().join("CLAUDE.md"), "Use `npm run build`").unwrap();
        let said = brief(&mut desk, "x", "");
        assert!(said.contains(test) && !said.contains(build), "{said}");
    }

    #[test]
    fn a_prompt_is_not_told_a_rule_that_a_file_has() {
        let mut desk = Desk::new();
        desk.put("rule", decision("rule", "never use moment for formatting dates", true, 1));
        let prompt = || Moment::Prompt("use moment for formatting the dates of orders".into());
        for (text, told) in [("", 1), ("- Never use moment for formatting dates.", 0)] {
            let here = desk.check_out(&[("CLAUDE.md", text)]);
            let said = desk.ask_in(here.path(), &format!("s{told}"), prompt());
            let told_it = said.iter().filter(|line| line.contains("moment")).count();
            assert_eq!(told_it, told, "{said:?}");
        }
    }
}

/// Classes of failures that every project has: known from one session, met in another with other
/// names and paths.
mod classes {
    use super::*;

    /// Name, what a session did, and what fails in another: command and error; what is told has
    /// these words.
    const CASES: &[(&str, &str, &str, &str, &str)] = &[
        (
            "the wrong folder",
            "in ~/app/web\n$ go test ./pkg/a !! stat ~/app/web/pkg/a: directory not found\n$ cd ~/app && go test ./pkg/a",
            "cd web && go test ./pkg/b -run TestB",
            "stat /home/dev/app/web/pkg/b: directory not found",
            "cd <project root> && go test ./pkg/a",
        ),
        (
            "a module that is not installed",
            "$ npm test !! Error: Cannot find module 'zod'\n$ npm install\n$ npm test",
            "npm run build",
            "Exit code 1\nError: Cannot find module 'express'",
            "`npm install`",
        ),
        (
            "a module of another language",
            "$ python scripts/a.py !! ModuleNotFoundError: No module named 'yaml'\n$ pip install -r requirements.txt\n$ python scripts/a.py",
            "python tools/report.py --all",
            "Exit code 1\nTraceback (most recent call last):\n  File \"/home/dev/app/tools/report.py\", line 3, in <module>\nModuleNotFoundError: No module named 'requests'",
            "pip install -r requirements.txt",
        ),
        (
            "a port that is taken",
            "$ npm run dev !! Error: listen EADDRINUSE: address already in use :::3000\n$ PORT=3001 npm run dev",
            "npm start",
            "Exit code 1\nError: listen EADDRINUSE: address already in use 127.0.0.1:8080",
            "PORT=3001",
        ),
        (
            "a file that may not be run",
            "$ ./scripts/deploy.sh !! (eval):1: permission denied: ./scripts/deploy.sh\n$ bash scripts/deploy.sh",
            "./scripts/seed.sh --all",
            "Exit code 126\n(eval):1: permission denied: ./scripts/seed.sh",
            "bash scripts/deploy.sh",
        ),
        (
            "too little time",
            "$ go test ./pkg/a !! Command timed out after 2m 0.0s\n$ go test -short ./pkg/a",
            "go test ./pkg/b",
            "Command timed out after 2m 0.0s",
            "go test -short",
        ),
        (
            "an option of the test runner",
            "$ npx jest --testPathPattern cart !! Option \"testPathPattern\" was replaced by \"--testPathPatterns\".\n$ npx jest --testPathPatterns cart",
            "npx jest --testPathPattern user --coverage",
            "Exit code 1\nOption \"testPathPattern\" was replaced by \"--testPathPatterns\".",
            "--testPathPatterns",
        ),
        (
            "an option that is unknown",
            "$ gh pr diff 88 --stat !! unknown flag: --stat\n$ gh pr diff 88 --name-only",
            "gh pr diff 104 --stat",
            "Exit code 1\nunknown flag: --stat\n\nUsage:  gh pr diff [<number> | <url> | <branch>] [flags]",
            "--name-only",
        ),
        (
            "a branch that is there",
            "$ git worktree add ../wt-a -b fix-a !! fatal: a branch named 'fix-a' already exists\n$ git worktree add ../wt-a fix-a",
            "git worktree add ../wt-b -b fix-b",
            "Exit code 255\nfatal: a branch named 'fix-b' already exists",
            "git worktree add ../wt-a fix-a",
        ),
        (
            "a branch that another worktree has",
            "$ git checkout main !! fatal: 'main' is already used by worktree at '/home/dev/app'\n$ git checkout --detach main",
            "git switch develop",
            "Exit code 128\nfatal: 'develop' is already used by worktree at '/home/dev/wt/x'",
            "git checkout --detach main",
        ),
        (
            "a push that is behind",
            "$ git push !!  ! [rejected]        main -> main (non-fast-forward)\\nerror: failed to push some refs to 'github.com:a/b.git'\n$ git pull --rebase\n$ git push",
            "git push -u origin fix-b",
            "Exit code 1\n ! [rejected]        fix-b -> fix-b (non-fast-forward)\nerror: failed to push some refs to 'github.com:a/b.git'",
            "git pull --rebase",
        ),
        (
            "a service that does not run",
            "$ docker compose up -d !! Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n$ colima start\n$ docker compose up -d",
            "docker ps",
            "Exit code 1\nCannot connect to the Docker daemon at unix:///Users/dev/.docker/run/docker.sock. Is the docker daemon running?",
            "colima start",
        ),
        (
            "a database that does not answer",
            "$ npm run migrate !! Error: connect ECONNREFUSED 127.0.0.1:5432\n$ docker compose up -d db\n$ npm run migrate",
            "npm test -- users",
            "Exit code 1\nError: connect ECONNREFUSED 127.0.0.1:5433",
            "docker compose up -d db",
        ),
        (
            "a variable that is not set",
            "$ npm run migrate !! Error: DATABASE_URL is not set\n$ source .env && npm run migrate",
            "npm run seed",
            "Exit code 1\nError: DATABASE_URL is not set",
            "source .env",
        ),
        (
            "a table that is missing",
            "$ npm run seed !! error: relation \"users\" does not exist\n$ npm run migrate\n$ npm run seed",
            "npm run import -- --all",
            "Exit code 1\nerror: relation \"orders\" does not exist",
            "npm run migrate",
        ),
        (
            "a program that is not there",
            "$ python a.py !! zsh: command not found: python\n$ python3 a.py",
            "python tools/b.py --all",
            "Exit code 127\nzsh: command not found: python",
            "`python3",
        ),
        (
            "a program that others have",
            "$ timeout 30 npm test !! (eval):1: command not found: timeout\n$ npm test",
            "timeout 60 go test ./...",
            "Exit code 127\n(eval):1: command not found: timeout",
            "`npm test` worked",
        ),
        (
            "a script of another name",
            "$ npm run typecheck !! npm error Missing script: \"typecheck\"\n$ npm run check-types",
            "cd web && npm run typecheck",
            "npm error Missing script: \"typecheck\"",
            "npm run check-types",
        ),
        (
            "a rule that the linter does not know",
            "$ ruff check --select E999X src !! error: invalid value 'E999X' for '--select <RULE_CODE>'\n$ ruff check --select E9 src",
            "ruff check --select W999X lib",
            "error: invalid value 'W999X' for '--select <RULE_CODE>'",
            "ruff check --select E9",
        ),
        (
            "a build before the tests",
            "$ npm test -- cart !! Error: Cannot find module '@shop/pricing'\n$ npm run build:packages && npm test -- cart",
            "npm test -- user",
            "Exit code 1\nError: Cannot find module '@shop/accounts'",
            "npm run build:packages",
        ),
        (
            "a system that is managed",
            "$ pip install yaml !! error: externally-managed-environment\n$ python3 -m venv .venv && .venv/bin/pip install yaml",
            "pip install requests",
            "Exit code 1\nerror: externally-managed-environment\n\n× This environment is externally managed",
            "python3 -m venv .venv",
        ),
        (
            "tests behind a tag",
            "$ go test ./cmd/a/integration !! package app/cmd/a/integration: build constraints exclude all Go files in ~/app/cmd/a/integration\n$ go test -tags=integration ./cmd/a/integration",
            "go test ./cmd/b/integration -run TestX",
            "Exit code 1\npackage app/cmd/b/integration: build constraints exclude all Go files in /home/dev/app/cmd/b/integration",
            "-tags=integration",
        ),
        (
            "a git repository that is elsewhere",
            "in ~/app/..\n$ git status !! fatal: not a git repository (or any of the parent directories): .git\n$ cd ~/app && git status",
            "git log --oneline -3",
            "Exit code 128\nfatal: not a git repository (or any of the parent directories): .git",
            "cd <project root>",
        ),
        (
            "a sandbox that a test needs",
            "$ cargo test --test net_a !! error: no test target named `net_a` in `app` package\n$ cargo test -p app-net --test net_a",
            "cargo test --test net_b",
            "error: no test target named `net_b` in `app` package",
            "cargo test -p app-net",
        ),
    ];

    #[test]
    fn what_mended_it_is_told_whatever_the_names() {
        let mut silent = Vec::new();
        for (name, script, command, error, expected) in CASES {
            let mut desk = Desk::new();
            desk.learn("learned", 1, &format!("> do it\n{script}"));
            let told = desk.failed("s", "Bash", command, error);
            if !told.iter().any(|line| line.contains(expected)) {
                silent.push((name, told));
            }
        }
        assert!(silent.is_empty(), "{silent:#?}");
    }
}
