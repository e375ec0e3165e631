//! Secrets by every way into a session and in every form that files and tools give them: the raw
//! bytes of the whole home are searched, and none may be there. `forgotten` has the plain ones.

use std::collections::HashMap;

use serde_json::json;

use crate::forgotten::{ALNUM, FAMILIES, random, secret};
use crate::sandbox::{Sandbox, snapshot};
use crate::transcript::Transcript;

/// Bytes of a secret that are searched for: a piece from its midst, so that what was cut is found.
const PIECE: usize = 10;

/// What tools return and write, with `text` in it.
const CHANNELS: &[&str] = &[
    "read",
    "grep",
    "fetch",
    "mcp",
    "mcp-error",
    "written",
    "edited",
    "environment",
    "paste",
    "subagent",
    "diff",
];

/// Forms in which settings stand, by the name of the setting; `{n}` is the name, `{v}` the value.
const FORMS: &[(&str, &str)] = &[
    ("json", "{\"a\": 1, \"{n}\": \"{v}\", \"b\": 2}"),
    ("json in a string", "{\\\"{n}\\\": \\\"{v}\\\"}"),
    ("yaml", "  {n}: {v}"),
    ("yaml, quoted", "{n}: '{v}'"),
    ("env", "{N}={v}"),
    ("export", "export {N}=\"{v}\""),
    ("ini", "{n} = {v}"),
    ("properties", "app.{n}={v}"),
    ("xml", "<{n}>{v}</{n}>"),
    ("xml attribute", "<add key=\"{n}\" value=\"{v}\" />"),
    ("toml", "{n} = \"{v}\""),
    ("curl header", "curl -H 'X-{n}: {v}' https://api.example/x"),
    ("query", "https://api.example/x?page=2&{n}={v}&z=1"),
    ("option", "deploy --{n} {v} --now"),
    ("python", "{n} = os.environ.get(\"{N}\", \"{v}\")"),
    ("object", "const config = { {n}: '{v}' };"),
    ("docker", "ENV {N} {v}"),
    ("powershell", "$env:{N} = \"{v}\""),
    ("hash rocket", ":{n} => '{v}'"),
    ("go struct", "{n}:   \"{v}\","),
];

/// Names of settings that hold secrets.
const NAMES: &[&str] = &[
    "password",
    "db_password",
    "api_key",
    "client_secret",
    "access_token",
    "auth_token",
    "secret_key",
    "private_token",
    "refresh_token",
    "passphrase",
];

/// What else carries a secret, with `{v}` for it.
const OTHERS: &[(&str, &str)] = &[
    ("basic", "Authorization: Basic {v}=="),
    ("bearer in a command", "curl -H \"Authorization: Bearer {v}\" https://api.example"),
    ("user of curl", "curl -u deploy:{v} https://api.example"),
    ("cookie", "Cookie: session={v}; theme=dark"),
    ("set cookie", "Set-Cookie: session_id={v}; HttpOnly"),
    ("signature", "https://s3.example/a?X-Amz-Signature={v}&X-Amz-Date=1"),
    ("sas", "https://x.blob.example/a?sv=2022&sig={v}%3D"),
    ("webhook", "https://hooks.slack.com/services/T12345678/B12345678/{v}"),
    ("user info", "https://deploy:{v}@git.example/x.git"),
    ("connection", "Server=db.example;User Id=app;Password={v};Encrypt=true"),
    ("dsn", "host=db.example user=app password={v} dbname=x"),
    ("mysql", "mysql -u root -p{v} shop"),
    ("sshpass", "sshpass -p {v} ssh deploy@host.example"),
    ("docker login", "docker login -u deploy -p {v} registry.example"),
    ("printed", "The new password is {v}"),
    ("asked", "Enter password: {v}"),
];

fn filled(form: &str, name: &str, value: &str) -> String {
    form.replace("{n}", name).replace("{N}", &name.to_uppercase()).replace("{v}", value)
}

/// A session in which `text` comes by `channel`.
fn by_channel(sandbox: &Sandbox, number: u32, channel: &str, text: &str) -> Transcript {
    let session = Transcript::new(sandbox, number);
    let asked = session.prompt("Make the checks of the shop pass");
    let path = sandbox.project().join("settings.txt");
    let carried = match channel {
        "read" => asked.call("Read", &json!({"file_path": path})).result(
            &format!("     1\ta\n     2\t{text}\n     3\tb"),
            false,
            &json!({"type": "text", "file": {"content": format!("a\n{text}\nb")}}),
        ),
        "grep" => asked.call("Grep", &json!({"pattern": text, "path": path})).result(
            &format!("settings.txt:2:{text}"),
            false,
            &json!({"mode": "content"}),
        ),
        "fetch" => asked
            .call("WebFetch", &json!({"url": "https://docs.example", "prompt": text}))
            .result(text, false, &json!({"result": text})),
        "mcp" => asked.call("mcp__vault__get", &json!({"query": text})).result(
            text,
            false,
            &json!({"content": [{"type": "text", "text": text}]}),
        ),
        "mcp-error" => asked
            .call("mcp__vault__get", &json!({"query": text}))
            .result(
                &format!("Error: refused {text}"),
                true,
                &json!(format!("Error: refused {text}")),
            )
            .call("mcp__vault__get", &json!({"query": text, "all": true}))
            .result("ok", false, &json!("ok")),
        "written" => asked
            .call("Write", &json!({"file_path": path, "content": format!("a\n{text}\nb")}))
            .result("done", false, &json!({"filePath": path})),
        "edited" => asked
            .call(
                "Edit",
                &json!({"file_path": path, "old_string": text, "new_string": format!("x {text}")}),
            )
            .result("done", false, &json!({"filePath": path, "oldString": text})),
        "environment" => asked
            .bash("env")
            .ok(&format!("PATH=/usr/bin\nHOME=/root\n{text}\nSHELL=/bin/sh"))
            .bash("printenv -x")
            .failed(1, &format!("printenv: bad option\nPATH=/usr/bin\n{text}")),
        "paste" => asked
            .prompt(&format!(
                "It prints this, why?\n\n{text}\n\nNever print it, always use docker."
            ))
            .bash("./check --verbose")
            .ok("done"),
        "subagent" => asked.call("Task", &json!({"prompt": text, "description": "look"})).result(
            text,
            false,
            &json!({"content": [{"type": "text", "text": text}]}),
        ),
        _ => asked
            .bash(&format!("git diff -- {}", path.display()))
            .ok(&format!("@@ -1 +1 @@\n-{text}\n+{text}x")),
    };
    // What is stored of a failure for certain: its command and its telling line.
    carried
        .bash("./check")
        .failed(3, &format!("error: refused: {text}"))
        .bash("./check --all")
        .ok("passed")
}

/// Learns the planted texts and says which are in the home: each `(name, secret, text)`.
fn found(sandbox: &Sandbox, planted: &[(String, String, String)]) -> Vec<String> {
    drop(sandbox.mana(["learn"]).run().success());
    drop(sandbox.mana(["consolidate"]).run().success());
    let mut pieces: HashMap<Vec<u8>, usize> = HashMap::new();
    for (n, (_, value, _)) in planted.iter().enumerate() {
        pieces.insert(value.to_ascii_lowercase().as_bytes()[2..2 + PIECE].to_vec(), n);
    }
    // Where each was found first, with what stands around it.
    let mut known = vec![None; planted.len()];
    for (path, bytes) in &snapshot(&sandbox.mana_home()) {
        let lower = bytes.to_ascii_lowercase();
        for (at, window) in lower.windows(PIECE).enumerate() {
            if window.iter().all(u8::is_ascii_graphic)
                && let Some(n) = pieces.get(window)
            {
                let around = &bytes[at.saturating_sub(60)..(at + 40).min(bytes.len())];
                let around = String::from_utf8_lossy(around).into_owned();
                known[*n].get_or_insert_with(|| format!("{}: {around:?}", path.display()));
            }
        }
    }
    let all = planted.iter().zip(known);
    all.filter_map(|((name, _, text), known)| Some(format!("{name}: {text}\n  {}", known?)))
        .collect()
}

#[test]
fn no_channel_brings_a_secret_into_the_home() {
    let sandbox = Sandbox::new();
    let mut seed = 0x00c0_ffee_u64;
    let mut planted = Vec::new();
    for (round, channel) in CHANNELS.iter().enumerate() {
        for (family, (name, ..)) in FAMILIES.iter().enumerate() {
            let (text, value) = secret(&mut seed, family);
            let number = u32::try_from(round * FAMILIES.len() + family).unwrap();
            by_channel(&sandbox, number, channel, &text).write();
            planted.push((format!("{name} by {channel}"), value, text));
        }
    }
    let found = found(&sandbox, &planted);
    println!("{} of {} secrets found", found.len(), planted.len());
    assert!(FAMILIES.len() >= 60 && planted.len() >= 640);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_form_brings_a_secret_into_the_home() {
    let sandbox = Sandbox::new();
    let mut seed = 0xf0f0_u64;
    let mut planted = Vec::new();
    let mut plant = |name: String, value: String, text: String| {
        let number = u32::try_from(planted.len()).unwrap();
        let channel = CHANNELS[planted.len() % CHANNELS.len()];
        by_channel(&sandbox, number, channel, &text).write();
        planted.push((name, value, text));
    };
    for (form, shape) in FORMS {
        for name in NAMES {
            let value = random(&mut seed, ALNUM, 24);
            plant(format!("{name} as {form}"), value.clone(), filled(shape, name, &value));
        }
    }
    for (form, shape) in OTHERS {
        for _ in 0..4 {
            // Such a signature is of 32 bytes.
            let length = if *form == "sas" { 43 } else { 24 };
            let value = random(&mut seed, ALNUM, length);
            plant((*form).to_owned(), value.clone(), filled(shape, "", &value));
        }
    }
    // Keys of many lines: whole, quoted with `\n`, indented, cut off at the end.
    for kind in ["RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "EC PRIVATE KEY"] {
        for shape in ["plain", "escaped", "indented", "cut"] {
            let lines: Vec<String> = (0..6).map(|_| random(&mut seed, ALNUM, 64)).collect();
            let (begin, end) = (format!("-----BEGIN {kind}-----"), format!("-----END {kind}-----"));
            let text = match shape {
                "plain" => format!("{begin}\n{}\n{end}", lines.join("\n")),
                "escaped" => format!("{{\"key\": \"{begin}\\n{}\\n{end}\\n\"}}", lines.join("\\n")),
                "indented" => format!("key: |\n  {begin}\n  {}\n  {end}", lines.join("\n  ")),
                _ => format!("{begin}\n{}", lines.join("\n")),
            };
            for line in [0, 3, 5] {
                plant(format!("line {line} of {kind}, {shape}"), lines[line].clone(), text.clone());
            }
        }
    }
    let found = found(&sandbox, &planted);
    println!("{} of {} secrets found", found.len(), planted.len());
    assert!(found.is_empty(), "{}", found.join("\n"));
}
