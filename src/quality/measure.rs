//! Learns the transcripts, asks the questions in every way, and counts the answers.

use std::collections::BTreeMap;

use super::Options;
use super::error::{Attempted, QualityError};
use super::report::{FIRST, Measured, Report, SetReport};
use super::search::{Encoders, Shelf, Vectors, first_tokens};
use super::sets::{Kinds, Pool, Question, Run, Set};
use crate::learning::discover::Root;
use crate::learning::extract::{View, extract_from};
use crate::learning::learn::learn;
use crate::model::exclude::NOTHING;
use crate::model::pattern::Draft;
use crate::model::trajectory::Step;
use crate::storage::{Store, fused};

/// No trajectory was ever extracted by this revision, so that all of them are to do.
const NO_REVISION: i64 = -1;

/// A trajectory: its session, its steps, and what they say.
type Trajectory = (String, Vec<Step>, Vec<Draft>);

/// One way of searching: its name, and where the answer to each question came.
#[derive(Default)]
struct Ways(Vec<(String, Vec<[bool; 3]>)>);

impl Ways {
    fn note(&mut self, name: &str, hit: [bool; 3]) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, hits)) => hits.push(hit),
            None => self.0.push((name.to_owned(), vec![hit])),
        }
    }
}

/// The cosines that one encoder gives: its name, and the vectors of questions and documents.
struct Meanings {
    name: &'static str,
    questions: Vectors,
    documents: Vectors,
}

/// Measures how well search finds what it should. `say` is told what is being done.
///
/// # Errors
/// [`QualityError`]; then nothing was measured.
pub fn run(options: &Options, say: &dyn Fn(&str)) -> Result<Report, QualityError> {
    let encoders = encoders(options)?;
    let projects = projects(options, say)?;
    let mut sets = Vec::new();
    for kind in Kinds::ALL {
        say(kind.name());
        let found: Vec<Set> = projects.iter().map(|project| set(kind, project)).collect();
        let of = found.iter().map(|set| set.questions.len()).sum();
        let asked = sample(found, options.questions, options.seed);
        let mut ways = Ways::default();
        for set in &asked {
            ask(set, kind.pool(), &encoders, options, &mut ways, say)?;
        }
        let count = |count: fn(&Set) -> usize| asked.iter().map(count).sum();
        let bm25 = ways.0.first().map(|(_, hits)| hits.clone()).unwrap_or_default();
        let measured = ways.0.into_iter().map(|(name, hits)| Measured::of(name, &hits, &bm25));
        sets.push(SetReport {
            name: kind.name(),
            projects: asked.len(),
            documents: count(|set| set.documents.len()),
            questions: count(|set| set.questions.len()),
            of,
            measured: measured.collect(),
        });
    }
    if sets.iter().all(|set| set.questions == 0) {
        return Err(QualityError::Nothing);
    }
    Ok(Report { sets })
}

#[cfg(feature = "encoder")]
fn encoders(options: &Options) -> Result<Encoders, QualityError> {
    options.model.as_deref().map_or_else(|| Ok(Encoders::built_in()), Encoders::with)
}

#[cfg(not(feature = "encoder"))]
fn encoders(options: &Options) -> Result<Encoders, QualityError> {
    if options.model.is_some() { Err(QualityError::NoEncoder) } else { Ok(Encoders::built_in()) }
}

/// Learns the transcripts; returns the trajectories by project, in the order of time.
fn projects(options: &Options, say: &dyn Fn(&str)) -> Result<Vec<Vec<Trajectory>>, QualityError> {
    let home = tempfile::tempdir().attempted("make a folder")?;
    let mut store = Store::open(home.path(), true).attempted("make a store")?;
    let roots: Vec<Root> = options.transcripts.iter().cloned().map(Root::Named).collect();
    say("learning the transcripts");
    learn(&mut store, home.path(), &roots, &NOTHING, 0, &|_| {})
        .attempted("learn the transcripts")?;
    let due = store.trajectories_to_do(NO_REVISION).attempted("list what was learned")?;
    let mut projects: BTreeMap<i64, Vec<Trajectory>> = BTreeMap::new();
    for trajectory in due {
        let steps = store.steps(trajectory.id).attempted("read what was learned")?;
        let main = trajectory.key.agent.is_empty();
        let drafts = extract_from(&View::new(&steps, &trajectory.root), main).drafts;
        let known = projects.entry(trajectory.project).or_default();
        known.push((trajectory.key.session, steps, drafts));
    }
    Ok(projects.into_values().collect())
}

fn set(kind: Kinds, project: &[Trajectory]) -> Set {
    let runs: Vec<Run<'_>> =
        project.iter().map(|(session, steps, drafts)| Run { session, steps, drafts }).collect();
    kind.of(&runs)
}

/// Keeps at most `most` of all questions, and the sets in which there are any.
fn sample(mut sets: Vec<Set>, most: usize, seed: u64) -> Vec<Set> {
    let all: usize = sets.iter().map(|set| set.questions.len()).sum();
    let mut order: Vec<(u64, usize)> = (0..all).map(|n| (mixed(seed ^ n as u64), n)).collect();
    order.sort_unstable();
    let mut kept = vec![false; all];
    for (_, n) in order.into_iter().take(most) {
        kept[n] = true;
    }
    let mut kept = kept.into_iter();
    for set in &mut sets {
        set.questions.retain(|_| kept.next().unwrap_or(false));
    }
    sets.retain(|set| !set.questions.is_empty());
    sets
}

/// The finaliser of `SplitMix64` (Steele, Lea and Flood, 2014).
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// Asks the questions of a project in every way.
fn ask(
    set: &Set,
    pool: Pool,
    encoders: &Encoders,
    options: &Options,
    ways: &mut Ways,
    say: &dyn Fn(&str),
) -> Result<(), QualityError> {
    let cut = |text: &String| first_tokens(text, options.tokens);
    let documents: Vec<String> = set.documents.iter().map(|d| cut(&d.text)).collect();
    let questions: Vec<String> = set.questions.iter().map(|q| cut(&q.text)).collect();
    let shelf = Shelf::of(&documents)?;
    let meanings = meanings(encoders, &questions, &documents, say)?;
    for (n, question) in set.questions.iter().enumerate() {
        let may: Vec<bool> =
            set.documents.iter().map(|d| pool.holds(&d.place, &question.place)).collect();
        let mut bm25 = shelf.bm25(&questions[n])?;
        for (score, may) in bm25.iter_mut().zip(&may) {
            *score = if *may { *score } else { 0.0 };
        }
        let best = bm25.iter().copied().fold(0.0, f64::max);
        ways.note("BM25", answered(set, question, &bm25));
        let cosines: Vec<Vec<Option<f64>>> = meanings
            .iter()
            .map(|meaning| cosines(meaning.questions[n].as_deref(), &meaning.documents, &may))
            .collect();
        for (meaning, cosines) in meanings.iter().zip(&cosines) {
            let scores: Vec<f64> = cosines.iter().map(|cosine| cosine.unwrap_or(0.0)).collect();
            ways.note(meaning.name, answered(set, question, &scores));
        }
        for (meaning, cosines) in meanings.iter().zip(&cosines) {
            for weight in &options.weights {
                let pairs = bm25.iter().zip(cosines);
                let scores: Vec<f64> =
                    pairs.map(|(bm25, cosine)| fused(*bm25, best, *cosine, *weight)).collect();
                let name = format!("BM25 + {weight} × {}", meaning.name);
                ways.note(&name, answered(set, question, &scores));
            }
        }
    }
    Ok(())
}

/// The vectors of every encoder that there is.
fn meanings(
    encoders: &Encoders,
    questions: &[String],
    documents: &[String],
    say: &dyn Fn(&str),
) -> Result<Vec<Meanings>, QualityError> {
    let fixed = Encoders::fixed(questions);
    let mut all = vec![Meanings {
        name: "static",
        questions: fixed.clone(),
        documents: Encoders::fixed(documents),
    }];
    if let Some(full) = encoders.full(documents, say)? {
        if let Some(projected) = encoders.projected(&full) {
            all.push(Meanings { name: "static/teacher", questions: fixed, documents: projected });
        }
        let asked = encoders.full(questions, say)?.unwrap_or_default();
        all.push(Meanings { name: "full", questions: asked, documents: full });
    }
    Ok(all)
}

/// The cosines of a question with the documents that it may find.
fn cosines(question: Option<&[f32]>, documents: &Vectors, may: &[bool]) -> Vec<Option<f64>> {
    let cosine = |document: &Option<Vec<f32>>| {
        let pairs = question?.iter().zip(document.as_deref()?);
        Some(f64::from(pairs.map(|(a, b)| a * b).sum::<f32>()))
    };
    documents.iter().zip(may).map(|(document, may)| cosine(document).filter(|_| *may)).collect()
}

/// Whether a wanted label is among the first few different labels, by the scores of the documents;
/// of two with the same score the earlier one comes first. One without a score is not found.
fn answered(set: &Set, question: &Question, scores: &[f64]) -> [bool; 3] {
    let mut order: Vec<(f64, usize)> =
        scores.iter().copied().zip(0..).filter(|(score, _)| *score > 0.0).collect();
    order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut seen: Vec<&str> = Vec::new();
    let labels = order.iter().flat_map(|(_, document)| &set.documents[*document].labels);
    for label in labels {
        if question.wanted.contains(label) {
            return FIRST.map(|first| seen.len() < first);
        }
        if !seen.contains(&label.as_str()) {
            seen.push(label);
        }
        if seen.len() >= FIRST[FIRST.len() - 1] {
            break;
        }
    }
    [false; 3]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::sets::{Document, Place};
    use super::*;

    fn set(labels: &[&[&str]], questions: usize) -> Set {
        let place = Place { session: "s".into(), at: 0 };
        let document = |labels: &&[&str]| Document {
            text: String::new(),
            labels: labels.iter().copied().map(String::from).collect(),
            place: place.clone(),
        };
        let question = |n: usize| Question {
            text: n.to_string(),
            wanted: BTreeSet::from(["wanted".to_owned()]),
            place: place.clone(),
        };
        Set {
            documents: labels.iter().map(document).collect(),
            questions: (0..questions).map(question).collect(),
        }
    }

    #[test]
    fn an_answer_counts_by_the_different_labels_before_it() {
        let set = set(&[&["a", "b"], &["a"], &["wanted"], &["c"]], 1);
        let answer = |scores: [f64; 4]| answered(&set, &set.questions[0], &scores);
        assert_eq!(answer([0.1, 0.2, 0.9, 0.3]), [true; 3]);
        assert_eq!(answer([0.9, 0.8, 0.7, 0.1]), [false, true, true]);
        assert_eq!(answer([0.7, 0.7, 0.7, 0.7]), [false, true, true], "the earlier first");
        assert_eq!(answer([0.9, 0.8, 0.0, 0.0]), [false; 3], "no score, not found");
    }

    #[test]
    fn a_sample_is_the_same_every_time_and_of_the_size_that_is_asked_for() {
        let sets = || vec![set(&[], 30), set(&[], 0), set(&[], 70)];
        let (once, again) = (sample(sets(), 20, 1), sample(sets(), 20, 1));
        assert_eq!(once, again);
        assert_eq!(once.iter().map(|set| set.questions.len()).sum::<usize>(), 20);
        assert_ne!(sample(sets(), 20, 2), once);
        assert_eq!(sample(sets(), 1_000, 1).len(), 2, "a project without questions is left out");
    }
}
