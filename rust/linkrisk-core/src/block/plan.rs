//! The plan of a linkage: exact pairs per rule before any pair is compared.

use serde::{Deserialize, Serialize};

use super::blocks::{self, BlockCounts, Split, Splits, Wanted, row_bytes};
use super::pairs::{self, Portion, Visitor, Work};
use super::rule::{KeyPart, Part, Rules};
use super::shared::SharedKeys;
use crate::error::{Error, ErrorKind, Result};
use crate::external::scatter::passes;
use crate::kind::Kind;
use crate::runtime::Context;
use crate::spec::LinkageSpec;
use crate::store::Store;

/// The blocking rules of a run with their exact sizes, ready to be scanned any number of times.
#[derive(Debug, Serialize, Deserialize)]
pub struct Candidates {
    /// The rules.
    pub rules: Rules,
    /// What each rule's blocks amount to.
    pub counts: Vec<BlockCounts>,
    pub(super) splits: Vec<Splits>,
    pub(super) any_split: bool,
    /// Sources in which no pairs are made, being free of duplicates; empty where there is none.
    pub(super) within: Vec<bool>,
    pub(super) further: Vec<Vec<KeyPart>>,
    pub(super) max_block_pairs: u64,
    /// The keys of the blocks of each rule, where there was memory for them; a run that goes on has none.
    #[serde(skip)]
    pub(super) shared: Vec<Option<SharedKeys>>,
}

/// What is known of a rule that has cut blocks.
#[derive(Debug, Clone, Copy)]
pub struct CutRule {
    /// The rule.
    pub rule: usize,
    /// The rules that use nothing of what its blocks are split by, a bit each, without itself.
    pub others: u32,
    /// Records in its cut blocks.
    pub records: u64,
}

/// One rule of a plan, as `estimate` and the report show it.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    /// Counts the pairs of every rule and finds how large blocks are split.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] where a rule makes more than `max_pairs` pairs, [`ErrorKind::MemoryLimit`]
    /// where not even a small share of the keys fits.
    pub fn plan(store: &Store, rules: Rules, linkage: &LinkageSpec, context: &Context) -> Result<Self> {
        let free_of_duplicates: Vec<bool> = store.sources.iter().map(|s| s.duplicate_free).collect();
        let within = if free_of_duplicates.contains(&true) { free_of_duplicates } else { Vec::new() };
        let further = (0..rules.rules.len()).map(|rule| further(store, &rules, rule)).collect();
        let mut candidates = Self {
            counts: Vec::new(),
            splits: Vec::new(),
            any_split: false,
            within,
            further,
            max_block_pairs: linkage.max_block_pairs.max(1),
            shared: Vec::new(),
            rules,
        };
        context.progress.begin(
            "plan",
            "records",
            Some(u64::from(store.len()) * candidates.rules.rules.len() as u64),
        );
        for (rule, further) in candidates.further.iter().enumerate() {
            let wanted = Wanted { store, rules: &candidates.rules, rule };
            let shared = SharedKeys::new(store.len(), context);
            let max_pairs = candidates.max_block_pairs;
            let (counts, splits) = blocks::count(wanted, further, max_pairs, shared.as_ref(), context)?;
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
            candidates.shared.push(shared);
            context.progress.add(u64::from(store.len()));
        }
        Ok(candidates)
    }

    /// Pairs of all rules together, those that several rules make counted for each.
    pub fn pairs(&self) -> u64 {
        self.counts.iter().map(|c| c.pairs).sum()
    }

    /// The rules that have cut blocks, and those that tell what that cost.
    pub fn cut_rules(&self) -> impl Iterator<Item = CutRule> {
        let cut = self.splits.iter().enumerate().filter(|(_, splits)| !splits.is_empty());
        cut.map(|(rule, splits)| {
            let split_by = splits.values().fold(0, |bits, split| match split {
                Split::Part(part) => bits | 1u64 << part.attribute,
                Split::Sample(_) => bits,
            });
            let apart = |&other: &usize| other != rule && self.rules.attributes(other) & split_by == 0;
            let others = (0..self.splits.len()).filter(apart).fold(0u32, |bits, other| bits | 1 << other);
            CutRule { rule, others, records: self.counts[rule].records_cut }
        })
    }

    /// Whether some rule brings two records together, given by number and words, or none may since their
    /// source has nobody twice.
    pub fn are_paired(&self, store: &Store, left: (u32, &[u64]), right: (u32, &[u64])) -> bool {
        pairs::rules_of(self, store, left, right).is_none_or(|(rules, _)| rules != 0)
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
    /// Of the blocks a share `share` is looked at; the progress of each rule moves by `work`.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] or [`ErrorKind::MemoryLimit`].
    pub fn scan<V: Visitor>(
        &self,
        store: &Store,
        share: f64,
        work: Work,
        context: &Context,
        visitor: &V,
        mut take: impl FnMut(V::Output) -> Result<()>,
    ) -> Result<()> {
        for rule in 0..self.rules.rules.len() {
            let passes = self.passes(store, rule, share, context);
            for pass in 0..passes {
                let portion = Portion { rule, pass, passes, share, work: work.part(passes) };
                self.scan_pass(store, portion, context, visitor, &mut take)?;
            }
        }
        Ok(())
    }

    /// Into how many passes rule `rule` is cut, by the memory that is free.
    pub fn passes(&self, store: &Store, rule: usize, share: f64, context: &Context) -> u64 {
        let sampled = self.carried(rule) * share.min(1.0);
        passes((sampled * row_bytes(store) as f64) as u64, context)
    }

    /// Lets go of what only finding pairs needs.
    pub fn release(&mut self) {
        self.shared = Vec::new();
    }

    /// About how many records are brought together for rule `rule`.
    pub(super) fn carried(&self, rule: usize) -> f64 {
        let counts = &self.counts[rule];
        let keyed = counts.keyed as f64;
        let within = ((counts.records + counts.records_cut) as f64).min(keyed);
        let shared = self.shared.get(rule).and_then(Option::as_ref);
        shared.map_or(keyed, |shared| shared.carried(keyed, within, counts.blocks as f64))
    }

    /// Shows the candidate pairs of a portion to `visitor`, as [`Candidates::scan`] does.
    ///
    /// Twice as many passes are each cut in two: what two give is what the one gave.
    ///
    /// # Errors
    /// As [`Candidates::scan`].
    pub fn scan_pass<V: Visitor>(
        &self,
        store: &Store,
        portion: Portion,
        context: &Context,
        visitor: &V,
        take: &mut impl FnMut(V::Output) -> Result<()>,
    ) -> Result<()> {
        pairs::scan(self, store, portion, context, visitor, take)
    }
}

/// The parts by which a block of `rule` is split, best first: those that most surely differ between
/// two people and most surely agree between two records of one.
pub(super) fn further(store: &Store, rules: &Rules, rule: usize) -> Vec<KeyPart> {
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
