//! Plates into vehicles.
//!
//! A vehicle is a plate. Two plates that a camera may take for each other are one vehicle only if
//! records of one person hold both: on a busy road every plate has look-alikes.

use rayon::prelude::*;

use super::Forest;
use crate::error::Result;
use crate::kernel::ocr::plate_distance;
use crate::kind::Kind;
use crate::runtime::{Context, Reservation};
use crate::store::{Slot, Store};

/// OCR distance up to which two plates of one person are one vehicle: two symbols of one confusion
/// class, the most that vendors advise to tolerate.
const LOOK_ALIKE: f32 = 0.5;

/// The vehicles of a run.
#[derive(Debug)]
pub struct Vehicles {
    forest: Forest,
    /// Number of each record's plate plus one, zero for none, per attribute.
    plates: Vec<Vec<u32>>,
    _held: Reservation,
}

impl Vehicles {
    /// Finds the vehicles among the records, whose persons are `persons`.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit).
    pub fn find(store: &Store, persons: &Forest, context: &Context) -> Result<Self> {
        let slots: Vec<Slot> =
            store.layout.attributes.iter().filter(|a| a.kind == Kind::Plate).map(|a| a.slot).collect();
        let records = u64::from(store.len());
        // Sorting takes 16 bytes per plate; 4 per record and attribute stay.
        let mut reserved = context.memory.reserve("plates", records * 20 * slots.len() as u64)?;
        let mut found: Vec<(u64, u32, u32)> = Vec::new();
        for (attribute, slot) in slots.iter().enumerate() {
            let with = |record: u32| (slot.get(store.record(record)), record, attribute as u32);
            context.pool.install(|| {
                found
                    .par_extend((0..store.len()).into_par_iter().map(with).filter(|&(plate, ..)| plate != 0));
            });
        }
        context.cancel.check()?;
        context.pool.install(|| found.par_sort_unstable());
        let mut plates = vec![vec![0u32; store.len() as usize]; slots.len()];
        let mut known: Vec<u64> = Vec::new();
        for same in found.chunk_by(|a, b| a.0 == b.0) {
            known.push(same[0].0);
            for &(_, record, attribute) in same {
                plates[attribute as usize][record as usize] = known.len() as u32;
            }
        }
        drop(found);
        let forest = Forest::new(known.len() as u32, context)?;
        let mut held: Vec<(u32, u32)> = context.pool.install(|| {
            let all = plates.par_iter().flat_map(|numbers| numbers.par_iter().enumerate());
            let mut held: Vec<(u32, u32)> = all
                .filter(|&(_, &number)| number != 0)
                .map(|(record, &number)| (persons.root(record as u32), number - 1))
                .collect();
            held.par_sort_unstable();
            held
        });
        held.dedup();
        for person in held.chunk_by(|a, b| a.0 == b.0).filter(|run| run.len() > 1) {
            for (i, &(_, a)) in person.iter().enumerate() {
                for &(_, b) in &person[i + 1..] {
                    if plate_distance(known[a as usize], known[b as usize]) <= LOOK_ALIKE {
                        forest.join(a, b);
                    }
                }
            }
        }
        reserved.shrink_to(records * 4 * slots.len() as u64);
        Ok(Self { forest, plates, _held: reserved })
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
