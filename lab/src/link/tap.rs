//! The TAP: an Ethernet interface in a namespace, whose other end is a descriptor of ours.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, IntoRawFd};

use tun_tap::{Iface, Mode};

use crate::link::frame::{ETHERNET_LEN, MTU};
use crate::link::{Error, Namespace, Unavailable};

/// The lab's end of a TAP. The interface goes away with it.
pub struct Tap {
    file: File,
    buffer: Box<[u8]>,
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tap").field(&self.file).finish()
    }
}

impl Tap {
    /// Makes the interface in a namespace. It is down, and has a hardware address that chance decides.
    ///
    /// # Errors
    /// The system does not let us.
    pub(super) fn open(namespace: &Namespace, name: &'static str) -> Result<Self, Error> {
        // The namespace of the thread that opens it decides where the interface is; the descriptor works
        // from anywhere.
        let file = namespace
            .run(move || device(name))
            .map_err(|source| Unavailable::Tun(source.to_string()))?;
        Ok(Self {
            file,
            buffer: vec![0; ETHERNET_LEN + MTU].into_boxed_slice(),
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
