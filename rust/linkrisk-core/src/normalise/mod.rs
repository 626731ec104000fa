//! Raw values in, canonical values out: one rule set per kind, applied once on the way in.
//!
//! A normaliser never fails: what cannot be used comes back as an [`Outcome`] that is counted and
//! reported, and is never compared as equal to anything. It never panics either, whatever the text.
//!
//! ```text
//!          ┌─ number ─► Outcome, packed u64      identity numbers, documents, plates, phones, images,
//! raw text ┤                                     moments, dates, ages, sexes
//!          ├─ text ───► Outcome, canonical text  every kind but templates
//!          └─ name ───► Outcome, NameParts       names of persons
//! ```
//!
//! Canonical text reads as itself, and to the same packed value. Packed values, none of which is 0:
//!
//! | kind | packed |
//! |---|---|
//! | `cn_resident_id`, `aadhaar`, `us_ssn` | the digits as an integer, without the check character of a resident ID: [`identifier`] |
//! | `travel_document` | country and number, or a hash: [`document`] |
//! | `plate` | seven bits a symbol: [`crate::kernel::plate`] |
//! | `phone` | E.164 digits as an integer: [`contact`] |
//! | `image_url` | 62 bits of xxh3 of the canonical address: [`url`] |
//! | `birth_date`, `age`, `time` | [`date`] |
//! | `sex` | 1 male, 2 female, 3 other: [`text`] |
//!
//! Other text is folded and cut to 256 bytes: [`text`]. Values of several columns arrive joined with
//! U+001F, which parts words, digits or columns as the kind needs.

use crate::error::{Error, ErrorKind, Result};
use crate::kernel::plate::plate_text;
use crate::kind::Kind;
use crate::spec::AttributeSpec;

pub mod contact;
pub mod date;
pub mod document;
mod format;
mod han;
pub mod identifier;
pub mod name;
pub mod plate;
mod scan;
pub mod text;
pub mod url;

pub use name::NameParts;

use format::Format;
use plate::Scheme;

/// What became of one raw value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// Null, empty, white space or control characters only.
    Blank,
    /// A word or value that people enter when they have none: `无`, `N/A`, `0000000000`, 1900-01-01.
    Placeholder,
    /// Something else than the kind allows.
    Invalid,
    /// Usable in part: digits are masked or missing.
    Partial,
    /// Valid after one error that the check digit or the alphabet determines was undone.
    Repaired,
    /// Valid as it came, up to spelling.
    Valid,
}

impl Outcome {
    /// Every outcome, in the order of the counters of an attribute.
    pub const ALL: [Outcome; 6] = [
        Outcome::Blank,
        Outcome::Placeholder,
        Outcome::Invalid,
        Outcome::Partial,
        Outcome::Repaired,
        Outcome::Valid,
    ];

    /// Whether a value came out that may be compared.
    pub const fn is_usable(self) -> bool {
        matches!(self, Outcome::Partial | Outcome::Repaired | Outcome::Valid)
    }
}

/// What a number or document says of its holder; 0 where it says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Derived {
    /// Packed date of birth.
    pub birth_date: u32,
    /// Packed sex.
    pub sex: u32,
    /// County code of GB/T 2260, six digits.
    pub region: u32,
}

/// The rules of one attribute.
///
/// Holds nothing of the values it reads, and may be shared between threads.
#[derive(Debug, Clone)]
pub struct Normaliser {
    kind: Kind,
    format: Option<Format>,
    plan: Option<&'static contact::Plan>,
    scheme: Scheme,
    country: [u8; 3],
    range: identifier::Range,
    reference_year: u32,
    /// Folded raw forms of the spec's own placeholders.
    words: Vec<String>,
    /// Their canonical texts, which other spellings come to.
    canonical: Vec<String>,
    /// Their packed values.
    packed: Vec<u64>,
}

impl Normaliser {
    /// Makes the rules that `spec` asks for.
    ///
    /// Without a `scheme` plates are generic; without a `region` a national telephone number keeps no
    /// country; without a `reference_date` ages and two-digit years refer to
    /// [`date::DEFAULT_REFERENCE_YEAR`].
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] where `format`, `region`, `scheme`, `country` or `reference_date` cannot be
    /// understood.
    pub fn new(spec: &AttributeSpec) -> Result<Self> {
        let is_dated = matches!(spec.kind, Kind::BirthDate | Kind::Time);
        let format = spec.format.as_deref().filter(|_| is_dated).map(Format::new).transpose()?;
        let plan = spec.region.as_deref().filter(|_| spec.kind == Kind::Phone).map(plan_of).transpose()?;
        let scheme = match spec.scheme.as_deref().filter(|_| spec.kind == Kind::Plate) {
            Some("cn") => Scheme::Cn,
            Some("generic") | None => Scheme::Generic,
            Some(other) => {
                return Err(Error::new(ErrorKind::Spec, format!("unknown plate scheme `{other}`"))
                    .hint("known schemes: `cn`, `generic`"));
            }
        };
        let country = match spec.country.as_deref().filter(|_| spec.kind == Kind::TravelDocument) {
            Some(text) => document::country_code(text).ok_or_else(|| {
                Error::new(ErrorKind::Spec, format!("`{text}` is not a country code"))
                    .hint("use the code of ICAO 9303, for example `CHN`, `IND` or `D`")
            })?,
            None => [0; 3],
        };
        let reference_year =
            spec.reference_date.as_deref().map_or(Ok(date::DEFAULT_REFERENCE_YEAR), reference_year)?;
        let mut rules = Self {
            kind: spec.kind,
            format,
            plan,
            scheme,
            country,
            range: if spec.synthetic { identifier::Range::Synthetic } else { identifier::Range::Issued },
            reference_year,
            words: Vec::new(),
            canonical: Vec::new(),
            packed: Vec::new(),
        };
        rules.learn_placeholders(&spec.placeholders);
        Ok(rules)
    }

    fn learn_placeholders(&mut self, placeholders: &[String]) {
        let (mut words, mut canonical, mut packed) = (Vec::new(), Vec::new(), Vec::new());
        for placeholder in placeholders {
            let mut out = String::new();
            if self.text(placeholder, &mut out).is_usable() {
                canonical.push(std::mem::take(&mut out));
            }
            match self.number(placeholder).1 {
                0 => {}
                value => packed.push(value),
            }
            text::fold(placeholder, &mut out);
            words.push(out);
        }
        (self.words, self.canonical, self.packed) = (words, canonical, packed);
    }

    /// The kind of the attribute.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The packed value of `raw` for kinds that rest as numbers, dates or small values.
    ///
    /// 0 unless usable, and 0 for a partial value of every kind but a date of birth: its text goes
    /// into a dictionary instead. Always 0 for kinds that rest as text.
    pub fn number(&self, raw: &str) -> (Outcome, u64) {
        if !self.words.is_empty() && self.is_own_word(raw) {
            return (Outcome::Placeholder, 0);
        }
        let (outcome, packed) = match self.kind {
            Kind::CnResidentId => {
                let (outcome, packed, _) = identifier::cn_resident_id(raw);
                (outcome, packed)
            }
            Kind::Aadhaar => {
                let (outcome, packed, _) = identifier::aadhaar(raw, self.range);
                (outcome, packed)
            }
            Kind::UsSsn => {
                let (outcome, packed, _) = identifier::us_ssn(raw, self.range);
                (outcome, packed)
            }
            Kind::TravelDocument => {
                let (outcome, document) = document::document(raw, self.country);
                (outcome, if outcome.is_usable() { document.packed() } else { 0 })
            }
            Kind::Plate => plate::plate(raw, self.scheme),
            Kind::Phone => {
                let (outcome, phone) = contact::phone(raw, self.plan);
                (outcome, phone.packed)
            }
            Kind::BirthDate => {
                let (outcome, packed) = date::birth_date(raw, self.format.as_ref(), self.reference_year);
                (outcome, u64::from(packed))
            }
            Kind::Age => {
                let (outcome, packed) = date::age(raw, self.reference_year);
                (outcome, u64::from(packed))
            }
            Kind::Sex => text::sex(raw),
            Kind::Time => {
                let (outcome, packed, _) = date::time(raw, self.format.as_ref(), self.reference_year);
                (outcome, packed)
            }
            Kind::ImageUrl => {
                let mut address = String::new();
                let outcome = url::image_url(raw, &mut address);
                (outcome, if outcome.is_usable() { url::url_packed(&address) } else { 0 })
            }
            Kind::Email
            | Kind::PersonName
            | Kind::Address
            | Kind::Place
            | Kind::Account
            | Kind::Category
            | Kind::Text
            | Kind::Face
            | Kind::Iris
            | Kind::Fingerprint => return (self.text(raw, &mut String::new()), 0),
        };
        if packed != 0 && self.packed.contains(&packed) {
            return (Outcome::Placeholder, 0);
        }
        (refine(outcome, raw), packed)
    }

    /// The canonical text of `raw`, into `out`, which is cleared first and stays empty unless usable.
    ///
    /// A partial number has `*` for each digit that does not show. A template has no text; that there
    /// is one is all that comes back.
    pub fn text(&self, raw: &str, out: &mut String) -> Outcome {
        out.clear();
        if !self.words.is_empty() && self.is_own_word(raw) {
            return Outcome::Placeholder;
        }
        let outcome = match self.kind {
            Kind::Email => contact::email(raw, out),
            Kind::Address => text::address(raw, out),
            Kind::Account => text::account(raw, out),
            Kind::Place | Kind::Category | Kind::Text => text::folded(raw, out),
            Kind::ImageUrl => url::image_url(raw, out),
            Kind::Face | Kind::Iris | Kind::Fingerprint => {
                return if text::is_blank(raw) { Outcome::Blank } else { Outcome::Valid };
            }
            Kind::PersonName => {
                let mut parts = NameParts::default();
                let outcome = name::name(raw, &mut parts);
                if outcome.is_usable() {
                    *out = parts.full;
                }
                outcome
            }
            _ => self.number_text(raw, out),
        };
        if self.canonical.contains(out) {
            out.clear();
            return Outcome::Placeholder;
        }
        refine(outcome, raw)
    }

    /// The text of a kind that rests as a number.
    fn number_text(&self, raw: &str, out: &mut String) -> Outcome {
        let (outcome, packed) = self.number(raw);
        if !outcome.is_usable() {
            return outcome;
        }
        let push = |characters: &[u8], out: &mut String| out.extend(characters.iter().map(|&c| c as char));
        match self.kind {
            Kind::CnResidentId => push(&identifier::cn_resident_id(raw).2, out),
            Kind::Aadhaar => push(&identifier::aadhaar(raw, self.range).2, out),
            Kind::UsSsn => push(&identifier::us_ssn(raw, self.range).2, out),
            Kind::TravelDocument => document::document(raw, self.country).1.push_text(out),
            Kind::Plate => plate_text(packed, out),
            Kind::Phone if outcome == Outcome::Partial => {
                out.push_str(contact::phone(raw, self.plan).1.masked.as_deref().unwrap_or_default());
            }
            Kind::Phone => contact::phone_text(packed, out),
            Kind::BirthDate => date::birth_date_text(packed as u32, out),
            Kind::Age => out.push_str(&u64::from(self.reference_year).saturating_sub(packed).to_string()),
            Kind::Sex => out.push_str(text::SEXES[(packed & 3) as usize]),
            Kind::Time if outcome == Outcome::Partial => {
                date::day_text(&date::time(raw, self.format.as_ref(), self.reference_year).2, out);
            }
            Kind::Time => date::time_text(packed, out),
            _ => {}
        }
        outcome
    }

    /// Appends the canonical text of a packed value to `out`; nothing for kinds that rest as text and
    /// for hashes, which cannot be turned back.
    pub fn push_packed(&self, packed: u64, out: &mut String) {
        match self.kind {
            _ if packed == 0 => {}
            Kind::CnResidentId => out.extend(identifier::cn_resident_id_text(packed).map(|c| c as char)),
            Kind::Aadhaar => out.extend(identifier::digits_of::<12>(packed).map(|c| c as char)),
            Kind::UsSsn => out.extend(identifier::digits_of::<9>(packed).map(|c| c as char)),
            Kind::TravelDocument => {
                if let Some((country, number)) = document::unpack(packed) {
                    out.push_str(&country);
                    if !country.is_empty() {
                        out.push(':');
                    }
                    out.push_str(&number);
                }
            }
            Kind::Plate => plate_text(packed, out),
            Kind::Phone => contact::phone_text(packed, out),
            Kind::BirthDate => date::birth_date_text(packed as u32, out),
            Kind::Age => out.push_str(&u64::from(self.reference_year).saturating_sub(packed).to_string()),
            Kind::Sex => out.push_str(text::SEXES[(packed & 3) as usize]),
            Kind::Time => date::time_text(packed, out),
            _ => {}
        }
    }

    /// The parts of a name, into `out`, which is cleared first and stays empty unless usable.
    ///
    /// For other kinds than `person_name`, `full` is the canonical text and the other parts are empty.
    pub fn name(&self, raw: &str, out: &mut NameParts) -> Outcome {
        out.clear();
        if self.kind != Kind::PersonName {
            return self.text(raw, &mut out.full);
        }
        if !self.words.is_empty() && self.is_own_word(raw) {
            return Outcome::Placeholder;
        }
        let outcome = name::name(raw, out);
        if self.canonical.contains(&out.full) {
            out.clear();
            return Outcome::Placeholder;
        }
        outcome
    }

    /// What a resident ID says of its holder: from its packed value, or from the canonical text of a
    /// partial one as far as it shows. `None` for other kinds and for 0.
    pub fn derive(&self, packed: u64, partial: Option<&str>) -> Option<Derived> {
        if self.kind != Kind::CnResidentId {
            return None;
        }
        let characters = match partial {
            Some(text) => text.as_bytes().try_into().ok()?,
            None if packed == 0 => return None,
            None => identifier::cn_resident_id_text(packed),
        };
        Some(identifier::cn_derived(&characters))
    }

    /// What a raw value says of its holder: a resident ID, or a machine-readable zone.
    pub fn derive_raw(&self, raw: &str) -> Option<Derived> {
        match self.kind {
            Kind::CnResidentId => {
                let (outcome, _, characters) = identifier::cn_resident_id(raw);
                outcome.is_usable().then(|| identifier::cn_derived(&characters))
            }
            Kind::TravelDocument => {
                let (outcome, document) = document::document(raw, self.country);
                if outcome.is_usable() { document.derived } else { None }
            }
            _ => None,
        }
    }

    /// Whether a raw value is one of the spec's own placeholders.
    fn is_own_word(&self, raw: &str) -> bool {
        let mut folded = String::new();
        text::fold(raw, &mut folded);
        self.words.contains(&folded)
    }
}

/// Tells a word for "none", and a value that shows nothing, from one that is wrong.
fn refine(outcome: Outcome, raw: &str) -> Outcome {
    if outcome != Outcome::Invalid || raw.len() > 64 {
        return outcome;
    }
    let mut folded = String::new();
    text::fold(raw, &mut folded);
    match folded.as_str() {
        "" => Outcome::Blank,
        word if text::is_placeholder(word) => Outcome::Placeholder,
        _ => Outcome::Invalid,
    }
}

fn plan_of(region: &str) -> Result<&'static contact::Plan> {
    contact::plan_of(region).ok_or_else(|| {
        let known: Vec<&str> = contact::regions().collect();
        Error::new(ErrorKind::Spec, format!("unknown telephone region `{region}`")).hint(format!(
            "known regions: {}; or leave it out where numbers start with `+`",
            known.join(", ")
        ))
    })
}

fn reference_year(text: &str) -> Result<u32> {
    match date::birth_date(text, None, date::DEFAULT_REFERENCE_YEAR) {
        (Outcome::Valid, packed) => Ok(date::unpack(packed).0),
        _ => Err(Error::new(ErrorKind::Spec, format!("the reference date `{text}` is not a date"))
            .hint("write it as YYYY-MM-DD")),
    }
}
