//! Cruddur's direct messages: the library of the functions.
//!
//! - Domain: [`message`], [`message_group`], [`message_request`], [`user`], [`event_log`], [`connection`], [`export`], [`erasure`], with the values [`timestamp`], [`sort_key`], [`page`],
//!   [`idempotency`], [`send_limit`]
//! - Storage: [`table`] (rows and keys in DynamoDB), [`stream`] (changes of the table), [`projection`] (their effects),
//!   [`push`] (events to open sockets), [`dynamodb`], [`postgres`]
//! - Requests: [`event`], [`auth`], [`request`], [`respond`], [`error`]
//! - Operation: [`start`], [`warm_up`], [`health`], [`https`], [`cognito`], [`signed_call`],
//!   [`config`], [`clock`], [`random`], [`invocation`], [`log`], [`metrics`]

#![warn(missing_docs)]

pub mod auth;
mod backoff;
pub mod block;
pub mod clock;
pub mod cognito;
pub mod config;
pub mod connection;
pub mod dynamodb;
mod environment;
pub mod erasure;
pub mod error;
pub mod event;
pub mod event_log;
pub mod export;
pub mod health;
pub mod https;
pub mod idempotency;
pub mod invocation;
pub mod log;
pub mod member_state;
pub mod message;
pub mod message_group;
pub mod message_request;
pub mod metrics;
pub mod page;
pub mod postgres;
pub mod projection;
pub mod push;
pub mod random;
pub mod report;
pub mod request;
pub mod respond;
pub mod send_limit;
pub mod signed_call;
pub mod sort_key;
pub mod start;
pub mod stream;
pub mod table;
pub mod timestamp;
pub mod user;
pub mod warm_up;
