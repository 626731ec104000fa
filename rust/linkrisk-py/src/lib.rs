//! The extension module `linkrisk._linkrisk`: the list of what Python sees, nothing else.

mod arrow;
mod engine;
mod enter;
mod errors;
mod info;
mod kernels;
mod nearest;
mod simulate;
mod thresholds;

use linkrisk_core::runtime::alloc::Counting;
use pyo3::prelude::*;

#[global_allocator]
static ALLOCATOR: Counting<std::alloc::System> = Counting(std::alloc::System);

/// The engine of linkrisk, as Python sees it.
#[pymodule(gil_used = false)]
mod _linkrisk {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::engine::Engine;
    #[pymodule_export]
    use super::info::{build_info, error_kinds, row_groups};
    #[pymodule_export]
    use super::kernels::normalise;
    #[pymodule_export]
    use super::nearest::nearest_py;
    #[pymodule_export]
    use super::simulate::{scenarios, simulate_py};
    #[pymodule_export]
    use super::thresholds::thresholds;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::enter::quieten_panics();
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
