//! From a line's bytes to the JSON objects on it.
//!
//! Nearly every line is one object. After a crash it can begin with NUL bytes, or be two writers'
//! objects without a line feed between them, or begin with half an object; what is whole on it is
//! still read.

use memchr::memmem;

use super::account::{Bad, Skip, Verdict};
use super::scan::trim;
use super::wire::{Kind, Top};

/// How every line of a conversation begins. Inside a JSON string its quotes would be escaped.
const CHAIN_START: &[u8] = br#"{"parentUuid":"#;

/// Hands every object on `line` to `each` (its kind, its members, the bytes from its start on) and
/// returns what the line came to.
pub(super) fn each_object<'a>(
    line: &'a [u8],
    each: &mut dyn FnMut(Kind, &Top<'a>, &'a [u8]) -> Verdict,
) -> Verdict {
    let mut rest = trim(line);
    if rest.is_empty() {
        return Verdict::Skipped(Skip::Blank);
    }
    if rest[0] == 0 {
        let text = rest.iter().position(|b| *b != 0).unwrap_or(rest.len());
        rest = trim(&rest[text..]);
        if rest.first() != Some(&b'{') {
            return Verdict::Bad(Bad::Nul);
        }
    }
    if rest.starts_with(b"//") {
        return Verdict::Bad(Bad::Comment);
    }
    let mut verdict: Option<Verdict> = None;
    let mut rescued = false;
    while !rest.is_empty() {
        let (part, after) = match Top::read(rest) {
            Ok((kind, top, after)) => (object(kind, &top, rest, after, each), trim(after)),
            Err(_) if rescued => (Verdict::Bad(Bad::NotJson), &[][..]),
            Err(_) => {
                // Half an object, and then perhaps a whole one that was appended after a crash.
                rescued = true;
                let next = memmem::rfind(rest, CHAIN_START).filter(|at| *at > 0);
                (Verdict::Bad(bad_reason(rest)), next.map_or(&[][..], |at| &rest[at..]))
            }
        };
        verdict = Some(verdict.map_or(part, |before| before.and(part)));
        rest = after;
    }
    verdict.unwrap_or(Verdict::Skipped(Skip::Blank))
}

/// What one object came to. Only what is used is checked to be UTF-8.
fn object<'a>(
    kind: Kind,
    top: &Top<'a>,
    from: &'a [u8],
    after: &[u8],
    each: &mut dyn FnMut(Kind, &Top<'a>, &'a [u8]) -> Verdict,
) -> Verdict {
    let bytes = &from[..from.len() - after.len()];
    let unused = matches!(kind, Kind::Housekeeping | Kind::ApiRequest);
    if !unused && simdutf8::basic::from_utf8(bytes).is_err() {
        return Verdict::Bad(Bad::NotUtf8);
    }
    each(kind, top, bytes)
}

/// What is wrong with bytes that do not begin with a whole object.
fn bad_reason(bytes: &[u8]) -> Bad {
    if std::str::from_utf8(bytes).is_err() {
        Bad::NotUtf8
    } else if bytes.contains(&0) {
        Bad::Nul
    } else if serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() {
        Bad::Shape
    } else {
        Bad::NotJson
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(line: &[u8]) -> (Vec<Kind>, Verdict) {
        let mut kinds = Vec::new();
        let verdict = each_object(line, &mut |kind, _, _| {
            kinds.push(kind);
            if kind == Kind::User { Verdict::Learned } else { Verdict::Skipped(Skip::System) }
        });
        (kinds, verdict)
    }

    #[test]
    fn whole_objects_are_found_on_damaged_lines() {
        let user = br#"{"parentUuid":"u","type":"user"}"#;
        let mode = br#"{"type":"mode"}"#;
        let cases = [
            ("plain", user.to_vec(), vec![Kind::User], Verdict::Learned),
            ("after NULs", [&[0; 9][..], user].concat(), vec![Kind::User], Verdict::Learned),
            (
                "two",
                [&user[..], mode].concat(),
                vec![Kind::User, Kind::Housekeeping],
                Verdict::Learned,
            ),
            (
                "two, unused first",
                [&br#"{"type":"mode","x":{}}"#[..], user].concat(),
                vec![Kind::Housekeeping, Kind::User],
                Verdict::Learned,
            ),
            ("torn, then whole", [&user[..20], user].concat(), vec![Kind::User], Verdict::Learned),
            ("torn", user[..20].to_vec(), vec![], Verdict::Bad(Bad::NotJson)),
            ("trailing text", [&user[..], b" x"].concat(), vec![Kind::User], Verdict::Learned),
        ];
        for (name, line, expected, verdict) in cases {
            assert_eq!(kinds(&line), (expected, verdict), "{name}");
        }
    }

    #[test]
    fn damage_has_a_reason() {
        let cases: [(&[u8], Bad); 9] = [
            (b"// Source: x", Bad::Comment),
            (b"\0\0\0\0", Bad::Nul),
            (b"\0\0x", Bad::Nul),
            (b"{\"a\":\0}", Bad::Nul),
            (b"{\"type\":\"user\",\"x\":\"\xff\"}", Bad::NotUtf8),
            (b"\xff\xfe", Bad::NotUtf8),
            (b"[1]", Bad::Shape),
            (b"\"text\"", Bad::Shape),
            (b"hello", Bad::NotJson),
        ];
        for (line, reason) in cases {
            assert_eq!(kinds(line).1, Verdict::Bad(reason), "{line:?}");
        }
        assert_eq!(kinds(b" \r").1, Verdict::Skipped(Skip::Blank));
    }
}
