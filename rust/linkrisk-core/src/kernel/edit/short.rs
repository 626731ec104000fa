//! Bit-parallel kernels for texts of up to 64 characters: bit `i` of a word stands for character
//! `i` of the longer text, the pattern.
//!
//! A table from characters to their positions, as the papers have it, costs more to clear than a
//! name costs to compare. [`Bytes`] finds the positions by comparing eight bytes at once instead.

/// A text that tells where in it a character stands.
pub trait Pattern<T> {
    /// The number of characters, 1 to 64.
    fn len(&self) -> usize;
    /// The character at `i`.
    fn at(&self, i: usize) -> T;
    /// A bit for each position of `symbol`.
    fn positions(&self, symbol: T) -> u64;
}

/// A text of at most `8 * W` bytes, one character each.
pub struct Bytes<'a, const W: usize> {
    words: [u64; W],
    text: &'a [u8],
}

const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const ONES: u64 = 0x0101_0101_0101_0101;
/// Moves the lowest bit of byte `i` to bit `56 + i`; no two products meet, so nothing is carried.
const GATHER: u64 = 0x0102_0408_1020_4080;

impl<'a, const W: usize> Bytes<'a, W> {
    /// Loads `text`, which is not empty and fits.
    pub fn new(text: &'a [u8]) -> Self {
        let mut words = [0; W];
        let mut chunks = text.chunks_exact(8);
        for (word, chunk) in words.iter_mut().zip(&mut chunks) {
            *word = load(chunk);
        }
        let rest = chunks.remainder();
        if !rest.is_empty() {
            words[text.len() / 8] = load(rest);
        }
        Self { words, text }
    }
}

fn load(bytes: &[u8]) -> u64 {
    match bytes.len() {
        8 => u64::from_le_bytes([
            bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7],
        ]),
        4..8 => {
            let low = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            let tail = &bytes[bytes.len() - 4..];
            let high = u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]);
            // The two halves may overlap; what they share is equal, so `|` loses nothing.
            u64::from(low) | u64::from(high) << (8 * (bytes.len() - 4))
        }
        _ => bytes.iter().rev().fold(0, |word, &b| word << 8 | u64::from(b)),
    }
}

impl<const W: usize> Pattern<u8> for Bytes<'_, W> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.text.len()
    }

    #[inline(always)]
    fn at(&self, i: usize) -> u8 {
        self.text[i]
    }

    #[inline(always)]
    fn positions(&self, symbol: u8) -> u64 {
        let wanted = u64::from(symbol) * ONES;
        let mut bits = 0;
        for (i, word) in self.words.iter().enumerate() {
            let apart = word ^ wanted;
            let zero_bytes = !(((apart & LOW_BITS) + LOW_BITS) | apart | LOW_BITS);
            bits |= ((zero_bytes >> 7).wrapping_mul(GATHER) >> 56) << (8 * i);
        }
        // The padding of the last word holds zero bytes, which a text may hold too.
        bits & (!0 >> (64 - self.text.len()))
    }
}

/// A text of at most 64 characters of any script.
pub struct Wide<'a>(pub &'a [u32]);

impl Pattern<u32> for Wide<'_> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    fn at(&self, i: usize) -> u32 {
        self.0[i]
    }

    #[inline(always)]
    fn positions(&self, symbol: u32) -> u64 {
        self.0.iter().enumerate().fold(0, |bits, (i, &c)| bits | u64::from(c == symbol) << i)
    }
}

/// Levenshtein or, with `SWAPS`, optimal string alignment distance up to `limit`.
///
/// `text` is not empty and not longer than the pattern.
#[inline(always)]
pub fn edits<T: Copy, P: Pattern<T>, const SWAPS: bool>(pattern: &P, text: &[T], limit: u32) -> u32 {
    let last = pattern.len() - 1;
    let mut distance = pattern.len() as u32;
    let mut left = text.len() as u32;
    // Vertical differences of the current column of the edit matrix: where it grows, where it falls.
    let (mut grows, mut falls) = (!0u64, 0u64);
    // Where the diagonal did not change, and where the character stood, one column before.
    let (mut same_before, mut at_before) = (0u64, 0u64);
    for &symbol in text {
        let at = pattern.positions(symbol);
        let mut same = (((at & grows).wrapping_add(grows)) ^ grows) | at | falls;
        if SWAPS {
            same |= ((!same_before & at) << 1) & at_before;
            same_before = same;
            at_before = at;
        }
        let right_grows = falls | !(same | grows);
        let right_falls = grows & same;
        distance = distance + (right_grows >> last & 1) as u32 - (right_falls >> last & 1) as u32;
        left -= 1;
        // Each further character can lower the distance by one at most.
        if distance.saturating_sub(left) > limit {
            return limit.saturating_add(1);
        }
        let right_grows = right_grows << 1 | 1;
        grows = right_falls << 1 | !(same | right_grows);
        falls = right_grows & same;
    }
    distance
}

/// Jaro similarity; `text` is not longer than the pattern, and may be empty.
#[inline(always)]
pub fn jaro<T: Copy + PartialEq, P: Pattern<T>>(pattern: &P, text: &[T]) -> f64 {
    if text.is_empty() {
        return 0.0;
    }
    let reach = (pattern.len() / 2).saturating_sub(1);
    let mut window = !0u64 >> (63 - reach);
    let (mut in_pattern, mut in_text) = (0u64, 0u64);
    for (j, &symbol) in text.iter().enumerate() {
        let free = pattern.positions(symbol) & window & !in_pattern;
        in_pattern |= free & free.wrapping_neg();
        in_text |= u64::from(free != 0) << j;
        window = window << 1 | u64::from(j < reach);
    }
    let matched = in_pattern.count_ones() as usize;
    let mut moved = 0;
    while in_pattern != 0 {
        let i = in_pattern.trailing_zeros() as usize;
        let j = in_text.trailing_zeros() as usize;
        moved += usize::from(pattern.at(i) != text[j]);
        in_pattern &= in_pattern - 1;
        in_text &= in_text - 1;
    }
    similarity(matched, moved, pattern.len(), text.len())
}

/// The mean of three shares: matched of either text, and matched in the same order.
pub fn similarity(matched: usize, moved: usize, left: usize, right: usize) -> f64 {
    if matched == 0 {
        return 0.0;
    }
    let (m, in_order) = (matched as f64, (matched - moved / 2) as f64);
    (m / left as f64 + m / right as f64 + in_order / m) / 3.0
}
