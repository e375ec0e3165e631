//! The hooks' log: what went wrong where nobody may be told, a line each. Hot.

use std::ffi::CString;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};

use crate::model::text;

/// Name of the log in its folder.
const FILE: &str = "hooks.log";

/// A log that has grown beyond this many bytes is moved aside, in place of the one before it.
const LIMIT: u64 = 1 << 20;

/// Longest line in bytes; events may have names of any length.
const LINE: usize = 1_000;

/// Appends `line` to `logs/hooks.log` in the home at `home`, as one line whatever is in it.
///
/// The folder is made if need be, the home never: one that does not exist has no log. Anything
/// but a regular file is left alone, since writing to a pipe could wait for ever.
pub(crate) fn append(home: &Path, line: &str) -> io::Result<()> {
    let folder = home.join("logs");
    let path = folder.join(FILE);
    match std::fs::metadata(&path) {
        Ok(meta) if !meta.is_file() => return Err(io::ErrorKind::InvalidInput.into()),
        Ok(meta) if meta.len() > LIMIT => set_aside(&path)?,
        _ => {}
    }
    let open = || OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
    let mut file = match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
            open()?
        }
        other => other?,
    };
    let line = text::cut(line, LINE);
    file.write_all(format!("{}\n", line.replace(['\n', '\r'], " ")).as_bytes())
}

/// A line for the log of a home that may have to be written where no memory can be had: in the
/// handler of a signal.
#[derive(Debug)]
pub(crate) struct LastWords {
    log: CString,
    line: String,
}

impl LastWords {
    /// The line `line` for the log of `home`; `None` when the path is none.
    pub(crate) fn new(home: &Path, line: &str) -> Option<Self> {
        let path = home.join("logs").join(FILE);
        let log = CString::new(path.as_os_str().as_bytes()).ok()?;
        Some(Self { log, line: format!("{line}\n") })
    }

    /// Appends the line by system calls alone. The folder is not made, and anything but a regular
    /// file is left alone.
    pub(crate) fn write(&self) {
        let flags = OFlags::WRONLY
            | OFlags::APPEND
            | OFlags::CREATE
            | OFlags::CLOEXEC
            | OFlags::NONBLOCK
            | OFlags::NOCTTY;
        let Ok(file) = rustix::fs::open(&*self.log, flags, Mode::RUSR | Mode::WUSR) else { return };
        let is_file = rustix::fs::fstat(&file)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file());
        if is_file {
            // Nobody is left to be told.
            let _lost = rustix::io::write(&file, self.line.as_bytes());
        }
    }
}

/// Makes room for a new log. The old one need not survive a power cut.
#[expect(clippy::disallowed_methods, reason = "no content is replaced: only the name changes")]
fn set_aside(log: &Path) -> io::Result<()> {
    std::fs::rename(log, log.with_extension("log.1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_and_a_full_log_is_set_aside() {
        let home = tempfile::tempdir().unwrap();
        let read = |name: &str| std::fs::read_to_string(home.path().join("logs").join(name));
        append(home.path(), "one").unwrap();
        append(home.path(), "two\nhalves").unwrap();
        assert_eq!(read("hooks.log").unwrap(), "one\ntwo halves\n");
        std::fs::write(home.path().join("logs/hooks.log"), "x".repeat(LIMIT as usize + 1)).unwrap();
        append(home.path(), "three").unwrap();
        assert_eq!(read("hooks.log").unwrap(), "three\n");
        assert!(read("hooks.log.1").unwrap().starts_with("xx"));
    }

    #[test]
    fn last_words_are_a_line_of_an_existing_folder() {
        let home = tempfile::tempdir().unwrap();
        let words = LastWords::new(home.path(), "over").unwrap();
        words.write();
        assert!(!home.path().join("logs").exists());
        append(home.path(), "one").unwrap();
        words.write();
        let log = std::fs::read_to_string(home.path().join("logs").join(FILE)).unwrap();
        assert_eq!(log, "one\nover\n");
    }

    #[test]
    fn no_home_is_made_and_no_pipe_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        assert!(append(&home, "x").is_err());
        assert!(!home.exists());
        std::fs::create_dir_all(home.join("logs/hooks.log")).unwrap();
        assert!(append(&home, "x").is_err());
    }
}
