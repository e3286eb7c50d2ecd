//! Conversations, made message by message.

use std::time::Duration;

use crate::capture::{Capture, Packet};
use crate::rig::Datagram;

pub(super) const CLIENT: &str = "[fe80::c1]:546";
pub(super) const SERVER: &str = "[fe80::1]:547";
pub(super) const GROUP: &str = "[ff02::1:2]:547";
pub(super) const AGENT: &str = "[2001:db8:1::1]:547";
pub(super) const DUID: [u8; 10] = [0, 3, 0, 1, 2, 0, 0, 0, 0, 0xc1];
pub(super) const OTHER: [u8; 10] = [0, 3, 0, 1, 2, 0, 0, 0, 0, 0xc2];
pub(super) const SERVER_DUID: [u8; 10] = [0, 3, 0, 1, 2, 0, 0, 0, 0, 1];

/// One message of a conversation that is being made.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) millis: u64,
    pub(super) source: String,
    pub(super) destination: String,
    pub(super) kind: u8,
    pub(super) xid: u8,
    pub(super) options: Vec<(u16, Vec<u8>)>,
    /// What follows the options.
    pub(super) tail: Vec<u8>,
    pub(super) agent: Option<Agent>,
    /// So many octets at the end were not captured.
    pub(super) missing: usize,
}

#[derive(Clone)]
pub(super) struct Agent {
    pub(super) hops: u8,
    pub(super) link: &'static str,
    pub(super) options: Vec<(u16, Vec<u8>)>,
    pub(super) empty: bool,
}

pub(super) fn encoded(options: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let octets = options.iter().flat_map(|(code, content)| {
        let len = u16::try_from(content.len()).expect("short");
        [&code.to_be_bytes()[..], &len.to_be_bytes(), content].concat()
    });
    octets.collect()
}

impl Line {
    pub(super) fn set(&mut self, code: u16, content: impl Into<Vec<u8>>) {
        match self.options.iter_mut().find(|it| it.0 == code) {
            Some(known) => known.1 = content.into(),
            None => self.add(code, content),
        }
    }

    pub(super) fn add(&mut self, code: u16, content: impl Into<Vec<u8>>) {
        self.options.push((code, content.into()));
    }

    pub(super) fn drop(&mut self, code: u16) {
        self.options.retain(|it| it.0 != code);
    }

    fn octets(&self) -> Vec<u8> {
        let mut octets = vec![self.kind, 0, 0, self.xid];
        octets.extend(encoded(&self.options));
        octets.extend(&self.tail);
        let Some(agent) = &self.agent else {
            return octets;
        };
        let kind = if matches!(self.kind, 2 | 7 | 10) {
            13
        } else {
            12
        };
        let mut outer = vec![kind, agent.hops];
        for address in [agent.link, "fe80::c1"] {
            outer.extend(
                address
                    .parse::<std::net::Ipv6Addr>()
                    .expect("an address")
                    .octets(),
            );
        }
        outer.extend(encoded(&agent.options));
        if !agent.empty {
            outer.extend(encoded(&[(9, octets)]));
        }
        outer
    }
}

pub(super) fn number(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

pub(super) fn ia(iaid: u32, t1: u32, t2: u32, inside: &[(u16, Vec<u8>)]) -> Vec<u8> {
    [
        &number(iaid)[..],
        &number(t1),
        &number(t2),
        &encoded(inside),
    ]
    .concat()
}

pub(super) fn address(address: &str, preferred: u32, valid: u32) -> (u16, Vec<u8>) {
    let octets = address
        .parse::<std::net::Ipv6Addr>()
        .expect("an address")
        .octets();
    (
        5,
        [&octets[..], &number(preferred), &number(valid)].concat(),
    )
}

pub(super) fn prefix(address: &str, length: u8, preferred: u32, valid: u32) -> (u16, Vec<u8>) {
    let octets = address
        .parse::<std::net::Ipv6Addr>()
        .expect("an address")
        .octets();
    (
        26,
        [&number(preferred)[..], &number(valid), &[length], &octets].concat(),
    )
}

pub(super) fn status(code: u8) -> (u16, Vec<u8>) {
    (13, vec![0, code])
}

pub(super) fn held(zero: bool) -> Vec<u8> {
    let (preferred, valid) = if zero { (0, 0) } else { (3600, 7200) };
    ia(1, 0, 0, &[address("2001:db8:1::10", preferred, valid)])
}

pub(super) fn given() -> Vec<u8> {
    ia(1, 1800, 2880, &[address("2001:db8:1::10", 3600, 7200)])
}

pub(super) fn said(millis: u64, kind: u8, xid: u8, options: &[(u16, &[u8])]) -> Line {
    let mut line = Line {
        millis,
        source: CLIENT.into(),
        destination: GROUP.into(),
        kind,
        xid,
        options: vec![(1, DUID.into())],
        tail: Vec::new(),
        agent: None,
        missing: 0,
    };
    if matches!(kind, 2 | 7 | 10) {
        (line.source, line.destination) = (SERVER.into(), CLIENT.into());
        line.add(2, SERVER_DUID);
    } else {
        line.add(8, [0, 0]);
    }
    if matches!(kind, 3 | 5 | 8 | 9) {
        line.add(2, SERVER_DUID);
    }
    if matches!(kind, 1 | 3 | 5 | 6 | 11) {
        line.add(6, [0, 82, 0, 23]);
    }
    for (code, content) in options {
        line.add(*code, *content);
    }
    line
}

pub(super) const SOLICIT: usize = 0;
pub(super) const ADVERTISE: usize = 1;
pub(super) const REQUEST: usize = 2;
pub(super) const REPLY: usize = 3;
pub(super) const RENEW: usize = 4;
pub(super) const RENEWED: usize = 5;
pub(super) const RELEASE: usize = 6;
pub(super) const RELEASED: usize = 7;

/// A client that gets an address, renews it, and gives it back.
pub(super) fn faultless() -> Vec<Line> {
    vec![
        said(0, 1, 1, &[(3, &ia(1, 0, 0, &[]))]),
        said(5, 2, 1, &[(3, &given())]),
        said(1_000, 3, 2, &[(3, &held(true))]),
        said(1_005, 7, 2, &[(3, &given())]),
        said(1_900_000, 5, 3, &[(3, &held(false))]),
        said(1_900_005, 7, 3, &[(3, &given())]),
        said(2_000_000, 8, 4, &[(3, &held(true))]),
        said(2_000_005, 7, 4, &[(13, &[0, 0])]),
    ]
}

/// The same through a relay agent.
pub(super) fn relayed() -> Vec<Line> {
    let mut lines = faultless();
    for line in &mut lines {
        let server = "[2001:db8::547]:547";
        let answer = matches!(line.kind, 2 | 7);
        let (source, destination) = if answer {
            (server, AGENT)
        } else {
            (AGENT, server)
        };
        (line.source, line.destination) = (source.into(), destination.into());
        let options = vec![(18, b"eth1".to_vec())];
        line.agent = Some(Agent {
            hops: 0,
            link: "2001:db8:1::1",
            options,
            empty: false,
        });
    }
    lines
}

pub(super) fn agent(line: &mut Line) -> &mut Agent {
    line.agent.as_mut().expect("it is relayed")
}

pub(super) fn capture(lines: &[Line]) -> Capture {
    let packets = (1..).zip(lines).map(|(number, line)| {
        let mut payload = line.octets();
        payload.truncate(payload.len() - line.missing);
        Packet {
            number,
            at: Duration::from_secs(1_000_000) + Duration::from_millis(line.millis),
            link: String::new(),
            macs: None,
            hop_limit: 1,
            datagram: Datagram {
                source: line.source.parse().expect("an address"),
                destination: line.destination.parse().expect("an address"),
                payload,
            },
            missing: line.missing,
            comments: Vec::new(),
        }
    });
    Capture {
        packets: packets.collect(),
        remarks: Vec::new(),
    }
}

/// Says the first message again, so many milliseconds after it, with that elapsed time.
pub(super) fn repeat(lines: &mut Vec<Line>, repetitions: &[(u64, u16)]) {
    lines.truncate(1);
    for (millis, elapsed) in repetitions {
        let mut again = lines[0].clone();
        again.millis = *millis;
        again.set(8, elapsed.to_be_bytes());
        lines.push(again);
    }
}
