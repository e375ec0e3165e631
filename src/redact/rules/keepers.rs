//! Secrets of keepers of secrets.

use super::{Place, Rule};
use crate::redact::judge;

#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "vault",
        hints: &["hvs.", "hvb.", "hvr."],
        place: Place::Anywhere,
        regex: r"(?:hvs\.|hvb\.|hvr\.)[0-9A-Za-z_-]+",
        group: 0,
        min: 24,
        check: judge::vendor,
        sample: ["", concat!("hvs", ".2y7HKQ4TDtHHYdn-dLpy-", "5gHRUARjEjnkJz7vG4m6SS", "ojLfeyUOw2ONnM1LeFGg4o", "q2tBcputYFf4FbWfurUDRK", "1te"), ""],
    },
    Rule {
        name: "vault",
        hints: &["vault"],
        place: Place::Anywhere,
        regex: near!("vault", r"s\.[0-9A-Za-z]+"),
        group: 1,
        min: 26,
        check: judge::vendor,
        sample: ["VAULT_TOKEN=", concat!("s.l", "pfFSrflBfoE2xOzPjhuNJut"), ""],
    },
    Rule {
        name: "terraform",
        hints: &[".atlasv1."],
        place: Place::Near(14),
        regex: r"[0-9A-Za-z]{14}\.atlasv1\.[0-9A-Za-z_=-]+",
        group: 0,
        min: 70,
        check: judge::vendor,
        sample: ["", concat!("03G", "oteCDbNCRuz.atlasv1.Nk", "dxUbDXr08bbnL0TQWBILlc", "_eLBqsNJGzAaLeKFhGeHkR", "2KsP0kpVKPxtmWlL73Ms"), ""],
    },
    Rule {
        name: "doppler",
        hints: &["dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."],
        place: Place::Anywhere,
        regex: r"(?:dp\.pt\.|dp\.st\.|dp\.ct\.|dp\.sa\.|dp\.scim\.|dp\.audit\.)[0-9A-Za-z_.-]+",
        group: 0,
        min: 46,
        check: judge::vendor,
        sample: ["", concat!("dp.", "pt.UZkHpH2vyuPcyb4FbIb", "gPFw8IDNaGwTkizy8JuKD"), ""],
    },
    Rule {
        name: "1password",
        hints: &["ops_eyj"],
        place: Place::Anywhere,
        regex: r"ops_eyJ[0-9A-Za-z+/=_-]+",
        group: 0,
        min: 67,
        check: judge::vendor,
        sample: ["", concat!("ops", "_eyJ78hjjHcyDONYAReGsL", "RkA8MSnvszaQ3FX65DD2BX", "IwK9hPS4bVQYx11DUes5"), ""],
    },
    Rule {
        name: "1password",
        hints: &["a3-"],
        place: Place::Word,
        regex: r"A3-[0-9A-Z]{6}-(?:[0-9A-Z]{5,11}-?)+",
        group: 0,
        min: 34,
        check: judge::vendor,
        sample: ["", concat!("A3-", "38PLMU-VBIVXEEBHDK-SRT", "FN-2R9AD-SOTF9"), ""],
    },
];
