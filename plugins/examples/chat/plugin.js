// Posts a summary of each bill to a chat, by its incoming webhook.

import { send } from 'billkeep:sink/http@0.1.0';

const SCHEMA = {
  type: 'object',
  required: ['url'],
  properties: {
    url: { type: 'string', 'x-host': true },
    kind: { type: 'string', enum: ['daily', 'monthly', 'reseller'], default: 'monthly' },
  },
};
const KINDS = SCHEMA.properties.kind.enum;

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
  const problems = [];
  if (typeof read.url !== 'string' || !/^https?:\/\//.test(read.url)) {
    problems.push(setting('url', '`url` has to begin with `https://`'));
  }
  if (read.kind !== undefined && !KINDS.includes(read.kind)) {
    problems.push(setting('kind', `\`kind\` is one of ${KINDS.join(', ')}`));
  }
  return [read, problems];
}

// Says what an answer's status means, if it is not a success.
function refused({ status, headers }) {
  const more = { httpStatus: status };
  const later = headers.find(([name]) => name.toLowerCase() === 'retry-after')?.[1] ?? '';
  const says = (kind) => error(kind, `HTTP-${status}`, `the chat answered ${status}`, more);
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

// An amount as people read it: thousands apart, and every decimal.
function amount(text) {
  const [, sign, whole, rest] = /^(-?)(\d+)(\.\d+)?$/.exec(text) ?? [text, '', text, ''];
  return sign + whole.replace(/\B(?=(\d{3})+$)/g, ',') + (rest ?? '');
}

function summary(manifest) {
  const state = manifest.final ? 'confirmed' : 'not confirmed';
  const totals = manifest.totals.map((t) => `${amount(t.total)} ${t.currency} in ${t.lines} lines`).join('; ');
  const { first, last } = manifest.coverage;
  return `Cloud bill ${manifest.month} (${manifest.kind}, ${first} to ${last}, revision ${manifest.revision}, ${state}): ${totals}`;
}

class Session {
  constructor(read) {
    this.url = read.url;
    this.kind = read.kind ?? 'monthly';
  }

  check() {
    sent('HEAD', this.url, [], { tag: 'none' });
  }

  put(object, data) {
    const tags = Object.fromEntries(object.tags);
    const receipt = (location) => ({ location, bytesWritten: object.size, remoteChecksum: undefined, tags: [] });
    if (tags.object !== 'manifest') return receipt(`${object.key} (told of by its manifest)`);
    const manifest = JSON.parse(new TextDecoder().decode(data.read(0n, 1 << 20)));
    if (manifest.kind !== this.kind) return receipt(`${object.key} (not told: not ${this.kind})`);
    const body = new TextEncoder().encode(JSON.stringify({ text: summary(manifest) }));
    const headers = [['content-type', 'application/json'], ['idempotency-key', object.idempotencyKey]];
    sent('POST', this.url, headers, { tag: 'bytes', val: body });
    return receipt(this.url);
  }

  commit(runId, receipts) {}

  abort(runId) {}
}

export const sink = {
  Session,
  describe: () => ({
    name: 'chat',
    version: '0.1.0',
    configSchema: JSON.stringify(SCHEMA),
    writeModes: ['idempotent-put'],
    maxObjectSize: undefined,
    maxConcurrency: 1,
    docsUrl: 'plugins/examples/chat/README.md',
  }),
  validate: (config) => settings(config)[1],
  open: (config) => {
    const [read, problems] = settings(config);
    if (problems.length > 0) throw problems[0];
    return new Session(read);
  },
};
