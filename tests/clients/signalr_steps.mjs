// What @microsoft/signalr can do, step by step, in Node.js and in browsers: `player(means)(steps)`.
//
// `means`: the libraries, an `assert` as Node's, `say(line)` for what is to be known outside and `told()` for the answer,
// the hub's `url`, `transport` and `protocol`, perhaps `token`, who we are (`me`), and `log`. The first step that fails
// rejects. The hub has routes for the topics `note` (keeps the payload) and `say` ({to, payload, headers}: publishes), and
// lets clients join the groups `line-*`.

const PATIENCE = 20_000;

function within(promise, what, milliseconds = PATIENCE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export function player({ signalR, MessagePackHubProtocol, assert, say, told, url, transport, protocol, token, me, log }) {
  function build(options = {}) {
    const builder = new signalR.HubConnectionBuilder()
      .withUrl(url, {
        transport: signalR.HttpTransportType[transport],
        skipNegotiation: options.skipNegotiation,
        ...(token ? { accessTokenFactory: () => token } : {}),
      })
      .configureLogging(log ? signalR.LogLevel.Trace : signalR.LogLevel.None);
    if (protocol === "messagepack") builder.withHubProtocol(new MessagePackHubProtocol());
    if (options.stateful) builder.withStatefulReconnect();
    return builder.build();
  }

  // The next call of a client method, as a promise of its arguments.
  const next = (connection, method) =>
    within(
      new Promise((resolve) => {
        const heard = (...args) => {
          connection.off(method, heard);
          resolve(args);
        };
        connection.on(method, heard);
      }),
      `a call of ${method}`,
    );

  function collect(stream) {
    const items = [];
    return within(
      new Promise((resolve, reject) => {
        stream.subscribe({ next: (item) => items.push(item), complete: () => resolve(items), error: reject });
      }),
      "a stream",
    );
  }

  async function fails(promise, pattern) {
    await assert.rejects(within(promise, "a refusal"), pattern);
  }

  const STEPS = {
    async invoke(connection) {
      const first = await connection.invoke("note", { step: "invoke", id: 1 });
      assert.match(first.job_id, /^[0-9a-f-]{36}$/);
      assert.equal(first.duplicate, false);
      const second = await connection.invoke("note", { step: "invoke", id: 2, text: "größer \u2028 \u{1F600}" }, [1, null], "x");
      assert.notEqual(second.job_id, first.job_id);
      assert.equal((await connection.invoke("note", { key: "same" })).duplicate, false);
      assert.equal((await connection.invoke("note", { key: "same" })).duplicate, true);
    },

    async send(connection) {
      for (let id = 0; id < 50; id++) await connection.send("note", { step: "send", id });
      await connection.invoke("note", { step: "send", id: 50 });
    },

    async unknown(connection) {
      await fails(connection.invoke("nowhere", 1), /Unknown hub method 'nowhere'/);
      await connection.send("nowhere", 1);
      await connection.invoke("note", { step: "unknown" });
    },

    async stream(connection) {
      const items = await collect(connection.stream("note", { step: "stream" }));
      assert.match(items[0].job_id, /^[0-9a-f-]{36}$/);
      assert.equal(items.at(-1).status, "completed");
      assert.deepEqual(JSON.parse(items.at(-1).result), { step: "stream" });
      await fails(collect(connection.stream("nowhere")), /Unknown hub method 'nowhere'/);
    },

    async cancel(connection) {
      let subscription;
      const first = new Promise((resolve, reject) => {
        subscription = connection.stream("note", { step: "cancel", sleep: 30 }).subscribe({
          next: resolve,
          complete: () => {},
          error: reject,
        });
      });
      assert.ok((await within(first, "the first item")).job_id);
      subscription.dispose();
      await connection.invoke("note", { step: "cancelled" });
    },

    async upload(connection) {
      const subject = new signalR.Subject();
      const invoked = connection.invoke("note", { step: "upload" }, subject);
      for (let n = 0; n < 5; n++) subject.next({ n });
      subject.complete();
      assert.ok((await within(invoked, "the upload")).job_id);
      const broken = new signalR.Subject();
      const failed = connection.invoke("note", broken);
      broken.next(1);
      broken.error(new Error("changed my mind"));
      await fails(failed, /ended with an error/);
    },

    async groups(connection) {
      await connection.invoke("JoinGroup", "line-4");
      await fails(connection.invoke("JoinGroup", "managers"), /cannot be joined/);
      await fails(connection.invoke("JoinGroup", 4), /name of a group/);
      const heard = next(connection, "News");
      await connection.invoke("say", { to: "group:line-4/news", payload: { n: 1 } });
      assert.deepEqual(await heard, [{ n: 1 }]);
      await connection.invoke("LeaveGroup", "line-4");
    },

    async everybody(connection) {
      const all = next(connection, "all");
      await connection.invoke("say", { to: "all", payload: ["one", "argument"] });
      assert.deepEqual(await all, [["one", "argument"]]);
      const user = next(connection, "me");
      await connection.invoke("say", { to: `user:${me ?? "local"}/me`, payload: null });
      assert.deepEqual(await user, [null]);
      const spread = next(connection, "spread");
      const headers = { "signalr-arguments": "spread" };
      await connection.invoke("say", { to: "spread", payload: [1, "two", { three: 3 }], headers });
      assert.deepEqual(await spread, [1, "two", { three: 3 }]);
    },

    async result(connection) {
      const headers = { "signalr-result": "true", "signalr-arguments": "spread" };
      const asked = new Promise((resolve) => {
        connection.on("add", async (a, b) => { resolve(); return { sum: a + b }; });
      });
      await connection.invoke("say", { to: `connection:${connection.connectionId}/add`, payload: [2, 3], headers });
      await within(asked, "the question");
      await connection.invoke("note", { step: "answered" });
    },

    // 33 KiB: refused where 32 are allowed, and the connection with it.
    async large(connection) {
      const text = "x".repeat(33 * 1024);
      const closed = new Promise((resolve) => connection.onclose(resolve));
      await fails(connection.invoke("note", { text }), /./);
      assert.match(String(await within(closed, "the close")), /maximum message size of 32768B/);
      return "closed";
    },

    async largeEnough(connection) {
      const text = "x".repeat(33 * 1024);
      const heard = next(connection, "echo");
      await connection.invoke("say", { to: `connection:${connection.connectionId}/echo`, payload: text });
      assert.deepEqual(await heard, [text]);
    },

    // The other side cuts the TCP connection while messages go both ways; none is lost, none comes twice.
    async cut(connection) {
      const heard = [];
      let reconnected = 0;
      connection.onreconnected(() => { reconnected++; });
      connection.onclose(() => { reconnected = NaN; });
      const last = new Promise((resolve) => {
        connection.on("tick", (n) => (n === "last" ? resolve() : heard.push(n)));
      });
      const id = connection.connectionId;
      const count = 30;
      for (let n = 0; n < count; n++) {
        await within(connection.invoke("say", { to: `connection:${id}/tick`, payload: n, key: "ticks" }), `tick ${n}`);
        if (n % 10 === 4) {
          say({ cut: n });
          assert.equal(await told(), "cut");
        }
      }
      await connection.invoke("say", { to: `connection:${id}/tick`, payload: "last", key: "ticks" });
      await within(last, "the last tick");
      assert.deepEqual(heard, [...Array(count).keys()]);
      assert.equal(connection.connectionId, id);
      assert.equal(reconnected, 0, "it was a new connection");
    },

    async goodbye(connection) {
      const closed = new Promise((resolve) => connection.onclose(resolve));
      say({ waiting: true });
      say({ closed: String(await within(closed, "the close")) });
      return "closed";
    },
  };

  // The steps in their order, over one connection.
  async function play(steps) {
    const connection = build({ stateful: steps[0] === "cut", skipNegotiation: steps[0] === "skip" || undefined });
    await within(connection.start(), "the start");
    say({ connected: connection.connectionId });
    let state;
    for (const step of steps.filter((name) => name !== "skip")) {
      state = await within(STEPS[step](connection), step, 60_000);
      say({ step, ok: true });
    }
    if (state !== "closed") await within(connection.stop(), "the stop");
  }

  return play;
}
