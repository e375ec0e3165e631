//! Finds absolute paths and says what may be told of them.
//!
//! A path inside of a project becomes relative to it. Folders that every system has stay. What
//! else is absolute keeps its last two names behind a placeholder: enough to see what sort of
//! file it was, and nothing of where somebody keeps their work.

mod spelling;
mod telling;

use std::ops::Range;

use self::spelling::{Anchor, Split, Start, is_of_name, opens};
use self::telling::judge;
use super::marks::Marker;
use crate::redact;

/// The project folders on this disk.
pub(super) struct Roots(Vec<(Anchor, Vec<String>)>);

impl Roots {
    /// For the absolute paths `roots`; `homes` are home folders in unusual places.
    pub(super) fn new(roots: &[String], homes: &[String]) -> Self {
        let mut known: Vec<(Anchor, Vec<String>)> = roots
            .iter()
            .filter_map(|root| {
                let root = shorten_homes(root, homes);
                let root = redact::homes(&root).into_owned();
                let (start, end) = (Start::at(&root, 0)?, root.len());
                let split = start.split(&root[start.body..end]);
                // The whole home is no project of which one could tell nothing.
                (!split.names.is_empty())
                    .then(|| (split.anchor, split.names.iter().map(ToString::to_string).collect()))
            })
            .collect();
        known.sort_by_key(|(_, names): &(Anchor, Vec<String>)| std::cmp::Reverse(names.len()));
        Self(known)
    }

    /// The names of `path` below the root that it lies in.
    fn below<'p, 't>(&self, path: &'p Split<'t>) -> Option<&'p [&'t str]> {
        self.0.iter().find_map(|(anchor, root)| {
            let inside = *anchor == path.anchor
                && path.names.len() >= root.len()
                && path.names.iter().zip(root).all(|(a, b)| a.eq_ignore_ascii_case(b));
            inside.then(|| &path.names[root.len()..])
        })
    }
}

/// `text` with the homes of unusual places in it written as `~`.
pub(super) fn shorten_homes(text: &str, homes: &[String]) -> String {
    let mut text = text.to_owned();
    for home in homes {
        let home = home.trim_end_matches(['/', '\\']);
        if home.len() < 2 || !text.contains(home) {
            continue;
        }
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for (at, _) in text.match_indices(home) {
            let ends = text[at + home.len()..].chars().next().is_none_or(|c| !is_of_name(c));
            if at < from || !ends || !opens(&text, at, false) {
                continue;
            }
            out.push_str(&text[from..at]);
            out.push('~');
            from = at + home.len();
        }
        out.push_str(&text[from..]);
        text = out;
    }
    text
}

/// The absolute paths in `text` outside of `shut` (ranges in order) that must not leave as they
/// are, each with what stands in its place.
pub(super) fn find(
    roots: &Roots,
    marker: &Marker,
    text: &str,
    shut: &[Range<usize>],
) -> Vec<(Range<usize>, String)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    let mut next = 0;
    while at < bytes.len() {
        while shut.get(next).is_some_and(|range| range.end <= at) {
            next += 1;
        }
        if let Some(range) = shut.get(next).filter(|range| range.start <= at) {
            at = range.end;
            continue;
        }
        let Some(start) = Start::at(text, at) else {
            at += 1;
            continue;
        };
        let (end, path_end) = start.end(text, at);
        let split = start.split(&text[start.body..path_end]);
        let ends_in_slash = text[..end].ends_with(['/', '\\']) && end > start.body;
        if let Some(mut instead) = judge(roots, marker, &split, start.spelled) {
            if ends_in_slash && !instead.ends_with('/') {
                instead.push('/');
            }
            found.push((at..end, instead));
        }
        at = end.max(at + 1);
    }
    found
}

/// What `file`, which is a path as a whole, becomes; `None` when it may stay.
pub(super) fn whole(roots: &Roots, marker: &Marker, file: &str) -> Option<String> {
    let start = Start::at(file, 0)?;
    judge(roots, marker, &start.split(&file[start.body..]), start.spelled)
}
