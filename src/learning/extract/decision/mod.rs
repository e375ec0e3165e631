//! Decisions: what the user laid down, corrected or refused, in the user's words.
//!
//! They are told again in other sessions, so precision comes before recall. `speech` takes the
//! user's own sentences out of a prompt, `rules` and `signs` say which of them decide something
//! (`tables` and `foreign` hold their words), `answers` and `refusals` look at what the user said beside
//! questions and calls.

mod answers;
mod foreign;
mod refusals;
mod rules;
mod signs;
mod speech;
mod tables;

use super::View;
use super::view::Seen;
use crate::model::ids::StepId;
use crate::model::key::{Key, Space};
use crate::model::pattern::{Draft, Evidence, Kind, Payload, Role};
use crate::model::subject;
use crate::model::text;
use crate::model::trajectory::{Author, Body, Outcome, Step};
use rules::{Context, Ruling};

/// Longest question that is quoted, in bytes.
const QUESTION_LIMIT: usize = 120;

/// Longest quotation beside the question or call that it is about, in bytes.
const BESIDE_LIMIT: usize = 100;

/// Bytes of the prompt around a decision by which it is found.
const AROUND: usize = 300;

/// Words that do not tell one rule from another.
const FILLERS: &[&str] = &[
    "a", "an", "the", "please", "just", "really", "also", "very", "actually", "that", "pls", "so",
    "and", "but",
];

/// Finds decisions in prompts, comments and answers.
pub(super) fn extract(view: &View<'_>, drafts: &mut Vec<Draft>) {
    let mut reading = Reading { view, context: Context::Opening, around: "", decided: Vec::new() };
    for step in view.steps {
        match &step.body {
            Body::Prompt { text, author } => {
                reading.around = text;
                if *author == Author::Human {
                    reading.prompt(step, text, drafts);
                }
                reading.context = Context::Following;
            }
            Body::Feedback { text, about } if about.is_empty() => {
                reading.statements(step, text, Context::Correcting, drafts);
            }
            Body::Feedback { text, about } => reading.beside(step, text, about, drafts),
            Body::Interrupt => reading.stopped(),
            Body::Call(call) if call.outcome == Outcome::Rejected => reading.stopped(),
            _ => {}
        }
    }
    let decided = reading.decided;
    for seen in view.calls.iter().filter(|seen| !decided.contains(&seen.step.id)) {
        if let Some(command) = refusals::command(view, seen) {
            drafts.push(refusal(seen, &command));
        }
    }
}

/// What is known while the steps are read in order.
struct Reading<'a> {
    view: &'a View<'a>,
    /// How much the next prompt may correct.
    context: Context,
    /// The words of the last prompt.
    around: &'a str,
    /// Refused calls whose comments became decisions.
    decided: Vec<StepId>,
}

impl Reading<'_> {
    /// The user stopped the agent: the next prompt says why.
    fn stopped(&mut self) {
        if self.context != Context::Opening {
            self.context = Context::Correcting;
        }
    }

    fn prompt(&self, step: &Step, words: &str, drafts: &mut Vec<Draft>) {
        self.statements(step, words, self.context, drafts);
    }

    fn statements(&self, step: &Step, words: &str, context: Context, drafts: &mut Vec<Draft>) {
        for sentence in speech::sentences(words) {
            if let Some(ruling) = rules::judge(&sentence, context) {
                drafts.push(self.statement(step, &ruling));
            }
        }
    }

    /// A decision that stands by itself.
    fn statement(&self, step: &Step, ruling: &Ruling) -> Draft {
        let quote = text::one_line(&ruling.quote, rules::QUOTE_LIMIT);
        Draft {
            identity: (normal(&quote), String::new()),
            trigger: format!("{quote} {}", text::one_line(self.around, AROUND)),
            text: format!("the user said: \"{quote}\""),
            payload: Payload {
                standing: ruling.standing,
                subject: subject::of_statement(&quote),
                ..Payload::default()
            },
            ..blank(step)
        }
    }

    /// What the user said beside a call: the comment of a refusal or an answer.
    fn beside(&mut self, step: &Step, said: &str, about: &str, drafts: &mut Vec<Draft>) {
        let before = self.view.calls.iter().filter(|seen| seen.step.line <= step.line);
        match before.rev().find(|seen| refusals::is_on(seen, about)) {
            Some(seen) => self.comment(step, said, seen, drafts),
            None => drafts.extend(answer(step, about, said)),
        }
    }

    fn comment(&mut self, step: &Step, said: &str, seen: &Seen<'_>, drafts: &mut Vec<Draft>) {
        for sentence in speech::sentences(said) {
            // What says enough by itself is kept without the call that it was said about.
            let alone = rules::judge(&sentence, Context::Correcting);
            let draft = if let Some(ruling) = alone {
                self.statement(step, &ruling)
            } else if let Some(ruling) = rules::judge(&sentence, Context::Refusal) {
                let quote = text::one_line(&ruling.quote, BESIDE_LIMIT);
                let about = refusals::described(self.view, seen);
                Draft {
                    identity: (about.to_lowercase(), normal(&quote)),
                    trigger: format!("{quote} {about} {}", text::one_line(self.around, AROUND)),
                    text: format!("on {about} the user said: \"{quote}\""),
                    payload: Payload {
                        subject: subject::of_statement(&format!("{about} {quote}")),
                        ..Payload::default()
                    },
                    ..blank(step)
                }
            } else {
                continue;
            };
            self.decided.push(seen.step.id);
            drafts.push(draft);
        }
    }
}

/// The answer to a question of the agent, if it decides something for later.
fn answer(step: &Step, question: &str, said: &str) -> Option<Draft> {
    let (kept, standing) = answers::lasting(question, said)?;
    let asked = text::one_line(question, QUESTION_LIMIT);
    let kept = text::one_line(&kept, BESIDE_LIMIT);
    Some(Draft {
        identity: (normal(&asked), normal(&kept)),
        trigger: format!("{} {kept}", text::one_line(question, AROUND)),
        text: format!("on \"{asked}\" the user said: \"{kept}\""),
        payload: Payload {
            standing,
            subject: subject::of_question(question),
            ..Payload::default()
        },
        ..blank(step)
    })
}

/// A command that the user refused without a word. It counts from the second time on.
fn refusal(seen: &Seen<'_>, command: &str) -> Draft {
    let keys = seen.command.iter().map(|normal| Key::new(Space::Command, &normal.key()));
    Draft {
        tool: seen.call.tool.clone(),
        identity: ("refused".into(), command.to_owned()),
        keys: keys.collect(),
        trigger: command.to_owned(),
        text: format!("the user refused `{command}`"),
        payload: Payload {
            commands: vec![command.to_owned()],
            routine: true,
            subject: subject::of_statement(command),
            ..Payload::default()
        },
        ..blank(seen.step)
    }
}

/// A decision said at `step`, to be filled in.
fn blank(step: &Step) -> Draft {
    Draft {
        kind: Kind::Decision,
        tool: String::new(),
        category: "",
        identity: (String::new(), String::new()),
        keys: Vec::new(),
        trigger: String::new(),
        text: String::new(),
        payload: Payload::default(),
        evidence: vec![Evidence { step: step.id, at: step.at.unwrap_or(0), role: Role::Success }],
    }
}

/// The words without case, punctuation, lead-ins and fillers: two ways of writing the same rule
/// are one decision.
fn normal(said: &str) -> String {
    let sentence = speech::read(said);
    let words: Vec<String> = sentence
        .words
        .iter()
        .map(|word| match word.text.as_str() {
            speech::QUOTED => {
                let inner = &sentence.text[word.start..word.end];
                inner.trim_matches(['"', '`', '\'', '“', '”', '‘', '’']).to_lowercase()
            }
            plain => plain.to_owned(),
        })
        .collect();
    let plain: Vec<&str> = words.iter().map(String::as_str).collect();
    let from = rules::skip_leads(&plain, 0);
    let kept: Vec<&str> = plain[from.min(plain.len())..]
        .iter()
        .copied()
        .filter(|word| !FILLERS.contains(word))
        .collect();
    kept.join(" ")
}

#[cfg(test)]
mod tests;
