//! The test's own program, started again with one test that does what the variable
//! `MANA_TEST_CARRIER` says.

use super::*;

/// What starts the helper in a process of its own.
pub(super) fn helper(task: &str, settings: &GitSettings) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let text = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let first = |paths: &[PathBuf]| paths.first().map(text).unwrap_or_default();
    let words = [
        task.to_owned(),
        settings.url.clone(),
        text(&settings.cache),
        first(&settings.keys),
        first(&settings.known_hosts),
        settings.ca_file.as_ref().map(text).unwrap_or_default(),
    ];
    command
        .args(["--exact", "sync::backend::git::tests::helper::the_helper", "--nocapture"])
        .env("MANA_TEST_CARRIER", words.join("\n"))
        .stdin(Stdio::null());
    command
}

/// Not a test by itself: without the variable it does nothing.
#[test]
fn the_helper() {
    let Ok(words) = std::env::var("MANA_TEST_CARRIER") else { return };
    let words: Vec<_> = words.split('\n').collect();
    let [task, url, cache, key, known, ca] = words[..] else { panic!("{words:?}") };
    let folder = Folder::new();
    let settings = GitSettings {
        url: url.into(),
        cache: cache.into(),
        keys: vec![key.into()],
        known_hosts: vec![known.into()],
        ca_file: Some(ca).filter(|ca| !ca.is_empty()).map(Into::into),
        user: Some(ACCOUNT.0.into()),
        token: Some(Secret::new(ACCOUNT.1.into())),
        agent: std::env::var_os("SSH_AUTH_SOCK").map(Into::into),
        ..folder.settings(&label("a"))
    };
    let words: Vec<_> = task.splitn(4, ' ').collect();
    match words[..] {
        ["some", puts, from, device] => {
            let settings = GitSettings { device: label(device), ..settings };
            put_some(settings, device, puts.parse().unwrap(), from.parse().unwrap());
        }
        ["agent"] => open(settings).refresh().unwrap(),
        ["put"] => put_for_ever(settings),
        _ => panic!("{task}"),
    }
}

/// Puts one object after the other, removes some, and notes in a file what was confirmed.
fn put_for_ever(settings: GitSettings) {
    let notes = settings.cache.join("confirmed");
    let mut notes = File::options().create(true).append(true).open(notes).unwrap();
    let mut git = open(settings);
    git.refresh().unwrap();
    let start = git.list("", None).unwrap().len() as u64;
    for n in start.. {
        let object = segment(1, "a", n, vec![n as u8; 20_000]);
        git.put(std::slice::from_ref(&object)).unwrap();
        notes.write_all(format!("{}\n", object.name).as_bytes()).unwrap();
        if n % 3 == 0 {
            let extra = segment(1, "a", 1_000_000 + n, vec![1]);
            git.put(std::slice::from_ref(&extra)).unwrap();
            git.delete_own(&[extra.name]).unwrap();
        }
    }
}

/// Puts some objects and notes which of them were confirmed.
pub(super) fn put_some(settings: GitSettings, device: &str, puts: u64, from: u64) {
    let mut notes = File::create(settings.cache.join("confirmed")).unwrap();
    let mut git = open(settings);
    for n in from..from + puts {
        let object = segment(1, device, n, format!("{device} {n}").into());
        match git.put(std::slice::from_ref(&object)) {
            Ok(()) => notes.write_all(format!("{}\n", object.name).as_bytes()).unwrap(),
            // Two copies of one device may get in each other's way, others never.
            Err(error) => assert!(device == "copy" && error.is_transient(), "{error:?}"),
        }
    }
}
