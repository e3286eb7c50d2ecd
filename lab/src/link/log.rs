//! What a program prints, line by line, as it comes.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::link::{Error, wait};

/// How much a program may say before anybody listens.
const PIPE_BYTES: i32 = 1 << 20;

/// So much of what was handed out is kept for [`Log::tail`].
const KEPT_BYTES: usize = 64 << 10;
/// So much may wait to be handed out; what is more stays in the pipe, and a line that is longer is cut up.
const WAITING_BYTES: usize = 4 << 20;

/// What a program prints, read without waiting for it. However much that is, no more than a few megabytes are kept.
#[derive(Debug)]
pub struct Log {
    pipe: File,
    text: Vec<u8>,
    /// Where the first line begins that has not been handed out.
    read: usize,
    ended: bool,
}

impl Log {
    /// Takes the reading end of a pipe whose other end the program alone has.
    ///
    /// # Errors
    /// The pipe cannot be read without waiting.
    pub fn new(pipe: impl Into<OwnedFd>) -> Result<Self, Error> {
        let pipe = File::from(pipe.into());
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
            .map_err(|errno| Error::system("set up the pipe of a log", errno))?;
        // A program whose log is full waits until somebody reads it, and the reader may be busy waiting for
        // something else that the program does. Where so much is not allowed, what there is has to do.
        let _ = fcntl(&pipe, FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
        Ok(Self {
            pipe,
            text: Vec::new(),
            read: 0,
            ended: false,
        })
    }

    /// The lines that were completed since the last call, up to a few megabytes of them; the last one counts as
    /// complete when the program is gone.
    ///
    /// # Errors
    /// The pipe cannot be read.
    pub fn lines(&mut self) -> Result<Vec<String>, Error> {
        self.fill()
            .map_err(|source| Error::system("read a log", source))?;
        let fresh = self.text.get(self.read..).unwrap_or_default();
        let end = match fresh.iter().rposition(|octet| *octet == b'\n') {
            _ if self.ended => fresh.len(),
            Some(at) => at + 1,
            None if fresh.len() >= WAITING_BYTES => fresh.len(),
            None => 0,
        };
        let text = String::from_utf8_lossy(fresh.get(..end).unwrap_or_default());
        let lines = text.lines().map(str::to_owned).collect();
        self.read += end;
        Ok(lines)
    }

    /// Waits until the program has said a line with this text, and returns that line; `None` if it has not by
    /// then, or is gone. Lines ahead of it are left out, and those behind it are still to be handed out.
    ///
    /// # Errors
    /// The pipe cannot be read.
    pub fn until(&mut self, text: &str, until: Instant) -> Result<Option<String>, Error> {
        let failed = |source| Error::system("read a log", source);
        loop {
            self.fill().map_err(failed)?;
            while let Some(line) = self.line() {
                if line.contains(text) {
                    return Ok(Some(line));
                }
            }
            if self.ended || Instant::now() >= until {
                return Ok(None);
            }
            wait(&[self.as_fd()], until).map_err(failed)?;
        }
    }

    /// The next line that is complete.
    fn line(&mut self) -> Option<String> {
        let fresh = self.text.get(self.read..).unwrap_or_default();
        let end = fresh.iter().position(|octet| *octet == b'\n');
        let whole = self.ended && !fresh.is_empty() || fresh.len() >= WAITING_BYTES;
        let end = end.or(whole.then_some(fresh.len()))?;
        let line = String::from_utf8_lossy(fresh.get(..end)?).into_owned();
        self.read = self.text.len().min(self.read + end + 1);
        Some(line)
    }

    fn fill(&mut self) -> io::Result<()> {
        // Not at each line: what is behind moves to the front.
        if self.read > 2 * KEPT_BYTES {
            self.text.drain(..self.read - KEPT_BYTES);
            self.read = KEPT_BYTES;
        }
        let mut buffer = [0; 4096];
        while !self.ended && self.text.len() - self.read < WAITING_BYTES {
            match self.pipe.read(&mut buffer) {
                Ok(0) => self.ended = true,
                Ok(length) => self.text.extend(buffer.iter().take(length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether the program has closed it, which it does by ending.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// The last lines of what was read, for messages about what went wrong.
    #[must_use]
    pub fn tail(&self) -> String {
        let text = String::from_utf8_lossy(&self.text);
        let lines: Vec<_> = text.lines().collect();
        let last = lines
            .get(lines.len().saturating_sub(12)..)
            .unwrap_or_default();
        last.join("\n")
    }
}

impl AsFd for Log {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Write as _, pipe};

    #[test]
    fn however_much_is_said_little_is_kept() {
        let (reader, mut writer) = pipe().expect("a pipe");
        let mut log = Log::new(reader).expect("a log");
        let line = [&[b'x'; 999][..], b"\n"].concat();
        let mut lines = 0;
        for _ in 0..10_000 {
            writer.write_all(&line).expect("it fits into the pipe");
            lines += log.lines().expect("lines").len();
        }
        assert_eq!(lines, 10_000);
        let kept = log.text.len();
        assert!(kept <= 3 * KEPT_BYTES, "{kept} octets");
        writer.write_all(b"the last words").expect("it fits");
        drop(writer);
        assert_eq!(log.lines().expect("a line"), ["the last words"]);
        assert!(log.tail().ends_with("x\nthe last words"), "{}", log.tail());
    }

    #[test]
    fn a_line_without_an_end_is_cut_up() {
        let (reader, mut writer) = pipe().expect("a pipe");
        let mut log = Log::new(reader).expect("a log");
        let piece = [b'x'; 1 << 16];
        let mut lines = Vec::new();
        for _ in 0..WAITING_BYTES / piece.len() {
            assert!(lines.is_empty());
            writer.write_all(&piece).expect("it fits into the pipe");
            lines = log.lines().expect("lines");
        }
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].len(), WAITING_BYTES);
    }
}
