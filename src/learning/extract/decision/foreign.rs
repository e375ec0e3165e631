//! The commonest ways of laying down a rule in languages other than English.
//!
//! Small on purpose: a sentence counts only when it opens like a directive and says that it
//! stands, forbids, or sets one thing against another.

use super::rules::{QUOTE_LIMIT, Ruling};
use super::speech::Sentence;
use crate::model::text;

/// How a language gives directives. Everything lower-case.
struct Tongue {
    /// Openings that only a directive has.
    openings: &'static [&'static str],
    /// Words of a rule that stands.
    standing: &'static [&'static str],
    /// Words that forbid or set against.
    opposing: &'static [&'static str],
}

/// Languages that put spaces between words: markers match whole words.
const SPACED: &[Tongue] = &[
    // German
    Tongue {
        openings: &[
            "bitte",
            "immer",
            "nie",
            "niemals",
            "ab jetzt",
            "ab sofort",
            "in zukunft",
            "künftig",
            "grundsätzlich",
            "wir verwenden",
            "wir nutzen",
            "wir benutzen",
            "verwende",
            "benutze",
            "nutze",
            "nimm",
            "schreib",
            "schreibe",
            "mach",
            "mache",
            "keine",
            "kein",
            "nicht",
            "nein, wir",
            "du sollst",
            "lass uns",
            "committe",
            "lösche",
            "ändere",
            "führe",
        ],
        standing: &[
            "immer",
            "nie",
            "niemals",
            "ab jetzt",
            "ab sofort",
            "in zukunft",
            "künftig",
            "grundsätzlich",
            "wir verwenden",
            "wir nutzen",
            "wir benutzen",
        ],
        opposing: &[
            "nicht",
            "kein",
            "keine",
            "keinen",
            "statt",
            "anstatt",
            "stattdessen",
            "sondern",
        ],
    },
    // French
    Tongue {
        openings: &[
            "toujours",
            "jamais",
            "ne",
            "n'utilise",
            "n'utilisez",
            "utilise",
            "utilisez",
            "désormais",
            "dorénavant",
            "à partir de maintenant",
            "s'il te plaît",
            "merci de",
            "on utilise",
            "nous utilisons",
            "il faut",
            "il ne faut",
            "évite",
            "évitez",
            "n'ajoute",
        ],
        standing: &[
            "toujours",
            "jamais",
            "désormais",
            "dorénavant",
            "à partir de maintenant",
            "on utilise",
            "nous utilisons",
        ],
        opposing: &["pas", "plutôt que", "au lieu de", "au lieu d", "évite", "évitez"],
    },
    // Spanish and Portuguese
    Tongue {
        openings: &[
            "siempre",
            "nunca",
            "no uses",
            "no utilices",
            "no hagas",
            "no toques",
            "no añadas",
            "usa",
            "utiliza",
            "a partir de ahora",
            "de ahora en adelante",
            "por favor",
            "usamos",
            "evita",
            "sempre",
            "não use",
            "não faça",
            "use",
            "a partir de agora",
        ],
        standing: &[
            "siempre",
            "nunca",
            "a partir de ahora",
            "de ahora en adelante",
            "usamos",
            "sempre",
            "a partir de agora",
        ],
        opposing: &[
            "no uses",
            "no utilices",
            "no hagas",
            "no toques",
            "no añadas",
            "en lugar de",
            "en vez de",
            "evita",
            "não",
            "em vez de",
        ],
    },
];

/// Markers of languages without spaces, or with endings: they match anywhere in the sentence.
const UNSPACED: Tongue = Tongue {
    openings: &[],
    standing: &[
        // Chinese
        "始终",
        "总是",
        "一律",
        "永远不要",
        "绝不",
        "从现在起",
        "从现在开始",
        "今后",
        "以后都",
        "以后不要",
        "每次都要",
        // Japanese
        "必ず",
        "常に",
        "絶対に",
        "今後",
        "これからは",
        "毎回",
        // Korean
        "항상",
        "절대",
        "앞으로",
        "반드시",
        "매번",
    ],
    opposing: &[
        // Chinese
        "不要",
        "请勿",
        "禁止",
        "而不是",
        "别用",
        "改用",
        "不准",
        // Japanese
        "しないで",
        "ないでください",
        "てはいけない",
        "禁止",
        "の代わりに",
        "ではなく",
        "使わない",
        // Korean
        "하지 마",
        "하지 말",
        "쓰지 마",
        "말고",
        "대신",
    ],
};

/// Signs of a question without a question mark, or of the work at hand only.
const PASSING: &[&str] = &[
    "吗",
    "か。",
    "까요",
    "나요",
    "暂时",
    "现在先",
    "先不",
    "noch nicht",
    "erstmal",
    "pas encore",
    "por ahora",
    "아직",
    "まだ",
];

/// What a sentence in another language lays down, if it does.
pub(super) fn judge(sentence: &Sentence) -> Option<Ruling> {
    let lower = sentence.text.to_lowercase().replace('’', "'");
    let long = sentence.text.len() > QUOTE_LIMIT;
    if sentence.question || long || PASSING.iter().any(|sign| lower.contains(sign)) {
        return None;
    }
    let standing = spaced(&lower).or_else(|| unspaced(&lower))?;
    Some(Ruling { quote: text::one_line(&sentence.text, QUOTE_LIMIT), standing })
}

/// Whether the rule stands, if the sentence is one in a language with spaces.
fn spaced(lower: &str) -> Option<bool> {
    if lower.split(' ').count() < 4 {
        return None;
    }
    SPACED.iter().find_map(|tongue| {
        let opens = tongue.openings.iter().any(|opening| starts_with_word(lower, opening));
        let stands = tongue.standing.iter().any(|word| has_word(lower, word));
        let opposes = tongue.opposing.iter().any(|word| has_word(lower, word));
        (opens && (stands || opposes)).then_some(stands)
    })
}

/// Whether the rule stands, if the sentence is one in a language without spaces.
fn unspaced(lower: &str) -> Option<bool> {
    let length = lower.chars().filter(|c| !c.is_ascii()).count();
    let stands = UNSPACED.standing.iter().any(|word| lower.contains(word));
    let opposes = UNSPACED.opposing.iter().any(|word| lower.contains(word));
    (length >= 6 && (stands || opposes)).then_some(stands)
}

fn starts_with_word(text: &str, word: &str) -> bool {
    text.strip_prefix(word).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(char::is_alphanumeric) && starts_with_word(&text[at..], word)
    })
}
