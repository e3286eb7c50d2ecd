//! Finds the server to test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::rig::RigError;

/// The server that ours replaces, where Debian installs it, and the package.
pub const ORIGINAL: (&str, &str) = ("/usr/sbin/dhcp6s", "wide-dhcpv6-server");

/// The server to test: the one that the environment variable `DHCP6S` names; in a checkout the one of the
/// workspace, built now if it is not up to date; else the one beside this program.
///
/// # Errors
/// There is none, or it cannot be built.
pub fn server() -> Result<PathBuf, RigError> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    FOUND.get_or_init(find).clone().map_err(RigError)
}

/// The control command to test: the one beside the server to test.
///
/// # Errors
/// There is none, or it cannot be built.
pub fn control_command() -> Result<PathBuf, RigError> {
    let path = server()?.with_file_name("dhcp6ctl");
    if path.exists() {
        Ok(path)
    } else {
        let path = path.display();
        Err(RigError(format!("there is no control command at {path}")))
    }
}

fn find() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("DHCP6S") {
        return Ok(path.into());
    }
    let program = std::env::current_exe().map_err(|error| format!("who am I? {error}"))?;
    // This is TARGET/PROFILE/dhcp6lab, or as a test TARGET/PROFILE/deps/NAME.
    let folder = program.parent().unwrap_or(Path::new("."));
    let profile = if folder.ends_with("deps") {
        folder.parent().unwrap_or(folder)
    } else {
        folder
    };
    let server = profile.join("dhcp6s");
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("/"));
    match profile
        .parent()
        .filter(|target| target.starts_with(workspace))
        // Elsewhere there may be a folder of that name, too.
        .filter(|_| workspace.join("Cargo.toml").is_file())
    {
        Some(target) => build(workspace, target).map(|()| server),
        None if server.exists() => Ok(server),
        None => Err(format!(
            "there is no server at {}: set DHCP6S to the path of one",
            server.display()
        )),
    }
}

fn build(workspace: &Path, target: &Path) -> Result<(), String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(workspace)
        .args(["build", "--quiet", "--package", "dhcp6s"]);
    cargo.args(["--bins", "--target-dir"]).arg(target);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    match cargo.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!(
            "the server cannot be built: cargo ended with {status}"
        )),
        Err(error) => Err(format!("the server cannot be built: {error}")),
    }
}
