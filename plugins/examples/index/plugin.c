/* Keeps an index of what was delivered: a line of text for each object, put at {url} whenever one comes. The smallest guest there is. */

#include <stdlib.h>
#include <string.h>

#include "sink_plugin.h"

#define INDEX_BYTES_MAX 60000

struct exports_billkeep_sink_sink_session_t {
    char url[1024];
};

typedef exports_billkeep_sink_sink_error_t error_t;

/* Makes an error; returns false, as the interface wants it. */
static bool failed(error_t *error, uint8_t kind, const char *code, const char *message, const char *field) {
    memset(error, 0, sizeof *error);
    error->kind = kind;
    sink_plugin_string_dup(&error->code, code);
    sink_plugin_string_dup(&error->message, message);
    if (field) {
        error->field.is_some = true;
        sink_plugin_string_dup(&error->field.val, field);
    }
    return false;
}

/* Finds the one setting, `url`: a text without escapes, which is all that a URL needs. */
static bool read_url(const sink_plugin_string_t *config, char *url, size_t url_bytes) {
    static const char key[] = "\"url\":\"";
    const char *at = NULL, *end = (const char *)config->ptr + config->len;
    for (const char *p = (const char *)config->ptr; p + sizeof key - 1 <= end; p++) {
        if (memcmp(p, key, sizeof key - 1) == 0) {
            at = p + sizeof key - 1;
            break;
        }
    }
    size_t n = 0;
    while (at && at + n < end && at[n] != '"' && at[n] != '\\') {
        n++;
    }
    if (!at || at + n == end || at[n] != '"' || n + 1 > url_bytes || n < 7 || memcmp(at, "http", 4) != 0) {
        return false;
    }
    memcpy(url, at, n);
    url[n] = 0;
    return true;
}

void exports_billkeep_sink_sink_describe(exports_billkeep_sink_sink_descriptor_t *ret) {
    memset(ret, 0, sizeof *ret);
    sink_plugin_string_dup(&ret->name, "index");
    sink_plugin_string_dup(&ret->version, "0.1.0");
    sink_plugin_string_dup(&ret->config_schema,
        "{\"type\":\"object\",\"required\":[\"url\"],\"properties\":{\"url\":{\"type\":\"string\",\"x-host\":true}}}");
    ret->write_modes.ptr = malloc(1);
    ret->write_modes.ptr[0] = BILLKEEP_SINK_TYPES_WRITE_MODE_IDEMPOTENT_PUT;
    ret->write_modes.len = 1;
    ret->max_concurrency = 1;
    sink_plugin_string_dup(&ret->docs_url, "plugins/examples/index/README.md");
}

void exports_billkeep_sink_sink_validate(sink_plugin_string_t *config, exports_billkeep_sink_sink_list_error_t *ret) {
    char url[1024];
    ret->ptr = NULL;
    ret->len = 0;
    if (!read_url(config, url, sizeof url)) {
        ret->ptr = malloc(sizeof *ret->ptr);
        ret->len = 1;
        failed(ret->ptr, BILLKEEP_SINK_TYPES_ERROR_KIND_CONFIG, "SETTING", "`url` has to begin with `https://`", "/url");
    }
    sink_plugin_string_free(config);
}

bool exports_billkeep_sink_sink_open(
    sink_plugin_string_t *config, exports_billkeep_sink_sink_own_session_t *ret, error_t *err) {
    exports_billkeep_sink_sink_session_t *session = malloc(sizeof *session);
    bool there = read_url(config, session->url, sizeof session->url);
    sink_plugin_string_free(config);
    if (!there) {
        free(session);
        return failed(err, BILLKEEP_SINK_TYPES_ERROR_KIND_CONFIG, "SETTING", "`url` has to begin with `https://`", "/url");
    }
    *ret = exports_billkeep_sink_sink_session_new(session);
    return true;
}

void exports_billkeep_sink_sink_session_destructor(exports_billkeep_sink_sink_session_t *session) {
    free(session);
}

/* What an answer's status says, as the interface names it; nothing for a success. */
static int kind_of(uint16_t status) {
    if (status >= 200 && status < 300) return -1;
    if (status == 401 || status == 403) return BILLKEEP_SINK_TYPES_ERROR_KIND_AUTH;
    if (status == 409 || status == 412) return BILLKEEP_SINK_TYPES_ERROR_KIND_CONFLICT;
    if (status == 429) return BILLKEEP_SINK_TYPES_ERROR_KIND_THROTTLED;
    if (status == 408 || status == 425 || status >= 500) return BILLKEEP_SINK_TYPES_ERROR_KIND_TRANSIENT;
    if (status < 400 || status == 404) return BILLKEEP_SINK_TYPES_ERROR_KIND_CONFIG;
    return BILLKEEP_SINK_TYPES_ERROR_KIND_REJECTED;
}

/* `Retry-After` in seconds, or an hour. */
static uint64_t retry_after_ms(const billkeep_sink_http_response_t *response) {
    for (size_t i = 0; i < response->headers.len; i++) {
        const sink_plugin_string_t *name = &response->headers.ptr[i].f0, *value = &response->headers.ptr[i].f1;
        if (name->len == 11 && memcmp(name->ptr, "retry-after", 11) == 0 && value->len > 0) {
            uint64_t s = 0;
            for (size_t n = 0; n < value->len; n++) {
                if (value->ptr[n] < '0' || value->ptr[n] > '9' || s > 1000000) return 3600000;
                s = s * 10 + (value->ptr[n] - '0');
            }
            return s * 1000;
        }
    }
    return 3600000;
}

static bool put_text(const char *url, const char *method, const uint8_t *text, size_t len, error_t *err) {
    billkeep_sink_http_request_t request;
    billkeep_sink_http_body_t body;
    billkeep_sink_http_response_t response;
    billkeep_sink_http_http_error_t none;
    memset(&request, 0, sizeof request);
    sink_plugin_string_set(&request.method, method);
    sink_plugin_string_set(&request.url, url);
    request.max_response_bytes = 65536;
    body.tag = text ? BILLKEEP_SINK_HTTP_BODY_BYTES : BILLKEEP_SINK_HTTP_BODY_NONE;
    body.val.bytes.ptr = (uint8_t *)text;
    body.val.bytes.len = len;
    if (!billkeep_sink_http_send(&request, &body, &response, &none)) {
        bool lasting = none.tag == BILLKEEP_SINK_HTTP_HTTP_ERROR_DENIED || none.tag == BILLKEEP_SINK_HTTP_HTTP_ERROR_TLS
            || none.tag == BILLKEEP_SINK_HTTP_HTTP_ERROR_RESPONSE_TOO_LARGE;
        billkeep_sink_http_http_error_free(&none);
        return lasting ? failed(err, BILLKEEP_SINK_TYPES_ERROR_KIND_CONFIG, "HTTP", "the request is not sent: is the host granted?", NULL)
                       : failed(err, BILLKEEP_SINK_TYPES_ERROR_KIND_TRANSIENT, "HTTP", "there is no answer", NULL);
    }
    int kind = kind_of(response.status);
    if (kind >= 0) {
        failed(err, (uint8_t)kind, "HTTP-STATUS", "the server does not take the index", NULL);
        err->http_status.is_some = true;
        err->http_status.val = response.status;
        if (kind == BILLKEEP_SINK_TYPES_ERROR_KIND_THROTTLED) {
            err->retry_after_ms.is_some = true;
            err->retry_after_ms.val = retry_after_ms(&response);
        }
    }
    billkeep_sink_http_response_free(&response);
    return kind < 0;
}

bool exports_billkeep_sink_sink_method_session_check(
    exports_billkeep_sink_sink_borrow_session_t self, error_t *err) {
    return put_text(self->url, "HEAD", NULL, 0, err);
}

/* Says whether a line is in a text already: the same object twice is one line. */
static bool has_line(const uint8_t *text, size_t len, const uint8_t *line, size_t line_len) {
    for (size_t at = 0; at + line_len <= len; at++) {
        if ((at == 0 || text[at - 1] == '\n') && memcmp(text + at, line, line_len) == 0) return true;
    }
    return false;
}

bool exports_billkeep_sink_sink_method_session_put(exports_billkeep_sink_sink_borrow_session_t self,
    exports_billkeep_sink_sink_object_t *object, exports_billkeep_sink_sink_borrow_blob_t data,
    exports_billkeep_sink_sink_receipt_t *ret, error_t *err) {
    static uint8_t text[INDEX_BYTES_MAX];
    size_t len = 0;
    sink_plugin_string_t key;
    sink_plugin_list_u8_t kept;
    sink_plugin_string_set(&key, "index");
    if (billkeep_sink_state_get(&key, &kept)) {
        len = kept.len < sizeof text ? kept.len : sizeof text;
        memcpy(text, kept.ptr, len);
        sink_plugin_list_u8_free(&kept);
    }
    /* The line: SHA-256, a space, the key. */
    size_t line_len = object->sha256.len + object->key.len + 2;
    uint8_t *line = malloc(line_len);
    memcpy(line, object->sha256.ptr, object->sha256.len);
    line[object->sha256.len] = ' ';
    memcpy(line + object->sha256.len + 1, object->key.ptr, object->key.len);
    line[line_len - 1] = '\n';
    bool done = true;
    if (!has_line(text, len, line, line_len)) {
        if (len + line_len > sizeof text) {
            done = failed(err, BILLKEEP_SINK_TYPES_ERROR_KIND_REJECTED, "INDEX-FULL", "the index is full: begin another one", NULL);
        } else {
            memcpy(text + len, line, line_len);
            len += line_len;
        }
    }
    free(line);
    if (done && put_text(self->url, "PUT", text, len, err)) {
        sink_plugin_list_u8_t value = {text, len};
        sink_plugin_string_t why;
        if (billkeep_sink_state_set(&key, &value, &why)) {
            memset(ret, 0, sizeof *ret);
            sink_plugin_string_dup(&ret->location, self->url);
            ret->bytes_written = object->size;
        } else {
            sink_plugin_string_free(&why);
            done = failed(err, BILLKEEP_SINK_TYPES_ERROR_KIND_CONFIG, "INDEX-STATE", "it has to remember its index: grant `--allow-state 64KiB`", NULL);
        }
    } else {
        done = false;
    }
    exports_billkeep_sink_sink_object_free(object);
    /* It is lent for the call, and has to be given back. */
    billkeep_sink_data_blob_drop_borrow(data);
    return done;
}

bool exports_billkeep_sink_sink_method_session_commit(exports_billkeep_sink_sink_borrow_session_t self, sink_plugin_string_t *run_id,
    exports_billkeep_sink_sink_list_receipt_t *receipts, error_t *err) {
    sink_plugin_string_free(run_id);
    exports_billkeep_sink_sink_list_receipt_free(receipts);
    return true;
}

bool exports_billkeep_sink_sink_method_session_abort(
    exports_billkeep_sink_sink_borrow_session_t self, sink_plugin_string_t *run_id, error_t *err) {
    sink_plugin_string_free(run_id);
    return true;
}
