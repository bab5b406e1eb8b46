// What socket.io-client can do, tried against a hub: `node socketio.mjs URL TRANSPORT STEP…`.
//
// TRANSPORT is websocket, polling, or upgrade (the client's own way: polls first). HUB_TEST_CLIENTS is the folder with
// node_modules, HUB_TEST_TOKEN a token, HUB_TEST_BY the way it is said (auth, header, query). Each step prints a line of
// JSON; the first one that fails ends the run with status 1. The hub has routes for the events `note` (keeps the
// payload) and `say` ({to, payload, headers}: publishes), serves the namespaces / and /orders, and lets clients join the
// groups `line-*`.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.HUB_TEST_CLIENTS, "package.json"));
const { io } = require("socket.io-client");

const [url, transport, ...steps] = process.argv.slice(2);
const PATIENCE = 20_000;

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

function within(promise, what, milliseconds = PATIENCE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function credentials(token) {
  if (!token) return {};
  switch (process.env.HUB_TEST_BY ?? "auth") {
    case "header": return { extraHeaders: { Authorization: `Bearer ${token}` } };
    case "query": return { query: { access_token: token } };
    default: return { auth: { token } };
  }
}

const open = (namespace = "/", options = {}) =>
  io(url + namespace, {
    transports: transport === "upgrade" ? ["polling", "websocket"] : [transport],
    forceNew: true,
    reconnectionDelay: 50,
    reconnectionDelayMax: 200,
    ...credentials(process.env.HUB_TEST_TOKEN),
    ...options,
  });

const event = (emitter, name) => within(new Promise((resolve) => emitter.once(name, (...args) => resolve(args))), name);

async function connected(socket) {
  const failed = event(socket, "connect_error").then(([error]) => { throw error; });
  failed.catch(() => {});
  if (!socket.connected) await Promise.race([event(socket, "connect"), failed]);
  return socket;
}

const emit = (socket, ...args) => within(socket.emitWithAck(...args), `the acknowledgement of ${args[0]}`);

const STEPS = {
  async emit(socket) {
    const first = await emit(socket, "note", { step: "emit", id: 1 });
    assert.match(first.job_id, /^[0-9a-f-]{36}$/);
    assert.deepEqual({ ...first, job_id: 0 }, { ok: true, job_id: 0, duplicate: false });
    const second = await emit(socket, "note", { id: 2, text: "größer \u2028 \u{1F600}", big: 1e300 }, [1, null], "x");
    assert.notEqual(second.job_id, first.job_id);
    const same = await emit(socket, "note", { key: "same" });
    assert.deepEqual(await emit(socket, "note", { key: "same" }), { ...same, duplicate: true });
    assert.equal((await emit(socket, "note")).ok, true);
  },

  async order(socket) {
    const answers = [];
    for (let id = 0; id < 200; id++) answers.push(socket.emitWithAck("note", { step: "order", id }));
    const told = await within(Promise.all(answers), "200 acknowledgements", 60_000);
    assert.equal(new Set(told.map((answer) => answer.job_id)).size, 200);
  },

  async unknown(socket) {
    const answer = await emit(socket, "nowhere", 1);
    assert.equal(answer.ok, false);
    assert.equal(answer.code, "not-found");
    socket.emit("nowhere", 1);
    assert.equal((await emit(socket, "note", { step: "unknown" })).ok, true);
  },

  async binary(socket) {
    const bytes = Buffer.from([0, 1, 254, 255]);
    assert.equal((await emit(socket, "note", { step: "binary", bytes, list: [Buffer.from("two"), 3] })).ok, true);
    assert.equal((await emit(socket, "note", Buffer.from("alone"))).ok, true);
    const many = await new Promise((resolve) => {
      const other = open();
      other.on("disconnect", (reason) => { other.disconnect(); resolve(reason); });
      other.on("connect", () => other.emit("note", Array(17).fill(Buffer.from("x"))));
    });
    assert.match(many, /transport/);
  },

  async rooms(socket) {
    assert.deepEqual(await emit(socket, "join", "line-4"), { ok: true });
    assert.equal((await emit(socket, "join", "managers")).code, "forbidden");
    assert.equal((await emit(socket, "join", 4)).ok, false);
    const other = await connected(open());
    other.on("news", () => { throw new Error("it is not in the group"); });
    const heard = event(socket, "news");
    await emit(socket, "say", { to: "group:line-4/news", payload: { n: 1 } });
    assert.deepEqual(await heard, [{ n: 1 }]);
    assert.deepEqual(await emit(socket, "leave", "line-4"), { ok: true });
    socket.on("news", () => { throw new Error("it has left the group"); });
    const next = event(socket, "after");
    await emit(socket, "say", { to: "group:line-4/news", payload: 2, key: "rooms" });
    await emit(socket, "say", { to: "after", payload: 3, key: "rooms" });
    await next;
    socket.off("news");
    other.disconnect();
  },

  async everybody(socket) {
    const other = await connected(open());
    const all = [event(socket, "all"), event(other, "all")];
    await emit(socket, "say", { to: "all", payload: ["one", "argument"] });
    assert.deepEqual(await Promise.all(all), [[["one", "argument"]], [["one", "argument"]]]);
    const user = event(other, "me");
    await emit(socket, "say", { to: `user:${process.env.HUB_TEST_USER ?? "local"}/me`, payload: null });
    assert.deepEqual(await user, [null]);
    const spread = event(socket, "spread");
    const headers = { "socketio-arguments": "spread" };
    await emit(socket, "say", { to: "spread", payload: [1, "two", { three: 3 }], headers });
    assert.deepEqual(await spread, [1, "two", { three: 3 }]);
    other.disconnect();
  },

  async ask(socket) {
    const headers = { "socketio-result": "true", "socketio-arguments": "spread" };
    const asked = new Promise((resolve) => {
      socket.on("add", (a, b, answer) => { answer({ sum: a + b }); resolve(); });
    });
    await emit(socket, "say", { to: `connection:${socket.id}/add`, payload: [2, 3], headers });
    await within(asked, "the question");
    await emit(socket, "note", { step: "answered" });
  },

  async namespaces(socket) {
    const orders = await connected(open("/orders", { forceNew: false }));
    assert.equal((await emit(orders, "note", { step: "orders" })).ok, true);
    socket.on("changed", () => { throw new Error("it is in another namespace"); });
    const changed = event(orders, "changed");
    await emit(orders, "say", { to: "/orders,changed", payload: 1 });
    assert.deepEqual(await changed, [1]);
    const nowhere = open("/nowhere", { reconnection: false });
    assert.equal((await event(nowhere, "connect_error"))[0].message, "Invalid namespace");
    nowhere.disconnect();
    orders.disconnect();
    assert.equal((await emit(socket, "note", { step: "still here" })).ok, true);
  },

  // The other side cuts the TCP connection until that is felt, three times; the client says again what was not acknowledged.
  async cut(socket) {
    let connects = 0;
    socket.on("connect", () => { connects++; });
    for (let n = 0; n < 30; n++) {
      if (n % 10 === 4) {
        const down = event(socket, "disconnect");
        say({ cut: n });
        await down;
        say({ down: n });
      }
      for (let tries = 0; ; tries++) {
        try {
          assert.equal((await socket.timeout(1000).emitWithAck("note", { key: `cut-${n}` })).ok, true);
          break;
        } catch (error) {
          if (tries > 10) throw error;
        }
      }
    }
    assert.ok(connects >= 3, `it connected ${connects} times again`);
  },

  async large(socket) {
    const text = "x".repeat(65 * 1024);
    const closed = event(socket, "disconnect");
    socket.io.reconnection(false);
    socket.emit("note", { text });
    assert.match((await closed)[0], /transport/);
    return "closed";
  },

  async largest(socket) {
    const text = "x".repeat(60 * 1024);
    assert.equal((await emit(socket, "note", { text })).ok, true);
  },

  async goodbye(socket) {
    socket.io.reconnection(false);
    const closed = event(socket, "disconnect");
    say({ waiting: true });
    say({ closed: (await closed)[0] });
    return "closed";
  },
};

if (steps[0] === "refused") {
  const socket = open("/", { reconnection: false });
  const [error] = await event(socket, "connect_error");
  say({ refused: error.message, code: error.data?.code, status: error.context?.status ?? error.context?.statusCode });
  say({ step: "refused", ok: true });
  process.exit(0);
}

const socket = open();
try {
  await connected(socket);
  say({ connected: socket.id });
  if (transport === "upgrade" && socket.io.engine.transport.name !== "websocket") await event(socket.io.engine, "upgrade");
  let state;
  for (const step of steps) {
    state = await within(STEPS[step](socket), step, 100_000);
    say({ step, ok: true });
  }
  if (state !== "closed") socket.disconnect();
  setTimeout(() => process.exit(0), 100);
} catch (error) {
  say({ failed: String(error?.stack ?? error) });
  process.exit(1);
}
