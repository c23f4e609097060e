//! Signals. The first that asks the program to end ends it cleanly, the second at once; others ask something of a
//! session that goes on.

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
        use tokio::signal::unix::SignalKind;

        let asked = Arc::new(AtomicBool::new(false));
        for number in [SIGINT, SIGTERM] {
            // In this order: the first one finds that nobody has asked yet.
            flag::register_conditional_default(number, Arc::clone(&asked))
                .map_err(|error| unwatched(&error))?;
            flag::register(number, Arc::clone(&asked)).map_err(|error| unwatched(&error))?;
        }
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
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

/// What is asked of a session that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), expect(dead_code, reason = "there are no such signals"))]
pub(crate) enum Wish {
    /// SIGUSR1: renew now.
    Renew,
    /// SIGUSR2: the network has changed.
    NetworkChanged,
    /// SIGHUP: files may have changed.
    ReadAgain,
    /// SIGHUP because the terminal has gone: nobody is there any more.
    TerminalGone,
}

/// The signals that carry wishes. There are none but on Unix.
pub(crate) struct Wishes {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 3],
    /// There was a terminal to lose.
    #[cfg(unix)]
    had_terminal: bool,
}

impl Wishes {
    /// From now on the signals do not kill the program but are reported by [`Wishes::next`].
    #[cfg(unix)]
    pub(crate) fn watch() -> Result<Self, Failure> {
        use tokio::signal::unix::SignalKind;
        let kinds = [SignalKind::user_defined1(), SignalKind::user_defined2(), SignalKind::hangup()];
        let [renew, network, hangup] = kinds.map(listen);
        Ok(Self { signals: [renew?, network?, hangup?], had_terminal: has_terminal() })
    }

    /// Nothing is watched.
    #[cfg(not(unix))]
    pub(crate) fn watch() -> Result<Self, Failure> {
        Ok(Self {})
    }

    /// The next wish. Cancel safe.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) -> Wish {
        let [renew, network, hangup] = &mut self.signals;
        tokio::select! {
            _ = renew.recv() => Wish::Renew,
            _ = network.recv() => Wish::NetworkChanged,
            // Closing a window sends it, too: whoever did so does not want a session that nobody sees.
            _ = hangup.recv() => match self.had_terminal && !has_terminal() {
                true => Wish::TerminalGone,
                false => Wish::ReadAgain,
            },
        }
    }

    /// Nothing, for ever.
    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) -> Wish {
        std::future::pending().await
    }
}

#[cfg(unix)]
fn listen(kind: tokio::signal::unix::SignalKind) -> Result<tokio::signal::unix::Signal, Failure> {
    tokio::signal::unix::signal(kind).map_err(|error| unwatched(&error))
}

#[cfg(unix)]
fn unwatched(error: &std::io::Error) -> Failure {
    Failure::Broken(format!("signals cannot be watched: {error}"))
}

/// Whether any of the three standard streams is a terminal. One that was hung up is none any more.
#[cfg(unix)]
fn has_terminal() -> bool {
    use std::io::IsTerminal as _;
    std::io::stdin().is_terminal() || std::io::stdout().is_terminal() || std::io::stderr().is_terminal()
}
