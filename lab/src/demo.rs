//! A first look: a server and a client in two namespaces, and what they say to each other.

use std::io::{self, Write};
use std::net::{SocketAddr, SocketAddrV6, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clients::site::Site;
use crate::ladder;
use crate::link;
use crate::player;
use crate::program;
use crate::rig::server::{PATIENCE, Program};
use crate::rig::{Datagram, Disk, Event, INTERFACE, IaName, Rig, RigError};
use crate::scenario::Scenario;
use crate::status::{FAILED, LACKING, PASSED};

/// Nothing: there is nothing to choose.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct DemoArguments {}

/// Shows it, and returns the exit status.
pub fn run(_: &DemoArguments, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let ready = link::remove_on_signal().and_then(|()| link::available());
    let outcome = match ready {
        Ok(()) => program::server()
            .and_then(|server| show(server, out))
            .map_err(|error| (FAILED, error.to_string())),
        Err(error) => Err((LACKING, error.to_string())),
    };
    match outcome {
        Ok(()) => PASSED,
        Err((status, text)) => {
            // Without standard error there is nobody to tell.
            let _ = writeln!(err, "dhcp6lab: {text}");
            status
        }
    }
}

/// Makes two namespaces joined by a cable, starts the server in one, plays a client in the other, and
/// prints the exchange as a ladder. Everything is gone afterwards.
fn show(server: PathBuf, out: &mut dyn Write) -> Result<(), RigError> {
    let scenario = Scenario::parse(Path::new("demo.yaml"), include_str!("demo.yaml"))
        .map_err(|error| RigError(error.to_string()))?;
    let mut say = |text: &str| match writeln!(out, "{text}") {
        // Whoever read has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(RigError(format!("cannot print: {error}")))
        }
        _ => Ok(()),
    };
    say("two namespaces, joined by a cable: a client in one, dhcp6s in the other")?;
    let site = Site::with_config(Program::Binary(server), &scenario.config)?;
    let mut cable = Cable::new(site)?;
    let played = player::play(&scenario, &mut cable);
    say("")?;
    say(&ladder::draw(&played.text(), "client", "dhcp6s"))?;
    match played.failures.first() {
        Some(failure) => Err(RigError(failure.to_string())),
        None => say(
            "an address and a prefix, promised only after they were on disk, and extended by the Renew\n\
             next: README.md, or `cargo lab run scenarios` to see the server tested",
        ),
    }
}

/// A client's end of a cable, as an ordinary UDP socket.
struct Cable {
    socket: UdpSocket,
    index: u32,
    /// Messages that were sent and are not answered yet: this server answers every one of them.
    open: usize,
    /// Keeps both namespaces and the server.
    _site: Site,
}

impl Cable {
    fn new(site: Site) -> Result<Self, RigError> {
        let failed = |error: io::Error| RigError(format!("cannot open the client's port: {error}"));
        let open = || -> io::Result<(UdpSocket, u32)> {
            let socket = UdpSocket::bind("[::]:546")?;
            socket.set_read_timeout(Some(PATIENCE))?;
            Ok((socket, nix::net::if_::if_nametoindex(INTERFACE)?))
        };
        let (socket, index) = site.namespace().run(open).map_err(failed)?;
        Ok(Self {
            socket,
            index,
            open: 0,
            _site: site,
        })
    }
}

impl Rig for Cable {
    fn name(&self) -> &'static str {
        "cable"
    }

    fn deliver(&mut self, datagram: &Datagram) -> Result<(), RigError> {
        let to = datagram.destination;
        let to = SocketAddrV6::new(*to.ip(), to.port(), 0, self.index);
        self.socket
            .send_to(&datagram.payload, to)
            .map_err(|error| RigError(format!("cannot send: {error}")))?;
        self.open += 1;
        Ok(())
    }

    fn settle(&mut self) -> Result<Vec<Event>, RigError> {
        let local = SocketAddrV6::new("fe80::ff:fe00:c1".parse().expect("an address"), 546, 0, 0);
        let mut events = Vec::new();
        let mut buffer = [0; 65_536];
        while self.open > 0 {
            let (len, source) = self
                .socket
                .recv_from(&mut buffer)
                .map_err(|error| RigError(format!("the server does not answer: {error}")))?;
            let SocketAddr::V6(source) = source else {
                continue;
            };
            self.open -= 1;
            events.push(Event::Answer(Datagram {
                source: SocketAddrV6::new(*source.ip(), source.port(), 0, 0),
                destination: local,
                payload: buffer.get(..len).unwrap_or_default().to_vec(),
            }));
        }
        Ok(events)
    }

    fn advance(&mut self, _: Duration) -> Result<(), RigError> {
        Err(unable())
    }

    fn crash(&mut self, _: Option<&str>) -> Result<(), RigError> {
        Err(unable())
    }

    fn restart(&mut self, _: Option<&str>) -> Result<(), RigError> {
        Err(unable())
    }

    fn reload(&mut self, _: &str) -> Result<bool, RigError> {
        Err(unable())
    }

    fn remove(&mut self, _: &[u8], _: IaName) -> Result<bool, RigError> {
        Err(unable())
    }

    fn disk(&mut self, _: Disk) -> Result<(), RigError> {
        Err(unable())
    }
}

fn unable() -> RigError {
    RigError("the demonstration only sends and receives".to_owned())
}
