//! The sample that demo and tests share: a small catalog with every feature, the database behind two of its packages,
//! a Git repository that holds it, and an image.

pub mod images;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fbc::OpmVersion;
use index_db::Level;
use step::{Cancel, Error, Result};

/// A sample on disk.
#[derive(Debug)]
pub struct Sample {
    /// A directory with `configs/` and `index.db`.
    pub work: PathBuf,
    /// A bare repository whose branch `main` holds `configs/`.
    pub repository: PathBuf,
    /// A directory of OCI layouts, as a registry has repositories: `app` with the image `1.0`.
    pub registry: PathBuf,
}

/// Where the sample's sources are in the repository.
pub fn sources() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/sample"))
}

/// Real catalogs and goldens, which are beside the repository and not in it.
///
/// # Panics
/// When they are missing: a test that needs them cannot say anything then.
pub fn shared(path: &str) -> PathBuf {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")).join(path);
    assert!(path.exists(), "this test reads real catalogs at {}, which is missing: put them there", path.display());
    path
}

/// Makes the sample below `dir`, which is created.
pub fn make_sample(dir: &Path) -> Result<Sample> {
    let sample = Sample { work: dir.join("work"), repository: dir.join("catalog.git"), registry: dir.join("registry") };
    let configs = sample.work.join("configs");
    copy_tree(&sources().join("configs"), &configs)?;
    let database = sample.work.join("index.db");
    make_index_db(&database)?;
    // Two packages are derived from the database, as the catalogs of operators that have not opted in to FBC are.
    let opm = OpmVersion::default();
    index_db::migrate(&database, Level::for_opm(opm), opm, &Cancel::new(), |package, catalog| {
        let dir = configs.join(package.as_str());
        make_dir(&dir)?;
        write(&dir.join("catalog.json"), &catalog)
    })?;
    make_repository(&configs, &sample.repository)?;
    images::make_image(&sample.registry.join("app"), "1.0")?;
    Ok(sample)
}

/// Makes the sample's index database.
pub fn make_index_db(path: &Path) -> Result<()> {
    let sql = sources().join("index.sql");
    let sql = fs::read_to_string(&sql).map_err(|e| Error::io(format_args!("cannot read {}", sql.display()), e))?;
    let failed = |e| Error::internal(format!("cannot make {}", path.display())).because(e);
    let database = rusqlite::Connection::open(path).map_err(failed)?;
    database.execute_batch(&sql).map_err(failed)
}

/// Makes the bare repository `bare`, whose branch `main` holds the tree `configs` as `configs/`.
pub fn make_repository(configs: &Path, bare: &Path) -> Result<()> {
    let seed = bare.with_extension("seed");
    make_dir(&seed)?;
    git(&seed, &["init", "--quiet", "--initial-branch=main"])?;
    copy_tree(configs, &seed.join("configs"))?;
    write(&seed.join("Dockerfile"), b"FROM scratch\nADD configs /configs\n")?;
    git(&seed, &["add", "."])?;
    git(&seed, &["commit", "--quiet", "--message=The catalog"])?;
    git(Path::new("."), &["clone", "--quiet", "--bare", &seed.to_string_lossy(), &bare.to_string_lossy()])?;
    fs::remove_dir_all(&seed).map_err(|e| Error::io(format_args!("cannot remove {}", seed.display()), e))
}

/// Runs `git` in `dir`, untouched by the configuration of whoever runs the tests, and gives what it prints.
pub fn git(dir: &Path, args: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .current_dir(dir)
        .args(args)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs([("GIT_AUTHOR_NAME", "Sample"), ("GIT_AUTHOR_EMAIL", "sample@localhost")])
        .envs([("GIT_COMMITTER_NAME", "Sample"), ("GIT_COMMITTER_EMAIL", "sample@localhost")])
        .output()
        .map_err(|e| Error::io("cannot run git", e))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Error::internal(format!("git {} failed in {}", args.join(" "), dir.display())).details(said));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// Copies a tree of plain files; what is there already is overwritten.
pub fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    make_dir(to)?;
    let failed = |e| Error::io(format_args!("cannot copy {}", from.display()), e);
    for entry in fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            write(&target, &fs::read(entry.path()).map_err(failed)?)?;
        }
    }
    Ok(())
}

fn make_dir(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).map_err(|e| Error::io(format_args!("cannot make {}", dir.display()), e))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|e| Error::io(format_args!("cannot write {}", path.display()), e))
}
