//! Patterns of a project that say the same.
//!
//! A pair is the same when it is of one kind, names the same things in the same order, and shares
//! more than nine of ten words ([`crate::model::likeness`]). A group is what such pairs connect,
//! and the member with the smallest id stands for it, one that a person edited before others: all
//! of it depends on the patterns alone, so merging is commutative and associative.
//!
//! Pairs are looked for among those that name the same. Where these are many, only pairs are
//! compared that share one of their rarest words: with nine of ten words in common there is no
//! other way (prefix filtering; Bayardo, Ma and Srikant, 2007). Of these pairs, nearly all that are
//! not alike differ in more bits of a small picture of their words than a pair that is may.

use std::collections::HashMap;

use crate::model::likeness::{Likeness, SAME};
use crate::storage::Sketch;

/// Groups of two and more as positions in `sketches`, the one that stands for the group first.
pub(super) fn groups(sketches: &[&Sketch]) -> Vec<Vec<usize>> {
    let naming = |n: &usize| {
        let Sketch { kind, likeness, .. } = sketches[*n];
        (*kind, likeness.named, likeness.names)
    };
    let mut all: Vec<usize> = (0..sketches.len()).collect();
    all.sort_unstable_by_key(|n| (naming(n), sketches[*n].id));
    let mut sets = Sets::new(sketches.len());
    for same in all.chunk_by(|a, b| naming(a) == naming(b)) {
        join(sketches, same, &mut sets);
    }
    let mut found: HashMap<usize, Vec<usize>> = HashMap::new();
    for n in all {
        let root = sets.root(n);
        if sets.joined(n) {
            found.entry(root).or_default().push(n);
        }
    }
    let mut groups: Vec<Vec<usize>> = found.into_values().collect();
    for group in &mut groups {
        group.sort_unstable_by_key(|n| (!sketches[*n].edited, sketches[*n].id));
    }
    groups.sort_unstable_by_key(|group| sketches[group[0]].id);
    groups
}

/// Joins those of `block`, which all name the same, that are alike.
fn join(sketches: &[&Sketch], block: &[usize], sets: &mut Sets) {
    let likeness = |n: usize| -> &Likeness { &sketches[n].likeness };
    // The same words need no search.
    let mut sorted = block.to_vec();
    sorted.sort_unstable_by(|a, b| likeness(*a).words.cmp(&likeness(*b).words));
    let mut different = Vec::new();
    for same in sorted.chunk_by(|a, b| likeness(*a).words == likeness(*b).words) {
        different.push(same[0]);
        for n in same {
            sets.join(same[0], *n);
        }
    }
    if different.len() < 2 {
        return;
    }
    let mut frequency: HashMap<u32, u32> = HashMap::new();
    for n in &different {
        for word in &likeness(*n).words {
            *frequency.entry(*word).or_default() += 1;
        }
    }
    let pictures: Vec<Picture> = different.iter().map(|n| Picture::of(likeness(*n))).collect();
    let mut by_word: HashMap<u32, Vec<usize>> = HashMap::new();
    // So much of these is named that they need no word in common.
    let mut anywhere: Vec<usize> = Vec::new();
    let mut words: Vec<u32> = Vec::new();
    for (at, n) in different.iter().enumerate() {
        let mut compare = |others: &mut dyn Iterator<Item = usize>| {
            for other in others.filter(|other| pictures[at].may_be(&pictures[*other])) {
                if likeness(*n).with(likeness(different[other])) > SAME {
                    sets.join(*n, different[other]);
                }
            }
        };
        compare(&mut anywhere.iter().copied());
        let Some(rarest) = prefix(likeness(*n)) else {
            compare(&mut (0..at));
            anywhere.push(at);
            continue;
        };
        words.clear();
        words.extend(&likeness(*n).words);
        words.sort_unstable_by_key(|word| (frequency[word], *word));
        for word in &words[..rarest] {
            let known = by_word.entry(*word).or_default();
            compare(&mut known.iter().copied());
            known.push(at);
        }
    }
}

/// Of how many of its rarest words one is in everything that is the same; `None` when nothing need
/// be in common.
fn prefix(likeness: &Likeness) -> Option<usize> {
    let (names, words) = (f64::from(likeness.names), likeness.words.len());
    // (names + common) / (names + all words of both) > SAME, where both have at least `words`.
    let common = (SAME * words as f64 - (1.0 - SAME) * names).floor() + 1.0;
    (common >= 1.0).then(|| (words + 1).saturating_sub(common as usize))
}

/// What is compared of two patterns before their words are.
struct Picture {
    /// A bit for each word; words can share one.
    bits: u128,
    words: u32,
    names: u32,
}

impl Picture {
    fn of(likeness: &Likeness) -> Self {
        let bits = likeness.words.iter().fold(0, |bits, word| bits | 1_u128 << (word % 128));
        Self { bits, words: likeness.words.len() as u32, names: likeness.names }
    }

    /// Whether what they show can be the same; both name the same.
    fn may_be(&self, other: &Self) -> bool {
        // (names + common) / (names + common + differing) > SAME; each bit that differs is at
        // least one word that does.
        let (names, words) = (f64::from(self.names), f64::from(self.words + other.words));
        let most = (names * (1.0 - SAME) + words * (1.0 - SAME) / 2.0) / (1.0 + SAME) * 2.0;
        f64::from((self.bits ^ other.bits).count_ones()) <= most
    }
}

/// Sets of positions that are joined one by one (union-find).
struct Sets {
    parent: Vec<usize>,
    joined: Vec<bool>,
}

impl Sets {
    fn new(count: usize) -> Self {
        Self { parent: (0..count).collect(), joined: vec![false; count] }
    }

    fn root(&mut self, mut n: usize) -> usize {
        while self.parent[n] != n {
            self.parent[n] = self.parent[self.parent[n]];
            n = self.parent[n];
        }
        n
    }

    fn join(&mut self, a: usize, b: usize) {
        if a == b {
            return;
        }
        (self.joined[a], self.joined[b]) = (true, true);
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b)] = a.min(b);
    }

    fn joined(&self, n: usize) -> bool {
        self.joined[n]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::sketch;
    use super::*;
    use crate::model::pattern::Kind;

    /// The groups as ids, however they were found.
    fn ids(sketches: &[&Sketch]) -> Vec<Vec<String>> {
        let name = |group: Vec<usize>| group.iter().map(|n| sketches[*n].id.short()).collect();
        groups(sketches).into_iter().map(name).collect()
    }

    /// Ten words in common, and those of `rest`.
    fn said(rest: &str) -> String {
        format!("please write every comment as one short plain sentence that explains {rest}")
    }

    #[test]
    fn alike_is_joined_and_other_kinds_and_names_are_not() {
        let texts = [
            (Kind::Decision, said("things")),
            (Kind::Decision, said("Things.")),
            (Kind::Episode, said("things")),
            (Kind::Decision, said("`x`")),
            (Kind::Decision, "something else".into()),
        ];
        let made: Vec<Sketch> =
            texts.iter().enumerate().map(|(n, (kind, text))| sketch(n, *kind, text)).collect();
        let all: Vec<&Sketch> = made.iter().collect();
        let found = groups(&all);
        assert_eq!(found.len(), 1, "{found:?}");
        let mut members = found[0].clone();
        members.sort_unstable();
        assert_eq!(members, [0, 1]);
        assert!(made[found[0][0]].id < made[found[0][1]].id, "the smallest id stands for both");
    }

    /// The groups without any filter.
    fn plainly(sketches: &[&Sketch]) -> Vec<Vec<usize>> {
        let mut sets = Sets::new(sketches.len());
        for a in 0..sketches.len() {
            for b in 0..a {
                let same = sketches[a].kind == sketches[b].kind;
                if same && sketches[a].likeness.with(&sketches[b].likeness) > SAME {
                    sets.join(a, b);
                }
            }
        }
        let mut found: HashMap<usize, Vec<usize>> = HashMap::new();
        for n in (0..sketches.len()).filter(|n| sets.joined[*n]).collect::<Vec<_>>() {
            found.entry(sets.root(n)).or_default().push(n);
        }
        let mut groups: Vec<Vec<usize>> = found.into_values().collect();
        for group in &mut groups {
            group.sort_unstable_by_key(|n| sketches[*n].id);
        }
        groups.sort_unstable_by_key(|group| sketches[group[0]].id);
        groups
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_filter_misses_nothing_and_order_makes_no_difference(
            texts in prop::collection::vec(
                ("(N1 |N2 ){0,12}", prop::collection::vec("[a-c]{1,2}", 0..25)), 0..24),
            seed in any::<u64>(),
        ) {
            let made: Vec<Sketch> = texts
                .iter()
                .enumerate()
                .map(|(n, (names, words))| {
                    sketch(n, Kind::Episode, &format!("{names}{}", words.join(" ")))
                })
                .collect();
            let all: Vec<&Sketch> = made.iter().collect();
            prop_assert_eq!(groups(&all), plainly(&all));
            let mut shuffled = all.clone();
            shuffled.sort_by_key(|sketch| (sketch.row as u64).wrapping_mul(seed | 1) % 97);
            prop_assert_eq!(ids(&all), ids(&shuffled));
        }
    }
}
