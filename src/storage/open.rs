//! Opening the database to read it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::error::{Attempt, StorageError};
use super::private::refuse_special;
use super::{DATABASE, file, schema};

/// How long a reader waits when it meets one of the two short moments in which WAL mode locks
/// readers out: another process replays a log that a crash left, or the last one closes.
const READER_PATIENCE: Duration = Duration::from_millis(200);

/// How long the writer waits for readers when it empties the log, and how long those who read
/// beside it wait meanwhile.
pub(super) const WRITER_PATIENCE: Duration = Duration::from_secs(10);

/// Read access; never waits for the writer and never writes.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(super) conn: Connection,
}

impl Reader {
    /// Opens the database of the home at `home` for reading.
    ///
    /// # Errors
    /// [`StorageError::Missing`] when nothing was learned yet; `Older`, `Newer` and `Damaged` as
    /// they say.
    pub(crate) fn open(home: &Path) -> Result<Self, StorageError> {
        let path = home.join(DATABASE);
        refuse_special(&path)?;
        let conn = match connect(&path) {
            Ok(conn) => conn,
            Err(_) if !path.exists() => return Err(StorageError::Missing { path }),
            Err(source) => return Err(StorageError::Open { path, source }),
        };
        match Self::checked(conn, &path) {
            // A folder that cannot be written: WAL mode wants its index file beside the
            // database, and `immutable` is the documented way to read without one.
            Err(StorageError::Open { source, path }) if cannot_share(&source) => {
                // A full disk also keeps SQLite from making that file. What is left in the log
                // then belongs to pages of which the database has the half already.
                let failing = source.sqlite_error_code() == Some(ErrorCode::SystemIoFailure);
                let whole = Rest::of(&path).is_some();
                match Self::open_immutable(&path) {
                    Ok(_) if failing && !whole => Err(StorageError::Open { path, source }),
                    // Without its log a database may look damaged that is not.
                    Err(error) if !whole && error.is_damage() => {
                        Err(StorageError::Open { path, source })
                    }
                    other => other,
                }
            }
            other => other,
        }
    }

    /// Runs `read` on the database of the home at `home`, the fast way where that is right. Hot.
    ///
    /// Nearly always nobody writes. SQLite's locks and the index that readers and writers of a
    /// write-ahead log share then cost more than the answer, so they are left out, and `read` is
    /// run again with them when the files turn out to have changed meanwhile. `read` must
    /// therefore have no effects.
    ///
    /// # Errors
    /// As [`Reader::open`], and those of `read`.
    pub(crate) fn with<T>(
        home: &Path,
        read: impl Fn(&Self) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let path = home.join(DATABASE);
        let Some(before) = Rest::of(&path) else { return Self::open(home)?.at_once(&read) };
        let answer = match Self::open_immutable(&path) {
            Ok(reader) => {
                let answer = reader.at_once(&read);
                // The process ends soon, and taking everything apart first would be noticed.
                std::mem::forget(reader);
                answer
            }
            Err(error) => Err(error),
        };
        if Rest::of(&path).is_some_and(|after| after == before) {
            return answer;
        }
        Self::open(home)?.at_once(&read)
    }

    /// Opens the database of the home at `home` for a thread that reads beside the store. It sees
    /// what was committed. Most of it is read once, so it keeps few pages.
    pub(crate) fn beside(home: &Path) -> Result<Self, StorageError> {
        let path = home.join(DATABASE);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(&path, flags)
            .and_then(|conn| {
                conn.busy_timeout(WRITER_PATIENCE)?;
                plan_once(&conn)?;
                conn.pragma_update(None, "cache_size", -256)?;
                Ok(Self { conn })
            })
            .map_err(|source| StorageError::Open { path, source })
    }

    /// Runs `read` in one transaction: all of it sees the same state, and it is set up once.
    fn at_once<T>(
        &self,
        read: impl Fn(&Self) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        self.conn.execute_batch("BEGIN").attempt("start reading")?;
        read(self)
    }

    /// Runs `read` in one transaction and ends it: no query of it waits for a lock of its own, and
    /// all see the same state.
    pub(super) fn in_one_view<T>(
        &self,
        read: impl FnOnce() -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        self.conn.execute_batch("BEGIN").attempt("start reading")?;
        let found = read();
        let ended = self.conn.execute_batch("COMMIT").attempt("end reading");
        // The first error is the one to report, and some of them have ended the transaction already.
        found.and_then(|found| ended.map(|()| found))
    }

    /// Opens a database without SQLite's locks and without the log's index.
    fn open_immutable(path: &Path) -> Result<Self, StorageError> {
        let uri = PathBuf::from(format!("file:{}?immutable=1", escape_uri(path)));
        let conn = connect(&uri).map_err(|source| schema::damaged_or_open(path, source))?;
        Self::checked(conn, path)
    }

    /// Writes a copy of the database, as it is at this moment, into the folder `home`, which has
    /// none yet.
    pub(crate) fn copy_to(&self, home: &Path) -> Result<(), StorageError> {
        let path = home.join(DATABASE);
        let attempt = self.conn.execute("VACUUM INTO ?1", [path.to_string_lossy()]);
        attempt.map(drop).attempt("copy the database")
    }

    fn checked(conn: Connection, path: &Path) -> Result<Self, StorageError> {
        match schema::check(&conn, path)? {
            0 => Err(StorageError::Missing { path: path.into() }),
            schema::CURRENT => Ok(Self { conn }),
            found => Err(StorageError::Older { path: path.into(), found, known: schema::CURRENT }),
        }
    }
}

/// A database file that nobody is writing to: all of it is in the file itself, as there is no
/// journal beside it. A writer's first commit fills the write-ahead log, and what is in the log
/// moves to the file only after that; so while there is no journal before and after and the file
/// is the same, nothing has changed in between.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Rest {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Rest {
    /// The state of the database at `path`; `None` when it is missing or being written to.
    pub(super) fn of(path: &Path) -> Option<Self> {
        for suffix in ["-wal", "-journal"] {
            let mut journal = path.as_os_str().to_owned();
            journal.push(suffix);
            match std::fs::metadata(journal) {
                Ok(journal) if journal.len() == 0 => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                _ => return None,
            }
        }
        let file = std::fs::symlink_metadata(path).ok()?;
        if !file.is_file() || !file::is_trusted(&file) {
            return None;
        }
        let modified = (file.mtime(), file.mtime_nsec());
        Some(Self { inode: file.ino(), size: file.len(), modified })
    }

    /// The state as bytes, to be compared later.
    pub(super) fn to_bytes(&self) -> [u8; 32] {
        let Self { inode, size, modified: (seconds, nanoseconds) } = self;
        let mut bytes = [0; 32];
        let numbers = [*inode, *size, *seconds as u64, *nanoseconds as u64].map(u64::to_le_bytes);
        bytes.copy_from_slice(numbers.as_flattened());
        bytes
    }
}

/// A connection to the database at `path`, which may be a URI, that only reads.
fn connect(path: &Path) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(READER_PATIENCE)?;
    plan_once(&conn)?;
    Ok(conn)
}

/// Has statements planned without a look at their parameters: otherwise each is planned a second
/// time once they are known, and some whenever they change.
pub(super) fn plan_once(conn: &Connection) -> Result<(), rusqlite::Error> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// Whether SQLite could not set up the files that readers share in WAL mode. A busy database is
/// none of these: without its log it would show half of a change.
fn cannot_share(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::SystemIoFailure
        )
    )
}

/// Percent-encodes what a SQLite file URI gives a meaning to.
fn escape_uri(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::storage::Store;

    fn count(reader: &Reader) -> i64 {
        reader.conn.query_row("SELECT count(*) FROM projects", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn readers_see_what_is_committed_whoever_writes() {
        let home = tempfile::tempdir().unwrap();
        assert!(Reader::with(home.path(), |_| Ok(())).unwrap_err().is_missing());
        let mut store = Store::open(home.path(), true).unwrap();
        for number in 1..4 {
            store.ensure_project(&format!("key{number}"), "name").unwrap();
            // Uncommitted to the file itself, then moved there, then with the writer gone.
            assert_eq!(Reader::with(home.path(), |r| Ok(count(r))).unwrap(), number);
            assert!(store.checkpoint().unwrap());
            assert_eq!(Reader::with(home.path(), |r| Ok(count(r))).unwrap(), number);
        }
        drop(store);
        assert_eq!(Reader::with(home.path(), |r| Ok(count(r))).unwrap(), 3);
    }

    #[test]
    fn why_reading_failed_is_told_however_its_transaction_ended() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        let reader = Reader::beside(home.path()).unwrap();
        for ended in [false, true] {
            let failed = reader.in_one_view(|| {
                if ended {
                    // As SQLite does by itself when a disk fails or memory is short.
                    reader.conn.execute_batch("ROLLBACK").unwrap();
                }
                reader.conn.execute("SELECT nothing", []).attempt("read nothing")
            });
            let told = failed.unwrap_err().to_string();
            assert!(told.contains("read nothing"), "{told}");
        }
        // And the next view is of what is there then.
        store.ensure_project("key", "name").unwrap();
        assert_eq!(reader.in_one_view(|| Ok(count(&reader))).unwrap(), 1);
    }

    #[test]
    fn an_answer_from_files_that_changed_meanwhile_is_thrown_away() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        store.ensure_project("one", "name").unwrap();
        assert!(store.checkpoint().unwrap());
        for leaves_a_log in [true, false] {
            let store = Cell::new(Some(&mut store));
            let expected = if leaves_a_log { 2 } else { 3 };
            let counted = Reader::with(home.path(), |reader| {
                if let Some(store) = store.take() {
                    store.ensure_project(&format!("{leaves_a_log}"), "name").unwrap();
                    if !leaves_a_log {
                        // No finer than the system's clock ticks.
                        std::fs::File::open(home.path().join(DATABASE))
                            .and_then(|file| file.set_modified(std::time::UNIX_EPOCH))
                            .unwrap();
                    }
                    assert!(store.checkpoint().unwrap());
                }
                Ok(count(reader))
            });
            assert_eq!(counted.unwrap(), expected, "{leaves_a_log}");
        }
    }
}
