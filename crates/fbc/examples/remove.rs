//! Removal for measurements: `cargo run --release -p fbc --example remove -- DIR PACKAGE…` edits DIR in place.

use std::collections::BTreeSet;
use std::path::Path;

use fbc::{Edit, Limits, PackageName, Tree};
use step::Cancel;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().unwrap_or_else(|| ".".into());
    let names: BTreeSet<PackageName> = args.map(|name| name.parse()).collect::<Result<_, _>>()?;
    let cancel = Cancel::new();
    let tree = Tree::read(Path::new(&dir), &Limits::default())?;
    let mut edit = Edit::new(&tree);
    let found = edit.remove_packages(&names, &cancel)?;
    edit.apply(Path::new(&dir), &Path::new(&dir).join(fbc::SCRATCH), &cancel)?;
    #[expect(clippy::print_stdout, reason = "what a command line does")]
    for name in found {
        println!("{name}");
    }
    Ok(())
}
