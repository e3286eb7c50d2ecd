//! Answers → configuration.

use super::{address, answer, asked, dialogue, ia, message, option, prefix};
use crate::dialogue::Dialogue;
use crate::import::guess::{Guess, guess};
use crate::import::usable;

/// The statements of a guess, without the first comment.
fn lines(dialogue: &Dialogue) -> Vec<String> {
    let guess = guess(dialogue, "x.pcap");
    let lines = guess.config.lines().skip(1);
    lines.map(str::to_owned).collect()
}

/// What is guessed from a Request and the Reply with these options.
fn from_reply(options: &[Vec<u8>]) -> Vec<String> {
    let request = message(3, 1, &[ia(3, &[])]);
    lines(&asked(&[(request, Some(answer(7, 1, options)))]))
}

const NAMES: &[u8] = b"\x03lab\x07example\0\x03LAB\x07example\0\x03net\0";

#[test]
fn options_become_statements() {
    let said = from_reply(&[
        option(23, &[&[0x20; 16][..], &[0x21; 16], &[0x20; 16]].concat()),
        option(24, NAMES),
        option(31, &[0x22; 16]),
        option(32, &3600_u32.to_be_bytes()),
    ]);
    let dns = "2020:2020:2020:2020:2020:2020:2020:2020 2121:2121:2121:2121:2121:2121:2121:2121";
    assert_eq!(
        said,
        [
            &format!("option domain-name-servers {dns};"),
            "option domain-name \"lab.example\";",
            "option domain-name \"net\";",
            "option ntp-servers 2222:2222:2222:2222:2222:2222:2222:2222;",
            "option refreshtime 3600;",
            "interface eth0 { };",
        ]
    );
}

#[test]
fn a_time_server_is_said_once_for_both_options() {
    let server = option(1, &[0x22; 16]);
    let one = from_reply(&[option(56, &server)]);
    assert_eq!(
        one[0],
        "option ntp-servers 2222:2222:2222:2222:2222:2222:2222:2222;"
    );
    let both = from_reply(&[option(31, &[0x22; 16]), option(56, &server)]);
    assert_eq!(both, one);
    let other = from_reply(&[option(31, &[0x23; 16]), option(56, &server)]);
    assert!(
        other[1].starts_with("# Cannot be said: ntp-server (56) server=2222"),
        "{other:?}"
    );
}

#[test]
fn what_cannot_be_said_is_told() {
    let said = from_reply(&[
        option(42, b"CET"),
        option(23, &[0x20; 16]),
        option(32, &60_u32.to_be_bytes()),
        option(24, b"\x02a.\0"),
        // What belongs to one client or one message is no configuration.
        option(12, &[0x20; 16]),
        option(20, &[]),
    ]);
    assert_eq!(said[0], "# Cannot be said: tzdb-timezone (42) \"CET\"");
    assert_eq!(said[2], "# Cannot be said: refresh-time (32) 60");
    assert_eq!(said[3], "# Cannot be said: domain-list (24) a\\..");
    assert_eq!(said.len(), 5);
    let again = |octet| {
        (
            message(11, octet, &[]),
            Some(answer(7, octet, &[option(23, &[octet; 16])])),
        )
    };
    let said = lines(&asked(&[again(0x20), again(0x21)]));
    assert!(
        said[1].starts_with("# Cannot be said: dns-servers is another one at times: 2121"),
        "{said:?}"
    );
}

#[test]
fn leases_are_reserved_for_their_client_with_what_the_reply_says_of_them() {
    let leases = |preferred, valid| {
        [
            ia(3, &[address("2001:db8:7::5", preferred, valid)]),
            ia(25, &[prefix("2001:db8:700::", 40, u32::MAX, u32::MAX)]),
        ]
    };
    let wants = [ia(3, &[]), ia(25, &[])];
    let dialogue = asked(&[
        (
            message(1, 1, &wants),
            Some(answer(2, 1, &[option(7, &[9]), leases(10, 20).concat()])),
        ),
        (message(3, 2, &wants), Some(answer(7, 2, &leases(30, 40)))),
    ]);
    assert_eq!(
        lines(&dialogue),
        [
            "interface eth0 { preference 9; };",
            "host client {",
            "    duid 00:03:00:01:02:00:00:00:00:07;",
            "    address 2001:db8:7::5 30 40;",
            "    prefix 2001:db8:700::/40 infinity;",
            "};",
        ]
    );
    let addresses = guess(&dialogue, "x").addresses;
    assert_eq!(
        addresses,
        [("2001:db8:7::1".parse().expect("an address"), 64)]
    );
}

#[test]
fn rapid_commit_is_allowed_where_it_was_done() {
    let wants = [option(14, &[]), ia(3, &[])];
    let gives = [option(14, &[]), ia(3, &[address("2001:db8:7::5", 30, 40)])];
    let done = asked(&[(message(1, 1, &wants), Some(answer(7, 1, &gives)))]);
    assert_eq!(lines(&done)[0], "interface eth0 { allow rapid-commit; };");
    let offered = asked(&[(message(1, 1, &wants), Some(answer(2, 1, &gives[1..])))]);
    assert_eq!(lines(&offered)[0], "interface eth0 { };");
}

#[test]
fn leases_that_nobody_can_give_are_told() {
    let said = from_reply(&[ia(
        3,
        &[
            address("fe80::5", 10, 20),
            address("2001:db8::5", 30, 20),
            address("2001:db8::6", 10, 0),
        ],
    )]);
    let all = said.join("\n");
    assert!(
        all.contains("# Cannot be said: address fe80::5, which is neither"),
        "{all}"
    );
    assert!(
        all.contains("# Cannot be said: address 2001:db8::5, preferred for longer"),
        "{all}"
    );
    assert!(
        all.contains("# Cannot be said: 2 leases in one IA of client; dhcp6s gives one"),
        "{all}"
    );
    assert!(
        !all.contains("::6"),
        "one with a valid lifetime of 0 is taken: {all}"
    );
}

#[test]
fn clients_without_answers_get_what_they_ask_for() {
    let hint = prefix("::", 60, 0, 0);
    let solicit = message(1, 1, &[ia(3, &[]), ia(25, &[hint])]);
    let said = lines(&asked(&[(solicit, None)]));
    assert_eq!(
        said,
        [
            "interface eth0 { address-pool lan 3600 7200; };",
            "pool lan { range 2001:db8:1::1000 to 2001:db8:1::1fff; };",
            "host client {",
            "    duid 00:03:00:01:02:00:00:00:00:07;",
            "    prefix 2001:db8:d00::/60 3600 7200;",
            "};",
        ]
    );
    let renew = message(5, 1, &[ia(3, &[address("2001:db8:7::5", 1, 2)])]);
    let said = lines(&asked(&[(renew, None)]));
    assert_eq!(said[0], "interface eth0 { };");
    assert_eq!(said[3], "    address 2001:db8:7::5 3600 7200;");
}

#[test]
fn where_servers_have_nothing_there_is_nothing() {
    let status = |code| option(13, &[0, code]);
    let inside = from_reply(&[ia(3, &[status(2)])]);
    assert_eq!(inside, ["interface eth0 { };"]);
    let solicit = message(1, 1, &[ia(3, &[])]);
    let mut said = vec![("[fe80::c1]:546", "[ff02::1:2]:547", solicit.clone())];
    said.push((
        "[fe80::1]:547",
        "[fe80::c1]:546",
        answer(2, 1, &[status(2)]),
    ));
    let mut other = solicit;
    other[17] ^= 1;
    said.push(("[fe80::c2]:546", "[ff02::1:2]:547", other));
    // Neither does the client get anything that no server answers.
    assert_eq!(lines(&dialogue(&said)), ["interface eth0 { };"]);
}

#[test]
fn the_server_is_on_the_links_of_agents_and_of_confirmed_addresses_only() {
    let confirm = |xid, text| message(4, xid, &[ia(3, &[address(text, 0, 0)])]);
    let reply = |xid, code| Some(answer(7, xid, &[option(13, &[0, code])]));
    let said = asked(&[
        (confirm(1, "2001:db8:1::5"), reply(1, 0)),
        (confirm(2, "2001:db8:2::5"), reply(2, 4)),
    ]);
    let links = |guess: Guess| -> Vec<String> {
        let addresses = guess.addresses.iter();
        addresses
            .map(|(address, length)| format!("{address}/{length}"))
            .collect()
    };
    assert_eq!(links(guess(&said, "x")), ["2001:db8:1::1/64"]);
    let agent: std::net::Ipv6Addr = "2001:db8:3::1".parse().expect("an address");
    let head = [&[12, 0][..], &agent.octets(), &[0xfe, 0x80], &[0; 14]].concat();
    let relayed = [head, option(9, &message(1, 3, &[]))].concat();
    let said = dialogue(&[("[2001:db8:3::1]:547", "[2001:db8:4::7]:547", relayed)]);
    // The agent has the first address of its link, and the server was sent to at its own.
    assert_eq!(
        links(guess(&said, "x")),
        ["2001:db8:3::2/64", "2001:db8:4::7/64"]
    );
}

#[test]
fn prefixes_that_are_made_up_overlap_with_none() {
    let client = |number: u8, inside: &[Vec<u8>]| {
        let id = option(1, &[0, 3, 0, 1, 2, 0, 0, 0, 0, number]);
        let octets = [&[1, 0, 0, number][..], &id, &ia(25, inside)].concat();
        ("[fe80::c1]:546", "[ff02::1:2]:547", octets)
    };
    let wish = |length| [prefix("::", length, 0, 0)];
    let said = dialogue(&[
        client(1, &wish(60)),
        client(2, &wish(48)),
        client(3, &wish(64)),
        client(4, &[]),
        client(5, &wish(48)),
    ]);
    let lines = lines(&said);
    let prefixes: Vec<_> = lines
        .iter()
        .filter_map(|it| it.trim().strip_prefix("prefix ")?.split(' ').next())
        .collect();
    assert_eq!(
        prefixes,
        [
            "2001:db8:d00::/60",
            "2001:db8:d01::/48",
            "2001:db8:d02::/64",
            "2001:db8:d02:100::/56",
            "2001:db8:d03::/48"
        ]
    );
}

/// Thousands of clients of one kind, which want one name: where each is looked for among all, nobody sees the end of it.
#[test]
fn a_capture_of_thousands_of_clients_is_read_as_one_of_a_few_is() {
    const CLIENTS: u16 = 5_000;
    let class = option(
        16,
        &[&[0, 0, 1, 55, 0, 8][..], b"MSFT 5.0".as_slice()].concat(),
    );
    let server = option(2, &[0, 3, 0, 1, 9, 9, 9, 9, 9, 9]);
    let mut said = Vec::new();
    for number in 0..CLIENTS {
        let [high, low] = number.to_be_bytes();
        let id = option(1, &[0, 3, 0, 1, 2, 0, 0, 0, high, low]);
        let lease = address(&format!("2001:db8::1:{number:x}"), 3600, 7200);
        for (kind, inside) in [
            (1, vec![]),
            (2, vec![lease.clone()]),
            (3, vec![]),
            (7, vec![lease]),
        ] {
            let head = [kind, 0, high, low];
            let octets = [&head[..], &id, &server, &class, &ia(3, &inside)].concat();
            said.push(match kind {
                2 | 7 => ("[fe80::1]:547", "[fe80::c1]:546", octets),
                _ => ("[fe80::c1]:546", "[ff02::1:2]:547", octets),
            });
        }
    }
    let dialogue = dialogue(&said);
    let guess = guess(&dialogue, "x");
    assert_eq!(dialogue.clients.len(), usize::from(CLIENTS));
    assert_eq!(dialogue.clients[4_999].name, "windows-5000");
    assert!(dialogue.turns.iter().all(|it| it.answers.len() == 1));
    assert_eq!(guess.config.matches("address 2001:db8::1:").count(), 5_000);
}

#[test]
fn a_line_that_the_server_refuses_becomes_a_comment() {
    let guess = Guess {
        config: "option domain-name \"a..b\";\noption refreshtime 700;\n".into(),
        addresses: Vec::new(),
    };
    let setup = usable(guess).expect("it starts");
    let lines: Vec<&str> = setup.config.lines().collect();
    assert!(lines[0].starts_with("# Cannot be said, as "), "{lines:?}");
    assert!(
        lines[0].ends_with(": option domain-name \"a..b\";"),
        "{lines:?}"
    );
    assert_eq!(lines[1], "option refreshtime 700;");
}
