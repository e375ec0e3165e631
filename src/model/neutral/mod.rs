//! Makes a text harmless to whoever reads it: without characters that are not seen, and without
//! what looks like the agent's own markup. Hot.
//!
//! What was learned came out of files, web pages and programs, and is read by an agent and on
//! terminals. [`visible`] takes out what neither shows (escape sequences, control characters,
//! what changes the direction of writing, what has no width), [`neutral`] also makes markup plain
//! text, by the table in [`rules`]. Both give a text that needs nothing back as it is, without an
//! allocation, and doing either twice is the same as once.

mod rules;

use std::borrow::Cow;

use rules::{Place, RULES, Rule};

/// `text` without characters that are not seen and with its markup made plain: what may be told
/// to an agent. A carriage return ends a line.
pub(crate) fn neutral(text: &str) -> Cow<'_, str> {
    let seen = visible(text);
    let lines = match &*seen {
        text if text.contains('\r') => Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")),
        _ => seen,
    };
    match first_markup(&lines, 0) {
        None => lines,
        Some(_) => Cow::Owned(plain(&lines)),
    }
}

/// `text` without what no reader sees: terminal escape sequences, control characters other than
/// line feeds, carriage returns and tabs, marks of direction, characters without width, tags and
/// variation selectors.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    // One pass over bytes says for nearly every text that there is nothing to do.
    if !text.bytes().any(|byte| is_control(byte) || may_begin_hidden(byte)) {
        return Cow::Borrowed(text);
    }
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(is_hidden) {
        kept.push_str(&rest[..at]);
        rest = &rest[at + escape_len(&rest[at..])..];
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

fn is_control(byte: u8) -> bool {
    (byte < 0x20 && !matches!(byte, b'\n' | b'\r' | b'\t')) || byte == 0x7f
}

/// Whether a character that is not seen may begin with this byte of UTF-8.
fn may_begin_hidden(byte: u8) -> bool {
    matches!(byte, 0xc2 | 0xcd | 0xd8 | 0xe1..=0xe3 | 0xef | 0xf0 | 0xf3)
}

/// Whether a reader does not see this character.
pub(crate) fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\r' | '\t' => false,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        c if c < '\u{ad}' => false,
        // Soft hyphen, joiners, fillers and other characters without width.
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}

/// The length in bytes of the character without sight that `text` begins with, or of the escape
/// sequence.
fn escape_len(text: &str) -> usize {
    let Some(first) = text.chars().next() else { return 0 };
    let (introducer, body) = match (first, text.as_bytes().get(1)) {
        ('\u{1b}', Some(kind)) => (*kind, 2),
        ('\u{9b}', _) => (b'[', 2),
        ('\u{9d}', _) => (b']', 2),
        _ => return first.len_utf8(),
    };
    let bytes = &text.as_bytes()[body.min(text.len())..];
    match introducer {
        // Control sequence: parameters, then one final byte from `@` to `~`.
        b'[' => {
            let parameters = bytes.iter().take_while(|b| (0x20..0x40).contains(*b)).count();
            let last = bytes.get(parameters).is_some_and(|b| (0x40..0x7f).contains(b));
            body + parameters + usize::from(last)
        }
        // Operating system command (titles, links): until BEL or ESC.
        b']' => {
            let command = bytes.iter().take_while(|b| !matches!(b, 0x07 | 0x1b)).count();
            body + command + usize::from(bytes.get(command) == Some(&0x07))
        }
        _ => first.len_utf8(),
    }
}

/// The first place at or behind `from` where a rule's spelling stands, with the rule.
fn first_markup(text: &str, from: usize) -> Option<(usize, &'static Rule)> {
    let bytes = text.as_bytes();
    (from..bytes.len()).find_map(|at| {
        let rule = match bytes[at] {
            b'<' | b'[' | b'`' => RULES.iter().find(|rule| stands_at(rule, bytes, at)),
            // Cheap before dear: a role stands at the beginning of a line.
            b'H' | b'A' | b'S' | b'U' | b'D' if begins_line(bytes, at) => {
                RULES.iter().find(|rule| stands_at(rule, bytes, at))
            }
            _ => None,
        };
        rule.map(|rule| (at, rule))
    })
}

fn stands_at(rule: &Rule, bytes: &[u8], at: usize) -> bool {
    let rest = &bytes[at..];
    match rule.place {
        Place::Anywhere => begins(rest, rule.spelling),
        Place::Tag | Place::TagPrefix => {
            let Some(name) = rest.strip_prefix(b"<") else { return false };
            let name = skip(name, b" \t\n");
            let name = skip(name.strip_prefix(b"/").unwrap_or(name), b" \t\n");
            begins(name, rule.spelling)
                && (rule.place == Place::TagPrefix
                    || (ends_name(&name[rule.spelling.len()..]) && !is_type(bytes, at)))
        }
        Place::Role => {
            let length = rule.spelling.len();
            begins(rest, rule.spelling)
                && is_role(&rest[..length])
                && skip(&rest[length..], b" \t").first() == Some(&b':')
                && begins_line(bytes, at)
        }
    }
}

/// Whether a role's word is capitalised or in capitals.
fn is_role(word: &[u8]) -> bool {
    let rest = &word[1..];
    word[0].is_ascii_uppercase()
        && (rest.iter().all(u8::is_ascii_lowercase) || rest.iter().all(u8::is_ascii_uppercase))
}

fn begins(bytes: &[u8], spelling: &str) -> bool {
    bytes.get(..spelling.len()).is_some_and(|b| b.eq_ignore_ascii_case(spelling.as_bytes()))
}

/// Whether a tag's name is over: `<system>`, `<system x=y>`, and not `<System: Trait>`.
fn ends_name(rest: &[u8]) -> bool {
    rest.first().is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b'>' | b'/'))
}

/// Whether the `<` at `at` begins a type's parameter, as in `Option<Human>`.
fn is_type(bytes: &[u8], at: usize) -> bool {
    let named = bytes[..at].last().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b':');
    let [first, second, ..] = &bytes[at + 1..] else { return false };
    named && first.is_ascii_uppercase() && second.is_ascii_lowercase()
}

fn skip<'a>(bytes: &'a [u8], blanks: &[u8]) -> &'a [u8] {
    let at = bytes.iter().position(|b| !blanks.contains(b)).unwrap_or(bytes.len());
    &bytes[at..]
}

fn begins_line(bytes: &[u8], at: usize) -> bool {
    bytes[..at].iter().rev().find(|b| !matches!(b, b' ' | b'\t')).is_none_or(|b| *b == b'\n')
}

/// `text` with every rule's spelling made plain.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut from = 0;
    while let Some((at, rule)) = first_markup(text, from) {
        out.push_str(&text[from..at]);
        from = at + 1;
        match (rule.place, text.as_bytes()[at]) {
            (Place::Role, _) => {
                from = at + rule.spelling.len();
                out.push('(');
                out.push_str(&text[at..from]);
                out.push(')');
            }
            (_, b'<') => out.push('‹'),
            (_, b'[') => out.push('('),
            _ => {
                let ticks = text[at..].bytes().take_while(|b| *b == b'`').count();
                from = at + ticks;
                out.extend(std::iter::repeat_n('\'', ticks));
            }
        }
    }
    out.push_str(&text[from..]);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_rule_changes_its_sample_and_no_other_is_needed_for_it() {
        for rule in RULES {
            let [text, expected] = rule.sample;
            assert_eq!(neutral(text), expected);
            let found = (0..text.len()).any(|at| stands_at(rule, text.as_bytes(), at));
            assert!(found, "{:?} does not stand in its own sample", rule.spelling);
        }
    }

    #[test]
    fn what_is_not_seen_goes() {
        for (text, expected) in [
            ("\x1b[31merror\x1b[0m: x", "error: x"),
            ("\x1b]8;;http://x\x07link\x1b]8;;\x07", "link"),
            ("\u{9b}31mred\u{9b}0m", "red"),
            ("\u{9d}0;title\x07x", "x"),
            ("a\0b\x07c\x08d\x7fe\u{85}f", "abcdef"),
            ("end\x1b", "end"),
            ("end\x1b[", "end"),
            ("\x1b[1;\u{e9}", "\u{e9}"),
            ("\x1b\x1b[m[31m", "[31m"),
            ("soft\u{ad}hyphen zero\u{200b}width\u{feff}", "softhyphen zerowidth"),
            ("\u{202e}txt.exe\u{202c} \u{2066}a\u{2069} \u{200f}", "txt.exe a "),
            ("hi\u{e0049}\u{e0067}\u{e006e}\u{e007f}\u{e0101}\u{fe0f}", "hi"),
            ("tab\tline\nreturn\r\n", "tab\tline\nreturn\r\n"),
            ("Grüße, 日本語, 🙂, naïve – “x” … →", "Grüße, 日本語, 🙂, naïve – “x” … →"),
        ] {
            assert_eq!(visible(text), expected, "{text:?}");
        }
    }

    #[test]
    fn hidden_characters_do_not_hide_markup() {
        for (text, expected) in [
            ("<sys\u{200b}tem-reminder>", "‹system-reminder>"),
            ("\u{feff}Hu\u{ad}man: x", "(Human): x"),
            ("<\x1b[1msystem\x1b[0m>", "‹system>"),
            ("`\u{200d}``", "'''"),
            ("a\rHuman: x\r\ny", "a\n(Human): x\ny"),
        ] {
            assert_eq!(neutral(text), expected, "{text:?}");
        }
    }

    #[test]
    fn ordinary_texts_are_borrowed() {
        for text in [
            "",
            "let v: Vec<u8> = Vec::<u8>::new();",
            "<div class=\"x\"><user id=\"1\"/></div> <parameter name=\"width\" value=\"2\"/>",
            "fn f<System: Trait>(x: &[mana]) -> Option<Human<'_>>, Vec<Human>",
            "<systemd> <commands> <thinkingface> <invoke>x</invoke>",
            "cat <<'EOF'\nuser: root\nsystem: linux\nEOF",
            "User accounts: 3, see Human: there",
            "if a < system_x && b > c",
            "`cargo test` failed (error[E0308]: mismatched types); `` ` `` is code",
            "Assistants: x\nSystemd: y\nUSERNAME: z",
            "<!-- a comment --> x <| y |> z",
        ] {
            assert!(matches!(neutral(text), Cow::Borrowed(_)), "{text:?} → {:?}", neutral(text));
        }
    }

    proptest! {
        #[test]
        fn twice_is_the_same_as_once(
            text in "(\\PC|\n|\r|\x1b|\\[mana |<system|<|`|Human|:|\u{200b}|\u{9b}|\u{e0041}| ){0,80}"
        ) {
            let once = neutral(&text).into_owned();
            prop_assert_eq!(&*neutral(&once), &once);
            prop_assert!(!once.chars().any(is_hidden));
            prop_assert!(first_markup(&once, 0).is_none());
            prop_assert_eq!(&*visible(&once), &once);
        }
    }
}
