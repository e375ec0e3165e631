//! Whose work it is: names, mail addresses, accounts.

use std::ops::Range;

use super::{Applied, Change, group, is_variable, matches, regex, replaced, whole};
use crate::sync::sanitise::{Sanitiser, hosts, names};

pub(in crate::sync::sanitise) fn persons(own: &Sanitiser, text: &str) -> Applied {
    let ranges = [with_mail(text), signing(text), configured(text)].concat();
    let changes = ranges.into_iter().filter_map(|range| {
        let name = &text[range.clone()];
        // The agent's own name may be cut short.
        let agent = name.starts_with("Claude") || "Claude".starts_with(name);
        let told = agent || is_variable(name) || name.split_whitespace().all(names::is_common);
        (!name.is_empty() && !told).then(|| (range, own.marker.mark("person", name)))
    });
    replaced(text, changes.collect())
}

/// Names before `<MAIL>`.
fn with_mail(text: &str) -> Vec<Range<usize>> {
    let regex =
        regex!(r"((?:\p{Uppercase}[\w'.-]*\s){0,3}\p{Uppercase}[\w'.-]*)\s<([^<>\s@]+@[^<>\s]+)>");
    let named = regex.captures_iter(text).filter(|found| !is_told_mail(&found[2]));
    named.map(|found| group(&found, 1).range()).collect()
}

/// Names behind `Signed-off-by:` and its kind.
fn signing(text: &str) -> Vec<Range<usize>> {
    let regex = regex!(
        r#"(?m)(?i:signed-off-by|co-authored-by|reviewed-by|acked-by|tested-by|reported-by|^author|@author):?\s+([^<"'`\n]{2,60}?)\s*(?:[<"'`\n]|\z)"#
    );
    let names = regex.captures_iter(text).map(|found| group(&found, 1)).filter(|name| {
        name.as_str().starts_with(char::is_uppercase)
            && name.as_str().split_whitespace().count() <= 4
    });
    names.map(|name| name.range()).collect()
}

/// Names in settings of git.
fn configured(text: &str) -> Vec<Range<usize>> {
    let regex = regex!(
        r#"(?:GIT_(?:AUTHOR|COMMITTER)_NAME=|config (?:--?[\w-]+ )*user\.name[ =]+|-c user\.name=)(?:"([^"\n]{2,60})"|'([^'\n]{2,60})'|([\w.-]{2,60}))"#
    );
    let first =
        |found: regex::Captures<'_>| found.iter().skip(1).flatten().next().map(|m| m.range());
    regex.captures_iter(text).filter_map(first).collect()
}

/// Local parts of addresses in examples.
const NOBODY: &[&str] = &[
    "bar",
    "baz",
    "email",
    "foo",
    "git",
    "info",
    "name",
    "no-reply",
    "noreply",
    "someone",
    "you",
    "your",
    "your-email",
    "your.email",
    "youremail",
    "user1",
    "user2",
    "a",
    "b",
    "x",
];

/// Whether a mail address leads to nobody.
fn is_told_mail(mail: &str) -> bool {
    let lower = mail.to_lowercase();
    let Some((local, domain)) = lower.split_once('@') else { return false };
    let nobody = NOBODY.contains(&local) || names::is_common(local);
    let nowhere =
        hosts::is_reserved(domain) || ["test.com", "domain.com", "email.com"].contains(&domain);
    (nobody && nowhere)
        || ["noreply@anthropic.com", "noreply@github.com"].contains(&lower.as_str())
        || (local == "git" && hosts::is_document(domain))
}

/// Ends of the names of units, of which there are several behind an `@`.
const UNITS: &[&str] = &[".service", ".socket", ".timer", ".target", ".mount", ".slice", ".scope"];

pub(in crate::sync::sanitise) fn emails(own: &Sanitiser, text: &str) -> Applied {
    let regex = regex!(r"([\w.+-]+)(?:@|%40)([\w-]+(?:\.[\w-]+)*\.\p{Alphabetic}{2,24})");
    let changes = matches(text, regex, |found| {
        let (mut range, local, domain) = (whole(&found).range(), &found[1], &found[2]);
        let goes_on = text[range.end..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let empty = local.trim_matches(['.', '+', '-', '_']).is_empty();
        let variable = text[..range.start].ends_with('$');
        let mail = format!("{local}@{domain}");
        if goes_on || empty || variable || !is_domain(domain) || is_told_mail(&mail) {
            return None;
        }
        if text[..range.start].ends_with('<') && text[range.end..].starts_with('>') {
            range = range.start - 1..range.end + 1;
        }
        Some((range, own.marker.mark("email", &mail)))
    });
    replaced(text, changes)
}

/// Whether what stands behind an `@` can be a domain: no version, no scale of an image, no unit.
fn is_domain(domain: &str) -> bool {
    let label = domain.split('.').next().unwrap_or("");
    let number = label.strip_prefix('v').unwrap_or(label);
    let number = number.strip_suffix('x').unwrap_or(number);
    let version = number.bytes().all(|b| b.is_ascii_digit());
    !version && !domain.contains('_') && !UNITS.iter().any(|unit| domain.ends_with(unit))
}

/// Accounts that systems and packages make.
const ACCOUNTS: &[&str] = &[
    "caddy",
    "elasticsearch",
    "messagebus",
    "mongodb",
    "prometheus",
    "grafana",
    "rabbitmq",
    "sshd",
    "sys",
    "systemd",
    "tss",
    "uucp",
    "wheel",
    "nogroup",
    "adm",
    "sudo",
    "sudoers",
    "everyone",
    "kafka",
    "tomcat",
    "apache",
    "memcached",
    "solr",
    "dbus",
    "games",
    "lp",
    "man",
    "news",
    "proxy",
    "irc",
    "backup",
];

pub(in crate::sync::sanitise) fn logins(own: &Sanitiser, text: &str) -> Applied {
    let one = regex!(
        r#"\b(?:(?:USER|USERNAME|LOGNAME|SUDO_USER)=["']?|sudo\s+(?:-[A-Za-z]+\s+)*-u\s+|[ug]id=\d+\()([A-Za-z_][A-Za-z0-9_.-]{1,31})"#
    );
    let owners = regex!(
        r"(?m)(?:^[-dlcbps][-rwxsStT]{9}[@+.]?\s+\d+\s+|\bchown\s+(?:-\S+\s+)*)([A-Za-z_][A-Za-z0-9_.-]{1,31})(?:(?::|\s+)([A-Za-z_][A-Za-z0-9_.-]{1,31}))?"
    );
    let mut found: Vec<Range<usize>> =
        one.captures_iter(text).map(|found| group(&found, 1).range()).collect();
    for owner in owners.captures_iter(text) {
        found.push(group(&owner, 1).range());
        // What follows `chown` and a blank is a file.
        let listed = !owner[0].starts_with("chown");
        let second = owner.get(2).filter(|name| listed || text[..name.start()].ends_with(':'));
        found.extend(second.map(|name| name.range()));
    }
    let changes = found.into_iter().filter(|range| !is_account(&text[range.clone()]));
    replaced(
        text,
        changes.map(|at| (at.clone(), own.marker.mark("user", &text[at]))).collect::<Vec<Change>>(),
    )
}

/// Whether a user is one that systems and packages make.
fn is_account(name: &str) -> bool {
    names::is_common(name)
        || ACCOUNTS.contains(&name)
        || name.starts_with('_')
        || name.starts_with("systemd-")
}
