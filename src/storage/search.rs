//! Searching patterns by words and meaning, for people: over one project or all, every kind.
//!
//! Both scores are added up in full over everything in the scope. Meaning is the second opinion:
//! a pattern that holds every word of the query stands no lower than it would by words alone.

use foldhash::{HashMap, HashSet, HashSetExt};

use super::error::{Attempt, StorageError};
use super::open::Reader;
use super::patterns::{COLUMNS, pattern_from};
use super::vectors::{Means, Near};
use crate::model::pattern::{Kind, Pattern};
use crate::model::tokens;

/// What is looked for.
#[derive(Debug)]
pub(crate) struct Sought<'a> {
    /// The project, with what is global; `None` for all.
    pub(crate) project: Option<i64>,
    /// Which kinds.
    pub(crate) kinds: &'a [Kind],
    /// Index terms, as the tokeniser makes them.
    pub(crate) terms: &'a [String],
    /// What the words mean, where that is to count.
    pub(crate) means: Option<Means<'a>>,
    /// How many hits at most.
    pub(crate) limit: usize,
}

/// A pattern that was found, with what speaks for it.
#[derive(Debug)]
pub(crate) struct Found {
    /// The pattern.
    pub(crate) pattern: Pattern,
    /// BM25 score; 0 when it holds none of the words.
    pub(crate) bm25: f64,
    /// Cosine of its vector and the query's; `None` where one of them is missing.
    pub(crate) cosine: Option<f64>,
    /// BM25 as a share of the best one, and with its weight how far the cosine stands above what
    /// any two texts have.
    pub(crate) score: f64,
    /// Whether it holds every word, so that meaning may not put others before it.
    pub(crate) sure: bool,
}

/// A pattern by its row, with its scores.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Scored {
    row: i64,
    bm25: f64,
    cosine: Option<f64>,
    score: f64,
}

impl Reader {
    /// The active patterns that are found, best first.
    pub(crate) fn find(&self, sought: &Sought<'_>) -> Result<Vec<Found>, StorageError> {
        let words = self.by_words(sought.project, sought.kinds, sought.terms)?;
        let (near, weight) = match &sought.means {
            Some(means) => (self.near(sought.project, means, &words)?, means.weight),
            None => (HashMap::default(), 0.0),
        };
        let scored = fused(&words, &near, weight);
        // The first by words, of which those that hold every word keep their places.
        let mut patterns: HashMap<i64, Pattern> = HashMap::default();
        let mut sure: Vec<Option<i64>> = Vec::new();
        for (row, _) in words.iter().take(sought.limit) {
            let pattern = self.active_pattern(*row)?;
            let holds = pattern.as_ref().is_some_and(|pattern| holds_all(pattern, sought.terms));
            sure.push(holds.then_some(*row));
            patterns.extend(pattern.map(|pattern| (*row, pattern)));
        }
        let mut found = Vec::with_capacity(sought.limit.min(64));
        for Scored { row, bm25, cosine, score } in arranged(&scored, &sure, sought.limit) {
            let pattern = match patterns.remove(&row) {
                Some(pattern) => Some(pattern),
                None => self.active_pattern(row)?,
            };
            let sure = sure.contains(&Some(row));
            found.extend(pattern.map(|pattern| Found { pattern, bm25, cosine, score, sure }));
        }
        Ok(found)
    }

    fn active_pattern(&self, row: i64) -> Result<Option<Pattern>, StorageError> {
        const ATTEMPT: &str = "read a pattern";
        let sql = format!("SELECT {COLUMNS} FROM patterns p WHERE p.row = ?1 AND p.state = 1");
        let mut query = self.conn.prepare_cached(&sql).attempt(ATTEMPT)?;
        let mut rows = query.query_map([row], pattern_from).attempt(ATTEMPT)?;
        rows.next().transpose().attempt(ATTEMPT)
    }
}

/// Whether a pattern holds all of `terms`.
fn holds_all(pattern: &Pattern, terms: &[String]) -> bool {
    let mut held: HashSet<String> = HashSet::new();
    for text in [&pattern.trigger, &pattern.text] {
        held.extend(tokens::terms(text));
    }
    terms.iter().all(|term| held.contains(term))
}

/// Adds up both scores of all that words find, or meaning alone.
fn fused(words: &[(i64, f64)], near: &HashMap<i64, Near>, weight: f64) -> Vec<Scored> {
    let best = words.first().map_or(0.0, |(_, bm25)| *bm25);
    let scored = |row: i64, bm25: f64, near: Option<&Near>| {
        let share = if best > 0.0 { bm25 / best } else { 0.0 };
        let score = share + near.map_or(0.0, |near| weight * f64::from(near.meaning));
        Scored { row, bm25, cosine: near.map(|near| near.cosine.into()), score }
    };
    let by_words: HashSet<i64> = words.iter().map(|(row, _)| *row).collect();
    let of_words = words.iter().map(|(row, bm25)| scored(*row, *bm25, near.get(row)));
    let of_meaning = near
        .iter()
        .filter(|(row, near)| near.proposes && !by_words.contains(row))
        .map(|(row, near)| scored(*row, 0.0, Some(near)));
    let mut all: Vec<Scored> = of_words.chain(of_meaning).collect();
    all.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
    all
}

/// The first `limit` of `scored`, but that each row of `sure` stands no lower than there.
fn arranged(scored: &[Scored], sure: &[Option<i64>], limit: usize) -> Vec<Scored> {
    let at: HashMap<i64, usize> = scored.iter().zip(0..).map(|(next, at)| (next.row, at)).collect();
    let mut is_placed = vec![false; scored.len()];
    let mut first = 0;
    let mut placed = Vec::new();
    for place in 0..limit.min(scored.len()) {
        while is_placed[first] {
            first += 1;
        }
        let due = sure.get(place).copied().flatten().and_then(|row| at.get(&row).copied());
        let next = due.filter(|at| !is_placed[*at]).unwrap_or(first);
        is_placed[next] = true;
        placed.push(scored[next]);
    }
    placed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::ids::StepId;
    use crate::model::pattern::{Draft, Evidence, Payload, Role};
    use crate::model::trajectory::TrajectoryKey;
    use crate::model::vector::Encode as _;
    use crate::model::vector::testing::Words;
    use crate::storage::{Extract, NewVector, Store, StoredTrajectory};

    /// A cosine that stands for itself.
    fn near(cosine: f32) -> Near {
        Near { cosine, meaning: cosine.max(0.0), proposes: cosine >= 0.3 }
    }

    proptest! {
        #[test]
        fn a_sure_match_never_stands_lower(
            scores in prop::collection::vec((0.1_f64..9.0, -0.2_f32..1.0, any::<bool>()), 0..30),
            others in prop::collection::vec(0.0_f32..1.0, 0..30),
            limit in 0_usize..20,
        ) {
            let mut words: Vec<(i64, f64)> =
                scores.iter().zip(1..).map(|((bm25, _, _), row)| (row, *bm25)).collect();
            words.sort_by(|a, b| b.1.total_cmp(&a.1));
            let cosines = scores.iter().map(|(_, cosine, _)| *cosine).chain(others.iter().copied());
            let near = (1..).zip(cosines).map(|(row, cosine)| (row, near(cosine))).collect();
            let sure: Vec<Option<i64>> = words
                .iter()
                .take(limit)
                .map(|(row, _)| scores[*row as usize - 1].2.then_some(*row))
                .collect();
            let scored = fused(&words, &near, 2.0);
            let found = arranged(&scored, &sure, limit);
            prop_assert_eq!(found.len(), limit.min(scored.len()));
            for (place, row) in sure.iter().enumerate() {
                if let Some(row) = row {
                    let now = found.iter().position(|hit| hit.row == *row);
                    prop_assert!(now.is_some_and(|now| now <= place), "{} {:?}", place, now);
                }
            }
            // All others stand in the order of their scores.
            let others: Vec<f64> =
                found.iter().filter(|hit| !sure.contains(&Some(hit.row))).map(|hit| hit.score).collect();
            prop_assert!(others.is_sorted_by(|a, b| a >= b));
        }
    }

    #[test]
    fn scores_are_added_up_over_all_that_either_likes() {
        let words = [(1, 8.0), (2, 4.0)];
        let cosines = [(1, 0.1), (2, 0.5), (3, 0.9), (4, 0.2)];
        let near = cosines.map(|(row, cosine)| (row, near(cosine))).into_iter().collect();
        let found = fused(&words, &near, 2.0);
        let rows: Vec<i64> = found.iter().map(|hit| hit.row).collect();
        assert_eq!(rows, [3, 2, 1], "4 holds no word and means something else");
        assert!((found[1].score - 1.5).abs() < 1e-6 && (found[2].score - 1.2).abs() < 1e-6);
        assert!(found[0].bm25.abs() < 1e-9 && found[0].cosine.is_some());
        // By words alone nothing else is found.
        let alone = fused(&words, &HashMap::default(), 0.0);
        assert_eq!(alone.iter().map(|hit| hit.row).collect::<Vec<_>>(), [1, 2]);
    }

    /// A store with two projects of these patterns each: kind, trigger, text.
    fn store(patterns: &[(Kind, &str, &str)]) -> (tempfile::TempDir, Store, [i64; 2]) {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        let projects = ["app", "web"].map(|key| store.ensure_project(key, key).unwrap());
        for (n, project) in projects.iter().enumerate() {
            let drafts = patterns
                .iter()
                .map(|(kind, trigger, text)| Draft {
                    kind: *kind,
                    tool: "Bash".into(),
                    category: "test",
                    identity: (format!("{trigger} {text}"), String::new()),
                    keys: Vec::new(),
                    trigger: (*trigger).into(),
                    text: (*text).into(),
                    payload: Payload::default(),
                    evidence: vec![Evidence {
                        step: StepId::derive(&format!("{n} {trigger} {text}")),
                        at: 1,
                        role: Role::Success,
                    }],
                })
                .collect();
            let key = TrajectoryKey { session: n.to_string(), agent: String::new() };
            let id = store.ensure_trajectory(&key, *project, "~/a", "~/a", 1).unwrap();
            let trajectory = StoredTrajectory { id, key, project: *project, root: "~/a".into() };
            let extract = Extract { drafts, ..Extract::default() };
            store
                .atomically(|store| store.replace_extracts(&[(&trajectory, &extract)], 1))
                .unwrap();
        }
        (home, store, projects)
    }

    const PATTERNS: [(Kind, &str, &str); 3] = [
        (Kind::Fix, "one", "start the database before the tests"),
        (Kind::Decision, "two", "the user said: never push on Fridays"),
        (Kind::Episode, "change the colour of the button", "led to changes of button.css"),
    ];

    /// Texts and cosines of what is found in a project.
    fn find(
        store: &Store,
        project: Option<i64>,
        query: &str,
        encoded: Option<(&str, &[f32])>,
    ) -> Vec<(String, Option<f64>)> {
        let table = Words.encode(query).map(|vector| (&Words as _, vector));
        let sought = Sought {
            project,
            kinds: &Kind::ALL,
            terms: &tokens::distinct(query),
            means: Some(Means { encoded, table, weight: 2.0 }),
            limit: 9,
        };
        let found = store.find(&sought).unwrap();
        assert!(found.iter().all(|found| found.pattern.project == project || project.is_none()));
        found.into_iter().map(|found| (found.pattern.text, found.cosine)).collect()
    }

    #[test]
    fn listed_vectors_are_those_that_are_made_on_the_spot() {
        let (_home, mut store, [app, _]) = store(&PATTERNS);
        let queries = ["never push the button", "change the colour", "database", "zebra"];
        let made: Vec<_> = queries.map(|query| find(&store, Some(app), query, None)).into();
        assert_eq!(made[1][0].0, "led to changes of button.css");
        assert!(made[1][0].1.unwrap() > 0.5, "{made:?}");
        assert_eq!(made[3], []);
        store.encode_with(Some(Box::new(Words)));
        store.refresh_postings().unwrap();
        let listed: Vec<_> = queries.map(|query| find(&store, Some(app), query, None)).into();
        assert_eq!(listed, made);
        assert_eq!(find(&store, None, "database", None).len(), 2);
    }

    #[test]
    fn the_full_encoder_finds_other_words_and_the_table_fills_its_gaps() {
        let (_home, mut store, [app, web]) = store(&PATTERNS);
        let rows = store.unencoded("full@1").unwrap();
        let texts = store.meaningful_texts(&rows).unwrap();
        let vectors: Vec<NewVector<'_>> = texts
            .iter()
            .filter(|(_, text)| !text.contains("colour"))
            .map(|(pattern, text)| {
                let vector =
                    if text.contains("database") { vec![0.6, 0.8] } else { vec![-1.0, 0.0] };
                NewVector { pattern: *pattern, text, vector }
            })
            .collect();
        assert_eq!(vectors.len(), 4, "two projects");
        store.put_vectors("full@1", &vectors).unwrap();
        let query = Some(("full@1", &[0.8, 0.6][..]));
        let found = find(&store, Some(app), "postgres is down", query);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, "start the database before the tests");
        assert!((found[0].1.unwrap() - 0.96).abs() < 0.01, "{found:?}");
        let found = find(&store, Some(web), "other colour for the button", query);
        let gap = found.iter().find(|(text, _)| text.contains("button")).unwrap();
        assert!(gap.1.unwrap() > 0.4, "{found:?}");
        // Another encoder's vectors are none.
        let other = Some(("other@2", &[0.8, 0.6][..]));
        assert_eq!(find(&store, Some(app), "postgres is down", other), []);
    }
}
