//! Names in source text, found line by line without parsing any language.
//!
//! A line counts as a definition by its first words, after modifiers such as `export` or `pub`.
//! That misses some and invents few; names only help to find things again.

use std::sync::LazyLock;

use foldhash::HashSet;
use memchr::{memchr, memmem};

use super::wire;

/// How many names are collected at most.
const MAX_NAMES: usize = 200;

/// How many bytes of a text are looked at.
const MAX_TEXT: usize = 512 * 1024;

/// Longer runs of name characters are data, not names.
const MAX_NAME: usize = 80;

/// Words before a definition's keyword.
const MODIFIERS: &[&str] = &[
    "abstract",
    "actual",
    "async",
    "data",
    "declare",
    "default",
    "expect",
    "export",
    "extern",
    "final",
    "inline",
    "internal",
    "local",
    "open",
    "override",
    "partial",
    "private",
    "protected",
    "pub",
    "public",
    "readonly",
    "sealed",
    "static",
    "suspend",
    "unsafe",
    "virtual",
];

/// Keywords whose next word is a defined name if it is followed by what `follows` allows.
const KEYWORDS: &[(&str, Follow)] = &[
    ("def", Follow::Parameters),
    ("fn", Follow::Parameters),
    ("func", Follow::Parameters),
    ("fun", Follow::Parameters),
    ("function", Follow::Parameters),
    ("class", Follow::Body),
    ("struct", Follow::Body),
    ("enum", Follow::Body),
    ("interface", Follow::Body),
    ("trait", Follow::Body),
    ("protocol", Follow::Body),
    ("record", Follow::Body),
    ("type", Follow::Type),
    ("const", Follow::Value),
];

/// What may stand after a defined name; keeps prose such as "type of thing" out.
#[derive(Clone, Copy)]
enum Follow {
    /// A parameter list, or nothing.
    Parameters,
    /// A body, parameters, or a parent.
    Body,
    /// A definition of a type.
    Type,
    /// A value or a type annotation.
    Value,
}

impl Follow {
    /// Whether `rest`, what stands after the name, fits.
    fn allows(self, rest: &str) -> bool {
        let word = rest.trim_start();
        let first = word.chars().next();
        let spaced = word.len() < rest.len();
        let next = word.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        match self {
            Self::Parameters => matches!(first, None | Some('(' | '<' | '[' | ':' | '{' | ';')),
            Self::Body => {
                matches!(first, None | Some('(' | '<' | '{' | ':' | ';'))
                    || matches!(next, "extends" | "implements" | "for" | "where" | "with")
            }
            Self::Type => {
                matches!(first, Some('=' | '<' | '{' | '*' | '[' | ';'))
                    || matches!(next, "struct" | "interface" | "func" | "map" | "chan")
                    || (spaced && !next.is_empty() && next.len() == word.trim_end().len())
            }
            Self::Value => matches!(first, Some('=' | ':')),
        }
    }
}

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

/// Whether [`definition`] may find a name in a raw line. What would have to be decoded to tell may.
fn may_define(raw: &[u8]) -> bool {
    let mut rest = raw;
    while let [b' ', after @ ..] | [b'\\', b't', after @ ..] = rest {
        rest = after;
    }
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$');
    let (word, after) = rest.split_at(rest.iter().take_while(|byte| is_name(byte)).count());
    match after {
        [b'\\', b'u', ..] => true,
        [b'\\', ..] if word.is_empty() => true,
        [next, ..] if !next.is_ascii() => true,
        [b'(', b')', ..] => !word.is_empty(),
        _ => may_lead(word) && is_lead(word),
    }
}

/// Whether `word` is a keyword or a modifier.
fn is_lead(word: &[u8]) -> bool {
    let mut leads = KEYWORDS.iter().map(|(keyword, _)| keyword).chain(MODIFIERS);
    leads.any(|lead| lead.as_bytes() == word)
}

/// First letters of keywords and modifiers by their lengths, a bit for each letter.
static LEADS: [u32; LONGEST_LEAD + 1] = {
    const fn add(mut leads: [u32; LONGEST_LEAD + 1], word: &str) -> [u32; LONGEST_LEAD + 1] {
        leads[word.len()] |= 1 << (word.as_bytes()[0] - b'a');
        leads
    }
    let mut leads = [0; LONGEST_LEAD + 1];
    let mut n = 0;
    while n < MODIFIERS.len() {
        leads = add(leads, MODIFIERS[n]);
        n += 1;
    }
    n = 0;
    while n < KEYWORDS.len() {
        leads = add(leads, KEYWORDS[n].0);
        n += 1;
    }
    leads
};

/// Bytes of the longest of the keywords and modifiers.
const LONGEST_LEAD: usize = 9;

/// Whether `word` may be a keyword or a modifier: nearly every other word begins otherwise.
fn may_lead(word: &[u8]) -> bool {
    let first = word.first().filter(|first| first.is_ascii_lowercase());
    let known = LEADS.get(word.len()).copied().unwrap_or(0);
    first.is_some_and(|first| known & (1 << (first - b'a')) != 0)
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

/// The name that `line` defines.
fn definition(line: &str) -> Option<&str> {
    let indented = line.starts_with([' ', '\t']);
    let mut rest = line.trim_start();
    loop {
        let (word, after) = split_word(rest)?;
        if !may_lead(word.as_bytes()) {
            return shell_function(word, after);
        }
        if let Some(&(_, follow)) = KEYWORDS.iter().find(|(keyword, _)| *keyword == word) {
            // A constant inside a function is a local variable.
            if matches!(follow, Follow::Value) && indented {
                return None;
            }
            return named(after, follow, word);
        }
        if !MODIFIERS.contains(&word) {
            return shell_function(word, after);
        }
        rest = after
            .strip_prefix('(')
            .map_or(after, |scope| scope.split_once(')').map_or(after, |(_, rest)| rest));
        rest = rest.trim_start();
    }
}

/// The name after the keyword `keyword`, if what follows it fits.
fn named<'a>(after: &'a str, follow: Follow, keyword: &str) -> Option<&'a str> {
    let mut rest = after.strip_prefix('*').unwrap_or(after).trim_start();
    if keyword == "func" && rest.starts_with('(') {
        // A Go method: the receiver stands before the name.
        rest = rest.split_once(')')?.1.trim_start();
    }
    if matches!(keyword, "const" | "enum" | "fun") {
        // Rust's `const fn`, C++'s `enum class`, Kotlin's extension receivers.
        if let Some((word, inner)) = split_word(rest)
            && let Some(&(next, follow)) = KEYWORDS.iter().find(|(next, _)| *next == word)
        {
            return named(inner, follow, next);
        }
    }
    let (name, rest) = split_word(rest)?;
    // Python's and Ruby's `self.name`, Rust's generics and Kotlin's receivers keep their last part.
    let (name, rest) = match rest.strip_prefix('.').and_then(split_word) {
        Some((last, rest)) if matches!(follow, Follow::Parameters) => (last, rest),
        _ => (name, rest),
    };
    let starts_well = !name.starts_with(|c: char| c.is_ascii_digit());
    (starts_well && name.len() <= MAX_NAME && follow.allows(rest)).then_some(name)
}

/// The shell function that begins with `word` and goes on with `after`: `name() {`.
fn shell_function<'a>(word: &'a str, after: &str) -> Option<&'a str> {
    let body = after.strip_prefix("()")?.trim();
    (body.is_empty() || body.starts_with('{')).then_some(word)
}

/// The name that `text` begins with, and what follows it.
fn split_word(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// Whether `c` is part of a name.
fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
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
    fn definitions_of_many_languages_are_found() {
        let cases = [
            ("func Main(args []string) error {", "Main"),
            ("func (r *Repo) Head() (*Ref, error) {", "Head"),
            ("type Server struct {", "Server"),
            ("type Level int", "Level"),
            ("def test_it(self):", "test_it"),
            ("    async def run(self) -> None:", "run"),
            ("def self.create(x)", "create"),
            ("class Parser(Base):", "Parser"),
            ("class Parser", "Parser"),
            ("export default class App extends React.Component {", "App"),
            ("export async function load(): Promise<void> {", "load"),
            ("export function* walk() {", "walk"),
            ("function main {", "main"),
            ("export const LIMIT = 3;", "LIMIT"),
            ("const LIMIT: usize = 3;", "LIMIT"),
            ("pub(crate) const fn of(x: u8) -> Self {", "of"),
            ("    pub(super) unsafe fn raw(&self) {", "raw"),
            ("pub enum Kind<T> {", "Kind"),
            ("interface Props {", "Props"),
            ("type Props = { a: string }", "Props"),
            ("public static final class Inner {", "Inner"),
            ("enum class Color : int {", "Color"),
            ("fun String.shout() = uppercase()", "shout"),
            ("install_all() {", "install_all"),
            ("trait Store: Send {", "Store"),
        ];
        for (line, name) in cases {
            assert_eq!(definition(line), Some(name), "{line}");
        }
    }

    #[test]
    fn other_lines_define_nothing() {
        let cases = [
            "",
            "type of thing that we like",
            "class of problems to solve",
            "the function is called later",
            "  const local = 3;",
            "const (",
            "call(x)",
            "call();",
            "if (x) {",
            "export",
            "func",
            "// func Main() {",
        ];
        for line in cases {
            assert_eq!(definition(line), None, "{line}");
        }
    }

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
    fn every_keyword_and_modifier_may_lead() {
        for word in MODIFIERS.iter().chain(KEYWORDS.iter().map(|(word, _)| word)) {
            assert!(may_lead(word.as_bytes()), "{word}");
        }
        for word in ["", "if", "let", "yield", "Class", "$def", "a-word-that-is-long"] {
            assert!(!may_lead(word.as_bytes()), "{word}");
        }
    }

    #[test]
    fn few_lines_are_decoded() {
        for line in ["", "}", "\\treturn x;", "  if (def) {", "// func Main() {", "name(x)"] {
            assert!(!may_define(line.as_bytes()), "{line}");
        }
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
