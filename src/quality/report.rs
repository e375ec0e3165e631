//! What was measured.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

/// The numbers of labels among which an answer counts.
pub(super) const FIRST: [usize; 3] = [1, 5, 10];

/// All sets.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// One for each kind of question.
    pub sets: Vec<SetReport>,
}

/// What was measured on one set.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct SetReport {
    /// What is asked and what is wanted.
    pub name: &'static str,
    /// Projects, each of which is searched by itself.
    pub projects: usize,
    /// Documents, all projects together.
    pub documents: usize,
    /// Questions that were asked.
    pub questions: usize,
    /// Questions that there were.
    pub of: usize,
    /// One for each way of searching; the first is BM25.
    pub measured: Vec<Measured>,
}

/// How well one way of searching did.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Measured {
    /// The way.
    pub name: String,
    /// Share of questions with an answer among the first 1, 5 and 10 labels.
    pub recall: [f64; 3],
    /// Standard errors of these.
    pub error: [f64; 3],
    /// How much more than BM25, question by question.
    pub gain: [f64; 3],
    /// Standard errors of these.
    pub gain_error: [f64; 3],
}

impl Measured {
    /// Sums up where the answer to each question came (`hits`) in comparison with those of BM25.
    pub(super) fn of(name: String, hits: &[[bool; 3]], bm25: &[[bool; 3]]) -> Self {
        let column = |n: usize| -> Vec<f64> { hits.iter().map(|hit| value(hit[n])).collect() };
        let gains = |n: usize| -> Vec<f64> {
            hits.iter().zip(bm25).map(|(hit, base)| value(hit[n]) - value(base[n])).collect()
        };
        let recall = [0, 1, 2].map(|n| mean_and_error(&column(n)));
        let gain = [0, 1, 2].map(|n| mean_and_error(&gains(n)));
        Self {
            name,
            recall: recall.map(|(mean, _)| mean),
            error: recall.map(|(_, error)| error),
            gain: gain.map(|(mean, _)| mean),
            gain_error: gain.map(|(_, error)| error),
        }
    }
}

fn value(hit: bool) -> f64 {
    f64::from(u8::from(hit))
}

/// The mean of some numbers and its standard error; zeroes without any.
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    if values.is_empty() {
        return (0.0, 0.0);
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, (variance / count).sqrt())
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (n, set) in self.sets.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            let SetReport { name, projects, documents, questions, of, measured } = set;
            writeln!(f, "{name}")?;
            writeln!(
                f,
                "{questions} of {of} questions, {documents} documents, {projects} projects; \
                 percent, ± one standard error"
            )?;
            let [one, five, ten] = FIRST.map(|n| format!("@{n}"));
            writeln!(
                f,
                "{:<30}{one:>12}{five:>12}{ten:>12}   gain on BM25 {one}, {five}, {ten}",
                ""
            )?;
            for line in measured {
                write!(f, "{:<30}", line.name)?;
                for (share, error) in line.recall.iter().zip(line.error) {
                    write!(f, "{:>12}", format!("{:.1} ±{:.1}", share * 100.0, error * 100.0))?;
                }
                write!(f, "  ")?;
                for (gain, error) in line.gain.iter().zip(line.gain_error) {
                    write!(f, "{:>12}", format!("{:+.1} ±{:.1}", gain * 100.0, error * 100.0))?;
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_gains_come_with_their_errors() {
        let [no, late, yes] = [[false; 3], [false, false, true], [true; 3]];
        let measured = Measured::of("x".into(), &[yes, yes, late, no], &[yes, no, late, no]);
        let nothing = Measured::of("x".into(), &[], &[]);
        for (found, expected) in [
            (measured.recall, [0.5, 0.5, 0.75]),
            (measured.gain, [0.25; 3]),
            (measured.error, [0.25, 0.25, (0.1875_f64 / 4.0).sqrt()]),
            (measured.gain_error, [(0.1875_f64 / 4.0).sqrt(); 3]),
            (nothing.recall, [0.0; 3]),
        ] {
            let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12);
            assert!(near, "{found:?}, expected {expected:?}");
        }
    }
}
