//! Stable 64-bit hashing for blocking keys, sampling and ids.
//!
//! These functions never change: a run resumed by a later version must find the same keys.

/// Spreads every bit of `value` over all 64 (the finaliser of SplitMix64; Steele, Lea, Flood 2014).
#[inline(always)]
pub const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Adds `value` to the hash `hash`; the order of values matters.
#[inline(always)]
pub const fn combine(hash: u64, value: u64) -> u64 {
    mix(hash.rotate_left(23) ^ value)
}

/// A number in `0..below` drawn by `hash`, without the bias of a remainder.
#[inline(always)]
pub const fn below(hash: u64, below: u64) -> u64 {
    ((hash as u128 * below as u128) >> 64) as u64
}
