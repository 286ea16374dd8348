//! The schema of the functions: the table of messages and the database of users. Used by the local stack, the tests
//! and the command, not by functions.

pub mod message_table;
pub mod migrations;
