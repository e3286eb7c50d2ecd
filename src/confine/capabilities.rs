//! Capabilities: which one stays, and when two more have to.

use super::Needs;
use caps::errors::CapsError;
use caps::{CapSet, Capability, CapsHashSet};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, faccessat};
use std::path::Path;

/// In use whenever an interface comes back: port 547 is below 1024.
const PORT: Capability = Capability::CAP_NET_BIND_SERVICE;
/// What lets the superuser read, or write as well, what belongs to others.
const READ: Capability = Capability::CAP_DAC_READ_SEARCH;
const WRITE: Capability = Capability::CAP_DAC_OVERRIDE;

/// Gives up all capabilities that are not in use. Returns what is left, in words, or what the system refused.
pub(super) fn give_up(needs: &Needs) -> Result<String, String> {
    drop_all_but_needed(needs).map_err(|error| error.to_string())
}

fn drop_all_but_needed(needs: &Needs) -> Result<String, CapsError> {
    let permitted = caps::read(None, CapSet::Permitted)?;
    // These three only matter to a program that this process becomes, and it becomes none.
    caps::clear(None, CapSet::Ambient)?;
    caps::clear(None, CapSet::Inheritable)?;
    if permitted.contains(&Capability::CAP_SETPCAP) {
        caps::clear(None, CapSet::Bounding)?;
    }
    let mut kept = vec![(PORT, None)];
    kept.retain(|(it, _)| permitted.contains(it));
    // Without them, as from now on, the system says whether they are needed.
    caps::set(None, CapSet::Effective, &set(&kept))?;
    let mut in_use = Vec::new();
    for (paths, access, capability) in [
        (&needs.write, AccessFlags::W_OK | AccessFlags::X_OK, WRITE),
        (&needs.read, AccessFlags::R_OK, READ),
    ] {
        let refused = paths.iter().find(|it| is_refused(it, access));
        if let Some(path) = refused.filter(|_| permitted.contains(&capability)) {
            in_use.push((capability, Some(path.as_path())));
        }
    }
    kept.extend(in_use);
    let kept_set = set(&kept);
    caps::set(None, CapSet::Effective, &kept_set)?;
    caps::set(None, CapSet::Permitted, &kept_set)?;
    Ok(in_words(&kept))
}

/// Whether the file is there and belongs to others.
fn is_refused(path: &Path, access: AccessFlags) -> bool {
    faccessat(AT_FDCWD, path, access, AtFlags::AT_EACCESS) == Err(Errno::EACCES)
}

fn set(kept: &[(Capability, Option<&Path>)]) -> CapsHashSet {
    kept.iter().map(|it| it.0).collect()
}

fn in_words(kept: &[(Capability, Option<&Path>)]) -> String {
    if kept.is_empty() {
        return "no capabilities".to_owned();
    }
    let words = kept.iter().map(|(capability, path)| match path {
        Some(path) => format!(
            "{capability} (for {}, which belongs to another user)",
            path.display()
        ),
        None => capability.to_string(),
    });
    let words: Vec<_> = words.collect();
    format!("no capabilities but {}", words.join(", "))
}
