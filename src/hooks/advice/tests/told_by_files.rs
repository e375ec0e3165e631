//! What is not said because the agent reads it anyway.

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
