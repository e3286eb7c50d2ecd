//! `dhcp6lab record`: writes down what is said in DHCPv6, on an interface of this machine, or between a program and
//! our server in namespaces of their own.

mod ear;
mod room;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ear::Ear;
use room::Room;

use crate::capture::{Frame, Packet, PcapngWriter, Sieve};
use crate::dissect;
use crate::link::{self, Interruption, rootless};
use crate::plural::counted;
use crate::status;

/// How long to wait before looking whether somebody wants an end.
const LOOK: Duration = Duration::from_millis(100);

/// The command line of `dhcp6lab record`.
#[derive(Clone, Debug, clap::Args)]
#[command(
    override_usage = "dhcp6lab record [OPTIONS] --output <FILE> <IFACE>\n       \
                      dhcp6lab record [OPTIONS] --output <FILE> -- <PROGRAM> [ARGUMENT]...",
    after_help = "\
Examples:
  dhcp6lab record eth0 -o eth0.pcapng                       until Ctrl-C
  dhcp6lab record eth0 -o one.pcapng --count 4              one exchange
  dhcp6lab record -o dhclient.pcapng --count 4 -- dhclient -6 -d eth0
  dhcp6lab record -o mine.pcapng --config dhcp6s.conf -- ./my-client --interface eth0

A program runs in a network namespace of its own. Its interface eth0 is joined by a cable to our server, and /run and
/var/lib are empty. It should stay in the foreground: when it ends, or on Ctrl-C, everything is removed."
)]
pub struct RecordArguments {
    /// The interface to listen on.
    #[arg(
        value_name = "IFACE",
        required_unless_present = "program",
        conflicts_with = "program"
    )]
    pub interface: Option<String>,
    /// Where the capture goes (pcapng).
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Ends after so many messages.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// The configuration of the server that a program meets, for its interface eth0. Without one it gives addresses of
    /// 2001:db8:1::/64, and no prefixes, as those belong to hosts.
    #[arg(long, value_name = "FILE", conflicts_with = "interface")]
    pub config: Option<PathBuf>,
    /// A client program and its arguments.
    #[arg(last = true, value_name = "PROGRAM")]
    pub program: Vec<OsString>,
}

/// What went wrong, with the exit status.
struct Failure(u8, String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(status::FAILED, error.to_string())
    }
}

/// Records, and returns the exit status.
pub fn run(arguments: &RecordArguments, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let outcome = match &arguments.interface {
        Some(interface) => on_interface(arguments, interface, out, err),
        None => with_program(arguments, out, err),
    };
    match outcome {
        Ok(()) => status::PASSED,
        Err(Failure(status, text)) => {
            // Without standard error there is nobody to tell.
            let _ = writeln!(err, "dhcp6lab: {text}");
            status
        }
    }
}

fn on_interface(
    arguments: &RecordArguments,
    interface: &str,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    let mut ear = Ear::on(interface)?;
    let mut file = Recorder::create(&arguments.output, arguments.count, interface)?;
    let interruption = link::interruptible()?;
    // Without standard error there is nobody to tell.
    let _ = writeln!(err, "listening on {interface}; Ctrl-C ends it");
    while !file.is_full() && interruption.signal().is_none() {
        link::wait(&[ear.as_fd()], Instant::now() + LOOK)?;
        file.take_all(&mut ear, err)?;
    }
    file.take_all(&mut ear, err)?;
    file.finish(&format!("on {interface}"), out)
}

fn with_program(
    arguments: &RecordArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    let config = match &arguments.config {
        None => room::CONFIG.to_owned(),
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| Failure(status::BAD_INPUT, format!("{}: {error}", path.display())))?,
    };
    // While there is one thread. What came of it is told where a link is needed.
    let _ = rootless::ensure();
    let interruption = link::interruptible()?;
    link::available().map_err(|error| Failure(status::LACKING, error.to_string()))?;
    let words: Vec<_> = arguments
        .program
        .iter()
        .map(|it| it.to_string_lossy())
        .collect();
    let words = words.join(" ");
    let mut room = Room::furnish(&config)?;
    let mut file = Recorder::create(&arguments.output, arguments.count, room::INTERFACE)?;
    file.comments = vec![format!(
        "recorded with `{words}` and dhcp6s, which had this configuration:\n{config}"
    )];
    let outcome = accompany(&mut room, &arguments.program, &interruption, &mut file, err);
    if let Err(failure) = outcome {
        if file.messages == 0 {
            file.discard();
        }
        return Err(failure);
    }
    file.finish(&format!("between `{words}` and the server"), out)
}

/// Runs the program until it ends, enough was said, or somebody wants an end.
fn accompany(
    room: &mut Room,
    program: &[OsString],
    interruption: &Interruption,
    file: &mut Recorder,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    let mut process = room.start(program)?;
    loop {
        link::wait(&[room.ear.as_fd()], Instant::now() + LOOK)?;
        file.take_all(&mut room.ear, err)?;
        if file.is_full() || interruption.signal().is_some() {
            return Ok(());
        }
        if let Some(ended) = process.wait(Instant::now())? {
            file.take_all(&mut room.ear, err)?;
            // What a program that cannot do its work says is on the screen.
            if !ended.success() && file.messages == 0 {
                return Err(Failure(
                    status::FAILED,
                    format!("the program said nothing in DHCPv6: {ended}"),
                ));
            }
            return Ok(());
        }
    }
}

/// A capture that is being written.
struct Recorder {
    path: PathBuf,
    writer: PcapngWriter<BufWriter<File>>,
    interface: String,
    sieve: Sieve,
    messages: u64,
    limit: Option<u64>,
    /// To be noted at the next frame.
    comments: Vec<String>,
    /// Whether somebody watches.
    live: bool,
}

impl Recorder {
    fn create(path: &Path, limit: Option<u64>, interface: &str) -> Result<Self, Failure> {
        let failed =
            |text: String| Failure(status::BAD_INPUT, format!("{}: {text}", path.display()));
        // A capture is not made a second time: one that is there is not to be lost to a slip of the pen.
        let file = File::create_new(path).map_err(|error| {
            failed(match error.kind() == io::ErrorKind::AlreadyExists {
                true => "it exists already: remove it, or write to another file".to_owned(),
                false => error.to_string(),
            })
        })?;
        let writer = PcapngWriter::new(BufWriter::new(file));
        Ok(Self {
            path: path.to_owned(),
            writer: writer.map_err(|error| failed(error.to_string()))?,
            interface: interface.to_owned(),
            sieve: Sieve::default(),
            messages: 0,
            limit,
            comments: Vec::new(),
            live: io::stderr().is_terminal(),
        })
    }

    fn is_full(&self) -> bool {
        self.limit.is_some_and(|it| self.messages >= it)
    }

    /// Writes down everything that waits. What is written is whole at any time, should this end at once.
    fn take_all(&mut self, ear: &mut Ear, err: &mut dyn Write) -> Result<(), Failure> {
        while !self.is_full() {
            let Some(heard) = ear.next()? else { break };
            let sifted = self.sieve.take(heard.link_type, heard.at, heard.octets);
            for frame in &sifted.frames {
                let comments = std::mem::take(&mut self.comments);
                let frame = Frame {
                    at: frame.at,
                    link_type: frame.link_type,
                    interface: &self.interface,
                    octets: &frame.octets,
                    len: frame.octets.len(),
                    comments: &comments,
                };
                self.writer.write(&frame)?;
                self.writer.flush()?;
            }
            if let Some(packet) = sifted.message {
                self.messages += 1;
                self.progress(&packet, err);
            }
        }
        Ok(())
    }

    /// The line that tells how it goes.
    fn progress(&self, packet: &Packet, err: &mut dyn Write) {
        if !self.live {
            return;
        }
        let tree = dissect::message(&packet.datagram.payload);
        let (name, from) = (tree.core().name(), packet.datagram.source.ip());
        // Over the line before, up to its end. Without standard error there is nobody to tell.
        let _ = write!(
            err,
            "\r{}, the last one {name} from {from}\x1b[K",
            counted(self.messages, "message")
        );
        let _ = err.flush();
    }

    fn finish(self, what: &str, out: &mut dyn Write) -> Result<(), Failure> {
        if self.live && self.messages > 0 {
            let _ = writeln!(io::stderr());
        }
        if self.messages == 0 {
            self.discard();
            return Err(Failure(
                status::FAILED,
                format!("nothing was said in DHCPv6 {what}: there is no capture"),
            ));
        }
        let (path, messages) = (self.path.display(), counted(self.messages, "message"));
        // Whoever does not read it does not want to know.
        let _ = writeln!(
            out,
            "{path}: {messages} {what}; `dhcp6lab show {path}` shows what was said"
        );
        Ok(())
    }

    /// There is to be no capture.
    fn discard(self) {
        // It is empty; that it cannot be removed is no harm.
        let _ = std::fs::remove_file(&self.path);
    }
}
