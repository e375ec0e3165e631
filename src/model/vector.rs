//! Vectors that stand for the meaning of texts. Hot.

/// Numbers in a vector. With lexical search always fused in, more of them gained nothing that could
/// be measured, and each doubles the table and the index.
pub(crate) const DIMENSIONS: usize = 128;

/// A vector of length 1.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Vector([f32; DIMENSIONS]);

impl Vector {
    /// `values` scaled to length 1; `None` when they have no direction.
    pub(crate) fn normalised(mut values: [f32; DIMENSIONS]) -> Option<Self> {
        let length = dot(&values, &values).sqrt();
        if !length.is_normal() {
            return None;
        }
        for value in &mut values {
            *value /= length;
        }
        Some(Self(values))
    }

    /// The numbers.
    #[cfg(test)]
    pub(crate) fn values(&self) -> &[f32; DIMENSIONS] {
        &self.0
    }

    /// The cosine of the angle between two vectors.
    #[cfg(any(test, feature = "encoder"))]
    pub(crate) fn cosine(&self, other: &Self) -> f32 {
        dot(&self.0, &other.0)
    }

    /// The vector in a byte a number.
    pub(crate) fn quantised(&self) -> Quantised {
        let (scale, integers) = quantise(&self.0);
        Quantised { scale, integers }
    }
}

/// A vector of length 1 in small: each number is `scale` times an integer from −127 to 127.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Quantised {
    /// What the integers are to be multiplied with.
    pub(crate) scale: f32,
    /// The integers, as they lie in a file: one byte each, in two's complement.
    pub(crate) integers: [u8; DIMENSIONS],
}

impl Quantised {
    /// The scalar product with the integers of another vector, as they lie in a file. Times both
    /// scales it is the cosine.
    #[inline]
    pub(crate) fn dot(&self, row: &[u8; DIMENSIONS]) -> i32 {
        dot_of_bytes(&self.integers, row)
    }

    /// The cosine of the angle to a vector that has these integers and this scale.
    #[inline]
    pub(crate) fn cosine(&self, row: &[u8; DIMENSIONS], scale: f32) -> f32 {
        self.dot(row) as f32 * self.scale * scale
    }

    /// The vector, made ready to be compared with many others.
    pub(crate) fn probe(&self) -> Probe {
        let mut integers = [0; 2 * DIMENSIONS];
        for (wide, integer) in integers.as_chunks_mut().0.iter_mut().zip(self.integers) {
            *wide = i16::from(integer as i8).to_le_bytes();
        }
        Probe { scale: self.scale, integers }
    }

    /// The numbers that the integers stand for.
    pub(crate) fn values(&self) -> [f32; DIMENSIONS] {
        self.integers.map(|value| f32::from(value as i8) * self.scale)
    }
}

/// A vector that is compared with many others: its integers are as wide as products need them.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    /// The integers, two bytes each, in two's complement.
    integers: [u8; 2 * DIMENSIONS],
    scale: f32,
}

impl Probe {
    /// As [`Quantised::cosine`], and the very same number.
    #[inline]
    pub(crate) fn cosine(&self, row: &[u8; DIMENSIONS], scale: f32) -> f32 {
        dot_of_wide(&self.integers, row) as f32 * self.scale * scale
    }
}

/// Makes vectors of texts. Texts that mean the same have vectors with a large cosine.
pub(crate) trait Encode: std::fmt::Debug {
    /// Names the space of the vectors: those of different spaces mean nothing to each other.
    fn space(&self) -> u64;

    /// The vector of a text; `None` when nothing in it is known.
    fn encode(&self, text: &str) -> Option<Quantised>;

    /// Whether vectors of the full encoder with this name can be brought into the space.
    fn is_taught_by(&self, encoder: &str) -> bool;

    /// A vector of that encoder in the space; `None` when none of its meaning is left there.
    fn project(&self, vector: &[f32]) -> Option<Quantised>;
}

/// Integers from −127 to 127 and the scale that makes them `values` again, to half a scale.
pub(crate) fn quantise(values: &[f32; DIMENSIONS]) -> (f32, [u8; DIMENSIONS]) {
    let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    if largest == 0.0 || !largest.is_finite() {
        return (0.0, [0; DIMENSIONS]);
    }
    let scale = largest / 127.0;
    (scale, values.map(|value| (value / scale).round() as i8 as u8))
}

/// The scalar product of integers. 128 products of at most 128² stay far below what an `i32` holds.
#[cfg(target_arch = "x86_64")]
#[inline]
#[expect(unsafe_code, reason = "the compiler alone takes five times as many instructions")]
fn dot_of_bytes(a: &[u8; DIMENSIONS], b: &[u8; DIMENSIONS]) -> i32 {
    // SAFETY: every x86-64 processor has SSE2, and nothing else is asked of it.
    unsafe { dot_of_bytes_sse2(a, b) }
}

/// As [`dot_of_bytes`], sixteen numbers at a time.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "sse2")]
fn dot_of_bytes_sse2(a: &[u8; DIMENSIONS], b: &[u8; DIMENSIONS]) -> i32 {
    use std::arch::x86_64::{
        __m128i, _mm_add_epi32, _mm_cmpgt_epi8, _mm_cvtsi128_si32, _mm_madd_epi16, _mm_set_epi64x,
        _mm_setzero_si128, _mm_shuffle_epi32, _mm_unpackhi_epi8, _mm_unpacklo_epi8,
    };
    // The compiler makes one load of it.
    let load = |bytes: &[u8; 16]| -> __m128i {
        let number = u128::from_le_bytes(*bytes);
        _mm_set_epi64x((number >> 64) as i64, number as i64)
    };
    let zero = _mm_setzero_si128();
    let mut sums = zero;
    let (a, b) = (a.as_chunks().0, b.as_chunks().0);
    let mut n = 0;
    // Not every build makes as little of an iterator over both.
    while n < DIMENSIONS / 16 {
        let (a, b) = (load(&a[n]), load(&b[n]));
        n += 1;
        // Each byte gets its sign as a second one.
        let (of_a, of_b) = (_mm_cmpgt_epi8(zero, a), _mm_cmpgt_epi8(zero, b));
        let low = _mm_madd_epi16(_mm_unpacklo_epi8(a, of_a), _mm_unpacklo_epi8(b, of_b));
        let high = _mm_madd_epi16(_mm_unpackhi_epi8(a, of_a), _mm_unpackhi_epi8(b, of_b));
        sums = _mm_add_epi32(sums, _mm_add_epi32(low, high));
    }
    let halves = _mm_add_epi32(sums, _mm_shuffle_epi32::<0b01_00_11_10>(sums));
    let all = _mm_add_epi32(halves, _mm_shuffle_epi32::<0b10_11_00_01>(halves));
    _mm_cvtsi128_si32(all)
}

/// The scalar product of integers of which one side is wide already.
#[cfg(target_arch = "x86_64")]
#[inline]
#[expect(unsafe_code, reason = "the compiler alone takes five times as many instructions")]
fn dot_of_wide(a: &[u8; 2 * DIMENSIONS], b: &[u8; DIMENSIONS]) -> i32 {
    // SAFETY: every x86-64 processor has SSE2, and nothing else is asked of it.
    unsafe { dot_of_wide_sse2(a, b) }
}

/// As [`dot_of_wide`], sixteen numbers at a time.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "sse2")]
fn dot_of_wide_sse2(a: &[u8; 2 * DIMENSIONS], b: &[u8; DIMENSIONS]) -> i32 {
    use std::arch::x86_64::{
        __m128i, _mm_add_epi32, _mm_cvtsi128_si32, _mm_madd_epi16, _mm_set_epi64x,
        _mm_setzero_si128, _mm_shuffle_epi32, _mm_unpackhi_epi8, _mm_unpacklo_epi8,
    };
    // The compiler makes one load of it.
    let load = |bytes: &[u8; 16]| -> __m128i {
        let number = u128::from_le_bytes(*bytes);
        _mm_set_epi64x((number >> 64) as i64, number as i64)
    };
    let zero = _mm_setzero_si128();
    let mut sums = zero;
    let (a, b) = (a.as_chunks().0, b.as_chunks().0);
    let mut n = 0;
    while n < DIMENSIONS / 16 {
        let (low, high, b) = (load(&a[2 * n]), load(&a[2 * n + 1]), load(&b[n]));
        n += 1;
        // A byte above zeroes is itself times 256, with its sign. The sums of such products stay
        // within 2^29.
        let low = _mm_madd_epi16(low, _mm_unpacklo_epi8(zero, b));
        let high = _mm_madd_epi16(high, _mm_unpackhi_epi8(zero, b));
        sums = _mm_add_epi32(sums, _mm_add_epi32(low, high));
    }
    let halves = _mm_add_epi32(sums, _mm_shuffle_epi32::<0b01_00_11_10>(sums));
    let all = _mm_add_epi32(halves, _mm_shuffle_epi32::<0b10_11_00_01>(halves));
    _mm_cvtsi128_si32(all) >> 8
}

/// The scalar product of integers of which one side is wide already.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn dot_of_wide(a: &[u8; 2 * DIMENSIONS], b: &[u8; DIMENSIONS]) -> i32 {
    let wide = a.as_chunks().0.iter().map(|wide| i16::from_le_bytes(*wide));
    wide.zip(b).map(|(a, &b)| i32::from(a) * i32::from(b as i8)).sum()
}

/// The scalar product of integers.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn dot_of_bytes(a: &[u8; DIMENSIONS], b: &[u8; DIMENSIONS]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a as i8) * i32::from(b as i8)).sum()
}

/// The scalar product.
fn dot(a: &[f32; DIMENSIONS], b: &[f32; DIMENSIONS]) -> f32 {
    // Eight sums side by side, which fit two registers: one sum alone would have to be added up in
    // order.
    let mut sums = [0.0f32; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

/// An encoder for tests.
#[cfg(test)]
pub(crate) mod testing {
    use super::{DIMENSIONS, Encode, Quantised, Vector};
    use crate::model::key::{Key, Space};
    use crate::model::tokens;

    /// Texts of the same words mean the same.
    #[derive(Debug)]
    pub(crate) struct Words;

    impl Encode for Words {
        fn space(&self) -> u64 {
            26
        }

        fn encode(&self, text: &str) -> Option<Quantised> {
            let mut values = [0.0; DIMENSIONS];
            for term in tokens::terms(text) {
                let hash = Key::new(Space::Term, &term).to_i64() as u64;
                for n in 0..4 {
                    let at = (hash >> (n * 8)) as usize % DIMENSIONS;
                    values[at] += if hash >> (40 + n) & 1 == 0 { 1.0 } else { -1.0 };
                }
            }
            Vector::normalised(values).map(|vector| vector.quantised())
        }

        fn is_taught_by(&self, encoder: &str) -> bool {
            encoder == "teacher of words"
        }

        /// The vectors of its teacher are the beginnings of its own.
        fn project(&self, vector: &[f32]) -> Option<Quantised> {
            let values = std::array::from_fn(|n| vector.get(n).copied().unwrap_or(0.0));
            Vector::normalised(values).map(|vector| vector.quantised())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_byte_a_number_is_near_enough(seed in prop::array::uniform32(-1.0_f32..1.0)) {
            let values = std::array::from_fn(|n| seed[n % 32] + (n as f32 * 0.7).sin());
            let other = std::array::from_fn(|n| seed[(n + 5) % 32] - (n as f32 * 0.3).cos());
            let (Some(a), Some(b)) = (Vector::normalised(values), Vector::normalised(other)) else {
                return Ok(());
            };
            let (small, other) = (a.quantised(), b.quantised());
            prop_assert!((a.cosine(&a) - 1.0).abs() < 1e-5);
            prop_assert!((small.cosine(&other.integers, other.scale) - a.cosine(&b)).abs() < 0.02);
            for (value, quantised) in a.values().iter().zip(small.values()) {
                prop_assert!((value - quantised).abs() <= small.scale * 0.51);
            }
        }
    }

    #[test]
    fn the_product_of_bytes_is_exact() {
        let values: [u8; DIMENSIONS] = std::array::from_fn(|n| (n * 37) as u8);
        for (shift, integers) in [(0, values), (1, values), (77, values), (0, [128; DIMENSIONS])] {
            let row = std::array::from_fn(|n| integers[(n + shift) % DIMENSIONS]);
            let products =
                integers.iter().zip(row).map(|(a, b)| i32::from(*a as i8) * i32::from(b as i8));
            let expected: i32 = products.sum();
            let vector = Quantised { scale: 1.0, integers };
            assert_eq!(vector.dot(&row), expected, "{shift}");
            assert_eq!(dot_of_wide(&vector.probe().integers, &row), expected, "{shift}");
            let cosine = vector.probe().cosine(&row, 0.3);
            assert_eq!(cosine.to_bits(), vector.cosine(&row, 0.3).to_bits(), "{shift}");
        }
    }

    #[test]
    fn what_has_no_direction_is_no_vector() {
        assert_eq!(Vector::normalised([0.0; DIMENSIONS]), None);
        assert_eq!(Vector::normalised([f32::NAN; DIMENSIONS]), None);
        assert_eq!(quantise(&[f32::INFINITY; DIMENSIONS]), (0.0, [0; DIMENSIONS]));
    }
}
