//! The server's codec and the lab's reader of captures against a foreign decoder: tshark has to find the same
//! messages in the same frames, and to see the same in the same octets.
//!
//! The captures are those in `$DHCP6S_CAPTURES`, by default `../shared/pcaps` beside the workspace. Without
//! captures or without tshark the test says that it compared nothing; in CI it fails without tshark.

use dhcp6lab::witness::{self, Statement};
use dhcp6s::wire::{
    Ia, IaAddress, IaPrefix, Message, MessageType, OptionCode, Options, RelayMessage, Status,
};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is compared, one list a field, in the order of the octets.
#[derive(Debug, Default, PartialEq, Eq)]
struct Decoded {
    message_types: Vec<String>,
    transaction_ids: Vec<String>,
    hop_counts: Vec<String>,
    link_addresses: Vec<String>,
    peer_addresses: Vec<String>,
    option_codes: Vec<String>,
    option_lengths: Vec<String>,
    iaids: Vec<String>,
    t1s: Vec<String>,
    t2s: Vec<String>,
    addresses: Vec<String>,
    prefixes: Vec<String>,
    prefix_lengths: Vec<String>,
    statuses: Vec<String>,
}

impl Decoded {
    fn of(statement: &Statement) -> Self {
        let list = |field| statement.values(field).to_vec();
        Self {
            message_types: list("dhcpv6.msgtype"),
            transaction_ids: list("dhcpv6.xid"),
            hop_counts: list("dhcpv6.hopcount"),
            link_addresses: list("dhcpv6.linkaddr"),
            peer_addresses: list("dhcpv6.peeraddr"),
            option_codes: list("dhcpv6.option.type"),
            option_lengths: list("dhcpv6.option.length"),
            iaids: list("dhcpv6.iaid"),
            t1s: list("dhcpv6.iaid.t1"),
            t2s: list("dhcpv6.iaid.t2"),
            addresses: list("dhcpv6.iaaddr.ip"),
            prefixes: list("dhcpv6.iaprefix.pref_addr"),
            prefix_lengths: list("dhcpv6.iaprefix.pref_len"),
            statuses: list("dhcpv6.status_code"),
        }
    }

    /// Reads a message as the server does, and says whether everything fitted.
    fn read(octets: &[u8]) -> (Self, bool) {
        let mut decoded = Self::default();
        let fits = decoded.message(octets).is_some();
        (decoded, fits)
    }

    fn message(&mut self, octets: &[u8]) -> Option<()> {
        let message_type = MessageType(*octets.first()?);
        self.message_types.push(message_type.0.to_string());
        if matches!(
            message_type,
            MessageType::RELAY_FORWARD | MessageType::RELAY_REPLY
        ) {
            let relay = RelayMessage::read(octets).ok()?;
            self.hop_counts.push(relay.hop_count.to_string());
            self.link_addresses.push(relay.link_address.to_string());
            self.peer_addresses.push(relay.peer_address.to_string());
            return self.options(relay.options);
        }
        let message = Message::read(octets).ok()?;
        let [a, b, c] = message.transaction_id;
        self.transaction_ids
            .push(format!("0x{a:02x}{b:02x}{c:02x}"));
        self.options(message.options)
    }

    fn options(&mut self, options: Options<'_>) -> Option<()> {
        for option in options.iter() {
            self.option_codes.push(option.code.0.to_string());
            self.option_lengths.push(option.value.len().to_string());
            match option.code {
                OptionCode::IA_NA | OptionCode::IA_PD => {
                    let ia = Ia::read(option.value).ok()?;
                    self.iaids.push(format!("{:08x}", ia.iaid));
                    self.t1s.push(ia.t1.to_string());
                    self.t2s.push(ia.t2.to_string());
                    self.options(ia.options)?;
                }
                OptionCode::IA_ADDRESS => {
                    let address = IaAddress::read(option.value).ok()?;
                    self.addresses.push(address.address.to_string());
                    self.options(address.options)?;
                }
                OptionCode::IA_PREFIX => {
                    let prefix = IaPrefix::read(option.value).ok()?;
                    self.prefix_lengths.push(prefix.length.to_string());
                    self.prefixes.push(prefix.prefix.to_string());
                    self.options(prefix.options)?;
                }
                OptionCode::STATUS_CODE => {
                    let status = Status::read(option.value).ok()?;
                    self.statuses.push(status.code.0.to_string());
                }
                OptionCode::RELAY_MESSAGE => self.message(option.value)?,
                // Leasequery (RFC 5007 §4.1.2.1): query type and link address, then options.
                OptionCode(44) => self.options(Options::read(option.value.get(17..)?).ok()?)?,
                _ => {}
            }
        }
        Some(())
    }
}

fn captures() -> Vec<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/pcaps");
    let folder = std::env::var_os("DHCP6S_CAPTURES").map_or(default, PathBuf::from);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|it| it == "pcap"))
        .collect();
    files.sort();
    files
}

/// What tshark sees in a capture; `None` where there is no tshark and need not be.
fn statements(file: &Path) -> Option<Vec<Statement>> {
    match witness::read(file) {
        Ok(statements) => Some(statements),
        Err(witness::Error::Missing) => {
            assert!(std::env::var_os("CI").is_none(), "tshark is missing");
            eprintln!("NOT RUN: tshark is missing");
            None
        }
        Err(error) => panic!("{}: {error}", file.display()),
    }
}

/// Leasequery (RFC 5007) has options that only tshark opens, and there is a message of 2005 whose option codes are
/// those of a draft: its option 26, which became a prefix, is a domain name.
fn is_foreign(payload: &[u8]) -> bool {
    const LEASEQUERY: u8 = 14;
    let draft = payload.windows(5).any(|it| it == b"\x04axis");
    payload.first() == Some(&LEASEQUERY) || draft
}

/// Whether the server's codec and tshark see the same, or both refuse it. Says whether they agreed.
fn codec_agrees(statement: &Statement, place: &str) -> bool {
    let theirs = Decoded::of(statement);
    let (ours, fits) = Decoded::read(&statement.payload);
    if fits {
        assert_eq!(ours, theirs, "{place}");
        return true;
    }
    // What the codec refuses, tshark calls malformed, or stops in as well.
    let stops = ours.option_codes.starts_with(&theirs.option_codes)
        || theirs.option_codes.len() * 4 < statement.payload.len();
    assert!(
        !statement.complaints.is_empty() || stops,
        "{place}: {ours:?} {theirs:?}"
    );
    false
}

#[test]
fn tshark_sees_what_the_codec_and_the_dissector_see() {
    let files = captures();
    if files.is_empty() {
        eprintln!("NOT RUN: no captures; set DHCP6S_CAPTURES to a folder of them");
        return;
    }
    let (mut agreed, mut refused, mut dissected) = (0, 0, 0);
    for file in &files {
        let Some(statements) = statements(file) else {
            return;
        };
        for statement in statements {
            let place = format!("{} frame {}", file.display(), statement.frame);
            match codec_agrees(&statement, &place) {
                true => agreed += 1,
                false => refused += 1,
            }
            // Where something is broken, decoders need not break off in the same place.
            if statement.complaints.is_empty() && !is_foreign(&statement.payload) {
                assert_eq!(witness::disagreement(&statement), None, "{place}");
                dissected += 1;
            }
        }
    }
    println!(
        "{} captures: of the codec {agreed} messages agreed, {refused} refused by both; \
         of the dissector {dissected} agreed",
        files.len()
    );
    assert!(agreed > 0 && dissected > 0);
}

#[test]
fn what_tshark_calls_malformed_is_contested_unless_it_is_wrong_itself() {
    // The DUID says that it is one of a link layer with the time, and ends before that. Clients may have such a DUID.
    let odd = [0, 5, 0, 1, 7, 7, 7];
    let usual = [0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 0xc1];
    let reply =
        |client: &[u8], server: &[u8]| [&[7, 0, 0, 5, 0, 1], client, &[0, 2], server].concat();
    let payloads = [
        reply(&usual, &usual),
        reply(&odd, &usual),
        reply(&usual, &odd),
    ];
    let statements = match witness::question(&payloads.each_ref().map(Vec::as_slice)) {
        Ok(statements) => statements,
        Err(witness::Error::Missing) => {
            assert!(std::env::var_os("CI").is_none(), "tshark is missing");
            eprintln!("NOT RUN: tshark is missing");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let faults: Vec<_> = statements
        .iter()
        .map(|it| witness::disagreement(it.as_ref().expect("DHCPv6")))
        .collect();
    assert_eq!(
        faults,
        [
            None,
            None,
            Some("tshark says: DUID: malformed option".to_owned())
        ]
    );
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks_exact(2);
    let octets = digits.map(|pair| std::str::from_utf8(pair).expect("digits"));
    octets
        .map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal"))
        .collect()
}

/// What tshark finds in a capture: frame numbers and payloads. `None` if there is no tshark, which is said.
fn found_by_tshark(file: &Path) -> Option<Vec<(usize, Vec<u8>)>> {
    let mut command = Command::new("tshark");
    command
        .arg("-r")
        .arg(file)
        .args(["-Y", "dhcpv6", "-T", "fields", "-E", "separator=|"]);
    command.args(["-e", "frame.number", "-e", "udp.payload"]);
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            assert!(
                std::env::var_os("CI").is_none(),
                "tshark is missing: {error}"
            );
            eprintln!("NOT RUN: tshark is missing ({error})");
            return None;
        }
    };
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let columns = lines.lines().filter_map(|line| line.split_once('|'));
    let number = |text: &str| text.parse().expect("a number");
    Some(
        columns
            .map(|(frame, payload)| (number(frame), unhex(payload)))
            .collect(),
    )
}

#[test]
fn the_reader_finds_the_messages_that_tshark_finds() {
    let files = captures();
    if files.is_empty() {
        eprintln!("NOT RUN: no captures; set DHCP6S_CAPTURES to a folder of them");
        return;
    }
    let mut messages = 0;
    for file in &files {
        let Some(theirs) = found_by_tshark(file) else {
            return;
        };
        let ours = dhcp6lab::capture::open(file);
        let ours = ours.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let ours: Vec<_> = ours
            .packets
            .into_iter()
            .map(|it| (it.number, it.datagram.payload))
            .collect();
        assert_eq!(ours, theirs, "{}", file.display());
        messages += ours.len();
    }
    println!("{} captures: {messages} messages in both", files.len());
    assert!(messages > 0);
}
