//! Users and conversations to begin with, made through the library's own operations: the demo that every local
//! stack has, and as many as a load test wants. Used by the local stack, the tests and the admin commands; no
//! function carries it.

pub mod demo;
