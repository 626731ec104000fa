//! Comparisons: for each attribute the ordered outcomes that two values may have.
//!
//! Level 0 is null: one of the two is missing, which is evidence of nothing. Exact agreement comes
//! next, split by how frequent the value is where a value's frequency tells, then the thresholds of
//! the method from best to worst, and last `else`.

use indexmap::IndexMap;

use crate::error::{Error, ErrorKind, Result};
use crate::kernel::date::DateAgreement;
use crate::kind::{Kind, Storage};
use crate::spec::{ComparisonSpec, LinkageSpec, Method};
use crate::store::layout::NameSlots;
use crate::store::{Slot, Store, Values};

/// Highest share of records of a value in each tier of exact agreement, most frequent first; the
/// last tier takes the rest. Decades: within one, frequencies differ by at most 3.3 bits.
const TIERS: [f64; 6] = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6];

/// What the comparison of all fingers is called, and that of both irises.
const FINGERS: &str = "fingers";
const IRISES: &str = "irises";

/// An attribute of templates that a comparison is made of.
#[derive(Debug, Clone, Copy)]
pub struct Position {
    /// The attribute's number.
    pub attribute: usize,
    /// Where a record has the row of its template, counted from 1.
    pub slot: Slot,
}

impl Position {
    /// The row of a record's template at rest.
    #[inline]
    pub fn row(&self, record: &[u64]) -> Option<u32> {
        (self.slot.get(record) as u32).checked_sub(1)
    }
}

/// The comparison of one attribute, or of several of templates that are fused.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The attribute's name; of several, that of the comparison.
    pub name: String,
    /// The attribute's number; of several, that of the first.
    pub attribute: usize,
    /// The attributes of templates that are compared; none where values are.
    pub positions: Vec<Position>,
    /// What the attribute holds.
    pub kind: Kind,
    /// How values are compared.
    pub method: Method,
    /// What each level means, null first. A comparison by similarity has one value more that a level may
    /// take, that of templates which were not compared yet.
    pub labels: Vec<String>,
    /// How many levels after null are exact agreement.
    pub exact: usize,
    /// Pairs of records that would agree in each exact level, over all records.
    pub coincidences: Vec<f64>,
    pub(super) at: Vec<f64>,
    /// Counts from which a value falls into an exact level, one less than there are of them.
    pub(super) tiers: Vec<u32>,
    pub(super) slot: Slot,
    pub(super) parts: NameSlots,
    pub(super) shift: u32,
    pub(super) mask: u64,
}

impl Comparison {
    /// How many levels there are, null included.
    pub fn levels(&self) -> usize {
        self.labels.len()
    }

    /// The bits of a pattern that the levels take.
    fn bits(&self) -> u32 {
        usize::BITS - (self.levels() - 1).leading_zeros()
    }

    /// The comparison's level in `pattern`.
    #[inline(always)]
    pub fn level(&self, pattern: u64) -> usize {
        (pattern >> self.shift & self.mask) as usize
    }

    /// The bits of a pattern that hold the comparison's level.
    pub fn place(&self) -> u64 {
        self.mask << self.shift
    }

    /// `pattern` with another level of this comparison.
    #[inline]
    pub fn with_level(&self, pattern: u64, level: usize) -> u64 {
        pattern & !self.place() | (level as u64) << self.shift
    }

    /// The exact level of a value that `count` records hold.
    #[inline]
    pub(super) fn tier(&self, count: u32) -> u8 {
        1 + self.tiers.iter().take_while(|&&least| count < least).count() as u8
    }
}

/// The comparisons of a run, and what they leave out.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// The comparisons, in the order of their attributes.
    pub comparisons: Vec<Comparison>,
    /// Attributes that could be compared and are not, for want of room in a pattern.
    pub left_out: Vec<String>,
}

/// Resolves the comparisons of a run: the default one of every comparable attribute, or the spec's.
///
/// A pattern has room for some fifteen. Where there are more, those that the spec asks for stay, and
/// of the others those on which agreement tells most.
///
/// # Errors
/// [`ErrorKind::Spec`] where a method does not suit its attribute, or where the spec asks for more
/// comparisons than a pattern has room for.
pub fn resolve(store: &Store, linkage: &LinkageSpec) -> Result<Resolved> {
    let mut comparisons = Vec::new();
    for (attribute, laid) in store.layout.attributes.iter().enumerate() {
        let asked = linkage.comparisons.iter().find(|c| c.attribute == laid.name);
        let wanted = match asked {
            Some(asked) => Some(asked.clone()),
            None if laid.derived => None,
            None => default(store, attribute),
        };
        if let Some(wanted) = wanted {
            let telling = if asked.is_some() { f64::INFINITY } else { telling(store, attribute) };
            comparisons.push((telling, build(store, attribute, &wanted)?));
        }
    }
    if let Some(lost) = linkage.comparisons.iter().find(|c| store.layout.find(&c.attribute).is_none()) {
        return Err(Error::new(
            ErrorKind::Spec,
            format!("a comparison names `{}`, which is no attribute", lost.attribute),
        )
        .detail("attribute", &lost.attribute));
    }
    let mut comparisons = fused(store, linkage, comparisons)?;
    let mut resolved = Resolved::default();
    let mut taken: u32 = comparisons.iter().map(|(_, c)| c.bits()).sum();
    while taken > super::RULE_SHIFT {
        let least = (0..comparisons.len()).min_by(|&a, &b| comparisons[a].0.total_cmp(&comparisons[b].0));
        match least.filter(|&least| comparisons[least].0.is_finite()) {
            Some(least) => {
                let (_, comparison) = comparisons.remove(least);
                taken -= comparison.bits();
                resolved.left_out.push(comparison.name);
            }
            None => {
                return Err(Error::new(
                    ErrorKind::Spec,
                    format!(
                        "the comparisons take {taken} bits of a pattern; {} is the limit",
                        super::RULE_SHIFT
                    ),
                )
                .hint("ask for fewer comparisons, or for fewer levels in `at`")
                .detail("path", "linkage.comparisons"));
            }
        }
    }
    // Last, so that the others are a linkage of their own.
    comparisons.sort_by_key(|(_, comparison)| comparison.method == Method::Similarity);
    let mut shift = 0;
    for (_, mut comparison) in comparisons {
        comparison.shift = shift;
        comparison.mask = (1 << comparison.bits()) - 1;
        shift += comparison.bits();
        resolved.comparisons.push(comparison);
    }
    Ok(resolved)
}

/// The comparisons with those of templates fused that are of one name: all fingers, and both irises, where the
/// spec says nothing else. With each is told what agreement on it tells.
fn fused(
    store: &Store,
    linkage: &LinkageSpec,
    all: Vec<(f64, Comparison)>,
) -> Result<Vec<(f64, Comparison)>> {
    let mut made: Vec<(f64, Comparison)> = Vec::with_capacity(all.len());
    let mut names: IndexMap<String, Vec<(f64, Comparison)>> = IndexMap::new();
    for (telling, comparison) in all {
        if comparison.method != Method::Similarity {
            made.push((telling, comparison));
            continue;
        }
        let asked = linkage.templates_of(&comparison.name).and_then(|asked| asked.fuse.as_deref());
        let name = asked.unwrap_or(match comparison.kind {
            Kind::Fingerprint => FINGERS,
            Kind::Iris => IRISES,
            _ => &comparison.name,
        });
        names.entry(name.to_owned()).or_default().push((telling, comparison));
    }
    for (name, parts) in names {
        let telling = parts.iter().map(|(telling, _)| *telling).fold(0.0, f64::max);
        let attributes: Vec<&str> = parts.iter().map(|(_, part)| part.name.as_str()).collect();
        let refuse = |what: &str, hint: &str| {
            let message = format!("`{}` are fused as `{name}`, {what}", attributes.join("`, `"));
            Error::new(ErrorKind::Spec, message).hint(hint).detail("path", "linkage.templates")
        };
        if parts.len() > 1 && store.layout.find(&name).is_some() && !attributes.contains(&name.as_str()) {
            return Err(refuse("which is another attribute", "give `fuse` another name"));
        }
        if parts.iter().any(|(_, part)| part.kind != parts[0].1.kind) {
            return Err(refuse(
                "and are of different kinds",
                "fuse fingers with fingers, irises with irises",
            ));
        }
        let positions: Vec<Position> = parts.iter().flat_map(|(_, part)| part.positions.clone()).collect();
        let several = parts.len() > 1;
        let Some((_, mut first)) = parts.into_iter().next() else { continue };
        if several {
            first.name = name;
        }
        first.positions = positions;
        made.push((telling, first));
    }
    Ok(made)
}

/// What agreement on the attribute tells, in bits, times the share of pairs of records that have it.
fn telling(store: &Store, attribute: usize) -> f64 {
    let column = &store.columns[attribute];
    let (filled, records) = (column.filled as f64, f64::from(store.len().max(1)));
    let pairs = (filled * (filled - 1.0) / 2.0).max(1.0);
    let bits = -(column.coincidences.max(1.0) / pairs).min(1.0).log2();
    bits * (filled / records).powi(2)
}

/// The comparison an attribute has unless the spec says otherwise; `None` for what is no trait.
fn default(store: &Store, attribute: usize) -> Option<ComparisonSpec> {
    let laid = &store.layout.attributes[attribute];
    let (method, at): (Method, &[f64]) = match laid.kind {
        Kind::CnResidentId | Kind::Aadhaar | Kind::UsSsn => (Method::IdNumber, &[]),
        Kind::TravelDocument | Kind::ImageUrl | Kind::Sex => (Method::Exact, &[]),
        Kind::Plate => (Method::PlateOcr, &[0.5, 1.0]),
        Kind::Phone => (Method::Osa, &[1.0]),
        Kind::Account => (Method::Osa, &[1.0, 2.0]),
        Kind::Email => (Method::JaroWinkler, &[0.92, 0.8]),
        Kind::PersonName if has_parts(store, attribute) => (Method::PersonName, &[0.92, 0.84]),
        Kind::PersonName => (Method::JaroWinkler, &[0.92, 0.84]),
        Kind::BirthDate => (Method::Date, &[]),
        Kind::Age => (Method::NumericWithin, &[1.0, 3.0]),
        Kind::Address => (Method::JaroWinkler, &[0.92, 0.8]),
        Kind::Place | Kind::Category | Kind::Text => (Method::JaroWinkler, &[0.9]),
        Kind::Face | Kind::Fingerprint | Kind::Iris if store.templates[attribute].is_some() => {
            (Method::Similarity, &[])
        }
        Kind::Time | Kind::Face | Kind::Iris | Kind::Fingerprint => return None,
    };
    Some(ComparisonSpec { attribute: laid.name.clone(), method, at: at.to_vec(), term_frequency: None })
}

/// Whether most names of the attribute have a given and a family part.
fn has_parts(store: &Store, attribute: usize) -> bool {
    let column = &store.columns[attribute];
    column.names().is_some_and(|names| names.in_two_parts * 2 > column.filled)
}

fn build(store: &Store, attribute: usize, asked: &ComparisonSpec) -> Result<Comparison> {
    let laid = &store.layout.attributes[attribute];
    let column = &store.columns[attribute];
    if !suits(asked.method, laid.kind) {
        return Err(Error::new(
            ErrorKind::Spec,
            format!(
                "attribute `{}` is a `{}`, which `{:?}` does not compare",
                laid.name,
                laid.kind.name(),
                asked.method
            ),
        )
        .hint("leave the comparison out to get the one of its kind")
        .detail("attribute", &laid.name));
    }
    let by_frequency = asked.term_frequency.unwrap_or(true);
    let (tiers, coincidences) = match &column.values {
        Values::Text(dictionary) if by_frequency => {
            tiers(column.filled, dictionary.counts().iter().map(|&n| (u64::from(n), 1)))
        }
        Values::Name(names) if by_frequency => tiers(column.filled, names.sizes.iter().copied()),
        _ => (Vec::new(), vec![column.coincidences]),
    };
    let exact = tiers.len() + 1;
    let mut labels = vec!["null".to_owned()];
    let filled = column.filled.max(1) as f64;
    for tier in 0..exact {
        labels.push(match (exact, tiers.get(tier)) {
            (1, _) => "exact".to_owned(),
            (_, Some(&least)) => format!("exact, value held by {}", share(f64::from(least) / filled)),
            (_, None) => "exact, rarer value".to_owned(),
        });
    }
    let at = asked.at.clone();
    match asked.method {
        Method::Exact => {}
        Method::JaroWinkler => labels.extend(at.iter().map(|t| format!("Jaro–Winkler ≥ {t}"))),
        Method::Levenshtein => labels.extend(at.iter().map(|t| format!("Levenshtein ≤ {t}"))),
        Method::Osa => labels.extend(at.iter().map(|t| format!("edits ≤ {t}"))),
        Method::PlateOcr => labels.extend(at.iter().map(|t| format!("OCR distance ≤ {t}"))),
        Method::NumericWithin => labels.extend(at.iter().map(|t| format!("within {t}"))),
        Method::TokenSet => labels.extend(at.iter().map(|t| format!("Jaccard ≥ {t}"))),
        Method::IdNumber => labels.extend(["one edit", "agrees with a masked one"].map(str::to_owned)),
        Method::Date => labels.extend(DateAgreement::ALL[1..7].iter().map(|a| a.label().to_owned())),
        Method::PersonName => labels.extend(super::name::LABELS.map(str::to_owned)),
        Method::Similarity => {}
    }
    labels.push("else".to_owned());
    let (labels, exact, coincidences) = match asked.method {
        Method::Similarity => (super::similarity::labels(), 0, Vec::new()),
        _ => (labels, exact, coincidences),
    };
    if labels.len() > usize::from(u8::MAX) {
        return Err(Error::new(
            ErrorKind::Spec,
            format!(
                "the comparison of `{}` has {} levels; {} is the limit",
                laid.name,
                labels.len(),
                u8::MAX
            ),
        )
        .hint("give fewer thresholds in `at`")
        .detail("attribute", &laid.name));
    }
    Ok(Comparison {
        name: laid.name.clone(),
        attribute,
        positions: match asked.method {
            Method::Similarity => vec![Position { attribute, slot: laid.slot }],
            _ => Vec::new(),
        },
        kind: laid.kind,
        method: asked.method,
        labels,
        exact,
        coincidences,
        at,
        tiers,
        slot: laid.slot,
        parts: laid.parts,
        shift: 0,
        mask: 0,
    })
}

fn share(share: f64) -> String {
    format!("1 in {:.0} or more", (1.0 / share).max(1.0))
}

/// The counts that part the tiers that have any agreement in them, and the pairs of records that
/// agree in each; `sizes` are counts of values and how many values have each.
fn tiers(filled: u64, sizes: impl Iterator<Item = (u64, u64)>) -> (Vec<u32>, Vec<f64>) {
    let bounds: Vec<u32> =
        TIERS.iter().map(|share| (share * filled as f64).ceil() as u32).filter(|&least| least > 2).collect();
    let mut pairs = vec![0.0; bounds.len() + 1];
    for (count, n) in sizes {
        let tier = bounds.iter().take_while(|&&least| count < u64::from(least)).count();
        pairs[tier] += n as f64 * (count as f64 * (count as f64 - 1.0) / 2.0);
    }
    let mut kept = Vec::new();
    let mut sums = vec![0.0];
    for (tier, sum) in pairs.into_iter().enumerate() {
        if let Some(last) = sums.last_mut() {
            *last += sum;
            if *last > 0.0 && tier < bounds.len() {
                kept.push(bounds[tier]);
                sums.push(0.0);
            }
        }
    }
    (kept, sums)
}

fn suits(method: Method, kind: Kind) -> bool {
    match method {
        Method::Exact => kind.storage() != Storage::Template,
        Method::JaroWinkler | Method::Levenshtein | Method::TokenSet => {
            matches!(kind.storage(), Storage::Text | Storage::Name)
        }
        Method::Osa => matches!(kind.storage(), Storage::Text | Storage::Name) || kind == Kind::Phone,
        Method::PlateOcr => kind == Kind::Plate,
        Method::IdNumber => matches!(kind, Kind::CnResidentId | Kind::Aadhaar | Kind::UsSsn),
        Method::Date => kind == Kind::BirthDate,
        Method::NumericWithin => matches!(kind, Kind::Age | Kind::Time),
        Method::PersonName => kind == Kind::PersonName,
        Method::Similarity => kind.storage() == Storage::Template,
    }
}
