"""The official RELAY client (`signalwire.relay.RelayClient`) with a subscriber's token, against our socket: not a
browser, of protocol version 2.0.0, and another hand than the browser SDK's."""

import asyncio
import logging
import unittest

from signalwire.relay import RelayClient
from signalwire.rest import RestClient

from stage import API_TOKEN, PROJECT, Server


# Says how long each step took in a test's event loop.
logging.getLogger("asyncio").setLevel(logging.ERROR)


async def until(what, holds, within=20):
    end = asyncio.get_running_loop().time() + within
    while not holds():
        assert asyncio.get_running_loop().time() < end, f"not within {within} s: {what}"
        await asyncio.sleep(0.02)


class Relay(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.server = Server("--ping-every", "1s")
        self.addCleanup(self.server.close)
        tokens = RestClient(project=PROJECT, token=API_TOKEN, host=self.server.host).fabric.tokens
        sat = tokens.create_subscriber_token(reference="alice@example.com")["token"]
        self.client = RelayClient(jwt_token=sat, host=self.server.host)
        await self.client.connect()
        self.addAsyncCleanup(self.client.disconnect)

    async def test_it_connects_answers_pings_and_calls(self):
        [connect] = self.server.frames("signalwire.connect")
        self.assertEqual(connect["params"]["version"], {"major": 2, "minor": 0, "revision": 0})
        self.assertTrue(self.client.relay_protocol.startswith("signalwire_"))
        await self.client.execute("subscriber.online", {})
        self.assertEqual(self.server.calls("online"), (1, 0, 0))
        # A socket whose pings are not answered is dropped.
        await asyncio.sleep(2.5)
        self.assertEqual(self.server.order("counts")["counts"]["sessions_live"], 1)

    async def test_a_lost_socket_is_resumed(self):
        await until("the state has come", lambda: self.client._authorization_state)
        self.server.do("drop_sockets")
        # As its blocking `run()` does.
        await self.client._recv_task
        await self.client.connect()
        self.assertEqual(self.server.calls("resume"), (1, 0, 0))
        await self.client.execute("subscriber.online", {})
        self.assertEqual(self.server.calls("fresh_connect"), (1, 0, 0))


if __name__ == "__main__":
    unittest.main()
