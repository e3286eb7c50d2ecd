//! Files → frames: pcap and pcapng, compressed with gzip or not, whole or broken.
//!
//! `pcap-file` knows both formats. Its own readers stop for good at the first thing that they do not like, and
//! tell neither where nor how much is lost, so blocks and records are cut out of the file here and handed to its
//! parsers one by one: a block that cannot be read costs that block, or just its options. No length field
//! decides how much memory is taken; what it promises has to be in the file first.

use std::io::{self, BufRead, Read};
use std::time::Duration;

use flate2::bufread::MultiGzDecoder;
use pcap_file::Endianness;
use pcap_file::pcap::{PcapParser, RawPcapPacket};
use pcap_file::pcapng::PcapNgParser;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
use pcap_file::pcapng::blocks::opt_common::CommonOption;
use pcap_file::pcapng::blocks::{
    Block, ENHANCED_PACKET_BLOCK, INTERFACE_DESCRIPTION_BLOCK, PACKET_BLOCK, SECTION_HEADER_BLOCK,
};

use super::Error;

/// More than any frame has, as other tools see it too; a record that says more is damaged.
const FRAME_MAX: usize = 1 << 18;
/// More than any block has, as other tools see it too.
const BLOCK_MAX: usize = 1 << 24;
const PCAP_HEADER_LEN: usize = 24;
const RECORD_HEADER_LEN: usize = 16;
/// Type and length, which stand before a block, and the length again behind it.
const BLOCK_HEADER_LEN: usize = 8;
const BLOCK_TRAILER_LEN: usize = 4;
/// How classic files begin: two orders, two units.
const PCAP_MAGIC: [[u8; 4]; 4] = [
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x4d, 0x3c, 0xb2, 0xa1],
];
/// Of a capture that has a longer header for each frame; no current program writes it.
const MAGIC_MODIFIED: [[u8; 4]; 2] = [[0xa1, 0xb2, 0xcd, 0x34], [0x34, 0xcd, 0xb2, 0xa1]];

/// How files of other kinds begin, what they are, and what helps.
const FOREIGN: &[(&[u8], &str)] = &[
    (
        &MAGIC_MODIFIED[0],
        "a pcap of an old, private form: `editcap -F pcap` makes it readable",
    ),
    (
        &MAGIC_MODIFIED[1],
        "a pcap of an old, private form: `editcap -F pcap` makes it readable",
    ),
    (
        &[0x28, 0xb5, 0x2f, 0xfd],
        "compressed with zstd: `zstd -d` it first",
    ),
    (
        &[0x04, 0x22, 0x4d, 0x18],
        "compressed with lz4: `lz4 -d` it first",
    ),
    (b"\xfd7zXZ", "compressed with xz: `xz -d` it first"),
    (b"BZh", "compressed with bzip2: `bzip2 -d` it first"),
    (b"PK\x03\x04", "a ZIP archive: unpack it first"),
    (
        b"snoop\0",
        "a snoop file: `editcap -F pcapng` makes it readable",
    ),
    (
        b"GMBU",
        "a Network Monitor file: `editcap -F pcapng` makes it readable",
    ),
    (b"MDMP", "an ETL file: `etl2pcapng` makes it readable"),
];

/// One frame of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Its number in the file, from 1.
    pub(super) number: usize,
    /// When it was captured, since 1970.
    pub(super) at: Duration,
    /// What it begins with, by libpcap's numbers of link types.
    pub(super) link_type: u32,
    /// The interface, where the file tells.
    pub(super) interface: Option<String>,
    /// What was captured of it.
    pub(super) octets: Vec<u8>,
    /// How long it was on the wire.
    pub(super) len: usize,
    /// What somebody noted about it.
    pub(super) comments: Vec<String>,
}

/// Hands every frame of a file to `take`, as far as the file can be read, and returns what could not be.
///
/// # Errors
/// It is no capture, or nothing of it can be read.
pub(super) fn read(
    mut input: impl BufRead,
    take: &mut dyn FnMut(Frame),
) -> Result<Vec<String>, Error> {
    let start = input
        .fill_buf()
        .map_err(|error| Error::Read(error.to_string()))?;
    match start.starts_with(&[0x1f, 0x8b]) {
        true => uncompressed(Source::new(MultiGzDecoder::new(input)), take),
        false => uncompressed(Source::new(input), take),
    }
}

fn uncompressed<R: Read>(
    mut source: Source<R>,
    take: &mut dyn FnMut(Frame),
) -> Result<Vec<String>, Error> {
    let mut magic = Vec::new();
    source
        .read(6, &mut magic)
        .map_err(|error| Error::Read(error.to_string()))?;
    if magic.is_empty() {
        return Err(Error::Read("it is empty".into()));
    }
    if let Some((_, what)) = FOREIGN.iter().find(|(start, _)| magic.starts_with(start)) {
        return Err(Error::Read((*what).into()));
    }
    if magic.starts_with(&SECTION_HEADER_BLOCK.to_be_bytes()) {
        sections(source, magic, take)
    } else {
        classic(source, magic, take)
    }
}

/// Octets as they come, and where in the (uncompressed) file they are.
struct Source<R> {
    input: R,
    at: u64,
}

impl<R: Read> Source<R> {
    fn new(input: R) -> Self {
        Self { input, at: 0 }
    }

    /// Reads on until `into` has so many octets, or there are no more; says whether it has them.
    fn read(&mut self, len: usize, into: &mut Vec<u8>) -> io::Result<bool> {
        let wanted = u64::try_from(len.saturating_sub(into.len())).unwrap_or(u64::MAX);
        let before = into.len();
        let outcome = self.input.by_ref().take(wanted).read_to_end(into);
        self.at += u64::try_from(into.len() - before).unwrap_or(0);
        outcome.map(|_| into.len() >= len)
    }
}

/// The frames of a classic pcap file, of which `header` has been read.
fn classic<R: Read>(
    mut source: Source<R>,
    mut header: Vec<u8>,
    take: &mut dyn FnMut(Frame),
) -> Result<Vec<String>, Error> {
    let whole = source.read(PCAP_HEADER_LEN, &mut header);
    let whole = whole.map_err(|error| Error::Read(error.to_string()))?;
    let parser = match PcapParser::new(&header) {
        Ok((_, parser)) => parser,
        Err(_) if !whole && PCAP_MAGIC.iter().any(|it| header.starts_with(it)) => {
            return Err(Error::Read("it ends within its header".into()));
        }
        Err(_) => {
            return Err(Error::Read(
                "it is no capture: neither pcap nor pcapng begins like this".into(),
            ));
        }
    };
    // The upper half tells about checksums at the ends of frames.
    let link_type = u32::from(parser.header().datalink) & 0xffff;
    let little = parser.header().endianness == Endianness::Little;
    let nanos = parser.header().ts_resolution == pcap_file::pcap::PcapTsResolution::NanoSecond;
    let mut record = Vec::new();
    for number in 1.. {
        record.clear();
        let start = source.at;
        let within = |what: &str| format!("the file ends at octet {start} within {what} {number}");
        match source.read(RECORD_HEADER_LEN, &mut record) {
            Ok(true) => {}
            Ok(false) if record.is_empty() => break,
            Ok(false) => return Ok(vec![within("the header of frame")]),
            Err(error) => return Ok(vec![broken(&source, &error)]),
        }
        let len = word(&record, 8, little).unwrap_or(0);
        if len > FRAME_MAX {
            return Ok(vec![format!(
                "the file is damaged at octet {start}: frame {number} says that it has {len} octets; nothing \
                 from there on can be read"
            )]);
        }
        match source.read(RECORD_HEADER_LEN + len, &mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(vec![within("frame")]),
            Err(error) => return Ok(vec![broken(&source, &error)]),
        }
        let Ok((
            _,
            RawPcapPacket {
                ts_sec,
                ts_frac,
                orig_len,
                data,
                ..
            },
        )) = parser.next_raw_packet(&record)
        else {
            return Ok(vec![within("frame")]);
        };
        let unit = if nanos { 1 } else { 1000 };
        let fraction = Duration::from_nanos(u64::from(ts_frac) * unit);
        take(Frame {
            number,
            at: Duration::from_secs(ts_sec.into()) + fraction,
            link_type,
            interface: None,
            len: length(orig_len).max(data.len()),
            octets: data.into_owned(),
            comments: Vec::new(),
        });
    }
    Ok(Vec::new())
}

/// The frames of a pcapng file, of which `block` has been read.
fn sections<R: Read>(
    mut source: Source<R>,
    mut block: Vec<u8>,
    take: &mut dyn FnMut(Frame),
) -> Result<Vec<String>, Error> {
    let mut remarks = Vec::new();
    let mut parser: Option<PcapNgParser> = None;
    let mut frames = Frames::default();
    loop {
        let start = source.at - length_of(block.len());
        let outcome = next_block(&mut source, parser.as_ref(), &mut block);
        match outcome {
            Ok(true) => {}
            Ok(false) => break,
            Err(reason) => {
                let Some(_) = parser else {
                    return Err(Error::Read(format!(
                        "its first block cannot be read: {reason}"
                    )));
                };
                remarks.push(format!(
                    "octet {start}, behind frame {}: {reason}; nothing from there on can be read",
                    frames.count
                ));
                break;
            }
        }
        let read = match &mut parser {
            None => PcapNgParser::new(&block)
                .map(|(_, it)| parser = Some(it))
                .map(|()| None),
            Some(parser) => parser
                .next_block(&block)
                .map(|(_, it)| Some(it.into_owned())),
        };
        let read = read.or_else(|error| {
            let reduced = reduced(&block).ok_or_else(|| error.to_string())?;
            remarks.push(format!(
                "octet {start}, behind frame {}: the options of a block were passed over: {error}",
                frames.count
            ));
            let again = match &mut parser {
                None => PcapNgParser::new(&reduced)
                    .map(|(_, it)| parser = Some(it))
                    .map(|()| None),
                Some(parser) => parser
                    .next_block(&reduced)
                    .map(|(_, it)| Some(it.into_owned())),
            };
            again.map_err(|error| error.to_string())
        });
        match (read, &parser) {
            (Ok(Some(read)), Some(parser)) => frames.take(read, parser, take),
            (Ok(_), _) => {}
            (Err(error), None) => {
                return Err(Error::Read(format!(
                    "its first block cannot be read: {error}"
                )));
            }
            (Err(error), Some(_)) => remarks.push(format!(
                "octet {start}, behind frame {}: a block was passed over: {error}",
                frames.count
            )),
        }
        block.clear();
    }
    remarks.extend(frames.remarks());
    Ok(remarks)
}

/// Cuts the next block out of the file; `false` at its end.
fn next_block<R: Read>(
    source: &mut Source<R>,
    parser: Option<&PcapNgParser>,
    block: &mut Vec<u8>,
) -> Result<bool, String> {
    let mut read = |len, block: &mut Vec<u8>| match source.read(len, block) {
        Ok(true) => Ok(true),
        Ok(false) if block.is_empty() => Ok(false),
        Ok(false) => Err("the file ends within a block".to_owned()),
        Err(error) => Err(broken(source, &error)),
    };
    if !read(BLOCK_HEADER_LEN, block)? {
        return Ok(false);
    }
    let little = if block.starts_with(&SECTION_HEADER_BLOCK.to_be_bytes()) {
        // A section says itself in which order its octets are.
        read(BLOCK_HEADER_LEN + 4, block)?;
        block.ends_with(&[0x4d, 0x3c, 0x2b, 0x1a])
    } else {
        parser.is_none_or(|it| it.section().endianness == Endianness::Little)
    };
    let len = word(block, 4, little).unwrap_or(0);
    if len < BLOCK_HEADER_LEN + BLOCK_TRAILER_LEN || !len.is_multiple_of(4) || len > BLOCK_MAX {
        return Err(format!("a block says that it has {len} octets"));
    }
    read(len, block)?;
    match word(block, len - BLOCK_TRAILER_LEN, little) {
        Some(again) if again == len => Ok(true),
        _ => Err("the two lengths of a block differ".to_owned()),
    }
}

/// The block without its options, if it is one that can do without.
fn reduced(block: &[u8]) -> Option<Vec<u8>> {
    // Of what the first block is, its length, which was found right, tells in which order its octets are.
    let little = word(block, 4, true) == Some(block.len());
    let kind = u32::try_from(word(block, 0, little)?).ok()?;
    let kept = match kind {
        SECTION_HEADER_BLOCK => 16,
        INTERFACE_DESCRIPTION_BLOCK => 8,
        ENHANCED_PACKET_BLOCK | PACKET_BLOCK => {
            let captured = word(block, BLOCK_HEADER_LEN + 12, little)?;
            20 + captured.checked_next_multiple_of(4)?
        }
        _ => return None,
    };
    let body = block.get(BLOCK_HEADER_LEN..)?.get(..kept)?;
    let len = u32::try_from(BLOCK_HEADER_LEN + kept + BLOCK_TRAILER_LEN).ok()?;
    let len = if little {
        len.to_le_bytes()
    } else {
        len.to_be_bytes()
    };
    Some([block.get(..4)?, &len, body, &len].concat()).filter(|it| it.len() < block.len())
}

/// The frames of a pcapng file.
#[derive(Default)]
struct Frames {
    count: usize,
    last: Duration,
    /// Frames that have no time.
    timeless: usize,
}

impl Frames {
    fn take(&mut self, block: Block<'_>, parser: &PcapNgParser, take: &mut dyn FnMut(Frame)) {
        let (interface, at, len, octets, comments) = match block {
            Block::EnhancedPacket(it) => {
                let comments = it.options.iter().filter_map(comment).collect();
                (
                    it.interface_id,
                    Some(it.timestamp),
                    it.original_len,
                    it.data,
                    comments,
                )
            }
            Block::Packet(it) => {
                let interface = it.interface_id.into();
                (
                    interface,
                    Some(it.timestamp),
                    it.original_len,
                    it.data,
                    Vec::new(),
                )
            }
            Block::SimplePacket(it) => (0, None, it.original_len, it.data, Vec::new()),
            Block::SectionHeader(_)
            | Block::InterfaceDescription(_)
            | Block::NameResolution(_)
            | Block::InterfaceStatistics(_)
            | Block::SystemdJournalExport(_)
            | Block::CustomCopiable(_)
            | Block::CustomNonCopiable(_)
            | Block::Unknown(_) => return,
        };
        self.count += 1;
        self.timeless += usize::from(at.is_none());
        self.last = at.unwrap_or(self.last);
        let Some(described) = parser.interfaces().get(length(interface)) else {
            return;
        };
        let name = described.options.iter().find_map(|it| {
            let InterfaceDescriptionOption::IfName(name) = it else {
                return None;
            };
            Some(name.to_string())
        });
        take(Frame {
            number: self.count,
            at: self.last,
            link_type: described.linktype.into(),
            interface: Some(name.unwrap_or_else(|| interface.to_string())),
            len: length(len).max(octets.len()),
            octets: octets.into_owned(),
            comments,
        });
    }

    fn remarks(&self) -> Option<String> {
        let times = "frames have no time: they are taken to be as old as the frame before";
        (self.timeless > 0).then(|| format!("{} {times}", self.timeless))
    }
}

fn comment(option: &EnhancedPacketOption<'_>) -> Option<String> {
    let EnhancedPacketOption::Common(CommonOption::Comment(text)) = option else {
        return None;
    };
    Some(text.to_string())
}

/// What to say of a file that cannot be read on.
fn broken<R>(source: &Source<R>, error: &io::Error) -> String {
    let at = source.at;
    if error.kind() == io::ErrorKind::UnexpectedEof {
        format!("the compressed file ends early, at octet {at} of what is in it")
    } else {
        format!("the file cannot be read behind octet {at}: {error}")
    }
}

/// The number of four octets at a place.
fn word(octets: &[u8], at: usize, little: bool) -> Option<usize> {
    let octets = *octets.get(at..)?.first_chunk::<4>()?;
    Some(length(match little {
        true => u32::from_le_bytes(octets),
        false => u32::from_be_bytes(octets),
    }))
}

fn length(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn length_of(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
