// @ts-check
// Receives the hub's webhooks, and believes only those that are signed: `node examples/webhooks/receiver.mjs [PORT]`.
//
// CRM_SECRET comes from the environment; each message is a line of JSON on standard output. Node alone is enough.
// Invariant: the raw body is verified before it is parsed, and a message that comes again is answered as before and not
// worked on twice: the hub sends at least once, with the same id each time.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const TOLERANCE = 300;
const LARGEST = 2 ** 20;

/**
 * Whether the hub has sent it, within the last five minutes.
 *
 * @param {string} secret
 * @param {import("node:http").IncomingHttpHeaders} headers
 * @param {Buffer} body
 * @returns {boolean}
 */
export function verified(secret, headers, body) {
  const [id, timestamp, signatures] = ["id", "timestamp", "signature"].map((name) => String(headers[`webhook-${name}`] ?? ""));
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const wanted = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
  // Several, with spaces between, while a secret is being replaced.
  return signatures
    .split(" ")
    .filter((one) => one.startsWith("v1,"))
    .map((one) => Buffer.from(one.slice(3), "base64"))
    .some((given) => given.length === wanted.length && timingSafeEqual(given, wanted));
}

/** @param {import("node:http").IncomingMessage} request */
async function bodyOf(request) {
  /** @type {Buffer[]} */
  const pieces = [];
  let size = 0;
  for await (const piece of request) {
    size += piece.length;
    if (size > LARGEST) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** Of the process; a real receiver keeps them in its database. @type {Set<string>} */
const seen = new Set();

const server = createServer(async (request, response) => {
  const body = await bodyOf(request);
  const id = String(request.headers["webhook-id"]);
  if (body === undefined) response.writeHead(413);
  else if (!verified(process.env.CRM_SECRET ?? "", request.headers, body)) response.writeHead(401);
  else {
    if (!seen.has(id)) console.log(JSON.stringify({ id, topic: request.headers["hub-topic"], payload: JSON.parse(body.toString()) }));
    seen.add(id);
    response.writeHead(204);
  }
  response.end();
});
server.listen(Number(process.argv[2] ?? 9000), "127.0.0.1", () => {
  const address = server.address();
  console.error(`listening on ${typeof address === "object" ? address?.port : address}`);
});
