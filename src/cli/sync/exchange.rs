//! `mana sync`, `mana sync push` and `mana sync pull`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::open;
use crate::cli::cycle::Source;
use crate::cli::error::CliError;
use crate::cli::hearing::{self, RefusedText};
use crate::cli::output::{Output, count};
use crate::cli::publish::publish;
use crate::cli::{time, trial};
use crate::config::{self, Settings};
use crate::model::ids::PatternId;
use crate::storage::{Leaving, Reader, StorageError, Store};
use crate::sync::backend::retry::{Policy, patiently};
use crate::sync::backend::{Backend, BackendError, Object};
use crate::sync::desk::Briefly;
use crate::sync::device::{Device, fingerprint};
use crate::sync::engine::{
    Alarm, Exchange, Offer, Offers, Pulled, Pushed, REWRITE, Replica as _, begin_anew,
};
use crate::sync::hex::hex;
use crate::sync::keys::WorkspaceKeys;
use crate::sync::ledger::LogState;
use crate::sync::local;
use crate::sync::random::System;
use crate::sync::record::Counts;
use crate::sync::sanitise::Sanitiser;
use crate::sync::segment::{self, DeviceKey, LogId};
use crate::sync::settings::{self, Visibility};
use crate::sync::texts::{self, LeavingText};
use crate::sync::unchanged::Unchanged;

/// Which way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    Both,
    Push,
    Pull,
}

/// What came of it, as `--json` prints it.
#[derive(Debug, Default, Serialize)]
struct Report {
    pulled_segments: u32,
    /// Items that others took back everywhere.
    redacted: Vec<Redacted>,
    /// Own segments that were removed because of that.
    removed_segments: u32,
    patterns: usize,
    parked: u32,
    pushed_records: u32,
    pushed_segments: u32,
    pushed_bytes: u64,
    pushed_texts: usize,
    refused_texts: Vec<RefusedText>,
    rejected: Vec<Rejected>,
    alarms: Vec<Warning>,
    /// What came of trying what was told on what happened here.
    tried: trial::Report,
}

#[derive(Debug, Serialize)]
struct Redacted {
    id: String,
    /// Whether it was learned here as well: then it stays here.
    learned_here: bool,
}

#[derive(Debug, Serialize)]
struct Rejected {
    segment: String,
    reason: String,
}

#[derive(Debug, Serialize)]
struct Warning {
    kind: &'static str,
    device: Option<String>,
    text: String,
}

/// Everything that an exchange is made with. The store is in hand only while something is done with
/// it: nobody waits for the carrier but this process.
pub(super) struct Parts {
    pub(super) settings: Settings,
    sharing: settings::Settings,
    keys: WorkspaceKeys,
    pub(super) device: Device,
    pub(super) desk: Briefly,
    pub(super) now: i64,
    /// What was noticed of the store while it was opened.
    noticed: Vec<Warning>,
}

impl Parts {
    /// Opens all of it; `None` where another process writes or exchanges and this one is not to
    /// `wait`.
    pub(super) fn open(wait: bool) -> Result<Option<Self>, CliError> {
        let settings = Settings::load(config::current_dir().as_deref())?;
        let sharing = open::settings(&settings.home)?;
        let keys = open::keys(&settings.home)?;
        let machine = config::sharing().machine.unwrap_or_default();
        let mut desk = match Briefly::at(&settings.home, machine, wait) {
            Err(error) if !wait && error.is_locked() => return Ok(None),
            desk => desk?,
        };
        let now = time::now().timestamp_millis();
        let (device, noticed) = first_sitting(&mut desk, &settings.home, &keys, now)?;
        Ok(Some(Self { settings, sharing, keys, device, desk, now, noticed }))
    }

    /// Keeps what was wrong, for `mana sync status`: of the daemon's exchanges nobody sees more.
    fn note_alarms(&mut self, alarms: &[Warning]) -> Result<(), CliError> {
        if alarms.is_empty() {
            return Ok(());
        }
        let now = self.now;
        self.desk.with(|store| {
            let mut noticed = noticed(store)?;
            noticed.retain(|old| {
                now.saturating_sub(old.at) < REMEMBERED
                    && alarms.iter().all(|alarm| alarm.text != old.text)
            });
            noticed.extend(alarms.iter().map(|Warning { kind, device, text }| Noticed {
                at: now,
                kind: (*kind).into(),
                device: device.clone(),
                text: text.clone(),
            }));
            noticed.drain(..noticed.len().saturating_sub(MOST_NOTICED));
            let bytes = serde_json::to_vec(&noticed).expect("they have string keys");
            store.put_sharing_value(NOTICED, &bytes)
        })?;
        Ok(())
    }

    /// Notes how an exchange ended, for `mana sync status`.
    pub(super) fn note_end<T>(&mut self, done: &Result<T, CliError>) -> Result<(), CliError> {
        let Self { settings, desk, now, .. } = self;
        desk.with(|store| {
            match done {
                Ok(_) => {
                    store.drop_sharing_value(FAILED)?;
                    store.put_sharing_value(EXCHANGED, now.to_string().as_bytes())?;
                }
                Err(error) => {
                    let failed = format!("{now} {}", error.source);
                    store.put_sharing_value(FAILED, failed.as_bytes())?;
                }
            }
            publish(store, &settings.home).map_err(CliError::from)
        })
    }
}

/// This device. If its store was copied or set back, it goes on as a new one from here.
fn first_sitting(
    desk: &mut Briefly,
    home: &Path,
    keys: &WorkspaceKeys,
    now: i64,
) -> Result<(Device, Vec<Warning>), CliError> {
    desk.guarded(|store, guard| {
        let device = open::device(home)?;
        let mut noticed = Vec::new();
        if let Some(anew) = guard.doubts(store)? {
            begin_anew(store, keys, &device, now, &mut System, anew)?;
            noticed.push(warning(&Alarm::Copied));
        }
        Ok((device, noticed))
    })
}

/// Something that was wrong at an exchange, as it is kept and as `--json` prints it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Noticed {
    /// When it was last seen, in milliseconds since the Unix epoch.
    pub(super) at: i64,
    kind: String,
    device: Option<String>,
    pub(super) text: String,
}

/// Under which key it is kept what was wrong.
const NOTICED: &str = "noticed";
/// For how many milliseconds that is told.
const REMEMBERED: i64 = 30 * 24 * 3600 * 1000;
/// How much of it is kept.
const MOST_NOTICED: usize = 20;

/// What was wrong at the exchanges of the last 30 days.
pub(super) fn noticed(reader: &Reader) -> Result<Vec<Noticed>, StorageError> {
    let kept = reader.sharing_value(NOTICED)?;
    Ok(kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
}

/// Under which keys it is noted when an exchange last went well, and when and why one failed since.
pub(super) const EXCHANGED: &str = "exchanged";
pub(super) const FAILED: &str = "failed";
/// Under which key the texts are noted that the last pull left out.
pub(super) const REFUSED: &str = "refused texts";

pub(super) fn run(way: Way, supervised: bool, output: &mut Output) -> Result<(), CliError> {
    // Where somebody else writes or exchanges, the daemon's turn comes again.
    let Some(mut parts) = Parts::open(!supervised)? else { return Ok(()) };
    let mut report = Report { alarms: std::mem::take(&mut parts.noticed), ..Report::default() };
    let done = go(&mut parts, way, &mut report);
    parts.note_alarms(&report.alarms)?;
    parts.note_end(&done)?;
    done?;
    // Others exchange while this process tries what is new.
    let Parts { settings, .. } = parts;
    if supervised {
        return trial::aside(&settings, Source::Daemon);
    }
    if way != Way::Push {
        report.tried = trial::afterwards(&settings, output);
    }
    show(&report, way, output);
    Ok(())
}

fn go(parts: &mut Parts, way: Way, report: &mut Report) -> Result<(), CliError> {
    if way != Way::Push {
        pull(parts, report)?;
    }
    if way != Way::Pull {
        push(parts, report)?;
    }
    Ok(())
}

fn pull(parts: &mut Parts, report: &mut Report) -> Result<(), CliError> {
    let before = parts.desk.with(|store| store.shared_logs())?;
    let pulled = with_exchange(parts, |exchange| exchange.pull().map_err(CliError::from))?;
    let Pulled { segments, parked, rejected, alarms } = pulled;
    let Parts { settings, keys, device, desk, now, .. } = parts;
    let heard = desk.with(|store| {
        let me = heard_by(store, &device.key())?;
        let heard = hearing::hear(store, settings, Some(keys), (me.as_ref(), None), *now)?;
        let refused = serde_json::to_vec(&heard.refused).expect("they have string keys");
        store.put_sharing_value(REFUSED, &refused)?;
        take_back(store, &device.key(), &before, report)?;
        Ok::<_, CliError>(heard)
    })?;
    report.patterns = heard.patterns;
    report.refused_texts = heard.refused;
    report.pulled_segments = segments;
    report.parked = parked;
    let rejected = rejected.into_iter().map(|(segment, reason)| Rejected { segment, reason });
    report.rejected = rejected.collect();
    report.alarms.extend(alarms.iter().map(warning));
    Ok(())
}

/// Notes what was taken back everywhere. The own log is written anew at the next push if it may
/// hold any of it; nothing of it stays in the store's free pages.
fn take_back(
    store: &mut Store,
    me: &DeviceKey,
    before: &[LogState],
    report: &mut Report,
) -> Result<(), StorageError> {
    let noted = local::note_redactions(store, before)?;
    for redaction in &noted {
        if redaction.held.iter().any(|(log, _)| log.device == *me) {
            store.put_sharing_value(REWRITE, &[])?;
        }
        let learned_here = store.knows_pattern(redaction.pattern)?;
        report.redacted.push(Redacted { id: redaction.pattern.short(), learned_here });
    }
    if noted.is_empty() { Ok(()) } else { store.purge() }
}

/// A device hears its own words only after its store was set back.
fn heard_by(store: &mut Store, me: &DeviceKey) -> Result<Option<DeviceKey>, StorageError> {
    let set_back = store.own()?.is_some_and(|own| !own.past.is_empty());
    Ok((!set_back).then_some(*me))
}

fn push(parts: &mut Parts, report: &mut Report) -> Result<(), CliError> {
    if push_once(parts, report)? {
        // It is another one now, and has not said yet under its new name what it has to say.
        report.alarms.push(warning(&Alarm::Copied));
        push_once(parts, report)?;
    }
    Ok(())
}

/// Says what is new. Returns whether it turned out that the store was copied.
fn push_once(parts: &mut Parts, report: &mut Report) -> Result<bool, CliError> {
    let Parts { settings, sharing, keys, device, desk, .. } = parts;
    let leaving =
        Leaving { private: sharing.sharing.private_projects.clone(), ..Leaving::default() };
    let me = device.key();
    let (Saying { offers, texts, refused }, anew) = desk.with(|store| {
        let anew = store.sharing_value(REWRITE)?.is_some();
        Ok::<_, CliError>((saying(store, settings, sharing, keys, &leaving, &me, true)?, anew))
    })?;
    let offers = |store: &mut Store| still_said(store, offers, &leaving, &me);
    let (pushed, mut removed) = with_exchange(parts, |exchange| {
        if anew {
            return Ok(exchange.push_anew(offers)?);
        }
        Ok((exchange.push(offers)?, 0))
    })?;
    if anew {
        removed += end_lives(parts)?;
    }
    parts.desk.with(|store| {
        if anew {
            store.drop_sharing_value(REWRITE)?;
        }
        texts::note_sent(store, &texts)
    })?;
    let Pushed { records, segments, bytes, copied } = pushed;
    report.removed_segments += removed;
    report.pushed_texts += texts.iter().filter(|text| text.unsaid).count();
    if !copied {
        report.refused_texts.extend(refused);
    }
    report.pushed_records += records;
    report.pushed_segments += segments;
    report.pushed_bytes += bytes;
    Ok(copied)
}

/// Ends the logs of earlier lives of this store that may hold what is taken back everywhere, and
/// returns how many segments that removed.
fn end_lives(parts: &mut Parts) -> Result<u32, CliError> {
    let Parts { keys, device, desk, .. } = parts;
    let me = device.key();
    let logs: BTreeSet<LogId> = desk.with(|store| {
        let present = store.own()?.map(|own| own.incarnation);
        let held = local::redactions(store)?.into_iter().flat_map(|redaction| redaction.held);
        let earlier = |log: &LogId| log.device == me && Some(log.incarnation) != present;
        Ok::<_, CliError>(held.map(|(log, _)| log).filter(earlier).collect())
    })?;
    let labels: Vec<(LogId, String)> =
        logs.into_iter().map(|log| (log, hex(&segment::label(&log, keys)))).collect();
    let mut removed = 0;
    for (log, label) in labels {
        removed += with_label(parts, label, |exchange| Ok(exchange.end_life(log.incarnation)?))?;
    }
    Ok(removed)
}

/// Of what was to be said, what still may leave when it is written down: others may have forgotten
/// some of it meanwhile.
pub(super) fn still_said(
    store: &mut Store,
    mut offers: Offers,
    leaving: &Leaving,
    me: &DeviceKey,
) -> Result<Offers, StorageError> {
    let may_leave = store.leaving_ids(&leaving.private)?;
    let forgotten = store.forgotten_claims(me)?;
    let redacting = store.redacting()?;
    offers.patterns.retain(|offer| {
        let gone = forgotten.contains(&offer.pattern) || redacting.contains(&offer.pattern);
        !gone && (offer.words.is_none() || may_leave.contains(&offer.pattern))
    });
    offers.removed = forgotten
        .into_iter()
        .map(|pattern| (pattern, false))
        .chain(redacting.into_iter().map(|pattern| (pattern, true)))
        .collect();
    Ok(offers)
}

/// What taking items back everywhere came to.
pub(super) struct TakenBack {
    /// Own segments that were removed from the remote.
    pub(super) removed: u32,
}

/// Tells everybody to drop what this device is to take back, and writes the own log anew.
pub(super) fn send_redactions(parts: &mut Parts) -> Result<TakenBack, CliError> {
    let mut report = Report::default();
    parts.desk.with(|store| store.put_sharing_value(REWRITE, &[]))?;
    let pushed = push(parts, &mut report);
    parts.note_alarms(&report.alarms)?;
    pushed?;
    Ok(TakenBack { removed: report.removed_segments })
}

/// What this device wants to say.
pub(super) struct Saying {
    pub(super) offers: Offers,
    /// What people wrote, sent before or not.
    pub(super) texts: Vec<LeavingText>,
    /// Own texts that cannot be used.
    pub(super) refused: Vec<RefusedText>,
}

/// What this device wants to say; what it takes back is known when that is written down. With `keep`
/// it is kept for the next time, and without, texts are read more exactly, which takes longer.
pub(super) fn saying(
    store: &mut Store,
    settings: &Settings,
    sharing: &settings::Settings,
    keys: &WorkspaceKeys,
    leaving: &Leaving,
    me: &DeviceKey,
    keep: bool,
) -> Result<Saying, CliError> {
    let desk = hearing::Desk::open(store, settings, sharing, Some(keys))?;
    let mut pen = desk.texts();
    let texts = pen.leaving(store, leaving, keep, !keep)?;
    let mut unsaid: BTreeMap<PatternId, Vec<u8>> = texts
        .iter()
        .filter(|text| text.unsaid)
        .map(|text| (text.pattern, text.document.clone()))
        .collect();
    let (mut patterns, unchanged) = offers(store, keys, desk.sanitiser(), leaving, me)?;
    if let Some(unchanged) = unchanged.filter(|_| keep) {
        unchanged.keep(store)?;
    }
    for offer in &mut patterns {
        offer.document = unsaid.remove(&offer.pattern);
    }
    // What was written about patterns that others told: their words are not this device's.
    patterns.extend(unsaid.into_iter().map(|(pattern, document)| Offer {
        pattern,
        words: None,
        counts: Counts::default(),
        document: Some(document),
    }));
    let host = config::sharing().host.unwrap_or_default();
    let offers = Offers {
        patterns,
        removed: Vec::new(),
        // Only devices of one person say which machine they are.
        name: if is_private(sharing) { host } else { String::new() },
        version: env!("CARGO_PKG_VERSION").into(),
    };
    let refused = pen.refused.iter().map(RefusedText::new).collect();
    Ok(Saying { offers, texts, refused })
}

/// What of the patterns that this device learned may leave, and what is to be kept of that, if it is
/// something new.
fn offers(
    store: &Reader,
    keys: &WorkspaceKeys,
    sanitiser: &Sanitiser,
    leaving: &Leaving,
    me: &DeviceKey,
) -> Result<(Vec<Offer>, Option<Unchanged>), StorageError> {
    let label_key = local::label_key(keys);
    let before = Unchanged::of(store, &label_key, sanitiser)?;
    let said = store.said_words(me)?;
    let (offers, now) = before.offers(store.leaving(leaving)?, &said, &label_key, sanitiser);
    Ok((offers, (now != before).then_some(now)))
}

fn is_private(sharing: &settings::Settings) -> bool {
    matches!(sharing.sharing.visibility, Visibility::Private)
}

/// Opens the carrier and does something with it.
fn with_exchange<T>(
    parts: &mut Parts,
    act: impl FnOnce(&mut Exchange<'_, Briefly, Patient, System>) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let Parts { keys, device, desk, .. } = parts;
    let label = desk.with(|store| open::label(store, keys, device))?;
    with_label(parts, label, act)
}

/// Opens the carrier as the writer of the log with this label.
fn with_label<T>(
    parts: &mut Parts,
    label: String,
    act: impl FnOnce(&mut Exchange<'_, Briefly, Patient, System>) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let Parts { settings, sharing, keys, device, desk, now, .. } = parts;
    let backend = open::backend(&settings.home, sharing, label, *now)?;
    let mut backend = Patient(backend, *now as u64);
    act(&mut Exchange {
        desk,
        backend: &mut backend,
        keys,
        device,
        now: *now,
        random: &mut System,
        trusting: is_private(sharing),
    })
}

/// A carrier of which what may pass is asked again.
struct Patient(Box<dyn Backend>, u64);

impl Patient {
    fn patiently<T>(
        &mut self,
        mut ask: impl FnMut(&mut dyn Backend) -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        let Self(inner, seed) = self;
        let policy = Policy::usual(*seed);
        patiently(&policy, &mut |wait: Duration| thread::sleep(wait), || ask(inner.as_mut()))
    }
}

impl Backend for Patient {
    fn refresh(&mut self) -> Result<(), BackendError> {
        self.patiently(|inner| inner.refresh())
    }

    fn put(&mut self, objects: &[Object]) -> Result<(), BackendError> {
        self.patiently(|inner| inner.put(objects))
    }

    fn list(&mut self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, BackendError> {
        self.patiently(|inner| inner.list(prefix, after))
    }

    fn get(&mut self, name: &str) -> Result<Option<Vec<u8>>, BackendError> {
        self.patiently(|inner| inner.get(name))
    }

    fn delete_own(&mut self, names: &[String]) -> Result<(), BackendError> {
        self.patiently(|inner| inner.delete_own(names))
    }
}

fn warning(alarm: &Alarm) -> Warning {
    let device = alarm.device().map(fingerprint);
    Warning { kind: alarm.name(), device, text: alarm.to_string() }
}

fn show(report: &Report, way: Way, output: &mut Output) {
    output.object(report);
    for Warning { text, .. } in &report.alarms {
        output.line(format!("warning: {text}"));
    }
    for Rejected { segment, reason } in &report.rejected {
        output.line(format!("warning: {segment} was left out: {reason}"));
    }
    for text in &report.refused_texts {
        output.line(text.line());
    }
    for Redacted { id, learned_here } in &report.redacted {
        let stays = if *learned_here {
            "; it was learned here as well: that stays here, and is not shared"
        } else {
            ""
        };
        output.line(format!("{id} was taken back everywhere{stays}."));
    }
    if report.removed_segments > 0 {
        let segments = count(u64::from(report.removed_segments), "segment", "segments");
        output.line(format!("The own log was written anew: {segments} removed from the remote."));
    }
    if way != Way::Push {
        output.line(format!(
            "Pulled {}, of which {} changed here.",
            count(u64::from(report.pulled_segments), "segment", "segments"),
            count(report.patterns as u64, "item", "items"),
        ));
        if report.parked > 0 {
            let records = count(u64::from(report.parked), "record", "records");
            output.line(format!("{records} came from a clock that is ahead, and wait."));
        }
    }
    trial::tell(&report.tried, output);
    if way != Way::Pull {
        output.line(format!(
            "Pushed {} in {}, {} bytes.",
            count(u64::from(report.pushed_records), "record", "records"),
            count(u64::from(report.pushed_segments), "segment", "segments"),
            report.pushed_bytes,
        ));
    }
}
