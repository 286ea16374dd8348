//! Health checks: the event `{"health_check": true}`, which every function answers.
//!
//! The function `check-release` sends it to each new version before the version gets traffic. A caller of the API cannot
//! send it: API Gateway wraps every request in an event of its own.

use std::{fmt, marker::PhantomData};

use lambda_http::lambda_runtime::Diagnostic;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{
        DeserializeSeed, Error, IntoDeserializer as _, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer},
    },
};

use crate::{
    error::Dependency,
    invocation::{self, Completion},
    warm_up::Failure,
};

/// The only member of a health check's event.
const NAME: &str = "health_check";

/// An event of a function: its own, or a health check.
#[derive(Debug)]
pub enum Incoming<E> {
    /// `{"health_check": true}`
    HealthCheck,
    /// An event of the function's own type.
    Event(E),
}

/// The answer to an event.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer<R> {
    /// `{"healthy": true}`: the function can use all its dependencies.
    Healthy {
        /// Always `true`: an unhealthy function fails the invocation.
        healthy: bool,
    },
    /// The answer to an event of the function's own type.
    Event(R),
}

/// The dependencies that a function cannot use. Their errors are in the function's log only.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("can't use {}; the log has the causes", Names(.0))]
pub struct Unhealthy(pub Vec<Dependency>);

struct Names<'a>(&'a [Dependency]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, dependency) in self.0.iter().enumerate() {
            write!(f, "{}{dependency}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl From<Unhealthy> for Diagnostic {
    fn from(error: Unhealthy) -> Self {
        Self { error_type: "Unhealthy".to_owned(), error_message: error.to_string() }
    }
}

/// Answers a health check with the failures of `connections`, and logs their causes.
pub(crate) async fn check<R>(
    connections: impl Future<Output = Vec<Failure>>,
) -> Result<Answer<R>, Unhealthy> {
    let work = async {
        let failures = connections.await;
        for failure in &failures {
            tracing::error!(cause = %failure.chain(), "can't use {}", failure.dependency);
        }
        let message = if failures.is_empty() { "healthy" } else { "unhealthy" };
        (failures, Completion::new(message))
    };
    let failures = invocation::observe("health check", work).await;
    if failures.is_empty() {
        Ok(Answer::Healthy { healthy: true })
    } else {
        Err(Unhealthy(failures.into_iter().map(|failure| failure.dependency).collect()))
    }
}

impl<'de, E: Deserialize<'de>> Deserialize<'de> for Incoming<E> {
    /// Decides by the first member, and passes the others on unread: a copy of the event would cost every invocation
    /// time.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IncomingVisitor(PhantomData))
    }
}

struct IncomingVisitor<E>(PhantomData<E>);

impl<'de, E: Deserialize<'de>> Visitor<'de> for IncomingVisitor<E> {
    type Value = Incoming<E>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_unit<X: Error>(self) -> Result<Incoming<E>, X> {
        event(().into_deserializer())
    }

    fn visit_bool<X: Error>(self, value: bool) -> Result<Incoming<E>, X> {
        event(value.into_deserializer())
    }

    fn visit_u64<X: Error>(self, value: u64) -> Result<Incoming<E>, X> {
        event(value.into_deserializer())
    }

    fn visit_i64<X: Error>(self, value: i64) -> Result<Incoming<E>, X> {
        event(value.into_deserializer())
    }

    fn visit_f64<X: Error>(self, value: f64) -> Result<Incoming<E>, X> {
        event(value.into_deserializer())
    }

    fn visit_str<X: Error>(self, value: &str) -> Result<Incoming<E>, X> {
        event(value.into_deserializer())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Incoming<E>, A::Error> {
        event(SeqAccessDeserializer::new(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Incoming<E>, A::Error> {
        let first = members.next_key::<String>()?;
        if first.as_deref() != Some(NAME) {
            return event(MapAccessDeserializer::new(Members { first, rest: members }));
        }
        if members.next_value::<bool>()? && members.next_key::<String>()?.is_none() {
            Ok(Incoming::HealthCheck)
        } else {
            Err(A::Error::custom("a health check has one member, which is true"))
        }
    }
}

/// Deserializes an event of the function's own type.
fn event<'de, E: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Incoming<E>, D::Error> {
    E::deserialize(deserializer).map(Incoming::Event)
}

/// The members of an object whose first name has been read.
struct Members<A> {
    first: Option<String>,
    rest: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        match self.first.take() {
            Some(first) => seed.deserialize(StrDeserializer::new(&first)).map(Some),
            None => self.rest.next_key_seed(seed),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.rest.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.rest.size_hint().map(|size| size + usize::from(self.first.is_some()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The event as the function's own, `None` for a health check.
    fn incoming(text: &str) -> Result<Option<Value>, String> {
        match serde_json::from_str::<Incoming<Value>>(text) {
            Ok(Incoming::Event(event)) => Ok(Some(event)),
            Ok(Incoming::HealthCheck) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn only_one_event_is_a_health_check() {
        assert_eq!(incoming(r#"{"health_check": true}"#), Ok(None));
        for event in [
            json!({}),
            json!({"rawPath": "/health_check", "body": "{\"health_check\": true}"}),
            json!({"Records": [{"health_check": true}], "a": null}),
            json!({"a": {"health_check": true}, "health_check": true}),
            json!(null),
            json!(true),
            json!([1, -1, 1.5]),
            json!(1),
            json!(-1),
            json!(1.5),
            json!("health_check"),
        ] {
            assert_eq!(incoming(&event.to_string()), Ok(Some(event)));
        }
        for text in [r#"{"health_check": false}"#, r#"{"health_check": true, "a": 1}"#] {
            assert!(incoming(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_unhealthy_function_names_its_dependencies() {
        let error = Unhealthy(vec![Dependency::KeySet, Dependency::Postgres]);
        assert_eq!(
            Diagnostic::from(error).error_message,
            "can't use the key set, PostgreSQL; the log has the causes"
        );
    }
}
