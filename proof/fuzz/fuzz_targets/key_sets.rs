//! Key sets. A key is found if and only if the set has an RSA key with its `kid` that may sign and can
//! verify. Its modulus and exponent are odd, of 2048 to 8192 bits and of 2 to 33 bits (design, section 6). No
//! other key of the set hides it, unless that key could have signed too.
#![no_main]

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use cruddur::auth::key_set::KeySet;
use fuzz::block_on;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fn is_usable(key: &Value) -> bool {
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key.get(name)?.as_str()?).ok();
    let is_odd_with_bits = |number: &[u8], least: usize, greatest: usize| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let first = number.get(zeros).map_or(0, |first| first.leading_zeros() as usize);
        let bits = 8 * (number.len() - zeros) - first;
        number.last().is_some_and(|last| last & 1 == 1) && (least..=greatest).contains(&bits)
    };
    let is_absent_or = |name: &str, value: &str| match key.get(name) {
        None | Some(Value::Null) => true,
        Some(other) => other == value,
    };
    key["kty"] == "RSA"
        && key["kid"].is_string()
        && is_absent_or("use", "sig")
        && is_absent_or("alg", "RS256")
        && match key.get("key_ops") {
            None | Some(Value::Null) => true,
            Some(Value::Array(operations)) => {
                operations.iter().all(Value::is_string)
                    && operations.iter().any(|operation| operation == "verify")
            }
            Some(_) => false,
        }
        && number("n").is_some_and(|modulus| is_odd_with_bits(&modulus, 2_048, 8_192))
        && number("e").is_some_and(|exponent| is_odd_with_bits(&exponent, 2, 33))
}

const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

fn is_private(key: &Value) -> bool {
    PRIVATE_MEMBERS.iter().any(|name| key.as_object().is_some_and(|key| key.contains_key(*name)))
}

fn number(first: u8) -> String {
    let mut number = [0xff; 256];
    number[0] = first;
    URL_SAFE_NO_PAD.encode(number)
}

fuzz_target!(|json: &str| {
    // Numbers of the given length in bits: the fuzzer does not guess a modulus.
    let json = json.replace("{2047}", &number(0x7f)).replace("{2048}", &number(0x80));
    let _ = KeySet::inline(&json);
    // Try again without duplicate names in an object, which are correctly rejected.
    let Ok(set) = serde_json::from_str::<Value>(&json) else { return };
    let keys = set.as_object().and_then(|set| set.get("keys")).and_then(Value::as_array);
    if keys.into_iter().flatten().any(is_private) {
        assert!(KeySet::inline(&set.to_string()).is_err(), "{set}");
        return;
    }
    let usable: Vec<_> =
        keys.into_iter().flatten().filter(|key| is_usable(key)).map(|key| &key["kid"]).collect();
    let is_named_once = |kid: &Value| usable.iter().filter(|usable| **usable == kid).count() == 1;
    let usable: Vec<_> = usable.iter().copied().filter(|kid| is_named_once(kid)).collect();
    match KeySet::inline(&set.to_string()) {
        Err(error) => assert!(usable.is_empty(), "{error}: {set}"),
        Ok(parsed) => {
            assert!(!usable.is_empty(), "{set}");
            for key in keys.into_iter().flatten() {
                let Some(kid) = key.get("kid").and_then(Value::as_str) else { continue };
                assert_eq!(
                    block_on(parsed.get(kid)).is_ok(),
                    usable.iter().any(|usable| *usable == kid),
                    "{kid} in {set}"
                );
            }
        }
    }
});
