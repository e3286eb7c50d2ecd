//! What an answer says, held against what a scenario wants it to say.

use std::fmt::Write as _;

use crate::dissect::{self, Options, Value};
use crate::normalise::Names;
use crate::rig::Datagram;
use crate::scenario::{
    Block, Seconds, Several, Status, Wanted, WantedIa, WantedLease, WantedOption, WantedOptions,
};
use crate::transcript::value_text;

const IA_NA: u16 = 3;
const STATUS_CODE: u16 = 13;
const IA_PD: u16 = 25;

/// Where an answer is not as wanted: each with the place, and what was expected and got in a line each.
pub(super) fn differences(wanted: &Wanted, answer: &Datagram, names: &Names) -> Vec<String> {
    let tree = dissect::message(&answer.payload);
    let core = tree.core();
    let mut found = Found {
        names: names.clone(),
        list: Vec::new(),
    };
    if let Some(address) = wanted.source.address {
        let name = |it| names.address(it);
        found.compare("source", &name(address), &name(*answer.source.ip()));
    }
    if let Some(port) = wanted.source.port {
        found.compare(
            "source port",
            &port.to_string(),
            &answer.source.port().to_string(),
        );
    }
    if let Some(xid) = wanted.xid {
        let got = core.xid().map_or_else(|| "none".to_owned(), hex_xid);
        found.compare("xid", &hex_xid(xid), &got);
    }
    found.status("", wanted.status, &core.options);
    for (code, name, ias) in [
        (IA_NA, "ia-na", &wanted.ia_na),
        (IA_PD, "ia-pd", &wanted.ia_pd),
    ] {
        if let Some(ias) = ias {
            found.ias(code, name, ias, &core.options);
        }
    }
    found.options("", &wanted.options, &core.options);
    found.list
}

fn hex_xid(xid: u32) -> String {
    format!("{xid:#08x}")
}

/// An IAID, also as models of clients and captures write it where it is no small number.
fn iaid_text(iaid: u32) -> String {
    match iaid {
        0..=9 => iaid.to_string(),
        _ => format!("{iaid} ({iaid:#x})"),
    }
}

fn with_iaid(iaid: u32) -> String {
    format!("one with IAID {}", iaid_text(iaid))
}

struct Found {
    names: Names,
    list: Vec<String>,
}

impl Found {
    fn compare(&mut self, place: &str, expected: &str, got: &str) {
        if expected != got {
            let mut text = place.to_owned();
            let _ = write!(
                text,
                "\n        expected  {expected}\n        got       {got}"
            );
            self.list.push(text);
        }
    }

    fn status(&mut self, place: &str, wanted: Option<Status>, options: &Options) {
        let Some(Status(wanted)) = wanted else {
            return;
        };
        let text = |code: Option<u16>| code.map_or_else(|| "none".to_owned(), dissect::status_name);
        let got = options.first(STATUS_CODE).and_then(|it| it.value.status());
        self.compare(&format!("{place}status"), &text(wanted), &text(got));
    }

    fn ias(&mut self, code: u16, name: &str, wanted: &Several<WantedIa>, options: &Options) {
        let there = options.all(code).filter_map(|it| {
            let Value::Ia {
                iaid,
                t1,
                t2,
                options,
            } = &it.value
            else {
                return None;
            };
            Some((*iaid, *t1, *t2, options))
        });
        let there: Vec<_> = there.collect();
        let iaids: Vec<String> = there.iter().map(|it| with_iaid(it.0)).collect();
        let iaids = match iaids.is_empty() {
            true => format!("no {name}"),
            false => iaids.join(", "),
        };
        if wanted.0.is_empty() {
            self.compare(name, &format!("no {name}"), &iaids);
        }
        for ia in &wanted.0 {
            let place = format!("{name} {}", iaid_text(ia.iaid));
            let Some((_, t1, t2, options)) = there.iter().find(|it| it.0 == ia.iaid) else {
                self.compare(name, &with_iaid(ia.iaid), &iaids);
                continue;
            };
            self.seconds(&format!("{place}, t1"), ia.t1, *t1);
            self.seconds(&format!("{place}, t2"), ia.t2, *t2);
            if let Some(leases) = &ia.leases {
                self.leases(&place, leases, options);
            }
            self.status(&format!("{place}, "), ia.status, options);
            self.options(&format!("{place}, "), &ia.options, options);
        }
    }

    fn seconds(&mut self, place: &str, wanted: Option<Seconds>, got: u32) {
        if let Some(Seconds(wanted)) = wanted {
            self.compare(place, &seconds(wanted), &seconds(got));
        }
    }

    /// Finds for each wanted lease one that is there, and names what is missing and what is left.
    fn leases(&mut self, place: &str, wanted: &Several<WantedLease>, options: &Options) {
        let mut there: Vec<There<'_>> = options
            .list
            .iter()
            .filter_map(|it| There::of(&it.value))
            .collect();
        let shown = |it: &[There<'_>]| match it {
            [] => "none".to_owned(),
            some => some.iter().map(There::text).collect::<Vec<_>>().join("  "),
        };
        let all = shown(&there);
        for lease in &wanted.0 {
            match there.iter().position(|it| it.is(lease)) {
                // What else is said of it is compared with the one that it is.
                Some(index) => {
                    let it = there.remove(index);
                    let place = format!("{place}, {}", it.name());
                    self.seconds(
                        &format!("{place}, preferred"),
                        lease.preferred,
                        it.preferred,
                    );
                    self.seconds(&format!("{place}, valid"), lease.valid, it.valid);
                    self.status(&format!("{place}, "), lease.status, it.options);
                    self.options(&format!("{place}, "), &lease.options, it.options);
                }
                None => self.compare(&format!("{place}, leases"), &wanted_text(lease), &all),
            }
        }
        if !there.is_empty() {
            let count = wanted.0.len();
            let expected = match count {
                0 => "none".to_owned(),
                1 => "one lease".to_owned(),
                _ => format!("{count} leases"),
            };
            self.compare(&format!("{place}, leases"), &expected, &all);
        }
    }

    fn options(&mut self, place: &str, wanted: &WantedOptions, options: &Options) {
        for (code, wanted) in &wanted.0 {
            let place = format!("{place}{}", dissect::option_name(code.0));
            let there: Vec<_> = options.all(code.0).collect();
            let names = &self.names;
            let texts = there.iter().map(|it| value_text(&it.value, names));
            let texts: Vec<String> = texts.map(|it| it.trim().to_owned()).collect();
            let shown = match texts.as_slice() {
                [] => "absent".to_owned(),
                some if some.iter().all(String::is_empty) => "present".to_owned(),
                some => some.join("  "),
            };
            match wanted {
                WantedOption::Present if there.is_empty() => {
                    self.compare(&place, "present", "absent");
                }
                WantedOption::Absent if !there.is_empty() => {
                    self.compare(&place, "absent", &shown);
                }
                WantedOption::Text(text) if !texts.iter().any(|it| it == text.trim()) => {
                    self.compare(&place, text.trim(), &shown);
                }
                WantedOption::Octets(octets) if !there.iter().any(|it| it.octets == *octets) => {
                    let got: Vec<String> = there.iter().map(|it| hex(&it.octets)).collect();
                    let got = match got.is_empty() {
                        true => "absent".to_owned(),
                        false => got.join("  "),
                    };
                    self.compare(&place, &hex(octets), &got);
                }
                WantedOption::Present
                | WantedOption::Absent
                | WantedOption::Text(_)
                | WantedOption::Octets(_) => {}
            }
        }
    }
}

/// A lease in an answer.
struct There<'a> {
    block: Block,
    preferred: u32,
    valid: u32,
    options: &'a Options,
}

impl<'a> There<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        if let Value::Address {
            address,
            preferred,
            valid,
            options,
        } = value
        {
            return Some(Self {
                block: Block {
                    address: *address,
                    length: None,
                },
                preferred: *preferred,
                valid: *valid,
                options,
            });
        }
        if let Value::Prefix {
            prefix,
            length,
            preferred,
            valid,
            options,
        } = value
        {
            return Some(Self {
                block: Block {
                    address: *prefix,
                    length: Some(*length),
                },
                preferred: *preferred,
                valid: *valid,
                options,
            });
        }
        None
    }

    fn is(&self, wanted: &WantedLease) -> bool {
        wanted.lease.is_none_or(|it| it == self.block)
            && wanted.within.is_none_or(|it| it.holds(&self.block))
    }

    fn name(&self) -> String {
        self.block.to_string()
    }

    fn text(&self) -> String {
        let (preferred, valid) = (seconds(self.preferred), seconds(self.valid));
        format!("{} preferred={preferred} valid={valid}", self.block)
    }
}

fn wanted_text(wanted: &WantedLease) -> String {
    match (wanted.lease, wanted.within) {
        (Some(block), _) => block.to_string(),
        (None, Some(block)) => format!("one within {block}"),
        (None, None) => "one more".to_owned(),
    }
}

fn seconds(secs: u32) -> String {
    match secs {
        u32::MAX => "infinity".to_owned(),
        _ => secs.to_string(),
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|it| format!("{it:02x}")).collect()
}
