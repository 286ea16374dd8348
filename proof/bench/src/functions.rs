//! The functions that are measured, and what they are asked.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Result;
use local::deployment::FUNCTIONS;
use serde::Serialize;

use crate::stage::{Events, GROUP, always, records, sends};

/// A case: a function with events of one kind.
#[derive(Clone)]
pub struct Case {
    /// The function, which is the binary's name, too.
    pub function: &'static str,
    /// What it is asked, where it can be asked more than one thing.
    pub variant: Option<&'static str>,
    /// The events.
    pub events: Events,
    /// What the contract allows (design, section 9), of a warm invocation.
    pub budget: Option<Budget>,
}

/// What an invocation may cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Budget {
    /// Read request units.
    pub read: f64,
    /// Write request units, those of the index included.
    pub write: f64,
    /// Calls to DynamoDB of which each has to wait for the one before.
    pub round_trips: u32,
}

impl Case {
    /// What it is called in a table.
    #[must_use]
    pub fn title(&self) -> String {
        match self.variant {
            None => self.function.to_owned(),
            Some(variant) => format!("{}, {variant}", self.function),
        }
    }

    /// Whether somebody waits for the answer behind the API. (The others are invoked by DynamoDB's stream and by Cognito.)
    #[must_use]
    pub fn is_route(&self) -> bool {
        FUNCTIONS.iter().any(|function| function.name == self.function && function.route.is_some())
    }

    /// Its binary in `folder`, as cargo (`release/NAME`) or as cargo-lambda leaves it (`lambda/NAME/bootstrap`).
    #[must_use]
    pub fn binary(&self, folder: &Path) -> PathBuf {
        let bootstrap = folder.join(self.function).join("bootstrap");
        if bootstrap.exists() { bootstrap } else { folder.join(self.function) }
    }
}

/// Nothing but the runtime.
pub const HELLO_WORLD: &str = "hello-world";

/// Nothing but the runtime, the SDK and one call.
pub const GET_ITEM: &str = "get-item";

/// All cases; the first two are what the others are held against.
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
