//! Messages of the kernel's routing socket ⇄ what they say about interfaces and their IPv6 addresses (rtnetlink(7)).
//!
//! Only what decides whether a link can be served is read. Octets that are no such message yield nothing.

use std::net::Ipv6Addr;

/// What one message says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Message {
    /// An interface is there, or is now like this.
    Link(Interface),
    /// The interface with that index is deleted, or in another namespace.
    LinkGone(u32),
    /// An interface has an address, or it is now like this.
    Address(u32, Address),
    /// The interface with that index has the address no more.
    AddressGone(u32, Ipv6Addr),
    /// All that was asked for has been told.
    Done,
    /// What was asked for is refused, with that error number; 0 says that it is granted.
    Refused(i32),
}

/// A message and what is known of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Told {
    pub(super) message: Message,
    /// The number of the request that it answers, or that brought about what it tells of.
    pub(super) request: u32,
    /// The port number of the socket that the request came from.
    pub(super) port: u32,
    /// What it tells of changed while it was told.
    pub(super) interrupted: bool,
}

/// What the kernel says about an interface.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Interface {
    pub(super) index: u32,
    pub(super) name: String,
    /// Its alternative names.
    pub(super) others: Vec<String>,
    pub(super) up: bool,
    /// It can carry packets: it is up, has a carrier, and is not dormant.
    pub(super) running: bool,
    pub(super) loopback: bool,
    pub(super) ipv6: Ipv6,
    /// It is one end of a pair whose other end is in another namespace.
    pub(super) leads_out: bool,
}

/// Whether an interface has IPv6.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Ipv6 {
    #[default]
    On,
    /// It is disabled (`net.ipv6.conf.*.disable_ipv6`).
    Disabled,
    /// It has none: its MTU is too small, or the kernel is without.
    Absent,
}

/// An IPv6 address of an interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Address {
    pub(super) address: Ipv6Addr,
    pub(super) length: u8,
    pub(super) state: State,
}

/// What duplicate address detection has to say about an address (RFC 4862 §5.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// It can be used; so can an optimistic one (RFC 4429) while it is being checked.
    Usable,
    /// It is being checked, and not used yet.
    Tentative,
    /// Somebody else on the link has it.
    Duplicate,
}

const HEADER_LEN: usize = 16;
/// Flags of messages (linux/netlink.h).
const REQUEST: u16 = 1;
const DUMP: u16 = 0x300;
const INTERRUPTED: u16 = 0x10;

/// Attributes of links and addresses, and the place of `disable_ipv6` among what IFLA_INET6_CONF lists
/// (linux/if_link.h, linux/if_addr.h, linux/ipv6.h).
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_LINK_NETNSID: u16 = 37;
const IFLA_PROP_LIST: u16 = 52;
const IFLA_ALT_IFNAME: u16 = 53;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INET6_CONF: u16 = 2;
const DISABLE_IPV6: usize = 26;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_FLAGS: u16 = 8;
/// The bits of an attribute's type that are about its form.
const FORM: u16 = 0xc000;
/// AF_INET6, as the type of an attribute.
const FAMILY: u16 = 10;

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Request {
    /// All interfaces.
    Links,
    /// The IPv6 addresses of all interfaces.
    Addresses,
    /// The interface with that index.
    Link(u32),
}

/// The octets of a request with that number, which its answers carry.
pub(super) fn request(request: Request, number: u32) -> Vec<u8> {
    let (kind, flags, index) = match request {
        Request::Links => (libc::RTM_GETLINK, REQUEST | DUMP, 0),
        Request::Addresses => (libc::RTM_GETADDR, REQUEST | DUMP, 0),
        Request::Link(index) => (libc::RTM_GETLINK, REQUEST, index),
    };
    let mut body = Vec::new();
    match request {
        Request::Links | Request::Link(_) => {
            body.extend([0; 4]);
            body.extend(index.to_ne_bytes());
            body.extend([0; 8]);
        }
        Request::Addresses => {
            body.extend([u8::try_from(libc::AF_INET6).unwrap_or_default(), 0, 0, 0]);
            body.extend([0; 4]);
        }
    }
    let len = u32::try_from(HEADER_LEN + body.len()).unwrap_or_default();
    let mut octets = Vec::new();
    octets.extend(len.to_ne_bytes());
    octets.extend(kind.to_ne_bytes());
    octets.extend(flags.to_ne_bytes());
    octets.extend(number.to_ne_bytes());
    octets.extend([0; 4]);
    octets.extend(body);
    octets
}

/// The messages of one datagram.
pub(super) fn read(datagram: &[u8]) -> Vec<Told> {
    let mut told = Vec::new();
    let mut rest = datagram;
    while let Some(header) = rest.first_chunk::<HEADER_LEN>() {
        let [
            l0,
            l1,
            l2,
            l3,
            t0,
            t1,
            f0,
            f1,
            n0,
            n1,
            n2,
            n3,
            p0,
            p1,
            p2,
            p3,
        ] = *header;
        let len = usize::try_from(u32::from_ne_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
        let Some(body) = rest.get(HEADER_LEN..len) else {
            break;
        };
        let kind = u16::from_ne_bytes([t0, t1]);
        let interrupted = u16::from_ne_bytes([f0, f1]) & INTERRUPTED != 0;
        if let Some(message) = message(kind, body) {
            told.push(Told {
                message,
                request: u32::from_ne_bytes([n0, n1, n2, n3]),
                port: u32::from_ne_bytes([p0, p1, p2, p3]),
                interrupted,
            });
        }
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    told
}

fn message(kind: u16, body: &[u8]) -> Option<Message> {
    match kind {
        libc::RTM_NEWLINK => link(body).map(Message::Link),
        // The same of another family is about a bridge's port alone.
        libc::RTM_DELLINK => link(body).map(|it| Message::LinkGone(it.index)),
        libc::RTM_NEWADDR => address(body).map(|(index, it)| Message::Address(index, it)),
        libc::RTM_DELADDR => {
            address(body).map(|(index, it)| Message::AddressGone(index, it.address))
        }
        _ if i32::from(kind) == libc::NLMSG_DONE => Some(Message::Done),
        _ if i32::from(kind) == libc::NLMSG_ERROR => {
            let error = body.first_chunk().map(|it| i32::from_ne_bytes(*it));
            error.map(|it| Message::Refused(it.saturating_neg()))
        }
        _ => None,
    }
}

fn link(body: &[u8]) -> Option<Interface> {
    let (header, rest) = body.split_first_chunk::<16>()?;
    let [family, _, _, _, i0, i1, i2, i3, f0, f1, f2, f3, ..] = *header;
    if i32::from(family) != libc::AF_UNSPEC {
        return None;
    }
    let flags = i32::from_ne_bytes([f0, f1, f2, f3]);
    let mut interface = Interface {
        index: u32::from_ne_bytes([i0, i1, i2, i3]),
        up: flags & libc::IFF_UP != 0,
        running: flags & libc::IFF_RUNNING != 0,
        loopback: flags & libc::IFF_LOOPBACK != 0,
        ipv6: Ipv6::Absent,
        ..Interface::default()
    };
    let (mut is_pair, mut elsewhere) = (false, false);
    for (kind, value) in attributes(rest) {
        match kind {
            IFLA_IFNAME => interface.name = text(value),
            IFLA_PROP_LIST => {
                let names = attributes(value).filter(|it| it.0 == IFLA_ALT_IFNAME);
                interface.others = names.map(|it| text(it.1)).collect();
            }
            IFLA_AF_SPEC => interface.ipv6 = ipv6(value),
            IFLA_LINK_NETNSID => elsewhere = true,
            IFLA_LINKINFO => {
                let mut kinds = attributes(value).filter(|it| it.0 == IFLA_INFO_KIND);
                is_pair = kinds.any(|it| text(it.1) == "veth");
            }
            _ => {}
        }
    }
    interface.leads_out = is_pair && elsewhere;
    Some(interface)
}

fn ipv6(families: &[u8]) -> Ipv6 {
    let Some((_, of_ipv6)) = attributes(families).find(|it| it.0 == FAMILY) else {
        return Ipv6::Absent;
    };
    let settings = attributes(of_ipv6).find(|it| it.0 == IFLA_INET6_CONF);
    let disabled = settings.and_then(|(_, value)| value.chunks_exact(4).nth(DISABLE_IPV6));
    match disabled {
        Some([0, 0, 0, 0]) | None => Ipv6::On,
        Some(_) => Ipv6::Disabled,
    }
}

fn address(body: &[u8]) -> Option<(u32, Address)> {
    let (header, rest) = body.split_first_chunk::<8>()?;
    let [family, length, flags, _, i0, i1, i2, i3] = *header;
    if i32::from(family) != libc::AF_INET6 {
        return None;
    }
    let (mut own, mut other, mut flags) = (None, None, u32::from(flags));
    for (kind, value) in attributes(rest) {
        match kind {
            IFA_LOCAL => own = octets(value).map(Ipv6Addr::from_octets),
            // Of an interface to one neighbour alone this is the neighbour's.
            IFA_ADDRESS => other = octets(value).map(Ipv6Addr::from_octets),
            IFA_FLAGS => flags = octets(value).map_or(flags, u32::from_ne_bytes),
            _ => {}
        }
    }
    let has = |flag: u32| flags & flag != 0;
    let state = match () {
        () if has(libc::IFA_F_DADFAILED) => State::Duplicate,
        () if has(libc::IFA_F_TENTATIVE) && !has(libc::IFA_F_OPTIMISTIC) => State::Tentative,
        () => State::Usable,
    };
    let address = Address {
        address: own.or(other)?,
        length,
        state,
    };
    Some((u32::from_ne_bytes([i0, i1, i2, i3]), address))
}

/// The attributes in these octets, each with its type.
fn attributes(octets: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = octets;
    std::iter::from_fn(move || {
        let [l0, l1, t0, t1] = *rest.first_chunk::<4>()?;
        let len = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = rest.get(4..len)?;
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([t0, t1]) & !FORM, value))
    })
}

fn octets<const LEN: usize>(value: &[u8]) -> Option<[u8; LEN]> {
    value.try_into().ok()
}

/// A name, which ends with a NUL.
fn text(value: &[u8]) -> String {
    let name = value.split(|it| *it == 0).next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let len = u16::try_from(4 + value.len()).expect("a short value");
        let mut octets = [len.to_ne_bytes(), kind.to_ne_bytes()].concat();
        octets.extend(value);
        octets.resize(octets.len().next_multiple_of(4), 0);
        octets
    }

    fn framed(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
        let len = u32::try_from(HEADER_LEN + body.len()).expect("a short body");
        let mut octets = len.to_ne_bytes().to_vec();
        octets.extend(kind.to_ne_bytes());
        octets.extend(flags.to_ne_bytes());
        octets.extend(7_u32.to_ne_bytes());
        octets.extend([0; 4]);
        octets.extend(body);
        octets
    }

    fn link_body(family: u8, flags: libc::c_int, attributes: &[Vec<u8>]) -> Vec<u8> {
        let mut body = vec![family, 0, 0, 0];
        body.extend(3_u32.to_ne_bytes());
        body.extend(flags.to_ne_bytes());
        body.extend([0; 4]);
        body.extend(attributes.concat());
        body
    }

    fn inet6(disabled: u32) -> Vec<u8> {
        let mut settings = vec![0; 4 * DISABLE_IPV6];
        settings.extend(disabled.to_ne_bytes());
        settings.extend([0; 8]);
        attribute(
            IFLA_AF_SPEC | 0x8000,
            &attribute(FAMILY, &attribute(IFLA_INET6_CONF, &settings)),
        )
    }

    fn only(datagram: &[u8]) -> Message {
        let mut told = read(datagram);
        assert_eq!(told.len(), 1, "{told:?}");
        told.remove(0).message
    }

    #[test]
    fn an_interface_is_read_with_its_names_and_condition() {
        let up = libc::IFF_UP | libc::IFF_RUNNING;
        let names = [
            attribute(IFLA_ALT_IFNAME, b"enp3s0\0"),
            attribute(IFLA_ALT_IFNAME, b"lan\0"),
        ];
        let body = link_body(
            0,
            up,
            &[
                attribute(IFLA_IFNAME, b"eth0\0"),
                attribute(IFLA_PROP_LIST | 0x8000, &names.concat()),
                attribute(IFLA_LINK_NETNSID, &[0; 4]),
                attribute(IFLA_LINKINFO, &attribute(IFLA_INFO_KIND, b"veth\0")),
                inet6(0),
            ],
        );
        let expected = Interface {
            index: 3,
            name: "eth0".to_owned(),
            others: vec!["enp3s0".to_owned(), "lan".to_owned()],
            up: true,
            running: true,
            loopback: false,
            ipv6: Ipv6::On,
            leads_out: true,
        };
        let message = Message::Link(expected);
        assert_eq!(only(&framed(libc::RTM_NEWLINK, 0, &body)), message);
        let gone = framed(libc::RTM_DELLINK, 0, &body);
        assert_eq!(only(&gone), Message::LinkGone(3));
    }

    #[test]
    fn ipv6_is_on_disabled_or_absent() {
        let ipv6 = |attributes: &[Vec<u8>]| {
            let body = link_body(0, 0, attributes);
            let Message::Link(link) = only(&framed(libc::RTM_NEWLINK, 0, &body)) else {
                panic!("an interface")
            };
            link.ipv6
        };
        assert_eq!(ipv6(&[inet6(0)]), Ipv6::On);
        assert_eq!(ipv6(&[inet6(1)]), Ipv6::Disabled);
        assert_eq!(ipv6(&[]), Ipv6::Absent);
    }

    #[test]
    fn what_becomes_of_a_port_of_a_bridge_is_not_about_the_interface() {
        let family = u8::try_from(libc::AF_BRIDGE).expect("a small number");
        let body = link_body(family, 0, &[attribute(IFLA_IFNAME, b"eth0\0")]);
        assert_eq!(read(&framed(libc::RTM_DELLINK, 0, &body)), []);
    }

    #[test]
    fn addresses_are_read_with_what_their_check_says() {
        let of = |flags: u32, attributes: &[Vec<u8>]| {
            let mut body = vec![u8::try_from(libc::AF_INET6).expect("small"), 64, 0x40, 0];
            body.extend(3_u32.to_ne_bytes());
            body.extend(attributes.concat());
            body.extend(attribute(IFA_FLAGS, &flags.to_ne_bytes()));
            body
        };
        let own = attribute(IFA_LOCAL, &Ipv6Addr::LOCALHOST.octets());
        let peer = attribute(IFA_ADDRESS, &[9; 16]);
        for (flags, state) in [
            (libc::IFA_F_PERMANENT, State::Usable),
            (libc::IFA_F_TENTATIVE, State::Tentative),
            (
                libc::IFA_F_TENTATIVE | libc::IFA_F_OPTIMISTIC,
                State::Usable,
            ),
            (
                libc::IFA_F_TENTATIVE | libc::IFA_F_DADFAILED,
                State::Duplicate,
            ),
        ] {
            let body = of(flags, &[peer.clone(), own.clone()]);
            let (address, length) = (Ipv6Addr::LOCALHOST, 64);
            let read = Address {
                address,
                length,
                state,
            };
            let told = Message::Address(3, read);
            assert_eq!(only(&framed(libc::RTM_NEWADDR, 0, &body)), told);
            let gone = Message::AddressGone(3, address);
            assert_eq!(only(&framed(libc::RTM_DELADDR, 0, &body)), gone);
        }
        let body = of(0, &[peer]);
        let Message::Address(_, read) = only(&framed(libc::RTM_NEWADDR, 0, &body)) else {
            panic!("an address")
        };
        assert_eq!(read.address, Ipv6Addr::from_octets([9; 16]));
    }

    #[test]
    fn the_end_of_an_answer_and_its_refusal_are_told() {
        let end = u16::try_from(libc::NLMSG_DONE).expect("small");
        let error = u16::try_from(libc::NLMSG_ERROR).expect("small");
        let both = [
            framed(end, INTERRUPTED, &[0; 4]),
            framed(error, 0, &(-libc::EBUSY).to_ne_bytes()),
        ];
        let told = read(&both.concat());
        assert_eq!(told.len(), 2);
        assert!(told[0].message == Message::Done && told[0].interrupted);
        assert_eq!(told[0].request, 7);
        assert_eq!(told[1].message, Message::Refused(libc::EBUSY));
    }

    proptest! {
        #[test]
        fn no_octets_are_too_strange(
            octets in prop::collection::vec(any::<u8>(), 0..300),
            kind in 16_u16..24,
        ) {
            read(&octets);
            read(&framed(kind, 0, &octets));
        }
    }
}
