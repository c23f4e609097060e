//! `signalwire.reauthenticate`: a new token for a session that goes on (protocol.md 3.3).

use serde::Serialize;
use serde_json::Value;

use super::connect::Authorization;
use super::rpc;
use crate::secret::Secret;

/// The method's name, also the `mth` of its proof.
pub const METHOD: &str = "signalwire.reauthenticate";

/// What goes into a reauthenticate request.
#[derive(Clone, Copy, Debug)]
pub struct Reauthenticate<'a> {
    /// Id of the request, a UUID.
    pub id: &'a str,
    /// `authorization.project_id` of the connect result, empty where it is unknown.
    pub project: &'a str,
    /// The new token.
    pub jwt_token: &'a Secret,
    /// A proof with `mth` = [`METHOD`], whenever there is a key.
    pub dpop_token: Option<&'a Secret>,
}

impl Reauthenticate<'_> {
    /// The frame, members in the order of the SignalWire browser SDK v4.
    pub fn frame(&self) -> Secret {
        #[derive(Serialize)]
        struct Params<'a> {
            authentication: Authentication<'a>,
            #[serde(skip_serializing_if = "Option::is_none")]
            dpop_token: Option<&'a str>,
        }
        #[derive(Serialize)]
        struct Authentication<'a> {
            project: &'a str,
            jwt_token: &'a str,
        }
        let authentication = Authentication { project: self.project, jwt_token: self.jwt_token.expose() };
        let params = Params { authentication, dpop_token: self.dpop_token.map(Secret::expose) };
        rpc::request(self.id, METHOD, &params)
    }
}

/// What is read of a reauthenticate result that reports no failure
/// ([`failing_result`](super::rpc::failing_result)).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReauthenticateResult {
    /// What the server says of the new token; live servers may leave it out.
    pub authorization: Option<Authorization>,
}

impl ReauthenticateResult {
    /// Reads the `result` member of the answer; what is missing or mistyped is absent.
    pub fn parse(result: &Value) -> Self {
        Self { authorization: result.get("authorization").and_then(Authorization::parse) }
    }
}
