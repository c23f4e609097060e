//! What can go wrong, and how often in one session: each session draws its own mix, with some kinds off.

use crate::draws::Draws;

macro_rules! faults {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal),* $(,)?) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Fault {
            $($(#[doc = $doc])* $name),*
        }

        impl Fault {
            pub(crate) const ALL: &[Self] = &[$(Self::$name),*];

            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text),*
                }
            }
        }
    };
}

faults! {
    // ---- Of one command: so many in 10,000 ----
    /// The request never arrives.
    LoseRequest = "lose-request",
    /// The server acts, its answer never arrives.
    LoseAnswer = "lose-answer",
    /// The answer comes up to a minute late.
    Delay = "delay",
    /// The answer comes twice.
    Duplicate = "duplicate",
    /// The connection breaks.
    Break = "break",
    /// 500 to 504.
    ServerError = "server-error",
    /// 429, mostly with Retry-After.
    TooMany = "too-many",
    /// Nonsense instead of an answer.
    Malformed = "malformed",
    /// The answer of another kind of command.
    WrongKind = "wrong-kind",
    /// A page of somebody on the way who knows nothing of it.
    Page = "page",
    /// 503 or 429 instead of a socket, mostly with Retry-After.
    RefuseUpgrade = "refuse-upgrade",
    /// The server does not speak this version of the protocol, it says.
    Incompatible = "incompatible",
    /// 403 or 404 from a device endpoint or subscriber/info.
    Refuse = "refuse",
    /// The provider says that it will never renew this.
    ProviderRejects = "provider-rejects",
    /// The provider fails for now.
    ProviderFails = "provider-fails",
    /// A JSON-RPC error that is no verdict on the credential.
    CallError = "call-error",
    /// A connect is refused for its credential although that is good.
    RefuseConnect = "refuse-connect",
    /// A resume is refused.
    RefuseResume = "refuse-resume",
    /// A push is refused for its credential although that is good.
    RefusePush = "refuse-push",
    /// A token's end is stated too late.
    LieLater = "lie-later",
    /// A token's end is stated too early.
    LieEarlier = "lie-earlier",
    /// A token's end is stated absurdly.
    Absurd = "absurd",
    /// A renewal brings a token that ends no later.
    Barren = "barren",
    /// A renewal brings the very token that is held.
    SameToken = "same-token",
    /// A token lives for some seconds only.
    ShortLife = "short-life",
    /// A token comes bound to somebody else's key.
    ForeignKey = "foreign-key",
    /// The store fails, or is slow.
    StoreFails = "store-fails",
    /// Somebody else has written the record.
    TakenOver = "taken-over",
    /// There is no key to be had, or it cannot sign.
    NoKey = "no-key",
    /// A step comes up to 20 s late.
    LateStep = "late-step",
    // ---- Of the world: once in so many seconds ----
    /// The socket drops.
    Drop = "drop",
    /// The socket is dead and does not say so.
    HalfOpen = "half-open",
    /// The socket is taken for dead although it lives; mostly it answers after all.
    FalseAlarm = "false-alarm",
    /// `signalwire.disconnect`.
    Restart = "restart",
    /// The server forgets what could be resumed.
    ForgetState = "forget-state",
    /// The server revokes the newest token.
    Revoke = "revoke",
    /// The operator removes the subscriber: everything is refused from then on.
    Remove = "remove",
    /// The driver's wall clock is set.
    WallStep = "wall-step",
    /// The server's clock is set.
    ServerStep = "server-step",
    /// The monotonic clock goes back.
    TickBack = "tick-back",
    /// The host sleeps.
    Sleep = "sleep",
    /// The server is away for up to an hour.
    Outage = "outage",
    /// A tick that nobody asked for.
    EarlyTick = "early-tick",
    /// The application asks for renewals, several at a time.
    AskRenewal = "ask-renewal",
    /// The application's request was refused.
    AskRejected = "ask-rejected",
    /// The application brings tokens.
    AskUpdate = "ask-update",
    /// The application changes its provider.
    SetProvider = "set-provider",
    /// The application suspends, and resumes.
    Suspend = "suspend",
    /// The network changes.
    Network = "network",
    /// Inputs that make no sense.
    OutOfPlace = "out-of-place",
    /// The process dies and begins again with what its store holds.
    Reboot = "reboot",
    /// The application leaves.
    Leave = "leave",
}

impl Fault {
    /// It comes of itself, not of a command.
    pub(crate) const fn is_of_the_world(self) -> bool {
        self as u8 >= Self::Drop as u8
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|fault| fault.name() == name)
    }

    const fn bit(self) -> u64 {
        1 << self as u64
    }
}

/// Which faults may be drawn at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed(u64);

impl Allowed {
    /// Every kind.
    pub const ALL: Self = Self(u64::MAX);
    /// None: everything goes well.
    pub const NONE: Self = Self(0);

    /// Only these, by name, separated by commas.
    ///
    /// # Errors
    /// The name that is none, with those that there are.
    pub fn named(names: &str) -> Result<Self, String> {
        let mut allowed = 0;
        for name in names.split(',').filter(|name| !name.is_empty() && *name != "none") {
            let all = || Fault::ALL.iter().map(|fault| fault.name()).collect::<Vec<_>>().join(", ");
            let fault = Fault::named(name).ok_or_else(|| format!("no fault {name}; there are: {}", all()))?;
            allowed |= fault.bit();
        }
        Ok(Self(allowed))
    }
}

/// How often each kind of fault befalls a session; zero: never.
#[derive(Clone, Debug)]
pub(crate) struct Mix([u32; 64]);

impl Mix {
    pub(crate) fn draw(draws: &mut Draws, allowed: Allowed) -> Self {
        // From a calm session to one that has everything against it.
        let share = draws.pick(&[0, 1, 1, 2, 2, 4, 8, 12]);
        let mut rates = [0; 64];
        for fault in Fault::ALL {
            let rate: u32 = if fault.is_of_the_world() {
                draws.pick(&[600, 3_600, 7_200, 21_600, 21_600, 86_400])
            } else {
                draws.pick(&[10, 10, 100, 100, 1_000, 3_000])
            };
            // What ends everything else: seldom.
            let rate = match fault {
                Fault::Leave | Fault::Remove => rate * 20,
                Fault::TakenOver => rate.div_ceil(20),
                _ => rate,
            };
            if draws.below(16) < share && allowed.0 & fault.bit() != 0 {
                rates[*fault as usize] = rate;
            }
        }
        Self(rates)
    }

    /// Whether this command meets this fault.
    pub(crate) const fn hits(&self, fault: Fault, draws: &mut Draws) -> bool {
        let rate = self.0[fault as usize];
        rate > 0 && draws.below(10_000) < rate as u64
    }

    /// When this fault comes next, from now.
    pub(crate) fn next(&self, fault: Fault, draws: &mut Draws) -> Option<u64> {
        let seconds = u64::from(self.0[fault as usize]);
        (seconds > 0).then(|| draws.below(seconds * 2_000))
    }
}
