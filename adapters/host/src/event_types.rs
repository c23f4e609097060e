//! Which events somebody wants to hear of.

use satkeeper_core::session::Notification;

/// Events of these types, and all requests that are no events: those may wait for an answer. A type that ends in `.*`
/// stands for all that begin so.
///
/// ```
/// use satkeeper_core::session::Notification;
/// use satkeeper_host::event_types::EventTypes;
/// let event = |params| {
///     let params = serde_json::value::to_raw_value(&serde_json::json!({"event_type": params})).unwrap();
///     Notification::new("signalwire.event", &params)
/// };
/// let types = EventTypes::new(["webrtc.message", "call.*"]);
/// assert!(types.admit(&event("webrtc.message")) && types.admit(&event("call.state")));
/// assert!(!types.admit(&event("conversation.message")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventTypes(Vec<String>);

/// The method of all events.
const EVENT: &str = "signalwire.event";

impl EventTypes {
    /// Of these types.
    pub fn new<T: Into<String>>(types: impl IntoIterator<Item = T>) -> Self {
        Self(types.into_iter().map(Into::into).collect())
    }

    /// Whether it is to be heard.
    #[must_use]
    pub fn admit(&self, notification: &Notification) -> bool {
        if notification.method != EVENT {
            return true;
        }
        let Some(told) = notification.event_type() else { return false };
        self.0.iter().any(|wanted| match wanted.strip_suffix('*') {
            Some(start) if start.ends_with('.') => told.starts_with(start),
            _ => *wanted == told,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::EventTypes;
    use satkeeper_core::session::Notification;
    use serde_json::json;

    fn admits(types: &[&str], method: &str, params: &serde_json::Value) -> bool {
        let params = serde_json::value::to_raw_value(params).unwrap();
        EventTypes::new(types.iter().copied()).admit(&Notification::new(method, &params))
    }

    #[test]
    fn what_is_no_event_is_never_kept_back() {
        let event = json!({"event_type": "call.state"});
        assert!(admits(&["call.state"], "signalwire.event", &event));
        assert!(admits(&["call.*"], "signalwire.event", &event));
        assert!(!admits(&["call"], "signalwire.event", &event));
        assert!(!admits(&["call*"], "signalwire.event", &event), "a part of a word is no type");
        assert!(!admits(&[], "signalwire.event", &event));
        assert!(!admits(&["call.*"], "signalwire.event", &json!({"event_type": 7})));
        assert!(admits(&[], "verto.attach", &json!({})));
    }
}
