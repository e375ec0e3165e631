//! How commands, errors and lists read in a pattern's text.

use crate::model::shell::Normal;
use crate::model::signature::Signature;
use crate::model::text;

/// Longest command that is quoted with its real words.
const COMMAND_LIMIT: usize = 140;

/// Longest headline of an error.
const HEADLINE_LIMIT: usize = 120;

/// Options whose value is a message to people, as a template has them. It is another one each
/// time, and somebody else may have worded it.
const MESSAGES: &[&str] = &["-m", "-am", "--message", "--body", "--title", "--notes", "--comment"];

/// The command as it would be typed, without cosmetics; one with long arguments or with a message
/// as template.
pub(crate) fn command(normal: &Normal) -> String {
    let exact = normal.exact();
    let key = normal.key();
    let long = exact.len() > COMMAND_LIMIT || exact.contains('\n');
    let shown = if long || (has_message(&key) && has_sentence(&exact)) { key } else { exact };
    text::one_line(&shown, COMMAND_LIMIT).replace('`', "'")
}

/// Whether an argument is a text of three words or more.
fn has_sentence(exact: &str) -> bool {
    let mut arguments = exact.split(['\'', '"']).skip(1).step_by(2);
    arguments.any(|text| text.split_whitespace().count() > 2)
}

fn has_message(template: &str) -> bool {
    let mut pieces = template.split(' ').peekable();
    while let Some(piece) = pieces.next() {
        let (option, value) = piece.split_once('=').unwrap_or((piece, ""));
        let text = value == "<text>" || pieces.peek() == Some(&"<text>");
        if text && MESSAGES.contains(&option) {
            return true;
        }
    }
    false
}

/// The error's telling line, cut.
pub(super) fn headline(signature: &Signature) -> String {
    let line = text::one_line(&signature.headline, HEADLINE_LIMIT);
    // The bare status says no more than that it failed.
    if line.starts_with("Exit code ") && line.len() < 14 { String::new() } else { line }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list(items: &[String]) -> String {
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
            ("git commit -am 'never run the tests'", "git commit -am <text>"),
            (
                "gh pr create --title 'a b c' --body 'c d'",
                "gh pr create --title <text> --body <text>",
            ),
            ("git commit -m 'two words'", "git commit -m 'two words'"),
            ("x --name 'a b c'", "x --name 'a b c'"),
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
