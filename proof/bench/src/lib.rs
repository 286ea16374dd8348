//! Measures the functions as deployed: release binaries behind a runtime API that imitates Lambda, with all
//! dependencies behind TLS. Figures are ratios and counts, relative to a function that does nothing and one
//! that makes one call.

#![expect(clippy::indexing_slicing, reason = "of JSON, which has no end: what is not there is null")]

pub mod batches;
pub mod dynamodb;
pub mod environment;
pub mod figures;
pub mod functions;
pub mod growth;
pub mod measure;
pub mod plot;
pub mod postgres;
pub mod process;
pub mod report;
pub mod run;
pub mod runtime_api;
pub mod self_invocations;
pub mod sizes;
pub mod stage;
pub mod targets;
pub mod throughput;
pub mod tls;
pub mod tokens;
