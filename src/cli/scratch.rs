//! Temporary folders that hold copies of what the user wrote: removed at the end, and where the
//! process was stopped before its end, by a later one.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::error::{CliError, Kind};

/// What the names begin with; the process follows.
const PREFIX: &str = "mana-scratch-";

/// How long ago a folder has to have changed before it is looked at: where processes have numbers
/// of their own (containers that share the temporary folder), a missing one may be running.
const LEFT: Duration = Duration::from_hours(1);

/// Makes an empty folder, for this user only, that is removed with the value.
pub(crate) fn folder() -> Result<TempDir, CliError> {
    let made = TempDir::with_prefix(format!("{PREFIX}{}-", std::process::id()))
        .map_err(|error| CliError::new(Kind::Failed, format!("no temporary folder: {error}")))?;
    if let (Some(parent), Ok(own)) = (made.path().parent(), made.path().metadata()) {
        sweep(parent, own.uid(), LEFT);
    }
    Ok(made)
}

/// Removes the folders in `parent` of the user `uid` whose process is gone and that did not
/// change for so long.
fn sweep(parent: &Path, uid: u32, left: Duration) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        // Of a link, this is about the link itself.
        let (Some(Ok(process)), Ok(metadata)) = (process.map(str::parse::<u32>), entry.metadata())
        else {
            continue;
        };
        // One from ahead is from before the clock was set back.
        let age = metadata
            .modified()
            .ok()
            .map(|modified| modified.elapsed().unwrap_or_else(|ahead| ahead.duration()));
        let gone = !Path::new("/proc").join(process.to_string()).exists();
        if metadata.is_dir() && metadata.uid() == uid && gone && age >= Some(left) {
            // One that stays is looked at again next time.
            let _kept = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stopped_process_left_is_removed_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let own = std::process::id();
        // No process has such a number.
        let gone = u32::MAX;
        let names = [
            format!("{PREFIX}{gone}-abc"),
            format!("{PREFIX}{own}-abc"),
            format!("{PREFIX}x-abc"),
            "other".into(),
        ];
        for name in &names {
            std::fs::create_dir_all(parent.path().join(name).join("inside")).unwrap();
        }
        let uid = parent.path().metadata().unwrap().uid();
        let left =
            || names.iter().map(|name| parent.path().join(name).exists()).collect::<Vec<_>>();
        sweep(parent.path(), uid, LEFT);
        assert_eq!(left(), [true; 4], "it is too new");
        sweep(parent.path(), uid + 1, Duration::ZERO);
        assert_eq!(left(), [true; 4], "it is another user's");
        sweep(parent.path(), uid, Duration::ZERO);
        assert_eq!(left(), [false, true, true, true]);
    }

    #[test]
    fn a_folder_is_removed_with_its_value() {
        let made = folder().unwrap();
        let path = made.path().to_owned();
        assert!(path.is_dir());
        drop(made);
        assert!(!path.exists());
    }
}
