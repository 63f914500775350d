// Asks Clerk's own JavaScript SDK: one JSON question a line on stdin, one JSON answer a line on stdout.
//
//   {"op": "auth",   "token", "jwt_key", "now"}            -> what the auth object says, or null if signed out
//   {"op": "has",    "token", "jwt_key", "now", "asked"}   -> whether the session has what is asked
//   {"op": "verify", "token", "jwt_key" | "jwks", "now", "options"} -> "accepted" or the reason code
//   {"op": "key",    "text"}                               -> what a publishable key says, or null
//   {"op": "build",  "host"}                               -> the publishable key of a host
//
// `pending: true` has pending sessions treated as signed in. An exception that the SDK lets out of its
// public functions is the answer "crash".

import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const PACKAGES = ['@clerk/backend', '@clerk/shared'];
const PUBLISHABLE_KEY = 'pk_live_Y2xlcmsuZXhhbXBsZS5jb20k'; // names clerk.example.com
const REQUEST_REASONS = new Map([
  ['session-token-nbf', 'token-not-active-yet'],
  ['session-token-iat-in-the-future', 'token-iat-in-the-future'],
]);

globalThis.crypto ??= webcrypto; // Node.js 18 has it, but not there

// The SDK takes fetch as it finds it when it is loaded, and the time from Date.now() at every use.
let jwks = null;
globalThis.fetch = async () => {
  if (jwks === null) throw new Error('the oracle stays off the network');
  return new Response(JSON.stringify(jwks), { headers: { 'Content-Type': 'application/json' } });
};
let now = 0;
Date.now = () => now;
console.log = console.error; // stdout is for answers

if (process.argv.includes('--check')) {
  process.exit(PACKAGES.every(installedAsPinned) ? 0 : 1);
}

const { createClerkClient, verifyToken } = await import('@clerk/backend');
const keys = await import('@clerk/shared/keys');

function installedAsPinned(name) {
  const read = path => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
  try {
    return read(`node_modules/${name}/package.json`).version === read('package.json').dependencies[name];
  } catch {
    return false;
  }
}

// Key sets are remembered by secret key, so every question brings a secret key of its own.
let asked = 0;
function optionsOf(question) {
  now = question.now * 1000;
  jwks = question.jwks ?? null;
  asked += 1;
  const options = { secretKey: `sk_live_${asked}`, ...question.options };
  if (question.jwt_key !== undefined) options.jwtKey = question.jwt_key;
  return options;
}

async function authenticate(question, options) {
  const client = createClerkClient({ publishableKey: PUBLISHABLE_KEY, secretKey: options.secretKey });
  const request = new Request('https://app.example.com/api', {
    headers: { Authorization: `Bearer ${question.token}` },
  });
  return client.authenticateRequest(request, options);
}

async function authObject(question) {
  const state = await authenticate(question, optionsOf(question));
  return state.toAuth({ treatPendingAsSignedOut: !question.pending });
}

const answers = {
  async auth(question) {
    const auth = await authObject(question);
    const shown = {
      user_id: auth.userId,
      session_id: auth.sessionId,
      session_status: auth.sessionStatus,
      org_id: auth.orgId,
      org_role: auth.orgRole,
      org_slug: auth.orgSlug,
      org_permissions: auth.orgPermissions,
      actor: auth.actor,
      factor_verification_age: auth.factorVerificationAge,
    };
    const said = Object.entries(shown).filter(([, value]) => value !== null && value !== undefined);
    return auth.userId === null ? null : Object.fromEntries(said);
  },

  async has(question) {
    const auth = await authObject(question);
    return auth.has(question.asked);
  },

  // The token category is judged by authenticateRequest() alone, everything else by verifyToken().
  async verify(question) {
    const options = optionsOf(question);
    const state = await authenticate(question, options);
    if (state.status === 'signed-in') return 'accepted';
    if (['token-type-mismatch', 'unexpected-error'].includes(state.reason)) return state.reason;
    if (state.reason.startsWith('session-token-expired-')) return 'token-expired';
    const reason = REQUEST_REASONS.get(state.reason) ?? state.reason;
    const alone = await verifyToken(question.token, options).then(
      () => 'accepted',
      error => error.reason,
    );
    if (alone !== reason) throw new Error(`authenticateRequest: ${reason}, verifyToken: ${alone}`);
    return reason;
  },

  async key(question) {
    const parsed = keys.parsePublishableKey(question.text);
    if (parsed === null) return null;
    return {
      instance_type: parsed.instanceType,
      host: parsed.frontendApi,
      cookie_suffix: await keys.getCookieSuffix(question.text),
    };
  },

  async build(question) {
    return keys.buildPublishableKey(question.host);
  },
};

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const question = JSON.parse(line);
  let answer;
  try {
    answer = await answers[question.op](question);
  } catch (error) {
    answer = 'crash';
    console.error(`${question.op}: ${error}`);
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
