//! A real relay program between client and server, twice in a row: dnsmasq, whose second instance wraps what the first
//! has wrapped.

use std::net::{Ipv6Addr, SocketAddrV6, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dhcp6lab::dissect::{self, Head, Message};
use dhcp6lab::link::frame::mac_text;
use dhcp6lab::link::ip::batch;
use dhcp6lab::link::listener::Listener;
use dhcp6lab::link::watch::Watch;
use dhcp6lab::link::{Namespace, Process};
use dhcp6lab::rig::server::{PATIENCE, Server};
use dhcp6lab::rig::{INTERFACE, SERVER_MAC};
use nix::net::if_::if_nametoindex;

#[path = "support/server.rs"]
mod server;
mod support;

/// How long an answer may take before the client asks again.
const PAUSE: Duration = Duration::from_millis(200);
const RELAY_FORWARD: u8 = 12;
const ADVERTISE: u8 = 2;
const REPLY: u8 = 7;

/// Lays a cable; `near` and `far` are interfaces with the addresses that follow them, if any.
fn lay(near: (&Namespace, &'static str, &str), far: (&Namespace, &'static str, &str)) {
    let place = far.0.path().file_name().unwrap_or_default();
    let place = place.to_string_lossy();
    let pair = format!(
        "link add {} type veth peer name {} netns {place}\n",
        near.1, far.1
    );
    batch(near.0, pair).expect("a cable");
    let ends = [near, far];
    let watches = ends.map(|(namespace, ..)| Watch::new(namespace).expect("word of changes"));
    for (namespace, name, address) in ends {
        let mac = match name {
            INTERFACE if !address.is_empty() => {
                format!("link set {name} address {}\n", mac_text(SERVER_MAC))
            }
            _ => String::new(),
        };
        let address = match address {
            "" => String::new(),
            _ => format!("addr add {address} dev {name} nodad\n"),
        };
        batch(namespace, format!("{mac}link set {name} up\n{address}")).expect("an interface");
    }
    for ((namespace, name, _), watch) in ends.iter().zip(watches) {
        watch.until_ready(namespace, name).expect("an address");
    }
}

/// Starts a relay agent between the link with the first address and the server or agent with the second.
fn relay(namespace: &Namespace, local: &str, upstream: &str) -> Process {
    namespace
        .mount_memory(Path::new("/run"), 1 << 20)
        .expect("a place for its number");
    let mut dnsmasq = Command::new("dnsmasq");
    dnsmasq.args([
        "--keep-in-foreground",
        "--port=0",
        "--conf-file=/dev/null",
        "--user=",
    ]);
    dnsmasq.args([
        "--group=",
        "--pid-file=/run/dnsmasq.pid",
        "--log-facility=-",
    ]);
    dnsmasq.arg(format!("--dhcp-relay={local},{upstream}"));
    dnsmasq
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    namespace.spawn(dnsmasq).expect("dnsmasq")
}

/// Says that until it is answered, as clients do.
fn ask(socket: &UdpSocket, index: u32, message: &[u8]) -> Message {
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
    let until = Instant::now() + PATIENCE;
    let mut buffer = [0; 1500];
    while Instant::now() < until {
        let sent = socket.send_to(message, SocketAddrV6::new(group, 547, 0, index));
        sent.expect("it leaves");
        while let Ok(length) = socket.recv(&mut buffer) {
            let answer = dissect::message(&buffer[..length]);
            if answer.xid() == dissect::message(message).xid() {
                return answer;
            }
        }
    }
    panic!("no answer comes through both relays");
}

fn hops(message: &Message) -> Option<u8> {
    match message.head {
        Head::Relay { hops, .. } => Some(hops),
        Head::Client { .. } | Head::Cut(_) => None,
    }
}

#[test]
fn a_client_behind_two_relay_programs_gets_an_address_of_its_link() {
    if !support::can_run(&[("dnsmasq", "dnsmasq-base")]) {
        return;
    }
    let [at_server, middle, edge, client] =
        [(); 4].map(|()| Namespace::new().expect("a namespace"));
    lay(
        (&at_server, INTERFACE, "2001:db8:1::1/64"),
        (&middle, "up0", "2001:db8:1::2/64"),
    );
    lay(
        (&middle, "down0", "2001:db8:2::1/64"),
        (&edge, "up0", "2001:db8:2::2/64"),
    );
    lay(
        (&edge, "down0", "2001:db8:3::1/64"),
        (&client, INTERFACE, ""),
    );
    let mut listener = Listener::new(&at_server, INTERFACE).expect("an ear");
    let config = "interface eth0 { address-pool far 3600 7200; };\n\
                  pool far { range 2001:db8:3::1000 to 2001:db8:3::1fff; };\n";
    let program = server::path();
    let mut server = Server::new(program.as_path().into(), at_server, config).expect("its files");
    server.start().expect("the server starts");
    let _relays = [
        relay(&middle, "2001:db8:2::1", "2001:db8:1::1"),
        relay(&edge, "2001:db8:3::1", "2001:db8:2::1"),
    ];

    let (socket, index) = client.run(|| {
        let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 546)).expect("the client's port");
        socket.set_read_timeout(Some(PAUSE)).expect("a timeout");
        (socket, if_nametoindex(INTERFACE).expect("an interface"))
    });
    let own = [
        0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 0xc1, 0, 8, 0, 2, 0, 0,
    ];
    let ia = [0, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let solicit = [&[1, 0, 0, 1][..], &own, &ia].concat();
    let advertise = ask(&socket, index, &solicit);
    assert_eq!(advertise.message_type, ADVERTISE, "{advertise:?}");
    let octets = |code| {
        let option = advertise.options.first(code).expect("it is there");
        let length = u16::try_from(option.octets.len()).expect("a length");
        [
            &code.to_be_bytes()[..],
            &length.to_be_bytes(),
            &option.octets,
        ]
        .concat()
    };
    let request = [&[3, 0, 0, 2][..], &own, &octets(2), &octets(3)].concat();
    let reply = ask(&socket, index, &request);
    assert_eq!(reply.message_type, REPLY, "{reply:?}");
    let given = format!("{:?}", reply.options.first(3).expect("an IA_NA").value);
    assert!(given.contains("2001:db8:3::1"), "{given}");

    // Both have wrapped it, and the server has seen one around the other.
    let heard = listener.datagrams().expect("what was said");
    let outer = heard.iter().map(|(_, it)| dissect::message(&it.payload));
    let outer = outer.filter(|it| it.message_type == RELAY_FORWARD);
    let hops: Vec<_> = outer.map(|it| hops(&it)).collect();
    assert!(
        !hops.is_empty() && hops.iter().all(|it| *it == Some(1)),
        "{hops:?}"
    );
}
