//! Record sets of whole systems, invented: with their errors, and the truth apart.
//!
//! A scenario writes the tables of one system, the truth about them in `truth/`, and the spec that
//! links them (`linkrisk.toml`). Whatever record is asked for follows from the seed and the record's
//! number alone, so the work is split at will: files are the same bytes for any number of threads, a
//! part is made without the parts before it, and memory does not grow with the number of records.
//!
//! ```text
//! row ─► slot ─► person, vehicle, passage ─► values ─► slips ─► NAME/part-*
//!  permutation     population, movement               errors └► truth/NAME/part-*
//! ```
//!
//! Nobody is in it. Every number is out of a range that belongs to no one: see [`identifiers`].

pub mod biometric;
mod draw;
mod errors;
pub mod identifiers;
mod movement;
mod population;
mod scenarios;
mod slots;
mod write;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::runtime::Context;

pub use write::{Counts, Format, Kind, Table, TableSummary};

use self::write::{Filled, Output, Plan};

/// A system that can be simulated.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Scenario {
    /// The name it is asked for by.
    pub name: &'static str,
    /// What it is, in a line.
    pub title: &'static str,
    /// What it is modelled after.
    pub source: &'static str,
    /// The tables of data it writes.
    pub tables: &'static [&'static str],
    /// Fewest records it can have, so that every table has one.
    pub min_records: u64,
    /// Most records it can have, beyond which numbers of persons or vehicles would repeat.
    pub max_records: u64,
    #[serde(skip)]
    make: fn(&Options) -> Box<dyn System>,
}

/// How templates of faces, irises and fingerprints are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Templates {
    /// Not at all.
    #[default]
    None,
    /// A byte a dimension.
    Int8,
    /// Half precision.
    F16,
    /// Single precision.
    F32,
}

impl Templates {
    /// Every way.
    pub const ALL: [Templates; 4] = [Templates::None, Templates::Int8, Templates::F16, Templates::F32];

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Templates::None => "none",
            Templates::Int8 => "int8",
            Templates::F16 => "f16",
            Templates::F32 => "f32",
        }
    }

    /// The precision of the numbers; `None` where there are no templates.
    pub const fn precision(self) -> Option<biometric::Precision> {
        match self {
            Templates::None => None,
            Templates::Int8 => Some(biometric::Precision::Int8),
            Templates::F16 => Some(biometric::Precision::F16),
            Templates::F32 => Some(biometric::Precision::F32),
        }
    }

    /// The way called `name`.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] where there is none.
    pub fn parse(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|t| t.name() == name).ok_or_else(|| {
            Error::new(ErrorKind::Spec, format!("there is no way `{name}` to store templates"))
                .hint("choose one of `none`, `int8`, `f16`, `f32`")
        })
    }
}

/// What to simulate, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Records, of all tables together.
    pub records: u64,
    /// The same seed gives the same data.
    pub seed: u64,
    /// Format of the files.
    pub format: Format,
    /// Whether the truth is written.
    pub truth: bool,
    /// How templates are stored.
    pub templates: Templates,
    /// Which share of the parts to make, from 1, of how many: `(1, 1)` for everything.
    pub share: (u64, u64),
}

impl Options {
    /// Everything, as Parquet, with the truth and without templates.
    pub fn new(records: u64, seed: u64) -> Self {
        Self {
            records,
            seed,
            format: Format::default(),
            truth: true,
            templates: Templates::default(),
            share: (1, 1),
        }
    }
}

/// What was simulated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SimulateSummary {
    /// The scenario.
    pub scenario: &'static str,
    /// Records that are there, of all tables together.
    pub records: u64,
    /// Persons of whom the whole has a record; none where only the truth can tell.
    pub persons: Option<u64>,
    /// What was written of each table.
    pub tables: BTreeMap<String, TableSummary>,
    /// Files written.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
    /// Parts that are still missing: 0 where everything is in its place.
    pub missing_parts: u64,
}

/// A scenario of one size and seed.
trait System: Sync {
    /// Its tables, in the order in which they are numbered.
    fn tables(&self) -> &[Table];

    /// The rows `rows` of the table with that number.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`].
    fn fill(&self, table: usize, rows: Range<u64>) -> Result<Filled>;

    /// Persons of whom there is a record, where that can be told without going through them.
    fn persons(&self) -> Option<u64>;

    /// The specs: name of the file and text, `linkrisk.toml` last.
    fn specs(&self, format: Format) -> Vec<(String, String)>;
}

/// Every scenario, in the order in which they are listed.
pub fn scenarios() -> &'static [Scenario] {
    &scenarios::ALL
}

/// The tables of a scenario: columns, rows, and how often what happens to which column.
///
/// # Errors
/// [`ErrorKind::Spec`] for an unknown scenario or a number of records it cannot have.
pub fn tables(name: &str, options: &Options) -> Result<Vec<Table>> {
    Ok((find(name, options)?.make)(options).tables().to_vec())
}

fn find(name: &str, options: &Options) -> Result<&'static Scenario> {
    let Some(scenario) = scenarios().iter().find(|s| s.name == name) else {
        let names: Vec<String> = scenarios().iter().map(|s| format!("`{}`", s.name)).collect();
        return Err(Error::new(ErrorKind::Spec, format!("there is no scenario `{name}`"))
            .hint(format!("choose one of {}", names.join(", "))));
    };
    let Scenario { min_records, max_records, .. } = *scenario;
    if !(min_records..=max_records).contains(&options.records) {
        return Err(Error::new(ErrorKind::Spec, format!("cannot simulate {} records", options.records))
            .hint(format!("ask for {min_records} to {max_records}")));
    }
    let (share, shares) = options.share;
    if share < 1 || share > shares {
        return Err(Error::new(ErrorKind::Spec, format!("there is no share {share} of {shares}"))
            .hint("shares are counted from 1, such as 2/8"));
    }
    Ok(scenario)
}

fn check_templates(scenario: &Scenario, tables: &[Table], options: &Options) -> Result<()> {
    let any = tables.iter().flat_map(|t| &t.columns).any(|c| matches!(c.kind, Kind::Array(_)));
    if options.templates != Templates::None && !any {
        return Err(Error::new(ErrorKind::Spec, format!("scenario `{}` has no templates", scenario.name))
            .hint("leave `templates` out"));
    }
    if any && options.format == Format::Csv {
        return Err(Error::new(ErrorKind::Spec, "templates cannot be written as CSV")
            .hint("choose `parquet` or `ndjson`, or leave `templates` out"));
    }
    Ok(())
}

/// Simulates the scenario called `name` into the directory `out`.
///
/// `out` is made where it is missing. Nothing is in its place before everything is written; parts that
/// were finished are kept in `out/.partial`, and the same call goes on from there. With a share of the
/// parts, whoever makes the last part moves everything into place.
///
/// The same bytes for the same scenario, records, seed and format, whatever the context's threads and
/// the shares; the context's own seed is not used. Memory: about 50 MB a thread.
///
/// # Errors
/// [`ErrorKind::Spec`] for an unknown scenario, or records or a share it cannot have;
/// [`ErrorKind::Run`] where `out` holds something else; [`ErrorKind::Cancelled`]; [`ErrorKind::Io`]
/// and [`ErrorKind::SpillLimit`] from the writing.
pub fn simulate(name: &str, options: &Options, out: &Path, context: &Context) -> Result<SimulateSummary> {
    let scenario = find(name, options)?;
    let Options { records, seed, format, truth, templates, share } = options.clone();
    let made = format!(
        "{name} {records} {seed} {} truth={truth} templates={} version={}\n",
        format.name(),
        templates.name(),
        env!("CARGO_PKG_VERSION")
    );
    let system = (scenario.make)(options);
    check_templates(scenario, system.tables(), options)?;
    let output = Output::claim(out, &made)?;
    let plan = Plan { tables: system.tables(), format, truth, share };
    output.write(&plan, context, |table, rows| system.fill(table, rows))?;
    let written = output.publish(&plan, &system.specs(format))?;
    Ok(SimulateSummary {
        scenario: scenario.name,
        records: written.tables.values().map(|t| t.records).sum(),
        persons: system.persons(),
        tables: written.tables,
        files: written.files,
        bytes: written.bytes,
        missing_parts: written.missing_parts,
    })
}
