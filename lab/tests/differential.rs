//! The server's codec and the lab's reader of captures against a foreign decoder: tshark has to find the same
//! messages in the same frames, and to see the same in the same octets.
//!
//! The captures are those in `$DHCP6S_CAPTURES`, by default `../shared/pcaps` beside the workspace. Without
//! captures or without tshark the test says that it compared nothing; in CI it fails without tshark.

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

/// tshark's names of these fields.
const FIELDS: [&str; 14] = [
    "dhcpv6.msgtype",
    "dhcpv6.xid",
    "dhcpv6.hopcount",
    "dhcpv6.linkaddr",
    "dhcpv6.peeraddr",
    "dhcpv6.option.type",
    "dhcpv6.option.length",
    "dhcpv6.iaid",
    "dhcpv6.iaid.t1",
    "dhcpv6.iaid.t2",
    "dhcpv6.iaaddr.ip",
    "dhcpv6.iaprefix.pref_addr",
    "dhcpv6.iaprefix.pref_len",
    "dhcpv6.status_code",
];

impl Decoded {
    fn from_columns(columns: &[&str]) -> Self {
        let list = |index: usize| -> Vec<String> {
            let column: &str = columns.get(index).copied().unwrap_or_default();
            column
                .split(',')
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .collect()
        };
        // Softwire options (RFC 7598) are opaque to the server; tshark lists what is inside their containers.
        let (option_codes, option_lengths) = list(5)
            .into_iter()
            .zip(list(6))
            .filter(|(code, _)| !matches!(code.as_str(), "89" | "90" | "91" | "92" | "93"))
            .unzip();
        Self {
            message_types: list(0),
            transaction_ids: list(1),
            hop_counts: list(2),
            link_addresses: list(3),
            peer_addresses: list(4),
            option_codes,
            option_lengths,
            iaids: list(7),
            t1s: list(8),
            t2s: list(9),
            addresses: list(10),
            prefixes: list(11),
            prefix_lengths: list(12),
            statuses: list(13),
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

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| std::str::from_utf8(pair).expect("ASCII"))
        .map(|pair| u8::from_str_radix(pair, 16).expect("hex digits"))
        .collect()
}

#[test]
fn tshark_sees_what_the_codec_sees() {
    let files = captures();
    if files.is_empty() {
        eprintln!("NOT RUN: no captures; set DHCP6S_CAPTURES to a folder of them");
        return;
    }
    let (mut agreed, mut refused) = (0, 0);
    for file in &files {
        let mut command = Command::new("tshark");
        command
            .arg("-r")
            .arg(file)
            .args(["-Y", "dhcpv6", "-T", "fields", "-E", "separator=|"]);
        command.args([
            "-e",
            "frame.number",
            "-e",
            "udp.payload",
            "-e",
            "_ws.malformed",
        ]);
        command.args(FIELDS.iter().flat_map(|field| ["-e", *field]));
        let output = match command.output() {
            Ok(output) => output,
            Err(error) => {
                assert!(
                    std::env::var_os("CI").is_none(),
                    "tshark is missing: {error}"
                );
                eprintln!("NOT RUN: tshark is missing ({error})");
                return;
            }
        };
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let columns: Vec<_> = line.split('|').collect();
            let [frame, payload, malformed, fields @ ..] = columns.as_slice() else {
                panic!("tshark printed {line}")
            };
            let place = format!("{} frame {frame}", file.display());
            let theirs = Decoded::from_columns(fields);
            let (ours, fits) = Decoded::read(&unhex(payload));
            if fits {
                assert_eq!(ours, theirs, "{place}");
                agreed += 1;
            } else {
                // What the codec refuses, tshark calls malformed, or stops in as well.
                let stops = ours.option_codes.starts_with(&theirs.option_codes)
                    || theirs.option_codes.len() * 4 < payload.len() / 2;
                assert!(
                    !malformed.is_empty() || stops,
                    "{place}: {ours:?} {theirs:?}"
                );
                refused += 1;
            }
        }
    }
    println!(
        "{} captures: {agreed} messages agreed, {refused} refused by both",
        files.len()
    );
    assert!(agreed > 0);
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
