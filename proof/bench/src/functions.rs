//! The measured functions and their events.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Result;
use local::deployment::FUNCTIONS;
use serde::Serialize;

use crate::stage::{Events, GROUP, always, records, sends};

/// A case: a function with one kind of event.
#[derive(Clone)]
pub struct Case {
    /// The function's name, which is also the binary's.
    pub function: &'static str,
    /// The kind of event, if the function has several.
    pub variant: Option<&'static str>,
    pub events: Events,
    /// The allowed cost of a warm invocation (design, section 9).
    pub budget: Option<Budget>,
}

/// The allowed cost of an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Budget {
    pub read: f64,
    /// Write request units, including those of the index.
    pub write: f64,
    /// Sequential calls to DynamoDB.
    pub round_trips: u32,
}

impl Case {
    /// The name in tables.
    #[must_use]
    pub fn title(&self) -> String {
        match self.variant {
            None => self.function.to_owned(),
            Some(variant) => format!("{}, {variant}", self.function),
        }
    }

    /// Whether the function is a route of the API. DynamoDB's stream and Cognito invoke the others.
    #[must_use]
    pub fn is_route(&self) -> bool {
        FUNCTIONS.iter().any(|function| function.name == self.function && function.route.is_some())
    }

    /// The binary in `folder`, in the layout of cargo (`release/NAME`) or cargo-lambda
    /// (`lambda/NAME/bootstrap`).
    #[must_use]
    pub fn binary(&self, folder: &Path) -> PathBuf {
        let bootstrap = folder.join(self.function).join("bootstrap");
        if bootstrap.exists() { bootstrap } else { folder.join(self.function) }
    }
}

/// The baseline with only the runtime.
pub const HELLO_WORLD: &str = "hello-world";

/// The baseline with the runtime, the SDK and one call.
pub const GET_ITEM: &str = "get-item";

/// All cases, starting with the two baselines.
pub fn cases() -> Result<Vec<Case>> {
    let budget = |read, write, round_trips| Some(Budget { read, write, round_trips });
    let case = |function, variant, events: Events, budget| Case {
        function,
        variant,
        events: Arc::clone(&events),
        budget,
    };
    Ok(vec![
        case(HELLO_WORLD, None, always("list-message-groups/first-page")?, None),
        case(GET_ITEM, None, always("list-message-groups/first-page")?, None),
        case("list-message-groups", None, always("list-message-groups/first-page")?, budget(2.0, 0.0, 1)),
        case("list-messages", None, always("list-messages/first-page")?, budget(2.0, 0.0, 1)),
        case("create-message", None, sends(false)?, budget(2.0, 1.0, 2)),
        case("create-message", Some("with a key"), sends(true)?, budget(2.0, 4.0, 2)),
        case("show-user", None, always("show-user/found")?, budget(0.0, 0.0, 0)),
        case("show-me", None, always("show-me/found")?, budget(0.0, 0.0, 0)),
        case("stream-handler", None, records(GROUP)?, budget(1.5, 12.0, 2)),
        case(
            "post-confirmation",
            None,
            always("post-confirmation/confirm-sign-up-of-a-known-user")?,
            budget(0.0, 0.0, 0),
        ),
    ])
}
