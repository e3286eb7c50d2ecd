//! `Program`: where a server comes from.

use std::path::{Path, PathBuf};

use crate::rig::product::Product;

/// Where the server comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// A file that can be run.
    Binary(PathBuf),
    /// An image that podman has, by its name.
    Image(String),
    /// Another server than ours, in a file that can be run.
    Foreign(Product, PathBuf),
    /// Any command line for a shell. These words stand for something else in it: `{config}` for the configuration
    /// file, which has the scenario's text as it is, `{interface}`, `{duid}` for a DUID file as the original server
    /// writes it, `{leases}` for a folder on the disk of the leases, and `{folder}` for one beside it.
    Command(String),
}

impl Program {
    /// Which server it is.
    #[must_use]
    pub fn product(&self) -> Product {
        match self {
            Self::Binary(_) | Self::Image(_) => Product::Dhcp6s,
            Self::Foreign(product, _) => *product,
            Self::Command(_) => Product::Command,
        }
    }
}

/// The programs that an image takes to run, and the Debian packages that they come from.
pub const IMAGE_NEEDS: [(&str, &str); 2] = [("podman", "podman"), ("runc", "runc")];

impl From<&Path> for Program {
    fn from(path: &Path) -> Self {
        Self::Binary(path.to_owned())
    }
}
