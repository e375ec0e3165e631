//! Every reader gets what nobody would write: it may refuse it, but neither panic nor hang nor grow.
//!
//! Inputs that found something are kept in `tests/fixtures/found`, and are the first to be fed.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mana::torture::{NAMES, Readers};
use tempfile::TempDir;

use crate::random::Random;
use crate::world::{Home, World};
use crate::{Plan, say};

/// Longest time that one input may take, on a machine with other work.
const LIMIT: Duration = Duration::from_secs(10);

/// How much the process may grow while it feeds one reader, in KiB.
const GROWTH: u64 = 512 << 10;

/// Longest line of a transcript that is made up.
const LONG: usize = 20 << 20;

/// The readers that read a file.
const FILES: [&str; 4] = ["transcript", "settings", "snapshot", "notes"];

pub(crate) fn run(plan: Plan) -> Option<String> {
    let count = plan.amount(20_000, 10_000_000);
    let world = World::new(4);
    let home = world.home("fuzz");
    world.reveal(&home, 1.0);
    let _learned = world.run(&home, &["learn"]).success();
    fs::write(home.mana().join("asked-in"), world.sandbox.project().to_string_lossy().as_bytes())
        .unwrap();
    for name in NAMES.iter().filter(|name| plan.only.is_none_or(|wanted| wanted == **name)) {
        feed(plan, name, count, &world, &home);
    }
    None
}

/// Feeds one reader.
fn feed(plan: Plan, name: &'static str, count: u64, world: &World, home: &Home) {
    let scratch = scratch();
    let seeds = seeds(name, world, home);
    let mut random = Random::new(plan.seed, 7 + name.len() as u64);
    let mut readers = Readers::default();
    let watch = Watch::begin(name);
    let started = Instant::now();
    let before = resident();
    let mut slowest = Duration::ZERO;
    let found: Vec<Vec<u8>> = found(name);
    for number in 0..count + found.len() as u64 {
        let (place, bytes) = if let Some(bytes) = found.get(number as usize) {
            (0, bytes.clone())
        } else {
            let place = random.below(seeds.len());
            (place, input(name, &seeds, place, number, &mut random))
        };
        let path = match name {
            // In the place of the very file that it was made from.
            "snapshot" => seeds[place].0.clone(),
            "notes" => scratch.path().join("pending.log"),
            _ => scratch.path().join("input"),
        };
        // The others do not look at the file, and making it takes longer than reading.
        if FILES.contains(&name) {
            put(&path, &bytes);
        }
        watch.next(&bytes);
        let one = Instant::now();
        let mana = home.mana();
        let fed = catch_unwind(AssertUnwindSafe(|| readers.feed(name, &bytes, &path, &mana)));
        slowest = slowest.max(one.elapsed());
        if fed.is_err() {
            let kept = keep(name, &bytes);
            panic!("{name}, seed {}, input {number}: kept as {}", plan.seed, kept.display());
        }
        if name == "snapshot" {
            put(&path, &seeds[place].1);
        }
    }
    watch.over.store(true, Ordering::Relaxed);
    let rate = count as f64 / started.elapsed().as_secs_f64();
    let grown = resident().saturating_sub(before);
    say(&format!(
        "{name}: {count} inputs and {} kept ones, {rate:.0} a second, slowest {:.0} ms, grown by {grown} KiB",
        found.len(),
        slowest.as_secs_f64() * 1_000.0
    ));
    assert!(slowest < LIMIT, "{name}: an input took {slowest:?}");
    assert!(grown < GROWTH, "{name}: memory grows: {grown} KiB");
}

/// A folder in memory, where there is one.
fn scratch() -> TempDir {
    tempfile::Builder::new()
        .prefix("mana-torture-")
        .tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("a temporary folder can be made")
}

/// Puts a whole new file in place: the one before may be mapped.
fn put(path: &Path, bytes: &[u8]) {
    let new = path.with_extension("new");
    fs::write(&new, bytes).unwrap();
    fs::rename(new, path).unwrap();
}

/// KiB of memory that this process holds.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Where inputs are kept that found something.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/found")
}

/// The inputs that found something in a reader before.
fn found(name: &str) -> Vec<Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder()).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&format!("{name}-")) {
            found.insert(entry.path(), fs::read(entry.path()).unwrap());
        }
    }
    found.into_values().collect()
}

/// Keeps an input that found something; returns where.
fn keep(name: &str, bytes: &[u8]) -> PathBuf {
    let mut hash = DefaultHasher::new();
    bytes.hash(&mut hash);
    let path = folder().join(format!("{name}-{:016x}", hash.finish()));
    fs::create_dir_all(folder()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

/// Looks that no input takes for ever: a reader that hangs cannot say so itself.
struct Watch {
    at: Arc<AtomicU64>,
    input: Arc<Mutex<Vec<u8>>>,
    over: Arc<AtomicBool>,
}

impl Watch {
    fn begin(name: &'static str) -> Self {
        let watch = Self { at: Arc::default(), input: Arc::default(), over: Arc::default() };
        let (at, input, over) = (watch.at.clone(), watch.input.clone(), watch.over.clone());
        thread::spawn(move || {
            let mut last = (0, Instant::now());
            while !over.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(200));
                let now = at.load(Ordering::Relaxed);
                if now != last.0 {
                    last = (now, Instant::now());
                } else if now > 0 && last.1.elapsed() > 3 * LIMIT {
                    let kept = keep(name, &input.lock().unwrap());
                    say(&format!("FAILED {name} hangs at input {now}, kept as {}", kept.display()));
                    std::process::exit(1);
                }
            }
        });
        watch
    }

    fn next(&self, bytes: &[u8]) {
        let mut input = self.input.lock().unwrap();
        input.clear();
        input.extend_from_slice(bytes);
        self.at.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// What is mutated: each with the file that it came from.
fn seeds(name: &str, world: &World, home: &Home) -> Vec<(PathBuf, Vec<u8>)> {
    let text = |text: &str| (PathBuf::new(), text.as_bytes().to_vec());
    match name {
        "transcript" => transcripts(home),
        "hook" => [
            "SessionStart",
            "UserPromptSubmit",
            "PreToolUse",
            "PostToolUseFailure",
            "SubagentStart",
            "Stop",
        ]
        .iter()
        .map(|name| text(&world.event(home, name, "s", "toolu_1").to_string()))
        .collect(),
        "config" => vec![
            text(
                "[inject]\nenabled = true\nmeaning = false\nholdout = 0.1\n[learn]\ntrajectories = 3\nmax_wait_minutes = 30\n",
            ),
            text(
                "[search]\nmeaning = true\n[consolidate]\nhalf_life_days = 60.0\n[daemon]\nlearn_interval = 300\nconsiderate = true\n[log]\nlevel = \"info\"\n",
            ),
        ],
        "settings" => {
            let mut seeds = vec![
                text(
                    "{\n  \"model\": \"opus\",\n  \"hooks\": {\n    \"Stop\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"mana session-end\"}]}]\n  }\n}\n",
                ),
                text(
                    "{\"hooks\":{\"PreToolUse\":[{\"matcher\":\"Bash\",\"hooks\":[{\"type\":\"command\",\"command\":\"x\",\"timeout\":5}]}]},\"a\":[1,2.5e3,null,true,\"\\u00e9\"]}",
                ),
                text("\t{}\r\n"),
            ];
            let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks/claude-code.json");
            seeds.push((PathBuf::new(), fs::read(shipped).unwrap()));
            seeds
        }
        "snapshot" => {
            let entries = fs::read_dir(home.mana().join("snapshots")).unwrap().flatten();
            let mut all: Vec<_> =
                entries.map(|entry| (entry.path(), fs::read(entry.path()).unwrap())).collect();
            all.sort();
            assert!(all.len() >= 2, "there are no snapshots");
            all
        }
        #[cfg(feature = "sync")]
        "segment" | "record" => {
            let body = fs::read_to_string(shared("body.hex")).unwrap();
            let mut seeds = vec![(PathBuf::new(), unhex(&body))];
            // Records begin behind one log that was seen.
            seeds.push((PathBuf::new(), seeds[0].1[128..].to_vec()));
            seeds.extend(cases("segments.json"));
            seeds
        }
        #[cfg(feature = "sync")]
        "keybox" => cases("keyboxes.json"),
        #[cfg(feature = "sync")]
        "export" => {
            let path = home.mana().join("exported");
            let _exported = world.run(home, &["export", path.to_str().unwrap()]).success();
            let whole = fs::read(path).unwrap();
            let lines = whole[whole.iter().position(|byte| *byte == b'\n').unwrap() + 1..].to_vec();
            vec![
                (PathBuf::new(), whole),
                (PathBuf::new(), lines),
                text("MANAFILE\0\u{1}\0\0\0\u{1}x\0\0\0\u{1}y"),
            ]
        }
        _ => vec![
            text(
                "1767323045000\tshown\t1242aba81242aba81242aba81242aba8\tPreToolUse\ttoolu_1\t0.5000\t0\n1767323045001\ttouched\tsrc/a.rs\n1767323045002\tfresh\n",
            ),
            text("1767323045000\t00000001-5e55\t\t/t/a.jsonl\n1767323045001\ts\ta1\t/t/b.jsonl\n"),
        ],
    }
}

/// The lines of real-shaped transcripts: those of the sample and those of the fixtures.
fn transcripts(home: &Home) -> Vec<(PathBuf, Vec<u8>)> {
    let mut waiting = vec![
        home.folder.join(".claude/projects"),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/transcripts"),
    ];
    let mut seeds = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().flatten().map(|entry| entry.path()));
        } else if path.extension().is_some_and(|extension| extension == "jsonl") {
            let bytes = fs::read(&path).unwrap();
            let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
            // A handful of lines each, so that calls and results meet.
            seeds.extend(lines.chunks(6).take(40).map(|few| (PathBuf::new(), few.concat())));
        }
    }
    seeds.sort();
    assert!(!seeds.is_empty());
    seeds
}

/// A file of what the formats of sharing are tested with.
#[cfg(feature = "sync")]
fn shared(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sync").join(name)
}

/// Bytes from hex digits, among which there may be white space.
#[cfg(feature = "sync")]
fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// The cases of a file, the broken ones too.
#[cfg(feature = "sync")]
fn cases(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let text = fs::read_to_string(shared(name)).unwrap();
    let cases: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let bytes = |case: &serde_json::Value| unhex(case["bytes"].as_str().unwrap());
    cases.iter().map(|case| (PathBuf::new(), bytes(case))).collect()
}

/// The input number `number`, made from the seed at `place`.
fn input(
    name: &str,
    seeds: &[(PathBuf, Vec<u8>)],
    place: usize,
    number: u64,
    random: &mut Random,
) -> Vec<u8> {
    let mut bytes = seeds[place].1.clone();
    for _ in 0..=random.below(4) {
        mutate(&mut bytes, seeds, random);
    }
    // Now and then a line of 20 MB: at the start, and then rarely.
    if name == "transcript" && number % 100_000 == 11 {
        let at = random.below(bytes.len() + 1);
        bytes.splice(at..at, std::iter::repeat_n(b'x', LONG));
    }
    bytes
}

/// What readers of JSON, TOML and numbers may stumble over.
const TOKENS: &[&[u8]] = &[
    b"\"",
    b"\\",
    b"\\u",
    b"\\ud83d",
    b"\\udfff\\ud800",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xf0\x9f",
    b"\n",
    b"\r\n",
    b"\t",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"true",
    b"1e999",
    b"-0",
    b"-1",
    b"18446744073709551616",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"0.1e-400",
    b"NaN",
    b"\"type\":\"user\",",
    b"\"uuid\":\"x\",",
    b"\"type\":\"brand-new\",",
    b"\"message\":{},",
    b"\"content\":[{}],",
    b"\"timestamp\":\"9999-99-99T99:99:99Z\",",
    b"\"timestamp\":\"+262143-01-01T00:00:00Z\",",
    b"\"sessionId\":7,",
    b"\"tool_use_id\":null,",
    b"\"is_error\":\"yes\",",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"../../",
    b"/",
    b"~",
    b"'",
    b"`",
    b"$(",
    b"=",
    b"[[a]]\n",
    b"\"\"\"",
    b"#",
];

/// Makes one change.
fn mutate(bytes: &mut Vec<u8>, seeds: &[(PathBuf, Vec<u8>)], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let end = (at + 1 + random.below(64)).min(bytes.len());
    match random.below(12) {
        0 => bytes.truncate(at),
        1 => drop(bytes.splice(at..end, std::iter::empty())),
        2 => {
            let piece = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, piece));
        }
        3 | 4 => drop(bytes.splice(at..at, random.pick(TOKENS).iter().copied())),
        5 => drop(bytes.splice(at..end, random.pick(TOKENS).iter().copied())),
        6 | 7 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        8 if at < bytes.len() => bytes[at] = random.below(256) as u8,
        9 => {
            let other = &random.pick(seeds).1;
            let from = random.below(other.len() + 1);
            let to = (from + random.below(400)).min(other.len());
            drop(bytes.splice(at..at, other[from..to].iter().copied()));
        }
        // Deep, rarely very deep.
        10 if random.one_in(8) => {
            let depth = if random.one_in(16) { 50_000 } else { 1 + random.below(300) };
            let opening: &[u8] = if random.one_in(2) { b"[" } else { b"{\"a\":" };
            drop(bytes.splice(at..at, opening.repeat(depth)));
        }
        // A number of eight bytes, as binary files have them.
        _ if at + 8 <= bytes.len() => {
            let number = *random.pick(&[0, 1, u64::MAX, u64::MAX / 2, 1 << 32, 0x7fff_ffff]);
            bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        _ => bytes.push(b'\n'),
    }
}
