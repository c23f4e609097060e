//! SIGINT and SIGTERM. The first asks the program to end cleanly, the second ends it at once.

use crate::exit::Failure;

/// The signals that ask the program to end.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// From now on the first signal does not kill the program but is reported by [`Signals::next`]. A second one
    /// does, by the operating system's own means: whatever the program waits for has no say in it.
    #[cfg(unix)]
    pub(crate) fn watch() -> Result<Self, Failure> {
        use std::sync::Arc;
        use std::sync::atomic::AtomicBool;

        use signal_hook::consts::{SIGINT, SIGTERM};
        use signal_hook::flag;
        use tokio::signal::unix::{SignalKind, signal};

        let failed = |error| Failure::Broken(format!("signals cannot be watched: {error}"));
        let asked = Arc::new(AtomicBool::new(false));
        for number in [SIGINT, SIGTERM] {
            // In this order: the first one finds that nobody has asked yet.
            flag::register_conditional_default(number, Arc::clone(&asked)).map_err(failed)?;
            flag::register(number, Arc::clone(&asked)).map_err(failed)?;
        }
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
        })
    }

    /// From now on the first signal does not kill the program but is reported by [`Signals::next`].
    #[cfg(not(unix))]
    pub(crate) fn watch() -> Result<Self, Failure> {
        Ok(Self {})
    }

    /// The name of the next signal. Cancel safe.
    pub(crate) async fn next(&mut self) -> &'static str {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
        #[cfg(not(unix))]
        match tokio::signal::ctrl_c().await {
            Ok(()) => "Ctrl-C",
            Err(_) => std::future::pending().await,
        }
    }
}
