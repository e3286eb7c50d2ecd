//! The side that asks: connects, sends a frame, and finds out what can be found out.
//!
//! The protocol has no answer. Both servers, and WIDE's client, close the connection when they have done what was
//! asked, or have refused it; nobody can tell which from here.

use super::frame::{Refusal, Request};
use super::{Key, now};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long the other side may take to accept the connection, and to close it.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is known of a command that was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// The other side has read it and done with it what it does.
    Closed,
    /// The other side is still at it, or does not close connections.
    Open,
}

/// Why a command does not reach anybody.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is too long.
    #[error(transparent)]
    Frame(#[from] Refusal),
    /// Nobody listens.
    #[error("nobody listens on {0}")]
    Refused(SocketAddr),
    /// The connection cannot be had.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// The other side.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The connection ended before everything was read.
    #[error("{0} closed the connection before it had read the command")]
    Reset(SocketAddr),
    /// Something came back.
    #[error("{0} answers, which no DHCPv6 server or client does")]
    Stranger(SocketAddr),
}

/// Sends a request, and waits for a while until the other side has dealt with it.
///
/// # Errors
/// Nobody got it.
pub fn send(request: &Request, key: &Key, address: SocketAddr) -> Result<Sent, Error> {
    let frame = request.seal(key, now())?;
    let connect = |source: io::Error| {
        if source.kind() == ErrorKind::ConnectionRefused {
            Error::Refused(address)
        } else {
            Error::Connect { address, source }
        }
    };
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(connect)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(connect)?;
    stream
        .write_all(&frame)
        .map_err(|_| Error::Reset(address))?;
    match stream.read(&mut [0; 1]) {
        Ok(0) => Ok(Sent::Closed),
        Ok(_) => Err(Error::Stranger(address)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Ok(Sent::Open)
        }
        Err(_) => Err(Error::Reset(address)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Command;
    use crate::control::frame::{Incoming, open};
    use std::net::TcpListener;
    use std::thread;

    fn stop() -> Request {
        Request::Command(Command::Stop)
    }

    /// Sends a command to somebody who deals with the connection that way.
    fn send_to(deal: impl FnOnce(TcpStream) + Send + 'static) -> Result<Sent, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let other = thread::spawn(move || deal(listener.accept().expect("a connection").0));
        let outcome = send(&stop(), &Key::new(b"key"), address);
        other.join().expect("it deals with it");
        outcome
    }

    fn read(stream: &mut TcpStream) -> Incoming {
        let mut frame = Incoming::default();
        while !frame.missing().is_empty() {
            let count = stream.read(frame.missing()).expect("octets");
            frame.advance(count).expect("a frame");
        }
        frame
    }

    #[test]
    fn a_command_that_was_read_is_sent() {
        let sent = send_to(|mut stream| {
            let frame = read(&mut stream);
            let command = open(frame.octets(), &Key::new(b"key"), now());
            assert_eq!(command, Ok(Command::Stop));
        });
        assert_eq!(sent.expect("sent"), Sent::Closed);
    }

    #[test]
    fn a_command_that_was_not_read_is_not_sent() {
        let outcome = send_to(|mut stream| stream.read_exact(&mut [0; 5]).expect("octets"));
        assert!(matches!(outcome, Err(Error::Reset(_))), "{outcome:?}");
    }

    #[test]
    fn who_answers_is_a_stranger() {
        let outcome = send_to(|mut stream| {
            read(&mut stream);
            stream.write_all(b"SSH-2.0").expect("octets");
        });
        assert!(matches!(outcome, Err(Error::Stranger(_))), "{outcome:?}");
    }

    #[test]
    fn where_nobody_listens_the_connection_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let outcome = send(&stop(), &Key::new(b"key"), address);
        assert!(matches!(outcome, Err(Error::Refused(_))), "{outcome:?}");
    }
}
