//! A digest of whatever can be serialized: of the numbers in it, not of its text, so that it costs next to
//! nothing and does not depend on the width of a pointer.

use std::fmt;

use serde::Serialize;
use serde::ser::{self, Impossible};

use crate::draws::mixed;

/// The digest so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Digest(pub(crate) u64);

impl Digest {
    pub(crate) const fn word(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29) ^ (self.0 >> 32);
    }

    pub(crate) fn take(&mut self, value: &impl Serialize) {
        // The alphabets hold numbers, enums and structs, nothing that this serializer refuses.
        if value.serialize(&mut *self).is_err() {
            self.word(u64::MAX);
        }
    }

    /// Its share of a sum over sessions: bound to the session's number, so that the sum can be made in any
    /// order and still tells the order.
    pub(crate) const fn share(self, session: u64) -> u64 {
        mixed(self.0 ^ mixed(session))
    }
}

/// A value that the digest cannot take.
#[derive(Debug)]
pub(crate) struct Untaken;

impl fmt::Display for Untaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a value of the lifecycle's alphabets")
    }
}

impl std::error::Error for Untaken {}

impl ser::Error for Untaken {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

macro_rules! words {
    ($($name:ident: $type:ty),*) => {
        $(fn $name(self, value: $type) -> Result<(), Untaken> {
            self.word(value as u64);
            Ok(())
        })*
    };
}

impl ser::Serializer for &mut Digest {
    type Ok = ();
    type Error = Untaken;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Impossible<(), Untaken>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    words!(serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_char: char);

    fn serialize_f32(self, _: f32) -> Result<(), Untaken> {
        Err(Untaken)
    }

    fn serialize_f64(self, _: f64) -> Result<(), Untaken> {
        Err(Untaken)
    }

    fn serialize_str(self, text: &str) -> Result<(), Untaken> {
        self.serialize_bytes(text.as_bytes())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Untaken> {
        self.word(bytes.len() as u64);
        bytes.iter().for_each(|byte| self.word(u64::from(*byte)));
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Untaken> {
        self.word(0);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Untaken> {
        self.word(1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Untaken> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Untaken> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Result<(), Untaken> {
        self.word(u64::from(index));
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Untaken> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Untaken> {
        self.word(u64::from(index));
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, Untaken> {
        self.word(length.map_or(u64::MAX, |length| length as u64));
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Untaken> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Untaken> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Untaken> {
        self.word(u64::from(index));
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Untaken> {
        Err(Untaken)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Untaken> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Untaken> {
        self.word(u64::from(index));
        Ok(self)
    }
}

macro_rules! compound {
    ($($part:ident::$name:ident($($key:ty)?)),*) => {
        $(impl ser::$part for &mut Digest {
            type Ok = ();
            type Error = Untaken;

            fn $name<T: Serialize + ?Sized>(&mut self, $(_: $key,)? value: &T) -> Result<(), Untaken> {
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), Untaken> {
                Ok(())
            }
        })*
    };
}

compound!(
    SerializeSeq::serialize_element(),
    SerializeTuple::serialize_element(),
    SerializeTupleStruct::serialize_field(),
    SerializeTupleVariant::serialize_field(),
    SerializeStruct::serialize_field(&'static str),
    SerializeStructVariant::serialize_field(&'static str)
);
