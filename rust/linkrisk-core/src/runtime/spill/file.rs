//! One spilled file: frames that any thread appends and reads.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use memmap2::Mmap;

use super::Spill;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::frame::{self, Corrupt, HEADER, Header};

/// A file of a run's spill directory; it goes with its last use.
#[derive(Debug)]
pub struct SpillFile {
    spill: Arc<Spill>,
    path: PathBuf,
    /// Reads the file; writers take turns at the other.
    reader: File,
    writer: Mutex<Writer>,
}

#[derive(Debug)]
struct Writer {
    file: File,
    end: u64,
}

/// Where a frame rests in its file.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    offset: u64,
    /// Bytes of its content.
    pub length: u32,
}

impl SpillFile {
    /// Makes an empty file that its owner calls `name`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] or [`ErrorKind::SpillLimit`].
    pub fn create(spill: &Arc<Spill>, name: &str) -> Result<Self> {
        let path = spill.enter(name)?;
        let open = || {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let file = options.open(&path)?;
            Ok((File::open(&path)?, file))
        };
        match open() {
            Ok((reader, file)) => {
                let writer = Mutex::new(Writer { file, end: 0 });
                Ok(Self { spill: Arc::clone(spill), path, reader, writer })
            }
            Err(error) => {
                let error = Error::io(&path, error);
                let _ = std::fs::remove_file(&path);
                spill.leave();
                Err(error)
            }
        }
    }

    /// Writes a frame of at most [`frame::LARGEST`] bytes to the end.
    ///
    /// Writers take turns: a file system lets one at a time append to a file anyway.
    ///
    /// # Errors
    /// [`ErrorKind::SpillLimit`] where quota or disk have no room, [`ErrorKind::Io`].
    pub fn append(&self, content: &[u8]) -> Result<Frame> {
        if content.len() > frame::LARGEST {
            return Err(Error::internal("a frame is too large"));
        }
        let mut writer = self.writer.lock().unwrap_or_else(|e| e.into_inner());
        let Writer { file, end } = &mut *writer;
        let taken = (HEADER + content.len()) as u64;
        self.spill.claim(taken)?;
        let written = file.write_all(&Header::of(content).bytes()).and_then(|()| file.write_all(content));
        // Counted also where the write failed, for a part of it may be on the disk.
        let offset = *end;
        *end += taken;
        written.map_err(|e| Error::io(&self.path, e))?;
        Ok(Frame { offset, length: content.len() as u32 })
    }

    /// Writes `content` to the end as it is, for [`SpillFile::map`]: in a file without frames.
    ///
    /// # Errors
    /// As [`SpillFile::append`].
    pub fn extend(&self, content: &[u8]) -> Result<()> {
        let mut writer = self.writer.lock().unwrap_or_else(|e| e.into_inner());
        let Writer { file, end } = &mut *writer;
        self.spill.claim(content.len() as u64)?;
        *end += content.len() as u64;
        file.write_all(content).map_err(|e| Error::io(&self.path, e))
    }

    /// The whole file as it is now, read where it rests. Nothing is checked as it is read: whoever reads must bear
    /// with anything, and check before anything comes of it.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub fn map(&self) -> Result<Mmap> {
        // SAFETY: the file is in a directory of this run and for its owner alone; it is written at its end only,
        // behind what is mapped, and stays until it is dropped.
        #[expect(unsafe_code, reason = "nothing tells the compiler that no other process changes a file")]
        let map = unsafe { Mmap::map(&self.reader) };
        map.map_err(|e| Error::io(&self.path, e))
    }

    /// Reads a frame into `content`, which has its length.
    ///
    /// # Errors
    /// [`ErrorKind::Run`] where the file was changed or cut, [`ErrorKind::Io`].
    pub fn read(&self, frame: Frame, content: &mut [u8]) -> Result<()> {
        let mut head = [0; HEADER];
        self.read_at(&mut head, frame.offset)?;
        self.read_at(content, frame.offset + HEADER as u64)?;
        let checked = Header::read(&head).and_then(|header| header.check(content));
        checked.map_err(|Corrupt| corrupt(&self.path, frame.offset))
    }

    /// Reads a part of a frame, `from` bytes behind its beginning, into `content`.
    ///
    /// The checksum is that of the whole frame, so a part is not checked: for records that are looked at one
    /// by one after the frame was read whole.
    ///
    /// # Errors
    /// [`ErrorKind::Run`] where the file was cut, [`ErrorKind::Io`].
    pub fn read_part(&self, frame: Frame, from: u64, content: &mut [u8]) -> Result<()> {
        if from + content.len() as u64 > u64::from(frame.length) {
            return Err(Error::internal("a part reaches beyond its frame"));
        }
        self.read_at(content, frame.offset + HEADER as u64 + from)
    }

    /// Writes other content of the same length over a frame.
    ///
    /// A write that fails leaves the frame corrupt, and reading it says so.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] or [`ErrorKind::SpillLimit`]; [`ErrorKind::Internal`] where the length differs.
    pub fn overwrite(&self, frame: Frame, content: &[u8]) -> Result<()> {
        if content.len() != frame.length as usize {
            return Err(Error::internal("a frame is overwritten by one of another length"));
        }
        let writer = self.writer.lock().unwrap_or_else(|e| e.into_inner());
        let start = frame.offset + HEADER as u64;
        write_all_at(&writer.file, &Header::of(content).bytes(), frame.offset)
            .and_then(|()| write_all_at(&writer.file, content, start))
            .map_err(|e| Error::io(&self.path, e))
    }

    /// Checks that the file is as long as it was written.
    ///
    /// # Errors
    /// [`ErrorKind::Run`] where it is not, [`ErrorKind::Io`].
    pub fn check_length(&self) -> Result<()> {
        let (there, written) =
            (self.reader.metadata().map_err(|e| Error::io(&self.path, e))?.len(), self.bytes());
        if there == written { Ok(()) } else { Err(self.corrupt(there.min(written))) }
    }

    /// The error of a file whose content at `offset` is not what was written.
    pub fn corrupt(&self, offset: u64) -> Error {
        corrupt(&self.path, offset)
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> u64 {
        self.writer.lock().unwrap_or_else(|e| e.into_inner()).end
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        read_exact_at(&self.reader, buffer, offset).map_err(|error| {
            if error.kind() == std::io::ErrorKind::UnexpectedEof {
                return corrupt(&self.path, offset);
            }
            Error::io(&self.path, error)
        })
    }
}

impl Drop for SpillFile {
    fn drop(&mut self) {
        // What cannot be removed is private, and swept with its directory by a later run.
        let _ = std::fs::remove_file(&self.path);
        let end = self.writer.get_mut().unwrap_or_else(|e| e.into_inner()).end;
        self.spill.release(end);
        self.spill.leave();
    }
}

/// A file whose content is not what was written.
pub fn corrupt(path: &std::path::Path, offset: u64) -> Error {
    Error::new(ErrorKind::Run, format!("`{}` is corrupt at byte {offset}", path.display()))
        .hint("something else wrote to the file, or the disk fails: check it and run again")
        .detail("path", path.display())
        .detail("offset", offset)
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(unix)]
fn write_all_at(file: &File, buffer: &[u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, buffer, offset)
}

#[cfg(windows)]
fn write_all_at(file: &File, mut buffer: &[u8], mut offset: u64) -> std::io::Result<()> {
    // Writing at an offset moves the file's own position here, which appending goes by.
    use std::io::{Seek, SeekFrom};
    let mut file = file;
    let end = file.stream_position()?;
    while !buffer.is_empty() {
        let n = std::os::windows::fs::FileExt::seek_write(file, buffer, offset)?;
        (buffer, offset) = (&buffer[n..], offset + n as u64);
    }
    file.seek(SeekFrom::Start(end)).map(drop)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> std::io::Result<()> {
    while !buffer.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, offset)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            n => (buffer, offset) = (&mut buffer[n..], offset + n as u64),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn bytes(seed: u8, length: usize) -> Vec<u8> {
        (0..length).map(|i| (i as u8).wrapping_mul(seed)).collect()
    }

    #[test]
    fn test_a_corrupt_frame_is_an_error_that_names_the_file() {
        let base = tempfile::tempdir().expect("a temporary directory");
        let spill = Spill::new(base.path(), None);
        let file = SpillFile::create(&spill, "pairs").expect("room");
        let first = file.append(&bytes(7, 5_000)).expect("room");
        let second = file.append(&bytes(0, 5_000)).expect("room");
        let read = |frame: Frame| {
            let mut content = vec![0; frame.length as usize];
            file.read(frame, &mut content).map(|()| content)
        };
        assert_eq!(read(second).expect("sound"), bytes(0, 5_000));
        let mut text = fs::read(&file.path).expect("the file");
        text[HEADER + 40] ^= 1;
        fs::write(&file.path, &text).expect("the file");
        let error = read(first).expect_err("a bit was turned");
        assert_eq!(error.kind(), ErrorKind::Run);
        assert!(error.to_string().contains(&file.path.display().to_string()), "{error}");
        assert_eq!(read(second).expect("sound"), bytes(0, 5_000));
        fs::write(&file.path, &text[..text.len() - 1]).expect("the file");
        assert_eq!(read(second).expect_err("it was cut").kind(), ErrorKind::Run);
    }

    #[test]
    fn test_the_quota_is_asked_before_a_write() {
        let base = tempfile::tempdir().expect("a temporary directory");
        let spill = Spill::new(base.path(), Some(4_000));
        let file = SpillFile::create(&spill, "pairs").expect("room");
        file.append(&bytes(3, 3_000)).expect("it fits");
        let error = file.append(&bytes(3, 1_000)).expect_err("a thousand and its header do not fit");
        assert_eq!(error.kind(), ErrorKind::SpillLimit);
        let detail = |name: &str| {
            error.details().iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
        };
        let free = (4_000 - 3_000 - HEADER).to_string();
        assert_eq!((detail("needed"), detail("free")), (Some("1016"), Some(free.as_str())));
        assert_eq!(detail("path"), base.path().to_str());
        assert_eq!(fs::metadata(&file.path).expect("the file").len(), spill.held());
        drop(file);
        assert_eq!((spill.held(), spill.written()), (0, 3_000 + HEADER as u64));
        let file = SpillFile::create(&spill, "pairs").expect("room again");
        file.append(&bytes(3, 3_000)).expect("what is gone counts no more");
        let error = spill.require(u64::MAX / 2).expect_err("no such quota");
        assert_eq!(error.kind(), ErrorKind::SpillLimit);
        let unlimited = Spill::new(&base.path().join("not/there/yet"), None);
        let error = unlimited.require(u64::MAX / 2).expect_err("no such disk");
        assert_eq!(error.kind(), ErrorKind::SpillLimit);
        assert!(error.to_string().contains("not/there/yet") && error.to_string().contains("free"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn test_the_directory_is_private_and_goes_with_its_last_file() {
        use std::os::unix::fs::PermissionsExt;
        let base = tempfile::tempdir().expect("a temporary directory");
        let spill = Spill::new(base.path(), None);
        let entries = || fs::read_dir(base.path()).expect("the base").flatten().count();
        assert_eq!(entries(), 0, "nothing is made before it is needed");
        let (a, b) = (SpillFile::create(&spill, "a"), SpillFile::create(&spill, "b"));
        let (a, b) = (a.expect("room"), b.expect("room"));
        let mode =
            |path: &std::path::Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!((mode(&a.path), mode(a.path.parent().expect("a parent"))), (0o600, 0o700));
        drop(a);
        assert_eq!(entries(), 1);
        drop(b);
        assert_eq!(entries(), 0);
        let again = SpillFile::create(&spill, "c").expect("room");
        assert_eq!(entries(), 1);
        drop(again);
        assert_eq!(entries(), 0);
    }
}
