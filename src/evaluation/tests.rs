//! Small sessions made by hand, and what a replay makes of them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::episode::episodes;
use super::history::History;
use super::judge::{Hindsight, Moment, Subject};
use super::mistakes::repeated;
use super::recovery::{lost_calls, mends};
use super::score::{Score, Verdict};
use super::session::{Event, Session};
use super::words::words;
use super::*;
use crate::learning::extract::testing::drafts;
use crate::model::ids::PatternId;
use crate::model::pattern::{Effect, Kind, Pattern, State, Tally};
use crate::model::vector::testing::Words as WordEncoder;

const ROOT: &str = "/home/ann/shop";

/// 2026-03-01.
const NOW: i64 = 1_772_323_200_000;

/// A transcript from a script of one event a line: `> prompt`, `$ command`, `Tool path`; a call
/// fails with what stands behind `!!`.
fn transcript(number: u32, script: &str) -> String {
    let session = format!("{number:08}-0000-4000-8000-000000000000");
    let mut lines = Vec::new();
    let mut line = |kind: &str, content: Value| {
        let second = lines.len();
        lines.push(
            json!({
                "type": kind, "sessionId": session, "cwd": ROOT,
                "uuid": format!("{session}-{second}"),
                "timestamp": format!("2026-02-{number:02}T10:00:{second:02}.000Z"),
                "message": { "role": kind, "content": content },
            })
            .to_string(),
        );
    };
    for (n, event) in script.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        if let Some(prompt) = event.strip_prefix("> ") {
            line("user", json!(prompt));
            continue;
        }
        let (call, error) = event.split_once(" !! ").unwrap_or((event, ""));
        let (tool, subject) = call.split_once(' ').expect("a tool and what it is on");
        let id = format!("toolu_{number}_{n}");
        let (tool, input) = match tool {
            "$" => ("Bash", json!({ "command": subject, "description": "kept out" })),
            "Grep" => ("Grep", json!({ "pattern": subject })),
            tool => (tool, json!({ "file_path": format!("{ROOT}/{subject}") })),
        };
        line("assistant", json!([{ "type": "tool_use", "id": id, "name": tool, "input": input }]));
        let content = if error.is_empty() { "done" } else { error };
        line(
            "user",
            json!([{ "type": "tool_result", "tool_use_id": id, "content": content,
                "is_error": !error.is_empty() }]),
        );
    }
    lines.join("\n") + "\n"
}

fn write(folder: &Path, number: u32, script: &str) -> PathBuf {
    let path = folder.join(format!("{number}.jsonl"));
    fs::write(&path, transcript(number, script)).unwrap();
    path
}

fn numbered(number: u32, script: &str) -> Session {
    let folder = tempfile::tempdir().unwrap();
    Session::read(&write(folder.path(), number, script)).unwrap()
}

fn session(script: &str) -> Session {
    numbered(1, script)
}

fn history(script: &str) -> History {
    let mut history = History::default();
    history.add(&session(script));
    history
}

fn set(text: &str) -> words::Words {
    text.split_whitespace().map(String::from).collect()
}

#[test]
fn a_transcript_is_read_in_the_order_of_its_lines() {
    let lines = [
        r#"{"type":"summary","summary":"x"}"#,
        r#"{"type":"user","uuid":"1","sessionId":"s","timestamp":"2026-01-01T00:00:00Z","cwd":"/a","message":{"content":"first"}}"#,
        r#"{"type":"user","uuid":"1","message":{"content":"the same line again"}}"#,
        r#"{"type":"user","uuid":"2","isSidechain":true,"message":{"content":"a subagent's"}}"#,
        r#"{"type":"user","isMeta":true,"message":{"content":"the client's"}}"#,
        r#"{"type":"user","message":{"content":"<command-name>/clear</command-name>"}}"#,
        r#"{"type":"user","message":{"content":[{"type":"text","text":"second"},{"type":"image"},{"type":"text","text":"part"}]}}"#,
        r#"{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"t1","content":"before its call"}]}}"#,
        r#"{"type":"assistant","cwd":"/a/b","message":{"content":[{"type":"tool_use","id":"t1","name":"Read","input":{"file_path":"/a/b/c.rs","limit":3}},{"type":"tool_use","id":"t2","name":"Bash","input":{"command":"ls"}}]}}"#,
        r#"{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"t2","is_error":true,"content":[{"type":"text","text":"The user doesn't want to proceed with this"}]}]}}"#,
        "{torn",
        "",
        "[]",
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jsonl");
    fs::write(&path, lines.join("\n")).unwrap();
    let session = Session::read(&path).unwrap();
    assert_eq!((session.id.as_str(), session.root.as_str(), session.torn), ("s", "/a", 1));
    assert_eq!(session.start, "2026-01-01T00:00:00Z");
    let [Event::Prompt(first), Event::Prompt(second), Event::Call(read), Event::Call(ls)] =
        session.events.as_slice()
    else {
        panic!("{:?}", session.events)
    };
    assert_eq!((first.text.as_str(), second.text.as_str()), ("first", "second\npart"));
    assert_eq!((read.text.as_str(), read.ok, read.line), ("c.rs", None, 9));
    assert!(!read.input.contains_key("limit"), "only what says what it is on is kept");
    assert_eq!((&*read.cwd, ls.ok, ls.rejected, ls.failed()), ("/a/b", Some(false), true, false));
}

#[test]
fn a_compressed_transcript_reads_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let script = "> look around\n$ ls";
    let plain = write(folder.path(), 1, script);
    let path = folder.path().join("1.jsonl.gz");
    let mut file = GzEncoder::new(fs::File::create(&path).unwrap(), Compression::fast());
    file.write_all(transcript(1, script).as_bytes()).unwrap();
    file.finish().unwrap();
    assert_eq!(Session::read(&path).unwrap().events, Session::read(&plain).unwrap().events);
    fs::write(&path, &fs::read(&path).unwrap()[..20]).unwrap();
    assert!(Session::read(&path).is_err(), "half a file");
}

#[test]
fn failures_are_mended_by_related_calls() {
    for (name, script, expected) in [
        ("another form", "$ npm test !! no packages\n$ npm run build && npm test", "build run"),
        ("after other calls", "$ npm test !! no\nRead a.ts\n$ ls\n$ npm ci --quiet", "ci quiet"),
        ("another program", "$ npm test !! no\n$ yarn test", ""),
        ("what the error told", "$ npm test !! try install\n$ npm install", ""),
        ("the same again", "$ npm test !! no\n$ npm test", ""),
        ("only cosmetics", "$ npm test !! no\n$ npm test 2>&1 | tail -5", ""),
        ("another prompt between", "$ npm test !! no\n> go on\n$ npm ci", ""),
        ("stopped with its batch", "$ npm test !! Sibling tool call errored\n$ npm ci", ""),
        ("a file of the same name", "Read lib/a.ts !! no such file\nRead src/a.ts", "src"),
        ("another file", "Read lib/a.ts !! no such file\nRead src/b.ts", ""),
        ("too late", &format!("$ npm x !! no\n{}$ npm ci", "Read a.ts\n".repeat(10)), ""),
    ] {
        let found = mends(&session(script));
        let novel = found.first().map(|mend| mend.novel.clone()).unwrap_or_default();
        assert_eq!(novel, set(expected), "{name}");
        assert_eq!(found.len(), usize::from(!expected.is_empty()), "{name}");
    }
}

#[test]
fn a_failure_costs_the_tries_up_to_the_one_that_worked() {
    for (script, expected) in [
        ("$ npm test !! no\n$ npm ci", 1),
        ("$ npm test !! no\nRead a.ts\n$ npm x !! no\n$ npm ci\n$ npm test", 3),
        ("$ npm test !! no", 1),
        ("$ npm test !! no\nRead a.ts\n> stop", 2),
    ] {
        assert_eq!(lost_calls(&session(script), 0), expected, "{script}");
    }
}

#[test]
fn episodes_go_from_prompt_to_prompt() {
    let session = session(
        "Read early.ts\n> one\nRead src/a.ts\nEdit src/b.ts\nEdit src/c.ts !! no\n> two\nEdit src/a.ts",
    );
    let found = episodes(&session);
    let [one, two] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        (one.prompt, &one.edited, &one.touched),
        (1, &set("src/b.ts"), &set("src/a.ts src/b.ts"))
    );
    assert_eq!((&two.edited, &two.before), (&set("src/a.ts"), &set("src/a.ts src/b.ts")));
}

#[test]
fn what_one_earlier_call_held_could_be_learned() {
    let history = history(
        "$ npm run build:packages\n$ npm run lint !! no\n$ go test\nRead src/a.ts\nGrep watch",
    );
    for (novel, line) in [
        ("build packages", Some(1)),
        ("build:packages", None),
        ("go test", Some(5)),
        // Half of it only.
        ("build test", None),
        // The call failed.
        ("lint", None),
        ("", None),
    ] {
        let found = history.teacher(&set(novel)).map(|place| place.line);
        assert_eq!(found, line, "{novel}");
    }
    assert!(history.covers(&set("build packages"), &words("npm run build:packages (twice)")));
    assert!(!history.covers(&set("build packages"), &words("npm run")));
    assert_eq!(history.files, set("src/a.ts"));
}

#[test]
fn the_rarer_a_word_the_more_it_counts() {
    let history = history("$ a common\n$ b common\n$ c common rare");
    assert!(history.covers(&set("common rare"), &set("rare")));
    assert!(!history.covers(&set("common rare"), &set("common")));
}

fn pattern(kind: Kind, commands: &[&str], remedy: &[&str], files: &[&str]) -> Subject {
    let strings = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    let draft = drafts("> x\n$ npm test !! Exit code 1\nerror: no\n$ npm ci && npm test").remove(0);
    let mut payload = draft.payload;
    payload.commands = strings(commands);
    payload.remedy = strings(remedy);
    payload.files = strings(files);
    Subject::Pattern(Box::new(Pattern {
        row: 1,
        id: PatternId::derive("k", "p", "t", "x"),
        kind,
        project: Some(1),
        tool: "Bash".into(),
        category: if kind == Kind::Recipe { "test".into() } else { String::new() },
        trigger: String::new(),
        text: commands.join(" "),
        payload,
        state: State::Active,
        effect: Effect::default(),
        tally: Tally::default(),
    }))
}

/// What hindsight says about `subject`, told at event `at` of `script`.
fn judged(script: &str, at: usize, moment: Moment, subject: &Subject) -> Verdict {
    let session = session(script);
    let episodes = episodes(&session);
    let episode = episodes.iter().find(|e| e.prompt == at && moment == Moment::Prompt);
    let history = History::default();
    let hindsight = Hindsight { session: &session, at, moment, episode, history: &history };
    hindsight.judge(subject)
}

#[test]
fn hindsight_tells_whether_a_suggestion_was_right() {
    let fix = pattern(Kind::Fix, &["npm test"], &["npm run build && npm test"], &[]);
    let less = pattern(Kind::Fix, &["rtk npm test"], &["npm test <path>"], &[]);
    let same = pattern(Kind::Fix, &["npm test"], &["npm test"], &[]);
    let pitfall = pattern(Kind::Pitfall, &["npm test"], &[], &[]);
    let recipe = pattern(Kind::Recipe, &["npm test"], &[], &[]);
    let path = pattern(Kind::Path, &[], &[], &["src/a.ts"]);
    let decision = pattern(Kind::Decision, &[], &[], &[]);
    let file = Subject::File("src/a.ts".into());
    let (start, prompt) = (Moment::Start, Moment::Prompt);
    let (before, failed) = (Moment::Before, Moment::Failed);
    let (yes, no) = (Some(true), Some(false));
    for (script, moment, subject, right, false_alarm) in [
        ("$ npm test !! no\n$ npm run build", failed, &fix, yes, None),
        ("$ npm test !! no\n$ npm ci", failed, &fix, no, None),
        ("$ npm test !! no", failed, &fix, None, None),
        ("$ rtk npm test a !! no\n$ npm test a", failed, &less, yes, None),
        ("$ rtk npm test a !! no\n$ rtk test npm test a", failed, &less, no, None),
        ("$ npm test !! no\n$ npm test", failed, &same, None, None),
        ("$ npm test !! no\n$ npm ci", failed, &pitfall, None, None),
        ("Read a.ts !! no\nRead src/a.ts", failed, &file, yes, None),
        ("Read a.ts !! no\nRead src/b.ts", failed, &file, no, None),
        ("$ npm test !! no\n$ npm run build", before, &fix, yes, no),
        ("$ npm test !! no\n$ npm ci", before, &fix, no, no),
        ("$ npm test\n$ npm ci", before, &fix, no, yes),
        ("$ npm test\n$ npm run build", before, &fix, yes, no),
        ("$ npm test", before, &pitfall, no, yes),
        ("$ npm test !! no", before, &pitfall, yes, no),
        ("Read a.ts !! no\nRead src/a.ts", before, &path, yes, no),
        ("Read a.ts\nRead src/b.ts", before, &path, no, yes),
        ("> x\nRead src/a.ts", prompt, &file, yes, None),
        ("> x\nRead src/b.ts", prompt, &file, no, None),
        ("> x\n> y\nRead src/a.ts", prompt, &file, None, None),
        ("> x\n$ ls", prompt, &decision, None, None),
        ("> x\n$ cd a && npm test", start, &recipe, yes, None),
        ("> x\n$ yarn test", start, &recipe, no, None),
        ("> x\n$ npm test !! no", start, &recipe, None, None),
        ("> x\n$ git status", start, &recipe, None, None),
        ("$ npm t !! no\n$ cd a && npm test", failed, &recipe, yes, None),
        ("$ npm t !! no\n$ yarn test\n> x\n$ npm test", failed, &recipe, no, None),
        ("$ npm t !! no\n$ ls", failed, &recipe, None, None),
        ("> x\n$ npm run build", start, &fix, yes, None),
        ("> x\n$ npm test !! no", start, &fix, no, None),
        ("> x\n$ ls", start, &fix, None, None),
    ] {
        let found = judged(script, 0, moment, subject);
        assert_eq!(found, Verdict { right, false_alarm }, "{script:?} {moment:?}");
    }
}

#[test]
fn mistakes_of_several_sessions_are_listed() {
    let script = "$ npm test !! Error: Cannot find module 'x'\nRead a.ts\n$ npm ci";
    let sessions =
        [numbered(1, script), numbered(2, script), numbered(3, "$ go vet !! flag provided: -x")];
    let found = repeated("shop", &sessions);
    let [mistake] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((mistake.failures, mistake.sessions, mistake.lost_calls), (2, 2, 4));
    assert_eq!(mistake.call, "Bash npm test");
    assert_eq!((mistake.first.line, &mistake.last.session), (1, &sessions[1].id));
    let twice = "$ go test ./... !! --- FAIL: TestA (0.01s)";
    let tests = [numbered(1, twice), numbered(2, twice)];
    assert_eq!(repeated("shop", &tests), [], "a failing test is the normal course of work");
    let once = [numbered(1, script)];
    assert_eq!(repeated("shop", &once), [], "one session");
}

#[test]
fn bins_hold_what_was_stated_and_what_was_right() {
    let mut score = Score::default();
    let verdict = |right| Verdict { right, false_alarm: None };
    for (kind, confidence, right) in [
        ("fix", 0.20, Some(true)),
        ("fix", 0.28, Some(false)),
        ("file", 0.24, Some(false)),
        ("file", 1.0, Some(true)),
        ("decision", 0.9, None),
    ] {
        score.count_suggestion(kind, "PreToolUse", confidence, verdict(right));
    }
    let mut twice = score.clone();
    twice.add(&score);
    let rows = twice.calibration();
    let shown: Vec<String> = rows
        .iter()
        .map(|r| {
            format!("{} {:.1} {} {:.2} {:.2}", r.kind, r.from, r.suggestions, r.stated, r.observed)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "all 0.2 6 0.24 0.33",
            "all 0.9 2 1.00 1.00",
            "file 0.2 2 0.24 0.00",
            "file 0.9 2 1.00 1.00",
            "fix 0.2 4 0.24 0.50",
        ]
    );
    let judged: Vec<_> = twice.kinds().iter().map(|r| (r.kind, r.suggestions, r.judged)).collect();
    assert_eq!(judged, [("decision", 2, 0), ("file", 4, 4), ("fix", 4, 4)]);
}

#[test]
fn a_share_of_nothing_is_none() {
    let measures = Score::default().measures();
    assert_eq!(
        (measures.recovery, measures.recall, measures.tokens_per_session),
        (None, None, None)
    );
}

#[test]
fn the_prompts_of_a_history_come_with_their_candidates_in_order_of_time() {
    let folder = tempfile::tempdir().unwrap();
    for number in 1..=6 {
        let script = "> please show the login form with its refusal\nEdit src/login/form.ts\n\
            > now the words of the login form and nothing else\nEdit src/login/words.ts\n> thanks";
        write(folder.path(), number, script);
    }
    let all = |most, alone| {
        let scratch = tempfile::tempdir().unwrap();
        let history = super::History { most, alone, now: NOW };
        let encoder =
            || -> Box<dyn crate::model::vector::Encode + Send + Sync> { Box::new(WordEncoder) };
        let folders = [folder.path().to_owned()];
        prompts(&folders, &history, scratch.path(), &encoder, &|_| {}).unwrap()
    };
    let found = all(u64::MAX, false);
    // One session is learned first; of the others, the two prompts that calls followed.
    assert_eq!(found.len(), 10, "{found:?}");
    for (n, candidates) in found.iter().enumerate() {
        let right = candidates.iter().filter(|candidate| candidate.right).count();
        // At the second prompt the first file is at hand already.
        assert_eq!((candidates.len(), right), if n % 2 == 0 { (2, 1) } else { (1, 1) }, "{n}");
    }
    assert_eq!(all(u64::MAX, true), found, "on one thread");
    assert_eq!(all(0, false), Vec::<Vec<Example>>::new(), "nothing fits");
}

fn options() -> Options {
    Options { train: 0.5, folds: 2, now: NOW, collects: false }
}

fn evaluated(folders: &[&Path]) -> Report {
    let scratch = tempfile::tempdir().unwrap();
    let folders: Vec<PathBuf> = folders.iter().map(|folder| folder.to_path_buf()).collect();
    evaluate(&folders, &options(), scratch.path(), &|| Box::new(WordEncoder), &|_| {}).unwrap()
}

/// The same stumble in every session, and a file that prompts about carts lead to.
const STUMBLE: &str = "> Please correct the rounding of the cart totals
    Read src/cart/totals.ts
    Edit src/cart/totals.ts
    $ npm test !! Exit code 1: Error: Cannot find module '@shop/pricing'
    $ npm run build:packages && npm test";

fn shop(folder: &Path) {
    for number in 1..=4 {
        write(folder, number, STUMBLE);
    }
    // A failure that no session before had: there was nothing to learn.
    write(
        folder,
        5,
        &format!("{STUMBLE}\n$ go vet -x !! flag provided but not defined\n$ go vet main.go"),
    );
}

#[test]
fn what_earlier_sessions_taught_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    shop(folder.path());
    let report = evaluated(&[folder.path()]);
    let total = &report.total;
    // Two of five are learned first, so three are replayed: a start, a prompt, and for each call
    // one event, for each failure another.
    assert_eq!((total.sessions, total.events), (3, 3 * (1 + 1 + 4 + 1) + 2 + 1));
    assert_eq!((total.mended, total.learnable, total.recovered), (4, 3, 3), "{report:#?}");
    assert_eq!((total.prompts, total.recall), (3, Some(1.0)), "{report:#?}");
    assert_eq!((report.transcripts, report.left_out.len()), (5, 0));
    assert_eq!(report.misses, []);
    assert_eq!(report.mistakes.len(), 1);
    let fixes: u64 = report.kinds.iter().filter(|row| row.kind == "fix").map(|row| row.right).sum();
    assert!(fixes > 0, "{report:#?}");
    assert_eq!(report, evaluated(&[folder.path()]), "the same again");
}

#[test]
fn nothing_is_learned_from_what_comes_later() {
    let folder = tempfile::tempdir().unwrap();
    for number in 1..=3 {
        write(folder.path(), number, "> Please look around here\n$ ls");
    }
    write(folder.path(), 4, STUMBLE);
    write(folder.path(), 5, "> Please look around here\n$ ls");
    let report = evaluated(&[folder.path()]);
    assert_eq!((report.total.mended, report.total.learnable), (1, 0), "{report:#?}");
    assert_eq!(report.total.recovered, 0);
}

#[test]
fn a_known_fix_that_was_not_said_is_a_miss() {
    let folder = tempfile::tempdir().unwrap();
    for number in 1..=4 {
        // Nobody failed, so there is a command to be known and no fix.
        write(folder.path(), number, "> Please check the code\n$ kubectl get pods");
    }
    let script = "> Please check the code\n$ kubectl x !! bad argument\n$ kubectl get pods";
    write(folder.path(), 5, script);
    let report = evaluated(&[folder.path()]);
    let [miss] = report.misses.as_slice() else { panic!("{report:#?}") };
    assert_eq!((miss.call.as_str(), miss.place.line, miss.lost_calls), ("Bash kubectl x", 2, 1));
    assert_eq!(miss.novel, set("get pods"));
    assert_eq!(
        (miss.known_from.line, &*miss.known_from.session),
        (2, "00000001-0000-4000-8000-000000000000")
    );
}

#[test]
fn secrets_are_not_listed() {
    let folder = tempfile::tempdir().unwrap();
    let secret = concat!("ghp_", "x7Kq2mVbN4tRw9ZsLc1YpD8fGh3JkA5uEoTi");
    for number in 1..=4 {
        let known = format!("> Please check the code\n$ kubectl get pods --token {secret}");
        write(folder.path(), number, &known);
    }
    let script = format!(
        "> Please check the code\n$ kubectl x --token={secret} !! no {secret}\n$ kubectl get pods"
    );
    write(folder.path(), 5, &script);
    let script =
        format!("> Please check the code\n$ kubectl y !! bad\n$ kubectl get pods --token {secret}");
    write(folder.path(), 6, &script);
    write(folder.path(), 7, &script.replace("kubectl y", "kubectl z"));
    let report = evaluated(&[folder.path()]);
    assert_eq!(report.misses.len(), 3, "{report:#?}");
    assert!(report.misses.iter().any(|miss| miss.novel == set("get pods token")));
    assert!(!format!("{report:?}").to_lowercase().contains(&secret[4..].to_lowercase()));
}

/// A session's id is what its transcript says, and the transcript is copied under that name.
#[test]
fn a_transcript_cannot_write_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let [sessions, scratch] = ["sessions", "scratch"].map(|name| folder.path().join(name));
    fs::create_dir(&sessions).unwrap();
    fs::create_dir(&scratch).unwrap();
    for number in 1..=4 {
        let text = transcript(number, STUMBLE);
        let id = format!("{number:08}-0000-4000-8000-000000000000");
        let text = text.replace(&id, &format!("../../../../x{number}"));
        fs::write(sessions.join(format!("{number}.jsonl")), text).unwrap();
    }
    let encoder =
        || -> Box<dyn crate::model::vector::Encode + Send + Sync> { Box::new(WordEncoder) };
    let report = evaluate(&[sessions], &options(), &scratch, &encoder, &|_| {}).unwrap();
    assert_eq!(report.total.sessions, 2);
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0, "the homes are removed");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "something was written elsewhere");
}

#[test]
fn what_is_left_out_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let [shop_folder, small] = ["ann__shop", "small"].map(|name| folder.path().join(name));
    for folder in [&shop_folder, &small, &folder.path().join("empty")] {
        fs::create_dir(folder).unwrap();
    }
    shop(&shop_folder);
    write(&small, 1, STUMBLE);
    fs::write(shop_folder.join("6.jsonl"), "").unwrap();
    fs::write(shop_folder.join("7.jsonl.gz"), "no gzip").unwrap();
    fs::write(shop_folder.join("8.jsonl"), transcript(8, "> hello there") + "{torn").unwrap();
    let report = evaluated(&[folder.path()]);
    let names: Vec<&str> = report.projects.iter().map(|project| project.name.as_str()).collect();
    assert_eq!(names, ["ann__shop"]);
    let left_out: Vec<String> = report
        .left_out
        .iter()
        .map(|left| format!("{} {}", left.path.file_name().unwrap().display(), left.reason))
        .collect();
    let [empty, damaged, torn, few] = left_out.as_slice() else { panic!("{left_out:#?}") };
    assert_eq!(empty, "6.jsonl no prompt and no call in it");
    assert!(damaged.starts_with("7.jsonl.gz cannot be read: "), "{damaged}");
    assert_eq!(torn, "8.jsonl one damaged line");
    assert_eq!(few, "small too few sessions: 1 of at least 4");
    assert_eq!((report.transcripts, report.total.sessions), (9, 3));
}
