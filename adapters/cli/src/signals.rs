//! Signals. The first that asks the program to end ends it cleanly, the second at once; others ask something of a
//! session that goes on.

use crate::exit::Failure;

/// Signals that follow the first one within this time are the same one: a terminal sends it to the whole group, and a
/// wrapper in that group sends it on.
#[cfg(unix)]
const SAME: std::time::Duration = std::time::Duration::from_millis(500);

/// The signals that ask the program to end.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    /// One has come.
    #[cfg(unix)]
    asked: bool,
}

impl Signals {
    /// From now on the first signal does not kill the program but is reported by [`Signals::next`]. A second one, from
    /// [`SAME`] later on, does, by the operating system's own means: whatever the program waits for has no say in it.
    #[cfg(unix)]
    pub(crate) fn watch() -> Result<Self, Failure> {
        use std::sync::Arc;
        use std::sync::atomic::AtomicBool;

        use tokio::signal::unix::SignalKind;

        let is_second = Arc::new(AtomicBool::new(false));
        kill_at_the_second(is_second).map_err(|error| unwatched(&error))?;
        let [interrupt, terminate] = [SignalKind::interrupt(), SignalKind::terminate()].map(listen);
        Ok(Self { interrupt: interrupt?, terminate: terminate?, asked: false })
    }

    /// From now on the first signal does not kill the program but is reported by [`Signals::next`].
    #[cfg(not(unix))]
    pub(crate) fn watch() -> Result<Self, Failure> {
        Ok(Self {})
    }

    /// The name of the next signal. Cancel safe. On Unix there is one only: the second ends the program.
    pub(crate) async fn next(&mut self) -> &'static str {
        #[cfg(unix)]
        {
            if self.asked {
                std::future::pending::<()>().await;
            }
            let name = tokio::select! {
                _ = self.interrupt.recv() => "SIGINT",
                _ = self.terminate.recv() => "SIGTERM",
            };
            self.asked = true;
            name
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
pub(crate) enum SignalRequest {
    /// SIGUSR1: renew now.
    Renew,
    /// SIGUSR2: the network has changed.
    NetworkChanged,
    /// SIGHUP: files may have changed.
    ReadAgain,
    /// SIGHUP because the terminal has gone: nobody is there any more.
    TerminalGone,
}

/// The signals that carry requests. There are none but on Unix.
pub(crate) struct SignalRequests {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 3],
    /// There was a terminal to lose.
    #[cfg(unix)]
    had_terminal: bool,
}

impl SignalRequests {
    /// From now on the signals do not kill the program but are reported by [`SignalRequests::next`].
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

    /// The next request. Cancel safe.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) -> SignalRequest {
        let [renew, network, hangup] = &mut self.signals;
        tokio::select! {
            _ = renew.recv() => SignalRequest::Renew,
            _ = network.recv() => SignalRequest::NetworkChanged,
            // Closing a window sends it, too: whoever did so does not want a session that nobody sees.
            _ = hangup.recv() => match self.had_terminal && !has_terminal() {
                true => SignalRequest::TerminalGone,
                false => SignalRequest::ReadAgain,
            },
        }
    }

    /// Nothing, for ever.
    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) -> SignalRequest {
        std::future::pending().await
    }
}

/// A thread of its own, asleep until the first signal: neither a runtime that is stuck nor a session that does not end
/// can keep the second one from being the last.
#[cfg(unix)]
fn kill_at_the_second(is_second: std::sync::Arc<std::sync::atomic::AtomicBool>) -> std::io::Result<()> {
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::{flag, low_level::pipe};

    let (mut first, bell) = UnixStream::pair()?;
    for number in [SIGINT, SIGTERM] {
        flag::register_conditional_default(number, Arc::clone(&is_second))?;
        pipe::register(number, bell.try_clone()?)?;
    }
    let arm = move || {
        if first.read_exact(&mut [0]).is_ok() {
            std::thread::sleep(SAME);
            is_second.store(true, Ordering::SeqCst);
        }
    };
    std::thread::Builder::new().name("satkeeper-signals".to_owned()).spawn(arm).map(drop)
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
