//! Links into entities: components first, then each component is cut where it holds several people.
//!
//! ```text
//! links ─► union–find ─► the component of each linked record
//!   └─► those of large components, scattered ─┐
//! records ─► scattered by component ───────────┴─► a component with its records ─► entities
//! ```
//!
//! Memory: 4 bytes per record for the forest and a bit for who is linked. Components are looked at in
//! passes over ranges of their hashes; a pass holds a packed record and 16 bytes per linked record, 32 per
//! link of a component of more than 400 records, and 12 per square of a component's size while it is
//! settled. Links of smaller components are weighed again, which costs a tenth of carrying them.

pub mod agglomerate;
pub mod component;
pub mod conflict;
pub mod forest;
mod judge;
pub mod vehicles;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use component::{Component, Kruskal, Record, Tie, Weighed};
pub use conflict::Conflicts;
pub use forest::Forest;
use judge::{Judge, Outcome};

use crate::error::Result;
use crate::external::scatter::{Partition, Place, Scatter, in_pass, passes};
use crate::kernel::bits::Bits;
use crate::kernel::hash::mix;
use crate::runtime::Context;
use crate::runtime::frames::{FrameReader, FrameWriter};
use crate::store::copies::Copies;
use crate::store::{Slot, Store};

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

/// Links that can be looked through any number of times, always in the same order.
pub trait Links: Sync {
    /// Hands all links to `take`, some at a time.
    ///
    /// # Errors
    /// What `take` says, and what reading them may.
    fn each(&self, take: &mut dyn FnMut(&[Link]) -> Result<()>) -> Result<()>;

    /// A number that they are not more than.
    fn most(&self) -> u64;
}

impl Links for [Link] {
    fn each(&self, take: &mut dyn FnMut(&[Link]) -> Result<()>) -> Result<()> {
        take(self)
    }

    fn most(&self) -> u64 {
        self.len() as u64
    }
}

/// What clustering did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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

impl ClusterCounts {
    fn add(&mut self, more: Self) {
        self.components += more.components;
        self.cut += more.cut;
        self.contradictions += more.contradictions;
        self.entities += more.entities;
        self.largest = self.largest.max(more.largest);
    }
}

/// Records grouped into entities.
#[derive(Debug)]
pub struct Clusters {
    /// Which records are of one entity.
    pub forest: Forest,
    /// What clustering did.
    pub counts: ClusterCounts,
    /// The links that hold the entities together, counted by the bits of their weights: of each entity
    /// the strongest that span it, and of those on one issued number the weakest alone.
    pub spanning: BTreeMap<u32, u64>,
    /// Plates that look alike and are of one entity.
    pub alike: Vec<(u64, u64)>,
}

impl Clusters {
    /// Writes the clusters.
    ///
    /// # Errors
    /// As [`FrameWriter::frame`].
    pub fn save(&self, writer: &mut FrameWriter) -> Result<()> {
        let spanning: Vec<[u64; 2]> = self.spanning.iter().map(|(&w, &n)| [u64::from(w), n]).collect();
        writer.json(&self.counts)?;
        writer.array(&spanning)?;
        writer.array_of(self.alike.iter().map(|&(a, b)| [a, b]))?;
        self.forest.save(writer)
    }

    /// Reads the clusters of `records` records that were written.
    ///
    /// # Errors
    /// As [`FrameReader::frame`] and [`Forest::new`].
    pub fn load(reader: &mut FrameReader, records: u32, context: &Context) -> Result<Self> {
        let counts = reader.json()?;
        let spanning = reader.array::<[u64; 2]>()?.into_iter().map(|[w, n]| (w as u32, n)).collect();
        let alike = reader.array::<[u64; 2]>()?.into_iter().map(|[a, b]| (a, b)).collect();
        Ok(Self { forest: Forest::load(reader, records, context)?, counts, spanning, alike })
    }
}

/// What an entity is made by.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The weight from which a pair is a link.
    pub threshold: f64,
    /// The weight of a pair of which nothing is known.
    pub prior: f64,
    /// Records above which an entity is implausible.
    pub most_records: u32,
}

/// Groups records into entities.
///
/// `weigh` gives the match weight of any two records, linked or not, of which it gets the lower first;
/// it and `conflicts` look at the bits of `mask` alone.
///
/// # Errors
/// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit) or
/// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
pub fn cluster<S: Send>(
    store: &Store,
    links: &(impl Links + ?Sized),
    conflicts: &Conflicts<'_>,
    limits: Limits,
    (scratch, weigh): (impl Fn() -> S + Sync, impl Fn(&mut S, Record<'_>, Record<'_>) -> Weighed + Sync),
    mask: &[u64],
    context: &Context,
) -> Result<Clusters> {
    context.progress.begin("cluster", "records", Some(u64::from(store.len())));
    let (all, plates) = (f64::from(store.len()), vehicles::slots(store));
    let issued = Issued::new(store, mask);
    let vehicles = all * plates.len() as f64 * vehicles::PLATE;
    let whole = |linked: f64, passes: f64| {
        links.most() as f64 * JOIN + all * LOOK * passes + linked * SETTLE + vehicles
    };
    // Who is linked is known once all links are joined.
    context.progress.expect(whole(all, 1.0));
    let mut forest = Forest::new(store.len(), context)?;
    let _bits = context.memory.reserve("linked records", Bits::bytes(store.len()))?;
    let linked = Bits::new(store.len());
    links.each(&mut |links| {
        context.cancel.check()?;
        context.pool.install(|| {
            links.par_iter().for_each(|l| {
                forest.join(l.left, l.right);
                linked.insert(l.left);
                linked.insert(l.right);
            });
        });
        context.progress.worked(links.len() as f64 * JOIN);
        Ok(())
    })?;
    forest.flatten(context)?;
    let copies = Copies::new(store, [mask]);
    let judge = Judge {
        conflicts,
        copies: &copies,
        threshold: limits.threshold as f32,
        prior: limits.prior as f32,
        most: limits.most_records.max(1),
    };
    let mut clusters =
        Clusters { forest, counts: ClusterCounts::default(), spanning: BTreeMap::new(), alike: Vec::new() };
    clusters.counts.largest = u64::from(!store.is_empty());
    let records = linked.count();
    let large = large_components(&clusters.forest, &linked, &judge, context)?;
    let passes = passes(records * (store.layout.words as u64 + 2) * 8, context);
    context.progress.expect(whole(records as f64, passes as f64));
    let mut relabel: Vec<(u32, u32)> = Vec::new();
    let mut held_over = context.memory.reserve("components that were cut", 0)?;
    for pass in 0..passes {
        let held = Held::scatter(store, links, (&clusters.forest, &linked, &large), (pass, passes), context)?;
        let expected = u64::from(store.len()) / passes;
        let each = records as f64 * SETTLE / passes as f64 / held.partitions.len().max(1) as f64;
        let found: Vec<Found> = context.pool.install(|| {
            held.partitions
                .into_par_iter()
                .zip(held.links)
                .map_init(&scratch, |scratch, (records, links)| {
                    context.cancel.check()?;
                    let mut found = Found::default();
                    for_each_component(&records, &links, |component| {
                        let outcome = judge.settle(&component, scratch, &weigh);
                        found.take(&component, outcome, &plates, &issued);
                        context.cancel.check()
                    })?;
                    context.progress.worked(each);
                    Ok(found)
                })
                .collect::<Result<_>>()
        })?;
        for found in found {
            clusters.counts.add(found.counts);
            found.spanning.into_iter().for_each(|(w, n)| *clusters.spanning.entry(w).or_default() += n);
            clusters.alike.extend(found.alike);
            relabel.extend(found.relabel);
            held_over.grow_to((relabel.len() * 8 + clusters.alike.len() * 16) as u64)?;
        }
        context.progress.add(expected);
    }
    clusters.forest.relabel(&relabel);
    if !relabel.is_empty() {
        let forest = &clusters.forest;
        let mut cut = 0;
        links.each(&mut |links| {
            context.cancel.check()?;
            let apart = |link: &&Link| forest.root(link.left) != forest.root(link.right);
            cut += context.pool.install(|| links.par_iter().filter(apart).count()) as u64;
            Ok(())
        })?;
        clusters.counts.links_cut = cut;
    }
    clusters.alike.sort_unstable();
    clusters.alike.dedup();
    context.progress.add(u64::from(store.len()) - u64::from(store.len()) / passes * passes);
    Ok(clusters)
}

/// Nanoseconds on two processors that a link takes to be joined; only how these stand to each other shows.
const JOIN: f64 = 65.0;

/// A record looked at for its component, and carried where it is linked.
const LOOK: f64 = 40.0;

/// A linked record settled with its component.
const SETTLE: f64 = 310.0;

/// The roots of the components that are settled along their links.
fn large_components(
    forest: &Forest,
    linked: &Bits,
    judge: &Judge<'_>,
    context: &Context,
) -> Result<FxHashSet<u32>> {
    let _held = context.memory.reserve("sizes of components", u64::from(forest.len()) * 4)?;
    let sizes: Vec<AtomicU32> = (0..forest.len()).map(|_| AtomicU32::new(0)).collect();
    context.pool.install(|| {
        (0..forest.len()).into_par_iter().filter(|&record| linked.contains(record)).for_each(|record| {
            sizes[forest.root(record) as usize].fetch_add(1, Ordering::Relaxed);
        });
    });
    let large = |(root, size): (u32, AtomicU32)| judge.is_large(size.into_inner() as usize).then_some(root);
    Ok((0..).zip(sizes).filter_map(large).collect())
}

/// The linked records of a pass and the links of its large components, by the hash of their component.
struct Held {
    partitions: Vec<Partition>,
    links: Vec<Partition>,
    _reserved: [crate::runtime::Reservation; 2],
}

impl Held {
    fn scatter(
        store: &Store,
        links: &(impl Links + ?Sized),
        (forest, linked, large): (&Forest, &Bits, &FxHashSet<u32>),
        pass: (u64, u64),
        context: &Context,
    ) -> Result<Self> {
        let width = store.layout.words;
        let expected = linked.count() / pass.1;
        let records = Scatter::new("records of components", width + 2, expected, context)?;
        store.scan(
            context,
            || (),
            |(), first, words| {
                context.progress.worked((words.len() / width) as f64 * LOOK);
                let mut rows = records.writer();
                for (words, record) in words.chunks_exact(width).zip(first..) {
                    if linked.contains(record) {
                        let key = mix(u64::from(forest.root(record)));
                        if in_pass(key, pass) {
                            rows.push(key, u64::from(record), words)?;
                        }
                    }
                }
                Ok(())
            },
        )?;
        let scattered = Scatter::beside("links of components", &records, 4, context)?;
        let wanted = |links: &[Link]| {
            context.pool.install(|| {
                links.par_chunks(1 << 13).try_for_each(|links| {
                    context.cancel.check()?;
                    let mut rows = scattered.writer();
                    for link in links {
                        let root = forest.root(link.left);
                        let key = mix(u64::from(root));
                        if large.contains(&root) && in_pass(key, pass) {
                            let rest = [u64::from(link.right), u64::from(link.weight.to_bits())];
                            rows.push(key, u64::from(link.left), &rest)?;
                        }
                    }
                    Ok(())
                })
            })
        };
        if !large.is_empty() {
            links.each(&mut |links| wanted(links))?;
        }
        let (partitions, records) = records.finish();
        let (links, scattered) = scattered.finish();
        Ok(Self { partitions, links, _reserved: [records, scattered] })
    }
}

/// Shows every component of a partition to `show`.
fn for_each_component(
    records: &Partition,
    links: &Partition,
    mut show: impl FnMut(Component<'_>) -> Result<()>,
) -> Result<()> {
    let (records_by, links_by) = (records.order(), links.order());
    let mut links_left = links_by.as_slice();
    let (mut members, mut words, mut ties) = (Vec::new(), Vec::new(), Vec::new());
    for run in records_by.chunk_by(|a, b| a.key == b.key) {
        members.clear();
        words.clear();
        ties.clear();
        for &place in run {
            members.push(place.number);
            records.push_words(place, &mut words);
        }
        let own = links_left.partition_point(|link| link.key <= run[0].key);
        let place = |record: u32| members.binary_search(&record).map_or(0, |at| at as u32);
        ties.extend(links_left[..own].iter().map(|&link: &Place| {
            let rest = links.words(link);
            let (left, right) = (place(link.number), place(rest[0] as u32));
            Tie { left, right, weight: f32::from_bits(rest[1] as u32) }
        }));
        // Links of one left record come in no order.
        ties.sort_unstable_by_key(|tie| (tie.left, tie.right));
        links_left = &links_left[own..];
        show(Component { members: &members, words: &words, links: &ties })?;
    }
    Ok(())
}

/// An issued number: which attribute it is of, and its value at rest.
type Number = (usize, u64);

/// Where issued numbers rest.
///
/// A number is of two people for all the records that show it or for none, so the links that rest on it are
/// wrong together. Each by itself they were said to make 15,062 false merges in a million records of a border
/// system, and once per number 4,340, where 31 people were merged.
struct Issued(Vec<Slot>);

impl Issued {
    /// The issued numbers of a store that have bits in `mask`.
    fn new(store: &Store, mask: &[u64]) -> Self {
        let issued = store.layout.attributes.iter().filter(|a| a.kind.is_issued()).map(|a| a.slot);
        Self(issued.filter(|slot| slot.get(mask) != 0).collect())
    }

    /// The first number that two records share.
    fn shared(&self, left: &[u64], right: &[u64]) -> Option<Number> {
        self.0
            .iter()
            .map(|slot| slot.get(left))
            .enumerate()
            .find(|&(at, value)| value != 0 && value == self.0[at].get(right))
    }
}

/// What the components of a partition came to.
#[derive(Default)]
struct Found {
    counts: ClusterCounts,
    spanning: FxHashMap<u32, u64>,
    alike: Vec<(u64, u64)>,
    /// Records of components that were cut, and the first record of the entity of each.
    relabel: Vec<(u32, u32)>,
    /// Kept between components for the room alone.
    kruskal: Kruskal,
    held: Vec<u64>,
    by_number: Vec<(u32, Number, f32)>,
}

impl Found {
    fn take(&mut self, component: &Component<'_>, outcome: Outcome, plates: &[Slot], issued: &Issued) {
        let members = component.members;
        self.counts.components += 1;
        self.counts.contradictions += u64::from(outcome.contradiction);
        let Outcome { labels, mut ties, .. } = outcome;
        let Self { spanning, kruskal, by_number, .. } = self;
        let mut count = |weight: f32| *spanning.entry(weight.to_bits()).or_default() += 1;
        by_number.clear();
        kruskal.spanning(&mut ties, members.len(), labels.as_deref(), |tie| {
            match issued.shared(component.words(tie.left), component.words(tie.right)) {
                Some(number) => {
                    let entity = labels.as_ref().map_or(0, |labels| labels[tie.left as usize]);
                    by_number.push((entity, number, tie.weight));
                }
                None => count(tie.weight),
            }
        });
        by_number.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
        for of_one in by_number.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            count(of_one[0].2);
        }
        let Some(labels) = labels else {
            let records = (0..members.len() as u32).map(|place| component.words(place));
            return self.entity(members.len(), records, plates);
        };
        self.counts.cut += 1;
        let first = labels.iter().map(|&label| members[label as usize]);
        self.relabel.extend(members.iter().copied().zip(first));
        let mut by_label: Vec<(u32, u32)> = labels.into_iter().zip(0..).collect();
        by_label.sort_unstable();
        for entity in by_label.chunk_by(|a, b| a.0 == b.0) {
            self.entity(entity.len(), entity.iter().map(|&(_, place)| component.words(place)), plates);
        }
    }

    fn entity<'a>(&mut self, size: usize, records: impl Iterator<Item = &'a [u64]>, plates: &[Slot]) {
        self.counts.entities += u64::from(size > 1);
        self.counts.largest = self.counts.largest.max(size as u64);
        vehicles::alike(plates, records, &mut self.held, &mut self.alike);
    }
}
