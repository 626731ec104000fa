//! A stage under way, and what the manifest says of it when it is finished.

use std::time::Instant;

use serde_json::Value;

use crate::runtime::{Context, alloc, memory};
use crate::store::run_dir::{MemoryFigures, StageFigures};

/// When a stage began, and what was spilled before.
#[derive(Debug)]
pub struct Stage {
    name: &'static str,
    /// When it began.
    pub started: Instant,
    spilled: u64,
}

impl Stage {
    /// Begins a stage.
    pub fn begin(name: &'static str, context: &Context) -> Self {
        context.memory.begin_stage();
        alloc::begin();
        Self { name, started: Instant::now(), spilled: context.spill.written() }
    }

    /// What the manifest says of the stage, which handled `rows` rows and found `summary`.
    pub fn end(&self, rows: u64, summary: Value, context: &Context) -> StageFigures {
        StageFigures {
            stage: self.name.to_owned(),
            rows,
            seconds: self.started.elapsed().as_secs_f64(),
            summary,
            memory: MemoryFigures {
                reserved_peak_bytes: context.memory.stage_peak(),
                true_peak_bytes: alloc::peak(),
                process_peak_bytes: memory::process_peak(),
                spilled_bytes: context.spill.written() - self.spilled,
            },
        }
    }
}
