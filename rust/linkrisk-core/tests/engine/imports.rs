//! Imports go one way: every `crate::` path in the source is an edge that the table below lists.
//!
//! A stage works on what the stages before it made, so it may name their types; it never names a
//! later stage, and only `pipeline` runs any.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every module and what it may import, lowest first: a module may only name modules above its line.
const TABLE: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("kernel", &[]),
    ("kind", &[]),
    ("spec", &["error", "kind"]),
    ("runtime", &["error"]),
    ("external", &["error", "kernel", "runtime"]),
    ("normalise", &["error", "kernel", "kind", "spec"]),
    ("store", &["error", "kernel", "kind", "spec", "runtime", "external", "normalise"]),
    ("block", &["error", "kernel", "kind", "spec", "runtime", "external", "store"]),
    // Candidate pairs, and the digits of an ID number that is stored as one.
    ("compare", &["error", "kernel", "kind", "spec", "runtime", "normalise", "store", "block"]),
    // Patterns of comparison levels, and which attributes a rule agrees on.
    ("score", &["error", "kind", "spec", "runtime", "block", "compare"]),
    // Which comparisons may contradict each other; links come as record numbers and weights.
    ("cluster", &["error", "kernel", "kind", "runtime", "external", "store", "compare"]),
    // Plans, models and entities, as figures.
    ("risk", &["error", "kernel", "kind", "runtime", "external", "store", "block", "score", "cluster"]),
    // Histograms and templates in, figures out; what fuses several templates is how they are compared, and which values of
    // a group may be named is told by their kind.
    ("evidence", &["error", "kernel", "kind", "runtime", "normalise", "store", "compare"]),
    ("simulate", &["error", "kernel", "runtime"]),
    (
        "output",
        &["error", "kernel", "kind", "runtime", "external", "store", "block", "compare", "score", "cluster"],
    ),
    (
        "assess",
        &[
            "error", "kernel", "kind", "spec", "runtime", "external", "store", "block", "compare", "score",
            "cluster", "risk",
        ],
    ),
    (
        "pipeline",
        &[
            "error",
            "kind",
            "spec",
            "runtime",
            "external",
            "normalise",
            "store",
            "block",
            "compare",
            "score",
            "cluster",
            "risk",
            "output",
            "assess",
            "evidence",
            "kernel",
        ],
    ),
];

type Edge = (String, String);

#[test]
fn every_import_is_listed() {
    let edges = edges_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(edges.len() > 40, "only {} imports were found: the reader is at fault", edges.len());
    assert_eq!(unlisted(&edges, TABLE), Vec::<String>::new());
}

#[test]
fn the_table_has_no_way_back() {
    assert_eq!(backward(TABLE), Vec::<String>::new());
    let circle: &[(&str, &[&str])] = &[("a", &["b"]), ("b", &["a"])];
    assert_eq!(backward(circle), ["a -> b"]);
    assert_eq!(backward(&[("a", &["a"])]), ["a -> a"]);
}

#[test]
fn an_unlisted_import_is_found_in_every_form() {
    let found = |text: &str| {
        let edges = imports(text).into_iter().map(|to| ("kernel".to_owned(), to)).collect();
        unlisted(&edges, TABLE)
    };
    assert_eq!(found("use crate::error::Result;"), ["kernel -> error"]);
    assert_eq!(found("fn f(x: &crate::store::Store) {}"), ["kernel -> store"]);
    assert_eq!(
        found("use crate::{\n    error::{Error, Result},\n    spec,\n};"),
        ["kernel -> error", "kernel -> spec"]
    );
    assert_eq!(found("use super::super::score::Model;"), ["kernel -> score"]);
    assert_eq!(
        found("// see crate::error\n/// [`crate::store`]\nuse crate::kernel::hash;"),
        Vec::<String>::new()
    );
    let unknown: BTreeSet<Edge> = [("other".to_owned(), "error".to_owned())].into();
    assert_eq!(unlisted(&unknown, TABLE), ["other -> error"]);
}

/// Edges between two modules that the table does not list.
fn unlisted(edges: &BTreeSet<Edge>, table: &[(&str, &[&str])]) -> Vec<String> {
    let listed = |from: &str, to: &str| table.iter().any(|(name, may)| *name == from && may.contains(&to));
    edges
        .iter()
        .filter(|(from, to)| from != to && !listed(from, to))
        .map(|(from, to)| format!("{from} -> {to}"))
        .collect()
}

/// Entries of the table that name a module on their own line or below it.
fn backward(table: &[(&str, &[&str])]) -> Vec<String> {
    let mut seen: Vec<&str> = Vec::new();
    let mut wrong = Vec::new();
    for (name, may) in table {
        wrong.extend(may.iter().filter(|to| !seen.contains(to)).map(|to| format!("{name} -> {to}")));
        seen.push(name);
    }
    wrong
}

/// Which top-level module imports which, from all files below `src`.
fn edges_of(src: &Path) -> BTreeSet<Edge> {
    let mut edges = BTreeSet::new();
    let mut folders: Vec<PathBuf> = vec![src.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("a file of sources").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let first = path.strip_prefix(src).expect("a path below src").components().next();
            let first = Path::new(first.expect("a name").as_os_str());
            let from = first.file_stem().expect("a name").to_string_lossy().into_owned();
            if path.extension().is_some_and(|e| e == "rs") && from != "lib" {
                let text = fs::read_to_string(&path).expect("UTF-8 source");
                edges.extend(imports(&text).into_iter().map(|to| (from.clone(), to)));
            }
        }
    }
    edges
}

/// The top-level modules that a source text names.
fn imports(text: &str) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut found = BTreeSet::new();
    for (at, prefix) in code.match_indices("crate::") {
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(heads(group)),
            None => found.extend(ident(rest)),
        }
    }
    // A path through the parents names a top-level module only where it ends at the root.
    for (at, prefix) in code.match_indices("super::") {
        let name = ident(&code[at + prefix.len()..]);
        found.extend(name.filter(|name| TABLE.iter().any(|(module, _)| module == name)));
    }
    found
}

/// The first name of each entry of a `{a::b, c::{d, e}}` group, whose opening brace is cut off.
fn heads(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut depth, mut fresh) = (0_usize, true);
    for (at, symbol) in group.char_indices() {
        match symbol {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            _ if fresh && !symbol.is_whitespace() => {
                names.extend(ident(&group[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    names
}

fn ident(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty() && name.starts_with(char::is_lowercase)).then_some(name)
}
