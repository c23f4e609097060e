//! Leaks a session that has been renewed so many times: `valgrind --leak-check=full --show-leak-kinds=all` then finds
//! all that it holds on the heap, by place.

fn main() {
    let renewals = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(20);
    std::mem::forget(satkeeper_bench::session::renewed(renewals));
}
