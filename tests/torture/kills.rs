//! Every writer is killed at random moments, and in the end all is as if nothing had happened.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::random::Random;
use crate::world::{Home, World, copy_files, difference};
use crate::{Plan, say, tiny};

/// Sessions of the history; the last is forgotten again.
const SESSIONS: u32 = 12;

/// The session that is forgotten.
const FORGOTTEN: &str = "00000005-5e55-4000-8000-000000000005";

/// Settings that are the user's own.
const SETTINGS: &str = "{\n  \"model\": \"opus\",\n  \"hooks\": {}\n}\n";

/// One writer, in the order of a life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Step {
    /// The whole history of a moment, into an empty home.
    LearnAll,
    /// What the transcripts have got more.
    LearnMore,
    /// What hooks noted meanwhile.
    Journals,
    Consolidate,
    Forget,
    /// The rest of the transcripts.
    LearnRest,
    /// The agent's settings.
    Init,
    /// A full encoder's vectors, in a build that has one.
    Encode,
    /// The daemon and what it starts.
    Daemon,
}

const LIFE: &[Step] = &[
    Step::LearnAll,
    Step::LearnMore,
    Step::Journals,
    Step::Consolidate,
    Step::Forget,
    Step::LearnRest,
    Step::Init,
    Step::Encode,
    Step::Daemon,
];

/// A life without a kill, and how long each step of it took.
struct Undisturbed {
    dump: BTreeSet<String>,
    settings: Vec<u8>,
    said: Vec<String>,
    times: BTreeMap<Step, Duration>,
}

pub(crate) fn run(plan: Plan) -> Option<String> {
    let wanted = plan.amount(40, 1_000);
    let world = World::new(SESSIONS);
    let encodes = has_encoder(&world);
    let life: Vec<Step> =
        LIFE.iter().copied().filter(|step| encodes || *step != Step::Encode).collect();
    prepare_journals(&world);
    let expected = undisturbed(&world, &life);
    let mut random = Random::new(plan.seed, 1);
    let mut killed: BTreeMap<Step, u64> = BTreeMap::new();
    let mut survived = 0;
    let (mut rounds, mut left) = (0, 0);
    while killed.values().sum::<u64>() < wanted {
        rounds += 1;
        let home = world.home(&format!("round-{rounds}"));
        fs::write(home.settings(), SETTINGS).unwrap();
        for step in &life {
            prepare(&world, &home, *step);
            for _ in 0..=random.below(3) {
                let moment = expected.times[step].mul_f64(random.share() * 1.1);
                let alone = *step == Step::Daemon && random.one_in(2);
                if kill(&world, &home, *step, moment, alone) {
                    *killed.entry(*step).or_default() += 1;
                } else {
                    survived += 1;
                }
                if home.database().exists() {
                    world.assert_intact(&home);
                }
                assert_settings(&home, &expected.settings);
                world.probe(&home);
            }
            finish(&world, &home, *step);
        }
        compare(&world, &home, &expected, plan, rounds);
        left = left.max(temporaries(&home.folder));
        fs::remove_dir_all(&home.folder).unwrap();
    }
    say(&format!(
        "{} kills in {rounds} rounds, {survived} runs ended before theirs, {left} temporary files \
         left at most: {killed:?}",
        killed.values().sum::<u64>()
    ));
    assert_eq!(world.sandbox.processes(), Vec::<String>::new(), "a process is left");
    (!encodes).then(|| "this build has no encoder: encoding was not killed".into())
}

/// Whether this build can use a full encoder.
fn has_encoder(world: &World) -> bool {
    let folder = world.sandbox.root().join("model/tiny");
    tiny::write_model(&folder, "", 1);
    let home = world.home("encoder");
    world.run(&home, &["model", "install", &folder.to_string_lossy()]).code == Some(0)
}

/// Lets hooks say something once and keeps what they noted, so that every life imports the same.
fn prepare_journals(world: &World) {
    let home = world.home("journals");
    world.reveal(&home, 0.8);
    let _learned = world.run(&home, &["learn"]).success();
    let mut said = 0;
    for (number, name) in
        ["SessionStart", "UserPromptSubmit", "PostToolUseFailure"].iter().enumerate()
    {
        for session in
            ["00000001-5e55-4000-8000-000000000001", "00000002-5e55-4000-8000-000000000002"]
        {
            let event = world.event(&home, name, session, &format!("toolu_{number}"));
            said += world.hook(&home, "inject", &event).success().stdout.len();
        }
    }
    assert!(said > 0, "the hooks of the sample say nothing");
}

fn undisturbed(world: &World, life: &[Step]) -> Undisturbed {
    let home = world.home("undisturbed");
    fs::write(home.settings(), SETTINGS).unwrap();
    let mut times = BTreeMap::new();
    for step in life {
        prepare(world, &home, *step);
        let started = Instant::now();
        finish(world, &home, *step);
        times.insert(*step, started.elapsed());
    }
    // The daemon's time is that of its start; what it starts takes a while.
    times.insert(Step::Daemon, Duration::from_millis(1_500));
    say(&format!("undisturbed: {times:?}"));
    let dump = home.dump();
    assert!(dump.iter().any(|line| line.starts_with("pattern:")), "nothing was learned");
    assert!(dump.iter().any(|line| line.starts_with("injection:")), "no journal was imported");
    assert!(dump.iter().any(|line| line.starts_with("forgotten:")), "nothing was forgotten");
    let said = world.probe(&home);
    assert!(said[0].contains("--all"), "{said:?}");
    Undisturbed { dump, settings: fs::read(home.settings()).unwrap(), said, times }
}

/// What is there before `step`.
fn prepare(world: &World, home: &Home, step: Step) {
    match step {
        Step::LearnAll => world.reveal(home, 0.55),
        Step::LearnMore => world.reveal(home, 0.8),
        Step::Journals => {
            let from = world.sandbox.root().join("homes/journals/.mana/sessions");
            copy_files(&from, &home.mana().join("sessions"));
        }
        Step::LearnRest => world.reveal(home, 1.0),
        Step::Encode => {
            let folder = world.sandbox.root().join("model/tiny");
            let _installed =
                world.run(home, &["model", "install", &folder.to_string_lossy()]).success();
        }
        Step::Consolidate | Step::Forget | Step::Init | Step::Daemon => {}
    }
}

/// The command of `step`.
fn command(world: &World, home: &Home, step: Step) -> Command {
    match step {
        Step::LearnAll | Step::LearnMore | Step::Journals | Step::LearnRest | Step::Encode => {
            world.mana(home, &["learn"])
        }
        Step::Consolidate => world.mana(home, &["consolidate"]),
        Step::Forget => world.mana(home, &["forget", "--session", FORGOTTEN]),
        Step::Init => world.mana(home, &["init", "--yes", "--no-eval"]),
        Step::Daemon => {
            let mut command = world.mana(home, &["daemon", "run"]);
            command.env("MANA_LEARN_INTERVAL", "1").env("MANA_CONSOLIDATE_INTERVAL", "1");
            command
        }
    }
}

/// Starts `step` and kills it after `moment`, `alone` or with all that it started; returns whether
/// it was still running. Nothing in a process can react to this signal.
fn kill(world: &World, home: &Home, step: Step, moment: Duration, alone: bool) -> bool {
    let mut child = command(world, home, step).process_group(0).spawn().unwrap();
    thread::sleep(moment);
    let running = child.try_wait().unwrap().is_none();
    if running && alone {
        child.kill().expect("the child is ours");
    } else if running {
        let group = Pid::from_child(&child);
        let _gone = kill_process_group(group, Signal::KILL);
    }
    drop(child.wait());
    if alone {
        // What it started ends by itself.
        world.sandbox.wait_until_quiet();
    }
    running
}

/// Runs `step` to its end.
fn finish(world: &World, home: &Home, step: Step) {
    if step == Step::Daemon {
        // What it was to do is done by hand: when it ends is not its own decision.
        let _learned = world.run(home, &["learn"]).success();
        let _tidied = world.run(home, &["consolidate"]).success();
        return;
    }
    let mut command = command(world, home, step);
    let output =
        crate::process::run(&mut command, crate::process::Input::Empty, crate::world::PATIENCE);
    // Killed after it was done, there is nothing left to forget.
    let fine = output.code == Some(0) || (step == Step::Forget && output.code == Some(4));
    assert!(fine, "{step:?}: {output:?}");
}

/// Temporary files below `folder`: a writer that is killed leaves its own.
fn temporaries(folder: &Path) -> usize {
    let mut found = 0;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        found += usize::from(name.to_string_lossy().ends_with(".tmp"));
        if entry.path().is_dir() {
            found += temporaries(&entry.path());
        }
    }
    found
}

/// The settings are those of before or those of after, and nothing between.
#[track_caller]
fn assert_settings(home: &Home, after: &[u8]) {
    let found = fs::read(home.settings()).unwrap();
    let known = found == SETTINGS.as_bytes() || found == after;
    assert!(known, "{}", String::from_utf8_lossy(&found));
}

fn compare(world: &World, home: &Home, expected: &Undisturbed, plan: Plan, round: u64) {
    world.assert_intact(home);
    let found = home.dump();
    assert!(
        found == expected.dump,
        "seed {}, round {round}: {}",
        plan.seed,
        difference(&found, &expected.dump)
    );
    assert_eq!(world.probe(home), expected.said, "hooks say something else");
    let left: Vec<_> = fs::read_dir(home.mana())
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains(".damaged-"))
        .collect();
    assert_eq!(left, Vec::<String>::new(), "a kill counted as damage");
}
