//! What a false match rate comes to in a gallery: ISO/IEC 19795-1 rates and percolation.

use serde::Serialize;

use super::interval::Estimate;

/// The highest percolation number at which a template alone may merge people: one person in a hundred.
pub const ALONE: f64 = 0.01;

/// Share of the searches with at least one false match in a gallery of `gallery` templates.
///
/// FPIR = 1 − (1 − FMR)^N. That takes the comparisons of a search to be independent. They are not (a poor
/// probe is like many templates), so that the true share is lower and those searches have more false
/// matches each; the mean number FMR · N holds in any case.
pub fn false_positive_identification(fmr: f64, gallery: f64) -> f64 {
    -(gallery * (-fmr.min(1.0)).ln_1p()).exp_m1()
}

/// Pairs of strangers that are linked, expected: FMR · pairs.
pub fn expected_false_links(fmr: f64, pairs: f64) -> f64 {
    fmr * pairs
}

/// Pairs of `records` templates: N (N − 1) / 2.
pub fn pairs_of(records: f64) -> f64 {
    records * (records - 1.0).max(0.0) / 2.0
}

/// The percolation number c = (N − 1) · FMR: the mean number of false links of a template.
pub fn percolation(fmr: f64, records: f64) -> f64 {
    fmr * (records - 1.0).max(0.0)
}

/// Whether a template alone may merge people at the percolation number `c`; otherwise another attribute has
/// to agree, and c is that of the [`effective_gallery`].
pub fn may_merge_alone(c: f64) -> bool {
    c <= ALONE
}

/// Share of the people who are linked to somebody else: 1 − e^(−c k) with `templates` k of a person.
///
/// The false links of a person are taken for Poisson's. Where some people have far more than others (a
/// camera, a group) fewer people are concerned than this says, for the same number of links.
pub fn wrongly_merged(c: f64, templates: f64) -> f64 {
    -(-c * templates).exp_m1()
}

/// Share of the people in the one component that false links make of a set: 0 up to a mean of one link of a
/// person, above it the root of S = 1 − e^(−d S) (P. Erdős and A. Rényi, 1960).
pub fn largest_component(c: f64, templates: f64) -> f64 {
    let degree = c * templates;
    if degree <= 1.0 {
        return 0.0;
    }
    let mut share = 1.0f64;
    // Falls to the root from above; near a mean of one link it takes long, but is small.
    for _ in 0..10_000 {
        let next = -(-degree * share).exp_m1();
        if share - next < 1e-12 {
            break;
        }
        share = next;
    }
    share
}

/// The gallery that is left of `records` where a further attribute has to agree too: one, and of the others
/// the share of pairs that agree, Σ p².
pub fn effective_gallery(records: f64, agreeing: f64) -> f64 {
    1.0 + (records - 1.0).max(0.0) * agreeing
}

/// Where the two error rates meet.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EqualError {
    /// The similarity.
    pub similarity: f64,
    /// The mean of both rates there.
    pub rate: f64,
}

/// Finds where `fmr` and `fnmr` meet on the rising `similarities`: the mean of both where they cross.
pub fn equal_error(
    similarities: &[f64],
    fmr: impl Fn(f64) -> f64,
    fnmr: impl Fn(f64) -> f64,
) -> Option<EqualError> {
    let apart = |s: f64| fnmr(s) - fmr(s);
    let crossed = similarities.partition_point(|&s| apart(s) < 0.0);
    let &after = similarities.get(crossed)?;
    let &before = similarities.get(crossed.checked_sub(1)?)?;
    let (a, b) = (-apart(before), apart(after));
    let part = if a + b > 0.0 { a / (a + b) } else { 0.0 };
    let mix = |x: f64, y: f64| x + part * (y - x);
    let rate = 0.5 * (mix(fmr(before), fmr(after)) + mix(fnmr(before), fnmr(after)));
    Some(EqualError { similarity: mix(before, after), rate })
}

/// A false match rate at work among so many templates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AtScale {
    /// Templates.
    pub records: u64,
    /// Share of the searches with a false match.
    pub fpir: Estimate,
    /// Pairs of strangers linked.
    pub expected_false_links: Estimate,
    /// Mean number of false links of a template.
    pub percolation: Estimate,
    /// Share of the people linked to somebody else.
    pub wrongly_merged: Estimate,
    /// Share of the people in the largest component.
    pub largest_component: Estimate,
    /// Whether a template alone may merge people, by the upper end of the interval.
    pub may_merge_alone: bool,
}

impl AtScale {
    /// The rate `fmr` among `records` templates, `templates` of a person, of whose pairs `compared` is the
    /// share that is compared at all.
    pub fn new(fmr: Estimate, records: u64, templates: f64, compared: f64) -> Self {
        let n = records as f64;
        let c = fmr.map(|f| percolation(f * compared, n));
        Self {
            records,
            fpir: fmr.map(|f| false_positive_identification(f, (n - 1.0).max(0.0) * compared)),
            expected_false_links: fmr.map(|f| expected_false_links(f, pairs_of(n) * compared)),
            percolation: c,
            wrongly_merged: c.map(|c| wrongly_merged(c, templates)),
            largest_component: c.map(|c| largest_component(c, templates)),
            may_merge_alone: may_merge_alone(c.high),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn test_figures_of_a_million() {
        // The design's own: 3.4e-7 at 0.4 makes 1.7e5 false links of a million.
        assert!((expected_false_links(3.4e-7, pairs_of(1e6)) - 1.7e5).abs() < 1.0);
        assert!((percolation(3.4e-7, 1e6) - 0.34).abs() < 1e-6);
        assert!((wrongly_merged(0.1, 1.0) - 0.0952).abs() < 1e-4);
        assert!(may_merge_alone(0.01) && !may_merge_alone(0.0101));
        assert!((false_positive_identification(1e-6, 1e6) - 0.632).abs() < 1e-3);
        assert_eq!(false_positive_identification(1.0, 5.0), 1.0);
    }

    #[test]
    fn test_above_one_link_each_one_component_takes_over() {
        assert_eq!(largest_component(1.0, 1.0), 0.0);
        // The root at a mean of two links (Erdős and Rényi).
        assert!((largest_component(2.0, 1.0) - 0.7968).abs() < 1e-4);
        assert_eq!(largest_component(1.0, 2.0), largest_component(2.0, 1.0));
    }

    #[test]
    fn test_a_second_attribute_shrinks_the_gallery() {
        assert_eq!(effective_gallery(1e6, 1e-4), 1.0 + (1e6 - 1.0) * 1e-4);
        assert_eq!(effective_gallery(1e6, 0.0), 1.0);
        assert_eq!(effective_gallery(0.0, 1.0), 1.0);
    }

    #[test]
    fn test_rates_that_cross_meet_between() {
        let at: Vec<f64> = (0..=10).map(|i| f64::from(i) / 10.0).collect();
        let found = equal_error(&at, |s| 1.0 - s, |s| s).expect("they cross");
        assert!((found.similarity - 0.5).abs() < 1e-9 && (found.rate - 0.5).abs() < 1e-9);
        assert_eq!(equal_error(&at, |_| 0.0, |_| 1.0), None);
    }

    proptest! {
        #[test]
        fn test_everything_rises_with_the_rate(a in 0.0..1e-3f64, b in 0.0..1e-3f64, n in 1u64..100_000_000) {
            let point = |f| Estimate { value: f, low: f, high: f };
            let (low, high) = (AtScale::new(point(a.min(b)), n, 2.0, 1.0), AtScale::new(point(a.max(b)), n, 2.0, 1.0));
            for figure in [
                |s: &AtScale| s.fpir, |s: &AtScale| s.expected_false_links, |s: &AtScale| s.percolation,
                |s: &AtScale| s.wrongly_merged, |s: &AtScale| s.largest_component,
            ] {
                prop_assert!(figure(&low).value <= figure(&high).value + 1e-12);
            }
            prop_assert!((0.0..=1.0).contains(&high.fpir.value));
            prop_assert!(low.may_merge_alone || !high.may_merge_alone);
        }
    }
}
