//! What a message is about, in a few lines: leases and statuses first, then what else somebody would look for.

use crate::dissect::{self, Head, Message, Opt, Options, Value};
use crate::normalise::Names;

const ADVERTISE: u8 = 2;
const REPLY: u8 = 7;
/// The code of the Elapsed Time option.
const ELAPSED_TIME: u16 = 8;

/// What a message between a client and the server is about.
pub(super) fn of_message(message: &Message, names: &Names) -> Vec<String> {
    let is_answer = [ADVERTISE, REPLY].contains(&message.message_type);
    let mut lines = Vec::new();
    let mut asks = Vec::new();
    let mut others = Vec::new();
    for option in &message.options.list {
        match &option.value {
            Value::Ia { iaid, options, .. } | Value::IaTa { iaid, options } => {
                let name = format!("{} {iaid}", ia_name(option));
                lines.extend(association(&name, options, is_answer));
            }
            Value::Status { .. } => lines.extend(status(option)),
            Value::Codes(codes) => {
                let codes: Vec<String> = codes.iter().map(|it| dissect::option_name(*it)).collect();
                let asked = if codes.is_empty() {
                    "nothing".into()
                } else {
                    codes.join(", ")
                };
                asks.push(format!("asks for {asked}"));
            }
            Value::Duid(duid) if names.duid(duid).is_some() => {}
            Value::Number(0) if option.code == ELAPSED_TIME => {}
            Value::Malformed(_) => lines.push(format!("{} malformed", option_name(option))),
            Value::Empty
            | Value::Duid(_)
            | Value::Address { .. }
            | Value::Prefix { .. }
            | Value::Numbers(_)
            | Value::Number(_)
            | Value::Message(_)
            | Value::Authentication { .. }
            | Value::Items { .. }
            | Value::EnterpriseOptions { .. }
            | Value::EnterpriseData { .. }
            | Value::Addresses(_)
            | Value::Names(_)
            | Value::Fqdn { .. }
            | Value::Ntp(_)
            | Value::Text(_)
            | Value::Options(_)
            | Value::LinkLayer { .. }
            | Value::Opaque(_) => others.push(option_name(option)),
        }
    }
    if !message.options.rest.is_empty() || matches!(message.head, Head::Cut(_)) {
        lines.push("cut short".to_owned());
    }
    lines.extend(asks);
    if !others.is_empty() {
        lines.push(format!("with {}", others.join(", ")));
    }
    lines
}

/// What a relay agent says of a message: where it came from.
pub(super) fn of_agent(level: &Message) -> Vec<String> {
    let mut lines = Vec::new();
    if let Head::Relay { link, .. } = &level.head
        && !link.is_unspecified()
    {
        lines.push(format!("link {link}"));
    }
    let mut others = Vec::new();
    for option in level
        .options
        .list
        .iter()
        .filter(|it| it.value.message().is_none())
    {
        let text = std::str::from_utf8(&option.octets).ok();
        match text.filter(|it| !it.is_empty() && it.bytes().all(|it| matches!(it, 0x20..=0x7e))) {
            Some(text) => lines.push(format!("{} {text}", option_name(option))),
            None => others.push(option_name(option)),
        }
    }
    if !others.is_empty() {
        lines.push(format!("with {}", others.join(", ")));
    }
    lines
}

fn option_name(option: &Opt) -> String {
    dissect::option_name(option.code)
}

/// What an IA is called in texts.
fn ia_name(option: &Opt) -> String {
    option_name(option).replace("ia-", "IA_").to_uppercase()
}

/// A line for an IA without leases, and else one for each lease.
fn association(name: &str, options: &Options, is_answer: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut tell = |what: &str| lines.push(format!("{name}: {what}"));
    for inner in &options.list {
        if let Value::Address {
            address,
            preferred,
            valid,
            options,
        } = &inner.value
        {
            let lasts = lease(*preferred, *valid, options, is_answer);
            tell(&format!("{address}{lasts}"));
        } else if let Value::Prefix {
            prefix,
            length,
            preferred,
            valid,
            options,
        } = &inner.value
        {
            let lasts = lease(*preferred, *valid, options, is_answer);
            tell(&format!("{prefix}/{length}{lasts}"));
        } else if let Value::Malformed(_) = &inner.value {
            tell(&format!("{} malformed", option_name(inner)));
        } else if let Some(status) = status(inner) {
            tell(&status);
        }
    }
    if !options.rest.is_empty() {
        tell("cut short");
    }
    if lines.is_empty() {
        lines.push(name.to_owned());
    }
    lines
}

/// How long a lease lasts; nothing where a client only asks for it.
fn lease(preferred: u32, valid: u32, options: &Options, is_answer: bool) -> String {
    let mut text = match (preferred, valid, is_answer) {
        (0, 0, false) => String::new(),
        _ => format!(" · {} / {}", span(preferred), span(valid)),
    };
    for status in options.list.iter().filter_map(status) {
        text.push_str(" · ");
        text.push_str(&status);
    }
    text
}

fn status(option: &Opt) -> Option<String> {
    if let Value::Status { code, .. } = &option.value {
        Some(dissect::status_name(*code))
    } else {
        None
    }
}

/// Seconds, in the largest unit that they are a whole number of.
fn span(secs: u32) -> String {
    const UNITS: [(u32, &str); 3] = [(86_400, "d"), (3_600, "h"), (60, "min")];
    match secs {
        u32::MAX => "∞".to_owned(),
        0 => "0".to_owned(),
        _ => {
            let whole = UNITS.iter().find(|(unit, _)| secs.is_multiple_of(*unit));
            let (unit, name) = whole.unwrap_or(&(1, "s"));
            format!("{} {name}", secs / unit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_said_in_whole_units() {
        assert_eq!(
            [0, 59, 90, 3600, 86_400, u32::MAX].map(span),
            ["0", "59 s", "90 s", "1 h", "1 d", "∞"]
        );
    }
}
