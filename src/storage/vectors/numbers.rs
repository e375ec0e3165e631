//! A vector in the form in which it is stored: an integer a number, and one scale.
//!
//! Half of what half-precision floats take, in the database and in what a search reads; what is
//! found stays the same.

/// Bytes of the scale.
const SCALE: usize = 4;

/// A vector as it is stored, of any number of dimensions.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Numbers<'a> {
    scale: f32,
    integers: &'a [u8],
}

impl<'a> Numbers<'a> {
    /// The vector in `bytes`; `None` when they are too short to be one.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        let (scale, integers) = bytes.split_first_chunk::<SCALE>()?;
        Some(Self { scale: f32::from_le_bytes(*scale), integers })
    }

    /// The numbers that the integers stand for.
    pub(super) fn values(self) -> Vec<f32> {
        self.integers.iter().map(|&value| f32::from(value as i8) * self.scale).collect()
    }

    /// The cosine of the angle between two vectors of length 1; 0 when they have different
    /// dimensions and so cannot be compared.
    pub(super) fn cosine(self, other: Numbers<'_>) -> f32 {
        if self.integers.len() != other.integers.len() {
            return 0.0;
        }
        // Up to a hundred thousand products of at most 128² fit.
        let products = self.integers.iter().zip(other.integers);
        let sum: i32 = products.map(|(&a, &b)| i32::from(a as i8) * i32::from(b as i8)).sum();
        sum as f32 * self.scale * other.scale
    }
}

/// The stored form of a vector.
pub(super) fn stored(values: &[f32]) -> Vec<u8> {
    let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let scale = largest / 127.0;
    let mut bytes = scale.to_le_bytes().to_vec();
    bytes.extend(values.iter().map(|value| (value / scale).round() as i8 as u8));
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A vector of length 1.
    fn unit(values: &[f32]) -> Vec<f32> {
        let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        values.iter().map(|value| value / length).collect()
    }

    proptest! {
        #[test]
        fn an_integer_a_number_is_near_enough(
            a in prop::collection::vec(-1.0_f32..1.0, 96),
            b in prop::collection::vec(-1.0_f32..1.0, 96),
        ) {
            let (a, b) = (unit(&a), unit(&b));
            let exact: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
            let (a, b) = (stored(&a), stored(&b));
            prop_assert_eq!(a.len(), 100);
            let cosine = Numbers::new(&a).unwrap().cosine(Numbers::new(&b).unwrap());
            prop_assert!((cosine - exact).abs() < 0.01, "{} {}", cosine, exact);
        }
    }

    #[test]
    fn what_is_no_vector_compares_to_nothing() {
        assert_eq!(Numbers::new(&[1, 2, 3]), None);
        let (short, long) = (stored(&[1.0, 0.0]), stored(&[1.0, 0.0, 0.0]));
        let [short, long] = [&short, &long].map(|bytes| Numbers::new(bytes).unwrap());
        assert!(short.cosine(long).abs() < f32::EPSILON);
        assert!((short.cosine(short) - 1.0).abs() < 1e-5);
        // Nothing panics where nothing has a direction.
        assert!(Numbers::new(&stored(&[0.0])).is_some());
    }
}
