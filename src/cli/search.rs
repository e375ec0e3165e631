//! `mana search`.

use serde::Serialize;

use super::args::SearchArgs;
use super::error::{CliError, Kind};
use super::meaning::Meaning;
use super::output::Output;
use super::{scope, time};
use crate::config::{self, Settings};
use crate::model::pattern;
use crate::model::tokens;
use crate::storage::{Found, Reader, Sought};

/// One found item, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Item {
    id: String,
    kind: &'static str,
    text: String,
    score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<Parts>,
    successes: u32,
    failures: u32,
    sessions: u32,
    last: String,
}

/// What a score is made of.
#[derive(Debug, Serialize)]
struct Parts {
    bm25: f64,
    cosine: Option<f64>,
    every_word: bool,
}

impl Item {
    fn new(found: Found, explain: bool) -> Self {
        let Found { pattern, bm25, cosine, score, sure } = found;
        let parts = Parts { bm25: rounded(bm25), cosine: cosine.map(rounded), every_word: sure };
        Self {
            id: pattern.id.short(),
            kind: pattern.kind.name(),
            text: pattern.text,
            score: rounded(score),
            parts: explain.then_some(parts),
            successes: pattern.tally.successes,
            failures: pattern.tally.failures,
            sessions: pattern.tally.sessions,
            last: time::shown(pattern.tally.last),
        }
    }
}

pub(crate) fn run(args: &SearchArgs, output: &mut Output) -> Result<(), CliError> {
    let cwd = config::current_dir();
    let settings = Settings::load(cwd.as_deref())?;
    let reader = Reader::open(&settings.home)?;
    let project = if args.all {
        None
    } else {
        scope::of_folder(&reader, &settings, cwd.as_deref())?.map(|scope| scope.project)
    };
    let text = args.text.join(" ");
    let terms = tokens::distinct(&text);
    let meaning = if settings.search.meaning {
        Some(Meaning::of(&settings, &reader, &text, output)?)
    } else {
        None
    };
    let hits = reader.find(&Sought {
        project,
        kinds: &pattern::Kind::ALL,
        terms: &terms,
        means: meaning.as_ref().map(Meaning::means),
        limit: args.limit as usize,
    })?;
    let found: Vec<Item> = hits.into_iter().map(|hit| Item::new(hit, args.explain)).collect();
    output.object(&found);
    if args.explain {
        let by = meaning.as_ref().map_or("switched off (search.meaning)", Meaning::source);
        output.line(format!("Meaning: {by}"));
    }
    for item in &found {
        output.line(format!("{}  {:<8}  {}", item.id, item.kind, item.text));
        if let Some(parts) = &item.parts {
            output.line(format!("          {}", explained(item.score, parts)));
        }
    }
    if found.is_empty() && !output.is_json() {
        let place = if project.is_some() { " in this project (try --all)" } else { "" };
        return Err(CliError::new(Kind::Nothing, format!("nothing found{place}")));
    }
    Ok(())
}

/// What speaks for an item, for people.
fn explained(score: f64, parts: &Parts) -> String {
    let Parts { bm25, cosine, every_word } = parts;
    let words = if *every_word { " with every word" } else { "" };
    let meaning = cosine.map_or_else(|| "unknown".into(), |cosine| format!("{cosine:.3}"));
    format!("{score:.3}: words {bm25:.3}{words}, meaning {meaning}")
}

fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
