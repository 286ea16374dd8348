//! Cursors. An accepted cursor is printed unchanged and names the row that it was made from (design, section 5).
#![no_main]

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use cruddur::{page::Cursor, sort_key::SortKey};
use libfuzzer_sys::fuzz_target;

fn check(text: &str, row: Option<&str>) {
    match (text.parse::<Cursor>(), row.and_then(|row| row.parse::<SortKey>().ok())) {
        (Ok(cursor), Some(sort_key)) => {
            assert_eq!(cursor, Cursor(sort_key));
            assert_eq!(cursor.to_string(), text);
            assert_eq!(row, Some(&*sort_key.to_string()));
        }
        (Ok(_), None) => panic!("{text} is a cursor to {row:?}"),
        (Err(_), Some(sort_key)) => panic!("{text} is no cursor to {sort_key}"),
        (Err(_), None) => {}
    }
}

fuzz_target!(|text: &str| {
    // Try the bytes as a client sent them, and as a cursor made from the same text.
    let decoded = URL_SAFE_NO_PAD.decode(text).ok().and_then(|row| String::from_utf8(row).ok());
    check(text, decoded.as_deref());
    check(&URL_SAFE_NO_PAD.encode(text), Some(text));
});
