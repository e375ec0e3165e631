//! What went wrong in libgit2, and what to do about it.

use git2::{ErrorClass, ErrorCode};

use super::BackendError;

/// Why an attempt came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The branch on the server is not as it was seen last: look again, then try again.
    Behind,
    /// The local copy may be damaged: throw it away, fetch again, then try again.
    Doubt(String),
    /// Nothing that another try in the same breath would help.
    Final(BackendError),
}

impl Failure {
    /// What to tell when no further try is left.
    pub(super) fn into_error(self) -> BackendError {
        match self {
            Self::Behind => BackendError::Transient(
                "something else keeps writing to this device's branch".into(),
            ),
            Self::Doubt(why) => BackendError::Local(std::io::Error::other(why)),
            Self::Final(error) => error,
        }
    }

    /// What a failure means that came while talking to `host`.
    pub(super) fn of_remote(error: &git2::Error, host: &str) -> Self {
        let text = format!("{host}: {}", without_address(error.message()));
        match (error.code(), error.class()) {
            (ErrorCode::Auth, _) => Self::Final(BackendError::Denied(text)),
            (code, class) if is_certificate(code, class, &text) => {
                Self::Final(BackendError::Denied(format!(
                    "the certificate of {host} is not one that this machine trusts; if it is the \
                 right server, give the certificate of its authority as MANA_SYNC_CA"
                )))
            }
            (ErrorCode::Owner, _) => Self::Final(BackendError::Denied(format!(
                "the repository belongs to another user of this machine; to trust it: git config \
                 --global --add safe.directory FOLDER ({text})"
            ))),
            (ErrorCode::Timeout, _) => Self::Final(BackendError::Transient(text)),
            (ErrorCode::NotFastForward | ErrorCode::Modified, _) => Self::Behind,
            // What OpenSSL says there can be left from before: a server that falls silent ends so.
            _ if text.contains("SSL error: error:") => Self::Final(BackendError::Transient(text)),
            (_, ErrorClass::Os) if is_connection(&text) => {
                Self::Final(BackendError::Transient(text))
            }
            (_, ErrorClass::Http) => Self::Final(of_http(error.message(), text)),
            (_, ErrorClass::Ssh | ErrorClass::Net | ErrorClass::Ssl) => {
                Self::Final(of_words(text, true))
            }
            (ErrorCode::Eof, _) => Self::Final(BackendError::Transient(text)),
            _ => Self::Doubt(error.message().to_owned()),
        }
    }
}

impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        Self::Final(error)
    }
}

/// Whether it is about the certificate of a web server.
fn is_certificate(code: ErrorCode, class: ErrorClass, text: &str) -> bool {
    code == ErrorCode::Certificate || (class == ErrorClass::Ssl && text.contains("certificate"))
}

/// Whether it is about a connection, and not about a file.
fn is_connection(text: &str) -> bool {
    ["connect", "resolve", "socket", "receiv", "send", "SSL error"]
        .iter()
        .any(|word| text.contains(word))
}

/// What a failure means that a web server answered with `message`.
fn of_http(message: &str, text: String) -> BackendError {
    let status = message.rsplit("status code: ").next().and_then(|code| code.trim().parse().ok());
    match status {
        Some(401 | 403 | 407) => BackendError::Denied(text),
        Some(408 | 425 | 429 | 500..=599) => BackendError::Transient(text),
        Some(_) => BackendError::Refused(text),
        None if message.contains("authentication") => BackendError::Denied(text),
        None => of_words(text, false),
    }
}

/// What a failure means, as far as its words say. Servers have no codes for these; what is not
/// known passes, or not, as `passes` says.
pub(super) fn of_words(text: String, passes: bool) -> BackendError {
    const DENIED: &[&str] = &[
        "denied",
        "authenticat",
        "unauthorized",
        "not authorized",
        "forbidden",
        "public key",
        "private key",
        "passphrase",
        "could not read username",
        "could not read password",
        "host key verification failed",
        "certificate",
        "returned error: 401",
        "returned error: 403",
        "dubious ownership",
    ];
    const REFUSED: &[&str] = &[
        "does not appear to be a git repository",
        "not found",
        "no such",
        "cannot redirect",
        "unable to update url base",
        "unsupported",
        "invalid content-type",
        "too large",
        "invalid pack",
    ];
    const PASSING: &[&str] =
        &["could not resolve", "failed to resolve", "timed out", "temporarily", "try again"];
    let lower = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if says(PASSING) {
        BackendError::Transient(text)
    } else if says(DENIED) {
        BackendError::Denied(text)
    } else if says(REFUSED) || !passes {
        BackendError::Refused(text)
    } else {
        BackendError::Transient(text)
    }
}

/// `text` without what stands before the `@` of an address: it may be a token.
pub(super) fn without_address(text: &str) -> String {
    let word = |word: &str| match word.split_once("://") {
        Some((scheme, rest)) => match rest.split_once('@') {
            Some((_, machine)) => format!("{scheme}://{machine}"),
            None => word.to_owned(),
        },
        None => word.to_owned(),
    };
    let lines = text.lines().map(|line| line.split(' ').map(word).collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kind of error that a failure becomes, as a letter.
    fn kind(error: &BackendError) -> char {
        match error {
            BackendError::Transient(_) => 't',
            BackendError::Denied(_) => 'd',
            BackendError::Refused(_) => 'r',
            BackendError::Local(_) => 'l',
        }
    }

    #[test]
    fn servers_answers_are_told_apart() {
        use {ErrorClass as Class, ErrorCode as Code};
        for (code, class, message, expected) in [
            (Code::Auth, Class::Http, "no callback", 'd'),
            (Code::Certificate, Class::Ssl, "the SSL certificate is invalid", 'd'),
            (Code::GenericError, Class::Ssl, "the SSL certificate is invalid", 'd'),
            (Code::GenericError, Class::Os, "failed to connect to host: Connection refused", 't'),
            (Code::GenericError, Class::Os, "SSL error: syscall failure: unavailable", 't'),
            (Code::GenericError, Class::Ssl, "SSL error: error:1E08010C:DECODER::unsupported", 't'),
            (Code::GenericError, Class::Os, "failed to write file: No space left", 'l'),
            (Code::GenericError, Class::Http, "unexpected http status code: 403", 'd'),
            (Code::GenericError, Class::Http, "unexpected http status code: 404", 'r'),
            (Code::GenericError, Class::Http, "unexpected http status code: 503", 't'),
            (Code::GenericError, Class::Http, "too many redirects or authentication replays", 'd'),
            (Code::GenericError, Class::Http, "invalid content-type: 'text/html'", 'r'),
            (Code::GenericError, Class::Net, "failed to connect to host: refused", 't'),
            (Code::GenericError, Class::Net, "cannot redirect from 'a' to 'b'", 'r'),
            (Code::GenericError, Class::Net, "failed to resolve address: Name not found", 't'),
            (Code::Timeout, Class::Net, "could not read", 't'),
            (Code::Eof, Class::Ssh, "ERROR: Repository not found.", 'r'),
            (Code::GenericError, Class::Ssh, "SSH could not read data: closed", 't'),
            (Code::GenericError, Class::Ssh, "Unable to extract public key from file", 'd'),
            (Code::GenericError, Class::Odb, "object not found", 'l'),
            (Code::Locked, Class::Os, "failed to lock file", 'l'),
            (Code::NotFastForward, Class::Reference, "behind", 't'),
        ] {
            let failure = Failure::of_remote(&git2::Error::new(code, class, message), "host");
            assert_eq!(kind(&failure.into_error()), expected, "{message}");
        }
    }

    #[test]
    fn no_account_is_repeated() {
        let text = "fatal: unable to access 'https://s3cret@example.org/a/': no\nsecond line";
        let shown = without_address(text);
        assert!(!shown.contains("s3cret") && shown.contains("example.org/a"), "{shown}");
        assert!(shown.ends_with("; second line"), "{shown}");
    }
}
