//! Documents as several people edit, lose, copy and merge them.

use automerge::transaction::Transactable;
use automerge::{AutoCommit, ObjType, ROOT, ReadDoc};
use proptest::prelude::*;

use super::document::{Author, LIMIT, adopt, create, edit, merge, project, renew};
use crate::model::page::Page;

const LEARNED: &str = "`npm test` failed (no module); it worked after `npm run build`";

fn author(number: u8, now: i64) -> Author {
    Author { actor: [number; 16], now }
}

fn page(body: &str) -> Page {
    Page { body: body.into(), ..Page::default() }
}

/// The document after an author changed its body.
fn said(document: &[u8], number: u8, now: i64, body: &str) -> Vec<u8> {
    let page = Page { body: body.into(), ..project(document).unwrap() };
    edit(document, None, &author(number, now), &page).unwrap()
}

#[test]
fn what_two_people_change_at_the_same_time_is_kept_letter_by_letter() {
    let one = create(&author(1, 1_000), LEARNED, &page("run the build before the tests")).unwrap();
    let a = Page { tags: vec!["npm".into()], ..page("run the build before the tests, always") };
    let a = edit(&one, None, &author(1, 2_000), &a).unwrap();
    let b = Page {
        title: "Build".into(),
        tags: vec!["ci".into()],
        notes: "since May".into(),
        ..page("run the whole build before the tests")
    };
    let b = edit(&one, None, &author(2, 1_500), &b).unwrap();
    let both = project(&merge(&a, &b).unwrap()).unwrap();
    let expected = Page {
        title: "Build".into(),
        body: "run the whole build before the tests, always".into(),
        tags: vec!["ci".into(), "npm".into()],
        notes: "since May".into(),
    };
    assert_eq!(both, expected);
}

#[test]
fn two_devices_that_begin_with_the_same_learned_words_merge_too() {
    let a = create(&author(1, 5), LEARNED, &page(&format!("{LEARNED} once"))).unwrap();
    let b = create(&author(2, 9), LEARNED, &page(&format!("here {LEARNED}"))).unwrap();
    let both = project(&merge(&a, &b).unwrap()).unwrap();
    assert_eq!(both.body, format!("here {LEARNED} once"));
}

#[test]
fn of_two_that_began_with_different_words_the_last_edited_one_counts() {
    let a = create(&author(1, 5_000), "learned here", &page("first")).unwrap();
    let b = create(&author(2, 9_000), "learned there", &page("second")).unwrap();
    for (x, y) in [(&a, &b), (&b, &a)] {
        let both = merge(x, y).unwrap();
        assert_eq!(project(&both).unwrap().body, "second");
        // An edit goes to the page that counts, and both stay.
        let again = said(&both, 3, 9_500, "second and third");
        assert_eq!(project(&merge(&again, &a).unwrap()).unwrap().body, "second and third");
        let older = said(&a, 1, 9_800, "first, changed");
        assert_eq!(project(&merge(&again, &older).unwrap()).unwrap().body, "first, changed");
    }
}

#[test]
fn an_edit_holds_against_a_return_to_the_learned_words() {
    let one = create(&author(1, 1_000), LEARNED, &page("mine")).unwrap();
    let reverted = said(&one, 1, 2_000, "");
    assert_eq!(project(&reverted).unwrap().body, "");
    let edited = said(&one, 2, 1_500, "mine and yours");
    for both in [merge(&reverted, &edited), merge(&edited, &reverted)] {
        assert_eq!(project(&both.unwrap()).unwrap().body, "mine and yours");
    }
    let known = said(&merge(&reverted, &edited).unwrap(), 1, 3_000, "");
    assert_eq!(project(&merge(&known, &edited).unwrap()).unwrap().body, "", "it knew of the edit");
    assert_eq!(project(&said(&known, 1, 4_000, "again")).unwrap().body, "again");
    // Notes alone leave the words what is learned.
    let noted = Page { notes: "look at it".into(), ..Page::default() };
    let noted = create(&author(1, 1_000), LEARNED, &noted).unwrap();
    assert_eq!(project(&noted).unwrap().body, "");
}

#[test]
fn what_others_wrote_while_the_editor_was_open_stays() {
    let seen = create(&author(1, 1_000), LEARNED, &page("a b c")).unwrap();
    let now = said(&seen, 2, 2_000, "a b c d");
    let mine = edit(&now, Some(&seen), &author(1, 3_000), &page("A b c")).unwrap();
    assert_eq!(project(&mine).unwrap().body, "A b c d");
    // The same store, twice at once: neither is refused.
    let first = said(&seen, 1, 2_000, "a b c d");
    let second = edit(&first, Some(&seen), &author(1, 3_000), &page("A b c")).unwrap();
    assert_eq!(project(&second).unwrap().body, "A b c d");
    assert_eq!(merge(&first, &second).unwrap(), second);
    // What was seen is no part of it any more.
    let anew = renew(&now, Some(&page("new"))).unwrap();
    let mine = edit(&anew, Some(&seen), &author(1, 4_000), &page("a")).unwrap();
    assert_eq!(project(&mine).unwrap().body, "a");
}

#[test]
fn nothing_new_gives_the_same_bytes() {
    let one = create(&author(1, 1_000), LEARNED, &page("one")).unwrap();
    let two = said(&one, 2, 2_000, "one two");
    assert_eq!(merge(&one, &one).unwrap(), one);
    assert_eq!(merge(&two, &one).unwrap(), two);
    assert_eq!(merge(&one, &two).unwrap(), two, "theirs holds all of ours");
    assert_eq!(adopt(&two).unwrap(), two, "saving what was loaded changes nothing");
    assert_eq!(edit(&two, None, &author(3, 9), &page("one two")).unwrap(), two);
}

#[test]
fn making_a_document_anew_leaves_no_history_and_is_the_same_everywhere() {
    let one = create(&author(1, 1_000), "x", &page("token hunter2 here")).unwrap();
    let one = said(&one, 1, 2_000, "token here");
    let holds = |document: &[u8]| {
        let mut document = AutoCommit::load(document).unwrap();
        let plain = document.save_nocompress();
        plain.windows(7).any(|part| part == b"hunter2")
    };
    assert!(holds(&one));
    let anew = renew(&one, None).unwrap();
    assert!(!holds(&anew));
    assert_eq!(project(&anew).unwrap(), project(&one).unwrap());
    assert_eq!(renew(&one, None).unwrap(), anew);
    // The old one does not bring it back, whatever was added to it.
    let late = said(&one, 2, 9_000, "token hunter2 again");
    assert_eq!(merge(&anew, &late).unwrap(), anew);
    assert_eq!(merge(&late, &anew).unwrap(), anew);
    // Both go on from the same beginning.
    let a = said(&anew, 1, 9_500, "a token here");
    let b = said(&renew(&one, None).unwrap(), 2, 9_600, "token here b");
    assert_eq!(project(&merge(&a, &b).unwrap()).unwrap().body, "a token here b");
    let redacted = renew(&a, Some(&page("nothing"))).unwrap();
    assert_eq!(project(&merge(&redacted, &b).unwrap()).unwrap().body, "nothing");
}

#[test]
fn a_document_stays_small() {
    let mut document = create(&author(1, 0), LEARNED, &page("x")).unwrap();
    assert!(document.len() < 700, "{} bytes for a new one", document.len());
    let mut anew = 0;
    let mut letters = (0_u32..).map(|n| {
        // As good as random, so that nothing of it can be said shorter.
        char::from_u32(0x4e00 + n.wrapping_mul(2_654_435_761).rotate_left(9) % 20_000).unwrap()
    });
    for round in 1..20_i64 {
        let notes = letters.by_ref().take(3_900).collect();
        let page = Page { notes, body: format!("round {round}"), ..Page::default() };
        let before = document.len();
        document = edit(&document, None, &author(1, round * 1_000), &page).unwrap();
        assert!(document.len() <= LIMIT);
        assert_eq!(project(&document).unwrap(), page.tidy());
        anew += u32::from(document.len() < before);
    }
    assert!(anew > 0, "it never grew beyond the limit");
    let before = document.len();
    let page = Page { body: "round 20!".into(), ..project(&document).unwrap() };
    let after = edit(&document, None, &author(2, 1), &page).unwrap().len();
    assert!(after < before + 300, "a small edit costs {} bytes", after - before);
}

#[test]
fn author_and_time_are_what_they_are_said_to_be() {
    let one = create(&author(7, 1_700_000_000_999), LEARNED, &page("one")).unwrap();
    let two = said(&one, 8, 1_800_000_000_000, "two");
    let mut document = AutoCommit::load(&two).unwrap();
    let changes = document.get_changes(&[]);
    let told: Vec<(Vec<u8>, i64)> = changes
        .iter()
        .map(|change| (change.actor_id().to_bytes().to_vec(), change.timestamp()))
        .collect();
    assert_eq!(told.len(), 3);
    assert_eq!(told[0].1, 0, "the beginning has no time of its own");
    assert_eq!(told[1..], [(vec![7; 16], 1_700_000_000), (vec![8; 16], 1_800_000_000)]);
    assert!(changes.iter().all(|change| change.message().is_none()));
}

#[test]
fn a_copied_store_does_no_harm_for_ever() {
    let one = create(&author(1, 1_000), LEARNED, &page("one")).unwrap();
    let (a, b) = (said(&one, 1, 2_000, "one here"), said(&one, 1, 3_000, "one there"));
    let both = [merge(&a, &b).unwrap(), merge(&b, &a).unwrap()].map(|d| project(&d).unwrap().body);
    assert_eq!(both, ["one there", "one there"], "the last edited one");
    // With an incarnation of its own the copy merges again.
    let healed = said(&merge(&a, &b).unwrap(), 9, 4_000, "one there now");
    assert_eq!(project(&merge(&b, &healed).unwrap()).unwrap().body, "one there now");
    assert_eq!(project(&merge(&a, &healed).unwrap()).unwrap().body, "one there now");
}

#[test]
fn what_is_no_page_is_refused() {
    assert!(project(b"").is_err() && project(b"nonsense").is_err());
    let wrong = |fill: &dyn Fn(&mut AutoCommit)| {
        let mut document = AutoCommit::new();
        fill(&mut document);
        document.save()
    };
    for document in [
        wrong(&|_| {}),
        wrong(&|document| document.put(&ROOT, "page", "text").unwrap()),
        wrong(&|document| {
            document.put(&ROOT, "generation", 0_u64).unwrap();
            document.put_object(&ROOT, "page", ObjType::Map).map(drop).unwrap();
        }),
        wrong(&|document| {
            document.put(&ROOT, "generation", 0_u64).unwrap();
            let map = document.put_object(&ROOT, "page", ObjType::Map).unwrap();
            for name in ["title", "body", "notes", "tags"] {
                document.put(&map, name, "text").unwrap();
            }
        }),
    ] {
        assert!(project(&document).is_err() && renew(&document, None).is_err());
        assert!(edit(&document, None, &author(1, 1), &page("x")).is_err());
    }
    let long = wrong(&|document| {
        document.put(&ROOT, "generation", 0_u64).unwrap();
        let map = document.put_object(&ROOT, "page", ObjType::Map).unwrap();
        for name in ["title", "body", "notes"] {
            let text = document.put_object(&map, name, ObjType::Text).unwrap();
            document.splice_text(&text, 0, 0, &"x".repeat(100_001)).unwrap();
        }
        document.put_object(&map, "tags", ObjType::Map).map(drop).unwrap();
    });
    assert!(long.len() < LIMIT && project(&long).unwrap_err().to_string().contains("length"));
}

/// What a replica does next.
#[derive(Clone, Debug)]
enum Step {
    /// Replaces part of a text, from this place on and so long in tenths of it.
    Write(usize, usize, usize, String),
    Tag(u8),
    Untag(u8),
    Revert,
    /// Takes over what another replica has.
    Pull(usize),
}

fn steps(replicas: usize) -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        6 => (0..3_usize, 0..11_usize, 0..4_usize, "[a-zé 日]{0,12}")
            .prop_map(|(field, from, length, text)| Step::Write(field, from, length, text)),
        2 => (0..6_u8).prop_map(Step::Tag),
        1 => (0..6_u8).prop_map(Step::Untag),
        1 => Just(Step::Revert),
        3 => (0..replicas).prop_map(Step::Pull),
    ];
    prop::collection::vec((0..replicas, step), 1..30)
}

fn worlds() -> impl Strategy<Value = (usize, bool, Vec<(usize, Step)>)> {
    (2..5_usize, any::<bool>())
        .prop_flat_map(|(replicas, apart)| (Just(replicas), Just(apart), steps(replicas)))
}

fn rewritten(text: &str, from: usize, length: usize, new: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let from = letters.len() * from.min(10) / 10;
    let to = (from + letters.len() * length / 10).min(letters.len());
    let parts = [&letters[..from], &new.chars().collect::<Vec<_>>(), &letters[to..]];
    parts.concat().into_iter().collect()
}

/// The replicas after all steps. Where they begin `apart`, each has made its own document.
fn played(replicas: usize, apart: bool, steps: &[(usize, Step)]) -> Vec<Vec<u8>> {
    let mut documents: Vec<Vec<u8>> = (0..replicas)
        .map(|n| {
            let (who, learned) =
                if apart { (n, format!("learned {n}")) } else { (0, LEARNED.into()) };
            create(&author(who as u8, 1_000), &learned, &page("words to begin with")).unwrap()
        })
        .collect();
    for (time, (who, step)) in steps.iter().enumerate() {
        let document = documents[*who].clone();
        let mut page = project(&document).unwrap();
        match step {
            Step::Pull(from) => {
                documents[*who] = merge(&document, &documents[*from]).unwrap();
                continue;
            }
            Step::Write(field, from, length, new) => {
                let field = match field {
                    0 => &mut page.title,
                    1 => &mut page.body,
                    _ => &mut page.notes,
                };
                *field = rewritten(field, *from, *length, new);
            }
            Step::Tag(tag) => page.tags.push(format!("tag{tag}")),
            Step::Untag(tag) => page.tags.retain(|known| *known != format!("tag{tag}")),
            Step::Revert => page.body.clear(),
        }
        // Clocks of different devices are not in step.
        let now = 2_000 + (time as i64 * 7_919) % 50_000;
        documents[*who] = edit(&document, None, &author(*who as u8, now), &page.tidy()).unwrap();
    }
    documents
}

fn merged<'a>(documents: impl IntoIterator<Item = &'a Vec<u8>>) -> Vec<u8> {
    let mut documents = documents.into_iter();
    let first = documents.next().unwrap().clone();
    documents.fold(first, |all, next| merge(&all, next).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn merging_is_commutative_associative_and_idempotent(
        (replicas, apart, steps) in worlds(), order in any::<prop::sample::Index>(), renewed in any::<bool>(),
    ) {
        let mut documents = played(replicas, apart, &steps);
        if renewed {
            // One device made its document anew.
            documents[0] = renew(&documents[0], None).unwrap();
        }
        let all = merged(&documents);
        let expected = project(&all).unwrap();
        prop_assert_eq!(&expected.tidy(), &expected);
        // Any order, any grouping, anything twice.
        let mut turned = documents.clone();
        turned.rotate_left(order.index(replicas));
        turned.reverse();
        prop_assert_eq!(&project(&merged(&turned)).unwrap(), &expected);
        let (a, b) = (&documents[0], &documents[1]);
        let rest = merged(&documents[1..]);
        prop_assert_eq!(&project(&merge(a, &rest).unwrap()).unwrap(), &expected);
        prop_assert_eq!(
            project(&merge(a, b).unwrap()).unwrap(),
            project(&merge(b, a).unwrap()).unwrap()
        );
        for document in &documents {
            prop_assert_eq!(&merge(&all, document).unwrap(), &all, "it is in there already");
            prop_assert_eq!(&merge(document, document).unwrap(), document);
        }
        // Whoever edits the merged one is heard by all.
        let after = edit(&all, None, &author(77, 900_000), &page("the end")).unwrap();
        for document in &documents {
            prop_assert_eq!(project(&merge(document, &after).unwrap()).unwrap(), page("the end"));
        }
    }
}

/// Set for the process that measures itself.
const MEASURED: &str = "MANA_TEST_TEXT_BATCH";

/// Entries of a document and edits in one change.
const BATCH: (usize, usize) = (10_000, 100);

/// Applying one change with many edits to a large document stays far below what it takes with later
/// releases of the library (280 MB for 10,000 entries and 100 edits): with them a change of a few
/// kilobytes can end a process. The version is pinned for that.
#[test]
#[cfg(target_os = "linux")]
fn one_change_with_many_edits_takes_little_memory() {
    let name = "sync::text::tests::one_change_with_many_edits_takes_little_memory";
    if std::env::var_os(MEASURED).is_some() {
        apply_a_batch();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        println!("peak:{}:", peak.trim().trim_end_matches(" kB"));
        return;
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads", "1"])
        .env(MEASURED, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let peak = said.split("peak:").nth(1).and_then(|rest| rest.split(':').next());
    let peak: u64 = peak.unwrap_or_else(|| panic!("{said}")).parse().unwrap();
    println!("peak memory: {} MB", peak >> 10);
    assert!(peak < 150 << 10, "{} MB", peak >> 10);
}

fn apply_a_batch() {
    let mut document = AutoCommit::new();
    let all = document.put_object(&ROOT, "patterns", ObjType::Map).unwrap();
    let (entries, edits) = BATCH;
    for n in 0..entries {
        let entry = document.put_object(&all, format!("{n:05}"), ObjType::Map).unwrap();
        document.put(&entry, "title", format!("title of {n}")).unwrap();
        document.put(&entry, "body", format!("{n} {LEARNED}")).unwrap();
        document.put(&entry, "state", 1).unwrap();
    }
    document.commit();
    let mut other = document.fork();
    for n in (0..entries).step_by(entries / edits) {
        let (_, entry) = other.get(&all, format!("{n:05}")).unwrap().unwrap();
        other.put(&entry, "title", "changed").unwrap();
    }
    other.commit();
    let heads = document.get_heads();
    let changes = other.get_changes(&heads);
    drop(other);
    assert_eq!(changes.len(), 1);
    document.apply_changes(changes).unwrap();
    let last = format!("{:05}", entries - entries / edits);
    let (_, entry) = document.get(&all, last).unwrap().unwrap();
    let (title, _) = document.get(&entry, "title").unwrap().unwrap();
    assert_eq!(title.to_str(), Some("changed"));
}
