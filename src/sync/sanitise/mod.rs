//! What may leave of a pattern, and what may come in.
//!
//! Reading order: this file walks over the fields; [`rules`] is the one table of what is changed
//! in a text, [`find`] finds it, [`paths`], [`urls`], [`hosts`] and [`names`] know their matter,
//! [`marks`] makes what stands there instead. [`arrive`] makes harmless what others wrote. Pure:
//! no environment, no clock, no randomness; the names of the machine are arguments.

mod arrive;
#[cfg(test)]
mod corpus;
mod find;
mod hosts;
mod marks;
mod names;
mod paths;
mod rules;
#[cfg(test)]
mod tests;
mod urls;

use super::crypto::mac;
use super::record::{TEXT, TRIGGER, Wording};
use crate::model::page::{self, Page};
use crate::model::pattern::{Kind, Payload};
use crate::model::signature;

/// Characters of the tool's name and of the category.
const TOOL: usize = 200;
const CATEGORY: usize = 40;
/// Characters of an error that is quoted.
const QUOTE: usize = 160;
/// Exact keys of one pattern.
const KEYS: usize = 64;
/// Members of a list of the payload, and characters of one.
const MEMBERS: usize = 24;
const MEMBER: usize = 300;
/// Bytes of all texts of a pattern: what is around them fits into a record of 16 kB.
const RECORD: usize = 14_000;

/// How often the rules are gone through at most; nearly always the second time finds nothing.
const PASSES: usize = 8;

/// Who and where this is: what must not leave under its own name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Identity {
    /// Home folders, as absolute paths.
    pub(crate) homes: Vec<String>,
    /// Names of users: logins and full names.
    pub(crate) users: Vec<String>,
    /// Names of this machine and of others that are its own.
    pub(crate) hosts: Vec<String>,
    /// Project folders on this disk, as absolute paths.
    pub(crate) roots: Vec<String>,
    /// Mail addresses.
    pub(crate) mails: Vec<String>,
}

/// What was changed: by which rule, in which field, and how often.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Finding {
    /// The rule's name.
    pub(crate) rule: &'static str,
    /// The field's name.
    pub(crate) field: &'static str,
    /// How often.
    pub(crate) count: usize,
}

/// Words after the rules were applied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cleaned {
    /// The words.
    pub(crate) wording: Wording,
    /// What was changed, in the order in which it was found.
    pub(crate) findings: Vec<Finding>,
}

/// Takes out of words what must not leave this machine.
pub(crate) struct Sanitiser {
    marker: marks::Marker,
    homes: Vec<String>,
    roots: paths::Roots,
    /// The project folders and homes with hyphens for all that is no letter or digit.
    encoded: Vec<String>,
    host_names: names::Names,
    user_names: names::Names,
    sanitize_paths: bool,
    redact_secrets: bool,
    /// See [`Sanitiser::identity`].
    identity: [u8; 32],
}

impl Sanitiser {
    /// For the machine of `identity`. Names become hashes under `key`, so that the same name stays
    /// the same for whoever has the same key. Without `sanitize_paths`, paths stay as they are
    /// stored (`~/shop/a.rs`); without `redact_secrets`, secrets are not looked for once more.
    pub(crate) fn new(
        identity: &Identity,
        key: &[u8; 32],
        sanitize_paths: bool,
        redact_secrets: bool,
    ) -> Self {
        let of_homes = identity.homes.iter().map(|home| last_name(home).to_owned());
        let of_mails = identity.mails.iter().filter_map(|mail| {
            let local = mail.split('@').next()?;
            Some(local.split('+').next().unwrap_or(local).to_owned())
        });
        let labels = identity.hosts.iter().filter_map(|host| host.split('.').next());
        let hosts = identity.hosts.iter().cloned().chain(labels.map(ToOwned::to_owned));
        Self {
            marker: marks::Marker::new(key),
            homes: identity.homes.clone(),
            roots: paths::Roots::new(&identity.roots, &identity.homes),
            encoded: identity
                .roots
                .iter()
                .chain(&identity.homes)
                .filter_map(|p| encoded(p))
                .collect(),
            host_names: names::Names::new(hosts),
            user_names: names::Names::new(
                identity.users.iter().cloned().chain(of_homes).chain(of_mails),
            ),
            sanitize_paths,
            redact_secrets,
            identity: fingerprint(identity, key, [sanitize_paths, redact_secrets]),
        }
    }

    /// The same for all that take out the same: a keyed hash of what this one was made with.
    pub(super) fn identity(&self) -> &[u8; 32] {
        &self.identity
    }

    /// The words as they leave, and what was changed in them. Doing it twice is the same as once.
    pub(crate) fn clean(&self, wording: Wording) -> Cleaned {
        let (kind, tool) = (wording.kind, wording.tool.clone());
        walk(wording, |field, text, longest, log| {
            let text = if field == "files" { self.file(text, log) } else { text };
            self.text(text, longest, log, |text| match field {
                "text" if matches!(kind, Kind::Fix | Kind::Pitfall) => quoted(&tool, text),
                _ => None,
            })
        })
    }

    /// What a person wrote about a pattern of this kind and tool as it leaves, and what was changed
    /// in it. Doing it twice is the same as once.
    pub(crate) fn page(&self, kind: Kind, tool: &str, page: Page) -> (Page, Vec<Finding>) {
        walk_page(page, |field, text, longest, log| {
            self.text(text, longest, log, |text| match field {
                "text" if matches!(kind, Kind::Fix | Kind::Pitfall) => quoted(tool, text),
                _ => None,
            })
        })
    }

    /// A path as a whole, which may have blanks in it.
    fn file(&self, file: String, log: &mut Log<'_>) -> String {
        if !self.sanitize_paths {
            return file;
        }
        let shorter = paths::shorten_homes(&file, &self.homes);
        let shorter = crate::redact::homes(&shorter);
        match paths::whole(&self.roots, &self.marker, &shorter) {
            None => file,
            Some(told) => {
                log.add("path", 1);
                told
            }
        }
    }

    /// `text` with all rules applied, then `last`, at most `longest` characters of it.
    fn text(
        &self,
        text: String,
        longest: usize,
        log: &mut Log<'_>,
        last: impl Fn(&str) -> Option<String>,
    ) -> String {
        settled(text, longest, log, |text, log| {
            let mut text = text;
            for rule in rules::RULES {
                let off = match rule.switch {
                    rules::Switch::Always => false,
                    rules::Switch::Paths => !self.sanitize_paths,
                    rules::Switch::Secrets => !self.redact_secrets,
                };
                if off {
                    continue;
                }
                if let Some((changed, count)) = (rule.apply)(self, &text) {
                    log.add(rule.name, count);
                    text = changed;
                }
            }
            if let Some(changed) = last(&text) {
                log.add("error", 1);
                text = changed;
            }
            text
        })
    }
}

/// A keyed hash of what a sanitiser is made with.
fn fingerprint(identity: &Identity, key: &[u8; 32], switches: [bool; 2]) -> [u8; 32] {
    let Identity { homes, users, hosts, roots, mails } = identity;
    let mut bytes = switches.map(u8::from).to_vec();
    for list in [homes, users, hosts, roots, mails] {
        bytes.extend((list.len() as u64).to_be_bytes());
        for text in list {
            bytes.extend((text.len() as u64).to_be_bytes());
            bytes.extend(text.as_bytes());
        }
    }
    mac(key, &[b"sanitiser", &bytes])
}

/// The words of somebody else without what a reader does not see, what imitates the agent's markup
/// and what leads elsewhere, and what was changed in them: a finding `secret` or `home` is a leak
/// of theirs. Doing it twice is the same as once.
pub(crate) fn harmless(wording: Wording) -> Cleaned {
    walk(wording, |_, text, longest, log| settled(text, longest, log, arrive::pass))
}

/// As [`harmless`], for what somebody else wrote about a pattern by hand.
pub(crate) fn harmless_page(page: Page) -> Page {
    walk_page(page, |_, text, longest, log| settled(text, longest, log, arrive::pass)).0
}

/// The last name of a path.
fn last_name(path: &str) -> &str {
    path.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or("")
}

/// A path as the agent names folders after it, in lower case.
fn encoded(path: &str) -> Option<String> {
    let path = path.trim_end_matches(['/', '\\']).to_lowercase();
    let name: String =
        path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    // `-srv` would be an option of a command.
    (name.matches('-').count() >= 2).then_some(name)
}

/// Collects findings of one field.
struct Log<'a> {
    field: &'static str,
    findings: &'a mut Vec<Finding>,
}

impl Log<'_> {
    fn add(&mut self, rule: &'static str, count: usize) {
        let known = self.findings.iter_mut().find(|f| f.rule == rule && f.field == self.field);
        match known {
            Some(finding) => finding.count += count,
            None => self.findings.push(Finding { rule, field: self.field, count }),
        }
    }
}

/// Goes over all fields of `wording` with `each` (field, text, most characters, log) and keeps the
/// limits of a record.
fn walk(
    wording: Wording,
    each: impl Fn(&'static str, String, usize, &mut Log<'_>) -> String,
) -> Cleaned {
    let mut findings = Vec::new();
    let mut one = |field, text, longest| {
        each(field, text, longest, &mut Log { field, findings: &mut findings })
    };
    let Wording { kind, project, tool, category, trigger, text, payload, mut keys } = wording;
    let Payload { files, commands, remedy, routine, next_only, standing, subject } = payload;
    keys.truncate(KEYS);
    let long = [&files, &commands, &remedy, &subject].iter().any(|list| list.len() > MEMBERS);
    let mut list = |field, members: Vec<String>| -> Vec<String> {
        members.into_iter().take(MEMBERS).map(|member| one(field, member, MEMBER)).collect()
    };
    let payload = Payload {
        files: list("files", files),
        commands: list("commands", commands),
        remedy: list("remedy", remedy),
        subject: list("subject", subject),
        routine,
        next_only,
        standing,
    };
    let mut wording = Wording {
        kind,
        project,
        tool: one("tool", tool, TOOL),
        category: one("category", category, CATEGORY),
        trigger: one("trigger", trigger, TRIGGER),
        text: one("text", text, TEXT),
        payload,
        keys,
    };
    if fit(&mut wording) || long {
        Log { field: "payload", findings: &mut findings }.add("length", 1);
    }
    Cleaned { wording, findings }
}

/// Goes over all texts of `page` as [`walk`] does over those of words.
fn walk_page(
    page: Page,
    each: impl Fn(&'static str, String, usize, &mut Log<'_>) -> String,
) -> (Page, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut page = page;
    // A page that is cut or made plain can show something that was not there before.
    for _ in 0..PASSES {
        let before = page.clone();
        let mut one = |field, text, longest| {
            each(field, text, longest, &mut Log { field, findings: &mut findings })
        };
        let Page { title, body, tags, notes } = page;
        page = Page {
            title: one("title", title, page::TITLE),
            body: one("text", body, page::BODY),
            tags: tags.into_iter().map(|tag| one("tags", tag, page::TAG)).collect(),
            notes: one("notes", notes, page::NOTES),
        }
        .tidy();
        if page == before {
            break;
        }
    }
    (page, findings)
}

/// Leaves out members of lists, the last of the longest first, until all texts together have at
/// most [`RECORD`] bytes. Whether anything was left out.
fn fit(wording: &mut Wording) -> bool {
    let Wording { tool, category, trigger, text, payload, .. } = wording;
    let fixed = tool.len() + category.len() + trigger.len() + text.len();
    let mut changed = false;
    loop {
        let written = serde_json::to_string(payload).map_or(0, |json| json.len());
        if fixed + written <= RECORD {
            return changed;
        }
        let lists =
            [&mut payload.files, &mut payload.commands, &mut payload.remedy, &mut payload.subject];
        let bytes = |list: &Vec<String>| list.iter().map(String::len).sum::<usize>();
        let longest = lists.into_iter().max_by_key(|list| bytes(list));
        if longest.and_then(Vec::pop).is_none() {
            return changed;
        }
        changed = true;
    }
}

/// `text` after `change` was made until nothing changes, cut to `longest` characters.
fn settled(
    text: String,
    longest: usize,
    log: &mut Log<'_>,
    change: impl Fn(String, &mut Log<'_>) -> String,
) -> String {
    let mut text = bounded(text, longest);
    for _ in 0..PASSES {
        let changed = change(text.clone(), log);
        let short = cut(&changed, longest);
        if short.len() < changed.len() {
            log.add("length", 1);
        }
        if short == text {
            break;
        }
        text = short;
    }
    text
}

/// `text` without what lies so far behind the limit that no change would bring it before it. What
/// is cut in two goes as a whole: half of a name is not recognised.
fn bounded(text: String, longest: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(longest * 4) else { return text };
    let kept = &text[..end];
    let word = kept.rfind(char::is_whitespace).unwrap_or(end);
    kept[..word].to_owned()
}

/// The first `longest` characters of `text`, the last of which says that something was cut. A
/// placeholder is cut off as a whole.
fn cut(text: &str, longest: usize) -> String {
    if text.len() <= longest || text.chars().nth(longest).is_none() {
        return text.to_owned();
    }
    let end = text.char_indices().nth(longest - 1).map_or(text.len(), |(at, _)| at);
    let wall = marks::walls(text).into_iter().find(|wall| wall.start < end && end < wall.end);
    let kept = text[..wall.map_or(end, |wall| wall.start)].trim_end();
    format!("{kept}…")
}

/// The text of a fix with every quoted error that is longer than a line shortened to what tells
/// it; `None` when there is none.
fn quoted(tool: &str, text: &str) -> Option<String> {
    const OPEN: &str = " failed (";
    let mut out = String::new();
    let mut rest = text;
    let mut changed = false;
    while let Some(at) = rest.find(OPEN) {
        let (head, quote) = rest.split_at(at + OPEN.len());
        let quote = &quote[..end_of_quote(quote)];
        out.push_str(head);
        rest = &rest[head.len() + quote.len()..];
        if quote.contains(['\n', '\r']) || quote.chars().nth(QUOTE).is_some() {
            out.push_str(&telling(tool, quote));
            changed = true;
        } else {
            out.push_str(quote);
        }
    }
    out.push_str(rest);
    (changed && out != text).then_some(out)
}

/// The line of `quote` that tells the error, cut; with no parenthesis that is not closed, since
/// that would end somewhere behind the quotation.
fn telling(tool: &str, quote: &str) -> String {
    let headline = signature::signature(tool, quote).headline;
    let lines = quote.trim().contains(['\n', '\r']);
    let line = if lines && !headline.is_empty() { &headline } else { quote };
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    // The signature may have cut a placeholder in two.
    let half = line.rfind('<').filter(|at| lines && !line[*at..].contains('>'));
    let line = cut(line[..half.unwrap_or(line.len())].trim_end(), QUOTE);
    if end_of_quote(&format!("{line})")) == line.len() {
        return line;
    }
    line.replace(['(', ')'], "")
}

/// Where the parenthesis that was opened before `text` is closed.
fn end_of_quote(text: &str) -> usize {
    let mut open = 1_u32;
    for (at, c) in text.char_indices() {
        match c {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return at;
        }
    }
    text.len()
}
