//! Conversion of a request into an event of payload format 2.0.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use axum::{body::Bytes, extract::ConnectInfo};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use chrono::{DateTime, Utc};
use cruddur::random::Random;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CONNECTION, CONTENT_TYPE, COOKIE, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
    },
    request::Parts,
    uri::Authority,
};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::route::Found;
use crate::function::without_nulls;

/// Headers that are not passed to a function.
pub(super) const HOP_BY_HOP: [HeaderName; 6] = [CONNECTION, EXPECT, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// Subtypes of `application` whose bodies are passed as text, like all of `text` (observed). Everything else
/// is base64-encoded, including forms and bodies without a content type.
const TEXT_SUBTYPES: [&str; 4] = ["json", "javascript", "xml", "graphql"];

/// The event of one request. Fields without a value are omitted.
pub(super) fn event(
    parts: &Parts,
    body: &Bytes,
    found: &Found<'_>,
    request_id: &str,
    now: DateTime<Utc>,
    random: &Random,
) -> Value {
    let source_ip = source_ip(parts);
    let (domain_name, port) = host(&parts.headers);

    let mut headers = headers(&parts.headers);
    headers.insert("content-length", body.len().to_string());
    headers.entry("x-amzn-trace-id").or_insert_with(|| trace_id(now.timestamp(), random));
    let forwarded_for = headers.entry("x-forwarded-for").or_default();
    let separator = if forwarded_for.is_empty() { "" } else { ", " };
    *forwarded_for = format!("{forwarded_for}{separator}{source_ip}");
    headers.insert("x-forwarded-port", port.to_string());
    headers.insert("x-forwarded-proto", "http".to_owned());

    // Percent-decoded, even in `rawPath` (observed).
    let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
    let query = parts.uri.query().unwrap_or_default();
    let query_parameters = query_string_parameters(query);
    let path_parameters = &found.path_parameters;
    let cookies = cookies(&parts.headers);
    let (body, is_base64_encoded) = encode_body(&parts.headers, body);
    without_nulls(json!({
        "version": "2.0",
        "routeKey": found.route.key,
        "rawPath": path,
        "rawQueryString": query,
        "cookies": (!cookies.is_empty()).then_some(cookies),
        "headers": headers,
        "queryStringParameters": (!query_parameters.is_empty()).then_some(query_parameters),
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": domain_name,
            "domainPrefix": domain_name.split('.').next(),
            "http": {
                "method": parts.method.as_str(),
                "path": path,
                "protocol": format!("{:?}", parts.version),
                "sourceIp": source_ip,
                "userAgent": value(&parts.headers, &USER_AGENT),
            },
            "requestId": request_id,
            "routeKey": found.route.key,
            "stage": "$default",
            "time": now.format("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": now.timestamp_millis(),
        },
        "pathParameters": (!path_parameters.is_empty()).then_some(path_parameters),
        "body": body,
        "isBase64Encoded": is_base64_encoded,
    }))
}

/// A request id in the HTTP API format: sixteen characters, the last of them `=`.
pub(super) fn request_id(random: &Random) -> String {
    URL_SAFE.encode(random.bytes::<11>())
}

pub(super) fn trace_id(seconds: i64, random: &Random) -> String {
    let id = u128::from_be_bytes(random.bytes()) >> 32;
    format!("Root=1-{seconds:08x}-{id:024x}")
}

/// The client's address. Without a connection it is 127.0.0.1.
pub(super) fn source_ip(parts: &Parts) -> IpAddr {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map_or(Ipv4Addr::LOCALHOST.into(), |peer| peer.0.ip().to_canonical())
}

/// The name and the port in `Host`.
pub(super) fn host(headers: &HeaderMap) -> (String, u16) {
    let host: Option<Authority> = value(headers, &HOST).parse().ok();
    let port = host.as_ref().and_then(Authority::port_u16).unwrap_or(80);
    (host.as_ref().map_or("localhost", Authority::host).to_owned(), port)
}

/// All values of a header, joined as in the event. Empty if the header is absent.
pub(super) fn value(headers: &HeaderMap, name: &HeaderName) -> String {
    let values: Vec<_> = headers.get_all(name).iter().map(text).collect();
    values.join(",")
}

pub(super) fn text(value: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

fn headers(headers: &HeaderMap) -> BTreeMap<&str, String> {
    // Cookies have a field of their own.
    let kept = headers.keys().filter(|name| !HOP_BY_HOP.contains(name) && **name != COOKIE);
    kept.map(|name| (name.as_str(), value(headers, name))).collect()
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(COOKIE).iter().map(text);
    let split =
        |value: Cow<'_, str>| value.split(';').map(|cookie| cookie.trim().to_owned()).collect::<Vec<_>>();
    values.flat_map(split).filter(|cookie| !cookie.is_empty()).collect()
}

fn query_string_parameters(query: &str) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::<String, String>::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let joined = parameters.entry(name.into_owned()).and_modify(|values| values.push(',')).or_default();
        joined.push_str(&value);
    }
    parameters
}

/// Returns the body as the event carries it, and whether it is base64.
fn encode_body(headers: &HeaderMap, body: &Bytes) -> (Option<String>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    let text = str::from_utf8(body).ok().filter(|_| is_text(&value(headers, &CONTENT_TYPE)));
    match text {
        Some(text) => (Some(text.to_owned()), false),
        None => (Some(STANDARD.encode(body)), true),
    }
}

/// Returns `true` if a body with this content type is passed as text: the media type is textual, and the
/// charset, if given, is UTF-8 (observed).
fn is_text(content_type: &str) -> bool {
    let content_type = content_type.to_ascii_lowercase();
    let mut parts = content_type.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let is_text = match media_type.split_once('/') {
        Some(("text", _)) => true,
        Some(("application", subtype)) => TEXT_SUBTYPES.contains(&subtype),
        Some(_) | None => false,
    };
    let mut charsets = parts.filter_map(|parameter| parameter.strip_prefix("charset="));
    is_text && charsets.all(|charset| charset.trim_matches('"') == "utf-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        headers.iter().map(pair).collect()
    }

    fn encoded(content_type: Option<&'static str>, body: &'static [u8]) -> (Option<String>, bool) {
        let headers = content_type.map_or_else(HeaderMap::new, |value| map(&[("content-type", value)]));
        encode_body(&headers, &Bytes::from_static(body))
    }

    #[test]
    fn textual_media_types_are_passed_as_text() {
        for content_type in [
            "text/plain",
            "text/plain; charset=utf-8",
            "TEXT/PLAIN; CHARSET=UTF-8",
            "text/html",
            "text/csv",
            "text/xml",
            "application/json",
            "application/json;charset=\"utf-8\"",
            "application/xml",
            "application/javascript",
            "application/graphql",
        ] {
            assert_eq!(
                encoded(Some(content_type), "ä".as_bytes()),
                (Some("ä".into()), false),
                "{content_type}"
            );
        }
    }

    #[test]
    fn other_media_types_are_base64() {
        for content_type in [
            None,
            Some(""),
            Some("text"),
            Some("text/plain; charset=iso-8859-1"),
            Some("application/x-www-form-urlencoded"),
            Some("application/octet-stream"),
            Some("application/vnd.api+json"),
            Some("multipart/form-data; boundary=x"),
            Some("image/png"),
            Some("weird/unknown"),
        ] {
            assert_eq!(encoded(content_type, b"{}"), (Some("e30=".into()), true), "{content_type:?}");
        }
    }

    #[test]
    fn text_that_is_not_utf_8_is_base64() {
        assert_eq!(encoded(Some("application/json"), &[0xff, 0xfe]), (Some("//4=".into()), true));
    }

    #[test]
    fn an_empty_body_is_omitted() {
        assert_eq!(encoded(Some("application/octet-stream"), b""), (None, false));
    }

    #[test]
    fn query_parameters_are_decoded_and_joined() {
        let query = "repeat=one&repeat=two&to=%2Fa%2Fb&plus=a+b&encoded=a%2Bb&empty=&bare&repeat=&bad=%FF%zz";
        let expected = [
            ("bad", "\u{fffd}%zz"),
            ("bare", ""),
            ("empty", ""),
            ("encoded", "a+b"),
            ("plus", "a b"),
            ("repeat", "one,two,"),
            ("to", "/a/b"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(query_string_parameters(query), BTreeMap::from(expected));
    }

    #[test]
    fn cookies_of_all_headers_are_split() {
        let headers = map(&[("cookie", "session=abc123; theme=dark"), ("cookie", ";a=b;")]);
        assert_eq!(cookies(&headers), ["session=abc123", "theme=dark", "a=b"]);
    }

    #[test]
    fn repeated_headers_are_joined_and_hop_by_hop_headers_omitted() {
        let given = map(&[
            ("x-probe", "first"),
            ("connection", "keep-alive"),
            ("x-probe", "second"),
            ("cookie", "a=b"),
            ("transfer-encoding", "chunked"),
        ]);
        assert_eq!(headers(&given), BTreeMap::from([("x-probe", "first,second".to_owned())]));
    }

    #[test]
    fn ids_have_the_format_of_api_gateway() {
        let random = Random::from_fn(|bytes| bytes.fill(0xab));
        assert_eq!(request_id(&random), "q6urq6urq6urq6s=");
        assert_eq!(trace_id(0x5e9f_0c65, &random), "Root=1-5e9f0c65-abababababababababababab");
    }
}
