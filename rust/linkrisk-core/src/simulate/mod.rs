//! Populations of invented people, with their errors and the truth.
