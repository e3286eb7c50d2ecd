//! Which server it is that runs: what servers do not have in common.
//!
//! A [`Product`] is a server that the lab knows how to run, and its adapter is all that the lab knows about it, in a file
//! of its own. What is said on the link is the same for all of them. How an adapter is written is told in `adapter.rs`.

mod adapter;
mod command;
mod dhcp6s;
mod dhcpd;
mod dibbler;
mod dnsmasq;
mod kea;
mod networks;
mod scene;
mod wide;

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::link::{self, Process};
use crate::rig::RigError;
use crate::rig::server::PATIENCE;

pub(super) use adapter::{Adapter, Ear, Ending, Order, Post, Said, Told};
pub use adapter::{Deed, Files, Home};
pub(super) use command::filled;
pub use scene::{NotExpressible, Scene};
pub(super) use scene::{addresses, has_unread, packets};

/// The file with the key of the control channel, in the folder of a server.
pub(super) const KEY_FILE: &str = "dhcp6sctlkey";
/// What it takes to tell a server of WIDE's kind something, and where it listens.
pub(super) const KEY: &str = "dGhlIGxhYidzIGtleQ==\n";
pub(super) const KEY_OCTETS: &[u8] = b"the lab's key";
pub(super) const CONTROL_PORT: u16 = 5547;

/// A server that the lab knows how to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Product {
    /// The one of this workspace.
    Dhcp6s,
    /// The original, WIDE's `dhcp6s`.
    Wide,
    /// ISC's Kea, `kea-dhcp6`.
    Kea,
    /// dnsmasq, for addresses.
    Dnsmasq,
    /// ISC's `dhcpd -6`.
    Dhcpd,
    /// Dibbler, `dibbler-server`.
    Dibbler,
    /// Whatever a command line starts; it reads `dhcp6s.conf`.
    Command,
}

impl Product {
    /// All that have a name and a program of their own.
    pub const ALL: [Self; 6] = [
        Self::Dhcp6s,
        Self::Wide,
        Self::Kea,
        Self::Dnsmasq,
        Self::Dhcpd,
        Self::Dibbler,
    ];

    pub(super) fn adapter(self) -> &'static dyn Adapter {
        match self {
            Self::Dhcp6s => &dhcp6s::Dhcp6s,
            Self::Wide => &wide::Wide,
            Self::Kea => &kea::Kea,
            Self::Dnsmasq => &dnsmasq::Dnsmasq,
            Self::Dhcpd => &dhcpd::Dhcpd,
            Self::Dibbler => &dibbler::Dibbler,
            Self::Command => &command::AnyCommand,
        }
    }

    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.adapter().name()
    }

    /// What command lines call it: one short word.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.adapter().word()
    }

    /// The product that command lines call so.
    #[must_use]
    pub fn by_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.word() == word)
    }

    /// Where Debian puts it; `None` if it is in no package.
    #[must_use]
    pub fn home(self) -> Option<Home> {
        self.adapter().home()
    }

    /// The text of its configuration file for a server that does what the scene says.
    ///
    /// # Errors
    /// It cannot do that, or its configuration cannot say it.
    pub fn translate(self, scene: &Scene<'_>) -> Result<String, NotExpressible> {
        self.adapter().translate(scene)
    }

    /// Why that cannot be done to it, if so.
    #[must_use]
    pub fn cannot(self, deed: Deed) -> Option<&'static str> {
        self.adapter().cannot(deed)
    }

    /// Whether it hears what relay agents send to `ff05::1:3`.
    #[must_use]
    pub fn hears_all_servers(self) -> bool {
        self.adapter().hears_all_servers()
    }

    /// Which one a program is, by what it says when it is asked for its version, be it only that it knows no such
    /// option; `None` if it is none of [`Self::ALL`], or does not end.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn of(program: &Path) -> io::Result<Option<Self>> {
        let said = about_itself(program)?;
        Ok(said.and_then(|(stdout, stderr)| Self::by_words(&stdout, &stderr)))
    }

    /// The version that a program says it has.
    #[must_use]
    pub fn version_of(program: &Path) -> Option<String> {
        let (stdout, stderr) = about_itself(program).ok()??;
        version_in(&stdout).or_else(|| version_in(&stderr))
    }

    fn by_words(stdout: &str, stderr: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|it| it.adapter().recognises(stdout, stderr))
    }
}

/// What a program says on standard output and standard error when it is asked for its version; `None` if it does not end.
fn about_itself(program: &Path) -> io::Result<Option<(String, String)>> {
    let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null());
    command.stdout(stdout.try_clone()?);
    command.stderr(stderr.try_clone()?);
    let mut process = Process::spawn(command).map_err(io::Error::other)?;
    let ended = process.wait(Instant::now() + PATIENCE);
    if ended.map_err(io::Error::other)?.is_none() {
        return Ok(None);
    }
    let said = |file: &mut File| -> io::Result<String> {
        let mut octets = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.take(1 << 16).read_to_end(&mut octets)?;
        Ok(String::from_utf8_lossy(&octets).into_owned())
    };
    Ok(Some((said(&mut stdout)?, said(&mut stderr)?)))
}

/// The first thing in a text that looks like a version: digits, a dot, digits, and what follows without a blank.
fn version_in(text: &str) -> Option<String> {
    text.split_whitespace().find_map(|word| {
        let (_, digits) = word.split_at_checked(word.find(|it: char| it.is_ascii_digit())?)?;
        let version = digits.trim_end_matches([',', ')', ';']);
        let (major, minor) = version.split_once('.')?;
        let number = |it: &str| it.starts_with(|it: char| it.is_ascii_digit());
        let whole = major.chars().all(|it| it.is_ascii_digit());
        (whole && number(minor)).then(|| version.to_owned())
    })
}

impl From<link::Error> for RigError {
    fn from(error: link::Error) -> Self {
        Self(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_its_answer_to_a_question_for_its_version() {
        let usage = "dhcp6s: invalid option -- '-'\nusage: dhcp6s [-c configfile] [-dDf] intface\n";
        assert_eq!(Product::by_words("", usage), Some(Product::Wide));
        let ours = Product::by_words("dhcp6s 0.1.0\n", "");
        assert_eq!(ours, Some(Product::Dhcp6s));
        let usage = "/x: invalid option -- '-'\nKea DHCPv6 server, version 2.2.0 (stable)\n";
        assert_eq!(Product::by_words("", usage), Some(Product::Kea));
        let dnsmasq = Product::by_words("Dnsmasq version 2.90  Copyright\n", "");
        assert_eq!(dnsmasq, Some(Product::Dnsmasq));
        let dhcpd = Product::by_words("", "isc-dhcpd-4.4.3-P1\n");
        assert_eq!(dhcpd, Some(Product::Dhcpd));
        assert_eq!(Product::by_words("", "usage: true\n"), None);
    }

    #[test]
    fn the_version_is_found_in_what_servers_say() {
        for (said, version) in [
            ("dhcp6s 0.1.0\n", Some("0.1.0")),
            (
                "x: invalid option\nKea DHCPv6 server, version 2.2.0 (stable)",
                Some("2.2.0"),
            ),
            (
                "Dnsmasq version 2.90  Copyright (c) 2000-2024 S",
                Some("2.90"),
            ),
            ("isc-dhcpd-4.4.3-P1\n", Some("4.4.3-P1")),
            (
                "| Dibbler - a portable DHCPv6, version 1.0.1 (SERVER, x)",
                Some("1.0.1"),
            ),
            ("usage: dhcp6s [-c configfile] [-dDf]", None),
        ] {
            assert_eq!(version_in(said).as_deref(), version, "{said}");
        }
    }

    #[test]
    fn a_product_is_found_by_its_word() {
        for product in Product::ALL {
            assert_eq!(Product::by_word(product.word()), Some(product));
        }
        assert_eq!(Product::by_word("nobody"), None);
    }
}
