//! `mana search`.

use serde::Serialize;

use super::args::SearchArgs;
use super::error::{CliError, Kind};
use super::output::Output;
use super::{scope, time};
use crate::config::{self, Settings};
use crate::model::pattern;
use crate::model::tokens;
use crate::storage::Reader;

/// One found item, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Found {
    id: String,
    kind: &'static str,
    text: String,
    score: f64,
    successes: u32,
    failures: u32,
    sessions: u32,
    last: String,
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
    let terms = tokens::distinct(&args.text.join(" "));
    let hits = reader.full_text(project, &pattern::Kind::ALL, &terms, args.limit)?;
    let found: Vec<Found> = hits
        .into_iter()
        .map(|hit| Found {
            id: hit.pattern.id.short(),
            kind: hit.pattern.kind.name(),
            score: (hit.bm25 * 1_000.0).round() / 1_000.0,
            successes: hit.pattern.tally.successes,
            failures: hit.pattern.tally.failures,
            sessions: hit.pattern.tally.sessions,
            last: time::shown(hit.pattern.tally.last),
            text: hit.pattern.text,
        })
        .collect();
    output.object(&found);
    for item in &found {
        output.line(format!("{}  {:<8}  {}", item.id, item.kind, item.text));
    }
    if found.is_empty() && !output.is_json() {
        let place = if project.is_some() { " in this project (try --all)" } else { "" };
        return Err(CliError::new(Kind::Nothing, format!("nothing found{place}")));
    }
    Ok(())
}
