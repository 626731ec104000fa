//! The pairs of a rule from a sample of the records, before the tables are read.
//!
//! A source is drawn in slices of neighbouring rows, for a file cannot be read row by row. Records of one
//! person may stand close together, so pairs within a slice and pairs between slices are scaled up each by
//! what was drawn of theirs (D. G. Horvitz and D. J. Thompson, 1952).

use super::blocks::{Wanted, for_each_block};
use super::plan::further;
use super::rule::{KeyPart, Rules};
use crate::error::Result;
use crate::runtime::Context;
use crate::store::Store;

/// What was drawn of a source.
#[derive(Debug, Clone, Copy)]
pub struct Drawn {
    /// Rows of the source.
    pub records: u64,
    /// Neighbouring rows that were drawn together.
    pub slice: u32,
}

/// What the blocks of a rule amount to, as the sample tells.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expected {
    /// Records with a key.
    pub records: f64,
    /// Pairs that are compared.
    pub pairs: f64,
    /// Pairs of blocks over the limit that are not.
    pub uncompared: f64,
    /// Records of the largest block, as many as can be relied on: never less than the sample holds of it.
    pub largest: f64,
}

/// A store that holds a sample.
#[derive(Debug)]
pub struct Sketch<'a> {
    store: &'a Store,
    drawn: &'a [Drawn],
    /// Of each source: how many records one stands for, and by what pairs within a slice and between two
    /// slices are multiplied.
    weights: Vec<[f64; 3]>,
    max_pairs: f64,
}

impl<'a> Sketch<'a> {
    /// The sample in `store`, drawn as `drawn` says, source by source.
    pub fn new(store: &'a Store, drawn: &'a [Drawn], max_block_pairs: u64) -> Self {
        let weights = store.sources.iter().zip(drawn).map(|(source, drawn)| {
            let (all, some) = (drawn.records as f64, f64::from(source.records).max(1.0));
            let each = all / some;
            let (slices, seen) = (all / f64::from(drawn.slice), some / f64::from(drawn.slice));
            let between = if seen > 1.5 { each * (slices - 1.0) / (seen - 1.0) } else { each * each };
            [each, each, between]
        });
        Self { store, drawn, weights: weights.collect(), max_pairs: max_block_pairs.max(1) as f64 }
    }

    /// How many records there are in all.
    pub fn records(&self) -> u64 {
        self.drawn.iter().map(|drawn| drawn.records).sum()
    }

    /// How many records one of `source` stands for.
    pub fn each(&self, source: usize) -> f64 {
        self.weights[source][0]
    }

    /// What rule `rule` of `rules` makes.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit) or
    /// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
    pub fn rule(&self, rules: &Rules, rule: usize, context: &Context) -> Result<Expected> {
        let (store, width) = (self.store, self.store.layout.words);
        let further = further(store, rules, rule);
        let wanted = Wanted { store, rules, rule };
        let (partitions, _held) = wanted.carry(u64::from(store.len()), context, |_| true, |_| ())?;
        let mut expected = Expected::default();
        for partition in &partitions {
            context.cancel.check()?;
            for number in partition.order().iter().map(|place| place.number) {
                expected.records += self.weights[store.source_of(number)][0];
            }
            for_each_block(partition, 0, |gathered| {
                for block in gathered.blocks(width) {
                    let rows: Vec<(u32, &[u64])> =
                        block.members.iter().copied().zip(block.words.chunks_exact(width)).collect();
                    expected.largest = f64::max(expected.largest, self.size(&rows));
                    self.block(rows, &further, &mut expected);
                }
                Ok(())
            })?;
        }
        Ok(expected)
    }

    /// Adds a block, cut as one that is over the limit is.
    fn block(&self, rows: Vec<(u32, &[u64])>, further: &[KeyPart], expected: &mut Expected) {
        let (pairs, size) = (self.pairs(&rows), self.size(&rows));
        let own = size * (size - 1.0) / 2.0;
        if own <= self.max_pairs {
            expected.pairs += pairs;
            return;
        }
        let Some((part, rest)) = further.split_first() else {
            let compared = pairs / (own / self.max_pairs).ceil();
            expected.pairs += compared;
            expected.uncompared += pairs - compared;
            return;
        };
        let mut keyed: Vec<(u64, u32, &[u64])> = rows
            .into_iter()
            .map(|(number, words)| (part.value(self.store, words), number, words))
            .filter(|row| row.0 != 0)
            .collect();
        keyed.sort_unstable_by_key(|row| (row.0, row.1));
        let pieces = keyed.chunk_by(|a, b| a.0 == b.0);
        let pieces: Vec<Vec<(u32, &[u64])>> =
            pieces.map(|piece| piece.iter().map(|&(_, number, words)| (number, words)).collect()).collect();
        let together: f64 = pieces.iter().map(|piece| self.pairs(piece)).sum();
        expected.uncompared += (pairs - together).max(0.0);
        pieces.into_iter().for_each(|piece| self.block(piece, rest, expected));
    }

    /// The source of a record, and the slice of it.
    fn slice(&self, number: u32) -> (usize, u32) {
        let source = self.store.source_of(number);
        (source, (number - self.store.sources[source].start) / self.drawn[source].slice)
    }

    /// By what the pair of two records is multiplied.
    pub fn weight(&self, left: u32, right: u32) -> f64 {
        let ((source, slice), (other, other_slice)) = (self.slice(left), self.slice(right));
        let [each, within, between] = self.weights[source];
        match source == other {
            true if slice == other_slice => within,
            true => between,
            false => each * self.weights[other][0],
        }
    }

    /// The records of the block that holds `rows`, as many as can be relied on.
    ///
    /// A block that a slice holds all of stands for others like it in other slices and not for a larger one.
    /// One that is in several slices has as many records as theirs stand for, less two slices: the more of a
    /// block happens to be drawn, the more of its pairs are, so that a pair drawn at random finds two slices
    /// more of its block than there are on average. Otherwise half of the blocks somewhat below the limit were
    /// taken to be above.
    fn size(&self, rows: &[(u32, &[u64])]) -> f64 {
        let slices = rows.chunk_by(|a, b| self.slice(a.0) == self.slice(b.0)).count() as f64;
        let records: f64 = rows.iter().map(|row| self.weights[self.store.source_of(row.0)][0]).sum();
        (records * (1.0 - 2.0 / slices)).max(rows.len() as f64)
    }

    /// The pairs that the pairs of `rows`, in ascending order, stand for.
    fn pairs(&self, rows: &[(u32, &[u64])]) -> f64 {
        let slice = |row: &(u32, &[u64])| self.slice(row.0);
        let (mut pairs, mut all) = (0.0, 0.0);
        for own in rows.chunk_by(|a, b| slice(a).0 == slice(b).0) {
            let [each, within, between] = self.weights[slice(&own[0]).0];
            let (n, mut same) = (own.len() as f64, 0.0);
            for neighbours in own.chunk_by(|a, b| slice(a) == slice(b)) {
                let n = neighbours.len() as f64;
                same += n * (n - 1.0) / 2.0;
            }
            pairs += within * same + between * (n * (n - 1.0) / 2.0 - same);
            // With the records of the sources before.
            pairs += all * n * each;
            all += n * each;
        }
        pairs
    }
}
