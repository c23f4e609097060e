//! Errors of the network as text that is fit to be shown.

use satkeeper_core::wire::text::Cleaner;

/// The texts of an error and of its causes, from the outermost to the innermost, bounded and cleaned. Each is
/// said once, though many repeat their cause's in their own; links to a library's manual are left out.
///
/// ```
/// let broken = std::io::Error::other("the pipe is broken");
/// assert_eq!(satkeeper_host::text::chain(&broken), "the pipe is broken");
/// ```
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let told = cause.to_string();
        if !text.contains(&told) {
            text.push_str(": ");
            text.push_str(&told);
        }
        source = cause.source();
    }
    let is_link = |part: &str| part.starts_with("https://") && !part.contains(char::is_whitespace);
    let parts: Vec<&str> = text.split(": ").filter(|part| !is_link(part)).collect();
    Cleaner::default().clean(&parts.join(": "))
}

#[cfg(test)]
mod tests {
    use super::chain;

    #[test]
    fn a_cause_is_told_once_and_without_links() {
        // proves R37
        let broken = std::io::Error::other("the pipe is broken");
        let repeating = tungstenite::Error::Io(broken);
        assert_eq!(chain(&repeating), "IO error: the pipe is broken");
        let rustls = "peer closed connection without sending TLS close_notify: \
            https://docs.rs/rustls/latest/rustls/manual/_03_howto/index.html#unexpected-eof";
        let eof = std::io::Error::new(std::io::ErrorKind::UnexpectedEof, rustls);
        let told = chain(&tungstenite::Error::Io(eof));
        assert_eq!(told, "IO error: peer closed connection without sending TLS close_notify");
        // A cause of its own words is told.
        #[derive(Debug)]
        struct Outer(std::io::Error);
        impl std::fmt::Display for Outer {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("it cannot be reached")
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let outer = Outer(std::io::Error::other("no route"));
        assert_eq!(chain(&outer), "it cannot be reached: no route");
    }
}
