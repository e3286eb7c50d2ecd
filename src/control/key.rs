//! The secret that a server shares with those who may command it, and the file that holds it.
//!
//! The file is the original's: its first line is the secret in base64, and nothing else in it counts. Neither
//! error nor debug output shows any of it.
//!
//! Not here: what a bad file means (`listener`, `client`).

use crate::secret::{self, NotBase64};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use nix::errno::Errno;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

/// As much of the first line as counts, in octets.
const LINE_LEN_MAX: u64 = 1023;

/// Why a file yields no key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file, or it is not for us.
    #[error("failed to open {}: {}", path.display(), reason(source))]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is there and cannot be read, for it is a directory, perhaps.
    #[error("failed to read key file: {} ({})", reason(source), path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is nothing in it.
    #[error("there is no key in {}: it is empty", .0.display())]
    Empty(PathBuf),
    /// There is nothing in its first line.
    #[error("there is no key in {}: its first line is blank", .0.display())]
    Blank(PathBuf),
    /// Its first line is something else.
    #[error("failed to decode base64 string in the first line of {}", .0.display())]
    NotBase64(PathBuf),
}

/// What the system said, without the number of it.
fn reason(error: &io::Error) -> String {
    let errno = error.raw_os_error().map(Errno::from_raw);
    errno.map_or_else(|| error.to_string(), |errno| errno.desc().to_owned())
}

/// A secret for HMAC-MD5 (RFC 2104). Never printed.
#[derive(Clone)]
pub struct Key {
    /// The secret already absorbed.
    keyed: Hmac<Md5>,
}

impl Key {
    /// The key made of these octets.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        let keyed = Hmac::new_from_slice(secret).expect("HMAC takes keys of any length");
        Self { keyed }
    }

    /// Reads a key file, of which nothing behind the first line or its 1023rd octet counts.
    ///
    /// # Errors
    /// There is no key in it.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let owned = || path.to_owned();
        let file = File::open(path).map_err(|source| Error::Open {
            path: owned(),
            source,
        })?;
        let mut line = Vec::new();
        BufReader::new(file.take(LINE_LEN_MAX))
            .read_until(b'\n', &mut line)
            .map_err(|source| Error::Read {
                path: owned(),
                source,
            })?;
        if line.is_empty() {
            return Err(Error::Empty(owned()));
        }
        // To the original a line is a C string.
        let text = line.split(|octet| *octet == 0).next().unwrap_or_default();
        match secret::decode(text) {
            Ok(secret) if secret.is_empty() => Err(Error::Blank(owned())),
            Ok(secret) => Ok(Self::new(&secret)),
            Err(NotBase64) => Err(Error::NotBase64(owned())),
        }
    }

    /// The digest of these parts as if they were one, yet to be taken or held against another in constant time.
    pub(super) fn digest(&self, parts: &[&[u8]]) -> Hmac<Md5> {
        let mut mac = self.keyed.clone();
        for part in parts {
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a file with this content is taken for: its digest of nothing, or an error.
    fn read(content: &[u8]) -> Result<Vec<u8>, Error> {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("key");
        std::fs::write(&path, content).expect("a file");
        Key::read(&path).map(|key| fingerprint(&key))
    }

    fn fingerprint(key: &Key) -> Vec<u8> {
        key.digest(&[]).finalize().into_bytes().to_vec()
    }

    #[track_caller]
    fn holds(content: &[u8], secret: &[u8]) {
        let read = read(content).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(read, fingerprint(&Key::new(secret)));
    }

    #[test]
    fn the_first_line_alone_counts() {
        holds(b"MTIzNA==\n", b"1234");
        holds(b"MTIzNA==", b"1234");
        holds(b"\tMTIz NA==  \r\nanything # else\n", b"1234");
        holds(b"MTIzNA==\0anything", b"1234");
    }

    #[test]
    fn a_line_counts_up_to_its_1023rd_octet() {
        let secret = [0; 765];
        holds("A".repeat(1020).as_bytes(), &secret);
        holds(
            format!("{}   anything", "A".repeat(1020)).as_bytes(),
            &secret,
        );
        let cut = read("A".repeat(1024).as_bytes());
        assert!(matches!(cut, Err(Error::NotBase64(_))), "{cut:?}");
    }

    #[test]
    fn without_a_key_the_reason_is_told() {
        assert!(matches!(read(b""), Err(Error::Empty(_))));
        for blank in [&b"\nMTIzNA==\n"[..], b" \t \r\n", b"\0MTIzNA==", b" "] {
            assert!(matches!(read(blank), Err(Error::Blank(_))), "{blank:?}");
        }
        for strange in [&b"# key\nMTIzNA==\n"[..], b"MTIzNA", b"MTIzNB==", b"\xff"] {
            assert!(
                matches!(read(strange), Err(Error::NotBase64(_))),
                "{strange:?}"
            );
        }
        let said = |path: &str| {
            let error = Key::read(Path::new(path)).expect_err("no key");
            error.to_string()
        };
        assert_eq!(
            said("/nonexistent/key"),
            "failed to open /nonexistent/key: No such file or directory"
        );
        assert_eq!(
            said("/etc"),
            "failed to read key file: Is a directory (/etc)"
        );
        assert!(matches!(
            Key::read(Path::new("/dev/null")),
            Err(Error::Empty(_))
        ));
    }

    #[test]
    fn a_key_is_never_shown() {
        assert_eq!(format!("{:?}", Key::new(b"1234")), "Key(…)");
        let error = read(b"MTIzNA").expect_err("no key");
        assert!(!format!("{error} {error:?}").contains("MTIz"));
    }
}
