//! Opening the database: to read it, to write it, and what every connection is set to.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::error::{Attempt, StorageError};
use super::forget::KeptTime;
use super::lock::WriteLock;
use super::workers::Workers;
use super::{DATABASE, file, schema, snapshot};
use crate::model::vector::Encode;

/// How long a reader waits when it meets one of the two short moments in which WAL mode locks
/// readers out: another process replays a log that a crash left, or the last one closes.
const READER_PATIENCE: Duration = Duration::from_millis(200);

/// How long the writer waits for readers when it empties the log, and how long those who read
/// beside it wait meanwhile.
const WRITER_PATIENCE: Duration = Duration::from_secs(10);

/// Pages of the write-ahead log from which on it is emptied while a learning run goes on (32 MB).
/// The writer waits for the disk meanwhile, and much of the log is the same few pages again.
const LOG_PAGES: i64 = 8_192;

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
fn plan_once(conn: &Connection) -> Result<(), rusqlite::Error> {
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

/// Write access, with the home's write lock held.
#[derive(Debug)]
pub(crate) struct Store {
    pub(super) reader: Reader,
    /// The home, for the files beside the database.
    pub(super) home: PathBuf,
    /// Whether the user ever had anything forgotten, so that most stores need not look.
    pub(super) forgets: bool,
    /// Times of which nothing is learned.
    pub(super) times: Vec<KeptTime>,
    /// Whether the catalogue was that of this database before anything was written.
    pub(super) published: bool,
    /// Projects that changed since their snapshots were written.
    pub(super) unpublished: BTreeSet<i64>,
    /// Makes the vectors by which documents are also found.
    pub(super) encoder: Option<Arc<dyn Encode + Send + Sync>>,
    /// Threads that read beside the store, once it needs them.
    workers: OnceCell<Arc<Workers>>,
    /// The damaged database that this one replaces.
    pub(super) set_aside: Option<PathBuf>,
    _lock: WriteLock,
}

impl std::ops::Deref for Store {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}

impl Store {
    /// Opens, and if need be creates or migrates, the database of the home at `home`.
    ///
    /// `wait` says whether to wait for another writer or to return [`StorageError::Locked`].
    pub(crate) fn open(home: &Path, wait: bool) -> Result<Self, StorageError> {
        let lock = lock(home, wait)?;
        let (conn, fresh) = connect_to_write(home)?;
        Self::with(conn, fresh, home, lock)
    }

    /// Like [`Store::open`], but a damaged database is set aside under a name that tells the
    /// time `now` (milliseconds since the Unix epoch), and a new one begun.
    pub(crate) fn open_or_rebuild(home: &Path, wait: bool, now: i64) -> Result<Self, StorageError> {
        let lock = lock(home, wait)?;
        for folder in [home.to_path_buf(), snapshot::folder(home)] {
            file::sweep(&folder, now);
        }
        close_files(home);
        match connect_to_write(home) {
            Err(error) if error.is_damage() => {
                let aside = super::damage::set_aside(home, now)?;
                tracing::warn!("a damaged database was set aside as {}", aside.display());
                let (conn, fresh) = connect_to_write(home)?;
                let mut store = Self::with(conn, fresh, home, lock)?;
                store.set_aside = Some(aside);
                Ok(store)
            }
            opened => {
                let (conn, fresh) = opened?;
                Self::with(conn, fresh, home, lock)
            }
        }
    }

    /// Sets the database aside, because it turned out to be damaged, and begins a new one.
    pub(crate) fn rebuild(&mut self, now: i64) -> Result<(), StorageError> {
        let nothing = Connection::open_in_memory().attempt("leave the damaged database")?;
        // Closing says nothing more about a database that is damaged anyway.
        let _closed = std::mem::replace(&mut self.reader.conn, nothing).close();
        let aside = super::damage::set_aside(&self.home, now)?;
        tracing::warn!("a damaged database was set aside as {}", aside.display());
        self.set_aside = Some(aside);
        let (conn, fresh) = connect_to_write(&self.home)?;
        self.reader.conn = conn;
        self.published = false;
        self.begin(fresh)
    }

    /// Sets what makes the vectors of what is learned from now on.
    pub(crate) fn encode_with(&mut self, encoder: Option<Box<dyn Encode + Send + Sync>>) {
        self.encoder = encoder.map(Arc::from);
    }

    /// The threads that read beside the store.
    pub(crate) fn workers(&self) -> &Arc<Workers> {
        self.workers.get_or_init(|| Arc::new(Workers::start()))
    }

    /// Where the damaged database was put that this one replaces.
    pub(crate) fn set_aside(&self) -> Option<&Path> {
        self.set_aside.as_deref()
    }

    fn with(
        conn: Connection,
        fresh: bool,
        home: &Path,
        lock: WriteLock,
    ) -> Result<Self, StorageError> {
        let mut store = Self {
            reader: Reader { conn },
            home: home.into(),
            forgets: false,
            times: Vec::new(),
            published: false,
            unpublished: BTreeSet::new(),
            encoder: None,
            workers: OnceCell::new(),
            set_aside: None,
            _lock: lock,
        };
        store.published = store.is_published();
        store.begin(fresh)?;
        Ok(store)
    }

    /// What every store needs before its first use; `fresh` says that it was just created.
    fn begin(&mut self, fresh: bool) -> Result<(), StorageError> {
        self.identify()?;
        if fresh {
            self.import_forgotten()?;
        }
        self.forgets = self
            .conn()
            .query_row("SELECT EXISTS (SELECT 1 FROM forgotten)", [], |row| row.get(0))
            .attempt("look up what was forgotten")?;
        self.times = self.kept_times()?;
        Ok(())
    }

    /// The connection, for the modules beside this one.
    pub(super) fn conn(&mut self) -> &mut Connection {
        &mut self.reader.conn
    }

    /// Gives the store its device and incarnation ids when it has none yet.
    fn identify(&mut self) -> Result<(), StorageError> {
        for name in ["device", "incarnation"] {
            self.conn()
                .execute(
                    "INSERT INTO meta (key, value) VALUES (?1, lower(hex(randomblob(16))))
                     ON CONFLICT (key) DO NOTHING",
                    [name],
                )
                .attempt("store the device's id")?;
        }
        Ok(())
    }

    /// Runs `work` in one transaction: all of it is stored, or nothing.
    pub(crate) fn atomically<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        self.conn().execute_batch("BEGIN IMMEDIATE").attempt("start a transaction")?;
        let done = work(self).and_then(|value| {
            self.conn().execute_batch("COMMIT").attempt("commit a transaction")?;
            Ok(value)
        });
        if done.is_err() {
            // The first error is the one to report, and some of them have rolled back already.
            let _rolled_back = self.conn().execute_batch("ROLLBACK");
        }
        done
    }

    /// Moves what the write-ahead log holds into the database, as far as nobody reads older content.
    pub(super) fn move_log(&mut self) -> Result<(), StorageError> {
        self.conn()
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
            .attempt("move the write-ahead log into the database")
    }

    /// Moves what the write-ahead log holds into the database and empties the log. Returns
    /// whether that was possible: a process that still reads old content prevents it.
    pub(crate) fn checkpoint(&mut self) -> Result<bool, StorageError> {
        self.conn()
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))
            .map(|busy| busy == 0)
            .attempt("empty the write-ahead log")
    }
}

fn lock(home: &Path, wait: bool) -> Result<WriteLock, StorageError> {
    create_home(home)?;
    close_home(home)?;
    if wait { WriteLock::wait(home) } else { WriteLock::take(home) }
}

/// A connection that writes to a database of the current schema, and whether it is a new one.
fn connect_to_write(home: &Path) -> Result<(Connection, bool), StorageError> {
    let path = home.join(DATABASE);
    refuse_special(&path)?;
    make_private(&path)?;
    let mut conn = Connection::open(&path)
        .map_err(|source| StorageError::Open { path: path.clone(), source })?;
    configure(&conn).map_err(|source| schema::damaged_or_open(&path, source))?;
    let found = schema::migrate(&mut conn, &path)?;
    Ok((conn, found == 0))
}

/// Folders of the home that are written to; the home itself may be a link, and `models` is large
/// and may lie elsewhere.
const FOLDERS: [&str; 3] = ["sessions", "snapshots", "logs"];

/// Takes what others may do from a home that is this user's, so that what is written from now on
/// is safe from them. A shared folder such as `/tmp`, which has the sticky bit, stays as it is.
///
/// # Errors
/// [`StorageError::File`] when the home is another user's, or a folder in it a symbolic link.
fn close_home(home: &Path) -> Result<(), StorageError> {
    let failed = |attempt, path: &Path, source| {
        Err(StorageError::File { attempt, path: path.into(), source })
    };
    let Ok(metadata) = std::fs::metadata(home) else { return Ok(()) };
    if !file::is_trusted(&metadata) {
        return failed("write into", home, file::is_foreign());
    }
    let linked = FOLDERS.iter().map(|name| home.join(name)).find(|path| file::is_linked(path));
    if let Some(linked) = linked {
        return failed("write into", &linked, file::is_link());
    }
    let mode = metadata.permissions().mode();
    if mode & 0o077 != 0 && mode & 0o1000 == 0 {
        // Whose it is not cannot change it; what is in it is looked at file by file then.
        let _refused = std::fs::set_permissions(home, PermissionsExt::from_mode(mode & 0o7700));
    }
    Ok(())
}

/// Takes what others may do from the files in the home that are MANA's by their names.
fn close_files(home: &Path) {
    const FILES: [&str; 9] = [
        DATABASE,
        "forgotten",
        "pending.log",
        "write.lock",
        "exchange.lock",
        "vectors.usearch",
        "local-homes",
        "daemon.",
        "config.toml",
    ];
    close_entries(home, &|name| FILES.iter().any(|own| name.starts_with(own)));
    for folder in FOLDERS.iter().chain(&["models"]).map(|name| home.join(name)) {
        if !file::is_linked(&folder) {
            close(&folder);
            close_entries(&folder, &|_| true);
        }
    }
}

fn close_entries(folder: &Path, own: &dyn Fn(&str) -> bool) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if own(&entry.file_name().to_string_lossy()) {
            close(&entry.path());
        }
    }
}

/// Takes what others may do from a file or folder, unless it is a link or has further names: these
/// may be elsewhere. What cannot be changed stays, and `mana doctor` tells of it.
fn close(path: &Path) {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return };
    let mode = metadata.permissions().mode();
    let plain = metadata.is_dir() || metadata.is_file() && metadata.nlink() == 1;
    if plain && mode & 0o077 != 0 {
        let _refused = std::fs::set_permissions(path, PermissionsExt::from_mode(mode & 0o700));
    }
}

/// Refuses what has the database's name and is no file, since opening a pipe would wait for ever;
/// what leads elsewhere; and what another user put there.
fn refuse_special(path: &Path) -> Result<(), StorageError> {
    let refused = |source| {
        Err(StorageError::File { attempt: "use as the database", path: path.into(), source })
    };
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_symlink() => refused(file::is_link()),
        Ok(meta) if !file::is_trusted(&meta) => refused(file::is_foreign()),
        Ok(meta) if !meta.is_file() => Err(StorageError::File {
            attempt: "use as the database",
            path: path.into(),
            source: std::io::Error::new(
                std::io::ErrorKind::InvalidInput,
                "it is not a regular file; move it away",
            ),
        }),
        _ => Ok(()),
    }
}

fn configure(conn: &Connection) -> Result<(), rusqlite::Error> {
    conn.busy_timeout(WRITER_PATIENCE)?;
    // The log and its index stay when the last connection closes: removing them takes a lock
    // that shuts readers out, and the next reader would have to make them again.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    plan_once(conn)?;
    // With WAL, NORMAL keeps the database consistent through a power cut; what it may lose is
    // the last transactions, and those are read again from the transcripts.
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "secure_delete", true)?;
    conn.pragma_update(None, "cache_size", -4_000)?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Makes the home's folder, readable by its owner only.
pub(crate) fn create_home(home: &Path) -> Result<(), StorageError> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(home).map_err(|source| {
        StorageError::File { attempt: "create the folder", path: home.into(), source }
    })
}

/// Makes the database file readable by its owner only, before SQLite would make it with another
/// mode. SQLite gives the log and its index the mode of the database.
fn make_private(path: &Path) -> Result<(), StorageError> {
    let failed = |attempt| move |source| StorageError::File { attempt, path: path.into(), source };
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    let file = file::open_own(path, &mut options).map_err(failed("create"))?;
    let mode = file.metadata().map_err(failed("look at"))?.permissions().mode();
    if mode & 0o077 != 0 {
        // It was copied here or made by hand.
        file.set_permissions(PermissionsExt::from_mode(0o600)).map_err(failed("protect"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

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
