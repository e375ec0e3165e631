//! `mana forget`.

use std::collections::BTreeMap;
use std::path::Path;

use super::args::ForgetArgs;
use super::error::{CliError, Kind};
use super::output::{Output, count};
use super::{encoder, scope, scratch, show, time};
use crate::config::{self, Settings};
use crate::learning::forgetting::{self, Loss};
use crate::learning::learn;
use crate::model::ids::PatternId;
use crate::storage::{Forget, Known, Reader, Store, Time};

/// Items that a dry run prints unless all are asked for.
const LISTED: usize = 20;

pub(crate) fn run(args: &ForgetArgs, output: &mut Output) -> Result<(), CliError> {
    let cwd = config::current_dir();
    let settings = Settings::load(cwd.as_deref())?;
    let now = time::now().timestamp_millis();
    if args.dry_run {
        let reader = Reader::open(&settings.home)?;
        let (what, named) = meant(args, &reader, &settings, cwd.as_deref())?;
        let scratch = scratch::folder()?;
        let loss = forgetting::rehearse(&reader, &settings.home, scratch.path(), &what, now)?;
        return tell(args, &loss, &what, &named, output);
    }
    let mut store = Store::open(&settings.home, true)?;
    store.encode_with(Some(Box::new(encoder::of_home(&settings.home))));
    let (what, named) = meant(args, &store, &settings, cwd.as_deref())?;
    let forgotten = learn::forget(&mut store, &what, now)?;
    if forgotten == 0 && matches!(what, Forget::Time(_)) {
        output.object(&serde_json::json!({ "forgotten": named }));
        output.line(format!("Nothing is known of {named}, and nothing of it will be learned."));
        return Ok(());
    }
    if forgotten == 0 {
        return Err(unknown(&named));
    }
    output.object(&serde_json::json!({ "forgotten": named }));
    output.line(format!("Forgot {named}."));
    Ok(())
}

/// What the arguments name, and what it is called.
fn meant(
    args: &ForgetArgs,
    reader: &Reader,
    settings: &Settings,
    cwd: Option<&Path>,
) -> Result<(Forget, String), CliError> {
    Ok(if let Some(id) = &args.id {
        let pattern = show::find(reader, id)?
            .ok_or_else(|| CliError::new(Kind::Nothing, format!("no item has the id {id}")))?;
        (Forget::Pattern(pattern.row), format!("item {}", pattern.id.short()))
    } else if let Some(session) = &args.session {
        (Forget::Session(session.clone()), format!("session {session}"))
    } else if args.excluded {
        let exclusions = learn::resolved(&settings.exclusions);
        (Forget::Excluded(exclusions), "what `config.toml` excludes".to_owned())
    } else if args.since.is_some() || args.until.is_some() {
        time_of(args, reader, settings, cwd)?
    } else {
        let scope = scope::of_folder(reader, settings, cwd)?
            .ok_or_else(|| CliError::new(Kind::Nothing, "nothing was learned in this project"))?;
        let name = reader.project_names(scope.project)?.1;
        (Forget::Project(scope.project), format!("project {name}"))
    })
}

fn unknown(named: &str) -> CliError {
    CliError::new(Kind::Nothing, format!("nothing is known of {named}"))
}

/// Says what would be forgotten.
fn tell(
    args: &ForgetArgs,
    loss: &Loss,
    what: &Forget,
    named: &str,
    output: &mut Output,
) -> Result<(), CliError> {
    if loss.is_nothing() && !matches!(what, Forget::Time(_)) {
        return Err(unknown(named));
    }
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, known) in &loss.gone {
        *kinds.entry(kind_of(known)).or_default() += 1;
    }
    output.object(&serde_json::json!({
        "dry_run": true,
        "would_forget": named,
        "items": loss.gone.iter().map(described).collect::<Vec<_>>(),
        "kinds": kinds,
        "changed": loss.changed.iter().map(described).collect::<Vec<_>>(),
        "rows": loss.rows,
        "journals": loss.journals,
    }));
    if loss.is_nothing() {
        output.line(format!("Nothing is known of {named}, and nothing of it would be learned."));
        return Ok(());
    }
    let listed = if args.all { usize::MAX } else { LISTED };
    for (id, known) in loss.gone.iter().take(listed) {
        output.line(format!("{}  {:<8}  {}", id.short(), kind_of(known), known.text));
    }
    if let Some(more) = loss.gone.len().checked_sub(listed).filter(|more| *more > 0) {
        output.line(format!("… and {more} more (--all)"));
    }
    let of_kinds: Vec<String> =
        kinds.iter().map(|(kind, number)| count(*number, kind, &many(kind))).collect();
    let told =
        if of_kinds.is_empty() { String::new() } else { format!(": {}", of_kinds.join(", ")) };
    let items = count(loss.gone.len() as u64, "item", "items");
    output.line(format!("Would forget {named}: {items}{told}."));
    if !loss.changed.is_empty() {
        let items = count(loss.changed.len() as u64, "item", "items");
        output.line(format!("{items} would stay with less evidence or other words."));
    }
    let rows: Vec<String> =
        loss.rows.iter().map(|(table, rows)| format!("{table} {rows}")).collect();
    let journals = count(loss.journals, "journal", "journals");
    output.line(format!("Rows by table: {}; {journals} of hooks.", rows.join(", ")));
    output.line("Nothing was changed.");
    Ok(())
}

fn kind_of(known: &Known) -> &'static str {
    known.kind.map_or("unknown", crate::model::pattern::Kind::name)
}

/// Several of what is called `kind`: `fixes`, `pitfalls`.
fn many(kind: &str) -> String {
    format!("{kind}{}", if kind.ends_with('x') { "es" } else { "s" })
}

/// An item as `--json` prints it.
fn described((id, known): &(PatternId, Known)) -> serde_json::Value {
    serde_json::json!({ "id": id.short(), "kind": kind_of(known), "text": known.text })
}

/// The time that the arguments name, and what it is called. It ends now at the latest: what happens
/// later is learned.
fn time_of(
    args: &ForgetArgs,
    reader: &Reader,
    settings: &Settings,
    cwd: Option<&Path>,
) -> Result<(Forget, String), CliError> {
    let now = time::now().timestamp_millis();
    let bound = |text: &Option<String>, end: bool, otherwise: i64| match text {
        None => Ok(otherwise),
        Some(text) => time::parse(text, end).ok_or_else(|| {
            CliError::new(Kind::Failed, format!("{text:?} is no day and no time"))
                .hint("Write 2026-11-02, 2026-11-02T15:30, or with a zone 2026-11-02T15:30:00Z.")
        }),
    };
    let since = bound(&args.since, false, i64::MIN)?;
    let until = bound(&args.until, true, now)?.min(now);
    if let Some(from) = args.since.as_ref().filter(|_| since >= now) {
        let message = format!("nothing has happened yet since {from}: it lies ahead");
        return Err(CliError::new(Kind::Failed, message));
    }
    if since >= until {
        return Err(CliError::new(Kind::Failed, "this time ends before it begins"));
    }
    let mut named = match (&args.since, &args.until) {
        (Some(since), Some(until)) => format!("what happened from {since} until {until}"),
        (Some(since), None) => format!("what happened from {since} until now"),
        (None, until) => format!("what happened until {}", until.as_deref().unwrap_or("now")),
    };
    let mut project = None;
    if args.project {
        let scope = scope::of_folder(reader, settings, cwd)?
            .ok_or_else(|| CliError::new(Kind::Nothing, "nothing was learned in this project"))?;
        named = format!("{named} in project {}", reader.project_names(scope.project)?.1);
        project = Some(scope.project);
    }
    Ok((Forget::Time(Time { since, until, project }), named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_of_a_kind_are_called_as_people_do() {
        let kinds = ["fix", "pitfall", "recipe", "episode"].map(many);
        assert_eq!(kinds, ["fixes", "pitfalls", "recipes", "episodes"]);
    }
}
