//! What values may be: addresses, names of hosts, buckets, branches and variables.

use std::net::IpAddr;

use super::table::{Fault, short};

fn fault(cause: impl Into<String>, help: impl Into<String>) -> Result<(), Fault> {
    Err((cause.into(), help.into()))
}

/// An address in its parts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Address<'t> {
    pub(super) scheme: &'t str,
    pub(super) user: Option<&'t str>,
    pub(super) host: &'t str,
    pub(super) port: Option<&'t str>,
    /// What follows, with the slash.
    pub(super) path: &'t str,
}

/// `text` as an address; `None` when it has no scheme.
pub(super) fn address(text: &str) -> Option<Address<'_>> {
    let (scheme, rest) = text.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, place) = match authority.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, authority),
    };
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    Some(Address { scheme, user, host, port, path })
}

/// Whether `host` is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A host by name or address.
pub(super) fn host(text: &str) -> Result<(), Fault> {
    if text.contains("://") || text.contains('@') {
        return fault(
            "it is an address with more than a host",
            "Write the host only; port, database and user have keys of their own, and the password goes into the environment.",
        );
    }
    if text.parse::<IpAddr>().is_ok() || is_host(text) {
        return Ok(());
    }
    fault(
        format!("`{}` is no host", short(text)),
        "Write a name like `db.example.org` or an IP address.",
    )
}

fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.trim_end_matches('.').split('.').all(label)
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// A value that could be taken for an option or would break a line.
fn plain(text: &str) -> Result<(), Fault> {
    if text.starts_with('-') || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return fault("it begins with a hyphen or has blanks in it", "Remove them.");
    }
    Ok(())
}

/// The address of a server that is spoken to over HTTPS; `variables` says where its credentials
/// go.
pub(super) fn https(text: &str, variables: &str) -> Result<(), Fault> {
    plain(text)?;
    let Some(address) = address(text) else {
        return fault("it is no address", "Write one like `https://store.example.org`.");
    };
    if address.user.is_some() {
        return fault(
            "it has credentials in it",
            format!("Remove what stands before the `@`; {variables}."),
        );
    }
    if address.path.contains(['?', '#']) {
        return fault(
            "it has a query in it",
            format!("Remove what stands behind the `?` or `#`; {variables}."),
        );
    }
    encrypted(&address, "https", "http")?;
    place(&address)
}

/// Refuses an `open` scheme but on this machine, and every other but the `sealed` one.
fn encrypted(address: &Address<'_>, sealed: &str, open: &str) -> Result<(), Fault> {
    let scheme = address.scheme.to_lowercase();
    if scheme == sealed || (scheme == open && is_loopback(address.host)) {
        return Ok(());
    }
    if scheme == open {
        return fault(
            format!("`{open}` is not encrypted"),
            format!("Use `{sealed}`; `{open}` is for servers on this machine only."),
        );
    }
    fault(format!("`{}` is not known here", short(&scheme)), format!("Use `{sealed}`."))
}

fn place(address: &Address<'_>) -> Result<(), Fault> {
    if !(is_host(address.host) || address.host.parse::<IpAddr>().is_ok()) {
        return fault(format!("`{}` is no host", short(address.host)), "Check the address.");
    }
    if address.port.is_some_and(|port| !is_port(port)) {
        return fault("the port is none", "Write a number from 1 to 65535 behind the `:`.");
    }
    Ok(())
}

/// Where the token for a repository goes.
const TOKEN: &str = "set MANA_SYNC_TOKEN (and MANA_SYNC_USER) or use git's credential helper";

/// Where a key and its passphrase go.
const KEY: &str = "use a key or an agent; a key's passphrase goes into MANA_SYNC_SSH_PASSPHRASE";

/// Where a repository lies: over HTTPS or SSH, or in a folder.
pub(super) fn remote(text: &str) -> Result<(), Fault> {
    plain(text)?;
    if text.starts_with('/') || text.starts_with("~/") {
        return Ok(());
    }
    let Some(address) = address(text) else { return short_remote(text) };
    match &*address.scheme.to_lowercase() {
        "https" | "http" => https(text, TOKEN),
        "ssh" => {
            if address.user.is_some_and(|user| user.contains(':')) {
                return fault("it has a password in it", format!("Remove it; {KEY}."));
            }
            place(&address)
        }
        "file" if address.host.is_empty() && address.path.len() > 1 => Ok(()),
        "git" | "ftp" | "ftps" => {
            fault(format!("`{}` is not encrypted", address.scheme), "Use `https` or `ssh`.")
        }
        scheme => fault(
            format!("`{}` is not known here", short(scheme)),
            "Use `https://`, `ssh://`, `git@host:path` or an absolute path.",
        ),
    }
}

/// `git@host:path`.
fn short_remote(text: &str) -> Result<(), Fault> {
    let form = "Use `https://`, `ssh://`, `git@host:path` or an absolute path.";
    if text.contains("::") {
        return fault("it runs a program", form);
    }
    let (user, place) = match text.rsplit_once('@') {
        Some((user, place)) => (user, place),
        None => ("", text),
    };
    if user.contains(':') {
        return fault("it has a password in it", format!("Remove it; {KEY}."));
    }
    match place.split_once(':') {
        Some((host, path)) if is_host(host) && host.len() > 1 && !path.is_empty() => Ok(()),
        _ => fault("it is no address of a repository", form),
    }
}

/// A branch's name, by the rules of git.
pub(super) fn branch(text: &str) -> Result<(), Fault> {
    let refused = ["..", "//", "@{", "/."].iter().any(|part| text.contains(part))
        || text.contains(['~', '^', ':', '?', '*', '[', '\\'])
        || text.starts_with(['-', '/', '.'])
        || text.ends_with(['/', '.'])
        || text.strip_suffix(".lock").is_some()
        || text.chars().any(|c| c.is_whitespace() || c.is_control())
        || text == "@"
        || text.len() > 200;
    if refused {
        return fault(
            format!("`{}` is no name of a branch", short(text)),
            "Use letters, digits and hyphens.",
        );
    }
    Ok(())
}

/// A bucket's name.
pub(super) fn bucket(text: &str) -> Result<(), Fault> {
    let right = (3..=63).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && !text.contains("..");
    if right {
        return Ok(());
    }
    fault(
        format!("`{}` is no name of a bucket", short(text)),
        "Use 3 to 63 small letters, digits, hyphens and full stops.",
    )
}

/// A region's name.
pub(super) fn region(text: &str) -> Result<(), Fault> {
    if text.len() <= 40 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Ok(());
    }
    fault(format!("`{}` is no region", short(text)), "Write one like `eu-west-1`.")
}

/// The beginning of names in a bucket.
pub(super) fn prefix(text: &str) -> Result<(), Fault> {
    let right = text.len() <= 200
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b))
        && !text.starts_with('/')
        && !text.split('/').any(|part| part == "..");
    if right {
        return Ok(());
    }
    fault(
        "it is no beginning of names",
        "Use letters, digits, hyphens and slashes between them, as in `team/mana`.",
    )
}

/// The name of an environment variable.
pub(super) fn variable(text: &str) -> Result<(), Fault> {
    let right = text.len() <= 80
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if right {
        return Ok(());
    }
    // It may be the secret itself: it is not shown.
    fault(
        "it is no name of an environment variable",
        "Write the variable's name in capitals, not what it holds.",
    )
}

/// A file on this disk.
pub(super) fn path(text: &str) -> Result<(), Fault> {
    let absolute = text.starts_with('/') || text.starts_with("~/");
    if absolute && !text.chars().any(char::is_control) {
        return Ok(());
    }
    if text.contains("-----BEGIN") {
        return fault(
            "it is a key and not a file's path",
            "Write the key into a file of its own and name that.",
        );
    }
    fault("it is no absolute path", "Begin it with `/` or `~/`.")
}

/// The name of a database or of who logs in.
pub(super) fn name(text: &str) -> Result<(), Fault> {
    if text.contains(':') || text.contains("://") {
        return fault(
            "it has more than a name in it",
            "Write the name only; the password goes into the environment.",
        );
    }
    if text.len() > 63 || text.chars().any(char::is_control) {
        return fault("it is too long for a name", "Write at most 63 characters.");
    }
    Ok(())
}

/// A team's name.
pub(super) fn team(text: &str) -> Result<(), Fault> {
    let right = text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if right {
        return Ok(());
    }
    fault(
        format!("`{}` is no name of a team", short(text)),
        "Use letters, digits, hyphens and full stops.",
    )
}

/// The key or name of a project.
pub(super) fn project(text: &str) -> Result<(), Fault> {
    if text.trim().is_empty() || text.len() > 300 || text.chars().any(char::is_control) {
        return fault(
            "a member is no project",
            "Write a project's name or key, as `mana status` shows it.",
        );
    }
    Ok(())
}

/// Where a node is reached, as `/ip4/192.0.2.7/tcp/4001`; `with_peer` when a peer's id may or must
/// stand behind it.
pub(super) fn node(text: &str, with_peer: bool) -> Result<(), Fault> {
    let example = if with_peer { "/ip4/192.0.2.7/tcp/4001/p2p/ID" } else { "/ip4/0.0.0.0/tcp/0" };
    let wrong = || {
        fault(
            format!("`{}` is no address of a node", short(text)),
            format!("Write one like `{example}`."),
        )
    };
    let parts: Vec<&str> = text.split('/').collect();
    let ["", kind, host, "tcp", port, rest @ ..] = parts.as_slice() else { return wrong() };
    let known = match *kind {
        "ip4" => host.parse::<std::net::Ipv4Addr>().is_ok(),
        "ip6" => host.parse::<std::net::Ipv6Addr>().is_ok(),
        "dns" | "dns4" | "dns6" => with_peer && is_host(host),
        _ => false,
    };
    let numbered = is_port(port) || (!with_peer && *port == "0");
    let peer = match rest {
        [] => !with_peer,
        ["p2p", id] => {
            with_peer
                && id.len() >= 40
                && id.len() <= 64
                && id.bytes().all(|b| b.is_ascii_alphanumeric())
        }
        _ => false,
    };
    if known && numbered && peer { Ok(()) } else { wrong() }
}
