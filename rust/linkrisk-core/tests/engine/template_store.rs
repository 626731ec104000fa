//! Template columns of every type, what is set aside of them, and what is refused.

use std::sync::Arc;

use arrow_array::builder::{FixedSizeListBuilder, Float32Builder, ListBuilder};
use arrow_array::types::Float32Type;
use arrow_array::{Array, ArrayRef, BinaryArray, ListArray, StringArray};
use arrow_cast::cast;
use arrow_schema::{DataType, Field};
use linkrisk_core::error::ErrorKind;
use linkrisk_core::runtime::Context;
use linkrisk_core::simulate::biometric::{Capture, FaceDims, Faces, Group, Setting, Subject, light_share};
use linkrisk_core::store::templates::{NOBODY, ONE, Templates, bound};
use proptest::prelude::*;

fn faces(count: u64) -> Vec<Vec<f32>> {
    let faces = Faces::new(FaceDims::D128, 3);
    let mut template = vec![0.0; 128];
    (0..count)
        .map(|person| {
            let group = Group { female: person % 2 == 0, age_band: 1, tone: 2 };
            let subject = Subject { person, group, kin: None };
            let capture = Capture { number: 0, day: 9, setting: Setting::Controlled, camera: None };
            faces.template(&subject, &capture, &mut template);
            template.clone()
        })
        .collect()
}

fn list(rows: &[Option<Vec<f32>>]) -> ArrayRef {
    let rows = rows.iter().map(|row| row.as_ref().map(|row| row.iter().copied().map(Some)));
    Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(rows))
}

fn fixed(rows: &[Vec<f32>]) -> ArrayRef {
    let mut column = FixedSizeListBuilder::new(Float32Builder::new(), rows[0].len() as i32);
    for row in rows {
        column.values().append_slice(row);
        column.append(true);
    }
    Arc::new(column.finish())
}

fn context() -> Context {
    Context::new(Some(1 << 28), Some(2), 1).expect("threads start")
}

fn stored(columns: &[ArrayRef], context: &Context) -> linkrisk_core::error::Result<Templates> {
    let mut templates = Templates::new("face", context)?;
    for (number, column) in columns.iter().enumerate() {
        templates.begin_source(["a", "b", "c"][number]);
        templates.add(column, number as u32 * 100_000, context)?;
    }
    templates.complete(context)?;
    Ok(templates)
}

fn rows(templates: &Templates) -> Vec<Vec<i16>> {
    let all: Vec<u32> = (0..templates.len()).collect();
    let numbers = templates.gather(&all, &context()).expect("they are there");
    numbers.chunks_exact(templates.stride()).map(<[i16]>::to_vec).collect()
}

fn cosine(a: &[i16], b: &[i16]) -> f64 {
    let product: i32 = a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum();
    f64::from(product) / f64::from(ONE) / f64::from(ONE)
}

fn exact(a: &[f32], b: &[f32]) -> f64 {
    let product =
        |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

#[test]
fn columns_of_every_type_give_the_same_cosines() {
    let faces = faces(20);
    let single = fixed(&faces);
    let to = |item: DataType, scale: f32| {
        let rows: Vec<Vec<f32>> =
            faces.iter().map(|f| f.iter().map(|x| (x * scale).round()).collect()).collect();
        let from = if scale == 1.0 { single.clone() } else { fixed(&rows) };
        cast(&from, &DataType::FixedSizeList(Arc::new(Field::new("item", item, true)), 128)).expect("a cast")
    };
    let lists = list(&faces.iter().cloned().map(Some).collect::<Vec<_>>());
    let large = cast(&lists, &DataType::LargeList(Arc::new(Field::new("item", DataType::Float32, true))))
        .expect("a cast");
    for (column, within) in [
        (single.clone(), bound(128)),
        (lists, bound(128)),
        (large, bound(128)),
        (to(DataType::Float64, 1.0), bound(128)),
        (to(DataType::Float16, 1.0), 0.001),
        (to(DataType::Int8, 287.0), 0.006),
    ] {
        let templates = stored(std::slice::from_ref(&column), &context()).expect("room");
        let rows = rows(&templates);
        assert_eq!((templates.len(), templates.dims(), templates.sources()[0].tally.usable), (20, 128, 20));
        for i in 0..20 {
            for j in 0..20 {
                let off = (cosine(&rows[i], &rows[j]) - exact(&faces[i], &faces[j])).abs();
                assert!(off <= within, "{:?}: {off}", column.data_type());
            }
        }
    }
}

#[test]
fn what_is_no_template_is_set_aside_and_counted() {
    let mut column: Vec<Option<Vec<f32>>> = faces(1500).into_iter().map(Some).collect();
    column[3] = None;
    column[4] = Some(vec![0.0; 128]);
    column[5] = Some(vec![0.5; 64]);
    column[6].as_mut().expect("a face")[7] = f32::NAN;
    column[7] = Some(Vec::new());
    for row in 100..201 {
        column[row] = column[99].clone();
    }
    let templates = stored(&[list(&column)], &context()).expect("room");
    let tally = &templates.sources()[0].tally;
    assert_eq!((tally.records, tally.blank, tally.zero), (1500, 2, 1));
    assert_eq!((tally.other_length, tally.not_finite, tally.copies), (1, 1, 102));
    assert_eq!(tally.usable, 1500 - 5 - 102);
    assert_eq!(templates.records().iter().filter(|&&r| r == NOBODY).count(), 102);
    let kept = rows(&templates);
    for (row, &record) in kept.iter().zip(templates.records()) {
        assert_eq!(row.iter().all(|&x| x == 0), record == NOBODY);
    }
    assert!(!templates.records().contains(&6));
    column[200] = Some(vec![1.0; 128]);
    let fewer = stored(&[list(&column)], &context()).expect("room");
    assert_eq!(fewer.sources()[0].tally.copies, 101, "a hundred and one copies are a placeholder");
    column[199] = Some(vec![1.0; 128]);
    let fewer = stored(&[list(&column)], &context()).expect("room");
    assert_eq!(fewer.sources()[0].tally.copies, 0, "a hundred copies may be one photo");
}

#[test]
fn templates_of_two_models_are_refused() {
    let faces = faces(200);
    let refused = |columns: &[ArrayRef], word: &str| {
        let error = stored(columns, &context()).expect_err("two models");
        assert_eq!(error.kind(), ErrorKind::Data);
        assert!(error.to_string().contains(word) && error.hint_text().is_some(), "{error}");
        assert!(error.details().iter().any(|(name, _)| *name == "source"));
    };
    let shorter: Vec<Vec<f32>> = faces.iter().map(|f| f[..64].to_vec()).collect();
    refused(&[fixed(&faces), fixed(&shorter)], "where earlier sources have 128");
    let mixed: Vec<Option<Vec<f32>>> = faces.iter().chain(&shorter[..20]).cloned().map(Some).collect();
    refused(&[list(&mixed)], "two lengths");
    let longer: Vec<Vec<f32>> = faces[..20].iter().map(|f| f.iter().map(|x| x * 20.0).collect()).collect();
    refused(&[fixed(&[faces.clone(), longer.clone()].concat())], "two norms");
    let all = stored(&[fixed(&longer)], &context()).expect("one norm");
    assert!((all.cosine_of_distance(20.0) - 0.5).abs() < 1e-3);
    refused(&[fixed(&[vec![1.0; 32]])], "32 numbers");
}

#[test]
fn models_of_one_length_and_norm_are_told_apart() {
    let plain = Faces::new(FaceDims::D512, 3);
    let other = Faces::new(FaceDims::D512, 3).protected(9);
    // Two hundred people, of whom each camera takes three times one half; camera 5 is an infrared one.
    let of = |faces: &Faces, first: u64, camera: Option<u64>| {
        let mut template = vec![0.0; 512];
        let rows: Vec<Vec<f32>> = (0..300)
            .map(|row| {
                let group = Group { female: row % 2 == 0, age_band: 1, tone: (row % 6) as u8 };
                let subject = Subject { person: first + row % 100, group, kin: None };
                let capture = Capture { number: row, day: 9, setting: Setting::Controlled, camera };
                faces.template(&subject, &capture, &mut template);
                template.clone()
            })
            .collect();
        fixed(&rows)
    };
    let infrared = (0..).find(|&camera| light_share(camera) > 0.2);
    let one = stored(&[of(&plain, 0, None), of(&plain, 100, infrared), of(&plain, 0, Some(1))], &context());
    let one = one.expect("one model, whatever the camera");
    let in_common = |source: usize| one.sources()[source].tally.in_common;
    assert!(in_common(0) < 0.05 && in_common(1) > 0.2, "{} {}", in_common(0), in_common(1));
    let error = stored(&[of(&plain, 0, None), of(&other, 0, None)], &context()).expect_err("two models");
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().contains("source `b`") && error.to_string().contains("other axes"), "{error}");
    assert!(stored(&[of(&other, 0, None), of(&other, 100, None)], &context()).is_ok());
}

#[test]
fn models_of_two_means_in_one_column_are_told_from_two_cameras() {
    let plain = Faces::new(FaceDims::D512, 3);
    let other = Faces::new(FaceDims::D512, 3).protected(9);
    let infrared = (0..).find(|&camera| light_share(camera) > 0.2);
    let of = |faces: &Faces, camera: Option<u64>, mean: f32| -> Vec<Vec<f32>> {
        let mut template = vec![0.0; 512];
        let rows = (0..200).map(|row| {
            let group = Group { female: row % 2 == 0, age_band: 1, tone: (row % 6) as u8 };
            let capture = Capture { number: row, day: 9, setting: Setting::Controlled, camera };
            faces.template(&Subject { person: row % 150, group, kin: None }, &capture, &mut template);
            // Some models have most of a face in common.
            let moved: Vec<f32> = template.iter().map(|x| x + mean).collect();
            let norm = moved.iter().map(|x| x * x).sum::<f32>().sqrt();
            moved.iter().map(|x| x / norm).collect()
        });
        rows.collect()
    };
    let cameras = [of(&plain, None, 0.0), of(&plain, infrared, 0.0)].concat();
    stored(&[fixed(&cameras)], &context()).expect("one model, whatever the camera");
    stored(&[fixed(&of(&plain, None, 0.03))], &context()).expect("one model that has a mean");
    let models = [of(&plain, None, 0.0), of(&other, None, 0.03)].concat();
    let error = stored(&[fixed(&models)], &context()).expect_err("two models");
    assert!(error.kind() == ErrorKind::Data && error.to_string().contains("two kinds"), "{error}");
}

#[test]
fn columns_that_hold_no_lists_of_numbers_are_refused() {
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let code: ArrayRef = Arc::new(BinaryArray::from(vec![&b"x"[..]]));
    let mut lists = ListBuilder::new(arrow_array::builder::StringBuilder::new());
    lists.values().append_value("x");
    lists.append(true);
    let lists: ArrayRef = Arc::new(lists.finish());
    for column in [text, code, lists] {
        let error = stored(&[column], &context()).expect_err("no templates");
        assert_eq!(error.kind(), ErrorKind::AttributeType);
    }
}

#[test]
fn memory_and_batches_change_nothing() {
    let faces = faces(30_000);
    let whole = stored(&[fixed(&faces)], &context()).expect("room");
    let base = tempfile::tempdir().expect("a temporary directory");
    let small = Context::new(Some(10 << 20), Some(1), 1).expect("threads start").spill_to(base.path(), None);
    let mut templates = Templates::new("face", &small).expect("room");
    templates.begin_source("a");
    for (number, batch) in faces.chunks(7_001).enumerate() {
        templates.add(&fixed(batch), number as u32 * 7_001, &small).expect("room on disk");
    }
    templates.complete(&small).expect("room");
    assert!(small.spill.written() > 0 && small.memory.peak() <= 10 << 20);
    assert!(rows(&templates) == rows(&whole) && templates.records() == whole.records());
    assert_eq!(templates.sources()[0].mean, whole.sources()[0].mean);
    templates.centre(&small).expect("room");
    let mut again = whole;
    again.centre(&context()).expect("room");
    assert!(rows(&templates) == rows(&again));
    let mean: f64 = rows(&again).iter().map(|row| f64::from(row[0])).sum::<f64>() / 30_000.0 / f64::from(ONE);
    assert!(mean.abs() < 1e-3, "{mean}");
}

proptest! {
    #[test]
    fn a_cosine_at_rest_is_within_its_bound(a in vector(), b in vector()) {
        let templates = stored(&[fixed(&[a.clone(), b.clone()])], &context());
        // Two norms are refused from eleven templates on, so any two are taken.
        let rows = rows(&templates.expect("room"));
        prop_assert!((cosine(&rows[0], &rows[1]) - exact(&a, &b)).abs() <= bound(100));
    }
}

fn vector() -> impl Strategy<Value = Vec<f32>> {
    let number = prop_oneof![Just(0.0f32), -1.0f32..1.0, -1e-3f32..1e-3, -1e6f32..1e6];
    prop::collection::vec(number, 100).prop_filter("not zero", |v| v.iter().any(|&x| x.abs() > 1e-6))
}
