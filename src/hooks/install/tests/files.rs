//! Plans carried out on files.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};

use crate::hooks::install::{
    Applied, HookEntries, InstallError, SettingsFile, project_settings, user_settings,
};

fn now() -> DateTime<Utc> {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

fn install(path: &Path, binary: &str) -> Applied {
    let file = SettingsFile::read(path).unwrap();
    let entries = HookEntries::for_binary(Path::new(binary)).unwrap();
    let plan = file.plan_install(&entries).unwrap();
    file.apply(&plan, now()).unwrap()
}

fn uninstall(path: &Path) -> Applied {
    let file = SettingsFile::read(path).unwrap();
    let plan = file.plan_uninstall().unwrap();
    file.apply(&plan, now()).unwrap()
}

/// A folder with a settings file in it.
fn with_settings(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.json");
    fs::write(&path, text).unwrap();
    (folder, path)
}

fn names(folder: &tempfile::TempDir) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn where_settings_are() {
    assert_eq!(user_settings(Path::new("/h/.claude")), Path::new("/h/.claude/settings.json"));
    assert_eq!(project_settings(Path::new("/p")), Path::new("/p/.claude/settings.json"));
}

#[test]
fn nothing_remains_of_a_file_that_was_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("claude/settings.json");
    assert_eq!(install(&path, "/opt/mana"), Applied::Written { backup: None });
    assert_eq!(install(&path, "/opt/mana"), Applied::Nothing);
    assert_eq!(uninstall(&path), Applied::Deleted);
    assert_eq!(uninstall(&path), Applied::Nothing);
    assert_eq!(fs::read_dir(folder.path().join("claude")).unwrap().count(), 0);
}

#[test]
fn a_backup_is_kept_until_it_has_served() {
    for text in ["", "{}", "{ }\n", "{\"hooks\":{}}", "\u{feff}{\n\t\"a\": [ ]\r\n}\r\n"] {
        let (folder, path) = with_settings(text);
        let backup = folder.path().join("settings.json.mana-backup");
        assert_eq!(install(&path, "/opt/mana"), Applied::Written { backup: Some(backup.clone()) });
        assert_eq!(fs::read_to_string(&backup).unwrap(), text);
        assert_eq!(uninstall(&path), Applied::Written { backup: None });
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!(names(&folder), ["settings.json"]);
    }
}

#[test]
fn older_backups_are_not_overwritten() {
    let (folder, path) = with_settings("{\"a\": 1}");
    install(&path, "/opt/mana");
    install(&path, "/new/mana");
    install(&path, "/newer/mana");
    assert_eq!(
        names(&folder),
        [
            "settings.json",
            "settings.json.mana-backup",
            "settings.json.mana-backup-20260102T030405Z",
            "settings.json.mana-backup-20260102T030405Z-2",
        ]
    );
    // The way back is to the text without entries of ours, whatever came between.
    uninstall(&path);
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"a\": 1}");
}

#[test]
fn the_way_back_is_to_the_text_that_was_installed_on() {
    let (_folder, path) = with_settings("{ }");
    install(&path, "/opt/mana");
    // Edited by hand, so that uninstalling keeps the backups; then `{ }` again.
    let edited = fs::read_to_string(&path).unwrap().replacen('{', "{\n  \"a\": 1,", 1);
    fs::write(&path, edited).unwrap();
    uninstall(&path);
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\n  \"a\": 1\n}");
    fs::write(&path, "{\"b\": {}}").unwrap();
    install(&path, "/opt/mana");
    fs::write(&path, "{ }").unwrap();
    install(&path, "/opt/mana");
    uninstall(&path);
    assert_eq!(fs::read_to_string(&path).unwrap(), "{ }");
}

#[test]
fn broken_settings_are_never_written() {
    for text in ["{\n  \"a\": 1,\n}", "{\"hooks\": 3}"] {
        let (folder, path) = with_settings(text);
        let file = SettingsFile::read(&path).unwrap();
        let entries = HookEntries::for_binary(Path::new("/opt/mana")).unwrap();
        let error = file.plan_install(&entries).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot edit {}", path.display()));
        assert!(!error.hint().is_empty());
        assert!(file.plan_uninstall().is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!(names(&folder), ["settings.json"]);
    }
    let (_folder, path) = with_settings("");
    fs::write(&path, b"{\"\xff\": 1}").unwrap();
    assert!(matches!(SettingsFile::read(&path), Err(InstallError::Refused { .. })));
}

#[test]
fn what_another_program_wrote_meanwhile_is_kept() {
    let (_folder, path) = with_settings("{}");
    let file = SettingsFile::read(&path).unwrap();
    let entries = HookEntries::for_binary(Path::new("/opt/mana")).unwrap();
    let plan = file.plan_install(&entries).unwrap();
    fs::write(&path, "{\"model\": \"opus\"}").unwrap();
    let error = file.apply(&plan, now() + TimeDelta::seconds(1)).unwrap_err();
    assert!(matches!(error, InstallError::Changed(_)));
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"model\": \"opus\"}");
}

#[cfg(unix)]
#[test]
fn a_linked_file_stays_linked_and_its_backup_is_beside_the_link() {
    let folder = tempfile::tempdir().unwrap();
    let dotfiles = tempfile::tempdir().unwrap();
    let target = dotfiles.path().join("claude.json");
    fs::write(&target, "{\"a\": 1}").unwrap();
    let link = folder.path().join("settings.json");
    std::os::unix::fs::symlink(&target, &link).unwrap();
    install(&link, "/opt/mana");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&target).unwrap().contains("/opt/mana"));
    assert_eq!(names(&folder), ["settings.json", "settings.json.mana-backup"]);
    assert_eq!(names(&dotfiles), ["claude.json"]);
    uninstall(&link);
    assert_eq!(fs::read_to_string(&target).unwrap(), "{\"a\": 1}");
    assert_eq!(names(&folder), ["settings.json"]);
}
