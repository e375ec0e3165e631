//! The name that a line of source text defines, whatever the language.
//!
//! A line counts as a definition by its first words, after modifiers such as `export` or `pub`.
//! That misses some and invents few; names only help to find things again.

/// Longer runs of name characters are data, not names.
pub(super) const MAX_NAME: usize = 80;

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

/// The name that `line` defines.
pub(super) fn definition(line: &str) -> Option<&str> {
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
pub(super) fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}

/// Whether [`definition`] may find a name in a raw line. What would have to be decoded to tell may.
pub(super) fn may_define(raw: &[u8]) -> bool {
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

#[cfg(test)]
mod tests {
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
    fn every_keyword_and_modifier_may_lead() {
        for word in MODIFIERS.iter().chain(KEYWORDS.iter().map(|(word, _)| word)) {
            assert!(may_lead(word.as_bytes()), "{word}");
        }
        for word in ["", "if", "let", "yield", "Class", "$def", "a-word-that-is-long"] {
            assert!(!may_lead(word.as_bytes()), "{word}");
        }
    }

    #[test]
    fn few_raw_lines_may_define() {
        for line in ["", "}", "\\treturn x;", "  if (def) {", "// func Main() {", "name(x)"] {
            assert!(!may_define(line.as_bytes()), "{line}");
        }
    }
}
