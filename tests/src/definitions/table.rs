//! The table: for each type the requests that its receivers take, and what each is held against. The first that a request
//! is meant for counts. A type that is not here says it beside its cases.

use super::library::library;
use super::operation::{ADDRESS, ANY, ENDING};
use super::request::Request;
use super::takes::{Takes, to};
use super::{envelope, limits, telegram};

/// Slack's names in what Discord takes in Slack's form, and passes over.
const SLACK_ONLY: &[&str] = &[
    "channel",
    "icon_emoji",
    "attachments/*/fallback",
    "attachments/*/mrkdwn_in",
    "attachments/*/fields/*/short",
    "attachments/*/fields/*/title",
];

/// What the receivers of a type take; nothing for a type that nobody says it of.
pub(super) fn of(kind: &str) -> Vec<Takes> {
    match kind {
        // Whole events.
        "generic" => vec![
            to("cloudevent", "structured", ADDRESS)
                .when(|request| {
                    request.body.value().is_some_and(|body| !body["specversion"].is_null())
                })
                .and(limits::standard_webhook),
            to("event", "forward", ADDRESS).and(limits::standard_webhook),
        ],
        "generic-hmac" => vec![to("event", "forward", ADDRESS).and(limits::signature)],
        "nats" => vec![to("nats", "publish", "").at_most(1 << 20)],
        // The largest of all tiers (<https://learn.microsoft.com/azure/event-hubs/event-hubs-quotas>): a request does not tell
        // which one its namespace has, so the module's own tests hold the others.
        "azureeventhub" => vec![
            to("entra-token", "token", "").when(is_sign_in),
            to("azureeventhub", "send", "").at_most(1 << 20),
        ],
        // <https://cloud.google.com/pubsub/quotas#resource_limits>.
        "googlepubsub" => vec![
            to("google-token", "token", "").when(|request| request.host == "oauth2.googleapis.com"),
            to("google-token", "exchange", "").when(|request| request.host == "sts.googleapis.com"),
            to("google-token", "impersonate", "")
                .with(AUTHORIZATION)
                .when(|request| request.host == "iamcredentials.googleapis.com"),
            to("googlepubsub", "pubsub.projects.topics.publish", "")
                .with(AUTHORIZATION)
                .at_most(10 << 20)
                .and(limits::pubsub_messages),
        ],
        "githubdispatch" => github(&["repos/create-dispatch-event"]),

        // Chats.
        "slack" => vec![
            to("slack", "chat.postMessage", "")
                .when(|request| ["slack.com", "slack-gov.com"].contains(&request.host.as_str())),
            to("slack", "webhook", ADDRESS),
        ],
        "discord" => vec![
            to("discord", "execute_slack_compatible_webhook", ENDING)
                .ignoring(SLACK_ONLY)
                .within("discord")
                .and(limits::discord_embeds),
            to("discord", "execute_webhook", ADDRESS).within("discord").and(limits::discord_embeds),
        ],
        "rocket" => vec![to("rocket", "webhook", ADDRESS)],
        // 28 KB (<https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using>).
        "msteams" => vec![
            to("messagecard", "connector", ADDRESS)
                .when(|request| request.body.value().is_some_and(|body| !body["@type"].is_null()))
                .at_most(28 << 10),
            to("msteams", "workflow", ADDRESS).at_most(28 << 10).and(limits::adaptive_cards),
        ],
        // <https://developers.google.com/workspace/chat/api/reference/rest/v1/spaces.messages/create>.
        "googlechat" => {
            vec![to("googlechat", "chat.spaces.messages.create", ADDRESS).at_most(32_000)]
        }
        "webex" => vec![
            to("webex-webhook", "incoming", ADDRESS)
                .when(|request| request.header("authorization").is_none())
                .and(limits::webex_text),
            to("webex", "createMessage", ADDRESS).within("webex").and(limits::webex_text),
        ],
        "telegram" => vec![
            to("telegram", "sendMessage", "")
                .when(|request| request.host == "api.telegram.org")
                .within("telegram")
                .and(telegram::text),
        ],
        // <https://open.larksuite.com/document/client-docs/bot-v3/add-custom-bot>.
        "lark" => vec![to("lark", "hook", ADDRESS).at_most(20 << 10)],
        "matrix" => vec![
            to("matrix", "sendMessage", ANY).within("matrix").and(limits::matrix_event),
            to("matrix-r0", "send", ANY).within("matrix").and(limits::matrix_event),
            to("matrix-r0", "directory", ANY),
            to("matrix-r0", "directory-r0", ANY),
        ],
        "zulip" => vec![to("zulip", "send-message", "").with(AUTHORIZATION).within("zulip")],
        "zoom" => vec![to("zoom", "incomingwebhook", ADDRESS)],

        // Alerts and observability.
        "opsgenie" => vec![
            to("opsgenie", "closeAlert", ANY).with(AUTHORIZATION).within("opsgenie-close"),
            to("opsgenie", "createAlert", ADDRESS)
                .with(AUTHORIZATION)
                .within("opsgenie")
                .and(limits::opsgenie_details),
        ],
        // The state is Alertmanager's to find out.
        "alertmanager" => vec![
            to("alertmanager", "postAlerts", ADDRESS)
                .ignoring(&["*/status"])
                .within("alertmanager"),
        ],
        // One body for both calls: each passes over the other's members.
        "grafana" => vec![
            to("grafana", "graphite", ANY).ignoring(&["time", "text"]).and(limits::grafana_tags),
            to("grafana", "annotation", ADDRESS)
                .ignoring(&["when", "what"])
                .and(limits::grafana_tags),
        ],
        // 512 KB (<https://developer.pagerduty.com/docs/send-alert-event>).
        "pagerduty" => vec![
            to("pagerduty", "enqueue", "").at_most(512_000),
            to("pagerduty", "change", "").at_most(512_000),
        ],
        "incident.io" => {
            vec![to("incident.io", "createHTTP", ADDRESS).with(AUTHORIZATION).within("incident.io")]
        }
        "datadog" => vec![to("datadog", "CreateEvent", "").with(&["dd-api-key"])],
        "sentry" => vec![to("envelope", "envelope", ANY).and(envelope::envelope)],
        "otel" => vec![to("otel", "Export", ADDRESS).within("otel").and(limits::span_times)],

        // Commit statuses.
        "github" => github(&["repos/list-commit-statuses-for-ref", "repos/create-commit-status"]),
        "gitlab" => vec![to("gitlab", "list-statuses", ANY), to("gitlab", "set-status", ANY)],
        "gitea" => vec![
            to("gitea", "repoListStatusesByRef", GITEA).with(AUTHORIZATION),
            to("gitea", "repoCreateStatus", GITEA).with(AUTHORIZATION).within("gitea-status"),
        ],
        "bitbucket" => vec![
            to("bitbucket", "getBuildStatus", "/2.0").with(AUTHORIZATION),
            to("bitbucket", "createBuildStatus", "/2.0").with(AUTHORIZATION).within("bitbucket"),
        ],
        "bitbucketserver" => {
            vec![to("bitbucketserver", "get", ANY), to("bitbucketserver", "set", ANY)]
        }
        "azuredevops" => vec![
            to("entra-token", "token", "").when(is_sign_in),
            to("azuredevops-former", "list", "")
                .with(AUTHORIZATION)
                .when(is_former_azure)
                .and(limits::azure_version),
            to("azuredevops-former", "create", "")
                .with(AUTHORIZATION)
                .when(is_former_azure)
                .within("azuredevops")
                .and(limits::azure_version),
            to("azuredevops", "Statuses_List", ANY).with(AUTHORIZATION).and(limits::azure_version),
            to("azuredevops", "Statuses_Create", ANY)
                .with(AUTHORIZATION)
                .within("azuredevops")
                .and(limits::azure_version),
        ],

        // Comments on change requests.
        "githubpullrequestcomment" => github(&[
            "users/get-authenticated",
            "apps/get-authenticated",
            "issues/list-comments",
            "issues/create-comment",
            "issues/update-comment",
        ]),
        "gitlabmergerequestcomment" => vec![
            to("gitlab", "user", ANY),
            to("gitlab", "list-notes", ANY),
            to("gitlab", "create-note", ANY),
            to("gitlab", "update-note", ANY),
        ],
        // Gitea gives all comments at once and has no pages of them.
        "giteapullrequestcomment" => vec![
            to("gitea", "userGetCurrent", GITEA).with(AUTHORIZATION),
            to("gitea", "issueGetComments", GITEA)
                .with(AUTHORIZATION)
                .asked_also(&["page", "limit"]),
            to("gitea", "issueCreateComment", GITEA).with(AUTHORIZATION).within("comment"),
            to("gitea", "issueEditComment", GITEA).with(AUTHORIZATION).within("comment"),
        ],
        _ => with_its_cases(kind),
    }
}

/// Where clients of Microsoft Entra sign in, in each cloud.
fn is_sign_in(request: &Request) -> bool {
    let hosts = ["login.microsoftonline.com", "login.microsoftonline.us", "login.chinacloudapi.cn"];
    hosts.contains(&request.host.as_str())
}

/// What the cases of a type say themselves, in a file `takes.json`: its operations, wherever the Provider's address
/// leads, and nothing but them.
fn with_its_cases(kind: &str) -> Vec<Takes> {
    let operations = library().operations_of(kind);
    operations.map(|(file, id)| to(file, id, ANY)).collect()
}

/// The host of an organization before September 2018, which is still answered.
fn is_former_azure(request: &Request) -> bool {
    request.host.ends_with(".visualstudio.com")
}

const AUTHORIZATION: &[&str] = &["authorization"];
const GITEA: &str = "/api/v1";

/// Operations of GitHub's at its own host and under the path of an Enterprise server, and those by which an App gets a
/// token.
fn github(operations: &[&'static str]) -> Vec<Takes> {
    let app = [
        "apps/get-org-installation",
        "apps/get-user-installation",
        "apps/create-installation-access-token",
    ];
    let both = operations.iter().chain(&app).flat_map(|&id| [(id, ""), (id, "/api/v3")]);
    both.map(|(id, base)| {
        let takes = to("github", id, base).with(&["authorization", "accept"]);
        match id {
            "repos/create-commit-status" => takes.within("github-status"),
            "issues/create-comment" | "issues/update-comment" => takes.within("comment"),
            "repos/create-dispatch-event" => takes.and(limits::dispatch_payload),
            // The comments of one issue come in the order of their ids, whatever is asked for.
            "issues/list-comments" => takes.asked_also(&["sort", "direction"]),
            _ => takes,
        }
    })
    .collect()
}
