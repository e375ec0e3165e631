//! What a call was made on, and what its input and result tell about it.

use std::borrow::Cow;

use super::outcome::ToolResult;
use super::scan::Array;
use super::symbols;
use super::text::{Limit, stored};
use super::wire;
use crate::model::exclude::{Exclusions, Text};
use crate::model::trajectory::Call;
use crate::redact;

/// How many matched files of a search are kept.
const MAX_FILES: usize = 40;

/// The word that says the user changed what the agent proposed before accepting it.
const USER_MODIFIED: &str = "user-modified";

/// The call of the tool `name` with the raw `input`, still without its [`detail`]; its outcome is
/// unknown.
pub(super) fn opened(name: &str, input: &[u8]) -> Call {
    let subject = stored(&subject(name, input), Limit::SUBJECT);
    Call { tool: name.to_owned(), subject, ..Call::default() }
}

/// What the raw `input` of a call of the tool `name` tells beyond the subject.
pub(super) fn detail(name: &str, input: &[u8]) -> String {
    stored(&input_detail(name, input), Limit::DETAIL)
}

/// Whether the results of the tool `name` may tell all that the [`detail`] of its calls would.
pub(super) fn may_be_retold(name: &str) -> bool {
    matches!(name, "Edit" | "Write" | "MultiEdit")
}

/// Whether [`result_detail`] finds in the result of a call that worked what makes the [`detail`]
/// of its input needless.
pub(super) fn is_retold(call: &Call, result: &ToolResult) -> bool {
    may_be_retold(&call.tool)
        && patched_lines(result).is_some_and(|mut lines| lines.any(|line| is_change(&line)))
}

/// Whether a call that was made in the folder `cwd` is left out: its tool is excluded, or it works
/// on or names an excluded path.
pub(super) fn is_excluded(name: &str, input: &[u8], exclusions: &Exclusions, cwd: &str) -> bool {
    if exclusions.is_without_steps() {
        return false;
    }
    if exclusions.tool(name) {
        return true;
    }
    let field = |name| wire::string_member(input, name);
    let files = ["file_path", "notebook_path", "path"];
    if files.iter().filter_map(|name| field(name)).any(|path| exclusions.path(&path, cwd)) {
        return true;
    }
    let kind =
        if name == "Bash" && field("command").is_some() { Text::Command } else { Text::Output };
    let named = |text: &str, kind| exclusions.named_in(text, kind, cwd);
    let detail = match name {
        // Of what is written only names of the language are kept.
        "Edit" | "MultiEdit" | "Write" | "NotebookEdit" => String::new(),
        _ => input_detail(name, input),
    };
    named(&subject(name, input), kind) || named(&detail, Text::Prose)
}

/// What the call was made on.
fn subject<'a>(tool: &str, input: &'a [u8]) -> Cow<'a, str> {
    let field = |name| wire::string_member(input, name);
    let known = match tool {
        "Bash" => field("command"),
        "Read" | "Edit" | "Write" | "MultiEdit" | "NotebookEdit" | "NotebookRead" | "LS" => {
            field("file_path").or_else(|| field("notebook_path")).or_else(|| field("path"))
        }
        "Grep" | "Glob" => field("pattern").map(|pattern| match field("path") {
            Some(path) => Cow::Owned(format!("{pattern} {path}")),
            None => pattern,
        }),
        "WebFetch" => field("url"),
        "WebSearch" => field("query"),
        _ => None,
    };
    known.unwrap_or_else(|| wire::compact(input))
}

/// What the input tells beyond the subject.
fn input_detail(tool: &str, input: &[u8]) -> String {
    let field = |name| wire::string_member(input, name).unwrap_or_default();
    match tool {
        "Bash" => field("description").into_owned(),
        "Edit" => names_in_edits(&[(field("old_string"), field("new_string"))]),
        "MultiEdit" => {
            let edits = super::scan::member(input, "edits").and_then(Array::open);
            let text = |edit, name| wire::string_member(edit, name).unwrap_or_default();
            let pairs = edits.into_iter().flatten();
            let pairs: Vec<_> =
                pairs.map(|edit| (text(edit, "old_string"), text(edit, "new_string"))).collect();
            names_in_edits(&pairs)
        }
        "Write" => names_in_edits(&[(Cow::Borrowed(""), field("content"))]),
        "NotebookEdit" => names_in_edits(&[(Cow::Borrowed(""), field("new_source"))]),
        "Agent" | "Task" => format!("{} {}", field("subagent_type"), field("description")),
        _ => String::new(),
    }
}

/// The names on the lines that differ between the two texts of each pair.
fn names_in_edits(pairs: &[(Cow<'_, str>, Cow<'_, str>)]) -> String {
    let lines: Vec<&str> =
        pairs.iter().flat_map(|(old, new)| symbols::changed_lines(old, new)).collect();
    names_on(&lines)
}

/// The names on these lines. Secrets are masked first: a word alone does not tell that it is one.
fn names_on(lines: &[&str]) -> String {
    let text = lines.join("\n");
    let masked = redact::mask(&text);
    let lines: Vec<&str> = masked.lines().collect();
    symbols::mentioned(&lines).join(" ")
}

/// What the result of a call that worked tells about it; `None` if it adds nothing to what the
/// input told. Of the files that a search found those are told that may be, as `kept` says.
pub(super) fn result_detail(
    call: &Call,
    result: &ToolResult,
    kept: &dyn Fn(&str) -> bool,
) -> Option<String> {
    let found = match call.tool.as_str() {
        "Read" => Some(shown_definitions(result)),
        "Grep" | "Glob" => Some(matched_files(result, kept)),
        "Edit" | "Write" | "MultiEdit" => patched_names(result),
        _ => None,
    };
    let structured = result.structured();
    let modified =
        [structured.user_modified, structured.plan_edited].into_iter().any(wire::is_true);
    if !modified {
        return found.map(|detail| stored(&detail, Limit::DETAIL));
    }
    let detail = format!("{USER_MODIFIED} {}", found.as_deref().unwrap_or(&call.detail));
    Some(stored(&detail, Limit::DETAIL))
}

/// The names defined in what a Read showed.
fn shown_definitions(result: &ToolResult) -> String {
    if let Some(names) = result.structured().shown.and_then(symbols::defined_in_raw) {
        return names.join(" ");
    }
    let text = result.text();
    let lines: Vec<&str> = text.lines().map(without_line_number).collect();
    symbols::defined(&lines.join("\n")).join(" ")
}

/// `line` without the number that Read puts before it (`   12→` or `   12<tab>`).
fn without_line_number(line: &str) -> &str {
    let rest = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
    rest.strip_prefix('→').or_else(|| rest.strip_prefix('\t')).unwrap_or(line)
}

/// The names on the lines that an edit changed, as the client's own patch shows them.
fn patched_names(result: &ToolResult) -> Option<String> {
    let lines: Vec<Cow<str>> = patched_lines(result)?.filter(|line| is_change(line)).collect();
    let changed = |mark| lines.iter().filter_map(move |line| line.strip_prefix(mark));
    let all: Vec<&str> = changed('+').chain(changed('-')).collect();
    (!all.is_empty()).then(|| names_on(&all))
}

/// The lines of the client's own patch, those around a change as well.
fn patched_lines<'a>(result: &ToolResult<'a>) -> Option<impl Iterator<Item = Cow<'a, str>>> {
    let hunks = Array::open(result.structured().patch?)?;
    let lines = hunks.filter_map(|hunk| super::scan::member(hunk, "lines").and_then(Array::open));
    Some(lines.flatten().filter_map(wire::string))
}

/// Whether a line of a patch is one that was added or removed.
fn is_change(line: &str) -> bool {
    line.starts_with(['+', '-'])
}

/// The files that a search matched, one a line.
fn matched_files(result: &ToolResult, kept: &dyn Fn(&str) -> bool) -> String {
    if let Some(names) = result.structured().filenames.and_then(Array::open) {
        let names = names.filter_map(wire::string);
        let mut names: Vec<Cow<str>> = names.take(MAX_FILES).collect();
        let found = !names.is_empty();
        names.retain(|name| kept(name));
        if found && names.is_empty() {
            return String::new();
        }
        if !names.is_empty() {
            return names.join("\n");
        }
    }
    // With content shown, matches are `path:line:text`; else there is a path a line.
    let text = result.text();
    let matched: Vec<&str> = text.lines().filter_map(matched_path).collect();
    let paths = if matched.is_empty() { text.lines().map(str::trim).collect() } else { matched };
    let mut files: Vec<&str> = Vec::new();
    for path in paths {
        let like_a_path = path.contains(['/', '.']) && !path.contains([' ', ':']);
        if like_a_path && !files.contains(&path) && files.len() < MAX_FILES && kept(path) {
            files.push(path);
        }
    }
    files.join("\n")
}

/// The path of a line of the form `path:line:text`.
fn matched_path(line: &str) -> Option<&str> {
    let (path, rest) = line.split_once(':')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0 && rest[digits..].starts_with(':')).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::super::wire::Top;
    use super::*;

    #[test]
    fn subject_and_detail_come_from_the_input() {
        let cases = [
            (
                "Bash",
                r#"{"command":"go test ./...","description":"Run tests"}"#,
                "go test ./...",
                "Run tests",
            ),
            ("Read", r#"{"file_path":"/a/b.go","limit":5}"#, "/a/b.go", ""),
            (
                "Edit",
                r#"{"file_path":"/a","old_string":"x = oldName\ny","new_string":"x = newName\ny"}"#,
                "/a",
                "newName oldName",
            ),
            (
                "MultiEdit",
                r#"{"file_path":"/a","edits":[{"old_string":"aaa_b","new_string":"aaa_c"}]}"#,
                "/a",
                "aaa_c aaa_b",
            ),
            ("Write", r#"{"file_path":"/a","content":"func New() {\n"}"#, "/a", "New"),
            ("Grep", r#"{"pattern":"f.*o","path":"src"}"#, "f.*o src", ""),
            ("Glob", r#"{"pattern":"**/*.rs"}"#, "**/*.rs", ""),
            ("LS", r#"{"path":"/a"}"#, "/a", ""),
            (
                "NotebookEdit",
                r#"{"notebook_path":"/n.ipynb","new_source":"def f():"}"#,
                "/n.ipynb",
                "f",
            ),
            ("WebFetch", r#"{"url":"https://x","prompt":"p"}"#, "https://x", ""),
            ("WebSearch", r#"{"query":"q"}"#, "q", ""),
            (
                "Task",
                r#"{"description":"Find x","subagent_type":"Explore"}"#,
                r#"{"description":"Find x","subagent_type":"Explore"}"#,
                "Explore Find x",
            ),
            ("mcp__a__b", r#"{ "k": 1 }"#, r#"{"k":1}"#, ""),
            ("Bash", r#"{"command":7}"#, r#"{"command":7}"#, ""),
            ("Read", "", "", ""),
        ];
        for (tool, input, subject, detail) in cases {
            let call = opened(tool, input.as_bytes());
            let told = super::detail(tool, input.as_bytes());
            assert_eq!((call.subject.as_str(), told.as_str()), (subject, detail), "{input}");
        }
    }

    #[test]
    fn the_result_tells_more() {
        let cases = [
            ("Read", r#""x""#, r#"{"file":{"content":"class A:\n  def b(self):\n"}}"#, Some("A b")),
            ("Read", r#""     1→func A() {\n     2→}\n    10→func B() {""#, "{}", Some("A B")),
            ("Grep", r#""x""#, r#"{"filenames":["a.rs","b.rs"]}"#, Some("a.rs\nb.rs")),
            (
                "Grep",
                r#""src/a.go:1:x y\nsrc/a.go:2:z\nFound 2 files""#,
                r#"{"filenames":[]}"#,
                Some("src/a.go"),
            ),
            (
                "Edit",
                r#""x""#,
                r#"{"structuredPatch":[{"lines":[" keepMe","-goneName","+newName"]}]}"#,
                Some("newName goneName"),
            ),
            ("Edit", r#""x""#, r#"{"structuredPatch":[]}"#, None),
            (
                "Edit",
                r#""x""#,
                r#"{"structuredPatch":[],"userModified":true}"#,
                Some("user-modified before"),
            ),
            ("Bash", r#""x""#, r#"{"stdout":"class A:"}"#, None),
            ("Read", "7", r#""a string""#, Some("")),
        ];
        for (tool, content, structured, detail) in cases {
            let line = format!(r#"{{"type":"user","toolUseResult":{structured}}}"#);
            let (_, top, _) = Top::read(line.as_bytes()).unwrap();
            let call = Call { tool: tool.into(), detail: "before".into(), ..Call::default() };
            let result = ToolResult { content: content.as_bytes(), is_error: false, top: &top };
            let found = result_detail(&call, &result, &|_| true);
            assert_eq!(found.as_deref(), detail, "{structured}");
        }
    }
}
