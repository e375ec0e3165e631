//! What stands in the place of what was taken out, and how it is told from ordinary text.

use std::ops::Range;

use ring::hmac;

use super::super::hex::hex;

/// Bytes of a keyed hash that are shown: enough that names of one workspace hardly ever meet.
const SHOWN: usize = 4;

/// The words with which a placeholder can begin. Those that stand for a name have a keyed hash
/// behind it.
const WORDS: &[(&str, bool)] = &[
    ("path", false),
    ("home", false),
    ("tmp", false),
    ("credentials", false),
    ("account", true),
    ("address", true),
    ("email", true),
    ("host", true),
    ("id", true),
    ("person", true),
    ("project", true),
    ("ssh", true),
    ("user", true),
];

/// Makes placeholders.
pub(super) struct Marker(hmac::Key);

impl Marker {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// `<word 1a2b3c4d>` with a keyed hash of `found`: what is equal stays equal, and nobody
    /// without the key can try out names. Case makes no difference.
    pub(super) fn mark(&self, word: &'static str, found: &str) -> String {
        let mut said = hmac::Context::with_key(&self.0);
        said.update(word.as_bytes());
        said.update(&[0]);
        said.update(found.to_lowercase().as_bytes());
        let tag = said.sign();
        format!("<{word} {}>", hex(&tag.as_ref()[..SHOWN]))
    }
}

/// Where placeholders and masks of secrets stand in `text`, in order: nothing is looked for in
/// them.
pub(super) fn walls(text: &str) -> Vec<Range<usize>> {
    let starts = text.bytes().enumerate().filter(|(_, byte)| matches!(byte, b'<' | b'['));
    starts.filter_map(|(at, _)| Some(at..at + wall(&text[at..])?)).collect()
}

/// The length of the placeholder or mask that `text` begins with.
pub(super) fn wall(text: &str) -> Option<usize> {
    if let Some(name) = text.strip_prefix("[secret:") {
        let len = name
            .bytes()
            .take_while(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
            .count();
        return (len > 0 && name.as_bytes().get(len) == Some(&b']')).then_some(8 + len + 1);
    }
    let body = text.strip_prefix('<')?;
    let (word, hashed) = WORDS.iter().find(|(word, _)| {
        body.strip_prefix(word).is_some_and(|rest| rest.starts_with([' ', '>']))
    })?;
    let rest = &body[word.len()..];
    let hash = if *hashed { rest.strip_prefix(' ')? } else { rest };
    let digits = hash.bytes().take_while(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')).count();
    let right = digits == if *hashed { 2 * SHOWN } else { 0 };
    (right && hash.as_bytes().get(digits) == Some(&b'>'))
        .then(|| text.len() - hash.len() + digits + 1)
}

/// Whether `word` is one of those that placeholders are made of.
pub(super) fn is_word(word: &str) -> bool {
    word == "secret" || WORDS.iter().any(|(known, _)| *known == word)
}

/// Whether the character at `at` is the last one of a placeholder or mask.
pub(super) fn ends_wall(text: &str, at: usize) -> bool {
    let from = text.floor_char_boundary(at.saturating_sub(64));
    matches!(text.as_bytes()[at], b'>' | b']')
        && walls(&text[from..=at]).last().is_some_and(|wall| from + wall.end == at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_recognised_and_nothing_else_is() {
        let marker = Marker::new(&[1; 32]);
        for (word, hashed) in WORDS {
            let mark = if *hashed { marker.mark(word, "ada") } else { format!("<{word}>") };
            assert_eq!(wall(&format!("{mark} x")), Some(mark.len()), "{mark}");
            assert!(ends_wall(&format!("a {mark}"), mark.len() + 1));
        }
        for text in [
            "<user>",
            "<user ada>",
            "<user 1a2b3c4>",
            "<user 1a2b3c4d",
            "<users 1a2b3c4d>",
            "<path 1a2b3c4d>",
            "[secret:]",
            "[secret:A]",
            "<",
            "",
        ] {
            assert_eq!(wall(text), None, "{text}");
        }
        assert_eq!(wall("[secret:github-token]/x"), Some(21));
        assert_eq!(walls("a <path>/b <user 01234567>"), [2..8, 11..26]);
    }

    #[test]
    fn hashes_depend_on_the_key_and_the_word() {
        let (a, b) = (Marker::new(&[1; 32]), Marker::new(&[2; 32]));
        assert_eq!(a.mark("user", "ada"), a.mark("user", "Ada"));
        assert_ne!(a.mark("user", "ada"), b.mark("user", "ada"));
        assert_ne!(a.mark("user", "ada")[6..], a.mark("host", "ada")[6..]);
        assert_ne!(a.mark("user", "ada"), a.mark("user", "bob"));
    }
}
