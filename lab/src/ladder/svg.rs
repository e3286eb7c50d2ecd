//! A ladder as a picture: SVG that stands in an HTML page, with the colours of [`STYLE`].
//!
//! Every rung is a group with the number of the rung, so that a page can show the whole of the one that is chosen: what
//! does not fit is cut.

use std::fmt::Write as _;

use crate::ladder::{Happening, Ladder, Leg, Rail, Role, Rung, Said};

/// The rules that the picture needs. The page says what the colours are: `--ink`, `--faint`, `--paper`,
/// `--client`, `--server`, `--relay`, `--bad`, `--band`.
pub const STYLE: &str = include_str!("ladder.css");

/// Room at the left for the number of the step.
const GUTTER: usize = 64;
/// Room on either side of the outermost rails.
const MARGIN: usize = 84;
/// Where the rails begin below their heads.
const TOP: usize = 58;
/// From a leg's name to the leg, and from there to its first line.
const LINE: usize = 15;
/// The width of a letter of the small lines, in tenths.
const LETTER_TENTHS: usize = 64;
/// The width of a letter of what stands across, in tenths.
const BAND_LETTER_TENTHS: usize = 70;
/// At most so many lines below a leg.
const LINES_MAX: usize = 5;

/// Something that should not have happened, below the step in which it did.
#[derive(Clone, Debug)]
pub struct Mark {
    /// The number of the step, from 1.
    pub step: usize,
    /// In words.
    pub text: String,
}

/// Draws a ladder, with marks; `server` is what the server is called where the transcript has no name for it.
#[must_use]
pub fn draw(ladder: &Ladder, marks: &[Mark], server: &str) -> String {
    let mut picture = Picture {
        ladder,
        server,
        spacing: match ladder.rails.len() {
            0..=2 => 470,
            3 => 330,
            _ => 260,
        },
        body: String::new(),
        y: TOP + 16,
        step: 0,
        at_ms: 0,
    };
    for (index, rung) in ladder.rungs.iter().enumerate() {
        picture.rung(index, rung);
        let ends = ladder
            .rungs
            .get(index + 1)
            .is_none_or(|next| next.step != rung.step);
        if ends {
            let next = ladder
                .rungs
                .get(index + 1)
                .map_or(usize::MAX, |next| next.step);
            let due = |mark: &&Mark| {
                (mark.step == rung.step) || (mark.step > rung.step && mark.step < next)
            };
            for mark in marks.iter().filter(due) {
                picture.mark(mark);
            }
        }
    }
    let first = ladder.rungs.first().map_or(usize::MAX, |rung| rung.step);
    for mark in marks.iter().filter(|mark| mark.step < first) {
        picture.mark(mark);
    }
    picture.finish()
}

/// Why nothing comes of a message.
#[derive(Clone, Copy)]
enum Fate<'a> {
    /// The link loses it.
    Lost,
    /// The server does not answer it; by the words of [`Said::dropped`].
    Dropped(&'a str),
}

struct Picture<'a> {
    ladder: &'a Ladder,
    server: &'a str,
    /// From one rail to the next.
    spacing: usize,
    body: String,
    /// Where the next thing begins.
    y: usize,
    /// The last step that was numbered.
    step: usize,
    /// The last time that was told.
    at_ms: u64,
}

impl Picture<'_> {
    fn x(&self, rail: usize) -> usize {
        GUTTER + MARGIN + rail * self.spacing
    }

    fn width(&self) -> usize {
        self.x(self.ladder.rails.len().saturating_sub(1)) + MARGIN
    }

    fn rung(&mut self, index: usize, rung: &Rung) {
        let top = self.y;
        let class = match &rung.what {
            Happening::Message(Said { lost: true, .. }) => "rung message lost gone",
            Happening::Message(Said {
                dropped: Some(_), ..
            }) => "rung message lost",
            Happening::Message(Said {
                from_server: true, ..
            }) => "rung message server",
            Happening::Message(_) => "rung message client",
            Happening::Band { .. } => "rung band",
            Happening::Silence { .. } | Happening::Ended { .. } => "rung band bad",
        };
        let _ = write!(self.body, "<g class=\"{class}\" data-rung=\"{index}\">");
        let hit = self.body.len();
        self.gutter(rung);
        match &rung.what {
            Happening::Message(said) => self.message(said),
            Happening::Band { what } => self.across(what, ""),
            Happening::Silence { dropped: None } => self.across("the server is silent", ""),
            Happening::Silence { dropped: Some(why) } => {
                self.across(&format!("dropped: {why}"), "")
            }
            Happening::Ended { how } => self.across(&format!("the server ended: {how}"), ""),
        }
        let (width, height) = (self.width(), self.y - top);
        let hit_area = format!(
            "<rect class=\"hit\" x=\"0\" y=\"{}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>",
            top - 6
        );
        self.body.insert_str(hit, &hit_area);
        self.body.push_str("</g>");
    }

    /// The number of a step where it begins, and the time where some has passed.
    fn gutter(&mut self, rung: &Rung) {
        let y = self.y + 12;
        if rung.step != self.step {
            self.step = rung.step;
            let _ = write!(
                self.body,
                "<text class=\"step\" x=\"14\" y=\"{y}\">{}</text>",
                rung.step
            );
        }
        if rung.at_ms != self.at_ms {
            self.at_ms = rung.at_ms;
            let _ = write!(
                self.body,
                "<text class=\"time\" x=\"14\" y=\"{}\">{}</text>",
                y + 13,
                clock(rung.at_ms)
            );
        }
    }

    fn message(&mut self, said: &Said) {
        let outermost = said.legs.len().saturating_sub(1);
        for (index, leg) in said.legs.iter().enumerate() {
            // What the message says stands where its client is.
            let at_client = match said.from_server {
                true => index == outermost,
                false => index == 0,
            };
            let fate = match said.lost {
                true => Some(Fate::Lost),
                false => said.dropped.as_deref().map(Fate::Dropped),
            };
            let fate = fate.filter(|_| index == outermost);
            self.leg(said, leg, at_client, fate);
        }
        self.y += 8;
    }

    fn leg(&mut self, said: &Said, leg: &Leg, at_client: bool, fate: Option<Fate<'_>>) {
        let (from, to) = (self.x(leg.from), self.x(leg.to));
        let (middle, room) = (usize::midpoint(from, to), from.abs_diff(to));
        let y = self.y + LINE;
        // The client's own message has its transaction id; what an agent makes of it, the name of what is inside.
        let aside = match (&said.xid, at_client) {
            (Some(xid), true) => xid,
            (None, true) => "",
            (_, false) => &said.name,
        };
        let aside = match aside.is_empty() || *aside == *leg.name {
            true => String::new(),
            false => format!("<tspan class=\"aside\" dx=\"8\">{}</tspan>", escape(aside)),
        };
        let _ = write!(
            self.body,
            "<text class=\"name\" x=\"{middle}\" y=\"{}\">{}{aside}</text>",
            y - 5,
            escape(&leg.name)
        );
        // A lost message does not arrive, and one that is dropped gets no further than to the server's door.
        let end = match (fate, to > from) {
            (None, true) => to - 3,
            (None, false) => to + 3,
            (Some(Fate::Lost), _) => middle,
            (Some(Fate::Dropped(_)), true) => to - 22,
            (Some(Fate::Dropped(_)), false) => to + 22,
        };
        let virtual_leg = at_client && said.legs.len() > 1;
        let class = if virtual_leg { "leg inner" } else { "leg" };
        let _ = write!(
            self.body,
            "<circle class=\"origin\" cx=\"{from}\" cy=\"{y}\" r=\"3\"/>\
             <line class=\"{class}\" x1=\"{from}\" y1=\"{y}\" x2=\"{end}\" y2=\"{y}\"/>"
        );
        let back = if to > from { end - 9 } else { end + 9 };
        let _ = match fate {
            None => write!(
                self.body,
                "<path class=\"head\" d=\"M{end} {y}L{back} {}L{back} {}Z\"/>",
                y - 5,
                y + 5
            ),
            Some(_) => write!(
                self.body,
                "<path class=\"cross\" d=\"M{0} {2}L{1} {3}M{0} {3}L{1} {2}\"/>",
                end - 5,
                end + 5,
                y - 5,
                y + 5
            ),
        };
        self.y = y + 4;
        let room = (room - 24) * 10 / LETTER_TENTHS;
        let own = if at_client { said.gist.as_slice() } else { &[] };
        let mut lines: Vec<&str> = leg.gist.iter().chain(own).map(String::as_str).collect();
        let rest = lines.len().saturating_sub(LINES_MAX);
        let more = format!("and {} more", rest + 1);
        if rest > 0 {
            lines.truncate(LINES_MAX - 1);
            lines.push(&more);
        }
        for line in lines {
            self.line("gist", middle, &cut(line, room));
        }
        if let Some(fate) = fate {
            let why = match fate {
                Fate::Lost => "lost on the link".to_owned(),
                Fate::Dropped("silence") => "no answer".to_owned(),
                Fate::Dropped(label) => format!("dropped: {label}"),
            };
            self.line("why", middle, &cut(&why, room));
        }
        self.y += 10;
    }

    fn line(&mut self, class: &str, middle: usize, text: &str) {
        self.y += LINE;
        let _ = write!(
            self.body,
            "<text class=\"{class}\" x=\"{middle}\" y=\"{}\">{}</text>",
            self.y - 2,
            escape(text)
        );
    }

    /// A band across all rails.
    fn across(&mut self, text: &str, class: &str) {
        let (left, width) = (GUTTER, self.width() - GUTTER - 8);
        let lines = wrap(text, (width - 24) * 10 / BAND_LETTER_TENTHS);
        let height = lines.len() * LINE + 9;
        let _ = write!(
            self.body,
            "<rect class=\"bar {class}\" x=\"{left}\" y=\"{}\" width=\"{width}\" height=\"{height}\" rx=\"4\"/>",
            self.y
        );
        for (index, line) in lines.iter().enumerate() {
            let _ = write!(
                self.body,
                "<text class=\"across {class}\" x=\"{}\" y=\"{}\">{}</text>",
                left + width / 2,
                self.y + LINE + 1 + index * LINE,
                escape(line)
            );
        }
        self.y += height + 12;
    }

    fn mark(&mut self, mark: &Mark) {
        self.body.push_str("<g class=\"mark\">");
        self.across(&format!("✗ step {}: {}", mark.step, mark.text), "fault");
        self.body.push_str("</g>");
    }

    fn finish(mut self) -> String {
        if self.ladder.rails.iter().any(|it| it.role == Role::Relay) {
            let _ = write!(
                self.body,
                "<text class=\"legend\" x=\"{}\" y=\"{}\">dashed: what is inside the message of the relay agent</text>",
                GUTTER + 8,
                self.y + 14
            );
            self.y += 18;
        }
        let (width, height) = (self.width(), self.y + 10);
        let mut picture = format!(
            "<svg class=\"ladder\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"packet ladder\">\
             <text class=\"legend\" x=\"14\" y=\"41\">step</text>"
        );
        for (index, rail) in self.ladder.rails.iter().enumerate() {
            picture.push_str(&head(rail, self.x(index), height, self.server));
        }
        picture.push_str(&self.body);
        picture.push_str("</svg>");
        picture
    }
}

/// A rail and the box above it.
fn head(rail: &Rail, x: usize, height: usize, server: &str) -> String {
    let (class, role) = match rail.role {
        Role::Client => ("client", "client"),
        Role::Relay => ("relay", "relay agent"),
        Role::Server => ("server", "server"),
    };
    let name = match (rail.role, rail.name.as_str()) {
        (Role::Server, "server") => server,
        (_, name) => name,
    };
    format!(
        "<line class=\"rail\" x1=\"{x}\" y1=\"{TOP}\" x2=\"{x}\" y2=\"{}\"/>\
         <g class=\"who {class}\"><rect x=\"{}\" y=\"8\" width=\"148\" height=\"42\" rx=\"8\"/>\
         <text class=\"who-name\" x=\"{x}\" y=\"26\">{}</text>\
         <text class=\"who-role\" x=\"{x}\" y=\"41\">{role}</text></g>",
        height - 4,
        x - 74,
        escape(&cut(name, 20)),
    )
}

/// A time since the start, short.
fn clock(ms: u64) -> String {
    let secs = ms / 1000;
    match secs {
        0..60 => format!("{secs} s"),
        60..3600 => format!("{}:{:02} min", secs / 60, secs % 60),
        3600..86_400 => format!("{}:{:02} h", secs / 3600, secs / 60 % 60),
        _ => format!("{} d {} h", secs / 86_400, secs / 3600 % 24),
    }
}

/// What fits into so many letters.
fn cut(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    text.chars()
        .take(letters.saturating_sub(1))
        .chain(['…'])
        .collect()
}

/// Lines of at most so many letters; a longer word stays whole.
fn wrap(text: &str, letters: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < letters => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Text as HTML and SVG want it.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // No document may hold these, in whatever form.
            '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::tests::ladder;

    #[test]
    fn a_picture_is_well_formed_whatever_is_in_it() {
        let ladder = ladder(
            "  - exchange: { from: first, relay: [{ link: \"2001:db8:1::2\" }], ia_na: { iaid: 1 } }\n  \
             - advance: 2h\n  - send: { from: second, solicit: { client_id: none, options: \
             [{ code: 65000, text: \"<&>\" }] } }\n  - expect: { dropped: no-client-id }\n",
        );
        let marks = [Mark {
            step: 3,
            text: "<&\"'> \u{1}".into(),
        }];
        let picture = draw(&ladder, &marks, "dhcp6s");
        let document = roxmltree::Document::parse(&picture).expect("well-formed");
        let texts: Vec<&str> = document
            .descendants()
            .filter(|it| it.has_tag_name("text"))
            .filter_map(|it| it.text())
            .collect();
        for text in [
            "Solicit",
            "Relay-forward",
            "Relay-reply",
            "Advertise",
            "link 2001:db8:1::2",
        ] {
            assert!(texts.contains(&text), "{text} is not in {texts:?}");
        }
        assert!(texts.contains(&"dropped: no-client-id"), "{texts:?}");
        assert!(texts.contains(&"2:00 h"), "{texts:?}");
        assert!(texts.contains(&"✗ step 3: <&\"'> \u{fffd}"), "{texts:?}");
        let rungs = document
            .descendants()
            .filter(|it| it.attribute("data-rung").is_some());
        assert_eq!(rungs.count(), ladder.rungs.len());
    }

    #[test]
    fn every_mark_is_drawn_once_wherever_its_step_is() {
        let ladder = ladder(
            "  - send: { from: first, solicit: {} }\n  - expect: advertise\n  - crash: server\n",
        );
        let marks = [1, 2, 3, 9].map(|step| Mark {
            step,
            text: "no".into(),
        });
        let picture = draw(&ladder, &marks, "dhcp6s");
        assert_eq!(picture.matches("class=\"mark\"").count(), 4, "{picture}");
        let empty = draw(&Ladder::default(), &marks, "dhcp6s");
        assert_eq!(empty.matches("class=\"mark\"").count(), 4, "{empty}");
    }

    #[test]
    fn what_is_too_long_is_cut_and_shows_it() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
    }
}
