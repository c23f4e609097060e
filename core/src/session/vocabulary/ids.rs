//! Names of what waits for an answer: of the driver, of the server, of the application.

/// Names one request of the session to its driver: an HTTP request, a call of the application's provider,
/// a key to be made. The answer carries the same name; each is answered at most once, late answers are
/// harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Names a JSON-RPC call of the application, chosen by the driver, unique within a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// Names a request of the server's that waits for the application's answer, unique within a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NotificationId(pub u64);
