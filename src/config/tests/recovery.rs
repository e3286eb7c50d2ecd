//! Several mistakes in one run, and mistakes that could be taken for several.

use super::*;

#[test]
fn all_mistakes_of_a_file_are_reported_at_once() {
    refused(
        "optoin domain-name-servers 2001:db8::1
interface sv0 {
\tadress-pool lan 900 600;
\tpreference 300
\tallow rapid-commit;
\taddress-pool lam;
};
pool lan { range 2001:db8::9 to ::1; };
host h { prefix 2001:db8::/48 1h; address-pool lna 5; }
option domain-name \"bad..name\";
range ::1 to ::2;
",
        &[
            "F:1:1: `optoin` is not a statement; did you mean `option`?",
            "F:1:39: `;` is missing after `2001:db8::1`; add it",
            "F:3:2: `adress-pool` is not a declaration; did you mean `address-pool`?",
            "F:3:18: the preferred lifetime 900 is longer than the valid lifetime 600; write the \
             shorter one first",
            "F:4:13: the preference 300 is too large; write a number from 0 to 255",
            "F:4:16: `;` is missing after `300`; add it",
            "F:6:18: a lifetime is missing after `lam`; write seconds or `infinity`",
            "F:8:18: the range from 2001:db8::9 to ::1 is upside down; exchange the two addresses",
            "F:9:31: `1h` stands where a lifetime is expected; write `3600`",
            "F:9:56: `;` is missing after `}`; add it",
            "F:10:20: `bad..name` is not a domain name: it has an empty label; write labels \
             joined by dots",
            "F:11:1: `range` cannot stand here; it belongs inside the braces of `interface`, \
             `host` or `pool`",
        ],
    );
}

#[test]
fn a_statement_cut_short_does_not_hide_the_next() {
    refused(
        "host h {\n\taddress 2001:db8::1\n\tprefix 2001:db8::/48 1200 600;\n}\nhost i {\n\tduid\n};\n",
        &[
            "F:2:21: a lifetime is missing after `2001:db8::1`; write seconds or `infinity`",
            "F:3:23: the preferred lifetime 1200 is longer than the valid lifetime 600; write the \
             shorter one first",
            "F:4:2: `;` is missing after `}`; add it",
            "F:6:6: a DUID is missing after `duid`",
        ],
    );
}

#[test]
fn what_other_programs_call_it_gets_the_name_here() {
    for (written, meant, value) in [
        ("dns-servers", "domain-name-servers", "::1"),
        ("dns", "domain-name-servers", "::1"),
        ("name_servers", "domain-name-servers", "::1"),
        ("domain-search", "domain-name", "\"a.example\""),
        ("search", "domain-name", "\"a.example\""),
        ("sntp-servers", "ntp-servers", "::1"),
        ("information-refresh-time", "refreshtime", "700"),
        ("Domain-Name", "domain-name", "\"a.example\""),
    ] {
        let expected = format!("F:1:8: `{written}` is not an option; did you mean `{meant}`?");
        refused(&format!("option {written} {value};"), &[&expected]);
    }
    refused(
        "interface sv0 { allow rapid_commit; };",
        &["F:1:23: `rapid_commit` is not an option; did you mean `rapid-commit`?"],
    );
}

#[test]
fn a_guessed_option_has_no_further_mistakes_but_its_own() {
    refused(
        "option dns-servers 2001:db8::1 nowhere;\noption domain-name-servers 2001:db8::1;\n\
         option domain-search \"a.example\";\noption domain-name \"a.example\";\n\
         option refresh-time 700;\noption refreshtime 800;",
        &[
            "F:1:8: `dns-servers` is not an option; did you mean `domain-name-servers`?",
            "F:1:32: `nowhere` is not an IPv6 address; write one as in `2001:db8::1`",
            "F:3:8: `domain-search` is not an option; did you mean `domain-name`?",
            "F:5:8: `refresh-time` is not an option; did you mean `refreshtime`?",
        ],
    );
}

#[test]
fn of_a_repeated_statement_only_the_addresses_are_looked_at() {
    warned(
        "interface sv0 { preference 1; };\ninterface sv0 { preference 256; information-only; };
pool p { range ::1 to ::2; };\npool p { range ::5 to ::4; };
host h { duid 00:01:02; address-pool p 5; };\nhost h { address ff02::1 5; address-pool q 5; };",
        &[
            "F:2:11: warning: `interface sv0` is defined again; the first definition counts: \
             rename or remove this one",
            "F:4:6: warning: `pool p` is defined again; the first definition counts: rename or \
             remove this one",
            "F:6:6: warning: `host h` is defined again; the first definition counts: rename or \
             remove this one",
        ],
    );
    refused(
        "host h { duid 00:01:02; address ::1 5; };\nhost h { address nowhere 5; };",
        &[
            "F:2:6: warning: `host h` is defined again; the first definition counts: rename or \
             remove this one",
            "F:2:18: `nowhere` is not an IPv6 address; write one as in `2001:db8::1`",
        ],
    );
}

#[test]
fn a_misspelt_reference_gets_a_suggestion() {
    refused(
        "pool office { range ::1 to ::2; };\nhost h { address-pool ofice 5; };",
        &["F:2:23: pool `ofice` is not defined; did you mean `office`?"],
    );
}

#[test]
fn a_block_that_is_not_closed_ends_where_the_next_begins() {
    refused(
        "pool p { range ::1 to ::2;\ninterface sv0 { address-pool p 10; preference 256; };",
        &[
            "F:1:6: `pool p` is not closed; add `};` where it ends",
            "F:2:47: the preference 256 is too large; write a number from 0 to 255",
        ],
    );
}

#[test]
fn a_quotation_that_is_not_closed_is_the_only_mistake() {
    refused(
        "option domain-name \"a.example;\noption domain-name \"b.example\";\noption refreshtime 5;",
        &[
            "F:1:20: `\"a.example;` is not closed on its line; add `\"` where the text ends; what \
             follows was not read",
            "F:2:30: warning: `\"` has no partner and is ignored; add the other `\"`",
        ],
    );
}

#[test]
fn a_name_that_is_not_defined_is_reported_beside_a_statement_that_defines_none() {
    refused(
        "option domain-name corp.example;
interface sv0 { address-pool lam 600; };
pool lan { range ::1 to ::2; };
host h { duid 00:01; delayedkey nokey; };",
        &[
            "F:1:20: `corp.example` stands where a domain name in quotation marks is expected; put it in `\"`",
            "F:2:30: pool `lam` is not defined; did you mean `lan`?",
            "F:4:33: keyinfo `nokey` is not defined; define it, or use another",
        ],
    );
    // What is skipped here may be the definition.
    refused(
        "pool lan range ::1 to ::2;\ninterface sv0 { address-pool lan 600; };",
        &["F:1:10: `range` stands where `{` is expected"],
    );
}
