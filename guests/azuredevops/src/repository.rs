//! Where a repository's API is.

use std::borrow::Cow;

use herald_provider::{Base, Provider, Url, commit_status, git};

/// The host of Azure DevOps in the cloud.
pub(crate) const CLOUD: &str = "dev.azure.com";

/// The hosts of its SSH, whose paths are of another form, and the number that these begin with.
const SSH: [&str; 2] = ["ssh.dev.azure.com", "vs-ssh.visualstudio.com"];
const SSH_VERSION: &str = "v3";

/// The end of the hosts that organizations had before.
const FORMER: &str = ".visualstudio.com";

/// What stands between project and repository in the URL of a repository.
const GIT: &str = "_git";

/// What an address looks like.
const EXAMPLE: &str = "https://dev.azure.com/organization/project/_git/repository";

/// A repository, and the API that serves it.
#[derive(Debug)]
pub(crate) struct Repository<'a> {
    base: Base,
    /// The organization, or where a server of one's own has the collection; in lower case, as Flux has it.
    collection: Vec<String>,
    project: Cow<'a, str>,
    name: Cow<'a, str>,
}

impl<'a> Repository<'a> {
    /// The repository of this Provider, or what to change; `address` is its whole address.
    pub(crate) fn find(provider: &Provider, address: Option<&'a str>) -> Result<Self, String> {
        let path = commit_status::repository(provider, address, EXAMPLE)?.path;
        let parts: Vec<&'a str> = path.split('/').collect();
        let host = provider.origin().map(|origin| origin.host.as_str()).unwrap_or_default();
        let found = if SSH.contains(&host) { of_ssh(&parts) } else { of_git(&parts, host) };
        found.ok_or_else(|| {
            let why =
                "invalid repository id: the path does not name a project and its repository: ";
            [why, &commit_status::change(EXAMPLE)].concat()
        })
    }

    /// The statuses of this commit.
    pub(crate) fn statuses(&self, commit: &str) -> Url {
        let collection = self.collection.iter().map(String::as_str);
        let api = [&self.project, "_apis", "git", "repositories", &self.name];
        let segments = collection.chain(api).chain(["commits", commit, "statuses"]);
        Url::new(self.base.clone(), segments)
    }

    fn new(base: Base, collection: &[&str], project: &'a str, name: &'a str) -> Option<Self> {
        let is_empty = collection.iter().chain([&project, &name]).any(|part| part.is_empty());
        let lower = |part: &&str| git::decoded(part).to_ascii_lowercase();
        (!is_empty).then(|| Self {
            base,
            collection: collection.iter().map(lower).collect(),
            project: git::decoded(project),
            name: git::decoded(name),
        })
    }
}

/// `v3/organization/project/repository`, which Flux takes for an organization `v3`.
fn of_ssh<'a>(parts: &[&'a str]) -> Option<Repository<'a>> {
    let &[SSH_VERSION, organization, project, name] = parts else { return None };
    let base = Base::Site(["https://", CLOUD].concat());
    Repository::new(base, &[organization], project, name)
}

/// `organization/project/_git/repository`; before the project there may be more on a server of one's own, and less where
/// the host names the organization.
fn of_git<'a>(parts: &[&'a str], host: &str) -> Option<Repository<'a>> {
    let at = parts.iter().position(|part| *part == GIT)?;
    let (&[ref collection @ .., project], &[_, name]) = parts.split_at(at) else { return None };
    let is_whole = match collection.len() {
        0 => host.ends_with(FORMER),
        1 => true,
        _ => host != CLOUD,
    };
    is_whole.then(|| Repository::new(Base::Origin, collection, project, name))?
}
