//! Blocking rules, resolved against the store.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, ErrorKind, Result};
use crate::kernel::hash::combine;
use crate::kernel::plate;
use crate::kind::{Kind, Storage};
use crate::spec::BlockingRuleSpec;
use crate::store::{NO_COUNTRY, PARTIAL, Slot, Store, Values};

/// What of an attribute's value two records must share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Part {
    /// The whole value.
    Whole,
    /// The given names of a name.
    Given,
    /// The family name of a name.
    Family,
    /// The order- and script-insensitive key of a name.
    Key,
    /// The year of a date.
    Year,
    /// The month and day of a date.
    MonthDay,
    /// A plate up to its OCR confusion classes.
    Folded,
    /// The last six digits of a telephone number.
    Last6,
    /// The first four characters of a text or a given name.
    Prefix4,
}

impl Part {
    const ALL: [Part; 9] = [
        Part::Whole,
        Part::Given,
        Part::Family,
        Part::Key,
        Part::Year,
        Part::MonthDay,
        Part::Folded,
        Part::Last6,
        Part::Prefix4,
    ];

    /// The part's name behind the dot in a rule; empty for the whole value.
    pub const fn name(self) -> &'static str {
        match self {
            Part::Whole => "",
            Part::Given => "given",
            Part::Family => "family",
            Part::Key => "key",
            Part::Year => "year",
            Part::MonthDay => "month_day",
            Part::Folded => "folded",
            Part::Last6 => "last6",
            Part::Prefix4 => "prefix4",
        }
    }

    /// Whether values of `kind` have this part.
    pub const fn is_of(self, kind: Kind) -> bool {
        match self {
            Part::Whole => !matches!(kind.storage(), Storage::Template),
            Part::Given | Part::Family | Part::Key => matches!(kind, Kind::PersonName),
            Part::Year | Part::MonthDay => matches!(kind, Kind::BirthDate),
            Part::Folded => matches!(kind, Kind::Plate),
            Part::Last6 => matches!(kind, Kind::Phone),
            Part::Prefix4 => matches!(kind.storage(), Storage::Text | Storage::Name),
        }
    }
}

/// A part of an attribute, ready to be read from records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPart {
    /// The attribute.
    pub attribute: usize,
    /// The part of its value.
    pub part: Part,
    slot: Slot,
}

impl KeyPart {
    /// The part `part` of attribute `attribute` of `store`.
    pub fn new(store: &Store, attribute: usize, part: Part) -> Self {
        let laid = &store.layout.attributes[attribute];
        let slot = match part {
            Part::Given => laid.parts.given,
            Part::Prefix4 if laid.kind == Kind::PersonName => laid.parts.given,
            Part::Family => laid.parts.family,
            Part::Key => laid.parts.key,
            _ => laid.slot,
        };
        Self { attribute, part, slot }
    }

    /// The part's value in `record`; zero where it is missing or not to be compared.
    #[inline(always)]
    pub fn value(&self, store: &Store, record: &[u64]) -> u64 {
        let value = self.slot.get(record);
        if value == 0 || self.rests_alone() && value & PARTIAL == 0 {
            return value;
        }
        self.cut(store, value)
    }

    /// Marks the bits of a record that the part is read from in `mask`.
    pub fn mark(&self, mask: &mut [u64]) {
        self.slot.mark(mask);
    }

    /// Whether the part is what rests in its slot, as it is.
    #[inline(always)]
    fn rests_alone(&self) -> bool {
        matches!(self.part, Part::Whole | Part::Given | Part::Family | Part::Key)
    }

    /// Whether two records have the part and share it.
    #[inline(always)]
    fn agrees(&self, store: &Store, left: &[u64], right: &[u64]) -> bool {
        let (a, b) = (self.slot.get(left), self.slot.get(right));
        if a == 0 || b == 0 {
            return false;
        }
        if self.rests_alone() {
            return a == b && a & PARTIAL == 0;
        }
        let part = self.cut(store, a);
        part != 0 && (a == b || part == self.cut(store, b))
    }

    #[inline]
    fn cut(&self, store: &Store, value: u64) -> u64 {
        let column = &store.columns[self.attribute];
        match (self.part, &column.values) {
            (_, Values::Number(_)) if value & PARTIAL != 0 => 0,
            (Part::Whole | Part::Given | Part::Family | Part::Key, _) => value,
            (Part::Prefix4, Values::Name(names)) => prefix(names.parts.text(value as u32)),
            (Part::Prefix4, Values::Text(dictionary)) => prefix(dictionary.text(value as u32)),
            (Part::Year, _) => value >> 9,
            // Both parts or none: a month alone is one in twelve.
            (Part::MonthDay, _) if value & 0x1F == 0 || value >> 5 & 0xF == 0 => 0,
            (Part::MonthDay, _) => value & 0x1FF,
            (Part::Folded, _) => plate::fold(value),
            (Part::Last6, _) => (value & !NO_COUNTRY) % 1_000_000 + 1,
            _ => 0,
        }
    }
}

fn prefix(text: &str) -> u64 {
    let mut characters = text.char_indices();
    match characters.nth(3) {
        // Shorter texts are a prefix of too much.
        None => 0,
        Some((at, c)) => xxh3_64(&text.as_bytes()[..at + c.len_utf8()]) | 1,
    }
}

/// A blocking rule: the parts two records must share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The rule as reports print it: `name + born`.
    pub name: String,
    /// Its parts, as numbers into [`Rules::parts`].
    pub parts: Vec<usize>,
}

/// The blocking rules of a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Rules {
    /// The distinct parts of all rules.
    pub parts: Vec<KeyPart>,
    /// The rules, in order: a pair belongs to the first that makes it.
    pub rules: Vec<Rule>,
}

/// The most rules a run may have: one bit each in a pattern.
pub const MAX_RULES: usize = 20;

impl Rules {
    /// Resolves rules of a spec.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for an attribute or part that is not there, or too many rules.
    pub fn from_spec(store: &Store, specs: &[BlockingRuleSpec]) -> Result<Self> {
        let mut rules = Self::default();
        for spec in specs {
            let mut parts = Vec::with_capacity(spec.on.len());
            for term in &spec.on {
                parts.push(parse(store, term)?);
            }
            if parts.is_empty() {
                return Err(Error::new(
                    ErrorKind::Spec,
                    "a blocking rule names no attribute, so it would pair all records",
                )
                .hint("name at least one attribute in `on`"));
            }
            rules.push(store, &parts);
        }
        if rules.rules.len() > MAX_RULES {
            return Err(Error::new(
                ErrorKind::Spec,
                format!("{} blocking rules; {MAX_RULES} is the limit", rules.rules.len()),
            )
            .hint("leave out rules that other rules imply"));
        }
        Ok(rules)
    }

    /// Adds the rule on `parts`, unless it is there already.
    pub fn push(&mut self, store: &Store, parts: &[(usize, Part)]) {
        let numbers: Vec<usize> = parts
            .iter()
            .map(|&(attribute, part)| {
                let wanted = KeyPart::new(store, attribute, part);
                self.parts.iter().position(|p| *p == wanted).unwrap_or_else(|| {
                    self.parts.push(wanted);
                    self.parts.len() - 1
                })
            })
            .collect();
        let mut known = numbers.clone();
        known.sort_unstable();
        let same = |rule: &Rule| {
            let mut parts = rule.parts.clone();
            parts.sort_unstable();
            parts == known
        };
        if !self.rules.iter().any(same) {
            self.rules.push(Rule { name: term_names(store, parts), parts: numbers });
        }
    }

    /// The key of `record` under rule `rule` before any split; zero where it makes no pairs, for want of
    /// a value or because it stands for nobody.
    #[inline]
    pub fn key(&self, store: &Store, rule: usize, record: &[u64]) -> u64 {
        if !store.is_person(record) {
            return 0;
        }
        let mut key = rule as u64 + 1;
        for &part in &self.rules[rule].parts {
            let value = self.parts[part].value(store, record);
            if value == 0 {
                return 0;
            }
            key = combine(key, value);
        }
        // Zero means none; the one key that hashes to it shares a block with that of one.
        key.max(1)
    }

    /// Which rules hold for two records, a bit each, splits not considered.
    #[inline(always)]
    pub fn shared(&self, store: &Store, left: &[u64], right: &[u64]) -> u32 {
        let mut equal = 0u64;
        for (i, part) in self.parts.iter().enumerate() {
            equal |= u64::from(part.agrees(store, left, right)) << i;
        }
        let mut rules = 0;
        for (i, rule) in self.rules.iter().enumerate() {
            rules |= u32::from(rule.parts.iter().all(|&p| equal >> p & 1 == 1)) << i;
        }
        rules
    }

    /// The attributes that rule `rule` uses, a bit each.
    pub fn attributes(&self, rule: usize) -> u64 {
        self.rules[rule].parts.iter().fold(0, |bits, &p| bits | 1 << self.parts[p].attribute)
    }
}

fn term_names(store: &Store, parts: &[(usize, Part)]) -> String {
    let terms: Vec<String> = parts
        .iter()
        .map(|&(attribute, part)| {
            let name = &store.layout.attributes[attribute].name;
            if part == Part::Whole { name.clone() } else { format!("{name}.{}", part.name()) }
        })
        .collect();
    terms.join(" + ")
}

fn parse(store: &Store, term: &str) -> Result<(usize, Part)> {
    let layout = &store.layout;
    // An attribute's own name may hold a dot (`id_no.birth_date`), so the whole term is tried first.
    if let Some(attribute) = layout.find(term) {
        if Part::Whole.is_of(layout.attributes[attribute].kind) {
            return Ok((attribute, Part::Whole));
        }
        return Err(Error::new(
            ErrorKind::Spec,
            format!(
                "attribute `{term}` is a `{}`, on which no blocking rule can be built",
                layout.attributes[attribute].kind.name()
            ),
        )
        .hint("block on an attribute with values that can be equal")
        .detail("attribute", term));
    }
    let found = term.rsplit_once('.').and_then(|(name, part)| {
        let attribute = layout.find(name)?;
        let kind = layout.attributes[attribute].kind;
        Part::ALL.into_iter().find(|p| p.name() == part && p.is_of(kind)).map(|p| (attribute, p))
    });
    found.ok_or_else(|| {
        let known: Vec<&str> = layout.attributes.iter().map(|a| a.name.as_str()).collect();
        Error::new(
            ErrorKind::Spec,
            format!("a blocking rule uses `{term}`, which is no attribute or part of one"),
        )
        .hint(format!("the attributes are: {}", known.join(", ")))
        .detail("attribute", term)
    })
}
