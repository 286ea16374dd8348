//! The functions over the embedded engines, called as API Gateway, the stream and Cognito call them.

mod budgets;
mod create_message;
mod list_message_groups;
mod list_messages;
mod order_of_checks;
mod show_user;
mod statuses;
