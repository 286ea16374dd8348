//! What has to be there before the functions can work: the table of messages and the tables of users. Used by
//! the local stack, the tests and the admin commands; no function carries it.

pub mod message_table;
pub mod migrations;
