//! What hooks note of a session: a small append-only file each, read back by the session's later
//! hooks and taken over into the database by the next learning run.
//!
//! One event appends all its records in one write, so that hooks of parallel calls do not mix.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::file::{is_link, is_linked, open_own};

/// Longest journal that is read back; more than any session needs.
const READ_LIMIT: u64 = 1 << 20;

/// One note.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Record {
    /// A pattern was shown, or matched and held back to compare with.
    Shown {
        /// The pattern's id in hex.
        pattern: String,
        /// The hook event.
        event: String,
        /// The call it belongs to; empty for session and prompt events.
        tool_use: String,
        /// The stated chance to be right.
        confidence: f64,
        /// Held back.
        withheld: bool,
    },
    /// The session worked on a file (path relative to the project).
    Touched(String),
    /// A new context window begins: what was shown before is gone.
    Fresh,
}

/// The notes of one session or subagent.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Journal {
    /// Notes in the order in which they were made, each with its time in milliseconds.
    pub(crate) records: Vec<(i64, Record)>,
}

impl Journal {
    /// The journal's file for a session (and subagent) in the home.
    pub(crate) fn path(home: &Path, session: &str, agent: &str) -> PathBuf {
        let mut name = file_name(session);
        if !agent.is_empty() {
            name.push('.');
            name.push_str(&file_name(agent));
        }
        name.push_str(".log");
        home.join("sessions").join(name)
    }

    /// Reads a journal; a missing or unreadable one is empty, and lines that make no sense are
    /// passed over. Of a very long one the end counts.
    pub(crate) fn read(path: &Path) -> Self {
        let Ok(bytes) = tail(path) else { return Self::default() };
        let text = String::from_utf8_lossy(&bytes);
        // A line without its end is still being written, and what is missing could change it.
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        Self { records: complete.lines().filter_map(parse).collect() }
    }

    /// What was shown in the current context window: the pattern's id (hex) and the event.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (&str, &str)> {
        let fresh =
            self.records.iter().rposition(|(_, r)| *r == Record::Fresh).map_or(0, |n| n + 1);
        self.records[fresh..].iter().filter_map(|(_, record)| match record {
            Record::Shown { pattern, event, .. } => Some((pattern.as_str(), event.as_str())),
            _ => None,
        })
    }

    /// Files that the session worked on, newest first, each once.
    pub(crate) fn touched(&self) -> Vec<&str> {
        let mut paths: Vec<&str> = Vec::new();
        for (_, record) in self.records.iter().rev() {
            if let Record::Touched(path) = record
                && !paths.contains(&path.as_str())
            {
                paths.push(path);
            }
        }
        paths
    }

    /// Appends records in one write, making the file and its folder if need be.
    pub(crate) fn append(path: &Path, now: i64, records: &[Record]) -> std::io::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        if path.parent().is_some_and(is_linked) {
            return Err(is_link());
        }
        let mut text = String::new();
        for record in records {
            render(&mut text, now, record);
        }
        let open = || open_own(path, OpenOptions::new().create(true).append(true).mode(0o600));
        let mut file = match open() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if let Some(folder) = path.parent() {
                    make_folder(folder)?;
                }
                open()?
            }
            other => other?,
        };
        file.write_all(text.as_bytes())
    }
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// The last bytes of the file at `path`, as many as are read back.
fn tail(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = open_own(path, OpenOptions::new().read(true))?;
    let length = file.metadata()?.len();
    // One more than there are: the end is found without growing.
    let mut bytes = Vec::with_capacity(length.min(READ_LIMIT) as usize + 1);
    if length > READ_LIMIT {
        file.seek(SeekFrom::Start(length - READ_LIMIT))?;
    }
    file.take(READ_LIMIT).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A session's id as a file name: ids are UUIDs, anything else is reduced to harmless letters.
fn file_name(id: &str) -> String {
    let clean: String = id
        .chars()
        .take(80)
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
        .collect();
    if clean.is_empty() { "unknown".into() } else { clean }
}

fn render(text: &mut String, now: i64, record: &Record) {
    let flat = |s: &str| s.replace(['\t', '\n', '\r'], " ");
    let written = match record {
        Record::Shown { pattern, event, tool_use, confidence, withheld } => writeln!(
            text,
            "{now}\tshown\t{pattern}\t{}\t{}\t{confidence:.4}\t{}",
            flat(event),
            flat(tool_use),
            u8::from(*withheld)
        ),
        Record::Touched(path) => writeln!(text, "{now}\ttouched\t{}", flat(path)),
        Record::Fresh => writeln!(text, "{now}\tfresh"),
    };
    written.expect("writing to a string cannot fail");
}

fn parse(line: &str) -> Option<(i64, Record)> {
    let mut fields = line.split('\t');
    let at = fields.next()?.parse().ok()?;
    let record = match fields.next()? {
        "shown" => Record::Shown {
            pattern: fields.next()?.into(),
            event: fields.next()?.into(),
            tool_use: fields.next()?.into(),
            confidence: fields.next()?.parse().ok()?,
            withheld: fields.next()? == "1",
        },
        "touched" => Record::Touched(fields.next()?.into()),
        "fresh" => Record::Fresh,
        _ => return None,
    };
    Some((at, record))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pattern: &str) -> Record {
        Record::Shown {
            pattern: pattern.into(),
            event: "PreToolUse".into(),
            tool_use: "toolu_1".into(),
            confidence: 0.5,
            withheld: false,
        }
    }

    #[test]
    fn what_was_appended_is_read_back() {
        let home = tempfile::tempdir().unwrap();
        let path = Journal::path(home.path(), "../../etc", "agent");
        assert_eq!(path.parent().unwrap(), home.path().join("sessions"));
        let records = [shown("aa"), Record::Touched("a\tb\n".into()), Record::Fresh];
        Journal::append(&path, 7, &records).unwrap();
        Journal::append(&path, 8, &[shown("bb"), Record::Touched("c".into())]).unwrap();
        let journal = Journal::read(&path);
        assert_eq!(journal.records.len(), 5);
        assert_eq!(journal.shown().collect::<Vec<_>>(), [("bb", "PreToolUse")]);
        assert_eq!(journal.touched(), ["c", "a b "]);
    }

    #[test]
    fn nonsense_is_passed_over() {
        let home = tempfile::tempdir().unwrap();
        let path = Journal::path(home.path(), "s", "");
        Journal::append(&path, 1, &[shown("aa")]).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"x\n\n1\tshown\n9\twhat\n1\tshown\tbb").unwrap();
        assert_eq!(Journal::read(&path).records.len(), 1);
    }

    #[test]
    fn a_missing_journal_is_empty() {
        assert_eq!(Journal::read(Path::new("/nonexistent/journal")), Journal::default());
    }

    #[test]
    fn of_a_very_long_journal_the_end_counts() {
        let home = tempfile::tempdir().unwrap();
        let path = Journal::path(home.path(), "s", "");
        let paths: Vec<Record> =
            (0..2_000).map(|n| Record::Touched(format!("{n}/{}", "\u{fc}".repeat(400)))).collect();
        Journal::append(&path, 1, &paths).unwrap();
        Journal::append(&path, 2, &[shown("aa")]).unwrap();
        let journal = Journal::read(&path);
        assert!((1_000..2_000).contains(&journal.records.len()), "{}", journal.records.len());
        assert_eq!(journal.shown().count(), 1);
    }

    #[test]
    fn a_note_that_is_being_written_is_not_read_yet() {
        let home = tempfile::tempdir().unwrap();
        let path = Journal::path(home.path(), "s", "");
        Journal::append(&path, 1, &[shown("aa")]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(Journal::read(&path), Journal::default(), "{length} bytes");
        }
    }
}
