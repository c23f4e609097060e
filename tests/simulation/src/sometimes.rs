//! Branches that a run of some size must have taken: a simulation that never gets there proves nothing of
//! them.

macro_rules! sometimes {
    ($($name:ident = $text:literal),* $(,)?) => {
        /// Something that must happen sometimes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Sometimes {
            $($name),*
        }

        const NAMES: &[&str] = &[$($text),*];
    };
}

sometimes! {
    LateAnswer = "a late answer changed nothing",
    DuplicateAnswer = "an answer came twice",
    WrongReply = "an answer was of the wrong kind",
    StaleSocket = "an older socket was heard of",
    OutOfPlace = "an input made no sense",
    EarlyTick = "an early tick did nothing",
    LateStep = "a step came late",
    Resumed = "a session was resumed",
    ToldAgain = "the token in force was pushed again after a resume",
    ResumeRefused = "a resume was refused, a fresh connect succeeded",
    ExpiryDuringExchange = "the session expired during an exchange",
    Recovered = "a session came back after its expiry",
    GivenUp = "a session was given up after its patience",
    ExpiredAtOnce = "a session that nobody can renew ended at its expiry",
    RetryAfter = "a Retry-After was honoured",
    RetryAfterCapped = "a Retry-After was capped",
    Slept = "the host slept, the monotonic clock stopped",
    SleptCounted = "the host slept, the monotonic clock ran on",
    SetClock = "the wall clock was set ahead",
    SetBack = "the wall clock was set back",
    ServerStepped = "the server's clock was set",
    TickBack = "the monotonic clock went back",
    Barren = "a renewal gained nothing",
    Throttled = "a request of the application was throttled",
    Superseded = "an update was superseded",
    AskServed = "a request of the application was served",
    AskFailed = "a request of the application failed with its exchange",
    AskVain = "a request of the application failed for want of a mechanism",
    ShownAgain = "a refused token was shown again",
    ReachedOut = "somebody was asked although nothing was left to be shown",
    Shown = "a token was shown to a fresh connect beside the socket that serves",
    Parted = "a replaced socket was read until its time was over",
    PushFailed = "a push failed for now",
    ConnectFailed = "an attempt to connect failed",
    ConnectionLost = "a socket that served was lost",
    Alive = "a doubted socket answered after all and served again",
    Pending = "somebody was told that a renewal is not there yet",
    KeySwitched = "the key's kind was switched",
    NoKey = "a key was wanted and not to be had",
    ForeignKey = "a token was bound to another key",
    Missigned = "a proof was signed anew for its time",
    NoScope = "a base had no scope",
    EndpointFailed = "the device endpoint failed for good",
    InTurn = "the provider was asked in the bound token's turn",
    LateToken = "a late answer brought a token",
    ProviderRejected = "the provider said never",
    NoMechanism = "nobody could renew, and it was said",
    Expiring = "a token neared its end",
    Shortened = "an end was put earlier",
    Clamped = "an absurd value was clamped",
    StoreFailed = "the store failed",
    Bound = "a bound token came into force",
    ByProvider = "a provider's token came into force",
    Restarted = "the server restarted",
    FoundDead = "a half-open socket was found out",
    Suspended = "a session was suspended",
    MintFailed = "a first mint failed",
    Invalid = "every credential was refused",
    Disconnected = "the application disconnected",
    Left = "the application left the session to be resumed",
    Destroyed = "the application destroyed the session",
    HandedOver = "somebody else held the session",
    Incompatible = "the server did not speak this version",
    OutageSurvived = "an outage of half an hour was survived",
    Rebooted = "a process went on from its record",
    Replayed = "a run was replayed from its beginning",
    ReplayedFromRecord = "a run was replayed from a record in its middle",
    DroppedWhileRenewing = "the socket was lost while an exchange was unanswered",
}

/// How often each has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally(Vec<u64>);

impl Default for Tally {
    fn default() -> Self {
        Self(vec![0; NAMES.len()])
    }
}

impl Tally {
    pub(crate) fn count(&mut self, what: Sometimes) {
        self.0[what as usize] += 1;
    }

    pub(crate) fn count_many(&mut self, what: Sometimes, times: u64) {
        self.0[what as usize] += times;
    }

    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    /// Each branch with how often it was taken.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.iter().copied().zip(self.0.iter().copied())
    }

    /// What has never happened.
    #[must_use]
    pub fn never(&self) -> Vec<&'static str> {
        self.iter().filter(|(_, times)| *times == 0).map(|(name, _)| name).collect()
    }
}
