//! Genuine and impostor scores of simulated templates, for the tests and for docs/templates.md.

use linkrisk_core::kernel::hash;
use linkrisk_core::simulate::biometric::{
    Capture, Eye, FINGERPRINT_DIMS, Faces, Fingerprints, Group, IRIS_BYTES, Irises, Kin, Print, Setting,
    Subject,
};

/// Scores of pairs, sorted.
pub struct Scores(pub Vec<f32>);

impl Scores {
    pub fn new(mut scores: Vec<f32>) -> Self {
        scores.sort_unstable_by(f32::total_cmp);
        Self(scores)
    }

    pub fn mean(&self) -> f64 {
        self.0.iter().map(|&x| f64::from(x)).sum::<f64>() / self.0.len() as f64
    }

    pub fn deviation(&self) -> f64 {
        let mean = self.mean();
        (self.0.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / self.0.len() as f64).sqrt()
    }

    /// Share of scores of at least `threshold`.
    pub fn from(&self, threshold: f32) -> f64 {
        (self.0.len() - self.0.partition_point(|&x| x < threshold)) as f64 / self.0.len() as f64
    }

    /// The score below which `share` of them lie.
    pub fn quantile(&self, share: f64) -> f32 {
        self.0[((self.0.len() - 1) as f64 * share) as usize]
    }
}

pub const ADULT: Group = Group { female: false, age_band: 1, tone: 2 };

/// A person of a population with every group alike.
pub fn anybody(person: u64) -> Subject {
    let drawn = hash::mix(person ^ 0x5eed);
    let group = Group {
        female: drawn & 1 == 0,
        age_band: (drawn >> 8) as u8 % Group::AGE_BANDS,
        tone: (drawn >> 16) as u8 % Group::TONES,
    };
    Subject { person, group, kin: None }
}

pub fn capture(number: u64, setting: Setting) -> Capture {
    Capture { number, day: 9_000, setting, camera: None }
}

pub fn template(faces: &Faces, subject: &Subject, capture: &Capture) -> Vec<f32> {
    let mut out = vec![0.0; faces.dims().count()];
    faces.template(subject, capture, &mut out);
    out
}

pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 16];
    for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
        for lane in 0..16 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum()
}

/// Scores of two captures each of `persons` persons, the second by `second`.
pub fn genuine(faces: &Faces, persons: u64, first: Capture, second: Capture) -> Scores {
    Scores::new(
        (0..persons)
            .map(|person| {
                let subject = anybody(person);
                dot(&template(faces, &subject, &first), &template(faces, &subject, &second))
            })
            .collect(),
    )
}

/// Scores of all pairs of `templates`.
pub fn all_pairs(templates: &[Vec<f32>]) -> Scores {
    let pairs = (0..templates.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    Scores::new(pairs.map(|(i, j)| dot(&templates[i], &templates[j])).collect())
}

/// Scores of one capture each of `persons` strangers.
pub fn impostors(faces: &Faces, persons: u64, subject: impl Fn(u64) -> Subject, capture: Capture) -> Scores {
    let templates: Vec<_> = (0..persons).map(|person| template(faces, &subject(person), &capture)).collect();
    all_pairs(&templates)
}

/// Scores of one capture each of two relatives.
pub fn relatives(faces: &Faces, pairs: u64, kin: impl Fn(u64) -> Kin, setting: Setting) -> Scores {
    let one = |person: u64, family: u64| {
        let subject = Subject { kin: Some(kin(family)), ..Subject { person, group: ADULT, kin: None } };
        template(faces, &subject, &capture(0, setting))
    };
    Scores::new((0..pairs).map(|pair| dot(&one(2 * pair, pair), &one(2 * pair + 1, pair))).collect())
}

/// Mean of the squared cosine of centred templates, inverted: the effective dimension.
pub fn effective_dimension(templates: &[Vec<f32>]) -> f64 {
    let dims = templates[0].len();
    let mut mean = vec![0.0f64; dims];
    for template in templates {
        for (m, &x) in mean.iter_mut().zip(template) {
            *m += f64::from(x) / templates.len() as f64;
        }
    }
    let centred: Vec<Vec<f32>> = templates
        .iter()
        .map(|t| {
            let mut t: Vec<f32> = t.iter().zip(&mean).map(|(&x, m)| x - *m as f32).collect();
            let length = dot(&t, &t).sqrt();
            t.iter_mut().for_each(|x| *x /= length);
            t
        })
        .collect();
    let scores = all_pairs(&centred);
    1.0 / (scores.deviation().powi(2) + scores.mean().powi(2))
}

pub fn print(prints: &Fingerprints, person: u64, kin: Option<Kin>, finger: u8, number: u64) -> Vec<f32> {
    let mut out = vec![0.0; FINGERPRINT_DIMS];
    prints.template(person, kin, Print { finger, number }, &mut out);
    out
}

pub fn iris(irises: &Irises, person: u64, eye: Eye, number: u64) -> [u8; IRIS_BYTES] {
    let mut out = [0; IRIS_BYTES];
    irises.code(person, eye, number, &mut out);
    out
}
