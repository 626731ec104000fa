//! The join of the templates of one attribute, whatever they are made of.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::block::nearest::{self, Options, Scored, look};
use crate::error::{Error, Result};
use crate::runtime::Context;
use crate::store::gallery::Gallery;

/// What the templates of an attribute found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PositionSummary {
    /// The attribute.
    pub attribute: String,
    /// Templates that are compared.
    pub templates: u64,
    /// The least similarity of a pair that was looked for.
    pub from: f64,
    /// Pairs that were found.
    pub pairs: u64,
    /// Share of the pairs at or above the least similarity that the join finds, with its interval.
    pub recall: [f64; 3],
}

impl PositionSummary {
    /// Of templates that were not joined.
    pub fn none(gallery: &Gallery) -> Self {
        let attribute = gallery.attribute().to_owned();
        Self { attribute, templates: usable(gallery), from: 1.0, pairs: 0, recall: [1.0; 3] }
    }
}

/// Templates that are compared.
pub fn usable(gallery: &Gallery) -> u64 {
    gallery.sources().iter().map(|source| source.tally.usable).sum()
}

/// Finds the pairs of templates that are at least `from` alike; `take` has them by records.
///
/// # Errors
/// As [`nearest::nearest_resumable`] and [`look::nearest`].
pub fn join(
    gallery: &mut Gallery,
    from: f64,
    state: Option<&Path>,
    context: &Context,
    take: &mut impl FnMut(&[Scored]) -> Result<()>,
) -> Result<PositionSummary> {
    let (attribute, templates) = (gallery.attribute().to_owned(), usable(gallery));
    if templates < 2 {
        return Ok(PositionSummary::none(gallery));
    }
    if let Some(state) = state {
        std::fs::create_dir_all(state).map_err(|e| Error::io(state, e))?;
    }
    let (pairs, recall) = match gallery {
        Gallery::Vectors(templates) => {
            let options = Options::new(from);
            let (pairs, filter, summary) = nearest::nearest_resumable(templates, &options, state, context)?;
            let recall = nearest::recall::recall(templates, &pairs, &filter, &summary, &options, context)?;
            (pairs, recall.all)
        }
        Gallery::Irises(irises) => look::nearest(irises, from, state, context)?,
    };
    let records = gallery.records();
    pairs.each(|pairs| {
        context.cancel.check()?;
        let by_record = |pair: &Scored| Scored {
            left: records[pair.left as usize],
            right: records[pair.right as usize],
            product: pair.product,
        };
        take(&pairs.iter().map(by_record).collect::<Vec<_>>())
    })?;
    Ok(PositionSummary {
        attribute,
        templates,
        from,
        pairs: pairs.len(),
        recall: [recall.recall, recall.low, recall.high],
    })
}
