//! A complete store as a file, from which a run that was killed goes on.
//!
//! Packed records, dictionaries and tallies: all that the sources gave, so that none is read again.
//! Cost: the bytes of the store are written once, and read once where a run goes on.

use serde::{Deserialize, Serialize};

use super::column::Tally;
use super::rows::CHUNK;
use super::{Dictionary, Names, SourceRange, Store, Values};
use crate::error::Result;
use crate::runtime::Context;
use crate::runtime::frames::{FrameReader, FrameWriter};
use crate::spec::Spec;

/// What a snapshot says before its records.
#[derive(Debug, Serialize, Deserialize)]
struct Contents {
    records: u32,
    sources: Vec<SourceRange>,
    persons_before: Option<Vec<u32>>,
    columns: Vec<ColumnContents>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ColumnContents {
    tallies: Vec<Tally>,
    distinct: u64,
    coincidences: f64,
    filled: u64,
}

impl Store {
    /// Writes the store, which is complete.
    ///
    /// # Errors
    /// As [`FrameWriter::frame`], and where records are on disk as reading them.
    pub fn save(&self, writer: &mut FrameWriter) -> Result<()> {
        writer.json(&Contents {
            records: self.len(),
            sources: self.sources.clone(),
            persons_before: self.persons_before.clone(),
            columns: self
                .columns
                .iter()
                .map(|column| ColumnContents {
                    tallies: column.tallies.clone(),
                    distinct: column.distinct,
                    coincidences: column.coincidences,
                    filled: column.filled,
                })
                .collect(),
        })?;
        for column in &self.columns {
            match &column.values {
                Values::Number(dictionary) | Values::Text(dictionary) => dictionary.save(writer)?,
                Values::Name(names) => names.save(writer)?,
                Values::Plain => {}
            }
        }
        self.templates.iter().flatten().try_for_each(|templates| templates.save(writer))?;
        let mut buffer = Vec::new();
        for chunk in 0..self.rows.chunks() {
            let (_, words) = self.rows.chunk(chunk, &mut buffer)?;
            writer.array(words)?;
        }
        Ok(())
    }

    /// Reads the store of a run of `spec` that was written.
    ///
    /// # Errors
    /// [`ErrorKind::Run`](crate::error::ErrorKind::Run) where the file is corrupt, and as ingestion where
    /// the store does not fit.
    pub fn load(spec: &Spec, reader: &mut FrameReader, context: &Context) -> Result<Self> {
        let mut store = Self::new(spec, context)?;
        let contents: Contents = reader.json()?;
        if contents.columns.len() != store.columns.len() {
            return Err(reader.wrong());
        }
        for (column, contents) in store.columns.iter_mut().zip(contents.columns) {
            column.tallies = contents.tallies;
            column.distinct = contents.distinct;
            column.coincidences = contents.coincidences;
            column.filled = contents.filled;
            match &mut column.values {
                Values::Number(dictionary) | Values::Text(dictionary) => {
                    *dictionary = Dictionary::load(reader, context)?;
                }
                Values::Name(names) => *names = Names::load(reader, context)?,
                Values::Plain => {}
            }
        }
        store.account(context)?;
        for templates in store.templates.iter_mut().flatten() {
            templates.load(reader, context)?;
        }
        while store.len() < contents.records {
            let words: Vec<u64> = reader.array()?;
            let rows = (contents.records - store.len()).min(CHUNK as u32) as usize;
            if words.len() != rows * store.layout.words {
                return Err(reader.wrong());
            }
            let width = store.layout.words;
            for (first, stretch) in store.push(rows, context)? {
                stretch.copy_from_slice(&words[first * width..][..stretch.len()]);
            }
            context.progress.add(rows as u64);
        }
        store.sources = contents.sources;
        store.persons_before = contents.persons_before;
        Ok(store)
    }
}
