//! Rebuilds the tests when a scenario or a capture appears: they are listed at compile time.

fn main() {
    for folder in ["../scenarios", "../pcaps"] {
        // A folder that does not exist would count as changed every time.
        if std::path::Path::new(folder).exists() {
            println!("cargo::rerun-if-changed={folder}");
        }
    }
}
