//! Remote URLs: from a git configuration to a name that every clone shares.

/// The normalised URL of `origin`, else of the first remote in the configuration.
pub(super) fn of_config(config: &str) -> Option<String> {
    let mut first = None;
    let mut remote: Option<&str> = None;
    for line in config.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            remote = section
                .strip_prefix("remote \"")
                .and_then(|rest| rest.split_once('"').map(|(name, _)| name));
            continue;
        }
        let Some(name) = remote else { continue };
        let Some((key, value)) = line.split_once('=') else { continue };
        if !key.trim().eq_ignore_ascii_case("url") {
            continue;
        }
        let Some(url) = normalise(value.trim()) else { continue };
        if name == "origin" {
            return Some(url);
        }
        first.get_or_insert(url);
    }
    first
}

/// A remote URL without scheme, credentials, port and `.git`: `host/path`, in lower case. Local
/// paths name no project that another machine would know.
fn normalise(url: &str) -> Option<String> {
    let url = url.trim_matches('"');
    let rest = match url.split_once("://") {
        Some(("file", _)) => return None,
        Some((_, rest)) => rest.to_string(),
        // scp form: `user@host:path`; a single letter before the colon is a Windows drive.
        None => {
            let (host, path) = url.split_once(':')?;
            if host.len() < 2 || host.contains('/') {
                return None;
            }
            format!("{host}/{path}")
        }
    };
    let (host, path) = rest.split_once('/')?;
    let host = host.rsplit('@').next()?;
    let host = host.split(':').next()?;
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    (!host.is_empty() && !path.is_empty()).then(|| format!("{host}/{path}").to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_remote_is_one() {
        for url in [
            "git@github.com:Team/Thing.git",
            "https://github.com/team/thing",
            "https://user:token@github.com/team/thing.git/",
            "ssh://git@github.com:22/team/thing.git",
            "\"https://github.com/team/thing.git\"",
        ] {
            assert_eq!(normalise(url).as_deref(), Some("github.com/team/thing"), "{url}");
        }
        for url in ["/srv/git/thing.git", "../thing", "file:///srv/thing", "C:\\thing", ""] {
            assert_eq!(normalise(url), None, "{url}");
        }
    }

    #[test]
    fn origin_wins() {
        let config = "[remote \"up\"]\nurl = https://x.org/a/b\n[remote \"origin\"]\n\
                      fetch = +refs\nurl = https://x.org/c/d.git\n";
        assert_eq!(of_config(config).as_deref(), Some("x.org/c/d"));
        assert_eq!(
            of_config("[remote \"up\"]\nurl=https://x.org/a/b").as_deref(),
            Some("x.org/a/b")
        );
        assert_eq!(of_config("[core]\nurl = https://x.org/a/b"), None);
    }
}
