//! A batch of a table under way: values in, Arrow columns out, and what happened to each value counted.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{
    BooleanBuilder, Int32Builder, StringBuilder, TimestampMillisecondBuilder, UInt64Builder,
};
use arrow_array::{ArrayRef, DictionaryArray, Int8Array, RecordBatch, StringArray};

use super::super::draw::Draw;
use super::super::errors::{Rates, Slip, draw_slip};
use super::table::{Kind, Table};
use crate::error::{Error, Result};

/// What happened to the values of each column, by column and slip; nothing of those untouched.
pub type Counts = BTreeMap<String, BTreeMap<String, u64>>;

/// A batch of a table, its truth, and what happened.
pub struct Filled {
    /// The data; none of a table that is a truth and nothing else.
    pub data: Option<RecordBatch>,
    /// The truth.
    pub truth: RecordBatch,
    /// What happened.
    pub counts: Counts,
}

enum Builder {
    Text(StringBuilder),
    Whole(Int32Builder),
    Time(TimestampMillisecondBuilder),
    Flag(BooleanBuilder),
    Array(Option<ArrayRef>),
}

struct Cells {
    builder: Builder,
    /// Of each row the number of the slip, or -1; empty where nothing can happen.
    slips: Vec<i8>,
}

/// A batch under way. Rows are filled one after the other: [`Sheet::row`], then every column once.
pub struct Sheet<'a> {
    table: &'a Table,
    rows: Range<u64>,
    cells: Vec<Cells>,
    persons: UInt64Builder,
    vehicles: UInt64Builder,
    /// From which column on the present row is cut off.
    cut: usize,
    text: String,
}

const NOTHING: i8 = -1;

impl<'a> Sheet<'a> {
    /// An empty batch for the rows `rows` of `table`.
    pub fn new(table: &'a Table, rows: Range<u64>) -> Self {
        let n = (rows.end - rows.start) as usize;
        let cells = table
            .columns
            .iter()
            .map(|column| Cells {
                builder: match column.kind {
                    Kind::Text => Builder::Text(StringBuilder::with_capacity(n, n * 20)),
                    Kind::Whole => Builder::Whole(Int32Builder::with_capacity(n)),
                    Kind::Time => Builder::Time(TimestampMillisecondBuilder::with_capacity(n)),
                    Kind::Flag => Builder::Flag(BooleanBuilder::with_capacity(n)),
                    Kind::Array(_) => Builder::Array(None),
                },
                slips: Vec::with_capacity(if column.rates.is_empty() { 0 } else { n }),
            })
            .collect();
        Self {
            table,
            rows,
            cells,
            persons: UInt64Builder::with_capacity(n),
            vehicles: UInt64Builder::with_capacity(n),
            cut: usize::MAX,
            text: String::with_capacity(128),
        }
    }

    /// Begins a row, with whom and what it is of.
    pub fn row(&mut self, person: Option<u64>, vehicle: Option<u64>, draw: &mut Draw) {
        self.persons.append_option(person);
        self.vehicles.append_option(vehicle);
        self.cut = usize::MAX;
        if self.table.truncated > 0.0 && draw.chance(self.table.truncated) {
            // Something is left of the row, and something is gone.
            self.cut = 1 + draw.below(self.table.columns.len() - 1);
        }
    }

    /// Draws what happens to a value of a column, and notes it; the caller makes the value.
    #[inline]
    fn slip(&mut self, column: usize, rates: Rates, draw: &mut Draw) -> Option<Slip> {
        let slip = if column >= self.cut { Some(Slip::Truncated) } else { draw_slip(rates, draw) };
        self.cells[column].slips.push(slip.map_or(NOTHING, |s| s as i8));
        slip
    }

    /// Fills a text that things happen to: `write` gets what happened, and is not called for what is
    /// missing or cut off.
    #[inline]
    pub fn field(
        &mut self,
        column: usize,
        draw: &mut Draw,
        write: impl FnOnce(Option<Slip>, &mut Draw, &mut String),
    ) {
        self.field_at(column, self.table.columns[column].rates, draw, write);
    }

    /// The same at rates of this record alone, such as those of a camera; the column states the mean.
    #[inline]
    pub fn field_at(
        &mut self,
        column: usize,
        rates: Rates,
        draw: &mut Draw,
        write: impl FnOnce(Option<Slip>, &mut Draw, &mut String),
    ) {
        let slip = self.slip(column, rates, draw);
        let Builder::Text(builder) = &mut self.cells[column].builder else { return };
        if matches!(slip, Some(Slip::Missing | Slip::Truncated)) {
            builder.append_null();
            return;
        }
        self.text.clear();
        write(slip, draw, &mut self.text);
        builder.append_value(&self.text);
    }

    /// Fills a small number that things happen to, in the same way.
    pub fn whole_field(
        &mut self,
        column: usize,
        draw: &mut Draw,
        value: impl FnOnce(Option<Slip>, &mut Draw) -> i32,
    ) {
        let slip = self.slip(column, self.table.columns[column].rates, draw);
        let Builder::Whole(builder) = &mut self.cells[column].builder else { return };
        if matches!(slip, Some(Slip::Missing | Slip::Truncated)) {
            builder.append_null();
        } else {
            builder.append_value(value(slip, draw));
        }
    }

    /// Fills a text that nothing happens to but the end of the row.
    #[inline]
    pub fn text(&mut self, column: usize, write: impl FnOnce(&mut String)) {
        let Builder::Text(builder) = &mut self.cells[column].builder else { return };
        if column >= self.cut {
            builder.append_null();
            return;
        }
        self.text.clear();
        write(&mut self.text);
        builder.append_value(&self.text);
    }

    /// Leaves a text out, because the record has none: nothing happened to it.
    #[inline]
    pub fn no_text(&mut self, column: usize) {
        if !self.table.columns[column].rates.is_empty() {
            self.cells[column].slips.push(NOTHING);
        }
        let Builder::Text(builder) = &mut self.cells[column].builder else { return };
        builder.append_null();
    }

    /// Fills a point in time, in seconds from 1970.
    #[inline]
    pub fn time(&mut self, column: usize, seconds: i64) {
        let Builder::Time(builder) = &mut self.cells[column].builder else { return };
        builder.append_option((column < self.cut).then_some(seconds * 1_000));
    }

    /// Fills a yes or no.
    #[inline]
    pub fn flag(&mut self, column: usize, value: bool) {
        let Builder::Flag(builder) = &mut self.cells[column].builder else { return };
        builder.append_option((column < self.cut).then_some(value));
    }

    /// How many columns the table has, without the number of the record.
    pub fn columns(&self) -> usize {
        self.cells.len()
    }

    /// Gives a column of kind [`Kind::Array`] its values for the whole batch.
    pub fn array(&mut self, column: usize, values: ArrayRef) {
        if let Builder::Array(slot) = &mut self.cells[column].builder {
            *slot = Some(values);
        }
    }

    /// The batch, its truth, and what happened.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Internal`] where a column was not filled for every row.
    pub fn finish(mut self) -> Result<Filled> {
        static NAMES: LazyLock<ArrayRef> =
            LazyLock::new(|| Arc::new(StringArray::from_iter_values(Slip::ALL.map(Slip::name))));
        let ids: ArrayRef = Arc::new(self.rows.clone().collect::<arrow_array::UInt64Array>());
        let mut truth =
            vec![Arc::clone(&ids), Arc::new(self.persons.finish()), Arc::new(self.vehicles.finish())];
        let mut data = vec![ids];
        let mut counts = Counts::new();
        for (column, cells) in self.table.columns.iter().zip(self.cells) {
            data.push(match cells.builder {
                Builder::Text(mut b) => Arc::new(b.finish()) as ArrayRef,
                Builder::Whole(mut b) => Arc::new(b.finish()),
                Builder::Time(mut b) => Arc::new(b.finish()),
                Builder::Flag(mut b) => Arc::new(b.finish()),
                Builder::Array(values) => {
                    values.ok_or_else(|| Error::internal(format!("no values for `{}`", column.name)))?
                }
            });
            if column.rates.is_empty() {
                continue;
            }
            let mut found = [0u64; Slip::ALL.len()];
            for &slip in cells.slips.iter().filter(|s| **s != NOTHING) {
                found[slip as usize] += 1;
            }
            let found = Slip::ALL.iter().zip(found).filter(|(_, n)| *n > 0);
            let found: BTreeMap<String, u64> = found.map(|(s, n)| (s.name().to_owned(), n)).collect();
            if !found.is_empty() {
                counts.insert(column.name.to_owned(), found);
            }
            let keys: Int8Array = cells.slips.into_iter().map(|s| (s != NOTHING).then_some(s)).collect();
            let slips = DictionaryArray::try_new(keys, Arc::clone(&NAMES)).map_err(unfilled)?;
            truth.push(Arc::new(slips));
        }
        let data = match &self.table.data {
            Some(schema) => Some(RecordBatch::try_new(Arc::clone(schema), data).map_err(unfilled)?),
            None => None,
        };
        let truth = RecordBatch::try_new(Arc::clone(&self.table.truth), truth).map_err(unfilled)?;
        Ok(Filled { data, truth, counts })
    }
}

/// A batch of a table that is a truth and nothing else, from its columns.
///
/// # Errors
/// [`crate::error::ErrorKind::Internal`] where columns differ in length or number.
pub fn numbers(table: &Table, columns: Vec<Vec<u64>>) -> Result<Filled> {
    let columns = columns.into_iter().map(|c| Arc::new(arrow_array::UInt64Array::from(c)) as ArrayRef);
    let truth = RecordBatch::try_new(Arc::clone(&table.truth), columns.collect()).map_err(unfilled)?;
    Ok(Filled { data: None, truth, counts: Counts::new() })
}

fn unfilled(error: arrow_schema::ArrowError) -> Error {
    Error::internal(format!("cannot build a batch: {error}"))
}
