//! Chinese names: surnames, variants of characters, and romanisation.
//!
//! Romanisation is Hanyu Pinyin without tones, by the `pinyin` crate, with the readings that
//! characters have as surnames. `ü`, `v`, `yu` and `u` after l and n become one `u`, as in passports of
//! different years (吕 is LV, LYU and LU). Wade-Giles, Cantonese and Hokkien spellings are not mapped:
//! Chan is both 陈 and a name of its own.

use std::sync::OnceLock;

use pinyin::ToPinyin;
use rustc_hash::FxHashMap;

/// Surnames of two characters.
const COMPOUND: [&str; 40] = [
    "欧阳", "诸葛", "司马", "上官", "慕容", "皇甫", "尉迟", "万俟", "夏侯", "东方", "令狐", "公孙", "长孙",
    "宇文", "司徒", "司空", "独孤", "南宫", "端木", "轩辕", "百里", "东郭", "西门", "呼延", "淳于", "单于",
    "太史", "申屠", "公冶", "钟离", "闻人", "澹台", "赫连", "拓跋", "闾丘", "鲜于", "司寇", "仲孙", "濮阳",
    "公羊",
];

/// Readings of surnames that differ from the character's usual one.
const SURNAME_READINGS: [(&str, &str); 22] = [
    ("曾", "zeng"),
    ("单", "shan"),
    ("仇", "qiu"),
    ("解", "xie"),
    ("查", "zha"),
    ("盖", "ge"),
    ("区", "ou"),
    ("乐", "yue"),
    ("朴", "piao"),
    ("翟", "zhai"),
    ("覃", "qin"),
    ("任", "ren"),
    ("华", "hua"),
    ("冼", "xian"),
    ("缪", "miao"),
    ("繁", "po"),
    ("员", "yun"),
    ("折", "she"),
    ("尉迟", "yuchi"),
    ("万俟", "moqi"),
    ("澹台", "tantai"),
    ("单于", "chanyu"),
];

/// Traditional and variant characters of names, each before its simplified form.
const VARIANTS: &str = "張张陳陈劉刘楊杨黃黄趙赵吳吴孫孙馬马鄭郑謝谢許许韓韩馮冯鄧邓蕭萧肖萧葉叶蘇苏呂吕蔣蒋賈贾鍾钟鐘钟盧卢陸陆龍龙\
萬万譚谭鄒邹龔龚賴赖龐庞顧顾嚴严華华蘭兰羅罗寧宁聶聂關关閻阎閆闫駱骆藍蓝齊齐莊庄喬乔賀贺歐欧陽阳諸诸東东於于\
錢钱湯汤溫温韋韦魯鲁單单區区倫伦樂乐査查蓋盖遲迟輝辉偉伟國国強强軍军麗丽傑杰濤涛飛飞紅红鳳凤豔艳艷艳瓊琼蓮莲\
鵬鹏剛刚勝胜劍剑銀银鋒锋鋼钢錦锦靜静靈灵穎颖頴颖夢梦寶宝賢贤慶庆榮荣學学業业興兴豐丰廣广義义禮礼瑩莹潔洁瀟潇\
澤泽濱滨燁烨煒炜瑋玮維维綺绮綠绿緒绪繼继聖圣聰聪職职蔭荫薩萨蘊蕴衛卫裡里覺觉詠咏詩诗誠诚諾诺謙谦譽誉貞贞貴贵\
賓宾軒轩輪轮運运達达遠远邁迈郵邮鈞钧銘铭鎮镇鏡镜開开閔闵闊阔陣阵雲云雙双韻韵順顺頌颂願愿顏颜風风駿骏驍骁鴻鸿\
鵑鹃鶴鹤麥麦點点齡龄長长門门兒儿當当劃划勵励勛勋協协園园堅坚壽寿奧奥娛娱婭娅嬌娇嬋婵孌娈實实審审寬宽岡冈島岛\
嵐岚巖岩幹干廈厦彥彦從从徹彻恆恒悅悦愛爱憲宪懷怀戰战揚扬撫抚擇择數数晉晋曉晓暉晖書书會会棟栋楓枫標标樹树橋桥\
權权歡欢歷历滿满漢汉淵渊淨净湧涌為为爾尔獻献瑪玛環环";

/// Surnames in pinyin, roughly the most frequent first; the order decides only which of two words that
/// are both surnames is taken for the family name.
const SURNAMES: &str = "wang li zhang liu chen yang huang zhao wu zhou xu sun ma zhu hu guo he lin gao luo zheng liang \
xie song tang deng han feng cao peng zeng xiao tian dong pan yuan cai jiang yu du ye cheng wei su lu ding ren yao shen \
zhong cui tan fan liao shi jin jia xia fu fang zou xiong bai meng qin qiu hou yin xue yan lei long duan hao kong shao mao \
chang wan gu lai kang qian niu hong gong tao wen pang mo kuang ning ge xing yi qiao ji hua mei ke xiang shang nie zhuang \
zhan lan shu ai zhai ou chi tong zhen zuo mu geng guan zang bian miao bao qi dai yue rong teng ran lian mi xi zha piao \
ouyang zhuge sima shangguan murong huangfu yuchi moqi xiahou dongfang linghu gongsun zhangsun yuwen situ";

/// Whether a character is a Han ideograph.
pub fn is_han(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{323af}' | '〇' | '々')
}

/// The simplified form of a character that names use, or the character.
pub fn simplified(c: char) -> char {
    static SIMPLIFIED: OnceLock<FxHashMap<char, char>> = OnceLock::new();
    if !is_han(c) {
        return c;
    }
    let known = SIMPLIFIED.get_or_init(|| {
        let (from, to) = (VARIANTS.chars().step_by(2), VARIANTS.chars().skip(1).step_by(2));
        from.zip(to).collect()
    });
    known.get(&c).copied().unwrap_or(c)
}

/// Splits a name of Han characters into family and given part.
pub fn split(name: &str) -> (&str, &str) {
    let bounds = |n: usize| name.char_indices().nth(n).map_or(name.len(), |(at, _)| at);
    let compound = name.get(..bounds(2)).is_some_and(|front| COMPOUND.contains(&front));
    name.split_at(bounds(if compound { 2 } else { 1 }))
}

/// Whether a text is one surname of two characters.
pub fn is_compound(text: &str) -> bool {
    COMPOUND.contains(&text)
}

/// Appends the reading of a name's family part, as a surname is read.
pub fn push_surname(family: &str, out: &mut String) {
    match SURNAME_READINGS.iter().find(|(surname, _)| *surname == family) {
        Some((_, reading)) => out.push_str(reading),
        None => push_reading(family, out),
    }
}

/// Appends the reading of every character; one without a reading stays as it is.
pub fn push_reading(text: &str, out: &mut String) {
    for c in text.chars() {
        match c.to_pinyin() {
            Some(reading) => out.extend(reading.plain().chars().map(|c| if c == 'ü' { 'u' } else { c })),
            None => out.push(c),
        }
    }
}

/// The place of a romanised surname in the order of frequency.
pub fn surname_rank(token: &str) -> Option<usize> {
    let mut plain = String::new();
    let token = if token.contains(['v', 'y', 'ü']) {
        push_folded(token, &mut plain);
        plain.as_str()
    } else {
        token
    };
    static RANKS: OnceLock<FxHashMap<&str, usize>> = OnceLock::new();
    let ranks = RANKS.get_or_init(|| SURNAMES.split_ascii_whitespace().zip(0..).collect());
    ranks.get(token).copied()
}

/// Appends a syllable with the spellings of ü made one.
fn push_folded(syllable: &str, out: &mut String) {
    let folded = match syllable {
        "lv" | "lyu" | "lü" => "lu",
        "nv" | "nyu" | "nü" => "nu",
        "lve" | "lyue" | "lüe" => "lue",
        "nve" | "nyue" | "nüe" => "nue",
        other => other,
    };
    out.push_str(folded);
}

/// A tree of syllables, letter by letter: looking up every beginning of a text is one walk, where a hash of
/// each took a twentieth of the time of reading.
struct Syllables {
    /// Per node the node of each letter, zero for none; the root is node 0.
    next: Vec<[u16; 26]>,
    /// Whether a syllable ends at the node.
    ends: Vec<bool>,
}

impl Syllables {
    fn of<'s>(syllables: impl Iterator<Item = &'s str>) -> Self {
        let mut tree = Self { next: vec![[0; 26]], ends: vec![false] };
        for syllable in syllables {
            let mut node = 0;
            for letter in syllable.bytes().filter_map(letter) {
                if tree.next[node][letter] == 0 {
                    tree.next[node][letter] = tree.next.len() as u16;
                    tree.next.push([0; 26]);
                    tree.ends.push(false);
                }
                node = usize::from(tree.next[node][letter]);
            }
            tree.ends[node] = true;
        }
        tree
    }

    /// The lengths of the syllables that `text` begins with, a bit each.
    fn lengths(&self, text: &[u8]) -> u64 {
        let (mut node, mut lengths) = (0, 0);
        for (letter, length) in text.iter().map_while(|&b| letter(b)).zip(1..) {
            node = usize::from(self.next[node][letter]);
            if node == 0 {
                break;
            }
            lengths |= u64::from(self.ends[node]) << length;
        }
        lengths
    }
}

fn letter(byte: u8) -> Option<usize> {
    byte.is_ascii_lowercase().then(|| usize::from(byte - b'a'))
}

/// Every syllable that a Han character reads as, and the other spellings of ü.
fn syllables() -> &'static Syllables {
    static SYLLABLES: OnceLock<Syllables> = OnceLock::new();
    SYLLABLES.get_or_init(|| {
        let read = ('\u{4e00}'..='\u{9fff}').filter_map(|c| c.to_pinyin()).map(|p| p.plain());
        let spelled = read.filter(|s| s.is_ascii() && (s.len() > 1 || matches!(*s, "a" | "e" | "o")));
        // Interjections without a vowel would cut names that are not Chinese.
        let spelled = spelled.filter(|s| s.contains(['a', 'e', 'i', 'o', 'u', 'v']));
        let more = ["lv", "nv", "lyu", "nyu", "lve", "nve", "lyue", "nyue", "lue", "nue", "lu", "nu"];
        Syllables::of(spelled.chain(more))
    })
}

/// Longest first from the front, going back where that leads nowhere.
fn segment<'t>(text: &'t str, known: &Syllables, found: &mut Vec<&'t str>) -> bool {
    let mut lengths = known.lengths(text.as_bytes());
    while lengths != 0 {
        let length = lengths.ilog2();
        lengths ^= 1 << length;
        let (syllable, rest) = text.split_at(length as usize);
        found.push(syllable);
        if rest.is_empty() || segment(rest, known, found) {
            return true;
        }
        found.pop();
    }
    false
}

/// Longest romanised name part that is looked at; the longest syllable has six letters.
const MAX_ROMANISED: usize = 36;

/// Splits romanised text into syllables, folded; `false`, with `out` unchanged, where it is none.
pub fn push_syllables(text: &str, out: &mut Vec<String>) -> bool {
    if text.is_empty() || text.len() > MAX_ROMANISED || !text.bytes().all(|b| b.is_ascii_lowercase()) {
        return false;
    }
    let mut found = Vec::new();
    if !segment(text, syllables(), &mut found) {
        return false;
    }
    out.extend(found.into_iter().map(|syllable| {
        let mut folded = String::new();
        push_folded(syllable, &mut folded);
        folded
    }));
    true
}

/// Whether romanised text is a row of syllables.
pub fn is_romanised(text: &str) -> bool {
    let text = text.as_bytes();
    if text.is_empty() || text.len() > MAX_ROMANISED || !may_be_romanised(text) {
        return false;
    }
    let known = syllables();
    // Where a row of syllables may end, a bit each.
    let mut reached = 1u64;
    for at in 0..text.len() {
        if reached >> at & 1 == 1 {
            reached |= known.lengths(&text[at..]) << at;
        }
    }
    reached >> text.len() & 1 == 1
}

/// Whether consonants stand in text as they may in Pinyin: most names of other languages are told here,
/// without a look at the syllables.
fn may_be_romanised(text: &[u8]) -> bool {
    let is_vowel = |b: &u8| matches!(b, b'a' | b'e' | b'i' | b'o' | b'u' | b'v' | b'y' | b'w');
    let is_final = |run: &[u8]| matches!(run, b"" | b"n" | b"r" | b"ng");
    let is_initial = |run: &[u8]| run.len() <= 1 || matches!(run, b"zh" | b"ch" | b"sh");
    let mut runs = text.split(is_vowel);
    let (Some(first), Some(last)) = (runs.next(), text.rsplit(is_vowel).next()) else { return false };
    let joint = |run: &[u8]| (0..=run.len().min(2)).any(|at| is_final(&run[..at]) && is_initial(&run[at..]));
    is_initial(first) && is_final(last) && text.split(is_vowel).all(joint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surname(family: &str) -> String {
        let mut out = String::new();
        push_surname(family, &mut out);
        out
    }

    #[test]
    fn test_surname_readings() {
        for (family, reading) in [
            ("曾", "zeng"),
            ("单", "shan"),
            ("仇", "qiu"),
            ("解", "xie"),
            ("查", "zha"),
            ("盖", "ge"),
            ("尉迟", "yuchi"),
            ("万俟", "moqi"),
            ("区", "ou"),
            ("乐", "yue"),
            ("朴", "piao"),
            ("翟", "zhai"),
            ("覃", "qin"),
            ("张", "zhang"),
        ] {
            assert_eq!(surname(family), reading);
        }
    }

    #[test]
    fn test_variants_are_pairs_that_end_in_themselves() {
        assert_eq!(VARIANTS.chars().count() % 2, 0);
        for (at, c) in VARIANTS.chars().enumerate() {
            assert_eq!(simplified(simplified(c)), simplified(c), "{at}");
        }
        assert_eq!(("葉於蕭肖".chars().map(simplified)).collect::<String>(), "叶于萧萧");
    }

    #[test]
    fn test_split_knows_compound_surnames() {
        assert_eq!(split("欧阳锋"), ("欧阳", "锋"));
        assert_eq!(split("欧阳"), ("欧阳", ""));
        assert_eq!(split("张晓明"), ("张", "晓明"));
    }

    #[test]
    fn test_syllables() {
        let read = |text: &str| {
            let mut out = Vec::new();
            push_syllables(text, &mut out).then_some(out)
        };
        assert_eq!(read("xiaoming"), Some(vec!["xiao".into(), "ming".into()]));
        assert_eq!(read("lyu"), Some(vec!["lu".into()]));
        assert_eq!(read("lv"), read("lu"));
        assert_eq!(read("smith"), None);
        assert_eq!(read(&"a".repeat(40)), None);
        let known = syllables().ends.iter().filter(|&&ends| ends).count();
        assert!((380..=450).contains(&known), "{known}");
    }
}
