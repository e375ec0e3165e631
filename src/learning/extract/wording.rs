//! How commands, errors and lists read in a pattern's text.

use crate::model::shell::Normal;
use crate::model::signature::Signature;
use crate::model::text;

/// Longest command that is quoted with its real words.
const COMMAND_LIMIT: usize = 140;

/// Longest headline of an error.
const HEADLINE_LIMIT: usize = 120;

/// The command as it would be typed, without cosmetics; one with long arguments as template.
pub(super) fn command(normal: &Normal) -> String {
    let exact = normal.exact();
    let shown =
        if exact.len() <= COMMAND_LIMIT && !exact.contains('\n') { exact } else { normal.key() };
    text::one_line(&shown, COMMAND_LIMIT).replace('`', "'")
}

/// The error's telling line, cut.
pub(super) fn headline(signature: &Signature) -> String {
    let line = text::one_line(&signature.headline, HEADLINE_LIMIT);
    // The bare status says no more than that it failed.
    if line.starts_with("Exit code ") && line.len() < 14 { String::new() } else { line }
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::shell::normalise;
    use crate::model::signature::signature;

    #[test]
    fn commands_are_quoted_as_typed_unless_they_are_long() {
        let long = format!("git commit -m '{}'", "words ".repeat(40));
        for (typed, expected) in [
            ("cd x && go test ./a  -run 'A|B' | tail", "go test ./a -run 'A|B'"),
            // Its own quotation marks must not end the quotation.
            ("echo `date`", "echo ''date''"),
            (long.as_str(), "git commit -m <text>"),
            ("git commit -m 'a\nb'", "git commit -m <text>"),
        ] {
            let shown = command(&normalise(typed));
            assert!(!shown.contains(['`', '\n']), "{shown}");
            assert_eq!(shown, expected, "{typed}");
        }
    }

    #[test]
    fn a_bare_status_is_no_headline() {
        let shown = |error: &str| headline(&signature("Bash", error));
        assert_eq!(shown("Exit code 127"), "");
        assert_eq!(shown("Exit code 1\nfatal: no"), "fatal: no");
        assert!(shown(&format!("fatal: {}", "x".repeat(400))).len() <= HEADLINE_LIMIT);
    }

    #[test]
    fn lists_read_naturally() {
        let of = |items: &[&str]| list(&items.iter().map(ToString::to_string).collect::<Vec<_>>());
        for (items, expected) in [
            (&[][..], ""),
            (&["a"], "a"),
            (&["a", "b"], "a and b"),
            (&["a", "b", "c"], "a, b and c"),
        ] {
            assert_eq!(of(items), expected);
        }
    }
}
