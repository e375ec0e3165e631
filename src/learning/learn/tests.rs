//! Learning as a whole: portions, orders, forks, forgetting, damage.

mod sessions;

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::model::exclude::NOTHING;
use crate::model::ids::PatternId;
use crate::model::pattern::{Effect, Kind};
use crate::storage::tests::dump;
use crate::storage::{Reader, Recall};
use sessions::{Session, sessions};

const NOW: i64 = 1_767_323_045_000;

/// A home and a folder of transcripts.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn write(&self, session: &Session, bytes: usize) {
        let path = self.folder.path().join("projects").join(session.path());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &session.text().as_bytes()[..bytes]).unwrap();
        // The same time in every run: it stands where a transcript tells none.
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(NOW as u64);
        fs::File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
    }

    fn write_all(&self, sessions: &[Session]) {
        for session in sessions {
            self.write(session, session.text().len());
        }
    }

    fn learn(&self) -> Report {
        let mut store = Store::open_or_rebuild(&self.home(), true, NOW).unwrap();
        let roots = [Root::Projects(self.folder.path().join("projects"))];
        learn(&mut store, &self.home(), &roots, &NOTHING, NOW, &|_| {}).unwrap()
    }

    fn dump(&self) -> String {
        dump(&self.home(), self.folder.path())
    }

    fn forget(&self, what: &Forget) -> u64 {
        let mut store = Store::open(&self.home(), true).unwrap();
        forget(&mut store, what, NOW).unwrap()
    }

    /// Whether `word` stands anywhere in the home, in whatever case.
    fn holds(&self, word: &str) -> Option<PathBuf> {
        find(&self.home(), &word.to_lowercase())
    }
}

fn find(folder: &Path, word: &str) -> Option<PathBuf> {
    fs::read_dir(folder).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return find(&path, word);
        }
        let bytes = fs::read(&path).unwrap().to_ascii_lowercase();
        memchr::memmem::find(&bytes, word.as_bytes()).map(|_| path)
    })
}

/// The dump of an undisturbed run over all sessions at once.
fn expected(sessions: &[Session]) -> String {
    let bench = Bench::new();
    bench.write_all(sessions);
    bench.learn();
    bench.dump()
}

/// Compares two dumps line by line, so that a failure shows what differs.
fn assert_same(found: &str, expected: &str) {
    let differing = |these: &str, others: &str| {
        let others: std::collections::HashSet<&str> = others.lines().collect();
        these.lines().filter(|l| !others.contains(l)).collect::<Vec<_>>().join("\n")
    };
    assert!(
        found == expected,
        "only found:\n{}\n\nonly expected:\n{}",
        differing(found, expected),
        differing(expected, found)
    );
}

#[test]
fn the_samples_teach_something() {
    // Guards the properties below: on an empty database they would hold as well.
    let bench = Bench::new();
    bench.write_all(&[
        Session::new(1)
            .prompt("please run all the checks now")
            .failed("./check")
            .ok("./check --all")
            .edit("src/a.rs"),
        Session::new(2)
            .prompt("please run all the checks now")
            .failed("./check")
            .ok("./check --all"),
    ]);
    let report = bench.learn();
    assert_eq!(report.lines, report.account.learned + report.account.skipped_lines());
    let reader = Reader::open(&bench.home()).unwrap();
    let fix = &reader.best(Kind::Fix, 5).unwrap()[0];
    assert_eq!((fix.tally.sessions, fix.tally.successes, fix.tally.failures), (2, 2, 2));
    for table in ["pattern", "key", "draft", "evidence", "touch", "file", "pattern word"] {
        assert!(bench.dump().lines().any(|line| line.starts_with(table)), "no {table}");
    }
}

#[test]
fn a_defect_costs_one_transcript() {
    let read = |path: &&str| {
        crate::learning::contained(path, || {
            assert_ne!(*path, "b", "a defect");
            path.len()
        })
    };
    let results: Vec<_> = ["a", "b", "ccc"].iter().map(read).collect();
    assert_eq!((&results[0], &results[2]), (&Ok(1), &Ok(3)));
    assert!(results[1].as_ref().unwrap_err().starts_with("b: "), "{results:?}");
}

#[test]
fn a_file_that_cannot_be_read_costs_itself_only() {
    let bench = Bench::new();
    let sessions = [Session::new(1).prompt("please go on"), Session::new(2).prompt("please go on")];
    bench.write_all(&sessions);
    let mut store = Store::open(&bench.home(), true).unwrap();
    let projects = bench.folder.path().join("projects");
    let roots = [Root::Projects(projects.clone())];
    let due = choose(&store, discover(&roots).files, &roots, &NOTHING).unwrap().due;
    let gone = projects.join(sessions[0].path());
    fs::remove_file(&gone).unwrap();
    let mut run = Run::new(&mut store, NOW, &|_| {});
    run.read(&due, &NOTHING).unwrap();
    assert_eq!((run.report.files_read, run.report.lines), (1, 1));
    assert_eq!(run.report.unreadable.len(), 1, "{:?}", run.report.unreadable);
    assert!(store.transcript(&gone.to_string_lossy()).unwrap().is_none());
}

#[test]
fn learning_twice_changes_nothing() {
    let bench = Bench::new();
    bench.write_all(&[Session::new(1)
        .prompt("please run the checks")
        .failed("./check")
        .ok("./check --all")]);
    bench.learn();
    let before = bench.dump();
    let bytes = fs::read(bench.home().join("metadata.sqlite")).unwrap();
    let report = bench.learn();
    assert_eq!((report.files, report.files_read, report.trajectories), (1, 0, 0));
    assert_eq!(bench.dump(), before);
    assert!(bytes == fs::read(bench.home().join("metadata.sqlite")).unwrap(), "pages were written");
}

#[test]
fn a_file_that_shrank_is_counted_once() {
    let bench = Bench::new();
    let session =
        Session::new(1).prompt("please run the checks").failed("./check").ok("./check --all");
    bench.write_all(std::slice::from_ref(&session));
    bench.learn();
    let totals = || Reader::open(&bench.home()).unwrap().totals().unwrap();
    let whole = totals();
    let before = bench.dump();
    // The client cut the last message off.
    let lines = session.text().lines().count() as u64;
    let shorter = session.text().trim_end().rfind('\n').unwrap() + 1;
    bench.write(&session, shorter);
    let report = bench.learn();
    assert_eq!(report.bytes, shorter as u64);
    let cut = totals();
    assert_eq!((cut.lines, cut.learned + cut.skipped), (lines - 1, lines - 1));
    assert_eq!((cut.calls, cut.transcripts), (whole.calls, 1));
    bench.write_all(&[session]);
    bench.learn();
    assert_eq!(totals().lines, whole.lines);
    assert_same(&bench.dump(), &before);
}

#[test]
fn folders_that_are_gone_belong_to_the_project_above_them_in_any_order() {
    let whole = Session::new(1)
        .in_folder("/home/dev/gone/shop")
        .prompt("please change the shop")
        .edit("/home/dev/gone/shop/web/a.rs");
    let inner = Session::new(2)
        .in_folder("/home/dev/gone/shop/web")
        .prompt("please change the web")
        .edit("/home/dev/gone/shop/web/a.rs");
    let worktree = Session::new(3)
        .in_folder("/home/dev/gone/shop/web/x")
        .prompt("please change x")
        .edit("/home/dev/gone/shop/web/x/b.rs");
    let sessions = [whole, inner, worktree];
    let expected = expected(&sessions);
    assert!(expected.contains(r#"file: "name:shop" | "web/x/b.rs""#), "{expected}");
    for order in [[2, 1, 0], [1, 0, 2], [0, 2, 1]] {
        let bench = Bench::new();
        for n in order {
            bench.write(&sessions[n], sessions[n].text().len());
            bench.learn();
        }
        assert_same(&bench.dump(), &expected);
    }
}

#[test]
fn a_repository_that_gets_a_remote_takes_its_past_along() {
    let bench = Bench::new();
    let folder = bench.folder.path().join("app");
    fs::create_dir_all(folder.join(".git")).unwrap();
    fs::write(folder.join(".git/config"), "[core]\n").unwrap();
    let session = |n| {
        Session::new(n)
            .in_folder(folder.to_str().unwrap())
            .prompt("please run the checks")
            .failed("./check")
            .ok("./check --all")
    };
    bench.write_all(&[session(1)]);
    bench.learn();
    assert!(bench.dump().contains("name:app"));
    fs::write(folder.join(".git/config"), "[remote \"origin\"]\nurl = git@x.org:a/app.git\n")
        .unwrap();
    bench.write_all(&[session(2)]);
    bench.learn();
    let dump = bench.dump();
    assert!(!dump.contains("name:app") && dump.contains("git:x.org/a/app"), "{dump}");
    let reader = Reader::open(&bench.home()).unwrap();
    assert_eq!(reader.best(Kind::Fix, 5).unwrap()[0].tally.sessions, 2);
    // A folder that vanishes stays what it was.
    fs::remove_dir_all(&folder).unwrap();
    bench.write_all(&[session(3)]);
    bench.learn();
    assert!(!bench.dump().contains("name:app"));
}

#[test]
fn deliveries_are_confirmed_in_the_run_that_learns_of_them() {
    let bench = Bench::new();
    let session =
        Session::new(1).prompt("please run the checks").injected("PreToolUse", "0123abcd");
    bench.write_all(std::slice::from_ref(&session));
    let shown = crate::storage::Record::Shown {
        pattern: format!("0123abcd{}", "0".repeat(24)),
        event: "PreToolUse".into(),
        tool_use: "toolu_of_hook".into(),
        confidence: 0.5,
        withheld: false,
    };
    let journal = crate::storage::Journal::path(&bench.home(), &session.id(), "");
    crate::storage::Journal::append(&journal, NOW, &[shown]).unwrap();
    assert_eq!(bench.learn().injections, 1);
    let line = bench.dump().lines().find(|l| l.starts_with("injection")).unwrap().to_string();
    assert!(line.contains("| 0 | 1 |"), "not delivered: {line}");
}

/// What is noted of pattern `id` at the failure whose call is `tool_use`.
fn told_at(tool_use: &str, id: &PatternId, withheld: bool) -> crate::storage::Record {
    crate::storage::Record::Shown {
        pattern: id.to_string(),
        event: "PostToolUseFailure".into(),
        tool_use: tool_use.into(),
        confidence: 0.5,
        withheld,
    }
}

#[test]
fn what_was_said_is_judged_by_what_came_next() {
    let bench = Bench::new();
    let known =
        Session::new(1).prompt("please run the checks").failed("./check").ok("./check --all");
    bench.write_all(std::slice::from_ref(&known));
    bench.learn();
    let fix = Reader::open(&bench.home()).unwrap().best(Kind::Fix, 1).unwrap().remove(0);
    assert_eq!(fix.effect, Effect::default());
    // Session 2 follows what was said, 3 fails in spite of it, 4 was told nothing and manages.
    let tried = |n: u32| Session::new(n).prompt("please run the checks").failed("./check");
    let sessions = [
        tried(2).ok("./check --all"),
        tried(3).failed("./check --all").failed("./check -x").failed("./check -y"),
        tried(4).ok("./check --fast"),
    ];
    bench.write_all(&sessions);
    for (session, withheld) in sessions.iter().zip([false, false, true]) {
        let journal = crate::storage::Journal::path(&bench.home(), &session.id(), "");
        let tool_use = format!("toolu_{}_1", session.number());
        let told = told_at(&tool_use, &fix.id, withheld);
        crate::storage::Journal::append(&journal, NOW, &[told]).unwrap();
    }
    bench.learn();
    let reader = Reader::open(&bench.home()).unwrap();
    let sides = reader.sides_of(fix.id.as_bytes()).unwrap();
    let group = |cases, well| crate::model::effect::Group { cases, well };
    assert_eq!((sides.shown.well, sides.held_back.well), (group(2, 1), group(1, 1)));
    assert_eq!((sides.shown.followed, sides.held_back.followed), (group(2, 2), group(1, 0)));
    assert_eq!(sides.shown.calls, (1, 1));
    assert_eq!(reader.sides_by_kind().unwrap()[&Some(Kind::Fix)], sides);
    let fix = reader.best(Kind::Fix, 1).unwrap().remove(0);
    assert_eq!(fix.effect, Effect { helped: 1, hurt: 1 });
    // The same transcripts once more change nothing.
    let before = bench.dump();
    bench.learn();
    assert_eq!(bench.dump(), before);
}

/// A session whose every text has a word of its own.
fn telling(number: u32, word: &str) -> Session {
    Session::new(number)
        .prompt(&format!("no, never use {word}prompt for the checks, remember that"))
        .failed(&format!("./check {word}cmd"))
        .ok(&format!("./check --all {word}cmd"))
        .edit(&format!("src/{word}file.rs"))
        .injected("PreToolUse", "0123abcd")
}

#[test]
fn a_forgotten_session_leaves_no_word_and_is_not_learned_again() {
    let bench = Bench::new();
    let sessions = [telling(1, "zebra"), telling(2, "walrus")];
    bench.write_all(&sessions);
    bench.learn();
    let journal = crate::storage::Journal::path(&bench.home(), &sessions[0].id(), "");
    let touched = crate::storage::Record::Touched("src/zebrafile.rs".into());
    crate::storage::Journal::append(&journal, NOW, &[touched]).unwrap();
    assert!(bench.holds("zebra").is_some());
    assert_eq!(bench.forget(&Forget::Session(sessions[0].id())), 1);
    assert_eq!(bench.holds("zebra"), None);
    assert_eq!(bench.forget(&Forget::Session(sessions[0].id())), 0);

    let only = Bench::new();
    only.write_all(&sessions[1..]);
    only.learn();
    let without = |dump: &str| {
        let lines = dump.lines().filter(|l| !l.starts_with("forgotten"));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_same(&without(&bench.dump()), &without(&only.dump()));

    // Neither from the same lines, nor from further ones, nor from a fork, nor by a rebuild.
    let longer = telling(1, "zebra").ok("./zebramore").ok("./zebramost");
    let fork = sessions[0].fork(3, usize::MAX).ok("./check giraffe");
    bench.write_all(&[longer, fork]);
    bench.learn();
    assert_eq!(bench.holds("zebra"), None);
    assert!(bench.holds("giraffe").is_some());
    fs::write(bench.home().join("metadata.sqlite"), "damaged".repeat(999)).unwrap();
    assert!(bench.learn().set_aside.is_some());
    assert_eq!(bench.holds("zebra"), None);
    assert!(bench.holds("walrus").is_some());
}

#[test]
fn a_forgotten_project_leaves_no_word_and_is_not_learned_again() {
    let bench = Bench::new();
    let there = telling(1, "zebra").in_folder("/home/dev/gone/quagga");
    let here = telling(2, "walrus");
    bench.write_all(&[there, here]);
    bench.learn();
    let project = {
        let reader = Reader::open(&bench.home()).unwrap();
        reader.project_by_key("name:quagga").unwrap().unwrap()
    };
    assert_eq!(bench.forget(&Forget::Project(project)), 1);
    assert_eq!((bench.holds("zebra"), bench.holds("quagga")), (None, None));
    // The path of the transcript, which is still there, is all that comes back.
    bench.learn();
    assert_eq!(bench.holds("zebra"), None);
    assert!(!bench.dump().lines().any(|l| l.contains("quagga") && !l.starts_with("transcript")));
    assert!(bench.holds("walrus").is_some());
    // What the project says later is learned.
    bench.write_all(&[telling(3, "zebu").in_folder("/home/dev/gone/quagga")]);
    bench.learn();
    assert!(bench.holds("zebucmd").is_some());
}

#[test]
fn a_forgotten_pattern_leaves_no_word_and_is_not_learned_again() {
    for kind in [Kind::Fix, Kind::Decision, Kind::Episode] {
        let bench = Bench::new();
        bench.write_all(&[telling(1, "zebra"), telling(2, "walrus")]);
        bench.learn();
        let pattern = {
            let reader = Reader::open(&bench.home()).unwrap();
            let all = reader.best(kind, 9).unwrap();
            all.into_iter().find(|p| p.text.contains("zebra")).unwrap_or_else(|| panic!("{kind}"))
        };
        let word = if kind == Kind::Fix { "zebracmd" } else { "zebraprompt" };
        assert!(bench.holds(word).is_some());
        assert_eq!(bench.forget(&Forget::Pattern(pattern.row)), 1);
        assert_eq!(bench.holds(word), None, "{kind}");
        let id = pattern.id.to_string();
        let short = &id[..8];
        assert!(Reader::open(&bench.home()).unwrap().patterns_by_prefix(short).unwrap().is_empty());
        bench.learn();
        assert_eq!(bench.holds(word), None, "{kind}");
        assert!(bench.holds("walrus").is_some());
        // Another session that says the same is not listened to either.
        bench.write_all(&[telling(3, "zebra")]);
        bench.learn();
        assert!(Reader::open(&bench.home()).unwrap().patterns_by_prefix(short).unwrap().is_empty());
    }
}

#[test]
fn a_database_that_turns_out_damaged_while_learning_is_rebuilt() {
    let bench = Bench::new();
    let sessions = [telling(1, "zebra"), telling(2, "walrus")];
    bench.write_all(&sessions[..1]);
    bench.learn();
    let path = bench.home().join("metadata.sqlite");
    let mut bytes = fs::read(&path).unwrap();
    // The header and the schema stay sound; every other page is overwritten.
    let start = bytes.len().min(6 * 4_096);
    bytes[start..].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    bench.write_all(&sessions);
    let report = bench.learn();
    assert!(report.set_aside.is_some(), "{report:?}");
    assert_same(&bench.dump(), &expected(&sessions));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn portions_and_orders_do_not_matter(
        sessions in sessions(),
        schedule in prop::collection::vec((any::<prop::sample::Index>(), 0.0..1.0_f64), 1..12),
    ) {
        let expected = expected(&sessions);
        let bench = Bench::new();
        let mut written = vec![0; sessions.len()];
        for (which, share) in schedule {
            let n = which.index(sessions.len());
            let left = sessions[n].text().len() - written[n];
            // Any byte can be the last: torn lines are read when they are whole.
            written[n] += (left as f64 * share) as usize;
            bench.write(&sessions[n], written[n]);
            bench.learn();
        }
        bench.write_all(&sessions);
        bench.learn();
        assert_same(&bench.dump(), &expected);
    }

    #[test]
    fn one_by_one_in_reverse_is_the_same(sessions in sessions()) {
        let expected = expected(&sessions);
        let bench = Bench::new();
        for session in sessions.iter().rev() {
            bench.write(session, session.text().len());
            bench.learn();
        }
        assert_same(&bench.dump(), &expected);
    }
}
