//! A cable between two namespaces: the server's machine at one end, a client's at the other.

use crate::link::frame::{Mac, mac_text};
use crate::link::ip::batch;
use crate::link::watch::Watch;
use crate::link::{Error, Namespace};
use crate::rig::{INTERFACE, SERVER_MAC};

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
            mac_text(SERVER_MAC),
            mac_text(client_mac),
            peer.to_string_lossy(),
        );
        let (server_watch, watch) = (Watch::new(&server)?, Watch::new(&client)?);
        batch(&server, cable)?;
        batch(&client, format!("link set {INTERFACE} up\n"))?;
        // A cable takes a moment until it carries anything, and without that there is no address.
        server_watch.until_ready(&server, INTERFACE)?;
        watch.until_ready(&client, INTERFACE)?;
        Ok(Self {
            server,
            client,
            watch,
        })
    }
}
