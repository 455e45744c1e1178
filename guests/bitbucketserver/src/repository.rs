//! Where a repository's API is.

use std::borrow::Cow;

use herald_provider::{Base, Provider, Url, commit_status, git};

/// What an address looks like.
const EXAMPLE: &str = "https://bitbucket.example/scm/project/repository.git";

/// What stands between the server's own path and the repository in the URL that it is cloned from.
const SCM: &str = "scm";

/// The longest link that a build may have (`RestBuildStatusSetRequest.url`,
/// <https://developer.atlassian.com/server/bitbucket/rest/v906/api-group-builds-and-deployments/>).
const LINK_LIMIT: usize = 450;

/// A repository, and the path of the server that has it.
#[derive(Debug)]
pub(crate) struct Repository<'a> {
    /// The address itself, which a build links to.
    pub(crate) link: &'a str,
    context: Vec<Cow<'a, str>>,
    project: Cow<'a, str>,
    name: Cow<'a, str>,
}

impl<'a> Repository<'a> {
    /// The repository of this Provider, or what to change; `address` is its whole address.
    pub(crate) fn find(provider: &Provider, address: Option<&'a str>) -> Result<Self, String> {
        let wrong = |why: &str| Err([why, ": ", commit_status::change(EXAMPLE).as_str()].concat());
        let path = commit_status::repository(provider, address, EXAMPLE)?.path;
        let parts: Vec<&str> = path.split('/').collect();
        // The last one counts, as the server's own path may have such a part as well.
        let Some(at) = parts.iter().rposition(|part| *part == SCM) else {
            return wrong("the address is not the URL that the repository is cloned from by HTTP");
        };
        let (context, repository) = parts.split_at(at);
        let &[_, project, name] = repository else {
            return wrong("invalid repository id: after /scm/ there is not a project and a name");
        };
        if project.is_empty() || name.is_empty() {
            return wrong("invalid repository id: the project or the name is empty");
        }
        let link = address.unwrap_or_default();
        if link.chars().count() > LINK_LIMIT {
            return wrong("the address is longer than the 450 characters of a build's link");
        }
        Ok(Self {
            link,
            context: context.iter().map(|part| git::decoded(part)).collect(),
            project: git::decoded(project),
            name: git::decoded(name),
        })
    }

    /// The builds of this commit.
    pub(crate) fn builds(&self, commit: &str) -> Url {
        let context = self.context.iter().map(Cow::as_ref);
        let api = ["rest", "api", "latest", "projects", &self.project, "repos", &self.name];
        let segments = context.chain(api).chain(["commits", commit, "builds"]);
        Url::new(Base::Origin, segments)
    }
}
