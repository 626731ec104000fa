//! What an attribute holds, what that gives away, and whom it identifies.

use serde::{Deserialize, Serialize};

/// What an attribute holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Chinese resident ID number, GB 11643-1999.
    CnResidentId,
    /// Indian Aadhaar number.
    Aadhaar,
    /// United States social security number.
    UsSsn,
    /// Passport or other travel document, or its machine-readable zone (ICAO 9303).
    TravelDocument,
    /// Number plate of a vehicle.
    Plate,
    /// Telephone number.
    Phone,
    /// E-mail address.
    Email,
    /// Name of a person, whole or in part.
    PersonName,
    /// Date of birth.
    BirthDate,
    /// Age in years at a reference date.
    Age,
    /// Sex.
    Sex,
    /// Postal address, whole or in part.
    Address,
    /// A named place: city, site, gate, lane, region.
    Place,
    /// A moment in time.
    Time,
    /// Face template.
    Face,
    /// Iris code.
    Iris,
    /// Fingerprint template.
    Fingerprint,
    /// Address of an image.
    ImageUrl,
    /// Account, customer or device number.
    Account,
    /// A value out of a small set.
    Category,
    /// Free text.
    Text,
}

/// What an attribute gives away about somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Modality {
    /// Faces.
    Face,
    /// Irises.
    Iris,
    /// Fingerprints.
    Fingerprint,
    /// Number plates.
    Plate,
    /// Official numbers and documents.
    Id,
    /// Names.
    Name,
    /// Ways to reach somebody.
    Contact,
    /// Birth date, age, sex and the like.
    Demographic,
    /// Where somebody lives or was, and when.
    Location,
    /// Accounts.
    Account,
    /// Pictures.
    Image,
}

impl Modality {
    /// Every modality, in the order of the bits of an exposure mask.
    pub const ALL: [Modality; 11] = [
        Modality::Face,
        Modality::Iris,
        Modality::Fingerprint,
        Modality::Plate,
        Modality::Id,
        Modality::Name,
        Modality::Contact,
        Modality::Demographic,
        Modality::Location,
        Modality::Account,
        Modality::Image,
    ];

    /// The modality's bit in an exposure mask.
    pub const fn bit(self) -> u32 {
        1 << self as u8
    }

    /// The modality's name in tables, specs and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Modality::Face => "face",
            Modality::Iris => "iris",
            Modality::Fingerprint => "fingerprint",
            Modality::Plate => "plate",
            Modality::Id => "id",
            Modality::Name => "name",
            Modality::Contact => "contact",
            Modality::Demographic => "demographic",
            Modality::Location => "location",
            Modality::Account => "account",
            Modality::Image => "image",
        }
    }
}

/// Whom or what an attribute identifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A human being.
    Person,
    /// A vehicle, which people may share.
    Vehicle,
}

impl Subject {
    /// The subject's name in tables and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Subject::Person => "person",
            Subject::Vehicle => "vehicle",
        }
    }
}

/// How a value of a kind rests in a packed record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// A u64 that is the value itself, packed; the highest bit marks a code of the attribute's
    /// dictionary of partial values instead.
    Number,
    /// A u32 code of the attribute's dictionary.
    Text,
    /// A u32 code of the attribute's dictionary of names, which knows the parts of each.
    Name,
    /// A u32: `year << 9 | month << 5 | day`, parts that are unknown being zero.
    Date,
    /// A u32 that is the value itself.
    Small,
    /// A u32: the row of the template among those of its attribute, counted from 1; 0 where templates are
    /// counted and not compared.
    Template,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 21] = [
        Kind::CnResidentId,
        Kind::Aadhaar,
        Kind::UsSsn,
        Kind::TravelDocument,
        Kind::Plate,
        Kind::Phone,
        Kind::Email,
        Kind::PersonName,
        Kind::BirthDate,
        Kind::Age,
        Kind::Sex,
        Kind::Address,
        Kind::Place,
        Kind::Time,
        Kind::Face,
        Kind::Iris,
        Kind::Fingerprint,
        Kind::ImageUrl,
        Kind::Account,
        Kind::Category,
        Kind::Text,
    ];

    /// The kind's name in specs, tables and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::CnResidentId => "cn_resident_id",
            Kind::Aadhaar => "aadhaar",
            Kind::UsSsn => "us_ssn",
            Kind::TravelDocument => "travel_document",
            Kind::Plate => "plate",
            Kind::Phone => "phone",
            Kind::Email => "email",
            Kind::PersonName => "person_name",
            Kind::BirthDate => "birth_date",
            Kind::Age => "age",
            Kind::Sex => "sex",
            Kind::Address => "address",
            Kind::Place => "place",
            Kind::Time => "time",
            Kind::Face => "face",
            Kind::Iris => "iris",
            Kind::Fingerprint => "fingerprint",
            Kind::ImageUrl => "image_url",
            Kind::Account => "account",
            Kind::Category => "category",
            Kind::Text => "text",
        }
    }

    /// What a value of this kind gives away; free text and categories belong with demographics.
    pub const fn modality(self) -> Modality {
        match self {
            Kind::CnResidentId | Kind::Aadhaar | Kind::UsSsn | Kind::TravelDocument => Modality::Id,
            Kind::Plate => Modality::Plate,
            Kind::Phone | Kind::Email => Modality::Contact,
            Kind::PersonName => Modality::Name,
            Kind::BirthDate | Kind::Age | Kind::Sex | Kind::Category | Kind::Text => Modality::Demographic,
            Kind::Address | Kind::Place | Kind::Time => Modality::Location,
            Kind::Face => Modality::Face,
            Kind::Iris => Modality::Iris,
            Kind::Fingerprint => Modality::Fingerprint,
            Kind::ImageUrl => Modality::Image,
            Kind::Account => Modality::Account,
        }
    }

    /// Whom a value of this kind identifies by itself, if anybody.
    ///
    /// Place, time, sex and the like describe a subject and identify none: a record that has
    /// nothing else stands for nobody.
    pub const fn subject(self) -> Option<Subject> {
        match self {
            Kind::Plate => Some(Subject::Vehicle),
            Kind::CnResidentId
            | Kind::Aadhaar
            | Kind::UsSsn
            | Kind::TravelDocument
            | Kind::Phone
            | Kind::Email
            | Kind::PersonName
            | Kind::Face
            | Kind::Iris
            | Kind::Fingerprint
            | Kind::ImageUrl
            | Kind::Account => Some(Subject::Person),
            Kind::BirthDate
            | Kind::Age
            | Kind::Sex
            | Kind::Address
            | Kind::Place
            | Kind::Time
            | Kind::Category
            | Kind::Text => None,
        }
    }

    /// How a value of this kind rests in a packed record.
    pub const fn storage(self) -> Storage {
        match self {
            Kind::CnResidentId
            | Kind::Aadhaar
            | Kind::UsSsn
            | Kind::TravelDocument
            | Kind::Plate
            | Kind::Phone
            | Kind::Time
            | Kind::ImageUrl => Storage::Number,
            Kind::Email | Kind::Address | Kind::Place | Kind::Account | Kind::Category | Kind::Text => {
                Storage::Text
            }
            Kind::PersonName => Storage::Name,
            Kind::BirthDate => Storage::Date,
            Kind::Age | Kind::Sex => Storage::Small,
            Kind::Face | Kind::Iris | Kind::Fingerprint => Storage::Template,
        }
    }

    /// Whether a value is issued to one person, so that two different valid ones contradict.
    pub const fn is_official_id(self) -> bool {
        matches!(self, Kind::CnResidentId | Kind::Aadhaar | Kind::UsSsn)
    }

    /// Whether a value is issued to one person, so that records which agree on it are of one, although a
    /// person may have several.
    pub const fn is_issued(self) -> bool {
        self.is_official_id() || matches!(self, Kind::TravelDocument | Kind::Account | Kind::ImageUrl)
    }

    /// Whether a person has one value of this kind, errors apart, so that records which differ in it are of two.
    pub const fn is_single(self) -> bool {
        self.is_official_id() || matches!(self, Kind::PersonName | Kind::BirthDate | Kind::Age | Kind::Sex)
    }

    /// Whether a household, a firm or a family shares values of this kind.
    pub const fn is_shareable(self) -> bool {
        matches!(
            self,
            Kind::Plate
                | Kind::Phone
                | Kind::Email
                | Kind::Address
                | Kind::Place
                | Kind::Account
                | Kind::ImageUrl
        )
    }

    /// Whether an attacker may know it from elsewhere although it names nobody by itself.
    pub const fn is_quasi_identifier(self) -> bool {
        matches!(self, Kind::BirthDate | Kind::Age | Kind::Sex | Kind::Address | Kind::Place | Kind::Category)
    }
}
