//! Weights of the model for files, fitted to prompts whose outcome is known. Pure.
//!
//! Logistic regression with a ridge penalty on the distance from the shipped weights (le Cessie
//! and van Houwelingen, "Ridge estimators in logistic regression", 1992), solved by Newton's method:
//! with few prompts the shipped weights stay, with many the prompts decide. What was fitted to
//! the earlier prompts has to prove itself on the later ones before it is used.

use serde::Serialize;

use super::cost;
use super::place::{FEATURES, Features, Weights};

/// How much the shipped weights count, each by the mean square of its feature. A candidate whose chance
/// is one in twenty counts 0.05, so this is what 600 of them say.
const PRIOR: f64 = 30.0;

/// Mean square that a feature has at least: one that is rarely there must not move far.
const LEAST_SQUARE: f64 = 0.05;

/// Newton steps at most; few are needed.
const STEPS: usize = 40;

/// Prompts that a fit needs, and of them those held out to try it on.
pub(crate) const LEAST: [usize; 2] = [100, 30];

/// Share of the prompts that are fitted to, the earliest.
const FITTED: f64 = 0.7;

/// Files that a prompt is told at most.
const NAMED: usize = 3;

/// Standard errors by which the log loss has to fall to be more than noise.
const SURE: f64 = 2.0;

/// A file that was a candidate at a prompt.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Example {
    /// Its features.
    pub(crate) features: Features,
    /// Characters of its path.
    pub(crate) characters: usize,
    /// Whether the prompt led to it.
    pub(crate) right: bool,
}

/// How well weights do on prompts.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(crate) struct Quality {
    /// Mean log loss of a candidate, in nats.
    pub(crate) log_loss: f64,
    /// Of the candidates that the prompts led to, the share that is named.
    pub(crate) recall: f64,
    /// Of those that are named, the share that the prompts led to.
    pub(crate) precision: f64,
}

/// What is done with a fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// There are too few prompts to tell.
    TooFew,
    /// The shipped weights do as well on the prompts that were held out.
    NoBetter,
    /// It is better than the shipped weights by more than noise.
    Better,
}

/// A fit, tried on prompts that it was not fitted to.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Refit {
    /// Prompts, and those of them that were held out.
    pub(crate) prompts: [usize; 2],
    /// Candidates of all prompts.
    pub(crate) candidates: usize,
    /// The fitted weights.
    pub(crate) weights: Weights,
    /// The shipped weights on the prompts that were held out.
    pub(crate) before: Quality,
    /// The fitted ones, where they are as precise.
    pub(crate) after: Quality,
    /// How much lower the log loss of a prompt's candidates is, and the standard error of that.
    pub(crate) gain: [f64; 2],
    /// What to do with them.
    pub(crate) verdict: Verdict,
}

/// Fits weights to the earlier ones of `prompts`, which are in order of time, and tries them on the
/// later ones.
pub(crate) fn refit(prompts: &[Vec<Example>]) -> Refit {
    let shipped = Weights::shipped();
    let (early, late) = prompts.split_at((prompts.len() as f64 * FITTED) as usize);
    let weights = fit(&early.concat(), &shipped);
    let before = named(late, &shipped, None);
    let after = named(late, &weights, Some(before.precision));
    let gain = gain(late, &shipped, &weights);
    let enough = prompts.len() >= LEAST[0] && late.len() >= LEAST[1];
    let better = gain[0] > SURE * gain[1] && after.recall >= before.recall;
    let verdict = match (enough, better) {
        (false, _) => Verdict::TooFew,
        (true, false) => Verdict::NoBetter,
        (true, true) => Verdict::Better,
    };
    let candidates = prompts.iter().map(Vec::len).sum();
    let prompts = [prompts.len(), late.len()];
    Refit { prompts, candidates, weights, before, after, gain, verdict }
}

/// The weights that fit `examples` best, drawn towards `prior`; `prior` where nothing can be told.
pub(crate) fn fit(examples: &[Example], prior: &Weights) -> Weights {
    let penalty = penalties(examples);
    let mut weights = *prior;
    let mut objective = penalised(examples, &weights, prior, &penalty);
    for _ in 0..STEPS {
        let (gradient, hessian) = derivatives(examples, &weights, prior, &penalty);
        let Some(step) = solve(hessian, gradient) else { return weights };
        let Some((next, lower)) = descend(&weights, &step, objective, |weights| {
            penalised(examples, weights, prior, &penalty)
        }) else {
            break;
        };
        let gained = objective - lower;
        (weights, objective) = (next, lower);
        if gained < 1e-9 * (1.0 + objective) {
            break;
        }
    }
    // What cannot be stored is no fit.
    Weights::from_bytes(&weights.to_bytes()).unwrap_or(*prior)
}

/// The weights a step further, or a part of it, where the objective is lower, and its value.
fn descend(
    weights: &Weights,
    step: &Features,
    objective: f64,
    of: impl Fn(&Weights) -> f64,
) -> Option<(Weights, f64)> {
    let parts = [1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125];
    parts.into_iter().find_map(|part| {
        let mut next = *weights;
        for (weight, step) in next.0.iter_mut().zip(step) {
            *weight -= part * step;
        }
        let value = of(&next);
        (value < objective).then_some((next, value))
    })
}

/// What the distance of each weight from its shipped value costs.
fn penalties(examples: &[Example]) -> Features {
    let number = examples.len().max(1) as f64;
    let mut penalties = [0.0; FEATURES];
    for (n, penalty) in penalties.iter_mut().enumerate() {
        let square: f64 = examples.iter().map(|example| example.features[n].powi(2)).sum();
        *penalty = PRIOR * (square / number).max(LEAST_SQUARE);
    }
    penalties
}

/// Log loss and penalty together.
fn penalised(examples: &[Example], weights: &Weights, prior: &Weights, penalty: &Features) -> f64 {
    let loss: f64 = examples.iter().map(|example| log_loss(example, weights)).sum();
    let distances = weights.0.iter().zip(&prior.0).zip(penalty);
    loss + distances.map(|((w, prior), penalty)| penalty * (w - prior).powi(2)).sum::<f64>() / 2.0
}

/// First and second derivatives of [`penalised`].
fn derivatives(
    examples: &[Example],
    weights: &Weights,
    prior: &Weights,
    penalty: &Features,
) -> (Features, [Features; FEATURES]) {
    let mut gradient = [0.0; FEATURES];
    let mut hessian = [[0.0; FEATURES]; FEATURES];
    for example in examples {
        let chance = weights.chance(&example.features);
        let off = chance - if example.right { 1.0 } else { 0.0 };
        let bend = chance * (1.0 - chance);
        for (n, feature) in example.features.iter().enumerate().filter(|(_, f)| **f != 0.0) {
            gradient[n] += off * feature;
            for (m, other) in example.features.iter().enumerate().take(n + 1) {
                hessian[n][m] += bend * feature * other;
            }
        }
    }
    for n in 0..FEATURES {
        gradient[n] += penalty[n] * (weights.0[n] - prior.0[n]);
        hessian[n][n] += penalty[n];
    }
    (gradient, hessian)
}

/// Solves `matrix` · x = `right` for a symmetric positive definite matrix, of which the lower half
/// is given, by Cholesky's decomposition; `None` when it is none.
fn solve(mut matrix: [Features; FEATURES], mut right: Features) -> Option<Features> {
    for n in 0..FEATURES {
        for m in 0..=n {
            let known: f64 = (0..m).map(|k| matrix[n][k] * matrix[m][k]).sum();
            let rest = matrix[n][m] - known;
            matrix[n][m] = match n == m {
                true if rest > 0.0 => rest.sqrt(),
                true => return None,
                false => rest / matrix[m][m],
            };
        }
        let known: f64 = (0..n).map(|k| matrix[n][k] * right[k]).sum();
        right[n] = (right[n] - known) / matrix[n][n];
    }
    for n in (0..FEATURES).rev() {
        let known: f64 = (n + 1..FEATURES).map(|k| matrix[k][n] * right[k]).sum();
        right[n] = (right[n] - known) / matrix[n][n];
    }
    right.iter().all(|x| x.is_finite()).then_some(right)
}

fn log_loss(example: &Example, weights: &Weights) -> f64 {
    let chance = weights.chance(&example.features).clamp(1e-9, 1.0 - 1e-9);
    if example.right { -chance.ln() } else { -(1.0 - chance).ln() }
}

/// How much lower a prompt's log loss is with `new` weights than with `old` ones in the mean, and
/// the standard error of that: candidates of one prompt say much the same.
fn gain(prompts: &[Vec<Example>], old: &Weights, new: &Weights) -> [f64; 2] {
    let number = prompts.len().max(2) as f64;
    let gain = |example: &Example| log_loss(example, old) - log_loss(example, new);
    let gains: Vec<f64> = prompts.iter().map(|prompt| prompt.iter().map(gain).sum()).collect();
    let mean = gains.iter().sum::<f64>() / number;
    let square: f64 = gains.iter().map(|gain| (gain - mean).powi(2)).sum();
    [mean, (square / (number - 1.0) / number).sqrt()]
}

/// What is named of the prompts' candidates with these weights: what is worth its line, or, where
/// a precision is given, as many of the surest as are as precise.
fn named(prompts: &[Vec<Example>], weights: &Weights, precision: Option<f64>) -> Quality {
    let mut surest: Vec<(f64, bool)> = Vec::new();
    for prompt in prompts {
        let mut ranked: Vec<(f64, &Example)> =
            prompt.iter().map(|example| (weights.chance(&example.features), example)).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let worth = |(chance, example): &&(f64, &Example)| {
            precision.is_some() || *chance >= cost::file(example.characters)
        };
        let told = ranked.iter().filter(worth).take(NAMED);
        surest.extend(told.map(|(chance, example)| (*chance, example.right)));
    }
    surest.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut right, mut best) = (0_usize, (0_usize, 0_usize));
    for (n, (_, is_right)) in surest.iter().enumerate() {
        right += usize::from(*is_right);
        if precision.is_none_or(|least| right as f64 >= least * (n + 1) as f64) {
            best = (right, n + 1);
        }
    }
    let all = || prompts.iter().flatten();
    let wanted = all().filter(|example| example.right).count();
    let share = |part: usize, of: usize| part as f64 / of.max(1) as f64;
    Quality {
        log_loss: all().map(|example| log_loss(example, weights)).sum::<f64>()
            / all().count().max(1) as f64,
        recall: share(best.0, wanted),
        precision: share(best.0, best.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::key::{Key, Space};

    /// A number from 0 to 1 that depends on `seed` alone.
    fn chance(seed: &str) -> f64 {
        let bits = Key::new(Space::Holdout, seed).to_i64() as u64;
        // The finaliser of SplitMix64: FNV alone mixes the last bytes poorly.
        let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Prompts with ten candidates each, right as often as `truth` says.
    fn prompts(number: usize, truth: &Weights) -> Vec<Vec<Example>> {
        let candidate = |prompt: usize, n: usize| {
            let mut features = [0.0; FEATURES];
            features[0] = 1.0;
            for (feature, value) in features.iter_mut().enumerate().skip(1) {
                *value = chance(&format!("{prompt} {n} {feature}"));
            }
            let right = chance(&format!("{prompt} {n} right")) < truth.chance(&features);
            Example { features, characters: 30, right }
        };
        (0..number).map(|prompt| (0..10).map(|n| candidate(prompt, n)).collect()).collect()
    }

    /// Weights by which other files are likely than by the shipped ones.
    fn others() -> Weights {
        let mut weights = Weights::shipped();
        weights.0[0] += 1.0;
        weights.0[3] += 3.0;
        weights.0[8] -= 4.0;
        weights.0[12] -= 2.0;
        weights
    }

    fn distance(a: &Weights, b: &Weights) -> f64 {
        a.0.iter().zip(&b.0).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
    }

    #[test]
    fn many_prompts_give_the_weights_that_made_them() {
        let (shipped, truth) = (Weights::shipped(), others());
        let fitted = fit(&prompts(6_000, &truth).concat(), &shipped);
        let off = distance(&fitted, &truth);
        assert!(off < 0.2 * distance(&shipped, &truth), "{off}: {fitted:?}");
    }

    #[test]
    fn few_prompts_leave_the_shipped_weights() {
        let (shipped, truth) = (Weights::shipped(), others());
        assert_eq!(fit(&[], &shipped), shipped);
        let moved = distance(&fit(&prompts(3, &truth).concat(), &shipped), &shipped);
        assert!(moved < 0.25 * distance(&shipped, &truth), "{moved}");
        let more = distance(&fit(&prompts(60, &truth).concat(), &shipped), &shipped);
        assert!(more > moved, "{more} {moved}");
    }

    #[test]
    fn a_fit_is_used_where_it_is_better_by_more_than_noise() {
        for (name, number, truth, expected) in [
            ("other habits", 400, others(), Verdict::Better),
            ("too few prompts", 90, others(), Verdict::TooFew),
            ("as shipped", 400, Weights::shipped(), Verdict::NoBetter),
        ] {
            let found = refit(&prompts(number, &truth));
            assert_eq!(found.verdict, expected, "{name}: {found:?}");
            assert_eq!(found.prompts[0], number);
            assert_eq!(found, refit(&prompts(number, &truth)), "the same again");
        }
        assert_eq!(refit(&[]).verdict, Verdict::TooFew);
    }

    #[test]
    fn what_holds_no_longer_is_refused() {
        // Habits that changed: what the earlier prompts say is wrong for the later ones.
        let mut changing = prompts(280, &others());
        changing.extend(prompts(400, &Weights::shipped()).split_off(280));
        let found = refit(&changing);
        assert_eq!(found.verdict, Verdict::NoBetter, "{found:?}");
        assert!(found.gain[0] < 0.0, "{found:?}");
    }

    #[test]
    fn recall_is_compared_at_the_same_precision() {
        let mut weights = Weights([0.0; FEATURES]);
        weights.0[1] = 1.0;
        let example = |score: f64, right| {
            let mut features = [0.0; FEATURES];
            features[1] = score;
            Example { features, characters: 30, right }
        };
        let prompts = [
            vec![example(5.0, true), example(4.0, false), example(3.0, true)],
            vec![example(2.0, false), example(1.0, false), example(-1.0, true)],
        ];
        let all = named(&prompts, &weights, None);
        assert!((all.recall - 1.0).abs() < 1e-12 && (all.precision - 0.5).abs() < 1e-12);
        let precise = named(&prompts, &weights, Some(0.6));
        assert!((precise.recall - 2.0 / 3.0).abs() < 1e-12, "{precise:?}");
        assert!((precise.precision - 2.0 / 3.0).abs() < 1e-12, "{precise:?}");
    }
}
