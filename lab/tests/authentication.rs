//! A client of people who use delayed authentication: WIDE's `dhcp6c` with a key, over a cable, at the real server.

use std::net::{SocketAddrV6, UdpSocket};
use std::time::{Duration, Instant};

use dhcp6lab::authentication::{Key, Secret, Signed};
use dhcp6lab::clients::session::Session;
use dhcp6lab::clients::site::{ADDRESS, HOST, MACHINE, PREFIX, Site};
use dhcp6lab::clients::{AuthenticDhcp6c, Client as _, Identity, Wants};
use dhcp6lab::dissect;
use dhcp6lab::judge::signature;
use dhcp6lab::link::listener::Timed;
use dhcp6lab::rig::{Datagram, INTERFACE};
use dhcp6lab::scenario::Client;

#[path = "support/server.rs"]
mod server;
mod support;

const SOLICIT: u8 = 1;
const ADVERTISE: u8 = 2;
const REQUEST: u8 = 3;
const RENEW: u8 = 5;
const REPLY: u8 = 7;
const RELEASE: u8 = 8;

/// How long a client or the server may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

fn key(secret: &str) -> Key {
    Key {
        realm: "branch.example".into(),
        id: 7,
        secret: Secret(secret.into()),
    }
}

const IDENTITY: Identity = Identity {
    number: HOST,
    wants: Wants::Both,
};

/// A server that serves the client with its key and not without.
fn site() -> Site {
    let (prefix, length) = PREFIX;
    let Key { realm, id, secret } = key("good");
    let config = format!(
        "interface {INTERFACE} {{ address-pool lan 30 60; }};
         pool lan {{ range {ADDRESS} to {ADDRESS}; }};
         keyinfo branch {{ realm \"{realm}\"; keyid {id}; secret \"{secret}\"; }};
         host client {{
             duid {}; prefix {prefix}/{length} 30 60; delayedkey branch required;
         }};",
        IDENTITY.duid_text()
    );
    Site::with_config(server::path().as_path().into(), &config).expect("the server starts")
}

/// Listens to the cable until enough was said.
fn hear(site: &mut Site, heard: &mut Vec<Timed>, mut enough: impl FnMut(&[Timed]) -> bool) {
    let until = Instant::now() + PATIENCE;
    loop {
        heard.extend(site.overheard().expect("what was said"));
        if enough(heard) {
            return;
        }
        assert!(Instant::now() < until, "only this was said: {heard:?}");
        site.server.wait(Some(site.ear()), until).expect("it waits");
        site.server.lines().expect("its log");
    }
}

fn types(heard: &[Timed]) -> Vec<u8> {
    let octets = heard.iter().filter_map(|(_, it)| it.payload.first());
    octets.copied().filter(|it| *it <= RELEASE).collect()
}

/// Whether a message of that type was said, and nothing is without an answer: the client has one message for each
/// IA, and does not wait in between.
fn all_answered(heard: &[Timed], message_type: u8) -> bool {
    let types = types(heard);
    let answers = types.iter().filter(|it| [ADVERTISE, REPLY].contains(it));
    types.contains(&message_type) && answers.count() * 2 == types.len()
}

fn last(heard: &[Timed], message_type: u8) -> Datagram {
    let mut said = heard.iter().rev().map(|(_, it)| it);
    let found = said.find(|it| it.payload.first() == Some(&message_type));
    found.expect("it was said").clone()
}

/// Says something on the client's machine that no client says, and waits for what the server makes of it.
fn refused(site: &mut Site, payload: &[u8], reason: &str) {
    let socket = site.namespace().run(|| UdpSocket::bind("[::]:0"));
    let index = site
        .namespace()
        .run(|| nix::net::if_::if_nametoindex(INTERFACE))
        .expect("an interface");
    let group = "ff02::1:2".parse().expect("a group");
    let to = SocketAddrV6::new(group, 547, 0, index);
    let socket = socket.expect("a socket");
    site.server.lines().expect("its log");
    socket.send_to(payload, to).expect("it is sent");
    let (until, mut said) = (Instant::now() + PATIENCE, Vec::new());
    let is_word = |line: &String| line.contains("dropped: ") || line.contains("authenticated ");
    while !said.iter().any(is_word) {
        assert!(Instant::now() < until, "the server says nothing of it");
        site.server.check().expect("the server runs");
        site.server.wait(Some(site.ear()), until).expect("it waits");
        site.overheard().expect("what was said");
        said.extend(site.server.lines().expect("its log"));
    }
    let word = said.iter().find(|it| is_word(it)).expect("there is one");
    assert!(word.contains(&format!("dropped: {reason} ")), "{word}");
}

/// Every message of both sides is as RFC 3315 says, and the client has proved who it is in all but its Solicits.
fn check_signatures(heard: &[Timed]) {
    let client = Client {
        link: None,
        name: "client".into(),
        duid: IDENTITY.duid().to_vec(),
        address: MACHINE,
        key: Some(key("good")),
        order: Vec::new(),
        model: None,
    };
    let (mut asked, mut last_heard, mut counted) = (Vec::new(), None, None);
    for (_, datagram) in heard {
        let tree = dissect::message(&datagram.payload);
        if [ADVERTISE, REPLY].contains(&tree.message_type) {
            let mut questions = asked.iter().rev();
            let question: &Datagram = questions
                .find(|it: &&&Datagram| dissect::message(&it.payload).xid() == tree.xid())
                .expect("it answers something");
            let faults = signature::faults(&client, question, datagram, &mut last_heard);
            assert_eq!(faults, [""; 0], "{tree:?}");
            assert!(Signed::read(&datagram.payload).is_some(), "{tree:?}");
        } else {
            let signed = Signed::read(&datagram.payload);
            if tree.message_type == SOLICIT {
                assert_eq!(signed, None);
            } else {
                let signed = signed.expect("it is signed");
                assert!(signed.is_by(&key("good")), "{tree:?}");
                let before = counted.replace(signed.replay);
                assert!(before.is_none_or(|it| it < signed.replay));
            }
            asked.push(datagram);
        }
    }
}

#[test]
fn dhcp6c_authenticates_and_its_recorded_messages_are_refused() {
    let client = AuthenticDhcp6c(key("good"));
    if !support::can_run(&[client.program()]) {
        return;
    }
    let (mut site, mut heard) = (site(), Vec::new());
    let mut session = Session::start(&client, &site, IDENTITY).expect("the client starts");
    let has = |assigned: &[_]| assigned.len() == 2;
    session
        .until_assigned(&site, "obtain its leases", has)
        .expect("it obtains an address and a prefix");
    session.until_renewed(&site).expect("it renews");
    hear(&mut site, &mut heard, |it| all_answered(it, RENEW));
    check_signatures(&heard);

    let renew = last(&heard, RENEW).payload;
    refused(&mut site, &renew, "replayed");
    let request = last(&heard, REQUEST).payload;
    refused(&mut site, &request, "replayed");
    // As a Release it would take the leases from the client; and one bit of what the MAC covers will do.
    let mut tampered = renew.clone();
    tampered[0] = RELEASE;
    refused(&mut site, &tampered, "authentication-failed");
    let mut tampered = renew.clone();
    tampered[3] ^= 1;
    refused(&mut site, &tampered, "authentication-failed");

    site.server.stop().expect("it stops");
    site.server.start().expect("it starts again");
    refused(&mut site, &renew, "replayed");
    site.server.kill().expect("it is killed");
    site.server.start().expect("it starts again");
    refused(&mut site, &renew, "replayed");

    // The client notices nothing of all that.
    heard.extend(site.overheard().expect("what was said"));
    session.until_renewed(&site).expect("it renews again");
    session.release(&site).expect("it gives its leases back");
    assert_eq!(site.assigned().expect("addresses"), []);
    let mut after = Vec::new();
    hear(&mut site, &mut after, |it| all_answered(it, RELEASE));
    check_signatures(&after);
    let release = last(&after, RELEASE).payload;
    refused(&mut site, &release, "replayed");
}

#[test]
fn dhcp6c_with_another_key_gets_nothing() {
    let client = AuthenticDhcp6c(key("wrong"));
    if !support::can_run(&[client.program()]) {
        return;
    }
    let (mut site, mut heard) = (site(), Vec::new());
    let _session = Session::start(&client, &site, IDENTITY).expect("the client starts");
    // It does not believe the Advertise, and asks again.
    hear(&mut site, &mut heard, |it| {
        let mut types = types(it).into_iter();
        [ADVERTISE, SOLICIT, ADVERTISE]
            .iter()
            .all(|wanted| types.any(|it| it == *wanted))
    });
    assert!(!types(&heard).contains(&REQUEST));
    assert_eq!(site.assigned().expect("addresses"), []);
}
