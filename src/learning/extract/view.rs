//! A trajectory prepared for extraction.

use super::wording;
use crate::model::paths;
use crate::model::pattern::{Evidence, Role};
use crate::model::shell::{Category, Normal, Part, normalise};
use crate::model::signature::{ErrorClass, Signature, recognise};
use crate::model::trajectory::{Author, Body, Call, Outcome, Step, changes_file};

/// A trajectory's steps with commands parsed, errors reduced and episodes cut.
#[derive(Debug)]
pub(crate) struct View<'a> {
    /// All steps in order.
    pub(crate) steps: &'a [Step],
    /// The calls in order.
    pub(crate) calls: Vec<Seen<'a>>,
    /// Episodes in order; together they cover all steps.
    pub(crate) episodes: Vec<Episode>,
    root: &'a str,
}

/// A call with what was worked out about it.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    /// Its step.
    pub(crate) step: &'a Step,
    /// The call itself.
    pub(crate) call: &'a Call,
    /// Number of its episode.
    pub(crate) episode: usize,
    /// The parsed command, for Bash.
    pub(crate) command: Option<Normal>,
    /// The error's signature and class, for failures.
    pub(crate) error: Option<(Signature, ErrorClass)>,
}

/// The steps from one prompt to the next.
#[derive(Debug)]
pub(crate) struct Episode {
    /// The prompt's step and text; none for what precedes the first prompt.
    pub(crate) prompt: Option<(usize, Author)>,
    /// One past the last step.
    pub(crate) end: usize,
}

impl<'a> View<'a> {
    /// Prepares `steps` of a trajectory that started in `root`.
    pub(crate) fn new(steps: &'a [Step], root: &'a str) -> Self {
        let mut episodes = vec![Episode { prompt: None, end: steps.len() }];
        let mut calls = Vec::new();
        for (n, step) in steps.iter().enumerate() {
            match &step.body {
                Body::Prompt { author, .. } => {
                    if let Some(last) = episodes.last_mut() {
                        last.end = n;
                    }
                    let prompt = Some((n, *author));
                    episodes.push(Episode { prompt, end: steps.len() });
                }
                Body::Call(call) => calls.push(Seen::new(step, call, episodes.len() - 1)),
                _ => {}
            }
        }
        Self { steps, calls, episodes, root }
    }

    /// The prompt's text of an episode.
    pub(crate) fn prompt_text(&self, episode: &Episode) -> Option<&'a str> {
        match &self.steps[episode.prompt?.0].body {
            Body::Prompt { text, .. } => Some(text),
            _ => None,
        }
    }

    /// `path` relative to the project when it lies in it; otherwise with `~` for the home.
    pub(crate) fn relative(&self, path: &str, cwd: &str) -> String {
        paths::relative(path, self.root, cwd)
    }

    /// Whether the user's own words hold `word`, so that what it stands for is the user's choice.
    pub(crate) fn user_named(&self, word: &str) -> bool {
        self.steps.iter().any(|step| match &step.body {
            Body::Prompt { text, author: Author::Human } | Body::Feedback { text, .. } => {
                words_of(text).any(|named| named == word)
            }
            _ => false,
        })
    }

    /// Whether the prompt before this call names an option that its command has.
    pub(crate) fn was_told_how(&self, seen: &Seen<'_>) -> bool {
        let episode = &self.episodes[seen.episode];
        let (Some((_, Author::Human)), Some(command)) = (episode.prompt, &seen.command) else {
            return false;
        };
        let said = self.prompt_text(episode).unwrap_or_default();
        command.parts.iter().flat_map(|part| &part.words).any(|word| {
            word.len() > 2 && word.starts_with('-') && words_of(said).any(|named| named == word)
        })
    }

    /// The calls of episode number `n`.
    pub(crate) fn calls_of(&self, n: usize) -> impl Iterator<Item = &Seen<'a>> {
        self.calls.iter().filter(move |seen| seen.episode == n)
    }
}

impl<'a> Seen<'a> {
    fn new(step: &'a Step, call: &'a Call, episode: usize) -> Self {
        let command = (call.tool == "Bash").then(|| normalise(&call.subject));
        let error = call.outcome.failed().then(|| recognise(&call.tool, &call.error));
        Self { step, call, episode, command, error }
    }

    /// Whether it worked.
    pub(crate) fn worked(&self) -> bool {
        self.call.outcome == Outcome::Success
    }

    /// Whether it is a call of a tool that changes a file.
    pub(crate) fn edits(&self) -> bool {
        changes_file(&self.call.tool)
    }

    /// Whether the command only looks at things, so that running it mends nothing.
    pub(crate) fn only_looks(&self) -> bool {
        self.command.as_ref().is_none_or(|c| c.parts.iter().all(only_looks))
    }

    /// The folder in which the command ran, relative to the project.
    pub(crate) fn folder(&self, view: &View<'_>) -> String {
        let own = self.command.as_ref().and_then(|c| c.parts.first()?.dir.as_deref());
        view.relative(own.unwrap_or("."), &self.step.cwd)
    }

    /// The command as it would be typed, with its folder when that is not the one of `other`.
    pub(crate) fn shown_command(&self, other: &Self, view: &View<'_>) -> String {
        let shown = self.command.as_ref().map(wording::command).unwrap_or_default();
        let folder = self.folder(view);
        match folder.as_str() {
            _ if folder == other.folder(view) => shown,
            "." => format!("cd <project root> && {shown}"),
            folder => format!("cd {folder} && {shown}"),
        }
    }

    /// Whether the command only searches or handles files.
    pub(crate) fn only_searches(&self) -> bool {
        self.command.as_ref().is_none_or(|c| {
            c.parts.iter().all(|p| matches!(p.category(), Category::Search | Category::Files))
        })
    }

    /// When it happened, in milliseconds since the Unix epoch; 0 when the transcript is silent.
    pub(crate) fn at(&self) -> i64 {
        self.step.at.unwrap_or(0)
    }

    /// Itself as evidence.
    pub(crate) fn evidence(&self, role: Role) -> Evidence {
        Evidence { step: self.step.id, at: self.at(), role }
    }
}

/// The words of a text without the marks around them.
fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || "\"'`,.()".contains(c))
}

/// Subcommands that only report, by program.
const REPORTS: &[(&str, &[&str])] = &[
    (
        "git",
        &[
            "status",
            "log",
            "diff",
            "show",
            "branch",
            "rev-parse",
            "ls-files",
            "blame",
            "remote",
            "describe",
            "reflog",
            "cat-file",
            "rev-list",
            "ls-remote",
            "config",
            "grep",
        ],
    ),
    ("gh", &["view", "list", "checks", "status", "diff"]),
    ("docker", &["ps", "logs", "images", "inspect"]),
    ("kubectl", &["get", "describe", "logs"]),
];

/// Whether the command asks a program how it is used.
pub(super) fn asks_for_help(part: &Part) -> bool {
    part.words
        .iter()
        .skip(1)
        .any(|word| matches!(word.as_str(), "--help" | "-h" | "help" | "--version" | "-V"))
}

fn only_looks(part: &Part) -> bool {
    if matches!(part.category(), Category::Search | Category::Files) {
        return true;
    }
    REPORTS.iter().any(|(program, subcommands)| {
        part.program == *program
            && part.head.split(' ').skip(1).any(|word| subcommands.contains(&word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::extract::testing::{ROOT, steps};

    #[test]
    fn episodes_cover_all_steps() {
        let steps = steps("$ a\n> one\n$ b\nsays no\n$ c\ncommand> two\nagent> three\n$ d");
        let view = View::new(&steps, ROOT);
        let ends: Vec<usize> = view.episodes.iter().map(|episode| episode.end).collect();
        assert_eq!(ends, [1, 5, 6, 8]);
        let prompts: Vec<Option<&str>> =
            view.episodes.iter().map(|episode| view.prompt_text(episode)).collect();
        assert_eq!(prompts, [None, Some("one"), Some("two"), Some("three")]);
        let calls = |n| view.calls_of(n).map(|seen| seen.call.subject.as_str()).collect::<Vec<_>>();
        assert_eq!(
            (calls(0), calls(1), calls(2), calls(3)),
            (vec!["a"], vec!["b", "c"], vec![], vec!["d"])
        );
        assert_eq!(View::new(&[], ROOT).episodes.len(), 1);
    }

    #[test]
    fn only_the_users_own_words_name_a_choice() {
        for (script, expected) in [
            ("> use `--force`.", true),
            ("> (with --force, please)", true),
            ("says --force is fine", true),
            ("> --forceful words", false),
            ("agent> --force", false),
            ("command> --force", false),
            ("$ git push --force", false),
        ] {
            let steps = steps(script);
            assert_eq!(View::new(&steps, ROOT).user_named("--force"), expected, "{script}");
        }
    }

    #[test]
    fn commands_that_only_look() {
        for (command, expected) in [
            ("ls && cat a | head", true),
            ("git status && git log --oneline -3", true),
            ("gh pr view 12", true),
            ("docker ps -a", true),
            ("kubectl get pods", true),
            ("git commit -m x", false),
            ("git log && git push", false),
            ("gh pr create", false),
            ("docker run x", false),
            ("./status", false),
        ] {
            let steps = steps(&format!("$ {command}"));
            assert_eq!(View::new(&steps, ROOT).calls[0].only_looks(), expected, "{command}");
        }
    }

    #[test]
    fn failures_alone_have_an_error() {
        let steps = steps("$ a\n$ b !! fatal: x\n$ c !~ fatal: y\n$ d ?? cancelled\nEdit e !! f");
        let view = View::new(&steps, ROOT);
        let errors: Vec<bool> = view.calls.iter().map(|seen| seen.error.is_some()).collect();
        assert_eq!(errors, [false, true, true, false, true]);
        assert!(view.calls[4].command.is_none() && view.calls[4].edits());
    }
}
