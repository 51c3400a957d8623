//! Git's smart HTTP protocol, version 0 in stateless form: what a server has, one commit from it, one branch to it.
//!
//! `gitprotocol-http(5)` and `gitprotocol-pack(5)` describe it; every server speaks it.

mod advertisement;
mod client;
mod fetch;
mod pkt;
mod push;

use std::sync::OnceLock;

use step::retry::{Failure, Policy};
use step::{Cancel, Result};

use crate::Options;
use crate::remote::Heads;
use crate::url::HttpUrl;

use advertisement::Advertisement;
use client::Client;

/// A repository on a server.
pub(crate) struct Http {
    url: HttpUrl,
    client: Client,
    retry: Policy,
    cancel: Cancel,
    /// What the server accepts, once a push has asked.
    receiver: OnceLock<Advertisement>,
}

/// One of the two things that a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    UploadPack,
    ReceivePack,
}

impl Http {
    pub(crate) fn new(url: HttpUrl, options: Options, cancel: Cancel) -> Result<Self> {
        let retry = options.retry.clone();
        Ok(Http { client: Client::new(&url, &options, cancel.clone())?, url, retry, cancel, receiver: OnceLock::new() })
    }

    pub(crate) fn heads(&self) -> Result<Heads> {
        Ok(self.ask(Service::UploadPack)?.heads)
    }

    /// What the server has, asked until it answers.
    fn ask(&self, service: Service) -> Result<Advertisement> {
        let what = format!("asking {} for its branches", self.url);
        self.retry.run(&self.cancel, &what, || self.ask_once(service))
    }

    fn ask_once(&self, service: Service) -> Result<Advertisement, Failure> {
        let (base, body) = self.client.discover(&self.url, service)?;
        Advertisement::read(base, service, body)
    }
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Service::UploadPack => "git-upload-pack",
            Service::ReceivePack => "git-receive-pack",
        }
    }
}
