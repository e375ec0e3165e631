//! `mana learn` on a long history, from nothing.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::{Bench, client, mana_home};
use crate::history;
use crate::report::{Budget, Report};
use crate::{Outcome, Result};

/// The memory, in megabytes.
const MEMORY: [f64; 2] = [50.0, 50.0];
/// What is read in a second, in megabytes.
const RATE: [f64; 2] = [100.0, 40.0];

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Outcome<()> {
    let (home, new) = bench.home("learn")?;
    let (arguments, bytes) = if let Some(folder) = &bench.options.history {
        let folder = fs::canonicalize(folder)?;
        let bytes = transcript_bytes(&folder)?;
        (vec!["learn".to_owned(), folder.to_string_lossy().into_owned()], bytes)
    } else {
        let wanted = bench.options.history_mb * 1_000_000;
        if new {
            history::write_bytes(&client(&home), wanted)?;
        }
        (vec!["learn".to_owned()], transcript_bytes(&client(&home))?)
    };
    if bytes == 0 {
        return Err("there is no transcript to learn from".into());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let nothing = bench.folder.join("nothing");
    fs::write(&nothing, "")?;
    println!("\nlearn: a history of {} MB, from nothing", bytes / 1_000_000);
    bench.judge(report, |_, report| {
        fs::remove_dir_all(mana_home(&home))?;
        let run = bench.mana(&home, &arguments).run(&nothing)?;
        if !mana_home(&home).join("metadata.sqlite").exists() {
            return Err(format!("learning left no store in {}", home.display()).into());
        }
        let seconds = run.wall.as_secs_f64();
        let rate = bytes as f64 / 1e6 / seconds;
        let memory = run.peak_memory as f64 / 1e6;
        println!("  {seconds:.2} s, {rate:.0} MB/s, peak {memory:.1} MB");
        report.note(json!({
            "case": "learn", "bytes": bytes, "seconds": seconds, "mb_per_s": rate,
            "peak_mb": memory,
        }));
        Ok(vec![
            Budget::exit_codes("learn", usize::from(!run.succeeded)),
            Budget::at_least("learn: MB/s", rate, RATE),
            Budget::at_most("learn: peak MB", memory, MEMORY),
        ])
    })
}

/// Bytes of all transcripts below `folder`.
fn transcript_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            bytes += transcript_bytes(&path)?;
        } else if path.extension().is_some_and(|extension| extension == "jsonl") {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}
