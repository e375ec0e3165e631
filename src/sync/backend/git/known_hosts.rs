//! Whether a server's host key is one that the user has accepted: the files that OpenSSH keeps
//! (`sshd(8)`, "`SSH_KNOWN_HOSTS` FILE FORMAT").

use ring::hmac;
use sha2::{Digest, Sha256};

use super::base64;

/// What the files say about a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It is the host's.
    Known,
    /// They do not know the host.
    Unknown,
    /// They know the host by keys of other kinds only.
    OtherKind,
    /// They know another key of this kind for the host, in this line, counted from 1.
    Changed(usize),
    /// The user has said that this key must not be accepted any more.
    Revoked,
}

/// Looks `key`, in the form in which it goes over the wire, up in the text of one file.
pub(super) fn check(text: &str, host: &str, port: u16, key: &[u8]) -> Verdict {
    let mut verdict = Verdict::Unknown;
    for (number, line) in (1..).zip(text.lines()) {
        let Some(line) = Line::parse(line) else { continue };
        let same = line.key == key;
        if line.revoked && same {
            return Verdict::Revoked;
        }
        if line.revoked || !is_host(line.hosts, host, port) {
            continue;
        }
        if same {
            verdict = Verdict::Known;
        } else if verdict != Verdict::Known {
            let changed = kind(&line.key) == kind(key);
            if changed {
                verdict = Verdict::Changed(number);
            } else if verdict == Verdict::Unknown {
                verdict = Verdict::OtherKind;
            }
        }
    }
    verdict
}

/// The fingerprint of `key` as `ssh` shows it.
pub(super) fn fingerprint(key: &[u8]) -> String {
    format!("SHA256:{}", base64::encode(&Sha256::digest(key)))
}

/// The name of the kind of `key`, such as `ssh-ed25519`; empty when it has none.
pub(super) fn kind(key: &[u8]) -> &str {
    let name = key
        .split_first_chunk()
        .and_then(|(length, rest)| rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?));
    name.and_then(|name| std::str::from_utf8(name).ok()).unwrap_or("")
}

/// A host as the files name it.
pub(super) fn shown(host: &str, port: u16) -> String {
    if port == 22 { host.into() } else { format!("[{host}]:{port}") }
}

/// One line with a key. Certificate authorities are not understood and passed over.
struct Line<'a> {
    revoked: bool,
    hosts: &'a str,
    key: Vec<u8>,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace().peekable();
        let marker = words.next_if(|word| word.starts_with('@'));
        if marker.is_some_and(|marker| marker != "@revoked") {
            return None;
        }
        let hosts = words.next().filter(|hosts| !hosts.starts_with('#'))?;
        let _kind = words.next()?;
        let key = base64::decode(words.next()?)?;
        Some(Self { revoked: marker.is_some(), hosts, key })
    }
}

/// Whether the list `hosts` names this host.
fn is_host(hosts: &str, host: &str, port: u16) -> bool {
    let name = shown(host, port);
    let mut found = false;
    for entry in hosts.split(',') {
        if let Some(hashed) = entry.strip_prefix("|1|") {
            found |= is_hashed(hashed, &name);
        } else if let Some(not) = entry.strip_prefix('!') {
            if matches(&not.to_lowercase(), &name) {
                return false;
            }
        } else {
            found |= matches(&entry.to_lowercase(), &name);
        }
    }
    found
}

/// Whether `hashed`, a salt and an HMAC with SHA-1, stands for `name`.
fn is_hashed(hashed: &str, name: &str) -> bool {
    let parts = hashed.split_once('|');
    let decoded = parts.and_then(|(salt, hash)| base64::decode(salt).zip(base64::decode(hash)));
    decoded.is_some_and(|(salt, hash)| {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
        hmac::verify(&key, name.as_bytes(), &hash).is_ok()
    })
}

/// Whether `pattern` with its `*` and `?` covers all of `name`.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where to go on when what follows the latest `*` does not fit.
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, n));
                p += 1;
            }
            Some(letter) if *letter == b'?' || *letter == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    (p, n) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key of `kind` whose other bytes are `byte`.
    fn key(kind: &str, byte: u8) -> Vec<u8> {
        let mut key = (kind.len() as u32).to_be_bytes().to_vec();
        key.extend(kind.as_bytes());
        key.extend([0, 0, 0, 4, byte, byte, byte, byte]);
        key
    }

    fn line(hosts: &str, key: &[u8]) -> String {
        format!("{hosts} {} {} a comment\n", kind(key), base64::encode(key))
    }

    #[test]
    fn keys_are_known_unknown_or_changed() {
        let (ours, theirs, rsa) = (key("ssh-ed25519", 1), key("ssh-ed25519", 2), key("ssh-rsa", 3));
        let text = format!("# comment\n\n{}broken line\n", line("example.org", &ours));
        assert_eq!(check(&text, "example.org", 22, &ours), Verdict::Known);
        assert_eq!(check(&text, "example.org", 22, &theirs), Verdict::Changed(3));
        assert_eq!(check(&text, "example.org", 22, &rsa), Verdict::OtherKind);
        assert_eq!(check(&text, "example.com", 22, &ours), Verdict::Unknown);
        assert_eq!(check(&text, "example.org", 2222, &ours), Verdict::Unknown);
        assert_eq!(check("", "example.org", 22, &ours), Verdict::Unknown);
        // A second key of the same kind is as good as the first.
        let both = format!("{text}{}", line("example.org", &theirs));
        for key in [&ours, &theirs] {
            assert_eq!(check(&both, "example.org", 22, key), Verdict::Known);
        }
    }

    #[test]
    fn hosts_are_matched_as_openssh_does() {
        let key = key("ssh-ed25519", 1);
        for (hosts, host, port, known) in [
            ("a.org,b.org", "b.org", 22, true),
            ("[a.org]:2222", "a.org", 2222, true),
            ("a.org", "a.org", 2222, false),
            ("[a.org]:2222", "a.org", 22, false),
            ("*.a.org", "x.a.org", 22, true),
            ("*.a.org", "a.org", 22, false),
            ("*a*b*", "xxaxxbxx", 22, true),
            ("*a*b", "xxbxxa", 22, false),
            ("10.0.0.?", "10.0.0.7", 22, true),
            ("10.0.0.?", "10.0.0.77", 22, false),
            ("*,!bad.org", "bad.org", 22, false),
            ("!bad.org,*", "good.org", 22, true),
            ("A.Org", "a.org", 22, true),
        ] {
            let expected = if known { Verdict::Known } else { Verdict::Unknown };
            assert_eq!(check(&line(hosts, &key), host, port, &key), expected, "{hosts} {host}");
        }
    }

    #[test]
    fn hashed_names_are_understood() {
        // Made by `ssh-keygen -H` of OpenSSH 9.2.
        let plain = "|1|rzpbDbEoQgKNc/qfpjcNF3NC/xs=|WuUkaLpHGn/ty18XslYnOIGJ+Xo=";
        let with_port = "|1|7CKcA7PiXfJ83RTVOJYFB6J9GPU=|GW647TC8VGpjOqnigW81fZHo3hA=";
        let key = key("ssh-rsa", 1);
        for (hosts, port) in [(plain, 22), (with_port, 2222)] {
            let text = line(hosts, &key);
            assert_eq!(check(&text, "share.example.org", port, &key), Verdict::Known);
            assert_eq!(check(&text, "share.example.com", port, &key), Verdict::Unknown);
            assert_eq!(check(&text, "share.example.org", 23, &key), Verdict::Unknown);
        }
        assert_eq!(check(&line("|1|x|y", &key), "x", 22, &key), Verdict::Unknown);
    }

    #[test]
    fn markers_are_obeyed() {
        let key = key("ssh-ed25519", 1);
        let text = format!("{}@revoked * {}", line("a.org", &key), line("", &key).trim_start());
        assert_eq!(check(&text, "a.org", 22, &key), Verdict::Revoked);
        let authority = format!("@cert-authority {}", line("a.org", &key));
        assert_eq!(check(&authority, "a.org", 22, &key), Verdict::Unknown);
    }

    #[test]
    fn keys_without_a_kind_have_none() {
        assert_eq!(kind(&key("ssh-rsa", 1)), "ssh-rsa");
        assert_eq!((kind(&[]), kind(&[0, 0, 0, 9, b'x'])), ("", ""));
        assert!(fingerprint(b"").starts_with("SHA256:47DEQpj8HBSa"));
    }
}
