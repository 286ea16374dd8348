//! `Authorization` headers made from parts of a valid token and from anything else. A caller who has only a
//! valid token gets in with exactly that token and with nothing else (design, section 6).
#![no_main]

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use cruddur::auth::Verifier;
use fuzz::{GOOD_TOKEN, SUBJECT, block_on, verifier};
use http::{HeaderMap, HeaderValue, header};
use libfuzzer_sys::fuzz_target;

static VERIFIER: LazyLock<Verifier> = LazyLock::new(verifier);

#[derive(Arbitrary, Debug)]
enum Line<'a> {
    Good,
    Pieces(Vec<Piece<'a>>),
}

#[derive(Arbitrary, Debug)]
enum Piece<'a> {
    Bearer,
    Header,
    Claims,
    Signature,
    Dot,
    Space,
    /// The header of a token with another algorithm.
    NoAlgorithm,
    Hmac,
    Text(&'a str),
    Repeated(u8, u16),
}

impl Line<'_> {
    fn render(&self) -> String {
        let part = |index| GOOD_TOKEN.split('.').nth(index).unwrap_or_default().to_owned();
        match self {
            Self::Good => format!("Bearer {}", *GOOD_TOKEN),
            Self::Pieces(pieces) => pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Bearer => "Bearer ".to_owned(),
                    Piece::Header => part(0),
                    Piece::Claims => part(1),
                    Piece::Signature => part(2),
                    Piece::Dot => ".".to_owned(),
                    Piece::Space => " ".to_owned(),
                    Piece::NoAlgorithm => "eyJhbGciOiJub25lIiwia2lkIjoiZ29vZCJ9".to_owned(),
                    Piece::Hmac => "eyJhbGciOiJIUzI1NiIsImtpZCI6Imdvb2QifQ".to_owned(),
                    Piece::Text(text) => (*text).to_owned(),
                    Piece::Repeated(byte, times) => {
                        char::from(byte % 128).to_string().repeat(usize::from(times % 10_000))
                    }
                })
                .collect(),
        }
    }
}

fuzz_target!(|lines: Vec<Line<'_>>| {
    let mut headers = HeaderMap::new();
    let mut values = Vec::new();
    for line in lines.iter().take(4) {
        let value = line.render();
        if let Ok(header) = HeaderValue::from_str(&value) {
            headers.append(header::AUTHORIZATION, header);
            values.push(value);
        }
    }
    let is_good = match &*values {
        [value] => value
            .split_once(' ')
            .is_some_and(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && token == *GOOD_TOKEN),
        _ => false,
    };
    match block_on(VERIFIER.authenticate(&headers)) {
        Ok(sign_in) => assert!(is_good && sign_in.subject.as_str() == SUBJECT, "accepted {values:?}"),
        Err(error) => assert!(!is_good, "refused a good token: {error}"),
    }
});
