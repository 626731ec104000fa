//! Texts as sets of words.

/// Most words of a text that stay on the stack.
const WORDS: usize = 32;

/// Measures the share of words that two texts have in common, from 0 to 1 (Jaccard coefficient of
/// their sets of words).
///
/// Words are what stands between white space, and count once however often they occur. Two texts
/// without words agree in nothing: 0. Sorting 32 words stays on the stack; more are still correct,
/// and allocate.
pub fn token_jaccard(a: &str, b: &str) -> f32 {
    let (mut left_words, mut right_words) = ([""; WORDS], [""; WORDS]);
    match (collect(a, &mut left_words), collect(b, &mut right_words)) {
        (Some(left), Some(right)) => jaccard(left, right),
        _ => {
            let mut left: Vec<&str> = a.split_whitespace().collect();
            let mut right: Vec<&str> = b.split_whitespace().collect();
            jaccard(&mut left, &mut right)
        }
    }
}

fn collect<'a, 'w>(text: &'a str, into: &'w mut [&'a str; WORDS]) -> Option<&'w mut [&'a str]> {
    let mut count = 0;
    for word in text.split_whitespace() {
        *into.get_mut(count)? = word;
        count += 1;
    }
    Some(&mut into[..count])
}

fn jaccard(left: &mut [&str], right: &mut [&str]) -> f32 {
    left.sort_unstable();
    right.sort_unstable();
    let (mut i, mut j, mut shared, mut all) = (0, 0, 0u32, 0u32);
    while i < left.len() || j < right.len() {
        let word = match (left.get(i), right.get(j)) {
            (Some(l), Some(r)) => *l.min(r),
            (Some(word), None) | (None, Some(word)) => *word,
            (None, None) => break,
        };
        let (from_i, from_j) = (i, j);
        while left.get(i) == Some(&word) {
            i += 1;
        }
        while right.get(j) == Some(&word) {
            j += 1;
        }
        all += 1;
        shared += u32::from(i > from_i && j > from_j);
    }
    if all == 0 { 0.0 } else { shared as f32 / all as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_token_jaccard_counts_words_once() {
        assert_eq!(token_jaccard("arts deli", "deli  arts\tdeli"), 1.0);
        assert_eq!(token_jaccard("a b c", "b c d"), 0.5);
        assert_eq!(token_jaccard("a", "b"), 0.0);
        assert_eq!(token_jaccard("a", ""), 0.0);
        assert_eq!(token_jaccard(" ", ""), 0.0);
    }

    #[test]
    fn test_token_jaccard_of_many_words() {
        let words = |range: std::ops::Range<u32>| range.map(|w| format!("{w} ")).collect::<String>();
        assert_eq!(token_jaccard(&words(0..32), &words(0..32)), 1.0);
        assert_eq!(token_jaccard(&words(0..75), &words(25..100)), 0.5);
        assert_eq!(token_jaccard(&words(0..100), "7"), 0.01);
    }
}
