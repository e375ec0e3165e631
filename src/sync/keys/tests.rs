//! Keys and key boxes: what was sealed once opens for ever, and nothing else does.

use super::*;
use crate::sync::fixtures::{Case, cases, said};
use crate::sync::hex::{hex, unhex_all};
use crate::sync::random::Seeded;

const PASSPHRASE: &[u8] = b"correct horse battery staple";

fn keys() -> WorkspaceKeys {
    let mut random = Seeded(1, 0);
    let mut keys = WorkspaceKeys::generate(&mut random).unwrap();
    keys.rotate(&mut random).unwrap();
    keys
}

fn sealed() -> Vec<u8> {
    seal_box(&keys(), PASSPHRASE, Cost::CHEAP, &mut Seeded(4, 0)).unwrap()
}

fn changed(at: usize, new: &[u8]) -> Vec<u8> {
    let mut bytes = sealed();
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}

fn made() -> Vec<Case> {
    let good = sealed();
    let flipped = |at: usize| changed(at, &[good[at] ^ 1]);
    let number = |at: usize, number: u32| changed(at, &number.to_be_bytes());
    let mut long = good.clone();
    long.push(0);
    let cost = |memory: u32, passes: u32, lanes: u32| {
        format!("Cost {{ memory: {memory}, passes: {passes}, lanes: {lanes} }}")
    };
    vec![
        Case::new("worked example", "read", &good),
        Case::new("empty", "Foreign", &[]),
        Case::new("another magic", "Foreign", &flipped(0)),
        Case::new("cut in the magic", "Truncated", &good[..5]),
        Case::new("cut in the header", "Truncated", &good[..91]),
        Case::new("cut in the keys", "Truncated", &good[..good.len() - 1]),
        Case::new("one byte more", "Damaged", &long),
        Case::new("version 2", "Newer(2)", &changed(8, &[0, 2])),
        Case::new("suite 2", "UnknownSuite", &changed(10, &[0, 2])),
        Case::new("another workspace", "Passphrase", &flipped(12)),
        Case::new("too little memory", &cost(1024, 1, 1), &number(28, 1024)),
        Case::new("too much memory", &cost(u32::MAX, 1, 1), &number(28, u32::MAX)),
        Case::new("no pass", &cost(19456, 0, 1), &number(32, 0)),
        Case::new("too many passes", &cost(19456, 1 << 30, 1), &number(32, 1 << 30)),
        Case::new("no lane", &cost(19456, 1, 0), &number(36, 0)),
        Case::new("too many lanes", &cost(19456, 1, 9), &number(36, 9)),
        Case::new("another salt", "Passphrase", &flipped(40)),
        Case::new("another commitment", "Passphrase", &flipped(60)),
        Case::new("flipped keys", "Damaged", &flipped(92)),
        Case::new("flipped tag", "Damaged", &flipped(good.len() - 1)),
        Case::new("length beyond the end", "Truncated", &number(56, u32::MAX)),
    ]
}

#[test]
fn key_boxes_are_judged_as_ever() {
    let cases = cases("keyboxes.json", made);
    assert!(cases.len() > 20);
    for case in &cases {
        let opened = open_box(&case.bytes(), PASSPHRASE);
        assert_eq!(said(&opened), case.says, "{}", case.name);
    }
    let (read, cost) = open_box(&cases[0].bytes(), PASSPHRASE).unwrap();
    assert!(read == keys() && cost == Cost::CHEAP);
    let wrong = open_box(&cases[0].bytes(), b"correct horse battery stable");
    assert_eq!(wrong.err(), Some(KeyBoxError::Passphrase));
}

#[test]
fn the_document_shows_the_box() {
    let document = include_str!("../../../docs/sync/format.md");
    let digits: String = document.split_whitespace().collect();
    let example = cases("keyboxes.json", made)[0].bytes();
    assert!(digits.contains(&hex(&example)), "{}", hex(&example));
}

#[test]
fn argon2id_is_that_of_its_rfc() {
    // RFC 9106, 5.3: with a secret and associated data, which MANA does not use.
    use argon2::{Algorithm, Argon2, AssociatedData, ParamsBuilder, Version};
    let params = ParamsBuilder::new()
        .m_cost(32)
        .t_cost(3)
        .p_cost(4)
        .output_len(32)
        .data(AssociatedData::new(&[4; 12]).unwrap())
        .build()
        .unwrap();
    let secret = [3; 8];
    let argon2 =
        Argon2::new_with_secret(&secret, Algorithm::Argon2id, Version::V0x13, params).unwrap();
    let mut tag = [0; 32];
    argon2.hash_password_into(&[1; 32], &[2; 16], &mut tag).unwrap();
    assert_eq!(hex(&tag), "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659");
}

#[test]
fn keys_are_derived_as_by_the_reference() {
    // `src/test.c` of the reference implementation (P-H-C/phc-winner-argon2), version 0x13: two
    // passes over 64 MiB in one lane.
    let cost = Cost { memory: 64 << 10, passes: 2, lanes: 1 };
    let of = |passphrase: &[u8], salt: &[u8]| hex(&*cost.derive_from(passphrase, salt).unwrap());
    let want = "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7";
    assert_eq!(of(b"password", b"somesalt"), want);
    let want = "0b84d652cf6b0c4beaef0dfe278ba6a80df6696281d7e0d2891b817d8c458fde";
    assert_eq!(of(b"differentpassword", b"somesalt"), want);
    let want = "bdf32b05ccc42eb15d58fd19b1f856b113da1e9a5874fdcc544308565aa8141c";
    assert_eq!(of(b"password", b"diffsalt"), want);
}

#[test]
fn a_cost_that_is_not_safe_is_not_paid() {
    for (memory, passes, lanes) in
        [(19455, 1, 1), ((1 << 20) + 1, 1, 1), (19456, 11, 1), (19456, 1, 9), (0, 0, 0)]
    {
        let cost = Cost { memory, passes, lanes };
        assert!(cost.derive(b"x", &[0; 16]).is_err(), "{cost:?}");
    }
    assert!(Cost::CHEAP.is_weaker_than(Cost::DEFAULT));
    assert!(!Cost::DEFAULT.is_weaker_than(Cost::DEFAULT));
}

#[test]
fn keys_go_through_their_file() {
    let bytes = keys().to_file();
    assert!(WorkspaceKeys::from_file(&bytes).unwrap() == keys());
    for at in 0..bytes.len() {
        assert!(WorkspaceKeys::from_file(&bytes[..at]).is_err(), "{at}");
    }
    let mut twice = bytes.to_vec();
    // The second epoch gets the number of the first.
    twice[88..92].copy_from_slice(&1_u32.to_be_bytes());
    assert!(WorkspaceKeys::from_file(&twice).is_err());
    assert!(unhex_all(&hex(&bytes)).is_some());
}

#[test]
fn only_epochs_that_agree_are_learned() {
    let mut old = WorkspaceKeys::generate(&mut Seeded(1, 0)).unwrap();
    assert!(old.learn(&keys()) && old == keys());
    let mut other = WorkspaceKeys::generate(&mut Seeded(5, 0)).unwrap();
    assert!(!other.learn(&keys()));
    let mut same_id = WorkspaceKeys { id: keys().id, ..other.clone() };
    assert!(!same_id.learn(&keys()));
}
