//! Addresses, hosts, and numbers that stand for one thing.

use std::net::Ipv4Addr;

use super::{Applied, Change, clear_after, clear_before, group, matches, regex, replaced, whole};
use crate::sync::sanitise::{Sanitiser, hosts};

pub(in crate::sync::sanitise) fn addresses(own: &Sanitiser, text: &str) -> Applied {
    let changes = [v4(own, text), v6(own, text), mac(own, text)].concat();
    replaced(text, changes)
}

fn v4(own: &Sanitiser, text: &str) -> Vec<Change> {
    let regex = regex!(r"\d{1,3}(?:\.\d{1,3}){3}");
    matches(text, regex, |found| {
        let at = whole(&found);
        let address: Ipv4Addr = at.as_str().parse().ok()?;
        let clear = clear_before(text, at.start(), "._")
            && clear_after(text, at.end(), "_")
            && !continues(text, at.end());
        let version = !hosts::is_private_v4(address) && is_version(text, at.start());
        (clear && !version && hosts::tells(at.as_str()))
            .then(|| (at.range(), own.marker.mark("address", at.as_str())))
    })
}

fn v6(own: &Sanitiser, text: &str) -> Vec<Change> {
    let regex = regex!(r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?::\d{1,3}(?:\.\d{1,3}){3})?");
    matches(text, regex, |found| {
        let at = whole(&found);
        let clear = clear_before(text, at.start(), "._:") && clear_after(text, at.end(), "_:");
        (clear && hosts::tells(at.as_str()))
            .then(|| (at.range(), own.marker.mark("address", at.as_str())))
    })
}

fn mac(own: &Sanitiser, text: &str) -> Vec<Change> {
    let regex = regex!(
        r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}"
    );
    matches(text, regex, |found| {
        let at = whole(&found);
        let clear = clear_before(text, at.start(), ":-._")
            && clear_after(text, at.end(), "_")
            && !continues_in_pairs(text, at.end());
        let address = at.as_str().to_lowercase();
        (clear && is_mac(&address)).then(|| (at.range(), own.marker.mark("address", &address)))
    })
}

/// Whether pairs of digits are the address of one device: not all alike, and no date or time.
fn is_mac(address: &str) -> bool {
    let mut digits: Vec<u8> = address.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.sort_unstable();
    digits.dedup();
    let mixed = digits.iter().any(u8::is_ascii_alphabetic) && digits.iter().any(u8::is_ascii_digit);
    digits.len() > 2 && (address.contains(':') || mixed)
}

/// Whether a number of four parts goes on at `end` as versions do.
fn continues(text: &str, end: usize) -> bool {
    let rest = &text.as_bytes()[end..];
    matches!(rest, [b'.', b'0'..=b'9', ..] | [b'-', b'a'..=b'z', ..] | [b'+', ..])
}

fn continues_in_pairs(text: &str, end: usize) -> bool {
    let rest = &text.as_bytes()[end..];
    matches!(rest, [b':' | b'-', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
}

/// Whether what stands before `at` says that a version follows.
fn is_version(text: &str, at: usize) -> bool {
    let head = text[..at].trim_end_matches(['"', '\'', ' ', ':']).to_lowercase();
    text[..at].ends_with(['@', '/', '-', '^', '~'])
        || ["==", ">=", "<=", "version", "ver", "release", "tag", " to", "from"]
            .iter()
            .any(|word| head.ends_with(word))
}

/// Names of files and variables that end like hosts of private networks.
const STEMS: &[&str] = &[
    "api",
    "app",
    "application",
    "appsettings",
    "bashrc",
    "common",
    "compose",
    "conf",
    "config",
    "core",
    "crate",
    "ctx",
    "dev",
    "docker-compose",
    "env",
    "flutter",
    "gitconfig",
    "gradle",
    "hosts",
    "index",
    "index.js",
    "launch",
    "lib",
    "local",
    "main",
    "makefile",
    "module",
    "options",
    "override",
    "package",
    "phpunit",
    "pkg",
    "profile",
    "props",
    "req",
    "res",
    "secrets",
    "self",
    "settings",
    "src",
    "state",
    "std",
    "storage",
    "terraform",
    "test",
    "this",
    "types",
    "utils",
    "values",
    "vars",
    "window",
    "zshrc",
];

pub(in crate::sync::sanitise) fn hosts(own: &Sanitiser, text: &str) -> Applied {
    let regex = regex!(
        r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+"
    );
    let mut changes = matches(text, regex, |found| {
        let at = whole(&found);
        let host = at.as_str().to_lowercase();
        let private = hosts::is_internal(&host) || hosts::is_tenant(&host);
        if !private || hosts::is_well_known(&host) || is_code(text, at.range(), &host) {
            return None;
        }
        let clear = clear_before(text, at.start(), "._/\\-$") || text[..at.start()].ends_with("//");
        clear.then(|| (at.range(), own.marker.mark("host", &host)))
    });
    let by_address = regex!(r"\b(?:ip|ec2)-\d{1,3}(?:-\d{1,3}){3}\b");
    changes.extend(matches(text, by_address, |found| {
        Some((whole(&found).range(), own.marker.mark("host", whole(&found).as_str())))
    }));
    replaced(text, changes)
}

/// Whether what looks like the host at `range` is a file or a part of a program.
fn is_code(text: &str, range: std::ops::Range<usize>, host: &str) -> bool {
    let behind = &text[range.end..];
    let called = !clear_after(text, range.end, "_(")
        || behind.starts_with("::")
        || behind.trim_start_matches(' ').starts_with('=');
    let inner = host.strip_suffix(".internal");
    let stem = inner.or_else(|| host.strip_suffix(".local"));
    let word = stem.is_some_and(|stem| STEMS.contains(&stem));
    let typed = inner.is_some() && text[range].starts_with(|c: char| c.is_ascii_uppercase());
    called || word || typed
}

pub(in crate::sync::sanitise) fn accounts(own: &Sanitiser, text: &str) -> Applied {
    let regex = regex!(r"\barn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:(\d{12})\b");
    let changes = matches(text, regex, |found| {
        let at = group(&found, 1);
        Some((at.range(), own.marker.mark("account", at.as_str())))
    });
    replaced(text, changes)
}

pub(in crate::sync::sanitise) fn ids(own: &Sanitiser, text: &str) -> Applied {
    let unique = regex!(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){2,3}(?:-[0-9a-f]{1,12})?");
    let named = regex!(
        r"\b(?:session|sess|toolu|srvtoolu|msg|req|call|chatcmpl|run|agent|resp)_[0-9A-Za-z]{16,64}\b"
    );
    let sortable = regex!(r"\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b");
    let mut changes = Vec::new();
    for (regex, is_id) in
        [(unique, is_unique as fn(&str) -> bool), (named, has_digits), (sortable, is_sortable)]
    {
        changes.extend(matches(text, regex, |found| {
            let at = whole(&found);
            let clear = clear_before(text, at.start(), "") && clear_after(text, at.end(), "");
            (clear && is_id(at.as_str())).then(|| (at.range(), own.marker.mark("id", at.as_str())))
        }));
    }
    replaced(text, changes)
}

/// Whether a UUID is one, and not the one of nothing.
fn is_unique(id: &str) -> bool {
    !id.bytes().all(|b| matches!(b, b'0' | b'-'))
}

/// Whether what follows a word is no word.
fn has_digits(id: &str) -> bool {
    id.bytes().filter(u8::is_ascii_digit).count() >= 2
}

/// Whether a ULID is one: neither a number nor a word.
fn is_sortable(id: &str) -> bool {
    (6..=22).contains(&id.bytes().filter(u8::is_ascii_alphabetic).count())
}
