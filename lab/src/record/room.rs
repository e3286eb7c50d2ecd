//! Where a client program meets our server: two namespaces and a cable, and somebody who listens at the client's end.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::Failure;
use super::ear::Ear;
use crate::clients::site::Site;
use crate::link::Process;
use crate::program;
use crate::rig::server::Program;
use crate::status;

/// The interface of the program.
pub(super) const INTERFACE: &str = crate::rig::INTERFACE;
/// What the server gives if nobody says otherwise.
pub(super) const CONFIG: &str = "\
option domain-name-servers 2001:db8:1::53;
interface eth0 { address-pool lan 300 600; };
pool lan { range 2001:db8:1::1000 to 2001:db8:1::ffff; };
";

/// The room. Everything in it goes with it.
pub(super) struct Room {
    /// Hears the cable.
    pub(super) ear: Ear,
    site: Site,
}

impl Room {
    /// Lays the cable, and starts the server and the listening.
    pub(super) fn furnish(config: &str) -> Result<Self, Failure> {
        let site = Site::with_config(Program::Binary(program::server()?), config)
            .map_err(|error| Failure(status::BAD_INPUT, error.to_string()))?;
        make_folders(&site)?;
        let ear = Ear::in_namespace(site.namespace(), INTERFACE)?;
        Ok(Self { ear, site })
    }

    /// Starts a program; what it says is seen.
    pub(super) fn start(&self, program: &[OsString]) -> Result<Process, Failure> {
        let (name, arguments) = program.split_first().ok_or_else(|| {
            Failure(
                status::BAD_INPUT,
                "say which program: `-- PROGRAM [ARGUMENT]...`".into(),
            )
        })?;
        let mut command = Command::new(name);
        command.args(arguments);
        self.site
            .namespace()
            .spawn(command)
            .map_err(|error| Failure(status::LACKING, error.to_string()))
    }
}

/// Programs keep their state in folders that their packages made. Here they are all there, and empty.
fn make_folders(site: &Site) -> Result<(), Failure> {
    for place in ["/run", "/var/lib"] {
        let entries = fs::read_dir(place)?.flatten();
        let folders: Vec<PathBuf> = entries
            .map(|it| it.path())
            .filter(|it| it.is_dir())
            .collect();
        site.namespace()
            .run(move || folders.iter().try_for_each(fs::create_dir_all))?;
    }
    Ok(())
}
