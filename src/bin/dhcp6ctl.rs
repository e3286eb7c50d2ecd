//! Sends a command to a running server or client: see `dhcp6s::ctl`.

use std::process::ExitCode;

fn main() -> ExitCode {
    dhcp6s::ctl::run(std::env::args_os())
}
