//! Joins invented faces and tells how fast: `nearest [RECORDS] [THRESHOLD] [exact|filtered|cells|costs] [THREADS]`
//!
//! With `costs` nothing is joined: what joins of up to a hundred million such faces would take is printed.
//!
//! `cargo run --release -p linkrisk-core --example nearest -- 200000 0.4 filtered`

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::time::Instant;

use linkrisk_core::block::nearest::axes::{Axes, sample};
use linkrisk_core::block::nearest::filter::Filter;
use linkrisk_core::block::nearest::plan::{Alike, Method, Size, cost};
use linkrisk_core::block::nearest::recall::{PairSample, recall, search};
use linkrisk_core::block::nearest::{Options, nearest};
use linkrisk_core::error::Result;
use linkrisk_core::kernel::hash;
use linkrisk_core::kernel::simd::Level;
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
    if how == "costs" {
        return costs(&templates, threshold, &context);
    }
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

/// Prints what joins of templates like these would take on two threads.
fn costs(templates: &Templates, threshold: f64, context: &Context) -> Result<()> {
    let (rows, mut known) = (sample(templates.len(), 2_000, 1, 1), PairSample::new(1));
    let whole = Filter::whole(templates.dims(), templates.stride(), threshold);
    search(templates, &rows, &whole, &Options::new(threshold), context, &mut |pairs| {
        known.add(pairs);
        Ok(())
    })?;
    let known = known.pairs();
    let axes = Axes::of(templates, context)?;
    let filter = Filter::choose(templates, &axes, threshold, Some((0.0025, &known)), context)?;
    let alike = Alike::of(templates, &known, threshold, context)?;
    println!("rows | method | compared | avx512_vnni | amx_int8 | GB");
    for rows in [1e6, 3e6, 1e7, 3e7, 1e8] {
        let size = Size { rows, pairs: rows * rows / 2.0, stride: templates.stride() };
        let plan = alike.cheapest(size, &filter);
        for plan in [None, Some(&plan)] {
            let of = |level| cost(size, &filter, plan, level, 2);
            let (vnni, amx) = (of(Level::Avx512), of(Level::Amx));
            let method = plan.map_or("all pairs".to_owned(), |p| {
                format!(
                    "{} cells, {:.0} a row, work {:.3}, loss {:.4}",
                    p.cells, p.cells_per_row, p.work, p.loss
                )
            });
            let (compared, bytes) = (vnni.compared, vnni.bytes / 1e9);
            println!(
                "{rows:e} | {method} | {compared:.2e} | {:.0} s | {:.0} s | {bytes:.1}",
                vnni.seconds, amx.seconds
            );
        }
    }
    Ok(())
}
