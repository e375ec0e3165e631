//! Reads a Rust file far enough to see which modules and words its shipped code uses.

use std::path::Path;

/// One source file, reduced to code: comments, literals and unit tests are blanks, and every line
/// keeps its number.
pub(super) struct Source {
    /// Relative to the checkout, with `/` between its parts.
    pub path: String,
    code: String,
}

impl Source {
    pub(super) fn new(path: &Path, text: &str) -> Self {
        let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
        Self { path: parts.join("/"), code: without_tests(&without_text(text)) }
    }

    /// The top module that the file belongs to; none for `lib.rs` and `main.rs`.
    pub(super) fn top_module(&self) -> Option<&str> {
        let inner = self.path.strip_prefix("src/")?;
        let name = inner.split('/').next()?;
        let name = name.strip_suffix(".rs").unwrap_or(name);
        (name != "lib" && name != "main").then_some(name)
    }

    /// The top modules of this crate that the code names, with their lines: `crate::x`,
    /// `use crate::{x, y}`, and `super::` chains that climb out of the top module.
    pub(super) fn crate_uses(&self) -> Vec<(usize, String)> {
        let mut uses = Vec::new();
        for (at, _) in self.code.match_indices("crate::") {
            if !is_part_of_name(&self.code, at) {
                self.collect(at + "crate::".len(), at, &mut uses);
            }
        }
        let climb = "super::".repeat(self.depth());
        for (at, _) in self.code.match_indices(&climb) {
            let longer = self.code[..at].ends_with("super::");
            if !longer && !is_part_of_name(&self.code, at) {
                self.collect(at + climb.len(), at, &mut uses);
            }
        }
        uses
    }

    /// How many `super::` lead from this file's module to the crate's root.
    fn depth(&self) -> usize {
        let inner = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let inner = inner.strip_suffix("/mod").unwrap_or(inner);
        inner.split('/').count()
    }

    /// Notes the names at `start`: one name, or the first names of a brace group.
    fn collect(&self, start: usize, at: usize, uses: &mut Vec<(usize, String)>) {
        let line = self.code[..at].matches('\n').count() + 1;
        let rest = &self.code[start..];
        let Some(group) = rest.strip_prefix('{') else {
            uses.push((line, name_at(rest).to_owned()));
            return;
        };
        let mut level = 1;
        let mut first = true;
        for (index, character) in group.char_indices() {
            match character {
                '{' => level += 1,
                '}' => level -= 1,
                ',' if level == 1 => first = true,
                c if first && is_name(c) => {
                    uses.push((line, name_at(&group[index..]).to_owned()));
                    first = false;
                }
                _ => {}
            }
            if level == 0 {
                break;
            }
        }
    }

    /// The lines that hold one of `words` as a whole word.
    pub(super) fn lines_with<'a>(
        &'a self,
        words: &'a [&'a str],
    ) -> impl Iterator<Item = (usize, &'a str)> {
        self.code.lines().enumerate().flat_map(move |(index, line)| {
            let found = words.iter().filter(move |word| has_word(line, word));
            found.map(move |word| (index + 1, *word))
        })
    }
}

/// The files that the file at `path` declares for tests only (`#[cfg(test)] mod x;`): for each
/// module the file, and the folder that it may have instead or as well.
pub(super) fn test_modules(path: &Path, text: &str) -> Vec<String> {
    let code = without_text(text);
    let mut modules = Vec::new();
    for (at, attribute) in code.match_indices("#[cfg(test)]") {
        let item = code[at + attribute.len()..].trim_start();
        let Some(name) = item.strip_prefix("mod ").map(name_at) else { continue };
        if item["mod ".len() + name.len()..].starts_with(';') {
            let own = path.with_extension("");
            let is_root = ["mod", "lib", "main"].iter().any(|stem| own.ends_with(stem));
            let folder = if is_root { own.parent().unwrap_or(Path::new("")) } else { &own };
            let parts: Vec<_> = folder.iter().map(|part| part.to_string_lossy()).collect();
            modules.push(format!("{}/{name}.rs", parts.join("/")));
            modules.push(format!("{}/{name}/", parts.join("/")));
        }
    }
    modules
}

/// Whether `line` holds `word` with no name character directly before or after it.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let after = line[at + word.len()..].chars().next();
        let ends = !word.ends_with(is_name) || !after.is_some_and(is_name);
        ends && !(word.starts_with(is_name) && is_part_of_name(line, at))
    })
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Whether the text at `at` continues a name that began before it.
fn is_part_of_name(text: &str, at: usize) -> bool {
    text[..at].chars().next_back().is_some_and(is_name)
}

fn name_at(text: &str) -> &str {
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    &text[..end]
}

/// Blanks out comments, strings and character literals; newlines stay.
fn without_text(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => line_end(bytes, at),
            b'/' if bytes[at..].starts_with(b"/*") => block_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' | b'b' | b'c' if !continues_name(bytes, at) => raw_end(bytes, at).unwrap_or(at),
            b'\'' => char_end(bytes, at).unwrap_or(at),
            _ => at,
        };
        if end == at {
            at += 1;
            continue;
        }
        for byte in &mut code[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8(code).expect("literals and comments are blanked whole")
}

fn continues_name(bytes: &[u8], at: usize) -> bool {
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| at + n)
}

/// The end of a block comment, which may hold others.
fn block_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 2;
    let mut level = 1;
    while at < bytes.len() && level > 0 {
        if bytes[at..].starts_with(b"/*") {
            (level, at) = (level + 1, at + 2);
        } else if bytes[at..].starts_with(b"*/") {
            (level, at) = (level - 1, at + 2);
        } else {
            at += 1;
        }
    }
    at
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of `r"…"`, `r#"…"#`, `br"…"`, `cr"…"`; none when no raw string begins here.
fn raw_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + usize::from(bytes[start] != b'r');
    if bytes.get(at) != Some(&b'r') {
        return None;
    }
    at += 1;
    let hashes = bytes[at..].iter().take_while(|b| **b == b'#').count();
    at += hashes;
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(hashes + 1, b'#');
    let body = &bytes[at + 1..];
    let length = body.windows(close.len()).position(|window| window == close);
    Some(length.map_or(bytes.len(), |n| at + 1 + n + close.len()))
}

/// The end of a character literal; none for a lifetime or a label.
fn char_end(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = &bytes[start + 1..];
    if rest.first() == Some(&b'\\') {
        // The escaped character itself may be a quote.
        let close = rest.iter().skip(2).position(|b| *b == b'\'')?;
        return Some(start + 1 + 2 + close + 1);
    }
    let character = std::str::from_utf8(&rest[..rest.len().min(4)])
        .or_else(|error| std::str::from_utf8(&rest[..error.valid_up_to()]))
        .ok()?
        .chars()
        .next()?;
    let length = character.len_utf8();
    (rest.get(length) == Some(&b'\'')).then_some(start + 1 + length + 1)
}

/// Blanks out what follows a `#[cfg(test)]`: a braced item whole, any other up to its `;`.
fn without_tests(code: &str) -> String {
    let mut shipped = code.to_owned();
    while let Some(start) = shipped.find("#[cfg(test)]") {
        let mut level = 0;
        let mut end = shipped.len();
        for (index, character) in shipped[start..].char_indices() {
            match character {
                '{' => level += 1,
                '}' => level -= 1,
                ';' if level == 0 => level = 0,
                _ => continue,
            }
            if level == 0 {
                end = start + index + 1;
                break;
            }
        }
        let blank: String =
            shipped[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        shipped.replace_range(start..end, &blank);
    }
    shipped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source::new(Path::new(path), text)
    }

    #[test]
    fn uses_are_found_in_every_form() {
        let cases: &[(&str, &str, &[&str])] = &[
            ("src/hooks/wire.rs", "use crate::model::ids::Id;", &["model"]),
            ("src/hooks/wire.rs", "use crate::{cli, model::{ids, x}};", &["cli", "model"]),
            ("src/hooks/wire.rs", "use crate::{\n    storage::Store,\n};", &["storage"]),
            ("src/hooks/wire.rs", "fn f() { crate::cli::run() }", &["cli"]),
            ("src/hooks/wire.rs", "use super::super::cli;", &["cli"]),
            ("src/hooks/wire.rs", "use super::event;", &[]),
            ("src/hooks/mod.rs", "use super::storage;", &["storage"]),
            ("src/redact.rs", "use super::model;", &["model"]),
            ("src/hooks/wire.rs", "// crate::cli\n/* crate::cli /* */ crate::cli */", &[]),
            ("src/hooks/wire.rs", "let s = \"crate::cli \\\" crate::cli\";", &[]),
            ("src/hooks/wire.rs", "let s = r#\"crate::cli \" crate::cli\"#;", &[]),
            ("src/hooks/wire.rs", "let q = '\"'; crate::cli::x(); let r = '\\'';", &["cli"]),
            ("src/hooks/wire.rs", "fn f<'a>(x: &'a str) { crate::cli::x() }", &["cli"]),
            ("src/hooks/wire.rs", "#[cfg(test)]\nmod tests { use crate::cli; mod a {} }", &[]),
            ("src/hooks/wire.rs", "#[cfg(test)]\nuse crate::cli;\nuse crate::model;", &["model"]),
            ("src/hooks/wire.rs", "my_crate::cli::x()", &[]),
        ];
        for (path, text, expected) in cases {
            let found: Vec<_> =
                source(path, text).crate_uses().into_iter().map(|(_, name)| name).collect();
            assert_eq!(found, *expected, "{path}: {text}");
        }
    }

    #[test]
    fn lines_keep_their_numbers() {
        let text = "//! doc\n/* a\n b */\nlet s = \"x\ny\";\nuse crate::cli;\n";
        assert_eq!(source("src/model/a.rs", text).crate_uses(), [(6, "cli".to_owned())]);
    }

    #[test]
    fn modules_of_tests_are_known_by_their_declaration() {
        let declared =
            "#[cfg(test)]\nmod tests;\n// #[cfg(test)] mod not;\n#[cfg(test)] mod in_place {}";
        let cases = [
            ("src/hooks/mod.rs", ["src/hooks/tests.rs", "src/hooks/tests/"]),
            ("src/hooks/wire.rs", ["src/hooks/wire/tests.rs", "src/hooks/wire/tests/"]),
            ("src/lib.rs", ["src/tests.rs", "src/tests/"]),
        ];
        for (path, expected) in cases {
            assert_eq!(test_modules(Path::new(path), declared), expected, "{path}");
        }
    }

    #[test]
    fn words_are_whole() {
        let cases = [
            ("println!(\"x\")", "println!", true),
            ("eprintln!(\"x\")", "println!", false),
            ("use regex::Regex;", "regex", true),
            ("my_regex()", "regex", false),
            ("regex_like()", "regex", false),
            ("std::env::var(name)", "env::var", true),
            ("env::vars()", "env::var", false),
            ("io::stdout().lock()", "stdout()", true),
        ];
        for (line, word, expected) in cases {
            assert_eq!(has_word(line, word), expected, "{word} in {line}");
        }
    }

    #[test]
    fn the_top_module_is_the_first_folder_or_file() {
        let cases = [
            ("src/lib.rs", None),
            ("src/main.rs", None),
            ("src/redact.rs", Some("redact")),
            ("src/hooks/mod.rs", Some("hooks")),
            ("src/learning/parse/line.rs", Some("learning")),
        ];
        for (path, expected) in cases {
            assert_eq!(source(path, "").top_module(), expected, "{path}");
        }
    }
}
