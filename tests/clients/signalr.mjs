// The steps of signalr_steps.mjs in Node.js: `node signalr.mjs URL TRANSPORT PROTOCOL STEP…`.
//
// HUB_TEST_CLIENTS is the folder with node_modules, HUB_TEST_TOKEN a bearer token. Each step prints a line of JSON; the
// first one that fails ends the run with status 1.

import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { join } from "node:path";

import { player } from "./signalr_steps.mjs";

const require = createRequire(join(process.env.HUB_TEST_CLIENTS, "package.json"));
const { MessagePackHubProtocol } = require("@microsoft/signalr-protocol-msgpack");

const [url, transport, protocol, ...steps] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const play = player({
  signalR: require("@microsoft/signalr"),
  MessagePackHubProtocol,
  assert,
  say,
  told: async () => JSON.parse((await lines.next()).value),
  url,
  transport,
  protocol,
  token: process.env.HUB_TEST_TOKEN,
  me: process.env.HUB_TEST_USER,
  log: process.env.HUB_TEST_LOG,
});
try {
  await play(steps);
  process.exit(0);
} catch (error) {
  say({ failed: String(error?.stack ?? error) });
  process.exit(1);
}
