//! What counts as a decision, by example. Most sentences are from real sessions, with names of
//! products changed and typing errors kept.

use proptest::prelude::*;

use super::rules::Context::{self, Correcting, Following, Opening, Refusal};
use super::*;
use crate::model::trajectory::{Author, Call};

/// A sentence decides nothing.
const NO: &str = "";
/// It decides, for the subject at hand or whenever the subject comes back.
const YES: &str = "yes";
/// It is a standing rule.
const STANDS: &str = "stands";

fn verdict(context: Context, prompt: &str) -> &'static str {
    let sentences = speech::sentences(prompt);
    let rulings: Vec<Ruling> =
        sentences.iter().filter_map(|sentence| rules::judge(sentence, context)).collect();
    match rulings.first() {
        None => NO,
        Some(ruling) if ruling.standing => STANDS,
        Some(_) => YES,
    }
}

fn check(cases: &[(Context, &str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter(|(context, prompt, expected)| verdict(*context, prompt) != *expected)
        .map(|(context, prompt, expected)| {
            format!("{context:?} {prompt:?}: {:?}, not {expected:?}", verdict(*context, prompt))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rules_that_stand() {
    check(&[
        (Opening, "never open prs against release!!!!!!!!!!!", STANDS),
        (Opening, "if there is error, always exit with os.Exit(1)", STANDS),
        (
            Opening,
            "full schema should not be updated ever, it is a point in time snapshot.",
            STANDS,
        ),
        (Opening, "Never use `any` in TypeScript.", STANDS),
        (Following, "No, never use the staging database for tests, use sqlite instead.", STANDS),
        (Opening, "always run `pnpm lint` before committing", STANDS),
        (Opening, "Make sure you never commit .env files", STANDS),
        (Opening, "In this project we write docs in British English.", STANDS),
        (Opening, "the API key must never be logged", STANDS),
        (Opening, "Let's review the PR. remember also you have LSP tool access.", STANDS),
        (Opening, "We should add the agent name to any logging", STANDS),
        (
            Following,
            "we should be using the strong types instead of string wherever we can",
            STANDS,
        ),
        (Following, "I think its better not to store any PII in local storage.", STANDS),
        (Following, "the overriding directive is to not get in the way of the user", STANDS),
        (Following, "(we use go-git in other places to not depend on a checkout)", STANDS),
        (Following, "we use tabs not spaces in this repo", STANDS),
        (Following, "we never squash here", STANDS),
        (Following, "we only support Node 20 and later", STANDS),
        (Following, "we don't do squash merges", STANDS),
        (Following, "ok we do container-first.", STANDS),
        (Following, "From now on write commit messages in English.", STANDS),
        (Following, "ask me before running migrations", STANDS),
        (Following, "I prefer composition over inheritance", STANDS),
        (Following, "do not ever touch the vendor directory", STANDS),
        (Following, "CHANGELOG.md is stale, always update it when you add a flag", STANDS),
        (Following, "Please use conventional commits for all commit messages", STANDS),
        (Following, "let's do the one here as well, we always want a valid checkpointId", STANDS),
        (Correcting, "and remember to use pagination", STANDS),
        (Refusal, "prefer subagents to save on the main context", STANDS),
    ]);
}

#[test]
fn corrections_of_a_subject_that_can_come_back() {
    check(&[
        (Opening, "don't touch the `analysis/writeups` folder, i will do thst myself.", YES),
        (Opening, "don't add Co-Authored-By lines to commit messages", YES),
        (Opening, "keep our working documentation in linear.", YES),
        (
            Opening,
            "We should not display \"AGENTS.md\" here, but instead \"Copilot instructions\"",
            YES,
        ),
        (Opening, "In cloud mode we should not display the running cli agent in the menu.", YES),
        (Opening, "Claude Rule should appear as \"Claude Rule\", not just \"Rule\"", YES),
        (Opening, "android.platforms shouldn't be empty.", YES),
        (Following, "please be careful to not lose my progress in the database", YES),
        (Following, "make sure you do not lose my data in the databas", YES),
        (
            Following,
            "Please dont just push through the migrations by executing them on the server.",
            YES,
        ),
        (
            Following,
            "that is wrong, I can also totally see `Acme-Checkpoint:` trailers in main",
            YES,
        ),
        (Following, "no, we removed the session commands on purpose", YES),
        (Following, "no, the threshold applies after merging", YES),
        (Following, "that is not correct, we don't gitignore the whole acme folder", YES),
        (Following, "That's not how we do it, migrations are generated with alembic", YES),
        (Following, "we don't have `Acme-Session` anymore so this is obsolete.", YES),
        (Following, "for explain, the prompts we show should be scoped to that checkpoint.", YES),
        (Following, "Yes, but I'd like to do a TDD approach with integration tests", YES),
        (Following, "let's use true/false and not on/off for the skip-push-sessions", YES),
        (Following, "ok. let's use apple container instead of docker proper.", YES),
        (Following, "we explicitly don't want hardcoded visual tests.", YES),
        (Following, "We want whatever is simpler to reduce maintenance long-term.", YES),
        (Following, "i kind of feel like we want either typescript or rust.", YES),
        (Following, "and keep in mind: (claude code should be source of truth)", YES),
        (Following, "If flutter create is using Java 17, then we should use java 17.", YES),
        (Following, "Also the skills should be in \".agent/skills\" directory", YES),
        (Following, "I want to inform about telemetry only first time user calls enable.", YES),
        (Following, "stop adding comments to the code", YES),
        (Following, "use pnpm not npm", YES),
        (Following, "not as a comment, but as a document attached to the issue directly.", YES),
        (Following, "use `gh` to authenticate", YES),
        (Following, "tests should go in tests/unit, not next to the code", YES),
        (Following, "I don't want you to push to main without asking me", YES),
        (Following, "keep functions under 40 lines", YES),
        (Following, "no emojis in commit messages please", YES),
        (Following, "all timestamps should be stored in UTC", YES),
        (Following, "public functions should have doc comments", YES),
        (Following, "we should run the formatter on the README before committing it", YES),
        (Following, "You should use the existing helper instead of writing a new one", YES),
        (Correcting, "\"mode: full\" is settled already, don't look into modes anymore.", YES),
        (Correcting, "make a plan as a document. use linear comments for the plan", YES),
        (Refusal, "I want the formula to be called acme-tab instead of acme-tap", YES),
        (Refusal, "I don't want to have tokens under my account that are used by the org", YES),
        (Refusal, "no, I did not say commit anything", YES),
        (Refusal, "don't check this in", YES),
        (Refusal, "let's cut a branch first", YES),
    ]);
}

#[test]
fn polite_questions_decide_and_others_do_not() {
    check(&[
        (Following, "Can we not commit the doc/testing docs?", YES),
        (Following, "can we use `checkpointID` instead of `cpID` in session.go?", YES),
        (Refusal, "can you use a switch case instead of linked ifelse?", YES),
        (Following, "can you stop creating summary markdown files?", YES),
        (Following, "don't we have a helper for that?", NO),
        (Following, "shouldn't we use the cache here?", NO),
        (Following, "do you always need to rebuild the image?", NO),
        (Following, "why does it always fail?", NO),
        (Refusal, "should we be using the StripIDE code from textutil?", NO),
        (Following, "any ideas why the uploads are failing?", NO),
    ]);
}

#[test]
fn the_work_at_hand_is_no_decision() {
    check(&[
        (Following, "don't fix anything, but just validate it works", NO),
        (Following, "can you check these tests? don't change anything, just let me know", NO),
        (Opening, "Generate a commit message but don't commit it", NO),
        (
            Opening,
            "can you review the change, where we use `git add` but don't change the tree",
            NO,
        ),
        (Following, "can you review the tests that they don't test standard libraries", NO),
        (Following, "don't commit yet", NO),
        (Following, "don't implement it, just give me a plan", NO),
        (Following, "We should first get a good design before looking into implementation.", NO),
        (Following, "We should find a way to extract the java version automatically.", NO),
        (Following, "we should fix the flaky test", NO),
        (Following, "I want to analyze and see if we can remove more steps.", NO),
        (Following, "I want you to refactor the parser", NO),
        (Following, "I'd like to explain the issue briefly and then provide the solution.", NO),
        (Following, "use the reviewer superpower on this", NO),
        (Following, "use option 2", NO),
        (Following, "let's completely remove the start command", NO),
        (Following, "commit your changes", NO),
        (Following, "continue, don't stop until all tests pass", NO),
        (Following, "don't forget to push", NO),
        (Refusal, "wait please let's talk about this", NO),
        (Refusal, "what are you doing...??", NO),
        (Refusal, "reply to https://example.com/pull/112#discussion_r27", NO),
    ]);
}

#[test]
fn remarks_and_symptoms_are_no_decisions() {
    check(&[
        (Following, "no, i'm still seeing this happen. not sure what the pattern is", NO),
        (Following, "no this is on macos", NO),
        (Following, "it somehow always lists these under each branch", NO),
        (Following, "and I guess we don't always have session information :|", NO),
        (Following, "there are some items, all \"profiling never enabled\", that fail.", NO),
        (
            Following,
            "1 does seem like a decent path, though we might want to improve in future.",
            NO,
        ),
        (
            Following,
            "if we use a private key that is derived, this could be a way to grant access",
            NO,
        ),
        (Following, "just to be sure, the date of the commit never change", NO),
        (Following, "still reads for the quick reader as if we start a new branch always", NO),
        (Following, "Right now, to disable telemetry we use:", NO),
        (Following, "3, but enabled by default", NO),
        (Following, "it never works", NO),
        (Following, "not sure, but I think it's the cache", NO),
        (Following, "the build never finishes", NO),
        (Following, "the page is always blank after login", NO),
        (Following, "never mind", NO),
        (Following, "don't know why this fails", NO),
        (Following, "that should work now", NO),
        (Following, "the server should be running on port 3000", NO),
        (Following, "the test should pass but it fails", NO),
        (Following, "the docs say we should use the v2 API", NO),
        (Following, "you can always revert", NO),
        (Following, "you never run the tests", NO),
        (Following, "only 3 tests failed", NO),
        (Following, "No errors in the console", NO),
        (Following, "Tell me where we should add the agent into context.", NO),
        (Following, "I'm not sure we should use redis", NO),
        (Following, "thanks, looks great!", NO),
    ]);
}

#[test]
fn what_only_the_conversation_knows_is_no_decision() {
    check(&[
        (Following, "no revert those changes, I think it's correct", NO),
        (Following, "no, ignore this part, back to the changes we did", NO),
        (Following, "this should not happen", NO),
        (Following, "it should not crash when the file is missing", NO),
        (Following, "Also don't give it a number and it needs no date", NO),
        (Following, "please use the same approach", NO),
        (Following, "the same clean break strategy from before should be followed.", NO),
        (Following, "use it in the header too", NO),
        (Following, "I prefer the second one", NO),
        (Following, "let's not do that", NO),
        (Following, "ok can we please log an entry and ensure this never repeats again.", NO),
    ]);
}

#[test]
fn pasted_text_is_not_the_users() {
    let long = "The function should use the existing GetDir() helper instead of duplicating the \
                logic. GetDir() properly handles relative paths by making them absolute, which \
                is more robust. Replace lines 148-154 with a call to GetDir().";
    let wrapped = "In app/routes/api.stream.ts around lines 76 to 82, the abort listener currently\n\
                   awaits cleanup which can cause leaks; change the listener to be one-shot and do\n\
                   not await the destroy call; avoid returning a promise from the event callback.";
    check(&[
        (Following, long, NO),
        (Correcting, wrapped, NO),
        (Following, "I got this feedback:\n\nNever pass the empty type, always use a default.", NO),
        (Following, "Low Severity\n\nBinary files should not be read twice.", NO),
        (Following, "Consider clarifying that we never create a commit here.", NO),
        (Following, "> always use const", NO),
        (Following, "```\nalways use const in new files\n```", NO),
        (Following, "+  // Always write steps_count in new metadata.", NO),
        (Following, "=== Step 3 ===\nSession 1 was discarded, so it should NOT be attributed.", NO),
        (
            Following,
            "can we change\n\"Both are captured. Use 'acme rewind' to see them\"\nto x",
            NO,
        ),
        (Following, "Which do you think is better?\n1. Ask once at start, do not ask anymore.", NO),
        (Following, "$ ./check\nchecking\nNever run the security scan, it is deprecated", NO),
        (Following, "it stops\n2026-01-02T10:00:00Z INFO a\nWe always use pnpm here", NO),
        (Following, "it stops\n[10:00:00] Please always use pnpm instead of npm", NO),
        (Following, "We always use pnpm here\n\nThat is what the README says. Is it right?", NO),
        (Following, "$ ./check\nerror: no\n\nNever run the security scan, it is slow", STANDS),
        (Following, "We always use pnpm here. That's how the docs say it is.", STANDS),
        (Opening, "You are a futures analyst. Always answer in JSON, never use prose.", NO),
        (Opening, "<create-pr-command>\nAlways push the branch first.\n</create-pr-command>", NO),
        (Opening, "Implement the following plan:\n\nAlways use the new flag.", NO),
    ]);
    let plan = "We always use pnpm here. ".repeat(80);
    assert_eq!(verdict(Opening, &plan), NO, "a document");
}

#[test]
fn other_languages() {
    check(&[
        (Following, "Bitte verwende pnpm statt npm.", YES),
        (Following, "Wir nutzen immer Conventional Commits im Repository.", STANDS),
        (Following, "Nie direkt auf main pushen!", STANDS),
        (Following, "N'utilise pas de mocks dans les tests d'intégration", YES),
        (Following, "Utilise toujours pnpm au lieu de npm", STANDS),
        (Following, "Siempre ejecuta las pruebas antes de hacer commit", STANDS),
        (Following, "usa pnpm en lugar de npm", YES),
        (Following, "以后都用 pnpm，不要用 npm", STANDS),
        (Following, "不要修改生成的文件，改用模板", YES),
        (Following, "コミットメッセージは必ず英語で書いてください", STANDS),
        (Following, "npm ではなく pnpm を使ってください", YES),
        (Following, "커밋 메시지는 항상 한국어로 작성해 주세요", STANDS),
        (Following, "Es zeigt immer noch den alten Wert", NO),
        (Following, "das funktioniert nie", NO),
        (Following, "ça marche toujours pas", NO),
        (Following, "PR #222 확인하고 머지해주세요", NO),
        (Following, "v0.16.0 릴리즈 상태는 어떤가요?", NO),
    ]);
}

#[test]
fn the_quotation_leaves_out_what_leads_elsewhere() {
    let quote = |prompt: &str| {
        let sentences = speech::sentences(prompt);
        sentences.iter().find_map(|s| rules::judge(s, Following)).map(|r| r.quote)
    };
    let cases = [
        (
            "let's do the one here as well, we always want to be passed a valid checkpointId",
            "we always want to be passed a valid checkpointId",
        ),
        (
            "Looking at that, it is ignored so we lose it but that is not correct, we don't \
             gitignore the acme folder",
            "that is not correct, we don't gitignore the acme folder",
        ),
        ("if there is error, always exit with 1", "if there is error, always exit with 1"),
        (
            "ok works. (claude code should be source of truth)",
            "(claude code should be source of truth)",
        ),
    ];
    for (prompt, expected) in cases {
        assert_eq!(quote(prompt).as_deref(), Some(expected), "{prompt}");
    }
}

#[test]
fn answers_that_choose_and_answers_that_steer() {
    let cases = [
        ("Where should users find their public key?", "Settings page", Some("Settings page")),
        ("What happens when the token is expired?", "Redirect to login", Some("Redirect to login")),
        (
            "Should READMEs be embedded files or inline string constants?",
            "Inline strings (Recommended)",
            Some("Inline strings"),
        ),
        (
            "Should existing repos get READMEs or only newly created locations?",
            "Only new (Recommended)",
            Some("Only new"),
        ),
        (
            "Plan ready at `plans/x.md`. What would you like to do next?",
            "the only way to suppress it should be a flag, not an interactive prompt",
            Some("the only way to suppress it should be a flag, not an interactive prompt"),
        ),
        ("Plan ready at `plans/x.md`. What would you like to do next?", "Run /plan_review", None),
        ("What would you like to do with the todo?", "Work on it now", None),
        ("More questions about sharing, or move to next area?", "Next area", None),
        ("Should shared folders indicate that they are read-only?", "You decide", None),
        ("Where should the 'Share' action live?", "Both", None),
        ("Which approach?", "Hybrid", None),
        ("Can I remove the stale clone directory?", "Yes, remove it", None),
        ("How should I create them?", "(notes only)", None),
        ("Instant or with acceptance?", "what are the disadvantages of instant?", None),
        ("PR #222 처리 방향은?", "보류", None),
    ];
    for (question, said, expected) in cases {
        let kept = answers::lasting(question, said).map(|(words, _)| words);
        assert_eq!(kept.as_deref(), expected, "{question} {said}");
    }
}

#[test]
fn the_same_rule_in_other_words_is_one() {
    let same = [
        "Please don't use npm!",
        "don't use npm",
        "Do not use NPM.",
        "ok, and just dont use npm",
        "don't really use \"npm\"",
    ];
    for said in same {
        assert_eq!(normal(said), "do not use npm", "{said}");
    }
    assert_ne!(normal("use `npm`"), normal("use `pnpm`"));
}

fn step(line: u64, body: Body) -> Step {
    let id = StepId::derive(&format!("step {line}"));
    Step { id, at: Some(line as i64), cwd: "/p".into(), line, body }
}

fn prompt(line: u64, text: &str) -> Step {
    step(line, Body::Prompt { text: text.into(), author: Author::Human })
}

fn bash(line: u64, command: &str, outcome: Outcome) -> Step {
    let tool = "Bash".into();
    step(line, Body::Call(Call { tool, subject: command.into(), outcome, ..Call::default() }))
}

fn found(steps: &[Step]) -> Vec<Draft> {
    let view = View::new(steps, "/p");
    let mut drafts = Vec::new();
    extract(&view, &mut drafts);
    drafts
}

fn texts(drafts: &[Draft]) -> Vec<&str> {
    drafts.iter().map(|draft| draft.text.as_str()).collect()
}

#[test]
fn a_prompt_after_an_interruption_corrects() {
    let steps = [
        prompt(1, "use linear comments for the plan"),
        prompt(2, "use linear comments for the plan"),
        step(3, Body::Interrupt),
        prompt(4, "use linear comments for the plan"),
        prompt(5, "use linear comments for the plan"),
    ];
    let drafts = found(&steps);
    assert_eq!(texts(&drafts), ["the user said: \"use linear comments for the plan\""]);
    assert_eq!(drafts[0].evidence[0].at, 4);
    let by_machine = Body::Prompt { text: "never push to main".into(), author: Author::Command };
    assert_eq!(found(&[step(1, by_machine)]), []);
}

#[test]
fn comments_keep_what_they_are_about_unless_they_stand_alone() {
    let said = |text: &str| {
        let about = "git add docs/plan.md && git commit -m x".into();
        step(3, Body::Feedback { text: text.into(), about })
    };
    let call = || bash(2, "git add docs/plan.md && git commit -m x", Outcome::Rejected);
    let about = found(&[prompt(1, "go"), call(), said("don't check this in")]);
    assert_eq!(about.len(), 1);
    assert!(about[0].text.starts_with("on `git add"), "{}", about[0].text);
    assert!(about[0].text.ends_with("the user said: \"don't check this in\""));
    let alone = found(&[prompt(1, "go"), call(), said("never commit the docs/plans folder")]);
    assert_eq!(texts(&alone), ["the user said: \"never commit the docs/plans folder\""]);
    assert!(alone[0].payload.standing);
}

#[test]
fn refusals_without_a_word_count_when_they_repeat() {
    use crate::model::pattern::{State, Tally, state_by_evidence};
    let refused = [
        prompt(1, "go"),
        bash(2, "git push --force origin main", Outcome::Rejected),
        bash(3, "git status", Outcome::Rejected),
    ];
    let drafts = found(&refused);
    assert_eq!(texts(&drafts), ["the user refused `git push --force`"]);
    let state = |successes| {
        let tally = Tally { successes, ..Tally::default() };
        state_by_evidence(Kind::Decision, &drafts[0].payload, &tally)
    };
    assert_eq!((state(1), state(2)), (State::Candidate, State::Active));
    let mut allowed = refused.to_vec();
    allowed.push(bash(4, "git push --force origin main", Outcome::Success));
    assert_eq!(found(&allowed), [], "it was allowed later");
}

proptest! {
    #[test]
    fn never_panics_and_quotes_the_user(said in "(?s)([a-z',.?\"`()é—：。\n -]{0,40}(always|don't|should not|use|instead of|no,|we) ){0,6}.{0,60}") {
        for context in [Opening, Following, Correcting, Refusal] {
            for sentence in speech::sentences(&said) {
                if let Some(ruling) = rules::judge(&sentence, context) {
                    prop_assert!(sentence.text.contains(ruling.quote.trim_end_matches('…')));
                }
            }
        }
        let draft = found(&[prompt(1, &said)]);
        prop_assert!(draft.iter().all(|d| d.text.len() <= 240 && !d.text.contains('\n')));
    }
}
