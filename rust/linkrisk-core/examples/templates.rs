//! Prints the score distributions of simulated templates, as docs/templates.md has them.
//!
//! `cargo run --release -p linkrisk-core --example templates`

#![allow(clippy::print_stdout)]

#[path = "../tests/engine/templates/measure.rs"]
mod measure;

use linkrisk_core::simulate::biometric::{
    Capture, Eye, FaceDims, Faces, Fingerprints, Group, Irises, Kin, Setting, Subject, iris, light_share,
};
use measure::{
    Scores, all_pairs, anybody, capture, effective_dimension, genuine, impostors, relatives, template,
};

const SEED: u64 = 1;
const GENUINE: u64 = 20_000;
const STRANGERS: u64 = 4_000;

fn main() {
    for dims in [FaceDims::D512, FaceDims::D128] {
        faces(&Faces::new(dims, SEED));
    }
    groups(&Faces::new(FaceDims::D512, SEED));
    ageing(&Faces::new(FaceDims::D512, SEED));
    fingerprints(&Fingerprints::new(SEED));
    irises(&Irises::new(SEED));
}

fn head(title: &str) {
    println!("\n{title}\n");
    println!("| pairs | n | mean | sd | p1 | p99 | ≥ 0.3 | ≥ 0.4 | ≥ 0.5 |");
    println!("|---|---|---|---|---|---|---|---|---|");
}

fn row(name: &str, scores: &Scores) {
    println!(
        "| {name} | {} | {:.3} | {:.3} | {:.3} | {:.3} | {} | {} | {} |",
        scores.0.len(),
        scores.mean(),
        scores.deviation(),
        scores.quantile(0.01),
        scores.quantile(0.99),
        share(scores.from(0.3)),
        share(scores.from(0.4)),
        share(scores.from(0.5))
    );
}

/// A share in three figures, or as a power of ten where it is small.
fn share(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        0.001.. => format!("{value:.3}"),
        _ => format!("{value:.1e}"),
    }
}

fn histogram(low: f32, step: f32, bins: usize, columns: &[(&str, &Scores)]) {
    print!("\n| score |");
    columns.iter().for_each(|(name, _)| print!(" {name} |"));
    println!("\n|---|{}", "---|".repeat(columns.len()));
    for bin in 0..bins {
        let from = low + step * bin as f32;
        print!("| {from:.2} – {:.2} |", from + step);
        for (_, scores) in columns {
            print!(" {} |", share(scores.from(from) - scores.from(from + step)));
        }
        println!();
    }
}

fn faces(faces: &Faces) {
    use Setting::{Controlled, Uncontrolled};
    head(&format!("Faces, {} numbers", faces.dims().count()));
    let pair = |a, b| genuine(faces, GENUINE, capture(0, a), capture(1, b));
    let (controlled, uncontrolled) = (pair(Controlled, Controlled), pair(Uncontrolled, Uncontrolled));
    row("genuine, both controlled", &controlled);
    row("genuine, one of each", &pair(Controlled, Uncontrolled));
    row("genuine, both uncontrolled", &uncontrolled);
    let strangers = impostors(faces, STRANGERS, anybody, capture(0, Controlled));
    row("impostors, both controlled", &strangers);
    let loose = impostors(faces, STRANGERS, anybody, capture(0, Uncontrolled));
    row("impostors, both uncontrolled", &loose);
    let camera_of = |infrared: bool| (0..).find(|&c| (light_share(c) > 0.1) == infrared);
    for (name, infrared) in [("impostors, one camera", false), ("impostors, one near-infrared camera", true)]
    {
        let camera = Capture { camera: camera_of(infrared), ..capture(0, Uncontrolled) };
        row(name, &impostors(faces, 2_000, anybody, camera));
    }
    row("identical twins, both controlled", &relatives(faces, GENUINE, Kin::twins, Controlled));
    row("siblings, both controlled", &relatives(faces, GENUINE, Kin::siblings, Controlled));
    let templates: Vec<_> =
        (0..STRANGERS).map(|p| template(faces, &anybody(p), &capture(0, Controlled))).collect();
    println!("\nEffective dimension of controlled captures: {:.0}", effective_dimension(&templates));
    histogram(
        -0.3,
        0.1,
        13,
        &[
            ("genuine, controlled", &controlled),
            ("genuine, uncontrolled", &uncontrolled),
            ("impostors, controlled", &strangers),
            ("impostors, uncontrolled", &loose),
        ],
    );
}

fn groups(faces: &Faces) {
    head("False matches within a group, 512 numbers, both controlled");
    for female in [false, true] {
        for age_band in 0..2 {
            for tone in [0, 5] {
                let group = Group { female, age_band, tone };
                let subject = |person| Subject { person, group, kin: None };
                let sex = if female { "women" } else { "men" };
                let age = if age_band == 0 { "under 18" } else { "18 to 39" };
                row(
                    &format!("{sex}, {age}, tone {tone}"),
                    &impostors(faces, STRANGERS, subject, capture(0, Setting::Controlled)),
                );
            }
        }
    }
}

fn ageing(faces: &Faces) {
    head("Years between two controlled captures, 512 numbers");
    for years in [0, 1, 5, 10, 20] {
        let later = Capture { day: 9_000 + years * 365, ..capture(1, Setting::Controlled) };
        row(&format!("genuine, {years}"), &genuine(faces, GENUINE, capture(0, Setting::Controlled), later));
    }
}

fn fingerprints(prints: &Fingerprints) {
    head("Fingerprints, 192 numbers");
    let scores = |pair: &dyn Fn(u64) -> (Vec<f32>, Vec<f32>)| {
        Scores::new((0..GENUINE).map(pair).map(|(a, b)| measure::dot(&a, &b)).collect())
    };
    let one = |person, finger, number| measure::print(prints, person, None, finger, number);
    let same = scores(&|p| (one(p, 1, 0), one(p, 1, 1)));
    row("genuine", &same);
    let strangers: Vec<_> = (0..STRANGERS).map(|p| one(p, 1, 0)).collect();
    let strangers = all_pairs(&strangers);
    row("impostors, one finger", &strangers);
    row("two fingers of a person", &scores(&|p| (one(p, 1, 0), one(p, 6, 0))));
    let twin = |person, family| measure::print(prints, person, Some(Kin::twins(family)), 1, 0);
    row("identical twins", &scores(&|p| (twin(2 * p, p), twin(2 * p + 1, p))));
    histogram(-0.4, 0.1, 14, &[("genuine", &same), ("impostors", &strangers)]);
}

fn irises(irises: &Irises) {
    println!("\nIris codes, fractional Hamming distance\n");
    println!("| pairs | n | mean | sd | mean bits | < 0.32 | < 0.35 | < 0.38 |");
    println!("|---|---|---|---|---|---|---|---|");
    let codes = |number| (0..3_000).map(|p| measure::iris(irises, p, Eye::Left, number)).collect::<Vec<_>>();
    let (first, second) = (codes(0), codes(1));
    let mut shown = Vec::new();
    let mut row = |name: &str, pairs: &mut dyn Iterator<Item = (usize, usize)>, rotations| {
        let found: Vec<_> =
            pairs.filter_map(|(i, j)| iris::distance(&first[i], &second[j], rotations)).collect();
        let bits = found.iter().map(|d| f64::from(d.1)).sum::<f64>() / found.len() as f64;
        // Adjusted to 911 bits, as Daugman (2007) does.
        let scores = Scores::new(
            found.iter().map(|(hd, n)| (0.5 - (0.5 - hd) * (f64::from(*n) / 911.0).sqrt()) as f32).collect(),
        );
        println!(
            "| {name} | {} | {:.3} | {:.4} | {bits:.0} | {} | {} | {} |",
            scores.0.len(),
            scores.mean(),
            scores.deviation(),
            share(1.0 - scores.from(0.32)),
            share(1.0 - scores.from(0.35)),
            share(1.0 - scores.from(0.38))
        );
        shown.push(scores);
    };
    row("genuine, 17 rotations", &mut (0..3_000).map(|i| (i, i)), 8);
    row("impostors, 1 rotation", &mut (0..3_000).flat_map(|i| (0..i).map(move |j| (i, j))), 0);
    row("impostors, 17 rotations", &mut (0..1_000).flat_map(|i| (0..i).map(move |j| (i, j))), 8);
    histogram(
        0.0,
        0.05,
        13,
        &[("genuine", &shown[0]), ("impostors, 1", &shown[1]), ("impostors, 17", &shown[2])],
    );
}
