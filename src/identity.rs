//! Who the server is: its DUID, and the secret that places leases in pools.
//!
//! The DUID file has the original server's format, a length of 16 bits in the byte order of the host and the
//! DUID, so that clients keep their server when it is replaced. An existing file is used as it is and never
//! written. A new one appears complete or not at all, and of several processes that start at once all take
//! what the first one made. The secret lies beside it, readable by the owner alone.
//!
//! Not here: what the DUID and the secret are good for (`engine`, `lease`).

use crate::lease::Secret;
use crate::wire::Duid;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What stays the same over all restarts.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The name that clients know the server by.
    pub duid: Duid,
    /// The key of the hash that places leases in pools.
    pub secret: Secret,
}

/// Why the server cannot know who it is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file holds something else than it should.
    #[error("{path} {what}; restore it from a backup, or remove it and a new one is made")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with its content.
        what: &'static str,
    },
    /// The system refused something.
    #[error("cannot {operation} {path}: {source}")]
    System {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The file or directory that it was tried on.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system has no random octets.
    #[error("the system gives no random octets: {0}")]
    Random(getrandom::Error),
    /// The system does not say what interfaces there are.
    #[error("cannot list the interfaces: {0}")]
    Interfaces(io::Error),
}

/// The name of the file with the secret.
const SECRET_FILE: &str = "dhcp6s_secret";
/// 2000-01-01 00:00:00 UTC in seconds since 1970: where the time of a DUID-LLT starts (RFC 9915 §11.2).
const DUID_EPOCH_SECS: u64 = 946_684_800;
/// DUID type 1, DUID-LLT (RFC 9915 §11.2).
const DUID_LLT: u16 = 1;
/// DUID type 4, DUID-UUID (RFC 9915 §11.5).
const DUID_UUID: u16 = 4;
/// The hardware type of Ethernet, in the kernel and in DUIDs alike.
const ETHERNET: u16 = 1;

impl Identity {
    /// Reads the DUID file and the secret beside it; what does not exist is created.
    ///
    /// # Errors
    /// Either cannot be read or created, or is damaged.
    pub fn load_or_create(duid_file: &Path, served: &[String]) -> Result<Self, Error> {
        let duid = match read_duid(duid_file)? {
            Some(duid) => duid,
            None => create_duid(duid_file, served)?,
        };
        let secret_file = duid_file.with_file_name(SECRET_FILE);
        let secret = match read_secret(&secret_file)? {
            Some(secret) => secret,
            None => create_secret(&secret_file)?,
        };
        Ok(Self { duid, secret })
    }
}

fn read_duid(path: &Path) -> Result<Option<Duid>, Error> {
    let Some(octets) = read(path, size_of::<u16>() + Duid::LEN_MAX)? else {
        return Ok(None);
    };
    let damaged = |what| Error::Damaged {
        path: path.to_owned(),
        what,
    };
    let Some((length, rest)) = octets.split_first_chunk() else {
        return Err(damaged("is too short for a DUID"));
    };
    let length = usize::from(u16::from_ne_bytes(*length));
    if length > Duid::LEN_MAX {
        return Err(damaged("states a length that no DUID has"));
    }
    let Some(octets) = rest.get(..length) else {
        return Err(damaged("is shorter than it states"));
    };
    match Duid::new(octets) {
        Some(duid) => Ok(Some(duid)),
        None => Err(damaged("holds an empty DUID")),
    }
}

fn create_duid(path: &Path, served: &[String]) -> Result<Duid, Error> {
    let interfaces = interfaces()?;
    let octets = match hardware_address(&interfaces, served) {
        Some(hardware) => {
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            duid_octets(now.as_secs(), hardware)
        }
        None => {
            let mut random = [0; 16];
            getrandom::fill(&mut random).map_err(Error::Random)?;
            uuid_octets(random)
        }
    };
    let length = u16::try_from(octets.len()).unwrap_or_default();
    create(path, 0o644, &[&length.to_ne_bytes()[..], &octets].concat())?;
    // Another process may have been first: what counts is what the file holds now.
    read_duid(path)?.ok_or_else(|| vanished(path))
}

fn read_secret(path: &Path) -> Result<Option<Secret>, Error> {
    let Some(octets) = read(path, Secret::LEN + 1)? else {
        return Ok(None);
    };
    match octets.try_into() {
        Ok(octets) => Ok(Some(Secret::new(octets))),
        Err(_) => Err(Error::Damaged {
            path: path.to_owned(),
            what: "is not 32 octets long",
        }),
    }
}

fn create_secret(path: &Path) -> Result<Secret, Error> {
    let mut octets = [0; Secret::LEN];
    getrandom::fill(&mut octets).map_err(Error::Random)?;
    create(path, 0o600, &octets)?;
    read_secret(path)?.ok_or_else(|| vanished(path))
}

/// The first octets of a file, or `None` if there is no such file.
fn read(path: &Path, len_max: usize) -> Result<Option<Vec<u8>>, Error> {
    let mut octets = Vec::new();
    let limit = u64::try_from(len_max).unwrap_or(u64::MAX);
    match File::open(path).and_then(|file| file.take(limit).read_to_end(&mut octets)) {
        Ok(_) => Ok(Some(octets)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => Err(Error::Damaged {
            path: path.to_owned(),
            what: "is a directory",
        }),
        Err(error) => Err(system("read", path)(error)),
    }
}

/// Creates a file that appears with its whole content, which then survives a power cut. One that exists by
/// then stays as it is.
fn create(path: &Path, mode: u32, octets: &[u8]) -> Result<(), Error> {
    create_with(path, mode, octets, |from, to| fs::hard_link(from, to))
}

fn create_with(
    path: &Path,
    mode: u32,
    octets: &[u8],
    link: impl Fn(&Path, &Path) -> io::Result<()>,
) -> Result<(), Error> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(directory)
        .map_err(system("create", directory))?;
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(Error::Random)?;
    let name = format!(".dhcp6s-{:016x}.tmp", u64::from_ne_bytes(random));
    let temporary = directory.join(name);
    let created = write_new(&temporary, mode, octets).and_then(|()| {
        // A link, unlike a rename, leaves a file alone that another process has put there.
        let linked = match link(&temporary, path) {
            Err(error) if knows_no_links(&error) => rename_new(&temporary, path),
            linked => linked,
        };
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    });
    let removed = fs::remove_file(&temporary);
    created.map_err(system("create", path))?;
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(system("remove", &temporary)(error));
        }
        _ => {}
    }
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(system("sync", directory))
}

/// Whether the reason is that the file system has no hard links, as on FAT.
fn knows_no_links(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(
        errno,
        Some(Errno::EPERM | Errno::ENOSYS | Errno::EOPNOTSUPP)
    )
}

/// Renames a file unless there is one of that name.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE)?;
    Ok(())
}

fn write_new(path: &Path, mode: u32, octets: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    // Whatever the umask is: all processes that clients know by this name have to read it.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(octets)?;
    file.sync_all()
}

fn system(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::System {
        operation,
        path,
        source,
    }
}

fn vanished(path: &Path) -> Error {
    system("read", path)(io::ErrorKind::NotFound.into())
}

/// What the kernel says about an interface.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Hardware {
    name: String,
    index: usize,
    kind: u16,
    address: [u8; 6],
}

fn interfaces() -> Result<Vec<Hardware>, Error> {
    let list = nix::ifaddrs::getifaddrs().map_err(|errno| Error::Interfaces(errno.into()))?;
    let mut interfaces = Vec::new();
    for entry in list {
        let link = entry
            .address
            .as_ref()
            .and_then(|address| address.as_link_addr());
        if let Some(link) = link
            && link.halen() == 6
            && let Some(address) = link.addr()
        {
            let (index, kind) = (link.ifindex(), link.hatype());
            interfaces.push(Hardware {
                name: entry.interface_name,
                index,
                kind,
                address,
            });
        }
    }
    Ok(interfaces)
}

/// The first Ethernet interface in the order of the kernel, whichever is served, so that all servers of a
/// host have one name; else the first that is served.
fn hardware_address<'a>(interfaces: &'a [Hardware], served: &[String]) -> Option<&'a Hardware> {
    let usable = || {
        interfaces
            .iter()
            .filter(|interface| interface.address != [0; 6])
    };
    usable()
        .filter(|interface| interface.kind == ETHERNET)
        .min_by_key(|interface| interface.index)
        .or_else(|| usable().find(|interface| served.contains(&interface.name)))
}

/// A DUID-LLT (RFC 9915 §11.2).
fn duid_octets(unix_secs: u64, hardware: &Hardware) -> Vec<u8> {
    // Modulo 2^32, as the section says.
    let [_, _, _, _, time @ ..] = unix_secs.wrapping_sub(DUID_EPOCH_SECS).to_be_bytes();
    let mut octets = DUID_LLT.to_be_bytes().to_vec();
    octets.extend(hardware.kind.to_be_bytes());
    octets.extend(time);
    octets.extend(hardware.address);
    octets
}

/// A DUID-UUID (RFC 9915 §11.5) of a UUID that chance has made (RFC 9562 §5.4), for a machine whose interfaces are still
/// to come or have no hardware addresses.
fn uuid_octets(mut random: [u8; 16]) -> Vec<u8> {
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut random;
    *version = *version & 0x0f | 0x40;
    *variant = *variant & 0x3f | 0x80;
    [&DUID_UUID.to_be_bytes()[..], &random].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hardware(name: &str, index: usize, kind: u16, last: u8) -> Hardware {
        Hardware {
            name: name.to_owned(),
            index,
            kind,
            address: [2, 0, 0, 0, 0, last],
        }
    }

    fn file(octets: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("dhcp6s_duid");
        fs::write(&path, octets).expect("written");
        (directory, path)
    }

    #[test]
    fn an_existing_duid_is_used_and_not_written() {
        let text = [
            &14_u16.to_ne_bytes()[..],
            &[0, 1, 0, 1, 9, 9, 9, 9, 2, 0, 0, 0, 0, 1],
            b"junk",
        ];
        let (_directory, path) = file(&text.concat());
        let identity = Identity::load_or_create(&path, &[]).expect("an identity");
        assert_eq!(
            identity.duid.to_string(),
            "00:01:00:01:09:09:09:09:02:00:00:00:00:01"
        );
        assert_eq!(fs::read(&path).expect("read"), text.concat());
    }

    #[test]
    fn duids_of_all_lengths_are_read() {
        for length in [1_u16, 130] {
            let octets = vec![7; usize::from(length)];
            let (_directory, path) = file(&[&length.to_ne_bytes()[..], &octets].concat());
            let duid = read_duid(&path).expect("readable").expect("a DUID");
            assert_eq!(duid.as_bytes(), octets);
        }
    }

    #[test]
    fn damaged_duid_files_are_refused_with_path_and_remedy() {
        let long = [&131_u16.to_ne_bytes()[..], &[7; 131]].concat();
        let cut = [&14_u16.to_ne_bytes()[..], &[7; 13]].concat();
        let empty = 0_u16.to_ne_bytes();
        for octets in [&[][..], &[1], &empty, &cut, &long, &[0xff; 40]] {
            let (_directory, path) = file(octets);
            let error = Identity::load_or_create(&path, &[])
                .expect_err("damaged")
                .to_string();
            assert!(error.starts_with(&path.display().to_string()), "{error}");
            assert!(error.contains("restore it from a backup"), "{error}");
            assert_eq!(fs::read(&path).expect("read"), octets);
        }
        let directory = tempfile::tempdir().expect("a directory");
        let error = read_duid(directory.path())
            .expect_err("a directory")
            .to_string();
        assert!(error.contains("is a directory"), "{error}");
    }

    #[test]
    fn the_secret_is_made_once_and_for_the_owner_alone() {
        let (directory, path) = file(&[&3_u16.to_ne_bytes()[..], &[7; 3]].concat());
        let first = Identity::load_or_create(&path, &[]).expect("an identity");
        let second = Identity::load_or_create(&path, &[]).expect("an identity");
        assert_eq!(first.secret.as_bytes(), second.secret.as_bytes());
        assert_ne!(first.secret.as_bytes(), &[0; 32]);
        let secret = directory.path().join(SECRET_FILE);
        let mode = fs::metadata(&secret).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(&secret, [1; 33]).expect("written");
        let error = Identity::load_or_create(&path, &[])
            .expect_err("damaged")
            .to_string();
        assert!(error.contains("is not 32 octets long"), "{error}");
    }

    #[test]
    fn a_new_file_is_complete_and_leaves_nothing_beside_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a/b/dhcp6s_duid");
        create(&path, 0o644, b"first").expect("created");
        create(&path, 0o644, b"second").expect("left alone");
        assert_eq!(fs::read(&path).expect("read"), b"first");
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
        let beside = fs::read_dir(directory.path().join("a/b"))
            .expect("a directory")
            .count();
        assert_eq!(beside, 1);
    }

    #[test]
    fn a_file_system_without_links_holds_a_new_file_too() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("dhcp6s_duid");
        for errno in [Errno::EPERM, Errno::EOPNOTSUPP] {
            let refuse = |_: &Path, _: &Path| Err(errno.into());
            create_with(&path, 0o644, b"first", refuse).expect("created");
            create_with(&path, 0o644, b"second", refuse).expect("left alone");
            assert_eq!(fs::read(&path).expect("read"), b"first");
        }
        let beside = fs::read_dir(directory.path()).expect("a directory");
        assert_eq!(beside.count(), 1);
        let full = |_: &Path, _: &Path| Err(Errno::ENOSPC.into());
        let other = directory.path().join("other");
        assert!(create_with(&other, 0o644, b"x", full).is_err());
        assert!(!other.exists());
    }

    #[test]
    fn processes_that_start_at_once_agree() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(SECRET_FILE);
        let secrets: Vec<Secret> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| create_secret(&path).expect("a secret")))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("joined"))
                .collect()
        });
        assert!(
            secrets
                .iter()
                .all(|secret| secret.as_bytes() == secrets[0].as_bytes())
        );
    }

    #[test]
    fn the_first_ethernet_interface_gives_its_address() {
        let interfaces = [
            Hardware {
                address: [0; 6],
                ..hardware("lo", 1, 772, 0)
            },
            hardware("eth1", 3, ETHERNET, 3),
            hardware("eth0", 2, ETHERNET, 2),
            hardware("ib0", 4, 32, 4),
        ];
        assert_eq!(
            hardware_address(&interfaces, &["eth1".to_owned()]),
            Some(&interfaces[2])
        );
        assert_eq!(
            hardware_address(&interfaces[3..], &["ib0".to_owned()]),
            Some(&interfaces[3])
        );
        assert_eq!(
            hardware_address(&interfaces[3..], &["ib1".to_owned()]),
            None
        );
        assert_eq!(hardware_address(&interfaces[..1], &["lo".to_owned()]), None);
    }

    #[test]
    fn without_any_address_a_new_duid_is_made_by_chance() {
        for octet in [0, 0xff] {
            let octets = uuid_octets([octet; 16]);
            assert_eq!(octets.len(), 18);
            assert_eq!(octets.get(..3), Some(&[0, 4, octet][..]));
            assert_eq!(octets[8] >> 4, 4, "the version");
            assert_eq!(octets[10] >> 6, 2, "the variant");
        }
    }

    #[test]
    fn a_new_duid_holds_type_time_and_address() {
        let hardware = hardware("eth0", 2, ETHERNET, 1);
        let octets = duid_octets(DUID_EPOCH_SECS + 0x1_3296_c0a9, &hardware);
        assert_eq!(
            octets,
            [0, 1, 0, 1, 0x32, 0x96, 0xc0, 0xa9, 2, 0, 0, 0, 0, 1]
        );
    }
}
