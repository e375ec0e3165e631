//! Private keys and certificates' secrets.

use super::{Place, Rule};
use crate::redact::judge;

#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "private-key",
        hints: &["-----begin "],
        place: Place::Anywhere,
        regex: r"(?s)-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----((?:[^-]|-{1,4}[^-])+?)-----END [A-Z0-9 ]{0,40}PRIVATE KEY",
        group: 1,
        min: 16,
        check: judge::key_block,
        sample: [concat!("---", "--BEGIN RSA PRIVATE KE", "Y-----"), concat!("\n9", "EHI/W8byY87DVANI2XJle/", "7rAgvOO/alVPzhTzRJMtja", "mjt\nt1+nxA0iRLEg6WOOP", "OdZP7o8qUkeH6d0jcK39qM", "jwIKYfe+X\nZZDaidHxZk2", "qKi3CbxKlJsGsouPtp/J33", "zYxoIVIKasdtYpH\n"), "-----END RSA PRIVATE KEY-----"],
    },
    Rule {
        name: "private-key",
        hints: &["-----begin "],
        place: Place::Anywhere,
        regex: r#"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----((?:(?:[\s\\rnt+>|"',:.0-9→-]|Proc-Type[^\n\\]*|DEK-Info[^\n\\]*|Version:[^\n\\]*|Comment:[^\n\\]*)*[0-9A-Za-z+/=]{16,})+(?:(?:\s|\\n)+[0-9A-Za-z+/=]+\z)?)"#,
        group: 1,
        min: 16,
        check: judge::key_block,
        sample: [concat!("---", "--BEGIN OPENSSH PRIVAT", "E KEY-----"), concat!("\\n", "qZ0ZIafNpZmTGbOXPaklg3", "jXiYIjg21dhTor3wrBuFxR", "g7JWRgj2Un0jmiYf\\n7FZ", "d7voz5cV38UFpzVZvxpVhR", "fOUE9"), ""],
    },
    Rule {
        name: "private-key",
        hints: &["private-lines:"],
        place: Place::Anywhere,
        regex: r"Private-Lines: \d+\r?\n((?:[0-9A-Za-z+/=]{8,}(?:\r?\n|\z))+)",
        group: 1,
        min: 16,
        check: judge::key_block,
        sample: [concat!("Pri", "vate-Lines: 2\n"), concat!("uS9", "rCfjKiwhXscO+kskTPHRpJ", "EbK2HWU2NGB8etdaxy5nyg", "SxPj/Fbz7nS9y2bxa\ns8x", "fW1HRyg5uekx6npDDqBVmy", "I2w412oYvVdT/OD\n"), ""],
    },
    Rule {
        name: "age-key",
        hints: &["age-secret-key-"],
        place: Place::Anywhere,
        regex: r"AGE-SECRET-KEY-1[0-9A-Z]+",
        group: 0,
        min: 74,
        check: judge::vendor,
        sample: ["", concat!("AGE", "-SECRET-KEY-1NOVMIZWDI", "AEQ1KDFY6SPSC3LKR2AQXV", "9UPCTNWLAVYF4R6MP6AFQF", "JZCZB"), ""],
    },
];
