//! Finds the names of this machine and its users.

use std::ops::Range;

use regex::Regex;

use super::marks;

/// Letters from which on a name is found inside of longer words too: shorter ones are parts of
/// too many words.
const TELLING: usize = 6;

/// Names that many machines and users have, and that are words: they tell nobody apart.
const COMMON: &[&str] = &[
    "account",
    "admin",
    "administrator",
    "agent",
    "api",
    "app",
    "apps",
    "bash",
    "bin",
    "bot",
    "build",
    "builder",
    "cache",
    "cargo",
    "ci",
    "claude",
    "client",
    "cloud",
    "code",
    "codespace",
    "codespaces",
    "common",
    "config",
    "container",
    "core",
    "daemon",
    "data",
    "database",
    "db",
    "debian",
    "default",
    "deploy",
    "desktop",
    "dev",
    "devbox",
    "devcontainer",
    "developer",
    "docker",
    "docs",
    "ec2-user",
    "example",
    "fedora",
    "file",
    "files",
    "ftp",
    "git",
    "github",
    "gitlab",
    "gitpod",
    "go",
    "guest",
    "home",
    "host",
    "hostname",
    "http",
    "https",
    "java",
    "jenkins",
    "jovyan",
    "key",
    "laptop",
    "lib",
    "linux",
    "local",
    "localdomain",
    "localhost",
    "localhost.localdomain",
    "mac",
    "macbook",
    "machine",
    "mail",
    "main",
    "make",
    "mana",
    "manager",
    "master",
    "me",
    "model",
    "module",
    "mysql",
    "name",
    "nginx",
    "nixos",
    "nobody",
    "node",
    "npm",
    "operator",
    "oracle",
    "owner",
    "package",
    "pc",
    "pi",
    "postgres",
    "private",
    "prod",
    "production",
    "project",
    "public",
    "python",
    "redis",
    "release",
    "repo",
    "root",
    "runner",
    "rust",
    "script",
    "server",
    "service",
    "session",
    "shared",
    "shell",
    "site",
    "src",
    "ssh",
    "staff",
    "staging",
    "static",
    "support",
    "sync",
    "system",
    "target",
    "team",
    "temp",
    "test",
    "tester",
    "testing",
    "tests",
    "text",
    "tmp",
    "tool",
    "tools",
    "type",
    "ubuntu",
    "user",
    "username",
    "users",
    "vagrant",
    "value",
    "virtual",
    "vm",
    "vscode",
    "web",
    "wheel",
    "windows",
    "work",
    "worker",
    "workspace",
    "workstation",
    "www",
    "www-data",
    "yarn",
];

/// Whether `name` is a word of many machines.
pub(super) fn is_common(name: &str) -> bool {
    let lower = name.to_lowercase();
    COMMON.binary_search(&lower.as_str()).is_ok() || marks::is_word(&lower)
}

/// One sort of name, as one regex.
pub(super) struct Names {
    regex: Option<Regex>,
}

impl Names {
    /// For `names`; those that are words, or a letter or two, are left out. The words of a full
    /// name may be parted in any way.
    pub(super) fn new(names: impl IntoIterator<Item = String>) -> Self {
        let mut names: Vec<String> = names
            .into_iter()
            .map(|name| name.trim().to_lowercase())
            .filter(|name| name.chars().filter(|c| c.is_alphanumeric()).count() >= 3)
            .filter(|name| !is_common(name))
            .collect();
        // Long ones first: the first that fits is taken.
        names.sort_by_key(|name| (std::cmp::Reverse(name.len()), name.clone()));
        names.dedup();
        let forms: Vec<String> = names
            .iter()
            .map(|name| {
                let words: Vec<String> = name.split_whitespace().map(regex::escape).collect();
                words.join(r"[\s._+-]*")
            })
            .collect();
        let regex = (!forms.is_empty())
            .then(|| Regex::new(&format!("(?i)(?:{})", forms.join("|"))).ok())
            .flatten();
        Self { regex }
    }

    /// Where one of them stands in `text`, in order.
    pub(super) fn find(&self, text: &str) -> Vec<Range<usize>> {
        let Some(regex) = &self.regex else { return Vec::new() };
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(hit) = regex.find_at(text, from) {
            if is_alone(text, hit.range()) || hit.as_str().chars().count() >= TELLING {
                found.push(hit.range());
                from = hit.end();
            } else {
                from = text.ceil_char_boundary(hit.start() + 1);
            }
        }
        found
    }
}

/// Whether no letter or digit stands directly before or behind `range`: `_`, `-` and `.` part
/// names.
fn is_alone(text: &str, range: Range<usize>) -> bool {
    let before = text[..range.start].chars().next_back();
    let after = text[range.end..].chars().next();
    // A written-out escape is not part of the word behind it.
    let escaped = ["\\n", "\\r", "\\t"].iter().any(|escape| text[..range.start].ends_with(escape));
    (escaped || !before.is_some_and(char::is_alphanumeric))
        && !after.is_some_and(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_common_names_is_in_order() {
        assert!(COMMON.is_sorted());
    }

    #[test]
    fn names_are_found_as_words_and_long_ones_everywhere() {
        let names = ["ada", "lovelace", "Ada King", "root", "mo", "jörg"].map(String::from);
        let names = Names::new(names);
        for (text, found) in [
            ("ada ran", vec!["ada"]),
            ("ADA_SHOP /tmp/ada-build", vec!["ADA", "ada"]),
            ("adapt the canada map", vec![]),
            ("ls\\nada", vec!["ada"]),
            ("theLovelaceShop lovelace2", vec!["Lovelace", "lovelace"]),
            ("by Ada King, ada.king, adaking", vec!["Ada King", "ada.king", "adaking"]),
            ("root mo", vec![]),
            ("Jörg und JÖRG", vec!["Jörg", "JÖRG"]),
        ] {
            let seen: Vec<&str> = names.find(text).into_iter().map(|at| &text[at]).collect();
            assert_eq!(seen, found, "{text}");
        }
    }
}
