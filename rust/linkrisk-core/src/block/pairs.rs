//! Candidate pairs, each once: from blocks to whoever looks at pairs.
//!
//! A pair belongs to the first rule that makes it. Which rules hold for a pair is read off its two
//! records, so no set of pairs seen is kept, whatever their number.

use rayon::prelude::*;

use super::blocks::{
    Block, Cut, Cutter, Gathered, Split, Together, Wanted, for_each_block, is_sampled, pairs_of,
    still_together,
};
use super::plan::Candidates;
use crate::error::Result;
use crate::external::scatter::{Partition, in_pass};
use crate::kernel::hash::mix;
use crate::runtime::Context;
use crate::store::Store;
use crate::store::copies::{Alike, Copies, Groups};

/// Two records that some rule brings together, and all pairs of copies of them.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The numbers of the two records, or of the copies of them.
    pub records: Alike<'a>,
    /// The words of the one.
    pub left_words: &'a [u64],
    /// The words of the other.
    pub right_words: &'a [u64],
    /// The rules that make the pair, a bit each.
    pub rules: u32,
    /// The rules whose key the two share in a block that was cut, a bit each: those that make the pair all
    /// the same, and those that do not for that.
    pub cut: u32,
}

/// Somebody who looks at every candidate pair.
pub trait Visitor: Sync {
    /// What a thread keeps between tasks: caches and buffers that never change a result.
    type Scratch: Send;
    /// What a task gives back.
    type Output: Send;
    /// A thread's scratch.
    fn scratch(&self) -> Self::Scratch;
    /// A task's output before its first pair.
    fn output(&self) -> Self::Output;
    /// The bits of a record that make a difference to it.
    fn mask(&self) -> Vec<u64>;
    /// Learns which records are about to come in pairs, as their words one after the other.
    fn gathered(&self, records: &[u64]);
    /// Looks at one pair, which stands for as many as it has [`Alike::count`].
    fn visit(&self, scratch: &mut Self::Scratch, output: &mut Self::Output, pair: Pair<'_>);
}

/// What a pass is taken to be of the stage's work.
#[derive(Debug, Clone, Copy, Default)]
pub struct Work {
    /// Bringing the records of its keys together.
    pub gathering: f64,
    /// Comparing them.
    pub comparing: f64,
}

impl Work {
    /// One of `passes` equal parts.
    pub fn part(self, passes: u64) -> Self {
        let part = |work: f64| work / passes as f64;
        Self { gathering: part(self.gathering), comparing: part(self.comparing) }
    }
}

/// A portion of the pairs of a rule.
#[derive(Debug, Clone, Copy)]
pub struct Portion {
    /// The rule.
    pub rule: usize,
    /// The pass over its keys.
    pub pass: u64,
    /// How many passes there are.
    pub passes: u64,
    /// The share of the blocks that is looked at, chosen by their keys.
    pub share: f64,
    /// By what the progress moves.
    pub work: Work,
}

/// Pairs after which a wish to stop is looked for: about ten milliseconds of work.
const STRIDE: u64 = 1 << 16;

/// Records shown before their pairs are: their cache misses overlap, 64 records of 64 bytes stay in
/// the first-level cache.
const GATHER: usize = 64;

/// Partitions whose outputs are made side by side before they are handed on, per thread.
const SIDE_BY_SIDE: usize = 16;

/// Shows every pair of `portion` that its rule makes first to `visitor`; outputs come in the order of the
/// partitions.
pub(super) fn scan<V: Visitor>(
    candidates: &Candidates,
    store: &Store,
    portion: Portion,
    context: &Context,
    visitor: &V,
    take: &mut impl FnMut(V::Output) -> Result<()>,
) -> Result<()> {
    let Portion { rule, pass, passes, share, work } = portion;
    let wanted = Wanted { store, rules: &candidates.rules, rule };
    let below = if share >= 1.0 { u64::MAX } else { (share * u64::MAX as f64) as u64 };
    // The same keys whatever the passes: a key's own bits choose its pass.
    let sampled = |key: u64| below == u64::MAX || mix(key) <= below;
    let expected = candidates.carried(rule) / passes as f64 * share.min(1.0);
    let shared = candidates.shared.get(rule).and_then(Option::as_ref);
    let in_block = |key: u64| shared.is_none_or(|shared| shared.contains(key));
    let wants = |key: u64| in_pass(key, (pass, passes)) && sampled(key) && in_block(key);
    let each = work.gathering / f64::from(wanted.store.len()).max(1.0);
    let looked = |records: usize| context.progress.worked(each * records as f64);
    let (partitions, _held) = wanted.carry(expected as u64, context, wants, looked)?;
    let each = work.comparing / partitions.len().max(1) as f64;
    let mut rule_mask = vec![0; wanted.store.layout.words];
    let further = candidates.further.iter().flatten();
    candidates.rules.parts.iter().chain(further).for_each(|part| part.mark(&mut rule_mask));
    let copies = Copies::new(wanted.store, [rule_mask.as_slice(), &visitor.mask()]);
    let samples = |&rule: &usize| candidates.splits[rule].values().any(|s| matches!(s, Split::Sample(_)));
    let others = (0..candidates.splits.len()).filter(|&rule| rule != wanted.rule);
    let sampled = others.filter(samples).collect();
    let scan = Scan { candidates, store: wanted.store, rule: wanted.rule, copies, sampled, visitor, context };
    let mut partitions = partitions.into_iter();
    loop {
        let together: Vec<Partition> =
            partitions.by_ref().take(SIDE_BY_SIDE * context.pool.current_num_threads()).collect();
        if together.is_empty() {
            return Ok(());
        }
        let outputs: Vec<V::Output> = context.pool.install(|| {
            together
                .into_par_iter()
                .map_init(
                    || visitor.scratch(),
                    |scratch, partition| {
                        let output = scan.partition(scratch, &partition);
                        context.progress.worked(each);
                        output
                    },
                )
                .collect::<Result<_>>()
        })?;
        outputs.into_iter().try_for_each(&mut *take)?;
    }
}

struct Scan<'a, V> {
    candidates: &'a Candidates,
    store: &'a Store,
    rule: usize,
    copies: Copies<'a>,
    /// The other rules that have sampled blocks.
    sampled: Vec<usize>,
    visitor: &'a V,
    context: &'a Context,
}

/// Records of a block from which copies are looked for: they make six pairs, for a hash each.
const FEW: usize = 4;

impl<V: Visitor> Scan<'_, V> {
    fn partition(&self, scratch: &mut V::Scratch, partition: &Partition) -> Result<V::Output> {
        let width = self.store.layout.words;
        let max_pairs = self.candidates.max_block_pairs;
        let cutter = Cutter { store: self.store, further: &self.candidates.further[self.rule], max_pairs };
        let mut output = self.visitor.output();
        let (mut groups, mut cut_up) = (Groups::default(), Gathered::default());
        for_each_block(partition, GATHER, |gathered| {
            if gathered.blocks(width).all(|block| pairs_of(block.members.len()) <= max_pairs) {
                return self.blocks((scratch, &mut groups), &mut output, gathered);
            }
            for block in gathered.blocks(width) {
                let mut done = Ok(());
                cutter.cut(block, 0, &mut |cut| {
                    if let (Cut::Block(block), Ok(())) = (cut, &done) {
                        cut_up.push(block);
                        if cut_up.members.len() >= GATHER {
                            done = self.blocks((scratch, &mut groups), &mut output, &cut_up);
                            cut_up.clear();
                        }
                    }
                });
                done?;
            }
            let done = self.blocks((scratch, &mut groups), &mut output, &cut_up);
            cut_up.clear();
            done
        })?;
        Ok(output)
    }

    fn blocks(
        &self,
        (scratch, groups): (&mut V::Scratch, &mut Groups),
        output: &mut V::Output,
        gathered: &Gathered,
    ) -> Result<()> {
        self.visitor.gathered(&gathered.words);
        let mut pairs = 0;
        for block in gathered.blocks(self.store.layout.words) {
            let Block { members, words, .. } = block;
            if self.find_copies(block, groups) {
                self.groups(scratch, output, block, groups)?;
            } else {
                self.block(scratch, output, members, words)?;
            }
            pairs += pairs_of(members.len());
        }
        self.context.progress.add(pairs);
        self.context.cancel.check()
    }

    /// Groups the copies of a block; says whether there are any that are copies to every rule.
    fn find_copies(&self, Block { members, words, .. }: Block<'_>, groups: &mut Groups) -> bool {
        if members.len() < FEW {
            return false;
        }
        self.copies.group(members, words, groups);
        let width = self.store.layout.words;
        // Which of a sampled block's pairs are made is a matter of record numbers.
        let sampled = |places: &[u32]| {
            let record = &words[places[0] as usize * width..][..width];
            let Candidates { rules, splits, .. } = self.candidates;
            self.sampled.iter().any(|&rule| is_sampled(self.store, rules, rule, &splits[rule], record))
        };
        groups.len() < members.len() && (self.sampled.is_empty() || !groups.iter().any(sampled))
    }

    fn block(
        &self,
        scratch: &mut V::Scratch,
        output: &mut V::Output,
        members: &[u32],
        words: &[u64],
    ) -> Result<()> {
        let width = self.store.layout.words;
        let mut pairs = 0;
        for (i, left) in members.iter().enumerate() {
            let left_words = &words[i * width..][..width];
            pairs += (members.len() - i) as u64;
            if pairs >= STRIDE {
                self.context.cancel.check()?;
                pairs = 0;
            }
            for (j, right) in members.iter().enumerate().skip(i + 1) {
                let right_words = &words[j * width..][..width];
                if let Some((rules, cut)) = self.first_here((*left, left_words), (*right, right_words)) {
                    let records = Alike::Between(std::slice::from_ref(left), std::slice::from_ref(right));
                    let pair = Pair { records, left_words, right_words, rules, cut };
                    self.visitor.visit(scratch, output, pair);
                }
            }
        }
        Ok(())
    }

    /// Shows the pairs of a block in which there are copies.
    fn groups(
        &self,
        scratch: &mut V::Scratch,
        output: &mut V::Output,
        Block { members, words, .. }: Block<'_>,
        groups: &Groups,
    ) -> Result<()> {
        let width = self.store.layout.words;
        let numbers: Vec<u32> = groups.places.iter().map(|&place| members[place as usize]).collect();
        let of = |group: usize| {
            let (places, range) = (groups.of(group), groups.range(group));
            (&numbers[range], &words[places[0] as usize * width..][..width])
        };
        let mut visit = |records: Alike<'_>, (left, left_words), (right, right_words)| {
            if let Some((rules, cut)) = self.first_here((left, left_words), (right, right_words)) {
                let pair = Pair { records, left_words, right_words, rules, cut };
                self.visitor.visit(scratch, output, pair);
            }
        };
        let mut pairs = 0;
        for i in 0..groups.len() {
            let (left, left_words) = of(i);
            pairs += (groups.len() - i) as u64;
            if pairs >= STRIDE {
                self.context.cancel.check()?;
                pairs = 0;
            }
            if let [first, second, ..] = *left {
                visit(Alike::Within(left), (first, left_words), (second, left_words));
            }
            for j in i + 1..groups.len() {
                let (right, right_words) = of(j);
                visit(Alike::Between(left, right), (left[0], left_words), (right[0], right_words));
            }
        }
        Ok(())
    }

    /// The rules that make a pair, and those of cut blocks, if this rule is the first and the pair may be one.
    #[inline(always)]
    fn first_here(&self, left: (u32, &[u64]), right: (u32, &[u64])) -> Option<(u32, u32)> {
        let shared = self.candidates.rules.shared(self.store, left.1, right.1);
        // A block holds records with one hash; equal values decide.
        if shared >> self.rule & 1 == 0 {
            return None;
        }
        settle(self.candidates, self.store, shared, left, right)
            .filter(|(rules, _)| rules.trailing_zeros() as usize == self.rule)
    }
}

/// The rules that make a pair of two records, and those of cut blocks; none where the pair may be none.
pub(super) fn rules_of(
    candidates: &Candidates,
    store: &Store,
    left: (u32, &[u64]),
    right: (u32, &[u64]),
) -> Option<(u32, u32)> {
    settle(candidates, store, candidates.rules.shared(store, left.1, right.1), left, right)
}

/// The same of two records that share the keys of the rules `shared`.
#[inline(always)]
fn settle(
    candidates: &Candidates,
    store: &Store,
    mut shared: u32,
    left: (u32, &[u64]),
    right: (u32, &[u64]),
) -> Option<(u32, u32)> {
    let Candidates { rules, splits, within, any_split, .. } = candidates;
    let mut cut = 0;
    if *any_split {
        for (rule, splits) in splits.iter().enumerate() {
            if shared >> rule & 1 == 0 {
                continue;
            }
            let together = still_together(store, rules, rule, splits, left, right);
            cut |= u32::from(together != Together::Whole) << rule;
            shared &= !(u32::from(together == Together::Apart) << rule);
        }
    }
    if !within.is_empty() {
        let source = store.source_of(left.0);
        if within[source] && source == store.source_of(right.0) {
            return None;
        }
    }
    Some((shared, cut))
}
