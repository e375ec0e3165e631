//! `mana inject` against a store of many patterns, for each kind of event.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use super::load::Load;
use super::{Bench, client, event, learn_all, mana_home};
use crate::Outcome;
use crate::history::{self, Lesson, lesson};
use crate::measure::interleaved;
use crate::report::{self, Budget, Report, milliseconds, ratio};

/// The median, as a multiple of that of `cat`, up to 10,000 patterns in the project, and with more
/// in it or in other projects.
const RATIO: [f64; 2] = [1.3, 5.0];
const RATIO_MANY: [f64; 2] = [1.6, 8.0];
const RATIO_STORE: [f64; 2] = [2.0, 8.0];
/// The 99th percentile, in milliseconds.
const P99: [f64; 2] = [10.0, 50.0];
/// The memory, in megabytes, up to 10,000 patterns and with more.
const MEMORY: [f64; 2] = [10.0, 20.0];
const MEMORY_MANY: [f64; 2] = [50.0, 60.0];

/// Up to so many patterns a project counts as usual; the bench learns somewhat more than it is told.
const USUAL: usize = 20_000;

/// Lessons that are learned between two counts of the patterns, at least.
const STEP: usize = 1_600;

/// Patterns for which a lesson more is learned between two counts.
const PATTERNS: usize = 6;

/// Files that the long session has worked on before it is measured.
const TOUCHED: usize = 60;

/// The event that comes late in a session: each of its sessions has a journal already.
const LATE: &str = "UserPromptSubmit long session";

/// The session whose journal is long.
const LONG_SESSION: &str = "00000000-10e9-4000-8000-000000000000";

/// The event that comes first in a session, and the session that has had no other: what comes
/// later has its journal already.
const START: &str = "SessionStart";
const BEGUN_SESSION: &str = "00000000-be90-4000-8000-000000000000";

/// What an event is made from.
struct Scene<'a> {
    /// The project's folder.
    project: &'a str,
    /// A lesson that is known.
    lesson: &'a Lesson,
    /// The session it happens in.
    session: &'a str,
    /// Its number.
    number: usize,
}

impl Scene<'_> {
    fn event(&self, name: &str, fields: Value) -> Value {
        event(self.project, self.session, name, fields)
    }

    fn prompt(&self, text: &str) -> Value {
        self.event("UserPromptSubmit", json!({"prompt": text}))
    }

    fn tool(&self, name: &str, mut fields: Value) -> Value {
        fields["tool_use_id"] = json!("toolu_01BenchBenchBenchBench");
        self.event(name, fields)
    }

    fn read(&self, file: &str) -> Value {
        let path = format!("{}/{file}", self.project);
        json!({"tool_name": "Read", "tool_input": {"file_path": path}})
    }

    fn failure(&self, command: &str, error: &str) -> Value {
        let mut fields = bash(command);
        fields["error"] = json!(error);
        self.tool("PostToolUseFailure", fields)
    }
}

fn start(scene: &Scene<'_>) -> Value {
    scene.event("SessionStart", json!({"source": "startup"}))
}

fn bash(command: &str) -> Value {
    json!({"tool_name": "Bash", "tool_input": {"command": command, "description": "Run it"}})
}

/// Makes an event.
type Make = fn(&Scene<'_>) -> Value;

/// The events. Each gets a new session each time, since nothing is said twice in one.
const EVENTS: &[(&str, Make)] = &[
    (START, start),
    ("UserPromptSubmit known", |s| s.prompt(&s.lesson.prompt)),
    ("UserPromptSubmit known, 3 kB", |s| {
        s.prompt(&format!("{}\n\n{}", s.lesson.prompt, history::unrelated(s.number, 3_000)))
    }),
    (LATE, |s| s.prompt(&s.lesson.prompt)),
    ("UserPromptSubmit unknown", |s| {
        let n = s.number;
        s.prompt(&format!("sing xylophone{n} opera backwards, zebra{n} style"))
    }),
    ("PreToolUse Bash known", |s| s.tool("PreToolUse", bash(&s.lesson.failing))),
    ("PreToolUse Bash unknown", |s| {
        s.tool("PreToolUse", bash(&format!("uname --kernel-name > name{}.txt", s.number)))
    }),
    ("PreToolUse Read known", |s| s.tool("PreToolUse", s.read(&s.lesson.files[0]))),
    ("PreToolUse Read unknown", |s| {
        s.tool("PreToolUse", s.read(&format!("nowhere/at{}.txt", s.number)))
    }),
    ("PreToolUse Edit known, 4 kB", |s| {
        let text = history::unrelated(s.number, 2_000);
        let mut fields = s.read(&s.lesson.files[0]);
        fields["tool_name"] = json!("Edit");
        fields["tool_input"]["old_string"] = json!(text);
        fields["tool_input"]["new_string"] = json!(text);
        s.tool("PreToolUse", fields)
    }),
    ("PostToolUseFailure known", |s| s.failure(&s.lesson.failing, &s.lesson.error)),
    ("PostToolUseFailure near", |s| {
        let command = format!("{} --attempt {} | head -50", s.lesson.failing, s.number);
        s.failure(&command, &s.lesson.error)
    }),
    ("PostToolUseFailure unknown, 8 kB", |s| {
        let log = history::unrelated(s.number, 8_000);
        s.failure(&format!("./run-xylophone{}.sh", s.number), &format!("Exit code 3\n{log}"))
    }),
];

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Outcome<()> {
    let (home, _) = bench.home("inject")?;
    let lessons = learn_until_known(bench, &home)?;
    let (active, all, size) = store(&home)?;
    history::write_checkout(&bench.project(), &bench.programs(), lessons)?;
    make_sessions(bench, &home, lessons)?;
    report.note(json!({
        "case": "inject", "active_patterns": active, "patterns": all, "store_mb": size,
    }));
    report::head(&format!(
        "inject: {active} active patterns of {all} in a store of {size} MB; {} runs of each \
         program, in turn",
        bench.options.runs
    ));
    let _load = bench.options.busy.then(Load::on_every_core);
    for (number, (name, make)) in EVENTS.iter().enumerate() {
        bench.judge(report, |attempt, report| {
            measure_event(bench, report, &home, (number, name, *make), lessons, attempt)
        })?;
    }
    Ok(())
}

fn measure_event(
    bench: &Bench,
    report: &mut Report,
    home: &Path,
    (number, name, make): (usize, &str, Make),
    lessons: usize,
    attempt: usize,
) -> Outcome<Vec<Budget>> {
    let [minimal, cat] = bench.references(home);
    let programs = [minimal, cat, bench.mana(home, &["inject"])];
    let input = bench.folder.join(format!("event-{number}.json"));
    let project = bench.project();
    let project = project.to_string_lossy();
    let summaries = interleaved(&programs, bench.options.runs, |round| {
        let lesson = lesson(round * 31 % lessons);
        let session = format!("{number:04x}{attempt:04x}-be9c-4000-8000-{:04x}{round:08x}", run());
        let before = if name == LATE { LONG_SESSION } else { BEGUN_SESSION };
        if name != START {
            fs::copy(journal(home, before), journal(home, &session))?;
        }
        let (lesson, session) = (&lesson, session.as_str());
        let scene = Scene { project: &project, lesson, session, number: round };
        fs::write(&input, make(&scene).to_string())?;
        Ok(input.clone())
    })?;
    let [minimal, cat, mana] = &summaries[..] else { unreachable!("three programs were run") };
    if number == 0 && attempt == 0 {
        report.row("inject", "(minimal)", minimal, [minimal, cat]);
        report.row("inject", "(cat)", cat, [minimal, cat]);
    }
    report.row("inject", name, mana, [minimal, cat]);
    let name = format!("inject {name}");
    let (ratio, p99) = (ratio(mana, cat), milliseconds(mana.p99));
    let memory = mana.peak_memory as f64 / 1e6;
    let large = bench.options.patterns > USUAL;
    let ratio_limits = match (large, bench.options.projects) {
        (_, 2..) => RATIO_STORE,
        (true, _) => RATIO_MANY,
        (false, _) => RATIO,
    };
    let memory_limits = if large { MEMORY_MANY } else { MEMORY };
    Ok(vec![
        Budget::exit_codes(&name, mana.failures),
        Budget::at_most(format!("{name}: median × cat"), ratio, ratio_limits),
        Budget::at_most(format!("{name}: p99 ms"), p99, P99),
        Budget::at_most(format!("{name}: peak MB"), memory, memory_limits),
    ])
}

/// Teaches until enough patterns are active; returns how many lessons that took.
pub(super) fn learn_until_known(bench: &Bench, home: &Path) -> Outcome<usize> {
    let wanted = bench.options.patterns * bench.options.projects;
    let record = home.join("lessons");
    let mut lessons = match fs::read_to_string(&record) {
        Ok(text) => text.trim().parse()?,
        Err(_) => 0,
    };
    let mut active = if lessons == 0 { 0 } else { store(home)?.0 };
    let step = STEP.max(bench.options.patterns / PATTERNS);
    while active < wanted {
        let path = bench.project();
        for project in 0..bench.options.projects {
            let path = match project {
                0 => path.to_string_lossy().into_owned(),
                _ => format!("{}-{project}", path.display()),
            };
            history::write_lessons(&client(home), &path, project, lessons, step)?;
        }
        lessons += step;
        learn_all(bench, home)?;
        let now = store(home)?.0;
        if now <= active {
            return Err(format!("{step} more lessons left {now} active patterns").into());
        }
        active = now;
        fs::write(&record, lessons.to_string())?;
    }
    Ok(lessons)
}

/// How many patterns are active and how many there are in the store of `home`, and its size in
/// megabytes: a fast answer from an empty store says nothing.
pub(super) fn store(home: &Path) -> Outcome<(usize, usize, u64)> {
    let file = mana_home(home).join("metadata.sqlite");
    let store = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(|error| format!("learning left no store at {}: {error}", file.display()))?;
    let (active, all): (i64, i64) = store.query_row(
        "SELECT coalesce(sum(state = 1), 0), count(*) FROM patterns",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok((usize::try_from(active)?, usize::try_from(all)?, fs::metadata(&file)?.len() / 1_000_000))
}

/// Gives the session that has begun and the long one their journals, by way of the events that make
/// them.
fn make_sessions(bench: &Bench, home: &Path, lessons: usize) -> Outcome<()> {
    let input = bench.folder.join("long-session.json");
    let project = bench.project();
    let project = project.to_string_lossy();
    let (first, number) = (&lesson(0), 0);
    let begun = Scene { project: &project, lesson: first, session: BEGUN_SESSION, number };
    fs::write(&input, start(&begun).to_string())?;
    bench.mana(home, &["inject"]).run(&input)?;
    for number in 0..TOUCHED {
        let lesson = &lesson(number * 17 % lessons);
        let scene = Scene { project: &project, lesson, session: LONG_SESSION, number };
        let event = scene.tool("PreToolUse", scene.read(&lesson.files[0]));
        fs::write(&input, event.to_string())?;
        bench.mana(home, &["inject"]).run(&input)?;
    }
    Ok(())
}

/// Where MANA notes what a session worked on.
fn journal(home: &Path, session: &str) -> PathBuf {
    mana_home(home).join("sessions").join(format!("{session}.log"))
}

/// A number that differs from one run of the bench to the next: a home that was kept remembers
/// its sessions.
fn run() -> u32 {
    std::process::id() & 0xffff
}
