//! What a recording does not hold: who brought tokens, and what the application did.

/// Who brought tokens.
#[derive(Clone, Copy)]
pub(crate) enum Brings {
    /// The developer's functions.
    Callback { can_refresh: bool },
    /// One token, given beforehand.
    Static,
    /// An embed token.
    Embed,
}

/// What the application did at a time of the recording.
#[derive(Clone, Copy)]
pub(crate) enum Wish {
    /// `disconnect()` of the official client, which its `connect()` takes back.
    Suspend,
    Resume,
    /// The page was closed.
    Killed,
    /// It was loaded again, with a key that had to be made anew.
    Restarted,
}

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) provider: Brings,
    /// Milliseconds into the recording.
    pub(crate) wishes: &'static [(u64, Wish)],
}

const fn renewing(name: &'static str) -> Scenario {
    Scenario { name, provider: Brings::Callback { can_refresh: true }, wishes: &[] }
}

const fn minting(name: &'static str) -> Scenario {
    Scenario { name, provider: Brings::Callback { can_refresh: false }, wishes: &[] }
}

/// In the order of their names.
pub(crate) const SCENARIOS: [Scenario; 31] = [
    renewing("a-csat-refresh"),
    minting("a2-csat-no-refresh-fn"),
    renewing("b-noscope-devrefresh"),
    renewing("b2-noscope-devrefresh-then-drop"),
    minting("c-noscope-norefresh"),
    minting("c2-noscope-norefresh-server-kicks"),
    renewing("d1-token-500"),
    renewing("d2-token-401"),
    renewing("d3-token-missing-field"),
    renewing("d5-reauth-rejected"),
    renewing("e1-refresh-401"),
    renewing("e2-refresh-500"),
    renewing("e3-refresh-flaky"),
    renewing("e5-refresh-missing-token"),
    renewing("f-devrefresh-rejects"),
    renewing("g1-wsdrop-csat"),
    renewing("g2-wsdrop-noscope"),
    renewing("g6-wsdrop-during-activation"),
    renewing("h1-reconnect-32003"),
    renewing("h5-reconnect-32003-noscope"),
    renewing("i1-server-ping"),
    renewing("i2-server-disconnect"),
    minting("j1-expires-at"),
    minting("j3-none"),
    Scenario { name: "k3-static-scope", provider: Brings::Static, wishes: &[] },
    Scenario { name: "k4-embed", provider: Brings::Embed, wishes: &[] },
    renewing("m1-online-rejected"),
    Scenario { wishes: &[(707, Wish::Suspend), (4_717, Wish::Resume)], ..renewing("n1-disconnect-connect") },
    Scenario {
        wishes: &[(500, Wish::Killed), (1_232, Wish::Restarted)],
        ..minting("p1-resume-same-storage")
    },
    renewing("q1-connect-32002"),
    renewing("z1-custom-domain"),
];
