//! A file of frames, written once from its beginning to its end and read back in the same order.
//!
//! Memory: the frame at hand, 4 MiB.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

use bytemuck::Pod;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::CancelToken;
use super::frame::{Corrupt, HEADER, Header};
use super::spill::corrupt;
use crate::error::{Error, Result};

/// Bytes of a frame of many rows.
const FRAME: usize = 1 << 22;

/// Bytes after which the disk is waited for: the last wait, which cannot be cancelled, is then short.
const SYNC: u64 = 1 << 27;

/// Writes frames.
#[derive(Debug)]
pub struct FrameWriter {
    file: File,
    path: PathBuf,
    cancel: CancelToken,
    bytes: u64,
    unsynced: u64,
}

impl FrameWriter {
    /// Writes frames to the end of `file`, which errors call `path`.
    pub fn new(file: File, path: &Path, cancel: &CancelToken) -> Self {
        Self { file, path: path.to_owned(), cancel: cancel.clone(), bytes: 0, unsynced: 0 }
    }

    /// Bytes that were written.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes one frame of at most [`LARGEST`](super::frame::LARGEST) bytes.
    ///
    /// # Errors
    /// [`ErrorKind::SpillLimit`](crate::error::ErrorKind::SpillLimit) where the disk is full,
    /// [`ErrorKind::Io`](crate::error::ErrorKind::Io) or
    /// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
    pub fn frame(&mut self, content: &[u8]) -> Result<()> {
        self.cancel.check()?;
        let written = self.file.write_all(&Header::of(content).bytes());
        written.and_then(|()| self.file.write_all(content)).map_err(|e| Error::io(&self.path, e))?;
        let taken = (HEADER + content.len()) as u64;
        self.bytes += taken;
        self.unsynced += taken;
        if self.unsynced >= SYNC { self.sync() } else { Ok(()) }
    }

    /// Writes rows, to be read as an array.
    ///
    /// # Errors
    /// As [`FrameWriter::frame`].
    pub fn array<T: Pod>(&mut self, rows: &[T]) -> Result<()> {
        self.begin_array(rows.len() as u64)?;
        self.rows(rows)
    }

    /// Begins an array of `len` rows, which [`FrameWriter::rows`] writes some at a time.
    ///
    /// # Errors
    /// As [`FrameWriter::frame`].
    pub fn begin_array(&mut self, len: u64) -> Result<()> {
        self.frame(&len.to_le_bytes())
    }

    /// Writes the next rows of an array.
    ///
    /// # Errors
    /// As [`FrameWriter::frame`].
    pub fn rows<T: Pod>(&mut self, rows: &[T]) -> Result<()> {
        let together = (FRAME / size_of::<T>()).max(1);
        rows.chunks(together).try_for_each(|rows| self.frame(bytemuck::cast_slice(rows)))
    }

    /// Writes rows that are made one by one, to be read as an array.
    ///
    /// # Errors
    /// As [`FrameWriter::frame`].
    pub fn array_of<T: Pod>(&mut self, mut rows: impl ExactSizeIterator<Item = T>) -> Result<()> {
        self.frame(&(rows.len() as u64).to_le_bytes())?;
        let together = (FRAME / size_of::<T>()).max(1);
        let mut frame: Vec<T> = Vec::with_capacity(together.min(rows.len()));
        while rows.len() > 0 {
            frame.clear();
            frame.extend(rows.by_ref().take(together));
            self.frame(bytemuck::cast_slice(&frame))?;
        }
        Ok(())
    }

    /// Writes a value as JSON.
    ///
    /// # Errors
    /// As [`FrameWriter::frame`].
    pub fn json(&mut self, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_vec(value).map_err(|e| Error::internal(e.to_string()))?;
        self.array(&text)
    }

    /// Waits until the disk has everything.
    ///
    /// # Errors
    /// As [`FrameWriter::frame`].
    pub fn sync(&mut self) -> Result<()> {
        self.unsynced = 0;
        self.file.sync_data().map_err(|e| Error::io(&self.path, e))
    }
}

/// Reads frames.
#[derive(Debug)]
pub struct FrameReader {
    file: BufReader<File>,
    path: PathBuf,
    cancel: CancelToken,
    /// Where the next frame begins.
    offset: u64,
}

impl FrameReader {
    /// Reads the frames of `path`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::error::ErrorKind::Io).
    pub fn open(path: &Path, cancel: &CancelToken) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        let file = BufReader::with_capacity(1 << 16, file);
        Ok(Self { file, path: path.to_owned(), cancel: cancel.clone(), offset: 0 })
    }

    /// Where the next frame begins: the bytes of the frames that were read.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next frame, which must be there.
    ///
    /// # Errors
    /// [`ErrorKind::Run`](crate::error::ErrorKind::Run) where the file was changed or cut,
    /// [`ErrorKind::Io`](crate::error::ErrorKind::Io) or
    /// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
    pub fn frame(&mut self) -> Result<Vec<u8>> {
        self.cancel.check()?;
        self.read()?.map_err(|Corrupt| corrupt(&self.path, self.offset))
    }

    /// The next frame where it is whole; `None` at the end, and where the writer was stopped in a frame.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::error::ErrorKind::Io).
    pub fn whole_frame(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(self.read()?.ok())
    }

    fn read(&mut self) -> Result<Result<Vec<u8>, Corrupt>> {
        let mut head = [0; HEADER];
        if !self.fill(&mut head)? {
            return Ok(Err(Corrupt));
        }
        let Ok(header) = Header::read(&head) else { return Ok(Err(Corrupt)) };
        let mut content = vec![0; header.length as usize];
        if !self.fill(&mut content)? || header.check(&content).is_err() {
            return Ok(Err(Corrupt));
        }
        self.offset += (HEADER + content.len()) as u64;
        Ok(Ok(content))
    }

    /// Whether the file had as much.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool> {
        match self.file.read_exact(buffer) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(Error::io(&self.path, error)),
        }
    }

    /// How many rows the array that comes has.
    fn number(&mut self) -> Result<u64> {
        let start = self.offset;
        let number = self.frame()?.try_into().map(u64::from_le_bytes);
        number.map_err(|_| corrupt(&self.path, start))
    }

    /// Hands the rows of an array to `take`, a frame's at a time, and returns how many there were.
    ///
    /// # Errors
    /// What `take` says, and as [`FrameReader::frame`].
    pub fn each<T: Pod>(&mut self, mut take: impl FnMut(&[T]) -> Result<()>) -> Result<u64> {
        let number = self.number()?;
        let mut rows = Vec::new();
        let mut left = number.saturating_mul(size_of::<T>() as u64);
        while left > 0 {
            let at = self.offset;
            let bytes = self.frame()?;
            let whole = bytes.len().is_multiple_of(size_of::<T>()) && !bytes.is_empty();
            let rest = left.checked_sub(bytes.len() as u64).filter(|_| whole);
            left = rest.ok_or_else(|| corrupt(&self.path, at))?;
            rows.resize(bytes.len() / size_of::<T>(), T::zeroed());
            bytemuck::cast_slice_mut(&mut rows).copy_from_slice(&bytes);
            take(&rows)?;
        }
        Ok(number)
    }

    /// The rows of an array.
    ///
    /// # Errors
    /// As [`FrameReader::frame`].
    pub fn array<T: Pod>(&mut self) -> Result<Vec<T>> {
        let mut all = Vec::new();
        self.each(|rows| {
            all.extend_from_slice(rows);
            Ok(())
        })?;
        Ok(all)
    }

    /// A value that was written as JSON.
    ///
    /// # Errors
    /// As [`FrameReader::frame`].
    pub fn json<T: DeserializeOwned>(&mut self) -> Result<T> {
        let at = self.offset;
        serde_json::from_slice(&self.array::<u8>()?).map_err(|_| corrupt(&self.path, at))
    }

    /// An error that says that the file holds something else than expected.
    pub fn wrong(&self) -> Error {
        corrupt(&self.path, self.offset)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorKind;

    type Rows = Vec<[u32; 3]>;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn test_what_is_written_is_read_and_nothing_else(
            rows in proptest::collection::vec(any::<[u32; 3]>(), 0..500),
            text in "\\PC{0,40}",
            at in any::<proptest::sample::Index>(),
        ) {
            let folder = tempfile::tempdir().expect("a temporary directory");
            let path = folder.path().join("rows");
            let cancel = CancelToken::default();
            let mut writer = FrameWriter::new(File::create(&path).expect("a file"), &path, &cancel);
            writer.array(&rows).expect("room");
            writer.json(&(&text, 0.1)).expect("room");
            let read = || -> Result<(Rows, (String, f64))> {
                let mut reader = FrameReader::open(&path, &cancel)?;
                Ok((reader.array()?, reader.json()?))
            };
            prop_assert_eq!(read().expect("sound"), (rows, (text, 0.1)));
            let whole = fs::read(&path).expect("the file");
            prop_assert_eq!(whole.len() as u64, writer.bytes());
            fs::write(&path, &whole[..at.index(whole.len())]).expect("the file");
            prop_assert_eq!(read().expect_err("it was cut").kind(), ErrorKind::Run);
        }
    }

    #[test]
    fn test_rows_of_many_frames() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("rows");
        let cancel = CancelToken::default();
        let rows: Vec<[u32; 3]> = (0..1_000_000).map(|i| [i, !i, i * 7]).collect();
        let mut writer = FrameWriter::new(File::create(&path).expect("a file"), &path, &cancel);
        writer.array(&rows).expect("room");
        writer.array_of(rows.iter().map(|row| row[1])).expect("room");
        let mut reader = FrameReader::open(&path, &cancel).expect("the file");
        assert!(reader.array::<[u32; 3]>().expect("sound") == rows);
        assert!(reader.array::<u32>().expect("sound").iter().eq(rows.iter().map(|row| &row[1])));
        let mut reader = FrameReader::open(&path, &cancel).expect("the file");
        assert_eq!(reader.array::<[u32; 2]>().expect_err("rows of another size").kind(), ErrorKind::Run);
        cancel.cancel();
        assert_eq!(writer.array(&rows).expect_err("unwanted").kind(), ErrorKind::Cancelled);
    }
}
