//! Frames that the original control command sent, and what becomes of them when they are bent.

use super::*;
use proptest::prelude::*;

const SECRET: &[u8] = b"1234567890abcdef";

/// A frame as the original sent it with that key, the time of it, and what it asks for.
struct Captured {
    frame: Vec<u8>,
    at: Timestamp,
    request: Request,
}

fn captured(hex: &str, request: Request) -> Captured {
    let digits: Vec<u8> = hex
        .chars()
        .filter_map(|it| it.to_digit(16))
        .map(|it| u8::try_from(it).expect("a digit"))
        .collect();
    let frame: Vec<u8> = digits.chunks(2).map(|it| it[0] << 4 | it[1]).collect();
    let at = frame[8..12].try_into().expect("four octets");
    let at = Timestamp(u64::from(u32::from_be_bytes(at)));
    Captured { frame, at, request }
}

fn remove(kind: IaKind, iaid: u32, duid: &str) -> Request {
    let duid = Duid::parse(duid).expect("a DUID");
    Request::Command(Command::Remove(IaKey { duid, kind, iaid }))
}

fn all() -> [Captured; 7] {
    let name = || "sv0".to_owned();
    [
        captured(
            "00010010 00000000 6b0406c3 debe445cca9eedc6c97fd921ebba695e",
            Request::Command(Command::Reload),
        ),
        captured(
            "00040010 00000000 6b0406fc c12cb2828a8276d9aaa3e1f404084d25",
            Request::Command(Command::Stop),
        ),
        captured(
            "00020032 00000000 6b0406c3 89537c1597088f0afd4a471f5321c8c0
             00000001 00000002 00000000 00000005 00000001 0000000a 0003000102000000beef",
            remove(IaKind::Na, 1, "00:03:00:01:02:00:00:00:be:ef"),
        ),
        captured(
            "00020036 00000000 6b0406c4 09ee28629fb0d81dfce57257c54683b6
             00000001 00000002 00000000 00000005 0000012c 0000000e 000100012b2b2b2b020000000002",
            remove(IaKind::Na, 300, "00:01:00:01:2b:2b:2b:2b:02:00:00:00:00:02"),
        ),
        captured(
            "0002002e 00000000 6b0406fd 002ac748386b244501140d098ffc6a82
             00000001 00000002 00000000 00000003 ffffffff 00000006 00010001aabb",
            remove(IaKind::Pd, u32::MAX, "00:01:00:01:aa:bb"),
        ),
        captured(
            "0003001c 00000000 6b0406fb b9062b2cc1d279de654c9d31396182b4
             00000004 00000004 73763000",
            Request::StartInterface(name()),
        ),
        captured(
            "0004001c 00000000 6b0406fb 6934ad40003c8478642ce76e7cd7975f
             00000004 00000004 73763000",
            Request::StopInterface(name()),
        ),
    ]
}

fn key() -> Key {
    Key::new(SECRET)
}

const NOW: Timestamp = Timestamp(0x6b04_06c3);

/// What becomes of a frame around this body, right but for what is in it.
fn opened(command: u16, body: &[u8]) -> Result<Command, Refusal> {
    let frame = seal(command, body, &key(), NOW).expect("a frame");
    open(&frame, &key(), NOW)
}

#[test]
fn what_the_original_command_sends_is_understood_and_sent_alike() {
    for Captured { frame, at, request } in all() {
        assert_eq!(request.seal(&key(), at), Ok(frame.clone()), "{request:?}");
        let understood = open(&frame, &key(), at);
        match request {
            Request::Command(command) => assert_eq!(understood, Ok(command)),
            Request::StartInterface(_) => assert_eq!(
                understood,
                Err(Refusal::UnknownCommand {
                    command: 3,
                    len: 12
                })
            ),
            Request::StopInterface(_) => assert_eq!(
                understood,
                Err(Refusal::Length {
                    command: "stop",
                    len: 12
                })
            ),
        }
    }
}

#[test]
fn a_frame_with_any_bit_changed_is_refused() {
    for Captured { frame, at, .. } in all() {
        for octet in 0..frame.len() {
            for bit in 0..8 {
                let mut bent = frame.clone();
                bent[octet] ^= 1 << bit;
                let refusal = open(&bent, &key(), at).expect_err("refused");
                // The time is looked at first, and its low bits leave it within range.
                let far = (8..12).contains(&octet) && refusal == Refusal::Timestamp;
                assert!(far || refusal == Refusal::Authentication, "{octet}.{bit}");
            }
        }
    }
}

#[test]
fn a_frame_that_is_cut_anywhere_is_refused() {
    for Captured { frame, at, .. } in all() {
        for len in 0..frame.len() {
            let refusal = if len < HEADER_LEN {
                Refusal::Incomplete
            } else {
                Refusal::Authentication
            };
            assert_eq!(open(&frame[..len], &key(), at), Err(refusal), "{len}");
        }
    }
}

#[test]
fn clocks_may_differ_by_300_seconds() {
    let key = key();
    for now in [NOW, Timestamp(100), Timestamp((1 << 32) - 100)] {
        let frame = Request::Command(Command::Reload)
            .seal(&key, now)
            .expect("a frame");
        // Ahead of 1970 and behind 2106 the low 32 bits go round.
        let at = |skew: i64| Timestamp(now.0.wrapping_add_signed(skew));
        for skew in [-300, -299, 0, 299, 300] {
            assert_eq!(open(&frame, &key, at(skew)), Ok(Command::Reload), "{skew}");
        }
        for skew in [-301, 301, 1 << 31, -(1 << 31)] {
            let refusal = open(&frame, &key, at(skew));
            assert_eq!(refusal, Err(Refusal::Timestamp), "{skew}");
        }
    }
}

#[test]
fn the_checks_have_the_order_of_the_original() {
    let seal_as = |version: u8, key: &Key| {
        let mut frame = seal(9, b"ab", key, NOW).expect("a frame");
        frame[5] = version;
        let digest = key.digest(&[&frame[..12], &[0; 16], b"ab"]);
        frame[12..28].copy_from_slice(&digest.finalize().into_bytes());
        frame
    };
    let (other, late) = (Key::new(b"x"), Timestamp(NOW.0 + 301));
    let refusal = |frame: &[u8], now| open(frame, &key(), now).expect_err("refused");
    assert_eq!(refusal(&seal_as(7, &other), late), Refusal::Timestamp);
    assert_eq!(refusal(&seal_as(7, &other), NOW), Refusal::Authentication);
    assert_eq!(refusal(&seal_as(7, &key()), NOW), Refusal::Version(7));
    assert_eq!(
        refusal(&seal_as(0, &key()), NOW).to_string(),
        "unknown control command: 9 (len=2)"
    );
}

#[test]
fn the_reserved_octets_are_not_looked_at() {
    let mut frame = seal(RELOAD, &[], &key(), NOW).expect("a frame");
    frame[6] = 1;
    frame[7] = 2;
    let digest = key().digest(&[&frame[..12], &[0; 16]]);
    frame[12..28].copy_from_slice(&digest.finalize().into_bytes());
    assert_eq!(open(&frame, &key(), NOW), Ok(Command::Reload));
}

#[test]
fn reload_and_stop_have_no_body() {
    for (command, said) in [
        (RELOAD, "invalid command length for reload: 3"),
        (STOP, "invalid command length for stop: 3"),
    ] {
        let refusal = opened(command, b"abc").expect_err("refused");
        assert_eq!(refusal.to_string(), said);
    }
}

/// The body of a removal with these numbers and a DUID of four octets behind them.
fn body(numbers: [u32; 6]) -> Vec<u8> {
    [&super::numbers(&numbers)[..], &[0, 3, 0, 1]].concat()
}

#[test]
fn the_ia_type_that_a_removal_names_is_the_one_removed() {
    for (ia_type, kind) in [(5, IaKind::Na), (3, IaKind::Pd)] {
        let duid = Duid::new(&[0, 3, 0, 1]).expect("a DUID");
        let binding = Command::Remove(IaKey {
            duid,
            kind,
            iaid: 7,
        });
        assert_eq!(opened(REMOVE, &body([1, 2, 0, ia_type, 7, 4])), Ok(binding));
        // Flags, and what stands behind the DUID, count for nothing.
        let longer = [&body([1, 2, 9, ia_type, 7, 4])[..], b"more"].concat();
        assert_eq!(opened(REMOVE, &longer), Ok(binding));
    }
}

#[test]
fn a_removal_of_something_else_is_refused_by_name() {
    for (numbers, said) in [
        ([9, 9, 0, 9, 1, 9], "unknown remove target: 9"),
        ([1, 9, 0, 9, 1, 9], "unknown binding type: 9"),
        ([1, 2, 0, 9, 1, 9], "unknown IA type: 9"),
        ([1, 2, 0, 5, 1, 5], "DUID length mismatch"),
        ([1, 2, 0, 3, 1, u32::MAX], "DUID length mismatch"),
        ([1, 2, 0, 5, 1, 0], "no such binding"),
    ] {
        let refusal = opened(REMOVE, &body(numbers)).expect_err("refused");
        assert_eq!(refusal.to_string(), said);
    }
    let longest = |len: u32| {
        let mut body = numbers(&[1, 2, 0, 5, 1, len]);
        body.extend(vec![7; 131]);
        opened(REMOVE, &body)
    };
    assert!(longest(130).is_ok());
    assert_eq!(longest(131), Err(Refusal::NoSuchBinding));
}

#[test]
fn a_removal_that_is_cut_short_is_refused_by_name() {
    let body = body([1, 2, 0, 5, 1, 4]);
    for len in 0..body.len() {
        let refusal = if len < 24 {
            Refusal::RemoveTooShort(len)
        } else {
            Refusal::DuidLength
        };
        assert_eq!(opened(REMOVE, &body[..len]), Err(refusal), "{len}");
    }
}

#[test]
fn a_frame_has_at_most_1024_octets() {
    let largest = vec![0; LEN_MAX - HEADER_LEN - DIGEST_LEN];
    let frame = seal(RELOAD, &largest, &key(), NOW).expect("a frame");
    assert_eq!(frame.len(), LEN_MAX);
    let one_more = vec![0; largest.len() + 1];
    let refused = seal(RELOAD, &one_more, &key(), NOW);
    assert_eq!(refused, Err(Refusal::TooLarge(LEN_MAX + 1)));
    let name = "e".repeat(100_000);
    assert!(Request::StartInterface(name).seal(&key(), NOW).is_err());

    let announced = |len: u16| {
        let mut incoming = Incoming::default();
        incoming.missing()[2..4].copy_from_slice(&len.to_be_bytes());
        incoming
            .advance(HEADER_LEN)
            .map(|()| incoming.missing().len())
    };
    assert_eq!(announced(1012), Ok(1012));
    for (len, said) in [
        (1013, "too large command (1025 bytes)"),
        (u16::MAX, "too large command (65547 bytes)"),
    ] {
        let refusal = announced(len).expect_err("refused");
        assert_eq!(refusal.to_string(), said);
    }
}

/// Lets octets arrive in pieces of these sizes over and over. Returns what was taken.
fn arrive(octets: &[u8], sizes: &[usize]) -> Result<Vec<u8>, Refusal> {
    let (mut incoming, mut rest) = (Incoming::default(), octets);
    for size in sizes.iter().cycle() {
        let missing = incoming.missing();
        let count = missing.len().min(*size).min(rest.len());
        if count == 0 {
            break;
        }
        let (piece, behind) = rest.split_at(count);
        missing[..count].copy_from_slice(piece);
        rest = behind;
        incoming.advance(count)?;
    }
    Ok(incoming.octets().to_vec())
}

#[test]
fn a_frame_may_arrive_in_pieces_and_with_something_behind_it() {
    for Captured { frame, .. } in all() {
        let longer = [&frame[..], b"behind"].concat();
        for first in 1..=longer.len() {
            assert_eq!(arrive(&longer, &[first, 3]), Ok(frame.clone()), "{first}");
        }
    }
}

/// Bodies that are removals in part.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![0..6_u32, any::<u32>()];
    let numbers = prop::collection::vec(number, 0..8);
    let tail = prop::collection::vec(any::<u8>(), 0..200);
    (numbers, tail).prop_map(|(numbers, tail)| [super::numbers(&numbers), tail].concat())
}

proptest! {
    #[test]
    fn no_octets_make_the_reader_panic(
        octets in prop::collection::vec(any::<u8>(), 0..1100),
        sizes in prop::collection::vec(1..20_usize, 1..5),
        now in any::<u64>(),
    ) {
        if let Ok(frame) = arrive(&octets, &sizes) {
            prop_assert!(octets.starts_with(&frame));
            let _ = open(&frame, &key(), Timestamp(now));
        }
    }

    #[test]
    fn no_body_makes_the_reader_panic_and_what_is_understood_is_said_alike(
        command in prop_oneof![0..6_u16, any::<u16>()],
        body in bodies(),
    ) {
        if let Ok(command) = opened(command, &body) {
            let again = Request::Command(command).seal(&key(), NOW).expect("a frame");
            prop_assert_eq!(open(&again, &key(), NOW), Ok(command));
        }
    }
}
