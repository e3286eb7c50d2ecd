//! Frames → the IP packet in them, and what the frame tells about the link that it was on.

use std::fmt::Write as _;

use crate::link::frame::Mac;

/// The link type of bare IPv6 packets.
pub(super) const IPV6: u32 = 229;

/// libpcap's numbers of link types; some have several.
mod link_type {
    pub(super) const NULL: u32 = 0;
    pub(super) const ETHERNET: u32 = 1;
    pub(super) const PPP: u32 = 9;
    pub(super) const RAW: [u32; 5] = [12, 14, 101, 228, 229];
    pub(super) const PPP_HDLC: u32 = 50;
    pub(super) const PPP_ETHER: u32 = 51;
    pub(super) const LOOP: u32 = 108;
    pub(super) const LINUX_SLL: u32 = 113;
    pub(super) const PPP_WITH_DIR: u32 = 204;
    pub(super) const LINUX_SLL2: u32 = 276;
}

/// The length of the hardware addresses that are looked at in cooked captures.
const MAC_LEN: u16 = 6;
const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_PPPOE_SESSION: u16 = 0x8864;
const ETHERTYPES_VLAN: [u16; 4] = [0x8100, 0x88a8, 0x9100, 0x9200];
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;
/// What BSDs, macOS and Linux call IPv6.
const ADDRESS_FAMILIES_IPV6: [u32; 4] = [24, 28, 30, 10];

/// Where in the header of a frame things are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LinkLayer {
    /// Hardware addresses.
    pub(super) macs: Vec<usize>,
    /// The header of a PPPoE session.
    pub(super) pppoe: Option<usize>,
}

/// A frame, opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unframed<'a> {
    /// What is before the IP packet.
    pub(super) header: &'a [u8],
    /// The IP packet, and everything behind it.
    pub(super) packet: &'a [u8],
    /// Where in the header things are.
    pub(super) layer: LinkLayer,
    /// Source and destination.
    pub(super) macs: Option<(Mac, Mac)>,
    /// VLAN and PPPoE session.
    pub(super) link: String,
    /// The interface, where the frame tells.
    pub(super) interface: Option<u32>,
}

/// Whether frames of that type can be opened.
pub(super) fn is_known(link_type: u32) -> bool {
    use link_type::{
        ETHERNET, LINUX_SLL, LINUX_SLL2, LOOP, NULL, PPP, PPP_ETHER, PPP_HDLC, PPP_WITH_DIR, RAW,
    };
    RAW.contains(&link_type)
        || [
            NULL,
            ETHERNET,
            PPP,
            PPP_HDLC,
            PPP_ETHER,
            LOOP,
            LINUX_SLL,
            PPP_WITH_DIR,
            LINUX_SLL2,
        ]
        .contains(&link_type)
}

/// Opens a frame; `None` if there is no IP packet in it.
pub(super) fn unframe(link_type: u32, frame: &[u8]) -> Option<Unframed<'_>> {
    let mut at = Place {
        frame,
        at: 0,
        link: String::new(),
        pppoe: None,
    };
    let mut unframed = Unframed::default();
    match link_type {
        link_type::ETHERNET => {
            let (to, from) = (at.array()?, at.array()?);
            unframed.macs = Some((from, to));
            unframed.layer.macs = vec![0, 6];
            at.behind_ethertype()?;
        }
        link_type::LINUX_SLL => {
            at.skip(4)?;
            if at.u16()? == MAC_LEN {
                unframed.layer.macs = vec![at.at];
            }
            at.skip(8)?;
            at.behind_ethertype()?;
        }
        link_type::LINUX_SLL2 => {
            let ethertype = at.u16()?;
            at.skip(2)?;
            unframed.interface = Some(u32::from_be_bytes(at.array()?));
            at.skip(3)?;
            let [mac_len] = at.array()?;
            if u16::from(mac_len) == MAC_LEN {
                unframed.layer.macs = vec![at.at];
            }
            at.skip(8)?;
            at.payload_of(ethertype)?;
        }
        link_type::PPP | link_type::PPP_HDLC => at.behind_ppp()?,
        link_type::PPP_WITH_DIR => {
            at.skip(1)?;
            at.behind_ppp()?;
        }
        link_type::PPP_ETHER => at.behind_pppoe()?,
        link_type::NULL | link_type::LOOP => {
            // In the order of the machine that captured, which nothing else tells.
            let family = at.array()?;
            let families = [u32::from_le_bytes(family), u32::from_be_bytes(family)];
            families
                .iter()
                .find(|it| ADDRESS_FAMILIES_IPV6.contains(it))?;
        }
        _ if link_type::RAW.contains(&link_type) => {}
        _ => return None,
    }
    (unframed.header, unframed.packet) = frame.split_at_checked(at.at)?;
    unframed.layer.pppoe = at.pppoe;
    unframed.link = at.link;
    Some(unframed)
}

/// How far a frame is opened.
struct Place<'a> {
    frame: &'a [u8],
    at: usize,
    link: String,
    pppoe: Option<usize>,
}

impl Place<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let octets = *self.frame.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(octets)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn skip(&mut self, octets: usize) -> Option<()> {
        self.at += octets;
        (self.at <= self.frame.len()).then_some(())
    }

    fn behind_ethertype(&mut self) -> Option<()> {
        let ethertype = self.u16()?;
        self.payload_of(ethertype)
    }

    /// Goes to the IP packet in what has that EtherType.
    fn payload_of(&mut self, mut ethertype: u16) -> Option<()> {
        let mut separator = "vlan ";
        while ETHERTYPES_VLAN.contains(&ethertype) {
            let vlan = self.u16()? & 0x0fff;
            let _ = write!(self.link, "{separator}{vlan}");
            separator = ".";
            ethertype = self.u16()?;
        }
        match ethertype {
            ETHERTYPE_IPV6 | ETHERTYPE_IPV4 => Some(()),
            ETHERTYPE_PPPOE_SESSION => self.behind_pppoe(),
            _ => None,
        }
    }

    /// Goes behind the header of a PPPoE session (RFC 2516 §4).
    fn behind_pppoe(&mut self) -> Option<()> {
        self.pppoe = Some(self.at);
        let [_, code, s0, s1, _, _] = self.array()?;
        let comma = if self.link.is_empty() { "" } else { ", " };
        let session = u16::from_be_bytes([s0, s1]);
        let _ = write!(self.link, "{comma}pppoe session {session}");
        (code == 0).then(|| self.behind_ppp())?
    }

    /// Goes behind the header of a PPP frame, whose fields may be compressed (RFC 1661 §6.5, RFC 1662 §3.1).
    fn behind_ppp(&mut self) -> Option<()> {
        if self.frame.get(self.at..)?.starts_with(&[0xff, 0x03]) {
            self.skip(2)?;
        }
        let [first] = self.array()?;
        let protocol = match first % 2 {
            1 => first.into(),
            _ => {
                let [second] = self.array()?;
                u16::from_be_bytes([first, second])
            }
        };
        [PPP_IPV4, PPP_IPV6].contains(&protocol).then_some(())
    }
}
