//! Reads the keys of a table one by one and collects what is wrong with them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Problem;

/// What is wrong with a value, and what to do.
pub(super) type Fault = (String, String);

/// Collects problems of one text.
pub(super) struct Report<'t> {
    text: &'t str,
    problems: RefCell<Vec<Problem>>,
}

impl<'t> Report<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, problems: RefCell::default() }
    }

    /// Adds what is wrong at byte `at`.
    pub(super) fn add(&self, at: usize, key: String, (cause, help): Fault) {
        let line = line_at(self.text, at);
        self.problems.borrow_mut().push(Problem { line, key, cause, help });
    }

    /// Everything that was added, in the order of lines.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.line);
        problems
    }
}

/// The number of the line in which byte `at` stands, from 1.
pub(super) fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// A table whose keys are asked for by name; whoever is done asks for what is left over.
pub(super) struct Table<'r, 't> {
    report: &'r Report<'t>,
    /// Its name, as `sync.git`; empty for the whole text.
    path: String,
    /// Where it stands.
    span: Range<usize>,
    values: &'r DeTable<'t>,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'r, 't> Table<'r, 't> {
    pub(super) fn new(report: &'r Report<'t>, table: &'r Spanned<DeTable<'t>>) -> Self {
        let asked = RefCell::default();
        Self { report, path: String::new(), span: table.span(), values: table.get_ref(), asked }
    }

    fn key(&self, name: &str) -> String {
        if self.path.is_empty() { name.into() } else { format!("{}.{name}", self.path) }
    }

    fn value(&self, name: &'static str) -> Option<&'r Spanned<DeValue<'t>>> {
        self.asked.borrow_mut().insert(name);
        self.values.get(name)
    }

    /// Says that something is wrong with the value of `name`, or that it is missing.
    pub(super) fn fault(&self, name: &'static str, fault: Fault) {
        let at = self.values.get(name).map_or(self.span.start, |value| value.span().start);
        self.report.add(at, self.key(name), fault);
    }

    fn wrong_type(&self, name: &'static str, value: &DeValue<'_>, wanted: &str) {
        let cause = format!("it is {}, not {wanted}", shown_type(value));
        self.fault(name, (cause, format!("Write {wanted} behind the `=`.")));
    }

    /// The table below `name`.
    pub(super) fn table(&self, name: &'static str) -> Option<Self> {
        let value = self.value(name)?;
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong_type(name, value.get_ref(), "a section");
            return None;
        };
        let asked = RefCell::default();
        Some(Self {
            report: self.report,
            path: self.key(name),
            span: value.span(),
            values: table,
            asked,
        })
    }

    /// `true` or `false`.
    pub(super) fn switch(&self, name: &'static str, default: bool) -> bool {
        match self.value(name).map(Spanned::get_ref) {
            None => default,
            Some(DeValue::Boolean(on)) => *on,
            Some(other) => {
                self.wrong_type(name, other, "`true` or `false`");
                default
            }
        }
    }

    /// A whole number within `range`.
    pub(super) fn number(&self, name: &'static str, default: u32, range: Range<u32>) -> u32 {
        let number = match self.value(name).map(Spanned::get_ref) {
            None => return default,
            Some(DeValue::Integer(number)) => {
                i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
            }
            Some(other) => {
                self.wrong_type(name, other, "a whole number");
                return default;
            }
        };
        match number.and_then(|number| u32::try_from(number).ok()) {
            Some(number) if range.contains(&number) => number,
            _ => {
                let limits = format!("from {} to {}", range.start, range.end - 1);
                let cause = format!("it is not {limits}");
                self.fault(name, (cause, format!("Write a number {limits}.")));
                default
            }
        }
    }

    /// A text that is not empty and that `check` lets pass.
    pub(super) fn text(
        &self,
        name: &'static str,
        check: impl Fn(&str) -> Result<(), Fault>,
    ) -> Option<String> {
        match self.value(name)?.get_ref() {
            DeValue::String(text) => {
                let empty = || ("it is empty".into(), "Write a value, or remove the line.".into());
                let checked = if text.trim().is_empty() { Err(empty()) } else { check(text) };
                match checked {
                    Ok(()) => Some(text.to_string()),
                    Err(fault) => {
                        self.fault(name, fault);
                        None
                    }
                }
            }
            other => {
                self.wrong_type(name, other, "a text in quotation marks");
                None
            }
        }
    }

    /// A text that must be there; empty where it is missing or wrong, which is told.
    pub(super) fn needed(
        &self,
        name: &'static str,
        example: &str,
        check: impl Fn(&str) -> Result<(), Fault>,
    ) -> String {
        if !self.values.contains_key(name) {
            self.asked.borrow_mut().insert(name);
            self.fault(
                name,
                ("it is missing".into(), format!("Add a line like `{name} = \"{example}\"`.")),
            );
            return String::new();
        }
        self.text(name, check).unwrap_or_default()
    }

    /// Texts that `check` lets pass.
    pub(super) fn texts(
        &self,
        name: &'static str,
        check: impl Fn(&str) -> Result<(), Fault>,
    ) -> Vec<String> {
        let Some(value) = self.value(name) else { return Vec::new() };
        let DeValue::Array(array) = value.get_ref() else {
            self.wrong_type(name, value.get_ref(), "a list of texts");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for member in array {
            let DeValue::String(text) = member.get_ref() else {
                let cause = format!("a member is {}", shown_type(member.get_ref()));
                let fault = (cause, "Put every member into quotation marks.".into());
                self.report.add(member.span().start, self.key(name), fault);
                continue;
            };
            match check(text) {
                Ok(()) => texts.push(text.to_string()),
                Err(fault) => self.report.add(member.span().start, self.key(name), fault),
            }
        }
        texts
    }

    /// One of several words, with what it stands for.
    pub(super) fn choice<T: Copy>(
        &self,
        name: &'static str,
        default: T,
        choices: &[(&str, T)],
    ) -> T {
        let known = |text: &str| {
            choices.iter().find(|(word, _)| word.replace('-', "_") == text.replace('-', "_"))
        };
        let all: Vec<String> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
        let text = self.text(name, |text| match known(text) {
            Some(_) => Ok(()),
            None => {
                Err((format!("`{}` is not known", short(text)), format!("Use {}.", all.join(", "))))
            }
        });
        text.and_then(|text| known(&text).map(|(_, choice)| *choice)).unwrap_or(default)
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self) {
        let asked = self.asked.borrow();
        for (key, value) in self.values {
            let name: &str = key.get_ref();
            if asked.contains(name) {
                continue;
            }
            let fault = if is_credential(name) && !matches!(value.get_ref(), DeValue::Table(_)) {
                let help = "Remove the line and set the secret in the environment; `docs/sync/settings.md` names the variables.";
                ("secrets do not belong into this file".to_owned(), help.to_owned())
            } else {
                let near = asked
                    .iter()
                    .filter(|known| distance(known, name) <= 2)
                    .min_by_key(|known| distance(known, name));
                let help = if let Some(known) = near {
                    format!("Did you mean `{known}`?")
                } else {
                    let all: Vec<String> = asked.iter().map(|known| format!("`{known}`")).collect();
                    format!("Remove it; known here: {}.", all.join(", "))
                };
                ("this key is not known".to_owned(), help)
            };
            self.report.add(key.span().start, self.key(short(name)), fault);
        }
    }
}

/// Whether a key is named like a secret.
fn is_credential(name: &str) -> bool {
    let name = name.to_lowercase();
    [
        "password",
        "passwd",
        "secret",
        "token",
        "passphrase",
        "access_key",
        "private_key",
        "api_key",
        "anon_key",
        "service_key",
        "jwt",
        "credential",
    ]
    .iter()
    .any(|word| name.contains(word))
}

/// At most 40 characters of a value that is shown.
pub(super) fn short(text: &str) -> &str {
    text.char_indices().nth(40).map_or(text, |(end, _)| &text[..end])
}

fn shown_type(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a switch",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}

/// How many letters have to be changed, added or left out to make `b` of `a` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(60).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_right() {
        for (a, b, steps) in [
            ("", "", 0),
            ("a", "", 1),
            ("remote", "remtoe", 2),
            ("git", "got", 1),
            ("abc", "abcd", 1),
        ] {
            assert_eq!(distance(a, b), steps, "{a} {b}");
        }
    }

    #[test]
    fn lines_are_counted_from_one() {
        assert_eq!([0, 1, 2, 4].map(|at| line_at("a\nb\nc", at)), [1, 1, 2, 3]);
    }
}
