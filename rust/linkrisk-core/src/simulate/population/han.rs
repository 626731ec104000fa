//! Chinese names, as frequent as in life, in characters and in pinyin.
//!
//! Surnames: the five most frequent have the shares that follow from their bearers (王 101 million,
//! 李 101, 张 95, 刘 72, 陈 63 of 1.4 billion), 30.8 % together, and the hundred most frequent have
//! 85.9 % (Ministry of Public Security, *National Name Report* for 2020 and 2019). Ranks 6 to 100 fall
//! as 1 / rank, the rest is spread over rarer ones.
//!
//! Given names: of one character for 11 % of those born from 1965 to 1994 and 2.5 % of the others,
//! which gives the 6.3 % of that report; else of two. Characters are drawn by sex and generation, by
//! Zipf and Mandelbrot, 1 / (rank + 6).
//!
//! Pinyin is that of the `pinyin` crate, without tones, ü as in passports (YU).

use pinyin::ToPinyin;

use super::super::draw::{Draw, Weighted};

/// The five most frequent surnames and their share of the population.
const FIRST_SURNAMES: [(&str, f64); 5] =
    [("王", 0.0725), ("李", 0.0718), ("张", 0.0680), ("刘", 0.0513), ("陈", 0.0444)];
/// The next 95, most frequent first.
const SURNAMES: &str = "杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾\
夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常";
/// What the first hundred have together.
const FIRST_HUNDRED: f64 = 0.859;
/// Rarer ones, of one character and of two.
const RARE_SURNAMES: &str = "汤 温 康 施 文 牛 樊 葛 邢 安 齐 易 乔 伍 庞 颜 倪 庄 聂 章 鲁 岳 翟 申 欧 耿 关 焦 左 柳 甘 祝 包 \
宁 符 阮 尚 舒 纪 柯 梅 童 毕 凌 单 霍 裴 成 涂 苗 谷 曲 盛 冉 翁 蓝 骆 路 游 靳 辛 管 柴 蒙 鲍 华 喻 祁 房 蒲 滕 萧 屈 饶 解 牟 \
艾 尤 时 阳 阎 穆 农 司 古 吉 卓 车 简 缪 项 连 芦 麦 褚 娄 窦 戚 岑 党 宫 景 费 卜 冷 晏 席 卫 柏 宗 桂 全 佟 应 臧 闵 苟 邬 边 卞 \
姬 师 和 仇 栾 丘 隋 商 刁 沙 荣 巫 寇 桑 郎 甄 丛 仲 虞 敖 巩 明 佘 池 查 麻 苑 迟 邝 欧阳 上官 司马 诸葛 皇甫 慕容 夏侯 尉迟 东方 令狐";

/// Characters of given names by generation (born before 1965, to 1994, since) and sex.
const MEN: [&str; 3] = [
    "国建明华文德志永金春福荣生祥林玉成海光庆忠贵友学发富兴胜保大全安义元清长根宝正平和世先万仁才炳树家水银启良达云昌",
    "伟强军勇涛磊超杰鹏辉斌波飞刚峰亮明建国华东文海平志龙林俊浩凯健宇亚洋晓旭阳毅松江宏振立新雷坤利康博帅威振成鑫云彬锋",
    "宇浩轩子泽俊晨梓博睿杰涵昊天奕文逸明辰皓翔嘉航铭一凯瑞豪致远思恒景元诚安瑾煜鑫霖骏哲乐承熙彦钧泓",
];
const WOMEN: [&str; 3] = [
    "秀英兰玉桂芳珍淑美凤梅华云莲香素翠琴春月红金爱荣霞菊贞花清文惠丽仙娥彩静芬银慧瑞庆如琼巧杏喜竹芝",
    "丽敏静艳娟燕娜霞玲芳红梅婷丹颖莉洁萍慧晓雪琳琴英华倩欣佳莹玉海春蕾薇雯冬珊菲蓉青岚瑶彩虹云",
    "涵欣怡梓诗雨琪萱妍佳婷语嘉彤可悦思子一诺晨若馨雅瑶艺熙梦琳珂菲洁昕蕊宁依心然桐颖芷曦锦妙",
];
/// Of each generation: how often a given name has one character.
const ONE_CHARACTER: [f64; 3] = [0.025, 0.11, 0.025];
/// Ranks that characters lag behind a pure Zipf law.
const OFFSET: f64 = 6.0;

/// A name: a surname and one or two characters, as numbers in the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HanName {
    /// The surname.
    pub surname: u16,
    /// The characters of the given name; the second is missing where it is [`HanName::NONE`].
    pub given: [u16; 2],
}

impl HanName {
    /// No character.
    pub const NONE: u16 = u16::MAX;
}

/// How a name is romanised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Romanisation {
    /// `ZHANG XIAOMING`, as in passports.
    Passport,
    /// `Xiaoming Zhang`, given name first.
    Western,
    /// `zhangxiaoming`, as on keyboards.
    Joined,
}

/// A character or surname, its reading, and one that sounds the same.
struct Entry {
    text: &'static str,
    reading: String,
    homophone: u16,
}

/// All names.
pub struct Han {
    surnames: Vec<Entry>,
    surname_weights: Weighted,
    characters: Vec<Entry>,
    /// By generation and sex: numbers of characters, and how frequent they are.
    given: [[(Vec<u16>, Weighted); 2]; 3],
}

fn split_characters(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()])
}

fn reading(text: &str) -> String {
    text.chars().filter_map(|c| c.to_pinyin()).map(|p| p.plain().replace('ü', "yu")).collect()
}

fn entries(texts: Vec<&'static str>) -> Vec<Entry> {
    let mut all: Vec<Entry> =
        texts.into_iter().map(|text| Entry { text, reading: reading(text), homophone: 0 }).collect();
    for at in 0..all.len() {
        // The next one round the list that sounds the same, or else the neighbour, which is what a
        // keyboard offers beside it.
        let next = |step: usize| (at + step) % all.len();
        let same = (1..all.len()).map(next).find(|&o| all[o].reading == all[at].reading);
        all[at].homophone = same.unwrap_or_else(|| next(1)) as u16;
    }
    all
}

impl Han {
    /// Puts the names together; a few milliseconds.
    pub fn new() -> Self {
        let mut texts: Vec<&str> = FIRST_SURNAMES.iter().map(|(text, _)| *text).collect();
        texts.extend(split_characters(SURNAMES));
        let common = texts.len();
        texts.extend(RARE_SURNAMES.split_whitespace());
        let mut weights: Vec<f64> = FIRST_SURNAMES.iter().map(|(_, share)| *share).collect();
        let first: f64 = weights.iter().sum();
        let by_rank = |ranks: std::ops::Range<usize>, share: f64| {
            let sum: f64 = ranks.clone().map(|rank| 1.0 / rank as f64).sum();
            ranks.map(move |rank| share / rank as f64 / sum)
        };
        let ranks = weights.len() + 1..common + 1;
        weights.extend(by_rank(ranks, FIRST_HUNDRED - first));
        weights.extend(by_rank(common + 1..texts.len() + 1, 1.0 - FIRST_HUNDRED));
        let mut characters: Vec<&'static str> = Vec::new();
        let mut numbers = |list: &'static str| -> (Vec<u16>, Weighted) {
            let found: Vec<u16> = split_characters(list)
                .map(|c| {
                    let at = characters.iter().position(|known| *known == c).unwrap_or_else(|| {
                        characters.push(c);
                        characters.len() - 1
                    });
                    at as u16
                })
                .collect();
            let weights: Vec<f64> = (1..=found.len()).map(|rank| 1.0 / (rank as f64 + OFFSET)).collect();
            (found, Weighted::new(&weights))
        };
        let given = std::array::from_fn(|generation| [numbers(WOMEN[generation]), numbers(MEN[generation])]);
        Self {
            surnames: entries(texts),
            surname_weights: Weighted::new(&weights),
            characters: entries(characters),
            given,
        }
    }

    /// A surname, as likely as it is frequent.
    pub fn surname(&self, draw: &mut Draw) -> u16 {
        self.surname_weights.pick(draw) as u16
    }

    /// A given name for somebody born in `year`.
    pub fn given(&self, year: u32, male: bool, draw: &mut Draw) -> [u16; 2] {
        let generation = match year {
            ..1965 => 0,
            1965..1995 => 1,
            _ => 2,
        };
        let (characters, weights) = &self.given[generation][usize::from(male)];
        let first = characters[weights.pick(draw)];
        if draw.chance(ONE_CHARACTER[generation]) {
            return [first, HanName::NONE];
        }
        [first, characters[weights.pick(draw)]]
    }

    /// Appends a name in characters.
    pub fn push(&self, name: HanName, text: &mut String) {
        text.push_str(self.surnames[usize::from(name.surname)].text);
        for &character in name.given.iter().filter(|&&c| c != HanName::NONE) {
            text.push_str(self.characters[usize::from(character)].text);
        }
    }

    /// The name with the last character taken for one that sounds the same.
    pub fn mistaken(&self, name: HanName) -> HanName {
        let mut given = name.given;
        let last = if given[1] == HanName::NONE { &mut given[0] } else { &mut given[1] };
        *last = self.characters[usize::from(*last)].homophone;
        HanName { given, ..name }
    }

    /// Appends the surname and a star for each further character, as notices mask names.
    pub fn push_masked(&self, name: HanName, text: &mut String) {
        text.push_str(self.surnames[usize::from(name.surname)].text);
        text.extend(name.given.iter().filter(|&&c| c != HanName::NONE).map(|_| '*'));
    }

    /// Appends two characters, as places and streets are called.
    pub fn push_place(&self, draw: &mut Draw, text: &mut String) {
        for _ in 0..2 {
            text.push_str(self.characters[draw.below(self.characters.len())].text);
        }
    }

    /// Appends a name in Latin letters.
    pub fn push_romanised(&self, name: HanName, style: Romanisation, text: &mut String) {
        let surname = &self.surnames[usize::from(name.surname)].reading;
        let start = text.len();
        match style {
            Romanisation::Passport => {
                text.push_str(surname);
                text.push(' ');
                self.push_given_reading(name, text);
                text[start..].make_ascii_uppercase();
            }
            Romanisation::Western => {
                self.push_given_reading(name, text);
                let gap = text.len();
                text.push(' ');
                text.push_str(surname);
                text[start..start + 1].make_ascii_uppercase();
                text[gap + 1..gap + 2].make_ascii_uppercase();
            }
            Romanisation::Joined => {
                text.push_str(surname);
                self.push_given_reading(name, text);
            }
        }
    }

    fn push_given_reading(&self, name: HanName, text: &mut String) {
        for &character in name.given.iter().filter(|&&c| c != HanName::NONE) {
            text.push_str(&self.characters[usize::from(character)].reading);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn test_surnames_have_their_shares() {
        let han = Han::new();
        assert_eq!(split_characters(SURNAMES).count(), 95);
        let mut draw = Draw::new(1, 2, 3);
        let mut counts: HashMap<u16, u32> = HashMap::new();
        for _ in 0..200_000 {
            *counts.entry(han.surname(&mut draw)).or_default() += 1;
        }
        let share = |end: u16| {
            counts.iter().filter(|(s, _)| **s < end).map(|(_, n)| f64::from(*n)).sum::<f64>() / 200_000.0
        };
        assert!((share(5) - 0.308).abs() < 0.004, "{}", share(5));
        assert!((share(100) - FIRST_HUNDRED).abs() < 0.004, "{}", share(100));
        assert_eq!(counts.len(), han.surnames.len());
    }

    #[test]
    fn test_every_character_has_a_reading_and_stands_once() {
        let han = Han::new();
        for list in [&han.surnames, &han.characters] {
            let mut texts: Vec<&str> = list.iter().map(|e| e.text).collect();
            texts.sort_unstable();
            texts.dedup();
            assert_eq!(texts.len(), list.len());
            for entry in list {
                assert!(!entry.reading.is_empty() && entry.reading.is_ascii(), "{}", entry.text);
            }
        }
    }

    #[test]
    fn test_names_are_written_in_every_style() {
        let han = Han::new();
        let find = |list: &[Entry], text| list.iter().position(|e| e.text == text).expect("listed") as u16;
        let name = HanName {
            surname: find(&han.surnames, "吕"),
            given: [find(&han.characters, "建"), find(&han.characters, "国")],
        };
        let write = |style| {
            let mut text = String::new();
            han.push_romanised(name, style, &mut text);
            text
        };
        let mut plain = String::new();
        han.push(name, &mut plain);
        plain.push('/');
        han.push_masked(name, &mut plain);
        assert_eq!(plain, "吕建国/吕**");
        assert_eq!(write(Romanisation::Passport), "LYU JIANGUO");
        assert_eq!(write(Romanisation::Western), "Jianguo Lyu");
        assert_eq!(write(Romanisation::Joined), "lyujianguo");
        let wrong = han.mistaken(name);
        assert!(wrong != name && wrong.surname == name.surname && wrong.given[0] == name.given[0]);
    }
}
