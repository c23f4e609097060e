//! JSON that is kept as its text, and read only as far as somebody asks.
//!
//! A value that was read in full can take ninety times the memory of its text (`[{"":0},{"":0},…]`), and the text is
//! the server's. So a frame's parts stay text; the session looks at the few members that are its own.

use alloc::string::String;
use core::cell::Cell;
use core::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Most values of a text that the session reads for itself. What SignalWire sends has a hundred.
pub const MOST_VALUES: usize = 10_000;

/// Whether a text is JSON that can be read in full: texts well formed, numbers in range, not nested too deep (R36).
/// A text that is only passed over is not judged by all of this.
///
/// # Errors
/// What is wrong with it.
pub fn check(text: &str) -> serde_json::Result<()> {
    serde_json::from_str::<Sound>(text).map(|_| ())
}

/// A member of an object; where it is there twice, the last. `None` where this is no object.
///
/// ```
/// use satkeeper_core::wire::json;
/// let params = serde_json::value::to_raw_value(&serde_json::json!({"event_type": "call.state"})).unwrap();
/// assert_eq!(json::text(json::member(&params, "event_type")).as_deref(), Some("call.state"));
/// assert!(json::member(&params, "other").is_none());
/// ```
#[must_use]
pub fn member<'a>(object: &'a RawValue, name: &str) -> Option<&'a RawValue> {
    let mut reader = serde_json::Deserializer::from_str(object.get());
    Member(name).deserialize(&mut reader).ok().flatten()
}

/// A text, if that is what it is.
#[must_use]
pub fn text(value: Option<&RawValue>) -> Option<String> {
    let json = value?.get();
    json.starts_with('"').then(|| serde_json::from_str(json).ok()).flatten()
}

/// A number, a text, a truth value or null; no array and no object.
#[must_use]
pub fn scalar(value: Option<&RawValue>) -> Option<Value> {
    let json = value?.get();
    (!json.starts_with(['[', '{'])).then(|| serde_json::from_str(json).ok()).flatten()
}

/// The value, as far as its first [`MOST_VALUES`] parts: those after them are as if absent.
#[must_use]
pub fn glance(value: &RawValue) -> Value {
    let mut reader = serde_json::Deserializer::from_str(value.get());
    Glance(&Cell::new(MOST_VALUES)).deserialize(&mut reader).unwrap_or_default()
}

/// The whole value. `null` where it cannot be read, which [`check`] rules out.
#[must_use]
pub fn whole(value: &RawValue) -> Value {
    serde_json::from_str(value.get()).unwrap_or_default()
}

/// Reads everything as a `Value` would, and keeps nothing.
struct Sound;

impl<'de> Deserialize<'de> for Sound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Sound {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

/// Finds the member of this name.
struct Member<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = members.next_key_seed(Named(self.0))? {
            if is_it {
                found = Some(members.next_value()?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Whether a key is this one.
struct Named<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Named<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Named<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

/// Reads a value for as long as there is something left of this number of parts.
#[derive(Clone, Copy)]
struct Glance<'n>(&'n Cell<usize>);

impl Glance<'_> {
    /// Takes one part out of what is left.
    fn may_go_on(self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left > 0
    }
}

impl<'de> DeserializeSeed<'de> for Glance<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Glance<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut kept = alloc::vec::Vec::new();
        while self.may_go_on() {
            let Some(item) = items.next_element_seed(self)? else { return Ok(kept.into()) };
            kept.push(item);
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(kept.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut kept = Map::new();
        while self.may_go_on() {
            let Some(name) = members.next_key::<String>()? else { return Ok(kept.into()) };
            kept.insert(name, members.next_value_seed(self)?);
        }
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(kept.into())
    }
}
