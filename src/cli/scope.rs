//! The project of the current folder, for commands that people call.

use crate::config::Settings;
use crate::hooks::event::{HookEvent, Moment};
use crate::hooks::scope::{self, Scope};
use crate::storage::{Reader, StorageError};

/// The project of the folder `cwd`, if anything was learned there.
pub(crate) fn of_folder(
    reader: &Reader,
    settings: &Settings,
    cwd: Option<&std::path::Path>,
) -> Result<Option<Scope>, StorageError> {
    let Some(cwd) = cwd else { return Ok(None) };
    let event = HookEvent {
        name: String::new(),
        session: String::new(),
        agent: String::new(),
        cwd: cwd.to_string_lossy().into_owned(),
        transcript: String::new(),
        moment: Moment::Other,
    };
    scope::of_event(reader, &event, settings.project_dir.as_deref())
}
