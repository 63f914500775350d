// Judges requests with Clerk's own authenticateRequest(): one JSON line on stdin, one on stdout.
//
//   {"now", "method", "url", "headers", "client", "options", "pending"}
//   -> {"status", "reason", "token_type", "location", "cookies", "auth", "token", "calls"}
//
// An exception that the SDK lets out is the status "crash".

import { webcrypto } from 'node:crypto';
import { Agent, request } from 'node:http';
import { createInterface } from 'node:readline';

globalThis.crypto ??= webcrypto; // Node.js 18 has it, but not there

let now = 0;
Date.now = () => now; // where the SDK takes the time from
const later = globalThis.setTimeout;
globalThis.setTimeout = (callback, _, ...rest) => later(callback, 0, ...rest); // retries do not wait
for (const name of ['log', 'info', 'warn', 'error']) console[name] = () => {};

// The SDK takes fetch as it finds it when it is loaded. Node's own looks at the clock, which is bent
// here; this one does not, and keeps a list.
const agent = new Agent({ keepAlive: true });
let calls = [];
globalThis.fetch = (url, { method = 'GET', headers, body = null }) => {
  const given = new Headers(headers);
  const target = url.slice(new URL(url).origin.length);
  calls.push({ method, target, bearer: given.get('authorization'), body });
  return new Promise((resolve, reject) => {
    const options = { method, agent, headers: Object.fromEntries(given) };
    const sent = request(url, options, async answer => {
      const { statusCode: status, headers } = answer;
      const text = Buffer.concat(await answer.toArray());
      resolve(new Response(status === 204 ? null : text, { status, headers }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
};

const { createClerkClient } = await import('@clerk/backend');

const clients = new Map();
function clientOf(options) {
  const name = JSON.stringify(options);
  if (!clients.has(name)) clients.set(name, createClerkClient(options));
  return clients.get(name);
}

const given = members =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null && value !== undefined));

const SESSION = {
  user_id: 'userId',
  session_id: 'sessionId',
  session_status: 'sessionStatus',
  org_id: 'orgId',
  org_role: 'orgRole',
  org_slug: 'orgSlug',
  org_permissions: 'orgPermissions',
  actor: 'actor',
  factor_verification_age: 'factorVerificationAge',
};
const MACHINE = {
  id: 'id',
  name: 'name',
  subject: 'subject',
  scopes: 'scopes',
  claims: 'claims',
  user_id: 'userId',
  org_id: 'orgId',
  machine_id: 'machineId',
  client_id: 'clientId',
};

async function shown(state, pending) {
  const auth = state.toAuth({ treatPendingAsSignedOut: !pending });
  if (!auth?.isAuthenticated) return null;
  const names = auth.tokenType === 'session_token' ? SESSION : MACHINE;
  const members = Object.entries(names).map(([name, theirs]) => [name, auth[theirs]]);
  return given(Object.fromEntries(members));
}

async function judged({ now: moment, method, url, headers, client, options, pending }) {
  now = moment;
  calls = [];
  let state;
  try {
    const asked = new Request(url, { method, headers });
    state = await clientOf(client).authenticateRequest(asked, options);
  } catch (error) {
    return { status: 'crash', reason: `${error}`, calls };
  }
  let auth;
  try {
    auth = await shown(state, pending);
  } catch (error) {
    auth = `crash: ${error}`;
  }
  return {
    status: state.status,
    reason: state.reason,
    token_type: state.tokenType,
    location: state.headers.get('location'),
    cookies: state.headers.getSetCookie(),
    auth,
    token: state.token,
    calls,
  };
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  process.stdout.write(`${JSON.stringify(await judged(JSON.parse(line)))}\n`);
}
