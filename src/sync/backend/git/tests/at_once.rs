//! Many devices at once.

use super::*;

/// Lets 8 devices put 10 times each at the same moment, and two copies of a ninth 5 times each, all
/// in processes of their own; whatever was confirmed must be there.
fn many_at_once(settings: impl Fn(&str) -> GitSettings) {
    let devices = (0..8).map(|n| (format!("device {n}"), 10, 0));
    // Also those that make their branch at the same moment.
    let copies = [("copy".to_owned(), 5, 100), ("copy".to_owned(), 5, 200)];
    let start = |(device, puts, from): (String, u64, u64)| {
        let settings = settings(&label(&device));
        let child = helper(&format!("some {puts} {from} {device}"), &settings)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        (settings, child.unwrap())
    };
    let children: Vec<_> = devices.chain(copies).map(start).collect();
    let mut names = Vec::new();
    for (settings, child) in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let notes = fs::read_to_string(settings.cache.join("confirmed")).unwrap();
        names.extend(notes.lines().map(str::to_owned));
    }
    assert!(names.len() >= 80, "{}", names.len());
    let held = held(settings(&label("x")));
    let lost: Vec<_> = names.iter().filter(|name| !held.contains_key(*name)).collect();
    let url = settings(&label("x")).url;
    let way = url.split_once("://").map_or("folder", |(scheme, _)| scheme);
    eprintln!(
        "8 devices and 2 copies of a ninth at once over {way}: {} of {} confirmed segments lost",
        lost.len(),
        names.len()
    );
    assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), names.len());
}

#[test]
fn many_at_once_lose_nothing_in_a_folder() {
    let folder = Folder::new();
    many_at_once(|device| folder.settings(device));
}

#[test]
fn many_at_once_lose_nothing_over_ssh() {
    let Some(ssh) = Ssh::start() else { return };
    many_at_once(|device| ssh.settings(device));
}

#[test]
fn many_at_once_lose_nothing_over_https() {
    let web = Web::start();
    many_at_once(|device| web.settings(device));
}

/// Lets 8 threads of this process read and put at the same moment. Where they did not take turns,
/// most runs ended with a damaged heap.
fn threads_at_once(settings: impl Fn(&str) -> GitSettings + Sync) {
    thread::scope(|scope| {
        for device in (0..8).map(|n| format!("thread {n}")) {
            let settings = &settings;
            scope.spawn(move || {
                for n in 0..2 {
                    let mut git = open(settings(&label(&device)));
                    git.refresh().unwrap();
                    let object = segment(1, &device, n, format!("{device} {n}").into());
                    git.put(std::slice::from_ref(&object)).unwrap();
                }
            });
        }
    });
    assert_eq!(held(settings(&label("x"))).len(), 16);
}

#[test]
fn threads_take_turns_over_ssh() {
    let Some(ssh) = Ssh::start() else { return };
    threads_at_once(|device| ssh.settings(device));
}

#[test]
fn threads_take_turns_over_https() {
    let web = Web::start();
    threads_at_once(|device| web.settings(device));
}
