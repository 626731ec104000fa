//! How many templates lead to a name or a number: by themselves, and with what else agrees.

use crate::assess::Results;
use crate::compare::{Comparison, ScoredPair};
use crate::error::Result;
use crate::external::Kept;
use crate::kernel::bits::Bits;
use crate::kind::{Kind, Modality};
use crate::risk::{Reach, Way};
use crate::runtime::Context;
use crate::score::{Scorer, Scores};
use crate::spec::Method;

/// What a template may lead to.
const TARGETS: [Modality; 2] = [Modality::Name, Modality::Id];

/// Bits of evidence of the other attributes from which they count as agreeing.
const AGREE: f64 = 1.0;

/// What one comparison of templates leads to.
struct Counting<'a> {
    place: usize,
    comparison: &'a Comparison,
    /// Records with a template.
    templates: Bits,
    /// Best match probability of a record's links to the target, by target and way; 0 is none.
    best: Vec<[Vec<f32>; 2]>,
}

/// Counts the records with a template and without the target that a link ties to one with it.
///
/// A link counts as by the template alone where the other attributes weigh less than one bit in its favour.
/// What is wrong is expected from the match probability of the best such link of a record. Memory: 16 bytes a
/// record and an attribute of templates.
///
/// # Errors
/// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit),
/// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
pub fn reach(
    results: &Results<'_>,
    scorer: &Scorer<'_>,
    threshold: f64,
    context: &Context,
) -> Result<Vec<Reach>> {
    let store = results.store;
    let by_similarity =
        results.comparisons.iter().enumerate().filter(|(_, c)| c.method == Method::Similarity);
    let compared: Vec<(usize, &Comparison)> = by_similarity.collect();
    if compared.is_empty() {
        return Ok(Vec::new());
    }
    let records = store.len();
    let bytes = u64::from(records) * 16 + 2 * Bits::bytes(records);
    let _held = context.memory.reserve("reach of templates", bytes * compared.len() as u64)?;
    let of = |wanted: &dyn Fn(Kind) -> bool| -> u64 {
        let attributes = store.layout.attributes.iter().enumerate();
        attributes.filter(|(_, a)| wanted(a.kind)).fold(0, |bits, (i, _)| bits | 1 << i)
    };
    let masks = TARGETS.map(|target| of(&|kind| kind.modality() == target));
    let targets = TARGETS.map(|_| Bits::new(records));
    let mut counting: Vec<Counting<'_>> = compared
        .into_iter()
        .map(|(place, comparison)| Counting {
            place,
            comparison,
            templates: Bits::new(records),
            best: TARGETS
                .iter()
                .map(|_| [vec![0.0; records as usize], vec![0.0; records as usize]])
                .collect(),
        })
        .collect();
    let width = store.layout.words;
    store.scan(
        context,
        || (),
        |(), first, words| {
            for (words, record) in words.chunks_exact(width).zip(first..) {
                for (bits, mask) in targets.iter().zip(masks) {
                    if words[0] & mask != 0 {
                        bits.insert(record);
                    }
                }
                for of in &counting {
                    if of.comparison.positions.iter().any(|position| position.row(words).is_some()) {
                        of.templates.insert(record);
                    }
                }
            }
            Ok(())
        },
    )?;
    follow(results.pairs, scorer, threshold, &targets, &mut counting, context)?;
    let mut made = Vec::new();
    for of in &counting {
        for (target, (bits, best)) in TARGETS.iter().zip(targets.iter().zip(&of.best)) {
            let start =
                (0..records).filter(|&r| of.templates.contains(r) && !bits.contains(r)).count() as u64;
            for (way, best) in Way::ALL.into_iter().zip(best) {
                let reached = best.iter().filter(|p| **p > 0.0);
                made.push(Reach {
                    attribute: of.comparison.name.clone(),
                    target: target.name(),
                    way,
                    start,
                    reached: reached.clone().count() as u64,
                    expected_wrong: reached.map(|p| 1.0 - f64::from(*p)).sum(),
                });
            }
        }
    }
    Ok(made)
}

fn follow(
    pairs: &Kept<ScoredPair>,
    scorer: &Scorer<'_>,
    threshold: f64,
    targets: &[Bits],
    counting: &mut [Counting<'_>],
    context: &Context,
) -> Result<()> {
    let mut scores = Scores::new(scorer);
    pairs.each(|pairs| {
        context.cancel.check()?;
        for pair in pairs {
            let score = scores.score(pair.pattern);
            if !score.is_link(threshold) {
                continue;
            }
            for of in counting.iter_mut() {
                if of.comparison.level(pair.pattern) == 0 || scorer.bits(of.place, pair.pattern) <= 0.0 {
                    continue;
                }
                let others = scorer.bits_of_others(pair.pattern);
                let way = usize::from(others >= AGREE);
                for (bits, best) in targets.iter().zip(&mut of.best) {
                    for (from, to) in [(pair.left, pair.right), (pair.right, pair.left)] {
                        if of.templates.contains(from) && !bits.contains(from) && bits.contains(to) {
                            let best = &mut best[way][from as usize];
                            *best = best.max(score.probability as f32);
                        }
                    }
                }
            }
        }
        Ok(())
    })
}
