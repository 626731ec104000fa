//! Distance of number plates as cameras misread them.
//!
//! A weighted edit distance over packed plates ([`super::plate`]). Replacing a symbol by another of
//! its confusion class costs a quarter: {0, O, D, Q} {1, I} {2, Z} {5, S} {8, B} {6, G}, the default
//! equivalences of a plate reader in service (Genetec Security Center). Replacing it by one that the
//! literature reports beside these costs a half. Anything else, and every symbol that one plate
//! lacks, costs one. So 0.5 is two symbols misread in the way that readers are built to forgive,
//! the most that vendors advise to accept.

/// Cost of anything else, in quarters, so that sums stay whole.
const WHOLE: u32 = 4;
/// Cost in quarters within a class.
const IN_CLASS: u8 = 1;
/// Cost in quarters of the further pairs.
const REPORTED: u8 = 2;

const BITS: u32 = 7;
const MASK: u64 = 0x7f;
/// Codes from here on are no digits and no Latin letters; nothing is taken for them.
const LATIN_END: usize = 37;
const MAX_SYMBOLS: usize = super::plate::MAX_SYMBOLS;

/// The classes of symbols that cameras take for one another.
pub const CLASSES: [&[u8]; 6] = [b"0ODQ", b"1I", b"2Z", b"5S", b"8B", b"6G"];
/// Pairs reported beyond the classes. M, N, H and W are taken for one another.
const FURTHER: [&[u8; 2]; 25] = [
    b"PB", b"PR", b"38", b"CG", b"A4", b"KX", b"EF", b"VW", b"XY", b"UV", b"68", b"53", b"58", b"08", b"39",
    b"49", b"1L", b"7T", b"71", b"MN", b"MH", b"MW", b"NH", b"NW", b"HW",
];

static COSTS: [[u8; LATIN_END]; LATIN_END] = {
    let mut costs = [[WHOLE as u8; LATIN_END]; LATIN_END];
    let mut i = 0;
    while i < LATIN_END {
        costs[i][i] = 0;
        i += 1;
    }
    let mut at = 0;
    while at < FURTHER.len() {
        costs = with_pair(costs, FURTHER[at][0], FURTHER[at][1], REPORTED);
        at += 1;
    }
    let mut class = 0;
    while class < CLASSES.len() {
        let members = CLASSES[class];
        let mut x = 0;
        while x < members.len() {
            let mut y = x + 1;
            while y < members.len() {
                costs = with_pair(costs, members[x], members[y], IN_CLASS);
                y += 1;
            }
            x += 1;
        }
        class += 1;
    }
    costs
};

const fn with_pair(
    mut costs: [[u8; LATIN_END]; LATIN_END],
    x: u8,
    y: u8,
    cost: u8,
) -> [[u8; LATIN_END]; LATIN_END] {
    costs[code(x)][code(y)] = cost;
    costs[code(y)][code(x)] = cost;
    costs
}

/// The code of a digit or upper-case letter, as [`super::plate::symbol`] has it.
const fn code(symbol: u8) -> usize {
    if symbol <= b'9' { (symbol - b'0') as usize + 1 } else { (symbol - b'A') as usize + 11 }
}

/// Measures how far two packed plates are apart, in symbols, a likely misreading being a part of
/// one.
///
/// 0 for equal plates; the length of the other for one that is missing (0), which callers leave
/// out before. Symmetric, but no metric: `O`–`0`–`8` costs 0.75 while `O`–`8` costs 1. About 30 ns.
pub fn plate_distance(a: u64, b: u64) -> f32 {
    quarters(a, b) as f32 / WHOLE as f32
}

fn quarters(a: u64, b: u64) -> u32 {
    if a == b {
        return 0;
    }
    // Equal ends never cost more when aligned with each other, as every gap costs the same.
    let tail = (a ^ b).trailing_zeros() / BITS * BITS;
    let (mut a, mut b) = (a >> tail, b >> tail);
    let (mut m, mut n) = (symbols(a), symbols(b));
    if m == n {
        m = symbols(a ^ b);
        n = m;
        let kept = low_symbols(m);
        (a, b) = (a & kept, b & kept);
    } else {
        let mut common = 0;
        while common < m.min(n) && symbol_at(a, m - 1 - common) == symbol_at(b, n - 1 - common) {
            common += 1;
        }
        (m, n) = (m - common, n - common);
        (a, b) = (a & low_symbols(m), b & low_symbols(n));
    }
    match (m, n) {
        (1, 1) => cost(a as usize, b as usize),
        (0, gap) | (gap, 0) => gap * WHOLE,
        _ => edit(a, m, b, n),
    }
}

fn edit(a: u64, m: u32, b: u64, n: u32) -> u32 {
    let mut row = [0u32; MAX_SYMBOLS + 1];
    for (j, cell) in row.iter_mut().enumerate() {
        *cell = j as u32 * WHOLE;
    }
    for i in 0..m {
        let symbol = symbol_at(a, i);
        let mut diagonal = row[0];
        row[0] += WHOLE;
        for j in 0..n {
            let at = j as usize + 1;
            let replaced = diagonal + cost(symbol, symbol_at(b, j));
            diagonal = row[at];
            row[at] = replaced.min(diagonal + WHOLE).min(row[at - 1] + WHOLE);
        }
    }
    row[n as usize]
}

fn cost(x: usize, y: usize) -> u32 {
    if x < LATIN_END && y < LATIN_END {
        u32::from(COSTS[x][y])
    } else if x == y {
        0
    } else {
        WHOLE
    }
}

/// Symbols up to the highest that is set; a packed plate has no empty one below.
fn symbols(packed: u64) -> u32 {
    (u64::BITS - packed.leading_zeros()).div_ceil(BITS).min(MAX_SYMBOLS as u32)
}

fn symbol_at(packed: u64, from_last: u32) -> usize {
    (packed >> (BITS * from_last) & MASK) as usize
}

fn low_symbols(count: u32) -> u64 {
    (1 << (BITS * count)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::plate::{pack, symbol};

    fn packed(text: &str) -> u64 {
        pack(&text.chars().filter_map(symbol).collect::<Vec<_>>())
    }

    fn distance(a: &str, b: &str) -> f32 {
        plate_distance(packed(a), packed(b))
    }

    #[test]
    fn test_codes_are_those_of_plates() {
        for c in ('0'..='9').chain('A'..='Z') {
            assert_eq!(symbol(c).map(usize::from), Some(code(c as u8)));
        }
    }

    #[test]
    fn test_plate_distance_costs() {
        assert_eq!(distance("京A12345", "京A12345"), 0.0);
        assert_eq!(distance("京A1O345", "京A10345"), 0.25);
        assert_eq!(distance("京AQB345", "京AD8345"), 0.5);
        assert_eq!(distance("京A12345", "京A12845"), 0.5);
        assert_eq!(distance("京A12345", "津A12345"), 1.0);
        assert_eq!(distance("京A12345", "京A1234"), 1.0);
        assert_eq!(distance("京A12345", "A12345"), 1.0);
        assert_eq!(distance("京A12345", "京A112345"), 1.0);
        assert_eq!(distance("AB1234", "A81243"), 2.25);
        assert_eq!(distance("HA1", "WA7"), 1.0);
        assert_eq!(distance("", "AB1"), 3.0);
        assert_eq!(distance("AAAAAAAAA", "KKKKKKKKK"), 9.0);
    }

    #[test]
    fn test_plate_distance_takes_a_gap_where_it_is_cheaper() {
        assert_eq!(distance("ABCDEFG", "BCDEFGA"), 2.0);
        assert_eq!(distance("A0123", "O123"), 1.25);
    }
}
