//! How much memory there is: the machine's, or what the control groups of the process leave of it.

use std::fs;
use std::path::{Path, PathBuf};

/// Memory and what limits it, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Memory of the machine.
    pub machine: u64,
    /// The lowest limit of the control groups that the process is in; `None` where there is none below
    /// the machine's memory.
    pub group: Option<u64>,
}

impl Memory {
    /// What the system tells.
    pub fn find() -> Self {
        let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
        // Systems without /proc: 8 GiB is what the smallest machines we know of have.
        let machine = machine.unwrap_or(8 << 30);
        let member_of = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let group = lowest(Path::new("/sys/fs/cgroup"), &member_of).filter(|&bytes| bytes < machine);
        Self { machine, group }
    }

    /// What a run may hold where its spec states nothing: 70 %, so that Python, Polars and the cache of
    /// the files that are read have room too.
    pub fn default_limit(&self) -> u64 {
        (self.group.unwrap_or(self.machine) as f64 * 0.7) as u64
    }
}

fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find(|line| line.starts_with("MemTotal:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// The lowest limit of the groups that `member_of` (`/proc/self/cgroup`) names and of those above them,
/// whose files are below `root`.
///
/// A limit of any group on the way holds. Within a container the path may be the one that the host sees,
/// of which only the last parts are there, or none; its own group is then at the root.
fn lowest(root: &Path, member_of: &str) -> Option<u64> {
    let mut limits = Vec::new();
    for line in member_of.lines() {
        // `4:memory:/a/b` of version 1, `0::/a/b` of version 2.
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (roots, files): (&[&str], &[&str]) = match controllers {
            // Beside version 1, version 2 may be mounted apart. `memory.high` slows a process to a crawl.
            "" => (&["", "unified"], &["memory.max", "memory.high"]),
            _ if controllers.split(',').any(|c| c == "memory") => (&["memory"], &["memory.limit_in_bytes"]),
            _ => continue,
        };
        for mount in roots {
            let inside = PathBuf::from(path.trim_start_matches('/'));
            for group in inside.ancestors() {
                let limit = |file: &&str| -> Option<u64> {
                    fs::read_to_string(root.join(mount).join(group).join(file)).ok()?.trim().parse().ok()
                };
                limits.extend(files.iter().filter_map(limit));
            }
        }
    }
    limits.into_iter().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of control groups: files and what they say.
    fn groups(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a temporary directory");
        for (file, text) in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("room");
            fs::write(path, format!("{text}\n")).expect("room");
        }
        root
    }

    #[test]
    fn test_the_lowest_limit_on_the_way_holds() {
        let two = groups(&[
            ("a/memory.max", "4000"),
            ("a/b/memory.max", "max"),
            ("a/b/c/memory.max", "9000"),
            ("a/x/memory.max", "10"),
        ]);
        assert_eq!(lowest(two.path(), "0::/a/b/c\n"), Some(4000));
        assert_eq!(lowest(two.path(), "0::/a/x"), Some(10));
        assert_eq!(lowest(two.path(), "0::/"), None, "the root has no limit");
        assert_eq!(lowest(two.path(), ""), None);
        let high = groups(&[("a/memory.max", "4000"), ("a/memory.high", "3000")]);
        assert_eq!(lowest(high.path(), "0::/a"), Some(3000));
    }

    #[test]
    fn test_both_versions_are_read() {
        let one = groups(&[
            ("memory/memory.limit_in_bytes", "9223372036854771712"),
            ("memory/job/memory.limit_in_bytes", "5000"),
            ("memory/job/7/memory.limit_in_bytes", "6000"),
            ("unified/job/memory.max", "5500"),
            ("cpu/job/memory.limit_in_bytes", "1"),
        ]);
        let member_of = "9:cpu,cpuacct:/job\n4:memory:/job/7\n0::/job\n";
        assert_eq!(lowest(one.path(), member_of), Some(5000));
        assert_eq!(lowest(one.path(), "0::/job"), Some(5500));
        // A container that sees the path of its host: its own group is the root.
        assert_eq!(lowest(one.path(), "4:memory:/docker/0f3a"), Some(9_223_372_036_854_771_712));
        assert_eq!(lowest(one.path(), "9:cpu:/job"), None);
    }

    #[test]
    fn test_the_default_is_seven_tenths_of_what_there_is() {
        assert_eq!(Memory { machine: 1000, group: None }.default_limit(), 700);
        assert_eq!(Memory { machine: 1000, group: Some(500) }.default_limit(), 350);
        assert_eq!(total("MemFree: 1 kB\nMemTotal:       2048 kB\n"), Some(2 << 20));
        let memory = Memory::find();
        assert!(memory.group.is_none_or(|group| group < memory.machine));
    }
}
