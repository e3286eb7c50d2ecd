//! The place where a client meets a server: two namespaces and a cable between them.

use std::fs;
use std::net::Ipv6Addr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::link::tap::batch;
use crate::link::{Cable, Error, Namespace, Watch};
use crate::rig::server::{Program, Server};
use crate::rig::{INTERFACE, RigError};

/// The one address that the server has to give.
pub const ADDRESS: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0x1000);
/// The prefix that belongs to the client with [`HOST`].
pub const PREFIX: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2001, 0xdb8, 0x100, 0, 0, 0, 0, 0), 56);
/// The number of the client that the configuration knows.
pub const HOST: u8 = 0xc1;
/// The interface to the network that the client has a prefix for.
pub const DOWNSTREAM: &str = "lan0";

/// A server, and a client's machine.
#[derive(Debug)]
pub struct Site {
    /// The server.
    pub server: Server,
    namespace: Namespace,
    watch: Watch,
    folder: TempDir,
}

/// A global address of the client's machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// The interface that it is on.
    pub interface: String,
    /// The address, with the length of its prefix.
    pub address: String,
    /// How many more seconds it may be used; `None` means for ever.
    pub valid_secs: Option<u32>,
}

impl Site {
    /// Lays the cable and starts the server, which gives leases of these lifetimes.
    ///
    /// # Errors
    /// The system does not let us, or the server does not start.
    pub fn new(program: Program, lifetimes: (u32, u32)) -> Result<Self, RigError> {
        let Cable {
            server: at_server,
            client: namespace,
            watch,
        } = Cable::lay([0x02, 0, 0, 0, 0, HOST])?;
        let downstream = format!(
            "link add {DOWNSTREAM} type veth peer name lan1\n\
             link set {DOWNSTREAM} up\n\
             link set lan1 up\n"
        );
        batch(&namespace, downstream)?;

        let folder = tempfile::Builder::new()
            .prefix("dhcp6lab-")
            .tempdir()
            .map_err(|error| RigError(format!("cannot make a temporary folder: {error}")))?;
        // Programs keep their state in these folders. Those of the machine are none of theirs.
        for place in ["/run", "/var/lib"] {
            namespace.mount_memory(Path::new(place), 1 << 20)?;
        }
        let mut server = Server::new(program, at_server, &configuration(lifetimes))?;
        server.start()?;
        Ok(Self {
            server,
            namespace,
            watch,
            folder,
        })
    }

    /// The namespace of the client.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// A folder for files of the client with this number.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn folder(&self, number: u8) -> Result<PathBuf, Error> {
        let path = self.folder.path().join(format!("{number:02x}"));
        fs::create_dir_all(&path)
            .map_err(|source| Error::system(format!("make {}", path.display()), source))?;
        Ok(path)
    }

    /// Writes a file as the client sees it, and the folders that it is in.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &Path, content: impl Into<Vec<u8>>) -> Result<(), Error> {
        let (owned, content) = (path.to_owned(), content.into());
        self.namespace
            .run(move || {
                owned.parent().map_or(Ok(()), fs::create_dir_all)?;
                fs::write(owned, content)
            })
            .map_err(|source| Error::system(format!("write {}", path.display()), source))
    }

    /// Writes a file that the client can run.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_program(&self, path: &Path, content: &str) -> Result<(), Error> {
        self.write(path, content)?;
        let owned = path.to_owned();
        self.namespace
            .run(move || fs::set_permissions(owned, fs::Permissions::from_mode(0o755)))
            .map_err(|source| Error::system(format!("make {} runnable", path.display()), source))
    }

    /// Reads a file as the client sees it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let owned = path.to_owned();
        self.namespace
            .run(move || fs::read(owned))
            .map_err(|source| Error::system(format!("read {}", path.display()), source))
    }

    /// The global addresses of the client's machine, by interface.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn assigned(&self) -> Result<Vec<Assigned>, Error> {
        // What is told now may say what was noticed before, so that has to be forgotten first.
        self.watch.clear()?;
        let mut ip = Command::new("ip");
        ip.args(["-6", "-oneline", "address", "show", "scope", "global"]);
        let mut assigned: Vec<_> = self
            .namespace
            .command(ip)?
            .lines()
            .filter_map(Assigned::read)
            .collect();
        assigned.sort_by(|a, b| (&a.interface, &a.address).cmp(&(&b.interface, &b.address)));
        Ok(assigned)
    }

    /// Readable when addresses have changed since the last look.
    #[must_use]
    pub fn changes(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}

impl Assigned {
    /// Reads `2: eth0 inet6 2001:db8:1::1000/128 scope global dynamic \ valid_lft 8sec preferred_lft 4sec`.
    fn read(line: &str) -> Option<Self> {
        let words: Vec<_> = line.split_whitespace().collect();
        let behind = |key: &str| {
            let at = words.iter().position(|word| *word == key)?;
            words.get(at + 1).copied()
        };
        Some(Self {
            interface: words.get(1).map(|&word| word.to_owned())?,
            address: behind("inet6")?.to_owned(),
            valid_secs: behind("valid_lft")?
                .strip_suffix("sec")
                .and_then(|secs| secs.parse().ok()),
        })
    }
}

fn configuration((preferred, valid): (u32, u32)) -> String {
    let (prefix, length) = PREFIX;
    format!(
        "interface {INTERFACE} {{ address-pool lan {preferred} {valid}; }};\n\
         pool lan {{ range {ADDRESS} to {ADDRESS}; }};\n\
         host client {{\n\
         \tduid 00:03:00:01:02:00:00:00:00:{HOST:02x};\n\
         \tprefix {prefix}/{length} {preferred} {valid};\n\
         \taddress-pool lan {preferred} {valid};\n\
         }};\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_lifetime_and_one_without_are_read() {
        let line = r"2: eth0    inet6 2001:db8:1::1000/128 scope global dynamic noprefixroute \       valid_lft 7sec preferred_lft 3sec";
        let read = Assigned::read(line).expect("an address");
        assert_eq!(
            (
                read.interface.as_str(),
                read.address.as_str(),
                read.valid_secs
            ),
            ("eth0", "2001:db8:1::1000/128", Some(7)),
        );
        let line = r"4: lan0    inet6 2001:db8:100::1/64 scope global \       valid_lft forever preferred_lft forever";
        assert_eq!(Assigned::read(line).expect("an address").valid_secs, None);
    }
}
