//! What a server without a configuration file goes by: whether there is one, the `resolv.conf`, and the addresses of
//! the interfaces.
//!
//! Not here: what is made of that (`unconfigured`).

use crate::cli::Arguments;
use crate::config::read_bounded;
use crate::lease::Prefix;
use crate::server::links;
use crate::unconfigured::{
    Known, LEN_MAX, PoolWish, Resolvers, Unconfigured, make, read_resolv_conf, subnets,
};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

const RESOLV_CONF: &str = "/etc/resolv.conf";
/// Where systemd-resolved says which servers it asks, while `/etc/resolv.conf` names its stub alone.
const RESOLVED_CONF: &str = "/run/systemd/resolve/resolv.conf";

/// Where resolvers are found.
pub const RESOLVERS: [&str; 2] = [RESOLV_CONF, RESOLVED_CONF];

/// The /64s that clients of each served interface can have addresses of.
pub type Subnets = Vec<(String, Vec<Prefix>)>;

/// What a server does if there is no configuration file at that path, which the command line does not name; `None` if
/// there is one, or if the command line names one. Addresses are given from `subnets`; `last` are the resolvers that were
/// last known: a file that was replaced since the server gave up its rights may be out of its reach.
///
/// # Errors
/// The command line asks for what cannot be, in one line with the remedy.
pub fn unconfigured(
    arguments: &Arguments,
    path: &Path,
    subnets: &Subnets,
    last: &mut Option<Resolvers>,
) -> Result<Option<Unconfigured>, String> {
    let wishes = arguments.wishes();
    if let Some(file) = &arguments.config {
        return match wishes.is_empty() {
            true => Ok(None),
            false => Err(format!(
                "{wishes} and -c {file} both say what clients get; leave one of them out"
            )),
        };
    }
    if !is_missing(path) {
        let file = arguments.config_file();
        return match wishes.is_empty() {
            true if is_empty(path) => Err(format!(
                "{file} is empty; write a configuration into it (man dhcp6s.conf), or remove it, and clients get \
                 the DNS servers of {RESOLV_CONF}"
            )),
            true => Ok(None),
            false => Err(format!(
                "{wishes} and the configuration {file} both say what clients get; write it all there, or remove \
                 the file"
            )),
        };
    }
    let interfaces = &arguments.interfaces;
    match (arguments.pool, interfaces.as_slice()) {
        (Some(PoolWish::Range(..)), [_, _, ..]) => {
            return Err(
                "--pool FIRST-LAST is for one interface; use --pool auto, or write a configuration"
                    .to_owned(),
            );
        }
        (_, []) if !wishes.is_empty() => {
            return Err(format!("{wishes} is about an interface; name it too"));
        }
        _ => {}
    }
    let (resolv_conf, mut resolvers) = resolvers(interfaces);
    let is_denied = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
    if resolvers.as_ref().is_err_and(is_denied)
        && let Some(last) = last.clone()
    {
        tracing::warn!(
            "{resolv_conf} is another file than at the start, which this server may not read: going on with what was in \
             it; restart to take over what is in it now"
        );
        resolvers = Ok(last);
    }
    *last = resolvers.as_ref().ok().cloned();
    let resolvers = resolvers.as_ref().map_err(ToString::to_string);
    Ok(Some(make(&Known {
        links: subnets,
        pool: arguments.pool,
        pd: arguments.pd,
        dns_servers: &arguments.dns_servers,
        resolvers: resolvers.as_ref().map(|it| *it).map_err(String::as_str),
        resolv_conf,
    })))
}

/// The /64s of each interface, now.
#[must_use]
pub fn links_of(interfaces: &[String]) -> Subnets {
    let of = |name: &String| {
        // One that is not there has none yet.
        let own = links::own_addresses(name);
        (name.clone(), subnets(&own))
    };
    interfaces.iter().map(of).collect()
}

/// The same, with those that an interface had `before` where it has none now: while it is down it has no addresses, and
/// when it is up again it has those of before for a while not yet. What clients hold must not be taken from them for that.
#[must_use]
pub fn links_since(before: Option<&Subnets>, interfaces: &[String]) -> Subnets {
    let mut links = links_of(interfaces);
    let lost = links.iter_mut().filter(|(_, subnets)| subnets.is_empty());
    for (name, subnets) in lost {
        let known = before.into_iter().flatten().find(|it| it.0 == *name);
        *subnets = known.map(|it| it.1.clone()).unwrap_or_default();
    }
    links
}

fn is_missing(path: &Path) -> bool {
    File::open(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Whether a file has nothing in it. What cannot be read is for others to complain about.
fn is_empty(path: &Path) -> bool {
    let text = File::open(path).and_then(read_bounded);
    text.is_ok_and(|text| text.trim_ascii().is_empty())
}

/// What is known of resolvers, and the file that says so.
fn resolvers(interfaces: &[String]) -> (&'static str, io::Result<Resolvers>) {
    // A link-local address means one interface, and an option is told on all.
    let link = match interfaces {
        [name] => links::index(name).map(|index| (name.as_str(), index.to_string())),
        _ => None,
    };
    let is_link = |scope: &str| {
        let link = link.as_ref();
        link.is_some_and(|(name, index)| scope == *name || scope == index)
    };
    let read = |path: &str| {
        let mut text = Vec::new();
        let limit = u64::try_from(LEN_MAX).unwrap_or(u64::MAX);
        File::open(path)?.take(limit).read_to_end(&mut text)?;
        Ok(read_resolv_conf(&text, &is_link))
    };
    let found = read(RESOLV_CONF);
    if found
        .as_ref()
        .is_ok_and(|it| it.stub && it.servers.is_empty())
        && let Ok(of_resolved) = read(RESOLVED_CONF)
    {
        return (RESOLVED_CONF, Ok(of_resolved));
    }
    (RESOLV_CONF, found)
}
