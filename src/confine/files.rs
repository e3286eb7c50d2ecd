//! Files, by Landlock: which folders stay within reach.

use super::Needs;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, Scope,
};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The latest version that these rules were tried with. Of an older one in the kernel all is taken that it has.
const TRIED: ABI = ABI::V7;
/// How many symbolic links a name may lead through, as in the kernel.
const LINKS_MAX: usize = 40;

/// What is within reach.
pub(super) struct Rules {
    /// Folders.
    pub(super) readable: Vec<PathBuf>,
    /// Files.
    alone: Vec<PathBuf>,
    writable: Vec<PathBuf>,
    removable: Option<PathBuf>,
}

impl Rules {
    pub(super) fn new(needs: &Needs) -> Self {
        let mut readable: Vec<_> = needs.read.iter().flat_map(|it| folders(it)).collect();
        // The whole tree is nobody's folder.
        readable.retain(|it| it != Path::new("/"));
        readable.sort();
        readable.dedup();
        let removable = needs.remove.clone();
        Self {
            readable,
            alone: needs
                .read
                .iter()
                .chain(&needs.read_alone)
                .cloned()
                .collect(),
            writable: needs.write.clone(),
            // What is no file, `/dev/null` for one, is not removed.
            removable: removable.filter(|it| fs::symlink_metadata(it).is_ok_and(|it| it.is_file())),
        }
    }

    /// Lets the kernel hold the calling thread to the rules. Returns what holds, in words, or why nothing does.
    pub(super) fn enforce(&self) -> Result<String, String> {
        let status = self.restrict().map_err(|error| error.to_string())?;
        match status {
            LandlockStatus::NotImplemented => Err("this kernel does not know it".to_owned()),
            LandlockStatus::NotEnabled => {
                Err("it is not among the kernel's security modules (`lsm=`)".to_owned())
            }
            LandlockStatus::Available {
                effective_abi,
                kernel_abi,
            } => {
                let version = kernel_abi.unwrap_or(effective_abi as i32);
                let list = |folders: &[PathBuf]| match folders {
                    [] => "nowhere".to_owned(),
                    folders => {
                        let shown = folders.iter().map(|it| it.display().to_string());
                        format!("below {}", shown.collect::<Vec<_>>().join(", "))
                    }
                };
                let (reads, writes) = (list(&self.readable), list(&self.writable));
                let alone = self.alone.iter().filter(|it| it.is_file());
                let alone = alone.filter(|it| !self.readable.iter().any(|of| it.starts_with(of)));
                let alone: String = alone.map(|it| format!(" and {}", it.display())).collect();
                Ok(format!(
                    "files by Landlock version {version}: reads {reads}{alone}, writes {writes}"
                ))
            }
        }
    }

    fn restrict(&self) -> Result<LandlockStatus, RulesetError> {
        let ruleset = Ruleset::default()
            .handle_access(AccessFs::from_all(TRIED))?
            // The control port is open already, and there is no other TCP.
            .handle_access(AccessNet::from_all(TRIED))?
            .scope(scopes())?
            .create()?;
        let read = AccessFs::ReadFile.into();
        // To make a name durable, its folder is opened.
        let write = AccessFs::WriteFile
            | AccessFs::Truncate
            | AccessFs::MakeReg
            | AccessFs::RemoveFile
            | AccessFs::ReadDir;
        let mut rules = Vec::new();
        rules.extend(self.readable.iter().map(|it| (it.as_path(), read)));
        rules.extend(self.alone.iter().map(|it| (it.as_path(), read)));
        rules.extend(self.writable.iter().map(|it| (it.as_path(), write)));
        if let Some(file) = &self.removable {
            // It is read before, for it may be another's by then.
            rules.push((file, read));
            rules.push((parent(file), AccessFs::RemoveFile.into()));
        }
        let rules = rules.into_iter().filter_map(rule);
        let status = ruleset.add_rules(rules)?.restrict_self()?;
        Ok(status.landlock)
    }
}

/// A rule about a file or folder that is there: about others, there is nothing to allow.
fn rule(
    (path, access): (&Path, BitFlags<AccessFs>),
) -> Option<Result<PathBeneath<PathFd>, RulesetError>> {
    let path = PathFd::new(path).ok()?;
    Some(Ok(PathBeneath::new(path, access)))
}

/// What has to stay among the processes of this confinement.
fn scopes() -> BitFlags<Scope> {
    let all = Scope::from_all(TRIED);
    // A service manager may want to be told there that the server is ready.
    let notified = std::env::var_os("NOTIFY_SOCKET").unwrap_or_default();
    match notified.as_encoded_bytes().starts_with(b"@") {
        true => all & !Scope::AbstractUnixSocket,
        false => all,
    }
}

/// The folders that a file is found in again after it was replaced: the one that it is named in, the one that it lies
/// in, and those in which a link was on the way that can be pointed at another folder beside it, as is done to replace
/// many files at once (`current -> release-7`, and `..data` of Kubernetes).
pub(super) fn folders(file: &Path) -> Vec<PathBuf> {
    let mut found = vec![parent(file).to_owned()];
    // Components still to be walked, the next one last.
    let mut rest: Vec<PathBuf> = parts(file);
    let mut walked = PathBuf::new();
    let mut links = 0;
    while let Some(part) = rest.pop() {
        let here = walked.clone();
        walked.push(&part);
        let Ok(target) = fs::read_link(&walked) else {
            if part == Path::new("..") {
                walked = here.parent().unwrap_or(&here).to_owned();
            }
            continue;
        };
        links += 1;
        if links > LINKS_MAX {
            break;
        }
        if stays_below(&target) && here.parent().is_some() {
            found.push(here.clone());
        }
        rest.extend(parts(&target));
        walked = here;
    }
    found.push(parent(&walked).to_owned());
    found.retain(|it| it.is_dir());
    found.dedup();
    found
}

/// The components of a path, the first one last.
fn parts(path: &Path) -> Vec<PathBuf> {
    path.components()
        .filter(|it| *it != Component::CurDir)
        .map(|it| PathBuf::from(it.as_os_str()))
        .rev()
        .collect()
}

/// Whether the target of a link lies below the folder of the link.
fn stays_below(target: &Path) -> bool {
    target
        .components()
        .all(|it| matches!(it, Component::Normal(_) | Component::CurDir))
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}
