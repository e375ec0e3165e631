//! The numbered migrations and the check of the schema's number.

use std::path::Path;

use rusqlite::Connection;

use super::error::{Attempt, StorageError, is_damage};

/// Migrations in order; the schema's number is how many of them ran. Never edit one that was
/// released: add another.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_vectors.sql"),
    include_str!("migrations/0003_encoded.sql"),
    include_str!("migrations/0004_effect.sql"),
    include_str!("migrations/0005_consolidation.sql"),
    include_str!("migrations/0006_reviews.sql"),
    include_str!("migrations/0007_sharing.sql"),
    include_str!("migrations/0008_trials.sql"),
    include_str!("migrations/0009_runs.sql"),
];

/// The schema's number that this binary writes.
pub(super) const CURRENT: i64 = MIGRATIONS.len() as i64;

/// What tells MANA's databases from others, in the header field that SQLite has for it: "MANA".
const APPLICATION: i64 = 0x4d41_4e41;

/// The schema's number in the file; 0 for a new one.
///
/// # Errors
/// [`StorageError::Newer`] for what a newer release wrote, [`StorageError::Damaged`] for what is
/// no database of MANA's.
pub(super) fn check(conn: &Connection, path: &Path) -> Result<i64, StorageError> {
    let pragma = |name: &str| {
        conn.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0))
            .map_err(|source| damaged_or_open(path, source))
    };
    let found = pragma("user_version")?;
    let foreign = match found {
        // A migration is one transaction: without the number there is not a single table.
        0 => pragma("schema_version")? != 0,
        _ => pragma("application_id")? != APPLICATION,
    };
    if found < 0 || foreign {
        let what = "it is not a database of mana's".into();
        return Err(StorageError::Damaged { path: path.into(), what });
    }
    if found > CURRENT {
        return Err(StorageError::Newer { path: path.into(), found, known: CURRENT });
    }
    if found > 0 {
        // The header alone says little: this reads the schema, and misses what was cut off.
        conn.query_row("SELECT count(*) FROM meta", [], |_| Ok(()))
            .map_err(|source| damaged_or_open(path, source))?;
    }
    Ok(found)
}

/// Brings the database to the current schema, each migration in its own transaction. Returns
/// the number that was found.
pub(super) fn migrate(conn: &mut Connection, path: &Path) -> Result<i64, StorageError> {
    let found = check(conn, path)?;
    for (number, sql) in MIGRATIONS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        let tx = conn.transaction().attempt("start a migration")?;
        tx.execute_batch(sql).attempt("migrate the database")?;
        tx.pragma_update(None, "application_id", APPLICATION).attempt("mark the database")?;
        tx.pragma_update(None, "user_version", number as i64 + 1)
            .attempt("record the schema's number")?;
        tx.commit().attempt("commit a migration")?;
    }
    Ok(found)
}

/// Tells a damaged file from one that cannot be opened.
pub(super) fn damaged_or_open(path: &Path, source: rusqlite::Error) -> StorageError {
    if is_damage(&source) {
        StorageError::Damaged { path: path.into(), what: source.to_string() }
    } else {
        StorageError::Open { path: path.into(), source }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::params;

    use super::*;
    use crate::storage::recall::Recall as _;
    use crate::storage::{Corpus, DATABASE, Reader, Store};

    fn database(folder: &Path, sql: &str) -> Connection {
        let conn = Connection::open(folder.join("m.sqlite")).unwrap();
        conn.execute_batch(sql).unwrap();
        conn
    }

    #[test]
    fn a_fresh_database_gets_every_migration_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut conn = database(folder.path(), "");
        assert_eq!(migrate(&mut conn, folder.path()).unwrap(), 0);
        assert_eq!(migrate(&mut conn, folder.path()).unwrap(), CURRENT);
        assert_eq!(check(&conn, folder.path()).unwrap(), CURRENT);
    }

    #[test]
    fn what_is_not_ours_or_newer_is_refused_by_name() {
        let number = format!("PRAGMA user_version = {}", CURRENT + 1);
        let newer = format!("{number}; PRAGMA application_id = {APPLICATION}");
        for (name, sql, expected) in [
            ("newer", newer.as_str(), "knows up to"),
            ("somebody's tables", "CREATE TABLE t (x)", "not a database of mana's"),
            ("a number without the mark", "PRAGMA user_version = 1", "not a database of mana's"),
            ("a large one, in a header of noise", &number, "not a database of mana's"),
            ("a negative number", "PRAGMA user_version = -1", "not a database of mana's"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let mut conn = database(folder.path(), sql);
            let error = migrate(&mut conn, folder.path()).unwrap_err();
            assert!(error.to_string().contains(expected), "{name}: {error}");
        }
    }

    #[test]
    fn of_every_older_schema_the_term_lists_are_made_anew() {
        for number in 1..CURRENT {
            let home = tempfile::tempdir().unwrap();
            let conn = Connection::open(home.path().join(DATABASE)).unwrap();
            for sql in &MIGRATIONS[..number as usize] {
                conn.execute_batch(sql).unwrap();
            }
            conn.execute_batch(&format!(
                "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {number};
                 INSERT INTO projects (id, key, name, listed) VALUES (1, 'app', 'app', 1)"
            ))
            .unwrap();
            conn.execute(
                "INSERT INTO patterns (id, kind, project, tool, category, trigger, text, payload,
                                       state, hlc, origin)
                 VALUES (?1, 5, 1, '', '', 'deploy', 'never on Fridays', '{}', 1, 0, '')",
                params![[1_u8; 16]],
            )
            .unwrap();
            drop(conn);
            // Hooks and whoever only asks leave it as it is.
            let refused = Reader::open(home.path()).unwrap_err().to_string();
            assert!(refused.contains(&format!("schema {number}, ")), "{refused}");

            let mut store = Store::open(home.path(), true).unwrap();
            let terms = ["deploy".to_owned()];
            let held = |store: &Store| {
                let found = store.look_up(1, &[Corpus::Decisions], &terms).unwrap();
                (found[0].patterns, store.patterns(1).unwrap())
            };
            assert_eq!(held(&store), (0, 0), "{number}: the lists are a cache");
            store.refresh_postings().unwrap();
            assert_eq!(held(&store), (1, 1), "{number}");
        }
    }
}
