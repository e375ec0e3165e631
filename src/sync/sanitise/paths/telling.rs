//! What is told of an absolute path, by the folders in it: those of the system are alike on all
//! machines, and others are somebody's.

use super::Roots;
use super::spelling::{Anchor, Spelled, Split};
use crate::sync::sanitise::marks::{self, Marker};

/// Folders of the system, alike on all machines.
const SYSTEM: &[&str] = &[
    "usr",
    "bin",
    "sbin",
    "lib",
    "lib32",
    "lib64",
    "etc",
    "dev",
    "proc",
    "sys",
    "run",
    "boot",
    "nix",
    "snap",
    "System",
    "Library",
    "Applications",
    "path",
];

/// Folders below `/var` and `/opt` that are of the system as well.
const OF_VAR: &[&str] = &["log", "lib", "run", "cache", "spool", "db", "mail", "lock"];
const OF_OPT: &[&str] =
    &["homebrew", "hostedtoolcache", "local", "conda", "miniconda3", "venv", "java"];

/// Folders at the top in which people keep what is theirs.
const PRIVATE: &[&str] = &[
    "home",
    "homes",
    "Users",
    "root",
    "mnt",
    "media",
    "srv",
    "Volumes",
    "work",
    "workspaces",
    "data",
    "export",
    "net",
    "nfs",
    "scratch",
    "storage",
    "vol",
    "volumes",
    "builds",
    "cygdrive",
    "private",
    "backup",
    "backups",
    "Network",
    "__w",
    "opt",
    "var",
];

/// Folders at the top that are the whole of a container as often.
const WORKPLACES: &[&str] =
    &["app", "code", "src", "project", "repo", "workspace", "build", "www", "develop", "sources"];

/// How addresses of a web application begin, which look like paths.
const ROUTES: &[&str] = &[
    "api",
    "v1",
    "v2",
    "v3",
    "static",
    "assets",
    "public",
    "images",
    "img",
    "js",
    "css",
    "fonts",
    "docs",
    "blog",
    "auth",
    "user",
    "users",
    "admin",
    "health",
    "graphql",
    "_next",
    "dist",
    "favicon",
    "media",
    "files",
    "pages",
    "components",
    "node_modules",
    "@fs",
    "@vite",
    "@id",
    "wiki",
    "issues",
    "pull",
    "blob",
    "raw",
    "tree",
    "download",
    "downloads",
    "latest",
    "stable",
    "en",
    "de",
    "test",
    "tests",
    "lib",
    "packages",
];

/// Folders whose members are people.
const PEOPLE: &[&str] = &["home", "homes", "users", "people", "staff"];

/// Folders of the user that every machine has.
const OF_USER: &[&str] = &["Library", "AppData"];

/// Whether a name at the top of the file system is private for certain.
pub(super) fn is_private(rest: &str) -> bool {
    let first = rest.split('/').next().unwrap_or("");
    first == "tmp" || (PRIVATE.contains(&first) && rest.len() > first.len())
}

/// What stands in the place of a path; `None` when it may stay.
pub(super) fn judge(
    roots: &Roots,
    marker: &Marker,
    path: &Split<'_>,
    spelled: Spelled,
) -> Option<String> {
    if let Some(inside) = roots.below(path).or_else(|| in_worktree(&path.names)) {
        let inside = in_worktree(inside).unwrap_or(inside);
        return Some(if inside.is_empty() { ".".into() } else { inside.join("/") });
    }
    let names = &path.names[..];
    match path.anchor {
        Anchor::Home => of_home(marker, names, spelled),
        Anchor::Top => of_top(marker, names),
        Anchor::Drive(_) => of_drive(marker, names),
        Anchor::Share => match names {
            ["wsl$" | "wsl.localhost", _, rest @ ..] => {
                Some(of_top(marker, rest).unwrap_or_else(|| format!("/{}", rest.join("/"))))
            }
            [_, _, rest @ ..] => Some(tail(marker, "<path>", names.len() - rest.len(), names)),
            _ => Some("<path>".into()),
        },
    }
}

/// The names below a linked worktree, by the places in which tools put them.
fn in_worktree<'p, 't>(names: &'p [&'t str]) -> Option<&'p [&'t str]> {
    names.iter().enumerate().find_map(|(at, name)| {
        let here =
            *name == ".worktrees" || (*name == "worktrees" && at > 0 && names[at - 1] == ".claude");
        (here && names.len() > at + 1).then(|| below_branch(&names[at + 2..]))
    })
}

/// `names` below a worktree's folder, which is called after a branch. A branch may have a slash in
/// its name, as in `ada/ent-12-fix`, and what follows that is hyphenated more than folders are.
fn below_branch<'p, 't>(names: &'p [&'t str]) -> &'p [&'t str] {
    match names {
        [first, rest @ ..] if !rest.is_empty() && first.matches('-').count() >= 2 => rest,
        _ => names,
    }
}

fn of_home(marker: &Marker, names: &[&str], spelled: Spelled) -> Option<String> {
    let first = names.first()?;
    if names.starts_with(&["AppData", "Local", "Temp"]) {
        return Some(tail(marker, "<tmp>", 3, names));
    }
    if first.starts_with('.') || OF_USER.contains(first) {
        // A variable is not a name: such a path is the same for everybody.
        return match (spelled, names.len()) {
            (Spelled::Variable, _) => None,
            (_, ..=4) => Some(format!("<home>/{}", names.join("/"))),
            _ => Some(tail(marker, &format!("<home>/{first}/…"), 1, names)),
        };
    }
    if first.starts_with(['$', '<', '{', '*', '%']) {
        return None;
    }
    Some(tail(marker, "<path>", 0, names))
}

fn of_top(marker: &Marker, names: &[&str]) -> Option<String> {
    let (first, second) = (*names.first()?, names.get(1).copied());
    let temporary = match (first, second) {
        ("tmp", _) => Some(1),
        ("var", Some("tmp")) => Some(2),
        // `/var/folders/ab/cdef/T/`
        ("var", Some("folders")) => Some(5.min(names.len())),
        _ => None,
    };
    if let Some(skip) = temporary {
        return (first != "tmp" || names.len() > 1).then(|| tail(marker, "<tmp>", skip, names));
    }
    let second = second?;
    let stays = match first {
        "var" => OF_VAR.contains(&second),
        "opt" => OF_OPT.contains(&second),
        "home" => second == "linuxbrew",
        "Users" => second.eq_ignore_ascii_case("shared"),
        _ => SYSTEM.contains(&first),
    };
    if stays || second.starts_with(['$', '<', '{', '*', '%']) {
        return None;
    }
    let private = PRIVATE.contains(&first)
        || (WORKPLACES.contains(&first) && names.len() >= 3)
        || (names.len() >= 3
            && !ROUTES.contains(&first)
            && names.last().is_some_and(|n| is_file(n)));
    private.then(|| {
        let skip = if matches!(first, "home" | "Users") { 2 } else { 1 };
        tail(marker, "<path>", skip, names)
    })
}

fn of_drive(marker: &Marker, names: &[&str]) -> Option<String> {
    let first = names.first()?.to_lowercase();
    if first.starts_with("program") || first == "windows" {
        return None;
    }
    if first == "temp" || first == "tmp" {
        return Some(tail(marker, "<tmp>", 1, names));
    }
    let skip = if first == "users" { 2.min(names.len()) } else { 0 };
    Some(tail(marker, "<path>", skip, names))
}

/// Whether a name has an extension as files do.
fn is_file(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(stem, extension)| {
        !stem.is_empty()
            && (1..=6).contains(&extension.len())
            && extension.starts_with(|c: char| c.is_ascii_alphabetic())
            && extension.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

/// `place` with the last two of `names` behind it, of which the first `skip` are not told.
fn tail(marker: &Marker, place: &str, skip: usize, names: &[&str]) -> String {
    let from = skip.max(names.len().saturating_sub(2));
    let mut told = place.to_owned();
    for (at, name) in names.iter().enumerate().skip(from) {
        told.push('/');
        let above = at.checked_sub(1).map_or("", |above| names[above]);
        if PEOPLE.iter().any(|people| above.eq_ignore_ascii_case(people))
            && marks::wall(name).is_none()
        {
            told.push_str(&marker.mark("user", name));
        } else {
            told.push_str(name.trim_start_matches('~'));
        }
    }
    told
}
