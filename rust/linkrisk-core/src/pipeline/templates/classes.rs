//! The classes of the records of a comparison of templates, and how many of each are compared.

use super::tell::LEAST_SIDE;
use crate::compare::Comparison;
use crate::compare::classes::{Among, Classes};
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::{self, List, Members};
use crate::runtime::Context;
use crate::spec::LinkageSpec;
use crate::store::Store;

/// The classes of `members` by the group attributes that the spec names for any position of a comparison.
///
/// # Errors
/// As [`evidence::classes`], and [`ErrorKind::Spec`] where no source has such an attribute.
pub fn of(
    store: &Store,
    compared: &Comparison,
    members: &Members<'_>,
    linkage: &LinkageSpec,
    context: &Context,
) -> Result<Classes> {
    let mut attributes: Vec<usize> = Vec::new();
    for position in &compared.positions {
        let asked = linkage.templates_of(&store.layout.attributes[position.attribute].name);
        for name in asked.iter().flat_map(|asked| &asked.groups) {
            let attribute = store.layout.find(name).ok_or_else(|| {
                Error::new(ErrorKind::Spec, format!("no source has the group attribute `{name}`"))
                    .hint("map it, or remove it from `groups` of `[[linkage.templates]]`")
                    .detail("attribute", name)
            })?;
            if !attributes.contains(&attribute) {
                attributes.push(attribute);
            }
        }
    }
    if attributes.is_empty() {
        return Ok(Classes::of_sources(store.sources.len()));
    }
    evidence::classes(store, members, &attributes, context)
}

/// What is drawn so that about `pairs` pairs are compared: `side` records of every source, and where groups are parts
/// half as many pairs of these, and as many of each group.
pub fn lists(classes: &Classes, side: usize, pairs: u64) -> Vec<List> {
    let mut of_groups: Vec<List> = Vec::new();
    for (part, of) in classes.parts.iter().enumerate() {
        let Among::Group(group) = of.among else { continue };
        for source in of.sources {
            let side = classes.side(part, pairs);
            let same = |list: &&mut List| list.source == source && list.group == Some(group);
            match of_groups.iter_mut().find(same) {
                Some(list) => list.side = list.side.max(side),
                None => of_groups.push(List { source, group: Some(group), side }),
            }
        }
    }
    let half = ((side as f64 / std::f64::consts::SQRT_2) as usize).max(LEAST_SIDE);
    let all = if of_groups.is_empty() { side } else { half };
    let sources = classes.len() / classes.groups();
    let mut lists: Vec<List> = (0..sources).map(|source| List { source, group: None, side: all }).collect();
    lists.extend(of_groups);
    lists.sort_by_key(|list| (list.source, list.group));
    lists
}
