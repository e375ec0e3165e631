//! Installing from folders, choosing and removing; downloads are in `tests/it`.

use tempfile::TempDir;

use super::*;
use crate::embeddings::Embedder as _;
use crate::embeddings::testing::{HIDDEN, write_model};

/// A library in an empty home, and a folder with a sound model.
fn setting() -> (TempDir, Library, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let source = root.path().join("tiny");
    write_model(&source, "", 1);
    let library = Library::of(&root.path().join("home"));
    (root, library, source)
}

/// What lies in the library beside its lock.
fn entries(library: &Library) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(&library.folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != ".lock")
        .collect();
    names.sort();
    names
}

#[test]
fn an_empty_home_has_no_encoder_and_stays_empty() {
    let (root, library, _) = setting();
    assert!(library.list().unwrap().is_empty());
    assert!(library.active().unwrap().is_none());
    assert!(!root.path().join("home").exists());
}

#[test]
fn the_first_one_is_put_to_use_and_the_choice_can_change() {
    let (_root, library, source) = setting();
    let first = library.install_folder("first", &source).unwrap();
    write_model(&source, "", 2);
    let second = library.install_folder("second", &source).unwrap();
    assert_eq!((first.active, second.active), (true, false));
    let spaces = |a: &str, b: &str| a.split_once('@').unwrap().1 == b.split_once('@').unwrap().1;
    assert!(!spaces(&first.space, &second.space), "other weights, another space");

    let encoder = library.use_model("second").unwrap();
    assert_eq!((encoder.name(), encoder.dimensions()), (&*second.space, HIDDEN));
    let listed: Vec<_> = library.list().unwrap().into_iter().map(|m| (m.name, m.active)).collect();
    assert_eq!(listed, [("first".into(), false), ("second".into(), true)]);
    assert_eq!(entries(&library), ["active", "first", "second"]);
}

#[test]
fn a_removed_one_is_gone_and_no_longer_in_use() {
    let (_root, library, source) = setting();
    library.install_folder("first", &source).unwrap();
    library.install_folder("second", &source).unwrap();
    library.remove("second").unwrap();
    assert!(library.active().unwrap().unwrap().active, "the other one stays in use");
    library.remove("first").unwrap();
    assert!(library.active().unwrap().is_none());
    assert!(entries(&library).is_empty());
    assert!(matches!(library.remove("first"), Err(LibraryError::NotInstalled { .. })));
    assert!(matches!(library.use_model("first"), Err(LibraryError::NotInstalled { .. })));
}

#[test]
fn a_name_is_taken_once_and_leads_nowhere() {
    let (_root, library, source) = setting();
    library.install_folder("tiny", &source).unwrap();
    let again = library.install_folder("tiny", &source);
    assert!(matches!(again, Err(LibraryError::Exists { .. })), "{again:?}");
    for name in ["", ".", "..", "../x", "a/b", ".new-1", "active", "a b", "ä", &"x".repeat(65)] {
        let error = library.install_folder(name, &source).unwrap_err();
        assert!(matches!(error, LibraryError::Name { .. }), "{name:?}: {error:?}");
        assert!(library.remove(name).is_err(), "{name:?}");
    }
}

#[test]
fn a_model_that_cannot_be_loaded_leaves_nothing() {
    let (_root, library, source) = setting();
    let weights = fs::read(source.join(WEIGHTS)).unwrap();
    fs::write(source.join(WEIGHTS), &weights[..weights.len() / 2]).unwrap();
    let error = library.install_folder("tiny", &source).unwrap_err();
    assert!(matches!(error, LibraryError::Model(_)), "{error:?}");
    assert!(entries(&library).is_empty());

    fs::remove_file(source.join("tokenizer.json")).unwrap();
    let error = library.install_folder("tiny", &source).unwrap_err();
    assert!(error.to_string().contains("tokenizer.json"), "{error}");
    assert!(entries(&library).is_empty());
}

#[test]
fn another_process_at_work_is_not_disturbed() {
    let (_root, library, source) = setting();
    let lock = library.lock().unwrap();
    let error = library.install_folder("tiny", &source).unwrap_err();
    assert!(matches!(error, LibraryError::Busy { .. }), "{error:?}");
    drop(lock);
    library.install_folder("tiny", &source).unwrap();
}

#[test]
fn what_a_crash_left_is_cleared_away() {
    let (_root, library, source) = setting();
    fs::create_dir_all(library.folder.join(".new-dead/half")).unwrap();
    library.install_folder("tiny", &source).unwrap();
    assert_eq!(entries(&library), ["active", "tiny"]);
}

#[test]
fn a_choice_that_was_deleted_by_hand_is_none() {
    let (_root, library, source) = setting();
    library.install_folder("tiny", &source).unwrap();
    fs::remove_dir_all(library.place("tiny")).unwrap();
    assert!(library.active().unwrap().is_none());
}

#[test]
fn a_damaged_one_is_not_chosen() {
    let (_root, library, source) = setting();
    library.install_folder("sound", &source).unwrap();
    library.install_folder("torn", &source).unwrap();
    fs::write(library.place("torn").join(WEIGHTS), "").unwrap();
    let error = library.use_model("torn").err().unwrap();
    assert!(matches!(error, LibraryError::Model(_)), "{error:?}");
    assert_eq!(library.active().unwrap().unwrap().name, "sound");
}
