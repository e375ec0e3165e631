//! Files with private keys: whether one can be used at all, asked before libssh2 is, because it
//! gives up for good at the first that it cannot read.

use std::path::Path;

use super::base64;
use crate::storage::file;

/// What there is at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum KeyFile {
    /// A key that can be used as it is.
    Plain,
    /// A key that needs a passphrase.
    Encrypted,
    /// No key.
    Missing,
}

/// Looks at the file at `path`.
pub(super) fn look(path: &Path) -> KeyFile {
    match file::read(path) {
        Ok(Some(bytes)) => look_at(&String::from_utf8_lossy(&bytes)),
        _ => KeyFile::Missing,
    }
}

fn look_at(text: &str) -> KeyFile {
    const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
    if let Some((_, body)) = text.split_once(BEGIN) {
        let body: String = body.split("-----END").next().unwrap_or("").split_whitespace().collect();
        let key = base64::decode(&body).unwrap_or_default();
        // PROTOCOL.key of OpenSSH: a magic, then the cipher's name with its length before it.
        return match key.strip_prefix(b"openssh-key-v1\0") {
            Some(rest) if rest.starts_with(b"\0\0\0\x04none") => KeyFile::Plain,
            Some(_) => KeyFile::Encrypted,
            None => KeyFile::Missing,
        };
    }
    if !text.contains("PRIVATE KEY-----") {
        KeyFile::Missing
    } else if text.contains("ENCRYPTED") {
        KeyFile::Encrypted
    } else {
        KeyFile::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encrypted_keys_are_told_from_plain_ones() {
        let openssh = |cipher: &str| {
            let mut key = b"openssh-key-v1\0".to_vec();
            key.extend((cipher.len() as u32).to_be_bytes());
            key.extend(cipher.as_bytes());
            key.extend([0; 40]);
            let body = base64::encode(&key);
            let (first, rest) = body.split_at(30);
            format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{first}\n{rest}\n-----END OPENSSH")
        };
        for (text, kind) in [
            (openssh("none"), KeyFile::Plain),
            (openssh("aes256-ctr"), KeyFile::Encrypted),
            ("-----BEGIN RSA PRIVATE KEY-----\nMII\n".into(), KeyFile::Plain),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n".into(),
                KeyFile::Encrypted,
            ),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII\n".into(), KeyFile::Encrypted),
            ("ssh-ed25519 AAAA me@here\n".into(), KeyFile::Missing),
            (String::new(), KeyFile::Missing),
        ] {
            assert_eq!(look_at(&text), kind, "{text}");
        }
        assert_eq!(look(Path::new("/nonexistent/key")), KeyFile::Missing);
    }
}
