//! The local stack: the deployed functions on one machine, with embedded engines in place of AWS.

pub mod data_dir;
pub mod deployment;
pub mod engines;
pub mod function;
pub mod gateway;
pub mod guard;
pub mod issuer;
pub mod mapping;
pub mod options;
mod page;
mod pages;
mod schedule;
mod sign_in;
pub mod stack;
pub mod web_client;
