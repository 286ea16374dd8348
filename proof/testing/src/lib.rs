//! Test support: the deployed functions over the embedded engines, with a clock, randomness and network that
//! the test controls.

#![expect(
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "in tests a panic is the failure itself"
)]

pub mod broken_postgres;
pub mod damage;
pub mod old_system;
pub mod policy;
pub mod postgres;
pub mod sends;
pub mod sockets;
pub mod world;
pub mod yaml;

pub use checker::invariants;
pub use dynamodb_fake::{Call, Emulator, Failure, Fault};

pub use self::{
    sends::Sends,
    world::{Answer, TestUser, World, request},
};
