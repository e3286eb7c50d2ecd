//! Word to a service manager (sd_notify(3)): that the server is ready, what it waits for, and that it ends.
//!
//! The crate `sd-notify` knows no abstract sockets, opens a new socket for each word, and waits for a manager that does
//! not listen.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The line to the service manager, if one started this process and wants to hear.
#[derive(Debug)]
pub(super) struct Notify {
    socket: Option<UnixDatagram>,
}

impl Notify {
    /// Opens the line that the environment names. Without one nothing is said; one that cannot be opened is logged.
    pub(super) fn open() -> Self {
        let named = env::var_os("NOTIFY_SOCKET").filter(|it| !it.is_empty());
        let socket = named.and_then(|it| {
            let opened = connect(&it);
            opened
                .inspect_err(|error| {
                    tracing::warn!("cannot reach the service manager at NOTIFY_SOCKET: {error}");
                })
                .ok()
        });
        Self { socket }
    }

    /// Says that, a variable a line.
    pub(super) fn say(&self, text: &str) {
        // A manager that does not listen any more misses nothing that it needs.
        if let Some(socket) = &self.socket {
            let _ = socket.send(text.as_bytes());
        }
    }
}

/// A path, or behind `@` the name of an abstract socket.
fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_sockets_are_reached() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let name = format!("dhcp6s-test-{}", std::process::id());
        let abstract_name = SocketAddr::from_abstract_name(&name).expect("a short name");
        for (at, named) in [
            (UnixDatagram::bind(&path), path.into_os_string()),
            (
                UnixDatagram::bind_addr(&abstract_name),
                format!("@{name}").into(),
            ),
        ] {
            let manager = at.expect("a socket");
            let socket = connect(&named).expect("a line");
            Notify {
                socket: Some(socket),
            }
            .say("READY=1");
            let mut heard = [0; 100];
            let len = manager.recv(&mut heard).expect("a word");
            assert_eq!(heard.get(..len), Some(&b"READY=1"[..]));
        }
    }

    #[test]
    fn a_manager_that_is_not_there_is_an_error() {
        assert!(connect(OsStr::new("/nonexistent/notify")).is_err());
        assert!(connect(OsStr::new("@no-such-manager-of-dhcp6s")).is_err());
    }
}
