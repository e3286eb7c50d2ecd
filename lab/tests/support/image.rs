//! The image to test, and what it takes.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use dhcp6lab::rig::server::IMAGE_NEEDS;

/// The programs, and the packages that they come from.
pub(crate) const NEEDS: [(&str, &str); 3] =
    [("mmdebstrap", "mmdebstrap"), IMAGE_NEEDS[0], IMAGE_NEEDS[1]];

/// The name of the image: what the environment variable `DHCP6S_IMAGE` says, or else of one that is built now.
pub(crate) fn name() -> &'static str {
    static IMAGE: OnceLock<String> = OnceLock::new();
    IMAGE.get_or_init(|| {
        std::env::var("DHCP6S_IMAGE").unwrap_or_else(|_| {
            let name = "localhost/dhcp6s:test".to_owned();
            let lab = Path::new(env!("CARGO_MANIFEST_DIR"));
            let built = Command::new(lab.join("image")).arg(&name).output();
            let built = built.expect("the script is part of the lab");
            let said = String::from_utf8_lossy(&built.stderr);
            assert!(built.status.success(), "the image cannot be built:\n{said}");
            name
        })
    })
}
