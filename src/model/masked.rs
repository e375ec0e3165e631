//! Finds failures that the shell reported as success. Hot.
//!
//! `x | tail`, `x || true` and `x; echo done` end with the status of their last command, so the
//! client marks nothing although `x` failed. Only its output can tell. A wrong alarm teaches
//! wrong things, so this looks only where the status was really hidden, only at programs that
//! report about themselves, and only for wordings by which such programs sum up a failure.

use super::shell::{Category, Normal, Part};
use super::signature::{plain, telling_line};

/// Bytes of an output that are looked at, from its start and from its end.
const MAX_HALF: usize = 16 * 1024;

/// Lines from the start in which a program complains that it cannot begin.
const FIRST_LINES: usize = 4;

/// The telling part of `output` when `command`, whose result is not marked as an error, failed
/// all the same.
pub(crate) fn masked_failure(command: &Normal, output: &str) -> Option<String> {
    if output.trim().is_empty() || asks_for_help(command) {
        return None;
    }
    let wrapped = command.parts.iter().any(|part| part.program == "rtk");
    let hidden = command.status_hidden || wrapped;
    let moves = command.parts.iter().any(|part| part.dir.is_some());
    if !hidden && !moves {
        return None;
    }
    let text = plain(&ends(output));
    if let Some(line) = missing_directory(&text).filter(|_| moves) {
        return Some(line.to_owned());
    }
    if !hidden {
        return None;
    }
    if let Some(line) = rejected_options(&text).or_else(|| refused_by_git(command, &text)) {
        return Some(line.to_owned());
    }
    if command.parts.iter().all(only_prints) {
        return None;
    }
    let mut evidence = None;
    if command.prints_status {
        evidence = printed_status(&text);
    }
    let prints = command.parts.iter().any(only_prints);
    if evidence.is_none() && !prints {
        evidence = reported(command, &text);
    }
    let evidence = evidence?;
    let telling = telling_line("Bash", &text);
    if telling.is_empty() || telling == evidence || prints {
        return Some(evidence);
    }
    Some(format!("{telling}\n{evidence}"))
}

/// A program's complaint about its options, followed by its usage. No file reads like that, so
/// this counts for programs that print files, too.
fn rejected_options(text: &str) -> Option<&str> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next()?;
    let lower = first.to_ascii_lowercase();
    let marks = ["illegal option", "invalid option", "unrecognized option", "unexpected argument"];
    let more = ["unknown option", "unrecognized subcommand", "unknown flag"];
    if !marks.iter().chain(&more).any(|mark| lower.contains(mark)) {
        return None;
    }
    let mut rest = lines.take(FIRST_LINES).peekable();
    let alone = rest.peek().is_none() && lower.starts_with("error: ");
    let usage = |line: &str| {
        let start = line.get(..6).unwrap_or_default();
        start.eq_ignore_ascii_case("usage:") || start == "Try '"
    };
    (alone || rest.any(usage)).then_some(first)
}

/// What git says before anything else; its history and files do not begin like that.
fn refused_by_git<'a>(command: &Normal, text: &'a str) -> Option<&'a str> {
    let first = first_line(text)?;
    let git = command.parts.iter().all(|part| part.program == "git");
    (git && first.starts_with("fatal: ")).then_some(first)
}

/// What the shell says when a `cd` fails. After `cd x;` the rest runs all the same, elsewhere.
fn missing_directory(text: &str) -> Option<&str> {
    let first = first_line(text)?;
    let cd = first.contains(": cd: ") || first.starts_with("(eval):cd:");
    (cd && from_shell(first)).then_some(first)
}

fn first_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).find(|line| !line.is_empty())
}

/// The start and the end of a long output.
fn ends(text: &str) -> std::borrow::Cow<'_, str> {
    if text.len() <= 2 * MAX_HALF {
        return text.into();
    }
    let start = &text[..text.floor_char_boundary(MAX_HALF)];
    let end = &text[text.ceil_char_boundary(text.len() - MAX_HALF)..];
    format!("{start}\n{end}").into()
}

/// Whether what `part` prints is not about itself: files, matches, logs, history, answers of a
/// server.
fn only_prints(part: &Part) -> bool {
    let subcommand = part.head.rsplit(' ').next().unwrap_or("");
    match part.category() {
        Category::Search | Category::Files | Category::Network | Category::Database => true,
        Category::Vcs => match part.program.as_str() {
            "git" | "rtk" | "jj" | "hg" => matches!(
                subcommand,
                "log"
                    | "show"
                    | "diff"
                    | "blame"
                    | "grep"
                    | "cat-file"
                    | "ls-tree"
                    | "ls-files"
                    | "reflog"
                    | "shortlog"
                    | "status"
                    | "branch"
                    | "config"
                    | "rev-parse"
            ),
            _ => !matches!(subcommand, "merge" | "create" | "edit" | "close" | "checkout"),
        },
        Category::Container => matches!(subcommand, "logs" | "describe" | "get" | "inspect" | "ps"),
        Category::Other | Category::Run => matches!(
            part.program.as_str(),
            "claude" | "xargs" | "journalctl" | "ps" | "pgrep" | "date" | "man" | "export" | "cd"
        ),
        _ => false,
    }
}

/// The line in which an `echo` printed a status other than 0. With several, the last counts.
fn printed_status(text: &str) -> Option<String> {
    let mut statuses = text.lines().rev().filter_map(|line| {
        let line = line.trim();
        let number = line.trim_end_matches(|c: char| !c.is_ascii_digit());
        let digits = number.len() - number.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let (name, value) = number.split_at(number.len() - digits);
        let name = name.to_ascii_lowercase();
        let names_it = ["exit", "status", "rc", "code"].iter().any(|word| name.contains(word));
        (line.len() < 40 && digits > 0 && names_it).then_some((line, value))
    });
    let (line, value) = statuses.next()?;
    let status: u8 = value.parse().ok()?;
    (status != 0).then(|| line.to_owned())
}

/// The line in which one of the programs says that it failed.
fn reported(command: &Normal, text: &str) -> Option<String> {
    let tests = command.parts.iter().any(|part| part.category() == Category::Test);
    let (mut firm, mut weak, mut passed) = (None, None, false);
    for line in text.lines().map(str::trim) {
        if is_passing_summary(line) {
            // What a passing test run prints may look like anything.
            (weak, passed) = (None, true);
        } else if firm.is_none() && is_verdict(line, tests) {
            firm = Some(line);
        } else if weak.is_none() && is_weak_verdict(line) {
            weak = Some(line);
        }
    }
    match firm.or(weak) {
        Some(line) => Some(line.to_owned()),
        None if passed => None,
        None => refused(command, text),
    }
}

fn asks_for_help(command: &Normal) -> bool {
    let help = |word: &String| matches!(word.as_str(), "--help" | "-h" | "help");
    command.parts.iter().any(|part| part.words.iter().any(help))
}

/// A test runner's summary without failures. What its tests print may look like anything.
fn is_passing_summary(line: &str) -> bool {
    line == "0 fail"
        || line.starts_with("test result: ok.")
        || (line.starts_with("Tests:") && !line.contains("failed"))
        || line.contains(" 0 failures")
        || line == "0 issues."
}

/// Whether a program sums up its run with this line as failed; with `tests`, a test runner.
fn is_verdict(line: &str, tests: bool) -> bool {
    const STARTS: &[&str] = &[
        "--- FAIL: ",
        "FAIL\t",
        "(fail) ",
        "FAILED (failures=",
        "FAILED (errors=",
        "FAILED: ",
        "test result: FAILED",
        "error: could not compile ",
        "error: script \"",
        "error: Script not found ",
        "error: recipe ",
        "BUILD FAILED",
        "FAILURE: Build failed",
    ];
    STARTS.iter().any(|mark| line.starts_with(mark))
        || line.ends_with("ERROR task failed")
        || line.contains("make: *** ")
        || (line.starts_with("make[") && line.contains("]: *** "))
        || (line.contains("ELIFECYCLE") && line.contains("ERR"))
        || (tests && line == "FAIL")
        || (tests
            && line.starts_with("FAIL ")
            && (line.contains(".test.") || line.contains(".spec.")))
}

/// Lines that sum up a failure, but that also stand in the log of a passing test.
fn is_weak_verdict(line: &str) -> bool {
    line.starts_with("npm ERR! ")
        || line.starts_with("npm error ")
        || line.starts_with("error[E")
        || line.starts_with("Error: Process completed with exit code ")
        || (line.contains(": error TS") && line.contains('('))
        || status_line(line)
        || counts_failures(line)
}

/// `exit status 1` or `Exit status 1` alone.
fn status_line(line: &str) -> bool {
    let rest = line.strip_prefix("exit status ").or_else(|| line.strip_prefix("Exit status "));
    rest.is_some_and(|n| n.parse::<u32>().is_ok_and(|n| n != 0))
}

/// `3 failed, 2 passed in 0.1s`, ` 2 fail`, `✖ 3 problems (1 error, 2 warnings)`, `Found 2 errors`.
fn counts_failures(line: &str) -> bool {
    let line = line.trim_matches('=').trim();
    if line.len() > 120 {
        return false;
    }
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    let positive = |word: &str| word.parse::<u32>().is_ok_and(|n| n > 0);
    if positive(first) {
        return rest == "fail"
            || rest == "failed"
            || rest.starts_with("failed, ")
            || rest.starts_with("failed in ")
            || (rest == "issues:");
    }
    let second = rest.split(' ').next().unwrap_or("");
    match first {
        "Found" => positive(second) && (rest.contains(" error") && !rest.contains("0 error")),
        "✖" => positive(second) && rest.contains("problem") && !rest.contains("(0 errors"),
        "Tests:" | "Test" => {
            line.contains(" failed") && !line.contains(" 0 failed") && (first == "Tests:")
        }
        _ => false,
    }
}

/// The complaint of a program that could not begin: it stands at the start, in the program's own
/// words.
fn refused(command: &Normal, text: &str) -> Option<String> {
    let first = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(FIRST_LINES);
    let tests = command.parts.iter().all(|part| part.category() == Category::Test);
    for (at, line) in first.enumerate() {
        // What tests print stands before any verdict and may say anything.
        if tests && at > 0 && !from_shell(line) {
            continue;
        }
        if from_shell(line) || complains(command, line) {
            return Some(line.to_owned());
        }
    }
    if !tests
        && let Some(line) = text.lines().find(|line| line.starts_with("Traceback (most recent"))
    {
        return Some(line.to_owned());
    }
    None
}

/// What the shell says when it cannot start a program.
fn from_shell(line: &str) -> bool {
    let shell = ["(eval):", "bash: ", "zsh: ", "sh: ", "/bin/sh: ", "/bin/bash: "]
        .iter()
        .any(|shell| line.starts_with(shell));
    shell
        && [
            "command not found",
            "No such file or directory",
            "Permission denied",
            "not found",
            "no such file",
        ]
        .iter()
        .any(|mark| line.contains(mark))
}

/// What programs say when they reject their command line or cannot do anything.
fn complains(command: &Normal, line: &str) -> bool {
    let git = command.parts.iter().any(|part| part.head.contains("git"));
    if git && line.starts_with("fatal: ") {
        return true;
    }
    let lower = line.to_ascii_lowercase();
    let names_itself = command.parts.iter().any(|part| {
        lower.strip_prefix(part.program.as_str()).is_some_and(|rest| rest.starts_with(": "))
    });
    let usage = [
        "unrecognized subcommand",
        "unrecognized option",
        "unexpected argument",
        "unknown command",
        "unknown flag",
        "unknown shorthand flag",
        "unknown option",
        "invalid option",
        "illegal option",
        "missing script",
        "script not found",
        "no such command",
        "can't load config",
        "externally-managed-environment",
        "no such file or directory",
        "not found",
        "permission denied",
    ];
    let error = lower.starts_with("error: ") || lower.starts_with("unknown ") || names_itself;
    error && usage.iter().any(|mark| lower.contains(mark))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::shell::normalise;
    use super::*;

    fn found(command: &str, output: &str) -> Option<String> {
        masked_failure(&normalise(command), output)
    }

    #[test]
    fn hidden_failures_are_found() {
        let cases = [
            (
                "go test ./... 2>&1 | tail -5",
                "--- FAIL: TestA (0.1s)\nFAIL\nFAIL\tp\t0.3s",
                "--- FAIL: TestA (0.1s)",
            ),
            (
                "bun run lint 2>&1 | tail",
                "  × Some errors\n\nerror: script \"lint\" exited with code 1",
                "error: script \"lint\" exited with code 1",
            ),
            ("bun test | tail -5", " 1365 pass\n 228 fail\n 228 errors", "228 fail"),
            (
                "rtk bun run lint 2>&1 | tail -20",
                "error: unrecognized subcommand 'bun'\n\nUsage: rtk",
                "error: unrecognized subcommand 'bun'",
            ),
            (
                "make lint || true",
                "x.c:1:2: error: y\nmake: *** [lint] Error 2",
                "make: *** [lint] Error 2",
            ),
            ("./tool check 2>&1; echo \"exit=$?\"", "something\nexit=1", "exit=1"),
            (
                "cargo build 2>&1 | tail -3",
                "error: could not compile `x` (bin \"x\")",
                "error: could not compile `x` (bin \"x\")",
            ),
            (
                "python3 gen.py | head",
                "Traceback (most recent call last):\n  File \"gen.py\", line 1\nKeyError: 'x'",
                "KeyError: 'x'",
            ),
            (
                "pytest -q | tail -3",
                "FAILED tests/a.py::b - x\n1 failed, 3 passed in 0.1s",
                "1 failed, 3 passed in 0.1s",
            ),
            (
                "git push 2>&1 | tail -2",
                "fatal: unable to access 'https://x.test/'",
                "fatal: unable to access",
            ),
            (
                "npm run x | head",
                "npm error Missing script: \"x\"",
                "npm error Missing script: \"x\"",
            ),
            ("foo | head", "bash: line 1: foo: command not found", "command not found"),
            (
                "pip3 install x | head -5",
                "error: externally-managed-environment",
                "externally-managed",
            ),
            (
                "mise run test 2>&1 | tail",
                "FAIL\tp [build failed]\n[test] ERROR task failed",
                "FAIL\tp [build failed]",
            ),
            ("rtk git commit -m x", "FAILED: git commit\nhook said no", "FAILED: git commit"),
            (
                "sed -n 1,5p a | cat -A | head",
                "cat: illegal option -- A\nusage: cat [-belnstuv] [file ...]",
                "cat: illegal option -- A",
            ),
            (
                "cat -A a.ts | sed -n 1,5p",
                "error: unexpected argument '-A' found\n\n  tip: x\n\nUsage: rtk read <FILE>",
                "error: unexpected argument '-A' found",
            ),
            (
                "git log -1 2>&1 || echo none",
                "fatal: bad revision 'x'\nnone",
                "fatal: bad revision",
            ),
            (
                "mise run lint | tail -2 && mise run test | tail",
                "0 issues.\nFAIL\tp\t1s",
                "FAIL\tp",
            ),
            ("go test ./... | grep -E 'FAIL$'", "FAIL", "FAIL"),
            ("cd a/b; ls x", "/bin/bash: line 1: cd: a/b: No such file or directory\nx", "cd: a/b"),
        ];
        for (command, output, expected) in cases {
            let part = found(command, output);
            assert!(part.as_ref().is_some_and(|p| p.contains(expected)), "{command}: {part:?}");
        }
    }

    #[test]
    fn mentions_of_errors_are_no_failures() {
        let cases = [
            ("grep -rn error src | head", "src/a.rs:1: error: could not compile `x`"),
            ("cat build.log | tail", "make: *** [x] Error 2"),
            ("git log --oneline | head", "abc fatal: fix\nerror: script \"x\" failed"),
            ("gh run view 1 --log | tail", "error[E0308]: mismatched types"),
            ("curl -s x.test | head", "error: Script not found"),
            ("bun test 2>&1 | tail -20", "error: Database connection failed\n 1274 pass\n 0 fail"),
            ("bun run test", "error: Item 3 failed\n 2 fail"),
            ("cargo test 2>&1 | tail", "test result: ok. 3 passed; 0 failed"),
            ("mytool --help 2>&1 | head", "error: unknown command"),
            ("go build ./... 2>&1 | head", ""),
            ("mise run lint 2>&1 | tail -5", "[lint] $ golangci-lint run ./...\n0 issues."),
            ("./tool; echo \"exit: $?\"", "0 errors\nexit: 0"),
            ("ls /x; echo EXIT:$?", "ls: /x: No such file or directory\nEXIT:1"),
            ("sed -n 1,20p a.rs && git diff | head", "+ FAIL\tx\n+--- FAIL: x"),
            ("cat usage.txt | head", "cat: illegal option -- A\nand so on"),
            ("npm run dev | head", "listening, 0 errors\nFound 0 errors. Watching"),
        ];
        for (command, output) in cases {
            assert_eq!(found(command, output), None, "{command}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(command in "\\PC{0,30}", output in "(?s).{0,200}") {
            drop(found(&command, &output));
        }

        #[test]
        fn a_shown_status_is_believed(output in "(?s).{0,200}") {
            prop_assert_eq!(found("go test ./... && make", &output), None);
        }
    }
}
