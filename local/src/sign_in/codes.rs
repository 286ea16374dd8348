//! Authorization codes. As in Cognito, a code can be exchanged once within five minutes.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::issuer::PoolUser;

const LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// The sign-in behind a code.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) user: PoolUser,
    /// The redirect URI to which the code was sent.
    pub(super) redirect_uri: String,
    /// The PKCE challenge: the SHA-256 of the client's secret, in base64url. Empty for a page without PKCE.
    pub(super) code_challenge: String,
    /// The nonce for the id token.
    pub(super) nonce: Option<String>,
}

/// The unused codes.
#[derive(Debug, Default)]
pub(super) struct Codes(Mutex<HashMap<String, (DateTime<Utc>, Grant)>>);

impl Codes {
    /// Stores `grant` under `code` and removes expired codes.
    pub(super) fn insert(&self, code: &str, now: DateTime<Utc>, grant: Grant) {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        codes.retain(|_, (issued_at, _)| now - *issued_at < LIFETIME);
        codes.insert(code.to_owned(), (now, grant));
    }

    /// Removes `code` and returns its grant. The code is used up even if the exchange fails.
    pub(super) fn take(&self, code: &str, now: DateTime<Utc>) -> Option<Grant> {
        let (issued_at, grant) = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(code)?;
        (now - issued_at < LIFETIME).then_some(grant)
    }
}
