//! What the application answers to a request of the server's.

use alloc::string::String;

use serde_json::Value;

/// What the application answers: a result, or a refusal.
pub type Answer = core::result::Result<Value, Refusal>;

/// A refusal of a request of the server's, as JSON-RPC has it.
///
/// ```
/// use satkeeper_core::session::Refusal;
/// let refusal = Refusal::new(-32603, "the user declined");
/// assert_eq!(refusal.code, -32603);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// JSON-RPC error code.
    pub code: i64,
    /// For whoever reads it on the other side.
    pub message: String,
}

impl Refusal {
    /// With this code and message.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}
