//! What an error is: the line that tells it, and a key under which the same error meets again.
//! Hot.

mod class;
mod clean;
mod pairs;
mod telling;

pub(crate) use class::{ErrorClass, error_class};
pub(crate) use clean::{cut, plain};
pub(crate) use telling::telling_line;

/// Bytes of an error's text that are read: this many from its start and as many from its end.
const MAX_HALF: usize = 16 * 1024;

/// Bytes of a key.
const MAX_KEY: usize = 200;

/// Bytes of a headline.
const MAX_HEADLINE: usize = 160;

/// An error, recognisable.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Signature {
    /// The telling line with all that changes from time to time replaced: paths, numbers, ids.
    /// Empty when the error has no text.
    pub(crate) key: String,
    /// The telling line for a reader, in one line of at most 160 bytes.
    pub(crate) headline: String,
}

/// The signature of `error`, which `tool` reported.
pub(crate) fn signature(tool: &str, error: &str) -> Signature {
    of_line(&telling_line(tool, &plain(&bounded(error))))
}

/// The signature of `error` and its class, for which the line that tells it is looked for once.
pub(crate) fn recognise(tool: &str, error: &str) -> (Signature, ErrorClass) {
    let text = plain(&bounded(error));
    let line = telling_line(tool, &text);
    (of_line(&line), class::of_line(tool, &line, &text))
}

/// The signature of an error with this telling line.
fn of_line(line: &str) -> Signature {
    Signature { key: clean::key(line, MAX_KEY), headline: cut(line, MAX_HEADLINE) }
}

/// Openings of a result that say another call of the same batch failed.
const BATCH: [&str; 2] = ["Sibling tool call errored", "Cancelled: parallel tool call"];

/// Whether `error` only says that another call of the same batch failed.
pub(crate) fn is_of_batch(error: &str) -> bool {
    let error = error.trim_start();
    let error = error.strip_prefix("<tool_use_error>").unwrap_or(error);
    BATCH.iter().any(|opening| error.starts_with(opening))
}

/// The start and the end of a long text: what failed stands in one of them.
fn bounded(text: &str) -> std::borrow::Cow<'_, str> {
    if text.len() <= 2 * MAX_HALF {
        return text.into();
    }
    let start = &text[..text.floor_char_boundary(MAX_HALF)];
    let end = &text[text.ceil_char_boundary(text.len() - MAX_HALF)..];
    format!("{start}\n{end}").into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Name, tool, error, expected headline.
    const CASES: &[(&str, &str, &str, &str)] = &[
        (
            "subcommand",
            "Bash",
            "Exit code 2\nerror: unrecognized subcommand 'bun'\n\nUsage: rtk [OPTIONS] <COMMAND>\n\nFor more information, try '--help'.",
            "error: unrecognized subcommand 'bun'",
        ),
        (
            "golangci-lint through mise",
            "Bash",
            "Exit code 1\n[lint] $ golangci-lint run ./...\n[lint] ERROR task failed\n\ncmd/x/config.go:239:15: error returned from external package is unwrapped (wrapcheck)\n\t\treturn nil, err\n\t\t            ^\n1 issues:\n* wrapcheck: 1",
            "cmd/x/config.go:239:15: error returned from external package is unwrapped (wrapcheck)",
        ),
        (
            "go test",
            "Bash",
            "Exit code 1\n=== RUN   TestArchive\n    c_test.go:432: open /x: no such file or directory\n--- FAIL: TestArchive (0.02s)\nFAIL\nFAIL\texample.test/cli\t0.3s\nFAIL",
            "--- FAIL: TestArchive (0.02s)",
        ),
        (
            "go build",
            "Bash",
            "Exit code 1\n# example.test/cli/list\nlist/tree.go:42:24: cannot use x (value of type T) as string value in struct literal\nlist/tree.go:50:2: undefined: y",
            "list/tree.go:42:24: cannot use x (value of type T) as string value in struct literal",
        ),
        (
            "go package path",
            "Bash",
            "Exit code 1\n# ./session\nstat /home/a/cli/session/session: directory not found\nFAIL\t./session [setup failed]\nFAIL",
            "stat /home/a/cli/session/session: directory not found",
        ),
        (
            "biome",
            "Bash",
            "Exit code 1\n$ biome check\n at src/a.ts:3:10 lint/correctness/noUnusedImports  FIXABLE  ━━━━\n\n  × Several of these imports are unused.\n\n  > 3 │ import { A } from \"./a\";\n      │          ^\n\nerror: script \"lint\" exited with code 1",
            "× Several of these imports are unused.",
        ),
        (
            "tsc",
            "Bash",
            "npm warn Unknown env config \"store-dir\".\n\nsrc/hooks/u.test.ts(6,33): error TS2307: Cannot find module '@testing-library/react'.",
            "src/hooks/u.test.ts(6,33): error TS2307: Cannot find module '@testing-library/react'.",
        ),
        (
            "cargo",
            "Bash",
            "   Compiling x v0.1.0 (/w)\nerror[E0308]: mismatched types\n --> src/a.rs:3:5\n  |\n3 |     1\n  |     ^ expected `()`, found integer\n\nerror: could not compile `x` (bin \"x\") due to 1 previous error",
            "error[E0308]: mismatched types",
        ),
        (
            "cargo test",
            "Bash",
            "running 2 tests\ntest a::ok ... ok\ntest a::bad ... FAILED\n\nthread 'a::bad' panicked at src/a.rs:3:5:\nassertion failed\nerror: test failed, to rerun pass `--lib`",
            "test a::bad ... FAILED",
        ),
        (
            "python",
            "Bash",
            "Exit code 1\nTraceback (most recent call last):\n  File \"/w/a.py\", line 3, in <module>\n    import error_x\nModuleNotFoundError: No module named 'error_x'",
            "ModuleNotFoundError: No module named 'error_x'",
        ),
        (
            "pytest",
            "Bash",
            "E       assert 1 == 2\n=========== short test summary info ===========\nFAILED tests/test_a.py::test_b - assert 1 == 2\n1 failed, 3 passed in 0.1s",
            "FAILED tests/test_a.py::test_b - assert 1 == 2",
        ),
        (
            "shell",
            "Bash",
            "Exit code 127\n(eval):1: command not found: timeout",
            "(eval):1: command not found: timeout",
        ),
        (
            "git",
            "Bash",
            "Exit code 128\nfatal: not a git repository (or any of the parent directories): .git",
            "fatal: not a git repository (or any of the parent directories): .git",
        ),
        (
            "git push",
            "Bash",
            "Exit code 1\nremote: error: GH006: Protected branch update failed for refs/heads/main.\n ! [remote rejected] main -> main (protected branch hook declined)\nerror: failed to push some refs to 'github.com:a/b.git'",
            "remote: error: GH006: Protected branch update failed for refs/heads/main.",
        ),
        (
            "npm",
            "Bash",
            "npm ERR! code ELIFECYCLE\nnpm ERR! Missing script: \"lint\"\nnpm ERR! A complete log of this run can be found in: /x.log",
            "npm ERR! Missing script: \"lint\"",
        ),
        (
            "make",
            "Bash",
            "gcc -c a.c\na.c:3:5: error: 'x' undeclared\nmake: *** [Makefile:3: a.o] Error 1",
            "a.c:3:5: error: 'x' undeclared",
        ),
        (
            "edit",
            "Edit",
            "<tool_use_error>String to replace not found in file.\nString: \t// an error: fatal\n</tool_use_error>",
            "String to replace not found in file.",
        ),
        (
            "input",
            "Read",
            "<tool_use_error>InputValidationError: Read failed due to the following issue:\nThe parameter `offset` type is expected as `number` but provided as `string`</tool_use_error>",
            "InputValidationError: Read failed due to the following issue: The parameter `offset` type is expected as `number` but provided as `string`",
        ),
        (
            "gutter code is not the error",
            "Bash",
            "\u{1b}[31m106 | \t\tthrow new Error(\"All failed\");\u{1b}[0m\n            ^\n\u{1b}[31merror\u{1b}[0m: Item 3 failed\n      at <anonymous> (/w/a.ts:1:2)",
            "error: Item 3 failed",
        ),
        (
            "usage",
            "Bash",
            "Exit code 129\nusage: git diff [<options>]\n   or: git diff x",
            "usage: git diff [<options>]",
        ),
        ("output of what worked before", "Bash", "Exit code 1\na\nb\nc\nd", "Exit code 1"),
        (
            "wrapper's heading",
            "Bash",
            "Exit code 1\nFAILED: git add\nThe following paths are ignored by one of your .gitignore files:\ndist",
            "The following paths are ignored by one of your .gitignore files: dist",
        ),
        ("only a status", "Bash", "Exit code 1", "Exit code 1"),
        (
            "timeout",
            "Bash",
            "Exit code 143\nCommand timed out after 1m 0s",
            "Command timed out after 1m 0s",
        ),
        ("nothing", "Bash", "", ""),
    ];

    #[test]
    fn headlines_tell() {
        for (name, tool, error, expected) in CASES {
            assert_eq!(signature(tool, error).headline, *expected, "{name}");
        }
    }

    #[test]
    fn keys_meet() {
        let same = [
            ("a/b.go:1:2: undefined: x", "/w/c.go:30:41: undefined: x"),
            ("--- FAIL: TestX (0.02s)", "--- FAIL: TestX (12.5s)"),
            ("fatal: bad object 3f2a9c1", "fatal: bad object 99ab3c1"),
            ("bash: line 3: foo: command not found", "bash: line 12: foo: command not found"),
            (
                "Error at 2026-01-02T03:04:05Z: x",
                "\u{1b}[1mError at 2025-11-12T13:14:15Z: x\u{1b}[0m",
            ),
            ("panic at 0x7ffe12 after 1.5ms", "panic at 0x55aa01 after 20s"),
            ("ENOENT: open '/tmp/a b'", "ENOENT: open '/tmp/a b'"),
            ("port 8080 is in use", "port 3000 is in use"),
        ];
        for (a, b) in same {
            assert_eq!(signature("Bash", a).key, signature("Bash", b).key, "{a}");
        }
        let different = [
            ("undefined: x", "undefined: y"),
            ("error TS2345: no", "error TS2307: no"),
            ("--- FAIL: TestX (0.02s)", "--- FAIL: TestY (0.02s)"),
        ];
        for (a, b) in different {
            assert_ne!(signature("Bash", a).key, signature("Bash", b).key, "{a}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_is_bounded(tool in "\\PC{0,8}", error in "(?s).{0,400}") {
            let found = signature(&tool, &error);
            prop_assert!(found.key.len() <= MAX_KEY && found.headline.len() <= MAX_HEADLINE + 3);
            prop_assert!(!found.headline.contains('\n'));
        }

        #[test]
        fn a_key_is_its_own_key(
            error in "([a-zA-Z]{1,12}|[0-9]{1,9}|/[a-z/.]{1,20}|[a-f0-9]{7,40}|'é x'|[:()\\[\\]<>=\"',.#@~-]{1,3}| |error: |\\t|│|\n){0,60}"
        ) {
            let key = signature("Bash", &error).key;
            prop_assert_eq!(signature("Bash", &key).key, key);
        }
    }
}
