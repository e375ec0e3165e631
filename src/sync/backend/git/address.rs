//! Addresses of repositories, and which of them are safe to talk to.

use std::net::IpAddr;
use std::path::PathBuf;

/// Where a repository is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Address {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A server that is spoken to over SSH.
    Ssh {
        /// The account, where the address names one.
        user: Option<String>,
        /// Name or number of the machine, without brackets.
        host: String,
        /// 22 where the address names none.
        port: u16,
    },
    /// A web server; without TLS, this machine only.
    Web {
        /// The account, where the address names one.
        user: Option<String>,
        /// Name or number of the machine, without brackets.
        host: String,
    },
}

impl Address {
    /// Takes an address apart.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it: it is none, it names a way that is not safe, or
    /// it holds a password. The address itself is not in it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.starts_with('-') || text.chars().any(char::is_control) {
            return Err("this is not the address of a repository".into());
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return Self::of_scheme(scheme, rest);
        }
        if text.starts_with('/') {
            return Ok(Self::Folder(text.into()));
        }
        let short = text.split_once(':').filter(|(host, _)| !host.contains('/'));
        match short {
            Some((host, path))
                if !host.is_empty() && !path.is_empty() && !path.starts_with(':') =>
            {
                let Machine { user, host, .. } = Machine::parse(host)?;
                Ok(Self::Ssh { user, host, port: 22 })
            }
            _ => Err("a repository on this machine needs its full path, and one elsewhere \
                      https://HOST/PATH or ssh://USER@HOST/PATH"
                .into()),
        }
    }

    fn of_scheme(scheme: &str, rest: &str) -> Result<Self, String> {
        if scheme == "file" {
            let path = rest.strip_prefix("localhost").unwrap_or(rest);
            return match unescaped(path) {
                Some(path) if path.starts_with('/') => Ok(Self::Folder(path.into())),
                _ => Err("file:// needs the full path of a folder on this machine".into()),
            };
        }
        let Machine { user, host, port } = Machine::parse(rest.split('/').next().unwrap_or(rest))?;
        match scheme {
            "ssh" => Ok(Self::Ssh { user, host, port: port.unwrap_or(22) }),
            "https" => Ok(Self::Web { user, host }),
            "http" if is_loopback(&host) => Ok(Self::Web { user, host }),
            "http" => {
                Err("http:// is read and changed by whoever is in between; use https://".into())
            }
            _ => Err(format!("{scheme}:// is not a way that is used; https:// and ssh:// are")),
        }
    }

    /// The machine, for messages.
    pub(super) fn host(&self) -> &str {
        match self {
            Self::Folder(_) => "this machine",
            Self::Ssh { host, .. } | Self::Web { host, .. } => host,
        }
    }

    /// Whether the machine is this one.
    pub(super) fn is_here(&self) -> bool {
        match self {
            Self::Folder(_) => true,
            Self::Ssh { host, .. } | Self::Web { host, .. } => is_loopback(host),
        }
    }
}

/// The part of an address that names a machine: `[USER@]HOST[:PORT]`.
struct Machine {
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

impl Machine {
    fn parse(text: &str) -> Result<Self, String> {
        let (user, machine) = match text.rsplit_once('@') {
            Some((user, machine)) => (Some(user), machine),
            None => (None, text),
        };
        if user.is_some_and(|user| user.contains(':')) {
            return Err("the address holds a password; give it as MANA_SYNC_TOKEN instead".into());
        }
        let (host, port) = match machine.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => match machine.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (machine, None),
            },
        };
        let port = port.map(str::parse).transpose().map_err(|_| "the port is not a number")?;
        if host.is_empty() || host.starts_with('-') {
            return Err("the address names no machine".into());
        }
        let user = user.filter(|user| !user.is_empty()).map(str::to_owned);
        Ok(Self { user, host: host.to_lowercase(), port })
    }
}

/// Whether `host` can only be this machine.
fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `text` with its `%XX` replaced by the bytes they stand for; `None` where that is no text.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ssh(user: Option<&str>, host: &str, port: u16) -> Address {
        Address::Ssh { user: user.map(Into::into), host: host.into(), port }
    }

    fn web(user: Option<&str>, host: &str) -> Address {
        Address::Web { user: user.map(Into::into), host: host.into() }
    }

    #[test]
    fn addresses_are_taken_apart() {
        for (text, address) in [
            ("/srv/share.git", Address::Folder("/srv/share.git".into())),
            ("file:///srv/a%20b.git", Address::Folder("/srv/a b.git".into())),
            ("file://localhost/srv/a.git", Address::Folder("/srv/a.git".into())),
            ("ssh://git@Example.org:2222/a.git", ssh(Some("git"), "example.org", 2222)),
            ("ssh://example.org/~me/a.git", ssh(None, "example.org", 22)),
            ("ssh://me@[2001:db8::1]:22/a.git", ssh(Some("me"), "2001:db8::1", 22)),
            ("git@example.org:team/a.git", ssh(Some("git"), "example.org", 22)),
            ("example.org:/srv/a.git", ssh(None, "example.org", 22)),
            ("https://example.org/team/a.git", web(None, "example.org")),
            ("https://me@example.org:8443/a.git", web(Some("me"), "example.org")),
            ("http://localhost:8080/a.git", web(None, "localhost")),
            ("http://127.0.0.9/a.git", web(None, "127.0.0.9")),
            ("http://[::1]:80/a.git", web(None, "::1")),
        ] {
            assert_eq!(Address::parse(text), Ok(address), "{text}");
        }
        assert!(ssh(None, "127.0.0.1", 22).is_here() && !ssh(None, "127.0.0.1.org", 22).is_here());
    }

    #[test]
    fn unsafe_and_senseless_ones_are_refused() {
        for text in [
            "",
            "a.git",
            "./a.git",
            "-oProxyCommand=x:y",
            "ssh://-oProxyCommand=x/y",
            "ext::sh -c x",
            "fd::17",
            "git://example.org/a.git",
            "ftp://example.org/a.git",
            "http://example.org/a.git",
            "http://localhost.example.org/a.git",
            "https:///a.git",
            "https://example.org:port/a.git",
            "file://elsewhere/a.git",
            "file:///a%zz",
            "/srv/a\n.git",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
        let error = Address::parse("https://me:hunter2@example.org/a.git").unwrap_err();
        assert!(error.contains("password") && !error.contains("hunter2"), "{error}");
    }
}
