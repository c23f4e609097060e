//! What a driver tells a [`Session`](crate::session::Session).

use alloc::string::String;
use alloc::vec::Vec;

use crate::dpop::ProofKey;
use crate::error::Error;
use crate::lifecycle::{AskId, Generation, SocketId};
use crate::wire::http::HttpResponse;

use super::answer::Answer;
use super::credential::{Credential, ProviderError};
use super::ids::{CallId, NotificationId, RequestId};
#[cfg(doc)]
use super::notification::Notification;
use super::provider::Provider;

/// One input of [`Session::step`](crate::session::Session::step).
#[non_exhaustive]
pub enum SessionInput {
    /// Begin. The first input.
    Start,
    /// Time has passed; early ticks do nothing.
    Tick,
    /// The answer to [`SessionOutput::Request`](crate::session::SessionOutput::Request): a whole response of any
    /// status, or why there was none.
    Http {
        /// Which request.
        id: RequestId,
        /// The response, its body already limited to 64 KiB (R36).
        result: Result<HttpResponse, Error>,
    },
    /// The socket that was asked for is open.
    Opened {
        /// Which.
        socket: SocketId,
        /// The `Date` header of the upgrade response, if there was one (R3).
        date: Option<String>,
    },
    /// A text frame arrived.
    Frame {
        /// On which socket.
        socket: SocketId,
        /// Its text, at most 1 MiB (R36). Larger ones and binary ones: [`SessionInput::OddFrame`].
        text: String,
    },
    /// A frame arrived that is oversized or not text; it counts as a sign of life and is dropped with an
    /// event (R32).
    OddFrame {
        /// On which socket.
        socket: SocketId,
    },
    /// The socket never opened, closed or broke, whatever the close code.
    Closed {
        /// Which.
        socket: SocketId,
        /// What the transport said of it, for the log.
        error: Option<Error>,
    },
    /// The answer of the application's provider.
    Credential {
        /// Which request.
        id: RequestId,
        /// A credential, or the provider's error.
        result: Result<Credential, ProviderError>,
    },
    /// The key that was asked for.
    Key {
        /// Which request.
        id: RequestId,
        /// The key, or why there is none.
        result: Result<ProofKey, Error>,
    },
    /// The external signer's answer to [`SessionOutput::Sign`](crate::session::SessionOutput::Sign).
    Signature {
        /// Which request.
        id: RequestId,
        /// The signature, or why there is none.
        result: Result<Vec<u8>, Error>,
    },
    /// The answer to [`SessionOutput::Persist`](crate::session::SessionOutput::Persist) or
    /// [`SessionOutput::Erase`](crate::session::SessionOutput::Erase).
    Stored {
        /// Which request.
        id: RequestId,
        /// Done, or why not.
        result: Result<(), StoreFailure>,
    },
    /// The application calls a method over the session. Waits, bounded, until the session is live; repeated
    /// once after a recovered rejection (R24, R32).
    Call {
        /// Its name.
        call: CallId,
        /// JSON-RPC method.
        method: String,
        /// JSON-RPC params.
        params: serde_json::Value,
    },
    /// The application no longer waits for this call.
    CancelCall {
        /// Which.
        call: CallId,
    },
    /// The application answers a request of the server's, one that [`Notification::request`] names; ends in
    /// [`SessionOutput::Responded`](crate::session::SessionOutput::Responded). Each is answered once, within
    /// [`Config::answer_timeout`](crate::session::Config::answer_timeout), on the connection that it came on or not at all.
    Respond {
        /// Which.
        notification: NotificationId,
        /// What.
        answer: Answer,
    },
    /// The application wants to know who the subscriber is, anew: `subscriber/info` is asked with the token in force,
    /// once more after a renewal where that is refused. Ends in [`SessionOutput::Fetched`](crate::session::SessionOutput::Fetched).
    FetchSubscriber {
        /// Who waits.
        ask: AskId,
    },
    /// The application brings a token of its own (R33).
    UpdateToken {
        /// Who waits.
        ask: AskId,
        /// The token and what is known of its end.
        credential: Credential,
    },
    /// The application wants a renewal now (R27).
    RefreshNow {
        /// Who waits.
        ask: AskId,
    },
    /// A request of the application's own, outside of the session, was refused for its credential (R24);
    /// calls over the session need not say so.
    Rejected {
        /// Who waits.
        ask: AskId,
        /// The generation of the credential that was refused.
        generation: Generation,
    },
    /// The application replaces its provider (R33).
    SetProvider(Provider),
    /// Stop renewing, close the socket, keep everything (R33).
    Suspend,
    /// Go on after a suspension.
    Resume,
    /// The host's network changed (R19).
    NetworkChanged,
    /// End the session (R33).
    Disconnect,
    /// Put the session to rest, with all that is kept of it: the next process resumes it from its record, which is
    /// written last (R33). Without a store nothing is kept, and it ends as any other.
    Leave,
    /// End the session and erase what was kept (R33).
    Destroy,
}

/// Why the record was not written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoreFailure {
    /// Somebody else holds the record by now, or has written to it: this session is handed over (R11).
    Taken(Error),
    /// It could not be written; that nobody else holds it is certain: by a local lock, or a beat of less than 2.2 s ago.
    Failed(Error),
    /// It could not be written, and whether somebody else holds it by now is not known: no secret may be presented that
    /// can be used only once (R12).
    Unsure(Error),
}
