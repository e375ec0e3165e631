//! The git carrier against real servers: a folder, `sshd`, and `git http-backend` behind TLS.

mod at_once;
mod contents;
mod helper;
mod https;
mod killed;
mod ssh;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use helper::helper;

use super::testing::{ACCOUNT, Authority, Folder, Manner, Ssh, Web, free_port, run};
use super::*;
use crate::sync::backend::conformance::{self, label, segment, segments};

/// Opens the carrier as device "a" would.
fn open(settings: GitSettings) -> Git {
    Git::open(settings).unwrap()
}

/// The error that opening or refreshing ends with.
#[track_caller]
fn error(settings: GitSettings) -> BackendError {
    Git::open(settings).and_then(|mut git| git.refresh()).unwrap_err()
}

#[track_caller]
fn assert_denied(error: &BackendError, words: &[&str]) {
    assert!(matches!(error, BackendError::Denied(_)), "{error:?}");
    for word in words {
        assert!(error.to_string().contains(word), "{word:?} in: {error}");
    }
}

/// Names and bytes of all objects that a new copy finds.
fn held(settings: GitSettings) -> BTreeMap<String, Vec<u8>> {
    let mut git = open(settings);
    git.refresh().unwrap();
    let names = git.list("", None).unwrap();
    names.into_iter().map(|name| (name.clone(), git.get(&name).unwrap().unwrap())).collect()
}

fn names(objects: &[Object]) -> Vec<String> {
    objects.iter().map(|object| object.name.clone()).collect()
}

// The same suite everywhere.

#[test]
fn a_folder_conforms() {
    let folder = Folder::new();
    conformance::check(&mut |device| Box::new(open(folder.settings(device))));
}

#[test]
fn a_server_over_ssh_conforms() {
    let Some(ssh) = Ssh::start() else { return };
    conformance::check(&mut |device| Box::new(open(ssh.settings(device))));
}

#[test]
fn a_server_over_https_conforms() {
    let web = Web::start();
    conformance::check(&mut |device| Box::new(open(web.settings(device))));
}

#[test]
fn the_git_program_conforms() {
    let folder = Folder::new();
    let settings =
        |device: &str| GitSettings { transport: Transport::Command, ..folder.settings(device) };
    conformance::check(&mut |device| Box::new(open(settings(device))));
}

#[test]
fn the_git_program_takes_its_own_way_to_a_server() {
    let Some(ssh) = Ssh::start() else { return };
    let settings = || GitSettings {
        transport: Transport::Command,
        keys: Vec::new(),
        known_hosts: Vec::new(),
        git_config: Some(ssh.git_config()),
        ..ssh.settings(&label("a"))
    };
    let mut git = open(settings());
    let objects = segments(1, "a", [1, 2]);
    git.init().unwrap();
    git.put(&objects).unwrap();
    git.delete_own(&names(&objects[..1])).unwrap();
    assert_eq!(held(settings()).into_keys().collect::<Vec<_>>(), names(&objects[1..]));
    fs::write(ssh.file("known"), "").unwrap();
    assert_denied(&error(settings()), &["Host key verification failed"]);
    let gone = format!("ssh://127.0.0.1:{}/x.git", free_port());
    let error = error(GitSettings { url: gone, ..settings() });
    assert!(error.is_transient(), "{error:?}");
}

// No server at all.

#[test]
fn a_server_that_is_gone_may_come_back() {
    let folder = Folder::new();
    for scheme in ["https", "http", "ssh"] {
        let url = format!("{scheme}://127.0.0.1:{}/share.git", free_port());
        let error = error(GitSettings { url, ..folder.settings(&label("a")) });
        assert!(error.is_transient(), "{scheme}: {error:?}");
    }
    let mut git = open(folder.settings(&label("a")));
    let objects = segments(1, "a", [1]);
    git.put(&objects).unwrap();
    let away = folder.root.path().join("away.git");
    fs::rename(folder.path(), &away).unwrap();
    for error in [git.refresh().unwrap_err(), git.put(&segments(1, "a", [2])).unwrap_err()] {
        assert!(matches!(error, BackendError::Refused(_)), "{error:?}");
    }
    fs::rename(&away, folder.path()).unwrap();
    git.refresh().unwrap();
    assert_eq!(git.list("", None).unwrap(), names(&objects));
}

#[test]
fn unsafe_addresses_are_not_opened() {
    let folder = Folder::new();
    for url in ["http://example.org/a.git", "git://example.org/a.git", "ext::sh -c true", "x"] {
        let answer = Git::open(GitSettings { url: url.into(), ..folder.settings("x") });
        assert!(matches!(answer.err(), Some(BackendError::Refused(_))), "{url}");
    }
}
