//! Lists of sampled records: which are compared with which, and how many pairs they stand for.

use super::super::bootstrap::Dependence;
use super::super::histogram::Histogram;
use super::super::impostor::Impostors;
use super::super::pairs::{Compared, KEPT_MOST, Pairs, compare};
use super::super::rates::pairs_of;
use super::super::sample::{Drawn, Sample};
use super::answer::Group;
use super::pool::{ENOUGH, Pool};
use super::{Persons, Question, coarse, part_rows};
use crate::compare::classes::{Among, Classes};
use crate::compare::fusion::Fusion;
use crate::error::Result;
use crate::runtime::Context;

/// Records of a list at the least, as far as there are so many.
const LEAST: usize = 200;

/// Pairs of strangers that tell a rate of groups at the least; of fewer, a similarity would seem rarer than it is.
const TELLING: f64 = 1_000.0;

/// Whom a group is compared with.
const SAME: &str = "same";
const ANY: &str = "any";

/// Which parts of all pairs there are, and how many pairs of templates each has.
pub(super) struct Layout<'a> {
    classes: &'a Classes,
    pub(super) pairs: Vec<PairsOfPart>,
    /// Pairs of templates in all.
    pub(super) total: f64,
    /// Templates of each source.
    pub(super) sizes: Vec<u64>,
    /// Records of a list of a source, and of a group, so that all comparisons together are about as many as
    /// asked for.
    side: usize,
    of_group: usize,
}

/// A part, its sources and the pairs of its templates.
pub(super) struct PairsOfPart {
    pub(super) part: usize,
    pub(super) sources: [usize; 2],
    pub(super) pairs: f64,
}

/// Two lists that were compared.
pub(super) struct Lists<'a> {
    left: Vec<&'a Drawn>,
    right: Option<Vec<&'a Drawn>>,
    compared: Compared,
}

impl<'a> Lists<'a> {
    fn new(
        left: Vec<&'a Drawn>,
        right: Option<Vec<&'a Drawn>>,
        pairs: (impl Pairs, f64),
        fusion: Option<&Fusion>,
        context: &Context,
    ) -> Result<Self> {
        let compared = compare(&left, right.as_deref(), pairs, fusion, context)?;
        Ok(Self { left, right, compared })
    }

    pub(super) fn persons(&self) -> [Vec<u64>; 2] {
        let of = |list: &[&Drawn]| list.iter().map(|d| d.person).collect();
        [of(&self.left), self.right.as_deref().map(of).unwrap_or_default()]
    }

    pub(super) fn impostors<'p>(
        &'p self,
        persons: &'p [Vec<u64>; 2],
        known: Persons,
        genuine: Option<Histogram>,
    ) -> Impostors<'p> {
        let dependence = Dependence::Persons {
            from: self.compared.from,
            pairs: &self.compared.tail,
            left: &persons[0],
            right: self.right.as_ref().map(|_| persons[1].as_slice()),
        };
        let histogram = self.compared.histogram.clone();
        // A person may hold several numbers; only the truth, or official ones, tell that two people are not
        // one.
        let mut records = self.left.iter().chain(self.right.iter().flatten());
        let all_known = matches!(known, Persons::Truth | Persons::Official) && records.all(|d| d.known);
        match genuine.filter(|g| g.total() >= ENOUGH) {
            Some(genuine) if !all_known => Impostors::of_random_pairs(histogram, dependence, &genuine),
            _ => Impostors::new(histogram, dependence),
        }
    }
}

impl<'a> Layout<'a> {
    /// Of classes with so many templates each.
    pub(super) fn of(
        question: &Question,
        sample: &Sample,
        (classes, of_classes): (&'a Classes, &[u64]),
    ) -> Self {
        let mut pairs = vec![0.0; classes.parts.len()];
        let filled: Vec<usize> = (0..classes.len()).filter(|&class| of_classes[class] > 0).collect();
        for (i, &a) in filled.iter().enumerate() {
            for &b in &filled[i..] {
                let (left, right) = (of_classes[a] as f64, of_classes[b] as f64);
                let sources = [a, b].map(|class| classes.source(class));
                pairs[classes.part(a, b)] += match (sources[0] == sources[1], question.sources[sources[0]].1)
                {
                    (true, true) => 0.0,
                    (true, false) if a == b => pairs_of(left),
                    _ => left * right,
                };
            }
        }
        let parts = classes.parts.iter().zip(pairs).enumerate().filter(|(_, (_, pairs))| *pairs > 0.0);
        let pairs: Vec<PairsOfPart> =
            parts.map(|(part, (of, pairs))| PairsOfPart { part, sources: of.sources, pairs }).collect();
        // A list within itself has half the pairs of two. A group is compared with its like and with all,
        // and between two sources from either side.
        let (mut lists, mut of_groups) = (0.0, 0.0);
        for of_two in pairs.chunk_by(|x, y| x.sources == y.sources) {
            let [a, b] = of_two[0].sources;
            let groups = (sample.sources[a].cells.len() + sample.sources[b].cells.len()) as f64 / 2.0 - 1.0;
            let (all, each) = if a == b { (0.5, 1.5) } else { (1.0, 3.0) };
            (lists, of_groups) = (lists + all, of_groups + each * groups.max(0.0));
        }
        let share = if of_groups > 0.0 { 0.5 } else { 1.0 };
        let side = |lists: f64| (share * question.pairs as f64 / lists.max(0.5)).sqrt() as usize;
        Self {
            classes,
            total: pairs.iter().map(|p| p.pairs).sum(),
            pairs,
            sizes: sample.sources.iter().map(|s| s.outcomes.usable).collect(),
            side: side(lists).max(LEAST),
            of_group: side(of_groups).max(LEAST),
        }
    }

    /// Compares the lists of each part: those of a group, or what is of the part among all of two sources.
    pub(super) fn compare<'s>(
        &self,
        question: &Question,
        sample: &'s Sample,
        context: &Context,
    ) -> Result<Vec<Lists<'s>>> {
        context.progress.begin("compare", "pairs", None);
        if question.calibration.is_some() {
            return Ok(Vec::new());
        }
        let of_part = |p: &PairsOfPart| {
            let [a, b] = p.sources;
            let (group, side) = match self.classes.parts[p.part].among {
                Among::Group(group) => ((1, group as u16 + 1), self.classes.side(p.part, question.pairs)),
                _ => ((0, 0), self.side),
            };
            let list = |source: usize| first(sample, source, group, side);
            // What is kept of the pairs of groups is as much in all as of the others.
            let groups =
                self.pairs.iter().filter(|other| other.sources == p.sources && self.is_of_group(other));
            let most = if group.0 > 0 { KEPT_MOST / groups.count() as f64 } else { KEPT_MOST };
            let is_whole = !self.classes.has_groups();
            let among = |x: &Drawn, y: &Drawn| {
                is_whole || self.classes.part(x.class as usize, y.class as usize) == p.part
            };
            let others = (a != b).then(|| list(b));
            Lists::new(list(a), others, (among, most), sample.fusion.as_ref(), context)
        };
        self.pairs.iter().map(of_part).collect()
    }

    /// Whether so many pairs tell the rate of a part.
    pub(super) fn is_told(&self, pairs: f64) -> bool {
        !self.classes.has_groups() || pairs >= TELLING
    }

    fn is_of_group(&self, pairs: &PairsOfPart) -> bool {
        matches!(self.classes.parts[pairs.part].among, Among::Group(_))
    }

    /// Every group against its like and against everybody.
    pub(super) fn groups(
        &self,
        question: &Question,
        sample: &Sample,
        auto: Option<f64>,
        genuine: &Pool,
        context: &Context,
    ) -> Result<Vec<Group>> {
        let mut made = Vec::new();
        if question.calibration.is_some() {
            return Ok(made);
        }
        let at = coarse(auto);
        for (attribute, (name, values)) in question.groups.iter().enumerate() {
            for (code, value) in values.iter().enumerate() {
                let group = (attribute + 1, code as u16 + 1);
                for (sources, against) in self.of_group() {
                    let other = if against == SAME { group } else { (0, 0) };
                    let [left, right] = sources;
                    let records = first(sample, left, group, self.of_group);
                    let others = first(sample, right, other, self.of_group);
                    let within = left == right && against == SAME;
                    let all = (|_: &Drawn, _: &Drawn| true, KEPT_MOST);
                    let others = (!within).then_some(others);
                    let lists = Lists::new(records, others, all, sample.fusion.as_ref(), context)?;
                    let persons = lists.persons();
                    let alike = genuine.of_sources([left.min(right), left.max(right)]);
                    let impostors = lists.impostors(&persons, question.persons, Some(alike));
                    if impostors.pairs() < 1.0 {
                        continue;
                    }
                    let replicates = impostors.replicates(&at, context)?;
                    let rates = impostors.rates(&at, &replicates);
                    let pair = [left.min(right) as u32, left.max(right) as u32];
                    let own = genuine
                        .part(|p| p.sources == pair && p.groups.get(attribute) == Some(&(code as u16 + 1)));
                    let itself = f64::from(u8::from(left == right));
                    let there = size(sample, right, other) as f64 - itself;
                    made.push(Group {
                        attribute: name.clone(),
                        group: value.clone(),
                        sources: sources.map(|s| question.sources[s].0.clone()),
                        against,
                        records: size(sample, left, group),
                        compared: impostors.pairs(),
                        rows: part_rows(&at, &rates, there, &own),
                    });
                }
            }
        }
        Ok(made)
    }

    /// What a group is compared with: in each pair of sources its like, and from either side everybody.
    fn of_group(&self) -> Vec<([usize; 2], &'static str)> {
        let of_pair = |p: &PairsOfPart| {
            let [a, b] = p.sources;
            let back = (a != b).then_some(([b, a], ANY));
            [([a, b], SAME), ([a, b], ANY)].into_iter().chain(back)
        };
        self.pairs.iter().flat_map(of_pair).collect()
    }
}

/// The first records of a group of a source; group (0, 0) is everybody.
fn first(sample: &Sample, source: usize, group: (usize, u16), most: usize) -> Vec<&Drawn> {
    let cell = sample.sources[source].cells.iter().find(|c| (c.attribute, c.group) == group);
    cell.map(|c| c.records.iter().take(most).collect()).unwrap_or_default()
}

fn size(sample: &Sample, source: usize, group: (usize, u16)) -> u64 {
    let cells = &sample.sources[source].cells;
    cells.iter().find(|c| (c.attribute, c.group) == group).map_or(0, |c| c.size)
}
