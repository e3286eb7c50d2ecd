//! The place where a client meets a server: two namespaces and a cable between them.

use std::fs;
use std::net::Ipv6Addr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::link::ip::batch;
use crate::link::listener::{Listener, Timed};
use crate::link::owner::temporary_folder;
use crate::link::watch::{Assigned, Scope, Watch};
use crate::link::{Cable, Error, Namespace};
use crate::rig::server::{Program, Server};
use crate::rig::{INTERFACE, RigError};

/// The one address that the server has to give.
pub const ADDRESS: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0x1000);
/// The prefix that belongs to the client with [`HOST`].
pub const PREFIX: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2001, 0xdb8, 0x100, 0, 0, 0, 0, 0), 56);
/// The number of the client that the configuration knows.
pub const HOST: u8 = 0xc1;
/// The link-local address of the client's machine.
pub const MACHINE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, HOST as u16);
/// The server's address on the link, with the length of its prefix.
pub const SERVER: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1), 64);
/// The interface to the network that the client has a prefix for.
pub const DOWNSTREAM: &str = "lan0";

/// A server, and a client's machine.
#[derive(Debug)]
pub struct Site {
    /// The server.
    pub server: Server,
    namespace: Namespace,
    watch: Watch,
    listener: Listener,
    config: String,
    folder: TempDir,
}

impl Site {
    /// Lays the cable and starts the server, which gives leases of these lifetimes.
    ///
    /// # Errors
    /// The system does not let us, or the server does not start.
    pub fn new(program: Program, lifetimes: (u32, u32)) -> Result<Self, RigError> {
        Self::with_config(program, &configuration(lifetimes))
    }

    /// Lays the cable and starts the server with a configuration.
    ///
    /// # Errors
    /// The system does not let us, or the server does not start.
    pub fn with_config(program: Program, config: &str) -> Result<Self, RigError> {
        let mut site = Self::lay(program, config)?;
        site.server.start()?;
        Ok(site)
    }

    /// Lays the cable. The server has a configuration that gives leases of these lifetimes, and is yet to be
    /// started.
    ///
    /// # Errors
    /// The system does not let us.
    pub fn quiet(program: Program, lifetimes: (u32, u32)) -> Result<Self, RigError> {
        Self::lay(program, &configuration(lifetimes))
    }

    fn lay(program: Program, config: &str) -> Result<Self, RigError> {
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

        let listener = Listener::new(&namespace, INTERFACE)?;

        let folder = temporary_folder()?;
        // Programs keep their state in these folders. Those of the machine are none of theirs.
        for place in ["/run", "/var/lib"] {
            namespace.mount_memory(Path::new(place), 1 << 20)?;
        }
        // Their scripts write the DNS servers that they are told into /etc/resolv.conf.
        namespace.keep_apart(Path::new("/etc"), Path::new("/run/dhcp6lab-etc"))?;
        let server = Server::new(program, at_server, config)?;
        Ok(Self {
            server,
            namespace,
            watch,
            listener,
            config: config.to_owned(),
            folder,
        })
    }

    /// The namespace of the client.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The configuration of the server.
    #[must_use]
    pub fn config(&self) -> &str {
        &self.config
    }

    /// What was said over the cable since the last call.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn overheard(&mut self) -> Result<Vec<Timed>, Error> {
        self.listener.datagrams()
    }

    /// Readable when something was said over the cable.
    #[must_use]
    pub fn ear(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
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
        self.watch.look(&self.namespace, Scope::Global)
    }

    /// Readable when addresses have changed since the last look.
    #[must_use]
    pub fn changes(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
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
