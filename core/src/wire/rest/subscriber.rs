//! The subscriber's own facts, from `subscriber/info` (protocol.md 1.5).

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde_json::Value;

use crate::secret::Secret;
use crate::wire::connect::text;

/// Who the subscriber is, as far as `subscriber/info` says. Debug shows ids only: the rest is about a person.
///
/// ```
/// use satkeeper_core::wire::rest::Subscriber;
/// let info = serde_json::json!({"id": "5f2c", "display_name": "Alice", "fabric_addresses": [
///     {"id": "a1", "name": "alice", "type": "subscriber", "channels": {"audio": "/private/alice?channel=audio"}},
/// ]});
/// let subscriber = Subscriber::parse(&info);
/// assert_eq!(subscriber.display_name.as_deref(), Some("Alice"));
/// assert_eq!(subscriber.addresses[0].audio.as_deref(), Some("/private/alice?channel=audio"));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscriber {
    /// Id of the subscriber.
    pub id: Option<String>,
    /// `email`.
    pub email: Option<String>,
    /// `first_name`.
    pub first_name: Option<String>,
    /// `last_name`.
    pub last_name: Option<String>,
    /// `display_name`.
    pub display_name: Option<String>,
    /// `job_title`.
    pub job_title: Option<String>,
    /// `time_zone`: a name, or a number of hours as its text; the sources differ.
    pub time_zone: Option<String>,
    /// `country`.
    pub country: Option<String>,
    /// `region`.
    pub region: Option<String>,
    /// `company_name`.
    pub company_name: Option<String>,
    /// For push notifications: who has it can decrypt them.
    pub push_notification_key: Option<Secret>,
    /// Where the subscriber can be reached, and calls from.
    pub addresses: Vec<Address>,
    /// `app_settings.display_name`.
    pub app_display_name: Option<String>,
    /// `app_settings.scopes`.
    pub app_scopes: Vec<String>,
}

/// An address of a subscriber (`fabric_addresses`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Address {
    /// Its id.
    pub id: Option<String>,
    /// Its name, the last part of what is dialled.
    pub name: Option<String>,
    /// `display_name`.
    pub display_name: Option<String>,
    /// `type`: `subscriber`, `room`, ...
    pub kind: Option<String>,
    /// What is dialled for audio (`channels.audio`).
    pub audio: Option<String>,
    /// What is dialled for video (`channels.video`).
    pub video: Option<String>,
    /// Where messages go (`channels.messaging`).
    pub messaging: Option<String>,
}

impl Subscriber {
    /// Reads the body of an answer; what is missing or mistyped is absent.
    #[must_use]
    pub fn parse(body: &Value) -> Self {
        let none = Value::Null;
        let app = body.get("app_settings").unwrap_or(&none);
        let addresses = body.get("fabric_addresses").and_then(Value::as_array);
        Self {
            id: text(body, "id"),
            email: text(body, "email"),
            first_name: text(body, "first_name"),
            last_name: text(body, "last_name"),
            display_name: text(body, "display_name"),
            job_title: text(body, "job_title"),
            time_zone: match body.get("time_zone") {
                Some(Value::Number(hours)) => Some(hours.to_string()),
                _ => text(body, "time_zone"),
            },
            country: text(body, "country"),
            region: text(body, "region"),
            company_name: text(body, "company_name"),
            push_notification_key: text(body, "push_notification_key").map(Secret::new),
            addresses: addresses.into_iter().flatten().map(Address::parse).collect(),
            app_display_name: text(app, "display_name"),
            app_scopes: match app.get("scopes") {
                Some(Value::Array(scopes)) => {
                    scopes.iter().filter_map(Value::as_str).map(str::to_owned).collect()
                }
                _ => Vec::new(),
            },
        }
    }
}

impl Address {
    fn parse(address: &Value) -> Self {
        let none = Value::Null;
        let channels = address.get("channels").unwrap_or(&none);
        Self {
            id: text(address, "id"),
            name: text(address, "name"),
            display_name: text(address, "display_name"),
            kind: text(address, "type"),
            audio: text(channels, "audio"),
            video: text(channels, "video"),
            messaging: text(channels, "messaging"),
        }
    }
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber")
            .field("id", &self.id)
            .field("addresses", &self.addresses.iter().filter_map(|it| it.id.as_deref()).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_recording_has_is_read() {
        let info = json!({"id": "d369", "email": "subscriber@example.com", "first_name": "Test", "last_name": "Subscriber",
            "display_name": "Test Subscriber", "job_title": null, "time_zone": -8, "country": null, "region": "",
            "company_name": "CANARY Inc.", "push_notification_key": "CANARY",
            "app_settings": {"display_name": "captures", "scopes": ["a", 7]},
            "fabric_addresses": [{"id": "c3ad", "name": "subscriber", "type": "subscriber", "display_name": "Test",
                "channels": {"audio": "/private/s?channel=audio", "messaging": 7}}, 3]});
        let read = Subscriber::parse(&info);
        assert_eq!((read.id.as_deref(), read.time_zone.as_deref()), (Some("d369"), Some("-8")));
        assert_eq!((read.job_title.as_ref(), read.region.as_ref()), (None, None));
        assert_eq!(read.push_notification_key.as_ref().map(Secret::expose), Some("CANARY"));
        assert_eq!(read.app_scopes, ["a"]);
        let [address, odd] = read.addresses.as_slice() else { panic!("{:?}", read.addresses) };
        assert_eq!((address.kind.as_deref(), address.messaging.as_ref()), (Some("subscriber"), None));
        assert_eq!(*odd, Address::default());
        assert_eq!(Subscriber::parse(&json!([1])), Subscriber::default());
        assert!(!format!("{read:?}").contains("CANARY"));
        let zone = Subscriber::parse(&json!({"time_zone": "America/Chicago"})).time_zone;
        assert_eq!(zone.as_deref(), Some("America/Chicago"));
    }
}
