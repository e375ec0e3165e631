//! Takes URLs apart.

use std::ops::Range;

use super::marks;

/// A URL in a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Url {
    /// All of it, without the punctuation of the sentence around it.
    pub(super) range: Range<usize>,
    /// The scheme, in lower case.
    pub(super) scheme: String,
    /// What stands before the `@`.
    pub(super) user: Option<Range<usize>>,
    /// The host, or several with their ports and commas between.
    pub(super) host: Range<usize>,
    /// Where the path begins, behind the port.
    pub(super) path: usize,
}

/// Schemes whose host is a machine that is connected to.
const NETWORK: &[&str] = &[
    "amqp",
    "amqps",
    "bolt",
    "cassandra",
    "clickhouse",
    "docker",
    "ftp",
    "ftps",
    "git",
    "git+http",
    "git+https",
    "git+ssh",
    "grpc",
    "grpcs",
    "http",
    "https",
    "imap",
    "imaps",
    "kafka",
    "ldap",
    "ldaps",
    "mariadb",
    "mongodb",
    "mongodb+srv",
    "mqtt",
    "mqtts",
    "mssql",
    "mysql",
    "nats",
    "neo4j",
    "nfs",
    "postgres",
    "postgresql",
    "rdp",
    "redis",
    "rediss",
    "rsync",
    "rtsp",
    "sftp",
    "smb",
    "smtp",
    "smtps",
    "socks5",
    "sqlserver",
    "ssh",
    "tcp",
    "telnet",
    "tls",
    "udp",
    "vnc",
    "ws",
    "wss",
];

/// Schemes whose host is somebody's store of objects.
const BUCKETS: &[&str] = &["s3", "s3a", "gs", "abfs", "abfss", "wasbs", "r2"];

impl Url {
    /// Whether its host is a machine that is connected to.
    pub(super) fn is_network(&self) -> bool {
        NETWORK.contains(&self.scheme.as_str())
    }

    /// Whether its host is somebody's store of objects.
    pub(super) fn is_bucket(&self) -> bool {
        BUCKETS.contains(&self.scheme.as_str())
    }

    /// Its hosts, without ports.
    pub(super) fn hosts<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        text[self.host.clone()].split(',').map(without_port)
    }
}

/// A host without its port.
pub(super) fn without_port(host: &str) -> &str {
    if let Some(end) = host.find(']').filter(|_| host.starts_with('[')) {
        return &host[..=end];
    }
    match host.split_once(':') {
        Some((name, _)) => name,
        None => host,
    }
}

/// The URLs in `text`, in order.
pub(super) fn find(text: &str) -> Vec<Url> {
    let mut found: Vec<Url> = Vec::new();
    for (at, _) in text.match_indices("://") {
        let scheme = scheme_before(text, at);
        let taken = found.last().is_some_and(|last| scheme < last.range.end);
        if scheme == at || taken {
            continue;
        }
        let authority = at + 3;
        // A comma parts hosts of one URL, or URLs.
        let parts = |at: usize, c| c == ',' && is_url(&text[at + 1..]);
        let end_of_host = end(text, authority, |at, c| {
            matches!(c, '/' | '?' | '#' | ')' | ';' | '|') || ends_url(c) || parts(at, c)
        });
        let whole = end(text, end_of_host, |at, c| ends_url(c) || parts(at, c));
        let mut whole = trimmed(text, end_of_host, whole);
        let part = &text[authority..end_of_host];
        let user = last_outside_walls(part, '@').map(|len| authority..authority + len);
        let host = user.as_ref().map_or(authority, |user| user.end + 1);
        let host_end = trimmed(text, host, end_of_host);
        whole = whole.max(host_end);
        found.push(Url {
            range: scheme..whole,
            scheme: text[scheme..at].to_lowercase(),
            user,
            host: host..host_end,
            path: host_end,
        });
    }
    found
}

/// Whether `text` begins with a scheme.
fn is_url(text: &str) -> bool {
    let scheme = text.bytes().take(20).take_while(u8::is_ascii_alphanumeric).count();
    scheme > 0 && text[scheme..].starts_with("://")
}

/// Where the scheme that ends at `at` begins.
fn scheme_before(text: &str, at: usize) -> usize {
    let bytes = &text.as_bytes()[..at];
    let len = bytes
        .iter()
        .rev()
        .take(20)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        .count();
    let start = at - len;
    let skip = bytes[start..].iter().take_while(|b| !b.is_ascii_alphabetic()).count();
    // A written-out line feed is not part of it.
    let escape = bytes[..start].ends_with(b"\\") && bytes[start..].starts_with(b"n");
    start + skip + usize::from(escape && skip == 0)
}

fn ends_url(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '\\' | '|')
}

/// The end of the stretch from `from` to the first character that `stops`; placeholders and masks
/// are part of it.
fn end(text: &str, from: usize, stops: impl Fn(usize, char) -> bool) -> usize {
    let mut at = from;
    while let Some(c) = text[at..].chars().next() {
        match marks::wall(&text[at..]) {
            Some(len) => at += len,
            None if stops(at, c) => break,
            None => at += c.len_utf8(),
        }
    }
    at
}

/// `end` without the punctuation that belongs to the sentence.
fn trimmed(text: &str, from: usize, end: usize) -> usize {
    let part = &text[from..end];
    let mut kept = part.trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '…']);
    for (open, close) in [('(', ')'), ('[', ']'), ('{', '}')] {
        while kept.ends_with(close) && kept.matches(close).count() > kept.matches(open).count() {
            kept =
                kept[..kept.len() - 1].trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '…']);
        }
    }
    from + kept.len()
}

/// The place of the last `sought` of `text` that is in no placeholder.
fn last_outside_walls(text: &str, sought: char) -> Option<usize> {
    let walls = marks::walls(text);
    text.rmatch_indices(sought)
        .map(|(at, _)| at)
        .find(|at| !walls.iter().any(|wall| wall.contains(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (text, want) in [
            ("see https://a.org/x?y=1.", vec![("https", None, "a.org", "/x?y=1")]),
            ("(http://u:p@h:80/x)", vec![("http", Some("u:p"), "h:80", "/x")]),
            ("<https://a.org>", vec![("https", None, "a.org", "")]),
            (
                "postgres://<credentials>@db:5432/a",
                vec![("postgres", Some("<credentials>"), "db:5432", "/a")],
            ),
            (
                "git+ssh://git@h/x ws://[::1]:3/",
                vec![("git+ssh", Some("git"), "h", "/x"), ("ws", None, "[::1]:3", "/")],
            ),
            ("mongodb://a@h1:1,h2:2/db", vec![("mongodb", Some("a"), "h1:1,h2:2", "/db")]),
            (
                "https://en.wikipedia.org/wiki/A_(b)",
                vec![("https", None, "en.wikipedia.org", "/wiki/A_(b)")],
            ),
            ("a :// b", vec![]),
            ("http://", vec![("http", None, "", "")]),
            (
                "http://a:1,http://b:2/x",
                vec![("http", None, "a:1", ""), ("http", None, "b:2", "/x")],
            ),
            ("x=http://a.b@c.d/", vec![("http", Some("a.b"), "c.d", "/")]),
        ] {
            let urls = find(text);
            let parts: Vec<_> = urls
                .iter()
                .map(|url| {
                    let user = url.user.clone().map(|user| &text[user]);
                    (&*url.scheme, user, &text[url.host.clone()], &text[url.path..url.range.end])
                })
                .collect();
            assert_eq!(parts, want, "{text}");
        }
    }

    #[test]
    fn ports_are_no_part_of_a_host() {
        for (host, want) in [("a:1", "a"), ("a", "a"), ("[::1]:80", "[::1]"), ("[::1", "[")] {
            assert_eq!(without_port(host), want);
        }
    }
}
