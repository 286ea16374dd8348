//! Redaction of output that varies between runs, for snapshots.

/// `text` with a name in place of each time and each uuid of version 7.
pub(crate) fn redact(text: &str) -> String {
    // `d`: a digit, `x`: a hexadecimal one, anything else: itself.
    const PATTERNS: [(&str, &str); 3] = [
        ("dddd-dd-ddTdd:dd:dd.ddddddZ", "<time>"),
        ("dddd-dd-dd dd:dd:dd", "<local time>"),
        ("xxxxxxxx-xxxx-7xxx-xxxx-xxxxxxxxxxxx", "<uuid>"),
    ];
    let mut redacted = String::new();
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let known = PATTERNS.iter().find(|(pattern, _)| is_at(rest, pattern));
        let (shown, length) = match known {
            Some((pattern, name)) => (*name, pattern.len()),
            None => (&rest[..char.len_utf8()], char.len_utf8()),
        };
        redacted.push_str(shown);
        rest = &rest[length..];
    }
    redacted
}

fn is_at(text: &str, pattern: &str) -> bool {
    let fits = |(byte, pattern): (u8, u8)| match pattern {
        b'd' => byte.is_ascii_digit(),
        b'x' => byte.is_ascii_hexdigit(),
        other => byte == other,
    };
    text.len() >= pattern.len() && text.bytes().zip(pattern.bytes()).all(fits)
}
