//! A scanner for JSON that finds where values begin and end, without decoding them.
//!
//! Most bytes of a transcript are never used: whole lines of uninteresting types, file contents
//! kept twice, base64 images. Finding the end of a value only needs its quotes and its brackets,
//! so the scanner jumps from quote to quote with `memchr` and never builds anything. It does not
//! recurse, so depth costs nothing. What is inside a skipped value is not validated; the values
//! that are used are decoded by [`super::wire`].

use memchr::{memchr, memchr3};

/// Bytes that are looked at one by one before `memchr` is asked, which takes longer to begin: most
/// keys are shorter, and most members begin right behind the last.
const NEAR: usize = 12;

/// The bytes are not JSON at some place that the scanner had to understand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Malformed;

/// A member of an object: its key without quotes and not unescaped, and its raw value.
pub(super) type Member<'a> = (&'a [u8], &'a [u8]);

/// A value of which the beginning is known, and not yet the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Value<'a> {
    /// The value that `bytes` begins with.
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: after_space(bytes, 0) }
    }

    /// Walks over its members; `None` if it is no object.
    pub(super) fn object(self) -> Option<Object<'a>> {
        let opens = self.bytes.get(self.at) == Some(&b'{');
        opens.then_some(Object { bytes: self.bytes, at: self.at + 1, first: true, ended: false })
    }

    /// Walks over its elements; `None` if it is no array.
    pub(super) fn array(self) -> Option<Array<'a>> {
        let opens = self.bytes.get(self.at) == Some(&b'[');
        opens.then_some(Array { bytes: self.bytes, at: self.at + 1, first: true, ended: false })
    }

    /// The raw string and where it ends; `None` if it is none.
    pub(super) fn string(self) -> Option<(&'a [u8], End)> {
        (self.bytes.get(self.at) == Some(&b'"')).then_some(())?;
        let end = string_end(self.bytes, self.at).ok()?;
        Some((&self.bytes[self.at..end], End(Some(end))))
    }

    /// Its raw bytes, given where a walk over it ended.
    fn raw(self, end: End) -> Result<(&'a [u8], usize), Malformed> {
        let end = end.0.map_or_else(|| value_end(self.bytes, self.at), Ok)?;
        Ok((&self.bytes[self.at..end], end))
    }
}

/// Where a value ends, as far as a walk over it tells: who walks over what is inside need not look
/// for the end once more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct End(Option<usize>);

impl End {
    /// Nobody walked over the value, or not to its end.
    pub(super) const UNKNOWN: Self = Self(None);
}

/// Walks over the members of one JSON object.
#[derive(Clone, Debug)]
pub(super) struct Object<'a> {
    bytes: &'a [u8],
    /// Where the next member begins; between [`Self::next_key`] and [`Self::pass`] its value.
    at: usize,
    first: bool,
    ended: bool,
}

impl<'a> Object<'a> {
    /// Starts at the `{` that `bytes` begins with; `None` if it begins with anything else.
    pub(super) fn open(bytes: &'a [u8]) -> Option<Self> {
        Value::of(bytes).object()
    }

    /// The next member, `None` after the last.
    pub(super) fn next_member(&mut self) -> Result<Option<Member<'a>>, Malformed> {
        let Some((key, _)) = self.next_key()? else { return Ok(None) };
        Ok(Some((key, self.pass(End::UNKNOWN)?)))
    }

    /// The next key and its value, which is to be passed before the next one; `None` after the
    /// last.
    pub(super) fn next_key(&mut self) -> Result<Option<(&'a [u8], Value<'a>)>, Malformed> {
        let mut at = after_space(self.bytes, self.at);
        match self.bytes.get(at) {
            Some(b'}') => {
                self.at = at + 1;
                self.ended = true;
                return Ok(None);
            }
            Some(b',') if !self.first => at = after_space(self.bytes, at + 1),
            Some(_) if self.first => {}
            _ => return Err(Malformed),
        }
        if self.bytes.get(at) != Some(&b'"') {
            return Err(Malformed);
        }
        let key_end = string_end(self.bytes, at)?;
        let key = &self.bytes[at + 1..key_end - 1];
        let colon = after_space(self.bytes, key_end);
        if self.bytes.get(colon) != Some(&b':') {
            return Err(Malformed);
        }
        self.at = after_space(self.bytes, colon + 1);
        self.first = false;
        Ok(Some((key, Value { bytes: self.bytes, at: self.at })))
    }

    /// Passes the value of the key given last, which ends at `end`, and returns it.
    pub(super) fn pass(&mut self, end: End) -> Result<&'a [u8], Malformed> {
        let (raw, end) = Value { bytes: self.bytes, at: self.at }.raw(end)?;
        self.at = end;
        Ok(raw)
    }

    /// Where the object ends, once there is no next key.
    pub(super) fn end(&self) -> End {
        End(self.ended.then_some(self.at))
    }

    /// What follows the object; only meaningful once [`Self::next_member`] returned `None`.
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }
}

/// The value of the member `name` of the object `value`; `None` if there is none, or if `value`
/// is no object or is malformed before that member.
pub(super) fn member<'a>(value: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut object = Object::open(value)?;
    while let Ok(Some((key, found))) = object.next_member() {
        if key == name.as_bytes() {
            return Some(found);
        }
    }
    None
}

/// Walks over the elements of one JSON array; ends at the first malformed one.
#[derive(Clone, Debug)]
pub(super) struct Array<'a> {
    bytes: &'a [u8],
    /// Where the next element begins; between [`Self::next_value`] and [`Self::pass`] this one.
    at: usize,
    first: bool,
    ended: bool,
}

impl<'a> Array<'a> {
    /// Starts at the `[` that `bytes` begins with; `None` if it begins with anything else.
    pub(super) fn open(bytes: &'a [u8]) -> Option<Self> {
        Value::of(bytes).array()
    }

    /// The next element, which is to be passed before the next one; `None` after the last.
    pub(super) fn next_value(&mut self) -> Option<Value<'a>> {
        let mut at = after_space(self.bytes, self.at);
        match self.bytes.get(at)? {
            b',' if !self.first => at = after_space(self.bytes, at + 1),
            b']' => {
                self.at = at + 1;
                self.ended = true;
                return None;
            }
            _ if self.first => {}
            _ => return None,
        }
        self.at = at;
        self.first = false;
        Some(Value { bytes: self.bytes, at })
    }

    /// Passes the element given last, which ends at `end`, and returns it; `None` if it is
    /// malformed.
    pub(super) fn pass(&mut self, end: End) -> Option<&'a [u8]> {
        let (raw, end) = Value { bytes: self.bytes, at: self.at }.raw(end).ok()?;
        self.at = end;
        Some(raw)
    }

    /// Where the array ends, once there is no next element.
    pub(super) fn end(&self) -> End {
        End(self.ended.then_some(self.at))
    }
}

impl<'a> Iterator for Array<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.next_value()?;
        self.pass(End::UNKNOWN)
    }
}

/// `bytes` without the white space JSON allows around a value.
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    let start = after_space(bytes, 0);
    let end = bytes.iter().rposition(|b| !is_space(*b)).map_or(start, |last| last + 1);
    &bytes[start..end.max(start)]
}

/// Whether JSON counts `byte` as white space.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// The first position from `at` on that is not white space.
fn after_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|b| is_space(*b)) {
        at += 1;
    }
    at
}

/// The position after the value that begins at `at`.
fn value_end(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    match bytes.get(at) {
        Some(b'"') => string_end(bytes, at),
        Some(b'{') => container_end(bytes, at, b'{', b'}'),
        Some(b'[') => container_end(bytes, at, b'[', b']'),
        Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
            let ends = |b: &u8| matches!(b, b',' | b'}' | b']') || is_space(*b);
            Ok(bytes[at..].iter().position(ends).map_or(bytes.len(), |len| at + len))
        }
        _ => Err(Malformed),
    }
}

/// The position after the string whose opening quote is at `at`.
///
/// Looks for quotes only and then counts the backslashes before the one found: text has far more
/// escapes (`\n`) than escaped quotes, and stopping at each would be slower.
fn string_end(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    let mut from = at + 1;
    loop {
        let rest = &bytes[from..];
        let near = rest[..rest.len().min(NEAR)].iter().position(|b| *b == b'"');
        let quote = from + near.or_else(|| memchr(b'"', rest)).ok_or(Malformed)?;
        let slashes = bytes[at + 1..quote].iter().rev().take_while(|b| **b == b'\\').count();
        if slashes % 2 == 0 {
            return Ok(quote + 1);
        }
        from = quote + 1;
    }
}

/// The position after the object or array that begins at `at`.
///
/// Counts one kind of bracket: in valid JSON the other kind is balanced between them.
fn container_end(bytes: &[u8], at: usize, open: u8, close: u8) -> Result<usize, Malformed> {
    let mut depth = 1_usize;
    let mut from = at + 1;
    loop {
        let rest = &bytes[from..];
        let mark = |b: &u8| *b == b'"' || *b == open || *b == close;
        let near = rest[..rest.len().min(NEAR)].iter().position(mark);
        let found = from + near.or_else(|| memchr3(b'"', open, close, rest)).ok_or(Malformed)?;
        from = found + 1;
        match bytes[found] {
            b'"' => from = string_end(bytes, found)?,
            byte if byte == open => depth += 1,
            _ => {
                depth -= 1;
                if depth == 0 {
                    return Ok(from);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn members(text: &str) -> Result<Vec<(String, String)>, Malformed> {
        let mut object = Object::open(text.as_bytes()).ok_or(Malformed)?;
        let mut all = Vec::new();
        while let Some((key, value)) = object.next_member()? {
            let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
            all.push((text(key), text(value)));
        }
        Ok(all)
    }

    #[test]
    fn finds_members_whatever_their_values_hold() {
        let cases = [
            ("{}", vec![]),
            (r#" { "a" : 1 , "b":"x" } "#, vec![("a", "1"), ("b", r#""x""#)]),
            (r#"{"a":"}\"{","b":[{"c":"]"}]}"#, vec![("a", r#""}\"{""#), ("b", r#"[{"c":"]"}]"#)]),
            (r#"{"a":"\\","b":null}"#, vec![("a", r#""\\""#), ("b", "null")]),
            (
                r#"{"a":{"type":"in"},"type":"out"}"#,
                vec![("a", r#"{"type":"in"}"#), ("type", r#""out""#)],
            ),
        ];
        for (text, expected) in cases {
            let expected: Vec<_> =
                expected.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
            assert_eq!(members(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_object() {
        let cases = [
            "",
            "[]",
            "{",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1"#,
            r#"{"a":"x}"#,
            r#"{"a":1 "b":2}"#,
            r#"{,"a":1}"#,
            r#"{"a":[1}"#,
            r#"{"a":nope,b}"#,
            r#"{"a":1,}"#,
        ];
        for text in cases {
            assert_eq!(members(text), Err(Malformed), "{text}");
        }
    }

    #[test]
    fn deep_nesting_costs_no_stack() {
        let deep = format!(r#"{{"a":{}{},"type":"x"}}"#, "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(member(deep.as_bytes(), "type"), Some(&br#""x""#[..]));
    }

    #[test]
    fn arrays_give_their_elements() {
        let all: Vec<&[u8]> = Array::open(br#"[1, "a,]" ,{"b":[2]}]"#).unwrap().collect();
        assert_eq!(all, [&b"1"[..], br#""a,]""#, br#"{"b":[2]}"#]);
        assert_eq!(Array::open(b"[]").unwrap().count(), 0);
        assert_eq!(Array::open(b"[1 2]").unwrap().count(), 1);
        assert!(Array::open(b"{}").is_none());
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::vec((any::<String>(), inner), 0..6)
                    .prop_map(|pairs| { serde_json::Value::Object(pairs.into_iter().collect()) }),
            ]
        })
    }

    proptest! {
        #[test]
        fn agrees_with_a_full_parser(value in json()) {
            let text = serde_json::json!({"before": value, "type": "t"}).to_string();
            let found = member(text.as_bytes(), "before").unwrap();
            let parsed: serde_json::Value = serde_json::from_slice(found).unwrap();
            prop_assert_eq!(parsed, value);
            prop_assert_eq!(member(text.as_bytes(), "type"), Some(&br#""t""#[..]));
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(mut object) = Object::open(&bytes) {
                while let Ok(Some(_)) = object.next_member() {}
            }
            let _count = Array::open(&bytes).map(Iterator::count);
        }
    }
}
