//! Trying again, outside of backends: what may pass is waited for, longer each time.

use std::time::Duration;

use super::BackendError;
use super::random::Random;

/// How often and how patiently.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// Tries in all, the first one included; 0 counts as 1.
    pub(crate) tries: u32,
    /// The longest wait before the second try; it doubles with each.
    pub(crate) first: Duration,
    /// The longest wait of all.
    pub(crate) longest: Duration,
    /// A random number, so that many devices do not come back at the same moment.
    pub(crate) seed: u64,
}

impl Policy {
    /// Five tries within at most eight seconds of waiting.
    pub(crate) fn usual(seed: u64) -> Self {
        let (first, longest) = (Duration::from_millis(500), Duration::from_secs(4));
        Self { tries: 5, first, longest, seed }
    }
}

/// Runs `op` until it succeeds, fails for good, or was tried often enough, and returns its last
/// answer. Between tries, `sleep` is told how long to wait: between half and all of a time that
/// doubles.
pub(crate) fn patiently<T>(
    policy: &Policy,
    sleep: &mut dyn FnMut(Duration),
    mut op: impl FnMut() -> Result<T, BackendError>,
) -> Result<T, BackendError> {
    let mut random = Random::new(policy.seed);
    let mut wait = policy.first;
    for _ in 1..policy.tries {
        match op() {
            Err(error) if error.is_transient() => {
                sleep(part_of(wait.min(policy.longest), &mut random));
            }
            done => return done,
        }
        wait = wait.saturating_mul(2);
    }
    op()
}

/// Between half and all of `wait`.
fn part_of(wait: Duration, random: &mut Random) -> Duration {
    let half = wait / 2;
    half + Duration::from_micros(random.below(half.as_micros() as u64 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often it was tried, the waits, and the answer, when the first `failures` tries fail.
    fn run(failures: u32, seed: u64) -> (u32, Vec<Duration>, Result<u32, BackendError>) {
        let (mut tries, mut waits) = (0, Vec::new());
        let answer = patiently(&Policy::usual(seed), &mut |wait| waits.push(wait), || {
            tries += 1;
            if tries <= failures { Err(BackendError::Transient("gone".into())) } else { Ok(tries) }
        });
        (tries, waits, answer)
    }

    #[test]
    fn what_passes_is_waited_for() {
        let (tries, waits, answer) = run(3, 1);
        assert_eq!((tries, answer.unwrap()), (4, 4));
        for (wait, most) in waits.iter().zip([500, 1_000, 2_000]) {
            let millis = wait.as_millis();
            assert!((most / 2..=most).contains(&millis), "{millis} of {most}");
        }
        assert_eq!(waits.len(), 3);
        assert!(run(0, 1).1.is_empty());
    }

    #[test]
    fn patience_ends_and_no_wait_is_too_long() {
        let (tries, waits, answer) = run(u32::MAX, 2);
        assert_eq!((tries, waits.len()), (5, 4), "no wait after the last try");
        assert!(answer.unwrap_err().is_transient());
        assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(4)), "{waits:?}");
        let policy = Policy { tries: 200, ..Policy::usual(3) };
        let mut longest = Duration::ZERO;
        let _failed: Result<(), _> =
            patiently(&policy, &mut |wait| longest = longest.max(wait), || {
                Err(BackendError::Transient(String::new()))
            });
        assert!(longest <= Duration::from_secs(4), "{longest:?}");
    }

    #[test]
    fn what_does_not_pass_is_told_at_once() {
        let mut tries = 0;
        let answer: Result<(), _> = patiently(&Policy::usual(4), &mut |_| panic!("waited"), || {
            tries += 1;
            Err(BackendError::Denied("no".into()))
        });
        assert!(matches!(answer, Err(BackendError::Denied(_))));
        assert_eq!(tries, 1);
        let none = Policy { tries: 0, ..Policy::usual(4) };
        assert_eq!(patiently(&none, &mut |_| panic!("waited"), || Ok(7)).unwrap(), 7);
    }

    #[test]
    fn devices_do_not_come_back_together() {
        assert_ne!(run(4, 1).1, run(4, 2).1);
        assert_eq!(run(4, 1).1, run(4, 1).1);
    }
}
