//! Links into entities: components first, then each component is cut where it holds several people.
//!
//! Memory: 4 bytes per record for the forest, 4 per linked record and 4 per square of a component's
//! size for the component at hand.

pub mod agglomerate;
pub mod conflict;
pub mod forest;
mod judge;
pub mod vehicles;

use rayon::prelude::*;
use serde::Serialize;

pub use conflict::Conflicts;
pub use forest::Forest;
use judge::{Judge, Outcome};

use crate::error::Result;
use crate::runtime::Context;
use crate::store::Store;

/// A link: a pair above the threshold with its weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// The first record, the lower number.
    pub left: u32,
    /// The second record.
    pub right: u32,
    /// Match weight in bits.
    pub weight: f32,
}

/// What clustering did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ClusterCounts {
    /// Components of two and more records.
    pub components: u64,
    /// Components that were cut into several entities.
    pub cut: u64,
    /// Components in which two records contradict each other.
    pub contradictions: u64,
    /// Links whose records came to be different entities.
    pub links_cut: u64,
    /// Entities of two and more records.
    pub entities: u64,
    /// Records of the largest entity.
    pub largest: u64,
}

/// Groups records into entities.
///
/// `weigh` gives the match weight of any two records, linked or not; `threshold` is the weight from
/// which a pair is a link; `most_records` is the size above which an entity is implausible.
///
/// # Errors
/// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit) or
/// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
pub fn cluster<S: Send>(
    store: &Store,
    links: &[Link],
    conflicts: &Conflicts<'_>,
    (threshold, most_records): (f64, u32),
    (scratch, weigh): (impl Fn() -> S + Sync, impl Fn(&mut S, u32, u32) -> f32 + Sync),
    context: &Context,
) -> Result<(Forest, ClusterCounts)> {
    context.progress.begin("cluster", "records", Some(u64::from(store.len())));
    let mut forest = Forest::new(store.len(), context)?;
    context.pool.install(|| links.par_iter().for_each(|l| forest.join(l.left, l.right)));
    let components = Components::new(&forest, links, context)?;
    let judge = Judge { conflicts, threshold: threshold as f32, most: most_records.max(1) };
    let outcomes: Vec<Outcome> = context.pool.install(|| {
        (0..components.len())
            .into_par_iter()
            .map_init(&scratch, |scratch, at| {
                if at % 1024 == 0 {
                    context.cancel.check()?;
                }
                Ok(judge.settle(components.get(at), links, scratch, &weigh))
            })
            .collect::<Result<_>>()
    })?;
    let mut counts = ClusterCounts { components: components.len() as u64, ..ClusterCounts::default() };
    for (at, outcome) in outcomes.into_iter().enumerate() {
        let (members, _) = components.get(at);
        counts.contradictions += u64::from(outcome.contradiction);
        if let Some(labels) = outcome.labels {
            counts.cut += 1;
            forest.relabel(members, &labels);
        }
    }
    let (links_cut, roots) = context.pool.install(|| {
        let cut = links.par_iter().filter(|l| forest.root(l.left) != forest.root(l.right)).count() as u64;
        let mut roots: Vec<u32> = components.members.par_iter().map(|&m| forest.root(m)).collect();
        roots.par_sort_unstable();
        (cut, roots)
    });
    counts.links_cut = links_cut;
    for run in roots.chunk_by(|a, b| a == b).filter(|run| run.len() > 1) {
        counts.entities += 1;
        counts.largest = counts.largest.max(run.len() as u64);
    }
    counts.largest = counts.largest.max(u64::from(!store.is_empty()));
    context.progress.add(u64::from(store.len()));
    Ok((forest, counts))
}

/// The components of two and more records with their links.
struct Components {
    _held: crate::runtime::Reservation,
    /// Records by component, ascending.
    members: Vec<u32>,
    /// Numbers of links by component, ascending.
    links: Vec<u32>,
    /// Start of each component in both, and the end of the last.
    starts: Vec<(u32, u32)>,
}

impl Components {
    fn new(forest: &Forest, links: &[Link], context: &Context) -> Result<Self> {
        let held = context.memory.reserve("components", links.len() as u64 * 24)?;
        context.cancel.check()?;
        let by_root: Vec<(u32, u32)> = context.pool.install(|| {
            let numbered = links.par_iter().enumerate();
            let mut by_root: Vec<(u32, u32)> =
                numbered.map(|(i, l)| (forest.root(l.left), i as u32)).collect();
            by_root.par_sort_unstable();
            by_root
        });
        let mut all = Self {
            _held: held,
            members: Vec::new(),
            links: Vec::with_capacity(links.len()),
            starts: vec![(0, 0)],
        };
        let mut seen = Vec::new();
        for run in by_root.chunk_by(|a, b| a.0 == b.0) {
            seen.clear();
            seen.extend(run.iter().flat_map(|&(_, i)| [links[i as usize].left, links[i as usize].right]));
            seen.sort_unstable();
            seen.dedup();
            all.members.extend_from_slice(&seen);
            all.links.extend(run.iter().map(|&(_, i)| i));
            all.starts.push((all.members.len() as u32, all.links.len() as u32));
        }
        Ok(all)
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    fn get(&self, at: usize) -> (&[u32], &[u32]) {
        let (from, to) = (self.starts[at], self.starts[at + 1]);
        (&self.members[from.0 as usize..to.0 as usize], &self.links[from.1 as usize..to.1 as usize])
    }
}
