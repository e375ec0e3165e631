//! Consolidation on a store: twice, in any order of learning, and after it was learned again.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tempfile::TempDir;

use super::super::rehearsal::rehearse;
use super::*;
use crate::model::ids::StepId;
use crate::model::key::{Key, Space};
use crate::model::page::Page;
use crate::model::pattern::{Draft, Evidence, Kind, Payload, Role, State};
use crate::model::trajectory::TrajectoryKey;
use crate::storage::tests::dump;
use crate::storage::{Extract, Forget, Journal, Reader, Recall, Record, StoredTrajectory, Verdict};

const DAY: i64 = 86_400_000;
const NOW: i64 = 1_767_323_045_000;
const RULES: Rules = Rules { half_life: 60.0 };

/// Something that a session says.
#[derive(Clone, Debug)]
struct Said {
    project: &'static str,
    session: String,
    kind: Kind,
    text: String,
    remedy: &'static str,
    standing: bool,
    days: i64,
}

impl Said {
    fn new(session: &str, kind: Kind, text: &str) -> Self {
        Self {
            project: "a",
            session: session.into(),
            kind,
            text: text.into(),
            remedy: "",
            standing: false,
            days: 0,
        }
    }

    fn draft(&self) -> Draft {
        let step = StepId::derive(&format!("{} {} {}", self.project, self.session, self.text));
        Draft {
            kind: self.kind,
            tool: "Bash".into(),
            category: "other",
            identity: (self.text.clone(), self.remedy.into()),
            keys: vec![Key::new(Space::Command, &self.text)],
            trigger: self.text.clone(),
            text: self.text.clone(),
            payload: Payload {
                commands: self.text.split('`').nth(1).map(String::from).into_iter().collect(),
                remedy: if self.remedy.is_empty() { vec![] } else { vec![self.remedy.into()] },
                standing: self.standing,
                ..Payload::default()
            },
            evidence: vec![Evidence { step, at: NOW - self.days * DAY, role: Role::Success }],
        }
    }
}

/// A home and its store.
struct Desk {
    home: TempDir,
    store: Store,
}

impl Desk {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path(), true).unwrap();
        Self { home, store }
    }

    fn trajectory(&mut self, said: &Said) -> StoredTrajectory {
        let key = TrajectoryKey { session: said.session.clone(), agent: String::new() };
        let project = self.store.ensure_project(said.project, said.project).unwrap();
        let id = self.store.ensure_trajectory(&key, project, "~/x", "~/x", NOW).unwrap();
        StoredTrajectory { id, key, project, root: "~/x".into() }
    }

    /// Learns what sessions say; what is said by one session is learned together.
    fn learn(&mut self, said: &[Said]) {
        let sessions: BTreeSet<&str> = said.iter().map(|said| said.session.as_str()).collect();
        for session in sessions {
            let these: Vec<&Said> = said.iter().filter(|said| said.session == session).collect();
            let trajectory = self.trajectory(these[0]);
            let drafts = these.iter().map(|said| said.draft()).collect();
            let extract = Extract { drafts, ..Extract::default() };
            self.store
                .atomically(|store| store.replace_extracts(&[(&trajectory, &extract)], NOW))
                .unwrap();
        }
        self.store.refresh_postings().unwrap();
    }

    /// Consolidates, and checks that this is what was foretold.
    fn consolidate(&mut self) -> Report {
        let scratch = tempfile::tempdir().unwrap();
        let before = self.dump();
        let foretold = rehearse(&self.store, scratch.path(), RULES, NOW).unwrap();
        assert_eq!(self.dump(), before, "foretelling changed something");
        let report = consolidate(&mut self.store, RULES, NOW).unwrap();
        assert_eq!(foretold.report, report);
        assert_eq!(foretold.skills.len() as u64, report.skills);
        assert_eq!(foretold.edges.len() as u64, report.edges);
        let after = |reader: &Reader| (reader.skills(None).unwrap(), reader.edges().unwrap());
        assert_eq!(after(&foretold.after), after(&self.store));
        report
    }

    fn dump(&self) -> String {
        dump(self.home.path(), self.home.path())
    }

    /// State and sessions of the patterns with this text.
    fn states(&self, text: &str) -> Vec<(State, u32)> {
        let mut states = Vec::new();
        for kind in Kind::ALL {
            for project in [Some(1), Some(2), Some(3), None] {
                for sketch in self.store.sketches(project).unwrap() {
                    if sketch.kind == kind && self.store.wording(sketch.row).unwrap().1 == text {
                        states.push((sketch.state, sketch.tally.sessions));
                    }
                }
            }
        }
        states
    }

    /// The texts of what may be shown, with the number of their sessions.
    fn active(&self) -> Vec<(String, u32)> {
        let mut active = Vec::new();
        for kind in Kind::ALL {
            let found = self.store.best(kind, 99).unwrap();
            active.extend(found.into_iter().map(|p| (p.text, p.tally.sessions)));
        }
        active.sort();
        active
    }
}

const LONG: &str = "please write every comment as one short plain sentence that explains why";

/// The same in other words.
fn other(word: &str) -> String {
    LONG.replace("sentence", &format!("sentence {word}"))
}

#[test]
fn what_says_the_same_is_merged_and_its_evidence_added_up() {
    let mut desk = Desk::new();
    let one = Said::new("s1", Kind::Decision, LONG);
    let two = Said::new("s2", Kind::Decision, &other("please"));
    let three = Said { text: other("kindly"), ..Said::new("s3", Kind::Decision, "") };
    desk.learn(&[one.clone(), two.clone(), three]);
    assert_eq!(desk.active().len(), 3);
    assert_eq!(desk.consolidate(), Report { merged: 2, ..Report::default() });
    let active = desk.active();
    assert_eq!((active.len(), active[0].1), (1, 3), "{active:?}");
    assert_eq!(desk.consolidate(), Report::default());
    // Whatever is learned again, one stands for all.
    let before = desk.dump();
    desk.learn(std::slice::from_ref(&two));
    desk.learn(std::slice::from_ref(&one));
    assert_eq!(desk.dump(), before);
    desk.learn(&[Said { session: "s4".into(), ..one }, Said { session: "s5".into(), ..two }]);
    assert_eq!(desk.active(), [(active[0].0.clone(), 5)]);
}

#[test]
fn what_was_merged_stands_again_when_the_other_is_gone() {
    let mut desk = Desk::new();
    let all =
        [LONG.to_owned(), other("please")].map(|text| Said::new(&text, Kind::Decision, &text));
    desk.learn(&all);
    desk.consolidate();
    let standing = desk.active()[0].0.clone();
    let (gone, left) = if standing == LONG { (&all[0], &all[1]) } else { (&all[1], &all[0]) };
    // The session is extracted anew and says it no more.
    desk.learn(&[Said { text: "something else".into(), ..gone.clone() }]);
    assert!(desk.active().contains(&(left.text.clone(), 1)), "{:?}", desk.active());
    assert_eq!(desk.states(&standing), []);
    assert_eq!(desk.consolidate(), Report::default());
}

#[test]
fn what_was_not_used_is_set_aside_until_it_is_seen_again() {
    let mut desk = Desk::new();
    let old = Said { days: 300, ..Said::new("s1", Kind::Fix, "`old` failed") };
    desk.learn(&[old.clone(), Said::new("s2", Kind::Fix, "`new` failed")]);
    assert_eq!(desk.consolidate(), Report { faded: 1, ..Report::default() });
    assert_eq!(desk.states("`old` failed"), [(State::Retired, 1)]);
    // Extracting the session again does not bring it back.
    desk.learn(std::slice::from_ref(&old));
    assert_eq!(desk.consolidate(), Report::default());
    assert_eq!(desk.states("`old` failed"), [(State::Retired, 1)]);
    desk.learn(&[Said { session: "s3".into(), days: 1, ..old }]);
    assert_eq!(desk.consolidate(), Report { restored: 1, ..Report::default() });
    assert_eq!(desk.states("`old` failed"), [(State::Active, 2)]);
}

#[test]
fn what_does_harm_is_retired() {
    let mut desk = Desk::new();
    let [bad, good] =
        ["`bad` failed", "`good` failed"].map(|text| Said::new("s1", Kind::Fix, text));
    desk.learn(&[bad.clone(), good.clone()]);
    let ids = [&bad, &good].map(|said| said.draft().id("a").to_string());
    let mut verdicts = Vec::new();
    // Held back, things went well; after the bad one was shown, they never did.
    for n in 0..30_u32 {
        let key = TrajectoryKey { session: format!("t{n}"), agent: String::new() };
        let journal = Journal::path(desk.home.path(), &key.session, &key.agent);
        for (pattern, withheld) in [(&ids[0], false), (&ids[1], n % 2 == 0)] {
            let record = Record::Shown {
                pattern: pattern.clone(),
                event: "PostToolUseFailure".into(),
                tool_use: format!("u{withheld}"),
                confidence: 0.5,
                withheld,
            };
            Journal::append(&journal, NOW, &[record]).unwrap();
        }
        desk.store.import_journals(desk.home.path(), NOW).unwrap();
        let told = desk.store.told(&key).unwrap();
        assert_eq!(told.len(), 2);
        verdicts.extend(told.iter().enumerate().map(|(n, told)| Verdict {
            id: told.id,
            followed: Some(true),
            well: Some(n == 1),
            calls: None,
        }));
    }
    desk.store.store_verdicts(&verdicts).unwrap();
    assert_eq!(desk.consolidate(), Report { harmful: 1, ..Report::default() });
    assert_eq!(desk.active(), [("`good` failed".to_owned(), 1)]);
    desk.learn(&[Said { session: "s9".into(), ..bad }]);
    assert_eq!(desk.consolidate(), Report::default());
    assert_eq!(desk.states("`bad` failed"), [(State::Retired, 2)]);
}

/// A fix that each of these projects learned.
fn learned_in(projects: &[&'static str]) -> Vec<Said> {
    let fix = |project: &&'static str| Said {
        project,
        remedy: "git push --set-upstream origin HEAD",
        ..Said::new(&format!("s{project}"), Kind::Fix, "`git push` failed (no upstream)")
    };
    projects.iter().map(fix).collect()
}

#[test]
fn what_three_projects_learned_holds_for_all() {
    let text = "`git push` failed (no upstream)";
    let mut desk = Desk::new();
    desk.learn(&learned_in(&["a", "b"]));
    assert_eq!(desk.consolidate(), Report::default());
    desk.learn(&learned_in(&["c"]));
    assert_eq!(desk.consolidate(), Report { shared: 3, ..Report::default() });
    let set_aside = (State::Retired, 1);
    assert_eq!(desk.states(text), [set_aside, set_aside, set_aside, (State::Active, 3)]);
    let before = desk.dump();
    assert_eq!(desk.consolidate(), Report::default());
    desk.learn(&learned_in(&["a", "b", "c"]));
    assert_eq!(desk.consolidate(), Report::default());
    assert_eq!(desk.dump(), before);
    // A fourth project is told of it, and its own evidence joins in.
    desk.learn(&[Said { project: "d", ..Said::new("d1", Kind::Fix, "`make` failed") }]);
    let key = Key::new(Space::Command, text);
    let found = desk.store.by_key(4, key, &[Kind::Fix]).unwrap();
    assert_eq!((found.len(), found[0].tally.sessions), (1, 3));
    let active = desk.store.active(4, Kind::Fix).unwrap();
    assert_eq!(active.iter().filter(|pattern| pattern.project.is_none()).count(), 1);
    desk.learn(&learned_in(&["d"]));
    assert_eq!(desk.consolidate(), Report { shared: 1, ..Report::default() });
    assert_eq!(desk.active(), [(text.to_owned(), 4), ("`make` failed".to_owned(), 1)]);
}

#[test]
fn what_was_forgotten_for_all_projects_is_not_shared_again() {
    let mut desk = Desk::new();
    desk.learn(&learned_in(&["a", "b", "c"]));
    desk.consolidate();
    let global = desk.store.sketches(None).unwrap()[0].row;
    assert_eq!(desk.store.forget(&Forget::Pattern(global), NOW).unwrap(), 1);
    assert_eq!(desk.active(), []);
    desk.learn(&learned_in(&["d", "e", "f"]));
    assert_eq!(desk.consolidate(), Report::default());
    assert_eq!(desk.active().len(), 3, "each project has learned it by itself");
}

#[test]
fn what_two_projects_still_say_is_theirs_again() {
    let mut desk = Desk::new();
    desk.learn(&learned_in(&["a", "b", "c"]));
    desk.consolidate();
    let gone = Said { text: "something else".into(), ..learned_in(&["c"])[0].clone() };
    desk.learn(&[gone]);
    assert_eq!(desk.consolidate(), Report { restored: 2, ..Report::default() });
    assert_eq!(desk.active().len(), 3);
    assert_eq!(desk.store.sketches(None).unwrap(), []);
    assert_eq!(desk.consolidate(), Report::default());
}

/// Writes other words for the pattern with this text in a project.
fn edit(desk: &mut Desk, project: i64, text: &str, words: &str) {
    let sketches = desk.store.sketches(Some(project)).unwrap();
    let mut ids =
        sketches.iter().filter(|sketch| desk.store.wording(sketch.row).unwrap().1 == text);
    let id = ids.next().unwrap().id;
    let page = Page { body: words.into(), ..Page::default() };
    let put = |store: &mut Store| store.put_edit(id, b"document", &page, Some(words), NOW);
    desk.store.atomically(put).unwrap();
}

#[test]
fn what_a_person_wrote_is_not_hidden_behind_other_words() {
    let texts = [LONG.to_owned(), other("please"), other("kindly")];
    for edited in [&texts[..1], &texts[1..2], &texts[2..], &texts[..2], &texts[..]] {
        let mut desk = Desk::new();
        let sessions = ["s1", "s2", "s3"];
        let said: Vec<Said> = texts
            .iter()
            .zip(sessions)
            .map(|(text, session)| Said { days: 2_000, ..Said::new(session, Kind::Decision, text) })
            .collect();
        desk.learn(&said);
        for (n, text) in edited.iter().enumerate() {
            edit(&mut desk, 1, text, &format!("by hand {n}"));
        }
        let merged = 3 - edited.len() as u64;
        let report = desk.consolidate();
        assert_eq!(report.merged, merged, "{edited:?}");
        assert_eq!(report.merged + report.faded, merged, "what was edited does not fade");
        let mut told: Vec<String> = desk.active().into_iter().map(|(text, _)| text).collect();
        told.sort_unstable();
        let expected: Vec<String> = (0..edited.len()).map(|n| format!("by hand {n}")).collect();
        assert_eq!(told, expected);
        assert_eq!(desk.consolidate(), Report::default());
        desk.learn(&said);
        assert_eq!(desk.consolidate(), Report::default());
    }
}

#[test]
fn what_a_person_wrote_in_one_project_is_not_contradicted_by_what_stands_for_all() {
    let mut desk = Desk::new();
    desk.learn(&learned_in(&["a", "b", "c"]));
    let text = learned_in(&["b"])[0].text.clone();
    edit(&mut desk, 2, &text, "by hand");
    assert_eq!(desk.consolidate(), Report::default());
    let told: Vec<String> = desk.active().into_iter().map(|(text, _)| text).collect();
    assert_eq!(told.iter().filter(|told| *told == "by hand").count(), 1);
    assert_eq!(told.len(), 3);
    edit(&mut desk, 2, "by hand", "");
    assert_eq!(desk.consolidate(), Report { shared: 3, ..Report::default() });
}

#[test]
fn forgetting_takes_what_was_merged_along() {
    let mut desk = Desk::new();
    desk.learn(&[
        Said::new("s1", Kind::Decision, LONG),
        Said::new("s2", Kind::Decision, &other("please")),
    ]);
    desk.consolidate();
    let merged = desk.store.sketches(Some(1)).unwrap();
    let merged = merged.iter().find(|sketch| sketch.set_aside.is_some()).unwrap();
    assert_eq!(desk.store.forget(&Forget::Pattern(merged.row), NOW).unwrap(), 1);
    assert_eq!(desk.store.sketches(Some(1)).unwrap(), []);
    assert!(is_due(&mut desk.store, NOW).unwrap());
}

/// What a session with a program says: a command that works, two mistakes, a rule.
fn about_tests(session: &str) -> Vec<Said> {
    vec![
        Said { days: 4, ..Said::new(session, Kind::Fix, "`npm test` failed (no server)") },
        Said { days: 3, ..Said::new(session, Kind::Fix, "`npm test -- a` failed (no file)") },
        Said { days: 2, ..Said::new(session, Kind::Recipe, "`npm test -- --all`") },
        Said {
            standing: true,
            ..Said::new(session, Kind::Decision, "never run npm test without the server")
        },
    ]
}

#[test]
fn clusters_become_skills_that_stay_the_same_ones() {
    let mut desk = Desk::new();
    let all: Vec<Said> = ["s1", "s2"].into_iter().flat_map(about_tests).collect();
    desk.learn(&all);
    let report = desk.consolidate();
    assert_eq!((report.skills, report.merged), (1, 0), "{report:?}");
    let skill = desk.store.skills(None).unwrap().remove(0).1;
    assert_eq!(skill.title, "Testing with `npm test`");
    let lengths = [skill.body.steps.len(), skill.body.pitfalls.len(), skill.body.rules.len()];
    assert_eq!(lengths, [1, 2, 1], "{skill:?}");
    assert!(skill.body.points().all(|point| point.sessions == 2));
    assert_eq!(desk.consolidate(), Report::default());
    // More evidence changes what it says and not which one it is.
    desk.learn(&about_tests("s3"));
    assert_eq!(desk.consolidate().skills, 1);
    let grown = desk.store.skills(None).unwrap().remove(0).1;
    assert_eq!(grown.id, skill.id);
    assert!(grown.body.points().all(|point| point.sessions == 3));
    // What is forgotten is in no skill.
    let pattern = desk.store.best(Kind::Recipe, 1).unwrap().remove(0);
    desk.store.forget(&Forget::Pattern(pattern.row), NOW).unwrap();
    assert_eq!(desk.store.skills(None).unwrap(), []);
    assert_eq!(desk.consolidate().skills, 0, "two mistakes make no skill");
}

#[test]
fn what_comes_before_what_is_found_from_three_sessions_on() {
    let mut desk = Desk::new();
    // Without sessions of another kind, nothing is more often than by chance.
    for n in 0..4 {
        let other = Said::new(&format!("o{n}"), Kind::Fix, "`make` failed");
        desk.learn(&[other]);
    }
    desk.learn(&["s1", "s2"].into_iter().flat_map(about_tests).collect::<Vec<_>>());
    assert_eq!(desk.consolidate().edges, 0);
    desk.learn(&about_tests("s3"));
    assert_eq!(desk.consolidate().edges, 3);
    let fix = about_tests("")[0].draft().id("a");
    let edges = desk.store.edges_of(fix).unwrap();
    assert_eq!(edges.len(), 2, "{edges:?}");
    for edge in edges {
        assert_eq!((edge.cause, edge.support), (fix, 3));
        assert!((edge.lift - 7.0 / 3.0).abs() < 1e-9, "{edge:?}");
    }
    assert_eq!(desk.consolidate(), Report::default());
}

#[test]
fn a_run_is_due_once_a_day() {
    let mut desk = Desk::new();
    assert!(is_due(&mut desk.store, NOW).unwrap());
    desk.consolidate();
    assert!(!is_due(&mut desk.store, NOW).unwrap());
    assert!(!is_due(&mut desk.store, NOW + DAY - 1).unwrap());
    assert!(is_due(&mut desk.store, NOW + DAY).unwrap());
    assert!(is_due(&mut desk.store, NOW - 1).unwrap(), "the clock was set back");
}

#[test]
fn what_was_interrupted_is_gone_on_with() {
    let mut said = learned_in(&["a", "b", "c"]);
    for project in ["a", "b", "c"] {
        for (n, text) in [LONG.to_owned(), other("please")].into_iter().enumerate() {
            let session = format!("{project}{n}");
            said.push(Said { project, ..Said::new(&session, Kind::Episode, &text) });
        }
    }
    let mut desk = Desk::new();
    desk.learn(&said);
    desk.consolidate();
    for done in 0..=3 {
        let mut killed = Desk::new();
        killed.learn(&said);
        let mut plan = plan(&killed.store, RULES, i64::MAX).unwrap();
        assert_eq!(plan.projects.len(), 3);
        plan.projects.truncate(done);
        apply(&mut killed.store, &plan, NOW).unwrap();
        killed.consolidate();
        assert_eq!(killed.dump(), desk.dump(), "after {done} projects");
    }
}

/// What some sessions of three projects say, much of it alike.
fn sessions() -> impl Strategy<Value = Vec<Said>> {
    let said = (0..9_usize, 0..10_usize, 0..400_i64).prop_map(|(session, what, days)| {
        let project = ["a", "b", "c"][session % 3];
        let said = match what {
            0 => Said::new("", Kind::Decision, LONG),
            1 => Said::new("", Kind::Decision, &other("please")),
            2 => Said { standing: true, ..Said::new("", Kind::Decision, "always use tabs") },
            3 => learned_in(&["a"]).remove(0),
            4 => Said::new("", Kind::Pitfall, "`make` failed"),
            5..9 => about_tests("").remove(what - 5),
            _ => Said::new("", Kind::Episode, &other("kindly")),
        };
        Said { project, session: format!("s{session}"), days, ..said }
    });
    prop::collection::vec(said, 1..40).prop_map(|said| {
        // A session says a thing once.
        let mut seen = BTreeSet::new();
        said.into_iter()
            .filter(|said| seen.insert((said.session.clone(), said.text.clone())))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn twice_is_once_and_orders_and_portions_do_not_matter(
        said in sessions(),
        order in any::<u64>(),
        stops in prop::collection::vec(any::<bool>(), 9),
    ) {
        let mut desk = Desk::new();
        desk.learn(&said);
        desk.consolidate();
        let expected = desk.dump();
        prop_assert_eq!(desk.consolidate(), Report::default());
        prop_assert_eq!(desk.dump(), expected.clone());

        let mut other = Desk::new();
        // Rows of projects stand for the order in which they were met.
        for project in ["a", "b", "c"] {
            if said.iter().any(|said| said.project == project) {
                other.store.ensure_project(project, project).unwrap();
            }
        }
        let mut sessions: Vec<usize> = (0..9).collect();
        sessions.sort_by_key(|n| (*n as u64 + 1).wrapping_mul(order | 1));
        for (n, stop) in sessions.into_iter().zip(stops) {
            let session = format!("s{n}");
            let these: Vec<Said> =
                said.iter().filter(|said| said.session == session).cloned().collect();
            other.learn(&these);
            if stop {
                other.consolidate();
            }
        }
        other.consolidate();
        prop_assert_eq!(other.dump(), expected);
    }
}
