//! Branches, and the commits and trees that hold objects under their names.

use std::collections::BTreeMap;

use git2::{ErrorClass, ErrorCode, ObjectType, Oid, Repository, Signature, Time};

use super::super::Name;

/// Where branches lie on a server.
const THERE: &str = "refs/heads/mana/";
/// Where the local copy keeps what it saw of them.
const HERE: &str = "refs/mana/";
/// The mode of a file that is no program.
const FILE: i32 = 0o100_644;
/// The mode of a folder.
const FOLDER: i32 = 0o040_000;
/// More files than any branch has; what a hostile one holds beyond them is not looked at.
const MAX_FILES: usize = 500_000;

/// What is fetched, and to where.
pub(super) const REFSPEC: &str = "+refs/heads/mana/*:refs/mana/*";

/// The names and blobs of one branch.
pub(super) type Files = BTreeMap<String, Oid>;

/// A branch that only one device writes to: `WORKSPACE/DEVICE`. Key boxes, which are anybody's, have
/// one each: `WORKSPACE/key/FILE`. No two devices ever write different things to the same branch.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Branch(String);

impl Branch {
    /// The branch that holds the object of this name.
    pub(super) fn of(name: &Name<'_>) -> Self {
        match name.device() {
            Some(device) => Self(format!("{}/{device}", name.workspace())),
            None => Self(format!("{}/{}/{}", name.workspace(), name.folder(), name.file())),
        }
    }

    /// The branch that the local copy keeps under `reference`.
    pub(super) fn of_local(reference: &str) -> Option<Self> {
        reference.strip_prefix(HERE).map(|branch| Self(branch.into()))
    }

    /// Its name on the server.
    pub(super) fn there(&self) -> String {
        format!("{THERE}{}", self.0)
    }

    /// Its name in the local copy.
    pub(super) fn here(&self) -> String {
        format!("{HERE}{}", self.0)
    }

    /// The folder of the tree in which its objects lie.
    fn folder(&self) -> String {
        let mut parts = self.0.splitn(3, '/');
        let (workspace, folder) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        format!("v1/{workspace}/{folder}")
    }
}

/// The objects in the commit `tip` of `branch`. What has no place on this branch is passed over.
pub(super) fn read(
    repository: &Repository,
    branch: &Branch,
    tip: Oid,
) -> Result<Files, git2::Error> {
    let folder = branch.folder();
    let Ok(commit) = repository.find_object(tip, None)?.into_commit() else {
        return Ok(Files::new());
    };
    let entry = match commit.tree()?.get_path(folder.as_ref()) {
        Ok(entry) => entry,
        Err(error) if is_absent(&error) => return Ok(Files::new()),
        Err(error) => return Err(error),
    };
    if entry.kind() != Some(ObjectType::Tree) {
        return Ok(Files::new());
    }
    let mut files = Files::new();
    for entry in repository.find_tree(entry.id())?.iter().take(MAX_FILES) {
        let Ok(file) = entry.name() else { continue };
        let name = format!("{folder}/{file}");
        let belongs = Name::parse(&name).is_some_and(|name| Branch::of(&name) == *branch);
        if belongs && entry.kind() == Some(ObjectType::Blob) {
            files.insert(name, entry.id());
        }
    }
    Ok(files)
}

/// Whether a path is not in a tree, which is something else than a tree that is missing.
fn is_absent(error: &git2::Error) -> bool {
    error.code() == ErrorCode::NotFound && error.class() == ErrorClass::Tree
}

/// Makes a commit that holds exactly `files`. It says nothing of who made it, and of when only the
/// day: `now` is in seconds since the Unix epoch.
pub(super) fn commit(
    repository: &Repository,
    branch: &Branch,
    files: &Files,
    parent: Option<Oid>,
    now: i64,
) -> Result<Oid, git2::Error> {
    let mut builder = repository.treebuilder(None)?;
    for (name, blob) in files {
        let file = name.rsplit('/').next().unwrap_or(name);
        builder.insert(file, *blob, FILE)?;
    }
    let mut tree = builder.write()?;
    for part in branch.folder().rsplit('/') {
        let mut builder = repository.treebuilder(None)?;
        builder.insert(part, tree, FOLDER)?;
        tree = builder.write()?;
    }
    write(repository, tree, parent, now)
}

/// Makes a commit that holds a file `README.md` with `text` and nothing else.
pub(super) fn readme(repository: &Repository, text: &str, now: i64) -> Result<Oid, git2::Error> {
    let mut builder = repository.treebuilder(None)?;
    builder.insert("README.md", repository.blob(text.as_bytes())?, FILE)?;
    write(repository, builder.write()?, None, now)
}

fn write(
    repository: &Repository,
    tree: Oid,
    parent: Option<Oid>,
    now: i64,
) -> Result<Oid, git2::Error> {
    const DAY: i64 = 24 * 60 * 60;
    let midnight = Time::new(now.div_euclid(DAY) * DAY, 0);
    let author = Signature::new("mana", "mana@localhost", &midnight)?;
    let tree = repository.find_tree(tree)?;
    let parent = parent.map(|parent| repository.find_commit(parent)).transpose()?;
    let parents: Vec<_> = parent.iter().collect();
    repository.commit(None, &author, &author, "shared", &tree, &parents)
}

#[cfg(test)]
mod tests {
    use super::super::super::conformance::segments;
    use super::*;

    #[test]
    fn commits_hold_files_and_say_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        let objects = segments(1, "a", [1, 2]);
        let branch = Branch::of(&Name::parse(&objects[0].name).unwrap());
        let files: Files = objects
            .iter()
            .map(|object| (object.name.clone(), repository.blob(&object.bytes).unwrap()))
            .collect();
        let now = 1_790_000_123;
        let first = commit(&repository, &branch, &files, None, now).unwrap();
        assert_eq!(read(&repository, &branch, first).unwrap(), files);
        let made = repository.find_commit(first).unwrap();
        assert_eq!(made.author().to_string(), "mana <mana@localhost>");
        assert_eq!(made.time().seconds() % 86_400, 0);
        assert_eq!((made.parent_count(), made.message().unwrap()), (0, "shared"));
        assert_eq!(commit(&repository, &branch, &files, None, now + 60).unwrap(), first);
        let second = commit(&repository, &branch, &files, Some(first), now).unwrap();
        assert_eq!(repository.find_commit(second).unwrap().parent_id(0).unwrap(), first);
    }

    #[test]
    fn what_has_no_place_on_a_branch_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        let [of_a] = segments(1, "a", [1]);
        let [of_b] = segments(1, "b", [1]);
        let branch = Branch::of(&Name::parse(&of_a.name).unwrap());
        let blob = repository.blob(b"bytes").unwrap();
        let stray = Files::from([
            (of_a.name.clone(), blob),
            (format!("{}/..x", branch.folder()), blob),
            (format!("{}/README.md", branch.folder()), blob),
        ]);
        let tip = commit(&repository, &branch, &stray, None, 0).unwrap();
        let found = read(&repository, &branch, tip).unwrap();
        assert_eq!(found.into_keys().collect::<Vec<_>>(), [of_a.name]);
        // Another device's branch with this tree holds nothing that is its own.
        let other = Branch::of(&Name::parse(&of_b.name).unwrap());
        assert_eq!(read(&repository, &other, tip).unwrap(), Files::new());
        let readme = readme(&repository, "text", 0).unwrap();
        assert_eq!(read(&repository, &branch, readme).unwrap(), Files::new());
        let odd = Branch::of_local("refs/mana/whatever/this/is/then").unwrap();
        assert_eq!(read(&repository, &odd, tip).unwrap(), Files::new());
        assert_eq!(Branch::of_local("refs/heads/main"), None);
    }
}
