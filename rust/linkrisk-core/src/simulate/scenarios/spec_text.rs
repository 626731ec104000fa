//! The specs that scenarios write.

use super::super::Format;

/// A spec of one table after the other.
pub struct SpecText {
    text: String,
    format: Format,
}

impl SpecText {
    /// A spec of a scenario; `about` is what to know of it, a line each.
    pub fn new(scenario: &str, about: &str, records: u64, seed: u64, format: Format) -> Self {
        let mut text = format!("# Invented people: scenario `{scenario}`, {records} records, seed {seed}.\n");
        for line in about.lines() {
            text += &format!("# {line}\n");
        }
        text += "purpose = \"test on invented people\"\ncontroller = \"linkrisk simulator\"\n";
        Self { text, format }
    }

    /// A table: its folder, and its attributes as lines `name = { … }`.
    pub fn source(self, name: &str, attributes: &str) -> Self {
        self.source_with(name, "", attributes)
    }

    /// The same with further keys of the source, a line each.
    pub fn source_with(mut self, name: &str, keys: &str, attributes: &str) -> Self {
        let end = self.format.name();
        self.text +=
            &format!("\n[[sources]]\nname = \"{name}\"\npath = \"{name}/*.{end}\"\nid = \"record_id\"\n");
        self.text += keys;
        self.text += "[sources.attributes]\n";
        self.text += attributes.trim_start();
        self
    }

    /// Attributes whose values are compared for being equal and nothing else.
    pub fn exact(mut self, attributes: &[&str]) -> Self {
        for attribute in attributes {
            self.text +=
                &format!("\n[[linkage.comparisons]]\nattribute = \"{attribute}\"\nmethod = \"exact\"\n");
        }
        self
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }
}
