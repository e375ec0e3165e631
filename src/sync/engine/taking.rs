//! Taking in: what the carrier shows of the own log, and the segments of others.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::alarms::Alarm;
use super::{ATTEMPTS, Anew, Outcome, Own, Pulled, REWRITE, Replica, Shown, Sitting, SyncError};
use crate::sync::ledger::{self, Fate, Trust};
use crate::sync::random::Random;
use crate::sync::record::Record;
use crate::sync::segment::{self, LogId, Name, Segment};

impl<L: Replica, R: Random> Sitting<'_, L, R> {
    /// Whether the carrier shows segments under the own label that this store did not write: then
    /// it was copied or set back, and goes on as a new log. If it does not show some that it
    /// confirmed, everything is said again.
    pub(super) fn look_at_own(&mut self, shown: &Shown, pulled: &mut Pulled) -> Outcome<(), L> {
        let own = self.own()?;
        let label = segment::label(&self.log_of(&own), self.keys);
        let none = BTreeSet::new();
        let shown = shown.get(&label).unwrap_or(&none);
        if self.is_copied(&own, shown)? {
            pulled.alarms.push(Alarm::Copied);
            return self.begin_anew(Anew::SetBack);
        }
        let known = self.replica.fates(&label).map_err(SyncError::Ledger)?;
        let waiting = self.replica.outbox().map_err(SyncError::Ledger)?;
        let lost = known.keys().any(|name| {
            name.sequence >= own.since.max(own.kept)
                && !shown.contains(name)
                && !waiting.iter().any(|(unsent, _)| unsent == name)
        });
        if lost {
            pulled.alarms.push(Alarm::Lost);
            self.atomically(|this| this.write_snapshot(&own))?;
        }
        Ok(())
    }

    /// Whether there are segments under the own label that this store did not write.
    pub(super) fn is_copied(&mut self, own: &Own, shown: &BTreeSet<Name>) -> Outcome<bool, L> {
        let label = segment::label(&self.log_of(own), self.keys);
        let known = self.replica.fates(&label).map_err(SyncError::Ledger)?;
        Ok(shown.iter().any(|name| name.sequence >= own.kept && !known.contains_key(name)))
    }

    /// Goes on as a new log: the store was copied or set back.
    pub(super) fn begin_anew(&mut self, anew: Anew) -> Outcome<(), L> {
        let own = self.own()?;
        let mut past = own.past;
        past.push(own.incarnation);
        let new = Own { incarnation: self.random.array()?, past, kept: 1, ..Own::default() };
        self.atomically(|this| {
            // What was not sent is said again under the new label.
            let unsent = this.replica.outbox().map_err(SyncError::Ledger)?;
            let names: Vec<Name> = unsent.iter().map(|(name, _)| *name).collect();
            this.replica.confirm(&names).map_err(SyncError::Ledger)?;
            this.replica.become_another().map_err(SyncError::Ledger)?;
            this.keep_lives(&new, anew)?;
            this.replica.put_own(&new).map_err(SyncError::Ledger)?;
            if this.statements().map_err(SyncError::Ledger)?.is_empty() {
                return Ok(());
            }
            this.write_snapshot(&new)
        })
    }

    /// The segments that are to be read now, with how often that was begun without an end. One that
    /// ended the program again and again is tried ever more rarely: it may be at fault, and then the
    /// others have to be read in spite of it, or the machine was.
    pub(super) fn unread(
        &mut self,
        prefix: &str,
        shown: &Shown,
        pulled: &mut Pulled,
    ) -> Outcome<Vec<(Name, u32)>, L> {
        let mut unread = Vec::new();
        let mut passed_over = Vec::new();
        for (label, names) in shown {
            let known = self.replica.fates(label).map_err(SyncError::Ledger)?;
            for name in names {
                match known.get(name) {
                    Some(Fate::Applied) => {}
                    Some(Fate::Rejected(why)) => {
                        pulled.rejected.push((name.full(prefix), why.clone()));
                    }
                    Some(Fate::Attempted(times))
                        if *times >= ATTEMPTS && !times.is_power_of_two() =>
                    {
                        let why = "taking it in ended the program: it is tried again later";
                        pulled.rejected.push((name.full(prefix), why.into()));
                        passed_over.push((*name, times.saturating_add(1)));
                    }
                    Some(Fate::Attempted(times)) => unread.push((*name, *times)),
                    None => unread.push((*name, 0)),
                }
            }
        }
        if !passed_over.is_empty() {
            self.keep(|this| {
                passed_over.iter().try_for_each(|(name, times)| {
                    this.replica.put_fate(name, &Fate::Attempted(*times))
                })
            })?;
        }
        Ok(unread)
    }

    /// Takes in what waited for its time, which has come.
    pub(super) fn take_in_parked(&mut self) -> Outcome<(), L> {
        self.keep(|this| {
            let taken = ledger::apply_parked(this.replica, this.now)?;
            this.replica.note_changed(&taken.changed)
        })
    }

    /// Takes in a segment, or says why not.
    pub(super) fn take_in(
        &mut self,
        prefix: &str,
        name: &Name,
        bytes: &[u8],
        attempts: u32,
        pulled: &mut Pulled,
    ) -> Outcome<(), L> {
        if !name.fits(&Sha256::digest(bytes).into()) {
            // Damaged on the way or by the server: what the name promises may still come.
            pulled.alarms.push(Alarm::unsound(name.full(prefix), bytes));
            return Ok(());
        }
        let opened = segment::open(bytes, self.keys).and_then(|segment| {
            let place = &segment.place;
            if (place.label, place.sequence) == (name.label, name.sequence) {
                return Ok(segment);
            }
            let (device, name) = (segment.content.log.device, name.full(prefix));
            pulled.alarms.push(Alarm::Replayed { device, sequence: place.sequence, name });
            Err(segment::SegmentError::Misplaced)
        });
        let refusal = match &opened {
            // The key of a new epoch, or a newer program, may come later.
            Err(error) if error.may_pass() => {
                pulled.rejected.push((name.full(prefix), error.to_string()));
                return Ok(());
            }
            Err(error) => Some(error.to_string()),
            Ok(_) => None,
        };
        if let Some(why) = refusal {
            pulled.rejected.push((name.full(prefix), why.clone()));
            return self.keep(|this| this.replica.put_fate(name, &Fate::Rejected(why)));
        }
        let Ok(segment) = opened else { return Ok(()) };
        self.keep(|this| {
            this.replica.put_fate(name, &Fate::Attempted(attempts.saturating_add(1)))
        })?;
        let own = self.own()?;
        let me = self.log_of(&own);
        let log = segment.content.log;
        let (taken, forked) = self.keep(|this| {
            this.note_twin(&own, &log)?;
            this.welcome(&log)?;
            let before = this.replica.log(&log)?.is_some_and(|state| state.forked);
            let taken = ledger::apply(this.replica, &segment, &me, this.now)?;
            this.replica.note_changed(&taken.changed)?;
            if log.device == me.device && this.holds_what_is_to_vanish(&segment)? {
                this.replica.put_note(REWRITE, &[])?;
            }
            let after = this.replica.log(&log)?.is_some_and(|state| state.forked);
            Ok((taken, after && !before))
        })?;
        // Told once: it stays so, and all of it was read.
        if forked && log.device != me.device {
            pulled.alarms.push(Alarm::Forked { device: log.device });
        }
        pulled.segments += 1;
        pulled.parked += taken.parked;
        Ok(())
    }

    /// Whether a segment has words of a pattern that is taken back everywhere: they came to light
    /// after that, in a log of this device.
    fn holds_what_is_to_vanish(&mut self, segment: &Segment) -> Result<bool, L::Error> {
        let device = segment.content.log.device;
        for record in &segment.content.records {
            if let Record::Field { pattern, .. } | Record::Document { pattern, .. } = record
                && ledger::is_redacted(self.replica, *pattern, &device)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where all devices of a workspace are one user's, a new one is trusted.
    fn welcome(&mut self, log: &LogId) -> Result<(), L::Error> {
        if !self.trusting || self.replica.log(log)?.is_some_and(|state| state.sequence > 0) {
            return Ok(());
        }
        let mut state = self.replica.device(&log.device)?;
        if state.trust == Trust::Unknown {
            state.trust = Trust::Trusted;
            self.replica.put_device(&log.device, &state)?;
        }
        Ok(())
    }
}
