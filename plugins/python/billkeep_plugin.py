"""What plugins in Python share: errors, answers, settings."""

import json

from componentize_py_types import Err
from wit_world.imports import http
from wit_world.imports.types import Error, ErrorKind


def error(kind, code, message, *, field=None, status=None, retry_after_ms=None):
    return Error(kind, code, message, retry_after_ms, field, status)


def setting(name, message):
    """A setting is wrong: which one, and what it has to be."""
    return error(ErrorKind.CONFIG, "SETTING", message, field=f"/{name}")


def read_settings(config):
    """Reads settings; returns them, and what is wrong with them as a whole."""
    try:
        read = json.loads(config)
    except ValueError as e:
        return {}, [setting("", f"settings are no JSON: {e}")]
    if not isinstance(read, dict):
        return {}, [setting("", "settings are a JSON object")]
    return read, []


def url_of(read):
    """Returns what is wrong with the setting `url`."""
    url = read.get("url")
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        return [setting("url", "`url` has to begin with `https://`")]
    return []


def accepted(response):
    """Makes an error of an answer whose status is one."""
    status = response.status
    if 200 <= status < 300:
        return response
    later = next((value for name, value in response.headers if name.lower() == "retry-after"), "")
    retry_after_ms = None
    if status in (401, 403):
        kind = ErrorKind.AUTH
    elif status in (409, 412):
        kind = ErrorKind.CONFLICT
    elif status == 429:
        kind = ErrorKind.THROTTLED
        retry_after_ms = int(later) * 1000 if later.isdigit() else 3_600_000
    elif status in (408, 425) or status >= 500:
        kind = ErrorKind.TRANSIENT
    elif status < 400 or status == 404:
        kind = ErrorKind.CONFIG
    else:
        kind = ErrorKind.REJECTED
    raise Err(error(kind, f"HTTP-{status}", f"the server answered {status}", status=status, retry_after_ms=retry_after_ms))


def send(method, url, headers, body):
    try:
        return accepted(http.send(http.Request(method, url, headers, None, 1 << 20), body))
    except Err as e:
        if isinstance(e.value, Error):
            raise
        lasting = (http.HttpError_Denied, http.HttpError_Tls, http.HttpError_ResponseTooLarge)
        kind = ErrorKind.CONFIG if isinstance(e.value, lasting) else ErrorKind.TRANSIENT
        raise Err(error(kind, "HTTP", f"{type(e.value).__name__}: {getattr(e.value, 'value', '')}")) from None
