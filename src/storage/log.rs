//! Logs: files that only grow to a limit, a line for each thing that happened. Hot.

use std::ffi::CString;
use std::fs::OpenOptions;
use std::io::{self, IoSlice, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};

use super::file::{is_link, is_linked, open_own};
use crate::model::text;

/// What went wrong in hooks, where nobody may be told.
pub(crate) const HOOKS: &str = "hooks.log";

/// What commands and the daemon did.
pub(crate) const PROGRAM: &str = "mana.log";

/// A JSON object for each cycle of learning or consolidation.
pub(crate) const LEARNING: &str = "learning.jsonl";

/// A log that has grown beyond this many bytes is moved aside, in place of the one before it.
const LIMIT: u64 = 1 << 20;

/// Longest line in bytes; events may have names of any length.
const LINE: usize = 1_000;

/// Appends `line` to the log `name` in `folder`, as one line whatever is in it, its end cut off
/// where it is long.
///
/// The folder is made if need be, what it lies in never: a home that does not exist has no log.
/// Anything but a regular file is left alone, since writing to a pipe could wait for ever; so is what
/// a symbolic link leads to.
pub(crate) fn append(folder: &Path, name: &str, line: &str) -> io::Result<()> {
    let line = text::cut(line, LINE);
    append_whole(folder, name, &line.replace(['\n', '\r'], " "))
}

/// Appends `line`, which has no line ends, whatever its length; else as [`append`] does.
pub(crate) fn append_whole(folder: &Path, name: &str, line: &str) -> io::Result<()> {
    let path = folder.join(name);
    if is_linked(folder) {
        return Err(is_link());
    }
    match std::fs::symlink_metadata(&path) {
        Ok(meta) if !meta.is_file() => return Err(io::ErrorKind::InvalidInput.into()),
        Ok(meta) if meta.len() > LIMIT => set_aside(&path)?,
        _ => {}
    }
    let open = || open_own(&path, OpenOptions::new().create(true).append(true).mode(0o600));
    let mut file = match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match std::fs::DirBuilder::new().mode(0o700).create(folder) {
                // Another process was sooner.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                other => other?,
            }
            open()?
        }
        other => other?,
    };
    file.write_all(format!("{line}\n").as_bytes())
}

/// A line for the hooks' log that may have to be written where no memory can be had: in the
/// handler of a signal.
#[derive(Debug)]
pub(crate) struct LastWords {
    log: CString,
    time: String,
}

impl LastWords {
    /// For the log in `folder`, at a time that begins the line; `None` when the path is none.
    pub(crate) fn new(folder: &Path, time: &str) -> Option<Self> {
        let path = folder.join(HOOKS);
        let log = CString::new(path.as_os_str().as_bytes()).ok()?;
        Some(Self { log, time: time.to_owned() })
    }

    /// Appends a line that says `why`, by system calls alone. The folder is not made, and anything but a regular
    /// file is left alone.
    pub(crate) fn write(&self, why: &str) {
        let flags = OFlags::WRONLY
            | OFlags::APPEND
            | OFlags::CREATE
            | OFlags::CLOEXEC
            | OFlags::NONBLOCK
            | OFlags::NOFOLLOW
            | OFlags::NOCTTY;
        let Ok(file) = rustix::fs::open(&*self.log, flags, Mode::RUSR | Mode::WUSR) else { return };
        let is_file = rustix::fs::fstat(&file)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file());
        if is_file {
            // Nobody is left to be told.
            let line =
                [self.time.as_str(), " ", why, "\n"].map(|part| IoSlice::new(part.as_bytes()));
            let _lost = rustix::io::writev(&file, &line);
        }
    }
}

/// Makes room for a new log. The old one need not survive a power cut.
#[expect(clippy::disallowed_methods, reason = "no content is replaced: only the name changes")]
fn set_aside(log: &Path) -> io::Result<()> {
    let mut aside = log.as_os_str().to_owned();
    aside.push(".1");
    std::fs::rename(log, PathBuf::from(aside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_and_a_full_log_is_set_aside() {
        let home = tempfile::tempdir().unwrap();
        let logs = home.path().join("logs");
        let read = |name: &str| std::fs::read_to_string(logs.join(name));
        append(&logs, HOOKS, "one").unwrap();
        append(&logs, HOOKS, "two\nhalves").unwrap();
        assert_eq!(read("hooks.log").unwrap(), "one\ntwo halves\n");
        std::fs::write(logs.join("hooks.log"), "x".repeat(LIMIT as usize + 1)).unwrap();
        append(&logs, HOOKS, "three").unwrap();
        assert_eq!(read("hooks.log").unwrap(), "three\n");
        assert!(read("hooks.log.1").unwrap().starts_with("xx"));
    }

    #[test]
    fn long_lines_are_cut_unless_they_must_be_whole() {
        let logs = tempfile::tempdir().unwrap();
        let long = "x".repeat(3 * LINE);
        append(logs.path(), HOOKS, &long).unwrap();
        append_whole(logs.path(), LEARNING, &long).unwrap();
        let size = |name: &str| std::fs::metadata(logs.path().join(name)).unwrap().len() as usize;
        assert!(size(HOOKS) <= LINE + 1);
        assert_eq!(size(LEARNING), 3 * LINE + 1);
    }

    #[test]
    fn last_words_are_a_line_of_an_existing_folder() {
        let home = tempfile::tempdir().unwrap();
        let logs = home.path().join("logs");
        let words = LastWords::new(&logs, "12:00").unwrap();
        words.write("over");
        assert!(!logs.exists());
        append(&logs, HOOKS, "one").unwrap();
        words.write("over");
        assert_eq!(std::fs::read_to_string(logs.join(HOOKS)).unwrap(), "one\n12:00 over\n");
    }

    #[test]
    fn no_home_is_made_and_no_pipe_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        assert!(append(&home.join("logs"), HOOKS, "x").is_err());
        assert!(!home.exists());
        std::fs::create_dir_all(home.join("logs/hooks.log")).unwrap();
        assert!(append(&home.join("logs"), HOOKS, "x").is_err());
    }
}
