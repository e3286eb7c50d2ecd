//! The link's device: a TAP, or, where there is none for us, a pair of virtual Ethernet interfaces. Either way the
//! lab sees every frame as it is, with complete checksums, and what it sends has been received when it has been sent.

use std::fmt;
use std::fs::OpenOptions;
use std::net::Ipv6Addr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use crate::link::frame::{Mac, mac_text};
use crate::link::ip::batch;
use crate::link::tap::Tap;
use crate::link::veth::Veth;
use crate::link::watch::Watch;
use crate::link::{Error, Namespace, Unavailable};

const TUN: &str = "/dev/net/tun";

/// What a link is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Device {
    /// A TAP; needs /dev/net/tun.
    Tap,
    /// A veth pair, and a packet socket at the lab's end.
    Veth,
}

/// What links are made of where nobody says, and why that is not a TAP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The device.
    pub device: Device,
    /// What keeps us from a TAP, if something does.
    pub because: Option<String>,
}

impl Device {
    /// A TAP if there can be one, else a veth pair.
    #[must_use]
    pub fn best() -> Choice {
        Self::best_with(Path::new(TUN))
    }

    fn best_with(tun: &Path) -> Choice {
        match try_tun(tun) {
            Ok(()) => Self::Tap.into(),
            Err(error) => Choice {
                device: Self::Veth,
                because: Some(error.to_string()),
            },
        }
    }
}

/// Whether there can be a TAP.
///
/// # Errors
/// Its device cannot be opened.
pub fn tap_available() -> Result<(), Unavailable> {
    try_tun(Path::new(TUN))
}

fn try_tun(tun: &Path) -> Result<(), Unavailable> {
    let opened = OpenOptions::new().read(true).write(true).open(tun);
    opened
        .map(drop)
        .map_err(|error| Unavailable::Tun(error.to_string()))
}

impl From<Device> for Choice {
    fn from(device: Device) -> Self {
        Self {
            device,
            because: None,
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tap => "TAP",
            Self::Veth => "veth",
        })
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.because {
            None => write!(f, "{}", self.device),
            Some(why) => write!(f, "{}, because {why}", self.device),
        }
    }
}

/// The lab's end of a link. The interface at the other end goes away with it.
#[derive(Debug)]
pub enum Wire {
    /// A TAP.
    Tap(Tap),
    /// A veth pair.
    Veth(Veth),
}

impl Wire {
    /// Makes the interface in a namespace. It is down, and has a hardware address that chance decides.
    ///
    /// # Errors
    /// The system does not let us.
    pub fn open(device: Device, namespace: &Namespace, name: &'static str) -> Result<Self, Error> {
        match device {
            Device::Tap => Tap::open(namespace, name).map(Self::Tap),
            Device::Veth => Veth::open(namespace, name).map(Self::Veth),
        }
    }

    /// Puts a frame on the link; the system has dealt with it when this returns.
    ///
    /// # Errors
    /// The link does not take it.
    pub fn send(&mut self, frame: &[u8]) -> Result<(), Error> {
        match self {
            Self::Tap(tap) => tap.send(frame),
            Self::Veth(veth) => veth.send(frame),
        }
    }

    /// The next frame that came from the interface; `None` if there is none now.
    ///
    /// # Errors
    /// The link is gone.
    pub fn receive(&mut self) -> Result<Option<&[u8]>, Error> {
        match self {
            Self::Tap(tap) => tap.receive(),
            Self::Veth(veth) => veth.receive(),
        }
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tap(tap) => tap.as_fd(),
            Self::Veth(veth) => veth.as_fd(),
        }
    }
}

/// Brings an interface up, with these addresses besides the link-local one that follows from its hardware address.
/// Everything else is taken to be on the link, too. Waits until the addresses can be used.
///
/// # Errors
/// The system does not let us.
pub fn bring_up(
    namespace: &Namespace,
    name: &str,
    mac: Mac,
    mtu: u32,
    addresses: &[(Ipv6Addr, u8)],
) -> Result<(), Error> {
    let mut setup = vec![
        format!("link set {name} address {} mtu {mtu}", mac_text(mac)),
        format!("link set {name} up"),
    ];
    for (address, length) in addresses {
        setup.push(format!("addr add {address}/{length} dev {name} nodad"));
    }
    setup.push(format!("route add default dev {name}\n"));
    let watch = Watch::new(namespace)?;
    batch(namespace, setup.join("\n"))?;
    watch.until_ready(namespace, name)?;
    watch.until_usable(namespace, name, addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tap_that_cannot_be_opened_is_replaced_and_the_reason_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let tun = folder.path().join("tun");
        let choice = Device::best_with(&tun);
        assert_eq!(choice.device, Device::Veth);
        let text = choice.to_string();
        assert!(
            text.starts_with("veth, because ") && text.contains("cannot be opened"),
            "{text}"
        );
        std::fs::write(&tun, "").expect("a file");
        assert_eq!(Device::best_with(&tun), Device::Tap.into());
        assert_eq!(Choice::from(Device::Tap).to_string(), "TAP");
    }
}
