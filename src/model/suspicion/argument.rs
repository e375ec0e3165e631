//! Which arguments of a command are told, and what is told instead of others.

use super::report::{is_prose, is_sentence};

/// Options whose value is a message to people, as a template has them. It is another one each
/// time, and somebody else may have worded it.
pub(crate) const MESSAGES: &[&str] =
    &["-m", "-am", "--message", "--body", "--title", "--notes", "--comment"];

/// Longest message that is told, in bytes: one word.
const MESSAGE: usize = 20;

/// What stands for a text that is not told.
pub(crate) const TEXT: &str = "<text>";

/// What stands for a name that is not told.
pub(crate) const NAME: &str = "<name>";

/// What is told instead of an argument that follows `before`.
pub(crate) fn stand_in(before: &str, word: &str) -> Option<String> {
    let spaced = word.contains(char::is_whitespace);
    if MESSAGES.contains(&before) {
        let plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./#".contains(&b));
        let told = plain && word.len() <= MESSAGE && !is_sentence(word);
        return (!told).then(|| TEXT.to_owned());
    }
    if let Some((option, value)) = word.split_once('=')
        && option.starts_with("--")
    {
        let before = if MESSAGES.contains(&option) { option } else { "" };
        return stand_in(before, value).map(|instead| format!("{option}={instead}"));
    }
    if spaced {
        return is_prose(word).then(|| TEXT.to_owned());
    }
    (!is_template(word) && is_sentence(word)).then(|| NAME.to_owned())
}

/// Whether the shell makes something else of a word.
fn is_template(word: &str) -> bool {
    word.starts_with("$(") || word.starts_with("${")
}
