//! The HTML page that reports stand in: one file, which needs no network, in the light or the dark.

use std::fmt::Write as _;

use crate::ladder::svg::{self, escape};

/// A page with this title. The body is HTML; the classes that it can use are in `page.css`.
#[must_use]
pub fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>\n{}{}</style>\n</head>\n<body>\n<main>\n{body}</main>\n\
         <script>\n{}</script>\n</body>\n</html>\n",
        escape(title),
        include_str!("page.css"),
        svg::STYLE,
        include_str!("page.js"),
    )
}

/// Numbers in a row, each with what it counts: `("passed", 12, "scenarios passed")`. The first is its class.
#[must_use]
pub fn tiles(tiles: &[(&str, usize, &str)]) -> String {
    let mut html = String::from("<div class=\"tiles\">");
    for (class, number, label) in tiles {
        let some = if *number > 0 { " some" } else { "" };
        let _ = write!(
            html,
            "<div class=\"tile {class}{some}\"><b>{number}</b><span>{}</span></div>",
            escape(label)
        );
    }
    html.push_str("</div>\n");
    html
}

/// The sections that a scenario is about, as links to where the RFC Editor has them. What is no section stays text.
#[must_use]
pub fn sections(rfcs: &[String]) -> String {
    let mut html = String::new();
    for rfc in rfcs {
        let text = escape(rfc);
        let _ = match section_url(rfc) {
            Some(url) => write!(html, "<a href=\"{}\">RFC {text}</a>", escape(&url)),
            None => write!(html, "<span>RFC {text}</span>"),
        };
    }
    html
}

/// Where the RFC Editor has a section: `9915 §18.3.2` or `9915 §B`; of an RFC alone, the whole.
fn section_url(rfc: &str) -> Option<String> {
    let (number, section) = match rfc.split_once(" §") {
        Some((number, section)) => (number, Some(section)),
        None => (rfc, None),
    };
    if number.is_empty() || !number.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let anchor = match section {
        None => String::new(),
        Some(it) if it.starts_with(|first: char| first.is_ascii_digit()) => {
            format!("#section-{it}")
        }
        Some(it) => format!("#appendix-{it}"),
    };
    Some(format!(
        "https://www.rfc-editor.org/rfc/rfc{number}{anchor}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_a_link_to_its_place() {
        let url = |rfc| section_url(rfc).unwrap_or_default();
        assert_eq!(
            url("9915 §18.3.2"),
            "https://www.rfc-editor.org/rfc/rfc9915#section-18.3.2"
        );
        assert_eq!(
            url("9915 §B"),
            "https://www.rfc-editor.org/rfc/rfc9915#appendix-B"
        );
        assert_eq!(url("8200"), "https://www.rfc-editor.org/rfc/rfc8200");
        assert_eq!(url("nonsense §1"), "");
        assert_eq!(sections(&["x<y".into()]), "<span>RFC x&lt;y</span>");
    }

    #[test]
    fn a_page_loads_nothing() {
        let page = page("A <report>", "<p>body</p>");
        assert!(page.contains("<title>A &lt;report&gt;</title>"));
        for way_out in ["src=", "@import", "url(", "fetch(", "<link"] {
            assert!(!page.contains(way_out), "{way_out}");
        }
    }
}
