//! A machine of its own for servers that use the default paths: a cable to a client, folders in memory in place of
//! those of this machine, and a syslog that the test itself listens to.
#![allow(dead_code, reason = "no test needs all of it")]

use std::collections::HashMap;
use std::fs;
use std::net::{Ipv6Addr, Shutdown, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dhcp6lab::link::watch::Watch;
use dhcp6lab::link::{Cable, Namespace};
pub(crate) use dhcp6lab::program::ORIGINAL;
use dhcp6lab::rig::server::PATIENCE;
use dhcp6lab::rig::{INTERFACE, SERVER_DUID};
use nix::net::if_::if_nametoindex;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The client's link-local address, and the one that it asks from whether the server is done.
pub(crate) const CLIENT: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 0xc1);
const FENCE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xfe);
/// The client's and the server's addresses with global scope.
pub(crate) const CLIENT_GLOBAL: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0xc1);
pub(crate) const SERVER_GLOBAL: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
/// The interface of both at the second cable.
pub(crate) const SECOND: &str = "eth1";
/// All_DHCP_Relay_Agents_and_Servers.
pub(crate) const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
/// How long an answer may take before the question is asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// The machine, and the client's at the other end of the cable.
pub(crate) struct Machine {
    pub(crate) namespace: Namespace,
    client: Namespace,
    syslog: Syslog,
    index: u32,
    second: u32,
    /// By address and interface.
    sockets: HashMap<(Ipv6Addr, u32), UdpSocket>,
    fences: u32,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let Cable {
            server: namespace,
            client,
            ..
        } = Cable::lay([0x02, 0, 0, 0, 0, 0xc1]).expect("a cable");
        lay_second(&namespace, &client);
        for place in ["/run", "/var/lib/dhcpv6", "/etc/wide-dhcpv6"] {
            let mounted = namespace.mount_memory(Path::new(place), 4 << 20);
            mounted.expect("memory in place of a folder");
        }
        lay_devices(&namespace);
        let syslog = Syslog::new(&namespace);
        let index = |name: &'static str| {
            let index = client.run(move || if_nametoindex(name));
            index.expect("an interface")
        };
        let (index, second) = (index(INTERFACE), index(SECOND));
        let machine = Self {
            namespace,
            client,
            syslog,
            index,
            second,
            sockets: HashMap::new(),
            fences: 0,
        };
        for address in [format!("{FENCE}/64"), format!("{CLIENT_GLOBAL}/64")] {
            let mut ip = Command::new("ip");
            ip.args(["addr", "add", &address, "dev", INTERFACE, "nodad"]);
            machine.client.command(ip).expect("an address");
        }
        let length = u16::try_from(SERVER_DUID.len()).expect("a short DUID");
        let duid = [&length.to_ne_bytes()[..], &SERVER_DUID].concat();
        machine.write("/var/lib/dhcpv6/dhcp6s_duid", &duid);
        machine
    }

    /// The client's interfaces: at the first cable, and at the second.
    pub(crate) fn interfaces(&self) -> [u32; 2] {
        [self.index, self.second]
    }

    /// The namespace of the client.
    pub(crate) fn client(&self) -> &Namespace {
        &self.client
    }

    /// Writes a file as programs of the machine see it.
    pub(crate) fn write(&self, path: &str, content: &[u8]) {
        let (path, content) = (path.to_owned(), content.to_owned());
        self.namespace
            .run(move || fs::write(path, content))
            .expect("a file");
    }

    /// Reads one; `None` if there is none.
    pub(crate) fn read(&self, path: &str) -> Option<Vec<u8>> {
        let path = path.to_owned();
        self.namespace.run(move || fs::read(path).ok())
    }

    /// What came to the syslog since the last call.
    pub(crate) fn syslog(&self) -> Vec<String> {
        self.syslog.said(&self.namespace)
    }

    /// Sends a message from one of the client's addresses; returns where the answer will come.
    pub(crate) fn send(&mut self, message: &[u8], from: Ipv6Addr, to: Ipv6Addr) -> &UdpSocket {
        self.send_through(self.index, message, from, to)
    }

    fn send_through(
        &mut self,
        index: u32,
        message: &[u8],
        from: Ipv6Addr,
        to: Ipv6Addr,
    ) -> &UdpSocket {
        let at = move |address: Ipv6Addr, port| match address {
            CLIENT_GLOBAL | SERVER_GLOBAL => SocketAddrV6::new(address, port, 0, 0),
            _ => SocketAddrV6::new(address, port, 0, index),
        };
        // Kept, for a socket lives until the last program that another test is starting has let go of it.
        let socket = self.sockets.entry((from, index)).or_insert_with(|| {
            let bound = self.client.run(move || UdpSocket::bind(at(from, 546)));
            bound.expect("the client's port")
        });
        let to = SocketAddr::V6(at(to, 547));
        socket.send_to(message, to).expect("it leaves");
        socket
    }

    /// Asks for options once. Says whether there was an answer to that.
    pub(crate) fn is_answered(&mut self) -> bool {
        self.is_answered_through(self.index)
    }

    fn is_answered_through(&mut self, index: u32) -> bool {
        self.fences += 1;
        let [_, a, b, c] = self.fences.to_be_bytes();
        let socket = self.send_through(index, &[11, a, b, c], FENCE, GROUP);
        socket.set_read_timeout(Some(PAUSE)).expect("a timeout");
        let mut buffer = [0; 1500];
        // Answers to earlier ones may have come late.
        while socket.recv(&mut buffer).is_ok() {
            if buffer.get(1..4) == Some(&[a, b, c]) {
                return true;
            }
        }
        false
    }

    /// Asks something, and returns the answer.
    pub(crate) fn ask(&mut self, question: &[u8]) -> Vec<u8> {
        let socket = self.send(question, CLIENT, GROUP);
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut buffer = [0; 1500];
        let length = socket.recv(&mut buffer).expect("an answer");
        buffer.get(..length).unwrap_or_default().to_vec()
    }

    /// Asks something of the server, until it has answered that: then it is done with all that came before.
    pub(crate) fn settle(&mut self) {
        self.settle_through(self.index);
    }

    /// The same at another interface of the client.
    pub(crate) fn settle_through(&mut self, index: u32) {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_answered_through(index) {
            assert!(Instant::now() < deadline, "the server does not answer");
        }
    }

    /// Whether a line is about a question of [`Machine::settle`].
    pub(crate) fn is_of_fence(line: &str) -> bool {
        line.contains(&format!("{FENCE}%"))
    }

    /// Tells a server to end, and waits until it has.
    pub(crate) fn end(&mut self, pid: Pid) {
        await_idle(pid);
        kill(pid, Signal::SIGTERM).expect("it runs");
        let deadline = Instant::now() + PATIENCE;
        while is_there(pid) {
            assert!(Instant::now() < deadline, "it does not end");
            // The original notices a signal that comes just before it waits no sooner than with the next message.
            self.is_answered();
        }
    }

    /// The number in a file.
    pub(crate) fn pid(&self, pid_file: &str) -> i32 {
        let held = self.read(pid_file).expect("a pid file");
        let text = String::from_utf8(held).expect("text");
        assert!(text.ends_with('\n'), "{text:?}");
        text.trim_end().parse().expect("a number")
    }
}

/// Lays another cable between the two machines, with the address `2001:db8:2::1/64` at the server's end.
fn lay_second(server: &Namespace, client: &Namespace) {
    let ip = |namespace: &Namespace, words: &str| {
        let mut ip = Command::new("ip");
        ip.args(words.split(' '));
        namespace.command(ip).expect("the system lets us");
    };
    let other = client.path().file_name().unwrap_or_default();
    let other = other.to_string_lossy();
    let pair = format!("link add {SECOND} type veth peer name {SECOND} netns {other}");
    ip(server, &pair);
    let address = |address: String| format!("addr add {address} dev {SECOND} nodad");
    for namespace in [server, client] {
        ip(namespace, &format!("link set {SECOND} up"));
    }
    for namespace in [server, client] {
        let watch = Watch::new(namespace).expect("word of changes");
        watch.until_ready(namespace, SECOND).expect("an address");
    }
    ip(server, &address("2001:db8:2::1/64".to_owned()));
    ip(client, &address(format!("{FENCE}/64")));
}

/// Puts a `/dev` in place in which there is room for a syslog, and a `/dev/null` that is not lost when somebody
/// removes a pid file of that name. Its devices are those of this machine: not everybody may make some.
fn lay_devices(namespace: &Namespace) {
    let folder = tempfile::tempdir().expect("a folder");
    let mounted = namespace.mount_memory(folder.path(), 4 << 20);
    mounted.expect("memory in place of a folder");
    for name in ["null", "random", "urandom"] {
        let place = folder.path().join(name);
        let file = place.clone();
        namespace.run(move || fs::write(file, "")).expect("a file");
        let shown = namespace.mount_over(&Path::new("/dev").join(name), &place);
        shown.expect("a device");
    }
    let moved = namespace.mount_over(folder.path(), Path::new("/dev"));
    moved.expect("another /dev");
}

/// The system's log, read as it comes: the original server waits until there is room for a message, ours does not.
struct Syslog {
    socket: UnixDatagram,
    said: Receiver<String>,
    reader: Option<JoinHandle<()>>,
}

const SYSLOG: &str = "/dev/log";
/// What the test says itself, to know that everything before it has been read.
const MARK: &str = "<7>so far";

impl Syslog {
    fn new(namespace: &Namespace) -> Self {
        let bind = || {
            fs::write("/proc/sys/net/unix/max_dgram_qlen", "1000")?;
            UnixDatagram::bind(SYSLOG)
        };
        let socket = namespace.run(bind).expect("a syslog");
        let (sender, said) = channel();
        let reading = socket.try_clone().expect("a socket");
        let read = move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = reading.recv(&mut buffer) {
                let octets = buffer.get(..length).unwrap_or_default();
                // The C library ends a message with an octet 0.
                let text = String::from_utf8_lossy(octets);
                let text = text.trim_end_matches(['\0', '\n']);
                if sender.send(text.to_owned()).is_err() {
                    return;
                }
            }
        };
        Self {
            socket,
            said,
            reader: Some(std::thread::spawn(read)),
        }
    }

    fn said(&self, namespace: &Namespace) -> Vec<String> {
        let mark = || UnixDatagram::unbound()?.send_to(MARK.as_bytes(), SYSLOG);
        namespace.run(mark).expect("room in the syslog");
        let next = || self.said.recv_timeout(PATIENCE).expect("the mark at least");
        std::iter::repeat_with(next)
            .take_while(|text| text != MARK)
            .collect()
    }
}

impl Drop for Syslog {
    fn drop(&mut self) {
        // Its reader ends with it.
        let _ = self.socket.shutdown(Shutdown::Both);
        let _ = self.reader.take().map(JoinHandle::join);
    }
}

/// Whether a process runs. One that has ended and that nobody has waited for yet does not.
pub(crate) fn is_there(pid: Pid) -> bool {
    state_of(pid).is_some_and(|it| it != 'Z')
}

/// Waits until a process waits: the original is stuck for good by a signal that comes while it writes to its log.
fn await_idle(pid: Pid) {
    let deadline = Instant::now() + PATIENCE;
    while state_of(pid) != Some('S') {
        assert!(Instant::now() < deadline, "it never rests");
        std::thread::yield_now();
    }
}

/// The letter that the kernel has for the state of a process.
fn state_of(pid: Pid) -> Option<char> {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat.rsplit(") ").next()?.chars().next(),
        Err(error) => {
            let gone = [Some(libc::ESRCH), Some(libc::ENOENT)];
            assert!(gone.contains(&error.raw_os_error()), "{error}");
            None
        }
    }
}

/// Messages, written by hand: they have to be the same whatever the codec of the lab thinks of them.
pub(crate) mod message {
    use std::net::Ipv6Addr;

    /// An option.
    pub(crate) fn option(code: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).expect("a short option");
        [&code.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
    }

    /// A message of that type with these options.
    pub(crate) fn message(kind: u8, options: &[Vec<u8>]) -> Vec<u8> {
        [&[kind, 0, 0, 1], options.concat().as_slice()].concat()
    }

    /// The Client Identifier of the client with that number.
    pub(crate) fn client(number: u8) -> Vec<u8> {
        option(1, &[0, 3, 0, 1, 2, 0, 0, 0, 0, number])
    }

    /// The Server Identifier of that DUID.
    pub(crate) fn server(duid: &[u8]) -> Vec<u8> {
        option(2, duid)
    }

    fn ia(code: u16, iaid: u8, lease: &[u8]) -> Vec<u8> {
        option(code, &[&[0, 0, 0, iaid][..], &[0; 8], lease].concat())
    }

    /// An IA_NA that lists an address, or none.
    pub(crate) fn ia_na(iaid: u8, address: Option<Ipv6Addr>) -> Vec<u8> {
        let listed = address.map(|it| option(5, &[&it.octets()[..], &[0; 8]].concat()));
        ia(3, iaid, &listed.unwrap_or_default())
    }

    /// An IA_PD that lists a prefix, or none.
    pub(crate) fn ia_pd(iaid: u8, prefix: Option<(Ipv6Addr, u8)>) -> Vec<u8> {
        let listed = prefix.map(|(prefix, length)| {
            option(26, &[&[0; 8][..], &[length], &prefix.octets()].concat())
        });
        ia(25, iaid, &listed.unwrap_or_default())
    }

    /// A Relay-forward around these octets.
    pub(crate) fn relayed(inner: &[u8]) -> Vec<u8> {
        let link = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0x99);
        let peer = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
        let header = [&[12, 0][..], &link.octets(), &peer.octets()].concat();
        [header, option(9, inner)].concat()
    }
}
