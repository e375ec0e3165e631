//! The use case behind `mana session-end`: note the transcript, say whether learning is due.
//! Hot: it never opens the transcript or the database.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::event::{HookEvent, Moment};
use crate::storage::file::open_own;

/// File in the home that lists what ended since the last learning run, a line each.
const PENDING: &str = "pending.log";

/// When learning is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Due {
    /// Ended turns or subagents that start a run.
    pub(crate) trajectories: u32,
    /// Milliseconds after which the oldest starts one.
    pub(crate) max_wait: i64,
}

/// Notes the event's transcript. Returns whether a learning run should start now.
///
/// # Errors
/// When the note cannot be written.
pub(crate) fn session_end(event: &HookEvent, home: &Path, now: i64, due: Due) -> io::Result<bool> {
    let Moment::End { session } = event.moment else { return Ok(false) };
    let mut line = String::new();
    let flat = |s: &str| s.replace(['\t', '\n', '\r'], " ");
    writeln!(
        line,
        "{now}\t{}\t{}\t{}",
        flat(&event.session),
        flat(&event.agent),
        flat(&event.transcript)
    )
    .expect("writing to a string cannot fail");
    append(home, &line)?;
    if session {
        return Ok(true);
    }
    let pending = Pending::read(home);
    let waited = pending.oldest.map_or(0, |oldest| now.saturating_sub(oldest));
    Ok(pending.ended >= due.trajectories || waited >= due.max_wait)
}

/// What ended since the last learning run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Pending {
    /// Turns and subagents.
    pub(crate) ended: u32,
    /// When the first of them ended, in milliseconds since the Unix epoch.
    pub(crate) oldest: Option<i64>,
    /// Their transcripts, each once.
    pub(crate) transcripts: Vec<PathBuf>,
}

impl Pending {
    /// Reads the notes; without any, nothing is pending.
    pub(crate) fn read(home: &Path) -> Self {
        let text = notes(home).unwrap_or_default();
        // A note that was cut short, by a full disk, may end within a character.
        let text = String::from_utf8_lossy(&text);
        let mut pending = Self::default();
        for line in text.lines() {
            let mut fields = line.split('\t');
            let Some(at) = fields.next().and_then(|at| at.parse::<i64>().ok()) else { continue };
            pending.ended += 1;
            pending.oldest = Some(pending.oldest.map_or(at, |oldest| oldest.min(at)));
            if let Some(path) = fields.nth(2).filter(|path| !path.is_empty()).map(PathBuf::from)
                && !pending.transcripts.contains(&path)
            {
                pending.transcripts.push(path);
            }
        }
        pending
    }

    /// Takes the notes over: a learning run that begins now will see everything they name.
    pub(crate) fn take(home: &Path) -> Self {
        let pending = Self::read(home);
        // A note that is added between reading and removing is lost as a trigger only: learning
        // looks at every transcript, not just at these.
        let _absent = std::fs::remove_file(home.join(PENDING));
        pending
    }
}

fn notes(home: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    open_own(&home.join(PENDING), OpenOptions::new().read(true))?.read_to_end(&mut text)?;
    Ok(text)
}

fn append(home: &Path, line: &str) -> io::Result<()> {
    let path = home.join(PENDING);
    let open = || open_own(&path, OpenOptions::new().create(true).append(true).mode(0o600));
    let mut file = match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(home)?;
            open()?
        }
        other => other?,
    };
    file.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(session: bool) -> HookEvent {
        HookEvent {
            name: "Stop".into(),
            session: "s".into(),
            agent: String::new(),
            cwd: "/".into(),
            transcript: "/t/s.jsonl".into(),
            moment: Moment::End { session },
        }
    }

    #[test]
    fn learning_is_due_by_number_by_time_and_at_the_end() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().join("new");
        let due = Due { trajectories: 3, max_wait: 1_000 };
        assert!(!session_end(&ended(false), &home, 0, due).unwrap());
        assert!(!session_end(&ended(false), &home, 10, due).unwrap());
        assert!(session_end(&ended(false), &home, 20, due).unwrap());
        assert_eq!(Pending::take(&home).transcripts, [PathBuf::from("/t/s.jsonl")]);
        assert!(!session_end(&ended(false), &home, 30, due).unwrap());
        assert!(session_end(&ended(false), &home, 1_030, due).unwrap());
        Pending::take(&home);
        assert!(session_end(&ended(true), &home, 1_040, due).unwrap());
    }

    #[test]
    fn a_note_that_was_cut_within_a_character_does_not_hide_the_others() {
        let home = tempfile::tempdir().unwrap();
        let due = Due { trajectories: 3, max_wait: 1_000 };
        session_end(&ended(false), home.path(), 0, due).unwrap();
        let mut file = OpenOptions::new().append(true).open(home.path().join(PENDING)).unwrap();
        file.write_all(b"5\ts\t\t/t/\xc3\n").unwrap();
        assert_eq!(Pending::read(home.path()).ended, 2);
        assert!(session_end(&ended(false), home.path(), 10, due).unwrap());
    }
}
