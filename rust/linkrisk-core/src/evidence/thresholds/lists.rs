//! Lists of sampled records: which are compared with which, and how many pairs they stand for.

use super::super::bootstrap::Dependence;
use super::super::histogram::Histogram;
use super::super::impostor::Impostors;
use super::super::pairs::{Compared, compare};
use super::super::rates::pairs_of;
use super::super::sample::{Drawn, Sample};
use super::answer::Group;
use super::pool::{ENOUGH, Pool};
use super::{Persons, Question, coarse, part_rows};
use crate::compare::fusion::Fusion;
use crate::error::Result;
use crate::runtime::Context;

/// Records of a list at the least, as far as there are so many.
const LEAST: usize = 200;

/// Whom a group is compared with.
const SAME: &str = "same";
const ANY: &str = "any";

/// Which pairs of sources there are, and how many pairs of templates each has.
pub(super) struct Layout {
    pub(super) pairs: Vec<PairOfSources>,
    /// Pairs of templates in all.
    pub(super) total: f64,
    /// Templates of each source.
    pub(super) sizes: Vec<u64>,
    /// Records of a list of a source, and of a group, so that all comparisons together are about as many as
    /// asked for.
    side: usize,
    of_group: usize,
}

/// Two sources and the pairs of their templates.
pub(super) struct PairOfSources {
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
        fusion: Option<&Fusion>,
        context: &Context,
    ) -> Result<Self> {
        let compared = compare(&left, right.as_deref(), fusion, context)?;
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

impl Layout {
    pub(super) fn of(question: &Question, sample: &Sample, sizes: &[u64]) -> Self {
        let mut pairs = Vec::new();
        for (a, &left) in sizes.iter().enumerate() {
            for (b, &right) in sizes.iter().enumerate().skip(a) {
                let (left, right) = (left as f64, right as f64);
                let number = match (a == b, question.sources[a].1) {
                    (true, true) => 0.0,
                    (true, false) => pairs_of(left),
                    (false, _) => left * right,
                };
                if number > 0.0 {
                    pairs.push(PairOfSources { sources: [a, b], pairs: number });
                }
            }
        }
        // A list within itself has half the pairs of two. A group is compared with its like and with all,
        // and between two sources from either side.
        let (mut lists, mut of_groups) = (0.0, 0.0);
        for pair in &pairs {
            let [a, b] = pair.sources;
            let groups = (sample.sources[a].cells.len() + sample.sources[b].cells.len()) as f64 / 2.0 - 1.0;
            let (all, each) = if a == b { (0.5, 1.5) } else { (1.0, 3.0) };
            (lists, of_groups) = (lists + all, of_groups + each * groups.max(0.0));
        }
        let share = if of_groups > 0.0 { 0.5 } else { 1.0 };
        let side = |lists: f64| (share * question.pairs as f64 / lists.max(0.5)).sqrt() as usize;
        Self {
            total: pairs.iter().map(|p| p.pairs).sum(),
            pairs,
            sizes: sizes.to_vec(),
            side: side(lists).max(LEAST),
            of_group: side(of_groups).max(LEAST),
        }
    }

    pub(super) fn compare<'a>(
        &self,
        question: &Question,
        sample: &'a Sample,
        context: &Context,
    ) -> Result<Vec<Lists<'a>>> {
        context.progress.begin("compare", "pairs", None);
        if question.calibration.is_some() {
            return Ok(Vec::new());
        }
        let all = |source: usize| first(sample, source, (0, 0), self.side);
        self.pairs
            .iter()
            .map(|p| {
                let [a, b] = p.sources;
                Lists::new(all(a), (a != b).then(|| all(b)), sample.fusion.as_ref(), context)
            })
            .collect()
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
                    let lists =
                        Lists::new(records, (!within).then_some(others), sample.fusion.as_ref(), context)?;
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
        let of_pair = |p: &PairOfSources| {
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
