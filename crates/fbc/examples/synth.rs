//! Writes a synthetic catalog for measurements: `cargo run --release -p fbc --example synth -- DIR MEGABYTES [PACKAGES]`.
//!
//! Each package is a directory with one JSON file: a package, a channel and bundles with base64 bundle objects, the kind
//! of content that makes real catalogs large.

use std::io::{self, Write};
use std::path::Path;

use base64::Engine;

const BUNDLES: usize = 5;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: usize| args.get(index).and_then(|arg| arg.parse().ok()).unwrap_or(default);
    let (megabytes, packages) = (number(1, 1000), number(2, 2000));
    let dir = Path::new(args.first().map_or("synth", String::as_str));
    // What one bundle object must weigh for the catalog to weigh as much as asked.
    let object = megabytes * 1_000_000 / packages / BUNDLES;
    for package in 0..packages {
        let name = format!("package-{package:04}");
        std::fs::create_dir_all(dir.join(&name))?;
        let mut file = io::BufWriter::new(std::fs::File::create(dir.join(&name).join("catalog.json"))?);
        writeln!(file, r#"{{"schema":"olm.package","name":"{name}","defaultChannel":"stable"}}"#)?;
        let entries: Vec<String> = (0..BUNDLES)
            .map(|i| match i {
                0 => format!(r#"{{"name":"{name}.v1.0.0"}}"#),
                i => format!(r#"{{"name":"{name}.v1.{i}.0","replaces":"{name}.v1.{}.0"}}"#, i - 1),
            })
            .collect();
        writeln!(file, r#"{{"schema":"olm.channel","name":"stable","package":"{name}","entries":[{}]}}"#, entries.join(","))?;
        for i in 0..BUNDLES {
            let manifest = manifest(&name, i, object * 3 / 4);
            let data = base64::engine::general_purpose::STANDARD.encode(manifest);
            let image = format!("quay.io/example/{name}@sha256:{:064x}", package * BUNDLES + i);
            writeln!(
                file,
                r#"{{"schema":"olm.bundle","name":"{name}.v1.{i}.0","package":"{name}","image":"{image}","properties":[{{"type":"olm.package","value":{{"packageName":"{name}","version":"1.{i}.0"}}}},{{"type":"olm.bundle.object","value":{{"data":"{data}"}}}}],"relatedImages":[{{"name":"","image":"{image}"}}]}}"#
            )?;
        }
        file.flush()?;
    }
    Ok(())
}

/// A ClusterServiceVersion of about that many bytes.
fn manifest(name: &str, version: usize, size: usize) -> String {
    let mut text = format!(
        r#"{{"apiVersion":"operators.coreos.com/v1alpha1","kind":"ClusterServiceVersion","metadata":{{"name":"{name}.v1.{version}.0"}},"spec":{{"notes":["#
    );
    let mut line = 0;
    while text.len() < size {
        let comma = if line == 0 { "" } else { "," };
        text.push_str(&format!(r#"{comma}"line {line} of what {name} 1.{version} does, and how it is set up""#));
        line += 1;
    }
    text.push_str("]}}");
    text
}
