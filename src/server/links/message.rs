//! Messages of the kernel's routing socket ⇄ what they say about interfaces and their IPv6 addresses (rtnetlink(7)).
//!
//! Only what decides whether a link can be served is read. Octets that are no such message yield nothing.
//!
//! Attributes are taken one by one: the crate's `LinkMessage` and `AddressMessage` are all or nothing, so that one name
//! or one driver's value that they cannot read would hide the interface.

use netlink_packet_core::{
    DecodeError, Emitable as _, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkBuffer,
    NetlinkDeserializable, NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
    NlaBuffer, NlasIterator, Parseable as _,
};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressHeader};
use netlink_packet_route::link::{AfSpecInet6, InfoKind, LinkFlags, LinkHeader};
use std::net::{IpAddr, Ipv6Addr};

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
    /// Its preferred lifetime has passed.
    pub(super) deprecated: bool,
    /// It stays until somebody removes it: no router advertisement can end it.
    pub(super) permanent: bool,
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
    let mut header = NetlinkHeader::default();
    header.sequence_number = number;
    header.flags = match request {
        Request::Links | Request::Addresses => NLM_F_REQUEST | NLM_F_DUMP,
        Request::Link(_) => NLM_F_REQUEST,
    };
    let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(request));
    message.finalize();
    let mut octets = vec![0; message.buffer_len()];
    message.serialize(&mut octets);
    octets
}

impl NetlinkSerializable for Request {
    fn message_type(&self) -> u16 {
        match self {
            Self::Links | Self::Link(_) => libc::RTM_GETLINK,
            Self::Addresses => libc::RTM_GETADDR,
        }
    }

    fn buffer_len(&self) -> usize {
        match self {
            Self::Links | Self::Link(_) => LinkHeader::default().buffer_len(),
            Self::Addresses => AddressHeader::default().buffer_len(),
        }
    }

    fn serialize(&self, buffer: &mut [u8]) {
        let link = LinkHeader::default();
        match *self {
            Self::Links => link.emit(buffer),
            Self::Link(index) => LinkHeader { index, ..link }.emit(buffer),
            Self::Addresses => {
                let family = AddressFamily::Inet6;
                let of_ipv6 = AddressHeader {
                    family,
                    ..AddressHeader::default()
                };
                of_ipv6.emit(buffer);
            }
        }
    }
}

/// The messages of one datagram.
pub(super) fn read(datagram: &[u8]) -> Vec<Told> {
    let mut told = Vec::new();
    let mut rest = datagram;
    while let Ok(buffer) = NetlinkBuffer::new_checked(&rest) {
        // One that cannot be read takes no other with it.
        told.extend(NetlinkMessage::parse(&buffer).ok().and_then(one));
        let len = usize::try_from(buffer.length()).unwrap_or(usize::MAX);
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    told
}

fn one(message: NetlinkMessage<Message>) -> Option<Told> {
    let (header, payload) = message.into_parts();
    let message = if let NetlinkPayload::InnerMessage(message) = payload {
        message
    } else if let NetlinkPayload::Done(end) = payload {
        // An answer that breaks off ends with an error number.
        match end.code {
            0.. => Message::Done,
            code => Message::Refused(code.saturating_neg()),
        }
    } else if let NetlinkPayload::Error(refusal) = payload {
        Message::Refused(refusal.raw_code().saturating_neg())
    } else {
        return None;
    };
    Some(Told {
        message,
        request: header.sequence_number,
        port: header.port_number,
        interrupted: header.flags & NLM_F_DUMP_INTR != 0,
    })
}

impl NetlinkDeserializable for Message {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, body: &[u8]) -> Result<Self, DecodeError> {
        match header.message_type {
            libc::RTM_NEWLINK => Ok(Self::Link(link(body)?)),
            libc::RTM_DELLINK => Ok(Self::LinkGone(link(body)?.index)),
            libc::RTM_NEWADDR => address(body).map(|(index, it)| Self::Address(index, it)),
            libc::RTM_DELADDR => {
                address(body).map(|(index, it)| Self::AddressGone(index, it.address))
            }
            _ => Err("not about links or addresses".into()),
        }
    }
}

fn link(body: &[u8]) -> Result<Interface, DecodeError> {
    let header = LinkHeader::parse(body)?;
    // The same of another family is about a bridge's port alone.
    if header.interface_family != AddressFamily::Unspec {
        return Err("not about the interface itself".into());
    }
    let mut interface = Interface {
        index: header.index,
        up: header.flags.contains(LinkFlags::Up),
        running: header.flags.contains(LinkFlags::Running),
        loopback: header.flags.contains(LinkFlags::Loopback),
        ipv6: Ipv6::Absent,
        ..Interface::default()
    };
    let (mut is_pair, mut elsewhere) = (false, false);
    for it in attributes(body, header.buffer_len()) {
        match it.kind() {
            libc::IFLA_IFNAME => interface.name = text(it.value()),
            libc::IFLA_PROP_LIST => {
                let names =
                    attributes(it.value(), 0).filter(|it| it.kind() == libc::IFLA_ALT_IFNAME);
                interface.others = names.map(|it| text(it.value())).collect();
            }
            libc::IFLA_AF_SPEC => interface.ipv6 = ipv6(it.value()),
            libc::IFLA_LINK_NETNSID => elsewhere = true,
            libc::IFLA_LINKINFO => {
                let mut kinds =
                    attributes(it.value(), 0).filter_map(|it| InfoKind::parse(&it).ok());
                is_pair = kinds.any(|it| it == InfoKind::Veth);
            }
            _ => {}
        }
    }
    interface.leads_out = is_pair && elsewhere;
    Ok(interface)
}

fn ipv6(families: &[u8]) -> Ipv6 {
    let family = u16::from(u8::from(AddressFamily::Inet6));
    let Some(of_ipv6) = attributes(families, 0).find(|it| it.kind() == family) else {
        return Ipv6::Absent;
    };
    let mut settings = attributes(of_ipv6.value(), 0).filter_map(|it| AfSpecInet6::parse(&it).ok());
    let disabled =
        settings.any(|it| matches!(it, AfSpecInet6::DevConf(it) if it.disable_ipv6 != 0));
    if disabled { Ipv6::Disabled } else { Ipv6::On }
}

fn address(body: &[u8]) -> Result<(u32, Address), DecodeError> {
    let header = AddressHeader::parse(body)?;
    let (mut own, mut other) = (None, None);
    let mut flags = AddressFlags::from_bits_retain(header.flags.bits().into());
    for it in attributes(body, header.buffer_len()) {
        match AddressAttribute::parse(&it) {
            Ok(AddressAttribute::Local(IpAddr::V6(it))) => own = Some(it),
            // Of an interface to one neighbour alone this is the neighbour's.
            Ok(AddressAttribute::Address(IpAddr::V6(it))) => other = Some(it),
            Ok(AddressAttribute::Flags(it)) => flags = it,
            _ => {}
        }
    }
    let state = if flags.contains(AddressFlags::Dadfailed) {
        State::Duplicate
    } else if flags.contains(AddressFlags::Tentative) && !flags.contains(AddressFlags::Optimistic) {
        State::Tentative
    } else {
        State::Usable
    };
    let address = Address {
        address: own.or(other).ok_or("not an IPv6 address")?,
        length: header.prefix_len,
        state,
        deprecated: flags.contains(AddressFlags::Deprecated),
        permanent: flags.contains(AddressFlags::Permanent),
    };
    Ok((header.index, address))
}

/// The attributes behind a header of that length, up to the first that is none.
fn attributes(octets: &[u8], header: usize) -> impl Iterator<Item = NlaBuffer<&[u8]>> {
    NlasIterator::new(octets.get(header..).unwrap_or_default()).map_while(Result::ok)
}

/// A name, which ends with a NUL and may be in no encoding.
fn text(value: &[u8]) -> String {
    let name = value.split(|it| *it == 0).next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_core::{NLMSG_DONE, NLMSG_ERROR};
    use netlink_packet_route::RouteNetlinkMessage;
    use proptest::prelude::*;

    const HEADER_LEN: usize = 16;
    /// Where `IFLA_INET6_CONF` lies in the settings of AF_INET6, and `disable_ipv6` in it (linux/if_link.h, linux/ipv6.h).
    const IFLA_INET6_CONF: u16 = 2;
    const DISABLE_IPV6: usize = 26;
    const AF_INET6: u16 = 10;

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

    /// A refusal repeats the header of what is refused.
    fn refusal(error: i32) -> Vec<u8> {
        let mut body = (-error).to_ne_bytes().to_vec();
        body.extend([0; HEADER_LEN]);
        body
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
            libc::IFLA_AF_SPEC | 0x8000,
            &attribute(AF_INET6, &attribute(IFLA_INET6_CONF, &settings)),
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
            attribute(libc::IFLA_ALT_IFNAME, b"enp3s0\0"),
            attribute(libc::IFLA_ALT_IFNAME, b"lan\0"),
        ];
        let body = link_body(
            0,
            up,
            &[
                attribute(libc::IFLA_IFNAME, b"eth0\0"),
                attribute(libc::IFLA_PROP_LIST | 0x8000, &names.concat()),
                attribute(libc::IFLA_LINK_NETNSID, &[0; 4]),
                attribute(
                    libc::IFLA_LINKINFO,
                    &attribute(libc::IFLA_INFO_KIND, b"veth\0"),
                ),
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
        let body = link_body(family, 0, &[attribute(libc::IFLA_IFNAME, b"eth0\0")]);
        assert_eq!(read(&framed(libc::RTM_DELLINK, 0, &body)), []);
    }

    #[test]
    fn addresses_are_read_with_what_their_check_says() {
        let of = |flags: u32, attributes: &[Vec<u8>]| {
            let mut body = vec![u8::try_from(libc::AF_INET6).expect("small"), 64, 0x40, 0];
            body.extend(3_u32.to_ne_bytes());
            body.extend(attributes.concat());
            body.extend(attribute(libc::IFA_FLAGS, &flags.to_ne_bytes()));
            body
        };
        let own = attribute(libc::IFA_LOCAL, &Ipv6Addr::LOCALHOST.octets());
        let peer = attribute(libc::IFA_ADDRESS, &[9; 16]);
        for (flags, state) in [
            (libc::IFA_F_PERMANENT, State::Usable),
            (libc::IFA_F_DEPRECATED, State::Usable),
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
                deprecated: flags == libc::IFA_F_DEPRECATED,
                permanent: flags == libc::IFA_F_PERMANENT,
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
        let both = [
            framed(NLMSG_DONE, NLM_F_DUMP_INTR, &[0; 4]),
            framed(NLMSG_ERROR, 0, &refusal(libc::EBUSY)),
        ];
        let told = read(&both.concat());
        assert_eq!(told.len(), 2);
        assert!(told[0].message == Message::Done && told[0].interrupted);
        assert_eq!(told[0].request, 7);
        assert_eq!(told[1].message, Message::Refused(libc::EBUSY));
    }

    #[test]
    fn an_answer_that_breaks_off_is_a_refusal() {
        let end = framed(NLMSG_DONE, 0, &(-libc::EMSGSIZE).to_ne_bytes());
        assert_eq!(only(&end), Message::Refused(libc::EMSGSIZE));
        assert_eq!(only(&framed(NLMSG_DONE, 0, &[])), Message::Done);
        assert_eq!(
            only(&framed(NLMSG_ERROR, 0, &refusal(0))),
            Message::Refused(0)
        );
    }

    #[test]
    fn an_interface_is_read_whatever_else_is_said_of_it() {
        let kind = [
            attribute(libc::IFLA_INFO_KIND, b"veth\0"),
            attribute(libc::IFLA_INFO_DATA, &[1, 0]),
        ];
        let names = [
            attribute(libc::IFLA_ALT_IFNAME, b"\xffb\0"),
            attribute(libc::IFLA_ALT_IFNAME, b"lan\0"),
        ];
        let body = link_body(
            0,
            0,
            &[
                attribute(libc::IFLA_MTU, &[1]),
                attribute(0x3ff0, &[0; 9]),
                attribute(libc::IFLA_LINKINFO, &kind.concat()),
                attribute(libc::IFLA_IFNAME, b"\xffa\0"),
                attribute(libc::IFLA_PROP_LIST, &names.concat()),
                attribute(libc::IFLA_LINK_NETNSID, &[0; 4]),
                inet6(1),
                vec![1, 0, 3, 0],
            ],
        );
        let Message::Link(link) = only(&framed(libc::RTM_NEWLINK, 0, &body)) else {
            panic!("an interface")
        };
        assert_eq!(link.name, "\u{fffd}a");
        assert_eq!(link.others, ["\u{fffd}b", "lan"]);
        assert_eq!(link.ipv6, Ipv6::Disabled);
        assert!(link.leads_out);
    }

    #[test]
    fn a_message_that_cannot_be_read_hides_no_other() {
        let link = link_body(0, 0, &[attribute(libc::IFLA_IFNAME, b"eth0\0")]);
        let all = [
            [framed(libc::RTM_NEWLINK, 0, &[0; 3]), vec![0]].concat(),
            framed(NLMSG_ERROR, 0, &[]),
            framed(libc::RTM_NEWROUTE, 0, &[0; 12]),
            framed(libc::RTM_DELLINK, 0, &link),
            vec![9; 20],
        ];
        assert_eq!(only(&all.concat()), Message::LinkGone(3));
    }

    #[test]
    fn requests_are_those_that_the_kernel_answers() {
        let sent = |what| {
            let octets = request(what, 9);
            let sent = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&octets);
            let (header, payload) = sent.expect("a message").into_parts();
            assert_eq!(header.sequence_number, 9);
            assert_eq!(usize::try_from(header.length), Ok(octets.len()));
            let NetlinkPayload::InnerMessage(message) = payload else {
                panic!("a request")
            };
            (header.flags, message)
        };
        for (what, index, asked) in [
            (Request::Links, 0, NLM_F_REQUEST | NLM_F_DUMP),
            (Request::Link(3), 3, NLM_F_REQUEST),
        ] {
            let (flags, RouteNetlinkMessage::GetLink(link)) = sent(what) else {
                panic!("a request for links")
            };
            assert_eq!(flags, asked);
            assert_eq!(link.header.index, index);
            assert_eq!(link.header.interface_family, AddressFamily::Unspec);
            assert!(link.attributes.is_empty());
        }
        let (flags, RouteNetlinkMessage::GetAddress(address)) = sent(Request::Addresses) else {
            panic!("a request for addresses")
        };
        assert_eq!(flags, NLM_F_REQUEST | NLM_F_DUMP);
        assert_eq!(address.header.family, AddressFamily::Inet6);
    }

    /// Attributes of the kinds that are read, in each other, with lengths that may lie.
    fn strange() -> impl Strategy<Value = Vec<u8>> {
        let octets = prop::collection::vec(any::<u8>(), 0..40);
        octets.prop_recursive(3, 40, 4, |inner| {
            let kind = prop::sample::select(vec![1_u16, 2, 3, 5, 6, 8, 10, 18, 26, 37, 52, 53]);
            let one = (kind, inner, 0_u8..20).prop_map(|(kind, value, lie)| {
                let mut octets = attribute(kind, &value);
                if let (0, Some(len)) = (lie, octets.first_mut()) {
                    *len = len.wrapping_add(3);
                }
                octets
            });
            prop::collection::vec(one, 0..4).prop_map(|all| all.concat())
        })
    }

    proptest! {
        #[test]
        fn no_octets_are_too_strange(
            octets in prop::collection::vec(any::<u8>(), 0..300),
            attributes in strange(),
            kind in prop::sample::select(vec![2_u16, 3, 16, 17, 20, 21, 24]),
        ) {
            read(&octets);
            read(&framed(kind, 0, &octets));
            read(&framed(kind, 0, &link_body(0, 0, std::slice::from_ref(&attributes))));
            read(&framed(kind, 0, &[vec![10; 8], attributes].concat()));
        }
    }
}
