//! Which project an event belongs to, asked from the cheapest source on.

use std::path::Path;

use super::event::HookEvent;
use crate::model::exclude::Exclusions;
use crate::model::paths;
use crate::storage::{Recall, StorageError, transcript_folder};
use crate::workspace;

/// The project of an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Scope {
    /// Its row in the store.
    pub(crate) project: i64,
    /// Its folder, with `~` for the home, as far as known; paths are relative to it.
    pub(crate) root: String,
    /// Whether the event's folder lies in the project's checkout. Where only the transcript told
    /// the project, it may be any folder.
    pub(crate) is_here: bool,
}

/// Finds the project of an event: by the folders above the current one in which sessions ran,
/// by the folder of its transcript, by its repository, at last by the folder's name. `None` when
/// nothing was learned there.
pub(crate) fn of_event(
    recall: &dyn Recall,
    event: &HookEvent,
    project_dir: Option<&str>,
) -> Result<Option<Scope>, StorageError> {
    let folders: Vec<String> =
        project_dir.into_iter().chain([event.cwd.as_str()]).map(paths::tilde).collect();
    let above: Vec<&str> = folders.iter().flat_map(|folder| paths::ancestors(folder)).collect();
    if let Some((project, root)) = recall.project_of_roots(&above)? {
        return Ok(Some(Scope { project, root, is_here: true }));
    }
    let folder = project_dir.unwrap_or(&event.cwd);
    let root = paths::tilde(folder);
    if let Some(name) = transcript_folder(&event.transcript)
        && let Some((project, _)) = recall.project_of_roots(&[&name])?
    {
        return Ok(Some(Scope { project, root, is_here: false }));
    }
    for project in [workspace::identify(Path::new(folder)), workspace::by_name(folder)] {
        if let Some(project) = recall.project_by_key(&project.key)? {
            return Ok(Some(Scope { project, root, is_here: true }));
        }
    }
    Ok(None)
}

/// Whether the event's session is of an excluded project, as far as its folders tell.
pub(crate) fn is_excluded(
    event: &HookEvent,
    project_dir: Option<&str>,
    exclusions: &Exclusions,
) -> bool {
    let mut folders = project_dir.into_iter().chain([event.cwd.as_str()]);
    exclusions.has_projects()
        && folders.any(|folder| {
            exclusions.folder(folder)
                || exclusions.has_names()
                    && exclusions.project(&workspace::identify(Path::new(folder)).key)
        })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::hooks::event::Moment;
    use crate::hooks::testing::{Desk, event};
    use crate::workspace::identify;

    fn found(desk: &Desk, cwd: &str, transcript: &str, project_dir: Option<&str>) -> Option<Scope> {
        let event = HookEvent {
            cwd: cwd.into(),
            transcript: transcript.into(),
            ..event("s", Moment::SubagentStart)
        };
        of_event(desk.reader(), &event, project_dir).unwrap()
    }

    #[test]
    fn a_project_is_found_by_folder_transcript_and_name() {
        let mut desk = Desk::new();
        let app = desk.project;
        let web = desk.add_project("name:web", "/srv/web/", "transcripts:-srv-web");
        let scope = |project, root: &str| Some(Scope { project, root: root.into(), is_here: true });
        let elsewhere = Some(Scope { project: web, root: "/tmp/x".into(), is_here: false });
        let nowhere = "/home/dev/.claude/projects/-nowhere/s.jsonl";
        let of_web = "/home/dev/.claude/projects/-srv-web/s.jsonl";
        for (name, cwd, transcript, project_dir, expected) in [
            ("the folder", "/home/dev/app", nowhere, None, scope(app, "~/app")),
            ("another user's home", "/Users/ann/app", nowhere, None, scope(app, "~/app")),
            ("a folder below", "/home/dev/app/src/a", nowhere, None, scope(app, "~/app")),
            (
                "the folder before the transcript",
                "/home/dev/app",
                of_web,
                None,
                scope(app, "~/app"),
            ),
            ("the client's word", "/tmp/x", nowhere, Some("/home/dev/app"), scope(app, "~/app")),
            ("the transcript", "/tmp/x", of_web, None, elsewhere),
            ("the name", "/data/checkouts/App", nowhere, None, scope(app, "/data/checkouts/App")),
            (
                "a worktree's name",
                "/x/web/.worktrees/fix",
                nowhere,
                None,
                scope(web, "/x/web/.worktrees/fix"),
            ),
            ("a name that only begins alike", "/home/dev/app2", nowhere, None, None),
            ("nothing", "", "", None, None),
        ] {
            assert_eq!(found(&desk, cwd, transcript, project_dir), expected, "{name}");
        }
    }

    #[test]
    fn a_clone_elsewhere_is_the_same_project() {
        let mut desk = Desk::new();
        let clone = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(clone.path().join(".git")).unwrap();
        std::fs::create_dir_all(clone.path().join("src")).unwrap();
        let config = "[remote \"origin\"]\n\turl = https://example.test/dev/thing.git\n";
        std::fs::write(clone.path().join(".git/config"), config).unwrap();
        let folder = clone.path().to_string_lossy().into_owned();
        assert_eq!(found(&desk, &folder, "", None), None);
        let key = identify(Path::new(&folder)).key;
        let thing = desk.add_project(&key, "~/thing", "transcripts:-home-dev-thing");
        for cwd in [folder.clone(), format!("{folder}/src")] {
            assert_eq!(found(&desk, &cwd, "", None).unwrap().project, thing, "{cwd}");
        }
    }
}
