//! Other servers than ours: how command lines name them, which scenarios they can be held to, and to what.
//!
//! A scenario holds another server to its expectations and to the judge. It does not hold it to the snapshot, and where
//! our server says why it drops a message, silence is enough.

use std::fs;
use std::io::ErrorKind;
use std::net::Ipv6Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::link::{self, rootless};
use crate::player::{self, Played};
use crate::program;
use crate::rig::live::Live;
use crate::rig::product::{Deed, Files, Product, Scene};
use crate::rig::server::{IMAGE_NEEDS, Program};
use crate::rig::{Change, Disk, RigError};
use crate::scenario::{InterfaceStep, Scenario, Step};

/// Why there is no such server.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The file is not one that can be run.
    #[error("{}: not a server: {reason}", path.display())]
    NoProgram {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// It is not on this machine.
    #[error("{0}")]
    Missing(String),
}

/// The server that a command line names: by a word (`kea`: where Debian puts it), a word and a file (`kea:FILE`), or
/// a file, which is asked what it is; one that does not say is taken for ours.
///
/// # Errors
/// There is no such server.
pub fn named(server: &Path) -> Result<Program, Unusable> {
    let text = server.to_string_lossy();
    if let Some((word, file)) = text.split_once(':')
        && let Some(product) = Product::by_word(word)
    {
        let path = PathBuf::from(file);
        check(&path)?;
        return Ok(program_of(product, path));
    }
    if let Some(product) = Product::by_word(&text) {
        return installed(product);
    }
    check(server)?;
    let product = Product::of(server).map_err(|error| Unusable::NoProgram {
        path: server.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(program_of(
        product.unwrap_or(Product::Dhcp6s),
        server.to_owned(),
    ))
}

/// The server of that kind, where Debian puts it; ours is that of the workspace.
///
/// # Errors
/// It is not installed.
pub fn installed(product: Product) -> Result<Program, Unusable> {
    let missing = |error: RigError| Unusable::Missing(error.to_string());
    let Some(home) = product.home() else {
        return program::server().map(Program::Binary).map_err(missing);
    };
    let path = PathBuf::from(home.program);
    if check(&path).is_err() {
        return Err(Unusable::Missing(format!(
            "{} is not installed as {}: Debian's package {} has it",
            product.name(),
            home.program,
            home.package
        )));
    }
    Ok(program_of(product, path))
}

/// The server in an image of that name, which podman has.
///
/// # Errors
/// podman has no such image, or there is no podman.
pub fn image(name: &str) -> Result<Program, Unusable> {
    for (program, package) in IMAGE_NEEDS {
        link::installed(program, package)
            .map_err(|missing| Unusable::Missing(missing.to_string()))?;
    }
    let mut podman = Command::new("podman");
    podman.args(["image", "exists", name]).stdin(Stdio::null());
    match podman.status() {
        Ok(status) if status.success() => Ok(Program::Image(name.to_owned())),
        Ok(_) => Err(Unusable::Missing(format!(
            "podman has no image {name}: pull it, or build it (`lab/image {name}` in a checkout)"
        ))),
        Err(error) => Err(Unusable::Missing(format!("podman cannot be run: {error}"))),
    }
}

/// Whether this user can run a server.
///
/// # Errors
/// The server takes more than root in a user namespace has.
pub fn runs_here(program: &Program) -> Result<(), Unusable> {
    if program.product() == Product::Dnsmasq && rootless::is_confined() {
        let text = "dnsmasq cannot run here: it sets its groups when it starts, which only root may: run this as root";
        return Err(Unusable::Missing(text.to_owned()));
    }
    Ok(())
}

fn program_of(product: Product, path: PathBuf) -> Program {
    if product == Product::Dhcp6s {
        return Program::Binary(path);
    }
    Program::Foreign(product, path)
}

/// Whether there is a program that can be run.
fn check(path: &Path) -> Result<(), Unusable> {
    let reason = match fs::metadata(path) {
        Ok(it) if it.is_file() && it.permissions().mode() & 0o111 != 0 => return Ok(()),
        Ok(_) => "it is no program".to_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound && path.components().count() == 1 => {
            let words = Product::ALL.map(Product::word);
            format!(
                "there is no such file, and no server is called so; the lab knows {}",
                words.join(", ")
            )
        }
        Err(error) => error.to_string(),
    };
    Err(Unusable::NoProgram {
        path: path.to_owned(),
        reason,
    })
}

/// Why a scenario says nothing about a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The server cannot do what its configuration says, or cannot be told.
    NotExpressible(String),
    /// It has a step that cannot be played with that server.
    NotPlayable(String),
}

/// What keeps a scenario from being played with a server, if anything does.
#[must_use]
pub fn obstacle(scenario: &Scenario, product: Product) -> Option<Obstacle> {
    if scenario.has_several_servers() {
        let reason = "it has several servers, and their answers are compared with ours alone";
        return Some(Obstacle::NotPlayable(reason.to_owned()));
    }
    let waits = scenario.only_sim().is_some();
    let waits = waits.then(|| "more time passes than anybody can wait for".to_owned());
    let mut steps = scenario.cases().flat_map(|it| &it.steps);
    waits
        .or_else(|| steps.find_map(|step| unplayable(step, product)))
        .map(Obstacle::NotPlayable)
        .or_else(|| inexpressible(scenario, product).map(Obstacle::NotExpressible))
}

fn unplayable(step: &Step, product: Product) -> Option<String> {
    let deed = match step {
        Step::Reload(reload) if reload.refused => {
            return Some("it is about mistakes in a language that the server does not read".into());
        }
        Step::Crash(_) => Deed::Crash,
        Step::Restart(_) => Deed::Restart,
        Step::Reload(_) => Deed::Reload,
        Step::Remove(_) => Deed::Remove,
        Step::Disk(Disk::Full | Disk::Room) => Deed::FullDisk,
        Step::Run(_) => return Some("it runs a program that is made for our server".into()),
        // What else changes on a link, all servers survive.
        Step::Interface(InterfaceStep {
            change: Change::Delete | Change::Recreate,
            ..
        }) => return Some("only ours is asked to serve an interface that is made anew".into()),
        // How long clients wait is looked at beforehand.
        Step::Send(_)
        | Step::Exchange(_)
        | Step::Retransmit(_)
        | Step::Expect(_)
        | Step::Advance(_)
        | Step::Faults(_)
        | Step::Interface(_)
        | Step::Save(_) => return None,
    };
    product.cannot(deed).map(str::to_owned)
}

/// Why one of the configurations that the scenario gives the server cannot be said in its language, if so.
fn inexpressible(scenario: &Scenario, product: Product) -> Option<String> {
    let mut texts = scenario.configurations();
    let mut addresses = scenario.setup().addresses;
    addresses.retain(|(address, _): &(Ipv6Addr, u8)| !address.is_unicast_link_local());
    // Where its files are makes no difference to what can be said.
    let files = Files {
        folder: Path::new("/"),
        leases: Path::new("/"),
    };
    texts.find_map(|text| {
        let scene = Scene {
            text,
            addresses: &addresses,
            files,
        };
        product.translate(&scene).err().map(|it| it.0)
    })
}

/// Plays a scenario with another server, and holds it to what it may be held to.
///
/// # Errors
/// There can be no link here, or the server does not start.
pub fn play(scenario: &Scenario, program: Program) -> Result<Played, RigError> {
    let product = program.product();
    let mut rig = Live::start(&scenario.setup(), program)?;
    Ok(player::play_foreign(scenario, &mut rig, product))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(config: &str, steps: &str) -> Scenario {
        let text = format!(
            "why: It is a test.\nrfc: [\"9915 §18\"]\nconfig: |\n  {config}\nclients: {{ first: {{}} }}\nsteps:\n{steps}"
        );
        Scenario::parse(Path::new("a.yaml"), &text).unwrap_or_else(|error| panic!("{error}"))
    }

    const POOL: &str = "interface eth0 { address-pool lan 60; }; pool lan { range 2001:db8:1::10 to 2001:db8:1::1f; };";

    #[test]
    fn a_file_that_is_no_program_is_no_server() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let error = named(Path::new(&format!("kea:{file}"))).expect_err("it cannot be run");
        assert_eq!(
            error.to_string(),
            format!("{file}: not a server: it is no program")
        );
        let error = named(Path::new("/nonexistent")).expect_err("there is none");
        assert!(matches!(error, Unusable::NoProgram { .. }), "{error}");
    }

    #[test]
    fn a_word_that_nobody_knows_is_told_with_those_that_are_known() {
        let error = named(Path::new("nosuch")).expect_err("there is none");
        let text = error.to_string();
        assert!(
            text.starts_with("nosuch: not a server: there is no such file"),
            "{text}"
        );
        assert!(
            text.ends_with("the lab knows dhcp6s, wide, kea, dnsmasq, dhcpd, dibbler"),
            "{text}"
        );
    }

    #[test]
    fn a_word_and_a_file_make_a_server() {
        let program = named(Path::new("kea:/bin/sh")).expect("it can be run");
        assert_eq!(program, Program::Foreign(Product::Kea, "/bin/sh".into()));
    }

    #[test]
    fn what_is_in_the_way_is_told() {
        let steps = "  - exchange: { from: first, ia_na: { iaid: 1 } }\n";
        assert_eq!(obstacle(&scenario(POOL, steps), Product::Kea), None);
        let longer = format!("{steps}  - advance: 1h\n");
        let found = obstacle(&scenario(POOL, &longer), Product::Kea);
        assert!(matches!(found, Some(Obstacle::NotPlayable(_))), "{found:?}");
        let removed = format!("{steps}  - remove: {{ client: first, ia_na: 1 }}\n");
        let found = obstacle(&scenario(POOL, &removed), Product::Dibbler);
        let told = Obstacle::NotPlayable("it cannot be told to forget a binding".into());
        assert_eq!(found, Some(told));
        assert_eq!(obstacle(&scenario(POOL, &removed), Product::Kea), None);
    }

    #[test]
    fn only_ours_is_asked_to_serve_an_interface_that_is_made_anew() {
        let changes = |change: &str| {
            let steps = format!(
                "  - interface: {change}\n  - send: {{ from: first, solicit: {{}} }}\n  - expect: silence\n"
            );
            obstacle(&scenario(POOL, &steps), Product::Kea)
        };
        for change in ["delete", "recreate"] {
            let found = changes(change);
            assert!(
                matches!(found, Some(Obstacle::NotPlayable(_))),
                "{change}: {found:?}"
            );
        }
        assert_eq!(changes("down"), None);
        assert_eq!(changes("{ add: \"2001:db8:5::1/64\" }"), None);
    }

    #[test]
    fn each_configuration_has_to_be_expressible() {
        let key = "host h { duid 00:03:00:01:02:00:00:00:00:c1; delayedkey k; }; \
                   keyinfo k { realm \"x\"; keyid 1; secret \"c2VjcmV0\"; };";
        let steps = format!("  - restart: {{ config: '{key}' }}\n");
        let found = obstacle(&scenario(POOL, &steps), Product::Kea);
        assert!(
            matches!(found, Some(Obstacle::NotExpressible(_))),
            "{found:?}"
        );
        assert_eq!(obstacle(&scenario(POOL, &steps), Product::Wide), None);
    }
}
