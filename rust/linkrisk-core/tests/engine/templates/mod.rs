//! Simulated templates against their stated parameters.

mod measure;

use linkrisk_core::kernel::hash;
use linkrisk_core::simulate::biometric::{
    Capture, Eye, FaceDims, Faces, Fingerprints, Group, Irises, Kin, Precision, Setting, Subject,
    TemplateBuilder, int8_scale, iris, light_share,
};
use measure::{
    Scores, all_pairs, anybody, capture, dot, effective_dimension, genuine, impostors, relatives, template,
};
use proptest::prelude::*;

const SEED: u64 = 3;

fn near(value: f64, expected: f64, by: f64) -> bool {
    (value - expected).abs() <= by
}

/// Strangers are numbered below 4096, where nobody is anybody's lookalike.
const STRANGERS: u64 = 1_500;

#[test]
fn test_faces_have_their_genuine_distributions() {
    for dims in [FaceDims::D128, FaceDims::D512] {
        let faces = Faces::new(dims, SEED);
        for (setting, mean, deviation) in
            [(Setting::Controlled, 0.65, 0.12), (Setting::Uncontrolled, 0.45, 0.15)]
        {
            let scores = genuine(&faces, 6_000, capture(0, setting), capture(1, setting));
            let (found, spread) = (scores.mean(), scores.deviation());
            assert!(near(found, mean, 0.01) && near(spread, deviation, 0.008), "{dims:?} {found} {spread}");
        }
        let mixed =
            genuine(&faces, 6_000, capture(0, Setting::Controlled), capture(1, Setting::Uncontrolled));
        assert!(near(mixed.mean(), 0.54, 0.015), "{}", mixed.mean());
    }
}

#[test]
fn test_faces_have_their_impostor_distributions() {
    for (dims, effective, deviation) in [(FaceDims::D512, 268.0, 0.061), (FaceDims::D128, 66.0, 0.123)] {
        let faces = Faces::new(dims, SEED);
        let templates: Vec<_> =
            (0..STRANGERS).map(|p| template(&faces, &anybody(p), &capture(0, Setting::Controlled))).collect();
        let scores = all_pairs(&templates);
        assert!(near(scores.mean(), 0.012, 0.006), "{}", scores.mean());
        assert!(near(scores.deviation(), deviation, 0.003), "{}", scores.deviation());
        let found = effective_dimension(&templates);
        assert!(near(found, effective, effective * 0.05), "{found}");
    }
}

#[test]
fn test_relatives_and_poor_captures_make_the_tail() {
    let faces = Faces::new(FaceDims::D512, SEED);
    let twins = relatives(&faces, 2_000, Kin::twins, Setting::Controlled);
    // The share of relatives, of what is not the group's, times the 0.65 of one person.
    assert!(near(twins.mean(), 0.557, 0.012), "{}", twins.mean());
    let siblings = relatives(&faces, 2_000, Kin::siblings, Setting::Controlled);
    assert!(near(siblings.mean(), 0.18, 0.012), "{}", siblings.mean());
    let strangers = |setting| impostors(&faces, 3_000, anybody, capture(0, setting));
    let (controlled, uncontrolled) = (strangers(Setting::Controlled), strangers(Setting::Uncontrolled));
    // One uncontrolled capture in a hundred is poor, so one pair in 10 000 has a mean of 0.2.
    assert!(uncontrolled.from(0.3) > 1.2 * controlled.from(0.3));
    let share = share_with_lookalike(&faces);
    assert!(near(share, 0.01, 0.004), "{share}");
}

/// Share of persons who have a lookalike.
fn share_with_lookalike(faces: &Faces) -> f64 {
    let face = |p| template(faces, &anybody(p), &capture(0, Setting::Controlled));
    let alike = (0..4096).filter(|&p| dot(&face(p), &face(p | 4096)) > 0.25).count();
    alike as f64 / 4096.0
}

#[test]
fn test_groups_have_different_false_match_rates() {
    let faces = Faces::new(FaceDims::D512, SEED);
    let within = |group: Group| {
        impostors(
            &faces,
            STRANGERS,
            |person| Subject { person, group, kin: None },
            capture(0, Setting::Controlled),
        )
    };
    let least = within(Group { female: false, age_band: 1, tone: 0 });
    let most = within(Group { female: true, age_band: 0, tone: 5 });
    // 0.65 of the 2 % and 10.5 % of the variance.
    assert!(
        near(least.mean(), 0.013, 0.004) && near(most.mean(), 0.068, 0.006),
        "{} {}",
        least.mean(),
        most.mean()
    );
    let factor = most.from(0.2) / least.from(0.2);
    assert!((6.0..20.0).contains(&factor), "{factor}");
}

#[test]
fn test_a_camera_moves_its_impostors() {
    let faces = Faces::new(FaceDims::D512, SEED);
    let seen = |camera| {
        let capture = Capture { camera, ..capture(0, Setting::Uncontrolled) };
        impostors(&faces, 600, anybody, capture).mean()
    };
    let camera = |infrared| (0..).find(|&c| (light_share(c) > 0.1) == infrared);
    let plain = seen(None);
    assert!(near(seen(camera(false)) - plain, 0.03, 0.01));
    assert!(near(seen(camera(true)) - plain, 0.25, 0.015));
    let infrared = (0..8_000).filter(|&c| light_share(c) > 0.1).count();
    assert!((900..1_100).contains(&infrared), "{infrared}");
}

#[test]
fn test_faces_age_in_a_straight_line() {
    let faces = Faces::new(FaceDims::D512, SEED);
    let after = |years: u32| {
        let later = Capture { day: 9_000 + years * 365, ..capture(1, Setting::Controlled) };
        genuine(&faces, 3_000, capture(0, Setting::Controlled), later).mean()
    };
    let now = after(0);
    for years in [5, 10, 20] {
        let lost = 1.0 - after(years) / now;
        // A group's share does not age.
        assert!(near(lost, 0.0142 * f64::from(years), 0.015), "{years}: {lost}");
    }
}

#[test]
fn test_protected_templates_compare_with_each_other_alone() {
    let plain = Faces::new(FaceDims::D512, SEED);
    let one = Faces::new(FaceDims::D512, SEED).protected(1);
    let two = Faces::new(FaceDims::D512, SEED).protected(2);
    let at = |faces: &Faces, p, n| template(faces, &anybody(p), &capture(n, Setting::Controlled));
    for person in 0..50 {
        let kept = dot(&at(&plain, person, 0), &at(&plain, person, 1));
        assert!((kept - dot(&at(&one, person, 0), &at(&one, person, 1))).abs() < 1e-4);
        assert!(dot(&at(&one, person, 0), &at(&two, person, 0)).abs() < 0.25);
        assert!(dot(&at(&one, person, 0), &at(&plain, person, 0)).abs() < 0.25);
    }
}

#[test]
fn test_fingerprints_have_their_distributions() {
    let prints = Fingerprints::new(SEED);
    let one = |person, finger, number| measure::print(&prints, person, None, finger, number);
    let genuine = Scores::new((0..6_000).map(|p| dot(&one(p, 3, 0), &one(p, 3, 1))).collect());
    assert!(near(genuine.mean(), 0.712, 0.01) && near(genuine.deviation(), 0.12, 0.01));
    let strangers: Vec<_> = (0..STRANGERS).map(|p| one(p, 3, 0)).collect();
    let strangers = all_pairs(&strangers);
    assert!(near(strangers.mean(), 0.008, 0.005) && near(strangers.deviation(), 0.091, 0.003));
    let mean = |pairs: &dyn Fn(u64) -> f32| (0..3_000).map(|p| f64::from(pairs(p))).sum::<f64>() / 3_000.0;
    let fingers = mean(&|p| dot(&one(p, 0, 0), &one(p, 9, 0)));
    let twin = |p, pair| measure::print(&prints, p, Some(Kin::twins(pair)), 3, 0);
    let twins = mean(&|p| dot(&twin(2 * p, p), &twin(2 * p + 1, p)));
    assert!(near(fingers, 0.035, 0.006) && near(twins, 0.049, 0.006), "{fingers} {twins}");
}

#[test]
fn test_irises_differ_as_a_binomial_variable() {
    let irises = Irises::new(SEED);
    let codes = |number| (0..900).map(|p| measure::iris(&irises, p, Eye::Left, number)).collect::<Vec<_>>();
    let (first, second) = (codes(0), codes(1));
    let adjusted = |pairs: &mut dyn Iterator<Item = (usize, usize)>, rotations| {
        Scores::new(
            pairs
                .filter_map(|(i, j)| iris::distance(&first[i], &second[j], rotations))
                .map(|(hd, bits)| (0.5 - (0.5 - hd) * (f64::from(bits) / 911.0).sqrt()) as f32)
                .collect(),
        )
    };
    let strangers = adjusted(&mut (0..900).flat_map(|i| (0..i).map(move |j| (i, j))), 0);
    let freedom = 0.25 / strangers.deviation().powi(2);
    assert!(near(strangers.mean(), 0.5, 0.002) && near(freedom, 249.0, 20.0), "{freedom}");
    // The binomial distribution of 249 tosses has 8.2e-4 below 0.40 and none that shows below 0.34.
    assert!(near((1.0 - strangers.from(0.40)) / 8.2e-4, 1.0, 0.5), "{}", 1.0 - strangers.from(0.40));
    assert!(strangers.quantile(0.0) > 0.33, "{}", strangers.quantile(0.0));
    let genuine = adjusted(&mut (0..900).map(|i| (i, i)), 8);
    assert!(near(genuine.mean(), 0.11, 0.01) && near(genuine.deviation(), 0.064, 0.01));
    let other_eye = (0..300u64)
        .filter_map(|p| iris::distance(&first[p as usize], &measure::iris(&irises, p, Eye::Right, 0), 0))
        .map(|d| d.0)
        .sum::<f64>();
    assert!(near(other_eye / 300.0, 0.5, 0.01));
}

#[test]
fn test_templates_never_change() {
    let mut all = Vec::new();
    for dims in [FaceDims::D128, FaceDims::D512] {
        let faces = Faces::new(dims, 1);
        for (person, camera) in [(3, None), (4, Some(5))] {
            let subject = Subject { kin: Some(Kin::twins(2)), ..anybody(person) };
            let capture = Capture { camera, ..capture(7, Setting::Uncontrolled) };
            all.extend(template(&faces, &subject, &capture).iter().flat_map(|x| x.to_bits().to_le_bytes()));
        }
    }
    let prints = Fingerprints::new(1);
    all.extend(measure::print(&prints, 3, None, 9, 1).iter().flat_map(|x| x.to_bits().to_le_bytes()));
    all.extend(measure::iris(&Irises::new(1), 3, Eye::Right, 1));
    // On any machine: a change of this number changes every simulated data set.
    assert_eq!(hash::bytes(&all), 0x9b5f_096d_8e49_aac5, "{:#x}", hash::bytes(&all));
}

#[test]
fn test_int8_keeps_the_cosine() {
    let faces = Faces::new(FaceDims::D512, SEED);
    let scale = int8_scale(512);
    let mut worst = 0.0f32;
    for person in 0..300 {
        let (a, b) = (
            template(&faces, &anybody(person), &capture(0, Setting::Controlled)),
            template(&faces, &anybody(person), &capture(1, Setting::Controlled)),
        );
        let whole = |t: &[f32]| {
            t.iter().map(|x| (x * scale).round_ties_even().clamp(-127.0, 127.0)).collect::<Vec<_>>()
        };
        let (wa, wb) = (whole(&a), whole(&b));
        let cosine = dot(&wa, &wb) / (dot(&wa, &wa) * dot(&wb, &wb)).sqrt();
        worst = worst.max((cosine - dot(&a, &b)).abs());
    }
    assert!(worst < 0.003, "{worst}");
}

#[test]
fn test_columns_hold_what_was_pushed() {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float16Type, Float32Type, Int8Type};
    let faces = Faces::new(FaceDims::D128, SEED);
    let pushed = template(&faces, &anybody(1), &capture(0, Setting::Controlled));
    for precision in [Precision::Int8, Precision::F16, Precision::F32] {
        let mut builder = TemplateBuilder::new(precision, 128, 3);
        builder.push(&pushed);
        builder.push_null();
        builder.push_zero();
        let column = builder.finish().expect("every template has 128 numbers");
        assert_eq!(column.data_type(), &precision.data_type(128));
        assert_eq!((column.len(), column.null_count(), column.is_null(1)), (3, 1, true));
        let values = |row: usize| -> Vec<f32> {
            let row = column.as_fixed_size_list().value(row);
            match precision {
                Precision::Int8 => row
                    .as_primitive::<Int8Type>()
                    .values()
                    .iter()
                    .map(|&x| f32::from(x) / int8_scale(128))
                    .collect(),
                Precision::F16 => {
                    row.as_primitive::<Float16Type>().values().iter().map(|x| x.to_f32()).collect()
                }
                Precision::F32 => row.as_primitive::<Float32Type>().values().to_vec(),
            }
        };
        let slack = match precision {
            Precision::Int8 => 0.501 / int8_scale(128),
            Precision::F16 => 5e-4,
            Precision::F32 => 0.0,
        };
        assert!(values(0).iter().zip(&pushed).all(|(a, b)| (a - b).abs() <= slack), "{precision:?}");
        assert!(values(2).iter().all(|&x| x == 0.0));
    }
}

#[test]
fn test_a_template_of_another_length_is_an_error() {
    let mut builder = TemplateBuilder::new(Precision::F32, 128, 1);
    builder.push(&[0.5; 4]);
    assert!(builder.finish().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn test_template_is_a_unit_vector_of_its_arguments(
        seed: u64, person: u64, number: u64, day in 0u32..80_000, family: u64, share in 0.0f32..=1.0,
        female: bool, age_band in 0u8..4, tone in 0u8..6, camera in proptest::option::of(any::<u64>()), small: bool,
    ) {
        let dims = if small { FaceDims::D128 } else { FaceDims::D512 };
        let subject = Subject { person, group: Group { female, age_band, tone }, kin: Some(Kin { family, share }) };
        let capture = Capture { number, day, setting: Setting::Uncontrolled, camera };
        let faces = Faces::new(dims, seed);
        let one = template(&faces, &subject, &capture);
        let again = template(&Faces::new(dims, seed), &subject, &capture);
        prop_assert!(one.iter().zip(&again).all(|(a, b)| a.to_bits() == b.to_bits()));
        prop_assert!((dot(&one, &one) - 1.0).abs() < 1e-5);
        let other = template(&faces, &subject, &Capture { number: number ^ 1, ..capture });
        prop_assert!(one != other);
    }

    #[test]
    fn test_iris_distance_is_symmetric(seed: u64, a: u64, b: u64) {
        let irises = Irises::new(seed);
        let (a, b) = (measure::iris(&irises, a, Eye::Left, 0), measure::iris(&irises, b, Eye::Right, 3));
        for rotations in [0, 4, 8] {
            prop_assert_eq!(iris::distance(&a, &b, rotations), iris::distance(&b, &a, rotations));
        }
    }
}
