//! Files and URLs.

use super::{Applied, Change, clear_before, is_variable, matches, regex, replaced, whole};
use crate::sync::sanitise::{Sanitiser, hosts, marks, paths, urls};

pub(in crate::sync::sanitise) fn urls(own: &Sanitiser, text: &str) -> Applied {
    let changes = urls::find(text).into_iter().flat_map(|url| {
        if is_ssh(&url) {
            let mark = own.marker.mark("ssh", &text[url.host.clone()]);
            return vec![(url.range, mark)];
        }
        let user = url.user.clone().filter(|user| {
            let said = &text[user.clone()];
            let told = said.is_empty() || said == "<credentials>" || is_variable_login(said);
            !told && (url.is_network() || said.contains(':'))
        });
        let user = user.map(|user| (user, "<credentials>".to_owned()));
        user.into_iter().chain(private_host(own, text, &url)).collect()
    });
    replaced(text, changes.collect())
}

/// The host of a URL with all that follows, where it must not be told.
fn private_host(own: &Sanitiser, text: &str, url: &urls::Url) -> Option<Change> {
    let host = &text[url.host.clone()];
    let private = (url.is_bucket() && !is_variable(host))
        || (url.is_network() && !url.hosts(text).all(is_told));
    if !private || host.is_empty() || marks::wall(host).is_some() {
        return None;
    }
    let name = urls::without_port(host);
    let port = host.strip_prefix(name).filter(|port| !port.contains(',')).unwrap_or("");
    Some((url.host.start..url.range.end, format!("{}{port}", own.marker.mark("host", name))))
}

/// Whether a host of a URL may be told. Letters of an example are not a name.
fn is_told(host: &str) -> bool {
    host.len() < 3 || hosts::is_public(host)
}

fn is_ssh(url: &urls::Url) -> bool {
    matches!(url.scheme.as_str(), "ssh" | "git+ssh" | "sftp")
}

fn is_variable_login(said: &str) -> bool {
    said.split(':').all(|part| is_variable(part) && marks::wall(part).is_none())
}

/// Schemes whose URLs are paths on this machine.
const OF_FILES: &[&str] = &["file", "vscode", "vscode-insiders", "cursor"];

pub(in crate::sync::sanitise) fn paths(own: &Sanitiser, text: &str) -> Applied {
    let mut shut = marks::walls(text);
    let remote = urls::find(text).into_iter().filter(|url| !OF_FILES.contains(&&*url.scheme));
    shut.extend(remote.map(|url| url.range));
    shut.sort_by_key(|range| range.start);
    replaced(text, paths::find(&own.roots, &own.marker, text, &shut))
}

pub(in crate::sync::sanitise) fn worktrees(_: &Sanitiser, text: &str) -> Applied {
    let regex = regex!(r#"(?:\.claude/worktrees|\.worktrees)/[^/\s"'`]+/"#);
    let changes = matches(text, regex, |found| {
        let at = whole(&found).range();
        let goes_on =
            text[at.end..].starts_with(|c: char| c.is_alphanumeric() || "._-[(@".contains(c));
        (clear_before(text, at.start, "/._-~") && goes_on).then(|| (at, String::new()))
    });
    replaced(text, changes)
}

pub(in crate::sync::sanitise) fn encoded_paths(own: &Sanitiser, text: &str) -> Applied {
    let regex = regex!(r"(?:[A-Za-z]-)?-[A-Za-z0-9]+(?:-[A-Za-z0-9_.]*)*[A-Za-z0-9]");
    let mut changes = matches(text, regex, |found| {
        let (start, name) = (whole(&found).start(), whole(&found).as_str());
        if !clear_before(text, start, "-_.") || !is_encoded(own, text, start, name) {
            return None;
        }
        // The list of sessions, or a session, may stand behind it.
        let name = &name[..name.find(".json").unwrap_or(name.len())];
        Some((start..start + name.len(), own.marker.mark("project", name)))
    });
    let quoted = regex!(
        r#"(?:(?i:file%3A%2F%2F))?%2F(?:home|Users|root|srv|mnt|work|private|tmp|var%2Ffolders|data|Volumes)(?:%2F[^%\s"'`&<>]+(?:%20[^%\s"'`&<>]+)*)+"#
    );
    changes.extend(matches(text, quoted, |found| Some((whole(&found).range(), "<path>".into()))));
    replaced(text, changes)
}

/// What stands behind a hyphen as part of an option.
const OPTIONS: &[&str] =
    &["dir", "path", "page", "url", "folder", "file", "directory", "name", "key", "id"];

/// Whether `name` at `at` is a path with hyphens for all that is no letter or digit, as the agent
/// names its folders.
fn is_encoded(own: &Sanitiser, text: &str, at: usize, name: &str) -> bool {
    let is_component = text[..at].ends_with('/') || text[..at].ends_with('\\');
    let lower = name.to_lowercase();
    if own.encoded.iter().any(|root| {
        lower
            .strip_prefix(root.as_str())
            .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    }) {
        return true;
    }
    if name.as_bytes()[0] != b'-' {
        // A drive.
        return name[1..].starts_with("--") && (is_component || lower[3..].starts_with("users-"));
    }
    let parts: Vec<&str> = name[1..].split('-').collect();
    let [first, second, ..] = parts[..] else { return false };
    match first {
        "home" | "Users" => !OPTIONS.contains(&second) && !second.is_empty(),
        "root" | "mnt" | "srv" | "work" | "workspace" | "workspaces" | "data" | "opt" | "var"
        | "private" | "tmp" | "Volumes" | "media" | "app" | "code" | "src" | "projects"
        | "repos" | "usr" | "etc" | "builds" => is_component && !OPTIONS.contains(&second),
        _ => text[..at].ends_with("projects/") && parts.len() > 2,
    }
}
