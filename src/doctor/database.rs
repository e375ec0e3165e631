//! The database and what is made of it.

use super::{Finding, Mend, Patient, State, size};
use crate::model::exclude::{Exclusions, NOTHING};
use crate::storage::{Part, Reader, StorageError, answered_from_snapshots};

/// Write-ahead log beyond which something keeps it from being emptied, in bytes.
const LARGE_LOG: u64 = 256 << 20;

/// Days without anything learned after which that is worth a word.
const STALE: i64 = 7;

const DAY: i64 = 86_400_000;

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let reader = match Reader::open(patient.home) {
        Ok(reader) => reader,
        Err(error) => return vec![unopened(&error)],
    };
    let damage = match reader.damage(patient.deep) {
        Ok(damage) => damage,
        Err(error) => return vec![unopened(&error)],
    };
    if let Some(first) = damage.first() {
        return vec![
            Finding::new("database", State::Problem, format!("it is damaged: {first}"))
                .advice("A new one is built from the transcripts: `--fix`, then `mana learn`.")
                .mend(Mend::Rebuild),
        ];
    }
    let depth = if patient.deep { "read as a whole" } else { "looked through; --deep reads all" };
    let mut findings = vec![Finding::new("database", State::Good, format!("no damage ({depth})"))];
    findings.extend(log(patient));
    findings.push(snapshots(patient));
    findings.extend(totals(&reader, patient.now));
    findings.extend(delivery(&reader));
    findings.extend(excluded(&reader, patient.exclusions));
    findings
}

/// What was learned before it was excluded.
fn excluded(reader: &Reader, exclusions: &Exclusions) -> Option<Finding> {
    if *exclusions == NOTHING {
        return None;
    }
    let parts = reader.excluded(exclusions).ok()?;
    let steps: usize = parts.iter().map(Part::len).sum();
    if steps == 0 {
        let says = "nothing is known of what config.toml excludes";
        return Some(Finding::new("excluded", State::Good, says));
    }
    let says = format!(
        "{steps} steps of {} sessions and subagents were learned before config.toml excluded them",
        parts.len()
    );
    let finding = Finding::new("excluded", State::Warning, says);
    Some(finding.advice("They stay until `mana forget --excluded` removes them."))
}

/// A database that cannot be used.
fn unopened(error: &StorageError) -> Finding {
    let says = error.to_string();
    match error {
        StorageError::Missing { .. } => {
            Finding::new("database", State::Warning, "nothing has been learned yet")
                .advice("`mana learn` learns from your transcripts.")
        }
        error if error.is_damage() => Finding::new("database", State::Problem, says)
            .advice("`mana learn` sets it aside and builds a new one from the transcripts.")
            .mend(Mend::Rebuild),
        StorageError::Newer { .. } => Finding::new("database", State::Problem, says)
            .advice("Update mana; this version will not touch what a newer one wrote."),
        StorageError::Older { .. } => Finding::new("database", State::Warning, says)
            .advice("`mana learn` brings it up to date."),
        _ => Finding::new("database", State::Problem, says),
    }
}

/// The write-ahead log, which is emptied again and again.
fn log(patient: &Patient<'_>) -> Option<Finding> {
    let log = std::fs::metadata(patient.home.join("metadata.sqlite-wal")).ok()?.len();
    (log > LARGE_LOG).then(|| {
        Finding::new("database", State::Warning, format!("its write-ahead log has {}", size(log)))
            .advice("A program that reads the database for long keeps it from being emptied.")
    })
}

/// What hooks answer from.
fn snapshots(patient: &Patient<'_>) -> Finding {
    if answered_from_snapshots(patient.home) {
        return Finding::new("snapshots", State::Good, "hooks are answered from them");
    }
    Finding::new("snapshots", State::Warning, "not up to date: hooks ask the database, more slowly")
        .advice("The next learning run writes them, if none is going on.")
        .mend(Mend::Publish)
}

fn totals(reader: &Reader, now: i64) -> Option<Finding> {
    let totals = reader.totals().ok()?;
    if totals.transcripts == 0 {
        let finding = Finding::new("learning", State::Warning, "nothing has been learned yet");
        return Some(finding.advice("`mana learn` learns from your transcripts."));
    }
    let days = now.saturating_sub(totals.read_at) / DAY;
    let says = format!(
        "{} sessions in {} transcripts; last learned {}",
        totals.sessions,
        totals.transcripts,
        match days {
            ..0 => "in the future, by this clock".into(),
            0 => "less than a day ago".into(),
            days => format!("{days} days ago"),
        }
    );
    Some(if days < 0 {
        Finding::new("learning", State::Warning, says)
            .advice("The clock was set back; nothing depends on it.")
    } else if days >= STALE {
        Finding::new("learning", State::Warning, says)
            .advice("Where you worked since, the hooks do not start it; `mana learn` does.")
    } else {
        Finding::new("learning", State::Good, says)
    })
}

/// Whether what hooks said reached the agent, as the transcripts tell.
fn delivery(reader: &Reader) -> Option<Finding> {
    let (shown, arrived) = reader.delivery().ok()?;
    if shown == 0 {
        return Some(Finding::new(
            "delivery",
            State::Good,
            "no learned session was told anything yet",
        ));
    }
    let says = format!("of {shown} items that hooks said in learned sessions, {arrived} arrived");
    Some(if arrived * 2 < shown {
        Finding::new("delivery", State::Warning, says).advice(
            "The client may have been too old to tell, or it dropped them: \
             `claude --debug` shows what it does with hooks.",
        )
    } else {
        Finding::new("delivery", State::Good, says)
    })
}
