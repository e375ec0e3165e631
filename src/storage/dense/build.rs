//! Groups vectors in lists, by spherical k-means (Dhillon and Modha, 2001).
//!
//! Everything is in a fixed order, so that the same documents make the same bytes.

use super::{ENTRY, HEADER, VECTOR};
use crate::model::vector::{DIMENSIONS, Quantised, Vector};

/// Up to so many documents one list is searched faster than several.
const ONE_LIST: usize = 1_024;

/// Rounds of moving the centroids: later ones change next to nothing.
const ROUNDS: usize = 5;

/// Vectors that the centroids are made of, for each list.
const SAMPLE: usize = 40;

/// The stored form of the vectors of documents, by number, in the space `space`.
pub(in crate::storage) fn build(space: u64, vectors: &[Option<Quantised>]) -> Vec<u8> {
    let present: Vec<(u32, &Quantised)> = (0_u32..)
        .zip(vectors)
        .filter_map(|(document, vector)| Some((document, vector.as_ref()?)))
        .collect();
    let centroids = centroids(&present);
    let mut lists: Vec<Vec<(u32, &Quantised)>> = vec![Vec::new(); centroids.len()];
    for (document, vector) in &present {
        lists[nearest(&centroids, vector)].push((*document, vector));
    }
    let size = HEADER + lists.len() * (VECTOR + 4) + vectors.len() * 4 + present.len() * ENTRY;
    let mut bytes = Vec::with_capacity(size + 4);
    bytes.extend(space.to_le_bytes());
    bytes.extend((vectors.len() as u32).to_le_bytes());
    bytes.extend((lists.len() as u32).to_le_bytes());
    for centroid in &centroids {
        put(&mut bytes, centroid);
    }
    let mut start = 0_u32;
    bytes.extend(start.to_le_bytes());
    for list in &lists {
        start += list.len() as u32;
        bytes.extend(start.to_le_bytes());
    }
    let mut places = vec![0_u32; vectors.len()];
    for (place, (document, _)) in (1..).zip(lists.iter().flatten()) {
        places[*document as usize] = place;
    }
    bytes.extend(places.iter().flat_map(|place| place.to_le_bytes()));
    for (document, vector) in lists.iter().flatten() {
        bytes.extend(document.to_le_bytes());
        put(&mut bytes, vector);
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, vector: &Quantised) {
    bytes.extend(vector.scale.to_le_bytes());
    bytes.extend(vector.integers);
}

/// The centroids of the lists.
fn centroids(present: &[(u32, &Quantised)]) -> Vec<Quantised> {
    let Some((_, first)) = present.first() else { return Vec::new() };
    if present.len() <= ONE_LIST {
        // Everything is in it; where it lies does not matter.
        return vec![(*first).clone()];
    }
    let count = present.len().isqrt().next_power_of_two();
    let every = |of: usize| (0..of).map(move |n| present[n * present.len() / of].1);
    let sample: Vec<&Quantised> = every(present.len().min(count * SAMPLE)).collect();
    let mut centroids: Vec<Quantised> = every(count).cloned().collect();
    for _ in 0..ROUNDS {
        let mut sums = vec![[0.0_f32; DIMENSIONS]; count];
        for vector in &sample {
            let sum = &mut sums[nearest(&centroids, vector)];
            for (sum, value) in sum.iter_mut().zip(vector.values()) {
                *sum += value;
            }
        }
        for (centroid, sum) in centroids.iter_mut().zip(sums) {
            // One that nothing is near to stays where it is.
            if let Some(mean) = Vector::normalised(sum) {
                *centroid = mean.quantised();
            }
        }
    }
    centroids
}

/// The number of the centroid with the largest cosine.
fn nearest(centroids: &[Quantised], vector: &Quantised) -> usize {
    let integers = vector.integers;
    let mut best = (f32::MIN, 0);
    for (number, centroid) in centroids.iter().enumerate() {
        let cosine = centroid.cosine(&integers, vector.scale);
        if cosine > best.0 {
            best = (cosine, number);
        }
    }
    best.1
}
