//! Names of persons: parts, order, spelling, and a key that romanisation does not change.
//!
//! A name comes as one text, or as given and family name in two columns. From one text the parts are
//! told by, in this order: a comma (`Family, Given`); Han characters, where the first character or a
//! known compound surname is the family name; a romanised surname at either end of a name that is
//! Pinyin throughout, the more frequent one where both ends have one; else the last word is the family
//! name. A single word is taken for a given name, the family name staying empty.
//!
//! `full` of a romanised name is always `xiaoming zhang`, however it was written, and of a Han name
//! 张晓明; other names keep their order, given before family name where both are known. `key` holds,
//! sorted, the syllables of a name that is Pinyin or Han throughout and the words of any other. It
//! ignores order, spacing, accents and script. What it joins wrongly: homophones (which a romanised
//! name cannot tell apart either), names whose syllables are permuted (明晓 and 晓明), and surnames
//! exchanged with given names (韦张 and 张韦). What it parts: `Anne Marie` and `Annemarie`.
//!
//! Hyphens and points part words and apostrophes vanish. Titles in front and `jr`, `sr` at the end
//! are dropped. A name masked with `*` is partial and keeps its family name alone.

use super::text::{self, JOINT};
use super::{Outcome, han};

/// The parts of one name; make it once and use it for every name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameParts {
    /// The whole name, canonical.
    pub full: String,
    /// The given names, words parted by one space.
    pub given: String,
    /// The family name, empty where it cannot be told.
    pub family: String,
    /// Equal for spellings of one name, whatever order, spacing, accents and script.
    pub key: String,
}

impl NameParts {
    /// Empties every part and keeps the room.
    pub fn clear(&mut self) {
        for part in [&mut self.full, &mut self.given, &mut self.family, &mut self.key] {
            part.clear();
        }
    }
}

const TITLES: [&str; 8] = ["mr", "mrs", "ms", "miss", "dr", "prof", "herr", "frau"];
const SUFFIXES: [&str; 2] = ["jr", "sr"];
const HAN_TITLES: [&str; 3] = ["先生", "女士", "小姐"];

/// Words of a name, in the order given, then family; the family's start where it is known.
struct Words {
    words: Vec<String>,
    family_from: Option<usize>,
}

/// Folds one column or one side of a comma into words; tells whether something was masked.
fn push_words(raw: &str, words: &mut Vec<String>) -> bool {
    let mut folded = String::new();
    text::fold(raw, &mut folded);
    if text::is_placeholder(&folded) {
        return folded.contains('*');
    }
    let mut plain = String::with_capacity(folded.len());
    for c in folded.chars() {
        match c {
            '\'' | '’' | '‘' | 'ʼ' | '`' | '´' | '＇' => {}
            _ if c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c) => {
                text::push_without_accent(han::simplified(c), &mut plain);
            }
            _ => plain.push(' '),
        }
    }
    text::drop_characters(&mut plain, |_| false);
    words.extend(plain.split_whitespace().map(str::to_owned));
    folded.contains('*')
}

fn drop_titles(name: &mut Words) {
    while name.words.len() > 1 && TITLES.contains(&name.words[0].as_str()) {
        name.words.remove(0);
        name.family_from = name.family_from.map(|at| at.saturating_sub(1));
    }
    while name.words.len() > 1 && name.words.last().is_some_and(|w| SUFFIXES.contains(&w.as_str())) {
        name.words.pop();
    }
    name.family_from = name.family_from.filter(|&at| at < name.words.len());
}

/// A Han name without the titles at its end; a title alone stays.
fn without_han_title(mut name: &str) -> &str {
    while let Some(rest) = HAN_TITLES.iter().find_map(|t| name.strip_suffix(t)).filter(|r| !r.is_empty()) {
        name = rest;
    }
    name
}

/// Reads one name into its parts, which are cleared first.
pub fn name(raw: &str, out: &mut NameParts) -> Outcome {
    out.clear();
    if two_plain_words(raw, out) {
        return Outcome::Valid;
    }
    let raw = text::cut(raw.trim(), text::MAX_RAW_BYTES);
    let mut name = Words { words: Vec::new(), family_from: None };
    let masked = if let Some((given, family)) = raw.rsplit_once(JOINT) {
        let masked = push_words(given, &mut name.words);
        name.family_from = Some(name.words.len());
        push_words(family, &mut name.words) | masked
    } else if let Some((family, given)) = raw.split_once([',', '，', '、']) {
        let masked = push_words(given, &mut name.words);
        let suffix_alone = name.words.iter().all(|w| SUFFIXES.contains(&w.as_str()));
        if suffix_alone {
            name.words.clear();
        } else {
            name.family_from = Some(name.words.len());
        }
        push_words(family, &mut name.words) | masked
    } else {
        push_words(raw, &mut name.words)
    };
    if name.words.is_empty() {
        return if text::is_blank(raw) { Outcome::Blank } else { Outcome::Placeholder };
    }
    drop_titles(&mut name);
    let letters = name.words.iter().any(|w| w.chars().any(char::is_alphabetic));
    if !letters {
        return Outcome::Invalid;
    }
    if text::is_placeholder(&name.words.join(" ")) {
        return Outcome::Placeholder;
    }
    if name.words.iter().all(|w| w.chars().all(han::is_han)) {
        han_parts(&name, masked, out);
    } else {
        other_parts(&name, masked, out);
    }
    for part in [&mut out.full, &mut out.given, &mut out.family, &mut out.key] {
        let kept = text::cut(part, text::MAX_BYTES).trim_end().len();
        part.truncate(kept);
    }
    if masked { Outcome::Partial } else { Outcome::Valid }
}

/// Reads a given and a family name of one ASCII word each, as most Latin ones are; `false`, with `out`
/// cleared, where the name needs a second look.
fn two_plain_words(raw: &str, out: &mut NameParts) -> bool {
    let Some((given, family)) = raw.split_once(JOINT) else { return false };
    let plain = |w: &str| !w.is_empty() && w.len() <= MAX_PLAIN && w.bytes().all(|b| b.is_ascii_alphabetic());
    if !plain(given) || !plain(family) {
        return false;
    }
    for (part, word) in [(&mut out.given, given), (&mut out.family, family)] {
        part.push_str(word);
        part.make_ascii_lowercase();
    }
    let NameParts { full, given, family, key } = out;
    full.extend([given.as_str(), " ", family.as_str()]);
    let odd = TITLES.contains(&given.as_str())
        || SUFFIXES.contains(&family.as_str())
        || text::is_placeholder(full)
        || (han::is_romanised(given) && han::is_romanised(family));
    if odd {
        out.clear();
        return false;
    }
    let (first, second) = if given <= family { (&*given, &*family) } else { (&*family, &*given) };
    key.extend([first.as_str(), " ", second.as_str()]);
    true
}

/// Longest word of a plain name, far below where names are cut.
const MAX_PLAIN: usize = 40;

/// Most characters of a Chinese name; a longer one, or one with a point in it, is a name of another
/// language in Han characters, given name first.
const MAX_HAN: usize = 4;

fn han_parts(name: &Words, masked: bool, out: &mut NameParts) {
    let together = name.family_from.map_or_else(
        || name.words.concat(),
        |at| [name.words[at..].concat(), name.words[..at].concat()].concat(),
    );
    let plain = without_han_title(&together);
    if plain.len() < together.len() {
        let name = Words { words: vec![plain.to_owned()], family_from: None };
        return han_parts(&name, masked, out);
    }
    let first_alone = name.words[0].chars().count() == 1 || han::is_compound(&name.words[0]);
    let characters: usize = name.words.iter().map(|w| w.chars().count()).sum();
    if let Some(at) = name.family_from {
        out.given = name.words[..at].concat();
        out.family = name.words[at..].concat();
    } else if masked {
        out.family = name.words.concat();
    } else if characters == 1 {
        out.given.push_str(&name.words[0]);
    } else if characters <= MAX_HAN && (name.words.len() == 1 || first_alone) {
        let whole = name.words.concat();
        let (family, given) = han::split(&whole);
        out.family.push_str(family);
        out.given.push_str(given);
    } else {
        out.given.push_str(&name.words[0]);
        out.family = name.words[1..].concat();
    }
    let foreign =
        name.family_from.is_none() && name.words.len() > 1 && !(characters <= MAX_HAN && first_alone);
    if foreign {
        out.full = name.words.join(" ");
    } else {
        out.full.push_str(&out.family);
        out.full.push_str(&out.given);
    }
    let mut reading = [String::new(), String::new()];
    han::push_surname(&out.family, &mut reading[0]);
    han::push_reading(&out.given, &mut reading[1]);
    set_key(reading.iter().map(String::as_str), &mut out.key);
}

/// Sorts the syllables of a romanised name, or its words where one of them is not romanised.
fn set_key<'w>(words: impl Iterator<Item = &'w str> + Clone, key: &mut String) {
    let present = words.filter(|w| !w.is_empty());
    let mut sorted = Vec::new();
    if !present.clone().all(|w| han::push_syllables(w, &mut sorted)) {
        sorted = present.flat_map(str::split_whitespace).map(str::to_owned).collect();
    }
    sorted.sort_unstable();
    *key = sorted.join(" ");
}

fn other_parts(name: &Words, masked: bool, out: &mut NameParts) {
    let words = &name.words;
    if words.iter().all(|w| han::is_romanised(w)) {
        romanised_parts(name, out);
        return;
    }
    let at = match name.family_from {
        Some(at) => at,
        None if masked && words.len() == 1 => 0,
        None => (words.len() - 1).max(1),
    };
    out.given = words[..at].join(" ");
    out.family = words[at..].join(" ");
    out.full = words.join(" ");
    let mut readings = Vec::with_capacity(words.len());
    for word in words {
        let mut reading = String::new();
        if word.chars().all(han::is_han) {
            han::push_surname(word, &mut reading)
        } else {
            reading.push_str(word)
        }
        readings.push(reading);
    }
    set_key(readings.iter().map(String::as_str), &mut out.key);
}

/// Parts of a name that is Pinyin throughout; given names become one word.
fn romanised_parts(name: &Words, out: &mut NameParts) {
    let words = &name.words;
    let last = words.len() - 1;
    // The less frequent surname, or what is none, is the given name.
    let rank = |w: &str| han::surname_rank(w).unwrap_or(usize::MAX);
    let family_at = |front: &str, back: &str| if rank(front) < rank(back) { 0 } else { last };
    let (given, family) = match name.family_from {
        Some(at) => (words[..at].concat(), words[at..].concat()),
        None if last == 0 => (words[0].clone(), String::new()),
        None if family_at(&words[0], &words[last]) == 0 => (words[1..].concat(), words[0].clone()),
        None => (words[..last].concat(), words[last].clone()),
    };
    // One order for the whole name, whatever was said of its parts, so that it reads as itself.
    let (front, back) = if !family.is_empty() && rank(&given) < rank(&family) && !given.is_empty() {
        (&family, &given)
    } else {
        (&given, &family)
    };
    out.full.push_str(front);
    if !front.is_empty() && !back.is_empty() {
        out.full.push(' ');
    }
    out.full.push_str(back);
    set_key([given.as_str(), family.as_str()].into_iter(), &mut out.key);
    if name.family_from.is_none() {
        (out.given, out.family) = (front.clone(), back.clone());
    } else {
        (out.given, out.family) = (given, family);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str) -> NameParts {
        let mut out = NameParts::default();
        assert!(name(raw, &mut out).is_usable(), "{raw}");
        out
    }

    fn keys_agree(spellings: &[&str]) {
        let key = read(spellings[0]).key;
        for spelling in spellings {
            assert_eq!(read(spelling).key, key, "{spelling}");
        }
    }

    fn parts(raw: &str) -> (String, String, String) {
        let read = read(raw);
        (read.given, read.family, read.full)
    }

    #[test]
    fn test_key_joins_order_spacing_script() {
        keys_agree(&[
            "张伟",
            "張偉",
            "Zhang Wei",
            "WEI, ZHANG",
            "Zhang, Wei",
            "zhangwei",
            "伟\u{1f}张",
            "Wei\u{1f}Zhang",
        ]);
        keys_agree(&[
            "张晓明",
            "Zhang Xiaoming",
            "Xiao-Ming Zhang",
            "ZHANG XIAO MING",
            "Xiaoming\u{1f}Zhang",
            "Zhāng Xiǎomíng",
            "张 晓明",
            "Ｚｈａｎｇ Ｘｉａｏｍｉｎｇ",
        ]);
        keys_agree(&["李西安", "Li Xi'an", "Li Xi An", "XIAN LI", "Li Xi’an"]);
        keys_agree(&["吕梁", "呂梁", "Lyu Liang", "LV LIANG", "Lü Liang", "Liang Lu"]);
        keys_agree(&["欧阳锋", "Ouyang Feng", "Feng Ouyang", "歐陽鋒"]);
        keys_agree(&["曾单", "Zeng Dan"]);
        keys_agree(&["尉迟恭", "Yuchi Gong"]);
        keys_agree(&["万俟卨", "Moqi Xie"]);
        keys_agree(&[
            "José García-López",
            "Jose Garcia Lopez",
            "GARCÍA LÓPEZ, José",
            "José\u{1f}García López",
        ]);
        assert_ne!(read("Zhang Wei").key, read("Zhang Wen").key);
        assert_ne!(read("阿依古丽·买买提").key, read("阿依古丽").key);
    }

    #[test]
    fn test_parts() {
        let expect = |g: &str, f: &str, full: &str| (g.to_owned(), f.to_owned(), full.to_owned());
        assert_eq!(parts("Zhang Xiao-Ming"), expect("xiaoming", "zhang", "xiaoming zhang"));
        assert_eq!(parts("Xiaoming Zhang"), expect("xiaoming", "zhang", "xiaoming zhang"));
        assert_eq!(parts("張曉明"), expect("晓明", "张", "张晓明"));
        assert_eq!(parts("欧阳锋"), expect("锋", "欧阳", "欧阳锋"));
        assert_eq!(parts("Dr. Anna Maria Smith Jr."), expect("anna maria", "smith", "anna maria smith"));
        assert_eq!(parts("Smith, Anna"), expect("anna", "smith", "anna smith"));
        assert_eq!(parts("Smith, Jr"), expect("smith", "", "smith"));
        assert_eq!(parts("O’Brien\u{1f}"), expect("obrien", "", "obrien"));
        assert_eq!(parts("\u{1f}O'Brien"), expect("", "obrien", "obrien"));
        assert_eq!(parts("阿依古丽·买买提"), expect("阿依古丽", "买买提", "阿依古丽 买买提"));
        assert_eq!(parts("王先生"), expect("王", "", "王"));
        assert_eq!(parts("Madonna"), expect("madonna", "", "madonna"));
    }

    #[test]
    fn test_masked_names_keep_the_family_name_alone() {
        let mut out = NameParts::default();
        assert_eq!(name("张**", &mut out), Outcome::Partial);
        assert_eq!((out.family.as_str(), out.given.as_str()), ("张", ""));
        assert_eq!(name("***", &mut out), Outcome::Placeholder);
    }

    #[test]
    fn test_names_that_are_none() {
        let mut out = NameParts::default();
        for raw in ["无", "N/A", "-", "未知", "John Doe", "test", "无\u{1f}无"] {
            assert_eq!(name(raw, &mut out), Outcome::Placeholder, "{raw}");
        }
        assert_eq!(name("12345", &mut out), Outcome::Invalid);
        assert_eq!(name("\u{1f}", &mut out), Outcome::Blank);
        assert_eq!(out, NameParts::default());
    }
}
