//! A vector in the form in which it is stored: an integer a number, and one scale.
//!
//! Half of what half-precision floats take, in the database and in what a search reads; what is
//! found stays the same.

/// The stored form of a vector.
#[cfg(any(test, feature = "encoder"))]
pub(super) fn stored(values: &[f32]) -> Vec<u8> {
    let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let scale = largest / 127.0;
    let mut bytes = scale.to_le_bytes().to_vec();
    bytes.extend(values.iter().map(|value| (value / scale).round() as i8 as u8));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_a_number_is_near_enough() {
        let vector = [0.5_f32, -0.25, 0.125, 0.0];
        let bytes = stored(&vector);
        let (scale, integers) = bytes.split_first_chunk().unwrap();
        let scale = f32::from_le_bytes(*scale);
        for (value, integer) in vector.iter().zip(integers) {
            assert!((value - scale * f32::from(*integer as i8)).abs() <= scale * 0.51);
        }
        // Nothing panics where nothing has a direction.
        assert_eq!(stored(&[0.0]).len(), 5);
    }
}
