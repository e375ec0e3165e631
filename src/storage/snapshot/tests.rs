//! Snapshots answer like the database, or not at all, whatever is in their files.
//!
//! That they give the same advice is tested where advice is: `hooks::testing` asks both.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use crate::model::ids::{PatternId, StepId};
use crate::model::pattern::{Draft, Evidence, Payload, Role};
use crate::model::rank::Weights;
use crate::model::tokens;
use crate::model::trajectory::TrajectoryKey;
use crate::model::vector::Encode;
use crate::model::vector::testing::Words;
use crate::storage::recall::{Meaning, Query};
use crate::storage::{CommandRun, Extract, Forget, Store, StoredRoot, StoredTrajectory, Touch};

const NOW: i64 = 1_767_323_045_000;

const NAMES: [&str; 3] = ["form.ts", "text.ts", "user.ts"];

fn draft(kind: Kind, words: &str, step: &str) -> Draft {
    Draft {
        kind,
        tool: "Bash".into(),
        category: "test",
        identity: (words.into(), String::new()),
        keys: vec![Key::new(Space::Command, words), Key::new(Space::Error, "one for all")],
        trigger: words.into(),
        text: format!("text of {words}"),
        payload: Payload { remedy: vec![words.into()], ..Payload::default() },
        evidence: vec![Evidence { step: StepId::derive(step), at: NOW, role: Role::Success }],
    }
}

fn touch(path: &str, episode: &str, edited: bool) -> Touch {
    Touch {
        path: path.into(),
        episode: StepId::derive(episode),
        edited,
        at: NOW + path.len() as i64,
        words: tokens::joined("refused password of the login"),
        symbols: "LoginForm".into(),
    }
}

/// What session `n` says: patterns of all kinds, some in common with other sessions.
fn extract(n: usize) -> Extract {
    let kinds = [Kind::Fix, Kind::Pitfall, Kind::Recipe, Kind::Path, Kind::Decision, Kind::Episode];
    let drafts = kinds
        .iter()
        .flat_map(|kind| [(kind, n), (kind, n / 2)])
        .map(|(kind, m)| {
            let mut draft =
                draft(*kind, &format!("deploy {kind} with token {m}"), &format!("{n} {m}"));
            draft.payload.files =
                vec!["src/0/form.ts".into(), "gone".into(), "src/1/user.ts".into()];
            draft
        })
        .collect();
    let touches = (0..3)
        .map(|m| touch(&format!("src/{}/{}", n % 3, NAMES[(n + m) % 3]), &format!("{n}"), m != 2))
        .collect();
    let key = Key::new(Space::Command, "make");
    Extract { drafts, touches, commands: vec![CommandRun { key, runs: 3, failures: 1 }] }
}

fn learn(store: &mut Store, project: i64, n: usize) {
    let key = TrajectoryKey { session: format!("{project} {n}"), agent: String::new() };
    let id = store.ensure_trajectory(&key, project, "~/a", "~/a", NOW + n as i64).unwrap();
    let trajectory = StoredTrajectory { id, key, project, root: "~/a".into() };
    store.atomically(|store| store.replace_extracts(&[(&trajectory, &extract(n))], NOW)).unwrap();
}

fn publish(store: &mut Store) {
    store.refresh_postings().unwrap();
    assert!(store.checkpoint().unwrap());
    store.publish().unwrap();
}

/// A published home with two projects, and weights of its own.
fn home() -> (tempfile::TempDir, Store, [i64; 2]) {
    let home = tempfile::tempdir().unwrap();
    let mut store = Store::open(home.path(), true).unwrap();
    store.encode_with(Some(Box::new(Words)));
    let projects = ["app", "web"].map(|name| {
        let project = store.ensure_project(name, name).unwrap();
        let path = format!("~/{name}");
        store
            .note_root(&StoredRoot { path: path.clone(), project, base: path, seen: true })
            .unwrap();
        for n in 0..6 {
            learn(&mut store, project, n);
        }
        project
    });
    store.set_place_weights(Some(&Weights::with_constant(-3.0)), 0).unwrap();
    publish(&mut store);
    (home, store, projects)
}

/// Everything that can be asked, as text.
fn everything(recall: &dyn Recall, project: i64) -> Result<String, StorageError> {
    let mut told = String::new();
    let mut tell = |what: &dyn std::fmt::Debug| writeln!(told, "{what:?}").unwrap();
    tell(&recall.project_of_roots(&["~/x", "~/web", "~/app"])?);
    for key in ["app", "web", "other"] {
        tell(&recall.project_by_key(key)?);
    }
    tell(&recall.place_weights()?);
    tell(&recall.last_activity(project)?);
    for (space, text) in [
        (Space::Command, "deploy fix with token 1"),
        (Space::Command, "deploy path with token 0"),
        (Space::Command, "deploy episode with token 0"),
        (Space::Error, "one for all"),
        (Space::Error, "nothing"),
    ] {
        tell(&recall.by_key(project, Key::new(space, text), &Kind::ALL)?);
        tell(&recall.by_key(project, Key::new(space, text), &[Kind::Path])?);
    }
    for kind in [Kind::Recipe, Kind::Fix, Kind::Pitfall, Kind::Decision] {
        tell(&recall.active(project, kind)?);
    }
    for command in ["make", "ls"] {
        tell(&recall.command_rate(project, Key::new(Space::Command, command))?);
    }
    for name in ["form.ts", "user.ts", "none"] {
        tell(&recall.files_named(project, name)?);
        for folder in 0..3 {
            tell(&recall.file_at(project, &format!("src/{folder}/{name}"))?);
            for limit in [0, 1, 9] {
                tell(&recall.changed_with(project, &format!("src/{folder}/{name}"), limit)?);
            }
        }
    }
    told += &all_searches(recall, project)?;
    let mut tell = |what: &dyn std::fmt::Debug| writeln!(told, "{what:?}").unwrap();
    tell(&recall.patterns(project)?);
    for row in (1..60).chain([1_000_000]) {
        tell(&recall.pattern_in(project, row)?);
        tell(&recall.said_after(project, row, 0)?);
        tell(&recall.decision_terms(project, row)?);
        tell(&recall.episode_files(project, row)?);
    }
    tell(&recall.file_in(project, 1_000_000)?);
    Ok(told)
}

/// What searches find, as text.
fn all_searches(recall: &dyn Recall, project: i64) -> Result<String, StorageError> {
    let mut told = String::new();
    let mut tell = |what: &dyn std::fmt::Debug| writeln!(told, "{what:?}").unwrap();
    let terms = tokens::distinct("deploy the decision with token 1 2 login form refused nothing");
    let terms = recall.look_up(project, &Corpus::ALL, &terms)?;
    for term in &terms {
        tell(&(term.text, term.key, term.patterns, term.entries));
    }
    for corpus in [Corpus::Failures, Corpus::Decisions] {
        for limit in [1, 40] {
            tell(&recall.search(project, corpus, &Query::words(&terms), limit)?);
        }
    }
    for text in ["deploy decision token 1", "fix", "nothing of it"] {
        let vector = Words.encode(text).unwrap();
        let meaning = Some(Meaning { vector: &vector, space: Words.space(), weight: 2.0 });
        let terms = tokens::distinct(text);
        let terms = recall.look_up(project, &Corpus::ALL, &terms)?;
        for corpus in [Corpus::Decisions, Corpus::Episodes, Corpus::Failures] {
            tell(&recall.search(project, corpus, &Query { terms: &terms, meaning }, 9)?);
        }
    }
    tell(&recall.search_files(project, &terms, 40)?);
    let found = recall.search(project, Corpus::Decisions, &Query::words(&terms), 40)?;
    let documents: Vec<u32> = found.iter().map(|found| found.document).collect();
    for least in 0..=terms.len() {
        let asked = (terms.as_slice(), least);
        tell(&recall.may_hold(project, Corpus::Decisions, asked, &documents)?);
    }
    let symbols = ["loginform".into()];
    let symbols = recall.look_up(project, &[Corpus::Files], &symbols)?;
    tell(&recall.search_symbols(project, &symbols, 40)?);
    Ok(told)
}

/// The same from the snapshots alone; `None` where they do not answer.
fn from_snapshots(home: &Path, project: i64) -> Option<String> {
    everything(&Snapshots::open(home)?, project).ok()
}

fn files(home: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(home.join(FOLDER)).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn snapshots_say_what_the_database_says() {
    let (home, store, projects) = home();
    for project in projects {
        let said = everything(&*store, project).unwrap();
        assert!(said.contains("text of deploy fix with token 1"), "{said}");
        assert_eq!(from_snapshots(home.path(), project), Some(said));
    }
    let (home, large, [app, _]) = large();
    let said = everything(&*large, app).unwrap();
    assert!(said.contains("src/parts/0/form.ts"), "{said}");
    assert_eq!(from_snapshots(home.path(), app), Some(said));
    assert!(fs::metadata(project_path(home.path(), app)).unwrap().len() > 100_000);
}

#[test]
fn decisions_hold_the_terms_that_the_lists_say() {
    let (_home, store, [app, _]) = home();
    let terms = tokens::distinct("deploy the decision with token 1 2 login form refused nothing");
    let terms = store.look_up(app, &Corpus::ALL, &terms).unwrap();
    let found = store.search(app, Corpus::Decisions, &Query::words(&terms), 40).unwrap();
    assert!(found.len() > 3, "{found:?}");
    let documents: Vec<u32> = found.iter().map(|found| found.document).collect();
    for least in 0..=terms.len() {
        let asked = (terms.as_slice(), least);
        let may = store.may_hold(app, Corpus::Decisions, asked, &documents).unwrap();
        for (may, found) in may.into_iter().zip(&found) {
            let said = store.decision_terms(app, found.row).unwrap();
            let held = terms.iter().filter(|term| said.iter().any(|(key, _)| *key == term.key));
            assert_eq!(may, held.count() >= least, "{least} in {said:?}");
        }
    }
}

#[test]
fn what_is_found_by_words_has_its_cosine_however_far_it_is() {
    let (home, mut store, [app, _]) = home();
    // So many vectors are in several lists, of which the nearest are compared.
    let decision = |n: usize| {
        let subject = ["alpha beta", "gamma delta", "epsilon zeta", "eta theta"][n % 4];
        draft(Kind::Decision, &format!("{subject} about{} n{n}", n % 50), &format!("many {n}"))
    };
    let key = TrajectoryKey { session: "many".into(), agent: String::new() };
    let id = store.ensure_trajectory(&key, app, "~/a", "~/a", NOW).unwrap();
    let trajectory = StoredTrajectory { id, key, project: app, root: "~/a".into() };
    let extract = Extract { drafts: (0..1_400).map(decision).collect(), ..extract(99) };
    store.atomically(|store| store.replace_extracts(&[(&trajectory, &extract)], NOW)).unwrap();
    publish(&mut store);
    let vector = Words.encode("alpha beta").unwrap();
    let meaning = Some(Meaning { vector: &vector, space: Words.space(), weight: 1.8 });
    let snapshots = Snapshots::open(home.path()).unwrap();
    for recall in [&*store as &dyn Recall, &snapshots] {
        let terms = tokens::distinct("epsilon about7");
        let terms = recall.look_up(app, &Corpus::ALL, &terms).unwrap();
        let query = Query { terms: &terms, meaning };
        let dense = recall.dense(app, Corpus::Decisions).unwrap().unwrap();
        let near = dense.nearest(&vector, 24).unwrap();
        let found = recall.search(app, Corpus::Decisions, &query, 24).unwrap();
        let is_far = |document| dense.known_cosine(&near, document).is_none();
        let far = found.iter().filter(|found| is_far(found.document)).count();
        assert!((1..found.len()).contains(&far), "{far} of {found:?}");
        for found in found {
            let pattern = recall.pattern_in(app, found.row).unwrap().unwrap();
            let other = Words.encode(&pattern.text).unwrap();
            let expected = f64::from(vector.cosine(&other.integers, other.scale));
            assert_eq!(found.cosine, Some(expected), "{}", pattern.text);
        }
    }
}

#[test]
fn a_project_of_which_nothing_is_known_yet_has_a_snapshot() {
    let (home, mut store, _) = home();
    let empty = store.ensure_project("empty", "empty").unwrap();
    publish(&mut store);
    let said = everything(&*store, empty).unwrap();
    assert_eq!(from_snapshots(home.path(), empty), Some(said));
}

#[test]
fn they_count_only_for_the_database_they_were_made_of() {
    let (home, mut store, [app, _]) = home();
    learn(&mut store, app, 7);
    assert_eq!(from_snapshots(home.path(), app), None, "the write-ahead log has something newer");
    assert!(store.checkpoint().unwrap());
    assert_eq!(from_snapshots(home.path(), app), None, "the file has");
    publish(&mut store);
    let said = everything(&*store, app).unwrap();
    assert_eq!(from_snapshots(home.path(), app), Some(said));
    let database = fs::File::open(home.path().join(DATABASE)).unwrap();
    database.set_modified(SystemTime::now() + Duration::from_secs(1)).unwrap();
    assert_eq!(from_snapshots(home.path(), app), None, "somebody else wrote to it");
}

#[test]
fn only_what_changed_is_written_again() {
    let (home, mut store, [app, web]) = home();
    let written = |project| fs::metadata(project_path(home.path(), project)).unwrap().modified();
    let before = [app, web].map(|project| written(project).unwrap());
    learn(&mut store, app, 7);
    publish(&mut store);
    assert_ne!(written(app).unwrap(), before[0]);
    assert_eq!(written(web).unwrap(), before[1]);
    // A run that did not come to its end leaves it open which of them are right.
    learn(&mut store, app, 8);
    store.refresh_postings().unwrap();
    drop(store);
    let mut store = Store::open(home.path(), true).unwrap();
    publish(&mut store);
    assert_ne!(written(web).unwrap(), before[1]);
    for project in [app, web] {
        let said = everything(&*store, project).unwrap();
        assert_eq!(from_snapshots(home.path(), project), Some(said));
    }
    // Nothing new: nothing is written.
    let before = fs::metadata(catalogue_path(home.path())).unwrap().modified().unwrap();
    publish(&mut store);
    assert_eq!(fs::metadata(catalogue_path(home.path())).unwrap().modified().unwrap(), before);
}

#[test]
fn snapshots_of_two_times_are_not_mixed() {
    let (home, mut store, [app, web]) = home();
    let [old, path] = [home.path().join("old"), project_path(home.path(), app)];
    fs::copy(&path, &old).unwrap();
    learn(&mut store, app, 7);
    publish(&mut store);
    fs::rename(&old, &path).unwrap();
    assert_eq!(from_snapshots(home.path(), app), None);
    assert!(from_snapshots(home.path(), web).is_some());
    fs::remove_file(&path).unwrap();
    assert_eq!(from_snapshots(home.path(), app), None);
    let said = recall(home.path(), |recall| everything(recall, app)).unwrap();
    assert_eq!(said, everything(&*store, app).unwrap());
}

#[test]
fn what_is_forgotten_is_in_no_snapshot() {
    let (home, mut store, [app, web]) = home();
    assert_eq!(files(home.path()).len(), 3);
    store.forget(&Forget::Project(app), NOW).unwrap();
    assert_eq!(files(home.path()), BTreeSet::new());
    store.purge().unwrap();
    publish(&mut store);
    assert_eq!(files(home.path()), BTreeSet::from([CATALOGUE.to_string(), web.to_string()]));
}

#[test]
fn a_global_pattern_is_in_every_snapshot() {
    let (home, mut store, projects) = home();
    let row = 1;
    store
        .atomically(|store| {
            store
                .conn()
                .execute("UPDATE patterns SET project = NULL WHERE row = ?1", [row])
                .unwrap();
            store.unlist_project(None)
        })
        .unwrap();
    publish(&mut store);
    for project in projects {
        let found =
            Snapshots::open(home.path()).unwrap().pattern_in(project, row).unwrap().unwrap();
        assert_eq!((found.project, found.id == PatternId::from_bytes([0; 16])), (None, false));
        let said = everything(&*store, project).unwrap();
        assert_eq!(from_snapshots(home.path(), project), Some(said));
    }
}

#[test]
fn what_is_no_file_is_no_snapshot() {
    let (home, _store, [app, _]) = home();
    let path = project_path(home.path(), app);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(from_snapshots(home.path(), app), None);
    fs::remove_dir(&path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    assert_eq!(from_snapshots(home.path(), app), None, "nobody waits for a writer");
}

/// A file as an attacker would leave it: header, generation and stamp fit, the content does not.
fn spoilt(
    whole: &[u8],
    bytes: &[(prop::sample::Index, u8)],
    numbers: &[(prop::sample::Index, u64)],
    cut: Option<prop::sample::Index>,
) -> Vec<u8> {
    let mut file = whole.to_vec();
    let content = &mut file[layout::HEADER..];
    for (at, byte) in bytes {
        content[at.index(content.len())] = *byte;
    }
    for (at, number) in numbers {
        let at = at.index(content.len() - 8);
        content[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
    file.truncate(cut.map_or(file.len(), |cut| cut.index(file.len())));
    file
}

/// The home with a project of so many files that no part of its snapshot is read whole.
fn large() -> (tempfile::TempDir, Store, [i64; 2]) {
    let (home, mut store, projects) = home();
    let key = TrajectoryKey { session: "large".into(), agent: String::new() };
    let id = store.ensure_trajectory(&key, projects[0], "~/a", "~/a", NOW).unwrap();
    let root = "~/a".into();
    let trajectory = StoredTrajectory { id, key, project: projects[0], root };
    let touches = (0..700).map(|n| {
        let words = tokens::joined(&format!("login of part{n} and word{}", n * 7));
        Touch { words, ..touch(&format!("src/parts/{n}/{}", NAMES[n % 3]), "large", true) }
    });
    let extract = Extract { touches: touches.collect(), ..extract(99) };
    store.atomically(|store| store.replace_extracts(&[(&trajectory, &extract)], NOW)).unwrap();
    publish(&mut store);
    (home, store, projects)
}

#[test]
fn hostile_files_do_no_harm() {
    for (large, cases) in [(false, 300), (true, 100)] {
        do_no_harm(if large { self::large() } else { home() }, cases);
    }
}

/// Snapshots of a home with anything in them.
fn do_no_harm((home, store, [app, _]): (tempfile::TempDir, Store, [i64; 2]), cases: u32) {
    let said = everything(&*store, app).unwrap();
    let inputs = (
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u64>()), 0..12),
        prop::option::weighted(0.1, any::<prop::sample::Index>()),
    );
    for path in [catalogue_path(home.path()), project_path(home.path(), app)] {
        let whole = fs::read(&path).unwrap();
        let mut runner = TestRunner::new(ProptestConfig { cases, ..ProptestConfig::default() });
        let done = runner.run(&inputs, |(bytes, numbers, cut)| {
            fs::write(&path, spoilt(&whole, &bytes, &numbers, cut)).unwrap();
            // Whatever it says, it comes to an end; and without a snapshot the database answers.
            if from_snapshots(home.path(), app).is_none() {
                let answer = recall(home.path(), |recall| everything(recall, app)).unwrap();
                prop_assert_eq!(&answer, &said);
            }
            Ok(())
        });
        done.unwrap();
        fs::write(&path, &whole).unwrap();
    }
    assert_eq!(from_snapshots(home.path(), app), Some(said));
}
