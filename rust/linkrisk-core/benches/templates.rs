//! What a template costs. `cargo bench -p linkrisk-core --bench templates`

#![allow(missing_docs)]

use divan::{Bencher, counter::ItemsCount};
use linkrisk_core::simulate::biometric::{
    Capture, Eye, FINGERPRINT_DIMS, FaceDims, Faces, Fingerprints, Group, IRIS_BYTES, Irises, Kin, Precision,
    Print, Setting, Subject, TemplateBuilder,
};

/// Templates of a batch.
const BATCH: u64 = 1024;

fn main() {
    divan::main();
}

fn bench_faces(bencher: Bencher, dims: FaceDims, precision: Precision) {
    let faces = Faces::new(dims, 1);
    let mut first = 0;
    bencher.counter(ItemsCount::new(BATCH as usize)).bench_local(|| {
        let mut column = TemplateBuilder::new(precision, dims.count(), BATCH as usize);
        let mut template = vec![0.0; dims.count()];
        for person in first..first + BATCH {
            let group = Group { female: person % 2 == 0, age_band: 1, tone: 2 };
            let subject = Subject { person, group, kin: Some(Kin::siblings(person / 2)) };
            let setting = Setting::Uncontrolled;
            let capture = Capture { number: 0, day: 9_000, setting, camera: Some(person) };
            faces.template(&subject, &capture, &mut template);
            column.push(&template);
        }
        first += BATCH;
        column.finish()
    });
}

#[divan::bench]
fn faces_512_int8(bencher: Bencher) {
    bench_faces(bencher, FaceDims::D512, Precision::Int8);
}

#[divan::bench]
fn faces_512_f16(bencher: Bencher) {
    bench_faces(bencher, FaceDims::D512, Precision::F16);
}

#[divan::bench]
fn faces_512_f32(bencher: Bencher) {
    bench_faces(bencher, FaceDims::D512, Precision::F32);
}

#[divan::bench]
fn faces_128_int8(bencher: Bencher) {
    bench_faces(bencher, FaceDims::D128, Precision::Int8);
}

#[divan::bench]
fn fingerprints_int8(bencher: Bencher) {
    let prints = Fingerprints::new(1);
    bencher.counter(ItemsCount::new(BATCH as usize)).bench_local(|| {
        let mut column = TemplateBuilder::new(Precision::Int8, FINGERPRINT_DIMS, BATCH as usize);
        let mut template = [0.0; FINGERPRINT_DIMS];
        for person in 0..BATCH {
            prints.template(person, None, Print { finger: 1, number: 0 }, &mut template);
            column.push(&template);
        }
        column.finish()
    });
}

#[divan::bench]
fn irises(bencher: Bencher) {
    let irises = Irises::new(1);
    let mut code = [0; IRIS_BYTES];
    bencher.counter(ItemsCount::new(BATCH as usize)).bench_local(|| {
        (0..BATCH).for_each(|person| irises.code(person, Eye::Left, 0, divan::black_box(&mut code)));
    });
}
