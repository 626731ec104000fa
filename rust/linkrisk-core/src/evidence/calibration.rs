//! A model's distributions as a vendor or a test laboratory gives them, in place of an estimate.

use serde::{Deserialize, Serialize};

use super::histogram::Histogram;
use super::scale::Scale;
use crate::error::{Error, ErrorKind, Result};

/// Version of the file format.
pub const VERSION: u32 = 1;

/// A calibration file, as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    model: String,
    #[serde(default)]
    by: Option<String>,
    scale: Scale,
    impostor: Counts,
    genuine: Counts,
}

/// A histogram of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    edges: Vec<f64>,
    counts: Vec<f64>,
}

/// Distributions of a model, on the cosine.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// The model's name and version.
    pub model: String,
    /// Who measured it.
    pub by: Option<String>,
    /// Pairs of two people.
    pub impostor: Histogram,
    /// Pairs of one person.
    pub genuine: Histogram,
}

impl Calibration {
    /// Reads a calibration; `name` is that of the file, for messages.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] where the text is no calibration: what is wrong, in which field of which file.
    pub fn from_json(name: &str, text: &str) -> Result<Self> {
        let file: File = serde_json::from_str(text).map_err(|e| {
            // The parser's own text names fields and types, and no value beyond the numbers of the file.
            wrong(name, "", &format!("cannot be read: {e}"), "docs/spec.md has the format")
        })?;
        if file.version != VERSION {
            let message = format!("is {}; this is version {VERSION}", file.version);
            return Err(wrong(name, "version", &message, "ask for the file in this version"));
        }
        Ok(Self {
            impostor: histogram(name, "impostor", &file.impostor, file.scale)?,
            genuine: histogram(name, "genuine", &file.genuine, file.scale)?,
            model: file.model,
            by: file.by,
        })
    }
}

fn histogram(name: &str, field: &'static str, given: &Counts, scale: Scale) -> Result<Histogram> {
    let range = if scale == Scale::Cosine { -1.0..=1.0 } else { 0.0..=1.0 };
    if let Some(index) = given.edges.iter().position(|e| !range.contains(e)) {
        let message = format!("edge {index} is outside {} to {}", range.start(), range.end());
        let hint = format!("write similarities on the scale `{}`, and 80 % as 0.8", scale.name());
        return Err(wrong(name, &format!("{field}.edges"), &message, &hint));
    }
    let edges = given.edges.iter().map(|&e| scale.cosine(e)).collect();
    let made = Histogram::new(edges, given.counts.clone()).map_err(|error| {
        let index = error.details().iter().find(|d| d.0 == "index").map_or("", |d| d.1.as_str());
        let message = format!("{error} (at {index})");
        wrong(name, field, &message, "give rising edges, and one count of pairs between two of them")
    })?;
    // Below a hundred pairs nothing can be said of one in a hundred.
    if made.total() < 100.0 {
        let message = format!("has {} pairs, too few to say anything", made.total());
        return Err(wrong(name, field, &message, "give counts of pairs, not shares; at least 100"));
    }
    Ok(made)
}

fn wrong(name: &str, field: &str, message: &str, hint: &str) -> Error {
    let place = if field.is_empty() { String::new() } else { format!("`{field}` ") };
    Error::new(ErrorKind::Spec, format!("calibration `{name}`: {place}{message}"))
        .hint(hint)
        .detail("file", name)
        .detail("path", field)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(scale: &str, edges: &str, counts: &str) -> String {
        format!(
            r#"{{"version": 1, "model": "m", "scale": "{scale}",
                "impostor": {{"edges": {edges}, "counts": {counts}}},
                "genuine": {{"edges": [0.0, 0.5, 1.0], "counts": [10, 990]}}}}"#
        )
    }

    #[test]
    fn test_a_percent_scale_is_brought_to_the_cosine() {
        let read =
            Calibration::from_json("f", &text("shifted", "[0.0, 0.5, 0.8]", "[900, 100]")).expect("sound");
        let edges: Vec<f64> = read.impostor.edges().iter().map(|e| (e * 1e9).round() / 1e9).collect();
        assert_eq!(edges, [-1.0, 0.0, 0.6]);
        assert_eq!(read.genuine.total(), 1_000.0);
    }

    #[test]
    fn test_every_mistake_names_file_and_field() {
        for (given, field) in [
            ("{}".to_owned(), "cannot be read"),
            (text("cosine", "[0.0, 80.0]", "[900]"), "`impostor.edges` edge 1"),
            (text("cosine", "[0.0, 0.5]", "[900, 1]"), "`impostor` 2 edges"),
            (text("cosine", "[0.5, 0.5]", "[900]"), "`impostor` the edges do not rise"),
            (text("cosine", "[0.0, 0.5]", "[-900]"), "`impostor` a count"),
            (text("cosine", "[0.0, 0.5]", "[0.9]"), "`impostor` has 0.9 pairs"),
            (text("half", "[0.0, 0.5]", "[900]"), "cannot be read"),
            (text("cosine", "[0.0, 0.5]", "[900]").replace("1,", "2,"), "`version` is 2"),
        ] {
            let error = Calibration::from_json("model.json", &given).expect_err(field);
            assert_eq!(error.kind(), ErrorKind::Spec);
            let message = error.to_string();
            assert!(
                message.starts_with("calibration `model.json`: ") && message.contains(field),
                "{message}"
            );
            assert!(error.hint_text().is_some());
        }
    }
}
