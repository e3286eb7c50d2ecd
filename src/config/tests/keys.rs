//! Keys, who uses them, and that nobody sees them.

use super::*;

const KEY: &str = "keyinfo k { realm \"r\"; keyid 1; secret \"MTIz\"; };\n";

fn key(name: &str, realm: &str, id: u32, secret: &str, expires: Timestamp) -> Key {
    Key {
        name: name.to_owned(),
        realm: realm.as_bytes().to_vec(),
        id,
        secret: KeySecret(secret.as_bytes().to_vec()),
        expires,
    }
}

#[test]
fn a_host_has_its_key() {
    let config = accepted(
        "host branch { duid 00:01:02; delayedkey branch-key; };
keyinfo other { realm \"\"; keyid 4294967295; secret \"MTIz\"; expire \"2027-01-01 00:00\"; };
keyinfo branch-key {
\trealm \"branch.example\";
\tkeyid 4096;
\tsecret \"c2Vj cmV0\n LXNlY3JldC0xMg = =\";
\texpire \"forever\";
};
host strict { duid 00:01:03; delayedkey other required; };",
    );
    let expires = Timestamp(NOW.0 + 38 * 86_400);
    assert_eq!(
        config.keys,
        [
            key("other", "", u32::MAX, "123", expires),
            key(
                "branch-key",
                "branch.example",
                4096,
                "secret-secret-12",
                Timestamp::NEVER
            ),
        ]
    );
    let uses: Vec<_> = config.hosts.iter().map(|host| host.key).collect();
    let use_of = |key, required| Some(KeyUse { key, required });
    assert_eq!(uses, [use_of(1, false), use_of(0, true)]);
}

#[test]
fn a_key_that_no_host_has_is_warned_about() {
    let config = warned(
        KEY,
        &["F:1:9: warning: `keyinfo k` is used by no host; name it in the `delayedkey` of one"],
    );
    assert_eq!(config.keys.len(), 1);
}

#[test]
fn a_key_that_has_ended_concerns_its_clients_alone() {
    for written in ["2010-01-01 00:00", "11-23 10:00"] {
        let config = warned(
            &format!(
                "keyinfo k {{ realm \"r\"; keyid 1; secret \"MTIz\"; expire \"{written}\"; }};\n\
                 host h {{ duid 00:01:02; delayedkey k; }};"
            ),
            &[&format!(
                "F:1:55: warning: the key has ended: `{written}` is past; its clients get no answer: write a \
                 later date, or remove the key"
            )],
        );
        assert!(config.keys[0].expires < NOW);
    }
}

#[test]
fn of_repeated_lines_of_a_key_the_first_counts() {
    let config = warned(
        "keyinfo k { realm \"r\"; keyid 1; secret \"MTIz\"; realm \"s\"; keyid 4294967296;
secret \"?\"; expire \"forever\"; expire \"never\"; };
keyinfo k { realm \"s\"; keyid 2; secret \"?\"; };
host h { duid 00:01:02; delayedkey k; delayedkey nokey; };",
        &[
            "F:1:48: warning: `realm` is given again; the first one counts",
            "F:1:59: warning: `keyid` is given again; the first one counts",
            "F:2:1: warning: `secret` is given again; the first one counts",
            "F:2:31: warning: `expire` is given again; the first one counts",
            "F:3:9: warning: `keyinfo k` is defined again; the first definition counts: rename or \
             remove this one",
            "F:4:39: warning: `delayedkey` is given again; the first one counts",
        ],
    );
    assert_eq!(config.keys, [key("k", "r", 1, "123", Timestamp::NEVER)]);
    let use_of_k = KeyUse {
        key: 0,
        required: false,
    };
    assert_eq!(config.hosts[0].key, Some(use_of_k));
}

#[test]
fn what_a_key_cannot_be_is_refused() {
    let used = "host h { duid 00:01:02; delayedkey k; };";
    for (line, mistake) in [
        (
            "keyid 4294967296; secret \"MTIz\";",
            "F:2:7: the key number 4294967296 is too large; write a number from 0 to 4294967295",
        ),
        (
            "keyid 1; secret \"MTI\";",
            "F:2:10: the secret is not in base64; write its octets so, with the `=` at the end",
        ),
        (
            "keyid 1; secret \"MTIzMR==\";",
            "F:2:10: the secret is not in base64; write its octets so, with the `=` at the end",
        ),
        (
            "keyid 1; secret \"MTIzMQ==MTIz\";",
            "F:2:10: the secret is not in base64; write its octets so, with the `=` at the end",
        ),
        (
            "secret \"MTIz\";",
            "F:1:9: `keyinfo k` has no `keyid`; add it",
        ),
        ("keyid 1;", "F:1:9: `keyinfo k` has no `secret`; add it"),
        (
            "keyid 1; secret \"MTIz\"; expire \"never\";",
            "F:2:32: `never` is not a date; write `forever`, or local time as in `2030-12-31 23:59`",
        ),
    ] {
        refused(
            &format!("keyinfo k {{ realm \"r\";\n{line} }};\n{used}"),
            &[mistake],
        );
    }
}

#[test]
fn a_secret_has_1023_octets_at_most() {
    let file = |len: usize| {
        let secret = "MTIz".repeat(len / 3);
        format!("keyinfo k {{ realm \"r\"; keyid 1; secret \"{secret}\"; }};")
    };
    let loaded = load_files(&[("F", &file(1023))]).expect("a configuration");
    assert_eq!(loaded.config.keys[0].secret.0.len(), 1023);
    refused(
        &file(1026),
        &["F:1:33: the secret is longer than 1023 octets; 16 are enough"],
    );
}

#[test]
fn a_key_that_could_not_be_read_lacks_nothing() {
    refused(
        "keyinfo k { realm \"r\"; keyid 1 secret \"MTIz\"; };",
        &["F:1:32: `secret` stands where `;` is expected"],
    );
}

#[test]
fn an_odd_date_is_warned_about() {
    let config = warned(
        "keyinfo k { realm \"r\"; keyid 1; secret \"MTIz\"; expire \"2027-02-31 00:00:59\"; };
host h { duid 00:01:02; delayedkey k; };",
        &[
            "F:1:55: warning: `:59` behind the date is not read; remove it",
            "F:1:55: warning: there is no such day as in `2027-02-31 00:00:59`; it counts as \
             2027-03-03",
        ],
    );
    assert_eq!(
        config.keys[0].expires,
        Timestamp(NOW.0 + (38 + 31 + 28 + 2) * 86_400)
    );
}

/// Whatever is wrong, what stands behind `secret` is in no message, and not in the lines that are shown with it.
#[test]
fn a_secret_is_in_no_message() {
    const SECRET: &str = "c2Vj+cmV0/LXN=";
    for text in [
        format!("keyinfo k {{ keyid 1 secret \"{SECRET}\" }}"),
        format!("keyinfo k {{ secret {SECRET}; }};"),
        format!("keyinfo k {{ secret \"{SECRET}; }};"),
        format!("keyinfo k {{ secret \"{SECRET};\nexpire \"forever\"; }};"),
        format!("keyinfo k {{ secrt \"{SECRET}\" \"x\"; }};"),
        format!("keyinfo k {{ secret '{SECRET}'; }};"),
        format!("keyinfo k {{ keyid secret \"{SECRET}\"; }};"),
        format!("keyinfo k {{ realm \"r; secret \"{SECRET}\"; }};"),
        format!("secret \"{SECRET}\"; secret {SECRET};"),
        format!("keyinfo secret \"{SECRET}\";"),
    ] {
        let found = load_files(&[("F", &text)]).expect_err("a mistake");
        let shown = shown(&found).join("\n");
        for piece in ["c2Vj", "cmV0", "LXN"] {
            assert!(!shown.contains(piece), "{text}: {shown}");
        }
    }
}
