// As much of Node's assert as signalr_steps.mjs asks for, where there is no Node.

const json = (value) => JSON.stringify(value);

function fail(message) {
  throw new Error(message);
}

export const ok = (value) => value || fail(`${json(value)} is not true`);
export const equal = (found, wanted, why = "") => found === wanted || fail(`${json(found)} !== ${json(wanted)} ${why}`);
export const notEqual = (found, other) => found !== other || fail(`${json(found)} twice`);
export const match = (text, pattern) => pattern.test(text) || fail(`${json(text)} does not match ${pattern}`);
export const deepEqual = (found, wanted) => equal(json(sorted(found)), json(sorted(wanted)));

export async function rejects(promise, pattern) {
  const error = await promise.then(() => fail("nothing was refused"), (reason) => reason);
  match(String(error), pattern);
}

// With the keys of objects in one order.
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}
