//! Any bytes as HTTP responses.

use satkeeper_core::wire::http::{HttpResponse, MAX_BODY};

use crate::world::{World, config};

/// Most responses of one run.
const MOST: usize = 32;

/// The first line names the provider (`subscriber`, `embed`, `guest`, `static`, `bound`). Then come responses, apart
/// by lines of `====`: a status, headers, an empty line, a body, in which `$token` stands for what the request was
/// authorised by. The session gets them one after the other for what
/// it asks, then a server that is well: no panic, no broken invariant, and at last it is live, or over (R29, R36).
///
/// # Panics
/// When that is not so: that is a finding.
pub fn http(data: &[u8]) {
    let (kind, rest) = split(data, b"\n");
    let mut world = World::new(config(&String::from_utf8_lossy(kind)), data);
    let mut rest = Some(rest);
    while let Some(text) = rest.filter(|text| !text.is_empty() && world.responses.len() < MOST) {
        let (response, more) = split(text, b"\n====\n");
        world.responses.push_back(read(response));
        rest = Some(more);
    }
    world.run();
}

fn read(text: &[u8]) -> HttpResponse {
    let (head, body) = split(text, b"\n\n");
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let status = lines.next().and_then(|status| status.trim().parse().ok()).unwrap_or(200);
    let mut response = HttpResponse::new(status, &body[..body.len().min(MAX_BODY)]);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        response.set_header(name, value);
    }
    response
}

/// What is before the mark and what is after it; all and nothing where there is none.
fn split<'a>(data: &'a [u8], mark: &[u8]) -> (&'a [u8], &'a [u8]) {
    match data.windows(mark.len()).position(|part| part == mark) {
        Some(at) => (&data[..at], &data[at + mark.len()..]),
        None => (data, &[]),
    }
}
