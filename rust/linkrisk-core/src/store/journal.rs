//! An append-only journal of finished passes and the rows that each gave.
//!
//! ```text
//! rows      frames of rows, of finished passes and perhaps of one that was not finished
//! passes    a frame per finished pass: what it says of itself, and where its rows end
//! ```
//!
//! A pass is finished once its frame is on the disk, which its rows are before. What a killed process
//! left behind the last finished pass is cut off when the journal is opened again.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use bytemuck::Pod;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::runtime::CancelToken;
use crate::runtime::frames::{FrameReader, FrameWriter};

const ROWS: &str = "rows";
const PASSES: &str = "passes";

/// Rows that are gathered before they are written: 1 MiB of 16-byte rows.
const TOGETHER: usize = 1 << 16;

/// A journal of passes of which each says `P` of itself and gives rows of `T`.
#[derive(Debug)]
pub struct Journal<T, P> {
    rows: FrameWriter,
    passes: FrameWriter,
    /// Where the rows of the pass at hand began in their file.
    end: u64,
    open: Vec<T>,
    pass: PhantomData<fn(P)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Finished<P> {
    pass: P,
    end: u64,
}

impl<T: Pod, P: Serialize + DeserializeOwned> Journal<T, P> {
    /// Opens the journal called `name` in `directory`, which is made where it is not there; the passes
    /// that are finished go to `pass`, and their rows, all together and in order, to `take`.
    ///
    /// # Errors
    /// What the two say, [`ErrorKind::Run`](crate::error::ErrorKind::Run) where a finished pass is
    /// corrupt, [`ErrorKind::Io`](crate::error::ErrorKind::Io).
    pub fn open(
        directory: &Path,
        name: &str,
        cancel: &CancelToken,
        mut pass: impl FnMut(P) -> Result<()>,
        mut take: impl FnMut(&[T]) -> Result<()>,
    ) -> Result<Self> {
        let path = |what: &str| directory.join(format!("{name}-{what}"));
        let (rows, passes) = (path(ROWS), path(PASSES));
        let files = (append(&rows)?, append(&passes)?);
        let mut reader = FrameReader::open(&passes, cancel)?;
        let (mut end, mut finished) = (0, 0);
        while let Some(frame) = reader.whole_frame()? {
            let read: Finished<P> = serde_json::from_slice(&frame).map_err(|_| reader.wrong())?;
            end = read.end;
            finished = reader.offset();
            pass(read.pass)?;
        }
        let mut reader = FrameReader::open(&rows, cancel)?;
        while reader.offset() < end {
            reader.each(&mut take)?;
        }
        if reader.offset() != end {
            return Err(reader.wrong());
        }
        let writer = |mut file: File, path: &PathBuf, end: u64| -> Result<FrameWriter> {
            let cut = file.set_len(end).and_then(|()| file.seek(SeekFrom::End(0)));
            cut.map_err(|e| Error::io(path, e))?;
            Ok(FrameWriter::new(file, path, cancel))
        };
        Ok(Self {
            rows: writer(files.0, &rows, end)?,
            passes: writer(files.1, &passes, finished)?,
            end,
            open: Vec::new(),
            pass: PhantomData,
        })
    }

    /// Adds rows to the pass at hand.
    ///
    /// # Errors
    /// As [`FrameWriter::frame`].
    pub fn push(&mut self, rows: &[T]) -> Result<()> {
        self.open.extend_from_slice(rows);
        if self.open.len() >= TOGETHER { self.write() } else { Ok(()) }
    }

    /// Ends the pass at hand, which is `pass`: once this returns it is finished for good.
    ///
    /// # Errors
    /// As [`FrameWriter::frame`].
    pub fn finish(&mut self, pass: P) -> Result<()> {
        self.write()?;
        let end = self.end + self.rows.bytes();
        let text = serde_json::to_vec(&Finished { pass, end }).map_err(|e| Error::internal(e.to_string()))?;
        self.rows.sync()?;
        self.passes.frame(&text)?;
        self.passes.sync()
    }

    fn write(&mut self) -> Result<()> {
        if !self.open.is_empty() {
            self.rows.array(&self.open)?;
            self.open.clear();
        }
        Ok(())
    }
}

fn append(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|e| Error::io(path, e))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorKind;

    type Read = (Vec<u64>, Vec<u64>);

    fn open(directory: &Path) -> Result<(Journal<u64, u64>, Read)> {
        let (mut passes, mut all) = (Vec::new(), Vec::new());
        let cancel = CancelToken::default();
        let pass = |pass| {
            passes.push(pass);
            Ok(())
        };
        let take = |rows: &[u64]| {
            all.extend_from_slice(rows);
            Ok(())
        };
        let journal = Journal::open(directory, "pairs", &cancel, pass, take)?;
        Ok((journal, (passes, all)))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn test_a_journal_that_was_cut_anywhere_holds_the_finished_passes(
            sizes in proptest::collection::vec(0u64..200, 0..5),
            (cut_rows, cut_passes) in any::<(proptest::sample::Index, proptest::sample::Index)>(),
            unfinished in 0u64..100,
        ) {
            let folder = tempfile::tempdir().expect("a temporary directory");
            let (rows, passes) = (folder.path().join("pairs-rows"), folder.path().join("pairs-passes"));
            let (mut journal, empty) = open(folder.path()).expect("room");
            prop_assert_eq!(empty, (Vec::new(), Vec::new()));
            let mut expected = Vec::new();
            let (mut row_ends, mut pass_ends) = (vec![0], vec![0]);
            for (pass, &size) in sizes.iter().enumerate() {
                for row in 0..size {
                    journal.push(&[row]).expect("room");
                    expected.push(row);
                }
                journal.finish(pass as u64).expect("room");
                row_ends.push(fs::metadata(&rows).expect("the file").len());
                pass_ends.push(fs::metadata(&passes).expect("the file").len());
            }
            (0..unfinished).for_each(|row| journal.push(&[row]).expect("room"));
            journal.write().expect("room");
            drop(journal);
            // A process that is killed leaves the log cut somewhere, and more rows than it tells of.
            let whole = fs::read(&passes).expect("the file");
            let kept = cut_passes.index(whole.len() + 1);
            fs::write(&passes, &whole[..kept]).expect("the file");
            let finished = pass_ends.iter().filter(|&&end| end <= kept as u64).count() - 1;
            let text = fs::read(&rows).expect("the file");
            let least = row_ends[finished] as usize;
            fs::write(&rows, &text[..least + cut_rows.index(text.len() - least + 1)]).expect("the file");
            let before: u64 = sizes[..finished].iter().sum();
            expected.truncate(before as usize);
            let known: Vec<u64> = (0..finished as u64).collect();
            let (mut journal, read) = open(folder.path()).expect("sound");
            prop_assert_eq!(read, (known.clone(), expected.clone()));
            // It goes on behind the last finished pass.
            journal.push(&[7, 8]).expect("room");
            journal.finish(99).expect("room");
            drop(journal);
            let (_, read) = open(folder.path()).expect("sound");
            prop_assert_eq!(read, ([known, vec![99]].concat(), [expected, vec![7, 8]].concat()));
        }
    }

    #[test]
    fn test_rows_of_a_finished_pass_that_were_changed_are_an_error() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let (mut journal, _) = open(folder.path()).expect("room");
        journal.push(&[1, 2, 3]).expect("room");
        journal.finish(0).expect("room");
        drop(journal);
        let path = folder.path().join("pairs-rows");
        let mut text = fs::read(&path).expect("the file");
        let last = text.len() - 1;
        text[last] ^= 1;
        fs::write(&path, &text).expect("the file");
        assert_eq!(open(folder.path()).expect_err("a bit was turned").kind(), ErrorKind::Run);
        fs::write(&path, &text[..last]).expect("the file");
        assert_eq!(open(folder.path()).expect_err("it was cut").kind(), ErrorKind::Run);
    }
}
