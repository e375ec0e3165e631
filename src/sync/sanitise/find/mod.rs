//! Finds what the rules describe and puts placeholders in its place.
//!
//! [`places`] are files and URLs, `logins` who is logged in where, [`people`] whose work it is,
//! [`machines`] hosts, addresses and ids.

mod logins;
mod machines;
mod people;
mod places;

use std::ops::Range;

use regex::{Captures, Match, Regex};

use super::{Sanitiser, marks, paths};
use crate::redact;

pub(super) use logins::ssh;
pub(super) use machines::{accounts, addresses, hosts, ids};
pub(super) use people::{emails, logins, persons};
pub(super) use places::{encoded_paths, paths, urls, worktrees};

/// What is changed: where, and what stands there afterwards.
type Change = (Range<usize>, String);

/// The text and how often it was changed; `None` when it was not.
type Applied = Option<(String, usize)>;

/// A regex, compiled when it is first needed.
macro_rules! regex {
    ($pattern:expr) => {{
        static COMPILED: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| {
            regex::Regex::new($pattern).expect("a test applies every regex")
        });
        &*COMPILED
    }};
}
pub(super) use regex;

/// `text` with `changes` made, of which those that touch a placeholder are left out.
fn replaced(text: &str, mut changes: Vec<Change>) -> Applied {
    let walls = marks::walls(text);
    changes.retain(|(range, _)| {
        // What takes in a placeholder as a whole may.
        walls.iter().all(|wall| {
            wall.end <= range.start
                || range.end <= wall.start
                || (range.start <= wall.start && wall.end <= range.end && *range != *wall)
        })
    });
    changes.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    let mut count = 0;
    for (range, instead) in changes {
        if range.start < from || text[range.clone()] == instead {
            continue;
        }
        out.push_str(&text[from..range.start]);
        out.push_str(&instead);
        from = range.end;
        count += 1;
    }
    out.push_str(&text[from..]);
    (count > 0).then_some((out, count))
}

/// All matches of `regex` in `text` for which `judge` gives what stands in their place.
fn matches(
    text: &str,
    regex: &Regex,
    judge: impl FnMut(Captures<'_>) -> Option<Change>,
) -> Vec<Change> {
    regex.captures_iter(text).filter_map(judge).collect()
}

/// The whole match.
fn whole<'t>(found: &Captures<'t>) -> Match<'t> {
    found.get(0).expect("group 0 is the match")
}

/// A group that no match is without.
fn group<'t>(found: &Captures<'t>, index: usize) -> Match<'t> {
    found.get(index).expect("the group is in no alternative")
}

/// Whether the character before `at` is no letter, no digit and none of `others`.
fn clear_before(text: &str, at: usize, others: &str) -> bool {
    let before = text[..at].chars().next_back();
    before.is_none_or(|c| !(c.is_alphanumeric() || others.contains(c)))
}

/// Whether the character at `at` is no letter, no digit and none of `others`.
fn clear_after(text: &str, at: usize, others: &str) -> bool {
    let after = text[at..].chars().next();
    after.is_none_or(|c| !(c.is_alphanumeric() || others.contains(c)))
}

/// Whether `value` stands for one: a variable or a placeholder.
fn is_variable(value: &str) -> bool {
    value.starts_with(['$', '{', '<', '[', '%', '*'])
}

pub(super) fn homes(own: &Sanitiser, text: &str) -> Applied {
    let tildes = |text: &str| text.matches('~').count();
    let shorter = paths::shorten_homes(text, &own.homes);
    let shorter = redact::homes(&shorter);
    let count = tildes(&shorter).saturating_sub(tildes(text));
    (shorter != text).then(|| (shorter.into_owned(), count.max(1)))
}

pub(super) fn secrets(_: &Sanitiser, text: &str) -> Applied {
    let masks = |text: &str| text.matches("[secret:").count();
    let masked = redact::mask(text);
    let count = masks(&masked).saturating_sub(masks(text));
    (masked != text).then(|| (masked.into_owned(), count.max(1)))
}

pub(super) fn names(own: &Sanitiser, text: &str) -> Applied {
    let mut changes = Vec::new();
    for (word, names) in [("host", &own.host_names), ("user", &own.user_names)] {
        let found = names.find(text).into_iter();
        changes.extend(found.map(|at| (at.clone(), own.marker.mark(word, &text[at]))));
    }
    replaced(text, changes)
}
