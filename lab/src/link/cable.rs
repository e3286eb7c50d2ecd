//! A cable between two namespaces: the server's machine at one end, a client's at the other.

use std::io::ErrorKind;
use std::os::fd::AsFd as _;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::link::frame::Mac;
use crate::link::tap::batch;
use crate::link::{Error, Namespace, Watch, wait};
use crate::rig::{INTERFACE, SERVER_MAC};

/// How long a cable may take until it carries anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// Two namespaces, each with an interface [`INTERFACE`]; what one of these sends, the other receives.
#[derive(Debug)]
pub struct Cable {
    /// Where the server is to run. Its interface has the addresses of the lab's server, and `2001:db8:1::1/64`.
    pub server: Namespace,
    /// Where clients are to run.
    pub client: Namespace,
    /// Tells when addresses change at the client's end.
    pub watch: Watch,
}

impl Cable {
    /// Lays it, and waits until it can be used. The client's interface gets this hardware address.
    ///
    /// # Errors
    /// The system does not let us.
    pub fn lay(client_mac: Mac) -> Result<Self, Error> {
        let (server, client) = (Namespace::new()?, Namespace::new()?);
        let peer = client.path().file_name().unwrap_or_default();
        let cable = format!(
            "link add {INTERFACE} address {} type veth \
             peer name {INTERFACE} address {} netns {}\n\
             link set {INTERFACE} up\n\
             addr add 2001:db8:1::1/64 dev {INTERFACE} nodad\n",
            text(SERVER_MAC),
            text(client_mac),
            peer.to_string_lossy(),
        );
        let (server_watch, watch) = (Watch::new(&server)?, Watch::new(&client)?);
        batch(&server, cable)?;
        batch(&client, format!("link set {INTERFACE} up\n"))?;
        // A cable takes a moment until it carries anything, and without that there is no address.
        until_usable(&server, &server_watch)?;
        until_usable(&client, &watch)?;
        Ok(Self {
            server,
            client,
            watch,
        })
    }
}

fn text(mac: Mac) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}

fn until_usable(namespace: &Namespace, watch: &Watch) -> Result<(), Error> {
    let until = Instant::now() + PATIENCE;
    loop {
        // What is told now may say what was noticed before, so that has to be forgotten first.
        watch.clear()?;
        let mut ip = Command::new("ip");
        ip.args(["-6", "-oneline", "address", "show", "dev", INTERFACE]);
        ip.args(["scope", "link"]);
        if !namespace.command(ip)?.trim().is_empty() {
            return Ok(());
        }
        let failed = |source| Error::system(format!("use {INTERFACE}"), source);
        if Instant::now() >= until {
            return Err(failed(ErrorKind::TimedOut.into()));
        }
        wait(&[watch.as_fd()], until).map_err(failed)?;
    }
}
