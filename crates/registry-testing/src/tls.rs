//! The certificate of every server here, so that a client needs one authority for all.

use std::sync::{Arc, LazyLock};

use repo_testing::Tls;

pub(crate) fn shared() -> Arc<Tls> {
    static SHARED: LazyLock<Arc<Tls>> = LazyLock::new(Arc::default);
    SHARED.clone()
}
