//! Distinct entities: how many people or vehicles stand behind the records, with an interval.

use serde::{Deserialize, Serialize};

use super::{Expected, Unplaced};

/// The 97.5 % point of the normal distribution.
const NORMAL_975: f64 = 1.959_963_984_540_054;

/// Share of each correction by which the model may be wrong about it, in either direction, however
/// small the variance.
const MODEL_ERROR: f64 = 0.5;

/// Share of the persons found above which missed merges are no correction any more: the model expects
/// pairs that it cannot place, as where hundreds of events hang on one number and on nothing else.
const MOST_MISSED: f64 = 0.5;

/// How many different entities there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distinct {
    /// Entities that the linkage found.
    pub observed: u64,
    /// Entities that there are, by the estimate.
    pub estimate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Of those that were found, the ones of a single record that holds nothing which could have joined it to another.
    #[serde(default)]
    pub unplaced: u64,
    /// Of the others those who are known by one attribute alone: who had another value of it too is two of them.
    #[serde(default)]
    pub by_one_attribute: u64,
    /// How the estimate and the interval were made.
    pub method: String,
}

impl Distinct {
    /// The persons behind `records` records in which the linkage found `observed`.
    ///
    /// Definition: observed + E\[false merges\] − E\[missed merges\], for a false merge hides a
    /// person and a missed one shows a person twice. Unit: persons. Range: 1 to the number of
    /// records that stand for a person, 0 where there is none. Direction: higher is worse.
    /// Assumption: the model's probabilities are right on average; it is the model's own
    /// expectation, checked against no truth. Interval: 95 % by the normal approximation, from the
    /// variances of false merges, of missed merges and of what blocking may miss
    /// (`blocking_variance`), taken as independent; and, because the model may itself be wrong, half
    /// of each correction on top on either side; it always holds the number found. Persons who are `unplaced`,
    /// or known by one attribute alone, may each be of another, so the lower end leaves them out; the estimate does not. Where more merges are
    /// expected to be missing than half of the persons found, they are not taken off, and the interval
    /// begins at 1: how many fewer persons there are cannot be told.
    pub fn persons(
        (observed, unplaced): (u64, Unplaced),
        records: u64,
        false_merges: Expected,
        missed_merges: Expected,
        blocking_variance: f64,
    ) -> Self {
        let possible = |persons: f64| persons.max(1.0).min(records as f64);
        if missed_merges.mean > MOST_MISSED * observed as f64 {
            let estimate = observed as f64 + false_merges.mean;
            let reach = NORMAL_975 * false_merges.variance.sqrt() + MODEL_ERROR * false_merges.mean;
            return Self {
                observed,
                estimate: possible(estimate),
                low: possible(1.0),
                high: possible(estimate + reach),
                unplaced: unplaced.alone,
                by_one_attribute: unplaced.by_one,
                method:
                    "persons found, plus the false merges that the model expects; it expects more missed \
                         merges than can be placed, so there may be far fewer persons, and the interval has \
                         no lower end; the model's own expectation, not checked against a truth"
                        .to_owned(),
            };
        }
        let estimate = observed as f64 + false_merges.mean - missed_merges.mean;
        let deviation = (false_merges.variance + missed_merges.variance + blocking_variance).sqrt();
        let reach = NORMAL_975 * deviation + MODEL_ERROR * (false_merges.mean + missed_merges.mean);
        let left_out = match unplaced {
            Unplaced { alone: 0, by_one: 0 } => "",
            Unplaced { by_one: 0, .. } => {
                "; the lower end leaves out those of a single record that holds nothing to join it by, who may each be \
                 one of the others"
            }
            _ => {
                "; the lower end leaves out those who are known by one attribute alone, or by none, who may each be one \
                 of the others"
            }
        };
        Self {
            observed,
            estimate: possible(estimate),
            low: possible(
                (estimate - reach).min(observed as f64) - (unplaced.alone + unplaced.by_one) as f64,
            ),
            high: possible((estimate + reach).max(observed as f64)),
            unplaced: unplaced.alone,
            by_one_attribute: unplaced.by_one,
            method: format!(
                "persons found, plus the false merges and less the missed merges that the model expects; \
                 95 % normal interval from their variances and that of the matches blocking misses, widened \
                 by half of each correction{left_out}; the model's own expectation, not checked against a truth"
            ),
        }
    }

    /// The vehicles found, `observed` in number.
    ///
    /// Definition: distinct plates, look-alikes within the records of one person being one. Unit:
    /// vehicles. Range: 0 upwards. Direction: higher is worse. Assumption: a vehicle keeps its plate
    /// and a plate is read without error otherwise. Interval: none, so both ends are the count;
    /// misread plates make it too high by an unknown number.
    pub fn vehicles(observed: u64) -> Self {
        let count = observed as f64;
        Self {
            observed,
            estimate: count,
            low: count,
            high: count,
            unplaced: 0,
            by_one_attribute: 0,
            method:
                "distinct plates, look-alikes of one person joined; a count without an interval, too high \
                     by the plates misread otherwise"
                    .to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLACED: Unplaced = Unplaced { alone: 0, by_one: 0 };
    const NONE: Expected = Expected { mean: 0.0, variance: 0.0 };

    #[test]
    fn test_persons_without_errors_are_those_observed() {
        let found = Distinct::persons((40, PLACED), 100, NONE, NONE, 0.0);
        assert_eq!((found.estimate, found.low, found.high), (40.0, 40.0, 40.0));
    }

    #[test]
    fn test_persons_corrects_in_both_directions() {
        let wrong = Expected { mean: 10.0, variance: 9.0 };
        let missed = Expected { mean: 20.0, variance: 7.0 };
        let found = Distinct::persons((400, PLACED), 1_000, wrong, missed, 9.0);
        assert_eq!(found.estimate, 390.0);
        let reach = NORMAL_975 * 5.0 + 15.0;
        assert!((found.low - (390.0 - reach)).abs() < 1e-9 && (found.high - (390.0 + reach)).abs() < 1e-9);
    }

    #[test]
    fn test_unplaced_persons_may_be_of_the_others() {
        let unplaced = Unplaced { alone: 10, by_one: 20 };
        let found = Distinct::persons((40, unplaced), 100, NONE, NONE, 0.0);
        assert_eq!((found.estimate, found.low, found.high), (40.0, 10.0, 40.0));
        assert_eq!((found.unplaced, found.by_one_attribute), (10, 20));
        assert_eq!(Distinct::persons((30, unplaced), 100, NONE, NONE, 0.0).low, 1.0);
    }

    #[test]
    fn test_more_missed_merges_than_can_be_placed_are_not_taken_off() {
        let missed = Expected { mean: 300.0, variance: 300.0 };
        let found = Distinct::persons((400, PLACED), 1_000, NONE, missed, 0.0);
        assert_eq!((found.estimate, found.low, found.high), (400.0, 1.0, 400.0));
        assert!(found.method.contains("no lower end"));
    }

    #[test]
    fn test_persons_of_no_record_are_none() {
        let found = Distinct::persons((0, PLACED), 0, NONE, NONE, 0.0);
        assert_eq!((found.estimate, found.low, found.high), (0.0, 0.0, 0.0));
    }

    proptest! {
        #[test]
        fn test_persons_stay_possible(
            (records, observed) in (1u64..10_000).prop_flat_map(|n| (Just(n), 1..=n)),
            unplaced in 0.0..1.0f64,
            wrong in 0.0..20_000.0f64,
            missed in 0.0..20_000.0f64,
            variance in 0.0..1e9f64,
        ) {
            let expected = |mean| Expected { mean, variance: mean };
            let alone = (observed as f64 * unplaced) as u64;
            let unplaced = Unplaced { alone, by_one: (observed - alone) / 2 };
            let found = Distinct::persons((observed, unplaced), records, expected(wrong), expected(missed), variance);
            prop_assert!(1.0 <= found.low && found.low <= found.estimate);
            prop_assert!(found.estimate <= found.high && found.high <= records as f64);
        }
    }
}
