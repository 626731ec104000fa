//! Comparisons: the model, level by level.

use std::sync::Arc;

use arrow_array::{Float64Array, Int64Array};

use super::{Table, texts};
use crate::error::Result;
use crate::score::model::{ChanceSource, LevelModel, Model, Source};

/// The levels of each comparison with their probabilities and weights.
///
/// Levels are numbered as in patterns, from 1, for 0 is null and evidence of nothing. `related` is
/// null where the model has no such class. `source` is `fallback` where a floor stands in for `m` or
/// `u`, else `em`; `m_source` and `u_source` tell where each comes from.
///
/// # Errors
/// None but bugs.
pub fn comparisons(model: &Model) -> Result<Table> {
    let rows: Vec<(&str, i64, &LevelModel)> = model
        .comparisons
        .iter()
        .flat_map(|c| (1..).zip(&c.levels).map(|(number, level)| (c.attribute.as_str(), number, level)))
        .collect();
    let numbers = |name, of: fn(&LevelModel) -> f64| -> (&'static str, arrow_array::ArrayRef, bool) {
        (name, Arc::new(Float64Array::from_iter_values(rows.iter().map(|r| of(r.2)))), false)
    };
    Table::new(
        "comparisons",
        vec![
            texts("comparison", rows.iter().map(|r| r.0)),
            ("level", Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.1))), false),
            texts("label", rows.iter().map(|r| &r.2.label)),
            numbers("m", |level| level.m),
            numbers("u", |level| level.u),
            ("related", Arc::new(rows.iter().map(|r| r.2.related).collect::<Float64Array>()), true),
            numbers("weight", |level| level.weight),
            texts("source", rows.iter().map(|r| source(r.2))),
            texts("m_source", rows.iter().map(|r| m_source(r.2.m_source))),
            texts("u_source", rows.iter().map(|r| u_source(r.2.u_source))),
        ],
    )
}

fn source(level: &LevelModel) -> &'static str {
    match (level.m_source, level.u_source) {
        (Source::Fallback, _) | (_, ChanceSource::Fallback) => "fallback",
        (Source::Genuine, _) | (_, ChanceSource::Impostors) => "similarities",
        (Source::Em | Source::EmOwnRule, _) => "em",
    }
}

fn m_source(source: Source) -> &'static str {
    match source {
        Source::Em => "em",
        Source::Genuine => "genuine pairs",
        Source::EmOwnRule => "em, own rule",
        Source::Fallback => "fallback",
    }
}

fn u_source(source: ChanceSource) -> &'static str {
    match source {
        ChanceSource::RandomPairs => "random pairs",
        ChanceSource::Frequency => "frequency",
        ChanceSource::Templates => "frequency and templates",
        ChanceSource::Impostors => "impostor pairs",
        ChanceSource::Fallback => "fallback",
    }
}
