//! What handles ask of the driver.

use std::sync::Arc;

use satkeeper_host::{Error, dispatch};
use tokio::sync::{mpsc, oneshot};

use crate::provider::CredentialProvider;

/// The way from the handles to the driver. Unbounded, so that asking never waits: each message is followed by
/// somebody who waits for its answer, and the driver never lets one lie.
pub(crate) type Asks = mpsc::UnboundedSender<Ask>;

/// One request of an application.
pub(crate) type Ask = dispatch::Ask<Arc<dyn CredentialProvider>>;

/// The half of the driver that knows no runtime.
pub(crate) type Dispatcher = dispatch::Dispatcher<Arc<dyn CredentialProvider>>;

/// Asks the driver and waits for its answer. No answer: the driver has gone.
pub(crate) async fn ask<T: Send + 'static>(
    asks: &Asks,
    ask: impl FnOnce(dispatch::Reply<T>) -> Ask,
) -> Result<T, Error> {
    let (reply, answer) = oneshot::channel();
    // Who has stopped waiting needs no answer.
    asks.send(ask(Box::new(move |answer| drop(reply.send(answer))))).map_err(|_| Error::OVER)?;
    answer.await.map_err(|_| Error::OVER)
}
