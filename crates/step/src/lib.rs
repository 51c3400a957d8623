//! What every step is made of.

pub mod cancel;
mod error;
pub mod files;

pub use cancel::Cancel;
pub use error::{Error, Kind, Result};
pub use files::RelativePath;
