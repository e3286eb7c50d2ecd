//! Whether the server is in a container on a network of its own, where no message of a client arrives.
//!
//! Signs of that: a container engine has left its mark, and the interface is one end of a pair that leads out of the
//! container, with a private IPv4 address as engines give it to all that they connect by a bridge. None of them alone
//! is enough: a container on the network of the host has the mark, and a virtual machine's or a lab's host may
//! have such a pair.

use super::links;
use nix::ifaddrs::getifaddrs;
use std::env;
use std::path::Path;

/// Warns if the interface, which is one end of a pair that leads out of this network namespace, is a container's.
pub(super) fn warn(interface: &str, index: u32) {
    if is_marked() && is_bridged(index) {
        tracing::warn!(
            "{interface} leads to a bridge of the container engine, where the multicast messages of DHCPv6 clients do not \
             arrive: start the container with --net=host (hostNetwork in Kubernetes)"
        );
    }
}

/// Whether an engine says that this is a container: podman and Docker by a file, Kubernetes by a variable.
fn is_marked() -> bool {
    let files = ["/run/.containerenv", "/.dockerenv"];
    files.iter().any(|it| Path::new(it).exists())
        || env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

fn is_bridged(index: u32) -> bool {
    let name = links::name_of(index);
    let mut addresses = getifaddrs().into_iter().flatten();
    addresses.any(|it| {
        let of_interface = name.as_ref() == Some(&it.interface_name);
        let address = it.address.and_then(|it| Some(it.as_sockaddr_in()?.ip()));
        of_interface && address.is_some_and(|it| it.is_private())
    })
}
