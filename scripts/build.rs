//! Decides how the program is linked: whether hooks may start without the C library's questions about
//! the processor (`src/start.rs`, docs/decisions/0005-start.md), and that the functions and data
//! which they touch lie side by side (`scripts/order.ld`, docs/decisions/0006-order.md).

use std::fs::DirEntry;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::process::Command;

/// Versions of the GNU C library whose start `src/start.rs` repeats, and was tried with; and whether
/// they have a threshold of their own for filling large memory.
const KNOWN: [(&str, bool); 2] = [("glibc 2.36", false), ("glibc 2.41", true)];

/// What decides which words leave a machine: where it is as it was, what left of a pattern that did
/// not change is as it was (`src/sync/unchanged.rs`).
const RULES: [&str; 4] = ["Cargo.lock", "src/model", "src/redact", "src/sync"];

fn main() {
    println!("cargo:rerun-if-changed=scripts/build.rs");
    println!("cargo:rerun-if-changed=scripts/order.ld");
    println!("cargo:rerun-if-env-changed=MANA_PLAIN_START");
    println!("cargo:rustc-check-cfg=cfg(quick_start, fills_by_threshold)");
    println!("cargo:rustc-env=MANA_RULES={:016x}", hash_of(&RULES));
    if !is_static() {
        return;
    }
    // A copy beside what is built: the results of a build may outlive the checkout.
    let order = format!("{}/order.ld", set("OUT_DIR"));
    copy(&format!("{}/scripts/order.ld", set("CARGO_MANIFEST_DIR")), &order);
    println!("cargo:rustc-link-arg-bins=-Wl,-T,{order}");
    if let Some(fills_by_threshold) = quick_start() {
        println!("cargo:rustc-cfg=quick_start");
        if fills_by_threshold {
            println!("cargo:rustc-cfg=fills_by_threshold");
        }
        for wrapped in ["__libc_start_main", "_dl_get_origin"] {
            println!("cargo:rustc-link-arg-bins=-Wl,--wrap={wrapped}");
        }
    }
}

/// Whether the program is the static one for the machine that builds it, and to be linked unlike
/// others at all.
fn is_static() -> bool {
    set("MANA_PLAIN_START").is_empty()
        && set("TARGET") == "x86_64-unknown-linux-gnu"
        && set("HOST") == set("TARGET")
        && set("CARGO_CFG_TARGET_FEATURE").split(',').any(|feature| feature == "crt-static")
}

/// Only with a C library that is known: what is linked is the library that `getconf` names.
fn quick_start() -> Option<bool> {
    let said = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let version = said.stdout.trim_ascii();
    KNOWN.iter().find_map(|(known, fills)| (version == known.as_bytes()).then_some(*fills))
}

/// Makes the file at `to` the same as that at `from`.
#[expect(
    clippy::disallowed_methods,
    reason = "a file of the build's own, which nothing else reads"
)]
fn copy(from: &str, to: &str) {
    std::fs::copy(from, to).unwrap_or_else(|error| panic!("cannot copy {from} to {to}: {error}"));
}

/// What cargo, or who builds, says in the environment.
#[expect(clippy::disallowed_methods, reason = "cargo tells a build script by its environment")]
fn set(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// A hash of these files and folders; cargo looks whether they change.
fn hash_of(paths: &[&str]) -> u64 {
    let mut hash = DefaultHasher::new();
    for path in paths {
        println!("cargo:rerun-if-changed={path}");
        hash_into(&Path::new(&set("CARGO_MANIFEST_DIR")).join(path), &mut hash);
    }
    hash.finish()
}

/// Feeds a file, or a folder in the order of its names, to `hash`.
fn hash_into(path: &Path, hash: &mut DefaultHasher) {
    let told = |error| -> ! { panic!("cannot read {}: {error}", path.display()) };
    path.file_name().hash(hash);
    if !path.is_dir() {
        return std::fs::read(path).unwrap_or_else(|error| told(error)).hash(hash);
    }
    let entries = std::fs::read_dir(path).unwrap_or_else(|error| told(error));
    let path = |entry: Result<DirEntry, _>| entry.unwrap_or_else(|error| told(error)).path();
    let mut inside: Vec<_> = entries.map(path).collect();
    inside.sort();
    for path in &inside {
        hash_into(path, hash);
    }
}
