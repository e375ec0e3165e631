//! Skills: what is known about working with one program of a project, from a cluster of patterns.
//!
//! A cluster is what is about commands with the same head, such as `cargo test`: those that work,
//! the mistakes that were made, what the user laid down about it, and the files whose changes were
//! checked with it. A skill's identity is derived from project and head, so it stays the same one
//! while its members change.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::model::ids::PatternId;
use crate::model::invocation;
use crate::model::pattern::{Kind, Pattern};
use crate::model::shell::{Category, Part, normalise};
use crate::model::skill::{Body, Point, Skill};
use crate::storage::{Reader, StorageError};

/// Commands and mistakes that make a skill.
const MEMBERS: usize = 3;

/// Skills of a project, those with most evidence.
const MOST: usize = 20;

/// Parts of a skill.
const STEPS: usize = 3;
/// See [`STEPS`].
const PITFALLS: usize = 7;
/// See [`STEPS`].
const RULES: usize = 5;
/// See [`STEPS`].
const FILES: usize = 5;

/// Newest prompts of a cluster whose files are looked at.
const PROMPTS: usize = 20;

/// The patterns about one head.
#[derive(Debug, Default)]
struct Cluster {
    category: Option<Category>,
    recipes: Vec<Member>,
    mistakes: Vec<Member>,
    /// When, and the row of the prompt.
    prompts: Vec<(i64, i64)>,
    rules: Vec<Point>,
    sessions: u32,
}

/// A pattern in the order of its weight: the largest comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Member {
    sessions: u32,
    successes: u32,
    last: i64,
    id: Reverse<PatternId>,
    row: i64,
}

impl Member {
    fn of(pattern: &Pattern) -> Self {
        Self {
            sessions: pattern.tally.sessions,
            successes: pattern.tally.successes,
            last: pattern.tally.last,
            id: Reverse(pattern.id),
            row: pattern.row,
        }
    }
}

/// The skills of the project in this row, which has this key.
pub(super) fn of_project(reader: &Reader, row: i64, key: &str) -> Result<Vec<Skill>, StorageError> {
    let mut clusters: BTreeMap<String, Cluster> = BTreeMap::new();
    let kinds = [Kind::Fix, Kind::Pitfall, Kind::Recipe, Kind::Episode];
    reader.each_active(row, &kinds, &mut |pattern| put(&mut clusters, pattern))?;
    let mut best: Vec<(String, Cluster)> =
        clusters.into_iter().filter(|(_, cluster)| is_skill(cluster)).collect();
    best.sort_by(|a, b| (b.1.sessions, &a.0).cmp(&(a.1.sessions, &b.0)));
    best.truncate(MOST);
    reader.each_active(row, &[Kind::Decision], &mut |pattern| {
        if pattern.payload.standing {
            let about = best.iter_mut().filter(|(head, _)| mentions(&pattern.text, head));
            about.for_each(|(_, cluster)| cluster.rules.push(point(pattern)));
        }
    })?;
    best.into_iter().map(|(head, cluster)| build(reader, key, head, cluster)).collect()
}

fn put(clusters: &mut BTreeMap<String, Cluster>, pattern: &Pattern) {
    let commands: &[String] = match pattern.kind {
        Kind::Episode => &pattern.payload.commands,
        // What is no command.
        _ if invocation::is_named(&pattern.tool) => &[],
        // The failing one, or the one that works.
        _ => pattern.payload.commands.get(..1).unwrap_or_default(),
    };
    for command in commands {
        let Some(part) = normalise(command).parts.into_iter().next().filter(is_worth_a_skill)
        else {
            continue;
        };
        let category = part.category();
        let cluster = clusters.entry(part.head).or_default();
        cluster.category.get_or_insert(category);
        match pattern.kind {
            Kind::Episode => {
                cluster.prompts.push((pattern.tally.last, pattern.row));
                continue;
            }
            Kind::Recipe => cluster.recipes.push(Member::of(pattern)),
            _ => cluster.mistakes.push(Member::of(pattern)),
        }
        cluster.sessions += pattern.tally.sessions;
    }
}

/// Whether the command is one that people learn to use, and not one of the shell's own.
fn is_worth_a_skill(part: &Part) -> bool {
    !matches!(part.category(), Category::Search | Category::Files | Category::Other)
}

fn is_skill(cluster: &Cluster) -> bool {
    let (works, fails) = (cluster.recipes.len(), cluster.mistakes.len());
    fails >= 1 && works + fails >= MEMBERS
}

/// Whether the text has the words of `head` in it.
fn mentions(text: &str, head: &str) -> bool {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_');
    text.match_indices(head).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + head.len()..]);
        !inside(before.chars().next_back()) && !inside(after.chars().next())
    })
}

fn point(pattern: &Pattern) -> Point {
    Point {
        id: pattern.id.to_string(),
        text: pattern.text.clone(),
        sessions: pattern.tally.sessions,
    }
}

fn build(
    reader: &Reader,
    project: &str,
    head: String,
    mut cluster: Cluster,
) -> Result<Skill, StorageError> {
    let points = |members: &mut Vec<Member>, most: usize| -> Result<Vec<Point>, StorageError> {
        members.sort_unstable_by_key(|member| Reverse(*member));
        members
            .iter()
            .take(most)
            .map(|member| {
                let (id, text) = reader.wording(member.row)?;
                Ok(Point { id: id.to_string(), text, sessions: member.sessions })
            })
            .collect()
    };
    let steps = points(&mut cluster.recipes, STEPS)?;
    let pitfalls = points(&mut cluster.mistakes, PITFALLS)?;
    let mut rules = cluster.rules;
    rules.sort_by(|a, b| (b.sessions, &a.id).cmp(&(a.sessions, &b.id)));
    rules.truncate(RULES);
    let body = Body {
        when: format!("before running `{head}`, or when it fails"),
        files: files(reader, cluster.prompts)?,
        head,
        steps,
        pitfalls,
        rules,
    };
    Ok(Skill {
        id: PatternId::derive(Kind::Skill.name(), project, &body.head, ""),
        title: format!("{} `{}`", doing(cluster.category), body.head),
        body,
    })
}

/// What one does with such a program.
fn doing(category: Option<Category>) -> &'static str {
    match category {
        Some(Category::Test) => "Testing with",
        Some(Category::Build) => "Building with",
        Some(Category::Lint) => "Linting with",
        Some(Category::Format) => "Formatting with",
        Some(Category::TypeCheck) => "Checking types with",
        Some(Category::Install) => "Installing with",
        Some(Category::Release) => "Releasing with",
        _ => "Using",
    }
}

/// The files that most of the newest prompts changed, at least two each.
fn files(reader: &Reader, mut prompts: Vec<(i64, i64)>) -> Result<Vec<String>, StorageError> {
    prompts.sort_unstable_by_key(|prompt| Reverse(*prompt));
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for (_, row) in prompts.into_iter().take(PROMPTS) {
        for file in reader.payload(row)?.files {
            *counts.entry(file).or_default() += 1;
        }
    }
    let mut files: Vec<(String, u32)> = counts.into_iter().filter(|(_, n)| *n >= 2).collect();
    files.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    Ok(files.into_iter().take(FILES).map(|(file, _)| file).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_found_as_whole_words() {
        for (text, head, found) in [
            ("always run `npm test` before", "npm test", true),
            ("npm test", "npm test", true),
            ("pnpm test", "npm test", false),
            ("npm test-all", "npm test", false),
            ("use uv, not pip", "uv", true),
            ("nothing", "uv", false),
        ] {
            assert_eq!(mentions(text, head), found, "{text}");
        }
    }
}
