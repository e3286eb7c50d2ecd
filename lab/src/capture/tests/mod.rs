//! Files of every kind, whole and broken, made here octet by octet so that no writer's mistake is its reader's.

mod frames;

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::write::{EPOCH, frame};
use super::*;
use crate::link::fragment;
use crate::link::frame::{ETHERNET_LEN, FRAGMENT, UDP};
use crate::link::udp;

const ETHERNET: u16 = 1;
const RAW: u16 = 101;

fn datagram(payload: &[u8]) -> Datagram {
    Datagram {
        source: "[fe80::c1]:546".parse().expect("an address"),
        destination: "[ff02::1:2]:547".parse().expect("an address"),
        payload: payload.to_vec(),
    }
}

fn ethernet(payload: &[u8]) -> Vec<u8> {
    frame(&datagram(payload)).expect("short")
}

/// An IPv6 packet with these octets behind its header.
fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let (source, destination) = ("fe80::c1", "ff02::1:2");
    let packet = crate::link::frame::Packet {
        source: source.parse().expect("an address"),
        destination: destination.parse().expect("an address"),
        hop_limit: 1,
        next_header,
        payload,
    };
    packet.frame([2; 6], [4; 6]).expect("short")[ETHERNET_LEN..].to_vec()
}

/// The octets of a number, in one order or the other.
#[derive(Clone, Copy, Debug)]
enum Order {
    Big,
    Little,
}

impl Order {
    fn u16(self, number: u16) -> [u8; 2] {
        match self {
            Self::Big => number.to_be_bytes(),
            Self::Little => number.to_le_bytes(),
        }
    }

    fn u32(self, number: usize) -> [u8; 4] {
        let number = u32::try_from(number).expect("short");
        match self {
            Self::Big => number.to_be_bytes(),
            Self::Little => number.to_le_bytes(),
        }
    }

    /// A classic file.
    fn pcap(self, magic: usize, link_type: u16, frames: &[(usize, usize, &[u8])]) -> Vec<u8> {
        let mut file = [&self.u32(magic)[..], &self.u16(2), &self.u16(4), &[0; 8]].concat();
        // A limit of zero stands in files of some programs, though there are frames.
        file.extend([self.u32(0), self.u32(link_type.into())].concat());
        for (secs, fraction, frame) in frames {
            for number in [*secs, *fraction, frame.len(), frame.len()] {
                file.extend(self.u32(number));
            }
            file.extend(*frame);
        }
        file
    }

    fn block(self, kind: usize, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let len = self.u32(body.len() + 12);
        [&self.u32(kind), &len, body.as_slice(), &len].concat()
    }

    fn section(self) -> Vec<u8> {
        let body = [
            &self.u32(0x1a2b_3c4d)[..],
            &self.u16(1),
            &self.u16(0),
            &[0xff; 8],
        ];
        self.block(0x0a0d_0d0a, &body.concat())
    }

    fn option(self, code: u16, content: &[u8]) -> Vec<u8> {
        let len = u16::try_from(content.len()).expect("short");
        let mut option = [&self.u16(code), &self.u16(len), content].concat();
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }

    fn interface(self, link_type: u16, options: &[u8]) -> Vec<u8> {
        let body = [&self.u16(link_type)[..], &[0; 2], &self.u32(0), options];
        self.block(1, &body.concat())
    }

    fn enhanced(self, interface: usize, time: u64, frame: &[u8], options: &[u8]) -> Vec<u8> {
        let half = |half| self.u32(usize::try_from(half).expect("short"));
        let (high, low) = (half(time >> 32), half(time & 0xffff_ffff));
        let len = self.u32(frame.len());
        let mut body = [self.u32(interface), high, low, len, len].concat();
        body.extend(frame);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(options);
        self.block(6, &body)
    }
}

fn opened(file: &[u8]) -> Capture {
    let Recording { found, remarks, .. } = find(file).expect("a capture");
    let packets = found.into_iter().map(|it| it.packet).collect();
    Capture { packets, remarks }
}

/// The frames of a datagram that is cut up.
fn fragments(payload: &[u8], identification: u32) -> Vec<Vec<u8>> {
    let whole = udp::write(&datagram(payload)).expect("short");
    let pieces = fragment::split(UDP, &whole, identification);
    pieces.iter().map(|it| ipv6(FRAGMENT, it)).collect()
}

fn raw(frames: &[Vec<u8>]) -> Vec<u8> {
    let frames: Vec<_> = frames.iter().map(|it| (0, 0, it.as_slice())).collect();
    Order::Big.pcap(0xa1b2_c3d4, RAW, &frames)
}

/// Of a file without anything to remark.
fn payloads(file: &[u8]) -> Vec<Vec<u8>> {
    let capture = opened(file);
    assert_eq!(capture.remarks, [""; 0]);
    capture
        .packets
        .into_iter()
        .map(|it| it.datagram.payload)
        .collect()
}

/// A capture of one frame.
fn one(link_type: u16, frame: &[u8]) -> Vec<u8> {
    Order::Big.pcap(0xa1b2_c3d4, link_type, &[(1, 2, frame)])
}

#[track_caller]
fn refused(file: &[u8], part: &str) {
    let error = find(file).expect_err("it is refused").to_string();
    assert!(error.contains(part), "{error}");
}

#[test]
fn what_was_written_is_read_again() {
    let datagrams = [datagram(&[1, 2, 3, 4]), datagram(&[7; 3000])];
    let mut file = Vec::new();
    let timed = (0..).map(Duration::from_secs).zip(&datagrams);
    write(timed, &mut file).expect("memory takes it");
    let (times, same): (Vec<_>, Vec<_>) = read(file.as_slice())
        .expect("a capture")
        .into_iter()
        .unzip();
    assert_eq!(same, datagrams);
    assert_eq!(times, [EPOCH, EPOCH + Duration::from_secs(1)]);
}

#[test]
fn classic_files_of_both_orders_and_both_units_are_read() {
    let frame = ethernet(&[1, 2, 3, 4]);
    for order in [Order::Big, Order::Little] {
        for (magic, nanos) in [(0xa1b2_c3d4, 7000), (0xa1b2_3c4d, 7)] {
            let file = order.pcap(magic, ETHERNET, &[(5, 7, &frame), (6, 0, &frame)]);
            let packets = opened(&file).packets;
            assert_eq!(packets.len(), 2, "{order:?}");
            assert_eq!(packets[0].at, Duration::new(5, nanos));
            assert_eq!((packets[0].number, packets[1].number), (1, 2));
            assert_eq!(
                packets[0].macs.map(|it| it.1),
                Some([0x33, 0x33, 0, 1, 0, 2])
            );
            assert_eq!((packets[0].hop_limit, packets[0].missing), (1, 0));
        }
    }
}

#[test]
fn a_fraction_of_more_than_a_second_does_not_stop_reading() {
    let frame = ethernet(&[1, 2, 3, 4]);
    let file = Order::Big.pcap(0xa1b2_c3d4, ETHERNET, &[(5, 1_500_000, &frame)]);
    assert_eq!(opened(&file).packets[0].at, Duration::from_millis(6500));
}

#[test]
fn sections_have_their_own_order_and_interfaces_their_own_link_type_and_unit() {
    let (big, little) = (Order::Big, Order::Little);
    let frame = ethernet(&[1]);
    let nanos = little.option(9, &[9]);
    let offset = little.option(14, &100_u64.to_le_bytes());
    let named = [little.option(2, b"wan0"), nanos, offset].concat();
    let file = [
        big.section(),
        big.interface(ETHERNET, &[]),
        big.enhanced(0, 1_000_007, &frame, &big.option(1, b"a note")),
        little.section(),
        little.interface(ETHERNET, &[]),
        little.interface(RAW, &named),
        little.block(5, &[0; 12]),
        little.enhanced(1, 3_000_000_007, &ethernet(&[2])[ETHERNET_LEN..], &[]),
    ]
    .concat();
    let packets = opened(&file).packets;
    let payloads: Vec<_> = packets.iter().map(|it| it.datagram.payload[0]).collect();
    assert_eq!(payloads, [1, 2]);
    assert_eq!(packets[0].at, Duration::new(1, 7000));
    assert_eq!(packets[1].at, Duration::new(103, 7));
    assert_eq!(packets[0].comments, ["a note"]);
    assert_eq!(packets[0].link, "interface 0");
    assert_eq!(packets[1].link, "interface wan0");
}

#[test]
fn simple_packets_are_read_and_that_they_have_no_time_is_said() {
    let order = Order::Little;
    let frame = ethernet(&[9]);
    let simple = order.block(3, &[&order.u32(frame.len())[..], &frame].concat());
    let capture = opened(&[order.section(), order.interface(ETHERNET, &[]), simple].concat());
    assert_eq!(capture.packets[0].datagram.payload, [9]);
    assert!(
        capture.remarks[0].contains("1 frames have no time"),
        "{:?}",
        capture.remarks
    );
}

#[test]
fn a_block_that_cannot_be_read_costs_its_options_and_not_the_file() {
    let order = Order::Little;
    let frame = ethernet(&[1]);
    let file = [
        order.section(),
        // A name that is no UTF-8, and a resolution of five octets.
        order.interface(
            ETHERNET,
            &[order.option(2, &[0xff]), order.option(9, &[6; 5])].concat(),
        ),
        order.enhanced(0, 1_000_000, &frame, &order.option(2, &[0])),
        order.enhanced(7, 1_000_000, &frame, &[]),
        order.enhanced(0, 2_000_000, &frame, &[]),
    ];
    let capture = opened(&file.concat());
    let times: Vec<_> = capture.packets.iter().map(|it| it.at.as_secs()).collect();
    assert_eq!(times, [1, 2]);
    let remarks = capture.remarks.join("\n");
    assert_eq!(
        remarks
            .matches("the options of a block were passed over")
            .count(),
        2,
        "{remarks}"
    );
    assert_eq!(
        remarks.matches("a block was passed over").count(),
        1,
        "{remarks}"
    );
}

#[test]
fn compressed_files_are_read_whatever_they_are_called() {
    let whole = one(ETHERNET, &ethernet(&[1, 2, 3, 4]));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&whole).expect("memory takes it");
    let compressed = encoder.finish().expect("memory takes it");
    assert_eq!(payloads(&compressed), [[1, 2, 3, 4]]);
    let capture = opened(&compressed[..compressed.len() - 9]);
    assert!(
        capture.remarks[0].contains("the compressed file ends early"),
        "{:?}",
        capture.remarks
    );
}

#[test]
fn a_file_cut_short_is_read_as_far_as_it_goes() {
    let frame = ethernet(&[1, 2, 3, 4]);
    let file = Order::Big.pcap(0xa1b2_c3d4, ETHERNET, &[(0, 0, &frame), (0, 0, &frame)]);
    for (cut, remark) in [
        (1, "the file ends at octet 106 within frame 2"),
        (
            70,
            "the file ends at octet 106 within the header of frame 2",
        ),
    ] {
        let capture = opened(&file[..file.len() - cut]);
        assert_eq!(capture.packets.len(), 1, "{cut}");
        assert_eq!(capture.remarks, [remark]);
    }
    let order = Order::Little;
    let packet = order.enhanced(0, 1, &frame, &[]);
    let blocks = [
        order.section(),
        order.interface(ETHERNET, &[]),
        packet.clone(),
        packet,
    ];
    let file = blocks.concat();
    let capture = opened(&file[..file.len() - 5]);
    assert_eq!(capture.packets.len(), 1);
    assert!(
        capture.remarks[0].contains("octet 148, behind frame 1"),
        "{:?}",
        capture.remarks
    );
    assert!(
        capture.remarks[0].contains("the file ends within a block"),
        "{:?}",
        capture.remarks
    );
}

#[test]
fn a_length_that_is_too_long_ends_the_reading() {
    let frame = ethernet(&[1, 2, 3, 4]);
    let mut file = Order::Big.pcap(0xa1b2_c3d4, ETHERNET, &[(0, 0, &frame), (0, 0, &frame)]);
    file[106 + 8] = 0xff;
    let capture = opened(&file);
    assert_eq!(capture.packets.len(), 1);
    assert!(
        capture.remarks[0].contains("damaged at octet 106: frame 2"),
        "{:?}",
        capture.remarks
    );
    let order = Order::Big;
    let mut file = [order.section(), order.interface(ETHERNET, &[])].concat();
    file.extend([0, 0, 0, 6, 0xff, 0xff, 0xff, 0xfc]);
    assert!(opened(&file).remarks[0].contains("4294967292 octets"));
}

#[test]
fn what_is_no_capture_is_refused_with_what_helps() {
    refused(b"", "it is empty");
    refused(b"interface eth0 {", "neither pcap nor pcapng");
    refused(&one(ETHERNET, &[])[..9], "ends within its header");
    refused(&[0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0], "zstd -d");
    refused(
        &Order::Big.section()[..20],
        "its first block cannot be read",
    );
    let error = find(one(105, &[0; 20]).as_slice()).expect_err("not IEEE 802.11");
    assert!(matches!(error, Error::LinkType(105)), "{error}");
}

#[test]
fn frames_of_a_link_type_that_cannot_be_opened_are_counted() {
    let order = Order::Little;
    let file = [
        order.section(),
        order.interface(ETHERNET, &[]),
        order.interface(105, &[]),
        order.enhanced(0, 1, &ethernet(&[1]), &[]),
        order.enhanced(1, 1, &[0; 30], &[]),
    ];
    let capture = opened(&file.concat());
    assert_eq!(capture.packets.len(), 1);
    assert!(
        capture.remarks[0].contains("1 frames of link type 105"),
        "{:?}",
        capture.remarks
    );
}

/// Files that hold everything that the reader knows.
fn rich() -> Vec<Vec<u8>> {
    let frame = ethernet(&[1, 2, 3, 4]);
    let tagged = [&frame[..12], &[0x81, 0, 0, 5], &frame[12..]].concat();
    let pieces = fragments(&[7; 1600], 1);
    let order = Order::Little;
    let simple = order.block(3, &[&order.u32(frame.len())[..], &frame].concat());
    let options = [
        order.option(2, b"eth0"),
        order.option(9, &[9]),
        order.option(14, &[1; 8]),
    ];
    vec![
        order.pcap(0xa1b2_c3d4, ETHERNET, &[(1, 2, &frame), (3, 4, &tagged)]),
        raw(&pieces),
        [
            order.section(),
            order.interface(ETHERNET, &options.concat()),
            order.enhanced(0, 1 << 40, &frame, &order.option(1, b"a note")),
            simple,
            Order::Big.section(),
            Order::Big.interface(RAW, &[]),
            Order::Big.enhanced(0, 9, &pieces[0], &[]),
            Order::Big.enhanced(0, 9, &pieces[1], &[]),
        ]
        .concat(),
    ]
}

proptest! {
    #[test]
    fn no_file_makes_the_reader_panic(
        which in 0..3_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let mut file = rich().swap_remove(which);
        for (at, octet) in changes {
            let at = at.index(file.len());
            file[at] = octet;
        }
        if !whole {
            file.truncate(cut.index(file.len()));
        }
        let _ = find(file.as_slice());
    }

    #[test]
    fn no_frame_makes_the_reader_panic(
        link_type in prop::sample::select(vec![0_u16, 1, 9, 12, 50, 51, 108, 113, 204, 276]),
        start in prop::sample::select(vec![
            vec![], vec![0; 14], [&[0; 12][..], &[0x86, 0xdd]].concat(), vec![0x88, 0x64], vec![0xff, 3, 0x57], vec![0x60],
        ]),
        octets in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = find(one(link_type, &[start, octets].concat()).as_slice());
    }
}

#[test]
fn a_datagram_that_was_taken_out_of_its_frame_is_put_back_into_it() {
    let frame = ethernet(&[1, 2, 3, 4]);
    let (macs, ip) = (&frame[..12], &frame[ETHERNET_LEN..]);
    let len = u8::try_from(ip.len() + 2).expect("short");
    let pppoe = [0x88, 0x64, 0x11, 0, 0, 12, 0, len, 0, 0x57];
    for frame in [frame.clone(), [macs, &[0x81, 0, 0, 5], &pppoe, ip].concat()] {
        let recording = find(one(ETHERNET, &frame).as_slice()).expect("a capture");
        let Found { packet, envelope } = &recording.found[0];
        assert_eq!(envelope.seal(packet), Some((frame.clone(), frame.len())));
    }
}

#[test]
fn what_was_written_as_pcapng_is_read_again() {
    let frame = ethernet(&[1, 2, 3, 4]);
    let mut file = Vec::new();
    let mut writer = PcapngWriter::new(&mut file).expect("memory takes it");
    let comments = ["a note".to_owned()];
    for (number, interface) in (0..).zip(["eth0", "eth1", "eth0"]) {
        let at = EPOCH + Duration::from_nanos(number);
        let len = frame.len() + 7;
        let (octets, comments) = (frame.as_slice(), comments.as_slice());
        let frame = Frame {
            at,
            link_type: 1,
            interface,
            octets,
            len,
            comments,
        };
        writer.write(&frame).expect("memory takes it");
    }
    writer.flush().expect("memory takes it");
    let capture = opened(&file);
    let links: Vec<_> = capture.packets.iter().map(|it| it.link.as_str()).collect();
    assert_eq!(
        links,
        ["interface eth0", "interface eth1", "interface eth0"]
    );
    assert_eq!(capture.packets[2].at, EPOCH + Duration::from_nanos(2));
    assert_eq!(capture.packets[0].comments, comments);
}

/// Real captures, if there are any: in `$DHCP6S_CAPTURES`, or beside the workspace.
fn real() -> Vec<std::path::PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/pcaps");
    let folder = std::env::var_os("DHCP6S_CAPTURES").map_or(default, Into::into);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|it| it.path()).collect()
}

#[test]
fn no_damage_to_a_real_capture_makes_the_reader_panic() {
    let mut files: Vec<_> = real()
        .iter()
        .filter_map(|it| std::fs::read(it).ok())
        .collect();
    files.retain(|it| it.len() < 4000);
    files.extend(rich());
    for file in files {
        // Every length and every cut, one at a time.
        for at in (0..file.len()).step_by(3) {
            let mut damaged = file.clone();
            damaged[at] ^= 0xff;
            let _ = find(damaged.as_slice());
            let _ = find(&file[..at]);
        }
    }
}
