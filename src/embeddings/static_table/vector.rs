//! Vectors of the static encoder's space.

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
    pub(crate) fn values(&self) -> &[f32; DIMENSIONS] {
        &self.0
    }

    /// The cosine of the angle between two vectors.
    pub(crate) fn cosine(&self, other: &Self) -> f32 {
        dot(&self.0, &other.0)
    }

    /// The vector in a byte a number.
    pub(crate) fn quantised(&self) -> Quantised {
        let (scale, values) = quantise(&self.0);
        Quantised { scale, values }
    }
}

/// A vector of length 1 in small: each number is `scale` times an integer from −127 to 127.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Quantised {
    /// What the integers are to be multiplied with.
    pub(crate) scale: f32,
    /// The integers.
    pub(crate) values: [i8; DIMENSIONS],
}

impl Quantised {
    /// The scalar product with the integers of another vector, as they lie in a file. Times both
    /// scales it is the cosine.
    #[inline]
    pub(crate) fn dot(&self, row: &[u8; DIMENSIONS]) -> i32 {
        // 128 products of at most 128² stay far below what an `i32` holds. The compiler makes
        // this a few multiply-and-add instructions that every x86-64 has, so nothing is asked of
        // the processor at run time.
        self.values.iter().zip(row).map(|(&a, &b)| i32::from(a) * i32::from(b as i8)).sum()
    }

    /// The cosine of the angle to a vector that has these integers and this scale.
    #[inline]
    pub(crate) fn cosine(&self, row: &[u8; DIMENSIONS], scale: f32) -> f32 {
        self.dot(row) as f32 * self.scale * scale
    }

    /// The integers as bytes, as [`Self::dot`] takes them.
    pub(crate) fn bytes(&self) -> [u8; DIMENSIONS] {
        self.values.map(|value| value as u8)
    }
}

/// Integers from −127 to 127 and the scale that makes them `values` again, to half a scale.
pub(super) fn quantise(values: &[f32; DIMENSIONS]) -> (f32, [i8; DIMENSIONS]) {
    let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    if largest == 0.0 || !largest.is_finite() {
        return (0.0, [0; DIMENSIONS]);
    }
    let scale = largest / 127.0;
    (scale, values.map(|value| (value / scale).round() as i8))
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
