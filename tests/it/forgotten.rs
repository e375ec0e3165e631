//! Nothing of what was forgotten is left, and nothing of a secret was ever there: the raw bytes of
//! every file in the home are searched.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use rusqlite::Connection;
use serde_json::json;

use crate::sandbox::{Sandbox, snapshot};
use crate::transcript::Transcript;

/// Files of the home that hold `words`, as they are or as full text and terms fold them.
fn holding(sandbox: &Sandbox, words: &str) -> Vec<PathBuf> {
    let held = |bytes: &[u8]| {
        let lower = bytes.to_ascii_lowercase();
        lower.windows(words.len()).any(|part| part == words.to_ascii_lowercase().as_bytes())
    };
    let files = snapshot(&sandbox.mana_home());
    files.into_iter().filter(|(_, bytes)| held(bytes)).map(|(path, _)| path).collect()
}

#[track_caller]
fn assert_absent(sandbox: &Sandbox, words: &str) {
    let files = holding(sandbox, words);
    assert!(files.is_empty(), "{words:?} is in {files:?}");
}

/// A store that knows the word `quuxodrome` in every way it can, and `plughology` beside it.
fn store() -> Sandbox {
    let sandbox = Sandbox::new();
    for (number, word) in
        [(0, "quuxodrome"), (1, "quuxodrome"), (2, "plughology"), (3, "plughology")]
    {
        Transcript::new(&sandbox, number)
            .prompt(&format!("Never run the {word} suite, always use docker for {word}."))
            .call("Edit", &json!({"file_path": sandbox.project().join(format!("src/{word}.rs")), "old_string": "a", "new_string": format!("fn {word}_x() {{}}")}))
            .result("done", false, &json!({"filePath": "x"}))
            .bash(&format!("./check {word}"))
            .failed(3, &format!("error: no such suite: {word}"))
            .bash(&format!("./check {word} --all"))
            .ok("12 checks passed")
            .write();
    }
    drop(sandbox.mana(["learn"]).run().success());
    let event = json!({
        "hook_event_name": "SessionStart", "source": "startup", "cwd": sandbox.project(),
        "session_id": "00000009-5e55-4000-8000-000000000009", "transcript_path": "",
    });
    let said = sandbox.mana(["inject"]).stdin(event.to_string()).run().success().text();
    assert!(said.contains("quuxodrome"), "{said}");
    drop(sandbox.mana(["consolidate"]).run().success());
    sandbox
}

#[test]
fn a_forgotten_session_leaves_no_byte() {
    let sandbox = store();
    assert!(!holding(&sandbox, "quuxodrome").is_empty(), "the search finds what is there");
    for number in [0, 1] {
        let session = Transcript::new(&sandbox, number).session().to_owned();
        drop(sandbox.mana(["forget", "--session", &session]).run().success());
    }
    assert_absent(&sandbox, "quuxodrome");
    assert!(!holding(&sandbox, "plughology").is_empty(), "the rest stays");
    drop(sandbox.mana(["learn"]).run().success());
    assert_absent(&sandbox, "quuxodrome");
}

#[test]
fn a_forgotten_project_leaves_no_byte() {
    let sandbox = store();
    drop(sandbox.mana(["forget", "--project"]).run().success());
    for word in ["quuxodrome", "plughology"] {
        assert_absent(&sandbox, word);
    }
}

/// Ids of what a search finds, fixes first: these have the words of what failed as well.
fn ids(sandbox: &Sandbox, text: &str) -> Vec<String> {
    let found = sandbox.mana(["search", text, "--json"]).run().success().json();
    let mut hits = found.as_array().expect("a list").clone();
    hits.sort_by_key(|hit| hit["kind"] != "fix");
    hits.iter().map(|hit| hit["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_forgotten_item_leaves_no_byte() {
    let sandbox = Sandbox::new();
    for number in [0, 1] {
        Transcript::new(&sandbox, number)
            .prompt("Never run the quuxodrome suite, always use docker for quuxodrome.")
            .bash("./check plughology")
            .failed(3, "error: no such suite")
            .bash("./check plughology --all")
            .ok("12 checks passed")
            .write();
    }
    drop(sandbox.mana(["learn"]).run().success());
    drop(sandbox.mana(["consolidate"]).run().success());
    for (word, other) in [("quuxodrome", Some("plughology")), ("plughology", None)] {
        assert!(!holding(&sandbox, word).is_empty());
        // What was learned from the same steps goes with it.
        let id = ids(&sandbox, word).remove(0);
        drop(sandbox.mana(["forget", &id]).run().success());
        assert_absent(&sandbox, word);
        assert!(other.is_none_or(|other| !holding(&sandbox, other).is_empty()));
        drop(sandbox.mana(["learn"]).run().success());
        assert_absent(&sandbox, word);
    }
}

/// Ids of all patterns, as the database has them.
fn known(sandbox: &Sandbox) -> BTreeSet<String> {
    let conn = Connection::open(sandbox.mana_home().join("metadata.sqlite")).unwrap();
    let mut query = conn.prepare("SELECT substr(lower(hex(id)), 1, 8) FROM patterns").unwrap();
    query.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

fn rows(sandbox: &Sandbox, table: &str) -> u64 {
    let conn = Connection::open(sandbox.mana_home().join("metadata.sqlite")).unwrap();
    let sql = format!("SELECT count(*) FROM {table}");
    conn.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap() as u64
}

/// The files of the home, without what readers of a database leave beside it.
fn files(sandbox: &Sandbox) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = snapshot(&sandbox.mana_home());
    files.retain(|path, bytes| {
        let name = path.to_string_lossy();
        !(name.ends_with("-shm") || name.ends_with("-wal") && bytes.is_empty())
    });
    files
}

#[test]
fn a_dry_run_tells_what_would_go_and_changes_nothing() {
    let session = "00000000-5e55-4000-8000-000000000000";
    let (item, until) = (ids(&store(), "quuxodrome").remove(0), after(Utc::now(), 100_000));
    for wanted in [
        &["--session", session][..],
        &["--project"],
        &["--until", &until],
        &[&item],
        // Nothing of it is known yet, and it would not be learned.
        &["--until", "2021-01-01"],
    ] {
        let sandbox = store();
        let before = files(&sandbox);
        let words = [&["forget", "--dry-run", "--json"], wanted].concat();
        let told = sandbox.mana(words).run().success().json();
        assert!(files(&sandbox) == before, "{wanted:?} changed something");
        assert_eq!(told["dry_run"], true);
        let text = sandbox.mana([&["forget", "--dry-run"], wanted].concat()).run().success().text();
        assert!(files(&sandbox) == before, "{wanted:?} changed something");
        assert_eq!(fs::read_dir(sandbox.root().join("tmp")).unwrap().count(), 0, "a copy is left");

        let items = told["items"].as_array().unwrap();
        let gone: BTreeSet<String> =
            items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
        let tables = ["patterns", "steps", "trajectories", "evidence", "injections", "files"];
        let counted = tables.map(|table| rows(&sandbox, table));
        let (all, journals) = (known(&sandbox), sandbox.mana_home().join("sessions"));
        let noted = fs::read_dir(&journals).unwrap().count() as u64;
        drop(sandbox.mana([&["forget"], wanted].concat()).run().success());
        let left = known(&sandbox);
        assert_eq!(all.difference(&left).cloned().collect::<BTreeSet<_>>(), gone, "{wanted:?}");
        for (table, before) in tables.into_iter().zip(counted) {
            let fewer = told["rows"][table].as_u64().unwrap_or(0);
            assert_eq!(before - rows(&sandbox, table), fewer, "{wanted:?}: {table}");
        }
        assert_eq!(told["journals"], noted - fs::read_dir(&journals).unwrap().count() as u64);
        let sum: u64 =
            told["kinds"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(sum, gone.len() as u64);
        if wanted.contains(&"2021-01-01") {
            assert!(text.contains("Nothing is known") && gone.is_empty(), "{text}");
        } else {
            assert!(
                text.contains("Would forget") && text.contains("Nothing was changed"),
                "{text}"
            );
            assert!(
                !gone.is_empty() || !told["changed"].as_array().unwrap().is_empty(),
                "{told:#}"
            );
        }
    }
}

#[test]
fn a_time_that_lies_ahead_is_told_as_such() {
    let sandbox = store();
    let before = files(&sandbox);
    let output = sandbox.mana(["forget", "--since", "2999-01-01", "--dry-run"]).run().code(1);
    assert!(output.errors().contains("2999-01-01: it lies ahead"), "{output:?}");
    assert!(files(&sandbox) == before, "it changed something");
}

#[test]
fn a_dry_run_of_what_is_not_known_says_so() {
    let sandbox = store();
    for wanted in [&["--session", "nobody"][..], &["--excluded"], &["ffffffff"]] {
        let output = sandbox.mana([&["forget", "--dry-run"], wanted].concat()).run();
        assert_eq!(output.code, Some(4), "{wanted:?}: {output:?}");
    }
    let output = Sandbox::new().mana(["forget", "--dry-run", "--project"]).run();
    assert_ne!(output.code, Some(0), "nothing was learned at all: {output:?}");
    let output = sandbox.mana(["forget", "--dry-run"]).run();
    assert_eq!(output.code, Some(2), "of what is not said: {output:?}");
}

/// A time after the first session of all began, as `mana forget` takes it.
fn after(began: DateTime<Utc>, milliseconds: i64) -> String {
    let time = began - TimeDelta::days(2) + TimeDelta::milliseconds(milliseconds);
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[test]
fn a_forgotten_time_leaves_no_byte() {
    let began = Utc::now();
    let sandbox = store();
    let until = after(began, 100_000);
    let forget = ["forget", "--project", "--until", &until, "--json"];
    let said = sandbox.mana(forget).run().success().text();
    assert!(said.contains("in project project"), "{said}");
    assert_absent(&sandbox, "quuxodrome");
    assert!(!holding(&sandbox, "plughology").is_empty(), "the rest stays");
    drop(sandbox.mana(["learn"]).run().success());
    assert_absent(&sandbox, "quuxodrome");
    // Lines of that time that are read only now, one by one, are not learned either.
    let late = Transcript::new(&sandbox, 2_000)
        .prompt("Never run the zanzibar suite, always use docker for zanzibar.")
        .bash("./check zanzibar")
        .failed(3, "error: no such suite: zanzibar");
    let path = late.write();
    let whole = fs::read(&path).unwrap();
    for (at, _) in whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        fs::write(&path, &whole[..=at]).unwrap();
        drop(sandbox.mana(["learn"]).run().success());
    }
    assert_absent(&sandbox, "zanzibar");
    // Nor by a database that is built anew.
    fs::write(sandbox.mana_home().join("metadata.sqlite"), "damaged".repeat(999)).unwrap();
    drop(sandbox.mana(["learn"]).run().success());
    for gone in ["quuxodrome", "zanzibar"] {
        assert_absent(&sandbox, gone);
    }
    assert!(!holding(&sandbox, "plughology").is_empty());
    // What is already forgotten is nothing to forget.
    let again = sandbox.mana(["forget", "--until", &until]).run().success().text();
    assert!(again.starts_with("Nothing is known of what happened until"), "{again}");
}

#[test]
fn of_a_session_a_part_is_forgotten() {
    let sandbox = Sandbox::new();
    let began = Utc::now();
    let fails = |session: Transcript, word: &str| {
        session
            .prompt(&format!("Never run the {word} suite, always use docker for {word}."))
            .bash(&format!("./check {word}"))
            .failed(3, &format!("error: no such suite: {word}"))
            .bash(&format!("./check {word} --all"))
            .ok("12 checks passed")
    };
    // The prompt takes two seconds, each line of a call one.
    let session = fails(fails(Transcript::new(&sandbox, 0), "plughology"), "quuxodrome");
    fails(session, "zanzibar").write();
    drop(sandbox.mana(["learn"]).run().success());
    drop(sandbox.mana(["consolidate"]).run().success());
    let (since, until) = (after(began, 6_500), after(began, 12_500));
    drop(sandbox.mana(["forget", "--since", &since, "--until", &until]).run().success());
    assert_absent(&sandbox, "quuxodrome");
    for kept in ["plughology", "zanzibar"] {
        assert!(!ids(&sandbox, kept).is_empty(), "{kept}");
    }
    drop(sandbox.mana(["learn"]).run().success());
    assert_absent(&sandbox, "quuxodrome");
}

#[test]
fn of_an_item_the_evidence_of_a_time_is_forgotten() {
    let began = Utc::now();
    let sandbox = Sandbox::new();
    for number in [0, 1] {
        Transcript::new(&sandbox, number)
            .prompt("Please make it pass")
            .bash("./check plughology")
            .failed(3, "error: no such suite: plughology")
            .bash("./check plughology --all")
            .ok("12 checks passed")
            .write();
    }
    drop(sandbox.mana(["learn"]).run().success());
    let evidence = |id: &str| {
        let shown = sandbox.mana(["show", id, "--json"]).run().success().json();
        shown["evidence"].as_array().unwrap().len()
    };
    let before: Vec<(String, usize)> =
        ids(&sandbox, "plughology").into_iter().map(|id| (id.clone(), evidence(&id))).collect();
    assert!(before.iter().any(|(_, evidence)| *evidence > 1), "{before:?}");
    drop(sandbox.mana(["forget", "--until", &after(began, 30_000)]).run().success());
    for (id, count) in before.iter().filter(|(_, count)| *count > 1) {
        assert_eq!(evidence(id) * 2, *count, "{id}");
    }
}

#[test]
fn a_time_that_makes_no_sense_is_refused() {
    let sandbox = store();
    for arguments in [
        &["forget", "--since", "yesterday"][..],
        &["forget", "--since", "2026-02-30"],
        &["forget", "--since", "2026-02-03", "--until", "2026-02-01"],
        &["forget", "--since", "2999-01-01"],
    ] {
        drop(sandbox.mana(arguments).run().code(1));
    }
    drop(sandbox.mana(["forget", "--since", "2026-02-01", "--session", "x"]).run().code(2));
    assert!(!holding(&sandbox, "quuxodrome").is_empty());
}

#[test]
fn what_is_private_never_enters_the_home() {
    let sandbox = Sandbox::new();
    for (number, words) in [
        (
            0,
            "Please make it pass. <private>the quuxodrome deal, never tell</private> Use the docker suite.",
        ),
        (1, "Please make it pass. <PRIVATE>never use <private>x</private> quuxodrome suites"),
    ] {
        Transcript::new(&sandbox, number)
            .prompt(words)
            .bash("./check")
            .failed(3, "error: no such suite")
            .bash("./check --all")
            .ok("passed")
            .write();
    }
    drop(sandbox.mana(["learn"]).run().success());
    assert!(!holding(&sandbox, "docker suite").is_empty(), "the rest is learned");
    assert_absent(&sandbox, "quuxodrome");
}

#[test]
fn files_are_private_whatever_the_umask() {
    for umask in ["000", "022"] {
        let sandbox = Sandbox::new();
        for number in [0, 1] {
            Transcript::new(&sandbox, number)
                .prompt("Please run the checks, always use docker for them")
                .bash("./check")
                .failed(3, "error: no suite selected")
                .bash("./check --all")
                .ok("passed")
                .write();
        }
        let event = json!({
            "hook_event_name": "SessionStart", "source": "startup", "cwd": sandbox.project(),
            "session_id": "00000009-5e55-4000-8000-000000000009", "transcript_path": "",
        });
        let script = format!(
            "umask {umask}; $MANA init --yes; $MANA learn; $MANA status; $MANA stats; \
             $MANA search docker; $MANA review; $MANA consolidate; $MANA skills list; \
             printf %s '{event}' | $MANA inject; printf %s not-json | $MANA inject; \
             $MANA forget --session 00000001-5e55-4000-8000-000000000001; true"
        );
        drop(sandbox.shell(&script).run().success());
        let mut seen = 0;
        for path in snapshot(&sandbox.mana_home()).keys().chain([&sandbox.mana_home()]) {
            let found = fs::symlink_metadata(path).unwrap();
            let mode = found.permissions().mode() & 0o777;
            let wanted = if found.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode & !wanted, 0, "umask {umask}: {} has mode {mode:o}", path.display());
            seen += 1;
        }
        assert!(seen > 5, "{seen} files");
    }
}

/// Pseudo-random text: `length` characters of `alphabet`.
pub(crate) fn random(seed: &mut u64, alphabet: &str, length: usize) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    let mut next = || {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        (*seed >> 11) as usize
    };
    (0..length).map(|_| letters[next() % letters.len()]).collect()
}

pub(crate) const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &str = "0123456789abcdef";

/// Families of secrets: name, what begins one, its alphabet, its length, and what stands before
/// it where it has no form of its own (`KEY=`).
pub(crate) const FAMILIES: &[(&str, &str, &str, usize, &str)] = &[
    ("aws id", concat!("AK", "IA"), UPPER, 16, ""),
    ("aws temporary id", concat!("AS", "IA"), UPPER, 16, ""),
    ("github personal", concat!("gh", "p_"), ALNUM, 36, ""),
    ("github oauth", concat!("gh", "o_"), ALNUM, 36, ""),
    ("github server", concat!("gh", "s_"), ALNUM, 36, ""),
    ("github user", concat!("gh", "u_"), ALNUM, 36, ""),
    ("github refresh", concat!("gh", "r_"), ALNUM, 36, ""),
    ("github fine", concat!("github", "_pat_"), ALNUM, 82, ""),
    ("gitlab", concat!("gl", "pat-"), ALNUM, 20, ""),
    ("gitlab runner", concat!("gl", "rt-"), ALNUM, 20, ""),
    ("slack bot", concat!("xo", "xb-123456789012-123456789012-"), ALNUM, 24, ""),
    ("slack user", concat!("xo", "xp-123456789012-123456789012-"), ALNUM, 32, ""),
    ("stripe", concat!("sk", "_live_"), ALNUM, 24, ""),
    ("stripe restricted", concat!("rk", "_live_"), ALNUM, 24, ""),
    ("google api", concat!("AI", "za"), ALNUM, 35, ""),
    ("google oauth", concat!("GOC", "SPX-"), ALNUM, 28, ""),
    ("openai project", concat!("sk", "-proj-"), ALNUM, 48, ""),
    ("anthropic", concat!("sk", "-ant-api03-"), ALNUM, 93, ""),
    ("hugging face", concat!("hf", "_"), ALNUM, 34, ""),
    ("npm", concat!("np", "m_"), ALNUM, 36, ""),
    ("pypi", concat!("py", "pi-AgEIcHlwaS5vcmc"), ALNUM, 80, ""),
    ("sendgrid", concat!("SG", ".abcdefghijkLMNOPQRS123."), ALNUM, 43, ""),
    ("digitalocean", concat!("do", "p_v1_"), HEX, 64, ""),
    ("databricks", concat!("da", "pi"), HEX, 32, ""),
    ("linear", concat!("lin", "_api_"), ALNUM, 40, ""),
    ("notion", concat!("nt", "n_"), ALNUM, 46, ""),
    ("shopify", concat!("shp", "at_"), HEX, 32, ""),
    ("square", concat!("sq0", "atp-"), ALNUM, 22, ""),
    ("postman", concat!("PM", "AK-5f1e2d3c4b5a69788796a5b4-"), HEX, 34, ""),
    ("doppler", concat!("dp", ".pt."), ALNUM, 43, ""),
    ("vault", concat!("hv", "s."), ALNUM, 95, ""),
    ("grafana", concat!("gl", "sa_"), ALNUM, 32, ""),
    ("cargo", concat!("ci", "o"), ALNUM, 32, ""),
    ("age", concat!("AGE-", "SECRET-KEY-1"), UPPER, 58, ""),
    ("aws secret", "", ALNUM, 40, "AWS_SECRET_ACCESS_KEY="),
    ("password", "", ALNUM, 18, "DB_PASSWORD="),
    ("password option", "", ALNUM, 18, "--password="),
    ("secret", "", ALNUM, 32, "CLIENT_SECRET="),
    ("token", "", ALNUM, 32, "ACCESS_TOKEN="),
    ("api key", "", HEX, 32, "API_KEY="),
    ("private key value", "", ALNUM, 44, "PRIVATE_KEY="),
    ("encryption key", "", HEX, 64, "ENCRYPTION_KEY="),
    ("bearer", "", ALNUM, 40, "Authorization: Bearer "),
    ("token header", "", HEX, 40, "X-Auth-Token: "),
    ("api header", "", ALNUM, 32, "X-Api-Key: "),
    ("postgres url", "", ALNUM, 16, "postgres://app:"),
    ("mysql url", "", ALNUM, 16, "mysql://root:"),
    ("mongo url", "", ALNUM, 16, "mongodb+srv://app:"),
    ("redis url", "", ALNUM, 24, "redis://default:"),
    ("amqp url", "", ALNUM, 16, "amqp://guest:"),
    ("git url", "", ALNUM, 36, "https://bot:"),
    ("json password", "", ALNUM, 16, "\"password\": \""),
    ("json secret", "", ALNUM, 32, "\"client_secret\": \""),
    ("json token", "", ALNUM, 32, "\"access_token\": \""),
    ("yaml password", "", LOWER, 20, "password: "),
    ("yaml key", "", ALNUM, 32, "api_key: "),
    ("netrc", "", ALNUM, 20, "machine x.example login bot password "),
    ("npmrc", "", ALNUM, 36, "//registry.example/:_authToken="),
    ("datadog", "", HEX, 32, "DD_API_KEY="),
    ("twilio", "", HEX, 32, "TWILIO_AUTH_TOKEN="),
    ("mailgun", "", HEX, 32, "MAILGUN_API_KEY=key-"),
    ("sentry", "", HEX, 64, "SENTRY_AUTH_TOKEN="),
    ("jwt secret", "", ALNUM, 43, "JWT_SECRET="),
    ("azure", "", ALNUM, 86, "AccountKey="),
];

/// Secret number `n` of a family: what is planted, and the part that must never be found.
pub(crate) fn secret(seed: &mut u64, family: usize) -> (String, String) {
    let (_, prefix, alphabet, length, before) = FAMILIES[family];
    let value = random(seed, alphabet, length);
    let after = match before {
        _ if before.contains("://") => "@db.example/x",
        _ if before.starts_with('"') => "\"",
        "AccountKey=" => "==;EndpointSuffix=core.example",
        _ => "",
    };
    (format!("{before}{prefix}{value}{after}"), value)
}

#[test]
fn no_secret_is_found_in_the_home() {
    let sandbox = Sandbox::new();
    let mut seed = 0x5eed_u64;
    let mut planted = Vec::new();
    for round in 0..5 {
        for (family, (name, ..)) in FAMILIES.iter().enumerate() {
            let (text, value) = secret(&mut seed, family);
            let number = u32::try_from(round * FAMILIES.len() + family).unwrap();
            let session = Transcript::new(&sandbox, number);
            let session = match round {
                0 => session
                    .prompt(&format!("Please use {text} and make the checks of the shop pass"))
                    .bash("./check")
                    .failed(3, "error: no suite"),
                1 => session.prompt("Make the checks pass").bash("./check").failed(3, &format!("error: cannot log in with {text}")),
                2 => session.prompt("Make the checks pass").bash(&format!("./check {text}")).failed(3, "error: no suite"),
                3 => session
                    .prompt("Make the checks pass")
                    .call("Write", &json!({"file_path": sandbox.project().join("a.env"), "content": format!("x\n{text}\ny")}))
                    .result("done", false, &json!({"filePath": "x"}))
                    .bash("./check")
                    .failed(3, &format!("trace\n{text}\nerror: refused")),
                _ => session
                    .prompt("Make the checks pass")
                    .bash("./check")
                    .failed(3, "error: no suite")
                    .prompt(&format!("No, never use {text} for the docker suite.")),
            };
            session.bash("./check --all").ok("passed").write();
            planted.push((*name, round, value, text));
        }
    }
    drop(sandbox.mana(["learn"]).run().success());
    let files = snapshot(&sandbox.mana_home());
    let all: Vec<u8> = files.values().flatten().copied().collect::<Vec<u8>>().to_ascii_lowercase();
    let found: Vec<String> = planted
        .iter()
        // A piece in the midst: what is cut or folded is found as well.
        .filter(|(_, _, value, _)| {
            let piece = value[2..value.len().min(14)].to_ascii_lowercase();
            memchr_find(&all, piece.as_bytes())
        })
        .map(|(family, round, _, text)| format!("{family} ({round}): {text}"))
        .collect();
    println!("{} of {} secrets of {} families found", found.len(), planted.len(), FAMILIES.len());
    assert!(planted.len() >= 300 && FAMILIES.len() >= 60);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn memchr_find(all: &[u8], piece: &[u8]) -> bool {
    let first = piece[0];
    all.iter().enumerate().any(|(at, byte)| *byte == first && all[at..].starts_with(piece))
}

/// Values that only look like secrets.
fn harmless(seed: &mut u64, n: usize) -> String {
    let mut hex = |length| random(seed, HEX, length);
    match n % 10 {
        0 => format!("commit {}", hex(40)),
        1 => format!("index {}..{} 100644", hex(7), hex(7)),
        2 => format!("id {}-{}-4{}-8{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12)),
        3 => format!("version 1.{}.{}-rc.1+build.{}", n, n / 3, hex(6)),
        4 => format!("sha256:{}", hex(64)),
        5 => format!("chunk-{}.js", hex(8)),
        6 => format!("integrity sha512-{}==", random(seed, ALNUM, 86)),
        7 => format!("ObjectId(\"{}\")", hex(24)),
        8 => format!("data:image/png;base64,iVBORw0KGgo{}", random(seed, ALNUM, 60)),
        _ => format!("src/components/widget_{}/Index{n}.test.tsx", hex(4)),
    }
}

#[test]
fn what_only_looks_like_a_secret_is_kept() {
    let sandbox = Sandbox::new();
    let mut seed = 0xbead_u64;
    let texts: Vec<String> = (0..1_000).map(|n| harmless(&mut seed, n)).collect();
    for (number, some) in texts.chunks(10).enumerate() {
        Transcript::new(&sandbox, u32::try_from(number).unwrap())
            .prompt(&format!("Please look at these\n{}", some.join("\n")))
            .bash("./check")
            .ok("passed")
            .write();
    }
    drop(sandbox.mana(["learn"]).run().success());
    let all: Vec<u8> = snapshot(&sandbox.mana_home()).values().flatten().copied().collect();
    let masked: Vec<&String> =
        texts.iter().filter(|text| !memchr_find(&all, text.as_bytes())).collect();
    println!("{} of {} harmless values masked", masked.len(), texts.len());
    assert!(masked.len() <= 10, "{masked:#?}");
}

#[test]
fn the_log_holds_no_words_of_an_event() {
    let sandbox = Sandbox::new();
    drop(sandbox.mana(["inject"]).stdin("{\"prompt\": \"quuxodrome").run().success());
    assert_absent(&sandbox, "quuxodrome");
}
