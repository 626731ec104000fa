//! Plates into vehicles.
//!
//! A vehicle is a plate. Two plates that a camera may take for each other are one vehicle only if
//! records of one person hold both: on a busy road every plate has look-alikes.

use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;

use super::Forest;
use crate::error::Result;
use crate::external::scatter::{Partition, Place, Scatter, in_pass, passes};
use crate::kernel::hash::mix;
use crate::kernel::ocr::plate_distance;
use crate::kind::Kind;
use crate::runtime::frames::{FrameReader, FrameWriter};
use crate::runtime::{Context, Reservation};
use crate::store::{Slot, Store};

/// OCR distance up to which two plates of one person are one vehicle: two symbols of one confusion
/// class, the most that vendors advise to tolerate.
const LOOK_ALIKE: f32 = 0.5;

fn slots(store: &Store) -> Vec<Slot> {
    store.layout.attributes.iter().filter(|a| a.kind == Kind::Plate).map(|a| a.slot).collect()
}

/// Adds the plates of `records`, which are of one person, that look alike.
pub fn alike<'a>(store: &Store, records: impl Iterator<Item = &'a [u64]>, found: &mut Vec<(u64, u64)>) {
    let plates = store.layout.attributes.iter().filter(|a| a.kind == Kind::Plate).map(|a| a.slot);
    let mut held: Vec<u64> = records
        .flat_map(|words| plates.clone().map(|slot| slot.get(words)))
        .filter(|&plate| plate != 0)
        .collect();
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
    /// Number of each record's plate plus one, zero for none, per attribute.
    plates: Vec<Vec<u32>>,
    _held: Reservation,
}

impl Vehicles {
    /// Finds the vehicles among the records; the plates of `alike` are of one person each and look alike.
    ///
    /// Memory: 4 bytes per record and plate attribute, 8 per plate; plates are told apart in passes of
    /// 16 bytes per record.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit).
    pub fn find(store: &Store, alike: &[(u64, u64)], context: &Context) -> Result<Self> {
        let slots = slots(store);
        let records = u64::from(store.len());
        let mut held = context.memory.reserve("plates", records * 4 * slots.len() as u64)?;
        let plates: Vec<Vec<AtomicU32>> =
            slots.iter().map(|_| (0..store.len()).map(|_| AtomicU32::new(0)).collect()).collect();
        let mut alike = alike.to_vec();
        if slots.len() > 1 {
            // A record that nothing is linked with may show two plates by itself.
            let found = store.scan(context, Vec::new, |found, _, words| {
                for record in words.chunks_exact(store.layout.words) {
                    self::alike(store, std::iter::once(record), found);
                }
                Ok(())
            })?;
            alike.extend(found.into_iter().flatten());
        }
        // The pairs, and twice their ends.
        let _alike = context.memory.reserve("plates that look alike", alike.len() as u64 * 48)?;
        let mut ends: Vec<(u64, u32)> = alike.iter().flat_map(|&(a, b)| [(mix(a), 0), (mix(b), 0)]).collect();
        ends.sort_unstable();
        ends.dedup();
        // Rows of 24 bytes, and 16 to order them.
        let passes = passes(records * 40 * slots.len() as u64, context);
        let mut known = 0;
        for pass in 0..passes {
            let scatter = Scatter::new("plates by hash", 3, records / passes, context)?;
            store.scan(
                context,
                || (),
                |(), first, words| {
                    let mut rows = scatter.writer();
                    for (words, record) in words.chunks_exact(store.layout.words).zip(first..) {
                        for (slot, attribute) in slots.iter().zip(0..) {
                            let key = mix(slot.get(words));
                            if slot.get(words) != 0 && in_pass(key, (pass, passes)) {
                                rows.push(key, u64::from(record), &[attribute])?;
                            }
                        }
                    }
                    Ok(())
                },
            )?;
            let (partitions, rows) = scatter.finish();
            let _order = context.memory.reserve("plates by hash", rows.bytes() * 2 / 3)?;
            let numbered: Vec<(Partition, Vec<Place>, u32)> = context.pool.install(|| {
                partitions.into_par_iter().map(|partition| ordered(partition, context)).collect::<Result<_>>()
            })?;
            let first: Vec<u32> = numbered
                .iter()
                .map(|&(_, _, plates)| {
                    let first = known + 1;
                    known += plates;
                    first
                })
                .collect();
            let number = |(partition, order, _): &(Partition, Vec<Place>, u32), first: u32| {
                let mut found = Vec::new();
                for (run, number) in order.chunk_by(|a, b| a.key == b.key).zip(first..) {
                    for &place in run {
                        let attribute = partition.words(place)[0] as usize;
                        plates[attribute][place.number as usize].store(number, Ordering::Relaxed);
                    }
                    if let Ok(at) = ends.binary_search_by_key(&run[0].key, |&(hash, _)| hash) {
                        found.push((at, number));
                    }
                }
                found
            };
            let found: Vec<Vec<(usize, u32)>> = context.pool.install(|| {
                numbered.par_iter().zip(first).map(|(partition, first)| number(partition, first)).collect()
            });
            found.into_iter().flatten().for_each(|(at, number)| ends[at].1 = number);
        }
        held.grow_to(records * 4 * slots.len() as u64 + u64::from(known) * 4)?;
        let mut plates: Vec<Vec<u32>> =
            plates.into_iter().map(|p| p.into_iter().map(AtomicU32::into_inner).collect()).collect();
        canonical(&mut plates, &mut ends, known);
        let forest = Forest::new(known, context)?;
        let place = |plate: u64| ends.binary_search_by_key(&mix(plate), |&(hash, _)| hash);
        for &(a, b) in &alike {
            if let (Ok(a), Ok(b)) = (place(a), place(b)) {
                forest.join(ends[a].1 - 1, ends[b].1 - 1);
            }
        }
        Ok(Self { forest, plates, _held: held })
    }

    /// Writes the vehicles.
    ///
    /// # Errors
    /// As [`FrameWriter::frame`].
    pub fn save(&self, writer: &mut FrameWriter) -> Result<()> {
        writer.json(&(self.plates.len(), self.forest.len()))?;
        self.plates.iter().try_for_each(|numbers| writer.array(numbers))?;
        self.forest.save(writer)
    }

    /// Reads the vehicles of `records` records that were written.
    ///
    /// # Errors
    /// As [`FrameReader::frame`] and [`Vehicles::find`].
    pub fn load(reader: &mut FrameReader, records: u32, context: &Context) -> Result<Self> {
        let (attributes, known): (u64, u32) = reader.json()?;
        let bytes = u64::from(records) * 4 * attributes;
        let held = context.memory.reserve("plates", bytes + u64::from(known) * 4)?;
        let plates: Vec<Vec<u32>> = (0..attributes).map(|_| reader.array()).collect::<Result<_>>()?;
        let sound = |numbers: &Vec<u32>| {
            numbers.len() == records as usize && numbers.iter().all(|&number| number <= known)
        };
        if !plates.iter().all(sound) {
            return Err(reader.wrong());
        }
        Ok(Self { forest: Forest::load(reader, known, context)?, plates, _held: held })
    }

    /// The vehicles of `record`, by number, each once.
    pub fn of(&self, record: u32) -> impl Iterator<Item = u32> + '_ {
        let number = move |attribute: usize| {
            let number = self.plates[attribute][record as usize];
            (number != 0).then(|| self.forest.root(number - 1))
        };
        let first = move |attribute: usize, vehicle: u32| (0..attribute).all(|a| number(a) != Some(vehicle));
        (0..self.plates.len())
            .filter_map(move |attribute| number(attribute).filter(|&vehicle| first(attribute, vehicle)))
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

/// The rows of a partition in order, and how many plates they show.
fn ordered(partition: Partition, context: &Context) -> Result<(Partition, Vec<Place>, u32)> {
    context.cancel.check()?;
    let order = partition.order();
    let plates = order.chunk_by(|a, b| a.key == b.key).count() as u32;
    Ok((partition, order, plates))
}

/// Numbers plates anew in the order in which records show them first, so that neither passes nor
/// partitions show.
fn canonical(plates: &mut [Vec<u32>], ends: &mut [(u64, u32)], known: u32) {
    let mut new = vec![0u32; known as usize + 1];
    let mut next = 0;
    let records = plates.first().map_or(0, Vec::len);
    for record in 0..records {
        for numbers in plates.iter_mut() {
            let number = &mut numbers[record];
            if *number != 0 {
                let new = &mut new[*number as usize];
                if *new == 0 {
                    next += 1;
                    *new = next;
                }
                *number = *new;
            }
        }
    }
    ends.iter_mut().for_each(|(_, number)| *number = new[*number as usize]);
}
