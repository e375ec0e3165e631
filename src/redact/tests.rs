//! Tests of the whole: the table, made-up secrets and look-alikes, and the properties.

use std::borrow::Cow;

use proptest::prelude::*;

use super::rules::RULES;
use super::samples::{Dice, FAMILIES, HARMLESS, SETTINGS};
use super::{clean, mask};

/// Whether a telling part of `secret` is still in `text`: ten bytes in a row, or all of it.
fn survives(secret: &str, text: &str) -> bool {
    let len = secret.len().min(10);
    secret.as_bytes().windows(len).any(|part| {
        let part = str::from_utf8(part).expect("samples are ASCII");
        // What every token of a kind has in common tells nothing.
        !["eyJhbGciOi", "github_pat", "rubygems_", "PRIVATE KEY", "access_tok"]
            .iter()
            .any(|common| part.contains(common))
            && text.contains(part)
    })
}

#[test]
fn every_sample_of_the_table_is_masked_wherever_it_stands() {
    for rule in RULES {
        let [before, secret, after] = rule.sample;
        let sample = format!("{before}{secret}{after}");
        let json = serde_json::json!({ "note": sample }).to_string();
        let texts = [
            sample.clone(),
            format!("then I ran\n{sample}\nand it failed"),
            format!("see ({sample}), please"),
            json,
            format!("https://example.org/x?q={sample}"),
            format!("export X={sample}"),
        ];
        for text in texts {
            let masked = mask(&text);
            assert!(!survives(secret, &masked), "{}: {text}\n-> {masked}", rule.name);
            assert!(masked.contains("[secret:"), "{}: {text}", rule.name);
        }
        let masked = mask(&sample);
        assert!(masked.contains(&format!("[secret:{}]", rule.name)), "{} -> {masked}", rule.name);
        let kept = before.len() < 20 || masked.starts_with(before);
        assert!(kept, "{} keeps what stands before: {masked}", rule.name);
    }
}

/// Every hint of a long run of them is asked about, and each looks only so far.
#[test]
fn a_long_run_of_hints_is_soon_looked_through() {
    let blanks = format!("{}{}", "pw".repeat(40), " ".repeat(256 << 10));
    for text in ["pw".repeat(64 << 10), "token.".repeat(20_000), blanks] {
        assert_eq!(mask(&text), text);
    }
}

#[test]
fn a_password_of_sql_is_masked_however_it_is_identified() {
    for before in ["IDENTIFIED BY '", "identified with mysql_native_password by '"] {
        let masked = mask(&format!("CREATE USER a {before}Tr0ub4dor'")).into_owned();
        assert_eq!(masked, format!("CREATE USER a {before}[secret:sql-password]'"));
    }
}

/// A run that reads one new turn compiles most of them, and the time goes with the size: a repeated
/// `\w` alone, which counts the letters of all scripts, has taken a third of it all.
#[test]
fn every_regex_is_small() {
    for rule in RULES {
        let compiled = regex::RegexBuilder::new(rule.regex).size_limit(700 << 10).build();
        assert!(compiled.is_ok(), "{}: {:?}", rule.name, compiled.err());
    }
}

#[test]
fn every_rule_has_a_name_and_hints_in_lower_case() {
    for rule in RULES {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        assert!(!rule.name.is_empty() && rule.name.bytes().all(plain), "{}", rule.name);
        assert!(!rule.hints.is_empty(), "{}", rule.name);
        for hint in rule.hints {
            assert!(hint.len() > 1 && *hint == hint.to_ascii_lowercase(), "{}", rule.name);
        }
    }
    let mut names: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
    names.sort_unstable();
    names.dedup();
    assert!(names.len() >= 60, "{} families", names.len());
}

#[test]
fn no_made_up_secret_survives() {
    let mut dice = Dice::new(1);
    let mut leaks = Vec::new();
    let mut count = 0;
    for (family, before, shape, after) in FAMILIES {
        for _ in 0..4 {
            let secret = dice.fill(shape);
            let held = format!("{}{secret}{after}", dice.fill(before));
            for setting in SETTINGS {
                let text = setting.replace('@', &held);
                let masked = clean(&text);
                if survives(&secret, &masked) {
                    leaks.push(format!("{family}: {text}\n   -> {masked}"));
                }
            }
            count += 1;
        }
    }
    assert!(count >= 300 && FAMILIES.len() >= 60);
    assert!(leaks.is_empty(), "{} leaks of {count}\n{}", leaks.len(), leaks.join("\n"));
}

#[test]
fn hardly_any_look_alike_is_masked() {
    let mut dice = Dice::new(2);
    let mut wrong = Vec::new();
    let mut count = 0;
    for _ in 0..25 {
        for shape in HARMLESS {
            let text = dice.fill(shape);
            if let Cow::Owned(masked) = mask(&text) {
                wrong.push(format!("{text}\n   -> {masked}"));
            }
            count += 1;
        }
    }
    assert!(count >= 1000);
    assert!(wrong.len() * 100 <= count, "{} of {count}\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_secret_that_is_cut_in_half_is_still_masked() {
    let mut dice = Dice::new(3);
    for (family, before, shape, _) in FAMILIES {
        let secret = dice.fill(shape);
        // What tells these from a harmless text is cut off.
        let untold = ["mailchimp", "sentry dsn", "unknown"].contains(family);
        if secret.len() < 32 || secret.contains('\\') || untold {
            continue;
        }
        for share in [60, 75, 90] {
            let cut = &secret[..secret.len() * share / 100];
            for end in ["", "…", "..."] {
                let text = format!("{before}{cut}{end}");
                let masked = mask(&text);
                assert!(!survives(&cut[..cut.len() - 8], &masked), "{family}: {text} -> {masked}");
            }
        }
    }
}

#[test]
fn placeholders_stay() {
    let texts = [
        "export API_KEY=$TOKEN",
        "password=${X}",
        "--token <token>",
        "api_key: your-api-key",
        "api_key: \"your_api_key_here_12345678\"",
        "secret=xxxxxxxxxxxxxxxx",
        "password: ***",
        "password=REDACTED",
        "password=changeme",
        concat!("gh", "p_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        "Authorization: Bearer $TOKEN",
        "Authorization: Bearer <token>",
        "postgres://user:${PGPASSWORD}@host/db",
        "token = get_token()",
        "password: string",
        "let secret = read_env(\"X\")",
        "max_tokens=4096",
        "tokens: 512",
        "--token-limit 5",
        "aws secretsmanager list-secrets",
        "grep -rn \"-----BEGIN RSA PRIV\u{200b}ATE KEY-----\" src",
    ];
    for text in texts {
        assert_eq!(mask(text), text);
        assert!(matches!(mask(text), Cow::Borrowed(_)), "{text}");
    }
}

#[test]
fn what_stands_around_a_secret_stays() {
    let cases = [
        ("DB_PASSWORD=hunter2 make", "DB_PASSWORD=[secret:assigned] make"),
        ("postgres://app:hunter2x@db:5432/a", "postgres://app:[secret:url-password]@db:5432/a"),
        ("{\"password\":\"hunter2\",\"b\":1}", "{\"password\":\"[secret:assigned]\",\"b\":1}"),
        ("curl -u me:hunter2 https://x", "curl -u me:[secret:curl-user] https://x"),
        ("mysql -u root -phunter2 shop", "mysql -u root -p[secret:mysql-password] shop"),
        (
            "{\\\"api_key\\\": \\\"a1b2c3d4e5f6a7b8\\\", \\\"x\\\": 1}",
            "{\\\"api_key\\\": \\\"[secret:assigned]\\\", \\\"x\\\": 1}",
        ),
    ];
    for (text, want) in cases {
        assert_eq!(mask(text), want);
    }
}

#[test]
fn passwords_are_masked_in_the_spellings_people_use() {
    // `@` is the password.
    let texts = [
        "docker run -e MYSQL_ROOT_PASSWORD=@ -e X=1 mysql",
        "psql 'host=db user=me password=@ dbname=x'",
        "curl -uadmin:@ https://example.org",
        "wget --http-password=@ https://example.org",
        "Server=x;Database=y;User Id=sa;Password=@;",
        "os.environ[\"DB_PASSWORD\"] = \"@\"",
        "const char* password = \"@\";",
        "let password: &str = \"@\";",
        "my password is @, ok?",
        "echo \"@\" | sudo -S apt install jq",
        "git clone https://oauth2:@@git.example.org/x.git",
        "mongodb://admin:@@h1:27017,h2:27017/db",
        "redis-cli -a @ ping",
        "openssl enc -aes256 -pass pass:@",
        "zip -P @ a.zip b",
        "spring.datasource.password=@",
        ":password => \"@\"",
        "ansible_become_pass=@",
        "CREATE USER me IDENTIFIED BY '@';",
        "ENV DB_PASSWORD @",
        "DB_PW=@",
        "Passwort: @",
        "{\\\"password\\\":\\\"@\\\"}",
        "https://example.org/?user=me&password=@&x=1",
    ];
    for text in texts {
        for secret in ["hunter2", "S3cret!pw", "tr0ub4dor+3"] {
            let text = text.replacen('@', secret, 1);
            let masked = mask(&text);
            assert!(!masked.contains(secret), "{text} -> {masked}");
        }
    }
}

#[test]
fn names_that_only_look_random_stay() {
    let texts = [
        "--- PASS: TestGetOrCreateEntireSessionID (0.05s)",
        "func TestNewAgentHookVerbCmd_LogsFailure(t *testing.T)",
        "\"session_id\": \"2026-01-23-9bad2d76-e873-4a87-932a-a62da8e61684\"",
        "blob/ecadb0c88ec4aa4c163499b48d19b6a9cc7c2b1a/lib/workers/repository/dashboard.ts",
        "/node_modules/.pnpm/parser@8.42.0__bb836aa7b2e219846c64121374bac6ed/node_modules",
        "GET /api/remediation/eeab8e50-3eee-42da-b2af-a42b2c6b4b9f/progress",
        "\u{1b}[33m9d0f6aaa-dc3f-5d14-b51d-5b1cd527a168\u{1b}[0m",
        "cache.example.org-1:DTx8wZduET09hRmMtKdQDxNNthLQETkc/yaX7M4qK0g=",
        "DEVSTAT_MATCH_PASS = 0x04,",
    ];
    for text in texts {
        assert_eq!(mask(text), text);
    }
}

#[test]
fn a_home_right_behind_a_secret_is_judged_alike_before_and_after_masking() {
    let secret = Dice::new(5).fill("rubygems_{h48}");
    let once = clean(&format!("{secret}C:\\Users\\ada")).into_owned();
    assert_eq!(clean(&once), once);
}

/// Texts in which rules meet: pieces of secrets, keys and masks in any order.
fn tangled() -> impl Strategy<Value = String> {
    let mut dice = Dice::new(4);
    let mut pieces: Vec<String> = FAMILIES
        .iter()
        .flat_map(|(_, before, shape, after)| {
            [(*before).to_owned(), dice.fill(shape), (*after).to_owned()]
        })
        .collect();
    let more = [
        "[secret:github]",
        "[secret:",
        "]",
        " ",
        "\n",
        "=",
        ": ",
        "\"",
        "'",
        "@",
        "://",
        "token",
        "password",
        "/home/ada",
        "C:\\Users\\",
        "é",
        "…",
        "%3D",
        "\\n",
        "x",
    ];
    pieces.extend(more.iter().map(|piece| (*piece).to_owned()));
    prop::collection::vec(prop::sample::select(pieces), 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn masking_twice_is_masking_once(text in tangled()) {
        let once = clean(&text).into_owned();
        let again = clean(&once);
        prop_assert_eq!(&again, &once);
        prop_assert!(matches!(mask(&once), Cow::Borrowed(_)));
    }

    #[test]
    fn any_text_is_taken(text in any::<String>(), secret in tangled()) {
        let text = format!("{text}{secret}{text}");
        let once = clean(&text).into_owned();
        prop_assert_eq!(clean(&once), once.as_str());
    }

    #[test]
    fn a_text_cut_anywhere_is_taken(text in tangled(), at in any::<prop::sample::Index>()) {
        let cut = text.floor_char_boundary(at.index(text.len() + 1));
        let once = clean(&text[..cut]).into_owned();
        prop_assert_eq!(clean(&once), once.as_str());
    }

    #[test]
    fn plain_words_are_borrowed(text in "([a-z]{1,10} ){0,30}") {
        prop_assert!(matches!(clean(&text), Cow::Borrowed(_)));
    }
}
