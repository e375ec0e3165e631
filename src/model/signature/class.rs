//! Sorts errors into kinds, above all into mistakes and the normal course of work. Hot.

use super::pairs::Pairs;
use super::{bounded, plain, telling_line};

/// The kind of an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub(crate) enum ErrorClass {
    /// The program, or a module it needs, is not installed here.
    CommandNotFound,
    /// A path that does not exist.
    NoSuchFile,
    /// A directory where a file was meant, or the reverse.
    NotADirectory,
    /// The system refused access.
    PermissionDenied,
    /// An option, subcommand or argument that the program does not know; shell syntax.
    Usage,
    /// A script, task or target that the project does not define.
    ScriptNotFound,
    /// Tests ran and some failed.
    TestFailure,
    /// A linter or format check found something.
    LintFindings,
    /// The code does not compile.
    CompileError,
    /// The code does not type-check.
    TypeError,
    /// Changes that do not merge by themselves.
    MergeConflict,
    /// A server could not be reached or answered with an error.
    Network,
    /// It took too long.
    Timeout,
    /// The text to replace is not in the file, or not unique.
    EditNoMatch,
    /// A file has to be read before it is changed.
    EditNotRead,
    /// The file changed after it was read.
    FileChanged,
    /// The file is too large to be read whole.
    FileTooLarge,
    /// The tool's input does not fit, or the tool does not exist.
    InputSchema,
    /// Not logged in, or without the right.
    Auth,
    /// A rule or hook of this setup refuses the call.
    Blocked,
    /// Git refused.
    Git,
    /// None of these.
    Other,
}

impl ErrorClass {
    /// Whether it is a mistake that knowledge can prevent: a wrong command, path, option, order
    /// or environment. Failing tests, findings and code that does not compile yet are the normal
    /// loop of work.
    pub(crate) fn is_mistake(self) -> bool {
        !matches!(
            self,
            Self::TestFailure | Self::LintFindings | Self::CompileError | Self::TypeError
        )
    }

    /// All of them.
    pub(crate) const ALL: [Self; 22] = [
        Self::CommandNotFound,
        Self::NoSuchFile,
        Self::NotADirectory,
        Self::PermissionDenied,
        Self::Usage,
        Self::ScriptNotFound,
        Self::TestFailure,
        Self::LintFindings,
        Self::CompileError,
        Self::TypeError,
        Self::MergeConflict,
        Self::Network,
        Self::Timeout,
        Self::EditNoMatch,
        Self::EditNotRead,
        Self::FileChanged,
        Self::FileTooLarge,
        Self::InputSchema,
        Self::Auth,
        Self::Blocked,
        Self::Git,
        Self::Other,
    ];

    /// What is told of an error that says something else from run to run: only that there was one.
    pub(crate) fn findings(self) -> Option<&'static str> {
        match self {
            Self::TestFailure => Some("failing tests"),
            Self::LintFindings => Some("findings"),
            Self::CompileError | Self::TypeError => Some("compile errors"),
            _ => None,
        }
    }

    /// The class's name: stable, lower-case, for storage and display.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::CommandNotFound => "command-not-found",
            Self::NoSuchFile => "no-such-file",
            Self::NotADirectory => "not-a-directory",
            Self::PermissionDenied => "permission-denied",
            Self::Usage => "usage",
            Self::ScriptNotFound => "script-not-found",
            Self::TestFailure => "test-failure",
            Self::LintFindings => "lint-findings",
            Self::CompileError => "compile-error",
            Self::TypeError => "type-error",
            Self::MergeConflict => "merge-conflict",
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::EditNoMatch => "edit-no-match",
            Self::EditNotRead => "edit-not-read",
            Self::FileChanged => "file-changed",
            Self::FileTooLarge => "file-too-large",
            Self::InputSchema => "input-schema",
            Self::Auth => "auth",
            Self::Blocked => "blocked",
            Self::Git => "git",
            Self::Other => "other",
        }
    }
}

/// The class of `error`, which `tool` reported.
pub(crate) fn error_class(tool: &str, error: &str) -> ErrorClass {
    let text = plain(&bounded(error));
    of_line(tool, &telling_line(tool, &text), &text)
}

/// The class of an error with this telling line and this whole text.
pub(super) fn of_line(tool: &str, line: &str, text: &str) -> ErrorClass {
    let line = line.to_ascii_lowercase();
    let pairs = Pairs::of(&line);
    if let Some(class) = first_match(CLIENT, &pairs) {
        return class;
    }
    if tool != "Bash" {
        return first_match(LINE, &pairs).unwrap_or(ErrorClass::Other);
    }
    if pairs.contains_any(&["[setup failed]", "[build failed]"]) {
        return ErrorClass::CompileError;
    }
    if is_failing_test(&line) {
        return ErrorClass::TestFailure;
    }
    first_match(LINE, &pairs)
        .or_else(|| first_match(ANYWHERE, &Pairs::of(&text.to_ascii_lowercase())))
        .unwrap_or_else(|| by_shape(&line))
}

fn first_match(table: &[(&str, ErrorClass)], text: &Pairs<'_>) -> Option<ErrorClass> {
    table.iter().find(|(mark, _)| text.contains(mark)).map(|&(_, class)| class)
}

fn is_failing_test(line: &str) -> bool {
    ["--- fail: ", "(fail) ", "failed tests/", "● ", "✕ ", "not ok "]
        .iter()
        .any(|mark| line.starts_with(mark))
        || (line.starts_with("failed ") && line.contains("::"))
        || line.ends_with("... failed")
        || line.starts_with("fail ")
}

/// What the client and its tools say.
const CLIENT: &[(&str, ErrorClass)] = &[
    ("string to replace not found", ErrorClass::EditNoMatch),
    ("matches of the string to replace", ErrorClass::EditNoMatch),
    ("no changes to make: old_string", ErrorClass::EditNoMatch),
    ("has not been read yet", ErrorClass::EditNotRead),
    ("modified since read", ErrorClass::FileChanged),
    ("unexpectedly modified", ErrorClass::FileChanged),
    ("exceeds maximum allowed", ErrorClass::FileTooLarge),
    ("exceeds maximum size", ErrorClass::FileTooLarge),
    ("inputvalidationerror", ErrorClass::InputSchema),
    ("no such tool available", ErrorClass::InputSchema),
    ("unknown skill", ErrorClass::InputSchema),
    ("agent type '", ErrorClass::InputSchema),
    ("no task found with id", ErrorClass::InputSchema),
    ("file does not exist", ErrorClass::NoSuchFile),
    ("path does not exist", ErrorClass::NoSuchFile),
    ("hook error:", ErrorClass::Blocked),
    ("blocked by", ErrorClass::Blocked),
    ("blocked: ", ErrorClass::Blocked),
    ("has been denied", ErrorClass::Blocked),
    ("requested permissions", ErrorClass::Blocked),
    ("was denied by the", ErrorClass::Blocked),
    ("outside allowed", ErrorClass::Blocked),
];

/// What the telling line says; the first entry found decides.
const LINE: &[(&str, ErrorClass)] = &[
    ("command not found", ErrorClass::CommandNotFound),
    ("executable file not found", ErrorClass::CommandNotFound),
    ("no module named", ErrorClass::CommandNotFound),
    ("is not recognized as", ErrorClass::CommandNotFound),
    ("missing script", ErrorClass::ScriptNotFound),
    ("script not found", ErrorClass::ScriptNotFound),
    ("no rule to make target", ErrorClass::ScriptNotFound),
    ("no task named", ErrorClass::ScriptNotFound),
    ("no tasks named", ErrorClass::ScriptNotFound),
    ("does not contain recipe", ErrorClass::ScriptNotFound),
    ("couldn't find a script", ErrorClass::ScriptNotFound),
    ("no such command", ErrorClass::Usage),
    ("unrecognized", ErrorClass::Usage),
    ("unknown command", ErrorClass::Usage),
    ("unknown flag", ErrorClass::Usage),
    ("unknown shorthand flag", ErrorClass::Usage),
    ("unknown option", ErrorClass::Usage),
    ("\" was replaced by ", ErrorClass::Usage),
    ("unknown json field", ErrorClass::Usage),
    ("unknown argument", ErrorClass::Usage),
    ("unexpected argument", ErrorClass::Usage),
    ("invalid option", ErrorClass::Usage),
    ("illegal option", ErrorClass::Usage),
    ("invalid argument", ErrorClass::Usage),
    ("invalid value", ErrorClass::Usage),
    ("flag provided but not defined", ErrorClass::Usage),
    ("required arguments were not provided", ErrorClass::Usage),
    ("build constraints exclude all", ErrorClass::Usage),
    ("no matches found:", ErrorClass::NoSuchFile),
    ("parse error near", ErrorClass::Usage),
    ("syntax error near", ErrorClass::Usage),
    ("unexpected eof while looking", ErrorClass::Usage),
    ("usage:", ErrorClass::Usage),
    ("= not found", ErrorClass::Usage),
    ("jq expression", ErrorClass::Usage),
    ("jq: error", ErrorClass::Usage),
    ("must be provided", ErrorClass::Usage),
    ("cannot write multiple packages", ErrorClass::Usage),
    ("conflict (", ErrorClass::MergeConflict),
    ("merge conflict", ErrorClass::MergeConflict),
    ("error: could not apply", ErrorClass::MergeConflict),
    ("error ts", ErrorClass::TypeError),
    ("cannot find module", ErrorClass::CommandNotFound),
    ("timed out after", ErrorClass::Timeout),
    ("deadline exceeded", ErrorClass::Timeout),
    ("etimedout", ErrorClass::Network),
    ("econnrefused", ErrorClass::Network),
    ("econnreset", ErrorClass::Network),
    ("enotfound", ErrorClass::Network),
    ("connection refused", ErrorClass::Network),
    ("could not resolve host", ErrorClass::Network),
    ("socket hang up", ErrorClass::Network),
    ("status code 4", ErrorClass::Network),
    ("status code 5", ErrorClass::Network),
    ("http 404", ErrorClass::Network),
    ("network is unreachable", ErrorClass::Network),
    ("bad credentials", ErrorClass::Auth),
    ("authentication failed", ErrorClass::Auth),
    ("not logged in", ErrorClass::Auth),
    ("unauthorized", ErrorClass::Auth),
    ("http 401", ErrorClass::Auth),
    ("http 403", ErrorClass::Auth),
    ("permission denied (publickey", ErrorClass::Auth),
    ("permission denied", ErrorClass::PermissionDenied),
    ("operation not permitted", ErrorClass::PermissionDenied),
    ("eacces", ErrorClass::PermissionDenied),
    ("read-only file system", ErrorClass::PermissionDenied),
    ("eisdir", ErrorClass::NotADirectory),
    ("enotdir", ErrorClass::NotADirectory),
    ("not a directory", ErrorClass::NotADirectory),
    ("is a directory", ErrorClass::NotADirectory),
    ("no such file or directory", ErrorClass::NoSuchFile),
    ("enoent", ErrorClass::NoSuchFile),
    ("cannot find the file", ErrorClass::NoSuchFile),
    ("directory not found", ErrorClass::NoSuchFile),
    ("cannot find package", ErrorClass::NoSuchFile),
    ("did not match any file", ErrorClass::Git),
    ("not a git repository", ErrorClass::Git),
    ("failed to push", ErrorClass::Git),
    ("protected branch", ErrorClass::Git),
    ("ignored by one of your .gitignore", ErrorClass::Git),
    ("fatal: ", ErrorClass::Git),
    ("graphql: ", ErrorClass::Git),
    ("[rejected]", ErrorClass::Git),
    ("not mergeable", ErrorClass::Git),
    ("index.lock", ErrorClass::Git),
    ("git remotes configured", ErrorClass::Git),
    ("cherry-pick", ErrorClass::Git),
    ("syntaxerror", ErrorClass::CompileError),
    ("error[e", ErrorClass::CompileError),
    ("undefined: ", ErrorClass::CompileError),
    ("declared and not used", ErrorClass::CompileError),
    ("imported and not used", ErrorClass::CompileError),
    ("cannot use ", ErrorClass::CompileError),
    ("import cycle not allowed", ErrorClass::CompileError),
];

/// What stands elsewhere in the output of tools that print findings.
const ANYWHERE: &[(&str, ErrorClass)] = &[
    ("golangci-lint", ErrorClass::LintFindings),
    (" issues:\n", ErrorClass::LintFindings),
    ("biome check", ErrorClass::LintFindings),
    ("eslint", ErrorClass::LintFindings),
    ("prettier --check", ErrorClass::LintFindings),
    ("clippy::", ErrorClass::LintFindings),
    ("ruff check", ErrorClass::LintFindings),
    ("would reformat", ErrorClass::LintFindings),
    ("diff in /", ErrorClass::LintFindings),
    ("(typecheck)", ErrorClass::LintFindings),
    ("--- fail: ", ErrorClass::TestFailure),
    ("test result: failed", ErrorClass::TestFailure),
    ("tests failed", ErrorClass::TestFailure),
    ("short test summary", ErrorClass::TestFailure),
    ("expect() calls", ErrorClass::TestFailure),
    ("test files ", ErrorClass::TestFailure),
    ("[build failed]", ErrorClass::CompileError),
    ("could not compile", ErrorClass::CompileError),
    ("build failed", ErrorClass::CompileError),
];

/// A compiler's message has a position, whatever it says; Go's tests report theirs by line only.
fn by_shape(line: &str) -> ErrorClass {
    let number = |piece: Option<&str>| {
        piece.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let mut pieces = line.splitn(4, ':');
    let path = pieces.next().unwrap_or_default();
    if !path.contains('.') || path.contains(' ') || !number(pieces.next()) {
        return ErrorClass::Other;
    }
    if path.ends_with("_test.go") && !number(pieces.next()) {
        return ErrorClass::TestFailure;
    }
    ErrorClass::CompileError
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_are_listed() {
        for (n, class) in ErrorClass::ALL.iter().enumerate() {
            assert_eq!(*class as usize, n);
        }
        assert_eq!(ErrorClass::Other as usize + 1, ErrorClass::ALL.len(), "the last one");
    }

    #[test]
    fn errors_are_sorted() {
        use ErrorClass::*;
        let cases = [
            ("Bash", "Exit code 127\n(eval):1: command not found: timeout", CommandNotFound),
            ("Bash", "ModuleNotFoundError: No module named 'yaml'", CommandNotFound),
            ("Bash", "ls: cannot access 'types/': No such file or directory", NoSuchFile),
            ("Bash", "error: unrecognized subcommand 'bun'\n\nUsage: rtk", Usage),
            ("Bash", "unknown flag: --stat\n\nUsage:  gh pr diff", Usage),
            ("Bash", "npm ERR! Missing script: \"lint\"", ScriptNotFound),
            ("Bash", "error: Script not found \"lint\"", ScriptNotFound),
            ("Bash", "--- FAIL: TestX (0.1s)\nFAIL", TestFailure),
            ("Bash", "[lint] $ golangci-lint run ./...\na.go:3:4: x (wrapcheck)", LintFindings),
            ("Bash", "# pkg\na/b.go:10:2: undefined: x", CompileError),
            ("Bash", "src/a.ts(1,2): error TS2322: no", TypeError),
            ("Bash", "CONFLICT (content): Merge conflict in a.go", MergeConflict),
            ("Bash", "curl: (7) Failed to connect: Connection refused", Network),
            ("Bash", "Exit code 143\nCommand timed out after 1m 0s", Timeout),
            ("Bash", "fatal: bad revision 'x'", Git),
            ("Bash", "mkdir: /x: Permission denied", PermissionDenied),
            ("Bash", "gh: Bad credentials (HTTP 401)", Auth),
            (
                "Edit",
                "<tool_use_error>String to replace not found in file.\nString: x</tool_use_error>",
                EditNoMatch,
            ),
            (
                "Edit",
                "<tool_use_error>File has not been read yet. Read it first before writing to it.</tool_use_error>",
                EditNotRead,
            ),
            (
                "Edit",
                "File has been modified since read, either by the user or by a linter.",
                FileChanged,
            ),
            (
                "Read",
                "File content (31441 tokens) exceeds maximum allowed tokens (25000).",
                FileTooLarge,
            ),
            ("Read", "EISDIR: illegal operation on a directory, read '/a'", NotADirectory),
            ("Read", "<tool_use_error>File does not exist.</tool_use_error>", NoSuchFile),
            ("Skill", "<tool_use_error>Unknown skill: commit</tool_use_error>", InputSchema),
            ("Bash", "    a_test.go:760: got 1, want 2", TestFailure),
            ("Bash", "FAIL\t./session [setup failed]\nFAIL", CompileError),
            ("Bash", " ! [rejected] main -> main (fetch first)", Git),
            ("Bash", "something odd", Other),
        ];
        for (tool, error, expected) in cases {
            assert_eq!(error_class(tool, error), expected, "{error}");
        }
        assert!(Usage.is_mistake() && !TestFailure.is_mistake() && !TypeError.is_mistake());
    }
}
