//! Frames → a pcapng file, with the interfaces that they come from and what is noted about them.

use std::io::Write;
use std::time::Duration;

use pcap_file::DataLink;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::opt_common::CommonOption;

use super::Error;

/// More than any frame has.
const FRAME_MAX: u32 = 1 << 18;

/// A pcapng file that is being written. Interfaces are described when their first frames come.
pub struct PcapngWriter<W: Write> {
    writer: PcapNgWriter<W>,
    /// Link type and name of each interface.
    interfaces: Vec<(u32, String)>,
}

/// One frame, as it is written.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// When it was captured, since 1970.
    pub at: Duration,
    /// What it begins with, by libpcap's numbers of link types.
    pub link_type: u32,
    /// The name of the interface; empty if it has none.
    pub interface: &'a str,
    /// What was captured of it.
    pub octets: &'a [u8],
    /// How long it was on the wire.
    pub len: usize,
    /// What is noted about it.
    pub comments: &'a [String],
}

impl<W: Write> PcapngWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// The writer does not take it.
    pub fn new(out: W) -> Result<Self, Error> {
        let writer = PcapNgWriter::new(out).map_err(failed)?;
        Ok(Self {
            writer,
            interfaces: Vec::new(),
        })
    }

    /// Writes a frame.
    ///
    /// # Errors
    /// The writer does not take it.
    pub fn write(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        let interface = self.interface(frame.link_type, frame.interface)?;
        let comments = frame.comments.iter();
        let comments =
            comments.map(|it| EnhancedPacketOption::Common(CommonOption::Comment(it.into())));
        let captured = u32::try_from(frame.octets.len()).unwrap_or(u32::MAX);
        let block = EnhancedPacketBlock {
            interface_id: interface,
            timestamp: frame.at,
            original_len: u32::try_from(frame.len).unwrap_or(u32::MAX).max(captured),
            data: frame.octets.into(),
            options: comments.collect(),
        };
        self.writer.write_pcapng_block(block).map_err(failed)?;
        Ok(())
    }

    /// Makes sure that everything is where it is written to.
    ///
    /// # Errors
    /// The writer does not take it.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.writer.get_mut().flush().map_err(failed)
    }

    fn interface(&mut self, link_type: u32, name: &str) -> Result<u32, Error> {
        let known = self
            .interfaces
            .iter()
            .position(|it| it.0 == link_type && it.1 == name);
        let index = known.unwrap_or(self.interfaces.len());
        if known.is_none() {
            let mut block = InterfaceDescriptionBlock::new(DataLink::from(link_type), FRAME_MAX);
            if !name.is_empty() {
                block
                    .options
                    .push(InterfaceDescriptionOption::IfName(name.to_owned().into()));
            }
            let nanos = InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO);
            block.options.push(nanos);
            self.writer.write_pcapng_block(block).map_err(failed)?;
            self.interfaces.push((link_type, name.to_owned()));
        }
        u32::try_from(index).map_err(failed)
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Write(error.to_string())
}
