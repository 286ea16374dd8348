//! `cruddur ddb migrate`: tables of the old system, brought over.

mod cases;
mod command;
mod generated;
mod killed;
mod move_in;
