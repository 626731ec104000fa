//! The pairs of a rule from a sample of the records: of the tables before they are read, and of those at rest.
//!
//! A source is drawn in slices of neighbouring rows, for a file cannot be read row by row; of records at rest each
//! row is a slice of its own. Records of one person may stand close together, so pairs within a slice and pairs
//! between slices are scaled up each by what was drawn of theirs (D. G. Horvitz and D. J. Thompson, 1952).

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
    /// Pairs of its blocks, of none more than the limit: by this rules are chosen, for one of which splits leave little
    /// is not one that finds little.
    pub limited: f64,
    /// Records of the largest block, as many as can be relied on: never less than the sample holds of it.
    pub largest: f64,
}

/// How the records of a sample stand for all.
#[derive(Debug)]
pub struct Sketch<'a> {
    store: &'a Store,
    /// Of each source: the neighbouring rows that were drawn together.
    slices: Vec<u32>,
    records: u64,
    /// Of each source: how many records one stands for, and by what pairs within a slice and between two
    /// slices are multiplied.
    weights: Vec<[f64; 3]>,
    max_pairs: f64,
}

impl<'a> Sketch<'a> {
    /// A store that holds a sample and nothing else, drawn as `drawn` says, source by source.
    pub fn new(store: &'a Store, drawn: &[Drawn], max_block_pairs: u64) -> Self {
        let sampled: Vec<u32> = store.sources.iter().map(|source| source.records).collect();
        Self::of(store, drawn, &sampled, max_block_pairs)
    }

    /// The records `numbers`, drawn one by one, of a store that holds them all.
    pub fn of_records(store: &'a Store, numbers: &[u32], max_block_pairs: u64) -> Self {
        let mut sampled = vec![0; store.sources.len()];
        numbers.iter().for_each(|&number| sampled[store.source_of(number)] += 1);
        let drawn = |records: u32| Drawn { records: u64::from(records), slice: 1 };
        let drawn: Vec<Drawn> = store.sources.iter().map(|source| drawn(source.records)).collect();
        Self::of(store, &drawn, &sampled, max_block_pairs)
    }

    fn of(store: &'a Store, drawn: &[Drawn], sampled: &[u32], max_block_pairs: u64) -> Self {
        let weights = drawn.iter().zip(sampled).map(|(drawn, &sampled)| {
            let (all, some) = (drawn.records as f64, f64::from(sampled).max(1.0));
            let each = all / some;
            let (slices, seen) = (all / f64::from(drawn.slice), some / f64::from(drawn.slice));
            let between = if seen > 1.5 { each * (slices - 1.0) / (seen - 1.0) } else { each * each };
            [each, each, between]
        });
        Self {
            store,
            slices: drawn.iter().map(|drawn| drawn.slice).collect(),
            records: drawn.iter().map(|drawn| drawn.records).sum(),
            weights: weights.collect(),
            max_pairs: max_block_pairs.max(1) as f64,
        }
    }

    /// How many records there are in all.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// How many records one of `source` stands for.
    pub fn each(&self, source: usize) -> f64 {
        self.weights[source][0]
    }

    /// What rule `rule` of `rules` makes, where the store holds the sample and nothing else.
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
                    expected.limited += self.pairs(&rows).min(self.max_pairs);
                    self.block(rows, &further, &mut expected);
                }
                Ok(())
            })?;
        }
        Ok(expected)
    }

    /// The sum over all records of what `count` says of one, where the store holds the sample and nothing else.
    ///
    /// # Errors
    /// As [`Store::scan`].
    pub fn sum(&self, context: &Context, count: impl Fn(&[u64]) -> usize + Sync) -> Result<f64> {
        let (store, sources) = (self.store, self.weights.len());
        let counts = store.scan(
            context,
            || vec![0; sources],
            |counts, first, words| {
                let records = (first..).zip(words.chunks_exact(store.layout.words));
                records.for_each(|(number, record)| counts[store.source_of(number)] += count(record));
                Ok(())
            },
        )?;
        let of_source = |source: usize| counts.iter().map(|counts| counts[source]).sum::<usize>() as f64;
        Ok((0..sources).map(|source| of_source(source) * self.weights[source][0]).sum())
    }

    /// The pairs of rule `rule` of `rules` as [`Expected::limited`] counts them, from the records `numbers`, which
    /// ascend, and their `words`.
    pub fn limited(&self, rules: &Rules, rule: usize, numbers: &[u32], words: &[u64]) -> f64 {
        let records = numbers.iter().copied().zip(words.chunks_exact(self.store.layout.words));
        let blocks = by_key(records, |record| rules.key(self.store, rule, record));
        blocks.iter().map(|rows| self.pairs(rows).min(self.max_pairs)).sum()
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
        let pieces = by_key(rows, |words| part.value(self.store, words));
        let together: f64 = pieces.iter().map(|piece| self.pairs(piece)).sum();
        expected.uncompared += (pairs - together).max(0.0);
        pieces.into_iter().for_each(|piece| self.block(piece, rest, expected));
    }

    /// The source of a record, and the slice of it.
    fn slice(&self, number: u32) -> (usize, u32) {
        let source = self.store.source_of(number);
        (source, (number - self.store.sources[source].start) / self.slices[source])
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

/// Those of `records` that share their key with others, in groups of one key each, ascending.
fn by_key<'a>(
    records: impl IntoIterator<Item = (u32, &'a [u64])>,
    key: impl Fn(&[u64]) -> u64,
) -> Vec<Vec<(u32, &'a [u64])>> {
    let keyed = records.into_iter().map(|(number, words)| (key(words), number, words));
    let mut keyed: Vec<(u64, u32, &[u64])> = keyed.filter(|row| row.0 != 0).collect();
    keyed.sort_unstable_by_key(|row| (row.0, row.1));
    let groups = keyed.chunk_by(|a, b| a.0 == b.0).filter(|rows| rows.len() > 1);
    groups.map(|rows| rows.iter().map(|&(_, number, words)| (number, words)).collect()).collect()
}
