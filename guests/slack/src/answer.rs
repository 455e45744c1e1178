//! What the Web API's answer means: it says 200 and tells failure in the body.

use herald_provider::{Action, Failure, Response};

/// Judges an answer with a 2xx status; the host has judged all others.
pub(crate) fn judge(response: &Response) -> Result<Action, Failure> {
    // A page of a proxy or a login is not Slack's word that the message was posted. Whatever stands between may go
    // away, so the delivery is kept; at worst the message appears twice.
    let answer = response.json();
    let Some(ok) = answer.as_ref().and_then(|answer| answer["ok"].as_bool()) else {
        return Err(Failure::later("the answer is not one of Slack's: is a proxy in between?"));
    };
    if ok {
        return Ok(Action::delivered());
    }
    let member = |name: &str| answer.as_ref().and_then(|answer| answer[name].as_str());
    let error = member("error").unwrap_or("no error named");
    let mut reason = ["Slack responded with error: ", error].concat();
    // The scope that the token lacks, with `missing_scope`.
    if let Some(scope) = member("needed") {
        reason = [&reason, " (add the scope ", scope, " to the app)"].concat();
    }
    Err(match Blame::of(error) {
        Blame::Provider => Failure::misconfigured(reason),
        Blame::Slack => Failure::later(reason),
        Blame::Message => Failure::rejected(reason),
    })
}

/// What has to change before a message is taken.
enum Blame {
    /// The token, the channel, or what the workspace allows them.
    Provider,
    /// Nothing but the time.
    Slack,
    /// The message, which stays as it is.
    Message,
}

impl Blame {
    /// By the errors listed at `chat.postMessage`; one that is not listed here is taken to be about the message.
    fn of(error: &str) -> Self {
        match error {
            // The token.
            "access_denied"
            | "account_inactive"
            | "accesslimited"
            | "ekm_access_denied"
            | "enterprise_is_restricted"
            | "invalid_auth"
            | "missing_scope"
            | "no_permission"
            | "not_allowed_token_type"
            | "not_authed"
            | "org_login_required"
            | "team_access_not_granted"
            | "team_not_found"
            | "token_expired"
            | "token_revoked"
            | "two_factor_setup_required" => Blame::Provider,
            // The channel, and who may write there.
            "channel_not_found"
            | "is_archived"
            | "messages_tab_disabled"
            | "not_in_channel"
            | "restricted_action"
            | "restricted_action_non_threadable_channel"
            | "restricted_action_read_only_channel"
            | "restricted_action_thread_only_channel" => Blame::Provider,
            // The address: another method, or one that is gone.
            "deprecated_endpoint" | "method_deprecated" | "unknown_method" => Blame::Provider,
            "fatal_error"
            | "internal_error"
            | "message_limit_exceeded"
            | "rate_limited"
            | "ratelimited"
            | "request_timeout"
            | "service_unavailable"
            // A workspace on its way into an Enterprise organization.
            | "team_added_to_org" => Blame::Slack,
            _ => Blame::Message,
        }
    }
}
