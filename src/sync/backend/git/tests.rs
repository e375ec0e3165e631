//! The git carrier against real servers: a folder, `sshd`, and `git http-backend` behind TLS.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

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

// What lies on the server.

/// Every commit that a branch leads to, by branch.
fn history(repository: &Repository) -> BTreeMap<String, Vec<Oid>> {
    let references = repository.references().unwrap().map(Result::unwrap);
    let of = |reference: git2::Reference<'_>| {
        let mut walk = repository.revwalk().unwrap();
        walk.push(reference.target().unwrap()).unwrap();
        (reference.name().unwrap().to_owned(), walk.map(Result::unwrap).collect())
    };
    references.map(of).collect()
}

/// All files of a commit, with their bytes.
fn files(repository: &Repository, commit: Oid) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let tree = repository.find_commit(commit).unwrap().tree().unwrap();
    tree.walk(git2::TreeWalkMode::PreOrder, |folder, entry| {
        if let Some(blob) = entry.to_object(repository).unwrap().as_blob() {
            files.insert(format!("{folder}{}", entry.name().unwrap()), blob.content().to_vec());
        }
        git2::TreeWalkResult::Ok
    })
    .unwrap();
    files
}

#[test]
fn the_server_holds_what_was_put_and_a_readme() {
    let folder = Folder::new();
    let mut git = open(folder.settings(&label("a")));
    git.init().unwrap();
    git.init().unwrap();
    let objects = segments(1, "a", [1, 2, 3]);
    git.put(&objects[..1]).unwrap();
    git.put(&objects[1..]).unwrap();
    let repository = folder.repository();
    let history = history(&repository);
    let branch = format!("refs/heads/mana/{:032x}/{}", 1, label("a"));
    assert_eq!(history.keys().collect::<Vec<_>>(), ["refs/heads/main", &branch]);
    assert_eq!((history["refs/heads/main"].len(), history[&branch].len()), (1, 2));
    for commit in history.values().flatten() {
        let commit = repository.find_commit(*commit).unwrap();
        for person in [commit.author(), commit.committer()] {
            assert_eq!(person.to_string(), "mana <mana@localhost>");
            assert_eq!((person.when().seconds() % 86_400, person.when().offset_minutes()), (0, 0));
        }
    }
    let readme = files(&repository, history["refs/heads/main"][0]);
    assert_eq!(readme, BTreeMap::from([("README.md".into(), README.into())]));
    let put = objects.map(|object| (object.name, object.bytes));
    assert_eq!(files(&repository, history[&branch][0]), BTreeMap::from(put));
}

#[test]
fn the_readme_does_not_touch_a_branch_that_exists() {
    let folder = Folder::new();
    let repository = folder.repository();
    let theirs = tree::readme(&repository, "theirs", 0).unwrap();
    repository.reference("refs/heads/main", theirs, false, "").unwrap();
    let mut git = open(folder.settings(&label("a")));
    git.init().unwrap();
    assert_eq!(repository.refname_to_id("refs/heads/main").unwrap(), theirs);
    for branch in ["mana", "mana/x", "..", "a b", ""] {
        let settings = GitSettings { branch: branch.into(), ..folder.settings(&label("b")) };
        let error = open(settings).init().unwrap_err();
        assert!(matches!(error, BackendError::Refused(_)), "{branch}: {error:?}");
    }
}

#[test]
fn nothing_leads_to_what_was_removed() {
    let folder = Folder::new();
    let mut git = open(folder.settings(&label("a")));
    let objects = segments(1, "a", [1, 2, 3]);
    for object in &objects {
        git.put(std::slice::from_ref(object)).unwrap();
    }
    git.delete_own(&names(&objects[..2])).unwrap();
    let repository = folder.repository();
    let history = history(&repository);
    let commits: Vec<_> = history.values().flatten().collect();
    assert_eq!(commits.len(), 1, "{history:?}");
    assert_eq!(
        files(&repository, *commits[0]).into_keys().collect::<Vec<_>>(),
        names(&objects[2..])
    );
    run("git", &["-C", folder.path().to_str().unwrap(), "gc", "--quiet", "--prune=now"]);
    let gone = Oid::hash_object(git2::ObjectType::Blob, &objects[0].bytes).unwrap();
    assert!(!folder.repository().odb().unwrap().exists(gone));
    run("git", &["-C", folder.path().to_str().unwrap(), "fsck", "--strict"]);
    git.delete_own(&names(&objects[2..])).unwrap();
    assert!(folder.repository().references().unwrap().next().is_none());
}

#[test]
fn what_others_do_to_branches_shows_in_the_listing() {
    let folder = Folder::new();
    let (mut a, mut b) = (open(folder.settings(&label("a"))), open(folder.settings(&label("b"))));
    let objects = segments(1, "b", [1, 2]);
    b.put(&objects[..1]).unwrap();
    let repository = folder.repository();
    let branch = format!("refs/heads/mana/{:032x}/{}", 1, label("b"));
    let before = repository.refname_to_id(&branch).unwrap();
    b.put(&objects[1..]).unwrap();
    a.refresh().unwrap();
    assert_eq!(a.list("", None).unwrap(), names(&objects));

    // The branch goes back, is something else altogether, and is gone.
    repository.reference(&branch, before, true, "").unwrap();
    a.refresh().unwrap();
    assert_eq!(a.list("", None).unwrap(), names(&objects[..1]));
    let other = tree::readme(&repository, "nothing of ours", 0).unwrap();
    repository.reference(&branch, other, true, "").unwrap();
    a.refresh().unwrap();
    assert_eq!(a.list("", None).unwrap(), [""; 0]);
    repository.find_reference(&branch).unwrap().delete().unwrap();
    a.refresh().unwrap();
    assert_eq!(a.list("", None).unwrap(), [""; 0]);
    // The device itself puts its objects back, all of them, without help.
    b.put(&objects).unwrap();
    a.refresh().unwrap();
    assert_eq!(a.list("", None).unwrap(), names(&objects));
}

#[test]
fn strange_objects_and_branches_disturb_nobody() {
    let folder = Folder::new();
    let repository = folder.repository();
    let sound = segments(1, "a", [1]);
    let mut a = open(folder.settings(&label("a")));
    a.put(&sound).unwrap();

    let huge = segment(1, "b", 1, vec![7; MAX_OBJECT + 1]);
    let missing = segment(1, "b", 2, b"missing".to_vec());
    let branch = Branch::of(&Name::parse(&huge.name).unwrap());
    let gone = Oid::hash_object(git2::ObjectType::Blob, &missing.bytes).unwrap();
    repository.blob(&missing.bytes).unwrap();
    let files = Files::from([
        (huge.name.clone(), repository.blob(&huge.bytes).unwrap()),
        (missing.name.clone(), gone),
    ]);
    let tip = tree::commit(&repository, &branch, &files, None, 0).unwrap();
    repository.reference(&branch.there(), tip, true, "").unwrap();
    let hex = gone.to_string();
    fs::remove_file(folder.path().join("objects").join(&hex[..2]).join(&hex[2..])).unwrap();
    for (name, text) in [("mana/x", "x"), ("mana/a/b/c/d", "deep"), ("other", "elsewhere")] {
        let tip = tree::readme(&repository, text, 0).unwrap();
        repository.reference(&format!("refs/heads/{name}"), tip, true, "").unwrap();
    }

    match a.refresh() {
        Ok(()) => {
            let error = a.get(&huge.name).unwrap_err();
            assert!(matches!(error, BackendError::Refused(_)), "{error:?}");
            assert_eq!(a.get(&missing.name).unwrap(), None);
        }
        // A repository that has lost an object cannot be fetched from at all.
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    repository.blob(&missing.bytes).unwrap();
    a.refresh().unwrap();
    assert_eq!(a.get(&missing.name).unwrap(), Some(missing.bytes));
    assert_eq!(a.get(&sound[0].name).unwrap().as_ref(), Some(&sound[0].bytes));
    assert_eq!(a.list("", None).unwrap().len(), 3);
}

// The local copy.

#[test]
fn a_damaged_copy_heals_itself() {
    let folder = Folder::new();
    let settings = folder.settings(&label("a"));
    let mut git = open(settings.clone());
    let objects = segments(1, "a", [1, 2]);
    git.put(&objects).unwrap();
    let copy = settings.cache.join("copy.git");

    // While it is open: the objects are gone.
    fs::remove_dir_all(copy.join("objects")).unwrap();
    fs::create_dir_all(copy.join("objects/pack")).unwrap();
    let mut other = open(GitSettings { cache: folder.fresh(), ..settings.clone() });
    other.put(&segments(1, "a", [3])).unwrap();
    git.refresh().unwrap();
    for object in &objects {
        assert_eq!(git.get(&object.name).unwrap().as_ref(), Some(&object.bytes));
    }
    drop(git);

    // Between two runs: every file is cut short, one after the other.
    let mut all = Vec::new();
    let mut folders = vec![copy.clone()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() { folders.push(entry) } else { all.push(entry) }
        }
    }
    assert!(all.len() > 5, "{all:?}");
    for path in all {
        let Ok(metadata) = fs::metadata(&path) else { continue };
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(metadata.len() / 2).unwrap();
        let mut git = open(settings.clone());
        git.refresh().unwrap();
        assert_eq!(git.list("", None).unwrap().len(), 3, "{}", path.display());
        for object in &objects {
            let got = git.get(&object.name).unwrap();
            assert_eq!(got.as_ref(), Some(&object.bytes), "{}", path.display());
        }
        git.put(&segments(1, "a", [1, 2])).unwrap();
    }
}

#[test]
fn the_copy_is_one_of_this_address() {
    let (first, second) = (Folder::new(), Folder::new());
    let settings = first.settings(&label("a"));
    let objects = segments(1, "a", [1]);
    open(settings.clone()).put(&objects).unwrap();
    let mut again = open(settings.clone());
    assert_eq!(again.list("", None).unwrap(), names(&objects), "known without asking the server");
    drop(again);
    let mut moved = open(GitSettings { url: second.settings("x").url, ..settings });
    assert_eq!(moved.list("", None).unwrap(), [""; 0]);
    moved.put(&objects).unwrap();
    assert_eq!(held(second.settings("x")).len(), 1);
}

#[test]
fn a_branch_in_the_way_of_another_is_no_trouble() {
    let folder = Folder::new();
    let mut git = open(folder.settings(&label("a")));
    let repository = folder.repository();
    let tip = tree::readme(&repository, "x", 0).unwrap();
    repository.reference("refs/heads/mana/x", tip, false, "").unwrap();
    git.refresh().unwrap();
    repository.find_reference("refs/heads/mana/x").unwrap().delete().unwrap();
    repository.reference("refs/heads/mana/x/y", tip, false, "").unwrap();
    git.refresh().unwrap();
    git.put(&segments(1, "a", [1])).unwrap();
}

// SSH.

#[test]
fn keys_of_all_kinds_get_in_and_wrong_ones_do_not() {
    let Some(ssh) = Ssh::start() else { return };
    let with = |keys: &[&Path]| GitSettings {
        keys: keys.iter().map(|path| path.to_path_buf()).collect(),
        ..ssh.settings(&label("a"))
    };
    let refresh = |settings| open(settings).refresh().unwrap();
    refresh(ssh.settings(&label("a")));
    let (ecdsa, rsa) = (ssh.key("ecdsa", "ecdsa", ""), ssh.key("rsa", "rsa", ""));
    let (wrong, locked) =
        (ssh.key("wrong", "ed25519", ""), ssh.key("locked", "ed25519", "open me"));
    for key in [&ecdsa, &rsa, &locked] {
        ssh.authorize(key);
    }
    refresh(with(&[&ecdsa]));
    refresh(with(&[&rsa]));
    let passphrase =
        |text: &str| GitSettings { passphrase: Some(Secret::new(text.into())), ..with(&[&locked]) };
    refresh(passphrase("open me"));
    // Those that do not help do not hinder either.
    let missing = ssh.file("no-such-key");
    refresh(with(&[&missing, &wrong, &locked, &rsa]));

    assert_denied(&error(with(&[&wrong])), &["accepts none", "wrong", "identity"]);
    assert_denied(&error(with(&[&locked])), &["locked needs a passphrase", "MANA_SYNC_SSH"]);
    assert_denied(&error(with(&[])), &["wants credentials and there are none"]);
    let error = error(passphrase("hunter2"));
    assert_denied(&error, &[]);
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[test]
fn unknown_and_changed_hosts_are_not_talked_to() {
    let Some(ssh) = Ssh::start() else { return };
    let settings = || ssh.settings(&label("a"));
    let known = ssh.file("known");
    fs::write(&known, "").unwrap();
    let host = format!("[127.0.0.1]:{}", ssh.port);
    let told = error(settings());
    assert_denied(&told, &["is not a known host", &host, "SHA256:", "ssh-keyscan"]);

    // What it says to do is what helps, and the fingerprint is that of one of the host's keys.
    let fingerprints = ["ed25519", "ecdsa", "rsa"].map(|kind| {
        let path = ssh.file(&format!("host_{kind}.pub"));
        run("ssh-keygen", &["-lf", path.to_str().unwrap()])
    });
    let told = told.to_string();
    let shown = told.split(' ').find(|word| word.starts_with("SHA256:")).unwrap();
    let shown = shown.trim_end_matches(';');
    assert!(fingerprints.iter().any(|line| line.contains(shown)), "{told} {fingerprints:?}");
    let command = told.rsplit("ssh-keyscan ").next().unwrap();
    let arguments: Vec<_> = command.split(" >> ").next().unwrap().split(' ').collect();
    fs::write(&known, run("ssh-keyscan", &arguments)).unwrap();
    open(settings()).refresh().unwrap();
    run("ssh-keygen", &["-q", "-H", "-f", known.to_str().unwrap()]);
    assert!(fs::read_to_string(&known).unwrap().starts_with("|1|"));
    open(settings()).refresh().unwrap();

    // Another server's keys under this name.
    let lines = ["ed25519", "ecdsa", "rsa"].map(|kind| {
        let other = ssh.key(&format!("other_{kind}"), kind, "").with_extension("pub");
        format!("{host} {}", fs::read_to_string(other).unwrap())
    });
    fs::write(&known, lines.concat()).unwrap();
    assert_denied(&error(settings()), &["listening", "known", "ssh-keygen -f"]);
    assert_eq!(fs::read_to_string(&known).unwrap(), lines.concat(), "nothing is added by itself");
}

#[test]
fn what_is_no_repository_over_ssh_is_told() {
    let Some(ssh) = Ssh::start() else { return };
    let settings = ssh.settings(&label("a"));
    let url = settings.url.replace("share.git", "missing.git");
    let error = error(GitSettings { url, ..settings });
    assert!(matches!(error, BackendError::Refused(_)), "{error:?}");
}

#[test]
fn a_folder_that_is_not_there_or_holds_nothing_is_told() {
    let folder = Folder::new();
    let url = |name: &str| folder.root.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(url("empty")).unwrap();
    for (name, words) in [("away.git", "there is no folder"), ("empty", "git init --bare")] {
        let error = error(GitSettings { url: url(name), ..folder.settings(&label("a")) });
        assert!(matches!(&error, BackendError::Refused(text) if text.contains(words)), "{error}");
    }
}

#[test]
fn an_agent_opens_the_door() {
    let Some(ssh) = Ssh::start() else { return };
    let socket = ssh.file("agent");
    let mut agent = Command::new("ssh-agent")
        .args(["-D", "-a"])
        .arg(&socket)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while !socket.exists() {
        assert!(started.elapsed() < Duration::from_secs(30), "no agent");
        thread::sleep(Duration::from_millis(10));
    }
    let child = |adding: bool| {
        if adding {
            let added = Command::new("ssh-add")
                .arg("-q")
                .arg(ssh.file("user"))
                .env("SSH_AUTH_SOCK", &socket)
                .status();
            assert!(added.unwrap().success());
        }
        let settings = GitSettings { keys: Vec::new(), ..ssh.settings(&label("a")) };
        helper("agent", &settings).env("SSH_AUTH_SOCK", &socket).output().unwrap()
    };
    let empty = child(false);
    let full = child(true);
    agent.kill().unwrap();
    agent.wait().unwrap();
    let text = String::from_utf8_lossy(&empty.stderr);
    assert!(!empty.status.success() && text.contains("accepts none"), "{text}");
    assert!(full.status.success(), "{}", String::from_utf8_lossy(&full.stderr));
}

// HTTPS.

#[test]
fn a_password_is_tried_once_and_shown_never() {
    let web = Web::start();
    let token = |text: &str| GitSettings {
        token: Some(Secret::new(text.into())),
        ..web.settings(&label("a"))
    };
    open(token(ACCOUNT.1)).refresh().unwrap();
    assert_eq!(web.rejected.load(Ordering::SeqCst), 0);
    let wrong = error(token("hunter2"));
    assert_denied(&wrong, &["localhost accepts none", "MANA_SYNC_TOKEN"]);
    assert!(!format!("{wrong:?}").contains("hunter2"), "{wrong:?}");
    assert_eq!(web.rejected.load(Ordering::SeqCst), 1);
    let none = GitSettings { token: None, ..web.settings(&label("a")) };
    assert_denied(&error(none), &["there are none", "MANA_SYNC_TOKEN"]);
}

#[test]
fn gits_credential_helpers_are_asked() {
    let web = Web::start();
    let config = web.folder.root.path().join("git-config");
    let with = |password: &str| {
        let helper =
            format!("!f() {{ echo username={}; echo password={password}; }}; f", ACCOUNT.0);
        fs::write(&config, format!("[credential]\n\thelper = \"{helper}\"\n")).unwrap();
        GitSettings {
            token: None,
            user: None,
            git_config: Some(config.clone()),
            ..web.settings(&label("a"))
        }
    };
    open(with(ACCOUNT.1)).refresh().unwrap();
    assert_denied(&error(with("hunter2")), &["git's credential helper"]);
    assert_eq!(web.rejected.load(Ordering::SeqCst), 1);
    // The token goes first, and the helper is asked when it is refused.
    let both = GitSettings { token: Some(Secret::new("old".into())), ..with(ACCOUNT.1) };
    open(GitSettings { user: Some(ACCOUNT.0.into()), ..both }).refresh().unwrap();
    assert_eq!(web.rejected.load(Ordering::SeqCst), 2);
}

#[test]
fn certificates_of_unknown_authorities_are_not_accepted() {
    let (web, other) = (Web::start(), Authority::new());
    let ca = web.folder.root.path().join("other.pem");
    fs::write(&ca, other.pem).unwrap();
    for ca_file in [None, Some(ca)] {
        let settings = GitSettings { ca_file, ..web.settings(&label("a")) };
        assert_denied(&error(settings), &["certificate of localhost", "MANA_SYNC_CA"]);
    }
    let none = web.folder.root.path().join("none.pem");
    let settings = GitSettings { ca_file: Some(none), ..web.settings(&label("a")) };
    assert_denied(&error(settings), &["none.pem"]);
    open(web.settings(&label("a"))).refresh().unwrap();
}

#[test]
fn answers_of_web_servers_are_told_apart() {
    let web = Web::start();
    let elsewhere = Web::start();
    let target = format!("https://127.0.0.1:{}/share.git", elsewhere.port);
    for (head, kind) in [
        ("503 Service Unavailable".into(), "Transient"),
        ("429 Too Many Requests".into(), "Transient"),
        ("403 Forbidden".into(), "Denied"),
        ("404 Not Found".into(), "Refused"),
        ("200 OK\r\nContent-Type: text/html".into(), "Refused"),
        (format!("302 Found\r\nLocation: {target}/info/refs?service=git-upload-pack"), "Refused"),
        ("302 Found\r\nLocation: http://localhost:1/x".into(), "Refused"),
    ] {
        web.behave(Manner::Always(head.clone()));
        let error = error(web.settings(&label("a")));
        assert!(format!("{error:?}").starts_with(kind), "{head}: {error:?}");
    }
    assert_eq!(elsewhere.rejected.load(Ordering::SeqCst), 0);
    web.behave(Manner::Honest);
    open(web.settings(&label("a"))).refresh().unwrap();
    let missing = web.settings("x").url.replace("share", "missing");
    let error = error(GitSettings { url: missing, ..web.settings(&label("a")) });
    assert!(matches!(error, BackendError::Refused(_)), "{error:?}");
}

#[test]
fn a_silent_server_is_not_waited_for_for_ever() {
    let web = Web::start();
    web.behave(Manner::Silent);
    let started = Instant::now();
    let error = error(web.settings(&label("a")));
    assert!(error.is_transient(), "{error:?}");
    assert!(started.elapsed() < Duration::from_mins(1), "{:?}", started.elapsed());
}

#[test]
fn rules_that_forbid_removal_are_told() {
    let web = Web::start();
    let objects = segments(1, "a", [1, 2]);
    let mut git = open(web.settings(&label("a")));
    git.put(&objects).unwrap();
    let path = web.folder.path();
    for rule in ["receive.denyNonFastForwards", "receive.denyDeletes"] {
        run("git", &["-C", path.to_str().unwrap(), "config", rule, "true"]);
    }
    for removed in [&objects[..1], &objects[..]] {
        let error = git.delete_own(&names(removed)).unwrap_err();
        assert!(matches!(error, BackendError::Refused(_)), "{error:?}");
        assert!(error.to_string().contains("receive.denyNonFastForwards"), "{error}");
    }
    assert_eq!(held(web.settings("x")).len(), 2);
    let hook = path.join("hooks/pre-receive");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let error = git.put(&segments(1, "a", [3])).unwrap_err();
    assert_denied(&error, &["hook"]);
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

// Many at once.

/// Lets 8 devices put 10 times each at the same moment, and two copies of a ninth 5 times each, all
/// in processes of their own; whatever was confirmed must be there.
fn many_at_once(settings: impl Fn(&str) -> GitSettings) {
    let devices = (0..8).map(|n| (format!("device {n}"), 10, 0));
    // Also those that make their branch at the same moment.
    let copies = [("copy".to_owned(), 5, 100), ("copy".to_owned(), 5, 200)];
    let start = |(device, puts, from): (String, u64, u64)| {
        let settings = settings(&label(&device));
        let child = helper(&format!("some {puts} {from} {device}"), &settings)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        (settings, child.unwrap())
    };
    let children: Vec<_> = devices.chain(copies).map(start).collect();
    let mut names = Vec::new();
    for (settings, child) in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let notes = fs::read_to_string(settings.cache.join("confirmed")).unwrap();
        names.extend(notes.lines().map(str::to_owned));
    }
    assert!(names.len() >= 80, "{}", names.len());
    let held = held(settings(&label("x")));
    let lost: Vec<_> = names.iter().filter(|name| !held.contains_key(*name)).collect();
    let url = settings(&label("x")).url;
    let way = url.split_once("://").map_or("folder", |(scheme, _)| scheme);
    eprintln!(
        "8 devices and 2 copies of a ninth at once over {way}: {} of {} confirmed segments lost",
        lost.len(),
        names.len()
    );
    assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), names.len());
}

/// Puts some objects and notes which of them were confirmed.
fn put_some(settings: GitSettings, device: &str, puts: u64, from: u64) {
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

#[test]
fn many_at_once_lose_nothing_in_a_folder() {
    let folder = Folder::new();
    many_at_once(|device| folder.settings(device));
}

#[test]
fn many_at_once_lose_nothing_over_ssh() {
    let Some(ssh) = Ssh::start() else { return };
    many_at_once(|device| ssh.settings(device));
}

#[test]
fn many_at_once_lose_nothing_over_https() {
    let web = Web::start();
    many_at_once(|device| web.settings(device));
}

/// Lets 8 threads of this process read and put at the same moment. Where they did not take turns,
/// most runs ended with a damaged heap.
fn threads_at_once(settings: impl Fn(&str) -> GitSettings + Sync) {
    thread::scope(|scope| {
        for device in (0..8).map(|n| format!("thread {n}")) {
            let settings = &settings;
            scope.spawn(move || {
                for n in 0..2 {
                    let mut git = open(settings(&label(&device)));
                    git.refresh().unwrap();
                    let object = segment(1, &device, n, format!("{device} {n}").into());
                    git.put(std::slice::from_ref(&object)).unwrap();
                }
            });
        }
    });
    assert_eq!(held(settings(&label("x"))).len(), 16);
}

#[test]
fn threads_take_turns_over_ssh() {
    let Some(ssh) = Ssh::start() else { return };
    threads_at_once(|device| ssh.settings(device));
}

#[test]
fn threads_take_turns_over_https() {
    let web = Web::start();
    threads_at_once(|device| web.settings(device));
}

// Killed in the middle. The test's own program is started again, with one test that does what the
// variable `MANA_TEST_CARRIER` says.

/// What starts the helper in a process of its own.
fn helper(task: &str, settings: &GitSettings) -> Command {
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
        .args(["--exact", "sync::backend::git::tests::the_helper", "--nocapture"])
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

/// How many objects the helper has noted as confirmed.
fn confirmed(settings: &GitSettings) -> usize {
    fs::read_to_string(settings.cache.join("confirmed")).map_or(0, |notes| notes.lines().count())
}

/// Kills a device that puts, `rounds` times, at another moment each time; the next run must go on
/// by itself and have all that was confirmed.
fn killed(settings: &GitSettings, rounds: u32, longest: u64) {
    let mut random = super::super::random::Random::new(7);
    for round in 0..rounds {
        let mut child =
            helper("put", settings).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        // First it has to get somewhere, however slow this machine is.
        let before = confirmed(settings);
        let started = Instant::now();
        while confirmed(settings) < before + 1 && started.elapsed() < Duration::from_mins(1) {
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(Duration::from_millis(random.below(longest)));
        // It runs for ever: when it has ended, it has failed.
        let ended = child.try_wait().unwrap();
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(ended.is_none(), "round {round}: {}", String::from_utf8_lossy(&output.stderr));

        let mut git = open(settings.clone());
        git.refresh().unwrap();
        let listed = git.list("", None).unwrap();
        let notes = fs::read_to_string(settings.cache.join("confirmed")).unwrap_or_default();
        for name in notes.lines() {
            assert!(listed.iter().any(|listed| listed == name), "round {round}: {name} is lost");
        }
        let mark = segment(1, "a", 2_000_000 + u64::from(round), vec![2]);
        git.put(std::slice::from_ref(&mark)).unwrap();
        git.delete_own(&[mark.name]).unwrap();
    }
    assert!(confirmed(settings) >= rounds as usize, "it was never in the middle of anything");
}

#[test]
fn a_killed_device_goes_on_in_a_folder() {
    let folder = Folder::new();
    killed(&folder.settings(&label("a")), 20, 300);
    run("git", &["-C", folder.path().to_str().unwrap(), "fsck", "--strict"]);
}

#[test]
fn a_killed_device_goes_on_over_ssh() {
    let Some(ssh) = Ssh::start() else { return };
    killed(&ssh.settings(&label("a")), 6, 2_000);
}

#[test]
fn a_killed_device_goes_on_over_https() {
    let web = Web::start();
    killed(&web.settings(&label("a")), 6, 1_500);
}
