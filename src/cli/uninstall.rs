//! `mana uninstall`.

use super::args::UninstallArgs;
use super::error::CliError;
use super::init;
use super::output::Output;
use super::time;
use crate::config::{self, Settings};
use crate::daemon::instance;
use crate::hooks::install::SettingsFile;

pub(crate) fn run(args: &UninstallArgs, output: &mut Output) -> Result<(), CliError> {
    let cwd = config::current_dir();
    // Whatever is wrong with its file, MANA can be removed.
    let (settings, _problem) = Settings::load_anyway(cwd.as_deref())?;
    let path = init::settings_path(&settings, args.project, cwd.as_deref())?;
    let file = SettingsFile::read(&path)?;
    let plan = file.plan_uninstall()?;
    if args.dry_run {
        output.object(&serde_json::json!({ "settings": path, "diff": file.diff(&plan) }));
        output.line(file.diff(&plan).trim_end());
        return Ok(());
    }
    file.apply(&plan, time::now())?;
    let daemon = instance::running(&settings.home);
    output.object(
        &serde_json::json!({ "settings": path, "changed": !plan.is_noop(), "daemon": daemon }),
    );
    output.line(if plan.is_noop() {
        format!("No hooks of MANA in {}.", path.display())
    } else {
        format!("Removed MANA's hooks from {}.", path.display())
    });
    if let Some(pid) = daemon {
        output
            .line(format!("A daemon still learns, as process {pid}: `mana daemon stop` ends it."));
    }
    output.line(format!(
        "What was learned stays in {}; delete that folder to drop it.",
        settings.home.display()
    ));
    Ok(())
}
