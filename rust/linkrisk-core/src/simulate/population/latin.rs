//! Names of people and cities, put together from parts.
//!
//! The parts are common in European names and a whole name is whatever comes out, so many sound
//! alike (`Halberg`, `Holberg`), as names do. Frequencies follow Zipf and Mandelbrot,
//! 1 / (rank + offset). Surnames have the offset 8: the five most frequent make 7 % of the people,
//! between the United States (3 %: Smith, Johnson, Williams, Brown, Jones, census of 2010) and China
//! (about 30 %). Given names have the offset 6 per sex, which gives the five most frequent 11 %;
//! cities the offset 3 and the largest 6 % of the people.
//!
//! All names are ASCII, so that a typing error can take any position.

use std::collections::HashSet;

use super::super::draw::{Draw, Weighted};
use crate::kernel::hash;

/// Distinct surnames.
pub const SURNAMES: usize = 6_000;
/// Distinct given names of each sex.
pub const GIVEN_NAMES: usize = 1_400;
/// Distinct cities.
pub const CITIES: usize = 300;
/// Ranks that the most frequent surname, given name and city lag behind a pure Zipf law.
const SURNAME_OFFSET: f64 = 8.0;
const GIVEN_NAME_OFFSET: f64 = 6.0;
const CITY_OFFSET: f64 = 3.0;

const SURNAME_STEMS: &str = "\
    al ar bal ban bar bel ber bor bran bren bur cal can car cas chal cor cran cul dal dan dar \
    del den dor dra dun eck el em er fal fan far fen fer fol fran gal gan gar gel ger gol gran \
    gul hal han har hel hen hol hor hul is jan jar jen jor kal kan kar kel ker kol kra kul lan \
    lar lem lin lor lun mal man mar mel men mer mol mor mul nal nar nel nor ol or pal par pel \
    pen per pol pra ral ran ren rol ros rud sal san sar sel sen sol sor stan stein sul tal tan \
    tar tel ter tol tor tran ul val van var vel ver vol wal war wel wen win wol yar yel zal \
    zan zel zor";
const SURNAME_ENDINGS: &str = "\
    a aga ani ard as berg berger bert by cek chuk da dahl den der do dorf ec elli en er eras \
    es escu ez feld ford gaard go ham hard hoff holm ic ides ik in ino ion jian kin ko kov lan \
    land ley lin lund man mark mont more nen ney o off oglu olm on opoulos os ov rup sen shaw \
    ska ski son stad stein strom ter to ton vall vik ville wood worth y";
const MALE_STEMS: &str = "\
    ad al am ar au ben ber bor bran cal car chris clem col con cor cy dan dar dav dem der do \
    ed el em er ev fab fer fin flor fran gab gar ger gil gus han har hec hen hu il is iv jac \
    jan jas jer jo jul kar ken kon lam lau leo lor luc mal man mar mat max mil nat nic ol os \
    pas pat per raf ran ren rod rom ron sal sam seb ser sil ste tad tam theo tim tor ul val \
    vic vin wal wil xav yan zol";
const MALE_ENDINGS: &str = "\
    aro bert den do dric el en er ian ias ico ik in io is ius mir mond nan nor o on or ric rik \
    rus son tian to ton vin";
const FEMALE_STEMS: &str = "\
    ad al am ar aug bea bel ber bri cal cam car cas cel chlo cla con cor dan del di do ed el \
    em er ev fab fel flo fran gab gen gis gra han hen hil il im in ir is iv jan jas jen jo jul \
    kar kat lar lau le lil lin lor luc mad mar mat mel mil mir nad nat nic nor ol pal pat per \
    phil ra reb ren ros sab sal sel ser sil sof ste su syl tam tat ther val ver vic viv wil \
    yas zo";
const FEMALE_ENDINGS: &str = "\
    a ana anda anne bella bet da della dine dra ela elle ena ette ia ica ie ika ilde ina ine \
    ira issa ita la lena lia line lotte lyn na ria rina sa tha tta";
const CITY_STEMS: &str = "\
    alder amber ash birch bright cold dun east elder fair far glen gold gran grey harrow high \
    hollow iron kings lake lang lime long marsh mill moor new north oak old over pine raven \
    red river rock rose sand silver south stone summer thorn under west wind winter wolf";
const CITY_ENDINGS: &str = "\
    borough bridge brook bury cliff dale fell field ford gate haven hill holm market mere \
    mouth port stead ton vale wick";

/// The names of one use, most frequent first, drawn by frequency.
pub struct Ranked {
    values: Vec<String>,
    frequencies: Weighted,
}

impl Ranked {
    /// The first `count` names that `stems` and `endings` make, in an order without meaning.
    fn new(stems: &str, endings: &str, count: usize, offset: f64) -> Self {
        let mut seen = HashSet::new();
        let mut values = Vec::new();
        for stem in stems.split_whitespace() {
            for ending in endings.split_whitespace() {
                let name = capitalised(stem, ending);
                if seen.insert(name.clone()) {
                    values.push(name);
                }
            }
        }
        values.sort_by_key(|name| hash::bytes(name.as_bytes()));
        values.truncate(count);
        let weights: Vec<f64> = (1..=values.len()).map(|rank| 1.0 / (rank as f64 + offset)).collect();
        Self { values, frequencies: Weighted::new(&weights) }
    }

    /// A name, as likely as it is frequent.
    pub fn pick(&self, draw: &mut Draw) -> &str {
        &self.values[self.frequencies.pick(draw)]
    }
}

fn capitalised(stem: &str, ending: &str) -> String {
    let (first, rest) = stem.split_at(1);
    format!("{}{rest}{ending}", first.to_ascii_uppercase())
}

/// All names of a population.
pub struct Names {
    /// Surnames.
    pub surnames: Ranked,
    /// Given names of men.
    pub male: Ranked,
    /// Given names of women.
    pub female: Ranked,
    /// Cities.
    pub cities: Ranked,
}

impl Names {
    /// Puts the names together; a few milliseconds.
    pub fn new() -> Self {
        Self {
            surnames: Ranked::new(SURNAME_STEMS, SURNAME_ENDINGS, SURNAMES, SURNAME_OFFSET),
            male: Ranked::new(MALE_STEMS, MALE_ENDINGS, GIVEN_NAMES, GIVEN_NAME_OFFSET),
            female: Ranked::new(FEMALE_STEMS, FEMALE_ENDINGS, GIVEN_NAMES, GIVEN_NAME_OFFSET),
            cities: Ranked::new(CITY_STEMS, CITY_ENDINGS, CITIES, CITY_OFFSET),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_lists_have_their_sizes_and_are_ascii() {
        let names = Names::new();
        for (ranked, count) in [
            (&names.surnames, SURNAMES),
            (&names.male, GIVEN_NAMES),
            (&names.female, GIVEN_NAMES),
            (&names.cities, CITIES),
        ] {
            let distinct: HashSet<&String> = ranked.values.iter().collect();
            assert_eq!(distinct.len(), count);
            assert!(ranked.values.iter().all(|n| n.is_ascii() && n.len() >= 3));
        }
    }

    #[test]
    fn test_top_five_have_their_share() {
        let names = Names::new();
        for (ranked, low, high) in
            [(&names.surnames, 0.06, 0.08), (&names.male, 0.095, 0.117), (&names.cities, 0.18, 0.215)]
        {
            let mut draw = Draw::new(1, 1, 1);
            let top = &ranked.values[..5];
            let hits = (0..100_000).filter(|_| top.iter().any(|name| name == ranked.pick(&mut draw))).count();
            let share = hits as f64 / 100_000.0;
            assert!((low..high).contains(&share), "{share}");
        }
    }
}
