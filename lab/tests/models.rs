//! Models of clients are compared with the clients: what one has said in a capture under `pcaps/`, its model says
//! octet by octet, with the transaction ids, IAIDs and elapsed times of the capture.

use std::path::Path;
use std::time::Duration;

use dhcp6lab::compose::{self, Memory};
use dhcp6lab::dissect::{self, Value};
use dhcp6lab::recording::Conversation;
use dhcp6lab::scenario::{
    Client, Elapsed, Fields, Ia, Message, Scenario, Send, Several, Transport,
};
use rstest::rstest;

const IA_NA: u16 = 3;
const ELAPSED_TIME: u16 = 8;
const IA_PD: u16 = 25;
const SERVER_PORT: u16 = 547;

fn root() -> &'static Path {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR"));
    lab.parent().expect("the lab is a folder of the workspace")
}

/// A client of that model with a DUID of its own.
fn client(model: &str, duid: &[u8]) -> Client {
    let duid: String = duid.iter().map(|it| format!("{it:02x}")).collect();
    let text = format!(
        "why: it is a test\nrfc: [\"9915 §18\"]\n\
         clients: {{ it: {{ client: {model}, duid: \"{duid}\" }} }}\n\
         steps: [{{ send: {{ from: it, solicit: {{}} }} }}]\n"
    );
    let scenario = Scenario::parse(Path::new("it.yaml"), &text);
    let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
    scenario.clients.0[0].clone()
}

/// A message of the same type with the same IAs, and everything else left to the model.
fn said(tree: &dissect::Message) -> Fields {
    let ias = |code| {
        let of_kind = tree.options.list.iter().filter(|it| it.code == code);
        let named = of_kind.map(|it| {
            let Value::Ia { iaid, .. } = &it.value else {
                panic!("an IA that cannot be read: {:?}", it.value)
            };
            Ia::with_iaid(*iaid)
        });
        Some(Several(named.collect()))
    };
    let elapsed = tree.options.first(ELAPSED_TIME);
    let elapsed = elapsed.and_then(|it| <[u8; 2]>::try_from(it.octets.as_slice()).ok());
    Fields {
        xid: tree.xid(),
        ia_na: ias(IA_NA),
        ia_pd: ias(IA_PD),
        elapsed: elapsed.map(|it| Elapsed::Is(u16::from_be_bytes(it))),
        ..Fields::default()
    }
}

/// The message without T1 and T2.
fn without_times(octets: &[u8]) -> Vec<u8> {
    let (mut octets, mut at) = (octets.to_vec(), 4);
    while let Some(&[a, b, c, d]) = octets.get(at..at + 4) {
        if [IA_NA, IA_PD].contains(&u16::from_be_bytes([a, b])) {
            octets[at + 8..at + 16].fill(0);
        }
        at += 4 + usize::from(u16::from_be_bytes([c, d]));
    }
    octets
}

#[rstest]
#[case("dhclient-address", "dhclient")]
#[case("dhclient-prefix", "dhclient-for-prefixes")]
#[case("dhcp6c-address", "dhcp6c")]
#[case("dhcp6c-prefix", "dhcp6c")]
#[case("dhcp6c-address-and-prefix", "dhcp6c")]
#[case("dhcpcd-address", "dhcpcd")]
#[case("dhcpcd-prefix", "dhcpcd")]
#[case("dhcpcd-address-and-prefix", "dhcpcd")]
#[case("dibbler-client-address", "dibbler")]
// In `dibbler-client-prefix` it takes the preferred lifetime of a renewed prefix for its valid one, too: a mistake of
// its own, which the model does not make.
#[case("dibbler-client-address-and-prefix", "dibbler")]
#[case("systemd-networkd-address", "systemd-networkd")]
#[case("systemd-networkd-prefix", "systemd-networkd")]
#[case("systemd-networkd-address-and-prefix", "systemd-networkd")]
fn a_model_says_what_the_client_said(#[case] capture: &str, #[case] model: &str) {
    let path = root().join(format!("pcaps/{capture}.pcap"));
    let conversation = Conversation::load(&path).unwrap_or_else(|error| panic!("{error}"));
    let recorded = &conversation.clients.0[0];
    let client = client(model, &recorded.duid);
    let (mut memory, mut compared) = (Memory::default(), 0);
    for (_, datagram) in &conversation.datagrams {
        let tree = dissect::message(&datagram.payload);
        let duid = tree.options.first(1).map(|it| it.octets.as_slice());
        if duid != Some(recorded.duid.as_slice()) {
            continue;
        }
        if datagram.source.port() == SERVER_PORT {
            memory.learn(&tree);
            continue;
        }
        let send = Send {
            from: "it".into(),
            transport: Transport::default(),
            message: Message::Client(tree.message_type, said(&tree)),
        };
        let composed = compose::datagram(&send, &client, &mut memory, 0, Duration::ZERO);
        let (mut then, mut now) = (datagram.payload.clone(), composed.payload);
        if model == "dhcp6c" {
            // It renews no sooner than after 18 seconds, and says so in place of the times that it was given.
            (then, now) = (without_times(&then), without_times(&now));
        }
        assert_eq!(then, now, "{}", tree.name());
        compared += 1;
    }
    assert!(compared >= 4, "it said {compared} messages");
}
