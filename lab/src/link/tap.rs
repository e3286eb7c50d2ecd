//! The TAP: an Ethernet interface in a namespace, whose other end is a descriptor of ours.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Ipv6Addr;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, IntoRawFd};
use std::process::{Command, Stdio};

use tun_tap::{Iface, Mode};

use crate::link::frame::{ETHERNET_LEN, MTU, Mac};
use crate::link::watch::Watch;
use crate::link::{Error, Namespace, Unavailable};

/// The lab's end of a TAP. The interface goes away with it.
pub struct Tap {
    file: File,
    buffer: [u8; ETHERNET_LEN + MTU],
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tap").field(&self.file).finish()
    }
}

impl Tap {
    /// Makes the interface in a namespace and brings it up, with these addresses besides the link-local
    /// one that follows from its hardware address. Everything else is taken to be on the link, too.
    ///
    /// # Errors
    /// The system does not let us.
    pub fn open(
        namespace: &Namespace,
        name: &'static str,
        mac: Mac,
        addresses: &[(Ipv6Addr, u8)],
    ) -> Result<Self, Error> {
        // The namespace of the thread that opens it decides where the interface is; the descriptor works
        // from anywhere.
        let file = namespace
            .run(move || device(name))
            .map_err(|source| Unavailable::Tun(source.to_string()))?;
        let [a, b, c, d, e, f] = mac;
        let mut setup = format!(
            "link set {name} address {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x} mtu {MTU}\n\
             link set {name} up\n"
        );
        for (address, length) in addresses {
            let _ = writeln!(setup, "addr add {address}/{length} dev {name} nodad");
        }
        let _ = writeln!(setup, "route add default dev {name}");
        let watch = Watch::new(namespace)?;
        batch(namespace, setup)?;
        watch.until_ready(namespace, name)?;
        Ok(Self {
            file,
            buffer: [0; ETHERNET_LEN + MTU],
        })
    }

    /// Puts a frame on the link; the system has dealt with it when this returns.
    ///
    /// # Errors
    /// The link does not take it.
    pub fn send(&mut self, frame: &[u8]) -> Result<(), Error> {
        self.file
            .write_all(frame)
            .map_err(|source| Error::system("write to the TAP", source))
    }

    /// The next frame that came from the interface; `None` if there is none now.
    ///
    /// # Errors
    /// The link is gone.
    pub fn receive(&mut self) -> Result<Option<&[u8]>, Error> {
        match self.file.read(&mut self.buffer) {
            Ok(length) => Ok(self.buffer.get(..length)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(source) => Err(Error::system("read from the TAP", source)),
        }
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[expect(
    unsafe_code,
    reason = "the TAP's descriptor leaves its wrapper, which has no safe way out"
)]
fn device(name: &str) -> io::Result<File> {
    let interface = Iface::without_packet_info(name, Mode::Tap)?;
    interface.set_non_blocking()?;
    // SAFETY: `into_raw_fd` hands over an open descriptor that nothing else owns.
    Ok(unsafe { File::from_raw_fd(interface.into_raw_fd()) })
}

/// Runs a list of commands of `ip -6` in a namespace.
///
/// # Errors
/// One of them failed.
pub fn batch(namespace: &Namespace, commands: String) -> Result<(), Error> {
    namespace.run(move || {
        let failed = |source| Error::system("run `ip -6 -batch`", source);
        let mut ip = Command::new("ip")
            .args(["-6", "-batch", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        if let Some(mut input) = ip.stdin.take() {
            input.write_all(commands.as_bytes()).map_err(failed)?;
        }
        let output = ip.wait_with_output().map_err(failed)?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::Tool {
            command: commands,
            said,
        })
    })
}
