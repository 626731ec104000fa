//! Face, iris and fingerprint templates of invented people.
//!
//! A template follows from (seed, person, capture) alone, in O(dims · log dims) for vectors and O(bits)
//! for iris codes, so any part of a column can be made without the rest. No floating-point function
//! beyond the four operations and the square root is used, and sums have a fixed order: the bytes are
//! the same on every machine.
//!
//! ```text
//! person, kin, group ─► identity ─┐ share a
//!                                 ├─► capture ─► camera, poor capture ─► rotation ─► unit vector
//! capture ─────────────► noise ───┘ √(1 − a²)
//! ```
//!
//! A vector is drawn along latent axes whose variances fall geometrically, which gives it the low
//! effective dimension of real embeddings; the rotation ([`rotation`]) then hides the axes.

mod column;
pub mod face;
pub mod fingerprint;
pub mod iris;
mod latent;
mod normal;
mod rotation;

pub use column::{Precision, TemplateBuilder, int8_scale};
pub use face::{Capture, FaceDims, Faces, Group, Kin, Setting, Subject, light_share};
pub use fingerprint::{FINGERPRINT_DIMS, Fingerprints, Print};
pub use iris::{Eye, IRIS_BYTES, Irises};
