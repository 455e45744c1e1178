//! The flags that say whose identities Providers may use, under the names that the peer gives them.

use clap::Args;

use crate::credentials::GkeCluster;
use crate::sources::cluster::IdentitySettings;

/// The gate that opens `spec.serviceAccountName`.
const IDENTITIES: &str = "ObjectLevelWorkloadIdentity";

/// Whose identities Providers may use; without effect with --config-dir.
#[derive(Debug, Args)]
#[command(next_help_heading = "Identities in a cluster")]
pub(super) struct IdentityFlags {
    /// With `ObjectLevelWorkloadIdentity=true` a Provider may use the identity of a ServiceAccount of its namespace, which
    /// `spec.serviceAccountName` names. Other gates of Flux are accepted and without effect.
    #[arg(long, value_name = "GATE=BOOL", env = "HERALD_FEATURE_GATES", value_delimiter = ',', value_parser = parse_gate)]
    feature_gates: Vec<Gate>,
    /// The ServiceAccount, in the namespace of each, of Providers that name none and have no credentials in their Secret.
    ///
    /// The identity in Herald's own environment is then used for none. Needs the gate.
    #[arg(long, value_name = "NAME", env = "HERALD_DEFAULT_SERVICE_ACCOUNT")]
    default_service_account: Option<String>,
    /// The cluster of GKE that Herald runs in, for the type googlepubsub: no metadata server is asked for it.
    #[arg(long, value_name = "projects/P/locations/L/clusters/C", env = "HERALD_GKE_CLUSTER")]
    gke_cluster: Option<GkeCluster>,
}

/// A gate and whether it is open.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Gate {
    name: String,
    is_open: bool,
}

/// Reads one gate, as Go's own flags do.
fn parse_gate(text: &str) -> Result<Gate, String> {
    let (name, value) = text.trim().split_once('=').unwrap_or((text.trim(), ""));
    let is_open = match value.trim() {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
        "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
        _ => return Err(format!("a gate is written GATE=BOOL, such as {IDENTITIES}=true")),
    };
    Ok(Gate { name: name.trim().to_owned(), is_open })
}

impl IdentityFlags {
    /// The gates that were given and mean nothing to Herald.
    pub(super) fn without_effect(&self) -> Vec<String> {
        let others = self.feature_gates.iter().filter(|gate| gate.name != IDENTITIES);
        others.map(|gate| format!("--feature-gates={}", gate.name)).collect()
    }

    /// Whose identities may be used, if any, and the cluster of GKE; unless the flags contradict each other.
    pub(super) fn into_settings(
        self,
    ) -> Result<(Option<IdentitySettings>, Option<GkeCluster>), String> {
        let gate = self.feature_gates.iter().rev().find(|gate| gate.name == IDENTITIES);
        let is_open = gate.is_some_and(|gate| gate.is_open);
        let default_name = self.default_service_account.filter(|name| !name.is_empty());
        if default_name.is_some() && !is_open {
            return Err(format!(
                "--default-service-account needs --feature-gates={IDENTITIES}=true"
            ));
        }
        Ok((is_open.then_some(IdentitySettings { default_name }), self.gke_cluster))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        flags: IdentityFlags,
    }

    fn read(args: &[&str]) -> Result<(Option<IdentitySettings>, Option<GkeCluster>), String> {
        let args = std::iter::once("herald").chain(args.iter().copied());
        let flags = Flags::try_parse_from(args).map_err(|err| err.to_string())?.flags;
        flags.into_settings()
    }

    #[test]
    fn identities_are_used_where_the_gate_is_open() {
        assert_eq!(read(&[]), Ok((None, None)));
        let other = "--feature-gates=CacheSecretsAndConfigMaps=true,ObjectLevelWorkloadIdentity=0";
        assert_eq!(read(&[other]), Ok((None, None)));
        let open = "--feature-gates=ObjectLevelWorkloadIdentity=true";
        let none = IdentitySettings { default_name: None };
        assert_eq!(read(&[open]), Ok((Some(none), None)));
        let default = "--default-service-account=flux";
        let named = IdentitySettings { default_name: Some("flux".to_owned()) };
        assert_eq!(read(&[open, default]).unwrap().0, Some(named));
        assert!(read(&[default]).unwrap_err().contains("ObjectLevelWorkloadIdentity=true"));
        assert!(read(&["--feature-gates=ObjectLevelWorkloadIdentity"]).is_err());
        assert!(read(&["--gke-cluster=c"]).unwrap_err().contains("projects/PROJECT"));
    }
}
