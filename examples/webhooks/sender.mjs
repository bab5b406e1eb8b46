// @ts-check
// Posts a signed webhook to the hub: `node examples/webhooks/sender.mjs '{"id": 7}'`.
//
// HUB_URL (http://127.0.0.1:8080/webhooks/orders) and ORDERS_SECRET come from the environment. Node alone is enough. The
// signature is that of Standard Webhooks: HMAC-SHA256 of `id.timestamp.body`. Invariant: every attempt at one message
// carries the same id, so that the hub makes one job of it.

import { createHmac, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const ATTEMPTS = 5;

/**
 * @param {string} secret as the hub's route has it: "whsec_" and base64
 * @param {string} id
 * @param {string} timestamp seconds since 1970
 * @param {string} body
 * @returns {string}
 */
export function sign(secret, id, timestamp, body) {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}

/**
 * The hub's answer, once the message is a committed row.
 *
 * @param {string} url
 * @param {string} secret
 * @param {string} body
 * @param {string} id
 * @returns {Promise<string>}
 */
export async function send(url, secret, body, id) {
  for (let attempt = 1; ; attempt += 1) {
    const timestamp = String(Math.floor(Date.now() / 1000));
    const headers = {
      "Content-Type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": sign(secret, id, timestamp, body),
    };
    let wait = 0.5 * 2 ** attempt;
    try {
      const answer = await fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(10_000) });
      const text = await answer.text();
      if (answer.ok) return text;
      if (![429, 503].includes(answer.status) || attempt === ATTEMPTS) throw new Refused(`refused: ${answer.status} ${text}`);
      wait = Number(answer.headers.get("Retry-After") ?? 1);
    } catch (error) {
      if (error instanceof Refused || attempt === ATTEMPTS) throw error;
    }
    await sleep(wait * 1000);
  }
}

class Refused extends Error {}

const { HUB_URL = "http://127.0.0.1:8080/webhooks/orders", ORDERS_SECRET = "" } = process.env;
const [body = '{"id": 7}', id = `msg_${randomUUID()}`] = process.argv.slice(2);
try {
  console.log(await send(HUB_URL, ORDERS_SECRET, body, id));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
