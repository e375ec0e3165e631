//! Finds what the rules describe and puts `[secret:NAME]` in its place.
//!
//! One Aho-Corasick pass finds the rules' hints; a rule's regex then runs only where a hint of it
//! stands, anchored there, so the cost of ordinary text is that of the pass. What several rules
//! find in the same place is joined to one mask. Masks already in the text are walls: nothing is
//! matched in or across them. Passes repeat until one finds nothing, since a mask can lay bare a
//! neighbour (it ends a word), which makes masking twice the same as once.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use memchr::memmem;
use regex::Regex;

use super::rules::{Place, RULES, Rule};
use super::{judge, runs};

/// How a mask begins; the rule's name and `]` follow.
const OPEN: &str = "[secret:";

/// How far back the start of an identifier or of a pair is looked for, in bytes.
const BACK: usize = 64;

/// The longest name of a secret with what may stand between it and its value, in bytes, and some
/// more.
const NAME: usize = 128;

/// How far behind its hint a rule of [`Place::Near`] looks, in bytes.
const REACH: usize = 256;

/// Masks every secret in `text` as `[secret:NAME]`, keeping what stands around it. Masking a
/// masked text changes nothing; a text without secrets comes back borrowed.
pub(crate) fn mask(text: &str) -> Cow<'_, str> {
    let mut out = Cow::Borrowed(text);
    loop {
        let found = find(&out);
        if found.is_empty() {
            return out;
        }
        out = Cow::Owned(replace(&out, &found));
    }
}

/// A secret: its bytes, and the name that is shown for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Span {
    /// Where it stands.
    pub(super) range: Range<usize>,
    /// Place of its rule in the table; the first of overlapping rules gives the name.
    pub(super) rank: usize,
    /// The name in the mask.
    pub(super) name: &'static str,
}

/// What a rule's check may look at.
pub(super) struct Found<'t> {
    /// The whole text.
    pub(super) text: &'t str,
    /// Where the rule's match stands in it.
    pub(super) range: Range<usize>,
    /// The whole match, key and all.
    pub(super) matched: &'t str,
    /// The part that would be masked.
    pub(super) secret: &'t str,
}

/// The hints of all rules as one automaton.
struct Hints {
    automaton: AhoCorasick,
    /// For each pattern of the automaton the rules that it hints at.
    rules: Vec<Vec<usize>>,
}

static HINTS: LazyLock<Hints> = LazyLock::new(|| {
    let mut words: Vec<&str> = RULES.iter().flat_map(|rule| rule.hints).copied().collect();
    words.sort_unstable();
    words.dedup();
    let rules = words
        .iter()
        .map(|word| (0..RULES.len()).filter(|&i| RULES[i].hints.contains(word)).collect())
        .collect();
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build(&words)
        .expect("a few hundred short hints make an automaton");
    Hints { automaton, rules }
});

/// The rules' regexes, each compiled when its first hint is seen: most runs need few of them.
static REGEXES: LazyLock<Vec<OnceLock<Regex>>> =
    LazyLock::new(|| RULES.iter().map(|_| OnceLock::new()).collect());

/// The compiled regex of the rule at `index`, anchored unless the rule looks around its hint.
fn regex(index: usize) -> &'static Regex {
    REGEXES[index].get_or_init(|| {
        let rule = &RULES[index];
        let source = match rule.place {
            Place::Near(_) => rule.regex.to_owned(),
            Place::Anywhere | Place::Word | Place::Phrase | Place::Key(_) => {
                format!(r"\A(?:{})", rule.regex)
            }
        };
        Regex::new(&source).expect("a test compiles every rule of the table")
    })
}

/// All secrets in `text`, in order, joined where they overlap.
fn find(text: &str) -> Vec<Span> {
    let walls = walls(text);
    let mut spans = Vec::new();
    // Per rule, where its last match ended: a hint inside a match is part of it.
    let mut done = [0; RULES.len()];
    for hit in HINTS.automaton.find_overlapping_iter(text) {
        let Some(room) = room(&walls, hit.range(), text.len()) else { continue };
        for &index in &HINTS.rules[hit.pattern().as_usize()] {
            let rule = &RULES[index];
            if hit.start() < done[index] {
                continue;
            }
            let Some((tried, range)) = apply(rule, index, text, &room, hit.range()) else {
                continue;
            };
            done[index] = tried;
            if let Some(range) = range {
                spans.push(Span { range, rank: index, name: rule.name });
            }
        }
    }
    runs::find(text, &walls, &mut spans);
    join(spans)
}

/// Tries `rule` at the hint at `hit`, inside `room`. Returns where its match ends and, if the
/// match is a secret, the secret's range.
fn apply(
    rule: &Rule,
    index: usize,
    text: &str,
    room: &Range<usize>,
    hit: Range<usize>,
) -> Option<(usize, Option<Range<usize>>)> {
    let bytes = text.as_bytes();
    let (start, end) = match rule.place {
        Place::Anywhere => (hit.start, room.end),
        Place::Word if starts_word(bytes, hit.start) => (hit.start, room.end),
        Place::Phrase if bytes.get(hit.end) == Some(&b' ') && starts_word(bytes, hit.start) => {
            (hit.start, room.end)
        }
        Place::Key(marks) if is_followed(&bytes[hit.end..room.end], marks) => {
            (key_start(bytes, room.start, hit.start), room.end)
        }
        Place::Word | Place::Phrase | Place::Key(_) => return None,
        Place::Near(back) => (
            text.ceil_char_boundary(hit.start.saturating_sub(back).max(room.start)),
            text.floor_char_boundary((hit.start + REACH).min(room.end)),
        ),
    };
    let captures = regex(index).captures(&text[start..end])?;
    let whole = captures.get(0).expect("group 0 is the match");
    let secret = captures.get(rule.group)?;
    let range = start + secret.start()..start + secret.end();
    let found = Found {
        text,
        range: start + whole.start()..start + whole.end(),
        matched: whole.as_str(),
        secret: secret.as_str(),
    };
    let least =
        if is_cut(text, range.end) { (rule.min / 2).max(8).min(rule.min) } else { rule.min };
    let real = secret.len() >= least && (rule.check)(&found);
    Some((found.range.end, real.then_some(range)))
}

/// Whether a text that was cut to a limit ends at `end`: a secret may go on after it.
fn is_cut(text: &str, end: usize) -> bool {
    let rest = &text[end..];
    rest.is_empty() || rest.starts_with('…') || rest.starts_with("...")
}

/// Whether a word starts at `at`: not after a letter or digit, unless that belongs to an escape
/// (`\n`, `%3D`, a terminal colour).
fn starts_word(bytes: &[u8], at: usize) -> bool {
    let before = &bytes[..at];
    match before {
        [] | [.., b'\\', b'n' | b'r' | b't'] | [.., b'%', b'2' | b'3' | b'5', _] => true,
        [.., last] if !last.is_ascii_alphanumeric() && *last != b'_' => true,
        [.., b'm'] => {
            let colour = before[..before.len() - 1]
                .iter()
                .rev()
                .take(12)
                .skip_while(|b| b.is_ascii_digit() || **b == b';')
                .copied()
                .next();
            colour == Some(b'[')
        }
        _ => false,
    }
}

/// Where the identifier around `at` starts, not before `floor` and at most [`BACK`] bytes back.
fn key_start(bytes: &[u8], floor: usize, at: usize) -> usize {
    let floor = floor.max(at.saturating_sub(BACK));
    (floor..at).rev().take_while(|&i| judge::is_key_byte(bytes[i])).last().unwrap_or(at)
}

/// Whether one of `marks` follows the name that goes on in `rest`, or the quotes and blanks behind
/// it. Most names of this kind are only mentioned, and asking first spares them the regex. What is
/// not ASCII may be a blank. What goes on for longer than [`NAME`] is nothing that a rule knows.
fn is_followed(rest: &[u8], marks: &[u8]) -> bool {
    let near = &rest[..rest.len().min(NAME)];
    let name = near.iter().take_while(|byte| judge::is_key_byte(**byte)).count();
    let behind = &near[name..];
    let is_between = |byte: &u8| {
        byte.is_ascii_whitespace() || matches!(byte, 0x0b | b'"' | b'\'' | b'`' | b']' | b'\\')
    };
    let between = behind.iter().take_while(|byte| is_between(byte)).count();
    let is_mark = |byte: &u8| marks.contains(byte);
    behind.first().is_some_and(is_mark)
        || behind.get(between).is_some_and(|byte| is_mark(byte) || !byte.is_ascii())
}

/// Finds where masks begin.
static OPENINGS: LazyLock<memmem::Finder<'_>> = LazyLock::new(|| memmem::Finder::new(OPEN));

/// The masks that `text` already carries.
fn walls(text: &str) -> Vec<Range<usize>> {
    OPENINGS
        .find_iter(text.as_bytes())
        .filter_map(|start| {
            let name = &text.as_bytes()[start + OPEN.len()..];
            let len = name
                .iter()
                .take_while(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || **b == b'-')
                .count();
            let closed = len > 0 && name.get(len) == Some(&b']');
            closed.then_some(start..start + OPEN.len() + len + 1)
        })
        .collect()
}

/// The stretch without walls in which `hit` lies; none if it touches a wall.
pub(super) fn room(walls: &[Range<usize>], hit: Range<usize>, len: usize) -> Option<Range<usize>> {
    let next = walls.partition_point(|wall| wall.end <= hit.start);
    let end = walls.get(next).map_or(len, |wall| wall.start);
    let start = next.checked_sub(1).map_or(0, |last| walls[last].end);
    (hit.end <= end).then_some(start..end)
}

/// `spans` in order, overlapping ones joined under the name of the first rule of the table.
fn join(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable_by_key(|span| (span.range.start, span.range.end, span.rank));
    let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.range.start < last.range.end => {
                last.range.end = last.range.end.max(span.range.end);
                if span.rank < last.rank {
                    (last.rank, last.name) = (span.rank, span.name);
                }
            }
            _ => joined.push(span),
        }
    }
    joined
}

/// `text` with `spans` (in order, apart) replaced by their masks.
fn replace(text: &str, spans: &[Span]) -> String {
    let mut out = String::with_capacity(text.len() + spans.len() * 8);
    let mut from = 0;
    for span in spans {
        out.push_str(&text[from..span.range.start]);
        out.push_str(OPEN);
        out.push_str(span.name);
        out.push(']');
        from = span.range.end;
    }
    out.push_str(&text[from..]);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn what_follows_a_hint_rules_out_no_match(
            parts in prop::collection::vec(
                prop_oneof![
                    Just("pass"), Just("password"), Just("DB_TOKEN"), Just("auth"), Just("_key"),
                    Just("session"), Just("csrf_token"), Just("_dev"), Just("1"), Just("--"),
                    Just("="), Just(":"), Just(":="), Just("=>"), Just("%3D"), Just(">"), Just("<"),
                    Just(" "), Just("\t"), Just("\u{b}"), Just("\u{85}"), Just("\u{a0}"),
                    Just("\""), Just("'"), Just("`"), Just("]"), Just("\\"), Just("is"),
                    Just(": &'static str ="), Just("hunter2"), Just("é"), Just("…"),
                ],
                0..14,
            ),
        ) {
            let text = parts.concat();
            for hit in HINTS.automaton.find_overlapping_iter(&text) {
                for &index in &HINTS.rules[hit.pattern().as_usize()] {
                    let rest = &text.as_bytes()[hit.end()..];
                    let (start, ruled_out) = match RULES[index].place {
                        Place::Key(marks) => {
                            let start = key_start(text.as_bytes(), 0, hit.start());
                            (start, !is_followed(rest, marks))
                        }
                        Place::Phrase => (hit.start(), rest.first() != Some(&b' ')),
                        _ => continue,
                    };
                    let matches = regex(index).is_match(&text[start..]);
                    prop_assert!(!(matches && ruled_out), "{} in {text:?}", RULES[index].name);
                }
            }
        }
    }
}
