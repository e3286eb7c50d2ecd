//! What is done to a server, and what the transcript says about it.

use super::Player;
use crate::rig::{Change, IaName, Rig, RigError};
use crate::scenario::{InterfaceStep, Reload, Remove, Restart};

impl Player<'_> {
    pub(super) fn reload(&mut self, reload: &Reload) -> Result<(), RigError> {
        let server = reload.server.as_deref();
        let taken = self.server(server)?.reload(&reload.config)?;
        let refused = if self.watching {
            !taken
        } else {
            reload.refused
        };
        let reload_text = named("reload", server);
        self.note(&match refused {
            false => format!("{reload_text} with another configuration"),
            true => format!("{reload_text} with another configuration, which is refused"),
        });
        match (taken, reload.refused) {
            (true, true) => self.fail("the server took over the configuration".into()),
            (false, false) => self.fail("the server refused the configuration".into()),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, remove: &Remove) -> Result<(), RigError> {
        let (Some(client), Some(ia)) = (self.client(&remove.client), remove.ia()) else {
            self.fail("there is no such client, or not one IA".into());
            return Ok(());
        };
        let server = remove.server.as_deref();
        let known = self.server(server)?.remove(&client.duid, ia)?;
        let unknown = if self.watching {
            !known
        } else {
            remove.unknown
        };
        let unknown = if unknown { ", which is not known" } else { "" };
        let name = &remove.client;
        let at = server.map_or_else(String::new, |it| format!(" at {it}"));
        self.note(&match ia {
            IaName::Na(iaid) => format!("remove IA_NA {iaid} of {name}{at}{unknown}"),
            IaName::Pd(iaid) => format!("remove IA_PD {iaid} of {name}{at}{unknown}"),
        });
        match (known, remove.unknown) {
            (true, true) => self.fail("the server knew of that binding".into()),
            (false, false) => self.fail("the server knew of no such binding".into()),
            _ => {}
        }
        Ok(())
    }

    /// The server that a step names, or the first.
    pub(super) fn server(&mut self, name: Option<&str>) -> Result<&mut dyn Rig, RigError> {
        if self.scenario.servers.0.len() < 2 {
            return Ok(self.rig);
        }
        let index = self.scenario.server_index(name);
        self.rig.server(index.unwrap_or_default())
    }
}

/// What happens, to which of several servers, and with what.
pub(super) fn with_config(what: &str, restart: &Restart) -> String {
    let what = named(what, restart.server.as_deref());
    match restart.config {
        Some(_) => format!("{what}, and start with another configuration"),
        None => what,
    }
}

/// What happens, and to which of several servers.
fn named(what: &str, server: Option<&str>) -> String {
    match server {
        Some(server) => format!("{what} {server}"),
        None => what.to_owned(),
    }
}

/// What happens to an interface.
pub(super) fn interface_text(step: &InterfaceStep) -> String {
    let interface = match &step.server {
        Some(server) => format!("the interface of {server}"),
        None => "the interface".to_owned(),
    };
    match &step.change {
        Change::Down => format!("{interface} goes down"),
        Change::Up => format!("{interface} comes up"),
        Change::Delete => format!("{interface} is deleted"),
        Change::Recreate => format!("{interface} is made anew"),
        Change::Add {
            address,
            length,
            taken,
        } => {
            let taken = if *taken {
                ", which another host has"
            } else {
                ""
            };
            format!("{interface} gets {address}/{length}{taken}")
        }
        Change::Remove(address) => format!("{interface} loses {address}"),
        Change::Mtu(mtu) => format!("{interface} has an MTU of {mtu}"),
    }
}
