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

/// Nanoseconds on two processors that a record takes to be looked at for what it holds.
const LOOK: f64 = 8.0;

/// A pair followed for a lot of figures.
const FOLLOW: f64 = 15.0;

/// A record counted for a figure.
const COUNT: f64 = 3.0;

/// The comparisons of templates, by their places.
fn compared<'a>(results: &'a Results<'_>) -> Vec<(usize, &'a Comparison)> {
    results.comparisons.iter().enumerate().filter(|(_, c)| c.method == Method::Similarity).collect()
}

/// The work that [`reach`] will be where all is counted together, in nanoseconds on two processors.
pub fn work(results: &Results<'_>) -> f64 {
    let figures = compared(results).len() * TARGETS.len() * Way::ALL.len();
    if figures == 0 {
        return 0.0;
    }
    let (records, pairs) = (f64::from(results.store.len()), results.pairs.len() as f64);
    records * (LOOK + figures as f64 * COUNT) + pairs * FOLLOW
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
    let compared = compared(results);
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
            context.progress.worked((words.len() / width) as f64 * LOOK);
            Ok(())
        },
    )?;
    let of_target = |from, target| Way::ALL.map(|way| Counting { from, target, way, best: Vec::new() });
    let of = |from| (0..TARGETS.len()).flat_map(move |target| of_target(from, target));
    let mut figures: Vec<Counting<'_>> = compared.iter().flat_map(of).collect();
    let each = u64::from(records) * size_of::<f32>() as u64;
    let together = (context.memory.free() / 2 / each.max(1)).clamp(1, figures.len() as u64);
    // A pair is followed once for each lot, and was expected to be once.
    let followed = FOLLOW / (figures.len() as u64).div_ceil(together) as f64;
    held.grow_to(bits + together * each)?;
    let mut made = Vec::new();
    for lot in figures.chunks_mut(together as usize) {
        lot.iter_mut().for_each(|figure| figure.best = vec![0.0; records as usize]);
        follow((results.pairs, followed), scorer, threshold, &targets, lot, context)?;
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
            context.progress.worked(f64::from(records) * COUNT);
        }
    }
    Ok(made)
}

fn follow(
    (pairs, each): (&Kept<ScoredPair>, f64),
    scorer: &Scorer<'_>,
    threshold: f64,
    targets: &[Bits],
    counting: &mut [Counting<'_>],
    context: &Context,
) -> Result<()> {
    let mut scores = Scores::new(scorer);
    pairs.each(|pairs| {
        context.cancel.check()?;
        context.progress.worked(pairs.len() as f64 * each);
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
