//! Names in source text, found line by line without parsing any language: those that a text
//! defines ([`super::definition`]), and those that it mentions.

use std::sync::LazyLock;

use foldhash::HashSet;
use memchr::{memchr, memmem};

use super::definition::{MAX_NAME, definition, is_name, may_define};
use super::wire;

/// How many names are collected at most.
const MAX_NAMES: usize = 200;

/// How many bytes of a text are looked at.
const MAX_TEXT: usize = 512 * 1024;

/// The names defined in `text`, in order, each once.
pub(super) fn defined(text: &str) -> Vec<&str> {
    let mut names = Names::default();
    for line in lines(bounded(text)) {
        if names.full() {
            break;
        }
        if let Some(name) = definition(line) {
            names.push(name);
        }
    }
    names.list
}

/// As [`defined`], in the text of the raw JSON string `raw`; `None` if it is no string. Only lines
/// that may define a name are decoded: of what was read those are few. A line feed that is spelled
/// `\u000a` ends no line, which no client writes, and a line that cannot be decoded defines nothing.
pub(super) fn defined_in_raw(raw: &[u8]) -> Option<Vec<String>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let mut names: Vec<String> = Vec::new();
    for line in raw_lines(&inner[..inner.len().min(MAX_TEXT)]) {
        if names.len() >= MAX_NAMES {
            break;
        }
        if may_define(line)
            && let Some(line) = wire::string(&[b"\"", line, b"\""].concat())
            && let Some(name) = definition(line.strip_suffix('\r').unwrap_or(&line))
            && !names.iter().any(|known| known == name)
        {
            names.push(name.to_owned());
        }
    }
    Some(names)
}

/// The lines of a raw JSON string, still raw: `\n` ends one where its backslash is not escaped.
fn raw_lines(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut feeds = memmem::find_iter(raw, br"\n").filter(|at| {
        let before = raw[..*at].iter().rev();
        before.take_while(|byte| **byte == b'\\').count() % 2 == 0
    });
    let mut from = Some(0);
    std::iter::from_fn(move || {
        let start = from?;
        let end = feeds.next();
        from = end.map(|end| end + 2);
        Some(&raw[start..end.unwrap_or(raw.len())])
    })
}

/// The names on `lines`, each once: defined ones first, then those that are called or look like
/// code (`snake_case`, `camelCase`), then other words.
pub(super) fn mentioned<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let mut names = Names::default();
    for name in lines.iter().filter_map(|line| definition(line)) {
        names.push(name);
    }
    let mut plain = Vec::new();
    for line in lines {
        for (at, word) in words(line) {
            let called = line[at + word.len()..].starts_with('(');
            if called || looks_like_code(word) {
                names.push(word);
            } else if plain.len() < MAX_NAMES {
                plain.push(word);
            }
        }
    }
    for word in plain {
        names.push(word);
    }
    names.list
}

/// The lines that are in only one of the two texts: what an edit changed.
pub(super) fn changed_lines<'a>(old: &'a str, new: &'a str) -> Vec<&'a str> {
    let (old, new) = (bounded(old), bounded(new));
    let before: HashSet<&str> = lines(old).collect();
    let after: HashSet<&str> = lines(new).collect();
    let added = lines(new).filter(|line| !before.contains(line));
    added.chain(lines(old).filter(|line| !after.contains(line))).collect()
}

/// The lines of `text` as [`str::lines`] has them. Whole files are looked through, and this finds
/// their ends several times as fast.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let Some(end) = memchr(b'\n', rest.as_bytes()) else {
            let last = std::mem::take(&mut rest);
            return (!last.is_empty()).then_some(last);
        };
        let line = &rest[..end];
        rest = &rest[end + 1..];
        Some(line.strip_suffix('\r').unwrap_or(line))
    })
}

/// The start of `text` that is worth looking at.
fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}

/// Names in order, each once.
#[derive(Default)]
struct Names<'a> {
    list: Vec<&'a str>,
    seen: HashSet<&'a str>,
}

impl<'a> Names<'a> {
    fn full(&self) -> bool {
        self.list.len() >= MAX_NAMES
    }

    fn push(&mut self, name: &'a str) {
        if !self.full() && self.seen.insert(name) {
            self.list.push(name);
        }
    }
}

/// The words of `line` that can be names, with their positions: three characters at least, not
/// starting with a digit, no word of a programming language.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let parts = line.split(|c| !is_name(c));
    let placed = parts.map(|word| (word.as_ptr() as usize - line.as_ptr() as usize, word));
    placed.filter(|(_, word)| {
        (3..=MAX_NAME).contains(&word.len())
            && !word.starts_with(|c: char| c.is_ascii_digit())
            && !is_common(word)
    })
}

/// The [`COMMON`] words, for every word of what was edited is looked up.
static IS_COMMON: LazyLock<HashSet<&str>> = LazyLock::new(|| COMMON.iter().copied().collect());

/// Whether `word` tells nothing.
fn is_common(word: &str) -> bool {
    word.len() <= LONGEST_COMMON && IS_COMMON.contains(word)
}

/// Whether `word` is written as names in code are and words of prose are not.
fn looks_like_code(word: &str) -> bool {
    if let Some((first, inner)) = word.as_bytes().split_first()
        && word.is_ascii()
    {
        let inner_upper = inner.iter().any(u8::is_ascii_uppercase);
        let any_lower = first.is_ascii_lowercase() || inner.iter().any(u8::is_ascii_lowercase);
        return inner.contains(&b'_') || (inner_upper && any_lower);
    }
    let inner_upper = word.chars().skip(1).any(char::is_uppercase);
    let any_lower = word.chars().any(char::is_lowercase);
    let joined = word.chars().skip(1).any(|c| c == '_');
    joined || (inner_upper && any_lower)
}

/// Bytes of the longest of the [`COMMON`] words.
const LONGEST_COMMON: usize = 10;

/// Words of programming languages and the commonest words of comments.
const COMMON: &[&str] = &[
    "False",
    "None",
    "Self",
    "String",
    "True",
    "all",
    "and",
    "any",
    "are",
    "args",
    "array",
    "async",
    "await",
    "bool",
    "boolean",
    "break",
    "but",
    "can",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "def",
    "default",
    "defer",
    "delete",
    "elif",
    "else",
    "enum",
    "err",
    "error",
    "except",
    "export",
    "extends",
    "extern",
    "false",
    "final",
    "finally",
    "float",
    "for",
    "from",
    "func",
    "function",
    "has",
    "impl",
    "implements",
    "import",
    "int",
    "interface",
    "into",
    "its",
    "let",
    "map",
    "match",
    "mod",
    "mut",
    "new",
    "nil",
    "not",
    "null",
    "number",
    "object",
    "package",
    "pass",
    "private",
    "protected",
    "pub",
    "public",
    "raise",
    "range",
    "return",
    "self",
    "static",
    "str",
    "string",
    "struct",
    "super",
    "switch",
    "that",
    "the",
    "then",
    "this",
    "throw",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "undefined",
    "use",
    "var",
    "void",
    "was",
    "when",
    "where",
    "while",
    "will",
    "with",
    "yield",
    "you",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_come_definitions_first_and_once() {
        let lines = ["  return helper(fooBar, plain);", "func New(x snake_case) {", "plain again"];
        assert_eq!(mentioned(&lines), ["New", "helper", "fooBar", "snake_case", "plain", "again"]);
        assert_eq!(defined("def a():\n  x\ndef b():\ndef a():"), ["a", "b"]);
    }

    #[test]
    fn common_words_are_short() {
        assert_eq!(COMMON.iter().map(|word| word.len()).max(), Some(LONGEST_COMMON));
    }

    #[test]
    fn only_changed_lines_count() {
        assert_eq!(changed_lines("a\nb\nc", "a\nB\nc"), ["B", "b"]);
        assert_eq!(changed_lines("", "x"), ["x"]);
    }

    #[test]
    fn escaped_line_feeds_end_no_line() {
        assert_eq!(
            defined_in_raw(br#""\tfunc A() {\n\\nfunc B() {\\\nfunc C() {""#).unwrap(),
            ["A", "C"]
        );
        assert_eq!(defined_in_raw(b"7"), None);
        assert_eq!(defined_in_raw(b"\"\"").unwrap(), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn raw_text_defines_what_the_text_defines(
            parts in prop::collection::vec(
                prop_oneof![
                    Just("\n"), Just("\r\n"), Just("\t"), Just(" "), Just("\\"), Just("\""),
                    Just("("), Just("()"), Just(" {"), Just("\u{b}"), Just("\u{a0}"), Just("é"),
                    Just("def "), Just("pub "), Just("fn x"), Just("class A:"), Just("const"),
                    Just(" B = 1"), Just("name"), Just("n"), Just("export "), Just("func (r) M("),
                ],
                0..24,
            ),
            all in any::<bool>(),
        ) {
            let text = parts.concat();
            let raw = serde_json::to_string(&text).unwrap();
            // Escapes that are not needed are escapes all the same.
            let raw = if all { raw.replace('e', "\\u0065") } else { raw };
            let found = defined_in_raw(raw.as_bytes()).unwrap();
            prop_assert_eq!(found, defined(&text), "{}", raw);
        }

        #[test]
        fn lines_are_those_of_the_standard_library(text in "[a\r\n]{0,12}") {
            prop_assert_eq!(lines(&text).collect::<Vec<_>>(), text.lines().collect::<Vec<_>>());
        }

        #[test]
        fn names_of_code_are_told_alike_in_any_script(word in "[a-cA-C_0-9]{1,5}") {
            // With a letter that has no case and is not ASCII, every character is looked at.
            prop_assert_eq!(looks_like_code(&word), looks_like_code(&format!("{word}\u{4e00}")));
        }

        #[test]
        fn any_text_is_survived(lines in prop::collection::vec("\\PC{0,60}", 0..6)) {
            let text = lines.join("\n");
            let all: Vec<&str> = text.lines().collect();
            for name in defined(&text).into_iter().chain(mentioned(&all)) {
                prop_assert!(text.contains(name));
            }
        }
    }
}
