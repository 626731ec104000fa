//! The normalisers as their callers see them: published vectors, error detection, and laws that hold
//! for any text.

use linkrisk_core::error::ErrorKind;
use linkrisk_core::kind::{Kind, Storage};
use linkrisk_core::normalise::{Derived, NameParts, Normaliser, Outcome, date, identifier};
use linkrisk_core::spec::AttributeSpec;
use proptest::prelude::*;

fn spec(kind: Kind) -> AttributeSpec {
    AttributeSpec {
        column: vec!["c".into()],
        kind,
        format: None,
        region: None,
        scheme: None,
        country: None,
        reference_date: None,
        synthetic: false,
        placeholders: Vec::new(),
    }
}

fn rules(kind: Kind) -> Normaliser {
    Normaliser::new(&spec(kind)).expect("a plain spec")
}

fn text(rules: &Normaliser, raw: &str) -> (Outcome, String) {
    let mut out = String::from("left over");
    let outcome = rules.text(raw, &mut out);
    (outcome, out)
}

/// Every kind, with the options that change how it reads.
fn every_rule() -> Vec<Normaliser> {
    let mut specs: Vec<AttributeSpec> = Kind::ALL.into_iter().map(spec).collect();
    specs.push(AttributeSpec { scheme: Some("cn".into()), ..spec(Kind::Plate) });
    for kind in [Kind::Aadhaar, Kind::UsSsn] {
        specs.push(AttributeSpec { synthetic: true, ..spec(kind) });
    }
    for region in ["CN", "US", "GB", "IT", "RU", "HU"] {
        specs.push(AttributeSpec { region: Some(region.into()), ..spec(Kind::Phone) });
    }
    for format in ["%d/%m/%Y", "%m/%d/%y", "%Y%m%d", "%d %b %Y"] {
        specs.push(AttributeSpec { format: Some(format.into()), ..spec(Kind::BirthDate) });
        specs.push(AttributeSpec { format: Some(format!("{format} %H:%M:%S")), ..spec(Kind::Time) });
    }
    specs.push(AttributeSpec { country: Some("UTO".into()), ..spec(Kind::TravelDocument) });
    specs.push(AttributeSpec { placeholders: vec!["No Such".into(), "99".into()], ..spec(Kind::Text) });
    specs.iter().map(|s| Normaliser::new(s).expect("a valid spec")).collect()
}

/// What must hold for any value of any kind.
fn check_laws(rules: &Normaliser, raw: &str) {
    let kind = rules.kind().name();
    let (outcome, canonical) = text(rules, raw);
    let (number_outcome, packed) = rules.number(raw);
    assert_eq!(outcome, number_outcome, "{kind}: text and number differ on {raw:?}");
    assert_eq!(packed >> 63, 0, "{kind}: the highest bit of {raw:?}");
    let storage = rules.kind().storage();
    if storage == Storage::Template {
        return;
    }
    assert_eq!(outcome.is_usable(), !canonical.is_empty(), "{kind}: {outcome:?} of {raw:?}");
    if !outcome.is_usable() {
        assert_eq!(packed, 0, "{kind}: {raw:?}");
        return;
    }
    let again = text(rules, &canonical);
    assert_eq!(again.1, canonical, "{kind}: canonical text of {raw:?}");
    assert_eq!(rules.number(&canonical).1, packed, "{kind}: packed value of {raw:?} and {canonical:?}");
    if matches!(storage, Storage::Number | Storage::Date | Storage::Small) {
        let whole = outcome != Outcome::Partial || rules.kind() == Kind::BirthDate;
        assert_eq!(packed != 0, whole, "{kind}: {outcome:?} of {raw:?}");
        let mut formatted = String::new();
        rules.push_packed(packed, &mut formatted);
        assert!(formatted.is_empty() || formatted == canonical, "{kind}: {formatted:?} of {raw:?}");
    }
}

#[test]
fn test_resident_id_vectors() {
    let rules = rules(Kind::CnResidentId);
    for valid in [
        "11010519491231002X",
        "440524188001010014",
        "990000199001010017",
        "990000199001010025",
        "990000199001010105",
        "990000199001019994",
    ] {
        assert_eq!(text(&rules, valid), (Outcome::Valid, valid.to_owned()));
        let packed = rules.number(valid).1;
        assert_eq!(packed, valid[..17].parse::<u64>().expect("digits"));
        assert_eq!(identifier::cn_resident_id_text(packed), valid.as_bytes());
    }
    for invalid in [
        "110105194912310020",
        "11010519490231002X",
        "990000199013010017",
        "abc",
        "99000019900101001",
        "11010519491231002Y",
    ] {
        assert_eq!(text(&rules, invalid), (Outcome::Invalid, String::new()), "{invalid}");
    }
    assert_eq!(text(&rules, "110105491231002"), (Outcome::Valid, "11010519491231002X".into()));
    assert_eq!(text(&rules, "320311770706001"), (Outcome::Valid, "320311197707060018".into()));
    for spelling in [
        "１１０１０５１９４９１２３１００２ｘ",
        "110105-19491231-002x",
        " 110105 19491231 002X ",
        "110105\u{1f}19491231002X",
    ] {
        assert_eq!(text(&rules, spelling), (Outcome::Valid, "11010519491231002X".into()), "{spelling}");
    }
    for filler in ["000000000000000000", "111111111111111", "123456789012345678", "N/A", "无"] {
        assert_eq!(text(&rules, filler).0, Outcome::Placeholder, "{filler}");
    }
}

#[test]
fn test_resident_id_masks() {
    let rules = rules(Kind::CnResidentId);
    for (raw, canonical) in [
        ("99000019900101****", "99000019900101****"),
        ("99000019900101XXXX", "99000019900101****"),
        ("990000********001x", "990000********001X"),
        ("99000019900101##17", "99000019900101**17"),
        ("990000--------0017", "990000********0017"),
        ("990000****0017", "990000********0017"),
        ("990*************17", "990*************17"),
        ("990000900101***", "99000019900101****"),
    ] {
        let expected = if canonical.bytes().filter(u8::is_ascii_digit).count() >= 6 {
            (Outcome::Partial, canonical.to_owned())
        } else {
            (Outcome::Invalid, String::new())
        };
        assert_eq!(text(&rules, raw), expected, "{raw}");
        assert_eq!(rules.number(raw).1, 0);
    }
    assert_eq!(text(&rules, "99000019901301****").0, Outcome::Invalid);
    assert_eq!(text(&rules, "9900001990010*0017"), (Outcome::Repaired, "990000199001010017".into()));
    assert_eq!(text(&rules, "99000019900101001*"), (Outcome::Repaired, "990000199001010017".into()));
}

#[test]
fn test_resident_id_derives() {
    let rules = rules(Kind::CnResidentId);
    let (_, packed) = rules.number("990000199001010017");
    let expected = Derived { birth_date: date::pack(1990, 1, 1), sex: 1, region: 990_000 };
    assert_eq!(rules.derive(packed, None), Some(expected));
    assert_eq!(rules.derive_raw("990000199001010025").map(|d| d.sex), Some(2));
    let masked = rules.derive(0, Some("99000019900101****"));
    assert_eq!(masked, Some(Derived { sex: 0, ..expected }));
    let undated = rules.derive(0, Some("990000********001*"));
    assert_eq!(undated, Some(Derived { birth_date: 0, ..expected }));
    assert_eq!(rules.derive(0, None), None);
    assert_eq!(rules.derive(0, Some("short")), None);
}

#[test]
fn test_aadhaar_vectors() {
    let rules = rules(Kind::Aadhaar);
    for valid in
        ["234123412346", "999941057058", "999971658847", "999933119405", "999955183433", "999990501894"]
    {
        assert_eq!(text(&rules, valid), (Outcome::Valid, valid.to_owned()));
    }
    assert_eq!(text(&rules, "9999 4105-7058").1, "999941057058");
    for invalid in ["999941057059", "123412341234", "99994105705", "9999410570588"] {
        assert_eq!(text(&rules, invalid).0, Outcome::Invalid, "{invalid}");
    }
    assert_eq!(text(&rules, "XXXX XXXX 7058"), (Outcome::Partial, "********7058".into()));
    assert_eq!(text(&rules, "99994*057058"), (Outcome::Repaired, "999941057058".into()));
}

#[test]
fn test_ssn_vectors() {
    let rules = rules(Kind::UsSsn);
    assert_eq!(text(&rules, "536-90-4399"), (Outcome::Valid, "536904399".into()));
    for invalid in ["000121234", "666121234", "900121234", "123001234", "123450000", "987-65-4320", "12346"] {
        assert_eq!(text(&rules, invalid).0, Outcome::Invalid, "{invalid}");
    }
    for advertised in ["078-05-1120", "219-09-9999", "123-45-6789"] {
        assert_eq!(text(&rules, advertised).0, Outcome::Placeholder, "{advertised}");
    }
    assert_eq!(text(&rules, "***-**-4399"), (Outcome::Partial, "*****4399".into()));
}

#[test]
fn test_synthetic_ranges_and_issued_ones_exclude_each_other() {
    let synthetic = |kind| {
        Normaliser::new(&AttributeSpec { synthetic: true, ..spec(kind) }).expect("the kind has a range")
    };
    // The first is the check digit's own example with 1 in front; both start as no Aadhaar does.
    for id in ["123412341234", "012345678906"] {
        assert_eq!(text(&synthetic(Kind::Aadhaar), id), (Outcome::Valid, id.into()), "{id}");
        assert_eq!(text(&rules(Kind::Aadhaar), id).0, Outcome::Invalid, "{id}");
        let (_, packed) = synthetic(Kind::Aadhaar).number(id);
        let mut written = String::new();
        synthetic(Kind::Aadhaar).push_packed(packed, &mut written);
        assert_eq!(written, id);
    }
    for issued in ["234123412346", "999941057058", "123412341235"] {
        assert_eq!(text(&synthetic(Kind::Aadhaar), issued).0, Outcome::Invalid, "{issued}");
    }
    let masked = |rules: &Normaliser| text(rules, "XXXX XXXX 1234");
    assert_eq!(masked(&synthetic(Kind::Aadhaar)), masked(&rules(Kind::Aadhaar)));

    assert_eq!(text(&synthetic(Kind::UsSsn), "912-34-5678"), (Outcome::Valid, "912345678".into()));
    assert_eq!(text(&synthetic(Kind::UsSsn), "***-**-5678"), (Outcome::Partial, "*****5678".into()));
    // Issued, without group, without serial, and a taxpayer number.
    for other in ["536-90-4399", "912-00-5678", "912-34-0000", "912-70-5678"] {
        assert_eq!(text(&synthetic(Kind::UsSsn), other).0, Outcome::Invalid, "{other}");
    }
}

#[test]
fn test_birth_date_forms() {
    let rules = rules(Kind::BirthDate);
    for raw in [
        "1985-06-12",
        "19850612",
        "1985/6/12",
        "1985.06.12",
        "12.06.1985",
        "1985年6月12日",
        "１９８５－０６－１２",
        "1985-06-12T00:00:00Z",
        "1985-06-12 00:00:00.000",
        "12 Jun 1985",
        "June 12, 1985",
        "12-JUN-1985",
        "1985\u{1f}6\u{1f}12",
    ] {
        assert_eq!(text(&rules, raw), (Outcome::Valid, "1985-06-12".into()), "{raw}");
    }
    assert_eq!(rules.number("1985-06-12").1, u64::from(date::pack(1985, 6, 12)));
    assert_eq!(text(&rules, "25/12/1985").1, "1985-12-25");
    assert_eq!(text(&rules, "12/25/1985").1, "1985-12-25");
    for (raw, known) in [
        ("1985-06", "1985-06"),
        ("1985", "1985"),
        ("1985-00-00", "1985"),
        ("1985-06-**", "1985-06"),
        ("0000-06-12", "--06-12"),
        ("1985年", "1985"),
    ] {
        assert_eq!(text(&rules, raw), (Outcome::Partial, known.into()), "{raw}");
    }
    for raw in ["1900-01-01", "0000-00-00", "9999-12-31", "1111-11-11", "无"] {
        assert_eq!(rules.number(raw), (Outcome::Placeholder, 0), "{raw}");
    }
    for raw in [
        "05/06/1985",
        "1985-02-30",
        "1985-13-01",
        "1785-01-01",
        "2185-01-01",
        "yesterday",
        "1985-06-12x",
        "198506",
    ] {
        assert_eq!(rules.number(raw), (Outcome::Invalid, 0), "{raw}");
    }
    let day_first =
        Normaliser::new(&AttributeSpec { format: Some("%d/%m/%Y".into()), ..spec(Kind::BirthDate) });
    assert_eq!(text(&day_first.expect("a format"), "05/06/1985").1, "1985-06-05");
}

#[test]
fn test_days_since_1970() {
    assert_eq!(date::from_days(0), (Outcome::Valid, date::pack(1970, 1, 1)));
    assert_eq!(date::from_days(-1), (Outcome::Valid, date::pack(1969, 12, 31)));
    assert_eq!(date::from_days(11_016), (Outcome::Valid, date::pack(2000, 2, 29)));
    assert_eq!(date::from_days(-25_567), (Outcome::Placeholder, 0));
    assert_eq!(date::from_days(i32::MIN), (Outcome::Invalid, 0));
    assert_eq!(date::from_days(i32::MAX), (Outcome::Invalid, 0));
}

#[test]
fn test_age_implies_a_birth_year() {
    let rules =
        Normaliser::new(&AttributeSpec { reference_date: Some("2022-08-01".into()), ..spec(Kind::Age) });
    let rules = rules.expect("a date");
    assert_eq!(rules.number("37"), (Outcome::Valid, 1985));
    assert_eq!(rules.number("37岁"), (Outcome::Valid, 1985));
    assert_eq!(rules.number("6 months"), (Outcome::Valid, 2022));
    assert_eq!(text(&rules, "037.0"), (Outcome::Valid, "37".into()));
    assert_eq!(rules.number("999").0, Outcome::Placeholder);
    for raw in ["121", "-3", "old", "12345"] {
        assert_eq!(rules.number(raw), (Outcome::Invalid, 0), "{raw}");
    }
}

#[test]
fn test_time_forms() {
    let rules = rules(Kind::Time);
    for raw in [
        "2022-08-01T12:30:00Z",
        "2022-08-01 12:30",
        "2022-08-01T20:30:00+08:00",
        "20220801123000",
        "1659357000",
        "1659357000000",
        "2022/8/1 12:30:00.999",
        "2022-08-01 12:30 PM",
    ] {
        assert_eq!(text(&rules, raw), (Outcome::Valid, "2022-08-01T12:30:00".into()), "{raw}");
        assert_eq!(date::unpack_time(rules.number(raw).1), 1_659_357_000);
    }
    assert_eq!(text(&rules, "2022-08-01"), (Outcome::Partial, "2022-08-01".into()));
    assert_eq!(rules.number("1970-01-01T00:00:00Z").0, Outcome::Placeholder);
    assert_eq!(text(&rules, "1969-12-31T23:59:59Z"), (Outcome::Valid, "1969-12-31T23:59:59".into()));
    for raw in ["2022-08-01T25:00", "2022-02-30T10:00", "12:30", "2022-08-01T12:30:00 tomorrow"] {
        assert_eq!(rules.number(raw), (Outcome::Invalid, 0), "{raw}");
    }
}

#[test]
fn test_own_placeholders_in_any_spelling() {
    let placeholders = vec!["13800138000".to_owned(), "Walk In".to_owned()];
    let phone =
        AttributeSpec { region: Some("CN".into()), placeholders: placeholders.clone(), ..spec(Kind::Phone) };
    let phone = Normaliser::new(&phone).expect("a region");
    assert_eq!(phone.number("+86 138-0013-8000"), (Outcome::Placeholder, 0));
    assert_eq!(text(&phone, "13800138000"), (Outcome::Placeholder, String::new()));
    assert_eq!(phone.number("13800138001").0, Outcome::Valid);
    let name =
        Normaliser::new(&AttributeSpec { placeholders, ..spec(Kind::PersonName) }).expect("no options");
    let mut parts = NameParts::default();
    assert_eq!(name.name("WALK-IN", &mut parts), Outcome::Placeholder);
    assert_eq!(parts, NameParts::default());
}

#[test]
fn test_new_refuses_unknown_options() {
    for wrong in [
        AttributeSpec { format: Some("%Q".into()), ..spec(Kind::BirthDate) },
        AttributeSpec { region: Some("Atlantis".into()), ..spec(Kind::Phone) },
        AttributeSpec { scheme: Some("martian".into()), ..spec(Kind::Plate) },
        AttributeSpec { country: Some("Utopia".into()), ..spec(Kind::TravelDocument) },
        AttributeSpec { reference_date: Some("soon".into()), ..spec(Kind::Age) },
    ] {
        let error = Normaliser::new(&wrong).expect_err("an unknown option");
        assert_eq!(error.kind(), ErrorKind::Spec);
        assert!(error.hint_text().is_some());
    }
}

#[test]
fn test_huge_values_are_cut_or_refused() {
    let huge =
        ["7", "a", "路", " x", "\u{0}", "é", "*", "<", "-"].map(|unit| unit.repeat(10_000_000 / unit.len()));
    for rules in every_rule() {
        for raw in &huge {
            let start = std::time::Instant::now();
            let (_, canonical) = text(&rules, raw);
            assert!(canonical.len() <= 2048);
            assert!(start.elapsed().as_millis() < 500, "{} took {:?}", rules.kind().name(), start.elapsed());
        }
    }
}

/// A valid resident ID of the region that nobody lives in.
fn resident_id() -> impl Strategy<Value = [u8; 18]> {
    (1900u64..2030, 1u64..=12, 1u64..=28, 0u64..1000).prop_map(|(y, m, d, order)| {
        identifier::cn_resident_id_text(
            990_000 * 100_000_000_000 + (y * 10_000 + m * 100 + d) * 1_000 + order,
        )
    })
}

fn spelled(characters: &[u8]) -> String {
    characters.iter().map(|&c| c as char).collect()
}

fn aadhaar() -> impl Strategy<Value = String> {
    // The published test numbers, and every number that one of their digits erased leads back to.
    prop::sample::select(vec![
        "234123412346",
        "999941057058",
        "999971658847",
        "999933119405",
        "999955183433",
        "999990501894",
    ])
    .prop_map(str::to_owned)
}

#[test]
fn test_letters_with_a_stroke_and_an_accent_are_folded_at_once() {
    check_laws(&rules(Kind::PersonName), "BǾ ǼSOP");
}

proptest! {
    #[test]
    fn test_resident_id_catches_substitution(id in resident_id(), at in 0usize..18, step in 1u8..10) {
        let mut wrong = id;
        wrong[at] = match id[at] {
            b'X' => b'0' + step,
            digit => b'0' + (digit - b'0' + step) % 10,
        };
        prop_assert_eq!(rules(Kind::CnResidentId).number(&spelled(&wrong)), (Outcome::Invalid, 0));
    }

    #[test]
    fn test_resident_id_catches_transposition(id in resident_id(), at in 0usize..17) {
        let mut wrong = id;
        wrong.swap(at, at + 1);
        prop_assert!(wrong == id || !rules(Kind::CnResidentId).number(&spelled(&wrong)).0.is_usable());
    }

    #[test]
    fn test_resident_id_restores_one_digit(id in resident_id(), at in 0usize..18, mask in "[*?#_]") {
        let mut erased = spelled(&id);
        erased.replace_range(at..=at, &mask);
        prop_assert_eq!(text(&rules(Kind::CnResidentId), &erased), (Outcome::Repaired, spelled(&id)));
    }

    #[test]
    fn test_aadhaar_catches_substitution_and_transposition(id in aadhaar(), at in 0usize..12, step in 1u8..10) {
        let mut wrong = id.clone().into_bytes();
        wrong[at] = b'0' + (wrong[at] - b'0' + step) % 10;
        prop_assert_eq!(rules(Kind::Aadhaar).number(&spelled(&wrong)).1, 0);
        let mut swapped = id.clone().into_bytes();
        swapped.swap(at, (at + 1).min(11));
        if swapped != id.as_bytes() {
            prop_assert_eq!(rules(Kind::Aadhaar).number(&spelled(&swapped)).1, 0);
        }
        let mut erased = id.clone();
        erased.replace_range(at..=at, "*");
        prop_assert_eq!(text(&rules(Kind::Aadhaar), &erased), (Outcome::Repaired, id));
    }

    #[test]
    fn test_date_packs_and_unpacks(year in 1850u32..=2100, month in 1u32..=12, day in 1u32..=28) {
        prop_assert_eq!(date::unpack(date::pack(year, month, day)), (year, month, day));
        let iso = format!("{year:04}-{month:02}-{day:02}");
        prop_assume!(iso != "1900-01-01");
        prop_assert_eq!(text(&rules(Kind::BirthDate), &iso), (Outcome::Valid, iso));
    }

    #[test]
    fn test_time_packs_and_unpacks(seconds in -2_000_000_000i64..6_000_000_000) {
        let packed = date::pack_time(seconds);
        prop_assert_eq!(date::unpack_time(packed), seconds);
        let mut out = String::new();
        date::time_text(packed, &mut out);
        let (outcome, again) = rules(Kind::Time).number(&out);
        prop_assert!(outcome == Outcome::Placeholder || again == packed);
    }

    #[test]
    fn test_laws_hold_for_any_text(raw in any::<String>()) {
        for rules in every_rule() {
            check_laws(&rules, &raw);
        }
    }

    #[test]
    fn test_laws_hold_for_digits_and_punctuation(raw in "[0-9*xX#+()/.:TZ, <-]{0,24}") {
        for rules in every_rule() {
            check_laws(&rules, &raw);
        }
    }

    #[test]
    fn test_laws_hold_for_names(raw in "(mr |dr )?[a-zA-ZéüÉß'-]{1,7}([ ,\u{1f}-]{1,2}[a-zA-Z]{1,7}){0,3}( jr)?") {
        check_laws(&rules(Kind::PersonName), &raw);
    }

    #[test]
    fn test_laws_hold_for_romanised_names(
        raw in "(zhang|wei|li|xiao|ming|xi|an|liang|qiao|ou|yang|lv|lyu|wang)([ ,-]?(zhang|wei|li|xiao|ming|xi|an|ang|liang)){0,4}"
    ) {
        check_laws(&rules(Kind::PersonName), &raw);
    }

    #[test]
    fn test_laws_hold_for_han_names(raw in "[张張欧陽阳伟明单于先生女士王 ·,\u{1f}*a]{1,8}") {
        check_laws(&rules(Kind::PersonName), &raw);
    }

    #[test]
    fn test_laws_hold_for_plates(raw in "[京粤WJV使A-FOI][A-KOI]?[0-9A-KOI·]{3,6}[港学使D0-9应急]{0,2}") {
        for rules in every_rule().iter().filter(|r| r.kind() == Kind::Plate) {
            check_laws(rules, &raw);
        }
    }

    #[test]
    fn test_laws_hold_for_addresses(raw in "[a-z ]{0,8}(st|rd|ave|dr|apt)[., ]{1,3}[a-zé0-9 ]{0,300}(st|ct|hw)?") {
        check_laws(&rules(Kind::Address), &raw);
    }

    #[test]
    fn test_laws_hold_for_mail_and_urls(raw in "(<|mailto:|http://|HTTPS://)?[a-zA-Z0-9.#?:@/ ]{1,20}(:443|:80)?[/?#>]?[a-z@.]{0,9}") {
        check_laws(&rules(Kind::Email), &raw);
        check_laws(&rules(Kind::ImageUrl), &raw);
    }
}
