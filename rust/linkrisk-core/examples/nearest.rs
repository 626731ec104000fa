//! Joins invented faces and tells how fast: `nearest [RECORDS] [THRESHOLD] [exact|filtered|cells] [THREADS]`
//!
//! `cargo run --release -p linkrisk-core --example nearest -- 200000 0.4 filtered`

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::time::Instant;

use linkrisk_core::block::nearest::plan::Method;
use linkrisk_core::block::nearest::recall::recall;
use linkrisk_core::block::nearest::{Options, nearest};
use linkrisk_core::error::Result;
use linkrisk_core::kernel::hash;
use linkrisk_core::runtime::Context;
use linkrisk_core::simulate::biometric::{
    Capture, FaceDims, Faces, Group, Precision, Setting, Subject, TemplateBuilder,
};
use linkrisk_core::store::templates::Templates;

/// Templates made at once.
const BATCH: u64 = 16_384;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |default: &str| arguments.next().unwrap_or_else(|| default.to_owned());
    let records: u64 = next("100000").parse().unwrap_or(100_000);
    let threshold: f64 = next("0.4").parse().unwrap_or(0.4);
    let how = next("exact");
    let context = Context::new(None, next("2").parse().ok(), 1)?;
    let (mut templates, faces) = (Templates::new("face", &context)?, Faces::new(FaceDims::D512, 1));
    templates.begin_source("faces");
    let started = Instant::now();
    for first in (0..records).step_by(BATCH as usize) {
        let count = BATCH.min(records - first);
        let mut column = TemplateBuilder::new(Precision::F16, 512, count as usize);
        let mut template = vec![0.0; 512];
        for number in first..first + count {
            // Two captures and a half of a person in the mean, in no order.
            let person = hash::below(hash::mix(number), records * 2 / 5);
            let group = Group { female: person.is_multiple_of(2), age_band: 1, tone: (person % 6) as u8 };
            let subject = Subject { person, group, kin: None };
            let capture = Capture { number, day: 9_000, setting: Setting::Controlled, camera: None };
            faces.template(&subject, &capture, &mut template);
            column.push(&template);
        }
        templates.add(&column.finish()?, first as u32, &context)?;
    }
    templates.complete(&context)?;
    println!("templates made and kept: {:.1} s", started.elapsed().as_secs_f64());
    let method = if how == "cells" { Method::Partitions } else { Method::AllPairs };
    let options = Options { exact: how == "exact", method, ..Options::new(threshold) };
    let started = Instant::now();
    let (pairs, filter, summary) = nearest(&mut templates, &options, &context)?;
    let seconds = started.elapsed().as_secs_f64();
    println!("{summary:#?}\n{filter:?}");
    println!("joined: {seconds:.2} s, {:.2} G pairs/s", summary.compared / seconds / 1e9);
    let started = Instant::now();
    let stated = recall(&templates, &pairs, &filter, &summary, &options, &context)?;
    println!("{stated:#?}\nstated: {:.2} s", started.elapsed().as_secs_f64());
    println!("memory reserved at most: {:.2} GiB", context.memory.peak() as f64 / f64::from(1 << 30));
    Ok(())
}
