//! What the programs here have in common: an allocator, a panic handler, a way out.
#![no_std]

use cortex_m_semihosting::{debug, hprintln};
use embedded_alloc::LlffHeap;
use panic_halt as _;

#[global_allocator]
static HEAP: LlffHeap = LlffHeap::empty();

/// Size of the heap, bytes.
pub const HEAP_SIZE: usize = 24 * 1024;

/// Makes the heap usable. The first thing that a program does, and only once.
pub fn start() {
    // The only `unsafe` of the project, in a program that only tests: whoever owns the memory must say so.
    // SAFETY: called once, before anything is allocated; the macro sets aside the memory itself.
    unsafe {
        embedded_alloc::init!(HEAP, HEAP_SIZE);
    }
}

/// Bytes of the heap that are in use now.
pub fn heap() -> usize {
    HEAP.used()
}

/// Says two numbers to the host and ends the program: how much was `done`, which is a failure where it is nothing, and
/// the most heap that was in use.
pub fn finish(done: u32, heap: usize) -> ! {
    hprintln!("done {} heap {}", done, heap);
    debug::exit(if done > 0 { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE });
    loop {
        cortex_m::asm::wfi();
    }
}
