//! A pattern's match weight and probabilities, by Bayes' rule over the latent classes.
//!
//! I. P. Fellegi and A. B. Sunter, *A theory for record linkage*, JASA 64 (1969).

use super::model::{ComparisonModel, LevelModel, Model};
use crate::compare::{Comparison, LEVELS};
use rustc_hash::FxHashMap;

/// What a pattern says of a pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// log2 of the odds that the pair is a match, prior included, in bits.
    pub weight: f64,
    /// Probability that the pair is a match.
    pub probability: f64,
    /// Probability that the two records are of related people: one household, family or firm.
    pub related: f64,
    /// Whether so many templates as there are bear a link on this evidence, and those that agree outnumber those
    /// that are of two people.
    pub borne: bool,
}

impl Score {
    /// Whether the pair is a link at a match probability of `threshold`.
    #[inline]
    pub fn is_link(&self, threshold: f64) -> bool {
        self.probability >= threshold && self.borne
    }
}

/// log2 of the strangers as alike that one template may have among all, where people are merged on it: at
/// 0.01 one in a hundred has one. More, and clusters of strangers percolate.
const ALONE: f64 = -6.643_856_189_774_724;

/// Bits against a match from which templates disagree, those of all comparisons that weigh against it together: twice
/// as often strangers as one person. Of one person next to no templates do, while few pairs tell how few.
const DISAGREE: f64 = -1.0;

/// Templates of a pair that contradict each other.
struct Contradiction {
    /// The comparison that agrees most.
    agrees: usize,
    /// The comparison that disagrees most.
    disagrees: usize,
    /// Whether as many disagree as agree.
    is_torn: bool,
}

/// Looks up the evidence of each level.
#[derive(Debug, Clone)]
pub struct Scorer<'a> {
    comparisons: &'a [Comparison],
    /// log2 P(level | class) per comparison and level: match, related, unrelated; zero for null.
    tables: Vec<Vec<[f64; 3]>>,
    /// The same where templates of the pair were compared, if they tell that most linked pairs are of two people.
    beside_templates: Option<Vec<Vec<[f64; 3]>>>,
    priors: [f64; 3],
    /// log2 of the strangers as alike among all templates, per comparison and level; none for what compares
    /// no templates.
    crowds: Vec<Option<Vec<f64>>>,
    /// log2 of the templates of the largest attribute.
    gallery: f64,
    /// The share of the pairs linked by other attributes that are of one person, where templates tell that most
    /// are not.
    of_linked: Option<f64>,
}

impl<'a> Scorer<'a> {
    /// A scorer of patterns of `comparisons` by `model`.
    pub fn new(model: &Model, comparisons: &'a [Comparison]) -> Self {
        // What is held against a match was learned from pairs of which `share` are matches.
        let table = |c: &ComparisonModel, share: f64| {
            let m = |l: &LevelModel| l.m.max(share * l.m + (1.0 - share) * l.u);
            let levels = c.levels.iter().map(|l| [m(l).log2(), l.related.unwrap_or(l.u).log2(), l.u.log2()]);
            std::iter::once([0.0; 3]).chain(levels).collect::<Vec<_>>()
        };
        let of_templates = |c: &ComparisonModel| model.templates.iter().any(|t| t.attribute == c.attribute);
        let of_linked = model.one_person_of_linked();
        let tables = model.comparisons.iter().map(|c| table(c, 1.0)).collect();
        let beside_templates = of_linked.map(|share| {
            model.comparisons.iter().map(|c| table(c, if of_templates(c) { 1.0 } else { share })).collect()
        });
        let related = if model.has_related() { model.related.log2() } else { f64::NEG_INFINITY };
        let crowd = |comparison: &Comparison| {
            let known = model.templates.iter().find(|t| t.attribute == comparison.name)?;
            Some(known.strangers.iter().map(|n| n.max(f64::MIN_POSITIVE).log2()).collect())
        };
        let crowds = comparisons.iter().map(crowd).collect();
        let most = model.templates.iter().map(|t| t.templates).max().unwrap_or(1);
        let gallery = (most.max(2) as f64).log2();
        Self {
            of_linked,
            gallery,
            crowds,
            comparisons,
            tables,
            beside_templates,
            priors: [model.matches.log2(), related, model.pairs.log2()],
        }
    }

    /// What one comparison weighs in `pattern`, in bits.
    pub fn bits(&self, comparison: usize, pattern: u64) -> f64 {
        let level = self.comparisons[comparison].level(pattern);
        self.tables(pattern).get(comparison).map_or(0.0, |table| table[level][0] - table[level][2])
    }

    /// Whether templates of the pair were compared.
    fn is_compared(&self, pattern: u64) -> bool {
        let mut of_templates = self.comparisons.iter().zip(&self.crowds).filter(|(_, crowd)| crowd.is_some());
        of_templates.any(|(comparison, _)| comparison.level(pattern) != 0)
    }

    /// What levels are worth in `pattern`: beside templates that tell that linked pairs are of two people, what other
    /// attributes hold against a match was learned from such pairs, and counts with the share that is of one person.
    fn tables(&self, pattern: u64) -> &[Vec<[f64; 3]>] {
        match &self.beside_templates {
            Some(tables) if self.is_compared(pattern) => tables,
            _ => &self.tables,
        }
    }

    /// What all weigh together that compare templates.
    pub fn bits_of_templates(&self, pattern: u64) -> f64 {
        let templates = self.crowds.iter().enumerate().filter(|(_, crowd)| crowd.is_some());
        templates.map(|(comparison, _)| self.bits(comparison, pattern)).sum()
    }

    /// What all weigh together that compare no templates.
    pub fn bits_of_others(&self, pattern: u64) -> f64 {
        let others = self.crowds.iter().enumerate().filter(|(_, crowd)| crowd.is_none());
        others.map(|(comparison, _)| self.bits(comparison, pattern)).sum()
    }

    /// The comparisons of templates that contradict each other in `pattern`, by their places: one that would merge
    /// people by itself, so few strangers are as alike, and one whose templates are of two people. The worst
    /// of these, where there are several; none where no templates contradict each other.
    ///
    /// Templates that are copied from somebody, such as the fingers of another person, show so.
    pub fn contradicting(&self, pattern: u64) -> Option<[usize; 2]> {
        let found = self.contradiction(pattern)?;
        Some([found.agrees, found.disagrees])
    }

    fn contradiction(&self, pattern: u64) -> Option<Contradiction> {
        let (mut best, mut worst) = (None, None);
        let (mut agree, mut disagree, mut against) = (0, 0, 0.0);
        for (at, crowd) in self.crowds.iter().enumerate() {
            let Some(crowd) = crowd else { continue };
            let bits = self.bits(at, pattern);
            let strangers = crowd.get(self.comparisons[at].level(pattern).wrapping_sub(1));
            if bits < 0.0 {
                (disagree, against) = (disagree + 1, against + bits);
                if worst.is_none_or(|(least, _)| bits < least) {
                    worst = Some((bits, at));
                }
            } else if let Some(&strangers) = strangers.filter(|&&strangers| strangers <= ALONE) {
                agree += 1;
                if best.is_none_or(|(least, _)| strangers < least) {
                    best = Some((strangers, at));
                }
            }
        }
        let ((_, agrees), (_, disagrees)) = best.zip(worst).filter(|_| against <= DISAGREE)?;
        Some(Contradiction { agrees, disagrees, is_torn: disagree >= agree })
    }

    /// What `pattern` says.
    pub fn score(&self, pattern: u64) -> Score {
        let mut logs = self.priors;
        // Strangers as alike in all templates, and what the other attributes leave of them: each that agrees
        // shrinks the gallery by its weight.
        let (mut crowd, mut others) = (None, 0.0);
        // What templates weigh.
        let mut bits = 0.0;
        let is_compared = self.is_compared(pattern);
        for ((comparison, table), alike) in
            self.comparisons.iter().zip(self.tables(pattern)).zip(&self.crowds)
        {
            let place = comparison.level(pattern);
            let level = table[place];
            logs.iter_mut().zip(level).for_each(|(log, l)| *log += l);
            match alike {
                None => others += level[0] - level[2],
                Some(alike) => {
                    bits += level[0] - level[2];
                    if let Some(&strangers) = alike.get(place.wrapping_sub(1)) {
                        // Two attributes of templates err apart: the rates are multiplied, the gallery is one.
                        crowd = Some(crowd.map_or(strangers, |c: f64| c + strangers - self.gallery));
                    }
                }
            }
        }
        // Copied fingers agree beyond all odds, and the irises beside them are not copied.
        let is_torn = is_compared && self.contradiction(pattern).is_some_and(|found| found.is_torn);
        let borne = !is_torn && crowd.is_none_or(|crowd| crowd - others <= ALONE);
        let [mut matched, related, unrelated] = logs;
        let others = log2_sum(related, unrelated);
        if let Some(share) = self.of_linked.filter(|_| is_compared) {
            // The odds of the other attributes alone, and what they are worth.
            let odds = matched - others - bits;
            matched -= odds - worth(odds, share);
        }
        let weight = matched - others;
        let all = log2_sum(matched, others);
        Score { weight, probability: 1.0 / (1.0 + (-weight).exp2()), related: (related - all).exp2(), borne }
    }
}

/// A scorer that remembers the patterns it has seen.
#[derive(Debug)]
pub struct Scores<'a> {
    scorer: &'a Scorer<'a>,
    known: FxHashMap<u64, Score>,
}

impl<'a> Scores<'a> {
    /// An empty memory of `scorer`.
    pub fn new(scorer: &'a Scorer<'a>) -> Self {
        Self { scorer, known: FxHashMap::default() }
    }

    /// What `pattern` says.
    #[inline]
    pub fn score(&mut self, pattern: u64) -> Score {
        let levels = pattern & LEVELS;
        *self.known.entry(levels).or_insert_with(|| self.scorer.score(levels))
    }
}

/// The odds of the other attributes where of what they are sure of `share` is of one person, both as log2: no more than
/// those of the share, and as they are where they are low.
fn worth(odds: f64, share: f64) -> f64 {
    -log2_sum(-odds, ((1.0 - share) / share).log2())
}

fn log2_sum(a: f64, b: f64) -> f64 {
    let (high, low) = if a >= b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp2().ln_1p() / std::f64::consts::LN_2 }
}
