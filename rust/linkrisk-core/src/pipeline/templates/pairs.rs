//! Pairs of records that templates found: brought together, and compared in all positions.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use crate::block::nearest::Scored;
use crate::compare::similarity::{Compared, Scratch};
use crate::error::Result;
use crate::external::{ExternalSorter, Kept, Sorted};
use crate::kernel::simd::Level;
use crate::runtime::Context;
use crate::store::Store;

/// Pairs whose records are read together, at the least and at the most: of records of 64 bytes 0.6 and 40 MB.
const TOGETHER: (usize, usize) = (1 << 12, 1 << 18);

/// A pair of records that some comparisons of templates found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct FoundPair {
    /// The first record, the lower number.
    pub left: u32,
    /// The other record.
    pub right: u32,
    /// The comparisons of templates that found it, a bit each.
    pub found_by: u32,
}

impl FoundPair {
    /// A pair that the comparisons `found_by` found.
    pub fn new(pair: &Scored, found_by: u32) -> Self {
        Self { left: pair.left, right: pair.right, found_by }
    }

    /// Adds what another says of the same records; false where it is of others.
    pub fn join(&mut self, other: &Self) -> bool {
        let is_same = (self.left, self.right) == (other.left, other.right);
        self.found_by |= if is_same { other.found_by } else { 0 };
        is_same
    }
}

/// Whether two pairs are of the same records; the product is that of the second, which is the greater.
pub fn same(pair: &mut Scored, other: &Scored) -> bool {
    let is_same = (pair.left, pair.right) == (other.left, other.right);
    if is_same {
        pair.product = other.product;
    }
    is_same
}

/// The pairs of `sorted`, those that `join` to the one before as one.
///
/// # Errors
/// As [`Kept::new`] and [`ExternalSorter::push`].
pub fn together<T: Pod + Ord + Send + Sync>(
    mut sorted: Sorted<T>,
    join: impl Fn(&mut T, &T) -> bool,
    context: &Context,
) -> Result<Kept<T>> {
    let mut sorter = ExternalSorter::new("similar pairs", context.memory.free() / 8, context)?;
    let (mut last, mut count, mut made) = (None, 0, Vec::new());
    while let Some(pairs) = sorted.read_next()? {
        context.cancel.check()?;
        for pair in pairs {
            if !last.as_mut().is_some_and(|last| join(last, pair)) {
                made.extend(last.replace(*pair));
            }
        }
        count += made.len() as u64;
        sorter.push(&made)?;
        made.clear();
    }
    if let Some(last) = last {
        count += 1;
        sorter.push(&[last])?;
    }
    Kept::new(sorter.finish()?, count, "similar pairs", context)
}

/// The same pairs with their fused products.
///
/// Cost: the templates of both records of each pair are read, position by position.
///
/// # Errors
/// As [`Compared::product`], [`Store::gather`] and [`Kept::new`].
pub fn fused(
    store: &Store,
    compared: &Compared<'_>,
    pairs: &Kept<Scored>,
    context: &Context,
) -> Result<Kept<Scored>> {
    context.progress.begin("fuse", "pairs", Some(pairs.len()));
    let mut sorter = ExternalSorter::new("similar pairs", context.memory.free() / 8, context)?;
    let (kernel, width) = (Level::best(), store.layout.words);
    let bytes = (2 * (8 * width + 4) + size_of::<Scored>()) as u64;
    let fits = (context.memory.free() / 4 / bytes) as usize;
    pairs.each(|pairs| {
        for pairs in pairs.chunks(fits.clamp(TOGETHER.0, TOGETHER.1)) {
            let _held = context.memory.reserve("pairs of templates", pairs.len() as u64 * bytes)?;
            let mut records: Vec<u32> = pairs.iter().flat_map(|pair| [pair.left, pair.right]).collect();
            records.sort_unstable();
            records.dedup();
            let words = store.gather(&records, context)?;
            let record = |number: u32| &words[records.partition_point(|&r| r < number) * width..][..width];
            let fuse = |scratch: &mut Scratch, pair: &Scored| {
                let class = |record: u32| compared.ladder.classes.class(store, record);
                let classes = (class(pair.left), class(pair.right));
                let both = (record(pair.left), record(pair.right));
                let product = compared.product(kernel, scratch, classes, both)?;
                Ok(Scored { product: product.map_or(0, |(product, _)| product), ..*pair })
            };
            let task = |scratch: &mut Scratch, pairs: &[Scored]| {
                context.cancel.check()?;
                pairs.iter().map(|pair| fuse(scratch, pair)).collect::<Result<Vec<_>>>()
            };
            let made: Vec<Vec<Scored>> = context.pool.install(|| {
                pairs.par_chunks(1 << 10).map_init(Scratch::default, task).collect::<Result<_>>()
            })?;
            made.iter().try_for_each(|made| sorter.push(made))?;
            context.progress.add(pairs.len() as u64);
        }
        Ok(())
    })?;
    Kept::new(sorter.finish()?, pairs.len(), "similar pairs", context)
}
