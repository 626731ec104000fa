//! When people pass where: working days, arrivals and departures, computed for each passage alone.
//!
//! Somebody who works somewhere comes on the weekdays from their first day on, and stays away on one
//! of ten ([`DAYS_IN_TEN`]). They arrive about their own time, between 7:00 and 9:30, and stay eight
//! to ten hours; [`LUNCH`] of them also leave and come back at noon. Who drives passes the lane first
//! and the gate [`LANE_TO_GATE`] seconds later, and leaves through the gate first and the lane after:
//! both follow from the same person, day and passage, whichever table asks.

use super::draw::Draw;

/// Days of ten on which somebody comes.
pub const DAYS_IN_TEN: u32 = 9;
/// Share of people who go out at noon.
pub const LUNCH: f64 = 0.3;
/// Seconds between lane and gate.
pub const LANE_TO_GATE: std::ops::Range<u32> = 20..90;
/// Seconds of a day.
pub const DAY: u32 = 86_400;
/// Weeks over which first days are spread.
const FIRST_WEEKS: usize = 12;

/// What a stream of random numbers is for.
const HABIT: u64 = 321;
const ABSENCE: u64 = 322;
const TIMES: u64 = 323;
const VISIT: u64 = 324;

/// One passage of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// Day from the first Monday, 0.
    pub day: u32,
    /// Seconds of the day at which the gate is passed.
    pub second: u32,
    /// Whether somebody comes in.
    pub inward: bool,
}

/// Where and when somebody works.
#[derive(Debug, Clone, Copy)]
pub struct Worker {
    seed: u64,
    person: u64,
    first_week: u32,
    arrives: u32,
    stays: u32,
    lunch: bool,
}

impl Worker {
    /// The habits of a person at one workplace.
    pub fn new(seed: u64, person: u64, workplace: u64) -> Self {
        let mut draw = Draw::new(seed ^ workplace.rotate_left(32), HABIT, person);
        Self {
            seed,
            person,
            first_week: draw.below(FIRST_WEEKS) as u32,
            arrives: 7 * 3_600 + draw.below(31) as u32 * 300,
            stays: 8 * 3_600 + draw.below(25) as u32 * 300,
            lunch: draw.chance(LUNCH),
        }
    }

    /// Passages of the gate on a day that somebody comes.
    pub fn passages_a_day(&self) -> u32 {
        if self.lunch { 4 } else { 2 }
    }

    /// The day on which somebody comes for the `nth` time, from 0.
    pub fn day(&self, nth: u32) -> u32 {
        // Of ten working days one is left out.
        let (ten, within) = (nth / DAYS_IN_TEN, nth % DAYS_IN_TEN);
        let absent = Draw::new(self.seed, ABSENCE, self.person << 20 | u64::from(ten)).below(10) as u32;
        let working_day = ten * 10 + within + u32::from(within >= absent);
        (self.first_week + working_day / 5) * 7 + working_day % 5
    }

    /// The `nth` passage of the gate, from 0.
    pub fn passage(&self, nth: u32) -> Passage {
        let a_day = self.passages_a_day();
        let day = self.day(nth / a_day);
        let of_day = nth % a_day;
        let base = match (of_day, a_day) {
            (0, _) => self.arrives,
            (1, 4) => 12 * 3_600,
            (2, 4) => 12 * 3_600 + 2_700,
            _ => self.arrives + self.stays,
        };
        let mut draw = Draw::new(self.seed, TIMES, self.person << 20 | u64::from(day * 4 + of_day.min(3)));
        // Up to 8 minutes off, the middle more likely.
        let off = draw.below(320) + draw.below(320) + draw.below(320);
        Passage { day, second: base + off as u32 - 480, inward: of_day.is_multiple_of(2) }
    }

    /// The `nth` passage of the lane by the vehicle that brings them, from 0: two a day.
    ///
    /// Where two share a vehicle, `turn` is which of them this is, and each has every other day.
    pub fn lane(&self, nth: u32, turn: Option<u32>) -> Passage {
        let came = match turn {
            Some(turn) => nth / 2 * 2 + turn % 2,
            None => nth / 2,
        };
        let a_day = self.passages_a_day();
        let inward = nth.is_multiple_of(2);
        let gate = self.passage(came * a_day + if inward { 0 } else { a_day - 1 });
        let lag = LANE_TO_GATE.start
            + Draw::new(
                self.seed,
                TIMES,
                (self.person << 20 | u64::from(gate.day * 2 + u32::from(inward))) ^ 1 << 63,
            )
            .below((LANE_TO_GATE.end - LANE_TO_GATE.start) as usize) as u32;
        Passage { second: if inward { gate.second - lag } else { gate.second + lag }, ..gate }
    }
}

/// A visit of one day: in and out again, any further passages in the hours between.
pub fn visit(seed: u64, visitor: u64, nth: u32, days: u32) -> Passage {
    let mut draw = Draw::new(seed, VISIT, visitor);
    let day = draw.below(days as usize) as u32;
    let arrives = 8 * 3_600 + draw.below(8 * 3_600) as u32;
    let second = arrives + nth * (900 + draw.below(3_600) as u32);
    Passage { day, second: second.min(DAY - 1), inward: nth.is_multiple_of(2) }
}

/// Days from 1970-01-01 to a date.
pub const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013): years begin in March.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a number of days from 1970-01-01.
pub const fn civil_from_days(days: i64) -> (u32, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    ((year + era * 400 + if month <= 2 { 1 } else { 0 }) as u32, month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_dates_are_those_of_the_calendar() {
        assert_eq!(days_from_civil(1970, 1, 1), 0);
        assert_eq!(days_from_civil(2022, 5, 2), 19_114);
        for days in 18_000..20_000 {
            let (y, m, d) = civil_from_days(days);
            assert_eq!(days_from_civil(i64::from(y), i64::from(m), i64::from(d)), days);
        }
    }

    #[test]
    fn test_workers_come_on_weekdays_nine_days_of_ten() {
        for person in 0..500 {
            let worker = Worker::new(3, person, 1);
            let days: Vec<u32> = (0..27).map(|n| worker.day(n)).collect();
            assert!(days.is_sorted() && days.windows(2).all(|d| d[0] < d[1]));
            assert!(days.iter().all(|d| d % 7 < 5));
            // 27 of 30 working days are within six weeks.
            assert!(days[26] - worker.first_week * 7 < 42);
        }
    }

    #[test]
    fn test_passages_of_a_day_follow_one_another() {
        for person in 0..500 {
            let worker = Worker::new(3, person, 1);
            let passages: Vec<Passage> = (0..20).map(|n| worker.passage(n)).collect();
            for pair in passages.windows(2) {
                let at = |p: &Passage| p.day * DAY + p.second;
                assert!(at(&pair[0]) < at(&pair[1]), "{pair:?}");
                assert_ne!(pair[0].inward, pair[1].inward);
            }
        }
    }

    #[test]
    fn test_drivers_pass_the_lane_about_a_minute_from_the_gate() {
        for person in 0..500 {
            let worker = Worker::new(3, person, 1);
            let gates: Vec<Passage> = (0..80).map(|n| worker.passage(n)).collect();
            for (turn, days) in [(None, 20), (Some(0), 10), (Some(1), 10)] {
                for nth in 0..days {
                    let lane = worker.lane(nth, turn);
                    let gate = gates
                        .iter()
                        .find(|g| g.day == lane.day && g.second.abs_diff(lane.second) < LANE_TO_GATE.end)
                        .expect("a passage of the gate within 90 seconds");
                    assert_eq!(gate.inward, lane.inward);
                    assert_eq!(lane.inward, lane.second < gate.second);
                }
            }
            assert_ne!(worker.lane(0, Some(0)).day, worker.lane(0, Some(1)).day);
        }
    }
}
