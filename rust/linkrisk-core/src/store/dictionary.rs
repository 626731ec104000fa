//! Text that is kept once: a code per distinct value, with its bytes and how many records hold it.
//!
//! Codes are given in the order in which values first appear, from 1; 0 is missing. Memory:
//! 16 bytes, 4 for the count and about 6 for the index of a distinct value, and its bytes
//! beyond 15. The texts may rest on disk, which leaves the count, and the index until all are read.

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};
use hashbrown::HashTable;
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::growing::GrowingArray;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::Context;
use crate::runtime::frames::{FrameReader, FrameWriter};
use crate::runtime::spill::Spill;

/// Distinct texts with their codes.
#[derive(Debug, Default)]
pub struct Dictionary {
    heads: GrowingArray<Head>,
    /// Texts that are too long for a head.
    long: GrowingArray<u8>,
    counts: Vec<u32>,
    index: HashTable<u32>,
    is_complete: bool,
}

/// A text of up to 15 bytes itself, or where a longer one is: 16 bytes, aligned, so that reading a
/// name costs one cache miss and not two.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C, align(16))]
struct Head([u8; 16]);

/// Longest text that rests in its head.
const SHORT: usize = 15;

/// Length byte of a head whose text is elsewhere.
const LONG: u8 = u8::MAX;

impl Head {
    fn new(text: &str, long: &mut GrowingArray<u8>) -> Self {
        let mut head = [0; 16];
        if text.len() <= SHORT {
            head[..text.len()].copy_from_slice(text.as_bytes());
            head[SHORT] = text.len() as u8;
        } else {
            // 48 bits of offset and 32 of length: 256 TiB of text, and none longer than 4 GiB.
            head[..6].copy_from_slice(&(long.len() as u64).to_le_bytes()[..6]);
            head[8..12].copy_from_slice(&(text.len() as u32).to_le_bytes());
            head[SHORT] = LONG;
            long.extend(text.as_bytes());
        }
        Self(head)
    }

    #[inline(always)]
    fn bytes<'a>(&'a self, long: &'a GrowingArray<u8>) -> &'a [u8] {
        if self.0[SHORT] != LONG {
            return &self.0[..usize::from(self.0[SHORT]).min(SHORT)];
        }
        let (start, length) = self.place();
        long.slice(start, length).unwrap_or_default()
    }

    /// Where a text that is too long for its head begins, and its length.
    #[inline(always)]
    fn place(&self) -> (usize, usize) {
        let mut start = [0; 8];
        start[..6].copy_from_slice(&self.0[..6]);
        let mut length = [0; 4];
        length.copy_from_slice(&self.0[8..12]);
        (u64::from_le_bytes(start) as usize, u32::from_le_bytes(length) as usize)
    }

    /// Whether the head is that of a text.
    fn is_sound(&self, long: &GrowingArray<u8>) -> bool {
        let (start, length) = self.place();
        let there = match self.0[SHORT] {
            LONG => long.slice(start, length).is_some(),
            short => usize::from(short) <= SHORT,
        };
        there && std::str::from_utf8(self.bytes(long)).is_ok()
    }
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
        let Self { heads, long, counts, index, is_complete } = self;
        if *is_complete {
            return Err(Error::internal("a text came after all were read"));
        }
        let bytes_of = |code: u32| heads.get(code as usize - 1).map_or(&[][..], |head| head.bytes(long));
        let same = |&code: &u32| bytes_of(code) == text.as_bytes();
        if let Some(&code) = index.find(hash, same) {
            counts[code as usize - 1] = counts[code as usize - 1].saturating_add(1);
            return Ok(code);
        }
        let code = u32::try_from(heads.len() + 1).map_err(|_| {
            Error::new(ErrorKind::Data, "an attribute has more than 4.29 billion distinct values")
                .hint("map it as a kind that is packed, such as `image_url`")
        })?;
        index.insert_unique(hash, code, |&code| xxh3_64(bytes_of(code)));
        heads.push(Head::new(text, long));
        counts.push(1);
        Ok(code)
    }

    /// Notes that one more record holds the value of `code`.
    #[inline]
    pub fn count_again(&mut self, code: u32) {
        if let Some(count) = self.counts.get_mut((code as usize).wrapping_sub(1)) {
            *count = count.saturating_add(1);
        }
    }

    /// Notes that no record holds the value of `code` any more.
    pub fn take_out(&mut self, code: u32) {
        if let Some(count) = self.counts.get_mut((code as usize).wrapping_sub(1)) {
            *count = 0;
        }
    }

    /// The text of `code`, empty for 0.
    #[inline]
    pub fn text(&self, code: u32) -> &str {
        let Some(head) = self.heads.get((code as usize).wrapping_sub(1)) else { return "" };
        let bytes = head.bytes(&self.long);
        if self.heads.is_on_disk(code as usize - 1) {
            // Checked once all were read and not before.
            return std::str::from_utf8(bytes).unwrap_or_default();
        }
        debug_assert!(std::str::from_utf8(bytes).is_ok());
        // SAFETY: `intern` makes heads, of a whole `str` each, `load` takes in only such, and nothing
        // changes one; a text is on disk only if its head is. Checking again is 7 % of the time of linking.
        #[expect(unsafe_code, reason = "the bytes were a str when they came in")]
        unsafe {
            std::str::from_utf8_unchecked(bytes)
        }
    }

    /// Moves the texts to disk.
    ///
    /// # Errors
    /// As [`GrowingArray::spill`].
    pub fn spill(&mut self, spill: &Arc<Spill>) -> Result<()> {
        self.heads.spill("texts", spill)?;
        self.long.spill("long-texts", spill)
    }

    /// Checks the texts that are on disk.
    ///
    /// # Errors
    /// As [`GrowingArray::check`].
    pub fn check(&self, context: &Context) -> Result<()> {
        self.heads.check(context)?;
        self.long.check(context)
    }

    /// Bytes that [`Dictionary::spill`] sets free.
    pub fn texts_memory(&self) -> u64 {
        self.heads.memory() + self.long.memory()
    }

    /// Forgets how codes are found: no text comes any more.
    pub fn complete(&mut self) {
        self.index = HashTable::new();
        self.is_complete = true;
    }

    /// Reads the head of `code` and nothing of it: the caches then have it when it is compared.
    #[inline(always)]
    pub fn touch(&self, code: u32) -> u8 {
        self.heads.get((code as usize).wrapping_sub(1)).map_or(0, |head| head.0[SHORT])
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
        self.heads.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Writes the dictionary.
    ///
    /// # Errors
    /// As [`FrameWriter::frame`].
    pub fn save(&self, writer: &mut FrameWriter) -> Result<()> {
        self.heads.save(writer)?;
        self.long.save(writer)?;
        writer.array(&self.counts)
    }

    /// Reads a dictionary that was written, which is complete; texts for which there is no memory stay on disk.
    ///
    /// # Errors
    /// As [`FrameReader::frame`] and [`Dictionary::spill`].
    pub fn load(reader: &mut FrameReader, context: &Context) -> Result<Self> {
        let mut read = Self { is_complete: true, ..Self::default() };
        let fits = |bytes: u64| bytes < context.memory.free() / 2;
        reader.each(|heads: &[Head]| {
            read.heads.extend(heads);
            if fits(read.heads.memory()) { Ok(()) } else { read.heads.spill("texts", &context.spill) }
        })?;
        reader.each(|long: &[u8]| {
            read.long.extend(long);
            if fits(read.texts_memory()) { Ok(()) } else { read.spill(&context.spill) }
        })?;
        read.counts = reader.array()?;
        let is_sound =
            read.heads.len() == read.counts.len() && read.heads.iter().all(|head| head.is_sound(&read.long));
        if is_sound { Ok(read) } else { Err(reader.wrong()) }
    }

    /// Bytes held.
    pub fn memory(&self) -> u64 {
        self.texts_memory() + (self.counts.capacity() * 4 + self.index.capacity() * 5) as u64
    }
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
    /// Hash of the whole name: what rests in the record for it, never zero.
    pub whole: u32,
    /// Its given names, and their hash.
    pub given: (&'a str, u64),
    /// Its family name, and its hash.
    pub family: (&'a str, u64),
    /// Hash of its order- and script-insensitive key.
    pub key: u32,
}

/// The names of an attribute: their parts in a dictionary, the whole names as hashes.
///
/// People have few given and family names and nearly as many whole ones as there are people: of 100
/// million records a dictionary of whole names took 1.5 GB and a third of the time of reading, the
/// parts take 40 MB. Two different names have one hash of 32 bits once in 4.3 billion pairs.
#[derive(Debug, Default)]
pub struct Names {
    /// Given and family names.
    pub parts: Dictionary,
    /// Names of which both parts are known, over all records.
    pub in_two_parts: u64,
    /// How many whole names are held by how many records, ascending by records; known once the store is
    /// complete.
    pub sizes: Vec<(u64, u64)>,
    /// Records that hold a whole name, by its hash, for names of [`Names::least`] records and more.
    frequent: FxHashMap<u32, u32>,
    /// The hashes of the parts seen last with their codes: frequent ones are found without a look at the
    /// dictionary, which is larger than the caches. Two parts of one 64-bit hash would be taken for each other.
    recent: Vec<(u64, u32)>,
}

/// Parts that are kept at hand: 256 KiB, beside which a batch stays in the second-level cache.
const RECENT: usize = 1 << 14;

impl Names {
    /// From how many records on a name of `records` records is frequent: one in a million, which at most
    /// a million names are.
    pub fn least(records: u32) -> u64 {
        u64::from(records.div_ceil(1_000_000)).max(3)
    }

    /// The codes of `name`, which one more record holds.
    ///
    /// # Errors
    /// As [`Dictionary::intern`].
    pub fn intern(&mut self, name: &ReadName<'_>) -> Result<NameCodes> {
        let Self { parts, recent, .. } = self;
        let mut part = |(text, hash): (&str, u64)| {
            if text.is_empty() {
                return Ok(0);
            }
            if recent.is_empty() {
                *recent = vec![(0, 0); RECENT];
            }
            let entry = &mut recent[hash as usize % RECENT];
            if entry.0 == hash && entry.1 != 0 {
                parts.count_again(entry.1);
            } else {
                *entry = (hash, parts.intern_hashed(text, hash)?);
            }
            Ok(entry.1)
        };
        let (given, family) = (part(name.given)?, part(name.family)?);
        self.in_two_parts += u64::from(given != 0 && family != 0);
        Ok(NameCodes { given, family, key: name.key })
    }

    pub(super) fn set_counts(&mut self, sizes: Vec<(u64, u64)>, frequent: &[(u64, u64)]) {
        self.sizes = sizes;
        // Nothing more is read.
        self.recent = Vec::new();
        self.parts.complete();
        let count = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        self.frequent = frequent.iter().map(|&(hash, n)| (hash as u32, count(n))).collect();
    }

    /// How many records hold the whole name of this hash; zero for a rare one.
    #[inline]
    pub fn count(&self, whole: u32) -> u32 {
        self.frequent.get(&whole).copied().unwrap_or(0)
    }

    /// The name as one text, given names first.
    pub fn text(&self, codes: NameCodes) -> String {
        let (given, family) = (self.parts.text(codes.given), self.parts.text(codes.family));
        let mut text = String::with_capacity(given.len() + family.len() + 1);
        text.push_str(given);
        if !given.is_empty() && !family.is_empty() {
            text.push(' ');
        }
        text.push_str(family);
        text
    }

    /// Writes the names.
    ///
    /// # Errors
    /// As [`FrameWriter::frame`].
    pub fn save(&self, writer: &mut FrameWriter) -> Result<()> {
        self.parts.save(writer)?;
        let mut frequent: Vec<[u32; 2]> = self.frequent.iter().map(|(&hash, &n)| [hash, n]).collect();
        frequent.sort_unstable();
        writer.array(&frequent)?;
        writer.json(&(self.in_two_parts, &self.sizes))
    }

    /// Reads names that were written.
    ///
    /// # Errors
    /// As [`FrameReader::frame`].
    pub fn load(reader: &mut FrameReader, context: &Context) -> Result<Self> {
        let parts = Dictionary::load(reader, context)?;
        let frequent = reader.array::<[u32; 2]>()?.into_iter().map(|[hash, n]| (hash, n)).collect();
        let (in_two_parts, sizes) = reader.json()?;
        Ok(Self { parts, in_two_parts, sizes, frequent, recent: Vec::new() })
    }

    /// Bytes held.
    pub fn memory(&self) -> u64 {
        self.parts.memory() + (self.frequent.capacity() * 9 + self.recent.capacity() * 16) as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn test_texts_of_every_length_come_back() {
        let mut dictionary = Dictionary::default();
        // Around the longest text of a head, and a length whose low byte is that of a long head's mark.
        let texts: Vec<String> = [0, 1, 14, 15, 16, 17, 254, 255, 256, 300, 511]
            .iter()
            .flat_map(|&length| ["a", "b"].map(|c| c.repeat(length)))
            .chain(["é".repeat(7), "é".repeat(8), "张晓明张晓".to_owned(), "张晓明张晓明".to_owned()])
            .collect();
        let codes: Vec<u32> = texts.iter().map(|t| dictionary.intern(t).expect("room")).collect();
        for (text, &code) in texts.iter().zip(&codes) {
            assert_eq!(dictionary.text(code), text);
            assert_eq!(dictionary.intern(text).expect("room"), code);
        }
        // The empty text is in the list twice.
        assert_eq!(dictionary.len(), texts.len() - 1);
        assert_eq!((dictionary.count(codes[0]), dictionary.count(codes[2])), (4, 2));
        assert_eq!((dictionary.text(0), dictionary.count(0)), ("", 0));
    }

    proptest! {
        #[test]
        fn test_a_code_per_distinct_text_in_the_order_of_appearance(
            texts in proptest::collection::vec("[ab]{0,3}|[a-c]{14,17}|\\PC{0,40}", 0..60),
        ) {
            let mut dictionary = Dictionary::default();
            let mut seen: Vec<(&str, u32)> = Vec::new();
            for text in &texts {
                let code = dictionary.intern(text).expect("room");
                match seen.iter_mut().find(|(known, _)| known == text) {
                    Some((_, count)) => *count += 1,
                    None => {
                        seen.push((text, 1));
                        prop_assert_eq!(code as usize, seen.len());
                    }
                }
            }
            prop_assert_eq!(dictionary.len(), seen.len());
            for (at, &(text, count)) in seen.iter().enumerate() {
                let code = at as u32 + 1;
                prop_assert_eq!((dictionary.text(code), dictionary.count(code)), (text, count));
            }
        }
    }
}
