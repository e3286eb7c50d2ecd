//! Datagrams → a pcapng file whose packets have comments.

use std::io::Write;
use std::time::Duration;

use pcap_file::DataLink;

use super::write::{EPOCH, frame};
use super::{Error, Frame, PcapngWriter};
use crate::rig::Datagram;

/// A datagram with what there is to say about it.
#[derive(Clone, Debug)]
pub struct Annotated<'a> {
    /// When it was sent, since the start of its scenario.
    pub at: Duration,
    /// The datagram.
    pub datagram: &'a Datagram,
    /// What is said about it.
    pub comments: Vec<String>,
}

/// Writes datagrams with comments.
///
/// # Errors
/// The writer does not take it, or a datagram is longer than IPv6 can say.
pub fn write_annotated(packets: &[Annotated<'_>], out: impl Write) -> Result<(), Error> {
    let mut writer = PcapngWriter::new(out)?;
    for packet in packets {
        let octets = frame(packet.datagram)
            .ok_or_else(|| Error::Write("a datagram is too long".to_owned()))?;
        writer.write(&Frame {
            at: EPOCH + packet.at,
            link_type: DataLink::ETHERNET.into(),
            interface: "",
            len: octets.len(),
            octets: &octets,
            comments: &packet.comments,
        })?;
    }
    writer.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        let datagram = Datagram {
            source: "[fe80::c1]:546".parse().expect("an address"),
            destination: "[ff02::1:2]:547".parse().expect("an address"),
            payload: vec![1, 2, 3, 4],
        };
        let at = Duration::from_millis(1500);
        let packet = Annotated {
            at,
            datagram: &datagram,
            comments: vec!["step 1".into()],
        };
        let mut file = Vec::new();
        write_annotated(&[packet], &mut file).expect("memory takes it");
        let capture = crate::capture::read(file.as_slice()).expect("a capture");
        assert_eq!(capture, [(EPOCH + at, datagram)]);
        assert!(file.windows(6).any(|it| it == b"step 1"));
    }
}
