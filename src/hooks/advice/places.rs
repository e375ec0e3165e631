//! Which files: those that a prompt will likely lead to, and the one that a wrong path meant.

use super::Question;
use crate::hooks::context::Item;
use crate::hooks::event::ToolCall;
use crate::model::ids::PatternId;
use crate::model::paths;
use crate::model::rank::{self, Asked, Features, Place, Weights, cost};
use crate::model::trajectory::path_of;
use crate::model::{role, tokens};
use crate::storage::{Corpus, KnownFile, Query, StorageError, Term};

/// Files that are named at most.
const MOST: usize = 3;

/// Files that full text proposes.
const PROPOSED: usize = 40;

/// Identifiers of a prompt that are looked up.
const SYMBOLS: usize = 16;

/// Episodes whose files are proposed.
const EPISODES: usize = 8;

/// Files of this session whose company is looked up.
const COMPANY: usize = 4;

/// Files of this session whose tests, or whose subjects, are looked up.
const COUNTERPARTS: usize = 4;

struct Candidate {
    uid: PatternId,
    path: String,
    place: Place,
    /// How likely it may be at most, whatever its path says.
    most: f64,
}

/// A file that a prompt may lead to.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Proposed {
    uid: PatternId,
    /// Its path below the project's folder.
    pub(crate) path: String,
    /// What speaks for it and against it.
    pub(crate) features: Features,
}

/// The files that this prompt may lead to, in no order; not those that the session has worked on,
/// which the agent has in its context.
pub(super) fn propose(
    question: &Question<'_>,
    prompt: &str,
    query: &Query<'_>,
) -> Result<Vec<Proposed>, StorageError> {
    let found = Found::of(question, prompt, query)?;
    let (session, asked) = (Session::of(&found.touched), found.asked);
    let proposed = found.candidates.into_iter();
    Ok(proposed.map(|candidate| session.propose(candidate, query.terms, &asked)).collect())
}

/// What is known of the files that a prompt may lead to, but for what their paths say.
struct Found<'a> {
    candidates: Vec<Candidate>,
    asked: Asked,
    /// The files that the session has worked on.
    touched: Vec<&'a str>,
}

impl<'a> Found<'a> {
    fn of(question: &Question<'a>, prompt: &str, query: &Query<'_>) -> Result<Self, StorageError> {
        let touched = question.journal.touched();
        let terms = || query.terms.iter().map(Term::text);
        let asked = Asked {
            terms: query.terms.len(),
            midway: !touched.is_empty(),
            tests: role::speaks_of_tests(terms()),
            documents: role::speaks_of_documents(terms()),
        };
        let mut candidates = Vec::with_capacity(PROPOSED + EPISODES);
        by_text(question, query.terms, &mut candidates)?;
        by_episode(question, query, &mut candidates)?;
        by_symbol(question, prompt, &mut candidates)?;
        by_mention(question, prompt, &mut candidates)?;
        by_company(question, &touched, &mut candidates)?;
        by_counterpart(question, &touched, asked.tests, &mut candidates)?;
        candidates.retain(|candidate| !touched.contains(&candidate.path.as_str()));
        compare(&mut candidates);
        Ok(Self { candidates, asked, touched })
    }
}

/// The files that work on this prompt's subject led to before, on one line.
pub(super) fn suggest(
    question: &Question<'_>,
    prompt: &str,
    query: &Query<'_>,
) -> Result<Vec<Item>, StorageError> {
    let found = Found::of(question, prompt, query)?;
    if found.candidates.is_empty() {
        return Ok(Vec::new());
    }
    let weights = question.recall.place_weights()?;
    let shown: Vec<&str> = question.journal.shown().map(|(id, _)| id).collect();
    let times_shown = |c: &Proposed| {
        if shown.is_empty() {
            return 0;
        }
        let uid = c.uid.to_string();
        shown.iter().filter(|id| **id == uid).count()
    };
    let needed = |c: &Proposed| {
        let length = c.path.len();
        cost::file(length).max(cost::file_again(length, times_shown(c)))
    };
    let mut likeliest = Likeliest::new(found, query.terms, &weights);
    let mut ranked: Vec<(f64, Proposed)> = Vec::with_capacity(MOST);
    while ranked.len() < MOST
        && let Some(next) = likeliest.next(needed)
    {
        if question.checkout.has_file(&next.1.path) {
            ranked.push(next);
        }
    }
    // The line's id is that of the best file that it names first.
    let fresh = ranked.iter().find(|(_, c)| times_shown(c) == 0);
    let Some((confidence, first)) = fresh.or(ranked.first()) else { return Ok(Vec::new()) };
    let named: Vec<&str> = ranked.iter().map(|(_, c)| c.path.as_str()).collect();
    Ok(vec![Item {
        id: first.uid,
        text: format!("like prompts led to work on {}", named.join(", ")),
        confidence: *confidence,
        also: ranked.iter().map(|(_, c)| c.uid).filter(|uid| *uid != first.uid).collect(),
        again: fresh.is_none(),
    }])
}

/// Hands out the files that a prompt may lead to, the likeliest first; of two as likely the one
/// whose path comes first.
///
/// What paths say is looked at from the file on that may be the likeliest, and of few files it has
/// to be: of most it is clear before that others are likelier (the threshold algorithm of Fagin,
/// Lotem and Naor, 2003).
struct Likeliest<'a> {
    /// Those that may be likely enough, ascending.
    open: Vec<Candidate>,
    /// Those that are likely enough, with their chances, in reverse order.
    known: Vec<(f64, Proposed)>,
    weights: &'a Weights,
    session: Session<'a>,
    terms: &'a [Term<'a>],
    asked: Asked,
}

impl<'a> Likeliest<'a> {
    fn new(found: Found<'a>, terms: &'a [Term<'a>], weights: &'a Weights) -> Self {
        let Found { candidates: mut open, asked, touched } = found;
        open.retain_mut(|c| {
            let length = c.path.len();
            c.most = weights.chance_at_most(&rank::features(&c.place, &asked), &asked);
            c.most >= cost::file(length)
        });
        open.sort_unstable_by(|a, b| a.most.total_cmp(&b.most));
        let session = Session::of(&touched);
        Self { open, known: Vec::new(), weights, session, terms, asked }
    }

    /// The next file whose chance is at least what `needed` says of it, with its chance.
    fn next(&mut self, needed: impl Fn(&Proposed) -> f64) -> Option<(f64, Proposed)> {
        let best = |known: &[(f64, Proposed)]| known.last().map_or(0.0, |(chance, _)| *chance);
        while let Some(candidate) = self.open.pop_if(|next| next.most >= best(&self.known)) {
            let new = self.session.propose(candidate, self.terms, &self.asked);
            let chance = self.weights.chance(&new.features);
            if chance >= needed(&new) {
                let is_later = |(other, known): &(f64, Proposed)| {
                    other.total_cmp(&chance).then_with(|| new.path.cmp(&known.path)).is_lt()
                };
                self.known.insert(self.known.partition_point(is_later), (chance, new));
            }
        }
        self.known.pop()
    }
}

/// What is known of `file` as an answer, whichever way it was found first.
fn entry<'a>(
    candidates: &'a mut Vec<Candidate>,
    file: &KnownFile,
    question: &Question<'_>,
) -> &'a mut Place {
    let at = candidates.iter().position(|c| c.uid == file.uid).unwrap_or_else(|| {
        let age_days = rank::age_days(file.last, question.reference);
        let place = Place { age_days, ..Place::default() };
        let path = file.path.clone();
        candidates.push(Candidate { uid: file.uid, path, place, most: 1.0 });
        candidates.len() - 1
    });
    &mut candidates[at].place
}

fn by_text(
    question: &Question<'_>,
    terms: &[Term<'_>],
    candidates: &mut Vec<Candidate>,
) -> Result<(), StorageError> {
    let hits = question.recall.search_files(question.scope.project, terms, PROPOSED)?;
    let best = hits.first().map_or(0.0, |hit| hit.score);
    for hit in hits {
        let place = entry(candidates, &hit.file, question);
        place.relative = if best > 0.0 { hit.score / best } else { 0.0 };
        place.bm25 = hit.score;
        [place.path, _, place.words] = hit.fields;
        place.reads = hit.file.reads;
        place.edits = hit.file.edits;
    }
    Ok(())
}

/// Files that prompts led to which meant the like.
fn by_episode(
    question: &Question<'_>,
    query: &Query<'_>,
    candidates: &mut Vec<Candidate>,
) -> Result<(), StorageError> {
    if query.meaning.is_none() {
        return Ok(());
    }
    let project = question.scope.project;
    for hit in question.recall.search(project, Corpus::Episodes, query, EPISODES)? {
        let alike = hit.cosine.map_or(0.0, rank::same_subject);
        if alike <= 0.0 {
            continue;
        }
        for file in question.recall.episode_files(project, hit.row)? {
            let place = entry(candidates, &file, question);
            place.alike = place.alike.max(alike);
            place.edits = file.edits;
            place.reads = file.reads;
        }
    }
    Ok(())
}

/// Files whose symbols stand in the prompt.
fn by_symbol(
    question: &Question<'_>,
    prompt: &str,
    candidates: &mut Vec<Candidate>,
) -> Result<(), StorageError> {
    let mut symbols: Vec<String> = Vec::new();
    for word in prompt.split(|c: char| !(c.is_alphanumeric() || c == '_')) {
        if symbols.len() < SYMBOLS && is_identifier(word) {
            let lower = word.to_lowercase();
            if !symbols.contains(&lower) {
                symbols.push(lower);
            }
        }
    }
    let project = question.scope.project;
    let symbols = question.recall.look_up(project, &[Corpus::Files], &symbols)?;
    let hits = question.recall.search_symbols(project, &symbols, PROPOSED)?;
    let best = hits.first().map_or(0.0, |hit| hit.score);
    for hit in hits {
        let place = entry(candidates, &hit.file, question);
        let relative = if best > 0.0 { hit.score / best } else { 0.0 };
        place.symbols = (hit.score, relative);
        place.edits = hit.file.edits;
        place.reads = hit.file.reads;
    }
    Ok(())
}

/// Whether a word is written as names in code are and words of prose are not.
fn is_identifier(word: &str) -> bool {
    let inner_upper = word.chars().skip(1).any(char::is_uppercase);
    let lower = word.chars().any(char::is_lowercase);
    word.len() >= 5 && lower && (inner_upper || word.trim_matches('_').contains('_'))
}

/// Files whose name stands in the prompt, with their folder or without.
fn by_mention(
    question: &Question<'_>,
    prompt: &str,
    candidates: &mut Vec<Candidate>,
) -> Result<(), StorageError> {
    let in_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '@' | '+');
    let mut seen: Vec<&str> = Vec::new();
    for word in prompt.split(|c: char| !in_path(c)) {
        let word = word.trim_matches('.');
        let name = paths::name(word);
        if !name.contains('.') || name.len() < 4 || seen.contains(&word) || seen.len() > 24 {
            continue;
        }
        seen.push(word);
        for file in question.recall.files_named(question.scope.project, name)? {
            let spelled = word.contains('/') && file.path.ends_with(word.trim_start_matches("./"));
            let place = entry(candidates, &file, question);
            place.mentioned = true;
            place.spelled |= spelled;
        }
    }
    Ok(())
}

/// Files that changed together with those that this session works on.
fn by_company(
    question: &Question<'_>,
    touched: &[&str],
    candidates: &mut Vec<Candidate>,
) -> Result<(), StorageError> {
    for path in touched.iter().take(COMPANY) {
        let (edits, hits) = question.recall.changed_with(question.scope.project, path, 8)?;
        for hit in hits {
            let share = f64::from(hit.together) / f64::from(edits.max(1) + 1);
            let place = entry(candidates, &hit.file, question);
            place.company = place.company.max(share);
            place.edits = hit.file.edits;
        }
    }
    Ok(())
}

/// Tests of the files that this session works on, where the prompt speaks of tests, and what the
/// tests among them are about.
fn by_counterpart(
    question: &Question<'_>,
    touched: &[&str],
    tests: bool,
    candidates: &mut Vec<Candidate>,
) -> Result<(), StorageError> {
    for path in touched.iter().take(COUNTERPARTS) {
        if !tests && !role::is_test(path) {
            continue;
        }
        for name in role::counterparts(paths::name(path)) {
            for file in question.recall.files_named(question.scope.project, &name)? {
                let place = entry(candidates, &file, question);
                place.edits = file.edits;
                place.reads = file.reads;
            }
        }
    }
    Ok(())
}

/// Notes of each candidate what the others say about it.
fn compare(candidates: &mut [Candidate]) {
    let mut names: Vec<&str> = candidates.iter().map(|c| paths::name(&c.path)).collect();
    names.sort_unstable();
    let repeated: Vec<String> =
        names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].to_owned()).collect();
    let spelled = candidates.iter().any(|c| c.place.spelled);
    for Candidate { path, place, .. } in candidates {
        let name = paths::name(path);
        place.namesake = repeated.binary_search_by(|known| known.as_str().cmp(name)).is_ok();
        place.outdone = spelled && !place.spelled;
    }
}

/// What the files that a session works on have in common with others.
struct Session<'a> {
    subjects: Vec<&'a str>,
    folders: Vec<&'a str>,
}

impl<'a> Session<'a> {
    fn of(touched: &[&'a str]) -> Self {
        let subjects = touched.iter().map(|path| role::subject(paths::name(path)));
        let folders = touched.iter().filter_map(|path| Some(path.rsplit_once('/')?.0));
        Self { subjects: subjects.collect(), folders: folders.collect() }
    }

    /// The candidate with what its path says.
    fn propose(&self, mut candidate: Candidate, terms: &[Term<'_>], asked: &Asked) -> Proposed {
        self.compare(&mut candidate);
        candidate.place.named = share_named(&candidate.path, terms);
        let features = rank::features(&candidate.place, asked);
        Proposed { uid: candidate.uid, path: candidate.path, features }
    }

    fn compare(&self, Candidate { path, place, .. }: &mut Candidate) {
        place.test = role::is_test(path);
        place.document = role::is_document(path);
        place.sibling = self.subjects.contains(&role::subject(paths::name(path)));
        place.neighbour =
            path.rsplit_once('/').is_some_and(|(folder, _)| self.folders.contains(&folder));
    }
}

/// Words in a file's name that say nothing.
const UNTELLING: [&str; 5] = ["test", "spec", "index", "main", "mod"];

/// Share of the words in a file's name that the terms of a prompt have.
fn share_named(path: &str, terms: &[Term<'_>]) -> f64 {
    let stem = paths::stem(paths::name(path));
    let (mut all, mut shared) = (0_u32, 0_u32);
    let mut words = tokens::terms(stem);
    while let Some(word) = words.next_term() {
        // A compound's parts are words as well.
        if !UNTELLING.contains(&word) && !word.contains(['_', '-', '.']) {
            all += 1;
            shared += u32::from(terms.iter().any(|term| term.text() == word));
        }
    }
    if all == 0 { 0.0 } else { f64::from(shared) / f64::from(all) }
}

/// The file that a path which does not exist probably meant: the known one of that name.
pub(super) fn meant(
    question: &Question<'_>,
    call: &ToolCall,
    error: &str,
) -> Result<Vec<Item>, StorageError> {
    let wrong = match call.tool.as_str() {
        "Bash" => missing_in(&call.subject, error),
        tool => path_of(tool, &call.subject),
    };
    let Some(wrong) = wrong else { return Ok(Vec::new()) };
    let wrong = paths::relative(wrong, &question.scope.root, &question.event.cwd);
    let hits = question.recall.files_named(question.scope.project, paths::name(&wrong))?;
    let other = hits.into_iter().filter(|hit| hit.path != wrong);
    let known: Vec<_> = other.filter(|hit| question.checkout.has_file(&hit.path)).take(2).collect();
    let Some(first) = known.first() else { return Ok(Vec::new()) };
    let named: Vec<String> = known.iter().map(|hit| format!("`{}`", hit.path)).collect();
    Ok(vec![Item {
        id: first.uid,
        text: format!("earlier sessions worked on {}", named.join(" and ")),
        confidence: rank::MEANT,
        also: Vec::new(),
        again: false,
    }])
}

/// The path of the command that its error says is missing.
fn missing_in<'a>(command: &'a str, error: &str) -> Option<&'a str> {
    command
        .split(|c: char| c.is_whitespace() || "'\"`;|&()<>".contains(c))
        .filter(|word| word.contains(['/', '.']) && word.len() > 3 && !word.starts_with('-'))
        .find(|word| error.contains(word))
}
