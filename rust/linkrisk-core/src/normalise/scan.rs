//! Reading a text from its front: digits, words, separators.

use super::text::JOINT;

/// What is left of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scan<'a> {
    pub rest: &'a str,
}

fn digit(c: char) -> Option<u32> {
    match c {
        '0'..='9' => Some(c as u32 - '0' as u32),
        '０'..='９' => Some(c as u32 - '０' as u32),
        _ => None,
    }
}

fn is_mask(c: char) -> bool {
    matches!(c, '*' | '?' | 'x' | 'X' | '<' | '#')
}

impl<'a> Scan<'a> {
    pub fn new(rest: &'a str) -> Self {
        Self { rest }
    }

    fn run(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at(end);
        self.rest = rest;
        run
    }

    pub fn space(&mut self) {
        self.run(|c| c.is_whitespace() || c == JOINT);
    }

    pub fn digits(&mut self) -> &'a str {
        self.run(|c| digit(c).is_some())
    }

    /// A word of ASCII letters, which may be empty.
    pub fn word(&mut self) -> &'a str {
        self.run(|c| c.is_ascii_alphabetic())
    }

    /// Takes `text` where it comes next.
    pub fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A number of `least` to `most` digits, reading no further; nothing is read where there is none.
    pub fn plain_number(&mut self, least: usize, most: usize) -> Option<u32> {
        let before = self.rest;
        let run = self.digits();
        let (mut value, mut count) = (0, 0);
        for d in run.chars().filter_map(digit) {
            (value, count) = (value * 10 + d, count + 1);
            if count > most {
                break;
            }
        }
        let fits = (least..=most).contains(&count);
        if !fits {
            self.rest = before;
        }
        fits.then_some(value)
    }

    /// A number as [`Self::plain_number`] reads it, or a run of masks, which is 0.
    pub fn number(&mut self, least: usize, most: usize) -> Option<u32> {
        if self.rest.starts_with(is_mask) {
            let before = self.rest;
            if (least..=most).contains(&self.run(is_mask).len()) {
                return Some(0);
            }
            self.rest = before;
            return None;
        }
        self.plain_number(least, most)
    }

    /// A number of at most `most` digits, the digits after them left where they are.
    pub fn number_within(&mut self, most: usize) -> Option<u32> {
        let mut value = None;
        for (at, c) in self.rest.char_indices().take(most) {
            let Some(d) = digit(c) else { break };
            value = Some((value.map_or(0, |(v, _): (u32, usize)| v) * 10 + d, at + c.len_utf8()));
        }
        let (value, length) = value?;
        self.rest = &self.rest[length..];
        Some(value)
    }

    /// One of the separators of `set` with any space around it, or space alone; width folded.
    pub fn separator(&mut self, set: &str) -> Option<char> {
        let before = self.rest;
        self.space();
        let next = self.rest.chars().next();
        let plain = match next {
            Some('\u{2010}'..='\u{2015}' | '－' | '\u{2212}') => Some('-'),
            Some('／') => Some('/'),
            Some('．') => Some('.'),
            other => other,
        };
        if let (Some(plain), Some(next)) = (plain.filter(|&c| set.contains(c)), next) {
            self.rest = &self.rest[next.len_utf8()..];
            self.space();
            return Some(plain);
        }
        // The joint of two columns, or a space.
        (self.rest.len() < before.len()).then_some('-')
    }

    /// 0 for `AM`, 12 for `PM`.
    pub fn half_of_day(&mut self) -> Option<u32> {
        for (word, hours) in [("AM", 0), ("am", 0), ("PM", 12), ("pm", 12)] {
            if self.take(word) {
                return Some(hours);
            }
        }
        None
    }

    /// Seconds east of Greenwich of a zone such as `Z`, `+08:00` or `-0330`; 0 where none follows.
    pub fn zone(&mut self) -> Option<i64> {
        if self.take("Z") || self.take("z") || self.take("UTC") || self.take("GMT") {
            return Some(0);
        }
        let sign = if self.take("+") {
            1
        } else if self.take("-") {
            -1
        } else {
            return Some(0);
        };
        let hours = self.number_within(2)?;
        let _ = self.take(":");
        let minutes = self.number_within(2).unwrap_or(0);
        (hours <= 14 && minutes < 60).then(|| sign * i64::from(hours * 3_600 + minutes * 60))
    }
}
