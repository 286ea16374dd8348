//! Cruddur's direct messages: everything that the functions share.
//!
//! A module per noun of the domain ([`message`], [`message_group`], [`user`]), what they are made of
//! ([`timestamp`], [`sort_key`], [`page`], [`idempotency`], [`send_limit`]), and what stands between them and the world
//! ([`auth`], [`config`], [`dynamodb`], [`event`], [`postgres`], [`request`], [`respond`], [`stream`], [`warm_up`]), and what is told
//! of it all ([`invocation`], [`log`], [`metrics`]).

#![warn(missing_docs)]

pub mod auth;
mod backoff;
pub mod clock;
pub mod config;
pub mod dynamodb;
pub mod error;
pub mod event;
mod https;
pub mod idempotency;
pub mod invocation;
pub mod log;
pub mod message;
pub mod message_group;
pub mod metrics;
pub mod page;
pub mod postgres;
pub mod random;
pub mod request;
pub mod respond;
pub mod send_limit;
pub mod sort_key;
pub mod stream;
pub mod timestamp;
pub mod user;
pub mod warm_up;
