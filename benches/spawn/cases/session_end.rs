//! `mana session-end` at the end of a turn of a very long session: when it only notes, and when
//! it starts the learning run beside it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Bench, client, event, learn_all, mana_home};
use crate::history;
use crate::measure::interleaved;
use crate::report::{self, Budget, Report, milliseconds};
use crate::{Outcome, Result};

/// The 99th percentile, in milliseconds, whatever the transcript's size.
const P99: [f64; 2] = [20.0, 100.0];

/// Longest time that a started learning run may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// Runs that start a learning run which reads the whole transcript: each takes its seconds.
const LEARNING_RUNS: usize = 12;

/// What is measured: its name, after how many turns learning is due, and whether the transcript
/// was learned before.
const SITUATIONS: &[(&str, u32, bool)] = &[
    ("Stop, noted", 1_000_000, true),
    ("Stop, starts an idle run", 1, true),
    ("Stop, starts a long run", 1, false),
];

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Outcome<()> {
    let (home, new) = bench.home("session-end")?;
    let size = bench.options.transcript_mb * 1_000_000;
    let transcript = history::write_long_session(&client(&home), size)?;
    let session = transcript.file_stem().unwrap_or_default().to_string_lossy();
    let fields = json!({"stop_hook_active": false});
    let mut stop = event(history::ELSEWHERE, &session, "Stop", fields);
    stop["transcript_path"] = json!(transcript);
    let input = bench.folder.join("stop.json");
    fs::write(&input, stop.to_string())?;
    if new {
        learn_all(bench, &home)?;
    }
    report::head(&format!("session-end: a transcript of {} MB", bench.options.transcript_mb));
    for (name, trajectories, learned) in SITUATIONS {
        // A fit of the weights would go on beside what is measured.
        let settings = format!(
            "[learn]\ntrajectories = {trajectories}\nmax_wait_minutes = 9999999\n\
             [rank]\nrefit = false\n"
        );
        fs::write(mana_home(&home).join("config.toml"), settings)?;
        let runs = if *learned { bench.options.runs } else { LEARNING_RUNS };
        bench.judge(report, |_, report| {
            let [minimal, cat] = bench.references(&home);
            let programs = [minimal, cat, bench.mana(&home, &["session-end"])];
            let summaries = interleaved(&programs, runs, |_| {
                settle(&mana_home(&home), *trajectories == 1)?;
                if !learned {
                    forget(&mana_home(&home))?;
                }
                Ok(input.clone())
            })?;
            settle(&mana_home(&home), *trajectories == 1)?;
            let [minimal, cat, mana] = &summaries[..] else { unreachable!("three were run") };
            report.row("session-end", name, mana, [minimal, cat]);
            let name = format!("session-end {name}");
            Ok(vec![
                Budget::exit_codes(&name, mana.failures),
                Budget::at_most(format!("{name}: p99 ms"), milliseconds(mana.p99), P99),
            ])
        })?;
    }
    Ok(())
}

/// Waits for the run that was started to end, or throws away what was noted without one.
fn settle(home: &Path, started: bool) -> Result<()> {
    let pending = home.join("pending.log");
    if !started {
        return remove(&pending);
    }
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        // The run takes the notes once it holds the lock, and gives the lock up when it is done.
        // Looking at the lock before the notes are gone would keep the run from getting it.
        let idle = !pending.exists()
            && File::options()
                .write(true)
                .open(home.join("write.lock"))
                .is_ok_and(|lock| lock.try_lock().is_ok());
        if idle {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(2));
    }
    Err(std::io::Error::other("the learning run that was started did not end"))
}

/// Drops the store, so that the next run has everything to learn.
fn forget(home: &Path) -> Result<()> {
    for file in ["metadata.sqlite", "metadata.sqlite-wal", "metadata.sqlite-shm"] {
        remove(&home.join(file))?;
    }
    Ok(())
}

fn remove(file: &PathBuf) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
