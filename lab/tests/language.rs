//! The language of the configuration, compared with the real original server: for each file of
//! `lab/tests/language` both have to come to the same verdict, or the file says why not.
//!
//! A file begins with a comment that says what it is about. Where the verdicts differ on purpose, it goes on with
//! `# original: VERDICT` (accept, warn, reject or crash) and `# differs: REASON`. These lines are also what
//! `docs/differences-of-the-language.md` is made of, which `UPDATE_DOCS=1` writes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use dhcp6lab::program::ORIGINAL;
use dhcp6s::config::{Diagnostic, Severity, Sources, load, read_bounded, utc};
use dhcp6s::lease::Timestamp;
use examples::{Example, folder};
use original::{INTERFACES, Original, Verdict};

#[path = "support/examples.rs"]
mod examples;
#[path = "support/original.rs"]
mod original;
mod support;

/// 2026-11-24 12:00:00 UTC: a time of that day or year is past or to come no matter when the tests run.
const NOW: Timestamp = Timestamp(1_795_521_600);
/// The list of differences, from the root of the workspace.
const DOCUMENT: &str = "docs/differences-of-the-language.md";

/// A kind of warning that this server has about files that the original takes without a word.
struct More {
    /// What these warnings hold.
    holding: &'static [&'static str],
    /// What they are about, and why they are there.
    why: &'static str,
}

/// The verdict is the same but for these, and somebody is told more: no difference worth a line per file.
const MORE: &[More] = &[
    More {
        holding: &["is ignored; remove it", "has no partner and is ignored"],
        why: "Stray characters. The original leaves them out and prints them on its standard output. They may be \
              what is left of something that was meant.",
    },
    More {
        holding: &["is not used by the server"],
        why: "Statements for clients: `profile`, `send`, `authentication`, `id-assoc`. They are checked and have no \
              effect.",
    },
    More {
        holding: &["is given again; the last one counts"],
        why: "Declarations that are repeated, of which the last counts.",
    },
    More {
        holding: &["the fraction of", "does not fit in 32 bits"],
        why: "Numbers with a fraction, and numbers of more than 32 bits: what counts is another number than the one \
              that is written.",
    },
    More {
        holding: &["behind the date is not read", "there is no such day"],
        why: "Dates of keys with something behind them, and days that their month does not have.",
    },
    More {
        holding: &["the secret is empty"],
        why: "Keys with an empty secret: anybody can sign with them.",
    },
    More {
        holding: &["in another spelling", "is without a name"],
        why: "Names that differ in capitals or a dot at the end: to a client they are the same, and one of them is \
              sent. Empty names: nothing is sent, where the original sends an option with nothing in it.",
    },
    More {
        holding: &[
            "has the DUID",
            "has no `duid`",
            "shorter than that of any client",
        ],
        why: "Hosts that no client can be: their DUID belongs to a host above, is too short, or is not there.",
    },
    More {
        holding: &[
            "has nothing for its client",
            "is used by no host",
            "nobody gets an address",
        ],
        why: "Hosts, keys and pools that are there for nothing.",
    },
    More {
        holding: &["deprecated from the start"],
        why: "A preferred lifetime of 0, with which clients begin nothing new.",
    },
    More {
        holding: &[
            "no client can use it",
            "let each address be in one of them",
            "only one of the two clients",
        ],
        why: "Ranges that no client can use an address of, and addresses and prefixes that are promised twice.",
    },
];

/// What this server makes of an example.
fn ours(example: &Example) -> (Verdict, Vec<Diagnostic>) {
    let folder = folder();
    let read = |path: &str| match path {
        // What is no path is no file, even in a folder.
        "" => Err(ErrorKind::NotFound.into()),
        path => read_bounded(fs::File::open(folder.join(path))?),
    };
    let interface_exists = |name: &str| name == "lo" || INTERFACES.contains(&name);
    let sources = Sources {
        read: &read,
        interface_exists: &interface_exists,
        // They have none that tell where they lead.
        addresses_of: &|name| interface_exists(name).then(Vec::new),
        now: utc(NOW),
    };
    match load(&example.name, &sources) {
        Ok(loaded) => {
            let mut warnings = loaded.warnings;
            warnings.retain(|it| it.severity == Severity::Warning);
            let verdict = match warnings.is_empty() {
                true => Verdict::Accept,
                false => Verdict::Warn,
            };
            (verdict, warnings)
        }
        Err(found) => (Verdict::Reject, found),
    }
}

/// Notes which kinds of warning there are; whether all are of one of these kinds.
fn only_more(found: &[Diagnostic], kinds: &mut BTreeSet<&str>) -> bool {
    let kind_of = |it: &Diagnostic| {
        let text = it.to_string();
        let mut holding = MORE.iter().flat_map(|it| it.holding);
        holding.find(|kind| text.contains(**kind))
    };
    let of_a_kind: Vec<_> = found.iter().map(kind_of).collect();
    let all = of_a_kind.iter().all(Option::is_some);
    if all {
        kinds.extend(of_a_kind.into_iter().flatten().copied());
    }
    all
}

#[test]
fn the_original_comes_to_the_same_verdict_or_the_file_says_why_not() {
    if !support::can_run(&[ORIGINAL]) {
        return;
    }
    let original = Original::new().unwrap_or_else(|error| panic!("{error}"));
    let examples = examples::all();
    let mut kinds = BTreeSet::new();
    let mut wrong = String::new();
    for example in &examples {
        let (theirs, said) = original.read(&folder(), &example.name);
        let (ours, found) = ours(example);
        let same = ours == theirs
            || (theirs, ours) == (Verdict::Accept, Verdict::Warn) && only_more(&found, &mut kinds);
        let as_said = match example.difference {
            None => same,
            Some((verdict, _)) => !same && verdict == theirs,
        };
        if as_said {
            continue;
        }
        let told = example.difference.as_ref().map(|it| it.0);
        let _ = writeln!(
            wrong,
            "{}: the original: {theirs:?}, told: {told:?}, ours: {ours:?}",
            example.name
        );
        for line in &said {
            let _ = writeln!(wrong, "    original: {line}");
        }
        for line in &found {
            let _ = writeln!(wrong, "    ours: {line}");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    let unused = MORE
        .iter()
        .flat_map(|it| it.holding)
        .filter(|kind| !kinds.contains(**kind));
    let unused: Vec<_> = unused.collect();
    assert!(
        unused.is_empty(),
        "no file is warned about {unused:?} without a word of the original"
    );
    println!("{} files", examples.len());
}

#[test]
fn the_list_of_differences_is_complete() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(DOCUMENT);
    let wanted = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, wanted).expect("it can be written");
        return;
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == wanted,
        "{DOCUMENT} is not what the files say: run this test with UPDATE_DOCS=1"
    );
}

fn document() -> String {
    let mut text = String::from(
        "# Differences of the language\n\n\
         What this server makes of a configuration where WIDE's `dhcp6s` makes something else of it. Written by\n\
         `UPDATE_DOCS=1 cargo test -p dhcp6lab --test language` from the files of `lab/tests/language`, on each of\n\
         which the same test runs the original.\n\n\
         ## Other verdicts\n\n",
    );
    for example in examples::all() {
        let Some((theirs, reason)) = &example.difference else {
            continue;
        };
        let (theirs, ours) = (theirs.phrase(), ours(&example).0.phrase());
        let entry = format!(
            "{} The original {theirs}, this server {ours}. {reason} (`{}`)",
            example.about, example.name
        );
        item(&mut text, &entry);
    }
    text.push_str("\n## More warnings\n\nThe original accepts these without a word.\n\n");
    for more in MORE {
        item(&mut text, more.why);
    }
    text
}

/// Adds a paragraph to a list, in lines of a width that can be read.
fn item(text: &mut String, paragraph: &str) {
    const WIDTH: usize = 118;
    let mut line = String::from("-");
    for word in paragraph.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            let _ = writeln!(text, "{line}");
            line = String::from(" ");
        }
        let _ = write!(line, " {word}");
    }
    let _ = writeln!(text, "{line}");
}
