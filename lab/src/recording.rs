//! What a client and a server said to each other, as files: a capture, and beside it the notes that tell
//! where it comes from and what it takes to say it again.

use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::capture;
use crate::link::listener::Timed;
use crate::scenario::{Clients, model};

/// A conversation on one link, and the server that took part in it.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// The text of `dhcp6s.conf`.
    pub config: String,
    /// The clients, for their names.
    pub clients: Clients,
    /// The server was restarted when so many datagrams had been sent.
    pub restarts: Vec<usize>,
    /// What was said; times have any common beginning.
    pub datagrams: Vec<Timed>,
}

/// Where a conversation comes from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The client, with its version.
    pub client: String,
    /// The day.
    pub recorded: String,
    /// How it was recorded.
    pub how: String,
    /// What is not as it was on the wire.
    pub anonymised: String,
}

/// The file beside a capture.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Notes {
    why: String,
    origin: Origin,
    config: String,
    clients: Clients,
    restarts: Vec<usize>,
}

/// Why files are no recording, or cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct Error {
    path: PathBuf,
    reason: String,
}

impl Conversation {
    /// Reads a capture and the notes beside it.
    ///
    /// # Errors
    /// One of the files is missing, or is not what it should be.
    pub fn load(pcap: &Path) -> Result<Self, Error> {
        let yaml = pcap.with_extension("yaml");
        let text = fs::read_to_string(&yaml).map_err(at(&yaml))?;
        let mut notes: Notes = serde_yaml::from_str(&text).map_err(at(&yaml))?;
        let folder = yaml.parent().unwrap_or(&yaml);
        let found = notes.clients.resolve(|_, name| model::find(name, folder));
        found.map_err(at(&yaml))?;
        let sources = &notes.origin;
        let told = [&notes.why, &sources.client, &sources.recorded, &sources.how];
        if told.iter().any(|it| it.trim().is_empty()) || sources.anonymised.trim().is_empty() {
            return Err(at(&yaml)("say what it shows and where it comes from"));
        }
        let file = File::open(pcap).map_err(at(pcap))?;
        let datagrams = capture::read(BufReader::new(file)).map_err(at(pcap))?;
        if datagrams.is_empty() {
            return Err(at(pcap)("there is no DHCPv6 in it"));
        }
        if notes.restarts.iter().any(|it| *it >= datagrams.len()) {
            let count = datagrams.len();
            return Err(at(&yaml)(format!(
                "a restart is not within the {count} datagrams"
            )));
        }
        Ok(Self {
            config: notes.config,
            clients: notes.clients,
            restarts: notes.restarts,
            datagrams,
        })
    }

    /// Writes a capture and the notes beside it.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn save(&self, pcap: &Path, why: &str, origin: &Origin) -> Result<(), Error> {
        let yaml = pcap.with_extension("yaml");
        fs::write(&yaml, self.notes(why, origin)).map_err(at(&yaml))?;
        let start = self.start();
        let datagrams = self.datagrams.iter();
        let datagrams = datagrams.map(|(at, datagram)| (*at - start, datagram));
        let file = File::create(pcap).map_err(at(pcap))?;
        capture::write(datagrams, file).map_err(at(pcap))
    }

    /// When the first datagram was sent.
    #[must_use]
    pub fn start(&self) -> Duration {
        self.datagrams.first().map_or(Duration::ZERO, |(at, _)| *at)
    }

    fn notes(&self, why: &str, origin: &Origin) -> String {
        let mut text = format!(
            "why: >-\n  {}\n\
             origin:\n  client: {}\n  recorded: {}\n  how: {}\n  anonymised: >-\n    {}\n",
            why.replace('\n', "\n  "),
            origin.client,
            origin.recorded,
            origin.how,
            origin.anonymised.replace('\n', "\n    "),
        );
        text.push_str("config: |\n");
        for line in self.config.lines() {
            let _ = writeln!(text, "  {line}");
        }
        text.push_str("clients:\n");
        for client in &self.clients.0 {
            let octets: Vec<String> = client.duid.iter().map(|it| format!("{it:02x}")).collect();
            let duid = octets.join(":");
            let (name, address) = (&client.name, client.address);
            let _ = writeln!(
                text,
                "  {name}: {{ duid: \"{duid}\", address: \"{address}\" }}"
            );
        }
        let _ = writeln!(text, "restarts: {:?}", self.restarts);
        text
    }
}

/// Whether a file is one of the notes that stand beside a recording.
#[must_use]
pub fn is_notes(path: &Path) -> bool {
    let text = fs::read_to_string(path).unwrap_or_default();
    // A scenario has steps, and no origin.
    text.lines().any(|it| it.starts_with("origin:"))
}

/// An error about a file.
fn at<E: fmt::Display>(path: &Path) -> impl Fn(E) -> Error {
    let path = path.to_owned();
    move |reason| Error {
        path: path.clone(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::life;
    use crate::rig::Datagram;

    fn origin() -> Origin {
        Origin {
            client: "client 1.0".into(),
            recorded: "2026-01-01".into(),
            how: "by hand".into(),
            anonymised: "Nothing.".into(),
        }
    }

    fn conversation() -> Conversation {
        let datagram = |octet| Datagram {
            source: "[fe80::c1]:546".parse().expect("an address"),
            destination: "[ff02::1:2]:547".parse().expect("an address"),
            payload: vec![octet; 4],
        };
        let time = |secs: u64| Duration::from_secs(1_000_000 + secs);
        Conversation {
            config: "interface eth0 {\n\tallow rapid-commit;\n};\n".into(),
            clients: life::clients(),
            restarts: vec![1],
            datagrams: vec![(time(0), datagram(1)), (time(5), datagram(2))],
        }
    }

    /// Saves and loads.
    fn again(conversation: &Conversation, origin: &Origin) -> Result<Conversation, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let pcap = folder.path().join("a-claim.pcap");
        conversation
            .save(&pcap, "So it is.", origin)
            .expect("it is written");
        Conversation::load(&pcap).map_err(|error| error.to_string())
    }

    fn since_start(conversation: &Conversation) -> Vec<Timed> {
        let (start, datagrams) = (conversation.start(), conversation.datagrams.iter());
        datagrams
            .map(|(at, datagram)| (*at - start, datagram.clone()))
            .collect()
    }

    #[test]
    fn what_was_saved_is_loaded_again() {
        let conversation = conversation();
        let again = again(&conversation, &origin()).expect("it is read");
        assert_eq!(again.config, conversation.config);
        assert_eq!(again.clients.0, conversation.clients.0);
        assert_eq!(again.restarts, conversation.restarts);
        assert_eq!(since_start(&again), since_start(&conversation));
    }

    #[track_caller]
    fn refused(conversation: &Conversation, origin: &Origin, part: &str) {
        let error = again(conversation, origin).expect_err("it is refused");
        assert!(error.contains(part), "{error}");
    }

    #[test]
    fn a_capture_that_would_test_nothing_is_refused() {
        let silent = Conversation {
            datagrams: Vec::new(),
            ..conversation()
        };
        refused(&silent, &origin(), "a-claim.pcap: there is no DHCPv6");
        let late = Conversation {
            restarts: vec![2],
            ..conversation()
        };
        refused(&late, &origin(), "a-claim.yaml: a restart");
    }

    #[test]
    fn a_capture_of_unknown_origin_is_refused() {
        let nowhere = Origin {
            how: "''".into(),
            ..origin()
        };
        refused(&conversation(), &nowhere, "a-claim.yaml: say what");
        let error = Conversation::load(Path::new("/nowhere/a-claim.pcap"));
        let error = error.expect_err("there are no notes at all").to_string();
        assert!(error.contains("a-claim.yaml"), "{error}");
    }
}
