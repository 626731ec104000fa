//! The groups of the records of a store, by the values of their group attributes.

use std::sync::atomic::{AtomicU8, Ordering};

use rustc_hash::FxHashMap;

use super::at_rest::Members;
use crate::compare::classes::{ATTRIBUTES, Classes, Codes, Groups};
use crate::error::{Error, ErrorKind, Result};
use crate::kind::Kind;
use crate::normalise::text::SEXES;
use crate::runtime::Context;
use crate::store::{Store, Values};

/// Values of an attribute that are told apart, the most frequent; the rest are of no group.
const VALUES: usize = 48;

/// Values of an attribute at the most: what has more says who somebody is, and not of which group.
const DISTINCT: usize = 1 << 16;

/// The classes of `members` by the values of `attributes`, given by number, and the templates of each.
///
/// Cost: the store is read three times. Memory: a byte for each record.
///
/// # Errors
/// [`ErrorKind::Data`] where an attribute has more than 65,536 values, [`ErrorKind::Spec`] where there are more than
/// four attributes, [`ErrorKind::MemoryLimit`], and as [`Store::scan`].
pub fn classes(
    store: &Store,
    members: &Members<'_>,
    attributes: &[usize],
    context: &Context,
) -> Result<Classes> {
    if attributes.len() > ATTRIBUTES {
        return Err(Error::new(
            ErrorKind::Spec,
            format!(
                "one comparison of templates has {} group attributes; {ATTRIBUTES} is the limit",
                attributes.len()
            ),
        )
        .hint("name fewer in `groups` of `[[linkage.templates]]`, such as sex and age band"));
    }
    let coded = Coded::new(store, members, attributes, context)?;
    let sources = store.sources.len();
    let mut codes = coded.groups(store, members, context)?;
    codes.truncate(Classes::most_groups(sources).saturating_sub(1));
    if !codes.contains(&[0; ATTRIBUTES]) {
        codes.push([0; ATTRIBUTES]);
    }
    let classes = sources * codes.len();
    let bytes = u64::from(store.len()) + Classes::bytes(classes);
    let held = context.memory.reserve("groups of records", bytes)?;
    let of_record: Vec<AtomicU8> = (0..store.len()).map(|_| AtomicU8::new(0)).collect();
    let numbers: FxHashMap<Codes, u8> = codes.iter().copied().zip(0..).collect();
    let rest = numbers[&[0; ATTRIBUTES]];
    let width = store.layout.words;
    let counted = store.scan(
        context,
        || vec![0u64; classes],
        |sizes, first, words| {
            for (words, record) in
                words.chunks_exact(width).zip(first..).filter(|(_, record)| members.has(*record))
            {
                let group = numbers.get(&coded.of(store, words)).copied().unwrap_or(rest);
                of_record[record as usize].store(group, Ordering::Relaxed);
                sizes[store.source_of(record) * codes.len() + usize::from(group)] += 1;
            }
            Ok(())
        },
    )?;
    let mut sizes = vec![0; classes];
    counted.iter().for_each(|more| sizes.iter_mut().zip(more).for_each(|(size, more)| *size += more));
    let names = coded.names(store);
    let duplicate_free: Vec<bool> = store.sources.iter().map(|source| source.duplicate_free).collect();
    Ok(Classes::of_groups(&duplicate_free, Groups { names, codes, of_record, held }, &sizes))
}

/// Group attributes, and the code of each value that is told apart.
struct Coded(Vec<(usize, FxHashMap<u64, u8>)>);

impl Coded {
    fn new(store: &Store, members: &Members<'_>, attributes: &[usize], context: &Context) -> Result<Self> {
        let width = store.layout.words;
        let code = |&attribute: &usize| {
            let slot = store.layout.attributes[attribute].slot;
            let many = || {
                let name = &store.layout.attributes[attribute].name;
                Error::new(
                    ErrorKind::Data,
                    format!("attribute `{name}` has too many values to tell groups of people"),
                )
                .hint("name another in `groups` of `[[linkage.templates]]`, such as an age band")
                .detail("attribute", name)
                .detail("most", DISTINCT)
            };
            let counted = store.scan(
                context,
                FxHashMap::default,
                |counts: &mut FxHashMap<u64, u64>, first, words| {
                    for (words, record) in words.chunks_exact(width).zip(first..) {
                        let value = slot.get(words);
                        if value != 0 && members.has(record) {
                            *counts.entry(value).or_default() += 1;
                        }
                    }
                    if counts.len() > DISTINCT { Err(many()) } else { Ok(()) }
                },
            )?;
            let mut counts: FxHashMap<u64, u64> = FxHashMap::default();
            counted.into_iter().flatten().for_each(|(value, n)| *counts.entry(value).or_default() += n);
            if counts.len() > DISTINCT {
                return Err(many());
            }
            let mut values: Vec<(u64, u64)> = counts.into_iter().collect();
            values.sort_unstable_by_key(|&(value, n)| (std::cmp::Reverse(n), value));
            Ok((attribute, values.into_iter().take(VALUES).map(|(value, _)| value).zip(1..).collect()))
        };
        Ok(Self(attributes.iter().map(code).collect::<Result<_>>()?))
    }

    /// What a record has in them.
    fn of(&self, store: &Store, words: &[u64]) -> Codes {
        let mut made = [0; ATTRIBUTES];
        for (made, (attribute, codes)) in made.iter_mut().zip(&self.0) {
            let value = store.layout.attributes[*attribute].slot.get(words);
            *made = codes.get(&value).copied().unwrap_or(0);
        }
        made
    }

    /// The groups there are, the largest first.
    fn groups(&self, store: &Store, members: &Members<'_>, context: &Context) -> Result<Vec<Codes>> {
        let width = store.layout.words;
        let counted =
            store.scan(context, FxHashMap::default, |counts: &mut FxHashMap<Codes, u64>, first, words| {
                for (words, record) in words.chunks_exact(width).zip(first..) {
                    if members.has(record) {
                        *counts.entry(self.of(store, words)).or_default() += 1;
                    }
                }
                Ok(())
            })?;
        let mut counts: FxHashMap<Codes, u64> = FxHashMap::default();
        counted.into_iter().flatten().for_each(|(codes, n)| *counts.entry(codes).or_default() += n);
        let mut groups: Vec<(Codes, u64)> = counts.into_iter().collect();
        groups.sort_unstable_by_key(|&(codes, n)| (std::cmp::Reverse(n), codes));
        Ok(groups.into_iter().map(|(codes, _)| codes).collect())
    }

    /// The attributes with what their values are called, by code from 1: sexes and categories by themselves, other
    /// values, which may say who somebody is, by the rank of their frequency.
    fn names(&self, store: &Store) -> Vec<(String, Vec<String>)> {
        let names = |(attribute, codes): &(usize, FxHashMap<u64, u8>)| {
            let laid = &store.layout.attributes[*attribute];
            let mut values: Vec<(u8, u64)> = codes.iter().map(|(&value, &code)| (code, value)).collect();
            values.sort_unstable();
            let name = |&(code, value): &(u8, u64)| match (laid.kind, &store.columns[*attribute].values) {
                (Kind::Sex, _) => SEXES[(value & 3) as usize].to_owned(),
                (Kind::Category, Values::Text(texts)) => texts.text(value as u32).to_owned(),
                _ => format!("no. {code}"),
            };
            (laid.name.clone(), values.iter().map(name).collect())
        };
        self.0.iter().map(names).collect()
    }
}
