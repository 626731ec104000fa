//! What this build is, which errors it may raise, and what a file holds.

use std::path::PathBuf;

use linkrisk_core::error::ErrorKind;
use linkrisk_core::runtime::Memory;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors;

/// Facts about the build and the machine: version, profile, commit, SIMD level, threads; memory of the
/// machine and of its control group, and the limit of a run that states none, in bytes.
#[pyfunction]
pub fn build_info(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let info = PyDict::new(py);
    info.set_item("version", env!("CARGO_PKG_VERSION"))?;
    info.set_item("profile", if cfg!(debug_assertions) { "debug" } else { "release" })?;
    info.set_item("commit", option_env!("LINKRISK_COMMIT"))?;
    info.set_item("simd", simd())?;
    info.set_item("threads", std::thread::available_parallelism().map_or(1, |n| n.get()))?;
    let memory = Memory::find();
    info.set_item("memory", memory.machine)?;
    info.set_item("memory_group", memory.group)?;
    info.set_item("memory_limit", memory.default_limit())?;
    Ok(info)
}

/// Rows of each row group of a Parquet file, and the bytes that `columns` take of it once they are read.
#[pyfunction]
pub fn row_groups(py: Python<'_>, path: PathBuf, columns: Vec<String>) -> PyResult<Vec<(u64, u64)>> {
    let found = py.detach(|| linkrisk_core::store::row_groups::row_groups(&path, &columns));
    let groups = found.map_err(|error| errors::to_py(py, &error))?;
    Ok(groups.into_iter().map(|group| (group.rows, group.bytes)).collect())
}

/// The kinds of error the engine may raise, each with an exception class.
#[pyfunction]
pub fn error_kinds() -> Vec<&'static str> {
    ErrorKind::ALL.into_iter().map(errors::name).collect()
}

/// The widest vector instructions that the compiled code may use on this machine.
fn simd() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            return "avx512";
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            return "avx2";
        }
        "sse2"
    }
    #[cfg(target_arch = "aarch64")]
    {
        "neon"
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        "scalar"
    }
}
