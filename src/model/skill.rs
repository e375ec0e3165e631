//! A skill: what is known about working with one program of a project.

use serde::{Deserialize, Serialize};

use super::ids::PatternId;

/// A cluster of patterns that belong to one program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Skill {
    /// Identity across machines, derived from the project and the program.
    pub(crate) id: PatternId,
    /// What it is about, in a few words.
    pub(crate) title: String,
    /// Its parts.
    pub(crate) body: Body,
}

/// The parts of a skill, as they are stored.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Body {
    /// The program with its subcommand, such as `cargo test`.
    pub(crate) head: String,
    /// When it applies.
    pub(crate) when: String,
    /// What works, best first.
    pub(crate) steps: Vec<Point>,
    /// What fails, and what mended it; most often seen first.
    pub(crate) pitfalls: Vec<Point>,
    /// What the user laid down about it.
    pub(crate) rules: Vec<Point>,
    /// Files whose changes were checked with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) files: Vec<String>,
}

/// One pattern of a skill.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Point {
    /// The pattern's id in hex.
    pub(crate) id: String,
    /// What the pattern says.
    pub(crate) text: String,
    /// Sessions that say so.
    pub(crate) sessions: u32,
}

impl Body {
    /// All points: steps, pitfalls, rules.
    pub(crate) fn points(&self) -> impl Iterator<Item = &Point> {
        self.steps.iter().chain(&self.pitfalls).chain(&self.rules)
    }

    /// All points, to be reworded.
    pub(crate) fn points_mut(&mut self) -> impl Iterator<Item = &mut Point> {
        self.steps.iter_mut().chain(&mut self.pitfalls).chain(&mut self.rules)
    }

    /// The same with those points only that `keep` says; `None` when none is left.
    pub(crate) fn filtered(&self, keep: &dyn Fn(&Point) -> bool) -> Option<Self> {
        let kept = |points: &[Point]| points.iter().filter(|p| keep(p)).cloned().collect();
        let body = Self {
            steps: kept(&self.steps),
            pitfalls: kept(&self.pitfalls),
            rules: kept(&self.rules),
            ..self.clone()
        };
        let any = body.points().next().is_some();
        any.then_some(body)
    }
}
