//! Tests of the engine through its public items: one program, so that what they share is compiled once.

mod blocking;
mod clustering;
mod common;
mod comparing;
mod imports;
mod irises;
mod kernel_properties;
mod nearest;
mod nearest_filter;
mod normalise;
mod pipeline;
mod resume;
mod risk;
mod scoring;
mod simd;
mod simulate_people;
mod simulate_systems;
mod template_store;
mod templates;
mod training;
