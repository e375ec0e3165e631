//! What left of patterns that did not change since: the rules for what leaves are applied to what is
//! new only.
//!
//! Applying them to ten thousand patterns takes most of a second, and at most exchanges nothing has
//! changed. So it is kept, pattern by pattern, what was learned and what became of it, both as
//! hashes. Where both are as they were, this device's word stands for what leaves. All of it holds
//! for the same program, the same workspace, machine and settings only.

use std::collections::BTreeMap;

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::crypto;
use super::engine::Offer;
use super::local;
use super::sanitise::Sanitiser;
use crate::model::ids::PatternId;
use crate::storage::{Local, Reader, StorageError, Store};

/// Under which key it is kept.
const KEPT: &str = "unchanged";

/// A hash of the sources of this program that decide what leaves (`scripts/build.rs`).
const PROGRAM: &str = env!("MANA_RULES");

/// Bytes of a hash that are kept.
const SHORT: usize = 16;

type Short = [u8; SHORT];

/// What was learned of a pattern, and what left of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Kept {
    learned: Short,
    left: Short,
}

/// What left of each pattern when it was last looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Unchanged {
    /// The rules by which.
    rules: Short,
    of: BTreeMap<PatternId, Kept>,
}

impl Unchanged {
    /// What the store keeps of it: nothing, where that was by other rules.
    pub(crate) fn of(
        store: &Reader,
        label_key: &[u8; 32],
        sanitiser: &Sanitiser,
    ) -> Result<Self, StorageError> {
        let rules = rules(PROGRAM, label_key, sanitiser);
        let kept = store.sharing_value(KEPT)?.unwrap_or_default();
        Ok(Self::decode(&kept, rules))
    }

    /// Keeps it for the next time.
    pub(crate) fn keep(&self, store: &mut Store) -> Result<(), StorageError> {
        store.put_sharing_value(KEPT, &self.encode())
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = self.rules.to_vec();
        for (pattern, Kept { learned, left }) in &self.of {
            bytes.extend(pattern.as_bytes());
            bytes.extend(learned);
            bytes.extend(left);
        }
        bytes
    }

    fn decode(bytes: &[u8], rules: Short) -> Self {
        let mut of = BTreeMap::new();
        if let Some(rows) = bytes.strip_prefix(&rules) {
            let (rows, _) = rows.as_chunks::<SHORT>();
            let (rows, _) = rows.as_chunks::<3>();
            of.extend(rows.iter().map(|[pattern, learned, left]| {
                (PatternId::from_bytes(*pattern), Kept { learned: *learned, left: *left })
            }));
        }
        Self { rules, of }
    }

    /// What this device offers of `patterns`, in their order, and what is to be kept of that. `said`
    /// is what it last said of each. What has changed is done side by side.
    pub(crate) fn offers(
        &self,
        patterns: Vec<Local>,
        said: &BTreeMap<PatternId, Vec<u8>>,
        label_key: &[u8; 32],
        sanitiser: &Sanitiser,
    ) -> (Vec<Offer>, Self) {
        let one = |pattern: Local| {
            let id = pattern.pattern.id;
            let learned = learned(&pattern);
            let before = self.of.get(&id).filter(|kept| kept.learned == learned);
            let said = said.get(&id).filter(|said| before.is_some_and(|k| k.left == short(said)));
            let offer = match said {
                Some(words) => Offer {
                    pattern: id,
                    words: Some(words.clone()),
                    counts: local::counts(&pattern),
                    document: None,
                },
                None => local::leaves(pattern, label_key, sanitiser).offer(None),
            };
            let left = short(offer.words.as_deref().unwrap_or_default());
            (offer, (id, Kept { learned, left }))
        };
        let (offers, of): (Vec<Offer>, Vec<_>) = patterns.into_par_iter().map(one).unzip();
        (offers, Self { rules: self.rules, of: of.into_iter().collect() })
    }
}

/// The rules by which something leaves: those of the program, and what they are given.
fn rules(program: &str, label_key: &[u8; 32], sanitiser: &Sanitiser) -> Short {
    let sum = crypto::mac(label_key, &[b"rules", program.as_bytes(), sanitiser.identity()]);
    short_of(sum)
}

/// A hash of all that leaves depends on, as it was learned.
fn learned(local: &Local) -> Short {
    let Local { pattern, project, keys, .. } = local;
    let payload = serde_json::to_vec(&pattern.payload).expect("a payload has only string keys");
    let mut hash = Sha256::new();
    hash.update([pattern.kind as u8, u8::from(project.is_some())]);
    let project = project.as_deref().unwrap_or_default();
    for text in [project, &pattern.tool, &pattern.category, &pattern.trigger, &pattern.text] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hash.update((payload.len() as u64).to_be_bytes());
    hash.update(payload);
    for key in keys {
        hash.update(key.to_be_bytes());
    }
    short_of(hash.finalize().into())
}

fn short(bytes: &[u8]) -> Short {
    short_of(Sha256::digest(bytes).into())
}

fn short_of(hash: [u8; 32]) -> Short {
    let mut short = [0; SHORT];
    short.copy_from_slice(&hash[..SHORT]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::pattern::{Effect, Kind, Pattern, Payload, State, Tally};
    use crate::sync::sanitise::Identity;

    const LABELS: [u8; 32] = [7; 32];

    fn local(n: u8) -> Local {
        let pattern = Pattern {
            row: n.into(),
            id: PatternId::from_bytes([n; 16]),
            kind: Kind::Decision,
            project: Some(1),
            tool: String::new(),
            category: String::new(),
            trigger: format!("ask ada about {n}"),
            text: format!("the user said: ask ada about {n}"),
            payload: Payload { files: vec!["a.rs".into()], ..Payload::default() },
            state: State::Active,
            tally: Tally::default(),
            effect: Effect::default(),
        };
        Local { pattern, project: Some("example.org/shop".into()), keys: vec![3], shown: [0; 3] }
    }

    fn sanitiser(user: &str) -> Sanitiser {
        let identity = Identity { users: vec![user.into()], ..Identity::default() };
        Sanitiser::new(&identity, &[9; 32], true, true)
    }

    fn nothing(sanitiser: &Sanitiser) -> Unchanged {
        Unchanged { rules: rules("1", &LABELS, sanitiser), of: BTreeMap::new() }
    }

    /// What a device says that says all of it.
    fn words_of(offers: &[Offer]) -> BTreeMap<PatternId, Vec<u8>> {
        offers.iter().map(|offer| (offer.pattern, offer.words.clone().unwrap())).collect()
    }

    #[test]
    fn what_did_not_change_is_offered_as_it_was_said() {
        let sanitiser = sanitiser("ada");
        let patterns = vec![local(1), local(2)];
        let none = BTreeMap::new();
        let (first, kept) =
            nothing(&sanitiser).offers(patterns.clone(), &none, &LABELS, &sanitiser);
        let said = words_of(&first);
        let (again, same) = kept.offers(patterns.clone(), &said, &LABELS, &sanitiser);
        assert_eq!((&again, &same), (&first, &kept));
        assert_eq!(again, local_leaves(patterns, &sanitiser), "as if all of it was made anew");
        assert_eq!(Unchanged::decode(&kept.encode(), kept.rules), kept);
    }

    fn local_leaves(patterns: Vec<Local>, sanitiser: &Sanitiser) -> Vec<Offer> {
        let all = local::all_leaves(patterns, &LABELS, sanitiser);
        all.iter().map(|leaves| leaves.offer(None)).collect()
    }

    /// Whether a pattern is looked at again that left as no rule would have it, so that this shows.
    fn is_looked_at_again(
        change: impl FnOnce(&mut Local, &mut BTreeMap<PatternId, Vec<u8>>),
    ) -> bool {
        let sanitiser = sanitiser("ada");
        let mut pattern = local(1);
        let kept = Kept { learned: learned(&pattern), left: short(b"word") };
        let mut said = BTreeMap::from([(pattern.pattern.id, b"word".to_vec())]);
        change(&mut pattern, &mut said);
        let unchanged =
            Unchanged { of: BTreeMap::from([(pattern.pattern.id, kept)]), ..nothing(&sanitiser) };
        let (offers, _) = unchanged.offers(vec![pattern], &said, &LABELS, &sanitiser);
        offers[0].words.as_deref() != Some(b"word")
    }

    #[test]
    fn every_change_has_it_looked_at_again() {
        assert!(!is_looked_at_again(|_, _| {}));
        // How often it was seen is said apart from the words.
        assert!(!is_looked_at_again(|local, _| local.pattern.tally.successes = 8));
        assert!(is_looked_at_again(|local, _| local.pattern.text.push('x')));
        assert!(is_looked_at_again(|local, _| local.pattern.trigger.push('x')));
        assert!(is_looked_at_again(|local, _| local.pattern.tool.push('x')));
        assert!(is_looked_at_again(|local, _| local.pattern.category.push('x')));
        assert!(is_looked_at_again(|local, _| local.pattern.kind = Kind::Fix));
        assert!(is_looked_at_again(|local, _| local.pattern.payload.routine = true));
        assert!(is_looked_at_again(|local, _| local.project = None));
        assert!(is_looked_at_again(|local, _| local.project = Some("other".into())));
        assert!(is_looked_at_again(|local, _| local.keys.push(4)));
        assert!(is_looked_at_again(|_, said| said.clear()));
        assert!(is_looked_at_again(|_, said| said.values_mut().for_each(|word| word.push(0))));
    }

    #[test]
    fn it_holds_for_the_same_rules_only() {
        let of = |program: &str, labels: u8, user: &str, key: u8, paths: bool| {
            let identity = Identity { users: vec![user.into()], ..Identity::default() };
            rules(program, &[labels; 32], &Sanitiser::new(&identity, &[key; 32], paths, true))
        };
        let one = of("1", 1, "ada", 1, true);
        assert_eq!(one, of("1", 1, "ada", 1, true));
        for other in [
            of("2", 1, "ada", 1, true),
            of("1", 2, "ada", 1, true),
            of("1", 1, "eve", 1, true),
            of("1", 1, "ada", 2, true),
            of("1", 1, "ada", 1, false),
        ] {
            assert_ne!(one, other);
        }
        let kept = Unchanged {
            rules: one,
            of: BTreeMap::from([(local(1).pattern.id, Kept { learned: [1; 16], left: [2; 16] })]),
        };
        let other = of("2", 1, "ada", 1, true);
        assert_eq!(Unchanged::decode(&kept.encode(), other).of, BTreeMap::new());
    }
}
