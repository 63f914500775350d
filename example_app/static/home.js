// The home page: pick who asks, press a button, see what comes back.

const CALLS = {
  "Items (in a personal account no permission is needed)": [
    { id: "list-items", method: "GET", path: "/items", needs: "org:data:read" },
    { id: "create-item", method: "POST", path: "/items", needs: "org:data:write",
      body: () => ({ title: `Note of ${now()}`, body: "Written by hand." }) },
    { id: "create-items", method: "POST", path: "/items/batch", needs: "org:data:write (all or none)",
      body: () => [{ title: `First of ${now()}` }, { title: `Second of ${now()}` }] },
    { id: "delete-item", method: "DELETE", path: () => `/items/${lastItem}`, needs: "org:data:delete" },
    { id: "purge-items", method: "DELETE", path: "/items",
      needs: "org:data:delete, and verified within 10 minutes" },
  ],
  Organization: [
    { id: "read-settings", method: "GET", path: "/settings", needs: "an active organization" },
    { id: "write-settings", method: "PUT", path: "/settings", needs: "the role org:admin",
      body: () => ({ display_name: "Our place", about: `Decided at ${now()}.` }) },
  ],
  Account: [
    { id: "me", method: "GET", path: "/me", needs: "signed in; shows plan and email" },
    { id: "session", method: "GET", path: "/session", needs: "signed in within the last hour" },
    { id: "whoami", method: "GET", path: "/whoami", needs: "nothing; shows the identity header" },
  ],
  "Sessions and other services": [
    { id: "my-user", method: "GET", path: "/me/user", needs: "signed in; asks Clerk who that is" },
    { id: "list-sessions", method: "GET", path: "/me/sessions", needs: "signed in; shows where" },
    { id: "revoke-session", method: "DELETE", path: () => `/me/sessions/${lastSession}`,
      needs: "ends a session of one's own: the last one listed" },
    { id: "report", method: "GET", path: "/report",
      needs: "10 in 10 s; asks another service with a token from a template" },
  ],
  "Pages (opened with cookies)": [
    { id: "open-page", method: "GET", path: "/page", opens: true,
      needs: "nothing; an expired token goes round by Clerk" },
    { id: "open-sessions", method: "GET", path: "/sessions", opens: true,
      needs: "signed in; shows and ends one's own sessions" },
    { id: "open-admin", method: "GET", path: "/admin", opens: true,
      needs: "the role org:admin; others are turned away" },
  ],
  "API keys": [
    { id: "issue-key", method: "POST", path: "/local/keys", local: true,
      needs: "makes a key with the scope items:read",
      body: () => ({ member: chosenMember().name, personal: $("account").value === "personal" }) },
    { id: "export-items", method: "GET", path: "/export", takesKey: true,
      needs: "an API key with the scope items:read" },
    { id: "revoke-key", method: "DELETE", path: () => `/local/keys/${lastKey.id}`, local: true,
      needs: "revokes that key" },
  ],
};
const HEADERS = ["www-authenticate", "x-clerk-auth-reason", "retry-after", "ratelimit",
  "ratelimit-policy", "content-type", "cache-control"];

const $ = (id) => document.getElementById(id);
const embedded = document.documentElement.dataset.clerk === "embedded";
const now = () => new Date().toISOString().slice(11, 23);
const pretty = (value) => JSON.stringify(value, null, 2);

let members = [];
let lastItem = 1;
let lastSession = "none";
let lastKey = { id: "none", secret: "" };
let chosen = null;

// --- 1 who is asking ---------------------------------------------------------------------------

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function chosenMember() {
  const picked = document.querySelector("input[name=member]:checked");
  return members.find((member) => member.name === picked.value);
}

function showMembers(people) {
  members = people;
  for (const { name, first_name, summary } of members) {
    const radio = make("input", { type: "radio", name: "member", value: name });
    const about = make("span", { textContent: summary });
    $("members").append(make("label", { className: "member" }, radio, first_name, about));
  }
  document.querySelector("input[name=member]").checked = true;
  showAccounts();
}

function showAccounts() {
  const { organization } = chosenMember();
  const personal = new Option("personal account", "personal");
  $("account").replaceChildren(...(organization ? [new Option(organization, "organization")] : []), personal);
}

// Evil tokens by the reason for which they must be refused; the everyday ones come first.
function showEvil(evil) {
  const reasons = [...new Set(Object.values(evil))].reverse();
  for (const reason of reasons) {
    const names = Object.keys(evil).filter((name) => evil[name] === reason);
    const group = make("optgroup", { label: reason }, ...names.map((name) => new Option(name, name)));
    $("kind").append(group);
  }
}

// A token, and the cookies of a browser in which it is the session. With a real Clerk the browser has
// cookies of its own if it is signed in, on whatever port of this host, and they are left alone.
async function freshSession() {
  if (!embedded) return { token: $("pasted").value.trim(), cookies: {} };
  const wish = {
    member: chosenMember().name,
    personal: $("account").value === "personal",
    kind: $("kind").value,
    signed_in_minutes_ago: Number($("age").value),
  };
  const answer = await fetch("/local/token", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(wish),
  });
  if (!answer.ok) throw new Error(`/local/token answered ${answer.status}: ${await answer.text()}`);
  return await answer.json();
}

// Sign this browser in, as Clerk's browser SDK does; empty cookies go.
function setCookies(cookies) {
  for (const [name, value] of Object.entries(cookies)) {
    document.cookie = `${name}=${value}; Path=/; SameSite=Lax${value ? "" : "; Max-Age=0"}`;
  }
}

// --- 2 what to ask -----------------------------------------------------------------------------

function showCalls() {
  for (const [group, calls] of Object.entries(CALLS)) {
    const offered = calls.filter((call) => embedded || !call.local);
    $("calls").append(make("h3", { textContent: group }));
    for (const call of offered) {
      const button = make("button", { type: "button", className: "call", id: call.id },
        make("b", { textContent: call.method }),
        make("span", { textContent: pathOf(call).replace(/(\d+|none)$/, "{id}") }),
        make("small", { textContent: call.needs }));
      button.addEventListener("click", () => { choose(call, button); send(); });
      $("calls").append(button);
    }
  }
  choose(Object.values(CALLS)[0][0], $("list-items"));
}

const pathOf = (call) => (typeof call.path === "function" ? call.path() : call.path);

function choose(call, button) {
  document.querySelector(".call[aria-current]")?.removeAttribute("aria-current");
  button.setAttribute("aria-current", "true");
  chosen = call;
  $("method").value = call.method;
  $("path").value = pathOf(call);
  $("body").value = call.body ? pretty(call.body()) : "";
  $("body-field").hidden = !call.body;
}

// --- 3 what comes back -------------------------------------------------------------------------

async function send() {
  const [method, path, body] = [$("method").value, $("path").value, $("body").value];
  const headers = {};
  try {
    const { token, cookies } = await carried();
    const carrier = cookies ? "cookie" : "bearer";
    if (cookies) setCookies(cookies);
    if (chosen.opens) return location.assign(path);
    if (body) headers["Content-Type"] = "application/json";
    if (token && !cookies) headers.Authorization = `Bearer ${token}`;
    const credentials = cookies ? "same-origin" : "omit";
    const answer = await fetch(path,
      { method, headers, credentials, body: body || undefined, cache: "no-store" });
    await show(answer, { method, path, token, carrier, body });
  } catch (error) {
    showStatus("bad", "", error.message);
    $("answered").hidden = true;
  }
}

async function carried() {
  if (chosen.opens) return await freshSession();
  if (chosen.local) return { token: "" };
  if (chosen.takesKey && embedded) return { token: lastKey.secret };
  const { token, cookies } = await freshSession();
  return $("carrier").value === "cookie" && !chosen.takesKey ? { token, cookies } : { token };
}

function showStatus(kind, code, text) {
  Object.assign($("status").dataset, { kind, code });
  $("status").textContent = text;
  $("status").scrollIntoView({ block: "nearest" });
}

async function show(answer, { method, path, token, carrier, body }) {
  const text = await answer.text();
  const value = parsed(text);
  noteLast(value);
  if (value?.object === "api_key") lastKey = value;
  const refusal = value?.detail?.code ?? value?.clerk_error?.reason ?? "";
  showStatus(answer.ok ? "good" : "bad", answer.status,
    `${answer.status} ${answer.statusText}${refusal ? ` · ${refusal}` : ""}`);
  const shown = HEADERS.filter((name) => answer.headers.has(name));
  $("headers").replaceChildren(...shown.flatMap((name) =>
    [make("dt", { textContent: name }), make("dd", { textContent: answer.headers.get(name) })]));
  $("json").textContent = value === undefined ? text || "(no body)" : pretty(value);
  const shortened = token.length > 24 ? `${token.slice(0, 16)}…${token.slice(-8)}` : token;
  const cookie = embedded ? `Cookie: __session=${shortened}` : "(the cookies of this browser)";
  const line = carrier === "cookie" ? cookie : `Authorization: Bearer ${shortened}`;
  $("sent").textContent = [`${method} ${path}`, token || !embedded ? line : "(no token)",
    ...(body ? ["", body] : [])].join("\n");
  $("claims").textContent = claimsIn(token);
  $("answered").hidden = false;
}

function parsed(text) {
  try { return JSON.parse(text); } catch { return undefined; }
}

function noteLast(value) {
  const newest = Array.isArray(value) ? value[0] : value;
  if (newest?.is_this_one !== undefined) lastSession = value.at(-1).id;
  if (Number.isInteger(newest?.id)) lastItem = newest.id;
}

function claimsIn(token) {
  try {
    const text = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
    return pretty(JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0)))));
  } catch {
    return "(not a readable token)";
  }
}

// --- live changes ------------------------------------------------------------------------------

let socket = null;

async function connect() {
  disconnect("Connecting…");
  $("connect").setAttribute("aria-pressed", "true");
  $("connect").textContent = "Disconnect";
  setCookies((await freshSession()).cookies);
  const opened = new WebSocket(`${location.origin.replace(/^http/, "ws")}/live`);
  socket = opened;
  let accepted = false;
  opened.onopen = () => { accepted = true; $("live-status").textContent = "Connected."; };
  opened.onmessage = ({ data }) => $("events").prepend(make("li", { textContent: data }));
  opened.onclose = ({ code, reason }) => {
    if (socket !== opened) return; // another one has taken its place
    if (accepted && reason === "token-expired") connect(); // with a fresh one
    else disconnect(accepted ? `Closed: ${code} ${reason}`
      : "Refused. Browsers hide the reason; GET /items shows it.");
  };
}

function disconnect(why) {
  const closing = socket;
  socket = null;
  closing?.close();
  $("connect").setAttribute("aria-pressed", "false");
  $("connect").textContent = "Connect";
  $("live-status").textContent = why;
}

// --- start: the address may say what to pick, as in #member=bob&try=create-item ------------------

async function pickFromAddress() {
  const wish = new URLSearchParams(location.hash.slice(1));
  for (const radio of document.querySelectorAll("input[name=member]")) {
    if (radio.value === wish.get("member")) radio.click();
  }
  for (const name of ["account", "kind", "age", "carrier"]) {
    if (wish.has(name)) $(name).value = wish.get(name);
  }
  if (wish.has("live")) await connect();
  if (wish.has("try")) $(wish.get("try"))?.click();
}

async function start() {
  showCalls();
  $("editor").addEventListener("submit", (event) => { event.preventDefault(); send(); });
  $("who").addEventListener("submit", (event) => event.preventDefault());
  $("connect").addEventListener("click", () => (socket ? disconnect("Not connected.") : connect()));
  if (embedded) {
    const choices = await (await fetch("/local/members")).json();
    showMembers(choices.members);
    showEvil(choices.evil);
    $("members").addEventListener("change", showAccounts);
  }
  $("who").addEventListener("change", () => { if (socket) connect(); });
  pickFromAddress();
}

start();
