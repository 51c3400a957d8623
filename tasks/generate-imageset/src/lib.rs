//! The step `generate-imageset`.
