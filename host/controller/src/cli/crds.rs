//! `herald crds`: the definitions of the custom resources, for `kubectl apply` or for the files in `deploy/crds`.

use std::fs;
use std::path::PathBuf;

use clap::Args;

use super::{Failed, print};
use crate::sources::cluster::crds;

/// Print the CustomResourceDefinitions of Provider and Alert.
///
/// herald crds | kubectl apply --server-side -f -
#[derive(Debug, Args)]
pub(super) struct Crds {
    /// Write each into a file of this folder instead.
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
}

impl Crds {
    pub(super) fn run(self) -> Result<(), Failed> {
        for (name, definition) in crds::definitions() {
            let text = crds::to_yaml(&definition);
            match &self.write {
                None => print(text.trim_end()),
                Some(dir) => {
                    let path = dir.join(name);
                    fs::write(&path, text).map_err(|err| {
                        Failed::Run(format!("cannot write {}: {err}", path.display()))
                    })?;
                }
            }
        }
        Ok(())
    }
}
