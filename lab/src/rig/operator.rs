//! What an operator tells a live server through its control channel.

use std::net::{Ipv6Addr, SocketAddr};

use dhcp6s::control::client::{self, Sent};
use dhcp6s::control::frame::Request;
use dhcp6s::control::{Command, Key};
use dhcp6s::lease::{IaKey, IaKind};
use dhcp6s::wire::Duid;

use crate::link::Namespace;
use crate::rig::{IaName, RigError};

/// What the key file of a server holds, and the secret that it stands for.
pub(super) const KEY_TEXT: &str = "dGhlIGxhYg==";
const SECRET: &[u8] = b"the lab";
/// The port of the control channel, unless a server is told otherwise.
const PORT: u16 = 5547;

/// Tells the server in that namespace to forget a binding. What comes of it is in its log.
pub(super) fn remove(namespace: &Namespace, duid: &[u8], ia: IaName) -> Result<(), RigError> {
    let (kind, iaid) = match ia {
        IaName::Na(iaid) => (IaKind::Na, iaid),
        IaName::Pd(iaid) => (IaKind::Pd, iaid),
    };
    let duid = Duid::new(duid).ok_or_else(|| RigError("no server knows such a DUID".into()))?;
    let request = Request::Command(Command::Remove(IaKey { duid, kind, iaid }));
    let address = SocketAddr::from((Ipv6Addr::LOCALHOST, PORT));
    let sent = namespace.run(move || client::send(&request, &Key::new(SECRET), address));
    match sent {
        Ok(Sent::Closed) => Ok(()),
        Ok(Sent::Open) => Err(RigError("the server does not end a connection".into())),
        Err(error) => Err(RigError(format!("the server cannot be told: {error}"))),
    }
}
