//! What differs between a run in a directory and the one that wants to go on with it.

use std::path::Path;

use serde_json::Value;

use super::run_dir::{Identity, VERSION};
use crate::error::{Error, ErrorKind, Result};

/// Most differences that an error lists.
const LISTED: usize = 5;

/// Refuses to go on with the run of `manifest` where it is not the run of `identity`.
///
/// # Errors
/// [`ErrorKind::Run`] with what differs; values of the spec are named and not shown.
pub fn check(path: &Path, manifest: &Value, identity: Identity<'_>) -> Result<()> {
    let refuse = |what: String, hint: &str| {
        Err(Error::new(ErrorKind::Run, format!("`{}` {what}", path.display()))
            .hint(hint)
            .detail("path", path.display())
            .detail("reason", "changed"))
    };
    let anew = "name a new directory, or remove this one to begin anew";
    let version = &manifest["versions"]["linkrisk"];
    if manifest["format_version"] != VERSION || version != env!("CARGO_PKG_VERSION") {
        let written = version.as_str().unwrap_or("another program");
        let what =
            format!("holds a run of version {written}, and this is version {}", env!("CARGO_PKG_VERSION"));
        return refuse(what, "go on with the version it was begun with, or name a new directory");
    }
    let same_spec = manifest["spec_hash"] == format!("{:016x}", identity.spec_hash);
    if !same_spec || manifest["seed"] != identity.seed {
        let mut found = Vec::new();
        differences(&manifest["spec"], identity.spec, "", &mut found);
        // What a run may use is none of its result; the seed is.
        found.retain(|path| !path.starts_with("run.") || path == "run.seed");
        return refuse(format!("holds a run of another spec: {} differ", list(&found)), anew);
    }
    let mut found = Vec::new();
    inputs(&manifest["inputs"], identity.inputs, &mut found);
    if found.is_empty() {
        return Ok(());
    }
    refuse(format!("holds a run of other tables: {}", found.join("; ")), anew)
}

/// Lists what became of the tables, source by source.
fn inputs(before: &Value, now: &Value, found: &mut Vec<String>) {
    for (source, was, is) in entries(before, now) {
        for (part, was, is) in entries(&was, &is) {
            let what = match (was.is_null(), is.is_null()) {
                (true, false) => "is new".to_owned(),
                (false, true) => "is gone".to_owned(),
                _ => {
                    let mut of = Vec::new();
                    differences(&was, &is, "", &mut of);
                    if of.is_empty() {
                        continue;
                    }
                    format!("has changed ({})", list(&of))
                }
            };
            if found.len() < LISTED {
                found.push(format!("`{part}` of `{source}` {what}"));
            }
        }
    }
}

/// The entries of two objects by name; null where one has none.
fn entries(before: &Value, now: &Value) -> Vec<(String, Value, Value)> {
    let keys = |value: &Value| value.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>());
    let mut names = [keys(before), keys(now)].into_iter().flatten().flatten().collect::<Vec<_>>();
    names.sort_unstable();
    names.dedup();
    let take = |of: &Value, name: &str| of.get(name).cloned().unwrap_or_default();
    names
        .into_iter()
        .map(|name| {
            let (was, is) = (take(before, &name), take(now, &name));
            (name, was, is)
        })
        .collect()
}

/// Lists the paths at which two values differ.
fn differences(before: &Value, now: &Value, path: &str, found: &mut Vec<String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (before, now) {
        (Value::Object(_), Value::Object(_)) => {
            for (name, was, is) in entries(before, now) {
                differences(&was, &is, &below(&name), found);
            }
        }
        (Value::Array(was), Value::Array(is)) if was.len() == is.len() => {
            for (at, (was, is)) in was.iter().zip(is).enumerate() {
                differences(was, is, &format!("{path}[{at}]"), found);
            }
        }
        _ if before == now => {}
        _ => found.push(path.to_owned()),
    }
}

fn list(paths: &[String]) -> String {
    let more = paths.len().saturating_sub(LISTED);
    let shown: Vec<String> = paths.iter().take(LISTED).map(|path| format!("`{path}`")).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    shown.join(", ") + &more
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest(change: impl FnOnce(&mut Value)) -> Value {
        let mut manifest = json!({
            "format_version": VERSION,
            "versions": {"linkrisk": env!("CARGO_PKG_VERSION")},
            "spec_hash": format!("{:016x}", 7),
            "seed": 1,
            "spec": {"linkage": {"threshold": 0.9}, "sources": [{"name": "a"}], "run": {"threads": 2}},
            "inputs": {"a": {"x.csv": {"bytes": 5, "hash": "00"}, "y.csv": {"bytes": 6, "hash": "01"}}},
        });
        change(&mut manifest);
        manifest
    }

    fn refused(change: impl FnOnce(&mut Value), hash: u64) -> Option<String> {
        let now = manifest(|_| {});
        let identity = Identity { spec: &now["spec"], spec_hash: hash, seed: 1, inputs: &now["inputs"] };
        check(Path::new("out"), &manifest(change), identity).err().map(|e| e.to_string())
    }

    #[test]
    fn test_what_differs_is_named_and_not_shown() {
        assert_eq!(refused(|_| {}, 7), None);
        assert_eq!(refused(|m| m["spec"]["run"]["threads"] = json!(9), 7), None);
        let text = refused(
            |m| {
                m["spec"]["linkage"]["threshold"] = json!(0.5);
                m["spec"]["sources"][0]["name"] = json!("b");
                m["spec"]["run"]["threads"] = json!(9);
            },
            8,
        );
        assert_eq!(
            text.as_deref(),
            Some("`out` holds a run of another spec: `linkage.threshold`, `sources[0].name` differ")
        );
        let text = refused(|m| m["versions"]["linkrisk"] = json!("0.0.1"), 7);
        assert!(text.is_some_and(|text| text.contains("of version 0.0.1, and this is")));
        assert!(refused(|m| *m = Value::Null, 7).is_some_and(|text| text.contains("another program")));
    }

    #[test]
    fn test_tables_that_changed_are_named() {
        let text = refused(
            |m| {
                m["inputs"]["a"]["x.csv"]["bytes"] = json!(9);
                m["inputs"]["a"]["z.csv"] = json!({"bytes": 1});
                m["inputs"]["a"].as_object_mut().map(|files| files.remove("y.csv"));
            },
            7,
        );
        let text = text.expect("three files differ");
        for part in
            ["`x.csv` of `a` has changed (`bytes`)", "`y.csv` of `a` is new", "`z.csv` of `a` is gone"]
        {
            assert!(text.contains(part), "{text}");
        }
    }
}
