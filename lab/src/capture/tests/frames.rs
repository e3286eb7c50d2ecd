//! What is in frames: link types, tunnels, fragments, UDP.

use super::*;

#[test]
fn every_link_type_has_the_packet_behind_its_own_header() {
    let frame = ethernet(&[1, 2, 3, 4]);
    let (macs, ip) = (&frame[..12], &frame[ETHERNET_LEN..]);
    let join = |parts: &[&[u8]]| [parts, &[ip]].concat().concat();
    let session = [0x88, 0x64, 0x11, 0, 0, 12, 0, 0];
    let stacked = [0x88, 0xa8, 0x20, 100, 0x81, 0, 0, 7];
    let sll2 = [&[0x86, 0xdd, 0, 0, 0, 0, 0, 3][..], &[0; 12]].concat();
    // 6in4 (RFC 4213), and IPv6 in IPv6 behind a Hop-by-Hop header and an Authentication Header.
    let len = u8::try_from(20 + ip.len()).expect("short");
    let ipv4 = [&[0x45, 0, 0, len, 0, 0, 0x40, 0, 64, 41][..], &[0; 10]].concat();
    let extended = [&[51, 0, 1, 4, 0, 0, 0, 0][..], &[41, 1, 0, 0], &[0; 8], ip].concat();
    let nested = ipv6(0, &extended);
    for (link_type, frame, link) in [
        (1, frame.clone(), ""),
        (1, join(&[macs, &[0x81, 0, 0xe0, 5, 0x86, 0xdd]]), "vlan 5"),
        (1, join(&[macs, &stacked, &[0x86, 0xdd]]), "vlan 100.7"),
        (1, join(&[macs, &session, &[0, 0x57]]), "pppoe session 12"),
        (
            1,
            join(&[macs, &stacked, &session, &[0x57]]),
            "vlan 100.7, pppoe session 12",
        ),
        (1, join(&[macs, &[8, 0], &ipv4]), ""),
        (1, [macs, &[0x86, 0xdd], &nested].concat(), ""),
        (0, join(&[&[30, 0, 0, 0]]), ""),
        (108, join(&[&[0, 0, 0, 24]]), ""),
        (9, join(&[&[0xff, 3, 0, 0x57]]), ""),
        (50, join(&[&[0xff, 3, 0x57]]), ""),
        (51, join(&[&session[2..], &[0, 0x57]]), "pppoe session 12"),
        (204, join(&[&[1, 0xff, 3, 0, 0x57]]), ""),
        (12, ip.to_vec(), ""),
        (14, ip.to_vec(), ""),
        (101, join(&[&ipv4]), ""),
        (228, join(&[&ipv4]), ""),
        (229, ip.to_vec(), ""),
        (113, join(&[&[0; 14], &[0x86, 0xdd]]), ""),
        (
            113,
            join(&[&[0; 14], &[0x81, 0, 0, 9, 0x86, 0xdd]]),
            "vlan 9",
        ),
        (276, join(&[&sll2]), ""),
    ] {
        let capture = opened(&one(link_type, &frame));
        assert_eq!(capture.packets.len(), 1, "link type {link_type}, {link:?}");
        assert_eq!(
            capture.packets[0].datagram,
            datagram(&[1, 2, 3, 4]),
            "{link_type}"
        );
        assert_eq!(capture.packets[0].link, link, "link type {link_type}");
    }
}

#[test]
fn interfaces_of_a_cooked_capture_are_told_apart() {
    let ip = ipv6(UDP, &udp::write(&datagram(&[1])).expect("short"));
    let of = |index| [&[0x86, 0xdd, 0, 0, 0, 0, 0, index][..], &[0; 12], &ip].concat();
    let file = Order::Big.pcap(0xa1b2_c3d4, 276, &[(0, 0, &of(2)), (0, 0, &of(3))]);
    let links: Vec<_> = opened(&file)
        .packets
        .into_iter()
        .map(|it| it.link)
        .collect();
    assert_eq!(links, ["interface 2", "interface 3"]);
}

#[test]
fn dhcpv6_is_what_has_a_well_known_port_at_either_end() {
    for (source, destination, counts) in [
        (546, 547, true),
        (547, 40_000, true),
        (40_000, 547, true),
        (5353, 5353, false),
    ] {
        let mut it = datagram(&[0; 8]);
        it.source.set_port(source);
        it.destination.set_port(destination);
        let found = payloads(&one(ETHERNET, &frame(&it).expect("short")));
        assert_eq!(found.len(), usize::from(counts), "{source} {destination}");
    }
    assert!(payloads(&one(ETHERNET, &[0; 9])).is_empty());
}

#[test]
fn dhcpv6_in_ipv4_is_found() {
    let udp = udp::write(&datagram(&[1, 2])).expect("short");
    let len = u8::try_from(20 + udp.len()).expect("short");
    let mut packet = [
        &[
            0x45, 0, 0, len, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
        ][..],
        &udp,
    ]
    .concat();
    let capture = opened(&one(RAW, &packet));
    assert_eq!(capture.packets[0].datagram.payload, [1, 2]);
    assert_eq!(
        capture.packets[0].datagram.source.to_string(),
        "[::ffff:192.0.2.1]:546"
    );
    packet[7] = 3;
    assert!(payloads(&one(RAW, &packet)).is_empty(), "a later fragment");
}

#[test]
fn fragments_are_put_together_and_the_last_one_gives_the_number() {
    let mut pieces = fragments(&[7; 3000], 1);
    pieces.extend(fragments(&[1], 2));
    pieces.swap(0, 1);
    let capture = opened(&raw(&pieces));
    assert_eq!(capture.remarks, [""; 0]);
    let numbers: Vec<_> = capture.packets.iter().map(|it| it.number).collect();
    assert_eq!(numbers, [3, 4]);
    assert_eq!(capture.packets[0].datagram, datagram(&[7; 3000]));
}

#[test]
fn a_missing_fragment_is_said() {
    let pieces = fragments(&[7; 3000], 1);
    let capture = opened(&raw(&pieces[..2]));
    assert!(capture.packets.is_empty());
    let remark =
        "frames 1, 2: pieces of a packet from fe80::c1 to ff02::1:2, of which others are missing";
    assert!(
        capture.remarks[0].starts_with(remark),
        "{:?}",
        capture.remarks
    );
}

#[test]
fn fragments_of_something_else_are_not_worth_a_word() {
    let whole = [&[0x14, 0xe9, 0x14, 0xe9][..], &[0; 3000]].concat();
    let pieces = fragment::split(UDP, &whole, 1);
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2]] {
        let frames = order.map(|it| ipv6(FRAGMENT, &pieces[it]));
        let capture = opened(&raw(&frames));
        assert_eq!(capture.remarks, [""; 0]);
        assert!(capture.packets.is_empty());
    }
}

#[test]
fn a_frame_of_an_interface_that_is_not_described_is_said() {
    let order = Order::Big;
    let frame = ethernet(&[1, 2, 3, 4]);
    let simple = order.block(3, &[&order.u32(frame.len())[..], &frame].concat());
    for block in [simple, order.enhanced(7, 0, &frame, &[])] {
        let remarks = opened(&[order.section(), block].concat()).remarks;
        let start = "octet 28, behind frame 0: a block was passed over: ";
        assert!(remarks[0].starts_with(start), "{remarks:?}");
    }
}

#[test]
fn what_was_cut_off_in_capturing_is_counted() {
    let frame = ethernet(&[1, 2, 3, 4, 5]);
    let mut file = one(ETHERNET, &frame[..frame.len() - 2]);
    file[36..40].copy_from_slice(&Order::Big.u32(frame.len()));
    let capture = opened(&file);
    assert_eq!(capture.packets[0].datagram.payload, [1, 2, 3]);
    assert_eq!(capture.packets[0].missing, 2);
    assert_eq!(
        capture.remarks,
        ["frame 1: only the beginning was captured"]
    );
}

#[test]
fn wrong_lengths_and_checksums_of_udp_are_said() {
    let mut frame = ethernet(&[1, 2, 3, 4]);
    let udp_at = ETHERNET_LEN + 40;
    frame[udp_at + 6] ^= 1;
    let capture = opened(&one(ETHERNET, &frame));
    assert_eq!(capture.packets[0].datagram.payload, [1, 2, 3, 4]);
    assert!(
        capture.remarks[0].contains("checksum"),
        "{:?}",
        capture.remarks
    );
    frame[udp_at + 5] += 9;
    let capture = opened(&one(ETHERNET, &frame));
    assert_eq!(capture.packets[0].missing, 9);
    assert!(
        capture.remarks[0].contains("longer than the packet"),
        "{:?}",
        capture.remarks
    );
    frame[udp_at + 5] = 3;
    let capture = opened(&one(ETHERNET, &frame));
    assert!(capture.packets.is_empty());
    assert!(
        capture.remarks[0].contains("impossible"),
        "{:?}",
        capture.remarks
    );
}

#[test]
fn a_loopback_packet_of_another_family_is_passed_over() {
    let ip = ipv6(UDP, &udp::write(&datagram(&[1])).expect("short"));
    assert!(payloads(&one(0, &[&[2, 0, 0, 0][..], &ip].concat())).is_empty());
}
