//! How likely a prompt leads to a file. Pure. [`super::fit`] fits its weights anew.

use super::decay;

/// What is known of a file as an answer to a prompt.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are features, each for itself")]
pub(crate) struct Place {
    /// BM25 score over path, symbols and earlier prompts.
    pub(crate) bm25: f64,
    /// The same relative to the best file.
    pub(crate) relative: f64,
    /// BM25 over the path alone.
    pub(crate) path: f64,
    /// BM25 over the words of earlier prompts alone.
    pub(crate) words: f64,
    /// BM25 of the prompt's identifiers over its symbols, and relative to the best file.
    pub(crate) symbols: (f64, f64),
    /// Its name stands in the prompt.
    pub(crate) mentioned: bool,
    /// Its name stands there with its folder.
    pub(crate) spelled: bool,
    /// Share of the words in its name that the prompt has.
    pub(crate) named: f64,
    /// Episodes that changed it.
    pub(crate) edits: u32,
    /// Episodes that only read it.
    pub(crate) reads: u32,
    /// Days from the last work on it to the project's last activity.
    pub(crate) age_days: f64,
    /// Share of the changes of a file of this session in which it changed too.
    pub(crate) company: f64,
    /// It has the name of a file of this session, as a test has that of what it tests.
    pub(crate) sibling: bool,
    /// It lies in the folder of a file of this session.
    pub(crate) neighbour: bool,
    /// How alike the prompt is that is most like one that led to it, by [`super::same_subject`].
    pub(crate) alike: f64,
    /// It is a test.
    pub(crate) test: bool,
    /// It is text for people.
    pub(crate) document: bool,
    /// Another file that may be meant has its name, as `index.ts` has in many folders.
    pub(crate) namesake: bool,
    /// The name of another file stands in the prompt with its folder, and that of this one does not.
    pub(crate) outdone: bool,
}

/// What is known of a prompt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Asked {
    /// Different terms in it: long prompts score higher without meaning more.
    pub(crate) terms: usize,
    /// The session has worked on files already: the next prompt is often about those.
    pub(crate) midway: bool,
    /// It speaks of tests.
    pub(crate) tests: bool,
    /// It speaks of documents.
    pub(crate) documents: bool,
}

/// How many features the model has, the constant one first.
pub(crate) const FEATURES: usize = 26;

/// Number of the list of features: weights of another one are worth nothing.
const VERSION: u32 = 2;

/// Largest weight that can come of a fit.
const LARGEST: f64 = 100.0;

/// What each feature is called, and its shipped weight.
const SHIPPED: [(&str, f64); FEATURES] = [
    ("constant", -4.614),
    ("score relative to the best file", 0.417),
    ("score", 0.007),
    ("score of the path", 0.269),
    ("score of earlier prompts", 0.032),
    ("identifiers, relative to the best file", 1.723),
    ("identifiers", 0.114),
    ("its name is there", 1.523),
    ("its name is there with its folder", 3.182),
    ("words of its name", 0.996),
    ("changed in episodes, logarithm", 0.241),
    ("read in episodes, logarithm", 0.220),
    ("worked on lately", 1.353),
    ("changed together with a file of the session", 1.487),
    ("named like a file of the session", 0.675),
    ("its test, when tests are asked for", 0.569),
    ("beside a file of the session", 0.258),
    ("a prompt of like meaning led to it", 2.492),
    ("a test, when tests are asked for", 0.633),
    ("a test, when none are", -0.681),
    ("no test, when tests are asked for", -0.481),
    ("a document that nobody asked for", -1.144),
    ("words of the prompt, logarithm", -0.635),
    ("the session has worked on files", -1.360),
    ("another file of its name", -0.6),
    ("another file is there with its folder", -0.7),
];

/// The features of a file as an answer to a prompt.
pub(crate) type Features = [f64; FEATURES];

/// The features of `place` for `asked`, in the order of the weights.
pub(crate) fn features(place: &Place, asked: &Asked) -> Features {
    let flag = |on: bool| if on { 1.0 } else { 0.0 };
    [
        1.0,
        place.relative,
        place.bm25.min(40.0),
        place.path,
        place.words,
        place.symbols.1,
        place.symbols.0.min(20.0),
        flag(place.mentioned),
        flag(place.spelled),
        place.named,
        f64::from(place.edits).ln_1p(),
        f64::from(place.reads).ln_1p(),
        decay(place.age_days, 10.0),
        place.company,
        flag(place.sibling),
        flag(place.sibling && place.test && asked.tests),
        flag(place.neighbour),
        place.alike,
        flag(place.test && asked.tests),
        flag(place.test && !asked.tests),
        flag(!place.test && asked.tests),
        flag(place.document && !asked.documents),
        (asked.terms as f64).ln_1p(),
        flag(asked.midway),
        flag(place.namesake),
        flag(place.outdone),
    ]
}

/// Whether a feature can be anything but 0 for what was asked.
type IsOpen = fn(&Asked) -> bool;

/// The places of the features that come of a file's path alone, each from 0 to 1.
const OF_PATH: [(usize, IsOpen); 8] = [
    (9, |_| true),
    (14, |asked| asked.midway),
    (15, |asked| asked.midway && asked.tests),
    (16, |asked| asked.midway),
    (18, |asked| asked.tests),
    (19, |asked| !asked.tests),
    (20, |asked| asked.tests),
    (21, |asked| !asked.documents),
];

/// The weights of the model that says how likely a prompt leads to a file.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Weights(pub(super) Features);

impl Weights {
    /// Those that the program brings: a logistic model with a ridge penalty, fitted on replayed
    /// sessions of seven projects, each prompt with its candidates, learned from earlier sessions
    /// only. `docs/learning.md` has the method, and how it fares on projects that it was not
    /// fitted on.
    pub(crate) fn shipped() -> Self {
        Self(SHIPPED.map(|(_, weight)| weight))
    }

    /// Each weight with the name of its feature.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, f64)> {
        SHIPPED.iter().zip(self.0).map(|((name, _), weight)| (*name, weight))
    }

    /// Chance that a prompt leads to the file with these features.
    pub(crate) fn chance(&self, features: &Features) -> f64 {
        let z: f64 = self.0.iter().zip(features).map(|(weight, feature)| weight * feature).sum();
        1.0 / (1.0 + (-z).exp())
    }

    /// The most that [`Self::chance`] can be for a file with these features, whatever its path
    /// says. Sums of the same terms in the same order, each as large as it can be, are never
    /// below the exact one, rounded as they are.
    pub(crate) fn chance_at_most(&self, features: &Features, asked: &Asked) -> f64 {
        let mut most = *features;
        for (place, is_open) in OF_PATH {
            most[place] = if self.0[place] > 0.0 && is_open(asked) { 1.0 } else { 0.0 };
        }
        self.chance(&most)
    }

    /// The shipped weights with another constant: what all files are alike likelier or less likely.
    #[cfg(test)]
    pub(crate) fn with_constant(constant: f64) -> Self {
        let mut weights = Self::shipped();
        weights.0[0] = constant;
        weights
    }

    /// As bytes: the number of the list of features, then the weights, little-endian.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = VERSION.to_le_bytes().to_vec();
        bytes.extend(self.0.iter().flat_map(|weight| weight.to_le_bytes()));
        bytes
    }

    /// Reads [`Self::to_bytes`]; `None` for weights of another list of features, too few or too
    /// many, and what no fit gives.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first_chunk()?;
        let (weights, []) = rest.as_chunks::<8>() else { return None };
        if u32::from_le_bytes(*version) != VERSION || weights.len() != FEATURES {
            return None;
        }
        let mut read = [0.0; FEATURES];
        for (to, from) in read.iter_mut().zip(weights) {
            *to = f64::from_le_bytes(*from);
        }
        // A NaN is in no range.
        read.iter().all(|weight| (-LARGEST..=LARGEST).contains(weight)).then_some(Self(read))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn weights_are_read_as_they_were_written() {
        let shipped = Weights::shipped();
        let bytes = shipped.to_bytes();
        assert_eq!(Weights::from_bytes(&bytes), Some(shipped));
        for length in 0..bytes.len() {
            assert_eq!(Weights::from_bytes(&bytes[..length]), None, "{length} bytes");
        }
        assert_eq!(Weights::from_bytes(&[bytes.as_slice(), &[0; 8]].concat()), None);
        let mut other = bytes.clone();
        other[0] += 1;
        assert_eq!(Weights::from_bytes(&other), None, "another list of features");
        for weight in [f64::NAN, f64::INFINITY, -LARGEST * 2.0] {
            let mut damaged = shipped;
            damaged.0[7] = weight;
            assert_eq!(Weights::from_bytes(&damaged.to_bytes()), None, "{weight}");
        }
    }

    proptest! {
        #[test]
        fn no_path_makes_a_file_likelier_than_it_can_be(
            weights in prop::collection::vec(-5.0_f64..5.0, FEATURES),
            known in (0.0_f64..1.0, 0.0_f64..30.0, 0.0_f64..9.0, 0_u32..9, 0.0_f64..1.0),
            named in 0.0_f64..=1.0,
            flags in prop::array::uniform7(any::<bool>()),
        ) {
            let weights = Weights(std::array::from_fn(|n| weights[n]));
            let [test, document, sibling, neighbour, tests, documents, midway] = flags;
            let (relative, bm25, path, edits, alike) = known;
            let unseen = Place { bm25, relative, path, edits, alike, ..Place::default() };
            let asked = Asked { terms: 9, midway, tests, documents };
            // Without files of the session there is nothing to be near to.
            let (sibling, neighbour) = (sibling && midway, neighbour && midway);
            let seen = Place { named, sibling, neighbour, test, document, ..unseen };
            let chance = weights.chance(&features(&seen, &asked));
            prop_assert!(chance <= weights.chance_at_most(&features(&unseen, &asked), &asked));
        }

        #[test]
        fn any_bytes_are_read_quietly(bytes in prop::collection::vec(any::<u8>(), 0..260)) {
            if let Some(weights) = Weights::from_bytes(&bytes) {
                prop_assert!((0.0..=1.0).contains(&weights.chance(&[1.0; FEATURES])));
            }
        }
    }
}
