//! The static binaries of steps: compiled here, or given.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use step::{Cancel, Error, Kind, Result};

/// An allocator in C says when it was compiled: at no time.
pub(super) const TIMELESS: [&str; 3] = ["-Wno-builtin-macro-redefined", r#"-D__DATE__="1970-01-01""#, r#"-D__TIME__="00:00:00""#];

/// Where the compiled binaries of an architecture are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    /// As OCI names it: `amd64`.
    pub(crate) architecture: String,
    /// A binary, or a directory of them.
    pub(crate) path: PathBuf,
}

/// A step's binary for an architecture.
#[derive(Clone, Debug)]
pub(crate) struct Binary {
    pub(crate) architecture: String,
    pub(crate) path: PathBuf,
}

impl Binary {
    /// Its bytes.
    pub(super) fn read(&self) -> Result<Vec<u8>> {
        read(&self.path)
    }
}

/// What `--binary` says.
pub(crate) fn given(text: &str) -> Result<Given, &'static str> {
    let (architecture, path) = text.split_once('=').ok_or("it must be ARCH=PATH, as arm64=target/aarch64/copy-image")?;
    if !["amd64", "arm64", "ppc64le", "s390x"].contains(&architecture) {
        return Err("the architecture is amd64, arm64, ppc64le or s390x");
    }
    Ok(Given { architecture: architecture.to_owned(), path: path.into() })
}

/// The binaries of each step, sorted by architecture: those given, else one compiled for this machine's.
pub(crate) fn all(steps: &[&str], given: &[Given], source: &Path, cancel: &Cancel) -> Result<BTreeMap<String, Vec<Binary>>> {
    let mut given = given.to_vec();
    if given.is_empty() {
        given.push(Given { architecture: own_architecture()?.to_owned(), path: compile(steps, source, cancel)? });
    }
    given.sort_by(|a, b| a.architecture.cmp(&b.architecture));
    if let Some(twice) = given.windows(2).find(|pair| pair[0].architecture == pair[1].architecture) {
        return Err(Error::new(Kind::Usage, format!("--binary is given twice for {}", twice[0].architecture)));
    }
    let mut all = BTreeMap::new();
    for step in steps {
        let mut binaries = Vec::new();
        for given in &given {
            let path = if given.path.is_dir() { given.path.join(step) } else { given.path.clone() };
            check(&path, &given.architecture)?;
            binaries.push(Binary { architecture: given.architecture.clone(), path });
        }
        all.insert((*step).to_owned(), binaries);
    }
    Ok(all)
}

/// The architecture of this machine, as OCI names it.
fn own_architecture() -> Result<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => Err(Error::bad_input(format!("steps are not compiled on {other}")).hint("give --binary ARCH=PATH")),
    }
}

/// Compiles the steps, and gives the directory of their binaries.
///
/// They are for musl where its target is installed, which is wholly static by nature; else for glibc, linked statically.
/// The list of what is in them is embedded by cargo-auditable. Paths of this machine are not.
fn compile(steps: &[&str], source: &Path, cancel: &Cancel) -> Result<PathBuf> {
    let source = source.canonicalize().map_err(|e| Error::io(format_args!("cannot open {}", source.display()), e))?;
    if !source.join("generator/Cargo.toml").is_file() {
        return Err(Error::not_found(format!("{} is no checkout of stepwright", source.display()))
            .hint("run this in one, or give --source DIR, or binaries: --binary ARCH=PATH"));
    }
    let machine = std::env::consts::ARCH;
    let installed = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let has = |target: &str| Path::new(installed.trim()).join("lib/rustlib").join(target).join("lib").is_dir();
    let musl = format!("{machine}-unknown-linux-musl");
    let (target, is_musl) = if has(&musl) { (musl, true) } else { (format!("{machine}-unknown-linux-gnu"), false) };
    // What an earlier build elsewhere had in its paths must not be in this one's.
    let cargo_home =
        std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{}/.cargo", std::env::var("HOME").unwrap_or_default()));
    let target_dir = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| source.join("target"), PathBuf::from);
    let target_dir = std::path::absolute(&target_dir).map_err(|e| Error::io("cannot tell the current directory", e))?;
    let places = [
        (source.to_string_lossy().into_owned(), "/stepwright"),
        (target_dir.to_string_lossy().into_owned(), "/target"),
        (cargo_home, "/cargo"),
        (installed.trim().to_owned(), "/rust"),
    ];
    let mut flags: Vec<String> = places.iter().map(|(from, to)| format!("--remap-path-prefix={from}={to}")).collect();
    flags.push("-Ctarget-feature=+crt-static".to_owned());
    let mut c_flags: Vec<String> = places.iter().map(|(from, to)| format!("-ffile-prefix-map={from}={to}")).collect();
    c_flags.extend(TIMELESS.map(str::to_owned));
    let variable = target.replace('-', "_");
    let mut command = Command::new("cargo");
    command.current_dir(&source).args(["auditable", "build", "--release", "--locked", "--target", &target]);
    for step in steps {
        command.args(["--bin", step]);
    }
    command
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .env(format!("CFLAGS_{variable}"), c_flags.join(" "))
        .env("CARGO_TARGET_DIR", &target_dir)
        .env_remove("RUSTFLAGS");
    if is_musl && std::env::var_os(format!("CC_{variable}")).is_none() {
        command.env(format!("CC_{variable}"), "musl-gcc");
    }
    tracing::info!(%target, steps = steps.join(" "), "compiling");
    let mut child = command.stdin(Stdio::null()).spawn().map_err(|e| Error::io("cannot run cargo", e))?;
    let status = loop {
        match child.try_wait().map_err(|e| Error::io("cannot wait for cargo", e))? {
            Some(status) => break status,
            None => {
                if let Err(error) = cancel.sleep(std::time::Duration::from_millis(100)) {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(error);
                }
            }
        }
    };
    if !status.success() {
        return Err(Error::internal(format!("cargo failed for {target} ({status})")).hint(if is_musl {
            "what it says above is why; it needs `cargo install cargo-auditable` and musl-gcc (Debian's musl-tools)"
        } else {
            "what it says above is why; it needs `cargo install cargo-auditable`"
        }));
    }
    Ok(target_dir.join(target).join("release"))
}

pub(super) fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| Error::io(format_args!("cannot run {program}"), e))?;
    if !output.status.success() {
        return Err(Error::internal(format!("{program} failed ({})", output.status))
            .details(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    String::from_utf8(output.stdout).map_err(|e| Error::internal(format!("{program} does not print UTF-8")).because(e))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    step::files::read_regular(path, 1 << 30)?
        .ok_or_else(|| Error::not_found(format!("there is no binary {}", path.display())).hint("compile it, or correct --binary"))
}

/// Fails unless the file can run from scratch: a static ELF binary for the architecture.
fn check(path: &Path, architecture: &str) -> Result<()> {
    let bytes = read(path)?;
    let refused =
        |why: String| Err(Error::bad_input(format!("{} cannot be in an image for {architecture}: {why}", path.display())));
    let half = |place: usize| bytes.get(place..place + 2).map_or(0, |pair| u16::from_le_bytes([pair[0], pair[1]]));
    let is_big = bytes.get(5) == Some(&2);
    let number = |place: usize| if is_big { half(place).swap_bytes() } else { half(place) };
    if !bytes.starts_with(b"\x7fELF") || bytes.get(4) != Some(&2) {
        return refused("it is no 64-bit ELF file".to_owned());
    }
    // The machine numbers of the ELF specification.
    let machine = match number(18) {
        62 => "amd64",
        183 => "arm64",
        21 => "ppc64le",
        22 => "s390x",
        _ => "another machine",
    };
    if machine != architecture {
        return refused(format!("it is for {machine}"));
    }
    let word = |place: usize| -> u64 {
        let bytes: [u8; 8] = bytes.get(place..place + 8).and_then(|bytes| bytes.try_into().ok()).unwrap_or_default();
        if is_big { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) }
    };
    let (headers, size, count) = (word(32), usize::from(number(54)), usize::from(number(56)));
    let headers = usize::try_from(headers).unwrap_or(usize::MAX);
    if count == 0 || headers.saturating_add(count * size) > bytes.len() {
        return refused("it is cut off".to_owned());
    }
    // PT_INTERP: it asks for a loader, which an image from scratch does not have.
    let interprets = (0..count).any(|header| {
        let place = headers.saturating_add(header * size);
        let kind = if is_big { number(place.saturating_add(2)) } else { number(place) };
        kind == 3
    });
    if interprets {
        return refused("it is linked dynamically".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_run_from_scratch_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("step");
        let said = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            check(&path, "amd64")
                .map_or_else(|e| e.to_string().replace(dir.path().to_str().unwrap(), "DIR"), |()| "fine".to_owned())
        };
        let mut elf = vec![0; 64 + 56];
        elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (elf[18], elf[32], elf[54], elf[56]) = (62, 64, 56, 1);
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let mut arm = elf.clone();
        arm[18] = 183;
        let shown = [said(b"#!/bin/sh\n"), said(b""), said(&elf), said(&arm), said(&own), said(&elf[..30])];
        insta::assert_snapshot!(shown.join("\n"), @"
        DIR/step cannot be in an image for amd64: it is no 64-bit ELF file
        DIR/step cannot be in an image for amd64: it is no 64-bit ELF file
        fine
        DIR/step cannot be in an image for amd64: it is for arm64
        DIR/step cannot be in an image for amd64: it is linked dynamically
        DIR/step cannot be in an image for amd64: it is cut off
        ");
        for text in ["arm64", "x86_64=a", "=a"] {
            assert!(given(text).is_err(), "{text}");
        }
    }
}
