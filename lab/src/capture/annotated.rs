//! Datagrams → a pcapng file whose packets have comments.

use std::borrow::Cow;
use std::io::Write;
use std::time::Duration;

use pcap_file::DataLink;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionBlock;
use pcap_file::pcapng::blocks::opt_common::CommonOption;
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::{PcapNgBlock, PcapNgWriter};

use super::Error;
use super::write::{EPOCH, PACKET_MAX, frame};
use crate::rig::Datagram;

/// More octets than this cannot be in an option.
const COMMENT_MAX: usize = u16::MAX as usize;

/// A datagram with what there is to say about it.
#[derive(Clone, Debug)]
pub struct Annotated<'a> {
    /// When it was sent, since the start of its scenario.
    pub at: Duration,
    /// The datagram.
    pub datagram: &'a Datagram,
    /// The comment; none if it is empty.
    pub comment: String,
}

/// Writes datagrams with comments; `about` is the comment of the whole.
///
/// # Errors
/// The writer does not take it, or a datagram is longer than IPv6 can say.
pub fn write_annotated(
    about: &str,
    packets: &[Annotated<'_>],
    out: impl Write,
) -> Result<(), Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Write(error.to_string());
    let section = SectionHeaderBlock {
        options: vec![SectionHeaderOption::Common(comment(about))],
        ..SectionHeaderBlock::default()
    };
    let mut writer =
        PcapNgWriter::with_section_header(out, section).map_err(|error| failed(&error))?;
    let interface = InterfaceDescriptionBlock::new(DataLink::ETHERNET, PACKET_MAX);
    writer
        .write_block(&interface.into_block())
        .map_err(|error| failed(&error))?;
    for packet in packets {
        let data = frame(packet.datagram).ok_or_else(|| failed(&"a datagram is too long"))?;
        let said = Some(packet.comment.as_str()).filter(|it| !it.is_empty());
        let block = EnhancedPacketBlock {
            interface_id: 0,
            timestamp: EPOCH + packet.at,
            original_len: u32::try_from(data.len()).unwrap_or(u32::MAX),
            data: Cow::Owned(data),
            options: said
                .map(|it| EnhancedPacketOption::Common(comment(it)))
                .into_iter()
                .collect(),
        };
        writer
            .write_block(&block.into_block())
            .map_err(|error| failed(&error))?;
    }
    writer.into_inner().flush().map_err(|error| failed(&error))
}

/// A comment, as far as it fits.
fn comment(text: &str) -> CommonOption<'_> {
    CommonOption::Comment(Cow::Borrowed(
        text.get(..text.floor_char_boundary(COMMENT_MAX))
            .unwrap_or(text),
    ))
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
        let packets = [
            Annotated {
                at,
                datagram: &datagram,
                comment: "step 1".into(),
            },
            Annotated {
                at,
                datagram: &datagram,
                comment: "é".repeat(COMMENT_MAX),
            },
        ];
        let mut file = Vec::new();
        write_annotated("the whole", &packets, &mut file).expect("memory takes it");
        let capture = crate::capture::read(file.as_slice()).expect("a capture");
        assert_eq!(
            capture,
            [(EPOCH + at, datagram.clone()), (EPOCH + at, datagram)]
        );
        let holds = |text: &str| file.windows(text.len()).any(|it| it == text.as_bytes());
        assert!(holds("the whole") && holds("step 1"));
    }
}
