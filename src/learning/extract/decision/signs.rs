//! The ways of directing: which words of a clause lay something down, and from where on.
//!
//! One function for each way, tried in the order of how sure the sign is.
#![expect(clippy::match_same_arms, reason = "one phrase a line, with how many words it has")]

use super::rules::{Context, clause_end, contains, is_general, skip_leads};
use super::speech::{Border, Word};
use super::tables::{
    AFTER_ALWAYS, AFTER_NEVER, AT_HAND, EMBEDS, HAPPENS, HELPERS, HYPOTHETICAL, LOOKS, METHOD,
    MODALS, OUTLOOK, POINTS, RULE_NOUNS, SPECIFIC, STATES, SYMPTOM, UNDONE, VAGUE_ENDS, VERBS,
    WRONG,
};

/// What kind of directive a clause holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sign {
    /// Says itself that it stands: always, never, from now on, we use, I prefer.
    Rule,
    /// Forbids: don't, stop, must not, I don't want.
    Forbid,
    /// Chooses one thing over another: use x instead of y.
    Choose,
    /// Says how something ought to be.
    Ought,
    /// Says what the user wants.
    Want,
    /// Contradicts with a fact.
    Correct,
}

impl Sign {
    /// Whether words like "every" and "wherever" make it stand.
    pub(super) fn may_stand(self) -> bool {
        matches!(self, Self::Forbid | Self::Choose | Self::Ought | Self::Want)
    }
}

/// A directive in a clause.
#[derive(Clone, Copy, Debug)]
pub(super) struct Directive {
    /// How it directs.
    pub(super) sign: Sign,
    /// The first word of what it directs.
    pub(super) object: usize,
    /// Whether it may be put as a question: "can we not commit the docs?".
    pub(super) polite: bool,
}

impl Directive {
    fn new(sign: Sign, object: usize) -> Self {
        Self { sign, object, polite: false }
    }
}

/// The directive in the clause of which the telling words start at `at`, if there is one.
pub(super) fn directive(
    text: &[&str],
    words: &[Word],
    at: usize,
    context: Context,
) -> Option<Directive> {
    rule(text, at)
        .or_else(|| forbid(text, words, at, context))
        .or_else(|| choose(text, at))
        .or_else(|| convention(text, at, context))
        .or_else(|| want(text, at, context))
        .or_else(|| ought(text, words, at, context))
        .or_else(|| plain(text, words, at, context))
        .or_else(|| correct(text, words, at, context))
}

/// "always x", "never x", "from now on x", "remember to x", "I prefer x".
fn rule(text: &[&str], at: usize) -> Option<Directive> {
    let rest = &text[at..];
    let object = match rest {
        ["always", next, ..] if !AFTER_ALWAYS.contains(next) && is_base(next) => 1,
        ["never", next, ..] if !AFTER_NEVER.contains(next) && is_base(next) => 1,
        ["we", "always" | "never", next, ..] if !HAPPENS.contains(next) => 2,
        ["i", "always", "want" | "prefer" | "use", ..] => 3,
        ["i", "never", "want" | "use", ..] => 3,
        ["you", "should" | "must", "always" | "never", _, ..] => 3,
        ["make", "sure", "to" | "you", "always" | "never", _, ..] => 4,
        ["from", "now", "on", _, _, ..] => 3,
        ["going", "forward", _, _, ..] => 2,
        ["as", "a", "rule", _, _, ..] => 3,
        ["remember", "to" | "that" | "also" | "you" | "we" | "i", _, ..] => 2,
        ["ask", "me", "before" | "first", _, ..] => 3,
        ["in" | "for", "this", "project" | "repo" | "repository" | "codebase", "we", _, _, ..] => 4,
        ["prefer", _, ..] => 1,
        ["i", "prefer", _, ..] => 2,
        ["we", "prefer" | "favor" | "favour", _, ..] => 2,
        ["do", "not", "ever", _, ..] => 3,
        ["the" | "our", ..] => return naming_a_rule(text, at).or_else(|| modal_rule(text, at)),
        _ => return modal_rule(text, at),
    };
    Some(Directive::new(Sign::Rule, at + object))
}

/// Whether the word can be an imperative: `always use`, but not `always uses` or `never called`.
fn is_base(verb: &str) -> bool {
    let third = verb.ends_with('s') && !verb.ends_with("ss") && !verb.ends_with("us");
    !(third || verb.ends_with("ed") && verb.len() > 4 || verb.ends_with("ing") && verb.len() > 5)
}

/// "our convention is x", "the overriding directive is x".
fn naming_a_rule(text: &[&str], at: usize) -> Option<Directive> {
    let is = text[at..].iter().take(5).position(|w| matches!(*w, "is" | "are"))?;
    let noun = *text[at..].get(is.checked_sub(1)?)?;
    RULE_NOUNS.contains(&noun).then(|| Directive::new(Sign::Rule, at + is + 1))
}

/// "x should always y", "x must never y".
fn modal_rule(text: &[&str], at: usize) -> Option<Directive> {
    let place = text[at..]
        .windows(2)
        .position(|pair| matches!(pair, ["should" | "must" | "shall", "always" | "never"]))?;
    let subject = &text[at..at + place];
    (has_subject(subject) && text.len() > at + place + 2)
        .then(|| Directive::new(Sign::Rule, at + place + 2))
}

/// "don't x", "stop x", "can we not x", "I don't want x", "y should not x".
fn forbid(text: &[&str], words: &[Word], at: usize, context: Context) -> Option<Directive> {
    let rest = &text[at..];
    let (object, polite) = match rest {
        ["do", "not", "just", verb, ..] if !STATES.contains(verb) => (3, false),
        ["do", "not", verb, ..] if !STATES.contains(verb) => (2, false),
        ["stop", verb, ..] if verb.ends_with("ing") && verb.len() > 4 => (1, false),
        ["avoid", _, ..] => (1, false),
        ["lets", "not", _, ..] => (2, false),
        ["can" | "could", "we" | "you", "not", verb, ..] if !STATES.contains(verb) => (3, true),
        ["can" | "could", "we" | "you", "please", "not", _, ..] => (4, true),
        ["can" | "could", "you", "stop", verb, ..] if verb.ends_with("ing") => (3, true),
        ["i" | "we", "do", "not", "want", _, ..] => (4, false),
        ["i" | "we", "explicitly" | "really" | "definitely", "do", "not", "want", _, ..] => {
            (5, false)
        }
        ["no", "more", _, ..] => (2, false),
        ["it", "is", "better", "not", "to", _, ..] => (5, false),
        ["better", "not", "to", _, ..] => (3, false),
        ["make", "sure", "not", "to", _, ..] => (4, false),
        ["make", "sure", "you" | "we", "do", "not", _, ..] => (5, false),
        ["make", "sure", "to", "not", _, ..] => (4, false),
        ["be", "careful", "not", "to", _, ..] | ["be", "careful", "to", "not", _, ..] => (4, false),
        ["i", "did", "not", "say" | "ask" | "tell", _, ..] if context == Context::Refusal => {
            return Some(Directive::new(Sign::Forbid, at + 3));
        }
        _ => return negated_modal(text, at),
    };
    let one_off = rest[object..].iter().take(3).any(|word| AT_HAND.contains(word));
    // "can you check x, but don't change y": the second part belongs to that work.
    let requested = at > 0 && matches!(text, ["can" | "could" | "would", "you" | "we", ..]);
    // "do not commit but check" forbids a step of a procedure.
    let bare = clause_end(words, at) < at + object + 2 && context < Context::Correcting;
    (!one_off && (polite || !requested) && !bare).then_some(Directive {
        sign: Sign::Forbid,
        object: at + object,
        polite,
    })
}

/// "x should not y", "x must not y", "x is not allowed".
fn negated_modal(text: &[&str], at: usize) -> Option<Directive> {
    let rest = &text[at..];
    let place = rest
        .windows(2)
        .position(|pair| matches!(pair, ["should" | "must" | "may", "not"] | ["not", "allowed"]))?;
    let subject = &rest[..place];
    (has_subject(subject) && rest.len() > place + 2)
        .then(|| Directive::new(Sign::Forbid, at + place + 2))
}

/// Whether the words before a modal name what the clause is about.
fn has_subject(subject: &[&str]) -> bool {
    match subject {
        [] => false,
        ["we" | "you"] => true,
        [first, rest @ ..] => {
            let pointed = POINTS.contains(first) || HYPOTHETICAL.contains(first);
            let embedded = rest.iter().any(|w| EMBEDS.contains(w));
            subject.len() <= 10 && !pointed && !embedded && !contains(subject, &["the", "same"])
        }
    }
}

/// "use x instead of y", "use x, not y", "let's call x y and not z".
fn choose(text: &[&str], at: usize) -> Option<Directive> {
    let rest = &text[at..];
    let (object, polite) = match rest {
        ["use" | "call" | "name" | "keep" | "put" | "run" | "take" | "write", _, ..] => (1, false),
        ["lets", "use" | "call" | "name" | "keep" | "do" | "put" | "go" | "stick", _, ..] => {
            (2, false)
        }
        ["can" | "could", "we" | "you", "use" | "call" | "name", _, ..] => (3, true),
        ["can" | "could", "we" | "you", "please", "use" | "call" | "name", _, ..] => (4, true),
        ["we" | "you" | "i", "should" | "would" | "want" | "can" | "need", _, ..] => (2, false),
        ["it", "should", "be", _, ..] => (3, false),
        // "not as a comment, but as a document": the contrast is in the opening.
        ["not", "as" | "in" | "on" | "with" | "to" | "a" | "the", _, ..]
            if rest.contains(&"but") =>
        {
            return Some(Directive::new(Sign::Choose, at + 1));
        }
        [first, ..] if !POINTS.contains(first) && !HYPOTHETICAL.contains(first) => {
            let modal = rest.iter().take(8).position(|w| matches!(*w, "should" | "must"))?;
            (modal + 1, false)
        }
        _ => return None,
    };
    contrasts(text, at + object).then_some(Directive {
        sign: Sign::Choose,
        object: at + object,
        polite,
    })
}

/// Whether one thing is set against another from `at` on.
fn contrasts(text: &[&str], at: usize) -> bool {
    let rest = &text[at.min(text.len())..];
    let phrase = rest.windows(2).any(|pair| {
        matches!(pair, ["instead", "of"] | ["rather", "than"] | ["and", "not"] | ["but", "instead"])
    });
    let negation = (at + 1..text.len().saturating_sub(1)).any(|n| {
        let follows =
            matches!(text[n - 1], "do" | "does" | "did" | "is" | "are" | "or" | "if" | "why")
                || MODALS.contains(&text[n - 1]);
        text[n] == "not" && !follows
    });
    phrase || negation
}

/// "we use x", "we don't y", "we removed x on purpose".
fn convention(text: &[&str], at: usize, context: Context) -> Option<Directive> {
    let rest = &text[at..];
    let start = convention_start(rest)?;
    let (sign, object) = match &rest[start..] {
        ["we", "use" | "follow" | "keep" | "avoid" | "target" | "name" | "squash", next, ..]
            if *next != "to" =>
        {
            (Sign::Rule, 2)
        }
        ["we", "only" | "explicitly" | "usually" | "generally", verb, ..]
            if !STATES.contains(verb) && !verb.ends_with("ed") =>
        {
            (Sign::Rule, 3)
        }
        ["we", "do", "not", verb, ..]
            if !STATES.contains(verb) && *verb != "always" && context >= Context::Following =>
        {
            (Sign::Rule, 3)
        }
        ["we", "do", "not", "have", next, ..]
            if context >= Context::Following && !matches!(*next, "to" | "time" | "enough") =>
        {
            (Sign::Correct, 4)
        }
        ["we", "do", way, ..] if way.ends_with("-first") || way.ends_with("-only") => {
            (Sign::Rule, 2)
        }
        ["we", verb, .., "on", "purpose"] if verb.ends_with("ed") => (Sign::Correct, 2),
        ["we", verb, .., "intentionally" | "deliberately"] if verb.ends_with("ed") => {
            (Sign::Correct, 2)
        }
        _ => return None,
    };
    let passing = matches!(rest, ["right" | "currently" | "today" | "last" | "yesterday", ..]);
    (!passing).then(|| Directive::new(sign, at + start + object))
}

/// Where the "we" of a convention stands: first, or after "in x" or "for x".
fn convention_start(rest: &[&str]) -> Option<usize> {
    match rest {
        ["we", ..] => Some(0),
        ["in" | "for" | "on" | "at" | "with", ..] => rest.iter().take(7).position(|w| *w == "we"),
        _ => None,
    }
}

/// "I want x to be y", "we want x", "I would rather x".
fn want(text: &[&str], at: usize, context: Context) -> Option<Directive> {
    let rest = &text[at..];
    if let ["i" | "we", "would", "rather" | "prefer", next, ..] = rest
        && !POINTS.contains(next)
    {
        return Some(Directive::new(Sign::Want, at + 3));
    }
    let start = match rest {
        ["in" | "for" | "on" | "with", ..] => rest.iter().take(6).position(|w| *w == "we")?,
        _ => 0,
    };
    let (who, object) = match &rest[start..] {
        [who @ ("i" | "we"), "want", _, ..] => (*who, start + 2),
        [who @ ("i" | "we"), "know", "we" | "i", "want", _, ..] => (*who, start + 4),
        ["i", "would", "like", _, ..] => ("i", start + 3),
        _ => return None,
    };
    if context == Context::Opening && !is_general(text) {
        return None;
    }
    let wanted = &rest[object..];
    let specific = wanted.iter().take(12).any(|w| SPECIFIC.contains(w)) || is_general(wanted);
    let told = match wanted {
        ["you", "to", ..] => is_general(wanted),
        ["to", verb, ..] => specific || METHOD.contains(verb) || who == "we" && *verb == "be",
        ["it" | "this" | "that" | "them", ..] => false,
        _ => specific || who == "we" || context >= Context::Correcting,
    };
    told.then(|| Directive::new(Sign::Want, at + object))
}

/// "x should be y", "x must z", "we should follow x".
fn ought(text: &[&str], words: &[Word], at: usize, context: Context) -> Option<Directive> {
    if context == Context::Opening && !is_general(text) {
        return None;
    }
    let end = clause_end(words, at);
    let rest = &text[at..end];
    let place = rest.iter().take(12).position(|w| matches!(*w, "should" | "must"))?;
    let (subject, verb) = (&rest[..place], *rest.get(place + 1)?);
    // What should be and is not is a symptom, not a rule.
    let symptom = text[end..].first().is_some_and(|w| matches!(*w, "but" | "however" | "yet"));
    let told = match subject {
        ["we" | "you"] => {
            METHOD.contains(&verb) && !undone(&rest[place + 1..])
                || is_before_commit(rest)
                || is_general(text) && !LOOKS.contains(&verb)
        }
        _ => has_subject(subject) && !OUTLOOK.contains(&verb) && !undone(&rest[place + 1..]),
    };
    (told && !symptom && rest.len() > place + 2)
        .then(|| Directive::new(Sign::Ought, at + place + 1))
}

/// Whether something is to be done before each commit or push.
fn is_before_commit(words: &[&str]) -> bool {
    words.windows(2).any(|pair| {
        pair[0] == "before"
            && matches!(
                pair[1],
                "commit" | "committing" | "push" | "pushing" | "merging" | "every" | "each"
            )
    }) || contains(words, &["before", "you", "commit"])
        || contains(words, &["before", "a", "commit"])
}

/// Whether "should be x" asks for work rather than telling how it ought to be.
fn undone(after: &[&str]) -> bool {
    matches!(after, ["be", done, ..] if UNDONE.contains(done))
        || matches!(after, ["have", done, ..] if *done == "been" || done.ends_with("ed"))
        || matches!(after, ["be", "a" | "an", what, ..] if VAGUE_ENDS.contains(what))
}

/// Bare imperatives that choose a tool or a place: "use `gh` to authenticate", "keep our docs in x".
fn plain(text: &[&str], words: &[Word], at: usize, context: Context) -> Option<Directive> {
    let end = clause_end(words, at);
    let rest = &text[at..end];
    let ends_first = rest.len() >= 4 && rest.last() == Some(&"first");
    let object = match rest {
        ["keep", "our", _, ..] => 1,
        ["only", "use" | "commit" | "push" | "touch" | "edit" | "change" | "run", _, ..]
            if context >= Context::Following =>
        {
            1
        }
        ["keep", ..] if context >= Context::Following && rest.len() >= 4 => {
            let limits =
                rest.iter().any(|w| matches!(*w, "under" | "below" | "within" | "outside"));
            limits.then_some(1)?
        }
        ["run" | "format" | "lint" | "test" | "check" | "update" | "bump", ..]
            if context >= Context::Following && is_before_commit(rest) =>
        {
            return Some(Directive::new(Sign::Rule, at + 1));
        }
        ["no", _, .., "please"] if words[at + 1].border == Border::None => 1,
        ["use", ..] if context >= Context::Following => {
            let helper = rest.iter().any(|w| HELPERS.contains(w));
            let named = words[at + 1..end].iter().take(3).any(|w| w.named);
            let told =
                rest.len() >= 4 && (named || is_general(rest) || context >= Context::Correcting);
            (told && !helper).then_some(1)?
        }
        ["lets" | "ask" | "create" | "make" | "show" | "write", ..]
            if context == Context::Refusal && ends_first =>
        {
            1
        }
        _ => return None,
    };
    Some(Directive::new(Sign::Choose, at + object))
}

/// "no, x", "that is wrong, x": what x says must be a statement that stands by itself.
fn correct(text: &[&str], words: &[Word], at: usize, context: Context) -> Option<Directive> {
    if context == Context::Opening {
        return None;
    }
    let rest = &text[at..];
    let said = WRONG.iter().filter(|wrong| rest.starts_with(wrong)).map(|w| w.len()).max()?;
    let mut after = (at + said).min(text.len() - 1);
    if rest.starts_with(&["that", "is", "not", "how"]) {
        after = clause_end(words, at).min(text.len() - 1);
    }
    let object = skip_leads(text, after);
    let fact = &text[object..];
    let [first, ..] = fact else { return None };
    let states = fact.iter().take(8).any(|w| VERBS.contains(w) || w.ends_with("ed"));
    let stands = words[object].border == Border::Hard
        && fact.len() >= 5
        && states
        && !POINTS.contains(first)
        && !SYMPTOM.contains(first)
        && !fact
            .windows(2)
            .any(|pair| matches!(pair, ["i", "am" | "was"] | ["am" | "is", "still"]));
    stands.then(|| Directive::new(Sign::Correct, object))
}
