//! `mana model`: installing from a folder and over HTTPS, and what goes wrong on the way.

mod server;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::sandbox::{Mana, Sandbox};
use crate::tiny;
use server::{Behaviour, Server};

/// An address on Hugging Face in form; the server below answers for it.
const ADDRESS: &str = "owner/tiny-model@0123456789abcdef0123456789abcdef01234567";
const PATH: &str = "/owner/tiny-model/resolve/0123456789abcdef0123456789abcdef01234567";

/// A folder with a sound model in the sandbox.
fn model(sandbox: &Sandbox) -> PathBuf {
    let folder = sandbox.root().join("tiny");
    tiny::write_model(&folder, "", 1);
    folder
}

/// The checksums of the model's files, as `sha256sum` prints them.
fn sums(sandbox: &Sandbox) -> PathBuf {
    let folder = model(sandbox);
    let mut text = String::new();
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        for byte in Sha256::digest(fs::read(folder.join(name)).unwrap()) {
            write!(text, "{byte:02x}").unwrap();
        }
        writeln!(text, "  {name}").unwrap();
    }
    sandbox.write("sums", text)
}

/// `mana model install` of the server's model.
fn install(sandbox: &Sandbox, server: &Server) -> Mana {
    let sums = sums(sandbox);
    let arguments = ["model", "install", ADDRESS, "--json", "--sums", sums.to_str().unwrap()];
    prepared(sandbox.mana(arguments), server)
}

/// Lets `mana` ask `server` and trust it.
fn prepared(mana: Mana, server: &Server) -> Mana {
    mana.env("MANA_MODEL_SOURCE", server.address()).env("SSL_CERT_FILE", server.certificate())
}

/// What `mana model list --json` prints: names, and whether each is in use.
fn listed(sandbox: &Sandbox) -> Vec<(String, bool)> {
    let list = sandbox.mana(["model", "list", "--json"]).run().success().json();
    let entry = |model: &Value| {
        (model["name"].as_str().unwrap().to_owned(), model["active"].as_bool().unwrap())
    };
    list.as_array().unwrap().iter().map(entry).collect()
}

#[test]
fn a_folder_is_installed_chosen_and_removed() {
    let sandbox = Sandbox::new();
    let folder = model(&sandbox);
    let folder = folder.to_str().unwrap();
    let before = sandbox.mana(["status"]).run().success().text();
    assert!(before.contains("Encoder: none"), "{before}");

    drop(sandbox.mana(["model", "install", folder]).run().success());
    drop(sandbox.mana(["model", "install", folder, "--name", "other"]).run().success());
    assert_eq!(listed(&sandbox), [("other".into(), false), ("tiny".into(), true)]);
    drop(sandbox.mana(["model", "use", "other"]).run().success());
    let status = sandbox.mana(["status", "--json"]).run().success().json();
    assert!(status["encoder"].as_str().unwrap().starts_with("other@"), "{status}");

    drop(sandbox.mana(["model", "remove", "other"]).run().success());
    assert_eq!(listed(&sandbox), [("tiny".into(), false)]);
    let output = sandbox.mana(["model", "remove", "other"]).run().code(4);
    assert!(output.errors().contains("mana model list"), "{output:?}");
}

#[test]
fn a_folder_without_a_model_is_refused_by_name() {
    let sandbox = Sandbox::new();
    let output = sandbox.mana(["model", "install", "."]).run().code(1);
    assert!(output.errors().contains("config.json"), "{output:?}");
    let output = sandbox.mana(["model", "install", "no-such-model"]).run().code(1);
    assert!(output.errors().contains("neither a model that MANA knows"), "{output:?}");
    assert!(listed(&sandbox).is_empty());
}

#[test]
fn a_model_is_fetched_and_put_to_use() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, PATH, model(&sandbox), Behaviour::Sound);
    let installed = install(&sandbox, &server).run().success().json();
    assert_eq!((&installed["name"], &installed["active"]), (&"tiny-model".into(), &true.into()));
    assert_eq!(listed(&sandbox), [("tiny-model".into(), true)]);
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(sandbox.mana_home().join(folder)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names("models"), [".lock", "active", "tiny-model"], "nothing is left over");
    assert_eq!(
        names("models/tiny-model"),
        ["SHA256SUMS", "config.json", "model.safetensors", "tokenizer.json"]
    );
}

#[test]
fn a_wrong_checksum_installs_nothing_and_is_not_kept() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, PATH, model(&sandbox), Behaviour::Sound);
    let sums = sums(&sandbox);
    let text = fs::read_to_string(&sums).unwrap();
    let (good, bad) = (text.lines().last().unwrap(), "0".repeat(64) + "  model.safetensors");
    fs::write(&sums, text.replace(good, &bad)).unwrap();
    let arguments = ["model", "install", ADDRESS, "--sums", sums.to_str().unwrap()];
    let output = prepared(sandbox.mana(arguments), &server).run().code(1);
    assert!(output.errors().contains("model.safetensors is not the file"), "{output:?}");
    assert!(output.errors().contains(&"0".repeat(64)), "{output:?}");
    assert!(listed(&sandbox).is_empty());
    // With the right sum the next run fetches the weights anew and nothing else.
    let asked = server.requests().len();
    drop(install(&sandbox, &server).run().success());
    let again = &server.requests()[asked..];
    assert_eq!(again, ["model.safetensors"], "no range, and no file that was here already");
}

#[test]
fn a_cut_connection_is_reported_and_resumed_where_it_broke() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, PATH, model(&sandbox), Behaviour::CutOnce(3000));
    let output = install(&sandbox, &server).run().code(1);
    assert!(output.errors().contains("cut after 3000 bytes"), "{output:?}");
    assert!(output.errors().contains("goes on where it stopped"), "{output:?}");
    assert!(listed(&sandbox).is_empty());
    drop(install(&sandbox, &server).run().success());
    let asked = server.requests();
    assert_eq!(asked.last().unwrap(), "model.safetensors bytes=3000-", "{asked:?}");
    assert_eq!(listed(&sandbox), [("tiny-model".into(), true)]);
}

#[test]
fn a_server_without_ranges_sends_the_file_from_its_beginning() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, PATH, model(&sandbox), Behaviour::CutOnceNoRanges(3000));
    drop(install(&sandbox, &server).run().code(1));
    drop(install(&sandbox, &server).run().success());
    assert_eq!(listed(&sandbox), [("tiny-model".into(), true)]);
}

/// A limit on the length of files is what a full disk is for a test: the write fails.
#[test]
fn a_full_disk_is_reported_and_a_later_run_goes_on() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, PATH, model(&sandbox), Behaviour::Sound);
    let sums = sums(&sandbox);
    // Of the three files, only the weights are longer than eight blocks.
    let script = format!(
        "trap '' XFSZ; ulimit -f 8; exec \"$MANA\" model install {ADDRESS} --sums {}",
        sums.display()
    );
    let output = prepared(sandbox.shell(&script), &server).run().code(1);
    assert!(output.errors().contains("model.safetensors.part"), "{output:?}");
    assert!(output.errors().contains("Make room"), "{output:?}");
    assert!(listed(&sandbox).is_empty());
    drop(install(&sandbox, &server).run().success());
    let last = server.requests().pop().unwrap();
    assert!(last.starts_with("model.safetensors bytes=") && !last.contains("bytes=0-"), "{last}");
    assert_eq!(listed(&sandbox), [("tiny-model".into(), true)]);
}

#[test]
fn the_same_disk_refuses_a_folder_whole() {
    let sandbox = Sandbox::new();
    let folder = model(&sandbox);
    let script =
        format!("trap '' XFSZ; ulimit -f 8; exec \"$MANA\" model install {}", folder.display());
    let output = sandbox.shell(&script).run().code(1);
    assert!(output.errors().contains("Make room"), "{output:?}");
    let left: Vec<_> = fs::read_dir(sandbox.mana_home().join("models"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, [".lock"]);
}

#[test]
fn a_server_that_nobody_vouches_for_is_not_asked() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, PATH, model(&sandbox), Behaviour::Sound);
    let output = install(&sandbox, &server).env("SSL_CERT_FILE", "/dev/null").run().code(1);
    assert!(!output.errors().is_empty(), "{output:?}");
    assert!(server.requests().is_empty());
    let plain = server.address().replace("https:", "http:");
    let output = install(&sandbox, &server).env("MANA_MODEL_SOURCE", plain).run().code(1);
    assert!(output.errors().contains("cannot reach"), "{output:?}");
    assert!(listed(&sandbox).is_empty());
}

#[test]
fn a_model_of_another_kind_is_not_installed_whatever_its_checksums() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, PATH, model(&sandbox), Behaviour::Sound);
    let sums = sums(&sandbox);
    let pooling = br#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#;
    fs::create_dir(model(&sandbox).join("1_Pooling")).unwrap();
    fs::write(model(&sandbox).join("1_Pooling/config.json"), pooling).unwrap();
    let mut text = fs::read_to_string(&sums).unwrap();
    for byte in Sha256::digest(pooling) {
        write!(text, "{byte:02x}").unwrap();
    }
    fs::write(&sums, text + "  1_Pooling/config.json\n").unwrap();
    let arguments = ["model", "install", ADDRESS, "--sums", sums.to_str().unwrap()];
    let output = prepared(sandbox.mana(arguments), &server).run().code(1);
    assert!(output.errors().contains("does not take the mean"), "{output:?}");
    assert!(listed(&sandbox).is_empty());
}

#[test]
fn a_missing_file_is_named_with_the_servers_answer() {
    let sandbox = Sandbox::new();
    let folder = model(&sandbox);
    let server = Server::start(&sandbox, "/elsewhere", folder, Behaviour::Sound);
    let output = install(&sandbox, &server).run().code(1);
    assert!(output.errors().contains("404"), "{output:?}");
}
