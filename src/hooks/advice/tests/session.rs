//! What is said again within a session, and what is not.

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
