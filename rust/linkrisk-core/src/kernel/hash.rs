//! Hashes that never change: blocking keys, samples and generated populations are made of them.
//!
//! A run that is resumed, or computed in part on another machine, must find the same blocks and
//! draw the same sample. So these functions are part of the format of a run directory: a version
//! that changes one of them must refuse the runs of earlier versions. They are no defence against
//! an adversary who chooses the values.

use xxhash_rust::xxh3::xxh3_64;

/// Spreads a number over 64 bits so that each bit depends on every bit.
///
/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014), one to one, with 0 moved away from
/// itself.
#[inline]
pub const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The number that [`mix`] spread.
#[inline]
pub const fn unmix(hash: u64) -> u64 {
    // The inverses of the two factors modulo 2^64, and of the shifts.
    let mut z = hash ^ (hash >> 31) ^ (hash >> 62);
    z = z.wrapping_mul(0x3196_42b2_d24d_8ec3);
    z = z ^ (z >> 27) ^ (z >> 54);
    z = z.wrapping_mul(0x96de_1b17_3f11_9089);
    z = z ^ (z >> 30) ^ (z >> 60);
    z.wrapping_sub(0x9e37_79b9_7f4a_7c15)
}

/// Takes `value` into the hash `hash`; the order of values matters.
#[inline]
pub const fn combine(hash: u64, value: u64) -> u64 {
    mix(hash.rotate_left(23) ^ mix(value))
}

/// A number in `0..limit` drawn by `hash`, without the bias of a remainder; the highest bits decide.
#[inline]
pub const fn below(hash: u64, limit: u64) -> u64 {
    ((hash as u128 * limit as u128) >> 64) as u64
}

/// Hashes bytes (XXH3, 64 bits, seed 0).
#[inline]
pub fn bytes(value: &[u8]) -> u64 {
    xxh3_64(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_hashes_never_change() {
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(bytes(b""), 0x2d06_8005_38d3_94c2);
        assert_eq!(combine(combine(0, 1), 2), COMBINED);
        assert_ne!(combine(combine(0, 2), 1), COMBINED);
    }

    proptest::proptest! {
        #[test]
        fn test_mixing_is_undone(value: u64) {
            proptest::prop_assert_eq!(unmix(mix(value)), value);
        }
    }

    const COMBINED: u64 = 0xff44_c803_ea5b_a472;
}
