//! How new JSON is laid out so that it looks like the text around it.
//!
//! In a file of the usual form the result is what the client itself would write, so that nothing
//! moves when the client rewrites the file.

use std::io;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use super::document::{Container, Document, Span};

/// The habits of one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Style {
    /// How its lines end.
    pub(super) newline: &'static str,
    /// What one more level of indentation adds.
    unit: String,
    /// Whether the outermost members have lines of their own.
    lines: bool,
    /// Whether blanks follow commas and colons within a line.
    spaced: bool,
}

/// Where the items of a container stand.
enum Placement {
    /// Each on lines of its own, indented by this.
    Lines(String),
    /// One behind the other; if they run over several lines, those are indented by this at least.
    Inline(Option<String>),
}

impl Style {
    /// Reads the habits off `document`; an empty one gets two blanks and lines.
    pub(super) fn of(document: &Document<'_>) -> Self {
        let text = document.text;
        let newline = if text.contains("\r\n") {
            "\r\n"
        } else if text.contains('\r') && !text.contains('\n') {
            "\r"
        } else {
            "\n"
        };
        let mut style = Self { newline, unit: "  ".to_owned(), lines: true, spaced: true };
        if let Some(root) = &document.root
            && let Some(first) = root.container.items.first()
        {
            style.spaced = root.spaced;
            match own_line(text, first.start) {
                Some(indent) => {
                    let outer = line_indent(text, root.container.span.start);
                    let unit = indent.strip_prefix(outer).unwrap_or(indent);
                    unit.clone_into(&mut style.unit);
                }
                None => style.lines = false,
            }
        }
        style
    }

    /// The text of `items` appended to `container`, with all that must stand before and behind:
    /// to be put behind the last of the `kept` items, or instead of everything between the
    /// brackets where nothing is kept.
    pub(super) fn append(
        &self,
        text: &str,
        container: &Container,
        kept: bool,
        items: &[Item<'_>],
    ) -> String {
        let placement = self.placement(text, container);
        let mut out = String::new();
        for (index, item) in items.iter().enumerate() {
            let separate = kept || index > 0;
            match &placement {
                Placement::Lines(indent) => {
                    out.push_str(if separate { "," } else { "" });
                    out.push_str(self.newline);
                    out.push_str(indent);
                    out.push_str(&self.item(item, Some(indent)));
                }
                Placement::Inline(base) => {
                    out.push_str(match (separate, self.spaced) {
                        (false, _) => "",
                        (true, false) => ",",
                        (true, true) => ", ",
                    });
                    out.push_str(&self.item(item, base.as_deref()));
                }
            }
        }
        if !kept && matches!(placement, Placement::Lines(_)) {
            out.push_str(self.newline);
            out.push_str(line_indent(text, container.span.start));
        }
        out
    }

    /// The text of `value` in the place of the piece `old`, over as many lines as that one.
    pub(super) fn instead(&self, text: &str, old: Span, value: &Value) -> String {
        let base = old.text(text).contains(['\n', '\r']).then(|| line_indent(text, old.start));
        self.item(&Item::Element(value.clone()), base)
    }

    /// A whole document around the one member `name`.
    pub(super) fn document(&self, name: &str, value: Value) -> String {
        let root = Value::Object([(name.to_owned(), value)].into_iter().collect());
        self.item(&Item::Element(root), Some("")) + self.newline
    }

    fn placement(&self, text: &str, container: &Container) -> Placement {
        let base = || line_indent(text, container.span.start).to_owned();
        let (Some(first), Some(last)) = (container.items.first(), container.items.last()) else {
            return if self.lines {
                Placement::Lines(base() + &self.unit)
            } else {
                Placement::Inline(None)
            };
        };
        if let Some(indent) = own_line(text, first.start) {
            return Placement::Lines(own_line(text, last.start).unwrap_or(indent).to_owned());
        }
        let several = last.text(text).contains(['\n', '\r']);
        Placement::Inline(several.then(|| line_indent(text, last.start).to_owned()))
    }

    /// Over several lines that start with `base`, or in one line where there is no base.
    fn item(&self, item: &Item<'_>, base: Option<&str>) -> String {
        let (name, value) = match item {
            Item::Member(name, value) => (Some(*name), value),
            Item::Element(value) => (None, value),
        };
        let mut out = String::new();
        if let Some(name) = name {
            out.push_str(&Value::from(name).to_string());
            out.push_str(if self.spaced { ": " } else { ":" });
        }
        match base {
            Some(base) => {
                let unit = self.unit.as_bytes();
                let pretty = serialise(value, PrettyFormatter::with_indent(unit));
                // A line feed inside a string is escaped, so every one here ends a line.
                out.push_str(&pretty.replace('\n', &format!("{}{base}", self.newline)));
            }
            None if self.spaced => out.push_str(&serialise(value, Spaced)),
            None => out.push_str(&value.to_string()),
        }
        out
    }
}

/// Something to put into a container.
pub(super) enum Item<'n> {
    /// A member of an object.
    Member(&'n str, Value),
    /// An element of an array.
    Element(Value),
}

/// The blanks before `offset`, if nothing else stands before it in its line (and it has one).
fn own_line(text: &str, offset: usize) -> Option<&str> {
    let before = &text[..offset];
    let indent = before.trim_end_matches([' ', '\t']);
    indent.ends_with(['\n', '\r']).then(|| &before[indent.len()..])
}

/// The blanks with which the line of `offset` begins.
fn line_indent(text: &str, offset: usize) -> &str {
    let line = text[..offset].rfind(['\n', '\r']).map_or(0, |newline| newline + 1);
    let rest = &text[line..];
    &rest[..rest.len() - rest.trim_start_matches([' ', '\t']).len()]
}

fn serialise(value: &Value, formatter: impl Formatter) -> String {
    let mut out = Vec::new();
    value
        .serialize(&mut Serializer::with_formatter(&mut out, formatter))
        .expect("a JSON value can always be written to memory");
    String::from_utf8(out).expect("JSON is Unicode")
}

/// JSON in one line, with a blank behind commas and colons.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.begin_array_value(out, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Appends `{"a": [1]}` under the name `x` to the root of `text`.
    fn appended(text: &str) -> String {
        let document = Document::parse(text).unwrap();
        let container = &document.root.as_ref().unwrap().container;
        let items = [Item::Member("x", json!({"a": [1]}))];
        let kept = container.items.last();
        let (start, end) = match kept {
            Some(last) => (last.end, last.end),
            None => (container.span.start + 1, container.span.end - 1),
        };
        let new = Style::of(&document).append(text, container, kept.is_some(), &items);
        format!("{}{new}{}", &text[..start], &text[end..])
    }

    #[test]
    fn new_members_look_like_the_old_ones() {
        let cases = [
            ("{}", "{\n  \"x\": {\n    \"a\": [\n      1\n    ]\n  }\n}"),
            ("{\n}\n", "{\n  \"x\": {\n    \"a\": [\n      1\n    ]\n  }\n}\n"),
            ("{\"b\":1}", "{\"b\":1,\"x\":{\"a\":[1]}}"),
            ("{\"b\": 1}", "{\"b\": 1, \"x\": {\"a\": [1]}}"),
            ("{ \"b\": 1 }", "{ \"b\": 1, \"x\": {\"a\": [1]} }"),
            (
                "{\n\t\"b\": 1\n}",
                "{\n\t\"b\": 1,\n\t\"x\": {\n\t\t\"a\": [\n\t\t\t1\n\t\t]\n\t}\n}",
            ),
            (
                "{\r\n    \"b\": 1\r\n}\r\n",
                "{\r\n    \"b\": 1,\r\n    \"x\": {\r\n        \"a\": [\r\n            1\r\n        \
                 ]\r\n    }\r\n}\r\n",
            ),
            ("{\n\"b\":1\n}", "{\n\"b\":1,\n\"x\":{\n\"a\": [\n1\n]\n}\n}"),
            (
                "{\"b\": {\n  \"c\": 1\n}}",
                "{\"b\": {\n  \"c\": 1\n}, \"x\": {\n  \"a\": [\n    1\n  ]\n}}",
            ),
        ];
        for (before, after) in cases {
            assert_eq!(appended(before), after, "{before:?}");
        }
    }
}
