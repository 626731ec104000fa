//! Plates into vehicles.
//!
//! A vehicle is a plate. Two plates that a camera may take for each other are one vehicle only if
//! records of one person hold both: on a busy road every plate has look-alikes.

use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::Forest;
use crate::error::{Error, ErrorKind, Result};
use crate::external::scatter::{Partition, Scatter, in_pass, passes};
use crate::kernel::hash::mix;
use crate::kernel::ocr::plate_distance;
use crate::kind::Kind;
use crate::runtime::frames::{FrameReader, FrameWriter};
use crate::runtime::{Context, Reservation};
use crate::store::{Slot, Store};

/// OCR distance up to which two plates of one person are one vehicle: two symbols of one confusion
/// class, the most that vendors advise to tolerate.
const LOOK_ALIKE: f32 = 0.5;

/// Nanoseconds on two processors that a plate takes to be told from others, in the sense of the stage's other
/// work.
pub const PLATE: f64 = 62.0;

/// Where plates rest.
pub fn slots(store: &Store) -> Vec<Slot> {
    store.layout.attributes.iter().filter(|a| a.kind == Kind::Plate).map(|a| a.slot).collect()
}

/// Adds the plates of `records`, which are of one person, that look alike; `held` is kept for the room alone.
pub fn alike<'a>(
    slots: &[Slot],
    records: impl Iterator<Item = &'a [u64]>,
    held: &mut Vec<u64>,
    found: &mut Vec<(u64, u64)>,
) {
    held.clear();
    for words in records {
        held.extend(slots.iter().map(|slot| slot.get(words)).filter(|&plate| plate != 0));
    }
    held.sort_unstable();
    held.dedup();
    for (i, &a) in held.iter().enumerate() {
        let others = held[i + 1..].iter().filter(|&&b| plate_distance(a, b) <= LOOK_ALIKE);
        found.extend(others.map(|&b| (a, b)));
    }
}

/// The vehicles of a run.
#[derive(Debug)]
pub struct Vehicles {
    forest: Forest,
    /// Number of the plate at each place plus one, zero for none; the places of a record, one per attribute,
    /// stand together.
    plates: Vec<u32>,
    /// Attributes that are plates.
    attributes: usize,
    _held: Reservation,
}

impl Vehicles {
    /// Finds the vehicles among the records; the plates of `alike` are of one person each and look alike.
    ///
    /// Memory: 4 bytes per record and plate attribute, 4 per plate, 24 per pair that looks alike; plates are told
    /// apart in passes of 16 bytes per record.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`], or [`ErrorKind::Data`] past 4.29 billion records times plate attributes.
    pub fn find(store: &Store, alike: &[(u64, u64)], context: &Context) -> Result<Self> {
        let slots = slots(store);
        let places = u64::from(store.len()) * slots.len() as u64;
        if places >= u64::from(u32::MAX) {
            return Err(Error::new(
                ErrorKind::Data,
                "a run holds at most 4.29 billion plates, one per record and plate attribute",
            )
            .hint("split the sources into several runs"));
        }
        let mut held = context.memory.reserve("plates", places * 4)?;
        // The first place at which the plate is shown, plus one.
        let firsts: Vec<AtomicU32> = (0..places).map(|_| AtomicU32::new(0)).collect();
        let mut alone = Vec::new();
        if slots.len() > 1 {
            // A record that nothing is linked with may show two plates by itself.
            let found = store.scan(context, Default::default, |(held, found), _, words| {
                for record in words.chunks_exact(store.layout.words) {
                    self::alike(&slots, std::iter::once(record), held, found);
                }
                Ok(())
            })?;
            alone.extend(found.into_iter().flat_map(|(_, found): (Vec<u64>, Vec<(u64, u64)>)| found));
        }
        let alike = || alike.iter().chain(&alone).copied();
        let _ends = context.memory.reserve("plates that look alike", alike().count() as u64 * End::BYTES)?;
        let mut ends: Vec<End> =
            alike().flat_map(|(a, b)| [a, b].map(|plate| End::new(mix(plate)))).collect();
        ends.sort_unstable_by_key(|end| end.key());
        ends.dedup_by_key(|end| end.key());
        let end = |key: u64| ends.binary_search_by_key(&key, End::key).ok().map(|at| &ends[at]);
        let passes = passes(places * 16, context);
        for pass in 0..passes {
            let (partitions, _rows) = shown(store, &slots, (pass, passes), context)?;
            let each = places as f64 * PLATE / 2.0 / passes as f64 / partitions.len().max(1) as f64;
            context.pool.install(|| {
                partitions.into_par_iter().try_for_each_init(FxHashMap::default, |first_of, partition| {
                    context.cancel.check()?;
                    mark_firsts(&partition, first_of, &firsts);
                    context.progress.worked(each);
                    for (key, &first) in first_of.iter().filter(|_| !ends.is_empty()) {
                        if let Some(end) = end(*key) {
                            end.first.store(first, Ordering::Relaxed);
                        }
                    }
                    Ok(())
                })
            })?;
        }
        let mut plates: Vec<u32> = firsts.into_iter().map(AtomicU32::into_inner).collect();
        let known = number(&mut plates);
        held.grow_to(places * 4 + u64::from(known) * 4)?;
        let forest = Forest::new(known, context)?;
        let place = |plate: u64| end(mix(plate)).map(|end| end.first.load(Ordering::Relaxed) as usize);
        for (a, b) in alike() {
            if let (Some(a), Some(b)) = (place(a), place(b)) {
                forest.join(plates[a] - 1, plates[b] - 1);
            }
        }
        Ok(Self { forest, plates, attributes: slots.len(), _held: held })
    }

    /// Writes the vehicles.
    ///
    /// # Errors
    /// As [`FrameWriter::frame`].
    pub fn save(&self, writer: &mut FrameWriter) -> Result<()> {
        writer.json(&(self.attributes, self.forest.len()))?;
        writer.array(&self.plates)?;
        self.forest.save(writer)
    }

    /// Reads the vehicles of `records` records that were written.
    ///
    /// # Errors
    /// As [`FrameReader::frame`] and [`Vehicles::find`].
    pub fn load(reader: &mut FrameReader, records: u32, context: &Context) -> Result<Self> {
        let (attributes, known): (usize, u32) = reader.json()?;
        let places = u64::from(records) * attributes as u64;
        let held = context.memory.reserve("plates", places * 4 + u64::from(known) * 4)?;
        let plates: Vec<u32> = reader.array()?;
        if plates.len() as u64 != places || plates.iter().any(|&number| number > known) {
            return Err(reader.wrong());
        }
        Ok(Self { forest: Forest::load(reader, known, context)?, plates, attributes, _held: held })
    }

    /// The vehicles of `record`, by number, each once.
    pub fn of(&self, record: u32) -> impl Iterator<Item = u32> + '_ {
        let numbers = &self.plates[record as usize * self.attributes..][..self.attributes];
        let vehicle = |&number: &u32| (number != 0).then(|| self.forest.root(number - 1));
        let first = move |at: usize, found: u32| numbers[..at].iter().all(|n| vehicle(n) != Some(found));
        (0..numbers.len()).filter_map(move |at| vehicle(&numbers[at]).filter(|&found| first(at, found)))
    }

    /// How many vehicles there are.
    pub fn count(&self) -> u64 {
        (0..self.forest.len()).filter(|&at| self.forest.root(at) == at).count() as u64
    }

    /// Number above every vehicle's number.
    pub fn bound(&self) -> u32 {
        self.forest.len()
    }
}

/// One of two plates that look alike: in a sorted list, for a table would take twice the room.
///
/// Two halves of its key, so that it takes 12 bytes.
struct End {
    key: [u32; 2],
    /// The first place at which it is shown.
    first: AtomicU32,
}

impl End {
    /// Bytes of the ends of a pair.
    const BYTES: u64 = 2 * size_of::<Self>() as u64;

    fn new(key: u64) -> Self {
        Self { key: [(key >> 32) as u32, key as u32], first: AtomicU32::new(0) }
    }

    fn key(&self) -> u64 {
        u64::from(self.key[0]) << 32 | u64::from(self.key[1])
    }
}

/// The plates of a pass, mixed, with the places at which they are shown.
fn shown(
    store: &Store,
    slots: &[Slot],
    pass: (u64, u64),
    context: &Context,
) -> Result<(Vec<Partition>, Reservation)> {
    let expected = u64::from(store.len()) * slots.len() as u64 / pass.1;
    let scatter = Scatter::new("plates by hash", 2, expected, context)?;
    store.scan(
        context,
        || (),
        |(), first, words| {
            let looked = words.len() / store.layout.words * slots.len();
            context.progress.worked(looked as f64 * PLATE / 2.0 / pass.1 as f64);
            let mut rows = scatter.writer();
            for (words, record) in words.chunks_exact(store.layout.words).zip(u64::from(first)..) {
                for (slot, place) in slots.iter().zip(record * slots.len() as u64..) {
                    let key = mix(slot.get(words));
                    if slot.get(words) != 0 && in_pass(key, pass) {
                        rows.push(key, place, &[])?;
                    }
                }
            }
            Ok(())
        },
    )?;
    Ok(scatter.finish())
}

/// Notes the first place of every plate of `partition` in `first_of`, and at each of its places, plus one, in
/// `firsts`.
///
/// Rows are taken as they came, so that places nearly ascend: in the order of the plates each would be a cache
/// miss of its own.
fn mark_firsts(partition: &Partition, first_of: &mut FxHashMap<u64, u32>, firsts: &[AtomicU32]) {
    first_of.clear();
    for (key, place) in partition.rows() {
        first_of.entry(key).and_modify(|first| *first = place.min(*first)).or_insert(place);
    }
    for (key, place) in partition.rows() {
        if let Some(first) = first_of.get(&key) {
            firsts[place as usize].store(first + 1, Ordering::Relaxed);
        }
    }
}

/// Turns the first place of each plate, plus one, into its number, in the order in which records show them
/// first, so that neither passes nor partitions show; returns how many plates there are.
fn number(plates: &mut [u32]) -> u32 {
    let mut known = 0;
    for at in 0..plates.len() {
        match plates[at] as usize {
            0 => {}
            first if first == at + 1 => {
                known += 1;
                plates[at] = known;
            }
            first => plates[at] = plates[first - 1],
        }
    }
    known
}
