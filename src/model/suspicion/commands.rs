//! What commands do, wherever they are written: something fetched or decoded that is run, and
//! secrets that are carried out.
//!
//! Most texts are neither, so that what is quickly told is asked first.

use super::{LEAKS, RUNS, Reason};

/// Programs that fetch, and programs that decode.
const FETCHES: &[&str] = &[
    "curl",
    "wget",
    "iwr",
    "irm",
    "invoke-webrequest",
    "fetch",
    "aria2c",
    "httpie",
    "lwp-download",
    "downloadstring",
];
const DECODES: &[&str] =
    &["base64", "xxd", "openssl", "atob", "b64decode", "frombase64string", "uudecode", "base32"];

/// Programs that run what they are given.
const RUNNERS: &[&str] = &[
    "sh",
    "bash",
    "zsh",
    "dash",
    "ksh",
    "fish",
    "python",
    "python2",
    "python3",
    "perl",
    "ruby",
    "node",
    "php",
    "iex",
    "eval",
    "exec",
    "sudo",
    "source",
    "invoke-expression",
    "pwsh",
    "powershell",
    "osascript",
];

/// Files that hold secrets, as they are named in commands.
const SECRET_FILES: &[&str] = &[
    "id_rsa",
    "id_ed25519",
    ".aws/credentials",
    ".ssh/",
    "/etc/shadow",
    "/etc/passwd",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".env",
    "printenv",
    "$(env)",
    "env|",
    "env |",
    ".kube/config",
    ".git-credentials",
    ".gnupg",
    "keychain",
    "history",
];

/// What carries data out, as it is written in commands.
const CARRIERS: &[&str] = &[
    "-d @",
    "-d@",
    "--data",
    "-f file=",
    "-t ",
    "--upload-file",
    "--post-file",
    "| nc ",
    "|nc ",
    "| curl",
    "|curl",
    "> /dev/tcp",
    "/dev/tcp/",
    "| ncat",
    "scp ",
    "-d \"$(",
    "-d '$(",
    "?d=$(",
    "?q=$(",
    "=$(",
];

/// What puts the output of one command into another, or has text run.
const SUBSTITUTES: &[&str] =
    &["<(", "$(", "exec(", "eval(", "iex (", "iex(", "eval ", "''curl", "'curl", "-c \"import"];

/// What runs a file that was fetched before.
const AFTERWARDS: &[&str] = &[
    "&& sh ",
    "&& bash ",
    "; sh ",
    "; bash ",
    "&& chmod +x",
    "; chmod +x",
    "&& python",
    "; python",
];

/// Why a text that holds commands is not told unasked.
pub(super) fn reason(text: &str) -> Option<Reason> {
    let lower = text.to_lowercase();
    let holds = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    let runs = || is_piped(&lower) || holds(SUBSTITUTES) && names(&lower, RUNNERS);
    let foreign = || names(&lower, FETCHES) || names(&lower, DECODES);
    let encoded = || holds(&["-enc", "-e "]) && names(&lower, &["powershell", "pwsh"]);
    let saved = || {
        lower.contains("://")
            && holds(AFTERWARDS)
            && names(&lower, FETCHES)
            && !lower.contains("localhost")
    };
    if runs() && foreign() || encoded() || saved() {
        return Some(RUNS);
    }
    let out = || {
        names(&lower, FETCHES)
            || names(&lower, &["nc", "ncat", "netcat", "scp"])
            || lower.contains("/dev/tcp/")
    };
    (holds(CARRIERS) && holds(SECRET_FILES) && out()).then_some(LEAKS)
}

/// Whether a text names one of some programs, with what stands before a dot or without.
fn names(lower: &str, programs: &[&str]) -> bool {
    let words = lower.split(|c: char| !(c.is_alphanumeric() || "-_.".contains(c)));
    words.map(|word| word.trim_matches('.')).any(|word| {
        let is_named = |program: &&str| {
            let before = word.strip_suffix(*program);
            before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
        };
        programs.iter().any(is_named)
    })
}

/// Whether a program runs what another one prints.
fn is_piped(lower: &str) -> bool {
    lower.split('|').skip(1).any(|right| {
        let mut words = right
            .split(|c: char| !(c.is_alphanumeric() || "/_-".contains(c)))
            .filter(|word| !word.is_empty());
        let first = words.next().unwrap_or("");
        let first = first.rsplit('/').next().unwrap_or(first);
        let first = if matches!(first, "sudo" | "env" | "xargs" | "tee") {
            words.next().unwrap_or("sh")
        } else {
            first
        };
        RUNNERS.contains(&first)
    })
}
