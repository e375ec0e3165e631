//! `mana sync push --dry-run`: what would leave, word for word, without a word to the remote.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{exchange, open};
use crate::cli::error::CliError;
use crate::cli::export::{ByHand, Finding, Item, count_by_rule, item};
use crate::cli::hearing::RefusedText;
use crate::cli::output::{Output, count};
use crate::cli::time;
use crate::config::{self, Settings};
use crate::model::ids::PatternId;
use crate::storage::{Leaving, Reader, Store};
use crate::sync::engine::{self, REWRITE};
use crate::sync::guard::Guard;
use crate::sync::local::{self, Leaves};
use crate::sync::random::System;
use crate::sync::record::{Field, Record};
use crate::sync::texts::LeavingText;

/// What would leave, as `--json` prints it.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// Items whose words are new.
    items: Vec<Item>,
    /// Items whose words are not, or not this device's, about which something new was written.
    texts: Vec<Text>,
    /// Items of which it is new how often they were seen, and what came of that.
    counts: Vec<String>,
    /// Items that are taken back.
    taken_back: Vec<String>,
    /// Those of them that are to vanish everywhere.
    redacted: Vec<String>,
    records: usize,
    /// Their bytes, before they are packed and sealed.
    bytes: usize,
    /// Segments that were written earlier, and that the remote has not confirmed.
    waiting_segments: u64,
    /// Whether all that this device has said would be said once more.
    anew: bool,
    refused_texts: Vec<RefusedText>,
    changed_by_rule: BTreeMap<&'static str, usize>,
}

/// What people wrote about an item.
#[derive(Debug, Serialize)]
struct Text {
    id: String,
    kind: &'static str,
    by_hand: ByHand,
}

pub(super) fn run(output: &mut Output) -> Result<(), CliError> {
    let settings = Settings::load(config::current_dir().as_deref())?;
    let sharing = open::settings(&settings.home)?;
    let keys = open::keys(&settings.home)?;
    // A home where nothing was learned is not made for this.
    drop(Reader::open(&settings.home)?);
    let mut store = Store::open(&settings.home, true)?;
    let device = open::device(&settings.home)?;
    let leaving =
        Leaving { private: sharing.sharing.private_projects.clone(), ..Leaving::default() };
    let now = time::now().timestamp_millis();
    let saying =
        exchange::saying(&mut store, &settings, &sharing, &keys, &leaving, &device.key(), false)?;
    let offers = exchange::still_said(&mut store, saying.offers, &leaving, &device.key())?;
    let records = engine::news(&mut store, &keys, &device, now, &mut System, &offers)?;
    let machine = config::sharing().machine.unwrap_or_default();
    let folder = open::folder(&settings.home);
    let copied = Guard::new(&folder, &machine).doubts(&mut store)?.is_some();
    let sanitiser = open::sanitiser(&store, &settings, &sharing, &keys)?;
    let said = Said::of(&records);
    let words: Vec<_> = store.leaving(&leaving)?.into_iter().collect();
    let words = words.into_iter().filter(|local| said.words.contains(&local.pattern.id)).collect();
    let leaves = local::all_leaves(words, &local::label_key(&keys), &sanitiser);
    let texts: Vec<LeavingText> = saying.texts;
    let texts: Vec<LeavingText> =
        texts.into_iter().filter(|text| said.documents.contains(&text.pattern)).collect();
    let [waiting_segments, ..] = store.sharing_counts()?;
    let anew = copied || store.sharing_value(REWRITE)?.is_some();
    let refused_texts = saying.refused;
    let report =
        Report { waiting_segments, anew, refused_texts, ..report(&records, &leaves, &texts) };
    show(&report, output);
    output.object(&report);
    Ok(())
}

/// Of which patterns something is said.
#[derive(Default)]
struct Said {
    words: BTreeSet<PatternId>,
    documents: BTreeSet<PatternId>,
}

impl Said {
    fn of(records: &[Record]) -> Self {
        let mut said = Self::default();
        for record in records {
            match record {
                Record::Field { pattern, field: Field::WORDING, .. } => {
                    said.words.insert(*pattern);
                }
                Record::Document { pattern, .. } => {
                    said.documents.insert(*pattern);
                }
                _ => {}
            }
        }
        said
    }
}

fn report(records: &[Record], leaves: &[Leaves], texts: &[LeavingText]) -> Report {
    let with_words: BTreeSet<PatternId> = leaves.iter().map(|leaves| leaves.pattern).collect();
    let alone = texts.iter().filter(|text| !with_words.contains(&text.pattern));
    let mut report = Report {
        items: leaves.iter().map(|leaves| item(leaves, texts)).collect(),
        texts: alone
            .map(|text| Text {
                id: text.pattern.short(),
                kind: text.kind.name(),
                by_hand: ByHand::new(text),
            })
            .collect(),
        records: records.len(),
        changed_by_rule: count_by_rule(leaves, texts),
        ..Report::default()
    };
    let mut bytes = Vec::new();
    for record in records {
        record.put(&mut bytes);
        match record {
            Record::Counts { pattern, .. } => report.counts.push(pattern.short()),
            Record::Tombstone { pattern, .. } => report.taken_back.push(pattern.short()),
            Record::Redact { pattern, .. } => {
                report.taken_back.push(pattern.short());
                report.redacted.push(pattern.short());
            }
            _ => {}
        }
    }
    report.bytes = bytes.len();
    report
}

fn show(report: &Report, output: &mut Output) {
    for item in &report.items {
        item.tell(output);
    }
    for Text { id, kind, by_hand } in &report.texts {
        output.line(format!("{id}  {kind:<8}  its words are said already, or are those of others"));
        by_hand.tell(output);
    }
    for id in &report.taken_back {
        let everywhere =
            if report.redacted.contains(id) { ", everywhere and for ever" } else { "" };
        output.line(format!("{id}  taken back{everywhere}"));
    }
    for text in &report.refused_texts {
        output.line(text.line());
    }
    output.line(format!(
        "Would push {} ({} bytes before sealing): the words of {}, how often {} seen, texts \
         written by hand about {}, {} taken back.",
        count(report.records as u64, "record", "records"),
        report.bytes,
        count(report.items.len() as u64, "item", "items"),
        count(report.counts.len() as u64, "item was", "items were"),
        report.texts.len() + report.items.iter().filter(|item| item.has_text()).count(),
        report.taken_back.len(),
    ));
    Finding::tell_rules(&report.changed_by_rule, output);
    if report.waiting_segments > 0 {
        let segments = count(report.waiting_segments, "segment", "segments");
        output.line(format!(
            "{segments} of earlier would go first: the remote has not got them yet."
        ));
    }
    if report.anew {
        output.line("All that this device has said would be said once more: its log begins anew.");
    }
    output.line("A sign of life, with the name of this device where all are yours, goes along.");
}
