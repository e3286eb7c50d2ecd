//! Numbers of things, in words.

use std::fmt::Display;

/// `1 message`, `7 messages`.
pub(crate) fn counted<N: Display + PartialEq + From<u8>>(count: N, thing: &str) -> String {
    let end = if count == N::from(1) { "" } else { "s" };
    format!("{count} {thing}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_no_several() {
        assert_eq!(counted(0_usize, "message"), "0 messages");
        assert_eq!(counted(1_usize, "message"), "1 message");
        assert_eq!(counted(2_u64, "message"), "2 messages");
    }
}
