//! Over SSH.

use super::*;

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
