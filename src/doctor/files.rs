//! The home and what lies in it: whether it can be written, who may read it, how large it is.

use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{DoctorError, Finding, Mend, Patient, State, size};
use crate::storage::file::{self, Rights};

/// How deep the home is looked through.
const DEPTH: usize = 8;

/// Free space below which learning is about to fail, in bytes.
const SCARCE: u64 = 200_000_000;

/// A log that was written to lately is worth a look, in milliseconds.
const LATELY: i64 = 86_400_000;

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let home = patient.home;
    let name = home.display();
    let Ok(metadata) = fs::metadata(home) else {
        return vec![
            Finding::new("home", State::Warning, format!("{name} does not exist yet"))
                .advice("`mana init` or `mana learn` makes it."),
        ];
    };
    if !metadata.is_dir() {
        return vec![
            Finding::new("home", State::Problem, format!("{name} is not a folder"))
                .advice("Move it away, or set MANA_HOME."),
        ];
    }
    let mut found = Vec::new();
    list(home, 0, &mut found);
    let mut findings = vec![writable(home, &metadata), trusted(home, &metadata), private(&found)];
    findings.extend(linked(home, &found));
    findings.extend(foreign(&found));
    findings.extend(special(&found));
    findings.extend([sizes(home, &found), space(home), log(patient)]);
    findings
}

/// Whether hooks believe what lies in the home.
fn trusted(home: &Path, metadata: &Metadata) -> Finding {
    let name = home.display();
    match file::rights(home) {
        Rights::Own => Finding::new("trust", State::Good, "nobody else can write to the home"),
        Rights::Open => Finding::new(
            "trust",
            State::Problem,
            format!("others can write to {name}: hooks say nothing before it is closed"),
        )
        .advice(if metadata.permissions().mode() & 0o1000 == 0 {
            "`mana learn` closes it as well."
        } else {
            "It is a folder for all (sticky), which only `--fix` closes; better set MANA_HOME to one \
             of your own."
        })
        .mend(Mend::Protect(vec![home.into()])),
        Rights::Foreign => Finding::new(
            "trust",
            State::Problem,
            format!(
                "{name} belongs to user {}: hooks say nothing, and nothing is learned",
                metadata.uid()
            ),
        )
        .advice("Set MANA_HOME to a folder of your own."),
    }
}

/// The first of some paths, and how many `more` there are.
fn named(first: &Path, more: usize) -> String {
    match more {
        0 => first.display().to_string(),
        more => format!("{} and {more} more", first.display()),
    }
}

/// Links in the home, through which nothing is written. Settings and models may be links: people
/// keep the ones with their other settings, and the others where there is room.
fn linked(home: &Path, found: &[(PathBuf, Metadata)]) -> Option<Finding> {
    let told = |path: &Path| {
        let name = path.strip_prefix(home).unwrap_or(path);
        !name.starts_with("models") && name != Path::new("config.toml")
    };
    let mut links = found.iter().filter(|(path, meta)| meta.is_symlink() && told(path));
    let (first, _) = links.next()?;
    let says = format!(
        "symbolic links, through which nothing is written: {}",
        named(first, links.count())
    );
    let advice = "Remove them, or move what they lead to to their places. The home itself may be a \
                  link.";
    Some(Finding::new("links", State::Problem, says).advice(advice))
}

/// What another user put into the home, which is not used.
fn foreign(found: &[(PathBuf, Metadata)]) -> Option<Finding> {
    let mut foreign = found.iter().filter(|(_, metadata)| !file::is_trusted(metadata));
    let (first, metadata) = foreign.next()?;
    let says = format!(
        "files of others (user {}), which are not used: {}",
        metadata.uid(),
        named(first, foreign.count())
    );
    let advice = "Remove them, or make them your own (chown) if you know where they are from.";
    Some(Finding::new("owner", State::Problem, says).advice(advice))
}

/// What is neither a file nor a folder nor a link, and keeps its place from a file.
fn special(found: &[(PathBuf, Metadata)]) -> Option<Finding> {
    let plain = |meta: &Metadata| meta.is_file() || meta.is_dir() || meta.is_symlink();
    let mut special = found.iter().filter(|(_, metadata)| !plain(metadata));
    let (first, _) = special.next()?;
    let says = format!("neither files nor folders: {}", named(first, special.count()));
    let advice =
        "Remove them: pipes and devices are passed over, and nothing can be written there.";
    Some(Finding::new("files", State::Warning, says).advice(advice))
}

fn list(folder: &Path, depth: usize, found: &mut Vec<(PathBuf, Metadata)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    if depth == 0
        && let Ok(metadata) = fs::metadata(folder)
    {
        found.push((folder.into(), metadata));
    }
    for entry in entries.flatten() {
        // Not through links: what they lead to is somebody else's business.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() && depth < DEPTH {
            list(&entry.path(), depth + 1, found);
        }
        found.push((entry.path(), metadata));
    }
}

/// Whether files can be made in the home; a file is made and removed again.
fn writable(home: &Path, metadata: &Metadata) -> Finding {
    let name = home.display();
    match tempfile::Builder::new().prefix(".mana-doctor-").tempfile_in(home) {
        Ok(_removed) => Finding::new("home", State::Good, format!("{name} can be written")),
        Err(error) => Finding::new(
            "home",
            State::Problem,
            format!("{name} cannot be written ({error}): hooks answer, and nothing is learned"),
        )
        .advice(match metadata.uid() {
            _ if error.kind() == std::io::ErrorKind::ReadOnlyFilesystem => {
                "Its file system is read-only: mount it for writing, or set MANA_HOME to a folder \
                 that can be written."
                    .into()
            }
            owner if owner == rustix::process::getuid().as_raw() => {
                format!("Give yourself the right to write: chmod u+rwx {name}")
            }
            owner => format!("It belongs to user {owner}; set MANA_HOME to a folder of your own."),
        }),
    }
}

/// Whether anybody else can read what was learned.
fn private(found: &[(PathBuf, Metadata)]) -> Finding {
    let open: Vec<PathBuf> = found
        .iter()
        .filter(|(_, metadata)| {
            !metadata.is_symlink() && metadata.permissions().mode() & 0o077 != 0
        })
        .map(|(path, _)| path.clone())
        .collect();
    match open.first() {
        None => Finding::new("permissions", State::Good, "only you can read what was learned"),
        Some(first) => Finding::new(
            "permissions",
            State::Warning,
            format!("others can read or write {}", named(first, open.len() - 1)),
        )
        .mend(Mend::Protect(open)),
    }
}

/// Takes the rights of others from `paths`.
pub(super) fn protect(paths: &[PathBuf]) -> Result<(), DoctorError> {
    for path in paths {
        let failed = |source| DoctorError::Protect { path: path.clone(), source };
        match fs::symlink_metadata(path) {
            // It may be gone by now, and a link has no rights of its own.
            Err(_) => {}
            Ok(metadata) if metadata.is_symlink() => {}
            Ok(metadata) => {
                let mode = metadata.permissions().mode() & !0o077;
                fs::set_permissions(path, PermissionsExt::from_mode(mode)).map_err(failed)?;
            }
        }
    }
    Ok(())
}

/// How much room it takes, by what takes it.
fn sizes(home: &Path, found: &[(PathBuf, Metadata)]) -> Finding {
    let of = |holds: &dyn Fn(&str) -> bool| -> u64 {
        found
            .iter()
            .filter(|(path, metadata)| {
                let name = path.strip_prefix(home).unwrap_or(path).to_string_lossy();
                metadata.is_file() && holds(&name)
            })
            .map(|(_, metadata)| metadata.len())
            .sum()
    };
    let aside = of(&|name| name.contains(".damaged-"));
    let database = of(&|name| name.starts_with("metadata.sqlite")) - aside;
    let parts = [
        ("database", database),
        ("snapshots", of(&|name| name.starts_with("snapshots"))),
        ("vectors", of(&|name| name.starts_with("vectors"))),
        ("models", of(&|name| name.starts_with("models"))),
        ("journals", of(&|name| name.starts_with("sessions"))),
        ("logs", of(&|name| name.starts_with("logs"))),
        ("set aside", aside),
    ];
    let told: Vec<String> = parts
        .iter()
        .filter(|(_, bytes)| *bytes > 0)
        .map(|(name, bytes)| format!("{name} {}", size(*bytes)))
        .collect();
    let says = format!("{} in all: {}", size(of(&|_| true)), told.join(", "));
    let finding = Finding::new("disk", State::Good, says);
    if aside == 0 {
        return finding;
    }
    Finding { state: State::Warning, ..finding }.advice(
        "Databases that were set aside as damaged (metadata.sqlite.damaged-…) may be deleted.",
    )
}

/// Whether there is room for more.
fn space(home: &Path) -> Finding {
    match rustix::fs::statvfs(home) {
        Ok(volume) => {
            let free = volume.f_bavail.saturating_mul(volume.f_frsize);
            let says = format!("{} free", size(free));
            if free < SCARCE {
                Finding::new("disk", State::Warning, says)
                    .advice("Learning stops where the disk is full; nothing is lost by that.")
            } else {
                Finding::new("disk", State::Good, says)
            }
        }
        Err(error) => {
            Finding::new("disk", State::Warning, format!("free space is not known: {error}"))
        }
    }
}

/// Whether hooks had problems lately.
fn log(patient: &Patient<'_>) -> Finding {
    let logs = patient.logs;
    let parent = logs.parent().is_some_and(Path::is_dir);
    if if logs.exists() { !may_write(logs) } else { !parent } {
        let says = format!("nothing is logged: {} cannot be written", logs.display());
        return Finding::new("log", State::Warning, says).advice(
            "MANA_LOG_DIR names the folder, where it is set; what it lies in has to exist.",
        );
    }
    let path = logs.join("hooks.log");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let lately = |line: &&str| {
        let at = line.split_whitespace().next();
        let at = at.and_then(|at| chrono::DateTime::parse_from_rfc3339(at).ok());
        at.is_some_and(|at| patient.now.saturating_sub(at.timestamp_millis()) < LATELY)
    };
    let recent: Vec<&str> = text.lines().filter(lately).collect();
    match recent.last() {
        None => Finding::new("log", State::Good, "hooks had no problems in the last day"),
        Some(last) => Finding::new(
            "log",
            State::Warning,
            match recent.len() {
                1 => format!("hooks had a problem in the last day: {last}"),
                many => format!("hooks had {many} problems in the last day, the last: {last}"),
            },
        )
        .advice(format!("All of them are in {}.", path.display())),
    }
}

/// Whether files can be made in a folder.
fn may_write(folder: &Path) -> bool {
    use rustix::fs::{Access, access};
    folder.is_dir() && access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_can_read_is_found_and_protected() {
        let home = tempfile::tempdir().unwrap();
        fs::set_permissions(home.path(), PermissionsExt::from_mode(0o700)).unwrap();
        let open = home.path().join("open");
        fs::write(&open, "x").unwrap();
        fs::set_permissions(&open, PermissionsExt::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", home.path().join("link")).unwrap();
        let mut found = Vec::new();
        list(home.path(), 0, &mut found);
        let finding = private(&found);
        assert_eq!(finding.mend, Some(Mend::Protect(vec![open.clone()])), "{finding:?}");
        protect(&[open.clone(), home.path().join("gone")]).unwrap();
        assert_eq!(fs::metadata(&open).unwrap().permissions().mode() & 0o777, 0o600);
        found.clear();
        list(home.path(), 0, &mut found);
        assert_eq!(private(&found).state, State::Good);
    }
}
