//! What every client goes through: it obtains its leases, renews them, renews them again after the server
//! was restarted, and gives them back.

use crate::clients::session::Session;
use crate::clients::site::{ADDRESS, DOWNSTREAM, HOST, MACHINE, PREFIX, Site};
use crate::clients::{Client, Identity, Wants};
use crate::link::watch::Assigned;
use crate::recording::Conversation;
use crate::rig::server::Program;
use crate::rig::{INTERFACE, RigError};
use crate::scenario::{self, Clients};

/// Leads a client through its life with a server. Its lease has to be the same all the time, on its
/// interfaces and in its lease file; and an address that it gave back has to be there for another client.
/// Returns what was said meanwhile.
///
/// # Errors
/// Something is not as it should be.
pub fn live(client: &dyn Client, program: Program, wants: Wants) -> Result<Conversation, RigError> {
    let mut site = Site::new(program, client.lifetimes())?;
    let mut session = Session::start(
        client,
        &site,
        Identity {
            number: HOST,
            wants,
        },
    )?;
    let has_it = |assigned: &[Assigned]| held(assigned) == expected(wants);
    let assigned = session.until_assigned(&site, "obtain its leases", has_it)?;
    check_lifetimes(client, &assigned)?;
    check_notes(&session, &site, wants)?;

    let (_, valid_secs) = client.lifetimes();
    if valid_secs <= 20 {
        let assigned = session.until_renewed(&site)?;
        check(
            has_it(&assigned),
            "its leases changed when it renewed them",
            &assigned,
        )?;
    }

    let mut datagrams = site.overheard()?;
    let restarts = vec![datagrams.len()];
    site.server.stop()?;
    site.server.start()?;
    let assigned = session.until_renewed(&site)?;
    check(
        has_it(&assigned),
        "its leases changed when the server restarted",
        &assigned,
    )?;
    check_lifetimes(client, &assigned)?;
    check_notes(&session, &site, wants)?;

    session.release(&site)?;
    let assigned = site.assigned()?;
    check(
        assigned.is_empty(),
        "something is left after the release",
        &assigned,
    )?;
    if wants.address() && client.releases() {
        let next = Identity {
            number: HOST + 1,
            wants: Wants::Address,
        };
        let mut session = Session::start(client, &site, next)?;
        let has_it = |assigned: &[Assigned]| held(assigned) == expected(Wants::Address);
        session.until_assigned(&site, "obtain what another gave back", has_it)?;
    }
    datagrams.extend(site.overheard()?);
    Ok(Conversation {
        config: site.config().to_owned(),
        clients: clients(),
        restarts,
        datagrams,
    })
}

/// The one that lives, and the one that gets its address afterwards on the same machine.
#[must_use]
pub fn clients() -> Clients {
    let named = |name: &str, number| scenario::Client {
        name: name.to_owned(),
        duid: Identity {
            number,
            wants: Wants::Both,
        }
        .duid()
        .to_vec(),
        address: MACHINE,
        key: None,
        order: Vec::new(),
        model: None,
        link: None,
    };
    Clients(vec![named("client", HOST), named("next", HOST + 1)])
}

fn held(assigned: &[Assigned]) -> Vec<(String, String)> {
    assigned
        .iter()
        .map(|one| (one.interface.clone(), one.address.clone()))
        .collect()
}

fn expected(wants: Wants) -> Vec<(String, String)> {
    let mut expected = Vec::new();
    if wants.address() {
        expected.push((INTERFACE.to_owned(), format!("{ADDRESS}/128")));
    }
    if wants.prefix() {
        // Every client is told to take the first address of the first /64.
        expected.push((DOWNSTREAM.to_owned(), format!("{}1/64", PREFIX.0)));
    }
    expected
}

fn check_lifetimes(client: &dyn Client, assigned: &[Assigned]) -> Result<(), RigError> {
    let (_, most) = client.lifetimes();
    let right = assigned.iter().all(|one| match one.valid_secs {
        Some(secs) => client.passes_lifetimes_on() && secs <= most,
        None => !client.passes_lifetimes_on(),
    });
    check(right, "lifetimes are not those of the server", assigned)
}

fn check_notes(session: &Session<'_>, site: &Site, wants: Wants) -> Result<(), RigError> {
    match session.notes(site)? {
        Some(notes) if !notes.tell_of(wants) => {
            let content = String::from_utf8_lossy(&notes.content);
            Err(RigError(format!(
                "its lease file does not tell of {wants:?}:\n{content}"
            )))
        }
        _ => Ok(()),
    }
}

fn check(right: bool, wrong: &str, assigned: &[Assigned]) -> Result<(), RigError> {
    if right {
        Ok(())
    } else {
        Err(RigError(format!("{wrong}: {assigned:?}")))
    }
}
