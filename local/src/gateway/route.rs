//! Routes from method and path to function.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, Result, bail};
use axum::routing::MethodFilter;
use http::Method;
use percent_encoding::percent_decode_str;

use crate::function::Function;

/// A route of the API and the function behind it.
#[derive(Debug)]
pub struct Route {
    /// The route key as in the template: `GET /api/messages/{message_group_uuid}`.
    pub(super) key: String,
    pub(super) function: Function,
}

impl Route {
    /// Creates a route. `key` is the template's method and path, separated by one space. A `{parameter}`
    /// matches exactly one segment.
    #[must_use]
    pub fn new(key: impl Into<String>, function: Function) -> Self {
        Self { key: key.into(), function }
    }
}

/// All routes: one path table per method.
#[derive(Debug)]
pub(super) struct Routes(HashMap<Method, matchit::Router<Route>>);

/// A matched route and its path parameters.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) route: &'a Route,
    /// Percent-decoded (observed).
    pub(super) path_parameters: BTreeMap<String, String>,
}

impl Routes {
    pub(super) fn new(routes: Vec<Route>) -> Result<Self> {
        let mut tables = HashMap::new();
        for route in routes {
            let key = route.key.clone();
            let Some((method, path)) = parse_key(&key) else {
                bail!("the route key `{key}` is not a method and a path without greedy parameters");
            };
            let table: &mut matchit::Router<Route> = tables.entry(method).or_default();
            table
                .insert(path, route)
                .with_context(|| format!("the route key `{key}` is in conflict with another one"))?;
        }
        Ok(Self(tables))
    }

    /// Finds the route for a method and a path as sent, still percent-encoded: an encoded slash doesn't end a
    /// segment.
    pub(super) fn find(&self, method: &Method, path: &str) -> Option<Found<'_>> {
        let found = self.0.get(method)?.at(path).ok()?;
        // The router would accept an empty segment as a parameter.
        if found.params.iter().any(|(_, value)| value.is_empty()) {
            return None;
        }
        let decode = |(name, value): (&str, &str)| {
            (name.to_owned(), percent_decode_str(value).decode_utf8_lossy().into_owned())
        };
        Some(Found { route: found.value, path_parameters: found.params.iter().map(decode).collect() })
    }
}

/// Returns `None` for the kinds of keys that this project doesn't use: `$default`, `ANY` and greedy parameters.
fn parse_key(key: &str) -> Option<(Method, &str)> {
    let (method, path) = key.split_once(' ')?;
    let method: Method = method.parse().ok()?;
    let is_standard = MethodFilter::try_from(method.clone()).is_ok();
    let is_supported = is_standard && path.starts_with('/') && !path.contains([' ', '+', '*']);
    is_supported.then_some((method, path))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn routes(keys: &[&str]) -> Result<Routes> {
        let function = |_| async { "" };
        let route = |key: &&str| Route::new(*key, Function::http("f", Duration::from_secs(1), function));
        Routes::new(keys.iter().map(route).collect())
    }

    fn found(routes: &Routes, method: &Method, path: &str) -> Option<(String, Vec<String>)> {
        let found = routes.find(method, path)?;
        Some((found.route.key.clone(), found.path_parameters.into_values().collect()))
    }

    #[test]
    fn a_parameter_matches_exactly_one_segment() {
        let routes =
            routes(&["GET /api/messages/{message_group_uuid}", "GET /api/users/{handle}/short"]).unwrap();
        let get = |path| found(&routes, &Method::GET, path);
        let messages = "GET /api/messages/{message_group_uuid}".to_owned();
        let short = "GET /api/users/{handle}/short".to_owned();

        assert_eq!(get("/api/messages/1"), Some((messages, vec!["1".to_owned()])));
        assert_eq!(get("/api/users/@andrew/short"), Some((short, vec!["@andrew".to_owned()])));
        for path in [
            "/api/messages",
            "/api/messages/",
            "/api/messages/1/",
            "/api/messages/1/2",
            "/api/users/short",
            "/api/users//short",
            "/api/users/@andrew/short/",
            "/API/messages/1",
            "/",
            "",
        ] {
            assert_eq!(get(path), None, "{path}");
        }
    }

    #[test]
    fn another_method_is_another_route() {
        let routes = routes(&["POST /api/messages", "GET /api/messages/{group}"]).unwrap();
        assert_eq!(
            found(&routes, &Method::POST, "/api/messages"),
            Some(("POST /api/messages".to_owned(), vec![]))
        );
        assert_eq!(found(&routes, &Method::GET, "/api/messages"), None);
        assert_eq!(found(&routes, &Method::HEAD, "/api/messages/1"), None);
    }

    #[test]
    fn parameters_are_decoded_after_the_match() {
        let routes = routes(&["GET /api/users/{handle}/short"]).unwrap();
        let handle = |path| found(&routes, &Method::GET, path).map(|(_, parameters)| parameters);
        assert_eq!(handle("/api/users/%40andrew/short"), Some(vec!["@andrew".to_owned()]));
        assert_eq!(handle("/api/users/a%2Fb+c%20d/short"), Some(vec!["a/b+c d".to_owned()]));
        assert_eq!(handle("/api/users/%2540/short"), Some(vec!["%40".to_owned()]), "once only");
        assert_eq!(handle("/api/users/%FF/short"), Some(vec!["\u{fffd}".to_owned()]));
        assert_eq!(handle("/api/users/100%/short"), Some(vec!["100%".to_owned()]));
    }

    #[test]
    fn unsupported_keys_are_rejected() {
        for key in ["$default", "ANY /api", "get /api", "GET api", "GET", "GET /api/{proxy+}", "GET /{*rest}"]
        {
            let error = routes(&[key]).unwrap_err().to_string();
            let expected =
                format!("the route key `{key}` is not a method and a path without greedy parameters");
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn two_routes_for_one_path_are_rejected() {
        let error = routes(&["GET /api/{a}", "GET /api/{b}"]).unwrap_err();
        assert_eq!(error.to_string(), "the route key `GET /api/{b}` is in conflict with another one");
    }
}
