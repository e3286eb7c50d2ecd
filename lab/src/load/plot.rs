//! A run as a picture: how it went over time, and how long exchanges took.

use std::fmt::Write as _;

use crate::load::outcome::Outcome;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
/// The height of each of the three panels, and the room between them.
const PANEL: f64 = 170.0;
const GAP: f64 = 70.0;
const TOP: f64 = 80.0;
/// No more than so many points of a line: one each pixel.
const POINTS_MAX: usize = 870;

/// What a panel shows.
struct Panel<'a> {
    title: &'a str,
    /// Where it begins, from above.
    top: f64,
    /// What its axes go up to.
    x_max: f64,
    y_max: f64,
    /// The marks of the horizontal axis: where, and what stands there.
    marks: Vec<(f64, String)>,
}

/// The picture, as SVG.
#[must_use]
pub fn svg(outcome: &Outcome) -> String {
    let height = TOP + 3.0 * (PANEL + GAP);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <style>\n\
         svg {{ background: #fff; color: #222 }} text {{ fill: currentColor }} .grid {{ stroke: currentColor; \
         stroke-opacity: 0.15 }}\n\
         path {{ fill: none; stroke-width: 1.5 }} .begun {{ stroke: #888; stroke-dasharray: 4 3 }} \
         .completed {{ stroke: #1a7f37 }} .failed {{ stroke: #cf222e }} .slow {{ stroke: #0969da }}\n\
         @media (prefers-color-scheme: dark) {{ svg {{ background: #0d1117; color: #e6edf3 }} }}\n\
         </style>\n"
    );
    text(
        &mut out,
        LEFT,
        28.0,
        "start",
        &outcome.load,
        "font-size=\"17\" font-weight=\"600\"",
    );
    let latency = &outcome.latency;
    let summary = format!(
        "against {}: {:.0} exchanges/s, {:.2} % incomplete, p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms",
        outcome.server,
        outcome.rate,
        outcome.incomplete(),
        latency.p50,
        latency.p99,
        latency.max
    );
    text(&mut out, LEFT, 48.0, "start", &summary, "");

    let timeline = &outcome.timeline;
    let end = timeline.last().map_or(1.0, |it| it.at + 0.1);
    let highest = |value: fn(&crate::load::outcome::Moment) -> f64| {
        round_up(timeline.iter().map(value).fold(0.0, f64::max))
    };
    let seconds = |top, title, y_max| Panel {
        title,
        top,
        x_max: end,
        y_max,
        marks: (0..=10)
            .map(|tenth| end * f64::from(tenth) / 10.0)
            .map(|at| (at, format!("{at:.1} s")))
            .collect(),
    };
    let most = highest(|it| it.begun.max(it.completed).max(it.failed));
    let panel = seconds(TOP, "exchanges per second", most);
    panel.frame(&mut out);
    panel.key(
        &mut out,
        &[
            ("begun", "begun"),
            ("completed", "completed"),
            ("failed", "lost or refused"),
        ],
    );
    let line = |value: fn(&crate::load::outcome::Moment) -> f64| {
        timeline.iter().map(move |it| (it.at, value(it)))
    };
    panel.line(&mut out, "begun", line(|it| it.begun));
    panel.line(&mut out, "completed", line(|it| it.completed));
    panel.line(&mut out, "failed", line(|it| it.failed));

    let slowest = highest(|it| it.slowest);
    let panel = seconds(
        TOP + PANEL + GAP,
        "longest latency in each tenth of a second, in ms",
        slowest,
    );
    panel.frame(&mut out);
    panel.line(&mut out, "slow", line(|it| it.slowest));

    // Each step to the right leaves half as many that took longer.
    let steps = latency.curve.len().saturating_sub(1).max(1);
    let panel = Panel {
        title: "latency that so many exchanges did not exceed, in ms",
        top: TOP + 2.0 * (PANEL + GAP),
        x_max: index(steps),
        y_max: round_up(latency.max),
        marks: latency
            .curve
            .iter()
            .enumerate()
            .step_by(steps.div_ceil(9))
            .map(|(at, (share, _))| (index(at), percent(*share)))
            .collect(),
    };
    panel.frame(&mut out);
    let curve = latency.curve.iter().enumerate();
    panel.line(
        &mut out,
        "slow",
        curve.map(|(at, (_, latency))| (index(at), *latency)),
    );
    out.push_str("</svg>\n");
    out
}

impl Panel<'_> {
    fn x(&self, value: f64) -> f64 {
        LEFT + value / self.x_max * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        self.top + PANEL - value / self.y_max * PANEL
    }

    /// The title, the axes, and what they say.
    fn frame(&self, out: &mut String) {
        text(
            out,
            LEFT,
            self.top - 10.0,
            "start",
            self.title,
            "font-weight=\"600\"",
        );
        for quarter in 0..=4 {
            let value = self.y_max * f64::from(quarter) / 4.0;
            let y = self.y(value);
            let _ = writeln!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>",
                WIDTH - RIGHT
            );
            text(out, LEFT - 8.0, y + 4.0, "end", &short(value), "");
        }
        for (at, mark) in &self.marks {
            text(
                out,
                self.x(*at),
                self.top + PANEL + 18.0,
                "middle",
                mark,
                "",
            );
        }
    }

    /// Which line is what, at the right of the title.
    fn key(&self, out: &mut String, lines: &[(&str, &str)]) {
        for (index, (class, name)) in (0_u8..).zip(lines.iter().rev()) {
            let x = WIDTH - RIGHT - 140.0 * f64::from(index + 1);
            let y = self.top - 14.0;
            let _ = writeln!(out, "<path class=\"{class}\" d=\"M{x:.1} {y:.1}h24\"/>");
            text(out, x + 30.0, y + 4.0, "start", name, "");
        }
    }

    fn line(
        &self,
        out: &mut String,
        class: &str,
        points: impl ExactSizeIterator<Item = (f64, f64)>,
    ) {
        let group = points.len().div_ceil(POINTS_MAX).max(1);
        let mut path = String::new();
        let mut highest = 0.0_f64;
        for (index, (x, y)) in points.enumerate() {
            // Of points that share a pixel the highest one counts.
            highest = highest.max(y);
            if (index + 1).is_multiple_of(group) {
                let command = if path.is_empty() { 'M' } else { 'L' };
                let _ = write!(path, "{command}{:.1} {:.1}", self.x(x), self.y(highest));
                highest = 0.0;
            }
        }
        let _ = writeln!(out, "<path class=\"{class}\" d=\"{path}\"/>");
    }
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, text: &str, style: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {style}>{text}</text>"
    );
}

/// The next number above that begins with 1, 2, 4 or 8 and goes on with zeros.
fn round_up(value: f64) -> f64 {
    let mut scale = 0.001;
    loop {
        for step in [1.0, 2.0, 4.0, 8.0] {
            if scale * step >= value {
                return scale * step;
            }
        }
        scale *= 10.0;
    }
}

fn short(value: f64) -> String {
    match value {
        value if value >= 10_000.0 => format!("{:.0}k", value / 1000.0),
        value if value >= 10.0 || value == 0.0 => format!("{value:.0}"),
        value => format!("{value:.2}"),
    }
}

/// A share, with as many nines as it has.
fn percent(share: f64) -> String {
    let digits = (0..6).find(|&digits| {
        let text = format!("{share:.digits$}");
        text.parse().is_ok_and(|it: f64| it < 100.0)
    });
    format!("{share:.0$} %", digits.unwrap_or(6))
}

fn index(at: usize) -> f64 {
    u32::try_from(at).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::tally::Tally;
    use std::time::Duration;

    #[test]
    fn a_picture_has_all_lines_within_its_bounds() {
        let mut tally = Tally::default();
        for millis in 0..200_000 {
            let at = Duration::from_millis(millis);
            tally.begin(at);
            tally.complete(at, Duration::from_micros(millis));
        }
        let took = Duration::from_secs(200);
        let outcome = Outcome::new("a < b".into(), "server & co".into(), took, &tally);
        let svg = svg(&outcome);
        assert!(
            svg.contains("a &lt; b") && svg.contains("server &amp; co"),
            "{svg}"
        );
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        let paths: Vec<&str> = svg
            .lines()
            .filter(|it| it.starts_with("<path") && it.contains('L'))
            .collect();
        assert_eq!(paths.len(), 5);
        for path in paths {
            let numbers = path
                .split(['M', 'L', ' ', '"'])
                .filter_map(|it| it.parse::<f64>().ok());
            assert!(numbers.clone().count() <= 2 * POINTS_MAX, "{path}");
            assert!(
                numbers.clone().all(|it| (0.0..=WIDTH).contains(&it)),
                "{path}"
            );
        }
    }

    #[test]
    fn a_run_without_exchanges_is_a_picture_too() {
        let outcome = Outcome::new(
            String::new(),
            String::new(),
            Duration::ZERO,
            &Tally::default(),
        );
        let svg = svg(&outcome);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn shares_have_as_many_digits_as_they_need() {
        let texts = [0.0, 50.0, 99.9, 99.999_9].map(percent);
        assert_eq!(texts, ["0 %", "50 %", "99.9 %", "99.9999 %"]);
    }
}
