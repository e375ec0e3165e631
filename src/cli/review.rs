//! `mana review`: what waits for approval.

use serde::Serialize;

use super::args::ReviewCommand;
use super::error::{CliError, Kind};
use super::output::{Output, count};
use super::{encoder, scope, show, time};
use crate::config::{self, Settings};
use crate::model::pattern::{Pattern, State};
use crate::model::suspicion;
use crate::storage::{Reader, Store};

/// A pattern that waits, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Item {
    id: String,
    kind: &'static str,
    text: String,
    reason: &'static str,
    rejected: bool,
    sessions: u32,
    last: String,
}

pub(crate) fn run(command: Option<&ReviewCommand>, output: &mut Output) -> Result<(), CliError> {
    match command {
        None => list(false, false, output),
        Some(ReviewCommand::List(args)) => list(args.all, args.rejected, output),
        Some(ReviewCommand::Approve(args)) => judge(&args.ids, true, output),
        Some(ReviewCommand::Reject(args)) => judge(&args.ids, false, output),
    }
}

fn list(all: bool, rejected: bool, output: &mut Output) -> Result<(), CliError> {
    let cwd = config::current_dir();
    let settings = Settings::load(cwd.as_deref())?;
    let reader = Reader::open(&settings.home)?;
    let project = if all { None } else { scope::of_folder(&reader, &settings, cwd.as_deref())? };
    let waiting = reader.waiting(project.map(|scope| scope.project), rejected)?;
    let items: Vec<Item> = waiting.into_iter().map(|(p, rejected)| item(p, rejected)).collect();
    output.object(&items);
    for Item { id, kind, text, reason, rejected, .. } in &items {
        output.line(format!("{id}  {kind:<8}  {text}"));
        let rejected = if *rejected { " (rejected)" } else { "" };
        output.line(format!("          {reason}{rejected}"));
    }
    if items.is_empty() {
        output.line("Nothing waits for approval.");
    }
    Ok(())
}

fn item(pattern: Pattern, rejected: bool) -> Item {
    let reason = suspicion::of_pattern(pattern.kind, &pattern.text, &pattern.payload);
    Item {
        id: pattern.id.short(),
        kind: pattern.kind.name(),
        reason: reason.unwrap_or(if rejected { "it was rejected" } else { show::FOREIGN }),
        text: pattern.text,
        rejected,
        sessions: pattern.tally.sessions,
        last: time::shown(pattern.tally.last),
    }
}

fn judge(ids: &[String], approved: bool, output: &mut Output) -> Result<(), CliError> {
    let settings = Settings::load(config::current_dir().as_deref())?;
    let mut store = Store::open(&settings.home, true)?;
    store.encode_with(Some(Box::new(encoder::of_home(&settings.home))));
    // All of them are found before one is changed.
    let mut patterns = Vec::new();
    for id in ids {
        let pattern = show::find(&store, id)?
            .ok_or_else(|| CliError::new(Kind::Nothing, format!("no item has the id {id}")))?;
        if approved && pattern.state != State::Quarantined {
            return Err(CliError::new(Kind::Failed, format!("{id} does not wait for approval"))
                .hint("`mana review` lists what does."));
        }
        patterns.push(pattern);
    }
    let now = time::now().timestamp_millis();
    for pattern in &patterns {
        store.review(pattern, approved, now)?;
    }
    store.refresh_postings()?;
    store.publish()?;
    let done = if approved { "approved" } else { "rejected" };
    let ids: Vec<String> = patterns.iter().map(|pattern| pattern.id.short()).collect();
    output.object(&serde_json::json!({ done: ids }));
    let what = count(ids.len() as u64, "item", "items");
    output.line(format!("{what} {done}: {}.", ids.join(", ")));
    Ok(())
}
