//! `dhcp6lab anonymise`: a capture that can be shown to others. Who took part is not to be seen in it any more; what
//! they did is.

mod addresses;
mod mapping;
mod message;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, Write};
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

use mapping::Mapping;

use crate::capture::{self, Found, Frame, PcapngWriter, Recording};
use crate::dissect::{self, Options, Value};
use crate::link::frame::Mac;
use crate::status;

/// The command line of `dhcp6lab anonymise`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dhcp6lab anonymise customer.pcapng -o report.pcapng
  dhcp6lab show report.pcapng             look at it before you send it

Only DHCPv6 is written; whatever else the capture holds is left out. docs/captures.md says what stays and what
becomes something else.")]
pub struct AnonymiseArguments {
    /// The capture.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where the new capture goes (pcapng).
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Replaces names in the same way wherever the same text is given here, so that several captures of one network go
    /// together. Whoever knows the text can find out whether a name that they know is in the capture.
    #[arg(long, value_name = "TEXT")]
    pub seed: Option<String>,
}

/// Anonymises a capture, and returns the exit status.
pub fn run(arguments: &AnonymiseArguments, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    match anonymise(arguments) {
        Ok(report) => {
            // Whoever does not read it does not want to know.
            let _ = write!(out, "{report}");
            status::PASSED
        }
        Err(text) => {
            // Without standard error there is nobody to tell.
            let _ = writeln!(err, "dhcp6lab: {text}");
            status::BAD_INPUT
        }
    }
}

fn anonymise(arguments: &AnonymiseArguments) -> Result<String, String> {
    let (file, output) = (arguments.file.display(), arguments.output.display());
    let recording = capture::open_enveloped(&arguments.file);
    let recording = recording.map_err(|error| format!("{file}: {error}"))?;
    if recording.found.is_empty() {
        return Err(format!(
            "{file}: there is no DHCPv6 in it (UDP ports 546 and 547)"
        ));
    }
    if is_same(&arguments.file, &arguments.output) {
        return Err(format!(
            "{output} is the capture itself: write to another file"
        ));
    }
    let secret = match &arguments.seed {
        Some(seed) => seed.as_bytes().to_vec(),
        None => {
            random().map_err(|error| format!("there is no random number to be had: {error}"))?
        }
    };
    let start = recording
        .found
        .iter()
        .map(|it| it.packet.at)
        .min()
        .unwrap_or_default();
    let mut mapping = Mapping::new(&secret, start, macs(&recording));
    write(&arguments.output, &recording, &mut mapping)
        .map_err(|error| format!("{output}: {error}"))?;
    Ok(report(&recording, &mapping, &arguments.output))
}

fn random() -> Result<Vec<u8>, getrandom::Error> {
    let mut secret = vec![0; 32];
    getrandom::fill(&mut secret)?;
    Ok(secret)
}

fn is_same(first: &Path, second: &Path) -> bool {
    match (first.canonicalize(), second.canonicalize()) {
        (Ok(first), Ok(second)) => first == second,
        _ => false,
    }
}

/// Writes the new capture; if that fails, there is none.
fn write(path: &Path, recording: &Recording, mapping: &mut Mapping) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let folder = path
        .parent()
        .filter(|it| !it.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let file = tempfile::NamedTempFile::new_in(folder).map_err(|error| text(&error))?;
    let mut writer =
        PcapngWriter::new(BufWriter::new(file.as_file())).map_err(|error| text(&error))?;
    let mut interfaces: BTreeMap<Option<String>, String> = BTreeMap::new();
    for found in &recording.found {
        let next = format!("if{}", interfaces.len());
        let interface = interfaces
            .entry(found.envelope.interface.clone())
            .or_insert(next)
            .clone();
        let Found { packet, envelope } = replaced(found, mapping);
        let (octets, len) = envelope.seal(&packet).ok_or("a datagram is too long")?;
        let frame = Frame {
            at: packet.at,
            link_type: envelope.link_type,
            interface: &interface,
            octets: &octets,
            len,
            comments: &[],
        };
        writer.write(&frame).map_err(|error| text(&error))?;
    }
    writer.flush().map_err(|error| text(&error))?;
    drop(writer);
    make_readable(&file).map_err(|error| text(&error))?;
    file.persist(path).map_err(|error| text(&error.error))?;
    Ok(())
}

/// Temporary files are for their owner alone; what is written is as other new files are.
fn make_readable(file: &tempfile::NamedTempFile) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o644))
}

/// A datagram and its frame with other names.
fn replaced(found: &Found, mapping: &mut Mapping) -> Found {
    let mut new = found.clone();
    let packet = &mut new.packet;
    let tree = dissect::message(&packet.datagram.payload);
    packet.datagram.payload = message::message(&tree, mapping);
    packet.at = mapping.time(packet.at);
    packet
        .datagram
        .source
        .set_ip(mapping.address(*packet.datagram.source.ip()));
    let to = mapping.address(*packet.datagram.destination.ip());
    packet.datagram.destination.set_ip(to);
    new.envelope.map_macs(|mac| mapping.frame_mac(mac, to));
    new
}

/// The hardware addresses that a capture tells of, in any place.
fn macs(recording: &Recording) -> BTreeSet<Mac> {
    let mut macs = BTreeSet::new();
    for Found { packet, envelope } in &recording.found {
        macs.extend(envelope.macs());
        macs.extend(in_address(*packet.datagram.source.ip()));
        let tree = dissect::message(&packet.datagram.payload);
        for level in tree.levels() {
            if let dissect::Head::Relay { peer, .. } = &level.head {
                macs.extend(in_address(*peer));
            }
            in_options(&level.options, &mut macs);
        }
    }
    macs.retain(|it| it[0] & 1 == 0 && *it != [0; 6]);
    macs
}

fn in_options(options: &Options, macs: &mut BTreeSet<Mac>) {
    for option in &options.list {
        if let Value::Duid(duid) = &option.value
            && let [0, 1 | 3, 0, 1, .., _] = duid.as_slice()
        {
            macs.extend(duid.last_chunk::<6>().copied());
        }
        if let Value::LinkLayer { address, .. } = &option.value {
            macs.extend(Mac::try_from(address.as_slice()).ok());
        }
        if let Some(inside) = option.value.options() {
            in_options(inside, macs);
        }
    }
}

/// The hardware address that an address is made from.
fn in_address(address: Ipv6Addr) -> Option<Mac> {
    match address.octets() {
        [.., a, b, c, 0xff, 0xfe, d, e, f] => Some([a ^ 2, b, c, d, e, f]),
        _ => None,
    }
}

fn report(recording: &Recording, mapping: &Mapping, output: &Path) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let found = recording.found.len();
    let _ = writeln!(text, "{}: {found} DHCPv6 messages", output.display());
    let other = recording.frames.saturating_sub(found);
    if other > 0 {
        let _ = writeln!(text, "  left out: {other} other frames");
    }
    let noted = recording
        .found
        .iter()
        .filter(|it| !it.packet.comments.is_empty())
        .count();
    if noted > 0 {
        let _ = writeln!(text, "  left out: the notes on {noted} frames");
    }
    for (kind, count) in mapping.counts() {
        let _ = writeln!(text, "  replaced: {count} {}", kind.plural());
    }
    text.push_str("  shifted: all times, by the same amount\n");
    for remark in &recording.remarks {
        let _ = writeln!(text, "  ! {remark}");
    }
    text
}
