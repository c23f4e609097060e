//! What handles ask of the driver.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use satkeeper_host::{Error, dispatch};

use crate::mailbox::{Mailbox, Message};
use crate::provider::CredentialProvider;

/// One request of an application.
pub(crate) type Ask = dispatch::Ask<Arc<dyn CredentialProvider>>;

/// The half of the driver that knows no runtime.
pub(crate) type Dispatcher = dispatch::Dispatcher<Arc<dyn CredentialProvider>>;

/// Asks the driver and waits for its answer. No answer: the driver has gone.
pub(crate) fn ask<T: Send + 'static>(
    mailbox: &Mailbox,
    ask: impl FnOnce(dispatch::Reply<T>) -> Ask,
) -> Result<T, Error> {
    let (reply, answer) = sync_channel(1);
    // Who has stopped waiting needs no answer.
    let reply = Box::new(move |answer| drop(reply.send(answer)));
    if mailbox.send(Message::Ask(ask(reply)))
        && let Ok(answer) = answer.recv()
    {
        return Ok(answer);
    }
    Err(Error::OVER)
}
