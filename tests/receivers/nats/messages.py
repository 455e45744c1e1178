"""Asks a server of NATS for the messages that its stream `flux` holds, and makes the stream if it is not there.

The argument is how to log in, as JSON, in the words of nats.connect. Prints a JSON list of subject, headers and data.
"""

import asyncio
import json
import sys

import nats
from nats.js.errors import NotFoundError


async def main():
    client = await nats.connect(**json.loads(sys.argv[1]))
    stream = client.jetstream()
    try:
        info = await stream.stream_info("flux")
    except NotFoundError:
        info = await stream.add_stream(name="flux", subjects=["flux.>"])
    held = []
    for number in range(1, info.state.messages + 1):
        message = await stream.get_msg("flux", number)
        held.append([message.subject, message.headers, message.data.decode()])
    await client.close()
    print(json.dumps(held))


asyncio.run(main())
