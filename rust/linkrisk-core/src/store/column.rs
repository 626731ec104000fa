//! One attribute of the run: its distinct values and the tallies of what its raw values were.

use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::dictionary::{Dictionary, NameCodes, Names, ReadName};
use crate::error::Result;
use crate::kind::{Kind, Storage};
use crate::normalise::{NameParts, Normaliser, Outcome};
use crate::runtime::Context;
use crate::runtime::spill::Spill;

/// Marks a packed number as a code of the attribute's partial values.
pub const PARTIAL: u64 = 1 << 63;

/// What the values of one attribute in one source were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Rows of the source.
    pub records: u64,
    /// Null, empty or white space.
    pub blank: u64,
    /// Words and values that mean "none".
    pub placeholder: u64,
    /// Not of the kind.
    pub invalid: u64,
    /// Usable in part.
    pub partial: u64,
    /// Valid after one error was undone.
    pub repaired: u64,
    /// Valid.
    pub valid: u64,
    /// Usable by themselves but held by an implausible number of records, so never compared.
    pub implausible: u64,
    /// Filled in from an ID number.
    pub derived: u64,
}

impl Tally {
    /// Counts one raw value.
    pub fn add(&mut self, outcome: Outcome) {
        self.records += 1;
        *match outcome {
            Outcome::Blank => &mut self.blank,
            Outcome::Placeholder => &mut self.placeholder,
            Outcome::Invalid => &mut self.invalid,
            Outcome::Partial => &mut self.partial,
            Outcome::Repaired => &mut self.repaired,
            Outcome::Valid => &mut self.valid,
        } += 1;
    }
}

/// The distinct values of an attribute.
#[derive(Debug)]
pub enum Values {
    /// Packed numbers rest in the records; partial ones here.
    Number(Dictionary),
    /// Texts.
    Text(Dictionary),
    /// Names of persons.
    Name(Names),
    /// Nothing but what rests in the records.
    Plain,
}

/// An attribute's values and tallies over all sources.
#[derive(Debug)]
pub struct Column {
    /// The distinct values.
    pub values: Values,
    /// A tally per source.
    pub tallies: Vec<Tally>,
    /// How many distinct values are in use; known once the store is complete.
    pub distinct: u64,
    /// Pairs of records with the same value, over all values; known once the store is complete.
    pub coincidences: f64,
    /// Records with a value; known once the store is complete.
    pub filled: u64,
    recent: Recent,
    text: String,
}

impl Column {
    /// An empty column of `kind` for `sources` sources.
    pub fn new(kind: Kind, sources: usize) -> Self {
        let values = match kind.storage() {
            Storage::Number => Values::Number(Dictionary::default()),
            Storage::Text => Values::Text(Dictionary::default()),
            Storage::Name => Values::Name(Names::default()),
            Storage::Date | Storage::Small | Storage::Template => Values::Plain,
        };
        Self {
            values,
            tallies: vec![Tally::default(); sources],
            distinct: 0,
            coincidences: 0.0,
            filled: 0,
            recent: Recent::default(),
            text: String::new(),
        }
    }

    /// Forgets what the values of the last source were called in the raw.
    pub fn begin_source(&mut self) {
        self.recent = Recent::default();
    }

    /// The value at rest of a raw one, tallied under `source`.
    ///
    /// # Errors
    /// As [`Dictionary::intern`].
    pub fn pack(&mut self, source: usize, normaliser: &Normaliser, raw: Option<&str>) -> Result<u64> {
        let Some(raw) = raw else {
            self.tallies[source].add(Outcome::Blank);
            return Ok(0);
        };
        let (outcome, value) = match &mut self.values {
            Values::Plain => normaliser.number(raw),
            Values::Number(partials) => match normaliser.number(raw) {
                (Outcome::Partial, 0) => {
                    normaliser.text(raw, &mut self.text);
                    (Outcome::Partial, PARTIAL | u64::from(partials.intern(&self.text)?))
                }
                whole => whole,
            },
            Values::Text(dictionary) => match self.recent.find(raw) {
                Some((outcome, code)) => {
                    dictionary.count_again(code);
                    (outcome, u64::from(code))
                }
                None => {
                    let outcome = normaliser.text(raw, &mut self.text);
                    let code = if outcome.is_usable() { dictionary.intern(&self.text)? } else { 0 };
                    self.recent.keep(raw, outcome, code);
                    (outcome, u64::from(code))
                }
            },
            // Names come through `pack_names`, whole batches at a time.
            Values::Name(_) => (Outcome::Invalid, 0),
        };
        self.tallies[source].add(outcome);
        Ok(value)
    }

    /// The values at rest of `rows` raw names with their parts, in order, tallied under `source`.
    ///
    /// Reading names is most of the work of ingestion, so stretches of rows are read side by side; the
    /// dictionary then takes them in order.
    ///
    /// # Errors
    /// As [`Dictionary::intern`].
    pub fn pack_names<'t>(
        &mut self,
        source: usize,
        normaliser: &Normaliser,
        rows: usize,
        raw: impl Fn(usize) -> Option<&'t str> + Sync,
    ) -> Result<Vec<(u64, NameCodes)>> {
        const STRETCH: usize = 4096;
        let stretches: Vec<usize> = (0..rows).step_by(STRETCH).collect();
        let read: Vec<ReadNames> = stretches
            .into_par_iter()
            .map(|start| ReadNames::read(normaliser, (start..rows.min(start + STRETCH)).map(&raw)))
            .collect();
        let mut values = Vec::with_capacity(rows);
        let Values::Name(names) = &mut self.values else { return Ok(values) };
        for stretch in &read {
            for (outcome, name) in stretch.names() {
                self.tallies[source].add(outcome);
                values.push(if outcome.is_usable() {
                    (u64::from(name.whole), names.intern(&name)?)
                } else {
                    (0, NameCodes::default())
                });
            }
        }
        Ok(values)
    }

    /// The text of a partial number, if `value` is one.
    pub fn partial(&self, value: u64) -> Option<&str> {
        match &self.values {
            Values::Number(partials) if value & PARTIAL != 0 => Some(partials.text(value as u32)),
            _ => None,
        }
    }

    /// The dictionary of texts, if the attribute has one.
    pub fn dictionary(&self) -> Option<&Dictionary> {
        match &self.values {
            Values::Text(dictionary) => Some(dictionary),
            _ => None,
        }
    }

    /// The dictionary of names, if the attribute has one.
    pub fn names(&self) -> Option<&Names> {
        match &self.values {
            Values::Name(names) => Some(names),
            _ => None,
        }
    }

    /// Bytes that will be held where a record stands for `each` of the tables.
    ///
    /// New values come as often as values that were seen once are among those seen (I. J. Good, 1953), so
    /// their number grows with that power of the records.
    pub fn memory_of(&self, each: f64) -> f64 {
        let Some(dictionary) = self.texts() else { return 0.0 };
        let once = dictionary.counts().iter().filter(|&&n| n == 1).count();
        let power = once as f64 / dictionary.len().max(1) as f64;
        dictionary.memory() as f64 * each.powf(power)
    }

    /// The dictionary of whatever texts the attribute has: whole ones, parts of names, partial numbers.
    fn texts(&self) -> Option<&Dictionary> {
        match &self.values {
            Values::Number(dictionary) | Values::Text(dictionary) => Some(dictionary),
            Values::Name(names) => Some(&names.parts),
            Values::Plain => None,
        }
    }

    fn dictionary_mut(&mut self) -> Option<&mut Dictionary> {
        match &mut self.values {
            Values::Number(dictionary) | Values::Text(dictionary) => Some(dictionary),
            Values::Name(names) => Some(&mut names.parts),
            Values::Plain => None,
        }
    }

    /// Has the texts rest on disk.
    ///
    /// # Errors
    /// As [`Dictionary::spill`].
    pub fn spill_texts(&mut self, spill: &Arc<Spill>) -> Result<()> {
        self.dictionary_mut().map_or(Ok(()), |dictionary| dictionary.spill(spill))
    }

    /// Checks the texts that rest on disk.
    ///
    /// # Errors
    /// As [`Dictionary::check`].
    pub fn check_texts(&self, context: &Context) -> Result<()> {
        self.texts().map_or(Ok(()), |dictionary| dictionary.check(context))
    }

    /// Bytes that [`Column::spill_texts`] sets free.
    pub fn texts_memory(&self) -> u64 {
        self.texts().map_or(0, Dictionary::texts_memory)
    }

    /// Forgets what only reading needs: no value comes any more.
    pub fn complete(&mut self) {
        self.recent = Recent::default();
        self.dictionary_mut().into_iter().for_each(Dictionary::complete);
    }

    /// Bytes held.
    pub fn memory(&self) -> u64 {
        let values = match &self.values {
            Values::Number(d) | Values::Text(d) => d.memory(),
            Values::Name(names) => names.memory(),
            Values::Plain => 0,
        };
        values + self.recent.memory()
    }
}

/// Names that were read, one after the other, and are not in a dictionary yet.
#[derive(Debug, Default)]
struct ReadNames {
    text: String,
    rows: Vec<ReadRow>,
}

#[derive(Debug)]
struct ReadRow {
    outcome: Outcome,
    /// Where the given names and the family name end in the text.
    ends: [usize; 2],
    /// Their hashes.
    hashes: [u64; 2],
    whole: u32,
    key: u32,
}

impl ReadNames {
    fn read<'t>(normaliser: &Normaliser, raw: impl Iterator<Item = Option<&'t str>>) -> Self {
        let mut read = Self::default();
        let mut parts = NameParts::default();
        for raw in raw {
            let outcome = match raw {
                Some(raw) => normaliser.name(raw, &mut parts),
                None => {
                    parts.clear();
                    Outcome::Blank
                }
            };
            let ends = [&parts.given, &parts.family].map(|part| {
                read.text.push_str(part);
                read.text.len()
            });
            let hashes = [&parts.given, &parts.family].map(|part| xxh3_64(part.as_bytes()));
            // Zero is missing, so that one hash in four billion is that of its neighbour.
            let whole = (xxh3_64(parts.full.as_bytes()) as u32).max(1);
            let key = xxh3_64(parts.key.as_bytes()) as u32 | 1;
            read.rows.push(ReadRow { outcome, ends, hashes, whole, key });
        }
        read
    }

    fn names(&self) -> impl Iterator<Item = (Outcome, ReadName<'_>)> {
        let starts = std::iter::once(0).chain(self.rows.iter().map(|row| row.ends[1]));
        self.rows.iter().zip(starts).map(|(row, start)| {
            let [given, family] = row.ends;
            let name = ReadName {
                whole: row.whole,
                given: (&self.text[start..given], row.hashes[0]),
                family: (&self.text[given..family], row.hashes[1]),
                key: row.key,
            };
            (row.outcome, name)
        })
    }
}

/// The raw values seen last, by hash, so that a frequent one is normalised once.
///
/// Two raw values of one 64-bit hash would be taken for each other: one chance in 2⁶⁴ per look-up.
#[derive(Debug, Default)]
struct Recent(Vec<(u64, Outcome, u32)>);

impl Recent {
    /// 8,192 entries of 16 bytes stay in the second-level cache beside the records of a batch.
    const SIZE: usize = 1 << 13;

    fn find(&self, raw: &str) -> Option<(Outcome, u32)> {
        let hash = Self::hash(raw);
        let &(kept, outcome, code) = self.0.get(hash as usize % Self::SIZE)?;
        (kept == hash).then_some((outcome, code))
    }

    fn keep(&mut self, raw: &str, outcome: Outcome, code: u32) {
        if self.0.is_empty() {
            self.0 = vec![(0, Outcome::Blank, 0); Self::SIZE];
        }
        let hash = Self::hash(raw);
        self.0[hash as usize % Self::SIZE] = (hash, outcome, code);
    }

    fn hash(raw: &str) -> u64 {
        xxh3_64(raw.as_bytes()) | 1 << 63
    }

    fn memory(&self) -> u64 {
        (self.0.capacity() * size_of::<(u64, Outcome, u32)>()) as u64
    }
}
