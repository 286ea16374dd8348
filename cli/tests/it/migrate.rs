//! `cruddur ddb migrate`

mod cases;
mod command;
mod generated;
mod killed;
mod old_table;
