//! Rows, reads and guarded writes, shared by the doctor and the migration.

pub(crate) mod command;
pub(crate) mod item;
pub(crate) mod lease;
pub(crate) mod old;
pub(crate) mod read;
pub(crate) mod write;
