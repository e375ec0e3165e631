//! Whatever is wrong with MANA, the client and the model notice nothing.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use crate::Scenario;
use crate::sandbox::Sandbox;
use crate::session::Finished;
use crate::stage;

/// This module's scenarios.
pub(crate) const ALL: &[(&str, Scenario)] = &[
    ("resilience::the_home_is_missing", |client| undisturbed(client, home_is_missing)),
    ("resilience::the_home_is_a_file", |client| undisturbed(client, home_is_a_file)),
    ("resilience::the_home_is_a_link_to_itself", |client| undisturbed(client, home_is_a_loop)),
    ("resilience::the_home_cannot_be_read", |client| undisturbed(client, home_is_unreadable)),
    ("resilience::the_home_is_read_only", |client| undisturbed(client, home_is_read_only)),
    ("resilience::the_database_is_a_folder", |client| undisturbed(client, database_is_a_folder)),
    ("resilience::the_database_is_empty", |client| undisturbed(client, database_is_empty)),
    ("resilience::the_database_is_noise", |client| undisturbed(client, database_is_noise)),
    ("resilience::the_database_is_torn", |client| undisturbed(client, database_is_torn)),
    ("resilience::the_database_is_newer", |client| undisturbed(client, database_is_newer)),
    ("resilience::the_database_is_locked", |client| undisturbed(client, database_is_locked)),
    ("resilience::the_settings_are_broken", |client| undisturbed(client, config_is_broken)),
    ("resilience::the_binary_is_gone", binary_is_gone),
];

/// The longest a session may take with a broken MANA. Nine hooks fire in it; a single one that
/// waited for its time limit of several seconds would be far over.
const PATIENCE: Duration = Duration::from_secs(20);

/// Breaks an installed and taught MANA with `damage` and proves that a session goes on as if
/// there were none. What `damage` returns is kept until the session has ended.
fn undisturbed<T>(client: &Path, damage: fn(&Sandbox) -> T) {
    let sandbox = stage::taught_by_history();
    let held = damage(&sandbox);
    let session = stage::stumble(client, &sandbox);
    assert_unharmed(&sandbox, &session);
    assert_eq!(session.hook_faults(), Vec::<serde_json::Value>::new());
    assert_eq!(session.output.errors(), "");
    drop(held);
    sandbox.wait_until_quiet();
    restore_permissions(&sandbox);
}

/// The client ran the whole script in good time, and the model saw no trace of a fault.
#[track_caller]
fn assert_unharmed(sandbox: &Sandbox, session: &Finished) {
    assert_eq!(session.requests.len(), 3);
    let binary = sandbox.binary().to_string_lossy().into_owned();
    for trace in ["hook error", "hook blocking error", "hook failed", binary.as_str()] {
        assert!(!session.mentions(trace), "the model reads {trace:?}");
    }
    assert!(session.output.elapsed < PATIENCE, "it took {:?}", session.output.elapsed);
}

fn home_is_missing(sandbox: &Sandbox) {
    fs::remove_dir_all(sandbox.mana_home()).expect("init has made it");
}

fn home_is_a_file(sandbox: &Sandbox) {
    home_is_missing(sandbox);
    fs::write(sandbox.mana_home(), "not a folder").expect("the home is ours");
}

fn home_is_a_loop(sandbox: &Sandbox) {
    home_is_missing(sandbox);
    std::os::unix::fs::symlink(sandbox.mana_home(), sandbox.mana_home()).expect("the home is ours");
}

/// The superuser reads and writes it all the same; for everyone else it is shut.
fn home_is_unreadable(sandbox: &Sandbox) {
    set_mode(&sandbox.mana_home(), 0o000);
}

fn home_is_read_only(sandbox: &Sandbox) {
    for path in crate::sandbox::snapshot(&sandbox.mana_home()).into_keys() {
        set_mode(&path, if path.is_dir() { 0o500 } else { 0o400 });
    }
    set_mode(&sandbox.mana_home(), 0o500);
}

fn database_is_a_folder(sandbox: &Sandbox) {
    remove_database(sandbox);
    fs::create_dir(database(sandbox)).expect("the home is ours");
}

fn database_is_empty(sandbox: &Sandbox) {
    remove_database(sandbox);
    fs::write(database(sandbox), "").expect("the home is ours");
}

fn database_is_noise(sandbox: &Sandbox) {
    remove_database(sandbox);
    let noise: Vec<u8> =
        (0_u32..100_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(database(sandbox), noise).expect("the home is ours");
}

/// The header is whole and says how many pages there are; most of them are overwritten.
fn database_is_torn(sandbox: &Sandbox) {
    drop(fs::remove_file(database(sandbox).with_extension("sqlite-wal")));
    let mut bytes = fs::read(database(sandbox)).expect("there is a database");
    let middle = bytes.len().min(4_096);
    bytes[middle..].fill(0xA5);
    bytes[100..middle].fill(0x5A);
    fs::write(database(sandbox), bytes).expect("the home is ours");
}

fn database_is_newer(sandbox: &Sandbox) {
    let connection = Connection::open(database(sandbox)).expect("there is a database");
    connection.pragma_update(None, "user_version", 1_000_000).expect("the database is ours");
}

/// Another process holds it and lets nobody even read.
fn database_is_locked(sandbox: &Sandbox) -> Connection {
    let connection = Connection::open(database(sandbox)).expect("there is a database");
    connection
        .execute_batch(
            "pragma locking_mode = exclusive; begin exclusive; create table held (it integer);",
        )
        .expect("nobody else uses the database");
    connection
}

fn config_is_broken(sandbox: &Sandbox) {
    let config = sandbox.mana_home().join("config.toml");
    fs::write(config, "[[[ this is = not TOML \u{0}").expect("the home is ours");
}

/// The client tells the person at its end that it could not start the hook; the model and the
/// result know nothing of it.
fn binary_is_gone(client: &Path) {
    let sandbox = stage::taught_by_history();
    fs::remove_file(sandbox.binary()).expect("the copy is ours");
    let session = stage::stumble(client, &sandbox);
    assert_unharmed(&sandbox, &session);
}

/// The file that holds what MANA knows.
fn database(sandbox: &Sandbox) -> std::path::PathBuf {
    sandbox.mana_home().join("metadata.sqlite")
}

/// Deletes that file and what SQLite keeps beside it.
fn remove_database(sandbox: &Sandbox) {
    fs::remove_file(database(sandbox)).expect("there is a database");
    for extension in ["sqlite-wal", "sqlite-shm"] {
        drop(fs::remove_file(database(sandbox).with_extension(extension)));
    }
}

/// Sets the permission bits of `path`.
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the file is ours");
}

/// Makes the home deletable again.
fn restore_permissions(sandbox: &Sandbox) {
    let home = sandbox.mana_home();
    if home.is_dir() && !home.is_symlink() {
        set_mode(&home, 0o700);
        for folder in crate::sandbox::snapshot(&home).into_keys().filter(|path| path.is_dir()) {
            set_mode(&folder, 0o700);
        }
    }
}
