//! Sets single keys in a text and leaves everything else as it stands: comments, order, blanks.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value to be set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Value {
    /// `true` or `false`.
    Switch(bool),
    /// A whole number.
    #[cfg_attr(not(test), expect(dead_code, reason = "no command sets one yet"))]
    Number(u32),
    /// A text.
    Text(String),
    /// Texts.
    #[cfg_attr(not(test), expect(dead_code, reason = "no command sets one yet"))]
    Texts(Vec<String>),
}

impl Value {
    fn to_toml(&self) -> toml::Value {
        match self {
            Self::Switch(on) => toml::Value::Boolean(*on),
            Self::Number(number) => toml::Value::Integer((*number).into()),
            Self::Text(text) => toml::Value::String(text.clone()),
            Self::Texts(texts) => {
                toml::Value::Array(texts.iter().cloned().map(toml::Value::String).collect())
            }
        }
    }
}

/// Why a text was not changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Unchanged {
    /// It is no TOML.
    #[error("it is not TOML; mend or remove it first")]
    NoToml,
    /// It is written in a way in which the key cannot be set without touching more.
    #[error("{0} stands there in a form that is not changed by program; set it by hand")]
    ByHand(String),
}

/// The text of a new file. What is not said holds as the comments tell.
const TEMPLATE: &str = "\
# With whom MANA shares what it learned, and how. docs/sync/settings.md names every key.
# Passwords, tokens and keys do not belong here: they come from the environment.

[sync]
# Whether anything is exchanged without being asked.
enabled = false
# git or git_selfhosted; each has a section of its name. Other backends are not built yet.
backend = \"git\"
# Minutes from one exchange to the next.
interval_minutes = 30

[sync.security]
# Absolute paths become relative to the project, or placeholders.
sanitize_paths = true
# Secrets are looked for once more before anything leaves.
redact_secrets = true
encryption = \"aes-256-gcm\"

[sync.sharing]
# private (your own machines), team, or public.
visibility = \"private\"
# Names of projects of which nothing leaves.
private_projects = []
";

/// A new text with `keys` set.
pub(crate) fn fresh(keys: &[(&str, Value)]) -> Result<String, Unchanged> {
    change(TEMPLATE, keys)
}

/// `text` with `keys` (as `sync.git.remote`) set. What stands there already is not written anew.
///
/// # Errors
/// [`Unchanged`] when the outcome would differ from `text` in more than the keys.
pub(crate) fn change(text: &str, keys: &[(&str, Value)]) -> Result<String, Unchanged> {
    let mut text = text.to_owned();
    for (key, value) in keys {
        let mut wanted: toml::Table = text.parse().map_err(|_| Unchanged::NoToml)?;
        let by_hand = || Unchanged::ByHand((*key).to_owned());
        put(&mut wanted, key, value.to_toml()).ok_or_else(by_hand)?;
        if text.parse::<toml::Table>().as_ref() == Ok(&wanted) {
            continue;
        }
        let changed = set(&text, key, &value.to_toml().to_string()).ok_or_else(by_hand)?;
        if changed.parse::<toml::Table>().as_ref() != Ok(&wanted) {
            return Err(by_hand());
        }
        text = changed;
    }
    Ok(text)
}

/// Sets `key` in a table, making the sections above it.
fn put(table: &mut toml::Table, key: &str, value: toml::Value) -> Option<()> {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
            Some(())
        }
        Some((section, rest)) => {
            let inner = table
                .entry(section)
                .or_insert_with(|| toml::Value::Table(toml::Table::new()))
                .as_table_mut()?;
            put(inner, rest, value)
        }
    }
}

/// `text` with `shown` as the value of `key`.
fn set(text: &str, key: &str, shown: &str) -> Option<String> {
    let root = DeTable::parse(text).ok()?;
    let (section, name) = key.rsplit_once('.')?;
    if let Some(table) = section_of(root.get_ref(), section) {
        if let Some(old) = table.get(name) {
            return Some(spliced(text, old.span(), shown));
        }
        if let Some(last) = last_value(table) {
            let at = end_of_line(text, last);
            return Some(inserted(text, at, &format!("{name} = {shown}\n")));
        }
    }
    if let Some(header) = header(text, section) {
        return Some(inserted(text, header, &format!("{name} = {shown}\n")));
    }
    let blank = if text.is_empty() || text.ends_with("\n\n") { "" } else { "\n" };
    Some(inserted(text, text.len(), &format!("{blank}[{section}]\n{name} = {shown}\n")))
}

/// The section called `path`.
fn section_of<'a, 't>(table: &'a DeTable<'t>, path: &str) -> Option<&'a DeTable<'t>> {
    path.split('.').try_fold(table, |table, name| match table.get(name)?.get_ref() {
        DeValue::Table(inner) => Some(inner),
        _ => None,
    })
}

/// Where the last value of a section ends that is no section of its own.
fn last_value(table: &DeTable<'_>) -> Option<usize> {
    let values = table.values().filter(|value| !matches!(value.get_ref(), DeValue::Table(_)));
    values.map(|value: &Spanned<_>| value.span().end).max()
}

fn spliced(text: &str, range: Range<usize>, new: &str) -> String {
    format!("{}{new}{}", &text[..range.start], &text[range.end..])
}

/// `text` with `line` at `at`, which is the beginning of a line or the end of the text.
fn inserted(text: &str, at: usize, line: &str) -> String {
    let (head, tail) = text.split_at(at);
    let feed = if head.is_empty() || head.ends_with('\n') { "" } else { "\n" };
    format!("{head}{feed}{line}{tail}")
}

/// The place behind the line feed of the line in which `at` stands.
fn end_of_line(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |len| at + len + 1)
}

/// The place behind the line `[section]`.
fn header(text: &str, section: &str) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        at += line.len();
        let name = line.trim().strip_prefix('[').and_then(|rest| rest.split(']').next());
        let parts = name.map(|name| name.split('.').map(str::trim).collect::<Vec<_>>().join("."));
        if parts.as_deref() == Some(section) {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Value {
        Value::Text(value.into())
    }

    #[test]
    fn keys_are_set_and_all_else_stays() {
        let old = "# mine\n[sync] # a\n  enabled = false   # not yet\n\n[sync.git]\n# where\nremote = 'x' # old\n\n[sync.p2p]\n";
        for (key, value, new) in [
            ("sync.enabled", Value::Switch(true), old.replace("false", "true")),
            ("sync.git.remote", text("a\"b"), old.replace("'x'", "'a\"b'")),
            ("sync.git.branch", text("b"), old.replace("# old\n", "# old\nbranch = \"b\"\n")),
            (
                "sync.interval_minutes",
                Value::Number(5),
                old.replace("yet\n", "yet\ninterval_minutes = 5\n"),
            ),
            ("sync.p2p.mdns", Value::Switch(false), format!("{old}mdns = false\n")),
            ("sync.s3.bucket", text("b"), format!("{old}\n[sync.s3]\nbucket = \"b\"\n")),
            (
                "sync.p2p.peers",
                Value::Texts(vec!["a".into(), "b".into()]),
                format!("{old}peers = [\"a\", \"b\"]\n"),
            ),
            ("sync.enabled", Value::Switch(false), old.to_owned()),
        ] {
            assert_eq!(change(old, &[(key, value)]).as_deref(), Ok(&*new), "{key}");
        }
        assert_eq!(
            change("", &[("sync.enabled", Value::Switch(true))]).unwrap(),
            "[sync]\nenabled = true\n"
        );
        let open = "[sync]\nenabled = true";
        let set = change(open, &[("sync.backend", text("git")), ("sync.git.remote", text("r"))]);
        assert_eq!(
            set.unwrap(),
            "[sync]\nenabled = true\nbackend = \"git\"\n\n[sync.git]\nremote = \"r\"\n"
        );
    }

    #[test]
    fn what_cannot_be_set_alone_is_left_to_people() {
        let set = |old: &str| change(old, &[("sync.git.branch", text("b"))]);
        let by_hand = Err(Unchanged::ByHand("sync.git.branch".into()));
        assert_eq!(set("sync = { git = { remote = 'x' } }\n"), by_hand);
        assert_eq!(set("sync = 3\n"), by_hand);
        assert_eq!(set("x = '''\n[sync.git]\n'''\n"), by_hand);
        assert_eq!(set("[sync\n"), Err(Unchanged::NoToml));
    }

    #[test]
    fn a_new_file_holds_and_says_what_the_defaults_are() {
        let settings = super::super::parse(TEMPLATE).unwrap();
        assert_eq!(settings, super::super::Settings::default());
        let keys = [
            ("sync.git.remote", text("git@example.org:me/m.git")),
            ("sync.enabled", Value::Switch(true)),
        ];
        let new = fresh(&keys).unwrap();
        let settings = super::super::parse(&new).unwrap();
        assert!(settings.enabled && settings.git.unwrap().branch == "main");
        assert!(new.contains("# Minutes from one exchange to the next.\n"), "{new}");
    }
}
