//! Links into entities, by the model that made them.

use std::sync::OnceLock;

use super::bits;
use crate::assess::KeptLinks;
use crate::cluster::component::{Against, Record, Weighed};
use crate::cluster::{self, Clusters, Conflicts, Limits};
use crate::compare::similarity::{Scratch, Similarities};
use crate::compare::{Comparer, Comparison, Memo, ScoredPair};
use crate::error::Result;
use crate::external::Kept;
use crate::runtime::Context;
use crate::score::{Model, Scorer, Scores};
use crate::spec::LinkageSpec;
use crate::store::Store;

/// Groups the records that `pairs` link into entities.
///
/// # Errors
/// As [`cluster::cluster`], and as [`Similarities::complete`].
pub fn settle(
    store: &Store,
    (comparisons, similarities): (&[Comparison], &Similarities<'_>),
    model: &Model,
    pairs: &Kept<ScoredPair>,
    linkage: &LinkageSpec,
    context: &Context,
) -> Result<Clusters> {
    let (scorer, comparer) = (Scorer::new(model, comparisons), Comparer::new(store, comparisons));
    let links = KeptLinks { pairs, scorer: &scorer, threshold: linkage.threshold };
    let conflicts = Conflicts::new(store, comparisons);
    let single = comparisons.iter().filter(|c| c.kind.is_single()).fold(0, |bits, c| bits | c.place());
    let failed = OnceLock::new();
    let weigh =
        |(memo, rows, scores): &mut (Memo, Scratch, Scores<'_>), left: Record<'_>, right: Record<'_>| {
            let pattern = comparer.pattern(memo, left.1, right.1);
            let pattern = similarities.complete(rows, left, right, pattern).unwrap_or_else(|error| {
                // A template on disk that cannot be read ends the stage as soon as its settling ends.
                failed.get_or_init(|| error);
                comparer.settled(pattern)
            });
            let score = scores.score(pattern);
            // What the gallery does not bear is no link, and no evidence against one.
            let weight = if score.borne { score.weight } else { score.weight.min(0.0) };
            // Faces that speak for one person are not turned against one by the place beside them.
            let alike = || scorer.bits_of_templates(pattern) >= 0.0;
            let against = match (pattern & single != 0, similarities.told(pattern)) {
                (true, false) => Against::ByLevels,
                (false, false) => Against::Never,
                (false, true) if alike() => Against::Never,
                (_, true) => Against::Always,
            };
            Weighed { weight: weight as f32, against }
        };
    let limits = Limits {
        threshold: bits(linkage.threshold),
        prior: bits(model.prior),
        most_records: linkage.max_entity_records,
    };
    let scratch = || (comparer.memo(), Scratch::default(), Scores::new(&scorer));
    let clusters =
        cluster::cluster(store, &links, &conflicts, limits, (scratch, weigh), &comparer.mask(), context)?;
    match failed.into_inner() {
        Some(error) => Err(error),
        None => Ok(clusters),
    }
}
