//! What relay agents do.

use super::Report;
use super::rules::{HOP_COUNT, LINK_ADDRESS, NO_LINK, NO_RELAY_MESSAGE};
use crate::conversation::Said;
use crate::dissect::{Head, Message, is_relay};

const INTERFACE_ID: u16 = 18;
const RELAY_FORWARD: u8 = 12;
const HOP_COUNT_MAX: u8 = 8;

pub(super) fn check(said: &Said<'_>, report: &mut Report) {
    let levels: Vec<&Message> = said
        .tree
        .levels()
        .filter(|it| is_relay(it.message_type))
        .collect();
    for (index, level) in levels.iter().enumerate() {
        let Head::Relay { hops, link, .. } = level.head else {
            continue;
        };
        let carries = levels.len() - index - 1;
        if level.relayed().is_none() && said.packet.missing == 0 {
            report.add(&NO_RELAY_MESSAGE, said, level.name());
            continue;
        }
        if level.message_type != RELAY_FORWARD {
            continue;
        }
        if usize::from(hops) != carries || hops > HOP_COUNT_MAX {
            let text = format!("hop count {hops} around {carries} other agents");
            report.add(&HOP_COUNT, said, text);
        }
        if link.is_unicast_link_local() || link.is_multicast() || link.is_loopback() {
            report.add(&LINK_ADDRESS, said, format!("link-address {link}"));
        }
        if carries == 0 && link.is_unspecified() && level.options.first(INTERFACE_ID).is_none() {
            report.add(&NO_LINK, said, "link-address :: and no interface-id");
        }
    }
}
