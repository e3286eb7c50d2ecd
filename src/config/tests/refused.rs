//! Examples that are refused: one mistake each, its place and its remedy.

use super::*;

/// The number of the example, its text, and what is said about it.
const REFUSED: &[(&str, &str, &[&str])] = &[
    (
        "M1",
        "option domain-name-servers 2001:db8::1\noption domain-name \"a.example\";",
        &["F:1:39: `;` is missing after `2001:db8::1`; add it"],
    ),
    (
        "M2",
        "pool p { range ::1 to ::2; }\ninterface sv0 { address-pool p 10; };",
        &["F:1:29: `;` is missing after `}`; add it"],
    ),
    (
        "M3",
        "option domain-name example.net;",
        &[
            "F:1:20: `example.net` stands where a domain name in quotation marks is expected; put \
           it in `\"`",
        ],
    ),
    (
        "M4",
        "option domain-name-servers 2001:db8::1, 2001:db8::2;",
        &["F:1:39: `,` stands between two addresses; separate them with blanks alone"],
    ),
    (
        "M5",
        "option ntp-servers 2001:db8::12345;",
        &["F:1:20: `2001:db8::12345` is not an IPv6 address; write one as in `2001:db8::1`"],
    ),
    (
        "M6",
        "option domain-name-servers 192.0.2.53;",
        &["F:1:28: `192.0.2.53` is not an IPv6 address; DHCPv6 carries no IPv4 addresses"],
    ),
    (
        "M7",
        "option sntp-servers 2001:db8::123;",
        &["F:1:8: `sntp-servers` is not an option; did you mean `ntp-servers`?"],
    ),
    (
        "M8",
        "interface sv0 { address-pool nowhere 600; };",
        &["F:1:30: pool `nowhere` is not defined; define it, or use another"],
    ),
    (
        "M9",
        "pool p { range ::1 to ::2; };\ninterface sv0 { address-pool p 900 600; };",
        &[
            "F:2:32: the preferred lifetime 900 is longer than the valid lifetime 600; write the \
           shorter one first",
        ],
    ),
    (
        "M10",
        "host h { duid 00:01; prefix 2001:db8::/48 900 600; };",
        &[
            "F:1:43: the preferred lifetime 900 is longer than the valid lifetime 600; write the \
           shorter one first",
        ],
    ),
    (
        "M11",
        "pool p { range 2001:db8::20 to 2001:db8::10; };",
        &[
            "F:1:16: the range from 2001:db8::20 to 2001:db8::10 is upside down; exchange the two \
           addresses",
        ],
    ),
    (
        "M12",
        "pool p { };",
        &["F:1:6: `pool p` has no `range`; add `range FIRST to LAST;`"],
    ),
    (
        "M13",
        "host h { duid 00:01; duid 00:02; };",
        &["F:1:22: `host h` has a second DUID; write a `host` statement for each client"],
    ),
    (
        "M14",
        "host h { duid 0001aabb; };",
        &["F:1:15: `0001aabb` is not a DUID; write pairs of hexadecimal digits joined by `:`"],
    ),
    (
        "M15",
        "interface sv0 { prefix 2001:db8::/48 600; };",
        &["F:1:17: `prefix` cannot stand inside `interface`; it belongs in `host`"],
    ),
    (
        "M16",
        "interface sv0 { request domain-name-servers; };",
        &["F:1:17: `request` is for clients alone; remove the statement"],
    ),
    (
        "M17",
        "interface doesnotexist { preference 1; };",
        &["F:1:11: there is no interface `doesnotexist`; `ip link` lists those that exist"],
    ),
    (
        "M18",
        "interface sv0 { preference 300; };",
        &["F:1:28: the preference 300 is too large; write a number from 0 to 255"],
    ),
    (
        "M19",
        "keyinfo k { keyid 1; secret \"MTIz\"; };",
        &["F:1:9: `keyinfo k` has no `realm`; add it"],
    ),
    (
        "M20",
        "host h { duid 00:01; delayedkey nokey; };",
        &["F:1:33: keyinfo `nokey` is not defined; define it, or use another"],
    ),
    (
        "M22",
        "option refreshtime 60;\noption domain-name \"a.example\";",
        &["F:1:20: a refresh time of 60 is too short; write at least 600"],
    ),
    (
        "M23",
        "option ntp-servers 2001:db8::1;\noption ntp-servers 2001:db8::1;",
        &["F:2:20: `ntp-servers` has 2001:db8::1 already; remove one of the two"],
    ),
    (
        "M24",
        "authentication a { protocol delayed; };",
        &[
            "F:1:29: protocol `delayed` is for clients alone; give the client's `host` a \
           `delayedkey`",
        ],
    ),
    (
        "values of an id-assoc",
        "id-assoc pd { prefix ff00::/16 10; prefix 2001:db8::/129 10; prefix 2001:db8:1::/48 20 10;\n\
         prefix 2001:db8::/48 10; prefix 2001:db8::/48 20;\n\
         prefix-interface nowhere { sla-len 129; }; };",
        &[
            "F:1:1: warning: `id-assoc` is not used by the server",
            "F:1:22: ff00:: is a multicast address; write a global or unique local one",
            "F:1:54: the prefix length 129 is too large; write a number from 0 to 128",
            "F:1:85: the preferred lifetime 20 is longer than the valid lifetime 10; write the \
             shorter one first",
            "F:2:33: `id-assoc pd 0` has 2001:db8::/48 already; remove one of the two",
            "F:3:18: there is no interface `nowhere`; `ip link` lists those that exist",
            "F:3:36: the length 129 is too large; write a number from 0 to 128",
        ],
    ),
    (
        "M26",
        "host h { duid 00:01; prefix 2001:db8::/130 600; };",
        &["F:1:40: the prefix length 130 is too large; write a number from 0 to 128"],
    ),
    (
        "M27",
        "host h { duid 00:01; address ff05::1 600; };",
        &["F:1:30: ff05::1 is a multicast address; write a global or unique local one"],
    ),
    (
        "M28",
        "host h { duid 00:01; prefix 2001:db8::/48 1d; };",
        &["F:1:43: `1d` stands where a lifetime is expected; write `86400`"],
    ),
    (
        "M29",
        "host h { duid 00:01; address 2001:db8::1; };",
        &["F:1:41: a lifetime is missing after `2001:db8::1`; write seconds or `infinity`"],
    ),
    (
        "M30",
        "/* hello */",
        &["F:1:1: `/*` does not begin a comment; begin each line of it with `#`"],
    ),
    (
        "M31",
        "interface sv0 {\n preference 1;\n",
        &["F:1:11: `interface sv0` is not closed; add `};` where it ends"],
    ),
    (
        "M32",
        "host h { duid 00:01; option domain-name \"x.example\"; };",
        &["F:1:22: `option` cannot stand here; it belongs outside of all braces"],
    ),
    (
        "M33",
        "include /etc/extra.conf;",
        &[
            "F:1:9: `/` stands where the path to include in quotation marks is expected; put it in \
           `\"`",
        ],
    ),
    (
        "M34",
        "id-assoc ta 0 { };",
        &[
            "F:1:1: warning: `id-assoc` is not used by the server",
            "F:1:10: `ta` is not a kind of id-assoc; did you mean `na`?",
        ],
    ),
    (
        "M36",
        "pool pool1 { range PREFIX_MIN to PREFIX_MAX ; };",
        &[
            "F:1:20: `PREFIX_MIN` is not an IPv6 address; write one as in `2001:db8::1`",
            "F:1:34: `PREFIX_MAX` is not an IPv6 address; write one as in `2001:db8::1`",
        ],
    ),
    (
        "M37",
        "host h { duid 00:01; prefix 2001:db8::/48 10; prefix 2001:db8:0:1::/48 10; };",
        &[
            "F:1:54: warning: 2001:db8:0:1:: has bits beyond its prefix length of 48; it counts \
             as 2001:db8::/48",
            "F:1:54: `host h` has 2001:db8::/48 already; remove one of the two",
        ],
    ),
    (
        "M40",
        "option refreshtime 700;;",
        &["F:1:24: `;` ends nothing; remove it"],
    ),
    (
        "M42",
        "option domain-name 'example.com';",
        &[
            "F:1:20: warning: `'` is ignored; remove it",
            "F:1:21: `example.com` stands where a domain name in quotation marks is expected; put \
             it in `\"`",
            "F:1:32: warning: `'` is ignored; remove it",
        ],
    ),
];

#[test]
fn every_refused_example_is_refused_at_its_place() {
    for (number, text, diagnostics) in REFUSED {
        println!("{number}");
        refused(text, diagnostics);
    }
}

#[test]
fn what_is_allowed_is_said_where_nothing_is_close() {
    let Err(found) = load_files(&[(
        "F",
        "pool pool1 { range 2001:db8:1::1000 to 2001:db8:1::2000; allow unicast; };",
    )]) else {
        panic!("accepted");
    };
    assert_eq!(found.len(), 1);
    assert!(
        found[0]
            .to_string()
            .starts_with("F:1:64: `unicast` is not an option; one of ")
    );
    assert_eq!(found[0].span, 63..70);
}
