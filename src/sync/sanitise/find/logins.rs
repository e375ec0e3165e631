//! Who is logged in where: targets of `ssh` and its kind, shell prompts.

use std::ops::Range;

use super::{Applied, Change, clear_before, group, matches, regex, replaced, whole};
use crate::sync::sanitise::{Sanitiser, hosts, names};

/// Commands that take a machine as an argument.
const REMOTE: &[&str] = &[
    "ssh",
    "scp",
    "sftp",
    "rsync",
    "mosh",
    "ssh-copy-id",
    "sshfs",
    "autossh",
    "sshpass",
    "ssh-keyscan",
];

/// What stands behind an `@` and is no machine: tags of packages, digests, labels.
const TAGS: &[&str] = &[
    "latest",
    "next",
    "beta",
    "alpha",
    "canary",
    "rc",
    "dev",
    "stable",
    "nightly",
    "experimental",
    "workspace",
    "npm",
    "file",
    "link",
    "main",
    "master",
    "head",
    "lts",
    "current",
    "edge",
    "sha256",
    "sha512",
    "sha1",
    "md5",
    "develop",
    "trunk",
    "release",
    "insiders",
    "preview",
    "catalog",
    "patch",
];

pub(in crate::sync::sanitise) fn ssh(own: &Sanitiser, text: &str) -> Applied {
    let mut changes = targets(own, text);
    changes.extend(arguments(own, text));
    changes.extend(copies(own, text));
    changes.extend(repositories(own, text));
    replaced(text, changes)
}

/// `user@host` and `git@host:org/repo`, and the user's name wherever it stands besides.
fn targets(own: &Sanitiser, text: &str) -> Vec<Change> {
    let target = regex!(
        r#"([A-Za-z0-9_][A-Za-z0-9_.+-]{0,63})@(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?)(:[^\s"'`<>|;,)(]*)?"#
    );
    let mut users = Vec::new();
    let mut changes = matches(text, target, |found| {
        let (user, host) = (&found[1], &found[2]);
        let path = found.get(3).map_or("", |path| path.as_str());
        let start = whole(&found).start();
        let host_end = group(&found, 2).end();
        if !clear_before(text, start, "/@_.+-%:") || is_tag(host) {
            return None;
        }
        let end = if let Some(repository) = repository(path) {
            host_end + 1 + repository.len()
        } else if is_machine(text, &(start..host_end), user, host, path) {
            // Who logs in there has branches and folders of that name.
            users.extend((user.len() >= 5).then(|| user.to_owned()));
            host_end
        } else {
            return None;
        };
        Some((start..end, own.marker.mark("ssh", &text[start..end])))
    });
    let named = names::Names::new(users).find(text).into_iter();
    changes.extend(named.map(|at| (at.clone(), own.marker.mark("user", &text[at]))));
    changes
}

/// `github.com:org/repo`, as git writes it when it pushes.
fn repositories(own: &Sanitiser, text: &str) -> Vec<Change> {
    let regex =
        regex!(r"(?:github\.com|gitlab\.com|bitbucket\.org|codeberg\.org):[\w.-]+/[\w./-]*[\w]");
    matches(text, regex, |found| {
        let at = whole(&found);
        clear_before(text, at.start(), "@._-")
            .then(|| (at.range(), own.marker.mark("ssh", at.as_str())))
    })
}

/// The repository behind `host:`, which has a slash in it that is not the first.
fn repository(path: &str) -> Option<&str> {
    let path = path.strip_prefix(':')?.trim_end_matches(['.', ':', '…']);
    let below = path.contains('/') && !path.starts_with(['/', '~']);
    (below || path.strip_suffix(".git").is_some()).then_some(path)
}

/// The host behind `ssh` and its options.
fn arguments(own: &Sanitiser, text: &str) -> Vec<Change> {
    let argument = regex!(
        r"\b(?:ssh|mosh|ssh-copy-id|ssh-keyscan)((?:\s+-(?:[bcDEeFIiJLlmOopQRSWw]\s+[^\s-]\S*|[A-Za-z0-9]\S*))*)\s+([A-Za-z0-9](?:[\w.-]*\w)?)([^\w.-]|\z)"
    );
    matches(text, argument, |found| {
        let host = group(&found, 2);
        let name = host.as_str().to_lowercase();
        let behind = &text[host.end()..];
        // In a sentence, what follows is a word.
        let telling = !found[1].is_empty()
            || name.contains(|c: char| c.is_ascii_digit() || c == '.')
            || (behind.starts_with(' ') && behind.trim_start().starts_with(['"', '\'']));
        let known = names::is_common(&name) || hosts::is_document(&name) || is_tag(&name);
        (telling && !known && !behind.starts_with('@'))
            .then(|| (host.range(), own.marker.mark("ssh", &name)))
    })
}

/// The host before the `:` of what is copied from or to another machine.
fn copies(own: &Sanitiser, text: &str) -> Vec<Change> {
    let place = regex!(r"(?:^|\s)([A-Za-z0-9](?:[\w.-]*\w)):(?:[~/<.\w])");
    matches(text, place, |found| {
        let host = group(&found, 1);
        let command = command_before(text, host.start());
        let copied = ["scp ", "rsync ", "sshfs "].iter().any(|name| command.contains(name));
        (copied && !names::is_common(host.as_str()))
            .then(|| (host.range(), own.marker.mark("ssh", host.as_str())))
    })
}

/// Whether what stands behind an `@` is a version, a tag or a digest.
fn is_tag(host: &str) -> bool {
    let lower = host.to_lowercase();
    let version = lower.strip_prefix('v').unwrap_or(&lower);
    let numbered = version.starts_with(|c: char| c.is_ascii_digit())
        && host.parse::<std::net::Ipv4Addr>().is_err();
    TAGS.contains(&lower.as_str()) || numbered
}

/// Whether `user@host` at `range` logs in somewhere.
fn is_machine(text: &str, range: &Range<usize>, user: &str, host: &str, path: &str) -> bool {
    let lower = host.to_lowercase();
    let command = command_before(text, range.start);
    let remote = REMOTE.iter().any(|name| command.split_whitespace().any(|word| word == *name));
    if let Ok(address) = host.parse::<std::net::Ipv4Addr>() {
        // Four numbers behind a package's name are its version.
        let logs_in = remote || hosts::is_private_v4(address) || names::is_common(user);
        return logs_in && hosts::tells(host);
    }
    if host.starts_with('[') {
        return hosts::tells(host.trim_matches(['[', ']']));
    }
    if lower.contains('.') && !hosts::is_internal(&lower) {
        return remote && user != "git" && !hosts::is_reserved(&lower);
    }
    if hosts::is_reserved(&lower) || (names::is_common(user) && names::is_common(host)) {
        return false;
    }
    remote
        || is_prompt(text, range, path)
        || hosts::is_internal(&lower)
        || looks_like_machine(&lower)
}

/// Whether `user@host` at `range` belongs to a shell's prompt or names a place on the host.
fn is_prompt(text: &str, range: &Range<usize>, path: &str) -> bool {
    let line = text[range.end..].split('\n').next().unwrap_or("");
    let in_brackets = text[..range.start].ends_with('[');
    path.starts_with(":~")
        || path.starts_with(":/")
        || line.starts_with(":<")
        || (in_brackets && (line.contains("]$") || line.contains("]#")))
}

/// Whether a name reads like that of a computer.
fn looks_like_machine(host: &str) -> bool {
    let regex = regex!(
        r"mac-?book|imac|\bmbp\b|laptop|desktop|workstation|thinkpad|virtual-machine|[-_](?:pc|vm|server|host|box)\b|^ip-\d+-\d+|^ec2-\d+"
    );
    regex.is_match(host)
}

/// The command up to `at`, without those before it.
fn command_before(text: &str, at: usize) -> &str {
    let from = text[..at].rfind(['\n', '|', ';', '&', '`', '(']).map_or(0, |place| place + 1);
    text[from..at].trim_start()
}
