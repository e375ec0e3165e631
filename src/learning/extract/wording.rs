//! How commands, errors and lists read in a pattern's text.

use std::borrow::Cow;

use crate::model::shell::Normal;
use crate::model::signature::Signature;
use crate::model::suspicion::{self, MESSAGES, NAME, TEXT, stand_in};
use crate::model::text;

/// Longest command that is quoted with its real words.
const COMMAND_LIMIT: usize = 140;

/// Longest headline of an error.
const HEADLINE_LIMIT: usize = 120;

/// The command as it would be typed, without cosmetics; one with long arguments or with a message
/// as template. Arguments that are worded for people, and names that are sentences, are left out.
pub(crate) fn command(normal: &Normal) -> String {
    let exact = normal.exact();
    let long = exact.len() > COMMAND_LIMIT || exact.contains('\n');
    let plain = without_prose(normal);
    let shown = if long || has_message(&plain) { plain.key() } else { plain.exact() };
    let shown = unquoted(shown, &plain);
    text::one_line(&shown, COMMAND_LIMIT).replace('`', "'")
}

/// The command without the quotation marks that a shell would need around placeholders.
fn unquoted(mut shown: String, plain: &Normal) -> String {
    for word in plain.parts.iter().flat_map(|part| &part.words) {
        if word.ends_with(TEXT) || word.ends_with(NAME) {
            shown = shown.replace(&format!("'{word}'"), word);
        }
    }
    shown
}

/// Whether a message was left out.
fn has_message(plain: &Normal) -> bool {
    plain.parts.iter().any(|part| {
        let pairs = part.words.iter().zip(part.words.iter().skip(1));
        let follows = pairs
            .into_iter()
            .any(|(option, value)| MESSAGES.contains(&option.as_str()) && value == TEXT);
        let of_option = |word: &String| {
            word.strip_suffix("=<text>").is_some_and(|option| MESSAGES.contains(&option))
        };
        follows || part.words.iter().any(of_option)
    })
}

/// The command with placeholders for what others may have worded.
fn without_prose(normal: &Normal) -> Cow<'_, Normal> {
    let mut changed = Cow::Borrowed(normal);
    for (part, seen) in normal.parts.iter().enumerate() {
        let mut before = "";
        for (at, word) in seen.words.iter().enumerate() {
            if let Some(instead) = stand_in(before, word).filter(|_| at > 0) {
                changed.to_mut().parts[part].words[at] = instead;
            }
            before = word;
        }
    }
    changed
}

/// The error's telling line, cut, where it is built as a report of the command `shown`; empty for
/// others. One that reads like an instruction is kept, and waits for approval with its pattern.
pub(super) fn report(signature: &Signature, shown: &str) -> String {
    let line = headline(signature);
    let told = suspicion::is_report(&line, shown)
        || suspicion::of_observation(&format!("`{shown}` failed ({line})")).is_some();
    if told { line } else { String::new() }
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
            ("git commit -m 'two words'", "git commit -m <text>"),
            ("git commit -m wip", "git commit -m wip"),
            ("git commit --message='two words'", "git commit --message=<text>"),
            ("x --name 'a b c'", "x --name 'a b c'"),
            ("vitest -t 'applies the discount at once'", "vitest -t <text>"),
            ("git checkout one-two-three-four-five-six", "git checkout <name>"),
            ("git checkout feature/oauth-login", "git checkout feature/oauth-login"),
            ("jq '.[] | {name, conclusion}' a.json", "jq '.[] | {name, conclusion}' a.json"),
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
