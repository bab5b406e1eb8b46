// The same order without a page, in TypeScript: `npx tsc && node build/order.js "Gear wheel" 3`.
//
// HUB_URL (http://127.0.0.1:8080/signalr) names the hub, HUB_TOKEN a token where it asks for one. What leaves and what
// comes back is typed; the answer to `placeOrder` comes after the commit, the call of `orderCompleted` from the handler.

import { HubConnectionBuilder, LogLevel } from "@microsoft/signalr";

interface Order {
  product: string;
  quantity: number;
}

/** What the hub answers once the message is a committed row; without a job where the route's filter says no. */
interface Accepted {
  job_id: string | null;
  duplicate: boolean;
}

/** What the handler publishes; see orders.py. */
interface Completed extends Order {
  job_id: string;
  parcel: string;
}

const url = process.env.HUB_URL ?? "http://127.0.0.1:8080/signalr";
const token = process.env.HUB_TOKEN;
const [product = "Gear wheel", quantity = "3"] = process.argv.slice(2);

const connection = new HubConnectionBuilder()
  .withUrl(url, token ? { accessTokenFactory: () => token } : {})
  .withAutomaticReconnect()
  .withStatefulReconnect()
  .configureLogging(LogLevel.Warning)
  .build();

// It may be here before the answer to the order is.
const completed = new Promise<Completed>((resolve, reject) => {
  connection.on("orderCompleted", (done: Completed) => resolve(done));
  connection.onclose((error) => reject(error ?? new Error("the connection was closed")));
});
completed.catch(() => {}); // it is awaited below, after what may fail before

async function place(order: Order): Promise<Completed> {
  await connection.start();
  const { job_id } = await connection.invoke<Accepted>("placeOrder", order);
  console.log(JSON.stringify({ accepted: job_id }));
  return await completed;
}

place({ product, quantity: Number(quantity) })
  .then((done) => console.log(JSON.stringify({ completed: done.job_id, parcel: done.parcel })))
  .catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  })
  .finally(() => connection.stop());
