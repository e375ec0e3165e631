//! Killed in the middle.

use super::*;

/// How many objects the helper has noted as confirmed.
fn confirmed(settings: &GitSettings) -> usize {
    fs::read_to_string(settings.cache.join("confirmed")).map_or(0, |notes| notes.lines().count())
}

/// Kills a device that puts, `rounds` times, at another moment each time; the next run must go on
/// by itself and have all that was confirmed.
fn killed(settings: &GitSettings, rounds: u32, longest: u64) {
    let mut random = crate::sync::backend::random::Random::new(7);
    for round in 0..rounds {
        let mut child =
            helper("put", settings).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        // First it has to get somewhere, however slow this machine is.
        let before = confirmed(settings);
        let started = Instant::now();
        while confirmed(settings) < before + 1 && started.elapsed() < Duration::from_mins(1) {
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(Duration::from_millis(random.below(longest)));
        // It runs for ever: when it has ended, it has failed.
        let ended = child.try_wait().unwrap();
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(ended.is_none(), "round {round}: {}", String::from_utf8_lossy(&output.stderr));

        let mut git = open(settings.clone());
        git.refresh().unwrap();
        let listed = git.list("", None).unwrap();
        let notes = fs::read_to_string(settings.cache.join("confirmed")).unwrap_or_default();
        for name in notes.lines() {
            assert!(listed.iter().any(|listed| listed == name), "round {round}: {name} is lost");
        }
        let mark = segment(1, "a", 2_000_000 + u64::from(round), vec![2]);
        git.put(std::slice::from_ref(&mark)).unwrap();
        git.delete_own(&[mark.name]).unwrap();
    }
    assert!(confirmed(settings) >= rounds as usize, "it was never in the middle of anything");
}

#[test]
fn a_killed_device_goes_on_in_a_folder() {
    let folder = Folder::new();
    killed(&folder.settings(&label("a")), 20, 300);
    run("git", &["-C", folder.path().to_str().unwrap(), "fsck", "--strict"]);
}

#[test]
fn a_killed_device_goes_on_over_ssh() {
    let Some(ssh) = Ssh::start() else { return };
    killed(&ssh.settings(&label("a")), 6, 2_000);
}

#[test]
fn a_killed_device_goes_on_over_https() {
    let web = Web::start();
    killed(&web.settings(&label("a")), 6, 1_500);
}
