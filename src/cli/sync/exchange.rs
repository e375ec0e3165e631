//! `mana sync`, `mana sync push` and `mana sync pull`.

use std::thread;
use std::time::Duration;

use serde::Serialize;

use super::open;
use crate::cli::error::CliError;
use crate::cli::output::{Output, count};
use crate::cli::{hearing, time};
use crate::config::{self, Settings};
use crate::storage::{Leaving, Store};
use crate::sync::backend::retry::{Policy, patiently};
use crate::sync::backend::{Backend, BackendError, Object};
use crate::sync::device::{Device, fingerprint};
use crate::sync::engine::{Alarm, Exchange, Offers, Pulled, Pushed, Replica as _};
use crate::sync::keys::WorkspaceKeys;
use crate::sync::local;
use crate::sync::random::System;
use crate::sync::segment::DeviceKey;
use crate::sync::settings::{self, Visibility};

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
    patterns: usize,
    parked: u32,
    pushed_records: u32,
    pushed_segments: u32,
    pushed_bytes: u64,
    rejected: Vec<Rejected>,
    alarms: Vec<Warning>,
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

/// Everything that an exchange is made with.
struct Parts {
    settings: Settings,
    sharing: settings::Settings,
    keys: WorkspaceKeys,
    device: Device,
    store: Store,
    now: i64,
}

pub(super) fn run(way: Way, supervised: bool, output: &mut Output) -> Result<(), CliError> {
    let settings = Settings::load(config::current_dir().as_deref())?;
    let sharing = open::settings(&settings.home)?;
    let keys = open::keys(&settings.home)?;
    let store = match Store::open(&settings.home, !supervised) {
        // Its turn comes again.
        Err(error) if supervised && error.is_locked() => return Ok(()),
        opened => opened?,
    };
    let device = open::device(&settings.home)?;
    let now = time::now().timestamp_millis();
    let mut parts = Parts { settings, sharing, keys, device, store, now };
    let mut report = Report::default();
    if way != Way::Push {
        pull(&mut parts, &mut report)?;
    }
    if way != Way::Pull {
        push(&mut parts, &mut report)?;
    }
    parts.store.put_sharing_value("exchanged", now.to_string().as_bytes())?;
    hearing::publish(&mut parts.store, &parts.settings.home)?;
    show(&report, way, output);
    Ok(())
}

fn pull(parts: &mut Parts, report: &mut Report) -> Result<(), CliError> {
    let pulled = with_exchange(parts, |exchange| exchange.pull().map_err(CliError::from))?;
    let me = parts.device.key();
    let me = heard_by(&mut parts.store, &me)?;
    let Pulled { segments, parked, rejected, alarms } = pulled;
    let keys = Some(&parts.keys);
    report.patterns = hearing::hear(&mut parts.store, keys, me.as_ref(), parts.now)?;
    report.pulled_segments = segments;
    report.parked = parked;
    let rejected = rejected.into_iter().map(|(segment, reason)| Rejected { segment, reason });
    report.rejected = rejected.collect();
    report.alarms = alarms.iter().map(warning).collect();
    Ok(())
}

/// A device hears its own words only after its store was set back.
fn heard_by(store: &mut Store, me: &DeviceKey) -> Result<Option<DeviceKey>, CliError> {
    let set_back = store.own()?.is_some_and(|own| !own.past.is_empty());
    Ok((!set_back).then_some(*me))
}

fn push(parts: &mut Parts, report: &mut Report) -> Result<(), CliError> {
    let offers = offers(parts)?;
    let pushed = with_exchange(parts, |exchange| exchange.push(&offers).map_err(CliError::from))?;
    let Pushed { records, segments, bytes } = pushed;
    (report.pushed_records, report.pushed_segments, report.pushed_bytes) =
        (records, segments, bytes);
    Ok(())
}

/// What this device wants to say.
fn offers(parts: &mut Parts) -> Result<Offers, CliError> {
    let leaving =
        Leaving { private: parts.sharing.sharing.private_projects.clone(), ..Leaving::default() };
    let sanitiser = open::sanitiser(&parts.store, &parts.settings, &parts.sharing, &parts.keys)?;
    let label_key = local::label_key(&parts.keys);
    let patterns = parts
        .store
        .leaving(&leaving)?
        .into_iter()
        .map(|pattern| local::leaves(pattern, &label_key, &sanitiser).offer(None))
        .collect();
    let forgotten = parts.store.forgotten_claims(&parts.device.key())?;
    let host = config::sharing().host.unwrap_or_default();
    Ok(Offers {
        patterns,
        removed: forgotten.into_iter().map(|pattern| (pattern, false)).collect(),
        // Only devices of one person say which machine they are.
        name: if is_private(&parts.sharing) { host } else { String::new() },
        version: env!("CARGO_PKG_VERSION").into(),
    })
}

fn is_private(sharing: &settings::Settings) -> bool {
    matches!(sharing.sharing.visibility, Visibility::Private)
}

/// Opens the carrier and does something with it.
fn with_exchange<T>(
    parts: &mut Parts,
    act: impl FnOnce(&mut Exchange<'_, Store, Patient, System>) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let label = open::label(&mut parts.store, &parts.keys, &parts.device)?;
    let backend = open::backend(&parts.settings.home, &parts.sharing, label, parts.now)?;
    let mut backend = Patient(backend, parts.now as u64);
    act(&mut Exchange {
        replica: &mut parts.store,
        backend: &mut backend,
        keys: &parts.keys,
        device: &parts.device,
        now: parts.now,
        random: &mut System,
        trusting: is_private(&parts.sharing),
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
    if way != Way::Pull {
        output.line(format!(
            "Pushed {} in {}, {} bytes.",
            count(u64::from(report.pushed_records), "record", "records"),
            count(u64::from(report.pushed_segments), "segment", "segments"),
            report.pushed_bytes,
        ));
    }
}
