//! Tests of the functions over the embedded engines, called as by API Gateway, the stream and Cognito.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "in tests a panic is the failure itself; clippy looks only into the test functions themselves"
)]

mod asyncapi;
mod authorization;
mod blocks;
mod boundaries;
mod budgets;
mod create_message;
mod devices;
mod erasures;
mod events;
mod export_me;
mod key_set;
mod list_message_groups;
mod list_messages;
mod logs;
mod meter;
mod open_connection;
mod openapi;
mod order_of_checks;
mod overload;
mod pages;
mod policies;
mod post_confirmation;
mod postgres;
mod relay;
mod reports;
mod requests;
mod retries;
mod sample_events;
mod search_users;
mod send_limit;
mod settings;
mod show_me;
mod show_user;
mod simultaneous;
mod state;
mod statuses;
mod strangers;
mod stream_handler;
mod template;
mod tokens;
mod users;
mod warm_up;
