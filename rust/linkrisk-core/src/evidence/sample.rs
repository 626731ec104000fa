//! Records drawn from tables that pass by once: some for pairs of strangers, some for pairs of one person.
//!
//! Which ones is decided by hashes of record numbers and of persons, so the sample depends neither on
//! batches nor on threads.
//!
//! * Of every source, and of every group in it, the records with the lowest hashes.
//! * All records of the persons with the lowest hashes, across sources.
//!
//! Memory: [`Plan::records`] templates a source, [`Plan::of_group`] a group, [`Plan::of_persons`] in all.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::compare::fusion::Fusion;
use crate::error::{Error, ErrorKind, Result};
use crate::kernel::hash;
use crate::normalise::Outcome;
use crate::store::gallery::Template;
use crate::store::templates::{PADDING, round};
use crate::store::vector;

/// How many records are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Records of a source.
    pub records: usize,
    /// Records of a group of a source.
    pub of_group: usize,
    /// Records of persons, at the most.
    pub of_persons: usize,
}

/// Records of one person that are kept; of more, the first.
const OF_PERSON: usize = 8;

/// Equal templates of this many records of a sample are one placeholder, not as many captures.
const COPIES: u32 = 3;

/// What a stream of random numbers is for.
const RECORD: u64 = 711;
const PERSON: u64 = 712;

/// What a record has to compare.
#[derive(Debug, Clone)]
pub enum Body {
    /// A template.
    One(Template),
    /// Of each position a template, where the record has it.
    Several(Arc<[Option<Template>]>),
}

/// A record that was drawn.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// Its source.
    pub source: u32,
    /// Its class: of tables that pass by once the source.
    pub class: u32,
    /// Its row there.
    pub row: u64,
    /// The person's hash; a record of nobody known is a person of its own.
    pub person: u64,
    /// Whether the person is known.
    pub known: bool,
    /// The group of each group attribute, as a code of the attribute's values; 0 is none.
    pub groups: Vec<u16>,
    /// Its template.
    pub template: Body,
    hash: u64,
}

impl Drawn {
    /// A record whose template rests in a store; of its person is told whether it is known.
    pub(super) fn at_rest(
        [source, class]: [usize; 2],
        row: u64,
        (person, known): (u64, bool),
        template: Body,
    ) -> Self {
        let [source, class] = [source as u32, class as u32];
        Self { source, class, row, person, known, groups: Vec::new(), template, hash: person }
    }
}

/// Templates of a source by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Outcomes {
    /// Those that can be compared.
    pub usable: u64,
    /// Null or empty.
    pub blank: u64,
    /// Of another length, or with numbers that are not finite.
    pub invalid: u64,
    /// All zero.
    pub placeholder: u64,
}

/// A batch of a source: its templates, persons and groups, row by row.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Templates: lists of numbers.
    pub templates: &'a ArrayRef,
    /// Hash of the person, where one is known.
    pub persons: &'a [Option<u64>],
    /// Codes of the groups of each group attribute.
    pub groups: &'a [Vec<u16>],
}

/// Draws the sample.
#[derive(Debug)]
pub struct Sampler {
    plan: Plan,
    seed: u64,
    dims: Option<usize>,
    /// Sum of the square lengths of the usable templates as they came, and how many these are.
    squares: (f64, u64),
    sources: Vec<Of>,
    persons: FxHashMap<u64, Person>,
    of_persons: usize,
    /// Persons with a higher hash are left out.
    cut: u64,
}

/// A person that is drawn: the records there are, and those that are kept.
#[derive(Debug, Default)]
struct Person {
    records: u64,
    kept: Vec<Drawn>,
}

#[derive(Debug, Default)]
struct Of {
    rows: u64,
    known: u64,
    outcomes: Outcomes,
    /// Records by group attribute and group; that of all records is attribute 0, group 0.
    lowest: FxHashMap<(usize, u16), Lowest>,
    sizes: FxHashMap<(usize, u16), u64>,
}

/// The records with the lowest hashes.
#[derive(Debug, Default)]
struct Lowest {
    records: Vec<Drawn>,
    limit: Option<u64>,
}

impl Lowest {
    fn wants(&self, hash: u64) -> bool {
        self.limit.is_none_or(|limit| hash < limit)
    }

    fn push(&mut self, drawn: Drawn, keep: usize) {
        self.records.push(drawn);
        if self.records.len() >= 2 * keep {
            self.trim(keep);
        }
    }

    fn trim(&mut self, keep: usize) {
        if self.records.len() > keep {
            self.records.select_nth_unstable_by_key(keep, |d| d.hash);
            self.records.truncate(keep);
            self.limit = self.records.iter().map(|d| d.hash).max();
        }
    }

    fn finish(mut self, keep: usize) -> Vec<Drawn> {
        self.trim(keep);
        self.records.sort_unstable_by_key(|d| d.hash);
        self.records
    }
}

impl Sampler {
    /// A sampler of `sources` sources.
    pub fn new(plan: Plan, sources: usize, seed: u64) -> Self {
        Self {
            plan,
            seed,
            dims: None,
            squares: (0.0, 0),
            sources: (0..sources).map(|_| Of::default()).collect(),
            persons: FxHashMap::default(),
            of_persons: 0,
            cut: u64::MAX,
        }
    }

    /// Takes the next batch of `source`.
    ///
    /// # Errors
    /// [`ErrorKind::AttributeType`] where templates are no lists of numbers.
    pub fn take(&mut self, source: usize, batch: &Batch<'_>) -> Result<()> {
        let column = vector::Templates::new(batch.templates, self.dims).filter(|column| !column.is_binary());
        let mut column = column.ok_or_else(|| unreadable(batch.templates.data_type()))?;
        let (mut numbers, mut template) = (Vec::new(), Vec::new());
        for row in 0..batch.templates.len() {
            let number = self.sources[source].rows;
            self.sources[source].rows += 1;
            let outcomes = &mut self.sources[source].outcomes;
            match column.read(row, &mut numbers).0 {
                Outcome::Valid => {
                    outcomes.usable += 1;
                    self.dims = Some(numbers.len());
                    template.clear();
                    template.resize(numbers.len().next_multiple_of(PADDING), 0);
                    let norm = round(&numbers, &mut template);
                    self.squares = (self.squares.0 + norm * norm, self.squares.1 + 1);
                    self.draw(source, number, row, batch, &template);
                }
                Outcome::Placeholder => outcomes.placeholder += 1,
                Outcome::Invalid => outcomes.invalid += 1,
                _ => outcomes.blank += 1,
            }
        }
        Ok(())
    }

    /// Sum of the square lengths of the usable templates as they came, and how many these are.
    pub fn squares(&self) -> (f64, u64) {
        self.squares
    }

    fn draw(&mut self, source: usize, number: u64, row: usize, batch: &Batch<'_>, template: &[i16]) {
        let record = hash::combine(hash::combine(RECORD, self.seed), (source as u64) << 48 ^ number);
        let known = batch.persons.get(row).copied().flatten();
        self.sources[source].known += u64::from(known.is_some());
        let person = known.map_or(record, |p| hash::combine(hash::combine(PERSON, self.seed), p));
        let cells = std::iter::once((0, 0))
            .chain(batch.groups.iter().enumerate().filter(|(_, g)| g[row] > 0).map(|(i, g)| (i + 1, g[row])));
        let mut made: Option<Drawn> = None;
        let mut drawn = || {
            made.get_or_insert_with(|| Drawn {
                source: source as u32,
                class: source as u32,
                row: number,
                person,
                known: known.is_some(),
                groups: batch.groups.iter().map(|g| g[row]).collect(),
                template: Body::One(Template::Vector(template.into())),
                hash: record,
            })
            .clone()
        };
        for cell in cells {
            *self.sources[source].sizes.entry(cell).or_default() += 1;
            let lowest = self.sources[source].lowest.entry(cell).or_default();
            if lowest.wants(record) {
                let keep = if cell.0 == 0 { self.plan.records } else { self.plan.of_group };
                lowest.push(drawn(), keep);
            }
        }
        if known.is_none() || person > self.cut {
            return;
        }
        let of_person = self.persons.entry(person).or_default();
        of_person.records += 1;
        if of_person.kept.len() < OF_PERSON {
            of_person.kept.push(drawn());
            self.of_persons += 1;
        }
        while self.of_persons > self.plan.of_persons && self.cut > 0 {
            self.cut /= 2;
            let cut = self.cut;
            self.persons.retain(|&person, _| person <= cut);
            self.of_persons = self.persons.values().map(|p| p.kept.len()).sum();
        }
    }

    /// Bytes of the templates that are held, at the most.
    pub fn bytes(&self) -> u64 {
        let lists =
            self.sources.iter().flat_map(|s| s.lowest.values()).map(|l| l.records.len()).sum::<usize>();
        let record = size_of::<Drawn>() + size_of::<i16>() * self.dims.unwrap_or_default();
        ((lists + self.of_persons) * record) as u64
    }

    /// The sample.
    pub fn finish(self) -> Sample {
        let Plan { records, of_group, .. } = self.plan;
        let mut placeholders: FxHashSet<u64> = FxHashSet::default();
        let mut sources: Vec<OfSource> = Vec::new();
        for of in self.sources {
            let mut cells: Vec<Cell> = of
                .lowest
                .into_iter()
                .map(|(key, lowest)| Cell {
                    attribute: key.0,
                    group: key.1,
                    size: of.sizes.get(&key).copied().unwrap_or_default(),
                    records: lowest.finish(if key.0 == 0 { records } else { of_group }),
                })
                .collect();
            cells.sort_unstable_by_key(|c| (c.attribute, c.group));
            let mut seen: FxHashMap<u64, u32> = FxHashMap::default();
            let all = cells.iter().filter(|c| c.attribute == 0).flat_map(|c| &c.records);
            all.for_each(|d| *seen.entry(print(&d.template)).or_default() += 1);
            placeholders.extend(seen.into_iter().filter(|(_, n)| *n >= COPIES).map(|(print, _)| print));
            sources.push(OfSource { outcomes: of.outcomes, known: of.known, cells });
        }
        let mut copies = 0;
        if !placeholders.is_empty() {
            for cell in sources.iter_mut().flat_map(|s| &mut s.cells) {
                let before = cell.records.len();
                cell.records.retain(|d| !placeholders.contains(&print(&d.template)));
                if cell.attribute == 0 {
                    copies += (before - cell.records.len()) as u64;
                }
            }
        }
        let persons_met = self.persons.len() as u64;
        let records_met = self.persons.values().map(|p| p.records).sum();
        let mut persons: Vec<Vec<Drawn>> = self.persons.into_values().map(|p| p.kept).collect();
        for person in &mut persons {
            person.retain(|d| !placeholders.contains(&print(&d.template)));
        }
        persons.retain(|p| p.len() > 1);
        persons.sort_unstable_by_key(|p| p[0].person);
        Sample { dims: self.dims, sources, persons, persons_met, records_met, copies, fusion: None }
    }
}

/// What was drawn.
#[derive(Debug)]
pub struct Sample {
    /// Numbers of a template; none where no template could be used.
    pub dims: Option<usize>,
    /// The records of each source.
    pub sources: Vec<OfSource>,
    /// The records of persons with more than one, up to eight each.
    pub persons: Vec<Vec<Drawn>>,
    /// Persons of the sample, those of one record included.
    pub persons_met: u64,
    /// Records that those persons have.
    pub records_met: u64,
    /// Records of the sample whose template several have to the bit, which were left out.
    pub copies: u64,
    /// How templates of several positions are fused.
    pub fusion: Option<Fusion>,
}

/// The records of a source.
#[derive(Debug)]
pub struct OfSource {
    /// Its templates by what became of them.
    pub outcomes: Outcomes,
    /// Usable templates whose person is known.
    pub known: u64,
    /// Records of all, then of each group.
    pub cells: Vec<Cell>,
}

/// Records of a group of a source, in the order of their hashes: any first ones are a sample too.
#[derive(Debug)]
pub struct Cell {
    /// The group attribute from 1; 0 for all records.
    pub attribute: usize,
    /// The group's code; 0 for all records.
    pub group: u16,
    /// Records there are.
    pub size: u64,
    /// The records drawn.
    pub records: Vec<Drawn>,
}

/// A hash of a vector; tables give nothing else.
fn print(body: &Body) -> u64 {
    match body {
        Body::One(Template::Vector(numbers)) => hash::bytes(bytemuck::cast_slice(numbers)),
        _ => 0,
    }
}

fn unreadable(found: &DataType) -> Error {
    Error::new(ErrorKind::AttributeType, format!("similarities cannot be computed of {found}"))
        .hint("give templates as lists of numbers of one length")
        .detail("expected", "lists of numbers")
        .detail("found", found)
}
