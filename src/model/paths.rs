//! Paths as text: never touching the disk, so that projects that are not here work as well.

/// `path` with the home folder of whoever wrote it as `~`: `/home/NAME`, `/Users/NAME`, `/root`
/// and `C:\Users\NAME`. Backslashes of Windows paths become slashes.
pub(crate) fn tilde(path: &str) -> String {
    let slashed = if path.contains('\\') { path.replace('\\', "/") } else { path.to_string() };
    let bytes = slashed.as_bytes();
    let after_drive = if bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' {
        &slashed[2..]
    } else {
        &slashed[..]
    };
    for homes in ["/home/", "/Users/"] {
        if let Some(rest) = after_drive.strip_prefix(homes) {
            let name_end = rest.find('/').unwrap_or(rest.len());
            if name_end > 0 && &rest[..name_end] != "linuxbrew" {
                return format!("~{}", &rest[name_end..]);
            }
        }
    }
    match slashed.strip_prefix("/root") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("~{rest}"),
        _ => slashed,
    }
}

/// `path` relative to the project folder `root` when it lies in it; a relative path is taken as
/// relative to `cwd`. Otherwise the path with `~` for the home. A worktree of the project counts
/// as the project.
pub(crate) fn relative(path: &str, root: &str, cwd: &str) -> String {
    let path = normal(&tilde(path));
    let (root, cwd) = (normal(&tilde(root)), normal(&tilde(cwd)));
    let absolute = if is_absolute(&path) { path } else { normal(&format!("{cwd}/{path}")) };
    if absolute == root {
        return ".".into();
    }
    let top = worktree_top(&cwd, &cwd).filter(|top| within(&absolute, top).is_some());
    let top = top.or_else(|| worktree_top(&absolute, &cwd).filter(|top| *top != absolute));
    if let Some(inside) = top.and_then(|top| within(&absolute, top)) {
        return inside.to_string();
    }
    match within(&absolute, &root) {
        Some(inside) => inside.to_string(),
        None => absolute,
    }
}

/// Whether `path`, as [`relative`] gives it, lies in the project and is part of its sources.
pub(crate) fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && path != "."
        && !is_absolute(path)
        && !path.starts_with("..")
        && !path.split('/').any(|part| matches!(part, "node_modules" | ".git"))
}

/// The last component.
pub(crate) fn name(path: &str) -> &str {
    let slash = path.bytes().rposition(|byte| matches!(byte, b'/' | b'\\'));
    slash.map_or(path, |at| &path[at + 1..])
}

/// A file's name without its last extension.
pub(crate) fn stem(name: &str) -> &str {
    match name.rfind('.') {
        Some(0) | None => name,
        Some(dot) => &name[..dot],
    }
}

/// The folder and all folders above it, nearest first; the root and the home excepted.
pub(crate) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let mut next = Some(path.trim_end_matches('/'));
    std::iter::from_fn(move || {
        let here = next.filter(|p| !matches!(*p, "" | "~" | "."))?;
        next = here.rfind('/').map(|slash| &here[..slash]);
        Some(here)
    })
}

fn is_absolute(path: &str) -> bool {
    path.starts_with('/')
        || path == "~"
        || path.starts_with("~/")
        || (path.len() > 2 && path.as_bytes()[1] == b':' && path.as_bytes()[2] == b'/')
}

fn within<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    path.strip_prefix(folder)?.strip_prefix('/').filter(|rest| !rest.is_empty())
}

/// Removes `.` and doubled slashes and resolves `..` by text.
fn normal(path: &str) -> String {
    if !path.contains("//")
        && !path.contains("/.")
        && !path.starts_with("./")
        && !path.ends_with('/')
    {
        return path.to_string();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != ".." && *last != "~") => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if path.starts_with('/') { format!("/{joined}") } else { joined }
}

/// The top folder of the linked worktree that `path` lies in, by the places in which tools put
/// them: `.worktrees/NAME`, `.claude/worktrees/NAME`, `worktrees/NAME`.
///
/// A name may have a slash in it (`user/branch`), which the path alone does not show; sessions
/// mostly stand at the top, so `cwd` decides when it has one or two components more.
fn worktree_top<'a>(path: &'a str, cwd: &str) -> Option<&'a str> {
    const PLACES: [&str; 3] = ["/.worktrees/", "/.claude/worktrees/", "/worktrees/"];
    let start = PLACES.iter().find_map(|place| path.find(place).map(|at| at + place.len()))?;
    let named = |parts: usize| {
        let ends = path[start..].match_indices('/').map(|(at, _)| start + at);
        &path[..ends.chain([path.len()]).nth(parts - 1).unwrap_or(path.len())]
    };
    let two = named(2);
    Some(if two == cwd { two } else { named(1) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn homes_become_tildes() {
        for (path, expected) in [
            ("/home/ann/code/x.rs", "~/code/x.rs"),
            ("/Users/ann", "~"),
            ("/root/x", "~/x"),
            ("/rooted/x", "/rooted/x"),
            ("/home/linuxbrew/.linuxbrew/bin/x", "/home/linuxbrew/.linuxbrew/bin/x"),
            ("C:\\Users\\ann\\code\\x.rs", "~/code/x.rs"),
            ("src/x.rs", "src/x.rs"),
            ("/srv/x", "/srv/x"),
        ] {
            assert_eq!(tilde(path), expected, "{path}");
        }
    }

    #[test]
    fn paths_are_relative_to_the_project() {
        for (path, root, cwd, expected) in [
            ("/home/ann/p/src/x.rs", "/home/ann/p", "/home/ann/p", "src/x.rs"),
            ("src/x.rs", "~/p", "~/p", "src/x.rs"),
            ("x.rs", "~/p", "~/p/src", "src/x.rs"),
            ("../x.rs", "~/p", "~/p/src", "x.rs"),
            ("./src//x.rs", "~/p", "~/p", "src/x.rs"),
            ("/etc/hosts", "~/p", "~/p", "/etc/hosts"),
            ("~/q/x.rs", "~/p", "~/p", "~/q/x.rs"),
            ("~/p", "~/p", "~/p", "."),
            ("~/p/.worktrees/fix/src/x.rs", "~/p", "~/p/.worktrees/fix", "src/x.rs"),
            ("~/p/.worktrees/ann/fix/src/x.rs", "~/p", "~/p/.worktrees/ann/fix", "src/x.rs"),
            ("~/p/.worktrees/fix/src/x.rs", "~/p", "~/p", "src/x.rs"),
        ] {
            assert_eq!(relative(path, root, cwd), expected, "{path}");
        }
    }

    #[test]
    fn ancestors_end_below_the_home() {
        assert_eq!(ancestors("~/a/b").collect::<Vec<_>>(), ["~/a/b", "~/a"]);
        assert_eq!(ancestors("/a/b/").collect::<Vec<_>>(), ["/a/b", "/a"]);
    }

    #[test]
    fn only_sources_of_the_project_are_inside() {
        for (path, inside) in [
            ("src/x.rs", true),
            ("x", true),
            (".github/workflows/ci.yml", true),
            ("", false),
            (".", false),
            ("../x.rs", false),
            ("/etc/hosts", false),
            ("~/q/x.rs", false),
            ("C:/q/x.rs", false),
            ("web/node_modules/a/index.js", false),
            (".git/config", false),
        ] {
            assert_eq!(is_inside(path), inside, "{path}");
        }
    }

    proptest! {
        #[test]
        fn relative_paths_stay_as_they_are(
            path in "([a-z]{1,6}/){0,3}[a-z]{1,6}\\.[a-z]{1,3}", root in "(~|/srv)(/[a-z]{1,6}){1,3}",
        ) {
            let once = relative(&path, &root, &root);
            prop_assert_eq!(&once, &path);
            prop_assert_eq!(&relative(&format!("{root}/{path}"), &root, "/elsewhere"), &once);
            prop_assert_eq!(&relative(&once, &root, &root), &once);
        }

        #[test]
        fn never_panics(path in "[a-z/.~:\\\\é]{0,24}", root in "[a-z/.~]{0,12}", cwd in "[a-z/.~]{0,12}") {
            let found = relative(&path, &root, &cwd);
            is_inside(&found);
            prop_assert_eq!(tilde(&tilde(&path)), tilde(&path));
            prop_assert!(ancestors(&path).all(|above| path.starts_with(above)));
        }
    }

    #[test]
    fn stems_and_names() {
        assert_eq!(name("a/b.test.ts"), "b.test.ts");
        assert_eq!(stem("b.test.ts"), "b.test");
        assert_eq!(stem(".env"), ".env");
    }
}
