//! Whether a directory of leases is of the kind that it is about to be used as: one interface's, or that of several with
//! a directory for each. Leases that are overlooked would be given to somebody else.

use super::journal::Journal;
use std::path::{Path, PathBuf};

/// Leases lie where they would be overlooked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misplaced {
    /// They are those of one interface.
    #[error(
        "{dir} holds the leases of one interface, and several are served now: move them into the directory of that \
         interface, such as with `mkdir {dir}/{example} && mv {dir}/leases-*.journal {dir}/{example}`"
    )]
    OfOne {
        /// The directory.
        dir: PathBuf,
        /// An interface that is served.
        example: String,
    },
    /// They are in the directory of the interface.
    #[error(
        "{dir}/{interface} holds leases of {interface} from when several interfaces were served: \
         write `--leases {dir}/{interface}`"
    )]
    OfSeveral {
        /// The directory.
        dir: PathBuf,
        /// The interface that is served.
        interface: String,
    },
}

/// Looks at the directory that is named for the leases of these interfaces.
///
/// # Errors
/// There are leases that would be overlooked.
pub fn look(dir: &Path, interfaces: &[String]) -> Result<(), Misplaced> {
    match interfaces {
        [one] if Journal::is_in(&dir.join(one)) && !Journal::is_in(dir) => {
            Err(Misplaced::OfSeveral {
                dir: dir.to_owned(),
                interface: one.clone(),
            })
        }
        [first, _, ..] if Journal::is_in(dir) => Err(Misplaced::OfOne {
            dir: dir.to_owned(),
            example: first.clone(),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn names(of: &[&str]) -> Vec<String> {
        of.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn leases_are_not_overlooked_when_the_number_of_interfaces_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path();
        let (one, two) = (names(&["eth0"]), names(&["eth0", "eth1"]));
        assert_eq!(look(dir, &one), Ok(()));
        assert_eq!(look(dir, &two), Ok(()));

        drop(Journal::open(&dir.join("eth0"), |_| {}).expect("a journal"));
        assert_eq!(look(dir, &two), Ok(()));
        assert_eq!(look(dir, &names(&["eth1"])), Ok(()));
        let error = look(dir, &one).expect_err("refused").to_string();
        assert!(
            error.ends_with(&format!("write `--leases {}/eth0`", dir.display())),
            "{error}"
        );
        assert_eq!(look(&dir.join("eth0"), &one), Ok(()));

        fs::remove_dir_all(dir.join("eth0")).expect("removed");
        drop(Journal::open(dir, |_| {}).expect("a journal"));
        assert_eq!(look(dir, &one), Ok(()));
        let error = look(dir, &two).expect_err("refused").to_string();
        assert!(
            error.contains("holds the leases of one interface"),
            "{error}"
        );
        let command = format!(
            "mkdir {0}/eth0 && mv {0}/leases-*.journal {0}/eth0",
            dir.display()
        );
        assert!(error.contains(&command), "{error}");
    }
}
