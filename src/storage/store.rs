//! Opening the database to write it, and what the connection that writes is set to.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::error::{Attempt, StorageError};
use super::forget::KeptTime;
use super::lock::WriteLock;
use super::open::{Reader, WRITER_PATIENCE, plan_once};
use super::private::{close_files, close_home, create_home, make_private, refuse_special};
use super::workers::Workers;
use super::{DATABASE, file, schema, snapshot};
use crate::model::vector::Encode;

/// Pages of the write-ahead log from which on it is emptied while a learning run goes on (32 MB).
/// The writer waits for the disk meanwhile, and much of the log is the same few pages again.
const LOG_PAGES: i64 = 8_192;

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

    /// Sets whether memory or a file holds what a statement would undo if it failed. Every statement
    /// of learning changes a few pages, and after the first that changes many, SQLite writes them
    /// to the file each time; what changes the whole database belongs there. Not in a transaction.
    pub(crate) fn undo_from_memory(&mut self, yes: bool) -> Result<(), StorageError> {
        let place = if yes { "MEMORY" } else { "DEFAULT" };
        self.conn()
            .pragma_update(None, "temp_store", place)
            .attempt("set where changes are kept to undo them")
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
