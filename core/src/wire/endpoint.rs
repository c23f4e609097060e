//! The REST endpoints by name: method and path, which requests, proofs and errors share.

/// Method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
}

impl Method {
    /// Name on the wire, also the `htm` of a proof.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// One of the REST endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Endpoint {
    /// Create or find a subscriber and mint a token; Basic.
    CreateSubscriberToken,
    /// Rotate a subscriber's refresh token; Basic.
    RefreshSubscriberToken,
    /// Mint a guest's token; Basic.
    GuestToken,
    /// Mint an invited guest's token; a subscriber's Bearer.
    InviteToken,
    /// Exchange an embed token; no authentication besides it.
    EmbedToken,
    /// Exchange a token for a client-bound one; Bearer and proof.
    DeviceToken,
    /// Renew a client-bound token; Bearer and proof.
    DeviceRefresh,
    /// What the server says of subscriber and token; Bearer.
    SubscriberInfo,
}

impl Endpoint {
    /// Method, also the `htm` of a proof.
    pub const fn method(self) -> Method {
        match self {
            Self::SubscriberInfo => Method::Get,
            _ => Method::Post,
        }
    }

    /// Path below the host; also the `htu` of a proof in the official client's form.
    pub const fn path(self) -> &'static str {
        match self {
            Self::CreateSubscriberToken => "/api/fabric/subscribers/tokens",
            Self::RefreshSubscriberToken => "/api/fabric/subscribers/tokens/refresh",
            Self::GuestToken => "/api/fabric/guests/tokens",
            Self::InviteToken => "/api/fabric/subscriber/invites",
            Self::EmbedToken => "/api/fabric/embeds/tokens",
            Self::DeviceToken => "/api/fabric/subscriber/devices/token",
            Self::DeviceRefresh => "/api/fabric/subscriber/devices/refresh",
            Self::SubscriberInfo => "/api/fabric/subscriber/info",
        }
    }

    /// Short name for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateSubscriberToken => "create subscriber token",
            Self::RefreshSubscriberToken => "refresh subscriber token",
            Self::GuestToken => "guest token",
            Self::InviteToken => "invite token",
            Self::EmbedToken => "embed token",
            Self::DeviceToken => "devices/token",
            Self::DeviceRefresh => "devices/refresh",
            Self::SubscriberInfo => "subscriber/info",
        }
    }
}
