//! Other people's tools, each in a home of its own: nothing of the developer's configuration counts, and nothing is left.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::{process, tls};

/// A tool that trusts the authority of [`Registry::ca_pem`](crate::Registry::ca_pem) and takes images from anybody.
#[derive(Debug)]
pub struct Tool {
    program: PathBuf,
    home: TempDir,
}

// === impl Tool ===

impl Tool {
    /// Debian's skopeo. With a registry that speaks plain http it wants `--tls-verify=false`.
    pub fn skopeo() -> Self {
        Tool::new(PathBuf::from("skopeo"))
    }

    /// Debian's buildah, its storage in its home. With a registry that speaks plain http it wants `--tls-verify=false`.
    pub fn buildah() -> Self {
        Tool::new(PathBuf::from("buildah"))
    }

    /// oras, from its Go module. With a registry that speaks plain http it wants `--plain-http`.
    pub fn oras() -> Self {
        Tool::new(tool("oras"))
    }

    /// crane, from its Go module.
    pub fn crane() -> Self {
        Tool::new(tool("crane"))
    }

    fn new(program: PathBuf) -> Self {
        let home = tempfile::tempdir().unwrap();
        let containers = home.path().join(".config/containers");
        fs::create_dir_all(&containers).unwrap();
        fs::create_dir(home.path().join("tmp")).unwrap();
        fs::write(containers.join("policy.json"), r#"{"default": [{"type": "insecureAcceptAnything"}]}"#).unwrap();
        fs::write(containers.join("registries.conf"), "unqualified-search-registries = []\n").unwrap();
        let storage = home.path().join("storage");
        let storage =
            format!("[storage]\ndriver = \"vfs\"\ngraphroot = \"{0}/graph\"\nrunroot = \"{0}/run\"\n", storage.display());
        fs::write(containers.join("storage.conf"), storage).unwrap();
        fs::write(home.path().join("ca.crt"), tls::shared().ca_pem()).unwrap();
        Tool { program, home }
    }

    /// Its home: what is written to `.docker/config.json` there are its credentials.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes the credentials for a registry where the tool finds them.
    pub fn login(&self, host: &str, user: &str, password: &str) {
        use base64::Engine;
        let auth = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        let config = serde_json::json!({"auths": {host: {"auth": auth}}});
        fs::create_dir_all(self.home().join(".docker")).unwrap();
        fs::write(self.home().join(".docker/config.json"), config.to_string()).unwrap();
    }

    /// The tool with these arguments, in its home, not started yet: for measuring, or an environment of its own.
    pub fn command(&self, args: &[&str]) -> Command {
        let home = self.home.path();
        let mut command = process::command(self.program.to_str().unwrap());
        command
            .args(args)
            .current_dir(home)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("TMPDIR", home.join("tmp"))
            .env("XDG_RUNTIME_DIR", home.join("tmp"))
            .env("SSL_CERT_FILE", home.join("ca.crt"))
            .env("CONTAINERS_STORAGE_CONF", home.join(".config/containers/storage.conf"))
            .env("CONTAINERS_REGISTRIES_CONF", home.join(".config/containers/registries.conf"))
            .env("BUILDAH_ISOLATION", "chroot");
        command
    }

    /// Runs it to its end.
    pub fn output(&self, args: &[&str]) -> Output {
        let program = self.program.display();
        self.command(args).output().unwrap_or_else(|error| panic!("cannot run {program}: {error}; tests/require installs it"))
    }

    /// Runs it, and gives what it prints without the final line break. Panics when it fails.
    pub fn run(&self, args: &[&str]) -> String {
        let output = self.output(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {}: {}\n{said}", self.program.display(), args.join(" "), output.status);
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }
}

/// Where a tool is that is built from its Go module: `oras`, `crane`. Builds it when it is not there yet.
pub fn tool(name: &str) -> PathBuf {
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/tools/build");
    let output = Command::new(&build).arg(name).output().unwrap_or_else(|error| panic!("{}: {error}", build.display()));
    assert!(output.status.success(), "no {name}: {}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end())
}
