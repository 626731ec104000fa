//! The template join gives the pairs of the plain double loop, whatever the memory, threads and kernels.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::ArrayRef;
use linkrisk_core::block::nearest::cap::cap;
use linkrisk_core::block::nearest::plan::{Method, Size, cost};
use linkrisk_core::block::nearest::recall::recall;
use linkrisk_core::block::nearest::{Options, Scored, Summary, nearest, nearest_resumable};
use linkrisk_core::error::ErrorKind;
use linkrisk_core::kernel::simd::Level;
use linkrisk_core::runtime::Context;
use linkrisk_core::simulate::biometric::{
    Capture, FaceDims, Faces, Group, Precision, Setting, Subject, TemplateBuilder,
};
use linkrisk_core::store::templates::{ONE, Templates};

/// Faces of `count` captures: every person has from one to six.
fn faces(dims: FaceDims, count: usize) -> ArrayRef {
    let faces = Faces::new(dims, 5);
    let mut column = TemplateBuilder::new(Precision::F32, dims.count(), count);
    let mut template = vec![0.0; dims.count()];
    let captures = (0..).flat_map(|person| (0..person % 6 + 1).map(move |number| (person, number)));
    for (person, number) in captures.take(count) {
        let group = Group { female: person % 2 == 0, age_band: 1, tone: (person % 6) as u8 };
        let subject = Subject { person, group, kin: None };
        let setting = Setting::Uncontrolled;
        let capture = Capture { number, day: 9, setting, camera: Some(number) };
        faces.template(&subject, &capture, &mut template);
        column.push(&template);
    }
    Arc::new(column.finish().expect("a column"))
}

fn stored(columns: &[ArrayRef], context: &Context) -> Templates {
    let mut templates = Templates::new("face", context).expect("room");
    for (number, column) in columns.iter().enumerate() {
        templates.begin_source(["a", "b"][number]);
        templates.add(column, 0, context).expect("room");
    }
    templates.complete(context).expect("one model");
    templates
}

fn context(limit: u64, threads: usize) -> Context {
    Context::new(Some(limit), Some(threads), 1).expect("threads start")
}

fn options(threshold: f64, exact: bool) -> Options {
    // Fewer than what would pay.
    Options { exact, turned: Some(true), ..Options::new(threshold) }
}

fn joined(templates: &mut Templates, options: &Options, context: &Context) -> (Vec<Scored>, Summary) {
    let (pairs, _, summary) = nearest(templates, options, context).expect("room");
    let mut all = Vec::new();
    pairs
        .each(|pairs| {
            all.extend_from_slice(pairs);
            Ok(())
        })
        .expect("they are there");
    assert_eq!(all.len() as u64, summary.pairs);
    (all, summary)
}

/// All pairs of rows at rest, by the plain double loop.
fn all_pairs(templates: &Templates, threshold: f64, second: Option<u32>) -> Vec<Scored> {
    let rows: Vec<u32> = (0..templates.len()).collect();
    let numbers = templates.gather(&rows, &context(1 << 30, 1)).expect("they are there");
    let rows: Vec<&[i16]> = numbers.chunks_exact(templates.stride()).collect();
    let mut found = Vec::new();
    for left in 0..rows.len() as u32 {
        for right in left + 1..rows.len() as u32 {
            let product = Level::best().dot(rows[left as usize], rows[right as usize]);
            let between = second.is_none_or(|second| left < second && right >= second);
            if between && f64::from(product) >= threshold * f64::from(ONE) * f64::from(ONE) {
                found.push(Scored { left, right, product });
            }
        }
    }
    found
}

#[test]
fn an_exact_join_finds_every_pair() {
    for (dims, count, threshold) in
        [(FaceDims::D512, 5_000, 0.4), (FaceDims::D128, 6_000, 0.45), (FaceDims::D128, 700, 0.3)]
    {
        let context = context(1 << 30, 2);
        let mut templates = stored(&[faces(dims, count)], &context);
        let options = Options { turned: (count > 700).then_some(true), ..options(threshold, true) };
        let (pairs, summary) = joined(&mut templates, &options, &context);
        let expected = all_pairs(&templates, threshold, None);
        assert!(expected.len() > 300);
        assert!(pairs == expected, "{} of {} pairs", pairs.len(), expected.len());
        assert_eq!(summary.depth < dims.count(), count > 700, "{summary:?}");
        assert!(summary.passed >= summary.pairs && summary.exact && summary.share == 1.0);
        assert_eq!(summary.compared, (count * (count - 1) / 2) as f64);
    }
}

#[test]
fn turning_keeps_the_similarities() {
    let context = context(1 << 30, 2);
    let column = faces(FaceDims::D512, 5_000);
    let before = all_pairs(&stored(std::slice::from_ref(&column), &context), 0.4, None);
    let mut templates = stored(&[column], &context);
    let (after, summary) = joined(&mut templates, &options(0.4, true), &context);
    let bound = summary.rounding as f32;
    let of = |pairs: &[Scored], least: f32| -> BTreeSet<(u32, u32)> {
        pairs.iter().filter(|p| p.similarity() >= least).map(|p| (p.left, p.right)).collect()
    };
    assert!(of(&before, 0.4 + bound).is_subset(&of(&after, 0.4)));
    assert!(of(&after, 0.4 + bound).is_subset(&of(&before, 0.4)));
    let both = before.iter().filter_map(|a| {
        let at = after.binary_search_by_key(&(a.left, a.right), |b| (b.left, b.right));
        at.ok().map(|at| (a.similarity() - after[at].similarity()).abs())
    });
    let off = both.fold(0.0, f32::max);
    assert!(off > 0.0 && off < bound / 5.0, "{off} of {bound}");
}

#[test]
fn memory_threads_blocks_and_kernels_change_nothing() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let column = faces(FaceDims::D512, 9_000);
    for exact in [true, false] {
        let run = |limit, threads, level, block_rows| {
            let context = context(limit, threads).spill_to(base.path(), None);
            let mut templates = stored(std::slice::from_ref(&column), &context);
            let options = Options { level, block_rows, ..options(0.4, exact) };
            let (pairs, summary) = joined(&mut templates, &options, &context);
            assert!(context.memory.peak() <= limit);
            assert_eq!(templates.is_on_disk(), limit < 1 << 28);
            (pairs, (summary.depth, summary.passed), summary.tasks)
        };
        let whole = run(1 << 30, 2, None, None);
        assert!(whole.2 == 1 && whole.0.len() > 1_000);
        for (limit, threads, level, block_rows) in [
            (1 << 30, 1, None, Some(4_000)),
            (1 << 30, 8, Some(Level::Avx2), Some(960)),
            (14 << 20, 2, None, None),
        ] {
            let other = run(limit, threads, level, block_rows);
            assert!(other.0 == whole.0 && other.1 == whole.1, "{limit} {threads} {level:?} {block_rows:?}");
            assert!(block_rows.is_none() || other.2 > 1);
        }
        let small = faces(FaceDims::D128, 600);
        let of = |level| {
            let mut templates = stored(std::slice::from_ref(&small), &context(1 << 28, 2));
            joined(&mut templates, &Options { level, ..options(0.3, exact) }, &context(1 << 28, 2)).0
        };
        assert!(Level::ALL.into_iter().all(|level| of(Some(level)) == of(None)));
    }
}

#[test]
fn a_cap_keeps_the_most_similar_pairs_of_both_rows() {
    let context = context(1 << 30, 2);
    let mut templates = stored(&[faces(FaceDims::D128, 1_200)], &context);
    let (pairs, filter, _) = nearest(&mut templates, &options(0.3, true), &context).expect("room");
    let all = all_pairs(&templates, 0.3, None);
    let rank = |row: u32, of: &Scored| {
        let before = |pair: &&Scored| {
            let other = |pair: &Scored| if pair.left == row { pair.right } else { pair.left };
            (pair.left == row || pair.right == row) && (-pair.product, other(pair)) < (-of.product, other(of))
        };
        all.iter().filter(before).count()
    };
    let expected: Vec<Scored> =
        all.iter().filter(|pair| rank(pair.left, pair) < 3 && rank(pair.right, pair) < 3).copied().collect();
    let of_row = |row: u32| all.iter().filter(|pair| pair.left == row || pair.right == row).count();
    let (kept, capped) = cap(pairs, 3, &context).expect("room");
    let mut found = Vec::new();
    kept.each(|pairs| {
        found.extend_from_slice(pairs);
        Ok(())
    })
    .expect("they are there");
    assert!(found == expected && filter.exact);
    assert_eq!(capped.pairs, (all.len() - expected.len()) as u64);
    assert_eq!(capped.records, (0..1_200).filter(|&row| of_row(row) > 3).count() as u64);
}

#[test]
fn two_sets_give_the_pairs_between_them() {
    let context = context(1 << 30, 2);
    let (a, b) = (faces(FaceDims::D512, 2_500), faces(FaceDims::D512, 3_100));
    for block_rows in [None, Some(960)] {
        let mut templates = stored(&[a.clone(), b.clone()], &context);
        let options = Options { second: Some(2_500), block_rows, ..options(0.4, true) };
        let (pairs, summary) = joined(&mut templates, &options, &context);
        assert!(pairs == all_pairs(&templates, 0.4, Some(2_500)) && pairs.len() > 2_500);
        assert_eq!(summary.compared, 2_500.0 * 3_100.0);
    }
}

#[test]
fn the_loss_is_small_and_stated() {
    let context = context(1 << 30, 2);
    let column = faces(FaceDims::D512, 20_000);
    let mut templates = stored(&[column], &context);
    let options = options(0.4, false);
    let (pairs, filter, summary) = nearest(&mut templates, &options, &context).expect("room");
    assert!(summary.share < 1.0 && summary.depth < 256, "{summary:?}");
    let stated = recall(&templates, &pairs, &filter, &summary, &options, &context).expect("room");
    let exact = Options { exact: true, ..options };
    let (all, _) = joined(&mut templates, &exact, &context);
    let realised = summary.pairs as f64 / all.len() as f64;
    assert!(realised < 1.0 && realised > 0.99, "{realised}");
    assert!(stated.all.low <= realised && realised <= stated.all.high, "{realised}: {:?}", stated.all);
    assert!(stated.all.low > 0.98 && stated.rows == 2_000 && stated.rows_with_pairs > 1_000);
    let sum: u64 = stated.bands.iter().map(|band| band.share.pairs).sum();
    assert!(sum == stated.all.pairs && stated.bands.len() == 3);
    assert!(stated.bands[0].share.recall <= stated.bands[2].share.recall);
}

#[test]
fn an_exact_join_states_that_nothing_is_lost() {
    let context = context(1 << 30, 2);
    let mut templates = stored(&[faces(FaceDims::D128, 5_000)], &context);
    let options = options(0.5, true);
    let (pairs, filter, summary) = nearest(&mut templates, &options, &context).expect("room");
    let stated = recall(&templates, &pairs, &filter, &summary, &options, &context).expect("room");
    assert_eq!((stated.all.recall, stated.all.low), (1.0, 1.0));
    assert!(stated.all.pairs > 1_000 && stated.undecided < stated.all.pairs / 10);
}

#[test]
fn what_cannot_be_joined_is_refused_or_empty() {
    let context = context(1 << 28, 1);
    let mut templates = stored(&[faces(FaceDims::D128, 50)], &context);
    for threshold in [0.0, -0.5, 1.5, f64::NAN] {
        let error = nearest(&mut templates, &options(threshold, true), &context).expect_err("no threshold");
        assert_eq!(error.kind(), ErrorKind::Spec);
    }
    let mut none = stored(&[], &context);
    assert!(joined(&mut none, &options(0.4, true), &context).0.is_empty());
    let cells = Options { method: Method::Partitions, ..options(0.4, true) };
    let error = nearest(&mut templates, &cells, &context).expect_err("cells lose pairs");
    assert_eq!(error.kind(), ErrorKind::Spec);
    context.cancel.cancel();
    let error = nearest(&mut templates, &options(0.4, true), &context).expect_err("it was asked to stop");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn a_threshold_that_half_of_all_pairs_reach_needs_no_more_memory() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let column = faces(FaceDims::D128, 6_000);
    let joined = |limit: u64| {
        let context = context(limit, 2).spill_to(base.path(), None);
        let mut templates = stored(std::slice::from_ref(&column), &context);
        let options = options(1e-6, false);
        let (pairs, filter, summary) =
            nearest(&mut templates, &options, &context).expect("the rest is spilled");
        let (mut hash, mut last) = (0u64, None);
        pairs
            .each(|pairs| {
                for &pair in pairs {
                    assert!(last < Some(pair));
                    last = Some(pair);
                    hash = hash.rotate_left(5) ^ (u64::from(pair.left) << 32 | u64::from(pair.right));
                    hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ pair.product as u64;
                }
                Ok(())
            })
            .expect("they are there");
        let stated = recall(&templates, &pairs, &filter, &summary, &options, &context).expect("room");
        assert!(context.memory.peak() <= limit && summary.pairs > 8_000_000);
        (summary.pairs, hash, stated.all.pairs, stated.all.found)
    };
    assert_eq!(joined(1 << 25), joined(1 << 30));
}

#[test]
fn cells_find_what_is_stated_whatever_the_memory_and_threads() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let column = faces(FaceDims::D512, 12_000);
    let options = Options { method: Method::Partitions, ..options(0.5, false) };
    let run = |limit: u64, threads, level, block_rows| {
        let context = context(limit, threads).spill_to(base.path(), None);
        let mut templates = stored(std::slice::from_ref(&column), &context);
        let options = Options { level, block_rows, ..options };
        let (pairs, summary) = joined(&mut templates, &options, &context);
        assert!(context.memory.peak() <= limit, "{} of {limit}", context.memory.peak());
        (pairs, summary)
    };
    let context = context(1 << 30, 2);
    let mut templates = stored(std::slice::from_ref(&column), &context);
    let (pairs, filter, summary) = nearest(&mut templates, &options, &context).expect("room");
    let plan = summary.partition.expect("there are cells");
    assert_eq!(summary.finer.map(|finer| finer.depth), Some(2 * summary.depth));
    let stated = recall(&templates, &pairs, &filter, &summary, &options, &context).expect("room");
    let all = all_pairs(&templates, 0.5, None);
    let realised = summary.pairs as f64 / all.len() as f64;
    assert!((realised - stated.all.recall).abs() < 0.01 && realised > 0.97, "{realised} {stated:?}");
    assert!(stated.all.low <= realised && realised <= stated.all.high, "{realised} {stated:?}");
    // The arithmetic of the plan holds on the data.
    assert!((stated.lost_by_partition - plan.loss).abs() < 0.006, "{stated:?} {plan:?}");
    assert!(stated.lost_by_partition > 0.0 && stated.lost_by_filter > 0.0);
    let size = Size::of(&templates, None);
    let cost = cost(size, &filter, Some(&plan), Level::Avx512, 2);
    assert!((summary.compared / cost.compared - 1.0).abs() < 0.1, "{cost:?} {summary:?}");
    let whole = run(1 << 30, 2, None, None);
    assert!(whole.1.tasks == 1 && whole.0.len() as u64 == summary.pairs);
    assert!(whole.0.iter().all(|pair| all.binary_search(pair).is_ok()));
    assert!(whole.0.windows(2).all(|two| two[0] < two[1]));
    for (limit, threads, level, block_rows) in [
        (1 << 30, 1, Some(Level::Avx2), Some(5_000)),
        (1 << 30, 8, None, Some(3_000)),
        (28 << 20, 2, None, Some(6_000)),
    ] {
        let other = run(limit, threads, level, block_rows);
        assert!(other.0 == whole.0, "{limit} {threads} {level:?} {block_rows:?}");
        assert!(other.1.tasks > 1, "{limit} {threads} {level:?} {block_rows:?}");
        assert_eq!(other.1.passed, whole.1.passed);
    }
}

#[test]
fn a_join_goes_on_where_it_was_stopped() {
    let column = faces(FaceDims::D512, 9_000);
    for method in [Method::AllPairs, Method::Partitions] {
        let options = Options { method, ..options(0.4, false) };
        let state = tempfile::tempdir().expect("a temporary directory");
        let run = |block_rows, state: Option<&std::path::Path>, stop_after: Option<u64>| {
            let context = context(1 << 30, 2);
            let mut templates = stored(std::slice::from_ref(&column), &context);
            let options = Options { block_rows, ..options };
            let watch = context.clone();
            std::thread::scope(|threads| {
                if let (Some(after), Some(state)) = (stop_after, state) {
                    threads.spawn(move || {
                        // Each finished task is a frame of the journal.
                        let log = state.join("pairs-passes");
                        while std::fs::metadata(&log).map_or(0, |file| file.len()) < after {
                            std::thread::sleep(std::time::Duration::from_micros(200));
                        }
                        watch.cancel.cancel();
                    });
                }
                nearest_resumable(&mut templates, &options, state, &context).map(|(pairs, _, summary)| {
                    let mut all = Vec::new();
                    pairs
                        .each(|pairs| {
                            all.extend_from_slice(pairs);
                            Ok(())
                        })
                        .expect("they are there");
                    (all, summary)
                })
            })
        };
        let whole = run(None, None, None).expect("room");
        assert!(whole.0.len() > 1_000 && whole.1.tasks_before == 0);
        let error = run(Some(480), Some(state.path()), Some(600)).expect_err("it was stopped");
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        // In blocks of another size, and then once more with nothing left to do.
        for (block_rows, again) in [(Some(960), false), (None, true)] {
            let (pairs, summary) = run(block_rows, Some(state.path()), None).expect("room");
            assert!(pairs == whole.0 && summary.pairs == whole.1.pairs);
            assert_eq!(summary.passed, whole.1.passed);
            assert!(summary.tasks_before >= 3);
            assert_eq!(summary.tasks == summary.tasks_before, again, "{summary:?}");
        }
    }
}
