//! What several projects learned, each by itself, holds for all of them.
//!
//! That is so for a mistake with its remedy, for a failure without one, and for a standing
//! decision of the user; that a command works in one project says nothing about another, and
//! files and earlier prompts are a project's own.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::ids::PatternId;
use crate::model::invocation;
use crate::model::pattern::{Kind, Pattern};

/// Projects that have to have learned it.
pub(super) const PROJECTS: usize = 3;

/// The kinds that can hold for all projects.
pub(super) const KINDS: &[Kind] = &[Kind::Fix, Kind::Pitfall, Kind::Decision];

/// What stands for a pattern in all projects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shared {
    /// Identity of the pattern of all projects.
    pub(crate) id: PatternId,
    /// What sort of observation.
    pub(crate) kind: Kind,
    /// How many projects learned it.
    pub(crate) projects: u32,
}

/// The identity that a pattern with these `keys` would have as one of all projects; `None` when it
/// can be none.
pub(super) fn identity(pattern: &Pattern, keys: &[u8]) -> Option<PatternId> {
    let payload = &pattern.payload;
    let own = match pattern.kind {
        // Which skills, agents and servers there are is a project's own.
        Kind::Fix | Kind::Pitfall if invocation::is_named(&pattern.tool) => true,
        Kind::Fix | Kind::Pitfall => payload.routine || payload.next_only || payload.is_rerun(),
        Kind::Decision => !payload.standing,
        _ => true,
    };
    let texts = [&pattern.trigger, &pattern.text];
    let all = texts.into_iter().chain(&payload.commands).chain(&payload.remedy);
    if own || !payload.files.is_empty() || all.into_iter().any(|text| names_a_path(text)) {
        return None;
    }
    // A fix is what was run, how it failed, and what worked; the rest is wording.
    let about = match pattern.kind {
        Kind::Decision => pattern.text.to_lowercase(),
        _ => format!("{keys:02x?}"),
    };
    let remedy = payload.remedy.join("\n");
    Some(PatternId::derive(pattern.kind.name(), "", &about, &remedy))
}

fn names_a_path(text: &str) -> bool {
    text.contains(['/', '~', '\\'])
}

/// Which patterns, by row, are stood for by one of all projects.
pub(super) fn shared(candidates: &[(PatternId, Kind, i64, i64)]) -> HashMap<i64, Shared> {
    let mut by_id: BTreeMap<PatternId, Vec<(Kind, i64, i64)>> = BTreeMap::new();
    for (id, kind, project, row) in candidates {
        by_id.entry(*id).or_default().push((*kind, *project, *row));
    }
    let mut shared = HashMap::new();
    for (id, members) in by_id {
        let projects: BTreeSet<i64> = members.iter().map(|(_, project, _)| *project).collect();
        if projects.len() < PROJECTS {
            continue;
        }
        for (kind, _, row) in members {
            shared.insert(row, Shared { id, kind, projects: projects.len() as u32 });
        }
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::pattern::{Effect, Payload, State, Tally};

    fn pattern(kind: Kind, text: &str, payload: Payload) -> Pattern {
        Pattern {
            row: 1,
            id: PatternId::derive("", "", text, ""),
            kind,
            project: Some(1),
            tool: String::new(),
            category: String::new(),
            trigger: text.into(),
            text: text.into(),
            payload,
            state: State::Active,
            tally: Tally::default(),
            effect: Effect::default(),
        }
    }

    fn fix(text: &str, remedy: &str) -> Pattern {
        let payload = Payload { remedy: vec![remedy.into()], ..Payload::default() };
        pattern(Kind::Fix, text, payload)
    }

    #[test]
    fn what_is_the_same_in_other_words_is_one() {
        let one = identity(&fix("`git push` failed (no upstream)", "git push -u"), &[1, 2]);
        assert!(one.is_some());
        assert_eq!(
            identity(&fix("`git push` failed (no upstream: x)", "git push -u"), &[1, 2]),
            one
        );
        assert_ne!(identity(&fix("`git push` failed", "git push -f"), &[1, 2]), one);
        assert_ne!(identity(&fix("`git push` failed", "git push -u"), &[3]), one);
    }

    #[test]
    fn what_is_a_projects_own_is_not_shared() {
        let standing = Payload { standing: true, ..Payload::default() };
        let routine = Payload { routine: true, ..Payload::default() };
        let files = Payload { files: vec!["a.rs".into()], ..Payload::default() };
        for (what, pattern, shareable) in [
            ("a standing decision", pattern(Kind::Decision, "use tabs", standing), true),
            ("a remark", pattern(Kind::Decision, "use tabs", Payload::default()), false),
            ("the normal loop", pattern(Kind::Fix, "x", routine), false),
            ("a path", fix("`make` failed", "make src/x"), false),
            ("a file", pattern(Kind::Fix, "x", files), false),
            ("a command", pattern(Kind::Recipe, "`make`", Payload::default()), false),
            ("a prompt", pattern(Kind::Episode, "do it", Payload::default()), false),
        ] {
            assert_eq!(identity(&pattern, &[]).is_some(), shareable, "{what}");
        }
    }

    #[test]
    fn three_projects_make_it_everybodys() {
        let [a, b] = ["a", "b"].map(|text| PatternId::derive("", "", text, ""));
        let row = |id, project, row| (id, Kind::Fix, project, row);
        let mut known = vec![row(a, 1, 10), row(a, 2, 20), row(b, 1, 11), row(b, 1, 12)];
        assert!(shared(&known).is_empty());
        known.extend([row(a, 3, 30), row(a, 3, 31)]);
        let found = shared(&known);
        let expected = Shared { id: a, kind: Kind::Fix, projects: 3 };
        assert_eq!(found.len(), 4);
        assert!([10, 20, 30, 31].iter().all(|row| found[row] == expected));
    }
}
