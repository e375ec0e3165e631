//! Documents of shared text as nobody would write them: the process that reads them may die of one,
//! and the one that asked goes on, as small as before.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use mana::torture::Documents;
use sha2::{Digest, Sha256};

use crate::random::Random;
use crate::sandbox::Sandbox;
use crate::{Plan, say};

/// How much the process that asks may grow, in KiB.
const GROWTH: u64 = 24 << 10;

/// Longest time that one document may take, on a machine with other work: one process that is
/// stopped, and one that starts.
const LIMIT: Duration = Duration::from_secs(25);

/// Bytes before a document's contents: a mark, a checksum, a kind.
const HEAD: usize = 9;

pub(crate) fn run(plan: Plan) -> Option<String> {
    let sandbox = Sandbox::new();
    let documents = Documents::new(sandbox.binary());
    bombs(&documents);
    mutated(plan, &documents);
    None
}

/// Small documents that would take gigabytes or minutes.
fn bombs(documents: &Documents) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/documents");
    let ours = Documents::honest(1, 3);
    for name in ["long-string", "many-operations"] {
        let bytes = fs::read(folder.join(name)).unwrap();
        for ours in [None, Some(ours.as_slice())] {
            let started = Instant::now();
            let refused = documents.merge(ours, &bytes).unwrap_err();
            let took = started.elapsed();
            say(&format!("{name}: {} bytes, {took:.1?}: {refused}", bytes.len()));
            assert!(took < LIMIT, "{name} took {took:?}");
        }
    }
    let refused = documents.merge(None, &vec![0; 97_000]).unwrap_err();
    assert!(refused.contains("97000 bytes"), "{refused}");
    assert_eq!(documents.merge(Some(&ours), &ours), Ok(ours.len()), "an honest one after them");
}

/// Honest documents with wrong bytes in them and checksums that are right.
fn mutated(plan: Plan, documents: &Documents) {
    let count = plan.amount(2_000, 20_000);
    let mut random = Random::new(plan.seed, 41);
    let seeds: Vec<Vec<u8>> = (1..7).map(|n| Documents::honest(10 * n, n)).collect();
    let ours = Documents::honest(10, 4);
    let (mut taken, mut refused, mut died) = (0_u64, 0_u64, 0_u64);
    let mut slowest = Duration::ZERO;
    let mut before = 0;
    let started = Instant::now();
    for number in 0..count {
        if number == count / 10 {
            // What it keeps for ever it has by now.
            before = resident();
        }
        let mut bytes = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(4) {
            let at = HEAD + random.below(bytes.len() - HEAD);
            match random.below(8) {
                0 => bytes.insert(at, random.below(256) as u8),
                1 => drop(bytes.remove(at)),
                2 | 3 => bytes[at] = [0, 0x7f, 0x80, 0xff][random.below(4)],
                _ => bytes[at] ^= 1 << random.below(8),
            }
        }
        seal(&mut bytes);
        let ours = (random.below(2) == 0).then_some(ours.as_slice());
        let one = Instant::now();
        match documents.merge(ours, &bytes) {
            Ok(_) => taken += 1,
            Err(reason) if reason.starts_with("reading the document") => died += 1,
            Err(_) => refused += 1,
        }
        slowest = slowest.max(one.elapsed());
        assert!(slowest < LIMIT, "document {number}, seed {}: {slowest:?}", plan.seed);
    }
    let grown = resident().saturating_sub(before);
    let rate = count as f64 / started.elapsed().as_secs_f64();
    say(&format!(
        "documents: {count}, {rate:.0} a second, slowest {:.0} ms: {taken} taken, {refused} refused, \
         {died} not read to the end; grown by {grown} KiB",
        slowest.as_secs_f64() * 1_000.0
    ));
    assert!(died > 0, "none of them went deep enough to hurt");
    assert!(grown < GROWTH, "memory grows: {grown} KiB");
    let honest = Documents::honest(3, 5);
    assert!(documents.merge(None, &honest).is_ok() && documents.renew(&honest).is_ok());
}

/// Mends a document's length and checksum, so that its contents are looked at.
fn seal(bytes: &mut Vec<u8>) {
    let length = bytes[HEAD..].iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
    let from = (HEAD + length).min(bytes.len());
    let mut left = bytes.len() - from;
    let contents = bytes.split_off(from);
    bytes.truncate(HEAD);
    loop {
        let byte = (left & 0x7f) as u8;
        left >>= 7;
        bytes.push(if left > 0 { byte | 0x80 } else { byte });
        if left == 0 {
            break;
        }
    }
    bytes.extend(contents);
    let sum = Sha256::digest(&bytes[HEAD - 1..]);
    bytes[4..8].copy_from_slice(&sum[..4]);
}

/// KiB of memory that this process holds.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
