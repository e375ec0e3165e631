//! What a session is told at its start.

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
fn what_comes_after_the_costliest_mistakes_is_judged_as_they_are() {
    let failed = |n: u32| format!("$ make t{n} !! make: *** No rule to make target 't{n}'.  Stop.");
    let mut desk = Desk::new();
    // The earlier ones failed in more sessions.
    for session in 0..14 {
        let script: Vec<String> = (0..14 - session).map(failed).collect();
        desk.learn(&format!("failed {session}"), 2, &script.join("\n"));
    }
    let told = |desk: &Desk| -> Vec<String> {
        let brief = desk.start("s", "startup");
        let targets = brief.iter().filter_map(|line| line.split_once("`make "));
        targets.map(|(_, rest)| rest.split_once('`').unwrap().0.to_owned()).collect()
    };
    assert_eq!(told(&desk), ["t0", "t1", "t2"]);
    // All but three of them have a fix by now.
    let mended = (0..14).filter(|n| ![8, 10, 11].contains(n));
    let script: Vec<String> =
        mended.map(|n| format!("{}\n$ make test-{n}\n$ make all", failed(n))).collect();
    desk.learn("mended", 1, &script.join("\n"));
    let told = told(&desk);
    assert_eq!(told, ["t8", "t10", "t11"]);
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
