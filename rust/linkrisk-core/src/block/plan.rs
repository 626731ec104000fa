//! The plan of a linkage: exact pairs per rule before any pair is compared.

use serde::Serialize;

use super::blocks::{self, BlockCounts, Blocks, SORT_BYTES, Splits};
use super::pairs::{self, Visitor};
use super::rule::{KeyPart, Part, Rules};
use crate::error::{Error, ErrorKind, Result};
use crate::kind::Kind;
use crate::runtime::Context;
use crate::spec::LinkageSpec;
use crate::store::Store;

/// The blocking rules of a run with their exact sizes, ready to be scanned any number of times.
#[derive(Debug)]
pub struct Candidates {
    /// The rules.
    pub rules: Rules,
    /// What each rule's blocks amount to.
    pub counts: Vec<BlockCounts>,
    pub(super) splits: Vec<Splits>,
    pub(super) any_split: bool,
    /// Sources in which no pairs are made, being free of duplicates; empty where there is none.
    pub(super) within: Vec<bool>,
    further: Vec<Vec<KeyPart>>,
    passes: u64,
    max_block_pairs: u64,
    kept: Vec<Option<Blocks>>,
}

/// One rule of a plan, as `estimate` and the report show it.
#[derive(Debug, Clone, Serialize)]
pub struct RulePlan {
    /// The rule: `name + born`.
    pub rule: String,
    /// Records in its blocks.
    pub records: u64,
    /// Its blocks.
    pub blocks: u64,
    /// Its pairs, those of earlier rules included.
    pub pairs: u64,
    /// Records of its largest block, before any split.
    pub largest_block: u64,
    /// Blocks split by a further attribute.
    pub split_blocks: u64,
    /// Blocks of which a sample is compared.
    pub sampled_blocks: u64,
    /// Pairs that agree on the rule and are not compared under it.
    pub uncompared_pairs: u64,
}

impl Candidates {
    /// Builds the blocks of every rule once, counts their pairs, and keeps what memory allows.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] where a rule makes more than `max_pairs` pairs or none of the rules
    /// brings any two records together, [`ErrorKind::MemoryLimit`] where not even a 256th of the
    /// keys fits.
    pub fn plan(store: &Store, rules: Rules, linkage: &LinkageSpec, context: &Context) -> Result<Self> {
        let sort = u64::from(store.len()) * SORT_BYTES;
        // Half of what is free, for the blocks that are kept need room too.
        let passes = sort.div_ceil((context.memory.free() / 2).max(1)).clamp(1, 256);
        let free_of_duplicates: Vec<bool> = store.sources.iter().map(|s| s.duplicate_free).collect();
        let within = if free_of_duplicates.contains(&true) { free_of_duplicates } else { Vec::new() };
        let further = (0..rules.rules.len()).map(|rule| further(store, &rules, rule)).collect();
        let mut candidates = Self {
            counts: Vec::new(),
            splits: Vec::new(),
            any_split: false,
            within,
            further,
            passes,
            max_block_pairs: linkage.max_block_pairs.max(1),
            kept: Vec::new(),
            rules,
        };
        context.progress.begin(
            "plan",
            "records",
            Some(u64::from(store.len()) * candidates.rules.rules.len() as u64),
        );
        for rule in 0..candidates.rules.rules.len() {
            let mut counts = BlockCounts::default();
            let mut splits = Splits::default();
            let mut kept = None;
            for pass in 0..passes {
                let built = candidates.build(store, rule, pass, context)?;
                let largest = counts.largest.max(built.counts.largest);
                add(&mut counts, built.counts);
                counts.largest = largest;
                splits.extend(built.splits);
                // One pass in memory is kept while the rest of the run has room for as much again.
                kept = (passes == 1 && context.memory.free() > 2 * sort).then_some(built.blocks);
            }
            if counts.pairs > linkage.max_pairs {
                return Err(Error::new(
                    ErrorKind::Spec,
                    format!(
                        "blocking rule `{}` makes {} pairs, more than `linkage.max_pairs` of {}; its largest block has {} records",
                        candidates.rules.rules[rule].name, counts.pairs, linkage.max_pairs, counts.largest
                    ),
                )
                .hint("add an attribute to the rule, lower `linkage.max_block_pairs`, or raise `linkage.max_pairs`")
                .detail("rule", &candidates.rules.rules[rule].name)
                .detail("pairs", counts.pairs)
                .detail("largest_block", counts.largest));
            }
            candidates.any_split |= !splits.is_empty();
            candidates.counts.push(counts);
            candidates.splits.push(splits);
            candidates.kept.push(kept);
            context.progress.add(u64::from(store.len()));
        }
        Ok(candidates)
    }

    /// Pairs of all rules together, those that several rules make counted for each.
    pub fn pairs(&self) -> u64 {
        self.counts.iter().map(|c| c.pairs).sum()
    }

    /// The plan, a line per rule.
    pub fn lines(&self) -> Vec<RulePlan> {
        self.rules
            .rules
            .iter()
            .zip(&self.counts)
            .map(|(rule, counts)| RulePlan {
                rule: rule.name.clone(),
                records: counts.records,
                blocks: counts.blocks,
                pairs: counts.pairs,
                largest_block: counts.largest,
                split_blocks: counts.split,
                sampled_blocks: counts.sampled,
                uncompared_pairs: counts.uncompared,
            })
            .collect()
    }

    /// Shows every candidate pair once to `visitor`; outputs come rule by rule in an order that
    /// depends on the data alone.
    ///
    /// Of the blocks a share `share` is looked at.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] or [`ErrorKind::MemoryLimit`].
    pub fn scan<V: Visitor>(
        &self,
        store: &Store,
        share: f64,
        context: &Context,
        visitor: &V,
        mut take: impl FnMut(V::Output) -> Result<()>,
    ) -> Result<()> {
        for rule in 0..self.rules.rules.len() {
            for pass in 0..self.passes {
                let built;
                let blocks = match &self.kept[rule] {
                    Some(blocks) => blocks,
                    None => {
                        built = self.build(store, rule, pass, context)?;
                        &built.blocks
                    }
                };
                for output in pairs::scan(self, store, rule, blocks, share, context, visitor)? {
                    take(output)?;
                }
            }
        }
        Ok(())
    }

    fn build(&self, store: &Store, rule: usize, pass: u64, context: &Context) -> Result<blocks::Built> {
        let range = (pass, self.passes);
        blocks::build(store, &self.rules, rule, range, &self.further[rule], self.max_block_pairs, context)
    }
}

fn add(total: &mut BlockCounts, more: BlockCounts) {
    total.records += more.records;
    total.blocks += more.blocks;
    total.pairs += more.pairs;
    total.split += more.split;
    total.sampled += more.sampled;
    total.uncompared += more.uncompared;
}

/// The parts by which a block of `rule` is split, best first: those that most surely differ between
/// two people and most surely agree between two records of one.
fn further(store: &Store, rules: &Rules, rule: usize) -> Vec<KeyPart> {
    const ORDER: [(Kind, Part); 9] = [
        (Kind::BirthDate, Part::Whole),
        (Kind::PersonName, Part::Key),
        (Kind::CnResidentId, Part::Whole),
        (Kind::Phone, Part::Whole),
        (Kind::Email, Part::Whole),
        (Kind::Address, Part::Whole),
        (Kind::Account, Part::Whole),
        (Kind::Plate, Part::Whole),
        (Kind::Place, Part::Whole),
    ];
    let used = rules.attributes(rule);
    ORDER
        .iter()
        .flat_map(|&(kind, part)| {
            let attributes = store.layout.attributes.iter().enumerate();
            attributes
                .filter(move |(i, a)| a.kind == kind && !a.derived && used >> i & 1 == 0)
                // Nobody has it, so nobody would be compared.
                .filter(|&(i, _)| store.columns[i].filled > 0)
                .map(move |(i, _)| KeyPart::new(store, i, part))
        })
        .collect()
}
