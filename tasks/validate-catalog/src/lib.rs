//! The step `validate-catalog`: says whether a file-based catalog is valid, as `opm validate` does.

use fbc::{Limits, OpmVersion, Tree};
use step::{About, Context, Error, Kind, ReadOnlyDir, RelativePath, Result, Step};

/// The step.
pub struct ValidateCatalog;

/// The step's parameters.
#[derive(clap::Args, Debug)]
pub struct Params {
    /// The catalog's directory, below the workspace `source`.
    #[arg(long, value_name = "PATH", default_value = "configs")]
    pub catalog_dir: RelativePath,

    /// The opm version whose rules apply: `v1.48.0`, also written `opm-v1.48.0`.
    #[arg(long, value_name = "VERSION", default_value_t)]
    pub opm_version: OpmVersion,

    /// The largest catalog file that is read, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().max_file_size)]
    pub max_file_size: u64,

    /// Where the catalog is.
    #[arg(long, value_name = "DIR")]
    pub source: ReadOnlyDir,
}

step::results! {
    /// What a valid catalog holds.
    pub struct Outcome {
        /// How many packages the catalog has.
        #[result("PACKAGES", max = 20)]
        pub packages: usize,
        /// How many channels they have.
        #[result("CHANNELS", max = 20)]
        pub channels: usize,
        /// How many bundles they have.
        #[result("BUNDLES", max = 20)]
        pub bundles: usize,
    }
}

impl Step for ValidateCatalog {
    type Params = Params;
    type Results = Outcome;
    const ABOUT: About = About {
        name: "validate-catalog",
        version: env!("CARGO_PKG_VERSION"),
        display_name: "Validate catalog",
        summary: "Says whether a file-based operator catalog is valid.",
        description: "The verdict is that of `opm validate` in the version asked for. Where opm stops at the first error of \
            some kinds, this step reports all of them at once, sorted, so that one run shows everything there is to mend. A \
            catalog with errors fails the step with exit code 1.\n\n\
            The directory is read as opm reads it: every file is part of the catalog, whatever its name, unless an \
            `.indexignore` file says otherwise.",
        categories: &["Code Quality"],
        tags: &["olm", "operator-catalog", "validation"],
        permissions: &[],
        memory: "256Mi",
        cpu: "100m",
    };

    fn run(params: Params, cx: &Context) -> Result<Outcome> {
        let dir = params.source.path().join(&params.catalog_dir);
        step::files::contained(params.source.path(), &dir)
            .map_err(|error| error.hint("set catalog-dir to the catalog's directory"))?;
        let limits = Limits { max_file_size: params.max_file_size, ..Limits::default() };
        let tree = Tree::read(&dir, &limits)?;
        let verdict = fbc::validate(&tree, params.opm_version, &cx.cancel)?;
        if !verdict.is_valid() {
            let message = format!("{} is not a valid catalog for opm {}", dir.display(), params.opm_version);
            return Err(Error::new(Kind::Findings, message).details(verdict.to_string()).hint("mend what is listed above"));
        }
        let counts = verdict.counts();
        Ok(Outcome { packages: counts.packages, channels: counts.channels, bundles: counts.bundles })
    }
}
