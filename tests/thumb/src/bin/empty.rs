//! Nothing: what the other programs are compared with.
#![no_std]
#![no_main]

use cortex_m_rt::entry;

#[entry]
fn main() -> ! {
    satkeeper_thumb::start();
    satkeeper_thumb::finish(0, satkeeper_thumb::heap())
}
