//! Answers to the agent's questions: those that choose something lasting.
//!
//! Most questions of an agent are about the next step ("continue?", "may I remove it?"); their
//! answers are used up at once. What is kept says how something is to be.

use super::rules::{self, Context};
use super::speech;

/// Longest answer that counts as one of the offered options, in bytes.
const OPTION_LIMIT: usize = 90;

/// Questions about the work's course rather than its content.
const PROCEDURAL: &[&str] = &[
    "would you like to do",
    "do you want to do",
    "like me to",
    "want me to",
    "should i ",
    "shall i ",
    "can i ",
    "may i ",
    "can you ",
    "could you ",
    "proceed",
    "continue",
    "more questions",
    "are we done",
    "ready to",
    "ready for",
    "what next",
    "next step",
    "which areas",
    "to discuss",
    "to work on",
    "look good",
    "looks good",
    "look right",
    "approve",
    "commit this",
    "commit these",
    "commit the",
    "merge this",
    "push this",
    "start with",
    "begin with",
    "진행할까요",
    "할까요",
    "시겠습니까",
    "방향은",
    "继续",
    "続け",
    "fortfahren",
    "weitermachen",
];

/// Openings of answers that leave it open, agree, or steer the conversation.
const STEERING: &[&str] = &[
    "you decide",
    "your choice",
    "up to you",
    "yes",
    "no",
    "yep",
    "yeah",
    "nope",
    "ok",
    "okay",
    "sure",
    "next",
    "done",
    "start",
    "run",
    "work on",
    "skip",
    "continue",
    "proceed",
    "go ahead",
    "(notes",
    "other",
    "not sure",
    "unsure",
    "i don't know",
    "idk",
    "hmm",
    "hm",
    "let me",
    "let's",
    "later",
    "cancel",
    "stop",
    "wait",
    "honestly",
    "approve",
    "approved",
    "looks good",
    "lgtm",
    "both",
    "all",
    "none",
    "neither",
    "either",
    "show",
    "explain",
    "tell me",
    "ask",
    "finish",
    "ship it",
    "commit",
    "merge",
    "push",
    "try",
    "abort",
    "defer",
    "type something",
    "chat about",
    "1",
    "2",
    "3",
    "4",
    "a",
    "b",
    "c",
];

/// The words to keep of an answer to `question`, and whether they stand; `None` if the answer
/// decides nothing for later.
pub(super) fn lasting(question: &str, answer: &str) -> Option<(String, bool)> {
    let answer = answer.trim().trim_end_matches("(Recommended)").trim_end();
    let spoken = speech::sentences(answer)
        .iter()
        .find_map(|sentence| rules::judge(sentence, Context::Refusal));
    if let Some(ruling) = spoken {
        return Some((ruling.quote, ruling.standing));
    }
    let asked = question.to_lowercase();
    let reply = answer.to_lowercase();
    let procedural = PROCEDURAL.iter().any(|phrase| asked.contains(phrase));
    let steering = STEERING.iter().any(|opening| {
        reply.strip_prefix(opening).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    });
    if procedural || steering || answer.len() > OPTION_LIMIT || answer.contains(['?', '？']) {
        return None;
    }
    let sentence = speech::read(answer);
    // A bare word says something only beside the alternatives that the question names.
    let alternatives = asked.contains(" or ") || asked.contains(" vs");
    let tells = rules::names(&sentence.words) >= 2 || alternatives && sentence.words.len() >= 2;
    tells.then(|| (answer.to_owned(), false))
}
