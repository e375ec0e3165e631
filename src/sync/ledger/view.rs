//! What a ledger comes to, by the word of those that are trusted.

use std::collections::BTreeMap;

use super::{Claim, Ledger, Trust};
use crate::model::clock::Hlc;
use crate::model::ids::PatternId;
use crate::sync::record::{Counts, Field};
use crate::sync::segment::DeviceKey;

/// What devices say of a pattern, put together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct View {
    /// Whose words stand, and the words' encoded form; `None` when nobody's do.
    pub(crate) words: Option<(DeviceKey, Claim)>,
    /// Whether they are those of a trusted device.
    pub(crate) trusted: bool,
    /// Documents of trusted devices, to be merged.
    pub(crate) documents: Vec<(DeviceKey, Vec<u8>)>,
    /// Counts of all trusted devices together; of all others where none is trusted.
    pub(crate) counts: Counts,
    /// What weighs of them: of each device only so much.
    pub(crate) weight: Counts,
    /// Whether a trusted device wants it to vanish for ever.
    pub(crate) redacted: bool,
    /// When a trusted device last deleted it: what was said until then does not count.
    pub(crate) deleted: Hlc,
}

/// Sightings for which the word of one device counts at most.
const MOST: u32 = 10;

/// Whether a trusted device, or `author` itself, wants the pattern to vanish for ever.
pub(crate) fn is_redacted<L: Ledger>(
    ledger: &mut L,
    pattern: PatternId,
    author: &DeviceKey,
) -> Result<bool, L::Error> {
    for (device, removal) in ledger.removals(pattern)? {
        let counts = device == *author || ledger.device(&device)?.trust == Trust::Trusted;
        if removal.redacted && counts {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What the ledger comes to for one pattern. The last writer wins, of several at once the one with
/// the greater key; a trusted device's words stand before those of others. What `but` says is left
/// out: a device need not hear itself.
pub(crate) fn view<L: Ledger>(
    ledger: &mut L,
    pattern: PatternId,
    but: Option<&DeviceKey>,
) -> Result<View, L::Error> {
    let mut view = View::default();
    let removals = ledger.removals(pattern)?;
    for (device, removal) in &removals {
        if ledger.device(device)?.trust == Trust::Trusted {
            view.redacted |= removal.redacted;
            view.deleted = view.deleted.max(removal.deleted);
        }
    }
    if view.redacted {
        return Ok(view);
    }
    let deleted = view.deleted;
    for (device, claim) in ledger.claims(pattern, Field::WORDING)? {
        let trust = ledger.device(&device)?.trust;
        let own = removals.iter().find(|(other, _)| *other == device);
        let gone = own.is_some_and(|(_, own)| own.redacted || own.deleted >= claim.hlc)
            || claim.hlc <= deleted;
        if trust == Trust::Refused || gone || but == Some(&device) {
            continue;
        }
        let rank = |trusted, hlc, device| (trusted, hlc, device);
        let new = rank(trust == Trust::Trusted, claim.hlc, device);
        let stands = view
            .words
            .as_ref()
            .is_none_or(|(device, claim)| new > rank(view.trusted, claim.hlc, *device));
        if stands {
            view.trusted = trust == Trust::Trusted;
            view.words = Some((device, claim));
        }
    }
    for (device, claim) in ledger.claims(pattern, Field::DOCUMENT)? {
        let other = but != Some(&device);
        if other && ledger.device(&device)?.trust == Trust::Trusted && claim.hlc > deleted {
            view.documents.push((device, claim.value));
        }
    }
    let mut by_device: BTreeMap<DeviceKey, Counts> = BTreeMap::new();
    for (log, counts) in ledger.all_counts(pattern)? {
        let trusted = ledger.device(&log.device)?.trust == Trust::Trusted;
        if trusted == view.trusted && but != Some(&log.device) {
            view.counts = view.counts.plus(counts);
            let of_device = by_device.entry(log.device).or_default();
            *of_device = of_device.plus(counts);
        }
    }
    let weights = by_device.into_values().map(|counts| counts.weighed(MOST));
    view.weight = weights.fold(Counts::default(), Counts::plus);
    Ok(view)
}

/// First and last time that devices saw the pattern, of those whose counts are in `view` and as far
/// as such a time is `possible`; zeros where none is. One device's clock that was not set must not
/// hide what the others say.
pub(crate) fn seen<L: Ledger>(
    ledger: &mut L,
    pattern: PatternId,
    view: &View,
    but: Option<&DeviceKey>,
    possible: impl Fn(i64) -> bool,
) -> Result<(i64, i64), L::Error> {
    let or_never = |at| if possible(at) { at } else { 0 };
    let mut seen = Counts::default();
    for (log, Counts { first, last, .. }) in ledger.all_counts(pattern)? {
        let trusted = ledger.device(&log.device)?.trust == Trust::Trusted;
        if trusted == view.trusted && but != Some(&log.device) {
            let (first, last) = (or_never(first), or_never(last));
            seen = seen.join(Counts { first, last, ..Counts::default() });
        }
    }
    Ok((seen.first, seen.last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::ledger::DeviceState;
    use crate::sync::ledger::memory::Memory;
    use crate::sync::segment::LogId;

    #[test]
    fn no_device_outvotes_others_by_what_it_says() {
        let mut ledger = Memory::default();
        let pattern = PatternId::from_bytes([1; 16]);
        let claim = Claim { hlc: Hlc(1), value: b"words".to_vec() };
        // Three saw it work, and one says that it failed as often as can be said, in two lives.
        let honest = Counts { numbers: [4, 4, 2, 0, 0, 0, 0, 0], first: 5, last: 9 };
        let evil = Counts { numbers: [0, u32::MAX, u32::MAX, 0, 0, 0, 0, 0], first: 5, last: 9 };
        for (device, incarnation, counts) in
            [(1, 1, honest), (2, 1, honest), (3, 1, honest), (4, 1, evil), (4, 2, evil)]
        {
            let log = LogId { device: [device; 32], incarnation: [incarnation; 16] };
            let state = DeviceState { trust: Trust::Trusted, ..DeviceState::default() };
            ledger.put_device(&log.device, &state).unwrap();
            ledger.put_claim(pattern, Field::WORDING, &log.device, &claim).unwrap();
            ledger.put_counts(pattern, &log, counts).unwrap();
        }
        let Ok(view) = view(&mut ledger, pattern, None);
        assert_eq!(view.counts.numbers[..2], [12, u32::MAX]);
        assert_eq!(view.weight.numbers[..3], [12, 22, 16]);
    }
}
