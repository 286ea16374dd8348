//! Authorization codes: each good for one exchange within five minutes, as Cognito's are.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::issuer::PoolUser;

/// How long a code is good for.
const LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// What a code stands for.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    /// Who has signed in.
    pub(super) user: PoolUser,
    /// Where the code was sent to.
    pub(super) redirect_uri: String,
    /// The SHA-256 of the secret that only the client knows (PKCE), in base64url.
    pub(super) code_challenge: String,
    /// What the client wants to find in its id token.
    pub(super) nonce: Option<String>,
}

/// The codes that were given and not used yet.
#[derive(Debug, Default)]
pub(super) struct Codes(Mutex<HashMap<String, (DateTime<Utc>, Grant)>>);

impl Codes {
    /// Keeps `grant` under `code`, and forgets what has expired.
    pub(super) fn give(&self, code: &str, now: DateTime<Utc>, grant: Grant) {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        codes.retain(|_, (given, _)| now - *given < LIFETIME);
        codes.insert(code.to_owned(), (now, grant));
    }

    /// What `code` stands for. It is used up, whatever becomes of the exchange.
    pub(super) fn take(&self, code: &str, now: DateTime<Utc>) -> Option<Grant> {
        let (given, grant) = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(code)?;
        (now - given < LIFETIME).then_some(grant)
    }
}
