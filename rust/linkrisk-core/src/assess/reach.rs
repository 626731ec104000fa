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

/// A comparison of templates and who has one.
struct From<'a> {
    place: usize,
    comparison: &'a Comparison,
    /// Records with a template.
    templates: Bits,
}

/// One figure being counted: what the templates of one comparison lead to in one way.
struct Counting<'a> {
    from: &'a From<'a>,
    target: usize,
    way: Way,
    /// Best match probability of a record's links to the target; 0 is none.
    best: Vec<f32>,
}

/// Counts the records with a template and without the target that a link ties to one with it.
///
/// A link counts as by the template alone where the other attributes weigh less than one bit in its favour.
/// What is wrong is expected from the match probability of the best such link of a record. Memory: 4 bytes a
/// record for each figure, of which an attribute of templates has four. As many are counted together as half of the
/// free memory holds, one at the least, and the links are looked through for each such lot. One takes no more than
/// the sizes of components did, which are gone by then, so that what could be clustered can be counted.
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
    let bits = (TARGETS.len() + compared.len()) as u64 * Bits::bytes(records);
    let mut held = context.memory.reserve("reach of templates", bits)?;
    let of = |wanted: &dyn Fn(Kind) -> bool| -> u64 {
        let attributes = store.layout.attributes.iter().enumerate();
        attributes.filter(|(_, a)| wanted(a.kind)).fold(0, |bits, (i, _)| bits | 1 << i)
    };
    let masks = TARGETS.map(|target| of(&|kind| kind.modality() == target));
    let targets = TARGETS.map(|_| Bits::new(records));
    let with_bits = |(place, comparison)| From { place, comparison, templates: Bits::new(records) };
    let compared: Vec<From<'_>> = compared.into_iter().map(with_bits).collect();
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
                for of in &compared {
                    if of.comparison.positions.iter().any(|position| position.row(words).is_some()) {
                        of.templates.insert(record);
                    }
                }
            }
            Ok(())
        },
    )?;
    let of_target = |from, target| Way::ALL.map(|way| Counting { from, target, way, best: Vec::new() });
    let of = |from| (0..TARGETS.len()).flat_map(move |target| of_target(from, target));
    let mut figures: Vec<Counting<'_>> = compared.iter().flat_map(of).collect();
    let each = u64::from(records) * size_of::<f32>() as u64;
    let together = (context.memory.free() / 2 / each.max(1)).clamp(1, figures.len() as u64);
    held.grow_to(bits + together * each)?;
    let mut made = Vec::new();
    for lot in figures.chunks_mut(together as usize) {
        lot.iter_mut().for_each(|figure| figure.best = vec![0.0; records as usize]);
        follow(results.pairs, scorer, threshold, &targets, lot, context)?;
        for Counting { from, target, way, best } in lot {
            let starts =
                |&record: &u32| from.templates.contains(record) && !targets[*target].contains(record);
            let reached = best.iter().filter(|p| **p > 0.0);
            made.push(Reach {
                attribute: from.comparison.name.clone(),
                target: TARGETS[*target].name(),
                way: *way,
                start: (0..records).filter(starts).count() as u64,
                reached: reached.clone().count() as u64,
                expected_wrong: reached.map(|p| 1.0 - f64::from(*p)).sum(),
            });
            *best = Vec::new();
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
            let mut known = None;
            let mut way_of = |pattern| {
                let of_others = || scorer.bits_of_others(pattern) >= AGREE;
                Way::ALL[usize::from(*known.get_or_insert_with(of_others))]
            };
            for Counting { from: of, target, way, best } in counting.iter_mut() {
                if of.comparison.level(pair.pattern) == 0
                    || scorer.bits(of.place, pair.pattern) <= 0.0
                    || way_of(pair.pattern) != *way
                {
                    continue;
                }
                let target = &targets[*target];
                for (from, to) in [(pair.left, pair.right), (pair.right, pair.left)] {
                    if of.templates.contains(from) && !target.contains(from) && target.contains(to) {
                        let best = &mut best[from as usize];
                        *best = best.max(score.probability as f32);
                    }
                }
            }
        }
        Ok(())
    })
}
