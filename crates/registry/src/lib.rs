//! OCI: references, credentials, transfers, artifacts, layouts and archives.
//!
//! A step takes its parameters from [`Registries`], and puts a blob into a registry in three lines:
//!
//! ```no_run
//! # fn push(registries: registry::Registries, cancel: step::Cancel, image: registry::ImageRef) -> step::Result<()> {
//! let client = registries.client(&cancel)?;
//! let blob = client.push(&image)?.push_bytes("text/plain".into(), b"hello")?;
//! assert_eq!(blob.size, 5);
//! # Ok(())
//! # }
//! ```
//!
//! [`copy()`] copies images between registries, layouts and archives ([`Location`] names them all). Every request is tried
//! again where that can help, every content is checked against its digest, and credentials go to the registry that they
//! are for and to nobody else.

mod archive;
mod args;
pub mod artifact;
mod checked;
pub mod client;
mod combine;
pub mod copy;
mod credentials;
mod digest;
mod inspect;
mod layout;
mod manifest;
mod media_type;
mod partial;
mod reference;

pub use archive::{Archive, ArchiveWriter, Section};
pub use args::Registries;
pub use checked::Checked;
pub use client::{Client, Reference, Repository};
pub use combine::{Combined, combine};
pub use copy::{Copied, Format, copy};
pub use credentials::{Credentials, Environment, Login};
pub use digest::{Algorithm, Digest, Hasher, InvalidDigest};
pub use inspect::{Inspected, inspect};
pub use layout::{BlobReader, BlobWriter, Layout};
pub use manifest::{Descriptor, Image, Index, Manifest, ManifestKind, Platform};
pub use media_type::{InvalidMediaType, MediaType};
pub use reference::{ArchiveRef, Host, ImageRef, InvalidReference, LayoutRef, LayoutTag, Location, Prefix, RepositoryName, Tag};
