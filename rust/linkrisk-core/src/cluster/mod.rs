//! Links into entities: components first, then each component is cut where it holds several people.
//!
//! Memory: 4 bytes per record for the forest, 4 per linked record and 4 per square of a component's
//! size for the component at hand.

pub mod agglomerate;
pub mod conflict;
pub mod forest;
pub mod vehicles;

use rayon::prelude::*;
use serde::Serialize;

pub use conflict::Conflicts;
pub use forest::Forest;

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

/// Components of more records than this are first cut at their weakest links until none is larger:
/// weighing all pairs of 400 records takes 80,000 comparisons, of 10,000 fifty million.
const LARGEST_COMPONENT: usize = 400;

/// A weight beyond which more evidence of or against a match is no more convincing, in bits. An
/// average must not be decided by one pair that agrees, or disagrees, on everything.
const CAP: f32 = 12.0;

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
    let judge = Judge {
        conflicts,
        threshold: threshold as f32,
        largest: LARGEST_COMPONENT.min(most_records.max(2) as usize),
    };
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

struct Outcome {
    /// The first record of each member's entity, where the component was cut.
    labels: Option<Vec<u32>>,
    contradiction: bool,
}

struct Judge<'a> {
    conflicts: &'a Conflicts<'a>,
    threshold: f32,
    largest: usize,
}

impl Judge<'_> {
    fn settle<S>(
        &self,
        (members, link_numbers): (&[u32], &[u32]),
        links: &[Link],
        scratch: &mut S,
        weigh: &impl Fn(&mut S, u32, u32) -> f32,
    ) -> Outcome {
        if members.len() <= self.largest {
            let known = link_numbers.iter().map(|&i| &links[i as usize]);
            return self.part(members, known, scratch, weigh);
        }
        let mut labels = members.to_vec();
        let mut contradiction = false;
        for (piece, known) in self.pieces(members, link_numbers, links) {
            let records: Vec<u32> = piece.iter().map(|&at| members[at]).collect();
            let outcome = self.part(&records, known.into_iter(), scratch, weigh);
            contradiction |= outcome.contradiction;
            for (i, &at) in piece.iter().enumerate() {
                labels[at] = outcome.labels.as_ref().map_or(records[0], |labels| labels[i]);
            }
        }
        Outcome { labels: Some(labels), contradiction }
    }

    /// Cuts a component that is too large: the strongest links are followed first, and one that
    /// would make a piece too large is not. Each piece comes with the links inside it.
    fn pieces<'l>(
        &self,
        members: &[u32],
        link_numbers: &[u32],
        links: &'l [Link],
    ) -> Vec<(Vec<usize>, Vec<&'l Link>)> {
        let place = |record: u32| members.binary_search(&record).unwrap_or_default();
        let mut order: Vec<&'l Link> = link_numbers.iter().map(|&i| &links[i as usize]).collect();
        order.sort_by(|a, b| b.weight.total_cmp(&a.weight).then((a.left, a.right).cmp(&(b.left, b.right))));
        let mut pieces: Vec<Vec<usize>> = (0..members.len()).map(|at| vec![at]).collect();
        let mut home: Vec<usize> = (0..members.len()).collect();
        for link in &order {
            let (a, b) = (home[place(link.left)], home[place(link.right)]);
            if a != b && pieces[a].len() + pieces[b].len() <= self.largest {
                let (keep, gone) = if pieces[a].len() >= pieces[b].len() { (a, b) } else { (b, a) };
                let moved = std::mem::take(&mut pieces[gone]);
                moved.iter().for_each(|&at| home[at] = keep);
                pieces[keep].extend(moved);
            }
        }
        let mut inside: Vec<Vec<&Link>> = vec![Vec::new(); members.len()];
        for link in order {
            let at = home[place(link.left)];
            if at == home[place(link.right)] {
                inside[at].push(link);
            }
        }
        pieces.iter_mut().for_each(|piece| piece.sort_unstable());
        pieces.into_iter().zip(inside).filter(|(piece, _)| !piece.is_empty()).collect()
    }

    fn part<'l, S>(
        &self,
        members: &[u32],
        known: impl Iterator<Item = &'l Link>,
        scratch: &mut S,
        weigh: &impl Fn(&mut S, u32, u32) -> f32,
    ) -> Outcome {
        let n = members.len();
        let mut weights = vec![f32::NAN; n * n];
        for link in known {
            if let (Ok(i), Ok(j)) = (members.binary_search(&link.left), members.binary_search(&link.right)) {
                weights[i * n + j] = link.weight;
            }
        }
        let (mut all_linked, mut contradiction) = (true, false);
        for i in 0..n {
            for j in i + 1..n {
                let weight = if self.conflicts.contradict(members[i], members[j]) {
                    contradiction = true;
                    agglomerate::CONTRADICTION
                } else if weights[i * n + j].is_nan() {
                    weigh(scratch, members[i], members[j]).clamp(-CAP, CAP)
                } else {
                    weights[i * n + j].clamp(-CAP, CAP)
                };
                all_linked &= weight >= self.threshold.min(CAP);
                weights[i * n + j] = weight;
                weights[j * n + i] = weight;
            }
        }
        if all_linked {
            return Outcome { labels: None, contradiction };
        }
        let labels = agglomerate::agglomerate(n, &mut weights, self.threshold.min(CAP) * AVERAGE);
        let whole = labels.iter().all(|&l| l == 0);
        let labels = (!whole).then(|| labels.into_iter().map(|l| members[l]).collect());
        Outcome { labels, contradiction }
    }
}

/// Of the threshold, what the average weight between two clusters must reach: pairs that were not
/// candidates for want of shared keys are often pairs with gaps, which say little either way.
const AVERAGE: f32 = 0.0;
