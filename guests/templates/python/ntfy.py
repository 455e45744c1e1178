"""ntfy: each event as a message on a topic of an ntfy server, published as JSON
(https://docs.ntfy.sh/publish/#publish-as-json).

A module is a pure function: it has no network, files or clock, and it never sees a secret. It says what to send, and
the host sends it. The types are those of herald/wit/0.1.0/provider.wit.
"""

import json
import re

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.formatter import (
    Action_Finish,
    Address_Url,
    Base_Origin,
    Description,
    Failure_Misconfigured,
    Fragment_Secret,
    Fragment_Text,
    Placement,
    Places,
    Purpose,
    Request,
    Url,
)

TOKEN = "token"
# The longest message that is shown as one, in bytes (https://docs.ntfy.sh/publish/#limitations).
MESSAGE_LIMIT = 4096


class Formatter(exports.Formatter):
    def describe(self):
        return Description(
            summary="A message on a topic of an ntfy server",
            purpose=Purpose.MESSAGE,
            hosts=[],
            secrets=[Placement(TOKEN, Places.HEADER)],
            credentials=[],
            config_schema="",
        )

    def check(self, provider):
        """Everything wrong with a Provider that can be told without an event."""
        return problems(provider)

    def next(self, delivery):
        """What to send for one event. An exception is a bug; what a user can mend is raised as a failure."""
        event, provider = delivery.event, delivery.provider
        for problem in problems(provider):
            raise Err(Failure_Misconfigured(problem))
        thing = event.involved_object
        lines = [event.message] + [f"{key}: {value}" for key, value in event.metadata]
        is_error = event.severity == "error"
        message = {
            "topic": provider.channel,
            "title": ": ".join(filter(None, [f"{thing.kind.lower()}/{thing.name}.{thing.namespace}", words(event.reason)])),
            "message": cut("\n".join(lines), MESSAGE_LIMIT),
            "tags": ["rotating_light" if is_error else "white_check_mark"],
            "priority": 4 if is_error else 3,
        }
        headers = [("content-type", [Fragment_Text("application/json")])]
        if TOKEN in provider.secret_keys:
            # The host puts the value there once it has checked the request.
            headers.append(("authorization", [Fragment_Text("Bearer "), Fragment_Secret(TOKEN)]))
        # JSON is published to the server's root, whatever path the address has.
        url = Url(Base_Origin(), [], [])
        body = [Fragment_Text(json.dumps(message, ensure_ascii=False))]
        return Action_Finish(Request("POST", url, headers, body))


def problems(provider):
    found = []
    if not isinstance(provider.address, Address_Url):
        found.append("set spec.address to the server's URL, such as https://ntfy.sh")
    if not provider.channel:
        found.append("set spec.channel to the topic")
    return found


def words(reason):
    """`HealthCheckFailed` as `health check failed`."""
    reason = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", reason)
    return re.sub(r"([A-Z])([A-Z][a-z])", r"\1 \2", reason).lower()


def cut(text, limit):
    """The text in at most so many bytes of UTF-8, with … as the last character where it is cut."""
    mark = "…"
    whole = text.encode()
    if len(whole) <= limit:
        return text
    return whole[: limit - len(mark.encode())].decode(errors="ignore") + mark
