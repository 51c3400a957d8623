//! Steps for images and artifacts in registries. They share a crate because they share everything but a few lines; each is
//! a binary, an image and a Task of its own.

mod copy_image;

pub use copy_image::CopyImage;
