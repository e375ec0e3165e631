//! `mana forget`.

use super::args::ForgetArgs;
use super::encoder;
use super::error::{CliError, Kind};
use super::output::Output;
use super::{scope, show, time};
use crate::config::{self, Settings};
use crate::learning::learn;
use crate::storage::{Forget, Store};

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
    } else {
        let scope = scope::of_folder(&store, &settings, cwd.as_deref())?
            .ok_or_else(|| CliError::new(Kind::Nothing, "nothing was learned in this project"))?;
        let name = store.project_names(scope.project)?.1;
        (Forget::Project(scope.project), format!("project {name}"))
    };
    let forgotten = learn::forget(&mut store, &what, time::now().timestamp_millis())?;
    if forgotten == 0 {
        return Err(CliError::new(Kind::Nothing, format!("nothing is known of {named}")));
    }
    output.object(&serde_json::json!({ "forgotten": named }));
    output.line(format!("Forgot {named}."));
    Ok(())
}
