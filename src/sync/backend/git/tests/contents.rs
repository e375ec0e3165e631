//! What lies on the server, and in the local copy.

use super::*;

/// Every commit that a branch leads to, by branch.
fn history(repository: &Repository) -> BTreeMap<String, Vec<Oid>> {
    let references = repository.references().unwrap().map(Result::unwrap);
    let of = |reference: git2::Reference<'_>| {
        let mut walk = repository.revwalk().unwrap();
        walk.push(reference.target().unwrap()).unwrap();
        (reference.name().unwrap().to_owned(), walk.map(Result::unwrap).collect())
    };
    references.map(of).collect()
}

/// All files of a commit, with their bytes.
fn files(repository: &Repository, commit: Oid) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let tree = repository.find_commit(commit).unwrap().tree().unwrap();
    tree.walk(git2::TreeWalkMode::PreOrder, |folder, entry| {
        if let Some(blob) = entry.to_object(repository).unwrap().as_blob() {
            files.insert(format!("{folder}{}", entry.name().unwrap()), blob.content().to_vec());
        }
        git2::TreeWalkResult::Ok
    })
    .unwrap();
    files
}

#[test]
fn the_server_holds_what_was_put_and_a_readme() {
    let folder = Folder::new();
    let mut git = open(folder.settings(&label("a")));
    git.init().unwrap();
    git.init().unwrap();
    let objects = segments(1, "a", [1, 2, 3]);
    git.put(&objects[..1]).unwrap();
    git.put(&objects[1..]).unwrap();
    let repository = folder.repository();
    let history = history(&repository);
    let branch = format!("refs/heads/mana/{:032x}/{}", 1, label("a"));
    assert_eq!(history.keys().collect::<Vec<_>>(), ["refs/heads/main", &branch]);
    assert_eq!((history["refs/heads/main"].len(), history[&branch].len()), (1, 2));
    for commit in history.values().flatten() {
        let commit = repository.find_commit(*commit).unwrap();
        for person in [commit.author(), commit.committer()] {
            assert_eq!(person.to_string(), "mana <mana@localhost>");
            assert_eq!((person.when().seconds() % 86_400, person.when().offset_minutes()), (0, 0));
        }
    }
    let readme = files(&repository, history["refs/heads/main"][0]);
    assert_eq!(readme, BTreeMap::from([("README.md".into(), README.into())]));
    let put = objects.map(|object| (object.name, object.bytes));
    assert_eq!(files(&repository, history[&branch][0]), BTreeMap::from(put));
}

#[test]
fn the_readme_does_not_touch_a_branch_that_exists() {
    let folder = Folder::new();
    let repository = folder.repository();
    let theirs = tree::readme(&repository, "theirs", 0).unwrap();
    repository.reference("refs/heads/main", theirs, false, "").unwrap();
    let mut git = open(folder.settings(&label("a")));
    git.init().unwrap();
    assert_eq!(repository.refname_to_id("refs/heads/main").unwrap(), theirs);
    for branch in ["mana", "mana/x", "..", "a b", ""] {
        let settings = GitSettings { branch: branch.into(), ..folder.settings(&label("b")) };
        let error = open(settings).init().unwrap_err();
        assert!(matches!(error, BackendError::Refused(_)), "{branch}: {error:?}");
    }
}

#[test]
fn nothing_leads_to_what_was_removed() {
    let folder = Folder::new();
    let mut git = open(folder.settings(&label("a")));
    let objects = segments(1, "a", [1, 2, 3]);
    for object in &objects {
        git.put(std::slice::from_ref(object)).unwrap();
    }
    git.delete_own(&names(&objects[..2])).unwrap();
    let repository = folder.repository();
    let history = history(&repository);
    let commits: Vec<_> = history.values().flatten().collect();
    assert_eq!(commits.len(), 1, "{history:?}");
    assert_eq!(
        files(&repository, *commits[0]).into_keys().collect::<Vec<_>>(),
        names(&objects[2..])
    );
    run("git", &["-C", folder.path().to_str().unwrap(), "gc", "--quiet", "--prune=now"]);
    let gone = Oid::hash_object(git2::ObjectType::Blob, &objects[0].bytes).unwrap();
    assert!(!folder.repository().odb().unwrap().exists(gone));
    run("git", &["-C", folder.path().to_str().unwrap(), "fsck", "--strict"]);
    git.delete_own(&names(&objects[2..])).unwrap();
    assert!(folder.repository().references().unwrap().next().is_none());
}

#[test]
fn what_others_do_to_branches_shows_in_the_listing() {
    let folder = Folder::new();
    let (mut a, mut b) = (open(folder.settings(&label("a"))), open(folder.settings(&label("b"))));
    let objects = segments(1, "b", [1, 2]);
    b.put(&objects[..1]).unwrap();
    let repository = folder.repository();
    let branch = format!("refs/heads/mana/{:032x}/{}", 1, label("b"));
    let before = repository.refname_to_id(&branch).unwrap();
    b.put(&objects[1..]).unwrap();
    a.refresh().unwrap();
    assert_eq!(a.list("", None).unwrap(), names(&objects));

    // The branch goes back, is something else altogether, and is gone.
    repository.reference(&branch, before, true, "").unwrap();
    a.refresh().unwrap();
    assert_eq!(a.list("", None).unwrap(), names(&objects[..1]));
    let other = tree::readme(&repository, "nothing of ours", 0).unwrap();
    repository.reference(&branch, other, true, "").unwrap();
    a.refresh().unwrap();
    assert_eq!(a.list("", None).unwrap(), [""; 0]);
    repository.find_reference(&branch).unwrap().delete().unwrap();
    a.refresh().unwrap();
    assert_eq!(a.list("", None).unwrap(), [""; 0]);
    // The device itself puts its objects back, all of them, without help.
    b.put(&objects).unwrap();
    a.refresh().unwrap();
    assert_eq!(a.list("", None).unwrap(), names(&objects));
}

#[test]
fn strange_objects_and_branches_disturb_nobody() {
    let folder = Folder::new();
    let repository = folder.repository();
    let sound = segments(1, "a", [1]);
    let mut a = open(folder.settings(&label("a")));
    a.put(&sound).unwrap();

    let huge = segment(1, "b", 1, vec![7; MAX_OBJECT + 1]);
    let missing = segment(1, "b", 2, b"missing".to_vec());
    let branch = Branch::of(&Name::parse(&huge.name).unwrap());
    let gone = Oid::hash_object(git2::ObjectType::Blob, &missing.bytes).unwrap();
    repository.blob(&missing.bytes).unwrap();
    let files = Files::from([
        (huge.name.clone(), repository.blob(&huge.bytes).unwrap()),
        (missing.name.clone(), gone),
    ]);
    let tip = tree::commit(&repository, &branch, &files, None, 0).unwrap();
    repository.reference(&branch.there(), tip, true, "").unwrap();
    let hex = gone.to_string();
    fs::remove_file(folder.path().join("objects").join(&hex[..2]).join(&hex[2..])).unwrap();
    for (name, text) in [("mana/x", "x"), ("mana/a/b/c/d", "deep"), ("other", "elsewhere")] {
        let tip = tree::readme(&repository, text, 0).unwrap();
        repository.reference(&format!("refs/heads/{name}"), tip, true, "").unwrap();
    }

    match a.refresh() {
        Ok(()) => {
            let error = a.get(&huge.name).unwrap_err();
            assert!(matches!(error, BackendError::Refused(_)), "{error:?}");
            assert_eq!(a.get(&missing.name).unwrap(), None);
        }
        // A repository that has lost an object cannot be fetched from at all.
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    repository.blob(&missing.bytes).unwrap();
    a.refresh().unwrap();
    assert_eq!(a.get(&missing.name).unwrap(), Some(missing.bytes));
    assert_eq!(a.get(&sound[0].name).unwrap().as_ref(), Some(&sound[0].bytes));
    assert_eq!(a.list("", None).unwrap().len(), 3);
}

#[test]
fn a_damaged_copy_heals_itself() {
    let folder = Folder::new();
    let settings = folder.settings(&label("a"));
    let mut git = open(settings.clone());
    let objects = segments(1, "a", [1, 2]);
    git.put(&objects).unwrap();
    let copy = settings.cache.join("copy.git");

    // While it is open: the objects are gone.
    fs::remove_dir_all(copy.join("objects")).unwrap();
    fs::create_dir_all(copy.join("objects/pack")).unwrap();
    let mut other = open(GitSettings { cache: folder.fresh(), ..settings.clone() });
    other.put(&segments(1, "a", [3])).unwrap();
    git.refresh().unwrap();
    for object in &objects {
        assert_eq!(git.get(&object.name).unwrap().as_ref(), Some(&object.bytes));
    }
    drop(git);

    // Between two runs: every file is cut short, one after the other.
    let mut all = Vec::new();
    let mut folders = vec![copy.clone()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() { folders.push(entry) } else { all.push(entry) }
        }
    }
    assert!(all.len() > 5, "{all:?}");
    for path in all {
        let Ok(metadata) = fs::metadata(&path) else { continue };
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(metadata.len() / 2).unwrap();
        let mut git = open(settings.clone());
        git.refresh().unwrap();
        assert_eq!(git.list("", None).unwrap().len(), 3, "{}", path.display());
        for object in &objects {
            let got = git.get(&object.name).unwrap();
            assert_eq!(got.as_ref(), Some(&object.bytes), "{}", path.display());
        }
        git.put(&segments(1, "a", [1, 2])).unwrap();
    }
}

#[test]
fn the_copy_is_one_of_this_address() {
    let (first, second) = (Folder::new(), Folder::new());
    let settings = first.settings(&label("a"));
    let objects = segments(1, "a", [1]);
    open(settings.clone()).put(&objects).unwrap();
    let mut again = open(settings.clone());
    assert_eq!(again.list("", None).unwrap(), names(&objects), "known without asking the server");
    drop(again);
    let mut moved = open(GitSettings { url: second.settings("x").url, ..settings });
    assert_eq!(moved.list("", None).unwrap(), [""; 0]);
    moved.put(&objects).unwrap();
    assert_eq!(held(second.settings("x")).len(), 1);
}

#[test]
fn a_branch_in_the_way_of_another_is_no_trouble() {
    let folder = Folder::new();
    let mut git = open(folder.settings(&label("a")));
    let repository = folder.repository();
    let tip = tree::readme(&repository, "x", 0).unwrap();
    repository.reference("refs/heads/mana/x", tip, false, "").unwrap();
    git.refresh().unwrap();
    repository.find_reference("refs/heads/mana/x").unwrap().delete().unwrap();
    repository.reference("refs/heads/mana/x/y", tip, false, "").unwrap();
    git.refresh().unwrap();
    git.put(&segments(1, "a", [1])).unwrap();
}
