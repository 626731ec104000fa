//! Many sorted sequences into one: a tournament of losers (D. E. Knuth, *The Art of Computer
//! Programming*, volume 3, section 5.4.1).
//!
//! Taking the smallest row costs one comparison per level of the tree and no look at the other
//! sequences. Memory: a row and two numbers per sequence.

use crate::error::Result;

/// A sorted sequence of rows.
pub trait Sequence<T> {
    /// Takes the next row; `None` after the last.
    ///
    /// # Errors
    /// Whatever keeps the row from being read.
    fn next_row(&mut self) -> Result<Option<T>>;
}

impl<T> Sequence<T> for std::vec::IntoIter<T> {
    #[inline]
    fn next_row(&mut self) -> Result<Option<T>> {
        Ok(self.next())
    }
}

impl<T: Copy> Sequence<T> for std::slice::Iter<'_, T> {
    #[inline]
    fn next_row(&mut self) -> Result<Option<T>> {
        Ok(self.next().copied())
    }
}

/// The rows of several sequences in order.
///
/// Equal rows come in the order of their sequences.
#[derive(Debug)]
pub struct Merge<T, S> {
    sequences: Vec<S>,
    /// The next row of each sequence; `None` where it is at its end.
    heads: Vec<Option<T>>,
    /// Of each match the sequence that lost it; at 0 the one that won all.
    tree: Vec<usize>,
}

impl<T: Ord + Copy, S: Sequence<T>> Merge<T, S> {
    /// Begins the merge of `sequences`.
    ///
    /// # Errors
    /// As [`Sequence::next_row`].
    pub fn new(mut sequences: Vec<S>) -> Result<Self> {
        let heads: Vec<Option<T>> = sequences.iter_mut().map(S::next_row).collect::<Result<_>>()?;
        let n = heads.len();
        let mut merge = Self { sequences, heads, tree: vec![0; n] };
        // The players of match `at` are the winners of 2·at and 2·at + 1; from n on, the sequences.
        let mut winners = vec![0; 2 * n];
        for at in (1..2 * n).rev() {
            if at >= n {
                winners[at] = at - n;
                continue;
            }
            let (a, b) = (winners[2 * at], winners[2 * at + 1]);
            let (winner, loser) = if merge.precedes(a, b) { (a, b) } else { (b, a) };
            winners[at] = winner;
            merge.tree[at] = loser;
        }
        if n > 0 {
            merge.tree[0] = winners[1];
        }
        Ok(merge)
    }

    /// Whether the head of sequence `a` comes before that of `b`; ends come last.
    #[inline(always)]
    fn precedes(&self, a: usize, b: usize) -> bool {
        match (&self.heads[a], &self.heads[b]) {
            (Some(x), Some(y)) => x.cmp(y).then(a.cmp(&b)).is_lt(),
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}

impl<T: Ord + Copy, S: Sequence<T>> Sequence<T> for Merge<T, S> {
    #[inline]
    fn next_row(&mut self) -> Result<Option<T>> {
        let n = self.tree.len();
        if n == 0 {
            return Ok(None);
        }
        let mut winner = self.tree[0];
        let row = self.heads[winner];
        if row.is_none() {
            return Ok(None);
        }
        self.heads[winner] = self.sequences[winner].next_row()?;
        let mut at = (winner + n) / 2;
        while at > 0 {
            if self.precedes(self.tree[at], winner) {
                std::mem::swap(&mut self.tree[at], &mut winner);
            }
            at /= 2;
        }
        self.tree[0] = winner;
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn test_merge_is_a_stable_sort_of_everything(
            sequences in proptest::collection::vec(proptest::collection::vec(0u8..20, 0..30), 0..20),
        ) {
            // Only the first number is compared, so that ties show where they come from.
            #[derive(Debug, Clone, Copy)]
            struct Row(u8, usize, usize);
            impl PartialEq for Row {
                fn eq(&self, other: &Self) -> bool { self.0 == other.0 }
            }
            impl Eq for Row {}
            impl PartialOrd for Row {
                fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> { Some(self.cmp(other)) }
            }
            impl Ord for Row {
                fn cmp(&self, other: &Self) -> std::cmp::Ordering { self.0.cmp(&other.0) }
            }
            let rows: Vec<Vec<Row>> = sequences
                .into_iter()
                .enumerate()
                .map(|(s, mut values)| {
                    values.sort_unstable();
                    values.into_iter().enumerate().map(|(at, v)| Row(v, s, at)).collect()
                })
                .collect();
            let mut expected: Vec<Row> = rows.concat();
            expected.sort();
            let mut merge = Merge::new(rows.into_iter().map(Vec::into_iter).collect()).expect("in memory");
            let whole = |r: Row| (r.0, r.1, r.2);
            for row in expected {
                prop_assert_eq!(merge.next_row().expect("in memory").map(whole), Some(whole(row)));
            }
            prop_assert!(merge.next_row().expect("in memory").is_none());
            prop_assert!(merge.next_row().expect("in memory").is_none(), "an end stays an end");
        }
    }
}
