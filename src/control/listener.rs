//! The server's side: connections are bounded in number and time, and what is asked comes out one by one.
//!
//! All of it is one future, so that it costs the event loop nothing while nobody asks. A connection is closed when
//! its command has been taken on, and at a stop when all is done, so whoever waits for that knows.
//!
//! Not here: what the octets mean (`frame`).

use super::frame::{Incoming, Refusal, open};
use super::port::{UnknownPort, resolve};
use super::{Command, Key, key, now};
use std::collections::VecDeque;
use std::future::{Future as _, pending, poll_fn};
use std::io::{self, ErrorKind};
use std::net::Ipv6Addr;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Sleep, sleep};

/// Connections without a whole command yet. One more takes the place of the oldest, as in the original.
const PENDING_MAX: usize = 5;
/// How long a command may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long connections wait after the system refused one.
const PAUSE: Duration = Duration::from_secs(1);

/// Why nobody can be heard although there is a key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such port.
    #[error("cannot open the control port (-p): {0}")]
    Port(#[from] UnknownPort),
    /// The port cannot be had.
    #[error("cannot open the control port [::1]:{port} (-p): {source}")]
    Listen {
        /// Its number.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
}

/// Hears commands, if there is a key that they can be signed with.
#[derive(Debug)]
pub struct Listener {
    door: Option<Door>,
}

impl Listener {
    /// Reads the key and takes the port on `[::1]`, which text may be as in [`resolve`]. Without a usable key the
    /// port is not opened, nor even looked at; the log tells why.
    ///
    /// # Errors
    /// There is a key, and the port cannot be had.
    pub fn open(key_file: &Path, port: &str) -> Result<Self, Error> {
        let key = match Key::read(key_file) {
            Ok(key) => key,
            Err(error) => {
                tell(&error);
                return Ok(Self { door: None });
            }
        };
        let (number, wrapped) = resolve(port)?;
        if wrapped {
            tracing::warn!("-p {port} is above 65535; the control port is {number}");
        }
        let listen = |source| Error::Listen {
            port: number,
            source,
        };
        let socket = std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, number)).map_err(listen)?;
        let address = socket.local_addr().map_err(listen)?;
        tracing::info!("control port {address}");
        Self::on(socket, key).map_err(listen)
    }

    fn on(socket: std::net::TcpListener, key: Key) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let door = Door {
            socket: Socket::Bound(Some(socket)),
            key,
            pending: VecDeque::with_capacity(PENDING_MAX),
            obeyed: None,
            pause: None,
        };
        Ok(Self { door: Some(door) })
    }

    /// Waits for the next command; that one is asked for means that the last one has been taken on. Without a
    /// port none ever comes. To be called inside the runtime; a call that is given up loses nothing.
    pub async fn next(&mut self) -> Command {
        let Some(door) = &mut self.door else {
            return pending().await;
        };
        door.obeyed = None;
        poll_fn(|context| door.poll(context)).await
    }
}

/// Says why there is no key, in the words of the original.
fn tell(error: &key::Error) {
    let origin = "dhcp6_ctl_authinit";
    match error {
        key::Error::Empty(_) => tracing::info!(
            origin,
            "no shared key. shared key file is empty. dhcp6s will not listen on a control port."
        ),
        key::Error::Blank(_) => {
            tracing::info!(
                origin,
                "no shared key found. dhcp6s will not listen on a control port."
            );
        }
        // To have none is no mistake. The original logs it as an error at every start.
        key::Error::Open { source, .. } if source.kind() == ErrorKind::NotFound => {
            tracing::info!(origin, notice = true, "{error}");
        }
        key::Error::Open { .. } | key::Error::Read { .. } | key::Error::NotBase64(_) => {
            tracing::error!(origin, "{error}");
        }
    }
    tracing::info!(
        origin = "server6_init",
        notice = true,
        "failed to initialize control message authentication"
    );
    tracing::info!(
        origin = "server6_init",
        notice = true,
        "skip opening control port"
    );
}

#[derive(Debug)]
enum Socket {
    /// Not yet known to the runtime; `None` while it changes hands, or if that fails.
    Bound(Option<std::net::TcpListener>),
    Awaited(TcpListener),
}

impl Socket {
    fn awaited(&mut self) -> Option<&TcpListener> {
        if let Self::Bound(bound) = self {
            match TcpListener::from_std(bound.take()?) {
                Ok(socket) => *self = Self::Awaited(socket),
                Err(error) => tracing::error!("cannot wait for control connections: {error}"),
            }
        }
        match self {
            Self::Awaited(socket) => Some(socket),
            Self::Bound(_) => None,
        }
    }
}

#[derive(Debug)]
struct Door {
    socket: Socket,
    key: Key,
    /// The oldest first.
    pending: VecDeque<Connection>,
    /// The connection of the command that was handed out last.
    obeyed: Option<Connection>,
    /// Ends when a connection may be accepted again.
    pause: Option<Pin<Box<Sleep>>>,
}

impl Door {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Command> {
        loop {
            // What has come is read before another connection can take the place of the one that it came by.
            if let Some(command) = self.read(context) {
                return Poll::Ready(command);
            }
            if let Some(pause) = &mut self.pause {
                std::task::ready!(pause.as_mut().poll(context));
                self.pause = None;
            }
            let Some(socket) = self.socket.awaited() else {
                return Poll::Pending;
            };
            match std::task::ready!(socket.poll_accept(context)) {
                Ok((stream, peer)) => {
                    tracing::debug!(
                        origin = "dhcp6_ctl_acceptcommand",
                        "accept control connection from {peer}"
                    );
                    if self.pending.len() >= PENDING_MAX {
                        tracing::info!(
                            origin = "dhcp6_ctl_acceptcommand",
                            "command queue is full. drop the oldest one"
                        );
                        self.pending.pop_front();
                    }
                    self.pending.push_back(Connection::new(stream));
                }
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::info!(
                        origin = "dhcp6_ctl_acceptcommand",
                        "failed to accept control connection: {error}"
                    );
                    self.pause = Some(Box::pin(sleep(PAUSE)));
                }
            }
        }
    }

    /// Takes what has come, up to the first command.
    fn read(&mut self, context: &mut Context<'_>) -> Option<Command> {
        let mut index = 0;
        while let Some(connection) = self.pending.get_mut(index) {
            let Poll::Ready(read) = connection.poll(context) else {
                index += 1;
                continue;
            };
            let connection = self.pending.remove(index)?;
            if let Err(refusal) = read {
                tracing::info!(origin = "dhcp6_ctl_readcommand", "{refusal}");
                continue;
            }
            match open(connection.frame.octets(), &self.key, now()) {
                Ok(command) => {
                    self.obeyed = Some(connection);
                    return Some(command);
                }
                Err(refusal) => tracing::info!(origin = "server6_do_ctlcommand", "{refusal}"),
            }
        }
        None
    }
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    frame: Incoming,
    deadline: Pin<Box<Sleep>>,
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            frame: Incoming::default(),
            deadline: Box::pin(sleep(PATIENCE)),
        }
    }

    /// Ready when the frame is complete, or never will be.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        loop {
            let missing = self.frame.missing();
            if missing.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let mut buffer = ReadBuf::new(missing);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    let count = buffer.filled().len();
                    self.frame.advance(count)?;
                }
                Poll::Ready(_) => return Poll::Ready(Err(Refusal::Incomplete)),
                Poll::Pending => break,
            }
        }
        let late = Refusal::Late(PATIENCE.as_secs());
        self.deadline.as_mut().poll(context).map(|()| Err(late))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::frame::Request;
    use std::io::{Read as _, Write as _};
    use std::net::SocketAddr;
    use tokio::time::timeout;

    /// A listener on a port that the system chose.
    fn listener() -> (Listener, SocketAddr) {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = socket.local_addr().expect("an address");
        let listener = Listener::on(socket, Key::new(b"key")).expect("a listener");
        (listener, address)
    }

    fn connect(address: SocketAddr) -> std::net::TcpStream {
        std::net::TcpStream::connect(address).expect("a connection")
    }

    fn frame(command: Command) -> Vec<u8> {
        let request = Request::Command(command);
        request.seal(&Key::new(b"key"), now()).expect("a frame")
    }

    /// Whether the listener has closed this connection.
    fn is_closed(mut stream: &std::net::TcpStream) -> bool {
        stream.set_nonblocking(true).expect("a socket");
        match stream.read(&mut [0; 1]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }

    /// Lets the listener do what there is to do, which takes a few turns of the runtime and next to no time.
    async fn settle(listener: &mut Listener) {
        for _ in 0..50 {
            let none = timeout(Duration::from_millis(1), listener.next()).await;
            assert!(none.is_err(), "{none:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_never_sends_is_waited_for_for_ten_seconds() {
        let (mut listener, address) = listener();
        let idle = connect(address);
        let mut half = connect(address);
        half.write_all(&frame(Command::Stop)[..20]).expect("sent");
        let before = Duration::from_millis(9_900);
        assert!(timeout(before, listener.next()).await.is_err());
        assert!(!is_closed(&idle) && !is_closed(&half));
        let after = Duration::from_millis(200);
        assert!(timeout(after, listener.next()).await.is_err());
        assert!(is_closed(&idle) && is_closed(&half));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sixth_connection_takes_the_place_of_the_oldest() {
        let (mut listener, address) = listener();
        let idle: Vec<_> = (0..5).map(|_| connect(address)).collect();
        settle(&mut listener).await;
        assert!(!idle.iter().any(is_closed));
        let sixth = connect(address);
        settle(&mut listener).await;
        assert!(is_closed(&idle[0]));
        assert!(!idle[1..].iter().any(is_closed) && !is_closed(&sixth));
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_come_is_read_before_its_connection_is_given_up() {
        let (mut listener, address) = listener();
        let mut first = connect(address);
        first.write_all(&frame(Command::Reload)).expect("sent");
        let _more: Vec<_> = (0..20).map(|_| connect(address)).collect();
        assert_eq!(listener.next().await, Command::Reload);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_closed_when_its_command_has_been_taken_on() {
        let (mut listener, address) = listener();
        let mut stream = connect(address);
        stream.write_all(&frame(Command::Reload)).expect("sent");
        assert_eq!(listener.next().await, Command::Reload);
        assert!(!is_closed(&stream));
        settle(&mut listener).await;
        assert!(is_closed(&stream));
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_in_pieces_survives_calls_that_are_given_up() {
        let (mut listener, address) = listener();
        let mut stream = connect(address);
        for piece in frame(Command::Stop)[..27].chunks(5) {
            stream.write_all(piece).expect("sent");
            settle(&mut listener).await;
        }
        stream.write_all(&frame(Command::Stop)[27..]).expect("sent");
        assert_eq!(listener.next().await, Command::Stop);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_frame_closes_its_connection_and_no_other() {
        let (mut listener, address) = listener();
        let mut good = connect(address);
        let mut bad = connect(address);
        let mut bent = frame(Command::Stop);
        bent[13] ^= 1;
        bad.write_all(&bent).expect("sent");
        settle(&mut listener).await;
        assert!(is_closed(&bad));
        good.set_nonblocking(false).expect("a socket");
        good.write_all(&frame(Command::Stop)).expect("sent");
        assert_eq!(listener.next().await, Command::Stop);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_key_no_port_is_looked_at_and_no_command_comes() {
        let mut listener =
            Listener::open(Path::new("/dev/null"), "no-such-service").expect("a listener");
        let hour = Duration::from_secs(3600);
        assert!(timeout(hour, listener.next()).await.is_err());
    }

    #[test]
    fn with_a_key_the_port_has_to_be_one() {
        let folder = tempfile::tempdir().expect("a directory");
        let file = folder.path().join("key");
        std::fs::write(&file, "MTIz").expect("a file");
        let error = Listener::open(&file, "no-such-service").expect_err("no port");
        assert!(error.to_string().contains("no-such-service"), "{error}");
    }
}
