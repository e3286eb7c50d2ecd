//! Whether a link can answer, told to anybody on this machine who asks.
//!
//! For each interface there is an abstract unix socket in its network namespace, `@dhcp6s/INTERFACE`, so it takes no
//! file and no key. Whoever connects is sent one line and has to say nothing; the connection is closed at once, so
//! that nobody can hold it. The line says nothing that is secret.
//!
//! Not here: who asks (`ctl::health`), and how a link comes to what it says (`server`).

use crate::lease::Timestamp;
use std::fs;
use std::io::{self, Read as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::time::Duration;

/// What the names of the sockets begin with, behind the NUL.
pub const PREFIX: &str = "dhcp6s/";
/// The octets of a line at most.
pub const LINE_MAX: u64 = 1024;

/// The address of the socket for an interface.
///
/// # Errors
/// The name is too long for a socket.
pub fn address(interface: &str) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("{PREFIX}{interface}"))
}

/// The interfaces that are served in this network namespace, in the order of the alphabet.
///
/// # Errors
/// The system does not tell.
pub fn served() -> io::Result<Vec<String>> {
    let table = fs::read_to_string("/proc/net/unix")?;
    let mut names: Vec<String> = names(&table).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// The names in the kernel's table of sockets; connections to them are listed under the same name.
fn names(table: &str) -> impl Iterator<Item = &str> {
    table.lines().filter_map(|line| {
        let name = line.split_whitespace().nth(7)?;
        name.strip_prefix('@')?.strip_prefix(PREFIX)
    })
}

/// What a link has to say about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Health {
    /// What it waits for; `None` if it can answer.
    pub waits: Option<String>,
    /// Since when that is so.
    pub since: Timestamp,
    /// Messages answered since the start.
    pub answered: u64,
    /// Messages dropped since the start.
    pub dropped: u64,
}

impl Health {
    /// `state=ready since=SECONDS answered=COUNT dropped=COUNT`; a link that waits has the state `waiting`, and says
    /// why in `reason=`, which goes to the end of the line.
    #[must_use]
    pub fn line(&self) -> String {
        let state = if self.waits.is_some() {
            "waiting"
        } else {
            "ready"
        };
        let (since, answered, dropped) = (self.since.0, self.answered, self.dropped);
        let line = format!("state={state} since={since} answered={answered} dropped={dropped}");
        match &self.waits {
            Some(reason) => format!("{line} reason={reason}\n"),
            None => line + "\n",
        }
    }

    /// Reads such a line; `None` if it is another.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        let line = line.strip_suffix('\n')?;
        let (head, reason) = match line.split_once(" reason=") {
            Some((head, reason)) => (head, Some(reason)),
            None => (line, None),
        };
        let mut words = head.split(' ');
        let mut value = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=');
        let waits = match (value("state")?, reason) {
            ("ready", None) => None,
            ("waiting", Some(reason)) => Some(reason.to_owned()),
            _ => return None,
        };
        let mut number = |name| value(name)?.parse().ok();
        Some(Self {
            waits,
            since: Timestamp(number("since")?),
            answered: number("answered")?,
            dropped: number("dropped")?,
        })
    }

    /// Asks about an interface of this network namespace.
    ///
    /// # Errors
    /// Nobody serves it, or whoever does answers with something else, or not within ten seconds.
    pub fn ask(interface: &str) -> io::Result<Self> {
        const PATIENCE: Duration = Duration::from_secs(10);
        let stream = UnixStream::connect_addr(&address(interface)?)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut line = String::new();
        stream.take(LINE_MAX).read_to_string(&mut line)?;
        Self::read(&line).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for waits in [None, Some("it has no carrier, reason= none".to_owned())] {
            let health = Health {
                waits,
                since: Timestamp(1_764_038_000),
                answered: 12,
                dropped: u64::MAX,
            };
            assert_eq!(Health::read(&health.line()), Some(health));
        }
    }

    #[test]
    fn the_names_of_servers_are_found_among_others() {
        let table = "Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 19876 @dhcp6s/eth0
0000000000000000: 00000002 00000000 00010000 0001 01 19877 /run/dhcp6s/eth1
0000000000000000: 00000003 00000000 00000000 0001 03 19878
0000000000000000: 00000002 00000000 00010000 0001 01 19879 @dhcp6s/eth2.7
";
        assert_eq!(names(table).collect::<Vec<_>>(), ["eth0", "eth2.7"]);
    }

    #[test]
    fn another_line_is_not_taken_for_one() {
        for line in [
            "",
            "\n",
            "state=ready since=1 answered=1 dropped=1",
            "state=waiting since=1 answered=1 dropped=1\n",
            "state=ready since=1 answered=1 dropped=1 reason=x\n",
            "state=ready since=x answered=1 dropped=1\n",
            "state=ready answered=1 since=1 dropped=1\n",
        ] {
            assert_eq!(Health::read(line), None, "{line:?}");
        }
    }
}
