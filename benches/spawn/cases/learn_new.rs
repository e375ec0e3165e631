//! `mana learn` after one more session of a project that has many patterns: what every session
//! costs in the end.

use std::fs;
use std::time::Duration;

use serde_json::json;

use super::{Bench, client, inject};
use crate::Outcome;
use crate::history;
use crate::report::{Budget, Report};

/// What somebody who learns by hand waits, in seconds.
const SECONDS: [f64; 2] = [1.0, 5.0];
/// The memory, in megabytes.
const MEMORY: [f64; 2] = [50.0, 80.0];

/// Sessions that are learned, one after the other.
const SESSIONS: usize = 5;

/// Lessons of each.
const LESSONS: usize = 16;

/// Number of the first lesson of such a session: none of those that are known.
const FIRST: usize = 3_000_000;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Outcome<()> {
    let (home, _) = bench.home("inject")?;
    inject::learn_until_known(bench, &home)?;
    let (active, ..) = inject::store(&home)?;
    let record = home.join("more");
    let mut sessions: usize = match fs::read_to_string(&record) {
        Ok(text) => text.trim().parse()?,
        Err(_) => 0,
    };
    let nothing = bench.folder.join("nothing");
    fs::write(&nothing, "")?;
    println!("\nlearn-new: one more session in a store of {active} active patterns");
    bench.judge(report, |_, report| {
        let (mut walls, mut busy): (Vec<Duration>, Vec<Duration>) = Default::default();
        let (mut memory, mut failures) = (0, 0);
        for _ in 0..SESSIONS {
            let first = FIRST + sessions * LESSONS;
            let project = bench.project();
            history::write_lessons(&client(&home), &project.to_string_lossy(), 0, first, LESSONS)?;
            sessions += 1;
            fs::write(&record, sessions.to_string())?;
            let run = bench.mana(&home, &["learn"]).run(&nothing)?;
            walls.push(run.wall);
            busy.push(run.busy);
            memory = memory.max(run.peak_memory);
            failures += usize::from(!run.succeeded);
        }
        let [wall, busy] = [walls, busy].map(|mut times| {
            times.sort_unstable();
            times[SESSIONS / 2].as_secs_f64()
        });
        let memory = memory as f64 / 1e6;
        println!("  {wall:.2} s, {busy:.2} s of processor time, peak {memory:.1} MB");
        report.note(json!({
            "case": "learn-new", "active_patterns": active, "seconds": wall,
            "processor_seconds": busy, "peak_mb": memory,
        }));
        Ok(vec![
            Budget::exit_codes("learn-new", failures),
            Budget::at_most("learn-new: seconds", wall, SECONDS),
            Budget::at_most("learn-new: peak MB", memory, MEMORY),
        ])
    })
}
