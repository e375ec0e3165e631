//! Extraction as a whole: whatever the steps, and however often.

use proptest::prelude::*;

use super::testing::{ROOT, drafts, steps};
use super::*;
use crate::model::ids::PatternId;
use crate::model::pattern::Kind;

#[test]
fn a_subagent_teaches_no_decisions_and_no_episodes() {
    let script = "> never push to main, open a pull request
         Edit ~/app/src/a.rs
         $ npm tset !! npm ERR! Missing script: \"tset\"
         $ npm test";
    let kinds = |main| -> Vec<Kind> {
        extract(&steps(script), ROOT, main).drafts.iter().map(|draft| draft.kind).collect()
    };
    for kind in [Kind::Decision, Kind::Episode] {
        assert!(kinds(true).contains(&kind) && !kinds(false).contains(&kind), "{kind}");
    }
    assert!(kinds(false).contains(&Kind::Recipe));
}

#[test]
fn the_latest_wording_of_a_pattern_stands() {
    let recipes: Vec<Draft> = drafts(
        "$ go test ./a :: First
         $ go test ./a :: Second",
    );
    assert_eq!(recipes.len(), 1);
    assert_eq!(recipes[0].evidence.len(), 2);
    assert!(recipes[0].trigger.ends_with("Second"), "{}", recipes[0].trigger);
}

fn arbitrary_steps() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("> do it".to_string()),
        Just("says no".to_string()),
        Just("interrupt".to_string()),
        Just("in ~/app/web".to_string()),
        Just("in ".to_string()),
        "(\\$|Edit|Read|Grep|mcp__x) \\PC{0,20}( !! \\PC{0,20})?",
        "\\$ (cd web && )?(npm|git|./x) (test|push|run a)( --no-verify)?( (!!|!~) (Exit code 1|fatal: x|usage: y))?",
        "(> |says )\\PC{0,40}",
        "(Edit|Read) (~/app/)?[ab](/\\.\\.)?/[ab]\\.rs( !! File does not exist\\.)?",
    ];
    prop::collection::vec(line, 0..24).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn whatever_the_steps(script in arbitrary_steps(), main: bool, root in "(~/app|/|\\.|)") {
        let steps = steps(&script);
        let found = extract(&steps, &root, main);
        prop_assert_eq!(&found, &extract(&steps, &root, main));
        let mut ids: Vec<PatternId> = found.drafts.iter().map(|draft| draft.id("p")).collect();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), found.drafts.len(), "each pattern once");
        for draft in &found.drafts {
            prop_assert!(!draft.text.is_empty() && !draft.evidence.is_empty(), "{:?}", draft);
        }
    }

    /// What a session says of a failure and of what then worked is its own matter: other work
    /// before it and the hour change nothing.
    #[test]
    fn ids_depend_on_neither_place_nor_time(before in prop::collection::vec("Read ~/app/[a-d]", 0..5)) {
        let fix = "> go on
             $ npm run x !! npm ERR! Missing script: \"x\"
             $ npm run y";
        let ids = |script: &str| -> Vec<PatternId> {
            drafts(script).iter().map(|draft| draft.id("p")).collect()
        };
        let later = format!("{}\n{fix}", before.join("\n"));
        prop_assert_eq!(ids(fix), ids(&later));
    }
}
