//! The socket: first frame, signs of life, what the server tells of it, and what of that ends.

pub(super) mod admission;
pub(super) mod ice;
pub(super) mod liveness;
pub(super) mod sockets;
