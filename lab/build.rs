//! Rebuilds the tests when a scenario or a capture appears: they are listed at compile time. Makes the catalogue of
//! client models from the scenarios that have one.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    for folder in ["../scenarios", "../pcaps"] {
        // A folder that does not exist would count as changed every time.
        if Path::new(folder).exists() {
            println!("cargo::rerun-if-changed={folder}");
        }
    }
    let out = env::var_os("OUT_DIR").map(PathBuf::from);
    let out = out.ok_or_else(|| io::Error::other("cargo says where to write"))?;
    fs::write(
        out.join("catalogue.rs"),
        catalogue(Path::new("../scenarios/clients"))?,
    )
}

/// A table of the names and the texts of the files that have a model, sorted by name.
fn catalogue(folder: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    if folder.exists() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let is_scenario = path.extension().is_some_and(|it| it == "yaml");
            if is_scenario && fs::read_to_string(&path)?.contains("\nmodel:") {
                files.push(path.canonicalize()?);
            }
        }
    }
    files.sort_by(|one, other| one.file_stem().cmp(&other.file_stem()));
    let mut table = String::from("const CATALOGUE: &[(&str, &str)] = &[\n");
    for path in files {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let _ = writeln!(table, "({name:?}, include_str!({path:?})),");
    }
    table.push_str("];\n");
    Ok(table)
}
