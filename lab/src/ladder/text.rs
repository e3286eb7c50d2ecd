//! The packet ladder: a transcript as messages between two rails, for people who would rather look than read.

use std::fmt::Write as _;

/// Columns between the rails.
const WIDTH: usize = 86;

/// Draws a transcript between a client on the left and the server on the right.
///
/// Each message is an arrow that carries its name, with its options below; notes stand across.
#[must_use]
pub fn draw(transcript: &str, client: &str, server: &str) -> String {
    let mut picture = String::new();
    let gap = (WIDTH + 2).saturating_sub(client.chars().count() + server.chars().count());
    let _ = writeln!(picture, "  {client}{}{server}", " ".repeat(gap));
    rung(&mut picture, "");
    for line in transcript.lines() {
        if let Some(head) = line.strip_prefix("→ ") {
            let head = head.split_once("  ").map_or(head, |(_, message)| message);
            rung(&mut picture, &arrow("", head, "▶"));
        } else if let Some(head) = line.strip_prefix("← ") {
            let head = head.split_once("  ").map_or(head, |(_, message)| message);
            rung(&mut picture, &arrow("◀", head, ""));
        } else {
            rung(&mut picture, line);
        }
    }
    rung(&mut picture, "");
    picture
}

/// A line of text between the rails; one that is too long is cut, and shows it.
fn rung(picture: &mut String, text: &str) {
    let mut text = text.to_owned();
    let len = text.chars().count();
    if len > WIDTH {
        text = text.chars().take(WIDTH - 1).chain(['…']).collect();
    }
    let blank = " ".repeat(WIDTH.saturating_sub(len));
    let _ = writeln!(picture, "  │{text}{blank}│");
}

fn arrow(left: &str, head: &str, right: &str) -> String {
    let used = left.chars().count() + right.chars().count() + head.chars().count() + 4;
    format!(
        "{left}── {head} {}{right}",
        "─".repeat(WIDTH.saturating_sub(used))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_a_ladder_is_as_wide_as_the_others() {
        let transcript = "→ first  Solicit  xid#1 to ff02::1:2\n    client-id  <first>\n\
                          ← server  Advertise  xid#1 to first\n    ia-na  iaid=1\n— crash\n";
        let picture = draw(transcript, "first", "dhcp6s");
        let lines: Vec<_> = picture.lines().skip(1).collect();
        assert_eq!(lines.len(), 7, "{picture}");
        assert!(
            lines.iter().all(|line| line.chars().count() == WIDTH + 4),
            "{picture}"
        );
        assert!(
            lines[1].contains("── Solicit  xid#1 to ff02::1:2 ──"),
            "{picture}"
        );
        assert!(
            lines[1].ends_with("▶│") && lines[3].starts_with("  │◀──"),
            "{picture}"
        );
    }

    #[test]
    fn a_line_that_is_too_long_shows_that_it_was_cut() {
        let picture = draw(&format!("    {}\n", "x".repeat(200)), "a", "b");
        assert!(picture.contains("x…│"), "{picture}");
    }
}
