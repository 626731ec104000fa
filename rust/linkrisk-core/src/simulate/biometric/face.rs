//! Face templates: unit vectors of 128 or 512 numbers, compared by their cosine.
//!
//! **Identity.** 512 numbers have the spectrum exp(−k / 143) and the effective dimension 271, as good
//! models of today; 128 numbers have 64, as MobileFaceNet on LFW. 2 to 10 % of the variance is
//! the group's (sex, age band, skin tone group): most for women, the young, the old and the darker
//! tones, whose false match rates are the highest (NISTIR 8280). Relatives share more: see [`Kin`]; and
//! 1 % of all persons have a stranger as a lookalike.
//!
//! **Captures.** A capture is a · identity + √(1 − a²) · noise. Its quality a is skewed to the left, as
//! real genuine scores are, with a mean and a standard deviation for each [`Setting`] that give the
//! cosines of two captures of one person their stated distribution.
//!
//! **Cameras** add a direction of their own to what they take: 3 % of the variance for the light of a
//! site; 25 % for one camera in eight (near infrared, grey), which moves the impostors of that camera
//! by +0.25, as a set of small grey images did to MobileFaceNet. Poor captures (blur, a
//! profile) share one direction too, and so look like one another.
//!
//! **Ageing.** The expected cosine of two captures falls by 1.5 % of its value with each year between
//! them, in a straight line (as Best-Rowden and Jain, 2015, fit genuine scores over 16 years).

use super::latent::{Latent, add_scaled, product, scale_to};
use super::normal::skewed;
use super::rotation::Rotation;
use crate::kernel::hash;

/// Variance of a latent axis by that of the one before: exp(−1 / 143) and exp(−1 / 33.4).
pub(super) const RATIO_512: f64 = 0.993_031_387_184_389_3;
pub(super) const RATIO_128: f64 = 0.970_503_645_799_369_5;

/// Days until a face has nothing in common with what it was: 1.5 % a year.
const AGEING_DAYS: u32 = 24_350;

/// Share of a group in the variance: of all, and what is added for women, for those under 18 or
/// over 64, and for each step of the skin tone group.
const GROUP_SHARE: f32 = 0.020;
const GROUP_SHARE_WOMEN: f32 = 0.015;
const GROUP_SHARE_AGES: f32 = 0.020;
const GROUP_SHARE_TONE: f32 = 0.010;
/// How much sex, age band and tone have in what a group shares.
const GROUP_PARTS: [f32; 3] = [0.3, 0.2, 0.5];

/// Persons with a lookalike, and the share of the two in each other.
const LOOKALIKES: u64 = 100;
const LOOKALIKE_SHARE: f32 = 0.55;
/// Distance between the numbers of lookalikes, so that they are of no one household.
const LOOKALIKE_BIT: u64 = 1 << 12;

/// Directions of cameras.
const LIGHTS: usize = 64;
/// Share of a camera in the variance, that of near-infrared ones, and how many those are.
const LIGHT_SHARE: f32 = 0.03;
const INFRARED_SHARE: f32 = 0.25;
const INFRARED: u64 = 8;

/// Share in the variance of what poor captures have in common.
const POOR_SHARE: f32 = 0.20;

/// Qualities that a capture can have.
const QUALITIES: std::ops::RangeInclusive<f32> = 0.05..=0.98;

const MAX_DIMS: usize = 512;

/// What a stream of random numbers is for.
const PERSON: u64 = 301;
const FAMILY: u64 = 302;
const CAPTURE: u64 = 303;
const CAMERA: u64 = 304;
const DIRECTION: u64 = 305;
const ROTATION: u64 = 306;

/// Numbers of a face template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaceDims {
    /// 128 numbers, effective dimension 64.
    D128,
    /// 512 numbers, effective dimension 271.
    D512,
}

impl FaceDims {
    /// The number of numbers.
    pub const fn count(self) -> usize {
        match self {
            FaceDims::D128 => 128,
            FaceDims::D512 => 512,
        }
    }

    const fn ratio(self) -> f64 {
        match self {
            FaceDims::D128 => RATIO_128,
            FaceDims::D512 => RATIO_512,
        }
    }

    /// Mean and standard deviation of the quality of captures.
    const fn quality(self, setting: Setting) -> (f32, f32) {
        match (self, setting) {
            (FaceDims::D128, Setting::Controlled) => (0.807, 0.093),
            (FaceDims::D128, Setting::Uncontrolled) => (0.673, 0.129),
            (FaceDims::D512, Setting::Controlled) => (0.807, 0.102),
            (FaceDims::D512, Setting::Uncontrolled) => (0.673, 0.150),
        }
    }
}

/// How a face was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// A counter or a booth: the cosine of two such captures of one person is 0.65 ± 0.12. One
    /// capture in 400 is poor.
    Controlled,
    /// A camera above people who pass, or a mask: 0.45 ± 0.15. One capture in 100 is poor.
    Uncontrolled,
}

impl Setting {
    const fn captures_a_poor_one(self) -> u64 {
        match self {
            Setting::Controlled => 400,
            Setting::Uncontrolled => 100,
        }
    }
}

/// What decides how often two strangers of one group are taken for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Whether the person is a woman.
    pub female: bool,
    /// Under 18, 18 to 39, 40 to 64, 65 or more: 0 to 3, of one day for all captures.
    pub age_band: u8,
    /// Skin tone group, 0 (light) to 5 (dark).
    pub tone: u8,
}

impl Group {
    /// Age bands and tones there are.
    pub const AGE_BANDS: u8 = 4;
    /// Skin tone groups there are.
    pub const TONES: u8 = 6;

    /// The age band of somebody of so many years.
    pub const fn age_band(age: u32) -> u8 {
        match age {
            0..18 => 0,
            18..40 => 1,
            40..65 => 2,
            _ => 3,
        }
    }

    /// The part of the variance that persons of the group have in common, in [0, 1].
    pub fn share(self) -> f32 {
        let women = if self.female { GROUP_SHARE_WOMEN } else { 0.0 };
        let ages = if matches!(self.age_band, 0 | 3) { GROUP_SHARE_AGES } else { 0.0 };
        GROUP_SHARE + women + ages + GROUP_SHARE_TONE * f32::from(self.tone)
    }

    fn index(self) -> usize {
        let (age_band, tone) = (self.age_band % Self::AGE_BANDS, self.tone % Self::TONES);
        (usize::from(self.female) * usize::from(Self::AGE_BANDS) + usize::from(age_band))
            * usize::from(Self::TONES)
            + usize::from(tone)
    }
}

/// Relatives: the persons who have a family number in common look alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kin {
    /// A number that the relatives have in common, and nobody else has.
    pub family: u64,
    /// The cosine of their faces, before anything is captured; in [0, 1].
    pub share: f32,
}

impl Kin {
    /// Identical twins, whom models hardly tell apart.
    pub const TWINS: f32 = 0.85;
    /// Brothers and sisters.
    pub const SIBLINGS: f32 = 0.25;

    /// Identical twins of the pregnancy `family`.
    pub const fn twins(family: u64) -> Self {
        Self { family, share: Self::TWINS }
    }

    /// Brothers and sisters of the family `family`.
    pub const fn siblings(family: u64) -> Self {
        Self { family, share: Self::SIBLINGS }
    }
}

/// Whose template it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Subject {
    /// The person's number.
    pub person: u64,
    /// The person's group.
    pub group: Group,
    /// Relatives who look like the person; of several, the nearest.
    pub kin: Option<Kin>,
}

/// One taking of a person's face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capture {
    /// A number that no two captures of the person have in common, across all tables.
    pub number: u64,
    /// Day of the capture, counted from any day that is before all captures.
    pub day: u32,
    /// How it was taken.
    pub setting: Setting,
    /// The camera, where its light shows.
    pub camera: Option<u64>,
}

/// Makes the face templates of a population.
pub struct Faces {
    seed: u64,
    dims: FaceDims,
    latent: Latent,
    rotation: Rotation,
    groups: Vec<Vec<f32>>,
    lights: Vec<Vec<f32>>,
    poor: Vec<f32>,
}

impl Faces {
    /// The templates of the population of `seed`.
    pub fn new(dims: FaceDims, seed: u64) -> Self {
        let latent = Latent::new(dims.count(), dims.ratio());
        let direction = |purpose: u64, number: usize| {
            latent.unit(hash::combine(hash::combine(DIRECTION, purpose), number as u64))
        };
        let part = |which: usize, value: u8| direction(which as u64, usize::from(value));
        let mut groups = Vec::new();
        for sex in 0..2 {
            for age_band in 0..Group::AGE_BANDS {
                for tone in 0..Group::TONES {
                    let mut group = vec![0.0; latent.dims()];
                    for (which, value) in [sex, age_band, tone].into_iter().enumerate() {
                        add_scaled(&mut group, &part(which, value), GROUP_PARTS[which].sqrt());
                    }
                    scale_to(&mut group, 1.0);
                    groups.push(group);
                }
            }
        }
        Self {
            seed,
            dims,
            rotation: Rotation::new(latent.dims(), ROTATION),
            groups,
            lights: (0..LIGHTS).map(|light| direction(CAMERA, light)).collect(),
            poor: direction(CAPTURE, 0),
            latent,
        }
    }

    /// The same faces behind a secret rotation: templates of one key compare as before, with each
    /// other alone.
    ///
    /// This is the simplest template protection there is. Whoever has the key, or some plain
    /// templates of the same captures, undoes it.
    pub fn protected(mut self, key: u64) -> Self {
        self.rotation = Rotation::new(self.latent.dims(), hash::combine(ROTATION, key));
        self
    }

    /// Numbers of a template.
    pub fn dims(&self) -> FaceDims {
        self.dims
    }

    /// Writes the template of a capture of `subject` to `out`, a unit vector.
    ///
    /// `out` has as many numbers as [`Faces::dims`] says; others stay as they are, or are not made.
    pub fn template(&self, subject: &Subject, capture: &Capture, out: &mut [f32]) {
        let mut scratch = [0.0f32; MAX_DIMS];
        let scratch = &mut scratch[..self.latent.dims()];
        self.identity(subject, capture.day, out);
        let key =
            hash::combine(hash::combine(hash::combine(self.seed, CAPTURE), subject.person), capture.number);
        self.latent.add(scratch, key, 1.0);
        scale_to(scratch, 1.0);
        let (mean, deviation) = self.dims.quality(capture.setting);
        let quality = (mean - deviation * skewed(hash::mix(key))).clamp(*QUALITIES.start(), *QUALITIES.end());
        for (x, noise) in out.iter_mut().zip(scratch.iter()) {
            *x = quality * *x + (1.0 - quality * quality).sqrt() * noise;
        }
        self.disturb(key, capture, out);
        self.rotation.apply(out, scratch);
        scale_to(out, 1.0);
    }

    /// What stays of a person from capture to capture, at length 1.
    fn identity(&self, subject: &Subject, day: u32, out: &mut [f32]) {
        out.fill(0.0);
        let group = subject.group.share();
        let kin = subject.kin.map(|kin| (FAMILY, kin)).or_else(|| self.lookalike(subject.person));
        let mut own = 1.0 - group;
        let mut add = |purpose: u64, number: u64, share: f32| {
            let key = hash::combine(hash::combine(self.seed, purpose), number);
            self.latent.add_drifting(out, key, share.sqrt(), day, AGEING_DAYS);
        };
        if let Some((purpose, kin)) = kin {
            let share = kin.share.clamp(0.0, 1.0);
            add(purpose, kin.family, own * share);
            own *= 1.0 - share;
        }
        add(PERSON, subject.person, own);
        add_scaled(out, &self.groups[subject.group.index()], group.sqrt());
        scale_to(out, 1.0);
    }

    fn lookalike(&self, person: u64) -> Option<(u64, Kin)> {
        const LOOKALIKE: u64 = 307;
        let family = person & !LOOKALIKE_BIT;
        let drawn = hash::combine(hash::combine(self.seed, LOOKALIKE), family);
        (hash::below(drawn, LOOKALIKES) == 0).then_some((LOOKALIKE, Kin { family, share: LOOKALIKE_SHARE }))
    }

    /// Adds what a camera or a poor capture has in common with others of its kind.
    fn disturb(&self, key: u64, capture: &Capture, out: &mut [f32]) {
        let poor = hash::below(hash::combine(key, CAPTURE), capture.setting.captures_a_poor_one()) == 0;
        if capture.camera.is_none() && !poor {
            return;
        }
        let mut rest = 1.0;
        let mut common = [0.0f32; MAX_DIMS];
        let common = &mut common[..self.latent.dims()];
        let mut add = |direction: &[f32], share: f32| {
            add_scaled(common, direction, share.sqrt());
            rest -= share;
        };
        if let Some(camera) = capture.camera {
            add(&self.lights[camera as usize % LIGHTS], light_share(camera));
        }
        if poor {
            add(&self.poor, POOR_SHARE);
        }
        scale_to(out, rest.sqrt());
        add_scaled(out, common, 1.0);
    }
}

/// The share of a camera in the variance of what it takes.
pub fn light_share(camera: u64) -> f32 {
    if hash::below(hash::combine(CAMERA, camera), INFRARED) == 0 { INFRARED_SHARE } else { LIGHT_SHARE }
}

/// The cosine of two templates of one length.
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let lengths = product(a, a).sqrt() * product(b, b).sqrt();
    if lengths > 0.0 { product(a, b) / lengths } else { 0.0 }
}
