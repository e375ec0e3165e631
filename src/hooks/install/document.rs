//! A settings file as text plus the places in it where hooks are.
//!
//! Nothing here owns the settings: what the edit keeps, it keeps as bytes of the original text.

use jsonc_parser::ast::{self, ObjectProp};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::Value;

use super::recognise::{Owner, owner};

/// The byte order mark some editors put in front.
const BOM: char = '\u{feff}';

/// Why settings were refused; the text says where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub(crate) struct SettingsError {
    /// Line of the problem, counted from 1.
    pub(crate) line: usize,
    /// Column of the problem in characters, counted from 1.
    pub(crate) column: usize,
    /// What is wrong there.
    pub(crate) problem: Problem,
}

/// What can be wrong with settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// Not Unicode text.
    #[error("not valid UTF-8")]
    NotUnicode,
    /// Not JSON; the parser's words.
    #[error("not valid JSON: {0}")]
    Syntax(String),
    /// A value of the wrong type.
    #[error("{what} is not {wanted}")]
    Shape {
        /// Which value.
        what: String,
        /// Which type it must have, with its article.
        wanted: &'static str,
    },
    /// A hook group without its inner list, which makes the client drop the whole file.
    #[error("a group of `hooks.{event}` has no `hooks` array of its own")]
    BareHandler {
        /// The event the group is listed under.
        event: String,
    },
}

impl Problem {
    /// What the user can do about it, as a sentence.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::NotUnicode => "Save the file as UTF-8, then run the command again.",
            Self::Syntax(_) => {
                "Claude Code reads strict JSON, without comments and trailing commas. Correct the \
                 line, then run the command again."
            }
            Self::Shape { .. } | Self::BareHandler { .. } => {
                "Claude Code needs `\"hooks\": {\"<event>\": [{\"hooks\": [...]}]}`. Correct the \
                 line, then run the command again."
            }
        }
    }
}

/// A piece of the text, in bytes: from `start` up to `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    fn of(node: &impl Ranged) -> Self {
        Self { start: node.start(), end: node.end() }
    }

    /// The text of this piece.
    pub(super) fn text<'t>(&self, text: &'t str) -> &'t str {
        &text[self.start..self.end]
    }
}

/// An object or array: where it is, and where its members or elements are.
#[derive(Debug)]
pub(super) struct Container {
    /// From the opening bracket to behind the closing one.
    pub(super) span: Span,
    /// The members or elements in order, without the commas between.
    pub(super) items: Vec<Span>,
}

/// The settings object.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) container: Container,
    /// The `hooks` member and which item of the root it is.
    pub(super) hooks: Option<(usize, Hooks)>,
    /// Whether an earlier member is called `hooks` too and would count if that one went.
    pub(super) shadows: bool,
    /// Whether blanks follow the colons; a minified file has none.
    pub(super) spaced: bool,
}

/// The value of `hooks`.
#[derive(Debug)]
pub(super) struct Hooks {
    pub(super) container: Container,
    pub(super) events: Vec<Event>,
}

/// The value of one event.
#[derive(Debug)]
pub(super) struct Event {
    /// Which item of `hooks` it is.
    pub(super) item: usize,
    /// Whether an earlier member has the same name and would count if this one went.
    pub(super) shadows: bool,
    pub(super) name: String,
    pub(super) container: Container,
    pub(super) groups: Vec<Group>,
}

/// One group of an event: a matcher and its handlers.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) span: Span,
    /// The matcher, where it is a string.
    pub(super) matcher: Option<String>,
    /// Whether it has other keys than `matcher` and `hooks`.
    pub(super) extras: bool,
    pub(super) container: Container,
    pub(super) handlers: Vec<Handler>,
}

impl Group {
    /// Whether nothing but handlers of ours is in it.
    pub(super) fn is_ours(&self) -> bool {
        !self.handlers.is_empty() && self.handlers.iter().all(Handler::is_ours)
    }
}

/// One handler of a group.
#[derive(Debug)]
pub(super) struct Handler {
    pub(super) span: Span,
    pub(super) value: Value,
    pub(super) owner: Owner,
}

impl Handler {
    pub(super) fn is_ours(&self) -> bool {
        self.owner == Owner::Mana
    }
}

/// A settings text, understood as far as hooks are concerned.
#[derive(Debug)]
pub(super) struct Document<'t> {
    /// The text without a byte order mark; all spans count from its start.
    pub(super) text: &'t str,
    /// The byte order mark, or nothing.
    pub(super) bom: &'t str,
    /// The settings object; `None` when the text is blank.
    pub(super) root: Option<Root>,
}

impl<'t> Document<'t> {
    /// Understands `text`, which may be empty.
    ///
    /// Where a key occurs twice the last one counts, as for the client; the others are left alone.
    pub(super) fn parse(whole: &'t str) -> Result<Self, SettingsError> {
        let text = whole.strip_prefix(BOM).unwrap_or(whole);
        let bom = &whole[..whole.len() - text.len()];
        if text.trim_matches([' ', '\t', '\r', '\n']).is_empty() {
            return Ok(Self { text, bom, root: None });
        }
        check_syntax(text)?;
        let parsed = parse_to_ast(text, &CollectOptions::default(), &strict())
            .map_err(|error| syntax_error(text, &error))?;
        match &parsed.value {
            Some(ast::Value::Object(root)) => {
                Ok(Self { text, bom, root: Some(read_root(text, root)?) })
            }
            other => {
                let start = other.as_ref().map_or(0, Ranged::start);
                Err(shape(text, start, "the file", "a JSON object"))
            }
        }
    }

    /// All handlers with their event's name.
    pub(super) fn handlers(&self) -> impl Iterator<Item = (&str, &Handler)> {
        let hooks = self.root.iter().filter_map(|root| root.hooks.as_ref());
        hooks.flat_map(|(_, hooks)| &hooks.events).flat_map(|event| {
            let handlers = event.groups.iter().flat_map(|group| &group.handlers);
            handlers.map(|handler| (event.name.as_str(), handler))
        })
    }
}

/// Reads `bytes` as settings text.
pub(super) fn decode(bytes: Vec<u8>) -> Result<String, SettingsError> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        at(&text, text.len(), Problem::NotUnicode)
    })
}

/// Lets `serde_json` decide whether `text` is JSON: it is the stricter one of the two parsers.
///
/// The message is the other parser's where that one names the habit that strict JSON forbids.
fn check_syntax(text: &str) -> Result<(), SettingsError> {
    use jsonc_parser::errors::ParseErrorKind::{CommentsNotAllowed, TrailingCommasNotAllowed};

    let Err(error) = serde_json::from_str::<Value>(text) else { return Ok(()) };
    if let Err(other) = parse_to_ast(text, &CollectOptions::default(), &strict())
        && matches!(other.kind(), CommentsNotAllowed | TrailingCommasNotAllowed)
    {
        return Err(syntax_error(text, &other));
    }
    // Its own position counts bytes, ours characters.
    let line_start = text.split_inclusive('\n').take(error.line() - 1).map(str::len).sum::<usize>();
    let offset = (line_start + error.column().saturating_sub(1)).min(text.len());
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message);
    Err(at(text, text.floor_char_boundary(offset), Problem::Syntax(message.to_owned())))
}

/// Options that allow nothing that `JSON.parse` refuses.
fn strict() -> ParseOptions {
    ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

fn syntax_error(text: &str, error: &jsonc_parser::errors::ParseError) -> SettingsError {
    let message = error.kind().to_string().to_lowercase();
    at(text, error.range().start, Problem::Syntax(message))
}

fn shape(text: &str, offset: usize, what: &str, wanted: &'static str) -> SettingsError {
    at(text, offset, Problem::Shape { what: what.to_owned(), wanted })
}

/// Puts line and column of the byte `offset` to a problem.
fn at(text: &str, offset: usize, problem: Problem) -> SettingsError {
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    SettingsError {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        problem,
    }
}

fn read_root(text: &str, root: &ast::Object) -> Result<Root, SettingsError> {
    let hooks = match effective(root, "hooks") {
        None => None,
        Some((item, member)) => match &member.value {
            ast::Value::Object(hooks) => Some((item, read_hooks(text, hooks)?)),
            other => return Err(shape(text, other.start(), "`hooks`", "an object")),
        },
    };
    let spaced = root.properties.iter().all(|member| {
        let gap = &text[member.name.end()..member.value.start()];
        gap.ends_with([' ', '\t', '\r', '\n'])
    });
    let shadows = hooks.as_ref().is_some_and(|(item, _)| shadows(root, *item));
    Ok(Root { container: members(root), hooks, shadows, spaced })
}

fn read_hooks(text: &str, hooks: &ast::Object) -> Result<Hooks, SettingsError> {
    let mut events = Vec::new();
    for (item, member) in hooks.properties.iter().enumerate() {
        let name = member.name.as_str();
        if effective(hooks, name).is_some_and(|(last, _)| last != item) {
            continue;
        }
        let ast::Value::Array(groups) = &member.value else {
            return Err(shape(text, member.value.start(), &format!("`hooks.{name}`"), "an array"));
        };
        events.push(Event {
            item,
            shadows: shadows(hooks, item),
            name: name.to_owned(),
            container: elements(groups),
            groups: groups
                .elements
                .iter()
                .map(|group| read_group(text, name, group))
                .collect::<Result<_, _>>()?,
        });
    }
    Ok(Hooks { container: members(hooks), events })
}

fn read_group(text: &str, event: &str, group: &ast::Value) -> Result<Group, SettingsError> {
    let bare = || at(text, group.start(), Problem::BareHandler { event: event.to_owned() });
    let ast::Value::Object(object) = group else { return Err(bare()) };
    let (_, hooks) = effective(object, "hooks").ok_or_else(bare)?;
    let ast::Value::Array(handlers) = &hooks.value else { return Err(bare()) };
    let matcher = effective(object, "matcher").and_then(|(_, member)| member.value.as_string_lit());
    Ok(Group {
        span: Span::of(object),
        matcher: matcher.map(|literal| literal.value.to_string()),
        extras: object
            .properties
            .iter()
            .any(|member| !matches!(member.name.as_str(), "matcher" | "hooks")),
        container: elements(handlers),
        handlers: handlers.elements.iter().map(|handler| read_handler(text, handler)).collect(),
    })
}

fn read_handler(text: &str, handler: &ast::Value) -> Handler {
    let span = Span::of(handler);
    // `check_syntax` has read the whole text, so this part of it reads as well.
    let value = serde_json::from_str(span.text(text)).unwrap_or_default();
    let owner = owner(&value);
    Handler { span, value, owner }
}

/// The member `name` that counts, with its position: the last one of that name.
fn effective<'o, 't>(
    object: &'o ast::Object<'t>,
    name: &str,
) -> Option<(usize, &'o ObjectProp<'t>)> {
    object.properties.iter().enumerate().rfind(|(_, member)| member.name.as_str() == name)
}

/// Whether a member before the one at `item` has the same name.
fn shadows(object: &ast::Object, item: usize) -> bool {
    let (before, rest) = object.properties.split_at(item);
    let name = rest.first().map(|member| member.name.as_str());
    before.iter().any(|member| Some(member.name.as_str()) == name)
}

fn members(object: &ast::Object) -> Container {
    Container { span: Span::of(object), items: object.properties.iter().map(Span::of).collect() }
}

fn elements(array: &ast::Array) -> Container {
    Container { span: Span::of(array), items: array.elements.iter().map(Span::of).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_settings_are_refused_with_their_place() {
        let cases = [
            (
                "{\n  \"a\": 1,\n}",
                "line 2, column 9: not valid JSON: trailing commas are not allowed",
            ),
            ("{\n  // mine\n}", "line 2, column 3: not valid JSON: comments are not allowed"),
            (
                "{\n  \"a\": \"ä\" \"b\"\n}",
                "line 2, column 12: not valid JSON: expected `,` or `}`",
            ),
            ("{\"a\": 1", "line 1, column 7: not valid JSON: EOF while parsing an object"),
            ("{\"a\": 1}\n{}", "line 2, column 1: not valid JSON: trailing characters"),
            ("{'a': 1}", "line 1, column 2: not valid JSON: key must be a string"),
            ("{\"a\": 0x1f}", "line 1, column 8: not valid JSON: expected `,` or `}`"),
            ("[]", "line 1, column 1: the file is not a JSON object"),
            ("\n null", "line 2, column 2: the file is not a JSON object"),
            ("{\n \"hooks\": []}", "line 2, column 11: `hooks` is not an object"),
            ("{\"hooks\": null}", "line 1, column 11: `hooks` is not an object"),
            ("{\"hooks\": {\"Stop\": {}}}", "line 1, column 20: `hooks.Stop` is not an array"),
            (
                "{\"hooks\": {\"Stop\": [\n{\"type\": \"command\", \"command\": \"x\"}]}}",
                "line 2, column 1: a group of `hooks.Stop` has no `hooks` array of its own",
            ),
            (
                "{\"hooks\": {\"Stop\": [7]}}",
                "line 1, column 21: a group of `hooks.Stop` has no `hooks` array of its own",
            ),
            (
                "{\"hooks\": {\"Stop\": [{\"hooks\": {}}]}}",
                "line 1, column 21: a group of `hooks.Stop` has no `hooks` array of its own",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(Document::parse(text).unwrap_err().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_place() {
        let error = decode(b"{\n \"\xc3\xa4\xff\": 1}".to_vec()).unwrap_err();
        assert_eq!(error.to_string(), "line 2, column 4: not valid UTF-8");
    }

    #[test]
    fn deep_nesting_is_refused_not_a_crash() {
        let text = format!("{{\"a\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(matches!(Document::parse(&text).unwrap_err().problem, Problem::Syntax(_)));
    }

    #[test]
    fn blank_text_has_no_object() {
        for text in ["", "\n", " \r\n\t", "\u{feff}", "\u{feff}\n"] {
            assert!(Document::parse(text).unwrap().root.is_none(), "{text:?}");
        }
    }

    #[test]
    fn the_last_of_two_equal_keys_counts() {
        let text =
            r#"{"hooks": 1, "hooks": {"Stop": 2, "St\u006fp": [{"hooks": [], "hooks": [3]}]}}"#;
        let document = Document::parse(text).unwrap();
        let (item, hooks) = document.root.unwrap().hooks.unwrap();
        assert_eq!(item, 1);
        assert_eq!(hooks.container.items.len(), 2);
        assert_eq!(hooks.events.len(), 1);
        assert_eq!((hooks.events[0].item, hooks.events[0].name.as_str()), (1, "Stop"));
        assert_eq!(hooks.events[0].groups[0].handlers[0].value, 3);
    }
}
