//! The words of calls and prompts, and how a text names a file.
//!
//! What counts as a word decides every measure, so this is a convention and not a matter of taste:
//! figures can be compared only where it is the same.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

/// A set of words, each in lower case.
pub(super) type Words = BTreeSet<String>;

/// The words of `text`: runs of ASCII letters, digits, `_`, `.` and `-` that begin and end with
/// neither `.` nor `-`.
pub(super) fn words(text: &str) -> Words {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || "_.-".contains(c)))
        .map(|run| run.trim_matches(['.', '-']))
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect()
}

/// Whether a word tells anything on its own: longer than a letter, and no number.
pub(super) fn is_telling(word: &str) -> bool {
    word.len() > 1 && !word.bytes().all(|b| b.is_ascii_digit())
}

/// What follows a command without changing what it does: pipes into filters, redirections of
/// errors, alternatives that always succeed.
static COSMETIC: LazyLock<Regex> = LazyLock::new(|| {
    let filters = "head|tail|grep|rg|less|cat|sort|uniq|wc|tee";
    Regex::new(&format!(r"\|\s*({filters})\b[^|&;]*|2>&1|\|\|\s*(true|echo\b[^|&;]*)"))
        .expect("the pattern is valid")
});

/// `command` without what is cosmetic in it.
pub(super) fn substance(command: &str) -> Cow<'_, str> {
    COSMETIC.replace_all(command, " ")
}

/// What only prepares the shell for the command after it.
static PREPARATION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(cd|export)\s+[^&;]+(&&|;)").expect("the pattern is valid"));

/// The first word of a command that is neither preparation nor an assignment; may be empty.
pub(super) fn program(command: &str) -> String {
    let plain = PREPARATION.replace_all(command.trim(), "");
    let mut all = plain.split_whitespace().filter(|word| !word.contains('='));
    all.next().unwrap_or_default().to_owned()
}

/// What a file is known by: the last two components of its path below `root`.
pub(super) fn file_key(path: &str, root: &str) -> String {
    let inner = if root.is_empty() { None } else { path.strip_prefix(root) };
    let path = inner.and_then(|rest| rest.strip_prefix('/')).unwrap_or(path);
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    parts[parts.len().saturating_sub(2)..].join("/")
}

/// Whether `text` names the file with this key, and not one whose name only holds it.
pub(super) fn names(text: &str, key: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let in_folder = key.contains('/');
    text.match_indices(key).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + key.len()..].chars().next();
        !before.is_some_and(|c| is_word(c) || c == '.' || c == '-' || (c == '/' && !in_folder))
            && !after.is_some_and(|c| is_word(c) || c == '-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_in_commands_and_paths() {
        for (text, expected) in [
            ("", &[][..]),
            ("npm run build:packages", &["build", "npm", "packages", "run"]),
            ("./src/Cart-Total.test.ts --watch", &["cart-total.test.ts", "src", "watch"]),
            ("a.b. ... -x_1- _", &["_", "a.b", "x_1"]),
            ("naïve Ünit", &["na", "nit", "ve"]),
        ] {
            let found = words(text);
            assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn numbers_and_single_letters_tell_nothing() {
        for (word, expected) in [("12", false), ("x", false), ("1.2", true), ("v1", true)] {
            assert_eq!(is_telling(word), expected, "{word}");
        }
    }

    #[test]
    fn cosmetics_are_cut_off() {
        for (command, expected) in [
            ("cargo test 2>&1 | tail -20", "cargo test    "),
            ("make || true; ls", "make  ; ls"),
            ("a | grep b && c", "a  && c"),
            ("a || echo no; b", "a  ; b"),
            ("cat x", "cat x"),
        ] {
            assert_eq!(substance(command), expected, "{command}");
        }
    }

    #[test]
    fn the_program_stands_behind_what_prepares_it() {
        for (command, expected) in [
            ("cd /app && npm test", "npm"),
            ("export A=b; B=c cargo test", "cargo"),
            ("  ls", "ls"),
            ("A=b", ""),
            ("", ""),
        ] {
            assert_eq!(program(command), expected, "{command}");
        }
    }

    #[test]
    fn a_file_is_known_by_its_last_two_components() {
        for (path, root, expected) in [
            ("/home/a/app/src/cart/total.ts", "/home/a/app", "cart/total.ts"),
            ("/home/a/app/README.md", "/home/a/app", "README.md"),
            ("/home/a/app/README.md", "", "app/README.md"),
            ("/home/a/apple/x", "/home/a/app", "apple/x"),
            ("", "/home/a/app", ""),
        ] {
            assert_eq!(file_key(path, root), expected, "{path} below {root}");
        }
    }

    #[test]
    fn a_name_is_no_part_of_another() {
        for (text, key, expected) in [
            ("work on src/cart/total.ts, please", "cart/total.ts", true),
            ("work on cart/total.tsx", "cart/total.ts", false),
            ("work on smart-cart/total.ts", "cart/total.ts", false),
            ("see docs/README.md", "README.md", false),
            ("see docs/README.md and README.md.", "README.md", true),
            ("see x.README.md", "README.md", false),
            ("", "README.md", false),
        ] {
            assert_eq!(names(text, key), expected, "{key} in {text}");
        }
    }
}
