//! Captures: the DHCPv6 datagrams of a file that somebody recorded, and a transcript's datagrams as a file.
//!
//! Read are pcap and pcapng, in either byte order, compressed with gzip or not. Frames may be Ethernet, Linux's
//! cooked captures, BSD's loopback, PPP or bare IP; they may have VLAN tags, carry a PPPoE session or a tunnel,
//! and come in fragments. Whatever is not DHCPv6 over IPv6 is passed over. What is damaged or cut short is read
//! as far as it goes, and what is wrong with it is said in [`Capture::remarks`].
//!
//! Written files are Ethernet as it would have been on the wire, so every other tool can open them.

mod annotated;
mod container;
mod datagrams;
mod envelope;
mod pcapng;
mod sieve;
#[cfg(test)]
mod tests;
mod unframe;
mod write;

pub use annotated::{Annotated, write_annotated};
pub use envelope::Envelope;
pub use pcapng::{Frame, PcapngWriter};
pub use sieve::{Sieve, Sieved, Sifted};
pub use write::write;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::time::Duration;

use datagrams::Collector;

use crate::link::frame::Mac;
use crate::rig::Datagram;

/// Why a capture cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no capture, or nothing of it can be read.
    #[error("the capture cannot be read: {0}")]
    Read(String),
    /// It holds frames of another kind.
    #[error("frames of link type {0} cannot be read: capture Ethernet, or use `-i any`")]
    LinkType(u32),
    /// It cannot be written.
    #[error("the capture cannot be written: {0}")]
    Write(String),
}

/// The DHCPv6 of a capture.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    /// Its datagrams, in the order of the file.
    pub packets: Vec<Packet>,
    /// What could not be read, and why: the rest of a truncated file, a datagram of which a fragment is missing.
    pub remarks: Vec<String>,
}

/// One DHCPv6 datagram of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The number of its last frame in the file, from 1, as other tools count.
    pub number: usize,
    /// When it was captured, since 1970.
    pub at: Duration,
    /// The link that it was on, as far as its frame tells: `vlan 7`, `vlan 100.7` (stacked), `pppoe session 12`, and
    /// where the datagrams of a file come from several interfaces `interface eth0`; or empty. What was on different
    /// links has nothing to do with each other.
    pub link: String,
    /// The hardware addresses of its frame, source first; `None` where the link type has none.
    pub macs: Option<(Mac, Mac)>,
    /// The hop limit.
    pub hop_limit: u8,
    /// The datagram. DHCPv6 in IPv4, which nobody should send, has IPv4-mapped addresses.
    pub datagram: Datagram,
    /// So many octets at the end of the datagram are not there, as the capture was told to cut frames short.
    pub missing: usize,
    /// What somebody noted about its frame.
    pub comments: Vec<String>,
}

/// A datagram, and what is around it.
#[derive(Clone, Debug)]
pub struct Found {
    /// The datagram.
    pub packet: Packet,
    /// What is around it.
    pub envelope: Envelope,
}

/// The DHCPv6 of a capture with what is around it.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Its datagrams, in the order of the file.
    pub found: Vec<Found>,
    /// How many frames the file has, of any kind.
    pub frames: usize,
    /// What could not be read, and why.
    pub remarks: Vec<String>,
}

/// Reads the capture in a file.
///
/// # Errors
/// It cannot be read at all.
pub fn open(path: &Path) -> Result<Capture, Error> {
    let Recording { found, remarks, .. } = open_enveloped(path)?;
    let packets = found.into_iter().map(|it| it.packet).collect();
    Ok(Capture { packets, remarks })
}

/// Reads the capture in a file, and keeps what is around each datagram.
///
/// # Errors
/// It cannot be read at all.
pub fn open_enveloped(path: &Path) -> Result<Recording, Error> {
    if path.is_dir() {
        let folder = path.display();
        return Err(Error::Read(format!(
            "it is a folder; name the captures in it, as in `{folder}/*.pcap`"
        )));
    }
    let file = File::open(path).map_err(|error| Error::Read(error.to_string()))?;
    find(file)
}

/// The DHCPv6 datagrams of a capture, with their times.
///
/// # Errors
/// It cannot be read at all.
pub fn read(input: impl Read) -> Result<Vec<(Duration, Datagram)>, Error> {
    let packets = find(input)?.found.into_iter().map(|it| it.packet);
    Ok(packets.map(|it| (it.at, it.datagram)).collect())
}

/// The DHCPv6 datagrams of a capture with what is around them, and what could not be read.
fn find(input: impl Read) -> Result<Recording, Error> {
    let mut collector = Collector::default();
    let mut remarks = container::read(BufReader::new(input), &mut |frame| collector.take(&frame))?;
    if let (true, Some((link_type, _))) =
        (collector.found.is_empty(), collector.closed.iter().next())
    {
        return Err(Error::LinkType(*link_type));
    }
    remarks.extend(collector.remarks());
    let Collector {
        mut found, frames, ..
    } = collector;
    name_interfaces(&mut found);
    Ok(Recording {
        found,
        frames,
        remarks,
    })
}

/// Says at each datagram which interface it comes from, if they come from several.
fn name_interfaces(found: &mut [Found]) {
    let mut interfaces = found.iter().map(|it| &it.envelope.interface);
    let first = interfaces.next();
    if interfaces.all(|it| Some(it) == first) {
        return;
    }
    for Found { packet, envelope } in found {
        if let Some(interface) = &envelope.interface {
            let comma = if packet.link.is_empty() { "" } else { ", " };
            packet.link = format!("interface {interface}{comma}{}", packet.link);
        }
    }
}
