//! Text that is kept once: a code per distinct value, with its bytes and how many records hold it.
//!
//! Codes are given in the order in which values first appear, from 1; 0 is missing. Memory: the
//! bytes, 8 bytes for offset and count, and about 8 for the index of a distinct value.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, ErrorKind, Result};

/// Distinct texts with their codes.
#[derive(Debug, Default)]
pub struct Dictionary {
    bytes: Vec<u8>,
    /// End of the text of code `i + 1`.
    ends: Vec<u64>,
    counts: Vec<u32>,
    index: HashTable<u32>,
}

impl Dictionary {
    /// The code of `text`, which one more record holds.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] past 4.29 billion distinct values.
    pub fn intern(&mut self, text: &str) -> Result<u32> {
        self.intern_hashed(text, xxh3_64(text.as_bytes()))
    }

    fn intern_hashed(&mut self, text: &str, hash: u64) -> Result<u32> {
        let Self { bytes, ends, counts, index } = self;
        let same = |&code: &u32| slice(bytes, ends, code) == text.as_bytes();
        if let Some(&code) = index.find(hash, same) {
            counts[code as usize - 1] = counts[code as usize - 1].saturating_add(1);
            return Ok(code);
        }
        let code = u32::try_from(ends.len() + 1).map_err(|_| {
            Error::new(ErrorKind::Data, "an attribute has more than 4.29 billion distinct values")
                .hint("map it as a kind that is packed, such as `image_url`")
        })?;
        bytes.extend_from_slice(text.as_bytes());
        ends.push(bytes.len() as u64);
        counts.push(1);
        index.insert_unique(hash, code, |&code| xxh3_64(slice(bytes, ends, code)));
        Ok(code)
    }

    /// Notes that one more record holds the value of `code`.
    #[inline]
    pub fn count_again(&mut self, code: u32) {
        if let Some(count) = self.counts.get_mut((code as usize).wrapping_sub(1)) {
            *count = count.saturating_add(1);
        }
    }

    /// The text of `code`, empty for 0.
    #[inline]
    pub fn text(&self, code: u32) -> &str {
        if code == 0 {
            return "";
        }
        let bytes = slice(&self.bytes, &self.ends, code);
        debug_assert!(std::str::from_utf8(bytes).is_ok());
        // SAFETY: `intern` alone adds to `bytes`, a whole `str` at a time, and `ends` are the ends of
        // those. Checking again is 7 % of the time of linking.
        #[expect(unsafe_code, reason = "the bytes were a str when they came in")]
        unsafe {
            std::str::from_utf8_unchecked(bytes)
        }
    }

    /// The UTF-8 bytes of the text of `code`, empty for 0.
    #[inline]
    pub fn bytes_of(&self, code: u32) -> &[u8] {
        if code == 0 { &[] } else { slice(&self.bytes, &self.ends, code) }
    }

    /// How many records hold the value of `code`.
    #[inline]
    pub fn count(&self, code: u32) -> u32 {
        if code == 0 { 0 } else { self.counts[code as usize - 1] }
    }

    /// The counts of the codes from 1.
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// How many distinct values there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes held.
    pub fn memory(&self) -> u64 {
        (self.bytes.capacity() + self.ends.capacity() * 8 + self.counts.capacity() * 4 + self.index.capacity() * 5) as u64
    }
}

#[inline]
fn slice<'a>(bytes: &'a [u8], ends: &[u64], code: u32) -> &'a [u8] {
    let at = code as usize - 1;
    let start = if at == 0 { 0 } else { ends[at - 1] as usize };
    &bytes[start..ends[at] as usize]
}

/// The parts of a name, as codes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NameCodes {
    /// Code of the given names in [`Names::parts`].
    pub given: u32,
    /// Code of the family name in [`Names::parts`].
    pub family: u32,
    /// Hash of the order- and script-insensitive key.
    pub key: u32,
}

/// A normalised name on its way into a dictionary.
#[derive(Debug, Clone, Copy)]
pub struct ReadName<'a> {
    /// The whole name.
    pub full: &'a str,
    /// Its given names.
    pub given: &'a str,
    /// Its family name.
    pub family: &'a str,
    /// Hash of the whole name.
    pub hash: u64,
    /// Hash of its order- and script-insensitive key.
    pub key: u32,
}

/// A dictionary of names that knows the parts of each.
///
/// One written name has one division into parts, that of the record in which it first appears.
#[derive(Debug, Default)]
pub struct Names {
    /// The names as a whole.
    pub full: Dictionary,
    /// Given and family names.
    pub parts: Dictionary,
    codes: Vec<NameCodes>,
}

impl Names {
    /// The code of `name`, which one more record holds.
    ///
    /// # Errors
    /// As [`Dictionary::intern`].
    pub fn intern(&mut self, name: &ReadName<'_>) -> Result<u32> {
        let code = self.full.intern_hashed(name.full, name.hash)?;
        if code as usize > self.codes.len() {
            let mut part = |text: &str| if text.is_empty() { Ok(0) } else { self.parts.intern(text) };
            let (given, family) = (part(name.given)?, part(name.family)?);
            self.codes.push(NameCodes { given, family, key: name.key });
        } else {
            self.count_parts(code);
        }
        Ok(code)
    }

    fn count_parts(&mut self, code: u32) {
        let codes = self.codes(code);
        self.parts.count_again(codes.given);
        self.parts.count_again(codes.family);
    }

    /// The parts of the name of `code`; all zero for 0.
    #[inline]
    pub fn codes(&self, code: u32) -> NameCodes {
        self.codes.get((code as usize).wrapping_sub(1)).copied().unwrap_or_default()
    }

    /// Bytes held.
    pub fn memory(&self) -> u64 {
        self.full.memory() + self.parts.memory() + (self.codes.capacity() * size_of::<NameCodes>()) as u64
    }
}
