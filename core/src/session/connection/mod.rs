//! The connection: its sockets and their signs of life, what it is resumed with, what the server tells on it, and what of
//! that ends.

pub(super) mod admission;
pub(super) mod ice;
pub(super) mod liveness;
pub(super) mod resume;
pub(super) mod shown;
pub(super) mod socket;
pub(super) mod sockets;
