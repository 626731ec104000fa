//! Frames: pieces of a file with a checksum each, compressed or not.
//!
//! ```text
//! bytes 0..8                      8..12     12..16    16..
//! xxh3 of all that follows   |    length  | stored  | content
//! ```
//!
//! `length` is what the content comes to, `stored` what it takes in the file; content that is compressed
//! (lz4) takes less. A frame that was cut short, moved or changed by one bit does not come back as data.

use xxhash_rust::xxh3::Xxh3;

/// Bytes of a frame before its content.
pub const HEADER: usize = 16;

/// The most a frame may hold, so that lengths fit and a reader's buffer stays small.
pub const LARGEST: usize = 1 << 26;

/// What is wrong with a frame; the caller knows the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt;

/// What a frame's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    checksum: u64,
    /// Bytes of the content.
    pub length: u32,
    /// Bytes it takes in the file after the header.
    pub stored: u32,
}

impl Header {
    /// The header of `stored`, which holds `length` bytes of content.
    fn of(stored: &[u8], length: usize) -> Self {
        let (length, taken) = (length as u32, stored.len() as u32);
        Self { checksum: checksum(length, taken, stored), length, stored: taken }
    }

    /// The header as bytes.
    pub fn bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&self.checksum.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.length.to_le_bytes());
        bytes[12..].copy_from_slice(&self.stored.to_le_bytes());
        bytes
    }

    /// Reads a header.
    ///
    /// # Errors
    /// [`Corrupt`] where no frame has such a header; its content is not known yet.
    pub fn read(bytes: &[u8; HEADER]) -> Result<Self, Corrupt> {
        let number = |at: usize| {
            let mut four = [0; 4];
            four.copy_from_slice(&bytes[at..at + 4]);
            u32::from_le_bytes(four)
        };
        let (length, stored) = (number(8), number(12));
        let checksum = u64::from(number(4)) << 32 | u64::from(number(0));
        let sound = stored <= length && length as usize <= LARGEST;
        if sound { Ok(Self { checksum, length, stored }) } else { Err(Corrupt) }
    }

    /// Checks what was stored and puts the content into `content`, which has its length.
    ///
    /// # Errors
    /// [`Corrupt`] where the two do not belong together.
    pub fn unpack(&self, stored: &[u8], content: &mut [u8]) -> Result<(), Corrupt> {
        self.check(stored)?;
        let length = lz4_flex::block::decompress_into(stored, content).map_err(|_| Corrupt)?;
        if length == content.len() { Ok(()) } else { Err(Corrupt) }
    }

    /// Checks what was stored as it is.
    ///
    /// # Errors
    /// [`Corrupt`] where it was not stored under this header.
    pub fn check(&self, stored: &[u8]) -> Result<(), Corrupt> {
        let same = stored.len() == self.stored as usize
            && checksum(self.length, self.stored, stored) == self.checksum;
        if same { Ok(()) } else { Err(Corrupt) }
    }

    /// Whether the content is compressed.
    pub fn is_compressed(&self) -> bool {
        self.stored < self.length
    }
}

/// The frame of `content` of at most [`LARGEST`] bytes: its header and what to store.
///
/// With a `buffer` the content is compressed into it, and stored so where that makes it smaller.
pub fn pack<'a>(content: &'a [u8], buffer: Option<&'a mut Vec<u8>>) -> (Header, &'a [u8]) {
    debug_assert!(content.len() <= LARGEST);
    if let Some(buffer) = buffer {
        buffer.resize(lz4_flex::block::get_maximum_output_size(content.len()), 0);
        if let Ok(taken) = lz4_flex::block::compress_into(content, buffer)
            && taken < content.len()
        {
            let stored = &buffer[..taken];
            return (Header::of(stored, content.len()), stored);
        }
    }
    (Header::of(content, content.len()), content)
}

fn checksum(length: u32, stored: u32, content: &[u8]) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(&stored.to_le_bytes());
    hasher.update(content);
    hasher.digest()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(frame: &[u8]) -> Result<Vec<u8>, Corrupt> {
        let (header, stored) = frame.split_first_chunk().ok_or(Corrupt)?;
        let header = Header::read(header)?;
        let mut content = vec![0; header.length as usize];
        if header.is_compressed() {
            header.unpack(stored, &mut content)?;
        } else {
            header.check(stored)?;
            content.copy_from_slice(stored);
        }
        Ok(content)
    }

    proptest! {
        #[test]
        fn test_a_frame_comes_back_whole_or_not_at_all(
            content in proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..400),
            compress in any::<bool>(),
            at in any::<proptest::sample::Index>(),
            bit in 0u8..8,
        ) {
            let mut buffer = Vec::new();
            let (header, stored) = pack(&content, compress.then_some(&mut buffer));
            let mut frame = header.bytes().to_vec();
            frame.extend_from_slice(stored);
            prop_assert_eq!(read(&frame), Ok(content));
            let at = at.index(frame.len());
            frame[at] ^= 1 << bit;
            prop_assert_eq!(read(&frame), Err(Corrupt));
            frame[at] ^= 1 << bit;
            frame.truncate(at);
            prop_assert_eq!(read(&frame), Err(Corrupt));
        }
    }
}
