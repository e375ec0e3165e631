//! Tests of the whole file: what holds, and what is said of what does not.

use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;

use super::*;

const FULL: &str = r#"
[sync]
enabled = true
backend = "s3_selfhosted"
interval_minutes = 10_080

[sync.git]
remote = "git@github.com:me/mana.git"
branch = "mana/info"
transport = "command"
identity = "~/.ssh/id_mana"

[sync.git_selfhosted]
remote = "https://git.example.org:8443/me/mana.git"

[sync.s3]
bucket = "my-mana"
region = "eu-west-1"
prefix = "team/mana"
access_key_env = "MY_KEY"

[sync.s3_selfhosted]
endpoint = "http://127.0.0.1:9000"
bucket = "my-mana"

[sync.supabase]
url = "https://abc.supabase.co"

[sync.postgres]
host = "db.example.org"
port = 5433
dbname = "mana"
user = "ada"
sslmode = "verify-full"
ca_file = "/etc/ssl/own.pem"
pooled = true

[sync.p2p]
listen = "/ip4/0.0.0.0/tcp/4001"
peers = ["/dns4/a.example.org/tcp/4001/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"]
mdns = true

[sync.security]
sanitize_paths = false
redact_secrets = true
encryption = "aes-256-gcm"

[sync.sharing]
visibility = "team"
team_id = "acme"
private_projects = ["taxes", "github.com/me/diary"]
"#;

#[test]
fn every_key_is_read() {
    let settings = parse(FULL).unwrap();
    assert!(settings.enabled && settings.backend == Carrier::S3Selfhosted);
    assert_eq!(settings.interval_minutes, 10_080);
    let git = settings.git.unwrap();
    assert_eq!(
        (&*git.remote, &*git.branch, git.command),
        ("git@github.com:me/mana.git", "mana/info", true)
    );
    assert_eq!(git.identity.as_deref(), Some("~/.ssh/id_mana"));
    let own = settings.git_selfhosted.unwrap();
    assert_eq!((&*own.branch, own.command, own.identity), ("main", false, None));
    let s3 = settings.s3.unwrap();
    assert_eq!(
        (s3.endpoint, &*s3.region, &*s3.prefix, s3.path_style),
        (None, "eu-west-1", "team/mana", false)
    );
    assert_eq!((&*s3.access_key_env, &*s3.secret_key_env), ("MY_KEY", "AWS_SECRET_ACCESS_KEY"));
    let s3 = settings.s3_selfhosted.unwrap();
    assert_eq!((s3.endpoint.as_deref(), &*s3.region), (Some("http://127.0.0.1:9000"), "us-east-1"));
    assert!(s3.path_style && s3.prefix == "mana");
    let supabase = settings.supabase.unwrap();
    assert!(!supabase.allow_service_key && supabase.url == "https://abc.supabase.co");
    let postgres = settings.postgres.unwrap();
    assert_eq!((&*postgres.host, postgres.port, &*postgres.user), ("db.example.org", 5_433, "ada"));
    assert!(postgres.verified && postgres.pooled && postgres.password_env == "PGPASSWORD");
    let p2p = settings.p2p.unwrap();
    assert!(p2p.mdns && p2p.peers.len() == 1 && p2p.listen.ends_with("/4001"));
    assert_eq!(settings.security, Security { sanitize_paths: false, redact_secrets: true });
    assert_eq!(settings.sharing.visibility, Visibility::Team);
    assert_eq!(settings.sharing.team_id.as_deref(), Some("acme"));
    assert_eq!(settings.sharing.private_projects, ["taxes", "github.com/me/diary"]);
}

#[test]
fn nothing_said_is_the_defaults() {
    assert_eq!(parse("").unwrap(), Settings::default());
    assert_eq!(parse("[sync]\n[sync.p2p]\n").unwrap().p2p.unwrap().listen, "/ip4/0.0.0.0/tcp/0");
    let dashed = parse("[sync]\nbackend = \"git-selfhosted\"").unwrap();
    assert_eq!(dashed.backend, Carrier::GitSelfhosted);
}

/// What is said of `text`: line, key, and a part of cause or help.
const WRONG: &[(&str, &str)] = &[
    ("[sync\n", "line 1: this is not TOML"),
    ("[sync]\nenabled = maybe", "line 2: this is not TOML"),
    ("[sync]\nenabled = \"yes\"", "line 2, sync.enabled: it is a text, not `true` or `false`"),
    (
        "[sync]\nenabeld = true",
        "line 2, sync.enabeld: this key is not known. Did you mean `enabled`?",
    ),
    ("[sync]\ncolour = 1", "line 2, sync.colour: this key is not known. Remove it; known here: "),
    ("[snyc]\nenabled = true", "line 1, snyc: this key is not known. Did you mean `sync`?"),
    ("[sync]\nbackend = \"ftp\"", "line 2, sync.backend: `ftp` is not known. Use `git`, "),
    (
        "[sync]\nenabled = true",
        "sync.backend: there is no section `[sync.git]`. Add it, or run `mana sync init --backend git --url URL`.",
    ),
    (
        "[sync]\nenabled = true\nbackend = \"s3\"",
        "line 3, sync.backend: there is no section `[sync.s3]`. Add it, or set `backend` to `git`.",
    ),
    ("[sync]\ninterval_minutes = 0", "sync.interval_minutes: it is not from 1 to 10080"),
    ("[sync]\ninterval_minutes = 10081", "sync.interval_minutes: it is not from 1 to 10080"),
    ("[sync]\ninterval_minutes = 1.5", "it is a number with a fraction, not a whole number"),
    ("[sync]\ninterval_minutes = 99999999999999999999", "interval_minutes"),
    ("[sync]\ngit = \"x\"", "sync.git: it is a text, not a section"),
    (
        "[sync.git]\nbranch = \"x\"",
        "line 1, sync.git.remote: it is missing. Add a line like `remote = ",
    ),
    ("[sync.git]\nremote = \"\"", "sync.git.remote: it is empty"),
    (
        "[sync.git]\nremote = \"https://me:hunter2@github.com/a/b\"",
        "line 2, sync.git.remote: it has credentials in it. Remove what stands before the `@`; set MANA_SYNC_TOKEN",
    ),
    ("[sync.git]\nremote = \"https://hunter2@github.com/a/b\"", "set MANA_SYNC_TOKEN"),
    ("[sync.git]\nremote = \"ssh://git:hunter2@h.org/a\"", "it has a password in it"),
    ("[sync.git]\nremote = \"git:hunter2@h.org:a/b\"", "it has a password in it"),
    ("[sync.git]\nremote = \"http://h.org/a\"", "`http` is not encrypted. Use `https`"),
    ("[sync.git]\nremote = \"git://h.org/a\"", "`git` is not encrypted"),
    ("[sync.git]\nremote = \"ext::sh -c x\"", "sync.git.remote: "),
    ("[sync.git]\nremote = \"ext::sh\"", "it runs a program"),
    ("[sync.git]\nremote = \"--upload-pack=x\"", "it begins with a hyphen"),
    ("[sync.git]\nremote = \"some/folder\"", "it is no address of a repository"),
    ("[sync.git]\nremote = \"https://h.org:99999/a\"", "the port is none"),
    ("[sync.git]\nremote = \"https:///a\"", "is no host"),
    (
        "[sync.git]\nremote = \"/r\"\nbranch = \"a..b\"",
        "line 3, sync.git.branch: `a..b` is no name of a branch",
    ),
    ("[sync.git]\nremote = \"/r\"\ntransport = \"smoke\"", "Use `library`, `command`."),
    ("[sync.git]\nremote = \"/r\"\nidentity = \"key\"", "it is no absolute path"),
    (
        "[sync.git]\nremote = \"/r\"\ntoken = \"hunter2\"",
        "sync.git.token: secrets do not belong into this file",
    ),
    ("[sync.s3]\nbucket = \"my-mana\"", "sync.s3.region: it is missing"),
    ("[sync.s3]\nregion = \"r\"\nbucket = \"My Bucket\"", "is no name of a bucket"),
    ("[sync.s3]\nregion = \"r\"\nbucket = \"abc\"\nprefix = \"/x\"", "it is no beginning of names"),
    (
        "[sync.s3]\nregion = \"r\"\nbucket = \"abc\"\nsecret_key = \"hunter2\"",
        "secrets do not belong into this file",
    ),
    (
        "[sync.s3]\nregion = \"r\"\nbucket = \"abc\"\nsecret_key_env = \"hunter2\"",
        "it is no name of an environment variable",
    ),
    (
        "[sync.s3]\nregion = \"r\"\nbucket = \"abc\"\nendpoint = \"https://h\"",
        "sync.s3.endpoint: this key is not known",
    ),
    ("[sync.s3_selfhosted]\nbucket = \"abc\"", "sync.s3_selfhosted.endpoint: it is missing"),
    (
        "[sync.s3_selfhosted]\nbucket = \"abc\"\nendpoint = \"http://h.org\"",
        "`http` is not encrypted",
    ),
    (
        "[sync.s3_selfhosted]\nbucket = \"abc\"\nendpoint = \"https://k:s@h.org\"",
        "AWS_ACCESS_KEY_ID",
    ),
    (
        "[sync.s3_selfhosted]\nbucket = \"abc\"\nendpoint = \"https://h.org/?key=hunter2\"",
        "it has a query in it",
    ),
    ("[sync.s3_selfhosted]\nbucket = \"abc\"\nendpoint = \"h.org\"", "it is no address"),
    (
        "[sync.s3_selfhosted]\nbucket = \"abc\"\nendpoint = \"ftp://h.org\"",
        "`ftp` is not known here",
    ),
    ("[sync.supabase]\nurl = \"https://x:hunter2@a.supabase.co\"", "SUPABASE_ANON_KEY"),
    (
        "[sync.supabase]\nurl = \"https://a.supabase.co\"\nanon_key = \"hunter2\"",
        "secrets do not belong",
    ),
    (
        "[sync.postgres]\nhost = \"postgres://a:hunter2@h/x\"\ndbname = \"d\"\nuser = \"u\"",
        "it is an address with more than a host",
    ),
    (
        "[sync.postgres]\nhost = \"h.org\"\ndbname = \"d\"\nuser = \"u\"\nsslmode = \"require\"",
        "line 5, sync.postgres.sslmode: the server could be anybody",
    ),
    (
        "[sync.postgres]\nhost = \"h.org\"\ndbname = \"d\"\nuser = \"u\"\nsslmode = \"verify-ca\"",
        "the server could be anybody",
    ),
    (
        "[sync.postgres]\nhost = \"h.org\"\ndbname = \"d\"\nuser = \"u\"\nsslmode = \"none\"",
        "`none` is not known",
    ),
    (
        "[sync.postgres]\nhost = \"h.org\"\ndbname = \"d\"\nuser = \"u\"\nport = 0",
        "it is not from 1 to 65535",
    ),
    (
        "[sync.postgres]\nhost = \"h.org\"\ndbname = \"d\"\nuser = \"u:hunter2\"",
        "it has more than a name in it",
    ),
    (
        "[sync.postgres]\nhost = \"h.org\"\ndbname = \"d\"\nuser = \"u\"\npassword = \"hunter2\"",
        "secrets do not belong",
    ),
    (
        "[sync.p2p]\nlisten = \"0.0.0.0:4001\"",
        "is no address of a node. Write one like `/ip4/0.0.0.0/tcp/0`.",
    ),
    ("[sync.p2p]\npeers = [\"/ip4/1.2.3.4/tcp/1\"]", "is no address of a node"),
    ("[sync.p2p]\npeers = [1]", "a member is a whole number"),
    ("[sync.p2p]\npeers = \"x\"", "it is a text, not a list of texts"),
    (
        "[sync.security]\nencryption = \"none\"",
        "line 2, sync.security.encryption: `none` is not known. Use `aes-256-gcm`.",
    ),
    ("[sync.security]\nencryption = \"aes-128-gcm\"", "Use `aes-256-gcm`."),
    ("[sync.sharing]\nvisibility = \"friends\"", "Use `private`, `team`, `public`."),
    ("[sync.sharing]\nvisibility = \"team\"", "a team needs a name"),
    ("[sync.sharing]\nteam_id = \"a b\"", "is no name of a team"),
    ("[sync.sharing]\nprivate_projects = [\"\"]", "a member is no project"),
];

#[test]
fn what_cannot_hold_is_said_with_line_key_cause_and_help() {
    let mut wrong = Vec::new();
    for (text, part) in WRONG {
        let said = parse(text).expect_err(text).to_string();
        if !said.contains(part) {
            wrong.push(format!("{text:?}\n  {said}\n  lacks {part:?}"));
        }
        assert!(!said.contains("hunter2"), "a secret is shown: {said}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let problems =
        parse("[sync]\nenabled = 1\nbackend = \"x\"\n[sync.git]\nremote = \"x\"\n").unwrap_err();
    let lines: Vec<usize> = problems.0.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [2, 3, 5], "{problems}");
}

#[test]
fn this_machine_may_do_without_encryption_and_many_forms_hold() {
    for remote in [
        "http://localhost:3000/a.git",
        "http://[::1]/a",
        "https://git.example.org/a/b.git",
        "ssh://git@h.org:2222/a",
        "git@h.org:a/b.git",
        "hub:a.git",
        "file:///srv/git/a.git",
        "/srv/git/a.git",
        "~/git/a.git",
    ] {
        let text = format!("[sync.git]\nremote = \"{remote}\"");
        assert!(parse(&text).is_ok(), "{remote}: {}", parse(&text).unwrap_err());
    }
    for host in ["localhost", "127.0.0.1", "::1"] {
        let text = format!(
            "[sync.postgres]\nhost = \"{host}\"\ndbname = \"d\"\nuser = \"u\"\nsslmode = \"disable\""
        );
        assert!(!parse(&text).unwrap().postgres.unwrap().verified, "{host}");
    }
}

#[test]
fn a_file_is_made_changed_and_kept_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    assert_eq!(read(&path).unwrap(), None);
    let remote = |to: &str| [("sync.git.remote", Value::Text(to.into()))];
    write(&path, &remote("/a")).unwrap();
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    assert_eq!(read(&path).unwrap().unwrap().git.unwrap().remote, "/a");

    let mut text = std::fs::read_to_string(&path).unwrap();
    text.insert_str(0, "# my own remark\n");
    std::fs::write(&path, &text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    write(&path, &remote("/b")).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text.replace("\"/a\"", "\"/b\""));
    assert_eq!(mode(), 0o600);

    let before = std::fs::read_to_string(&path).unwrap();
    let error = write(&path, &remote("http://h.org/a")).unwrap_err();
    assert!(matches!(error, SettingsError::Invalid { .. }), "{error}");
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        before,
        "what does not hold is not written"
    );
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "no temporary file stays");
}

#[test]
fn errors_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    std::fs::write(&path, "[sync]\nbackend = \"x\"").unwrap();
    let error = read(&path).unwrap_err();
    assert!(error.to_string().contains("sync.toml"), "{error}");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.starts_with("line 2, sync.backend: "), "{source}");
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(matches!(read(&path), Err(SettingsError::NoText { .. })));
    std::fs::write(&path, "#".repeat(LONGEST + 1)).unwrap();
    assert!(matches!(read(&path), Err(SettingsError::NoText { .. })));
    std::fs::write(&path, "sync = { enabled = true }").unwrap();
    let error = write(&path, &[("sync.backend", Value::Text("git".into()))]).unwrap_err();
    assert!(matches!(error, SettingsError::Unchanged { .. }), "{error}");
}

#[test]
fn names_of_carriers_lead_back_to_them() {
    for carrier in Carrier::ALL {
        assert_eq!(Carrier::from_name(carrier.name()), Some(carrier));
        assert_eq!(Carrier::from_name(&carrier.name().replace('_', "-")), Some(carrier));
    }
    assert_eq!(Carrier::from_name("gitlab"), None);
}

/// Every key that is known has a row in the document, and every row is known.
#[test]
fn the_document_names_every_key() {
    let document = include_str!("../../../docs/sync/settings.md");
    let mut section = String::new();
    let mut named = Vec::new();
    for line in document.lines() {
        if let Some(name) = line.strip_prefix("## `[").and_then(|rest| rest.split(']').next()) {
            section = name.to_owned();
        } else if let Some(key) = line.strip_prefix("| `").and_then(|rest| rest.split('`').next()) {
            named.push(format!("{section}.{key}"));
        }
    }
    // A table of all keys: each section is asked for with one key that nobody knows.
    let mut known = Vec::new();
    for name in [
        "sync",
        "sync.git",
        "sync.git_selfhosted",
        "sync.s3",
        "sync.s3_selfhosted",
        "sync.supabase",
        "sync.postgres",
        "sync.p2p",
        "sync.security",
        "sync.sharing",
    ] {
        let problems = parse(&format!("[{name}]\nzzzzzzzz = 1")).unwrap_err();
        let unknown = problems.0.iter().find(|problem| problem.key.ends_with("zzzzzzzz")).unwrap();
        let keys = unknown.help.split('`').skip(1).step_by(2);
        let is_section = |key: &str| {
            name == "sync"
                && (Carrier::from_name(key).is_some() || ["security", "sharing"].contains(&key))
        };
        known.extend(keys.filter(|key| !is_section(key)).map(|key| format!("{name}.{key}")));
    }
    named.sort();
    known.sort();
    assert_eq!(named, known);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(\\[sync\\.?|git|s3|postgres|\\]|\n|remote|bucket|host|peers|port| = |\"|'|\\[|1|true|https://|@|:|/|\\PC){0,40}") {
        if let Err(problems) = parse(&text) {
            prop_assert!(!problems.0.is_empty());
        }
        let keys = [("sync.git.remote", Value::Text("/x".into()))];
        if let Ok(changed) = change(&text, &keys) {
            prop_assert_eq!(change(&changed, &keys), Ok(changed.clone()));
        }
    }

    #[test]
    fn any_remote_is_judged(remote in "(https?://|ssh://|file://|git@|[a-z]{1,4}|@|:|/|\\.|\\[|\\]|[0-9]{1,6}|\\PC){0,12}") {
        let text = format!("[sync.git]\nremote = {}", toml::Value::String(remote.clone()));
        if parse(&text).is_ok() {
            prop_assert!(!remote.starts_with('-') && !remote.contains(' '));
        }
    }
}
