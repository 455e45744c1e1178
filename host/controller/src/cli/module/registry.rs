//! `herald module push`, `pull`, `save` and `load`: modules in OCI registries, and past them where there is no way to one.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;

use crate::cli::{Failed, print};
use crate::modules::MAX_MODULE_BYTES;
use crate::registry::Registries;
use crate::registry::archive::Archive;
use crate::registry::image::Image;
use crate::registry::login::Login;
use crate::telemetry::report;

/// How a registry is asked.
#[derive(Debug, Args)]
struct Access {
    /// Logins as `docker login` writes them; without it, ~/.docker/config.json if that is there.
    #[arg(long, value_name = "FILE", env = "HERALD_REGISTRY_CONFIG")]
    registry_config: Option<PathBuf>,
    /// The authority that signed the registry's certificate, as PEM, besides those of the system.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Ask without TLS.
    #[arg(long)]
    insecure: bool,
}

impl Access {
    fn open(&self, image: &Image) -> Result<(Registries, Login), Failed> {
        let insecure: BTreeSet<String> =
            self.insecure.then(|| image.registry().to_owned()).into_iter().collect();
        let login = match self.logins()? {
            Some((path, json)) => Login::parse(&json)
                .map_err(|err| Failed::Usage(format!("{} {}", path.display(), report(&err))))?,
            None => Login::default(),
        };
        let ca = self.ca.as_deref().map(read).transpose()?;
        Ok((Registries::new(insecure, MAX_MODULE_BYTES), login.trusting(ca)))
    }

    fn logins(&self) -> Result<Option<(PathBuf, String)>, Failed> {
        if let Some(path) = &self.registry_config {
            return Ok(Some((path.clone(), read(path)?)));
        }
        let Some(path) = std::env::home_dir().map(|home| home.join(".docker/config.json")) else {
            return Ok(None);
        };
        Ok(std::fs::read_to_string(&path).ok().map(|json| (path, json)))
    }
}

fn read(path: &Path) -> Result<String, Failed> {
    std::fs::read_to_string(path)
        .map_err(|err| Failed::Usage(format!("cannot read {}: {err}", path.display())))
}

/// What leaves a registry, and where it goes.
#[derive(Debug, Args)]
struct Get {
    /// What to get: REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:DIGEST.
    #[arg(value_name = "REFERENCE")]
    reference: Image,
    /// The file to write: a module as .wasm, a saved one as .tar.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    access: Access,
}

fn unwritten(file: &Path, err: &io::Error) -> Failed {
    Failed::Run(format!("cannot write {}: {err}", file.display()))
}

/// What goes to a registry.
#[derive(Debug, Args)]
struct Put {
    /// The file: a module as .wasm, a saved one as .tar.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to put it: REGISTRY/REPOSITORY:TAG.
    #[arg(value_name = "REFERENCE")]
    reference: Image,
    #[command(flatten)]
    access: Access,
}

/// Put a module into an OCI registry, in the layout of the CNCF for WebAssembly.
///
/// Prints the name with the digest of its manifest, for `source.oci.reference` of a ProviderModule and for
/// `cosign sign --key`.
#[derive(Debug, Args)]
pub(super) struct Push {
    #[command(flatten)]
    put: Put,
}

impl Push {
    pub(super) async fn run(self) -> Result<(), Failed> {
        let Put { file, reference, access } = self.put;
        let wasm = std::fs::read(&file)
            .map_err(|err| Failed::Usage(format!("cannot read {}: {err}", file.display())))?;
        if !wasm.starts_with(b"\0asm") {
            let file = file.display();
            return Err(Failed::Usage(format!(
                "{file} is no WebAssembly; give what `herald module build` made"
            )));
        }
        let (registries, login) = access.open(&reference)?;
        let pushed = registries.push(&reference, &login, wasm, Timestamp::now()).await;
        let digest = pushed.map_err(|err| Failed::run(&err))?;
        print(reference.at(&digest));
        Ok(())
    }
}

/// Get a module from an OCI registry as a file for the folder of `--modules-dir`.
///
/// `herald module save` gets it with its signatures, to carry it to another registry.
#[derive(Debug, Args)]
pub(super) struct Pull {
    #[command(flatten)]
    get: Get,
}

impl Pull {
    pub(super) async fn run(self) -> Result<(), Failed> {
        let Get { reference, file, access } = self.get;
        let (registries, login) = access.open(&reference)?;
        let pulled = registries.pull(&reference, &login).await;
        let artifact = pulled.map_err(|err| Failed::run(&err))?;
        std::fs::write(&file, &artifact.wasm).map_err(|err| unwritten(&file, &err))?;
        print(format_args!(
            "{} from {}",
            herald_engine::digest(&artifact.wasm),
            reference.at(&artifact.manifest)
        ));
        Ok(())
    }
}

/// Save a module of an OCI registry and its signatures in one file, to carry it to where the registry cannot be reached.
///
/// The file is an OCI image layout in a tar archive. What `herald module load` puts into another registry has the same
/// digests, so that what is pinned or signed stays so.
#[derive(Debug, Args)]
pub(super) struct Save {
    #[command(flatten)]
    get: Get,
}

impl Save {
    pub(super) async fn run(self) -> Result<(), Failed> {
        let Get { reference, file, access } = self.get;
        let (registries, login) = access.open(&reference)?;
        let saved = registries.save(&reference, &login).await;
        let archive = saved.map_err(|err| Failed::run(&err))?;
        std::fs::File::create(&file)
            .and_then(|to| archive.write(io::BufWriter::new(to)))
            .map_err(|err| unwritten(&file, &err))?;
        let signed =
            if archive.is_signed() { "with its signatures" } else { "which is not signed" };
        print(format_args!("{}, {signed}", reference.at(archive.digest())));
        Ok(())
    }
}

/// Put a module that `herald module save` has saved into an OCI registry, with its signatures.
#[derive(Debug, Args)]
pub(super) struct Load {
    #[command(flatten)]
    put: Put,
}

impl Load {
    pub(super) async fn run(self) -> Result<(), Failed> {
        let Put { file, reference, access } = self.put;
        let wrong = |why: String| Failed::Usage(format!("{}: {why}", file.display()));
        if reference.has_digest() {
            return Err(Failed::Usage(format!(
                "{reference} names a digest; give a tag, as the digest is that of the file"
            )));
        }
        let from = std::fs::File::open(&file).map_err(|err| wrong(err.to_string()))?;
        let archive = Archive::read(io::BufReader::new(from), MAX_MODULE_BYTES)
            .map_err(|err| wrong(report(&err)))?;
        let (registries, login) = access.open(&reference)?;
        let loaded = registries.load(&archive, &reference, &login).await;
        let digest = loaded.map_err(|err| Failed::run(&err))?;
        print(reference.at(&digest));
        Ok(())
    }
}
