//! The user's judge: plays sessions in worlds, and says what their users suffered. It knows the world and what a client
//! says of itself; it knows no rule of any machine and shares no code with one.
//!
//! | file | what it holds |
//! |---|---|
//! | `timeline`, `world` | what a session lives in, as functions of true time |
//! | `client` | who is judged, in words that are nobody's |
//! | `catalogue` | 45 kinds of worlds, and what each may cost |
//! | `play` | a client in a world, and what happens |
//! | `log`, `verdict` | what has happened, what it comes to |
//! | `oracle` | what comes of the one and makes the other |
//! | `run`, `table`, `story` | many sessions, in figures; one of them, told |

pub mod catalogue;
pub mod client;
pub mod log;
pub mod oracle;
pub mod play;
pub mod run;
pub mod story;
pub mod table;
pub mod timeline;
pub mod verdict;
pub mod world;
