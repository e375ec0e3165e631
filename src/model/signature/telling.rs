//! Finds the line of an output that tells what went wrong. Hot.

use super::pairs::Pairs;

/// Bytes of a line that are looked at.
const MAX_LINE: usize = 600;

/// The score of a line that speaks of no failure.
const PLAIN: u32 = 10;

/// An output of so many lines at most is a message as a whole.
const FEW_LINES: usize = 4;

/// The most telling line of `text` (without control sequences), cleaned for a reader: one line,
/// single spaces, without decoration. Empty when there is no text.
pub(crate) fn telling_line(tool: &str, text: &str) -> String {
    let text = tool_error(text);
    if tool != "Bash" && !text.contains('\n') {
        return tidy(text);
    }
    // The first line of a file tool's error says it; what follows quotes the input.
    if matches!(tool, "Edit" | "MultiEdit" | "Write" | "NotebookEdit")
        && let Some(first) = text.lines().find(|line| !line.trim().is_empty())
        && !first.trim_end().ends_with(':')
    {
        return tidy(first);
    }
    if let Some(line) = traceback(text) {
        return tidy(line);
    }
    let mut best: Option<(u32, usize)> = None;
    let lines: Vec<&str> = text.lines().collect();
    let mut lower = String::new();
    for (at, line) in lines.iter().enumerate() {
        let score = score(line, &mut lower);
        if score > best.map_or(0, |(score, _)| score) {
            best = Some((score, at));
        }
    }
    // Much text without any word of failure is the output of what worked before.
    let silent = best.is_none_or(|(score, _)| score <= PLAIN && lines.len() > FEW_LINES);
    let first = lines.iter().find(|line| !line.trim().is_empty());
    let at = match (best, first) {
        (_, Some(first)) if silent && first.starts_with("Exit code ") => return tidy(first),
        (Some((_, at)), _) => at,
        (None, first) => return first.map_or_else(String::new, |line| tidy(line)),
    };
    let mut line = tidy(lines[at]);
    if line.ends_with(':')
        && line.len() < 120
        && let Some(next) = lines[at + 1..].iter().find(|next| !next.trim().is_empty())
        && score_of(next) > 0
    {
        line.push(' ');
        line.push_str(&tidy(next));
    }
    line
}

/// The inside of the client's own error tag.
fn tool_error(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix("<tool_use_error>").unwrap_or(text);
    inner.strip_suffix("</tool_use_error>").unwrap_or(inner).trim()
}

/// The exception of the last Python traceback.
fn traceback(text: &str) -> Option<&str> {
    const OPENING: &str = "Traceback (most recent call last)";
    // Looking from the start is several times as fast as from the end.
    let start = text.contains(OPENING).then(|| text.rfind(OPENING)).flatten()?;
    let mut lines = text[start..].lines().skip(1);
    lines.find(|line| {
        !line.starts_with([' ', '\t', '|', '+']) && line.contains(|c: char| c.is_alphanumeric())
    })
}

/// A line for a reader.
fn tidy(line: &str) -> String {
    let line = line.trim_matches(|c: char| c.is_whitespace() || is_drawing(c));
    let line = match line.strip_prefix("E  ") {
        // pytest marks the lines of an assertion.
        Some(rest) => rest.trim_start(),
        None => line,
    };
    let mut out = String::with_capacity(line.len().min(MAX_LINE));
    for word in line[..line.floor_char_boundary(MAX_LINE)].split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// Whether the character draws frames, bars or spinners.
pub(super) fn is_drawing(character: char) -> bool {
    ('\u{2500}'..='\u{259f}').contains(&character) || ('\u{2800}'..='\u{28ff}').contains(&character)
}

fn score_of(line: &str) -> u32 {
    score(line, &mut String::new())
}

/// How telling `line` is; 0 when it says nothing. `lower` is a buffer.
fn score(line: &str, lower: &mut String) -> u32 {
    let line = line.trim_matches(|c: char| c.is_whitespace() || is_drawing(c));
    let line = &line[..line.floor_char_boundary(MAX_LINE)];
    lower.clear();
    lower.push_str(line);
    lower.make_ascii_lowercase();
    if is_noise(lower) {
        return 0;
    }
    let pairs = Pairs::of(lower);
    if let Some((_, score)) = WEAK.iter().find(|(mark, _)| pairs.contains(mark)) {
        return *score;
    }
    if is_failing_test(line, lower) {
        return 97;
    }
    if pairs.contains_any(SURE) {
        return 95;
    }
    if let Some((_, score)) = STARTS.iter().find(|(mark, _)| lower.starts_with(mark)) {
        return *score;
    }
    if is_exception(line) || pairs.contains_any(&[": error ts", "panicked at"]) {
        return 91;
    }
    if pairs.contains_any(&[" error: ", ": error:"]) {
        return 88;
    }
    if has_position(line) {
        return 80;
    }
    if pairs.contains_any(LIKELY) {
        return 60;
    }
    PLAIN
}

/// Lines that say that something failed but not what.
const WEAK: &[(&str, u32)] = &[
    ("error: script \"", 35),
    ("make: ***", 35),
    ("error task failed", 30),
    ("exit status ", 30),
    ("elifecycle", 30),
    ("errno 1", 30),
    ("lifecycle script", 30),
    ("npm err! code ", 32),
    ("npm error code ", 32),
    ("a complete log of this run", 15),
    ("error: could not compile", 35),
    ("error: test failed, to rerun", 30),
    ("error: aborting due to", 30),
    ("some errors were emitted", 32),
    ("exited with code", 32),
    ("exited with exit code", 32),
    ("command failed with exit code", 32),
    ("error: failed to push some refs", 40),
    ("[build failed]", 33),
    ("[setup failed]", 33),
    ("for more information", 15),
    ("hint: ", 20),
    ("npm warn", 5),
    ("tests failed", 36),
    ("test files ", 20),
    ("errors: ", 20),
    ("hook id: ", 12),
    ("exit code: ", 12),
    ("failed: git ", 35),
    ("failed: npm ", 35),
    ("failed: curl", 35),
];

/// Wordings that name a mistake.
const SURE: &[&str] = &[
    "command not found",
    "script not found",
    "missing script",
    "unknown command",
    "unrecognized subcommand",
    "unrecognized option",
    "unrecognized argument",
    "unknown flag",
    "unknown option",
    "unknown json field",
    "unexpected argument",
    "invalid option",
    "illegal option",
    "no such file or directory",
    "directory not found",
    "permission denied",
    "cannot find module",
    "no module named",
    "no matches found",
    "parse error near",
    "syntax error",
    "connection refused",
    "could not resolve host",
    "timed out after",
    "not a git repository",
    "did not match any file",
    "conflict (",
    "build constraints exclude all",
    "import cycle not allowed",
    "no required module provides",
    "protected branch update failed",
    "blocked by",
];

/// How lines that report an error begin.
const STARTS: &[(&str, u32)] = &[
    ("fatal: ", 94),
    ("error[e", 93),
    ("panic: ", 93),
    ("error: ", 90),
    ("error ", 86),
    ("npm err! ", 70),
    ("npm error ", 70),
    ("× ", 89),
    ("✖ ", 70),
    ("✘ ", 88),
    ("x ", 61),
    ("failed: ", 62),
    ("error:", 55),
    ("usage:", 40),
    ("warning", 8),
];

/// Words that usually stand in the line that tells.
const LIKELY: &[&str] = &[
    "error",
    "fail",
    "cannot",
    "can't",
    "could not",
    "unable to",
    "invalid",
    "denied",
    "refused",
    "missing",
    "not found",
    "not allowed",
    "not mergeable",
    "does not exist",
    "undefined",
    "unexpected",
    "unsupported",
    "already exists",
    "already used",
    "expected",
    "must be",
    "rejected",
    "required",
    "ignored by",
];

/// Lines that carry no message: echoes, progress, frames, quoted code.
fn is_noise(lower: &str) -> bool {
    if !lower.contains(|c: char| c.is_alphabetic()) || lower.starts_with("exit code ") {
        return true;
    }
    let starts = |marks: &[&str]| marks.iter().any(|mark| lower.starts_with(mark));
    if starts(&[
        "$ ",
        "> ",
        "+ ",
        "at ",
        "file \"",
        "--> ",
        "=== run",
        "=== pause",
        "=== cont",
        "--- pass",
        "ok \t",
        "ok  \t",
        "?   \t",
        "pass",
        "compiling ",
        "downloading ",
        "finished ",
        "running ",
        "node:internal",
        "in ./",
        "stack backtrace",
        "goroutine ",
        "- hook id",
        "% total",
        "(node:",
        "diff ",
        "@@ ",
        "=== name",
        "checked ",
        "done in",
    ]) {
        // `at ` also starts sentences; a frame names a place.
        return !lower.starts_with("at ") || lower.contains([':', '(', '/']);
    }
    // `[lint] $ golangci-lint run`
    if lower.starts_with('[') && lower.find("] $ ").is_some_and(|end| end < 40) {
        return true;
    }
    if lower == "fail" || lower.starts_with("fail\t") && !lower.contains('[') {
        return true;
    }
    is_gutter(lower)
}

/// Quoted source with its line number: `12 | code`, `> 60 │ code`.
fn is_gutter(line: &str) -> bool {
    let rest = line.trim_start_matches(['>', ' ']);
    let after = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
    after.len() < rest.len() && after.starts_with(['|', '│'])
}

/// The line that a test runner prints for a failing test.
fn is_failing_test(line: &str, lower: &str) -> bool {
    lower.starts_with("--- fail: ")
        || lower.starts_with("(fail) ")
        || (line.starts_with("FAILED ") && lower.contains("::"))
        || (lower.starts_with("test ") && lower.ends_with("... failed"))
        || line.starts_with("● ")
        || line.starts_with("✕ ")
        || line.starts_with("✗ ")
        || (line.starts_with("FAIL ") && lower.contains(['.', '/']))
        || (lower.starts_with("not ok ") && lower.contains(" - "))
}

/// `SomeError: text`, also with a module before it.
fn is_exception(line: &str) -> bool {
    let Some((name, _)) = line.split_once(':') else { return false };
    let name = name.strip_prefix("Uncaught ").unwrap_or(name);
    (name.ends_with("Error") || name.ends_with("Exception"))
        && name.len() > 5
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._".contains(&b))
}

/// `path:line:col: message`, as compilers and linters print it.
fn has_position(line: &str) -> bool {
    let Some((path, rest)) = line.split_once(':') else { return false };
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    digits > 0
        && rest[digits..].starts_with(':')
        && path.contains('.')
        && !path.contains(char::is_whitespace)
}
