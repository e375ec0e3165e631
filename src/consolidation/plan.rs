//! What should change in the store, and why.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::duplicates;
use super::fate::{self, Standing, World};
use super::sharing::{self, Shared};
use super::{edges, skills};
use crate::model::effect::Group;
use crate::model::ids::PatternId;
use crate::model::pattern::{Kind, Payload, Reason, State, Tally, state_by_evidence};
use crate::model::skill::Skill;
use crate::storage::{Edge, Reader, Recall, SetAside, Sketch, StorageError, Usage};

/// What the user can set.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Rules {
    /// Days in which the weight of a pattern that is not used halves.
    pub(crate) half_life: f64,
}

/// Everything that is to change, a list for each project; the patterns of all projects come last.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Plan {
    /// The patterns of all projects that there are to be.
    pub(crate) shared: Vec<Shared>,
    /// Changes by project.
    pub(crate) projects: Vec<ProjectPlan>,
}

/// What is made of the patterns that are active.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Products {
    /// Skills by the row of their project.
    pub(crate) skills: Vec<(i64, Vec<Skill>)>,
    /// What tends to come before what.
    pub(crate) edges: Vec<Edge>,
}

/// What is to change in a project.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ProjectPlan {
    /// Its name; empty for what is of all projects.
    pub(crate) name: String,
    /// The changes, in the order of their rows.
    pub(crate) items: Vec<Item>,
}

/// A change to one pattern.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Item {
    /// Row of the pattern; `None` for one that is made when the plan is applied.
    pub(crate) row: Option<i64>,
    /// Its identity.
    pub(crate) id: PatternId,
    /// What sort of observation.
    pub(crate) kind: Kind,
    /// What becomes of it.
    pub(crate) fate: Fate,
}

/// What becomes of a pattern.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Fate {
    /// It was set aside, and nothing speaks for that any more.
    Stands,
    /// Another pattern of its project says the same.
    Merged {
        /// Row of the other.
        into: i64,
        /// Identity of the other.
        id: PatternId,
        /// Share of the words in common; the two may be alike through others.
        likeness: f64,
    },
    /// See [`Reason::Faded`].
    Faded {
        /// Its score.
        score: f64,
        /// Days without use.
        idle_days: u32,
    },
    /// See [`Reason::Unmatched`].
    Unmatched {
        /// Days in which it could have matched.
        days: u32,
    },
    /// See [`Reason::Harmful`].
    Harmful {
        /// What came of showing it.
        said: Group,
        /// What came where patterns of its kind were held back.
        held_back: Group,
    },
    /// A pattern of all projects stands for it.
    Global(Shared),
}

impl Fate {
    /// The reason that is stored for it.
    pub(crate) fn reason(&self) -> Option<Reason> {
        match self {
            Self::Stands => None,
            Self::Merged { .. } => Some(Reason::Merged),
            Self::Faded { .. } => Some(Reason::Faded),
            Self::Unmatched { .. } => Some(Reason::Unmatched),
            Self::Harmful { .. } => Some(Reason::Harmful),
            Self::Global(_) => Some(Reason::Global),
        }
    }

    /// Why, for people.
    pub(crate) fn why(&self) -> String {
        match self {
            Self::Stands => "nothing speaks against it any more".into(),
            Self::Merged { id, likeness, .. } => {
                format!("says the same as {} ({:.0} % alike)", id.short(), likeness * 100.0)
            }
            Self::Faded { score, idle_days } => {
                format!("score {score:.1}, not used for {idle_days} days")
            }
            Self::Unmatched { days } => {
                format!("seen in one session, and nothing has matched it for {days} days")
            }
            Self::Harmful { said, held_back } => format!(
                "went well {} of {} times when it was shown, {} of {} where its kind was held back",
                said.well, said.cases, held_back.well, held_back.cases
            ),
            Self::Global(shared) => {
                format!(
                    "{} projects learned it: {} stands for all",
                    shared.projects,
                    shared.id.short()
                )
            }
        }
    }
}

/// What should change in the store of `reader`. A project's activity that lies ahead of `now` was
/// written by a clock that was wrong: it makes nothing older than it is.
pub(crate) fn plan(reader: &Reader, rules: Rules, now: i64) -> Result<Plan, StorageError> {
    let projects = reader.projects()?;
    let (usages, watched) = reader.usages()?;
    let held_back: BTreeMap<Kind, Group> = reader
        .sides_by_kind()?
        .into_iter()
        .filter_map(|(kind, sides)| Some((kind?, sides.held_back.well)))
        .collect();
    let mut planner = Planner {
        reader,
        usages,
        shared: shared(reader, projects.len())?,
        known: reader.sketches(None)?,
        members: HashMap::new(),
        world: World { last_activity: 0, half_life: rules.half_life, watched, held_back },
    };
    let mut plan = Plan::default();
    let mut latest = 0;
    for (project, _, name) in projects {
        planner.world.last_activity = reader.last_activity(project)?.unwrap_or(0).min(now);
        latest = latest.max(planner.world.last_activity);
        let items = planner.project(&reader.sketches(Some(project))?)?;
        plan.projects.push(ProjectPlan { name, items });
    }
    planner.world.last_activity = latest;
    let items = planner.of_all()?;
    plan.projects.push(ProjectPlan { name: String::new(), items });
    plan.projects.retain(|project| !project.items.is_empty());
    let shared: BTreeMap<PatternId, Shared> =
        planner.shared.values().map(|shared| (shared.id, *shared)).collect();
    plan.shared = shared.into_values().collect();
    Ok(plan)
}

/// What is to be made of the patterns that are active.
pub(crate) fn products(reader: &Reader) -> Result<Products, StorageError> {
    let mut products = Products::default();
    for (project, key, _) in reader.projects()? {
        products.skills.push((project, skills::of_project(reader, project, &key)?));
        products.edges.extend(edges::of_project(reader, project)?);
    }
    Ok(products)
}

/// Which patterns one of all projects stands for, by row.
fn shared(reader: &Reader, projects: usize) -> Result<HashMap<i64, Shared>, StorageError> {
    let mut candidates = Vec::new();
    let mut edited = BTreeSet::new();
    if projects >= sharing::PROJECTS {
        reader.each_with_keys(sharing::KINDS, &mut |pattern, keys, by_hand| {
            if let (Some(id), Some(project)) = (sharing::identity(pattern, keys), pattern.project) {
                candidates.push((id, pattern.kind, project, pattern.row));
                if by_hand {
                    edited.insert(id);
                }
            }
        })?;
    }
    let mut shared = sharing::shared(&candidates);
    // What a person says of it in one project would be contradicted there by what stands for all.
    shared.retain(|_, shared| !edited.contains(&shared.id));
    let ids: BTreeSet<PatternId> = shared.values().map(|shared| shared.id).collect();
    for id in ids {
        if reader.is_forgotten_pattern(id)? {
            shared.retain(|_, shared| shared.id != id);
        }
    }
    Ok(shared)
}

struct Planner<'a> {
    reader: &'a Reader,
    usages: HashMap<PatternId, Usage>,
    shared: HashMap<i64, Shared>,
    /// The patterns of all projects that there are.
    known: Vec<Sketch>,
    /// The patterns that each of them is to stand for, as rows, with what hooks did with them.
    members: HashMap<PatternId, (Vec<i64>, Usage)>,
    world: World,
}

impl Planner<'_> {
    fn usage(&self, id: PatternId) -> Usage {
        self.usages.get(&id).copied().unwrap_or_default()
    }

    /// The changes in a project, of which these are all patterns.
    fn project(&mut self, sketches: &[Sketch]) -> Result<Vec<Item>, StorageError> {
        let mut items = Vec::new();
        let mut own = Vec::with_capacity(sketches.len());
        for sketch in sketches {
            let Some(shared) = self.shared.get(&sketch.row).copied() else {
                own.push(sketch);
                continue;
            };
            let usage = self.usage(sketch.id);
            let (rows, sum) = self.members.entry(shared.id).or_default();
            rows.push(sketch.row);
            *sum = sum.and(usage);
            let into = self.known.iter().find(|known| known.id == shared.id).map(|known| known.row);
            let aside = SetAside { reason: Reason::Global, into };
            if into.is_none() || sketch.set_aside != Some(aside) {
                items.push(item(sketch, Fate::Global(shared)));
            }
        }
        // Their sums are over what they stand for now, and not over what they will.
        let mut summed: BTreeSet<i64> =
            own.iter().filter_map(|sketch| sketch.set_aside?.into).collect();
        let mut standing: Vec<(usize, Tally, Usage)> = Vec::with_capacity(own.len());
        let mut merged = vec![false; own.len()];
        for mut group in duplicates::groups(&own) {
            let first = own[group[0]];
            // What a person wrote is not hidden behind other words.
            group.retain(|n| own[*n].row == first.row || !own[*n].edited);
            let rows: Vec<i64> = group.iter().map(|n| own[*n].row).collect();
            let usage =
                group.iter().fold(Usage::default(), |sum, n| sum.and(self.usage(own[*n].id)));
            standing.push((group[0], self.reader.tally_of(&rows)?, usage));
            merged[group[0]] = true;
            for n in &group[1..] {
                merged[*n] = true;
                let aside = SetAside { reason: Reason::Merged, into: Some(first.row) };
                if own[*n].set_aside != Some(aside) {
                    let likeness = own[*n].likeness.with(&first.likeness);
                    let fate = Fate::Merged { into: first.row, id: first.id, likeness };
                    items.push(item(own[*n], fate));
                }
            }
        }
        for (n, sketch) in own.iter().enumerate().filter(|(n, _)| !merged[*n]) {
            let tally = match summed.take(&sketch.row) {
                Some(row) => self.reader.tally_of(&[row])?,
                None => sketch.tally,
            };
            standing.push((n, tally, self.usage(sketch.id)));
        }
        for (n, tally, usage) in standing {
            items.extend(self.judge(own[n], tally, usage));
        }
        items.sort_unstable_by_key(|item| item.row);
        Ok(items)
    }

    /// The changes among the patterns of all projects.
    fn of_all(&self) -> Result<Vec<Item>, StorageError> {
        let mut items = Vec::new();
        let mut ids: Vec<&PatternId> = self.members.keys().collect();
        ids.sort_unstable();
        for id in ids {
            let (rows, usage) = &self.members[id];
            let usage = usage.and(self.usage(*id));
            let tally = self.reader.tally_of(rows)?;
            if let Some(sketch) = self.known.iter().find(|known| known.id == *id) {
                items.extend(self.judge(sketch, tally, usage));
                continue;
            }
            let shared = self.shared[&rows[0]];
            let lasting = shared.kind == Kind::Decision;
            let standing = Standing { kind: shared.kind, lasting, tally, usage };
            let holds =
                state_by_evidence(shared.kind, &Payload::default(), &tally) == State::Active;
            if holds && let Some(fate) = fate::of(&standing, &self.world) {
                items.push(Item { row: None, id: *id, kind: shared.kind, fate });
            }
        }
        Ok(items)
    }

    /// The change to a pattern that stands for itself and others, if it needs one.
    fn judge(&self, sketch: &Sketch, tally: Tally, usage: Usage) -> Option<Item> {
        let lasting = sketch.standing || sketch.edited;
        let standing = Standing { kind: sketch.kind, lasting, tally, usage };
        // What is told to nobody does no harm.
        let fate = if sketch.holds_with(&tally) { fate::of(&standing, &self.world) } else { None };
        match (&fate, sketch.set_aside) {
            (None, None) => None,
            (None, Some(_)) => Some(item(sketch, Fate::Stands)),
            (Some(fate), Some(SetAside { reason, into: None }))
                if fate.reason() == Some(reason) =>
            {
                None
            }
            (Some(fate), _) => Some(item(sketch, fate.clone())),
        }
    }
}

fn item(sketch: &Sketch, fate: Fate) -> Item {
    Item { row: Some(sketch.row), id: sketch.id, kind: sketch.kind, fate }
}
