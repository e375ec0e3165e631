//! `mana forget`.

use std::path::Path;

use super::args::ForgetArgs;
use super::encoder;
use super::error::{CliError, Kind};
use super::output::Output;
use super::{scope, show, time};
use crate::config::{self, Settings};
use crate::learning::learn;
use crate::storage::{Forget, Store, Time};

pub(crate) fn run(args: &ForgetArgs, output: &mut Output) -> Result<(), CliError> {
    let cwd = config::current_dir();
    let settings = Settings::load(cwd.as_deref())?;
    let mut store = Store::open(&settings.home, true)?;
    store.encode_with(Some(Box::new(encoder::of_home(&settings.home))));
    let (what, named) = if let Some(id) = &args.id {
        let pattern = show::find(&store, id)?
            .ok_or_else(|| CliError::new(Kind::Nothing, format!("no item has the id {id}")))?;
        (Forget::Pattern(pattern.row), format!("item {}", pattern.id.short()))
    } else if let Some(session) = &args.session {
        (Forget::Session(session.clone()), format!("session {session}"))
    } else if args.excluded {
        let exclusions = learn::resolved(&settings.exclusions);
        (Forget::Excluded(exclusions), "what `config.toml` excludes".to_owned())
    } else if args.since.is_some() || args.until.is_some() {
        time_of(args, &store, &settings, cwd.as_deref())?
    } else {
        let scope = scope::of_folder(&store, &settings, cwd.as_deref())?
            .ok_or_else(|| CliError::new(Kind::Nothing, "nothing was learned in this project"))?;
        let name = store.project_names(scope.project)?.1;
        (Forget::Project(scope.project), format!("project {name}"))
    };
    let forgotten = learn::forget(&mut store, &what, time::now().timestamp_millis())?;
    if forgotten == 0 && matches!(what, Forget::Time(_)) {
        output.object(&serde_json::json!({ "forgotten": named }));
        output.line(format!("Nothing is known of {named}, and nothing of it will be learned."));
        return Ok(());
    }
    if forgotten == 0 {
        return Err(CliError::new(Kind::Nothing, format!("nothing is known of {named}")));
    }
    output.object(&serde_json::json!({ "forgotten": named }));
    output.line(format!("Forgot {named}."));
    Ok(())
}

/// The time that the arguments name, and what it is called. It ends now at the latest: what happens
/// later is learned.
fn time_of(
    args: &ForgetArgs,
    store: &Store,
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
        let scope = scope::of_folder(store, settings, cwd)?
            .ok_or_else(|| CliError::new(Kind::Nothing, "nothing was learned in this project"))?;
        named = format!("{named} in project {}", store.project_names(scope.project)?.1);
        project = Some(scope.project);
    }
    Ok((Forget::Time(Time { since, until, project }), named))
}
