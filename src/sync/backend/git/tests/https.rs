//! Over HTTPS.

use super::*;

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
