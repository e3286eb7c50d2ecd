//! What `ip` of iproute2 does for the lab.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::link::{Error, Namespace};

/// Runs a list of commands of `ip -6` in a namespace.
///
/// # Errors
/// One of them failed.
pub fn batch(namespace: &Namespace, commands: String) -> Result<(), Error> {
    namespace.run(move || {
        let failed = |source| Error::system("run `ip -6 -batch`", source);
        let mut ip = Command::new("ip")
            .args(["-6", "-batch", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        if let Some(mut input) = ip.stdin.take() {
            input.write_all(commands.as_bytes()).map_err(failed)?;
        }
        let output = ip.wait_with_output().map_err(failed)?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::Tool {
            command: commands,
            said,
        })
    })
}
