//! Words, names and sentences, drawn from a seed.
//!
//! Words are drawn as in real text: few very often, most rarely. A search index over evenly drawn
//! words would have no common term, which is the costly case.

/// A small generator with good statistics: `SplitMix64` (Steele, Lea and Flood, 2014).
pub(super) struct Dice(u64);

impl Dice {
    /// The dice of item `number` of a stream; streams and items do not repeat each other.
    pub(super) fn new(stream: u64, number: usize) -> Self {
        Self((stream << 40) ^ (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Whether a chance of `percent` came true.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `items`, each as likely.
    pub(super) fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len())]
    }

    /// One of `items`, the early ones far more often than the late.
    fn pick_early<'a>(&mut self, items: &[&'a str]) -> &'a str {
        let share = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        items[((items.len() as f64 * share * share) as usize).min(items.len() - 1)]
    }

    /// A thing that software is about.
    pub(super) fn noun(&mut self) -> &'static str {
        self.pick_early(NOUNS)
    }

    /// What one does with it.
    pub(super) fn verb(&mut self) -> &'static str {
        self.pick_early(VERBS)
    }

    /// A made-up name of a part: `ledger`, `harbor-quota`, `veltonis`. One in four is a coinage,
    /// so that there are thousands of rare words beside the common ones.
    pub(super) fn name(&mut self) -> String {
        match self.below(4) {
            0 => self.coinage(),
            1 => format!("{}-{}", self.noun(), self.noun()),
            _ => format!("{}-{}", self.noun(), self.coinage()),
        }
    }

    fn coinage(&mut self) -> String {
        (0..2 + self.below(2)).map(|_| self.pick(SYLLABLES)).collect()
    }

    /// An identifier in snake case.
    pub(super) fn identifier(&mut self) -> String {
        format!("{}_{}_{}", self.verb(), self.noun(), self.coinage())
    }

    /// A type's name in camel case.
    pub(super) fn type_name(&mut self) -> String {
        format!("{}{}", capital(self.noun()), capital(&self.coinage()))
    }

    /// A sentence of about `words` words.
    pub(super) fn sentence(&mut self, words: usize) -> String {
        let mut text = capital(self.verb());
        for n in 1..words {
            text.push(' ');
            match n % 4 {
                1 => text.push_str(self.pick(&["the", "every", "our", "that", "a"])),
                2 => text.push_str(self.noun()),
                3 => text.push_str(self.pick(&["and", "when", "before", "so that", "without"])),
                _ => text.push_str(self.verb()),
            }
        }
        text.push('.');
        text
    }

    /// About `bytes` of prose in paragraphs.
    pub(super) fn prose(&mut self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 160);
        while text.len() < bytes {
            let words = 6 + self.below(14);
            text.push_str(&self.sentence(words));
            text.push_str(if self.chance(20) { "\n\n" } else { " " });
        }
        text
    }

    /// About `bytes` of source code.
    pub(super) fn code(&mut self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 160);
        while text.len() < bytes {
            let (name, noun) = (self.identifier(), self.noun());
            let line = match self.below(4) {
                0 => format!("pub fn {name}({noun}: &{}) {{\n", self.type_name()),
                1 => format!("    let {noun} = self.{name}()?;\n"),
                2 => format!("    // {}\n", self.sentence(9)),
                _ => format!("    if {noun}.{name}() > {} {{\n    }}\n", self.below(900)),
            };
            text.push_str(&line);
        }
        text
    }
}

/// `word` with its first letter as a capital.
pub(super) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

const SYLLABLES: &[&str] = &[
    "vel", "ton", "is", "mar", "qui", "dor", "pex", "lum", "ra", "shi", "gor", "tal", "ne", "bru",
    "kas", "oli", "fen", "zir", "hab", "cut", "wyn", "jor", "pa", "sil", "ud", "mek", "tri", "vo",
];

const NOUNS: &[&str] = &[
    "test", "file", "config", "error", "session", "request", "cache", "user", "index", "client",
    "token", "server", "parser", "module", "event", "queue", "schema", "branch", "report",
    "handler", "account", "archive", "audit", "batch", "billing", "border", "bucket", "catalog",
    "channel", "charter", "cluster", "column", "compass", "cursor", "daemon", "delta", "device",
    "digest", "domain", "driver", "editor", "engine", "export", "factor", "fabric", "filter",
    "forest", "gateway", "graph", "harbor", "header", "import", "invoice", "journal", "kernel",
    "ladder", "ledger", "library", "locale", "market", "matrix", "memory", "merger", "metric",
    "mirror", "network", "notice", "object", "orbit", "packet", "pixel", "planner", "policy",
    "portal", "printer", "profile", "quota", "reader", "record", "region", "render", "router",
    "sample", "search", "sensor", "signal", "socket", "source", "sprite", "stream", "switch",
    "symbol", "tensor", "thread", "ticket", "timer", "trace", "tunnel", "update", "upload",
    "vector", "vendor", "vessel", "viewer", "volume", "wallet", "widget", "window", "worker",
    "writer",
];

const VERBS: &[&str] = &[
    "add", "fix", "check", "update", "remove", "load", "parse", "write", "handle", "move",
    "rename", "split", "merge", "retry", "encode", "decode", "flush", "reset", "sort", "trim",
    "mount", "verify", "publish", "drain", "expand", "freeze", "gather", "hash", "inspect",
    "limit", "measure", "notify", "observe", "pack", "quote", "refresh", "schedule", "throttle",
    "unwrap", "validate", "warm", "yield",
];
