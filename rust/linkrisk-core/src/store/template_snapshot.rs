//! Complete templates and iris codes as part of a snapshot.

use serde::{Deserialize, Serialize};

use super::irises::{BYTES, Irises};
use super::rows::Rows;
use super::template_sources::TemplateSource;
use super::templates::Templates;
use crate::error::Result;
use crate::runtime::Context;
use crate::runtime::frames::{FrameReader, FrameWriter};

#[derive(Debug, Serialize, Deserialize)]
struct Contents {
    dims: usize,
    rows: u32,
    sources: Vec<TemplateSource>,
}

impl Templates {
    /// Writes the templates, which are complete and were not turned.
    ///
    /// # Errors
    /// As [`FrameWriter::frame`], and as reading them where they are on disk.
    pub(super) fn save(&self, writer: &mut FrameWriter) -> Result<()> {
        writer.json(&Contents { dims: self.dims(), rows: self.len(), sources: self.sources().to_vec() })?;
        writer.array(self.records())?;
        let mut buffer = Vec::new();
        for stretch in 0..self.stretches().1 {
            writer.array(self.stretch(stretch, &mut buffer)?)?;
        }
        Ok(())
    }

    /// Reads templates that were written.
    ///
    /// # Errors
    /// [`ErrorKind::Run`](crate::error::ErrorKind::Run) where the file is corrupt, and as
    /// [`Templates::add`] where they do not fit.
    pub(super) fn load(attribute: &str, reader: &mut FrameReader, context: &Context) -> Result<Self> {
        let contents: Contents = reader.json()?;
        let mut made = Self::new(attribute, context)?;
        made.dims = contents.dims;
        made.sources.sources = contents.sources;
        made.sources.held.grow_to(u64::from(contents.rows) * 4)?;
        made.sources.records = reader.array()?;
        if made.len() != contents.rows {
            return Err(reader.wrong());
        }
        let stride = made.stride();
        if contents.rows == 0 {
            return Ok(made);
        }
        let mut rows = Rows::new(stride / 4, "templates", context)?;
        while rows.len() < contents.rows as usize {
            let numbers: Vec<i16> = reader.array()?;
            let count = rows.chunk_rows().min(contents.rows as usize - rows.len());
            if numbers.len() != count * stride {
                return Err(reader.wrong());
            }
            for (first, stretch) in rows.push(count, context)? {
                let out: &mut [i16] = bytemuck::cast_slice_mut(stretch);
                out.copy_from_slice(&numbers[first * stride..][..out.len()]);
            }
        }
        made.rows = Some(rows);
        Ok(made)
    }
}

impl Irises {
    /// Writes the codes.
    ///
    /// # Errors
    /// As [`FrameWriter::frame`], and as reading them where they are on disk.
    pub(super) fn save(&self, writer: &mut FrameWriter) -> Result<()> {
        writer.json(&Contents { dims: BYTES, rows: self.len(), sources: self.sources().to_vec() })?;
        writer.array(self.records())?;
        let mut buffer = Vec::new();
        for stretch in 0..self.rows.chunks() {
            writer.array(self.rows.chunk(stretch, &mut buffer)?.1)?;
        }
        Ok(())
    }

    /// Reads codes that were written.
    ///
    /// # Errors
    /// As [`Templates::load`].
    pub(super) fn load(attribute: &str, reader: &mut FrameReader, context: &Context) -> Result<Self> {
        let contents: Contents = reader.json()?;
        let mut made = Self::new(attribute, context)?;
        made.sources.sources = contents.sources;
        made.sources.held.grow_to(u64::from(contents.rows) * 4)?;
        made.sources.records = reader.array()?;
        if made.len() != contents.rows {
            return Err(reader.wrong());
        }
        const WORDS: usize = BYTES / 8;
        while made.rows.len() < contents.rows as usize {
            let words: Vec<u64> = reader.array()?;
            let count = made.rows.chunk_rows().min(contents.rows as usize - made.rows.len());
            if words.len() != count * WORDS {
                return Err(reader.wrong());
            }
            for (first, stretch) in made.rows.push(count, context)? {
                stretch.copy_from_slice(&words[first * WORDS..][..stretch.len()]);
            }
        }
        Ok(made)
    }
}
