//! Reasons for rejecting a token.

/// The reason for rejecting a token. Logged, but never sent to the client.
#[derive(Debug, thiserror::Error)]
pub enum TokenRefusal {
    /// No `Authorization` header.
    #[error("there is no Authorization header")]
    Missing,
    /// More than one `Authorization` header.
    #[error("there is more than one Authorization header")]
    Repeated,
    /// The header is not `Bearer` and a token of three parts, or has more than [`super::MAX_AUTHORIZATION_BYTES`]
    /// bytes.
    #[error("the Authorization header is not Bearer with a token of three parts")]
    Malformed,
    /// The token's header is not a JSON object with `alg` and `kid`.
    #[error("the token's header is malformed")]
    HeaderMalformed,
    /// An algorithm other than RS256.
    #[error("the token's algorithm is not RS256")]
    AlgorithmRefused,
    /// `crit`, `zip`, `enc` or `b64: false`. Each changes the meaning of a token.
    #[error("the token's header asks for an extension")]
    ExtensionRefused,
    /// A `typ` other than an access token's, such as `id+jwt` or `logout+jwt`.
    #[error("the token's type is not that of an access token")]
    TypeRefused,
    /// No key of the pool has the token's `kid`.
    #[error("the token's key is not in the key set")]
    KeyUnknown,
    /// The signature does not match the key.
    #[error("the token's signature is wrong")]
    SignatureWrong,
    /// The claims are not a JSON object, or a required claim is missing or has another type.
    // Without the parser's message, which quotes the token.
    #[error("the token's claims are malformed")]
    ClaimsMalformed,
    /// An issuer other than the pool.
    #[error("the issuer of the token is not the user pool")]
    IssuerRefused,
    /// Not an access token.
    #[error("the token is not an access token")]
    UseRefused,
    /// A client that is not configured.
    #[error("the token was issued to another client")]
    ClientRefused,
    /// A `sub` that is empty or contains a NUL.
    #[error("the token has no subject")]
    SubjectMissing,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf`, `iat` or `auth_time` is in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The sign-in is older than the user's last sign-out on all devices.
    #[error("the user has signed out on all devices")]
    SignedOut,
}
