//! Tables of templates, persons and groups on their way into a sample.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use indexmap::IndexMap;

use super::sample::{Batch, Plan, Sample, Sampler};
use crate::error::{Error, Result};
use crate::kernel::hash;
use crate::runtime::{Context, Reservation};

/// Groups of an attribute that are told apart; the rest are of no group.
const GROUPS: usize = 48;

/// Rows between two looks for whether to stop: about 5 ms of 512 numbers.
const SLICE: usize = 2_048;

/// Records of a source at the most, and of a group: 40 MB and 3 MB of 512 numbers.
const RECORDS: usize = 20_000;
const OF_GROUP: usize = 1_500;
const OF_PERSONS: usize = 40_000;

/// Reads the tables, one after the other.
pub struct Reader {
    sampler: Sampler,
    names: Vec<String>,
    codes: Vec<IndexMap<String, u16>>,
    left_out: u64,
    held: Reservation,
}

impl Reader {
    /// A reader of `sources` tables with the group attributes `names`, for a sample of which about `pairs`
    /// pairs are to be compared.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit).
    pub fn new(sources: usize, names: Vec<String>, pairs: u64, context: &Context) -> Result<Self> {
        let root = |pairs: u64| (pairs as f64).sqrt() as usize + 1;
        let plan = Plan {
            records: root(2 * pairs).min(RECORDS),
            of_group: root(pairs).min(OF_GROUP),
            of_persons: OF_PERSONS,
        };
        Ok(Self {
            sampler: Sampler::new(plan, sources, context.seed),
            codes: names.iter().map(|_| IndexMap::new()).collect(),
            names,
            left_out: 0,
            held: context.memory.reserve("sampled templates", 0)?,
        })
    }

    /// Takes a batch of `source`: the templates, the persons as text, then the groups as text.
    ///
    /// # Errors
    /// [`ErrorKind::AttributeType`](crate::error::ErrorKind::AttributeType) where templates are no lists of
    /// numbers, [`ErrorKind::MemoryLimit`](crate::error::ErrorKind::MemoryLimit) and
    /// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
    pub fn take(&mut self, source: usize, batch: &RecordBatch, context: &Context) -> Result<()> {
        if batch.num_columns() != 2 + self.names.len() {
            return Err(Error::internal("a table of templates has other columns than were asked for"));
        }
        for start in (0..batch.num_rows()).step_by(SLICE) {
            context.cancel.check()?;
            let slice = batch.slice(start, SLICE.min(batch.num_rows() - start));
            let mut persons = Vec::with_capacity(slice.num_rows());
            each_text(slice.column(1), |text| persons.push(text.map(|t| hash::bytes(t.as_bytes()))))?;
            let mut groups = Vec::with_capacity(self.codes.len());
            for (i, codes) in self.codes.iter_mut().enumerate() {
                let mut of_rows = Vec::with_capacity(slice.num_rows());
                let left_out = &mut self.left_out;
                each_text(slice.column(2 + i), |text| {
                    of_rows.push(text.map_or(0, |text| code(codes, text, left_out)));
                })?;
                groups.push(of_rows);
            }
            let rows = Batch { templates: slice.column(0), persons: &persons, groups: &groups };
            self.sampler.take(source, &rows)?;
            self.held.grow_to(self.sampler.bytes())?;
            context.progress.add(slice.num_rows() as u64);
        }
        Ok(())
    }

    /// The sample, and the names of the groups of each attribute.
    pub fn finish(self) -> Read {
        let groups = self.codes.into_iter().map(|codes| codes.into_keys().collect());
        Read {
            squares: self.sampler.squares(),
            sample: self.sampler.finish(),
            groups: self.names.into_iter().zip(groups).collect(),
            left_out: self.left_out,
            _held: self.held,
        }
    }
}

/// What was read.
pub struct Read {
    /// The sample.
    pub sample: Sample,
    /// Group attributes with the names of their groups by code from 1.
    pub groups: Vec<(String, Vec<String>)>,
    /// Sum of the square lengths of the templates as they came, and how many these are.
    pub squares: (f64, u64),
    /// Values of group attributes that had too many to be told apart.
    pub left_out: u64,
    _held: Reservation,
}

fn code(codes: &mut IndexMap<String, u16>, text: &str, left_out: &mut u64) -> u16 {
    if let Some(&code) = codes.get(text) {
        return code;
    }
    if codes.len() >= GROUPS {
        *left_out += 1;
        return 0;
    }
    let code = codes.len() as u16 + 1;
    codes.insert(text.to_owned(), code);
    code
}

/// Calls `take` with the text of every row; none where it is null or empty.
fn each_text(array: &ArrayRef, mut take: impl FnMut(Option<&str>)) -> Result<()> {
    let mut filled = |text: Option<&str>| take(text.filter(|t| !t.is_empty()));
    match array.data_type() {
        DataType::Utf8View => array.as_string_view().iter().for_each(&mut filled),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().for_each(&mut filled),
        DataType::Utf8 => array.as_string::<i32>().iter().for_each(&mut filled),
        DataType::Null => (0..array.len()).for_each(|_| filled(None)),
        other => return Err(Error::internal(format!("persons and groups are text, not {other}"))),
    }
    Ok(())
}
