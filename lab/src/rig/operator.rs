//! What an operator tells our server through its control port, with the server's own codec. That others can do so
//! too, tests with the original's program show.

use std::net::{Ipv6Addr, SocketAddr};

use dhcp6s::control::client::{self, Sent};
use dhcp6s::control::frame::Request;
use dhcp6s::control::{Command, Key};
use dhcp6s::lease::{IaKey, IaKind};
use dhcp6s::wire::Duid;

use crate::link::Namespace;
use crate::rig::product::{CONTROL_PORT, KEY_OCTETS};
use crate::rig::{IaName, RigError};

/// Tells the server in this namespace to forget a binding. What comes of it is in its log.
///
/// # Errors
/// No client has such a DUID, or the server does not take commands.
pub(super) fn remove(namespace: &Namespace, duid: &[u8], ia: IaName) -> Result<(), RigError> {
    let (kind, iaid) = match ia {
        IaName::Na(iaid) => (IaKind::Na, iaid),
        IaName::Pd(iaid) => (IaKind::Pd, iaid),
    };
    let duid = Duid::new(duid).ok_or_else(|| RigError("no binding has such a DUID".into()))?;
    let request = Request::Command(Command::Remove(IaKey { duid, kind, iaid }));
    let address = SocketAddr::from((Ipv6Addr::LOCALHOST, CONTROL_PORT));
    let send = move || client::send(&request, &Key::new(KEY_OCTETS), address);
    match namespace.run(send) {
        Ok(Sent::Closed) => Ok(()),
        Ok(Sent::Open) => Err(RigError("the server does not end a connection".into())),
        Err(error) => Err(RigError(format!("the server cannot be told: {error}"))),
    }
}
