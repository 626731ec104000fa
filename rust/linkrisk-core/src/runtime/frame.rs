//! Frames: pieces of a file with a checksum each.
//!
//! ```text
//! bytes 0..8                    8..16     16..
//! xxh3 of all that follows |    length  | content
//! ```
//!
//! A frame that was cut short, moved or changed by one bit does not come back as data.

use xxhash_rust::xxh3::Xxh3;

/// Bytes of a frame before its content.
pub const HEADER: usize = 16;

/// The most a frame may hold, so that a reader's buffer stays small.
pub const LARGEST: usize = 1 << 26;

/// What is wrong with a frame; the caller knows the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt;

/// What stands before the content of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    checksum: u64,
    /// Bytes of the content.
    pub length: u64,
}

impl Header {
    /// The header of `content`.
    pub fn of(content: &[u8]) -> Self {
        let length = content.len() as u64;
        Self { checksum: checksum(length, content), length }
    }

    /// The header as bytes.
    pub fn bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&self.checksum.to_le_bytes());
        bytes[8..].copy_from_slice(&self.length.to_le_bytes());
        bytes
    }

    /// Reads a header.
    ///
    /// # Errors
    /// [`Corrupt`] where no frame is as large; its content is not known yet.
    pub fn read(bytes: &[u8; HEADER]) -> Result<Self, Corrupt> {
        let number = |half: &[u8]| half.iter().rev().fold(0, |n, &byte| n << 8 | u64::from(byte));
        let header = Self { checksum: number(&bytes[..8]), length: number(&bytes[8..]) };
        if header.length <= LARGEST as u64 { Ok(header) } else { Err(Corrupt) }
    }

    /// Checks the content that was read behind this header.
    ///
    /// # Errors
    /// [`Corrupt`] where it is not what was written.
    pub fn check(&self, content: &[u8]) -> Result<(), Corrupt> {
        let same = content.len() as u64 == self.length && checksum(self.length, content) == self.checksum;
        if same { Ok(()) } else { Err(Corrupt) }
    }
}

fn checksum(length: u64, content: &[u8]) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(content);
    hasher.digest()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(frame: &[u8]) -> Result<&[u8], Corrupt> {
        let (header, content) = frame.split_first_chunk().ok_or(Corrupt)?;
        Header::read(header)?.check(content).map(|()| content)
    }

    proptest! {
        #[test]
        fn test_a_frame_comes_back_whole_or_not_at_all(
            content in proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..400),
            at in any::<proptest::sample::Index>(),
            bit in 0u8..8,
        ) {
            let mut frame = Header::of(&content).bytes().to_vec();
            frame.extend_from_slice(&content);
            prop_assert_eq!(read(&frame), Ok(content.as_slice()));
            let at = at.index(frame.len());
            frame[at] ^= 1 << bit;
            prop_assert_eq!(read(&frame), Err(Corrupt));
            frame[at] ^= 1 << bit;
            frame.truncate(at);
            prop_assert_eq!(read(&frame), Err(Corrupt));
        }
    }
}
