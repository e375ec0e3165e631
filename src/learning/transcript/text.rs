//! Texts on their way into a step: without MANA's own words, without escapes, masked and cut.

use std::borrow::Cow;

use memchr::memmem;

use crate::model::neutral;
use crate::redact;

/// What stands for the part that was cut out.
const GAP: &str = " … ";

/// What every injected item begins with, before its eight hex digits and a `]`.
const MARKER: &[u8] = b"[mana ";

/// How many bytes of a text are kept: of its head and of its tail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    head: usize,
    tail: usize,
}

impl Limit {
    /// A call's subject.
    pub(super) const SUBJECT: Self = Self::of(4000, 1000);
    /// A failure's message: the head names the command's first error, the tail the summary.
    pub(super) const ERROR: Self = Self::of(3000, 1000);
    /// A call's detail.
    pub(super) const DETAIL: Self = Self::of(3000, 0);
    /// A prompt.
    pub(super) const PROMPT: Self = Self::of(6000, 1500);
    /// The user's words beside a call.
    pub(super) const FEEDBACK: Self = Self::of(2000, 500);

    /// At most `bytes` in all, the last `tail` of them from the end.
    const fn of(bytes: usize, tail: usize) -> Self {
        Self { head: bytes - tail - GAP.len(), tail }
    }

    /// Four times as much.
    fn wide(self) -> Self {
        Self { head: self.head * 4, tail: self.tail * 4 }
    }

    /// `text`, or its head and tail if it is longer than both, cut between characters.
    fn cut(self, text: &str) -> Cow<'_, str> {
        if text.len() <= self.head + GAP.len() + self.tail {
            return Cow::Borrowed(text);
        }
        let head = text.floor_char_boundary(self.head);
        let tail = text.ceil_char_boundary(text.len() - self.tail);
        Cow::Owned([&text[..head], GAP, &text[tail..]].concat())
    }
}

/// `text` as a step may hold it: without passages that MANA injected, without escape sequences
/// and characters that nobody sees, with its secrets masked, cut to `limit` and trimmed.
///
/// Masking a text of many megabytes would take long, so it is first cut to four times the limit.
/// A secret that this first cut splits is not recognised, but it lies in the part that the second
/// cut removes.
pub(super) fn stored(text: &str, limit: Limit) -> String {
    let own = without_marked(text);
    let plain = neutral::visible(&own);
    let wide = limit.wide().cut(plain.trim());
    let masked = redact::clean(&wide);
    limit.cut(masked.trim()).into_owned()
}

/// What a person typed, without what stands between `<private>` and `</private>`, whatever their
/// case; what is nested goes with it, and what is never closed goes to the end.
pub(super) fn without_private(text: &str) -> Cow<'_, str> {
    let plain = neutral::visible(text);
    let lower = plain.to_ascii_lowercase();
    if !lower.contains("<private") {
        return plain;
    }
    let mut kept = String::with_capacity(plain.len());
    let (mut from, mut depth) = (0, 0_usize);
    for (at, _) in lower.match_indices('<') {
        let tag = |name: &str| {
            let rest = lower[at..].strip_prefix(name)?;
            let end = rest.find('>')?;
            rest[..end].trim().is_empty().then_some(at + name.len() + end + 1)
        };
        if let Some(end) = tag("<private") {
            if depth == 0 {
                kept.push_str(&plain[from..at]);
            }
            (depth, from) = (depth + 1, end);
        } else if let Some(end) = tag("</private").filter(|_| depth > 0) {
            (depth, from) = (depth - 1, end);
        }
    }
    if depth == 0 {
        kept.push_str(&plain[from..]);
    }
    Cow::Owned(kept)
}

/// The short ids of all patterns that `text` carries the marker of, in order, each once.
pub(super) fn marked_ids(text: &str) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for at in memmem::find_iter(text.as_bytes(), MARKER) {
        if let Some(id) = marker_at(text, at)
            && !ids.iter().any(|known| known == id)
        {
            ids.push(id.to_owned());
        }
    }
    ids
}

/// The id of the marker that begins at byte `at`, if it is a whole one.
fn marker_at(text: &str, at: usize) -> Option<&str> {
    let start = at + MARKER.len();
    let id = text.get(start..start + 8)?;
    let whole = id.bytes().all(|b| b.is_ascii_hexdigit()) && text[start + 8..].starts_with(']');
    whole.then_some(id)
}

/// `text` without the passages that carry MANA's marker: each marked line with the indented lines
/// that follow it (an item's continuation).
pub(super) fn without_marked(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    if !memmem::find_iter(bytes, MARKER).any(|at| marker_at(text, at).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut dropping = false;
    let kept = text.split_inclusive('\n').filter(|line| {
        let marked =
            memmem::find_iter(line.as_bytes(), MARKER).any(|at| marker_at(line, at).is_some());
        let continues = line.starts_with([' ', '\t']) && !line.trim().is_empty();
        dropping = marked || (dropping && continues);
        !dropping
    });
    Cow::Owned(kept.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn long_texts_keep_head_and_tail() {
        let text = format!("{}MIDDLE{}", "a".repeat(9000), "z".repeat(9000));
        let cut = stored(&text, Limit::ERROR);
        assert_eq!(cut.len(), 3000);
        assert!(cut.starts_with("aaa") && cut.ends_with("zzz") && cut.contains(GAP));
        assert_eq!(stored("short", Limit::ERROR), "short");
    }

    #[test]
    fn what_mana_said_is_dropped() {
        let cases = [
            ("keep\n[mana 12ab34cd] do x\nmine", "keep\nmine"),
            ("keep\nhook said: [mana 12ab34cd] do x\n  and then\n\ty\nmine", "keep\nmine"),
            ("[mana 12ab34cd] a\n[mana 00000000] b\n  c\n\n  mine", "mine"),
            ("about [mana xyz] and [mana 12ab34cd", "about [mana xyz] and [mana 12ab34cd"),
            ("[mana 12ab34cd]", ""),
        ];
        for (text, kept) in cases {
            assert_eq!(stored(text, Limit::PROMPT), kept, "{text:?}");
        }
    }

    #[test]
    fn what_is_private_is_cut_out() {
        for (text, kept) in [
            ("a <private>b</private> c", "a  c"),
            ("a <PRIVATE>b</Private> c <private >d</private>", "a  c "),
            ("a <private>b <private>c</private> d</private> e", "a  e"),
            ("a <private>b", "a "),
            ("a <private>b <private>c</private> d", "a "),
            ("a </private> b <private>c</private> d", "a </private> b  d"),
            ("a <priv\u{200b}ate>b</private> c", "a  c"),
            ("<privates>b</privates> Vec<u8>", "<privates>b</privates> Vec<u8>"),
        ] {
            assert_eq!(without_private(text), kept, "{text}");
        }
    }

    #[test]
    fn markers_are_found_anywhere() {
        let text = "x [mana 12ab34cd] y\n[mana 00ff00ff] z [mana 12ab34cd] [mana nothexxx]";
        assert_eq!(marked_ids(text), ["12ab34cd", "00ff00ff"]);
        assert!(marked_ids("[mana 12ab34c\u{e9}]").is_empty());
    }

    #[test]
    fn terminal_escapes_go() {
        let cases = [
            ("\x1b[31merror\x1b[0m: x", "error: x"),
            ("\x1b]8;;http://x\x07link\x1b]8;;\x07", "link"),
            ("a\0b", "ab"),
            ("end\x1b", "end"),
            ("end\x1b[", "end"),
            ("\x1b[1;\u{e9}", "\u{e9}"),
        ];
        for (text, plain) in cases {
            assert_eq!(stored(text, Limit::ERROR), plain, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_too_long_and_never_marked(
            text in "(\\PC|\n|\x1b|\\[mana 12ab34cd\\]|é){0,400}",
            head in 0..60_usize,
            tail in 0..60_usize,
        ) {
            let limit = Limit { head, tail };
            let kept = stored(&text, limit);
            prop_assert!(kept.len() <= head + tail + GAP.len());
            prop_assert!(marked_ids(&without_marked(&text)).is_empty());
        }
    }
}
