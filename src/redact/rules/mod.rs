//! The one table of what is masked: how each kind of secret is spelled, where to look for it and
//! a sample. It stands in a file for each kind of maker. The samples are made up, and written in
//! pieces so that no secret scanner takes these files for a leak.

use super::mask::Found;

/// Where a rule's regex is tried, seen from a hint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// At the hint, whatever stands before it.
    Anywhere,
    /// At the hint, when a word starts there.
    Word,
    /// At the hint, when a word starts there that a blank follows.
    Phrase,
    /// At the start of the name that the hint is part of, when one of these bytes follows the name
    /// or the quotes and blanks behind it.
    Key(&'static [u8]),
    /// From this many bytes before the hint to a few hundred behind it, not anchored.
    Near(usize),
}

/// How one kind of secret is found.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    /// What the mask calls it. Rules for spellings of the same thing share a name.
    pub(super) name: &'static str,
    /// Literals in lower case of which one stands wherever the regex matches; found whatever
    /// their case.
    pub(super) hints: &'static [&'static str],
    /// Where the regex is tried.
    pub(super) place: Place,
    /// The spelling. It accepts a secret that is cut short; `min` decides how much must be there.
    /// What it repeats is named by ranges: classes such as `\w` take milliseconds to compile.
    pub(super) regex: &'static str,
    /// The group that is the secret; 0 is the whole match.
    pub(super) group: usize,
    /// The least length of a whole secret in bytes. At the end of a text half is enough, since
    /// texts are cut to limits.
    pub(super) min: usize,
    /// What else must hold.
    pub(super) check: fn(&Found) -> bool,
    /// What stands before a secret, the secret, and what stands behind it.
    #[cfg_attr(not(test), allow(dead_code, reason = "for the test that walks the table"))]
    pub(super) sample: [&'static str; 3],
}

/// A vendor's name, a word for a secret, and a value: for tokens that only their surroundings
/// give away.
macro_rules! near {
    ($vendor:literal, $value:literal) => {
        concat!(
            "(?i-u:",
            $vendor,
            r#")(?i-u)[0-9A-Za-z_. -]{0,40}?(?:key|token|secret|pat|pass|password|auth|pwd)(?-i)[0-9A-Za-z_]{0,8}["'`\]\\]{0,3}"#,
            r#"\s{0,3}(?:[:=]|=>|:=|is|\s)[\s"'`\\]{0,4}("#,
            $value,
            ")"
        )
    };
}

/// A key named like a secret, what assigns, and a value.
macro_rules! assigned {
    ($value:literal) => {
        concat!(
            r"(?i-u:-{0,2}(?:(?:[0-9A-Za-z_.-]{0,40}[_.-])?pw|[0-9A-Za-z_.-]{0,80}?(?:pass(?:wor[dt]|wd|phrase|code)?|pwd|kennwort|secret|token|(?:[_-]|api|access|private|secret|auth|signing|encryption|master|account|shared)key|credentials?|auth(?:orization)?))(?:_?(?:base|value|dev|prod|staging|test|[0-9]{1,2}))?)",
            r#"["'`\]\\]{0,9}\s{0,4}(?:=>|:=|={1,3}|:(?:\s*&?(?:'static )?(?:str|String|string|text)\??\s*=)?|%3[dD])\s{0,4}[bfru]?"#,
            $value
        )
    };
}

/// How what assigns begins, as in `assigned!`.
const ASSIGNS: &[u8] = b"=:%";

/// Words in the names of keys that hold secrets.
const ASSIGNED: &[&str] = &[
    "pass",
    "pwd",
    "pw",
    "kennwort",
    "secret",
    "token",
    "_key",
    "-key",
    "apikey",
    "accesskey",
    "privatekey",
    "secretkey",
    "authkey",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "credential",
    "auth",
];

// Behind the macros, which they use.
mod clouds;
mod data;
mod forges;
mod forms;
mod keepers;
mod keys;
mod models;
mod shops;
mod talk;
mod teams;

/// The parts of the table, the telling ones first: the first of overlapping rules names the mask.
const PARTS: &[&[Rule]] = &[
    keys::RULES,
    clouds::RULES,
    forges::RULES,
    models::RULES,
    talk::RULES,
    shops::RULES,
    teams::RULES,
    data::RULES,
    keepers::RULES,
    forms::RULES,
];

/// How many rules there are.
const COUNT: usize = {
    let (mut count, mut part) = (0, 0);
    while part < PARTS.len() {
        count += PARTS[part].len();
        part += 1;
    }
    count
};

/// Every rule, in order.
pub(super) const RULES: &[Rule] = &{
    let mut all = [PARTS[0][0]; COUNT];
    let (mut part, mut rule, mut at) = (0, 0, 0);
    while part < PARTS.len() {
        if rule < PARTS[part].len() {
            all[at] = PARTS[part][rule];
            (rule, at) = (rule + 1, at + 1);
        } else {
            (part, rule) = (part + 1, 0);
        }
    }
    all
};
