// Sends bills to a server: PUT {url}/{key}.

import { send } from 'billkeep:sink/http@0.1.0';

const SCHEMA = { type: 'object', required: ['url'], properties: { url: { type: 'string', 'x-host': true } } };

const error = (kind, code, message, more = {}) => ({ kind, code, message, ...more });
const setting = (name, message) => error('config', 'SETTING', message, { field: `/${name}` });

// Reads settings; returns them, and all that is wrong with them.
function settings(config) {
  let read;
  try {
    read = JSON.parse(config);
  } catch (e) {
    return [{}, [setting('', `settings are no JSON: ${e.message}`)]];
  }
  if (read === null || typeof read !== 'object' || Array.isArray(read)) {
    return [{}, [setting('', 'settings are a JSON object')]];
  }
  if (typeof read.url !== 'string' || !/^https?:\/\//.test(read.url)) {
    return [read, [setting('url', '`url` has to begin with `https://`')]];
  }
  return [read, []];
}

// Says what an answer's status means, if it is not a success.
function refused({ status, headers }) {
  const more = { httpStatus: status };
  const later = headers.find(([name]) => name.toLowerCase() === 'retry-after')?.[1] ?? '';
  const says = (kind) => error(kind, `HTTP-${status}`, `the server answered ${status}`, more);
  if (status === 401 || status === 403) return says('auth');
  if (status === 409 || status === 412) return says('conflict');
  if (status === 429) {
    const ms = /^\d+$/.test(later) ? Number(later) * 1000 : Math.max(0, Date.parse(later) - Date.now()) || 3600000;
    more.retryAfterMs = BigInt(Math.round(ms));
    return says('throttled');
  }
  if (status === 408 || status === 425 || status >= 500) return says('transient');
  if (status < 400 || status === 404) return says('config');
  return says('rejected');
}

// Sends a request; what is thrown is an error of the interface.
function sent(method, url, headers, body) {
  let answer;
  try {
    answer = send({ method, url, headers, timeoutMs: undefined, maxResponseBytes: 65536 }, body);
  } catch (e) {
    const { tag, val } = e.payload ?? e;
    const lasting = ['denied', 'tls', 'response-too-large'].includes(tag);
    throw error(lasting ? 'config' : 'transient', `HTTP-${tag}`, `${tag}: ${val ?? ''}`);
  }
  if (answer.status < 200 || answer.status >= 300) throw refused(answer);
}

class Session {
  constructor(read) {
    this.url = read.url.replace(/\/+$/, '');
  }

  check() {
    sent('HEAD', `${this.url}/`, [], { tag: 'none' });
  }

  put(object, data) {
    const url = `${this.url}/${encodeURIComponent(object.key)}`;
    const headers = [['idempotency-key', object.idempotencyKey]];
    if (object.mode === 'create-only') headers.push(['if-none-match', '*']);
    // It goes from billkeep's disk to the network, and never through here.
    sent('PUT', url, headers, { tag: 'blob', val: data });
    return { location: url, bytesWritten: object.size, remoteChecksum: undefined, tags: [] };
  }

  commit(runId, receipts) {}

  abort(runId) {}
}

export const sink = {
  Session,
  describe: () => ({
    name: '@NAME@',
    version: '0.1.0',
    configSchema: JSON.stringify(SCHEMA),
    writeModes: ['idempotent-put'],
    maxObjectSize: undefined,
    maxConcurrency: 1,
    docsUrl: '',
  }),
  validate: (config) => settings(config)[1],
  open: (config) => {
    const [read, problems] = settings(config);
    if (problems.length > 0) throw problems[0];
    return new Session(read);
  },
};
