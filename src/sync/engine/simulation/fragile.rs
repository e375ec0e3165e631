//! A ledger and a carrier at which the program dies, at any of their calls.

use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use super::super::{Own, Replica};
use crate::model::clock::Hlc;
use crate::model::ids::PatternId;
use crate::sync::backend::{Backend, BackendError, Object};
use crate::sync::ledger::{Claim, DeviceState, Fate, Ledger, LogState, Removal};
use crate::sync::record::{Counts, Field, Incarnation, Record};
use crate::sync::segment::{DeviceKey, LogId, Name};

/// After how many calls the program dies; for ever clear of that when there is none.
#[derive(Clone, Default)]
pub(super) struct Fuse(Rc<Cell<Option<u64>>>);

/// What a death unwinds with: no panic is told.
struct Death;

impl Fuse {
    /// Lets the program die at the call after `calls` others.
    pub(super) fn light(&self, calls: Option<u64>) {
        self.0.set(calls);
    }

    fn burn(&self) {
        match self.0.get() {
            Some(0) => {
                self.0.set(None);
                resume_unwind(Box::new(Death));
            }
            left => self.0.set(left.map(|left| left - 1)),
        }
    }

    /// Does `work` until it ends or the program dies, which gives `None`.
    pub(super) fn survive<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let done = catch_unwind(AssertUnwindSafe(work));
        self.light(None);
        done.map_err(|why: Box<dyn Any + Send>| {
            if !why.is::<Death>() {
                resume_unwind(why);
            }
        })
        .ok()
    }
}

/// A ledger or a carrier with a fuse.
pub(super) struct Fragile<T> {
    pub(super) inner: T,
    pub(super) fuse: Fuse,
}

macro_rules! fragile {
    ($($name:ident($($argument:ident: $type:ty),*) -> $out:ty;)*) => {
        $(fn $name(&mut self, $($argument: $type),*) -> Result<$out, Self::Error> {
            self.fuse.burn();
            let done = self.inner.$name($($argument),*);
            self.fuse.burn();
            done
        })*
    };
}

impl<L: Replica> Ledger for Fragile<L> {
    type Error = L::Error;

    fragile! {
        device(key: &DeviceKey) -> DeviceState;
        put_device(key: &DeviceKey, state: &DeviceState) -> ();
        log(log: &LogId) -> Option<LogState>;
        put_log(state: &LogState) -> ();
        put_fate(name: &Name, fate: &Fate) -> ();
        is_double(name: &Name) -> bool;
        claim(pattern: PatternId, field: Field, device: &DeviceKey) -> Option<Claim>;
        put_claim(pattern: PatternId, field: Field, device: &DeviceKey, claim: &Claim) -> ();
        claims(pattern: PatternId, field: Field) -> Vec<(DeviceKey, Claim)>;
        purge(pattern: PatternId, device: Option<&DeviceKey>) -> ();
        counts(pattern: PatternId, log: &LogId) -> Option<Counts>;
        put_counts(pattern: PatternId, log: &LogId, counts: Counts) -> ();
        all_counts(pattern: PatternId) -> Vec<(LogId, Counts)>;
        removals(pattern: PatternId) -> Vec<(DeviceKey, Removal)>;
        put_removal(pattern: PatternId, device: &DeviceKey, removal: Removal) -> ();
        park(log: &LogId, hlc: Hlc, record: &Record) -> ();
        unpark(until: Hlc) -> Vec<(LogId, Record)>;
        observe(hlc: Hlc) -> ();
    }
}

impl<L: Replica> Replica for Fragile<L> {
    fragile! {
        begin() -> ();
        commit() -> ();
        become_another() -> ();
        note(key: &str) -> Option<Vec<u8>>;
        put_note(key: &str, value: &[u8]) -> ();
        own() -> Option<Own>;
        put_own(own: &Own) -> ();
        tick(now: i64) -> Hlc;
        outbox() -> Vec<(Name, Vec<u8>)>;
        put_outbox(name: &Name, bytes: &[u8]) -> ();
        confirm(names: &[Name]) -> ();
        logs() -> Vec<LogState>;
        fates(label: &[u8; 16]) -> BTreeMap<Name, Fate>;
        drop_fates(label: &[u8; 16], sequence: u64) -> ();
        note_changed(patterns: &[PatternId]) -> ();
        claims_by(device: &DeviceKey) -> Vec<(PatternId, Field, Claim)>;
        counts_by(device: &DeviceKey) -> Vec<(PatternId, Incarnation, Counts)>;
        removals_by(device: &DeviceKey) -> Vec<(PatternId, Removal)>;
    }

    fn rollback(&mut self) {
        self.inner.rollback();
    }
}

impl<B: Backend> Backend for Fragile<B> {
    fn refresh(&mut self) -> Result<(), BackendError> {
        self.around(Backend::refresh)
    }

    fn put(&mut self, objects: &[Object]) -> Result<(), BackendError> {
        self.around(|inner| inner.put(objects))
    }

    fn list(&mut self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, BackendError> {
        self.around(|inner| inner.list(prefix, after))
    }

    fn get(&mut self, name: &str) -> Result<Option<Vec<u8>>, BackendError> {
        self.around(|inner| inner.get(name))
    }

    fn delete_own(&mut self, names: &[String]) -> Result<(), BackendError> {
        self.around(|inner| inner.delete_own(names))
    }
}

impl<B: Backend> Fragile<B> {
    /// Both before anything has happened and when all of it has.
    fn around<T>(&mut self, ask: impl FnOnce(&mut B) -> T) -> T {
        self.fuse.burn();
        let answer = ask(&mut self.inner);
        self.fuse.burn();
        answer
    }
}
