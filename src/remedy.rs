//! What helps when the file system refuses a server its files at the start: in most cases the volume of a container
//! that belongs to somebody else.
//!
//! The message itself says what was tried, where, and what the system said. This adds whose the file or folder is, who
//! the server is, and what to do about it.

use crate::identity;
use crate::store;
use crate::store::journal::OpenError;
use nix::unistd::{getegid, geteuid, getgroups};
use std::error::Error;
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What helps against an error of the start, if it is about a file.
#[must_use]
pub fn remedy(error: &(dyn Error + 'static)) -> Option<String> {
    let (path, refusal) = refused(error)?;
    let (place, found) = nearest(path)?;
    let shown = place.display();
    let is = |kinds: &[ErrorKind]| kinds.contains(&refusal.kind());
    if is(&[ErrorKind::ReadOnlyFilesystem]) {
        return Some(format!(
            "{shown} is mounted read-only: mount a volume there that can be written to, or name another place with \
             --leases and --duid"
        ));
    }
    if is(&[ErrorKind::NotADirectory, ErrorKind::AlreadyExists]) && !found.is_dir() {
        return Some(format!(
            "{shown} is a file where a folder has to be: move it away, or name a folder"
        ));
    }
    if is(&[ErrorKind::PermissionDenied]) {
        return Some(permission(place, &found));
    }
    is(&[ErrorKind::StorageFull, ErrorKind::QuotaExceeded])
        .then(|| format!("make room for {shown}"))
}

/// The file that something was tried with, and what the system said.
fn refused<'a>(error: &'a (dyn Error + 'static)) -> Option<(&'a Path, &'a io::Error)> {
    if let Some(identity::Error::System { path, source, .. }) = error.downcast_ref() {
        return Some((path, source));
    }
    let disk = match error.downcast_ref() {
        Some(OpenError::Disk(disk)) => Some(disk),
        _ => error.downcast_ref(),
    };
    match disk? {
        store::Error::Full { path, source } | store::Error::Failed { path, source, .. } => {
            Some((path, source))
        }
    }
}

/// The path, or what is nearest to it of what is there and can be looked at.
fn nearest(path: &Path) -> Option<(&Path, Metadata)> {
    let mut above = path.ancestors().map(|it| match it.as_os_str().is_empty() {
        true => Path::new("."),
        false => it,
    });
    above.find_map(|it| Some((it, fs::metadata(it).ok()?)))
}

/// Whose it is, who we are, and what to do.
fn permission(place: &Path, found: &Metadata) -> String {
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    let groups = getgroups().unwrap_or_default();
    let ours = |it: u32| it == group || groups.iter().any(|own| own.as_raw() == it);
    let shift = match found {
        it if it.uid() == user => 6,
        it if ours(it.gid()) => 3,
        _ => 0,
    };
    // A folder is searched and written, a file read and written.
    let wanted = if found.is_dir() { 0o3 } else { 0o6 };
    let (place, mode) = (place.display(), found.mode() & 0o7777);
    if (found.mode() >> shift) & wanted == wanted {
        return format!(
            "by its mode {mode:04o}, user {user} may use {place}: perhaps SELinux or AppArmor forbids it; podman and \
             docker label a volume for its container with `:Z` (-v FOLDER:{place}:Z)"
        );
    }
    format!(
        "{place} belongs to user {} and group {} with mode {mode:04o}, and this process is user {user} and group \
         {group}: run `chown -R {user} {place}`, for a volume or folder that is mounted in a container on its place \
         on the host (podman does it with `:U` behind the volume), or run the server as user {}",
        found.uid(),
        found.gid(),
        found.uid(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn failed(path: PathBuf, kind: ErrorKind) -> OpenError {
        OpenError::Disk(store::Error::Failed {
            operation: "create",
            path,
            source: kind.into(),
        })
    }

    fn advice(path: &Path, kind: ErrorKind) -> String {
        remedy(&failed(path.to_owned(), kind)).expect("advice")
    }

    #[test]
    fn advice_is_about_what_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = folder.path().join("leases/eth0");
        let shown = folder.path().display().to_string();
        let said = advice(&missing, ErrorKind::ReadOnlyFilesystem);
        assert!(
            said.starts_with(&format!("{shown} is mounted read-only")),
            "{said}"
        );
        let file = folder.path().join("leases");
        fs::write(&file, "").expect("a file");
        let said = advice(&missing, ErrorKind::NotADirectory);
        assert!(
            said.starts_with(&format!("{} is a file", file.display())),
            "{said}"
        );
        assert_eq!(remedy(&failed(missing, ErrorKind::NotFound)), None);
    }

    #[test]
    fn who_may_by_the_mode_is_told_of_other_reasons() {
        let folder = tempfile::tempdir().expect("a folder");
        let said = advice(folder.path(), ErrorKind::PermissionDenied);
        assert!(said.contains("SELinux"), "{said}");
    }

    #[test]
    fn errors_about_no_file_have_no_advice() {
        let locked = OpenError::Locked {
            dir: PathBuf::from("/"),
            holder: None,
        };
        assert_eq!(remedy(&locked), None);
        assert_eq!(
            remedy(&identity::Error::Interfaces(ErrorKind::Other.into())),
            None
        );
    }
}
