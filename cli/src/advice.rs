//! Errors with advice, which is shown on a line of its own.

/// What happened, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{what}; {tip}")]
pub(crate) struct Advised {
    pub(crate) what: String,
    pub(crate) tip: String,
}

/// Creates an error with advice.
pub(crate) fn advised(what: impl Into<String>, tip: impl Into<String>) -> anyhow::Error {
    Advised { what: what.into(), tip: tip.into() }.into()
}
