/* Sends bills to a server: PUT {url}/{key}. */

#include <stdlib.h>
#include <string.h>

#include "sink_plugin.h"

#define URL_BYTES 1024
#define PUT_URL_BYTES 4096

struct exports_billkeep_sink_sink_session_t {
    char url[URL_BYTES];
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

static bool wrong_url(error_t *error) {
    return failed(error, BILLKEEP_SINK_TYPES_ERROR_KIND_CONFIG, "SETTING", "`url` has to begin with `https://`", "/url");
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
    while (n > 0 && at[n - 1] == '/') {
        n--;
    }
    memcpy(url, at, n);
    url[n] = 0;
    return true;
}

void exports_billkeep_sink_sink_describe(exports_billkeep_sink_sink_descriptor_t *ret) {
    memset(ret, 0, sizeof *ret);
    sink_plugin_string_dup(&ret->name, "@NAME@");
    sink_plugin_string_dup(&ret->version, "0.1.0");
    sink_plugin_string_dup(&ret->config_schema,
        "{\"type\":\"object\",\"required\":[\"url\"],\"properties\":{\"url\":{\"type\":\"string\",\"x-host\":true}}}");
    ret->write_modes.ptr = malloc(1);
    ret->write_modes.ptr[0] = BILLKEEP_SINK_TYPES_WRITE_MODE_IDEMPOTENT_PUT;
    ret->write_modes.len = 1;
    ret->max_concurrency = 1;
    sink_plugin_string_dup(&ret->docs_url, "");
}

void exports_billkeep_sink_sink_validate(sink_plugin_string_t *config, exports_billkeep_sink_sink_list_error_t *ret) {
    char url[URL_BYTES];
    ret->ptr = NULL;
    ret->len = 0;
    if (!read_url(config, url, sizeof url)) {
        ret->ptr = malloc(sizeof *ret->ptr);
        ret->len = 1;
        wrong_url(ret->ptr);
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
        return wrong_url(err);
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

/* Sends a request, and makes an error of an answer whose status is one. */
static bool sent(billkeep_sink_http_request_t *request, billkeep_sink_http_body_t *body, error_t *err) {
    billkeep_sink_http_response_t response;
    billkeep_sink_http_http_error_t none;
    request->max_response_bytes = 65536;
    if (!billkeep_sink_http_send(request, body, &response, &none)) {
        bool lasting = none.tag == BILLKEEP_SINK_HTTP_HTTP_ERROR_DENIED || none.tag == BILLKEEP_SINK_HTTP_HTTP_ERROR_TLS
            || none.tag == BILLKEEP_SINK_HTTP_HTTP_ERROR_RESPONSE_TOO_LARGE;
        billkeep_sink_http_http_error_free(&none);
        return lasting ? failed(err, BILLKEEP_SINK_TYPES_ERROR_KIND_CONFIG, "HTTP", "the request is not sent: is the host granted?", NULL)
                       : failed(err, BILLKEEP_SINK_TYPES_ERROR_KIND_TRANSIENT, "HTTP", "there is no answer", NULL);
    }
    int kind = kind_of(response.status);
    if (kind >= 0) {
        failed(err, (uint8_t)kind, "HTTP-STATUS", "the server does not take it", NULL);
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
    char url[URL_BYTES + 1];
    strcat(strcpy(url, self->url), "/");
    billkeep_sink_http_request_t request = {0};
    billkeep_sink_http_body_t body = {.tag = BILLKEEP_SINK_HTTP_BODY_NONE};
    sink_plugin_string_set(&request.method, "HEAD");
    sink_plugin_string_set(&request.url, url);
    return sent(&request, &body, err);
}

/* Writes {url}/{key}: a letter, digit, `-`, `.`, `_` or `~` as it is, any other byte as %XX. */
static bool write_url(char *url, const char *base, const sink_plugin_string_t *key) {
    static const char hex[] = "0123456789ABCDEF";
    size_t n = strlen(base);
    if (n + 1 + 3 * key->len + 1 > PUT_URL_BYTES) return false;
    memcpy(url, base, n);
    url[n++] = '/';
    for (size_t i = 0; i < key->len; i++) {
        unsigned char c = (unsigned char)key->ptr[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("-._~", c));
        if (plain) {
            url[n++] = (char)c;
        } else {
            url[n++] = '%';
            url[n++] = hex[c >> 4];
            url[n++] = hex[c & 15];
        }
    }
    url[n] = 0;
    return true;
}

bool exports_billkeep_sink_sink_method_session_put(exports_billkeep_sink_sink_borrow_session_t self,
    exports_billkeep_sink_sink_object_t *object, exports_billkeep_sink_sink_borrow_blob_t data,
    exports_billkeep_sink_sink_receipt_t *ret, error_t *err) {
    static char url[PUT_URL_BYTES];
    sink_plugin_tuple2_string_string_t headers[2];
    billkeep_sink_http_request_t request = {0};
    /* It goes from billkeep's disk to the network, and never through here. */
    billkeep_sink_http_body_t body = {.tag = BILLKEEP_SINK_HTTP_BODY_BLOB, .val.blob = data};
    bool done = write_url(url, self->url, &object->key);
    if (done) {
        sink_plugin_string_set(&request.method, "PUT");
        sink_plugin_string_set(&request.url, url);
        request.headers.ptr = headers;
        request.headers.len = 1;
        sink_plugin_string_set(&headers[0].f0, "idempotency-key");
        headers[0].f1 = object->idempotency_key;
        if (object->mode == BILLKEEP_SINK_TYPES_WRITE_MODE_CREATE_ONLY) {
            sink_plugin_string_set(&headers[1].f0, "if-none-match");
            sink_plugin_string_set(&headers[1].f1, "*");
            request.headers.len = 2;
        }
        done = sent(&request, &body, err);
    } else {
        failed(err, BILLKEEP_SINK_TYPES_ERROR_KIND_REJECTED, "URL", "the URL and the name are too long together", NULL);
    }
    if (done) {
        memset(ret, 0, sizeof *ret);
        sink_plugin_string_dup(&ret->location, url);
        ret->bytes_written = object->size;
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
