"""Sends bills to a server: PUT {url}/{key}."""

import json
from urllib.parse import quote

from billkeep_plugin import read_settings, send, url_of
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.sink import Descriptor
from wit_world.imports import http
from wit_world.imports.types import Receipt, WriteMode

SCHEMA = {"type": "object", "required": ["url"], "properties": {"url": {"type": "string", "x-host": True}}}


def settings(config):
    """Reads settings; returns them, and all that is wrong with them."""
    read, problems = read_settings(config)
    return read, problems or url_of(read)


class Session(exports.sink.Session):
    def __init__(self, url):
        self.url = url.rstrip("/")

    def check(self):
        send("HEAD", f"{self.url}/", [], http.Body_None_())

    def put(self, object, data):
        url = f"{self.url}/{quote(object.key, safe='')}"
        headers = [("idempotency-key", object.idempotency_key)]
        if object.mode == WriteMode.CREATE_ONLY:
            headers.append(("if-none-match", "*"))
        # It goes from billkeep's disk to the network, and never through here.
        send("PUT", url, headers, http.Body_Blob(data))
        return Receipt(url, object.size, None, [])

    def commit(self, run_id, receipts):
        pass

    def abort(self, run_id):
        pass


class Sink(exports.Sink):
    def describe(self):
        return Descriptor("@NAME@", "0.1.0", json.dumps(SCHEMA), [WriteMode.IDEMPOTENT_PUT], None, 1, "")

    def validate(self, config):
        return settings(config)[1]

    def open(self, config):
        read, problems = settings(config)
        if problems:
            raise Err(problems[0])
        return Session(read["url"])
