//! What becomes of each kind of name.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;
use std::time::Duration;

use super::addresses::kept_bits;
use super::mapping::{BEGINNING, Mapping, YEAR};
use crate::link::frame::Mac;
use proptest::prelude::*;

const CARD: Mac = [0x00, 0x0c, 0x29, 0x52, 0x01, 0xf3];

fn mapping() -> Mapping {
    Mapping::new(
        b"a secret",
        Duration::from_secs(1_500_000_000),
        BTreeSet::from([CARD]),
    )
}

fn address(text: &str) -> Ipv6Addr {
    text.parse().expect("an address")
}

#[test]
fn a_hardware_address_is_the_same_one_everywhere() {
    let mut mapping = mapping();
    let card = mapping.mac(CARD);
    assert!(card != CARD && card[0] & 3 == 0, "{card:02x?}");
    let duid = mapping.duid(&[&[0, 3, 0, 1][..], &CARD].concat());
    assert_eq!(duid, [&[0, 3, 0, 1][..], &card].concat());
    let [.., c, d, e, f] = card;
    assert_eq!(
        mapping.iaid(u32::from_be_bytes([0x29, 0x52, 0x01, 0xf3])),
        u32::from_be_bytes([c, d, e, f])
    );
    let own = mapping.address(address("fe80::20c:29ff:fe52:1f3")).octets();
    assert_eq!(
        own[8..],
        [
            card[0] ^ 2,
            card[1],
            card[2],
            0xff,
            0xfe,
            card[3],
            card[4],
            card[5]
        ]
    );
    let inside = mapping.octets(&[&[9, 9][..], &CARD].concat());
    assert!(inside.ends_with(&card) && inside[..2] != [9, 9]);
    assert_eq!(mapping.hardware(true, &CARD), card);
}

#[test]
fn groups_and_well_known_addresses_stay() {
    let mut mapping = mapping();
    for known in [
        "ff02::1:2",
        "ff05::1:3",
        "ff02::1",
        "::",
        "::1",
        "2001:db8:1::10",
        "fe80::1",
    ] {
        assert_eq!(mapping.address(address(known)), address(known), "{known}");
    }
    assert_eq!(mapping.mac([0xff; 6]), [0xff; 6]);
    let group = address("ff02::1:2");
    assert_eq!(
        mapping.frame_mac([0x33, 0x33, 0, 1, 0, 2], group),
        [0x33, 0x33, 0, 1, 0, 2]
    );
    assert_eq!(mapping.counts().count(), 0);
    assert_ne!(
        mapping.address(address("ff02::1:ff52:1f3")),
        address("ff02::1:ff52:1f3")
    );
}

#[test]
fn addresses_of_the_internet_become_documentation() {
    let mut mapping = mapping();
    for real in ["2a01:4f8:0:1::53", "64:ff9b::c000:201", "2002:c000:201::1"] {
        let [first, second, ..] = mapping.address(address(real)).segments();
        assert!(first == 0x3fff && second < 0x1000, "{real}");
    }
    let own = mapping.address(address("fd12:3456:789a::1"));
    assert_eq!(own.octets()[0], 0xfd);
    assert_ne!(own, address("fd12:3456:789a::1"));
}

#[test]
fn a_prefix_has_nothing_behind_its_length_unless_it_had() {
    let mut mapping = mapping();
    let long = mapping.prefix(address("2a01:4f8:0:100::"), 56);
    assert_eq!(long.to_bits() & (u128::MAX >> 56), 0);
    let inside = mapping.address(address("2a01:4f8:0:1ab::1"));
    assert_eq!(inside.to_bits() >> 72, long.to_bits() >> 72);
    let odd = mapping.prefix(address("2001:db8::1"), 64);
    assert_ne!(odd.to_bits() & (u128::MAX >> 64), 0);
    assert_eq!(mapping.prefix(address("::"), 56), address("::"));
}

#[test]
fn duids_keep_type_length_and_enterprise() {
    let mut mapping = mapping();
    for duid in [
        [&[0, 1, 0, 1, 9, 9, 9, 9][..], &CARD].concat(),
        vec![0, 2, 0, 0, 0xab, 0x11, 1, 2, 3, 4, 5, 6, 7, 8],
        [&[0, 4][..], &[7; 16]].concat(),
        vec![0, 9, 1],
    ] {
        let mapped = mapping.duid(&duid);
        assert_eq!((mapped.len(), &mapped[..2]), (duid.len(), &duid[..2]));
        assert_ne!(mapped, duid);
    }
    assert_eq!(
        mapping.duid(&[0, 2, 0, 0, 0xab, 0x11, 1, 2, 3])[2..6],
        [0, 0, 0xab, 0x11]
    );
}

#[test]
fn texts_keep_their_form_and_what_names_nobody() {
    let mut mapping = mapping();
    let text = String::from_utf8(mapping.text("Gi0/0/0 of Alice-7")).expect("text");
    let form = |text: &str| -> String {
        let form = |it: char| match it {
            'a'..='z' => 'a',
            'A'..='Z' => 'A',
            '0'..='9' => '0',
            other => other,
        };
        text.chars().map(form).collect()
    };
    assert_eq!(form(&text), "Aa0/0/0 aa Aaaaa-0");
    assert!(
        text.contains(" of ") && !text.contains("Alice") && !text.contains('7'),
        "{text}"
    );
    assert_eq!(mapping.text("MSFT 5.0"), b"MSFT 5.0");
    for product in ["docsis3.0", "PXEClient:Arch:00007:UNDI:003016", "iPXE"] {
        assert_eq!(mapping.text(product), product.as_bytes());
    }
    // Behind the name of a product may stand that of a customer.
    let customer = mapping.text("docsis-customer-4711");
    assert!(customer.starts_with(b"docsis-"), "{customer:?}");
    assert_ne!(customer, b"docsis-customer-4711");
    assert!(!customer.ends_with(b"4711"), "{customer:?}");
    assert_eq!(mapping.label(b"com", true), b"com");
    assert_ne!(mapping.label(b"com", false), b"com");
    assert_eq!(
        mapping.label(b"HoSt", false).to_ascii_lowercase(),
        mapping.label(b"host", false)
    );
    assert_eq!(mapping.text("héé").len(), "héé".len());
}

#[test]
fn times_begin_in_another_year_and_keep_their_distances() {
    let mapping = mapping();
    let start = Duration::new(1_500_000_000, 7);
    let mapped = mapping.time(start);
    assert!((BEGINNING..=BEGINNING + YEAR).contains(&mapped.as_secs()));
    assert_eq!(mapped.subsec_nanos(), 7);
    assert_eq!(
        mapping.time(start + Duration::from_secs(9)) - mapped,
        Duration::from_secs(9)
    );
}

#[test]
fn another_secret_gives_other_names() {
    let other = Mapping::new(b"another", Duration::ZERO, BTreeSet::new()).mac(CARD);
    assert_ne!(mapping().mac(CARD), other);
}

proptest! {
    #[test]
    fn what_addresses_have_in_common_they_have_in_common_afterwards(
        bits in any::<u128>(), at in 20..64_u32, rest in any::<u128>(),
    ) {
        let mut mapping = mapping();
        let first = (bits & (u128::MAX >> 3)) | (1 << 125);
        let flipped = first ^ (1 << (127 - at));
        let second = (flipped & !(u128::MAX >> (at + 1))) | (rest & (u128::MAX >> (at + 1)));
        let special = |bits| kept_bits(Ipv6Addr::from_bits(bits)).is_some();
        prop_assume!(!special(first) && !special(second));
        let map = |mapping: &mut Mapping, bits| mapping.address(Ipv6Addr::from_bits(bits)).to_bits();
        let (first, second) = (map(&mut mapping, first), map(&mut mapping, second));
        prop_assert_eq!((first ^ second).leading_zeros(), at);
    }

    #[test]
    fn no_octet_stays_where_it_was(content in prop::collection::vec(1..=255_u8, 1..60)) {
        let mapped = mapping().octets(&content);
        prop_assert_eq!(mapped.len(), content.len());
        prop_assert!(mapped.iter().zip(&content).all(|(a, b)| a != b && *a != 0));
    }
}
