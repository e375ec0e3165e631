//! What every backend must do, as one suite that each of them runs.
//!
//! The checks share a server: each works in a workspace of its own, so they also show that
//! workspaces do not disturb each other.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::{Backend, BackendError, MAX_OBJECT, Object};

/// Opens a server as the device with this label; opened twice, both act as the same device.
type Make<'a> = &'a mut dyn FnMut(&str) -> Box<dyn Backend>;

/// Runs all checks against one server. It must hold nothing in the workspaces that are used here.
pub(crate) fn check(make: Make<'_>) {
    an_empty_workspace_is_empty(make);
    what_was_put_comes_back(make);
    putting_again_changes_nothing(make);
    listings_are_sorted_and_cut(make);
    devices_see_each_other(make);
    workspaces_are_apart(make);
    key_boxes_are_anybodys(make);
    a_device_removes_only_its_own(make);
    all_can_be_removed_and_new_ones_put(make);
    a_device_that_starts_anew_goes_on(make);
    two_copies_of_a_device_keep_both_works(make);
    nonsense_is_refused_whole(make);
}

/// A label of 32 hexadecimal digits that belongs to `text`.
pub(crate) fn label(text: &str) -> String {
    hex(&Sha256::digest(text))
}

/// The first 16 bytes of a hash, in hexadecimal.
fn hex(hash: &[u8]) -> String {
    crate::sync::hex::hex(&hash[..16])
}

/// A segment with `bytes` under its true name. The workspace is a number, the device a word.
pub(crate) fn segment(workspace: u32, device: &str, sequence: u64, bytes: Vec<u8>) -> Object {
    let hash = hex(&Sha256::digest(&bytes));
    let name = format!("v1/{workspace:032x}/{}/{sequence:016x}-{hash}", label(device));
    Object { name, bytes }
}

/// Segments with some bytes each, one for each sequence number.
pub(crate) fn segments<const N: usize>(
    workspace: u32,
    device: &str,
    sequences: [u64; N],
) -> [Object; N] {
    sequences.map(|n| segment(workspace, device, n, format!("{device} {n} \0\n\r\u{ff}").into()))
}

/// A key box with `bytes` under its true name.
fn key_box(workspace: u32, bytes: &[u8]) -> Object {
    let name = format!("v1/{workspace:032x}/key/{}", hex(&Sha256::digest(bytes)));
    Object { name, bytes: bytes.into() }
}

/// All names in a workspace, after a refresh.
fn all(backend: &mut dyn Backend, workspace: u32) -> Vec<String> {
    backend.refresh().unwrap();
    backend.list(&format!("v1/{workspace:032x}/"), None).unwrap()
}

/// The names of `objects`, sorted.
fn names(objects: &[Object]) -> Vec<String> {
    let sorted: BTreeSet<_> = objects.iter().map(|object| object.name.clone()).collect();
    sorted.into_iter().collect()
}

fn is_refused<T>(answer: &Result<T, BackendError>) -> bool {
    matches!(answer, Err(BackendError::Refused(_)))
}

fn an_empty_workspace_is_empty(make: Make<'_>) {
    let mut a = make(&label("a"));
    assert_eq!(all(&mut a, 1), [""; 0]);
    let [missing] = segments(1, "a", [1]);
    assert_eq!(a.get(&missing.name).unwrap(), None);
    a.put(&[]).unwrap();
    a.delete_own(&[]).unwrap();
    a.delete_own(&[missing.name]).unwrap();
    assert_eq!(all(&mut a, 1), [""; 0]);
}

fn what_was_put_comes_back(make: Make<'_>) {
    let mut a = make(&label("a"));
    let every_byte: Vec<u8> = (0..=255).collect();
    // Noise, because a carrier that compresses must not count on text.
    let mut random = super::random::Random::new(2);
    let longest: Vec<u8> = (0..MAX_OBJECT).map(|_| random.next() as u8).collect();
    let contents = [Vec::new(), vec![0], every_byte, b"\r\n\r\nPACK".to_vec(), longest];
    let objects: Vec<_> = (1..).zip(contents).map(|(n, bytes)| segment(2, "a", n, bytes)).collect();
    a.put(&objects).unwrap();
    for mut backend in [make(&label("a")), make(&label("b"))] {
        assert_eq!(all(&mut backend, 2), names(&objects));
        for object in &objects {
            let got = backend.get(&object.name).unwrap();
            assert!(got.as_ref() == Some(&object.bytes), "{} came back changed", object.name);
        }
    }
}

fn putting_again_changes_nothing(make: Make<'_>) {
    let mut a = make(&label("a"));
    let objects = segments(3, "a", [1, 2]);
    a.put(&objects).unwrap();
    a.put(&objects).unwrap();
    a.put(&[objects[1].clone(), objects[1].clone(), objects[0].clone()]).unwrap();
    assert_eq!(all(&mut a, 3), names(&objects));
    assert_eq!(a.get(&objects[0].name).unwrap().as_ref(), Some(&objects[0].bytes));
}

fn listings_are_sorted_and_cut(make: Make<'_>) {
    let mut a = make(&label("a"));
    let objects: Vec<_> =
        (0..120).map(|n| segment(4, "a", n * n, n.to_string().into_bytes())).rev().collect();
    for part in objects.chunks(50) {
        a.put(part).unwrap();
    }
    let sorted = names(&objects);
    assert_eq!(all(&mut a, 4), sorted);
    let prefix = format!("v1/{:032x}/{}/", 4, label("a"));
    for cut in [0, 1, 60, 118, 119] {
        let rest = a.list(&prefix, Some(&sorted[cut])).unwrap();
        assert_eq!(rest, sorted[cut + 1..], "after number {cut}");
    }
    // What lies after a name need not be one that exists.
    let between = format!("{prefix}{:016x}-{}", 2, "f".repeat(32));
    assert_eq!(a.list(&prefix, Some(&between)).unwrap(), sorted[2..]);
    assert_eq!(a.list(&sorted[7], None).unwrap(), [sorted[7].clone()]);
    assert_eq!(a.list(&format!("{prefix}f"), None).unwrap(), [""; 0]);
}

fn devices_see_each_other(make: Make<'_>) {
    let (mut a, mut b) = (make(&label("a")), make(&label("b")));
    let (of_a, of_b) = (segments(5, "a", [1, 2]), segments(5, "b", [1]));
    a.put(&of_a[..1]).unwrap();
    b.put(&of_b).unwrap();
    a.put(&of_a[1..]).unwrap();
    let both = names(&[&of_a[..], &of_b[..]].concat());
    for backend in [&mut a, &mut b] {
        assert_eq!(all(backend, 5), both);
        for object in of_a.iter().chain(&of_b) {
            assert_eq!(backend.get(&object.name).unwrap().as_ref(), Some(&object.bytes));
        }
    }
    let only_b = a.list(&format!("v1/{:032x}/{}/", 5, label("b")), None).unwrap();
    assert_eq!(only_b, names(&of_b));
}

fn workspaces_are_apart(make: Make<'_>) {
    let mut a = make(&label("a"));
    let (sixth, seventh) = (segments(6, "a", [1]), segments(7, "a", [1]));
    a.put(&[sixth[0].clone(), seventh[0].clone()]).unwrap();
    assert_eq!(all(&mut a, 6), names(&sixth));
    a.delete_own(&names(&sixth)).unwrap();
    assert_eq!((all(&mut a, 6), all(&mut a, 7)), (Vec::new(), names(&seventh)));
}

fn key_boxes_are_anybodys(make: Make<'_>) {
    let (mut a, mut b) = (make(&label("a")), make(&label("b")));
    let boxes = [key_box(8, b"one"), key_box(8, b"two")];
    a.put(&boxes).unwrap();
    b.put(&boxes[..1]).unwrap();
    assert_eq!(all(&mut b, 8), names(&boxes));
    b.delete_own(std::slice::from_ref(&boxes[0].name)).unwrap();
    assert_eq!(all(&mut a, 8), [boxes[1].name.clone()]);
    assert_eq!(a.get(&boxes[0].name).unwrap(), None);
    assert_eq!(a.get(&boxes[1].name).unwrap().as_ref(), Some(&boxes[1].bytes));
}

fn a_device_removes_only_its_own(make: Make<'_>) {
    let (mut a, mut b) = (make(&label("a")), make(&label("b")));
    let (of_a, of_b) = (segments(9, "a", [1, 2, 3]), segments(9, "b", [1]));
    a.put(&of_a).unwrap();
    b.put(&of_b).unwrap();
    let removed = names(&of_a[..2]);
    let answer = a.delete_own(&[removed[0].clone(), of_b[0].name.clone()]);
    assert!(is_refused(&answer), "{answer:?}");
    assert_eq!(all(&mut a, 9).len(), 4, "nothing was removed");

    a.delete_own(&removed).unwrap();
    a.delete_own(&removed).unwrap();
    let left = names(&[&of_a[2..], &of_b[..]].concat());
    for backend in [&mut a, &mut b] {
        assert_eq!(all(backend, 9), left);
        assert_eq!(backend.get(&removed[0]).unwrap(), None);
        assert_eq!(backend.get(&of_a[2].name).unwrap().as_ref(), Some(&of_a[2].bytes));
    }
}

fn all_can_be_removed_and_new_ones_put(make: Make<'_>) {
    let (mut a, mut b) = (make(&label("a")), make(&label("b")));
    let objects = segments(10, "a", [1, 2, 3]);
    a.put(&objects[..2]).unwrap();
    assert_eq!(all(&mut b, 10).len(), 2);
    a.delete_own(&names(&objects[..2])).unwrap();
    assert_eq!(all(&mut b, 10), [""; 0]);
    a.put(&objects[2..]).unwrap();
    assert_eq!(all(&mut b, 10), names(&objects[2..]));
    a.put(&objects[..1]).unwrap();
    assert_eq!(all(&mut b, 10).len(), 2, "what was removed can come back");
}

fn a_device_that_starts_anew_goes_on(make: Make<'_>) {
    let objects = segments(11, "a", [1, 2, 3]);
    for object in &objects {
        let mut a = make(&label("a"));
        a.put(std::slice::from_ref(object)).unwrap();
    }
    assert_eq!(all(&mut make(&label("a")), 11), names(&objects));
}

fn two_copies_of_a_device_keep_both_works(make: Make<'_>) {
    let (mut first, mut second) = (make(&label("a")), make(&label("a")));
    first.refresh().unwrap();
    second.refresh().unwrap();
    // The same number and other bytes: the fork stays visible.
    let mine = segment(12, "a", 1, b"mine".to_vec());
    let other = segment(12, "a", 1, b"other".to_vec());
    first.put(std::slice::from_ref(&mine)).unwrap();
    second.put(std::slice::from_ref(&other)).unwrap();
    let both = names(&[mine.clone(), other.clone()]);
    assert_eq!(all(&mut first, 12), both);
    assert_eq!(first.get(&other.name).unwrap(), Some(other.bytes));
    let third = segment(12, "a", 2, b"third".to_vec());
    first.put(std::slice::from_ref(&third)).unwrap();
    second.delete_own(std::slice::from_ref(&mine.name)).unwrap();
    assert_eq!(all(&mut first, 12), names(&[segment(12, "a", 1, b"other".to_vec()), third]));
}

fn nonsense_is_refused_whole(make: Make<'_>) {
    let mut a = make(&label("a"));
    let [sound, of_b] = [segment(13, "a", 1, vec![1]), segment(13, "b", 1, vec![2])];
    let too_long = segment(13, "a", 2, vec![0; MAX_OBJECT + 1]);
    let misnamed = Object { name: "v1/../../etc/passwd".into(), bytes: vec![3] };
    for wrong in [of_b, too_long, misnamed] {
        let name = wrong.name.clone();
        let answer = a.put(&[sound.clone(), wrong]);
        assert!(is_refused(&answer), "{name}: {answer:?}");
        assert_eq!(all(&mut a, 13), [""; 0], "{name}");
    }
    let answer = a.delete_own(&["v1/*".into()]);
    assert!(is_refused(&answer), "{answer:?}");
    assert_eq!(a.get("v1/../../etc/passwd").unwrap(), None);
}
