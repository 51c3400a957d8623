//! What oc-mirror shall mirror.
