//! Plates into vehicles.
//!
//! A vehicle is a plate. Two plates that a camera may take for each other are one vehicle only if
//! records of one person hold both: on a busy road every plate has look-alikes.

use rayon::prelude::*;

use super::Forest;
use crate::error::Result;
use crate::kernel::ocr::plate_distance;
use crate::kind::Kind;
use crate::runtime::Context;
use crate::store::{Slot, Store};

/// OCR distance up to which two plates of one person are one vehicle: two symbols of one confusion
/// class, the most that vendors advise to tolerate.
const LOOK_ALIKE: f32 = 0.5;

/// The vehicles of a run.
#[derive(Debug)]
pub struct Vehicles {
    plates: Vec<u64>,
    forest: Forest,
    slots: Vec<Slot>,
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
        let _held = context.memory.reserve("plates", records * 12 * slots.len() as u64)?;
        let mut plates: Vec<u64> = Vec::new();
        let mut held: Vec<(u32, u64)> = Vec::new();
        for slot in &slots {
            for record in 0..store.len() {
                let plate = slot.get(store.record(record));
                if plate != 0 {
                    plates.push(plate);
                    held.push((persons.root(record), plate));
                }
            }
            context.cancel.check()?;
        }
        context.pool.install(|| plates.par_sort_unstable());
        plates.dedup();
        let forest = Forest::new(plates.len() as u32, context)?;
        let vehicles = Self { plates, forest, slots };
        context.pool.install(|| held.par_sort_unstable());
        held.dedup();
        for person in held.chunk_by(|a, b| a.0 == b.0).filter(|run| run.len() > 1) {
            for (i, &(_, a)) in person.iter().enumerate() {
                for &(_, b) in &person[i + 1..] {
                    if plate_distance(a, b) <= LOOK_ALIKE {
                        vehicles.forest.join(vehicles.place(a), vehicles.place(b));
                    }
                }
            }
        }
        Ok(vehicles)
    }

    fn place(&self, plate: u64) -> u32 {
        self.plates.binary_search(&plate).unwrap_or_default() as u32
    }

    /// The vehicles of `record`, by number, each once.
    pub fn of(&self, store: &Store, record: u32) -> impl Iterator<Item = u32> + use<> {
        let words = store.record(record);
        let mut found: Vec<u32> = self
            .slots
            .iter()
            .map(|slot| slot.get(words))
            .filter(|&plate| plate != 0)
            .map(|plate| self.forest.root(self.place(plate)))
            .collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter()
    }

    /// How many vehicles there are.
    pub fn count(&self) -> u64 {
        (0..self.plates.len() as u32).filter(|&at| self.forest.root(at) == at).count() as u64
    }

    /// Number above every vehicle's number.
    pub fn bound(&self) -> u32 {
        self.plates.len() as u32
    }
}
