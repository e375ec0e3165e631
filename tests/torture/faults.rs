//! The disk is full, broken or read-only, at every single write: old data stays, what failed is
//! named, hooks are silent, and the next run completes as if nothing had happened.
//!
//! Calls of the system are made to fail by `strace`, which works with a static binary too.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use crate::process::{self, Input, Output};
use crate::random::Random;
use crate::world::{Home, PATIENCE, World, difference, in_time};
use crate::{Plan, say};

/// The session that is forgotten.
const FORGOTTEN: &str = "00000003-5e55-4000-8000-000000000003";

/// Calls that write.
const WRITES: &str = "write,pwrite64,writev,pwritev,ftruncate,fallocate";

/// Kinds of faults of calls: a name, the calls that fail together, and how.
const CALLS: &[(&str, &str, &str)] = &[
    ("enospc", WRITES, "ENOSPC"),
    ("eio", WRITES, "EIO"),
    ("sync", "fsync,fdatasync", "EIO"),
    ("rename", "rename,renameat,renameat2,unlink,unlinkat", "EACCES"),
    ("open", "open,openat,mkdir,mkdirat", "EACCES"),
    ("chmod", "chmod,fchmod,fchmodat", "EPERM"),
];

/// The other kinds: limits on the size of files; places that are full, read-only or unknown; clocks
/// that were set.
const OTHERS: [&str; 3] = ["limits", "places", "times"];

/// Commands that write, each with what it is called.
const COMMANDS: &[(&str, &[&str])] = &[
    ("learn", &["learn"]),
    ("consolidate", &["consolidate"]),
    ("forget", &["forget", "--session", FORGOTTEN]),
    ("init", &["init", "--yes", "--no-eval"]),
    ("inject", &["inject"]),
    ("session-end", &["session-end"]),
    (SUPERVISED, &["learn", "--supervised"]),
    ("doctor", &["doctor", "--fix"]),
    (DAEMON, &["daemon", "run"]),
];

/// The one that does not end by itself.
const DAEMON: &str = "daemon";

/// What is done with it: two seconds are enough for it to learn and to consolidate. What disturbs it
/// begins in this shell, which is not disturbed itself.
const LIFE: &str = "MANA_LEARN_INTERVAL=1 MANA_CONSOLIDATE_INTERVAL=1 \"$@\" & daemon=$!
    sleep 2; kill -TERM $daemon; wait $daemon";

/// Moments of each kind at which a call of it or of its jobs fails: each takes seconds, and the jobs
/// are commands that are disturbed by themselves.
const OF_DAEMON: usize = 10;

/// The one that replays history in a scratch folder to fit weights: it takes long, and most of its
/// calls are the same ones again.
const SUPERVISED: &str = "supervised";

/// Calls of it that fail of each kind, beside the first of each site.
const OF_SUPERVISED: usize = 100;

/// How often a part that takes long says how far it is.
const PROGRESS: Duration = Duration::from_mins(1);

/// Failures after which a run ends: what comes next is not worth the time.
const ENOUGH: usize = 20;

/// Limits on the size of files that are tried with each command at most, beside the fixed ones.
const LIMITS: usize = 40;

/// The user's settings, with hooks of a program that is gone: `mana doctor --fix` mends these.
const STALE: &str = "{\"model\": \"opus\", \"hooks\": {\"Stop\": [{\"hooks\": [{\"type\": \"command\", \
    \"command\": \"/gone/mana session-end\", \"timeout\": 5}]}]}}\n";

/// A home that can be put back to what it was before a fault.
struct Bench {
    world: World,
    home: Home,
    /// Its folder of MANA's, as it was.
    before: PathBuf,
    /// What the database says after each command.
    expected: BTreeMap<&'static str, BTreeSet<String>>,
    /// What hooks say after each command.
    said: BTreeMap<&'static str, Vec<String>>,
    /// Messages of failures, with how often they came.
    told: BTreeMap<String, u64>,
    /// What did not hold, by what was disturbed.
    failures: Vec<String>,
}

/// What is to be disturbed, and by what.
#[derive(Clone, Copy)]
struct Chosen {
    kind: Option<&'static str>,
    command: Option<&'static str>,
}

impl Chosen {
    /// From `KIND` or `KIND:COMMAND`; all where nothing is said.
    fn of(only: Option<&'static str>) -> Self {
        let Some(only) = only else { return Self { kind: None, command: None } };
        let (kind, command) = only.split_once(':').map_or((only, None), |(k, c)| (k, Some(c)));
        let kinds = CALLS.iter().map(|(kind, ..)| *kind).chain(OTHERS);
        let known = kinds.into_iter().any(|known| known == kind);
        assert!(known, "no such kind of faults: {kind}");
        let known = command.is_none_or(|command| COMMANDS.iter().any(|(name, _)| *name == command));
        assert!(known, "no such command: {command:?}");
        Self { kind: Some(kind), command }
    }

    fn kind(self, name: &str) -> bool {
        self.kind.is_none_or(|kind| kind == name)
    }

    fn commands(self) -> impl Iterator<Item = &'static (&'static str, &'static [&'static str])> {
        COMMANDS.iter().filter(move |(name, _)| self.command.is_none_or(|one| one == *name))
    }
}

pub(crate) fn run(plan: Plan) -> Option<String> {
    let chosen = Chosen::of(plan.only);
    let mut skipped = Vec::new();
    let mut bench = Bench::new();
    let each = plan.amount(3, 10_000) as usize;
    if can_inject(&bench.world) {
        for (kind, calls, error) in CALLS.iter().filter(|(kind, ..)| chosen.kind(kind)) {
            for (name, arguments) in chosen.commands() {
                let mut random = Random::new(plan.seed, 3);
                let mut fault = Fault { kind, calls, error, follow: true };
                if *name == DAEMON {
                    let each = each.div_ceil(2);
                    bench.at_every_call(name, arguments, fault, each.min(OF_DAEMON), &mut random);
                    fault.follow = false;
                    bench.at_every_call(name, arguments, fault, each, &mut random);
                } else {
                    bench.at_every_call(name, arguments, fault, each, &mut random);
                }
            }
        }
    } else {
        skipped.push("strace is missing or may not trace: no call was made to fail");
    }
    if chosen.kind("limits") {
        bench.limits_of_size(chosen, each, &mut Random::new(plan.seed, 4));
    }
    if chosen.kind("places") && can_mount() {
        bench.full_disk();
        bench.read_only_home(chosen);
        bench.no_home(chosen);
    } else if chosen.kind("places") {
        skipped.push("no user namespaces: neither a full disk nor a read-only home was tried");
    }
    if chosen.kind("times") {
        bench.times_that_jump();
    }
    for (message, count) in &bench.told {
        say(&format!("{count:>6} × {message}"));
    }
    assert_eq!(bench.world.sandbox.processes(), Vec::<String>::new(), "a process is left");
    let failures = &bench.failures;
    assert!(failures.is_empty(), "{} moments:\n{}", failures.len(), failures.join("\n"));
    (!skipped.is_empty()).then(|| skipped.join("; "))
}

/// A kind of calls that fail, and how.
#[derive(Clone, Copy)]
struct Fault {
    kind: &'static str,
    calls: &'static str,
    error: &'static str,
    /// Whether calls of the processes that a command starts fail as well.
    follow: bool,
}

impl Fault {
    /// The program and arguments under which the calls `failing` of the command `name` fail at the
    /// moment `when`; what was called stands in `log`.
    fn under(self, name: &str, failing: &str, when: &str, log: &Path) -> Vec<String> {
        let mut under: Vec<String> = ["strace", "-qq", "-o"].map(str::to_owned).to_vec();
        if name == DAEMON {
            // The process that the shell started is the daemon, and the tracer is another one.
            under.insert(1, "-D".into());
        }
        under.push(log.to_string_lossy().into_owned());
        if self.follow {
            // With a filter of the kernel's, only these calls are stopped at.
            under.extend(["-f", "--seccomp-bpf"].map(str::to_owned));
        }
        let inject = format!("inject={failing}:error={}:when={when}", self.error);
        // Runs in the background do not stand behind everybody else, for as long as a test waits.
        let in_turn = "inject=setpriority:error=EPERM".to_owned();
        let trace = format!("trace={},setpriority", self.calls);
        under.extend(["-e".into(), trace, "-e".into(), inject, "-e".into(), in_turn]);
        under
    }
}

impl Bench {
    fn new() -> Self {
        let world = World::new(4);
        let home = world.home("faults");
        fs::write(home.settings(), "{\"model\": \"opus\"}\n").unwrap();
        world.reveal(&home, 0.6);
        let _learned = world.run(&home, &["learn"]).success();
        for (number, name) in ["UserPromptSubmit", "PostToolUseFailure"].iter().enumerate() {
            let session = "00000001-5e55-4000-8000-000000000001";
            let event = world.event(&home, name, session, &format!("toolu_{number}"));
            let _said = world.hook(&home, "inject", &event).success();
        }
        world.reveal(&home, 1.0);
        let before = world.sandbox.root().join("before");
        copy_tree(&home.mana(), &before);
        let mut bench = Self {
            world,
            home,
            before,
            expected: BTreeMap::new(),
            said: BTreeMap::new(),
            told: BTreeMap::new(),
            failures: Vec::new(),
        };
        for (name, arguments) in COMMANDS {
            let done = bench.afresh(name, arguments, &[]);
            assert!(done.code == Some(0) || *name == "doctor", "{done:?}");
            let _learned = bench.learn(name);
            bench.expected.insert(name, bench.home.dump());
            bench.said.insert(name, bench.world.probe(&bench.home));
        }
        assert!(bench.said["learn"][0].contains("--all"), "{:?}", bench.said);
        bench
    }

    /// Puts the home back; for `mana doctor` with something to mend in it.
    fn reset(&self, name: &str) {
        let _absent = fs::remove_dir_all(self.home.mana());
        copy_tree(&self.before, &self.home.mana());
        let ill = name == "doctor";
        let settings = if ill { STALE } else { "{\"model\": \"opus\"}\n" };
        fs::write(self.home.settings(), settings).unwrap();
        if ill {
            let database = self.home.database();
            fs::set_permissions(database, fs::Permissions::from_mode(0o644)).unwrap();
            fs::write(self.home.mana().join("snapshots/catalogue"), "torn").unwrap();
        }
    }

    /// Learns what is left to learn after `name`, undisturbed.
    fn learn(&self, name: &str) -> Output {
        let learned = self.world.run(&self.home, &["learn"]).success();
        if name == DAEMON {
            // Whether it came to that is a matter of time.
            let _tidied = self.world.run(&self.home, &["consolidate"]).success();
        }
        learned
    }

    /// Puts the home back and runs a command in it; a hook that was late is asked again.
    fn afresh(&self, name: &str, arguments: &[&str], under: &[String]) -> Output {
        let call = || {
            self.reset(name);
            self.call(name, arguments, under)
        };
        let output = if is_hook(name) { in_time(name, call) } else { call() };
        // The tracer of a daemon outlives it by what it has to write.
        let traces = |process: &String| process.starts_with("strace ");
        while name == DAEMON && self.world.sandbox.processes().iter().any(traces) {
            std::thread::sleep(Duration::from_millis(5));
        }
        output
    }

    /// Runs a command under the program and arguments `under`; hooks get their event.
    fn call(&self, name: &str, arguments: &[&str], under: &[String]) -> Output {
        let plain = self.world.mana(&self.home, arguments);
        let life = ["/bin/sh", "-c", LIFE, DAEMON].map(str::to_owned);
        let mut words = if name == DAEMON { life.to_vec() } else { Vec::new() };
        words.extend_from_slice(under);
        let mut words = words.iter().map(OsStr::new).chain([plain.get_program()]);
        let mut command = Command::new(words.next().expect("the program is one of them"));
        command.args(words).args(plain.get_args());
        command.env_clear().current_dir(self.world.sandbox.project());
        command.envs(plain.get_envs().filter_map(|(key, value)| Some((key, value?))));
        process::run(&mut command, self.input(name), PATIENCE)
    }

    fn input(&self, name: &str) -> Input {
        let event = match name {
            "inject" => "PostToolUseFailure",
            "session-end" => "Stop",
            _ => return Input::Empty,
        };
        let session = "00000002-5e55-4000-8000-000000000002";
        let event = self.world.event(&self.home, event, session, "toolu_fault");
        Input::Bytes(event.to_string().into_bytes())
    }

    /// Lets the first call of a kind fail, then the second, and so on; and from each on all of them.
    fn at_every_call(
        &mut self,
        name: &'static str,
        arguments: &[&str],
        fault: Fault,
        each: usize,
        random: &mut Random,
    ) {
        let Fault { kind, calls, .. } = fault;
        let log = self.world.sandbox.root().join("strace.log");
        // What none of them reaches counts them.
        let mut count = fault.under(name, calls, "65535", &log);
        count.insert(1, "-y".into());
        let _counted = self.afresh(name, arguments, &count);
        let seen = fs::read_to_string(&log).unwrap_or_default();
        let seen = seen.replace(&*self.world.sandbox.root().to_string_lossy(), "");
        let counts = counted(&seen);
        let all: usize = counts.values().map(Vec::len).sum();
        let sites: BTreeSet<&String> = counts.values().flatten().flatten().collect();
        let step = if name == SUPERVISED { all.div_ceil(OF_SUPERVISED) } else { 1 };
        let moments = moments(&counts, calls, step, each, random);
        let whose = if fault.follow { name.to_owned() } else { format!("{name} itself") };
        let (began, mut told, mut hit) = (Instant::now(), Instant::now(), 0);
        for (number, (failing, when)) in moments.iter().enumerate() {
            if told.elapsed() > PROGRESS {
                say(&format!("  {kind}, {whose}: {number} of {} moments", moments.len()));
                told = Instant::now();
            }
            let what = format!("{kind}, {whose}, call {when} of {failing}");
            self.watched(&what, |bench| {
                let under = fault.under(name, failing, when, &log);
                let output = bench.afresh(name, arguments, &under);
                let seen = fs::read_to_string(&log).unwrap_or_default();
                let failed = |l: &&str| l.contains("INJECTED") && !l.contains("setpriority(");
                hit += u64::from(seen.lines().any(|line| failed(&line)));
                // Where standard error fails as well, nothing can be said.
                let mute = seen.lines().filter(failed).any(|line| line.contains("write(2,"));
                bench.judge(name, &output, &what, mute);
            });
        }
        say(&format!(
            "{kind}, {whose}: {all} calls at {} sites, {} moments, {hit} reached, {:.0} s",
            sites.len(),
            moments.len(),
            began.elapsed().as_secs_f64()
        ));
    }

    /// Notes what does not hold at one moment, so that the run goes on to the next.
    fn watched(&mut self, what: &str, moment: impl FnOnce(&mut Self)) {
        let Err(panic) = catch_unwind(AssertUnwindSafe(|| moment(self))) else { return };
        let text = panic.downcast_ref::<String>().map_or("", String::as_str);
        self.failures.push(format!("{what}: {}", text.lines().next().unwrap_or_default()));
        assert!(self.failures.len() < ENOUGH, "too many failures: {:#?}", self.failures);
    }

    /// Checks what a command said of a fault, and that the next run mends all.
    fn judge(&mut self, name: &'static str, output: &Output, fault: &str, mute: bool) {
        let hook = is_hook(name);
        assert!(!output.errors().contains("panicked"), "{fault}: {output:?}");
        if hook {
            assert_eq!(output.code, Some(0), "{fault}: {output:?}");
            assert!(output.stderr.is_empty(), "{fault}: {output:?}");
        } else {
            assert!(matches!(output.code, Some(0 | 1 | 3 | 4)), "{fault}: {output:?}");
        }
        // The daemon's jobs tell what is wrong in its log, and the doctor in its report.
        let tells = !matches!(name, DAEMON | "doctor" | "supervised");
        if output.code != Some(0) && !mute && tells {
            let message = self.message(output);
            // What was passed over before it may be told first.
            let told = message.starts_with("mana: ") || message.contains(" / mana: ");
            assert!(told, "{fault}: {output:?}");
            let named = output.errors().contains(&*self.home.folder.to_string_lossy());
            let known = named || message.contains("HOME");
            assert!(
                known && message.contains("Hint: "),
                "{fault}: no file or no way out: {output:?}"
            );
            *self.told.entry(message).or_default() += 1;
        }
        if self.home.database().exists() {
            self.world.assert_intact(&self.home);
        }
        let settings = fs::read_to_string(self.home.settings()).unwrap();
        assert!(
            serde_json::from_str::<serde_json::Value>(&settings).is_ok(),
            "{fault}: {settings}"
        );
        if !hook && name != DAEMON {
            let arguments = COMMANDS.iter().find(|(known, _)| *known == name).unwrap().1;
            let again = self.world.run(&self.home, arguments);
            // The doctor finds that nothing runs the hooks in this home.
            let other = [("forget", 4), ("doctor", 1)].into_iter().find(|(of, _)| *of == name);
            let fine = again.code == Some(0) || again.code == other.map(|(_, code)| code);
            assert!(fine, "{fault}, then undisturbed: {again:?}");
        }
        let learned = self.learn(name);
        assert!(!learned.errors().contains("damaged"), "{fault}: {learned:?}");
        let found = self.home.dump();
        // What a hook could not note was never said, as far as the store knows.
        let kept = |line: &&String| !hook || !line.starts_with("injection:");
        let expected = &self.expected[name];
        let same = found.iter().filter(kept).eq(expected.iter().filter(kept));
        assert!(same, "{fault}: {}", difference(&found, expected));
        assert_eq!(self.world.probe(&self.home), self.said[name], "{fault}");
    }

    /// What a command complained of, without what differs from run to run.
    fn message(&self, output: &Output) -> String {
        let root = self.world.sandbox.root().to_string_lossy().into_owned();
        output.errors().replace(&root, "").lines().collect::<Vec<_>>().join(" / ")
    }

    /// Files that may not grow beyond a limit: writes are short, and then fail.
    fn limits_of_size(&mut self, chosen: Chosen, each: usize, random: &mut Random) {
        let mut tried = 0;
        for (name, arguments) in chosen.commands() {
            let mut limits = vec![0, 1, 8, 40, 200, 700];
            // A block has 512 bytes and a page of the database 4,096: they end within pages.
            limits.extend((3..each.min(LIMITS)).map(|_| random.below(1_500)));
            for blocks in limits {
                let under = ["/bin/sh", "-c", &format!("ulimit -f {blocks}; exec \"$0\" \"$@\"")];
                let what = format!("{name}, files of {blocks} blocks at most");
                self.watched(&what, |bench| {
                    let output = bench.afresh(name, arguments, &under.map(str::to_owned));
                    bench.judge(name, &output, &what, false);
                });
                tried += 1;
            }
        }
        say(&format!("{tried} runs with a limit on the size of files"));
    }

    /// A small file system of its own that fills up.
    fn full_disk(&mut self) {
        let mana = self.home.mana();
        for kilobytes in [64, 200, 600, 1_200] {
            let kept = self.world.sandbox.root().join("kept");
            let _absent = fs::remove_dir_all(&kept);
            // The program sees the small file system; what it leaves there is copied out.
            let script = format!(
                "mount -t tmpfs -o size={kilobytes}k tmpfs '{0}' || exit 99\n\
                 cp -a '{1}/config.toml' '{0}/' || exit 99\n\
                 \"$0\" \"$@\"; code=$?\n\
                 cp -a '{0}' '{2}' || exit 98\nexit $code",
                mana.display(),
                self.before.display(),
                kept.display()
            );
            let under = ["unshare", "-rm", "/bin/sh", "-c", &script].map(str::to_owned);
            let output = self.afresh("learn", &["learn"], &under);
            assert!(matches!(output.code, Some(0 | 1)), "{kilobytes} KiB: {output:?}");
            if output.code == Some(1) {
                let message = self.message(&output);
                assert!(message.contains(".mana"), "no file is named: {output:?}");
                *self.told.entry(message).or_default() += 1;
            }
            fs::remove_dir_all(&mana).unwrap();
            copy_tree(&kept, &mana);
            if self.home.database().exists() {
                self.world.assert_intact(&self.home);
            }
            let _learned = self.world.run(&self.home, &["learn"]).success();
            let found = self.home.dump();
            // The journals were on the other disk.
            let kept =
                |line: &&String| !line.starts_with("injection:") && !line.starts_with("pattern:");
            let expected = &self.expected["learn"];
            let same = found.iter().filter(kept).eq(expected.iter().filter(kept));
            assert!(same, "{kilobytes} KiB: {}", difference(&found, expected));
        }
        say("4 sizes of a disk that fills up");
    }

    /// A home that cannot be written: commands say so, hooks still answer from it.
    fn read_only_home(&mut self, chosen: Chosen) {
        for (name, arguments) in chosen.commands() {
            let script = format!(
                "mount --bind '{0}' '{0}' && mount -o remount,bind,ro '{0}' || exit 99; exec \"$0\" \"$@\"",
                self.home.folder.display()
            );
            let under = ["unshare", "-rm", "/bin/sh", "-c", &script].map(str::to_owned);
            let output = self.afresh(name, arguments, &under);
            assert_ne!(output.code, Some(99), "{output:?}");
            if *name == "inject" {
                assert!(output.text().contains("--all"), "a hook only has to read: {output:?}");
            } else if !matches!(*name, "session-end" | DAEMON | "doctor" | "supervised") {
                assert_ne!(output.code, Some(0), "{name}: {output:?}");
                let named = output.errors().contains(&*self.home.folder.to_string_lossy());
                assert!(named, "no file is named: {output:?}");
            }
            self.judge(name, &output, &format!("{name} in a read-only home"), false);
        }
        say("a read-only home, with every command");
    }

    /// No home is known: neither the environment nor the password file names one.
    fn no_home(&mut self, chosen: Chosen) {
        let passwd = self.world.sandbox.root().join("passwd");
        fs::write(&passwd, "nobody:x:65534:65534::/nonexistent:/bin/false\n").unwrap();
        let script = format!(
            "mount --bind '{}' /etc/passwd || exit 99; unset HOME; exec \"$0\" \"$@\"",
            passwd.display()
        );
        let under = ["unshare", "-rm", "/bin/sh", "-c", &script].map(str::to_owned);
        for (name, arguments) in chosen.commands() {
            let output = self.afresh(name, arguments, &under);
            if is_hook(name) {
                assert!(output.stdout.is_empty(), "{output:?}");
            } else {
                assert_eq!(output.code, Some(3), "{name}: {output:?}");
                assert!(output.errors().contains("HOME"), "{output:?}");
            }
            self.judge(name, &output, &format!("{name} without HOME"), false);
        }
        say("no home at all, with every command");
    }

    /// Files from the future and from long ago: what a clock leaves that was set.
    fn times_that_jump(&mut self) {
        let year = Duration::from_hours(365 * 24);
        let now = SystemTime::now();
        for (what, time) in [("ahead", now + 80 * year), ("back", now - 40 * year)] {
            self.reset("learn");
            let mut waiting = vec![self.home.mana(), self.home.folder.join(".claude")];
            while let Some(path) = waiting.pop() {
                if path.is_dir() {
                    waiting
                        .extend(fs::read_dir(&path).unwrap().flatten().map(|entry| entry.path()));
                } else {
                    File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
                }
            }
            let future = if what == "ahead" { "4900000000000" } else { "1000" };
            let state = format!(
                "{{\"pid\":1,\"started\":{future},\"learn\":{{\"last\":{future}}},\"consolidate\":{{\"last\":{future}}}}}"
            );
            fs::write(self.home.mana().join("daemon.json"), state).unwrap();
            fs::write(self.home.mana().join("pending.log"), format!("{future}\ts\t\t/t\n"))
                .unwrap();
            let output = self.call("learn", &["learn"], &[]);
            self.judge("learn", &output, &format!("a clock that was set {what}"), false);
            crate::load::start_daemon(&self.world, &self.home);
            let began = Instant::now();
            loop {
                let told = self.world.run(&self.home, &["daemon", "status", "--json"]).json();
                if told["state"]["learn"]["runs"].as_u64() > Some(0)
                    && told["state"]["consolidate"]["runs"].as_u64() > Some(0)
                {
                    break;
                }
                assert!(began.elapsed() < PATIENCE, "a daemon waits for ever: {told}");
                std::thread::sleep(Duration::from_millis(50));
            }
            crate::load::stop_daemon(&self.world, &self.home);
        }
        say("files and states from 80 years ahead and 40 years ago");
    }
}

/// Whether the command `name` is one that answers an event.
fn is_hook(name: &str) -> bool {
    matches!(name, "inject" | "session-end")
}

/// The moments at which calls of a command fail, each as calls and when: each call alone, and all of
/// them from each on. The tracer counts each kind of call by itself.
///
/// With a `step` of more than one these are the first call at each site (a kind of call on files of
/// one name), and every so manieth of all. Of all these `each` of both are left at random.
fn moments(
    counts: &BTreeMap<String, Vec<BTreeSet<String>>>,
    calls: &str,
    step: usize,
    each: usize,
    random: &mut Random,
) -> Vec<(String, String)> {
    let mut seen = BTreeSet::new();
    let mut chosen = BTreeSet::new();
    let mut alone = Vec::new();
    for (call, sites) in counts {
        for (before, sites) in sites.iter().enumerate() {
            let new = sites.iter().filter(|site| seen.insert((*site).clone())).count() > 0;
            if new || before % step == 0 {
                alone.push((call.clone(), (before + 1).to_string()));
                chosen.insert(before + 1);
            }
        }
    }
    let from_on = chosen.into_iter().map(|number| (calls.to_owned(), format!("{number}+")));
    let mut moments: Vec<_> = alone.into_iter().chain(from_on).collect();
    while moments.len() > 2 * each {
        moments.swap_remove(random.below(moments.len()));
    }
    moments
}

/// The sites of each kind of call in what `strace` wrote, by how many of its kind were before it in
/// its thread: the tracer counts each thread by itself, too.
fn counted(log: &str) -> BTreeMap<String, Vec<BTreeSet<String>>> {
    let mut before: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut counts: BTreeMap<String, Vec<BTreeSet<String>>> = BTreeMap::new();
    for line in log.lines().filter(|line| !line.contains("resumed>")) {
        // Without others to follow no thread is named.
        let (thread, rest) = line
            .split_once(' ')
            .filter(|(thread, _)| thread.bytes().all(|byte| byte.is_ascii_digit()))
            .unwrap_or(("", line));
        let Some((call, arguments)) = rest.trim_start().split_once('(') else { continue };
        if call == "setpriority" {
            continue;
        }
        let number = before.entry((call, thread)).or_default();
        let sites = counts.entry(call.to_owned()).or_default();
        if sites.len() == *number {
            sites.push(BTreeSet::new());
        }
        sites[*number].insert(format!("{call} {}", file_of(arguments)));
        *number += 1;
    }
    counts
}

/// The name of the file that stands first in a call's arguments, by which names that another run
/// would choose at random are the same.
fn file_of(arguments: &str) -> String {
    let quoted = arguments.split('"').nth(1);
    let opened = || arguments.split_once('<')?.1.split_once('>').map(|(name, _)| name);
    let name = quoted.filter(|name| name.starts_with('/')).or_else(opened).unwrap_or_default();
    let part = |part: &str| {
        let made = part.starts_with(".mana-") || part.starts_with("mana-scratch-");
        let session = part.len() > 20 && part.contains('-');
        let part = if made || session { "*" } else { part };
        part.replace(|c: char| c.is_ascii_digit(), "")
    };
    name.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Whether `strace` is there and works.
fn can_inject(world: &World) -> bool {
    let log = world.sandbox.root().join("strace.log");
    let mut command = Command::new("strace");
    command.args(["-f", "--seccomp-bpf", "-qq", "-o"]).arg(log).args([
        "-e",
        "inject=fsync:error=EIO:when=9",
        "true",
    ]);
    runs(&mut command)
}

/// Whether file systems can be mounted in a namespace of their own.
fn can_mount() -> bool {
    let mut command = Command::new("unshare");
    command.args(["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
    runs(&mut command)
}

fn runs(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Copies a folder with all that is in it.
fn copy_tree(from: &Path, to: &Path) {
    copy_files_of(from, to);
    for entry in fs::read_dir(from).unwrap().flatten() {
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &to.join(entry.file_name()));
        }
    }
}

fn copy_files_of(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
