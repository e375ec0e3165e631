//! Whole files: every line shape of several client versions, damage, and reading in parts.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::account::Skip;
use super::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/transcripts").join(name)
}

fn whole(path: &Path) -> Reading {
    read(path, None, Options { last_is_final: true, ..Options::default() }, &mut Buffer::default())
        .unwrap()
}

/// One line a step: its line, its agent, what it is.
fn render(reading: &Reading) -> String {
    let mut text = String::new();
    for (key, step) in &reading.steps {
        let agent = if key.agent.is_empty() { "main" } else { &key.agent };
        let body = match &step.body {
            Body::Prompt { text, author } => format!("{author:?} {text:?}"),
            Body::Feedback { text, about } => format!("Feedback {text:?} about {about:?}"),
            Body::Injection { event, tool_use, patterns } => {
                format!("Injection {event} {tool_use:?} {patterns:?}")
            }
            Body::Call(call) => format!(
                "{:?} {} {:?} {:?} {:?}",
                call.outcome, call.tool, call.subject, call.detail, call.error
            ),
            other => format!("{other:?}"),
        };
        writeln!(text, "{} {agent} {body}", step.line).unwrap();
    }
    text
}

fn skipped(reading: &Reading) -> Vec<(Skip, u64)> {
    let account = &reading.summary.account;
    assert_eq!(account.lines, account.learned + account.skipped.values().sum::<u64>());
    account.skipped.iter().map(|(skip, count)| (*skip, *count)).collect()
}

fn assert_steps(reading: &Reading, expected: &[&str]) {
    let rendered = render(reading);
    assert_eq!(rendered.lines().collect::<Vec<_>>(), expected);
}

const V1_0: &str = "5d3c1f00-0000-4000-8000-000000000001.jsonl";
const V2_1: &str = "5d3c1f00-0000-4000-8000-000000000002.jsonl";
const V2_1_329: &str = "5d3c1f00-0000-4000-8000-000000000003.jsonl";
const SUBAGENT: &str = "5d3c1f00-0000-4000-8000-000000000004/subagents/agent-a5bdbc1.jsonl";

#[test]
fn client_1_0_with_an_inline_subagent() {
    let reading = whole(&fixture(V1_0));
    assert_steps(
        &reading,
        &[
            r#"5 main Command "/plan-app a todo list""#,
            r#"8 main Failure Bash "ls types/" "List types" "ls: cannot access 'types/': No such file or directory""#,
            r#"10 main Success Task "{\"description\":\"Find types\",\"prompt\":\"Look for types\",\"subagent_type\":\"general-purpose\"}" "general-purpose Find types" """#,
            r#"11 inline Agent "Look for types""#,
            r#"12 inline Success Glob "**/*.ts" "~/app/src/types.ts\n~/app/src/a.ts" """#,
            r#"15 main Rejected MultiEdit "~/app/src/a.ts" "newThing oldThing" """#,
            "17 main Interrupt",
            r#"18 main Human "use const""#,
        ],
    );
    let expected = [
        (Skip::Housekeeping, 1),
        (Skip::AgentText, 1),
        (Skip::MachineText, 2),
        (Skip::LocalCommand, 2),
    ];
    assert_eq!(skipped(&reading), expected);
}

#[test]
fn client_2_1_with_progress_and_compaction() {
    let reading = whole(&fixture(V2_1));
    assert_steps(
        &reading,
        &[
            r#"3 main Human "fix the parser""#,
            r#"5 main Failure Bash "go test ./..." "Run tests" "Exit code 1\n--- FAIL: TestParse""#,
            r#"6 main Cancelled Bash "go vet ./..." "" """#,
            r#"7 main Success Read "~/app/parser.go" "Parse Tree" """#,
            r#"13 main Success Bash "go test ./parser" "" """#,
            r#"14 main Success Task "{\"description\":\"Look around\",\"prompt\":\"Look around\",\"subagent_type\":\"Explore\"}" "Explore Look around" """#,
            r#"15 a77 Agent "Look around""#,
            r#"16 a77 Success Grep "Parse ~/app" "parser.go\nmain.go" """#,
            r#"19 main Success AskUserQuestion "{\"questions\":[{\"question\":\"Which parser?\"}]}" "" """#,
            r#"20 main Feedback "The fast one" about "Which parser?""#,
            r#"21 main Rejected Edit "~/app/parser.go" "newCall oldCall" """#,
            r#"22 main Feedback "keep oldCall" about "~/app/parser.go""#,
            r#"22 main Feedback "and add a test" about """#,
            "23 main Compaction",
            r#"26 main Command "Implement the following plan:\n\n# Plan: faster""#,
            "30 main Interrupt",
        ],
    );
    let expected = [
        (Skip::Housekeeping, 1),
        (Skip::Progress, 2),
        (Skip::System, 1),
        (Skip::AgentText, 1),
        (Skip::ApiError, 1),
        (Skip::Summary, 1),
        (Skip::LocalCommand, 2),
        (Skip::Repeated, 1),
    ];
    assert_eq!(skipped(&reading), expected);
}

#[test]
fn client_2_1_329_with_hooks_and_denials() {
    let reading = whole(&fixture(V2_1_329));
    assert_steps(
        &reading,
        &[
            r#"6 main Injection SessionStart "" ["12ab34cd", "00ff00ff"]"#,
            r#"9 main Human "rename Parse to Scan""#,
            r#"10 main Success Bash "grep -n Parse x.go" "Find it" """#,
            r#"11 main Injection PreToolUse "toolu_301" ["77777777"]"#,
            r#"13 main Success Edit "~/app/y.go" "user-modified ScanAll Parse" """#,
            r#"15 main Feedback "keep the old name as an alias" about """#,
            r#"18 main Rejected Bash "rm -rf build" "" """#,
            r#"19 main Feedback "not that folder" about "rm -rf build""#,
            r#"20 main Interrupted Bash "sleep 100" "" """#,
            "22 main Interrupt",
            r#"24 main Human "go on""#,
            r#"25 main Cancelled Bash "curl x" "" "Permission to use Bash with command curl x has been denied.""#,
            r#"27 main Cancelled Bash "npm i" "" """#,
            "29 main Success Bash \"printf '\u{FFFD}'\" \"\" \"\"",
            r#"31 main Human "copied by a fork""#,
        ],
    );
    let expected = [
        (Skip::Housekeeping, 4),
        (Skip::ApiRequest, 2),
        (Skip::Attachment, 4),
        (Skip::UnknownType, 1),
        (Skip::TaskNotice, 2),
    ];
    assert_eq!(skipped(&reading), expected);
    assert_eq!(reading.summary.account.unknown["brand-new-type"], 1);

    let original = whole(&fixture(V2_1)).steps[0].1.id;
    let copied = reading.steps.last().map(|(_, step)| step.id);
    assert_eq!(copied, Some(original), "a forked line is the line it was copied from");
}

#[test]
fn a_subagents_file_belongs_to_its_parents_session() {
    let reading = whole(&fixture(SUBAGENT));
    assert_steps(
        &reading,
        &[r#"1 a5bdbc1 Agent "Find the tests""#, r#"2 a5bdbc1 Success Bash "ls tests" "" """#],
    );
    let session = "5d3c1f00-0000-4000-8000-000000000004";
    assert!(reading.steps.iter().all(|(key, _)| key.session == session));
    let meta = &reading.summary.meta;
    assert_eq!((meta.session.as_str(), meta.agent.as_str()), (session, "a5bdbc1"));
    assert_eq!((meta.cwds[0].as_str(), meta.version.as_str()), ("/home/dev/app", "2.1.329"));
    assert_eq!((meta.first, meta.last), (Some(1_767_323_041_000), Some(1_767_323_044_000)));
}

/// A file with `bytes`, and the folder it lives in.
fn file_with(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(V2_1);
    fs::write(&path, bytes).unwrap();
    (dir, path)
}

#[test]
fn damaged_lines_are_counted_and_the_others_read() {
    let prompt = |uuid: &str| {
        format!(
            r#"{{"parentUuid":null,"type":"user","uuid":"{uuid}","message":{{"content":"say {uuid}"}}}}"#
        )
    };
    let deep = format!(
        r#"{{"type":"assistant","message":{{"content":[{{"type":"tool_use","id":"t","name":"X","input":{}{}}}]}}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let lines: Vec<Vec<u8>> = vec![
        b"// Source: somewhere".to_vec(),
        prompt("a").into_bytes(),
        vec![0; 300],
        [&[0; 30][..], prompt("b").as_bytes()].concat(),
        b"{\"type\":\"user\",\"message\":{\"content\":\"\xff\"}}".to_vec(),
        vec![b'x'; 20 << 20],
        [prompt("c").as_bytes(), br#"{"type":"summary","summary":"s"}"#].concat(),
        [&prompt("lost").as_bytes()[..40], prompt("d").as_bytes()].concat(),
        deep.into_bytes(),
        b"".to_vec(),
        b"[]".to_vec(),
        br#"{"type":"user","message":[{"content":"x"}]}"#.to_vec(),
        b"{\"type\":\"user\",\"mess".to_vec(),
    ];
    let (_dir, path) = file_with(&lines.join(&b'\n'));
    let torn = read(&path, None, Options::default(), &mut Buffer::default()).unwrap();
    assert_eq!(torn.summary.account.lines, 12, "the last line is not complete");
    let reading = whole(&path);
    let prompts: Vec<&str> = reading
        .steps
        .iter()
        .filter_map(|(_, step)| match &step.body {
            Body::Prompt { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(prompts, ["say a", "say b", "say c", "say d"]);
    assert_eq!(skipped(&reading), [(Skip::Blank, 1), (Skip::Bad, 7)]);
    let bad: Vec<(u64, Bad)> =
        reading.summary.account.bad.iter().map(|bad| (bad.line, bad.reason)).collect();
    let expected = [
        (1, Bad::Comment),
        (3, Bad::Nul),
        (5, Bad::NotUtf8),
        (6, Bad::TooLong),
        (11, Bad::Shape),
        (12, Bad::Shape),
        (13, Bad::NotJson),
    ];
    assert_eq!(bad, expected);
}

#[test]
fn a_changed_file_is_read_again_from_its_start() {
    let first = fs::read(fixture(V2_1)).unwrap();
    let (_dir, path) = file_with(&first);
    let before = whole(&path);
    assert_eq!(before.summary.restart, None);
    let again =
        read(&path, Some(&before.summary.cursor), Options::default(), &mut Buffer::default())
            .unwrap();
    assert_eq!((again.steps.len(), again.summary.account.lines), (0, 0));

    fs::write(&path, &first[..first.len() / 2]).unwrap();
    let after =
        read(&path, Some(&before.summary.cursor), Options::default(), &mut Buffer::default())
            .unwrap();
    assert_eq!(after.summary.restart, Some(Restart::Shrank));
    let ids = |reading: &Reading| -> Vec<StepId> {
        reading.steps.iter().map(|(_, step)| step.id).collect()
    };
    assert!(ids(&before).starts_with(&ids(&after)), "steps keep their ids");
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let missing =
        read(&dir.path().join("x.jsonl"), None, Options::default(), &mut Buffer::default());
    assert!(matches!(missing, Err(ReadError::Open { .. })));
    let folder = read(dir.path(), None, Options::default(), &mut Buffer::default());
    assert!(matches!(folder, Err(ReadError::Read { .. })));
}

#[test]
fn chunks_hold_few_steps_and_late_results_come_as_updates() {
    let call = |i: usize| {
        format!(
            r#"{{"type":"assistant","uuid":"c{i}","message":{{"content":[{{"type":"tool_use","id":"t{i}","name":"Read","input":{{"file_path":"/f{i}"}}}}]}}}}"#
        )
    };
    let result = r#"{"type":"user","uuid":"r","message":{"content":[{"type":"tool_result","tool_use_id":"t0","content":"     1→def late():"}]}}"#;
    let mut lines: Vec<String> = (0..3 * CHUNK).map(call).collect();
    lines.push(result.to_owned());
    let (_dir, path) = file_with((lines.join("\n") + "\n").as_bytes());
    let mut sizes = Vec::new();
    let mut updates = Vec::new();
    let give = &mut |chunk: Chunk| {
        sizes.push(chunk.steps.len());
        updates.extend(chunk.updates);
    };
    read_with(&path, None, Options::default(), &mut Buffer::default(), give).unwrap();
    assert_eq!(sizes, [CHUNK, CHUNK, CHUNK, 0]);
    let expected = Update {
        call: StepId::derive("t0"),
        outcome: Outcome::Success,
        error: String::new(),
        detail: Some("late".into()),
    };
    assert_eq!(updates, [expected]);

    let (_, first) = &whole(&path).steps[0];
    let Body::Call(call) = &first.body else { panic!("a call") };
    assert_eq!((call.outcome, call.detail.as_str()), (Outcome::Success, "late"));
}

/// Edits of which the results tell what was changed, tell nothing of it, refuse it, or are missing:
/// the first is told by its result and all others by their inputs, wherever a chunk ends.
#[test]
fn what_an_edit_changed_is_known_whatever_its_result_says() {
    let edit = |i: usize| {
        serde_json::json!({"type": "assistant", "uuid": format!("c{i}"), "message": {"content": [{
            "type": "tool_use", "id": format!("t{i}"), "name": "Edit",
            "input": {"file_path": "/f", "old_string": "", "new_string": format!("from_input_{i}")},
        }]}})
    };
    let result = |i: usize, error: bool, structured: serde_json::Value| {
        serde_json::json!({"type": "user", "uuid": format!("r{i}"), "toolUseResult": structured,
        "message": {"content": [{
            "type": "tool_result", "tool_use_id": format!("t{i}"), "is_error": error,
            "content": if error { "String to replace not found in file." } else { "done" },
        }]}})
    };
    let change = serde_json::json!({"structuredPatch": [{"lines": [" kept", "+from_result"]}]});
    let nothing = serde_json::json!({"structuredPatch": [{"lines": [" kept"]}]});
    let modified = serde_json::json!({"structuredPatch": [], "userModified": true});
    let results = [
        result(0, false, change),
        result(1, false, nothing),
        result(2, false, modified),
        result(3, true, serde_json::Value::Null),
    ];
    let expected = [
        "from_result",
        "from_input_1",
        "user-modified from_input_2",
        "from_input_3",
        "from_input_4",
    ];
    for far in [false, true] {
        let mut lines: Vec<_> = (0..5).map(edit).collect();
        if far {
            // The calls are handed out before their results are seen.
            lines.extend((10..10 + CHUNK).map(edit));
        }
        lines.extend(results.iter().cloned());
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        let (_dir, path) = file_with((lines.join("\n") + "\n").as_bytes());
        let reading = whole(&path);
        let details: Vec<&str> = reading.steps[..5]
            .iter()
            .map(|(_, step)| match &step.body {
                Body::Call(call) => call.detail.as_str(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(details, expected, "{far}");
    }
}

/// Reads `bytes` in parts that end at `cuts` and puts updates where they belong, as storage does.
fn in_parts(bytes: &[u8], cuts: &[usize]) -> Reading {
    let (_dir, path) = file_with(b"");
    let mut all: Option<Reading> = None;
    let mut written = 0;
    for cut in cuts.iter().copied().chain([bytes.len()]) {
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(&bytes[written..cut.max(written)]).unwrap();
        written = cut.max(written);
        let options = Options { last_is_final: written == bytes.len(), ..Options::default() };
        let cursor = all.as_ref().map(|reading| reading.summary.cursor);
        let mut part = read(&path, cursor.as_ref(), options, &mut Buffer::default()).unwrap();
        assert_eq!(part.summary.restart, None);
        let mut before = all.take().map_or_else(Vec::new, |reading| reading.steps);
        part.steps.retain(|(_, step)| before.iter().all(|(_, known)| known.id != step.id));
        before.append(&mut part.steps);
        part.steps = before;
        apply(&mut part.updates, &mut part.steps);
        all = Some(part);
    }
    all.expect("at least one part")
}

/// The steps of a reading by their place in the file, apart from where the words that a result
/// carries are placed.
fn by_line(reading: &Reading) -> Vec<String> {
    let mut lines: Vec<String> = render(reading).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Any JSON value with, at random places, values of other types.
fn vandalised(value: &serde_json::Value, dice: &mut impl Iterator<Item = u8>) -> serde_json::Value {
    use serde_json::Value;
    match dice.next() {
        Some(0) => return Value::Null,
        Some(1) => return Value::from(7),
        Some(2) => return Value::from("text"),
        Some(3) => return serde_json::json!([value]),
        Some(4) => return serde_json::json!({"type": value, "content": value, "id": true}),
        Some(5) => return Value::from(false),
        _ => {}
    }
    match value {
        Value::Array(all) => all.iter().map(|inner| vandalised(inner, dice)).collect(),
        Value::Object(all) => {
            let all = all.iter().map(|(key, inner)| (key.clone(), vandalised(inner, dice)));
            Value::Object(all.collect())
        }
        other => other.clone(),
    }
}

fn fixture_lines() -> Vec<serde_json::Value> {
    let texts =
        [V1_0, V2_1, V2_1_329, SUBAGENT].map(|name| fs::read_to_string(fixture(name)).unwrap());
    texts
        .iter()
        .flat_map(|text| text.lines())
        .filter_map(|l| serde_json::from_str(l).ok())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn reading_in_parts_gives_what_reading_at_once_gives(
        name in prop_oneof![Just(V1_0), Just(V2_1), Just(V2_1_329)],
        mut cuts in prop::collection::vec(0.0..1.0_f64, 0..6),
    ) {
        let bytes = fs::read(fixture(name)).unwrap();
        cuts.sort_by(f64::total_cmp);
        let cuts: Vec<usize> = cuts.iter().map(|cut| (cut * bytes.len() as f64) as usize).collect();
        let at_once = whole(&fixture(name));
        let parts = in_parts(&bytes, &cuts);
        prop_assert_eq!(by_line(&parts), by_line(&at_once));
        prop_assert_eq!(parts.summary.cursor.line, at_once.summary.cursor.line);
        prop_assert_eq!(parts.summary.cursor.offset, at_once.summary.cursor.offset);
    }

    #[test]
    fn wrong_types_everywhere_are_survived_and_accounted_for(
        dice in prop::collection::vec(any::<u8>(), 4000),
    ) {
        let mut dice = dice.into_iter().cycle();
        let lines: Vec<String> =
            fixture_lines().iter().map(|line| vandalised(line, &mut dice).to_string()).collect();
        let (_dir, path) = file_with(lines.join("\n").as_bytes());
        let reading = whole(&path);
        let account = &reading.summary.account;
        prop_assert_eq!(account.lines, lines.len() as u64);
        prop_assert_eq!(account.lines, account.learned + account.skipped.values().sum::<u64>());
    }

    #[test]
    fn any_bytes_are_survived_and_accounted_for(
        lines in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..60),
                (0..60_usize, 0..400_usize).prop_map(|(which, cut)| {
                    let lines = fixture_lines();
                    let text = lines[which % lines.len()].to_string().into_bytes();
                    text[..cut.min(text.len())].to_vec()
                }),
            ],
            0..12,
        ),
    ) {
        let bytes = lines.join(&b'\n');
        let (_dir, path) = file_with(&bytes);
        let reading = whole(&path);
        let account = &reading.summary.account;
        let expected = bytes.split_inclusive(|b| *b == b'\n').count() as u64;
        prop_assert_eq!(account.lines, expected);
        prop_assert_eq!(account.lines, account.learned + account.skipped.values().sum::<u64>());
        prop_assert_eq!(reading.summary.cursor.offset, bytes.len() as u64);
    }
}
