//! Limits, and input that nobody wrote on purpose.

use super::*;
use proptest::prelude::*;
use std::time::{Duration, Instant};

#[test]
fn a_list_longer_than_one_option_is_refused() {
    let list = |count: u32| {
        let words =
            (1..=count).map(|number| format!(" 2001:db8::{:x}:{:x}", number >> 8, number & 255));
        format!("option ntp-servers{};", words.collect::<String>())
    };
    assert_eq!(accepted(&list(4095)).options.ntp_servers.len(), 4095);
    refused(
        &list(4096),
        &["F:1:8: `ntp-servers` is longer than 65535 octets; remove some of its values"],
    );
}

#[test]
fn includes_may_be_ten_deep() {
    let chain = |depth: usize| {
        let mut files = vec![("F".to_owned(), "include \"1\";".to_owned())];
        for number in 1..depth {
            files.push((number.to_string(), format!("include \"{}\";", number + 1)));
        }
        files.push((depth.to_string(), "option refreshtime 700;".to_owned()));
        files
    };
    let load_chain = |depth: usize| {
        let files = chain(depth);
        load_files(
            &files
                .iter()
                .map(|(a, b)| (a.as_str(), b.as_str()))
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        load_chain(10)
            .expect("loads")
            .config
            .options
            .refresh_time_secs,
        Some(700)
    );
    assert_eq!(
        shown(&load_chain(11).expect_err("fails")),
        [
            "10:1:9: `11` is included more than 10 files deep; include it from a file nearer to the \
          first one"
        ]
    );
}

#[test]
fn a_file_that_includes_itself_is_refused() {
    refused(
        "include \"F\";\noption refreshtime 5;",
        &[
            "F:1:9: `F` includes itself; remove this",
            "F:2:20: a refresh time of 5 is too short; write at least 600",
        ],
    );
}

#[test]
fn files_that_include_each_other_many_times_come_to_an_end() {
    let names: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    let texts: Vec<String> = (1..11)
        .map(|number| format!("include \"{number}\";").repeat(20))
        .collect();
    let mut files = vec![("F", "include \"0\";")];
    files.extend(
        names
            .iter()
            .map(String::as_str)
            .zip(texts.iter().map(String::as_str)),
    );
    assert!(load_files(&files).is_err());
}

#[test]
fn mistakes_in_an_included_file_carry_its_name() {
    let files = [
        ("F", "include \"G\"; pool p { };"),
        ("G", "\nhost h { duid 0; };"),
    ];
    assert_eq!(
        shown(&load_files(&files).expect_err("fails")),
        [
            "F:1:19: `pool p` has no `range`; add `range FIRST to LAST;`",
            "G:2:15: `0` is not a DUID; write pairs of hexadecimal digits joined by `:`",
        ]
    );
}

#[test]
fn a_file_that_cannot_be_read_is_a_mistake() {
    refused(
        "include \"/etc\";",
        &["F:1:9: `/etc` cannot be read: is a directory; include a file that can be"],
    );
    let read = |_: &str| Err(io::ErrorKind::PermissionDenied.into());
    let found = load(
        "F",
        &Sources {
            read: &read,
            interface_exists: &|_| true,
            addresses_of: &|_| Some(Vec::new()),
            now: utc(NOW),
        },
    );
    assert_eq!(
        shown(&found.expect_err("fails")),
        ["F: cannot be read: permission denied; check the path and its permissions"]
    );
}

#[test]
fn a_file_without_an_end_is_read_as_far_as_makes_sense() {
    assert_eq!(read_bounded(&b"# text"[..]).expect("read"), b"# text");
    let endless = read_bounded(io::repeat(0)).expect("read");
    assert_eq!(endless.len(), FILE_LEN_MAX + 1);
    let read = |_: &str| Ok(endless.clone());
    let interface_exists = |_: &str| true;
    let sources = Sources {
        read: &read,
        interface_exists: &interface_exists,
        addresses_of: &|_| Some(Vec::new()),
        now: utc(NOW),
    };
    assert_eq!(
        shown(&load("F", &sources).expect_err("fails")),
        ["F: is larger than 67108864 octets; split it with `include`"]
    );
}

#[test]
fn the_list_of_mistakes_is_bounded() {
    let text = "pool p { };\npool".repeat(5000);
    let found = load_files(&[("F", &text)]).expect_err("fails");
    assert_eq!(found.len(), 101);
    assert_eq!(
        found[100].to_string(),
        "F: there are too many mistakes to list; the first 100 are above"
    );
}

#[test]
fn much_of_anything_is_read_in_linear_time() {
    for piece in [
        "{",
        "}",
        "{}",
        ";",
        "};",
        "pool p {",
        "a",
        "a ",
        "\"",
        "/*",
        "//\n",
        "@",
        "@a",
        ",",
        "host h { duid ",
        "id-assoc pd {",
        "option ntp-servers ::1;",
        "option ntp-servers ::1 ,",
    ] {
        let len = if piece == "{" { 1 << 20 } else { 1 << 18 };
        let text = piece.repeat(len / piece.len());
        let started = Instant::now();
        drop(load_files(&[("F", &text)]));
        let text = format!("option domain-name-servers {text}");
        drop(load_files(&[("F", &text)]));
        assert!(started.elapsed() < Duration::from_secs(20), "{piece}");
    }
}

proptest! {
    #[test]
    fn any_octets_are_read_to_an_end(text in prop::collection::vec(any::<u8>(), 0..2000)) {
        drop(load_octets(&[("F", text.as_slice())].into()));
    }

    #[test]
    fn any_order_of_tokens_is_read_to_an_end(
        words in prop::collection::vec(prop::sample::select(vec![
            "interface", "sv0", "pool", "p", "host", "profile", "option", "domain-name", "\"a\"",
            "ntp-servers", "::1", "{", "}", ";", ",", "/", "1", "infinity", "range", "to", "duid",
            "00:01", "address", "prefix", "id-assoc", "pd", "na", "prefix-interface", "sla-id",
            "authentication", "keyinfo", "key", "realm", "secret", "include", "send", "request",
            "allow", "rapid-commit", "ia-pd", "address-pool", "delayedkey", "\"\n\"", "\n", "#",
        ]), 0..200)
    ) {
        let text = words.join(" ");
        drop(load_files(&[("F", &text)]));
    }

    #[test]
    fn mutated_files_are_read_to_an_end(
        cut in 0..2000_usize,
        edits in prop::collection::vec((0..2000_usize, any::<u8>()), 0..8),
    ) {
        for file in [STATELESS, EVERY_OPTION, HOSTS] {
            let mut text = file.as_bytes().to_vec();
            for (at, octet) in &edits {
                let at = at % text.len();
                text[at] = *octet;
            }
            drop(load_octets(&[("F", text.get(cut..).unwrap_or(&text))].into()));
            text.truncate(cut);
            drop(load_octets(&[("F", text.as_slice())].into()));
        }
    }
}
